//! The driver on loopback, at addresses that no other test process has.

use super::*;
use crate::{packet::Packet, session::Parameters};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};
use tokio::net::UdpSocket;

/// No wait that succeeds takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// An address of 127.0.0.0/8 made of the process id: ports of other processes' addresses are free.
fn address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    // Below 127.1 nobody else's tests are disturbed.
    Ipv4Addr::new(127, 1 + high % 250, low, NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

fn path(local: IpAddr, remote: IpAddr) -> Path {
    Path { name: remote.to_string(), local, remote, parameters: Parameters::default() }
}

async fn wait_for(peer: &Peer, condition: impl FnMut(&Status) -> bool) -> Status {
    let mut status = peer.status();
    let found = tokio::time::timeout(PATIENCE, status.wait_for(condition)).await;
    found.expect("in time").expect("the session lives").clone()
}

/// The other end of a path, played by the test.
struct Stranger {
    socket: UdpSocket,
    speaker: IpAddr,
}

impl Stranger {
    /// Receives at the port of BFD, and sends from there.
    async fn new(local: IpAddr, speaker: IpAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(local, socket::PORT)).await.unwrap();
        Self { socket, speaker }
    }

    async fn say(&self, ttl: u32, octets: &[u8]) {
        self.socket.set_ttl(ttl).unwrap();
        self.socket.send_to(octets, SocketAddr::new(self.speaker, socket::PORT)).await.unwrap();
    }

    async fn hear(&self) -> (Packet, u16) {
        let mut octets = [0; 64];
        let received = tokio::time::timeout(PATIENCE, self.socket.recv_from(&mut octets)).await;
        let (length, from) = received.expect("in time").unwrap();
        assert_eq!((length, from.ip()), (crate::packet::LENGTH, self.speaker));
        (Packet::decode(&octets[..length]).unwrap(), from.port())
    }
}

fn down(discriminator: u32) -> Packet {
    let octets = hex_literal::hex!("20 40 03 18 00000001 00000000 000F4240 000493E0 00000000");
    let packet = Packet::decode(&octets).unwrap();
    Packet { my_discriminator: discriminator.try_into().unwrap(), ..packet }
}

#[tokio::test]
async fn two_speakers_come_up_and_one_notices_that_the_other_is_gone() {
    let (left, right) = (address(), address());
    let speakers = [Speaker::new(), Speaker::new()];
    let one = speakers[0].add(path(left, right)).unwrap();
    let other = speakers[1].add(path(right, left)).unwrap();
    let mut failures = one.failures();
    let agreed = |s: &Status| s.state == State::Up && s.detection_time == Duration::from_millis(900);
    wait_for(&one, agreed).await;
    wait_for(&other, agreed).await;
    drop(other);
    let why = tokio::time::timeout(PATIENCE, failures.next()).await.expect("in time");
    assert_eq!(why, Some(Diagnostic::DETECTION_TIME_EXPIRED));
    assert_eq!(one.status().borrow().failures, 1);
}

/// RFC 5882 §4.2, §8: who stops says so, and that is no failure.
#[tokio::test]
async fn a_peer_that_stops_has_not_failed() {
    let (left, right) = (address(), address());
    let speaker = Speaker::new();
    let one = speaker.add(path(left, right)).unwrap();
    let other = speaker.add(path(right, left)).unwrap();
    wait_for(&one, |s| s.state == State::Up).await;
    wait_for(&other, |s| s.state == State::Up).await;
    other.stop().await;
    let status = wait_for(&one, |s| s.state == State::Down).await;
    assert_eq!((status.failures, status.diagnostic), (0, Diagnostic::NEIGHBOR_SIGNALED_DOWN));
    assert_eq!(status.remote.diagnostic, Diagnostic::ADMINISTRATIVELY_DOWN);
    // And the path can be watched anew.
    drop(other);
    let _other = speaker.add(path(right, left)).unwrap();
    wait_for(&one, |s| s.state == State::Up).await;
}

/// RFC 5881 §5: the TTL of what is received must be 255. What comes first is answered first, so that an answer to the second is
/// proof that the first was not heard.
#[tokio::test]
async fn what_has_passed_a_router_is_not_heard() {
    let (local, remote) = (address(), address());
    let stranger = Stranger::new(remote, local).await;
    let speaker = Speaker::new();
    let _peer = speaker.add(path(local, remote)).unwrap();
    stranger.say(254, &down(1).encode()).await;
    stranger.say(255, &down(2).encode()).await;
    let first = loop {
        if let Some(first) = stranger.hear().await.0.your_discriminator {
            break first.get();
        }
    };
    assert_eq!(first, 2);
}

/// RFC 5881 §4, §5: the source port is in its range and stays the same; TTL 255 goes out, or the other speaker of the first test
/// would not hear it.
#[tokio::test]
async fn packets_come_from_one_port_of_the_dynamic_range() {
    let (local, remote) = (address(), address());
    let stranger = Stranger::new(remote, local).await;
    let speaker = Speaker::new();
    let _peer = speaker.add(path(local, remote)).unwrap();
    let (first, port) = stranger.hear().await;
    assert!(port >= 49152, "{port}");
    assert_eq!((first.state, first.your_discriminator), (State::Down, None));
    assert_eq!((stranger.hear().await.1, stranger.hear().await.1), (port, port));
}

/// RFC 5880 §6.8.6: what is wrong, what is somebody else's, and what comes from elsewhere changes nothing.
#[tokio::test]
async fn only_packets_of_the_session_are_heard() {
    let (local, remote) = (address(), address());
    let stranger = Stranger::new(remote, local).await;
    let another = Stranger::new(address(), local).await;
    let speaker = Speaker::new();
    let peer = speaker.add(path(local, remote)).unwrap();
    let ours = stranger.hear().await.0.my_discriminator;
    let not_ours = ours.get().wrapping_add(1).max(1);
    another.say(255, &down(3).encode()).await;
    stranger.say(255, &Packet { your_discriminator: not_ours.try_into().ok(), ..down(4) }.encode()).await;
    let mut authenticated = down(5).encode().to_vec();
    authenticated[1] |= 0x04;
    authenticated[3] = 26;
    stranger.say(255, &[&authenticated[..], &[1, 2]].concat()).await;
    stranger.say(255, &down(6).encode()[..23]).await;
    // Elsewhere is fine for who knows our discriminator (RFC 5880 §6.3).
    another.say(255, &Packet { your_discriminator: Some(ours), ..down(7) }.encode()).await;
    let status = wait_for(&peer, |s| s.remote.discriminator.is_some()).await;
    assert_eq!((status.remote.discriminator.unwrap().get(), status.state), (7, State::Init));
}

#[tokio::test]
async fn a_path_is_watched_once_and_discriminators_differ() {
    let (local, remote) = (address(), address());
    let speaker = Speaker::new();
    let _peer = speaker.add(path(local, remote)).unwrap();
    let again = speaker.add(path(local, remote)).err().unwrap();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    let taken = Speaker::new().add(path(local, address())).err().unwrap();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse, "another speaker has the port");
    let families = speaker.add(path(local, "2001:db8::1".parse().unwrap())).err().unwrap();
    assert_eq!(families.kind(), std::io::ErrorKind::InvalidInput);
}

/// A tunnel's address may come later than we do.
#[tokio::test]
async fn an_address_that_is_not_there_yet_is_no_error() {
    let speaker = Speaker::new();
    let peer = speaker.add(path("192.0.2.77".parse().unwrap(), address())).unwrap();
    assert_eq!(peer.status().borrow().state, State::Down);
}
