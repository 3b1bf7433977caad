//! `quadzero lab`: the edge and the mock gateway on loopback, and what follows for packets.
//!
//! ```text
//!  Scenario ─► Router (edge) ◄── BGP on 127.179.0.0/16 ──► Mock (gateway) ─► Report: sessions, learned and
//!                                                                            effective routes, verdicts
//! ```
//!
//! What is said in BGP are the scenario's own addresses, such as 10.1.0.4; the sockets are on loopback, at ports that the
//! system picks. So it needs no root, and two labs do not disturb each other. Probes look at nothing here: all of them are up.

mod loopback;
mod report;
mod tables;

pub use report::Report;

use crate::cli::{self, Failure};
use crate::config::Source;
use crate::config::edge::Neighbor;
use crate::config::scenario::Scenario;
use crate::daemon::{Signals, failed, runtime};
use crate::router::{self, Router};
use loopback::Loopback;
use quadzero_azure::gateway::{LearnedOrigin, Table};
use quadzero_azure::speaker::{self, Mock};
use quadzero_fsm::{Import, Speaker, State};
use quadzero_policy::Health;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// How long the sessions may take. On loopback they take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a lab did not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The edge did not.
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
    edge: Router,
    gateway: Mock,
}

impl Lab {
    /// Starts both sides.
    ///
    /// # Errors
    /// What either side says.
    pub fn start(scenario: Scenario) -> Result<Self, LabError> {
        let speaker = Speaker::new();
        let mut loopback = Loopback::default();
        for neighbor in &scenario.edge.neighbors {
            loopback.listen(&speaker, loopback::edge_address(&scenario.edge, neighbor))?;
        }
        let gateway =
            Mock::start(scenario.deployment.azure.clone(), &loopback.endpoints(&scenario.deployment.azure))?;
        let peers = scenario.edge.neighbors.iter();
        let peers = peers.map(|n| loopback.moved(&scenario.edge, n, &gateway)).collect();
        let edge = Router::with(speaker, &scenario.edge, peers, &Health::good())?;
        Ok(Self { scenario, edge, gateway })
    }

    /// Waits until everything has been said and heard, and tells what came of it; what did not come is told too.
    pub async fn report(&self) -> Report {
        let _what_is_missing_shows = timeout(PATIENCE, self.settled()).await;
        Report::new(&self.scenario, &self.edge, &self.gateway)
    }

    /// Waits until there is something else to report; `None` when the gateway is gone.
    async fn next(&self, last: &Report) -> Option<Report> {
        let mut table = self.gateway.table();
        loop {
            let fresh = Report::new(&self.scenario, &self.edge, &self.gateway);
            if !fresh.says_the_same(last) {
                return Some(fresh);
            }
            table.changed().await.ok()?;
        }
    }

    /// Both sides say good-bye.
    pub async fn stop(self) {
        self.edge.stop("the lab is over").await;
        self.gateway.stop().await;
    }

    /// Every session of the edge is Established and has said everything, and the gateway has all of it in its table.
    async fn settled(&self) {
        let mut table = self.gateway.table();
        for peer in self.edge.peers() {
            let mut status = peer.status();
            let _gone = status.wait_for(|s| s.state == State::Established && s.in_sync).await;
        }
        let sent: usize = self.edge.peers().iter().map(|p| p.status().borrow().prefixes_sent).sum();
        let _gone = table.wait_for(|table| heard(table) == sent).await;
        for (peer, neighbor) in self.edge.peers().iter().zip(&self.scenario.edge.neighbors) {
            let told = self.told_to(neighbor);
            let wants_it = neighbor.peer.import == Import::All;
            let mut status = peer.status();
            let _gone = status.wait_for(|s| !wants_it || s.prefixes_received == told).await;
        }
    }
}

impl Lab {
    /// How many routes the gateway tells the edge in the session with this neighbor.
    fn told_to(&self, neighbor: &Neighbor) -> usize {
        let edge = loopback::edge_address(&self.scenario.edge, neighbor);
        let instance = neighbor.peer.transport.remote.ip();
        let gateways = 0..self.gateway.azure().gateways.len();
        let rows = gateways.flat_map(|gateway| self.gateway.advertised_routes(gateway, edge).value);
        rows.filter(|row| IpAddr::V4(row.local_address) == instance).count()
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
    let lab = Lab::start(scenario).map_err(failed)?;
    let mut report = lab.report().await;
    print(&report, options)?;
    if options.watch {
        eprintln!("The lab stays up, and tells what changes, until Ctrl-C.");
        loop {
            tokio::select! {
                _ = signals.stop() => break,
                fresh = lab.next(&report) => match fresh {
                    Some(fresh) => {
                        print(&fresh, options)?;
                        report = fresh;
                    }
                    None => break,
                },
            }
        }
    }
    lab.stop().await;
    Ok(report.holds())
}

fn print(report: &Report, options: &cli::Lab) -> Result<(), Failure> {
    let text = if options.json { report.to_json() } else { tables::render(report) };
    let mut out = std::io::stdout();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}
