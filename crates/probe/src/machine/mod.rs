//! The hysteresis of a probe: from what each look has shown to whether it is up.
//!
//! ```text
//!              rise passes in a row                     fall failures in a row
//!   Unknown ------------------------> Up --------------------------------------------> Down
//!      |                              ^    nothing heard for the TTL, or disabled       |  ^
//!      |                              |                                                 |  |
//!      |                              +--- rise passes in a row, and the hold-down over +  |
//!      +----------------- fall failures in a row, the TTL, or disabled --------------------+
//! ```
//!
//! A probe that falls is held down for a while before it may rise, and each fall soon after a rise doubles the while: a line that
//! comes and goes every few seconds is down most of the time, and what hangs on it changes a few times and then hardly ever.
//! An Up that lasts forgives everything.

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use crate::prober::Report;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a probe is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not enough has been seen yet.
    Unknown,
    /// It works.
    Up,
    /// It does not.
    Down,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// What one look has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It works.
    Passed,
    /// It does not, and why.
    Failed(Arc<str>),
    /// An operator wants it down, and how that was said.
    Disabled(Arc<str>),
}

impl Outcome {
    /// Failed, for this reason.
    pub fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string().into())
    }
}

/// How often a probe looks, and how soon it believes what it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// From one look to the next.
    pub interval: Duration,
    /// The same while something is about to change.
    pub fast_interval: Duration,
    /// How long one look may take.
    pub timeout: Duration,
    /// So many passes in a row until it is up.
    pub rise: u32,
    /// So many failures in a row until it is down.
    pub fall: u32,
    /// How long it stays down at least, once it has been up.
    pub hold_down: Duration,
    /// And with many falls in a short time, at most.
    pub hold_down_max: Duration,
    /// An Up that lasts as long as this is no part of a flapping.
    pub stable_after: Duration,
    /// The dead-man switch: it is down when nothing has been heard for as long.
    pub ttl: Duration,
    /// It is taken for up until it is seen to be down; else it is unknown until it is seen to be up, or down.
    pub starts_up: bool,
}

impl Default for Parameters {
    /// The values of ExaBGP's healthcheck, where it has such a thing.
    fn default() -> Self {
        let (interval, timeout) = (Duration::from_secs(5), Duration::from_secs(5));
        Self {
            interval,
            fast_interval: Duration::from_secs(1),
            timeout,
            rise: 3,
            fall: 3,
            hold_down: Duration::from_secs(10),
            hold_down_max: Duration::from_secs(5 * 60),
            stable_after: Duration::from_secs(5 * 60),
            ttl: Self::usual_ttl(interval, timeout),
            starts_up: false,
        }
    }
}

impl Parameters {
    /// Long enough that no look is missed which is only slow, and that one which is lost is forgiven.
    pub fn usual_ttl(interval: Duration, timeout: Duration) -> Duration {
        2 * (interval + timeout)
    }
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// Why.
    pub because: Arc<str>,
}

/// The hysteresis of one probe.
#[derive(Debug)]
pub struct Machine {
    parameters: Parameters,
    state: State,
    since: Instant,
    because: Arc<str>,
    /// When the last look ended.
    heard: Instant,
    /// In a row; one of the two is always 0.
    passes: u32,
    failures: u32,
    held_until: Instant,
    /// Falls since the last Up that lasted.
    flaps: u32,
}

impl Machine {
    /// A probe that has not looked yet.
    pub fn new(now: Instant, parameters: Parameters) -> Self {
        let (state, because) = if parameters.starts_up {
            (State::Up, "taken for up until it is seen to be down")
        } else {
            (State::Unknown, "not looked at yet")
        };
        Self {
            parameters,
            state,
            since: now,
            because: because.into(),
            heard: now,
            passes: 0,
            failures: 0,
            held_until: now,
            flaps: 0,
        }
    }

    /// Goes on from what another has found out, if that has found anything.
    pub fn resume(&mut self, before: &Report) {
        if before.state != State::Unknown {
            let Report { state, since, because, held_until, flaps } = before.clone();
            (self.state, self.since, self.because) = (state, since, because);
            (self.held_until, self.flaps) = (held_until, flaps);
        }
    }

    /// What it has found out.
    pub fn report(&self) -> Report {
        let Self { state, since, because, held_until, flaps, .. } = self;
        Report {
            state: *state,
            since: *since,
            because: because.clone(),
            held_until: *held_until,
            flaps: *flaps,
        }
    }

    /// How it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// And why.
    pub fn because(&self) -> &Arc<str> {
        &self.because
    }

    /// Takes down what a look has shown.
    pub fn hear(&mut self, now: Instant, outcome: Outcome) -> Option<Change> {
        let silence = now.saturating_duration_since(self.heard);
        self.heard = now;
        if silence >= self.parameters.ttl {
            // Passes on both sides of a silence are not in a row.
            (self.passes, self.failures) = (0, 0);
        }
        match outcome {
            Outcome::Passed => self.pass(now),
            Outcome::Failed(why) => self.fail(now, why),
            Outcome::Disabled(why) => self.fall(now, why),
        }
    }

    fn pass(&mut self, now: Instant) -> Option<Change> {
        self.failures = 0;
        self.passes = self.passes.saturating_add(1);
        if self.state == State::Up || !self.has_risen() || now < self.held_until {
            return None;
        }
        let because = format!("{} in a row passed", looks(self.passes));
        Some(self.turn(now, State::Up, because.into()))
    }

    fn has_risen(&self) -> bool {
        self.passes >= self.parameters.rise
    }

    fn fail(&mut self, now: Instant, why: Arc<str>) -> Option<Change> {
        self.passes = 0;
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.parameters.fall {
            return None;
        }
        self.fall(now, why)
    }

    /// Down, if it is not that already.
    fn fall(&mut self, now: Instant, why: Arc<str>) -> Option<Change> {
        self.passes = 0;
        if self.state == State::Down {
            return None;
        }
        if self.state == State::Up {
            let lived = now.saturating_duration_since(self.since);
            if lived >= self.parameters.stable_after {
                self.flaps = 0;
            }
            self.held_until = now + self.hold_down();
            self.flaps = self.flaps.saturating_add(1);
        }
        Some(self.turn(now, State::Down, why))
    }

    /// Doubled by every fall since the last Up that lasted.
    fn hold_down(&self) -> Duration {
        let Parameters { hold_down, hold_down_max, .. } = self.parameters;
        let doubled = 1u32.checked_shl(self.flaps).and_then(|times| hold_down.checked_mul(times));
        doubled.map_or(hold_down_max, |hold| hold.min(hold_down_max)).max(hold_down)
    }

    fn turn(&mut self, now: Instant, to: State, because: Arc<str>) -> Change {
        let from = std::mem::replace(&mut self.state, to);
        (self.since, self.because) = (now, because.clone());
        Change { from, to, because }
    }

    /// When [`expire`](Self::expire) is to be called, unless something is heard before.
    pub fn deadline(&self) -> Option<Instant> {
        (self.state != State::Down).then(|| self.heard + self.parameters.ttl)
    }

    /// The dead-man switch: whoever does not say that it works has failed.
    pub fn expire(&mut self, now: Instant) -> Option<Change> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        let because = format!("nothing was heard from it for {:?}, its TTL", self.parameters.ttl);
        self.fall(now, because.into())
    }

    /// From the begin of the last look to the next one.
    pub fn pace(&self, now: Instant) -> Duration {
        let Parameters { interval, fast_interval, .. } = self.parameters;
        let about_to_change = match self.state {
            State::Unknown => true,
            State::Up => self.failures > 0,
            State::Down => self.passes > 0,
        };
        if !about_to_change {
            interval
        } else if self.state == State::Down && self.has_risen() {
            // Held down: there is nothing to see before that is over.
            self.held_until.saturating_duration_since(now).clamp(fast_interval.min(interval), interval)
        } else {
            fast_interval.min(interval)
        }
    }
}

fn looks(count: u32) -> String {
    if count == 1 { "1 look".to_owned() } else { format!("{count} looks") }
}
