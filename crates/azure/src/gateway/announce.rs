//! What a peer is told (azure.md §1.6).

use super::{Path, Table, host_route, static_prefixes};
use crate::effective::DEFAULT;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{AsPath, Attributes, NextHop, Origin};
use quadzero_rib::{Route, RouteSet};
use std::sync::Arc;

impl Table {
    /// The routes that an instance announces to the peer of a connection: the network's prefixes, those of
    /// local network gateways, the host routes of the other peers, and what the other peers announced, save
    /// for 0.0.0.0/0 and whatever overlaps the network (VPN-FAQ D, LAB-BGP F). The next hop is the instance
    /// itself.
    ///
    /// # Panics
    /// If there is no such instance or connection.
    pub fn announced(&self, instance: usize, connection: usize) -> RouteSet {
        let own = Arc::new(self.own_attributes());
        let own_routes = self
            .own_prefixes(connection)
            .map(|prefix| Route { prefix: prefix.into(), attributes: own.clone() });
        // The gateway's own come last: of two routes to one prefix the last wins.
        self.transit(instance, connection).chain(own_routes).collect()
    }

    fn own_attributes(&self) -> Attributes {
        Attributes { as_path: AsPath::sequence([self.azure.gateway.asn]), ..Attributes::default() }
    }

    fn own_prefixes(&self, connection: usize) -> impl Iterator<Item = Ipv4Net> + '_ {
        let connections = &self.azure.gateway.connections;
        let others = connections.iter().enumerate().filter(move |&(c, _)| c != connection).map(|(_, c)| c);
        let statics = connections.iter().flat_map(static_prefixes).filter(|prefix| *prefix != DEFAULT);
        let own_host = host_route(&connections[connection]);
        let hosts = others.filter_map(host_route);
        self.azure
            .served_prefixes()
            .chain(statics.chain(hosts).filter(move |prefix| Some(*prefix) != own_host))
    }

    fn transit(&self, instance: usize, connection: usize) -> impl Iterator<Item = Route> + '_ {
        self.paths.iter().filter(|(prefix, _)| self.is_passed_on(**prefix)).filter_map(
            move |(prefix, paths)| {
                let best = best_of(paths, instance)?;
                let attributes =
                    (best.connection != connection).then(|| Arc::new(self.passed_on(&best.attributes)))?;
                Some(Route { prefix: IpNet::V4(*prefix), attributes })
            },
        )
    }

    /// An exact default is not, its halves are, although one of them holds the network (RS-TS D, BREAKOUT F).
    fn is_passed_on(&self, prefix: Ipv4Net) -> bool {
        let overlaps = |own: Ipv4Net| own.contains(&prefix) || prefix.contains(&own);
        match prefix.prefix_len() {
            0 => self.azure.gateway.kind.relays_default(),
            1 => true,
            _ => !self.azure.served_prefixes().any(overlaps),
        }
    }

    /// MED 0 was seen on transit routes, and no community (LAB-BGP F).
    fn passed_on(&self, learned: &Attributes) -> Attributes {
        let keep = self.azure.gateway.switches.keep_communities;
        let communities = if keep { learned.communities.clone() } else { Box::default() };
        Attributes {
            origin: Origin::Igp,
            as_path: learned.as_path.prepended(self.azure.gateway.asn, 1),
            next_hop: NextHop::Own,
            med: Some(0),
            communities,
            ..Attributes::default()
        }
    }
}

/// The best path as an instance sees it: of those used, one of its own before one of its twin's (eBGP before
/// iBGP, RFC 4271 §9.1.2.2 d).
fn best_of(paths: &[Path], instance: usize) -> Option<&Path> {
    let own = paths.iter().find(|path| path.used && path.instance == instance);
    own.or(paths.first())
}
