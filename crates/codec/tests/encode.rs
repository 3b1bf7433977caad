//! What we say, octet by octet, and what we refuse to say.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use bytes::{Bytes, BytesMut};
use hex_literal::hex;
use ipnet::IpNet;
use quadzero_codec::*;
use std::net::{IpAddr, Ipv4Addr};

fn dialect() -> Dialect {
    let (own_ipv4, own_ipv6) = (Some(Ipv4Addr::new(192, 0, 2, 1)), "2001:db8::1".parse().ok());
    Dialect { own_ipv4, own_ipv6, ..Dialect::default() }
}

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|s| s.parse().unwrap()).collect()
}

fn path(asns: &[u32]) -> AsPath {
    AsPath::sequence(asns.iter().copied().map(Asn))
}

fn simple() -> Attributes {
    Attributes { as_path: path(&[65010]), ..Attributes::default() }
}

/// The messages behind their headers, whose lengths have been checked.
fn bodies(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    while !octets.is_empty() {
        assert_eq!(octets[..16], [0xFF; 16]);
        assert_eq!(octets[18], 2);
        let (message, rest) = octets.split_at(u16::from_be_bytes([octets[16], octets[17]]).into());
        bodies.push(message[19..].to_vec());
        octets = rest;
    }
    bodies
}

fn announce(
    attributes: &Attributes,
    prefixes: &[&str],
    dialect: &Dialect,
) -> Result<Vec<Vec<u8>>, EncodeError> {
    let mut out = BytesMut::new();
    let count = encode_announced(attributes, &nets(prefixes), dialect, &mut out);
    let bodies = bodies(&out);
    assert_eq!(count.unwrap_or(0), bodies.len());
    count.map(|_| bodies)
}

/// The path attributes of an UPDATE that announces the default route.
fn said(attributes: &Attributes, dialect: &Dialect) -> Vec<u8> {
    let body = announce(attributes, &["0.0.0.0/0"], dialect).unwrap().remove(0);
    body[4..body.len() - 1].to_vec()
}

#[test]
fn the_default_route_with_next_hop_self() {
    let body = announce(&simple(), &["0.0.0.0/0"], &dialect()).unwrap();
    assert_eq!(body, [hex!("0000 0014 400101 00 400206 0201 0000FDF2 400304 C0000201 00")]);
}

#[test]
fn the_default_route_of_ipv6_in_mp_reach_which_comes_first() {
    let body = announce(&simple(), &["::/0"], &dialect()).unwrap();
    let expected = hex!(
        "0000 0026 800E16 0002 01 10 20010DB8000000000000000000000001 00 00"
        "400101 00 400206 0201 0000FDF2"
    );
    assert_eq!(body, [expected]);
}

#[test]
fn a_link_local_next_hop_goes_beside_the_global_one() {
    let next_hop = NextHop::WithLinkLocal("2001:db8::2".parse().unwrap(), "fe80::2".parse().unwrap());
    let body = announce(&Attributes { next_hop, ..simple() }, &["::/0"], &dialect()).unwrap().remove(0);
    let expected =
        hex!("800E26 0002 01 20 20010DB8000000000000000000000002 FE800000000000000000000000000002 00 00");
    assert_eq!(body[4..][..expected.len()], expected);
}

#[test]
fn every_attribute_in_the_order_of_its_code() {
    let attributes = Attributes {
        origin: Origin::Incomplete,
        next_hop: NextHop::Address([198, 51, 100, 1].into()),
        med: Some(7),
        local_pref: Some(200),
        atomic_aggregate: true,
        aggregator: Some(Aggregator { asn: Asn(65536), id: [192, 0, 2, 9].into() }),
        communities: ["65010:100".parse().unwrap(), Community::NO_EXPORT].into(),
        originator_id: Some([192, 0, 2, 7].into()),
        cluster_list: [[192, 0, 2, 8].into()].into(),
        extended_communities: ["rt:65010:1".parse().unwrap()].into(),
        large_communities: ["65010:1:2".parse().unwrap()].into(),
        only_to_customer: Some(Asn(65010)),
        unknown: [26, 255]
            .map(|code| UnknownAttribute { flags: 0xC0, code, value: Bytes::from_static(&[1]) })
            .into(),
        ..simple()
    };
    let internal = Dialect { internal: true, ..dialect() };
    let expected = hex!(
        "400101 02  400206 0201 0000FDF2  400304 C6336401  800404 00000007  400504 000000C8  400600"
        "C00708 00010000 C0000209  C00808 FDF20064 FFFFFF01  800904 C0000207  800A04 C0000208"
        "C01008 0002FDF200000001  E01A01 01  C0200C 0000FDF2 00000001 00000002  C02304 0000FDF2  E0FF01 01"
    );
    assert_eq!(said(&attributes, &internal), expected);
}

#[test]
fn what_is_for_our_own_as_is_not_told_to_another() {
    let attributes = Attributes {
        local_pref: Some(200),
        originator_id: Some([192, 0, 2, 7].into()),
        cluster_list: [[192, 0, 2, 8].into()].into(),
        ..simple()
    };
    assert_eq!(said(&attributes, &dialect()), said(&simple(), &dialect()));
}

#[test]
fn our_own_as_always_hears_a_local_pref() {
    let said = said(&simple(), &Dialect { internal: true, ..dialect() });
    assert!(said.ends_with(&hex!("400504 00000064")));
}

#[test]
fn unknown_attributes_are_passed_on_only_if_transitive_and_then_as_partial() {
    let unknown = |flags, code| UnknownAttribute { flags, code, value: Bytes::from_static(&[9]) };
    let attributes =
        Attributes { unknown: [unknown(0x80, 98), unknown(0xC0, 99), unknown(0xE0, 100)].into(), ..simple() };
    assert!(said(&attributes, &dialect()).ends_with(&hex!("C0000201 E06301 09 E06401 09")));
}

#[test]
fn an_attribute_of_which_the_form_alone_is_known_is_passed_on_as_it_came() {
    let of = |flags| UnknownAttribute { flags, code: 25, value: Bytes::from_static(&[7; 20]) };
    for (received, sent) in [(0xC0, 0xC0), (0xE0, 0xE0)] {
        let attributes = Attributes { unknown: [of(received)].into(), ..simple() };
        let expected = [&[sent, 25, 20][..], &[7; 20]].concat();
        assert!(said(&attributes, &dialect()).ends_with(&expected));
    }
}

#[test]
fn a_known_code_does_not_slip_in_as_unknown() {
    let med = UnknownAttribute { flags: 0xC0, code: 4, value: Bytes::from_static(&[0; 4]) };
    let attributes = Attributes { unknown: [med].into(), ..simple() };
    assert_eq!(said(&attributes, &dialect()), said(&simple(), &dialect()));
}

#[test]
fn lengths_take_two_octets_only_beyond_255() {
    let with = |n: u32| Attributes { communities: (0..n).map(Community).collect(), ..simple() };
    let header = |n| said(&with(n), &dialect())[20..24].to_vec();
    assert_eq!(header(63), hex!("C008 FC 00"));
    assert_eq!(header(64), hex!("D008 0100"));
}

#[test]
fn a_long_path_is_cut_into_segments_of_255() {
    let long = Attributes { as_path: path(&[65010; 300]), ..simple() };
    let said = said(&long, &dialect());
    assert_eq!(said[4..10], hex!("5002 04B4 02FF"));
    assert_eq!(said[10 + 255 * 4..][..2], hex!("022D"));
}

#[test]
fn a_two_octet_peer_gets_as_trans_and_what_those_behind_it_need() {
    let two_octet = Dialect { four_octet_as: false, ..dialect() };
    let aggregator = |asn| Some(Aggregator { asn: Asn(asn), id: [192, 0, 2, 9].into() });
    let wide = Attributes { as_path: path(&[65536, 65010]), aggregator: aggregator(65537), ..simple() };
    let expected = hex!(
        "400101 00 400206 0202 5BA0 FDF2 400304 C0000201 C00706 5BA0 C0000209"
        "C0110A 0202 00010000 0000FDF2 C01208 00010001 C0000209"
    );
    assert_eq!(said(&wide, &two_octet), expected);
    // RFC 6793 §4.2.2: nothing of that where every number fits.
    let narrow = Attributes { aggregator: aggregator(65010), ..simple() };
    let expected = hex!("400101 00 400204 0201 FDF2 400304 C0000201 C00706 FDF2 C0000209");
    assert_eq!(said(&narrow, &two_octet), expected);
}

#[test]
fn a_confederation_is_kept_out_of_as4_path() {
    let two_octet = Dialect { four_octet_as: false, ..dialect() };
    let segment = |kind, asn| Segment { kind, asns: [Asn(asn)].into() };
    let with = |inner, outer| {
        let as_path = AsPath(
            [segment(SegmentKind::ConfedSequence, inner), segment(SegmentKind::Sequence, outer)].into(),
        );
        said(&Attributes { as_path, ..simple() }, &two_octet)
    };
    assert!(with(64513, 65536).ends_with(&hex!("C01106 0201 00010000")));
    assert!(with(65536, 65010).ends_with(&hex!("400208 0301 5BA0 0201 FDF2 400304 C0000201")));
}

#[test]
fn large_communities_are_said_once() {
    let twice: LargeCommunity = "65010:1:2".parse().unwrap();
    let attributes = Attributes { large_communities: [twice, twice].into(), ..simple() };
    assert!(said(&attributes, &dialect()).ends_with(&hex!("C0200C 0000FDF2 00000001 00000002")));
}

#[test]
fn attributes_that_leave_no_room_are_refused_and_leave_nothing_behind() {
    let with = |n: u32| Attributes { communities: (0..n).map(Community).collect(), ..simple() };
    // 4096 - 23 - 20 of the mandatory attributes - 4 of the header of COMMUNITIES = 4049.
    assert!(announce(&with(1012), &["0.0.0.0/0"], &dialect()).is_ok());
    let refused = announce(&with(1012), &["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/32"], &dialect());
    assert_eq!(refused, Err(EncodeError::TooLong { attributes: 4072, max: 4096 }));
    assert!(matches!(announce(&with(1020), &["0.0.0.0/0"], &dialect()), Err(EncodeError::TooLong { .. })));
    assert!(matches!(announce(&with(20_000), &["::/0"], &dialect()), Err(EncodeError::TooLong { .. })));
    let extended = Dialect { send_extended: true, ..dialect() };
    assert!(announce(&with(1020), &["0.0.0.0/0"], &extended).is_ok());
}

#[test]
fn next_hop_self_needs_an_address_of_the_family() {
    let nobody = Dialect::default();
    let refused = |prefix: &str| announce(&simple(), &[prefix], &nobody);
    assert_eq!(refused("0.0.0.0/0"), Err(EncodeError::NoOwnAddress(Family::IPV4_UNICAST)));
    assert_eq!(refused("::/0"), Err(EncodeError::NoOwnAddress(Family::IPV6_UNICAST)));
}

#[test]
fn a_next_hop_of_the_other_family_is_refused() {
    let via = |next_hop: &str| {
        let next_hop: IpAddr = next_hop.parse().unwrap();
        (Attributes { next_hop: NextHop::Address(next_hop), ..simple() }, next_hop)
    };
    for (address, prefix) in [("2001:db8::1", "0.0.0.0/0"), ("192.0.2.1", "::/0")] {
        let (attributes, next_hop) = via(address);
        let family = Family::of(&prefix.parse().unwrap());
        let refused = announce(&attributes, &[prefix], &dialect());
        assert_eq!(refused, Err(EncodeError::NextHopFamily { family, next_hop }));
    }
}

#[test]
fn an_update_says_all_that_can_be_said_and_reports_what_cannot() {
    let group = |attributes, prefix: &str| Announced {
        attributes: std::sync::Arc::new(attributes),
        prefixes: nets(&[prefix]),
    };
    let stray = Attributes { next_hop: NextHop::Address("2001:db8::9".parse().unwrap()), ..simple() };
    let update = Update {
        withdrawn: nets(&["10.0.0.0/8", "2001:db8::/32", "172.16.0.0/12"]),
        announced: vec![group(stray, "10.1.0.0/16"), group(simple(), "0.0.0.0/0")],
        end_of_rib: Some(Family::IPV4_UNICAST),
        faults: Vec::new(),
    };
    let mut out = BytesMut::new();
    assert!(matches!(update.encode(&dialect(), &mut out), Err(EncodeError::NextHopFamily { .. })));
    let said = bodies(&out);
    assert_eq!(said.len(), 5);
    assert_eq!(said[0], hex!("0002 08 0A 0000"));
    assert_eq!(said[1], hex!("0000 000B 800F08 0002 01 20 20010DB8"));
    assert_eq!(said[2], hex!("0003 0C AC10 0000"));
    assert_eq!(said[3].last(), Some(&0));
    assert_eq!(said[4], [0; 4]);
}

#[test]
fn no_prefixes_make_no_message() {
    assert_eq!(announce(&simple(), &[], &dialect()), Ok(vec![]));
    assert_eq!(encode_withdrawn(&[], &dialect(), &mut BytesMut::new()), 0);
}

#[test]
fn end_of_rib_of_both_families() {
    let mut out = BytesMut::new();
    encode_end_of_rib(Family::IPV4_UNICAST, &mut out);
    encode_end_of_rib(Family::IPV6_UNICAST, &mut out);
    assert_eq!(bodies(&out), [hex!("0000 0000").to_vec(), hex!("0000 0006 800F03 0002 01").to_vec()]);
}

#[test]
fn four_thousand_hosts_fit_into_as_few_messages_as_possible() {
    let hosts: Vec<IpNet> = (0..4000_u32).map(|i| IpNet::from(IpAddr::V4(Ipv4Addr::from_bits(i)))).collect();
    let count =
        |dialect: &Dialect| encode_announced(&simple(), &hosts, dialect, &mut BytesMut::new()).unwrap();
    // 4096 - 23 - 20 octets hold 810 prefixes of five octets.
    assert_eq!(count(&dialect()), 4000_usize.div_ceil(810));
    assert_eq!(count(&Dialect { send_extended: true, ..dialect() }), 1);
}

#[test]
fn a_notification_is_cut_to_what_a_message_holds() {
    let long = Message::Notification(Notification::with_data(ErrorCode(3, 5), vec![1; 60_000]));
    let length = |dialect: &Dialect| {
        let mut out = BytesMut::new();
        long.encode(dialect, &mut out);
        assert_eq!(out[16..18], u16::try_from(out.len()).unwrap().to_be_bytes());
        out.len()
    };
    assert_eq!(length(&dialect()), MAX_MESSAGE);
    assert_eq!(length(&Dialect { send_extended: true, ..dialect() }), 60_021);
}

#[test]
fn a_route_refresh_of_a_wrong_length_is_refused_by_rfc_7313_where_that_was_agreed() {
    let enhanced = Dialect { enhanced_refresh: true, ..Dialect::default() };
    let refuse = |body: &[u8], dialect: &Dialect| {
        let message = [&[0xFF; 16][..], &[0, 19 + body.len() as u8, 5], body].concat();
        let mut decoder = Decoder::default();
        decoder.push(&message);
        (Notification::from(decoder.next(dialect).unwrap_err()), message)
    };
    for body in [&hex!("0001 01")[..], &hex!("0001 02 01 00")] {
        let (said, message) = refuse(body, &enhanced);
        assert_eq!(said, Notification::with_data(ErrorCode::ROUTE_REFRESH_INVALID_MESSAGE_LENGTH, message));
        assert_eq!(refuse(body, &dialect()).0.code, ErrorCode::HEADER_BAD_MESSAGE_LENGTH);
    }
    assert_eq!(refuse(&hex!("0001 00 01 00"), &enhanced).0.code, ErrorCode::HEADER_BAD_MESSAGE_LENGTH);
    assert_eq!(refuse(&[], &enhanced).0.code, ErrorCode::HEADER_BAD_MESSAGE_LENGTH);
}
