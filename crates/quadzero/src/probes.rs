//! The probes of an edge, and what follows from them: their reports become the [`Health`] that the routes are planned for.
//!
//! ```text
//!   quadzero_probe::Prober --reports--> Probes --Health--> Router::follow --plan--> watch<Arc<RouteSet>> of each session
//!   sessions, BFD ---levels----^
//! ```
//!
//! Every arrow is a level. Whatever happens while somebody is busy, the next look is at how things are then.

use crate::config::edge::{Edge, Subject};
use crate::router::Router;
use ipnet::IpNet;
use quadzero_fsm::{Peer, State};
use quadzero_policy::{Condition, Health, Probe, Verdict};
use quadzero_probe::{Level, Outcome, Prober, Reports};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::info;

/// Probes at work. Dropping it ends them.
pub struct Probes {
    _prober: Prober,
    reports: watch::Receiver<Reports>,
    /// Tell how sessions are.
    _followers: JoinSet<()>,
    /// Each condition of the policy, as it was last.
    conditions: Vec<(Condition, Verdict)>,
}

impl Probes {
    /// Starts those of the edge, which look at the sessions of its router as well.
    pub fn start(edge: &Edge, router: &Router) -> Self {
        let (mut prober, mut followers) = (Prober::default(), JoinSet::new());
        for probe in &edge.probes {
            let (name, parameters, disable) =
                (probe.name.clone(), probe.parameters.clone(), probe.disable.clone());
            match &probe.subject {
                Subject::Check(check, origin) => {
                    prober.ask(name, check.clone(), origin.clone(), parameters, disable);
                }
                Subject::Kernel(wanted) => prober.ask_kernel(name, wanted.clone(), parameters, disable),
                Subject::Session(neighbor, learned) => {
                    let level = session(router, neighbor, *learned, &mut followers);
                    prober.listen(name, level, parameters, disable);
                }
                Subject::Bfd(neighbor) => {
                    let level = router.bfd(neighbor).expect("checked: a neighbor with BFD");
                    prober.listen(name, level, parameters, disable);
                }
            }
        }
        prober.start();
        Self { _followers: followers, ..Self::with(prober, edge) }
    }

    /// The same with probes that were started already, by whoever knows what they look at.
    pub fn with(prober: Prober, edge: &Edge) -> Self {
        let mut conditions: Vec<(Condition, Verdict)> = Vec::new();
        for condition in edge.policy.conditions().filter(|condition| **condition != Condition::Always) {
            if conditions.iter().all(|(known, _)| known != condition) {
                conditions.push((condition.clone(), Verdict::Unknown));
            }
        }
        Self { reports: prober.reports(), _prober: prober, _followers: JoinSet::new(), conditions }
    }

    /// Waits until a probe has changed; how all of them are then.
    pub async fn changed(&mut self) -> Health {
        if self.reports.changed().await.is_err() {
            // Its sender is our own.
            std::future::pending::<()>().await;
        }
        health(&self.reports.borrow_and_update())
    }

    /// Says which conditions have changed, and that so many sessions were told so. This comes after the telling, which is in a hurry.
    pub fn acted_upon(&mut self, sessions: usize) {
        let health = health(&self.reports.borrow());
        for (condition, known) in &mut self.conditions {
            let verdict = condition.verdict(&health);
            if verdict != std::mem::replace(known, verdict) {
                let (holds, reason) = (verdict == Verdict::Holds, condition.because(&health));
                info!(%condition, holds, %reason, sessions, "condition changed");
            }
        }
    }
}

fn health(reports: &Reports) -> Health {
    let mut health = Health::unknown();
    for (name, report) in reports {
        let state = match report.state {
            quadzero_probe::State::Unknown => quadzero_policy::State::Unknown,
            quadzero_probe::State::Up => quadzero_policy::State::Up,
            quadzero_probe::State::Down => quadzero_policy::State::Down,
        };
        let (since, because) = (Some(report.since), report.because.clone());
        health.set(name.clone(), Probe { state, since, because });
    }
    health
}

fn session(router: &Router, neighbor: &str, learned: Option<IpNet>, followers: &mut JoinSet<()>) -> Level {
    let peer = router.peers().iter().find(|peer| peer.config().name == neighbor);
    let peer = peer.expect("checked: a neighbor with an address").clone();
    let (answer, level) = watch::channel(None);
    followers.spawn(follow(peer, learned, answer));
    level
}

async fn follow(peer: Peer, learned: Option<IpNet>, answer: watch::Sender<Option<Outcome>>) {
    let mut status = peer.status();
    loop {
        let state = status.borrow_and_update().state;
        let name = &peer.config().name;
        let is_missing = |prefix: &IpNet| peer.learned().get(prefix).is_none();
        let outcome = if state != State::Established {
            Outcome::failed(format_args!("the session with {name} is not Established"))
        } else if let Some(prefix) = learned.filter(is_missing) {
            Outcome::failed(format_args!("{name} does not announce {prefix}"))
        } else {
            Outcome::Passed
        };
        say(&answer, outcome);
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Wakes nobody for what is known.
pub(crate) fn say(answer: &watch::Sender<Option<Outcome>>, outcome: Outcome) {
    answer.send_if_modified(|known| {
        let is_news = known.as_ref() != Some(&outcome);
        *known = Some(outcome);
        is_news
    });
}
