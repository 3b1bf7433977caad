//! Sockets and waiting around the pure [`session`](crate::session): one tokio task a peer, one a listener.
//!
//! A task decides nothing. It hands in what happened, asks what is to be done, and waits for the next thing:
//!
//! ```text
//!        ┌────────────────────────── settle ──────────────────────────┐
//!        │  poll: dial, close, tell      transmit: octets -> socket   │
//!        └───────────▲────────────────────────────────────┬───────────┘
//!                    │              select!               ▼
//!        deadline | readable, writable | dial | wanted routes | inbox
//! ```
//!
//! Everything between tasks is a level, not a queue: the routes wanted (`watch`), the table learned (a lock), the
//! status (`watch`), and an inbox that holds at most one connection. So nothing can fill up.

mod inherited;
mod link;
mod registry;
mod sockopt;
mod speaker;
mod task;

pub use registry::Range;
pub use speaker::{Peer, Speaker};

use crate::session::{Addresses, Counters, Down, Negotiated, State};
use quadzero_rib::RouteSet;
use std::{sync::Arc, time::Instant};

/// How a peer is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// What was agreed on, while Established.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Why the last session or attempt ended.
    pub last_down: Option<Down>,
    /// What has been counted.
    pub counters: Counters,
    /// Changes whenever the table of learned routes does.
    pub learned_version: u64,
    /// Prefixes that the peer announced and were accepted.
    pub prefixes_received: usize,
    /// Prefixes that the peer holds from us.
    pub prefixes_sent: usize,
    /// The set that the peer was told last, to its end, while Established.
    pub told: Option<Arc<RouteSet>>,
    /// Established, and the peer has said End-of-RIB of every family that was agreed on, or has nothing more to say: what it has
    /// announced is all that it has.
    pub end_of_rib: bool,
    /// The addresses of the connection, while there is one.
    pub addresses: Option<Addresses>,
    /// Everything wanted has been handed to the connection: the session is Established and nothing is left to say.
    pub in_sync: bool,
    /// No connection is left, nor last words under way.
    pub gone: bool,
}

#[cfg(test)]
mod tests;
