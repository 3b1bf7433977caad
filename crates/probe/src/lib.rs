//! Probes: whether a way out works, asked again and again, and answered with some hesitation.
//!
//! ```text
//!   check: one look (ICMP, TCP, HTTP, DNS, a command, a file) ---+
//!                                                                +--> Outcome --> Machine --> Report --> watch
//!   level: what says itself when it changes (netlink, sessions) -+        rise, fall, hold-down, TTL
//! ```
//!
//! A [`Machine`] is pure: it is told what a look has shown, and when; it says whether the probe is up, when to look again, and when
//! silence has lasted too long. Around it is one task a probe, with a second one that looks: a look that hangs, or whose task has died,
//! cannot keep the first one from noticing it ([`Parameters::ttl`]). The result is a level: all reports in one
//! [`watch`](tokio::sync::watch), no queue.
//!
//! Nothing here knows of routes; what is announced because of a report is decided by whoever reads it.

mod blocking;
pub mod check;
mod keeper;
mod kernel;
pub mod machine;
mod origin;
mod prober;

pub use check::{Check, Url};
pub use kernel::Wanted;
pub use machine::{Change, Machine, Outcome, Parameters, State};
pub use origin::Origin;
pub use prober::{Level, Prober, Report, Reports};
