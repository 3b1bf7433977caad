//! The kernel's routes to what was learned, and the guard that keeps them off the tunnel that they were learned through.
//!
//! ```text
//!   Input: settings, neighbors, what each has said ──┐
//!                                                    ├──► Wanted ──► steps ──► the kernel
//!   View: links, addresses, other people's routes, ──┘       └─────► refused, and why
//!         and ours, as the kernel has them
//! ```
//!
//! A level, not an edge: each look takes the whole view and the whole input, and what comes of it is the whole set of routes that
//! the kernel is to have. So a route that somebody deletes comes back, one that was left by a process that was killed is
//! found by its protocol number, and nothing has to be remembered. What is pure stands in [`View`], [`held`], [`learned`] and
//! [`steps`]; the rest is one task ([`Keeper`]) that reads, writes and waits.
//!
//! *The loop.* The gateway's BGP address has to be reached through the tunnel, and the tunnel's outer address outside of it. A
//! learned route that covers either and leads elsewhere takes the session down that it came by, is withdrawn with it, lets the
//! session come back, and so on for ever. Two kinds of routes of our own are *held* against that: the gateway's host route
//! into the tunnel, and the outer address's host route to where other people's routes lead now. A learned route may cover a
//! protected address only where the kernel *has* a longer route to it, as read back, and not as meant. Where it has none, the
//! learned route is refused, with the reason and what to do.
//!
//! *Whose routes.* Next hops are looked up in other people's routes, never in ours: what we install cannot become the reason to
//! install it. What is not of our protocol number is never changed and never deleted; the kernel itself is told to look.

mod guard;
mod keeper;
mod netlink;
mod report;
mod route;
mod steps;
mod view;
mod want;

pub use guard::{Part, Protected, Why};
pub use keeper::{Keeper, hold};
pub use report::{Report, Shown};
pub use route::{Hop, Input, MAIN, Neighbor, Path, Place, Settings, Tunnel, Way};
pub use steps::{Step, steps};
pub use view::{Foreign, Link, View};
pub use want::{Purpose, Refusal, Wanted, held, learned};
