//! The mock against real sessions of an edge, over loopback. Addresses of sockets are ports the system picks.

use super::*;
use crate::config::{NextHopType, UserRoute};
use crate::testing::speaking::*;
use crate::testing::*;
use crate::verdict::Verdict;
use quadzero_codec::{AsPath, Asn, NextHop, RouterId};
use quadzero_fsm::{Down, Mode, State};

/// azure.md §8, rows 1, 10, 14, 17, 21 and 22.
#[tokio::test]
async fn forces_traffic_on_premises_over_both_instances_until_the_default_is_withdrawn() {
    let edge = Edge::new("127.51.255.1");
    let mock = start(only_paris(), &[&edge]);
    let both = ["10.1.0.4", "10.1.0.5"].map(|instance| edge.peer(&mock, ip(instance), |_| ()));
    both.iter().for_each(|to_azure| to_azure.announce(&[("0.0.0.0/0", &[65010])]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
    let kms = mock.verdict("vm", ip("20.118.99.224")).unwrap();
    assert!(matches!(&kms.verdict, Verdict::OnPremises { hops } if hops.len() == 2), "{kms}");
    assert!(!kms.activation.unwrap().works());
    let network = both[0].until_learned("10.1.0.0/16").await;
    assert_eq!(network.next_hop, NextHop::Address("10.1.0.4".parse().unwrap()));
    assert_eq!(network.as_path, AsPath::sequence([Asn(65515)]));
    assert!(states(&mock).contains(&("10.51.255.254".into(), PeerState::Connected)));
    both.iter().for_each(|to_azure| to_azure.announce(&[]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 0).await;
    assert_eq!(mock.verdict("vm", ip("20.118.99.224")).unwrap().verdict, Verdict::Internet);
}

fn with_apipa() -> Azure {
    let mut azure = only_paris();
    move_to(&mut azure.gateways[GW].connections[PARIS], "169.254.21.1");
    azure.gateways[GW].instances[0].apipa = vec![ip("169.254.22.2"), ip("169.254.21.2")];
    azure.gateways[GW].instances[1].apipa = vec![ip("169.254.22.6")];
    azure
}

/// azure.md §8, row 2: it waits, at the address in the peer's /30, and its BGP Identifier stays the private
/// address.
#[tokio::test]
async fn listens_at_its_apipa_address_for_an_apipa_peer_and_does_not_dial() {
    let edge = Edge::new("127.51.255.3");
    let mock = start(with_apipa(), &[&edge]);
    assert!(mock.sessions.iter().all(|session| session.peer.config().mode == Mode::Passive));
    let active = edge.peer(&mock, ip("169.254.21.2"), |config| config.mode = Mode::Active);
    let status = active.until(|status| status.state == State::Established).await;
    assert_eq!(status.negotiated.unwrap().router_id.get(), ip("10.1.0.4"));
    let network = active.until_learned("10.1.0.0/16").await;
    assert_eq!(network.next_hop, NextHop::Address("169.254.21.2".parse().unwrap()));
}

/// azure.md §8, row 11.
#[tokio::test]
async fn passes_halves_to_the_other_site_and_the_default_to_nobody() {
    let (paris, oslo) = (Edge::new("127.51.255.8"), Edge::new("127.52.255.8"));
    let mock = start(azure(), &[&paris, &oslo]);
    let from_paris = paris.peer(&mock, ip("10.1.0.4"), |_| ());
    // Oslo sits at the other instance: what it hears has come through the twin.
    let to_oslo = oslo.peer(&mock, ip("10.1.0.5"), |config| {
        config.local_as = Asn(65020);
        config.router_id = RouterId::new(ip("10.52.255.254")).unwrap();
    });
    from_paris.announce(&[("0.0.0.0/0", &[65010]), ("0.0.0.0/1", &[65010]), ("128.0.0.0/1", &[65010])]);
    let half = to_oslo.until_learned("128.0.0.0/1").await;
    to_oslo.until_learned("0.0.0.0/1").await;
    assert_eq!(half.as_path, AsPath::sequence([Asn(65515), Asn(65010)]));
    assert_eq!(half.next_hop, NextHop::Address("10.1.0.5".parse().unwrap()));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 1).await;
    assert!(!to_oslo.has_learned("0.0.0.0/0"));
    assert!(to_oslo.has_learned("10.51.255.254/32") && !to_oslo.has_learned("10.52.255.254/32"));
    assert!(!from_paris.has_learned("128.0.0.0/1"));
    let advertised = mock.advertised_routes(GW, mock.azure().peer_address(id(GW, 0, OSLO))).value;
    assert!(advertised.iter().all(|row| row.local_address == ip("10.1.0.5")));
    assert!(
        advertised.iter().any(|row| row.network.to_string() == "128.0.0.0/1" && row.as_path == "65515-65010")
    );
}

/// azure.md §8, row 22.
#[tokio::test]
async fn one_instance_can_be_taken_down_alone() {
    let edge = Edge::new("127.51.255.10");
    let mock = start(only_paris(), &[&edge]);
    let both = ["10.1.0.4", "10.1.0.5"].map(|instance| edge.peer(&mock, ip(instance), |_| ()));
    both.iter().for_each(|to_azure| to_azure.announce(&[("0.0.0.0/0", &[65010])]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
    mock.take_down(GW, 0).await;
    until(&mock, |table| hops(table, "0.0.0.0/0") == 1).await;
    let told = |down: &Option<Down>| match down {
        Some(Down::Received(n)) => n.shutdown_text().is_some_and(|text| text.contains("maintenance")),
        _ => false,
    };
    both[0].until(|status| told(&status.last_down)).await;
    assert!(states(&mock).contains(&("10.51.255.254".into(), PeerState::Stopped)));
    assert!(!states(&mock).contains(&("10.1.0.4".into(), PeerState::Connected)));
    assert_eq!(both[1].peer.status().borrow().counters.dropped, 0);
    mock.bring_up(GW, 0);
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
}

/// azure.md §1.7: the instances one after the other, each with itself as Unknown.
#[tokio::test]
async fn status_lists_the_instances_their_twins_and_their_peers() {
    let edge = Edge::new("127.51.255.11");
    let mock = start(with_apipa(), &[&edge]);
    let rows = |(neighbor, state)| format!("{neighbor} {state}");
    let listed: Vec<String> = states(&mock).into_iter().map(rows).collect();
    let peer = "169.254.21.1 Connecting";
    let before_the_first_look = listed.iter().map(|row| row.replace("169.254.21.1 Idle", peer));
    let expected =
        ["10.1.0.4 Unknown", "10.1.0.5 Connected", peer, "10.1.0.4 Connected", "10.1.0.5 Unknown", peer];
    assert_eq!(before_the_first_look.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn stopping_says_so_to_every_peer() {
    let edge = Edge::new("127.51.255.12");
    let mock = start(only_paris(), &[&edge]);
    let to_azure = edge.peer(&mock, ip("10.1.0.4"), |_| ());
    to_azure.until(|status| status.state == State::Established).await;
    mock.stop().await;
    let code = ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN;
    to_azure.until(|status| matches!(&status.last_down, Some(Down::Received(n)) if n.code == code)).await;
}

/// azure.md §8, row 4.
#[tokio::test]
async fn does_not_start_what_azure_refuses() {
    let mut azure = only_paris();
    azure.gateways[GW].connections[PARIS].asn = Asn(65520);
    azure.vnets[0].subnets[0].routes = vec![UserRoute {
        name: "all".into(),
        prefix: "0.0.0.0/0".parse().unwrap(),
        next_hop_type: NextHopType::Internet,
        next_hop_ip: None,
    }];
    let Err(StartError::Refused(findings)) = Mock::start(azure, &Endpoints::default()) else {
        panic!("it started")
    };
    assert_eq!(findings.len(), 2);
}

#[tokio::test]
async fn does_not_start_with_two_peers_at_one_address() {
    let mut endpoints = Endpoints::default();
    for (peer, port) in [("10.51.255.254", 1179), ("10.52.255.254", 2179)] {
        endpoints.0.insert(peer.parse().unwrap(), SocketAddr::from(([127, 0, 0, 1], port)));
    }
    assert!(matches!(Mock::start(azure(), &endpoints), Err(StartError::SharedHost(_))));
}

#[test]
fn an_address_without_an_endpoint_is_itself_at_port_179() {
    let address: IpAddr = "10.1.0.4".parse().unwrap();
    assert_eq!(Endpoints::default().of(address), SocketAddr::new(address, 179));
}

#[tokio::test]
async fn one_session_can_be_taken_down_alone() {
    let (paris, oslo) = (Edge::new("127.51.255.13"), Edge::new("127.52.255.13"));
    let mock = start(azure(), &[&paris, &oslo]);
    let [to_paris, to_oslo] =
        [(&paris, PARIS), (&oslo, OSLO)].map(|(edge, site)| edge.session(&mock, id(GW, 0, site), |_| ()));
    to_paris.is_up().await;
    to_oslo.is_up().await;
    mock.take_down_session(id(GW, 0, PARIS)).await;
    to_paris.until_told(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN).await;
    assert!(states(&mock).contains(&("10.51.255.254".into(), PeerState::Stopped)));
    assert!(!mock.is_down(GW, 0), "the instance has another session");
    assert_eq!(to_oslo.peer.status().borrow().counters.dropped, 0);
    mock.bring_up_session(id(GW, 0, PARIS));
    to_paris.is_up().await;
}

/// azure.md §7.1: what does not live long enough to arrive, whoever dials. The kernel drops it here by its TTL, as the routers
/// between would.
#[tokio::test]
async fn a_router_between_takes_one_from_the_ttl() {
    let mut azure = only_paris();
    azure.gateways[GW].connections[PARIS].hops = 2;
    for (host, mode) in [("127.51.255.40", Mode::Active), ("127.51.255.41", Mode::Passive)] {
        let edge = Edge::new(host);
        let mock = start(azure.clone(), &[&edge]);
        let with_ttl = |instance, ttl| {
            edge.peer(&mock, ip(instance), |config| {
                (config.mode, config.transport.ttl) = (mode, Some(ttl));
            })
        };
        let short = with_ttl("10.1.0.4", 2);
        // Its dial is refused; of the gateway's own dial it hears the OPEN, and is not heard.
        short
            .until(|status| status.last_down == Some(Down::Closed) || status.state == State::OpenConfirm)
            .await;
        with_ttl("10.1.0.5", 3).is_up().await;
        assert_eq!(short.peer.status().borrow().counters.established, 0, "{mode:?}");
        let heard = mock.sessions[0].peer.status().borrow().counters.messages_received;
        assert!(heard == 0 || mode == Mode::Active, "an edge that only dials says so to who dials it");
    }
}
