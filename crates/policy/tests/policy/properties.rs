use crate::{gateway, net};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use quadzero_codec::{Asn, Family};
use quadzero_policy::{
    Condition, Decision, ExceptionMode, ExceptionSet, Health, NeighborPolicy, OnFailure, Origination,
    Outcome, Overrides, Policy, Probe, Reason, State, Template, Verdict,
};
use quadzero_rib::{Route, RouteSet};

/// Prefixes that nest, meet and repeat.
const PREFIXES: [&str; 12] = [
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/8",
    "10.0.0.0/29",
    "10.0.0.0/30",
    "10.0.0.0/32",
    "10.0.0.3/32",
    "20.118.99.224/31",
    "20.118.99.224/32",
    "168.63.129.17/32",
    "2001:db8::/32",
    "2001:db8::1/128",
];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn prefix() -> impl Strategy<Value = IpNet> {
    select(&PREFIXES[..]).prop_map(net)
}

const PROBES: [&str; 3] = ["x", "y", "z"];

fn condition() -> impl Strategy<Value = Condition> {
    let probe = select(&PROBES[..]).prop_map(|name| Condition::Probe(name.into()));
    let leaf = prop_oneof![2 => Just(Condition::Always), 3 => probe];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Condition::All),
            vec(inner.clone(), 0..3).prop_map(Condition::Any),
            inner.prop_map(|one| Condition::Not(Box::new(one))),
        ]
    })
}

fn on_failure() -> impl Strategy<Value = OnFailure> {
    select(vec![OnFailure::Withdraw, OnFailure::Med(7), OnFailure::Prepend(2), OnFailure::Keep])
}

fn state() -> impl Strategy<Value = State> {
    select(vec![State::Unknown, State::Up, State::Down])
}

fn health() -> impl Strategy<Value = Health> {
    vec(state(), PROBES.len()).prop_map(|states| health_of(&states))
}

fn health_of(states: &[State]) -> Health {
    let mut health = Health::unknown();
    for (name, &state) in PROBES.iter().zip(states) {
        health.set((*name).into(), Probe { state, since: None, because: "".into() });
    }
    health
}

/// Every way that the three probes can be.
fn every_health() -> impl Iterator<Item = Health> {
    const STATES: [State; 3] = [State::Unknown, State::Up, State::Down];
    let all =
        STATES.into_iter().flat_map(|x| STATES.into_iter().flat_map(move |y| STATES.map(|z| [x, y, z])));
    all.map(|states| health_of(&states))
}

/// The policy without what its conditions keep from being announced, and what they change already changed: all that is left
/// is unconditional.
fn resolved(policy: &(Vec<Origination>, Vec<ExceptionSet>), health: &Health) -> Policy {
    let settled = |template: &Template| -> Option<Template> {
        let fails = template.condition.verdict(health) != Verdict::Holds;
        let mut settled = Template { condition: Condition::Always, ..template.clone() };
        match template.on_failure {
            OnFailure::Withdraw if fails => return None,
            OnFailure::Med(med) if fails => settled.med = Some(med),
            OnFailure::Prepend(times) if fails => settled.prepend += times,
            _ => {}
        }
        Some(settled)
    };
    let originations = policy
        .0
        .iter()
        .filter_map(|one| Some(Origination { template: settled(&one.template)?, ..one.clone() }));
    let exceptions = policy.1.iter().filter_map(|set| {
        let mode = match &set.mode {
            ExceptionMode::Announce(template) => ExceptionMode::Announce(settled(template)?),
            other => other.clone(),
        };
        Some(ExceptionSet { mode, ..set.clone() })
    });
    Policy::new(originations.collect(), exceptions.collect()).expect("a part of what makes sense")
}

fn template() -> impl Strategy<Value = Template> {
    (option::of(0..2u32), 0..2u8, condition(), on_failure()).prop_map(
        |(med, prepend, condition, on_failure)| Template {
            med,
            prepend,
            condition,
            on_failure,
            ..Template::default()
        },
    )
}

fn mode() -> impl Strategy<Value = ExceptionMode> {
    let announce = template().prop_map(ExceptionMode::Announce);
    prop_oneof![announce, Just(ExceptionMode::CarveOut), Just(ExceptionMode::Udr)]
}

/// Originations are called a and b, exception sets c and d; together they make sense.
fn parts() -> impl Strategy<Value = (Vec<Origination>, Vec<ExceptionSet>)> {
    let origination = (select(&NAMES[..2]), prefix(), template())
        .prop_map(|(name, prefix, template)| Origination { name: name.into(), prefix, template });
    let set = |name: &'static str| {
        let prefixes = subsequence(PREFIXES.map(net).to_vec(), 1..4);
        let set = (prefixes, mode()).prop_map(move |(prefixes, mode)| ExceptionSet {
            name: name.into(),
            prefixes,
            mode,
        });
        option::of(set)
    };
    (vec(origination, 0..6), set("c"), set("d")).prop_filter_map("given twice", |(originations, c, d)| {
        let exceptions: Vec<_> = c.into_iter().chain(d).collect();
        Policy::new(originations.clone(), exceptions.clone()).ok()?;
        Some((originations, exceptions))
    })
}

/// A policy, and every prefix in it.
fn configured() -> impl Strategy<Value = (Vec<IpNet>, Policy)> {
    parts().prop_map(|(originations, exceptions)| {
        let excepted = exceptions.iter().flat_map(|set| set.prefixes.clone());
        let prefixes = originations.iter().map(|o| o.prefix).chain(excepted).collect();
        (prefixes, Policy::new(originations, exceptions).expect("it makes sense"))
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    configured().prop_map(|(_, policy)| policy)
}

fn neighbor() -> impl Strategy<Value = NeighborPolicy> {
    let families = subsequence(vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST], 0..=2);
    let names = subsequence(NAMES.map(String::from).to_vec(), 0..=4);
    (any::<bool>(), families, option::of(names), option::of(0..2u32)).prop_map(
        |(internal, families, announce, med)| NeighborPolicy {
            remote_as: Asn(if internal { 65010 } else { 65515 }),
            families,
            announce,
            overrides: Overrides { med, ..Overrides::default() },
            ..gateway()
        },
    )
}

proptest! {
    #[test]
    fn what_is_explained_is_what_is_announced(policy in policy(), neighbor in neighbor(), health in health()) {
        let decisions = policy.explain(&neighbor, &health);
        let routes: Vec<Route> = decisions.iter().filter_map(Decision::route).cloned().collect();
        prop_assert!(routes.is_sorted_by(|a, b| a.prefix < b.prefix), "a prefix is announced twice");
        let routes = RouteSet::new(routes);
        let told = policy.routes(&neighbor, &health);
        prop_assert_eq!(routes.as_slice(), told.as_slice());
        prop_assert_eq!(&told, &*policy.plan(&[neighbor], &health)[0]);
    }

    #[test]
    fn a_reason_fits_its_outcome(policy in policy(), neighbor in neighbor(), health in health()) {
        for decision in policy.explain(&neighbor, &health) {
            let told = matches!(decision.because, Reason::Whole | Reason::Exception | Reason::Piece { .. });
            prop_assert_eq!(matches!(decision.outcome, Outcome::Announce(_)), told, "{}", decision);
        }
    }

    #[test]
    fn everything_configured_is_decided((prefixes, policy) in configured(), neighbor in neighbor(), health in health()) {
        let decisions = policy.explain(&neighbor, &health);
        for prefix in prefixes {
            let given = |d: &Decision| d.prefix == prefix && !matches!(d.because, Reason::Piece { .. });
            prop_assert!(decisions.iter().any(given), "{} is passed over", prefix);
        }
    }

    #[test]
    fn nothing_told_covers_a_hole(policy in policy(), neighbor in neighbor(), health in health()) {
        let routes = policy.routes(&neighbor, &health);
        for decision in policy.explain(&neighbor, &health) {
            if matches!(decision.because, Reason::CarvedOut | Reason::NothingToCarve) {
                prop_assert_eq!(routes.lookup(decision.prefix.addr()), None);
            }
        }
    }

    #[test]
    fn nothing_is_lost_but_the_holes(policy in policy(), address in select(&PREFIXES[..]), health in health()) {
        let neighbor = gateway();
        let decisions = policy.explain(&neighbor, &health);
        let address = net(address).addr();
        let meant = decisions.iter().any(|d| {
            d.prefix.contains(&address)
                && matches!(d.because, Reason::Whole | Reason::Exception | Reason::Carved { .. })
        });
        let hole = decisions.iter().any(|d| {
            d.prefix.contains(&address)
                && matches!(d.because, Reason::CarvedOut | Reason::NothingToCarve | Reason::Platform { .. })
        });
        prop_assert_eq!(policy.routes(&neighbor, &health).lookup(address).is_some(), meant && !hole);
    }

    #[test]
    fn the_neighbors_name_changes_nothing_that_is_announced(policy in policy(), neighbor in neighbor(), health in health()) {
        let renamed = NeighborPolicy { name: "other".into(), ..neighbor.clone() };
        prop_assert_eq!(policy.routes(&neighbor, &health), policy.routes(&renamed, &health));
    }

    #[test]
    fn what_fails_is_as_if_it_were_not_there_or_said_something_else(
        parts in parts(), neighbor in neighbor(), health in health(),
    ) {
        // A neighbor's own MED would hide the one of a failure, which wins.
        let neighbor = NeighborPolicy { overrides: Overrides::default(), ..neighbor };
        let policy = Policy::new(parts.0.clone(), parts.1.clone()).expect("it makes sense");
        let unconditional = resolved(&parts, &health);
        let (said, meant) =
            (policy.routes(&neighbor, &health), unconditional.routes(&neighbor, &Health::unknown()));
        prop_assert_eq!(said.as_slice(), meant.as_slice());
    }

    #[test]
    fn a_condition_that_fails_is_explained_and_one_that_holds_withholds_nothing(
        policy in policy(), neighbor in neighbor(), health in health(),
    ) {
        for decision in policy.explain(&neighbor, &health) {
            let fails = matches!(decision.because, Reason::ConditionFails { .. });
            let verdict = decision.standing.as_ref().map(|s| s.condition.verdict(&health));
            prop_assert!(!fails || verdict.is_some_and(|verdict| verdict != Verdict::Holds), "{}", decision);
        }
    }

    #[test]
    fn a_condition_rests_on_the_probes_that_it_names(condition in condition(), health in health(), more in state()) {
        let before = condition.verdict(&health);
        let mut other = health;
        other.set("nobody".into(), Probe { state: more, since: None, because: "".into() });
        prop_assert_eq!(condition.verdict(&other), before);
        prop_assert!(condition.probes().iter().all(|name| PROBES.contains(&&***name)));
    }

    /// A probe that becomes known turns no verdict around that was one.
    #[test]
    fn what_is_known_is_not_undone_by_knowing_more(condition in condition(), health in health(), state in state()) {
        let before = condition.verdict(&health);
        for name in PROBES {
            let mut known = health.clone();
            if known.of(name).state == State::Unknown {
                known.set(name.into(), Probe { state, since: None, because: "".into() });
                prop_assert!(before == Verdict::Unknown || condition.verdict(&known) == before, "{}", condition);
            }
        }
    }

    #[test]
    fn de_morgan(one in condition(), other in condition()) {
        let not = |condition: &Condition| Condition::Not(Box::new(condition.clone()));
        let neither = not(&Condition::Any(vec![one.clone(), other.clone()]));
        let none = Condition::All(vec![not(&one), not(&other)]);
        for health in every_health() {
            prop_assert_eq!(neither.verdict(&health), none.verdict(&health));
            prop_assert_eq!(not(&not(&one)).verdict(&health), one.verdict(&health));
        }
    }
}
