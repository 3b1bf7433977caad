//! The numbers of BGP that have rules of their own: what must not be said cannot be built.

use std::{fmt, net::Ipv4Addr, time::Duration};

/// An autonomous system number of four octets (RFC 6793), shown in plain decimal (asplain, RFC 5396).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asn(pub u32);

impl Asn {
    /// Stands in two-octet fields for a number that does not fit (RFC 6793 §9).
    pub const TRANS: Self = Self(23456);

    /// Whether the number fits into two octets.
    pub const fn is_two_octet(self) -> bool {
        self.0 <= u16::MAX as u32
    }

    /// The number as a two-octet field carries it: itself, or [`Asn::TRANS`].
    pub const fn to_two_octets(self) -> u16 {
        if self.is_two_octet() { self.0 as u16 } else { Self::TRANS.0 as u16 }
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A BGP Identifier: four octets, written like an address, never zero (RFC 6286 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(Ipv4Addr);

impl RouterId {
    /// `None` for 0.0.0.0, which RFC 6286 forbids.
    pub const fn new(id: Ipv4Addr) -> Option<Self> {
        if id.is_unspecified() { None } else { Some(Self(id)) }
    }

    /// The identifier as the address it looks like.
    pub const fn get(self) -> Ipv4Addr {
        self.0
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A Hold Time in seconds: 0 (no timer) or at least 3 (RFC 4271 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldTime(u16);

impl HoldTime {
    /// No hold timer and no KEEPALIVEs.
    pub const ZERO: Self = Self(0);

    /// `None` for 1 and 2 seconds, which RFC 4271 §4.2 forbids.
    pub const fn new(seconds: u16) -> Option<Self> {
        if matches!(seconds, 1 | 2) { None } else { Some(Self(seconds)) }
    }

    /// Seconds.
    pub const fn seconds(self) -> u16 {
        self.0
    }

    /// The time to wait for a KEEPALIVE or UPDATE; `None` where there is no hold timer.
    pub fn duration(self) -> Option<Duration> {
        (self.0 != 0).then(|| Duration::from_secs(self.0.into()))
    }
}

/// An address family and subsequent address family (RFC 4760). Unknown ones are just numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// Address family identifier: 1 is IPv4, 2 is IPv6.
    pub afi: u16,
    /// Subsequent address family identifier: 1 is unicast.
    pub safi: u8,
}

impl Family {
    /// IPv4 unicast.
    pub const IPV4_UNICAST: Self = Self { afi: 1, safi: 1 };
    /// IPv6 unicast.
    pub const IPV6_UNICAST: Self = Self { afi: 2, safi: 1 };

    /// The unicast family of a prefix.
    pub const fn of(prefix: &ipnet::IpNet) -> Self {
        match prefix {
            ipnet::IpNet::V4(_) => Self::IPV4_UNICAST,
            ipnet::IpNet::V6(_) => Self::IPV6_UNICAST,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4_UNICAST => f.pad("ipv4-unicast"),
            Self::IPV6_UNICAST => f.pad("ipv6-unicast"),
            Self { afi, safi } => write!(f, "afi {afi} safi {safi}"),
        }
    }
}
