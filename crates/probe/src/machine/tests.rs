//! One sentence each.

use super::*;

fn after(seconds: u64) -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now) + Duration::from_secs(seconds)
}

fn machine() -> Machine {
    Machine::new(after(0), Parameters::default())
}

fn failed() -> Outcome {
    Outcome::failed("no answer")
}

/// Looks once a second, from the first one to before the second one; the changes with their seconds.
fn looks_at(machine: &mut Machine, seconds: std::ops::Range<u64>, outcome: &Outcome) -> Vec<(u64, State)> {
    let changes = seconds.filter_map(|second| {
        let change = machine.hear(after(second), outcome.clone())?;
        Some((second, change.to))
    });
    changes.collect()
}

#[test]
fn it_is_unknown_until_the_first_rise() {
    let mut machine = machine();
    assert_eq!(machine.state(), State::Unknown);
    assert_eq!(looks_at(&mut machine, 0..3, &Outcome::Passed), [(2, State::Up)]);
}

#[test]
fn or_up_until_the_first_fall_if_so_wished() {
    let mut machine = Machine::new(after(0), Parameters { starts_up: true, ..Parameters::default() });
    assert_eq!(machine.state(), State::Up);
    assert_eq!(looks_at(&mut machine, 0..3, &failed()), [(2, State::Down)]);
    let mut silent = Machine::new(after(0), Parameters { starts_up: true, ..Parameters::default() });
    assert_eq!(silent.expire(after(20)).map(|change| change.to), Some(State::Down));
}

#[test]
fn a_single_failure_is_nothing() {
    let mut machine = machine();
    looks_at(&mut machine, 0..3, &Outcome::Passed);
    for second in (3..60).step_by(3) {
        assert_eq!(looks_at(&mut machine, second..second + 2, &failed()), []);
        assert_eq!(looks_at(&mut machine, second + 2..second + 3, &Outcome::Passed), []);
    }
    assert_eq!(machine.state(), State::Up);
}

#[test]
fn a_fall_says_the_reason_of_the_look_that_made_it() {
    let mut machine = machine();
    looks_at(&mut machine, 0..3, &Outcome::Passed);
    assert_eq!(looks_at(&mut machine, 3..6, &failed()), [(5, State::Down)]);
    assert_eq!(&**machine.because(), "no answer");
    assert_eq!(machine.since(), after(5));
}

#[test]
fn what_fell_is_held_down_and_longer_each_time_it_falls_soon_again() {
    let parameters = Parameters { rise: 1, fall: 1, ..Parameters::default() };
    let mut machine = Machine::new(after(0), parameters);
    let mut now = 0;
    for held in [10, 20, 40, 80, 160, 300, 300] {
        looks_at(&mut machine, now..now + 1, &Outcome::Passed);
        assert_eq!(machine.state(), State::Up);
        assert_eq!(looks_at(&mut machine, now + 1..now + 2, &failed()).len(), 1);
        let fell = now + 1;
        let rose = looks_at(&mut machine, fell + 1..fell + 1000, &Outcome::Passed);
        assert_eq!(rose, [(fell + held, State::Up)]);
        // The looks went on up to here; the next fall is not long after the rise all the same.
        machine.since = after(fell + 999);
        now = fell + 1000;
    }
}

#[test]
fn an_up_that_lasts_forgives() {
    let parameters = Parameters { rise: 1, fall: 1, ..Parameters::default() };
    let mut machine = Machine::new(after(0), parameters);
    looks_at(&mut machine, 0..1, &Outcome::Passed);
    looks_at(&mut machine, 1..2, &failed());
    assert_eq!(looks_at(&mut machine, 2..400, &Outcome::Passed), [(11, State::Up)]);
    looks_at(&mut machine, 400..401, &failed());
    assert_eq!(looks_at(&mut machine, 401..420, &Outcome::Passed), [(410, State::Up)]);
}

#[test]
fn silence_is_a_failure() {
    let mut machine = machine();
    looks_at(&mut machine, 0..3, &Outcome::Passed);
    assert_eq!(machine.deadline(), Some(after(22)));
    assert_eq!(machine.expire(after(21)), None);
    let change = machine.expire(after(22)).unwrap();
    assert_eq!((change.to, &*change.because), (State::Down, "nothing was heard from it for 20s, its TTL"));
    assert_eq!(machine.deadline(), None);
}

#[test]
fn passes_on_both_sides_of_a_silence_are_not_in_a_row() {
    let mut machine = machine();
    looks_at(&mut machine, 0..2, &Outcome::Passed);
    assert_eq!(looks_at(&mut machine, 60..62, &Outcome::Passed), []);
    assert_eq!(looks_at(&mut machine, 62..63, &Outcome::Passed), [(62, State::Up)]);
}

#[test]
fn an_operator_does_not_wait_for_the_fall() {
    let mut machine = machine();
    looks_at(&mut machine, 0..3, &Outcome::Passed);
    let disabled = Outcome::Disabled("the file is there".into());
    assert_eq!(looks_at(&mut machine, 3..9, &disabled), [(3, State::Down)]);
    assert_eq!(&**machine.because(), "the file is there");
    assert_eq!(looks_at(&mut machine, 9..20, &Outcome::Passed), [(13, State::Up)]);
}

#[test]
fn it_looks_faster_while_something_is_about_to_change() {
    let (fast, slow) = (Duration::from_secs(1), Duration::from_secs(5));
    let mut machine = machine();
    let mut pace = |second, outcome| {
        machine.hear(after(second), outcome);
        machine.pace(after(second))
    };
    assert_eq!([0, 1, 2].map(|second| pace(second, Outcome::Passed)), [fast, fast, slow]);
    assert_eq!([3, 4, 5].map(|second| pace(second, failed())), [fast, fast, slow]);
    // Held down until 15: no hurry, but not too late.
    let paces = [6, 7, 8, 12, 14, 15].map(|second| pace(second, Outcome::Passed));
    assert_eq!(paces, [fast, fast, slow, Duration::from_secs(3), fast, slow]);
}

#[test]
fn one_that_comes_after_another_goes_on_from_what_that_has_found_out() {
    let mut before = machine();
    looks_at(&mut before, 0..3, &Outcome::Passed);
    looks_at(&mut before, 3..6, &failed());
    assert_eq!(before.state(), State::Down);
    let mut machine = Machine::new(after(6), Parameters { rise: 1, ..Parameters::default() });
    machine.resume(&before.report());
    assert_eq!(machine.report(), before.report());
    // It fell at 5, and is held down for 10 seconds by whoever looks.
    assert_eq!(looks_at(&mut machine, 6..20, &Outcome::Passed), [(15, State::Up)]);
}

#[test]
fn and_from_the_beginning_where_that_has_found_nothing() {
    let parameters = Parameters { starts_up: true, ..Parameters::default() };
    let mut other = Machine::new(after(1), parameters);
    other.resume(&machine().report());
    assert_eq!(other.state(), State::Up);
}
