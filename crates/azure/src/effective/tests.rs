use super::*;
use crate::config::{Subnet, UserRoute};
use crate::testing::*;
use crate::verdict::Nic;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// One line a row: source, state, prefix, next hop type, next hops.
fn table(nic: Option<Nic<'_>>) -> String {
    let line = |row: &EffectiveRoute| {
        let hops: Vec<String> = row.next_hop_ip_address.iter().map(Ipv4Addr::to_string).collect();
        let line = format!(
            "{:?} {:?} {} {} {}",
            row.source,
            row.state,
            row.prefix(),
            row.next_hop_type,
            hops.join(",")
        );
        line.trim_end().to_owned() + "\n"
    };
    nic.unwrap().effective_routes().value.iter().map(line).collect()
}

#[test]
fn lists_system_routes_where_nothing_was_learned() {
    let nothing = after_paris(azure(), &[]);
    insta::assert_snapshot!(table(nothing.nic("vm")), @r#"
    Default Active 10.1.0.0/16 VnetLocal
    Default Active 10.2.0.0/16 VNetPeering
    Default Active 10.3.0.0/16 VNetPeering
    Default Active 0.0.0.0/0 Internet
    Default Active 10.0.0.0/8 None
    Default Active 172.16.0.0/12 None
    Default Active 192.168.0.0/16 None
    Default Active 100.64.0.0/10 None
    "#);
}

/// azure.md §5.2: the networks are a star around the gateway's.
#[test]
fn a_spoke_sees_the_hub_and_no_other_spoke() {
    let nothing = after_paris(azure(), &[]);
    insta::assert_snapshot!(table(nothing.nic("spoke/app")), @r#"
    Default Active 10.2.0.0/16 VnetLocal
    Default Active 10.1.0.0/16 VNetPeering
    Default Active 0.0.0.0/0 Internet
    Default Active 10.0.0.0/8 None
    Default Active 172.16.0.0/12 None
    Default Active 192.168.0.0/16 None
    Default Active 100.64.0.0/10 None
    "#);
}

/// azure.md §8, rows 10 and 13; one row an instance (§5.3).
#[test]
fn a_default_from_the_gateway_hides_the_system_default_and_the_none_rows() {
    let default = after_paris(azure(), &["0.0.0.0/0"]);
    insta::assert_snapshot!(table(default.nic("vm")), @r#"
    Default Active 10.1.0.0/16 VnetLocal
    Default Active 10.2.0.0/16 VNetPeering
    Default Active 10.3.0.0/16 VNetPeering
    VirtualNetworkGateway Active 0.0.0.0/0 VirtualNetworkGateway 10.1.0.4
    VirtualNetworkGateway Active 0.0.0.0/0 VirtualNetworkGateway 10.1.0.5
    "#);
}

/// azure.md §8, row 15.
#[test]
fn halves_leave_the_system_default_and_the_none_rows_active() {
    let halves = after_paris(azure(), &["0.0.0.0/1", "128.0.0.0/1"]);
    insta::assert_snapshot!(table(halves.nic("vm")), @r#"
    Default Active 10.1.0.0/16 VnetLocal
    Default Active 10.2.0.0/16 VNetPeering
    Default Active 10.3.0.0/16 VNetPeering
    Default Active 0.0.0.0/0 Internet
    Default Active 10.0.0.0/8 None
    Default Active 172.16.0.0/12 None
    Default Active 192.168.0.0/16 None
    Default Active 100.64.0.0/10 None
    VirtualNetworkGateway Active 0.0.0.0/1 VirtualNetworkGateway 10.1.0.4
    VirtualNetworkGateway Active 0.0.0.0/1 VirtualNetworkGateway 10.1.0.5
    VirtualNetworkGateway Active 128.0.0.0/1 VirtualNetworkGateway 10.1.0.4
    VirtualNetworkGateway Active 128.0.0.0/1 VirtualNetworkGateway 10.1.0.5
    "#);
}

/// azure.md §5.2, by user route.
#[test]
fn a_user_default_makes_the_system_default_invalid_and_removes_the_none_rows() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
    let nothing = after_paris(azure, &[]);
    insta::assert_snapshot!(table(nothing.nic("vm")), @r#"
    Default Active 10.1.0.0/16 VnetLocal
    Default Active 10.2.0.0/16 VNetPeering
    Default Active 10.3.0.0/16 VNetPeering
    Default Invalid 0.0.0.0/0 Internet
    User Active 0.0.0.0/0 Internet
    "#);
}

#[test]
fn only_spokes_with_gateway_transit_get_gateway_routes() {
    let default = after_paris(azure(), &["0.0.0.0/0"]);
    assert!(table(default.nic("app")).contains("VirtualNetworkGateway Active 0.0.0.0/0"));
    assert!(!table(default.nic("lone")).contains("VirtualNetworkGateway"));
}

/// azure.md §5.2.
#[test]
fn a_private_range_that_the_network_uses_is_no_longer_dropped() {
    let mut azure = azure();
    azure.vnets[0].address_space.push(net("192.168.0.0/16"));
    let nothing = after_paris(azure, &[]);
    let table = table(nothing.nic("vm"));
    assert!(table.contains("192.168.0.0/16 VnetLocal") && !table.contains("192.168.0.0/16 None"), "{table}");
}

/// azure.md §8, row 32, and the shape of §5.3.
#[test]
fn rows_have_the_shape_of_the_command_line() {
    let default = after_paris(active_standby(), &["0.0.0.0/0"]);
    let rows = default.nic("vm").unwrap().effective_routes().clone();
    let gateways = rows.value.into_iter().filter(|row| row.source == Source::VirtualNetworkGateway);
    let listing = Listing { value: gateways.collect() };
    insta::assert_snapshot!(serde_json::to_string_pretty(&listing).unwrap(), @r#"
    {
      "value": [
        {
          "addressPrefix": [
            "0.0.0.0/0"
          ],
          "destinationServiceTags": [],
          "disableBgpRoutePropagation": false,
          "hasBgpOverride": false,
          "name": null,
          "nextHopIpAddress": [
            "13.70.194.156"
          ],
          "nextHopType": "VirtualNetworkGateway",
          "source": "VirtualNetworkGateway",
          "state": "Active",
          "tagMap": {}
        }
      ]
    }
    "#);
}

/// The example of azure.md §5.3 (REST-EX D), letter by letter.
#[test]
fn a_row_is_the_one_of_the_documented_example() {
    let documented = r#"{"addressPrefix":["0.0.0.0/0"],"destinationServiceTags":[],"disableBgpRoutePropagation":false,"hasBgpOverride":false,"name":null,"nextHopIpAddress":["10.2.0.4"],"nextHopType":"VirtualNetworkGateway","source":"VirtualNetworkGateway","state":"Active","tagMap":{}}"#;
    let mut azure = active_standby();
    azure.gateways[GW].instances[0].public_ip = Some(ip("10.2.0.4"));
    let default = after_paris(azure, &["0.0.0.0/0"]);
    let rows = default.nic("vm").unwrap().effective_routes().value.clone();
    assert_eq!(serde_json::to_string(rows.last().unwrap()).unwrap(), documented);
}

#[test]
fn prefixes_with_host_bits_mean_their_network() {
    let mut azure = azure();
    azure.vnets[0].address_space = vec![net("10.1.0.9/16")];
    vm(&mut azure).routes.push(user_route("20.1.1.1/8", NextHopType::None));
    let table_of = after_paris(azure, &["10.1.0.0/16", "20.0.0.0/8"]);
    let lines = table(table_of.nic("vm"));
    assert!(lines.contains("Default Active 10.1.0.0/16 VnetLocal"), "{lines}");
    assert!(lines.contains("VirtualNetworkGateway Invalid 20.0.0.0/8"), "{lines}");
    assert_eq!(table_of.routes(GW).len(), 1);
}

/// azure.md §8, row 33: the exception. Such a row cannot come from the gateway, which filters it (row
/// 18), unless the peering is without gateway transit.
#[test]
fn routes_of_the_network_and_its_peers_beat_longer_ones_of_the_gateway_but_not_of_the_user() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("10.3.9.0/28", NextHopType::None));
    let inside_island = after_paris(azure, &["10.3.9.0/24"]);
    let rows = &inside_island.nic("vm").unwrap().effective_routes().value.clone();
    let peered = route(rows, ip("10.3.9.77"));
    assert_eq!(peered.winners[0].next_hop_type, NextHopType::VNetPeering);
    assert_eq!(peered.beaten[0].why, Beaten::VnetBeatsGateway);
    assert_eq!(route(rows, ip("10.3.9.7")).winners[0].source, Source::User);
}

/// What may be in a table, and where to.
const PREFIXES: [&str; 14] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "10.3.0.0/16",
    "10.3.9.0/24",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "192.168.7.0/24",
    "20.0.0.0/8",
    "20.118.99.224/32",
    "100.64.0.0/10",
];
const DESTINATIONS: [&str; 10] = [
    "10.1.1.5",
    "10.1.2.5",
    "10.3.9.9",
    "10.9.9.9",
    "172.16.1.1",
    "192.168.7.7",
    "192.168.8.8",
    "20.118.99.224",
    "20.1.1.1",
    "200.1.1.1",
];

/// The rule of azure.md §5.1, said once more from the ingredients.
fn by_the_rule(gateway: &[Ipv4Net], user: &[UserRoute], destination: Ipv4Addr) -> (Ipv4Net, Source) {
    let network = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"].map(net);
    let other = ["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"].map(net);
    let has_default = gateway.contains(&DEFAULT) || user.iter().any(|r| r.prefix == DEFAULT);
    let overridden = |p: &Ipv4Net| user.iter().any(|r| r.prefix == *p);
    let of_network = network.iter().any(|p| p.contains(&destination) && !overridden(p));
    let mut options: Vec<(u8, u8, Ipv4Net, Source)> = Vec::new();
    options.extend(user.iter().map(|r| (r.prefix.prefix_len(), 3, r.prefix, Source::User)));
    options.extend(network.iter().map(|p| (16, 2, *p, Source::Default)));
    if !of_network {
        options.extend(gateway.iter().map(|p| (p.prefix_len(), 1, *p, Source::VirtualNetworkGateway)));
    }
    let system = other.iter().filter(|p| !has_default || **p == DEFAULT);
    options.extend(system.map(|p| (p.prefix_len(), 0, *p, Source::Default)));
    let best = options.into_iter().filter(|o| o.2.contains(&destination)).max_by_key(|o| (o.0, o.1)).unwrap();
    (best.2, best.3)
}

proptest! {
    #[test]
    fn the_winner_is_the_one_of_the_rule(
        learned in subsequence(PREFIXES.to_vec(), 0..=14),
        named in subsequence(PREFIXES.to_vec(), 0..=14),
        destination in select(DESTINATIONS.to_vec()),
    ) {
        let (azure, destination) = (azure(), ip(destination));
        let user: Vec<UserRoute> = named.iter().map(|p| user_route(p, NextHopType::None)).collect();
        let learned: Vec<Ipv4Net> = learned.into_iter().map(net).collect();
        // Past the gateway's own filter, so that the exception of the rule is met as well.
        let hop = crate::gateway::Hop {
            shown: ip("10.1.0.4"), gateway: "gw".into(), appliance: false, instance: "gw-0".into(), connection: "paris".into(), bgp_next_hop: None,
        };
        let gateway: Vec<GatewayRoute> =
            learned.iter().map(|&prefix| GatewayRoute { prefix, hops: vec![hop.clone()] }).collect();
        let subnet = Subnet { routes: user.clone(), ..azure.vnets[0].subnets[1].clone() };
        let rows = effective_routes(&azure, 0, &subnet, &gateway);
        let decision = route(&rows.value, destination);
        let winner = &decision.winners[0];
        prop_assert_eq!((winner.prefix(), winner.source), by_the_rule(&learned, &user, destination));
        let holding = rows.value.iter().filter(|row| row.prefix().contains(&destination)).count();
        prop_assert_eq!(decision.winners.len() + decision.beaten.len(), holding);
    }
}
