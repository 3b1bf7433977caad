//! The stream of octets cut into messages.
//!
//! ```text
//! push ──► │ header │ body │ header │ bo…      next ──► Message, Message, None
//! ```
//!
//! A header is judged as soon as its nineteen octets are there (RFC 4271 §6.1): a bad length must not make us wait for
//! 65,535 octets that never come.

use crate::{DecodeError, Dialect, HEADER, Message, MessageType};
use bytes::{Buf, BytesMut};

/// Collects octets as they come and gives them back as messages.
///
/// An empty decoder holds no memory, and one that waits for the rest of a message little more than what has come of it: a
/// thousand sessions that may have said a lot cost nothing here.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// Octets in front of the buffer that were read, and are still in memory.
    read: usize,
}

/// Octets that were read and may stay until the rest of a message has come: to copy that for less is not worth it.
const KEPT: usize = 4096;

impl Decoder {
    /// More octets have arrived, cut anywhere.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Whether no octet waits: the stream may end here without cutting a message in two.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next whole message: `Ok(None)` needs more octets, an error ends the connection and stays.
    /// The dialect is asked for each message, since an OPEN changes it for those behind it.
    pub fn next(&mut self, dialect: &Dialect) -> Result<Option<Message>, DecodeError> {
        let Some(header) = self.buffer.first_chunk::<HEADER>() else { return Ok(self.wait()) };
        let (kind, length) = check_header(header, dialect)?;
        let Some(octets) = self.buffer.get(..length) else { return Ok(self.wait()) };
        let message = Message::decode(kind, octets, dialect)?;
        self.advance(length);
        Ok(Some(message))
    }

    fn advance(&mut self, length: usize) {
        if length == self.buffer.len() {
            *self = Self::default();
        } else {
            self.buffer.advance(length);
            self.read += length;
        }
    }

    fn wait(&mut self) -> Option<Message> {
        if self.read > KEPT {
            *self = Self { buffer: BytesMut::from(&*self.buffer), read: 0 };
        }
        None
    }
}

/// RFC 4271 §6.1, in its order.
fn check_header(header: &[u8; HEADER], dialect: &Dialect) -> Result<(MessageType, usize), DecodeError> {
    let [marker @ .., high, low, kind] = header;
    if *marker != [0xFF; 16] {
        return Err(DecodeError::Marker);
    }
    let length = u16::from_be_bytes([*high, *low]);
    let size = usize::from(length);
    if size < HEADER || size > dialect.max_receive() {
        return Err(DecodeError::Length(length));
    }
    let kind = MessageType::new(*kind).ok_or(DecodeError::Type(*kind))?;
    if kind.allows(size) { Ok((kind, size)) } else { Err(DecodeError::Length(length)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: [u8; HEADER] = hex_literal::hex!("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF 0013 04");

    #[test]
    fn an_empty_decoder_holds_no_memory() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.buffer.capacity(), 0);
        decoder.push(&KEEPALIVE.repeat(3));
        for left in [2, 1, 0] {
            assert_eq!(decoder.next(&Dialect::default()), Ok(Some(Message::Keepalive)));
            assert_eq!(decoder.buffer.len(), left * HEADER);
        }
        assert_eq!(decoder.buffer.capacity(), 0);
        assert!(decoder.is_empty());
    }

    #[test]
    fn the_beginning_of_a_message_does_not_keep_those_before_it_in_memory() {
        let mut decoder = Decoder::default();
        decoder.push(&KEEPALIVE.repeat(3000)[..2999 * HEADER + 7]);
        while decoder.next(&Dialect::default()).unwrap().is_some() {}
        assert_eq!(decoder.buffer.len(), 7);
        assert!(!decoder.buffer.try_reclaim(KEPT), "what was read is gone");
        decoder.push(&KEEPALIVE[7..]);
        assert_eq!(decoder.next(&Dialect::default()), Ok(Some(Message::Keepalive)));
        assert!(decoder.is_empty());
    }

    #[test]
    fn the_dialect_of_the_moment_reads_the_next_message() {
        let mut decoder = Decoder::default();
        let long = [&[0xFF; 16][..], &[0x20, 0, 2, 0, 0, 0x1F, 0xE9], &[0xC0; 0x1FE9]].concat();
        decoder.push(&[&KEEPALIVE[..], &long].concat());
        assert_eq!(decoder.next(&Dialect::default()), Ok(Some(Message::Keepalive)));
        assert_eq!(decoder.next(&Dialect::default()), Err(DecodeError::Length(0x2000)));
        let extended = Dialect { receive_extended: true, ..Dialect::default() };
        assert!(!matches!(decoder.next(&extended), Err(DecodeError::Length(_))));
    }
}
