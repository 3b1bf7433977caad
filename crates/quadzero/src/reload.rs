//! What a changed file does to a running edge: first as a plan, which can be read, then all of it or nothing.
//!
//! ```text
//!   file ──► checked whole ──► Plan: who comes and goes, whose session is reset and why, whose routes change
//!                                │
//!                                └──► Router::apply: what can fail first, and undone if it does; then what cannot fail
//! ```
//!
//! Neighbors are told apart by their addresses (or ranges): the same address with another name is the same neighbor.

use crate::config::edge::{Edge, Neighbor, Probe};
use ipnet::IpNet;
use quadzero_fsm::Difference;
use quadzero_rib::RouteSet;
use serde::Serialize;
use std::fmt::{self, Display, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

/// Prefixes that a plan names of one neighbor, each way; of the others it knows how many there are.
const NAMED: usize = 20;

/// What a reload would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// Where connections are accepted from then on.
    pub listen: Vec<SocketAddr>,
    /// Where they are not accepted any more.
    pub no_longer_listen: Vec<SocketAddr>,
    /// Those that something happens to.
    pub neighbors: Vec<Step>,
    /// Probes that come, go, or look otherwise.
    pub probes: Vec<ProbeStep>,
    /// Keys that only the next start looks at.
    pub next_start: Vec<&'static str>,
}

/// What happens to one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProbeStep {
    /// What it is called.
    pub name: Arc<str>,
    /// What becomes of it; one that is kept looks otherwise, and goes on from what was known of it.
    pub action: Action,
}

/// What happens to one neighbor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// What it is called, from then on.
    pub name: String,
    /// Its address or range.
    pub address: IpNet,
    /// What becomes of it.
    pub action: Action,
    /// Keys that change while the session stays.
    pub in_place: Vec<&'static str>,
    /// Keys that only another session can have, and why.
    pub resets: Vec<Cause>,
    /// Whether there is a session that would be lost.
    pub established: bool,
    /// What it is told beside what it was told, or otherwise: the first of them.
    pub announced: Vec<IpNet>,
    /// How many that are.
    pub announced_total: usize,
    /// What it is told no more: the first of them.
    pub withdrawn: Vec<IpNet>,
    /// How many that are.
    pub withdrawn_total: usize,
}

/// What becomes of a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is new.
    Add,
    /// It goes, and is told so: Cease/3, Peer De-configured (RFC 4486).
    Remove,
    /// Its session is reset, and it is told so: Cease/6, Other Configuration Change (RFC 4486).
    Reset,
    /// Its session stays.
    Keep,
}

/// Why a session is reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The key.
    pub key: &'static str,
    /// Why it cannot change in place.
    pub why: &'static str,
}

/// A neighbor as it is, and how it is doing.
pub(crate) struct Now<'a> {
    pub(crate) neighbor: &'a Neighbor,
    pub(crate) routes: Arc<RouteSet>,
    pub(crate) established: bool,
    /// Whether it, and every peer of the range, understands ROUTE-REFRESH (RFC 2918).
    pub(crate) can_be_asked: bool,
}

impl Plan {
    /// From what there is to `edge`, whose neighbors are to have `routes`.
    pub(crate) fn new(edge: &Edge, running: &Edge, now: &[Now<'_>], routes: &[Arc<RouteSet>]) -> Self {
        // What is not named here is in the neighbors, or in their routes.
        let Edge { asn: _, router_id: _, listen, policy: _, neighbors, control, drain: _, probes } = edge;
        let gone = now.iter().filter(|now| !neighbors.iter().any(|new| is_same(new, now.neighbor)));
        let mut steps: Vec<Step> = gone.map(Step::remove).collect();
        for (new, routes) in neighbors.iter().zip(routes) {
            match now.iter().find(|now| is_same(new, now.neighbor)) {
                Some(now) => steps.push(Step::change(now, new, routes)),
                None => steps.push(Step::add(new, routes)),
            }
        }
        steps.retain(|step| !step.is_empty());
        let without = |these: &[SocketAddr], those: &[SocketAddr]| {
            these.iter().filter(|address| !those.contains(address)).copied().collect()
        };
        Self {
            listen: without(listen, &running.listen),
            no_longer_listen: without(&running.listen, listen),
            neighbors: steps,
            probes: probe_steps(&running.probes, probes),
            next_start: if *control == running.control { Vec::new() } else { vec!["control"] },
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many sessions are reset.
    pub fn resets(&self) -> usize {
        self.neighbors.iter().filter(|step| step.action == Action::Reset && step.established).count()
    }

    /// The step of a neighbor, if anything happens to it.
    pub(crate) fn step(&self, address: IpNet) -> Option<&Step> {
        self.neighbors.iter().find(|step| step.address == address && step.action != Action::Remove)
    }
}

fn probe_steps(old: &[Probe], new: &[Probe]) -> Vec<ProbeStep> {
    let named = |probes: &[Probe], name: &Arc<str>| probes.iter().find(|probe| probe.name == *name).cloned();
    let gone = old.iter().filter(|probe| named(new, &probe.name).is_none());
    let gone = gone.map(|probe| ProbeStep { name: probe.name.clone(), action: Action::Remove });
    let others = new.iter().filter_map(|probe| {
        let action = match named(old, &probe.name) {
            None => Action::Add,
            Some(known) if known == *probe => return None,
            Some(_) => Action::Keep,
        };
        Some(ProbeStep { name: probe.name.clone(), action })
    });
    gone.chain(others).collect()
}

/// A range is not a neighbor with an address, even if it holds only that.
pub(crate) fn is_same(one: &Neighbor, other: &Neighbor) -> bool {
    one.whose() == other.whose() && one.range.is_some() == other.range.is_some()
}

impl Step {
    fn new(neighbor: &Neighbor, action: Action) -> Self {
        Self {
            name: neighbor.peer.name.clone(),
            address: neighbor.whose(),
            action,
            in_place: Vec::new(),
            resets: Vec::new(),
            established: false,
            announced: Vec::new(),
            announced_total: 0,
            withdrawn: Vec::new(),
            withdrawn_total: 0,
        }
    }

    fn add(new: &Neighbor, routes: &Arc<RouteSet>) -> Self {
        Self::new(new, Action::Add).with_routes(&Arc::default(), routes)
    }

    fn remove(now: &Now<'_>) -> Self {
        let step = Self { established: now.established, ..Self::new(now.neighbor, Action::Remove) };
        step.with_routes(&now.routes, &Arc::default())
    }

    fn change(now: &Now<'_>, new: &Neighbor, routes: &Arc<RouteSet>) -> Self {
        let mut step = Self { established: now.established, ..Self::new(new, Action::Keep) };
        let Neighbor { peer, range, policy: _, bfd, azure: _ } = new;
        for difference in now.neighbor.peer.difference(peer) {
            let Difference { key, .. } = difference;
            match difference.resets(now.can_be_asked) {
                Some(why) => step.resets.push(Cause { key, why }),
                None => step.in_place.push(key),
            }
        }
        if now.neighbor.range.map(|range| range.limit) != range.map(|range| range.limit) {
            step.in_place.push("range-limit");
        }
        if now.neighbor.bfd != *bfd {
            step.in_place.push("bfd");
        }
        if !step.resets.is_empty() {
            step.action = Action::Reset;
        }
        step.with_routes(&now.routes, routes)
    }

    fn with_routes(mut self, from: &Arc<RouteSet>, to: &Arc<RouteSet>) -> Self {
        let change = from.change_to(to);
        let mut announced: Vec<IpNet> =
            change.announced.into_iter().flat_map(|group| group.prefixes).collect();
        announced.sort_unstable();
        (self.announced_total, self.withdrawn_total) = (announced.len(), change.withdrawn.len());
        announced.truncate(NAMED);
        self.announced = announced;
        self.withdrawn = change.withdrawn.into_iter().take(NAMED).collect();
        self
    }

    fn is_empty(&self) -> bool {
        let nothing = self.in_place.is_empty() && self.announced_total + self.withdrawn_total == 0;
        self.action == Action::Keep && nothing
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changes\n");
        }
        let mut out = String::new();
        for (verb, addresses) in
            [("listen on", &self.listen), ("listen no longer on", &self.no_longer_listen)]
        {
            for address in addresses {
                let _ = writeln!(out, "{verb} {address}");
            }
        }
        self.neighbors.iter().try_for_each(|step| step.describe(&mut out))?;
        for ProbeStep { name, action } in &self.probes {
            let what = match action {
                Action::Add => "is added, and knows nothing yet",
                Action::Remove => "is removed",
                Action::Keep | Action::Reset => "looks otherwise, and goes on from what it knows",
            };
            let _ = writeln!(out, "probe {name} {what}");
        }
        for key in &self.next_start {
            let _ = writeln!(out, "[{key}] takes effect with the next start");
        }
        f.write_str(&out)
    }
}

impl Step {
    fn describe(&self, out: &mut String) -> fmt::Result {
        let Self { name, address, established, .. } = self;
        let session = match (self.action, established) {
            (Action::Add, _) => "is added",
            (Action::Remove, true) => "is removed: its session ends (Cease/3, Peer De-configured)",
            (Action::Remove, false) => "is removed",
            (Action::Reset, true) => "its session is RESET (Cease/6, Other Configuration Change)",
            (Action::Reset, false) => "would be reset, but has no session",
            (Action::Keep, true) => "its session stays",
            (Action::Keep, false) => "changes",
        };
        writeln!(out, "neighbor {name} ({address}): {session}")?;
        for Cause { key, why } in &self.resets {
            writeln!(out, "  {key}: {why}")?;
        }
        if !self.in_place.is_empty() {
            writeln!(out, "  in place: {}", self.in_place.join(", "))?;
        }
        describe_routes(out, "announces", &self.announced, self.announced_total)?;
        describe_routes(out, "withdraws", &self.withdrawn, self.withdrawn_total)
    }
}

fn describe_routes(out: &mut String, verb: &str, prefixes: &[IpNet], total: usize) -> fmt::Result {
    if prefixes.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
    let more = if total > shown.len() { format!(" and {} more", total - shown.len()) } else { String::new() };
    writeln!(out, "  {verb} {}{more}", shown.join(" "))
}
