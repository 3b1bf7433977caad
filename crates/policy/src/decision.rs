//! A decision, and its reason in words.

use crate::{Condition, Health, OnFailure, Verdict};
use ipnet::IpNet;
use quadzero_codec::Family;
use quadzero_rib::Route;
use std::fmt;
use std::sync::Arc;

/// What was decided about one prefix of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The prefix.
    pub prefix: IpNet,
    /// What in the configuration it comes from.
    pub source: Source,
    /// Whether it is announced.
    pub outcome: Outcome,
    /// Why.
    pub because: Reason,
    /// How the condition stands that it depends on, if it does.
    pub standing: Option<Standing>,
}

/// How a condition stands, and what that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The condition.
    pub condition: Condition,
    /// Whether it holds.
    pub verdict: Verdict,
    /// The probes that make it so.
    pub because: String,
    /// What is done where it does not hold.
    pub on_failure: OnFailure,
}

/// What in the configuration a decision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An origination, by name.
    Origination(Arc<str>),
    /// An exception set, by name.
    Exception(Arc<str>),
}

/// Said or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This is announced.
    Announce(Route),
    /// Nothing is announced.
    Withhold,
}

impl Standing {
    /// `None` for what depends on nothing.
    pub(crate) fn of(condition: &Condition, on_failure: OnFailure, health: &Health) -> Option<Self> {
        let verdict = condition.verdict(health);
        let standing =
            || Self { condition: condition.clone(), verdict, because: condition.because(health), on_failure };
        (*condition != Condition::Always).then(standing)
    }

    /// Whether something else would be said if more were known.
    pub(crate) fn awaits(&self) -> bool {
        self.verdict == Verdict::Unknown && self.on_failure != OnFailure::Keep
    }

    /// What is to be done about it: `None` while it holds.
    pub(crate) fn failure(&self) -> Option<OnFailure> {
        (self.verdict != Verdict::Holds).then_some(self.on_failure)
    }
}

impl Decision {
    /// The route, if it is announced.
    pub fn route(&self) -> Option<&Route> {
        match &self.outcome {
            Outcome::Announce(route) => Some(route),
            Outcome::Withhold => None,
        }
    }
}

/// Why a prefix is announced or not. Displayed, it is the part of the sentence behind the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Announced: an origination that no exception touches.
    Whole,
    /// Announced: an exception in mode announce.
    Exception,
    /// Announced: what is left of a larger prefix.
    Piece {
        /// The larger prefix.
        of: IpNet,
        /// The exception sets that were carved out of it.
        sets: Vec<Arc<str>>,
    },
    /// Withheld: pieces are announced instead.
    Carved {
        /// The prefix itself.
        of: IpNet,
        /// The exception sets that are carved out of it.
        sets: Vec<Arc<str>>,
        /// How many prefixes replace it.
        pieces: usize,
        /// Private ranges that Azure drops itself unless they are announced: its own routes to them (next
        /// hop type None) win over the pieces, which are shorter.
        dropped: Vec<IpNet>,
    },
    /// Withheld: a hole takes all of it.
    Swallowed {
        /// The exception set.
        set: Arc<str>,
        /// Its prefix.
        hole: IpNet,
    },
    /// Withheld: an exception in mode carve-out, and something announced has its hole here.
    CarvedOut,
    /// Withheld: an exception in mode carve-out that nothing announced would have covered.
    NothingToCarve,
    /// Withheld: an exception in mode udr.
    UserDefinedRoute,
    /// Withheld: the neighbor does not exchange such prefixes.
    Family {
        /// The neighbor.
        neighbor: Arc<str>,
        /// The family of the prefix.
        family: Family,
    },
    /// Withheld: not in the neighbor's announce list.
    NotListed {
        /// The neighbor.
        neighbor: Arc<str>,
    },
    /// Withheld: an exception in mode carve-out that is not in the neighbor's announce list, so that nothing
    /// is carved.
    NotCarved {
        /// The neighbor.
        neighbor: Arc<str>,
    },
    /// Withheld: its condition does not hold.
    ConditionFails {
        /// The condition.
        condition: Condition,
        /// The probes that make it so.
        because: String,
    },
    /// Withheld: something else announces the same prefix. Exceptions come before originations, earlier ones
    /// before later ones, given prefixes before pieces, and pieces of longer prefixes before those of shorter ones.
    Duplicate {
        /// What announces it.
        by: Source,
    },
    /// Withheld: a piece that belongs to Azure's platform.
    Platform {
        /// The range that the piece lies in.
        range: IpNet,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origination(name) => write!(f, "origination \"{name}\""),
            Self::Exception(name) => write!(f, "exception set \"{name}\""),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, source, outcome, because, standing } = self;
        let verdict = match (outcome, because) {
            (Outcome::Announce(_), _) => "is announced",
            (Outcome::Withhold, Reason::Carved { .. }) => "is not announced as such",
            (Outcome::Withhold, _) => "is not announced",
        };
        write!(f, "{prefix} ({source}) {verdict}: {because}.")?;
        match standing {
            Some(standing) if !matches!(because, Reason::ConditionFails { .. }) => write!(f, " {standing}"),
            _ => Ok(()),
        }
    }
}

/// A sentence behind that of the decision.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, verdict, because, on_failure } = self;
        match verdict {
            Verdict::Holds => write!(f, "This depends on {condition}, which holds; otherwise {on_failure}."),
            Verdict::Fails => {
                write!(f, "It depends on {condition}, which fails, hence {on_failure}: {because}.")
            }
            Verdict::Unknown => write!(
                f,
                "It depends on {condition}, of which nothing is known yet, hence {on_failure}: {because}."
            ),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("no exception is carved out of it"),
            Self::Exception => f.write_str(ATTRACTS),
            Self::Piece { of, sets } => {
                write!(f, "it is a part of {of} that holds nothing of {}", Sets(sets))
            }
            Self::Carved { of, sets, pieces, dropped } => write_carved(f, of, sets, *pieces, dropped),
            Self::Swallowed { set, hole } => {
                write!(f, "{} (carve-out) takes {hole} out, which leaves nothing of it", one(set))
            }
            Self::CarvedOut => f.write_str(
                "the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own \
                 route to it stays in force",
            ),
            Self::NothingToCarve => f.write_str(
                "the set is in mode carve-out, but nothing that covers it would be announced to this neighbor",
            ),
            Self::UserDefinedRoute => f.write_str(
                "the set is in mode udr. Add an entry for it with next hop type Internet to the route tables of \
                 the subnets; it wins over the same or a shorter prefix learned by BGP",
            ),
            Self::Family { neighbor, family } => {
                write!(f, "neighbor \"{neighbor}\" does not exchange {family}")
            }
            Self::NotListed { neighbor } => write!(f, "the announce list of neighbor \"{neighbor}\" lacks it"),
            Self::NotCarved { neighbor } => write!(
                f,
                "the set is in mode carve-out, but the announce list of neighbor \"{neighbor}\" lacks it: what is \
                 announced is not carved and may well cover it"
            ),
            Self::ConditionFails { condition, because } => {
                write!(f, "it depends on {condition}, and {because}")
            }
            Self::Duplicate { by } => write!(f, "{by} comes first with the same prefix"),
            Self::Platform { range } => write!(f, "{range} belongs to Azure's platform"),
        }
    }
}

/// Said of every exception in mode announce.
const ATTRACTS: &str = "the set is in mode announce. Over a VPN gateway or ExpressRoute private peering this \
    pulls the traffic to on-premises, more strongly than the default route does and past a route table that \
    sends 0.0.0.0/0 to the Internet; KMS answers only if the traffic goes on from an Azure public address";

fn one(set: &Arc<str>) -> Sets<'_> {
    Sets(std::slice::from_ref(set))
}

fn write_carved(
    f: &mut fmt::Formatter<'_>,
    of: &IpNet,
    sets: &[Arc<str>],
    pieces: usize,
    dropped: &[IpNet],
) -> fmt::Result {
    let (verb, noun) =
        (if sets.len() == 1 { "replaces" } else { "replace" }, if pieces == 1 { "" } else { "es" });
    write!(f, "{} (carve-out) {verb} it with {pieces} prefix{noun} to cover the rest of it", Sets(sets))?;
    if of.prefix_len() == 0 {
        f.write_str(PASSED_ON)?;
    }
    let [first, rest @ ..] = dropped else { return Ok(()) };
    write!(f, ". Azure drops what goes to {first}")?;
    rest.iter().try_for_each(|range| write!(f, ", {range}"))?;
    f.write_str(
        " by routes of its own that win over these prefixes; announce these ranges as well if they are yours",
    )
}

/// Said of every default route that is carved.
const PASSED_ON: &str = ". An Azure VPN gateway passes these on to its other BGP peers, as it never does with \
    a default route";

/// `exception set "a"`, or `exception sets "a", "b"`.
struct Sets<'a>(&'a [Arc<str>]);

impl fmt::Display for Sets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "exception set " } else { "exception sets " })?;
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}\"{name}\"", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
