//! What can be wrong with received bytes, and what RFC 4271 §6 and RFC 7606 make of it.

use crate::Notification;

/// What RFC 7606 §2 does about a malformed UPDATE, mildest first: the greatest of all faults is the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// The attribute is dropped, the routes are taken.
    DiscardAttribute,
    /// The routes are taken as withdrawn, the session stays.
    TreatAsWithdraw,
    /// A NOTIFICATION ends the session.
    ResetSession,
}

/// An attribute that was wrong, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Attribute type code.
    pub attribute: u8,
    /// What was done.
    pub treatment: Treatment,
}

/// Why bytes are not a message; each has its NOTIFICATION.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("placeholder")]
pub struct DecodeError;

impl From<&DecodeError> for Notification {
    fn from(_: &DecodeError) -> Self {
        unimplemented!("placeholder of the skeleton")
    }
}
