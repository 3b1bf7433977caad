//! What can be wrong, in words: what it is, what Azure's rule is, and what to do.

use super::{HOLD_TIME_SECONDS, Severity};
use crate::config::NextHopType;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::Asn;
use std::net::{IpAddr, Ipv4Addr};

/// A rule of Azure's that is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// azure.md §1.1.
    #[error(
        "AS {0} is reserved by Azure, which refuses it: take a free private one, 64512-65514 or 65521-65534"
    )]
    AsnReservedByAzure(Asn),
    /// azure.md §1.1.
    #[error(
        "AS {0} is reserved by IANA, and Azure refuses it: take a free private one, 64512-65514 or 65521-65534"
    )]
    AsnReservedByIana(Asn),
    /// azure.md §1.1.
    #[error("both sides are AS {0}: Azure peers by eBGP only, so give one of them another number")]
    SameAsn(Asn),
    /// azure.md §1.3.
    #[error(
        "{0} cannot be the gateway's APIPA address: Azure takes 169.254.21.0-169.254.22.255, so choose one of those"
    )]
    ApipaOutsideRange(Ipv4Addr),
    /// azure.md §1.3.
    #[error(
        "instance {instance} has no APIPA address for peer {peer}: with an APIPA peer the gateway peers from one of its own, \
         so give each instance one out of 169.254.21.0-169.254.22.255"
    )]
    ApipaMissing {
        /// The instance.
        instance: String,
        /// The peer.
        peer: IpAddr,
    },
    /// azure.md §1.3.
    #[error("{0} is used twice: every BGP peer address must be unique, so change one of them")]
    AddressTwice(IpAddr),
    /// azure.md §1.3.
    #[error(
        "nobody dials: with an APIPA peer {0} the gateway only listens, so the edge must open the connection"
    )]
    NobodyDials(IpAddr),
    /// azure.md §1.3.
    #[error(
        "BGP peer {peer} is inside the virtual network ({prefix}), which Azure refuses: use an address from outside"
    )]
    PeerInsideVnet {
        /// The peer.
        peer: IpAddr,
        /// The prefix of the network.
        prefix: Ipv4Net,
    },
    /// azure.md §1.3.
    #[error(
        "BGP peer {0} is the public address that the site's own tunnels come from, which Azure refuses: use one from behind it, such as \
         that of a loopback interface"
    )]
    PeerIsPublic(IpAddr),
    /// azure.md §1.4.
    #[error("BGP peer {0} is an IPv6 address: VPN gateways peer over IPv4 only, so use an IPv4 address")]
    PeerOverIpv6(IpAddr),
    /// azure.md §1.4.
    #[error("hold time {0} s: {why}", why = hold_time(*.0))]
    HoldTime(u16),
    /// azure.md §1.4.
    #[error("keepalive {0} s: Azure's VPN gateway is fixed at keepalive 60 s and hold 180 s; use 60 s")]
    Keepalive(u64),
    /// azure.md §1.3.
    #[error(
        "the gateway peers from {gateway} with APIPA peers alone, and {edge} is none: give the edge an address of 169.254.0.0/16, \
         or peer with the gateway's private one"
    )]
    ApipaOnOneSide {
        /// The address of the gateway.
        gateway: IpAddr,
        /// Ours.
        edge: IpAddr,
    },
    /// azure.md §1.3.
    #[error(
        "TTL {0} does not reach a gateway that is behind a tunnel, or in a subnet of its own: 64 or more does"
    )]
    Ttl(u8),
    /// azure.md §1.5.
    #[error(
        "{prefix} lies in {inside}, which belongs to the virtual network: Azure drops such a route without a word; announce a \
         prefix that holds it, or leave it out"
    )]
    AnnouncedInsideVnet {
        /// What would be announced.
        prefix: Ipv4Net,
        /// The prefix of the network.
        inside: Ipv4Net,
    },
    /// azure.md §1.5.
    #[error(
        "the path of {prefix} holds AS {gateway}, which is the gateway's own: it drops such a route without a word; strip that \
         number from the path"
    )]
    GatewayInPath {
        /// What would be announced.
        prefix: IpNet,
        /// Of the gateway.
        gateway: Asn,
    },
    /// azure.md §1.5.
    #[error(
        "{count} prefixes: Azure drops the session at more than {limit} from all peers together; announce fewer"
    )]
    TooManyPrefixes {
        /// What would be announced.
        count: usize,
        /// What is taken.
        limit: usize,
    },
    /// azure.md §5.4.
    #[error("{0} holds an address of Azure's platform, which no route moves: leave it out")]
    AnnouncedPlatform(Ipv4Net),
    /// azure.md §1.2.
    #[error(
        "the number of instances is {0}: a VPN gateway has one (active-standby) or two (active-active), every other gateway two"
    )]
    Instances(usize),
    /// azure.md §1.2.
    #[error(
        "instance address {address} is in no virtual network: it comes out of {subnet}, in the gateway's own network"
    )]
    InstanceOutsideVnet {
        /// Of the instance.
        address: Ipv4Addr,
        /// The subnet that such instances live in.
        subnet: &'static str,
    },
    /// azure.md §3.2.
    #[error(
        "instance address {address} is outside of the hub: it comes out of the hub's address prefix, {prefix}"
    )]
    InstanceOutsideHub {
        /// Of the instance.
        address: Ipv4Addr,
        /// Of the hub.
        prefix: Ipv4Net,
    },
    /// A gateway stands in a virtual network.
    #[error("there is no virtual network: a gateway needs one with an address space, so add it")]
    NoVnet,
    /// A subnet is a part of its network.
    #[error(
        "subnet prefix {0} is not inside the address space of its virtual network: Azure refuses it, so change one of them"
    )]
    SubnetOutsideVnet(Ipv4Net),
    /// azure.md §4, caveats.
    #[error(
        "GatewaySubnet has a user route to 0.0.0.0/0: Azure does not support that and blocks it, so remove the route"
    )]
    GatewaySubnetDefault,
    /// azure.md §4, caveats.
    #[error(
        "GatewaySubnet does not propagate gateway routes: without them the gateway stops, so switch propagation on"
    )]
    GatewaySubnetPropagation,
    /// azure.md §5.3.
    #[error(
        "a user route cannot have the next hop type {0}: Azure takes VirtualNetworkGateway, VnetLocal, Internet, VirtualAppliance \
         and None"
    )]
    NextHopType(NextHopType),
    /// azure.md §5.3.
    #[error("next hop type VirtualAppliance without an address: name the appliance's address")]
    ApplianceWithoutAddress,
    /// azure.md §5.3.
    #[error(
        "next hop type {0} with an address: only VirtualAppliance has one, so remove it or change the type"
    )]
    AddressWithoutAppliance(NextHopType),
    /// azure.md §4, caveats.
    #[error("GatewaySubnet has a network security group: Azure does not support that, so remove its rules")]
    GatewaySubnetSecurity,
    /// Of a network security group.
    #[error(
        "security rule {0}: its priority is another rule's as well, or outside of 100 to 4096, so change it"
    )]
    SecurityPriority(String),
    /// Route tables hold one route a prefix.
    #[error("two user routes to {0} in one table: Azure takes one a prefix, so remove one")]
    UserRouteTwice(Ipv4Net),
    /// azure.md §3.1 and §3.2.
    #[error(
        "AS {0} has more than 16 bits: Azure documents 16 for peers of Route Server and of hubs, so take a number below 65536"
    )]
    FourOctetAsn(Asn),
    /// azure.md §2.1.
    #[error(
        "AS {0} is private: Microsoft peering takes it after a validation by hand alone, and strips it from every path; use a \
         public one"
    )]
    PrivateAsnOnMicrosoftPeering(Asn),
    /// azure.md §3.1.
    #[error("{0} peers: a Route Server takes 8, so remove some")]
    TooManyPeers(usize),
    /// azure.md §2.1.
    #[error(
        "{0} is no /30: each link of a circuit has a /30, whose first address is yours and whose second is Microsoft's"
    )]
    LinkLength(Ipv4Net),
    /// azure.md §2.1.
    #[error(
        "{link} overlaps the virtual network ({prefix}): the links of a circuit must be outside of every network"
    )]
    LinkInsideVnet {
        /// The subnet of the link.
        link: Ipv4Net,
        /// The prefix of the network.
        prefix: Ipv4Net,
    },
    /// azure.md §2.1.
    #[error("VLAN {0} is used twice on one gateway, or is none: each peering has its own, from 1 to 4094")]
    Vlan(u16),
    /// A connection that no such gateway has.
    #[error("a gateway of kind {0} has no connection of this kind: remove it, or change the gateway")]
    WrongLink(&'static str),
    /// azure.md §3.2.
    #[error("internet security is a property of connections to a hub of Virtual WAN: remove it here")]
    InternetSecurityWithoutHub,
    /// azure.md §3.1.
    #[error(
        "branch-to-branch leaves out a VPN gateway that is not active-active in AS 65515: make it so, or expect no exchange with it"
    )]
    BranchToBranch,
    /// azure.md §4.
    #[error("Default Site beside ExpressRoute is discouraged: announce 0.0.0.0/0 by BGP instead")]
    DefaultSiteBesideExpressRoute,
    /// azure.md §2.4 and §4.
    #[error(
        "a user route to VirtualNetworkGateway where there is an ExpressRoute gateway: Azure supports none, neither to it nor to a \
         VPN gateway beside it; announce the route by BGP"
    )]
    UserRouteToExpressRoute,
    /// azure.md §4, caveats.
    #[error("AzureBastionSubnet has a route table: Azure takes none there, so remove it")]
    BastionRouteTable,
    /// azure.md §4, caveats.
    #[error(
        "AzureFirewallManagementSubnet is {0}: it needs a /26 or larger, one user route 0.0.0.0/0 to Internet, and no gateway routes"
    )]
    FirewallManagement(Ipv4Net),
    /// A network has either.
    #[error("the network has gateways of its own and uses those of another: Azure takes one of the two")]
    OwnAndRemoteGateways,
    /// A network has one of each kind.
    #[error("a second gateway of kind {0} in one network: Azure takes one of each kind, so remove one")]
    SecondOfAKind(&'static str),
    /// azure.md §1.5.
    #[error("{0} prefixes of a local network gateway: Azure takes 1000, so remove some")]
    TooManyStatics(usize),
    /// azure.md §1.5.
    #[error("{0} prefixes of virtual networks: a gateway takes 600, so remove some")]
    TooManyNetworks(usize),
    /// azure.md §5.3.
    #[error("{0} user routes in one table: documented are 400 (newer texts say more), so join some")]
    TooManyUserRoutes(usize),
}

impl Breach {
    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::HoldTime(_)
            | Self::Keepalive(_)
            | Self::ApipaOnOneSide { .. }
            | Self::Ttl(_)
            | Self::AnnouncedInsideVnet { .. }
            | Self::GatewayInPath { .. }
            | Self::AnnouncedPlatform(_)
            | Self::FourOctetAsn(_)
            | Self::PrivateAsnOnMicrosoftPeering(_)
            | Self::BranchToBranch
            | Self::DefaultSiteBesideExpressRoute
            | Self::TooManyUserRoutes(_) => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

/// What comes of a Hold Time towards a gateway that stays at 60/180: this side takes the smaller one, the gateway does
/// not, and its KEEPALIVEs come every 45 to 60 s.
const fn hold_time(seconds: u16) -> &'static str {
    match seconds {
        0 => {
            "we would send no KEEPALIVEs, and Azure's VPN gateway, which is documented to stay at 60/180, ends the session \
             after 180 s without one; use 180"
        }
        1..=60 => {
            "Azure's VPN gateway is documented to stay at 60/180, and its KEEPALIVEs come every 45 to 60 s, so the session \
             would be reset again and again; use 180"
        }
        61..HOLD_TIME_SECONDS => {
            "Azure's VPN gateway is documented to stay at 60/180, so it holds on this side alone, where fewer lost KEEPALIVEs \
             end the session; use 180"
        }
        HOLD_TIME_SECONDS.. => "Azure's VPN gateway says 180, and the smaller value holds; use 180",
    }
}
