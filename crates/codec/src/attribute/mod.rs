//! Path attributes (RFC 4271 §4.3 and its extensions) as one value.

mod as_path;
mod community;
pub(crate) mod decode;
pub(crate) mod encode;
mod table;

pub use as_path::{AsPath, Segment, SegmentKind};
pub use community::{Community, ExtendedCommunity, LargeCommunity};

pub(crate) use table::{code, flag, name};

use crate::Asn;
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a route came into BGP (RFC 4271 §4.3 a): IGP is preferred over EGP over INCOMPLETE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// 0
    #[default]
    Igp,
    /// 1
    Egp,
    /// 2
    Incomplete,
}

/// The next hop of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    /// "Next hop self": the encoder fills in the connection's own address of the prefix's family
    /// ([`Dialect::own_ipv4`](crate::Dialect), `own_ipv6`). A decoded UPDATE never holds it.
    #[default]
    Own,
    /// A given address.
    Address(IpAddr),
    /// A global IPv6 address with the link-local one beside it (RFC 2545 §3).
    WithLinkLocal(Ipv6Addr, Ipv6Addr),
}

/// Who aggregated a route (RFC 4271 §4.3 g), with four octets of AS (RFC 6793).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aggregator {
    /// The last AS that formed the aggregate.
    pub asn: Asn,
    /// The speaker that formed it.
    pub id: Ipv4Addr,
}

/// An optional attribute that we do not know, kept as it came; passed on, with Partial set, if transitive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownAttribute {
    /// Attribute flags as received (RFC 4271 §4.3); the Extended Length bit is kept out.
    pub flags: u8,
    /// Attribute type code.
    pub code: u8,
    /// Attribute value.
    pub value: Bytes,
}

/// Everything a route says besides its prefix. Many routes share one value, behind an `Arc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attributes {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH, always of four octets; AS4_PATH is already merged in (RFC 6793 §4.2.3).
    pub as_path: AsPath,
    /// NEXT_HOP, or the next hop of MP_REACH_NLRI.
    pub next_hop: NextHop,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF: iBGP only.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE is present.
    pub atomic_aggregate: bool,
    /// AGGREGATOR, with AS4_AGGREGATOR already merged in.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES (RFC 1997), in the order received.
    pub communities: Box<[Community]>,
    /// ORIGINATOR_ID (RFC 4456): iBGP only.
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST (RFC 4456): iBGP only.
    pub cluster_list: Box<[Ipv4Addr]>,
    /// EXTENDED COMMUNITIES (RFC 4360).
    pub extended_communities: Box<[ExtendedCommunity]>,
    /// LARGE_COMMUNITY (RFC 8092).
    pub large_communities: Box<[LargeCommunity]>,
    /// Only to Customer (RFC 9234 §5).
    pub only_to_customer: Option<Asn>,
    /// Optional attributes that we do not know, by code; and those of which we know the form alone (RFC 5701).
    pub unknown: Box<[UnknownAttribute]>,
}
