//! The task of one session.

use super::{Status, socket};
use crate::{
    packet::Packet,
    session::{Input, Output, Session},
};
use socket2::Socket;
use std::{
    io,
    net::IpAddr,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};
use tracing::{Span, info, trace, warn};

/// Lines that one session may log in a second: a path, or a peer, may flap with every packet.
const LINES: u32 = 10;

pub(super) struct Task {
    session: Session,
    remote: IpAddr,
    sender: Socket,
    packets: mpsc::Receiver<Packet>,
    wish: watch::Receiver<bool>,
    status: watch::Sender<Status>,
    span: Span,
    since: Instant,
    failures: u32,
    /// Why the last packet could not be sent.
    unsent: Option<io::ErrorKind>,
    /// Lines of this second, and when it began.
    told_lines: u32,
    told_since: Instant,
}

impl Task {
    pub(super) fn new(
        session: Session,
        remote: IpAddr,
        sender: Socket,
        packets: mpsc::Receiver<Packet>,
        wish: watch::Receiver<bool>,
        status: watch::Sender<Status>,
        span: Span,
    ) -> Self {
        let since = now();
        Self {
            session,
            remote,
            sender,
            packets,
            wish,
            status,
            span,
            since,
            failures: 0,
            unsent: None,
            told_lines: 0,
            told_since: since,
        }
    }

    /// Until its [`Peer`](super::Peer) is dropped.
    pub(super) async fn run(mut self) {
        loop {
            self.settle();
            let deadline = self.session.deadline();
            let at = deadline.unwrap_or(self.since).into();
            tokio::select! {
                // What has come is looked at before the Detection Time: we may be the ones who were late.
                biased;
                Some(packet) = self.packets.recv() => {
                    self.span.in_scope(|| trace!(%packet, "received"));
                    self.session.handle(now(), Input::Packet(&packet));
                }
                Ok(()) = self.wish.changed() => {
                    let wish = if *self.wish.borrow_and_update() { Input::Enable } else { Input::Disable };
                    self.session.handle(now(), wish);
                }
                () = sleep_until(at), if deadline.is_some() => self.session.handle(now(), Input::Timeout),
                else => return,
            }
        }
    }

    /// Tells what has happened, and sends what there is to say.
    fn settle(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Changed { from, to, diagnostic } => {
                    self.since = now();
                    let remote = self.session.remote();
                    let (heard, why) = (remote.state, remote.diagnostic);
                    self.tell(|| info!(%from, %to, %diagnostic, remote = %heard, remote_diagnostic = %why, "BFD state changed"));
                }
                Output::Failed(_) => self.failures = self.failures.wrapping_add(1),
            }
        }
        while let Some(packet) = self.session.transmit(now()) {
            self.send(&packet);
        }
        let fresh = status(&self.session, self.since, self.failures);
        self.status.send_if_modified(|status| {
            let news = fresh.differs_from(status);
            *status = fresh;
            news
        });
    }

    /// What cannot be sent is lost: the other side will notice. Why is said once.
    fn send(&mut self, packet: &Packet) {
        self.span.in_scope(|| trace!(%packet, "sent"));
        let failed = socket::send(&self.sender, &packet.encode(), self.remote).err();
        let kind = failed.as_ref().map(io::Error::kind);
        if kind == self.unsent {
            return;
        }
        self.unsent = kind;
        match failed {
            Some(error) => self.tell(|| warn!(%error, "BFD packets cannot be sent")),
            None => self.tell(|| info!("BFD packets are sent again")),
        }
    }

    fn tell(&mut self, line: impl FnOnce()) {
        let now = now();
        if now.duration_since(self.told_since) >= Duration::from_secs(1) {
            let left_out = self.told_lines.saturating_sub(LINES);
            if left_out > 0 {
                self.span.in_scope(|| warn!(left_out, "more was to be told of BFD"));
            }
            (self.told_since, self.told_lines) = (now, 0);
        }
        self.told_lines = self.told_lines.saturating_add(1);
        if self.told_lines <= LINES {
            self.span.in_scope(line);
        }
    }
}

/// The runtime's clock, so that a test may stop it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

pub(super) fn status(session: &Session, since: Instant, failures: u32) -> Status {
    Status {
        state: session.state(),
        diagnostic: session.diagnostic(),
        since,
        remote: *session.remote(),
        transmit_interval: session.transmit_interval(),
        detection_time: session.detection_time(),
        failures,
    }
}
