//! What has happened, for whoever asks later: the last thousand events, in memory, and a stream of those to come.

use quadzero_fsm::{Peer, State, Status};
use quadzero_rib::RouteSet;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Events that are remembered.
const REMEMBERED: usize = 1000;
/// Events that wait for one who watches; who is further behind has lost the thread.
const WAITING: usize = 256;
/// Characters of an event: what a peer says in a NOTIFICATION fits.
const LONGEST: usize = 600;
/// Prefixes that an event names.
const SHOWN: usize = 8;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Counted from 1 since the start.
    pub id: u64,
    /// When, as logs say it.
    pub time: String,
    /// What sort of thing: `session-up`, `session-down`, `attempt-failed`, `announced`, `learned`, `reload`, `drain`, `by-hand`, ..
    pub kind: &'static str,
    /// Which neighbor it is about.
    pub neighbor: Option<String>,
    /// In words.
    pub text: String,
}

/// The events of a running edge. Cheap to clone; all clones are the same history.
#[derive(Clone)]
pub struct History {
    remembered: Arc<Mutex<Remembered>>,
    news: broadcast::Sender<Arc<Event>>,
}

#[derive(Default)]
struct Remembered {
    last_id: u64,
    events: VecDeque<Arc<Event>>,
}

impl Default for History {
    fn default() -> Self {
        Self { remembered: Arc::default(), news: broadcast::channel(WAITING).0 }
    }
}

impl History {
    /// Something has happened. The same thing of the same neighbor, again and again, is told once.
    pub fn add(&self, kind: &'static str, neighbor: Option<&str>, text: impl Into<String>) {
        let mut text: String = text.into();
        text.truncate(text.floor_char_boundary(LONGEST));
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let last = remembered.events.iter().rfind(|event| event.neighbor.as_deref() == neighbor);
        if neighbor.is_some() && last.is_some_and(|last| last.kind == kind && last.text == text) {
            return;
        }
        remembered.last_id += 1;
        let neighbor = neighbor.map(str::to_owned);
        let event = Arc::new(Event { id: remembered.last_id, time: now(), kind, neighbor, text });
        if remembered.events.len() == REMEMBERED {
            remembered.events.pop_front();
        }
        remembered.events.push_back(event.clone());
        let _nobody_watches = self.news.send(event);
    }

    /// Those that are remembered, the oldest first.
    pub fn events(&self) -> Vec<Arc<Event>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.events.iter().cloned().collect()
    }

    /// Those to come. Who is too slow is told that some are lost.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.news.subscribe()
    }

    /// Notes what a peer does, for as long as there is one. What passes between two looks at its status is not seen.
    pub async fn follow(self, peer: Peer) {
        let mut status = peer.status();
        let mut before = status.borrow_and_update().clone();
        while status.changed().await.is_ok() {
            let now = status.borrow_and_update().clone();
            let name = &peer.config().name;
            changes(&before, &now).into_iter().for_each(|(kind, text)| self.add(kind, Some(name), text));
            before = now;
        }
    }
}

/// What has happened between two states of a peer.
fn changes(before: &Status, now: &Status) -> Vec<(&'static str, String)> {
    let mut changes = Vec::new();
    let down = now.last_down.as_ref().map_or_else(String::new, ToString::to_string);
    if now.counters.dropped > before.counters.dropped {
        changes.push(("session-down", down));
    } else if now.last_down != before.last_down && now.state != State::Established {
        changes.push(("attempt-failed", down));
    }
    if now.counters.established > before.counters.established {
        let agreed = now.negotiated.as_ref().map(|agreed| {
            format!(
                ": AS {}, identifier {}, hold time {} s",
                agreed.remote_as,
                agreed.router_id,
                agreed.hold_time.seconds()
            )
        });
        changes.push(("session-up", format!("established{}", agreed.unwrap_or_default())));
    }
    if let Some(told) = &now.told {
        let nothing = Arc::default();
        let held = before.told.as_ref().filter(|_| now.counters.established == before.counters.established);
        changes.extend(difference(held.unwrap_or(&nothing), told).map(|text| ("announced", text)));
    }
    if now.prefixes_received != before.prefixes_received {
        let [was, is] = [before, now].map(|status| status.prefixes_received);
        changes.push(("learned", format!("{is} prefixes, {was} before")));
    }
    changes
}

/// How one set became the other, in words.
pub(crate) fn difference(from: &Arc<RouteSet>, to: &Arc<RouteSet>) -> Option<String> {
    if Arc::ptr_eq(from, to) {
        return None;
    }
    let change = from.change_to(to);
    let announced: Vec<_> = change.announced.iter().flat_map(|group| &group.prefixes).collect();
    let parts = [("announced", announced), ("withdrawn", change.withdrawn.iter().collect())];
    let words = parts.into_iter().filter(|(_, prefixes)| !prefixes.is_empty()).map(|(what, prefixes)| {
        let shown: Vec<String> = prefixes.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = prefixes.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{what} {}{more}", shown.join(" "))
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// As logs say it.
fn now() -> String {
    let mut text = String::new();
    let _a_string_takes_all = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_events_are_remembered_and_no_more() {
        let history = History::default();
        (0..REMEMBERED + 7).for_each(|n| history.add("test", None, n.to_string()));
        let events = history.events();
        assert_eq!((events.len(), events[0].id), (REMEMBERED, 8));
    }

    #[test]
    fn what_a_neighbor_repeats_is_told_once() {
        let history = History::default();
        for neighbor in ["a", "a", "b", "a"] {
            history.add("attempt-failed", Some(neighbor), "refused");
        }
        history.add("session-up", Some("a"), "established");
        history.add("attempt-failed", Some("a"), "refused");
        assert_eq!(history.events().len(), 4);
    }
}
