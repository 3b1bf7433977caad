//! Path attributes written: in the order of their codes, with the fewest flags and octets that say them.

use super::{
    Aggregator, AsPath, Attributes, Origin,
    table::{Rule, code, flag},
};
use crate::{Asn, Dialect};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
};

/// LOCAL_PREF where none is given: mandatory within an AS (RFC 4271 §5.1.5), and 100 everywhere.
const DEFAULT_LOCAL_PREF: u32 = 100;
/// AS numbers in a segment, at most: its count is one octet.
const SEGMENT: usize = 255;

/// The attributes of one UPDATE, but for MP_REACH_NLRI. Only the classic fields have a NEXT_HOP.
pub(crate) fn encode(attributes: &Attributes, next_hop: Option<Ipv4Addr>, dialect: &Dialect) -> Vec<u8> {
    let mut block = Block { out: Vec::with_capacity(64), unknown: &attributes.unknown };
    let all = attributes;
    block.put(code::ORIGIN, &[origin(all.origin)]);
    block.put(code::AS_PATH, &all.as_path.encode(dialect.four_octet_as));
    block.put_some(code::NEXT_HOP, next_hop.map(|a| a.octets()));
    block.put_some(code::MULTI_EXIT_DISC, all.med.map(u32::to_be_bytes));
    let local_pref = all.local_pref.unwrap_or(DEFAULT_LOCAL_PREF);
    block.put_some(code::LOCAL_PREF, dialect.internal.then(|| local_pref.to_be_bytes()));
    block.put_some(code::ATOMIC_AGGREGATE, all.atomic_aggregate.then_some([]));
    if let Some(aggregator) = all.aggregator {
        block.put(code::AGGREGATOR, &aggregator.encode(dialect.four_octet_as));
    }
    block.put_list(code::COMMUNITIES, &all.communities, |c| c.0.to_be_bytes());
    if dialect.internal {
        block.put_some(code::ORIGINATOR_ID, all.originator_id.map(|a| a.octets()));
        block.put_list(code::CLUSTER_LIST, &all.cluster_list, Ipv4Addr::octets);
    }
    block.put_list(code::EXTENDED_COMMUNITIES, &all.extended_communities, |c| c.0);
    if !dialect.four_octet_as {
        block.put_for_those_behind(all);
    }
    block.put_large(all);
    block.put_some(code::ONLY_TO_CUSTOMER, all.only_to_customer.map(|asn| asn.0.to_be_bytes()));
    block.put_unknown_below(None);
    block.out
}

const fn origin(origin: Origin) -> u8 {
    match origin {
        Origin::Igp => 0,
        Origin::Egp => 1,
        Origin::Incomplete => 2,
    }
}

struct Block<'a> {
    out: Vec<u8>,
    /// Those that have not had their turn: ordered by code, like all.
    unknown: &'a [super::UnknownAttribute],
}

impl Block<'_> {
    fn put(&mut self, code: u8, value: &[u8]) {
        self.put_unknown_below(Some(code));
        // Only codes of the table come here.
        let flags = Rule::of(code).map_or(0, |rule| rule.flags);
        put_attribute(flags, code, value, &mut self.out);
    }

    fn put_some<const N: usize>(&mut self, code: u8, value: Option<[u8; N]>) {
        if let Some(value) = value {
            self.put(code, &value);
        }
    }

    fn put_list<T: Copy, const N: usize>(&mut self, code: u8, values: &[T], octets: impl Fn(&T) -> [u8; N]) {
        if !values.is_empty() {
            self.put(code, &values.iter().flat_map(octets).collect::<Vec<u8>>());
        }
    }

    /// RFC 8092 §3: never the same value twice.
    fn put_large(&mut self, all: &Attributes) {
        let mut seen = BTreeSet::new();
        let parts = all.large_communities.iter().filter(|c| seen.insert(**c));
        let numbers: Vec<u32> = parts.flat_map(|c| [c.global, c.local1, c.local2]).collect();
        self.put_list(code::LARGE_COMMUNITY, &numbers, |n| n.to_be_bytes());
    }

    /// RFC 6793 §4.2.2: what the two-octet fields cannot say, only where they cannot.
    fn put_for_those_behind(&mut self, all: &Attributes) {
        let path = all.as_path.without_confederation();
        if path.asns().any(|asn| !asn.is_two_octet()) {
            self.put(code::AS4_PATH, &path.encode(true));
        }
        if let Some(aggregator) = all.aggregator.filter(|a| !a.asn.is_two_octet()) {
            self.put(code::AS4_AGGREGATOR, &aggregator.encode(true));
        }
    }

    /// Unknown ones whose code is less; all of them for `None`. Transitive ones say that somebody did not know them,
    /// the others end here (RFC 4271 §5). A code of the table is not unknown: it has its own place, or none, or goes on as
    /// it came.
    fn put_unknown_below(&mut self, code: Option<u8>) {
        while let Some((first, rest)) = self.unknown.split_first() {
            if code.is_some_and(|code| first.code >= code) {
                return;
            }
            self.unknown = rest;
            let partial = match Rule::of(first.code) {
                None => flag::PARTIAL,
                Some(rule) if rule.is_opaque() => first.flags & flag::PARTIAL,
                Some(_) => continue,
            };
            if first.flags & flag::FIXED == flag::FIXED {
                put_attribute(flag::FIXED | partial, first.code, &first.value, &mut self.out);
            }
        }
    }
}

fn put_attribute(flags: u8, code: u8, value: &[u8], out: &mut Vec<u8>) {
    out.extend(header(flags, code, value.len()));
    out.extend_from_slice(value);
}

/// Three octets, or four where the length needs two. One that needs more is longer than any message, which is noticed
/// when the block is measured.
pub(crate) fn header(flags: u8, code: u8, length: usize) -> impl Iterator<Item = u8> + Clone {
    let [high, low] = (length as u16).to_be_bytes();
    let extended = length > usize::from(u8::MAX);
    let flags = if extended { flags | flag::EXTENDED_LENGTH } else { flags };
    [flags, code].into_iter().chain(extended.then_some(high)).chain([low])
}

/// The value of MP_REACH_NLRI up to its prefixes, for one or two next hops of IPv6 (RFC 2545 §3).
pub(crate) fn reach_head(next_hops: Vec<Ipv6Addr>) -> Vec<u8> {
    let addresses: Vec<u8> = next_hops.iter().flat_map(Ipv6Addr::octets).collect();
    // 16 or 32 octets; behind them, one that is reserved.
    [&[0, 2, 1, addresses.len() as u8][..], &addresses, &[0]].concat()
}

fn put_asn(asn: Asn, four_octets: bool, out: &mut Vec<u8>) {
    if four_octets {
        out.extend(asn.0.to_be_bytes());
    } else {
        out.extend(asn.to_two_octets().to_be_bytes());
    }
}

impl Aggregator {
    fn encode(self, four_octets: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(8);
        put_asn(self.asn, four_octets, &mut out);
        out.extend(self.id.octets());
        out
    }
}

impl AsPath {
    fn encode(&self, four_octets: bool) -> Vec<u8> {
        let mut out = Vec::new();
        for segment in &self.0 {
            for part in segment.asns.chunks(SEGMENT) {
                // chunks() keeps to what an octet counts.
                out.extend([segment.kind.number(), part.len() as u8]);
                part.iter().for_each(|asn| put_asn(*asn, four_octets, &mut out));
            }
        }
        out
    }
}
