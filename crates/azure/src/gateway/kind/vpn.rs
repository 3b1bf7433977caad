//! The VPN gateway (azure.md §1).

use super::{Class, Counted, Limit, Manners, relayed};
use crate::config::{Azure, Connection, Gateway, VpnGateway};
use crate::effective::DEFAULT;
use crate::gateway::{Offer, host_route};
use crate::rules;
use ipnet::Ipv4Net;
use quadzero_codec::{AsPath, Asn, Attributes};
use std::net::Ipv4Addr;

/// How many prefixes a VPN gateway takes from all its peers together (VPN-FAQ D).
pub const MAX_PREFIXES: usize = 4000;

impl Manners for VpnGateway {
    fn asn(&self) -> Asn {
        self.asn
    }

    fn class(&self) -> Class {
        Class::Vpn
    }

    /// LAB-RS F.
    fn weight(&self, _connection: Option<&Connection>) -> u32 {
        32768
    }

    fn limit(&self, _connection: &Connection) -> Limit {
        Limit { most: MAX_PREFIXES, most_ipv6: usize::MAX, counted: Counted::Gateway }
    }

    /// APIPA peers must dial it (CFG-BGP D).
    fn dials(&self, connection: &Connection) -> bool {
        !rules::is_apipa(connection.peer(0))
    }

    /// Never an exact default, always its halves (VPN-FAQ D, RS-TS D, BREAKOUT F).
    fn tells(&self, offer: &Offer<'_>, _to: &Connection) -> bool {
        offer.prefix != DEFAULT
    }

    /// The networks, the address spaces of local network gateways, and the host routes of the other peers, but
    /// not the peer's own (VPN-FAQ D, LAB-BGP F).
    fn own_routes(&self, azure: &Azure, gateway: &Gateway, to: usize) -> Vec<(Ipv4Net, Attributes)> {
        let own = Attributes { as_path: AsPath::sequence([self.asn]), ..Attributes::default() };
        let connections = &gateway.connections;
        let statics = connections.iter().flat_map(Connection::static_prefixes).filter(|p| *p != DEFAULT);
        let others = connections.iter().enumerate().filter(|(c, _)| *c != to).map(|(_, c)| c);
        let own_host = host_route(&connections[to]);
        let beside = statics.chain(others.filter_map(host_route)).filter(|p| Some(*p) != own_host);
        let prefixes = azure.served_prefixes(gateway.place).chain(beside);
        prefixes.map(|prefix| (prefix, own.clone())).collect()
    }

    /// No community was seen on transit routes (LAB-BGP F); that is a switch.
    fn passed_on(&self, offer: &Offer<'_>, gateway: &Gateway) -> Attributes {
        let keep = gateway.switches.keep_communities;
        let communities = if keep { offer.attributes.communities.clone() } else { Box::default() };
        Attributes { communities, ..relayed(offer, self.asn) }
    }

    /// The public address of an active-standby gateway, the private ones of an active-active gateway (LAB-DEF F,
    /// LAB-BGP F).
    fn shown(&self, gateway: &Gateway, instance: usize, _connection: usize, _: &Attributes) -> Ipv4Addr {
        let active_active = gateway.is_active_active();
        let instance = &gateway.instances[instance];
        if active_active { instance.address } else { instance.public_ip.unwrap_or(instance.address) }
    }
}
