//! What Azure's gateways make of what their peers say: no sockets, no clock, one value in and one out.
//!
//! ```text
//!   Heard, one a session ──► accept ──► best paths, each gateway ──┬─► forward: what network interfaces get
//!                                         │          ▲             ├─► listing: what `list-learned-routes` shows
//!   static prefixes, networks, host routes┘    exchange: what the  └─► announce: what each peer is told
//!                                           gateways of a place tell
//!                                           each other
//! ```
//!
//! One selection for each gateway: the instances of an active-active gateway tell each other everything (HA D),
//! so between two paths it does not matter which instance heard them. The shortest AS_PATH wins, equal ones
//! share the traffic (VPN-S2S-FAQ D), and an instance is a next hop of the network if one of the winning paths
//! is its own. Between gateways the preference of the place decides.
//!
//! The session between the two instances is not on any wire, nor are those between gateways: the mock keeps one
//! table, and shows what each instance would have learned from the other as `IBgp` rows, with the other's
//! address as next hop (LAB-RS F).
//!
//! What differs between the kinds of gateways is in [`kind`].

mod announce;
mod circuit;
mod decision;
mod exchange;
mod forward;
mod hub;
pub mod kind;
mod listing;
mod status;

pub use circuit::{CircuitNeighbor, CircuitRoute};
pub use exchange::Offer;
pub use forward::{GatewayRoute, Hop};
pub use hub::HubRoute;
pub use listing::{AdvertisedRoute, LearnedOrigin, LearnedRoute, RouteServerListing};
pub use status::{BgpPeerStatus, ConnectedDuration, PeerState};

use crate::config::{Azure, Connection, Link, Place, SessionId};
use crate::effective::DEFAULT;
use crate::verdict::Nic;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{Attributes, RouterId};
use quadzero_rib::{RouteSet, Step};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What one Established session has brought.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which session.
    pub session: SessionId,
    /// The peer's BGP Identifier.
    pub peer_id: RouterId,
    /// Everything that it announced and that passed the session's own checks: a path with the gateway's AS
    /// did not.
    pub routes: RouteSet,
}

/// Why a route was not taken. The session stays, and its peer is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It is a prefix of the virtual network, or lies inside one (VPN-FAQ D, RS-INJ D).
    InsideVnet,
    /// It is IPv6, which the gateway negotiates and does not route (azure.md §1.4).
    Ipv6,
    /// Microsoft peering takes no default route (ER-ROUTE D).
    DefaultOnMicrosoftPeering,
    /// Microsoft peering takes no private address (ER-ROUTE D).
    PrivateOnMicrosoftPeering,
}

/// A route that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The prefix.
    pub prefix: IpNet,
    /// The peer that announced it.
    pub peer: IpAddr,
    /// Why.
    pub why: Refusal,
}

/// One path to a prefix.
#[derive(Clone, Debug)]
struct Path {
    session: SessionId,
    attributes: Arc<Attributes>,
    used: bool,
    lost_by: Option<Step>,
}

/// The paths of each prefix, the best one first.
type Paths = BTreeMap<Ipv4Net, Vec<Path>>;

/// What all gateways know.
#[derive(Clone, Debug)]
pub struct Table {
    azure: Arc<Azure>,
    /// Of each gateway.
    paths: Vec<Paths>,
    /// Connections of gateway and circuit that Azure took down, since it would say too much over them.
    overflowing: BTreeSet<(usize, usize)>,
    /// What each gateway forwards by itself.
    routes: Vec<Vec<GatewayRoute>>,
    /// What network interfaces get in each place.
    places: BTreeMap<Place, Vec<GatewayRoute>>,
    refused: Vec<Refused>,
    /// Whether a default is new, and network interfaces list it twice.
    converging: bool,
}

impl Table {
    /// What the gateways know after having heard this. `heard` has at most one entry for a session.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn new(azure: Arc<Azure>, heard: &[Heard]) -> Self {
        let mut table = Self::of(&azure, heard.iter());
        let overflowing = table.overflowing();
        if !overflowing.is_empty() {
            let is_up =
                |heard: &&Heard| !overflowing.contains(&(heard.session.gateway, heard.session.connection));
            table = Self { overflowing: overflowing.clone(), ..Self::of(&azure, heard.iter().filter(is_up)) };
        }
        table.routes = (0..table.azure.gateways.len()).map(|gateway| table.forwarded_by(gateway)).collect();
        table.places = table.azure.places().into_iter().map(|p| (p, table.forwarded_at(p))).collect();
        table
    }

    /// What each gateway has learned, and nothing of what follows.
    fn of<'a>(azure: &Arc<Azure>, heard: impl Iterator<Item = &'a Heard>) -> Self {
        let (accepted, refused) = accept(azure, heard);
        let ranked = accepted.into_iter().enumerate().map(|(g, routes)| decision::rank(azure, g, routes));
        Self {
            paths: ranked.collect(),
            azure: azure.clone(),
            overflowing: BTreeSet::new(),
            routes: Vec::new(),
            places: BTreeMap::new(),
            refused,
            converging: false,
        }
    }

    /// What is deployed.
    pub fn azure(&self) -> &Arc<Azure> {
        &self.azure
    }

    /// Everything that one gateway forwards by itself, sorted by prefix.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn routes(&self, gateway: usize) -> &[GatewayRoute] {
        &self.routes[gateway]
    }

    /// What the gateways of a place give to network interfaces, sorted by prefix.
    pub fn routes_at(&self, place: Place) -> &[GatewayRoute] {
        self.places.get(&place).map_or(&[], Vec::as_slice)
    }

    /// The same while Azure converges: a default of gateways is listed twice.
    #[must_use]
    pub(crate) fn converging(self, converging: bool) -> Self {
        Self { converging, ..self }
    }

    pub(crate) fn is_converging(&self) -> bool {
        self.converging
    }

    /// Whether network interfaces get a default anywhere.
    pub(crate) fn has_default(&self) -> bool {
        self.places.values().flatten().any(|route| route.prefix == DEFAULT)
    }

    /// The network interfaces of a subnet, called `subnet` or `vnet/subnet`, behind this table.
    pub fn nic(&self, subnet: &str) -> Option<Nic<'_>> {
        Nic::new(self, subnet)
    }

    /// What was not taken, and why: Azure tells nobody, the mock does.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Why each path of a gateway to a prefix that is not used is not: the peer, and the step that it lost by.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn unused_paths(&self, gateway: usize, prefix: Ipv4Net) -> Vec<(IpAddr, Option<Step>)> {
        let unused = self.paths[gateway].get(&prefix).into_iter().flatten().filter(|path| !path.used);
        unused.map(|path| (self.azure.peer_address(path.session), path.lost_by)).collect()
    }

    /// Whether Azure took the connection of a gateway and a circuit down, since it would have announced more than
    /// 1,000 prefixes over it (ER-FAQ D).
    pub fn is_overflowing(&self, gateway: usize, connection: usize) -> bool {
        self.overflowing.contains(&(gateway, connection))
    }
}

/// Routes that a gateway took, by prefix: from which session, and with which attributes as it sees them.
type Accepted<'a> = BTreeMap<Ipv4Net, Vec<(&'a Heard, Arc<Attributes>)>>;

/// Any IPv4 prefix is taken, 0.0.0.0/0 too, unless the network's own prefixes hold it (VPN-FAQ D), or the kind of
/// gateway refuses it. One that holds the network's is fine.
fn accept<'a>(azure: &Azure, heard: impl Iterator<Item = &'a Heard>) -> (Vec<Accepted<'a>>, Vec<Refused>) {
    let mut accepted = vec![Accepted::new(); azure.gateways.len()];
    let mut refused = Vec::new();
    let served: Vec<Vec<Ipv4Net>> =
        azure.gateways.iter().map(|gateway| azure.served_prefixes(gateway.place).collect()).collect();
    for session in heard {
        let gateway = session.session.gateway;
        let manners = azure.gateways[gateway].kind.manners();
        let connection = azure.connection(session.session);
        let mut changed = Changed::default();
        for route in &session.routes {
            let inside = |prefix: Ipv4Net| served[gateway].iter().any(|own| own.contains(&prefix));
            let taken = match (manners.takes(route.prefix, connection), route.prefix) {
                (Err(why), _) => Err(why),
                (Ok(()), IpNet::V6(_)) => Err(Refusal::Ipv6),
                (Ok(()), IpNet::V4(prefix)) if inside(prefix) => Err(Refusal::InsideVnet),
                (Ok(()), IpNet::V4(prefix)) => Ok(prefix),
            };
            match taken {
                Ok(prefix) => {
                    let learned =
                        changed.of(&route.attributes, |heard| manners.as_learned(heard, connection));
                    accepted[gateway].entry(prefix).or_default().push((session, learned));
                }
                Err(why) => {
                    let peer = azure.peer_address(session.session);
                    refused.push(Refused { prefix: route.prefix, peer, why });
                }
            }
        }
    }
    (accepted, refused)
}

/// What became of attributes, worked out once for all routes that share them: thousands do.
#[derive(Default)]
struct Changed(HashMap<*const Attributes, (Arc<Attributes>, Arc<Attributes>)>);

impl Changed {
    /// The change must depend on nothing else that differs between calls.
    fn of(
        &mut self,
        from: &Arc<Attributes>,
        change: impl FnOnce(&Arc<Attributes>) -> Arc<Attributes>,
    ) -> Arc<Attributes> {
        // The original is kept, so that nobody else can have its address.
        let (_, made) = self.0.entry(Arc::as_ptr(from)).or_insert_with(|| (from.clone(), change(from)));
        made.clone()
    }
}

/// The distinct prefixes of all these tables together, IPv4 and IPv6: what a gateway's limit counts (VPN-FAQ D: "in
/// aggregate"; that the same prefix over two tunnels counts once is our reading).
pub fn prefix_count<'a>(tables: impl IntoIterator<Item = &'a RouteSet>) -> [usize; 2] {
    let prefixes: BTreeSet<IpNet> = tables.into_iter().flatten().map(|route| route.prefix).collect();
    let v4 = prefixes.iter().filter(|prefix| matches!(prefix, IpNet::V4(_))).count();
    [v4, prefixes.len() - v4]
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InsideVnet => "equal to or inside a prefix of the virtual network",
            Self::Ipv6 => "IPv6 is not routed",
            Self::DefaultOnMicrosoftPeering => "a default route, which Azure takes by private peering alone",
            Self::PrivateOnMicrosoftPeering => "private addresses, which Azure filters on Microsoft peering",
        })
    }
}

/// The host route that a VPN gateway holds for each configured peer (LAB-BGP F). It is told to the other peers,
/// and is the gateway's own affair otherwise: no source shows it on a network interface.
fn host_route(connection: &Connection) -> Option<Ipv4Net> {
    match &connection.link {
        Link::Site(site) => match site.peer {
            IpAddr::V4(peer) => Some(peer.into()),
            IpAddr::V6(_) => None,
        },
        Link::Circuit(_) | Link::Appliance(_) => None,
    }
}

#[cfg(test)]
mod tests;
