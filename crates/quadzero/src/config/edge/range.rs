//! Dynamic neighbors: whoever dials from a prefix.

use super::file;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::reader::{Record, missing};
use ipnet::IpNet;
use quadzero_fsm::Mode;
use std::net::IpAddr;
use toml::Spanned;

/// How many neighbors a range may have, unless it is said otherwise.
const LIMIT: usize = 100;

/// Neighbors that are known by their prefix alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where they dial from.
    pub prefix: IpNet,
    /// How many of them there may be at once.
    pub limit: usize,
}

/// The range of a neighbor, if it has one.
pub(super) fn range(neighbor: &file::Neighbor) -> Option<Range> {
    let limit = get(&neighbor.range_limit).unwrap_or(LIMIT);
    Some(Range { prefix: get(&neighbor.range)?, limit })
}

/// The address of a neighbor; of a range, the first one, for whoever asks only for the family.
pub(super) fn address(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) -> Option<IpAddr> {
    match (&neighbor.address, &neighbor.range) {
        (Some(address), None) => {
            if let Some(limit) = &neighbor.range_limit {
                let error = Diagnostic::error(limit.span(), "range-limit has no effect without range");
                out.push(error.hint("a neighbor with an address is one"));
            }
            Some(*address.get_ref())
        }
        (Some(address), Some(range)) => {
            let error = Diagnostic::error(range.span(), "a neighbor has either address or range");
            out.push(error.related(address.span(), "the other one"));
            None
        }
        (None, Some(range)) => {
            check(neighbor, range, out);
            Some(range.get_ref().network())
        }
        (None, None) => {
            if !neighbor.has("address") && !neighbor.has("range") {
                let hint = "address = \"10.1.0.4\", or range = \"192.0.2.0/24\" for all that dial from there";
                out.push(missing::<IpAddr>(neighbor.span(), "address").hint(hint));
            }
            None
        }
    }
}

/// Keys of one who is dialled, and of one who is a gateway of Azure: each of those has an address.
fn check(neighbor: &file::Neighbor, range: &Spanned<IpNet>, out: &mut Vec<Diagnostic>) {
    let active = neighbor.mode.as_ref().filter(|mode| *mode.get_ref() != Mode::Passive);
    let wrong: [(Option<Span>, &str); 3] = [
        (active.map(Spanned::span), "neighbors of a range dial, and are not dialled: mode = \"passive\""),
        (
            neighbor.port.as_ref().map(Spanned::span),
            "neighbors of a range are not dialled: port has no effect",
        ),
        (neighbor.azure.as_ref().map(Spanned::span), "a gateway of Azure has an address, not a range"),
    ];
    for (span, message) in wrong {
        if let Some(span) = span {
            out.push(Diagnostic::error(span, message).related(range.span(), "the range"));
        }
    }
}

/// What is within a range, and is something else: the kernel has no exception from a key, and one address is of one neighbor.
pub(super) fn check_within(neighbors: &[file::Neighbor], out: &mut Vec<Diagnostic>) {
    for (at, range) in neighbors.iter().enumerate().filter(|(_, neighbor)| neighbor.range.is_some()) {
        let others = neighbors.iter().enumerate().filter(|(other, _)| *other != at);
        others.for_each(|(_, other)| check_pair(range, other, out));
    }
}

fn check_pair(range: &file::Neighbor, other: &file::Neighbor, out: &mut Vec<Diagnostic>) {
    let (Some(outer), Some(inner)) = (&range.range, whose(other)) else { return };
    if other.address.is_some() && *outer.get_ref() == *inner.get_ref() {
        let error =
            Diagnostic::error(outer.span(), format!("{} is a neighbor already", outer.get_ref().addr()));
        out.push(error.related(inner.span(), "here").hint("one of the two is enough"));
    } else if outer.get_ref().contains(inner.get_ref())
        && has_key(range)
        && !has_key(other)
        && get(&other.mode) != Some(Mode::Active)
    {
        let message =
            "no key, within a range that has one: the kernel drops what dials from there without it";
        let hint = match other.range {
            Some(_) => "give it a password-file, too",
            None => "give it a password-file, too, or mode = \"active\" to dial it alone",
        };
        out.push(Diagnostic::error(inner.span(), message).related(outer.span(), "the range").hint(hint));
    }
}

/// The address or the range, as a prefix.
fn whose(neighbor: &file::Neighbor) -> Option<Spanned<IpNet>> {
    let address = neighbor.address.as_ref().map(|a| Spanned::new(a.span(), IpNet::from(*a.get_ref())));
    address.or_else(|| neighbor.range.clone())
}

fn has_key(neighbor: &file::Neighbor) -> bool {
    neighbor.has("password") || neighbor.has("password-file")
}
