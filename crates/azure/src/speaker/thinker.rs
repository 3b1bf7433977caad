//! The one task that thinks for all sessions.

use super::Session;
use super::limits::{Burst, Hearing, excess};
use crate::config::{Azure, MICROSOFT_ASN, SessionId};
use crate::gateway::kind::Counted;
use crate::gateway::{Heard, Refused, Table};
use quadzero_codec::{Attributes, ErrorCode, Notification};
use quadzero_rib::{Route, RouteSet};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval};
use tracing::{info, warn};

/// How often sessions are looked at that have said the same again: that is no news, but Route Server counts it.
const LOOK: Duration = Duration::from_millis(250);

/// Looks at all sessions whenever one has news, and tells all of them what follows.
pub(super) struct Thinker {
    deployed: watch::Receiver<Arc<Azure>>,
    azure: Arc<Azure>,
    sessions: Arc<[Session]>,
    wanted: Vec<watch::Sender<Arc<RouteSet>>>,
    published: watch::Sender<Arc<Table>>,
    news: Arc<Notify>,
    watching: JoinSet<()>,
    /// Sessions that took the gateway over its limit, until their penalty is over.
    penalties: JoinSet<usize>,
    penalised: BTreeSet<usize>,
    /// Sessions that are reset since their networks have changed.
    resets: JoinSet<()>,
    /// The version of each session's table when it was last looked at.
    seen: Vec<u64>,
    bursts: Vec<Burst>,
    looks: Interval,
    /// Until when a default is new.
    converging: Option<Instant>,
}

impl Thinker {
    pub(super) fn new(
        mut deployed: watch::Receiver<Arc<Azure>>,
        sessions: Arc<[Session]>,
        wanted: Vec<watch::Sender<Arc<RouteSet>>>,
        published: watch::Sender<Arc<Table>>,
    ) -> Self {
        let news = Arc::new(Notify::new());
        let mut watching = JoinSet::new();
        for session in sessions.iter() {
            let (mut status, news) = (session.peer.status(), news.clone());
            watching.spawn(async move {
                while status.changed().await.is_ok() {
                    news.notify_one();
                }
            });
        }
        let azure = deployed.borrow_and_update().clone();
        Self {
            deployed,
            azure,
            wanted,
            published,
            news,
            watching,
            penalties: JoinSet::new(),
            penalised: BTreeSet::new(),
            resets: JoinSet::new(),
            seen: vec![0; sessions.len()],
            bursts: vec![Burst::default(); sessions.len()],
            looks: interval(LOOK),
            converging: None,
            sessions,
        }
    }

    pub(super) async fn run(mut self) {
        let counts_incoming = (0..self.sessions.len()).any(|i| self.counts_incoming(i));
        loop {
            tokio::select! {
                () = self.news.notified() => self.think(),
                Ok(()) = self.deployed.changed() => self.change(),
                Some(over) = self.penalties.join_next() => if let Ok(session) = over { self.forgive(session) },
                Some(_) = self.resets.join_next() => {}
                () = until(self.converging) => {
                    self.converging = None;
                    self.think();
                }
                _ = self.looks.tick(), if counts_incoming => if self.is_behind() { self.think() },
                Some(_) = self.watching.join_next() => return,
            }
        }
    }

    fn think(&mut self) {
        let mut hearings = self.hear();
        for over in excess(&self.azure, &hearings).into_iter().rev() {
            self.penalise(hearings.remove(over).session);
        }
        for hearing in &hearings {
            self.seen[hearing.session] = hearing.version;
        }
        let heard: Vec<Heard> = hearings.into_iter().map(|hearing| hearing.heard).collect();
        let table = Table::new(self.azure.clone(), &heard);
        self.converge(&table);
        let table = table.converging(self.converging.is_some());
        for (session, wanted) in self.sessions.iter().zip(&self.wanted) {
            let routes = table.announced(session.id);
            let warns = session.warns.load(Ordering::Relaxed);
            let routes = Arc::new(if warns { lengthened(&routes) } else { routes });
            wanted.send_if_modified(|told| {
                let changed = **told != *routes;
                *told = routes;
                changed
            });
        }
        self.tell_refusals(&table);
        self.tell_overflows(&table);
        self.tell_caveats(&table);
        self.published.send_replace(Arc::new(table));
    }

    /// A default that was not there before is listed twice for a while, where that is switched on.
    fn converge(&mut self, table: &Table) {
        let switches =
            self.azure.gateways.iter().map(|gateway| gateway.switches.scaled(gateway.switches.converging));
        let lasts = switches.max().unwrap_or_default();
        let is_new = table.has_default() && !self.published.borrow().has_default();
        if is_new && !lasts.is_zero() {
            self.converging = Some(Instant::now() + lasts);
        }
    }

    /// Azure does not say what it drops; somebody who tests an edge wants to know.
    fn tell_refusals(&self, table: &Table) {
        let known: BTreeSet<Refused> = self.published.borrow().refused().iter().copied().collect();
        for Refused { prefix, peer, why } in table.refused().iter().filter(|refused| !known.contains(refused))
        {
            info!(%peer, %prefix, "route dropped: {why}");
        }
    }

    fn tell_caveats(&self, table: &Table) {
        let found = table.caveats();
        let known = if found.is_empty() { Vec::new() } else { self.published.borrow().caveats() };
        found.iter().filter(|caveat| !known.contains(caveat)).for_each(|caveat| warn!("{caveat}"));
    }

    fn tell_overflows(&self, table: &Table) {
        let published = self.published.borrow();
        for SessionId { gateway, connection, .. } in self.azure.sessions().filter(|id| id.instance == 0) {
            let over = table.is_overflowing(gateway, connection);
            if over && !published.is_overflowing(gateway, connection) {
                let name = &self.azure.gateways[gateway].connections[connection].name;
                warn!(
                    connection = name,
                    "more than 1000 prefixes from Azure: the connection of circuit and gateway is down"
                );
            }
        }
    }

    /// What the Established sessions have brought. The version is read first: a table that changes meanwhile
    /// is news once more.
    fn hear(&mut self) -> Vec<Hearing> {
        let now = Instant::now().into_std();
        let mut hearings = Vec::new();
        for (i, session) in self.sessions.iter().enumerate() {
            let (version, counters, peer_id) = {
                let status = session.peer.status();
                let status = status.borrow();
                let Some(negotiated) = &status.negotiated else { continue };
                (status.learned_version, status.counters, negotiated.router_id)
            };
            if self.penalised.contains(&i) {
                continue;
            }
            let routes = session.peer.learned().to_set();
            let held_and_incoming =
                self.bursts[i].look(now, routes.len(), counters.prefixes_announced, counters.established);
            let heard = Heard { session: session.id, peer_id, routes };
            let is_news = self.seen[i] != version;
            hearings.push(Hearing { session: i, version, is_news, held_and_incoming, heard });
        }
        hearings
    }

    fn counts_incoming(&self, session: usize) -> bool {
        let id = self.sessions[session].id;
        let limit = self.azure.gateways[id.gateway].limit(self.azure.connection(id));
        limit.counted == Counted::HeldAndIncoming
    }

    /// Whether a session that counts what is coming in has said something since the last look.
    fn is_behind(&self) -> bool {
        let counting = (0..self.sessions.len()).filter(|i| self.counts_incoming(*i));
        let mut announced =
            counting.map(|i| (i, self.sessions[i].peer.status().borrow().counters.prefixes_announced));
        announced.any(|(i, announced)| self.bursts[i].is_behind(announced))
    }

    fn penalise(&mut self, session: usize) {
        let peer = self.sessions[session].peer.clone();
        let id = self.sessions[session].id;
        let gateway = &self.azure.gateways[id.gateway];
        let penalty = gateway.switches.scaled(gateway.switches.limit_penalty);
        let limit = gateway.limit(self.azure.connection(id)).most;
        warn!(peer = %peer.config().name, limit, "too many prefixes, session dropped");
        self.penalised.insert(session);
        self.penalties.spawn(async move {
            peer.stop(Notification::new(ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES)).await;
            tokio::time::sleep(penalty).await;
            session
        });
    }

    fn forgive(&mut self, session: usize) {
        self.penalised.remove(&session);
        let session = &self.sessions[session];
        if !session.stopped.load(Ordering::Relaxed) {
            session.peer.start();
        }
        // It may be up already, brought back by hand.
        self.think();
    }

    /// The networks are others now. A Route Server that serves a new one asks its peers for everything again, and resets
    /// those that cannot be asked (RS-FAQ D, azure.md §8, row 26).
    fn change(&mut self) {
        let azure = self.deployed.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.azure, azure);
        for session in self.sessions.iter().filter(|session| !session.stopped.load(Ordering::Relaxed)) {
            let gateway = &self.azure.gateways[session.id.gateway];
            let names = |azure: &Azure| -> BTreeSet<String> {
                azure.served_vnets(gateway.place).map(|vnet| vnet.name.clone()).collect()
            };
            if gateway.kind.route_server().is_none() || names(&self.azure).is_subset(&names(&before)) {
                continue;
            }
            let can = session.peer.status().borrow().negotiated.as_ref().map(|n| n.route_refresh);
            match can {
                Some(true) => session.peer.ask_again(),
                Some(false) => {
                    let peer = session.peer.clone();
                    self.resets.spawn(async move {
                        peer.stop(Notification::new(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE)).await;
                        peer.start();
                    });
                }
                None => {}
            }
        }
        self.think();
    }
}

/// For ever, if there is no such moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The same with a longer path: how much longer, no source says.
fn lengthened(routes: &RouteSet) -> RouteSet {
    let longer = |route: &Route| {
        let as_path = route.attributes.as_path.prepended(MICROSOFT_ASN, 2);
        let attributes = Arc::new(Attributes { as_path, ..Attributes::clone(&route.attributes) });
        Route { prefix: route.prefix, attributes }
    };
    routes.iter().map(longer).collect()
}
