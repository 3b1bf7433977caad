use crate::{exceptions, gateway, net, origination, policy};
use quadzero_codec::{AsPath, Asn, Attributes, Community, LargeCommunity, NextHop, Origin};
use quadzero_policy::{ExceptionMode, Health, NeighborPolicy, Origination, Overrides, Policy, Template};
use std::net::IpAddr;

const DEFAULT: &str = "0.0.0.0/0";

fn address(text: &str) -> NextHop {
    NextHop::Address(text.parse().expect("an address"))
}

/// A default route that says as much as can be said.
fn talkative() -> Origination {
    let template = Template {
        next_hop: address("192.0.2.1"),
        origin: Origin::Egp,
        med: Some(10),
        local_pref: Some(200),
        prepend: 2,
        communities: vec![Community(1), Community(2)],
        large_communities: vec![LargeCommunity { global: 65010, local1: 1, local2: 2 }],
        ..Template::default()
    };
    Origination { template, ..origination("default", DEFAULT) }
}

fn internal() -> NeighborPolicy {
    NeighborPolicy { remote_as: Asn(65010), ..gateway() }
}

fn said(policy: &Policy, neighbor: &NeighborPolicy, prefix: &str) -> Attributes {
    let routes = policy.routes(neighbor, &Health::good());
    Attributes::clone(&routes.get(&net(prefix)).expect("it is announced").attributes)
}

#[test]
fn says_the_least_by_default() {
    let attributes = said(&policy(&[origination("default", DEFAULT)], &[]), &gateway(), DEFAULT);
    assert_eq!(attributes, Attributes { as_path: AsPath::sequence([Asn(65010)]), ..Attributes::default() });
    assert_eq!(attributes.next_hop, NextHop::Own);
}

#[test]
fn says_to_another_as_what_is_configured_but_local_pref() {
    let attributes = said(&policy(&[talkative()], &[]), &gateway(), DEFAULT);
    let expected = Attributes {
        origin: Origin::Egp,
        as_path: AsPath::sequence([Asn(65010); 3]),
        next_hop: address("192.0.2.1"),
        med: Some(10),
        communities: [Community(1), Community(2)].into(),
        large_communities: [LargeCommunity { global: 65010, local1: 1, local2: 2 }].into(),
        ..Attributes::default()
    };
    assert_eq!(attributes, expected);
}

#[test]
fn says_local_pref_inside_the_own_as_and_no_as_path_even_if_prepended() {
    let plain = said(&policy(&[origination("default", DEFAULT)], &[]), &internal(), DEFAULT);
    assert_eq!((plain.local_pref, plain.as_path.hops()), (Some(100), 0));
    let talkative = said(&policy(&[talkative()], &[]), &internal(), DEFAULT);
    assert_eq!((talkative.local_pref, talkative.as_path.hops()), (Some(200), 0), "it would be a loop");
}

#[test]
fn a_neighbor_replaces_values_and_adds_prepending_and_communities() {
    let overrides = Overrides {
        next_hop: Some(address("198.51.100.1")),
        origin: Some(Origin::Incomplete),
        med: Some(50),
        prepend: 1,
        communities: vec![Community(2), Community(3)],
        ..Overrides::default()
    };
    let neighbor = NeighborPolicy { overrides, ..gateway() };
    let attributes = said(&policy(&[talkative()], &[]), &neighbor, DEFAULT);
    let expected = Attributes {
        origin: Origin::Incomplete,
        as_path: AsPath::sequence([Asn(65010); 4]),
        next_hop: address("198.51.100.1"),
        med: Some(50),
        communities: [Community(1), Community(2), Community(3)].into(),
        large_communities: [LargeCommunity { global: 65010, local1: 1, local2: 2 }].into(),
        ..Attributes::default()
    };
    assert_eq!(attributes, expected);
}

#[test]
fn a_neighbors_next_hop_is_for_its_own_family() {
    let overrides = Overrides { next_hop: Some(address("2001:db8::1")), ..Overrides::default() };
    let neighbor = NeighborPolicy { overrides, ..gateway() };
    let policy = policy(&[origination("default", DEFAULT), origination("default", "::/0")], &[]);
    assert_eq!(said(&policy, &neighbor, DEFAULT).next_hop, NextHop::Own);
    assert_eq!(said(&policy, &neighbor, "::/0").next_hop, address("2001:db8::1"));
}

#[test]
fn an_announced_exception_says_what_its_set_says() {
    let nva = NextHop::Address(IpAddr::from([10, 0, 0, 4]));
    let template = Template { next_hop: nva, med: Some(7), ..Template::default() };
    let kms = exceptions("kms", &["20.118.99.224/32"], ExceptionMode::Announce(template));
    let policy = policy(&[talkative()], &[kms]);
    let attributes = said(&policy, &gateway(), "20.118.99.224/32");
    assert_eq!((attributes.next_hop, attributes.med, attributes.as_path.hops()), (nva, Some(7), 1));
}

#[test]
fn pieces_say_what_the_whole_would_have_said() {
    let carved = policy(&[talkative()], &[crate::kms(ExceptionMode::CarveOut)]);
    let whole = said(&policy(&[talkative()], &[]), &gateway(), DEFAULT);
    let routes = carved.routes(&gateway(), &Health::good());
    assert_eq!(routes.len(), 84);
    assert!(routes.iter().all(|route| *route.attributes == whole));
}

/// RFC 9234 §5: what a provider, a peer or a route server says is marked with its AS.
#[test]
fn what_is_for_customers_only_is_marked_with_our_as() {
    let overrides = Overrides { only_to_customer: true, ..Overrides::default() };
    let neighbor = NeighborPolicy { overrides, ..gateway() };
    let policy = policy(&[origination("default", DEFAULT)], &[]);
    assert_eq!(said(&policy, &neighbor, DEFAULT).only_to_customer, Some(Asn(65010)));
    assert_eq!(said(&policy, &gateway(), DEFAULT).only_to_customer, None);
}

/// RFC 4271 §5.1.2: ours is put in front of what was learned, and within our own AS nothing is.
#[test]
fn a_path_that_was_learned_elsewhere_stands_behind_our_as() {
    let template = Template { as_path: vec![Asn(65020), Asn(65515)], prepend: 1, ..Template::default() };
    let policy = policy(&[Origination { template, ..origination("default", DEFAULT) }], &[]);
    let path = |neighbor| said(&policy, &neighbor, DEFAULT).as_path;
    assert_eq!(path(gateway()), AsPath::sequence([65010, 65010, 65020, 65515].map(Asn)));
    assert_eq!(path(internal()), AsPath::sequence([65020, 65515].map(Asn)));
}
