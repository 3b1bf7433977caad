//! What RFC 5880 §6 and RFC 5882 ask of a session, by section.

use super::testing::Pair;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn parameters(min_tx: u16, min_rx: u16, multiplier: u8) -> Parameters {
    let multiplier = NonZeroU8::new(multiplier).unwrap();
    Parameters { min_tx: Interval::millis(min_tx), min_rx: Interval::millis(min_rx), multiplier }
}

/// A session on its own, and the packets of a peer that the test makes up.
struct Lone {
    now: Instant,
    session: Session,
}

impl Lone {
    fn new() -> Self {
        let now = Instant::now();
        let session = Session::new(now, Parameters::default(), Discriminator::new(10).unwrap(), 1);
        let mut lone = Self { now, session };
        assert!(lone.session.transmit(now).is_some());
        lone
    }

    fn in_state(state: State) -> Self {
        let mut lone = Self::new();
        match state {
            State::Down => {}
            State::AdminDown => lone.session.handle(lone.now, Input::Disable),
            State::Init => lone.hear(heard(State::Down)),
            State::Up => lone.hear(heard(State::Init)),
        }
        assert_eq!(lone.session.state(), state);
        lone.said();
        lone.told();
        lone
    }

    fn hear(&mut self, packet: Packet) {
        self.session.handle(self.now, Input::Packet(&packet));
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.session.handle(self.now, Input::Timeout);
    }

    fn said(&mut self) -> Vec<Packet> {
        std::iter::from_fn(|| self.session.transmit(self.now)).collect()
    }

    fn told(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll()).collect()
    }
}

fn heard(state: State) -> Packet {
    Packet {
        diagnostic: Diagnostic::NONE,
        state,
        poll: false,
        fin: false,
        control_plane_independent: false,
        demand: false,
        detect_mult: NonZeroU8::new(3).unwrap(),
        my_discriminator: Discriminator::new(20).unwrap(),
        your_discriminator: Discriminator::new(10),
        desired_min_tx: Interval::millis(300),
        required_min_rx: Interval::millis(300),
        required_min_echo_rx: Interval::ZERO,
    }
}

/// RFC 5880 §6.2, §6.8.6: the whole table.
#[test]
fn each_state_makes_of_each_state_heard_what_the_figure_says() {
    use State::{AdminDown, Down, Init, Up};
    let table = [
        (Down, [Down, Init, Up, Down]),
        (Init, [Down, Init, Up, Up]),
        (Up, [Down, Down, Up, Up]),
        (AdminDown, [AdminDown; 4]),
    ];
    for (from, to) in table {
        for (hears, to) in [AdminDown, Down, Init, Up].into_iter().zip(to) {
            let mut lone = Lone::in_state(from);
            lone.hear(heard(hears));
            assert_eq!(lone.session.state(), to, "{from} hears {hears}");
        }
    }
}

/// RFC 5880 §6.2: Down, Init, Up on both sides within three packets; nobody is told of a failure (RFC 5882 §3.3).
#[test]
fn two_sessions_come_up() {
    let mut pair = Pair::new([Parameters::default(); 2]);
    pair.run(millis(50));
    assert_eq!(pair.states(), [State::Up; 2]);
    assert_eq!((pair.failures(0), pair.failures(1)), (0, 0));
    assert_eq!(pair.ends[0].remote().discriminator, Discriminator::new(11));
}

/// RFC 5880 §6.8.4: 3 x 300 ms after the last packet, and what is said then.
#[test]
fn silence_for_a_detection_time_takes_it_down() {
    let mut pair = Pair::up();
    let cut_at = pair.now;
    pair.cut();
    pair.run(millis(599));
    assert_eq!(pair.states(), [State::Up; 2]);
    pair.run(millis(401));
    assert_eq!(pair.states(), [State::Down; 2]);
    for end in 0..2 {
        assert_eq!(pair.ends[end].diagnostic(), Diagnostic::DETECTION_TIME_EXPIRED);
        assert_eq!(pair.told[end].last(), Some(&Output::Failed(Diagnostic::DETECTION_TIME_EXPIRED)));
        assert_eq!(pair.failures(end), 1);
        let (at, down) =
            pair.sent[end].iter().find(|(at, p)| *at > cut_at && p.state == State::Down).unwrap();
        assert!(*at <= cut_at + millis(905), "said at once");
        // RFC 5880 §6.8.1: after a Detection Time of silence the other side is not known any more.
        assert_eq!((down.your_discriminator, down.desired_min_tx.duration()), (None, SECOND));
    }
}

#[test]
fn what_is_mended_comes_up_again_and_both_are_agreed() {
    let mut pair = Pair::up();
    pair.cut();
    pair.run(SECOND * 100);
    pair.mend();
    pair.run(SECOND * 3);
    assert_eq!(pair.states(), [State::Up; 2]);
    assert!(pair.ends.iter().all(|end| end.poll == Poll::None && end.detection_time() == millis(900)));
}

/// RFC 5880 §6.8.3: one second at least while not Up, whatever is configured; afterwards what is.
#[test]
fn a_session_is_slow_until_it_is_up() {
    let mut pair = Pair::new([Parameters::default(); 2]);
    pair.cut();
    pair.run(SECOND * 100);
    // 75 to 100 per cent of a second.
    assert!((100..=135).contains(&pair.sent[0].len()), "{}", pair.sent[0].len());
    assert!(pair.sent[0].iter().all(|(_, p)| p.desired_min_tx.duration() == SECOND));

    let mut pair = Pair::up();
    let before = pair.sent[0].len();
    pair.run(SECOND * 30);
    let sent = pair.sent[0].len() - before;
    assert!((100..=135).contains(&sent), "{sent}");
    assert_eq!(pair.sent[0].last().unwrap().1.desired_min_tx, Interval::millis(300));
}

/// RFC 5880 §6.8.2: the slower of what one wants to send and the other wants to receive, for each direction by itself.
#[test]
fn the_slower_side_decides_how_fast() {
    let mut pair = Pair::new([parameters(50, 400, 3), parameters(750, 100, 5)]);
    pair.run(SECOND * 5);
    let intervals = pair.ends.each_ref().map(|end| end.transmit_interval().unwrap());
    assert_eq!(intervals, [millis(100), millis(750)]);
    assert_eq!(pair.ends.each_ref().map(Session::detection_time), [millis(750 * 5), millis(100 * 3)]);
}

/// RFC 5880 §6.5: P until F, and F at once.
#[test]
fn going_up_is_a_poll_sequence_that_both_answer() {
    let pair = Pair::up();
    for end in 0..2 {
        assert_eq!(pair.ends[end].poll, Poll::None);
        assert!(pair.sent[end].iter().any(|(_, p)| p.poll) && pair.sent[end].iter().any(|(_, p)| p.fin));
        assert!(!pair.sent[end].last().unwrap().1.poll);
    }
}

/// RFC 5880 §6.8.7: the answer to P does not wait for the timer.
#[test]
fn a_poll_is_answered_at_once_and_without_a_poll_of_our_own() {
    for state in [State::Down, State::Init, State::Up] {
        let mut lone = Lone::in_state(state);
        lone.hear(Packet { poll: true, ..heard(state) });
        let said = lone.said();
        assert!(said[0].fin && !said[0].poll, "{said:?}");
    }
    // RFC 5880 §6.8.6: AdminDown discards before it looks at P.
    let mut lone = Lone::in_state(State::AdminDown);
    lone.hear(Packet { poll: true, ..heard(State::Down) });
    assert!(lone.said().iter().all(|packet| !packet.fin));
}

/// RFC 5880 §6.8.3: while Up, to send more seldom waits for the answer; to send more often does not.
#[test]
fn a_longer_interval_waits_until_the_other_side_knows() {
    let mut pair = Pair::up();
    pair.cut();
    pair.input(0, Input::Parameters(parameters(600, 300, 3)));
    assert_eq!(pair.ends[0].transmit_interval(), Some(millis(300)));
    let (_, packet) = pair.sent[0].last().unwrap();
    assert!(packet.poll && packet.desired_min_tx == Interval::millis(600), "{packet:?}");
    pair.mend();
    pair.run(millis(500));
    assert_eq!(pair.ends[0].transmit_interval(), Some(millis(600)));
    assert_eq!(pair.ends[1].detection_time(), millis(1800));

    pair.cut();
    pair.input(0, Input::Parameters(parameters(100, 300, 3)));
    // Still no faster than the other side can receive.
    assert_eq!(pair.ends[0].transmit_interval(), Some(millis(300)));
    assert_eq!(pair.failures(0) + pair.failures(1), 0);
}

/// RFC 5880 §6.8.3: the same of what we wait for.
#[test]
fn a_shorter_wait_waits_until_the_other_side_knows() {
    let mut pair = Pair::new([parameters(100, 500, 3), parameters(100, 500, 3)]);
    pair.run(SECOND * 5);
    pair.cut();
    pair.input(0, Input::Parameters(parameters(100, 100, 3)));
    assert_eq!(pair.ends[0].detection_time(), millis(1500));
    pair.mend();
    pair.run(SECOND * 2);
    assert_eq!(pair.ends[0].detection_time(), millis(300));
    pair.input(0, Input::Parameters(parameters(100, 2000, 3)));
    assert_eq!(pair.ends[0].detection_time(), millis(6000), "a longer one holds at once");
    assert_eq!(pair.failures(0) + pair.failures(1), 0);
}

/// RFC 5880 §6.5: F may be the answer to what was asked before.
#[test]
fn a_change_during_a_poll_sequence_is_asked_once_more() {
    let mut lone = Lone::in_state(State::Up);
    lone.hear(Packet { fin: true, ..heard(State::Up) });
    assert_eq!(lone.session.poll, Poll::None);
    lone.session.handle(lone.now, Input::Parameters(parameters(400, 300, 3)));
    lone.session.handle(lone.now, Input::Parameters(parameters(500, 300, 3)));
    lone.hear(Packet { fin: true, ..heard(State::Up) });
    assert_eq!((lone.session.poll, lone.session.transmit_interval()), (Poll::Underway, Some(millis(300))));
    lone.hear(Packet { fin: true, ..heard(State::Up) });
    assert_eq!((lone.session.poll, lone.session.transmit_interval()), (Poll::None, Some(millis(500))));
}

/// RFC 5880 §6.8.7: Required Min RX Interval zero, and Demand mode once both are Up.
#[test]
fn who_wants_no_periodic_packets_gets_none_but_answers() {
    let quiet = Packet { required_min_rx: Interval::ZERO, ..heard(State::Up) };
    let demanding = Packet { demand: true, fin: true, ..heard(State::Up) };
    for packet in [quiet, demanding] {
        let mut lone = Lone::in_state(State::Up);
        lone.hear(packet);
        lone.said();
        lone.wait(millis(800));
        assert_eq!((lone.said(), lone.session.state()), (vec![], State::Up));
        lone.hear(Packet { poll: true, ..packet });
        assert!(lone.said().iter().any(|answer| answer.fin));
    }
    // Not before both are Up.
    let mut lone = Lone::in_state(State::Init);
    lone.hear(Packet { demand: true, ..heard(State::Down) });
    lone.wait(SECOND);
    assert_eq!(lone.said().len(), 1);
}

/// RFC 5882 §4.2: the operator of either side may take BFD down, and BGP stays.
#[test]
fn administratively_down_is_no_failure_on_either_side() {
    let mut pair = Pair::up();
    pair.input(0, Input::Disable);
    assert_eq!(pair.sent[0].last().unwrap().1.state, State::AdminDown, "said at once");
    pair.run(SECOND * 10);
    assert_eq!(pair.states(), [State::AdminDown, State::Down]);
    assert_eq!(pair.ends[1].diagnostic(), Diagnostic::NEIGHBOR_SIGNALED_DOWN);
    assert_eq!((pair.failures(0), pair.failures(1)), (0, 0));
    pair.input(0, Input::Enable);
    pair.run(SECOND * 3);
    assert_eq!(pair.states(), [State::Up; 2]);
    assert_eq!((pair.failures(0), pair.failures(1)), (0, 0));
}

/// RFC 5880 §6.8.6: the other side has noticed before us.
#[test]
fn a_neighbor_that_signals_down_is_a_failure() {
    let mut lone = Lone::in_state(State::Up);
    lone.hear(heard(State::Down));
    let diagnostic = Diagnostic::NEIGHBOR_SIGNALED_DOWN;
    let changed = Output::Changed { from: State::Up, to: State::Down, diagnostic };
    assert_eq!(lone.told(), [changed, Output::Failed(diagnostic)]);
    let said = lone.said();
    assert!(said[0].poll && said[0].desired_min_tx.duration() == SECOND, "slow again, and says so: {said:?}");
}

/// RFC 5880 §6.8.7: what has changed is said without waiting.
#[test]
fn a_new_state_is_said_before_its_time() {
    let mut lone = Lone::new();
    lone.hear(heard(State::Down));
    let said = lone.said();
    assert_eq!(said.iter().map(|p| p.state).collect::<Vec<_>>(), [State::Init]);
    assert_eq!(said[0].your_discriminator, Discriminator::new(20));
    lone.hear(heard(State::Down));
    assert_eq!(lone.said(), []);
}

/// RFC 5880 §6.3: a peer that restarts has another discriminator; ours is not known to it.
#[test]
fn a_peer_that_restarts_is_noticed_and_welcome() {
    let mut pair = Pair::up();
    pair.restart(1, 99);
    pair.run(SECOND * 4);
    assert_eq!(pair.states(), [State::Up; 2]);
    assert_eq!(pair.ends[0].remote().discriminator, Discriminator::new(99));
    assert_eq!(pair.failures(0), 1);
}
