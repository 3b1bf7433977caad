//! Bidirectional Forwarding Detection (RFC 5880), asynchronous mode, over a single hop (RFC 5881): a [`packet`], a pure
//! [`session`] and a tokio [`driver`].
//!
//! ```text
//! UDP 3784 -> kernel: TTL 255? -> Packet::decode -> whose is it? -> Session -> Output::{Changed, Failed}
//!                                                              Session::transmit -> UDP 3784
//! ```
//!
//! BGP notices a dead path when the Hold Time is over, in minutes. BFD says a few octets several times a second and notices in
//! less than one. It decides nothing about routes: whoever runs a protocol over the path is told of failures, and of failures
//! only (RFC 5882 §4.2), by [`Failures`].
//!
//! Not here: Demand mode of our own (a peer that asks for it gets it), the Echo function (we say that we receive none),
//! authentication (packets that have it are discarded, RFC 5880 §6.8.6), and paths of several hops (RFC 5883).

pub mod driver;
pub mod packet;
pub mod session;

pub use driver::{Failures, Path, Peer, Speaker, Status};
pub use packet::{Diagnostic, Discard, Discriminator, Interval, Packet, State};
pub use session::{Input, Output, Parameters, Remote, Session};
