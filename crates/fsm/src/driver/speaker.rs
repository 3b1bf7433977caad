//! The listeners of one BGP router, and the handles of its peers.

use super::{
    Status,
    inherited::Inherited,
    registry::{Range, Registry},
    sockopt,
};
use crate::{
    Md5Key, PeerConfig,
    session::{Learned, State},
};
use ipnet::IpNet;
use quadzero_codec::Notification;
use quadzero_rib::{AdjRibIn, RouteSet};
use socket2::SockRef;
use std::{
    io,
    net::{IpAddr, Shutdown, SocketAddr},
    os::fd::AsRawFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, futures::Notified, oneshot, watch},
    task::AbortHandle,
};
use tracing::{info, warn};

/// What an operator wants of a peer.
pub(super) enum Wish {
    Start,
    /// With whom to tell that the session knows.
    Stop(Notification, oneshot::Sender<()>),
    /// Gone without a word, as a machine that has failed is.
    Vanish,
}

/// What has come for a peer's task: levels, not a queue. A second connection that comes before the first was
/// looked at takes its place.
#[derive(Default)]
pub(super) struct Inbox {
    notify: Notify,
    held: Mutex<Held>,
}

#[derive(Default)]
pub(super) struct Held {
    pub(super) wish: Option<Wish>,
    pub(super) stream: Option<TcpStream>,
    /// The key of [`Shared::key`] is another one.
    pub(super) new_key: bool,
    /// BFD says that the path to the peer is gone.
    pub(super) bfd_down: bool,
    /// The peer is to say everything once more.
    pub(super) ask_again: bool,
    /// The configuration of [`Shared::config`] is another one.
    pub(super) configured: Option<Configured>,
}

/// How a new configuration is to be taken.
#[derive(Default)]
pub(super) struct Configured {
    /// What the peer is told, if the session is to be reset for it.
    pub(super) reset: Option<Notification>,
}

impl Inbox {
    pub(super) fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }

    pub(super) fn take(&self) -> Held {
        std::mem::take(&mut *lock(&self.held))
    }

    pub(super) fn is_empty(&self) -> bool {
        let held = lock(&self.held);
        held.wish.is_none() && held.stream.is_none()
    }

    fn put(&self, put: impl FnOnce(&mut Held)) {
        put(&mut lock(&self.held));
        self.notify.notify_one();
    }
}

/// What a peer's task and its handles share.
pub(super) struct Shared {
    /// By what address the peer is known, whatever else of it changes.
    pub(super) address: IpAddr,
    config: Mutex<Arc<PeerConfig>>,
    learned: Learned,
    pub(super) inbox: Inbox,
    /// The TCP MD5 key that holds now.
    key: Mutex<Option<Md5Key>>,
    task: Mutex<Option<AbortHandle>>,
}

impl Shared {
    pub(super) fn new(config: Arc<PeerConfig>, learned: Learned) -> Self {
        let key = Mutex::new(config.transport.md5.clone());
        let address = known_by(&config);
        let config = Mutex::new(config);
        Self { address, config, learned, inbox: Inbox::default(), key, task: Mutex::default() }
    }

    pub(super) fn config(&self) -> Arc<PeerConfig> {
        lock(&self.config).clone()
    }

    pub(super) fn key(&self) -> Option<Md5Key> {
        lock(&self.key).clone()
    }

    pub(super) fn has_task(&self, task: AbortHandle) {
        *lock(&self.task) = Some(task);
    }
}

/// A handle to a peer. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    shared: Arc<Shared>,
    status: watch::Receiver<Status>,
}

impl Peer {
    pub(super) fn new(shared: Arc<Shared>, status: watch::Receiver<Status>) -> Self {
        Self { shared, status }
    }

    /// As it is configured.
    pub fn config(&self) -> Arc<PeerConfig> {
        self.shared.config()
    }

    /// How it is doing. Wakes who waits for news: the state, the table learned, what was told; counters alone are none.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// What it announced and was accepted. Do not hold the lock for long: the session waits for it.
    pub fn learned(&self) -> MutexGuard<'_, AdjRibIn> {
        lock(&self.shared.learned)
    }

    /// Starts it again after [`Self::stop`].
    pub fn start(&self) {
        self.shared.inbox.put(|held| held.wish = Some(Wish::Start));
    }

    /// Closes its connections without a word, as the death of a machine does, and stays away until [`Self::start`].
    pub fn vanish(&self) {
        self.shared.inbox.put(|held| held.wish = Some(Wish::Vanish));
    }

    /// Asks it for all of its routes once more (RFC 2918), if it has the capability.
    pub fn ask_again(&self) {
        self.shared.inbox.put(|held| held.ask_again = true);
    }

    /// BFD was Up and says that the path to the peer is gone: an Established session ends, with Cease/10 (RFC 9384).
    pub fn bfd_down(&self) {
        self.shared.inbox.put(|held| held.bfd_down = true);
    }

    /// Withdraws everything, sends the NOTIFICATION, and returns when the connection is closed: after some seconds
    /// at the most, even if the peer does not read.
    pub async fn stop(&self, notification: Notification) {
        let (told, heard) = oneshot::channel();
        self.shared.inbox.put(|held| held.wish = Some(Wish::Stop(notification, told)));
        let (mut status, mut ended) = (self.status.clone(), self.status.clone());
        let gone = async {
            tokio::select! {
                // Another wish may take the place of this one.
                _heard_or_replaced = heard => {}
                // A dynamic peer may just have left, and hears nothing any more.
                _ = ended.wait_for(|_| false) => return,
            }
            let _gone = status.wait_for(|s| s.state == State::Idle && s.gone).await;
        };
        let _the_peer_may_be_stuck = tokio::time::timeout(STOP_WITHIN, gone).await;
    }

    /// Ends the session with the NOTIFICATION, and begins another.
    pub fn reset(&self, notification: Notification) {
        self.shared.inbox.put(|held| {
            held.configured.get_or_insert_default().reset.get_or_insert(notification);
        });
    }

    /// [`Self::stop`] for good: afterwards there is nothing left of it.
    pub async fn leave(self, notification: Notification) {
        self.stop(notification).await;
        self.abort();
    }

    /// Takes another configuration (of the same address), by a reset if there is a NOTIFICATION for it.
    pub(super) fn configure(&self, config: PeerConfig, reset: Option<Notification>) {
        *lock(&self.shared.config) = Arc::new(config);
        self.shared.inbox.put(|held| {
            let configured = held.configured.get_or_insert_default();
            configured.reset = reset.or(configured.reset.take());
        });
    }

    pub(super) fn is(&self, shared: &Shared) -> bool {
        std::ptr::eq(&*self.shared, shared)
    }

    pub(super) fn accept(&self, stream: TcpStream) {
        self.shared.inbox.put(|held| held.stream = Some(stream));
    }

    pub(super) fn key(&self) -> Option<Md5Key> {
        self.shared.key()
    }

    pub(super) fn change_key(&self, key: Option<Md5Key>) {
        *lock(&self.shared.key) = key;
        self.shared.inbox.put(|held| held.new_key = true);
    }

    pub(super) fn abort(&self) {
        if let Some(task) = lock(&self.shared.task).take() {
            task.abort();
        }
    }
}

/// The session's time to withdraw, the time for its last words, and some to spare.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// One BGP router: its listeners and its peers, each a task on the runtime that it is used in.
/// Dropping it ends them all, without a word.
#[derive(Default)]
pub struct Speaker {
    registry: Arc<Registry>,
    listeners: Mutex<Vec<Listening>>,
    inherited: Inherited,
}

/// A socket that connections are accepted at.
struct Listening {
    listener: Arc<TcpListener>,
    task: AbortHandle,
    /// It is not ours alone.
    inherited: bool,
}

impl Speaker {
    /// A router without listeners and peers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A listening socket that somebody else has made for us (socket activation); [`Self::listen`] takes it for its address. Until
    /// then, whoever connects there is turned away. Returns the address.
    ///
    /// # Errors
    /// It does not listen, or it takes IPv4 at an IPv6 address.
    pub fn inherit(&self, socket: std::net::TcpListener) -> io::Result<SocketAddr> {
        self.inherited.add(socket)
    }

    /// Accepts connections at the address, from peers only; returns the address, with the port that the system picked for
    /// port 0. The machine may have the address later. A socket that was inherited for it is taken before a new one is made.
    ///
    /// # Errors
    /// The system's, when the address cannot be bound.
    pub fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let inherited = self.inherited.take(address)?;
        let is_inherited = inherited.is_some();
        let (socket, is_here) = match inherited {
            Some(socket) => (socket, true),
            None => sockopt::listener(address)?,
        };
        let prepared = self
            .registry
            .for_each_known(|whose, config, key| allow(&socket, address.is_ipv6(), whose, config, key))
            .and_then(|()| TcpListener::from_std(socket.into()));
        let listener = Arc::new(prepared.inspect_err(|_| {
            if is_inherited {
                self.inherited.give_back(address);
            }
        })?);
        let address = listener.local_addr()?;
        if is_inherited {
            info!(%address, "listens on the socket that was handed over");
        } else if !is_here {
            warn!(%address, "listens, but this machine does not have the address yet: it works as soon as it has");
        }
        let task = tokio::spawn(accept_all(listener.clone(), self.registry.clone())).abort_handle();
        lock(&self.listeners).push(Listening { listener, task, inherited: is_inherited });
        Ok(address)
    }

    /// Where sockets were inherited that nothing listens on.
    pub fn left_unused(&self) -> Vec<SocketAddr> {
        self.inherited.unused()
    }

    /// Accepts no connections at the address any more; those that are there stay.
    pub fn unlisten(&self, address: SocketAddr) {
        lock(&self.listeners).retain(|Listening { listener, task, inherited }| {
            let stays = listener.local_addr().is_ok_and(|known| known != address);
            if !stays {
                task.abort();
                if *inherited {
                    // Whoever has it as well, and starts us again with it, must find it as it was.
                    self.inherited.give_back(address);
                } else {
                    // The task lets go of it some time later; the address is free at once.
                    let _it_was_no_listener = SockRef::from(listener.as_ref()).shutdown(Shutdown::Both);
                }
            }
            stays
        });
    }

    /// Starts a peer, which is to have the routes of `wanted` from now on.
    ///
    /// # Errors
    /// The system's, when a listener does not take the peer's MD5 key; `AlreadyExists` when there is a peer with the address.
    pub fn add(&self, config: PeerConfig, wanted: watch::Receiver<Arc<RouteSet>>) -> io::Result<Peer> {
        self.allow(known_by(&config).into(), &config)?;
        self.registry.add(config, wanted)
    }

    /// Accepts whoever dials from a prefix, as a peer of its own (dynamic neighbors).
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn add_range(&self, range: Range) -> io::Result<()> {
        self.allow(range.prefix, &range.peer)?;
        self.registry.add_range(range)
    }

    /// Takes away a peer, or a range and all that is of it: they are known no more, and are still to [`Peer::leave`].
    pub fn remove(&self, whose: IpNet) -> Vec<Peer> {
        let _there_was_none = self.admit_key(whose, None);
        self.registry.remove(whose)
    }

    /// Takes another configuration of a peer, or of a range and all that is of it, with the limit of the range. With a
    /// NOTIFICATION the sessions are reset for it: [`PeerConfig::difference`] says whether they have to. What listeners need
    /// of it ([`Self::admit`], [`Self::change_key`]) comes before.
    pub fn configure(&self, whose: IpNet, config: &PeerConfig, limit: usize, reset: Option<&Notification>) {
        self.registry.configure(whose, config, limit, reset);
    }

    /// Prepares the listeners for a peer, or a range, that is configured like that.
    ///
    /// # Errors
    /// The system's, when a listener does not take it.
    pub fn admit(&self, whose: IpNet, config: &PeerConfig) -> io::Result<()> {
        self.allow(whose, config)
    }

    /// Has the listeners expect this TCP MD5 key, and leaves peers and their connections alone.
    ///
    /// # Errors
    /// The system's, when a listener does not take it.
    pub fn admit_key(&self, whose: IpNet, key: Option<&Md5Key>) -> io::Result<()> {
        for Listening { listener, .. } in lock(&self.listeners).iter() {
            if listener.local_addr()?.is_ipv6() == whose.addr().is_ipv6() {
                sockopt::set_md5(listener.as_ref(), whose, key)?;
            }
        }
        Ok(())
    }

    /// Everybody there is now, dynamic peers among them.
    pub fn peers(&self) -> Vec<Peer> {
        self.registry.peers()
    }

    /// Takes no new dynamic peers from now on. Returns those that are there.
    pub fn close_ranges(&self) -> Vec<Peer> {
        self.registry.close_ranges()
    }

    /// Changes the TCP MD5 key of a peer, or of a range and all that is of it: for listeners, for dials to come, and for
    /// connections, which stay where the kernel can (segments signed with the old key are sent again). The peer has to change
    /// it too, before the hold time is over. Between a key and none no connection can be kept: that holds for the next one.
    ///
    /// # Errors
    /// The system's, when a listener does not take it.
    pub fn change_key(&self, whose: IpNet, key: Option<&Md5Key>) -> io::Result<()> {
        self.admit_key(whose, key)?;
        self.registry.change_key(whose, key);
        Ok(())
    }

    fn allow(&self, whose: IpNet, config: &PeerConfig) -> io::Result<()> {
        for Listening { listener, .. } in lock(&self.listeners).iter() {
            let ipv6 = listener.local_addr()?.is_ipv6();
            allow(listener.as_ref(), ipv6, whose, config, config.transport.md5.as_ref())?;
        }
        Ok(())
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        lock(&self.listeners).drain(..).for_each(|listening| listening.task.abort());
        self.registry.peers().iter().for_each(Peer::abort);
    }
}

impl Status {
    pub(super) fn idle() -> Self {
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
            told: None,
            end_of_rib: false,
            in_sync: false,
            gone: true,
        }
    }
}

/// What a listener needs of peers that may dial in: their key (RFC 2385), and a TTL that they take (RFC 5082).
fn allow(
    listener: &impl AsRawFd,
    ipv6: bool,
    whose: IpNet,
    config: &PeerConfig,
    key: Option<&Md5Key>,
) -> io::Result<()> {
    if matches!(whose, IpNet::V6(_)) != ipv6 {
        return Ok(());
    }
    if config.transport.min_ttl.is_some() {
        sockopt::answer_with_full_ttl(listener, whose.addr())?;
    }
    if key.is_some() { sockopt::set_md5(listener, whose, key) } else { Ok(()) }
}

async fn accept_all(listener: Arc<TcpListener>, registry: Arc<Registry>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => registry.accepted(stream, from),
            // Out of file descriptors, as a rule: the connections that are there matter more than new ones.
            Err(error) => {
                warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// A panic elsewhere leaves levels, not half-made steps: what is locked is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address that a peer is known by.
pub(super) fn known_by(config: &PeerConfig) -> IpAddr {
    config.transport.remote.ip().to_canonical()
}
