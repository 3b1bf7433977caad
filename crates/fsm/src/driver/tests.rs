//! The driver over loopback sockets. Every wait is for a condition, and bounded.

use super::*;
use crate::{Import, Mode, PeerConfig, Speaker, Timers, Transport, testing};
use quadzero_codec::{ErrorCode, HoldTime, Message, Notification};
use quadzero_rib::RouteSet;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

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

/// A peer that becomes Established and then neither reads nor speaks: our writes stall, our timers do not.
#[tokio::test]
async fn a_peer_that_never_reads_does_not_stop_the_hold_timer() {
    let listener = TcpListener::bind("127.0.15.2:0").await.unwrap();
    let speaker = Speaker::new();
    let names = (0..200_000_u32).map(|i| &*format!("10.{}.{}.{}/32", i >> 16, i >> 8 & 255, i & 255).leak());
    let (_wanted, receiver) = watch::channel(testing::routes(names));
    let timers = Timers { hold: HoldTime::new(3).unwrap(), ..Timers::default() };
    let config = PeerConfig { timers, import: Import::None, ..testing::config() };
    let peer = speaker
        .add(at(config, Mode::Active, listener.local_addr().unwrap(), "127.0.15.1"), receiver)
        .unwrap();

    let (mut stream, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
    socket2::SockRef::from(&stream).set_recv_buffer_size(4096).unwrap();
    let mirrored = testing::mirrored(peer.config());
    stream.write_all(&crate::session::greeting(&mirrored)).await.unwrap();
    wait(&peer, "established", |s| s.state == State::Established).await;

    let down = wait(&peer, "down", |s| s.last_down.is_some()).await;
    assert_eq!(down.last_down, Some(Down::Sent(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED))));
    drop(stream);
}

#[tokio::test]
async fn a_dial_goes_out_with_the_ttl_and_the_key_that_were_configured() {
    let listener = TcpListener::bind("127.0.16.2:0").await.unwrap();
    let mut config = at(testing::config(), Mode::Active, listener.local_addr().unwrap(), "127.0.16.1");
    config.transport.ttl = Some(7);
    let socket = sockopt::dialler(&config.transport).unwrap();
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
        let mut right =
            at(testing::mirrored(&left), Mode::Passive, "127.0.17.1:179".parse().unwrap(), "127.0.17.2");
        right.transport.md5 = crate::Md5Key::new(key.as_bytes());
        let (_nothing, receiver) = watch::channel(Arc::<RouteSet>::default());
        let right = speakers.1.add(right, receiver.clone()).unwrap();
        let left = speakers.0.add(left, receiver).unwrap();
        if comes_up {
            wait(&left, "established", |s| s.state == State::Established).await;
        } else {
            let up = async { right.status().wait_for(|s| s.state > State::Active).await.map(drop) };
            assert!(
                timeout(Duration::from_secs(2), up).await.is_err(),
                "segments with another key are dropped"
            );
        }
    }
}

#[test]
fn messages_decode_what_the_greeting_says() {
    let mut decoder = quadzero_codec::Decoder::default();
    decoder.push(&crate::session::greeting(&testing::config()));
    assert!(matches!(decoder.next(&Default::default()), Ok(Some(Message::Open(_)))));
    assert!(matches!(decoder.next(&Default::default()), Ok(Some(Message::Keepalive))));
}
