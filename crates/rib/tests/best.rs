//! The decision process of RFC 4271 §9.1.2.2, step by step.

use proptest::collection::vec;
use proptest::prelude::*;
use quadzero_codec::{AsPath, Asn, Attributes, Origin, RouterId};
use quadzero_rib::{Candidate, Ranking, Rules, Step, best_paths};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A candidate of the peer 192.0.2.`peer`, whose identifier is 10.0.0.`peer`.
fn from(peer: u8, external: bool, attributes: Attributes) -> Candidate {
    Candidate {
        attributes: Arc::new(attributes),
        external,
        peer_id: RouterId::new(Ipv4Addr::new(10, 0, 0, peer)).expect("not zero"),
        peer_address: IpAddr::from([192, 0, 2, peer]),
    }
}

fn path(asns: &[u32]) -> Attributes {
    Attributes { as_path: AsPath::sequence(asns.iter().map(|&n| Asn(n))), ..Attributes::default() }
}

fn multipath(most: usize, multipath_relax: bool) -> Rules {
    Rules { max_paths: NonZeroUsize::new(most).expect("one or more"), multipath_relax }
}

/// Of two candidates, the first wins by the step, whichever is told first.
#[track_caller]
fn wins(winner: Candidate, loser: Candidate, step: Step) {
    for (candidates, best) in [([winner.clone(), loser.clone()], 0), ([loser, winner], 1)] {
        let ranking = best_paths(&candidates, Rules::default());
        assert_eq!(ranking.best(), Some(best));
        assert_eq!(ranking.iter().map(|r| r.lost_by).collect::<Vec<_>>(), [None, Some(step)]);
    }
}

#[test]
fn higher_local_pref_wins_and_none_is_100() {
    let preferred = Attributes { local_pref: Some(101), ..path(&[1, 2, 3]) };
    wins(from(2, true, preferred), from(1, true, path(&[1])), Step::LocalPref);
    let disliked = Attributes { local_pref: Some(99), ..path(&[1]) };
    wins(from(2, true, path(&[1, 2])), from(1, true, disliked), Step::LocalPref);
}

#[test]
fn shorter_as_path_wins_so_prepending_makes_a_backup() {
    let backup = path(&[65010, 65010]);
    wins(from(2, true, path(&[65010])), from(1, true, backup), Step::AsPathLength);
}

#[test]
fn better_origin_wins() {
    let incomplete = Attributes { origin: Origin::Incomplete, ..path(&[1]) };
    let egp = Attributes { origin: Origin::Egp, ..path(&[1]) };
    wins(from(2, true, egp), from(1, true, incomplete), Step::Origin);
}

#[test]
fn lower_med_wins_within_one_neighboring_as_and_none_is_the_lowest() {
    let costly = Attributes { med: Some(10), ..path(&[1]) };
    wins(from(2, true, path(&[1])), from(1, true, costly), Step::Med);
}

#[test]
fn med_of_different_neighboring_ases_is_not_compared() {
    let costly = Attributes { med: Some(10), ..path(&[1]) };
    let cheap = Attributes { med: Some(5), ..path(&[2]) };
    wins(from(1, true, costly), from(2, true, cheap), Step::Identifier);
}

#[test]
fn external_wins_over_internal() {
    wins(from(2, true, path(&[1])), from(1, false, path(&[1])), Step::External);
}

#[test]
fn lower_identifier_wins_and_originator_id_stands_for_it() {
    wins(from(1, true, path(&[1])), from(2, true, path(&[1])), Step::Identifier);
    let reflected = Attributes { originator_id: Some(Ipv4Addr::new(10, 0, 0, 0)), ..path(&[1]) };
    wins(from(2, false, reflected), from(1, false, path(&[1])), Step::Identifier);
}

#[test]
fn shorter_cluster_list_wins() {
    let reflected = |clusters: &[Ipv4Addr]| Attributes {
        originator_id: Some(Ipv4Addr::new(10, 0, 0, 9)),
        cluster_list: clusters.into(),
        ..path(&[1])
    };
    let (near, far) = (reflected(&[Ipv4Addr::LOCALHOST]), reflected(&[Ipv4Addr::LOCALHOST; 2]));
    wins(from(2, false, near), from(1, false, far), Step::ClusterList);
}

#[test]
fn lower_peer_address_is_the_last_word() {
    let low = from(1, true, path(&[1]));
    let high = Candidate { peer_address: IpAddr::from([192, 0, 2, 9]), ..low.clone() };
    wins(low, high, Step::PeerAddress);
}

/// The textbook triangle: by pairs, A beats B by identifier, B beats C by identifier, C beats A by MED, so that
/// a speaker that compares in order of arrival picks any of the three.
#[test]
fn med_does_not_make_the_best_depend_on_the_order() {
    let a = from(1, true, Attributes { med: Some(20), ..path(&[1]) });
    let b = from(2, true, path(&[2]));
    let c = from(3, true, Attributes { med: Some(10), ..path(&[1]) });
    for order in [[&a, &b, &c], [&b, &c, &a], [&c, &a, &b], [&a, &c, &b], [&c, &b, &a], [&b, &a, &c]] {
        let candidates = order.map(Clone::clone);
        let ranking = best_paths(&candidates, Rules::default());
        let ranked: Vec<_> = ranking.iter().map(|r| (&candidates[r.candidate], r.lost_by)).collect();
        assert_eq!(ranked, [(&b, None), (&c, Some(Step::Identifier)), (&a, Some(Step::Med))]);
    }
}

#[test]
fn multipath_uses_equal_routes_up_to_the_maximum() {
    let candidates: Vec<_> = (1..=4).map(|peer| from(peer, true, path(&[65010]))).collect();
    let used = |rules| best_paths(&candidates, rules).used().collect::<Vec<_>>();
    assert_eq!(used(multipath(1, false)), [0]);
    assert_eq!(used(multipath(3, false)), [0, 1, 2]);
    assert_eq!(used(multipath(8, false)), [0, 1, 2, 3]);
}

#[test]
fn multipath_needs_equal_as_paths_unless_relaxed() {
    let candidates = [from(1, true, path(&[1])), from(2, true, path(&[2])), from(3, true, path(&[1]))];
    assert_eq!(best_paths(&candidates, multipath(4, false)).used().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(best_paths(&candidates, multipath(4, true)).used().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn multipath_does_not_use_a_route_that_lost_before_the_identifier() {
    let costly = from(2, true, Attributes { med: Some(10), ..path(&[1]) });
    let candidates =
        [from(1, true, path(&[1])), costly, from(3, false, path(&[1])), from(4, true, path(&[1, 1]))];
    assert_eq!(best_paths(&candidates, multipath(4, true)).used().collect::<Vec<_>>(), [0]);
}

#[test]
fn nothing_is_best_of_nothing() {
    assert_eq!(best_paths(&[], Rules::default()), Ranking::default());
}

/// Candidates of distinct peers, alike enough that every step decides now and then.
fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0..2u32, vec(1..4u32, 1..3), 0..2u32, any::<bool>(), 0..3u8, 0..2usize);
    vec(one, 1..8).prop_map(|all| {
        let make = |(peer, (pref, asns, med, external, id, clusters)): (u8, (_, Vec<u32>, _, _, _, _))| {
            let attributes = Attributes {
                local_pref: Some(pref),
                med: Some(med),
                cluster_list: vec![Ipv4Addr::LOCALHOST; clusters].into(),
                ..path(&asns)
            };
            let peer_id = RouterId::new(Ipv4Addr::new(10, 0, 0, id + 1)).expect("not zero");
            Candidate { peer_id, ..from(peer, external, attributes) }
        };
        (1u8..).zip(all).map(make).collect()
    })
}

/// The RFC's own words: remove, step by step, whatever another route under consideration beats.
fn by_elimination(candidates: &[Candidate]) -> usize {
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    let attributes = |i: usize| &*candidates[i].attributes;
    let keep_least = |left: &mut Vec<usize>, key: &dyn Fn(usize) -> u128| {
        let least = left.iter().map(|&i| key(i)).min().expect("some are left");
        left.retain(|&i| key(i) == least);
    };
    keep_least(&mut left, &|i| u128::from(u32::MAX - attributes(i).local_pref.expect("always given")));
    keep_least(&mut left, &|i| attributes(i).as_path.hops() as u128);
    let considered = left.clone();
    left.retain(|&m| {
        !considered.iter().any(|&n| {
            attributes(n).as_path.first() == attributes(m).as_path.first()
                && attributes(n).med < attributes(m).med
        })
    });
    keep_least(&mut left, &|i| u128::from(!candidates[i].external));
    keep_least(&mut left, &|i| candidates[i].peer_id.get().to_bits().into());
    keep_least(&mut left, &|i| attributes(i).cluster_list.len() as u128);
    left.into_iter().min_by_key(|&i| candidates[i].peer_address).expect("some are left")
}

proptest! {
    #[test]
    fn best_is_what_the_elimination_of_the_rfc_leaves(candidates in candidates()) {
        let ranking = best_paths(&candidates, Rules::default());
        prop_assert_eq!(ranking.best(), Some(by_elimination(&candidates)));
    }

    #[test]
    fn the_ranking_does_not_depend_on_the_order(
        (first, second) in candidates().prop_flat_map(|c| (Just(c.clone()), Just(c).prop_shuffle())),
        most in 1..4usize,
        relax: bool,
    ) {
        let told = |candidates: &[Candidate]| -> Vec<_> {
            let ranking = best_paths(candidates, multipath(most, relax));
            ranking.iter().map(|r| (candidates[r.candidate].clone(), r.used, r.lost_by)).collect()
        };
        prop_assert_eq!(told(&first), told(&second));
    }

    #[test]
    fn only_the_best_lost_by_nothing_and_steps_come_latest_first(candidates in candidates()) {
        let ranking = best_paths(&candidates, Rules::default());
        prop_assert_eq!(ranking.iter().len(), candidates.len());
        let steps: Vec<_> = ranking.iter().map(|r| r.lost_by).collect();
        prop_assert_eq!(steps[0], None);
        prop_assert!(steps[1..].iter().all(Option::is_some));
        prop_assert!(steps[1..].is_sorted_by(|a, b| a >= b), "{steps:?}");
    }
}
