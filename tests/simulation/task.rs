//! The driver of a session, step by step what `fsm/src/driver/task.rs` does, without tokio: whatever is ready, one thing at a time
//! and in any order, then settle.

use crate::{
    agenda::{Agenda, Happening, NEVER, Place, Time, WireId},
    bug::{Subject, is, messages},
    network::{End, Read},
    watch::{Context, Watch},
};
use bytes::{Bytes, BytesMut};
use quadzero_codec::{Dialect, ErrorCode, Message, MessageType, Notification};
use quadzero_fsm::{Addresses, Direction, Event, Input, Output};
use quadzero_rib::RouteSet;
use std::{sync::Arc, time::Duration};

/// The driver's numbers.
const READ: usize = 65_536;
const FAREWELLS: usize = 4;
const FAREWELL: Duration = Duration::from_secs(3);
/// So many steps at one moment are a loop.
const LOOP: usize = 20_000;
/// More outputs than a read can hold messages, and what each may lead to.
const OUTPUTS: usize = 4 * READ / 19 + 64;
/// What stands before and behind an UPDATE in a write buffer: OPEN, KEEPALIVE, the markers of a refresh.
const FRAME: usize = 4096 + 64;

/// What an operator wants.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Start,
    Stop(Notification),
}

#[derive(Debug)]
struct Link {
    wire: WireId,
    out: BytesMut,
}

#[derive(Debug)]
struct Farewell {
    link: Link,
    until: Time,
}

/// Why a task runs.
#[derive(Clone, Copy, Debug)]
enum Ready {
    Time,
    Inbox,
    Wanted,
    Dialled(bool),
    Link(Direction),
    Farewell(usize),
}

/// A session and its driver.
#[derive(Debug)]
pub(crate) struct Task {
    place: Place,
    pub(crate) session: Subject,
    links: [Option<Link>; 2],
    dial: Option<WireId>,
    farewells: Vec<Farewell>,
    wish: Option<Wish>,
    inbox: Option<WireId>,
    pub(crate) wanted: Arc<RouteSet>,
    news: bool,
    /// What the session was handed, and when.
    pub(crate) handed: Arc<RouteSet>,
    pub(crate) handed_at: Time,
    /// Octets made at once.
    room: usize,
    heard: Option<WireId>,
    /// A link broke before the session's last words for it were looked at.
    has_broken: bool,
    pub(crate) watch: Watch,
    /// When it runs next: because something has come, and by itself.
    pub(crate) woken_at: Time,
    pub(crate) timer_at: Time,
    /// It does not read before.
    pub(crate) deaf_until: Time,
    refresh: Option<Bytes>,
    pub(crate) stopped: bool,
    /// The other side's watch has to know: what is wanted has changed, or that it is to end.
    pub(crate) wants_anew: bool,
    pub(crate) stops_anew: bool,
}

impl Task {
    pub(crate) fn new(place: Place, session: Subject, wanted: Arc<RouteSet>, room: usize) -> Self {
        Self {
            place,
            session,
            links: [None, None],
            dial: None,
            farewells: Vec::new(),
            wish: Some(Wish::Start),
            inbox: None,
            wanted: wanted.clone(),
            news: false,
            handed: wanted,
            handed_at: Time::ZERO,
            room,
            heard: None,
            has_broken: false,
            watch: Watch::new(place),
            woken_at: NEVER,
            timer_at: NEVER,
            deaf_until: Time::ZERO,
            refresh: None,
            stopped: false,
            wants_anew: false,
            stops_anew: false,
        }
    }

    /// The first thing a driver does.
    pub(crate) fn begin(&mut self, cx: &mut Context<'_>) {
        self.take_wanted(cx);
        self.settle(cx);
    }

    pub(crate) fn wants(&mut self, wanted: Arc<RouteSet>) {
        self.news = true;
        self.wanted = wanted;
    }

    pub(crate) fn wish(&mut self, wish: Wish) {
        self.wish = Some(wish);
    }

    /// The listener puts a connection in; one that nobody looked at is dropped.
    pub(crate) fn put(&mut self, wire: WireId) -> Option<WireId> {
        self.inbox.replace(wire)
    }

    /// A ROUTE-REFRESH for the peer, to be said between two messages.
    pub(crate) fn ask_refresh(&mut self, refresh: Bytes) {
        self.refresh = Some(refresh);
    }

    /// It has the processor: everything that is ready.
    pub(crate) fn run(&mut self, cx: &mut Context<'_>) {
        if self.refresh.is_some() {
            self.settle(cx);
        }
        for step in 0.. {
            let Some(ready) = self.pick(cx) else { break };
            if step == LOOP {
                return cx.fail(format!("{}: it never rests, because of {ready:?}", self.place));
            }
            self.step(cx, ready);
            self.settle(cx);
            if cx.broken.is_some() {
                return;
            }
        }
        if let Some(late) = self.session.deadline().filter(|deadline| *deadline <= cx.now()) {
            let late = cx.now() - late;
            cx.fail(format!("{}: nothing is left to do, and a deadline is {late:?} old", self.place));
        }
    }

    /// When it has to run again by itself.
    pub(crate) fn next_run(&self, cx: &Context<'_>) -> Time {
        let deadline = self.session.deadline().map_or(NEVER, |deadline| deadline - cx.base);
        let farewells = self.farewells.iter().map(|farewell| farewell.until);
        let deaf = if self.deaf_until > cx.agenda.now { self.deaf_until } else { NEVER };
        farewells.chain([deadline, deaf]).min().unwrap_or(NEVER)
    }

    /// One of the things that are ready, as `select!` picks: any.
    fn pick(&self, cx: &mut Context<'_>) -> Option<Ready> {
        let (now, side) = (cx.agenda.now, self.place.side);
        let mut ready = [None; 8];
        let mut count = 0;
        let mut add = |what| {
            if count < ready.len() {
                ready[count] = Some(what);
                count += 1;
            }
        };
        if self.session.deadline().is_some_and(|deadline| deadline <= cx.now()) {
            add(Ready::Time);
        }
        if self.wish.is_some() || self.inbox.is_some() {
            add(Ready::Inbox);
        }
        if self.news {
            add(Ready::Wanted);
        }
        if let Some(result) = self.dial.and_then(|wire| cx.network.dialled(wire, side)) {
            add(Ready::Dialled(result));
        }
        for direction in Direction::ALL {
            let Some(link) = &self.links[direction as usize] else { continue };
            let readable = self.deaf_until <= now && cx.network.is_readable(link.wire, side);
            if readable || !link.out.is_empty() && cx.network.is_writable(link.wire, side) {
                add(Ready::Link(direction));
            }
        }
        for (i, farewell) in self.farewells.iter().enumerate() {
            let (wire, out) = (farewell.link.wire, &farewell.link.out);
            let writable = !out.is_empty() && cx.network.is_writable(wire, side);
            if writable || farewell.until <= now || out.is_empty() && cx.network.is_readable(wire, side) {
                add(Ready::Farewell(i));
            }
        }
        if count == 0 { None } else { ready[cx.rng.usize(..count)] }
    }

    fn step(&mut self, cx: &mut Context<'_>, ready: Ready) {
        match ready {
            Ready::Time => self.handle(cx, Input::Timeout),
            Ready::Inbox => self.open_inbox(cx),
            Ready::Wanted => self.take_wanted(cx),
            Ready::Dialled(result) => self.dialled(cx, result),
            Ready::Link(direction) => self.exchange(cx, direction),
            Ready::Farewell(i) => self.say_on(cx, i),
        }
    }

    fn handle(&mut self, cx: &mut Context<'_>, input: Input<'_>) {
        self.session.handle(cx.now(), input);
    }

    fn take_wanted(&mut self, cx: &mut Context<'_>) {
        (self.news, self.wants_anew) = (false, true);
        (self.handed, self.handed_at) = (self.wanted.clone(), cx.agenda.now);
        for link in self.links.iter().flatten() {
            if let Some(wire) = cx.network.wires.get_mut(&link.wire) {
                wire.wanted[self.place.side].push(self.handed.clone());
            }
        }
        cx.pair.unsettled = true;
        self.handle(cx, Input::Routes(self.handed.clone()));
    }

    fn open_inbox(&mut self, cx: &mut Context<'_>) {
        match self.wish.take() {
            Some(Wish::Start) => {
                self.stopped = false;
                self.handle(cx, Input::Start);
            }
            Some(Wish::Stop(notification)) => {
                (self.stopped, self.stops_anew) = (true, true);
                self.watch.forget_kept();
                self.handle(cx, Input::Stop(notification));
                self.settle(cx);
            }
            None => {}
        }
        match self.inbox.take() {
            Some(wire) if self.session.accepts() => self.connected(cx, Direction::Incoming, wire),
            Some(wire) => self.reject(cx, wire),
            None => {}
        }
    }

    fn reject(&mut self, cx: &mut Context<'_>, wire: WireId) {
        cx.tell(|| format!("{} refuses connection {wire}: {}", self.place, self.session.state()));
        let mut out = BytesMut::new();
        let rejected = Message::Notification(Notification::new(ErrorCode::CEASE_CONNECTION_REJECTED));
        rejected.encode(&Dialect::default(), &mut out);
        self.say_farewell(cx, Link { wire, out });
    }

    fn say_farewell(&mut self, cx: &mut Context<'_>, link: Link) {
        if self.farewells.len() < FAREWELLS {
            let until = cx.agenda.now + FAREWELL;
            self.farewells.push(Farewell { link, until });
            self.say_on(cx, self.farewells.len() - 1);
        } else {
            cx.network.close(cx.agenda, cx.rng, (link.wire, self.place.side));
        }
    }

    /// Writes the rest, says that it was all, then reads until the other side has closed or the time is up.
    fn say_on(&mut self, cx: &mut Context<'_>, i: usize) {
        let Some(Farewell { link, until }) = self.farewells.get_mut(i) else { return };
        let socket = (link.wire, self.place.side);
        let mut over =
            *until <= cx.agenda.now || cx.network.write(cx.agenda, cx.rng, socket, &mut link.out).is_err();
        if !over && link.out.is_empty() {
            cx.network.finish(cx.agenda, cx.rng, socket);
            over = loop {
                match cx.network.read(cx.agenda, socket, 1024) {
                    Read::Octets(_) => {}
                    Read::Nothing => break false,
                    Read::End | Read::Error => break true,
                }
            };
        }
        if over {
            self.farewells.swap_remove(i);
            cx.network.close(cx.agenda, cx.rng, socket);
        }
    }

    fn dialled(&mut self, cx: &mut Context<'_>, result: bool) {
        match self.dial.take().filter(|_| result) {
            Some(wire) => self.connected(cx, Direction::Outgoing, wire),
            None => {
                cx.tell(|| format!("{} dial failed", self.place));
                self.handle(cx, Input::ConnectFailed);
            }
        }
    }

    /// A connection that cannot even name its addresses is already gone.
    fn connected(&mut self, cx: &mut Context<'_>, direction: Direction, id: WireId) {
        let side = self.place.side;
        cx.tell(|| format!("{} {direction:?} is connection {id}", self.place));
        match cx.network.wires.get_mut(&id).filter(|wire| wire.ends[side] == End::Open) {
            Some(wire) => {
                wire.wanted[side].push(self.handed.clone());
                self.drop_link(cx, direction);
                self.links[direction as usize] = Some(Link { wire: id, out: BytesMut::new() });
                let transport = &self.session.config().transport;
                let local = transport.local.unwrap_or(cx.pair.own[side][0]);
                let addresses = Addresses { local, remote: transport.remote.ip() };
                self.handle(cx, Input::Connected(direction, addresses));
            }
            None if direction == Direction::Outgoing => self.handle(cx, Input::ConnectFailed),
            None => cx.network.close(cx.agenda, cx.rng, (id, side)),
        }
    }

    fn drop_link(&mut self, cx: &mut Context<'_>, direction: Direction) {
        if let Some(link) = self.links[direction as usize].take() {
            cx.network.close(cx.agenda, cx.rng, (link.wire, self.place.side));
        }
    }

    fn broken(&mut self, cx: &mut Context<'_>, direction: Direction) {
        let Some(link) = &self.links[direction as usize] else { return };
        self.heard = Some(link.wire);
        if let Read::Octets(octets) = cx.network.read(cx.agenda, (link.wire, self.place.side), READ) {
            self.handle(cx, Input::Bytes(direction, &octets));
        }
        self.drop_link(cx, direction);
        self.has_broken = true;
        cx.tell(|| format!("{} {direction:?} is closed or broken", self.place));
        self.handle(cx, Input::Closed(direction));
    }

    /// The socket is ready: writes what is left, reads once.
    fn exchange(&mut self, cx: &mut Context<'_>, direction: Direction) {
        let Some(link) = &mut self.links[direction as usize] else { return };
        let socket = (link.wire, self.place.side);
        if cx.network.write(cx.agenda, cx.rng, socket, &mut link.out).is_err() {
            return self.broken(cx, direction);
        }
        if self.deaf_until > cx.agenda.now {
            return;
        }
        match cx.network.read(cx.agenda, socket, READ) {
            Read::Octets(octets) => {
                self.heard = Some(socket.0);
                self.handle(cx, Input::Bytes(direction, &octets));
            }
            Read::Nothing => {}
            Read::End | Read::Error => self.broken(cx, direction),
        }
    }

    fn settle(&mut self, cx: &mut Context<'_>) {
        loop {
            self.drain(cx);
            let made: usize = Direction::ALL.into_iter().map(|direction| self.transmit(cx, direction)).sum();
            if made == 0 {
                return self.drain(cx);
            }
        }
    }

    fn transmit(&mut self, cx: &mut Context<'_>, direction: Direction) -> usize {
        let Some(link) = &mut self.links[direction as usize] else { return 0 };
        if !link.out.is_empty() {
            return 0;
        }
        self.session.transmit(cx.now(), direction, &mut link.out, self.room);
        if let Some(octets) =
            self.refresh.take_if(|_| self.watch.up.as_ref().is_some_and(|up| up.wire == link.wire))
        {
            link.out.extend_from_slice(&octets);
        }
        let made = link.out.len();
        for message in messages(&link.out) {
            cx.stats.messages += 1;
            if !is(message, MessageType::Keepalive) {
                (cx.pair.unsettled, cx.pair.noise) = (true, cx.pair.noise + 1);
            }
        }
        let (place, wire) = (self.place, link.wire);
        if made > 0 {
            let kinds = || messages(&link.out).map(|m| m.get(18).copied().unwrap_or(0)).collect::<Vec<_>>();
            cx.trace.line(cx.agenda.now, || format!("{place} says {:?}, {made} octets, on {wire}", kinds()));
        }
        if made > self.room + FRAME + READ {
            cx.fail(format!("{place}: a write buffer of {made} octets"));
        }
        let written = cx.network.write(cx.agenda, cx.rng, (wire, place.side), &mut link.out);
        if written.is_err() {
            self.broken(cx, direction);
        }
        made
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        let mut events = Vec::new();
        let mut outputs = 0;
        while let Some(output) = self.session.poll() {
            outputs += 1;
            match output {
                Output::Connect => self.dial(cx),
                Output::Disconnect(direction, last_words) => self.disconnect(cx, direction, &last_words),
                Output::Event(event) => events.push(event),
            }
        }
        self.has_broken = false;
        if outputs > OUTPUTS {
            cx.fail(format!("{}: {outputs} outputs at once", self.place));
        }
        for event in &events {
            if !matches!(event, Event::Said(_)) {
                cx.tell(|| format!("{} {event:?}", self.place));
            }
        }
        self.watch.turn(cx, &self.session, self.heard, &events);
    }

    fn dial(&mut self, cx: &mut Context<'_>) {
        self.give_up_dial(cx);
        cx.pair.noise += 1;
        let wire = cx.network.dial(cx.agenda, cx.rng, self.place);
        cx.tell(|| format!("{} dials, connection {wire}", self.place));
        self.dial = Some(wire);
    }

    fn give_up_dial(&mut self, cx: &mut Context<'_>) {
        if let Some(wire) = self.dial.take() {
            cx.network.close(cx.agenda, cx.rng, (wire, self.place.side));
        }
    }

    fn disconnect(&mut self, cx: &mut Context<'_>, direction: Direction, last_words: &Bytes) {
        if direction == Direction::Outgoing {
            self.give_up_dial(cx);
        }
        let Some(mut link) = self.links[direction as usize].take() else {
            if !last_words.is_empty() && !self.has_broken {
                cx.fail(format!("{}: last words to nobody", self.place));
            }
            return;
        };
        link.out.extend_from_slice(last_words);
        cx.tell(|| format!("{} closes {}, {} octets left", self.place, link.wire, link.out.len()));
        if link.out.is_empty() {
            cx.network.close(cx.agenda, cx.rng, (link.wire, self.place.side));
        } else {
            self.say_farewell(cx, link);
        }
    }

    /// Whether all that it wants has been said on the connection, and all that came was read.
    pub(crate) fn is_quiet(&self, cx: &Context<'_>, wire: WireId) -> bool {
        let interval = self.session.config().timers.advertisement_interval;
        let said = interval.is_zero() || cx.agenda.now > self.handed_at + interval + Duration::from_secs(1);
        let drained = |d: Direction| {
            let link = self.links[d as usize].as_ref();
            self.session.is_drained(d) && link.is_none_or(|link| link.wire == wire && link.out.is_empty())
        };
        said && !self.news && !self.stopped && self.wish.is_none() && Direction::ALL.into_iter().all(drained)
    }
}

/// Schedules a task at one of its two times, unless that comes before anyway.
pub(crate) fn schedule(agenda: &mut Agenda, place: Place, slot: &mut Time, at: Time) {
    if *slot > at {
        *slot = at.max(agenda.now);
        agenda.at(at, Happening::Run(place));
    }
}
