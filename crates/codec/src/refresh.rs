//! ROUTE-REFRESH (RFC 2918, RFC 7313).

use crate::{DecodeError, Dialect, Family, HEADER};
use bytes::{BufMut, Bytes, BytesMut};

/// Please send the family again; or, of the enhanced kind, the begin and end of doing so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// The family.
    pub family: Family,
    /// 0 request, 1 begin (BoRR), 2 end (EoRR); others are ignored (RFC 7313 §5).
    pub subtype: u8,
}

impl RouteRefresh {
    /// RFC 7313 §5 has an error of its own for BoRR and EoRR of a wrong length; other subtypes, and speakers that do not
    /// know them, fall back to the one for any message.
    pub(crate) fn decode(message: &[u8], dialect: &Dialect) -> Result<Self, DecodeError> {
        match message.get(HEADER..).unwrap_or_default() {
            &[high, low, subtype, safi] => {
                Ok(Self { family: Family { afi: u16::from_be_bytes([high, low]), safi }, subtype })
            }
            [_, _, 1 | 2, ..] if dialect.enhanced_refresh => {
                Err(DecodeError::RefreshLength(Bytes::copy_from_slice(message)))
            }
            body => Err(DecodeError::Length(u16::try_from(HEADER + body.len()).unwrap_or(u16::MAX))),
        }
    }

    pub(crate) fn encode_body(self, out: &mut BytesMut) {
        out.put_u16(self.family.afi);
        out.put_u8(self.subtype);
        out.put_u8(self.family.safi);
    }
}
