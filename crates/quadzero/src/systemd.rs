//! The service manager: what it hands over, and what it is told (sd_notify(3), sd_listen_fds(3)). Without one, nothing happens here.
//!
//! ```text
//!   LISTEN_FDS ──► sockets                     listening sockets that systemd has made
//!   READY=1                                    every address is listened on, every neighbor is started
//!   RELOADING=1, MONOTONIC_USEC ──► READY=1    a file is taken or refused; STATUS says which
//!   STATUS                                     sessions and what they were told, in words, whenever that changes
//!   WATCHDOG=1                                 the loop has turned
//!   STOPPING=1, EXTEND_TIMEOUT_USEC            it leaves, and how long that may take
//! ```
//!
//! Everything here is said by the edge's own loop, between two of its turns. There is one thread: if a session, or anything else,
//! keeps it, the loop does not turn, the watchdog hears nothing, and systemd ends us.

use crate::history::{Event, History};
use listenfd::ListenFd;
use sd_notify::NotifyState;
use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, Interval, MissedTickBehavior, sleep_until};
use tracing::{info, warn};

/// How long the last words to all neighbors may take, and some to spare: [`quadzero_fsm::Peer::stop`] ends after 10 s.
const GOODBYE: Duration = Duration::from_secs(20);

/// The listening sockets that were handed over, and what is wrong with the others. To be called once, before there are threads.
pub(crate) fn sockets() -> (Vec<TcpListener>, Vec<String>) {
    let mut given = ListenFd::from_env();
    let (mut sockets, mut others) = (Vec::new(), Vec::new());
    for index in 0..given.len() {
        match given.take_tcp_listener(index) {
            Ok(socket) => sockets.extend(socket),
            Err(error) => others.push(error.to_string()),
        }
    }
    (sockets, others)
}

/// News that come together are told together, and no more than ten times a second.
const TOGETHER: Duration = Duration::from_millis(100);

/// What the service manager is told.
pub(crate) struct Manager {
    watchdog: Option<Interval>,
    /// What happens, if there is somebody to be told.
    news: Option<Receiver<Arc<Event>>>,
    /// When it is to be told how we are doing.
    tell_at: Option<Instant>,
    status: String,
    is_stopping: bool,
    /// It was not there, and that was logged.
    is_deaf: bool,
}

impl Manager {
    /// To be called in the runtime that waits.
    pub(crate) fn new(history: &History) -> Self {
        let news = std::env::var_os("NOTIFY_SOCKET").map(|_| history.watch());
        // Twice in each time that systemd waits, so that one late turn does no harm.
        let watchdog = sd_notify::watchdog_enabled().map(|time| {
            let mut interval = tokio::time::interval((time / 2).max(Duration::from_millis(1)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            info!(within = time.as_secs_f32(), "systemd watches whether the loop turns");
            interval
        });
        Self { watchdog, news, tell_at: None, status: String::new(), is_stopping: false, is_deaf: false }
    }

    /// To be waited for in the loop, over and over. True when [`Self::status`] is due; never without a service manager.
    pub(crate) async fn turn(&mut self) -> bool {
        let tell_at = self.tell_at;
        tokio::select! {
            () = tick(&mut self.watchdog) => {
                self.say(&[NotifyState::Watchdog]);
                false
            }
            () = next(&mut self.news), if tell_at.is_none() => {
                self.tell_at = Some(Instant::now() + TOGETHER);
                false
            }
            () = sleep_until(tell_at.unwrap_or_else(Instant::now)), if tell_at.is_some() => {
                self.tell_at = None;
                true
            }
        }
    }

    /// The loop has nothing left to do but to wait.
    pub(crate) async fn keep_turning(&mut self) -> Infallible {
        loop {
            self.turn().await;
        }
    }

    /// Everything is at work, as it is configured now.
    pub(crate) fn ready(&mut self, status: String) {
        self.say(&[NotifyState::Ready, NotifyState::Status(&status)]);
        self.status = status;
    }

    /// How it is doing; said only when it is news.
    pub(crate) fn status(&mut self, status: String) {
        if status != self.status {
            self.say(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// The file is read again from now on, until [`Self::ready`].
    pub(crate) fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.say(&[NotifyState::Reloading, now]),
            Err(error) => warn!(%error, "systemd is not told of the reload: there is no clock"),
        }
    }

    /// It leaves for good, and takes no longer than this wait and the good-bye. Said once.
    pub(crate) fn stopping(&mut self, wait: Duration, status: String) {
        if !std::mem::replace(&mut self.is_stopping, true) {
            let most = format!("EXTEND_TIMEOUT_USEC={}", (wait + GOODBYE).as_micros());
            self.say(&[NotifyState::Stopping, NotifyState::Custom(&most), NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    fn say(&mut self, states: &[NotifyState<'_>]) {
        match sd_notify::notify(states) {
            Err(error) if !self.is_deaf => {
                warn!(%error, "systemd does not hear us");
                self.is_deaf = true;
            }
            told => self.is_deaf = told.is_err(),
        }
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

/// Something has happened; whether all of it was heard does not matter.
async fn next(news: &mut Option<Receiver<Arc<Event>>>) {
    let Some(news) = news else { return std::future::pending().await };
    if matches!(news.recv().await, Err(RecvError::Closed)) {
        std::future::pending::<()>().await;
    }
}
