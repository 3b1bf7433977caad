//! What must hold of one session at every moment, whatever the network does.

use crate::{
    agenda::{Agenda, Place, Time, Trace, WireId},
    bug::Subject,
    network::{End, Network},
};
use ipnet::IpNet;
use quadzero_codec::{Attributes, ErrorCode, NextHop};
use quadzero_fsm::{Down, Event, Negotiated, State};
use quadzero_rib::RouteSet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// How long a peer that is back may take to say End-of-RIB, before its stale routes go.
const END_OF_RIB_WITHIN: Duration = Duration::from_secs(360);

/// What has been counted in a run, or in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) time: Duration,
    pub(crate) pairs: u64,
    pub(crate) established: u64,
    pub(crate) octets: u64,
    pub(crate) messages: u64,
    pub(crate) happenings: u64,
    pub(crate) calms: u64,
    pub(crate) tables_compared: u64,
    pub(crate) restarts_survived: u64,
    pub(crate) slowest_calm: Duration,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) downs: BTreeMap<String, u64>,
}

impl Stats {
    pub(crate) fn add(&mut self, other: Self) {
        self.time += other.time;
        self.pairs += other.pairs;
        self.established += other.established;
        self.octets += other.octets;
        self.messages += other.messages;
        self.happenings += other.happenings;
        self.calms += other.calms;
        self.tables_compared += other.tables_compared;
        self.restarts_survived += other.restarts_survived;
        self.slowest_calm = self.slowest_calm.max(other.slowest_calm);
        other.faults.into_iter().for_each(|(what, count)| *self.faults.entry(what).or_default() += count);
        other.downs.into_iter().for_each(|(why, count)| *self.downs.entry(why).or_default() += count);
    }
}

/// What both ends of a pair know of it, and the simulation of both.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Our own addresses on each side, IPv4 and IPv6: what "next hop self" means there.
    pub(crate) own: [[IpAddr; 2]; 2],
    /// The network or a speaker was not well until then, and TCP may still repeat itself.
    pub(crate) disturbed_until: Time,
    /// Something was said since both tables were compared with what is wanted.
    pub(crate) unsettled: bool,
    /// Messages but KEEPALIVEs, dials, ups and downs.
    pub(crate) noise: u64,
}

impl Pair {
    /// What the other side reads of what `side` says.
    fn as_read(&self, side: usize, prefix: &IpNet, said: &Attributes) -> Attributes {
        let own = self.own[side][usize::from(matches!(prefix, IpNet::V6(_)))];
        let next_hop = if said.next_hop == NextHop::Own { NextHop::Address(own) } else { said.next_hop };
        Attributes { next_hop, ..said.clone() }
    }

    fn says(&self, side: usize, wanted: &RouteSet, prefix: &IpNet, read: &Attributes) -> bool {
        wanted.get(prefix).is_some_and(|route| self.as_read(side, prefix, &route.attributes) == *read)
    }
}

/// The world around a session, while it has the processor.
pub(crate) struct Context<'a> {
    pub(crate) base: Instant,
    pub(crate) agenda: &'a mut Agenda,
    pub(crate) network: &'a mut Network,
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) trace: &'a mut Trace,
    pub(crate) stats: &'a mut Stats,
    pub(crate) pair: &'a mut Pair,
    pub(crate) broken: &'a mut Option<String>,
}

impl Context<'_> {
    pub(crate) fn now(&self) -> Instant {
        self.base + self.agenda.now
    }

    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        self.trace.line(self.agenda.now, line);
    }

    /// An invariant does not hold.
    pub(crate) fn fail(&mut self, what: String) {
        self.trace.line(self.agenda.now, || format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }
}

/// Routes of a peer that restarts gracefully: none may be lost while it is away, nor until it has said what it still has.
#[derive(Debug)]
struct Kept {
    prefixes: BTreeSet<IpNet>,
    until: Time,
}

/// An Established session.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) wire: WireId,
    negotiated: Arc<Negotiated>,
}

#[derive(Debug)]
pub(crate) struct Watch {
    place: Place,
    pub(crate) up: Option<Up>,
    /// The table, when it was last looked at.
    table: BTreeMap<IpNet, Arc<Attributes>>,
    /// Those of its prefixes that are surely not stale.
    fresh: BTreeSet<IpNet>,
    kept: Option<Kept>,
    /// The other side's wishes are not looked at yet.
    pub(crate) kept_is_new: bool,
    /// An earlier event of the same turn has changed the table.
    table_changed: bool,
}

impl Watch {
    pub(crate) fn new(place: Place) -> Self {
        let (table, fresh) = (BTreeMap::new(), BTreeSet::new());
        Self { place, up: None, table, fresh, kept: None, kept_is_new: false, table_changed: false }
    }

    /// All events of a turn, in order; `heard` is the connection on which octets have come last.
    pub(crate) fn turn(
        &mut self,
        cx: &mut Context<'_>,
        session: &Subject,
        heard: Option<WireId>,
        events: &[Event],
    ) {
        self.table_changed = false;
        for event in events {
            match event {
                Event::Up(negotiated) => self.is_up(cx, heard, negotiated),
                Event::Down(down) => self.is_down(cx, session, down),
                Event::Learned { .. } => self.has_learned(cx, session, heard),
                Event::Unsendable(what) => cx.fail(format!("{}: unsendable: {what}", self.place)),
                Event::Refused(_) | Event::Malformed(..) | Event::Ignored(..) => {
                    self.is_odd(cx, heard, event)
                }
                _ => {}
            }
        }
        if self.up.is_some() != (session.state() == State::Established) {
            cx.fail(format!("{}: {} after {events:?}", self.place, session.state()));
        }
        self.check_kept(cx);
    }

    fn is_odd(&self, cx: &mut Context<'_>, heard: Option<WireId>, event: &Event) {
        if !is_corrupted(cx, heard) {
            cx.fail(format!("{}: {event:?}, but no octet was changed", self.place));
        }
    }

    fn is_up(&mut self, cx: &mut Context<'_>, heard: Option<WireId>, negotiated: &Arc<Negotiated>) {
        cx.stats.established += 1;
        (cx.pair.unsettled, cx.pair.noise) = (true, cx.pair.noise + 1);
        let Some(wire) = heard else { return cx.fail(format!("{}: up, but heard nothing", self.place)) };
        if self.up.replace(Up { wire, negotiated: negotiated.clone() }).is_some() {
            cx.fail(format!("{}: up while it is up", self.place));
        }
        let end = cx.agenda.now + END_OF_RIB_WITHIN;
        self.kept.iter_mut().for_each(|kept| kept.until = end);
    }

    fn is_down(&mut self, cx: &mut Context<'_>, session: &Subject, down: &Down) {
        (cx.pair.unsettled, cx.pair.noise) = (true, cx.pair.noise + 1);
        *cx.stats.downs.entry(in_short(down)).or_default() += 1;
        let Some(up) = self.up.take() else {
            return cx.fail(format!("{}: down while it is down: {down}", self.place));
        };
        if matches!(down, Down::Sent(n) if n.code == ErrorCode::HOLD_TIMER_EXPIRED) {
            self.check_silence(cx, &up);
        }
        let learned = session.learned().lock().unwrap_or_else(PoisonError::into_inner);
        let now = learned.to_set();
        if learned.stale_len() != learned.len() {
            cx.fail(format!("{}: it is down, and {} routes are not stale", self.place, learned.len()));
        }
        drop(learned);
        let graceful = is_graceful(&up.negotiated, down);
        if !graceful && !now.is_empty() {
            cx.fail(format!("{}: {down}, and {} routes stay", self.place, now.len()));
        }
        self.kept = None;
        if graceful && !self.table_changed && !is_corrupted(cx, Some(up.wire)) {
            let time = up.negotiated.graceful_restart.as_ref().map_or(0, |restart| restart.restart_time);
            // What was stale already goes (RFC 4724 §4.2).
            let prefixes = std::mem::take(&mut self.fresh);
            self.kept_is_new = true;
            self.kept = Some(Kept { prefixes, until: cx.agenda.now + Duration::from_secs(time.into()) });
        }
        self.table = now.iter().map(|route| (route.prefix, route.attributes.clone())).collect();
        self.fresh.clear();
    }

    /// The HoldTimer expires where the other side or the way to it is gone, and nowhere else.
    fn check_silence(&self, cx: &mut Context<'_>, up: &Up) {
        let hold = up.negotiated.hold_time.duration().unwrap_or_default();
        let excused = cx.network.wires.get(&up.wire).is_none_or(|wire| {
            wire.corrupted || wire.lost != [false; 2] || wire.ends[1 - self.place.side] != End::Open
        });
        if !excused && cx.agenda.now.saturating_sub(hold) > cx.pair.disturbed_until {
            cx.fail(format!("{}: the HoldTimer has expired, but the network is whole", self.place));
        }
    }

    /// What is new in the table must have been wanted by the other side's policy since this connection began.
    fn has_learned(&mut self, cx: &mut Context<'_>, session: &Subject, heard: Option<WireId>) {
        cx.pair.unsettled = true;
        self.table_changed = true;
        let learned = session.learned().lock().unwrap_or_else(PoisonError::into_inner);
        let table: BTreeMap<_, _> = learned.iter().map(|(prefix, said)| (prefix, said.clone())).collect();
        self.fresh = table.keys().filter(|prefix| !learned.is_stale(prefix)).copied().collect();
        drop(learned);
        let wire = heard.and_then(|id| cx.network.wires.get(&id));
        let other = 1 - self.place.side;
        let mut unwanted = None;
        for (prefix, said) in &table {
            if self.table.get(prefix).is_some_and(|before| before == said) {
                continue;
            }
            let is_meant = wire.is_some_and(|wire| {
                let mut wanted = wire.wanted[other].iter().rev();
                wire.corrupted || wanted.any(|set| cx.pair.says(other, set, prefix, said))
            });
            if !is_meant {
                unwanted = Some(format!("{}: holds {prefix} {said:?}, which was not wanted", self.place));
            }
        }
        unwanted.into_iter().for_each(|what| cx.fail(what));
        self.table = table;
    }

    /// The other side wants something else: what it does not want any more may go.
    pub(crate) fn other_wants(&mut self, wanted: &RouteSet) {
        self.kept.iter_mut().for_each(|kept| kept.prefixes.retain(|prefix| wanted.get(prefix).is_some()));
    }

    /// Somebody wants the session to end, so the routes may go.
    pub(crate) fn forget_kept(&mut self) {
        self.kept = None;
    }

    fn check_kept(&mut self, cx: &mut Context<'_>) {
        let Some(kept) = &self.kept else { return };
        let forged = self.up.as_ref().is_some_and(|up| is_corrupted(cx, Some(up.wire)));
        if forged || cx.agenda.now >= kept.until {
            self.kept = None;
        } else if let Some(lost) = kept.prefixes.iter().find(|prefix| !self.table.contains_key(prefix)) {
            cx.fail(format!("{}: {lost} is lost, although its peer only restarts gracefully", self.place));
        }
    }

    /// Everything has been said: the table holds exactly what the other side wants.
    pub(crate) fn compare(
        &mut self,
        cx: &mut Context<'_>,
        session: &Subject,
        wanted: &RouteSet,
        import: bool,
    ) {
        cx.stats.tables_compared += 1;
        if self.kept.take().is_some() {
            cx.stats.restarts_survived += 1;
        }
        self.fresh = self.table.keys().copied().collect();
        let stale = session.learned().lock().unwrap_or_else(PoisonError::into_inner).stale_len();
        if stale > 0 {
            cx.fail(format!("{}: all has been said, and {stale} routes are stale", self.place));
        }
        let other = 1 - self.place.side;
        let expected = if import { wanted.len() } else { 0 };
        let missing = wanted.iter().find(|route| {
            let held = self.table.get(&route.prefix);
            !held.is_some_and(|held| cx.pair.says(other, wanted, &route.prefix, held))
        });
        if self.table.len() != expected {
            let held = self.table.len();
            cx.fail(format!("{}: all has been said, and it holds {held} routes of {expected}", self.place));
        } else if let Some(route) = missing.filter(|_| import) {
            cx.fail(format!("{}: all has been said, and it holds not {route:?}", self.place));
        }
    }
}

fn is_corrupted(cx: &Context<'_>, wire: Option<WireId>) -> bool {
    wire.and_then(|id| cx.network.wires.get(&id)).is_none_or(|wire| wire.corrupted)
}

/// RFC 4724 §4.2 and RFC 8538 §4, written once more: both sides of the simulation always set N.
fn is_graceful(negotiated: &Negotiated, down: &Down) -> bool {
    let agreed = negotiated.we_restart_gracefully && negotiated.graceful_restart.is_some();
    agreed
        && match down {
            Down::Closed => true,
            Down::Sent(n) => n.code.0 != ErrorCode::CEASE.0,
            Down::Received(n) => n.code != ErrorCode::CEASE_HARD_RESET,
            Down::ConnectFailed | Down::Unanswered => false,
        }
}

fn in_short(down: &Down) -> String {
    match down {
        Down::Sent(n) => format!("sent {}", n.code),
        // What the other side sent, unless its octets were changed.
        Down::Received(_) => "NOTIFICATION received".into(),
        other => other.to_string(),
    }
}
