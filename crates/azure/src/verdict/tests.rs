use super::*;
use crate::gateway::Table;
use crate::kms::{Cloud, SERVERS};
use crate::testing::*;
use std::sync::Arc;

const KMS: &str = "20.118.99.224";

fn ask(table: &Table, destination: &str) -> Answer {
    table.nic("vm").unwrap().ask(ip(destination))
}

fn is_forced(answer: &Answer) -> bool {
    matches!(answer.verdict, Verdict::OnPremises { .. })
}

#[test]
fn leaves_by_azures_internet_while_nothing_is_announced() {
    let nothing = after_paris(azure(), &[]);
    assert_eq!(ask(&nothing, "198.51.100.7").verdict, Verdict::Internet);
    assert!(ask(&nothing, KMS).activation.unwrap().works());
}

/// azure.md §8, rows 10, 17 and 22: both instances, and activation fails.
#[test]
fn a_default_forces_everything_on_premises_over_both_instances() {
    let default = after_paris(azure(), &["0.0.0.0/0"]);
    insta::assert_snapshot!(ask(&default, KMS), @r#"
    20.118.99.224: forced to on-premises through gw-0, connection paris (BGP next hop 10.51.255.254) and through gw-1, connection paris (BGP next hop 10.51.255.254)
      follows 0.0.0.0/0 -> VirtualNetworkGateway 10.1.0.4, gateway
      follows 0.0.0.0/0 -> VirtualNetworkGateway 10.1.0.5, gateway
      activation fails (0xC004F074): the request is forced through on-premises, so its source is not a public address of Azure
    "#);
}

#[test]
fn a_default_leaves_the_network_and_its_peers_alone() {
    let default = after_paris(azure(), &["0.0.0.0/0"]);
    assert_eq!(ask(&default, "10.1.1.9").verdict, Verdict::Vnet { name: "hub".into() });
    assert_eq!(ask(&default, "10.3.1.9").verdict, Verdict::Vnet { name: "island".into() });
}

/// azure.md §8, row 13: the None rows are gone.
#[test]
fn a_default_takes_private_destinations_too_and_halves_do_not() {
    let (default, halves) =
        (after_paris(azure(), &["0.0.0.0/0"]), after_paris(azure(), &["0.0.0.0/1", "128.0.0.0/1"]));
    assert!(is_forced(&ask(&default, "192.168.7.7")));
    assert!(matches!(ask(&halves, "192.168.7.7").verdict, Verdict::Dropped { .. }));
    assert!(is_forced(&ask(&halves, "198.51.100.7")));
}

/// azure.md §8, row 16, and the documented remedy (KMS-FT D).
#[test]
fn a_user_route_for_the_kms_address_lets_activation_work() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("20.118.99.224/32", NextHopType::Internet));
    let announced = after_paris(azure, &["0.0.0.0/0", "20.118.99.224/32"]);
    let kms = ask(&announced, KMS);
    assert_eq!(kms.verdict, Verdict::Internet);
    assert!(kms.activation.unwrap().works());
    assert!(is_forced(&ask(&announced, "40.83.235.53")));
}

/// azure.md §4: "route must exist in gateway".
#[test]
fn a_user_route_to_the_gateway_needs_a_route_there() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::VirtualNetworkGateway));
    let nothing = after_paris(azure.clone(), &[]);
    assert!(matches!(ask(&nothing, "198.51.100.7").verdict, Verdict::Dropped { .. }));
    statics(&mut azure.gateways[GW].connections[0]).push(net("0.0.0.0/0"));
    let fixed = after_paris(azure, &[]);
    assert!(is_forced(&ask(&fixed, "198.51.100.7")));
}

/// The user route leads to the gateway; there, the longest prefix decides by which way.
#[test]
fn the_gateway_takes_the_longest_prefix_that_it_has() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::VirtualNetworkGateway));
    let paris = heard(&azure, id(GW, 0, PARIS), &[("0.0.0.0/0", &[65010])]);
    let oslo = heard(&azure, id(GW, 1, OSLO), &[("198.51.100.0/24", &[65020])]);
    vm(&mut azure).propagate_gateway_routes = false;
    let table = Table::new(Arc::new(azure), &[paris, oslo]);
    let way = |destination| match ask(&table, destination).verdict {
        Verdict::OnPremises { hops } => hops.into_iter().map(|hop| hop.connection).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    assert_eq!((way("198.51.100.7"), way("198.51.101.7")), (vec!["oslo".into()], vec!["paris".into()]));
}

#[test]
fn an_appliance_decides_for_itself_whether_activation_works() {
    let mut azure = azure();
    let mut to_appliance = user_route("0.0.0.0/0", NextHopType::VirtualAppliance);
    to_appliance.next_hop_ip = Some(ip("10.1.2.4"));
    vm(&mut azure).routes.push(to_appliance);
    let nothing = after_paris(azure, &[]);
    let kms = ask(&nothing, KMS);
    assert_eq!(kms.verdict, Verdict::Appliance { address: ip("10.1.2.4") });
    assert!(matches!(kms.activation, Some(Activation::Depends(_))));
}

#[test]
fn private_addresses_have_no_way_through_the_internet() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
    let nothing = after_paris(azure, &[]);
    for private in ["10.200.0.1", "100.64.0.1", "192.168.1.1"] {
        assert!(matches!(ask(&nothing, private).verdict, Verdict::Dropped { .. }), "{private}");
    }
}

/// azure.md §2.4 and §5.1: service endpoints keep the backbone.
#[test]
fn a_service_endpoint_beats_the_default_and_longer_announcements() {
    let mut azure = azure();
    vm(&mut azure).service_endpoints.push(net("20.60.0.0/16"));
    let all = after_paris(azure, &["0.0.0.0/0", "20.60.1.0/24"]);
    assert_eq!(ask(&all, "20.60.1.1").verdict, Verdict::ServiceEndpoint);
}

#[test]
fn only_kms_servers_are_asked_about_activation() {
    let default = after_paris(azure(), &["0.0.0.0/0"]);
    for (cloud, host, address) in SERVERS {
        let answer = default.nic("vm").unwrap().ask(address);
        assert!(!answer.activation.unwrap().works(), "{cloud:?} {host}");
    }
    assert_eq!(SERVERS.iter().filter(|server| server.0 == Cloud::Global).count(), 3);
    assert_eq!(ask(&default, "20.118.99.225").activation, None);
}

#[test]
fn answers_serialise_with_their_reasons() {
    let mut azure = azure();
    vm(&mut azure).routes.push(user_route("20.118.99.224/32", NextHopType::Internet));
    let answer = ask(&after_paris(azure, &["0.0.0.0/0"]), KMS);
    let json = serde_json::to_value(answer).unwrap();
    assert_eq!(json["verdict"]["kind"], "internet");
    assert_eq!(json["activation"]["outcome"], "works");
    assert_eq!(json["winners"][0]["name"], "to-20.118.99.224/32");
    assert_eq!(json["beaten"][0]["why"], "shorter-prefix");
}
