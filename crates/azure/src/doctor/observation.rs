//! What is known of sessions: how this side is configured for them, and what it has seen.

use quadzero_codec::{Asn, ErrorCode};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

/// Events of one session that are kept; of more, the last ones.
const KEPT: usize = 1024;

/// Whose eyes these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The edge's.
    Edge,
    /// The gateway's.
    Gateway,
}

/// Everything that is known.
#[derive(Clone, Debug)]
pub struct Observations {
    /// Which side this is.
    pub side: Side,
    /// Our AS, where a log says so.
    pub own_as: Option<Asn>,
    /// By the name that logs have for them.
    pub sessions: BTreeMap<String, Session>,
}

/// One session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// How it is configured.
    pub setup: Setup,
    /// What happened, oldest first.
    pub seen: Vec<Seen>,
}

/// The configuration of this side, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Our AS.
    pub own_as: Option<Asn>,
    /// The peer's.
    pub peer_as: Option<Asn>,
    /// Our address.
    pub own: Option<IpAddr>,
    /// The peer's.
    pub peer: Option<IpAddr>,
    /// The Hold Time that we propose, in seconds.
    pub hold: Option<u16>,
    /// Whether we dial.
    pub dials: Option<bool>,
    /// The TTL that we send with.
    pub ttl: Option<u8>,
    /// Whether there is a TCP MD5 key.
    pub md5: Option<bool>,
    /// How many prefixes the gateway takes.
    pub limit: Option<usize>,
    /// It is a link of ExpressRoute: one hop, hold times are negotiated, keys are possible.
    pub at_expressroute: bool,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Option<SystemTime>,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It waits for the peer to dial; `retries`: or to dial again itself.
    Waits {
        /// Whether it will dial itself.
        retries: bool,
    },
    /// A connection is there, and the OPENs are under way.
    Opens,
    /// A dial failed.
    DialFailed(Dial),
    /// The peer's OPEN has another AS than is configured.
    WrongAs {
        /// The peer's.
        theirs: Asn,
        /// What is configured for it.
        configured: Asn,
    },
    /// Established: the Hold Time that holds and what the peer proposed, in seconds.
    Up {
        /// What holds.
        hold: u16,
        /// What the peer proposed.
        peer_hold: Option<u16>,
    },
    /// The session, or an attempt, ended.
    Ended(Ended),
    /// A route was not taken, by a check of the session.
    Ignored {
        /// The prefix.
        prefix: String,
        /// Why.
        why: String,
    },
    /// A route was not taken, by the gateway.
    Dropped {
        /// The prefix.
        prefix: String,
        /// Why.
        why: String,
    },
    /// The gateway's limit was passed.
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// Why a dial failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dial {
    /// Somebody is there, and says no.
    Refused,
    /// The network knows no way.
    Unreachable,
    /// No answer.
    Unanswered,
    /// The local address is none of this machine's.
    NoLocalAddress,
    /// Something else, in the system's words.
    Other(String),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// TCP closed or broke.
    Closed,
    /// The peer said why, and perhaps a text.
    Received(ErrorCode, Option<String>),
    /// We said why.
    Sent(ErrorCode),
}

impl Observations {
    /// Nothing yet.
    pub const fn new(side: Side) -> Self {
        Self { side, own_as: None, sessions: BTreeMap::new() }
    }

    /// The session of this name.
    pub fn session(&mut self, name: &str) -> &mut Session {
        self.sessions.entry(name.to_owned()).or_default()
    }

    /// Something happened in every session with this peer; without one, it is called by the address.
    pub(super) fn at(&mut self, peer: &str, what: What) {
        let address = peer.parse::<IpAddr>().ok();
        let is_with = |session: &&mut Session| address.is_some() && session.setup.peer == address;
        let mut found = false;
        for session in self.sessions.values_mut().filter(is_with) {
            session.note(None, what.clone());
            found = true;
        }
        if !found {
            self.session(peer).note(None, what);
        }
    }
}

impl Session {
    /// Something happened.
    pub fn note(&mut self, at: Option<SystemTime>, what: What) {
        if self.seen.len() == KEPT {
            self.seen.remove(0);
        }
        self.seen.push(Seen { at, what });
    }

    /// What happened since the session was up last; nothing if it still is.
    pub(super) fn trouble(&self) -> &[Seen] {
        let ends = |seen: &Seen| matches!(seen.what, What::Ended(_));
        match self.seen.iter().rposition(|seen| matches!(seen.what, What::Up { .. })) {
            Some(up) if self.seen[up..].iter().any(ends) => &self.seen[up + 1..],
            Some(_) => &[],
            None => &self.seen,
        }
    }
}
