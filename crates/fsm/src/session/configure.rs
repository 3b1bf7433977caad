//! The configuration changes while the session runs.

use super::{Direction, Event, Output, Phase, Session, connection::Ending};
use crate::{Effect, Import, Mode, PeerConfig};
use quadzero_codec::Notification;
use std::{sync::Arc, time::Instant};

impl Session {
    /// With a NOTIFICATION the session is reset; one that an operator has stopped stays so.
    pub(super) fn configure(&mut self, now: Instant, config: Arc<PeerConfig>, reset: Option<Notification>) {
        let Some(notification) = reset else { return self.configure_in_place(now, config) };
        let is_stopped = matches!(self.phase, Phase::Idle { until: None });
        if is_stopped {
            self.config = config;
            return;
        }
        self.stop(now, notification);
        self.config = config;
        self.start(now);
    }

    fn configure_in_place(&mut self, now: Instant, config: Arc<PeerConfig>) {
        let before = std::mem::replace(&mut self.config, config);
        for connection in self.connections.iter_mut().flatten() {
            connection.configure(now, &self.config, &mut self.backoff);
        }
        self.follow_mode(now);
        if self.config.import == Import::None {
            self.forget_learned();
        }
        self.told.forget_received();
        self.check_limit(now);
        let differences = before.difference(&self.config);
        if differences.iter().any(|difference| difference.effect == Effect::AsksAgain) {
            self.connections.iter_mut().flatten().for_each(|c| c.ask_again());
        }
    }

    /// Who waits for the other side, and need not any more, dials; who dials, and must not, waits. A connection stays.
    fn follow_mode(&mut self, now: Instant) {
        let passive = self.config.mode == Mode::Passive;
        let alone = self.connections.iter().all(Option::is_none);
        match self.phase {
            Phase::Active { retry: None } if !passive && alone => self.dial(now),
            Phase::Active { .. } if passive => self.phase = Phase::Active { retry: None },
            Phase::Connect { .. } if passive => {
                self.give_up_dial();
                self.phase = Phase::Active { retry: None };
            }
            _ => {}
        }
    }

    fn forget_learned(&mut self) {
        let withdrawn = {
            let mut learned = self.lock_learned();
            let there = learned.len();
            learned.clear();
            there
        };
        if withdrawn > 0 {
            self.stale_until = None;
            self.outputs.push_back(Output::Event(Event::Learned { announced: 0, withdrawn }));
        }
    }

    /// What the peer has announced may be too much now.
    fn check_limit(&mut self, now: Instant) {
        let established =
            |d: &Direction| self.connections[*d as usize].as_ref().is_some_and(|c| c.established().is_some());
        let Some(direction) = Direction::ALL.into_iter().find(established) else { return };
        let checked: Result<(), Ending> = self.check_received();
        if let Err(ending) = checked {
            self.end(now, direction, ending);
        }
    }
}
