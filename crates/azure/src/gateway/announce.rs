//! What a peer is told (azure.md §1.6).

use super::kind::MAX_FROM_AZURE;
use super::{Changed, Table};
use crate::config::SessionId;
use ipnet::{IpNet, Ipv4Net};
use quadzero_rib::{Route, RouteSet};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Table {
    /// The routes that an instance announces to the peer of a connection: the gateway's own, and what others brought,
    /// save for whatever overlaps the network (VPN-FAQ D), as its kind has it.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn announced(&self, to: SessionId) -> RouteSet {
        if self.is_overflowing(to.gateway, to.connection) {
            return RouteSet::default();
        }
        self.would_announce(to)
    }

    fn would_announce(&self, to: SessionId) -> RouteSet {
        let gateway = &self.azure.gateways[to.gateway];
        let manners = gateway.kind.manners();
        let own = manners.own_routes(&self.azure, gateway, to.connection).into_iter();
        let own = own.map(|(prefix, attributes)| (prefix, Arc::new(attributes)));
        let connection = self.azure.connection(to);
        let served: Vec<Ipv4Net> = self.azure.served_prefixes(gateway.place).collect();
        let offers = self.offers(to).into_values();
        let told = offers.filter(|o| manners.tells(o, connection) && is_passed_on(o.prefix, &served));
        // Attributes are shared between routes of one session, and so of one gateway.
        let mut changed = Changed::default();
        let transit = told.map(|offer| {
            let told = changed.of(&offer.attributes, |_| Arc::new(manners.passed_on(&offer, gateway)));
            (offer.prefix, told)
        });
        let route = |(prefix, attributes)| Route { prefix: IpNet::V4(prefix), attributes };
        // The gateway's own come last: of two routes to one prefix the last wins.
        transit.chain(own).map(route).collect()
    }

    /// The circuits over which too much would be said.
    pub(super) fn overflowing(&self) -> BTreeSet<(usize, usize)> {
        let circuits = self.azure.sessions().filter(|id| id.instance == 0).filter(|id| {
            self.azure.gateways[id.gateway].kind.is_expressroute()
                && self.azure.connection(*id).circuit().is_some_and(|circuit| circuit.is_private())
        });
        let too_much = circuits.filter(|id| self.would_announce(*id).len() > MAX_FROM_AZURE);
        too_much.map(|id| (id.gateway, id.connection)).collect()
    }
}

/// What overlaps the network is not; a default and its halves may be, although one of them holds it (RS-TS D,
/// BREAKOUT F).
fn is_passed_on(prefix: Ipv4Net, served: &[Ipv4Net]) -> bool {
    prefix.prefix_len() <= 1 || !served.iter().any(|own| own.contains(&prefix) || prefix.contains(own))
}
