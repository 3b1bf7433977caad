//! One BFD session (RFC 5880 §6), without sockets, clock or tokio.
//!
//! ```text
//!                                hears Down
//!             ┌────────┐ ─────────────────────────► ┌────────┐
//!   enable    │  Down  │                            │  Init  │
//!  ┌────────► │        │ ◄───────────────────────── │        │
//!  │          └────────┘   AdminDown, Detection     └────────┘
//!  │            ▲    │     Time over                     │
//!  │            │    │ hears Init                        │ hears Init, Up
//!  │            │    ▼                                   ▼
//!  │          ┌───────────────────────────────────────────────┐
//!  │          │                      Up                       │
//!  │          └───────────────────────────────────────────────┘
//!  │            Down: hears Down or AdminDown, or hears nothing for a Detection Time
//! AdminDown ◄── disable, from every state
//! ```
//!
//! There is one way in, [`Session::handle`], and three questions: [`Session::poll`] (what has happened),
//! [`Session::transmit`] (packets, asked for until there is none) and [`Session::deadline`] (when to come back with
//! [`Input::Timeout`]). Time is an argument.
//!
//! What a client (BGP) is to act upon is one output, [`Output::Failed`]: the session was Up and the path is gone. A session that the
//! operator of either side takes down has not failed (RFC 5882 §4.2), nor has one that never came up (§3.3).
//!
//! # Timers
//!
//! Each side says how often it would like to send and how often it can receive; the slower of the two holds, for each direction by
//! itself (RFC 5880 §6.8.2). While it is not Up, a session sends once a second at most (§6.8.3). A change is said with P until
//! the other side has answered with F; a change that would make the other side wait too short, or us, waits for that answer.

mod timers;

use crate::packet::{Diagnostic, Discriminator, Interval, Packet, State};
use std::{collections::VecDeque, num::NonZeroU8, time::Duration, time::Instant};
use timers::Timers;

/// What is configured: how fast we would like to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// As often as this we would like to send.
    pub min_tx: Interval,
    /// No more often than this we want to receive.
    pub min_rx: Interval,
    /// So many packets in a row may be lost before the session is down.
    pub multiplier: NonZeroU8,
}

impl Default for Parameters {
    /// 300 ms, 3 times: what ExpressRoute's edges do (ER-BFD).
    fn default() -> Self {
        Self {
            min_tx: Interval::millis(300),
            min_rx: Interval::millis(300),
            multiplier: NonZeroU8::new(3).expect("3 is not 0"),
        }
    }
}

/// Everything that can happen to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A packet came that is this session's.
    Packet(&'a Packet),
    /// [`Session::deadline`] has come. Too early does no harm.
    Timeout,
    /// The operator takes the session down.
    Disable,
    /// And up again.
    Enable,
    /// The operator has changed the timers.
    Parameters(Parameters),
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The state has changed.
    Changed {
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// Why.
        diagnostic: Diagnostic,
    },
    /// The session was Up, and the path is gone: the client is to act (RFC 5882 §4.2.1).
    Failed(Diagnostic),
}

/// What was last heard of the other side (RFC 5880 §6.8.1, bfd.Remote*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its discriminator; `None` before it is heard, and when nothing has been heard for a Detection Time.
    pub discriminator: Option<Discriminator>,
    /// Its state.
    pub state: State,
    /// Why that is its state.
    pub diagnostic: Diagnostic,
    /// How often it would like to send.
    pub min_tx: Interval,
    /// How often it can receive; zero: no periodic packets.
    pub min_rx: Interval,
    /// So many packets of its may be lost.
    pub multiplier: NonZeroU8,
    /// It wants no periodic packets once both are Up.
    pub demand: bool,
    /// Its BFD goes on while its control plane restarts (RFC 5882 §4.3).
    pub control_plane_independent: bool,
}

/// A Poll Sequence (RFC 5880 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    None,
    Underway,
    /// What is asked has changed since: the answer to come may be to the older question.
    Outdated,
}

/// One session. See the [module](self).
#[derive(Debug)]
pub struct Session {
    parameters: Parameters,
    discriminator: Discriminator,
    state: State,
    diagnostic: Diagnostic,
    remote: Remote,
    timers: Timers,
    poll: Poll,
    /// A P was heard that has not been answered.
    owes_final: bool,
    /// What the last packet said, but for P and F.
    said: Option<Packet>,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A session that is Down and has something to say at once. `seed` feeds the jitter (RFC 5880 §6.8.7).
    pub fn new(now: Instant, parameters: Parameters, discriminator: Discriminator, seed: u64) -> Self {
        Self {
            timers: Timers::new(now, parameters, seed),
            parameters,
            discriminator,
            state: State::Down,
            diagnostic: Diagnostic::NONE,
            remote: Remote::UNHEARD,
            poll: Poll::None,
            owes_final: false,
            said: None,
            outputs: VecDeque::new(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Packet(packet) => self.received(now, packet),
            Input::Timeout => self.timeout(now),
            Input::Disable => self.disable(),
            Input::Enable => self.enable(),
            Input::Parameters(parameters) => {
                self.parameters = parameters;
                self.renegotiate();
            }
        }
        self.timers.reschedule(self.transmit_interval(), self.parameters.multiplier);
    }

    /// What has happened; `None` when all has been told.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The packet that is to be sent now, if there is one. Ask until there is none.
    pub fn transmit(&mut self, now: Instant) -> Option<Packet> {
        if std::mem::take(&mut self.owes_final) {
            // Without respect to the timer, and without a P of our own (RFC 5880 §6.5, §6.8.7).
            let packet = self.packet();
            self.said = Some(packet);
            return Some(Packet { fin: true, ..packet });
        }
        let interval = self.transmit_interval()?;
        let packet = self.packet();
        if self.said == Some(packet) && !self.timers.is_due(now) {
            return None;
        }
        self.said = Some(packet);
        self.timers.sent(now, interval, self.parameters.multiplier);
        Some(Packet { poll: self.poll != Poll::None, ..packet })
    }

    /// When to call [`Self::handle`] with [`Input::Timeout`] and to ask [`Self::transmit`] again.
    pub fn deadline(&self) -> Option<Instant> {
        let send = self.transmit_interval().and_then(|_| self.timers.send_at());
        [send, self.timers.detect_at()].into_iter().flatten().min()
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Why that is the state.
    pub const fn diagnostic(&self) -> Diagnostic {
        self.diagnostic
    }

    /// Ours.
    pub const fn discriminator(&self) -> Discriminator {
        self.discriminator
    }

    /// What was last heard of the other side.
    pub const fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The time between two packets of ours, before jitter; `None`: none are sent, as the other side wants it
    /// (RFC 5880 §6.8.7).
    pub fn transmit_interval(&self) -> Option<Duration> {
        let demanded = self.remote.demand
            && self.state == State::Up
            && self.remote.state == State::Up
            && self.poll == Poll::None;
        let wanted = self.remote.min_rx != Interval::ZERO && !demanded;
        wanted.then(|| self.timers.transmit().max(self.remote.min_rx).duration())
    }

    /// So long nothing may be heard (RFC 5880 §6.8.4, asynchronous mode).
    pub fn detection_time(&self) -> Duration {
        self.timers.receive().max(self.remote.min_tx).duration() * u32::from(self.remote.multiplier.get())
    }

    /// What we have to say, but for P and F.
    fn packet(&self) -> Packet {
        Packet {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: false,
            fin: false,
            // This is the control plane.
            control_plane_independent: false,
            demand: false,
            detect_mult: self.parameters.multiplier,
            my_discriminator: self.discriminator,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: self.timers.desired(),
            required_min_rx: self.parameters.min_rx,
            required_min_echo_rx: Interval::ZERO,
        }
    }

    /// RFC 5880 §6.8.6, from where the session is known.
    fn received(&mut self, now: Instant, packet: &Packet) {
        self.remote = Remote::of(packet);
        if packet.fin {
            self.answered();
        }
        if self.state == State::AdminDown {
            return;
        }
        match (self.state, packet.state) {
            (State::Init | State::Up, State::AdminDown) | (State::Up, State::Down) => {
                self.change(State::Down, Diagnostic::NEIGHBOR_SIGNALED_DOWN);
            }
            (State::Down, State::Down) => self.change(State::Init, self.diagnostic),
            (State::Down, State::Init) | (State::Init, State::Init | State::Up) => {
                self.change(State::Up, Diagnostic::NONE);
            }
            _ => {}
        }
        self.owes_final |= packet.poll;
        self.timers.heard(now, self.detection_time());
    }

    fn timeout(&mut self, now: Instant) {
        if !self.timers.has_expired(now) {
            return;
        }
        // RFC 5880 §6.8.1: who is not heard for so long may have restarted with another discriminator.
        self.remote.discriminator = None;
        self.poll = Poll::None;
        if matches!(self.state, State::Init | State::Up) {
            self.change(State::Down, Diagnostic::DETECTION_TIME_EXPIRED);
        }
    }

    /// RFC 5880 §6.8.16.
    fn disable(&mut self) {
        self.change(State::AdminDown, Diagnostic::ADMINISTRATIVELY_DOWN);
    }

    fn enable(&mut self) {
        if self.state == State::AdminDown {
            self.change(State::Down, Diagnostic::NONE);
        }
    }

    fn change(&mut self, to: State, diagnostic: Diagnostic) {
        let from = std::mem::replace(&mut self.state, to);
        if from == to {
            return;
        }
        self.diagnostic = diagnostic;
        self.outputs.push_back(Output::Changed { from, to, diagnostic });
        let intended = to == State::AdminDown || self.remote.state == State::AdminDown;
        if from == State::Up && !intended {
            self.outputs.push_back(Output::Failed(diagnostic));
        }
        self.renegotiate();
    }

    /// State or parameters have changed, and with them perhaps what we want.
    fn renegotiate(&mut self) {
        if !self.timers.want(self.parameters, self.state) || self.remote.discriminator.is_none() {
            return;
        }
        self.poll = if self.poll == Poll::None { Poll::Underway } else { Poll::Outdated };
    }

    /// RFC 5880 §6.5: an answer ends the Poll Sequence, and what waited for it takes force (§6.8.3).
    fn answered(&mut self) {
        self.poll = match self.poll {
            Poll::None => return,
            Poll::Outdated => Poll::Underway,
            Poll::Underway => {
                self.timers.agreed();
                Poll::None
            }
        };
    }
}

impl Remote {
    /// RFC 5880 §6.8.1: the initial values.
    const UNHEARD: Self = Self {
        discriminator: None,
        state: State::Down,
        diagnostic: Diagnostic::NONE,
        min_tx: Interval::ZERO,
        min_rx: Interval(1),
        multiplier: NonZeroU8::MIN,
        demand: false,
        control_plane_independent: false,
    };

    const fn of(packet: &Packet) -> Self {
        Self {
            discriminator: Some(packet.my_discriminator),
            state: packet.state,
            diagnostic: packet.diagnostic,
            min_tx: packet.desired_min_tx,
            min_rx: packet.required_min_rx,
            multiplier: packet.detect_mult,
            demand: packet.demand,
            control_plane_independent: packet.control_plane_independent,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
