use crate::{exceptions, kms, policy};
use quadzero_policy::{ExceptionMode, UserDefinedRoute};

#[test]
fn a_set_in_mode_udr_needs_a_route_for_each_prefix() {
    let routes = policy(&[], &[kms(ExceptionMode::Udr)]).user_defined_routes();
    let shown: Vec<String> =
        routes.iter().map(|r| format!("{} {} {} {}", r.set, r.name, r.prefix, r.needed)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    kms kms-20.118.99.224-32 20.118.99.224/32 true
    kms kms-40.83.235.53-32 40.83.235.53/32 true
    kms kms-23.102.135.246-32 23.102.135.246/32 true
    ");
    assert_eq!(UserDefinedRoute::NEXT_HOP_TYPE, "Internet");
}

#[test]
fn other_modes_could_have_routes_instead() {
    let routes = policy(&[], &[kms(ExceptionMode::CarveOut)]).user_defined_routes();
    assert_eq!(routes.len(), 3);
    assert!(routes.iter().all(|route| !route.needed));
}

#[test]
fn names_are_such_that_azure_takes_them() {
    let set = exceptions("-my set!", &["2001:db8::1/128"], ExceptionMode::Udr);
    assert_eq!(policy(&[], &[set]).user_defined_routes()[0].name, "my-set--2001-db8--1-128");
}
