//! What gateways forward, and so what network interfaces get: by one gateway, and by all that stand in a place.

use super::Table;
use super::kind::Class;
use crate::config::{Gateway, Place, Preference};
use crate::effective::DEFAULT;
use ipnet::Ipv4Net;
use quadzero_codec::Attributes;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A way from a gateway to on-premises.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// What network interfaces show (azure.md §5.3).
    pub shown: Ipv4Addr,
    /// The gateway's name.
    pub gateway: String,
    /// The instance's name.
    pub instance: String,
    /// The connection's name.
    pub connection: String,
    /// The NEXT_HOP of the BGP path; none for a static prefix.
    pub bgp_next_hop: Option<IpAddr>,
    /// Whether it is an appliance in the virtual network, told by Route Server: what lies beyond it, it decides.
    pub appliance: bool,
}

/// A prefix that gateways forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRoute {
    /// Where to.
    pub prefix: Ipv4Net,
    /// By which ways: flows are spread over all of them (HA D).
    pub hops: Vec<Hop>,
}

/// How a route ranks in its place, less is better, and its ways.
type Ranked = ((bool, Rank), BTreeSet<Hop>);

/// What is compared, in this order: the class that the place prefers, the length of AS_PATH, and where that came first
/// the class after it. Less is better.
pub(super) type Rank = (bool, usize, bool);

/// A route's rank among those of other gateways.
pub(super) fn rank(preference: Preference, class: Class, length: usize) -> Rank {
    match preference {
        Preference::ExpressRoute => (class != Class::ExpressRoute, length, false),
        Preference::Vpn => (class != Class::Vpn, length, false),
        Preference::AsPath => (false, length, class != Class::ExpressRoute),
    }
}

impl Table {
    /// What one gateway forwards by itself.
    pub(super) fn forwarded_by(&self, gateway: usize) -> Vec<GatewayRoute> {
        self.ranked_routes(gateway).into_iter().map(|(prefix, (_, hops))| route(prefix, hops)).collect()
    }

    /// What all gateways of a place, and the other hubs of a hub, give to network interfaces: for each prefix those
    /// of the gateway that the preference puts first; equal ones share the traffic.
    pub(super) fn forwarded_at(&self, place: Place) -> Vec<GatewayRoute> {
        let mut best: BTreeMap<Ipv4Net, Ranked> = BTreeMap::new();
        for gateway in self.azure.gateways_at(place) {
            for (prefix, ranked) in self.ranked_routes(gateway) {
                merge(&mut best, prefix, self.in_place(place, ranked));
            }
        }
        for (prefix, ranked) in self.over_other_hubs(place) {
            merge(&mut best, prefix, ranked);
        }
        best.into_iter().map(|(prefix, (_, hops))| route(prefix, hops)).collect()
    }

    /// A hub's router is the next hop of everything in it (VWAN-NVA F).
    fn in_place(&self, place: Place, (rank, hops): Ranked) -> Ranked {
        let Some(router) = self.router(place) else { return (rank, hops) };
        (rank, hops.into_iter().map(|hop| Hop { shown: router, ..hop }).collect())
    }

    fn router(&self, place: Place) -> Option<Ipv4Addr> {
        let Place::Hub(hub) = place else { return None };
        Some(self.azure.gateways[hub].kind.hub()?.router)
    }

    /// Never a default (VWAN-FAQ D), and always two numbers further away than one's own.
    fn over_other_hubs(&self, place: Place) -> Vec<(Ipv4Net, Ranked)> {
        let Place::Hub(hub) = place else { return Vec::new() };
        let elsewhere =
            |g: &usize| matches!(self.azure.gateways[*g].place, Place::Hub(other) if other != hub);
        let gateways = (0..self.azure.gateways.len()).filter(elsewhere);
        let routes = gateways.flat_map(|gateway| self.ranked_routes(gateway));
        let others = routes.filter(|(prefix, _)| *prefix != DEFAULT);
        let further = |(prefix, ((learned, (class, length, tie)), hops))| {
            let rank = (class, length + super::kind::BETWEEN_HUBS.len(), tie);
            (prefix, self.in_place(place, ((learned, rank), hops)))
        };
        others.map(further).collect()
    }

    fn ranked_routes(&self, gateway: usize) -> BTreeMap<Ipv4Net, Ranked> {
        let own = &self.azure.gateways[gateway];
        let manners = own.kind.manners();
        let rank = |length| rank(self.azure.preference(own.place), manners.class(), length);
        let mut routes: BTreeMap<Ipv4Net, Ranked> = BTreeMap::new();
        for (prefix, paths) in &self.paths[gateway] {
            let reaches = |connection: usize| manners.reaches_vnets(&own.connections[connection]);
            let used = paths.iter().filter(|path| path.used && reaches(path.session.connection));
            let Some(first) = used.clone().next() else { continue };
            let only = self.loses_multipath(own).then_some(first.session.connection);
            let used = used.filter(|path| only.is_none_or(|only| path.session.connection == only));
            let hops = used.map(|p| own.hop(p.session.instance, p.session.connection, &p.attributes));
            routes.insert(*prefix, ((true, rank(first.attributes.as_path.hops())), hops.collect()));
        }
        // A static prefix is the gateway's own, and beats what it learns, as on any router (I; VWAN-HRP D for hubs).
        let in_hub = matches!(own.place, Place::Hub(_));
        routes.extend(self.static_hops(gateway).into_iter().map(|(p, hops)| (p, ((!in_hub, rank(0)), hops))));
        routes
    }

    /// Beside a Route Server, ExpressRoute uses one of several connections that are equal: between the two it is lost that there
    /// are more (RS-TS D). Both links of that one stay in use (I).
    fn loses_multipath(&self, gateway: &Gateway) -> bool {
        let mut beside = self.azure.gateways_at(gateway.place).map(|g| &self.azure.gateways[g].kind);
        gateway.kind.is_expressroute() && beside.any(|kind| kind.route_server().is_some())
    }

    /// Static prefixes and Default Site have a way over every instance: each has a tunnel.
    fn static_hops(&self, gateway: usize) -> BTreeMap<Ipv4Net, BTreeSet<Hop>> {
        let gateway = &self.azure.gateways[gateway];
        let mut hops: BTreeMap<Ipv4Net, BTreeSet<Hop>> = BTreeMap::new();
        let default_site = gateway.kind.vpn().and_then(|vpn| vpn.default_site);
        for (c, connection) in gateway.connections.iter().enumerate() {
            let default = (default_site == Some(c)).then_some(DEFAULT);
            for prefix in connection.static_prefixes().chain(default) {
                let over = (0..gateway.instances.len()).map(|i| gateway.hop(i, c, &Attributes::default()));
                hops.entry(prefix).or_default().extend(over);
            }
        }
        hops
    }
}

fn merge(best: &mut BTreeMap<Ipv4Net, Ranked>, prefix: Ipv4Net, (rank, hops): Ranked) {
    match best.get_mut(&prefix) {
        Some((known, _)) if *known < rank => {}
        Some((known, all)) if *known == rank => all.extend(hops),
        _ => {
            best.insert(prefix, (rank, hops));
        }
    }
}

fn route(prefix: Ipv4Net, hops: BTreeSet<Hop>) -> GatewayRoute {
    GatewayRoute { prefix, hops: hops.into_iter().collect() }
}

impl GatewayRoute {
    /// The next hops that network interfaces show: one a row.
    pub fn shown_next_hops(&self) -> BTreeSet<Ipv4Addr> {
        self.hops.iter().map(|hop| hop.shown).collect()
    }

    /// The first appliance, where all ways lead to appliances.
    pub fn appliance(&self) -> Option<Ipv4Addr> {
        let all = self.hops.iter().all(|hop| hop.appliance);
        self.hops.first().filter(|_| all).map(|hop| hop.shown)
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
