//! Rows 1 to 9, 27 to 29 and 36: how a gateway talks.

use crate::config::*;
use crate::speaker::personality::personality;
use crate::speaker::{Endpoints, Mock, StartError};
use crate::testing::alone::Alone;
use crate::testing::speaking::*;
use crate::testing::*;
use quadzero_codec::{AsPath, Asn, Capability, ErrorCode, Family, Message, Notification, Update};
use quadzero_fsm::{Down, Md5Key, Mode, PeerConfig, State};
use std::time::Duration;

/// How a session of the mock is configured.
fn manners(azure: &Azure, id: SessionId) -> PeerConfig {
    personality(azure, id, &Endpoints::default())
}

/// One deployment of each kind, and one of its sessions.
fn each_kind() -> [(Azure, SessionId); 4] {
    [azure(), only_expressroute(), only_route_server(), virtual_wan()].map(|azure| (azure, id(GW, 0, 0)))
}

/// Row 1, VPN-FAQ D: whichever side opens the connection. The source is the instance's BGP address.
#[tokio::test]
async fn row_01_dials_a_private_peer_and_listens() {
    let edge = Edge::new("127.61.1.1");
    let mock = start(only_paris(), &[&edge]);
    edge.session(&mock, id(GW, 0, PARIS), |config| config.mode = Mode::Passive).is_up().await;
    edge.session(&mock, id(GW, 1, PARIS), |config| config.mode = Mode::Active).is_up().await;
    let source = manners(&azure(), id(GW, 1, PARIS)).transport.local;
    assert_eq!(source, Some("10.1.0.5".parse().unwrap()));
}

/// Row 2, CFG-BGP D: it listens at its APIPA address, in the peer's /30, and dials nobody.
#[tokio::test]
async fn row_02_only_listens_for_an_apipa_peer() {
    let mut azure = only_paris();
    move_to(&mut azure.gateways[GW].connections[PARIS], "169.254.21.1");
    azure.gateways[GW].instances[0].apipa = vec![ip("169.254.22.2"), ip("169.254.21.2")];
    azure.gateways[GW].instances[1].apipa = vec![ip("169.254.22.6")];
    let apipa = id(GW, 0, PARIS);
    assert_eq!(azure.local_address(apipa), ip("169.254.21.2"));
    assert!(azure.sessions().all(|id| manners(&azure, id).mode == Mode::Passive));
    let edge = Edge::new("127.61.2.1");
    let mock = start(azure, &[&edge]);
    edge.session(&mock, apipa, |config| config.mode = Mode::Active).is_up().await;
}

/// Row 3, SYUH F, FRR-RS F: the OPEN, octet by octet of what it offers.
#[test]
fn row_03_says_its_as_180_seconds_its_own_address_and_four_capabilities() {
    let expected =
        [(65515, "10.1.0.4"), (12076, "192.168.15.18"), (65515, "10.1.3.4"), (65515, "10.100.0.12")];
    for ((azure, id), (asn, address)) in each_kind().into_iter().zip(expected) {
        let messages = Alone::connected(&azure, id).heard();
        let [Message::Open(open)] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!((open.asn, open.hold_time.seconds()), (Asn(asn), 180));
        assert_eq!(open.router_id.get(), ip(address));
        let offered = [
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::Multiprotocol(Family::IPV6_UNICAST),
            Capability::RouteRefresh,
            Capability::FourOctetAs(Asn(asn)),
        ];
        assert_eq!(open.capabilities, offered, "no graceful restart, no ADD-PATH");
    }
}

/// Row 3, azure.md §8 "unconfirmed", U: whether the VPN gateway says four octets is a switch.
#[test]
fn row_03_leaves_four_octet_as_out_if_switched_off() {
    let mut azure = azure();
    azure.gateways[GW].switches.four_octet_as = false;
    let messages = Alone::connected(&azure, id(GW, 0, PARIS)).heard();
    let [Message::Open(open)] = &messages[..] else { panic!("{messages:?}") };
    assert!(!open.has(&Capability::FourOctetAs(Asn(65515))));
}

/// Row 4, VPN-FAQ D: Azure takes no such configuration, and so the mock does not start (I).
#[tokio::test]
async fn row_04_does_not_start_with_a_reserved_as() {
    let reserved = [8074, 8075, 12076, 65515, 65517, 65518, 65519, 65520, 23456, 64496, 64511, 65535, 65551];
    for asn in reserved {
        for (mut azure, _) in each_kind().into_iter().filter(|(a, _)| !a.gateways[GW].kind.is_expressroute())
        {
            azure.gateways[GW].connections[0].asn = Asn(asn);
            let started = Mock::start(azure, &Endpoints::default());
            assert!(matches!(started, Err(StartError::Refused(found)) if found.len() == 1), "{asn}");
        }
    }
    for asn in [12076, 65515, 65516, 65520] {
        let mut azure = only_expressroute();
        azure.gateways[GW].connections[0].asn = Asn(asn);
        assert!(matches!(Mock::start(azure, &Endpoints::default()), Err(StartError::Refused(_))), "{asn}");
    }
}

/// Row 5, I (RFC 4271 §6.2): NOTIFICATION 2/2.
#[tokio::test]
async fn row_05_refuses_an_open_of_another_as() {
    let edge = Edge::new("127.61.5.1");
    let mock = start(only_paris(), &[&edge]);
    let stranger = edge.session(&mock, id(GW, 0, PARIS), |config| config.local_as = Asn(65011));
    stranger.until_told(ErrorCode::OPEN_BAD_PEER_AS).await;
}

/// Row 6, FRR-RS F: mean 52.4 s over two weeks. Here over a thousand of them, without waiting.
#[test]
fn row_06_keepalives_come_every_45_to_60_seconds() {
    let mut alone = Alone::established(&azure(), id(GW, 0, PARIS), 180);
    let (begin, mut last, mut count) = (alone.now, alone.now, 0);
    while count < 1000 {
        alone.pass();
        if alone.heard() == [Message::Keepalive] {
            let apart = alone.now.duration_since(last);
            assert!((45.0..=60.0).contains(&apart.as_secs_f32()), "{apart:?}");
            (last, count) = (alone.now, count + 1);
            alone.say(&Message::Keepalive);
        }
    }
    let mean = last.duration_since(begin).as_secs_f32() / 1000.0;
    assert!((51.0..54.0).contains(&mean), "{mean}");
}

/// What holds on Azure's side with a peer of this Hold Time, in seconds.
fn agreed(azure: &Azure, id: SessionId, hold: u16) -> (u16, f32) {
    let alone = Alone::established(azure, id, hold);
    let negotiated = alone.session.negotiated().unwrap();
    (negotiated.hold_time.seconds(), negotiated.keepalive.unwrap().as_secs_f32())
}

/// Row 7, VPN-FAQ and TIMERS D against SYUH F, U: by default 60/180 stay, and a switch lets the smaller one hold.
#[test]
fn row_07_keeps_180_seconds_or_takes_the_smaller_by_switch() {
    let mut azure = azure();
    assert_eq!(agreed(&azure, id(GW, 0, PARIS), 30), (180, 60.0));
    azure.gateways[GW].switches.hold_time = HoldTimeBehaviour::Negotiate;
    assert_eq!(agreed(&azure, id(GW, 0, PARIS), 30), (30, 10.0));
}

/// Row 7, TIMERS D: what comes of it for an edge with 30 s: no KEEPALIVE in time.
#[test]
fn row_07_an_edge_with_30_seconds_hears_nothing_in_time() {
    let mut alone = Alone::established(&azure(), id(GW, 0, PARIS), 30);
    let begin = alone.now;
    alone.pass();
    assert_eq!(alone.heard(), [Message::Keepalive]);
    assert!(alone.now.duration_since(begin) > Duration::from_secs(30));
}

/// Row 8, ER-BFD D: the lower value holds, down to 10 s with KEEPALIVEs of 3 s.
#[test]
fn row_08_expressroute_takes_the_smaller_hold_time_down_to_10_seconds() {
    let azure = only_expressroute();
    let agreed = |hold| agreed(&azure, id(GW, 0, 0), hold);
    assert_eq!(agreed(180), (180, 60.0));
    assert_eq!(agreed(30), (30, 10.0));
    for hold in [3, 10] {
        let (hold, keepalive) = agreed(hold);
        assert!(hold == 10 && (3.0..3.4).contains(&keepalive), "{hold} {keepalive}");
    }
}

/// Row 9, VPN-FAQ D: the session ends at 180 s, its routes are gone, and it is dialled again.
#[test]
fn row_09_silence_ends_the_session_after_180_seconds() {
    let mut alone = Alone::established(&azure(), id(GW, 0, PARIS), 180);
    let begin = alone.now;
    let learned = vec![quadzero_codec::Announced {
        attributes: heard(&azure(), id(GW, 0, PARIS), &[("0.0.0.0/0", &[65010])]).routes.as_slice()[0]
            .attributes
            .clone(),
        prefixes: vec!["0.0.0.0/0".parse().unwrap()],
    }];
    alone.say(&Message::Update(Update { announced: learned, ..Update::default() }));
    assert_eq!(alone.session.learned().lock().unwrap().len(), 1);
    while alone.session.state() == State::Established {
        alone.pass();
        let said = alone.heard();
        let last = Message::Notification(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED));
        assert!(said == [Message::Keepalive] || said == [last], "{said:?}");
    }
    assert_eq!(alone.now.duration_since(begin), Duration::from_secs(180));
    assert_eq!(alone.session.learned().lock().unwrap().len(), 0);
    alone.pass();
    assert_eq!(alone.session.state(), State::Connect);
}

fn with_key(key: &[u8]) -> Azure {
    let mut azure = only_expressroute();
    circuit_of(&mut azure.gateways[GW].connections[0]).key = Md5Key::new(key);
    azure
}

/// Row 27, ER-ROUTE D: a circuit may have a key; nobody else has a setting for one (I).
#[tokio::test]
async fn row_27_only_circuits_have_a_key() {
    for (azure, id) in each_kind() {
        assert_eq!(manners(&azure, id).transport.md5, None);
    }
    let edge = Edge::new("127.61.27.1");
    let mock = start(with_key(b"shared"), &[&edge]);
    let session = |link, key: &'static [u8]| {
        edge.session(&mock, id(GW, link, 0), move |config| {
            config.transport.md5 = Md5Key::new(key);
            config.timers.connect_retry = Duration::from_millis(200);
        })
    };
    session(0, b"shared").is_up().await;
    // A wrong key is not refused: it is silence.
    session(1, b"another").until(|status| status.last_down == Some(Down::Unanswered)).await;
}

/// Row 28, ER-BFD D, VPN-FAQ D: 300 ms three times, on circuits alone, unless it is switched off.
#[test]
fn row_28_only_circuits_have_bfd() {
    for (azure, session) in each_kind() {
        let gateway = &azure.gateways[session.gateway];
        let bfd = gateway.kind.manners().bfd(azure.connection(session));
        assert_eq!(bfd.is_some(), gateway.kind.is_expressroute());
        let Some(bfd) = bfd else { continue };
        assert_eq!((bfd.min_tx.duration().as_millis(), bfd.multiplier.get()), (300, 3));
    }
    let mut azure = only_expressroute();
    circuit_of(&mut azure.gateways[GW].connections[0]).bfd = false;
    assert_eq!(azure.gateways[GW].kind.manners().bfd(azure.connection(id(GW, 0, 0))), None);
}

/// Row 28, ER-BFD D: when packets stay away the session ends with Cease/10 (RFC 9384), and not by the hold time.
#[tokio::test]
async fn row_28_a_path_that_dies_ends_the_session_of_its_link() {
    let edge = Edge::new("127.61.28.1");
    let mut azure = only_expressroute();
    // Links that no other test has: the port of BFD is always the same.
    azure.gateways[GW].connections = vec![circuit("malaga", 65030, 64)];
    let mock = start(azure, &[&edge]);
    let [primary, secondary] = [0, 1].map(|link| edge.session(&mock, id(GW, link, 0), |_| ()));
    primary.is_up().await;
    secondary.is_up().await;
    let watch = quadzero_bfd::Speaker::new();
    let path = quadzero_bfd::Path {
        name: "edge".into(),
        local: edge.socket.ip(),
        remote: mock.endpoint(ip("192.168.15.66")).unwrap().ip(),
        parameters: quadzero_bfd::Parameters::default(),
    };
    let bfd = watch.add(path).unwrap();
    let mut status = bfd.status();
    let up = status.wait_for(|status| status.state == quadzero_bfd::State::Up);
    tokio::time::timeout(PATIENCE, up).await.unwrap().unwrap();
    drop(bfd);
    primary.until_told(ErrorCode::CEASE_BFD_DOWN).await;
    assert_eq!(secondary.peer.status().borrow().counters.dropped, 0);
}

/// Row 29, ER-ROUTE D: of each /30 the first address is the customer's, the second Microsoft's.
#[tokio::test]
async fn row_29_a_circuit_is_two_sessions_with_the_second_address_of_each_link() {
    let azure = only_expressroute();
    let addresses = |link| (azure.peer_address(id(GW, link, 0)), azure.local_address(id(GW, link, 0)));
    assert_eq!(addresses(0), ("192.168.15.17".parse().unwrap(), ip("192.168.15.18")));
    assert_eq!(addresses(1), ("192.168.15.21".parse().unwrap(), ip("192.168.15.22")));
    let edge = Edge::new("127.61.29.1");
    let mock = start(azure, &[&edge]);
    for (link, address) in [(0, "192.168.15.18"), (1, "192.168.15.22")] {
        let to_azure = edge.session(&mock, id(GW, link, 0), |_| ());
        assert_eq!(to_azure.is_up().await.negotiated.unwrap().router_id.get(), ip(address));
        let network = to_azure.until_learned("10.1.0.0/16").await;
        assert_eq!(network.as_path, AsPath::sequence([Asn(12076)]));
    }
}
