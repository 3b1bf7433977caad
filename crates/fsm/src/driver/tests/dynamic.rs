//! Dynamic neighbors, and TCP MD5 keys that change.

use super::*;
use crate::{Md5Key, Range};
use std::net::IpAddr;

/// A router at this address that takes whoever dials from the range, two at a time.
fn router(
    address: &str,
    range: &str,
    key: Option<&str>,
) -> (Speaker, SocketAddr, watch::Sender<Arc<RouteSet>>) {
    let speaker = Speaker::new();
    let listening = speaker.listen(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
    let (sender, wanted) = watch::channel(testing::routes(["0.0.0.0/0"]));
    let mut peer = testing::config();
    peer.name = "branches".into();
    peer.transport.md5 = key.and_then(|key| Md5Key::new(key.as_bytes()));
    speaker.add_range(Range { prefix: range.parse().unwrap(), limit: 2, peer, wanted }).unwrap();
    (speaker, listening, sender)
}

/// A branch that dials it from this address.
fn branch(from: &str, router: SocketAddr, key: Option<&str>) -> (Speaker, Peer) {
    let speaker = Speaker::new();
    let mut config = at(testing::mirrored(&testing::config()), Mode::Active, router, from);
    config.router_id = quadzero_codec::RouterId::new(match from.parse().unwrap() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => panic!("IPv4"),
    })
    .unwrap();
    config.transport.md5 = key.and_then(|key| Md5Key::new(key.as_bytes()));
    config.timers.connect_retry = Duration::from_secs(1);
    let (_nothing, receiver) = watch::channel(Arc::<RouteSet>::default());
    let peer = speaker.add(config, receiver).unwrap();
    (speaker, peer)
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !done() {
        assert!(tokio::time::Instant::now() < end, "not {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn bye() -> Notification {
    Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, "bye")
}

#[tokio::test]
async fn whoever_dials_from_the_range_is_a_neighbor_as_long_as_it_stays() {
    let (router, address, wanted) = router("127.0.30.1", "127.0.31.0/24", None);
    let (_one, first) = branch("127.0.31.1", address, None);
    let (_two, second) = branch("127.0.31.2", address, None);
    for branch in [&first, &second] {
        wait(branch, "told", |s| s.prefixes_received == 1).await;
    }
    let mut names: Vec<_> = router.peers().iter().map(|peer| peer.config().name.clone()).collect();
    names.sort();
    assert_eq!(names, ["branches 127.0.31.1", "branches 127.0.31.2"]);

    wanted.send_replace(testing::routes(["0.0.0.0/0", "203.0.113.7/32"]));
    wait(&second, "told the news", |s| s.prefixes_received == 2).await;

    let (_three, third) = branch("127.0.31.3", address, None);
    wait(&third, "refused", |s| s.last_down == Some(Down::Closed)).await;
    timeout(LIMIT, first.stop(bye())).await.unwrap();
    until("one is forgotten and there is room for the third", || {
        router.peers().iter().any(|p| p.config().name == "branches 127.0.31.3")
    })
    .await;
    wait(&third, "told", |s| s.prefixes_received == 2).await;
    assert_eq!(router.peers().len(), 2);
}

#[tokio::test]
async fn a_configured_neighbor_within_the_range_is_its_own_and_others_are_nobody() {
    let (router, address, _wanted) = router("127.0.30.2", "127.0.32.0/24", None);
    let (_nothing, receiver) = watch::channel(Arc::<RouteSet>::default());
    let own = at(testing::config(), Mode::Passive, "127.0.32.9:179".parse().unwrap(), "127.0.30.2");
    let own = router.add(own, receiver).unwrap();
    let (_one, _first) = branch("127.0.32.9", address, None);
    wait(&own, "established", |s| s.state == State::Established).await;
    let (_two, second) = branch("127.0.33.1", address, None);
    wait(&second, "refused", |s| s.last_down == Some(Down::Closed)).await;
    assert_eq!(router.peers().len(), 1);
}

#[tokio::test]
async fn when_ranges_are_closed_nobody_new_is_taken() {
    let (router, address, _wanted) = router("127.0.30.3", "127.0.34.0/24", None);
    let (_one, first) = branch("127.0.34.1", address, None);
    wait(&first, "told", |s| s.prefixes_received == 1).await;
    let dynamic = router.close_ranges();
    assert_eq!(dynamic.len(), 1);
    timeout(LIMIT, dynamic[0].stop(bye())).await.unwrap();
    let down = wait(&first, "down", |s| s.last_down.is_some()).await;
    assert_eq!(down.last_down, Some(Down::Received(bye())));
    let (_two, second) = branch("127.0.34.2", address, None);
    wait(&second, "refused", |s| s.last_down == Some(Down::Closed)).await;
}

/// RFC 2385, with a key for a whole range.
#[tokio::test]
async fn a_range_has_a_key_for_all_of_it() {
    let (_router, address, _wanted) = router("127.0.30.4", "127.0.35.0/24", Some("range"));
    let (_one, first) = branch("127.0.35.1", address, Some("range"));
    wait(&first, "established", |s| s.state == State::Established).await;
    let (_two, second) = branch("127.0.35.2", address, Some("other"));
    wait(&second, "unanswered", |s| s.last_down == Some(Down::Unanswered)).await;
}

/// RFC 2385 §4.5 leaves it to the system: with this one the session does not notice, in either role.
#[tokio::test]
async fn a_key_changes_without_a_reset() {
    let (router, address, wanted) = router("127.0.30.5", "127.0.36.0/24", Some("old"));
    let (there, here) = branch("127.0.36.1", address, Some("old"));
    wait(&here, "told", |s| s.prefixes_received == 1).await;

    let new = Md5Key::new(b"new");
    router.change_key("127.0.36.0/24".parse().unwrap(), new.as_ref()).unwrap();
    there.change_key("127.0.30.5/32".parse().unwrap(), new.as_ref()).unwrap();
    wanted.send_replace(testing::routes(["0.0.0.0/0", "203.0.113.7/32"]));
    let status = wait(&here, "told with the new key", |s| s.prefixes_received == 2).await;
    assert_eq!((status.counters.established, status.last_down), (1, None));

    let (_two, second) = branch("127.0.36.2", address, Some("old"));
    wait(&second, "unanswered", |s| s.last_down == Some(Down::Unanswered)).await;
    let (_three, third) = branch("127.0.36.3", address, Some("new"));
    wait(&third, "told", |s| s.prefixes_received == 2).await;
}

/// A dial takes the key that holds now, and a wrong one is one that can be mended.
#[tokio::test]
async fn a_key_that_was_wrong_is_right_with_the_next_dial() {
    let (_router, address, _wanted) = router("127.0.30.6", "127.0.37.0/24", Some("right"));
    let (there, here) = branch("127.0.37.1", address, Some("wrong"));
    wait(&here, "unanswered", |s| s.last_down == Some(Down::Unanswered)).await;
    there.change_key("127.0.30.6/32".parse().unwrap(), Md5Key::new(b"right").as_ref()).unwrap();
    wait(&here, "established", |s| s.state == State::Established).await;
}

/// A connection from this address that nobody has accepted yet.
fn unaccepted(from: &str, router: SocketAddr, key: Option<&str>) -> socket2::Socket {
    let mut transport = testing::config().transport;
    (transport.remote, transport.local) = (router, Some(from.parse().unwrap()));
    let key = key.and_then(|key| Md5Key::new(key.as_bytes()));
    let socket = sockopt::dialler(&transport, key.as_ref()).unwrap();
    socket.set_nonblocking(false).unwrap();
    socket.connect(&router.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Whoever stops all may do so at the moment when one leaves.
#[tokio::test]
async fn stopping_a_neighbor_that_has_just_left_waits_for_nothing() {
    let (router, address, _wanted) = router("127.0.30.7", "127.0.38.0/24", None);
    let connection = unaccepted("127.0.38.1", address, None);
    until("known", || !router.peers().is_empty()).await;
    let peer = router.peers().remove(0);
    drop(connection);
    until("gone", || router.peers().is_empty()).await;
    timeout(LIMIT / 2, peer.stop(bye())).await.unwrap();
}

/// Who comes and goes is one neighbor, which may log so many lines a second, and not a new one with each connection.
#[tokio::test]
async fn a_neighbor_of_a_moment_is_known_for_a_second() {
    let (router, address, _wanted) = router("127.0.30.8", "127.0.39.0/24", None);
    let begun = tokio::time::Instant::now();
    drop(unaccepted("127.0.39.1", address, None));
    until("known", || !router.peers().is_empty()).await;
    until("gone", || router.peers().is_empty()).await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// A connection has the key that holds when it is taken, and not the one, or none, of when it was opened.
#[tokio::test]
async fn a_key_holds_for_connections_that_were_not_taken_yet() {
    for (at, range, from, old) in [
        ("127.0.30.9", "127.0.42.0/24", "127.0.42.1", Some("old")),
        ("127.0.30.9", "127.0.42.0/24", "127.0.42.2", None),
        ("::1", "::/64", "::1", Some("old")),
    ] {
        let (router, address, _wanted) = router(at, range, old);
        let socket = unaccepted(from, address, old);
        let new = Md5Key::new(b"new");
        router.change_key(range.parse().unwrap(), new.as_ref()).unwrap();
        sockopt::set_md5(&socket, address.ip().into(), new.as_ref()).unwrap();
        let mut stream = TcpStream::from_std(socket.into()).unwrap();
        let branch = testing::mirrored(&testing::config());
        stream.write_all(&crate::session::greeting(&branch)).await.unwrap();
        until("known", || !router.peers().is_empty()).await;
        wait(&router.peers()[0], "established", |s| s.state == State::Established).await;
    }
}
