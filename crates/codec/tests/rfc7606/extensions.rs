//! What other RFCs add to the rules: multiprotocol (4760), End-of-RIB (4724), two-octet peers (6793), large communities (8092).

use super::*;

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
    let all = [&ORIGIN[..], &path, &NEXT_HOP, &LOCAL_PREF, &as4];
    // Of our own AS, so that there may be confederations.
    let peer = Dialect { internal: true, ..two_octet() };
    attributes(&decode(&[], &all, &DEFAULT_ROUTE, &peer).unwrap()).as_path.to_string()
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
    let cases: [&[u8]; 6] = [
        &hex!("C0 11 00"),
        &hex!("C0 11 06 0901 00010000"),
        &hex!("C0 11 04 0201 0001"),
        &hex!("C0 11 02 0200"),
        &hex!("C0 11 07 0201 00010000 02"),
        &hex!("C0 11 06 0201 00000000"),
    ];
    for as4_path in cases {
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
fn extended_communities_of_ipv6_are_kept_as_they_came() {
    let octets = hex!("0002 20010DB8000000000000000000000001 0064");
    let update = with(&[&[&hex!("C0 19 14")[..], &octets].concat()], &external());
    let kept = &attributes(&update).unknown[0];
    assert_eq!((update.faults.len(), kept.flags, kept.code, &kept.value[..]), (0, 0xC0, 25, &octets[..]));
}

/// RFC 7606 §7.13 and §7.16 are for those who look into them: a Traffic Engineering attribute (RFC 5543) and ATTR_SET (RFC 6368),
/// whatever they hold, are octets to us.
#[test]
fn attributes_of_other_trades_are_not_looked_into() {
    let update = with(&[&hex!("80 18 01 FF"), &hex!("C0 80 03 000000")], &external());
    assert_eq!(update.faults, []);
    assert_eq!(attributes(&update).unknown.iter().map(|u| u.code).collect::<Vec<_>>(), [24, 128]);
}

#[test]
fn unknown_optional_attributes_are_kept_in_the_order_of_their_codes() {
    let update = with(&[&hex!("C0 63 02 CAFE"), &hex!("80 28 00"), &hex!("D0 FF 0001 00")], &external());
    let kept: Vec<_> = attributes(&update).unknown.iter().map(|u| (u.flags, u.code, u.value.len())).collect();
    assert_eq!(kept, [(0x80, 40, 0), (0xC0, 99, 2), (0xC0, 255, 1)]);
}
