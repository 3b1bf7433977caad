//! What is deployed: gateways, their connections, and the virtual networks they serve.
//!
//! ```text
//!   on-premises            Gateway                     where it stands (Place)
//!   ┌───────────┐   ┌──────────────────────┐   ┌───────────────────────────────────┐
//!   │ Connection│◄──┤ Instance, Instance   ├──►│ a Vnet  ◄─ Peering ─► Vnet, ..    │
//!   │ asn, Link │   │ Kind: vpn, er, ..    │   │ or a hub ◄─ HubConnection ─► Vnet │
//!   └───────────┘   └──────────────────────┘   │   Subnet ── UserRoute ..          │
//!                                              └───────────────────────────────────┘
//! ```
//!
//! The words are Azure's: a [`Connection`] is a connection object together with what it leads to, an
//! [`Instance`] is one of the machines that a gateway is made of. Several gateways may stand in one place: a VPN
//! gateway, an ExpressRoute gateway and a Route Server in one network, or both kinds of gateways in a hub of
//! Virtual WAN. The values are plain; whether Azure would accept them is a question for
//! [`rules::check`](crate::rules::check).

mod gateway;
mod kind;
mod network_interface;
mod security_rule;
mod switches;
mod vnet;

pub use gateway::{
    Circuit, Connection, Gateway, Instance, Link, MicrosoftPeering, Peering, Service, Site, Sku,
};
pub use kind::{ExpressRoute, Kind, Preference, RouteServer, VirtualWan, VpnGateway};
pub use network_interface::NetworkInterface;
pub use security_rule::{SecurityRule, Target};
pub use switches::{HoldTimeBehaviour, Switches, SystemDefault};
pub use vnet::{
    AZURE_BASTION_SUBNET, AZURE_FIREWALL_MANAGEMENT_SUBNET, AZURE_FIREWALL_SUBNET, GATEWAY_SUBNET,
    HubConnection, NextHopType, ROUTE_SERVER_SUBNET, Subnet, UserRoute, Vnet, VnetPeering,
};

use ipnet::Ipv4Net;
use quadzero_codec::Asn;
use std::net::{IpAddr, Ipv4Addr};

/// The ASN of a VPN gateway that was given no other, and always that of Route Server and of a hub (VPN-FAQ D,
/// RS-FAQ D, VWAN-FAQ D).
pub const DEFAULT_ASN: Asn = Asn(65515);
/// The ASN of Microsoft's end of ExpressRoute (ER-ROUTE D).
pub const MICROSOFT_ASN: Asn = Asn(12076);

/// Gateways and the virtual networks behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    /// The gateways.
    pub gateways: Vec<Gateway>,
    /// The virtual networks.
    pub vnets: Vec<Vnet>,
}

/// Where a gateway stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the virtual network with this index.
    Vnet(usize),
    /// In the hub of Virtual WAN that the gateway with this index is.
    Hub(usize),
}

/// A BGP session: an instance of a gateway with the peer of a connection. All three are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// Of [`Azure::gateways`].
    pub gateway: usize,
    /// Of [`Gateway::instances`].
    pub instance: usize,
    /// Of [`Gateway::connections`].
    pub connection: usize,
}

impl Azure {
    /// Every session there is: each instance of a gateway peers with each of its connections.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.gateways.iter().enumerate().flat_map(|(gateway, g)| {
            let instances = 0..g.instances.len();
            instances.flat_map(move |instance| {
                (0..g.connections.len()).map(move |connection| SessionId { gateway, instance, connection })
            })
        })
    }

    /// The index of the gateway with this name.
    pub fn gateway(&self, name: &str) -> Option<usize> {
        self.gateways.iter().position(|gateway| gateway.name == name)
    }

    /// Azure's address of a session.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn local_address(&self, id: SessionId) -> Ipv4Addr {
        self.gateways[id.gateway].local_address(id.instance, id.connection)
    }

    /// The peer's address of a session.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn peer_address(&self, id: SessionId) -> IpAddr {
        self.gateways[id.gateway].connections[id.connection].peer(id.instance)
    }

    /// The connection of a session.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn connection(&self, id: SessionId) -> &Connection {
        &self.gateways[id.gateway].connections[id.connection]
    }

    /// The gateways that stand in a place, by their indices.
    pub fn gateways_at(&self, place: Place) -> impl Iterator<Item = usize> + '_ {
        self.gateways.iter().enumerate().filter(move |(_, g)| g.place == place).map(|(i, _)| i)
    }

    /// Every place that has a gateway.
    pub fn places(&self) -> Vec<Place> {
        let mut places: Vec<Place> = self.gateways.iter().map(|gateway| gateway.place).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Where the gateways are that a virtual network uses: its own, or else those of a peered one that lets it,
    /// or those of its hub.
    ///
    /// # Panics
    /// If there is no such network.
    pub fn place_of(&self, vnet: usize) -> Option<Place> {
        let own = Place::Vnet(vnet);
        let remote = self.vnets[vnet].peerings.iter().filter(|peering| peering.use_remote_gateways);
        let remote = remote.map(|peering| Place::Vnet(peering.with));
        let hub = self.vnets[vnet].hub.map(|connection| Place::Hub(connection.hub));
        [own].into_iter().chain(remote).chain(hub).find(|place| self.gateways_at(*place).next().is_some())
    }

    /// The networks that use the gateways of a place, the one that they stand in first.
    pub fn served_vnets(&self, place: Place) -> impl Iterator<Item = &Vnet> + '_ {
        let own = move |i: &usize| place != Place::Vnet(*i);
        let mut served: Vec<usize> =
            (0..self.vnets.len()).filter(|i| self.place_of(*i) == Some(place)).collect();
        served.sort_by_key(own);
        served.into_iter().map(|i| &self.vnets[i])
    }

    /// The prefixes that the gateways of a place stand for: those of the networks that they serve, and a hub's
    /// own.
    pub fn served_prefixes(&self, place: Place) -> impl Iterator<Item = Ipv4Net> + '_ {
        let hub = match place {
            Place::Hub(hub) => self.gateways.get(hub).and_then(|g| g.kind.hub()).map(|h| h.address_prefix),
            Place::Vnet(_) => None,
        };
        let vnets = self.served_vnets(place).flat_map(|vnet| vnet.address_space.iter().map(Ipv4Net::trunc));
        hub.into_iter().chain(vnets)
    }

    /// The networks that are peered to one, whichever of the two says so.
    ///
    /// # Panics
    /// If there is no such network.
    pub fn peered_with(&self, vnet: usize) -> impl Iterator<Item = usize> + '_ {
        let has = |i: usize, other: usize| self.vnets[i].peerings.iter().any(|p| p.with == other);
        (0..self.vnets.len()).filter(move |&i| i != vnet && (has(i, vnet) || has(vnet, i)))
    }

    /// The subnet called `subnet`, or `vnet/subnet` where two networks have one of that name; with the index
    /// of its network.
    pub fn subnet(&self, name: &str) -> Option<(usize, &Subnet)> {
        let (vnet_name, subnet_name) = name.split_once('/').map_or((None, name), |(v, s)| (Some(v), s));
        let vnets = self.vnets.iter().enumerate().filter(|(_, v)| vnet_name.is_none_or(|n| n == v.name));
        let mut subnets = vnets.flat_map(|(i, v)| v.subnets.iter().map(move |s| (i, s)));
        subnets.find(|(_, s)| s.name == subnet_name)
    }

    /// What decides in a place between routes of different gateways to one prefix.
    pub fn preference(&self, place: Place) -> Preference {
        let mut said = self.gateways_at(place).filter_map(|g| self.gateways[g].kind.preference());
        said.next().unwrap_or_default()
    }

    /// How the system default is listed beside one that was learned.
    pub(crate) fn system_default(&self) -> SystemDefault {
        let invalid = |g: &Gateway| g.switches.system_default == SystemDefault::Invalid;
        if self.gateways.iter().any(invalid) { SystemDefault::Invalid } else { SystemDefault::Hidden }
    }
}
