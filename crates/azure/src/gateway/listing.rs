//! The gateways' tables in the shape of Azure's list commands (azure.md §1.7).

use super::{Table, host_route};
use crate::config::{Connection, SessionId};
use crate::effective::Listing;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{AsPath, NextHop};
use quadzero_rib::Route;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// How a route got into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LearnedOrigin {
    /// The gateway's own: its network, its static prefixes, host routes of its peers.
    Network,
    /// From a peer on-premises, or an appliance.
    EBgp,
    /// From the twin instance, or from another gateway.
    IBgp,
}

/// A row of `az network vnet-gateway list-learned-routes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LearnedRoute {
    /// AS numbers joined by `-`.
    pub as_path: String,
    /// The instance that shows the row, by the address of the session.
    pub local_address: Ipv4Addr,
    /// The prefix.
    pub network: Ipv4Net,
    /// None for the gateway's own.
    pub next_hop: Option<IpAddr>,
    /// How it got here.
    pub origin: LearnedOrigin,
    /// Who said so; the instance itself for the gateway's own.
    pub source_peer: IpAddr,
    /// Of the kind of gateway, and on ExpressRoute of the connection.
    pub weight: u32,
}

/// A row of `az network vnet-gateway list-advertised-routes --peer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvertisedRoute {
    /// AS numbers joined by `-`, as sent.
    pub as_path: String,
    /// The address of the session.
    pub local_address: Ipv4Addr,
    /// The prefix.
    pub network: Ipv4Net,
    /// The instance itself; of Route Server, an appliance where that said so.
    pub next_hop: IpAddr,
    /// `Igp`, or `Egp` for what comes from another hub.
    pub origin: &'static str,
    /// Always null.
    pub source_peer: Option<IpAddr>,
    /// Always 0.
    pub weight: u32,
}

/// What `az network routeserver peering list-learned-routes` and `list-advertised-routes` print: the rows of each
/// instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteServerListing<T> {
    /// The first instance.
    #[serde(rename = "RouteServiceRole_IN_0")]
    pub in_0: Vec<T>,
    /// The second instance.
    #[serde(rename = "RouteServiceRole_IN_1")]
    pub in_1: Vec<T>,
}

impl Table {
    /// What `list-learned-routes` prints of a gateway: for each instance its own, what its peers said, and what its twin
    /// and the other gateways said.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn learned_routes(&self, gateway: usize) -> Listing<LearnedRoute> {
        let instances = 0..self.azure.gateways[gateway].instances.len();
        let rows = |i| {
            let own = self.network_rows(gateway, i).chain(self.ebgp_rows(gateway, i));
            own.chain(self.ibgp_rows(gateway, i)).chain(self.exchanged_rows(gateway, i))
        };
        Listing { value: instances.flat_map(rows).collect() }
    }

    /// What `list-advertised-routes --peer` prints if every instance has a session with the peer. Empty for
    /// an unknown peer.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn advertised_routes(&self, gateway: usize, peer: IpAddr) -> Listing<AdvertisedRoute> {
        let sessions = self.azure.sessions().filter(|id| id.gateway == gateway);
        let with_peer = sessions.filter(|id| self.azure.peer_address(*id) == peer);
        let rows = |id: SessionId| {
            let local = self.azure.local_address(id);
            let routes = self.announced(id);
            routes.iter().filter_map(|route| advertised_row(local, route)).collect::<Vec<_>>()
        };
        Listing { value: with_peer.flat_map(rows).collect() }
    }

    /// What `az network routeserver peering list-learned-routes` prints of one peer.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn learned_from(&self, gateway: usize, peer: IpAddr) -> RouteServerListing<LearnedRoute> {
        let rows = |i: usize| {
            if i >= self.azure.gateways[gateway].instances.len() {
                return Vec::new();
            }
            self.ebgp_rows(gateway, i).filter(|row| row.source_peer == peer).collect()
        };
        RouteServerListing { in_0: rows(0), in_1: rows(1) }
    }

    /// How many routes an instance has from its twin.
    pub(crate) fn routes_from_twin(&self, gateway: usize, instance: usize) -> usize {
        self.ibgp_rows(gateway, instance).count()
    }

    fn network_rows(&self, gateway: usize, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        let own = &self.azure.gateways[gateway];
        let statics = own.connections.iter().flat_map(Connection::static_prefixes);
        let hosts = own.connections.iter().filter_map(host_route);
        let served = self.azure.served_prefixes(own.place);
        let own: BTreeSet<Ipv4Net> = served.chain(statics).chain(hosts).collect();
        own.into_iter().map(move |network| self.network_row(gateway, instance, network))
    }

    fn network_row(&self, gateway: usize, instance: usize, network: Ipv4Net) -> LearnedRoute {
        let gateway = &self.azure.gateways[gateway];
        let address = gateway.instances[instance].address;
        LearnedRoute {
            as_path: String::new(),
            local_address: address,
            network,
            next_hop: None,
            origin: LearnedOrigin::Network,
            source_peer: address.into(),
            weight: gateway.kind.manners().weight(None),
        }
    }

    fn ebgp_rows(&self, gateway: usize, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        let paths = self.paths[gateway].iter();
        let paths = paths.flat_map(|(network, paths)| paths.iter().map(|path| (*network, path)));
        paths.filter(move |(_, path)| path.session.instance == instance).map(move |(network, path)| {
            LearnedRoute {
                as_path: joined(&path.attributes.as_path),
                local_address: self.azure.local_address(path.session),
                next_hop: address(path.attributes.next_hop),
                origin: LearnedOrigin::EBgp,
                source_peer: self.azure.peer_address(path.session),
                weight: self.weight(path.session),
                ..self.network_row(gateway, instance, network)
            }
        })
    }

    fn weight(&self, session: SessionId) -> u32 {
        let manners = self.azure.gateways[session.gateway].kind.manners();
        manners.weight(Some(self.azure.connection(session)))
    }

    /// Each instance tells its twin the best of what its own peers said, with itself as next hop (LAB-BGP F). The
    /// instances of Route Server and the routers of ExpressRoute do not: each has a session with the peer.
    fn ibgp_rows(&self, gateway: usize, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        let own = &self.azure.gateways[gateway];
        let talk = own.kind.vpn().is_some() || own.kind.hub().is_some();
        let instances = own.instances.iter().enumerate();
        instances.filter(move |&(twin, _)| talk && twin != instance).flat_map(move |(twin, said_by)| {
            self.paths[gateway].iter().filter_map(move |(network, paths)| {
                let path = paths.iter().find(|path| path.session.instance == twin)?;
                Some(LearnedRoute {
                    as_path: joined(&path.attributes.as_path),
                    next_hop: Some(said_by.address.into()),
                    origin: LearnedOrigin::IBgp,
                    source_peer: said_by.address.into(),
                    ..self.network_row(gateway, instance, *network)
                })
            })
        })
    }

    /// What the other gateways of the place tell (RS-FAQ D, branch-to-branch; hubs).
    fn exchanged_rows(&self, gateway: usize, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        self.exchanged(gateway).into_iter().map(move |(from, offer)| {
            let said_by: IpAddr = self.azure.gateways[from].instances[0].address.into();
            let next_hop =
                if offer.by_appliance { address(offer.attributes.next_hop) } else { Some(said_by) };
            LearnedRoute {
                as_path: joined(&offer.attributes.as_path),
                next_hop,
                origin: LearnedOrigin::IBgp,
                source_peer: said_by,
                ..self.network_row(gateway, instance, offer.prefix)
            }
        })
    }
}

pub(super) fn address(next_hop: NextHop) -> Option<IpAddr> {
    match next_hop {
        NextHop::Address(address) => Some(address),
        NextHop::Own | NextHop::WithLinkLocal(..) => None,
    }
}

fn advertised_row(local: Ipv4Addr, route: &Route) -> Option<AdvertisedRoute> {
    let IpNet::V4(network) = route.prefix else { return None };
    Some(AdvertisedRoute {
        as_path: joined(&route.attributes.as_path),
        local_address: local,
        network,
        next_hop: address(route.attributes.next_hop).unwrap_or(local.into()),
        origin: match route.attributes.origin {
            quadzero_codec::Origin::Egp => "Egp",
            quadzero_codec::Origin::Igp | quadzero_codec::Origin::Incomplete => "Igp",
        },
        source_peer: None,
        weight: 0,
    })
}

pub(super) fn joined(path: &AsPath) -> String {
    path.asns().map(|asn| asn.to_string()).collect::<Vec<_>>().join("-")
}
