//! Two edges of a site that speak iBGP: one tells the other what it has learned.

use super::Known;
use crate::config::diagnostic::Diagnostic;
use crate::config::get;
use crate::config::reader::record;

record! {
    /// `[[ibgp]]`
    File {
        /// The edge that tells.
        required from: String,
        /// The edge that is told.
        required to: String,
        /// Whether the one that tells is the next hop of what it tells.
        optional next_hop_self: bool,
    }
}

/// One way of an iBGP session; edges are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ibgp {
    /// The edge that tells what it has learned from gateways.
    pub from: usize,
    /// The edge that is told.
    pub to: usize,
    /// Whether the next hop becomes the one that tells, instead of the gateway that it was (RFC 4271 §5.1.3).
    pub next_hop_self: bool,
}

pub(super) fn ibgp(keys: &File, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<Ibgp> {
    let [from, to] = [&keys.from, &keys.to].map(|name| name.as_ref().and_then(|name| known.edge(name, out)));
    let (from, to) = (from?, to?);
    let [told_by, told] = [from, to].map(|edge| &known.edges[edge].edge);
    let mut wrong = |message: &str, hint: &str| {
        out.push(Diagnostic::error(keys.span.clone(), message).hint(hint));
    };
    if from == to {
        wrong("an edge tells itself nothing", "name two edges");
    } else if told_by.asn != told.asn {
        wrong("iBGP is within one AS, and these edges are in two", "give both the same asn");
    } else if told_by.neighbors.is_empty() || told.neighbors.is_empty() {
        wrong("an edge without a neighbor has no address that it could be known by", "[[edge.neighbor]]");
    }
    Some(Ibgp { from, to, next_hop_self: get(&keys.next_hop_self).unwrap_or(false) })
}
