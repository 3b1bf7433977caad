//! BFD of Microsoft's routers (azure.md §8, row 28): it watches each link of a circuit, and ends its BGP when the path is
//! gone. A circuit whose customer has none stays as it is: a path that was never up does not fail.

use super::Endpoints;
use crate::config::{Azure, SessionId};
use quadzero_bfd::{Path, Peer as Bfd, Speaker};
use quadzero_fsm::Peer;
use std::net::IpAddr;
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
    ) -> Option<Bfd> {
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
        let bfd = self.speaker.add(path).map_err(failed).ok()?;
        let (mut failures, peer) = (bfd.failures(), peer.clone());
        self.guards.spawn(async move {
            while failures.next().await.is_some() {
                peer.bfd_down();
            }
        });
        Some(bfd)
    }
}
