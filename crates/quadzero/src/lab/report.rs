//! What a lab has to tell, as values: the tables for people and the JSON for programs are made from the same.

use super::Lab;
use super::judge::Judged;
use super::side::Running;
use super::timeline::{Entry, Sum};
use quadzero_azure::effective::{EffectiveRoute, Listing};
use quadzero_azure::gateway::{BgpPeerStatus, LearnedRoute, Refused};
use quadzero_azure::speaker::Mock;
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of a scenario.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The edges' sessions.
    pub(super) sessions: Vec<SessionRow>,
    /// The gateways' sessions, as `az network vnet-gateway list-bgp-peer-status` prints them.
    peer_status: Listing<BgpPeerStatus>,
    /// As `az network vnet-gateway list-learned-routes` prints them.
    pub(super) learned_routes: Listing<LearnedRoute>,
    /// What the gateways did not take.
    pub(super) refused_routes: Vec<Refused>,
    /// For each subnet, as `az network nic show-effective-route-table` prints them.
    pub(super) effective_routes: BTreeMap<String, Listing<EffectiveRoute>>,
    /// Where packets go.
    pub(super) verdicts: Vec<Judged>,
    /// What else is expected.
    pub(super) conditions: Vec<Judged>,
    /// What happened when.
    pub(super) timeline: Vec<Entry>,
    /// How egress was.
    pub(super) egress: Vec<Sum>,
    /// How many times faster than in Azure time passed.
    pub(super) time_scale: u32,
    /// How many sessions were not up that had to be.
    #[serde(skip)]
    pub(super) down: usize,
    /// Whether everything expected holds.
    holds: bool,
}

/// A session as an edge sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionRow {
    pub(super) edge: String,
    pub(super) neighbor: String,
    pub(super) remote_as: u32,
    pub(super) state: String,
    pub(super) prefixes_sent: usize,
    pub(super) prefixes_received: usize,
    /// Why it is not Established, if anything is known.
    pub(super) last_down: Option<String>,
}

impl Report {
    pub(super) fn new(lab: &Lab) -> Self {
        let edges = lab.edges.iter();
        let sessions: Vec<_> =
            edges.flat_map(|edge| edge.peers.iter().map(move |peer| session(edge, peer))).collect();
        // What has to be up later on, after something has happened, is for expectations to say.
        let down = match lab.scenario.events.is_empty() {
            true => lab.down(),
            false => lab.down_at_start,
        };
        let (verdicts, conditions): (Vec<_>, Vec<_>) =
            lab.judged.iter().cloned().partition(|judged| judged.packet.is_some());
        Self {
            holds: down == 0 && lab.judged.iter().all(|judged| judged.holds),
            sessions,
            peer_status: of_all(lab, Mock::peer_status),
            learned_routes: of_all(lab, Mock::learned_routes),
            refused_routes: lab.gateways.iter().flat_map(|g| g.table().borrow().refused().to_vec()).collect(),
            effective_routes: lab.gateways.iter().flat_map(effective).collect(),
            verdicts,
            conditions,
            timeline: lab.timeline.entries().to_vec(),
            egress: lab.timeline.sums(),
            time_scale: lab.scenario.time_scale,
            down,
        }
    }

    /// Whether every session is up and every expectation holds.
    pub const fn holds(&self) -> bool {
        self.holds
    }

    /// Whether another report has nothing new to tell; durations and counts of messages are nothing new.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let told = |r: &Self| {
            (r.sessions.clone(), r.learned_routes.clone(), r.verdicts.clone(), r.conditions.clone())
        };
        told(self) == told(other)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("no map in it has keys other than strings") + "\n"
    }
}

/// The rows of all gateways, one gateway after the other.
fn of_all<T>(lab: &Lab, rows: impl Fn(&Mock, usize) -> Listing<T>) -> Listing<T> {
    let mut value = Vec::new();
    for mock in &lab.gateways {
        let gateways = 0..mock.azure().gateways.len();
        value.extend(gateways.flat_map(|gateway| rows(mock, gateway).value));
    }
    Listing { value }
}

fn effective(gateway: &Mock) -> Vec<(String, Listing<EffectiveRoute>)> {
    let azure = gateway.azure();
    let subnets = azure.vnets.iter().flat_map(|v| v.subnets.iter().map(move |s| (v, s)));
    let rows = subnets.filter_map(|(vnet, subnet)| {
        let name = format!("{}/{}", vnet.name, subnet.name);
        gateway.effective_routes(&name).map(|routes| (name, routes))
    });
    rows.collect()
}

fn session(edge: &Running, peer: &quadzero_fsm::Peer) -> SessionRow {
    let status = peer.status();
    let status = status.borrow();
    SessionRow {
        edge: edge.side.name.clone(),
        neighbor: peer.config().name.clone(),
        remote_as: peer.config().remote_as.0,
        state: status.state.to_string(),
        prefixes_sent: status.prefixes_sent,
        prefixes_received: status.prefixes_received,
        last_down: status.last_down.as_ref().filter(|_| status.negotiated.is_none()).map(ToString::to_string),
    }
}
