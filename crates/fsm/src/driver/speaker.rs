//! The listeners and peers of one BGP router.

use super::{Status, sockopt, task::Task};
use crate::{
    PeerConfig,
    session::{Encodings, Learned, Session, State},
};
use quadzero_codec::Notification;
use quadzero_rib::{AdjRibIn, RouteSet};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, futures::Notified, oneshot, watch},
    task::AbortHandle,
};
use tracing::{debug, error_span, warn};

/// What an operator wants of a peer.
pub(super) enum Wish {
    Start,
    /// With whom to tell that the session knows.
    Stop(Notification, oneshot::Sender<()>),
}

/// What has come for a peer's task: levels, not a queue. A second connection that comes before the first was
/// looked at takes its place.
#[derive(Default)]
pub(super) struct Inbox {
    notify: Notify,
    bfd_down: AtomicBool,
    held: Mutex<(Option<Wish>, Option<TcpStream>)>,
}

impl Inbox {
    pub(super) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }

    pub(super) fn take(&self) -> (Option<Wish>, Option<TcpStream>) {
        std::mem::take(&mut *lock(&self.held))
    }

    pub(super) fn take_bfd_down(&self) -> bool {
        self.bfd_down.swap(false, Ordering::Relaxed)
    }

    fn wish(&self, wish: Wish) {
        lock(&self.held).0 = Some(wish);
        self.notify.notify_one();
    }

    fn accept(&self, stream: TcpStream) {
        lock(&self.held).1 = Some(stream);
        self.notify.notify_one();
    }
}

/// What a peer's task and its handles share.
pub(super) struct Shared {
    config: Arc<PeerConfig>,
    learned: Learned,
    pub(super) inbox: Inbox,
    task: Mutex<Option<AbortHandle>>,
}

/// A handle to a peer. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    shared: Arc<Shared>,
    status: watch::Receiver<Status>,
}

impl Peer {
    /// As it was configured.
    pub fn config(&self) -> &PeerConfig {
        &self.shared.config
    }

    /// How it is doing. Wakes who waits for news: the state, the table learned, whether all is said; counters alone are none.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// What it announced and was accepted. Do not hold the lock for long: the session waits for it.
    pub fn learned(&self) -> MutexGuard<'_, AdjRibIn> {
        lock(&self.shared.learned)
    }

    /// Starts it again after [`Self::stop`].
    pub fn start(&self) {
        self.shared.inbox.wish(Wish::Start);
    }

    /// BFD was Up and says that the path to the peer is gone: an Established session ends, with Cease/10 (RFC 9384).
    pub fn bfd_down(&self) {
        self.shared.inbox.bfd_down.store(true, Ordering::Relaxed);
        self.shared.inbox.notify.notify_one();
    }

    /// Withdraws everything, sends the NOTIFICATION, and returns when the connection is closed: after some seconds
    /// at the most, even if the peer does not read.
    pub async fn stop(&self, notification: Notification) {
        let (told, heard) = oneshot::channel();
        self.shared.inbox.wish(Wish::Stop(notification, told));
        let mut status = self.status.clone();
        let gone = async {
            // Another wish may take the place of this one.
            let _heard_or_replaced = heard.await;
            let _gone = status.wait_for(|s| s.state == State::Idle && s.gone).await;
        };
        let _the_peer_may_be_stuck = tokio::time::timeout(STOP_WITHIN, gone).await;
    }
}

/// The session's time to withdraw, the time for its last words, and some to spare.
const STOP_WITHIN: Duration = Duration::from_secs(10);

type Peers = Arc<Mutex<HashMap<IpAddr, Arc<Shared>>>>;

/// One BGP router: its listeners and its peers, each a task on the runtime that it is used in.
/// Dropping it ends them all, without a word.
#[derive(Default)]
pub struct Speaker {
    peers: Peers,
    listeners: Mutex<Vec<(Arc<TcpListener>, AbortHandle)>>,
    encodings: Arc<Encodings>,
    seeds: RandomState,
}

impl Speaker {
    /// A router without listeners and peers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts connections at the address, from configured peers only; returns the address, with the port
    /// that the system picked for port 0.
    ///
    /// # Errors
    /// The system's, when the address cannot be bound.
    pub fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = sockopt::listener(address)?;
        for peer in lock(&self.peers).values() {
            allow(&socket, address.is_ipv6(), &peer.config)?;
        }
        let listener = Arc::new(TcpListener::from_std(socket.into())?);
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept_all(listener.clone(), self.peers.clone()));
        lock(&self.listeners).push((listener, task.abort_handle()));
        Ok(address)
    }

    /// Starts a peer, which is to have the routes of `wanted` from now on.
    ///
    /// # Errors
    /// The system's, when a listener does not take the peer's MD5 key; `AlreadyExists` when there is a peer with the address.
    pub fn add(&self, config: PeerConfig, wanted: watch::Receiver<Arc<RouteSet>>) -> io::Result<Peer> {
        let address = config.transport.remote.ip().to_canonical();
        if lock(&self.peers).contains_key(&address) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{address} is a peer already")));
        }
        for (listener, _) in lock(&self.listeners).iter() {
            allow(listener.as_ref(), listener.local_addr()?.is_ipv6(), &config)?;
        }
        let config = Arc::new(config);
        // As grave as can be, so that no level hides whose line it is.
        let span = error_span!("peer", neighbor = %config.name);
        let seed = self.seeds.hash_one(&config.name);
        let session = Session::new(config.clone(), self.encodings.clone(), seed);
        let shared = Arc::new(Shared {
            learned: session.learned().clone(),
            inbox: Inbox::default(),
            task: Mutex::default(),
            config,
        });
        let (sender, status) = watch::channel(Status::idle());
        lock(&self.peers).insert(address, shared.clone());
        let task = tokio::spawn(Task::new(session, shared.clone(), wanted, sender, span).run());
        *lock(&shared.task) = Some(task.abort_handle());
        Ok(Peer { shared, status })
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        for (_, task) in lock(&self.listeners).drain(..) {
            task.abort();
        }
        for (_, peer) in lock(&self.peers).drain() {
            if let Some(task) = lock(&peer.task).take() {
                task.abort();
            }
        }
    }
}

impl Status {
    fn idle() -> Self {
        Self {
            state: State::Idle,
            since: Instant::now(),
            negotiated: None,
            last_down: None,
            counters: Default::default(),
            learned_version: 0,
            prefixes_received: 0,
            prefixes_sent: 0,
            addresses: None,
            in_sync: false,
            gone: true,
        }
    }
}

/// What a listener needs of a peer that may dial in: its key (RFC 2385), and a TTL that it takes (RFC 5082).
fn allow(listener: &impl std::os::fd::AsRawFd, ipv6: bool, config: &PeerConfig) -> io::Result<()> {
    let transport = &config.transport;
    let peer = transport.remote.ip().to_canonical();
    if peer.is_ipv6() != ipv6 {
        return Ok(());
    }
    if transport.min_ttl.is_some() {
        sockopt::answer_with_full_ttl(listener, peer)?;
    }
    transport.md5.as_ref().map_or(Ok(()), |key| sockopt::set_md5(listener, peer, key))
}

async fn accept_all(listener: Arc<TcpListener>, peers: Peers) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let peer = lock(&peers).get(&from.ip().to_canonical()).cloned();
                match peer {
                    Some(peer) => peer.inbox.accept(stream),
                    None => debug!(%from, "refused: no neighbor has this address"),
                }
            }
            // Out of file descriptors, as a rule: the connections that are there matter more than new ones.
            Err(error) => {
                warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A panic elsewhere leaves levels, not half-made steps: what is locked is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
