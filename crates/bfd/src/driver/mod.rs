//! Sockets and waiting around the pure [`session`](crate::session): one tokio task a session, one a local address.
//!
//! ```text
//! UDP local:3784 -> one task -> whose is it? -> inbox of the session (at most 4 packets) -> Session -> UDP :49152..65535
//!                                                                                             └-> watch<Status>
//! ```
//!
//! The socket that receives is bound to the local address of the path, so that systems on other addresses of a machine
//! are not in each other's way; it need not be there yet (IP_FREEBIND), as that of a tunnel that comes up later. What is not
//! from the next hop never gets out of the kernel: see `socket`. An inbox that is full loses packets, as the network does.

mod socket;
mod speaker;
mod task;
#[cfg(test)]
mod tests;

pub use speaker::{Failures, Path, Peer, Speaker};

use crate::{
    packet::{Diagnostic, State},
    session::Remote,
};
use std::time::{Duration, Instant};

/// How a session is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// Why that is its state.
    pub diagnostic: Diagnostic,
    /// Since when.
    pub since: Instant,
    /// What was last heard of the other side.
    pub remote: Remote,
    /// The time between two packets of ours, before jitter; `None`: the other side wants none.
    pub transmit_interval: Option<Duration>,
    /// So long nothing may be heard.
    pub detection_time: Duration,
    /// How often it was Up and the path failed. A session that an operator took down has not failed (RFC 5882 §4.2).
    pub failures: u32,
}

impl Status {
    /// Whether there is something in it that is news.
    fn differs_from(&self, other: &Self) -> bool {
        let news = |s: &Self| {
            (s.state, s.diagnostic, s.since, s.remote, s.transmit_interval, s.detection_time, s.failures)
        };
        news(self) != news(other)
    }
}
