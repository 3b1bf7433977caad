//! NOTIFICATION (RFC 4271 §4.5) and the one table of its codes.

use crate::{DecodeError, Dialect, HEADER, reader::Reader};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;

/// Code and subcode of a NOTIFICATION. Unknown pairs are just numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u8, pub u8);

/// One row a code and subcode: its constant, its numbers, its words.
macro_rules! codes {
    ($($name:ident = $code:literal, $subcode:literal, $words:literal;)+) => {
        impl ErrorCode {
            $(#[doc = concat!($code, "/", $subcode, ": ", $words, ".")] pub const $name: Self = Self($code, $subcode);)+

            /// Every pair that has words.
            pub const KNOWN: &[Self] = &[$(Self::$name),+];

            const fn words(self) -> Option<&'static str> {
                match (self.0, self.1) {
                    $(($code, $subcode) => Some($words),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    // RFC 4271 §6.1
    HEADER_ERROR = 1, 0, "Message Header Error";
    HEADER_CONNECTION_NOT_SYNCHRONIZED = 1, 1, "Message Header Error: Connection Not Synchronized";
    HEADER_BAD_MESSAGE_LENGTH = 1, 2, "Message Header Error: Bad Message Length";
    HEADER_BAD_MESSAGE_TYPE = 1, 3, "Message Header Error: Bad Message Type";
    // RFC 4271 §6.2, RFC 5492 §5, RFC 9234 §4.2
    OPEN_UNSPECIFIC = 2, 0, "OPEN Message Error: Unspecific";
    OPEN_UNSUPPORTED_VERSION_NUMBER = 2, 1, "OPEN Message Error: Unsupported Version Number";
    OPEN_BAD_PEER_AS = 2, 2, "OPEN Message Error: Bad Peer AS";
    OPEN_BAD_BGP_IDENTIFIER = 2, 3, "OPEN Message Error: Bad BGP Identifier";
    OPEN_UNSUPPORTED_OPTIONAL_PARAMETER = 2, 4, "OPEN Message Error: Unsupported Optional Parameter";
    OPEN_AUTHENTICATION_FAILURE = 2, 5, "OPEN Message Error: Authentication Failure (deprecated)";
    OPEN_UNACCEPTABLE_HOLD_TIME = 2, 6, "OPEN Message Error: Unacceptable Hold Time";
    OPEN_UNSUPPORTED_CAPABILITY = 2, 7, "OPEN Message Error: Unsupported Capability";
    OPEN_ROLE_MISMATCH = 2, 11, "OPEN Message Error: Role Mismatch";
    // RFC 4271 §6.3
    UPDATE_ERROR = 3, 0, "UPDATE Message Error";
    UPDATE_MALFORMED_ATTRIBUTE_LIST = 3, 1, "UPDATE Message Error: Malformed Attribute List";
    UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE = 3, 2, "UPDATE Message Error: Unrecognized Well-known Attribute";
    UPDATE_MISSING_WELL_KNOWN_ATTRIBUTE = 3, 3, "UPDATE Message Error: Missing Well-known Attribute";
    UPDATE_ATTRIBUTE_FLAGS_ERROR = 3, 4, "UPDATE Message Error: Attribute Flags Error";
    UPDATE_ATTRIBUTE_LENGTH_ERROR = 3, 5, "UPDATE Message Error: Attribute Length Error";
    UPDATE_INVALID_ORIGIN_ATTRIBUTE = 3, 6, "UPDATE Message Error: Invalid ORIGIN Attribute";
    UPDATE_AS_ROUTING_LOOP = 3, 7, "UPDATE Message Error: AS Routing Loop (deprecated)";
    UPDATE_INVALID_NEXT_HOP_ATTRIBUTE = 3, 8, "UPDATE Message Error: Invalid NEXT_HOP Attribute";
    UPDATE_OPTIONAL_ATTRIBUTE_ERROR = 3, 9, "UPDATE Message Error: Optional Attribute Error";
    UPDATE_INVALID_NETWORK_FIELD = 3, 10, "UPDATE Message Error: Invalid Network Field";
    UPDATE_MALFORMED_AS_PATH = 3, 11, "UPDATE Message Error: Malformed AS_PATH";
    // RFC 4271 §6.5
    HOLD_TIMER_EXPIRED = 4, 0, "Hold Timer Expired";
    // RFC 6608
    FSM_ERROR = 5, 0, "Finite State Machine Error";
    FSM_UNEXPECTED_MESSAGE_IN_OPEN_SENT = 5, 1, "Finite State Machine Error: Unexpected Message in OpenSent State";
    FSM_UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM = 5, 2, "Finite State Machine Error: Unexpected Message in OpenConfirm State";
    FSM_UNEXPECTED_MESSAGE_IN_ESTABLISHED = 5, 3, "Finite State Machine Error: Unexpected Message in Established State";
    // RFC 4486, RFC 8538 §3, RFC 9384
    CEASE = 6, 0, "Cease";
    CEASE_MAXIMUM_NUMBER_OF_PREFIXES = 6, 1, "Cease: Maximum Number of Prefixes Reached";
    CEASE_ADMINISTRATIVE_SHUTDOWN = 6, 2, "Cease: Administrative Shutdown";
    CEASE_PEER_DE_CONFIGURED = 6, 3, "Cease: Peer De-configured";
    CEASE_ADMINISTRATIVE_RESET = 6, 4, "Cease: Administrative Reset";
    CEASE_CONNECTION_REJECTED = 6, 5, "Cease: Connection Rejected";
    CEASE_OTHER_CONFIGURATION_CHANGE = 6, 6, "Cease: Other Configuration Change";
    CEASE_CONNECTION_COLLISION_RESOLUTION = 6, 7, "Cease: Connection Collision Resolution";
    CEASE_OUT_OF_RESOURCES = 6, 8, "Cease: Out of Resources";
    CEASE_HARD_RESET = 6, 9, "Cease: Hard Reset";
    CEASE_BFD_DOWN = 6, 10, "Cease: BFD Down";
    // RFC 7313 §5
    ROUTE_REFRESH_ERROR = 7, 0, "ROUTE-REFRESH Message Error";
    ROUTE_REFRESH_INVALID_MESSAGE_LENGTH = 7, 1, "ROUTE-REFRESH Message Error: Invalid Message Length";
    // RFC 9687
    SEND_HOLD_TIMER_EXPIRED = 8, 0, "Send Hold Timer Expired";
}

impl fmt::Display for ErrorCode {
    /// `Cease: Administrative Shutdown (6/2)`; a subcode without words after the words of its code; `error 9/1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(code, subcode) = *self;
        match (self.words(), Self(code, 0).words()) {
            (Some(words), _) => write!(f, "{words} ({code}/{subcode})"),
            (None, Some(words)) => write!(f, "{words}: unknown subcode ({code}/{subcode})"),
            (None, None) => write!(f, "unknown error ({code}/{subcode})"),
        }
    }
}

/// Why a speaker ends a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Code and subcode.
    pub code: ErrorCode,
    /// Data, as the code defines it. What does not fit into a message is cut off.
    pub data: Bytes,
}

/// Octets of the longest shutdown text (RFC 9003 §2).
const MAX_SHUTDOWN_TEXT: usize = 255;

impl Notification {
    /// Without data.
    pub const fn new(code: ErrorCode) -> Self {
        Self { code, data: Bytes::new() }
    }

    /// With the data that the code asks for.
    pub fn with_data(code: ErrorCode, data: impl Into<Bytes>) -> Self {
        Self { code, data: data.into() }
    }

    /// With a text for the people at the other end (RFC 9003), cut at 255 octets between two characters.
    /// Meant for Administrative Shutdown and Administrative Reset.
    pub fn shutdown(code: ErrorCode, text: &str) -> Self {
        let text = &text[..text.floor_char_boundary(MAX_SHUTDOWN_TEXT)];
        let mut data = BytesMut::with_capacity(1 + text.len());
        // The text has just been cut to what an octet counts.
        data.put_u8(text.len() as u8);
        data.put_slice(text.as_bytes());
        Self { code, data: data.freeze() }
    }

    /// The same as a Hard Reset (RFC 8538 §3): graceful restart shall not keep our routes.
    #[must_use]
    pub fn hard_reset(&self) -> Self {
        let mut data = BytesMut::with_capacity(2 + self.data.len());
        data.put_slice(&[self.code.0, self.code.1]);
        data.put_slice(&self.data);
        Self { code: ErrorCode::CEASE_HARD_RESET, data: data.freeze() }
    }

    /// What a Hard Reset encapsulates.
    pub fn encapsulated(&self) -> Option<Self> {
        match *self.data {
            [code, subcode, ..] if self.code == ErrorCode::CEASE_HARD_RESET => {
                Some(Self { code: ErrorCode(code, subcode), data: self.data.slice(2..) })
            }
            _ => None,
        }
    }

    /// The text of an Administrative Shutdown or Reset, also of an encapsulated one. `None` where there is none, or its
    /// length does not fit, or it is not UTF-8. It comes from the peer: control characters are still in it.
    pub fn shutdown_text(&self) -> Option<String> {
        let (length, text) = match self.code {
            ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN | ErrorCode::CEASE_ADMINISTRATIVE_RESET => {
                self.data.split_first()?
            }
            // What a Hard Reset holds is not looked into twice: a chain of them would be ours to follow.
            _ => {
                let inner = self.encapsulated().filter(|n| n.code != ErrorCode::CEASE_HARD_RESET)?;
                return inner.shutdown_text();
            }
        };
        let text = std::str::from_utf8(text.get(..usize::from(*length))?).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(crate) fn decode(mut body: Reader<'_>) -> Self {
        // The header's length has seen to both octets.
        let code = ErrorCode(body.u8().unwrap_or(0), body.u8().unwrap_or(0));
        Self { code, data: Bytes::copy_from_slice(body.octets()) }
    }

    pub(crate) fn encode_body(&self, dialect: &Dialect, out: &mut BytesMut) {
        out.put_slice(&[self.code.0, self.code.1]);
        let room = dialect.max_send() - HEADER - 2;
        out.put_slice(&self.data[..self.data.len().min(room)]);
    }
}

impl From<DecodeError> for Notification {
    fn from(error: DecodeError) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_words_and_unknown_ones_numbers() {
        assert_eq!(ErrorCode::HOLD_TIMER_EXPIRED.to_string(), "Hold Timer Expired (4/0)");
        assert_eq!(ErrorCode(6, 2).to_string(), "Cease: Administrative Shutdown (6/2)");
        assert_eq!(ErrorCode(6, 99).to_string(), "Cease: unknown subcode (6/99)");
        assert_eq!(ErrorCode(99, 1).to_string(), "unknown error (99/1)");
    }

    #[test]
    fn no_code_stands_twice_in_the_table() {
        let mut codes = ErrorCode::KNOWN.to_vec();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), ErrorCode::KNOWN.len());
    }

    #[test]
    fn shutdown_text_comes_back() {
        let said =
            Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, "wartung bis 02:00 · grüße");
        assert_eq!(said.shutdown_text().as_deref(), Some("wartung bis 02:00 · grüße"));
        assert_eq!(said.hard_reset().shutdown_text(), said.shutdown_text());
        assert_eq!(said.hard_reset().encapsulated(), Some(said));
    }

    #[test]
    fn shutdown_text_is_cut_between_characters() {
        let said = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_RESET, &"ü".repeat(200));
        assert_eq!(said.data.len(), 255);
        assert_eq!(said.shutdown_text(), Some("ü".repeat(127)));
    }

    #[test]
    fn shutdown_text_that_is_none_is_not_shown() {
        let cease = |data: &'static [u8]| {
            Notification::with_data(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, data).shutdown_text()
        };
        assert_eq!(cease(b""), None);
        assert_eq!(cease(b"\x00"), None);
        assert_eq!(cease(b"\x05four"), None);
        assert_eq!(cease(b"\x02\xFF\xFE"), None);
        assert_eq!(Notification::with_data(ErrorCode(4, 0), &b"\x02hi"[..]).shutdown_text(), None);
    }
}
