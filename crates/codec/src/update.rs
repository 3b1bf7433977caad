//! UPDATE (RFC 4271 §4.3, RFC 4760).

use crate::{Attributes, Family, Fault};
use ipnet::IpNet;
use std::sync::Arc;

/// What an UPDATE says, IPv4 and IPv6 alike, after the checks of RFC 4271 §6.3 and RFC 7606.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// No longer reachable: withdrawn routes, MP_UNREACH_NLRI, and what RFC 7606 treats as withdrawn.
    pub withdrawn: Vec<IpNet>,
    /// Reachable: at most two, the classic IPv4 fields and MP_REACH_NLRI.
    pub announced: Vec<Announced>,
    /// The marker that everything of a family has been said (RFC 4724 §2).
    pub end_of_rib: Option<Family>,
    /// What was wrong, and what was made of it; empty as a rule.
    pub faults: Vec<Fault>,
}

/// Prefixes that share attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// What is said of them.
    pub attributes: Arc<Attributes>,
    /// In the order received.
    pub prefixes: Vec<IpNet>,
}
