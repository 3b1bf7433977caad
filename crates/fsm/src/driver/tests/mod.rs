//! The driver over loopback sockets. Every wait is for a condition, and bounded.

use super::*;
use crate::{Import, Mode, PeerConfig, Speaker, Timers, Transport, testing};
use quadzero_codec::{ErrorCode, HoldTime, Notification};
use quadzero_rib::RouteSet;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

mod dynamic;

const LIMIT: Duration = Duration::from_secs(10);

fn at(config: PeerConfig, mode: Mode, remote: SocketAddr, local: &str) -> PeerConfig {
    let transport = Transport { remote, local: Some(local.parse().unwrap()), ..config.transport.clone() };
    PeerConfig { mode, transport, ..config }
}

async fn wait(peer: &Peer, what: &str, done: impl FnMut(&Status) -> bool) -> Status {
    let mut status = peer.status();
    let waited = timeout(LIMIT, status.wait_for(done)).await;
    waited.unwrap_or_else(|_| panic!("not {what}: {:?}", peer.status().borrow())).unwrap().clone()
}

/// Two speakers, the second of which listens; what the first announces.
struct Two {
    left: Peer,
    right: Peer,
    wanted: watch::Sender<Arc<RouteSet>>,
    _others: (Speaker, Speaker, watch::Sender<Arc<RouteSet>>),
}

fn two(left: [&str; 2], modes: [Mode; 2]) -> Two {
    let [one, other] = left;
    let speakers = (Speaker::new(), Speaker::new());
    let listen = |s: &Speaker, a: &str| s.listen(SocketAddr::new(a.parse().unwrap(), 0)).unwrap();
    let addresses = (listen(&speakers.0, one), listen(&speakers.1, other));
    let (wanted, wanted_rx) = watch::channel(Arc::default());
    let (nothing, nothing_rx) = watch::channel(Arc::default());
    let left = at(testing::config(), modes[0], addresses.1, one);
    let right = at(testing::mirrored(&testing::config()), modes[1], addresses.0, other);
    Two {
        left: speakers.0.add(left, wanted_rx).unwrap(),
        right: speakers.1.add(right, nothing_rx).unwrap(),
        wanted,
        _others: (speakers.0, speakers.1, nothing),
    }
}

#[tokio::test]
async fn two_speakers_on_loopback_become_established_and_exchange_routes() {
    let two = two(["127.0.10.1", "127.0.10.2"], [Mode::Active, Mode::Passive]);
    wait(&two.left, "established", |s| s.state == State::Established).await;
    two.wanted.send_replace(testing::routes(["0.0.0.0/0"]));
    let status = wait(&two.right, "told", |s| s.prefixes_received == 1).await;
    assert_eq!(status.state, State::Established);
    assert!(two.right.learned().get(&"0.0.0.0/0".parse().unwrap()).is_some());
    two.wanted.send_replace(testing::routes([]));
    wait(&two.right, "withdrawn", |s| s.prefixes_received == 0).await;
}

#[tokio::test]
async fn both_may_dial_at_once() {
    let two = two(["127.0.11.1", "127.0.11.2"], [Mode::Both, Mode::Both]);
    wait(&two.left, "established", |s| s.state == State::Established).await;
    wait(&two.right, "established", |s| s.state == State::Established).await;
}

#[tokio::test]
async fn stopping_tells_the_peer_why_and_returns_when_the_connection_is_gone() {
    let two = two(["127.0.12.1", "127.0.12.2"], [Mode::Active, Mode::Passive]);
    wait(&two.right, "established", |s| s.state == State::Established).await;
    let why = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, "moving out");
    timeout(LIMIT, two.left.stop(why.clone())).await.unwrap();
    let status = wait(&two.right, "down", |s| s.last_down.is_some()).await;
    assert_eq!(status.last_down, Some(Down::Received(why)));
    assert_eq!(two.left.status().borrow().state, State::Idle);
}

#[tokio::test]
async fn who_vanishes_says_nothing_and_stays_away_until_started() {
    let two = two(["127.0.12.3", "127.0.12.4"], [Mode::Active, Mode::Passive]);
    wait(&two.right, "established", |s| s.state == State::Established).await;
    two.left.vanish();
    let status = wait(&two.right, "down", |s| s.last_down.is_some()).await;
    assert_eq!(status.last_down, Some(Down::Closed));
    assert_eq!(two.left.status().borrow().state, State::Idle);
    two.left.start();
    wait(&two.right, "established again", |s| s.counters.established == 2).await;
}

#[tokio::test]
async fn a_large_table_arrives_whole_and_both_sides_agree_when_it_has() {
    let two = two(["127.0.13.1", "127.0.13.2"], [Mode::Active, Mode::Passive]);
    let names = (0..50_000_u32).map(|i| &*format!("10.{}.{}.{}/32", i >> 16, i >> 8 & 255, i & 255).leak());
    two.wanted.send_replace(testing::routes(names));
    wait(&two.right, "told", |s| s.prefixes_received == 50_000).await;
    let sent = wait(&two.left, "in sync", |s| s.in_sync).await;
    assert_eq!(sent.prefixes_sent, 50_000);
}

#[tokio::test]
async fn a_connection_from_an_address_that_is_no_neighbor_is_closed() {
    let speaker = Speaker::new();
    let address = speaker.listen("127.0.14.1:0".parse().unwrap()).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let read = timeout(LIMIT, stream.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
}

const ROUTES: u32 = 20_000;

/// An UPDATE for each, half a kilobyte long: more than any socket buffer holds.
fn bulky_routes() -> Arc<RouteSet> {
    let route = |i: u32| quadzero_rib::Route {
        prefix: format!("10.{}.{}.0/24", i >> 8, i & 255).parse().unwrap(),
        attributes: Arc::new(quadzero_codec::Attributes {
            as_path: quadzero_codec::AsPath::sequence([quadzero_codec::Asn(65010)]),
            med: Some(i),
            communities: (0..120).map(quadzero_codec::Community).collect(),
            ..Default::default()
        }),
    };
    Arc::new(RouteSet::new((0..ROUTES).map(route)))
}

/// A peer that becomes Established and then neither reads nor speaks: our writes stall, our timers do not.
#[tokio::test]
async fn a_peer_that_never_reads_does_not_stop_the_hold_timer() {
    let listener = TcpListener::bind("127.0.15.2:0").await.unwrap();
    let speaker = Speaker::new();
    let (_wanted, receiver) = watch::channel(bulky_routes());
    let timers = Timers { hold: HoldTime::new(3).unwrap(), ..Timers::default() };
    let config = PeerConfig { timers, import: Import::None, ..testing::config() };
    let peer = speaker
        .add(at(config, Mode::Active, listener.local_addr().unwrap(), "127.0.15.1"), receiver)
        .unwrap();

    let (mut stream, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    socket2::SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
    let mirrored = testing::mirrored(&peer.config());
    stream.write_all(&crate::session::greeting(&mirrored)).await.unwrap();
    wait(&peer, "established", |s| s.state == State::Established).await;

    let down = wait(&peer, "down", |s| s.last_down.is_some()).await;
    assert_eq!(down.last_down, Some(Down::Sent(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED))));
    assert!(
        down.counters.updates_sent < ROUTES.into(),
        "the socket was full long before everything was said"
    );
    drop(stream);
}

#[tokio::test]
async fn a_dial_goes_out_with_the_ttl_that_was_configured() {
    let listener = TcpListener::bind("127.0.16.2:0").await.unwrap();
    let mut config = at(testing::config(), Mode::Active, listener.local_addr().unwrap(), "127.0.16.1");
    config.transport.ttl = Some(7);
    let socket = sockopt::dialler(&config.transport, None).unwrap();
    sockopt::set_hops(&socket, &config.transport).unwrap();
    assert_eq!(socket.ttl_v4().unwrap(), 7);
    assert!(socket.tcp_nodelay().unwrap());
}

/// RFC 2385: with the right key on both sides the session comes up; the kernel drops what has another one.
#[tokio::test]
async fn md5_keys_must_agree() {
    for (key, comes_up) in [("same", true), ("other", false)] {
        let speakers = (Speaker::new(), Speaker::new());
        let address = speakers.1.listen("127.0.17.2:0".parse().unwrap()).unwrap();
        let mut left = at(testing::config(), Mode::Active, address, "127.0.17.1");
        left.transport.md5 = crate::Md5Key::new(b"same");
        left.timers.connect_retry = Duration::from_secs(1);
        let mut right =
            at(testing::mirrored(&left), Mode::Passive, "127.0.17.1:179".parse().unwrap(), "127.0.17.2");
        right.transport.md5 = crate::Md5Key::new(key.as_bytes());
        let (_nothing, receiver) = watch::channel(Arc::<RouteSet>::default());
        let right = speakers.1.add(right, receiver.clone()).unwrap();
        let left = speakers.0.add(left, receiver).unwrap();
        if comes_up {
            wait(&left, "established", |s| s.state == State::Established).await;
        } else {
            // The kernel drops the SYN: nobody answers until ConnectRetryTime is over.
            wait(&left, "unanswered", |s| s.last_down == Some(Down::Unanswered)).await;
            assert_eq!(right.status().borrow().state, State::Active);
        }
    }
}

/// GTSM (RFC 5082) holds for what a peer says before its connection is accepted, too.
#[tokio::test]
async fn a_peer_from_too_far_is_refused_and_a_near_one_is_not() {
    for (ttl, comes_up) in [(255, true), (64, false)] {
        let speakers = (Speaker::new(), Speaker::new());
        let address = speakers.1.listen("127.0.18.2:0".parse().unwrap()).unwrap();
        let mut left = at(testing::config(), Mode::Active, address, "127.0.18.1");
        left.transport.ttl = Some(ttl);
        let mut right =
            at(testing::mirrored(&left), Mode::Passive, "127.0.18.1:179".parse().unwrap(), "127.0.18.2");
        right.transport.ttl = Some(255);
        right.transport.min_ttl = Some(255);
        let (_nothing, receiver) = watch::channel(Arc::<RouteSet>::default());
        let right = speakers.1.add(right, receiver.clone()).unwrap();
        let left = speakers.0.add(left, receiver).unwrap();
        if comes_up {
            wait(&right, "established", |s| s.state == State::Established).await;
        } else {
            wait(&left, "refused", |s| s.last_down == Some(Down::Closed)).await;
            assert_eq!(right.status().borrow().counters.messages_received, 0);
        }
    }
}

/// RFC 4486 §4.
#[tokio::test]
async fn a_connection_that_is_not_wanted_is_rejected_with_cease_5() {
    let two = two(["127.0.19.1", "127.0.19.2"], [Mode::Active, Mode::Passive]);
    wait(&two.right, "established", |s| s.state == State::Established).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.19.1:0".parse().unwrap()).unwrap();
    let mut second = socket.connect(two.left.config().transport.remote).await.unwrap();
    let mut heard = Vec::new();
    timeout(LIMIT, second.read_to_end(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard[19..], [6, 5], "{heard:?}");
    assert_eq!(two.right.status().borrow().state, State::Established);
}

/// A neighbor that never stops talking must not keep another session from its KEEPALIVEs.
#[tokio::test]
async fn a_peer_that_floods_does_not_starve_the_others() {
    let speaker = Speaker::new();
    let address = speaker.listen("127.0.20.1:0".parse().unwrap()).unwrap();
    let (_nothing, receiver) = watch::channel(Arc::<RouteSet>::default());
    let flooded = PeerConfig { mode: Mode::Passive, ..testing::config() };
    let mut quiet = at(flooded.clone(), Mode::Passive, "127.0.20.3:179".parse().unwrap(), "127.0.20.1");
    quiet.timers.hold = HoldTime::new(3).unwrap();
    let flooded = at(flooded, Mode::Passive, "127.0.20.2:179".parse().unwrap(), "127.0.20.1");
    let flooded_peer = speaker.add(flooded.clone(), receiver.clone()).unwrap();
    let quiet_peer = speaker.add(quiet.clone(), receiver).unwrap();

    let greeting = crate::session::greeting(&testing::mirrored(&flooded));
    let flood = std::thread::spawn(move || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.20.2:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut stream = std::net::TcpStream::from(socket);
        let keepalive = greeting[greeting.len() - 19..].repeat(10_000);
        std::io::Write::write_all(&mut stream, &greeting).unwrap();
        // Ends when the other side does, and by itself after a gigabyte or so.
        for _ in 0..6_000 {
            if std::io::Write::write_all(&mut stream, &keepalive).is_err() {
                return;
            }
        }
    });
    wait(&flooded_peer, "established", |s| s.state == State::Established).await;

    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.20.3:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let mut mirrored = testing::mirrored(&quiet);
    mirrored.router_id = quadzero_codec::RouterId::new("192.0.2.3".parse().unwrap()).unwrap();
    stream.write_all(&crate::session::greeting(&mirrored)).await.unwrap();
    wait(&quiet_peer, "established beside the flood", |s| s.state == State::Established).await;
    let why = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, "enough");
    timeout(LIMIT, flooded_peer.stop(why)).await.unwrap();
    drop((stream, speaker));
    flood.join().unwrap();
}
