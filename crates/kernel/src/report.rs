//! What the kernel has of us, for people.

use crate::route::Place;
use crate::want::Refusal;
use std::time::Instant;

/// What the last look has shown.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Until when routes of an earlier process may stay, at most; `None`: their time is over.
    pub settling: Option<Instant>,
    /// Why the kernel could not be asked, if it could not.
    pub error: Option<String>,
    /// Routes that it has, or should have.
    pub routes: Vec<Shown>,
    /// Routes that it is not to have.
    pub refused: Vec<Refusal>,
}

/// A route of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where.
    pub place: Place,
    /// Its hops, as ip-route(8) writes them.
    pub hops: String,
    /// What for, in words.
    pub purpose: String,
    /// Why the kernel does not have it, if it does not.
    pub error: Option<String>,
}
