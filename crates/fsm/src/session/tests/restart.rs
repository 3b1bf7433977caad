//! Graceful restart (RFC 4724, RFC 8538).

use super::*;
use crate::RestartTime;

/// Both sides offer graceful restart; the first one dials.
fn graceful() -> Pair {
    let capabilities = Capabilities { graceful_restart: RestartTime::new(60), ..Capabilities::default() };
    let left = PeerConfig { capabilities, ..config() };
    let mut pair = Pair::new(left.clone(), PeerConfig { mode: Mode::Passive, ..mirrored(&left) });
    pair.input(0, Input::Routes(routes(["0.0.0.0/0", "203.0.113.7/32"])));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned().len(), 2);
    pair
}

/// RFC 4724 §4.2: routes are kept while the peer is away, and what it does not say again goes with its End-of-RIB.
#[test]
fn routes_of_a_peer_that_restarts_are_kept_until_it_has_said_what_it_still_has() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    pair.cut();
    pair.run(SECOND * 20);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"], "stale, but there");
    assert_eq!(pair.ends[1].session.learned().lock().unwrap().stale_len(), 2);
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.ends[0].can_dial = true;
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
    assert_eq!(pair.ends[1].session.learned().lock().unwrap().stale_len(), 0);
}

/// What hangs on probes is not known at once after a start: until it is, nobody is to take its absence for a withdrawal.
#[test]
fn what_is_not_all_yet_has_no_end_of_rib_and_stale_routes_stay_until_it_is() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    pair.cut();
    pair.input(0, Input::Routes(Arc::new(routes(["203.0.113.7/32"]).as_ref().clone().unsettled())));
    pair.ends[0].can_dial = true;
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
    pair.run(MINUTE);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"]);
    assert_eq!(pair.ends[1].session.learned().lock().unwrap().stale_len(), 1, "the other one was said again");
    pair.input(0, Input::Routes(routes(["203.0.113.7/32"])));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["203.0.113.7/32"]);
}

/// RFC 4724 §3: what a restarted router waits for before it takes stale routes from its forwarding table (§4.1).
#[test]
fn a_peer_has_said_everything_with_its_end_of_rib_and_not_before_in_the_next_session() {
    let mut pair = graceful();
    assert!(pair.ends.iter().all(|end| end.session.has_said_everything()));
    pair.ends[0].can_dial = false;
    pair.cut();
    pair.run(SECOND);
    assert!(!pair.ends[1].session.has_said_everything(), "it is away");
    pair.ends[0].can_dial = true;
    pair.ends[1].reads = false;
    pair.run_until(MINUTE, |p| p.connections() > 0);
    pair.ends[1].reads = true;
    while pair.ends[1].state() != State::Established {
        assert!(pair.exchange());
    }
    assert!(!pair.ends[1].session.has_said_everything(), "what it said in the last session does not count");
    pair.run(SECOND);
    assert!(pair.ends[1].session.has_said_everything());
}

/// RFC 4724 §3: End-of-RIB is for those with the capability.
#[test]
fn a_peer_without_graceful_restart_has_said_everything_with_its_next_keepalive() {
    let mut pair = Pair::new(config(), PeerConfig { mode: Mode::Passive, ..mirrored(&config()) });
    pair.ends[1].reads = false;
    pair.run_until(MINUTE, |p| p.connections() > 0);
    pair.ends[1].reads = true;
    while pair.ends[1].state() != State::Established {
        assert!(pair.exchange());
    }
    assert!(!pair.ends[1].session.has_said_everything());
    let keepalive = [[0xFF; 16].as_slice(), &[0, 19, 4]].concat();
    pair.input(1, Input::Bytes(Direction::Incoming, &keepalive));
    assert!(pair.ends[1].session.has_said_everything());
}

#[test]
fn routes_of_a_peer_that_stays_away_go_when_its_restart_time_is_over() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    pair.cut();
    pair.run(SECOND * 59);
    assert_eq!(pair.ends[1].learned().len(), 2);
    pair.run(SECOND * 2);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
}

/// RFC 8538 §3, §4: NOTIFICATIONs are covered, a Hard Reset is not; stopping is a Hard Reset.
#[test]
fn an_error_keeps_the_routes_and_a_stop_does_not() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    pair.input(0, Input::Bytes(Direction::Outgoing, &[0; 19]));
    pair.run(SECOND);
    assert_ne!(pair.ends[1].state(), State::Established);
    assert_eq!(pair.ends[1].learned().len(), 2, "the header error was answered with a NOTIFICATION");

    let mut pair = graceful();
    pair.input(0, Input::Stop(shutdown("for good")));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
    assert!(pair.ends[1].events.iter().any(|(_, e)| matches!(e,
        Event::Down(Down::Received(n)) if n.code == ErrorCode::CEASE_HARD_RESET)));
}

/// RFC 9384 §4: where NOTIFICATIONs are covered, a Hard Reset says that BFD is down: the routes lead nowhere.
#[test]
fn bfd_down_keeps_no_routes() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    pair.input(1, Input::BfdDown);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
    let reason = "NOTIFICATION sent: Cease: Hard Reset (6/9), Cease: BFD Down (6/10)";
    assert_eq!(pair.ends[1].story(), ["up", &format!("down: {reason}")]);
    assert!(pair.ends[0].events.iter().any(|(_, e)| matches!(e,
        Event::Down(Down::Received(n)) if n.encapsulated().is_some_and(|n| n.code == ErrorCode::CEASE_BFD_DOWN))));
}

/// RFC 5882 §4.3.2: the restart took BFD down, not the other way round.
#[test]
fn bfd_down_ends_no_restart_that_is_under_way() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    pair.cut();
    pair.run(SECOND);
    pair.input(1, Input::BfdDown);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned().len(), 2);
    pair.ends[0].can_dial = true;
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
}

/// RFC 4724 §3: the R bit is set in the first OPEN since the start, and in no later one.
#[test]
fn only_the_first_open_says_that_we_have_restarted() {
    let restarted = |pair: &Pair| {
        pair.ends[1]
            .session
            .negotiated()
            .and_then(|n| n.graceful_restart.clone())
            .is_some_and(|r| r.restarted)
    };
    let mut pair = graceful();
    assert!(restarted(&pair));
    pair.cut();
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
    assert!(!restarted(&pair));
}

/// RFC 4724 §5: a new connection of a peer that we still believe to be Established is its restart.
#[test]
fn a_peer_that_came_back_unnoticed_takes_the_place_of_its_old_self() {
    let capabilities = Capabilities { graceful_restart: RestartTime::new(60), ..Capabilities::default() };
    let left = PeerConfig { capabilities, ..config() };
    let mut pair = Pair::new(left.clone(), PeerConfig { mode: Mode::Passive, ..mirrored(&left) });
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    pair.crash(0);
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.input(0, Input::Start);
    pair.run(SECOND * 5);
    assert_eq!(pair.states(), [State::Established; 2], "long before the Hold Time is over");
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
    assert_eq!(pair.ends[1].story(), ["up", "down: TCP connection closed or lost", "up"]);
}

#[test]
fn without_graceful_restart_a_crashed_peer_waits_for_our_hold_timer() {
    let mut pair = one_dials();
    pair.run(SECOND);
    pair.crash(0);
    pair.input(0, Input::Start);
    pair.run(SECOND * 50);
    assert_eq!(pair.ends[1].story(), ["up"]);
    pair.run_until(MINUTE * 3, |p| p.ends[1].story().len() >= 3);
}

/// RFC 7313 §4: what is not said between BoRR and EoRR is gone.
#[test]
fn what_a_refresh_does_not_say_again_is_forgotten_with_its_end() {
    let mut pair = established();
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    for (subtype, left) in [(1, 1), (2, 0)] {
        let refresh = quadzero_codec::RouteRefresh { family: quadzero_codec::Family::IPV4_UNICAST, subtype };
        let mut octets = BytesMut::new();
        Message::RouteRefresh(refresh).encode(&Default::default(), &mut octets);
        pair.input(1, Input::Bytes(Direction::Incoming, &octets));
        assert_eq!(pair.ends[1].learned().len(), left);
    }
}

/// RFC 4724 §4.2 speaks of consecutive restarts; a refresh that is cut off is none, and nothing of it was withdrawn.
#[test]
fn a_session_that_is_lost_amid_a_refresh_keeps_what_was_not_said_again_yet() {
    let mut pair = graceful();
    pair.ends[0].can_dial = false;
    let begin = quadzero_codec::RouteRefresh { family: quadzero_codec::Family::IPV4_UNICAST, subtype: 1 };
    let mut octets = BytesMut::new();
    Message::RouteRefresh(begin).encode(&Default::default(), &mut octets);
    pair.input(1, Input::Bytes(Direction::Incoming, &octets));
    pair.cut();
    pair.run(SECOND * 20);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"]);
}

/// RFC 7313 §4: a refresh before End-of-RIB is none; what the restart left open stays so.
#[test]
fn a_refresh_before_end_of_rib_leaves_stale_routes_alone() {
    let mut pair = graceful();
    let peer = pair.ends[0].session.config().clone();
    pair.ends[0].can_dial = false;
    pair.cut();
    pair.run(SECOND * 2);
    // It is back, and has not said anything of its routes yet.
    let session = &mut pair.ends[1].session;
    let addresses = Addresses { local: address(1), remote: address(0) };
    session.handle(pair.now, Input::Connected(Direction::Incoming, addresses));
    session.handle(pair.now, Input::Bytes(Direction::Incoming, &greeting(&peer)));
    assert_eq!((session.state(), session.learned().lock().unwrap().stale_len()), (State::Established, 2));
    for subtype in [1, 2] {
        let refresh = quadzero_codec::RouteRefresh { family: quadzero_codec::Family::IPV4_UNICAST, subtype };
        let mut octets = BytesMut::new();
        Message::RouteRefresh(refresh).encode(&Default::default(), &mut octets);
        session.handle(pair.now, Input::Bytes(Direction::Incoming, &octets));
    }
    assert_eq!(pair.ends[1].learned().len(), 2);
}
