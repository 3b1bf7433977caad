//! How many prefixes a gateway takes (azure.md §8, row 20): what is counted, and which sessions have brought too many.

use crate::config::{Azure, SessionId};
use crate::gateway::kind::Counted;
use crate::gateway::{Heard, prefix_count};
use ipnet::IpNet;
use std::time::{Duration, Instant};

/// Between two UPDATEs of one announcement passes less.
const PAUSE: Duration = Duration::from_secs(1);

/// What one session has brought, at one version of its table.
pub(super) struct Hearing {
    /// Its index among the sessions.
    pub(super) session: usize,
    pub(super) version: u64,
    /// Whether its table has changed since the last look.
    pub(super) is_news: bool,
    /// What counts as held, where incoming routes count once more.
    pub(super) held_and_incoming: usize,
    pub(super) heard: Heard,
}

/// The sessions that are over a limit. Where all sessions of a gateway are counted together, those that brought something
/// new go first, the last one before others.
pub(super) fn excess(azure: &Azure, hearings: &[Hearing]) -> Vec<usize> {
    let mut over: Vec<usize> = (0..hearings.len()).filter(|i| by_itself(azure, &hearings[*i])).collect();
    for gateway in 0..azure.gateways.len() {
        let limit = |id: SessionId| azure.gateways[gateway].limit(azure.connection(id));
        let own = |i: &usize| hearings[*i].heard.session.gateway == gateway;
        loop {
            let rest: Vec<usize> = (0..hearings.len()).filter(own).filter(|i| !over.contains(i)).collect();
            let Some(first) = rest.first() else { break };
            let limit = limit(hearings[*first].heard.session);
            let [v4, _] = prefix_count(rest.iter().map(|i| &hearings[*i].heard.routes));
            if limit.counted != Counted::Gateway || v4 <= limit.most {
                break;
            }
            let Some(last) = rest.iter().rev().find(|i| hearings[**i].is_news) else { break };
            over.push(*last);
        }
    }
    over.sort_unstable();
    over
}

fn by_itself(azure: &Azure, hearing: &Hearing) -> bool {
    let id = hearing.heard.session;
    let limit = azure.gateways[id.gateway].limit(azure.connection(id));
    // A set has each prefix once.
    let all = hearing.heard.routes.len();
    let v6 = hearing.heard.routes.iter().filter(|route| matches!(route.prefix, IpNet::V6(_))).count();
    let counted = match limit.counted {
        Counted::Gateway => 0,
        Counted::Session => all - v6,
        Counted::HeldAndIncoming => hearing.held_and_incoming,
    };
    counted > limit.most || v6 > limit.most_ipv6
}

/// Route Server's way to count: the routes that it holds, and once more those that are coming in. 2,001 routes that are
/// announced a second time are 4,002 (RS-FAQ D).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Burst {
    /// Held when it began.
    before: usize,
    /// Announced since the session was configured, when it began and at the last look.
    from: u64,
    last: u64,
    last_change: Option<Instant>,
    session: u64,
}

impl Burst {
    /// What counts now: prefixes held, announced so far however often, and how many times the session was up.
    pub(super) fn look(&mut self, now: Instant, held: usize, announced: u64, session: u64) -> usize {
        if session != self.session {
            *self = Self { from: self.last, last: self.last, session, ..Self::default() };
        }
        let over = self.last_change.is_some_and(|at| now.duration_since(at) >= PAUSE);
        if over {
            // What came since then began after it.
            *self = Self {
                before: self.before_next(held, announced),
                from: self.last,
                last_change: None,
                ..*self
            };
        }
        if announced != self.last {
            (self.last, self.last_change) = (announced, Some(now));
        }
        let incoming = usize::try_from(self.last - self.from).unwrap_or(usize::MAX);
        held.max(self.before.saturating_add(incoming))
    }

    /// Held before what has come since the last look, as far as that can be told: no more than is held now.
    fn before_next(&self, held: usize, announced: u64) -> usize {
        let all = self.before + usize::try_from(self.last - self.from).unwrap_or(usize::MAX);
        if announced == self.last { held } else { all.min(held) }
    }

    /// Whether anything was announced since the last look.
    pub(super) const fn is_behind(&self, announced: u64) -> bool {
        self.last != announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// azure.md §8, row 20 (RS-FAQ D): the example of the FAQ.
    #[test]
    fn what_is_said_again_counts_again() {
        let (mut burst, begin) = (Burst::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(burst.look(at(0), 1_000, 1_000, 1), 1_000);
        assert_eq!(burst.look(at(0), 2_001, 2_001, 1), 2_001, "one announcement in two UPDATEs");
        assert_eq!(burst.look(at(60), 2_001, 3_001, 1), 3_001);
        assert_eq!(burst.look(at(60), 2_001, 4_002, 1), 4_002);
        assert_eq!(burst.look(at(90), 2_001, 4_002, 1), 2_001, "and is over some time");
    }

    #[test]
    fn a_new_session_holds_nothing_yet() {
        let (mut burst, now) = (Burst::default(), Instant::now());
        assert_eq!(burst.look(now, 2_001, 2_001, 1), 2_001);
        assert_eq!(burst.look(now, 2_001, 4_002, 2), 2_001);
    }
}
