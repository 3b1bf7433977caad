//! Whether an edge is ready: it has announced what it should, to everybody who should hear it.
//!
//! A default route that is withdrawn because its condition fails is what should be announced: such an edge is ready. One that is about to
//! leave is not, whatever it announces: whoever asks decides by it where to send what comes next.

use crate::control::{Shown, shown};
use crate::intent::Stage;
use crate::running::Running;
use quadzero_fsm::State;
use quadzero_rib::RouteSet;
use std::sync::Arc;

/// What an edge lacks to be ready, in words: nothing, if it is.
pub fn lacks(running: &Running) -> Vec<String> {
    lacking(running, &shown(running, None).unwrap_or_default()).collect()
}

/// The same, of neighbors as they were seen; the words are made as they are asked for.
pub(crate) fn lacking<'a>(
    running: &Running,
    neighbors: &'a [Shown<'a>],
) -> impl Iterator<Item = String> + use<'a> {
    let leaving = match running.intent().stage {
        _ if running.exits() => Some("the edge is leaving: it was told to exit"),
        Stage::Serving => None,
        Stage::Warning => Some("the edge is about to be drained: neighbors are told to use another way"),
        Stage::Drained => Some("the edge is drained: `quadzero undrain` takes it back"),
    };
    let of = |neighbor| lack(neighbor).map(|lack| format!("{}: {lack}", name(neighbor)));
    leaving.into_iter().map(str::to_owned).chain(neighbors.iter().filter_map(of))
}

fn name(Shown { config, .. }: &Shown<'_>) -> String {
    format!("neighbor {} ({})", config.name, config.transport.remote.ip())
}

/// What a neighbor lacks. One that an operator has stopped lacks nothing, and of a range those are looked at who are there.
fn lack(Shown { member, status, .. }: &Shown<'_>) -> Option<String> {
    if member.stopped {
        return None;
    }
    if status.state != State::Established {
        let last =
            status.last_down.as_ref().map_or_else(String::new, |down| format!("; the last attempt: {down}"));
        return member.peer.as_ref().map(|_| format!("the session is {}{last}", status.state));
    }
    let (told, wanted) = (status.told.clone().unwrap_or_default(), member.wanted());
    if is_told(&told, &wanted) {
        return (!status.in_sync)
            .then(|| "the last of what it is to have is still on its way to it".to_owned());
    }
    let change = told.change_to(&wanted);
    let missing: usize = change.announced.iter().map(|group| group.prefixes.len()).sum();
    let limit = member.neighbor.peer.max_prefixes_out.filter(|limit| wanted.len() > limit.prefixes);
    let limit = limit.map_or_else(String::new, |limit| format!("; max-prefixes-out is {}", limit.prefixes));
    Some(format!(
        "it has yet to be told {missing} prefixes, and {} withdrawals{limit}",
        change.withdrawn.len()
    ))
}

fn is_told(told: &Arc<RouteSet>, wanted: &Arc<RouteSet>) -> bool {
    Arc::ptr_eq(told, wanted) || told == wanted
}
