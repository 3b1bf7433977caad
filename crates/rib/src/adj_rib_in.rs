//! Adj-RIB-In (RFC 4271 §3.2): what one peer has said.

use crate::{Change, Interner, PrefixMap, Route, RouteSet};
use ipnet::IpNet;
use quadzero_codec::{Attributes, Family};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The routes that one peer has announced and not withdrawn, their attributes shared.
#[derive(Debug, Default)]
pub struct AdjRibIn {
    routes: PrefixMap<Arc<Attributes>>,
    interner: Interner,
    /// Prefixes that were said before the session ended, and not again yet (RFC 4724 §4.2).
    stale: BTreeSet<IpNet>,
}

impl AdjRibIn {
    /// Takes what an UPDATE says, withdrawn routes first (RFC 4271 §4.3). Whether anything is different
    /// now: a peer may well repeat itself.
    pub fn apply(&mut self, change: Change) -> bool {
        let mut different = false;
        for prefix in &change.withdrawn {
            self.stale.remove(&prefix.trunc());
            different |= self.routes.remove(prefix).is_some();
        }
        for group in change.announced {
            let attributes = self.interner.intern(group.attributes);
            for prefix in group.prefixes {
                self.stale.remove(&prefix.trunc());
                let before = self.routes.insert(prefix, attributes.clone());
                different |= before.is_none_or(|before| before != attributes);
            }
        }
        different
    }

    /// Forgets everything: the session is down.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Everything of a family has to be said again: the peer restarts (RFC 4724 §4.2), or begins a refresh (RFC 7313 §4).
    pub fn mark_stale(&mut self, family: Family) {
        let all = self.routes.iter().map(|(prefix, _)| prefix);
        self.stale.extend(all.filter(|prefix| Family::of(prefix) == family));
    }

    /// Forgets the stale routes, of one family or of all. How many there were.
    pub fn drop_stale(&mut self, family: Option<Family>) -> usize {
        let is_meant = |prefix: &IpNet| family.is_none_or(|family| Family::of(prefix) == family);
        let (gone, left): (BTreeSet<_>, _) = std::mem::take(&mut self.stale).into_iter().partition(is_meant);
        self.stale = left;
        for prefix in &gone {
            self.routes.remove(prefix);
        }
        gone.len()
    }

    /// Whether the route was said before the session ended, and not again yet.
    pub fn is_stale(&self, prefix: &IpNet) -> bool {
        self.stale.contains(prefix)
    }

    /// How many stale routes there are.
    pub fn stale_len(&self) -> usize {
        self.stale.len()
    }

    /// What was said of exactly this prefix.
    pub fn get(&self, prefix: &IpNet) -> Option<&Arc<Attributes>> {
        self.routes.get(prefix)
    }

    /// The longest prefix that holds the address, and what was said of it.
    pub fn lookup(&self, address: IpAddr) -> Option<(IpNet, &Arc<Attributes>)> {
        self.routes.lookup(address)
    }

    /// Everything, sorted by prefix.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &Arc<Attributes>)> {
        self.routes.iter()
    }

    /// How many prefixes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// How many prefixes of a family.
    pub fn len_of(&self, family: Family) -> usize {
        self.routes.len_of(family)
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
