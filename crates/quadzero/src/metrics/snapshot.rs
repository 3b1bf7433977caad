//! How an edge is at one moment, taken within its loop and put into words elsewhere.

use super::Latency;
use crate::control::{Shown, shown};
use crate::intent::Stage;
use crate::readiness;
use crate::running::Running;
use ipnet::IpNet;
use prometheus_client::metrics::histogram::Histogram;
use quadzero_codec::Family;
use quadzero_fsm::{PeerConfig, State, Status};
use quadzero_policy::Verdict;
use quadzero_probe::Report;
use quadzero_rib::RouteSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// An edge at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) taken: Instant,
    pub(super) is_ready: bool,
    pub(super) stage: Stage,
    pub(super) uptime: Duration,
    /// Of the program, since 1970.
    pub(super) start: Duration,
    pub(super) changed: Instant,
    pub(super) reloads: Reloads,
    /// Announced, and held back, by hand.
    pub(super) by_hand: [usize; 2],
    pub(super) audit_lost: Option<u64>,
    pub(super) neighbors: Vec<Neighbor>,
    pub(super) probes: Vec<(Arc<str>, Option<Report>)>,
    pub(super) conditions: Vec<Condition>,
    pub(super) latency: Histogram,
    pub(super) pending: usize,
    pub(super) unmeasured: u64,
}

/// Reloads since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) ok: u64,
    pub(crate) refused: u64,
}

/// A neighbor at one moment.
#[derive(Debug)]
pub(super) struct Neighbor {
    pub(super) address: String,
    pub(super) config: Arc<PeerConfig>,
    pub(super) status: Status,
    pub(super) is_stopped: bool,
    pub(super) wanted: usize,
}

/// What something depends on.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) holds: bool,
    pub(super) since: Instant,
}

impl Snapshot {
    /// Copies what changes; what does not is shared.
    pub(super) fn take(running: &mut Running, audit_lost: Option<u64>) -> Self {
        let (latency, pending, unmeasured) = match running.latency_mut() {
            Some(latency) => (latency.histogram.clone(), latency.pending(), latency.unmeasured),
            None => (Latency::default().histogram, 0, 0),
        };
        let reports = running.reports();
        let probes = running.edge().probes.iter().map(|p| (p.name.clone(), reports.get(&p.name).cloned()));
        let intent = running.intent();
        let conditions = intent.policy.depending().map(|(name, prefix, template)| Condition {
            name: name.to_owned(),
            prefix: prefix.to_string(),
            holds: template.condition.verdict(&intent.health) == Verdict::Holds,
            since: running.since(&template.condition),
        });
        let uptime = running.uptime();
        let neighbors = shown(running, None).unwrap_or_default();
        let is_ready = readiness::lacking(running, &neighbors).next().is_none();
        Self {
            taken: Instant::now(),
            is_ready,
            stage: intent.stage,
            uptime,
            start: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .saturating_sub(uptime),
            changed: running.changed(),
            reloads: running.reloads(),
            by_hand: [running.by_hand().announced.len(), running.by_hand().withdrawn.len()],
            audit_lost,
            neighbors: neighbors.into_iter().map(Neighbor::of).collect(),
            probes: probes.collect(),
            conditions: conditions.collect(),
            latency,
            pending,
            unmeasured,
        }
    }
}

impl Neighbor {
    fn of(shown: Shown<'_>) -> Self {
        let Shown { member, config, status, .. } = shown;
        let address = config.transport.remote.ip().to_string();
        Self { address, config, status, is_stopped: member.stopped, wanted: member.wanted().len() }
    }

    pub(super) fn is_established(&self) -> bool {
        self.status.state == State::Established
    }

    /// What it was told, while it is there.
    pub(super) fn told(&self) -> Option<&Arc<RouteSet>> {
        self.status.told.as_ref()
    }
}

/// The part of all addresses of a family that the routes lead to, whoever else has longer prefixes: 1 with a default route, and next to
/// 1 with one that is announced in pieces.
pub(super) fn space(routes: &RouteSet, family: Family) -> f64 {
    let mut covered: Option<IpNet> = None;
    let mut space = 0.0;
    // Sorted: what a prefix holds comes right behind it.
    for route in routes.iter().filter(|route| Family::of(&route.prefix) == family) {
        if covered.is_none_or(|covered| !covered.contains(&route.prefix)) {
            space += (-f64::from(route.prefix.prefix_len())).exp2();
            covered = Some(route.prefix);
        }
    }
    space
}

#[cfg(test)]
mod tests {
    use super::*;
    use quadzero_codec::Attributes;
    use quadzero_rib::Route;

    fn ipv4(prefixes: &[&str]) -> f64 {
        let attributes = Arc::new(Attributes::default());
        let route = |prefix: &&str| Route { prefix: prefix.parse().unwrap(), attributes: attributes.clone() };
        space(&RouteSet::new(prefixes.iter().map(route)), Family::IPV4_UNICAST)
    }

    #[test]
    fn the_space_of_routes_is_that_of_their_union() {
        assert_eq!(ipv4(&[]), 0.0);
        assert_eq!(ipv4(&["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16"]), 1.0);
        assert_eq!(ipv4(&["0.0.0.0/1", "128.0.0.0/1", "::/0"]), 1.0);
        assert_eq!(ipv4(&["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8"]), 2.0 / 256.0);
    }
}
