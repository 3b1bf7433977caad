use crate::{gateway, net};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use quadzero_codec::{Asn, Family};
use quadzero_policy::{
    Decision, ExceptionMode, ExceptionSet, NeighborPolicy, Origination, Outcome, Overrides, Policy, Reason,
    Template,
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

fn template() -> impl Strategy<Value = Template> {
    (option::of(0..2u32), 0..2u8).prop_map(|(med, prepend)| Template { med, prepend, ..Template::default() })
}

fn mode() -> impl Strategy<Value = ExceptionMode> {
    let announce = template().prop_map(ExceptionMode::Announce);
    prop_oneof![announce, Just(ExceptionMode::CarveOut), Just(ExceptionMode::Udr)]
}

/// A policy, and every prefix in it. Originations are called a and b, exception sets c and d.
fn configured() -> impl Strategy<Value = (Vec<IpNet>, Policy)> {
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
        let excepted = exceptions.iter().flat_map(|set| set.prefixes.clone());
        let prefixes = originations.iter().map(|o| o.prefix).chain(excepted).collect();
        Some((prefixes, Policy::new(originations, exceptions).ok()?))
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
    fn what_is_explained_is_what_is_announced(policy in policy(), neighbor in neighbor()) {
        let decisions = policy.explain(&neighbor);
        let routes: Vec<Route> = decisions.iter().filter_map(Decision::route).cloned().collect();
        prop_assert!(routes.is_sorted_by(|a, b| a.prefix < b.prefix), "a prefix is announced twice");
        let routes = RouteSet::new(routes);
        prop_assert_eq!(&routes, &policy.routes(&neighbor));
        prop_assert_eq!(&routes, &*policy.plan(&[neighbor])[0]);
    }

    #[test]
    fn a_reason_fits_its_outcome(policy in policy(), neighbor in neighbor()) {
        for decision in policy.explain(&neighbor) {
            let told = matches!(decision.because, Reason::Whole | Reason::Exception | Reason::Piece { .. });
            prop_assert_eq!(matches!(decision.outcome, Outcome::Announce(_)), told, "{}", decision);
        }
    }

    #[test]
    fn everything_configured_is_decided((prefixes, policy) in configured(), neighbor in neighbor()) {
        let decisions = policy.explain(&neighbor);
        for prefix in prefixes {
            let given = |d: &Decision| d.prefix == prefix && !matches!(d.because, Reason::Piece { .. });
            prop_assert!(decisions.iter().any(given), "{} is passed over", prefix);
        }
    }

    #[test]
    fn nothing_told_covers_a_hole(policy in policy(), neighbor in neighbor()) {
        let routes = policy.routes(&neighbor);
        for decision in policy.explain(&neighbor) {
            if matches!(decision.because, Reason::CarvedOut | Reason::NothingToCarve) {
                prop_assert_eq!(routes.lookup(decision.prefix.addr()), None);
            }
        }
    }

    #[test]
    fn nothing_is_lost_but_the_holes(policy in policy(), address in select(&PREFIXES[..])) {
        let neighbor = gateway();
        let decisions = policy.explain(&neighbor);
        let address = net(address).addr();
        let meant = decisions.iter().any(|d| {
            d.prefix.contains(&address)
                && matches!(d.because, Reason::Whole | Reason::Exception | Reason::Carved { .. })
        });
        let hole = decisions.iter().any(|d| {
            d.prefix.contains(&address)
                && matches!(d.because, Reason::CarvedOut | Reason::NothingToCarve | Reason::Platform { .. })
        });
        prop_assert_eq!(policy.routes(&neighbor).lookup(address).is_some(), meant && !hole);
    }

    #[test]
    fn the_neighbors_name_changes_nothing_that_is_announced(policy in policy(), neighbor in neighbor()) {
        let renamed = NeighborPolicy { name: "other".into(), ..neighbor.clone() };
        prop_assert_eq!(policy.routes(&neighbor), policy.routes(&renamed));
    }
}
