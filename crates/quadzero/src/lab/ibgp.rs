//! What edges of a site tell each other: iBGP between two of them, on loopback as everything else. quadzero announces what is
//! configured, and passes on nothing; on-premises routers do, and whoever forgets `next-hop-self` there forwards to nowhere
//! (azure.md §7.1). So the lab passes on for them.
//!
//! ```text
//!   gateway ──eBGP──► edge (from) ──── iBGP: the same routes, next hop the gateway or `from` ────► edge (to)
//! ```

use super::loopback::Loopback;
use super::side::Running;
use super::{Lab, LabError};
use crate::config::scenario::Ibgp;
use ipnet::{IpNet, Ipv4Net};
use quadzero_azure::verdict::Site;
use quadzero_codec::{Attributes, NextHop};
use quadzero_fsm::{Import, Mode, Peer, PeerConfig, Speaker, Transport};
use quadzero_rib::{Route, RouteSet};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::watch;

/// LOCAL_PREF where nothing else is said.
const LOCAL_PREF: u32 = 100;

/// A session of iBGP. Dropping it ends it.
pub(super) struct Internal {
    pub(super) told: Ibgp,
    /// The side of the edge that is told.
    pub(super) hearer: Peer,
    /// What it is told.
    wanted: watch::Sender<Arc<RouteSet>>,
    _nothing: watch::Sender<Arc<RouteSet>>,
    _teller: Peer,
    _speakers: [Speaker; 2],
}

impl Internal {
    pub(super) fn start(told: Ibgp, edges: &[Running], loopback: &mut Loopback) -> Result<Self, LabError> {
        let speakers = [Speaker::new(), Speaker::new()];
        let at = [loopback.listen_aside(&speakers[0])?, loopback.listen_aside(&speakers[1])?];
        let (wanted, wanted_by) = watch::channel(Arc::default());
        let (nothing, nothing_by) = watch::channel(Arc::default());
        let [teller, hearer] = [(told.from, told.to, 0), (told.to, told.from, 1)]
            .map(|(own, other, i)| config(&edges[own], &edges[other], at[i], at[1 - i], i == 0));
        let teller = speakers[0].add(teller, wanted_by)?;
        let hearer = speakers[1].add(hearer, nothing_by)?;
        Ok(Self { told, hearer, wanted, _nothing: nothing, _teller: teller, _speakers: speakers })
    }

    /// Tells what the one has learned by now.
    fn pass_on(&self, edges: &[Running]) {
        let next_hop = |learned| if self.told.next_hop_self { NextHop::Own } else { learned };
        let route = |Route { prefix, attributes }: Route| Route {
            prefix,
            attributes: Arc::new(Attributes {
                local_pref: Some(LOCAL_PREF),
                next_hop: next_hop(attributes.next_hop),
                ..Attributes::clone(&attributes)
            }),
        };
        let routes: RouteSet = edges[self.told.from].learned().map(route).collect();
        self.wanted.send_if_modified(|told| {
            let changed = **told != routes;
            if changed {
                *told = Arc::new(routes);
            }
            changed
        });
    }

    /// Waits until it is up and everything has been said.
    pub(super) async fn settled(&self) {
        let mut status = self.hearer.status();
        let wanted = || self.wanted.borrow().len();
        let _gone = status.wait_for(|s| s.negotiated.is_some() && s.prefixes_received == wanted()).await;
    }
}

/// What an edge says to the other, otherwise as it is configured towards its first neighbor.
fn config(own: &Running, other: &Running, at: SocketAddr, there: SocketAddr, dials: bool) -> PeerConfig {
    let edge = &own.side.edge;
    let like = edge.neighbors[0].peer.clone();
    PeerConfig {
        name: other.side.name.clone(),
        remote_as: edge.asn,
        mode: if dials { Mode::Active } else { Mode::Passive },
        role: None,
        import: Import::All,
        max_prefixes: None,
        max_prefixes_out: None,
        own_address: own.side.addresses().next(),
        transport: Transport { remote: there, local: Some(at.ip()), ttl: None, min_ttl: None, md5: None },
        ..like
    }
}

impl Lab {
    /// Each edge tells the others of its site what it has learned by now.
    pub(super) fn pass_on(&self) {
        self.internal.iter().for_each(|internal| internal.pass_on(&self.edges));
    }

    /// What an edge has learned, from gateways and from other edges.
    pub(super) fn learned_by(&self, edge: usize) -> Vec<Route> {
        let internal = self.internal.iter().filter(|internal| internal.told.to == edge);
        let inside = internal.flat_map(|i| i.hearer.learned().to_set().iter().cloned().collect::<Vec<_>>());
        self.edges[edge].learned().chain(inside).collect()
    }

    /// What the router of a site forwards by: the static routes that the scenario names, and of what was learned that
    /// whose next hop it reaches.
    pub(super) fn installed(&self, edge: usize) -> BTreeSet<Ipv4Net> {
        let running = &self.edges[edge];
        let partners = self.internal.iter().filter(|internal| internal.told.to == edge);
        let of_site: Vec<IpAddr> = partners.flat_map(|i| self.edges[i.told.from].side.addresses()).collect();
        let learned = self.learned_by(edge).into_iter();
        let learned = learned.filter(|route| running.resolves(route.attributes.next_hop, &of_site));
        let learned = learned.filter_map(|route| match route.prefix {
            IpNet::V4(net) => Some(net),
            IpNet::V6(_) => None,
        });
        running.side.tunnel_routes.iter().flatten().copied().chain(learned).collect()
    }

    /// What is known of the site of an edge. Where the scenario says nothing of its router, it has the routes that it needs.
    pub(super) fn site(&self, edge: usize) -> Site {
        let Running { side, .. } = &self.edges[edge];
        let is_known = side.tunnel_routes.is_some() || side.connected_check;
        let routes = is_known.then(|| self.installed(edge));
        Site { name: side.name.clone(), exit: self.edges[edge].exit(), routes }
    }
}
