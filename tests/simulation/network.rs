//! The imaginary network: TCP connections with latency, cut anywhere, with bounded buffers, between hosts that may be gone.
//!
//! ```text
//! dial ── Syn ──► listens? ── SynAck ──► dialler knows ── Accept ──► inbox of the other side
//!
//! write ─► segments, each with the time of its arrival ─► arrived (unread) ─► read
//!          └────────── together no more than the capacity ──────────┘
//! ```
//!
//! As in TCP, octets come in order or not at all; what cannot come is repeated, less and less often, until the sender gives up.
//! What comes to a host that does not know the connection is answered with RST. What comes to a host that is off is not.

use crate::agenda::{Agenda, Happening, Place, Side, Time, WireId};
use bytes::{Buf, Bytes, BytesMut};
use fastrand::Rng;
use quadzero_rib::RouteSet;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

/// After this time without an answer, TCP gives up (Linux: tcp_retries2 of 15).
const TCP_GIVES_UP: Duration = Duration::from_secs(924);
/// The longest wait between two repetitions (Linux: TCP_RTO_MAX).
pub(crate) const TCP_REPEATS_WITHIN: Duration = Duration::from_secs(120);
/// Repetitions of SYN (Linux: tcp_syn_retries).
const SYN_TRIES: u32 = 6;

/// A socket, as its host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The handshake is under way.
    Pending,
    Open,
    /// Refused, reset or timed out: the next call fails.
    Broken,
    /// Unknown to its host.
    Gone,
}

/// What a call to read gives.
#[derive(Debug)]
pub(crate) enum Read {
    Nothing,
    Octets(Bytes),
    End,
    Error,
}

#[derive(Debug)]
struct Segment {
    at: Time,
    octets: Bytes,
    fin: bool,
}

/// The way to one side.
#[derive(Debug, Default)]
struct Pipe {
    segments: VecDeque<Segment>,
    under_way: usize,
    arrived: BytesMut,
    ended: bool,
    finished: bool,
    tries: u32,
    failing_since: Option<Time>,
    wants_room: bool,
}

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) pair: usize,
    pub(crate) dialler: Side,
    pub(crate) ends: [End; 2],
    pipes: [Pipe; 2],
    capacity: usize,
    /// Nothing comes to that side any more, and nobody is told.
    pub(crate) lost: [bool; 2],
    pub(crate) corrupted_until: Time,
    /// Octets were changed: what the two sides know of each other is no longer what was said.
    pub(crate) corrupted: bool,
    /// Octets were lost: the connection is over, although not everybody may know yet.
    pub(crate) torn: bool,
    /// All that policy wanted each side to say since the connection began.
    pub(crate) wanted: [Vec<Arc<RouteSet>>; 2],
}

/// The way between the two hosts of a pair.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) latency: Duration,
    pub(crate) capacity: usize,
    /// Nothing comes to that side until then.
    pub(crate) blocked_until: [Time; 2],
    pub(crate) unanswered_until: Time,
    /// Dials to that side are refused until then.
    pub(crate) refused_until: [Time; 2],
    pub(crate) slow_until: Time,
    pub(crate) slowness: Duration,
}

/// What a host is to those who dial it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) is_on: bool,
    pub(crate) listens: bool,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) wires: BTreeMap<WireId, Wire>,
    last: WireId,
    pub(crate) paths: Vec<Path>,
    pub(crate) hosts: Vec<[Host; 2]>,
    /// Sessions that have something to look at.
    pub(crate) woken: Vec<Place>,
    /// Connections that a host has accepted.
    pub(crate) accepted: Vec<WireId>,
    pub(crate) octets: u64,
    pub(crate) flipped: u64,
}

impl Network {
    pub(crate) fn new(paths: Vec<Path>) -> Self {
        let hosts = vec![[Host { is_on: true, listens: true }; 2]; paths.len()];
        let (woken, accepted) = (Vec::new(), Vec::new());
        Self { wires: BTreeMap::new(), last: 0, paths, hosts, woken, accepted, octets: 0, flipped: 0 }
    }

    pub(crate) fn wires_of(&self, pair: usize) -> Vec<WireId> {
        self.wires.iter().filter(|(_, wire)| wire.pair == pair).map(|(id, _)| *id).collect()
    }

    /// Connections that nobody knows any more are forgotten.
    pub(crate) fn forget(&mut self) {
        self.wires.retain(|_, wire| wire.ends != [End::Gone; 2] || !wire.is_silent());
    }

    fn delay(&self, agenda: &Agenda, rng: &mut Rng, pair: usize) -> Duration {
        let path = &self.paths[pair];
        let latency = path.latency.mul_f64(1.0 + rng.f64() / 4.0);
        if path.slow_until > agenda.now { latency + path.slowness.mul_f64(rng.f64()) } else { latency }
    }

    fn is_blocked(&self, now: Time, wire: &Wire, to: Side) -> bool {
        let path = &self.paths[wire.pair];
        path.blocked_until[to] > now || wire.lost[to] || !self.hosts[wire.pair][to].is_on
    }

    fn listens(&self, now: Time, pair: usize, side: Side) -> bool {
        self.hosts[pair][side].listens && self.paths[pair].refused_until[side] <= now
    }

    fn wake(&mut self, pair: usize, side: Side) {
        self.woken.push(Place { pair, side });
    }

    // What a host does.

    pub(crate) fn dial(&mut self, agenda: &mut Agenda, rng: &mut Rng, from: Place) -> WireId {
        self.last += 1;
        let wire = Wire {
            pair: from.pair,
            dialler: from.side,
            ends: [End::Pending; 2],
            pipes: Default::default(),
            capacity: self.paths[from.pair].capacity,
            lost: [false; 2],
            corrupted_until: Time::ZERO,
            corrupted: false,
            torn: false,
            wanted: Default::default(),
        };
        self.wires.insert(self.last, wire);
        agenda.at(agenda.now + self.delay(agenda, rng, from.pair), Happening::Syn(self.last, 0));
        self.last
    }

    /// The dial's result, once there is one.
    pub(crate) fn dialled(&self, id: WireId, side: Side) -> Option<bool> {
        match self.wires.get(&id).map_or(End::Gone, |wire| wire.ends[side]) {
            End::Pending => None,
            End::Open => Some(true),
            End::Broken | End::Gone => Some(false),
        }
    }

    pub(crate) fn is_readable(&self, id: WireId, side: Side) -> bool {
        let Some(wire) = self.wires.get(&id) else { return true };
        let pipe = &wire.pipes[side];
        wire.ends[side] != End::Open || pipe.ended || !pipe.arrived.is_empty()
    }

    pub(crate) fn is_writable(&self, id: WireId, side: Side) -> bool {
        self.wires.get(&id).is_none_or(|wire| wire.ends[side] != End::Open || wire.room(side) > 0)
    }

    pub(crate) fn is_silent(&self, id: WireId) -> bool {
        self.wires.get(&id).is_none_or(Wire::is_silent)
    }

    /// Takes of `out` what there is room for. An error: the connection is broken.
    pub(crate) fn write(
        &mut self,
        agenda: &mut Agenda,
        rng: &mut Rng,
        (id, side): (WireId, Side),
        out: &mut BytesMut,
    ) -> Result<(), ()> {
        if out.is_empty() {
            return Ok(());
        }
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.ends[side] == End::Open) else {
            return Err(());
        };
        let room = wire.room(side).min(out.len());
        wire.pipes[1 - side].wants_room = room < out.len();
        let mut octets = out.split_to(room);
        self.octets += room as u64;
        if wire.corrupted_until > agenda.now && !octets.is_empty() && rng.bool() {
            let position = rng.usize(..octets.len());
            octets[position] ^= 1 << rng.u8(..8);
            wire.corrupted = true;
            self.flipped += 1;
        }
        let mut octets = octets.freeze();
        while !octets.is_empty() {
            let whole = octets.len() <= 1460 && rng.u8(..8) > 0;
            let length = if whole { octets.len() } else { rng.usize(1..=octets.len().min(1460)) };
            let segment = octets.split_to(length);
            self.send(agenda, rng, (id, side), segment, false);
        }
        Ok(())
    }

    fn send(
        &mut self,
        agenda: &mut Agenda,
        rng: &mut Rng,
        (id, from): (WireId, Side),
        octets: Bytes,
        fin: bool,
    ) {
        let Some(pair) = self.wires.get(&id).map(|wire| wire.pair) else { return };
        let at = agenda.now + self.delay(agenda, rng, pair);
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let pipe = &mut wire.pipes[1 - from];
        let at = pipe.segments.back().map_or(at, |last| last.at.max(at));
        pipe.under_way += octets.len();
        pipe.segments.push_back(Segment { at, octets, fin });
        if pipe.segments.len() == 1 {
            agenda.at(at, Happening::Arrive(id, 1 - from));
        }
    }

    /// Reads what is there, octets before errors, as Linux does.
    pub(crate) fn read(&mut self, agenda: &mut Agenda, (id, side): (WireId, Side), limit: usize) -> Read {
        let Some(wire) = self.wires.get_mut(&id) else { return Read::Error };
        let latency = self.paths[wire.pair].latency;
        let pipe = &mut wire.pipes[side];
        if !pipe.arrived.is_empty() {
            let octets = pipe.arrived.split_to(limit.min(pipe.arrived.len())).freeze();
            if std::mem::take(&mut pipe.wants_room) {
                agenda.at(agenda.now + latency, Happening::Room(id, 1 - side));
            }
            return Read::Octets(octets);
        }
        match wire.ends[side] {
            End::Open if pipe.ended => Read::End,
            End::Open | End::Pending => Read::Nothing,
            End::Broken | End::Gone => Read::Error,
        }
    }

    /// No more will be written.
    pub(crate) fn finish(&mut self, agenda: &mut Agenda, rng: &mut Rng, (id, side): (WireId, Side)) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if wire.ends[side] == End::Open && !std::mem::replace(&mut wire.pipes[1 - side].finished, true) {
            self.send(agenda, rng, (id, side), Bytes::new(), true);
        }
    }

    /// The socket is dropped: FIN behind what was written, or RST if something was not read.
    pub(crate) fn close(&mut self, agenda: &mut Agenda, rng: &mut Rng, (id, side): (WireId, Side)) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let unread = !wire.pipes[side].arrived.is_empty();
        if wire.ends[side] == End::Open && !unread {
            self.finish(agenda, rng, (id, side));
        } else if unread {
            self.reset(agenda, (id, 1 - side));
        }
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.ends[side] = End::Gone;
        wire.pipes[side].arrived.clear();
    }

    /// Sends RST to a side; what is under way there is lost.
    fn reset(&mut self, agenda: &mut Agenda, (id, to): (WireId, Side)) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.torn = true;
        wire.pipes[to].lose();
        agenda.at(agenda.now + self.paths[wire.pair].latency, Happening::Reset(id, to));
    }

    /// Something in between sends RST to both sides. Where one of them cannot hear it, nothing passes any more either.
    pub(crate) fn tear(&mut self, agenda: &mut Agenda, id: WireId) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.lost = [false; 2];
        let Some(wire) = self.wires.get(&id) else { return };
        let blocked = [0, 1].map(|to| self.is_blocked(agenda.now, wire, to));
        for to in 0..2 {
            self.reset(agenda, (id, to));
        }
        self.wires.entry(id).and_modify(|wire| wire.lost = blocked);
    }

    /// The process of a side is gone; its kernel closes what it had, or goes with it without a word.
    pub(crate) fn crash(&mut self, agenda: &mut Agenda, rng: &mut Rng, place: Place, silently: bool) {
        for id in self.wires_of(place.pair) {
            if !silently {
                self.close(agenda, rng, (id, place.side));
            } else if let Some(wire) = self.wires.get_mut(&id) {
                wire.ends[place.side] = End::Gone;
                wire.torn = true;
                wire.pipes[place.side].arrived.clear();
                wire.pipes[1 - place.side].lose();
            }
        }
    }

    // What comes.

    pub(crate) fn happen(&mut self, agenda: &mut Agenda, rng: &mut Rng, what: Happening) {
        match what {
            Happening::Arrive(id, to) => self.arrive(agenda, id, to),
            Happening::Reset(id, to) => self.reset_arrives(agenda.now, rng, id, to),
            Happening::Room(id, side) => {
                if let Some(pair) = self.wires.get(&id).map(|wire| wire.pair) {
                    self.wake(pair, side);
                }
            }
            Happening::Syn(id, tries) => self.syn(agenda, rng, id, tries),
            Happening::SynAck(id, tries) => self.syn_ack(agenda, rng, id, tries),
            Happening::Accept(id, tries) => self.accept(agenda, id, tries),
            Happening::Break(id, if_corrupted)
                if self.wires.get(&id).is_some_and(|wire| wire.corrupted || !if_corrupted) =>
            {
                self.tear(agenda, id);
            }
            _ => {}
        }
    }

    fn arrive(&mut self, agenda: &mut Agenda, id: WireId, to: Side) {
        let now = agenda.now;
        let Some(blocked) = self.wires.get(&id).map(|wire| self.is_blocked(now, wire, to)) else { return };
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let (pair, end, pipe) = (wire.pair, wire.ends[to], &mut wire.pipes[to]);
        if pipe.segments.front().is_none_or(|segment| segment.at > now) {
            return;
        }
        if blocked {
            let since = *pipe.failing_since.get_or_insert(now);
            if now - since > TCP_GIVES_UP {
                return self.breaks(id, 1 - to);
            }
            pipe.tries += 1;
            let wait =
                Duration::from_millis(200).saturating_mul(1 << pipe.tries.min(12)).min(TCP_REPEATS_WITHIN);
            pipe.postpone(now + wait);
            return agenda.at(now + wait, Happening::Arrive(id, to));
        }
        (pipe.tries, pipe.failing_since) = (0, None);
        match end {
            End::Gone => return self.reset(agenda, (id, 1 - to)),
            End::Broken => pipe.lose(),
            End::Open | End::Pending => pipe.take(),
        }
        if let Some(next) = pipe.segments.front() {
            agenda.at(next.at, Happening::Arrive(id, to));
        }
        self.wake(pair, to);
    }

    fn breaks(&mut self, id: WireId, side: Side) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.torn = true;
        wire.pipes[1 - side].lose();
        if matches!(wire.ends[side], End::Open | End::Pending) {
            wire.ends[side] = End::Broken;
            let pair = wire.pair;
            self.wake(pair, side);
        }
    }

    fn reset_arrives(&mut self, now: Time, rng: &mut Rng, id: WireId, to: Side) {
        let Some(wire) = self.wires.get(&id) else { return };
        if self.is_blocked(now, wire, to) {
            return;
        }
        if rng.bool()
            && let Some(wire) = self.wires.get_mut(&id)
        {
            wire.pipes[to].arrived.clear();
        }
        self.breaks(id, to);
    }

    fn syn(&mut self, agenda: &mut Agenda, rng: &mut Rng, id: WireId, tries: u32) {
        let now = agenda.now;
        let Some(wire) = self.wires.get(&id) else { return };
        let (pair, dialler) = (wire.pair, wire.dialler);
        if wire.ends[dialler] == End::Gone {
            self.wires.remove(&id);
        } else if self.is_blocked(now, wire, 1 - dialler) || self.paths[pair].unanswered_until > now {
            if tries == SYN_TRIES {
                self.breaks(id, dialler);
            } else {
                agenda.at(now + Duration::from_secs(1 << tries), Happening::Syn(id, tries + 1));
            }
        } else if self.listens(now, pair, 1 - dialler) {
            agenda.at(now + self.delay(agenda, rng, pair), Happening::SynAck(id, 0));
        } else {
            self.unknown_at(id, 1 - dialler);
            self.reset(agenda, (id, dialler));
        }
    }

    fn unknown_at(&mut self, id: WireId, side: Side) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.ends[side] = End::Gone;
        }
    }

    fn syn_ack(&mut self, agenda: &mut Agenda, rng: &mut Rng, id: WireId, tries: u32) {
        let now = agenda.now;
        let Some(wire) = self.wires.get(&id) else { return };
        let (pair, dialler) = (wire.pair, wire.dialler);
        if self.is_blocked(now, wire, dialler) && tries < SYN_TRIES {
            return agenda.at(now + Duration::from_secs(1 << tries), Happening::SynAck(id, tries + 1));
        }
        if wire.ends != [End::Pending; 2] || tries == SYN_TRIES {
            // The dial was given up: its host answers with RST, and the listener never tells.
            self.unknown_at(id, 1 - dialler);
            return self.breaks(id, dialler);
        }
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.ends[dialler] = End::Open;
        }
        self.wake(pair, dialler);
        agenda.at(now + self.delay(agenda, rng, pair), Happening::Accept(id, 0));
    }

    fn accept(&mut self, agenda: &mut Agenda, id: WireId, tries: u32) {
        let Some(wire) = self.wires.get(&id) else { return };
        let (pair, listener) = (wire.pair, 1 - wire.dialler);
        let refused = !self.listens(agenda.now, pair, listener) || tries == SYN_TRIES;
        if wire.ends[listener] == End::Gone {
        } else if self.is_blocked(agenda.now, wire, listener) && !refused {
            agenda.at(agenda.now + Duration::from_secs(1 << tries), Happening::Accept(id, tries + 1));
        } else if refused {
            self.unknown_at(id, listener);
            self.reset(agenda, (id, 1 - listener));
        } else if let Some(wire) = self.wires.get_mut(&id) {
            if wire.ends[listener] == End::Pending {
                wire.ends[listener] = End::Open;
            }
            self.accepted.push(id);
        }
    }
}

impl Wire {
    fn room(&self, side: Side) -> usize {
        let pipe = &self.pipes[1 - side];
        self.capacity.saturating_sub(pipe.under_way + pipe.arrived.len())
    }

    /// Nothing was lost or forged on it, and nothing will be.
    pub(crate) fn is_whole(&self) -> bool {
        !self.corrupted && !self.torn && self.lost == [false; 2] && self.ends == [End::Open; 2]
    }

    fn is_silent(&self) -> bool {
        self.pipes.iter().all(|pipe| pipe.segments.is_empty() && pipe.arrived.is_empty())
    }
}

impl Pipe {
    fn lose(&mut self) {
        self.segments.clear();
        self.under_way = 0;
    }

    fn take(&mut self) {
        let Some(segment) = self.segments.pop_front() else { return };
        self.under_way -= segment.octets.remaining();
        self.arrived.extend_from_slice(&segment.octets);
        self.ended |= segment.fin;
    }

    fn postpone(&mut self, until: Time) {
        self.segments.iter_mut().for_each(|segment| segment.at = segment.at.max(until));
    }
}
