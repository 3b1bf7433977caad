//! The mock gateway on real sockets: one BGP speaker an instance, and one task that thinks for all of them.
//!
//! ```text
//!   session ─ status ─┐                        ┌─► wanted ─ session
//!   session ─ status ─┼─► what was heard ─► Table ─► wanted ─ session
//!   session ─ status ─┘        (gateway, pure)   └─► watch: whoever asks
//! ```
//!
//! Everything is a level: a change wakes the task, which looks at all sessions again, computes the whole
//! table, and publishes it. The session between the two instances of an active-active gateway is part of that
//! table, and not on any wire.
//!
//! A lab has no addresses like 10.1.0.4. [`Endpoints`] maps the addresses of BGP to those of sockets; what is
//! said in BGP (identifiers, next hops) is always the former.

mod personality;
mod thinker;

use crate::config::Azure;
use crate::effective::{EffectiveRoute, Listing};
use crate::gateway::{AdvertisedRoute, BgpPeerStatus, ConnectedDuration, LearnedRoute, PeerState, Table};
use crate::rules::{self, Finding, Severity};
use crate::verdict::Answer;
use personality::personality;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_fsm::{Peer, Speaker, State};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use std::{fmt, io};
use thinker::Thinker;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// BGP's port.
const PORT: u16 = 179;

/// Where the addresses of BGP are on this machine: instances are bound there, peers are dialled there and
/// dial from there (from any port). An address that is not named is itself, at port 179.
#[derive(Clone, Debug, Default)]
pub struct Endpoints(pub HashMap<IpAddr, SocketAddr>);

impl Endpoints {
    /// The socket address of a BGP address.
    pub fn of(&self, address: IpAddr) -> SocketAddr {
        self.0.get(&address).copied().unwrap_or(SocketAddr::new(address, PORT))
    }
}

/// Why the mock did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Azure would refuse the deployment.
    #[error("Azure refuses this: {}", Lines(.0))]
    Refused(Vec<Finding>),
    /// Two peers are at one address: connections that come in could not be told apart.
    #[error("two peers have endpoints at {0}: give each an address of its own, ports do not tell them apart")]
    SharedHost(IpAddr),
    /// An address cannot be bound, or a peer not be configured.
    #[error("cannot use {address}: {source}")]
    Socket {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
}

struct Lines<'a>(&'a [Finding]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// One session: an instance with the peer of a connection.
struct Session {
    instance: usize,
    connection: usize,
    peer: Peer,
    /// Taken down by hand, not to be started by the end of a penalty.
    stopped: AtomicBool,
}

/// A gateway that runs. Dropping it ends its sessions without a word; [`Mock::stop`] says good-bye.
pub struct Mock {
    azure: Arc<Azure>,
    bound: HashMap<IpAddr, SocketAddr>,
    sessions: Arc<[Session]>,
    table: watch::Receiver<Arc<Table>>,
    started: Instant,
    // Both end when they are dropped.
    _thinking: JoinSet<()>,
    _speakers: Vec<Speaker>,
}

impl Mock {
    /// Starts listening and, towards peers that are not APIPA, dialling. Call it within a tokio runtime.
    ///
    /// # Errors
    /// What Azure would refuse, and what the system refuses.
    pub fn start(azure: Azure, endpoints: &Endpoints) -> Result<Self, StartError> {
        refuse_errors(&azure)?;
        refuse_shared_hosts(&azure, endpoints)?;
        let azure = Arc::new(azure);
        let speakers: Vec<Speaker> = azure.gateway.instances.iter().map(|_| Speaker::new()).collect();
        let table = Table::new(azure.clone(), &[]);
        let bound = listen(&azure, &speakers, endpoints)?;
        let mut sessions = Vec::new();
        let mut wanted = Vec::new();
        for (instance, speaker) in speakers.iter().enumerate() {
            for connection in 0..azure.gateway.connections.len() {
                let config = personality(&azure, instance, connection, endpoints);
                let address = config.transport.remote;
                let (sender, receiver) = watch::channel(Arc::new(table.announced(instance, connection)));
                let peer =
                    speaker.add(config, receiver).map_err(|source| StartError::Socket { address, source })?;
                sessions.push(Session { instance, connection, peer, stopped: AtomicBool::new(false) });
                wanted.push(sender);
            }
        }
        let sessions: Arc<[Session]> = sessions.into();
        let (published, table) = watch::channel(Arc::new(table));
        let mut thinking = JoinSet::new();
        thinking.spawn(Thinker::new(azure.clone(), sessions.clone(), wanted, published).run());
        let started = Instant::now();
        Ok(Self { azure, bound, sessions, table, started, _thinking: thinking, _speakers: speakers })
    }

    /// The gateway's table; changes whenever a session does, or what it has learned.
    pub fn table(&self) -> watch::Receiver<Arc<Table>> {
        self.table.clone()
    }

    /// Where a BGP address of the gateway is bound.
    pub fn endpoint(&self, address: Ipv4Addr) -> Option<SocketAddr> {
        self.bound.get(&IpAddr::V4(address)).copied()
    }

    /// What `az network vnet-gateway list-learned-routes` prints.
    pub fn learned_routes(&self) -> Listing<LearnedRoute> {
        self.table.borrow().learned_routes()
    }

    /// What `az network vnet-gateway list-advertised-routes --peer` prints: what each instance that has a
    /// session with the peer tells it.
    pub fn advertised_routes(&self, peer: IpAddr) -> Listing<AdvertisedRoute> {
        let status = self.peer_status().value;
        let connected = |row: &AdvertisedRoute| {
            let mut sessions =
                status.iter().filter(|s| s.neighbor == peer && s.local_address == row.local_address);
            sessions.any(|s| s.state == PeerState::Connected)
        };
        let mut listing = self.table.borrow().advertised_routes(peer);
        listing.value.retain(connected);
        listing
    }

    /// What `az network nic show-effective-route-table` prints in a subnet, called `subnet` or `vnet/subnet`.
    pub fn effective_routes(&self, subnet: &str) -> Option<Listing<EffectiveRoute>> {
        self.table.borrow().nic(subnet).map(|nic| nic.effective_routes().clone())
    }

    /// Where a packet from a subnet to a destination goes, and why; `None` if there is no such subnet.
    pub fn verdict(&self, subnet: &str, destination: Ipv4Addr) -> Option<Answer> {
        self.table.borrow().nic(subnet).map(|nic| nic.ask(destination))
    }

    /// What `az network vnet-gateway list-bgp-peer-status` prints: the instances one after the other, each
    /// with its twin, if it has one, and itself (LAB-BGP F). The twins talk on no wire, so that no messages
    /// between them are counted.
    pub fn peer_status(&self) -> Listing<BgpPeerStatus> {
        let instances = 0..self.azure.gateway.instances.len();
        let rows = |i| {
            let sessions = self.sessions.iter().filter(move |session| session.instance == i);
            self.instance_rows(i).chain(sessions.map(|session| self.session_row(session)))
        };
        Listing { value: instances.flat_map(rows).collect() }
    }

    /// Takes one instance down, as maintenance does, and says so to its peers. The other one stays (HA D).
    pub async fn take_down(&self, instance: usize) {
        let of_instance = || self.sessions.iter().filter(|session| session.instance == instance);
        of_instance().for_each(|session| session.stopped.store(true, Ordering::Relaxed));
        stop_all(of_instance(), "maintenance of the instance").await;
    }

    /// Brings an instance back.
    pub fn bring_up(&self, instance: usize) {
        for session in self.sessions.iter().filter(|session| session.instance == instance) {
            session.stopped.store(false, Ordering::Relaxed);
            session.peer.start();
        }
    }

    /// Withdraws everything, says why, and waits until the connections are closed: some seconds at the most.
    pub async fn stop(self) {
        stop_all(self.sessions.iter(), "the mock gateway stops").await;
    }

    fn instance_rows(&self, instance: usize) -> impl Iterator<Item = BgpPeerStatus> + '_ {
        let gateway = &self.azure.gateway;
        let shown = if gateway.is_active_active() { &gateway.instances[..] } else { &[] };
        let learned = self.table.borrow().routes_from_twin(instance);
        shown.iter().enumerate().map(move |(i, other)| {
            let state = match i {
                _ if i == instance => PeerState::Unknown,
                _ if self.is_down(i) || self.is_down(instance) => PeerState::Connecting,
                _ => PeerState::Connected,
            };
            let up = state == PeerState::Connected;
            BgpPeerStatus {
                asn: gateway.asn.0,
                connected_duration: up.then(|| ConnectedDuration(self.started.elapsed())),
                local_address: gateway.instances[instance].address,
                messages_received: 0,
                messages_sent: 0,
                neighbor: other.address.into(),
                routes_received: if up { learned } else { 0 },
                state,
            }
        })
    }

    fn is_down(&self, instance: usize) -> bool {
        let mut sessions = self.sessions.iter().filter(|session| session.instance == instance);
        sessions.any(|session| session.stopped.load(Ordering::Relaxed))
    }

    fn session_row(&self, session: &Session) -> BgpPeerStatus {
        let gateway = &self.azure.gateway;
        let connection = &gateway.connections[session.connection];
        let status = session.peer.status();
        let status = status.borrow();
        let up = status.state == State::Established;
        BgpPeerStatus {
            asn: connection.asn.0,
            connected_duration: up.then(|| ConnectedDuration(status.since.elapsed())),
            local_address: gateway.local_address(session.instance, session.connection),
            messages_received: status.counters.messages_received,
            messages_sent: status.counters.messages_sent,
            neighbor: connection.peer,
            routes_received: status.prefixes_received,
            state: match status.state {
                State::Idle if session.stopped.load(Ordering::Relaxed) => PeerState::Stopped,
                State::Idle => PeerState::Idle,
                State::Connect | State::Active | State::OpenSent | State::OpenConfirm => {
                    PeerState::Connecting
                }
                State::Established => PeerState::Connected,
            },
        }
    }
}

fn refuse_errors(azure: &Azure) -> Result<(), StartError> {
    let mut findings = rules::check(azure);
    findings.iter().filter(|f| f.breach.severity() == Severity::Warning).for_each(|f| warn!("{f}"));
    findings.retain(|finding| finding.breach.severity() == Severity::Error);
    if findings.is_empty() { Ok(()) } else { Err(StartError::Refused(findings)) }
}

fn refuse_shared_hosts(azure: &Azure, endpoints: &Endpoints) -> Result<(), StartError> {
    let mut hosts = BTreeSet::new();
    let mut peers = azure.gateway.connections.iter().map(|connection| endpoints.of(connection.peer).ip());
    match peers.find(|host| !hosts.insert(*host)) {
        Some(host) => Err(StartError::SharedHost(host)),
        None => Ok(()),
    }
}

/// Each instance listens at its private address, and at the APIPA addresses that its sessions use.
fn listen(
    azure: &Azure,
    speakers: &[Speaker],
    endpoints: &Endpoints,
) -> Result<HashMap<IpAddr, SocketAddr>, StartError> {
    let gateway = &azure.gateway;
    let mut bound = HashMap::new();
    for (i, speaker) in speakers.iter().enumerate() {
        let of_sessions = (0..gateway.connections.len()).map(|c| gateway.local_address(i, c));
        let addresses: BTreeSet<Ipv4Addr> = of_sessions.chain([gateway.instances[i].address]).collect();
        for bgp in addresses.into_iter().map(IpAddr::V4) {
            let address = endpoints.of(bgp);
            let socket = speaker.listen(address).map_err(|source| StartError::Socket { address, source })?;
            info!(instance = %gateway.instances[i].name, %bgp, %socket, "listening");
            bound.insert(bgp, socket);
        }
    }
    Ok(bound)
}

async fn stop_all<'a>(sessions: impl Iterator<Item = &'a Session>, why: &str) {
    let mut stopping = JoinSet::new();
    for session in sessions {
        let peer = session.peer.clone();
        let notification = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, why);
        stopping.spawn(async move { peer.stop(notification).await });
    }
    stopping.join_all().await;
}

#[cfg(test)]
mod tests;
