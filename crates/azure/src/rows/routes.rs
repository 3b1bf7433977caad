//! Rows 10, 18, 19, 23, 30, 31 and 36: what is taken and chosen.

use super::shared::*;
use crate::config::*;
use crate::gateway::{Refusal, Table};
use crate::testing::speaking::*;
use crate::testing::*;
use quadzero_codec::Family;
use std::sync::Arc;

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

/// Row 23, RS-TS D: beside a Route Server, one of several equal connections of ExpressRoute is used; azure.md §7.1.
#[test]
fn row_23_expressroute_beside_route_server_uses_one_of_equal_connections() {
    let with = |beside: Option<Gateway>| {
        let mut azure = only_expressroute();
        azure.gateways[GW].connections.push(circuit("lisbon", 65031, 32));
        azure.gateways.extend(beside);
        let madrid: &[(&str, &[u32])] = &[(DEFAULT, &[65030])];
        let lisbon: &[(&str, &[u32])] = &[(DEFAULT, &[65031])];
        let said = [(id(GW, 0, MADRID), madrid), (id(GW, 1, MADRID), madrid), (id(GW, 0, 1), lisbon)];
        ways(&table(azure, &said), GW, DEFAULT)
    };
    assert_eq!(with(None), ["er/primary/madrid", "er/secondary/madrid", "er/primary/lisbon"]);
    assert_eq!(with(Some(route_server(false))), ["er/primary/madrid", "er/secondary/madrid"]);
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

/// azure.md §2.1: the two peerings of a circuit are two tables.
#[test]
fn microsoft_peering_takes_no_prefix_away_from_private_peering() {
    let mut azure = microsoft();
    azure.gateways[GW].connections.push(circuit("lisbon", 65031, 32));
    let public: &[(&str, &[u32])] = &[("20.1.0.0/16", &[64000])];
    let private: &[(&str, &[u32])] = &[("20.1.0.0/16", &[65031, 65031])];
    let table = table(azure, &[(id(GW, 0, MADRID), public), (id(GW, 0, 1), private)]);
    assert_eq!(ways(&table, GW, "20.1.0.0/16"), ["er/primary/lisbon"]);
}
