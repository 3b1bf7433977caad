//! The edge's file, as the doctor wants to know it.

use crate::config::edge::{AzureKind, Edge, Neighbor};
use quadzero_azure::doctor::{Observations, Setup, Side};
use quadzero_fsm::Mode;
use std::net::IpAddr;

/// Every neighbor but those of ranges, whose addresses nobody knows.
pub(super) fn of_edge(edge: &Edge) -> Observations {
    let mut observations = Observations::new(Side::Edge);
    observations.own_as = Some(edge.asn);
    for neighbor in edge.neighbors.iter().filter(|neighbor| neighbor.range.is_none()) {
        observations.session(&neighbor.peer.name).setup = setup(edge, neighbor);
    }
    observations
}

fn setup(edge: &Edge, neighbor: &Neighbor) -> Setup {
    let peer = &neighbor.peer;
    Setup {
        own_as: Some(edge.asn),
        peer_as: Some(peer.remote_as),
        own: peer.transport.local.or(Some(IpAddr::V4(edge.router_id.get()))),
        peer: Some(peer.transport.remote.ip()),
        hold: Some(peer.timers.hold.seconds()),
        dials: Some(peer.mode != Mode::Passive),
        ttl: peer.transport.ttl,
        md5: Some(peer.transport.md5.is_some()),
        limit: None,
        at_expressroute: neighbor.azure == Some(AzureKind::ExpressRoute),
    }
}
