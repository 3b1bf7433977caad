//! ROUTE-REFRESH (RFC 2918, RFC 7313).

use crate::Family;

/// Please send the family again; or, of the enhanced kind, the begin and end of doing so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRefresh {
    /// The family.
    pub family: Family,
    /// 0 request, 1 begin (BoRR), 2 end (EoRR); others are ignored (RFC 7313 §5).
    pub subtype: u8,
}
