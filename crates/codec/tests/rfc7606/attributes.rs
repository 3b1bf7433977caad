//! §7: attribute by attribute.

use super::*;

#[test]
fn a_length_that_an_attribute_cannot_have_brings_its_treatment() {
    let cases: [(u8, u8, usize, Treatment); 16] = [
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
        (0xC0, 25, 21, TreatAsWithdraw),
        (0xC0, 25, 0, TreatAsWithdraw),
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

/// RFC 5065 §5.
#[test]
fn confederation_segments_are_kept_within_an_as_and_withdraw_from_outside() {
    for (kind, shown) in [(3, "(64513) 65010"), (4, "[64513] 65010")] {
        let path = [&hex!("40 02 0C")[..], &[kind], &hex!("01 0000FC01 0201 0000FDF2")].concat();
        let all = [&ORIGIN[..], &path, &NEXT_HOP, &LOCAL_PREF];
        let inside = decode(&[], &all, &DEFAULT_ROUTE, &internal()).unwrap();
        assert_eq!(attributes(&inside).as_path.to_string(), shown);
        let outside = decode(&[], &all[..3], &DEFAULT_ROUTE, &external()).unwrap();
        assert_eq!(only_fault(&outside), (2, TreatAsWithdraw, &Flaw::Confederation));
    }
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
