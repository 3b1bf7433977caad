//! `quadzero run` and `quadzero azure`: in the foreground, until SIGTERM or Ctrl-C.

use crate::api::{self, Serving};
use crate::cli::{self, Failure};
use crate::config::Source;
use crate::config::azure::{Api, Deployment};
use crate::config::edge::{Control, Edge};
use crate::control::{self, Question, Server};
use crate::history::History;
use crate::logging::JOURNAL;
use crate::running::Running;
use quadzero_azure::gateway::{LearnedOrigin, LearnedRoute, Table};
use quadzero_azure::speaker::Mock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

/// `quadzero run`.
///
/// # Errors
/// The file is wrong, or an address cannot be used.
pub fn run(options: &cli::Run) -> Result<(), Failure> {
    let edge = Source::read(&options.config)?.edge().accept()?;
    take_all_descriptors();
    let runtime = runtime()?;
    let ended = runtime.block_on(be_edge(edge, &options.config));
    // A probe's look at a file whose server is gone hangs in the kernel for as long as that pleases.
    runtime.shutdown_background();
    ended
}

/// `quadzero azure`.
///
/// # Errors
/// The file is wrong, or an address cannot be used.
pub fn azure(config: &Path) -> Result<(), Failure> {
    let deployment = Source::read(config)?.gateway().accept()?;
    take_all_descriptors();
    runtime()?.block_on(be_gateway(deployment))
}

/// A process has 1,024 descriptors to begin with, as a rule, and may have many more: programs that call select(2) must not
/// meet larger numbers. This one does not, and a thousand sessions need more.
fn take_all_descriptors() {
    let limits = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits }) {
        warn!(%error, "cannot have more descriptors");
    }
}

/// One thread: what a thousand sessions with a few routes have to do is less than what threads would have to tell each other.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

pub(crate) fn failed(error: impl Display) -> Failure {
    Failure::Failed(format!("error: {error}"))
}

/// The edge, until it has been told to leave and has left.
async fn be_edge(edge: Edge, path: &Path) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let history = History::default();
    let mut running = Running::start(edge, path, history.clone())?;
    let mut control = open_control(&running.edge().control, history)?;
    let Edge { asn, router_id, listen, neighbors, .. } = running.edge();
    let socket = control.as_ref().map(|server| tracing::field::display(server.path.display()));
    info!(%asn, %router_id, neighbors = neighbors.len(), ?listen, control = socket, "started");
    while !running.has_left() {
        let deadline = running.deadline();
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop(signal) => running.terminate(signal),
                Told::Reload => running.hang_up(),
            },
            health = running.probed() => running.follow(health),
            Some(question) = next_question(&mut control) => control::answer(&mut running, question),
            () = tokio::time::sleep_until(deadline.unwrap_or_else(far).into()), if deadline.is_some() => {
                running.timeout();
            }
        }
    }
    info!("stopping: withdrawing every route");
    tokio::select! {
        () = running.stop() => info!("stopped"),
        signal = signals.stop() => warn!(signal, "stopped at once, whoever has not heard it yet"),
    }
    Ok(())
}

/// Without a deadline nobody looks at it.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

async fn next_question(control: &mut Option<Server>) -> Option<Question> {
    match control {
        Some(server) => server.next().await,
        None => std::future::pending().await,
    }
}

/// A place that somebody has named has to work; without one, an edge runs without a control socket if need be.
fn open_control(config: &Control, history: History) -> Result<Option<Server>, Failure> {
    if let Some(path) = &config.socket {
        let failed = |error| failed(format!("the control socket {}: {error}", path.display()));
        return Server::listen(path, history).map(Some).map_err(failed);
    }
    let mut why = String::new();
    for path in control::places() {
        match Server::listen(&path, history.clone()) {
            Ok(server) => return Ok(Some(server)),
            Err(error) => why = format!("{}: {error}", path.display()),
        }
    }
    warn!(why, "no control socket: [control] socket names a place for one");
    Ok(None)
}

/// Logs what it learns as it does.
async fn be_gateway(deployment: Deployment) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let mock = Arc::new(Mock::start(deployment.azure, &deployment.endpoints).map_err(failed)?);
    let api = bind(deployment.api, &mock).await?;
    info!("started");
    let signal = tokio::select! {
        signal = signals.stop() => signal,
        result = answer(api) => return result,
        never = log_learned(mock.table()) => match never {},
    };
    info!(signal, "stopping: withdrawing every route");
    mock.stop().await;
    info!("stopped");
    Ok(())
}

/// Takes the API's place before anything is said to have started.
async fn bind(api: Option<Api>, mock: &Arc<Mock>) -> Result<Option<(api::Listening, Serving)>, Failure> {
    let Some(api) = api else { return Ok(None) };
    let cannot = |error| Failure::Failed(format!("error: cannot serve the API: {error}"));
    let listening = api::bind(&api.at).await.map_err(cannot)?;
    info!(at = listening.place(), "API");
    Ok(Some((listening, Serving { mock: mock.clone(), journal: &JOURNAL, api })))
}

/// Never returns without an error.
async fn answer(api: Option<(api::Listening, Serving)>) -> Result<(), Failure> {
    match api {
        Some((listening, serving)) => api::serve(listening, serving).await.map_err(failed),
        None => std::future::pending().await,
    }
}

/// Whenever the gateway's table changes: the first routes from peers one by one, since those are what one looks for, and how
/// many there are.
async fn log_learned(mut table: watch::Receiver<Arc<Table>>) -> Infallible {
    const SHOWN: usize = 10;
    let mut last = Vec::new();
    while table.changed().await.is_ok() {
        let mut learned = learned(&table.borrow_and_update());
        learned.retain(|row| row.origin == LearnedOrigin::EBgp);
        if learned != last {
            for row in learned.iter().take(SHOWN) {
                let next_hop = row.next_hop.map(tracing::field::display);
                let LearnedRoute { network, source_peer, as_path, local_address, .. } = row;
                info!(%network, next_hop, %source_peer, as_path, %local_address, "learned route");
            }
            info!(total = learned.len(), shown = learned.len().min(SHOWN), "learned routes");
            last = learned;
        }
    }
    std::future::pending().await
}

fn learned(table: &Table) -> Vec<LearnedRoute> {
    let gateways = 0..table.azure().gateways.len();
    gateways.flat_map(|gateway| table.learned_routes(gateway).value).collect()
}

/// The signals that a daemon listens to. Made before anything else: until then a signal just ends the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Told::Stop("SIGINT"),
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    /// Waits until the program is told to stop; by what. A terminal that goes away is no reason to.
    pub(crate) async fn stop(&mut self) -> &'static str {
        loop {
            match self.next().await {
                Told::Stop(signal) => return signal,
                Told::Reload => warn!("SIGHUP ignored: a changed file takes effect with the next start"),
            }
        }
    }
}

/// What a signal says.
pub(crate) enum Told {
    /// To stop; which signal it was.
    Stop(&'static str),
    /// To read again what is in files.
    Reload,
}
