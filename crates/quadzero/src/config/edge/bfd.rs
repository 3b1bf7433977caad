//! `bfd` of a neighbor: on, off, or on with its own timers.

use super::file;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::reader::{Node, Value, record, wrong_type};
use quadzero_bfd::{Interval, Parameters};
use std::num::NonZeroU8;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A process that shares its machine cannot keep less.
const SHORTEST: Duration = Duration::from_millis(10);
/// Longer than any BGP would wait.
const LONGEST: Duration = Duration::from_secs(60);

/// The value of `bfd`.
#[derive(Clone, Debug)]
pub(in crate::config) enum Bfd {
    /// `false`, for one neighbor among those of the defaults.
    Off,
    /// `true`.
    On,
    /// A table.
    With(Box<Keys>),
}

record! {
    /// `bfd = { .. }` of a neighbor.
    Keys {
        /// As often as this we would like to send.
        optional min_tx: Duration,
        /// No more often than this we want to receive.
        optional min_rx: Duration,
        /// So many packets in a row may be lost.
        optional multiplier: u8,
    }
}

impl Value for Bfd {
    fn example() -> String {
        "true".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Boolean(true) => Some(Self::On),
            DeValue::Boolean(false) => Some(Self::Off),
            DeValue::Table(_) => Keys::read(node, out).map(|keys| Self::With(Box::new(keys))),
            _ => {
                let hint =
                    "true, or { min-tx = \"300ms\", min-rx = \"300ms\", multiplier = 3 }, which is the same";
                out.push(wrong_type(node, "true, false or a table").hint(hint));
                None
            }
        }
    }
}

/// What the neighbor's BFD is to be; `None`: it has none.
pub(super) fn parameters(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) -> Option<Parameters> {
    let bfd = neighbor.bfd.as_ref()?;
    let parameters = match bfd.get_ref() {
        Bfd::Off => return None,
        Bfd::On => Parameters::default(),
        Bfd::With(keys) => keys.parameters(out),
    };
    check_one_hop(neighbor, bfd.span(), out);
    if let Some(range) = &neighbor.range {
        let error = Diagnostic::error(bfd.span(), "BFD watches the path to an address, and a range has none");
        out.push(
            error
                .related(range.span(), "the range")
                .hint("leave it out, or bfd = false against the defaults"),
        );
    }
    Some(parameters)
}

/// Whether the neighbor is to have BFD.
pub(super) fn is_on(neighbor: &file::Neighbor) -> bool {
    neighbor.bfd.as_ref().is_some_and(|bfd| !matches!(bfd.get_ref(), Bfd::Off))
}

impl Keys {
    fn parameters(&self, out: &mut Vec<Diagnostic>) -> Parameters {
        let default = Parameters::default();
        if let Some(zero) = self.multiplier.as_ref().filter(|multiplier| *multiplier.get_ref() == 0) {
            let error = Diagnostic::error(zero.span(), "a multiplier of 0 is forbidden (RFC 5880 §6.8.1)");
            out.push(error.hint("3: as many packets in a row may be lost before the path is down"));
        }
        Parameters {
            min_tx: interval(&self.min_tx, out).unwrap_or(default.min_tx),
            min_rx: interval(&self.min_rx, out).unwrap_or(default.min_rx),
            multiplier: get(&self.multiplier).and_then(NonZeroU8::new).unwrap_or(default.multiplier),
        }
    }
}

fn interval(key: &Option<Spanned<Duration>>, out: &mut Vec<Diagnostic>) -> Option<Interval> {
    let key = key.as_ref()?;
    if !(SHORTEST..=LONGEST).contains(key.get_ref()) {
        let error = Diagnostic::error(key.span(), "no interval for BFD packets");
        out.push(error.hint("from \"10ms\" to \"60s\"; ExpressRoute has \"300ms\""));
    }
    Interval::new(*key.get_ref())
}

/// RFC 5881 is for one hop: what has passed a router is not heard. RFC 5883, for several, is not implemented.
fn check_one_hop(neighbor: &file::Neighbor, bfd: Span, out: &mut Vec<Diagnostic>) {
    let far =
        [&neighbor.multihop, &neighbor.ttl_security].into_iter().flatten().find(|hops| *hops.get_ref() > 1);
    if let Some(hops) = far {
        let error = Diagnostic::error(bfd, "BFD is for a neighbor on the same link (RFC 5881)");
        let error = error.related(hops.span(), "this one may be further away");
        out.push(error.hint(
            "multihop = 1, ttl-security = 1 or neither of them; multihop BFD (RFC 5883) is not supported",
        ));
    }
}
