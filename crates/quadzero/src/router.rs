//! An edge at work: its speaker, its peers, and the routes that each of them is to have.

use crate::config::edge::Edge;
use crate::liveness::Liveness;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_fsm::{Peer, PeerConfig, Speaker};
use quadzero_rib::RouteSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Why an edge did not start: the address that is the matter, the system's reason, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {address}: {source}{}", hint(.source))]
pub struct StartError {
    pub(crate) what: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "\n  ports below 1024 need CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=+ep quadzero), \
             or choose a higher port in [bgp] listen"
        }
        io::ErrorKind::AddrInUse => "\n  another speaker has it: ss -lntup shows which",
        io::ErrorKind::AddrNotAvailable => {
            "\n  this machine does not have the address: ip address shows what it has"
        }
        _ => "",
    }
}

/// An edge that runs. Dropping it ends its sessions without a word; [`Router::stop`] says good-bye.
pub struct Router {
    peers: Vec<Peer>,
    /// What each peer is to have; without a sender, it could never change.
    wanted: Vec<watch::Sender<Arc<RouteSet>>>,
    speaker: Speaker,
    liveness: Liveness,
}

impl Router {
    /// Listens and starts every neighbor.
    ///
    /// # Errors
    /// An address that cannot be bound, or a key that the kernel does not take.
    pub fn start(edge: &Edge) -> Result<Self, StartError> {
        let speaker = Speaker::new();
        for &address in &edge.listen {
            let listening = speaker.listen(address);
            listening.map_err(|source| StartError { what: "listen on", address, source })?;
        }
        let peers = edge.neighbors.iter().map(|neighbor| neighbor.peer.clone()).collect();
        Self::with(speaker, edge, peers)
    }

    /// The same with a speaker that listens already, and peers that are somewhere else than the edge's file says.
    pub(crate) fn with(speaker: Speaker, edge: &Edge, peers: Vec<PeerConfig>) -> Result<Self, StartError> {
        let policies: Vec<_> = edge.neighbors.iter().map(|neighbor| neighbor.policy.clone()).collect();
        let mut router = Self { peers: Vec::new(), wanted: Vec::new(), speaker, liveness: Liveness::new() };
        for (config, routes) in peers.into_iter().zip(edge.policy.plan(&policies)) {
            let (sender, receiver) = watch::channel(routes);
            let address = config.transport.remote;
            let added = router.speaker.add(config, receiver);
            router.peers.push(added.map_err(|source| StartError {
                what: "use an MD5 key with",
                address,
                source,
            })?);
            router.wanted.push(sender);
        }
        for (peer, neighbor) in router.peers.iter().zip(&edge.neighbors) {
            if let Some(parameters) = neighbor.bfd {
                router.liveness.guard(peer, parameters)?;
            }
        }
        Ok(router)
    }

    /// The peers, in the order of the file.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// Withdraws everything, tells every peer why (RFC 9003), and returns when the connections are closed.
    pub async fn stop(self, why: &str) {
        let notification = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, why);
        let mut stopping = JoinSet::new();
        for peer in self.peers {
            let notification = notification.clone();
            stopping.spawn(async move { peer.stop(notification).await });
        }
        stopping.join_all().await;
        // After the last words of BGP: some take a neighbor that stops its BFD for one that has failed.
        self.liveness.stop().await;
    }
}
