//! Rows 11, 12, 21, 24 and 25: what is told to whom.

use super::shared::*;
use crate::config::*;
use crate::gateway::{Heard, Table};
use crate::testing::*;
use quadzero_codec::{AsPath, Asn, Community, NextHop, Origin};
use std::sync::Arc;

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

/// Row 24, RS-INJ D: 65535:65282 programs network interfaces and is told to no peer, nor to a gateway; 65535:65281 likewise
/// (RFC 1997, I).
#[test]
fn row_24_no_advertise_is_for_network_interfaces_alone() {
    for tag in [Community::NO_ADVERTISE, Community::NO_EXPORT] {
        let table = tagged(coexisting(true), id(2, 0, NVA), &[tag]);
        for other in [id(2, 0, TWIN), id(0, 0, PARIS), id(1, 0, MADRID)] {
            assert!(told(&table, other, "192.168.7.0/24").is_none(), "{other:?} {tag}");
        }
        assert_eq!(ways_at(&table, Place::Vnet(0), "192.168.7.0/24"), ["rs/RS_0/nva"]);
    }
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

/// azure.md §3.2: what a site has as private address space is told to the other sites; 0.0.0.0/0 by the flag (VWAN-FT B).
#[test]
fn a_hub_tells_other_sites_the_address_space_of_a_site() {
    let mut azure = virtual_wan();
    *statics(&mut azure.gateways[0].connections[0]) = vec![net("192.168.7.0/24"), net(DEFAULT)];
    azure.gateways[0].connections.push(site("bern", 65050, "10.54.255.254"));
    let table = table(azure, &[]);
    let (paris, oslo, bern, rome) = (id(0, 0, 0), id(0, 0, 1), id(0, 0, 2), id(1, 0, 0));
    let told = |session| {
        [told(&table, session, "192.168.7.0/24"), told(&table, session, DEFAULT)].map(|a| a.is_some())
    };
    assert_eq!(
        [paris, oslo, bern, rome].map(told),
        [[false, false], [true, true], [true, false], [true, false]]
    );
    let next_hops = table.routes_at(Place::Hub(0)).iter().flat_map(|route| route.shown_next_hops());
    assert!(next_hops.into_iter().all(|hop| hop == ip("10.100.0.68")));
}
