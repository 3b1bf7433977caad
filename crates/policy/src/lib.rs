//! What is announced, to whom and why.
//!
//! An on-premises edge of a forced-tunneling design announces the default route, and traffic of Azure follows
//! it home. Some of that traffic must not: Windows activation (KMS) answers only to Azure's own public
//! addresses. There are three ways to make such an exception, and they are not alike; so the configuration has to
//! name one, and everything decided here comes with its reason.
//!
//! ```text
//!   announce    0.0.0.0/0 + 20.118.99.224/32       the longer prefix pulls KMS home all the more; good only where
//!                                                  home has a way out through Azure
//!   carve-out   0.0.0.0/4 16.0.0.0/6 20.0.0.0/10 ..  0.0.0.0/0 minus the exceptions: Azure's own default route
//!                                                  stays and catches exactly the holes
//!   udr         0.0.0.0/0                          nothing more; the user adds routes to route tables
//! ```
//!
//! A [`Policy`] is made of [`Origination`]s and [`ExceptionSet`]s. Given a [`NeighborPolicy`] it gives a list of
//! [`Decision`]s ([`Policy::explain`]), and the routes are the announced ones among them ([`Policy::routes`]):
//! what is shown cannot differ from what is said. [`Policy::plan`] does so for many neighbors at once.
//!
//! What an announcement depends on is a [`Condition`] of its [`Template`], and how the probes are is a value that is handed in
//! ([`Health`]): sessions, probing and time are unknown here, and the same input gives the same answer.
//!
//! What Azure does with the routes is not in RFCs; where a decision rests on that, its reason says so.

mod carve;
mod cloud;
mod condition;
mod decision;
mod evaluation;
mod policy;
mod template;
mod user_defined;

pub use carve::carve;
pub use cloud::{Cloud, KmsHost};
pub use condition::{Condition, Health, OnFailure, Probe, State, Verdict};
pub use decision::{Decision, Outcome, Reason, Source, Standing};
pub use policy::{ExceptionMode, ExceptionSet, NeighborPolicy, Origination, Policy, PolicyError};
pub use template::{Overrides, Template};
pub use user_defined::UserDefinedRoute;
