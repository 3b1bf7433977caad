//! Graceful restart (RFC 4724, RFC 8538): the peer is away for a moment, and its routes stay meanwhile.
//!
//! ```text
//! Established ──ends gracefully──► routes stale ──Established again──► stale until End-of-RIB ──► forgotten
//!                                      │  Restart Time over                  │ no longer forwards (F = 0)
//!                                      └───────────────► forgotten ◄─────────┘ or never says End-of-RIB
//! ```
//!
//! This is the side of the one who waits. The side of the one who restarts is short: the capability in our OPEN says how long
//! we may be away, that we have just started (R), and that our forwarding went on without us (F): it is the kernel's.

use super::{Event, Negotiated, Output, Session, connection::Ending};
use quadzero_codec::{ErrorCode, Family, Notification, RouteRefresh};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FAMILIES: [Family; 2] = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];

/// How long a peer that is back may take to say End-of-RIB.
const END_OF_RIB_WITHIN: Duration = Duration::from_secs(360);

impl Session {
    /// An Established session has ended: what becomes of its routes.
    pub(super) fn keep_or_forget(&mut self, now: Instant, negotiated: &Negotiated, ending: &Ending) {
        let kept = if is_graceful(negotiated, ending) { kept_families(negotiated) } else { Vec::new() };
        let restart_time = negotiated.graceful_restart.as_ref().map_or(0, |peer| peer.restart_time);
        {
            let mut learned = self.lock_learned();
            // One restart at a time: what was stale already goes (RFC 4724 §4.2). Not what a refresh had not said again yet
            // (RFC 7313 §4): that was never withdrawn.
            if self.stale_until.is_some() {
                learned.drop_stale(None);
            }
            for family in FAMILIES {
                learned.mark_stale(family);
                if !kept.contains(&family) {
                    learned.drop_stale(Some(family));
                }
            }
        }
        self.stale_until = (!kept.is_empty()).then(|| now + Duration::from_secs(restart_time.into()));
    }

    /// The peer is Established again: a family that it does not speak any more, or did not forward meanwhile, is forgotten
    /// (RFC 4724 §4.2).
    pub(super) fn peer_is_back(&mut self, now: Instant, negotiated: &Negotiated) {
        if self.stale_until.is_none() {
            return;
        }
        let forwarded = |family: &Family| {
            let restart = negotiated.graceful_restart.as_ref();
            restart.is_some_and(|r| r.families.contains(&(*family, true)))
                && negotiated.families.contains(family)
        };
        for family in FAMILIES {
            if !forwarded(&family) {
                self.forget_stale(Some(family));
            }
        }
        self.stale_until = Some(now + END_OF_RIB_WITHIN);
    }

    /// The peer begins or ends to say a family again (RFC 7313 §4.2): what it does not say meanwhile is gone.
    pub(super) fn refreshed(&mut self, refresh: RouteRefresh) {
        match refresh.subtype {
            // Until it has said End-of-RIB after its restart, what is stale is that of the restart (RFC 7313 §4).
            1 | 2 if self.stale_until.is_some() => {}
            1 => self.lock_learned().mark_stale(refresh.family),
            2 => self.drop_stale(Some(refresh.family)),
            _ => {}
        }
    }

    /// Stale routes, of a family or all of them, are no longer waited for.
    pub(super) fn forget_stale(&mut self, family: Option<Family>) {
        if self.stale_until.is_none() {
            return;
        }
        self.drop_stale(family);
        if self.lock_learned().stale_len() == 0 {
            self.stale_until = None;
        }
    }

    pub(super) fn end_of_rib_said(&mut self, family: Family) {
        let agreed = self.negotiated().is_some_and(|negotiated| negotiated.families.contains(&family));
        if agreed && !self.end_of_rib.contains(&family) {
            self.end_of_rib.push(family);
        }
    }

    /// Where one side lacks the capability, nobody need say End-of-RIB (RFC 4724 §3), and FRR does not: when the peer has nothing
    /// to say but that it lives, it has said everything, as far as anybody can tell.
    pub(super) fn keepalive_said(&mut self) {
        let silent = self.negotiated().filter(|negotiated| !is_agreed(negotiated));
        if let Some(negotiated) = silent.cloned() {
            self.end_of_rib.clone_from(&negotiated.families);
        }
    }

    /// Whether the peer is Established and has said End-of-RIB of every family that was agreed on; or
    /// is one that need not, and has said a KEEPALIVE since.
    pub fn has_said_everything(&self) -> bool {
        let said = |negotiated: &Arc<Negotiated>| {
            negotiated.families.iter().all(|family| self.end_of_rib.contains(family))
        };
        self.negotiated().is_some_and(said)
    }

    fn drop_stale(&mut self, family: Option<Family>) {
        let withdrawn = self.lock_learned().drop_stale(family);
        if withdrawn > 0 {
            self.outputs.push_back(Output::Event(Event::Learned { announced: 0, withdrawn }));
        }
    }
}

/// What we say at the end by our own will. Where NOTIFICATIONs are covered by graceful restart, only a Hard Reset ends it
/// (RFC 8538 §3).
pub(super) fn last_word(notification: Notification, negotiated: Option<&Negotiated>) -> Notification {
    match negotiated {
        Some(negotiated) if covers_notifications(negotiated) => notification.hard_reset(),
        _ => notification,
    }
}

/// RFC 4724 §4.2: a TCP connection that fails. RFC 8538 §4: NOTIFICATIONs too, where both said N, but for a Hard Reset; and
/// what we cease of our own will, we do not want back.
fn is_graceful(negotiated: &Negotiated, ending: &Ending) -> bool {
    if !is_agreed(negotiated) {
        return false;
    }
    match ending {
        Ending::Closed => true,
        Ending::Received(n) => covers_notifications(negotiated) && n.code != ErrorCode::CEASE_HARD_RESET,
        Ending::Sent(n) => covers_notifications(negotiated) && n.code.0 != ErrorCode::CEASE.0,
        Ending::Excess(..) | Ending::Collision(_) | Ending::Stopped(_) => false,
    }
}

/// Both sides have said that they can.
pub(super) fn is_agreed(negotiated: &Negotiated) -> bool {
    negotiated.outlives_connection()
}

impl Negotiated {
    /// Routes stay for a while when the connection just ends: both sides have said so (RFC 4724).
    pub fn outlives_connection(&self) -> bool {
        self.we_restart_gracefully && self.graceful_restart.is_some()
    }
}

fn covers_notifications(negotiated: &Negotiated) -> bool {
    negotiated.we_restart_gracefully
        && negotiated.graceful_restart.as_ref().is_some_and(|peer| peer.notification)
}

fn kept_families(negotiated: &Negotiated) -> Vec<Family> {
    let restart = negotiated.graceful_restart.iter().filter(|restart| restart.restart_time > 0);
    let families = restart.flat_map(|restart| restart.families.iter().map(|(family, _)| *family));
    families.filter(|family| negotiated.families.contains(family)).collect()
}
