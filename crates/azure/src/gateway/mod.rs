//! What a VPN gateway makes of what its peers say: no sockets, no clock, one value in and one out.
//!
//! ```text
//!   Heard, one a session ──► accept (azure.md §1.5) ──► best paths ──┬─► GatewayRoute: what network interfaces get
//!   static prefixes, VNet prefixes, host routes ─────────────────────┼─► learned routes: what `list-learned-routes` shows
//!                                                                    └─► announced: what each peer is told (§1.6)
//! ```
//!
//! One selection for the whole gateway: the instances of an active-active gateway tell each other everything
//! (HA D), so between two paths it does not matter which instance heard them. The shortest AS_PATH wins,
//! equal ones share the traffic (VPN-S2S-FAQ D), and an instance is a next hop of the network if one of the
//! winning paths is its own.
//!
//! The session between the two instances is not on any wire: the mock keeps one table, and shows what each
//! instance would have learned from the other as `IBgp` rows, with the other's address as next hop (LAB-RS
//! F).

mod announce;
mod listing;
mod status;

pub use listing::{AdvertisedRoute, LearnedOrigin, LearnedRoute};
pub use status::{BgpPeerStatus, ConnectedDuration, PeerState};

use crate::config::{Azure, Connection};
use crate::rules;
use crate::verdict::Nic;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{Attributes, NextHop, RouterId};
use quadzero_rib::{Candidate, Ranked, RouteSet, Rules, Step, best_paths};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What one Established session has brought.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Index of the instance that has the session.
    pub instance: usize,
    /// Index of the connection.
    pub connection: usize,
    /// The peer's BGP Identifier.
    pub peer_id: RouterId,
    /// Everything that it announced and that passed the session's own checks: a path with the gateway's AS
    /// did not.
    pub routes: RouteSet,
}

/// A way from the gateway to on-premises.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// What network interfaces show for the instance (azure.md §5.3).
    pub shown: Ipv4Addr,
    /// The instance's name.
    pub instance: String,
    /// The connection's name.
    pub connection: String,
    /// The NEXT_HOP of the BGP path; none for a static prefix.
    pub bgp_next_hop: Option<IpAddr>,
}

/// A prefix that the gateway forwards to on-premises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRoute {
    /// Where to.
    pub prefix: Ipv4Net,
    /// By which ways: flows are spread over all of them (HA D).
    pub hops: Vec<Hop>,
}

/// Why a route was not taken. The session stays, and its peer is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It is a prefix of the virtual network, or lies inside one (VPN-FAQ D).
    InsideVnet,
    /// It is IPv6, which the gateway negotiates and does not route (azure.md §1.4).
    Ipv6,
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
    instance: usize,
    connection: usize,
    attributes: Arc<Attributes>,
    used: bool,
    lost_by: Option<Step>,
}

/// The gateway's table.
#[derive(Clone, Debug)]
pub struct Table {
    azure: Arc<Azure>,
    /// The paths of each prefix, the best one first.
    paths: BTreeMap<Ipv4Net, Vec<Path>>,
    routes: Vec<GatewayRoute>,
    refused: Vec<Refused>,
}

impl Table {
    /// What the gateway knows after having heard this. `heard` has at most one entry for an instance and a
    /// connection.
    ///
    /// # Panics
    /// If there is no such instance or connection.
    pub fn new(azure: Arc<Azure>, heard: &[Heard]) -> Self {
        let served: Vec<Ipv4Net> = azure.served_prefixes().collect();
        let mut accepted: BTreeMap<Ipv4Net, Vec<(&Heard, Arc<Attributes>)>> = BTreeMap::new();
        let mut refused = Vec::new();
        for session in heard {
            for route in &session.routes {
                match accept(route.prefix, &served) {
                    Ok(prefix) => {
                        accepted.entry(prefix).or_default().push((session, route.attributes.clone()))
                    }
                    Err(why) => {
                        let peer = azure.gateway.connections[session.connection].peer;
                        refused.push(Refused { prefix: route.prefix, peer, why });
                    }
                }
            }
        }
        let rank = |(prefix, paths)| (prefix, rank(&azure, paths));
        let paths = accepted.into_iter().map(rank).collect();
        let mut table = Self { azure, paths, routes: Vec::new(), refused };
        table.routes = table.forwarded();
        table
    }

    /// What is deployed.
    pub fn azure(&self) -> &Arc<Azure> {
        &self.azure
    }

    /// Everything that the gateway forwards to on-premises, sorted by prefix.
    pub fn routes(&self) -> &[GatewayRoute] {
        &self.routes
    }

    /// The network interfaces of a subnet, called `subnet` or `vnet/subnet`, behind this table.
    pub fn nic(&self, subnet: &str) -> Option<Nic<'_>> {
        Nic::new(&self.azure, subnet, &self.routes)
    }

    /// What was not taken, and why: Azure tells nobody, the mock does.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    fn forwarded(&self) -> Vec<GatewayRoute> {
        let mut hops: BTreeMap<Ipv4Net, BTreeSet<Hop>> = BTreeMap::new();
        for (prefix, paths) in &self.paths {
            let used = paths.iter().filter(|path| path.used);
            hops.entry(*prefix).or_default().extend(used.map(|path| self.hop(path)));
        }
        // A static prefix is the gateway's own, and beats what it learns, as on any router (I).
        hops.extend(self.static_hops());
        hops.into_iter()
            .map(|(prefix, hops)| GatewayRoute { prefix, hops: hops.into_iter().collect() })
            .collect()
    }

    /// Why each path to a prefix that is not used is not: the peer, and the step that it lost by.
    pub fn unused_paths(&self, prefix: Ipv4Net) -> Vec<(IpAddr, Option<Step>)> {
        let unused = self.paths.get(&prefix).into_iter().flatten().filter(|path| !path.used);
        unused.map(|path| (self.azure.gateway.connections[path.connection].peer, path.lost_by)).collect()
    }

    fn hop(&self, path: &Path) -> Hop {
        let next_hop = match path.attributes.next_hop {
            NextHop::Address(address) => Some(address),
            NextHop::Own | NextHop::WithLinkLocal(..) => None,
        };
        Hop { bgp_next_hop: next_hop, ..self.hop_over(path.instance, path.connection) }
    }

    fn hop_over(&self, instance: usize, connection: usize) -> Hop {
        let gateway = &self.azure.gateway;
        Hop {
            shown: gateway.shown_next_hop(instance),
            instance: gateway.instances[instance].name.clone(),
            connection: gateway.connections[connection].name.clone(),
            bgp_next_hop: None,
        }
    }

    /// Static prefixes have a way over every instance: each has a tunnel.
    fn static_hops(&self) -> BTreeMap<Ipv4Net, BTreeSet<Hop>> {
        let gateway = &self.azure.gateway;
        let mut hops: BTreeMap<Ipv4Net, BTreeSet<Hop>> = BTreeMap::new();
        for (c, connection) in gateway.connections.iter().enumerate() {
            for prefix in static_prefixes(connection) {
                let over = (0..gateway.instances.len()).map(|i| self.hop_over(i, c));
                hops.entry(prefix).or_default().extend(over);
            }
        }
        hops
    }
}

/// The distinct prefixes of all sessions together: what the gateway's limit counts (VPN-FAQ D: "in
/// aggregate"; that the same prefix over two tunnels counts once is our reading).
pub fn prefix_count<'a>(tables: impl IntoIterator<Item = &'a RouteSet>) -> usize {
    let prefixes: BTreeSet<IpNet> = tables.into_iter().flatten().map(|route| route.prefix).collect();
    prefixes.len()
}

impl GatewayRoute {
    /// The next hops that network interfaces show: one a row.
    pub fn shown_next_hops(&self) -> BTreeSet<Ipv4Addr> {
        self.hops.iter().map(|hop| hop.shown).collect()
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "through {}, connection {}", self.instance, self.connection)?;
        match self.bgp_next_hop {
            Some(next_hop) => write!(f, " (BGP next hop {next_hop})"),
            None => f.write_str(" (static)"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InsideVnet => "equal to or inside a prefix of the virtual network",
            Self::Ipv6 => "IPv6 is not routed",
        })
    }
}

/// Any IPv4 prefix is taken, 0.0.0.0/0 too, unless the network's own prefixes hold it. One that holds them is
/// fine.
fn accept(prefix: IpNet, served: &[Ipv4Net]) -> Result<Ipv4Net, Refusal> {
    let IpNet::V4(prefix) = prefix else { return Err(Refusal::Ipv6) };
    if served.iter().any(|own| own.contains(&prefix)) { Err(Refusal::InsideVnet) } else { Ok(prefix) }
}

fn rank(azure: &Azure, paths: Vec<(&Heard, Arc<Attributes>)>) -> Vec<Path> {
    let candidate = |(session, attributes): &(&Heard, Arc<Attributes>)| Candidate {
        attributes: comparable(attributes, azure.gateway.switches.compare_med),
        external: true,
        peer_id: session.peer_id,
        // Two instances may have a session with the same peer: the instance tells them apart, last of all.
        peer_address: azure.gateway.connections[session.connection].peer,
    };
    let candidates: Vec<Candidate> = paths.iter().map(candidate).collect();
    let rules = Rules { max_paths: NonZeroUsize::MAX, multipath_relax: true };
    let ranking = best_paths(&candidates, rules);
    let path = |ranked: &Ranked| {
        let (session, attributes) = &paths[ranked.candidate];
        Path {
            instance: session.instance,
            connection: session.connection,
            attributes: attributes.clone(),
            used: ranked.used,
            lost_by: ranked.lost_by,
        }
    };
    ranking.iter().map(path).collect()
}

/// What the decision looks at.
fn comparable(attributes: &Arc<Attributes>, compare_med: bool) -> Arc<Attributes> {
    if compare_med || attributes.med.is_none() {
        return attributes.clone();
    }
    Arc::new(Attributes { med: None, ..Attributes::clone(attributes) })
}

/// The address space of the local network gateway.
fn static_prefixes(connection: &Connection) -> impl Iterator<Item = Ipv4Net> + '_ {
    connection.static_prefixes.iter().map(Ipv4Net::trunc)
}

/// The host route that the gateway holds for each configured peer (LAB-BGP F). It is told to the other peers,
/// and is the gateway's own affair otherwise: no source shows it on a network interface.
fn host_route(connection: &Connection) -> Option<Ipv4Net> {
    match connection.peer {
        IpAddr::V4(peer) => Some(peer.into()),
        IpAddr::V6(_) => None,
    }
}

/// Whether the gateway dials the peer of a connection: APIPA peers must dial it (CFG-BGP D).
pub fn dials(connection: &Connection) -> bool {
    !rules::is_apipa(connection.peer)
}

#[cfg(test)]
mod tests;
