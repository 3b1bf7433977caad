//! What can be wrong with received bytes, and what RFC 4271 §6 and RFC 7606 make of it.
//!
//! ```text
//!           mild ─────────────────────────────────────────────────────────► severe
//!           DiscardAttribute        TreatAsWithdraw        ResetSession
//!           └────────── Fault, in Update::faults ─────────┘└ DecodeError ─► Notification
//! ```

use crate::{Asn, ErrorCode, Family, Notification, attribute::name, open::VERSION};
use bytes::Bytes;
use std::{fmt, net::IpAddr};

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
    /// Attribute type code; 0 where the classic NLRI fields are meant.
    pub attribute: u8,
    /// What was done.
    pub treatment: Treatment,
    /// What was wrong.
    pub flaw: Flaw,
}

/// What can be wrong with a path attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// RFC 7606 §3 c.
    #[error("flags {0:#04x}: Optional and Transitive are not what the attribute asks for")]
    Flags(u8),
    /// RFC 7606 §7.
    #[error("length {0} is wrong")]
    Length(usize),
    /// RFC 7606 §4: the attribute, or its header, does not fit into what is left of the attributes.
    #[error("it runs over the end of the attributes")]
    Overrun,
    /// RFC 7606 §3 g.
    #[error("it is there more than once")]
    Duplicate,
    /// RFC 7606 §3 d.
    #[error("it is mandatory and missing")]
    Missing,
    /// RFC 4271 §6.3.
    #[error("it claims to be well-known, and is not known")]
    UnrecognizedWellKnown,
    /// RFC 7606 §7.1.
    #[error("{0} is no origin")]
    Origin(u8),
    /// RFC 7606 §7.2.
    #[error("its segments do not add up")]
    AsPath,
    /// RFC 5065 §5.
    #[error("it holds segments of a confederation, and comes from outside of it")]
    Confederation,
    /// RFC 7607 §2.
    #[error("it holds AS 0")]
    AsZero,
    /// RFC 4271 §6.3: not the address of a host.
    #[error("{0} cannot be a next hop")]
    NextHop(IpAddr),
    /// RFC 7606 §7.11.
    #[error("its next hop of {0} octets does not fit the family")]
    NextHopLength(u8),
    /// RFC 7606 §5.3: too short for a family and its prefixes, or a prefix of more bits than an address.
    #[error("its prefixes cannot be read")]
    Nlri,
    /// RFC 4760 §7: the family was not negotiated.
    #[error("{0} was not negotiated")]
    Family(Family),
    /// RFC 7606 §7.5, §7.9, §7.10: only peers of our own AS may send it.
    #[error("it is not for a peer of another AS to send")]
    InternalOnly,
    /// RFC 6793 §6.
    #[error("it is not for a peer that speaks four-octet AS numbers to send")]
    TwoOctetOnly,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = match self.treatment {
            Treatment::DiscardAttribute => "discarded",
            Treatment::TreatAsWithdraw => "treated as withdraw",
            Treatment::ResetSession => "session reset",
        };
        write!(f, "{}: {} ({done})", name(self.attribute), self.flaw)
    }
}

/// Why bytes are not a message; each has its NOTIFICATION. Offsets count octets from the message's marker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The marker is not all ones.
    #[error("the marker is not all ones")]
    Marker,
    /// The header's length is less than 19, more than is allowed, or wrong for the type.
    #[error("a message cannot be {0} octets long here")]
    Length(u16),
    /// No message has this type.
    #[error("message type {0} is unknown")]
    Type(u8),
    /// OPEN of another version.
    #[error("OPEN: version {0} instead of 4")]
    Version(u8),
    /// OPEN from AS 0, or My Autonomous System contradicts the four-octet AS capability.
    #[error("OPEN: AS {my_as}{} is not acceptable", .capability.map(|asn| format!(" with capability AS {asn}")).unwrap_or_default())]
    PeerAs {
        /// My Autonomous System.
        my_as: u16,
        /// The four-octet AS capability.
        capability: Option<Asn>,
    },
    /// OPEN with a hold time of 1 or 2 seconds.
    #[error("OPEN: a hold time of {0} s; 0, or at least 3 s")]
    HoldTime(u16),
    /// OPEN with the BGP Identifier 0.0.0.0.
    #[error("OPEN: BGP identifier 0.0.0.0")]
    RouterId,
    /// OPEN with an optional parameter that is not capabilities.
    #[error("OPEN: unknown optional parameter {kind} at octet {offset}")]
    OptionalParameter {
        /// Parameter type.
        kind: u8,
        /// Where it starts.
        offset: usize,
    },
    /// OPEN with lengths that do not fit.
    #[error("OPEN: {part} at octet {offset} does not fit")]
    Open {
        /// The part, in words.
        part: &'static str,
        /// Where it starts.
        offset: usize,
    },
    /// UPDATE whose Withdrawn Routes Length or Total Path Attribute Length runs over its end.
    #[error("UPDATE: the length at octet {offset} runs over the end of the message")]
    UpdateLength {
        /// Where the length stands.
        offset: usize,
    },
    /// UPDATE whose Withdrawn Routes or NLRI field holds a prefix of more than 32 bits, or one that is cut short.
    #[error("UPDATE: no prefix can be read at octet {offset}")]
    Prefix {
        /// Where the prefix starts.
        offset: usize,
    },
    /// UPDATE with an attribute so wrong that its routes cannot be told.
    #[error("UPDATE: {} at octet {offset}: {flaw}", name(*.attribute))]
    Attribute {
        /// Attribute type code.
        attribute: u8,
        /// What is wrong.
        flaw: Flaw,
        /// Where the attribute starts.
        offset: usize,
        /// The whole attribute: flags, type, length and value.
        octets: Bytes,
    },
    /// ROUTE-REFRESH of the enhanced kind and of another length than 23.
    #[error("ROUTE-REFRESH: {} octets instead of 23", .0.len())]
    RefreshLength(Bytes),
}

impl From<&DecodeError> for Notification {
    /// The code, and the data that RFC 4271 §6 asks for.
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::Marker => Self::new(ErrorCode::HEADER_CONNECTION_NOT_SYNCHRONIZED),
            DecodeError::Length(length) => {
                Self::with_data(ErrorCode::HEADER_BAD_MESSAGE_LENGTH, length.to_be_bytes().to_vec())
            }
            DecodeError::Type(kind) => Self::with_data(ErrorCode::HEADER_BAD_MESSAGE_TYPE, vec![*kind]),
            DecodeError::Version(_) => {
                Self::with_data(ErrorCode::OPEN_UNSUPPORTED_VERSION_NUMBER, vec![0, VERSION])
            }
            DecodeError::PeerAs { .. } => Self::new(ErrorCode::OPEN_BAD_PEER_AS),
            DecodeError::HoldTime(_) => Self::new(ErrorCode::OPEN_UNACCEPTABLE_HOLD_TIME),
            DecodeError::RouterId => Self::new(ErrorCode::OPEN_BAD_BGP_IDENTIFIER),
            DecodeError::OptionalParameter { .. } => {
                Self::new(ErrorCode::OPEN_UNSUPPORTED_OPTIONAL_PARAMETER)
            }
            DecodeError::Open { .. } => Self::new(ErrorCode::OPEN_UNSPECIFIC),
            DecodeError::UpdateLength { .. } => Self::new(ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST),
            DecodeError::Prefix { .. } => Self::new(ErrorCode::UPDATE_INVALID_NETWORK_FIELD),
            DecodeError::Attribute { attribute, flaw, octets, .. } => {
                about_attribute(*attribute, flaw, octets)
            }
            DecodeError::RefreshLength(message) => {
                Self::with_data(ErrorCode::ROUTE_REFRESH_INVALID_MESSAGE_LENGTH, message.clone())
            }
        }
    }
}

/// RFC 4271 §6.3: most codes carry the attribute that is wrong; a missing one is named; some carry nothing.
fn about_attribute(attribute: u8, flaw: &Flaw, octets: &Bytes) -> Notification {
    let code = match flaw {
        Flaw::Flags(_) => ErrorCode::UPDATE_ATTRIBUTE_FLAGS_ERROR,
        Flaw::Length(_) => ErrorCode::UPDATE_ATTRIBUTE_LENGTH_ERROR,
        Flaw::UnrecognizedWellKnown => ErrorCode::UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
        Flaw::Origin(_) => ErrorCode::UPDATE_INVALID_ORIGIN_ATTRIBUTE,
        Flaw::NextHop(_) => ErrorCode::UPDATE_INVALID_NEXT_HOP_ATTRIBUTE,
        Flaw::NextHopLength(_) | Flaw::Nlri | Flaw::Family(_) | Flaw::InternalOnly | Flaw::TwoOctetOnly => {
            ErrorCode::UPDATE_OPTIONAL_ATTRIBUTE_ERROR
        }
        Flaw::Missing => {
            let name = vec![attribute];
            return Notification::with_data(ErrorCode::UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE, name);
        }
        Flaw::Overrun | Flaw::Duplicate => {
            return Notification::new(ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST);
        }
        Flaw::AsPath | Flaw::Confederation | Flaw::AsZero => {
            return Notification::new(ErrorCode::UPDATE_MALFORMED_AS_PATH);
        }
    };
    Notification::with_data(code, octets.clone())
}
