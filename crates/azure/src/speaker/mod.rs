//! The mock gateways on real sockets: one BGP speaker an instance, and one task that thinks for all of them.
//!
//! ```text
//!   session ─ status ─┐                        ┌─► wanted ─ session
//!   session ─ status ─┼─► what was heard ─► Table ─► wanted ─ session
//!   session ─ status ─┘        (gateway, pure)   └─► watch: whoever asks
//! ```
//!
//! Everything is a level: a change wakes the task, which looks at all sessions again, computes the whole
//! table, and publishes it. The sessions between the two instances of an active-active gateway, and those between
//! gateways, are part of that table, and not on any wire.
//!
//! A lab has no addresses like 10.1.0.4. [`Endpoints`] maps the addresses of BGP to those of sockets; what is
//! said in BGP (identifiers, next hops) is always the former.

mod limits;
mod liveness;
mod outage;
pub(crate) mod personality;
mod status;
mod thinker;

use crate::config::{Azure, SessionId, Vnet};
use crate::effective::{EffectiveRoute, Listing};
use crate::gateway::{AdvertisedRoute, LearnedRoute, PeerState, Table};
use crate::rules::{self, Finding, Severity};
use crate::verdict::Answer;
use liveness::Liveness;
use personality::personality;
use quadzero_bfd::Peer as Bfd;
use quadzero_codec::{ErrorCode, Notification};
use quadzero_fsm::{Peer, Speaker};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
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

/// One session that runs.
struct Session {
    id: SessionId,
    peer: Peer,
    /// On circuits.
    bfd: Option<Arc<Bfd>>,
    /// Taken down by hand or by an outage, not to be started by the end of a penalty.
    stopped: AtomicBool,
    /// It announces with a longer path: its router is about to go (ER-HA D).
    warns: AtomicBool,
}

/// Gateways that run. Dropping it ends their sessions without a word; [`Mock::stop`] says good-bye.
pub struct Mock {
    deployed: watch::Sender<Arc<Azure>>,
    bound: HashMap<IpAddr, SocketAddr>,
    sessions: Arc<[Session]>,
    table: watch::Receiver<Arc<Table>>,
    started: Instant,
    outages: Mutex<JoinSet<()>>,
    // All of them end when they are dropped.
    _thinking: JoinSet<()>,
    _liveness: Liveness,
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
        let (speakers, bound) = listen(&azure, endpoints)?;
        let table = Table::new(azure.clone(), &[]);
        let mut sessions = Vec::new();
        let mut wanted = Vec::new();
        let mut liveness = Liveness::default();
        for id in azure.sessions() {
            let config = personality(&azure, id, endpoints);
            let address = config.transport.remote;
            let (sender, receiver) = watch::channel(Arc::new(table.announced(id)));
            let speaker = &speakers[&(id.gateway, id.instance)];
            let peer =
                speaker.add(config, receiver).map_err(|source| StartError::Socket { address, source })?;
            let bfd = liveness.guard(&azure, id, endpoints, &peer);
            sessions.push(Session {
                id,
                peer,
                bfd,
                stopped: AtomicBool::new(false),
                warns: AtomicBool::new(false),
            });
            wanted.push(sender);
        }
        let sessions: Arc<[Session]> = sessions.into();
        let (published, table) = watch::channel(Arc::new(table));
        let deployed = watch::Sender::new(azure);
        let mut thinking = JoinSet::new();
        thinking.spawn(Thinker::new(deployed.subscribe(), sessions.clone(), wanted, published).run());
        Ok(Self {
            deployed,
            bound,
            sessions,
            table,
            started: Instant::now(),
            outages: Mutex::default(),
            _thinking: thinking,
            _liveness: liveness,
            _speakers: speakers.into_values().collect(),
        })
    }

    /// What is deployed.
    pub fn azure(&self) -> Arc<Azure> {
        self.deployed.borrow().clone()
    }

    /// Changes the virtual networks: their address spaces, subnets, peerings and route tables. Where a network is new to a
    /// Route Server, its peers are asked for their routes again (azure.md §8, row 26).
    ///
    /// # Errors
    /// What Azure would refuse; then nothing is changed.
    pub fn change_vnets(&self, vnets: Vec<Vnet>) -> Result<(), StartError> {
        let azure = Azure { vnets, ..Azure::clone(&self.deployed.borrow()) };
        refuse_errors(&azure)?;
        self.deployed.send_replace(Arc::new(azure));
        Ok(())
    }

    /// The gateways' table; changes whenever a session does, or what it has learned.
    pub fn table(&self) -> watch::Receiver<Arc<Table>> {
        self.table.clone()
    }

    /// Where a BGP address of a gateway is bound.
    pub fn endpoint(&self, address: Ipv4Addr) -> Option<SocketAddr> {
        self.bound.get(&IpAddr::V4(address)).copied()
    }

    /// What `az network vnet-gateway list-learned-routes` prints.
    ///
    /// # Panics
    /// If there is no such gateway; so with the others below.
    pub fn learned_routes(&self, gateway: usize) -> Listing<LearnedRoute> {
        self.table.borrow().learned_routes(gateway)
    }

    /// What `az network vnet-gateway list-advertised-routes --peer` prints: what each instance that has a
    /// session with the peer tells it.
    pub fn advertised_routes(&self, gateway: usize, peer: IpAddr) -> Listing<AdvertisedRoute> {
        let status = self.peer_status(gateway).value;
        let connected = |row: &AdvertisedRoute| {
            let mut sessions =
                status.iter().filter(|s| s.neighbor == peer && s.local_address == row.local_address);
            sessions.any(|s| s.state == PeerState::Connected)
        };
        let mut listing = self.table.borrow().advertised_routes(gateway, peer);
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

    /// Withdraws everything, says why, and waits until the connections are closed: some seconds at the most.
    pub async fn stop(&self) {
        let peers = self.sessions.iter().map(|session| session.peer.clone());
        stop_all(peers, "the mock gateway stops").await;
        // After the last words of BGP: some take a neighbor that stops its BFD for one that has failed.
        let watched = self.sessions.iter().filter_map(|session| session.bfd.clone());
        watched.map(|bfd| async move { bfd.stop().await }).collect::<JoinSet<()>>().join_all().await;
    }
}

fn refuse_errors(azure: &Azure) -> Result<(), StartError> {
    let mut findings = rules::check(azure);
    findings.iter().filter(|f| f.breach.severity() == Severity::Warning).for_each(|f| warn!("{f}"));
    findings.retain(|finding| finding.breach.severity() == Severity::Error);
    if findings.is_empty() { Ok(()) } else { Err(StartError::Refused(findings)) }
}

/// Each instance knows its peers by their addresses.
fn refuse_shared_hosts(azure: &Azure, endpoints: &Endpoints) -> Result<(), StartError> {
    let mut hosts = BTreeSet::new();
    let peer = |id: SessionId| (id.gateway, id.instance, endpoints.of(azure.peer_address(id)).ip());
    match azure.sessions().map(peer).find(|host| !hosts.insert(*host)) {
        Some((.., host)) => Err(StartError::SharedHost(host)),
        None => Ok(()),
    }
}

/// The speakers by gateway and instance, and where BGP addresses are bound.
type Listening = (BTreeMap<(usize, usize), Speaker>, HashMap<IpAddr, SocketAddr>);

/// Each instance listens at its own address and at those that its sessions use: APIPA ones, and those of links.
fn listen(azure: &Azure, endpoints: &Endpoints) -> Result<Listening, StartError> {
    let mut speakers = BTreeMap::new();
    let mut bound = HashMap::new();
    for (g, gateway) in azure.gateways.iter().enumerate() {
        for (i, instance) in gateway.instances.iter().enumerate() {
            let speaker = Speaker::new();
            for bgp in gateway.addresses(i).into_iter().map(IpAddr::V4) {
                let address = endpoints.of(bgp);
                let socket =
                    speaker.listen(address).map_err(|source| StartError::Socket { address, source })?;
                info!(gateway = %gateway.name, instance = %instance.name, %bgp, %socket, "listening");
                bound.insert(bgp, socket);
            }
            speakers.insert((g, i), speaker);
        }
    }
    Ok((speakers, bound))
}

async fn stop_all(peers: impl IntoIterator<Item = Peer>, why: &str) {
    let mut stopping = JoinSet::new();
    for peer in peers {
        let notification = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, why);
        stopping.spawn(async move { peer.stop(notification).await });
    }
    stopping.join_all().await;
}

#[cfg(test)]
mod tests;
