//! Why a session does not come up, or a route does not arrive: from what was configured and what was seen on either side
//! to the cause and the fix, in the words of azure.md §7.1.
//!
//! ```text
//!   a log (log), a running mock (of_mock) ─► Observations ─► diagnose ─► Findings: symptom, cause, fix
//!   a file that was checked: a Breach ────────────────────────────────► of_breach
//! ```
//!
//! Nothing here dials or waits. What was seen before a session came up is forgotten, as long as it stays up: a gateway that
//! was started after the edge is no trouble. What a session ended by, and which routes were not taken, is told always.
//!
//! A finding is *certain* if what was seen has no other cause, and *likely* if it has, and this is the one that people
//! report.

mod cause;
mod diagnose;
mod log;
mod observation;

pub use cause::Cause;
pub use diagnose::diagnose;
pub use log::read;
pub use observation::{Dial, Ended, Observations, Seen, Session, Setup, Side, What};

use crate::config::{Azure, Circuit, SessionId};
use crate::rules::{Breach, HOLD_TIME_SECONDS};
use crate::speaker::Mock;
use serde::Serialize;
use std::fmt;

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Nothing else does this.
    Certain,
    /// Other things do it too; as a rule it is this.
    Likely,
}

/// What is the matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which it is.
    pub id: Cause,
    /// The sessions that have it.
    pub sessions: Vec<String>,
    /// How sure it is.
    pub certainty: Certainty,
    /// What is seen.
    pub symptom: String,
    /// What it comes from.
    pub cause: String,
    /// What to do about it.
    pub fix: String,
    /// The row of azure.md §7.1, by its symptom, or another place there.
    pub row: &'static str,
    /// The key of the source (azure.md §9).
    pub source: &'static str,
}

impl Finding {
    fn new(id: Cause, certainty: Certainty, symptom: String, cause: String, fix: impl Into<String>) -> Self {
        let (row, source) = (id.row(), id.source());
        Self { id, sessions: Vec::new(), certainty, symptom, cause, fix: fix.into(), row, source }
    }

    /// A rule that a file breaks; its words are the file's.
    pub fn of_rule(id: Cause) -> Self {
        Self::new(id, Certainty::Certain, String::new(), String::new(), String::new())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let likely = if self.certainty == Certainty::Likely { "likely: " } else { "" };
        writeln!(f, "symptom  {}: {}", self.sessions.join(", "), self.symptom)?;
        writeln!(f, "cause    {likely}{}", self.cause)?;
        writeln!(f, "fix      {}", self.fix)
    }
}

/// What a rule that a file breaks would lead to; `None` where it has no row of its own.
pub const fn of_breach(breach: &Breach) -> Option<Cause> {
    match breach {
        Breach::AsnReservedByAzure(_) | Breach::AsnReservedByIana(_) => Some(Cause::ReservedAsn),
        Breach::SameAsn(_) => Some(Cause::WrongAsn),
        Breach::HoldTime(_) | Breach::Keepalive(_) => Some(Cause::HoldTime),
        Breach::ApipaOutsideRange(_)
        | Breach::ApipaMissing { .. }
        | Breach::NobodyDials(_)
        | Breach::ApipaOnOneSide { .. } => Some(Cause::Apipa),
        Breach::Ttl(_) => Some(Cause::Multihop),
        Breach::PeerInsideVnet { .. } | Breach::PeerIsPublic(_) => Some(Cause::NoPath),
        Breach::AnnouncedInsideVnet { .. } => Some(Cause::InsideVnet),
        Breach::GatewayInPath { .. } => Some(Cause::OwnAsInPath),
        Breach::TooManyPrefixes { .. } => Some(Cause::TooManyPrefixes),
        _ => None,
    }
}

/// What a running mock, and the lines that it has logged, show.
pub fn of_mock(mock: &Mock, lines: &str) -> Observations {
    let mut observations = of_deployment(&mock.azure());
    observations.read(lines);
    for refused in mock.table().borrow().refused() {
        let what = What::Dropped { prefix: refused.prefix.to_string(), why: refused.why.to_string() };
        observations.at(&refused.peer.to_string(), what);
    }
    observations
}

/// The sessions of a deployment, before anything was seen of them.
pub fn of_deployment(azure: &Azure) -> Observations {
    let mut observations = Observations::new(Side::Gateway);
    for id in azure.sessions() {
        observations.session(&name(azure, id)).setup = setup(azure, id);
    }
    observations
}

/// As in its log.
fn name(azure: &Azure, id: SessionId) -> String {
    let gateway = &azure.gateways[id.gateway];
    format!("{}/{}/{}", gateway.name, gateway.instances[id.instance].name, azure.connection(id).name)
}

fn setup(azure: &Azure, id: SessionId) -> Setup {
    let gateway = &azure.gateways[id.gateway];
    let connection = azure.connection(id);
    let manners = gateway.kind.manners();
    Setup {
        own_as: Some(manners.asn()),
        peer_as: Some(connection.asn),
        own: Some(azure.local_address(id).into()),
        peer: Some(azure.peer_address(id)),
        hold: Some(HOLD_TIME_SECONDS),
        dials: Some(manners.dials(connection)),
        ttl: Some(gateway.switches.ttl),
        md5: connection.circuit().map(|circuit: &Circuit| circuit.key.is_some()),
        limit: Some(gateway.limit(connection).most),
        at_expressroute: gateway.kind.is_expressroute(),
    }
}

#[cfg(test)]
mod tests;
