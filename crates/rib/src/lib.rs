//! What is said about prefixes: one route, a set of routes, the difference between two sets, what one
//! peer has said, and which of several routes is best.
//!
//! Everything here is a value. Nothing waits, nothing sends, nothing looks at a clock.
//!
//! ```text
//!   policy --> RouteSet (wanted) --+
//!                                  +-- change_to --> Change --> UPDATEs --> peer
//!              RouteSet (told)   --+
//!
//!   peer --> UPDATEs --> Change -- apply --> AdjRibIn --+
//!                                            AdjRibIn --+-- best_paths --> the ranking, and why
//!                                            AdjRibIn --+
//! ```
//!
//! Three ideas carry the crate.
//!
//! *Level, not edge.* A [`RouteSet`] is the whole of what is meant, not an event. Two of them are
//! compared by walking both once ([`RouteSet::change_to`]); nothing has to remember what happened in
//! between, so nothing can grow while a peer is slow.
//!
//! *Sorted is enough.* Prefixes sort by address, then by length, so that a prefix stands right before
//! everything inside it. That order alone gives the merge of two sets, the iteration that people
//! read, and the longest match (`longest` tells how), in a boxed slice where the set is immutable and
//! in a B-tree where it changes ([`PrefixMap`]).
//!
//! *Attributes are shared.* Routes come in thousands, their attributes in handfuls. They live behind
//! an `Arc`; comparing two of them asks for the pointer before the value, and an [`Interner`] makes
//! sure that equal values meet in one place.

mod adj_rib_in;
mod best;
mod change;
mod interner;
mod prefix_map;
mod route_set;
mod scope;

pub use adj_rib_in::AdjRibIn;
pub use best::{Candidate, Ranked, Ranking, Rules, Step, best_paths};
pub use change::Change;
pub use interner::Interner;
pub use prefix_map::PrefixMap;
pub use route_set::{Route, RouteSet};
pub use scope::{Audience, forbids};
