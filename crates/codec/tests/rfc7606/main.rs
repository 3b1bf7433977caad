//! RFC 7606, rule by rule: what a malformed UPDATE brings about.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use Treatment::{DiscardAttribute, TreatAsWithdraw};
mod attributes;
mod extensions;
mod general;

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
