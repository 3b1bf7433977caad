//! The BFD of one system: its local addresses and its sessions.

use super::{
    Status, socket,
    task::{Task, now, status},
};
use crate::{
    packet::{Diagnostic, Discriminator, Packet, State},
    session::{Parameters, Session},
};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    io,
    net::IpAddr,
    num::NonZeroU8,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::AbortHandle,
};
use tracing::{debug, error_span, warn};

/// Packets that may wait for a session's task: more than may come while the others have their turn.
const INBOX: usize = 4;

/// More than a Control packet has: what is longer is cut, and its Length says whether that matters.
const LARGEST: usize = 128;

/// A path of one hop, and how closely it is watched.
#[derive(Clone, Debug)]
pub struct Path {
    /// What logs call it.
    pub name: String,
    /// Our end.
    pub local: IpAddr,
    /// The other end.
    pub remote: IpAddr,
    /// How fast we would like to be.
    pub parameters: Parameters,
}

/// The sessions of one local address.
#[derive(Default)]
struct Sessions {
    inboxes: HashMap<Discriminator, mpsc::Sender<Packet>>,
    by_remote: HashMap<IpAddr, Discriminator>,
}

type Shared = Arc<Mutex<Sessions>>;

/// The BFD of one system, its tasks on the runtime that it is used in. Dropping it ends what is received; each session goes with
/// its [`Peer`].
#[derive(Default)]
pub struct Speaker {
    endpoints: Mutex<HashMap<IpAddr, (Shared, AbortHandle)>>,
    random: Random,
}

impl Speaker {
    /// Without sessions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches a path, from now on until the [`Peer`] is dropped.
    ///
    /// # Errors
    /// The system's, when port 3784 of the local address is taken; `AlreadyExists` when the path is watched already, and
    /// `InvalidInput` when its ends are of two families.
    pub fn add(&self, path: Path) -> io::Result<Peer> {
        if path.local.is_ipv4() != path.remote.is_ipv4() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the ends of the path are of two families",
            ));
        }
        let shared = self.endpoint(path.local)?;
        let sender = socket::sender(path.local, self.random.next())?;
        let (inbox, packets) = mpsc::channel(INBOX);
        let discriminator = self.register(&shared, path.remote, inbox)?;
        let session = Session::new(now(), path.parameters, discriminator, self.random.next());
        let span = error_span!("bfd", neighbor = %path.name);
        let (told, status) = watch::channel(status(&session, now(), 0));
        let (enabled, wish) = watch::channel(true);
        let task = tokio::spawn(Task::new(session, path.remote, sender, packets, wish, told, span).run());
        let multiplier = path.parameters.multiplier;
        Ok(Peer { status, enabled, multiplier, shared, remote: path.remote, task: task.abort_handle() })
    }

    /// The sessions of a local address; the first one makes it listen.
    fn endpoint(&self, local: IpAddr) -> io::Result<Shared> {
        let mut endpoints = lock(&self.endpoints);
        if let Some((shared, _)) = endpoints.get(&local) {
            return Ok(shared.clone());
        }
        let socket = UdpSocket::from_std(socket::receiver(local)?.into())?;
        let shared = Shared::default();
        let task = tokio::spawn(receive(socket, shared.clone()));
        endpoints.insert(local, (shared.clone(), task.abort_handle()));
        Ok(shared)
    }

    /// RFC 5880 §6.8.1: a discriminator that no other session has, and that is not easily guessed.
    fn register(
        &self,
        shared: &Shared,
        remote: IpAddr,
        inbox: mpsc::Sender<Packet>,
    ) -> io::Result<Discriminator> {
        let endpoints = lock(&self.endpoints);
        let is_taken = |one: Discriminator| {
            endpoints.values().any(|(shared, _)| lock(shared).inboxes.contains_key(&one))
        };
        let mut fresh = std::iter::repeat_with(|| Discriminator::new(self.random.next() as u32)).flatten();
        let discriminator = fresh.find(|one| !is_taken(*one)).expect("an endless iterator");
        let mut sessions = lock(shared);
        if sessions.by_remote.contains_key(&remote) {
            let message = format!("the path to {remote} is watched already");
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        sessions.by_remote.insert(remote, discriminator);
        sessions.inboxes.insert(discriminator, inbox);
        Ok(discriminator)
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        for (_, (_, task)) in lock(&self.endpoints).drain() {
            task.abort();
        }
    }
}

/// Numbers that an attacker cannot foresee: the standard library's keyed hash of a counter.
#[derive(Default)]
struct Random(RandomState, AtomicU64);

impl Random {
    fn next(&self) -> u64 {
        self.0.hash_one(self.1.fetch_add(1, Ordering::Relaxed))
    }
}

/// A session. Dropping it ends the session without a word, which the other side takes for a failure; [`Peer::stop`] tells it.
pub struct Peer {
    status: watch::Receiver<Status>,
    enabled: watch::Sender<bool>,
    multiplier: NonZeroU8,
    shared: Shared,
    remote: IpAddr,
    task: AbortHandle,
}

impl Peer {
    /// How it is doing. Wakes who waits for news.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// What a client is to act upon, from now on.
    pub fn failures(&self) -> Failures {
        let status = self.status.clone();
        let seen = status.borrow().failures;
        Failures { status, seen }
    }

    /// Takes the session down, which is no failure to either side (RFC 5882 §4.2).
    pub fn disable(&self) {
        self.enabled.send_replace(false);
    }

    /// And up again.
    pub fn enable(&self) {
        self.enabled.send_replace(true);
    }

    /// Takes the session down for good, and returns when the other side has heard it, or would have noticed silence
    /// (RFC 5880 §6.8.16: a Detection Time).
    pub async fn stop(&self) {
        let between = self.status.borrow().transmit_interval.unwrap_or_default();
        let detection_time = between * u32::from(self.multiplier.get());
        self.disable();
        let mut status = self.status.clone();
        let heard = status.wait_for(|now| now.state == State::AdminDown && now.remote.state != State::Up);
        let _or_it_does_not_listen = tokio::time::timeout(detection_time.min(STOP_WITHIN), heard).await;
    }
}

/// A Detection Time may be hours; a program that is told to stop has not got that long.
const STOP_WITHIN: Duration = Duration::from_secs(3);

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
        let mut sessions = lock(&self.shared);
        if let Some(discriminator) = sessions.by_remote.remove(&self.remote) {
            sessions.inboxes.remove(&discriminator);
        }
    }
}

/// The failures of a session's path, for who runs a protocol over it. A level, not a queue: failures that came while nobody asked
/// are one.
#[derive(Clone)]
pub struct Failures {
    status: watch::Receiver<Status>,
    seen: u32,
}

impl Failures {
    /// Waits for the next one, and says why; `None` when the session is gone.
    pub async fn next(&mut self) -> Option<Diagnostic> {
        let status = self.status.wait_for(|status| status.failures != self.seen).await.ok()?;
        self.seen = status.failures;
        Some(status.diagnostic)
    }
}

/// Hands each packet to its session (RFC 5880 §6.3): by Your Discriminator, and as long as there is none, by where it comes from.
async fn receive(socket: UdpSocket, shared: Shared) {
    let mut octets = [0; LARGEST];
    loop {
        let (length, from) = match socket.recv_from(&mut octets).await {
            Ok(received) => received,
            Err(error) => {
                warn!(%error, "cannot receive BFD packets");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let from = from.ip();
        match Packet::decode(&octets[..length]) {
            Ok(packet) => match find(&shared, from, &packet) {
                // Full: lost, as the network may lose it.
                Some(inbox) => drop(inbox.try_send(packet)),
                None => debug!(%from, "BFD packet discarded: it is nobody's"),
            },
            Err(reason) => debug!(%from, %reason, "BFD packet discarded"),
        }
    }
}

fn find(shared: &Shared, from: IpAddr, packet: &Packet) -> Option<mpsc::Sender<Packet>> {
    let sessions = lock(shared);
    let discriminator = packet.your_discriminator.or_else(|| sessions.by_remote.get(&from).copied())?;
    sessions.inboxes.get(&discriminator).cloned()
}

/// A panic elsewhere leaves levels, not half-made steps: what is locked is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
