//! What is deployed: a gateway, its connections, and the virtual networks it serves.
//!
//! ```text
//!   on-premises            gateway                  virtual networks
//!   ┌───────────┐   ┌──────────────────────┐   ┌──────────────────────────┐
//!   │ Connection│◄──┤ Instance, Instance   ├──►│ Vnet (the gateway's own) │◄─ peering ─► Vnet, Vnet, ..
//!   │  peer, asn│   │ asn, bgp addresses   │   │  Subnet ── UserRoute ..  │
//!   └───────────┘   └──────────────────────┘   └──────────────────────────┘
//! ```
//!
//! The words are Azure's: a [`Connection`] is a connection object together with its local network gateway, an
//! [`Instance`] is one of the machines that the gateway is made of. The values are plain; whether Azure would
//! accept them is a question for [`rules::check`](crate::rules::check).

use ipnet::Ipv4Net;
use quadzero_codec::Asn;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The ASN of a gateway that was given no other (VPN-FAQ D).
pub const DEFAULT_ASN: Asn = Asn(65515);
/// How many prefixes a VPN gateway takes from all its peers together (VPN-FAQ D).
pub const MAX_PREFIXES: usize = 4000;
/// The subnet that gateways live in, by its fixed name.
pub const GATEWAY_SUBNET: &str = "GatewaySubnet";

/// A gateway and the virtual networks behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    /// The gateway.
    pub gateway: Gateway,
    /// The gateway's own virtual network first, then those peered to it (and not to each other).
    pub vnets: Vec<Vnet>,
}

/// Which of Azure's gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GatewayKind {
    /// A virtual network gateway of type Vpn.
    #[default]
    VpnGateway,
}

/// What a VPN gateway does with a smaller Hold Time than its own: the sources disagree (azure.md §1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldTimeBehaviour {
    /// 60 s and 180 s hold whatever the peer says (VPN-FAQ D, TIMERS D).
    #[default]
    Fixed,
    /// The smaller value holds (SYUH F).
    Negotiate,
}

/// How the system default route is listed while a gateway announces one (azure.md §5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemDefault {
    /// Not at all (LAB-DEF F).
    #[default]
    Hidden,
    /// As `Invalid`, like one that a user route replaces (UDR D).
    Invalid,
}

/// Answers to questions that the sources leave open (azure.md §8, "unconfirmed").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switches {
    /// Row 7 of azure.md §8.
    pub hold_time: HoldTimeBehaviour,
    /// Row 13 of azure.md §8.
    pub system_default: SystemDefault,
    /// Whether MED decides between paths of equal length. Off: equal AS_PATHs share the traffic (row 23).
    pub compare_med: bool,
    /// Whether transit routes keep their communities. Off: none were seen (row 24, LAB-BGP F).
    pub keep_communities: bool,
    /// How long a session stays down that took the gateway over its limit of prefixes (row 20).
    pub limit_penalty: Duration,
    /// Time between dials.
    pub connect_retry: Duration,
    /// The TTL that is sent (azure.md §1.3).
    pub ttl: u8,
    /// Whether the four-octet AS capability is offered: Route Server does (FRR-RS F), and the gateway's ASN
    /// is of 32 bits.
    pub four_octet_as: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            hold_time: HoldTimeBehaviour::default(),
            system_default: SystemDefault::default(),
            compare_med: false,
            keep_communities: false,
            limit_penalty: Duration::from_secs(60),
            connect_retry: Duration::from_secs(120),
            ttl: 64,
            four_octet_as: true,
        }
    }
}

/// A virtual network gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its resource name.
    pub name: String,
    /// Which one it is.
    pub kind: GatewayKind,
    /// Its AS.
    pub asn: Asn,
    /// One instance is active-standby, two are active-active.
    pub instances: Vec<Instance>,
    /// What it is connected to.
    pub connections: Vec<Connection>,
    /// More prefixes than this from all peers together, and the session that brought them is dropped.
    pub max_prefixes: usize,
    /// Open questions.
    pub switches: Switches,
}

/// One machine of a gateway, with a BGP speaker of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What logs call it.
    pub name: String,
    /// Its BGP peer address out of `GatewaySubnet`; also its BGP Identifier (FRR-RS F).
    pub address: Ipv4Addr,
    /// Its custom BGP addresses (`customBgpIpAddresses`).
    pub apipa: Vec<Ipv4Addr>,
    /// Its public address: the next hop that network interfaces show behind an active-standby gateway.
    pub public_ip: Option<Ipv4Addr>,
}

/// A connection and its local network gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its resource name.
    pub name: String,
    /// The AS on-premises.
    pub asn: Asn,
    /// The BGP peer address of the local network gateway.
    pub peer: IpAddr,
    /// The address space of the local network gateway: static routes beside BGP (VPN-FAQ D).
    pub static_prefixes: Vec<Ipv4Net>,
}

/// A virtual network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vnet {
    /// Its resource name.
    pub name: String,
    /// Its address space.
    pub address_space: Vec<Ipv4Net>,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// Whether the peering lets it use the gateway. Without meaning for the gateway's own network.
    pub gateway_transit: bool,
}

/// A subnet with its route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its resource name.
    pub name: String,
    /// Its part of the address space.
    pub prefix: Ipv4Net,
    /// "Propagate gateway routes" of the route table; `GatewaySubnet` always has them.
    pub propagate_gateway_routes: bool,
    /// The user routes of the route table.
    pub routes: Vec<UserRoute>,
    /// The prefixes of the service endpoints that are switched on.
    pub service_endpoints: Vec<Ipv4Net>,
}

/// A user-defined route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRoute {
    /// Its resource name.
    pub name: String,
    /// Where to.
    pub prefix: Ipv4Net,
    /// By what.
    pub next_hop_type: NextHopType,
    /// The appliance, for [`NextHopType::VirtualAppliance`].
    pub next_hop_ip: Option<Ipv4Addr>,
}

/// Next hop types, in the spelling of Azure's API (azure.md §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub enum NextHopType {
    /// Within the virtual network.
    VnetLocal,
    /// Azure's own way to the Internet, from a public address of Azure.
    Internet,
    /// Dropped.
    None,
    /// The gateway.
    VirtualNetworkGateway,
    /// A virtual machine that forwards.
    VirtualAppliance,
    /// A peered virtual network.
    VNetPeering,
    /// A service endpoint: over Azure's backbone.
    VirtualNetworkServiceEndpoint,
}

/// What tells the gateways apart. A new one does not compile until each question has its answer.
impl GatewayKind {
    /// The weight of its routes in Azure's listings (LAB-RS F).
    pub const fn weight(self) -> u32 {
        match self {
            Self::VpnGateway => 32768,
        }
    }

    /// Whether it tells its other peers of an exact 0.0.0.0/0 (VPN-FAQ D: it does not).
    pub const fn relays_default(self) -> bool {
        match self {
            Self::VpnGateway => false,
        }
    }
}

impl Azure {
    /// The prefixes that the gateway stands for: its own network's, and those of the networks that use it.
    pub fn served_prefixes(&self) -> impl Iterator<Item = Ipv4Net> + '_ {
        let served = self.vnets.iter().enumerate().filter(|(i, vnet)| *i == 0 || vnet.gateway_transit);
        served.flat_map(|(_, vnet)| vnet.address_space.iter().map(Ipv4Net::trunc))
    }

    /// The subnet called `subnet`, or `vnet/subnet` where two networks have one of that name; with the index
    /// of its network.
    pub fn subnet(&self, name: &str) -> Option<(usize, &Subnet)> {
        let (vnet_name, subnet_name) = name.split_once('/').map_or((None, name), |(v, s)| (Some(v), s));
        let vnets = self.vnets.iter().enumerate().filter(|(_, v)| vnet_name.is_none_or(|n| n == v.name));
        let mut subnets = vnets.flat_map(|(i, v)| v.subnets.iter().map(move |s| (i, s)));
        subnets.find(|(_, s)| s.name == subnet_name)
    }
}

impl Gateway {
    /// Whether two instances work side by side.
    pub fn is_active_active(&self) -> bool {
        self.instances.len() > 1
    }

    /// The address that an instance peers from with a connection: an APIPA one if the peer's is one, else the
    /// private one (CFG-BGP D). Of several, the one in the peer's /30, else the first; none configured leaves
    /// the private one.
    ///
    /// # Panics
    /// If there is no such instance or connection.
    pub fn local_address(&self, instance: usize, connection: usize) -> Ipv4Addr {
        let instance = &self.instances[instance];
        let IpAddr::V4(peer) = self.connections[connection].peer else { return instance.address };
        if !peer.is_link_local() {
            return instance.address;
        }
        let neighbours = |a: &&Ipv4Addr| a.to_bits() >> 2 == peer.to_bits() >> 2;
        *instance.apipa.iter().find(neighbours).or(instance.apipa.first()).unwrap_or(&instance.address)
    }

    /// What network interfaces show as next hop for an instance: the public address of an active-standby
    /// gateway, the private ones of an active-active gateway (LAB-DEF F, LAB-BGP F).
    ///
    /// # Panics
    /// If there is no such instance.
    pub fn shown_next_hop(&self, instance: usize) -> Ipv4Addr {
        let instance = &self.instances[instance];
        if self.is_active_active() {
            instance.address
        } else {
            instance.public_ip.unwrap_or(instance.address)
        }
    }
}

impl Subnet {
    /// A subnet with nothing but the defaults of Azure.
    pub fn new(name: impl Into<String>, prefix: Ipv4Net) -> Self {
        Self {
            name: name.into(),
            prefix,
            propagate_gateway_routes: true,
            routes: Vec::new(),
            service_endpoints: Vec::new(),
        }
    }

    /// Whether routes of the gateway reach it: `GatewaySubnet` cannot do without (GW-UDR D).
    pub fn has_gateway_routes(&self) -> bool {
        self.propagate_gateway_routes || self.name == GATEWAY_SUBNET
    }
}

impl Instance {
    /// An instance with a private address alone.
    pub fn new(name: impl Into<String>, address: Ipv4Addr) -> Self {
        Self { name: name.into(), address, apipa: Vec::new(), public_ip: None }
    }
}

impl NextHopType {
    /// The ones that a user route may name (UDR D).
    pub const SETTABLE: [Self; 5] =
        [Self::VirtualNetworkGateway, Self::VnetLocal, Self::Internet, Self::VirtualAppliance, Self::None];

    /// The spelling of Azure's API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VnetLocal => "VnetLocal",
            Self::Internet => "Internet",
            Self::None => "None",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::VirtualAppliance => "VirtualAppliance",
            Self::VNetPeering => "VNetPeering",
            Self::VirtualNetworkServiceEndpoint => "VirtualNetworkServiceEndpoint",
        }
    }
}

impl std::fmt::Display for NextHopType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
