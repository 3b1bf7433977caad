//! The difference between two sets of routes, as UPDATEs say it.

use crate::Route;
use ipnet::IpNet;
use quadzero_codec::{Announced, Attributes, Family};
use std::collections::HashMap;
use std::sync::Arc;

/// What is no longer, and what is now: to be applied in this order, so that a prefix in both is
/// announced (RFC 4271 §4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Prefixes that are gone. From [`change_to`](crate::RouteSet::change_to): sorted, IPv4 before IPv6.
    pub withdrawn: Vec<IpNet>,
    /// Prefixes that are new or say something new, grouped by what they say. From
    /// [`change_to`](crate::RouteSet::change_to): each group is of one family and sorted, equal attributes
    /// of a family are in one group, and groups are in the order of their first prefixes.
    pub announced: Vec<Announced>,
}

impl Change {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.withdrawn.is_empty() && self.announced.iter().all(|group| group.prefixes.is_empty())
    }
}

/// Collects routes, sorted by prefix, into groups of equal attributes and family.
#[derive(Default)]
pub(crate) struct Grouping<'a> {
    groups: Vec<Announced>,
    /// The group of a value. Looked up once for each distinct `Arc`, hence seldom.
    by_value: HashMap<(Family, &'a Attributes), usize>,
    /// The group of an `Arc`, by its address: the attributes need not be hashed again.
    by_pointer: HashMap<(Family, *const Attributes), usize>,
    /// Where the last route went; its neighbor mostly follows.
    last: Option<(Family, *const Attributes, usize)>,
}

impl<'a> Grouping<'a> {
    pub(crate) fn add(&mut self, route: &'a Route) {
        let (family, pointer) = (Family::of(&route.prefix), Arc::as_ptr(&route.attributes));
        let group = match self.last {
            Some((f, p, group)) if (f, p) == (family, pointer) => group,
            _ => self.group(family, &route.attributes),
        };
        self.last = Some((family, pointer, group));
        self.groups[group].prefixes.push(route.prefix);
    }

    pub(crate) fn finish(self) -> Vec<Announced> {
        self.groups
    }

    fn group(&mut self, family: Family, attributes: &'a Arc<Attributes>) -> usize {
        let Self { groups, by_value, by_pointer, .. } = self;
        *by_pointer.entry((family, Arc::as_ptr(attributes))).or_insert_with(|| {
            *by_value.entry((family, attributes)).or_insert_with(|| {
                groups.push(Announced { attributes: attributes.clone(), prefixes: Vec::new() });
                groups.len() - 1
            })
        })
    }
}
