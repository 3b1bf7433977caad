//! The task of one peer.

use super::{
    Status,
    link::{Link, ROOM},
    registry::Registry,
    sockopt,
    speaker::{Configured, Held, Shared, Wish},
};
use crate::session::{Addresses, Direction, Down, Event, Fullness, Input, Output, Session, State};
use crate::{PeerConfig, hint};
use bytes::Bytes;
use quadzero_codec::{Dialect, ErrorCode, Message, Notification};
use quadzero_rib::RouteSet;
use std::{
    cell::RefCell,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Sleep, sleep_until},
};
use tracing::{Level, Span, debug, enabled, error, error_span, info, warn};

type Dial = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Prefixes that a log line names.
const SHOWN: usize = 16;

/// Connections whose last words are under way at once; what a peer opens beyond them is just closed.
const FAREWELLS: usize = 4;

/// Lines that one peer may log in a second.
const LINES: u32 = 50;

/// How many more if they say that a session has begun or ended, and why: that must not drown in what came before it.
const RESERVED: u32 = 10;

/// Read from one peer before the others have their turn: some hundred messages, if they are small.
const READ: usize = 16_384;

/// Written to one peer before the others have their turn.
const TURN: usize = 16 * ROOM;

pub(super) struct Task {
    session: Session,
    shared: Arc<Shared>,
    /// Of a dynamic peer, which goes when there is nothing left to remember of it.
    registry: Option<Arc<Registry>>,
    wanted: watch::Receiver<Arc<RouteSet>>,
    wanted_gone: bool,
    status: watch::Sender<Status>,
    links: [Option<Link>; 2],
    dial: Option<Dial>,
    farewells: JoinSet<bool>,
    sleep: Pin<Box<Sleep>>,
    span: Span,
    /// The state, and since when.
    state: State,
    since: Instant,
    news: News,
    /// Lines of this second, those that were too many, and when it began.
    told_lines: u32,
    left_out: u32,
    told_since: Instant,
    /// When there is room again for what was not told: the state, or the table, or the next dynamic peer of the address.
    tell_again_at: Option<Instant>,
    told_state: State,
    learned_untold: bool,
    /// Prefixes in the table when it was last logged.
    told_received: usize,
}

/// What has happened since the status was published.
#[derive(Default)]
struct News {
    last_down: Option<Down>,
    learned: bool,
}

/// What the task was woken by.
enum Woken {
    Time,
    Inbox,
    Wanted(bool),
    Dialled(io::Result<TcpStream>),
    Ready(Direction, io::Result<()>),
    SaidFarewell(bool),
    ForAnotherTurn,
}

impl Task {
    pub(super) fn new(
        session: Session,
        shared: Arc<Shared>,
        registry: Option<Arc<Registry>>,
        wanted: watch::Receiver<Arc<RouteSet>>,
        status: watch::Sender<Status>,
        span: Span,
    ) -> Self {
        Self {
            session,
            shared,
            registry,
            wanted,
            wanted_gone: false,
            status,
            links: [None, None],
            dial: None,
            farewells: JoinSet::new(),
            sleep: Box::pin(sleep_until(tokio::time::Instant::now())),
            span,
            state: State::Idle,
            since: now(),
            news: News::default(),
            told_lines: 0,
            left_out: 0,
            told_since: now(),
            tell_again_at: None,
            told_state: State::Idle,
            learned_untold: false,
            told_received: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let routes = self.wanted.borrow_and_update().clone();
        self.handle(Input::Routes(routes));
        self.handle(Input::Start);
        let mut heard = false;
        loop {
            let more = self.settle();
            if self.retires() {
                return self.tell(|| info!("dynamic neighbor gone"));
            }
            if heard {
                // A peer that never stops talking must not keep the others, and the clock, from their turn. What it said is
                // done with: a thousand of them must not hold theirs at once.
                tokio::task::yield_now().await;
            }
            let woken = self.wait(more).await;
            heard = matches!(woken, Woken::Ready(..));
            self.woken(woken);
        }
    }

    /// A dynamic peer of which there is nothing left goes, but not within a second that it has logged in: who comes and goes is
    /// to be one peer with so many lines, and not a new one with each connection.
    fn retires(&mut self) -> bool {
        let Some(registry) = self.registry.as_ref().filter(|_| self.has_nothing_left()) else { return false };
        let next = self.told_since + Duration::from_secs(1);
        if now() < next {
            self.tell_again_at = Some(next);
            return false;
        }
        registry.retire(&self.shared)
    }

    /// Nothing is under way and nothing is waited for but a connection.
    fn has_nothing_left(&self) -> bool {
        let quiet = self.links.iter().all(Option::is_none) && self.farewells.is_empty();
        quiet && self.session.state() == State::Active && self.session.deadline().is_none()
    }

    /// Waits for the next thing to happen; with `more` to write, only until the other peers have had their turn.
    async fn wait(&mut self, more: bool) -> Woken {
        self.tell_again_at = self.tell_again_at.filter(|at| *at > now());
        let deadline = [self.session.deadline(), self.tell_again_at].into_iter().flatten().min();
        if let Some(deadline) = deadline
            && self.sleep.deadline() != deadline.into()
        {
            self.sleep.as_mut().reset(deadline.into());
        }
        let [outgoing, incoming] = &self.links;
        tokio::select! {
            () = &mut self.sleep, if deadline.is_some() => Woken::Time,
            () = self.shared.inbox.notified() => Woken::Inbox,
            changed = self.wanted.changed(), if !self.wanted_gone => Woken::Wanted(changed.is_ok()),
            result = dialled(&mut self.dial), if self.dial.is_some() => Woken::Dialled(result),
            result = ready(outgoing), if outgoing.is_some() => Woken::Ready(Direction::Outgoing, result),
            result = ready(incoming), if incoming.is_some() => Woken::Ready(Direction::Incoming, result),
            Some(Ok(heard)) = self.farewells.join_next() => Woken::SaidFarewell(heard),
            () = tokio::task::yield_now(), if more => Woken::ForAnotherTurn,
        }
    }

    fn woken(&mut self, woken: Woken) {
        match woken {
            Woken::Time => self.handle(Input::Timeout),
            Woken::Inbox => self.open_inbox(),
            Woken::Wanted(true) => {
                // By the configuration that was changed with them.
                self.open_inbox();
                let routes = self.wanted.borrow_and_update().clone();
                self.handle(Input::Routes(routes));
            }
            // Whoever decided is gone; what was decided last stays.
            Woken::Wanted(false) => self.wanted_gone = true,
            Woken::Dialled(result) => self.dialled(result),
            Woken::Ready(direction, Ok(())) => self.exchange(direction),
            Woken::Ready(direction, Err(error)) => self.broken(direction, &error),
            Woken::SaidFarewell(false) => self.tell(|| {
                warn!("the peer did not close the connection: it may not have heard the last words")
            }),
            Woken::SaidFarewell(true) | Woken::ForAnotherTurn => {}
        }
    }

    /// Logs for the peer, but for no peer without end.
    fn tell(&mut self, line: impl FnOnce()) {
        self.tell_up_to(LINES, line);
    }

    fn tell_up_to(&mut self, limit: u32, line: impl FnOnce()) {
        let now = now();
        if now.duration_since(self.told_since) >= Duration::from_secs(1) {
            let left_out = std::mem::take(&mut self.left_out);
            if left_out > 0 {
                self.span.in_scope(|| warn!(left_out, "more was to be told"));
            }
            (self.told_since, self.told_lines) = (now, 0);
        }
        if self.told_lines < limit {
            self.told_lines += 1;
            self.span.in_scope(line);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(now(), input);
    }

    fn open_inbox(&mut self) {
        let Held { wish, stream, new_key, bfd_down, ask_again, configured } = self.shared.inbox.take();
        let reset = configured.is_some_and(|configured| self.configure(configured));
        if bfd_down {
            self.handle(Input::BfdDown);
        }
        match wish {
            Some(Wish::Start) => self.handle(Input::Start),
            Some(Wish::Stop(notification, told)) => {
                self.handle(Input::Stop(notification));
                // What follows is in the status before whoever waits can look.
                self.settle();
                let _nobody_waits = told.send(());
            }
            Some(Wish::Vanish) => self.vanish(),
            None => {}
        }
        match stream {
            Some(stream) if self.session.accepts() => self.connected(Direction::Incoming, stream),
            Some(stream) => self.reject(stream, &format!("the session is {}", self.session.state())),
            None => {}
        }
        // A connection that ends says its last words with the key that it has.
        if new_key && !reset {
            self.change_key();
        }
        if ask_again {
            self.handle(Input::AskAgain);
        }
    }

    /// Whether the session was reset for it. What is wanted is asked for anew: a limit may have kept it back.
    fn configure(&mut self, Configured { reset }: Configured) -> bool {
        let config = self.shared.config();
        if config.name != self.session.config().name {
            self.span = error_span!("peer", neighbor = %config.name);
        }
        let is_reset = reset.is_some();
        self.handle(Input::Configure(config, reset));
        let routes = self.wanted.borrow_and_update().clone();
        self.handle(Input::Routes(routes));
        let transport = &self.session.config().transport;
        for link in self.links.iter().flatten() {
            if let Err(error) = sockopt::set_hops(&link.stream, transport) {
                self.span.in_scope(|| warn!(%error, "the connection keeps its TTL"));
            }
        }
        is_reset
    }

    /// What the session would say at its end has no connection left to be said on.
    fn vanish(&mut self) {
        for direction in Direction::ALL {
            self.links[direction as usize] = None;
            self.handle(Input::Closed(direction));
        }
        self.handle(Input::Stop(Notification::new(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN)));
    }

    /// The connection goes on with the new key, where the kernel can.
    fn change_key(&mut self) {
        let (key, remote) = (self.shared.key(), self.shared.address);
        for link in self.links.iter().flatten() {
            match sockopt::set_md5(&link.stream, remote.into(), key.as_ref()) {
                Ok(()) => self.span.in_scope(|| info!("TCP MD5 key changed")),
                Err(error) => self.span.in_scope(|| warn!(%error, "the connection keeps its TCP MD5 key")),
            }
        }
    }

    /// RFC 4486 §4: a connection that is not wanted is told so.
    fn reject(&mut self, stream: TcpStream, why: &str) {
        self.tell(|| info!("connection refused: {why}"));
        let mut link = Link::new(stream);
        let rejected = Message::Notification(Notification::new(ErrorCode::CEASE_CONNECTION_REJECTED));
        rejected.encode(&Dialect::default(), &mut link.out);
        self.say_farewell(link);
    }

    fn say_farewell(&mut self, link: Link) {
        if self.farewells.len() < FAREWELLS {
            self.farewells.spawn(link.farewell());
        }
    }

    fn dialled(&mut self, result: io::Result<TcpStream>) {
        self.dial = None;
        match result {
            Ok(stream) => self.connected(Direction::Outgoing, stream),
            Err(error) => {
                self.log_failed_dial(&error);
                self.handle(Input::ConnectFailed);
            }
        }
    }

    fn log_failed_dial(&mut self, error: &io::Error) {
        let transport = &self.session.config().transport;
        let (remote, local) = (transport.remote, transport.local.map(tracing::field::display));
        let hint = hint::of_dial(error, transport);
        self.tell(|| match error.kind() {
            io::ErrorKind::AddrNotAvailable => {
                warn!(%remote, local, %error, hint, "dial failed: this machine does not have the local address");
            }
            _ => info!(%remote, local, %error, hint, "dial failed"),
        });
    }

    /// A connection that cannot even name its addresses is already gone.
    fn connected(&mut self, direction: Direction, stream: TcpStream) {
        let transport = &self.session.config().transport;
        let secured = match transport.min_ttl {
            Some(least) if direction == Direction::Incoming => sockopt::arrived_with(&stream)
                .and_then(|ttl| if ttl < least { Err(too_far(ttl)) } else { Ok(()) }),
            _ => Ok(()),
        };
        let prepared = secured.and_then(|()| sockopt::set_hops(&stream, transport)).and_then(|()| {
            // It may have been opened before this key, or any, was there.
            if let Some(key) = self.shared.key() {
                sockopt::set_md5(&stream, self.shared.address.into(), Some(&key))?;
            }
            Ok(Addresses { local: stream.local_addr()?.ip(), remote: stream.peer_addr()?.ip() })
        });
        match prepared {
            Ok(addresses) if direction == Direction::Incoming && !self.is_expected_at(addresses.local) => {
                self.reject(
                    stream,
                    &format!("it came to {}, which is not the local address", addresses.local),
                );
            }
            Ok(addresses) => {
                self.links[direction as usize] = Some(Link::new(stream));
                self.handle(Input::Connected(direction, addresses));
            }
            Err(error) if direction == Direction::Outgoing => self.dialled(Err(error)),
            Err(error) => {
                let hint = transport.min_ttl.filter(|_| error.kind() == io::ErrorKind::PermissionDenied);
                let hint = hint.map(|least| {
                    format!("ttl-security asks for {least} at least: it has to send with 255, and be so near")
                });
                self.tell(|| info!(%error, hint, "connection refused"));
            }
        }
    }

    fn is_expected_at(&self, local: IpAddr) -> bool {
        self.session.config().transport.local.is_none_or(|configured| configured == local.to_canonical())
    }

    fn broken(&mut self, direction: Direction, error: &io::Error) {
        self.tell(|| debug!(%error, "connection failed"));
        self.hear_the_rest(direction);
        self.links[direction as usize] = None;
        self.handle(Input::Closed(direction));
    }

    /// A connection that can no longer be written may still hold what the peer said before: why, as a rule.
    fn hear_the_rest(&mut self, direction: Direction) {
        let (link, session) = (&self.links[direction as usize], &mut self.session);
        let Some(link) = link else { return };
        SCRATCH.with_borrow_mut(|scratch| {
            if let Ok(Some(n @ 1..)) = link.read(scratch) {
                session.handle(now(), Input::Bytes(direction, &scratch[..n]));
            }
        });
    }

    /// The socket is ready: writes what is left, reads once.
    fn exchange(&mut self, direction: Direction) {
        let Some(link) = &mut self.links[direction as usize] else { return };
        let session = &mut self.session;
        let exchanged = link.write().and_then(|_| {
            SCRATCH.with_borrow_mut(|scratch| {
                let read = link.read(scratch)?;
                if let Some(n @ 1..) = read {
                    session.handle(now(), Input::Bytes(direction, &scratch[..n]));
                }
                Ok(read == Some(0))
            })
        });
        match exchanged {
            Ok(false) => {}
            Ok(true) => {
                self.links[direction as usize] = None;
                self.handle(Input::Closed(direction));
            }
            Err(error) => self.broken(direction, &error),
        }
    }

    /// Does what the session asks for and writes what it has to say, until it is quiet or its turn is over (true).
    fn settle(&mut self) -> bool {
        let mut written = 0;
        loop {
            self.drain();
            let made: usize = Direction::ALL.into_iter().map(|d| self.transmit(d)).sum();
            written += made;
            if made == 0 || written > TURN {
                self.drain();
                self.publish();
                return written > TURN;
            }
        }
    }

    /// Octets made and taken by the socket.
    fn transmit(&mut self, direction: Direction) -> usize {
        let Some(link) = &mut self.links[direction as usize] else { return 0 };
        if !link.out.is_empty() {
            return 0;
        }
        self.session.transmit(now(), direction, &mut link.out, ROOM);
        let made = link.out.len();
        if let Err(error) = link.write() {
            self.broken(direction, &error);
        }
        made
    }

    fn drain(&mut self) {
        self.note_state();
        while let Some(output) = self.session.poll() {
            match output {
                Output::Connect => self.dial = Some(self.dial()),
                Output::Disconnect(direction, last_words) => self.disconnect(direction, &last_words),
                Output::Event(event) => self.event(event),
            }
        }
    }

    /// A state, too, is told in the end: of many that pass within a second, the last one.
    fn note_state(&mut self) {
        let state = self.session.state();
        if state != self.state {
            (self.state, self.since) = (state, now());
        }
        if state == self.told_state || self.is_enough() {
            return;
        }
        let waits = matches!(state, State::Idle | State::Active).then(|| self.session.deadline()).flatten();
        let next = waits.map(|at| format!("{:.1} s", at.saturating_duration_since(now()).as_secs_f32()));
        let from = std::mem::replace(&mut self.told_state, state);
        self.tell(|| info!(%from, to = %state, next_attempt_in = next, "state changed"));
    }

    /// Whether this second's lines are used up; then the task comes back in the next one.
    fn is_enough(&mut self) -> bool {
        let next = self.told_since + Duration::from_secs(1);
        let enough = self.told_lines >= LINES && now() < next;
        if enough {
            self.tell_again_at = Some(next);
        }
        enough
    }

    fn dial(&self) -> Dial {
        let transport = &self.session.config().transport;
        let remote = transport.remote;
        let socket = sockopt::dialler(transport, self.shared.key().as_ref());
        Box::pin(async move { TcpSocket::from_std_stream(socket?.into()).connect(remote).await })
    }

    fn disconnect(&mut self, direction: Direction, last_words: &Bytes) {
        if direction == Direction::Outgoing {
            self.dial = None;
        }
        let Some(mut link) = self.links[direction as usize].take() else { return };
        link.out.extend_from_slice(last_words);
        if !link.out.is_empty() {
            self.say_farewell(link);
        }
    }

    fn event(&mut self, event: Event) {
        // What nobody will see takes no room from what somebody should.
        if !is_detail(&event) || enabled!(Level::DEBUG) {
            let is_of_session = matches!(event, Event::Up(_) | Event::Down(_));
            let config = self.session.config().clone();
            self.tell_up_to(if is_of_session { LINES + RESERVED } else { LINES }, || log(&event, &config));
        }
        match event {
            Event::Down(down) | Event::Failed(down) => {
                self.news.last_down = Some(down);
                self.news.learned = true;
            }
            Event::Learned { .. } => self.news.learned = true,
            _ => {}
        }
    }

    /// Tells whoever watches, if there is anything that they would do something about; counters alone are no news.
    fn publish(&mut self) {
        let news = std::mem::take(&mut self.news);
        let fresh = self.status_now();
        let changed = news.learned && (fresh.prefixes_received, self.told_received) != (0, 0);
        if changed || self.learned_untold {
            self.log_learned(fresh.prefixes_received);
        }
        self.status.send_if_modified(|status| {
            let told = news.learned || news.last_down.is_some();
            let changed = (status.state, status.in_sync, status.gone, status.end_of_rib)
                != (fresh.state, fresh.in_sync, fresh.gone, fresh.end_of_rib)
                || !same(status.told.as_ref(), fresh.told.as_ref());
            *status = Status {
                last_down: news.last_down.or_else(|| status.last_down.take()),
                learned_version: status.learned_version + u64::from(news.learned),
                ..fresh
            };
            told || changed
        });
    }

    /// The table of the peer, or how it begins. It is a state: when enough was told for now, it is told later.
    fn log_learned(&mut self, total: usize) {
        self.learned_untold = self.is_enough();
        if self.learned_untold {
            return;
        }
        self.told_received = total;
        let shown: Vec<String> = {
            let learned = self.session.learned().lock().unwrap_or_else(PoisonError::into_inner);
            learned.iter().take(SHOWN).map(|(prefix, _)| prefix.to_string()).collect()
        };
        let more = if total > SHOWN { " ..." } else { "" };
        self.tell(|| info!(total, prefixes = format!("{}{more}", shown.join(" ")), "learned"));
    }

    fn status_now(&self) -> Status {
        let session = &self.session;
        let state = session.state();
        let drained = Direction::ALL.into_iter().all(|d| session.is_drained(d));
        let flushed = self.links.iter().flatten().all(|l| l.out.is_empty());
        Status {
            state,
            since: self.since,
            negotiated: session.negotiated().cloned(),
            last_down: None,
            counters: session.counters(),
            learned_version: 0,
            prefixes_received: session.learned().lock().map_or(0, |table| table.len()),
            prefixes_sent: session.prefixes_sent(),
            told: session.announced().cloned(),
            end_of_rib: session.has_said_everything(),
            addresses: session.addresses(),
            in_sync: state == State::Established && drained && flushed,
            gone: self.farewells.is_empty() && self.links.iter().all(Option::is_none),
        }
    }
}

thread_local! {
    /// Octets read, before they are handed to a session: one buffer for all peers of a thread.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// The runtime's clock, so that a test may stop it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn same(one: Option<&Arc<RouteSet>>, other: Option<&Arc<RouteSet>>) -> bool {
    one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
}

fn too_far(ttl: u8) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("it came with TTL {ttl} (GTSM, RFC 5082)"))
}

async fn dialled(dial: &mut Option<Dial>) -> io::Result<TcpStream> {
    match dial {
        Some(dial) => dial.await,
        None => std::future::pending().await,
    }
}

async fn ready(link: &Option<Link>) -> io::Result<()> {
    match link {
        Some(link) => link.ready().await.map(drop),
        None => std::future::pending().await,
    }
}

/// Whether it is logged for those who debug.
const fn is_detail(event: &Event) -> bool {
    matches!(event, Event::Received(_) | Event::Said(_) | Event::Learned { .. })
}

fn log(event: &Event, config: &PeerConfig) {
    match event {
        Event::Up(n) => info!(
            remote_as = n.remote_as.0,
            router_id = %n.router_id,
            hold_time = n.hold_time.seconds(),
            peer_hold_time = n.peer_hold_time.seconds(),
            "session established"
        ),
        Event::Down(down @ Down::Sent(_)) if down.is_ours_to_want() => {
            info!(reason = %down, "session stopped")
        }
        Event::Down(down) => warn!(reason = %down, hint = down.hint(config, true), "session down"),
        // Both sides dialled, as they should; one of the two connections had to go.
        Event::Failed(Down::Sent(n) | Down::Received(n))
            if n.code == ErrorCode::CEASE_CONNECTION_COLLISION_RESOLUTION =>
        {
            debug!("connection collision resolved");
        }
        // The dial has said it already, with the system's reason.
        Event::Failed(Down::ConnectFailed) => {}
        Event::Failed(down) => info!(reason = %down, hint = down.hint(config, false), "attempt failed"),
        // What the table holds afterwards is told once, however many UPDATEs there were.
        Event::Learned { announced, withdrawn } => debug!(announced, withdrawn, "table changed"),
        Event::Sent { announced, withdrawn } => info!(announced, withdrawn, "sent"),
        Event::Refused(why) => warn!("OPEN refused: {why}"),
        Event::Malformed(fault, more) => warn!(%fault, more, "malformed attribute"),
        Event::Ignored(routes, first, why) => info!(routes, %first, why, "ignored"),
        Event::Filled(filled) if filled.fullness() == Fullness::Over => error!("{filled}"),
        Event::Filled(filled) => warn!("{filled}"),
        Event::Unsendable(problem) => error!("{problem}"),
        Event::Received(kind) => debug!(%kind, "received"),
        Event::Said(kind) => debug!(%kind, "sent"),
    }
}
