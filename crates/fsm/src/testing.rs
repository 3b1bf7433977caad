//! `Pair`: two sessions, one imaginary clock, and the network between them. An hour passes in a millisecond.

use crate::{
    Addresses, Capabilities, Direction, Encodings, Event, HoldNegotiation, Import, Input, Mode, Output,
    PeerConfig, Session, State, Timers, Transport,
};
use bytes::BytesMut;
use quadzero_codec::{Asn, Attributes, Family, RouterId};
use quadzero_rib::{Route, RouteSet};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

/// 192.0.2.1, AS 65010, talks to 192.0.2.2, AS 65020.
pub(crate) fn config() -> PeerConfig {
    PeerConfig {
        name: "peer".into(),
        local_as: Asn(65010),
        router_id: RouterId::new(Ipv4Addr::new(192, 0, 2, 1)).unwrap(),
        remote_as: Asn(65020),
        mode: Mode::Both,
        families: vec![Family::IPV4_UNICAST],
        timers: Timers::default(),
        damp_peer_oscillations: true,
        hold_negotiation: HoldNegotiation::Minimum,
        role: None,
        capabilities: Capabilities::default(),
        import: Import::All,
        own_address: None,
        honour_graceful_shutdown: true,
        max_prefixes: None,
        max_prefixes_out: None,
        transport: Transport {
            remote: "192.0.2.2:179".parse().unwrap(),
            local: None,
            ttl: None,
            min_ttl: None,
            md5: None,
        },
    }
}

/// The other side of [`config`].
pub(crate) fn mirrored(config: &PeerConfig) -> PeerConfig {
    PeerConfig {
        local_as: config.remote_as,
        remote_as: config.local_as,
        router_id: RouterId::new(Ipv4Addr::new(192, 0, 2, 2)).unwrap(),
        transport: Transport { remote: "192.0.2.1:179".parse().unwrap(), ..config.transport.clone() },
        ..config.clone()
    }
}

/// A set of routes as AS 65010 would announce it to another AS.
pub(crate) fn routes(prefixes: impl IntoIterator<Item = &'static str>) -> Arc<RouteSet> {
    let attributes = Arc::new(Attributes {
        as_path: quadzero_codec::AsPath::sequence([Asn(65010)]),
        ..Attributes::default()
    });
    let route = |p: &str| Route { prefix: p.parse().unwrap(), attributes: attributes.clone() };
    Arc::new(RouteSet::new(prefixes.into_iter().map(route)))
}

/// One of the two speakers, and all that it said had happened.
pub(crate) struct End {
    pub(crate) session: Session,
    pub(crate) events: Vec<(Instant, Event)>,
    /// Dials reach the other side.
    pub(crate) can_dial: bool,
    /// Reads what arrives.
    pub(crate) reads: bool,
    /// Its receive buffer has room; else what is sent to it stays where it is made.
    pub(crate) drains: bool,
    pub(crate) dials: Vec<Instant>,
}

impl End {
    fn new(config: PeerConfig, seed: u64) -> Self {
        let session = Session::new(Arc::new(config), Arc::new(Encodings::default()), seed);
        Self { session, events: Vec::new(), can_dial: true, reads: true, drains: true, dials: Vec::new() }
    }

    fn address(&self, other: &Self) -> Addresses {
        let remote = self.session.config().transport.remote.ip();
        Addresses { local: other.session.config().transport.remote.ip(), remote }
    }

    pub(crate) fn state(&self) -> State {
        self.session.state()
    }

    pub(crate) fn learned(&self) -> Vec<String> {
        self.session.learned().lock().unwrap().iter().map(|(p, _)| p.to_string()).collect()
    }

    /// The events but for single messages, in words.
    pub(crate) fn story(&self) -> Vec<String> {
        let told = |e: &Event| match e {
            Event::Up(_) => Some("up".to_owned()),
            Event::Down(d) => Some(format!("down: {d}")),
            Event::Failed(d) => Some(format!("failed: {d}")),
            _ => None,
        };
        self.events.iter().filter_map(|(_, e)| told(e)).collect()
    }
}

/// A TCP connection: who dialled, and the octets on their way to each side.
struct Wire {
    dialler: usize,
    on_the_way: [BytesMut; 2],
    /// Closed by that side: what is on its way still arrives.
    closed: [bool; 2],
    /// Nothing passes any more, and nobody is told.
    crashed: bool,
}

impl Wire {
    fn direction(&self, side: usize) -> Direction {
        if side == self.dialler { Direction::Outgoing } else { Direction::Incoming }
    }
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    wires: Vec<Wire>,
    /// Octets arrive in pieces of this size.
    pub(crate) piece: usize,
}

impl Pair {
    /// Two started speakers; the second is the mirror image of the first unless changed.
    pub(crate) fn new(left: PeerConfig, right: PeerConfig) -> Self {
        let mut pair = Self {
            now: Instant::now(),
            ends: [End::new(left, 1), End::new(right, 2)],
            wires: Vec::new(),
            piece: usize::MAX,
        };
        for side in 0..2 {
            pair.input(side, Input::Start);
        }
        pair
    }

    pub(crate) fn input(&mut self, side: usize, input: Input<'_>) {
        self.ends[side].session.handle(self.now, input);
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [self.ends[0].state(), self.ends[1].state()]
    }

    pub(crate) fn connections(&self) -> usize {
        self.wires.len()
    }

    /// Lets the time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while self.exchange() {}
            let next = self.ends.iter().filter_map(|e| e.session.deadline()).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for side in 0..2 {
                self.input(side, Input::Timeout);
            }
        }
        self.now = end;
    }

    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while self.exchange() {}
        while !done(self) {
            assert!(self.now < end, "not within {limit:?}: {:?}", self.states());
            self.run(Duration::from_millis(100));
        }
    }

    /// The network fails: every connection breaks.
    pub(crate) fn cut(&mut self) {
        for wire in std::mem::take(&mut self.wires) {
            for side in 0..2 {
                self.input(side, Input::Closed(wire.direction(side)));
            }
        }
    }

    /// A speaker is gone from one moment to the next, and a new one is in its place; the other side notices nothing.
    pub(crate) fn crash(&mut self, side: usize) {
        let config = self.ends[side].session.config().clone();
        self.ends[side].session = Session::new(config, Arc::new(Encodings::default()), 3);
        self.wires.iter_mut().for_each(|wire| wire.crashed = true);
    }

    /// One round of what both sides want, say and hear; whether anything happened.
    pub(crate) fn exchange(&mut self) -> bool {
        let outputs =
            [0, 1].map(|side| std::iter::from_fn(|| self.ends[side].session.poll()).collect::<Vec<_>>());
        let mut happened = false;
        for (side, outputs) in outputs.into_iter().enumerate() {
            for output in outputs {
                happened = true;
                self.output(side, output);
            }
        }
        for wire in 0..self.wires.len() {
            for side in 0..2 {
                happened |= self.transmit(wire, side);
            }
        }
        for side in 0..2 {
            happened |= self.deliver(side);
        }
        happened
    }

    fn output(&mut self, side: usize, output: Output) {
        match output {
            Output::Connect => self.dial(side),
            Output::Disconnect(direction, last_words) => {
                if let Some(wire) = self
                    .wires
                    .iter_mut()
                    .find(|w| w.direction(side) == direction && !w.closed[side] && !w.crashed)
                {
                    wire.on_the_way[1 - side].extend_from_slice(&last_words);
                    wire.closed[side] = true;
                }
            }
            Output::Event(event) => self.ends[side].events.push((self.now, event)),
        }
    }

    fn dial(&mut self, side: usize) {
        let other = 1 - side;
        self.ends[side].dials.push(self.now);
        if !self.ends[side].can_dial {
            return self.input(side, Input::ConnectFailed);
        }
        let addresses = [self.ends[0].address(&self.ends[1]), self.ends[1].address(&self.ends[0])];
        let accepts = self.ends[other].session.accepts();
        self.wires.push(Wire {
            dialler: side,
            on_the_way: Default::default(),
            closed: [false; 2],
            crashed: false,
        });
        self.input(side, Input::Connected(Direction::Outgoing, addresses[side]));
        if accepts {
            self.input(other, Input::Connected(Direction::Incoming, addresses[other]));
        } else if let Some(wire) = self.wires.last_mut() {
            wire.closed[other] = true;
        }
    }

    fn transmit(&mut self, wire: usize, side: usize) -> bool {
        let Some(wire) = self.wires.get_mut(wire) else { return false };
        let direction = wire.direction(side);
        let out = &mut wire.on_the_way[1 - side];
        if wire.closed[side] || wire.crashed || !out.is_empty() || !self.ends[1 - side].drains {
            return false;
        }
        self.ends[side].session.transmit(self.now, direction, out, 8192);
        !out.is_empty()
    }

    fn deliver(&mut self, side: usize) -> bool {
        if !self.ends[side].reads {
            return false;
        }
        let mut happened = false;
        let mut wires = std::mem::take(&mut self.wires);
        for wire in wires.iter_mut().filter(|wire| !wire.crashed) {
            let direction = wire.direction(side);
            let piece = wire.on_the_way[side].len().min(self.piece);
            let octets = wire.on_the_way[side].split_to(piece);
            if !wire.closed[side] && !octets.is_empty() {
                happened = true;
                self.input(side, Input::Bytes(direction, &octets));
            }
            // A session that closed in answer says so among its outputs, which come next; only then is the wire gone.
            if wire.closed[1 - side]
                && wire.on_the_way[side].is_empty()
                && !wire.closed[side]
                && octets.is_empty()
            {
                happened = true;
                wire.closed[side] = true;
                self.input(side, Input::Closed(direction));
            }
        }
        wires.retain(|w| w.closed != [true; 2]);
        wires.append(&mut self.wires);
        self.wires = wires;
        happened
    }
}

/// The local address of a side.
pub(crate) fn address(side: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, side as u8 + 1))
}
