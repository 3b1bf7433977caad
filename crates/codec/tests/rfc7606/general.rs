//! §3 to §5: the message, the attribute list, the prefixes.

use super::*;

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
