//! What a lab has to tell, as values: the tables for people and the JSON for programs are made from the same.

use crate::config::scenario::{Expectation, Kms, Outcome, Scenario};
use crate::router::Router;
use quadzero_azure::effective::{EffectiveRoute, Listing};
use quadzero_azure::gateway::{BgpPeerStatus, LearnedRoute, Refused};
use quadzero_azure::kms::Activation;
use quadzero_azure::speaker::Mock;
use quadzero_azure::verdict::{Answer, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// What came of a scenario.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The edge's sessions.
    pub(super) sessions: Vec<SessionRow>,
    /// The gateways' sessions, as `az network vnet-gateway list-bgp-peer-status` prints them.
    peer_status: Listing<BgpPeerStatus>,
    /// As `az network vnet-gateway list-learned-routes` prints them.
    pub(super) learned_routes: Listing<LearnedRoute>,
    /// What the gateway did not take.
    pub(super) refused_routes: Vec<Refused>,
    /// For each subnet, as `az network nic show-effective-route-table` prints them.
    pub(super) effective_routes: BTreeMap<String, Listing<EffectiveRoute>>,
    /// Where packets go.
    pub(super) verdicts: Vec<VerdictRow>,
    /// Whether everything expected holds.
    holds: bool,
}

/// A session as the edge sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionRow {
    pub(super) neighbor: String,
    pub(super) remote_as: u32,
    pub(super) state: String,
    pub(super) prefixes_sent: usize,
    pub(super) prefixes_received: usize,
    /// Why it is not Established, if anything is known.
    pub(super) last_down: Option<String>,
}

/// Where a packet goes, and where it was expected to go.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerdictRow {
    pub(super) from: String,
    #[serde(flatten)]
    pub(super) answer: Option<Answer>,
    pub(super) expected: String,
    pub(super) holds: bool,
}

impl Report {
    pub(super) fn new(scenario: &Scenario, edge: &Router, gateway: &Mock) -> Self {
        let sessions: Vec<_> = edge.peers().iter().map(session).collect();
        let verdicts: Vec<_> = scenario.expectations.iter().map(|e| judge(e, gateway)).collect();
        let subnets =
            scenario.deployment.azure.vnets.iter().flat_map(|v| v.subnets.iter().map(move |s| (v, s)));
        let effective = subnets.filter_map(|(vnet, subnet)| {
            let name = format!("{}/{}", vnet.name, subnet.name);
            gateway.effective_routes(&name).map(|routes| (name, routes))
        });
        let up = sessions.iter().all(|session| session.state == "Established");
        Self {
            holds: up && verdicts.iter().all(|verdict| verdict.holds),
            sessions,
            peer_status: of_all(gateway, |g| gateway.peer_status(g)),
            learned_routes: of_all(gateway, |g| gateway.learned_routes(g)),
            refused_routes: gateway.table().borrow().refused().to_vec(),
            effective_routes: effective.collect(),
            verdicts,
        }
    }

    /// Whether every session is up and every expectation holds.
    pub const fn holds(&self) -> bool {
        self.holds
    }

    /// Whether another report has nothing new to tell; durations and counts of messages are nothing new.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let told = |r: &Self| (r.sessions.clone(), r.learned_routes.clone(), r.verdicts.clone());
        told(self) == told(other)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("no map in it has keys other than strings") + "\n"
    }
}

/// The rows of all gateways, one gateway after the other.
fn of_all<T>(gateway: &Mock, rows: impl Fn(usize) -> Listing<T>) -> Listing<T> {
    let gateways = 0..gateway.azure().gateways.len();
    Listing { value: gateways.flat_map(|gateway| rows(gateway).value).collect() }
}

fn session(peer: &quadzero_fsm::Peer) -> SessionRow {
    let status = peer.status();
    let status = status.borrow();
    SessionRow {
        neighbor: peer.config().name.clone(),
        remote_as: peer.config().remote_as.0,
        state: status.state.to_string(),
        prefixes_sent: status.prefixes_sent,
        prefixes_received: status.prefixes_received,
        last_down: status.last_down.as_ref().filter(|_| status.negotiated.is_none()).map(ToString::to_string),
    }
}

fn judge(expectation: &Expectation, gateway: &Mock) -> VerdictRow {
    let answer = gateway.verdict(&expectation.from, expectation.to);
    let outcome = answer.as_ref().is_some_and(|a| is(expectation.outcome, &a.verdict));
    let activation = answer.as_ref().and_then(|a| a.activation.as_ref());
    let kms = match expectation.kms {
        None => true,
        Some(Kms::Works) => matches!(activation, Some(Activation::Works(_))),
        Some(Kms::Fails) => matches!(activation, Some(Activation::Fails(_))),
        Some(Kms::Depends) => matches!(activation, Some(Activation::Depends(_))),
    };
    let activation = match expectation.kms {
        None => "",
        Some(Kms::Works) => ", activation works",
        Some(Kms::Fails) => ", activation fails",
        Some(Kms::Depends) => ", activation depends on what is beyond",
    };
    VerdictRow {
        from: expectation.from.clone(),
        answer,
        expected: format!("{}{activation}", word(expectation.outcome)),
        holds: outcome && kms,
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::OnPremises => "on-premises",
        Outcome::Internet => "internet",
        Outcome::Vnet => "vnet",
        Outcome::Appliance => "appliance",
        Outcome::Platform => "platform",
        Outcome::Dropped => "dropped",
    }
}

const fn is(outcome: Outcome, verdict: &Verdict) -> bool {
    match outcome {
        Outcome::OnPremises => matches!(verdict, Verdict::OnPremises { .. }),
        Outcome::Internet => matches!(verdict, Verdict::Internet | Verdict::ServiceEndpoint),
        Outcome::Vnet => matches!(verdict, Verdict::Vnet { .. }),
        Outcome::Appliance => matches!(verdict, Verdict::Appliance { .. }),
        Outcome::Platform => matches!(verdict, Verdict::Platform),
        Outcome::Dropped => matches!(verdict, Verdict::Dropped { .. }),
    }
}
