//! `quadzero run` and `quadzero azure`: in the foreground, until SIGTERM or Ctrl-C.

use crate::cli::{self, Failure};
use crate::config::Source;
use crate::config::azure::Deployment;
use crate::config::edge::Edge;
use crate::router::Router;
use quadzero_azure::gateway::Table;
use quadzero_azure::speaker::Mock;
use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

/// What the peers are told at the end (RFC 9003).
const GOODBYE: &str = "quadzero is shutting down";

/// `quadzero run`.
///
/// # Errors
/// The file is wrong, or an address cannot be used.
pub fn run(options: &cli::Run) -> Result<(), Failure> {
    let edge = Source::read(&options.config)?.edge().accept()?;
    runtime()?.block_on(be_edge(edge))
}

/// `quadzero azure`.
///
/// # Errors
/// The file is wrong, or an address cannot be used.
pub fn azure(options: &cli::Azure) -> Result<(), Failure> {
    let deployment = Source::read(&options.config)?.gateway().accept()?;
    runtime()?.block_on(be_gateway(deployment))
}

/// One thread: what a thousand sessions with a few routes have to do is less than what threads would have to tell each other.
pub(crate) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

pub(crate) fn failed(error: impl Display) -> Failure {
    Failure::Failed(format!("error: {error}"))
}

async fn be_edge(edge: Edge) -> Result<(), Failure> {
    let router = Router::start(&edge).map_err(failed)?;
    let Edge { asn, router_id, listen, .. } = edge;
    info!(%asn, %router_id, neighbors = router.peers().len(), ?listen, "started");
    let signal = told_to_stop().await;
    info!(signal, "stopping: withdrawing every route");
    router.stop(GOODBYE).await;
    info!("stopped");
    Ok(())
}

/// Logs what it learns as it does.
async fn be_gateway(deployment: Deployment) -> Result<(), Failure> {
    let mock = Mock::start(deployment.azure, &deployment.endpoints).map_err(failed)?;
    info!("started");
    let signal = tokio::select! {
        signal = told_to_stop() => signal,
        never = log_learned(mock.table()) => match never {},
    };
    info!(signal, "stopping: withdrawing every route");
    mock.stop().await;
    info!("stopped");
    Ok(())
}

/// Whenever the gateway's table changes: the first routes one by one, since those are what one looks for, and how many
/// there are.
async fn log_learned(mut table: watch::Receiver<Arc<Table>>) -> Infallible {
    const SHOWN: usize = 10;
    let mut last = Vec::new();
    while table.changed().await.is_ok() {
        let learned = table.borrow_and_update().learned_routes().value;
        if learned != last {
            for row in learned.iter().take(SHOWN) {
                info!(route = serde_json::to_string(row).unwrap_or_default(), "learned route");
            }
            info!(total = learned.len(), "learned routes");
            last = learned;
        }
    }
    std::future::pending().await
}

/// Waits for SIGTERM or SIGINT; its name.
pub(crate) async fn told_to_stop() -> &'static str {
    let handlers =
        signal(SignalKind::terminate()).and_then(|t| io::Result::Ok((t, signal(SignalKind::interrupt())?)));
    // Without handlers the default of both signals ends the process anyway.
    let Ok((mut terminate, mut interrupt)) = handlers else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
