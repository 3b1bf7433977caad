//! How long it takes from the report of a probe that fails until nobody is told any more what rests on it.
//!
//! Measured from outside: from when the probe was judged, until every session that had been told a prefix has the octets of its withdrawal
//! handed to the kernel, or is no more. So a neighbor that does not read counts until it does, or is cut off. What is noted is when that was
//! seen, which is a little later than when it was so, and never earlier.

use ipnet::IpNet;
use prometheus_client::metrics::histogram::Histogram;
use quadzero_fsm::{Peer, State, Status};
use quadzero_rib::RouteSet;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// From what a few sessions take to a neighbor that is cut off by its timers. Ten milliseconds are what we promise for a hundred sessions.
const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 90.0, 240.0];

/// Measurements at once: each is a withdrawal that somebody has not read yet.
const AT_ONCE: usize = 64;

/// The withdrawals that followed from probes.
pub(crate) struct Latency {
    pub(super) histogram: Histogram,
    under_way: JoinSet<()>,
    /// Those of which too many were under way.
    pub(super) unmeasured: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { histogram: Histogram::new(BUCKETS), under_way: JoinSet::new(), unmeasured: 0 }
    }
}

impl Latency {
    /// What the holders are to have has just been published, on account of a probe that was heard at that time.
    pub(crate) fn measure(&mut self, heard: Instant, holders: Vec<Holder>) {
        if self.pending() >= AT_ONCE {
            self.unmeasured += 1;
            return;
        }
        let holders: Vec<Losing> = holders.into_iter().map(Losing::new).collect();
        self.under_way.spawn(all_said(heard, holders, self.histogram.clone()));
    }

    /// Withdrawals that some session has not said yet.
    pub(super) fn pending(&mut self) -> usize {
        while self.under_way.try_join_next().is_some() {}
        self.under_way.len()
    }
}

/// One after the other: when the last is done all are, whichever that is.
async fn all_said(heard: Instant, holders: Vec<Losing>, histogram: Histogram) {
    let mut known = Known::default();
    let mut was_said = false;
    for holder in holders {
        was_said |= holder.said(&mut known).await;
    }
    if was_said {
        histogram.observe(heard.elapsed().as_secs_f64());
    }
}

/// A session that has been told something.
pub(crate) struct Holder {
    status: watch::Receiver<Status>,
    /// Which of the peer's sessions it is.
    established: u64,
    told: Arc<RouteSet>,
    wanted: watch::Receiver<Arc<RouteSet>>,
}

impl Holder {
    /// The peer as it is, if it has been told anything.
    pub(crate) fn new(peer: Peer, wanted: watch::Receiver<Arc<RouteSet>>) -> Option<Self> {
        let status = peer.status();
        let (told, established) = {
            let now = status.borrow();
            (now.told.clone().filter(|told| !told.is_empty())?, now.counters.established)
        };
        Some(Self { status, established, told, wanted })
    }
}

/// A holder, and what it is to have now.
struct Losing {
    holder: Holder,
    to_have: Arc<RouteSet>,
}

/// What the last one loses: as a rule, all lose the same.
#[derive(Default)]
struct Known {
    between: Option<[Arc<RouteSet>; 2]>,
    lost: Arc<[IpNet]>,
}

impl Known {
    fn lost(&mut self, told: &Arc<RouteSet>, to_have: &Arc<RouteSet>) -> Arc<[IpNet]> {
        let is_same = |[from, to]: &[Arc<RouteSet>; 2]| Arc::ptr_eq(from, told) && Arc::ptr_eq(to, to_have);
        if !self.between.as_ref().is_some_and(is_same) {
            self.lost = told.change_to(to_have).withdrawn.into_iter().collect();
            self.between = Some([told.clone(), to_have.clone()]);
        }
        self.lost.clone()
    }
}

impl Losing {
    fn new(holder: Holder) -> Self {
        let to_have = holder.wanted.borrow().clone();
        Self { holder, to_have }
    }

    /// Waits until it has nothing any more of what it is to lose. Whether it ever lost it: it may be announced again before it was
    /// withdrawn.
    async fn said(self, known: &mut Known) -> bool {
        let Self { holder: Holder { mut status, established, told, mut wanted }, to_have } = self;
        let lost = known.lost(&told, &to_have);
        if lost.is_empty() {
            return false;
        }
        loop {
            {
                let (now, wanted) = (status.borrow_and_update(), wanted.borrow_and_update());
                let is_other = now.state != State::Established || now.counters.established != established;
                let holds = |set: Option<&Arc<RouteSet>>| {
                    set.is_some_and(|set| lost.iter().any(|p| set.get(p).is_some()))
                };
                if is_other || now.in_sync && !holds(now.told.as_ref()) {
                    return true;
                }
                if now.in_sync && holds(Some(&wanted)) {
                    return false;
                }
            }
            let ended = tokio::select! {
                changed = status.changed() => changed.is_err(),
                // What it is to have does not change any more when it is taken out of the file: then its session ends.
                Ok(()) = wanted.changed() => false,
            };
            if ended {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::{encoding::text::encode, registry::Registry};
    use quadzero_codec::Attributes;
    use quadzero_fsm::Counters;
    use quadzero_rib::Route;

    fn set(prefixes: &[&str]) -> Arc<RouteSet> {
        let attributes = Arc::new(Attributes::default());
        let route = |prefix: &&str| Route { prefix: prefix.parse().unwrap(), attributes: attributes.clone() };
        Arc::new(RouteSet::new(prefixes.iter().map(route)))
    }

    /// A session by its two ends.
    struct Session {
        status: watch::Sender<Status>,
        wanted: watch::Sender<Arc<RouteSet>>,
    }

    impl Session {
        /// It was told the default and 10.0.0.0/8, and is to have that alone.
        fn losing() -> (Self, Holder) {
            let told = set(&["0.0.0.0/0", "10.0.0.0/8"]);
            let (status, seen) = watch::channel(status(&told));
            let (wanted, to_have) = watch::channel(set(&["10.0.0.0/8"]));
            (Self { status, wanted }, Holder { status: seen, established: 1, told, wanted: to_have })
        }

        fn says(&self, prefixes: &[&str], in_sync: bool) {
            let told = Some(set(prefixes));
            self.status.send_modify(|status| *status = Status { told, in_sync, ..status.clone() });
        }
    }

    fn status(told: &Arc<RouteSet>) -> Status {
        Status {
            state: State::Established,
            since: Instant::now(),
            negotiated: None,
            last_down: None,
            counters: Counters { established: 1, ..Counters::default() },
            learned_version: 0,
            prefixes_received: 0,
            prefixes_sent: told.len(),
            told: Some(told.clone()),
            end_of_rib: false,
            addresses: None,
            in_sync: true,
            gone: false,
        }
    }

    /// How many, and their sum in seconds.
    fn noted(latency: &Latency) -> (u64, f64) {
        let mut registry = Registry::default();
        registry.register("latency", "", latency.histogram.clone());
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (value("latency_count ").parse().unwrap(), value("latency_sum ").parse().unwrap())
    }

    /// Whoever has something to do does it.
    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_withdrawal_is_noted_when_the_last_session_has_written_it() {
        let mut latency = Latency::default();
        let ((first, a), (last, b)) = (Session::losing(), Session::losing());
        latency.measure(Instant::now(), vec![a, b]);
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (0, 1), "in sync with what was wanted before");
        first.says(&["10.0.0.0/8"], true);
        // Made, and not written yet.
        last.says(&["10.0.0.0/8"], false);
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (0, 1));
        last.says(&["10.0.0.0/8"], true);
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (1, 0));
    }

    #[tokio::test]
    async fn a_session_that_does_not_read_counts_until_it_is_cut_off() {
        let mut latency = Latency::default();
        let (session, holder) = Session::losing();
        let long_ago = Instant::now() - std::time::Duration::from_secs(100);
        latency.measure(long_ago, vec![holder]);
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (0, 1));
        session.status.send_modify(|status| status.state = State::Idle);
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (1, 0));
        assert!(noted(&latency).1 >= 100.0);
    }

    #[tokio::test]
    async fn what_is_announced_again_before_it_was_withdrawn_is_no_withdrawal() {
        let mut latency = Latency::default();
        let (session, holder) = Session::losing();
        latency.measure(Instant::now(), vec![holder]);
        settle().await;
        session.wanted.send_replace(set(&["0.0.0.0/0", "10.0.0.0/8"]));
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (0, 0));
    }

    #[tokio::test]
    async fn who_loses_nothing_is_not_waited_for_and_measurements_are_so_many_at_once() {
        let mut latency = Latency::default();
        let (session, holder) = Session::losing();
        session.wanted.send_replace(set(&["0.0.0.0/0", "10.0.0.0/8", "192.0.2.0/24"]));
        latency.measure(Instant::now(), vec![holder]);
        settle().await;
        assert_eq!((noted(&latency).0, latency.pending()), (0, 0));
        let sessions: Vec<_> = (0..=AT_ONCE).map(|_| Session::losing()).collect();
        let (_kept, holders): (Vec<_>, Vec<_>) = sessions.into_iter().unzip();
        holders.into_iter().for_each(|holder| latency.measure(Instant::now(), vec![holder]));
        assert_eq!((latency.pending(), latency.unmeasured), (AT_ONCE, 1));
    }
}
