//! A running edge: what it is told to do, by signals and by the control socket, and what it does when a time has come.
//!
//! ```text
//!   leaving    Serving ──drain, SIGTERM──► Warning ──[drain] wait──► Drained ──(for good)──► Cease, exit
//!                 ▲                           │  second SIGTERM ────────────────────────────────▲
//!                 └────────── undrain ────────┴─────────────┘
//!
//!   probes     a report changes ──► Health ──► every session has its routes planned anew
//!
//!   reload     file ──► checked ──► Plan ──► applied ──► confirmed, or after a time back again
//! ```

use crate::cli::Failure;
use crate::config::Source;
use crate::config::edge::Edge;
use crate::daemon::failed;
use crate::forwarding::Forwarding;
use crate::history::{Decision, History};
use crate::intent::{Announcement, Asked, ByHand, Intent, Stage};
use crate::metrics::{Latency, Reloads};
use crate::probes::{Probes, Turn, foresee};
use crate::reload::Plan;
use crate::router::{Member, Router};
use crate::sandbox::{Needs, Sandbox};
use ipnet::IpNet;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_fsm::{Peer, State};
use quadzero_policy::{Condition, Health, Verdict};
use quadzero_probe::Reports;
use quadzero_rib::RouteSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// Who takes a reload back.
const UNCONFIRMED: &str = "the reload that was not confirmed";

/// An edge that runs.
pub struct Running {
    path: PathBuf,
    edge: Edge,
    by_hand: ByHand,
    intent: Intent,
    router: Router,
    probes: Probes,
    /// What the kernel has of what was learned.
    forwarding: Option<Forwarding>,
    history: History,
    started: Instant,
    /// When the next step of leaving is due.
    leave_at: Option<Instant>,
    /// It leaves for good.
    exits: bool,
    /// And is started again.
    restarts: bool,
    has_left: bool,
    unconfirmed: Option<Unconfirmed>,
    /// The last file was not taken.
    refused: bool,
    sandbox: Option<Sandbox>,
    /// When a neighbor was to have other routes last.
    changed: Instant,
    reloads: Reloads,
    /// Of no use to anybody without metrics.
    latency: Option<Latency>,
}

/// A reload that somebody has yet to confirm.
struct Unconfirmed {
    before: Edge,
    until: Instant,
}

/// What a file would change.
struct Draft {
    edge: Edge,
    intent: Intent,
    routes: Vec<Arc<RouteSet>>,
    plan: Plan,
}

impl Running {
    /// Starts every neighbor, and listens: on these sockets, where they fit.
    ///
    /// # Errors
    /// An address that cannot be used, or kept routes that do not go with the configuration.
    pub(crate) fn start(
        edge: Edge,
        path: &Path,
        history: History,
        sandbox: Option<Sandbox>,
        sockets: Vec<TcpListener>,
    ) -> Result<Self, Failure> {
        let by_hand = kept(edge.control.keep.as_deref()).map_err(failed)?;
        let health = foresee(&edge, &Reports::new());
        let kept =
            |error| failed(format!("what is kept of routes by hand does not go with the file: {error}"));
        let intent = Intent::new(&edge, &by_hand, Stage::Serving, health).map_err(kept)?;
        let routes = intent.plan(edge.neighbors.iter());
        let router = Router::start_with(&edge, &routes, history.clone(), sockets).map_err(failed)?;
        let probes = Probes::start(&edge, &router);
        let forwarding = Forwarding::start(&edge, &router);
        history.add("start", None, format!("{} neighbors", edge.neighbors.len()));
        let latency = edge.metrics.as_ref().map(|_| Latency::default());
        Ok(Self {
            path: path.to_owned(),
            edge,
            by_hand,
            intent,
            router,
            probes,
            forwarding,
            history,
            started: Instant::now(),
            leave_at: None,
            exits: false,
            restarts: false,
            has_left: false,
            unconfirmed: None,
            refused: false,
            sandbox,
            changed: Instant::now(),
            reloads: Reloads::default(),
            latency,
        })
    }

    /// The configuration that holds.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// What is to be announced.
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// What was said by hand.
    pub fn by_hand(&self) -> &ByHand {
        &self.by_hand
    }

    /// The neighbors.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// What the probes have found out.
    pub fn reports(&self) -> Reports {
        self.probes.reports()
    }

    /// What the kernel has of what was learned; `None`: nothing, as configured.
    pub(crate) fn forwarding(&self) -> Option<&Forwarding> {
        self.forwarding.as_ref()
    }

    /// What has happened.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Since when a condition is as it is.
    pub(crate) fn since(&self, condition: &Condition) -> Instant {
        self.probes.since(condition)
    }

    /// When a neighbor was to have other routes last.
    pub(crate) const fn changed(&self) -> Instant {
        self.changed
    }

    pub(crate) const fn reloads(&self) -> Reloads {
        self.reloads
    }

    pub(crate) fn latency_mut(&mut self) -> Option<&mut Latency> {
        self.latency.as_mut()
    }

    /// It leaves for good, and takes nothing back.
    pub(crate) const fn exits(&self) -> bool {
        self.exits
    }

    /// For how long it has been running.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Until when a reload has to be confirmed, if one has.
    pub fn unconfirmed_for(&self) -> Option<Duration> {
        let until = self.unconfirmed.as_ref()?.until;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// How it is doing, in a line.
    pub(crate) fn status(&self) -> String {
        let (mut all, mut up, mut told) = (0, 0, 0);
        for peer in self.router.everybody() {
            let status = peer.status();
            let status = status.borrow();
            all += 1;
            up += usize::from(status.state == State::Established);
            told += status.prefixes_sent;
        }
        let stage = match self.intent.stage {
            Stage::Serving => "",
            Stage::Warning => "; leaving: neighbors are told to use another way",
            Stage::Drained => "; drained: nothing is announced until `quadzero undrain`",
        };
        let refused =
            if self.refused { "; the last file was refused, and what was before holds" } else { "" };
        format!("{up} of {all} neighbors Established, {told} prefixes told{stage}{refused}")
    }

    /// When [`Self::timeout`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let confirm = self.unconfirmed.as_ref().map(|unconfirmed| unconfirmed.until);
        [self.leave_at, confirm].into_iter().flatten().min()
    }

    pub(crate) fn timeout(&mut self) {
        let now = Instant::now();
        if self.leave_at.is_some_and(|at| at <= now) {
            self.leave();
        }
        if self.unconfirmed.as_ref().is_some_and(|unconfirmed| unconfirmed.until <= now) {
            self.roll_back();
        }
    }

    // Probes.

    /// Waits until a probe has changed; how all of them are then.
    pub(crate) async fn probed(&mut self) -> Health {
        self.probes.changed().await
    }

    /// First acts, and then says so: the telling is in no hurry.
    pub(crate) fn follow(&mut self, health: Health) {
        let before = std::mem::replace(&mut self.intent.health, health);
        let holders = self.latency.as_ref().map(|_| self.router.holders());
        let why = Decision::default();
        let neighbors = self.publish(&why);
        if let (Some(latency), Some(holders)) = (&mut self.latency, holders)
            && neighbors > 0
        {
            let names = self.edge.probes.iter().map(|probe| &probe.name);
            let heard = names.filter_map(|name| heard(&before, &self.intent.health, name)).min();
            latency.measure(heard.unwrap_or_else(Instant::now), holders);
        }
        let mut turned = Vec::new();
        for Turn { condition, verdict, because } in
            self.probes.turns(&self.intent.policy, &self.intent.health)
        {
            let holds = verdict == Verdict::Holds;
            info!(%condition, holds, reason = %because, neighbors, "condition changed");
            let text = format!("{condition} {}: {because}", if holds { "holds" } else { "does not hold" });
            self.history.add("condition", None, text.as_str());
            turned.push(text);
        }
        let _nobody_else_has = why.set(turned.join("; "));
    }

    // Leaving.

    /// Nothing is left to be done but to say good-bye.
    pub(crate) const fn has_left(&self) -> bool {
        self.has_left
    }

    /// SIGTERM or SIGINT; the second one does not wait.
    pub(crate) fn terminate(&mut self, signal: &str) {
        info!(signal, stage = ?self.intent.stage, "told to stop");
        if self.exits {
            self.has_left = true;
        } else {
            self.drain(true, signal);
        }
    }

    /// Tells the neighbors to use another way, and after a while withdraws everything.
    pub(crate) fn drain(&mut self, exits: bool, by: &str) {
        self.exits |= exits;
        if self.intent.stage == Stage::Serving {
            let wait = self.edge.drain.wait;
            let is_heard = !wait.is_zero() && self.is_any_up();
            self.history.add(
                "drain",
                None,
                format!("begun by {by}, {} s until the withdrawal", wait.as_secs_f32()),
            );
            if is_heard {
                info!(by, wait = wait.as_secs_f32(), "draining: neighbors are told to use another way");
                self.enter(Stage::Warning);
                self.leave_at = Some(Instant::now() + wait);
                return;
            }
        }
        if self.intent.stage != Stage::Warning {
            self.leave();
        }
    }

    /// Exits at once, to be started again.
    pub(crate) fn restart(&mut self) {
        self.history.add("restart", None, "whoever agreed on graceful restart keeps the routes");
        info!("leaving for a restart: whoever agreed on graceful restart keeps the routes");
        (self.exits, self.restarts, self.has_left) = (true, true, true);
    }

    /// Whether it ends so that it is started again.
    pub(crate) const fn restarts(&self) -> bool {
        self.restarts
    }

    /// The wait is over.
    fn leave(&mut self) {
        self.leave_at = None;
        if self.exits {
            // The session withdraws everything before its last word.
            self.has_left = true;
            return;
        }
        self.enter(Stage::Drained);
        self.history.add("drain", None, "everything is withdrawn");
        info!("drained: nothing is announced until `quadzero undrain`");
    }

    /// # Errors
    /// It leaves for good.
    pub(crate) fn undrain(&mut self) -> Result<(), String> {
        if self.exits {
            return Err("it leaves for good: it was told to exit".into());
        }
        if self.intent.stage != Stage::Serving {
            self.leave_at = None;
            self.enter(Stage::Serving);
            self.history.add("undrain", None, "everything is announced again");
            info!("undrained");
        }
        Ok(())
    }

    fn enter(&mut self, stage: Stage) {
        self.intent.stage = stage;
        self.publish(&decision(match stage {
            Stage::Serving => "we stay",
            Stage::Warning => "we are about to leave",
            Stage::Drained => "we are drained",
        }));
    }

    fn is_any_up(&self) -> bool {
        self.router.everybody().any(|peer| peer.status().borrow().state == State::Established)
    }

    /// How many neighbors have other routes now.
    fn publish(&mut self, why: &Decision) -> usize {
        let routes = self.intent.plan(self.router.members().iter().map(|member| &member.neighbor));
        let neighbors = self.router.publish(routes, why);
        if neighbors > 0 {
            self.changed = Instant::now();
        }
        neighbors
    }

    /// The kernel's routes, as they are now: to be let go of when the neighbors have been told.
    pub(crate) fn leave_kernel(&mut self) -> Option<Forwarding> {
        let mut forwarding = self.forwarding.take()?;
        forwarding.freeze();
        Some(forwarding)
    }

    /// Withdraws everything and says good-bye to every neighbor; before a restart, to those alone that lose the routes by it.
    pub(crate) async fn stop(self) {
        let text = &self.edge.drain.text;
        if self.restarts { self.router.stop_for_restart(text).await } else { self.router.stop(text).await }
    }

    // Reload.

    /// SIGHUP.
    pub(crate) fn hang_up(&mut self) {
        if let Err(why) = self.reload("SIGHUP", None) {
            error!("SIGHUP: the file was not taken, everything stays: {why}");
        }
    }

    fn draft(&self) -> Result<Draft, String> {
        let source = Source::read(&self.path).map_err(|failure| failure.to_string())?;
        self.draft_of(source.edge().accept_plain()?)
    }

    fn draft_of(&self, edge: Edge) -> Result<Draft, String> {
        if let Some(sandbox) = &self.sandbox {
            sandbox.allows(&Needs::of(&edge, &self.path))?;
        }
        let wrong = |error| format!("what was announced by hand does not go with it: {error}");
        let health = self.probes.foresee(&edge);
        let intent = Intent::new(&edge, &self.by_hand, self.intent.stage, health).map_err(wrong)?;
        let routes = intent.plan(edge.neighbors.iter());
        let plan = self.router.plan(&self.edge, &edge, &routes);
        Ok(Draft { edge, intent, routes, plan })
    }

    /// What a reload would do.
    ///
    /// # Errors
    /// The file is wrong: what [`crate::check`] says of it.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        self.draft().map(|draft| draft.plan)
    }

    /// Takes the file as it is now: all of it, or nothing.
    ///
    /// # Errors
    /// The file is wrong, the system does not do what it takes, or an earlier reload is not confirmed yet.
    pub(crate) fn reload(&mut self, by: &str, confirm: Option<Duration>) -> Result<Plan, String> {
        if self.unconfirmed.is_some() {
            return Err("the last reload waits for `quadzero confirm`".into());
        }
        let done = self.draft().and_then(|draft| self.carry_out(draft, by));
        self.refused = done.is_err();
        match done {
            Ok((plan, before)) => {
                self.reloads.ok += 1;
                self.note(by, &plan);
                self.unconfirmed = confirm.map(|time| Unconfirmed { before, until: Instant::now() + time });
                Ok(plan)
            }
            Err(why) => {
                self.reloads.refused += 1;
                let first = why.lines().next().unwrap_or_default();
                self.history.add("reload-refused", None, format!("by {by}: {first}"));
                Err(why)
            }
        }
    }

    /// What was done, and the configuration of before.
    fn carry_out(&mut self, draft: Draft, by: &str) -> Result<(Plan, Edge), String> {
        let Draft { edge, intent, routes, plan } = draft;
        let why = decision(format!("the file was read again: {by}"));
        self.router.apply(&plan, &edge, routes, &why).map_err(|error| error.to_string())?;
        if plan.neighbors.iter().any(|step| step.announced_total + step.withdrawn_total > 0) {
            self.changed = Instant::now();
        }
        self.intent = intent;
        self.probes.restart(&edge, &self.router);
        let before = std::mem::replace(&mut self.edge, edge);
        if self.forwarding.as_mut().is_none_or(|known| !known.follow(&self.edge, &self.router)) {
            if let Some(known) = self.forwarding.take() {
                tokio::spawn(known.remove());
            }
            self.forwarding = Forwarding::start(&self.edge, &self.router);
        }
        Ok((plan, before))
    }

    fn note(&self, by: &str, plan: &Plan) {
        let resets = plan.resets();
        info!(by, neighbors = plan.neighbors.len(), resets, "reloaded");
        plan.to_string().lines().for_each(|line| info!("reload: {line}"));
        let text = format!("by {by}: {} neighbors change, {resets} of them by a reset", plan.neighbors.len());
        self.history.add("reload", None, text);
    }

    /// # Errors
    /// There is nothing to confirm.
    pub(crate) fn confirm(&mut self) -> Result<(), String> {
        self.unconfirmed.take().ok_or("no reload waits for it")?;
        self.history.add("reload", None, "confirmed");
        info!("the reload is confirmed");
        Ok(())
    }

    fn roll_back(&mut self) {
        let Some(Unconfirmed { before, .. }) = self.unconfirmed.take() else { return };
        warn!("the reload was not confirmed: everything is as it was before it");
        match self.draft_of(before).and_then(|draft| self.carry_out(draft, UNCONFIRMED)) {
            Ok((plan, _)) => self.note(UNCONFIRMED, &plan),
            Err(why) => {
                error!("the configuration of before cannot be had again: {why}");
                self.history.add("reload-refused", None, format!("going back: {why}"));
            }
        }
    }

    // By hand.

    /// # Errors
    /// Such a route cannot be announced, or not be kept.
    pub(crate) fn announce(&mut self, asked: Asked) -> Result<(), String> {
        let unknown = |name: &&String| !self.edge.neighbors.iter().any(|known| known.peer.name == **name);
        if let Some(name) = asked.to.iter().find(unknown) {
            return Err(format!("no neighbor is called {name:?}"));
        }
        if asked.keep && self.edge.control.keep.is_none() {
            return Err("there is nowhere to keep it: [control] keep = \"PATH\" says where".into());
        }
        let (prefix, is_plain) = (asked.prefix, asked.attributes.is_empty() && asked.to.is_empty());
        if is_plain && self.by_hand.withdrawn.contains(&prefix) {
            let mut by_hand = self.by_hand.clone();
            by_hand.withdrawn.remove(&prefix);
            return self.take_by_hand(by_hand, format!("{prefix} is held back no more"));
        }
        let text = format!("{prefix} is announced");
        let announcement: Announcement = asked.read()?;
        let mut by_hand = self.by_hand.clone();
        by_hand.withdrawn.remove(&prefix);
        by_hand.announced.insert(prefix, announcement);
        self.take_by_hand(by_hand, text)
    }

    /// Takes back what was announced by hand; of the configuration, holds it back.
    ///
    /// # Errors
    /// Nobody announces it.
    pub(crate) fn withdraw(&mut self, prefix: IpNet) -> Result<(), String> {
        let mut by_hand = self.by_hand.clone();
        let text = if by_hand.announced.remove(&prefix).is_some() {
            format!("{prefix} is announced by hand no more")
        } else if crate::why::configured(&self.edge.policy, &prefix) {
            by_hand.withdrawn.insert(prefix);
            format!("{prefix} is held back, although the configuration has it")
        } else {
            return Err(format!(
                "{prefix} is not announced, neither by the file nor by hand; `quadzero why {prefix}`"
            ));
        };
        self.take_by_hand(by_hand, text)
    }

    fn take_by_hand(&mut self, by_hand: ByHand, text: String) -> Result<(), String> {
        let health = self.intent.health.clone();
        let intent = Intent::new(&self.edge, &by_hand, self.intent.stage, health)?;
        if let Some(path) = &self.edge.control.keep {
            keep(path, &by_hand).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        (self.by_hand, self.intent) = (by_hand, intent);
        self.publish(&decision(format!("by hand: {text}")));
        info!("by hand: {text}");
        self.history.add("by-hand", None, text);
        Ok(())
    }

    // Neighbors.

    fn peer_of(&mut self, name: &str) -> Result<(&mut Member, Peer), String> {
        let members = self.router.members_mut();
        let is_it =
            |member: &&mut Member| is_called(&member.neighbor.peer.name, member.neighbor.whose(), name);
        let member =
            members.iter_mut().find(is_it).ok_or_else(|| format!("no neighbor is called {name:?}"))?;
        let peer = member.peer.clone().ok_or("a range is no neighbor: its neighbors dial in")?;
        Ok((member, peer))
    }

    /// # Errors
    /// No neighbor is called so.
    pub(crate) fn start_neighbor(&mut self, name: &str) -> Result<(), String> {
        let (member, peer) = self.peer_of(name)?;
        member.stopped = false;
        peer.start();
        self.history.add("operator", Some(&peer.config().name), "started");
        Ok(())
    }

    /// # Errors
    /// As [`Self::start_neighbor`].
    pub(crate) fn stop_neighbor(&mut self, name: &str, text: &str) -> Result<(), String> {
        let (member, peer) = self.peer_of(name)?;
        member.stopped = true;
        self.history.add("operator", Some(&peer.config().name), "stopped");
        let notification = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, text);
        tokio::spawn(async move { peer.stop(notification).await });
        Ok(())
    }

    /// # Errors
    /// As [`Self::start_neighbor`], or it is stopped.
    pub(crate) fn reset_neighbor(&mut self, name: &str, text: &str) -> Result<(), String> {
        let (member, peer) = self.peer_of(name)?;
        if member.stopped {
            return Err("it is stopped: `quadzero neighbor start` starts it".into());
        }
        self.history.add("operator", Some(&peer.config().name), "reset");
        peer.reset(Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_RESET, text));
        Ok(())
    }
}

fn decision(why: impl Into<String>) -> Decision {
    Arc::new(OnceLock::from(why.into()))
}

/// When a probe was heard that says something else now.
fn heard(before: &Health, now: &Health, name: &str) -> Option<Instant> {
    let (before, now) = (before.of(name), now.of(name));
    now.since.filter(|_| now.state != before.state)
}

/// A neighbor is known by its name, and by its address.
pub(crate) fn is_called(name: &str, whose: IpNet, asked: &str) -> bool {
    name == asked
        || asked.parse().is_ok_and(|address: std::net::IpAddr| whose == address.into())
        || whose.to_string() == asked
}

/// The routes that were kept over the last stop.
fn kept(path: Option<&Path>) -> Result<ByHand, String> {
    let Some(path) = path.filter(|path| path.exists()) else { return Ok(ByHand::default()) };
    let wrong = |error: String| format!("the routes kept in {}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let all: Vec<Asked> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let read = all.into_iter().map(|asked| asked.read().map(|read| (read.asked.prefix, read)));
    Ok(ByHand { announced: read.collect::<Result<_, _>>().map_err(wrong)?, ..ByHand::default() })
}

/// Whole, or as it was.
fn keep(path: &Path, by_hand: &ByHand) -> std::io::Result<()> {
    let kept: Vec<&Asked> = by_hand.announced.values().map(|a| &a.asked).filter(|asked| asked.keep).collect();
    let beside = path.with_extension("new");
    fs::write(&beside, serde_json::to_string_pretty(&kept)?)?;
    fs::rename(beside, path)
}
