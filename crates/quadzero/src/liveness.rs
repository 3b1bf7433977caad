//! BFD beside BGP: a session watches the path to each neighbor that is to have one, and its failures end that neighbor's BGP.
//!
//! BGP waits for nothing here. The path is watched as soon as our end of it is known: from the start with a `local-address`, else
//! from when BGP has a connection, and then for as long as we run.

use crate::probes::say;
use crate::router::StartError;
use ipnet::IpNet;
use quadzero_bfd::{Parameters, Path, Peer as Bfd, Speaker, State};
use quadzero_fsm::{Peer, PeerConfig, Status};
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
    watching: HashMap<IpNet, Watching>,
}

/// A guard at work.
struct Watching {
    stop: watch::Sender<bool>,
    /// Has no sender any more once the guard is gone, and its path is free.
    gone: watch::Receiver<()>,
    /// How BFD is, for probes.
    level: Level,
}

/// A path that is watched before there is a peer to tell.
pub(crate) struct Watched(Bfd);

impl Liveness {
    pub(crate) fn new() -> Self {
        Self { speaker: Arc::default(), guards: JoinSet::new(), watching: HashMap::new() }
    }

    /// Watches the path to a peer of that configuration, if our end of it is configured.
    pub(crate) fn watch(
        &self,
        peer: &PeerConfig,
        parameters: Parameters,
    ) -> Option<Result<Watched, StartError>> {
        let local = peer.transport.local?;
        let failed =
            |source| StartError { what: "use BFD at", address: SocketAddr::new(local, PORT), source };
        Some(watch_path(&self.speaker, peer, local, parameters).map(Watched).map_err(failed))
    }

    /// Watches the path to the peer: that one, if it is watched already.
    ///
    /// # Errors
    /// The port of BFD is taken at our end.
    pub(crate) fn guard(
        &mut self,
        peer: &Peer,
        parameters: Parameters,
        watched: Option<Watched>,
    ) -> Result<(), StartError> {
        let watched =
            watched.map(Ok).or_else(|| self.watch(&peer.config(), parameters)).transpose()?.map(|w| w.0);
        self.spawn(peer, parameters, |guard, stopping| async move {
            guard.run(watched, stopping).await;
        });
        Ok(())
    }

    /// Watches the path otherwise: with other parameters, or from elsewhere. BGP does not notice.
    pub(crate) fn change(&mut self, peer: &Peer, parameters: Parameters) {
        let before = self.release(peer.config().transport.remote.ip().into());
        self.spawn(peer, parameters, |guard, stopping| async move {
            if let Some(mut gone) = before {
                while gone.changed().await.is_ok() {}
            }
            let here = guard.peer.config().transport.local;
            let watched = here.and_then(|local| guard.try_to_watch(local));
            guard.run(watched, stopping).await;
        });
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        peer: &Peer,
        parameters: Parameters,
        run: impl FnOnce(Guard, watch::Receiver<bool>) -> F,
    ) {
        let (answer, level) = watch::channel(None);
        let guard = Guard { speaker: self.speaker.clone(), peer: peer.clone(), parameters, level: answer };
        let ((stop, stopping), (here, gone)) = (watch::channel(false), watch::channel(()));
        let run = run(guard, stopping);
        self.guards.spawn(async move {
            run.await;
            drop(here);
        });
        self.watching.insert(peer.config().transport.remote.ip().into(), Watching { stop, gone, level });
        while self.guards.try_join_next().is_some() {}
    }

    /// Watches the path to that neighbor no more, and tells it so. Returned is what ends when it knows.
    pub(crate) fn release(&mut self, whose: IpNet) -> Option<watch::Receiver<()>> {
        let Watching { stop, gone, .. } = self.watching.remove(&whose)?;
        stop.send_replace(true);
        Some(gone)
    }

    /// How BFD to that neighbor is.
    pub(crate) fn level(&self, whose: IpNet) -> Option<Level> {
        Some(self.watching.get(&whose)?.level.clone())
    }

    /// Tells every neighbor that BFD goes down because we want it so (RFC 5882 §8), and returns when they know.
    pub(crate) async fn stop(self) {
        for Watching { stop, .. } in self.watching.values() {
            stop.send_replace(true);
        }
        self.guards.join_all().await;
    }
}

fn watch_path(
    speaker: &Speaker,
    config: &PeerConfig,
    local: IpAddr,
    parameters: Parameters,
) -> io::Result<Bfd> {
    speaker.add(Path { name: config.name.clone(), local, remote: config.transport.remote.ip(), parameters })
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
        watch_path(&self.speaker, &self.peer.config(), local, self.parameters)
    }

    async fn run(self, mut bfd: Option<Bfd>, mut stopping: watch::Receiver<bool>) {
        // Our end of the path, once it is known.
        let mut here = self.peer.config().transport.local;
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
