//! The gateway's tables in the shape of Azure's list commands (azure.md §1.7).

use super::{Table, host_route, static_prefixes};
use crate::effective::Listing;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::AsPath;
use quadzero_rib::Route;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// How a route got into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LearnedOrigin {
    /// The gateway's own: its network, its static prefixes, host routes of its peers.
    Network,
    /// From a peer on-premises.
    EBgp,
    /// From the twin instance.
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
    /// Of the kind of gateway.
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
    /// The instance itself.
    pub next_hop: Ipv4Addr,
    /// `Igp`.
    pub origin: &'static str,
    /// Always null.
    pub source_peer: Option<IpAddr>,
    /// Always 0.
    pub weight: u32,
}

impl Table {
    /// What `list-learned-routes` prints: for each instance its own, what its peers said, and what its twin
    /// said.
    pub fn learned_routes(&self) -> Listing<LearnedRoute> {
        let instances = 0..self.azure.gateway.instances.len();
        let rows = |i| self.network_rows(i).chain(self.ebgp_rows(i)).chain(self.ibgp_rows(i));
        Listing { value: instances.flat_map(rows).collect() }
    }

    /// What `list-advertised-routes --peer` prints if every instance has a session with the peer. Empty for
    /// an unknown peer.
    pub fn advertised_routes(&self, peer: IpAddr) -> Listing<AdvertisedRoute> {
        let gateway = &self.azure.gateway;
        let Some(connection) = gateway.connections.iter().position(|c| c.peer == peer) else {
            return Listing { value: Vec::new() };
        };
        let rows = |i| {
            let local = gateway.local_address(i, connection);
            let routes = self.announced(i, connection);
            routes.iter().filter_map(|route| advertised_row(local, route)).collect::<Vec<_>>()
        };
        Listing { value: (0..gateway.instances.len()).flat_map(rows).collect() }
    }

    /// How many routes an instance has from its twin.
    pub(crate) fn routes_from_twin(&self, instance: usize) -> usize {
        self.ibgp_rows(instance).count()
    }

    fn network_rows(&self, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        let connections = &self.azure.gateway.connections;
        let statics = connections.iter().flat_map(static_prefixes);
        let hosts = connections.iter().filter_map(host_route);
        let own: BTreeSet<Ipv4Net> = self.azure.served_prefixes().chain(statics).chain(hosts).collect();
        own.into_iter().map(move |network| self.network_row(instance, network))
    }

    fn network_row(&self, instance: usize, network: Ipv4Net) -> LearnedRoute {
        let gateway = &self.azure.gateway;
        let address = gateway.instances[instance].address;
        LearnedRoute {
            as_path: String::new(),
            local_address: address,
            network,
            next_hop: None,
            origin: LearnedOrigin::Network,
            source_peer: address.into(),
            weight: gateway.kind.weight(),
        }
    }

    fn ebgp_rows(&self, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        let gateway = &self.azure.gateway;
        let paths = self.paths.iter().flat_map(|(network, paths)| paths.iter().map(|path| (*network, path)));
        paths.filter(move |(_, path)| path.instance == instance).map(move |(network, path)| LearnedRoute {
            as_path: joined(&path.attributes.as_path),
            local_address: gateway.local_address(instance, path.connection),
            next_hop: self.hop(path).bgp_next_hop,
            origin: LearnedOrigin::EBgp,
            source_peer: gateway.connections[path.connection].peer,
            ..self.network_row(instance, network)
        })
    }

    /// Each instance tells its twin the best of what its own peers said, with itself as next hop (LAB-BGP F).
    fn ibgp_rows(&self, instance: usize) -> impl Iterator<Item = LearnedRoute> + '_ {
        let instances = self.azure.gateway.instances.iter().enumerate();
        instances.filter(move |&(twin, _)| twin != instance).flat_map(move |(twin, said_by)| {
            self.paths.iter().filter_map(move |(network, paths)| {
                let path = paths.iter().find(|path| path.instance == twin)?;
                Some(LearnedRoute {
                    as_path: joined(&path.attributes.as_path),
                    next_hop: Some(said_by.address.into()),
                    origin: LearnedOrigin::IBgp,
                    source_peer: said_by.address.into(),
                    ..self.network_row(instance, *network)
                })
            })
        })
    }
}

fn advertised_row(local: Ipv4Addr, route: &Route) -> Option<AdvertisedRoute> {
    let IpNet::V4(network) = route.prefix else { return None };
    Some(AdvertisedRoute {
        as_path: joined(&route.attributes.as_path),
        local_address: local,
        network,
        next_hop: local,
        origin: "Igp",
        source_peer: None,
        weight: 0,
    })
}

fn joined(path: &AsPath) -> String {
    path.asns().map(|asn| asn.to_string()).collect::<Vec<_>>().join("-")
}
