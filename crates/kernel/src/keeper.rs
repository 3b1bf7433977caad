//! The task: looks, has the kernel do what is missing, and waits for news of either side.
//!
//! ```text
//!   read ──► held ──► add, change ──► read ──► learned, judged by what is there ──► add, change, remove
//!     ▲                                                                                    │
//!     └──── routes, links or addresses changed, a neighbor has said something, a retry ◄───┘
//! ```
//!
//! Held routes come first, and go last: a learned route that covers a protected address is put only where the kernel already has
//! the longer one.

use crate::netlink::{self, Failed, GROUPS};
use crate::report::{Report, Shown};
use crate::route::{Input, Place, Settings, Way};
use crate::steps::{Step, steps};
use crate::view::View;
use crate::want::{Purpose, Refusal, Wanted, held, learned, may_stay};
use ipnet::IpNet;
use quadzero_netlink::Socket;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until};
use tracing::{error, info, warn};

/// So many times longer than a look is the rest after it, where something changes all the time; but no longer than this.
const REST: u32 = 4;
const LONGEST_REST: Duration = Duration::from_secs(2);
/// What failed is tried again after this, and then later and later.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Lines that one look may log of a kind; `quadzero show kernel` has the rest.
const LINES: usize = 10;

/// Keeps the kernel's routes. Dropping it leaves them as they are; [`Keeper::stop`] takes them away.
pub struct Keeper {
    leave: oneshot::Sender<bool>,
    report: watch::Receiver<Arc<Report>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Begins, as a task on the runtime that it is used in, to make the kernel's routes those of the input.
    pub fn start(input: watch::Receiver<Arc<Input>>) -> Self {
        let until = Instant::now() + input.borrow().settings.settle;
        let first = Arc::new(Report { settling: Some(until), ..Report::default() });
        let ((leave, left), (told, report)) = (oneshot::channel(), watch::channel(first));
        let task = Task {
            input,
            report: told,
            settling: Some(until),
            left: None,
            pause: SHORTEST_PAUSE,
            refused: HashSet::new(),
            failed: HashSet::new(),
        };
        Self { leave, report, task: tokio::spawn(task.run(left)) }
    }

    /// What the last look has shown.
    pub fn report(&self) -> Arc<Report> {
        self.report.borrow().clone()
    }

    /// Takes every route of ours away, or leaves all of them; returns when that is done.
    pub async fn stop(self, keep: bool) {
        let _it_may_have_ended = self.leave.send(keep);
        let _it_may_have_panicked = self.task.await;
    }
}

/// Puts the held routes there, as far as that is possible now: before anybody dials, whose packets would else go another way.
///
/// # Errors
/// The kernel does not answer; what it refuses is for a [`Keeper`] to tell, which tries again.
pub async fn hold(input: &Input) -> io::Result<()> {
    let Settings { table, protocol, .. } = input.settings;
    let view = netlink::read(table, protocol).await?;
    let _a_keeper_tells = netlink::apply(&missing(&view, &held(input, &view).0), protocol).await?;
    Ok(())
}

/// The steps to the held routes, none of which takes anything away.
fn missing(view: &View, held: &BTreeMap<Place, Wanted>) -> Vec<Step> {
    let mut steps = steps(&view.ours, ways(held));
    steps.retain(|step| !matches!(step, Step::Remove(_)));
    steps
}

struct Task {
    input: watch::Receiver<Arc<Input>>,
    report: watch::Sender<Arc<Report>>,
    /// Until when routes may stay that an earlier process has left.
    settling: Option<Instant>,
    /// Those, until somebody announces them: from then on they are like any other.
    left: Option<BTreeSet<Place>>,
    /// Until what failed is tried again.
    pause: Duration,
    /// What was logged, and holds still.
    refused: HashSet<(IpNet, String)>,
    failed: HashSet<(Place, String)>,
}

impl Task {
    async fn run(mut self, left: oneshot::Receiver<bool>) {
        tokio::select! {
            () = self.keep() => {}
            keep = left => match keep {
                Ok(false) => self.remove_all().await,
                Ok(true) => info!("the kernel keeps its routes of ours"),
                Err(_dropped) => {}
            },
        }
    }

    /// Never ends.
    async fn keep(&mut self) {
        loop {
            if let Err(error) = self.watch().await {
                let (before, why) = (self.report.borrow().clone(), Some(error.to_string()));
                if before.error != why {
                    error!(%error, "cannot read or write the kernel's routes");
                    self.report.send_replace(Arc::new(Report { error: why, ..(*before).clone() }));
                }
                sleep(SHORTEST_PAUSE).await;
            }
        }
    }

    /// Ends with an error.
    async fn watch(&mut self) -> io::Result<()> {
        // Before the first look, so that nothing is missed between the two.
        let news = Socket::listen(&GROUPS)?;
        loop {
            let begin = Instant::now();
            let is_whole = self.look().await?;
            self.pause = if is_whole { SHORTEST_PAUSE } else { (2 * self.pause).min(LONGEST_PAUSE) };
            sleep((begin.elapsed() * REST).min(LONGEST_REST)).await;
            let settled = self.settling.unwrap_or_else(|| Instant::now() + LONGEST_PAUSE);
            tokio::select! {
                changed = news.changed() => changed?,
                () = changed(&mut self.input) => {}
                () = sleep(self.pause), if !is_whole => {}
                () = sleep_until(settled.into()), if self.settling.is_some() => {}
            }
        }
    }

    /// Looks, and has the kernel do what is missing; whether all of it was done.
    async fn look(&mut self) -> io::Result<bool> {
        let input = self.input.borrow_and_update().clone();
        let (table, protocol) = (input.settings.table, input.settings.protocol);
        let mut view = netlink::read(table, protocol).await?;
        let (held, mut refused) = held(&input, &view);
        let missing = missing(&view, &held);
        let mut failed = netlink::apply(&missing, protocol).await?;
        if !missing.is_empty() {
            view = netlink::read(table, protocol).await?;
        }
        let (mut wanted, not_learned) = learned(&input, &held, &view);
        refused.extend(not_learned);
        wanted.extend(held.iter().map(|(place, route)| (*place, route.clone())));
        for (place, way) in self.left(&input, &wanted, &view) {
            if may_stay(place, way, &input, &held, &view) {
                wanted.insert(*place, Wanted { way: way.clone(), purpose: Purpose::Left });
            }
        }
        let mut todo = steps(&view.ours, ways(&wanted));
        todo.retain(|step| !failed.iter().any(|(place, _)| place == step.place()));
        failed.extend(netlink::apply(&todo, protocol).await?);
        self.tell(&missing, &todo, &failed);
        self.tell_refused(&refused);
        let is_whole = failed.is_empty();
        self.report.send_replace(Arc::new(self.shown(&view, &wanted, &failed, refused)));
        Ok(is_whole)
    }

    /// What an earlier process has left, and nobody has announced yet, as long as it is too early to say that nobody will.
    fn left<'a>(
        &mut self,
        input: &Input,
        wanted: &BTreeMap<Place, Wanted>,
        view: &'a View,
    ) -> Vec<(&'a Place, &'a Way)> {
        // At the first look, all that is there has been left.
        let left = self.left.get_or_insert_with(|| view.ours.keys().copied().collect());
        let all_have_spoken = input.neighbors.iter().all(|neighbor| neighbor.settled);
        if all_have_spoken || self.settling.is_none_or(|until| until <= Instant::now()) {
            self.settling = None;
            left.clear();
        }
        left.retain(|place| !wanted.contains_key(place));
        view.ours.iter().filter(|(place, _)| left.contains(place)).collect()
    }

    async fn remove_all(&mut self) {
        let settings = self.input.borrow().settings.clone();
        let removed = async {
            let view = netlink::read(settings.table, settings.protocol).await?;
            let all = steps(&view.ours, []);
            io::Result::Ok((all.len(), netlink::apply(&all, settings.protocol).await?))
        };
        match removed.await {
            Ok((routes, failed)) if failed.is_empty() => {
                info!(routes, "the kernel has no route of ours any more")
            }
            Ok((_, failed)) => {
                let (place, why) = &failed[0];
                error!(prefix = %place.prefix, %why, more = failed.len() - 1, "a route stays in the kernel");
            }
            Err(error) => error!(%error, "routes stay in the kernel"),
        }
    }

    fn tell(&mut self, held: &[Step], learned: &[Step], failed: &[(Place, Failed)]) {
        let count = |kind: fn(&Step) -> bool| {
            let done = held.iter().chain(learned).filter(|step| kind(step));
            done.filter(|step| !failed.iter().any(|(place, _)| place == step.place())).count()
        };
        let added = count(|step| matches!(step, Step::Add(..)));
        let changed = count(|step| matches!(step, Step::Change(..)));
        let removed = count(|step| matches!(step, Step::Remove(_)));
        if added + changed + removed > 0 {
            info!(added, changed, removed, "routes of the kernel");
        }
        let now: HashSet<_> = failed.iter().map(|(place, why)| (*place, why.to_string())).collect();
        let fresh: Vec<_> =
            failed.iter().filter(|(place, why)| !self.failed.contains(&(*place, why.to_string()))).collect();
        for (Place { table, prefix, .. }, why) in fresh.iter().take(LINES) {
            error!(%prefix, table, "the kernel does not take a route: {why}");
        }
        if let Some(more) = fresh.len().checked_sub(LINES).filter(|more| *more > 0) {
            error!(more, "the kernel does not take further routes: quadzero show kernel");
        }
        self.failed = now;
    }

    /// Each refusal once, for as long as it holds.
    fn tell_refused(&mut self, refused: &[Refusal]) {
        let key = |refusal: &Refusal| (refusal.prefix, refusal.why.to_string());
        let news = refused.iter().filter(|refusal| refusal.why.is_news());
        let fresh: Vec<_> = news.filter(|refusal| !self.refused.contains(&key(refusal))).collect();
        for Refusal { prefix, from, why } in fresh.iter().take(LINES) {
            warn!(%prefix, from, to_do = why.to_do(), "a route is kept out of the kernel: {why}");
        }
        if let Some(more) = fresh.len().checked_sub(LINES).filter(|more| *more > 0) {
            warn!(more, "further routes are kept out of the kernel: quadzero show kernel");
        }
        self.refused = refused.iter().map(key).collect();
    }

    fn shown(
        &self,
        view: &View,
        wanted: &BTreeMap<Place, Wanted>,
        failed: &[(Place, Failed)],
        refused: Vec<Refusal>,
    ) -> Report {
        let failed: BTreeMap<&Place, &Failed> = failed.iter().map(|(place, why)| (place, why)).collect();
        let shown = |(place, wanted): (&Place, &Wanted)| Shown {
            place: *place,
            hops: view.way(&wanted.way),
            purpose: wanted.purpose.to_string(),
            error: failed.get(place).map(ToString::to_string),
        };
        Report { settling: self.settling, error: None, routes: wanted.iter().map(shown).collect(), refused }
    }
}

fn ways(wanted: &BTreeMap<Place, Wanted>) -> impl Iterator<Item = (&Place, &Way)> {
    wanted.iter().map(|(place, wanted)| (place, &wanted.way))
}

/// Until there is another input. Without a sender there never will be.
async fn changed(input: &mut watch::Receiver<Arc<Input>>) {
    if input.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
