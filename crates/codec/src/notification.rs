//! NOTIFICATION (RFC 4271 §4.5) and the one table of its codes.

use bytes::Bytes;

/// Code and subcode of a NOTIFICATION. Unknown pairs are just numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u8, pub u8);

/// Why a speaker ends a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Code and subcode.
    pub code: ErrorCode,
    /// Data, as the code defines it.
    pub data: Bytes,
}
