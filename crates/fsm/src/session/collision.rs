//! Connection collision (RFC 4271 §6.8): both sides dialled at once, and one connection has to go.
//!
//! Each side decides by itself, from what it has heard so far. Where the network delays one connection more than the other, the
//! two may decide differently, and both connections go; the jitter of the next dials settles it.

use super::{Direction, Session, State, connection::Ending, restart};
use crate::PeerConfig;
use quadzero_codec::{Asn, ErrorCode, Notification, RouterId};
use std::time::Instant;

/// The connection that stays: the one dialled by the speaker with the higher BGP Identifier;
/// where these are equal, by the one with the higher AS number (RFC 6286 §2.3).
fn survivor(config: &PeerConfig, remote: (RouterId, Asn)) -> Direction {
    let ours = (config.router_id, config.local_as);
    if ours > remote { Direction::Outgoing } else { Direction::Incoming }
}

fn resolution() -> Ending {
    Ending::Collision(Notification::new(ErrorCode::CEASE_CONNECTION_COLLISION_RESOLUTION))
}

impl Session {
    /// An OPEN has come in on a connection, which is now in OpenConfirm. Of it and another one, one goes; if the other one is
    /// Established, this one. An error is the end of this one.
    ///
    /// The other one counts from OpenSent on, since now the peer's identifier is known (§6.8 allows it): waiting for its OPEN,
    /// too, is what lets the two sides decide differently. Unless it has been silent for long: its other end may be gone.
    pub(super) fn resolve_collision(&mut self, now: Instant, direction: Direction) -> Result<(), Ending> {
        let other = direction.other();
        let [this, rival] = [direction, other].map(|d| self.connections[d as usize].as_deref());
        let (Some(this), Some(rival)) = (this, rival) else { return Ok(()) };
        let Some(peer) = this.negotiated().map(|n| (n.router_id, n.remote_as)) else { return Ok(()) };
        match rival.state() {
            Some(State::Established) if rival.established().is_some_and(|n| restart::is_agreed(n)) => {
                // The peer has restarted before we noticed (RFC 4724 §5).
                self.end(now, other, Ending::Closed);
                Ok(())
            }
            Some(State::Established) => Err(resolution()),
            Some(State::OpenSent) if !rival.is_young(now) => Ok(()),
            Some(State::OpenSent | State::OpenConfirm) if survivor(&self.config, peer) == direction => {
                self.end(now, other, resolution());
                Ok(())
            }
            Some(State::OpenSent | State::OpenConfirm) => Err(resolution()),
            _ => Ok(()),
        }
    }

    /// A connection is Established: the other one, and a dial that is still under way, have lost.
    pub(super) fn drop_rival(&mut self, now: Instant, established: Direction) {
        self.end(now, established.other(), resolution());
        self.give_up_dial();
        self.phase = super::Phase::Active { retry: None };
    }
}
