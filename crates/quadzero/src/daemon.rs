//! `quadzero run` and `quadzero azure`: in the foreground, until SIGTERM or Ctrl-C.

use crate::cli::{self, Failure};
use crate::config::Source;
use crate::config::azure::Deployment;
use crate::config::edge::Edge;
use crate::router::Router;
use quadzero_azure::gateway::Table;
use quadzero_azure::speaker::Mock;
use std::fmt::Display;
use std::io;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
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
    let mut table = mock.table();
    info!("started");
    let signal = told_to_stop();
    tokio::pin!(signal);
    loop {
        tokio::select! {
            signal = &mut signal => {
                info!(signal, "stopping: withdrawing every route");
                break;
            }
            changed = table.changed() => {
                if changed.is_ok() {
                    log_learned(&table.borrow_and_update());
                }
            }
        }
    }
    mock.stop().await;
    info!("stopped");
    Ok(())
}

/// The first routes one by one, since those are what one looks for; all of them in number.
fn log_learned(table: &Table) {
    const SHOWN: usize = 10;
    let learned = table.learned_routes().value;
    let text = |row| serde_json::to_string(row).unwrap_or_default();
    for row in learned.iter().take(SHOWN) {
        info!(route = text(row), "learned route");
    }
    for refused in table.refused().iter().take(SHOWN) {
        info!(prefix = %refused.prefix, peer = %refused.peer, why = ?refused.why, "refused route");
    }
    info!(learned = learned.len(), refused = table.refused().len(), "learned routes");
}

/// Waits for SIGTERM or SIGINT; its name.
pub(crate) async fn told_to_stop() -> &'static str {
    let handlers = signal(SignalKind::terminate()).and_then(|t| io::Result::Ok((t, signal(SignalKind::interrupt())?)));
    // Without handlers the default of both signals ends the process anyway.
    let Ok((mut terminate, mut interrupt)) = handlers else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
