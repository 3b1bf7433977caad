//! What happens in a scenario.

use super::Known;
use crate::config::diagnostic::Diagnostic;
use crate::config::get;
use crate::config::reader::{Record, missing, record};
use crate::config::value::words;
use quadzero_azure::maintenance::Cause;
use std::time::Duration;
use toml::Spanned;

record! {
    /// `[[event]]`
    File {
        /// When, counted from the moment at which everything is up.
        required at: Duration,
        /// What.
        required r#do: Do,
        /// To which edge.
        optional edge: String,
        /// To which gateway.
        optional gateway: String,
        /// To which of its instances.
        optional instance: String,
    }
}

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Do {
    StopEdge,
    KillEdge,
    StartEdge,
    CutLine,
    MendLine,
    Withdraw,
    Announce,
    InternetDown,
    InternetUp,
    Maintenance,
    Failure,
    AskAgain,
}

words! {
    Do: "an event" {
        "stop-edge" => Self::StopEdge,
        "kill-edge" => Self::KillEdge,
        "start-edge" => Self::StartEdge,
        "cut-line" => Self::CutLine,
        "mend-line" => Self::MendLine,
        "withdraw" => Self::Withdraw,
        "announce" => Self::Announce,
        "internet-down" => Self::InternetDown,
        "internet-up" => Self::InternetUp,
        "maintenance" => Self::Maintenance,
        "failure" => Self::Failure,
        "ask-again" => Self::AskAgain,
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in the scenario's time.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happens; edges, deployments, gateways and instances are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The edge withdraws everything, says good-bye and ends.
    Stop(usize),
    /// The edge's process dies: its machine closes its connections, and nothing is said in BGP.
    Kill(usize),
    /// It starts again.
    Start(usize),
    /// Nothing passes between it and the gateways any more, and nobody is told.
    Isolate(usize),
    /// It does again.
    Reconnect(usize),
    /// It withdraws everything and stays.
    Withdraw(usize),
    /// It announces everything again.
    Announce(usize),
    /// The way to the Internet of its site goes down; the edge does not know.
    InternetDown(usize),
    /// It is back.
    InternetUp(usize),
    /// An instance of a gateway is away for a while.
    Outage {
        /// Of [`Scenario::deployments`](super::Scenario).
        deployment: usize,
        /// Of its gateways.
        gateway: usize,
        /// Of its instances.
        instance: usize,
        /// Planned or not.
        cause: Cause,
    },
    /// The gateways of a deployment ask their peers for all routes once more.
    AskAgain(usize),
}

pub(super) fn event(keys: &File, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<Event> {
    let kind = get(&keys.r#do)?;
    let own: &[&str] = match kind {
        Do::Maintenance | Do::Failure => &["gateway", "instance"],
        Do::AskAgain => &["gateway"],
        _ => &["edge"],
    };
    for key in ["edge", "gateway", "instance"].iter().filter(|key| keys.has(key) && !own.contains(key)) {
        let error = Diagnostic::error(keys.span.clone(), format!("`{key}` has no meaning for this event"));
        out.push(error.hint(format!("it has {}", own.join(" and "))));
    }
    let what = match kind {
        Do::StopEdge => What::Stop(edge(keys, known, out)?),
        Do::KillEdge => What::Kill(edge(keys, known, out)?),
        Do::StartEdge => What::Start(edge(keys, known, out)?),
        Do::CutLine => What::Isolate(edge(keys, known, out)?),
        Do::MendLine => What::Reconnect(edge(keys, known, out)?),
        Do::Withdraw => What::Withdraw(edge(keys, known, out)?),
        Do::Announce => What::Announce(edge(keys, known, out)?),
        Do::InternetDown => What::InternetDown(edge(keys, known, out)?),
        Do::InternetUp => What::InternetUp(edge(keys, known, out)?),
        Do::Maintenance => outage(Cause::Planned, keys, known, out)?,
        Do::Failure => outage(Cause::Unplanned, keys, known, out)?,
        Do::AskAgain => What::AskAgain(gateway(keys, known, out)?.0),
    };
    Some(Event { at: get(&keys.at)?, what })
}

/// The one that is named; where there is only one, it need not be.
fn edge(keys: &File, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<usize> {
    match &keys.edge {
        Some(name) => known.edge(name, out),
        None if known.edges.len() == 1 => Some(0),
        None => needs(keys, "edge", out),
    }
}

fn gateway(keys: &File, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<(usize, usize)> {
    match (&keys.gateway, known.deployments) {
        (Some(name), _) => known.gateway(name, out),
        (None, [only]) if only.azure.gateways.len() == 1 => Some((0, 0)),
        (None, _) => needs(keys, "gateway", out),
    }
}

fn needs<T>(keys: &File, key: &str, out: &mut Vec<Diagnostic>) -> Option<T> {
    out.push(missing::<String>(keys.span.clone(), key));
    None
}

fn outage(cause: Cause, keys: &File, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<What> {
    let (deployment, gateway) = gateway(keys, known, out)?;
    let instances = &known.deployments[deployment].azure.gateways[gateway].instances;
    let named = |name: &Spanned<String>| instances.iter().position(|i| i.name == *name.get_ref());
    let instance = match &keys.instance {
        Some(name) => named(name)
            .or_else(|| super::unknown(name, "instance", instances.iter().map(|i| i.name.as_str()), out))?,
        None => 0,
    };
    Some(What::Outage { deployment, gateway, instance, cause })
}
