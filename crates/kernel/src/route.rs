//! What is known when it is decided: the configuration, the neighbors and what they have said; and what a route is.

use ipnet::IpNet;
use quadzero_codec::RouterId;
use quadzero_rib::RouteSet;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// The table that the kernel looks into unless rules say otherwise: where our own sessions find their way.
pub const MAIN: u32 = 254;

/// What is wanted of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The table that learned routes go to.
    pub table: u32,
    /// By this number our routes are known, also to the process that comes after us.
    pub protocol: u8,
    /// Of each of our routes: the lower one wins among routes to the same prefix.
    pub metric: u32,
    /// A default route, or a piece of one, may be learned.
    pub accept_default: bool,
    /// Only what is within these is taken; empty: everything.
    pub accept: Vec<IpNet>,
    /// The most next hops of a route.
    pub max_paths: NonZeroUsize,
    /// For how long routes of an earlier process are left alone that nobody has announced again yet, unless all neighbors have
    /// said End-of-RIB before.
    pub settle: Duration,
    /// Routes stay when we leave.
    pub keep: bool,
}

/// A neighbor, and what it has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// What people call it.
    pub name: String,
    /// Its BGP address.
    pub address: IpAddr,
    /// How it is reached.
    pub path: Path,
    /// It is in another AS.
    pub external: bool,
    /// Its BGP Identifier.
    pub identifier: RouterId,
    /// What it has announced.
    pub routes: Arc<RouteSet>,
    /// Nothing more is waited for: it has said End-of-RIB, or is not to say anything.
    pub settled: bool,
}

/// How a neighbor is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// As the kernel's routes say.
    Routed,
    /// Through a tunnel that ends on this machine, or may.
    Tunnel(Tunnel),
}

/// A tunnel to a neighbor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// The interface that it is here; `None`: routes lead into it that others have made.
    pub interface: Option<String>,
    /// The address of its far end, outside of it: a gateway's public address.
    pub remote: Option<IpAddr>,
}

impl Path {
    /// The tunnel, where it is one.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        match self {
            Self::Routed => None,
            Self::Tunnel(tunnel) => Some(tunnel),
        }
    }
}

/// Everything that the wanted routes are made from, but for the kernel's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The configuration.
    pub settings: Settings,
    /// In the order of the file.
    pub neighbors: Vec<Neighbor>,
    /// Addresses that neighbors know us by.
    pub own: Vec<IpAddr>,
}

/// Where a route stands; the kernel has one of ours at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The table.
    pub table: u32,
    /// The prefix.
    pub prefix: IpNet,
    /// The metric ("priority").
    pub metric: u32,
}

/// One way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// Who takes the packet there; `None`: the interface leads to one place, or the destination itself is on the link.
    pub gateway: Option<IpAddr>,
    /// The interface, by its number.
    pub interface: u32,
}

/// Where a route leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// One hop, or several that share the packets.
    pub hops: BTreeSet<Hop>,
    /// The source address of packets of our own.
    pub source: Option<IpAddr>,
}

impl Way {
    /// By one hop.
    pub fn by(hop: Hop) -> Self {
        Self { hops: BTreeSet::from([hop]), source: None }
    }
}
