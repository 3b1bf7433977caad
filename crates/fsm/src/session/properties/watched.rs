//! A driver and a peer that do whatever they are told, and watch the session: what they assert holds whatever happens.
//!
//! ```text
//!  Happening ──► driver ──► Session ──► poll: Up and Down alternate; a NOTIFICATION is the last word, and the one that is told
//!                  ▲           │
//!                  │           └──────► transmit: whole messages, to a connection that is there ──► the peer reads them,
//!                  └── octets of the peer, cut anywhere                                             and holds what they say
//! ```
//!
//! The property tests and the fuzz target `session` both run it, so it keeps to what everybody can see of a session.

use super::{
    Addresses, Direction, Down, Event, Import, Input, Mode, Negotiated, Output, PeerConfig, Session, State,
};
use bytes::{Bytes, BytesMut};
use ipnet::IpNet;
use quadzero_codec::{
    AsPath, Asn, Attributes, Capability, Decoder, Dialect, ErrorCode, Family, HoldTime, Message, MessageType,
    NextHop, Notification, Open, RouteRefresh, RouterId, encode_announced, encode_withdrawn,
};
use quadzero_rib::{Route, RouteSet};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

/// Something that happens to a session.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Start,
    Stop,
    BfdDown,
    /// The operator changes what can be changed in place, or resets the session for it.
    Configure {
        sort: u8,
        reset: bool,
    },
    Connected(Direction),
    ConnectFailed,
    /// The peer's OPEN; of its capabilities, those whose bit is set.
    Open {
        hold: u16,
        asn: u32,
        capabilities: u8,
    },
    Keepalive,
    /// The peer announces or withdraws a prefix.
    Update {
        announce: bool,
    },
    Notification,
    Refresh {
        subtype: u8,
    },
    Octets(Vec<u8>),
    Closed(Direction),
    /// The time of the next deadline has come.
    Deadline,
    Wait(u16),
    /// The routes whose bit is set are wanted, with attributes of some sort.
    Routes {
        chosen: u16,
        sort: u8,
    },
    /// The peer reads, or does not.
    Reads(bool),
    /// A peer that does not read has room for so much.
    Trickle(u16),
}

const DAY: Duration = Duration::from_secs(86_400);
const ADDRESSES: Addresses = Addresses {
    local: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    remote: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
};

/// A connection as the peer sees it.
#[derive(Debug, Default)]
struct Wire {
    decoder: Decoder,
    holds: BTreeMap<IpNet, Attributes>,
    /// What has not been said again since BoRR (RFC 7313 §4).
    stale: Option<BTreeSet<IpNet>>,
    ends_of_rib: BTreeSet<Family>,
    /// Those of a session that was told to stop, behind what it has withdrawn.
    farewells: BTreeSet<Family>,
}

pub(crate) struct Watched {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) up: Option<Arc<Negotiated>>,
    /// All that the session said and asked for, in words.
    pub(crate) transcript: Vec<String>,
    wires: [Option<Wire>; 2],
    dialling: bool,
    reads: bool,
    wanted: Arc<RouteSet>,
    last_words: Bytes,
    pieces: Vec<usize>,
    heard: Instant,
}

impl Watched {
    /// `pieces` are the sizes in which octets arrive, over and over; none: as they were sent.
    pub(crate) fn new(config: PeerConfig, now: Instant, pieces: &[u8]) -> Self {
        let mut watched = Self {
            session: Session::new(Arc::new(config), Arc::default(), 3),
            now,
            up: None,
            transcript: Vec::new(),
            wires: [None, None],
            dialling: false,
            reads: true,
            wanted: Arc::default(),
            last_words: Bytes::new(),
            pieces: pieces.iter().map(|size| usize::from(*size).max(1)).collect(),
            heard: now,
        };
        watched.happen(&Happening::Start);
        watched
    }

    /// What the driver would really hand in: no octets without a connection, no result without a dial.
    pub(crate) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Start => self.input(Input::Start),
            Happening::BfdDown => self.input(Input::BfdDown),
            Happening::Configure { sort, reset } => self.configure(*sort, *reset),
            Happening::Stop => self.input(Input::Stop(Notification::new(ErrorCode::CEASE))),
            Happening::Connected(direction) => self.connect(*direction),
            Happening::ConnectFailed if self.dialling => {
                self.dialling = false;
                self.input(Input::ConnectFailed);
            }
            Happening::Closed(direction) => {
                if self.wires[*direction as usize].take().is_some() {
                    self.input(Input::Closed(*direction));
                }
            }
            Happening::Deadline => self.now = self.session.deadline().unwrap_or(self.now).max(self.now),
            Happening::Wait(seconds) => self.now += Duration::from_secs((*seconds).into()),
            Happening::Routes { chosen, sort } => {
                self.wanted = routes(*chosen, *sort);
                self.input(Input::Routes(self.wanted.clone()));
            }
            Happening::Reads(reads) => self.reads = *reads,
            Happening::Trickle(room) => {
                for direction in Direction::ALL {
                    self.transmit(direction, (*room).into());
                }
            }
            other => self.hear(other),
        }
        self.settle();
        self.check_waiting();
        self.check_held();
    }

    fn input(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        self.drain();
    }

    fn configure(&mut self, sort: u8, reset: bool) {
        let mut config = PeerConfig::clone(self.session.config());
        // A peer that behaves is one that we dial.
        config.mode = if sort & 1 == 0 { Mode::Both } else { Mode::Active };
        config.import = if sort & 4 == 0 { Import::All } else { Import::None };
        config.timers.keepalive = (sort & 8 != 0).then(|| Duration::from_secs(7));
        let reset = reset.then(|| Notification::new(ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE));
        self.input(Input::Configure(Arc::new(config), reset));
    }

    fn connect(&mut self, direction: Direction) {
        let may = match direction {
            Direction::Outgoing => std::mem::take(&mut self.dialling),
            Direction::Incoming => self.session.accepts(),
        };
        if may {
            self.wires[direction as usize] = Some(Wire::default());
            self.input(Input::Connected(direction, ADDRESSES));
        }
    }

    fn hear(&mut self, happening: &Happening) {
        let Some(octets) = happening.octets(self.session.config()) else { return };
        for direction in Direction::ALL {
            let mut rest = &octets[..];
            let mut sizes = self.pieces.clone().into_iter().cycle();
            while !rest.is_empty() && self.wires[direction as usize].is_some() {
                let (piece, behind) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
                self.session.handle(self.now, Input::Bytes(direction, piece));
                self.drain();
                rest = behind;
            }
        }
    }

    /// What is due is done, which makes nothing due that would never end.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.input(Input::Timeout);
            for direction in Direction::ALL {
                while self.reads && self.transmit(direction, 4096) {}
            }
            if self.session.deadline().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("something is always due: {:?}", self.session);
    }

    /// Has the session make octets, and the peer read them. Whether there were any.
    fn transmit(&mut self, direction: Direction, room: usize) -> bool {
        let dialect = self.session.negotiated().map(|agreed| agreed.dialect.clone()).unwrap_or_default();
        let mut out = BytesMut::new();
        self.session.transmit(self.now, direction, &mut out, room);
        if !out.is_empty() {
            self.transcript.push(format!("{direction:?} {out:02x?}"));
            let wire =
                self.wires[direction as usize].as_mut().expect("octets are for a connection that is there");
            wire.read(&out, &dialect);
        }
        self.drain();
        !out.is_empty()
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            self.transcript.push(format!("{output:?}"));
            match output {
                Output::Connect => self.dialling = true,
                Output::Disconnect(direction, last_words) => self.disconnect(direction, last_words),
                Output::Event(Event::Up(agreed)) => {
                    assert!(self.up.replace(agreed).is_none(), "up twice");
                }
                Output::Event(Event::Down(why)) => {
                    assert!(self.up.take().is_some(), "down while down");
                    self.check_told(&why);
                }
                Output::Event(Event::Failed(why)) => self.check_told(&why),
                Output::Event(Event::Received(MessageType::Keepalive | MessageType::Update)) => {
                    self.heard = self.now
                }
                Output::Event(_) => {}
            }
        }
        assert_eq!(self.up.is_some(), self.session.state() == State::Established);
    }

    /// Whatever comes behind it would be octets for no connection.
    fn disconnect(&mut self, direction: Direction, last_words: Bytes) {
        let wire = self.wires[direction as usize].take();
        assert!(last_words.is_empty() || wire.is_some(), "last words to nobody");
        self.dialling &= direction == Direction::Incoming;
        self.last_words = last_words;
    }

    /// A NOTIFICATION is the last word, alone, and the one that we tell of; the peer's own is not answered (RFC 4271 §6).
    fn check_told(&mut self, why: &Down) {
        let mut decoder = Decoder::default();
        decoder.push(&std::mem::take(&mut self.last_words));
        let extended = Dialect { receive_extended: true, ..Dialect::default() };
        let said = decoder.next(&extended).expect("last words can be read");
        assert!(decoder.is_empty(), "something behind the last words");
        match why {
            Down::Sent(notification) => assert_eq!(said, Some(Message::Notification(notification.clone()))),
            _ => assert_eq!(said, None, "{why}"),
        }
    }

    /// A deadline lies ahead, and to come before it changes nothing. Where no Hold Time was agreed on and nothing waits to be sent,
    /// there is none; else there is one within the Hold Time.
    fn check_waiting(&mut self) {
        let deadline = self.session.deadline();
        let early = deadline.map_or(self.now + DAY, |at| self.now + (at - self.now) / 2);
        let before = format!("{:?}", self.session);
        self.session.handle(early, Input::Timeout);
        assert_eq!(format!("{:?}", self.session), before, "an early Timeout changes something");
        assert!(self.session.poll().is_none(), "an early Timeout asks for something");
        let Some(agreed) = &self.up else { return };
        let hold = agreed.hold_time.duration();
        match hold {
            Some(hold) => assert!(deadline.is_some_and(|at| at <= self.now + hold), "no HoldTimer runs"),
            None if self.reads => assert_eq!(deadline, None, "a timer without a Hold Time"),
            None => {}
        }
    }

    /// A table is empty unless the session is up; and a peer that reads holds what is wanted, no more and no less.
    fn check_held(&self) {
        let learned = self.session.learned().lock().expect("nobody panics with it").len();
        assert!(self.up.is_some() || learned == 0, "graceful restart is not configured");
        let Some(agreed) = self.up.as_ref().filter(|_| self.reads) else { return };
        let expected: BTreeMap<IpNet, Attributes> = self
            .wanted
            .iter()
            .filter(|route| agreed.families.contains(&Family::of(&route.prefix)))
            .map(|route| (route.prefix, received(route, agreed)))
            .collect();
        // Of two connections, the one that is Established is the only one left.
        let wires: Vec<&Wire> = self.wires.iter().flatten().collect();
        assert_eq!(wires.len(), 1);
        assert_eq!(wires[0].holds, expected);
        assert_eq!(wires[0].stale, None, "EoRR is missing");
        assert_eq!(wires[0].ends_of_rib, agreed.families.iter().copied().collect());
        assert_eq!(self.session.prefixes_sent(), expected.len());
    }

    /// The peer says nothing more, but reads. It is given up when the Hold Time is over, to the moment, and never without one.
    pub(crate) fn fall_silent(&mut self) {
        self.happen(&Happening::Reads(true));
        let Some(agreed) = self.up.clone() else { return };
        self.transcript.clear();
        let end = self.heard + agreed.hold_time.duration().unwrap_or(DAY);
        while self.session.deadline().is_some_and(|at| at < end) {
            self.happen(&Happening::Deadline);
            assert!(self.up.is_some(), "given up before the Hold Time is over");
        }
        self.now = end;
        self.happen(&Happening::Deadline);
        assert_eq!(self.up.is_none(), agreed.hold_time != HoldTime::ZERO);
        let expired =
            Output::Event(Event::Down(Down::Sent(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED))));
        assert_eq!(self.transcript.contains(&format!("{expired:?}")), self.up.is_none());
    }

    /// The peer behaves from now on: it becomes Established.
    pub(crate) fn behave(&mut self) {
        self.happen(&Happening::Reads(true));
        self.happen(&Happening::Start);
        Direction::ALL.iter().for_each(|direction| self.happen(&Happening::Closed(*direction)));
        for _ in 0..20 {
            if self.up.is_some() {
                return;
            }
            self.happen(&Happening::Deadline);
            self.happen(&Happening::Connected(Direction::Outgoing));
            self.happen(&Happening::Open {
                hold: 90,
                asn: self.session.config().remote_as.0,
                capabilities: 0xFF,
            });
            self.happen(&Happening::Keepalive);
        }
        panic!("a peer that behaves is kept away: {:?}", self.session);
    }
}

impl Wire {
    fn read(&mut self, octets: &[u8], dialect: &Dialect) {
        let dialect = Dialect { receive_extended: dialect.send_extended, ..dialect.clone() };
        self.decoder.push(octets);
        while let Some(message) = self.decoder.next(&dialect).expect("what we say can be read") {
            match message {
                Message::Update(update) => self.update(update),
                Message::RouteRefresh(RouteRefresh { family, subtype: 1 }) => {
                    let of_family = self.holds.keys().filter(|prefix| Family::of(prefix) == family);
                    self.stale = Some(of_family.copied().collect());
                }
                Message::RouteRefresh(RouteRefresh { subtype: 2, .. }) => {
                    let stale = self.stale.take().expect("EoRR comes behind BoRR");
                    self.holds.retain(|prefix, _| !stale.contains(prefix));
                }
                Message::Open(_) | Message::Keepalive | Message::RouteRefresh(_) => {}
                other => panic!("said in the middle of a connection: {other}"),
            }
        }
        assert!(self.decoder.is_empty(), "half a message");
    }

    fn update(&mut self, update: quadzero_codec::Update) {
        assert_eq!(update.faults, []);
        for prefix in update.withdrawn {
            assert!(self.holds.remove(&prefix).is_some(), "{prefix} is withdrawn and was not there");
        }
        for group in update.announced {
            for prefix in group.prefixes {
                self.holds.insert(prefix, (*group.attributes).clone());
                if let Some(stale) = &mut self.stale {
                    stale.remove(&prefix);
                }
            }
        }
        if let Some(family) = update.end_of_rib {
            let mut is_farewell = || self.holds.is_empty() && self.farewells.insert(family);
            assert!(self.ends_of_rib.insert(family) || is_farewell(), "End-of-RIB of {family} twice");
        }
    }
}

impl Happening {
    fn octets(&self, config: &PeerConfig) -> Option<BytesMut> {
        let mut out = BytesMut::new();
        let dialect = Dialect { own_ipv4: Some(Ipv4Addr::new(192, 0, 2, 2)), ..Dialect::default() };
        let prefix = "198.51.100.0/24".parse().expect("a prefix");
        match self {
            Self::Open { hold, asn, capabilities } => {
                open(config, HoldTime::new(*hold)?, Asn(*asn), *capabilities).encode(&dialect, &mut out);
            }
            Self::Keepalive => Message::Keepalive.encode(&dialect, &mut out),
            Self::Update { announce: true } => {
                let attributes =
                    Attributes { as_path: AsPath::sequence([config.remote_as]), ..Attributes::default() };
                encode_announced(&attributes, &[prefix], &dialect, &mut out).expect("it has an address");
            }
            Self::Update { announce: false } => {
                encode_withdrawn(&[prefix], &dialect, &mut out);
            }
            Self::Notification => {
                Message::Notification(Notification::new(ErrorCode::CEASE)).encode(&dialect, &mut out);
            }
            Self::Refresh { subtype } => {
                let refresh = RouteRefresh { family: Family::IPV4_UNICAST, subtype: *subtype };
                Message::RouteRefresh(refresh).encode(&dialect, &mut out);
            }
            Self::Octets(octets) => out.extend_from_slice(octets),
            _ => return None,
        }
        Some(out)
    }
}

fn open(config: &PeerConfig, hold_time: HoldTime, asn: Asn, capabilities: u8) -> Message {
    let all = [
        Capability::FourOctetAs(asn),
        Capability::RouteRefresh,
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedMessage,
        Capability::Multiprotocol(Family::IPV4_UNICAST),
        Capability::Multiprotocol(Family::IPV6_UNICAST),
        Capability::Unknown { code: 200, value: Bytes::from_static(&[1]) },
    ];
    let chosen = all.into_iter().enumerate().filter(|(i, _)| capabilities >> i & 1 == 1);
    let router_id =
        RouterId::new(Ipv4Addr::from_bits(config.router_id.get().to_bits() + 1)).expect("not zero");
    Message::Open(Open { asn, hold_time, router_id, capabilities: chosen.map(|(_, c)| c).collect() })
}

/// Every fourth route is of IPv6; neighbors differ in their attributes, so that each has a message of its own.
fn routes(chosen: u16, sort: u8) -> Arc<RouteSet> {
    let prefix = |i: u16| if i % 4 == 3 { format!("2001:db8:{i}::/48") } else { format!("203.0.113.{i}/32") };
    let route = |i: u16| Route {
        prefix: prefix(i).parse().expect("a prefix"),
        attributes: Arc::new(Attributes {
            as_path: AsPath::sequence([Asn(65010)]),
            med: Some((u32::from(i) + u32::from(sort)) % 3),
            ..Attributes::default()
        }),
    };
    Arc::new(RouteSet::new((0..16).filter(|i| chosen >> i & 1 == 1).map(route)))
}

/// What arrives of a route that is sent.
fn received(route: &Route, agreed: &Negotiated) -> Attributes {
    let Dialect { own_ipv4, own_ipv6, .. } = agreed.dialect;
    let own = match route.prefix {
        IpNet::V4(_) => own_ipv4.map(IpAddr::V4),
        IpNet::V6(_) => own_ipv6.map(IpAddr::V6),
    };
    let next_hop = NextHop::Address(own.expect("there is an address of both families"));
    Attributes { next_hop, ..(*route.attributes).clone() }
}
