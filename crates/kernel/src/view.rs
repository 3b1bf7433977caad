//! The kernel as it was read, at one time.

use crate::guard::Why;
use crate::route::{Hop, MAIN, Place, Way};
use ipnet::IpNet;
use quadzero_rib::PrefixMap;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Links, addresses and routes.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// By their numbers.
    pub links: BTreeMap<u32, Link>,
    /// Addresses of this machine (the table `local`, which comes before all others).
    pub own: BTreeSet<IpAddr>,
    /// Routes of our protocol number, in whatever table.
    pub ours: BTreeMap<Place, Way>,
    /// Other people's routes: of the main table, and of the one that is ours to fill. Where there are several to one prefix, the one that holds.
    pub foreign: BTreeMap<u32, PrefixMap<Foreign>>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What people call it.
    pub name: String,
    /// It is up, and has a carrier.
    pub carries: bool,
    /// It leads to one place, and nobody is asked for anybody's link-layer address there: gateways mean nothing.
    pub to_one_place: bool,
}

/// A route that somebody else has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Where it leads; without hops, nowhere ("unreachable").
    pub way: Way,
    /// The kernel made it, with an address of an interface: who is in it is on that link.
    pub connected: bool,
    /// Its metric.
    pub metric: u32,
}

impl View {
    /// The number of an interface, and what it is.
    pub fn link(&self, name: &str) -> Option<(u32, &Link)> {
        self.links.iter().find(|(_, link)| link.name == name).map(|(index, link)| (*index, link))
    }

    /// What an interface is called.
    pub fn name(&self, interface: u32) -> String {
        self.links.get(&interface).map_or_else(|| format!("interface {interface}"), |link| link.name.clone())
    }

    /// The longest of other people's routes in a table that holds the address.
    pub fn lookup(&self, table: u32, address: IpAddr) -> Option<(IpNet, &Foreign)> {
        self.foreign.get(&table)?.lookup(address)
    }

    /// By which way the address is reached, by other people's routes alone.
    ///
    /// # Errors
    /// By none that carries anything.
    pub fn resolve(&self, address: IpAddr) -> Result<(IpNet, Way), Why> {
        let (prefix, foreign) = self.lookup(MAIN, address).ok_or(Why::Unresolved(address))?;
        if foreign.way.hops.is_empty() {
            return Err(Why::Unresolved(address));
        }
        let hops: BTreeSet<Hop> = foreign
            .way
            .hops
            .iter()
            .filter_map(|hop| self.hop(hop.gateway.unwrap_or(address), hop.interface))
            .collect();
        match foreign.way.hops.first() {
            Some(first) if hops.is_empty() => Err(Why::Down(self.name(first.interface))),
            _ => Ok((prefix, Way { hops, source: foreign.way.source })),
        }
    }

    /// A hop by an interface that carries. Where it leads to one place, a gateway is not worth saying; but to IPv6 it has to be
    /// said, since the kernel takes no route of several hops that has one without.
    pub fn hop(&self, gateway: IpAddr, interface: u32) -> Option<Hop> {
        let link = self.links.get(&interface).filter(|link| link.carries)?;
        Some(Hop { gateway: (!link.to_one_place || gateway.is_ipv6()).then_some(gateway), interface })
    }

    /// Whether two ways lead to the same places: a gateway makes a difference only where there are several.
    pub fn is_same(&self, one: &Way, other: &Way) -> bool {
        let leads_to_one = |hop: &Hop| self.links.get(&hop.interface).is_some_and(|link| link.to_one_place);
        let places = |way: &Way| -> BTreeSet<Hop> {
            way.hops
                .iter()
                .map(|hop| Hop { gateway: hop.gateway.filter(|_| !leads_to_one(hop)), ..*hop })
                .collect()
        };
        places(one) == places(other)
    }

    /// The network of a link that the prefix is in, or is, with its interface; the longest of them.
    pub fn link_of(&self, prefix: &IpNet) -> Option<(IpNet, u32)> {
        let connected = self.foreign.get(&MAIN).into_iter().flat_map(|table| table.iter());
        let holds = connected.filter(|(network, foreign)| foreign.connected && network.contains(prefix));
        let (network, foreign) = holds.max_by_key(|(network, _)| network.prefix_len())?;
        Some((network, foreign.way.hops.first()?.interface))
    }

    /// A hop as ip-route(8) writes it.
    pub fn words(&self, hop: &Hop) -> String {
        match hop.gateway {
            Some(gateway) => format!("via {gateway} dev {}", self.name(hop.interface)),
            None => format!("dev {}", self.name(hop.interface)),
        }
    }

    /// All hops of a way.
    pub fn way(&self, way: &Way) -> String {
        way.hops.iter().map(|hop| self.words(hop)).collect::<Vec<_>>().join(", ")
    }
}
