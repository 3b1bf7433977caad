//! Limits of prefixes, in either direction (RFC 4271 §6.7, RFC 4486 §4): how full a family is, and what happens beyond.

use super::{Event, Output, Session, connection::Ending};
use crate::{Excess, PrefixLimit};
use bytes::{BufMut, Bytes, BytesMut};
use ipnet::IpNet;
use quadzero_codec::{Announced, ErrorCode, Family, Notification};
use quadzero_rib::{AdjRibIn, Change, RouteSet};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, MutexGuard},
    time::Instant,
};

/// Which way prefixes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// What the peer announces to us.
    Received,
    /// What we announce to the peer.
    Announced,
}

/// How full a family is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fullness {
    /// Below the warning.
    #[default]
    Fine,
    /// From the warning on.
    Near,
    /// Above the limit.
    Over,
}

/// A family has become fuller than was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Which way.
    pub flow: Flow,
    /// Of which family.
    pub family: Family,
    /// How many prefixes there are, those that were refused among them.
    pub prefixes: usize,
    /// What is allowed.
    pub limit: PrefixLimit,
}

impl Filled {
    /// How full that is.
    pub fn fullness(&self) -> Fullness {
        match self.prefixes {
            n if n > self.limit.prefixes => Fullness::Over,
            n if n >= self.limit.warn_at => Fullness::Near,
            _ => Fullness::Fine,
        }
    }
}

impl fmt::Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flow, family, prefixes, limit } = self;
        let (way, key) = match flow {
            Flow::Received => ("received", "max-prefixes"),
            Flow::Announced => ("to be announced", "max-prefixes-out"),
        };
        write!(f, "{prefixes} prefixes of {family} {way}, {key} is {}", limit.prefixes)?;
        if self.fullness() < Fullness::Over {
            return Ok(());
        }
        match (limit.excess, flow) {
            (Excess::Warn, _) => Ok(()),
            (Excess::Block, Flow::Received) => f.write_str(": those above it are not taken"),
            (Excess::Block, Flow::Announced) => f.write_str(": what the peer holds stays as it is"),
            (Excess::Drop { restart_after: Some(wait) }, _) => {
                write!(f, ": the session is dropped for {} s", wait.as_secs_f32())
            }
            (Excess::Drop { restart_after: None }, _) => {
                f.write_str(": the session is dropped until it is started again")
            }
        }
    }
}

const FAMILIES: [Family; 2] = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];

/// What was told last, by flow and family: each step upward is told once.
#[derive(Debug, Default)]
pub(super) struct Told([[Fullness; 2]; 2]);

impl Told {
    fn at(&mut self, flow: Flow, family: Family) -> &mut Fullness {
        &mut self.0[flow as usize][usize::from(family == Family::IPV6_UNICAST)]
    }

    /// The session is over: what the peer has announced is counted anew in the next one.
    pub(super) const fn forget_received(&mut self) {
        self.0[Flow::Received as usize] = [Fullness::Fine; 2];
    }
}

impl Session {
    /// Whether the table is within its limit now. An error is the end.
    pub(super) fn check_received(&mut self) -> Result<(), Ending> {
        let Some(limit) = self.config.max_prefixes else { return Ok(()) };
        for family in FAMILIES {
            let prefixes = self.counted().len(family);
            let filled = Filled { flow: Flow::Received, family, prefixes, limit };
            if limit.excess == Excess::Block && prefixes == limit.prefixes {
                // Full, and maybe more was refused: that stays told.
                continue;
            }
            if self.tell_filled(filled) == Fullness::Over
                && let Excess::Drop { restart_after } = limit.excess
            {
                return Err(Ending::Excess(cease(family, limit), restart_after));
            }
        }
        Ok(())
    }

    fn counted(&self) -> Counted<'_> {
        Counted { table: self.lock_learned(), without_stale: self.stale_until.is_some() }
    }

    /// What may still be taken, where the rest is not ([`Excess::Block`]): prefixes that are there already, and new ones
    /// while there is room.
    pub(super) fn without_excess(&mut self, mut change: Change) -> Change {
        let Some(limit) = self.config.max_prefixes.filter(|limit| limit.excess == Excess::Block) else {
            return change;
        };
        for family in FAMILIES {
            let refused = keep_what_fits(&self.counted(), &mut change, family, limit);
            if let Some(first) = refused.first() {
                let prefixes = limit.prefixes + refused.len();
                self.tell_filled(Filled { flow: Flow::Received, family, prefixes, limit });
                let why = "there are as many as max-prefixes allows (RFC 4271 §6.7)";
                self.outputs.push_back(Output::Event(Event::Ignored(refused.len(), *first, why)));
            }
        }
        change
    }

    /// The routes that the peer should have from now on, unless they are too many for it.
    pub(super) fn want(&mut self, now: Instant, routes: Arc<RouteSet>) {
        let excess = self.excess_of(&routes);
        match excess {
            Some((_, Excess::Block)) => {}
            Some((filled, Excess::Drop { .. })) => {
                self.wanted = routes;
                self.drop_for_excess(now, &filled);
            }
            Some((_, Excess::Warn)) | None => self.wanted = routes,
        }
    }

    /// Of the routes that are to be announced: what is too many, and what then.
    fn excess_of(&mut self, routes: &RouteSet) -> Option<(Filled, Excess)> {
        let limit = self.config.max_prefixes_out?;
        let config = self.config.clone();
        let mut over = None;
        for &family in &config.families {
            let filled = Filled { flow: Flow::Announced, family, prefixes: routes.len_of(family), limit };
            if self.tell_filled(filled) == Fullness::Over {
                over.get_or_insert((filled, limit.excess));
            }
        }
        over
    }

    fn drop_for_excess(&mut self, now: Instant, filled: &Filled) {
        if matches!(self.phase, super::Phase::Idle { .. }) {
            return;
        }
        let comes_back = matches!(filled.limit.excess, Excess::Drop { restart_after: Some(_) });
        let code = if comes_back {
            ErrorCode::CEASE_ADMINISTRATIVE_RESET
        } else {
            ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN
        };
        self.stop(now, Notification::shutdown(code, &filled.to_string()));
        self.phase = super::Phase::Idle { until: self.kept_idle(now).flatten() };
    }

    /// A session that would have too much to announce stays in Idle: until when, if there is a time.
    pub(super) fn kept_idle(&self, now: Instant) -> Option<Option<Instant>> {
        let limit = self.config.max_prefixes_out?;
        let Excess::Drop { restart_after } = limit.excess else { return None };
        let is_over = |family: &Family| self.wanted.len_of(*family) > limit.prefixes;
        self.config.families.iter().any(is_over).then(|| restart_after.map(|wait| now + wait))
    }

    fn tell_filled(&mut self, filled: Filled) -> Fullness {
        let now = filled.fullness();
        let told = std::mem::replace(self.told.at(filled.flow, filled.family), now);
        if now > told {
            self.outputs.push_back(Output::Event(Event::Filled(filled)));
        }
        now
    }
}

/// RFC 4486 §4: the family, and the upper bound.
fn cease(family: Family, limit: PrefixLimit) -> Notification {
    let mut data = BytesMut::new();
    data.put_u16(family.afi);
    data.put_u8(family.safi);
    data.put_u32(u32::try_from(limit.prefixes).unwrap_or(u32::MAX));
    Notification::with_data(ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES, Bytes::from(data))
}

/// The table, as far as it counts against the limit.
struct Counted<'a> {
    table: MutexGuard<'a, AdjRibIn>,
    /// What a restarted peer has not said again is kept by us, and not announced by it (RFC 4724 §4.2). It ends with one
    /// restart, unlike what refreshes leave unsaid: those may begin time and again.
    without_stale: bool,
}

impl Counted<'_> {
    fn len(&self, family: Family) -> usize {
        if self.without_stale { self.table.fresh_len_of(family) } else { self.table.len_of(family) }
    }

    fn holds(&self, prefix: &IpNet) -> bool {
        self.table.get(prefix).is_some() && !(self.without_stale && self.table.is_stale(prefix))
    }
}

/// Takes the prefixes of the family that do not fit out of the change, and gives them back. What is withdrawn and announced
/// in one UPDATE is announced (RFC 4271 §4.3).
fn keep_what_fits(
    table: &Counted<'_>,
    change: &mut Change,
    family: Family,
    limit: PrefixLimit,
) -> Vec<IpNet> {
    let of_it = |prefix: &&IpNet| Family::of(prefix) == family;
    let said: HashSet<IpNet> = change.announced.iter().flat_map(|group| &group.prefixes).copied().collect();
    let gone: HashSet<&IpNet> = change
        .withdrawn
        .iter()
        .filter(of_it)
        .filter(|prefix| table.holds(prefix) && !said.contains(prefix))
        .collect();
    let mut room = limit.prefixes.saturating_sub(table.len(family) - gone.len());
    let (mut judged, mut refused) = (HashMap::new(), Vec::new());
    for Announced { prefixes, .. } in &mut change.announced {
        prefixes.retain(|prefix| {
            if !of_it(&prefix) || table.holds(prefix) {
                return true;
            }
            // Once, however often it is said.
            *judged.entry(*prefix).or_insert_with(|| {
                let fits = room > 0;
                room -= usize::from(fits);
                if !fits {
                    refused.push(*prefix);
                }
                fits
            })
        });
    }
    refused
}
