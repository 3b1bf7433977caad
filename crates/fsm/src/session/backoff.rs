//! Waiting: jitter (RFC 4271 §10) and the IdleHoldTime that grows (DampPeerOscillations, §8.1.1).

use crate::PeerConfig;
use std::time::Duration;

/// How often the peer has failed in a row, and the randomness of its timers. Dials that fail count apart: a network that was down for
/// a while says nothing about how the peer behaves once it is there.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    dials: u32,
    random: u64,
}

impl Backoff {
    pub(super) const fn new(seed: u64) -> Self {
        Self { failures: 0, dials: 0, random: seed }
    }

    /// The session has failed (again): how long to stay in Idle.
    pub(super) fn failed(&mut self, config: &PeerConfig) -> Duration {
        let before = if config.damp_peer_oscillations { self.failures } else { 0 };
        self.failures = self.failures.saturating_add(1);
        self.wait(config, before, config.timers.idle_hold_max)
    }

    /// A dial has failed (again): how long to wait for the next one.
    pub(super) fn dial_failed(&mut self, config: &PeerConfig) -> Duration {
        let before = self.dials;
        self.dials = self.dials.saturating_add(1);
        self.wait(config, before, config.timers.connect_retry)
    }

    /// The peer has answered.
    pub(super) const fn was_reached(&mut self) {
        self.dials = 0;
    }

    fn wait(&mut self, config: &PeerConfig, before: u32, ceiling: Duration) -> Duration {
        let first = config.timers.idle_hold;
        self.jitter(first.saturating_mul(1 << before.min(16)).min(ceiling.max(first)))
    }

    /// A session that has lasted makes what was before it forgotten.
    pub(super) fn was_up_for(&mut self, time: Duration, config: &PeerConfig) {
        if time >= config.timers.stable_after {
            self.forget();
        }
    }

    pub(super) const fn forget(&mut self) {
        self.failures = 0;
        self.dials = 0;
    }

    /// 75 to 100 per cent of the time (RFC 4271 §10).
    pub(super) fn jitter(&mut self, time: Duration) -> Duration {
        time / 1024 * (768 + (self.next() % 257) as u32)
    }

    /// SplitMix64: sixty-four well mixed bits from a counter, the same for the same seed.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[test]
    fn the_wait_doubles_to_its_ceiling_and_is_forgotten_after_a_stable_session() {
        let config = config();
        let mut config = config;
        config.timers.idle_hold_max = Duration::from_secs(8);
        let mut backoff = Backoff::new(7);
        for expected in [1, 2, 4, 8, 8] {
            let wait = backoff.failed(&config);
            let full = Duration::from_secs(expected);
            assert!(wait <= full && wait >= full * 3 / 4 - Duration::from_millis(1), "{wait:?} for {full:?}");
        }
        backoff.was_up_for(config.timers.stable_after - Duration::from_secs(1), &config);
        assert!(backoff.failed(&config) > Duration::from_secs(5), "a short session forgets nothing");
        backoff.was_up_for(config.timers.stable_after, &config);
        assert!(backoff.failed(&config) <= Duration::from_secs(1));
    }

    #[test]
    fn without_damping_the_wait_stays() {
        let config = PeerConfig { damp_peer_oscillations: false, ..config() };
        let mut backoff = Backoff::new(7);
        assert!((0..10).all(|_| backoff.failed(&config) <= config.timers.idle_hold));
    }

    #[test]
    fn jitter_stays_within_three_quarters_and_the_whole() {
        let mut backoff = Backoff::new(1);
        let time = Duration::from_secs(1024);
        let drawn: Vec<_> = (0..1000).map(|_| backoff.jitter(time)).collect();
        assert!(drawn.iter().all(|d| *d >= time * 3 / 4 && *d <= time));
        assert!(
            drawn.iter().any(|d| *d < time * 4 / 5) && drawn.iter().any(|d| *d > time * 19 / 20),
            "it spreads"
        );
    }
}
