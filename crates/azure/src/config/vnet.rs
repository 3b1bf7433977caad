//! A virtual network: its subnets, its peerings, its route tables.

use super::SecurityRule;
use ipnet::Ipv4Net;
use quadzero_codec::Community;
use std::net::Ipv4Addr;

/// The subnet that gateways live in, by its fixed name.
pub const GATEWAY_SUBNET: &str = "GatewaySubnet";
/// The subnet that Route Server lives in.
pub const ROUTE_SERVER_SUBNET: &str = "RouteServerSubnet";
/// The subnet that Azure Firewall lives in.
pub const AZURE_FIREWALL_SUBNET: &str = "AzureFirewallSubnet";
/// The subnet of Azure Firewall's Management NIC.
pub const AZURE_FIREWALL_MANAGEMENT_SUBNET: &str = "AzureFirewallManagementSubnet";
/// The subnet that Azure Bastion lives in.
pub const AZURE_BASTION_SUBNET: &str = "AzureBastionSubnet";

/// A virtual network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vnet {
    /// Its resource name.
    pub name: String,
    /// Its address space.
    pub address_space: Vec<Ipv4Net>,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
    /// Its peerings. One side is enough to make two networks peers.
    pub peerings: Vec<VnetPeering>,
    /// Its connection to a hub of Virtual WAN.
    pub hub: Option<HubConnection>,
    /// Its own BGP community, `12076:2xxxx`, which ExpressRoute announces its prefixes with (ER-COMM D).
    pub community: Option<Community>,
}

/// A peering, from the side of the network that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VnetPeering {
    /// The other network, an index.
    pub with: usize,
    /// Whether it lets this network use its gateways ("use remote gateways", "gateway transit").
    pub use_remote_gateways: bool,
}

/// A connection to a hub of Virtual WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubConnection {
    /// The hub: the index of a gateway.
    pub hub: usize,
    /// "Propagate default route" (`enableInternetSecurity`): on where the portal made it (VWAN-FAQ D).
    pub internet_security: bool,
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
    /// The outbound rules of its network security group; none is no group.
    pub security_rules: Vec<SecurityRule>,
    /// The network interfaces in it, by their names, where the derived name is not the one wanted.
    pub network_interfaces: Vec<String>,
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

impl Vnet {
    /// A network that has nothing but an address space.
    pub fn new(name: impl Into<String>, address_space: Vec<Ipv4Net>) -> Self {
        Self {
            name: name.into(),
            address_space,
            subnets: Vec::new(),
            peerings: Vec::new(),
            hub: None,
            community: None,
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
            security_rules: Vec::new(),
            network_interfaces: Vec::new(),
        }
    }

    /// Whether routes of gateways reach it: `GatewaySubnet` cannot do without (GW-UDR D).
    pub fn has_gateway_routes(&self) -> bool {
        self.propagate_gateway_routes || self.name == GATEWAY_SUBNET
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
