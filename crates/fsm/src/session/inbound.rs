//! What becomes of a received UPDATE: checks that need more than its bytes, and the table it changes.

use super::{Event, Output, Session, connection::Ending};
use crate::Import;
use ipnet::IpNet;
use quadzero_codec::{Attributes, Community, NextHop, Role, Update};
use quadzero_rib::Change;
use std::{net::IpAddr, sync::Arc};

impl Session {
    /// Takes the routes that may be taken into the table. An error is the end: there are more than there may be.
    pub(super) fn learn(&mut self, update: Update, internal: bool) -> Result<(), Ending> {
        let faults = update.faults.len();
        if let Some(first) = update.faults.into_iter().next() {
            self.outputs.push_back(Output::Event(Event::Malformed(first, faults - 1)));
        }
        if self.config.import == Import::None {
            return Ok(());
        }
        let mut change = Change { withdrawn: update.withdrawn, announced: Vec::new() };
        for mut group in update.announced {
            match self.objection(&group.attributes, internal) {
                None => {
                    if !internal {
                        self.heed_graceful_shutdown(&mut group.attributes);
                        self.mark_for_customers(&mut group.attributes);
                    }
                    change.announced.push(group);
                }
                Some(why) => change.withdrawn.extend(self.ignored(group.prefixes, why)),
            }
        }
        self.take(change)
    }

    fn ignored(&mut self, prefixes: Vec<IpNet>, why: &'static str) -> Vec<IpNet> {
        if let Some(first) = prefixes.first() {
            self.outputs.push_back(Output::Event(Event::Ignored(prefixes.len(), *first, why)));
        }
        prefixes
    }

    fn take(&mut self, change: Change) -> Result<(), Ending> {
        if change.is_empty() {
            return Ok(());
        }
        let change = self.without_excess(change);
        let announced = change.announced.iter().map(|a| a.prefixes.len()).sum();
        self.counters.prefixes_announced += announced as u64;
        let withdrawn = change.withdrawn.len();
        let different = self.lock_learned().apply(change);
        if different {
            self.outputs.push_back(Output::Event(Event::Learned { announced, withdrawn }));
        }
        self.check_received()
    }

    /// RFC 8326 §4: the peer is about to leave, so that anything else is better.
    fn heed_graceful_shutdown(&self, attributes: &mut Arc<Attributes>) {
        if self.config.honour_graceful_shutdown
            && attributes.communities.contains(&Community::GRACEFUL_SHUTDOWN)
        {
            Arc::make_mut(attributes).local_pref = Some(0);
        }
    }

    /// RFC 9234 §5, ingress: what comes from above or from the side goes to customers only, whoever passes it on.
    fn mark_for_customers(&self, attributes: &mut Arc<Attributes>) {
        let from_above =
            matches!(self.config.role, Some(Role::Customer | Role::Peer | Role::RouteServerClient));
        if from_above && attributes.only_to_customer.is_none() {
            Arc::make_mut(attributes).only_to_customer = Some(self.config.remote_as);
        }
    }

    /// Why a route is not for us, if it is not: it counts as withdrawn then.
    fn objection(&self, attributes: &Attributes, internal: bool) -> Option<&'static str> {
        let config = &self.config;
        let next_hop = match attributes.next_hop {
            NextHop::Address(address) => Some(address),
            NextHop::WithLinkLocal(address, _) => Some(IpAddr::V6(address)),
            NextHop::Own => None,
        };
        let mut ours = self.addresses().map(|a| a.local).into_iter().chain(config.own_address);
        // A route server does not put its own AS in front (RFC 7947 §2.2.2.1).
        let from_route_server = config.role == Some(Role::RouteServerClient);
        if attributes.as_path.contains(config.local_as) {
            Some("our own AS is in its AS_PATH (RFC 4271 §9.1.2)")
        } else if !internal && !from_route_server && attributes.as_path.first() != Some(config.remote_as) {
            Some("its first AS is not the peer's (RFC 4271 §6.3)")
        } else if attributes.originator_id == Some(config.router_id.get()) {
            Some("we are its originator (RFC 4456 §8)")
        } else if ours.any(|own| next_hop == Some(own)) {
            Some("we are its next hop (RFC 4271 §6.3)")
        } else {
            self.is_leaked(attributes).then_some("it leaks: only to customer (RFC 9234 §5)")
        }
    }

    /// RFC 9234 §5, ingress: a customer has nothing that may go to customers only; a peer only what it has marked itself.
    fn is_leaked(&self, attributes: &Attributes) -> bool {
        let Some(marked) = attributes.only_to_customer else { return false };
        match self.config.role {
            Some(Role::Provider | Role::RouteServer) => true,
            Some(Role::Peer) => marked != self.config.remote_as,
            _ => false,
        }
    }
}
