//! What Azure accepts: its rules about ASNs, addresses, timers and route tables, as functions.
//!
//! Each function looks at one thing and is usable from either side: the mock checks its own configuration by
//! [`check`], the edge asks about what it is told of Azure. A [`Breach`] says in words what is wrong, what
//! Azure's rule is, and what to do.

mod breach;
mod deployment;

pub use breach::Breach;
pub use deployment::{At, Finding, check, subnet, user_route};

use crate::effective::PLATFORM_ADDRESSES;
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{AsPath, Asn, HoldTime};
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

/// An AS on-premises, towards ExpressRoute's Microsoft peering: public by rule.
///
/// # Errors
/// 12076 and 65515 to 65520 are reserved, 64496 to 64511 not allowed, private ones need a validation (azure.md §2.1).
pub fn microsoft_peering_asn(asn: Asn) -> Result<(), Breach> {
    expressroute_peer_asn(asn)?;
    match asn.0 {
        64496..=64511 => Err(Breach::AsnReservedByIana(asn)),
        _ if is_private_asn(asn) => Err(Breach::PrivateAsnOnMicrosoftPeering(asn)),
        _ => Ok(()),
    }
}

/// An AS of 16 bits, as documented for peers of Route Server and of hubs. (A capture shows that Route Server offers
/// four octets.)
///
/// # Errors
/// It has more.
pub fn two_octet_asn(asn: Asn) -> Result<(), Breach> {
    if asn.is_two_octet() { Ok(()) } else { Err(Breach::FourOctetAsn(asn)) }
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

/// The path that an edge would announce to a gateway of AS `gateway`.
///
/// # Errors
/// A path that holds the gateway's own AS is a loop to it, and dropped without a word.
pub fn path(prefix: IpNet, path: &AsPath, gateway: Asn) -> Result<(), Breach> {
    if path.contains(gateway) { Err(Breach::GatewayInPath { prefix, gateway }) } else { Ok(()) }
}

/// How many prefixes a gateway is sent.
///
/// # Errors
/// Above its limit, Azure drops the session.
pub fn prefix_count(count: usize, limit: usize) -> Result<(), Breach> {
    if count > limit { Err(Breach::TooManyPrefixes { count, limit }) } else { Ok(()) }
}

/// Whether an address is an APIPA one, 169.254.0.0/16: the gateway does not dial those (CFG-BGP D).
pub fn is_apipa(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_link_local())
}

/// Whether an AS is one of the private ones (RFC 6996).
pub const fn is_private_asn(asn: Asn) -> bool {
    matches!(asn.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
}

/// Whether an address is private (RFC 1918) or shared (RFC 6598): Azure's own routes drop those.
pub fn is_private_address(address: IpAddr) -> bool {
    let IpAddr::V4(v4) = address else { return false };
    let [a, b, ..] = v4.octets();
    v4.is_private() || (a == 100 && (64..128).contains(&b))
}

#[cfg(test)]
mod tests;
