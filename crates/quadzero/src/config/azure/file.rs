//! The gateway's file as it is read.

use crate::config::diagnostic::Diagnostic;
use crate::config::reach::Reach;
use crate::config::reader::{Node, Several, Value, record};
use crate::config::schema::{self, Schema, Schemas, any_of};
use crate::config::value::{Problem, text, words};
use ipnet::Ipv4Net;
use quadzero_azure::config::{HoldTimeBehaviour, NextHopType, Preference, Sku, SystemDefault, Target};
use quadzero_codec::{Asn, Community};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use toml::Spanned;

record! {
    /// The whole file, or the `[azure]` of a scenario.
    File {
        /// The gateways.
        required gateway: Several<Gateway>,
        /// The virtual networks; that of the gateways first.
        many vnet: Vnet,
        /// Where questions are answered.
        optional api: Api,
    }
}

record! {
    /// `[api]`
    Api {
        /// Where.
        flatten reach: Reach,
        /// Whether POST is answered as Azure does, by telling where the answer will be.
        optional long_running: bool,
    }
}

record! {
    /// `[gateway]`
    Gateway {
        /// Which one it is.
        required kind: GatewayKind,
        /// Its resource name.
        optional name: String,
        /// The virtual network that it stands in, by its name.
        optional vnet: String,
        /// The hub that it stands in, by its name.
        optional hub: String,
        /// Its AS.
        optional asn: Asn,
        /// One instance or two.
        optional mode: GatewayMode,
        /// The connection that takes what has no other way.
        optional default_site: String,
        /// The community of its region.
        optional region_community: Community,
        /// Whether it connects its branches.
        optional branch_to_branch: bool,
        /// What decides between gateways.
        optional preference: Preference,
        /// The address space of a hub.
        optional address_prefix: Ipv4Net,
        /// The router of a hub.
        optional router: Ipv4Addr,
        /// What it does with a smaller Hold Time.
        optional hold_time: HoldTimeBehaviour,
        /// More prefixes than this end the session.
        optional max_prefixes: usize,
        /// How the system default route is listed beside one that was learned.
        optional system_default: SystemDefault,
        /// How long a default that is new is listed twice.
        optional converging: Duration,
        /// Whether MED decides between paths of equal length.
        optional compare_med: bool,
        /// Whether transit routes keep their communities.
        optional keep_communities: bool,
        /// How long a session stays down that brought too many prefixes.
        optional limit_penalty: Duration,
        /// How long before it a router of ExpressRoute announces with a longer path.
        optional maintenance_warning: Duration,
        /// How long maintenance takes.
        optional planned_outage: Duration,
        /// How long a failure takes.
        optional unplanned_outage: Duration,
        /// How many times faster than Azure those pass.
        optional time_scale: u32,
        /// The machines that it is made of.
        many instance: Instance,
        /// What it is connected to.
        many connection: Connection,
    }
}

record! {
    /// `[[gateway.instance]]`
    Instance {
        /// What logs call it.
        optional name: String,
        /// Its BGP peer address.
        required address: Ipv4Addr,
        /// Its public address.
        optional public_ip: Ipv4Addr,
        /// Its custom BGP addresses.
        optional apipa: Vec<Spanned<Ipv4Addr>>,
        /// Where the mock listens for it.
        optional listen: SocketAddr,
    }
}

record! {
    /// `[[gateway.connection]]`
    Connection {
        /// Its resource name.
        required name: String,
        /// The AS on-premises.
        required asn: Asn,
        /// The BGP peer address on-premises, or of an appliance.
        optional address: IpAddr,
        /// The TCP port there.
        optional port: u16,
        /// Static routes beside BGP.
        optional prefixes: Vec<Spanned<Ipv4Net>>,
        /// "Propagate default route" of a hub.
        optional internet_security: bool,
        /// The public address of a site.
        optional public_address: IpAddr,
        /// Routers between the two speakers.
        optional hops: u8,
        /// The primary link of a circuit.
        optional primary_subnet: Ipv4Net,
        /// The secondary link.
        optional secondary_subnet: Ipv4Net,
        /// The VLAN of both links.
        optional vlan: u16,
        /// A file with the TCP MD5 key of both sessions.
        optional password_file: String,
        /// Standard or Premium.
        optional sku: Sku,
        /// Private or Microsoft peering.
        optional peering: PeeringKind,
        /// RoutingWeight.
        optional weight: u32,
        /// Whether Microsoft's side has BFD.
        optional bfd: bool,
        /// Where the mock listens: for the primary link, and for the secondary.
        optional listen: Vec<SocketAddr>,
        /// Where the customer's routers really are.
        optional dial: Vec<SocketAddr>,
        /// The services that are chosen.
        optional route_filter: Vec<Community>,
        /// The services that there are.
        many service: Service,
    }
}

record! {
    /// `[[gateway.connection.service]]`
    Service {
        /// Where it is.
        required prefix: Ipv4Net,
        /// Its community.
        required community: Community,
    }
}

record! {
    /// `[[vnet]]`
    Vnet {
        /// Its resource name.
        required name: String,
        /// Its address space.
        required address_space: Vec<Spanned<Ipv4Net>>,
        /// Whether its peering with the first one lets it use the gateway.
        optional gateway_transit: bool,
        /// Its hub, by its name.
        optional hub: String,
        /// "Propagate default route" of its connection to the hub.
        optional internet_security: bool,
        /// Its own BGP community.
        optional community: Community,
        /// Its peerings, where they are others than with the first one.
        many peering: Peering,
        /// Its subnets.
        many subnet: Subnet,
    }
}

record! {
    /// `[[vnet.peering]]`
    Peering {
        /// The other network, by its name.
        required vnet: String,
        /// Whether its gateways are used.
        optional use_remote_gateways: bool,
    }
}

record! {
    /// `[[vnet.subnet]]`
    Subnet {
        /// Its resource name.
        required name: String,
        /// Its part of the address space.
        required prefix: Ipv4Net,
        /// "Propagate gateway routes" of its route table.
        optional propagate_gateway_routes: bool,
        /// Prefixes of the service endpoints.
        optional service_endpoints: Vec<Ipv4Net>,
        /// Names of the network interfaces in it.
        optional network_interfaces: Vec<Spanned<String>>,
        /// Its route table.
        many route: UserRoute,
        /// The outbound rules of its network security group.
        many security_rule: SecurityRule,
    }
}

record! {
    /// `[[vnet.subnet.security-rule]]`
    SecurityRule {
        /// Its resource name.
        required name: String,
        /// The lowest decides.
        required priority: u16,
        /// Whether it lets through what it matches.
        required access: Access,
        /// What it matches.
        required to: Target,
    }
}

record! {
    /// `[[vnet.subnet.route]]`
    UserRoute {
        /// Its resource name.
        required name: String,
        /// Where to.
        required prefix: Ipv4Net,
        /// By what.
        required next_hop_type: NextHopType,
        /// The appliance.
        optional next_hop: Ipv4Addr,
    }
}

/// `access` of a security rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Access {
    /// It lets through.
    Allow,
    /// It does not.
    Deny,
}

impl Value for Target {
    fn example() -> String {
        "\"Internet\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, |text| match text {
            "Internet" => Ok(Self::Internet),
            "VirtualNetwork" => Ok(Self::VirtualNetwork),
            "*" => Ok(Self::Any),
            prefix => prefix.parse().map(Self::Prefix).map_err(|_| {
                let hint = "\"Internet\", \"VirtualNetwork\", \"*\", or a prefix like \"198.51.100.0/24\"";
                Problem::new(format!("\"{prefix}\" is no destination of a security rule"), hint)
            }),
        })
    }

    fn schema(all: &mut Schemas) -> Schema {
        any_of([schema::words(&["Internet", "VirtualNetwork", "*"]), Ipv4Net::schema(all)])
    }
}

/// `kind` of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum GatewayKind {
    /// A virtual network gateway of type Vpn.
    Vpn,
    /// ExpressRoute.
    ExpressRoute,
    /// Azure Route Server.
    RouteServer,
    /// A hub of Virtual WAN.
    VirtualWan,
}

/// `mode` of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum GatewayMode {
    /// One instance.
    ActiveStandby,
    /// Two.
    ActiveActive,
}

/// `peering` of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum PeeringKind {
    /// To virtual networks.
    Private,
    /// To Microsoft's services.
    Microsoft,
}

words! {
    Access: "an access" {
        "allow" => Self::Allow,
        "deny" => Self::Deny,
    }
    GatewayKind: "a gateway that the mock can be" {
        "vpn-gateway" => Self::Vpn,
        "expressroute" => Self::ExpressRoute,
        "route-server" => Self::RouteServer,
        "virtual-wan" => Self::VirtualWan,
    }
    GatewayMode: "a mode of a gateway" {
        "active-standby" => Self::ActiveStandby,
        "active-active" => Self::ActiveActive,
    }
    PeeringKind: "a peering of a circuit" {
        "private" => Self::Private,
        "microsoft" => Self::Microsoft,
    }
    Sku: "a SKU of a circuit" {
        "standard" => Self::Standard,
        "premium" => Self::Premium,
    }
    Preference: "a routing preference" {
        "expressroute" => Self::ExpressRoute,
        "vpn" => Self::Vpn,
        "as-path" => Self::AsPath,
    }
    HoldTimeBehaviour: "a behaviour of the hold time" {
        "fixed" => Self::Fixed,
        "negotiate" => Self::Negotiate,
    }
    SystemDefault: "a listing of the system default route" {
        "hidden" => Self::Hidden,
        "invalid" => Self::Invalid,
    }
    NextHopType: "a next hop type of a user route" {
        "Internet" => Self::Internet,
        "None" => Self::None,
        "VirtualAppliance" => Self::VirtualAppliance,
        "VirtualNetworkGateway" => Self::VirtualNetworkGateway,
        "VnetLocal" => Self::VnetLocal,
    }
}
