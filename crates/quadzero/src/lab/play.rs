//! What happens in a scenario, in its order, and what is expected at which moment.

use super::timeline::Timeline;
use super::{Lab, LabError, PATIENCE};
use crate::config::scenario::{Event, Expectation, Expected, What};
use quadzero_azure::verdict::Exit;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

impl Lab {
    /// Waits until everything has been said and heard, and starts the clock.
    pub(super) async fn settle(&mut self) {
        let mut timeline = std::mem::take(&mut self.timeline);
        let _what_is_missing_shows = self.watching(&mut timeline, timeout(PATIENCE, self.settled())).await;
        timeline.begin(self);
        self.down_at_start = self.down();
        self.timeline = timeline;
    }

    /// Lets everything happen, and judges everything in its time.
    pub(super) async fn play(&mut self) -> Result<(), LabError> {
        let mut timeline = std::mem::take(&mut self.timeline);
        let events = self.scenario.events.iter().map(|event| event.at);
        let expectations = self.scenario.expectations.iter().map(|expectation| expectation.at);
        let moments: BTreeSet<Duration> = events.chain(expectations).collect();
        for at in moments {
            let moment = timeline.moment(at);
            self.watching(&mut timeline, sleep_until(moment)).await;
            for event in self.scenario.events.clone().into_iter().filter(|event| event.at == at) {
                self.happen(event, &mut timeline).await?;
            }
            self.judge_at(at, &mut timeline).await;
        }
        timeline.observe(self);
        timeline.end();
        self.timeline = timeline;
        Ok(())
    }

    /// Writes down what changes while something is under way.
    async fn watching<T>(&self, timeline: &mut Timeline, under_way: impl Future<Output = T>) -> T {
        let mut under_way = pin!(under_way);
        loop {
            let done = tokio::select! {
                biased;
                done = &mut under_way => Some(done),
                () = timeline.news() => None,
            };
            timeline.observe(self);
            if let Some(done) = done {
                return done;
            }
        }
    }

    async fn happen(&mut self, Event { what, .. }: Event, timeline: &mut Timeline) -> Result<(), LabError> {
        timeline.tell(format!("--- {}", self.words(what)));
        match what {
            What::Stop(edge) => {
                if let Some(router) = self.edges[edge].take() {
                    self.watching(timeline, router.stop("the edge is stopped")).await;
                }
                self.edges[edge].kill();
            }
            What::Kill(edge) => self.edges[edge].kill(),
            What::Start(edge) => {
                self.edges[edge].start_again(&mut self.loopback).await?;
                self.edges[edge].peers.iter().for_each(|peer| timeline.watch(peer.status()));
            }
            What::Isolate(edge) => self.edges[edge].cut(true),
            What::Reconnect(edge) => self.edges[edge].cut(false),
            What::Withdraw(edge) => self.edges[edge].withdraw(),
            What::Announce(edge) => self.edges[edge].announce(),
            What::InternetDown(edge) => self.edges[edge].internet = Exit::Closed,
            What::InternetUp(edge) => self.edges[edge].internet = self.edges[edge].side.internet,
            What::Outage { deployment, gateway, instance, cause } => {
                self.gateways[deployment].outage(gateway, instance, cause);
            }
            What::AskAgain(deployment) => self.gateways[deployment].ask_again(),
        }
        timeline.observe(self);
        Ok(())
    }

    fn words(&self, what: What) -> String {
        let name = |edge: usize| &self.edges[edge].side.name;
        match what {
            What::Stop(edge) => format!("{} is stopped", name(edge)),
            What::Kill(edge) => format!("{} dies", name(edge)),
            What::Start(edge) => format!("{} is started", name(edge)),
            What::Isolate(edge) => format!("the line of {} is cut", name(edge)),
            What::Reconnect(edge) => format!("the line of {} is mended", name(edge)),
            What::Withdraw(edge) => format!("{} withdraws everything", name(edge)),
            What::Announce(edge) => format!("{} announces everything", name(edge)),
            What::InternetDown(edge) => format!("the Internet of {} is down", name(edge)),
            What::InternetUp(edge) => format!("the Internet of {} is up", name(edge)),
            What::Outage { deployment, gateway, instance, cause } => {
                let azure = self.gateways[deployment].azure();
                let gateway = &azure.gateways[gateway];
                format!(
                    "instance {} of {} goes away ({cause:?})",
                    gateway.instances[instance].name, gateway.name
                )
            }
            What::AskAgain(_) => "Azure asks its peers for all routes again".into(),
        }
    }

    /// What is expected of a moment has some time to come about, where something has happened or has to: a wall clock that is
    /// late must not be a failure. It has none where everything has been said already.
    async fn judge_at(&mut self, at: Duration, timeline: &mut Timeline) {
        let due: Vec<Expectation> =
            self.scenario.expectations.iter().filter(|e| e.at == at).cloned().collect();
        let waits = at > Duration::ZERO || due.iter().any(|e| matches!(e.what, Expected::Session { .. }));
        let last = Instant::now() + if waits { PATIENCE } else { Duration::ZERO };
        loop {
            timeline.observe(self);
            let judged: Vec<_> = due.iter().map(|expectation| self.judge(expectation)).collect();
            if judged.iter().all(|judged| judged.holds) || Instant::now() >= last {
                self.judged.extend(judged);
                return;
            }
            let _it_is_late = tokio::time::timeout_at(last, timeline.news()).await;
        }
    }

    /// What was expected of the last moment, as it is now.
    pub(super) fn judge_again(&mut self) {
        let Some(last) = self.judged.last().map(|judged| judged.at) else { return };
        self.judged.retain(|judged| judged.at < last);
        let now: Vec<_> = self.scenario.expectations.iter().filter(|e| e.at == last).collect();
        let now: Vec<_> = now.into_iter().map(|expectation| self.judge(expectation)).collect();
        self.judged.extend(now);
    }
}
