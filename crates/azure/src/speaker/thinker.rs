//! The one task that thinks for all sessions.

use super::Session;
use crate::config::Azure;
use crate::gateway::{Heard, Refused, Table, prefix_count};
use quadzero_codec::{ErrorCode, Notification};
use quadzero_rib::RouteSet;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

/// Looks at all sessions whenever one has news, and tells all of them what follows.
pub(super) struct Thinker {
    azure: Arc<Azure>,
    sessions: Arc<[Session]>,
    wanted: Vec<watch::Sender<Arc<RouteSet>>>,
    published: watch::Sender<Arc<Table>>,
    news: Arc<Notify>,
    watching: JoinSet<()>,
    /// Sessions that took the gateway over its limit, until their penalty is over.
    penalties: JoinSet<usize>,
    penalised: BTreeSet<usize>,
    /// The version of each session's table when it was last looked at.
    seen: Vec<u64>,
}

/// What one session has brought, at one version of its table.
struct Hearing {
    session: usize,
    version: u64,
    heard: Heard,
}

impl Thinker {
    pub(super) fn new(
        azure: Arc<Azure>,
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
        let seen = vec![0; sessions.len()];
        Self {
            azure,
            sessions,
            wanted,
            published,
            news,
            watching,
            penalties: JoinSet::new(),
            penalised: BTreeSet::new(),
            seen,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.news.notified() => self.think(),
                Some(over) = self.penalties.join_next() => if let Ok(session) = over { self.forgive(session) },
                Some(_) = self.watching.join_next() => return,
            }
        }
    }

    fn think(&mut self) {
        let mut hearings = self.hear();
        self.keep_limit(&mut hearings);
        let heard: Vec<Heard> = hearings.into_iter().map(|hearing| hearing.heard).collect();
        let table = Table::new(self.azure.clone(), &heard);
        for (session, wanted) in self.sessions.iter().zip(&self.wanted) {
            let routes = Arc::new(table.announced(session.instance, session.connection));
            wanted.send_if_modified(|told| {
                let changed = **told != *routes;
                *told = routes;
                changed
            });
        }
        self.tell_refusals(&table);
        self.published.send_replace(Arc::new(table));
    }

    /// Azure does not say what it drops; somebody who tests an edge wants to know.
    fn tell_refusals(&self, table: &Table) {
        let known: BTreeSet<Refused> = self.published.borrow().refused().iter().copied().collect();
        for Refused { prefix, peer, why } in table.refused().iter().filter(|refused| !known.contains(refused))
        {
            info!(%peer, %prefix, "route dropped: {why}");
        }
    }

    /// What the Established sessions have brought. The version is read first: a table that changes meanwhile
    /// is news once more.
    fn hear(&self) -> Vec<Hearing> {
        let hear = |(i, session): (usize, &Session)| {
            let status = session.peer.status();
            let (version, peer_id) = {
                let status = status.borrow();
                (status.learned_version, status.negotiated.as_ref()?.router_id)
            };
            let routes = session.peer.learned().to_set();
            let heard = Heard { instance: session.instance, connection: session.connection, peer_id, routes };
            (!self.penalised.contains(&i)).then_some(Hearing { session: i, version, heard })
        };
        self.sessions.iter().enumerate().filter_map(hear).collect()
    }

    /// Over the limit of prefixes, the sessions that brought something new are dropped, the last one first
    /// (azure.md §8, row 20).
    fn keep_limit(&mut self, hearings: &mut Vec<Hearing>) {
        let limit = self.azure.gateway.max_prefixes;
        while prefix_count(hearings.iter().map(|hearing| &hearing.heard.routes)) > limit {
            let is_news = |hearing: &Hearing| self.seen[hearing.session] != hearing.version;
            let Some(over) = hearings.iter().rposition(is_news) else { break };
            self.penalise(hearings.remove(over).session);
        }
        for hearing in hearings {
            self.seen[hearing.session] = hearing.version;
        }
    }

    fn penalise(&mut self, session: usize) {
        let peer = self.sessions[session].peer.clone();
        let penalty = self.azure.gateway.switches.limit_penalty;
        warn!(peer = %peer.config().name, limit = self.azure.gateway.max_prefixes, "too many prefixes, session dropped");
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
}
