//! What holds whatever a probe sees, on an imaginary clock.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::LazyLock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What happens to a probe: nothing for a while, and then a look.
#[derive(Clone, Debug)]
struct Step {
    wait: Duration,
    outcome: Outcome,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => Just(Outcome::Passed),
        4 => Just(Outcome::failed("no")),
        1 => Just(Outcome::Disabled("off".into())),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![8 => 0..3_000u64, 1 => 3_000..60_000u64].prop_map(Duration::from_millis);
    vec((wait, outcome()).prop_map(|(wait, outcome)| Step { wait, outcome }), 0..200)
}

fn parameters() -> impl Strategy<Value = Parameters> {
    (1..5u32, 1..5u32, 0..20u64, 1..8u32, 1..60u64, any::<bool>()).prop_map(
        |(rise, fall, hold_down, doublings, stable_after, starts_up)| Parameters {
            rise,
            fall,
            hold_down: Duration::from_secs(hold_down),
            hold_down_max: Duration::from_secs(hold_down) * doublings,
            stable_after: Duration::from_secs(stable_after),
            starts_up,
            ..Parameters::default()
        },
    )
}

/// What a machine heard, and when.
type Heard = Vec<(Instant, Outcome)>;

/// The changes with their times, and what the machine heard up to each of them.
fn run(parameters: &Parameters, steps: &[Step]) -> Vec<(Instant, Change, Heard)> {
    let mut now = *START;
    let mut machine = Machine::new(now, parameters.clone());
    let (mut heard, mut changes) = (Vec::new(), Vec::new());
    for Step { wait, outcome } in steps {
        now += *wait;
        while let Some(deadline) = machine.deadline().filter(|deadline| *deadline <= now) {
            let change = machine.expire(deadline).expect("it says when");
            changes.push((deadline, change, heard.clone()));
        }
        heard.push((now, outcome.clone()));
        if let Some(change) = machine.hear(now, outcome.clone()) {
            changes.push((now, change, heard.clone()));
        }
    }
    changes
}

/// How many of the last are of this kind, in a row.
fn in_a_row(heard: &[(Instant, Outcome)], kind: fn(&Outcome) -> bool) -> usize {
    heard.iter().rev().take_while(|(_, outcome)| kind(outcome)).count()
}

proptest! {
    #[test]
    fn each_change_is_one_and_follows_the_one_before(parameters in parameters(), steps in steps()) {
        let mut state = if parameters.starts_up { State::Up } else { State::Unknown };
        for (_, change, _) in run(&parameters, &steps) {
            prop_assert_eq!(change.from, state);
            prop_assert_ne!(change.to, state);
            prop_assert_ne!(change.to, State::Unknown);
            state = change.to;
        }
    }

    #[test]
    fn it_rises_by_passes_alone(parameters in parameters(), steps in steps()) {
        for (_, change, heard) in run(&parameters, &steps) {
            let passes = in_a_row(&heard, |outcome| *outcome == Outcome::Passed);
            prop_assert!(change.to == State::Down || passes >= parameters.rise as usize);
        }
    }

    #[test]
    fn it_falls_by_failures_in_a_row_by_silence_or_by_its_operator(
        parameters in parameters(), steps in steps(),
    ) {
        for (at, change, heard) in run(&parameters, &steps) {
            let failures = in_a_row(&heard, |outcome| matches!(outcome, Outcome::Failed(_)));
            let last = heard.last().map_or(*START, |(at, _)| *at);
            let silent = at.duration_since(last) >= parameters.ttl;
            let disabled = heard.last().is_some_and(|(_, last)| matches!(last, Outcome::Disabled(_)));
            prop_assert!(
                change.to == State::Up || failures >= parameters.fall as usize || silent || disabled
            );
        }
    }

    #[test]
    fn what_fell_stays_down_for_the_hold_down(parameters in parameters(), steps in steps()) {
        let changes = run(&parameters, &steps);
        for pair in changes.windows(2) {
            let [(fell, down, _), (rose, up, _)] = pair else { unreachable!() };
            if (down.from, up.to) == (State::Up, State::Up) {
                prop_assert!(rose.duration_since(*fell) >= parameters.hold_down);
            }
        }
    }

    /// A line that flaps as it likes does not make the company flap: each wait after a short Up is twice the one before, up to the
    /// longest.
    #[test]
    fn a_flapping_line_is_held_down_longer_and_longer(parameters in parameters(), steps in steps()) {
        let changes = run(&parameters, &steps);
        let (mut doubled, mut rose) = (parameters.hold_down, *START);
        for pair in changes.windows(2) {
            let [(fell, down, _), (up_again, _, _)] = pair else { unreachable!() };
            if down.to == State::Up {
                rose = *fell;
                continue;
            }
            if down.from != State::Up {
                continue;
            }
            if fell.duration_since(rose) >= parameters.stable_after {
                doubled = parameters.hold_down;
            }
            prop_assert!(up_again.duration_since(*fell) >= doubled.min(parameters.hold_down_max));
            doubled = (doubled * 2).min(parameters.hold_down_max);
        }
    }

    /// The dead-man switch: whoever asks at the deadlines never sees an Up that is older than the TTL.
    #[test]
    fn no_up_outlives_the_ttl(parameters in parameters(), steps in steps(), last in 0..100_000u64) {
        let mut now = *START;
        let mut machine = Machine::new(now, parameters.clone());
        for Step { wait, outcome } in steps {
            now += wait;
            machine.expire(now);
            machine.hear(now, outcome);
        }
        let last = Duration::from_millis(last);
        machine.expire(now + last);
        prop_assert!(last < parameters.ttl || machine.state() == State::Down);
    }

    /// Whatever came before: what works, and is looked at when the machine wants it to be, comes up, and soon after it may.
    #[test]
    fn what_works_comes_up(parameters in parameters(), steps in steps()) {
        let mut now = *START;
        let mut machine = Machine::new(now, parameters.clone());
        for Step { wait, outcome } in steps {
            now += wait;
            machine.hear(now, outcome);
        }
        let slack = parameters.interval + parameters.fast_interval * parameters.rise;
        let limit = now + machine.hold_down().max(parameters.hold_down_max) + slack;
        while machine.state() != State::Up {
            now += machine.pace(now);
            prop_assert!(now <= limit);
            machine.hear(now, Outcome::Passed);
        }
    }

    #[test]
    fn what_fails_goes_down_within_its_looks(parameters in parameters(), steps in steps()) {
        let mut now = *START;
        let mut machine = Machine::new(now, parameters.clone());
        for Step { wait, outcome } in steps {
            now += wait;
            machine.hear(now, outcome);
        }
        for _ in 0..parameters.fall {
            now += machine.pace(now);
            machine.hear(now, Outcome::failed("no"));
        }
        prop_assert_eq!(machine.state(), State::Down);
    }
}
