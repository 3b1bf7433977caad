//! The probes of an edge, and what follows from them: their reports become the [`Health`] that the routes are planned for.
//!
//! ```text
//!   quadzero_probe::Prober --reports--> Probes --Health--> Intent::plan --> watch<Arc<RouteSet>> of each session
//!   sessions, BFD ---levels----^
//! ```
//!
//! Every arrow is a level. Whatever happens while somebody is busy, the next look is at how things are then.

use crate::config::edge::{Edge, Subject};
use crate::router::Router;
use ipnet::IpNet;
use quadzero_fsm::{Peer, State};
use quadzero_policy::{Condition, Health, Policy, Probe, Verdict};
use quadzero_probe::{Level, Outcome, Prober, Report, Reports};
use std::collections::HashMap;
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Probes at work. Dropping it ends them.
pub struct Probes {
    _prober: Prober,
    reports: watch::Receiver<Reports>,
    /// Tell how sessions are.
    _followers: JoinSet<()>,
    /// What nobody has looked at yet is unknown since then.
    started: Instant,
    /// Each condition, as it was last, and since when.
    conditions: HashMap<Condition, (Verdict, Instant)>,
}

/// A condition that was otherwise before.
pub struct Turn {
    /// The condition.
    pub condition: Condition,
    /// Whether it holds now.
    pub verdict: Verdict,
    /// The probes that make it so.
    pub because: String,
}

impl Probes {
    /// Starts those of the edge, which look at the sessions of its router as well.
    pub fn start(edge: &Edge, router: &Router) -> Self {
        Self::begin(edge, router, Reports::new(), HashMap::new())
    }

    /// Those of another configuration: a probe of the same name goes on from what this one's has found out, so that a reload makes
    /// nothing unknown that was known.
    pub fn restart(&mut self, edge: &Edge, router: &Router) {
        let conditions = std::mem::take(&mut self.conditions);
        *self = Self::begin(edge, router, self.reports(), conditions);
    }

    fn begin(
        edge: &Edge,
        router: &Router,
        before: Reports,
        conditions: HashMap<Condition, (Verdict, Instant)>,
    ) -> Self {
        let (mut prober, mut followers) = (Prober::after(before), JoinSet::new());
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
                    let level = router.named(neighbor).and_then(|member| router.bfd(member));
                    prober.listen(name, level.unwrap_or_else(gone), parameters, disable);
                }
            }
        }
        prober.start();
        Self { _followers: followers, conditions, ..Self::with(prober) }
    }

    /// The same with probes that were started already, by whoever knows what they look at.
    pub fn with(prober: Prober) -> Self {
        let (followers, conditions) = (JoinSet::new(), HashMap::new());
        let (reports, started) = (prober.reports(), Instant::now());
        Self { reports, _prober: prober, _followers: followers, started, conditions }
    }

    /// Since when a condition is as it is.
    pub(crate) fn since(&self, condition: &Condition) -> Instant {
        self.conditions.get(condition).map_or(self.started, |(_, since)| *since)
    }

    /// What they say now.
    pub fn reports(&self) -> Reports {
        self.reports.borrow().clone()
    }

    /// Waits until a probe has changed; how all of them are then.
    pub async fn changed(&mut self) -> Health {
        if self.reports.changed().await.is_err() {
            // Its sender is our own.
            std::future::pending::<()>().await;
        }
        health(&self.reports.borrow_and_update())
    }

    /// How the probes of an edge will be at first, if this one's are asked: what it does not have is taken for what it is to be at
    /// first.
    pub fn foresee(&self, edge: &Edge) -> Health {
        foresee(edge, &self.reports.borrow())
    }

    /// The conditions of this policy that are otherwise than at the last time. This is for telling, and comes after the acting, which
    /// is in a hurry.
    pub fn turns(&mut self, policy: &Policy, health: &Health) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut known = std::mem::take(&mut self.conditions);
        for condition in policy.conditions() {
            let verdict = condition.verdict(health);
            let before = known.remove(condition).or_else(|| self.conditions.get(condition).copied());
            let (was, since) = before.unwrap_or((Verdict::Unknown, self.started));
            let turns_now = was != verdict;
            if turns_now {
                let because = condition.because(health);
                turns.push(Turn { condition: condition.clone(), verdict, because });
            }
            let since = if turns_now { Instant::now() } else { since };
            self.conditions.insert(condition.clone(), (verdict, since));
        }
        turns
    }
}

/// How the probes of an edge are at first, after others have found this out.
pub fn foresee(edge: &Edge, reports: &Reports) -> Health {
    let mut health = health(reports);
    for probe in &edge.probes {
        if !reports.contains_key(&probe.name) && probe.parameters.starts_up {
            let state = quadzero_policy::State::Up;
            let because = "taken for up until it is seen to be down".into();
            health.set(probe.name.clone(), Probe { state, since: None, because });
        }
    }
    health
}

fn health(reports: &Reports) -> Health {
    let mut health = Health::unknown();
    for (name, Report { state, since, because, .. }) in reports {
        let state = match state {
            quadzero_probe::State::Unknown => quadzero_policy::State::Unknown,
            quadzero_probe::State::Up => quadzero_policy::State::Up,
            quadzero_probe::State::Down => quadzero_policy::State::Down,
        };
        health.set(name.clone(), Probe { state, since: Some(*since), because: because.clone() });
    }
    health
}

fn session(router: &Router, neighbor: &str, learned: Option<IpNet>, followers: &mut JoinSet<()>) -> Level {
    let Some(peer) = router.named(neighbor).and_then(|member| member.peer.clone()) else { return gone() };
    let (answer, level) = watch::channel(None);
    followers.spawn(follow(peer, learned, answer));
    level
}

/// Of a neighbor that the system would not have added by a reload, which the log says: a probe of it is down.
fn gone() -> Level {
    watch::channel(None).1
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
