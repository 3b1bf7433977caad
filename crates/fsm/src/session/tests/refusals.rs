//! What is refused, given up, or cannot be said; and what is said of it.

use super::*;
use quadzero_codec::{Asn, Attributes, Community, Family, NextHop, Role};
use std::net::Ipv4Addr;

fn refused(left: PeerConfig, right: PeerConfig) -> (ErrorCode, String) {
    let mut pair = Pair::new(left, PeerConfig { mode: Mode::Passive, ..right });
    pair.run(SECOND / 10);
    let why = pair.ends[0].events.iter().find_map(|(_, e)| match e {
        Event::Refused(why) => Some(why.clone()),
        _ => None,
    });
    let code = pair.ends[0].events.iter().find_map(|(_, e)| match e {
        Event::Failed(Down::Sent(n)) => Some(n.code),
        _ => None,
    });
    (code.unwrap(), why.unwrap())
}

/// RFC 4271 §6.2.
#[test]
fn another_as_than_the_configured_one_is_refused() {
    let (code, why) = refused(PeerConfig { remote_as: Asn(65099), ..config() }, mirrored(&config()));
    assert_eq!(code, ErrorCode::OPEN_BAD_PEER_AS);
    assert_eq!(why, "the peer is in AS 65020, configured is AS 65099");
}

/// RFC 6286 §2.2: within an AS.
#[test]
fn our_own_identifier_is_refused_in_our_own_as() {
    let left = PeerConfig { remote_as: Asn(65010), ..config() };
    let right = PeerConfig { router_id: left.router_id, ..mirrored(&left) };
    assert_eq!(refused(left, right).0, ErrorCode::OPEN_BAD_BGP_IDENTIFIER);
}

/// RFC 5492 §5.
#[test]
fn a_peer_without_a_family_in_common_is_refused() {
    let right = PeerConfig { families: vec![Family::IPV6_UNICAST], ..mirrored(&config()) };
    let (code, why) = refused(config(), right);
    assert_eq!(code, ErrorCode::OPEN_UNSUPPORTED_CAPABILITY);
    assert_eq!(why, "the peer offers ipv6-unicast, configured is ipv4-unicast");
}

/// RFC 9234 §4.2.
#[test]
fn roles_that_do_not_fit_are_refused_and_those_that_do_are_not() {
    let left = PeerConfig { role: Some(Role::Customer), ..config() };
    let with = |role| PeerConfig { role: Some(role), mode: Mode::Passive, ..mirrored(&config()) };
    assert_eq!(refused(left.clone(), with(Role::Peer)).0, ErrorCode::OPEN_ROLE_MISMATCH);
    let mut pair = Pair::new(left, with(Role::Provider));
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
}

/// RFC 9234 §5.
#[test]
fn a_route_for_customers_only_is_not_taken_from_a_customer() {
    let left = PeerConfig { role: Some(Role::Customer), ..config() };
    let right = PeerConfig { role: Some(Role::Provider), mode: Mode::Passive, ..mirrored(&config()) };
    let mut pair = Pair::new(left, right);
    let path = quadzero_codec::AsPath::sequence([Asn(65010)]);
    let marked = Attributes { only_to_customer: Some(Asn(65010)), as_path: path, ..Attributes::default() };
    let route = quadzero_rib::Route { prefix: "0.0.0.0/0".parse().unwrap(), attributes: Arc::new(marked) };
    pair.input(0, Input::Routes(Arc::new(RouteSet::new([route]))));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
    assert!(
        pair.ends[1]
            .events
            .iter()
            .any(|(_, e)| matches!(e, Event::Ignored(1, _, why) if why.contains("9234")))
    );
}

/// RFC 9234 §5: what comes from above is marked where it comes in, by whoever knows that it does.
#[test]
fn a_route_from_above_is_marked_for_customers_only() {
    for (ours, theirs, marked) in [
        (Role::Customer, Role::Provider, Some(Asn(65010))),
        (Role::Peer, Role::Peer, Some(Asn(65010))),
        (Role::Provider, Role::Customer, None),
    ] {
        let right = PeerConfig { role: Some(ours), mode: Mode::Passive, ..mirrored(&config()) };
        let mut pair = Pair::new(PeerConfig { role: Some(theirs), ..config() }, right);
        pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
        pair.run(SECOND);
        let learned = pair.ends[1].session.learned().lock().unwrap();
        assert_eq!(learned.get(&"0.0.0.0/0".parse().unwrap()).unwrap().only_to_customer, marked);
    }
}

#[test]
fn a_speaker_that_only_dials_refuses_connections() {
    let mut pair = Pair::new(PeerConfig { mode: Mode::Active, ..config() }, mirrored(&config()));
    pair.ends[0].can_dial = false;
    pair.run(SECOND * 20);
    assert!(pair.states().iter().all(|s| *s < State::OpenConfirm), "{:?}", pair.states());
}

/// A tunnel that is dead swallows the SYN: nobody refuses, nobody answers.
#[test]
fn a_dial_that_nobody_answers_is_told_and_repeated() {
    let mut session = Session::new(Arc::new(config()), Arc::default(), 1);
    let mut now = Instant::now();
    session.handle(now, Input::Start);
    for _ in 0..3 {
        assert_eq!(session.poll(), Some(Output::Connect));
        now = session.deadline().unwrap();
        session.handle(now, Input::Timeout);
        assert_eq!(session.poll(), Some(Output::Event(Event::Failed(Down::Unanswered))));
    }
}

#[test]
fn started_again_while_it_still_withdraws_a_session_says_its_last_words_first() {
    let mut pair = established();
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    pair.input(0, Input::Stop(shutdown("a moment")));
    pair.input(0, Input::Start);
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
    pair.run(SECOND);
    let down = format!("down: {}", Down::Received(shutdown("a moment")));
    assert_eq!(pair.ends[1].story(), ["up".to_owned(), down, "up".to_owned()]);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
}

/// What cannot be said any more must not stay as it was said before.
#[test]
fn a_route_that_grows_too_long_for_a_message_is_withdrawn() {
    let capabilities = Capabilities { extended_message: false, ..Capabilities::default() };
    let left = PeerConfig { capabilities, ..config() };
    let mut pair = Pair::new(left.clone(), PeerConfig { mode: Mode::Passive, ..mirrored(&left) });
    let set = |communities: u32| {
        let attributes = Attributes {
            as_path: quadzero_codec::AsPath::sequence([Asn(65010)]),
            next_hop: NextHop::Address(Ipv4Addr::new(192, 0, 2, 9).into()),
            communities: (0..communities).map(Community).collect(),
            ..Attributes::default()
        };
        let route = |prefix: &str, attributes: &Arc<Attributes>| quadzero_rib::Route {
            prefix: prefix.parse().unwrap(),
            attributes: attributes.clone(),
        };
        let [long, short] =
            [attributes.clone(), Attributes { communities: Box::new([]), ..attributes }].map(Arc::new);
        Arc::new(RouteSet::new([route("0.0.0.0/0", &long), route("203.0.113.7/32", &short)]))
    };
    for (communities, expected) in [
        (1, &["0.0.0.0/0", "203.0.113.7/32"][..]),
        (2000, &["203.0.113.7/32"]),
        (2, &["0.0.0.0/0", "203.0.113.7/32"]),
    ] {
        pair.input(0, Input::Routes(set(communities)));
        pair.run(SECOND);
        assert_eq!(pair.ends[1].learned(), expected);
        assert_eq!(pair.ends[0].session.prefixes_sent(), expected.len());
    }
    assert!(pair.ends[0].events.iter().any(|(_, e)| matches!(e, Event::Unsendable(_))));
}

/// RFC 9687: the peer is Established, its messages come, but ours do not go.
#[test]
fn an_established_peer_that_never_reads_is_given_up_when_the_send_hold_timer_expires() {
    let timers = Timers { send_hold: Some(SECOND * 40), ..Timers::default() };
    let mut pair = Pair::new(
        PeerConfig { timers, ..config() },
        PeerConfig { mode: Mode::Passive, ..mirrored(&config()) },
    );
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
    pair.ends[1].drains = false;
    pair.run(SECOND * 300);
    let expired = format!("down: {}", Down::Sent(Notification::new(ErrorCode::SEND_HOLD_TIMER_EXPIRED)));
    assert!(pair.ends[0].story().contains(&expired), "{:?}", pair.ends[0].story());
}

#[test]
fn both_families_travel_in_one_session() {
    let left = PeerConfig {
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        own_address: Some("2001:db8::1".parse().unwrap()),
        ..config()
    };
    let right = PeerConfig { mode: Mode::Passive, own_address: None, ..mirrored(&left) };
    let mut pair = Pair::new(left, right);
    pair.input(0, Input::Routes(routes(["0.0.0.0/0", "::/0", "2001:db8:1::/48"])));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "::/0", "2001:db8:1::/48"]);
    pair.input(0, Input::Routes(routes(["::/0"])));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["::/0"]);
}

#[test]
fn within_an_as_routes_carry_a_local_preference_and_no_path() {
    let left = PeerConfig { remote_as: Asn(65010), ..config() };
    let mut pair = Pair::new(left.clone(), PeerConfig { mode: Mode::Passive, ..mirrored(&left) });
    let route = quadzero_rib::Route { prefix: "0.0.0.0/0".parse().unwrap(), attributes: Arc::default() };
    pair.input(0, Input::Routes(Arc::new(RouteSet::new([route]))));
    pair.run(SECOND);
    let learned = pair.ends[1].session.learned().lock().unwrap();
    let attributes = learned.get(&"0.0.0.0/0".parse().unwrap()).unwrap();
    assert_eq!((attributes.local_pref, attributes.as_path.hops()), (Some(100), 0));
}

/// What 1 holds when 0 says these attributes of the default route.
fn taken(left: PeerConfig, right: PeerConfig, attributes: Attributes) -> Vec<String> {
    let mut pair = Pair::new(left, PeerConfig { mode: Mode::Passive, ..right });
    let route =
        quadzero_rib::Route { prefix: "0.0.0.0/0".parse().unwrap(), attributes: Arc::new(attributes) };
    pair.input(0, Input::Routes(Arc::new(RouteSet::new([route]))));
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2], "the session stays");
    pair.ends[1].learned()
}

/// RFC 4271 §6.3: the peer's first AS, unless it is a route server (RFC 7947 §2.2.2.1).
#[test]
fn a_route_server_may_leave_its_own_as_out() {
    let path =
        Attributes { as_path: quadzero_codec::AsPath::sequence([Asn(65030)]), ..Attributes::default() };
    assert_eq!(taken(config(), mirrored(&config()), path.clone()), [""; 0]);
    let client = PeerConfig { role: Some(Role::RouteServerClient), ..mirrored(&config()) };
    let server = PeerConfig { role: Some(Role::RouteServer), ..config() };
    assert_eq!(taken(server, client, path), ["0.0.0.0/0"]);
}

/// RFC 4271 §6.3.
#[test]
fn a_route_to_us_by_ourselves_is_not_taken() {
    for (next_hop, expected) in [("192.0.2.2", &[][..]), ("192.0.2.9", &["0.0.0.0/0"])] {
        let next_hop = NextHop::Address(next_hop.parse().unwrap());
        let as_path = quadzero_codec::AsPath::sequence([Asn(65010)]);
        let attributes = Attributes { next_hop, as_path, ..Attributes::default() };
        assert_eq!(taken(config(), mirrored(&config()), attributes), expected);
    }
}
