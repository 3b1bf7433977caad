//! What the peer holds, what it should hold, and the octets in between.
//!
//! ```text
//! wanted ──┐
//!          ├─ difference ─► UPDATEs, encoded once for all peers of a dialect ─► whole messages, as there is room
//! announced┘                                                                    announced = wanted
//! ```
//!
//! Level, not edge: a peer that is slow holds one difference, and a place in it; what happened meanwhile is in the next one.

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use quadzero_codec::{
    Announced, Attributes, Dialect, Family, Message, MessageType, RouteRefresh, encode_announced,
    encode_end_of_rib, encode_withdrawn,
};
use quadzero_rib::{Route, RouteSet};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, Weak},
};

/// The UPDATEs that turn one set of routes into another, in one dialect.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    octets: Bytes,
    /// Prefixes that the octets announce and withdraw.
    pub(super) announced: usize,
    pub(super) withdrawn: usize,
    /// Prefixes that the peer holds afterwards.
    standing: usize,
    /// What could not be said.
    pub(super) problems: Vec<String>,
}

/// How many differences are remembered. Peers of a router differ in few ways: its policies times its dialects.
const REMEMBERED: usize = 16;

struct Entry {
    from: Weak<RouteSet>,
    to: Weak<RouteSet>,
    dialect: Dialect,
    encoded: Arc<Encoded>,
}

impl Entry {
    fn is(&self, from: &Arc<RouteSet>, to: &Arc<RouteSet>, dialect: &Dialect) -> bool {
        let same = |weak: &Weak<RouteSet>, arc: &Arc<RouteSet>| std::ptr::eq(weak.as_ptr(), Arc::as_ptr(arc));
        same(&self.from, from) && same(&self.to, to) && self.dialect == *dialect
    }

    fn is_alive(&self) -> bool {
        self.from.strong_count() > 0 && self.to.strong_count() > 0
    }
}

/// Encodings shared by the peers of one router: said to many, encoded once.
#[derive(Default)]
pub struct Encodings {
    empty: Arc<RouteSet>,
    recent: Mutex<VecDeque<Entry>>,
}

impl std::fmt::Debug for Encodings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encodings").finish_non_exhaustive()
    }
}

impl Encodings {
    /// The set without routes, from which every connection starts.
    pub fn empty(&self) -> Arc<RouteSet> {
        self.empty.clone()
    }

    fn between(&self, from: &Arc<RouteSet>, to: &Arc<RouteSet>, dialect: &Dialect) -> Arc<Encoded> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = recent.iter().find(|e| e.is(from, to, dialect)) {
            return entry.encoded.clone();
        }
        let encoded = Arc::new(Encoded::new(from, to, dialect));
        recent.retain(Entry::is_alive);
        recent.truncate(REMEMBERED - 1);
        recent.push_front(Entry {
            from: Arc::downgrade(from),
            to: Arc::downgrade(to),
            dialect: dialect.clone(),
            encoded: encoded.clone(),
        });
        encoded
    }
}

impl Encoded {
    fn new(from: &RouteSet, to: &RouteSet, dialect: &Dialect) -> Self {
        let change = from.change_to(to);
        let mut encoded = Self { standing: Sendable::new(dialect).count(to), ..Self::default() };
        let mut out = BytesMut::new();
        encoded.withdraw(&change.withdrawn, dialect, &mut out);
        for group in change.announced {
            encoded.announce(&group, from, dialect, &mut out);
        }
        encoded.octets = out.freeze();
        encoded
    }

    fn withdraw(&mut self, prefixes: &[IpNet], dialect: &Dialect, out: &mut BytesMut) {
        for group in prefixes.chunk_by(|a, b| Family::of(a) == Family::of(b)) {
            if group.first().is_some_and(|p| dialect.speaks(Family::of(p))) {
                encode_withdrawn(group, dialect, out);
                self.withdrawn += group.len();
            }
        }
    }

    /// What cannot be said must not leave the peer with what was said before.
    fn announce(&mut self, group: &Announced, from: &RouteSet, dialect: &Dialect, out: &mut BytesMut) {
        let Some(first) = group.prefixes.first().filter(|p| dialect.speaks(Family::of(p))) else { return };
        match encode_announced(&group.attributes, &group.prefixes, dialect, out) {
            Ok(_) => self.announced += group.prefixes.len(),
            Err(error) => {
                let held: Vec<IpNet> =
                    group.prefixes.iter().filter(|p| from.get(p).is_some()).copied().collect();
                self.withdraw(&held, dialect, out);
                let more = group.prefixes.len() - 1;
                self.problems.push(format!("{first} (and {more} more) cannot be announced: {error}"));
            }
        }
    }
}

/// Which routes can be said in a dialect. Neighbors in a set mostly share their attributes.
struct Sendable<'a> {
    dialect: &'a Dialect,
    known: HashMap<(Family, *const Attributes), bool>,
    scratch: BytesMut,
}

impl<'a> Sendable<'a> {
    fn new(dialect: &'a Dialect) -> Self {
        Self { dialect, known: HashMap::new(), scratch: BytesMut::new() }
    }

    fn count(&mut self, routes: &RouteSet) -> usize {
        let same = |a: &Route, b: &Route| {
            Arc::ptr_eq(&a.attributes, &b.attributes) && Family::of(&a.prefix) == Family::of(&b.prefix)
        };
        let mut count = 0;
        let routes: &[Route] = routes.as_slice();
        for run in routes.chunk_by(same) {
            if run.first().is_some_and(|route| self.is_sendable(route)) {
                count += run.len();
            }
        }
        count
    }

    fn is_sendable(&mut self, route: &Route) -> bool {
        let family = Family::of(&route.prefix);
        let Self { dialect, known, scratch } = self;
        *known.entry((family, Arc::as_ptr(&route.attributes))).or_insert_with(|| {
            scratch.clear();
            dialect.speaks(family)
                && encode_announced(&route.attributes, &[route.prefix], dialect, scratch).is_ok()
        })
    }
}

/// A difference on its way: what is said, how far it has been said, and what it leads to.
#[derive(Debug)]
struct InFlight {
    encoded: Arc<Encoded>,
    position: usize,
    /// What the peer holds at the end; `None` for a refresh, which changes nothing.
    leads_to: Option<Arc<RouteSet>>,
    /// Said before it: the beginning of an enhanced refresh.
    leader: Bytes,
    /// Said behind it: End-of-RIB of the first difference, the end of an enhanced refresh.
    trailer: Bytes,
}

/// What one peer has been told.
#[derive(Debug)]
pub(super) struct Outbound {
    dialect: Dialect,
    announced: Arc<RouteSet>,
    standing: usize,
    in_flight: Option<Box<InFlight>>,
    end_of_rib_due: bool,
    refresh_due: [Option<Family>; 2],
}

impl Outbound {
    pub(super) fn new(dialect: Dialect, encodings: &Encodings) -> Self {
        Self {
            dialect,
            announced: encodings.empty(),
            standing: 0,
            in_flight: None,
            end_of_rib_due: true,
            refresh_due: [None, None],
        }
    }

    /// Whether there is something to say; a new difference only when one may be begun.
    pub(super) fn has_to_send(&self, wanted: &Arc<RouteSet>, may_begin: bool) -> bool {
        self.in_flight.is_some()
            || self.end_is_due(wanted)
            || self.refresh_due.iter().any(Option::is_some)
            || (may_begin && !Arc::ptr_eq(&self.announced, wanted))
    }

    fn end_is_due(&self, wanted: &RouteSet) -> bool {
        self.end_of_rib_due && wanted.is_settled()
    }

    pub(super) const fn announced(&self) -> &Arc<RouteSet> {
        &self.announced
    }

    /// What is said next is said with an End-of-RIB behind it: that was all (RFC 4724 §2).
    pub(super) const fn end_with_end_of_rib(&mut self) {
        self.end_of_rib_due = true;
    }

    pub(super) fn standing(&self) -> usize {
        self.standing
    }

    /// The peer asks for a family again (RFC 2918 §4).
    pub(super) fn refresh(&mut self, family: Family) {
        if self.dialect.speaks(family) {
            self.refresh_due[usize::from(family == Family::IPV6_UNICAST)] = Some(family);
        }
    }

    /// Appends whole messages while they fit. Returns how many, and the difference that has been said to its end.
    pub(super) fn transmit(
        &mut self,
        wanted: &Arc<RouteSet>,
        encodings: &Encodings,
        out: &mut BytesMut,
        room: usize,
    ) -> (Sent, Option<Arc<Encoded>>) {
        if self.in_flight.is_none() {
            self.in_flight = self.next(wanted, encodings).map(Box::new);
        }
        let mut sent = Sent::default();
        let Some(flight) = &mut self.in_flight else { return (sent, None) };
        sent.copy(&std::mem::take(&mut flight.leader), &mut 0, out, usize::MAX);
        sent.copy(&flight.encoded.octets, &mut flight.position, out, room);
        if flight.position < flight.encoded.octets.len() {
            return (sent, None);
        }
        let Some(done) = self.in_flight.take() else { return (sent, None) };
        sent.copy(&done.trailer, &mut 0, out, usize::MAX);
        let InFlight { encoded, leads_to, .. } = *done;
        if let Some(set) = leads_to {
            self.announced = set;
            self.standing = encoded.standing;
        }
        (sent, Some(encoded))
    }

    /// The next thing to say: first what has changed, then what was asked for again.
    fn next(&mut self, wanted: &Arc<RouteSet>, encodings: &Encodings) -> Option<InFlight> {
        let ends = self.end_is_due(wanted);
        if ends || !Arc::ptr_eq(&self.announced, wanted) {
            let encoded = encodings.between(&self.announced, wanted, &self.dialect);
            self.end_of_rib_due &= !ends;
            let trailer = if ends { self.end_of_rib() } else { Bytes::new() };
            let leads_to = Some(wanted.clone());
            return Some(InFlight { encoded, position: 0, leads_to, leader: Bytes::new(), trailer });
        }
        let family = self.refresh_due.iter_mut().find_map(Option::take)?;
        let dialect = Dialect {
            ipv4: family == Family::IPV4_UNICAST,
            ipv6: family == Family::IPV6_UNICAST,
            ..self.dialect.clone()
        };
        let encoded = encodings.between(&encodings.empty(), &self.announced, &dialect);
        let [leader, trailer] = [1, 2].map(|subtype| self.demarcation(family, subtype));
        Some(InFlight { encoded, position: 0, leads_to: None, leader, trailer })
    }

    fn end_of_rib(&self) -> Bytes {
        let mut out = BytesMut::new();
        for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
            if self.dialect.speaks(family) {
                encode_end_of_rib(family, &mut out);
            }
        }
        out.freeze()
    }

    /// BoRR (1) or EoRR (2) around an enhanced refresh (RFC 7313 §4); nothing around another.
    fn demarcation(&self, family: Family, subtype: u8) -> Bytes {
        let mut out = BytesMut::new();
        if self.dialect.enhanced_refresh {
            Message::RouteRefresh(RouteRefresh { family, subtype }).encode(&self.dialect, &mut out);
        }
        out.freeze()
    }
}

/// Messages that were handed to the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) updates: u64,
}

impl Sent {
    /// Copies whole messages from `position` on while `out` stays within `room`; at least one if `out` is empty.
    fn copy(&mut self, octets: &[u8], position: &mut usize, out: &mut BytesMut, room: usize) {
        let (start, mut end) = (*position, *position);
        while let Some([high, low, kind]) = octets.get(end + 16..end + 19) {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if out.len() + (end - start) + length > room && out.len() + (end - start) > 0 {
                break;
            }
            end += length;
            self.messages += 1;
            self.updates += u64::from(*kind == MessageType::Update as u8);
        }
        out.extend_from_slice(&octets[start..end]);
        *position = end;
    }
}
