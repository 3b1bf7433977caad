//! The stream of octets cut into messages.

use crate::{DecodeError, Dialect, Message};
use bytes::BytesMut;

/// Collects octets as they come and gives them back as messages.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// More octets have arrived, cut anywhere.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next whole message: `Ok(None)` needs more octets, an error ends the connection.
    /// The dialect is asked for each message, since an OPEN changes it for those behind it.
    pub fn next(&mut self, _dialect: &Dialect) -> Result<Option<Message>, DecodeError> {
        unimplemented!("placeholder of the skeleton")
    }
}

impl Message {
    /// Appends the message. An UPDATE must fit into one message; many prefixes go through
    /// [`UpdateWriter`].
    pub fn encode(&self, _dialect: &Dialect, _out: &mut BytesMut) {
        unimplemented!("placeholder of the skeleton")
    }
}
