//! What becomes of a received UPDATE: checks that need more than its bytes, and the table it changes.

use super::{Event, Output, Session, connection::Ending};
use crate::Import;
use quadzero_codec::{Announced, Attributes, ErrorCode, NextHop, Notification, Update};
use quadzero_rib::Change;
use std::net::IpAddr;

impl Session {
    /// Takes the routes that may be taken into the table. An error is the end: more prefixes than allowed.
    pub(super) fn learn(&mut self, update: Update, internal: bool) -> Result<(), Ending> {
        self.outputs.extend(update.faults.into_iter().map(|fault| Output::Event(Event::Malformed(fault))));
        if self.config.import == Import::None {
            return Ok(());
        }
        let (announced, refused): (Vec<Announced>, Vec<Announced>) =
            update.announced.into_iter().partition(|a| self.is_acceptable(&a.attributes, internal));
        let mut withdrawn = update.withdrawn;
        withdrawn.extend(refused.into_iter().flat_map(|a| a.prefixes));
        self.take(Change { withdrawn, announced })
    }

    fn take(&mut self, change: Change) -> Result<(), Ending> {
        if change.is_empty() {
            return Ok(());
        }
        let announced = change.announced.iter().map(|a| a.prefixes.len()).sum();
        let withdrawn = change.withdrawn.len();
        let held = {
            let mut learned = self.lock_learned();
            learned.apply(change);
            learned.len()
        };
        self.outputs.push_back(Output::Event(Event::Learned { announced, withdrawn }));
        match self.config.max_prefixes {
            Some(limit) if held > limit => {
                Err(Ending::Sent(Notification::new(ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES)))
            }
            _ => Ok(()),
        }
    }

    /// A route with our own AS in its path (RFC 4271 §9.1.2), from a first AS that is not the peer's (§6.3), with
    /// ourselves as its next hop (§6.3) or as its originator (RFC 4456 §8) is not for us: it counts as withdrawn.
    fn is_acceptable(&self, attributes: &Attributes, internal: bool) -> bool {
        let config = &self.config;
        let looped = attributes.as_path.contains(config.local_as);
        let foreign = !internal && attributes.as_path.first() != Some(config.remote_as);
        let reflected = attributes.originator_id == Some(config.router_id.get());
        let ours = self.addresses().map(|a| a.local).into_iter().chain(config.own_address);
        let next_hop = match attributes.next_hop {
            NextHop::Address(address) => Some(address),
            NextHop::WithLinkLocal(address, _) => Some(IpAddr::V6(address)),
            NextHop::Own => None,
        };
        !looped && !foreign && !reflected && ours.into_iter().all(|own| next_hop != Some(own))
    }
}
