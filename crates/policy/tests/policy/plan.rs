use crate::{gateway, kms, origination, policy};
use quadzero_codec::Asn;
use quadzero_policy::{ExceptionMode, Health, NeighborPolicy, Overrides, Policy};
use std::sync::Arc;

fn edge() -> Policy {
    let originations = [origination("default", "0.0.0.0/0"), origination("default", "::/0")];
    policy(&originations, &[kms(ExceptionMode::CarveOut)])
}

fn named(n: u32) -> NeighborPolicy {
    NeighborPolicy { name: format!("gateway-{n}"), remote_as: Asn(4_200_000_000 + n), ..gateway() }
}

#[test]
fn a_thousand_neighbors_on_the_same_terms_are_told_one_set() {
    let neighbors: Vec<_> = (0..1000).map(named).collect();
    let plan = edge().plan(&neighbors, &Health::good());
    assert_eq!(plan.len(), 1000);
    assert!(plan.iter().all(|set| Arc::ptr_eq(set, &plan[0])));
}

#[test]
fn a_plan_says_what_the_routes_of_each_neighbor_say() {
    let other = NeighborPolicy { overrides: Overrides { med: Some(5), ..Overrides::default() }, ..gateway() };
    let internal = NeighborPolicy { remote_as: Asn(65010), ..gateway() };
    let neighbors = [gateway(), other, internal, crate::listing(&["kms"])];
    let policy = edge();
    for (neighbor, set) in neighbors.iter().zip(policy.plan(&neighbors, &Health::good())) {
        assert_eq!(*set, policy.routes(neighbor, &Health::good()));
    }
}

#[test]
fn equal_results_of_different_terms_are_one_set_too() {
    let plan = edge().plan(&[gateway(), crate::listing(&["kms", "default"])], &Health::good());
    assert!(Arc::ptr_eq(&plan[0], &plan[1]));
}

#[test]
fn equal_attributes_are_shared_across_originations_and_neighbors() {
    let policy = edge();
    let plan = policy.plan(&[gateway(), crate::listing(&["default"])], &Health::good());
    let all: Vec<_> = plan.iter().flat_map(|set| set.iter()).collect();
    assert_eq!(all.len(), 84 + 1 + 2);
    assert!(all.iter().all(|route| Arc::ptr_eq(&route.attributes, &all[0].attributes)));
}

#[test]
fn a_neighbor_that_is_told_something_else_has_a_set_of_its_own() {
    let overrides = Overrides { prepend: 1, ..Overrides::default() };
    let backup = NeighborPolicy { overrides, ..gateway() };
    let plan =
        policy(&[origination("default", "0.0.0.0/0")], &[]).plan(&[gateway(), backup], &Health::good());
    assert_ne!(plan[0], plan[1]);
}
