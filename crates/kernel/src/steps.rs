//! From what the kernel has to what it is to have.

use crate::route::{Place, Way};
use std::collections::BTreeMap;

/// One thing that the kernel is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A route that is not there yet; somebody else's at the same place stays, and this fails.
    Add(Place, Way),
    /// A route of ours leads elsewhere.
    Change(Place, Way),
    /// A route of ours goes; nobody else's does.
    Remove(Place),
}

impl Step {
    /// Where.
    pub const fn place(&self) -> &Place {
        match self {
            Self::Add(place, _) | Self::Change(place, _) | Self::Remove(place) => place,
        }
    }
}

/// What comes is before what goes, so that a prefix that moves to another metric or table is there all the time.
pub fn steps<'a>(
    ours: &BTreeMap<Place, Way>,
    wanted: impl IntoIterator<Item = (&'a Place, &'a Way)>,
) -> Vec<Step> {
    let mut left: BTreeMap<&Place, &Way> = ours.iter().collect();
    let mut come = Vec::new();
    for (place, way) in wanted {
        match left.remove(place) {
            None => come.push(Step::Add(*place, way.clone())),
            Some(there) if there != way => come.push(Step::Change(*place, way.clone())),
            Some(_) => {}
        }
    }
    let gone = left.into_keys().map(|place| Step::Remove(*place));
    come.into_iter().chain(gone).collect()
}
