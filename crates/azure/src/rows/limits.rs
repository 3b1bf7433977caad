//! Rows 20, 22 and 26: what ends sessions, and what brings them back.

use crate::config::*;
use crate::gateway::PeerState;
use crate::maintenance::Cause;
use crate::testing::speaking::*;
use crate::testing::*;
use quadzero_codec::ErrorCode;
use quadzero_fsm::{Down, Mode, State};
use std::time::Duration;

const LIMIT: ErrorCode = ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES;

/// Row 20, VPN-FAQ, ER-LIM, RS-FAQ, VWAN-LIM D: the documented numbers.
#[test]
fn row_20_the_limits_are_the_documented_ones() {
    let limit = |azure: &Azure, gateway: usize| {
        let limit = azure.gateways[gateway].limit(&azure.gateways[gateway].connections[0]);
        (limit.most, limit.most_ipv6)
    };
    assert_eq!(limit(&azure(), GW).0, 4_000);
    assert_eq!(limit(&only_route_server(), GW).0, 4_000);
    assert_eq!(limit(&virtual_wan(), GW).0, 10_000);
    let mut azure = only_expressroute();
    assert_eq!(limit(&azure, GW), (4_000, 100));
    circuit_of(&mut azure.gateways[GW].connections[0]).sku = Sku::Premium;
    assert_eq!(limit(&azure, GW), (10_000, 100));
    circuit_of(&mut azure.gateways[GW].connections[0]).peering =
        Peering::Microsoft(MicrosoftPeering::default());
    assert_eq!(limit(&azure, GW), (200, 200));
    azure.gateways[GW].max_prefixes = Some(1_000);
    assert_eq!(limit(&azure, GW).0, 1_000, "another one is a switch");
}

/// Lets sessions that were dropped come back soon.
fn impatient(mut azure: Azure, most: usize) -> Azure {
    for gateway in &mut azure.gateways {
        gateway.max_prefixes = Some(most);
        gateway.switches.time_scale = 1_000;
    }
    azure
}

/// Row 20, VPN-FAQ D: in aggregate; the session that crosses the limit goes, and may come back with fewer. NOTIFICATION 6/1
/// and a minute are our choice (U).
#[tokio::test]
async fn row_20_a_vpn_gateway_counts_all_sessions_together() {
    // Whichever instance it is: the session that was there before stays.
    for (first, second, host) in [(0, 1, "127.61.20.1"), (1, 0, "127.61.20.2")] {
        let edge = Edge::new(host);
        let mock = start(impatient(only_paris(), 3), &[&edge]);
        let first = edge.session(&mock, id(GW, first, PARIS), |_| ());
        first.announce(&[("0.0.0.0/0", &[65010]), ("20.0.0.0/8", &[65010])]);
        until(&mock, |table| table.routes(GW).len() == 2).await;
        let second = edge.session(&mock, id(GW, second, PARIS), |_| ());
        second.announce(&[("0.0.0.0/0", &[65010]), ("30.0.0.0/8", &[65010]), ("31.0.0.0/8", &[65010])]);
        second.until_told(LIMIT).await;
        assert_eq!(first.peer.status().borrow().counters.dropped, 0);
        second.announce(&[("0.0.0.0/0", &[65010]), ("30.0.0.0/8", &[65010])]);
        until(&mock, |table| hops(table, "0.0.0.0/0") == 2 && hops(table, "30.0.0.0/8") == 1).await;
    }
}

/// Row 20, ER-LIM D, ER-FAQ D: each link by itself; the session is back once the count is.
#[tokio::test]
async fn row_20_expressroute_counts_each_session() {
    let edge = Edge::new("127.61.20.3");
    let mock = start(impatient(only_expressroute(), 2), &[&edge]);
    let [primary, secondary] = [0, 1].map(|link| edge.session(&mock, id(GW, link, 0), |_| ()));
    secondary.announce(&[("30.0.0.0/8", &[65030]), ("31.0.0.0/8", &[65030])]);
    until(&mock, |table| table.routes(GW).len() == 2).await;
    primary.announce(&[("20.0.0.0/8", &[65030]), ("21.0.0.0/8", &[65030]), ("22.0.0.0/8", &[65030])]);
    primary.until_told(LIMIT).await;
    primary.announce(&[("20.0.0.0/8", &[65030]), ("21.0.0.0/8", &[65030])]);
    until(&mock, |table| table.routes(GW).len() == 4).await;
    assert_eq!(secondary.peer.status().borrow().counters.dropped, 0);
}

/// Row 20, RS-FAQ D: two routes that are said again are four, and too many for three; azure.md §7.1 has who met it.
#[tokio::test]
async fn row_20_route_server_counts_what_is_announced_again() {
    let mut azure = impatient(only_route_server(), 3);
    azure.gateways[GW].connections.truncate(1);
    let edge = Edge::new("127.61.20.4");
    let mock = start(azure, &[&edge]);
    let nva = edge.session(&mock, id(GW, 0, 0), |_| ());
    nva.announce(&[("20.0.0.0/8", &[65001]), ("21.0.0.0/8", &[65001])]);
    until(&mock, |table| table.routes(GW).len() == 2).await;
    nva.announce(&[("20.0.0.0/8", &[65001, 65001]), ("21.0.0.0/8", &[65001, 65001])]);
    nva.until_told(LIMIT).await;
}

/// Row 22, HA D, LAB-BGP F: two sessions, two next hops; one goes, the other stays, and it comes back by itself.
#[tokio::test]
async fn row_22_an_instance_goes_and_comes_back_and_the_other_stays() {
    for (cause, host) in [(Cause::Planned, "127.61.22.1"), (Cause::Unplanned, "127.61.22.2")] {
        let edge = Edge::new(host);
        let mut azure = only_paris();
        azure.gateways[GW].switches.time_scale = 1_000;
        let mock = start(azure, &[&edge]);
        // Passive, so that no connection is lost by a collision, which would be its own reason to be down.
        let both = [0, 1].map(|instance| {
            edge.session(&mock, id(GW, instance, PARIS), |config| config.mode = Mode::Passive)
        });
        both.iter().for_each(|to_azure| to_azure.announce(&[("0.0.0.0/0", &[65010])]));
        until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
        let lasts = mock.outage(GW, 0, cause);
        assert!(lasts <= Duration::from_millis(90), "{lasts:?}");
        let last = both[0].until(|status| status.last_down.is_some()).await.last_down.unwrap();
        match cause {
            Cause::Planned => {
                assert!(matches!(&last, Down::Received(n) if n.shutdown_text().is_some()), "{last}")
            }
            Cause::Unplanned => assert_eq!(last, Down::Closed),
        }
        both[0].until(|status| status.counters.established == 2).await;
        until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
        assert_eq!(both[1].peer.status().borrow().counters.dropped, 0);
    }
}

/// Row 22, ER-HA D: a router of ExpressRoute that is about to go says so by a longer path, and the other one does not. How much
/// longer, and for how long, is U.
#[tokio::test]
async fn row_22_expressroute_announces_a_longer_path_before_maintenance() {
    let edge = Edge::new("127.61.22.4");
    let mut azure = only_expressroute();
    circuit_of(&mut azure.gateways[GW].connections[0]).bfd = false;
    let switches = &mut azure.gateways[GW].switches;
    (switches.time_scale, switches.maintenance_warning) = (100, Duration::from_secs(200));
    let mock = start(azure, &[&edge]);
    let both = [0, 1].map(|link| edge.session(&mock, id(GW, link, 0), |config| config.mode = Mode::Passive));
    let length = |link: usize| {
        let learned = both[link].peer.learned().get(&"10.1.0.0/16".parse().unwrap()).cloned();
        learned.map(|attributes| attributes.as_path.asns().count())
    };
    for link in [0, 1] {
        both[link].until(|_| length(link) == Some(1)).await;
    }
    mock.outage(GW, 0, Cause::Planned);
    both[0].until(|_| length(0) == Some(3)).await;
    assert_eq!(length(1), Some(1));
    both[0].until(|status| status.counters.dropped == 1).await;
    both[0].until(|status| status.counters.established == 2 && length(0) == Some(1)).await;
}

/// Row 22, LAB-RS F: while one instance is away its state says so, and its routes are gone.
#[tokio::test]
async fn row_22_an_instance_that_is_away_is_shown_so() {
    let edge = Edge::new("127.61.22.3");
    let mock = start(only_paris(), &[&edge]);
    let both = [0, 1].map(|instance| edge.session(&mock, id(GW, instance, PARIS), |_| ()));
    both.iter().for_each(|to_azure| to_azure.announce(&[("0.0.0.0/0", &[65010])]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
    mock.outage(GW, 0, Cause::Planned);
    until(&mock, |table| hops(table, "0.0.0.0/0") == 1).await;
    assert!(mock.is_down(GW, 0) && !mock.is_down(GW, 1));
    assert!(states(&mock).contains(&("10.51.255.254".into(), PeerState::Stopped)));
    mock.bring_up(GW, 0);
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
}

/// A network that was not peered before.
fn with_island(azure: &Azure) -> Vec<Vnet> {
    let mut vnets = azure.vnets.clone();
    vnets[2].peerings[0].use_remote_gateways = true;
    vnets
}

/// Row 26, RS-FAQ D: everybody is asked for everything again; who cannot be asked is reset.
#[tokio::test]
async fn row_26_route_server_asks_again_when_a_network_is_peered() {
    let (nva, twin) = (Edge::new("127.61.26.1"), Edge::new("127.61.26.2"));
    let mock = start(only_route_server(), &[&nva, &twin]);
    let to_nva = nva.session(&mock, id(GW, 0, 0), |_| ());
    let to_twin = twin.session(&mock, id(GW, 0, 1), |config| config.capabilities.route_refresh = false);
    to_nva.announce(&[("20.0.0.0/8", &[65001])]);
    to_twin.announce(&[("21.0.0.0/8", &[65002])]);
    until(&mock, |table| table.routes(GW).len() == 2).await;
    let said = || to_nva.peer.status().borrow().counters.updates_sent;
    let before = said();
    mock.change_vnets(with_island(&mock.azure())).unwrap();
    to_twin.until_told(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE).await;
    to_nva.until_learned("10.3.0.0/16").await;
    let again = async {
        // Counters are no news: nobody is woken by them.
        while said() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(to_nva.peer.status().borrow().counters.dropped, 0);
    to_twin.until(|status| status.state == State::Established && status.counters.established == 2).await;
}
