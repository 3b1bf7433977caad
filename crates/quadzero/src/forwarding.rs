//! Learned routes on their way to the kernel: what the neighbors have said, handed on whenever one of them says something new.
//!
//! ```text
//!   peers ──status──► feed ──watch<Arc<Input>>──► quadzero_kernel::Keeper ──► the kernel
//! ```
//!
//! When we leave, the feed ends first: sessions that end take their routes with them, and the way to the neighbors has to stay
//! until they have been told. Then the keeper takes all of ours away.

use crate::config::edge::{Edge, Neighbor};
use crate::router::{Member, Router};
use quadzero_codec::RouterId;
use quadzero_fsm::{Import, Peer};
use quadzero_kernel::{Input, Keeper, Neighbor as Reached, Report, Settings};
use quadzero_rib::RouteSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::error;

/// After news there are more, as a rule: a table comes in many UPDATEs.
const GATHER: Duration = Duration::from_millis(20);
/// How long the kernel may take before neighbors are dialled all the same.
const HOLD_WITHIN: Duration = Duration::from_secs(2);
/// How long the kernel may take to let go of our routes when we leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// Before the neighbors are dialled: the routes that lead into their tunnels. No kernel keeps an edge from starting.
pub(crate) async fn prepare(edge: &Edge) {
    let Some(settings) = edge.kernel.clone() else { return };
    let neighbors = edge.neighbors.iter().filter(|neighbor| neighbor.range.is_none());
    let silent = |neighbor: &Neighbor| Reached {
        name: neighbor.peer.name.clone(),
        address: neighbor.peer.transport.remote.ip(),
        path: neighbor.path.clone(),
        external: neighbor.peer.remote_as != neighbor.peer.local_as,
        identifier: unknown(),
        routes: Arc::default(),
        settled: false,
    };
    let input = Input { settings, neighbors: neighbors.map(silent).collect(), own: own(edge) };
    let held = tokio::time::timeout(HOLD_WITHIN, quadzero_kernel::hold(&input));
    if let Ok(Err(error)) = held.await {
        error!(%error, "cannot read or write the kernel's routes");
    }
}

/// What the kernel has of what was learned.
pub(crate) struct Forwarding {
    keeper: Keeper,
    input: Arc<watch::Sender<Arc<Input>>>,
    settings: Settings,
    /// Those who follow the peers, and the one who gathers.
    feed: JoinSet<()>,
}

impl Forwarding {
    /// Begins, if the configuration has the kernel hold routes.
    pub(crate) fn start(edge: &Edge, router: &Router) -> Option<Self> {
        let settings = edge.kernel.clone()?;
        let mut sources = Sources::new(edge, settings.clone(), router);
        let (input, taken) = watch::channel(Arc::new(sources.look()));
        let mut forwarding =
            Self { keeper: Keeper::start(taken), input: Arc::new(input), settings, feed: JoinSet::new() };
        forwarding.feed(sources);
        Some(forwarding)
    }

    /// Takes another configuration; whether that is possible. With another number our routes would not be known as ours.
    pub(crate) fn follow(&mut self, edge: &Edge, router: &Router) -> bool {
        let Some(settings) = edge.kernel.clone().filter(|new| new.protocol == self.settings.protocol) else {
            return false;
        };
        self.settings = settings.clone();
        self.feed(Sources::new(edge, settings, router));
        true
    }

    fn feed(&mut self, mut sources: Sources) {
        self.feed = JoinSet::new();
        let news = Arc::new(Notify::new());
        for Source { peer, .. } in &sources.all {
            let (mut status, news) = (peer.status(), news.clone());
            self.feed.spawn(async move {
                while status.changed().await.is_ok() {
                    news.notify_one();
                }
            });
        }
        let input = self.input.clone();
        self.feed.spawn(async move {
            loop {
                let fresh = sources.look();
                input.send_if_modified(|known| {
                    let differs = **known != fresh;
                    if differs {
                        *known = Arc::new(fresh);
                    }
                    differs
                });
                news.notified().await;
                tokio::time::sleep(GATHER).await;
            }
        });
    }

    /// The routes stay as they are, whatever becomes of the sessions.
    pub(crate) fn freeze(&mut self) {
        self.feed = JoinSet::new();
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn report(&self) -> Arc<Report> {
        self.keeper.report()
    }

    /// At the end: the kernel lets go of our routes, unless it is to keep them.
    pub(crate) async fn leave(mut self) {
        self.freeze();
        let keep = self.settings.keep;
        self.end(keep).await;
    }

    /// The configuration does not want it any more.
    pub(crate) async fn remove(mut self) {
        self.freeze();
        self.end(false).await;
    }

    async fn end(self, keep: bool) {
        if tokio::time::timeout(LEAVE_WITHIN, self.keeper.stop(keep)).await.is_err() {
            error!("the kernel does not answer: routes of ours may stay in it");
        }
    }
}

/// A neighbor whose routes are taken, or whose address is protected.
struct Source {
    neighbor: Neighbor,
    peer: Peer,
    stopped: bool,
    /// The table as it was looked at last, by its version.
    routes: Option<(u64, Arc<RouteSet>)>,
    /// As it was told last: routes of a peer that restarts gracefully stay while it is away.
    identifier: RouterId,
}

struct Sources {
    settings: Settings,
    own: Vec<IpAddr>,
    all: Vec<Source>,
}

impl Sources {
    fn new(edge: &Edge, settings: Settings, router: &Router) -> Self {
        let source = |member: &Member| {
            let (neighbor, peer) = (member.neighbor.clone(), member.peer.clone()?);
            Some(Source { neighbor, peer, stopped: member.stopped, routes: None, identifier: unknown() })
        };
        Self { settings, own: own(edge), all: router.members().iter().filter_map(source).collect() }
    }

    fn look(&mut self) -> Input {
        let neighbors = self.all.iter_mut().map(Source::look).collect();
        Input { settings: self.settings.clone(), neighbors, own: self.own.clone() }
    }
}

/// Of a neighbor that has not said one yet: the last among equals.
fn unknown() -> RouterId {
    RouterId::new(Ipv4Addr::BROADCAST).expect("it is not zero")
}

/// Addresses that neighbors know us by.
fn own(edge: &Edge) -> Vec<IpAddr> {
    let listen = edge.listen.iter().map(|socket| socket.ip()).filter(|address| !address.is_unspecified());
    let local = edge.neighbors.iter().filter_map(|neighbor| neighbor.peer.transport.local);
    let mut own: Vec<IpAddr> = listen.chain(local).collect();
    own.sort_unstable();
    own.dedup();
    own
}

impl Source {
    fn look(&mut self) -> Reached {
        let status = self.peer.status().borrow().clone();
        let config = self.peer.config();
        if let Some(agreed) = &status.negotiated {
            self.identifier = agreed.router_id;
        }
        let imports = config.import == Import::All;
        let routes = match &self.routes {
            Some((version, routes)) if *version == status.learned_version => routes.clone(),
            _ if imports => Arc::new(self.peer.learned().to_set()),
            _ => Arc::default(),
        };
        self.routes = Some((status.learned_version, routes.clone()));
        Reached {
            name: config.name.clone(),
            address: config.transport.remote.ip(),
            path: self.neighbor.path.clone(),
            external: config.remote_as != config.local_as,
            identifier: self.identifier,
            routes,
            settled: !imports || self.stopped || status.end_of_rib,
        }
    }
}
