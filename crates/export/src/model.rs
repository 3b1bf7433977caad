//! What there is to make in Azure, whichever language makes it.

use crate::name::{Location, Name, PublicIp, ResourceGroup};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::Asn;
use std::net::Ipv4Addr;

/// Everything that one export says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it is, in one line.
    pub title: String,
    /// Where its resources are.
    pub group: ResourceGroup,
    /// In which region; `None` is that of the group.
    pub location: Option<Location>,
    /// What there is to know and to make, in this order.
    pub items: Vec<Item>,
}

/// One thing to know or to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A paragraph for whoever reads it.
    Note(String),
    /// Routes of one's own.
    RouteTable(RouteTable),
    /// A VPN gateway, which is there, and what leads from it to the edge.
    Vpn(Vpn),
    /// The older way of forced tunneling.
    DefaultSite(DefaultSite),
    /// The BGP sessions of a circuit, which is there.
    ExpressRoutePeering(ExpressRoutePeering),
    /// The peers of a Route Server, which is there.
    RouteServer(RouteServer),
    /// A look at what a gateway has learned.
    LearnedRoutes(Name),
}

/// A route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its name.
    pub name: Name,
    /// It is there already, with routes that stay.
    pub existing: bool,
    /// What it is to hold.
    pub routes: Vec<Route>,
    /// Where to, all of them.
    pub next_hop: NextHop,
    /// Who is to use it.
    pub subnets: Vec<Subnet>,
}

/// A route of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name, another one than that of every other route in the table.
    pub name: Name,
    /// Address prefix.
    pub prefix: IpNet,
}

/// Next hop types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// Azure's own way out.
    Internet,
    /// To the gateway, and through it home.
    VirtualNetworkGateway,
}

impl NextHop {
    /// As Azure spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internet => "Internet",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
        }
    }
}

/// A subnet, which is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its virtual network.
    pub vnet: Name,
    /// Its name.
    pub name: Name,
}

/// A VPN gateway and its connections to the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpn {
    /// The gateway.
    pub gateway: Name,
    /// Its AS, as the edge knows it.
    pub asn: Asn,
    /// One for each of the edge's addresses.
    pub connections: Vec<Connection>,
}

/// A local network gateway and the connection to it; both have one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The name.
    pub name: Name,
    /// Where the tunnel ends.
    pub public_ip: PublicIp,
    /// The edge's AS.
    pub asn: Asn,
    /// Where the edge speaks BGP.
    pub bgp_address: Ipv4Addr,
    /// Static routes beside BGP; mostly none.
    pub prefixes: Vec<Ipv4Net>,
}

/// Where a gateway sends what it has no route for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultSite {
    /// The gateway.
    pub gateway: Name,
    /// The local network gateway.
    pub site: Name,
}

/// Private peering of a circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressRoutePeering {
    /// The circuit.
    pub circuit: Name,
    /// The edge's AS.
    pub asn: Asn,
    /// The first link: a /30.
    pub primary: Ipv4Net,
    /// The second link.
    pub secondary: Ipv4Net,
    /// Of both links.
    pub vlan: u16,
    /// Whether the sessions have a TCP MD5 key (RFC 2385).
    pub md5: bool,
}

/// The peering's name, and its type: Azure has one for each.
pub(crate) const PRIVATE_PEERING: &str = "AzurePrivatePeering";

/// A Route Server and its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteServer {
    /// The Route Server.
    pub name: Name,
    /// The edge's AS.
    pub asn: Asn,
    /// The edge's addresses. Each peers with both of the server's instances.
    pub peers: Vec<Ipv4Addr>,
}

/// A key that is asked of whoever runs it, and never in what is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    SharedKey,
    Md5Key,
}

impl Secret {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::SharedKey => "the pre-shared key of the IPsec tunnels",
            Self::Md5Key => "the TCP MD5 key of the BGP sessions",
        }
    }
}

impl Plan {
    /// The keys that it needs.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let vpn = self.items.iter().any(|item| matches!(item, Item::Vpn(vpn) if !vpn.connections.is_empty()));
        let md5 = |item: &Item| matches!(item, Item::ExpressRoutePeering(peering) if peering.md5);
        let shared = vpn.then_some(Secret::SharedKey);
        shared.into_iter().chain(self.items.iter().any(md5).then_some(Secret::Md5Key)).collect()
    }

    /// The virtual networks that subnets of its tables are in, each once.
    pub(crate) fn subnets(table: &RouteTable) -> Vec<(&Name, Vec<&Name>)> {
        let mut vnets: Vec<(&Name, Vec<&Name>)> = Vec::new();
        for subnet in &table.subnets {
            match vnets.iter_mut().find(|(vnet, _)| *vnet == &subnet.vnet) {
                Some((_, names)) => names.push(&subnet.name),
                None => vnets.push((&subnet.vnet, vec![&subnet.name])),
            }
        }
        vnets
    }
}
