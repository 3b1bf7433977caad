//! UPDATE (RFC 4271 §4.3, RFC 4760).
//!
//! ```text
//! │ n │ withdrawn, n octets │ m │ path attributes, m octets                          │ NLRI, what is left │
//!       prefixes of IPv4          ORIGIN, AS_PATH, NEXT_HOP, …                          prefixes of IPv4
//!                                 MP_REACH_NLRI:   family, next hop, prefixes           of NEXT_HOP
//!                                 MP_UNREACH_NLRI: family, prefixes
//! ```
//!
//! Whichever way a prefix came, here it is withdrawn or announced, and the family shows in the prefix. An UPDATE without
//! anything in it ends the table of IPv4, one with an empty MP_UNREACH_NLRI that of its family (RFC 4724 §2).

mod decode;
mod encode;

pub use encode::{EncodeError, encode_announced, encode_end_of_rib, encode_withdrawn};

use crate::{Attributes, Dialect, Family, Fault};
use bytes::BytesMut;
use ipnet::IpNet;
use std::sync::Arc;

/// What an UPDATE says, IPv4 and IPv6 alike, after the checks of RFC 4271 §6.3 and RFC 7606.
///
/// A prefix that is both withdrawn and announced is announced (RFC 4271 §4.3): take the withdrawn ones first.
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

impl Update {
    /// Appends what is withdrawn, then what is announced, then End-of-RIB, in as few messages as the dialect allows, and
    /// returns how many. An error is the first of `announced` that cannot be said; all others have been.
    pub fn encode(&self, dialect: &Dialect, out: &mut BytesMut) -> Result<usize, EncodeError> {
        let mut messages = encode_withdrawn(&self.withdrawn, dialect, out);
        let mut failed = None;
        for group in &self.announced {
            match encode_announced(&group.attributes, &group.prefixes, dialect, out) {
                Ok(more) => messages += more,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(family) = self.end_of_rib {
            encode_end_of_rib(family, out);
            messages += 1;
        }
        failed.map_or(Ok(messages), Err)
    }
}
