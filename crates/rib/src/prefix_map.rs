//! Longest-prefix match over IPv4 and IPv6.

use ipnet::IpNet;
use quadzero_codec::Family;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A map from prefixes to values, sorted, with longest-prefix match.
///
/// A B-tree and not a trie: sorted iteration, exact match and removal come for free, eleven entries
/// share a node where a trie spends one or two nodes on each, and a lookup is usually one to three
/// searches in a shallow tree (`longest`). A router that forwards would choose otherwise;
/// we look up addresses for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixMap<T> {
    entries: BTreeMap<IpNet, T>,
    /// How many of them are of IPv4: limits are asked for with every UPDATE.
    ipv4: usize,
}

impl<T> PrefixMap<T> {
    /// Puts a value at the prefix, whose host bits are cleared; gives back what was there.
    pub fn insert(&mut self, prefix: IpNet, value: T) -> Option<T> {
        let before = self.entries.insert(prefix.trunc(), value);
        self.ipv4 += usize::from(before.is_none() && is_ipv4(&prefix));
        before
    }

    /// Takes away what is at exactly this prefix.
    pub fn remove(&mut self, prefix: &IpNet) -> Option<T> {
        let removed = self.entries.remove(&prefix.trunc());
        self.ipv4 -= usize::from(removed.is_some() && is_ipv4(prefix));
        removed
    }

    /// What is at exactly this prefix.
    pub fn get(&self, prefix: &IpNet) -> Option<&T> {
        self.entries.get(&prefix.trunc())
    }

    /// The longest prefix that holds the address, and its value.
    pub fn lookup(&self, address: IpAddr) -> Option<(IpNet, &T)> {
        longest(address, |key| {
            let (prefix, value) = self.entries.range(..=key).next_back()?;
            Some((*prefix, (*prefix, value)))
        })
    }

    /// Everything, sorted: IPv4 before IPv6, and a prefix right before everything inside it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (IpNet, &T)> {
        self.entries.iter().map(|(prefix, value)| (*prefix, value))
    }

    /// How many prefixes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many prefixes of a family.
    pub fn len_of(&self, family: Family) -> usize {
        if family == Family::IPV4_UNICAST { self.ipv4 } else { self.len() - self.ipv4 }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes away what is not to stay.
    pub fn retain(&mut self, mut stays: impl FnMut(&IpNet, &T) -> bool) {
        self.0.retain(|prefix, value| stays(prefix, value));
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), ipv4: 0 }
    }
}

impl<T> FromIterator<(IpNet, T)> for PrefixMap<T> {
    fn from_iter<I: IntoIterator<Item = (IpNet, T)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (prefix, value) in entries {
            map.insert(prefix, value);
        }
        map
    }
}

const fn is_ipv4(prefix: &IpNet) -> bool {
    matches!(prefix, IpNet::V4(_))
}

/// The longest match in anything sorted. `floor` gives the last entry that is not behind a key.
///
/// A prefix stands before everything inside it, so every entry that holds the address is at or before
/// `key`, the longest one last. If the last entry before the key holds the address, it is that one.
/// If not, it lies between the wanted one and the key, hence inside the wanted one: the wanted one
/// is no longer than what that entry and the address have in common, which is the next key.
pub(crate) fn longest<E>(address: IpAddr, floor: impl Fn(IpNet) -> Option<(IpNet, E)>) -> Option<E> {
    let mut key = IpNet::from(address);
    loop {
        let (prefix, entry) = floor(key)?;
        if prefix.contains(&address) {
            return Some(entry);
        }
        let common = common_bits(prefix.network(), address)?;
        key = IpNet::new(address, common).expect("no more bits than the address has").trunc();
    }
}

/// How many leading bits two addresses share; `None` if they are of two families.
fn common_bits(a: IpAddr, b: IpAddr) -> Option<u8> {
    let zeros = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return None,
    };
    Some(zeros as u8)
}
