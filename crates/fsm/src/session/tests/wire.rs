//! What is agreed on in the OPENs, octet by octet: a session, and a peer that is nothing but octets.

use super::*;
use quadzero_codec::{
    AsPath, Asn, Attributes, Capability, Dialect, Family, NextHop, Open, Role, RouteRefresh, RouterId,
    encode_announced,
};
use std::net::Ipv4Addr;

const OUTGOING: Direction = Direction::Outgoing;
const DEFAULT: [&str; 1] = ["0.0.0.0/0"];

/// A session that has dialled, and all that it has asked for.
struct Dialled {
    session: Session,
    now: Instant,
    outputs: Vec<Output>,
}

impl Dialled {
    fn new(config: PeerConfig) -> Self {
        let session = Session::new(Arc::new(config), Arc::default(), 1);
        let mut dialled = Self { session, now: Instant::now(), outputs: Vec::new() };
        let addresses = Addresses { local: address(0), remote: address(1) };
        dialled.session.handle(dialled.now, Input::Start);
        dialled.session.handle(dialled.now, Input::Connected(OUTGOING, addresses));
        dialled
    }

    /// The peer has said these, and nothing was wrong with them.
    fn established(config: PeerConfig, capabilities: Vec<Capability>) -> Self {
        let asn = config.remote_as;
        let mut dialled = Self::new(config);
        dialled.hear(&octets(&Message::Open(open(asn, capabilities))));
        dialled.hear(&octets(&Message::Keepalive));
        assert_eq!(dialled.session.state(), State::Established, "{:?}", dialled.outputs);
        dialled.said();
        dialled
    }

    fn hear(&mut self, octets: &[u8]) {
        self.session.handle(self.now, Input::Bytes(OUTGOING, octets));
        self.outputs.extend(std::iter::from_fn(|| self.session.poll()));
    }

    /// The octets that the session has to say now.
    fn said(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        self.session.transmit(self.now, OUTGOING, &mut out, usize::MAX);
        self.outputs.extend(std::iter::from_fn(|| self.session.poll()));
        out
    }

    fn wants(&mut self, attributes: Attributes) {
        let route =
            quadzero_rib::Route { prefix: DEFAULT[0].parse().unwrap(), attributes: Arc::new(attributes) };
        self.session.handle(self.now, Input::Routes(Arc::new(RouteSet::new([route]))));
    }

    fn learned(&self) -> Vec<String> {
        self.session.learned().lock().unwrap().iter().map(|(p, a)| format!("{p} {}", a.as_path)).collect()
    }

    fn dialect(&self) -> Dialect {
        self.session.negotiated().unwrap().dialect.clone()
    }

    /// The NOTIFICATION that was the end.
    fn last_words(&self) -> Option<Notification> {
        let sent = |output: &Output| match output {
            Output::Event(Event::Down(Down::Sent(n)) | Event::Failed(Down::Sent(n))) => Some(n.clone()),
            _ => None,
        };
        self.outputs.iter().find_map(sent)
    }
}

fn octets(message: &Message) -> BytesMut {
    let mut out = BytesMut::new();
    message.encode(&Dialect::default(), &mut out);
    out
}

fn open(asn: Asn, capabilities: Vec<Capability>) -> Open {
    let router_id = RouterId::new(Ipv4Addr::new(192, 0, 2, 2)).unwrap();
    Open { asn, hold_time: HoldTime::new(90).unwrap(), router_id, capabilities }
}

/// A message of any type and body.
fn raw(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xFF; 16][..], &length, &[kind], body].concat()
}

/// The default route from AS 65020, in an UPDATE of exactly so many octets: the rest is an attribute that nobody knows.
fn update_of(length: usize) -> Vec<u8> {
    let fixed = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xFC, 0x40, 3, 4, 192, 0, 2, 2];
    let padding = length - 19 - 2 - 2 - fixed.len() - 4 - 1;
    let unknown = [&[0xD0, 99][..], &(padding as u16).to_be_bytes(), &vec![7; padding]].concat();
    let attributes = [&fixed[..], &unknown].concat();
    raw(2, &[&[0, 0][..], &(attributes.len() as u16).to_be_bytes(), &attributes, &[0]].concat())
}

fn path(asns: &[u32]) -> Attributes {
    Attributes { as_path: AsPath::sequence(asns.iter().copied().map(Asn)), ..Attributes::default() }
}

/// RFC 8654 §4: we have said that we can, so the peer may; whether it has said so is its own affair.
#[test]
fn messages_of_up_to_65535_octets_are_taken_if_we_have_announced_them_and_no_longer_ones_else() {
    for theirs in [vec![], vec![Capability::ExtendedMessage]] {
        let mut peered =
            Dialled::established(config(), [theirs, vec![Capability::FourOctetAs(Asn(65020))]].concat());
        peered.hear(&update_of(4097));
        peered.hear(&update_of(65_535));
        assert_eq!(peered.learned(), ["0.0.0.0/0 65020"]);
        assert_eq!(peered.session.counters().updates_received, 2);
    }
    let capabilities = Capabilities { extended_message: false, ..Capabilities::default() };
    let theirs = vec![Capability::ExtendedMessage, Capability::FourOctetAs(Asn(65020))];
    let mut peered = Dialled::established(PeerConfig { capabilities, ..config() }, theirs);
    peered.hear(&update_of(4096));
    assert_eq!(peered.learned(), ["0.0.0.0/0 65020"]);
    peered.hear(&update_of(4097)[..19]);
    let refused = Notification::with_data(ErrorCode::HEADER_BAD_MESSAGE_LENGTH, vec![0x10, 0x01]);
    assert_eq!(peered.last_words(), Some(refused));
}

/// RFC 8654 §4.
#[test]
fn messages_of_more_than_4096_octets_are_sent_only_where_both_have_announced_them() {
    for (ours, theirs) in [(true, true), (true, false), (false, true)] {
        let capabilities = Capabilities { extended_message: ours, ..Capabilities::default() };
        let announced = theirs.then_some(Capability::ExtendedMessage).into_iter().collect();
        let mut peered = Dialled::established(PeerConfig { capabilities, ..config() }, announced);
        let communities = (0..2000).map(quadzero_codec::Community).collect();
        peered.wants(Attributes { communities, ..path(&[65010]) });
        let said = peered.said();
        assert_eq!(said.len() > 4096, ours && theirs, "{ours} {theirs}");
        let unsendable = peered.outputs.iter().any(|o| matches!(o, Output::Event(Event::Unsendable(_))));
        assert_eq!(unsendable, !(ours && theirs));
    }
}

/// RFC 8654 §4: never an OPEN or a KEEPALIVE.
#[test]
fn an_open_is_never_an_extended_message() {
    let mut dialled = Dialled::new(config());
    let mut long = raw(1, &[4; 60]);
    long[16..18].copy_from_slice(&4097_u16.to_be_bytes());
    dialled.hear(&long);
    let refused = Notification::with_data(ErrorCode::HEADER_BAD_MESSAGE_LENGTH, vec![0x10, 0x01]);
    assert_eq!(dialled.last_words(), Some(refused));
}

/// RFC 9072 §2: the formats of the parameters, several of them in either; RFC 5492 §4: several of a kind, and unknown ones.
#[test]
fn capabilities_are_found_in_every_form_of_optional_parameters() {
    let fixed = [4, 0xFD, 0xFC, 0, 90, 192, 0, 2, 2];
    let four_octet = [65, 4, 0, 0, 0xFD, 0xFC];
    let parameter = |wide: bool, capability: &[u8]| {
        let length = (capability.len() as u16).to_be_bytes();
        [&[2][..], if wide { &length } else { &length[1..] }, capability].concat()
    };
    let lists = |wide| {
        let unknown = parameter(wide, &[200, 3, 1, 2, 3, 2, 0]);
        let families = parameter(wide, &[1, 4, 0, 1, 0, 1, 1, 4, 0, 1, 0, 1, 1, 4, 0, 25, 0, 65]);
        [unknown, parameter(wide, &[]), families, parameter(wide, &four_octet)].concat()
    };
    let (short, long) = (lists(false), lists(true));
    let extended = |first: u8| [&[first, 255][..], &(long.len() as u16).to_be_bytes(), &long].concat();
    for parameters in [[&[short.len() as u8][..], &short].concat(), extended(255), extended(7)] {
        let mut dialled = Dialled::new(config());
        dialled.hear(&raw(1, &[&fixed[..], &parameters].concat()));
        dialled.hear(&octets(&Message::Keepalive));
        let agreed = dialled.session.negotiated().unwrap_or_else(|| panic!("{:?}", dialled.outputs));
        assert!(agreed.dialect.four_octet_as && agreed.route_refresh);
        assert_eq!(agreed.families, [Family::IPV4_UNICAST]);
    }
    let unknown_parameter = [255, 255, 0, 4, 3, 0, 1, 0];
    let cut_short = [255, 255, 0, 5, 2, 0, 3, 2, 0];
    let another_length = [255, 255, 0, 9, 2, 0, 2, 2, 0];
    for (parameters, code) in [
        (&unknown_parameter[..], ErrorCode::OPEN_UNSUPPORTED_OPTIONAL_PARAMETER),
        (&cut_short, ErrorCode::OPEN_UNSPECIFIC),
        (&another_length, ErrorCode::OPEN_UNSPECIFIC),
    ] {
        let mut dialled = Dialled::new(config());
        dialled.hear(&raw(1, &[&fixed[..], parameters].concat()));
        assert_eq!(dialled.last_words(), Some(Notification::new(code)), "{parameters:?}");
    }
}

/// RFC 6793 §4.1, §4.2.2: AS_TRANS in the OPEN and in the path of an old speaker, with AS4_PATH beside it; never for a new one.
#[test]
fn an_old_speaker_hears_as_trans_and_as4_path_and_a_new_one_the_number_alone() {
    let wide = PeerConfig { local_as: Asn(4_200_000_010), ..config() };
    for (capabilities, old) in [(vec![], true), (vec![Capability::FourOctetAs(Asn(65020))], false)] {
        let mut dialled = Dialled::new(wide.clone());
        assert_eq!(dialled.said()[20..22], 23456_u16.to_be_bytes());
        let mut peered = Dialled::established(wide.clone(), capabilities);
        assert_eq!(peered.dialect().four_octet_as, !old);
        peered.wants(path(&[4_200_000_010]));
        let said = peered.said();
        let has = |octets: &[u8]| said.windows(octets.len()).any(|window| window == octets);
        let as4_path = [0xC0, 17, 6, 2, 1, 0xFA, 0x56, 0xEA, 0x0A];
        assert_eq!(has(&as4_path), old, "{said:02x?}");
        assert_eq!(has(&[0x40, 2, 4, 2, 1, 0x5B, 0xA0]), old);
        assert_eq!(has(&[0x40, 2, 6, 2, 1, 0xFA, 0x56, 0xEA, 0x0A]), !old);
    }
}

/// RFC 6793 §4.2.3: what an old speaker passes on is whole again, and our own AS is seen behind AS_TRANS.
#[test]
fn a_path_through_an_old_speaker_is_learned_whole_and_loops_are_seen_in_it() {
    let wide = PeerConfig { local_as: Asn(4_200_000_010), ..config() };
    let heard = |asns: &[u32]| {
        let mut peered = Dialled::established(wide.clone(), vec![]);
        let old = Dialect {
            four_octet_as: false,
            own_ipv4: Some(Ipv4Addr::new(192, 0, 2, 2)),
            ..Dialect::default()
        };
        let mut out = BytesMut::new();
        encode_announced(&path(asns), &[DEFAULT[0].parse().unwrap()], &old, &mut out).unwrap();
        peered.hear(&out);
        assert_eq!(peered.session.state(), State::Established);
        peered.learned()
    };
    assert_eq!(heard(&[65020, 4_200_000_020]), ["0.0.0.0/0 65020 4200000020"]);
    assert_eq!(heard(&[65020, 4_200_000_010]), [""; 0]);
}

/// RFC 9234 §5, ingress: a route that is for customers only leaks if a customer has it, or a peer that did not mark it itself.
#[test]
fn only_to_customer_is_judged_by_our_role() {
    let marked = Some(Asn(65020));
    let elsewhere = Some(Asn(65099));
    for (role, only_to_customer, taken) in [
        (Some(Role::Provider), marked, false),
        (Some(Role::RouteServer), marked, false),
        (Some(Role::Peer), elsewhere, false),
        (Some(Role::Peer), marked, true),
        (Some(Role::Customer), elsewhere, true),
        (Some(Role::RouteServerClient), elsewhere, true),
        (Some(Role::Provider), None, true),
        (Some(Role::Peer), None, true),
        (None, elsewhere, true),
    ] {
        let mut peered =
            Dialled::established(PeerConfig { role, ..config() }, vec![Capability::FourOctetAs(Asn(65020))]);
        let next_hop = NextHop::Address(address(1));
        let attributes = Attributes { only_to_customer, next_hop, ..path(&[65020]) };
        let mut out = BytesMut::new();
        encode_announced(&attributes, &[DEFAULT[0].parse().unwrap()], &Dialect::default(), &mut out).unwrap();
        peered.hear(&out);
        assert_eq!(!peered.learned().is_empty(), taken, "{role:?} {only_to_customer:?}");
        assert_eq!(peered.session.state(), State::Established);
    }
}

/// RFC 9003 §2: up to 255 octets of UTF-8. What is none of that is told without it, and is as good an end.
#[test]
fn a_shutdown_text_is_told_if_it_is_one() {
    let longest = "ü".repeat(127) + "!";
    let cases: [(&[u8], Option<&str>); 5] = [
        (&[&[255][..], longest.as_bytes()].concat(), Some(&longest)),
        (b"\x03bye and something behind it", Some("bye")),
        (b"\x02\xC3\x28", None),
        (b"\x09too long", None),
        (b"", None),
    ];
    for (data, text) in cases {
        let mut peered = Dialled::established(config(), vec![]);
        peered.hear(&raw(3, &[&[6, 2][..], data].concat()));
        let down = peered.outputs.iter().find_map(|output| match output {
            Output::Event(Event::Down(Down::Received(notification))) => Some(notification),
            _ => None,
        });
        assert_eq!(down.unwrap().shutdown_text().as_deref(), text);
        assert!(peered.outputs.contains(&Output::Disconnect(OUTGOING, Bytes::new())), "it is not answered");
    }
}

/// RFC 2918 §4, RFC 7313 §5: what asks for nothing that we have is ignored; only BoRR and EoRR of a wrong length have an error of their own.
#[test]
fn a_route_refresh_that_asks_for_nothing_of_ours_is_ignored() {
    let both = vec![Capability::RouteRefresh, Capability::EnhancedRouteRefresh];
    for capabilities in [vec![Capability::RouteRefresh], both.clone()] {
        let mut peered = Dialled::established(config(), capabilities);
        peered.wants(path(&[65010]));
        peered.said();
        let vpn = Family { afi: 1, safi: 128 };
        for (family, subtype) in [(Family::IPV6_UNICAST, 0), (vpn, 0), (Family::IPV4_UNICAST, 3), (vpn, 255)]
        {
            peered.hear(&octets(&Message::RouteRefresh(RouteRefresh { family, subtype })));
            assert_eq!(peered.said(), BytesMut::new(), "{family} {subtype}");
        }
        assert_eq!(peered.session.state(), State::Established);
        peered
            .hear(&octets(&Message::RouteRefresh(RouteRefresh { family: Family::IPV4_UNICAST, subtype: 0 })));
        assert_ne!(peered.said(), BytesMut::new());
    }
    let mut peered = Dialled::established(config(), both);
    let wrong = raw(5, &[0, 1, 1, 1, 0]);
    peered.hear(&wrong);
    let refused = Notification::with_data(ErrorCode::ROUTE_REFRESH_INVALID_MESSAGE_LENGTH, wrong);
    assert_eq!(peered.last_words(), Some(refused));
}

/// RFC 6286 §2.1, §2.2: any identifier but zero, and within an AS any but ours.
#[test]
fn identifiers_are_any_number_but_zero() {
    let said = |config: PeerConfig, id: [u8; 4]| {
        let [high, low] = (config.remote_as.0 as u16).to_be_bytes();
        let mut dialled = Dialled::new(config);
        dialled.hear(&raw(1, &[&[4, high, low, 0, 90][..], &id, &[0]].concat()));
        dialled.last_words().map(|notification| notification.code)
    };
    for id in [[224, 0, 0, 1], [255; 4], [0, 0, 0, 1], [127, 0, 0, 1], [192, 0, 2, 1]] {
        assert_eq!(said(config(), id), None, "{id:?}");
    }
    assert_eq!(said(config(), [0; 4]), Some(ErrorCode::OPEN_BAD_BGP_IDENTIFIER));
    let internal = PeerConfig { remote_as: Asn(65010), ..config() };
    assert_eq!(said(internal.clone(), [192, 0, 2, 1]), Some(ErrorCode::OPEN_BAD_BGP_IDENTIFIER));
    assert_eq!(said(internal, [192, 0, 2, 9]), None);
}

/// RFC 7607 §2, RFC 4271 §6.2.
#[test]
fn as_zero_opens_no_session() {
    for open in [
        &[4, 0, 0, 0, 90, 192, 0, 2, 2, 0][..],
        &[4, 0x5B, 0xA0, 0, 90, 192, 0, 2, 2, 8, 2, 6, 65, 4, 0, 0, 0, 0],
    ] {
        let mut dialled = Dialled::new(config());
        dialled.hear(&raw(1, open));
        assert_eq!(dialled.last_words(), Some(Notification::new(ErrorCode::OPEN_BAD_PEER_AS)));
    }
}
