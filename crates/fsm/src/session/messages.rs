//! What messages do in the states of a connection: OpenSent, OpenConfirm, Established (RFC 4271 §8.2.2).

use super::{Direction, Event, Output, Session, State, connection::Ending, negotiate};
use quadzero_codec::{Message, Notification};
use std::{sync::Arc, time::Instant};

impl Session {
    pub(super) fn bytes(&mut self, now: Instant, direction: Direction, octets: &[u8]) {
        if let Some(connection) = &mut self.connections[direction as usize] {
            connection.decoder.push(octets);
        }
        while let Some(connection) = &mut self.connections[direction as usize] {
            let happened = match connection.decoder.next(&connection.dialect) {
                Ok(None) => return,
                Ok(Some(message)) => self.received(now, direction, message),
                Err(error) => Err(Ending::Sent(Notification::from(&error))),
            };
            if let Err(ending) = happened {
                self.end(now, direction, ending);
            }
        }
    }

    fn received(&mut self, now: Instant, direction: Direction, message: Message) -> Result<(), Ending> {
        self.counters.messages_received += 1;
        self.outputs.push_back(Output::Event(Event::Received(message.kind())));
        let Some(connection) = &mut self.connections[direction as usize] else { return Ok(()) };
        match connection.state() {
            None => self.delayed(now, direction, message),
            Some(State::OpenSent) => self.open_sent(now, direction, message),
            Some(State::OpenConfirm) => self.open_confirm(now, direction, message),
            _ => self.established(now, direction, message),
        }
    }

    /// Connected, but the OPEN is held back (DelayOpen): an OPEN of the peer's ends the delay.
    fn delayed(&mut self, now: Instant, direction: Direction, message: Message) -> Result<(), Ending> {
        if let (Message::Open(_), Some(connection)) = (&message, &mut self.connections[direction as usize]) {
            connection.send_open(now);
            return self.open_sent(now, direction, message);
        }
        Err(Ending::unexpected(&message, State::Active))
    }

    fn open_sent(&mut self, now: Instant, direction: Direction, message: Message) -> Result<(), Ending> {
        let Message::Open(open) = message else { return Err(Ending::unexpected(&message, State::OpenSent)) };
        let Some(connection) = &mut self.connections[direction as usize] else { return Ok(()) };
        let negotiated = negotiate(&self.config, connection.addresses(), open).map_err(|refusal| {
            self.outputs.push_back(Output::Event(Event::Refused(refusal.why)));
            Ending::Sent(refusal.notification)
        })?;
        connection.confirm(now, Arc::new(negotiated), &mut self.backoff);
        self.resolve_collision(now, direction)
    }

    fn open_confirm(&mut self, now: Instant, direction: Direction, message: Message) -> Result<(), Ending> {
        let Message::Keepalive = message else {
            return Err(Ending::unexpected(&message, State::OpenConfirm));
        };
        let Some(connection) = &mut self.connections[direction as usize] else { return Ok(()) };
        let Some(negotiated) = connection.establish(now, &self.encodings) else { return Ok(()) };
        self.counters.established += 1;
        self.end_of_rib.clear();
        self.peer_is_back(now, &negotiated);
        self.outputs.push_back(Output::Event(Event::Up(negotiated)));
        self.drop_rival(now, direction);
        Ok(())
    }

    fn established(&mut self, now: Instant, direction: Direction, message: Message) -> Result<(), Ending> {
        let Some(connection) = &mut self.connections[direction as usize] else { return Ok(()) };
        match message {
            Message::Keepalive => {
                connection.heard(now);
                self.keepalive_said();
            }
            Message::Update(update) => {
                connection.heard(now);
                let internal = connection.dialect.internal;
                self.counters.updates_received += 1;
                let end_of_rib = update.end_of_rib;
                self.learn(update, internal)?;
                if let Some(family) = end_of_rib {
                    self.forget_stale(Some(family));
                    self.end_of_rib_said(family);
                }
            }
            Message::RouteRefresh(refresh) if refresh.subtype == 0 => {
                connection.refresh_asked(refresh.family)
            }
            Message::RouteRefresh(refresh) if connection.dialect.enhanced_refresh => self.refreshed(refresh),
            Message::RouteRefresh(_) => {}
            other => return Err(Ending::unexpected(&other, State::Established)),
        }
        Ok(())
    }
}
