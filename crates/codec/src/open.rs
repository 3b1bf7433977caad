//! OPEN (RFC 4271 §4.2), with extended optional parameters (RFC 9072).

use crate::{Asn, Capability, Family, HoldTime, RouterId};

/// The first message of a connection: who is speaking, and what it can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The speaker's AS: the four-octet capability's number where there is one, else My Autonomous System.
    /// Encoding writes [`Asn::TRANS`] into the two-octet field where it does not fit.
    pub asn: Asn,
    /// The proposed Hold Time.
    pub hold_time: HoldTime,
    /// BGP Identifier.
    pub router_id: RouterId,
    /// Capabilities (RFC 5492), in the order received. The four-octet AS capability is one of them.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// The families of the multiprotocol capabilities; IPv4 unicast where there are none (RFC 4760 §8).
    pub fn families(&self) -> Vec<Family> {
        let offered: Vec<Family> =
            self.capabilities.iter().filter_map(|c| if let Capability::Multiprotocol(f) = c { Some(*f) } else { None }).collect();
        if offered.is_empty() { vec![Family::IPV4_UNICAST] } else { offered }
    }

    /// Whether a capability equal to `wanted` was announced.
    pub fn has(&self, wanted: &Capability) -> bool {
        self.capabilities.contains(wanted)
    }
}
