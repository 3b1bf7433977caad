//! The five messages under one name, and the header they share (RFC 4271 §4.1).

use crate::{DecodeError, Dialect, Notification, Open, RouteRefresh, Update, reader::Reader};
use bytes::{BufMut, BytesMut};
use std::fmt;

/// Octets of marker, length and type.
pub const HEADER: usize = 19;

/// A BGP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// 1
    Open(Open),
    /// 2
    Update(Update),
    /// 3
    Notification(Notification),
    /// 4
    Keepalive,
    /// 5 (RFC 2918)
    RouteRefresh(RouteRefresh),
}

/// The type octet of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// 1
    Open = 1,
    /// 2
    Update = 2,
    /// 3
    Notification = 3,
    /// 4
    Keepalive = 4,
    /// 5 (RFC 2918)
    RouteRefresh = 5,
}

impl MessageType {
    pub(crate) const fn new(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Open),
            2 => Some(Self::Update),
            3 => Some(Self::Notification),
            4 => Some(Self::Keepalive),
            5 => Some(Self::RouteRefresh),
            _ => None,
        }
    }

    /// Whether a message of this type may be so long, header included (RFC 4271 §6.1, RFC 8654 §4). The length of a
    /// ROUTE-REFRESH is a matter of its own (RFC 7313 §5).
    pub(crate) const fn allows(self, length: usize) -> bool {
        match self {
            Self::Open => length >= 29 && length <= crate::MAX_MESSAGE,
            Self::Update => length >= 23,
            Self::Notification => length >= 21,
            Self::Keepalive => length == HEADER,
            Self::RouteRefresh => true,
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "OPEN",
            Self::Update => "UPDATE",
            Self::Notification => "NOTIFICATION",
            Self::Keepalive => "KEEPALIVE",
            Self::RouteRefresh => "ROUTE-REFRESH",
        })
    }
}

impl Message {
    /// The type of the message.
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::Open,
            Self::Update(_) => MessageType::Update,
            Self::Notification(_) => MessageType::Notification,
            Self::Keepalive => MessageType::Keepalive,
            Self::RouteRefresh(_) => MessageType::RouteRefresh,
        }
    }

    /// Appends the message. An UPDATE becomes several messages where one is too small, and says nothing of routes that
    /// cannot be said in the dialect: [`Update::encode`] tells which and why.
    pub fn encode(&self, dialect: &Dialect, out: &mut BytesMut) {
        match self {
            Self::Open(open) => framed(MessageType::Open, out, |out| open.encode_body(out)),
            Self::Update(update) => {
                // The routes that cannot be said are left out whole; the documentation above says where to ask for them.
                let _ = update.encode(dialect, out);
            }
            Self::Notification(notification) => {
                framed(MessageType::Notification, out, |out| notification.encode_body(dialect, out));
            }
            Self::Keepalive => framed(MessageType::Keepalive, out, |_| ()),
            Self::RouteRefresh(refresh) => {
                framed(MessageType::RouteRefresh, out, |out| refresh.encode_body(out));
            }
        }
    }

    /// A message whose header has been checked.
    pub(crate) fn decode(kind: MessageType, octets: &[u8], dialect: &Dialect) -> Result<Self, DecodeError> {
        let body = Reader::new(octets.get(HEADER..).unwrap_or_default(), HEADER);
        Ok(match kind {
            MessageType::Open => Self::Open(Open::decode(body)?),
            MessageType::Update => Self::Update(Update::decode(body, dialect)?),
            MessageType::Notification => Self::Notification(Notification::decode(body)),
            MessageType::Keepalive => Self::Keepalive,
            MessageType::RouteRefresh => Self::RouteRefresh(RouteRefresh::decode(octets, dialect)?),
        })
    }
}

/// Writes a header, the body, and then the length, which is only known now. Bodies keep to the largest message.
fn framed(kind: MessageType, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    put_header(kind, 0, out);
    body(out);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[start + 16..start + 18].copy_from_slice(&length.to_be_bytes());
}

pub(crate) fn put_header(kind: MessageType, length: u16, out: &mut BytesMut) {
    out.put_slice(&[0xFF; 16]);
    out.put_u16(length);
    out.put_u8(kind as u8);
}
