//! The two tasks of a probe: one that looks, and one that judges.
//!
//! ```text
//!   runner: look, with a limit --- outcome ---> keeper: Machine --- report ---> watch
//!                    <-------- when to look again -----+    ^
//!                                                           +--- TTL
//! ```
//!
//! They are two so that the one who judges never waits for the one who looks. A runner that is gone, by a panic, is started again
//! after the interval; until it has said something, the TTL runs.

use crate::blocking::Blocking;
use crate::check::Looker;
use crate::machine::{Change, Machine, Outcome, State};
use crate::prober::{Kind, Level, Probe, Report, Reports};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tracing::{error, info};

/// What a look has shown, and where it is answered how long to wait for the next.
type Said = (Outcome, oneshot::Sender<Duration>);

/// Judges a probe for as long as it lives.
pub(crate) struct Keeper {
    probe: Probe,
    machine: Machine,
    voice: Voice,
}

impl Keeper {
    pub(crate) fn new(probe: Probe, before: Option<&Report>, reports: watch::Sender<Reports>) -> Self {
        let mut machine = Machine::new(Instant::now(), probe.parameters.clone());
        if let Some(before) = before {
            machine.resume(before);
        }
        let mut voice = Voice { name: probe.name.clone(), reports };
        voice.say(&machine);
        Self { probe, machine, voice }
    }

    pub(crate) async fn run(mut self) -> Infallible {
        loop {
            // Aborted when it is dropped.
            let mut runner = JoinSet::new();
            let (said, mut outcomes) = mpsc::channel(1);
            runner.spawn(Runner::new(&self.probe).run(said));
            while let Some((outcome, next)) = self.wait_for(outcomes.recv()).await {
                let now = Instant::now();
                let change = self.machine.hear(now, outcome);
                self.tell(change);
                // If it is gone, the next round knows.
                let _ = next.send(self.machine.pace(now));
            }
            error!(probe = %self.probe.name, "the task that looks has ended, and is started again");
            self.wait_for(tokio::time::sleep(self.probe.parameters.interval)).await;
        }
    }

    /// Waits, while the TTL runs.
    async fn wait_for<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = std::pin::pin!(what);
        loop {
            let deadline = self.machine.deadline();
            tokio::select! {
                biased;
                done = &mut what => return done,
                () = until(deadline) => {
                    let change = self.machine.expire(Instant::now());
                    self.tell(change);
                }
            }
        }
    }

    /// First to those who act on it.
    fn tell(&mut self, change: Option<Change>) {
        let Some(Change { from, to, because }) = change else { return };
        self.voice.say(&self.machine);
        info!(probe = %self.probe.name, %from, %to, reason = %because, "probe changed");
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Where a probe's report goes. When the task that has it is gone, however that came, the probe is down: nobody judges it any more.
struct Voice {
    name: Arc<str>,
    reports: watch::Sender<Reports>,
}

impl Voice {
    fn say(&mut self, machine: &Machine) {
        self.put(machine.report());
    }

    fn put(&self, report: Report) {
        self.reports.send_modify(|reports| drop(reports.insert(self.name.clone(), report)));
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        let (because, now) = ("the task that judges it has ended".into(), Instant::now());
        self.put(Report { state: State::Down, since: now, because, held_until: now, flaps: 0 });
    }
}

/// Looks, and waits as long as it is told to.
struct Runner {
    subject: Subject,
    limit: Duration,
    disable: Option<PathBuf>,
    at_disable: Blocking<bool>,
}

enum Subject {
    Look(Looker),
    Level(Level),
    #[cfg(test)]
    Broken(Arc<std::sync::atomic::AtomicU32>),
}

impl Runner {
    fn new(probe: &Probe) -> Self {
        let subject = match &probe.kind {
            Kind::Check(check) => Subject::Look(Looker::new(check.clone(), probe.origin.clone())),
            Kind::Level(level) => Subject::Level(level.clone()),
            #[cfg(test)]
            Kind::Broken(looks) => Subject::Broken(looks.clone()),
        };
        let (limit, disable) = (probe.parameters.timeout, probe.disable.clone());
        Self { subject, limit, disable, at_disable: Blocking::default() }
    }

    /// Until the keeper is gone.
    async fn run(mut self, said: mpsc::Sender<Said>) {
        loop {
            let begin = Instant::now();
            let (next, pace) = oneshot::channel();
            let outcome = self.look().await;
            if said.send((outcome, next)).await.is_err() {
                return;
            }
            let Ok(pace) = pace.await else { return };
            tokio::select! {
                () = sleep_until((begin + pace).into()) => {}
                () = self.subject.news() => {}
            }
        }
    }

    async fn look(&mut self) -> Outcome {
        let looked = timeout(self.limit, async {
            match self.disabled().await {
                Some(disabled) => disabled,
                None => self.subject.look().await,
            }
        });
        looked.await.unwrap_or_else(|_| Outcome::failed(format_args!("no answer within {:?}", self.limit)))
    }

    async fn disabled(&mut self) -> Option<Outcome> {
        let path = self.disable.clone()?;
        let words = format!("disabled by {}", path.display());
        let is_there = self.at_disable.call(move || path.exists()).await;
        is_there.then(|| Outcome::Disabled(words.into()))
    }
}

impl Subject {
    async fn look(&mut self) -> Outcome {
        match self {
            Self::Look(looker) => looker.look().await,
            #[cfg(test)]
            Self::Broken(looks) => {
                use std::sync::atomic::Ordering::Relaxed;
                let left = looks.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
                assert!(left.is_err(), "broken");
                Outcome::Passed
            }
            Self::Level(level) => {
                let is_there = level.has_changed().is_ok();
                let said = level.wait_for(Option::is_some).await.ok().and_then(|said| said.clone());
                let said = said.filter(|_| is_there);
                said.unwrap_or_else(|| Outcome::failed("what it listens to has gone away"))
            }
        }
    }

    /// Returns when it knows something new by itself.
    async fn news(&mut self) {
        match self {
            Self::Look(_) => std::future::pending().await,
            #[cfg(test)]
            Self::Broken(_) => std::future::pending().await,
            Self::Level(level) => {
                if level.changed().await.is_err() {
                    std::future::pending().await
                }
            }
        }
    }
}
