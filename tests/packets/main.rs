//! The packet lab: what BGP's tables promise, shown with packets.
//!
//! ```text
//!   workload ─┐                         ╔═ tunnel 0 ═╗
//!   shut     ─┤            ┌ gateway-0 ═╝   IKEv2    ╚═ vpn-0 ┐
//!   open     ─┼── fabric ──┤    twin                           ├─ edge-0 ─── branch
//!   ..       ─┘  the mock  └ gateway-1 ═╗            ╔═ vpn-1 ┘  quadzero run
//!                   │                   ╚═ tunnel 1 ═╝              │
//!                  exit ─────────────────── internet ───────────────┘
//!                  NAT                     ├ server            NAT
//!                                          └ kms
//! ```
//!
//! Each name is a network namespace. Azure's side is `quadzero azure` in `fabric`, and the routing of the real kernel, which
//! [`follow`] programs from what the mock says; the edge is `quadzero run`, and its kernel is programmed from what that says. ESP
//! and IKE are strongSwan's, BGP goes through the tunnels, as everything does. Addresses are for documentation, or private.
//!
//! `just packets` prints what is seen. No test asserts how long something took: it is printed, and what is asserted is who noticed,
//! and what came before what.

mod activation;
mod agree;
mod agreement;
mod failover;
mod follow;
mod forced;
mod hop;
mod lab;
mod leaving;
mod leftovers;
mod plan;
mod traffic;
mod tunnel;
mod world;
