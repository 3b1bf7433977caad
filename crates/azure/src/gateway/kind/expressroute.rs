//! ExpressRoute: Microsoft's routers at the two links of a circuit, and the gateway behind them (azure.md §2).

use super::{Class, Counted, Limit, Manners};
use crate::config::{
    Azure, Circuit, Connection, ExpressRoute, Gateway, HoldTimeBehaviour, MICROSOFT_ASN, Peering, Sku, Vnet,
};
use crate::effective::DEFAULT;
use crate::gateway::{Offer, Refusal};
use crate::rules;
use ipnet::{IpNet, Ipv4Net};
use quadzero_bfd::Parameters;
use quadzero_codec::{AsPath, Asn, Attributes, Community, HoldTime, NextHop, Segment};
use quadzero_fsm::HoldNegotiation;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// More prefixes than this from Azure, and the connection of circuit and gateway goes down (ER-FAQ D).
pub const MAX_FROM_AZURE: usize = 1000;

/// The least Hold Time, in seconds (ER-BFD D).
const LEAST_HOLD_TIME: u16 = 10;

impl Manners for ExpressRoute {
    fn asn(&self) -> Asn {
        MICROSOFT_ASN
    }

    fn class(&self) -> Class {
        Class::ExpressRoute
    }

    /// LAB-ER F.
    fn weight(&self, connection: Option<&Connection>) -> u32 {
        32769 + connection.map_or(0, |connection| self.degree(connection))
    }

    /// ER-LIM D.
    fn limit(&self, connection: &Connection) -> Limit {
        let (most, most_ipv6) = match connection.circuit() {
            Some(circuit) if !circuit.is_private() => (200, 200),
            Some(Circuit { sku: Sku::Premium, .. }) => (10_000, 100),
            _ => (4_000, 100),
        };
        Limit { most, most_ipv6, counted: Counted::Session }
    }

    /// The lower value is used, down to 10 s (ER-BFD D, ER-FAQ D).
    fn hold_negotiation(&self, _behaviour: HoldTimeBehaviour) -> HoldNegotiation {
        HoldNegotiation::AtLeast(HoldTime::new(LEAST_HOLD_TIME).expect("10 is a Hold Time"))
    }

    fn identifier(&self, gateway: &Gateway, instance: usize, connection: usize) -> Ipv4Addr {
        gateway.local_address(instance, connection)
    }

    /// A default route is for private peering alone, and private addresses are nobody's on Microsoft peering
    /// (ER-ROUTE D). IPv6 is taken and counted; the mock's networks have none.
    fn takes(&self, prefix: IpNet, connection: &Connection) -> Result<(), Refusal> {
        let microsoft = connection.circuit().is_some_and(|circuit| !circuit.is_private());
        match prefix {
            IpNet::V6(_) => Err(Refusal::Ipv6),
            IpNet::V4(_) if !microsoft => Ok(()),
            IpNet::V4(DEFAULT) => Err(Refusal::DefaultOnMicrosoftPeering),
            IpNet::V4(net) if is_private(net) => Err(Refusal::PrivateOnMicrosoftPeering),
            IpNet::V4(_) => Ok(()),
        }
    }

    /// Communities are ignored (ER-ROUTE D); the gateway sees `12076-<path>` (LAB-ER F), and on Microsoft peering
    /// private numbers are stripped (ER-ROUTE D).
    fn as_learned(&self, attributes: &Arc<Attributes>, connection: &Connection) -> Arc<Attributes> {
        let private = connection.circuit().is_none_or(Circuit::is_private);
        let path = if private { attributes.as_path.clone() } else { public(&attributes.as_path) };
        Arc::new(Attributes {
            as_path: path.prepended(MICROSOFT_ASN, 1),
            communities: Box::default(),
            extended_communities: Box::default(),
            large_communities: Box::default(),
            ..Attributes::clone(attributes)
        })
    }

    /// The weight of the connection comes before AS_PATH (ER-OPT D).
    fn degree(&self, connection: &Connection) -> u32 {
        connection.circuit().map_or(0, |circuit| circuit.weight)
    }

    fn reaches_vnets(&self, connection: &Connection) -> bool {
        connection.circuit().is_none_or(Circuit::is_private)
    }

    /// No transit between circuits (ER-ROUTE D); in a hub a default goes to connections that have the flag, and
    /// never from one circuit to another (VWAN-INET D). What Route Server brings is told, a default too (I: only
    /// the VPN gateway is documented to keep it).
    fn tells(&self, offer: &Offer<'_>, to: &Connection) -> bool {
        let private = to.circuit().is_none_or(Circuit::is_private);
        let default = offer.prefix != DEFAULT || !offer.in_hub || to.internet_security;
        private && default && offer.class != Class::ExpressRoute
    }

    /// Whole address spaces (ER-FAQ D), with the community of the region and that of the network (ER-COMM D). On
    /// Microsoft peering the services of the route filter, and nothing without one (ER-ROUTE D).
    fn own_routes(&self, azure: &Azure, gateway: &Gateway, to: usize) -> Vec<(Ipv4Net, Attributes)> {
        match gateway.connections[to].circuit().map(|circuit| &circuit.peering) {
            Some(Peering::Microsoft(chosen)) => {
                let named =
                    chosen.services.iter().filter(|service| chosen.route_filter.contains(&service.community));
                named.map(|service| (service.prefix.trunc(), announced([service.community]))).collect()
            }
            _ => {
                let of_vnet = |vnet: &Vnet| announced(self.region.into_iter().chain(vnet.community));
                let vnets = azure.served_vnets(gateway.place);
                let own = vnets.flat_map(|v| v.address_space.iter().map(move |p| (p.trunc(), of_vnet(v))));
                let hub = azure.served_prefixes(gateway.place).map(|p| (p, announced(self.region)));
                // Of two to one prefix the last wins: a network's own says more.
                hub.chain(own).collect()
            }
        }
    }

    /// On-premises see 12076 alone where the numbers behind are private: Microsoft strips them (S2S-BACKUP F,
    /// RS-FAQ D).
    fn passed_on(&self, offer: &Offer<'_>, _gateway: &Gateway) -> Attributes {
        Attributes {
            as_path: public(&offer.attributes.as_path).prepended(MICROSOFT_ASN, 1),
            next_hop: NextHop::Own,
            communities: self.region.into_iter().collect(),
            ..Attributes::default()
        }
    }

    /// No source shows it: Microsoft's address of the link (U).
    fn shown(&self, gateway: &Gateway, instance: usize, connection: usize, _: &Attributes) -> Ipv4Addr {
        gateway.local_address(instance, connection)
    }

    /// 300 ms three times, which is the default of BFD here (ER-BFD D; some saw 750 ms).
    fn bfd(&self, connection: &Connection) -> Option<Parameters> {
        connection.circuit().is_some_and(|circuit| circuit.bfd).then(Parameters::default)
    }
}

fn announced(communities: impl IntoIterator<Item = Community>) -> Attributes {
    Attributes {
        as_path: AsPath::sequence([MICROSOFT_ASN]),
        communities: communities.into_iter().collect(),
        ..Attributes::default()
    }
}

/// The path without private numbers.
fn public(path: &AsPath) -> AsPath {
    let public = |segment: &Segment| Segment {
        asns: segment.asns.iter().copied().filter(|asn| !rules::is_private_asn(*asn)).collect(),
        ..segment.clone()
    };
    AsPath(path.0.iter().map(public).filter(|segment| !segment.asns.is_empty()).collect())
}

fn is_private(net: Ipv4Net) -> bool {
    rules::is_private_address(IpAddr::V4(net.addr())) && net.prefix_len() >= 8
}
