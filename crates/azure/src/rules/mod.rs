//! What Azure accepts: its rules about ASNs, addresses, timers and route tables, as functions.
//!
//! Each function looks at one thing and is usable from either side: the mock checks its own configuration by
//! [`check`], the edge asks about what it is told of Azure. A [`Breach`] says in words what is wrong, what
//! Azure's rule is, and what to do.

use crate::config::{Azure, Connection, GATEWAY_SUBNET, Gateway, Instance, NextHopType, Subnet, UserRoute};
use crate::effective::{DEFAULT, PLATFORM_ADDRESSES};
use ipnet::Ipv4Net;
use quadzero_codec::{Asn, HoldTime};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The Hold Time of a VPN gateway (VPN-FAQ D).
pub const HOLD_TIME_SECONDS: u16 = 180;
/// The time between its KEEPALIVEs (VPN-FAQ D).
pub const KEEPALIVE: Duration = Duration::from_secs(60);

/// Whether Azure refuses something, or takes it and does not do what one hopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, but read this.
    Warning,
    /// Azure refuses it, or it cannot work.
    Error,
}

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
    #[error("{0} instances: a gateway has one (active-standby) or two (active-active)")]
    Instances(usize),
    /// azure.md §1.2.
    #[error(
        "instance address {0} is in no virtual network: it comes out of GatewaySubnet, in the gateway's own network"
    )]
    InstanceOutsideVnet(Ipv4Addr),
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
    /// Route tables hold one route a prefix.
    #[error("two user routes to {0} in one table: Azure takes one a prefix, so remove one")]
    UserRouteTwice(Ipv4Net),
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
            | Self::AnnouncedPlatform(_) => Severity::Warning,
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

/// A breach, and where in the configuration it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {breach}")]
pub struct Finding {
    /// Which gateway, instance, connection or subnet.
    pub at: String,
    /// What is wrong there.
    pub breach: Breach,
}

/// An AS on-premises, towards a gateway in AS `gateway`.
///
/// # Errors
/// Azure and IANA reserve some numbers, and both sides must differ.
pub fn peer_asn(asn: Asn, gateway: Asn) -> Result<(), Breach> {
    if asn == gateway {
        return Err(Breach::SameAsn(asn));
    }
    match asn.0 {
        8074 | 8075 | 12076 | 65515 | 65517..=65520 => Err(Breach::AsnReservedByAzure(asn)),
        _ => not_reserved_by_iana(asn),
    }
}

/// An AS on-premises, towards ExpressRoute's private peering: it reserves other numbers than gateways do.
///
/// # Errors
/// 12076 is Microsoft's own, and 65515 to 65520 are reserved (azure.md §2.1).
pub fn expressroute_peer_asn(asn: Asn) -> Result<(), Breach> {
    match asn.0 {
        12076 | 65515..=65520 => Err(Breach::AsnReservedByAzure(asn)),
        _ => Ok(()),
    }
}

/// The gateway's own AS: 65515, or another that is not reserved.
///
/// # Errors
/// Azure and IANA reserve some numbers.
pub fn gateway_asn(asn: Asn) -> Result<(), Breach> {
    match asn.0 {
        8074 | 8075 | 12076 | 65517..=65520 => Err(Breach::AsnReservedByAzure(asn)),
        _ => not_reserved_by_iana(asn),
    }
}

fn not_reserved_by_iana(asn: Asn) -> Result<(), Breach> {
    match asn.0 {
        0 | 23456 | 64496..=64511 | 65535..=65551 | u32::MAX => Err(Breach::AsnReservedByIana(asn)),
        _ => Ok(()),
    }
}

/// An address of 169.254.0.0/16 on Azure's side. Others are no APIPA addresses, and no matter of this rule.
///
/// # Errors
/// Azure takes 169.254.21.0-169.254.22.255 alone. (On-premises may have any 169.254.x.x.)
pub fn azure_apipa(address: Ipv4Addr) -> Result<(), Breach> {
    match address.octets() {
        [169, 254, 21 | 22, _] => Ok(()),
        [169, 254, ..] => Err(Breach::ApipaOutsideRange(address)),
        _ => Ok(()),
    }
}

/// Who opens the connection, where the edge's own address towards the gateway is `edge`.
///
/// # Errors
/// With an APIPA peer the gateway only listens, so that an edge must not be passive.
pub fn somebody_dials(edge: IpAddr, edge_is_passive: bool) -> Result<(), Breach> {
    if edge_is_passive && is_apipa(edge) { Err(Breach::NobodyDials(edge)) } else { Ok(()) }
}

/// The gateway's address that an edge peers with, where the edge's own address towards the gateway is `edge`.
///
/// # Errors
/// The gateway has an APIPA address for APIPA peers alone.
pub fn apipa_on_both_sides(gateway: IpAddr, edge: IpAddr) -> Result<(), Breach> {
    if is_apipa(gateway) && !is_apipa(edge) {
        return Err(Breach::ApipaOnOneSide { gateway, edge });
    }
    Ok(())
}

/// The TTL that an edge sends with. (What Azure sends with is not documented.)
///
/// # Errors
/// One hop reaches no gateway but that of ExpressRoute.
pub fn ttl(ttl: u8) -> Result<(), Breach> {
    if ttl < 2 { Err(Breach::Ttl(ttl)) } else { Ok(()) }
}

/// The BGP peer address on-premises.
///
/// # Errors
/// Azure refuses one inside the virtual network, and IPv6.
pub fn peer_address(peer: IpAddr, address_space: &[Ipv4Net]) -> Result<(), Breach> {
    let IpAddr::V4(v4) = peer else { return Err(Breach::PeerOverIpv6(peer)) };
    match address_space.iter().find(|prefix| prefix.contains(&v4)) {
        Some(&prefix) => Err(Breach::PeerInsideVnet { peer, prefix }),
        None => Ok(()),
    }
}

/// The timers of an edge towards a VPN gateway.
///
/// # Errors
/// The gateway is documented to stay at 60/180.
pub fn timers(hold: HoldTime, keepalive: Option<Duration>) -> Result<(), Breach> {
    if hold.seconds() != HOLD_TIME_SECONDS {
        return Err(Breach::HoldTime(hold.seconds()));
    }
    match keepalive {
        Some(keepalive) if keepalive != KEEPALIVE => Err(Breach::Keepalive(keepalive.as_secs())),
        _ => Ok(()),
    }
}

/// A prefix that an edge would announce to a gateway of this address space.
///
/// # Errors
/// Azure drops what lies in the virtual network, and platform addresses do not move.
pub fn announced(prefix: Ipv4Net, address_space: &[Ipv4Net]) -> Result<(), Breach> {
    if let Some(&inside) = address_space.iter().find(|own| own.contains(&prefix)) {
        return Err(Breach::AnnouncedInsideVnet { prefix, inside });
    }
    let platform =
        prefix.addr().is_link_local() || PLATFORM_ADDRESSES.iter().any(|a| prefix == Ipv4Net::from(*a));
    if platform { Err(Breach::AnnouncedPlatform(prefix)) } else { Ok(()) }
}

/// How many prefixes a gateway is sent.
///
/// # Errors
/// Above its limit, Azure drops the session.
pub fn prefix_count(count: usize, limit: usize) -> Result<(), Breach> {
    if count > limit { Err(Breach::TooManyPrefixes { count, limit }) } else { Ok(()) }
}

/// A user route.
///
/// # Errors
/// Five next hop types may be named; an address belongs to `VirtualAppliance` alone.
pub fn user_route(route: &UserRoute) -> Result<(), Breach> {
    match (route.next_hop_type, route.next_hop_ip) {
        (other, _) if !NextHopType::SETTABLE.contains(&other) => Err(Breach::NextHopType(other)),
        (NextHopType::VirtualAppliance, None) => Err(Breach::ApplianceWithoutAddress),
        (NextHopType::VirtualAppliance, Some(_)) | (_, None) => Ok(()),
        (other, Some(_)) => Err(Breach::AddressWithoutAppliance(other)),
    }
}

/// A subnet of a network with this address space: every breach.
pub fn subnet(subnet: &Subnet, address_space: &[Ipv4Net]) -> Vec<Breach> {
    let mut breaches: Vec<Breach> =
        subnet.routes.iter().filter_map(|route| user_route(route).err()).collect();
    if !address_space.iter().any(|prefix| prefix.contains(&subnet.prefix)) {
        breaches.push(Breach::SubnetOutsideVnet(subnet.prefix));
    }
    for (i, route) in subnet.routes.iter().enumerate() {
        if subnet.routes[..i].iter().any(|earlier| earlier.prefix.trunc() == route.prefix.trunc()) {
            breaches.push(Breach::UserRouteTwice(route.prefix));
        }
    }
    if subnet.name == GATEWAY_SUBNET {
        if subnet.routes.iter().any(|route| route.prefix.trunc() == DEFAULT) {
            breaches.push(Breach::GatewaySubnetDefault);
        }
        if !subnet.propagate_gateway_routes {
            breaches.push(Breach::GatewaySubnetPropagation);
        }
    }
    breaches
}

/// Every rule that a deployment breaks, in the order of its parts.
pub fn check(azure: &Azure) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |at: String, breach: Breach| findings.push(Finding { at, breach });
    let gateway = &azure.gateway;
    for breach in of_gateway(azure) {
        found(format!("gateway {}", gateway.name), breach);
    }
    for instance in &gateway.instances {
        for breach in of_instance(instance, azure) {
            found(format!("instance {}", instance.name), breach);
        }
    }
    for connection in &gateway.connections {
        for breach in of_connection(connection, azure) {
            found(format!("connection {}", connection.name), breach);
        }
    }
    for vnet in &azure.vnets {
        for s in &vnet.subnets {
            for breach in subnet(s, &vnet.address_space) {
                found(format!("subnet {}/{}", vnet.name, s.name), breach);
            }
        }
    }
    findings
}

fn of_gateway(azure: &Azure) -> Vec<Breach> {
    let gateway = &azure.gateway;
    let mut breaches: Vec<Breach> = gateway_asn(gateway.asn).err().into_iter().collect();
    if !(1..=2).contains(&gateway.instances.len()) {
        breaches.push(Breach::Instances(gateway.instances.len()));
    }
    if azure.vnets.first().is_none_or(|vnet| vnet.address_space.is_empty()) {
        breaches.push(Breach::NoVnet);
    }
    breaches.extend(used_twice(gateway).map(Breach::AddressTwice));
    breaches
}

fn used_twice(gateway: &Gateway) -> impl Iterator<Item = IpAddr> {
    let instances = gateway.instances.iter();
    let own = instances.flat_map(|i| i.apipa.iter().chain([&i.address])).map(|a| IpAddr::V4(*a));
    let mut all: Vec<IpAddr> = own.chain(gateway.connections.iter().map(|c| c.peer)).collect();
    all.sort_unstable();
    let mut twice: Vec<IpAddr> =
        all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    twice.dedup();
    twice.into_iter()
}

fn of_instance(instance: &Instance, azure: &Azure) -> Vec<Breach> {
    let mut breaches: Vec<Breach> =
        instance.apipa.iter().filter_map(|a| apipa_of_gateway(*a).err()).collect();
    let own = azure.vnets.first().map_or(&[][..], |vnet| &vnet.address_space);
    if instance.address.is_unspecified() || !own.iter().any(|prefix| prefix.contains(&instance.address)) {
        breaches.push(Breach::InstanceOutsideVnet(instance.address));
    }
    breaches
}

/// Stricter than [`azure_apipa`]: a custom address of a gateway must be an APIPA one.
fn apipa_of_gateway(address: Ipv4Addr) -> Result<(), Breach> {
    if address.is_link_local() { azure_apipa(address) } else { Err(Breach::ApipaOutsideRange(address)) }
}

fn of_connection(connection: &Connection, azure: &Azure) -> Vec<Breach> {
    let served: Vec<Ipv4Net> = azure.served_prefixes().collect();
    let checks = [peer_asn(connection.asn, azure.gateway.asn), peer_address(connection.peer, &served)]
        .map(Result::err);
    let mut breaches: Vec<Breach> = checks.into_iter().flatten().collect();
    if is_apipa(connection.peer) {
        let without = azure.gateway.instances.iter().filter(|instance| instance.apipa.is_empty());
        breaches.extend(
            without.map(|i| Breach::ApipaMissing { instance: i.name.clone(), peer: connection.peer }),
        );
    }
    breaches
}

/// Whether an address is an APIPA one, 169.254.0.0/16: the gateway does not dial those (CFG-BGP D).
pub fn is_apipa(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{azure, ip, net, user_route};

    const AZURE: Asn = Asn(65515);

    /// azure.md §8, row 4.
    #[test]
    fn refuses_reserved_numbers_and_takes_free_ones() {
        for asn in [8074, 8075, 12076, 65517, 65518, 65519, 65520] {
            assert_eq!(peer_asn(Asn(asn), AZURE), Err(Breach::AsnReservedByAzure(Asn(asn))));
            assert_eq!(gateway_asn(Asn(asn)), Err(Breach::AsnReservedByAzure(Asn(asn))));
        }
        for asn in [0, 23456, 64496, 64511, 65535, 65536, 65551, 4_294_967_295] {
            assert_eq!(peer_asn(Asn(asn), AZURE), Err(Breach::AsnReservedByIana(Asn(asn))));
            assert_eq!(gateway_asn(Asn(asn)), Err(Breach::AsnReservedByIana(Asn(asn))));
        }
        for asn in [1, 64495, 64512, 65514, 65516, 65521, 65534, 65552, 4_200_000_000] {
            assert_eq!(peer_asn(Asn(asn), AZURE), Ok(()));
        }
        assert_eq!(gateway_asn(AZURE), Ok(()));
    }

    /// azure.md §2.1.
    #[test]
    fn expressroute_reserves_65515_to_65520_and_its_own() {
        for asn in [12076, 65515, 65516, 65517, 65520] {
            assert_eq!(expressroute_peer_asn(Asn(asn)), Err(Breach::AsnReservedByAzure(Asn(asn))));
        }
        for asn in [8075, 65010, 65514, 65521, 4_200_000_000] {
            assert_eq!(expressroute_peer_asn(Asn(asn)), Ok(()));
        }
    }

    #[test]
    fn both_sides_must_differ_and_65515_stays_azures() {
        assert_eq!(peer_asn(AZURE, AZURE), Err(Breach::SameAsn(AZURE)));
        assert_eq!(peer_asn(AZURE, Asn(65010)), Err(Breach::AsnReservedByAzure(AZURE)));
    }

    #[test]
    fn azures_apipa_addresses_lie_in_two_subnets() {
        for inside in ["169.254.21.0", "169.254.21.255", "169.254.22.0", "169.254.22.255", "10.1.0.4"] {
            assert_eq!(azure_apipa(ip(inside)), Ok(()), "{inside}");
        }
        for outside in ["169.254.20.255", "169.254.23.0", "169.254.100.1"] {
            assert_eq!(azure_apipa(ip(outside)), Err(Breach::ApipaOutsideRange(ip(outside))), "{outside}");
        }
    }

    /// azure.md §8, row 2.
    #[test]
    fn an_edge_with_an_apipa_address_must_dial() {
        let (apipa, private) = ("169.254.21.1".parse().unwrap(), "10.51.255.254".parse().unwrap());
        assert_eq!(somebody_dials(apipa, true), Err(Breach::NobodyDials(apipa)));
        assert_eq!(somebody_dials(apipa, false), Ok(()));
        assert_eq!(somebody_dials(private, true), Ok(()));
    }

    #[test]
    fn a_peer_is_outside_the_network_and_ipv4() {
        let space = [net("10.1.0.0/16")];
        let (inside, outside) = ("10.1.9.9".parse().unwrap(), "10.51.255.254".parse().unwrap());
        assert_eq!(
            peer_address(inside, &space),
            Err(Breach::PeerInsideVnet { peer: inside, prefix: space[0] })
        );
        assert_eq!(peer_address(outside, &space), Ok(()));
        let v6 = "2001:db8::1".parse().unwrap();
        assert_eq!(peer_address(v6, &space), Err(Breach::PeerOverIpv6(v6)));
    }

    /// azure.md §8, row 7.
    #[test]
    fn warns_of_any_timers_but_60_and_180() {
        let hold = |seconds| HoldTime::new(seconds).unwrap();
        assert_eq!(timers(hold(180), None), Ok(()));
        assert_eq!(timers(hold(180), Some(KEEPALIVE)), Ok(()));
        assert_eq!(timers(hold(30), None), Err(Breach::HoldTime(30)));
        assert_eq!(timers(hold(180), Some(Duration::from_secs(10))), Err(Breach::Keepalive(10)));
        assert_eq!(timers(hold(30), None).unwrap_err().severity(), Severity::Warning);
    }

    #[test]
    fn what_comes_of_a_hold_time_depends_on_it() {
        let told = |seconds| timers(HoldTime::new(seconds).unwrap(), None).unwrap_err().to_string();
        assert!(told(0).contains("no KEEPALIVEs"));
        assert!([3, 30, 60].into_iter().all(|seconds| told(seconds).contains("reset again and again")));
        assert!([61, 90, 179].into_iter().all(|seconds| told(seconds).contains("on this side alone")));
        assert!([181, 240].into_iter().all(|seconds| told(seconds).contains("the smaller value holds")));
    }

    #[test]
    fn an_apipa_gateway_wants_an_apipa_edge() {
        let [apipa, twin, private] =
            ["169.254.21.2", "169.254.21.1", "10.51.255.254"].map(|a| a.parse().unwrap());
        assert_eq!(apipa_on_both_sides(apipa, twin), Ok(()));
        assert_eq!(apipa_on_both_sides(private, private), Ok(()));
        let breach = Breach::ApipaOnOneSide { gateway: apipa, edge: private };
        assert_eq!(apipa_on_both_sides(apipa, private), Err(breach));
    }

    #[test]
    fn one_hop_is_not_enough() {
        assert_eq!((ttl(1), ttl(2), ttl(64)), (Err(Breach::Ttl(1)), Ok(()), Ok(())));
    }

    /// azure.md §8, rows 18 and 35.
    #[test]
    fn warns_of_announcements_that_azure_would_not_follow() {
        let space = [net("10.1.0.0/16")];
        assert_eq!(announced(net("0.0.0.0/0"), &space), Ok(()));
        assert_eq!(announced(net("10.0.0.0/8"), &space), Ok(()));
        for inside in ["10.1.0.0/16", "10.1.4.0/24"] {
            let breach = Breach::AnnouncedInsideVnet { prefix: net(inside), inside: space[0] };
            assert_eq!(announced(net(inside), &space), Err(breach));
        }
        for platform in ["168.63.129.16/32", "169.254.169.254/32", "169.254.0.0/16"] {
            assert_eq!(announced(net(platform), &[]), Err(Breach::AnnouncedPlatform(net(platform))));
        }
    }

    /// azure.md §8, row 20.
    #[test]
    fn four_thousand_prefixes_are_taken_and_one_more_is_not() {
        assert_eq!(prefix_count(4000, 4000), Ok(()));
        assert_eq!(prefix_count(4001, 4000), Err(Breach::TooManyPrefixes { count: 4001, limit: 4000 }));
    }

    #[test]
    fn user_routes_name_one_of_five_types_and_an_address_only_with_an_appliance() {
        let mut to_appliance = user_route("0.0.0.0/0", NextHopType::VirtualAppliance);
        assert_eq!(super::user_route(&to_appliance), Err(Breach::ApplianceWithoutAddress));
        to_appliance.next_hop_ip = Some(ip("10.1.2.4"));
        assert_eq!(super::user_route(&to_appliance), Ok(()));
        to_appliance.next_hop_type = NextHopType::Internet;
        assert_eq!(
            super::user_route(&to_appliance),
            Err(Breach::AddressWithoutAppliance(NextHopType::Internet))
        );
        let peering = user_route("0.0.0.0/0", NextHopType::VNetPeering);
        assert_eq!(super::user_route(&peering), Err(Breach::NextHopType(NextHopType::VNetPeering)));
    }

    #[test]
    fn a_sound_deployment_has_no_findings() {
        assert_eq!(check(&azure()), []);
    }

    #[test]
    fn every_mistake_is_found_and_placed() {
        let mut azure = azure();
        azure.gateway.asn = Asn(65517);
        azure.gateway.instances[0].apipa = vec![ip("169.254.23.1")];
        azure.gateway.instances[1].address = ip("10.9.0.5");
        azure.gateway.connections[0].asn = Asn(64500);
        azure.gateway.connections[0].peer = "169.254.21.9".parse().unwrap();
        azure.gateway.connections[1].peer = "10.1.0.4".parse().unwrap();
        let gateway_subnet = &mut azure.vnets[0].subnets[0];
        gateway_subnet.routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
        gateway_subnet.propagate_gateway_routes = false;
        azure.vnets[1].subnets[0].prefix = net("10.7.0.0/24");
        let found: Vec<String> = check(&azure).iter().map(Finding::to_string).collect();
        insta::assert_snapshot!(found.join("\n"), @r#"
        gateway gw: AS 65517 is reserved by Azure, which refuses it: take a free private one, 64512-65514 or 65521-65534
        gateway gw: 10.1.0.4 is used twice: every BGP peer address must be unique, so change one of them
        instance gw-0: 169.254.23.1 cannot be the gateway's APIPA address: Azure takes 169.254.21.0-169.254.22.255, so choose one of those
        instance gw-1: instance address 10.9.0.5 is in no virtual network: it comes out of GatewaySubnet, in the gateway's own network
        connection paris: AS 64500 is reserved by IANA, and Azure refuses it: take a free private one, 64512-65514 or 65521-65534
        connection paris: instance gw-1 has no APIPA address for peer 169.254.21.9: with an APIPA peer the gateway peers from one of its own, so give each instance one out of 169.254.21.0-169.254.22.255
        connection oslo: BGP peer 10.1.0.4 is inside the virtual network (10.1.0.0/16), which Azure refuses: use an address from outside
        subnet hub/GatewaySubnet: GatewaySubnet has a user route to 0.0.0.0/0: Azure does not support that and blocks it, so remove the route
        subnet hub/GatewaySubnet: GatewaySubnet does not propagate gateway routes: without them the gateway stops, so switch propagation on
        subnet spoke/app: subnet prefix 10.7.0.0/24 is not inside the address space of its virtual network: Azure refuses it, so change one of them
        "#);
    }
}
