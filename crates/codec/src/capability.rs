//! Capabilities (RFC 5492), the optional parameter of OPEN that counts.

use crate::{Asn, Family, reader::Reader};
use bytes::{BufMut, Bytes, BytesMut};

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

impl Capability {
    /// Capability code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Multiprotocol(_) => 1,
            Self::RouteRefresh => 2,
            Self::ExtendedMessage => 6,
            Self::Role(_) => 9,
            Self::GracefulRestart(_) => 64,
            Self::FourOctetAs(_) => 65,
            Self::AddPath(_) => 69,
            Self::EnhancedRouteRefresh => 70,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// The next capability. `None` where its length runs out of the field, or is wrong for a capability that we know.
    pub(crate) fn decode(field: &mut Reader<'_>) -> Option<Self> {
        let code = field.u8()?;
        let length = field.u8()?;
        let mut value = field.take(length.into())?;
        let capability = match code {
            1 => {
                let [high, low, _, safi] = value.array()?;
                Self::Multiprotocol(Family { afi: u16::from_be_bytes([high, low]), safi })
            }
            2 => Self::RouteRefresh,
            6 => Self::ExtendedMessage,
            9 => Self::Role(value.u8()?.into()),
            64 => Self::GracefulRestart(GracefulRestart::decode(&mut value)?),
            65 => Self::FourOctetAs(Asn(value.u32()?)),
            69 => Self::AddPath(list(&mut value, |v| {
                Some(AddPath { family: Family { afi: v.u16()?, safi: v.u8()? }, direction: v.u8()? })
            })?),
            70 => Self::EnhancedRouteRefresh,
            _ => return Some(Self::Unknown { code, value: Bytes::copy_from_slice(value.octets()) }),
        };
        value.is_empty().then_some(capability)
    }

    /// Appends the capability and says whether it fits into one: its length is a single octet.
    pub(crate) fn encode(&self, out: &mut BytesMut) -> bool {
        out.put_u8(self.code());
        let at = out.len();
        out.put_u8(0);
        match self {
            Self::Multiprotocol(Family { afi, safi }) => {
                out.put_u16(*afi);
                out.put_slice(&[0, *safi]);
            }
            Self::RouteRefresh | Self::ExtendedMessage | Self::EnhancedRouteRefresh => (),
            Self::Role(role) => out.put_u8((*role).into()),
            Self::GracefulRestart(restart) => restart.encode(out),
            Self::FourOctetAs(asn) => out.put_u32(asn.0),
            Self::AddPath(paths) => {
                for path in paths {
                    out.put_u16(path.family.afi);
                    out.put_slice(&[path.family.safi, path.direction]);
                }
            }
            Self::Unknown { value, .. } => out.put_slice(value),
        }
        let length = u8::try_from(out.len() - at - 1);
        out[at] = length.unwrap_or(0);
        length.is_ok()
    }
}

/// Values until the field ends.
fn list<T>(field: &mut Reader<'_>, one: impl Fn(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut values = Vec::new();
    while !field.is_empty() {
        values.push(one(field)?);
    }
    Some(values)
}

impl GracefulRestart {
    const RESTARTED: u16 = 0x8000;
    const NOTIFICATION: u16 = 0x4000;
    const TIME: u16 = 0x0FFF;
    const FORWARDING: u8 = 0x80;

    fn decode(value: &mut Reader<'_>) -> Option<Self> {
        let first = value.u16()?;
        let families = list(value, |v| {
            Some((Family { afi: v.u16()?, safi: v.u8()? }, v.u8()? & Self::FORWARDING != 0))
        })?;
        Some(Self {
            restarted: first & Self::RESTARTED != 0,
            notification: first & Self::NOTIFICATION != 0,
            restart_time: first & Self::TIME,
            families,
        })
    }

    fn encode(&self, out: &mut BytesMut) {
        let bit = |set, bit| if set { bit } else { 0 };
        let time = self.restart_time.min(Self::TIME);
        out.put_u16(bit(self.restarted, Self::RESTARTED) | bit(self.notification, Self::NOTIFICATION) | time);
        for (family, forwarding) in &self.families {
            out.put_u16(family.afi);
            out.put_u8(family.safi);
            out.put_u8(if *forwarding { Self::FORWARDING } else { 0 });
        }
    }
}

impl From<u8> for Role {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Provider,
            1 => Self::RouteServer,
            2 => Self::RouteServerClient,
            3 => Self::Customer,
            4 => Self::Peer,
            _ => Self::Unknown(number),
        }
    }
}

impl From<Role> for u8 {
    fn from(role: Role) -> Self {
        match role {
            Role::Provider => 0,
            Role::RouteServer => 1,
            Role::RouteServerClient => 2,
            Role::Customer => 3,
            Role::Peer => 4,
            Role::Unknown(number) => number,
        }
    }
}
