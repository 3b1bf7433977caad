//! Bugs put in on purpose, around the edge's sessions: that the simulation finds each is a test of the simulation.

use bytes::{Bytes, BytesMut};
use quadzero_codec::{
    AsPath, Asn, Attributes, Dialect, HEADER, Message, MessageType, NextHop, Update, encode_announced,
    encode_withdrawn,
};
use quadzero_fsm::{Direction, Event, Input, Output, Session};
use quadzero_rib::{Route, RouteSet};
use std::{net::Ipv4Addr, ops::Deref, sync::Arc, time::Instant};

/// What a speaker of the simulation can be made to do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bug {
    /// UPDATEs leave without what they withdraw. Found: a peer holds what is not wanted.
    ForgetsWithdrawals,
    /// Beside what policy wants, 198.51.100.0/24 is announced. Found: a route that policy never wanted.
    AnnouncesUnwanted,
    /// A route is announced with another MED than policy gave it. Found in the same way.
    ChangesAttributes,
    /// The first new set of routes after the session came up is forgotten. Found: a peer does not hold what is wanted.
    MissesReload,
    /// The HoldTimer never expires. Found: a half-open session stays.
    IgnoresHoldTimer,
    /// End-of-RIB is not sent. Found: stale routes stay although all has been said.
    LosesEndOfRib,
    /// Of four KEEPALIVEs one is sent. Found: the peer's HoldTimer expires in a network that is whole.
    SkipsKeepalives,
    /// After the third dial there is none. Found: a pair that does not come up again.
    NeverRedials,
    /// The routes of a peer that restarts gracefully are dropped at once. Found: a route is lost that should stay.
    DropsRoutesOfRestart,
    /// The routes of a session that is over stay. Found: a table without a session.
    KeepsRoutes,
    /// With each KEEPALIVE goes an UPDATE that says nothing. Found: an hour of calm is not quiet.
    ChattersOn,
    /// Up is told twice. Found at once.
    TellsUpTwice,
    /// A timer that is due stays. Found: a deadline in the past, for which the driver never rests.
    LeavesTimersDue,
}

/// A session, healthy or not.
#[derive(Debug)]
pub(crate) struct Subject {
    session: Session,
    bug: Option<Bug>,
    count: u32,
    pending: Option<Output>,
    /// What has come of the message that is incomplete, of each connection.
    partial: [BytesMut; 2],
    kept: Vec<Route>,
}

impl Deref for Subject {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Subject {
    pub(crate) fn new(session: Session, bug: Option<Bug>) -> Self {
        let (partial, kept) = (Default::default(), Vec::new());
        Self { session, bug, count: 0, pending: None, partial, kept }
    }

    pub(crate) fn handle(&mut self, now: Instant, input: Input<'_>) {
        let Some(bug) = self.bug else { return self.session.handle(now, input) };
        let input = match (bug, input) {
            (Bug::AnnouncesUnwanted, Input::Routes(routes)) => Input::Routes(with_unwanted(&routes)),
            (Bug::ChangesAttributes, Input::Routes(routes)) => Input::Routes(with_another_med(&routes)),
            (Bug::MissesReload, Input::Routes(_)) if std::mem::take(&mut self.count) == 1 => return,
            (Bug::LeavesTimersDue, Input::Timeout) if self.session.negotiated().is_some() => return,
            (_, input) => input,
        };
        if bug == Bug::IgnoresHoldTimer {
            self.feed(now, &input);
        }
        if bug == Bug::KeepsRoutes {
            self.kept = self
                .session
                .learned()
                .lock()
                .map(|t| t.to_set().iter().cloned().collect())
                .unwrap_or_default();
        }
        self.session.handle(now, input);
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        let output = self.pending.take().or_else(|| self.session.poll())?;
        let learned = || self.session.learned().lock().expect("nobody panics with the table in hand");
        match (self.bug, &output) {
            (Some(Bug::NeverRedials), Output::Connect) => {
                self.count += 1;
                return if self.count > 3 { self.session.poll() } else { Some(output) };
            }
            (Some(Bug::TellsUpTwice), Output::Event(Event::Up(n))) => {
                self.count += 1;
                if self.count == 1 {
                    self.pending = Some(Output::Event(Event::Up(n.clone())));
                }
            }
            (Some(Bug::MissesReload), Output::Event(Event::Up(_))) => self.count = 1,
            (Some(Bug::DropsRoutesOfRestart), Output::Event(Event::Down(_))) => learned().clear(),
            (Some(Bug::KeepsRoutes), Output::Event(Event::Down(_))) => {
                for Route { prefix, attributes } in self.kept.drain(..) {
                    let announced = vec![quadzero_codec::Announced { attributes, prefixes: vec![prefix] }];
                    learned().apply(quadzero_rib::Change { withdrawn: Vec::new(), announced });
                }
            }
            _ => {}
        }
        Some(output)
    }

    pub(crate) fn transmit(&mut self, now: Instant, direction: Direction, out: &mut BytesMut, room: usize) {
        let before = out.len();
        self.session.transmit(now, direction, out, room);
        let Some(bug) = self.bug else { return };
        let dialect = self.session.negotiated().map(|n| n.dialect.clone()).unwrap_or_default();
        let said = out.split_off(before).freeze();
        for message in messages(&said) {
            match bug {
                Bug::ForgetsWithdrawals => without_withdrawals(message, &dialect, out),
                Bug::LosesEndOfRib if is_end_of_rib(message, &dialect) => {}
                Bug::SkipsKeepalives if self.skips(message) => {}
                _ => out.extend_from_slice(message),
            }
            if bug == Bug::ChattersOn
                && is(message, MessageType::Keepalive)
                && self.session.negotiated().is_some()
            {
                let nothing: &[ipnet::IpNet] = &["203.0.113.113/32".parse().expect("a prefix")];
                encode_withdrawn(nothing, &dialect, out);
            }
        }
    }

    /// What the session is said to wait for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    fn skips(&mut self, message: &[u8]) -> bool {
        let keepalive = is(message, MessageType::Keepalive) && self.session.negotiated().is_some();
        self.count += u32::from(keepalive);
        keepalive && !self.count.is_multiple_of(4)
    }

    /// Before a timer can expire, the session hears a KEEPALIVE that nobody has sent; between two messages only.
    fn feed(&mut self, now: Instant, input: &Input<'_>) {
        match input {
            Input::Connected(direction, _) => self.partial[*direction as usize].clear(),
            Input::Bytes(direction, octets) => {
                let partial = &mut self.partial[*direction as usize];
                partial.extend_from_slice(octets);
                while let Some(length) = length(partial).filter(|length| *length <= partial.len()) {
                    let _message = partial.split_to(length);
                }
            }
            Input::Timeout if self.session.negotiated().is_some() => {
                let mut keepalive = BytesMut::new();
                Message::Keepalive.encode(&Dialect::default(), &mut keepalive);
                for direction in Direction::ALL {
                    if self.partial[direction as usize].is_empty() {
                        self.session.handle(now, Input::Bytes(direction, &keepalive));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The length in a message's header.
fn length(octets: &[u8]) -> Option<usize> {
    let [high, low] = *octets.get(16..18)? else { return None };
    Some(usize::from(u16::from_be_bytes([high, low])).max(HEADER))
}

/// Whole messages, one after the other.
pub(crate) fn messages(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = octets;
    std::iter::from_fn(move || {
        let (message, rest) = left.split_at_checked(length(left)?)?;
        left = rest;
        Some(message)
    })
}

pub(crate) fn is(message: &[u8], kind: MessageType) -> bool {
    message.get(18) == Some(&(kind as u8))
}

fn update(message: &[u8], dialect: &Dialect) -> Option<Update> {
    let mut decoder = quadzero_codec::Decoder::default();
    let dialect = Dialect { receive_extended: true, ..dialect.clone() };
    decoder.push(message);
    match decoder.next(&dialect) {
        Ok(Some(Message::Update(update))) => Some(update),
        _ => None,
    }
}

fn is_end_of_rib(message: &[u8], dialect: &Dialect) -> bool {
    is(message, MessageType::Update) && update(message, dialect).is_some_and(|u| u.end_of_rib.is_some())
}

fn without_withdrawals(message: &[u8], dialect: &Dialect, out: &mut BytesMut) {
    match update(message, dialect).filter(|update| !update.withdrawn.is_empty()) {
        Some(update) => {
            for group in update.announced {
                let _said = encode_announced(&group.attributes, &group.prefixes, dialect, out);
            }
        }
        None => out.extend_from_slice(message),
    }
}

fn with_unwanted(routes: &RouteSet) -> Arc<RouteSet> {
    let as_path = AsPath::sequence([Asn(65010)]);
    let next_hop = NextHop::Address(Ipv4Addr::new(192, 0, 2, 1).into());
    let attributes = Arc::new(Attributes { as_path, next_hop, ..Attributes::default() });
    let unwanted = Route { prefix: "198.51.100.0/24".parse().expect("a prefix"), attributes };
    Arc::new(routes.iter().cloned().chain([unwanted]).collect())
}

fn with_another_med(routes: &RouteSet) -> Arc<RouteSet> {
    let changed = |route: &Route| {
        let attributes = Attributes { med: Some(4711), ..(*route.attributes).clone() };
        Route { prefix: route.prefix, attributes: Arc::new(attributes) }
    };
    Arc::new(routes.iter().map(changed).collect())
}

/// A ROUTE-REFRESH as octets.
pub(crate) fn refresh(family: quadzero_codec::Family, dialect: &Dialect) -> Bytes {
    let mut out = BytesMut::new();
    let refresh = quadzero_codec::RouteRefresh { family, subtype: 0 };
    Message::RouteRefresh(refresh).encode(dialect, &mut out);
    out.freeze()
}
