//! BFD of Microsoft's routers (azure.md §8, row 28): it watches each link of a circuit, and ends its BGP when the path is
//! gone. A circuit whose customer has none stays as it is: a path that was never up does not fail.
//!
//! The watch begins with the first session of BGP. Before that there may be nobody; and FRR makes its BFD anew when BGP is
//! Established: had both been up already, that would be a failure, and BGP would begin twice.

use super::Endpoints;
use crate::config::{Azure, SessionId};
use quadzero_bfd::{Path, Peer as Bfd, Speaker};
use quadzero_fsm::{Peer, State};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::JoinSet;
use tracing::warn;

/// The BFD of a mock. Dropping it ends what is received.
#[derive(Default)]
pub(super) struct Liveness {
    speaker: Speaker,
    guards: JoinSet<()>,
}

impl Liveness {
    /// Watches the path of a session, if its gateway does so. Where it cannot, that is told, and BGP goes on without.
    pub(super) fn guard(
        &mut self,
        azure: &Azure,
        id: SessionId,
        endpoints: &Endpoints,
        peer: &Peer,
    ) -> Option<Arc<Bfd>> {
        let parameters = azure.gateways[id.gateway].kind.manners().bfd(azure.connection(id))?;
        let ip = |address: IpAddr| endpoints.of(address).ip();
        let (local, remote) = (ip(azure.local_address(id).into()), ip(azure.peer_address(id)));
        let name = peer.config().name.clone();
        if local.is_unspecified() {
            warn!(peer = name, "no BFD: it needs an address to be at, and `listen` names none");
            return None;
        }
        let path = Path { name: name.clone(), local, remote, parameters };
        let failed = |error| warn!(peer = name, %local, %error, "no BFD: it cannot watch the path");
        let bfd = Arc::new(self.speaker.add(path).map_err(failed).ok()?);
        bfd.disable();
        self.guards.spawn(watch(bfd.clone(), peer.clone()));
        Some(bfd)
    }
}

async fn watch(bfd: Arc<Bfd>, peer: Peer) {
    let mut status = peer.status();
    if status.wait_for(|status| status.state == State::Established).await.is_err() {
        return;
    }
    bfd.enable();
    let mut failures = bfd.failures();
    while failures.next().await.is_some() {
        peer.bfd_down();
    }
}
