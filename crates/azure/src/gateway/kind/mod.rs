//! What tells Azure's gateways apart, each in a file of its own.
//!
//! ```text
//!   heard ─► takes ─► as_learned ─► (ranked, weighed by degree) ─► tells? ─► passed_on ─► announced
//!                                                                own_routes ────────────►
//! ```
//!
//! [`Manners`] are the questions that the rest of the crate asks. A new kind does not compile until each has its
//! answer.

mod expressroute;
mod route_server;
mod virtual_wan;
mod vpn;

pub use expressroute::MAX_FROM_AZURE;
pub use route_server::MAX_PEERS;
pub use virtual_wan::BETWEEN_HUBS;
pub use vpn::MAX_PREFIXES;

use super::{Hop, Offer, Refusal};
use crate::config::{Azure, Connection, Gateway, HoldTimeBehaviour, Kind};
use ipnet::{IpNet, Ipv4Net};
use quadzero_bfd::Parameters;
use quadzero_codec::{AsPath, Asn, Attributes, HoldTime, NextHop, Origin};
use quadzero_fsm::HoldNegotiation;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Which of two gateways is preferred is said by class (ER-COEX D, RS-FAQ D, VWAN-HRP D).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Circuits of ExpressRoute.
    ExpressRoute,
    /// Tunnels, and the appliances that peer with Route Server ("VPN/SD-WAN").
    Vpn,
}

/// How many prefixes are taken, and how they are counted (azure.md §8, row 20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many IPv4 prefixes, and not one more.
    pub most: usize,
    /// So many IPv6 prefixes.
    pub most_ipv6: usize,
    /// Whose prefixes are counted.
    pub counted: Counted,
}

/// Whose prefixes a [`Limit`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those of all sessions of the gateway together, each once.
    Gateway,
    /// Those of each session.
    Session,
    /// Those of each session: the ones held, and once more the ones that are being announced.
    HeldAndIncoming,
}

/// A gateway's own manners.
pub trait Manners {
    /// Its AS.
    fn asn(&self) -> Asn;

    /// Its class, where several gateways know a prefix.
    fn class(&self) -> Class;

    /// The weight of its routes in Azure's listings.
    fn weight(&self, connection: Option<&Connection>) -> u32;

    /// The limit of prefixes of a connection.
    fn limit(&self, connection: &Connection) -> Limit;

    /// Whether it dials the peer of a connection; it listens always.
    fn dials(&self, _connection: &Connection) -> bool {
        true
    }

    /// What becomes of the two proposed Hold Times.
    fn hold_negotiation(&self, behaviour: HoldTimeBehaviour) -> HoldNegotiation {
        match behaviour {
            HoldTimeBehaviour::Fixed => HoldNegotiation::Fixed,
            HoldTimeBehaviour::Negotiate => HoldNegotiation::Minimum,
        }
    }

    /// The identifier in its OPEN: the instance's BGP address (FRR-RS F).
    fn identifier(&self, gateway: &Gateway, instance: usize, _connection: usize) -> Ipv4Addr {
        gateway.instances[instance].address
    }

    /// What this kind refuses beside what lies in the virtual network.
    ///
    /// # Errors
    /// Why not.
    fn takes(&self, prefix: IpNet, _connection: &Connection) -> Result<(), Refusal> {
        if matches!(prefix, IpNet::V4(_)) { Ok(()) } else { Err(Refusal::Ipv6) }
    }

    /// What it keeps of the attributes that it heard.
    fn as_learned(&self, attributes: &Arc<Attributes>, _connection: &Connection) -> Arc<Attributes> {
        attributes.clone()
    }

    /// The degree of preference of a connection's routes; more is better.
    fn degree(&self, _connection: &Connection) -> u32 {
        0
    }

    /// Whether the virtual network is reached by this connection at all.
    fn reaches_vnets(&self, _connection: &Connection) -> bool {
        true
    }

    /// Whether a route that others brought is told to the peer of a connection.
    fn tells(&self, offer: &Offer<'_>, to: &Connection) -> bool;

    /// What it says of its own to the peer of a connection: the networks that it serves, as a rule.
    fn own_routes(&self, azure: &Azure, gateway: &Gateway, _to: usize) -> Vec<(Ipv4Net, Attributes)> {
        let own = Attributes { as_path: AsPath::sequence([self.asn()]), ..Attributes::default() };
        azure.served_prefixes(gateway.place).map(|prefix| (prefix, own.clone())).collect()
    }

    /// What it makes of the attributes of a route that others brought.
    fn passed_on(&self, offer: &Offer<'_>, gateway: &Gateway) -> Attributes;

    /// What network interfaces show as next hop of a route (azure.md §5.3).
    fn shown(&self, gateway: &Gateway, instance: usize, connection: usize, learned: &Attributes) -> Ipv4Addr;

    /// Whether the next hop is an appliance in the virtual network, and not on-premises.
    fn hop_is_appliance(&self) -> bool {
        false
    }

    /// BFD with the peer of a connection (azure.md §8, row 28).
    fn bfd(&self, _connection: &Connection) -> Option<Parameters> {
        None
    }
}

impl Kind {
    /// How it behaves.
    pub fn manners(&self) -> &dyn Manners {
        match self {
            Self::Vpn(vpn) => vpn,
            Self::ExpressRoute(expressroute) => expressroute,
            Self::RouteServer(server) => server,
            Self::VirtualWan(hub) => hub,
        }
    }
}

impl Gateway {
    /// Its AS.
    pub fn asn(&self) -> Asn {
        self.kind.manners().asn()
    }

    /// The limit of prefixes of a connection: the documented one, unless another was configured.
    pub fn limit(&self, connection: &Connection) -> Limit {
        let documented = self.kind.manners().limit(connection);
        Limit { most: self.max_prefixes.unwrap_or(documented.most), ..documented }
    }

    /// What network interfaces show for a route over an instance and a connection.
    pub(super) fn hop(&self, instance: usize, connection: usize, learned: &Attributes) -> Hop {
        let manners = self.kind.manners();
        Hop {
            shown: manners.shown(self, instance, connection, learned),
            gateway: self.name.clone(),
            instance: self.instances[instance].name.clone(),
            connection: self.connections[connection].name.clone(),
            bgp_next_hop: match learned.next_hop {
                NextHop::Address(address) => Some(address),
                NextHop::Own | NextHop::WithLinkLocal(..) => None,
            },
            appliance: manners.hop_is_appliance(),
        }
    }
}

/// What VPN gateways and hubs say of routes that others brought: themselves as next hop, IGP, MED 0 (LAB-BGP F).
fn relayed(offer: &Offer<'_>, asn: Asn) -> Attributes {
    Attributes {
        origin: Origin::Igp,
        as_path: offer.attributes.as_path.prepended(asn, 1),
        next_hop: NextHop::Own,
        med: Some(0),
        ..Attributes::default()
    }
}

/// The timers of every gateway: 60 and 180 s (VPN-FAQ D, RS-FAQ D, ER-FAQ D).
pub fn hold_time() -> HoldTime {
    HoldTime::new(crate::rules::HOLD_TIME_SECONDS).expect("180 is a Hold Time")
}
