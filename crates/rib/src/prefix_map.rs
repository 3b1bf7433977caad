//! Longest-prefix match over IPv4 and IPv6.

use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A map from prefixes to values, sorted, with longest-prefix match.
///
/// A B-tree and not a trie: sorted iteration, exact match and removal come for free, eleven entries
/// share a node where a trie spends one or two nodes on each, and a lookup is usually one to three
/// searches in a shallow tree (`longest`). A router that forwards would choose otherwise;
/// we look up addresses for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixMap<T>(BTreeMap<IpNet, T>);

impl<T> PrefixMap<T> {
    /// Puts a value at the prefix, whose host bits are cleared; gives back what was there.
    pub fn insert(&mut self, prefix: IpNet, value: T) -> Option<T> {
        self.0.insert(prefix.trunc(), value)
    }

    /// Takes away what is at exactly this prefix.
    pub fn remove(&mut self, prefix: &IpNet) -> Option<T> {
        self.0.remove(&prefix.trunc())
    }

    /// What is at exactly this prefix.
    pub fn get(&self, prefix: &IpNet) -> Option<&T> {
        self.0.get(&prefix.trunc())
    }

    /// The longest prefix that holds the address, and its value.
    pub fn lookup(&self, address: IpAddr) -> Option<(IpNet, &T)> {
        longest(address, |key| {
            let (prefix, value) = self.0.range(..=key).next_back()?;
            Some((*prefix, (*prefix, value)))
        })
    }

    /// Everything, sorted: IPv4 before IPv6, and a prefix right before everything inside it.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (IpNet, &T)> {
        self.0.iter().map(|(prefix, value)| (*prefix, value))
    }

    /// How many prefixes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes away what is not to stay.
    pub fn retain(&mut self, mut stays: impl FnMut(&IpNet, &T) -> bool) {
        self.0.retain(|prefix, value| stays(prefix, value));
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> FromIterator<(IpNet, T)> for PrefixMap<T> {
    fn from_iter<I: IntoIterator<Item = (IpNet, T)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(prefix, value)| (prefix.trunc(), value)).collect())
    }
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
