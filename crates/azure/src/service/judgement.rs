//! What can be needed of a path, and what is said of it.

use crate::verdict::{Answer, Seen, Verdict};
use serde::Serialize;
use std::fmt;

/// Whether something works, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
pub enum Judgement {
    /// It does.
    Works(String),
    /// It does not.
    Fails(String),
    /// It depends on something that routing does not tell.
    Depends(String),
}

/// What a service needs of the path to it; the text is what is missing otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// A way out, and one back.
    AnyWay,
    /// A source of Azure's; the text stands before the reason.
    AzuresSource(&'static str),
    /// Azure's own exit for what the subnet sends itself, or the backbone.
    OwnWay(&'static str),
    /// From Azure it is welcome, from on-premises it depends on this.
    Welcome(&'static str),
    /// Azure lets it out, whatever else stands on the way depends on this.
    LetOut(&'static str),
}

impl Need {
    pub(super) fn judge(self, answer: &Answer) -> Judgement {
        let is_known = answer.doubt.is_none() && answer.lost.is_none();
        match self {
            Self::AzuresSource(code) => from_azure(answer, code),
            Self::OwnWay(fails) => match answer.verdict {
                _ if is_direct(answer) => by_any_way(answer),
                _ => Judgement::Fails(format!("{fails} ({})", answer.verdict)),
            },
            Self::Welcome(condition) if is_known && answer.source == Seen::OnPremises => {
                Judgement::Depends(condition.into())
            }
            Self::LetOut(condition) if is_known && is_on_its_way(answer) && !is_direct(answer) => {
                Judgement::Depends(condition.into())
            }
            Self::AnyWay | Self::Welcome(_) | Self::LetOut(_) => by_any_way(answer),
        }
    }
}

fn is_direct(answer: &Answer) -> bool {
    match answer.verdict {
        Verdict::Internet => answer.path.is_empty(),
        Verdict::ServiceEndpoint => true,
        _ => false,
    }
}

const fn is_on_its_way(answer: &Answer) -> bool {
    matches!(answer.verdict, Verdict::Internet | Verdict::OnPremises { .. })
}

fn from_azure(answer: &Answer, code: &str) -> Judgement {
    match (&answer.doubt, answer.source) {
        (Some(doubt), _) => Judgement::Depends(doubt.clone()),
        (None, Seen::Azure) => Judgement::Works("the source is a public address of Azure".into()),
        (None, _) if matches!(answer.verdict, Verdict::OnPremises { .. }) => Judgement::Fails(format!(
            "{code}the request is forced through on-premises, so its source is not a public address of Azure"
        )),
        (None, _) => Judgement::Fails(format!("{code}the request does not reach the server")),
    }
}

fn by_any_way(answer: &Answer) -> Judgement {
    match (&answer.doubt, &answer.lost, &answer.verdict) {
        (_, Some(lost), _) => Judgement::Fails(lost.clone()),
        (Some(doubt), ..) => Judgement::Depends(doubt.clone()),
        (.., Verdict::ServiceEndpoint) => {
            Judgement::Works("over Azure's backbone, by the service endpoint".into())
        }
        (.., Verdict::Internet) if is_direct(answer) => Judgement::Works("by Azure's own exit".into()),
        (.., Verdict::Internet | Verdict::OnPremises { .. }) => {
            Judgement::Works("there is a way out, and one back".into())
        }
        (.., other) => Judgement::Fails(other.to_string()),
    }
}

impl Judgement {
    /// Whether it works for certain.
    pub const fn works(&self) -> bool {
        matches!(self, Self::Works(_))
    }

    /// In one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Works(_) => "works",
            Self::Fails(_) => "fails",
            Self::Depends(_) => "depends",
        }
    }

    /// The reason.
    pub fn why(&self) -> &str {
        let (Self::Works(why) | Self::Fails(why) | Self::Depends(why)) = self;
        why
    }

    /// The worse of two: what fails says more than what depends.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Fails(_), _) | (Self::Depends(_), Self::Works(_) | Self::Depends(_)) => self,
            (Self::Works(_), Self::Works(_)) => self,
            _ => other,
        }
    }

    /// The same, about something that has a name.
    #[must_use]
    pub fn of(self, name: impl fmt::Display) -> Self {
        let why = format!("{name}: {}", self.why());
        match self {
            Self::Works(_) => Self::Works(why),
            Self::Fails(_) => Self::Fails(why),
            Self::Depends(_) => Self::Depends(why),
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.why())
    }
}
