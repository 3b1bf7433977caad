//! A BGP speaker of the least kind: it opens a session, hears, and says what it is told to.

use crate::Cast;
use bytes::BytesMut;
use ipnet::IpNet;
use quadzero_codec::{
    Asn, Capability, Decoder, Dialect, ErrorCode, Family, HoldTime, Message, Notification, Open, RouterId,
};
use std::collections::BTreeSet;
use std::io::{self, Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

/// The AS of all of them.
pub(crate) const ASN: Asn = Asn(65020);

/// Between two attempts to be let in.
const AGAIN: Duration = Duration::from_millis(100);

/// What was agreed on, since both offer it.
pub(crate) fn dialect() -> Dialect {
    Dialect { receive_extended: true, send_extended: true, ipv6: false, ..Dialect::default() }
}

/// The Hold Time that is proposed, and how much the kernel may keep of what arrives.
#[derive(Clone, Copy)]
pub(crate) struct Manners {
    pub(crate) hold: u16,
    pub(crate) receive_buffer: Option<u32>,
}

impl Manners {
    pub(crate) const fn hold(hold: u16) -> Self {
        Self { hold, receive_buffer: None }
    }
}

pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    decoder: Decoder,
    /// What it was told and not told back.
    pub(crate) held: BTreeSet<IpNet>,
    /// End-of-RIB was heard.
    pub(crate) complete: bool,
}

impl Peer {
    /// Comes up, however often it takes.
    pub(crate) async fn come_up(cast: Cast, from: Ipv4Addr, manners: Manners) -> Self {
        loop {
            if let Ok(peer) = Self::try_to_come_up(cast, from, manners).await {
                return peer;
            }
            sleep(AGAIN).await;
        }
    }

    async fn try_to_come_up(cast: Cast, from: Ipv4Addr, manners: Manners) -> io::Result<Self> {
        let stream = dial(cast, from, manners.receive_buffer).await?;
        let (held, complete) = (BTreeSet::new(), false);
        let mut peer = Self { stream, decoder: Decoder::default(), held, complete };
        peer.send(&[open(from, manners.hold)?, Message::Keepalive]).await?;
        while peer.next().await? != Message::Keepalive {}
        Ok(peer)
    }

    /// Comes up and hears all that there is to hear.
    pub(crate) async fn come_up_and_listen(cast: Cast, from: Ipv4Addr, manners: Manners) -> Self {
        loop {
            let mut peer = Self::come_up(cast, from, manners).await;
            while !peer.complete && peer.next().await.is_ok() {}
            if peer.complete {
                return peer;
            }
        }
    }

    pub(crate) async fn send(&mut self, messages: &[Message]) -> io::Result<()> {
        let mut out = BytesMut::new();
        for message in messages {
            message.encode(&dialect(), &mut out);
        }
        self.stream.write_all(&out).await
    }

    /// The next message; a NOTIFICATION is an error, like the end. Nothing is lost if it is not waited for to the end.
    pub(crate) async fn next(&mut self) -> io::Result<Message> {
        let mut scratch = [0; 16_384];
        loop {
            let wrong = |error| Error::new(ErrorKind::InvalidData, format!("quadzero sent {error:?}"));
            if let Some(message) = self.decoder.next(&dialect()).map_err(wrong)? {
                return self.heard(message);
            }
            match self.stream.read(&mut scratch).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => self.decoder.push(&scratch[..n]),
            }
        }
    }

    fn heard(&mut self, message: Message) -> io::Result<Message> {
        match &message {
            Message::Notification(notification) => {
                return Err(Error::other(format!("NOTIFICATION {}", notification.code)));
            }
            Message::Update(update) => {
                for prefix in &update.withdrawn {
                    self.held.remove(prefix);
                }
                self.held.extend(update.announced.iter().flat_map(|group| &group.prefixes));
                self.complete |= update.end_of_rib == Some(Family::IPV4_UNICAST);
            }
            _ => {}
        }
        Ok(message)
    }

    /// Goes, in one of the ways that there are.
    pub(crate) async fn go(mut self, how: u32) -> io::Result<()> {
        match how % 4 {
            0 => Ok(()),
            1 => self.stream.set_zero_linger(),
            2 => self.stream.shutdown().await,
            _ => {
                let code = ErrorCode::CEASE_ADMINISTRATIVE_RESET;
                self.send(&[Message::Notification(Notification::new(code))]).await
            }
        }
    }
}

/// A connection from one of our addresses.
pub(crate) async fn dial(cast: Cast, from: Ipv4Addr, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    socket.bind(SocketAddr::from((from, 0)))?;
    let stream = socket.connect(cast.to.into()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An OPEN with all that makes messages large and talk long.
pub(crate) fn open(from: Ipv4Addr, hold: u16) -> io::Result<Message> {
    let wrong = || Error::from(ErrorKind::InvalidInput);
    Ok(Message::Open(Open {
        asn: ASN,
        hold_time: HoldTime::new(hold).ok_or_else(wrong)?,
        router_id: RouterId::new(from).ok_or_else(wrong)?,
        capabilities: vec![
            Capability::Multiprotocol(Family::IPV4_UNICAST),
            Capability::FourOctetAs(ASN),
            Capability::RouteRefresh,
            Capability::EnhancedRouteRefresh,
            Capability::ExtendedMessage,
        ],
    }))
}
