//! Octets of a peer, through the codec.

use bytes::BytesMut;
use quadzero_codec::{DecodeError, Decoder, Dialect, ErrorCode, Message, Notification};

/// The first octet chooses the dialect, the others are the stream. It ends in messages or in one error, which has a NOTIFICATION; it is
/// read the same octet by octet; and what was understood is understood again when we say it.
pub fn decode(input: &[u8]) {
    let Some((bits, stream)) = input.split_first() else { return };
    let dialect = dialect(*bits);
    let whole = read(stream.chunks(stream.len().max(1)), &dialect);
    assert_eq!(read(stream.chunks(1), &dialect), whole, "cut anywhere, a stream says the same");
    let (messages, error) = whole;
    for message in &messages {
        assert!(message.to_string().starts_with(&message.kind().to_string()));
        say_again(message, &dialect);
    }
    if let Some(error) = error {
        let notification = Notification::from(&error);
        assert!(ErrorCode::KNOWN.contains(&notification.code), "{error}");
        say_again(&Message::Notification(notification), &dialect);
    }
}

fn dialect(bits: u8) -> Dialect {
    let bit = |n: u32| bits >> n & 1 == 1;
    Dialect {
        four_octet_as: !bit(0),
        internal: bit(1),
        receive_extended: bit(2),
        send_extended: bit(3),
        enhanced_refresh: bit(4),
        ipv4: !bit(5),
        ipv6: !bit(6) || bit(5),
        ..Dialect::default()
    }
}

fn read<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    dialect: &Dialect,
) -> (Vec<Message>, Option<DecodeError>) {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next(dialect) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

fn say_again(message: &Message, dialect: &Dialect) {
    let mut out = BytesMut::new();
    let heard = Dialect { receive_extended: true, ipv4: true, ipv6: true, ..dialect.clone() };
    match message {
        // Attributes of an extended message may be too long for a plain one.
        Message::Update(update) if update.encode(dialect, &mut out).is_err() => return,
        Message::Update(_) => {}
        other => other.encode(dialect, &mut out),
    }
    let (again, error) = read([&out[..]].into_iter(), &heard);
    assert_eq!(error, None, "{message:?}");
    match message {
        Message::Update(update) => assert_updates(update, &again),
        // What does not fit into a message is cut off.
        Message::Notification(_) if !dialect.send_extended => assert_eq!(again.len(), 1),
        other => assert_eq!(again, std::slice::from_ref(other)),
    }
}

/// The same prefixes, announced and withdrawn, and no fault of ours.
fn assert_updates(update: &quadzero_codec::Update, again: &[Message]) {
    let (mut withdrawn, mut announced) = (Vec::new(), Vec::new());
    for message in again {
        let Message::Update(part) = message else { panic!("{message:?}") };
        assert_eq!(part.faults, [], "{update:?}");
        withdrawn.extend_from_slice(&part.withdrawn);
        announced.extend(part.announced.iter().flat_map(|group| group.prefixes.clone()));
    }
    assert_eq!(withdrawn, update.withdrawn);
    assert_eq!(announced, update.announced.iter().flat_map(|g| g.prefixes.clone()).collect::<Vec<_>>());
}
