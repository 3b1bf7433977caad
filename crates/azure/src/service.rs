//! What services of Azure need of the routing (azure.md §6.5), and whether they get it.
//!
//! ```text
//!   a source of Azure's             KMS, RHUI: others are not answered
//!   Azure's own way, directly       Application Gateway, Bastion, Azure Firewall: their subnets' 0.0.0.0/0
//!   the backbone, or Azure's way    Storage, SQL: over on-premises they come from an address that a firewall may refuse
//!   the way that the question came  a connection from the Internet to the public address of a machine
//!   any way, and one back           the Internet
//! ```

use crate::kms;
use crate::verdict::{Answer, Seen, Verdict};
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

/// Something that a machine or a subnet needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Anything on the Internet.
    Internet,
    /// Windows activation.
    Kms,
    /// Red Hat's update servers in Azure.
    Rhui,
    /// Storage, and what is built on it, by its public address.
    Storage,
    /// SQL Database by its public address.
    Sql,
    /// The management of an Application Gateway v2, from its subnet.
    ApplicationGateway,
    /// Azure Bastion, from its subnet.
    Bastion,
    /// Azure Firewall, from its subnet.
    Firewall,
    /// RDP or SSH from a client on the Internet to the public address of a machine: the answer to that client.
    Rdp,
}

/// The update servers of RHUI 3 (RHUI D; RHUI 4 has more, on its live page).
pub const RHUI_SERVERS: [Ipv4Addr; 5] = [
    Ipv4Addr::new(13, 91, 47, 76),
    Ipv4Addr::new(40, 85, 190, 91),
    Ipv4Addr::new(52, 187, 75, 218),
    Ipv4Addr::new(52, 174, 163, 213),
    Ipv4Addr::new(52, 237, 203, 198),
];

/// Whether it works, and why.
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

    fn why(&self) -> &str {
        let (Self::Works(why) | Self::Fails(why) | Self::Depends(why)) = self;
        why
    }
}

impl Service {
    /// The service at a well-known address.
    pub fn at(address: Ipv4Addr) -> Option<Self> {
        if kms::host(address).is_some() {
            return Some(Self::Kms);
        }
        RHUI_SERVERS.contains(&address).then_some(Self::Rhui)
    }

    /// Whether it works for a packet with this answer.
    pub fn judge(self, answer: &Answer) -> Judgement {
        match self {
            Self::Kms => from_azure(answer, "error 0xC004F074: "),
            Self::Rhui => from_azure(answer, ""),
            Self::ApplicationGateway | Self::Bastion | Self::Firewall => by_own_exit(
                answer,
                "its subnet has Azure's own way to the Internet",
                "its subnet needs Azure's own way to the Internet, and has another one",
            ),
            Self::Rdp => by_own_exit(
                answer,
                "the answer leaves the way that the question came",
                "the answer leaves by another way than the question came, and the client does not know its source",
            ),
            Self::Storage | Self::Sql => by_backbone(answer),
            Self::Internet => by_any_way(answer),
        }
    }
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

fn by_own_exit(answer: &Answer, works: &str, fails: &str) -> Judgement {
    let directly = answer.verdict == Verdict::Internet && answer.path.is_empty();
    if directly { Judgement::Works(works.into()) } else { Judgement::Fails(fails.into()) }
}

fn by_backbone(answer: &Answer) -> Judgement {
    match &answer.verdict {
        Verdict::ServiceEndpoint => Judgement::Works("over Azure's backbone, by the service endpoint".into()),
        _ if answer.doubt.is_none() && answer.source == Seen::OnPremises => Judgement::Depends(
            "its firewall must take the public address of on-premises; a service endpoint keeps it in Azure"
                .into(),
        ),
        _ => by_any_way(answer),
    }
}

fn by_any_way(answer: &Answer) -> Judgement {
    match (&answer.doubt, &answer.lost, &answer.verdict) {
        (_, Some(lost), _) => Judgement::Fails(lost.clone()),
        (Some(doubt), ..) => Judgement::Depends(doubt.clone()),
        (.., Verdict::Internet | Verdict::ServiceEndpoint | Verdict::OnPremises { .. }) => {
            Judgement::Works("there is a way out, and one back".into())
        }
        (.., other) => Judgement::Fails(other.to_string()),
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.why())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internet => "internet",
            Self::Kms => "kms",
            Self::Rhui => "rhui",
            Self::Storage => "storage",
            Self::Sql => "sql",
            Self::ApplicationGateway => "application-gateway",
            Self::Bastion => "bastion",
            Self::Firewall => "firewall",
            Self::Rdp => "rdp",
        })
    }
}

#[cfg(test)]
mod tests;
