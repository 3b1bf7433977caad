//! Which gateway it is, with what only this kind has. How each behaves is in [`gateway::kind`](crate::gateway).

use super::DEFAULT_ASN;
use ipnet::Ipv4Net;
use quadzero_codec::{Asn, Community};
use std::net::Ipv4Addr;

/// One of Azure's gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A virtual network gateway of type Vpn.
    Vpn(VpnGateway),
    /// A virtual network gateway of type ExpressRoute, with the circuits that are connected to it.
    ExpressRoute(ExpressRoute),
    /// Azure Route Server.
    RouteServer(RouteServer),
    /// A hub of Virtual WAN: its router and its VPN gateway.
    VirtualWan(VirtualWan),
}

/// A VPN gateway: one instance is active-standby, two are active-active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpnGateway {
    /// Its AS.
    pub asn: Asn,
    /// The connection that takes everything that has no other way ("Default Site"); an index.
    pub default_site: Option<usize>,
}

/// ExpressRoute: two instances, which are Microsoft's routers at the two links of a circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpressRoute {
    /// The community of the region that the networks are in, `12076:500xx` (ER-ROUTE D).
    pub region: Option<Community>,
}

/// Azure Route Server: always two instances, always AS 65515 (RS-FAQ D).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteServer {
    /// Whether it exchanges routes with the gateways of its network; off by default (RS-FAQ D).
    pub branch_to_branch: bool,
    /// Between routes of different gateways.
    pub preference: Preference,
}

/// A hub of Virtual WAN, whose AS is always 65515 (VWAN-FAQ D).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualWan {
    /// The address space of the hub.
    pub address_prefix: Ipv4Net,
    /// The hub router: what network interfaces show as next hop (VWAN-NVA F).
    pub router: Ipv4Addr,
    /// Between routes of different gateways ("hub routing preference").
    pub preference: Preference,
}

/// What decides between routes of different gateways to one prefix (RS-FAQ D, VWAN-HRP D).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preference {
    /// ExpressRoute first.
    #[default]
    ExpressRoute,
    /// VPN first, to which Route Server's appliances count.
    Vpn,
    /// The shorter AS_PATH first; then ExpressRoute.
    AsPath,
}

impl Default for VpnGateway {
    fn default() -> Self {
        Self { asn: DEFAULT_ASN, default_site: None }
    }
}

impl Kind {
    /// In words.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Vpn(_) => "vpn-gateway",
            Self::ExpressRoute(_) => "expressroute",
            Self::RouteServer(_) => "route-server",
            Self::VirtualWan(_) => "virtual-wan",
        }
    }

    /// The hub, if it is one.
    pub const fn hub(&self) -> Option<&VirtualWan> {
        if let Self::VirtualWan(hub) = self { Some(hub) } else { None }
    }

    /// The VPN gateway, if it is one.
    pub const fn vpn(&self) -> Option<&VpnGateway> {
        if let Self::Vpn(vpn) = self { Some(vpn) } else { None }
    }

    /// The Route Server, if it is one.
    pub const fn route_server(&self) -> Option<&RouteServer> {
        if let Self::RouteServer(server) = self { Some(server) } else { None }
    }

    /// Whether it is ExpressRoute.
    pub const fn is_expressroute(&self) -> bool {
        matches!(self, Self::ExpressRoute(_))
    }

    /// What it says about the preference of its place, if that is its business.
    pub(crate) fn preference(&self) -> Option<Preference> {
        self.route_server().map(|server| server.preference).or(self.hub().map(|hub| hub.preference))
    }
}
