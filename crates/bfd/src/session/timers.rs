//! When a session sends, and until when it waits (RFC 5880 §6.8.2, §6.8.3, §6.8.4, §6.8.7).

use super::Parameters;
use crate::packet::{Interval, State};
use std::{num::NonZeroU8, time::Duration, time::Instant};

/// A session that is not Up sends no more often than this (RFC 5880 §6.8.3): nobody knows yet what the path can take.
pub(super) const SLOW: Interval = Interval(1_000_000);

#[derive(Debug)]
pub(super) struct Timers {
    /// What we say (bfd.DesiredMinTxInterval), and what holds of it until the other side has answered.
    desired: Interval,
    transmit: Interval,
    /// The same of what we can receive (bfd.RequiredMinRxInterval).
    required: Interval,
    receive: Interval,
    sent_at: Option<Instant>,
    send_at: Option<Instant>,
    /// The interval that `send_at` was made with.
    interval: Option<Duration>,
    detect_at: Option<Instant>,
    random: u64,
}

impl Timers {
    pub(super) fn new(now: Instant, parameters: Parameters, seed: u64) -> Self {
        let desired = parameters.min_tx.max(SLOW);
        Self {
            desired,
            transmit: desired,
            required: parameters.min_rx,
            receive: parameters.min_rx,
            sent_at: None,
            send_at: Some(now),
            interval: None,
            detect_at: None,
            random: seed,
        }
    }

    pub(super) const fn desired(&self) -> Interval {
        self.desired
    }

    pub(super) const fn transmit(&self) -> Interval {
        self.transmit
    }

    pub(super) const fn receive(&self) -> Interval {
        self.receive
    }

    pub(super) const fn send_at(&self) -> Option<Instant> {
        self.send_at
    }

    pub(super) const fn detect_at(&self) -> Option<Instant> {
        self.detect_at
    }

    /// Takes what is wanted now; whether that is new. RFC 5880 §6.8.3: while Up, to send more seldom waits until the other side
    /// knows to wait longer, and to wait shorter until it knows to send more often.
    pub(super) fn want(&mut self, parameters: Parameters, state: State) -> bool {
        let is_up = state == State::Up;
        let desired = if is_up { parameters.min_tx } else { parameters.min_tx.max(SLOW) };
        let required = parameters.min_rx;
        let is_new = (desired, required) != (self.desired, self.required);
        (self.desired, self.required) = (desired, required);
        if !is_up || desired <= self.transmit {
            self.transmit = desired;
        }
        if !is_up || required >= self.receive {
            self.receive = required;
        }
        is_new
    }

    /// The other side knows what we want.
    pub(super) const fn agreed(&mut self) {
        self.transmit = self.desired;
        self.receive = self.required;
    }

    /// A packet counts for the Detection Time.
    pub(super) fn heard(&mut self, now: Instant, detection_time: Duration) {
        self.detect_at = Some(now + detection_time);
    }

    /// Whether the Detection Time is over; says so once.
    pub(super) fn has_expired(&mut self, now: Instant) -> bool {
        self.detect_at.take_if(|at| *at <= now).is_some()
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.send_at.is_some_and(|at| at <= now)
    }

    pub(super) fn sent(&mut self, now: Instant, interval: Duration, multiplier: NonZeroU8) {
        self.sent_at = Some(now);
        self.interval = Some(interval);
        self.send_at = Some(now + self.jitter(interval, multiplier));
    }

    /// Another interval holds from the last packet on, not from the next.
    pub(super) fn reschedule(&mut self, interval: Option<Duration>, multiplier: NonZeroU8) {
        let (Some(interval), Some(sent_at)) = (interval, self.sent_at) else { return };
        if self.interval.replace(interval) != Some(interval) {
            self.send_at = Some(sent_at + self.jitter(interval, multiplier));
        }
    }

    /// RFC 5880 §6.8.7: 75 to 100 per cent; where no packet may be lost, 90 at the most.
    fn jitter(&mut self, interval: Duration, multiplier: NonZeroU8) -> Duration {
        let most = if multiplier == NonZeroU8::MIN { 921 } else { 1024 };
        let share = 768 + self.next() % (most - 768 + 1);
        Duration::from_nanos((interval.as_nanos() as u64 / 1024).saturating_mul(share))
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

    /// RFC 5880 §6.8.7.
    #[test]
    fn jitter_takes_up_to_a_quarter_and_at_least_a_tenth_where_no_packet_may_be_lost() {
        let mut timers = Timers::new(Instant::now(), Parameters::default(), 7);
        let interval = Duration::from_millis(300);
        for (multiplier, most) in [(1, 270), (2, 300), (255, 300)] {
            let multiplier = NonZeroU8::new(multiplier).unwrap();
            let waits: Vec<Duration> = (0..10_000).map(|_| timers.jitter(interval, multiplier)).collect();
            let (least, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!((224..=226).contains(&least.as_millis()), "{least:?}");
            assert!(
                *longest <= Duration::from_millis(most) && *longest > Duration::from_millis(most - 2),
                "{longest:?}"
            );
        }
    }
}
