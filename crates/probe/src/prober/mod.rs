//! All probes of a program, and what they say.

use crate::Origin;
use crate::check::Check;
use crate::keeper::Keeper;
use crate::kernel::{self, Wanted};
use crate::machine::{Outcome, Parameters, State};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A probe as it is to be started.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    /// What it is called.
    pub(crate) name: Arc<str>,
    /// What it looks at.
    pub(crate) kind: Kind,
    /// Where it leaves from.
    pub(crate) origin: Origin,
    /// How soon it believes what it sees.
    pub(crate) parameters: Parameters,
    /// While this file is there, it is down.
    pub(crate) disable: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Check(Check),
    Level(Level),
    /// Its first looks, so many, end by a panic; then it passes.
    #[cfg(test)]
    Broken(Arc<std::sync::atomic::AtomicU32>),
}

/// What something says of itself; `None` until it does.
pub type Level = watch::Receiver<Option<Outcome>>;

/// What a probe has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it is.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// Why.
    pub because: Arc<str>,
    /// It does not rise before then.
    pub held_until: Instant,
    /// Falls since the last Up that lasted.
    pub flaps: u32,
}

/// The reports of all probes, by name.
pub type Reports = BTreeMap<Arc<str>, Report>;

/// Probes at work. Dropping it ends them; those who listen hear that each is down.
pub struct Prober {
    reports: watch::Sender<Reports>,
    /// What those before it have found out.
    before: Reports,
    tasks: JoinSet<()>,
    wanted: Vec<(Wanted, watch::Sender<Option<Outcome>>)>,
}

impl Default for Prober {
    fn default() -> Self {
        Self::after(Reports::new())
    }
}

impl Prober {
    /// One whose probes go on from what others of the same name have found out: what has changed is how one looks, and not what
    /// there is to be seen.
    pub fn after(before: Reports) -> Self {
        let reports = watch::channel(Reports::new()).0;
        Self { reports, before, tasks: JoinSet::new(), wanted: Vec::new() }
    }

    /// Adds a probe that asks.
    pub fn ask(
        &mut self,
        name: Arc<str>,
        check: Check,
        origin: Origin,
        parameters: Parameters,
        disable: Option<PathBuf>,
    ) {
        self.keep(Probe { name, kind: Kind::Check(check), origin, parameters, disable });
    }

    /// Adds a probe of something that says itself how it is. Whoever has the other end and lets go of it has failed.
    pub fn listen(&mut self, name: Arc<str>, level: Level, parameters: Parameters, disable: Option<PathBuf>) {
        let origin = Origin::default();
        self.keep(Probe { name, kind: Kind::Level(level), origin, parameters, disable });
    }

    /// Adds a probe of what the kernel has.
    pub fn ask_kernel(
        &mut self,
        name: Arc<str>,
        wanted: Wanted,
        parameters: Parameters,
        disable: Option<PathBuf>,
    ) {
        let (answer, level) = watch::channel(None);
        self.wanted.push((wanted, answer));
        self.listen(name, level, parameters, disable);
    }

    fn keep(&mut self, probe: Probe) {
        let before = self.before.get(&probe.name);
        let keeper = Keeper::new(probe, before, self.reports.clone());
        self.tasks.spawn(async move { match keeper.run().await {} });
    }

    /// Begins to ask the kernel, for all that have been added.
    pub fn start(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        if !wanted.is_empty() {
            self.tasks.spawn(kernel::watch_over(wanted));
        }
    }

    /// What they say, from now on; and what they say now is news to whoever listens.
    pub fn reports(&self) -> watch::Receiver<Reports> {
        let mut reports = self.reports.subscribe();
        reports.mark_changed();
        reports
    }
}

#[cfg(test)]
mod tests;
