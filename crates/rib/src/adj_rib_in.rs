//! Adj-RIB-In (RFC 4271 §3.2): what one peer has said.

use crate::{Change, Interner, PrefixMap, Route, RouteSet};
use ipnet::IpNet;
use quadzero_codec::{Attributes, Family};
use std::net::IpAddr;
use std::sync::Arc;

/// The routes that one peer has announced and not withdrawn, their attributes shared.
///
/// Those that have to be said again are *stale*. A peer may ask for that with 23 octets, time and again (RFC 7313), so it
/// must not cost a walk through the table: it begins a new epoch of the family, and what was said in an earlier one is stale.
#[derive(Debug, Default)]
pub struct AdjRibIn {
    routes: PrefixMap<Said>,
    interner: Interner,
    ipv4: Epoch,
    ipv6: Epoch,
}

#[derive(Debug)]
struct Said {
    attributes: Arc<Attributes>,
    epoch: u64,
}

/// The epoch of a family, and how many of its routes were said in it and before it.
#[derive(Debug, Default)]
struct Epoch {
    number: u64,
    fresh: usize,
    stale: usize,
}

impl Epoch {
    fn begin(&mut self) {
        self.number += 1;
        self.stale += std::mem::take(&mut self.fresh);
    }

    fn forget(&mut self, said: &Said) {
        *(if said.epoch == self.number { &mut self.fresh } else { &mut self.stale }) -= 1;
    }
}

impl AdjRibIn {
    /// Takes what an UPDATE says, withdrawn routes first (RFC 4271 §4.3). Whether anything is different
    /// now: a peer may well repeat itself.
    pub fn apply(&mut self, change: Change) -> bool {
        let mut different = false;
        for prefix in &change.withdrawn {
            let before = self.routes.remove(prefix);
            different |= before.is_some();
            self.forget(prefix, before.as_ref());
        }
        for group in change.announced {
            let attributes = self.interner.intern(group.attributes);
            for prefix in group.prefixes {
                let epoch = self.epoch(&prefix);
                epoch.fresh += 1;
                let said = Said { attributes: attributes.clone(), epoch: epoch.number };
                let before = self.routes.insert(prefix, said);
                self.forget(&prefix, before.as_ref());
                different |= before.is_none_or(|before| before.attributes != attributes);
            }
        }
        different
    }

    fn epoch(&mut self, prefix: &IpNet) -> &mut Epoch {
        if matches!(prefix, IpNet::V4(_)) { &mut self.ipv4 } else { &mut self.ipv6 }
    }

    fn forget(&mut self, prefix: &IpNet, before: Option<&Said>) {
        if let Some(before) = before {
            self.epoch(prefix).forget(before);
        }
    }

    /// Forgets everything: the session is down.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Everything of a family has to be said again: the peer restarts (RFC 4724 §4.2), or begins a refresh (RFC 7313 §4).
    pub fn mark_stale(&mut self, family: Family) {
        match family {
            Family::IPV4_UNICAST => self.ipv4.begin(),
            Family::IPV6_UNICAST => self.ipv6.begin(),
            _ => {}
        }
    }

    /// Forgets the stale routes, of one family or of all. How many there were.
    pub fn drop_stale(&mut self, family: Option<Family>) -> usize {
        let mut dropped = 0;
        let epochs = [(Family::IPV4_UNICAST, &mut self.ipv4), (Family::IPV6_UNICAST, &mut self.ipv6)];
        for (of, epoch) in epochs.into_iter().filter(|(of, _)| family.is_none_or(|family| family == *of)) {
            if epoch.stale > 0 {
                self.routes.retain(|prefix, said| Family::of(prefix) != of || said.epoch == epoch.number);
                dropped += std::mem::take(&mut epoch.stale);
            }
        }
        dropped
    }

    /// Whether the route was said before the session ended, and not again yet.
    pub fn is_stale(&self, prefix: &IpNet) -> bool {
        let epoch = if matches!(prefix, IpNet::V4(_)) { &self.ipv4 } else { &self.ipv6 };
        self.routes.get(prefix).is_some_and(|said| said.epoch != epoch.number)
    }

    /// How many stale routes there are.
    pub fn stale_len(&self) -> usize {
        self.ipv4.stale + self.ipv6.stale
    }

    /// What was said of exactly this prefix.
    pub fn get(&self, prefix: &IpNet) -> Option<&Arc<Attributes>> {
        self.routes.get(prefix).map(|said| &said.attributes)
    }

    /// The longest prefix that holds the address, and what was said of it.
    pub fn lookup(&self, address: IpAddr) -> Option<(IpNet, &Arc<Attributes>)> {
        self.routes.lookup(address).map(|(prefix, said)| (prefix, &said.attributes))
    }

    /// Everything, sorted by prefix.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &Arc<Attributes>)> {
        self.routes.iter().map(|(prefix, said)| (prefix, &said.attributes))
    }

    /// How many prefixes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// How many prefixes of a family.
    pub fn len_of(&self, family: Family) -> usize {
        let epoch = if family == Family::IPV4_UNICAST { &self.ipv4 } else { &self.ipv6 };
        epoch.fresh + epoch.stale
    }

    /// How many prefixes of a family that are not stale.
    pub fn fresh_len_of(&self, family: Family) -> usize {
        if family == Family::IPV4_UNICAST { self.ipv4.fresh } else { self.ipv6.fresh }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Everything as an immutable set.
    pub fn to_set(&self) -> RouteSet {
        self.iter().map(|(prefix, attributes)| Route { prefix, attributes: attributes.clone() }).collect()
    }
}
