//! BFD beside BGP: a session watches the path to each neighbor that is to have one, and its failures end that neighbor's BGP.
//!
//! BGP waits for nothing here. The path is watched as soon as our end of it is known: from the start with a `local-address`, else
//! from when BGP has a connection, and then for as long as we run.

use crate::probes::say;
use crate::router::StartError;
use quadzero_bfd::{Parameters, Path, Peer as Bfd, Speaker, State};
use quadzero_fsm::{Peer, Status};
use quadzero_probe::{Level, Outcome};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error_span, warn};

/// The port of BFD, for words about it.
const PORT: u16 = 3784;

/// The BFD of an edge. Dropping it ends its sessions without a word.
pub(crate) struct Liveness {
    speaker: Arc<Speaker>,
    guards: JoinSet<()>,
    /// How BFD is, by neighbor, for probes.
    levels: HashMap<String, Level>,
    stopping: watch::Sender<bool>,
}

impl Liveness {
    pub(crate) fn new() -> Self {
        Self {
            speaker: Arc::default(),
            guards: JoinSet::new(),
            levels: HashMap::new(),
            stopping: watch::channel(false).0,
        }
    }

    /// Watches the path to the peer.
    ///
    /// # Errors
    /// The port of BFD is taken at our end.
    pub(crate) fn guard(&mut self, peer: &Peer, parameters: Parameters) -> Result<(), StartError> {
        let (level, listened) = watch::channel(None);
        self.levels.insert(peer.config().name.clone(), listened);
        let guard = Guard { speaker: self.speaker.clone(), peer: peer.clone(), parameters, level };
        let here = peer.config().transport.local;
        let watched = here.map(|local| {
            let failed =
                |source| StartError { what: "use BFD at", address: SocketAddr::new(local, PORT), source };
            guard.watch(local).map_err(failed)
        });
        self.guards.spawn(guard.run(here, watched.transpose()?, self.stopping.subscribe()));
        Ok(())
    }

    /// How BFD to the neighbor of that name is.
    pub(crate) fn level(&self, neighbor: &str) -> Option<Level> {
        self.levels.get(neighbor).cloned()
    }

    /// Tells every neighbor that BFD goes down because we want it so (RFC 5882 §8), and returns when they know.
    pub(crate) async fn stop(self) {
        self.stopping.send_replace(true);
        self.guards.join_all().await;
    }
}

/// Keeps watch over the path to one peer.
struct Guard {
    speaker: Arc<Speaker>,
    peer: Peer,
    parameters: Parameters,
    level: watch::Sender<Option<Outcome>>,
}

impl Guard {
    fn watch(&self, local: IpAddr) -> io::Result<Bfd> {
        let config = self.peer.config();
        self.speaker.add(Path {
            name: config.name.clone(),
            local,
            remote: config.transport.remote.ip(),
            parameters: self.parameters,
        })
    }

    /// `here` is our end of the path, once it is known.
    async fn run(self, mut here: Option<IpAddr>, mut bfd: Option<Bfd>, mut stopping: watch::Receiver<bool>) {
        let mut status = self.peer.status();
        loop {
            tokio::select! {
                () = self.tell_failures(bfd.as_ref()) => return,
                () = self.tell_state(bfd.as_ref()) => return,
                Some(local) = moved(&mut status, here) => {
                    // The path from the old address goes first: there is one to each neighbor.
                    drop(bfd.take());
                    bfd = self.try_to_watch(local);
                    here = Some(local);
                }
                () = told(&mut stopping) => break,
            }
        }
        if let Some(bfd) = bfd {
            bfd.stop().await;
        }
    }

    /// As long as the session lives.
    async fn tell_failures(&self, bfd: Option<&Bfd>) {
        let Some(bfd) = bfd else { return std::future::pending().await };
        let mut failures = bfd.failures();
        while failures.next().await.is_some() {
            self.peer.bfd_down();
        }
    }

    /// Likewise.
    async fn tell_state(&self, bfd: Option<&Bfd>) {
        let Some(bfd) = bfd else { return std::future::pending().await };
        let mut status = bfd.status();
        loop {
            let (state, diagnostic) = {
                let status = status.borrow_and_update();
                (status.state, status.diagnostic)
            };
            let outcome = match state {
                State::Up => Outcome::Passed,
                other => Outcome::failed(format_args!("BFD is {other}: {diagnostic}")),
            };
            say(&self.level, outcome);
            if status.changed().await.is_err() {
                return;
            }
        }
    }

    fn try_to_watch(&self, local: IpAddr) -> Option<Bfd> {
        let span = error_span!("bfd", neighbor = %self.peer.config().name);
        let failed = |error| span.in_scope(|| warn!(%local, %error, "BFD cannot watch the path"));
        self.watch(local).map_err(failed).ok()
    }
}

/// Our end of the connection, once it is another than `here`.
async fn moved(status: &mut watch::Receiver<Status>, here: Option<IpAddr>) -> Option<IpAddr> {
    let local = |status: &Status| status.addresses.map(|addresses| addresses.local.to_canonical());
    let status =
        status.wait_for(|status| local(status).is_some_and(|local| Some(local) != here)).await.ok()?;
    local(&status)
}

async fn told(stopping: &mut watch::Receiver<bool>) {
    let _or_nobody_can_tell_any_more = stopping.wait_for(|stop| *stop).await;
}
