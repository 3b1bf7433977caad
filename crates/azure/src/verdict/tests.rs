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
      then gateway gw: 0.0.0.0/0 by gw-0 to paris, gw-1 to paris
      activation fails: error 0xC004F074: the request is forced through on-premises, so its source is not a public address of Azure
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

/// A subnet `nva` for the appliance 10.1.4.10, whose table has these routes.
fn with_nva(mut azure: Azure, routes: &[(&str, NextHopType)]) -> Azure {
    let mut nva = Subnet::new("nva", net("10.1.4.0/24"));
    nva.routes = routes.iter().map(|(prefix, by)| user_route(prefix, *by)).collect();
    azure.vnets[0].subnets.push(nva);
    azure
}

fn after_nva(azure: Azure) -> Table {
    table(azure, &[(id(0, 0, 0), &[("0.0.0.0/0", &[65001])]), (id(0, 1, 0), &[("0.0.0.0/0", &[65001])])])
}

/// azure.md §7.1, RS-TS D: the appliance learns its own default.
#[test]
fn an_appliance_that_learns_its_own_default_is_a_loop_until_its_subnet_has_another_way() {
    let looped = after_nva(with_nva(only_route_server(), &[]));
    let Verdict::Dropped { why } = ask(&looped, "198.51.100.7").verdict else { panic!("no loop") };
    assert!(why.contains("loop"), "{why}");
    let fixed = after_nva(with_nva(only_route_server(), &[("0.0.0.0/0", NextHopType::Internet)]));
    let answer = ask(&fixed, "198.51.100.7");
    assert_eq!((&answer.verdict, answer.source), (&Verdict::Internet, Seen::Azure));
    assert!(matches!(
        &answer.path[..],
        [Stop::Gateway { .. }, Stop::Appliance { .. }, Stop::Interface { .. }]
    ));
}

/// azure.md §6.4: an appliance in Azure may send activation out, if it translates.
#[test]
fn whether_an_appliance_translates_is_told_from_outside() {
    let table = after_nva(with_nva(only_route_server(), &[("0.0.0.0/0", NextHopType::Internet)]));
    let judged = |known: Option<bool>| {
        let appliances = known.map(|translates| (ip("10.1.4.10"), translates)).into_iter().collect();
        let beyond = Beyond { appliances, ..Beyond::default() };
        table.nic("vm").unwrap().with(&beyond).ask(ip(KMS)).activation.unwrap().word()
    };
    assert_eq!([None, Some(true), Some(false)].map(judged), ["depends", "works", "fails"]);
}

/// azure.md §8, row 31: what VPN has is told as beaten.
#[test]
fn a_gateway_tells_the_paths_that_it_does_not_use() {
    let table = table(
        coexisting(false),
        &[(id(0, 0, PARIS), &[("0.0.0.0/0", &[65010])]), (id(1, 0, 0), &[("0.0.0.0/0", &[65030])])],
    );
    let answer = ask(&table, "198.51.100.7");
    let Stop::Gateway { beaten, hops, .. } = &answer.path[0] else { panic!("{answer}") };
    assert_eq!((hops[0].gateway.as_str(), beaten.len()), ("er", 1));
    assert!(beaten[0].gateway == "gw" && beaten[0].why.contains("ExpressRoute is preferred"), "{answer}");
    let longer = after_paris(azure(), &["0.0.0.0/0"]);
    assert!(matches!(&ask(&longer, KMS).path[0], Stop::Gateway { beaten, .. } if beaten.is_empty()));
}

#[test]
fn one_of_two_sites_without_a_way_out_loses_some_flows() {
    let said: &[(&str, &[u32])] = &[("0.0.0.0/0", &[65010])];
    let table = table(azure(), &[(id(GW, 0, PARIS), said), (id(GW, 0, OSLO), said)]);
    let site = |name: &str, exit| Site { name: name.into(), exit, routes: None };
    let sites = [
        (ip("10.51.255.254").into(), site("paris", Exit::Translated)),
        (ip("10.52.255.254").into(), site("oslo", Exit::Closed)),
    ];
    let beyond = Beyond { sites: sites.into(), ..Beyond::default() };
    let answer = table.nic("vm").unwrap().with(&beyond).ask(ip("198.51.100.7"));
    assert_eq!(answer.source, Seen::None);
    assert_eq!(answer.lost.unwrap(), "some flows are lost: site oslo has no way to the Internet");
    let at_home = table.nic("vm").unwrap().with(&beyond).ask(ip("10.60.0.1"));
    assert_eq!((at_home.source, at_home.lost), (Seen::Private, None));
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

/// azure.md §4: Default Site acts on every subnet, needs no announcement, and is told to nobody.
#[test]
fn default_site_forces_every_subnet_without_bgp() {
    let mut azure = azure();
    vpn(&mut azure).default_site = Some(OSLO);
    let nothing = after_paris(azure, &[]);
    for subnet in ["vm", "app"] {
        let Verdict::OnPremises { hops } = nothing.nic(subnet).unwrap().ask(ip("198.51.100.7")).verdict
        else {
            panic!("{subnet}")
        };
        assert!(hops.len() == 2 && hops.iter().all(|hop| hop.connection == "oslo"));
    }
    assert!(nothing.nic("lone").unwrap().ask(ip("198.51.100.7")).verdict == Verdict::Internet, "no transit");
    assert!(nothing.announced(id(GW, 0, PARIS)).get(&"0.0.0.0/0".parse().unwrap()).is_none());
}

/// azure.md §4: a user route opts a subnet out of a default by BGP and of Default Site (split tunneling, FT-DS D); one to
/// the gateway opts it in, and there Default Site takes it.
#[test]
fn user_routes_opt_a_subnet_out_and_in() {
    for default_site in [None, Some(PARIS)] {
        let mut azure = azure();
        vpn(&mut azure).default_site = default_site;
        vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
        let announced = after_paris(azure, &["0.0.0.0/0"]);
        assert_eq!(ask(&announced, "198.51.100.7").verdict, Verdict::Internet);
        assert!(matches!(
            announced.nic("app").unwrap().ask(ip("198.51.100.7")).verdict,
            Verdict::OnPremises { .. }
        ));
    }
    let mut azure = azure();
    vpn(&mut azure).default_site = Some(OSLO);
    vm(&mut azure).propagate_gateway_routes = false;
    vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::VirtualNetworkGateway));
    assert!(is_forced(&ask(&after_paris(azure, &[]), "198.51.100.7")));
}

/// azure.md §2.4: ExpressRoute is forced by BGP alone. A user route leads to none, nor to a VPN gateway beside it.
#[test]
fn a_user_route_leads_to_no_gateway_beside_expressroute() {
    for azure in [only_expressroute(), coexisting(false)] {
        let mut azure = azure;
        let er = azure.gateways.iter().position(|gateway| gateway.kind.is_expressroute()).unwrap();
        let by_bgp: Said<'_> = (id(er, 0, 0), &[("0.0.0.0/0", &[65030])]);
        assert!(is_forced(&ask(&table(azure.clone(), &[by_bgp]), "198.51.100.7")));
        vm(&mut azure).routes.push(user_route("0.0.0.0/0", NextHopType::VirtualNetworkGateway));
        let answer = ask(&table(azure, &[by_bgp]), "198.51.100.7");
        assert!(matches!(answer.verdict, Verdict::Dropped { .. }), "{answer}");
    }
}

/// azure.md §3.1: what Route Server brings is handed to the appliance, which decides about activation.
#[test]
fn a_default_of_route_server_hands_packets_to_the_appliance() {
    let table = table(only_route_server(), &[(id(GW, 0, 0), &[("0.0.0.0/0", &[65001])])]);
    let kms = ask(&table, KMS);
    assert_eq!(kms.verdict, Verdict::Appliance { address: ip("10.1.4.10") });
    assert!(matches!(kms.activation, Some(Activation::Depends(_))));
}

/// azure.md §3.2: networks of a Virtual WAN reach each other by their hubs, and the hub itself.
#[test]
fn networks_of_a_virtual_wan_reach_each_other_and_the_hub() {
    let table = table(virtual_wan(), &[]);
    let goes = |to| table.nic("blue-vm").unwrap().ask(ip(to)).verdict;
    assert_eq!(goes("10.12.1.1"), Verdict::Vnet { name: "red".into() });
    assert_eq!(goes("10.13.1.1"), Verdict::Vnet { name: "green".into() });
    assert_eq!(goes("10.100.0.68"), Verdict::Vnet { name: "west".into() });
}
