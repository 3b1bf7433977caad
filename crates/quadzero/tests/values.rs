//! What a file says is what the program is told.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::config::azure::Deployment;
use quadzero::config::edge::{Edge, Range};
use quadzero::config::scenario::Ibgp;
use quadzero::config::{Loaded, Source};
use quadzero_azure::config::{
    HoldTimeBehaviour, HubConnection, Kind, NextHopType, Peering, Place, Preference, Sku, SystemDefault,
    Target, VnetPeering,
};
use quadzero_codec::{Asn, Family, NextHop, Origin, Role};
use quadzero_fsm::{Capabilities, Excess, Import, Md5Key, Mode, PrefixLimit, RestartTime};
use std::net::SocketAddr;
use std::time::Duration;

const BGP: &str = "[bgp]\nasn = 65010\nrouter-id = \"192.0.2.1\"\n[[originate]]\nprefix = \"0.0.0.0/0\"\n";

fn source(text: &str) -> Source {
    // Paths in it start from the folder of the tests.
    let path = format!("{}/tests/edge.toml", env!("CARGO_MANIFEST_DIR"));
    Source { path, text: text.to_owned() }
}

fn sound<T>(loaded: Loaded<T>) -> T {
    let told = loaded.render(false);
    loaded.value.unwrap_or_else(|| panic!("{told}"))
}

fn edge(rest: &str) -> Edge {
    sound(source(&[BGP, rest].concat()).edge())
}

fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

#[test]
fn bfd_is_as_fast_as_that_of_expressroute_unless_it_says_otherwise() {
    let edge = edge(
        r#"
        [neighbor-defaults]
        remote-as = 65020
        bfd = { min-tx = "50ms", min-rx = "100ms", multiplier = 5 }

        [[neighbor]]
        address = "192.0.2.2"
        bfd = true

        [[neighbor]]
        address = "192.0.2.3"

        [[neighbor]]
        address = "192.0.2.4"
        bfd = false

        [[neighbor]]
        address = "192.0.2.5"
        bfd = { multiplier = 2 }
        "#,
    );
    let told = |i: usize| edge.neighbors[i].bfd.map(|bfd| (bfd.min_tx.0, bfd.min_rx.0, bfd.multiplier.get()));
    assert_eq!(told(0), Some((300_000, 300_000, 3)));
    assert_eq!(told(1), Some((50_000, 100_000, 5)));
    assert_eq!(told(2), None);
    assert_eq!(told(3), Some((300_000, 300_000, 2)), "a table is one value");
}

#[test]
fn every_key_of_a_neighbor_arrives() {
    let edge = edge(
        r#"
        [[neighbor]]
        name = "azure-0"
        address = "10.1.0.4"
        remote-as = 65515
        port = 1790
        local-address = "10.51.255.254"
        mode = "active"
        families = ["ipv6-unicast", "ipv4-unicast"]
        announce = ["default"]
        hold-time = "3m"
        keepalive = 59
        connect-retry = "500ms"
        delay-open = 2
        idle-hold = "3s"
        idle-hold-max = "1m"
        stable-after = "1h"
        advertisement-interval = "5s"
        send-hold = 600
        damp-peer-oscillations = false
        ttl-security = 2
        role = "customer"
        four-octet-as = false
        route-refresh = false
        enhanced-route-refresh = false
        extended-message = false
        graceful-restart = "2m"
        import = "all"
        max-prefixes = 1000
        "#,
    );
    let peer = &edge.neighbors[0].peer;
    assert_eq!((peer.name.as_str(), peer.remote_as, peer.local_as), ("azure-0", Asn(65515), Asn(65010)));
    assert_eq!(peer.router_id.get().to_string(), "192.0.2.1");
    assert_eq!(peer.transport.remote, "10.1.0.4:1790".parse().unwrap());
    assert_eq!(peer.transport.local, Some("10.51.255.254".parse().unwrap()));
    assert_eq!((peer.transport.ttl, peer.transport.min_ttl), (Some(255), Some(254)));
    assert_eq!((peer.mode, peer.import, peer.role), (Mode::Active, Import::All, Some(Role::Customer)));
    assert_eq!(peer.families, [Family::IPV6_UNICAST, Family::IPV4_UNICAST]);
    assert_eq!((peer.max_prefixes.map(|l| l.prefixes), peer.damp_peer_oscillations), (Some(1000), false));
    let timers = &peer.timers;
    assert_eq!((timers.hold.seconds(), timers.keepalive), (180, Some(Duration::from_secs(59))));
    assert_eq!(timers.connect_retry, Duration::from_millis(500));
    assert_eq!(timers.delay_open, Some(Duration::from_secs(2)));
    assert_eq!(timers.advertisement_interval, Duration::from_secs(5));
    assert_eq!((timers.idle_hold, timers.idle_hold_max), (Duration::from_secs(3), Duration::from_secs(60)));
    assert_eq!(
        (timers.stable_after, timers.send_hold),
        (Duration::from_secs(3600), Some(Duration::from_secs(600)))
    );
    let none = Capabilities {
        four_octet_as: false,
        route_refresh: false,
        enhanced_route_refresh: false,
        extended_message: false,
        graceful_restart: RestartTime::new(120),
    };
    assert_eq!(peer.capabilities, none);
}

#[test]
fn limits_of_prefixes_say_how_many_when_to_warn_and_what_then() {
    let of = |keys: &str| {
        let start = "[[neighbor]]\naddress = \"192.0.2.2\"\nremote-as = 65020\n";
        let peer = edge(&[start, keys].concat()).neighbors.remove(0).peer;
        (peer.max_prefixes, peer.max_prefixes_out)
    };
    let drop_for = |seconds| Excess::Drop { restart_after: Some(Duration::from_secs(seconds)) };
    let limit = |prefixes, warn_at, excess| Some(PrefixLimit { prefixes, warn_at, excess });
    let both = "max-prefixes = 1000\nmax-prefixes-out = 4000\n";
    assert_eq!(of(both), (limit(1000, 750, drop_for(60)), limit(4000, 3000, Excess::Block)));
    let keys = "max-prefixes-warning = 90\nmax-prefixes-restart-after = \"5m\"\nmax-prefixes-out-action = \"drop\"\n";
    let expected = (limit(1000, 900, drop_for(300)), limit(4000, 3600, drop_for(300)));
    assert_eq!(of(&[both, keys].concat()), expected);
    let keys = "max-prefixes = 10\nmax-prefixes-action = \"drop\"\nmax-prefixes-restart-after = \"never\"\n";
    assert_eq!(of(keys), (limit(10, 8, Excess::Drop { restart_after: None }), None));
}

#[test]
fn a_neighbor_that_we_are_about_to_leave_is_told_so() {
    let keys = "[[neighbor]]\naddress = \"10.1.0.4\"\ngraceful-shutdown = true\ncommunities = [\"65010:1\"]\nremote-as = ";
    for (remote_as, local_pref) in [("65020", None), ("65010", Some(0))] {
        let edge = edge(&[keys, remote_as].concat());
        let routes = edge.policy.routes(&edge.neighbors[0].policy, &quadzero_policy::Health::good());
        let said = &routes.as_slice()[0].attributes;
        assert_eq!(*said.communities, ["65010:1", "graceful-shutdown"].map(|c| c.parse().unwrap()));
        assert_eq!(said.local_pref, local_pref, "RFC 8326 §5: within our own AS");
    }
}

#[test]
fn a_range_is_many_neighbors_that_dial() {
    let edge = edge(
        r#"
        [[neighbor]]
        range = "192.0.2.0/24"
        remote-as = 65020
        [[neighbor]]
        name = "branches"
        range = "2001:db8::/32"
        range-limit = 7
        remote-as = 65020
        "#,
    );
    let [first, second] = &edge.neighbors[..] else { panic!("two ranges") };
    assert_eq!(first.range, Some(Range { prefix: "192.0.2.0/24".parse().unwrap(), limit: 100 }));
    assert_eq!(second.range, Some(Range { prefix: "2001:db8::/32".parse().unwrap(), limit: 7 }));
    assert_eq!((first.peer.name.as_str(), second.peer.name.as_str()), ("192.0.2.0/24", "branches"));
    assert_eq!((first.peer.mode, second.peer.mode), (Mode::Passive, Mode::Passive));
    assert_eq!(
        (&first.peer.families[..], &second.peer.families[..]),
        (&[Family::IPV4_UNICAST][..], &[Family::IPV6_UNICAST][..])
    );
    assert_eq!(edge.listen, ["0.0.0.0:179".parse().unwrap(), "[::]:179".parse::<SocketAddr>().unwrap()]);
}

#[test]
fn a_neighbor_takes_from_the_defaults_what_it_does_not_say() {
    let edge = edge(
        r#"
        [neighbor-defaults]
        remote-as = 65515
        hold-time = 30
        med = 10
        prepend = 1
        [[neighbor]]
        address = "10.1.0.4"
        [[neighbor]]
        address = "10.1.0.5"
        hold-time = 60
        prepend = 3
        "#,
    );
    let [first, second] = &edge.neighbors[..] else { panic!("two neighbors") };
    assert_eq!((first.peer.remote_as, first.peer.timers.hold.seconds()), (Asn(65515), 30));
    assert_eq!((second.peer.remote_as, second.peer.timers.hold.seconds()), (Asn(65515), 60));
    assert_eq!((first.policy.overrides.med, first.policy.overrides.prepend), (Some(10), 1));
    assert_eq!((second.policy.overrides.med, second.policy.overrides.prepend), (Some(10), 3));
}

#[test]
fn a_gateway_of_azure_has_defaults_of_its_own() {
    let edge = edge(
        r#"
        [[neighbor]]
        address = "10.1.0.4"
        remote-as = 65515
        azure = { kind = "vpn-gateway" }
        [[neighbor]]
        address = "10.9.0.4"
        remote-as = 64512
        "#,
    );
    let [azure, other] = &edge.neighbors[..] else { panic!("two neighbors") };
    assert_eq!((azure.peer.timers.hold.seconds(), azure.peer.transport.ttl), (180, Some(64)));
    assert_eq!((other.peer.timers.hold.seconds(), other.peer.transport.ttl), (90, None));
    assert_eq!((azure.peer.name.as_str(), azure.peer.transport.remote.port()), ("10.1.0.4", 179));
}

#[test]
fn nothing_listens_where_nobody_may_dial() {
    let neighbor = "[[neighbor]]\naddress = \"10.1.0.4\"\nremote-as = 64512\n";
    let ipv6 = "[[neighbor]]\naddress = \"2001:db8::4\"\nremote-as = 64513\n";
    assert_eq!(edge(neighbor).listen, sockets(&["0.0.0.0:179"]));
    assert_eq!(edge(ipv6).listen, sockets(&["[::]:179"]));
    assert_eq!(edge(&[neighbor, ipv6].concat()).listen, sockets(&["0.0.0.0:179", "[::]:179"]));
    let dialled = [neighbor, ipv6, "mode = \"active\"\n"].concat();
    assert_eq!(edge(&dialled).listen, sockets(&["0.0.0.0:179"]));
    assert_eq!(edge(&[neighbor, "mode = \"active\""].concat()).listen, []);
    let given = BGP.replace("[[", "listen = [\"127.0.0.1:1790\"]\n[[");
    assert_eq!(sound(source(&[&given, neighbor].concat()).edge()).listen, sockets(&["127.0.0.1:1790"]));
}

#[test]
fn the_session_speaks_the_family_of_its_address() {
    let edge = edge("[[neighbor]]\naddress = \"2001:db8::4\"\nremote-as = 64512\n");
    assert_eq!(edge.neighbors[0].peer.families, [Family::IPV6_UNICAST]);
}

#[test]
fn a_key_comes_from_its_file_without_the_line_end() {
    let edge = edge("[[neighbor]]\naddress = \"10.1.0.4\"\nremote-as = 64512\npassword-file = \"md5.key\"\n");
    assert_eq!(edge.neighbors[0].peer.transport.md5, Md5Key::new(b"quad zero"));
}

#[test]
fn routes_say_what_the_file_says() {
    let text = r#"
        [bgp]
        asn = 65010
        router-id = "192.0.2.1"
        [[originate]]
        name = "home"
        prefixes = ["10.50.0.0/16", "10.51.0.0/16"]
        next-hop = "192.0.2.9"
        med = 100
        prepend = 2
        origin = "incomplete"
        communities = ["65010:100"]
        extended-communities = ["rt:65010:1"]
        large-communities = ["65010:1:2"]
        [[exception]]
        name = "kms"
        kms = "usgov"
        mode = "announce"
        next-hop = "192.0.2.99"
        [[neighbor]]
        address = "192.0.2.2"
        remote-as = 65020
        med = 7
        communities = ["no-export"]
        [[neighbor]]
        address = "192.0.2.3"
        remote-as = 65030
        announce = ["kms"]
    "#;
    let edge = sound(source(text).edge());
    let routes = edge.policy.routes(&edge.neighbors[0].policy, &quadzero_policy::Health::good());
    assert_eq!(routes.len(), 4);
    let home = &routes.get(&"10.51.0.0/16".parse().unwrap()).unwrap().attributes;
    assert_eq!(home.next_hop, NextHop::Address("192.0.2.9".parse().unwrap()));
    assert_eq!((home.med, home.origin, home.as_path.hops()), (Some(7), Origin::Incomplete, 3));
    assert_eq!(
        home.communities.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["65010:100", "no-export"]
    );
    assert_eq!((home.extended_communities.len(), home.large_communities.len()), (1, 1));
    let kms = &routes.get(&"23.97.0.13/32".parse().unwrap()).unwrap().attributes;
    assert_eq!(kms.next_hop, NextHop::Address("192.0.2.99".parse().unwrap()));
    assert_eq!(edge.policy.routes(&edge.neighbors[1].policy, &quadzero_policy::Health::good()).len(), 2);
}

const GATEWAY: &str = r#"
[gateway]
kind = "vpn-gateway"
name = "vgw"
asn = 65501
mode = "active-active"
hold-time = "negotiate"
max-prefixes = 100
system-default = "invalid"
compare-med = true
keep-communities = true
limit-penalty = 5
[[gateway.instance]]
name = "first"
address = "10.1.0.4"
public-ip = "203.0.113.4"
apipa = ["169.254.21.2"]
listen = "127.0.0.1:1790"
[[gateway.instance]]
address = "10.1.0.5"
apipa = ["169.254.22.2"]
[[gateway.connection]]
name = "onprem"
asn = 65010
address = "10.51.255.254"
port = 1791
prefixes = ["10.60.0.0/16"]
hops = 2
[[vnet]]
name = "hub"
address-space = ["10.1.0.0/16", "10.2.0.0/16"]
[[vnet.subnet]]
name = "workload"
prefix = "10.1.1.0/24"
propagate-gateway-routes = false
service-endpoints = ["192.0.2.0/24"]
[[vnet.subnet.route]]
name = "fw"
prefix = "0.0.0.0/0"
next-hop-type = "VirtualAppliance"
next-hop = "10.1.1.4"
[[vnet.subnet.security-rule]]
name = "home"
priority = 100
access = "allow"
to = "VirtualNetwork"
[[vnet.subnet.security-rule]]
name = "shut"
priority = 200
access = "deny"
to = "198.51.100.0/24"
[[vnet]]
name = "spoke"
address-space = ["10.3.0.0/16"]
gateway-transit = false
"#;

fn deployment(text: &str) -> Deployment {
    sound(source(text).gateway())
}

#[test]
fn every_key_of_a_gateway_arrives() {
    let Deployment { azure, endpoints, api } = deployment(GATEWAY);
    assert_eq!(api, None, "off unless it is asked for");
    let gateway = &azure.gateways[0];
    assert_eq!(
        (gateway.name.as_str(), gateway.kind.name(), gateway.asn()),
        ("vgw", "vpn-gateway", Asn(65501))
    );
    assert_eq!(gateway.max_prefixes, Some(100));
    assert_eq!(gateway.switches.hold_time, HoldTimeBehaviour::Negotiate);
    assert_eq!(gateway.switches.system_default, SystemDefault::Invalid);
    assert!(gateway.switches.compare_med && gateway.switches.keep_communities);
    assert_eq!(gateway.switches.limit_penalty, Duration::from_secs(5));
    assert_eq!(gateway.instances[0].name, "first");
    assert_eq!(gateway.instances[0].public_ip, Some("203.0.113.4".parse().unwrap()));
    assert_eq!(gateway.instances[1].name, "IN_1");
    assert_eq!(gateway.instances[1].apipa.len(), 1);
    assert_eq!(
        gateway.connections[0].static_prefixes().collect::<Vec<_>>(),
        ["10.60.0.0/16".parse().unwrap()]
    );
    assert_eq!(gateway.connections[0].hops, 2);
    let of = |address: &str| endpoints.of(address.parse().unwrap());
    let found = ["10.1.0.4", "10.1.0.5", "10.51.255.254"].map(of);
    assert_eq!(found.to_vec(), sockets(&["127.0.0.1:1790", "10.1.0.5:179", "10.51.255.254:1791"]));
    assert_eq!(azure.vnets[0].address_space.len(), 2);
    assert!(azure.vnets[0].peerings.is_empty() && !azure.vnets[1].peerings[0].use_remote_gateways);
    let subnet = &azure.vnets[0].subnets[0];
    assert!(!subnet.propagate_gateway_routes);
    assert_eq!(subnet.service_endpoints.len(), 1);
    assert_eq!(subnet.routes[0].next_hop_type, NextHopType::VirtualAppliance);
    assert_eq!(subnet.routes[0].next_hop_ip, Some("10.1.1.4".parse().unwrap()));
    let rules = subnet.security_rules.iter().map(|rule| (rule.priority, rule.allows, rule.to));
    let shut = Target::Prefix("198.51.100.0/24".parse().unwrap());
    assert_eq!(rules.collect::<Vec<_>>(), [(100, true, Target::VirtualNetwork), (200, false, shut)]);
}

const COEXISTING: &str = r#"
[[gateway]]
kind = "virtual-wan"
name = "west"
address-prefix = "10.100.0.0/24"
preference = "as-path"
time-scale = 1000
planned-outage = 10
unplanned-outage = "60s"
[[gateway.instance]]
address = "10.100.0.12"
[[gateway.instance]]
address = "10.100.0.13"
[[gateway.connection]]
name = "site"
asn = 65010
address = "10.51.255.254"
internet-security = true
[[gateway]]
kind = "expressroute"
name = "er"
region-community = "12076:50003"
[[gateway.connection]]
name = "private"
asn = 65030
primary-subnet = "192.168.15.16/30"
secondary-subnet = "192.168.15.20/30"
vlan = 100
sku = "premium"
weight = 7
bfd = false
password-file = "md5.key"
listen = ["127.0.0.1:1790", "127.0.0.2:1790"]
dial = ["127.0.0.3:1790", "127.0.0.4:1790"]
[[gateway.connection]]
name = "microsoft"
asn = 64000
peering = "microsoft"
primary-subnet = "203.0.113.16/30"
secondary-subnet = "203.0.113.20/30"
vlan = 101
route-filter = ["12076:52004"]
[[gateway.connection.service]]
prefix = "20.60.0.0/16"
community = "12076:52004"
[[gateway]]
kind = "route-server"
name = "rs"
vnet = "apart"
branch-to-branch = true
preference = "vpn"
[[gateway.instance]]
address = "10.9.2.4"
[[gateway.instance]]
address = "10.9.2.5"
[[gateway.connection]]
name = "nva"
asn = 65001
address = "10.9.3.4"
[[vnet]]
name = "connected"
address-space = ["10.1.0.0/16"]
internet-security = false
community = "12076:20001"
[[vnet]]
name = "apart"
address-space = ["10.9.0.0/16"]
[[vnet.peering]]
vnet = "connected"
"#;

#[test]
fn every_key_of_several_gateways_arrives() {
    let source = Source {
        path: format!("{}/tests/coexisting.toml", env!("CARGO_MANIFEST_DIR")),
        text: COEXISTING.into(),
    };
    let Deployment { azure, endpoints, .. } = sound(source.gateway());
    let [hub, er, rs] = &azure.gateways[..] else { panic!("{azure:?}") };
    let (Kind::VirtualWan(wan), Kind::ExpressRoute(region), Kind::RouteServer(server)) =
        (&hub.kind, &er.kind, &rs.kind)
    else {
        panic!("{azure:?}")
    };
    assert_eq!((hub.place, er.place, rs.place), (Place::Hub(0), Place::Hub(0), Place::Vnet(1)));
    assert_eq!(wan.address_prefix, "10.100.0.0/24".parse().unwrap());
    assert_eq!((wan.router, wan.preference), ("10.100.0.12".parse().unwrap(), Preference::AsPath));
    assert_eq!((server.branch_to_branch, server.preference), (true, Preference::Vpn));
    let switches = hub.switches;
    let outages = (switches.planned_outage, switches.unplanned_outage, switches.time_scale);
    assert_eq!(outages, (Duration::from_secs(10), Duration::from_secs(60), 1000));
    assert!(hub.connections[0].internet_security);
    assert_eq!(region.region, Some("12076:50003".parse().unwrap()));
    let circuit = er.connections[0].circuit().unwrap();
    assert_eq!((circuit.vlan, circuit.sku, circuit.weight, circuit.bfd), (100, Sku::Premium, 7, false));
    assert!(circuit.key.is_some() && circuit.is_private());
    let Peering::Microsoft(microsoft) = &er.connections[1].circuit().unwrap().peering else {
        panic!("private")
    };
    assert_eq!((microsoft.route_filter.len(), microsoft.services.len()), (1, 1));
    let of = |address: &str| endpoints.of(address.parse().unwrap());
    let found = ["192.168.15.18", "192.168.15.22", "192.168.15.17", "192.168.15.21"].map(of);
    let expected = ["127.0.0.1:1790", "127.0.0.2:1790", "127.0.0.3:1790", "127.0.0.4:1790"];
    assert_eq!(found.to_vec(), sockets(&expected));
    assert_eq!(azure.vnets[0].hub, Some(HubConnection { hub: 0, internet_security: false }));
    assert_eq!(azure.vnets[0].community, Some("12076:20001".parse().unwrap()));
    assert_eq!(azure.vnets[1].hub, None);
    assert_eq!(azure.vnets[1].peerings, [VnetPeering { with: 0, use_remote_gateways: false }]);
}

/// Every seventh place of every example is broken in several ways: the worst that may come of it is an error.
#[test]
fn no_file_is_bad_enough_to_panic() {
    let examples = [
        "lab",
        "vpn-active-active-apipa",
        "azure-vpn-gateway",
        "expressroute-pair",
        "azure-coexistence",
        "azure-expressroute",
    ];
    for example in examples {
        let path = format!("{}/../../config/{example}.toml", env!("CARGO_MANIFEST_DIR"));
        let text: Vec<char> =
            std::fs::read_to_string(path).unwrap().chars().filter(|c| c.is_ascii()).collect();
        let starts = (0..text.len()).step_by(7);
        for (start, with) in
            starts.flat_map(|start| ["\"", "é\n", "[[", " = -9", ""].map(|with| (start, with)))
        {
            let end = (start + 3).min(text.len());
            let broken: String =
                text[..start].iter().chain(&with.chars().collect::<Vec<_>>()).chain(&text[end..]).collect();
            let loaded = source(&broken).any();
            assert!(loaded.value.is_some() || !loaded.render(false).is_empty(), "{broken}");
        }
    }
}

/// Two edges of a site, and what one tells the other.
#[test]
fn ibgp_is_between_two_edges_of_one_as() {
    let edge = |name: &str, asn: u32, address: &str| {
        format!(
            "[[edge]]\nname = \"{name}\"\ntunnel-routes = [\"10.1.0.4/32\"]\n[edge.bgp]\nasn = {asn}\nrouter-id = \"{address}\"\n\
             [[edge.originate]]\nprefix = \"0.0.0.0/0\"\nas-path = [65020]\n[[edge.neighbor]]\naddress = \"10.1.0.4\"\n\
             remote-as = 65515\nlocal-address = \"{address}\"\n"
        )
    };
    let azure = "[azure.gateway]\nkind = \"vpn-gateway\"\n[[azure.gateway.instance]]\naddress = \"10.1.0.4\"\n[[azure.vnet]]\n\
                 name = \"hub\"\naddress-space = [\"10.1.0.0/16\"]\n";
    let scenario = |asn, from: &str| {
        let (a, b) = (edge("a", 65010, "10.51.255.253"), edge("b", asn, "10.51.255.254"));
        source(&format!("{a}{b}{azure}[[ibgp]]\nfrom = \"{from}\"\nto = \"b\"\nnext-hop-self = true\n"))
            .scenario()
    };
    let read = sound(scenario(65010, "a"));
    assert_eq!(read.ibgp, [Ibgp { from: 0, to: 1, next_hop_self: true }]);
    let side = &read.edges[0];
    let reaches = |address: &str| side.reaches(address.parse().unwrap());
    assert!(reaches("10.1.0.4") && !reaches("10.1.0.5"));
    for (asn, from, words) in
        [(65020, "a", "in two"), (65010, "b", "itself"), (65010, "c", "no edge is called")]
    {
        let told = scenario(asn, from).render(false);
        assert!(told.contains(words), "{told}");
    }
}
