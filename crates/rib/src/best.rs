//! Which of several routes to one prefix is best (RFC 4271 §9.1.2.2), which are as good, and why the
//! others are not.
//!
//! MED is what makes this more than a sort: it counts only between routes of the same neighboring
//! AS, so "better than" between two routes is not transitive, and comparing them in pairs gives answers
//! that depend on the order in which they came. The RFC does not compare pairs; it removes, from all
//! routes still considered, those that another one of the same neighboring AS beats by MED. So do we: among
//! routes equal in the steps before, each is first marked *beaten by MED* or not. That mark is then a step like
//! any other, and the rest is a sort.

use quadzero_codec::{Asn, Attributes, Origin, RouterId};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// LOCAL_PREF where a route has none.
const DEFAULT_LOCAL_PREF: u32 = 100;

/// A route, and who told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is said of the prefix. LOCAL_PREF is the degree of preference; without it, 100.
    pub attributes: Arc<Attributes>,
    /// Whether the peer is in another AS (eBGP).
    pub external: bool,
    /// The peer's BGP Identifier.
    pub peer_id: RouterId,
    /// The peer's address.
    pub peer_address: IpAddr,
}

/// How many routes may be used at once, and how alike they must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most routes used at once; 1 is no multipath.
    pub max_paths: NonZeroUsize,
    /// AS_PATHs of equal length are alike enough, whoever is in them; else they must be equal.
    pub multipath_relax: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_paths: NonZeroUsize::MIN, multipath_relax: false }
    }
}

/// The steps of the decision, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// RFC 4271 §9.1.2: the degree of preference.
    LocalPref,
    /// §9.1.2.2 a.
    AsPathLength,
    /// §9.1.2.2 b.
    Origin,
    /// §9.1.2.2 c.
    Med,
    /// §9.1.2.2 d. (Step e, the interior cost, needs an IGP.)
    External,
    /// §9.1.2.2 f; ORIGINATOR_ID stands for the identifier (RFC 4456 §9).
    Identifier,
    /// RFC 4456 §9.
    ClusterList,
    /// §9.1.2.2 g.
    PeerAddress,
}

impl fmt::Display for Step {
    /// What the better route has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LocalPref => "higher LOCAL_PREF",
            Self::AsPathLength => "shorter AS_PATH",
            Self::Origin => "better ORIGIN",
            Self::Med => "lower MED from the same neighboring AS",
            Self::External => "eBGP before iBGP",
            Self::Identifier => "lower BGP identifier",
            Self::ClusterList => "shorter CLUSTER_LIST",
            Self::PeerAddress => "lower peer address",
        })
    }
}

/// A candidate in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Its index among the candidates.
    pub candidate: usize,
    /// Whether it is used: the best one, and those that multipath uses beside it.
    pub used: bool,
    /// The step that put it behind the best one; `None` for the best one itself.
    pub lost_by: Option<Step>,
}

/// All candidates, the best one first, then in the order of the steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking(Vec<Ranked>);

impl Ranking {
    /// Index of the best candidate; `None` where there was none.
    pub fn best(&self) -> Option<usize> {
        self.0.first().map(|ranked| ranked.candidate)
    }

    /// Indices of the candidates that are used, the best one first.
    pub fn used(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter(|ranked| ranked.used).map(|ranked| ranked.candidate)
    }

    /// All candidates, the best one first.
    pub fn iter(&self) -> std::slice::Iter<'_, Ranked> {
        self.0.iter()
    }
}

/// Ranks routes to one prefix. The result does not depend on their order, as long as no two are of
/// the same peer.
pub fn best_paths(candidates: &[Candidate], rules: Rules) -> Ranking {
    let beaten = beaten_by_med(candidates);
    let mut ranked: Vec<(Merit, usize)> =
        candidates.iter().zip(beaten).map(|(c, beaten)| Merit::of(c, beaten)).zip(0..).collect();
    ranked.sort();
    let Some(&(best, first)) = ranked.first() else { return Ranking::default() };
    let mut room = rules.max_paths.get();
    let place = |(merit, candidate): (Merit, usize)| {
        let alike = candidate == first
            || merit.equals_through_external(&best)
                && (rules.multipath_relax
                    || candidates[candidate].attributes.as_path == candidates[first].attributes.as_path);
        let used = alike && room > 0;
        room -= usize::from(used);
        Ranked { candidate, used, lost_by: merit.lost_to(&best) }
    };
    Ranking(ranked.into_iter().map(place).collect())
}

/// What counts before MED: less is better.
type BeforeMed = (Reverse<u32>, usize, Origin);

/// What counts, in the order of the steps: less is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Merit {
    before_med: BeforeMed,
    beaten_by_med: bool,
    internal: bool,
    identifier: Ipv4Addr,
    cluster_list: usize,
    peer_address: IpAddr,
}

impl Merit {
    fn of(candidate: &Candidate, beaten_by_med: bool) -> Self {
        let attributes = &candidate.attributes;
        Self {
            before_med: before_med(attributes),
            beaten_by_med,
            internal: !candidate.external,
            identifier: attributes.originator_id.unwrap_or(candidate.peer_id.get()),
            cluster_list: attributes.cluster_list.len(),
            peer_address: candidate.peer_address,
        }
    }

    /// Whether multipath may use both (the AS_PATHs are another question).
    fn equals_through_external(&self, best: &Self) -> bool {
        (self.before_med, self.beaten_by_med, self.internal)
            == (best.before_med, best.beaten_by_med, best.internal)
    }

    fn lost_to(&self, best: &Self) -> Option<Step> {
        let ((pref, path, origin), (best_pref, best_path, best_origin)) = (self.before_med, best.before_med);
        [
            (Step::LocalPref, pref == best_pref),
            (Step::AsPathLength, path == best_path),
            (Step::Origin, origin == best_origin),
            (Step::Med, self.beaten_by_med == best.beaten_by_med),
            (Step::External, self.internal == best.internal),
            (Step::Identifier, self.identifier == best.identifier),
            (Step::ClusterList, self.cluster_list == best.cluster_list),
            (Step::PeerAddress, self.peer_address == best.peer_address),
        ]
        .into_iter()
        .find_map(|(step, equal)| (!equal).then_some(step))
    }
}

fn before_med(attributes: &Attributes) -> BeforeMed {
    let local_pref = attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF);
    (Reverse(local_pref), attributes.as_path.hops(), attributes.origin)
}

/// Which candidates another one beats by MED: equal so far, of the same neighboring AS, and with a lower
/// MED, where none is the lowest (RFC 4271 §9.1.2.2 c).
fn beaten_by_med(candidates: &[Candidate]) -> Vec<bool> {
    let rivals = |c: &Candidate| -> (BeforeMed, Option<Asn>) {
        (before_med(&c.attributes), c.attributes.as_path.first())
    };
    let med = |c: &Candidate| c.attributes.med.unwrap_or(0);
    let mut lowest = BTreeMap::new();
    for candidate in candidates {
        let least = lowest.entry(rivals(candidate)).or_insert(u32::MAX);
        *least = med(candidate).min(*least);
    }
    candidates.iter().map(|c| med(c) > lowest[&rivals(c)]).collect()
}
