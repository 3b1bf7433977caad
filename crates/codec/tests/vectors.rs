//! What other implementations say is understood, and said the same way where there is only one way.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod common;

use bytes::BytesMut;
use common::vectors;
use quadzero_codec::*;
use std::collections::BTreeSet;

fn decode(octets: &[u8], dialect: &Dialect) -> Result<Message, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.push(octets);
    let message = decoder.next(dialect)?.expect("a whole message");
    assert!(decoder.is_empty(), "octets are left over");
    Ok(message)
}

#[test]
fn vectors_of_six_implementations_hold_every_type_of_message() {
    let mut found = BTreeSet::new();
    for vector in vectors() {
        let (file, _) = vector.place.split_once('.').unwrap();
        found.insert((file.to_owned(), decode(&vector.octets, &vector.dialect).unwrap().kind()));
    }
    let from = |kind| found.iter().filter(|(_, k)| *k == kind).count();
    assert_eq!([from(MessageType::Open), from(MessageType::Update), from(MessageType::Keepalive)], [6; 3]);
    assert_eq!([from(MessageType::Notification), from(MessageType::RouteRefresh)], [5, 4]);
}

#[test]
fn each_vector_means_what_stands_below_it() {
    for vector in vectors() {
        match decode(&vector.octets, &vector.dialect) {
            Ok(message) => assert_eq!(message.to_string(), vector.words, "{}", vector.place),
            Err(error) => panic!("{}: {error}", vector.place),
        }
    }
}

#[test]
fn each_vector_comes_back_in_substance_and_the_canonical_ones_octet_by_octet() {
    for vector in vectors() {
        let message = decode(&vector.octets, &vector.dialect).unwrap();
        let mut out = BytesMut::new();
        message.encode(&vector.dialect, &mut out);
        assert_eq!(out == vector.octets[..], vector.encodes_back, "{}", vector.place);
        // An UPDATE that withdraws and announces becomes two.
        let mut decoder = Decoder::default();
        decoder.push(&out);
        let mut words = String::new();
        while let Some(again) = decoder.next(&vector.dialect).unwrap() {
            words += &again.to_string().replace("UPDATE", "");
        }
        // What is not transitive ends here, and what is unknown is marked as partial.
        let passed_on = |words: &str| -> Vec<String> {
            let kept = words.lines().filter(|line| !line.contains("(flags 0x80)"));
            kept.map(|line| line.replace("flags 0xc0", "flags 0xe0")).collect()
        };
        assert_eq!(passed_on(&words), passed_on(&vector.words.replace("UPDATE", "")), "{}", vector.place);
    }
}
