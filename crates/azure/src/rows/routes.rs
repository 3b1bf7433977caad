//! Rows 10 to 12, 18, 19, 21, 23 to 25, 30, 31 and 36: what is taken, chosen and told.

use crate::config::*;
use crate::gateway::{Heard, Refusal, Table};
use crate::testing::speaking::*;
use crate::testing::*;
use ipnet::IpNet;
use quadzero_codec::{AsPath, Asn, Attributes, Community, Family, NextHop, Origin};
use quadzero_rib::RouteSet;
use std::sync::Arc;

const DEFAULT: &str = "0.0.0.0/0";
const NVA: usize = 0;
const TWIN: usize = 1;
const MADRID: usize = 0;

fn community(low: u32) -> Community {
    Community(12076 << 16 | low)
}

fn prefixes(routes: &RouteSet) -> Vec<String> {
    routes.iter().map(|route| route.prefix.to_string()).collect()
}

/// What a session is told of a prefix.
fn told(table: &Table, session: SessionId, prefix: &str) -> Option<Arc<Attributes>> {
    let prefix: IpNet = prefix.parse().unwrap();
    table.announced(session).get(&prefix).map(|route| route.attributes.clone())
}

fn path(attributes: &Attributes) -> Vec<u32> {
    attributes.as_path.asns().map(|asn| asn.0).collect()
}

/// Ways to a prefix that a gateway has itself.
fn ways(table: &Table, gateway: usize, prefix: &str) -> Vec<String> {
    let route = table.routes(gateway).iter().find(|route| route.prefix == net(prefix));
    let way = |hop: &crate::gateway::Hop| format!("{}/{}/{}", hop.gateway, hop.instance, hop.connection);
    route.map_or(Vec::new(), |route| route.hops.iter().map(way).collect())
}

/// Ways that network interfaces of the place have.
fn ways_at(table: &Table, place: Place, prefix: &str) -> Vec<String> {
    let route = table.routes_at(place).iter().find(|route| route.prefix == net(prefix));
    let way = |hop: &crate::gateway::Hop| format!("{}/{}/{}", hop.gateway, hop.instance, hop.connection);
    route.map_or(Vec::new(), |route| route.hops.iter().map(way).collect())
}

/// The circuit as one of Microsoft peering, with a service that is chosen and one that is not.
fn microsoft() -> Azure {
    let mut azure = only_expressroute();
    let service = |prefix, low| Service { prefix: net(prefix), community: community(low) };
    circuit_of(&mut azure.gateways[GW].connections[MADRID]).peering = Peering::Microsoft(MicrosoftPeering {
        route_filter: vec![community(52004)],
        services: vec![service("20.60.0.0/16", 52004), service("20.150.0.0/16", 53004)],
    });
    azure.gateways[GW].connections[MADRID].asn = Asn(64000);
    azure
}

/// Row 10, VPN-FAQ D, ER-ROUTE D: everywhere but on Microsoft peering.
#[test]
fn row_10_a_default_is_taken_but_not_on_microsoft_peering() {
    for azure in [azure(), only_expressroute(), only_route_server(), virtual_wan()] {
        let asn = azure.gateways[GW].connections[0].asn.0;
        let table = table(azure, &[(id(GW, 0, 0), &[(DEFAULT, &[asn])])]);
        assert_eq!((table.routes(GW).len(), table.refused().len()), (1, 0));
    }
    let said: &[(&str, &[u32])] =
        &[(DEFAULT, &[64000]), ("10.9.0.0/16", &[64000]), ("20.1.0.0/16", &[64000])];
    let table = table(microsoft(), &[(id(GW, 0, MADRID), said)]);
    let refused: Vec<_> = table.refused().iter().map(|r| (r.prefix.to_string(), r.why)).collect();
    let expected = [
        (DEFAULT.to_owned(), Refusal::DefaultOnMicrosoftPeering),
        ("10.9.0.0/16".to_owned(), Refusal::PrivateOnMicrosoftPeering),
    ];
    assert_eq!(refused, expected);
    assert!(table.routes(GW).is_empty(), "no network is reached by Microsoft peering");
}

/// Row 11, VPN-FAQ D, BREAKOUT F: to the other site, over both instances.
#[test]
fn row_11_default_is_not_reannounced_but_its_halves_are() {
    let table = after_paris(azure(), &[DEFAULT, "0.0.0.0/1", "128.0.0.0/1"]);
    for instance in [0, 1] {
        let oslo = id(GW, instance, OSLO);
        assert!(told(&table, oslo, DEFAULT).is_none());
        assert_eq!(path(&told(&table, oslo, "0.0.0.0/1").unwrap()), [65515, 65010]);
        assert_eq!(path(&told(&table, oslo, "128.0.0.0/1").unwrap()), [65515, 65010]);
    }
}

/// Row 11, RS-TS D, BREAKOUT F: the same for what Route Server brings; the gateway has learned it all the same.
#[test]
fn row_11_default_of_route_server_is_learned_and_not_told() {
    let said: &[(&str, &[u32])] = &[(DEFAULT, &[65001]), ("0.0.0.0/1", &[65001])];
    let table = table(coexisting(true), &[(id(2, 0, NVA), said)]);
    assert!(told(&table, id(0, 0, PARIS), DEFAULT).is_none());
    assert_eq!(path(&told(&table, id(0, 0, PARIS), "0.0.0.0/1").unwrap()), [65515, 65001]);
    let learned = table.learned_routes(0).value;
    assert!(learned.iter().any(|row| row.network == net(DEFAULT) && row.as_path == "65001"));
}

/// Row 12, VWAN-FAQ D, LAB-VWAN F: to connections with internet security alone, and never hub to hub.
#[test]
fn row_12_a_hub_tells_a_default_to_whom_has_internet_security_and_to_no_hub() {
    let (paris, oslo, rome) = (id(0, 0, 0), id(0, 1, 1), id(1, 0, 0));
    let table = table(virtual_wan(), &[(paris, &[(DEFAULT, &[65010]), ("192.168.7.0/24", &[65010])])]);
    assert_eq!(path(&told(&table, oslo, DEFAULT).unwrap()), [65515, 65010]);
    assert!(told(&table, rome, DEFAULT).is_none(), "it is secure, and at another hub");
    let over_hubs = told(&table, rome, "192.168.7.0/24").unwrap();
    assert_eq!((path(&over_hubs), over_hubs.origin), (vec![65515, 65520, 65520, 65010], Origin::Egp));
    let defaults = |subnet| -> Vec<NextHopType> {
        let rows = table.nic(subnet).unwrap().effective_routes().value.clone();
        rows.iter()
            .filter(|row| row.is_active() && row.prefix() == net(DEFAULT))
            .map(|r| r.next_hop_type)
            .collect()
    };
    let (gateway, internet) = (vec![NextHopType::VirtualNetworkGateway], vec![NextHopType::Internet]);
    assert_eq!(["blue-vm", "red-vm", "green-vm"].map(defaults), [gateway, internet.clone(), internet]);
    assert_eq!(ways_at(&table, Place::Hub(1), "192.168.7.0/24"), ["west/west-0/paris"]);
}

/// Row 12, VWAN-FAQ D: without the flag nobody is told, and one site's own default never comes back to it.
#[test]
fn row_12_a_default_is_not_told_without_the_flag_nor_to_its_own_site() {
    let table = table(virtual_wan(), &[(id(0, 0, 1), &[(DEFAULT, &[65020])])]);
    assert!(told(&table, id(0, 0, 0), DEFAULT).is_none());
    assert!(told(&table, id(0, 1, 1), DEFAULT).is_none());
}

/// Row 18, VPN-FAQ D ("filtered"), RS-INJ D: the networks that use the gateway count, others do not; supersets are fine.
#[test]
fn row_18_what_is_equal_to_or_inside_the_network_is_dropped() {
    for azure in [active_standby(), only_expressroute(), only_route_server()] {
        let asn = azure.gateways[GW].connections[0].asn.0;
        let path = [asn];
        let sent = ["10.1.0.0/16", "10.1.7.0/24", "10.2.0.0/16", "10.3.0.0/16", "10.0.0.0/8", DEFAULT];
        let said: Vec<(&str, &[u32])> = sent.iter().map(|prefix| (*prefix, &path[..])).collect();
        let table = table(azure, &[(id(GW, 0, 0), &said)]);
        let taken: Vec<String> = table.routes(GW).iter().map(|route| route.prefix.to_string()).collect();
        assert_eq!(taken, [DEFAULT, "10.0.0.0/8", "10.3.0.0/16"]);
        assert!(table.refused().iter().all(|refused| refused.why == Refusal::InsideVnet));
        assert_eq!(table.refused().len(), 3);
    }
}

/// Row 19, RS-FAQ D, VWAN-LAB2 B: 65515 on gateways, 12076 on ExpressRoute; the session stays.
#[tokio::test]
async fn row_19_a_path_with_its_own_as_is_dropped() {
    let deployments = [(azure(), 65515, "127.61.19.1"), (only_expressroute(), 12076, "127.61.19.2")];
    for (azure, own, host) in deployments {
        let edge = Edge::new(host);
        let mut azure = azure;
        azure.gateways[GW].connections.truncate(1);
        let asn = azure.gateways[GW].connections[0].asn.0;
        let mock = start(azure, &[&edge]);
        let to_azure = edge.session(&mock, id(GW, 0, 0), |_| ());
        to_azure.announce(&[(DEFAULT, &[asn, own]), ("192.168.9.0/24", &[asn])]);
        until(&mock, |table| hops(table, "192.168.9.0/24") == 1).await;
        assert_eq!(mock.table().borrow().routes(GW).len(), 1);
        assert_eq!(to_azure.peer.status().borrow().counters.dropped, 0);
    }
}

/// Row 21, LAB-BGP F, VPN-FAQ D: what a VPN gateway tells.
#[test]
fn row_21_a_vpn_gateway_announces_networks_statics_other_peers_and_their_routes() {
    let mut azure = azure();
    *statics(&mut azure.gateways[GW].connections[OSLO]) =
        vec![net("172.20.0.0/16"), net("10.52.255.254/32"), net(DEFAULT)];
    let oslo: &[(&str, &[u32])] = &[("192.168.7.0/24", &[65020]), ("10.0.0.0/8", &[65020])];
    let table = table(azure, &[(id(GW, 0, OSLO), oslo), (id(GW, 0, PARIS), &[("192.168.8.0/24", &[65010])])]);
    let to_paris = table.announced(id(GW, 0, PARIS));
    let expected = ["10.1.0.0/16", "10.2.0.0/16", "10.52.255.254/32", "172.20.0.0/16", "192.168.7.0/24"];
    assert_eq!(prefixes(&to_paris), expected);
    let own = told(&table, id(GW, 0, PARIS), "10.1.0.0/16").unwrap();
    assert_eq!((own.origin, own.next_hop, own.med), (Origin::Igp, NextHop::Own, None));
    assert_eq!(own.as_path, AsPath::sequence([Asn(65515)]));
    let transit = told(&table, id(GW, 0, PARIS), "192.168.7.0/24").unwrap();
    assert_eq!((transit.origin, transit.next_hop, transit.med), (Origin::Igp, NextHop::Own, Some(0)));
    assert_eq!(path(&transit), [65515, 65020]);
    let to_oslo = prefixes(&table.announced(id(GW, 0, OSLO)));
    assert!(to_oslo.contains(&"10.51.255.254/32".into()) && !to_oslo.contains(&"10.52.255.254/32".into()));
}

/// Row 21, ER-FAQ D, S2S-BACKUP F: ExpressRoute tells whole networks with path 12076, and no circuit of another.
#[test]
fn row_21_expressroute_announces_networks_as_12076_and_nothing_of_other_circuits() {
    let mut azure = only_expressroute();
    azure.gateways[GW].connections.push(circuit("lisbon", 65031, 32));
    let table = table(azure, &[(id(GW, 0, MADRID), &[("192.168.7.0/24", &[65030])])]);
    let to_lisbon = table.announced(id(GW, 0, 1));
    assert_eq!(prefixes(&to_lisbon), ["10.1.0.0/16", "10.2.0.0/16"]);
    assert!(to_lisbon.iter().all(|route| path(&route.attributes) == [12076]));
}

/// Row 21, ER-FAQ D: more than 1,000 prefixes from Azure, and the connection of circuit and gateway is down.
#[test]
fn row_21_more_than_1000_prefixes_take_the_connection_of_a_circuit_down() {
    let with = |count: u16| {
        let mut azure = only_expressroute();
        let net = |i: u16| net(&format!("172.{}.{}.0/24", 16 + i / 256, i % 256));
        azure.vnets[0].address_space.extend((0..count).map(net));
        table(azure, &[(id(GW, 0, MADRID), &[(DEFAULT, &[65030])])])
    };
    // The two networks of the place are among them.
    let (full, over) = (with(998), with(999));
    assert_eq!((full.announced(id(GW, 0, MADRID)).len(), full.is_overflowing(GW, MADRID)), (1000, false));
    assert_eq!((over.announced(id(GW, 0, MADRID)).len(), over.is_overflowing(GW, MADRID)), (0, true));
    assert_eq!((full.routes(GW).len(), over.routes(GW).len()), (1, 0), "both directions");
}

/// Row 23, VPN-S2S-FAQ D, RS-FAQ D: the shorter path is used alone, equal ones together.
#[test]
fn row_23_the_shorter_path_wins_and_equal_ones_share_the_traffic() {
    let with = |paris: &[u32]| {
        let oslo: &[u32] = &[65020];
        table(azure(), &[(id(GW, 0, PARIS), &[(DEFAULT, paris)]), (id(GW, 1, OSLO), &[(DEFAULT, oslo)])])
    };
    assert_eq!(ways(&with(&[65010]), GW, DEFAULT), ["gw/gw-0/paris", "gw/gw-1/oslo"]);
    assert_eq!(ways(&with(&[65010, 65010]), GW, DEFAULT), ["gw/gw-1/oslo"]);
    let (nva, twin) = (id(GW, 0, NVA), id(GW, 0, TWIN));
    let of_route_server = |path: &[u32]| {
        let table = table(only_route_server(), &[(nva, &[(DEFAULT, &[65001])]), (twin, &[(DEFAULT, path)])]);
        ways(&table, GW, DEFAULT).len()
    };
    assert_eq!((of_route_server(&[65002]), of_route_server(&[65002, 65002])), (2, 1));
}

/// Row 23, ER-OPT D: on ExpressRoute the weight of the connection comes first, then the path.
#[test]
fn row_23_weight_comes_before_the_path_on_expressroute() {
    let with = |weight| {
        let mut azure = only_expressroute();
        azure.gateways[GW].connections.push(circuit("lisbon", 65031, 32));
        circuit_of(&mut azure.gateways[GW].connections[1]).weight = weight;
        let lisbon: &[(&str, &[u32])] = &[(DEFAULT, &[65031, 65031])];
        let table = table(azure, &[(id(GW, 0, MADRID), &[(DEFAULT, &[65030])]), (id(GW, 0, 1), lisbon)]);
        ways(&table, GW, DEFAULT)
    };
    assert_eq!((with(0), with(10)), (vec!["er/primary/madrid".into()], vec!["er/primary/lisbon".into()]));
}

/// Row 23, azure.md §1.5, U: MED decides only if switched on.
#[test]
fn row_23_med_decides_only_by_switch() {
    let with = |compare_med| {
        let mut azure = active_standby();
        azure.gateways[GW].switches.compare_med = compare_med;
        let of = |site: usize| {
            let said = heard(&azure, id(GW, 0, site), &[(DEFAULT, &[64999])]);
            changed(said, |attributes| attributes.med = Some(site as u32 * 100))
        };
        let heard = [PARIS, OSLO].map(of);
        ways(&Table::new(Arc::new(azure), &heard), GW, DEFAULT)
    };
    assert_eq!((with(false).len(), with(true)), (2, vec!["gw/gw-0/paris".into()]));
}

/// The table after the first session said one route with communities.
fn tagged(azure: Azure, session: SessionId, tags: &[Community]) -> Table {
    let asn = azure.connection(session).asn.0;
    let said = heard(&azure, session, &[("192.168.7.0/24", &[asn])]);
    let said = changed(said, |attributes| attributes.communities = tags.into());
    Table::new(Arc::new(azure), &[said])
}

/// Row 24, RS-FAQ D, VWAN-FAQ D: Route Server and hubs keep what they are told.
#[test]
fn row_24_route_server_and_hubs_keep_communities() {
    let tag = Community(65001 << 16 | 7);
    for (azure, other) in [(only_route_server(), id(GW, 0, TWIN)), (virtual_wan(), id(GW, 0, OSLO))] {
        let table = tagged(azure, id(GW, 0, 0), &[tag]);
        assert_eq!(*told(&table, other, "192.168.7.0/24").unwrap().communities, [tag]);
    }
}

/// Row 24, RS-INJ D: 65535:65282 programs network interfaces and is told to no peer, nor to a gateway.
#[test]
fn row_24_no_advertise_is_for_network_interfaces_alone() {
    let table = tagged(coexisting(true), id(2, 0, NVA), &[Community::NO_ADVERTISE]);
    for other in [id(2, 0, TWIN), id(0, 0, PARIS), id(1, 0, MADRID)] {
        assert!(told(&table, other, "192.168.7.0/24").is_none(), "{other:?}");
    }
    assert_eq!(ways_at(&table, Place::Vnet(0), "192.168.7.0/24"), ["rs/RS_0/nva"]);
}

/// Row 24, ER-ROUTE D: ExpressRoute ignores communities: an appliance behind Route Server sees none.
#[test]
fn row_24_expressroute_ignores_communities() {
    let table = tagged(coexisting(true), id(1, 0, MADRID), &[Community::NO_ADVERTISE, Community(7)]);
    let transit = told(&table, id(2, 0, NVA), "192.168.7.0/24").unwrap();
    assert_eq!((path(&transit), transit.communities.len()), (vec![65515, 12076, 65030], 0));
}

/// Row 24, U: on the VPN gateway none were seen on transit routes (LAB-BGP F); a switch keeps them.
#[test]
fn row_24_a_vpn_gateway_keeps_communities_only_by_switch() {
    let with = |keep| {
        let mut azure = azure();
        azure.gateways[GW].switches.keep_communities = keep;
        let table = tagged(azure, id(GW, 0, PARIS), &[Community(7)]);
        told(&table, id(GW, 0, OSLO), "192.168.7.0/24").unwrap().communities.len()
    };
    assert_eq!((with(false), with(true)), (0, 1));
}

/// Row 25, ER-ROUTE D, ER-COMM D: the region's, and the network's own; on Microsoft peering the service's, and nothing
/// without a route filter; nobody else says any.
#[test]
fn row_25_only_expressroute_says_communities_of_its_own() {
    let mut azure = only_expressroute();
    azure.vnets[1].community = Some(community(20001));
    let table_of = |azure| table(azure, &[]);
    let communities = |table: &Table, prefix| told(table, id(GW, 0, 0), prefix).unwrap().communities.to_vec();
    let private = table_of(azure);
    assert_eq!(communities(&private, "10.1.0.0/16"), [community(50004)]);
    assert_eq!(communities(&private, "10.2.0.0/16"), [community(50004), community(20001)]);
    let services = table_of(microsoft());
    assert_eq!(prefixes(&services.announced(id(GW, 0, 0))), ["20.60.0.0/16"]);
    assert_eq!(communities(&services, "20.60.0.0/16"), [community(52004)]);
    let mut unfiltered = microsoft();
    if let Peering::Microsoft(chosen) = &mut circuit_of(&mut unfiltered.gateways[GW].connections[0]).peering {
        chosen.route_filter.clear();
    }
    assert!(table_of(unfiltered).announced(id(GW, 0, 0)).is_empty());
    for azure in [crate::testing::azure(), only_route_server(), virtual_wan()] {
        let said = table_of(azure).announced(id(GW, 0, 0));
        assert!(said.len() > 1 && said.iter().all(|route| route.attributes.communities.is_empty()));
    }
}

/// Row 30, ER-ROUTE D: private numbers are stripped from what Microsoft peering hears, and not from private peering.
#[test]
fn row_30_private_as_numbers_are_stripped_on_microsoft_peering() {
    let heard_as = |azure: Azure, prefix| {
        let session = id(GW, 0, MADRID);
        let table = table(azure, &[(session, &[(prefix, &[64000, 65010, 64001, 4_200_000_000])])]);
        let learned = table.learned_routes(GW).value;
        learned.into_iter().find(|row| row.network == net(prefix)).unwrap().as_path
    };
    assert_eq!(heard_as(microsoft(), "20.1.0.0/16"), "12076-64000-64001");
    assert_eq!(heard_as(only_expressroute(), "20.1.0.0/16"), "12076-64000-65010-64001-4200000000");
}

/// Row 31, ER-COEX D: one prefix by both is ExpressRoute's, whatever the path; a longer one by VPN wins as longer ones do.
#[test]
fn row_31_expressroute_beats_vpn_but_not_a_longer_prefix() {
    let er: &[(&str, &[u32])] = &[("192.168.0.0/16", &[65030, 65030, 65030])];
    let vpn: &[(&str, &[u32])] = &[("192.168.0.0/16", &[65010]), ("192.168.7.0/24", &[65010])];
    let table = table(coexisting(false), &[(id(0, 0, PARIS), vpn), (id(1, 0, MADRID), er)]);
    assert_eq!(ways_at(&table, Place::Vnet(0), "192.168.0.0/16"), ["er/primary/madrid"]);
    let connection = |destination| match table.nic("vm").unwrap().ask(ip(destination)).verdict {
        crate::verdict::Verdict::OnPremises { hops } => hops[0].connection.clone(),
        other => other.to_string(),
    };
    assert_eq!((connection("192.168.8.8"), connection("192.168.7.7")), ("madrid".into(), "paris".into()));
}

/// Row 31, RS-FAQ D, VWAN-HRP D: the preference is a setting of Route Server, and of a hub.
#[test]
fn row_31_the_preference_of_route_server_and_hubs_is_a_setting() {
    let er: &[(&str, &[u32])] = &[("192.168.0.0/16", &[65030])];
    let vpn: &[(&str, &[u32])] = &[("192.168.0.0/16", &[65010])];
    let with = |preference| {
        let mut network = coexisting(false);
        if let Kind::RouteServer(server) = &mut network.gateways[2].kind {
            server.preference = preference;
        }
        let mut hubs = virtual_wan();
        hubs.gateways.push(expressroute(Place::Hub(0)));
        if let Kind::VirtualWan(hub) = &mut hubs.gateways[0].kind {
            hub.preference = preference;
        }
        let network = table(network, &[(id(0, 0, PARIS), vpn), (id(1, 0, MADRID), er)]);
        let hubs = table(hubs, &[(id(0, 0, PARIS), vpn), (id(2, 0, MADRID), er)]);
        [ways_at(&network, Place::Vnet(0), "192.168.0.0/16"), ways_at(&hubs, Place::Hub(0), "192.168.0.0/16")]
    };
    let er = ["er/primary/madrid".to_owned()];
    assert_eq!(with(Preference::ExpressRoute), [er.clone(), er]);
    // ExpressRoute's path is one longer: 12076 is in it.
    let vpn = [["gw/gw-0/paris".to_owned()], ["west/west-0/paris".to_owned()]];
    assert_eq!(with(Preference::Vpn), vpn);
    assert_eq!(with(Preference::AsPath), vpn);
}

/// Row 36, RS-FAQ D, VWAN-FAQ D, SYUH F: the family is offered, and what is said in it ignored.
#[tokio::test]
async fn row_36_ipv6_is_offered_and_ignored() {
    for azure in [azure(), only_route_server(), virtual_wan()] {
        let asn = azure.gateways[GW].connections[0].asn.0;
        let table = table(azure, &[(id(GW, 0, 0), &[("::/0", &[asn]), ("2001:db8::/32", &[asn])])]);
        assert!(table.routes(GW).is_empty());
        assert!(table.refused().iter().all(|refused| refused.why == Refusal::Ipv6));
    }
    let edge = Edge::new("127.61.36.1");
    let mock = start(only_paris(), &[&edge]);
    let to_azure = edge.session(&mock, id(GW, 0, PARIS), |config| config.families.push(Family::IPV6_UNICAST));
    to_azure.announce(&[("::/0", &[65010]), ("192.168.9.0/24", &[65010])]);
    until(&mock, |table| hops(table, "192.168.9.0/24") == 1 && table.refused().len() == 1).await;
    assert_eq!(to_azure.peer.status().borrow().counters.dropped, 0);
}

/// Route Server's manners beside the rows (azure.md §3.1): the path and an appliance's next hop are kept.
#[test]
fn route_server_keeps_the_next_hop_and_exchanges_with_gateways_only_by_branch_to_branch() {
    let said: &[(&str, &[u32])] = &[("192.168.7.0/24", &[65001])];
    let with = |branch_to_branch| {
        let azure = coexisting(branch_to_branch);
        let third_party = changed(heard(&azure, id(2, 0, NVA), said), |attributes| {
            attributes.next_hop = NextHop::Address("10.1.4.100".parse().unwrap());
        });
        let paris: Heard = heard(&azure, id(0, 0, PARIS), &[("192.168.8.0/24", &[65010])]);
        Table::new(Arc::new(azure), &[third_party, paris])
    };
    let (apart, together) = (with(false), with(true));
    let to_twin = told(&apart, id(2, 1, TWIN), "192.168.7.0/24").unwrap();
    assert_eq!(to_twin.next_hop, NextHop::Address("10.1.4.100".parse().unwrap()));
    assert_eq!(path(&to_twin), [65515, 65001]);
    let at_place =
        apart.routes_at(Place::Vnet(0)).iter().find(|r| r.prefix == net("192.168.7.0/24")).unwrap();
    assert_eq!(at_place.appliance(), Some(ip("10.1.4.100")));
    let exchanged = |table: &Table| {
        let to_paris = told(table, id(0, 0, PARIS), "192.168.7.0/24").is_some();
        let to_nva = told(table, id(2, 0, NVA), "192.168.8.0/24").is_some();
        let through = told(table, id(1, 0, MADRID), "192.168.8.0/24").is_some();
        (to_paris, to_nva, through)
    };
    assert_eq!((exchanged(&apart), exchanged(&together)), ((false, false, false), (true, true, true)));
    assert_eq!(
        path(&told(&together, id(1, 0, MADRID), "192.168.8.0/24").unwrap()),
        [12076],
        "65010 is private"
    );
}

/// azure.md §2.4: without active-active in AS 65515 a VPN gateway is left out of the exchange.
#[test]
fn a_vpn_gateway_in_another_as_is_left_out_of_branch_to_branch() {
    let mut azure = coexisting(true);
    vpn(&mut azure).asn = Asn(65501);
    let table = table(azure, &[(id(2, 0, NVA), &[("192.168.7.0/24", &[65001])])]);
    assert!(told(&table, id(0, 0, PARIS), "192.168.7.0/24").is_none());
    assert!(told(&table, id(1, 0, MADRID), "192.168.7.0/24").is_some());
}
