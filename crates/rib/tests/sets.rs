//! Sets of routes, their difference, and what a peer that is told the difference holds.

use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use quadzero_codec::{Announced, Attributes, Family};
use quadzero_rib::{AdjRibIn, Change, Interner, PrefixMap, Route, RouteSet};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

fn med(med: u32) -> Arc<Attributes> {
    Arc::new(Attributes { med: Some(med), ..Attributes::default() })
}

fn route(prefix: &str, value: u32) -> Route {
    Route { prefix: net(prefix), attributes: med(value) }
}

/// Few distinct bits, so that prefixes meet, nest and repeat.
fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = vec(prop::sample::select(vec![0, 1, 10, 128, 255]), 4)
        .prop_map(|o: Vec<u8>| IpAddr::from([o[0], o[1], o[2], o[3]]));
    let v6 = vec(prop::sample::select(vec![0, 1, 0x2001, 0x8000, 0xffff]), 8)
        .prop_map(|s: Vec<u16>| IpAddr::from(<[u16; 8]>::try_from(s).expect("eight groups")));
    prop_oneof![v4, v6]
}

fn prefix() -> impl Strategy<Value = IpNet> {
    (address(), 0..=128u8).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length % (longest + 1)).expect("no more than the longest")
    })
}

fn routes() -> impl Strategy<Value = Vec<Route>> {
    vec((prefix(), 0..4u32), 0..60)
        .prop_map(|all| all.into_iter().map(|(prefix, m)| Route { prefix, attributes: med(m) }).collect())
}

/// The longest of the prefixes that hold the address, found the slow way.
fn scan(routes: &RouteSet, address: IpAddr) -> Option<&Route> {
    routes.iter().filter(|r| r.prefix.contains(&address)).max_by_key(|r| r.prefix.prefix_len())
}

proptest! {
    #[test]
    fn the_difference_applied_to_the_old_gives_exactly_the_new(old in routes(), new in routes()) {
        let (old, new) = (RouteSet::new(old), RouteSet::new(new));
        let mut peer = AdjRibIn::default();
        peer.apply(RouteSet::default().change_to(&old));
        prop_assert_eq!(&peer.to_set(), &old);
        let change = old.change_to(&new);
        prop_assert_eq!(change.is_empty(), old == new);
        let different = peer.apply(change);
        prop_assert_eq!(different, old != new);
        prop_assert_eq!(peer.len(), new.len());
        prop_assert_eq!(peer.to_set(), new);
    }

    #[test]
    fn the_difference_says_nothing_twice_and_nothing_needless(old in routes(), new in routes()) {
        let (old, new) = (RouteSet::new(old), RouteSet::new(new));
        let change = old.change_to(&new);
        for prefix in &change.withdrawn {
            prop_assert!(old.get(prefix).is_some() && new.get(prefix).is_none());
        }
        let mut groups = BTreeSet::new();
        for Announced { attributes, prefixes } in &change.announced {
            let family = Family::of(&prefixes[0]);
            prop_assert!(groups.insert((family, attributes.clone())), "equal attributes, two groups");
            prop_assert!(prefixes.iter().all(|p| Family::of(p) == family), "two families, one group");
            prop_assert!(prefixes.is_sorted() && change.withdrawn.is_sorted());
            prop_assert!(prefixes.iter().all(|p| old.get(p) != new.get(p)));
        }
        prop_assert!(change.announced.is_sorted_by_key(|group| group.prefixes[0]));
    }

    #[test]
    fn a_lookup_finds_what_a_scan_finds(all in routes(), addresses in vec(address(), 20)) {
        let set = RouteSet::new(all);
        let map: PrefixMap<_> = set.iter().map(|r| (r.prefix, r.attributes.clone())).collect();
        for address in addresses {
            let scanned = scan(&set, address);
            prop_assert_eq!(set.lookup(address), scanned);
            prop_assert_eq!(map.lookup(address).map(|(p, _)| p), scanned.map(|r| r.prefix));
        }
    }

    #[test]
    fn a_set_holds_the_last_route_of_each_prefix(all in routes()) {
        let set = RouteSet::new(all.clone());
        prop_assert!(set.iter().is_sorted_by(|a, b| a.prefix < b.prefix));
        for route in &all {
            let last = all.iter().rfind(|r| r.prefix.trunc() == route.prefix.trunc()).unwrap();
            prop_assert_eq!(&set.get(&route.prefix).unwrap().attributes, &last.attributes);
        }
    }

    #[test]
    fn families_are_counted_as_a_scan_counts_them(first in routes(), second in routes()) {
        let (set, gone) = (RouteSet::new(first), RouteSet::new(second));
        let mut peer = AdjRibIn::default();
        peer.apply(RouteSet::default().change_to(&set));
        peer.apply(Change { withdrawn: gone.iter().map(|r| r.prefix).collect(), ..Change::default() });
        for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
            let of_it = |prefix: &IpNet| Family::of(prefix) == family;
            prop_assert_eq!(set.len_of(family), set.iter().filter(|r| of_it(&r.prefix)).count());
            prop_assert_eq!(peer.len_of(family), peer.iter().filter(|(prefix, _)| of_it(prefix)).count());
        }
    }
}

#[test]
fn withdraws_announces_and_groups_in_one_pass() {
    let old = RouteSet::new([route("0.0.0.0/0", 1), route("10.0.0.0/8", 1), route("::/0", 1)]);
    let new = RouteSet::new([
        route("0.0.0.0/0", 1),
        route("10.1.0.0/16", 2),
        route("192.0.2.0/24", 3),
        route("198.51.100.0/24", 2),
        route("::/0", 2),
    ]);
    let group = |value, prefixes: &[&str]| Announced {
        attributes: med(value),
        prefixes: prefixes.iter().map(|p| net(p)).collect(),
    };
    let expected = Change {
        withdrawn: vec![net("10.0.0.0/8")],
        announced: vec![
            group(2, &["10.1.0.0/16", "198.51.100.0/24"]),
            group(3, &["192.0.2.0/24"]),
            group(2, &["::/0"]),
        ],
    };
    assert_eq!(old.change_to(&new), expected);
}

#[test]
fn a_route_takes_32_octets() {
    assert_eq!(size_of::<Route>(), 32);
}

#[test]
fn announces_a_prefix_that_one_update_withdraws_and_announces() {
    let mut peer = AdjRibIn::default();
    let default = net("0.0.0.0/0");
    let announced = vec![Announced { attributes: med(7), prefixes: vec![default] }];
    peer.apply(Change { withdrawn: vec![default], announced });
    assert_eq!(peer.get(&default), Some(&med(7)));
}

#[test]
fn forgets_all_when_cleared() {
    let mut peer = AdjRibIn::default();
    peer.apply(RouteSet::default().change_to(&RouteSet::new([route("0.0.0.0/0", 1), route("::/0", 1)])));
    assert_eq!(peer.len(), 2);
    peer.clear();
    assert!(peer.is_empty() && peer.lookup([192, 0, 2, 1].into()).is_none());
}

#[test]
fn routes_that_say_the_same_share_their_attributes() {
    let mut peer = AdjRibIn::default();
    for prefix in ["0.0.0.0/1", "128.0.0.0/1"] {
        peer.apply(Change {
            announced: vec![Announced { attributes: med(1), prefixes: vec![net(prefix)] }],
            ..Change::default()
        });
    }
    let mut values = peer.iter().map(|(_, attributes)| attributes);
    assert!(Arc::ptr_eq(values.next().unwrap(), values.next().unwrap()));
}

#[test]
fn the_interner_forgets_what_nobody_holds_and_keeps_what_somebody_does() {
    let mut interner = Interner::default();
    let kept: Vec<_> = (0..100).map(|m| interner.intern(med(m))).collect();
    for m in 0..100_000 {
        interner.intern(med(m));
        assert!(interner.len() <= 2 * kept.len() + 64, "{} values held", interner.len());
    }
    for value in &kept {
        assert!(Arc::ptr_eq(value, &interner.intern(Arc::new((**value).clone()))));
    }
    drop(kept);
    interner.forget();
    assert!(interner.is_empty());
}

#[test]
fn a_prefix_map_ignores_host_bits() {
    let mut map = PrefixMap::default();
    assert_eq!(map.insert(net("10.1.2.3/8"), "first"), None);
    assert_eq!(map.insert(net("10.9.9.9/8"), "second"), Some("first"));
    assert_eq!(map.iter().collect::<Vec<_>>(), [(net("10.0.0.0/8"), &"second")]);
    assert_eq!(map.get(&net("10.7.7.7/8")), Some(&"second"));
    assert_eq!(map.remove(&net("10.0.0.1/8")), Some("second"));
    assert!(map.is_empty());
}

/// RFC 4724 §4.2.
#[test]
fn stale_routes_are_kept_until_said_again_or_dropped() {
    let mut peer = AdjRibIn::default();
    let set = |routes: &[Route]| RouteSet::default().change_to(&routes.iter().cloned().collect());
    peer.apply(set(&[route("0.0.0.0/0", 1), route("203.0.113.7/32", 1), route("2001:db8::/32", 1)]));
    peer.mark_stale(Family::IPV4_UNICAST);
    assert_eq!((peer.len(), peer.stale_len()), (3, 2), "the other family is as it was");

    peer.apply(set(&[route("0.0.0.0/0", 1)]));
    assert!(!peer.is_stale(&net("0.0.0.0/0")) && peer.is_stale(&net("203.0.113.7/32")));
    assert_eq!(peer.drop_stale(Some(Family::IPV6_UNICAST)), 0);
    assert_eq!(peer.drop_stale(None), 1);
    assert_eq!((peer.len(), peer.stale_len()), (2, 0));
}

/// What can be done to a peer's table that has to do with staleness.
#[derive(Clone, Debug)]
enum Step {
    Announce(IpNet),
    Withdraw(IpNet),
    Mark(Family),
    Drop(Option<Family>),
}

fn step() -> impl Strategy<Value = Step> {
    let family = prop::sample::select(vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
    prop_oneof![
        4 => prefix().prop_map(Step::Announce),
        1 => prefix().prop_map(Step::Withdraw),
        1 => family.clone().prop_map(Step::Mark),
        1 => prop::option::of(family).prop_map(Step::Drop),
    ]
}

proptest! {
    /// The slow way to it: a set of the prefixes that are stale.
    #[test]
    fn stale_is_what_was_said_before_the_mark_and_not_since(steps in vec(step(), 0..80)) {
        let mut peer = AdjRibIn::default();
        let (mut held, mut stale) = (BTreeSet::new(), BTreeSet::new());
        let is_meant = |family: &Option<Family>, prefix: &IpNet| family.is_none_or(|f| Family::of(prefix) == f);
        for step in steps {
            match step {
                Step::Announce(prefix) => {
                    let prefixes = vec![prefix];
                    let announced = vec![Announced { attributes: med(1), prefixes }];
                    peer.apply(Change { withdrawn: Vec::new(), announced });
                    held.insert(prefix.trunc());
                    stale.remove(&prefix.trunc());
                }
                Step::Withdraw(prefix) => {
                    peer.apply(Change { withdrawn: vec![prefix], announced: Vec::new() });
                    held.remove(&prefix.trunc());
                    stale.remove(&prefix.trunc());
                }
                Step::Mark(family) => {
                    peer.mark_stale(family);
                    stale.extend(held.iter().filter(|prefix| is_meant(&Some(family), prefix)));
                }
                Step::Drop(family) => {
                    let gone: Vec<IpNet> = stale.iter().filter(|p| is_meant(&family, p)).copied().collect();
                    prop_assert_eq!(peer.drop_stale(family), gone.len());
                    held.retain(|prefix| !gone.contains(prefix));
                    stale.retain(|prefix| !gone.contains(prefix));
                }
            }
            prop_assert_eq!(peer.stale_len(), stale.len());
            prop_assert!(peer.iter().map(|(prefix, _)| prefix).eq(held.iter().copied()));
            prop_assert!(held.iter().all(|prefix| peer.is_stale(prefix) == stale.contains(prefix)));
        }
    }
}
