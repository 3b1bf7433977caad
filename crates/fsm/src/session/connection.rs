//! One TCP connection with the peer: OpenSent, OpenConfirm, Established, and its timers.

use super::{
    Addresses, Counters, Down, Encodings, Event, Negotiated, Output, State,
    backoff::Backoff,
    negotiate::{self, LEAST_KEEPALIVE},
    outbound::{Encoded, Outbound, Sent},
    restart::last_word,
};
use crate::PeerConfig;
use bytes::{Bytes, BytesMut};
use quadzero_codec::{Decoder, Dialect, ErrorCode, Family, Message, MessageType, Notification, RouteRefresh};
use quadzero_rib::RouteSet;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// The large Hold Time of OpenSent (RFC 4271 §8.2.2 suggests four minutes).
const OPEN_HOLD: Duration = Duration::from_secs(240);
/// A peer that is well answers a connection within this time.
const OPEN_EXPECTED: Duration = Duration::from_secs(5);
/// The least SendHoldTime (RFC 9687 §4).
const SEND_HOLD: Duration = Duration::from_secs(480);
/// How long a session that was told to stop may take to withdraw its routes.
pub(super) const LEAVE_WITHIN: Duration = Duration::from_secs(5);

/// How a connection ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The peer, or the network, closed it.
    Closed,
    /// The peer sent a NOTIFICATION.
    Received(Notification),
    /// We send one: the peer has erred, or a timer has expired.
    Sent(Notification),
    /// We send one: the peer has announced more than it may. It is tried again after that time, if there is one.
    Excess(Notification, Option<Duration>),
    /// We send one: the other connection is kept.
    Collision(Notification),
    /// We send one: the operator wants it.
    Stopped(Notification),
}

impl Ending {
    /// A message that the state does not allow: RFC 4271 §6.6, with the subcodes of RFC 6608. A NOTIFICATION is always allowed.
    pub(super) fn unexpected(message: &Message, state: State) -> Self {
        if let Message::Notification(notification) = message {
            return Self::Received(notification.clone());
        }
        let code = match state {
            State::OpenSent => ErrorCode::FSM_UNEXPECTED_MESSAGE_IN_OPEN_SENT,
            State::OpenConfirm => ErrorCode::FSM_UNEXPECTED_MESSAGE_IN_OPEN_CONFIRM,
            State::Established => ErrorCode::FSM_UNEXPECTED_MESSAGE_IN_ESTABLISHED,
            State::Idle | State::Connect | State::Active => ErrorCode::FSM_ERROR,
        };
        Self::Sent(Notification::with_data(code, Bytes::copy_from_slice(&[message.kind() as u8])))
    }

    /// Why the session is down, and the octets that tell the peer.
    pub(super) fn parts(&self, connection: &Connection) -> (Down, Bytes) {
        match self {
            Self::Closed => (Down::Closed, Bytes::new()),
            Self::Received(n) => (Down::Received(n.clone()), Bytes::new()),
            // Before our OPEN there is nothing to say (RFC 4271 §8.2.2, SendNOTIFICATIONwithoutOPEN).
            _ if connection.state().is_none() => (Down::Closed, Bytes::new()),
            // It is for long: the peer should not keep our routes meanwhile (RFC 8538 §5.1).
            Self::Excess(n, _) => {
                said(last_word(n.clone(), connection.established().map(|n| &**n)), connection)
            }
            Self::Sent(n) | Self::Collision(n) | Self::Stopped(n) => said(n.clone(), connection),
        }
    }
}

fn said(notification: Notification, connection: &Connection) -> (Down, Bytes) {
    let mut out = BytesMut::new();
    Message::Notification(notification.clone()).encode(&connection.dialect, &mut out);
    (Down::Sent(notification), out.freeze())
}

#[derive(Debug)]
enum Stage {
    /// Connected; the OPEN is held back (DelayOpen).
    Delayed,
    OpenSent,
    OpenConfirm(Arc<Negotiated>),
    Established {
        negotiated: Arc<Negotiated>,
        since: Instant,
        outbound: Outbound,
        leaving: Option<Leaving>,
    },
}

/// Told to stop: everything is withdrawn first, but not for longer than this.
#[derive(Debug)]
struct Leaving {
    until: Instant,
    notification: Notification,
}

/// What is needed beside the connection to make octets.
pub(super) struct Desk<'a> {
    pub(super) encodings: &'a Encodings,
    pub(super) counters: &'a mut Counters,
    pub(super) outputs: &'a mut VecDeque<Output>,
}

/// One TCP connection. Its timers are deadlines; `None` is a timer that does not run.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) decoder: Decoder,
    pub(super) dialect: Dialect,
    addresses: Addresses,
    opened: Instant,
    stage: Stage,
    open_due: Option<BytesMut>,
    keepalive_due: bool,
    /// Families that the peer is to be asked for once more.
    asks: Vec<Family>,
    hold: Option<Instant>,
    keepalive: Option<Instant>,
    delay_open: Option<Instant>,
    send_hold: Option<Instant>,
    /// No difference is begun before (MinRouteAdvertisementIntervalTimer).
    advertise: Option<Instant>,
    difference_said: bool,
}

impl Connection {
    /// A connection in OpenSent, or one that waits for its DelayOpenTimer.
    pub(super) fn new(now: Instant, config: &PeerConfig, addresses: Addresses, restarted: bool) -> Self {
        let dialect =
            Dialect { receive_extended: config.capabilities.extended_message, ..Dialect::default() };
        let mut open = BytesMut::new();
        Message::Open(negotiate::our_open(config, restarted)).encode(&dialect, &mut open);
        let mut connection = Self {
            decoder: Decoder::default(),
            dialect,
            addresses,
            opened: now,
            stage: Stage::Delayed,
            open_due: Some(open),
            keepalive_due: false,
            asks: Vec::new(),
            hold: None,
            keepalive: None,
            delay_open: config.timers.delay_open.map(|delay| now + delay),
            send_hold: None,
            advertise: None,
            difference_said: false,
        };
        if connection.delay_open.is_none() {
            connection.send_open(now);
        }
        connection
    }

    /// `None` while the OPEN is held back: then the peer's own state, Connect or Active, is the one to show.
    pub(super) const fn state(&self) -> Option<State> {
        match self.stage {
            Stage::Delayed => None,
            Stage::OpenSent => Some(State::OpenSent),
            Stage::OpenConfirm(_) => Some(State::OpenConfirm),
            Stage::Established { .. } => Some(State::Established),
        }
    }

    pub(super) const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Whether its OPEN may well be under way.
    pub(super) fn is_young(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.opened) < OPEN_EXPECTED
    }

    /// Whether the peer has said anything yet.
    pub(super) const fn has_heard(&self) -> bool {
        matches!(self.stage, Stage::OpenConfirm(_) | Stage::Established { .. })
    }

    pub(super) const fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        match &self.stage {
            Stage::OpenConfirm(negotiated) | Stage::Established { negotiated, .. } => Some(negotiated),
            Stage::Delayed | Stage::OpenSent => None,
        }
    }

    pub(super) const fn established(&self) -> Option<&Arc<Negotiated>> {
        match &self.stage {
            Stage::Established { negotiated, .. } => Some(negotiated),
            _ => None,
        }
    }

    pub(super) fn up_for(&self, now: Instant) -> Duration {
        match &self.stage {
            Stage::Established { since, .. } => now.saturating_duration_since(*since),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn prefixes_sent(&self) -> usize {
        match &self.stage {
            Stage::Established { outbound, .. } => outbound.standing(),
            _ => 0,
        }
    }

    // Transitions.

    pub(super) fn send_open(&mut self, now: Instant) {
        self.stage = Stage::OpenSent;
        self.delay_open = None;
        self.hold = Some(now + OPEN_HOLD);
    }

    /// OpenSent to OpenConfirm: the peer's OPEN was acceptable.
    pub(super) fn confirm(&mut self, now: Instant, negotiated: Arc<Negotiated>, backoff: &mut Backoff) {
        self.dialect = negotiated.dialect.clone();
        self.keepalive_due = true;
        self.keepalive =
            negotiated.keepalive.map(|interval| now + backoff.jitter(interval).max(LEAST_KEEPALIVE));
        // Without a Hold Time, a peer that dies right here would never be noticed.
        self.hold = Some(now + negotiated.hold_time.duration().unwrap_or(OPEN_HOLD));
        self.stage = Stage::OpenConfirm(negotiated);
    }

    /// OpenConfirm to Established: the peer's KEEPALIVE is here.
    pub(super) fn establish(&mut self, now: Instant, encodings: &Encodings) -> Option<Arc<Negotiated>> {
        let Stage::OpenConfirm(negotiated) = &self.stage else { return None };
        let negotiated = negotiated.clone();
        let outbound = Outbound::new(self.dialect.clone(), encodings);
        self.stage =
            Stage::Established { negotiated: negotiated.clone(), since: now, outbound, leaving: None };
        self.heard(now);
        Some(negotiated)
    }

    /// A KEEPALIVE or an UPDATE: the HoldTimer starts again, if there is one.
    pub(super) fn heard(&mut self, now: Instant) {
        self.hold = self.negotiated().and_then(|n| n.hold_time.duration()).map(|time| now + time);
    }

    pub(super) fn refresh_asked(&mut self, family: Family) {
        if let Stage::Established { outbound, .. } = &mut self.stage {
            outbound.refresh(family);
        }
    }

    /// Asks the peer for all of its routes (RFC 2918 §4), if it has the capability.
    pub(super) fn ask_again(&mut self) {
        if let Some(negotiated) = self.established().filter(|negotiated| negotiated.route_refresh) {
            self.asks = negotiated.families.clone();
        }
    }

    // Leaving.

    pub(super) fn leave(&mut self, now: Instant, notification: Notification) {
        if let Stage::Established { leaving, .. } = &mut self.stage {
            leaving.get_or_insert(Leaving { until: now + LEAVE_WITHIN, notification });
        }
    }

    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Established { leaving: Some(_), .. })
    }

    /// The last words, once nothing is announced any more.
    pub(super) fn may_leave(&self, encodings: &Encodings) -> Option<Notification> {
        match &self.stage {
            Stage::Established { leaving: Some(leaving), outbound, .. }
                if !outbound.has_to_send(&encodings.empty(), true) =>
            {
                Some(leaving.notification.clone())
            }
            _ => None,
        }
    }

    // Sending.

    pub(super) fn has_to_send(&self, wanted: &Arc<RouteSet>) -> bool {
        let open = self.open_due.is_some() && !matches!(self.stage, Stage::Delayed);
        let routes = matches!(&self.stage, Stage::Established { outbound, leaving, .. }
            if leaving.is_some() || outbound.has_to_send(wanted, self.advertise.is_none()));
        open || self.keepalive_due || !self.asks.is_empty() || routes
    }

    pub(super) fn transmit(
        &mut self,
        wanted: &Arc<RouteSet>,
        desk: &mut Desk<'_>,
        out: &mut BytesMut,
        room: usize,
    ) {
        if matches!(self.stage, Stage::Delayed) {
            return;
        }
        if let Some(open) = self.open_due.take() {
            out.extend_from_slice(&open);
            desk.said(MessageType::Open);
        }
        if std::mem::take(&mut self.keepalive_due) {
            Message::Keepalive.encode(&self.dialect, out);
            desk.said(MessageType::Keepalive);
        }
        for family in std::mem::take(&mut self.asks) {
            Message::RouteRefresh(RouteRefresh { family, subtype: 0 }).encode(&self.dialect, out);
            desk.said(MessageType::RouteRefresh);
        }
        let mut free = self.advertise.is_none() || self.is_leaving();
        let Stage::Established { outbound, .. } = &mut self.stage else { return };
        while out.len() < room && outbound.has_to_send(wanted, free) {
            let (sent, done) = outbound.transmit(wanted, desk.encodings, out, room);
            desk.sent(sent, done.as_deref());
            if done.is_none() {
                break;
            }
            self.difference_said = true;
            free = false;
        }
    }

    /// Octets were made, so earlier ones have gone: the SendHoldTimer starts again (RFC 9687 §3.2), and so does the
    /// KeepaliveTimer (RFC 4271 §8.2.2).
    pub(super) fn sent_some(&mut self, now: Instant, config: &PeerConfig, backoff: &mut Backoff) {
        self.send_hold = None;
        let interval = config.timers.advertisement_interval;
        if std::mem::take(&mut self.difference_said) && !interval.is_zero() {
            self.advertise = Some(now + backoff.jitter(interval));
        }
        self.restart_keepalive(now, backoff);
    }

    fn restart_keepalive(&mut self, now: Instant, backoff: &mut Backoff) {
        let interval = self.negotiated().and_then(|n| n.keepalive);
        self.keepalive = interval.map(|interval| now + backoff.jitter(interval).max(LEAST_KEEPALIVE));
    }

    /// The SendHoldTimer (RFC 9687) runs while there is something to say and nobody asks for it.
    pub(super) fn watch_sending(&mut self, now: Instant, config: &PeerConfig, wanted: &Arc<RouteSet>) {
        let hold = self.negotiated().map_or(Some(OPEN_HOLD), |n| n.hold_time.duration());
        if !self.has_to_send(wanted) {
            self.send_hold = None;
        } else if self.send_hold.is_none() {
            let least = SEND_HOLD.max(hold.unwrap_or_default() * 2);
            self.send_hold = Some(now + config.timers.send_hold.unwrap_or(least));
        }
    }

    // Timers.

    pub(super) fn deadline(&self) -> Option<Instant> {
        let leave = match &self.stage {
            Stage::Established { leaving: Some(leaving), .. } => Some(leaving.until),
            _ => None,
        };
        [self.hold, self.keepalive, self.delay_open, self.send_hold, self.advertise, leave]
            .into_iter()
            .flatten()
            .min()
    }

    /// Acts on the timers that are due, the gravest first. An error is the end.
    pub(super) fn timeout(&mut self, now: Instant, backoff: &mut Backoff) -> Result<(), Ending> {
        let due = |timer: Option<Instant>| timer.is_some_and(|t| t <= now);
        if due(self.hold) {
            return Err(Ending::Sent(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED)));
        }
        if due(self.send_hold) {
            return Err(Ending::Sent(Notification::new(ErrorCode::SEND_HOLD_TIMER_EXPIRED)));
        }
        if let Stage::Established { leaving: Some(leaving), .. } = &self.stage
            && leaving.until <= now
        {
            return Err(Ending::Stopped(leaving.notification.clone()));
        }
        if due(self.advertise) {
            self.advertise = None;
        }
        if due(self.delay_open) {
            self.send_open(now);
        }
        if due(self.keepalive) {
            self.keepalive_due = true;
            self.restart_keepalive(now, backoff);
        }
        Ok(())
    }
}

impl Desk<'_> {
    fn said(&mut self, kind: MessageType) {
        self.counters.messages_sent += 1;
        self.outputs.push_back(Output::Event(Event::Said(kind)));
    }

    fn sent(&mut self, sent: Sent, done: Option<&Encoded>) {
        self.counters.messages_sent += sent.messages;
        self.counters.updates_sent += sent.updates;
        let Some(done) = done else { return };
        for problem in &done.problems {
            self.outputs.push_back(Output::Event(Event::Unsendable(problem.clone())));
        }
        self.outputs
            .push_back(Output::Event(Event::Sent { announced: done.announced, withdrawn: done.withdrawn }));
    }
}
