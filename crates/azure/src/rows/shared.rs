//! What tests of rows ask of a table.

use crate::config::*;
use crate::gateway::Table;
use crate::testing::*;
use ipnet::IpNet;
use quadzero_codec::{Asn, Attributes, Community};
use quadzero_rib::RouteSet;
use std::sync::Arc;

pub(super) const DEFAULT: &str = "0.0.0.0/0";
pub(super) const NVA: usize = 0;
pub(super) const TWIN: usize = 1;
pub(super) const MADRID: usize = 0;

pub(super) fn community(low: u32) -> Community {
    Community(12076 << 16 | low)
}

pub(super) fn prefixes(routes: &RouteSet) -> Vec<String> {
    routes.iter().map(|route| route.prefix.to_string()).collect()
}

/// What a session is told of a prefix.
pub(super) fn told(table: &Table, session: SessionId, prefix: &str) -> Option<Arc<Attributes>> {
    let prefix: IpNet = prefix.parse().unwrap();
    table.announced(session).get(&prefix).map(|route| route.attributes.clone())
}

pub(super) fn path(attributes: &Attributes) -> Vec<u32> {
    attributes.as_path.asns().map(|asn| asn.0).collect()
}

/// Ways to a prefix that a gateway has itself.
pub(super) fn ways(table: &Table, gateway: usize, prefix: &str) -> Vec<String> {
    let route = table.routes(gateway).iter().find(|route| route.prefix == net(prefix));
    let way = |hop: &crate::gateway::Hop| format!("{}/{}/{}", hop.gateway, hop.instance, hop.connection);
    route.map_or(Vec::new(), |route| route.hops.iter().map(way).collect())
}

/// Ways that network interfaces of the place have.
pub(super) fn ways_at(table: &Table, place: Place, prefix: &str) -> Vec<String> {
    let route = table.routes_at(place).iter().find(|route| route.prefix == net(prefix));
    let way = |hop: &crate::gateway::Hop| format!("{}/{}/{}", hop.gateway, hop.instance, hop.connection);
    route.map_or(Vec::new(), |route| route.hops.iter().map(way).collect())
}

/// The circuit as one of Microsoft peering, with a service that is chosen and one that is not.
pub(super) fn microsoft() -> Azure {
    let mut azure = only_expressroute();
    let service = |prefix, low| Service { prefix: net(prefix), community: community(low) };
    circuit_of(&mut azure.gateways[GW].connections[MADRID]).peering = Peering::Microsoft(MicrosoftPeering {
        route_filter: vec![community(52004)],
        services: vec![service("20.60.0.0/16", 52004), service("20.150.0.0/16", 53004)],
    });
    azure.gateways[GW].connections[MADRID].asn = Asn(64000);
    azure
}
