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
    /// An OPEN has come in on a connection, which is now in OpenConfirm. If the other one is as far, one of them goes;
    /// if it is Established, this one goes. An error is the end of this one.
    pub(super) fn resolve_collision(&mut self, now: Instant, direction: Direction) -> Result<(), Ending> {
        let other = direction.other();
        let Some(rival) = &self.connections[other as usize] else { return Ok(()) };
        match rival.state() {
            Some(State::Established) if rival.established().is_some_and(|n| restart::is_agreed(n)) => {
                // The peer has restarted before we noticed (RFC 4724 §5).
                self.end(now, other, Ending::Closed);
                Ok(())
            }
            Some(State::Established) => Err(resolution()),
            Some(State::OpenConfirm) => {
                let Some(negotiated) = rival.negotiated() else { return Ok(()) };
                if survivor(&self.config, (negotiated.router_id, negotiated.remote_as)) == direction {
                    self.end(now, other, resolution());
                    Ok(())
                } else {
                    Err(resolution())
                }
            }
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
