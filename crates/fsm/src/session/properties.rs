//! The session under arbitrary inputs: whatever happens, in whatever order, these hold.

use super::*;
use crate::testing::{address, config, mirrored, routes};
use proptest::prelude::*;
use quadzero_codec::{AsPath, Asn, Attributes, ErrorCode, HoldTime, Message, NextHop, encode_announced};
use std::{net::Ipv4Addr, time::Duration};

/// Something that happens to a session.
#[derive(Clone, Debug)]
enum Happening {
    Start,
    Stop,
    Connected(Direction),
    ConnectFailed,
    Open { hold: u16, asn: u32 },
    Keepalive,
    Update,
    Notification,
    Octets(Vec<u8>),
    Closed(Direction),
    Deadline,
    Wait(u16),
    Routes(bool),
    BfdDown,
}

fn happening() -> impl Strategy<Value = Happening> {
    let direction = || prop_oneof![Just(Direction::Outgoing), Just(Direction::Incoming)];
    prop_oneof![
        2 => Just(Happening::Start),
        1 => Just(Happening::Stop),
        6 => direction().prop_map(Happening::Connected),
        1 => Just(Happening::ConnectFailed),
        6 => (prop_oneof![Just(0_u16), Just(3), Just(90)], prop_oneof![9 => Just(65020_u32), 1 => Just(65099)])
            .prop_map(|(hold, asn)| Happening::Open { hold, asn }),
        6 => Just(Happening::Keepalive),
        2 => Just(Happening::Update),
        1 => Just(Happening::Notification),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(Happening::Octets),
        1 => direction().prop_map(Happening::Closed),
        2 => Just(Happening::Deadline),
        2 => (0_u16..300).prop_map(Happening::Wait),
        2 => any::<bool>().prop_map(Happening::Routes),
        1 => Just(Happening::BfdDown),
    ]
}

fn octets(happening: &Happening) -> Option<Bytes> {
    let mut out = BytesMut::new();
    let dialect = Default::default();
    match happening {
        Happening::Open { hold, asn } => {
            let mut open = negotiate::our_open(&mirrored(&config()), false);
            open.hold_time = HoldTime::new(*hold)?;
            open.asn = Asn(*asn);
            open.capabilities.retain(|c| !matches!(c, quadzero_codec::Capability::FourOctetAs(_)));
            open.capabilities.push(quadzero_codec::Capability::FourOctetAs(Asn(*asn)));
            Message::Open(open).encode(&dialect, &mut out);
        }
        Happening::Keepalive => Message::Keepalive.encode(&dialect, &mut out),
        Happening::Update => {
            let attributes = Attributes {
                as_path: AsPath::sequence([Asn(65020)]),
                next_hop: NextHop::Address(Ipv4Addr::new(192, 0, 2, 2).into()),
                ..Attributes::default()
            };
            encode_announced(&attributes, &["198.51.100.0/24".parse().ok()?], &dialect, &mut out).ok()?;
        }
        Happening::Notification => {
            Message::Notification(Notification::new(ErrorCode::CEASE)).encode(&dialect, &mut out);
        }
        Happening::Octets(octets) => out.extend_from_slice(octets),
        _ => return None,
    }
    Some(out.freeze())
}

/// Plays the driver, and watches.
struct Watched {
    session: Session,
    now: Instant,
    connected: [bool; 2],
    up: bool,
    dialling: bool,
}

impl Watched {
    fn new() -> Self {
        let session = Session::new(Arc::new(config()), Arc::default(), 3);
        Self { session, now: Instant::now(), connected: [false; 2], up: false, dialling: false }
    }

    /// What the driver would really hand in: no bytes without a connection, no result without a dial.
    fn happen(&mut self, happening: &Happening) {
        let addresses = Addresses { local: address(0), remote: address(1) };
        match happening {
            Happening::Start => self.session.handle(self.now, Input::Start),
            Happening::BfdDown => self.session.handle(self.now, Input::BfdDown),
            Happening::Stop => {
                self.session.handle(self.now, Input::Stop(Notification::new(ErrorCode::CEASE)))
            }
            Happening::Connected(Direction::Outgoing) if self.dialling => {
                self.dialling = false;
                self.connected[0] = true;
                self.session.handle(self.now, Input::Connected(Direction::Outgoing, addresses));
            }
            Happening::Connected(Direction::Incoming) if self.session.accepts() => {
                self.connected[1] = true;
                self.session.handle(self.now, Input::Connected(Direction::Incoming, addresses));
            }
            Happening::ConnectFailed if self.dialling => {
                self.dialling = false;
                self.session.handle(self.now, Input::ConnectFailed);
            }
            Happening::Closed(direction) if self.connected[*direction as usize] => {
                self.connected[*direction as usize] = false;
                self.session.handle(self.now, Input::Closed(*direction));
            }
            Happening::Deadline => self.now = self.session.deadline().unwrap_or(self.now).max(self.now),
            Happening::Wait(seconds) => self.now += Duration::from_secs((*seconds).into()),
            Happening::Routes(all) => {
                let wanted = if *all { routes(["0.0.0.0/0", "203.0.113.7/32"]) } else { routes([]) };
                self.session.handle(self.now, Input::Routes(wanted));
            }
            other => self.hear(other),
        }
        self.session.handle(self.now, Input::Timeout);
        self.settle();
    }

    fn hear(&mut self, happening: &Happening) {
        let Some(octets) = octets(happening) else { return };
        for direction in Direction::ALL {
            if self.connected[direction as usize] {
                self.session.handle(self.now, Input::Bytes(direction, &octets));
            }
        }
    }

    fn settle(&mut self) {
        self.drain();
        for direction in Direction::ALL {
            let mut out = BytesMut::new();
            self.session.transmit(self.now, direction, &mut out, 4096);
            assert!(out.is_empty() || self.connected[direction as usize], "octets for no connection");
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Connect => self.dialling = true,
                Output::Disconnect(direction, last_words) => {
                    assert!(
                        last_words.is_empty() || self.connected[direction as usize],
                        "last words to nobody"
                    );
                    self.connected[direction as usize] = false;
                    self.dialling &= direction == Direction::Incoming;
                }
                Output::Event(Event::Up(_)) => assert!(!std::mem::replace(&mut self.up, true), "up twice"),
                Output::Event(Event::Down(_)) => {
                    assert!(std::mem::replace(&mut self.up, false), "down while down")
                }
                Output::Event(_) => {}
            }
        }
        assert_eq!(self.up, self.session.state() == State::Established);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Up and Down alternate and agree with the state; nothing is said to a connection that is gone; an early Timeout
    /// changes nothing; a table is empty unless the session is up; a deadline is never in the past once it was acted on.
    #[test]
    fn whatever_happens(happenings in prop::collection::vec(happening(), 1..60)) {
        let mut watched = Watched::new();
        watched.happen(&Happening::Start);
        for happening in &happenings {
            watched.happen(happening);
            let before = (watched.session.deadline(), watched.session.state());
            prop_assert!(before.0.is_none_or(|d| d > watched.now), "a deadline in the past: {:?}", before);
            watched.session.handle(watched.now, Input::Timeout);
            prop_assert_eq!((watched.session.deadline(), watched.session.state()), before);
            prop_assert!(watched.session.poll().is_none());
            let learned = watched.session.learned().lock().unwrap().len();
            prop_assert!(watched.up || learned == 0, "graceful restart is not configured");
        }
    }

    /// Whatever has happened, a peer that behaves from now on becomes Established and holds what is wanted.
    #[test]
    fn a_peer_that_behaves_becomes_established_in_the_end(happenings in prop::collection::vec(happening(), 1..40)) {
        let mut watched = Watched::new();
        watched.happen(&Happening::Start);
        happenings.iter().for_each(|h| watched.happen(h));
        watched.happen(&Happening::Start);
        for direction in Direction::ALL {
            watched.happen(&Happening::Closed(direction));
        }
        for _ in 0..20 {
            if watched.up {
                break;
            }
            watched.happen(&Happening::Deadline);
            watched.happen(&Happening::Connected(Direction::Outgoing));
            watched.happen(&Happening::Open { hold: 90, asn: 65020 });
            watched.happen(&Happening::Keepalive);
        }
        prop_assert!(watched.up, "{:?}", watched.session);
    }
}
