//! Adj-RIB-In (RFC 4271 §3.2): what one peer has said.

use crate::{Change, Interner, PrefixMap, Route, RouteSet};
use ipnet::IpNet;
use quadzero_codec::Attributes;
use std::net::IpAddr;
use std::sync::Arc;

/// The routes that one peer has announced and not withdrawn, their attributes shared.
#[derive(Debug, Default)]
pub struct AdjRibIn {
    routes: PrefixMap<Arc<Attributes>>,
    interner: Interner,
}

impl AdjRibIn {
    /// Takes what an UPDATE says, withdrawn routes first (RFC 4271 §4.3). Whether anything is different
    /// now: a peer may well repeat itself.
    pub fn apply(&mut self, change: Change) -> bool {
        let mut different = false;
        for prefix in &change.withdrawn {
            different |= self.routes.remove(prefix).is_some();
        }
        for group in change.announced {
            let attributes = self.interner.intern(group.attributes);
            for prefix in group.prefixes {
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

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Everything as an immutable set.
    pub fn to_set(&self) -> RouteSet {
        self.iter().map(|(prefix, attributes)| Route { prefix, attributes: attributes.clone() }).collect()
    }
}
