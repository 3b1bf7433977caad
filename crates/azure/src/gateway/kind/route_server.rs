//! Azure Route Server (azure.md §3.1): it tells network interfaces what appliances say, and is not on the way
//! itself.

use super::{Class, Counted, Limit, Manners};
use crate::config::{Connection, DEFAULT_ASN, Gateway, RouteServer};
use crate::gateway::Offer;
use quadzero_codec::{Asn, Attributes, NextHop};
use std::net::{IpAddr, Ipv4Addr};

/// Peers at most (RS-LIM D).
pub const MAX_PEERS: usize = 8;
/// Routes from a peer at most, in the newest copy (RS-FAQ D, 2025-09; RS-LIM D said 1,000).
const MAX_ROUTES: usize = 4000;

impl Manners for RouteServer {
    fn asn(&self) -> Asn {
        DEFAULT_ASN
    }

    /// "VPN/SD-WAN" (RS-FAQ D).
    fn class(&self) -> Class {
        Class::Vpn
    }

    fn weight(&self, _connection: Option<&Connection>) -> u32 {
        32768
    }

    fn limit(&self, _connection: &Connection) -> Limit {
        Limit { most: MAX_ROUTES, most_ipv6: usize::MAX, counted: Counted::HeldAndIncoming }
    }

    /// Everything that an appliance or, with branch-to-branch, a gateway brought; but what is marked no-advertise
    /// is for network interfaces alone, and is not among what is offered (RS-INJ D).
    fn tells(&self, _offer: &Offer<'_>, _to: &Connection) -> bool {
        true
    }

    /// The path, the communities and an appliance's next hop are kept (RS-FAQ D, RS-INJ D): Route Server forwards
    /// nothing itself.
    fn passed_on(&self, offer: &Offer<'_>, _gateway: &Gateway) -> Attributes {
        let next_hop = if offer.by_appliance { offer.attributes.next_hop } else { NextHop::Own };
        Attributes {
            as_path: offer.attributes.as_path.prepended(DEFAULT_ASN, 1),
            next_hop,
            local_pref: None,
            ..Attributes::clone(&offer.attributes)
        }
    }

    /// The appliance, or the next hop that it names (RS-TS D, ARS-NHIP B).
    fn shown(&self, gateway: &Gateway, instance: usize, connection: usize, learned: &Attributes) -> Ipv4Addr {
        let said = match learned.next_hop {
            NextHop::Address(address) => Some(address),
            NextHop::Own | NextHop::WithLinkLocal(..) => None,
        };
        match said.unwrap_or(gateway.connections[connection].peer(instance)) {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => gateway.instances[instance].address,
        }
    }

    fn hop_is_appliance(&self) -> bool {
        true
    }
}
