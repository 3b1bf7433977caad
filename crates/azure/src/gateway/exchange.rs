//! What the gateways of a place tell each other, and so have to tell their peers.
//!
//! ```text
//!   in a virtual network    VPN ◄──► Route Server ◄──► ExpressRoute      with branch-to-branch alone (RS-FAQ D);
//!                            ▲                           ▲               VPN ◄─► ExpressRoute too, if the VPN
//!                            └───────────────────────────┘               gateway is active-active in AS 65515
//!   in a hub                everybody with everybody, but no circuit with a circuit
//!   between hubs            everything but 0.0.0.0/0 (VWAN-FAQ D)
//! ```

use super::kind::Class;
use super::{Path, Table};
use crate::config::{Azure, Connection, DEFAULT_ASN, Place, SessionId};
use crate::effective::DEFAULT;
use crate::gateway::kind;
use ipnet::Ipv4Net;
use quadzero_codec::{Attributes, Origin};
use quadzero_rib::{Audience, forbids};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A route that a gateway could tell its peers of.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// Where to.
    pub prefix: Ipv4Net,
    /// As the gateway that learned it sees it.
    pub attributes: Arc<Attributes>,
    /// The class of that gateway.
    pub class: Class,
    /// Whether an appliance brought it, by Route Server.
    pub by_appliance: bool,
    /// Whether this is in a hub of Virtual WAN.
    pub in_hub: bool,
    /// Where it was learned; none for a static prefix, or one of another hub's networks.
    pub(super) from: Option<&'a Connection>,
    /// How it ranks among offers of other gateways; less is better.
    rank: super::forward::Rank,
}

/// How two gateways know each other.
enum Way {
    Itself,
    SamePlace,
    OtherHub,
}

impl Table {
    /// Everything that others than the peer itself have brought and the instance could tell it, one route a prefix.
    pub(super) fn offers(&self, to: SessionId) -> BTreeMap<Ipv4Net, Offer<'_>> {
        let mut offers: BTreeMap<Ipv4Net, Offer<'_>> = BTreeMap::new();
        for from in 0..self.azure.gateways.len() {
            let Some(way) = way(&self.azure, from, to.gateway) else { continue };
            for offer in self.offered(from, &way, to.instance) {
                match offers.get(&offer.prefix) {
                    Some(better) if better.rank <= offer.rank => {}
                    _ => {
                        offers.insert(offer.prefix, offer);
                    }
                }
            }
        }
        offers
            .retain(|_, offer| !offer.from.is_some_and(|from| std::ptr::eq(from, self.azure.connection(to))));
        offers
    }

    /// What the other gateways have told this one, and which of them.
    pub(super) fn exchanged(&self, to: usize) -> Vec<(usize, Offer<'_>)> {
        let others = (0..self.azure.gateways.len()).filter(|from| *from != to);
        let offers = others.filter_map(|from| Some((from, way(&self.azure, from, to)?)));
        offers
            .flat_map(|(from, way)| self.offered(from, &way, 0).into_iter().map(move |o| (from, o)))
            .collect()
    }

    fn offered(&self, from: usize, way: &Way, instance: usize) -> Vec<Offer<'_>> {
        let own = matches!(way, Way::Itself);
        let nothing: Arc<Attributes> = Arc::default();
        let learned = self.paths[from].iter().filter_map(|(prefix, paths)| {
            let best = best_of(paths, own.then_some(instance))?;
            let connection = self.azure.connection(best.session);
            let reaches = self.azure.gateways[from].kind.manners().reaches_vnets(connection);
            reaches.then(|| self.offer(from, *prefix, best.attributes.clone(), Some(connection)))
        });
        // A gateway's own statics are announced as its own, those of others are transit; a default among them is no VPN
        // gateway's to tell.
        let in_hub = matches!(self.azure.gateways[from].place, Place::Hub(_));
        let statics = self.azure.gateways[from].connections.iter().flat_map(Connection::static_prefixes);
        let statics = statics.filter(|prefix| !own && (in_hub || *prefix != DEFAULT));
        let statics = statics.map(|prefix| self.offer(from, prefix, nothing.clone(), None));
        let offers = learned.chain(statics).filter(|offer| !is_for_interfaces_alone(offer));
        match way {
            Way::Itself | Way::SamePlace => offers.collect(),
            Way::OtherHub => {
                let place = self.azure.gateways[from].place;
                let networks = self.azure.served_prefixes(place);
                let networks = networks.map(|prefix| self.offer(from, prefix, nothing.clone(), None));
                offers.chain(networks).filter(|o| o.prefix != DEFAULT).map(over_hubs).collect()
            }
        }
    }

    fn offer<'a>(
        &'a self,
        from: usize,
        prefix: Ipv4Net,
        attributes: Arc<Attributes>,
        connection: Option<&'a Connection>,
    ) -> Offer<'a> {
        let gateway = &self.azure.gateways[from];
        let class = gateway.kind.manners().class();
        let rank =
            super::forward::rank(self.azure.preference(gateway.place), class, attributes.as_path.hops());
        Offer {
            prefix,
            attributes,
            class,
            by_appliance: gateway.kind.route_server().is_some(),
            in_hub: matches!(gateway.place, Place::Hub(_)),
            from: connection,
            rank,
        }
    }
}

/// The best path as an instance sees it: of those used, one of its own before one of its twin's (eBGP before
/// iBGP, RFC 4271 §9.1.2.2 d).
fn best_of(paths: &[Path], instance: Option<usize>) -> Option<&Path> {
    let own = paths.iter().find(|path| path.used && Some(path.session.instance) == instance);
    own.or(paths.first())
}

/// `no-advertise` of a route that an appliance brought: network interfaces get it, no peer does (RS-INJ D). That its kin of RFC
/// 1997 does the same, since every peer is of another AS, is our reading (I).
fn is_for_interfaces_alone(offer: &Offer<'_>) -> bool {
    offer.by_appliance && forbids(&offer.attributes, Audience::External).is_some()
}

/// 65520 65520 in front, ORIGIN EGP (LAB-VWAN F).
fn over_hubs(mut offer: Offer<'_>) -> Offer<'_> {
    let [first, _] = kind::BETWEEN_HUBS;
    let attributes = Arc::make_mut(&mut offer.attributes);
    attributes.as_path = attributes.as_path.prepended(first, kind::BETWEEN_HUBS.len());
    attributes.origin = Origin::Egp;
    offer.rank.1 += kind::BETWEEN_HUBS.len();
    offer
}

/// Whether what one gateway learns reaches another one.
fn way(azure: &Azure, from: usize, to: usize) -> Option<Way> {
    let [source, target] = [from, to].map(|i| &azure.gateways[i]);
    match (source.place, target.place) {
        _ if from == to => Some(Way::Itself),
        (Place::Hub(a), Place::Hub(b)) => Some(if a == b { Way::SamePlace } else { Way::OtherHub }),
        (a, b) if a == b && branch_to_branch(azure, a) => {
            let through = |i: usize| {
                azure.gateways[i]
                    .kind
                    .vpn()
                    .is_none_or(|vpn| azure.gateways[i].is_active_active() && vpn.asn == DEFAULT_ASN)
            };
            (through(from) && through(to)).then_some(Way::SamePlace)
        }
        _ => None,
    }
}

/// Whether a Route Server of the place connects its branches.
fn branch_to_branch(azure: &Azure, place: Place) -> bool {
    let mut servers = azure.gateways_at(place).filter_map(|g| azure.gateways[g].kind.route_server());
    servers.any(|server| server.branch_to_branch)
}
