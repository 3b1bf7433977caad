//! The state machine of one peer (RFC 4271 §8), without sockets, clock or tokio.
//!
//! ```text
//!                  Start                    dial failed
//!       ┌───────┐ ───────► ┌─────────┐ ───────────────► ┌────────┐
//!  ┌───►│ Idle  │          │ Connect │                  │ Active │◄── waits for the peer,
//!  │    └───────┘          └─────────┘ ◄─────────────── └────────┘    or to dial again
//!  │        ▲ IdleHold          │ TCP   ConnectRetry       │ TCP
//!  │        │                   ▼                          ▼
//!  │        │              ┌──────────────────────────────────┐  OPEN   ┌─────────────┐
//!  │        └──────────────│             OpenSent             │ ──────► │ OpenConfirm │
//!  │         any error     └──────────────────────────────────┘         └─────────────┘
//!  │                                                                         │ KEEPALIVE
//!  │                       ┌─────────────┐                                   │
//!  └────────────────────── │ Established │ ◄─────────────────────────────────┘
//!                          └─────────────┘
//! ```
//!
//! There is one way in, [`Session::handle`], and there are three questions, in any order: [`Session::poll`]
//! (what is to be done), [`Session::transmit`] (octets, made when there is room for them) and
//! [`Session::deadline`] (when to come back with [`Input::Timeout`]). Time is an argument. So an hour of BGP takes
//! a millisecond in a test, and the same object runs in production.
//!
//! Idle, Connect and Active belong to the peer and live here. From OpenSent on, a state belongs to a TCP connection, of
//! which there may be two at once, one dialled by each side: each is a `connection::Connection`, and the collision
//! between them (§6.8) is resolved in `collision`.
//!
//! # The events of RFC 4271 §8.1
//!
//! Every one of them, and what becomes of it; "optional" is the RFC's word for what a speaker need not have.
//!
//! | event | here |
//! |---|---|
//! | 1 ManualStart | [`Input::Start`] |
//! | 2 ManualStop | [`Input::Stop`]: withdraws, sends the NOTIFICATION, and stays Idle |
//! | 3 AutomaticStart (optional) | IdleHoldTimer, and the driver's first [`Input::Start`]: there is no difference to the manual one |
//! | 4 ManualStart_with_PassiveTcpEstablishment (optional) | [`Input::Start`] with [`Mode::Passive`] |
//! | 5 AutomaticStart_with_PassiveTcpEstablishment (optional) | likewise; a dynamic neighbor starts when it dials |
//! | 6 AutomaticStart_with_DampPeerOscillations (optional) | IdleHoldTime grows, see `Backoff` |
//! | 7 AutomaticStart_with_DampPeerOscillations_and_PassiveTcpEstablishment (optional) | likewise, with [`Mode::Passive`] |
//! | 8 AutomaticStop (optional) | limits of prefixes (`limits`); what else an automaton decides arrives as [`Input::Stop`] |
//! | 9 ConnectRetryTimer_Expires | [`Input::Timeout`], a timer of the peer: dials again |
//! | 10 HoldTimer_Expires | [`Input::Timeout`], a timer of the connection: NOTIFICATION 4/0 |
//! | 11 KeepaliveTimer_Expires | [`Input::Timeout`], a timer of the connection: KEEPALIVE |
//! | 12 DelayOpenTimer_Expires (optional) | [`Input::Timeout`], a timer of the connection: OPEN |
//! | 13 IdleHoldTimer_Expires (optional) | [`Input::Timeout`], a timer of the peer: leaves Idle |
//! | 14 TcpConnection_Valid (optional) | a SYN is the kernel's: its backlog is the "tracking", the next row's check comes with 17 |
//! | 15 Tcp_CR_Invalid (optional) | the registry of the driver closes what is of no neighbor; a wrong key or TTL (RFC 2385, RFC 5082) is dropped by the kernel |
//! | 16 Tcp_CR_Acked | [`Input::Connected`] with [`Direction::Outgoing`] |
//! | 17 TcpConnectionConfirmed | [`Input::Connected`] with [`Direction::Incoming`] |
//! | 18 TcpConnectionFails | [`Input::ConnectFailed`], [`Input::Closed`] |
//! | 19 BGPOpen | [`Input::Bytes`], `open_sent` |
//! | 20 BGPOpen with DelayOpenTimer running (optional) | [`Input::Bytes`], `delayed`: our OPEN goes at once |
//! | 21 BGPHeaderErr, 22 BGPOpenMsgErr | [`Input::Bytes`]: the decoder's errors, and what `negotiate` refuses |
//! | 23 OpenCollisionDump (optional) | decided in `collision`, from both connections at once; Established too, where the peer has restarted (RFC 4724 §5) |
//! | 24 NotifMsgVerErr, 25 NotifMsg | [`Input::Bytes`]: both end the connection, and the first is no reason to try another version: there is only one |
//! | 26 KeepAliveMsg, 27 UpdateMsg | [`Input::Bytes`], `open_confirm` and `established` |
//! | 28 UpdateMsgErr | [`Input::Bytes`]: as RFC 7606 has it, few of them end the session |
//! | 29 SendHoldTimer_Expires (RFC 9687) | [`Input::Timeout`], a timer of the connection: NOTIFICATION 8/0 |
//! | none: BFD, as if the HoldTimer had expired (RFC 5882 §4.2.1) | [`Input::BfdDown`] |
//!
//! One arrow differs: a dial that fails leads to Active, not to Idle (§8.2.2, Connect, event 18), since an Idle peer refuses
//! connections, and the other side may well succeed where we did not.

mod backoff;
mod collision;
mod configure;
mod connection;
mod inbound;
mod io;
mod limits;
mod messages;
mod negotiate;
mod outbound;
mod restart;

pub use io::{Addresses, Counters, Direction, Down, Event, Input, Output, State};
pub use limits::{Filled, Flow, Fullness};
pub use negotiate::{Negotiated, Refusal, negotiate};
pub use outbound::Encodings;

use crate::{Mode, PeerConfig};
use backoff::Backoff;
use bytes::{Bytes, BytesMut};
use connection::{Connection, Ending};
use quadzero_codec::{ErrorCode, Notification};
use quadzero_rib::{AdjRibIn, RouteSet};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// What one peer announced and was accepted; shared with whoever wants to read it.
pub type Learned = Arc<Mutex<AdjRibIn>>;

/// Outputs that there is room for all the time.
const OUTPUTS: usize = 32;

/// The peer's state while no connection says more.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Idle; without a time, only [`Input::Start`] leaves it.
    Idle { until: Option<Instant> },
    /// A dial is under way; it is given up for another at that time (ConnectRetryTimer).
    Connect { retry: Instant },
    /// Waiting; without a time there is nothing to dial for.
    Active { retry: Option<Instant> },
}

/// The state machine of one peer. See the [module](self).
#[derive(Debug)]
pub struct Session {
    config: Arc<PeerConfig>,
    encodings: Arc<Encodings>,
    learned: Learned,
    wanted: Arc<RouteSet>,
    phase: Phase,
    /// Until when routes of a peer that restarts are kept; `None` when none are stale.
    stale_until: Option<Instant>,
    /// Families of which the peer has said End-of-RIB since it is Established.
    end_of_rib: Vec<quadzero_codec::Family>,
    connections: [Option<Box<Connection>>; 2],
    backoff: Backoff,
    outputs: VecDeque<Output>,
    counters: Counters,
    told: limits::Told,
}

impl Session {
    /// A session in Idle that has nothing to say. `seed` feeds the jitter of its timers (RFC 4271 §10);
    /// peers that share `encodings` share the work of encoding.
    pub fn new(config: Arc<PeerConfig>, encodings: Arc<Encodings>, seed: u64) -> Self {
        Self {
            backoff: Backoff::new(seed),
            wanted: encodings.empty(),
            config,
            encodings,
            learned: Learned::default(),
            phase: Phase::Idle { until: None },
            stale_until: None,
            end_of_rib: Vec::new(),
            connections: [None, None],
            outputs: VecDeque::new(),
            counters: Counters::default(),
            told: limits::Told::default(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Start => self.start(now),
            Input::Stop(notification) => self.stop(now, notification),
            Input::Connected(Direction::Outgoing, addresses) => self.dialled(now, addresses),
            Input::Connected(Direction::Incoming, addresses) => self.accepted(now, addresses),
            Input::ConnectFailed => self.connect_failed(now),
            Input::Bytes(direction, octets) => self.bytes(now, direction, octets),
            Input::Closed(direction) => self.end(now, direction, Ending::Closed),
            Input::Timeout => self.timeout(now),
            Input::Routes(routes) => self.want(now, routes),
            Input::Configure(config, reset) => self.configure(now, config, reset),
            Input::AskAgain => self.connections.iter_mut().flatten().for_each(|c| c.ask_again()),
            Input::BfdDown => self.bfd_down(now),
        }
        self.watch_sending(now);
    }

    /// What is to be done next; `None` when all has been asked for. After thousands of messages at once, what held their
    /// events is given back: a thousand peers may well have done that once.
    pub fn poll(&mut self) -> Option<Output> {
        let next = self.outputs.pop_front();
        if next.is_none() && self.outputs.capacity() > OUTPUTS {
            self.outputs = VecDeque::new();
        }
        next
    }

    /// Appends octets for the connection: whole messages, and no UPDATE that would make `out` longer than `room`, but at
    /// least one if `out` is empty. Call it when the last ones have been written; after it, ask [`Self::poll`] again.
    pub fn transmit(&mut self, now: Instant, direction: Direction, out: &mut BytesMut, room: usize) {
        let Some(connection) = &mut self.connections[direction as usize] else { return };
        let before = out.len();
        let wanted = if connection.is_leaving() { self.encodings.empty() } else { self.wanted.clone() };
        let mut desk = connection::Desk {
            encodings: &self.encodings,
            counters: &mut self.counters,
            outputs: &mut self.outputs,
        };
        connection.transmit(&wanted, &mut desk, out, room);
        if out.len() > before {
            connection.sent_some(now, &self.config, &mut self.backoff);
        }
        connection.watch_sending(now, &self.config, &wanted);
        if let Some(notification) = connection.may_leave(&self.encodings) {
            self.end(now, direction, Ending::Stopped(notification));
        }
    }

    /// Whether a connection that the peer opens would be taken. Idle refuses (RFC 4271 §8.2.2), and so does a session that is
    /// Established (§6.8), unless the peer restarts gracefully: then it may have crashed without our noticing (RFC 4724
    /// §5). An earlier one on which nothing was heard gives way: its other end may be long gone.
    pub fn accepts(&self) -> bool {
        let idle = matches!(self.phase, Phase::Idle { .. });
        let may_restart = |c: &Connection| c.established().is_some_and(|n| restart::is_agreed(n));
        let gives_way = |c: &Connection| !c.has_heard() || may_restart(c);
        let established_stays = |c: &Connection| c.established().is_some() && !may_restart(c);
        let incoming = &self.connections[Direction::Incoming as usize];
        let established = self.connections.iter().flatten().any(|c| established_stays(c));
        !idle
            && !established
            && self.config.mode != Mode::Active
            && incoming.as_ref().is_none_or(|c| gives_way(c))
    }

    /// When to call [`Self::handle`] with [`Input::Timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Idle { until } => until,
            Phase::Connect { retry } => Some(retry),
            Phase::Active { retry } => retry,
        };
        self.connections
            .iter()
            .flatten()
            .filter_map(|c| c.deadline())
            .chain(phase)
            .chain(self.stale_until)
            .min()
    }

    /// The state, as `show` says it: of two connections, the one that is further.
    pub fn state(&self) -> State {
        let phase = match self.phase {
            Phase::Idle { .. } => State::Idle,
            Phase::Connect { .. } => State::Connect,
            Phase::Active { .. } => State::Active,
        };
        self.connections.iter().flatten().filter_map(|c| c.state()).max().unwrap_or(phase)
    }

    /// What was agreed on, while Established.
    pub fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        self.connections.iter().flatten().find_map(|c| c.established())
    }

    /// The addresses of the connection that is furthest.
    pub fn addresses(&self) -> Option<Addresses> {
        self.connections.iter().flatten().max_by_key(|c| c.state()).map(|c| c.addresses())
    }

    /// What the peer announced and was accepted.
    pub fn learned(&self) -> &Learned {
        &self.learned
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Prefixes that the peer holds from us.
    pub fn prefixes_sent(&self) -> usize {
        self.connections.iter().flatten().map(|c| c.prefixes_sent()).max().unwrap_or(0)
    }

    /// The set that the peer has been told to its end, while Established.
    pub fn announced(&self) -> Option<&Arc<RouteSet>> {
        self.connections.iter().flatten().find_map(|c| c.announced())
    }

    /// Whether there is nothing left to say on the connection.
    pub fn is_drained(&self, direction: Direction) -> bool {
        self.connections[direction as usize].as_ref().is_none_or(|c| !c.has_to_send(&self.wanted))
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<PeerConfig> {
        &self.config
    }
}

/// The states of the peer: Idle, Connect, Active.
impl Session {
    fn start(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Idle { .. }) {
            return;
        }
        self.backoff.forget();
        if self.connections.iter().flatten().any(|c| c.is_leaving()) {
            // Once the connection that was told to stop is gone.
            self.phase = Phase::Idle { until: Some(now + connection::LEAVE_WITHIN) };
        } else {
            self.leave_idle(now);
        }
    }

    fn leave_idle(&mut self, now: Instant) {
        if let Some(until) = self.kept_idle(now) {
            self.phase = Phase::Idle { until };
        } else if self.config.mode == Mode::Passive {
            self.phase = Phase::Active { retry: None };
        } else {
            self.dial(now);
        }
    }

    fn dial(&mut self, now: Instant) {
        self.phase = Phase::Connect { retry: now + self.backoff.jitter(self.config.timers.connect_retry) };
        self.outputs.push_back(Output::Connect);
    }

    /// Waits before it dials again; a passive peer just waits.
    fn wait_in_active(&mut self, now: Instant) {
        let retry = (self.config.mode != Mode::Passive).then(|| now + self.backoff.dial_failed(&self.config));
        self.phase = Phase::Active { retry };
    }

    fn stop(&mut self, now: Instant, notification: Notification) {
        self.give_up_dial();
        self.phase = Phase::Idle { until: None };
        self.forget_stale(None);
        for direction in Direction::ALL {
            let Some(connection) = &mut self.connections[direction as usize] else { continue };
            if connection.established().is_some() {
                let last_word =
                    restart::last_word(notification.clone(), connection.established().map(|n| &**n));
                connection.leave(now, last_word);
            } else {
                self.end(now, direction, Ending::Stopped(notification.clone()));
            }
        }
    }

    /// RFC 9384 §3, and §4 with graceful restart. Only of an Established session: one that comes up has timers of its own, and a restart
    /// that is under way takes BFD down as a side effect (RFC 5882 §4.3.2).
    fn bfd_down(&mut self, now: Instant) {
        for direction in Direction::ALL {
            let established = self.connections[direction as usize].as_ref().and_then(|c| c.established());
            if let Some(negotiated) = established {
                let notification = Notification::new(ErrorCode::CEASE_BFD_DOWN);
                let ending = Ending::Sent(restart::last_word(notification, Some(negotiated)));
                self.end(now, direction, ending);
            }
        }
    }

    fn give_up_dial(&mut self) {
        if matches!(self.phase, Phase::Connect { .. }) {
            self.outputs.push_back(Output::Disconnect(Direction::Outgoing, Bytes::new()));
        }
    }

    fn dialled(&mut self, now: Instant, addresses: Addresses) {
        if matches!(self.phase, Phase::Connect { .. }) {
            self.backoff.was_reached();
            self.phase = Phase::Active { retry: None };
            self.connect(now, Direction::Outgoing, addresses);
        } else {
            self.outputs.push_back(Output::Disconnect(Direction::Outgoing, Bytes::new()));
        }
    }

    fn connect_failed(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Connect { .. }) {
            return;
        }
        if self.connections.iter().flatten().next().is_some() {
            self.phase = Phase::Active { retry: None };
        } else {
            self.outputs.push_back(Output::Event(Event::Failed(Down::ConnectFailed)));
            self.wait_in_active(now);
        }
    }

    fn accepted(&mut self, now: Instant, addresses: Addresses) {
        if !self.accepts() {
            return;
        }
        if let Phase::Active { retry } = &mut self.phase {
            *retry = None;
        }
        if let Some(earlier) = self.connections[Direction::Incoming as usize].take() {
            self.account(now, &earlier, &Ending::Closed, Down::Closed);
        }
        self.connect(now, Direction::Incoming, addresses);
    }

    fn connect(&mut self, now: Instant, direction: Direction, addresses: Addresses) {
        let connection = Connection::new(now, &self.config, addresses, self.has_restarted());
        self.connections[direction as usize] = Some(Box::new(connection));
    }

    /// Since this object was made, the peer has not heard of us: what it keeps is from before (RFC 4724 §3, R).
    const fn has_restarted(&self) -> bool {
        self.counters.established == 0
    }

    /// A connection is over. Where nothing else is under way, the peer goes to the state that follows.
    fn end(&mut self, now: Instant, direction: Direction, ending: Ending) {
        if let Ending::Excess(notification, _) = &ending {
            // The peer is not to go on where this one leaves off.
            self.end(now, direction.other(), Ending::Stopped(notification.clone()));
        }
        let Some(connection) = self.connections[direction as usize].take() else { return };
        let (down, last_words) = ending.parts(&connection);
        self.counters.messages_sent += u64::from(!last_words.is_empty());
        self.outputs.push_back(Output::Disconnect(direction, last_words));
        self.account(now, &connection, &ending, down);
        // Started again while this one still withdrew: that is over now.
        if let Phase::Idle { until: Some(until) } = &mut self.phase {
            *until = (*until).min(now);
        }
        let under_way = self.connections[direction.other() as usize].is_some();
        if under_way || matches!(self.phase, Phase::Idle { .. }) {
            return;
        }
        let dialling = matches!(self.phase, Phase::Connect { .. });
        match ending {
            Ending::Closed | Ending::Collision(_) if dialling => {}
            Ending::Received(ref n) if dialling && is_of_collision(n) => {}
            Ending::Closed if connection.state() <= Some(State::OpenSent) => self.wait_in_active(now),
            Ending::Collision(_) => self.phase = Phase::Active { retry: self.retry_soon(now) },
            Ending::Received(ref n) if n.code == ErrorCode::CEASE_CONNECTION_COLLISION_RESOLUTION => {
                self.phase = Phase::Active { retry: self.retry_soon(now) };
            }
            // It is not ready for us: to refuse it in turn would only keep the two apart.
            Ending::Received(ref n) if n.code == ErrorCode::CEASE_CONNECTION_REJECTED => {
                self.wait_in_active(now)
            }
            Ending::Received(ref notification) if is_intended(notification) => {
                self.give_up_dial();
                let hold = self.backoff.jitter(self.config.timers.idle_hold);
                self.phase = Phase::Idle { until: Some(now + hold) };
            }
            Ending::Excess(_, restart_after) => {
                self.give_up_dial();
                self.phase = Phase::Idle { until: restart_after.map(|wait| now + wait) };
            }
            _ => {
                self.give_up_dial();
                let hold = self.backoff.failed(&self.config);
                self.phase = Phase::Idle { until: Some(now + hold) };
            }
        }
    }

    /// What is told of the end of a connection, and what becomes of its routes.
    fn account(&mut self, now: Instant, connection: &Connection, ending: &Ending, down: Down) {
        let Some(negotiated) = connection.established() else {
            return self.outputs.push_back(Output::Event(Event::Failed(down)));
        };
        self.counters.dropped += 1;
        self.told.forget_received();
        self.keep_or_forget(now, negotiated, ending);
        self.backoff.was_up_for(connection.up_for(now), &self.config);
        self.outputs.push_back(Output::Event(Event::Down(down)));
    }

    fn retry_soon(&mut self, now: Instant) -> Option<Instant> {
        (self.config.mode != Mode::Passive).then(|| now + self.backoff.jitter(self.config.timers.idle_hold))
    }

    fn timeout(&mut self, now: Instant) {
        for direction in Direction::ALL {
            self.connection_timeout(now, direction);
        }
        if self.stale_until.is_some_and(|t| t <= now) {
            self.forget_stale(None);
        }
        match self.phase {
            Phase::Idle { until: Some(t) } if t <= now => self.leave_idle(now),
            Phase::Connect { retry: t } if t <= now => {
                self.outputs.push_back(Output::Event(Event::Failed(Down::Unanswered)));
                self.dial(now);
            }
            Phase::Active { retry: Some(t) } if t <= now => self.dial(now),
            _ => {}
        }
    }

    fn connection_timeout(&mut self, now: Instant, direction: Direction) {
        let Some(connection) = &mut self.connections[direction as usize] else { return };
        if let Err(ending) = connection.timeout(now, &mut self.backoff) {
            self.end(now, direction, ending);
        }
    }

    fn watch_sending(&mut self, now: Instant) {
        let (config, wanted) = (&self.config, &self.wanted);
        self.connections.iter_mut().flatten().for_each(|c| c.watch_sending(now, config, wanted));
    }

    fn lock_learned(&self) -> MutexGuard<'_, AdjRibIn> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 4486 §4: the peer has another connection, or wants none now.
fn is_of_collision(notification: &Notification) -> bool {
    [ErrorCode::CEASE_CONNECTION_REJECTED, ErrorCode::CEASE_CONNECTION_COLLISION_RESOLUTION]
        .contains(&notification.code)
}

/// The peer's operator wanted it so: a shutdown, a reset, a change. No reason to keep away from it for long (RFC 4486 §4).
fn is_intended(notification: &Notification) -> bool {
    [
        ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN,
        ErrorCode::CEASE_PEER_DE_CONFIGURED,
        ErrorCode::CEASE_ADMINISTRATIVE_RESET,
        ErrorCode::CEASE_OTHER_CONFIGURATION_CHANGE,
        ErrorCode::CEASE_HARD_RESET,
    ]
    .contains(&notification.code)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

/// The OPEN and the KEEPALIVE of a peer that says nothing else, for tests of the driver.
#[cfg(test)]
pub(crate) fn greeting(config: &PeerConfig) -> Bytes {
    let mut out = BytesMut::new();
    quadzero_codec::Message::Open(negotiate::our_open(config, false)).encode(&Default::default(), &mut out);
    quadzero_codec::Message::Keepalive.encode(&Default::default(), &mut out);
    out.freeze()
}
