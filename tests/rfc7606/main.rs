//! RFC 7606 whole: every malformation that it names, and those of the attributes that came later, as octets. Each is read twice: once
//! by the codec, which says what is wrong and what is to be done about it, and once by an Established session, which does it.
//!
//! ```text
//!   cases.rs ──► an UPDATE ──┬──► Decoder ──► Fault, or Notification         what is made of it
//!                            └──► Session ──► state, routes, last words      and whether the session survived
//! ```
//!
//! Before the UPDATE the peer has announced its routes and a bystander: what is treated as withdrawn has been there, what is taken
//! replaces what was there, and the bystander shows that nobody else was harmed.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod cases;

use bytes::BytesMut;
use cases::{BYSTANDER, Case, Outcome, Peer, SUBJECTS};
use ipnet::IpNet;
use quadzero::config::Source;
use quadzero_codec::{
    Asn, Capability, Decoder, Dialect, Family, HoldTime, Message, Notification, Open, RouterId, Treatment,
    Update,
};
use quadzero_fsm::{Addresses, Direction, Down, Event, Input, Output, PeerConfig, Session, State};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

#[test]
fn the_codec_makes_of_each_malformation_what_its_rfc_says() {
    for case in cases::all() {
        let read = decode(&case);
        match &case.outcome {
            Outcome::Taken => {
                let update = read.unwrap_or_else(|refused| panic!("{case}: {refused:?}"));
                assert_eq!(update.faults, [], "{case}");
            }
            Outcome::Discarded(attribute) => {
                assert_fault(&case, read, *attribute, Treatment::DiscardAttribute)
            }
            Outcome::Withdrawn(attribute) => {
                assert_fault(&case, read, *attribute, Treatment::TreatAsWithdraw)
            }
            Outcome::Reset(notification) => assert_eq!(read, Err(notification.clone()), "{case}"),
        }
    }
}

/// The gravest fault is that of the attribute, and the routes are announced or withdrawn accordingly.
fn assert_fault(case: &Case, read: Result<Update, Notification>, attribute: u8, treatment: Treatment) {
    let update = read.unwrap_or_else(|refused| panic!("{case}: {refused:?}"));
    let gravest =
        update.faults.iter().max_by_key(|fault| fault.treatment).map(|f| (f.attribute, f.treatment));
    assert_eq!(gravest, Some((attribute, treatment)), "{case}: {:?}", update.faults);
    let announced: Vec<IpNet> = update.announced.iter().flat_map(|group| group.prefixes.clone()).collect();
    if treatment == Treatment::DiscardAttribute {
        assert_eq!((announced, update.withdrawn), (case.prefixes(), vec![]), "{case}");
    } else {
        assert_eq!((announced, update.withdrawn), (vec![], case.prefixes()), "{case}");
    }
}

fn decode(case: &Case) -> Result<Update, Notification> {
    let dialect = Dialect {
        internal: case.peer == Peer::Internal,
        four_octet_as: case.peer != Peer::TwoOctet,
        ..Dialect::default()
    };
    let mut decoder = Decoder::default();
    decoder.push(&case.update());
    match decoder.next(&dialect) {
        Ok(Some(Message::Update(update))) => Ok(update),
        Ok(other) => panic!("{case}: {other:?}"),
        Err(error) => Err(Notification::from(&error)),
    }
}

#[test]
fn a_session_survives_each_malformation_that_its_rfc_lets_it_survive() {
    for case in cases::all() {
        let mut peered = Peered::with(case.peer);
        peered.announce_everything();
        peered.hear(&case.update());
        let all = peered.learned();
        match &case.outcome {
            Outcome::Taken | Outcome::Discarded(_) => {
                assert_eq!(all, everything(), "{case}");
                for prefix in case.prefixes() {
                    assert!(!peered.is_as_before(prefix), "{case}: {prefix} was not replaced");
                }
                peered.assert_goes_on(&case);
            }
            Outcome::Withdrawn(_) => {
                peered.assert_goes_on(&case);
                let withdrawn: BTreeSet<_> = case.prefixes().into_iter().collect();
                assert!(!withdrawn.is_empty(), "{case}");
                assert_eq!(all, &everything() - &withdrawn, "{case}");
            }
            Outcome::Reset(notification) => {
                assert_eq!(peered.last_words(), Some(notification.clone()), "{case}");
                assert_ne!(peered.session.state(), State::Established, "{case}");
                assert_eq!(all, BTreeSet::new(), "{case}");
            }
        }
    }
}

/// A table that lost half of its rows would still pass.
#[test]
fn the_table_holds_every_attribute_and_every_outcome() {
    let all = cases::all();
    assert!(all.len() > 200, "{}", all.len());
    let names: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), all.len(), "a name stands twice");
    for attribute in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 18, 25, 32, 35] {
        let about = |outcome: &Outcome| matches!(outcome, Outcome::Discarded(code) | Outcome::Withdrawn(code) if *code == attribute);
        assert!(all.iter().filter(|case| about(&case.outcome)).count() >= 3, "attribute {attribute}");
    }
    for section in ["§3 a", "§3 c", "§3 d", "§3 g", "§3 h", "§4", "§5.2", "§5.3"] {
        assert!(names.iter().any(|name| name.contains(section)), "{section}");
    }
    for section in 1..=16 {
        assert!(names.iter().any(|name| name.contains(&format!("§7.{section}:"))), "§7.{section}");
    }
}

fn everything() -> BTreeSet<IpNet> {
    SUBJECTS.iter().chain([&BYSTANDER]).map(|prefix| prefix.parse().unwrap()).collect()
}

/// An Established session, and the peer's side of it.
struct Peered {
    session: Session,
    now: Instant,
    peer: Peer,
    outputs: Vec<Output>,
}

impl Peered {
    fn with(peer: Peer) -> Self {
        let config = config(peer);
        let addresses =
            Addresses { local: "192.0.2.1".parse().unwrap(), remote: config.transport.remote.ip() };
        let session = Session::new(Arc::new(config), Arc::default(), 1);
        let mut peered = Self { session, now: Instant::now(), peer, outputs: Vec::new() };
        peered.session.handle(peered.now, Input::Start);
        peered.session.handle(peered.now, Input::Connected(Direction::Outgoing, addresses));
        peered.hear(&[encoded(&Message::Open(open(peer))), encoded(&Message::Keepalive)].concat());
        assert_eq!(peered.session.state(), State::Established, "{:?}", peered.outputs);
        peered
    }

    fn hear(&mut self, octets: &[u8]) {
        self.session.handle(self.now, Input::Bytes(Direction::Outgoing, octets));
        self.outputs.extend(std::iter::from_fn(|| self.session.poll()));
    }

    fn announce_everything(&mut self) {
        self.hear(&cases::announcements(self.peer));
        assert_eq!(self.learned(), everything());
    }

    fn learned(&self) -> BTreeSet<IpNet> {
        self.session.learned().lock().unwrap().iter().map(|(prefix, _)| prefix).collect()
    }

    /// Whether the route is the one of the announcements: they alone have this MULTI_EXIT_DISC.
    fn is_as_before(&self, prefix: IpNet) -> bool {
        let learned = self.session.learned().lock().unwrap();
        learned.get(&prefix).is_some_and(|attributes| attributes.med == Some(cases::MED_BEFORE))
    }

    /// The last words, if there were any, and nothing was said or heard behind them.
    fn last_words(&self) -> Option<Notification> {
        let at = self.outputs.iter().position(|output| matches!(output, Output::Disconnect(..)))?;
        let Output::Disconnect(_, octets) = &self.outputs[at] else { return None };
        let mut decoder = Decoder::default();
        decoder.push(octets);
        let Ok(Some(Message::Notification(notification))) = decoder.next(&Dialect::default()) else {
            return None;
        };
        assert!(decoder.is_empty());
        let down = |output: &Output| *output == Output::Event(Event::Down(Down::Sent(notification.clone())));
        self.outputs[at..].iter().any(down).then_some(notification)
    }

    /// Established, and what comes next is taken as if nothing had been.
    fn assert_goes_on(&mut self, case: &Case) {
        assert_eq!(
            (self.session.state(), self.session.counters().dropped),
            (State::Established, 0),
            "{case}"
        );
        let gone = |output: &Output| matches!(output, Output::Disconnect(..) | Output::Event(Event::Down(_)));
        assert!(!self.outputs.iter().any(gone), "{case}: {:?}", self.outputs);
        let before = self.session.counters().updates_received;
        self.hear(&cases::announcements(self.peer));
        assert_eq!(
            (self.learned(), self.session.counters().updates_received),
            (everything(), before + 2),
            "{case}"
        );
    }
}

/// What quadzero would be told about such a peer in its configuration.
fn config(peer: Peer) -> PeerConfig {
    let remote_as = peer.asn();
    let text = format!(
        "[bgp]\nasn = 65010\nrouter-id = \"192.0.2.1\"\n[[originate]]\nprefix = \"0.0.0.0/0\"\n[[neighbor]]\n\
         address = \"192.0.2.2\"\nremote-as = {remote_as}\nfamilies = [\"ipv4-unicast\", \"ipv6-unicast\"]\n\
         import = \"all\"\nmax-prefixes = 100\n"
    );
    let loaded = Source { path: "edge.toml".into(), text }.edge();
    let told = loaded.render(false);
    loaded.value.unwrap_or_else(|| panic!("{told}")).neighbors.remove(0).peer
}

fn open(peer: Peer) -> Open {
    let asn = Asn(peer.asn());
    let families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST].map(Capability::Multiprotocol);
    let four_octet_as = (peer != Peer::TwoOctet).then_some(Capability::FourOctetAs(asn));
    Open {
        asn,
        hold_time: HoldTime::new(90).unwrap(),
        router_id: RouterId::new([192, 0, 2, 2].into()).unwrap(),
        capabilities: families.into_iter().chain(four_octet_as).collect(),
    }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = BytesMut::new();
    message.encode(&Dialect::default(), &mut out);
    out.to_vec()
}
