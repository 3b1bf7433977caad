//! A hub of Virtual WAN (azure.md §3.2).

use super::{Class, Counted, Limit, Manners, relayed};
use crate::config::{Azure, Connection, DEFAULT_ASN, Gateway, VirtualWan};
use crate::effective::DEFAULT;
use crate::gateway::Offer;
use crate::rules;
use ipnet::Ipv4Net;
use quadzero_codec::{AsPath, Asn, Attributes};
use std::net::Ipv4Addr;

/// Routes of a hub at most (VWAN-LIM D).
const MAX_ROUTES: usize = 10_000;
/// What stands in front of a path for each hop between hubs (LAB-VWAN F, VWAN-LAB2 B).
pub const BETWEEN_HUBS: [Asn; 2] = [Asn(65520), Asn(65520)];

impl Manners for VirtualWan {
    fn asn(&self) -> Asn {
        DEFAULT_ASN
    }

    fn class(&self) -> Class {
        Class::Vpn
    }

    fn weight(&self, _connection: Option<&Connection>) -> u32 {
        32768
    }

    fn limit(&self, _connection: &Connection) -> Limit {
        Limit { most: MAX_ROUTES, most_ipv6: usize::MAX, counted: Counted::Gateway }
    }

    /// A site with an APIPA address dials, as with any VPN gateway (CFG-BGP D).
    fn dials(&self, connection: &Connection) -> bool {
        !rules::is_apipa(connection.peer(0))
    }

    /// A learned default goes to connections that have internet security (VWAN-FAQ D, LAB-VWAN F).
    fn tells(&self, offer: &Offer<'_>, to: &Connection) -> bool {
        offer.prefix != DEFAULT || to.internet_security
    }

    /// The networks, the hub, and the private address spaces of the other sites; 0.0.0.0/0 among those is told as a
    /// learned one is (VWAN-FT B).
    fn own_routes(&self, azure: &Azure, gateway: &Gateway, to: usize) -> Vec<(Ipv4Net, Attributes)> {
        let own = Attributes { as_path: AsPath::sequence([DEFAULT_ASN]), ..Attributes::default() };
        let takes_default = gateway.connections[to].internet_security;
        let others = gateway.connections.iter().enumerate().filter(|(c, _)| *c != to).map(|(_, c)| c);
        let statics = others.flat_map(Connection::static_prefixes).filter(|p| takes_default || *p != DEFAULT);
        azure.served_prefixes(gateway.place).chain(statics).map(|prefix| (prefix, own.clone())).collect()
    }

    /// Communities are kept (VWAN-FAQ D); what comes from another hub has ORIGIN EGP (LAB-VWAN F).
    fn passed_on(&self, offer: &Offer<'_>, _gateway: &Gateway) -> Attributes {
        Attributes {
            origin: offer.attributes.origin,
            communities: offer.attributes.communities.clone(),
            extended_communities: offer.attributes.extended_communities.clone(),
            large_communities: offer.attributes.large_communities.clone(),
            ..relayed(offer, DEFAULT_ASN)
        }
    }

    /// The hub router (VWAN-NVA F).
    fn shown(&self, _gateway: &Gateway, _instance: usize, _connection: usize, _: &Attributes) -> Ipv4Addr {
        self.router
    }
}
