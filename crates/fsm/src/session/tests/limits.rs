//! Limits of prefixes in either direction, and communities that a session heeds.

use super::*;
use crate::{Excess, PrefixLimit};
use quadzero_codec::{Community, Family};

const THREE: [&str; 3] = ["0.0.0.0/0", "203.0.113.7/32", "203.0.113.8/32"];

/// The peer that listens, 1, takes as many prefixes as this.
fn taking(limit: PrefixLimit) -> Pair {
    let right = PeerConfig { max_prefixes: Some(limit), mode: Mode::Passive, ..mirrored(&config()) };
    let mut pair = Pair::new(config(), right);
    pair.run(SECOND);
    pair
}

fn announce<const N: usize>(pair: &mut Pair, prefixes: [&'static str; N]) {
    pair.input(0, Input::Routes(routes(prefixes)));
    pair.run(SECOND / 10);
}

fn filled(end: &End) -> Vec<String> {
    let words = |(_, e): &(Instant, Event)| if let Event::Filled(f) = e { Some(f.to_string()) } else { None };
    end.events.iter().filter_map(words).collect()
}

fn drop_for(restart_after: Option<Duration>) -> Excess {
    Excess::Drop { restart_after }
}

/// RFC 4486 §4: the NOTIFICATION names the family and the bound.
#[test]
fn more_prefixes_than_allowed_end_the_session_with_cease_1_for_a_while() {
    let mut pair = taking(PrefixLimit::new(2, drop_for(Some(MINUTE))));
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32"]);
    assert_eq!(pair.states(), [State::Established; 2], "as many as allowed");
    announce(&mut pair, THREE);
    let down = pair.ends[1].events.iter().find_map(|(_, e)| match e {
        Event::Down(Down::Sent(n)) => Some(n.clone()),
        _ => None,
    });
    let data = Bytes::from_static(&[0, 1, 1, 0, 0, 0, 2]);
    assert_eq!(down, Some(Notification::with_data(ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES, data)));
    assert_eq!(pair.ends[1].learned(), [""; 0]);

    announce(&mut pair, ["0.0.0.0/0"]);
    pair.run(SECOND * 58);
    assert_eq!(pair.ends[1].state(), State::Idle);
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
}

/// RFC 4271 §6.7: without a time, the operator decides.
#[test]
fn a_session_that_is_dropped_for_good_comes_back_when_it_is_started() {
    let mut pair = taking(PrefixLimit::new(2, drop_for(None)));
    announce(&mut pair, THREE);
    announce(&mut pair, ["0.0.0.0/0"]);
    pair.run(MINUTE * 60);
    assert_eq!(pair.ends[1].state(), State::Idle);
    pair.input(1, Input::Start);
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
}

#[test]
fn a_limit_that_only_warns_says_each_step_once_and_takes_all() {
    let mut pair = taking(PrefixLimit { prefixes: 2, warn_at: 2, excess: Excess::Warn });
    announce(&mut pair, ["0.0.0.0/0"]);
    assert_eq!(filled(&pair.ends[1]), [""; 0]);
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32"]);
    announce(&mut pair, THREE);
    announce(&mut pair, ["198.51.100.0/24", "203.0.113.7/32", "203.0.113.8/32"]);
    let near = "2 prefixes of ipv4-unicast received, max-prefixes is 2";
    let over = "3 prefixes of ipv4-unicast received, max-prefixes is 2";
    assert_eq!(filled(&pair.ends[1])[..2], [near, over]);
    assert_eq!(pair.ends[1].learned().len(), 3);
    assert_eq!(pair.states(), [State::Established; 2]);
}

#[test]
fn where_excess_is_blocked_the_first_prefixes_stay_and_later_ones_find_room_again() {
    let mut pair = taking(PrefixLimit::new(2, Excess::Block));
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32"]);
    announce(&mut pair, THREE);
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32", "203.0.113.8/32", "203.0.113.9/32"]);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"]);
    let over = filled(&pair.ends[1]).into_iter().filter(|words| words.ends_with("are not taken"));
    assert_eq!(over.count(), 1, "told once");
    announce(&mut pair, ["203.0.113.7/32"]);
    announce(&mut pair, ["198.51.100.0/24", "203.0.113.7/32"]);
    assert_eq!(pair.ends[1].learned(), ["198.51.100.0/24", "203.0.113.7/32"]);
    assert_eq!(pair.states(), [State::Established; 2]);
}

#[test]
fn a_limit_is_of_each_family() {
    let left = PeerConfig {
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        own_address: Some("2001:db8::1".parse().unwrap()),
        ..config()
    };
    let limit = Some(PrefixLimit::new(1, drop_for(None)));
    let right = PeerConfig { max_prefixes: limit, mode: Mode::Passive, own_address: None, ..mirrored(&left) };
    let mut pair = Pair::new(left, right);
    announce(&mut pair, ["0.0.0.0/0", "::/0"]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "::/0"]);
    announce(&mut pair, ["0.0.0.0/0", "::/0", "2001:db8:1::/48"]);
    assert_eq!(pair.ends[1].state(), State::Idle);
}

/// Both sides restart gracefully (RFC 4724); the peer that listens, 1, takes two prefixes and has two.
fn restarting(excess: Excess) -> Pair {
    let capabilities =
        Capabilities { graceful_restart: crate::RestartTime::new(60), ..Capabilities::default() };
    let left = PeerConfig { capabilities, ..config() };
    let limit = Some(PrefixLimit::new(2, excess));
    let right = PeerConfig { max_prefixes: limit, mode: Mode::Passive, ..mirrored(&left) };
    let mut pair = Pair::new(left, right);
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32"]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned().len(), 2);
    pair
}

/// RFC 4724 §4.2: stale routes are ours to keep; the peer that is back has announced none of them.
#[test]
fn stale_routes_take_no_room_of_a_peer_that_has_restarted() {
    for excess in [drop_for(None), Excess::Block, Excess::Warn] {
        let mut pair = restarting(excess);
        pair.cut();
        announce(&mut pair, ["203.0.113.7/32", "203.0.113.8/32"]);
        pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
        pair.run(SECOND);
        assert_eq!(pair.ends[1].learned(), ["203.0.113.7/32", "203.0.113.8/32"], "{excess:?}");
        assert_eq!(filled(&pair.ends[1]).iter().filter(|words| words.starts_with('3')).count(), 0);
    }
}

/// RFC 7313 §4: nothing of a refresh that has begun is withdrawn, and beginning one again and again makes no room.
#[test]
fn what_a_refresh_has_not_said_again_yet_still_counts() {
    let mut pair = taking(PrefixLimit::new(2, Excess::Block));
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32"]);
    let begin = quadzero_codec::RouteRefresh { family: Family::IPV4_UNICAST, subtype: 1 };
    let mut octets = BytesMut::new();
    Message::RouteRefresh(begin).encode(&Default::default(), &mut octets);
    pair.input(1, Input::Bytes(Direction::Incoming, &octets));
    announce(&mut pair, THREE);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"]);
}

/// RFC 8538 §5.1: a peer that keeps our routes over any other NOTIFICATION is told not to.
#[test]
fn excess_is_a_hard_reset_where_notifications_are_covered_by_graceful_restart() {
    let mut pair = restarting(drop_for(Some(MINUTE)));
    pair.input(1, Input::Routes(routes(["198.51.100.0/24"])));
    pair.run(SECOND);
    announce(&mut pair, THREE);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
    assert_eq!(pair.ends[0].learned(), [""; 0]);
    let reason = "down: NOTIFICATION received: Cease: Hard Reset (6/9), \
                  Cease: Maximum Number of Prefixes Reached (6/1)";
    assert_eq!(pair.ends[0].story().last().map(String::as_str), Some(reason));
}

/// A peer that restarts gracefully may open a second connection (RFC 4724 §5): that is no way around the wait.
#[test]
fn another_connection_of_the_peer_ends_together_with_the_one_of_excess() {
    let capabilities =
        Capabilities { graceful_restart: crate::RestartTime::new(60), ..Capabilities::default() };
    let left = PeerConfig { capabilities, mode: Mode::Passive, ..config() };
    let limit = Some(PrefixLimit::new(1, drop_for(None)));
    let right = PeerConfig { max_prefixes: limit, mode: Mode::Both, ..mirrored(&left) };
    let mut pair = Pair::new(left, right);
    pair.run(SECOND);
    let addresses = Addresses { local: address(1), remote: address(0) };
    pair.input(1, Input::Connected(Direction::Incoming, addresses));
    let session = &mut pair.ends[1].session;
    assert!(session.connections.iter().all(Option::is_some));
    session.handle(pair.now, Input::Bytes(Direction::Outgoing, &update(&[], &[7, 8])));
    assert!(session.connections.iter().all(Option::is_none));
    assert_eq!((session.state(), session.deadline()), (State::Idle, None));
}

/// UPDATE with WITHDRAWN ROUTES and NLRI, both of /32s out of 203.0.113.0/24.
fn update(withdrawn: &[u8], announced: &[u8]) -> Vec<u8> {
    let nlri = |hosts: &[u8]| hosts.iter().flat_map(|host| [32, 203, 0, 113, *host]).collect::<Vec<_>>();
    let attributes = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xF2, 0x40, 3, 4, 192, 0, 2, 1].as_slice();
    let (withdrawn, announced) = (nlri(withdrawn), nlri(announced));
    let length = 23 + withdrawn.len() + attributes.len() + announced.len();
    let mut octets = vec![0xFF; 16];
    octets.extend([0, length as u8, 2, 0, withdrawn.len() as u8]);
    octets.extend(withdrawn);
    octets.extend([0, attributes.len() as u8]);
    octets.extend(attributes);
    octets.extend(announced);
    octets
}

/// RFC 4271 §4.3: what is withdrawn and announced in one UPDATE is announced; and a prefix is one, however often it is said.
#[test]
fn room_is_for_prefixes_and_not_for_how_often_they_are_said() {
    let cases: [(&[u8], &[u8], &[u8]); 5] = [
        (&[], &[7, 7, 8], &[7, 8]),
        (&[], &[7, 8, 9, 8, 7], &[7, 8]),
        (&[1], &[7, 8], &[7, 8]),
        (&[7], &[9, 7], &[7, 8]),
        (&[7, 7], &[9], &[8, 9]),
    ];
    for (withdrawn, announced, expected) in cases {
        let mut pair = taking(PrefixLimit::new(2, Excess::Block));
        if !withdrawn.is_empty() && announced != [7, 8] {
            pair.input(1, Input::Bytes(Direction::Incoming, &update(&[], &[7, 8])));
        }
        pair.input(1, Input::Bytes(Direction::Incoming, &update(withdrawn, announced)));
        let expected: Vec<_> = expected.iter().map(|host| format!("203.0.113.{host}/32")).collect();
        assert_eq!(pair.ends[1].learned(), expected, "{withdrawn:?} {announced:?}");
    }
}

/// The peer that dials, 0, is told no more prefixes than this.
fn telling(excess: Excess) -> Pair {
    let left = PeerConfig { max_prefixes_out: Some(PrefixLimit::new(2, excess)), ..config() };
    let mut pair = Pair::new(left, PeerConfig { mode: Mode::Passive, ..mirrored(&config()) });
    announce(&mut pair, ["0.0.0.0/0", "203.0.113.7/32"]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned().len(), 2);
    pair
}

#[test]
fn a_set_that_is_too_large_for_a_peer_leaves_it_with_what_it_has() {
    let mut pair = telling(Excess::Block);
    announce(&mut pair, THREE);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"]);
    let told = "3 prefixes of ipv4-unicast to be announced, max-prefixes-out is 2: what the peer holds stays as it is";
    assert_eq!(filled(&pair.ends[0]).last().map(String::as_str), Some(told));
    announce(&mut pair, ["203.0.113.8/32"]);
    assert_eq!(pair.ends[1].learned(), ["203.0.113.8/32"]);
    assert_eq!(pair.ends[0].story(), ["up"]);
}

#[test]
fn a_limit_outward_that_only_warns_announces_all() {
    let mut pair = telling(Excess::Warn);
    announce(&mut pair, THREE);
    assert_eq!(pair.ends[1].learned(), THREE);
}

/// The peer hears why (RFC 9003), and the session stays away while it would be so again.
#[test]
fn a_set_that_is_too_large_may_end_the_session_until_it_fits() {
    let mut pair = telling(drop_for(Some(MINUTE)));
    announce(&mut pair, THREE);
    pair.run(SECOND);
    let said = pair.ends[1].story().last().cloned().unwrap();
    assert!(said.contains("Administrative Reset") && said.contains("max-prefixes-out is 2"), "{said}");
    assert_eq!(pair.ends[1].learned(), [""; 0]);
    pair.run(MINUTE * 10);
    assert_eq!(pair.ends[0].state(), State::Idle);
    announce(&mut pair, ["0.0.0.0/0"]);
    pair.run_until(MINUTE * 2, |p| p.states() == [State::Established; 2]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
}

/// RFC 8326 §4.
#[test]
fn routes_of_a_peer_that_is_about_to_leave_are_the_last_choice() {
    for (heeds, expected) in [(true, Some(0)), (false, None)] {
        let right =
            PeerConfig { honour_graceful_shutdown: heeds, mode: Mode::Passive, ..mirrored(&config()) };
        let mut pair = Pair::new(config(), right);
        let attributes = quadzero_codec::Attributes {
            as_path: quadzero_codec::AsPath::sequence([quadzero_codec::Asn(65010)]),
            communities: Box::new([Community::GRACEFUL_SHUTDOWN]),
            ..Default::default()
        };
        let prefix = "0.0.0.0/0".parse().unwrap();
        let route = quadzero_rib::Route { prefix, attributes: Arc::new(attributes) };
        pair.input(0, Input::Routes(Arc::new(RouteSet::new([route]))));
        pair.run(SECOND);
        let learned = pair.ends[1].session.learned().lock().unwrap();
        assert_eq!(learned.get(&prefix).unwrap().local_pref, expected);
    }
}
