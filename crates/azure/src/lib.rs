//! A mock of Azure's gateways, and the routing of virtual networks: the other side of a forced-tunneling
//! design.
//!
//! ```text
//!   on-premises                         this crate
//!   ┌──────┐  BGP   ┌───────────────────────────────────────┐      ┌──────────────────────────────┐
//!   │ edge │◄──────►│ speaker: the sessions (tokio)         │      │ effective: rows of a NIC     │
//!   └──────┘        │   gateway: what is accepted, best,    ├─────►│ verdict: where a packet goes │
//!   ┌───────────┐   │            exchanged, shown and       │      │ service, kms: does it work   │
//!   │ appliance │◄─►│            announced; kind: by whom   │      │ security: who may leave      │
//!   └───────────┘   └───────────────────▲───────────────────┘      └──────────────▲───────────────┘
//!                                       └────────── config, checked by rules ─────┘
//! ```
//!
//! The [`doctor`] looks at all of that, or at the log of either side, and says what is the matter.
//!
//! Four kinds of gateways: VPN gateway, ExpressRoute, Route Server, and hub of Virtual WAN, alone or several in one
//! place. What tells them apart is in [`gateway::kind`], one file a kind.
//!
//! Everything but [`speaker`] is pure: values in, values out; [`maintenance`] only waits. A gateway is the same BGP
//! speaker as the edge, with another personality: Azure's AS, timers and capabilities, and Azure's idea of what to
//! accept and what to pass on. What it prints has the shape of Azure's command line, so that tools written against
//! one work with the other.
//!
//! What Azure does is written down with its sources in the project's `azure.md`; the documentation here cites
//! its keys and marks, as in "VPN-FAQ D": **D** a document of Microsoft's, **F** a capture or the output of a
//! lab, **I** inferred, **U** unconfirmed. What is unconfirmed is a switch ([`config::Switches`]). The README of this crate has the 36 rows of its
//! §8, "Behaviour the mock must show", with their tests and switches.

pub mod config;
pub mod doctor;
pub mod effective;
pub mod gateway;
pub mod kms;
pub mod maintenance;
pub mod rules;
pub mod security;
pub mod service;
pub mod speaker;
pub mod verdict;

#[cfg(test)]
mod rows;
#[cfg(test)]
mod testing;
