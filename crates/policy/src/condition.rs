//! On what an announcement depends, and what becomes of it without.
//!
//! A condition is one of three: it holds, it fails, or nobody knows yet. Unknown is not a mean between the two: it is what a
//! condition is before its probes have said anything, and `not` of it is unknown as well. What is not known to hold is treated as
//! failed, so that no announcement, and no `not` either, rests on a guess.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Not;
use std::sync::Arc;
use std::time::Instant;

/// What has to be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// This probe is up.
    Probe(Arc<str>),
    /// All of these hold.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
    /// This one fails.
    Not(Box<Self>),
}

/// What becomes of an announcement whose condition does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// It is withdrawn.
    #[default]
    Withdraw,
    /// It stays, with this MULTI_EXIT_DISC, whatever else would have set another.
    Med(u32),
    /// It stays, with our AS so many times more in its path. Within our own AS that changes nothing.
    Prepend(u8),
    /// It stays as it is (fail-static): the failure is only told.
    Keep,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It does not.
    Fails,
    /// Nobody knows yet.
    Unknown,
    /// It does.
    Holds,
}

impl Verdict {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Fails, Self::Unknown, Self::Holds];
}

impl Not for Verdict {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Fails => Self::Holds,
            Self::Unknown => Self::Unknown,
            Self::Holds => Self::Fails,
        }
    }
}

/// How a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It has not said anything yet.
    Unknown,
    /// What it looks at works.
    Up,
    /// What it looks at does not.
    Down,
}

/// What is known of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How it is.
    pub state: State,
    /// Since when, where that is known.
    pub since: Option<Instant>,
    /// Why, in words that stand in brackets; may be empty.
    pub because: Arc<str>,
}

/// How all probes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    known: BTreeMap<Arc<str>, Probe>,
    others: Probe,
}

impl Health {
    /// Nothing is known of any probe: what holds until they have said something.
    pub fn unknown() -> Self {
        Self::all(State::Unknown)
    }

    /// Every probe is up: what a file is checked for.
    pub fn good() -> Self {
        Self::all(State::Up)
    }

    fn all(state: State) -> Self {
        Self { known: BTreeMap::new(), others: Probe { state, since: None, because: "".into() } }
    }

    /// Takes down what is known of a probe from now on.
    pub fn set(&mut self, name: Arc<str>, probe: Probe) {
        self.known.insert(name, probe);
    }

    /// What is known of the probe of that name.
    pub fn of(&self, name: &str) -> &Probe {
        self.known.get(name).unwrap_or(&self.others)
    }
}

impl Condition {
    /// Whether it holds (Kleene's logic).
    pub fn verdict(&self, health: &Health) -> Verdict {
        match self {
            Self::Always => Verdict::Holds,
            Self::Probe(name) => match health.of(name).state {
                State::Unknown => Verdict::Unknown,
                State::Up => Verdict::Holds,
                State::Down => Verdict::Fails,
            },
            Self::All(of) => of.iter().map(|one| one.verdict(health)).min().unwrap_or(Verdict::Holds),
            Self::Any(of) => of.iter().map(|one| one.verdict(health)).max().unwrap_or(Verdict::Fails),
            Self::Not(one) => !one.verdict(health),
        }
    }

    /// The probes that it names, each once, in the order of the text.
    pub fn probes(&self) -> Vec<&Arc<str>> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names
    }

    fn collect<'a>(&'a self, names: &mut Vec<&'a Arc<str>>) {
        match self {
            Self::Always => {}
            Self::Probe(name) if names.contains(&name) => {}
            Self::Probe(name) => names.push(name),
            Self::All(of) | Self::Any(of) => of.iter().for_each(|one| one.collect(names)),
            Self::Not(one) => one.collect(names),
        }
    }

    /// Why the verdict is what it is: the probes that make it so, each with how it is. Empty for [`Condition::Always`].
    pub fn because(&self, health: &Health) -> String {
        let mut causes: Vec<String> = Vec::new();
        self.blame(health, self.verdict(health), &mut causes);
        causes.join(", ")
    }

    /// The probes without which it would have another verdict than this one.
    fn blame(&self, health: &Health, verdict: Verdict, causes: &mut Vec<String>) {
        match self {
            Self::Always => {}
            Self::Probe(name) => {
                let cause = said(name, health.of(name));
                if !causes.contains(&cause) {
                    causes.push(cause);
                }
            }
            Self::All(of) | Self::Any(of) => {
                let same = of.iter().filter(|one| one.verdict(health) == verdict);
                same.for_each(|one| one.blame(health, verdict, causes));
            }
            Self::Not(one) => one.blame(health, !verdict, causes),
        }
    }
}

fn said(name: &str, Probe { state, because, .. }: &Probe) -> String {
    let is = match state {
        State::Unknown => "has not said anything yet",
        State::Up => "is up",
        State::Down => "is down",
    };
    let why = if because.is_empty() { String::new() } else { format!(" ({because})") };
    format!("probe \"{name}\" {is}{why}")
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word: &str, of: &[Self]| {
            write!(f, "{word} of (")?;
            for (i, one) in of.iter().enumerate() {
                write!(f, "{}{one}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        match self {
            Self::Always => f.write_str("always"),
            Self::Probe(name) => write!(f, "\"{name}\""),
            Self::All(of) => list(f, "all", of),
            Self::Any(of) => list(f, "any", of),
            Self::Not(one) => write!(f, "not {one}"),
        }
    }
}

impl fmt::Display for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Withdraw => f.write_str("it is withdrawn"),
            Self::Med(med) => write!(f, "its MED is {med}"),
            Self::Prepend(times) => write!(f, "our AS stands in its path {times} times more"),
            Self::Keep => f.write_str("it stays as it is"),
        }
    }
}
