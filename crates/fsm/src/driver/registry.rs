//! Who the peers are: those configured, each with its address, and those that dial in from a range.
//!
//! ```text
//!   a connection ──► a configured peer has the address? ──► its inbox
//!                    a dynamic one, dialled in before?  ──► its inbox
//!                    a range holds it, and has room?    ──► a new dynamic peer
//!                    else: closed
//! ```
//!
//! A dynamic peer lives as long as there is anything to remember of it: a connection, a wait after an error, stale routes.

use super::{
    Status,
    speaker::{Peer, Shared, known_by, lock},
    task::Task,
};
use crate::{
    Md5Key, Mode, PeerConfig,
    session::{Encodings, Session},
};
use ipnet::IpNet;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_rib::RouteSet;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{net::TcpStream, sync::watch};
use tracing::{debug, error_span, info, warn};

/// Neighbors that are known by their prefix alone, and dial us (passive).
#[derive(Clone, Debug)]
pub struct Range {
    /// Where they dial from.
    pub prefix: IpNet,
    /// How many of them there may be at once.
    pub limit: usize,
    /// What each of them is, but for its name, its address and [`Mode::Passive`].
    pub peer: PeerConfig,
    /// What each of them is to have.
    pub wanted: watch::Receiver<Arc<RouteSet>>,
}

/// The peers of a router, and what they share.
#[derive(Default)]
pub(super) struct Registry {
    table: Mutex<Table>,
    encodings: Arc<Encodings>,
    seeds: RandomState,
}

#[derive(Default)]
struct Table {
    peers: HashMap<IpAddr, Entry>,
    ranges: Vec<Range>,
}

struct Entry {
    peer: Peer,
    /// The range that it is of, if it is a dynamic one.
    range: Option<IpNet>,
}

impl Entry {
    /// Whether it is who is configured by that address or range.
    fn is_of(&self, address: IpAddr, whose: IpNet) -> bool {
        self.range.unwrap_or_else(|| address.into()) == whose
    }
}

impl Registry {
    /// A configured peer begins its work.
    ///
    /// # Errors
    /// `AlreadyExists` when there is a peer with the address.
    pub(super) fn add(
        self: &Arc<Self>,
        config: PeerConfig,
        wanted: watch::Receiver<Arc<RouteSet>>,
    ) -> io::Result<Peer> {
        let mut table = self.lock();
        let address = known_by(&config);
        if table.peers.get(&address).is_some_and(|entry| entry.range.is_none()) {
            return Err(taken(format!("{address} is a peer already")));
        }
        if let Some(dynamic) = table.peers.remove(&address) {
            // It has a configuration of its own now, and so another session.
            let changed = Notification::new(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE);
            tokio::spawn(dynamic.peer.leave(changed));
        }
        Ok(self.start(&mut table, config, wanted, None))
    }

    /// A configured peer, or a range and its peers, is known no more.
    pub(super) fn remove(&self, whose: IpNet) -> Vec<Peer> {
        let mut table = self.lock();
        table.ranges.retain(|range| range.prefix != whose);
        let (gone, stay) = std::mem::take(&mut table.peers)
            .into_iter()
            .partition::<HashMap<_, _>, _>(|(address, entry)| entry.is_of(*address, whose));
        table.peers = stay;
        gone.into_values().map(|entry| entry.peer).collect()
    }

    /// A configured peer, or a range and its peers, is configured otherwise from now on.
    pub(super) fn configure(
        &self,
        whose: IpNet,
        config: &PeerConfig,
        limit: usize,
        reset: Option<&Notification>,
    ) {
        let mut table = self.lock();
        for range in table.ranges.iter_mut().filter(|range| range.prefix == whose) {
            range.peer = config.clone();
            range.limit = limit;
        }
        for (address, entry) in table.peers.iter().filter(|(address, entry)| entry.is_of(**address, whose)) {
            let config = match entry.range {
                Some(_) => of_range(config, *address),
                None => config.clone(),
            };
            entry.peer.configure(config, reset.cloned());
        }
    }

    /// # Errors
    /// `AlreadyExists` when there is such a range.
    pub(super) fn add_range(&self, range: Range) -> io::Result<()> {
        let mut table = self.lock();
        if table.ranges.iter().any(|known| known.prefix == range.prefix) {
            return Err(taken(format!("{} is a range already", range.prefix)));
        }
        table.ranges.push(range);
        Ok(())
    }

    fn start(
        self: &Arc<Self>,
        table: &mut Table,
        config: PeerConfig,
        wanted: watch::Receiver<Arc<RouteSet>>,
        range: Option<IpNet>,
    ) -> Peer {
        let address = known_by(&config);
        let config = Arc::new(config);
        // As grave as can be, so that no level hides whose line it is.
        let span = error_span!("peer", neighbor = %config.name);
        let seed = self.seeds.hash_one(&config.name);
        let session = Session::new(config.clone(), self.encodings.clone(), seed);
        let shared = Arc::new(Shared::new(config, session.learned().clone()));
        let (sender, status) = watch::channel(Status::idle());
        let peer = Peer::new(shared.clone(), status);
        table.peers.insert(address, Entry { peer: peer.clone(), range });
        let registry = range.map(|_| self.clone());
        let task = tokio::spawn(Task::new(session, shared.clone(), registry, wanted, sender, span).run());
        shared.has_task(task.abort_handle());
        peer
    }

    /// Gives a connection to the peer that it is of.
    pub(super) fn accepted(self: &Arc<Self>, stream: TcpStream, from: SocketAddr) {
        let address = from.ip().to_canonical();
        let mut table = self.lock();
        let known = table.peers.get(&address).map(|entry| entry.peer.clone());
        match known.or_else(|| self.welcome(&mut table, address)) {
            Some(peer) => peer.accept(stream),
            None => debug!(%from, "refused: no neighbor has this address"),
        }
    }

    /// A new peer of a range: of the longest that holds it, as long as there is room.
    fn welcome(self: &Arc<Self>, table: &mut Table, address: IpAddr) -> Option<Peer> {
        let holds = table.ranges.iter().filter(|range| range.prefix.contains(&address));
        let range = holds.max_by_key(|range| range.prefix.prefix_len())?.clone();
        let there = table.peers.values().filter(|entry| entry.range == Some(range.prefix)).count();
        if there >= range.limit {
            debug!(%address, range = %range.prefix, "refused: the range has all its neighbors");
            return None;
        }
        if there + 1 == range.limit {
            warn!(range = %range.prefix, limit = range.limit, "the last neighbor that the range may have");
        }
        let config = of_range(&range.peer, address);
        info!(neighbor = %config.name, range = %range.prefix, "new dynamic neighbor");
        Some(self.start(table, config, range.wanted, Some(range.prefix)))
    }

    /// A dynamic peer has nothing left to remember: it goes, unless a connection has just come for it.
    pub(super) fn retire(&self, shared: &Shared) -> bool {
        let mut table = self.lock();
        let leaves = shared.inbox.is_empty();
        // Another may have its address by now.
        if leaves && table.peers.get(&shared.address).is_some_and(|entry| entry.peer.is(shared)) {
            table.peers.remove(&shared.address);
        }
        leaves
    }

    /// Everybody there is.
    pub(super) fn peers(&self) -> Vec<Peer> {
        self.lock().peers.values().map(|entry| entry.peer.clone()).collect()
    }

    /// No new dynamic peers from now on; those there are.
    pub(super) fn close_ranges(&self) -> Vec<Peer> {
        let mut table = self.lock();
        table.ranges.clear();
        let dynamic = table.peers.values().filter(|entry| entry.range.is_some());
        dynamic.map(|entry| entry.peer.clone()).collect()
    }

    /// Whom a listener has to know beforehand: each peer and range, its TTL security and its key.
    pub(super) fn for_each_known(
        &self,
        mut know: impl FnMut(IpNet, &PeerConfig, Option<&Md5Key>) -> io::Result<()>,
    ) -> io::Result<()> {
        let table = self.lock();
        for Entry { peer, .. } in table.peers.values().filter(|entry| entry.range.is_none()) {
            let config = peer.config();
            know(known_by(&config).into(), &config, peer.key().as_ref())?;
        }
        table
            .ranges
            .iter()
            .try_for_each(|range| know(range.prefix, &range.peer, range.peer.transport.md5.as_ref()))
    }

    /// The key of whoever has the prefix is another one from now on: the configured peer, or a range and its peers.
    pub(super) fn change_key(&self, whose: IpNet, key: Option<&Md5Key>) {
        let mut table = self.lock();
        for range in table.ranges.iter_mut().filter(|range| range.prefix == whose) {
            range.peer.transport.md5 = key.cloned();
        }
        for (address, entry) in &table.peers {
            if entry.is_of(*address, whose) {
                entry.peer.change_key(key.cloned());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

/// What one neighbor of a range is.
fn of_range(range: &PeerConfig, address: IpAddr) -> PeerConfig {
    let mut config = range.clone();
    config.name = format!("{} {address}", range.name);
    config.mode = Mode::Passive;
    config.transport.remote.set_ip(address);
    config
}

fn taken(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, why)
}
