//! A session of the mock without sockets: the test is its peer, and its clock.

use super::*;
use crate::speaker::Endpoints;
use crate::speaker::personality::personality;
use bytes::BytesMut;
use quadzero_codec::{Capability, Decoder, Dialect, Family, HoldTime, Message, Open};
use quadzero_fsm::{Addresses, Direction, Input, Output, Session};
use std::time::Instant;

pub(crate) struct Alone {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    decoder: Decoder,
    dialect: Dialect,
    addresses: Addresses,
}

impl Alone {
    /// A session that has dialled its peer and got through.
    pub(crate) fn connected(azure: &Azure, id: SessionId) -> Self {
        let config = personality(azure, id, &Endpoints::default());
        let addresses = Addresses { local: azure.local_address(id).into(), remote: azure.peer_address(id) };
        let session = Session::new(Arc::new(config), Arc::default(), 7);
        let dialect = Dialect { four_octet_as: true, ipv4: true, ..Dialect::default() };
        let mut alone =
            Self { session, now: Instant::now(), decoder: Decoder::default(), dialect, addresses };
        alone.session.handle(alone.now, Input::Start);
        alone.connect();
        alone
    }

    fn connect(&mut self) {
        self.session.handle(self.now, Input::Connected(Direction::Outgoing, self.addresses));
    }

    /// One that is Established with a peer of this Hold Time.
    pub(crate) fn established(azure: &Azure, id: SessionId, hold: u16) -> Self {
        let mut alone = Self::connected(azure, id);
        let asn = azure.connection(id).asn;
        let IpAddr::V4(address) = azure.peer_address(id) else { panic!("peers are IPv4") };
        alone.say(&Message::Open(Open {
            asn,
            hold_time: HoldTime::new(hold).unwrap(),
            router_id: RouterId::new(address).unwrap(),
            capabilities: vec![Capability::Multiprotocol(Family::IPV4_UNICAST), Capability::FourOctetAs(asn)],
        }));
        alone.say(&Message::Keepalive);
        alone.heard();
        alone
    }

    pub(crate) fn say(&mut self, message: &Message) {
        let mut octets = BytesMut::new();
        message.encode(&self.dialect, &mut octets);
        self.session.handle(self.now, Input::Bytes(Direction::Outgoing, &octets));
    }

    /// What it says now, and its last words.
    pub(crate) fn heard(&mut self) -> Vec<Message> {
        let mut octets = BytesMut::new();
        self.session.transmit(self.now, Direction::Outgoing, &mut octets, 4096);
        self.decoder.push(&octets);
        while let Some(output) = self.session.poll() {
            match output {
                Output::Disconnect(_, last_words) => self.decoder.push(&last_words),
                Output::Connect | Output::Event(_) => {}
            }
        }
        let mut messages = Vec::new();
        while let Some(message) = self.decoder.next(&self.dialect).unwrap() {
            messages.push(message);
        }
        messages
    }

    /// Lets the time pass to its next timer.
    pub(crate) fn pass(&mut self) {
        self.now = self.session.deadline().unwrap();
        self.session.handle(self.now, Input::Timeout);
    }
}
