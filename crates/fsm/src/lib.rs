//! The BGP-4 state machine (RFC 4271 §8): a pure [`session`] and its tokio [`driver`].
//!
//! ```text
//! socket -> Input::Bytes -> Decoder -> Message -> state -> timers | Output | Event::{Up, Down, Learned}
//! policy -> watch<Arc<RouteSet>> -> Input::Routes -> difference to what was announced -> transmit -> socket
//! ```
//!
//! The session knows the protocol and nothing else; the driver owns octets and waiting, and decides nothing.

mod change;
mod config;
pub mod driver;
pub mod hint;
pub mod session;
#[cfg(test)]
mod testing;

pub use change::{Difference, Effect};
pub use config::*;
pub use driver::{Peer, Range, Speaker, Status};
pub use session::{
    Addresses, Counters, Direction, Down, Encodings, Event, Filled, Flow, Fullness, Input, Learned,
    Negotiated, Output, Session, State,
};
