//! `quadzero lab`: edges and mock gateways on loopback, what happens to them, and what follows for packets.
//!
//! ```text
//!  Scenario ─► Running, .. (edges) ◄── BGP on 127.179.0.0/16 ──► Mock, .. (Azure) ─► Report: sessions, learned and
//!     │                                                                                effective routes, verdicts
//!     └─ events, in their time (play) ──────────────────────────► Timeline: what changed, and when
//! ```
//!
//! What is said in BGP are the scenario's own addresses, such as 10.1.0.4; the sockets are on loopback, at ports that the
//! system picks. So it needs no root, and two labs do not disturb each other. Probes look at nothing here: all of them are up.
//!
//! The clock of a scenario starts when everything has been said and heard. With `time-scale` it runs faster than that on
//! the wall: for events, for outages and penalties of gateways, and for what is printed. What is on the wire is
//! not touched: the timers of BGP are those that the scenario configures.

mod ibgp;
mod judge;
mod line;
mod loopback;
mod play;
mod report;
mod side;
mod tables;
mod timeline;

pub use report::Report;

use crate::cli::{self, Failure};
use crate::config::Source;
use crate::config::edge::Neighbor;
use crate::config::scenario::{Expected, Scenario, SessionState, What};
use crate::daemon::{Signals, failed, runtime};
use crate::router;
use ibgp::Internal;
use judge::Judged;
use loopback::Loopback;
use quadzero_azure::gateway::{LearnedOrigin, Table};
use quadzero_azure::speaker::{self, Mock};
use quadzero_azure::verdict::Beyond;
use quadzero_fsm::{Import, State};
use side::Running;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;
use timeline::Timeline;

/// How long the sessions may take. On loopback they take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a lab did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// An edge did not.
    #[error("the edge: {0}")]
    Edge(#[from] router::StartError),
    /// The gateway did not.
    #[error("the gateway: {0}")]
    Gateway(#[from] speaker::StartError),
    /// No address of loopback.
    #[error("loopback: {0}")]
    Loopback(#[from] std::io::Error),
}

/// A scenario that runs.
pub struct Lab {
    scenario: Scenario,
    edges: Vec<Running>,
    internal: Vec<Internal>,
    gateways: Vec<Mock>,
    loopback: Loopback,
    timeline: Timeline,
    judged: Vec<Judged>,
    /// Sessions that did not come up in time.
    down_at_start: usize,
}

impl Lab {
    /// Starts both sides.
    ///
    /// # Errors
    /// What either side says.
    pub fn start(scenario: Scenario) -> Result<Self, LabError> {
        let mut loopback = Loopback::default();
        let lines = scenario.events.iter().any(|event| matches!(event.what, What::Isolate(_)));
        let mut listening = Vec::new();
        for side in &scenario.edges {
            let speaker = Running::listen(side, &mut loopback)?;
            let line = lines.then(|| Running::line(side, &mut loopback)).transpose()?;
            listening.push((speaker, line));
        }
        let mut gateways = Vec::new();
        for deployment in &scenario.deployments {
            let endpoints = loopback.endpoints(&deployment.azure);
            gateways.push(Mock::start(deployment.azure.clone(), &endpoints)?);
        }
        let edges = scenario.edges.iter().cloned().zip(listening);
        let start = |(side, (speaker, line))| Running::start(side, speaker, line, &loopback, &gateways);
        let edges = edges.map(start).collect::<Result<Vec<_>, _>>()?;
        let internal = scenario.ibgp.iter().map(|told| Internal::start(*told, &edges, &mut loopback));
        let internal = internal.collect::<Result<Vec<_>, _>>()?;
        let mut timeline = Timeline::new(scenario.time_scale);
        internal.iter().for_each(|internal| timeline.watch(internal.hearer.status()));
        gateways.iter().for_each(|gateway| timeline.watch(gateway.table()));
        edges.iter().flat_map(|edge| &edge.peers).for_each(|peer| timeline.watch(peer.status()));
        let (judged, down_at_start) = (Vec::new(), 0);
        Ok(Self { scenario, edges, internal, gateways, loopback, timeline, judged, down_at_start })
    }

    /// Waits until everything has been said and heard, lets happen what is to happen, and tells what came of it; what
    /// did not come is told too.
    ///
    /// # Errors
    /// An edge that does not start again.
    pub async fn report(&mut self) -> Result<Report, LabError> {
        self.settle().await;
        self.play().await?;
        Ok(Report::new(self))
    }

    /// Waits until there is something else to report.
    async fn next(&mut self, last: &Report) -> Report {
        loop {
            self.judge_again();
            let fresh = Report::new(self);
            if !fresh.says_the_same(last) {
                return fresh;
            }
            self.timeline.news().await;
        }
    }

    /// Both sides say good-bye.
    pub async fn stop(self) {
        // A line that is cut would keep them waiting for each other.
        self.edges.iter().for_each(|edge| edge.cut(false));
        for mut edge in self.edges {
            if let Some(router) = edge.take() {
                router.stop("the lab is over").await;
            }
        }
        for gateway in self.gateways {
            gateway.stop().await;
        }
    }

    /// What is known of the sites now.
    fn beyond(&self) -> Beyond {
        self.scenario.beyond(|edge| self.site(edge))
    }
}

impl Lab {
    /// Every session that is expected to is Established and has said everything, and the gateways have all of it.
    async fn settled(&self) {
        for (e, edge) in self.edges.iter().enumerate() {
            for (_, peer) in edge.peers.iter().enumerate().filter(|(n, _)| self.is_to_be_up(e, *n)) {
                let mut status = peer.status();
                let _gone = status.wait_for(|s| s.state == State::Established && s.in_sync).await;
            }
        }
        for gateway in &self.gateways {
            let sent = self.sent_to(gateway);
            let mut table = gateway.table();
            let _gone = table.wait_for(|table| heard(table) == sent).await;
        }
        for edge in &self.edges {
            for (peer, neighbor) in edge.peers.iter().zip(&edge.side.edge.neighbors) {
                let told = self.told_to(edge, neighbor);
                let wants_it = neighbor.peer.import == Import::All;
                let mut status = peer.status();
                let _gone = status.wait_for(|s| !wants_it || s.prefixes_received == told).await;
            }
        }
        for internal in &self.internal {
            internal.settled().await;
        }
    }

    /// How many sessions are not up that have to be.
    fn down(&self) -> usize {
        let edges = self.edges.iter().enumerate();
        let peers =
            edges.flat_map(|(e, edge)| edge.peers.iter().enumerate().map(move |(n, peer)| (e, n, peer)));
        let due = peers.filter(|(e, n, _)| self.is_to_be_up(*e, *n));
        due.filter(|(.., peer)| peer.status().borrow().state != State::Established).count()
    }

    /// Whether nothing else is expected of a session.
    fn is_to_be_up(&self, edge: usize, neighbor: usize) -> bool {
        !self.scenario.expectations.iter().any(|expectation| match expectation.what {
            Expected::Session { edge: e, neighbor: n, state } => {
                let up = matches!(state, SessionState::Established | SessionState::Stable);
                (e, n) == (edge, neighbor) && !up
            }
            _ => false,
        })
    }

    /// How many routes edges have told the gateways of a deployment.
    fn sent_to(&self, gateway: &Mock) -> usize {
        let sent = |edge: &Running| -> usize {
            let neighbors = edge.side.edge.neighbors.iter().enumerate();
            let here = edge.peers.iter().zip(neighbors).filter(|(_, (_, neighbor))| is_of(gateway, neighbor));
            // What has the gateway's own AS in its path is not taken, and nobody is told so.
            let taken = |sent: usize, n| sent.saturating_sub(edge.loops(n));
            here.map(|(peer, (n, _))| taken(peer.status().borrow().prefixes_sent, n)).sum()
        };
        self.edges.iter().map(sent).sum()
    }

    /// How many routes the gateways tell the edge in the session with this neighbor.
    fn told_to(&self, edge: &Running, neighbor: &Neighbor) -> usize {
        let address = edge.side.edge.address_towards(neighbor);
        let instance = neighbor.peer.transport.remote.ip();
        let told = |mock: &Mock| {
            let rows =
                (0..mock.azure().gateways.len()).flat_map(|g| mock.advertised_routes(g, address).value);
            rows.filter(|row| IpAddr::V4(row.local_address) == instance).count()
        };
        self.gateways.iter().filter(|mock| is_of(mock, neighbor)).map(told).sum()
    }
}

/// Whether a neighbor is an instance of these gateways.
fn is_of(gateways: &Mock, neighbor: &Neighbor) -> bool {
    match neighbor.peer.transport.remote.ip() {
        IpAddr::V4(address) => gateways.endpoint(address).is_some(),
        IpAddr::V6(_) => false,
    }
}

/// Routes in the gateway's table that came from the edge, taken or not.
fn heard(table: &Table) -> usize {
    let gateways = 0..table.azure().gateways.len();
    let learned = gateways.flat_map(|gateway| table.learned_routes(gateway).value);
    learned.filter(|row| row.origin == LearnedOrigin::EBgp).count() + table.refused().len()
}

/// `quadzero lab`.
///
/// # Errors
/// The file is wrong, a side does not start, or what the scenario expects does not hold.
pub fn run(options: &cli::Lab) -> Result<(), Failure> {
    let source = options.scenario.as_deref().map_or_else(|| Ok(Source::built_in()), Source::read)?;
    let scenario = source.scenario().accept()?;
    let holds = runtime()?.block_on(show(scenario, options))?;
    if holds { Ok(()) } else { Err(Failure::Failed("the scenario does not hold".into())) }
}

async fn show(scenario: Scenario, options: &cli::Lab) -> Result<bool, Failure> {
    let mut signals = Signals::new()?;
    let mut lab = Lab::start(scenario).map_err(failed)?;
    let mut report = tokio::select! {
        _ = signals.stop() => return Err(Failure::Failed("stopped before the end".into())),
        report = lab.report() => report.map_err(failed)?,
    };
    print(&report, options)?;
    if options.watch {
        eprintln!("The lab stays up, and tells what changes, until Ctrl-C.");
        loop {
            tokio::select! {
                _ = signals.stop() => break,
                fresh = lab.next(&report) => {
                    print(&fresh, options)?;
                    report = fresh;
                }
            }
        }
    }
    lab.stop().await;
    Ok(report.holds())
}

fn print(report: &Report, options: &cli::Lab) -> Result<(), Failure> {
    let text = if options.json { report.to_json() } else { tables::render(report, options.time) };
    let mut out = std::io::stdout();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}
