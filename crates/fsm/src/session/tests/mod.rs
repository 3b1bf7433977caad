//! The session against itself, on an imaginary clock. Real peers are in the interop tests.

mod limits;
mod refusals;
mod restart;
mod wire;

use super::*;
use crate::{Capabilities, HoldNegotiation, Import, Timers, testing::*};
use quadzero_codec::{ErrorCode, HoldTime, Message, MessageType};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn pair() -> Pair {
    Pair::new(config(), mirrored(&config()))
}

fn one_dials() -> Pair {
    Pair::new(config(), PeerConfig { mode: Mode::Passive, ..mirrored(&config()) })
}

fn established() -> Pair {
    let mut pair = one_dials();
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
    pair
}

fn shutdown(text: &str) -> Notification {
    Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, text)
}

#[test]
fn a_dialling_and_a_passive_speaker_become_established_and_stay_so_for_a_day() {
    let mut pair = established();
    pair.run(MINUTE * 60 * 24);
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!(pair.ends[0].story(), ["up"]);
}

/// RFC 4271 §6.8: of two connections one survives, the one dialled by the higher BGP Identifier.
#[test]
fn both_dial_at_once_and_exactly_the_connection_of_the_higher_identifier_remains() {
    let mut pair = pair();
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!(pair.connections(), 1);
    assert!(pair.ends[0].session.connections[Direction::Incoming as usize].is_some(), "192.0.2.2 dialled it");
    assert!(pair.ends[1].session.connections[Direction::Outgoing as usize].is_some());
    let up = |e: &End| e.story().iter().filter(|s| *s == "up").count();
    assert_eq!([up(&pair.ends[0]), up(&pair.ends[1])], [1, 1]);
    pair.run(MINUTE * 60);
    assert_eq!(pair.states(), [State::Established; 2]);
}

/// RFC 6286 §2.3: equal identifiers, and the higher AS number decides.
#[test]
fn equal_identifiers_of_different_autonomous_systems_collide_by_as_number() {
    let left = config();
    let right = PeerConfig { router_id: left.router_id, ..mirrored(&left) };
    let mut pair = Pair::new(left, right);
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
    assert!(pair.ends[1].session.connections[Direction::Outgoing as usize].is_some(), "65020 dialled it");
}

#[test]
fn what_is_wanted_arrives_changes_and_is_withdrawn() {
    let mut pair = established();
    for wanted in [&["0.0.0.0/0", "203.0.113.7/32"][..], &["0.0.0.0/0"], &["198.51.100.0/24"], &[]] {
        pair.input(0, Input::Routes(routes(wanted.iter().copied())));
        pair.run(SECOND);
        assert_eq!(pair.ends[1].learned(), wanted);
        assert_eq!(pair.ends[0].session.prefixes_sent(), wanted.len());
    }
}

#[test]
fn octets_cut_anywhere_say_the_same() {
    for piece in [1, 2, 7, 18, 19, 20, 64] {
        let mut pair = one_dials();
        pair.piece = piece;
        pair.input(0, Input::Routes(routes(["0.0.0.0/0", "203.0.113.7/32"])));
        pair.run(SECOND);
        assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0", "203.0.113.7/32"], "in pieces of {piece}");
    }
}

#[test]
fn a_reconnected_peer_is_told_everything_again() {
    let mut pair = established();
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    pair.cut();
    assert_eq!(pair.ends[1].learned(), [""; 0], "routes of a session that is down are gone");
    pair.run_until(MINUTE, |p| p.states() == [State::Established; 2]);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
}

#[test]
fn stopping_withdraws_first_then_says_why_and_stays_idle() {
    let mut pair = established();
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    pair.input(0, Input::Stop(shutdown("maintenance until noon")));
    pair.run(SECOND);
    let received = &pair.ends[1].events;
    let withdrawn = received.iter().position(|(_, e)| *e == Event::Learned { announced: 0, withdrawn: 1 });
    let down = received
        .iter()
        .position(|(_, e)| *e == Event::Down(Down::Received(shutdown("maintenance until noon"))));
    assert!(withdrawn.is_some() && withdrawn < down, "{received:?}");
    pair.run(MINUTE * 60);
    assert_eq!(pair.ends[0].state(), State::Idle);
    pair.input(0, Input::Start);
    pair.run_until(MINUTE * 3, |p| p.states() == [State::Established; 2]);
}

/// RFC 4271 §8.2.2: the HoldTimer, started again by KEEPALIVE and UPDATE alone.
#[test]
fn silence_for_the_hold_time_ends_the_session_with_hold_timer_expired() {
    let mut pair = established();
    pair.ends[0].reads = false;
    let silent_since = pair.now;
    pair.run(SECOND * 95);
    let (at, _) = pair.ends[0].events.iter().find(|(_, e)| matches!(e, Event::Down(_))).unwrap();
    let waited = *at - silent_since;
    assert!(waited > SECOND * 60 && waited <= SECOND * 90, "{waited:?}");
    let expired = Down::Sent(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED));
    assert!(pair.ends[0].events.iter().any(|(_, e)| *e == Event::Down(expired.clone())));
}

/// RFC 9687: a peer that keeps talking but never reads is given up.
#[test]
fn a_peer_that_never_reads_is_given_up_when_the_send_hold_timer_expires() {
    let timers = Timers { send_hold: Some(SECOND * 20), ..Timers::default() };
    let mut session = Session::new(Arc::new(PeerConfig { timers, ..config() }), Arc::default(), 1);
    let now = Instant::now();
    session.handle(now, Input::Start);
    let addresses = Addresses { local: address(0), remote: address(1) };
    session.handle(now, Input::Connected(Direction::Outgoing, addresses));
    let deadline = session.deadline().unwrap();
    assert!(deadline <= now + SECOND * 20, "the OPEN waits, and nobody asks for it");
    session.handle(deadline, Input::Timeout);
    let outputs: Vec<_> = std::iter::from_fn(|| session.poll()).collect();
    let expected = Down::Sent(Notification::new(ErrorCode::SEND_HOLD_TIMER_EXPIRED));
    assert!(outputs.contains(&Output::Event(Event::Failed(expected))), "{outputs:?}");
}

#[test]
fn hold_time_zero_means_no_timers_at_all() {
    let timers = Timers { hold: HoldTime::ZERO, ..Timers::default() };
    let left = PeerConfig { timers, ..config() };
    let mut pair = Pair::new(left, PeerConfig { mode: Mode::Passive, ..mirrored(&config()) });
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!([pair.ends[0].session.deadline(), pair.ends[1].session.deadline()], [None, None]);
}

#[test]
fn the_smaller_hold_time_holds_unless_ours_is_fixed_or_has_a_least_one() {
    let timers = |seconds| Timers { hold: HoldTime::new(seconds).unwrap(), ..Timers::default() };
    let least = |seconds| HoldNegotiation::AtLeast(HoldTime::new(seconds).unwrap());
    let expected =
        [(HoldNegotiation::Minimum, 30), (HoldNegotiation::Fixed, 180), (least(10), 30), (least(60), 60)];
    for (negotiation, expected) in expected {
        let left = PeerConfig { timers: timers(180), hold_negotiation: negotiation, ..config() };
        let right = PeerConfig {
            timers: timers(30),
            mode: Mode::Passive,
            hold_negotiation: HoldNegotiation::Minimum,
            ..mirrored(&left)
        };
        let mut pair = Pair::new(left, right);
        pair.run(SECOND);
        assert_eq!(pair.ends[0].session.negotiated().unwrap().hold_time.seconds(), expected);
        assert_eq!(pair.ends[1].session.negotiated().unwrap().hold_time.seconds(), 30);
    }
}

/// What people see with 10/30 on their side (azure.md §7.1): the gateway's KEEPALIVE comes too late.
#[test]
fn a_fixed_hold_time_of_180_makes_a_peer_with_30_flap() {
    let timers = |seconds| Timers { hold: HoldTime::new(seconds).unwrap(), ..Timers::default() };
    let gateway = PeerConfig { timers: timers(180), hold_negotiation: HoldNegotiation::Fixed, ..config() };
    let edge = PeerConfig {
        timers: timers(30),
        mode: Mode::Passive,
        hold_negotiation: HoldNegotiation::Minimum,
        ..mirrored(&gateway)
    };
    let mut pair = Pair::new(gateway, edge);
    pair.run(SECOND * 40);
    assert_eq!(
        pair.ends[1].story()[..2],
        ["up".to_owned(), format!("down: {}", Down::Sent(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED)))]
    );
}

/// RFC 4271 §10: DelayOpenTime passes before the OPEN; an OPEN of the peer's ends it.
#[test]
fn delay_open_waits_for_the_peer_to_speak_first() {
    let delayed = Timers { delay_open: Some(SECOND * 20), ..Timers::default() };
    let left = PeerConfig { timers: delayed, ..config() };
    let both = PeerConfig { mode: Mode::Passive, ..mirrored(&left) };
    let mut pair = Pair::new(left.clone(), both);
    pair.run(SECOND * 19);
    assert_eq!(pair.states(), [State::Active, State::Active], "both wait");
    pair.run(SECOND * 2);
    assert_eq!(pair.states(), [State::Established; 2]);

    let prompt = PeerConfig { mode: Mode::Passive, timers: Timers::default(), ..mirrored(&left) };
    let mut pair = Pair::new(left, prompt);
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2], "the other's OPEN ends the delay");
}

#[test]
fn dials_that_fail_come_at_growing_intervals_up_to_connect_retry() {
    let mut pair = one_dials();
    pair.ends[0].can_dial = false;
    // The first dial succeeds or fails with the first exchange, which has not taken place yet.
    pair.run(MINUTE * 10);
    let gaps: Vec<_> = pair.ends[0].dials.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(gaps[0] <= SECOND && gaps[4] > SECOND * 11 && gaps.iter().all(|g| *g <= SECOND * 30), "{gaps:?}");
    assert!(gaps.last().unwrap() >= &Duration::from_millis(22_400), "{gaps:?}");
    pair.ends[0].can_dial = true;
    pair.run(SECOND * 31);
    assert_eq!(pair.states(), [State::Established; 2]);
}

#[test]
fn a_wrong_as_is_refused_with_bad_peer_as_and_the_idle_hold_time_grows() {
    let left = PeerConfig { remote_as: quadzero_codec::Asn(65099), ..config() };
    let mut pair = Pair::new(left, PeerConfig { mode: Mode::Passive, ..mirrored(&config()) });
    pair.run(MINUTE * 30);
    let refused = format!("failed: {}", Down::Sent(Notification::new(ErrorCode::OPEN_BAD_PEER_AS)));
    let story = pair.ends[0].story();
    assert!(story.iter().filter(|s| **s == refused).count() > 3, "{story:?}");
    let gaps: Vec<_> = pair.ends[0].dials.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(gaps.iter().all(|g| *g <= SECOND * 31) && gaps.last().unwrap() > &(SECOND * 20), "{gaps:?}");
}

#[test]
fn nothing_is_accepted_unless_asked_for() {
    let right = PeerConfig { import: Import::None, mode: Mode::Passive, ..mirrored(&config()) };
    let mut pair = Pair::new(config(), right);
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    assert_eq!(pair.states(), [State::Established; 2]);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
}

/// RFC 4271 §9.1.2: our own AS in the path.
#[test]
fn a_route_with_our_own_as_in_its_path_is_not_taken() {
    use quadzero_codec::{AsPath, Asn, Attributes};
    let mut pair = established();
    let looped = Attributes { as_path: AsPath::sequence([Asn(65010), Asn(65020)]), ..Attributes::default() };
    let route = quadzero_rib::Route { prefix: "0.0.0.0/0".parse().unwrap(), attributes: Arc::new(looped) };
    pair.input(0, Input::Routes(Arc::new(RouteSet::new([route]))));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), [""; 0]);
    assert_eq!(pair.states(), [State::Established; 2], "the session stays");
}

/// RFC 2918, RFC 7313: asked again, everything wanted is sent again, between BoRR and EoRR.
/// RFC 5882 §4.2.1, RFC 9384 §3: BFD emulates the end of the Hold Time, and the session comes back by itself.
#[test]
fn bfd_down_ends_an_established_session_with_cease_10_and_no_other() {
    let mut pair = one_dials();
    pair.input(1, Input::BfdDown);
    pair.run(SECOND);
    assert_eq!(pair.ends[1].story(), ["up"], "what is not Established has timers of its own");
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
    pair.input(1, Input::BfdDown);
    assert_eq!(pair.ends[1].learned(), [""; 0], "at once");
    pair.run(SECOND * 5);
    assert_eq!(pair.ends[1].story(), ["up", "down: NOTIFICATION sent: Cease: BFD Down (6/10)", "up"]);
    assert_eq!(pair.ends[0].story(), ["up", "down: NOTIFICATION received: Cease: BFD Down (6/10)", "up"]);
}

#[test]
fn a_route_refresh_is_answered_with_what_is_wanted_now() {
    for enhanced in [false, true] {
        let capabilities = Capabilities { enhanced_route_refresh: enhanced, ..Capabilities::default() };
        let left = PeerConfig { capabilities, ..config() };
        let mut pair = Pair::new(left.clone(), PeerConfig { mode: Mode::Passive, ..mirrored(&left) });
        pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
        pair.run(SECOND);
        let before = pair.ends[0].session.counters();
        let refresh =
            quadzero_codec::RouteRefresh { family: quadzero_codec::Family::IPV4_UNICAST, subtype: 0 };
        let mut octets = BytesMut::new();
        Message::RouteRefresh(refresh).encode(&Default::default(), &mut octets);
        pair.input(0, Input::Bytes(Direction::Outgoing, &octets));
        pair.run(SECOND);
        assert_eq!(pair.ends[0].session.counters().updates_sent, before.updates_sent + 1);
        let refreshes =
            pair.ends[1].events.iter().filter(|(_, e)| *e == Event::Received(MessageType::RouteRefresh));
        assert_eq!(refreshes.count(), if enhanced { 2 } else { 0 });
        assert_eq!(pair.states(), [State::Established; 2]);
    }
}

/// RFC 2918 §3: only a peer that has the capability is asked.
#[test]
fn a_peer_that_can_is_asked_to_say_everything_again() {
    for (route_refresh, times) in [(true, 2), (false, 1)] {
        let capabilities = Capabilities { route_refresh, ..Capabilities::default() };
        let left = PeerConfig { capabilities, ..config() };
        let right = PeerConfig { mode: Mode::Passive, ..mirrored(&config()) };
        let mut pair = Pair::new(left, right);
        pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
        pair.run(SECOND);
        pair.input(1, Input::AskAgain);
        pair.run(SECOND);
        assert_eq!(pair.ends[1].session.counters().prefixes_announced, times);
        assert_eq!(pair.states(), [State::Established; 2]);
    }
}

/// RFC 6608: a message that the state does not allow.
#[test]
fn an_open_while_established_is_an_fsm_error() {
    let mut pair = established();
    let mut octets = BytesMut::new();
    Message::Open(negotiate::our_open(pair.ends[1].session.config(), false))
        .encode(&Default::default(), &mut octets);
    pair.input(0, Input::Bytes(Direction::Outgoing, &octets));
    pair.run(SECOND / 10);
    assert!(pair.ends[0].events.iter().any(|(_, e)| matches!(e,
        Event::Down(Down::Sent(n)) if n.code == ErrorCode::FSM_UNEXPECTED_MESSAGE_IN_ESTABLISHED)));
}

#[test]
fn idle_and_established_sessions_refuse_connections() {
    let idle = Session::new(Arc::new(config()), Arc::default(), 1);
    assert!(!idle.accepts());
    let pair = established();
    assert!(!pair.ends[0].session.accepts() && !pair.ends[1].session.accepts());
}

#[test]
fn ten_thousand_routes_arrive_whole_at_a_peer_with_small_and_with_extended_messages() {
    for extended in [false, true] {
        let capabilities = Capabilities { extended_message: extended, ..Capabilities::default() };
        let left = PeerConfig { capabilities, ..config() };
        let mut pair = Pair::new(left.clone(), PeerConfig { mode: Mode::Passive, ..mirrored(&left) });
        let names: Vec<&'static str> =
            (0..10_000_u32).map(|i| &*format!("10.{}.{}.0/24", i >> 8, i & 255).leak()).collect();
        pair.input(0, Input::Routes(routes(names.iter().copied())));
        pair.run(SECOND);
        assert_eq!(pair.ends[1].learned().len(), 10_000);
        let updates = pair.ends[0].session.counters().updates_sent;
        assert_eq!(
            updates,
            if extended { 2 } else { 11 },
            "as many prefixes a message as fit, and End-of-RIB"
        );
        assert_eq!(updates, pair.ends[1].session.counters().updates_received);
    }
}

#[test]
fn an_early_timeout_changes_nothing() {
    let mut pair = established();
    let before = (pair.ends[0].session.deadline(), pair.states());
    pair.input(0, Input::Timeout);
    assert_eq!((pair.ends[0].session.deadline(), pair.states()), before);
    assert_eq!(pair.ends[0].session.poll(), None);
}

/// RFC 4271 §9.2.1.1: what changes sooner is said in one, later.
#[test]
fn differences_come_no_sooner_than_the_advertisement_interval() {
    let timers = Timers { advertisement_interval: SECOND * 30, ..Timers::default() };
    let mut pair = Pair::new(
        PeerConfig { timers, ..config() },
        PeerConfig { mode: Mode::Passive, ..mirrored(&config()) },
    );
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"], "the first one at once");
    for wanted in [&["198.51.100.0/24"][..], &["203.0.113.7/32"]] {
        pair.input(0, Input::Routes(routes(wanted.iter().copied())));
        pair.run(SECOND * 5);
        assert_eq!(pair.ends[1].learned(), ["0.0.0.0/0"]);
    }
    let before = pair.ends[0].session.counters().updates_sent;
    pair.run(SECOND * 30);
    assert_eq!(pair.ends[1].learned(), ["203.0.113.7/32"]);
    assert_eq!(pair.ends[0].session.counters().updates_sent, before + 2, "a withdrawal and an announcement");
    pair.input(0, Input::Stop(shutdown("now")));
    pair.run(SECOND);
    assert_eq!(pair.ends[0].state(), State::Idle, "the end waits for no interval");
}

fn changed(end: &End, change: impl FnOnce(&mut PeerConfig)) -> Arc<PeerConfig> {
    let mut config = PeerConfig::clone(end.session.config());
    change(&mut config);
    Arc::new(config)
}

#[test]
fn what_can_change_in_place_does_and_the_session_stays() {
    let mut pair = established();
    let config = changed(&pair.ends[0], |peer| peer.timers.keepalive = Some(SECOND * 5));
    pair.input(0, Input::Configure(config, None));
    assert_eq!(pair.ends[0].session.negotiated().unwrap().keepalive, Some(SECOND * 5));
    let before = pair.ends[1].session.counters().messages_received;
    pair.run(MINUTE);
    let heard = pair.ends[1].session.counters().messages_received - before;
    assert!((12..=17).contains(&heard), "{heard} KEEPALIVEs in a minute");
    assert_eq!([pair.ends[0].story(), pair.ends[1].story()], [["up"], ["up"]]);
}

#[test]
fn a_reset_for_another_configuration_withdraws_says_so_and_comes_back_with_it() {
    let mut pair = established();
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    let config = changed(&pair.ends[0], |peer| peer.timers.hold = HoldTime::new(30).unwrap());
    let changed = Notification::new(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE);
    pair.input(0, Input::Configure(config, Some(changed)));
    pair.run(SECOND * 10);
    assert_eq!(pair.states(), [State::Established; 2]);
    assert!(pair.ends[1].story().iter().any(|said| said.contains("6/6")), "{:?}", pair.ends[1].story());
    assert_eq!(pair.ends[1].session.negotiated().unwrap().hold_time.seconds(), 30);
    assert_eq!(pair.ends[1].session.learned().lock().unwrap().len(), 1);
}

#[test]
fn an_import_that_is_switched_on_asks_the_peer_and_one_that_is_switched_off_forgets() {
    let mut pair = established();
    pair.input(0, Input::Routes(routes(["0.0.0.0/0"])));
    pair.run(SECOND);
    let learned = |pair: &Pair| pair.ends[1].session.learned().lock().unwrap().len();
    for (import, expected) in [(Import::None, 0), (Import::All, 1)] {
        let config = changed(&pair.ends[1], |peer| peer.import = import);
        pair.input(1, Input::Configure(config, None));
        pair.run(SECOND);
        assert_eq!(learned(&pair), expected);
    }
    assert_eq!(pair.ends[1].story().iter().filter(|said| *said == "up").count(), 1);
}

#[test]
fn a_stopped_session_that_is_configured_stays_stopped() {
    let mut pair = established();
    pair.input(0, Input::Stop(shutdown("maintenance")));
    pair.run(SECOND);
    let config = changed(&pair.ends[0], |peer| peer.timers.hold = HoldTime::new(30).unwrap());
    let reset = Notification::new(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE);
    pair.input(0, Input::Configure(config, Some(reset)));
    pair.run(MINUTE);
    assert_eq!(pair.ends[0].session.state(), State::Idle);
}
