//! What a route says and while what holds, as configured, and what becomes of it for one neighbor.

use crate::{Condition, NeighborPolicy, OnFailure};
use ipnet::IpNet;
use quadzero_codec::{
    AsPath, Asn, Attributes, Community, ExtendedCommunity, Family, LargeCommunity, NextHop, Origin,
};
use std::net::IpAddr;

/// LOCAL_PREF towards our own AS where none is configured.
const DEFAULT_LOCAL_PREF: u32 = 100;

/// What is said of a route. The default is next hop self, ORIGIN IGP, and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Template {
    /// Self, or a given address of the prefix's family.
    pub next_hop: NextHop,
    /// ORIGIN.
    pub origin: Origin,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF: only said inside our own AS, where none is 100.
    pub local_pref: Option<u32>,
    /// How often our AS stands in AS_PATH beyond what RFC 4271 §5.1.2 asks for.
    pub prepend: u8,
    /// What stands in AS_PATH behind our own AS, as if it had been learned from there.
    pub as_path: Vec<Asn>,
    /// COMMUNITIES.
    pub communities: Vec<Community>,
    /// EXTENDED COMMUNITIES.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// LARGE_COMMUNITY.
    pub large_communities: Vec<LargeCommunity>,
    /// While this holds.
    pub condition: Condition,
    /// And what is said where it does not.
    pub on_failure: OnFailure,
}

/// What is said otherwise to one neighbor, of every route. `Some` replaces what the template says; prepending
/// and communities are added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Overrides {
    /// Replaces the next hop of the routes of its family.
    pub next_hop: Option<NextHop>,
    /// Replaces ORIGIN.
    pub origin: Option<Origin>,
    /// Replaces MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// Replaces LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// Added to the template's.
    pub prepend: u8,
    /// Added to the template's.
    pub communities: Vec<Community>,
    /// Added to the template's.
    pub extended_communities: Vec<ExtendedCommunity>,
    /// Added to the template's.
    pub large_communities: Vec<LargeCommunity>,
    /// We are its provider, its peer or its route server: routes are for its customers only (RFC 9234 §5).
    pub only_to_customer: bool,
}

impl Template {
    /// What this neighbor is told (RFC 4271 §5.1.2 for AS_PATH, §5.1.5 for LOCAL_PREF).
    ///
    /// `failure` is what is to be done about a condition that does not hold, `None` where it does.
    pub(crate) fn attributes(
        &self,
        family: Family,
        neighbor: &NeighborPolicy,
        failure: Option<OnFailure>,
    ) -> Attributes {
        let over = &neighbor.overrides;
        let internal = neighbor.is_internal();
        let (down_med, down_prepend) = match failure {
            Some(OnFailure::Med(med)) => (Some(med), 0),
            Some(OnFailure::Prepend(times)) => (None, times),
            Some(OnFailure::Keep | OnFailure::Withdraw) | None => (None, 0),
        };
        // Within our own AS, our AS in the path would be a loop to whoever hears it.
        let prepend = [self.prepend, over.prepend, down_prepend].map(usize::from).iter().sum::<usize>() + 1;
        let local_pref = over.local_pref.or(self.local_pref).unwrap_or(DEFAULT_LOCAL_PREF);
        Attributes {
            origin: over.origin.unwrap_or(self.origin),
            as_path: AsPath::sequence(self.as_path.iter().copied())
                .prepended(neighbor.local_as, if internal { 0 } else { prepend }),
            next_hop: over.next_hop.filter(|hop| fits(hop, family)).unwrap_or(self.next_hop),
            med: down_med.or(over.med).or(self.med),
            local_pref: internal.then_some(local_pref),
            communities: joined(&self.communities, &over.communities),
            extended_communities: joined(&self.extended_communities, &over.extended_communities),
            large_communities: joined(&self.large_communities, &over.large_communities),
            only_to_customer: over.only_to_customer.then_some(neighbor.local_as),
            ..Attributes::default()
        }
    }

    /// Whether the next hop can be said of the prefix: a given address is of one family.
    pub(crate) fn fits(&self, prefix: &IpNet) -> bool {
        fits(&self.next_hop, Family::of(prefix))
    }
}

fn fits(next_hop: &NextHop, family: Family) -> bool {
    match next_hop {
        NextHop::Own => true,
        NextHop::Address(IpAddr::V4(_)) => family == Family::IPV4_UNICAST,
        NextHop::Address(IpAddr::V6(_)) | NextHop::WithLinkLocal(..) => family == Family::IPV6_UNICAST,
    }
}

/// Both, in order, each value once.
fn joined<T: Copy + PartialEq>(first: &[T], second: &[T]) -> Box<[T]> {
    let mut all: Vec<T> = Vec::with_capacity(first.len() + second.len());
    for value in first.iter().chain(second) {
        if !all.contains(value) {
            all.push(*value);
        }
    }
    all.into()
}
