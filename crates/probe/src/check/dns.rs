//! A DNS question over UDP (RFC 1035) that is answered without an error and with at least one record.

use crate::Origin;
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use socket2::{Protocol, Type};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// More than a server sends over UDP to who has not said otherwise (RFC 1035 §4.2.1).
const LARGEST: usize = 4096;

#[derive(Debug)]
pub(crate) struct Dns {
    name: String,
    record: String,
    server: SocketAddr,
    origin: Origin,
    asked: u64,
    secret: RandomState,
}

impl Dns {
    pub(crate) fn new(name: String, record: String, server: SocketAddr, origin: Origin) -> Self {
        Self { name, record, server, origin, asked: 0, secret: RandomState::new() }
    }

    pub(crate) async fn look(&mut self) -> Result<(), String> {
        let question = self.question()?;
        let answer = self.ask(&question).await.map_err(|error| format!("DNS at {}: {error}", self.server))?;
        let (rcode, records) = (answer.header().rcode(), answer.header_counts().ancount());
        let asked = format!("DNS at {}: {} {}", self.server, self.name, self.record);
        if rcode != Rcode::NOERROR {
            Err(format!("{asked}: {rcode}"))
        } else if records == 0 && !answer.header().tc() {
            Err(format!("{asked}: no such record"))
        } else {
            Ok(())
        }
    }

    /// An identifier that nobody guesses, so that only the server's answer is one.
    fn question(&mut self) -> Result<Message<Vec<u8>>, String> {
        self.asked += 1;
        let name: Name<Vec<u8>> = self.name.parse().map_err(|error| format!("{}: {error}", self.name))?;
        let record: Rtype = self.record.parse().map_err(|error| format!("{}: {error}", self.record))?;
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_id(self.secret.hash_one(self.asked) as u16);
        message.header_mut().set_rd(true);
        let mut question = message.question();
        question.push((name, record)).map_err(|error| error.to_string())?;
        Ok(question.into_message())
    }

    async fn ask(&self, question: &Message<Vec<u8>>) -> std::io::Result<Message<Vec<u8>>> {
        let socket = self.origin.socket(self.server.ip(), Type::DGRAM, Some(Protocol::UDP))?;
        let socket = UdpSocket::from_std(socket.into())?;
        socket.connect(self.server).await?;
        socket.send(question.as_slice()).await?;
        let mut octets = vec![0; LARGEST];
        loop {
            let length = socket.recv(&mut octets).await?;
            if let Ok(answer) = Message::from_octets(octets[..length].to_vec())
                && answer.is_answer(question)
            {
                return Ok(answer);
            }
        }
    }
}

/// Whether the words can be asked: why not.
pub fn check(name: &str, record: &str) -> Result<(), String> {
    Dns::new(name.into(), record.into(), SocketAddr::from(([0; 4], 0)), Origin::default())
        .question()
        .map(drop)
}
