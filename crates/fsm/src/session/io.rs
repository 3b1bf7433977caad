//! What goes into a session and what comes out of it.

use super::{Filled, Negotiated};
use crate::PeerConfig;
use bytes::Bytes;
use ipnet::IpNet;
use quadzero_codec::{ErrorCode, Fault, MessageType, Notification};
use quadzero_rib::RouteSet;
use std::{fmt, net::IpAddr, sync::Arc};

/// Who opened a TCP connection. There is at most one of each with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We dialled.
    Outgoing,
    /// The peer dialled.
    Incoming,
}

impl Direction {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Outgoing, Self::Incoming];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
        }
    }
}

/// The addresses of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Ours: what "next hop self" means unless [`PeerConfig::own_address`](crate::PeerConfig::own_address) says otherwise.
    pub local: IpAddr,
    /// The peer's.
    pub remote: IpAddr,
}

/// Everything that can happen to a peer.
#[derive(Debug)]
pub enum Input<'a> {
    /// Begin (ManualStart).
    Start,
    /// Withdraw everything, say why, and stay Idle until the next `Start` (ManualStop).
    Stop(Notification),
    /// A TCP connection is there. Of one that came in, ask [`Session::accepts`](super::Session::accepts) first.
    Connected(Direction, Addresses),
    /// The dial asked for by [`Output::Connect`] failed.
    ConnectFailed,
    /// Octets have arrived, cut anywhere.
    Bytes(Direction, &'a [u8]),
    /// The connection has ended, by the peer or by an error.
    Closed(Direction),
    /// [`Session::deadline`](super::Session::deadline) has come. Too early does no harm.
    Timeout,
    /// The whole set of routes that the peer should have from now on.
    Routes(Arc<RouteSet>),
    /// The operator has changed the configuration. With a NOTIFICATION the session is reset for it (see
    /// [`PeerConfig::difference`]); without one it stays.
    Configure(Arc<PeerConfig>, Option<Notification>),
    /// BFD was Up and says that the path to the peer is gone (RFC 5882 §10.2).
    BfdDown,
    /// The peer shall say everything once more (RFC 2918), if it can.
    AskAgain,
}

/// What the session asks of its driver.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Dial the peer, giving up an attempt that is still under way.
    Connect,
    /// Close the connection (or give up the dial), after the octets that it still holds and these last words.
    /// Nothing of it is wanted any more.
    Disconnect(Direction, Bytes),
    /// Something worth telling.
    Event(Event),
}

/// What happened, for people, tables and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Established. `Up` and `Down` alternate.
    Up(Arc<Negotiated>),
    /// No longer Established.
    Down(Down),
    /// An attempt ended before it was Established.
    Failed(Down),
    /// The table of [`Session::learned`](super::Session::learned) has changed.
    Learned {
        /// Prefixes announced or replaced.
        announced: usize,
        /// Prefixes withdrawn.
        withdrawn: usize,
    },
    /// The peer's OPEN is not acceptable: what it says, and what it should say.
    Refused(String),
    /// Malformed attributes of one UPDATE: the first, what RFC 7606 made of it, and how many more there are.
    Malformed(Fault, usize),
    /// Routes of one UPDATE that were not taken: how many, one of them, and why that one was not.
    Ignored(usize, IpNet, &'static str),
    /// Prefixes come near a limit, or are more than it allows.
    Filled(Filled),
    /// Routes of ours that cannot be said to this peer, and why.
    Unsendable(String),
    /// What was wanted has been handed to the connection: this many prefixes stand announced.
    Sent {
        /// Prefixes newly announced or replaced.
        announced: usize,
        /// Prefixes withdrawn.
        withdrawn: usize,
    },
    /// A message came in.
    Received(MessageType),
    /// A message other than UPDATE went out.
    Said(MessageType),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// The TCP connection failed or was closed by the peer without a word.
    Closed,
    /// The dial failed.
    ConnectFailed,
    /// The dial was not answered within ConnectRetryTime.
    Unanswered,
    /// The peer sent a NOTIFICATION.
    Received(Notification),
    /// We sent one.
    Sent(Notification),
}

impl Down {
    /// Whether the operator of this side asked for it.
    pub(crate) fn is_ours_to_want(&self) -> bool {
        let Self::Sent(notification) = self else { return false };
        let said = notification.encapsulated().map_or(notification.code, |inner| inner.code);
        [
            ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
            ErrorCode::CEASE_PEER_DE_CONFIGURED,
            ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE,
        ]
        .contains(&said)
    }
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("TCP connection closed or lost"),
            Self::ConnectFailed => f.write_str("TCP connection could not be opened"),
            Self::Unanswered => f.write_str("the dial was not answered"),
            Self::Received(n) => write!(f, "NOTIFICATION received: {}", InOneLine(n)),
            Self::Sent(n) => write!(f, "NOTIFICATION sent: {}", InOneLine(n)),
        }
    }
}

/// The code in words, and the text for people if there is one (RFC 9003).
struct InOneLine<'a>(&'a Notification);

impl fmt::Display for InOneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code)?;
        if let Some(inner) = self.0.encapsulated() {
            write!(f, ", {}", inner.code)?;
        }
        self.0.shutdown_text().map_or(Ok(()), |text| write!(f, " {text:?}"))
    }
}

/// The six states of RFC 4271 §8.2.2, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Refuses connections.
    #[default]
    Idle,
    /// Dials.
    Connect,
    /// Waits for the peer, or to dial again.
    Active,
    /// Waits for an OPEN.
    OpenSent,
    /// Waits for a KEEPALIVE.
    OpenConfirm,
    /// Exchanges routes.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}

/// What has been counted since the peer was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received.
    pub messages_received: u64,
    /// UPDATEs among them.
    pub updates_received: u64,
    /// Prefixes announced in them, each as often as it was.
    pub prefixes_announced: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// UPDATEs among them.
    pub updates_sent: u64,
    /// How often the session became Established.
    pub established: u64,
    /// How often it ceased to be.
    pub dropped: u64,
}
