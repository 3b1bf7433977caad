//! Capabilities (RFC 5492), the optional parameter of OPEN that counts.

use crate::{Asn, Family};
use bytes::Bytes;

/// What a speaker says that it can do. Unknown ones are kept as number and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// 1: RFC 4760.
    Multiprotocol(Family),
    /// 2: RFC 2918.
    RouteRefresh,
    /// 6: RFC 8654.
    ExtendedMessage,
    /// 9: RFC 9234.
    Role(Role),
    /// 64: RFC 4724.
    GracefulRestart(GracefulRestart),
    /// 65: RFC 6793.
    FourOctetAs(Asn),
    /// 69: RFC 7911; read and kept, never used.
    AddPath(Vec<AddPath>),
    /// 70: RFC 7313.
    EnhancedRouteRefresh,
    /// Any other.
    Unknown {
        /// Capability code.
        code: u8,
        /// Capability value.
        value: Bytes,
    },
}

/// BGP role (RFC 9234 §4.1): what the speaker is to its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// 0
    Provider,
    /// 1
    RouteServer,
    /// 2
    RouteServerClient,
    /// 3
    Customer,
    /// 4
    Peer,
    /// A number that RFC 9234 does not assign.
    Unknown(u8),
}

/// The graceful restart capability (RFC 4724 §3, RFC 8538 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GracefulRestart {
    /// R: the speaker has restarted.
    pub restarted: bool,
    /// N: NOTIFICATIONs are covered too (RFC 8538).
    pub notification: bool,
    /// Seconds until it should be back, 0 to 4,095.
    pub restart_time: u16,
    /// The families, each with its F bit: forwarding state was kept.
    pub families: Vec<(Family, bool)>,
}

/// One family of the ADD-PATH capability (RFC 7911 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddPath {
    /// The family.
    pub family: Family,
    /// 1 receive, 2 send, 3 both.
    pub direction: u8,
}
