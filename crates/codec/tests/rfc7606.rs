//! RFC 7606, rule by rule: what a malformed UPDATE brings about.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use Treatment::{DiscardAttribute, TreatAsWithdraw};
use hex_literal::hex;
use ipnet::IpNet;
use quadzero_codec::*;
use std::net::IpAddr;

const ORIGIN: [u8; 4] = hex!("40 01 01 00");
const AS_PATH: [u8; 9] = hex!("40 02 06 0201 0000FDF2");
const NEXT_HOP: [u8; 7] = hex!("40 03 04 C0000201");
const LOCAL_PREF: [u8; 7] = hex!("40 05 04 00000064");
const DEFAULT_ROUTE: [u8; 1] = [0];
const MP_REACH: [u8; 25] = hex!("80 0E 16 0002 01 10 20010DB8000000000000000000000001 00 00");

fn external() -> Dialect {
    Dialect::default()
}

fn internal() -> Dialect {
    Dialect { internal: true, ..Dialect::default() }
}

fn two_octet() -> Dialect {
    Dialect { four_octet_as: false, ..Dialect::default() }
}

fn decode(
    withdrawn: &[u8],
    attributes: &[&[u8]],
    nlri: &[u8],
    dialect: &Dialect,
) -> Result<Update, DecodeError> {
    let attributes = attributes.concat();
    let length = |octets: &[u8]| u16::try_from(octets.len()).unwrap().to_be_bytes();
    let body = [&length(withdrawn), withdrawn, &length(&attributes), &attributes, nlri].concat();
    decode_body(&body, dialect)
}

fn decode_body(body: &[u8], dialect: &Dialect) -> Result<Update, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.push(&[0xFF; 16]);
    decoder.push(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    decoder.push(&[2]);
    decoder.push(body);
    match decoder.next(dialect)? {
        Some(Message::Update(update)) => Ok(update),
        other => panic!("{other:?}"),
    }
}

/// The default route with well-formed mandatory attributes and some more.
fn with(more: &[&[u8]], dialect: &Dialect) -> Update {
    let mandatory = [&ORIGIN[..], &AS_PATH, &NEXT_HOP];
    let local_pref = if dialect.internal { &LOCAL_PREF[..] } else { &[] };
    let all = [&mandatory, &[local_pref][..], more].concat();
    decode(&[], &all, &DEFAULT_ROUTE, dialect).unwrap()
}

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|s| s.parse().unwrap()).collect()
}

/// The one fault of an UPDATE, after a look at whether the default route was taken as its treatment says.
fn only_fault(update: &Update) -> (u8, Treatment, &Flaw) {
    let [fault] = &update.faults[..] else { panic!("{update:?}") };
    let withdrawn = fault.treatment == TreatAsWithdraw;
    assert_eq!(update.withdrawn, nets(if withdrawn { &["0.0.0.0/0"] } else { &[] }), "{update:?}");
    assert_eq!(update.announced.is_empty(), withdrawn, "{update:?}");
    (fault.attribute, fault.treatment, &fault.flaw)
}

fn attributes(update: &Update) -> &Attributes {
    &update.announced[0].attributes
}

fn reset(result: Result<Update, DecodeError>) -> (ErrorCode, Vec<u8>) {
    let notification = Notification::from(&result.unwrap_err());
    (notification.code, notification.data.to_vec())
}

// §3: the general rules.

#[test]
fn lengths_beyond_the_message_reset_the_session() {
    let cases =
        [(hex!("0000 0001"), 21), (hex!("0000 FFFF"), 21), (hex!("0001 0000"), 22), (hex!("0003 0000"), 19)];
    for (body, offset) in cases {
        let result = decode_body(&body, &external());
        assert_eq!(result, Err(DecodeError::UpdateLength { offset }), "{body:02x?}");
        assert_eq!(reset(result), (ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST, vec![]));
    }
}

#[test]
fn conflicting_flags_withdraw_the_routes() {
    let optional_origin = hex!("C0 01 01 00");
    let update = decode(&[], &[&optional_origin, &AS_PATH, &NEXT_HOP], &DEFAULT_ROUTE, &external()).unwrap();
    assert_eq!(only_fault(&update), (1, TreatAsWithdraw, &Flaw::Flags(0xC0)));
    let transitive_med = with(&[&hex!("C0 04 04 00000001")], &external());
    assert_eq!(only_fault(&transitive_med), (4, TreatAsWithdraw, &Flaw::Flags(0xC0)));
    let non_transitive_communities = with(&[&hex!("80 08 04 FDF20064")], &external());
    assert_eq!(only_fault(&non_transitive_communities), (8, TreatAsWithdraw, &Flaw::Flags(0x80)));
}

#[test]
fn the_lower_flags_do_not_matter() {
    let partial_and_unused = with(&[&hex!("FF 08 0004 FDF20064")], &external());
    assert_eq!(partial_and_unused.faults, []);
    assert_eq!(*attributes(&partial_and_unused).communities, [Community(0xFDF2_0064)]);
}

#[test]
fn flags_of_mp_attributes_withdraw_but_their_prefixes_are_still_read() {
    let mut reach = MP_REACH;
    reach[0] = 0xC0;
    let update = decode(&[], &[&reach, &ORIGIN, &AS_PATH], &[], &external()).unwrap();
    assert_eq!(update.withdrawn, nets(&["::/0"]));
    assert_eq!(update.announced, []);
    let unreach = decode(&[], &[&hex!("C0 0F 04 0002 01 00")], &[], &external()).unwrap();
    assert_eq!(unreach.withdrawn, nets(&["::/0"]));
}

#[test]
fn a_missing_mandatory_attribute_withdraws_the_routes() {
    let all: [(u8, &[u8]); 4] = [(1, &ORIGIN), (2, &AS_PATH), (3, &NEXT_HOP), (5, &LOCAL_PREF)];
    for missing in [1, 2, 3, 5] {
        let others: Vec<&[u8]> =
            all.iter().filter(|(code, _)| *code != missing).map(|(_, octets)| *octets).collect();
        let update = decode(&[], &others, &DEFAULT_ROUTE, &internal()).unwrap();
        assert_eq!(only_fault(&update), (missing, TreatAsWithdraw, &Flaw::Missing));
    }
}

#[test]
fn next_hop_is_only_mandatory_beside_classic_prefixes() {
    let update = decode(&[], &[&MP_REACH, &ORIGIN, &AS_PATH], &[], &external()).unwrap();
    assert_eq!(update.faults, []);
    assert_eq!(update.announced[0].prefixes, nets(&["::/0"]));
    assert_eq!(attributes(&update).next_hop, NextHop::Address("2001:db8::1".parse().unwrap()));
}

#[test]
fn nothing_is_mandatory_where_nothing_is_announced() {
    let update = decode(&hex!("08 0A"), &[&ORIGIN], &[], &external()).unwrap();
    assert_eq!(update, Update { withdrawn: nets(&["10.0.0.0/8"]), ..Update::default() });
}

#[test]
fn of_an_attribute_that_comes_twice_the_first_counts() {
    let update = with(&[&hex!("80 04 04 00000001"), &hex!("80 04 04 00000002")], &external());
    assert_eq!(only_fault(&update), (4, DiscardAttribute, &Flaw::Duplicate));
    assert_eq!(attributes(&update).med, Some(1));
    // Also of those that we do not know, and even if the second one is malformed.
    let unknown = with(&[&hex!("C0 FF 01 01"), &hex!("C0 FF 01 02")], &external());
    assert_eq!(only_fault(&unknown), (255, DiscardAttribute, &Flaw::Duplicate));
    assert_eq!(attributes(&unknown).unknown[0].value, [1][..]);
    let malformed = with(&[&hex!("80 04 04 00000001"), &hex!("80 04 01 02")], &external());
    assert_eq!(only_fault(&malformed), (4, DiscardAttribute, &Flaw::Duplicate));
}

#[test]
fn mp_attributes_that_come_twice_reset_the_session() {
    let reach = decode(&[], &[&MP_REACH, &MP_REACH, &ORIGIN, &AS_PATH], &[], &external());
    assert_eq!(reset(reach), (ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST, vec![]));
    let unreach = hex!("80 0F 04 0002 01 00");
    let twice = decode(&[], &[&unreach, &unreach], &[], &external());
    assert_eq!(reset(twice), (ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST, vec![]));
}

#[test]
fn an_unrecognized_well_known_attribute_resets_the_session_and_is_shown() {
    let foreign = hex!("40 63 02 CAFE");
    let result = decode(&[], &[&ORIGIN, &foreign, &AS_PATH, &NEXT_HOP], &DEFAULT_ROUTE, &external());
    assert_eq!(reset(result), (ErrorCode::UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, foreign.to_vec()));
}

#[test]
fn the_strongest_treatment_wins() {
    let update = with(&[&hex!("40 06 01 00"), &hex!("80 04 03 000000")], &external());
    assert_eq!(
        update.faults.iter().map(|f| f.treatment).collect::<Vec<_>>(),
        [DiscardAttribute, TreatAsWithdraw]
    );
    assert_eq!((update.withdrawn, update.announced), (nets(&["0.0.0.0/0"]), vec![]));
}

// §4: the attribute list.

#[test]
fn an_attribute_that_runs_over_the_end_withdraws_the_routes() {
    for cut in [&hex!("80 04 05 00000001")[..], &hex!("90 04 00"), &hex!("80 04"), &hex!("80")] {
        let update = with(&[cut], &external());
        let (_, treatment, flaw) = only_fault(&update);
        assert_eq!((treatment, flaw), (TreatAsWithdraw, &Flaw::Overrun), "{cut:02x?}");
    }
}

#[test]
fn an_mp_attribute_that_runs_over_the_end_resets_the_session() {
    for cut in [&MP_REACH[..20], &hex!("80 0F 09 0002 01")] {
        let result = decode(&[], &[&ORIGIN, &AS_PATH, &NEXT_HOP, cut], &DEFAULT_ROUTE, &external());
        assert_eq!(reset(result), (ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST, vec![]));
    }
}

#[test]
fn prefixes_behind_an_overrun_are_found_by_the_total_length() {
    let overrun = hex!("40 02 FF 0201");
    let update = decode(&[], &[&ORIGIN, &overrun], &hex!("08 0A 00"), &external()).unwrap();
    assert_eq!(update.withdrawn, nets(&["10.0.0.0/8", "0.0.0.0/0"]));
}

// §5: the prefixes.

#[test]
fn an_error_in_attributes_without_prefixes_resets_the_session() {
    let origin = hex!("40 01 01 07");
    let result = decode(&hex!("08 0A"), &[&origin], &[], &external());
    assert_eq!(reset(result), (ErrorCode::UPDATE_INVALID_ORIGIN_ATTRIBUTE, origin.to_vec()));
    let flags = hex!("C0 02 00");
    let result = decode(&[], &[&flags], &[], &external());
    assert_eq!(reset(result), (ErrorCode::UPDATE_ATTRIBUTE_FLAGS_ERROR, flags.to_vec()));
    let length = hex!("80 04 01 00");
    let result = decode(&[], &[&length], &[], &external());
    assert_eq!(reset(result), (ErrorCode::UPDATE_ATTRIBUTE_LENGTH_ERROR, length.to_vec()));
    let result = decode(&[], &[&hex!("40 02 04 0201 0000")], &[], &external());
    assert_eq!(reset(result), (ErrorCode::UPDATE_MALFORMED_AS_PATH, vec![]));
    let result = decode(&[], &[&hex!("40 02 44 0201")], &[], &external());
    assert_eq!(reset(result), (ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST, vec![]));
}

#[test]
fn an_attribute_to_discard_does_not_reset_even_without_prefixes() {
    let update = decode(&[], &[&hex!("40 06 01 00")], &[], &external()).unwrap();
    assert_eq!(update.faults[0].treatment, DiscardAttribute);
}

#[test]
fn classic_prefixes_that_cannot_be_read_reset_the_session() {
    let mandatory: [&[u8]; 3] = [&ORIGIN, &AS_PATH, &NEXT_HOP];
    for nlri in [&hex!("21 0000000000")[..], &hex!("18 0A00")] {
        let refused = (ErrorCode::UPDATE_INVALID_NETWORK_FIELD, vec![]);
        assert_eq!(reset(decode(&[], &mandatory, nlri, &external())), refused);
        assert_eq!(reset(decode(nlri, &[], &[], &external())), refused);
    }
}

#[test]
fn mp_prefixes_that_cannot_be_read_reset_the_session_and_are_shown() {
    let cases: [&[u8]; 4] = [
        &hex!("80 0E 17 0002 01 10 20010DB8000000000000000000000001 00 81 00"),
        &hex!("80 0E 14 0002 01 10 20010DB8000000000000000000000001"),
        &hex!("80 0F 05 0002 01 40 20"),
        &hex!("80 0F 02 0002"),
    ];
    for attribute in cases {
        let result = decode(&[], &[attribute, &ORIGIN, &AS_PATH], &[], &external());
        assert_eq!(reset(result), (ErrorCode::UPDATE_OPTIONAL_ATTRIBUTE_ERROR, attribute.to_vec()));
    }
}

// §7: attribute by attribute.

#[test]
fn a_length_that_an_attribute_cannot_have_brings_its_treatment() {
    let cases: [(u8, u8, usize, Treatment); 14] = [
        (0x80, 4, 3, TreatAsWithdraw),
        (0x80, 4, 0, TreatAsWithdraw),
        (0x40, 5, 5, TreatAsWithdraw),
        (0x40, 6, 1, DiscardAttribute),
        (0xC0, 7, 6, DiscardAttribute),
        (0xC0, 7, 9, DiscardAttribute),
        (0xC0, 8, 5, TreatAsWithdraw),
        (0xC0, 8, 0, TreatAsWithdraw),
        (0x80, 9, 3, TreatAsWithdraw),
        (0x80, 10, 6, TreatAsWithdraw),
        (0x80, 10, 0, TreatAsWithdraw),
        (0xC0, 16, 9, TreatAsWithdraw),
        (0xC0, 32, 8, TreatAsWithdraw),
        (0xC0, 35, 2, TreatAsWithdraw),
    ];
    for (flags, code, length, treatment) in cases {
        let attribute = [&[flags, code, length as u8][..], &vec![1; length]].concat();
        let mandatory = [&ORIGIN[..], &AS_PATH, &NEXT_HOP, &LOCAL_PREF];
        let kept: Vec<&[u8]> =
            mandatory.into_iter().filter(|a| a[1] != code).chain([&attribute[..]]).collect();
        let update = decode(&[], &kept, &DEFAULT_ROUTE, &internal()).unwrap();
        assert_eq!(only_fault(&update), (code, treatment, &Flaw::Length(length)));
    }
    for (code, attribute) in [(1, &hex!("40 01 02 0000")[..]), (3, &hex!("40 03 05 C000020100"))] {
        let mandatory = [&ORIGIN[..], &AS_PATH, &NEXT_HOP];
        let all: Vec<&[u8]> = mandatory.into_iter().filter(|a| a[1] != code).chain([attribute]).collect();
        let update = decode(&[], &all, &DEFAULT_ROUTE, &external()).unwrap();
        assert_eq!(only_fault(&update), (code, TreatAsWithdraw, &Flaw::Length(attribute.len() - 3)));
    }
}

#[test]
fn an_origin_without_meaning_withdraws_the_routes() {
    let update =
        decode(&[], &[&hex!("40 01 01 03"), &AS_PATH, &NEXT_HOP], &DEFAULT_ROUTE, &external()).unwrap();
    assert_eq!(only_fault(&update), (1, TreatAsWithdraw, &Flaw::Origin(3)));
}

#[test]
fn a_malformed_as_path_withdraws_the_routes() {
    let cases: [&[u8]; 5] = [
        &hex!("40 02 06 0501 0000FDF2"),    // no such kind of segment
        &hex!("40 02 06 0202 0000FDF2"),    // two numbers claimed, one there
        &hex!("40 02 02 0200"),             // an empty segment
        &hex!("40 02 07 0201 0000FDF2 02"), // half a header
        &hex!("40 02 04 0201 FDF2"),        // two octets a number
    ];
    for path in cases {
        let update = decode(&[], &[&ORIGIN, path, &NEXT_HOP], &DEFAULT_ROUTE, &external()).unwrap();
        assert_eq!(only_fault(&update), (2, TreatAsWithdraw, &Flaw::AsPath), "{path:02x?}");
    }
}

#[test]
fn an_empty_as_path_is_well_formed() {
    let update = decode(&[], &[&ORIGIN, &hex!("40 02 00"), &NEXT_HOP], &DEFAULT_ROUTE, &external()).unwrap();
    assert_eq!(update.faults, []);
    assert_eq!(attributes(&update).as_path, AsPath::default());
}

#[test]
fn confederation_segments_are_kept() {
    let path = hex!("40 02 0C 0301 0000FC01 0201 0000FDF2");
    let update = decode(&[], &[&ORIGIN, &path, &NEXT_HOP], &DEFAULT_ROUTE, &external()).unwrap();
    assert_eq!(attributes(&update).as_path.to_string(), "(64513) 65010");
}

#[test]
fn as_zero_withdraws_in_a_path_and_is_discarded_in_an_aggregator() {
    let path = hex!("40 02 0A 0202 0000FDF2 00000000");
    let update = decode(&[], &[&ORIGIN, &path, &NEXT_HOP], &DEFAULT_ROUTE, &external()).unwrap();
    assert_eq!(only_fault(&update), (2, TreatAsWithdraw, &Flaw::AsZero));
    let aggregator = with(&[&hex!("C0 07 08 00000000 C0000201")], &external());
    assert_eq!(only_fault(&aggregator), (7, DiscardAttribute, &Flaw::AsZero));
}

#[test]
fn a_next_hop_that_is_no_host_withdraws_the_routes() {
    for address in [[0, 0, 0, 0], [224, 0, 0, 1], [240, 0, 0, 1], [255, 255, 255, 255]] {
        let next_hop = [&hex!("40 03 04")[..], &address].concat();
        let update = decode(&[], &[&ORIGIN, &AS_PATH, &next_hop], &DEFAULT_ROUTE, &external()).unwrap();
        assert_eq!(only_fault(&update), (3, TreatAsWithdraw, &Flaw::NextHop(IpAddr::from(address))));
    }
    for address in ["::", "ff02::1"] {
        let octets = address.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let reach = [&MP_REACH[..7], &octets, &MP_REACH[23..]].concat();
        let update = decode(&[], &[&reach, &ORIGIN, &AS_PATH], &[], &external()).unwrap();
        assert_eq!(update.withdrawn, nets(&["::/0"]));
        assert_eq!(update.faults[0].flaw, Flaw::NextHop(address.parse().unwrap()));
    }
}

#[test]
fn next_hop_beside_mp_reach_alone_is_ignored() {
    let update =
        decode(&[], &[&MP_REACH, &ORIGIN, &AS_PATH, &hex!("40 03 04 00000000")], &[], &external()).unwrap();
    assert_eq!(update.faults, []);
    assert_eq!(attributes(&update).next_hop, NextHop::Address("2001:db8::1".parse().unwrap()));
}

#[test]
fn internal_attributes_from_an_external_peer_are_discarded() {
    // RFC 7606 §7.5, §7.9, §7.10: even if they are malformed.
    let cases: [(u8, &[u8]); 6] = [
        (5, &LOCAL_PREF),
        (5, &hex!("40 05 01 00")),
        (9, &hex!("80 09 04 C0000201")),
        (9, &hex!("C0 09 00")),
        (10, &hex!("80 0A 04 C0000201")),
        (10, &hex!("80 0A 03 C00002")),
    ];
    for (code, attribute) in cases {
        let update = with(&[attribute], &external());
        assert_eq!(only_fault(&update), (code, DiscardAttribute, &Flaw::InternalOnly));
        let all = attributes(&update);
        assert_eq!((all.local_pref, all.originator_id, all.cluster_list.len()), (None, None, 0));
    }
}

#[test]
fn internal_attributes_from_an_internal_peer_are_taken() {
    let update = with(&[&hex!("80 09 04 C0000201"), &hex!("80 0A 08 C0000202 C0000203")], &internal());
    let all = attributes(&update);
    assert_eq!(all.local_pref, Some(100));
    assert_eq!(all.originator_id, Some([192, 0, 2, 1].into()));
    assert_eq!(*all.cluster_list, [[192, 0, 2, 2], [192, 0, 2, 3]].map(std::net::Ipv4Addr::from));
    assert_eq!(update.faults, []);
}

#[test]
fn an_mp_next_hop_of_a_wrong_length_resets_the_session_and_is_shown() {
    for reach in [
        &hex!("80 0E 0A 0002 01 04 C0000201 00 00")[..],
        &hex!("80 0E 05 0001 01 00 00"),
        &hex!("80 0E 05 0002 01 FF 00"),
    ] {
        let result = decode(&[], &[reach, &ORIGIN, &AS_PATH], &[], &external());
        assert_eq!(reset(result), (ErrorCode::UPDATE_OPTIONAL_ATTRIBUTE_ERROR, reach.to_vec()));
    }
}

#[test]
fn a_link_local_next_hop_comes_beside_the_global_one_or_alone() {
    let reach = |global: &str| {
        let global = global.parse::<std::net::Ipv6Addr>().unwrap().octets();
        let link_local = hex!("FE80 0000 0000 0000 0000 0000 0000 0001");
        let reach = [&hex!("80 0E 26 0002 01 20")[..], &global, &link_local, &hex!("00 00")].concat();
        let update = decode(&[], &[&reach, &ORIGIN, &AS_PATH], &[], &external()).unwrap();
        assert_eq!(update.faults, []);
        attributes(&update).next_hop
    };
    let link_local = "fe80::1".parse().unwrap();
    assert_eq!(reach("2001:db8::1"), NextHop::WithLinkLocal("2001:db8::1".parse().unwrap(), link_local));
    assert_eq!(reach("::"), NextHop::Address(link_local.into()));
}

// RFC 4760, RFC 4724, RFC 6793, RFC 8092.

#[test]
fn prefixes_of_a_family_that_was_not_negotiated_are_ignored() {
    let ipv4_only = Dialect { ipv6: false, ..external() };
    let update = decode(&[], &[&MP_REACH, &ORIGIN, &AS_PATH, &NEXT_HOP], &DEFAULT_ROUTE, &ipv4_only).unwrap();
    assert_eq!(only_fault(&update), (14, DiscardAttribute, &Flaw::Family(Family::IPV6_UNICAST)));
    let vpn = decode(&[], &[&hex!("80 0F 05 0001 80 FF FF")], &[], &external()).unwrap();
    assert_eq!(vpn.faults[0].flaw, Flaw::Family(Family { afi: 1, safi: 128 }));
    assert_eq!((vpn.withdrawn, vpn.end_of_rib), (vec![], None));
    let ipv6_only = Dialect { ipv4: false, ..external() };
    let classic =
        decode(&hex!("08 0A"), &[&MP_REACH, &ORIGIN, &AS_PATH, &NEXT_HOP], &DEFAULT_ROUTE, &ipv6_only)
            .unwrap();
    assert_eq!((classic.withdrawn, classic.announced.len()), (vec![], 1));
    assert_eq!(classic.faults[0].to_string(), "NLRI: ipv4-unicast was not negotiated (discarded)");
}

#[test]
fn end_of_rib_is_recognized_both_ways_and_only_alone() {
    let end = |withdrawn: &[u8], attributes: &[&[u8]]| {
        decode(withdrawn, attributes, &[], &external()).unwrap().end_of_rib
    };
    assert_eq!(end(&[], &[]), Some(Family::IPV4_UNICAST));
    assert_eq!(end(&[], &[&hex!("80 0F 03 0002 01")]), Some(Family::IPV6_UNICAST));
    assert_eq!(end(&[], &[&hex!("80 0F 03 0001 01")]), Some(Family::IPV4_UNICAST));
    assert_eq!(end(&[], &[&hex!("80 0F 04 0002 01 00")]), None);
    assert_eq!(end(&[0], &[]), None);
    assert_eq!(end(&[], &[&ORIGIN]), None);
    assert_eq!(end(&[], &[&hex!("80 0F 03 0002 01"), &ORIGIN]), None);
}

#[test]
fn one_update_may_withdraw_and_announce_both_families() {
    let unreach = hex!("80 0F 08 0002 01 20 20010DB8");
    let update = decode(
        &hex!("08 0A"),
        &[&MP_REACH, &unreach, &ORIGIN, &AS_PATH, &NEXT_HOP],
        &DEFAULT_ROUTE,
        &external(),
    )
    .unwrap();
    assert_eq!(update.withdrawn, nets(&["10.0.0.0/8", "2001:db8::/32"]));
    let said: Vec<_> = update.announced.iter().map(|a| (a.attributes.next_hop, a.prefixes.clone())).collect();
    let address = |a: &str| NextHop::Address(a.parse().unwrap());
    assert_eq!(
        said,
        [(address("192.0.2.1"), nets(&["0.0.0.0/0"])), (address("2001:db8::1"), nets(&["::/0"]))]
    );
}

#[test]
fn what_is_for_two_octet_speakers_is_discarded_from_others() {
    let as4_path = hex!("C0 11 06 0201 00010000");
    let as4_aggregator = hex!("C0 12 08 00010000 C0000201");
    for (code, attribute) in [(17, &as4_path[..]), (18, &as4_aggregator)] {
        let update = with(&[attribute], &external());
        assert_eq!(only_fault(&update), (code, DiscardAttribute, &Flaw::TwoOctetOnly));
        assert_eq!(attributes(&update).as_path.to_string(), "65010");
    }
}

/// The path that a two-octet peer's AS_PATH and AS4_PATH make.
fn merged(as_path: &[u8], as4_path: &[u8]) -> String {
    let attribute = |flags, code, value: &[u8]| [&[flags, code, value.len() as u8], value].concat();
    let (path, as4) = (attribute(0x40, 2, as_path), attribute(0xC0, 17, as4_path));
    let update = decode(&[], &[&ORIGIN, &path, &NEXT_HOP, &as4], &DEFAULT_ROUTE, &two_octet()).unwrap();
    attributes(&update).as_path.to_string()
}

#[test]
fn as4_path_completes_the_path_of_a_two_octet_peer() {
    let path = hex!("0203 FDF2 5BA0 5BA0");
    assert_eq!(merged(&path, &hex!("0202 00010000 00010001")), "65010 65536 65537");
    assert_eq!(merged(&path, &hex!("0203 0000FDF2 00010000 00010001")), "65010 65536 65537");
    assert_eq!(merged(&path, &hex!("0204 00000001 0000FDF2 00010000 00010001")), "65010 23456 23456");
    // A set counts one, and the confederation in front stays.
    assert_eq!(
        merged(&hex!("0301 FC01 0201 5BA0 0102 0001 0002"), &hex!("0201 00010000 0102 00000001 00000002")),
        "(64513) 65536 {1,2}"
    );
    assert_eq!(merged(&hex!("0201 FDF2 0102 5BA0 0002"), &hex!("0102 00010000 00000002")), "65010 {65536,2}");
    // Confederation segments do not belong into AS4_PATH.
    assert_eq!(merged(&path, &hex!("0301 0000FC01 0201 00010001")), "65010 23456 65537");
}

#[test]
fn a_malformed_as4_path_is_discarded() {
    let path = hex!("40 02 04 0201 5BA0");
    for as4_path in
        [&hex!("C0 11 06 0901 00010000")[..], &hex!("C0 11 04 0201 0001"), &hex!("C0 11 06 0201 00000000")]
    {
        let update =
            decode(&[], &[&ORIGIN, &path, &NEXT_HOP, as4_path], &DEFAULT_ROUTE, &two_octet()).unwrap();
        assert_eq!(only_fault(&update).1, DiscardAttribute);
        assert_eq!(attributes(&update).as_path.to_string(), "23456");
    }
}

#[test]
fn as4_aggregator_counts_only_beside_an_aggregator_of_as_trans() {
    let path = hex!("40 02 04 0201 5BA0");
    let behind = hex!("C0 11 06 0201 00010000  C0 12 08 00010000 C0000202");
    let read = |aggregator: &[u8]| {
        let update =
            decode(&[], &[&ORIGIN, &path, &NEXT_HOP, aggregator, &behind], &DEFAULT_ROUTE, &two_octet())
                .unwrap();
        let all = attributes(&update);
        (all.aggregator.map(|a| a.to_string()), all.as_path.to_string())
    };
    assert_eq!(read(&hex!("C0 07 06 5BA0 C0000201")), (Some("65536 192.0.2.2".into()), "65536".into()));
    assert_eq!(read(&hex!("C0 07 06 FDF2 C0000201")), (Some("65010 192.0.2.1".into()), "23456".into()));
    assert_eq!(read(&[]), (None, "65536".into()));
}

#[test]
fn large_communities_count_once() {
    let update = with(&[&hex!("C0 20 18 0000FDF20000000100000002 0000FDF20000000100000002")], &external());
    assert_eq!(attributes(&update).large_communities.len(), 1);
}

#[test]
fn unknown_optional_attributes_are_kept_in_the_order_of_their_codes() {
    let update = with(&[&hex!("C0 63 02 CAFE"), &hex!("80 28 00"), &hex!("D0 FF 0001 00")], &external());
    let kept: Vec<_> = attributes(&update).unknown.iter().map(|u| (u.flags, u.code, u.value.len())).collect();
    assert_eq!(kept, [(0x80, 40, 0), (0xC0, 99, 2), (0xC0, 255, 1)]);
}
