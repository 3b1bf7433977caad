//! The table. Octets are hexadecimal, spaced at fields: flags and code, length, value.

use hex_literal::hex;
use ipnet::IpNet;
use quadzero_codec::{ErrorCode, Notification};
use std::fmt;

/// Who sends the UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// AS 65020, by four-octet AS numbers.
    External,
    /// Our own AS, 65010.
    Internal,
    /// AS 65020, by two-octet AS numbers.
    TwoOctet,
}
use Peer::{External, Internal, TwoOctet};

impl Peer {
    pub(crate) const fn asn(self) -> u32 {
        if matches!(self, Internal) { 65010 } else { 65020 }
    }

    const fn as_path(self) -> &'static [u8] {
        match self {
            External => &hex!("4002 06 0201 0000FDFC"),
            Internal => &hex!("4002 00"),
            TwoOctet => &hex!("4002 04 0201 FDFC"),
        }
    }

    /// The attributes that an UPDATE of this peer must have.
    fn mandatory(self) -> Vec<&'static [u8]> {
        let mut all = vec![&ORIGIN[..], self.as_path(), &NEXT_HOP];
        all.extend((self == Internal).then_some(&LOCAL_PREF[..]));
        all
    }
}

/// What becomes of the UPDATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing is wrong with it.
    Taken,
    /// The attribute is discarded, the routes are taken.
    Discarded(u8),
    /// For the attribute, the routes are treated as withdrawn.
    Withdrawn(u8),
    /// The session ends with this.
    Reset(Notification),
}
use Outcome::{Discarded, Reset, Taken, Withdrawn};

/// A malformation.
#[derive(Debug)]
pub(crate) struct Case {
    name: String,
    pub(crate) peer: Peer,
    withdrawn: Vec<u8>,
    attributes: Vec<u8>,
    nlri: Vec<u8>,
    /// Instead of the three, where it is their lengths that are wrong.
    body: Option<Vec<u8>>,
    /// Announces `::/0` in MP_REACH_NLRI.
    reaches: bool,
    pub(crate) outcome: Outcome,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.name, self.peer)
    }
}

/// The prefixes that are announced before, and that the UPDATEs are about.
pub(crate) const SUBJECTS: [&str; 3] = ["0.0.0.0/0", "10.0.0.0/8", "::/0"];
/// A prefix that is announced before, and that no UPDATE is about.
pub(crate) const BYSTANDER: &str = "203.0.113.0/24";
/// MULTI_EXIT_DISC of what is announced before.
pub(crate) const MED_BEFORE: u32 = 99;

const ORIGIN: [u8; 4] = hex!("4001 01 00");
const NEXT_HOP: [u8; 7] = hex!("4003 04 C0000202");
const MED: [u8; 7] = hex!("8004 04 00000007");
const LOCAL_PREF: [u8; 7] = hex!("4005 04 00000064");
const ATOMIC_AGGREGATE: [u8; 3] = hex!("4006 00");
const AGGREGATOR: [u8; 11] = hex!("C007 08 0000FDFC C0000202");
const COMMUNITIES: [u8; 7] = hex!("C008 04 FDFC0001");
const ORIGINATOR_ID: [u8; 7] = hex!("8009 04 C0000209");
const CLUSTER_LIST: [u8; 7] = hex!("800A 04 C0000209");
const MP_REACH: [u8; 25] = hex!("800E 16 0002 01 10 20010DB8000000000000000000000002 00 00");
const MP_UNREACH: [u8; 7] = hex!("800F 04 0002 01 00");
const EXTENDED_COMMUNITIES: [u8; 11] = hex!("C010 08 0002FDFC00000001");
const AS4_PATH: [u8; 9] = hex!("C011 06 0201 0000FDFC");
const AS4_AGGREGATOR: [u8; 11] = hex!("C012 08 00010000 C0000202");
const IPV6_EXTENDED_COMMUNITIES: [u8; 23] = hex!("C019 14 0002 20010DB8000000000000000000000001 0001");
const LARGE_COMMUNITY: [u8; 15] = hex!("C020 0C 0000FDFC 00000001 00000002");
const ONLY_TO_CUSTOMER: [u8; 7] = hex!("C023 04 0000FDFC");

const DEFAULT: [u8; 1] = [0];

/// Every attribute that we know but for the two that hold prefixes, well-formed, with a peer that may send it.
const WELL_FORMED: [(Peer, &[u8]); 16] = [
    (External, &ORIGIN),
    (External, &hex!("4002 06 0201 0000FDFC")),
    (External, &NEXT_HOP),
    (External, &MED),
    (Internal, &LOCAL_PREF),
    (External, &ATOMIC_AGGREGATE),
    (External, &AGGREGATOR),
    (External, &COMMUNITIES),
    (Internal, &ORIGINATOR_ID),
    (Internal, &CLUSTER_LIST),
    (External, &EXTENDED_COMMUNITIES),
    (TwoOctet, &AS4_PATH),
    (TwoOctet, &AS4_AGGREGATOR),
    (External, &IPV6_EXTENDED_COMMUNITIES),
    (External, &LARGE_COMMUNITY),
    (External, &ONLY_TO_CUSTOMER),
];

impl Case {
    fn new(name: impl Into<String>, peer: Peer, attributes: &[&[u8]], nlri: &[u8], outcome: Outcome) -> Self {
        let attributes = attributes.concat();
        Self {
            name: name.into(),
            peer,
            withdrawn: Vec::new(),
            nlri: nlri.to_vec(),
            attributes,
            body: None,
            reaches: false,
            outcome,
        }
    }

    /// The default route, with an attribute in the place of the well-formed one, or behind all others.
    fn with(name: impl Into<String>, peer: Peer, attribute: &[u8], outcome: Outcome) -> Self {
        let mut all = peer.mandatory();
        match all.iter_mut().find(|other| other[1] == attribute[1]) {
            Some(other) => *other = attribute,
            None => all.push(attribute),
        }
        Self::new(name, peer, &all, &DEFAULT, outcome)
    }

    /// The default route of IPv6, with an attribute behind all others.
    fn reaching(name: impl Into<String>, attributes: &[&[u8]], outcome: Outcome) -> Self {
        Self { reaches: true, ..Self::new(name, External, attributes, &[], outcome) }
    }

    /// No prefix at all.
    fn bare(name: impl Into<String>, attributes: &[&[u8]], outcome: Outcome) -> Self {
        Self::new(name, External, attributes, &[], outcome)
    }

    fn withdrawing(self, withdrawn: &[u8]) -> Self {
        Self { withdrawn: withdrawn.to_vec(), ..self }
    }

    /// What the UPDATE is about.
    pub(crate) fn prefixes(&self) -> Vec<IpNet> {
        let mut about = match &self.nlri[..] {
            [0] => vec!["0.0.0.0/0"],
            [0, 8, 10] => vec!["0.0.0.0/0", "10.0.0.0/8"],
            _ => vec![],
        };
        about.extend(self.reaches.then_some("::/0"));
        about.into_iter().map(|prefix| prefix.parse().unwrap()).collect()
    }

    /// The whole message.
    pub(crate) fn update(&self) -> Vec<u8> {
        let length = |octets: &[u8]| u16::try_from(octets.len()).unwrap().to_be_bytes();
        let body = self.body.clone().unwrap_or_else(|| {
            let [withdrawn, attributes] = [&self.withdrawn, &self.attributes];
            [&length(withdrawn), &withdrawn[..], &length(attributes), attributes, &self.nlri].concat()
        });
        message(&body)
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xFF; 16][..], &length, &[2], body].concat()
}

/// Two UPDATEs with everything that is announced before.
pub(crate) fn announcements(peer: Peer) -> Vec<u8> {
    let med = hex!("8004 04 00000063");
    let classic = [peer.mandatory(), vec![&med]].concat();
    let reach = [vec![&MP_REACH[..]], classic.clone()].concat();
    let classic = Case::new("", peer, &classic, &hex!("00 080A 18CB0071"), Taken);
    let reach = Case::new("", peer, &reach, &[], Taken);
    [classic.update(), reach.update()].concat()
}

fn reset(code: ErrorCode, data: &[u8]) -> Outcome {
    Reset(Notification::with_data(code, data.to_vec()))
}

/// Malformed Attribute List: nothing is shown with it (RFC 4271 §6.3).
fn malformed_list() -> Outcome {
    Reset(Notification::new(ErrorCode::UPDATE_MALFORMED_ATTRIBUTE_LIST))
}

fn flagged(attribute: &[u8], flags: u8) -> Vec<u8> {
    [&[flags], &attribute[1..]].concat()
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    [
        lengths(),
        flags(),
        missing(),
        duplicates(),
        several(),
        unrecognized(),
        overruns(),
        zero_lengths(),
        without_prefixes(),
        prefixes(),
        well_known(),
        as_paths(),
        next_hops(),
        internal(),
        optional(),
        multiprotocol(),
        for_two_octet_speakers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lengths() -> Vec<Case> {
    let body = |name: &str, body: &[u8]| Case {
        body: Some(body.to_vec()),
        ..Case::bare(format!("§3 a: {name}"), &[], malformed_list())
    };
    vec![
        body("withdrawn routes by one octet too long", &hex!("0001 0000")),
        body("withdrawn routes far too long", &hex!("FFFF 0000")),
        body("no length of the attributes", &hex!("0003 00 0000")),
        body("attributes by one octet too long", &hex!("0000 0001")),
        body("attributes far too long", &hex!("0000 FFFF 400101 00")),
        Case::bare("§3 a: neither attributes nor prefixes", &[], Taken),
        Case::bare("§3 a: no attributes, and a prefix withdrawn that was never there", &[], Taken)
            .withdrawing(&hex!("20 C0000263")),
    ]
}

fn flags() -> Vec<Case> {
    let mut cases = Vec::new();
    for (peer, attribute) in WELL_FORMED {
        let [flags, code, ..] = *attribute else { continue };
        for (bit, what) in [(0x80, "Optional"), (0x40, "Transitive")] {
            let wrong = flagged(attribute, flags ^ bit);
            cases.push(Case::with(
                format!("§3 c: {code} with the wrong {what}"),
                peer,
                &wrong,
                Withdrawn(code),
            ));
        }
        let low = flagged(attribute, flags | 0x2F);
        cases.push(Case::with(format!("§3 c: {code} with the lower bits set"), peer, &low, Taken));
        let long = [&[flags | 0x10, code, 0], &attribute[2..]].concat();
        cases.push(Case::with(format!("§3 c: {code} with a length of two octets"), peer, &long, Taken));
    }
    for flags in [0x00, 0x40, 0xC0] {
        let reach = flagged(&MP_REACH, flags);
        let all = [&reach[..], &ORIGIN, External.as_path()];
        cases.push(Case::reaching(
            format!("§3 c: MP_REACH_NLRI with flags {flags:02x}"),
            &all,
            Withdrawn(14),
        ));
        let unreach = flagged(&MP_UNREACH, flags);
        let name = format!("§3 c: MP_UNREACH_NLRI with flags {flags:02x}");
        cases.push(Case::reaching(name, &[&unreach], Withdrawn(15)));
    }
    cases
}

fn missing() -> Vec<Case> {
    let mut cases = Vec::new();
    for code in [1, 2, 3, 5] {
        let others: Vec<_> =
            Internal.mandatory().into_iter().filter(|attribute| attribute[1] != code).collect();
        cases.push(Case::new(format!("§3 d: {code} missing"), Internal, &others, &DEFAULT, Withdrawn(code)));
    }
    cases.push(Case::new("§3 d: no attribute at all", External, &[], &DEFAULT, Withdrawn(3)));
    let path = External.as_path();
    let reaching =
        |name, all: &[&[u8]], outcome| Case::reaching(format!("§3 d: MP_REACH_NLRI {name}"), all, outcome);
    cases.push(reaching("without ORIGIN", &[&MP_REACH, path], Withdrawn(1)));
    cases.push(reaching("without AS_PATH", &[&MP_REACH, &ORIGIN], Withdrawn(2)));
    cases.push(reaching(
        "without NEXT_HOP, which is none of its business",
        &[&MP_REACH, &ORIGIN, path],
        Taken,
    ));
    cases.push(reaching("behind the others", &[&ORIGIN, path, &MP_REACH], Taken));
    let both = Case::new(
        "§3 d: both families without NEXT_HOP",
        External,
        &[&MP_REACH, &ORIGIN, path],
        &DEFAULT,
        Withdrawn(3),
    );
    cases.push(Case { reaches: true, ..both });
    cases
}

fn duplicates() -> Vec<Case> {
    let mut cases = Vec::new();
    for (peer, attribute) in WELL_FORMED {
        let code = attribute[1];
        let mut all: Vec<&[u8]> = peer.mandatory();
        all.retain(|other| other[1] != code);
        let aggregator = hex!("C007 06 5BA0 C0000202");
        all.extend((code == 18).then_some(&aggregator[..]));
        all.extend([attribute, attribute]);
        cases.push(Case::new(format!("§3 g: {code} twice"), peer, &all, &DEFAULT, Discarded(code)));
        // Even if the second one would be malformed.
        let broken = [attribute[0], code, 1, 9];
        all.pop();
        all.push(&broken);
        cases.push(Case::new(
            format!("§3 g: {code}, and again malformed"),
            peer,
            &all,
            &DEFAULT,
            Discarded(code),
        ));
    }
    let unknown = [External.mandatory(), vec![&hex!("C063 01 01"), &hex!("C063 01 02")]].concat();
    cases.push(Case::new("§3 g: an unknown one twice", External, &unknown, &DEFAULT, Discarded(99)));
    let reach = [&MP_REACH[..], &MP_REACH, &ORIGIN, External.as_path()];
    cases.push(Case::bare("§3 g: MP_REACH_NLRI twice", &reach, malformed_list()));
    cases.push(Case::bare("§3 g: MP_UNREACH_NLRI twice", &[&MP_UNREACH, &MP_UNREACH], malformed_list()));
    let one_of_each = [&MP_REACH[..], &hex!("800F 03 0002 01"), &ORIGIN, External.as_path()];
    cases.push(Case::reaching("§3 g: one of each is not twice", &one_of_each, Taken));
    cases
}

fn several() -> Vec<Case> {
    let with = |name, more: &[&[u8]], outcome| {
        Case::new(
            format!("§3 h: {name}"),
            External,
            &[&External.mandatory(), more].concat(),
            &DEFAULT,
            outcome,
        )
    };
    let (discard, withdraw) = (hex!("4006 01 00"), hex!("8004 03 000000"));
    let foreign = hex!("4063 02 CAFE");
    let refused = reset(ErrorCode::UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, &foreign);
    vec![
        with("one to discard, then one to withdraw", &[&discard, &withdraw], Withdrawn(4)),
        with("one to withdraw, then one to discard", &[&withdraw, &discard], Withdrawn(4)),
        with("one to withdraw, then one that resets", &[&withdraw, &foreign], refused),
        with(
            "one to withdraw, then two MP_UNREACH_NLRI",
            &[&withdraw, &MP_UNREACH, &MP_UNREACH],
            malformed_list(),
        ),
    ]
}

/// RFC 4271 §6.3, which RFC 7606 leaves as it is; and §9: what is optional and unknown is nobody's error.
fn unrecognized() -> Vec<Case> {
    let mut cases = Vec::new();
    for foreign in [&hex!("4063 02 CAFE")[..], &hex!("0063 00"), &hex!("40FF 00"), &hex!("500B 0001 00")] {
        let refused = reset(ErrorCode::UPDATE_UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, foreign);
        let name = format!("RFC 4271 §6.3: {:02x}{:02x} is well-known and unknown", foreign[0], foreign[1]);
        cases.push(Case::with(name, External, foreign, refused));
    }
    for unknown in [
        &hex!("C063 02 CAFE")[..],
        &hex!("8063 00"),
        &hex!("E063 00"),
        &hex!("D0FF 0001 00"),
        &hex!("C000 00"),
    ] {
        let name = format!("RFC 4271 §9: {:02x}{:02x} is optional and unknown", unknown[0], unknown[1]);
        cases.push(Case::with(name, External, unknown, Taken));
    }
    cases
}

fn overruns() -> Vec<Case> {
    let cut =
        |name: &str, cut: &[u8], code| Case::with(format!("§4: {name}"), External, cut, Withdrawn(code));
    let mut cases = vec![
        cut("a value longer than what is left", &hex!("8004 05 00000001"), 4),
        cut("a length of two octets, and one there", &hex!("9004 00"), 4),
        cut("flags and code alone", &hex!("8004"), 4),
        cut("a value with nothing there", &hex!("C063 01"), 99),
    ];
    let flags_alone = [&External.mandatory(), &[&[0x80][..]][..]].concat();
    cases.push(Case::new("§4: flags alone", External, &flags_alone, &DEFAULT, Withdrawn(0)));
    // By the total length, the prefixes are where they are.
    let swallows = [&ORIGIN[..], &hex!("4002 FF 0201")];
    cases.push(Case::new(
        "§4: AS_PATH that would swallow the prefixes",
        External,
        &swallows,
        &hex!("00 080A"),
        Withdrawn(2),
    ));
    for cut in [&MP_REACH[..20], &hex!("800F 09 0002 01"), &hex!("800E"), &hex!("900F 00")] {
        let all = [External.mandatory(), vec![cut]].concat();
        let name = format!("§4, §3 j: prefixes in {} octets of {}", cut.len(), cut[1]);
        cases.push(Case::new(name, External, &all, &DEFAULT, malformed_list()));
    }
    // MP_REACH_NLRI may be behind it: what is to be withdrawn is not known.
    let hidden = [&ORIGIN[..], External.as_path(), &hex!("8004 FF 00000001")];
    cases.push(Case::bare("§4, §5.2: an overrun where no prefix was found", &hidden, malformed_list()));
    cases
}

/// Only AS_PATH and ATOMIC_AGGREGATE may be empty.
fn zero_lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (peer, attribute) in WELL_FORMED {
        let [flags, code, ..] = *attribute else { continue };
        let outcome = match code {
            // Our own AS may send an empty path; from another one it is well-formed, and refused by who it is from.
            2 => continue,
            6 => Taken,
            7 | 17 | 18 => Discarded(code),
            _ => Withdrawn(code),
        };
        cases.push(Case::with(format!("§4: {code} of no octets"), peer, &[flags, code, 0], outcome));
    }
    cases.push(Case::with("§4: AS_PATH of no octets", Internal, &hex!("4002 00"), Taken));
    cases
}

fn without_prefixes() -> Vec<Case> {
    let bare = |name: &str, attribute: &[u8], outcome| {
        Case::bare(format!("§5.2: {name}, and no prefix"), &[attribute], outcome)
    };
    let shown = |name: &str, attribute: &[u8], code| bare(name, attribute, reset(code, attribute));
    vec![
        shown("an ORIGIN without meaning", &hex!("4001 01 07"), ErrorCode::UPDATE_INVALID_ORIGIN_ATTRIBUTE),
        shown("wrong flags", &hex!("C002 00"), ErrorCode::UPDATE_ATTRIBUTE_FLAGS_ERROR),
        shown("a wrong length", &hex!("8004 01 00"), ErrorCode::UPDATE_ATTRIBUTE_LENGTH_ERROR),
        bare("a malformed AS_PATH", &hex!("4002 02 0200"), reset(ErrorCode::UPDATE_MALFORMED_AS_PATH, &[])),
        Case::bare(
            "§5.2: a wrong length beside MP_UNREACH_NLRI",
            &[&MP_UNREACH, &hex!("8004 01 00")],
            reset(ErrorCode::UPDATE_ATTRIBUTE_LENGTH_ERROR, &hex!("8004 01 00")),
        ),
        Case::bare("§5.2: an attribute to discard, and no prefix", &[&hex!("4006 01 00")], Discarded(6)),
        Case::bare("§5.2: attributes, and no prefix", &[&ORIGIN, External.as_path()], Taken),
    ]
}

fn prefixes() -> Vec<Case> {
    let refused = || Reset(Notification::new(ErrorCode::UPDATE_INVALID_NETWORK_FIELD));
    let mut cases = Vec::new();
    for (name, octets) in
        [("of 33 bits", &hex!("21 0000000000")[..]), ("of 255 bits", &[255]), ("cut short", &hex!("18 0A00"))]
    {
        let all = External.mandatory();
        cases.push(Case::new(format!("§5.3: a prefix {name}"), External, &all, octets, refused()));
        let withdrawn = Case::bare(format!("§5.3: a prefix {name}, withdrawn"), &[], refused());
        cases.push(withdrawn.withdrawing(octets));
    }
    let mp = |name: &str, attribute: &[u8]| {
        let refused = reset(ErrorCode::UPDATE_OPTIONAL_ATTRIBUTE_ERROR, attribute);
        Case::bare(format!("§5.3: {name}"), &[attribute, &ORIGIN, External.as_path()], refused)
    };
    let head = hex!("0002 01 10 20010DB8000000000000000000000002 00");
    let reach = |rest: &[u8]| [&[0x80, 14, (head.len() + rest.len()) as u8], &head[..], rest].concat();
    cases.extend([
        mp("MP_REACH_NLRI with a prefix of 129 bits", &reach(&hex!("81 0000000000000000000000000000000000"))),
        mp("MP_REACH_NLRI with a prefix cut short", &reach(&hex!("00 40 20010DB8"))),
        mp(
            "MP_UNREACH_NLRI with a prefix of 129 bits",
            &hex!("800F 15 0002 01 81 0000000000000000000000000000000000"),
        ),
        mp("MP_UNREACH_NLRI with a prefix cut short", &hex!("800F 05 0002 01 40 20")),
        mp("MP_UNREACH_NLRI of IPv4 with a prefix of 33 bits", &hex!("800F 09 0001 01 21 0000000000")),
    ]);
    cases
}

fn well_known() -> Vec<Case> {
    let of = |section, name: &str, attribute: &[u8], outcome| {
        Case::with(format!("§7.{section}: {name}"), External, attribute, outcome)
    };
    vec![
        of(1, "ORIGIN of two octets", &hex!("4001 02 0000"), Withdrawn(1)),
        of(1, "ORIGIN 3", &hex!("4001 01 03"), Withdrawn(1)),
        of(1, "ORIGIN 255", &hex!("4001 01 FF"), Withdrawn(1)),
        of(1, "ORIGIN 2", &hex!("4001 01 02"), Taken),
        of(4, "MULTI_EXIT_DISC of three octets", &hex!("8004 03 000000"), Withdrawn(4)),
        of(4, "MULTI_EXIT_DISC of five octets", &hex!("8004 05 0000000000"), Withdrawn(4)),
        of(6, "ATOMIC_AGGREGATE of one octet", &hex!("4006 01 00"), Discarded(6)),
        of(6, "ATOMIC_AGGREGATE of four octets", &hex!("4006 04 00000000"), Discarded(6)),
        of(
            7,
            "AGGREGATOR of six octets, of a speaker of four-octet AS numbers",
            &hex!("C007 06 FDFC C0000202"),
            Discarded(7),
        ),
        of(7, "AGGREGATOR of nine octets", &hex!("C007 09 0000FDFC C0000202 00"), Discarded(7)),
        of(7, "AGGREGATOR of AS 0 (RFC 7607 §2)", &hex!("C007 08 00000000 C0000202"), Discarded(7)),
        Case::with(
            "§7.7: AGGREGATOR of eight octets, of a speaker of two-octet AS numbers",
            TwoOctet,
            &AGGREGATOR,
            Discarded(7),
        ),
        Case::with(
            "§7.7: AGGREGATOR of seven octets",
            TwoOctet,
            &hex!("C007 07 FDFC C0000202 00"),
            Discarded(7),
        ),
        Case::with(
            "§7.7: AGGREGATOR of AS 0 (RFC 7607 §2)",
            TwoOctet,
            &hex!("C007 06 0000 C0000202"),
            Discarded(7),
        ),
        Case::with("§7.7: AGGREGATOR of six octets", TwoOctet, &hex!("C007 06 FDFC C0000202"), Taken),
    ]
}

fn as_paths() -> Vec<Case> {
    let of = |name: &str, peer, attribute: &[u8], outcome| {
        Case::with(format!("§7.2: {name}"), peer, attribute, outcome)
    };
    let bad = Withdrawn(2);
    vec![
        of("a segment of kind 0", External, &hex!("4002 06 0001 0000FDFC"), bad.clone()),
        of("a segment of kind 5", External, &hex!("4002 06 0501 0000FDFC"), bad.clone()),
        of(
            "a segment of kind 255 behind a good one",
            External,
            &hex!("4002 0C 0201 0000FDFC FF01 0000FDFC"),
            bad.clone(),
        ),
        of("two numbers claimed, one there", External, &hex!("4002 06 0202 0000FDFC"), bad.clone()),
        of("a number cut short", External, &hex!("4002 05 0201 0000FD"), bad.clone()),
        of("half a header behind the last segment", External, &hex!("4002 07 0201 0000FDFC 02"), bad.clone()),
        of("an empty segment", External, &hex!("4002 02 0200"), bad.clone()),
        of("an empty segment behind a good one", External, &hex!("4002 08 0201 0000FDFC 0100"), bad.clone()),
        of("two-octet numbers", External, &hex!("4002 04 0201 FDFC"), bad.clone()),
        of("four-octet numbers", TwoOctet, &hex!("4002 06 0201 0000FDFC"), bad.clone()),
        of("two-octet numbers, cut short", TwoOctet, &hex!("4002 03 0201 FD"), bad.clone()),
        of(
            "AS 0 in a sequence (RFC 7607 §2)",
            External,
            &hex!("4002 0A 0202 0000FDFC 00000000"),
            bad.clone(),
        ),
        of(
            "AS 0 in a set (RFC 7607 §2)",
            External,
            &hex!("4002 0C 0201 0000FDFC 0101 00000000"),
            bad.clone(),
        ),
        of("AS 0 of two octets (RFC 7607 §2)", TwoOctet, &hex!("4002 06 0202 FDFC 0000"), bad.clone()),
        of(
            "a confederation's sequence from outside (RFC 5065 §5)",
            External,
            &hex!("4002 0C 0301 0000FC01 0201 0000FDFC"),
            bad.clone(),
        ),
        of(
            "a confederation's set from outside (RFC 5065 §5)",
            External,
            &hex!("4002 0C 0201 0000FDFC 0401 0000FC01"),
            bad,
        ),
        of(
            "a confederation's sequence from inside",
            Internal,
            &hex!("4002 0C 0301 0000FC01 0201 0000FDFC"),
            Taken,
        ),
        of("a set", External, &hex!("4002 0C 0201 0000FDFC 0101 0000FDFD"), Taken),
    ]
}

fn next_hops() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, attribute) in [
        ("three", &hex!("4003 03 C00002")[..]),
        ("five", &hex!("4003 05 C000020200")),
        ("sixteen", &[&hex!("4003 10")[..], &[1; 16]].concat()),
    ] {
        cases.push(Case::with(format!("§7.3: NEXT_HOP of {name} octets"), External, attribute, Withdrawn(3)));
    }
    // RFC 4271 §6.3: the address of a host, at least.
    for address in [[0, 0, 0, 0], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
        let next_hop = [&hex!("4003 04")[..], &address].concat();
        cases.push(Case::with(format!("§7.3: NEXT_HOP {address:?}"), External, &next_hop, Withdrawn(3)));
    }
    cases
}

/// From our own AS they are read, from another one they are discarded, whatever they look like.
fn internal() -> Vec<Case> {
    let mut cases = Vec::new();
    for (section, code, flags) in [(5, 5, 0x40), (9, 9, 0x80), (10, 10, 0x80)] {
        for length in [0, 3, 4, 5, 8] {
            let attribute = [&[flags, code, length][..], &vec![1; length.into()]].concat();
            let well_formed = length == 4 || (code == 10 && length == 8);
            let outcome = if well_formed { Taken } else { Withdrawn(code) };
            let name = |who| format!("§7.{section}: attribute {code} of {length} octets from {who}");
            cases.push(Case::with(name("inside"), Internal, &attribute, outcome));
            cases.push(Case::with(name("outside"), External, &attribute, Discarded(code)));
        }
        let wrong = [flags ^ 0xC0, code, 4, 1, 1, 1, 1];
        cases.push(Case::with(
            format!("§7.{section}: attribute {code} with wrong flags from outside"),
            External,
            &wrong,
            Discarded(code),
        ));
    }
    cases
}

fn optional() -> Vec<Case> {
    let mut cases = Vec::new();
    let units = [("§7.8", 8, 4), ("§7.14", 16, 8), ("§7.15", 25, 20), ("RFC 8092 §6", 32, 12)];
    for (section, code, unit) in units {
        for length in [1, unit - 1, unit, unit + 1, 2 * unit, 2 * unit + unit / 2] {
            let value: Vec<u8> = (0..length).collect();
            let outcome = if length % unit == 0 { Taken } else { Withdrawn(code) };
            let attribute = [&[0xC0, code, length][..], &value].concat();
            cases.push(Case::with(
                format!("{section}: attribute {code} of {length} octets"),
                External,
                &attribute,
                outcome,
            ));
        }
    }
    for length in [1, 3, 5, 8] {
        let attribute = [&[0xC0, 35, length][..], &vec![1; length.into()]].concat();
        cases.push(Case::with(
            format!("RFC 9234 §5: ONLY_TO_CUSTOMER of {length} octets"),
            External,
            &attribute,
            Withdrawn(35),
        ));
    }
    let of = |name: &str, attribute: &[u8]| Case::with(name, External, attribute, Taken);
    cases.extend([
        of("§7.14: a type that nobody knows is no error", &hex!("C010 08 3F3F 000000000000")),
        of(
            "RFC 8092 §5: the same large community twice",
            &[&hex!("C020 18")[..], &LARGE_COMMUNITY[3..], &LARGE_COMMUNITY[3..]].concat(),
        ),
        // For those who look into them; to us they are octets.
        of("§7.13: a Traffic Engineering attribute (RFC 5543)", &hex!("8018 01 FF")),
        of("§7.16: an ATTR_SET (RFC 6368)", &hex!("C080 03 000000")),
    ]);
    cases
}

fn multiprotocol() -> Vec<Case> {
    let refused = |name: &str, attribute: &[u8]| {
        let shown = reset(ErrorCode::UPDATE_OPTIONAL_ATTRIBUTE_ERROR, attribute);
        Case::bare(name, &[attribute, &ORIGIN, External.as_path()], shown)
    };
    let mut cases = vec![
        refused("§7.11: a next hop of no octets", &hex!("800E 05 0002 01 00 00")),
        refused("§7.11: a next hop of four octets for IPv6", &hex!("800E 0A 0002 01 04 C0000202 00 00")),
        refused(
            "§7.11: a next hop of 24 octets",
            &[&hex!("800E 1E 0002 01 18")[..], &[0x20; 24], &[0, 0]].concat(),
        ),
        refused(
            "§7.11: a next hop of 16 octets for IPv4",
            &[&hex!("800E 16 0001 01 10")[..], &[0x20; 16], &[0, 0]].concat(),
        ),
        refused("§7.11: a next hop that runs over the end", &hex!("800E 05 0002 01 FF 00")),
        refused("§7.11: nothing behind the next hop", &[&hex!("800E 14")[..], &MP_REACH[3..23]].concat()),
        refused("§7.11: no family", &hex!("800E 02 0002")),
        refused("§7.11: MP_REACH_NLRI of no octets", &hex!("800E 00")),
        refused("§7.12: no family", &hex!("800F 02 0002")),
        refused("§7.12: MP_UNREACH_NLRI of no octets", &hex!("800F 00")),
        Case::bare("§7.12: nothing withdrawn is End-of-RIB", &[&hex!("800F 03 0002 01")], Taken),
    ];
    for address in [[0; 16], hex!("FF020000000000000000000000000001")] {
        let reach = [&MP_REACH[..7], &address, &MP_REACH[23..]].concat();
        let all = [&reach[..], &ORIGIN, External.as_path()];
        let name = format!("§7.11: the next hop {}", std::net::Ipv6Addr::from_octets(address));
        cases.push(Case::reaching(name, &all, Withdrawn(14)));
    }
    let behind = |name, more: &[&[u8]], outcome| {
        Case::reaching(name, &[&[&MP_REACH[..], &ORIGIN, External.as_path()], more].concat(), outcome)
    };
    cases.extend([
        behind(
            "RFC 4760 §3: NEXT_HOP beside MP_REACH_NLRI alone is ignored",
            &[&hex!("4003 04 00000000")],
            Taken,
        ),
        behind("§7.11: a malformed attribute beside MP_REACH_NLRI", &[&hex!("8004 03 000000")], Withdrawn(4)),
        behind("§4: an overrun behind MP_REACH_NLRI", &[&hex!("8004 04 0000")], Withdrawn(4)),
        Case::with(
            "RFC 4760 §7: a family that was not agreed on",
            External,
            &hex!("800E 0A 0019 41 04 C0000202 00 00"),
            Discarded(14),
        ),
        Case::with("RFC 4760 §7: and withdrawn", External, &hex!("800F 05 0019 41 FF FF"), Discarded(15)),
    ]);
    cases
}

/// RFC 6793 §6, and what is only for speakers of two-octet numbers to send.
fn for_two_octet_speakers() -> Vec<Case> {
    let mut cases = Vec::new();
    let path = |name: &str, attribute: &[u8], outcome| {
        Case::with(format!("RFC 6793 §6: AS4_PATH {name}"), TwoOctet, attribute, outcome)
    };
    cases.extend([
        path("of two octets", &hex!("C011 02 0200"), Discarded(17)),
        path("of an odd length", &hex!("C011 07 0201 0000FDFC 02"), Discarded(17)),
        path("with two-octet numbers", &hex!("C011 04 0201 FDFC"), Discarded(17)),
        path("with an empty segment", &hex!("C011 08 0201 0000FDFC 0200"), Discarded(17)),
        path("with a segment of kind 9", &hex!("C011 06 0901 0000FDFC"), Discarded(17)),
        path("with AS 0 (RFC 7607 §2)", &hex!("C011 06 0201 00000000"), Discarded(17)),
        path(
            "with a confederation, which is left out of it",
            &hex!("C011 0C 0301 0000FC01 0201 0000FDFC"),
            Taken,
        ),
        path("longer than AS_PATH", &hex!("C011 0A 0202 0000FDFC 00010000"), Taken),
    ]);
    for length in [6, 7, 9] {
        let attribute = [&[0xC0, 18, length][..], &vec![1; length.into()]].concat();
        let name = format!("RFC 6793 §6: AS4_AGGREGATOR of {length} octets");
        cases.push(Case::with(name, TwoOctet, &attribute, Discarded(18)));
    }
    cases.push(Case::with(
        "RFC 7607 §2: AS4_AGGREGATOR of AS 0",
        TwoOctet,
        &hex!("C012 08 00000000 C0000202"),
        Discarded(18),
    ));
    for peer in [External, Internal] {
        cases.push(Case::with(
            "RFC 6793 §6: AS4_PATH of a speaker of four-octet numbers",
            peer,
            &AS4_PATH,
            Discarded(17),
        ));
        cases.push(Case::with(
            "RFC 6793 §6: AS4_AGGREGATOR of a speaker of four-octet numbers",
            peer,
            &AS4_AGGREGATOR,
            Discarded(18),
        ));
    }
    cases
}
