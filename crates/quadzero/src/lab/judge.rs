//! Whether an expectation holds at the moment, and what is there instead.

use super::Lab;
use crate::config::scenario::{By, Expectation, Expected, Outcome, Packet, SessionState};
use ipnet::IpNet;
use quadzero_azure::gateway::{LearnedOrigin, LearnedRoute};
use quadzero_azure::service::{Judgement, Service};
use quadzero_azure::verdict::{Answer, Beyond, Stop, Verdict};
use quadzero_fsm::State;
use serde::Serialize;
use std::time::Duration;

/// An expectation and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Judged {
    /// In the scenario's time.
    #[serde(skip)]
    pub(super) at: Duration,
    #[serde(rename = "at")]
    seconds: f64,
    /// A packet's question and answer.
    #[serde(flatten)]
    pub(super) packet: Option<Asked>,
    /// Of anything else, what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) about: Option<String>,
    pub(super) expected: String,
    pub(super) actual: String,
    pub(super) holds: bool,
}

/// A packet, and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    pub(super) from: String,
    #[serde(flatten)]
    pub(super) answer: Answer,
    /// The service that was asked for, or that is known at the address.
    pub(super) service: Option<Service>,
    /// And whether it works.
    pub(super) judgement: Option<Judgement>,
}

/// What is said of one expectation.
struct Said {
    packet: Option<Asked>,
    about: Option<String>,
    expected: String,
    actual: String,
    holds: bool,
}

impl Lab {
    /// How an expectation does now.
    pub(super) fn judge(&self, expectation: &Expectation) -> Judged {
        let said = match &expectation.what {
            Expected::Packet(packet) => self.of_packet(packet),
            Expected::Session { edge, neighbor, state } => self.of_session(*edge, *neighbor, *state),
            Expected::Learned { prefix, by, present } => self.of_learned(*prefix, *by, *present),
            Expected::Installed { prefix, edge, present } => self.of_installed(*prefix, *edge, *present),
            Expected::Refused { prefix, why } => {
                let tables = self.gateways.iter().map(|gateway| gateway.table().borrow().clone());
                let refused: Vec<_> = tables.flat_map(|table| table.refused().to_vec()).collect();
                let own = refused.iter().find(|refused| refused.prefix == *prefix);
                Said {
                    packet: None,
                    about: Some(format!("{prefix} at Azure")),
                    expected: format!("refused: {why}"),
                    actual: own.map_or("not refused".into(), |own| format!("refused: {}", own.why)),
                    holds: own.is_some_and(|own| own.why == *why),
                }
            }
        };
        let Said { packet, about, expected, actual, holds } = said;
        let at = expectation.at;
        Judged { at, seconds: at.as_secs_f64(), packet, about, expected, actual, holds }
    }

    /// Where a packet goes now.
    pub(super) fn ask(&self, packet: &Packet, beyond: &Beyond) -> Option<Asked> {
        let mut tables = self.gateways.iter().map(|gateway| gateway.table().borrow().clone());
        tables.find_map(|table| {
            let nic = table.nic(&packet.from)?.with(beyond);
            let service = packet.service.map(|(service, _)| service).or(Service::at(packet.to));
            Some(Asked {
                from: packet.from.clone(),
                answer: nic.ask(packet.to),
                judgement: service.map(|service| nic.service(service, packet.to)),
                service,
            })
        })
    }

    fn of_packet(&self, packet: &Packet) -> Said {
        let asked = self.ask(packet, &self.beyond());
        let Some(Asked { answer, judgement, .. }) = &asked else {
            return Said {
                about: Some(packet.from.clone()),
                expected: "a subnet".into(),
                actual: "there is none of this name".into(),
                packet: None,
                holds: false,
            };
        };
        let mut wanted = Vec::new();
        let mut holds = true;
        if let Some(outcome) = packet.outcome {
            wanted.push(word(outcome).to_owned());
            holds &= is(outcome, answer);
        }
        if let Some(source) = packet.source {
            wanted.push(format!("source {source}"));
            holds &= source == answer.source;
        }
        for name in &packet.via {
            wanted.push(format!("through {name}"));
            holds &= passes(answer, name);
        }
        for name in &packet.not_via {
            wanted.push(format!("not through {name}"));
            holds &= !passes(answer, name);
        }
        if let Some((service, works)) = packet.service {
            wanted.push(format!("{service} {}", works.word()));
            holds &= judgement.as_ref().is_some_and(|judgement| works.is(judgement));
        }
        let (expected, actual) = (wanted.join(", "), actual(&asked));
        Said { packet: asked, about: None, expected, actual, holds }
    }

    fn of_session(&self, edge: usize, neighbor: usize, expected: SessionState) -> Said {
        let running = &self.edges[edge];
        let name = &running.side.edge.neighbors[neighbor].peer.name;
        let (state, dropped) = match running.peers.get(neighbor) {
            Some(peer) => {
                let status = peer.status();
                let status = status.borrow();
                (status.state, status.counters.dropped)
            }
            None => (State::Idle, 0),
        };
        let holds = match expected {
            SessionState::Established => state == State::Established,
            SessionState::Stable => state == State::Established && dropped == 0,
            SessionState::Connecting => state != State::Established && dropped == 0,
            SessionState::Flaps => dropped > 0,
        };
        let lost = if dropped == 0 { String::new() } else { format!(", lost {dropped}x so far") };
        Said {
            packet: None,
            about: Some(format!("session {} to {name}", running.side.name)),
            expected: match expected {
                SessionState::Established => "established",
                SessionState::Stable => "stable",
                SessionState::Connecting => "connecting",
                SessionState::Flaps => "flaps",
            }
            .into(),
            actual: format!("{state}{lost}"),
            holds,
        }
    }

    fn of_installed(&self, prefix: IpNet, edge: usize, present: bool) -> Said {
        let there = self.installed(edge).into_iter().any(|own| IpNet::V4(own) == prefix);
        let words = |there| if there { "installed" } else { "not installed" };
        Said {
            packet: None,
            about: Some(format!("{prefix} at {}", self.edges[edge].side.name)),
            expected: words(present).into(),
            actual: words(there).into(),
            holds: there == present,
        }
    }

    fn of_learned(&self, prefix: IpNet, by: By, present: bool) -> Said {
        let has = |deployment: usize, gateway: usize| {
            let routes = self.gateways[deployment].learned_routes(gateway).value;
            routes.iter().any(|row: &LearnedRoute| {
                row.origin == LearnedOrigin::EBgp && IpNet::V4(row.network) == prefix
            })
        };
        let gateways = || {
            let all = self.gateways.iter().enumerate();
            all.flat_map(|(d, mock)| (0..mock.azure().gateways.len()).map(move |g| (d, g)))
        };
        let (who, there) = match by {
            By::Azure => ("Azure".to_owned(), gateways().any(|(d, g)| has(d, g))),
            By::Gateway(d, g) => (self.gateways[d].azure().gateways[g].name.clone(), has(d, g)),
            By::Edge(edge) => {
                let there = self.learned_by(edge).iter().any(|route| route.prefix == prefix);
                (self.edges[edge].side.name.clone(), there)
            }
        };
        let words = |there| if there { "learned" } else { "not learned" };
        Said {
            packet: None,
            about: Some(format!("{prefix} at {who}")),
            expected: words(present).into(),
            actual: words(there).into(),
            holds: there == present,
        }
    }
}

fn actual(asked: &Option<Asked>) -> String {
    let Some(Asked { answer, judgement, service, .. }) = asked else { return String::new() };
    let mut told = vec![answer.verdict.to_string(), format!("source {}", answer.source)];
    told.extend(answer.lost.clone());
    told.extend(service.zip(judgement.as_ref()).map(|(service, judgement)| format!("{service} {judgement}")));
    told.join(", ")
}

/// Whether a packet passes something of this name: a gateway, an instance, a connection, an edge, an appliance.
fn passes(answer: &Answer, name: &str) -> bool {
    answer.path.iter().any(|stop| match stop {
        Stop::Gateway { hops, .. } => hops
            .iter()
            .any(|hop| [&hop.gateway, &hop.instance, &hop.connection].into_iter().any(|n| n == name)),
        Stop::Appliance { address } => address.to_string() == name,
        Stop::Interface { subnet, .. } => subnet == name,
        Stop::Site { name: site, .. } => site == name,
    })
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::OnPremises => "on-premises",
        Outcome::Blackholed => "blackholed",
        Outcome::Internet => "internet",
        Outcome::Vnet => "vnet",
        Outcome::Appliance => "appliance",
        Outcome::Platform => "platform",
        Outcome::Dropped => "dropped",
    }
}

fn is(outcome: Outcome, answer: &Answer) -> bool {
    let verdict = &answer.verdict;
    match outcome {
        Outcome::OnPremises => matches!(verdict, Verdict::OnPremises { .. }),
        Outcome::Blackholed => matches!(verdict, Verdict::OnPremises { .. }) && answer.lost.is_some(),
        Outcome::Internet => matches!(verdict, Verdict::Internet | Verdict::ServiceEndpoint),
        Outcome::Vnet => matches!(verdict, Verdict::Vnet { .. }),
        Outcome::Appliance => matches!(verdict, Verdict::Appliance { .. }),
        Outcome::Platform => matches!(verdict, Verdict::Platform),
        Outcome::Dropped => matches!(verdict, Verdict::Dropped { .. }),
    }
}
