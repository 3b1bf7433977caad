//! From a policy and a neighbor to the decisions.
//!
//! ```text
//!   exceptions in mode announce --+                   no hole touches it -> announced whole
//!                                 +--> claims --+--   a hole takes all   -> withheld
//!   originations -----------------+             |     else               -> withheld, pieces announced
//!                                               |
//!   exceptions in mode carve-out --> holes -----+
//!   exceptions in mode udr       --> withheld
//! ```
//!
//! A claim whose condition does not hold is withheld, or says something else, as configured.
//!
//! The rule for holes is one: nothing that a neighbor is told covers a hole that it has, wherever it comes from.

use crate::carve::{carve, overlap};
use crate::decision::{Decision, Outcome, Reason, Source, Standing};
use crate::policy::platform;
use crate::{ExceptionMode, ExceptionSet, Health, NeighborPolicy, OnFailure, Policy, Template};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{Attributes, Family};
use quadzero_rib::{Interner, Route};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// What Azure drops by routes of its own, next hop type None, unless it learns the same prefix or a longer one.
const DROPPED_BY_AZURE: [IpNet; 4] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16)),
];

/// The decisions about one neighbor, in the making.
pub(crate) struct Evaluation<'a> {
    neighbor: &'a NeighborPolicy,
    health: &'a Health,
    /// The neighbor's name, for the reasons.
    name: Arc<str>,
    listed: Option<HashSet<&'a str>>,
    interner: &'a mut Interner,
    claims: Vec<Claim>,
    /// Who announces a prefix, or will.
    taken: HashMap<IpNet, Source>,
    holes: Vec<Hole>,
    decisions: Vec<Decision>,
}

/// A prefix that this neighbor is told, unless a hole is in it.
struct Claim {
    prefix: IpNet,
    source: Source,
    attributes: Arc<Attributes>,
    standing: Option<Standing>,
}

/// A prefix that nothing told to this neighbor may cover.
#[derive(Clone)]
struct Hole {
    prefix: IpNet,
    set: Arc<str>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(neighbor: &'a NeighborPolicy, health: &'a Health, interner: &'a mut Interner) -> Self {
        Self {
            neighbor,
            health,
            name: neighbor.name.as_str().into(),
            listed: neighbor.announce.as_ref().map(|names| names.iter().map(String::as_str).collect()),
            interner,
            claims: Vec::new(),
            taken: HashMap::new(),
            holes: Vec::new(),
            decisions: Vec::new(),
        }
    }

    pub(crate) fn decide(mut self, policy: &Policy) -> Vec<Decision> {
        for set in &policy.exceptions {
            self.except(set);
        }
        for origination in &policy.originations {
            let name = origination.name.as_str();
            self.claim(Source::Origination(name.into()), name, origination.prefix, &origination.template);
        }
        self.explain_holes();
        // Longest first: inside a longer prefix, the pieces are that one's, not those of what covers it.
        let mut claims = std::mem::take(&mut self.claims);
        claims.sort_by_key(|claim| Reverse(claim.prefix.prefix_len()));
        for claim in claims {
            self.announce(claim);
        }
        self.decisions.sort_by_key(|decision| decision.prefix);
        self.decisions
    }

    fn except(&mut self, set: &ExceptionSet) {
        let name: Arc<str> = set.name.as_str().into();
        let source = Source::Exception(name.clone());
        for &prefix in &set.prefixes {
            match &set.mode {
                ExceptionMode::Announce(template) => self.claim(source.clone(), &set.name, prefix, template),
                ExceptionMode::Udr => self.withhold(prefix, source.clone(), Reason::UserDefinedRoute),
                ExceptionMode::CarveOut => match self.obstacle(&set.name, &prefix) {
                    Some(Reason::NotListed { neighbor }) => {
                        self.withhold(prefix, source.clone(), Reason::NotCarved { neighbor });
                    }
                    Some(reason) => self.withhold(prefix, source.clone(), reason),
                    None => self.holes.push(Hole { prefix, set: name.clone() }),
                },
            }
        }
    }

    fn claim(&mut self, source: Source, name: &str, prefix: IpNet, template: &Template) {
        let standing = Standing::of(&template.condition, template.on_failure, self.health);
        // What fails takes no prefix: another may stand in for it.
        let reason = self.obstacle(name, &prefix).or_else(|| fails(&standing));
        if let Some(reason) = reason.or_else(|| self.duplicate(&prefix)) {
            return self.decide_on(prefix, source, Outcome::Withhold, reason, standing);
        }
        let failure = standing.as_ref().and_then(Standing::failure);
        let attributes = template.attributes(Family::of(&prefix), self.neighbor, failure);
        let attributes = self.interner.intern(Arc::new(attributes));
        self.taken.insert(prefix, source.clone());
        self.claims.push(Claim { prefix, source, attributes, standing });
    }

    /// Why the neighbor itself is not told.
    fn obstacle(&self, name: &str, prefix: &IpNet) -> Option<Reason> {
        let (neighbor, family) = (self.name.clone(), Family::of(prefix));
        if self.listed.as_ref().is_some_and(|listed| !listed.contains(name)) {
            Some(Reason::NotListed { neighbor })
        } else if !self.neighbor.families.contains(&family) {
            Some(Reason::Family { neighbor, family })
        } else {
            None
        }
    }

    fn duplicate(&self, prefix: &IpNet) -> Option<Reason> {
        self.taken.get(prefix).map(|by| Reason::Duplicate { by: by.clone() })
    }

    fn explain_holes(&mut self) {
        for Hole { prefix, set } in self.holes.clone() {
            let carved = self.claims.iter().any(|claim| overlap(&claim.prefix, &prefix));
            let reason = if carved { Reason::CarvedOut } else { Reason::NothingToCarve };
            self.withhold(prefix, Source::Exception(set), reason);
        }
    }

    fn announce(&mut self, claim: Claim) {
        let prefix = claim.prefix;
        let inside: Vec<&Hole> = self.holes.iter().filter(|hole| overlap(&hole.prefix, &prefix)).collect();
        if inside.is_empty() {
            let whole = matches!(claim.source, Source::Origination(_));
            return self.tell(&claim, prefix, if whole { Reason::Whole } else { Reason::Exception });
        }
        if let Some(hole) = inside.iter().find(|hole| hole.prefix.contains(&prefix)) {
            let reason = Reason::Swallowed { set: hole.set.clone(), hole: hole.prefix };
            return self.withhold_of(&claim, prefix, reason);
        }
        let mut sets: Vec<Arc<str>> = inside.iter().map(|hole| hole.set.clone()).collect();
        sets.dedup();
        let holes: Vec<IpNet> = inside.iter().map(|hole| hole.prefix).collect();
        self.announce_pieces(&claim, sets, &holes);
    }

    fn announce_pieces(&mut self, claim: &Claim, sets: Vec<Arc<str>>, holes: &[IpNet]) {
        let of = claim.prefix;
        let pieces = carve(of, holes);
        let meant = |range: &IpNet| holes.iter().any(|hole| hole.contains(range));
        let lost = |range: &IpNet| of.contains(range) && !self.taken.contains_key(range) && !meant(range);
        let dropped = DROPPED_BY_AZURE.into_iter().filter(lost).collect();
        let reason = Reason::Carved { of, sets: sets.clone(), pieces: pieces.len(), dropped };
        self.withhold_of(claim, of, reason);
        for piece in pieces {
            let platform = platform(&piece).map(|range| Reason::Platform { range });
            if let Some(reason) = platform.or_else(|| self.duplicate(&piece)) {
                self.withhold_of(claim, piece, reason);
            } else {
                self.taken.insert(piece, claim.source.clone());
                self.tell(claim, piece, Reason::Piece { of, sets: sets.clone() });
            }
        }
    }

    /// Announces a claim, or a piece of it.
    fn tell(&mut self, claim: &Claim, prefix: IpNet, because: Reason) {
        let outcome = Outcome::Announce(Route { prefix, attributes: claim.attributes.clone() });
        self.decide_on(prefix, claim.source.clone(), outcome, because, claim.standing.clone());
    }

    fn withhold_of(&mut self, claim: &Claim, prefix: IpNet, because: Reason) {
        self.decide_on(prefix, claim.source.clone(), Outcome::Withhold, because, claim.standing.clone());
    }

    fn withhold(&mut self, prefix: IpNet, source: Source, because: Reason) {
        self.decide_on(prefix, source, Outcome::Withhold, because, None);
    }

    fn decide_on(
        &mut self,
        prefix: IpNet,
        source: Source,
        outcome: Outcome,
        because: Reason,
        standing: Option<Standing>,
    ) {
        self.decisions.push(Decision { prefix, source, outcome, because, standing });
    }
}

/// Why there is nothing to say while the condition does not hold.
fn fails(standing: &Option<Standing>) -> Option<Reason> {
    let standing = standing.as_ref().filter(|s| s.failure() == Some(OnFailure::Withdraw))?;
    let (condition, because) = (standing.condition.clone(), standing.because.clone());
    Some(Reason::ConditionFails { condition, because })
}
