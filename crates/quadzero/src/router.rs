//! An edge at work: its speaker, its peers, and the routes that each of them is to have.

use crate::config::edge::{Edge, Range};
use crate::liveness::Liveness;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_fsm::{Peer, PeerConfig, Speaker};
use quadzero_policy::Health;
use quadzero_probe::Level;
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
    /// Listens and starts every neighbor. Of the probes nothing is known yet: [`Router::follow`].
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
        Self::with(speaker, edge, peers, &Health::unknown())
    }

    /// The same with a speaker that listens already, and peers that are somewhere else than the edge's file says.
    pub(crate) fn with(
        speaker: Speaker,
        edge: &Edge,
        peers: Vec<PeerConfig>,
        health: &Health,
    ) -> Result<Self, StartError> {
        let policies: Vec<_> = edge.neighbors.iter().map(|neighbor| neighbor.policy.clone()).collect();
        let mut router = Self { peers: Vec::new(), wanted: Vec::new(), speaker, liveness: Liveness::new() };
        for ((neighbor, peer), routes) in
            edge.neighbors.iter().zip(peers).zip(edge.policy.plan(&policies, health))
        {
            let (sender, wanted) = watch::channel(routes);
            let address = peer.transport.remote;
            let failed = |source| StartError { what: "use an MD5 key with", address, source };
            if let Some(Range { prefix, limit }) = neighbor.range {
                let range = quadzero_fsm::Range { prefix, limit, peer, wanted };
                router.speaker.add_range(range).map_err(failed)?;
            } else {
                let peer = router.speaker.add(peer, wanted).map_err(failed)?;
                if let Some(parameters) = neighbor.bfd {
                    router.liveness.guard(&peer, parameters)?;
                }
                router.peers.push(peer);
            }
            router.wanted.push(sender);
        }
        Ok(router)
    }

    /// Plans anew for this health of the probes: each session is told what it is to have now. A level: what has not changed wakes
    /// nobody. How many neighbors have other routes now.
    pub fn follow(&self, edge: &Edge, health: &Health) -> usize {
        let policies: Vec<_> = edge.neighbors.iter().map(|neighbor| neighbor.policy.clone()).collect();
        let plan = edge.policy.plan(&policies, health);
        let changed = self.wanted.iter().zip(plan).filter(|(wanted, routes)| {
            wanted.send_if_modified(|known| {
                let is_news = known != routes;
                known.clone_from(routes);
                is_news
            })
        });
        changed.count()
    }

    /// BFD to the neighbor of that name, as a probe listens to it.
    pub(crate) fn bfd(&self, neighbor: &str) -> Option<Level> {
        self.liveness.level(neighbor)
    }

    /// Takes over the TCP MD5 keys of a file that was read again; how many were changed. Sessions stay.
    ///
    /// # Errors
    /// A key that the kernel does not take.
    pub fn change_keys(&self, before: &Edge, now: &Edge) -> Result<usize, StartError> {
        let mut changed = 0;
        for neighbor in &now.neighbors {
            let key = neighbor.peer.transport.md5.as_ref();
            let known = before.neighbors.iter().find(|known| known.whose() == neighbor.whose());
            if known.is_some_and(|known| known.peer.transport.md5.as_ref() != key) {
                let (what, address) = ("use an MD5 key with", neighbor.peer.transport.remote);
                let change = self.speaker.change_key(neighbor.whose(), key);
                change.map_err(|source| StartError { what, address, source })?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// Every peer is to have nothing.
    pub(crate) fn withdraw(&self) {
        self.wanted.iter().for_each(|wanted| _ = wanted.send_replace(Arc::default()));
    }

    /// The configured peers, in the order of the file.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// Withdraws everything, tells every peer why (RFC 9003), and returns when the connections are closed.
    pub async fn stop(self, why: &str) {
        let notification = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, why);
        let mut stopping = JoinSet::new();
        let dynamic = self.speaker.close_ranges();
        for peer in self.peers.into_iter().chain(dynamic) {
            let notification = notification.clone();
            stopping.spawn(async move { peer.stop(notification).await });
        }
        stopping.join_all().await;
        // After the last words of BGP: some take a neighbor that stops its BFD for one that has failed.
        self.liveness.stop().await;
    }
}
