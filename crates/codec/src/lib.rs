//! BGP-4 messages: bytes to values and back.
//!
//! Every BGP message starts with the same nineteen octets, and the type says what follows (RFC 4271 §4):
//!
//! ```text
//!  0                               16      18  19
//! ┌───────────────────────────────┬───────┬───┬──────────────────────────────────────────────┐
//! │ marker: sixteen octets of FF  │length │typ│ body, length - 19 octets                     │
//! └───────────────────────────────┴───────┴───┴──────────────────────────────────────────────┘
//!                                           1   OPEN           who I am, what I can do
//!                                           2   UPDATE         withdrawn, attributes, announced
//!                                           3   NOTIFICATION   why this is the end
//!                                           4   KEEPALIVE      (nothing)
//!                                           5   ROUTE-REFRESH  say that family again
//! ```
//!
//! Octets go into a [`Decoder`] as they come, cut anywhere, and come out as [`Message`]s; a [`Message`] appends itself to
//! a buffer. What the two speakers have agreed on changes how octets are read and written: that is a [`Dialect`], an
//! argument of both ways.
//!
//! ```text
//! octets ─► Decoder ─► header ─► open, update, notification, refresh ─► Message
//!                        │          │
//!                        └──────────┴─► DecodeError ─► Notification     the session ends, and says why
//!                                   └─► Fault, in Update::faults        it goes on (RFC 7606)
//!
//! Message, encode_announced, encode_withdrawn, encode_end_of_rib ─► octets
//! ```
//!
//! What is wrong with an UPDATE seldom ends the session. RFC 7606 drops the attribute, or takes the routes as withdrawn;
//! one table (`attribute/table.rs`) says which. What does end it is a [`DecodeError`], and
//! `From<&DecodeError> for Notification` is the only place that picks the code and the data that the peer gets to see.
//!
//! Unknown is normal: capabilities, attributes and codes that this crate has never heard of are kept as numbers and
//! octets. There is no I/O here, no clock, and no octet string makes it panic.

mod attribute;
mod capability;
mod decoder;
mod describe;
mod dialect;
mod error;
mod message;
mod nlri;
mod notification;
mod number;
mod open;
mod reader;
mod refresh;
mod update;

pub use attribute::*;
pub use capability::*;
pub use decoder::*;
pub use dialect::*;
pub use error::*;
pub use message::*;
pub use notification::*;
pub use number::*;
pub use open::*;
pub use refresh::*;
pub use update::*;
