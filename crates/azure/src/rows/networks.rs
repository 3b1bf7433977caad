//! Rows 13 to 17 and 32 to 35: what network interfaces get, and what is shown.

use crate::config::*;
use crate::effective::{Beaten, Source, route};
use crate::gateway::Table;
use crate::kms::SERVERS;
use crate::testing::speaking::*;
use crate::testing::*;
use crate::verdict::{Answer, Verdict};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::time::Duration;

const KMS: &str = "20.118.99.224";
const DEFAULT: &str = "0.0.0.0/0";

fn ask(table: &Table, destination: &str) -> Answer {
    table.nic("vm").unwrap().ask(ip(destination))
}

fn is_forced(answer: &Answer) -> bool {
    matches!(answer.verdict, Verdict::OnPremises { .. })
}

/// The rows of a prefix: source, whether it is active, next hop type, next hop.
fn rows(table: &Table, subnet: &str, prefix: &str) -> Vec<String> {
    let rows = table.nic(subnet).unwrap().effective_routes().value.clone();
    let line = |row: &crate::effective::EffectiveRoute| {
        let hops: Vec<String> = row.next_hop_ip_address.iter().map(Ipv4Addr::to_string).collect();
        format!("{:?} {:?} {} {}", row.source, row.state, row.next_hop_type, hops.join(","))
            .trim_end()
            .to_owned()
    };
    rows.iter().filter(|row| row.prefix() == net(prefix)).map(line).collect()
}

/// Row 13, LAB-DEF F: the gateway's alone, one row an instance; the None rows are gone. That both are seen for minutes while
/// Azure converges is not mocked.
#[test]
fn row_13_a_default_hides_the_system_default_and_the_none_rows() {
    let table = after_paris(azure(), &[DEFAULT]);
    let gateway = "VirtualNetworkGateway Active VirtualNetworkGateway";
    assert_eq!(rows(&table, "vm", DEFAULT), [format!("{gateway} 10.1.0.4"), format!("{gateway} 10.1.0.5")]);
    for range in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"] {
        assert!(rows(&table, "vm", range).is_empty(), "{range}");
    }
}

/// Row 13, UDR D, U: the switch lists the system default as Invalid.
#[test]
fn row_13_the_system_default_is_invalid_by_switch() {
    let mut azure = azure();
    azure.gateways[GW].switches.system_default = SystemDefault::Invalid;
    let table = after_paris(azure, &[DEFAULT]);
    assert_eq!(rows(&table, "vm", DEFAULT)[0], "Default Invalid Internet");
}

/// Row 13, LAB-DEF F: while Azure converges, which takes minutes sometimes.
#[tokio::test]
async fn row_13_a_new_default_is_seen_twice_for_a_while_by_switch() {
    let edge = Edge::new("127.61.13.1");
    let mut azure = only_paris();
    azure.gateways[GW].switches.time_scale = 100;
    azure.gateways[GW].switches.converging = Duration::from_secs(100);
    let mock = start(azure, &[&edge]);
    let to_azure = edge.session(&mock, id(GW, 0, PARIS), |_| ());
    let listed = |table: &Table| {
        let nic = table.nic("vm").unwrap();
        nic.effective_routes().value.iter().filter(|row| row.prefix() == net(DEFAULT)).count()
    };
    to_azure.announce(&[(DEFAULT, &[65010])]);
    until(&mock, |table| listed(table) == 2 && hops(table, DEFAULT) == 1).await;
    until(&mock, |table| listed(table) == 1 && hops(table, DEFAULT) == 1).await;
}

/// Row 14, ER-FAQ D: withdrawn, or the session lost, on either gateway.
#[test]
fn row_14_egress_opens_when_the_default_is_gone() {
    for azure in [azure(), only_expressroute()] {
        let asn = azure.gateways[GW].connections[0].asn.0;
        let session = id(GW, 0, 0);
        let path = [asn];
        let forced = table(azure.clone(), &[(session, &[(DEFAULT, &path)])]);
        let (withdrawn, lost) = (table(azure.clone(), &[(session, &[])]), table(azure, &[]));
        assert!(is_forced(&ask(&forced, "198.51.100.7")));
        for open in [withdrawn, lost] {
            assert_eq!(rows(&open, "vm", DEFAULT), ["Default Active Internet"]);
            assert_eq!(ask(&open, "198.51.100.7").verdict, Verdict::Internet);
        }
    }
}

/// Row 15, LAB-ZS F: the system default and the None rows stay.
#[test]
fn row_15_halves_leave_the_system_default_active() {
    let table = after_paris(azure(), &["0.0.0.0/1", "128.0.0.0/1"]);
    assert_eq!(rows(&table, "vm", DEFAULT), ["Default Active Internet"]);
    assert_eq!(rows(&table, "vm", "192.168.0.0/16"), ["Default Active None"]);
    assert!(is_forced(&ask(&table, "198.51.100.7")));
}

/// Everything but these addresses.
fn complement(holes: &[Ipv4Net]) -> Vec<String> {
    let (mut space, mut pieces) = (vec![net(DEFAULT)], Vec::new());
    while let Some(prefix) = space.pop() {
        if !holes.iter().any(|hole| prefix.contains(hole)) {
            pieces.push(prefix.to_string());
        } else if prefix.prefix_len() < 32 {
            space.extend(prefix.subnets(prefix.prefix_len() + 1).unwrap());
        }
    }
    pieces
}

/// Row 15, I (azure.md §0.2): 84 prefixes leave out the three KMS servers of public Azure, which then follow the system
/// default.
#[test]
fn row_15_the_complement_leaves_holes_for_kms() {
    let global = SERVERS.iter().filter(|server| server.0 == crate::kms::Cloud::Global);
    let holes: Vec<Ipv4Net> = global.map(|server| server.2.into()).collect();
    let pieces = complement(&holes);
    assert_eq!(pieces.len(), 84);
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let table = after_paris(azure(), &pieces);
    for hole in holes {
        let answer = table.nic("vm").unwrap().ask(hole.addr());
        assert!(answer.verdict == Verdict::Internet && answer.activation.unwrap().works());
    }
    assert!(is_forced(&ask(&table, "20.118.99.225")) && is_forced(&ask(&table, "198.51.100.7")));
}

/// Row 16, UDR D, I: it loses to a user route of the same /32, and beats one to 0.0.0.0/0.
#[test]
fn row_16_a_kms_address_by_bgp_beats_a_user_default_but_not_a_user_route_to_itself() {
    let with = |prefix| {
        let mut azure = azure();
        vm(&mut azure).routes.push(user_route(prefix, NextHopType::Internet));
        after_paris(azure, &[DEFAULT, "20.118.99.224/32"])
    };
    assert!(is_forced(&ask(&with(DEFAULT), KMS)));
    assert_eq!(ask(&with(DEFAULT), "198.51.100.7").verdict, Verdict::Internet);
    assert_eq!(ask(&with("20.118.99.224/32"), KMS).verdict, Verdict::Internet);
}

/// Row 17, KMS-FT D: the source is not Azure's.
#[test]
fn row_17_activation_through_the_gateway_fails() {
    let table = after_paris(azure(), &[DEFAULT]);
    for (.., address) in SERVERS {
        let activation = table.nic("vm").unwrap().ask(address).activation.unwrap();
        assert!(!activation.works() && activation.to_string().contains("0xC004F074"), "{activation}");
    }
}

/// Row 32, LAB-RS F, LAB-ER F, D: weights, paths joined by dashes, origins, and the states' names.
#[test]
fn row_32_listings_have_azures_fields_and_weights() {
    let mut azure = only_expressroute();
    circuit_of(&mut azure.gateways[GW].connections[0]).weight = 10;
    let table = table(azure, &[(id(GW, 1, 0), &[(DEFAULT, &[65030, 65031])])]);
    let learned = table.learned_routes(GW).value;
    let row = serde_json::to_value(learned.last().unwrap()).unwrap();
    let expected = serde_json::json!({
        "asPath": "12076-65030-65031", "localAddress": "192.168.15.22", "network": "0.0.0.0/0",
        "nextHop": "192.168.15.21", "origin": "EBgp", "sourcePeer": "192.168.15.21", "weight": 32779,
    });
    assert_eq!(row, expected);
    let vpn = after_paris(crate::testing::azure(), &[DEFAULT]).learned_routes(GW).value;
    assert!(vpn.iter().all(|row| row.weight == 32768));
    let advertised = table.advertised_routes(GW, "192.168.15.17".parse().unwrap()).value;
    let row = serde_json::to_value(&advertised[0]).unwrap();
    let expected = serde_json::json!({
        "asPath": "12076", "localAddress": "192.168.15.18", "network": "10.1.0.0/16", "nextHop": "192.168.15.18",
        "origin": "Igp", "sourcePeer": null, "weight": 0,
    });
    assert_eq!(row, expected);
}

/// Row 32, azure.md §3.1, D: Route Server's listing, an array for each instance.
#[test]
fn row_32_route_server_lists_its_instances_apart() {
    let table = table(only_route_server(), &[(id(GW, 1, 0), &[(DEFAULT, &[65001])])]);
    let listing = serde_json::to_value(table.learned_from(GW, "10.1.4.10".parse().unwrap())).unwrap();
    assert_eq!(listing["RouteServiceRole_IN_0"], serde_json::json!([]));
    assert_eq!(listing["RouteServiceRole_IN_1"][0]["nextHop"], "10.1.4.10");
    assert_eq!(listing["RouteServiceRole_IN_1"][0]["localAddress"], "10.1.3.5");
}

/// Row 32, LAB-DEF F, LAB-RS F, VWAN-NVA F: the next hop that interfaces show, kind by kind.
#[test]
fn row_32_each_kind_shows_its_own_next_hop() {
    let shown = |azure: Azure, subnet: &str| {
        let path = [azure.gateways[GW].connections[0].asn.0];
        rows(&table(azure, &[(id(GW, 0, 0), &[(DEFAULT, &path)])]), subnet, DEFAULT)
    };
    let row = |hop| [format!("VirtualNetworkGateway Active VirtualNetworkGateway {hop}")];
    assert_eq!(shown(active_standby(), "vm"), row("13.70.194.156"));
    assert_eq!(shown(azure(), "vm"), row("10.1.0.4"));
    assert_eq!(shown(only_route_server(), "vm"), row("10.1.4.10"));
    assert_eq!(shown(virtual_wan(), "blue-vm"), row("10.100.0.68"));
}

/// Row 33, UDR D: user over gateway over system.
#[test]
fn row_33_user_beats_gateway_beats_system() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("20.0.0.0/8", NextHopType::Internet));
    let table = after_paris(azure, &["20.0.0.0/8", "192.168.0.0/16"]);
    let nic = table.nic("vm").unwrap();
    let winner = |destination| route(&nic.effective_routes().value, ip(destination)).winners[0].source;
    assert_eq!(winner("20.1.1.1"), Source::User);
    assert_eq!(winner("192.168.1.1"), Source::VirtualNetworkGateway);
    assert_eq!(winner("172.16.1.1"), Source::Default);
}

/// Row 33, UDR D: the exception, for networks, peerings and service endpoints.
#[test]
fn row_33_networks_peerings_and_service_endpoints_beat_longer_routes_of_gateways() {
    let mut azure = azure();
    vm(&mut azure).service_endpoints.push(net("20.60.0.0/16"));
    let table = after_paris(azure, &["10.3.9.0/24", "20.60.1.0/24"]);
    let nic = table.nic("vm").unwrap();
    for (destination, wins) in
        [("10.3.9.9", NextHopType::VNetPeering), ("20.60.1.1", NextHopType::VirtualNetworkServiceEndpoint)]
    {
        let decision = route(&nic.effective_routes().value, ip(destination));
        assert_eq!(decision.winners[0].next_hop_type, wins);
        assert_eq!(decision.beaten[0].why, Beaten::VnetBeatsGateway);
    }
}

/// Row 34, UDR D, RS-INJ D: neither BGP nor static, of no gateway; but `GatewaySubnet` has them always (GW-UDR D).
#[test]
fn row_34_without_propagation_no_route_of_any_gateway_is_there() {
    let mut azure = coexisting(false);
    vm(&mut azure).propagate_gateway_routes = false;
    azure.vnets[0].subnets[0].propagate_gateway_routes = false;
    statics(&mut azure.gateways[GW].connections[0]).push(net("192.168.7.0/24"));
    let said: [Said<'_>; 3] = [
        (id(0, 0, PARIS), &[(DEFAULT, &[65010])]),
        (id(1, 0, 0), &[("192.168.8.0/24", &[65030])]),
        (id(2, 0, 0), &[("192.168.9.0/24", &[65001])]),
    ];
    let table = table(azure, &said);
    let learned = |subnet| {
        let rows = table.nic(subnet).unwrap().effective_routes().value.clone();
        rows.iter().filter(|row| row.source == Source::VirtualNetworkGateway).count()
    };
    assert_eq!(learned("vm"), 0);
    assert_eq!(
        learned("GatewaySubnet"),
        5,
        "the default, two ways of the static one, and one of each other gateway"
    );
}

/// Row 35, WIRE D, I: neither BGP nor user routes move them.
#[test]
fn row_35_platform_addresses_follow_nothing() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("168.63.129.16/32", NextHopType::None));
    let table = after_paris(azure, &[DEFAULT, "169.254.169.254/32"]);
    assert_eq!(ask(&table, "168.63.129.16").verdict, Verdict::Platform);
    assert_eq!(ask(&table, "169.254.169.254").verdict, Verdict::Platform);
}
