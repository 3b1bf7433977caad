//! A million octet strings that nobody should send: no panic, every error has its NOTIFICATION, and what is taken for a
//! message is one.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod common;

use bytes::BytesMut;
use common::vectors;
use quadzero_codec::*;

/// Xorshift64*: the same octets on every run, without a crate.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn dialect(&mut self) -> Dialect {
        let bits = self.next();
        let bit = |n: u32| bits >> n & 1 == 1;
        Dialect {
            four_octet_as: bit(40),
            receive_extended: bit(41),
            send_extended: bit(42),
            internal: bit(43),
            ipv4: !bit(44) || !bit(45),
            ipv6: !bit(46) || !bit(47),
            enhanced_refresh: bit(48),
            ..Dialect::default()
        }
    }

    /// Changes, removes or adds a few octets; often a small number where a length may stand.
    fn mutate(&mut self, octets: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(octets.len());
            match self.below(9) {
                0 if octets.len() > 20 => drop(octets.remove(at)),
                1 => octets.insert(at, self.next() as u8),
                2 => octets[at] = [0, 1, 2, 4, 255][self.below(5)],
                3 => octets[at] ^= 1 << self.below(8),
                4 => octets[at] = octets[at].wrapping_add(1),
                5 => octets[at] = octets[at].wrapping_sub(1),
                6 => octets.truncate(at.max(19)),
                7 => octets.iter_mut().skip(at).take(4).for_each(|octet| *octet = 0),
                _ => octets[at] = self.next() as u8,
            }
        }
    }
}

/// Puts a header right, so that what is behind it gets read.
fn repair(octets: &mut [u8], kind: u8) {
    let length = u16::try_from(octets.len()).unwrap();
    octets[..16].fill(0xFF);
    octets[16..18].copy_from_slice(&length.to_be_bytes());
    octets[18] = kind;
}

fn read(octets: &[u8], dialect: &Dialect) -> Result<Vec<Message>, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.push(octets);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next(dialect)? {
        messages.push(message);
    }
    Ok(messages)
}

/// Outcomes, so that the test can tell that it has reached all of them.
#[derive(Debug, Default)]
struct Seen {
    messages: usize,
    faults: usize,
    errors: std::collections::BTreeMap<ErrorCode, usize>,
}

impl Seen {
    fn look(&mut self, octets: &[u8], dialect: &Dialect) {
        match read(octets, dialect) {
            Ok(messages) => messages.iter().for_each(|message| self.message(message, dialect)),
            Err(error) => self.error(&error, dialect),
        }
    }

    /// Words never fail, and what was understood is understood again when we say it.
    fn message(&mut self, message: &Message, dialect: &Dialect) {
        self.messages += 1;
        if self.messages.is_multiple_of(16) {
            assert!(message.to_string().starts_with(&message.kind().to_string()));
        }
        if let Message::Update(update) = message {
            self.faults += update.faults.len();
            let mut out = BytesMut::new();
            // Attributes of an extended message may be too long for a plain one.
            if update.encode(dialect, &mut out).is_ok() {
                let said = Dialect { receive_extended: true, ipv4: true, ipv6: true, ..dialect.clone() };
                for again in read(&out, &said).unwrap() {
                    let Message::Update(again) = again else { panic!("{again:?}") };
                    assert_eq!(again.faults, [], "{update:?}");
                }
            }
        } else {
            let mut out = BytesMut::new();
            message.encode(dialect, &mut out);
            let again = read(&out, &Dialect { receive_extended: true, ..dialect.clone() }).unwrap();
            assert_eq!(again, std::slice::from_ref(message));
        }
    }

    fn error(&mut self, error: &DecodeError, dialect: &Dialect) {
        let notification = Notification::from(error);
        assert!(ErrorCode::KNOWN.contains(&notification.code), "{error:?}");
        assert!(!error.to_string().is_empty());
        *self.errors.entry(notification.code).or_default() += 1;
        let mut out = BytesMut::new();
        Message::Notification(notification.clone()).encode(dialect, &mut out);
        let Ok([Message::Notification(read)]) =
            read(&out, &said_to(dialect)).map(|m| <[_; 1]>::try_from(m).unwrap())
        else {
            panic!("{error:?} has no NOTIFICATION")
        };
        assert_eq!(read.code, notification.code);
        assert!(notification.data.starts_with(&read.data));
    }
}

/// How the other side reads what we send in a dialect.
fn said_to(dialect: &Dialect) -> Dialect {
    Dialect { receive_extended: dialect.send_extended, ..dialect.clone() }
}

#[test]
fn a_million_hostile_octet_strings_end_in_a_message_or_a_notification() {
    let vectors = vectors();
    let mut random = Random(0x51AD_2E70);
    let mut seen = Seen::default();
    for round in 0..1_000_000 {
        let dialect = random.dialect();
        let octets = match round % 10 {
            // Noise, with and without a header in front.
            0 => {
                let count = random.below(100);
                random.octets(count)
            }
            1 => {
                let count = 19 + random.below(80);
                let mut octets = random.octets(count);
                let kind = 1 + random.below(6) as u8;
                repair(&mut octets, kind);
                octets
            }
            // Real messages, damaged, and most with a header that is right.
            damage => {
                let vector = &vectors[random.below(vectors.len())];
                let mut octets = vector.octets.clone();
                random.mutate(&mut octets);
                if damage > 2 {
                    repair(&mut octets, vector.octets[18]);
                }
                octets
            }
        };
        seen.look(&octets, &dialect);
    }
    assert!(seen.messages > 100_000 && seen.faults > 100_000, "{seen:?}");
    for code in reachable() {
        assert!(seen.errors.contains_key(&code), "{code} was never reached: {seen:?}");
    }
}

/// Every code that received octets can bring about.
fn reachable() -> impl Iterator<Item = ErrorCode> {
    let header = (1..=3).map(|subcode| ErrorCode(1, subcode));
    let open = [0, 1, 2, 3, 4, 6].map(|subcode| ErrorCode(2, subcode));
    let update = [1, 2, 4, 5, 6, 9, 10, 11].map(|subcode| ErrorCode(3, subcode));
    header.chain(open).chain(update).chain([ErrorCode::ROUTE_REFRESH_INVALID_MESSAGE_LENGTH])
}

#[test]
fn messages_are_the_same_however_the_stream_is_cut() {
    let dialect = Dialect::default();
    let stream: Vec<u8> =
        vectors().into_iter().filter(|v| v.dialect == dialect).flat_map(|v| v.octets).collect();
    let whole = read(&stream, &dialect).unwrap();
    assert!(whole.len() > 40, "{}", whole.len());
    let pieces = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::default();
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(message) = decoder.next(&dialect).unwrap() {
                messages.push(message);
            }
        }
        assert!(decoder.is_empty());
        messages
    };
    assert_eq!(pieces(&mut stream.chunks(1)), whole);
    for cut in 0..stream.len() {
        assert_eq!(pieces(&mut [&stream[..cut], &stream[cut..]].into_iter()), whole, "cut at {cut}");
    }
}

#[test]
fn a_bad_header_is_refused_before_its_body_arrives() {
    let dialect = Dialect { receive_extended: true, ..Dialect::default() };
    let refused = |length: u16, kind: u8, dialect: &Dialect| {
        let mut decoder = Decoder::default();
        decoder.push(&[0xFF; 16]);
        decoder.push(&length.to_be_bytes());
        assert_eq!(decoder.next(dialect), Ok(None), "18 octets are no header");
        decoder.push(&[kind]);
        decoder.next(dialect).map_err(|e| (Notification::from(&e).code, Notification::from(&e).data.to_vec()))
    };
    let length = |n: u16| Err((ErrorCode::HEADER_BAD_MESSAGE_LENGTH, n.to_be_bytes().to_vec()));
    let plain = Dialect::default();
    for (n, kind) in [(18, 4), (0, 2), (20, 4), (22, 2), (28, 1), (20, 3), (4097, 2), (4097, 5)] {
        assert_eq!(refused(n, kind, &plain), length(n), "type {kind} of {n} octets");
    }
    // RFC 8654 §4: the longer ones are not for OPEN and KEEPALIVE.
    assert_eq!(refused(65535, 2, &dialect), Ok(None));
    assert_eq!(refused(4097, 1, &dialect), length(4097));
    assert_eq!(refused(4097, 4, &dialect), length(4097));
    assert_eq!(refused(19, 6, &plain), Err((ErrorCode::HEADER_BAD_MESSAGE_TYPE, vec![6])));
    assert_eq!(refused(19, 0, &plain), Err((ErrorCode::HEADER_BAD_MESSAGE_TYPE, vec![0])));
}

#[test]
fn a_marker_that_is_not_all_ones_is_not_synchronized() {
    for at in 0..16 {
        let mut octets = [vec![0xFF; 16], vec![0, 19, 4]].concat();
        octets[at] = 0xFE;
        let error = read(&octets, &Dialect::default()).unwrap_err();
        assert_eq!(
            Notification::from(&error),
            Notification::new(ErrorCode::HEADER_CONNECTION_NOT_SYNCHRONIZED)
        );
    }
}

#[test]
fn an_error_stays() {
    let mut decoder = Decoder::default();
    decoder.push(&[0; 19]);
    assert_eq!(decoder.next(&Dialect::default()), Err(DecodeError::Marker));
    decoder.push(&[0xFF; 100]);
    assert_eq!(decoder.next(&Dialect::default()), Err(DecodeError::Marker));
}
