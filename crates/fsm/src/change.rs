//! What becomes of a running session when the configuration of its peer changes.
//!
//! What the two OPENs have agreed on can only be changed by another pair of OPENs, and what the kernel holds of a connection
//! mostly by another connection. Everything else changes in place. Each field is decided here, and a new one does not compile
//! until it is.

use crate::{Capabilities, Excess, Import, PeerConfig, PrefixLimit, Timers, Transport};

/// What a change of one field does to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It holds from now on, and the session stays.
    InPlace,
    /// The peer has to say its routes once more: in place where it can be asked (RFC 2918), else by a reset.
    AsksAgain,
    /// Only another session can have it; why.
    Reset(&'static str),
}

/// A field that is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key of the configuration that it is known by.
    pub key: &'static str,
    /// What it does.
    pub effect: Effect,
}

impl Difference {
    /// Why a session has to be reset for it, if it has to; `can_be_asked`: the peer understands ROUTE-REFRESH.
    pub const fn resets(&self, can_be_asked: bool) -> Option<&'static str> {
        match self.effect {
            Effect::InPlace => None,
            Effect::AsksAgain if can_be_asked => None,
            Effect::AsksAgain => Some("the peer cannot be asked for its routes again (RFC 2918)"),
            Effect::Reset(why) => Some(why),
        }
    }
}

const OPEN: Effect = Effect::Reset("it is said in OPEN (RFC 4271 §4.2)");
const AGREED: Effect = Effect::Reset("it is agreed on in OPEN (RFC 5492)");
const CONNECTION: Effect = Effect::Reset("it is of the TCP connection");

impl PeerConfig {
    /// What is different in `new`, and what each difference does to a session that runs. The address is who the peer is: with
    /// another one it is another peer.
    pub fn difference(&self, new: &Self) -> Vec<Difference> {
        let mut all = Differences::default();
        let Self {
            name,
            local_as,
            router_id,
            remote_as,
            mode,
            families,
            timers,
            damp_peer_oscillations,
            hold_negotiation,
            role,
            capabilities,
            import,
            own_address,
            honour_graceful_shutdown,
            max_prefixes,
            max_prefixes_out,
            transport,
        } = new;
        all.note("name", self.name != *name, Effect::InPlace);
        all.note("asn", self.local_as != *local_as, OPEN);
        all.note("router-id", self.router_id != *router_id, OPEN);
        all.note("remote-as", self.remote_as != *remote_as, OPEN);
        all.note("mode", self.mode != *mode, Effect::InPlace);
        all.note("families", self.families != *families, AGREED);
        all.timers(&self.timers, timers);
        let damps = self.damp_peer_oscillations != *damp_peer_oscillations;
        all.note("damp-peer-oscillations", damps, Effect::InPlace);
        all.note("hold-time", self.hold_negotiation != *hold_negotiation, OPEN);
        all.note("role", self.role != *role, AGREED);
        all.capabilities(&self.capabilities, capabilities);
        let taken_in = if *import == Import::None { Effect::InPlace } else { Effect::AsksAgain };
        all.note("import", self.import != *import, taken_in);
        let own = Effect::Reset("it is what \"next-hop self\" has said in this session");
        all.note("next-hop", self.own_address != *own_address, own);
        let honours = self.honour_graceful_shutdown != *honour_graceful_shutdown;
        all.note("graceful-shutdown", honours, Effect::AsksAgain);
        all.note("max-prefixes", self.max_prefixes != *max_prefixes, limit(self.max_prefixes));
        all.note("max-prefixes-out", self.max_prefixes_out != *max_prefixes_out, Effect::InPlace);
        all.transport(&self.transport, transport);
        all.0
    }
}

/// What a limit that blocks has not taken was not kept either.
fn limit(before: Option<PrefixLimit>) -> Effect {
    match before.map(|limit| limit.excess) {
        Some(Excess::Block) => Effect::AsksAgain,
        Some(Excess::Warn | Excess::Drop { .. }) | None => Effect::InPlace,
    }
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn note(&mut self, key: &'static str, is_different: bool, effect: Effect) {
        if is_different {
            self.0.push(Difference { key, effect });
        }
    }

    fn timers(&mut self, old: &Timers, new: &Timers) {
        let Timers {
            hold,
            keepalive,
            connect_retry,
            delay_open,
            idle_hold,
            idle_hold_max,
            stable_after,
            advertisement_interval,
            send_hold,
        } = new;
        self.note("hold-time", old.hold != *hold, OPEN);
        self.note("keepalive", old.keepalive != *keepalive, Effect::InPlace);
        self.note("connect-retry", old.connect_retry != *connect_retry, Effect::InPlace);
        self.note("delay-open", old.delay_open != *delay_open, Effect::InPlace);
        self.note("idle-hold", old.idle_hold != *idle_hold, Effect::InPlace);
        self.note("idle-hold-max", old.idle_hold_max != *idle_hold_max, Effect::InPlace);
        self.note("stable-after", old.stable_after != *stable_after, Effect::InPlace);
        let interval = old.advertisement_interval != *advertisement_interval;
        self.note("advertisement-interval", interval, Effect::InPlace);
        self.note("send-hold", old.send_hold != *send_hold, Effect::InPlace);
    }

    fn capabilities(&mut self, old: &Capabilities, new: &Capabilities) {
        let Capabilities {
            four_octet_as,
            route_refresh,
            enhanced_route_refresh,
            extended_message,
            graceful_restart,
        } = new;
        self.note("four-octet-as", old.four_octet_as != *four_octet_as, AGREED);
        self.note("route-refresh", old.route_refresh != *route_refresh, AGREED);
        let enhanced = old.enhanced_route_refresh != *enhanced_route_refresh;
        self.note("enhanced-route-refresh", enhanced, AGREED);
        self.note("extended-message", old.extended_message != *extended_message, AGREED);
        self.note("graceful-restart", old.graceful_restart != *graceful_restart, AGREED);
    }

    fn transport(&mut self, old: &Transport, new: &Transport) {
        let Transport { remote, local, ttl, min_ttl, md5 } = new;
        // Whom a dial goes to from now on; a connection that is there has its ports.
        self.note("port", old.remote != *remote, Effect::InPlace);
        self.note("local-address", old.local != *local, CONNECTION);
        self.note("multihop", old.ttl != *ttl, Effect::InPlace);
        self.note("ttl-security", old.min_ttl != *min_ttl, CONNECTION);
        let kept = old.md5.is_some() == md5.is_some();
        let key = if kept {
            Effect::InPlace
        } else {
            Effect::Reset("a connection has TCP MD5 from its first segment on, or not at all (RFC 2385)")
        };
        self.note("password", old.md5 != *md5, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Md5Key, Mode, testing::config};
    use quadzero_codec::HoldTime;
    use std::time::Duration;

    fn only(change: impl FnOnce(&mut PeerConfig)) -> Difference {
        let (old, mut new) = (config(), config());
        change(&mut new);
        let all = old.difference(&new);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0]
    }

    #[test]
    fn nothing_is_different_from_itself() {
        assert_eq!(config().difference(&config()), []);
    }

    #[test]
    fn what_open_says_needs_another_session() {
        let hold = only(|peer| peer.timers.hold = HoldTime::new(30).unwrap());
        assert_eq!((hold.key, hold.effect), ("hold-time", OPEN));
        let refresh = only(|peer| peer.capabilities.route_refresh = false);
        assert_eq!((refresh.key, refresh.effect), ("route-refresh", AGREED));
    }

    #[test]
    fn timers_modes_and_limits_change_in_place() {
        for difference in [
            only(|peer| peer.timers.keepalive = Some(Duration::from_secs(7))),
            only(|peer| peer.timers.connect_retry = Duration::from_secs(7)),
            only(|peer| peer.mode = Mode::Active),
            only(|peer| peer.max_prefixes = Some(PrefixLimit::new(10, Excess::Warn))),
            only(|peer| peer.name = "another".into()),
        ] {
            assert_eq!(difference.resets(false), None, "{difference:?}");
        }
    }

    #[test]
    fn a_key_changes_in_place_but_not_between_one_and_none() {
        let key = |text: &str| Md5Key::new(text.as_bytes());
        let (mut old, mut new) = (config(), config());
        new.transport.md5 = key("new");
        assert!(old.difference(&new)[0].resets(true).is_some());
        old.transport.md5 = key("old");
        assert_eq!(old.difference(&new)[0].resets(true), None);
    }

    #[test]
    fn routes_that_were_not_taken_are_asked_for_if_the_peer_can_be_asked() {
        let (mut none, mut all) = (config(), config());
        (none.import, all.import) = (Import::None, Import::All);
        let taken = none.difference(&all)[0];
        assert_eq!(taken.resets(true), None);
        assert!(taken.resets(false).is_some());
        assert_eq!(all.difference(&none)[0].effect, Effect::InPlace);
    }
}
