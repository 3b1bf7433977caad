//! What is announced while a condition holds, while it does not, and what is said about it.

use crate::{exceptions, gateway, listing, net, origination, policy};
use quadzero_codec::Asn;
use quadzero_policy::{
    Condition, ExceptionMode, Health, NeighborPolicy, OnFailure, Origination, Overrides, Policy, Probe,
    State, Template,
};

const DEFAULT: &str = "0.0.0.0/0";

fn probe(name: &str) -> Condition {
    Condition::Probe(name.into())
}

fn health(probes: &[(&str, State, &str)]) -> Health {
    let mut health = Health::unknown();
    for (name, state, because) in probes {
        health.set((*name).into(), Probe { state: *state, since: None, because: (*because).into() });
    }
    health
}

fn down() -> Health {
    health(&[("uplink", State::Down, "no answer within 2 s")])
}

fn up() -> Health {
    health(&[("uplink", State::Up, "")])
}

fn when(condition: Condition, on_failure: OnFailure) -> Origination {
    let template = Template { med: Some(100), condition, on_failure, ..Template::default() };
    Origination { template, ..origination("default", DEFAULT) }
}

/// MED and the length of the path of the one route, if there is one.
fn said(policy: &Policy, neighbor: &NeighborPolicy, health: &Health) -> Option<(Option<u32>, usize)> {
    let routes = policy.routes(neighbor, health);
    let mut routes = routes.iter();
    let attributes = &routes.next()?.attributes;
    assert_eq!(routes.next(), None);
    Some((attributes.med, attributes.as_path.hops()))
}

fn sentence(policy: &Policy, health: &Health) -> String {
    crate::sentences(&policy.explain(&gateway(), health))
}

#[test]
fn a_default_is_withdrawn_while_its_probe_is_down_or_unknown() {
    let policy = policy(&[when(probe("uplink"), OnFailure::Withdraw)], &[]);
    assert_eq!(said(&policy, &gateway(), &up()), Some((Some(100), 1)));
    assert_eq!(said(&policy, &gateway(), &down()), None);
    assert_eq!(said(&policy, &gateway(), &Health::unknown()), None);
    insta::assert_snapshot!([up(), down(), Health::unknown()].map(|h| sentence(&policy, &h)).join("\n"), @r#"
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it. This depends on "uplink", which holds; otherwise it is withdrawn.
    0.0.0.0/0 (origination "default") is not announced: it depends on "uplink", and probe "uplink" is down (no answer within 2 s).
    0.0.0.0/0 (origination "default") is not announced: it depends on "uplink", and probe "uplink" has not said anything yet.
    "#);
}

#[test]
fn or_it_stays_with_a_metric_a_longer_path_or_as_it_is() {
    let with = |on_failure| policy(&[when(probe("uplink"), on_failure)], &[]);
    assert_eq!(said(&with(OnFailure::Med(1000)), &gateway(), &down()), Some((Some(1000), 1)));
    assert_eq!(said(&with(OnFailure::Prepend(3)), &gateway(), &down()), Some((Some(100), 4)));
    assert_eq!(said(&with(OnFailure::Keep), &gateway(), &down()), Some((Some(100), 1)));
    for on_failure in [OnFailure::Med(1000), OnFailure::Prepend(3), OnFailure::Keep] {
        assert_eq!(said(&with(on_failure), &gateway(), &up()), Some((Some(100), 1)));
    }
    let all = [OnFailure::Med(1000), OnFailure::Prepend(3), OnFailure::Keep];
    insta::assert_snapshot!(all.map(|how| sentence(&with(how), &down())).join("\n"), @r#"
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it. It depends on "uplink", which fails, hence its MED is 1000: probe "uplink" is down (no answer within 2 s).
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it. It depends on "uplink", which fails, hence our AS stands in its path 3 times more: probe "uplink" is down (no answer within 2 s).
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it. It depends on "uplink", which fails, hence it stays as it is: probe "uplink" is down (no answer within 2 s).
    "#);
}

/// Else a neighbor with a MED of its own would never hear of the failure.
#[test]
fn the_metric_of_a_failure_wins_over_a_neighbors_own() {
    let overrides = Overrides { med: Some(5), prepend: 1, ..Overrides::default() };
    let neighbor = NeighborPolicy { overrides, ..gateway() };
    let with = |on_failure| policy(&[when(probe("uplink"), on_failure)], &[]);
    assert_eq!(said(&with(OnFailure::Med(1000)), &neighbor, &down()), Some((Some(1000), 2)));
    assert_eq!(said(&with(OnFailure::Med(1000)), &neighbor, &up()), Some((Some(5), 2)));
    assert_eq!(said(&with(OnFailure::Prepend(2)), &neighbor, &down()), Some((Some(5), 4)));
    let internal = NeighborPolicy { remote_as: Asn(65010), ..neighbor };
    assert_eq!(said(&with(OnFailure::Prepend(2)), &internal, &down()), Some((Some(5), 0)));
}

#[test]
fn not_is_for_a_second_way_and_never_holds_on_a_guess() {
    let backup = Origination {
        name: "backup".into(),
        ..when(Condition::Not(probe("uplink").into()), OnFailure::Withdraw)
    };
    let first = when(probe("uplink"), OnFailure::Withdraw);
    let policy = policy(&[first, backup], &[]);
    let told = |name: &str, health: &Health| !policy.routes(&listing(&[name]), health).is_empty();
    assert_eq!((told("default", &up()), told("backup", &up())), (true, false));
    assert_eq!((told("default", &down()), told("backup", &down())), (false, true));
    let unknown = Health::unknown();
    assert_eq!((told("default", &unknown), told("backup", &unknown)), (false, false));
    // Of the same prefix as what fails, it is no duplicate.
    assert_eq!(policy.routes(&gateway(), &down()).len(), 1);
}

#[test]
fn only_the_probes_that_matter_are_blamed() {
    let condition = Condition::All(vec![
        Condition::Any(vec![probe("a"), probe("b")]),
        Condition::Not(probe("maintenance").into()),
        probe("c"),
    ]);
    let health = health(&[
        ("a", State::Down, "timeout"),
        ("b", State::Up, ""),
        ("maintenance", State::Up, "the file is there"),
        ("c", State::Up, ""),
    ]);
    assert_eq!(condition.to_string(), r#"all of (any of ("a", "b"), not "maintenance", "c")"#);
    assert_eq!(condition.because(&health), r#"probe "maintenance" is up (the file is there)"#);
    assert_eq!(Condition::Always.because(&health), "");
}

#[test]
fn a_withdrawn_default_leaves_nothing_to_carve() {
    let hole = exceptions("own", &["203.0.113.7/32"], ExceptionMode::CarveOut);
    let policy = policy(&[when(probe("uplink"), OnFailure::Withdraw)], &[hole]);
    assert!(policy.routes(&gateway(), &down()).is_empty());
    assert_eq!(policy.routes(&gateway(), &up()).len(), 32);
    assert!(policy.routes(&gateway(), &up()).lookup(net("203.0.113.7/32").addr()).is_none());
}

/// Whoever restarts is not to say that this was all before it knows (RFC 4724 §4.1).
#[test]
fn what_is_withheld_because_nobody_knows_yet_may_still_come() {
    let is_settled = |on_failure, health: &Health| {
        let policy = Policy::new(vec![when(Condition::Probe("uplink".into()), on_failure)], vec![]).unwrap();
        policy.routes(&gateway(), health).is_settled()
    };
    for on_failure in [OnFailure::Withdraw, OnFailure::Med(1000), OnFailure::Prepend(3)] {
        assert!(!is_settled(on_failure, &Health::unknown()), "{on_failure}");
        assert!(is_settled(on_failure, &up()) && is_settled(on_failure, &down()), "{on_failure}");
    }
    assert!(is_settled(OnFailure::Keep, &Health::unknown()), "it is said in any case");
}
