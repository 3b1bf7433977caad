//! What has happened, for whoever asks later: the last thousand events, in memory, and a stream of those to come.
//!
//! ```text
//!   sessions, probes, operators ──► History::add ──► the last thousand      show events
//!                                        ├─────────► those who watch        show events --follow
//!                                        └─────────► a queue of its own     [audit] file
//! ```

use crate::audit::Sink;
use ipnet::IpNet;
use quadzero_fsm::{Peer, State, Status};
use quadzero_rib::RouteSet;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::broadcast;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// Events that are remembered.
const REMEMBERED: usize = 1000;
/// Events that wait for one who watches; who is further behind has lost the thread.
const WAITING: usize = 256;
/// Characters of an event: what a peer says in a NOTIFICATION fits.
const LONGEST: usize = 600;
/// Prefixes that the words of an event name.
const SHOWN: usize = 8;
/// Prefixes that an event has beside its words, each way.
const LISTED: usize = 100;

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
    /// The user at the other end of the control socket, if one has asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Why, of something announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What was announced, or otherwise than before: the first hundred prefixes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub announced: Vec<IpNet>,
    /// What was withdrawn: the first hundred prefixes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<IpNet>,
}

impl Event {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        text.truncate(text.floor_char_boundary(LONGEST));
        let (id, time, neighbor, uid, because) = (0, String::new(), None, None, None);
        Self { id, time, kind, neighbor, text, uid, because, announced: Vec::new(), withdrawn: Vec::new() }
    }
}

/// Why neighbors are to have what they are to have. What it rests on may be put into words after it is acted on.
pub(crate) type Decision = Arc<OnceLock<String>>;

/// The decision that holds for a neighbor; shared with who tells what it was told.
pub(crate) type Decided = Arc<Mutex<Decision>>;

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
    audit: Option<Sink>,
    /// Who is being served right now.
    uid: Option<u32>,
}

impl Default for History {
    fn default() -> Self {
        Self { remembered: Arc::default(), news: broadcast::channel(WAITING).0 }
    }
}

impl History {
    /// Something has happened. The same thing of the same neighbor, again and again, is told once.
    pub fn add(&self, kind: &'static str, neighbor: Option<&str>, text: impl Into<String>) {
        self.note(neighbor, Event::new(kind, text));
    }

    fn note(&self, neighbor: Option<&str>, event: Event) {
        let mut remembered = self.lock();
        let last = remembered.events.iter().rfind(|event| event.neighbor.as_deref() == neighbor);
        let is_same = |last: &Arc<Event>| {
            (last.kind, &last.text, &last.because) == (event.kind, &event.text, &event.because)
        };
        if neighbor.is_some() && last.is_some_and(is_same) {
            return;
        }
        remembered.last_id += 1;
        let (id, uid) = (remembered.last_id, remembered.uid);
        let event = Arc::new(Event { id, time: now(), neighbor: neighbor.map(str::to_owned), uid, ..event });
        if remembered.events.len() == REMEMBERED {
            remembered.events.pop_front();
        }
        remembered.events.push_back(event.clone());
        if let Some(audit) = &remembered.audit {
            audit.take(event.clone());
        }
        let _nobody_watches = self.news.send(event);
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on everything is written down as well.
    pub(crate) fn write_to(&self, audit: Sink) {
        self.lock().audit = Some(audit);
    }

    /// What happens within `act` was asked for by that user. It is one loop that acts, and so nobody else does meanwhile.
    pub(crate) fn served<T>(&self, uid: u32, act: impl FnOnce() -> T) -> T {
        self.lock().uid = Some(uid);
        let done = act();
        self.lock().uid = None;
        done
    }

    /// Those that are remembered, the oldest first.
    pub fn events(&self) -> Vec<Arc<Event>> {
        self.lock().events.iter().cloned().collect()
    }

    /// Those to come. Who is too slow is told that some are lost.
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.news.subscribe()
    }

    /// Notes what a peer does, for as long as there is one. What passes between two looks at its status is not seen.
    pub(crate) async fn follow(self, peer: Peer, decided: Decided) {
        let mut status = peer.status();
        let mut before = status.borrow_and_update().clone();
        while status.changed().await.is_ok() {
            let now = status.borrow_and_update().clone();
            let name = &peer.config().name;
            changes(&before, &now).into_iter().for_each(|(kind, text)| self.add(kind, Some(name), text));
            if let Some(said) = said(&before, &now, &decided) {
                self.note(Some(name), said);
            }
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
    if now.prefixes_received != before.prefixes_received {
        let [was, is] = [before, now].map(|status| status.prefixes_received);
        changes.push(("learned", format!("{is} prefixes, {was} before")));
    }
    changes
}

/// What a neighbor was told between two states of its peer, and why.
fn said(before: &Status, now: &Status, decided: &Decided) -> Option<Event> {
    let told = now.told.as_ref()?;
    let held = before.told.as_ref().filter(|_| now.counters.established == before.counters.established);
    let because = match held {
        None => Some("the session is new".to_owned()),
        Some(_) => decided.lock().unwrap_or_else(PoisonError::into_inner).get().cloned(),
    };
    let event = difference(held.unwrap_or(&Arc::default()), told)?;
    Some(Event { because, ..event })
}

/// How one set became the other.
fn difference(from: &Arc<RouteSet>, to: &Arc<RouteSet>) -> Option<Event> {
    if Arc::ptr_eq(from, to) {
        return None;
    }
    let change = from.change_to(to);
    let mut announced: Vec<IpNet> = change.announced.into_iter().flat_map(|group| group.prefixes).collect();
    announced.sort_unstable();
    let mut withdrawn: Vec<IpNet> = change.withdrawn.into_iter().collect();
    let parts = [("announced", &announced), ("withdrawn", &withdrawn)];
    let words = parts.into_iter().filter(|(_, prefixes)| !prefixes.is_empty()).map(|(what, prefixes)| {
        let shown: Vec<String> = prefixes.iter().take(SHOWN).map(ToString::to_string).collect();
        let more = prefixes.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{what} {}{more}", shown.join(" "))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        return None;
    }
    let event = Event::new("announced", words.join(", "));
    announced.truncate(LISTED);
    withdrawn.truncate(LISTED);
    Some(Event { announced, withdrawn, ..event })
}

/// As logs say it.
pub(crate) fn now() -> String {
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

    /// The default with a longer path, and as it was: both say that 0.0.0.0/0 is announced.
    #[test]
    fn what_is_told_for_another_reason_is_no_repetition() {
        let history = History::default();
        for because in ["we are about to leave", "we stay", "we stay"] {
            let event = Event::new("announced", "announced 0.0.0.0/0");
            history.note(Some("a"), Event { because: Some(because.into()), ..event });
        }
        assert_eq!(history.events().len(), 2);
    }
}
