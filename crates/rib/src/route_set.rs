//! A set of routes: immutable, sorted, one route a prefix.

use crate::Change;
use crate::change::Grouping;
use crate::prefix_map::longest;
use ipnet::IpNet;
use quadzero_codec::{Attributes, Family};
use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

/// A prefix, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub prefix: IpNet,
    /// How, shared with every route that says the same.
    pub attributes: Arc<Attributes>,
}

/// Routes in the order of their prefixes, one a prefix; shared as `Arc<RouteSet>`.
///
/// IPv4 stands before IPv6, and a prefix right before everything inside it. A route takes 32 octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteSet {
    routes: Box<[Route]>,
    /// More may be said soon.
    unsettled: bool,
}

impl RouteSet {
    /// The set of these routes. Host bits of prefixes are cleared; of two routes to one prefix the last
    /// wins. Linear where the routes come sorted.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        let truncated = routes.into_iter().map(|route| Route { prefix: route.prefix.trunc(), ..route });
        let mut routes: Vec<Route> = truncated.collect();
        routes.sort_by_key(|route| route.prefix);
        routes.dedup_by(|later, kept| {
            let same = later.prefix == kept.prefix;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self { routes: routes.into(), unsettled: false }
    }

    /// The same, as something that is not all yet: whoever is told it is not told that this was all (RFC 4724 §4.1 has the same
    /// wait, for a router that has to learn before it can select).
    pub fn unsettled(self) -> Self {
        Self { unsettled: true, ..self }
    }

    /// Whether this is all that there is to say, for now.
    pub const fn is_settled(&self) -> bool {
        !self.unsettled
    }

    /// The route to exactly this prefix.
    pub fn get(&self, prefix: &IpNet) -> Option<&Route> {
        let found = self.routes.binary_search_by_key(&prefix.trunc(), |route| route.prefix).ok()?;
        Some(&self.routes[found])
    }

    /// The route with the longest prefix that holds the address.
    pub fn lookup(&self, address: IpAddr) -> Option<&Route> {
        longest(address, |key| {
            let behind = self.routes.partition_point(|route| route.prefix <= key);
            self.routes[..behind].last().map(|route| (route.prefix, route))
        })
    }

    /// The routes, sorted by prefix.
    pub fn iter(&self) -> std::slice::Iter<'_, Route> {
        self.routes.iter()
    }

    /// Everything, sorted by prefix.
    pub fn as_slice(&self) -> &[Route] {
        &self.routes
    }

    /// How many routes.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// How many routes of a family.
    pub fn len_of(&self, family: Family) -> usize {
        let ipv4 = self.routes.partition_point(|route| Family::of(&route.prefix) == Family::IPV4_UNICAST);
        if family == Family::IPV4_UNICAST { ipv4 } else { self.len() - ipv4 }
    }

    /// Whether nothing is said at all.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// What turns this set into the wanted one: both are walked once, side by side.
    pub fn change_to(&self, wanted: &Self) -> Change {
        let (mut old, mut new) = (&self.routes[..], &wanted.routes[..]);
        let mut withdrawn = Vec::new();
        let mut announced = Grouping::default();
        while let ([o, old_rest @ ..], [n, new_rest @ ..]) = (old, new) {
            let order = o.prefix.cmp(&n.prefix);
            match order {
                Ordering::Less => withdrawn.push(o.prefix),
                Ordering::Greater => announced.add(n),
                // `==` of two `Arc`s asks for the pointers first.
                Ordering::Equal if o.attributes == n.attributes => {}
                Ordering::Equal => announced.add(n),
            }
            if order.is_le() {
                old = old_rest;
            }
            if order.is_ge() {
                new = new_rest;
            }
        }
        withdrawn.extend(old.iter().map(|route| route.prefix));
        new.iter().for_each(|route| announced.add(route));
        Change { withdrawn, announced: announced.finish() }
    }
}

impl FromIterator<Route> for RouteSet {
    fn from_iter<I: IntoIterator<Item = Route>>(routes: I) -> Self {
        Self::new(routes)
    }
}

impl<'a> IntoIterator for &'a RouteSet {
    type Item = &'a Route;
    type IntoIter = std::slice::Iter<'a, Route>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
