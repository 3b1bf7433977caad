//! What two speakers agreed on and changes how bytes are read and written.

use crate::Family;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The largest message without RFC 8654.
pub const MAX_MESSAGE: usize = 4096;
/// The largest message with RFC 8654.
pub const MAX_EXTENDED_MESSAGE: usize = 65535;

/// What was negotiated and changes how bytes are read or written. Made once per connection, by the
/// state machine's `negotiate`; the default is what holds before an OPEN has been received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// Both speak four-octet AS numbers (RFC 6793): AS_PATH and AGGREGATOR carry four octets each.
    pub four_octet_as: bool,
    /// We announced extended messages (RFC 8654): up to 65,535 octets may arrive.
    pub receive_extended: bool,
    /// Both announced extended messages: up to 65,535 octets may be sent.
    pub send_extended: bool,
    /// The peer is in our own AS (iBGP): LOCAL_PREF is mandatory; ORIGINATOR_ID and CLUSTER_LIST are meant.
    pub internal: bool,
    /// IPv4 unicast may be exchanged.
    pub ipv4: bool,
    /// IPv6 unicast may be exchanged.
    pub ipv6: bool,
    /// The peer understands ROUTE-REFRESH subtypes (RFC 7313).
    pub enhanced_refresh: bool,
    /// What "next hop self" means for IPv4 on this connection: our own address.
    pub own_ipv4: Option<Ipv4Addr>,
    /// What "next hop self" means for IPv6 on this connection.
    pub own_ipv6: Option<Ipv6Addr>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            four_octet_as: true,
            receive_extended: false,
            send_extended: false,
            internal: false,
            ipv4: true,
            ipv6: true,
            enhanced_refresh: false,
            own_ipv4: None,
            own_ipv6: None,
        }
    }
}

impl Dialect {
    /// Whether prefixes of the family may be exchanged.
    pub fn speaks(&self, family: Family) -> bool {
        match family {
            Family::IPV4_UNICAST => self.ipv4,
            Family::IPV6_UNICAST => self.ipv6,
            _ => false,
        }
    }

    /// Octets of the largest message that may be sent.
    pub const fn max_send(&self) -> usize {
        if self.send_extended { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE }
    }

    /// Octets of the largest message that may arrive. OPEN and KEEPALIVE stay at 4,096 (RFC 8654 §4).
    pub const fn max_receive(&self) -> usize {
        if self.receive_extended { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE }
    }
}
