//! Limits of prefixes of a neighbor of the file.

use super::file::{self, LimitAction};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::reader::Record;
use crate::config::value::RestartAfter;
use quadzero_fsm::{Excess, Import, PeerConfig, PrefixLimit};
use quadzero_policy::{Health, NeighborPolicy, Policy};
use std::time::Duration;
use toml::Spanned;

/// How long a session stays down that was dropped for a limit, unless it is said otherwise.
const RESTART_AFTER: Duration = Duration::from_secs(60);
/// When a limit is near, in per cent, unless it is said otherwise.
const WARNING: u8 = 75;

/// The limits of what it announces and of what it is told.
pub(super) fn limits(
    neighbor: &file::Neighbor,
    out: &mut Vec<Diagnostic>,
) -> (Option<PrefixLimit>, Option<PrefixLimit>) {
    check_import(neighbor, out);
    let keys = &neighbor.limits;
    check_lonely(neighbor, out);
    let wait = keys.max_prefixes_restart_after.as_ref();
    let RestartAfter(restart_after) = wait.map_or(RestartAfter(Some(RESTART_AFTER)), |w| *w.get_ref());
    let excess = |action| match action {
        LimitAction::Warn => Excess::Warn,
        LimitAction::Block => Excess::Block,
        LimitAction::Drop => Excess::Drop { restart_after },
    };
    let limit = |prefixes: &Option<Spanned<usize>>, action: Option<LimitAction>, default| {
        let prefixes = get(prefixes)?;
        Some(PrefixLimit {
            prefixes,
            warn_at: warn_at(prefixes, get(&keys.max_prefixes_warning).unwrap_or(WARNING)),
            excess: excess(action.unwrap_or(default)),
        })
    };
    let received = limit(&keys.max_prefixes, get(&keys.max_prefixes_action), LimitAction::Drop);
    // A gateway of Azure that is told too much drops the session, and egress opens: better to say nothing new.
    let announced = limit(&keys.max_prefixes_out, get(&keys.max_prefixes_out_action), LimitAction::Block);
    (received, announced)
}

/// The least number that is at least so many per cent of the limit.
fn warn_at(prefixes: usize, percent: u8) -> usize {
    (prefixes * usize::from(percent)).div_ceil(100)
}

/// What is announced is known before anything is started: so is that it is too much.
pub(super) fn check_announced(
    keys: &file::Neighbor,
    peer: &PeerConfig,
    policy: &Policy,
    told: &NeighborPolicy,
    out: &mut Vec<Diagnostic>,
) {
    let (Some(limit), Some(key)) = (peer.max_prefixes_out, &keys.limits.max_prefixes_out) else { return };
    let routes = policy.routes(told, &Health::good());
    for family in &peer.families {
        let prefixes = routes.len_of(*family);
        if prefixes > limit.prefixes && limit.excess != Excess::Warn {
            let message = format!(
                "{prefixes} prefixes of {family} are for this neighbor, more than {}",
                limit.prefixes
            );
            let hint = "announce fewer, raise the limit, or max-prefixes-out-action = \"warn\"";
            out.push(Diagnostic::error(key.span(), message).label("nothing would be announced").hint(hint));
        }
    }
}

fn check_import(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) {
    if let Some(import) = &neighbor.import
        && *import.get_ref() == Import::All
        && !neighbor.has("max-prefixes")
    {
        let message = "import = \"all\" without max-prefixes: a neighbor that leaks routes fills the memory";
        let hint = "max-prefixes = 1000 ends such a session; a connection of ExpressRoute announces no more than that";
        out.push(Diagnostic::warning(import.span(), message).hint(hint));
    }
    if let Some(limit) = &neighbor.limits.max_prefixes
        && (get(&neighbor.import) == Some(Import::None) || !neighbor.has("import"))
    {
        let message = "max-prefixes counts nothing: what the neighbor announces is not kept";
        out.push(Diagnostic::warning(limit.span(), message).hint("import = \"all\" keeps it"));
    }
}

/// A key that says how, without the limit that it is about.
fn check_lonely(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) {
    let keys = &neighbor.limits;
    let mut lonely = |span: Option<Span>, key: &str, needed: &[&str]| {
        if let Some(span) = span.filter(|_| !needed.iter().any(|needed| neighbor.has(needed))) {
            let message = format!("{key} has no effect without {}", needed.join(" or "));
            out.push(Diagnostic::error(span, message).hint(format!("{} = 1000", needed[0])));
        }
    };
    lonely(keys.max_prefixes_action.as_ref().map(Spanned::span), "max-prefixes-action", &["max-prefixes"]);
    lonely(
        keys.max_prefixes_out_action.as_ref().map(Spanned::span),
        "max-prefixes-out-action",
        &["max-prefixes-out"],
    );
    let both = ["max-prefixes", "max-prefixes-out"];
    lonely(keys.max_prefixes_warning.as_ref().map(Spanned::span), "max-prefixes-warning", &both);
    lonely(keys.max_prefixes_restart_after.as_ref().map(Spanned::span), "max-prefixes-restart-after", &both);
    if let Some(percent) = keys.max_prefixes_warning.as_ref().filter(|p| !(1..=100).contains(p.get_ref())) {
        let message = format!("a warning at {} per cent", percent.get_ref());
        out.push(Diagnostic::error(percent.span(), message).hint("from 1 to 100, of the limit"));
    }
    check_restart(keys, out);
}

fn check_restart(keys: &file::LimitKeys, out: &mut Vec<Diagnostic>) {
    let actions = [
        (&keys.max_prefixes, &keys.max_prefixes_action, LimitAction::Drop),
        (&keys.max_prefixes_out, &keys.max_prefixes_out_action, LimitAction::Block),
    ];
    let mut set = actions.iter().filter(|(limit, ..)| limit.is_some()).peekable();
    if let Some(wait) = keys.max_prefixes_restart_after.as_ref()
        && set.peek().is_some()
        && set.all(|(_, action, default)| get(action).unwrap_or(*default) != LimitAction::Drop)
    {
        let message = "max-prefixes-restart-after has no effect: no limit drops the session";
        out.push(Diagnostic::error(wait.span(), message).hint("max-prefixes-action = \"drop\""));
    }
}
