//! The routes that the kernel is to have: those that are held whatever is learned, and those that are learned.

use crate::guard::{self, Why};
use crate::route::{Hop, Input, Neighbor, Place, Tunnel, Way};
use crate::view::View;
use ipnet::IpNet;
use quadzero_codec::{Attributes, NextHop};
use quadzero_rib::{Candidate, Rules, best_paths};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A route that the kernel is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it leads.
    pub way: Way,
    /// What for.
    pub purpose: Purpose,
}

/// What a route of ours is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The way into the tunnel, to the BGP address of this neighbor.
    Peer(String),
    /// The way outside of the tunnel, to the far end of the tunnel to this neighbor.
    Outer(String),
    /// These neighbors have announced it, the best one first.
    Learned(Vec<String>),
    /// An earlier process has left it, and it may be announced again.
    Left,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(name) => write!(f, "BGP address of {name}, into the tunnel"),
            Self::Outer(name) => write!(f, "far end of the tunnel to {name}"),
            Self::Learned(names) => f.write_str(&names.join(", ")),
            Self::Left => f.write_str("left by an earlier process"),
        }
    }
}

/// A route that the kernel is not to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// To where.
    pub prefix: IpNet,
    /// Who announced it, or whom it was for.
    pub from: String,
    /// Why not.
    pub why: Why,
}

/// The routes against the loop: into the tunnel for the neighbors' addresses, and out of it for its far end.
pub fn held(input: &Input, view: &View) -> (BTreeMap<Place, Wanted>, Vec<Refusal>) {
    let (mut held, mut refused) = (BTreeMap::new(), Vec::new());
    let place = |table, address| Place { table, prefix: IpNet::from(address), metric: input.settings.metric };
    for neighbor in &input.neighbors {
        let Some(Tunnel { interface, remote }) = neighbor.path.tunnel() else { continue };
        let mut refuse = |address: IpAddr, why| {
            refused.push(Refusal { prefix: address.into(), from: neighbor.name.clone(), why });
        };
        if let Some(interface) = interface {
            match into_tunnel(interface, view) {
                Ok(way) => {
                    let wanted = Wanted { way, purpose: Purpose::Peer(neighbor.name.clone()) };
                    let tables = guard::tables(input.settings.table);
                    held.extend(tables.map(|table| (place(table, neighbor.address), wanted.clone())));
                }
                Err(why) => refuse(neighbor.address, why),
            }
        }
        if let Some(remote) = *remote {
            match outside(remote, input, view) {
                Ok(way) => {
                    let wanted = Wanted { way, purpose: Purpose::Outer(neighbor.name.clone()) };
                    held.insert(place(input.settings.table, remote), wanted);
                }
                Err(why) => refuse(remote, why),
            }
        }
    }
    (held, refused)
}

fn into_tunnel(interface: &str, view: &View) -> Result<Way, Why> {
    let (index, link) = view.link(interface).ok_or_else(|| Why::NoInterface(interface.to_owned()))?;
    if !link.carries {
        return Err(Why::Down(interface.to_owned()));
    }
    Ok(Way::by(Hop { gateway: None, interface: index }))
}

/// Where other people's routes lead to the far end of a tunnel now. Into a tunnel is not outside.
fn outside(remote: IpAddr, input: &Input, view: &View) -> Result<Way, Why> {
    let (_, mut way) = view.resolve(remote)?;
    let tunnels = input.neighbors.iter().filter_map(|neighbor| neighbor.path.tunnel()?.interface.as_deref());
    let tunnels: Vec<u32> = tunnels.filter_map(|name| Some(view.link(name)?.0)).collect();
    if let Some(inside) = way.hops.iter().find(|hop| tunnels.contains(&hop.interface)) {
        return Err(Why::OuterInside(remote, view.name(inside.interface)));
    }
    // On the link itself nobody takes it further.
    let on_link = |hop: Hop| Hop { gateway: hop.gateway.filter(|gateway| *gateway != remote), ..hop };
    way.hops = way.hops.into_iter().map(on_link).collect();
    Ok(way)
}

/// The routes that neighbors have announced, the best of each prefix, as far as the guard lets them.
pub fn learned(
    input: &Input,
    held: &BTreeMap<Place, Wanted>,
    view: &View,
) -> (BTreeMap<Place, Wanted>, Vec<Refusal>) {
    let mut choice =
        Choice { input, held, view, protected: guard::protected(input, view), ways: HashMap::new() };
    let mut announced: BTreeMap<IpNet, Vec<(&Neighbor, &Arc<Attributes>)>> = BTreeMap::new();
    for neighbor in &input.neighbors {
        for route in neighbor.routes.iter() {
            announced.entry(route.prefix).or_default().push((neighbor, &route.attributes));
        }
    }
    let (mut wanted, mut refused) = (BTreeMap::new(), Vec::new());
    for (prefix, routes) in announced {
        match choice.of(&prefix, &routes) {
            Ok(route) => {
                wanted.insert(choice.place(prefix), route);
            }
            Err((from, why)) => refused.push(Refusal { prefix, from, why }),
        }
    }
    (wanted, refused)
}

/// Whether a route that an earlier process has left may stay for now.
pub(crate) fn may_stay(
    place: &Place,
    way: &Way,
    input: &Input,
    held: &BTreeMap<Place, Wanted>,
    view: &View,
) -> bool {
    let settings = &input.settings;
    let is_asked_for = !guard::is_default(&place.prefix) || settings.accept_default;
    let protected = guard::protected(input, view);
    is_asked_for && guard::judge(&place.prefix, way, place.table, &protected, held, view).is_ok()
}

struct Choice<'a> {
    input: &'a Input,
    held: &'a BTreeMap<Place, Wanted>,
    view: &'a View,
    protected: Vec<guard::Protected>,
    /// By neighbor and next hop: many routes share them.
    ways: HashMap<(IpAddr, IpAddr), Result<Way, Why>>,
}

impl Choice<'_> {
    fn place(&self, prefix: IpNet) -> Place {
        let settings = &self.input.settings;
        Place { table: settings.table, prefix, metric: settings.metric }
    }

    /// The route to a prefix; or who has announced it, and why it is not taken.
    fn of(
        &mut self,
        prefix: &IpNet,
        routes: &[(&Neighbor, &Arc<Attributes>)],
    ) -> Result<Wanted, (String, Why)> {
        let all = || routes.iter().map(|(neighbor, _)| neighbor.name.as_str()).collect::<Vec<_>>().join(", ");
        self.acceptable(prefix).map_err(|why| (all(), why))?;
        let mut usable = Vec::new();
        let mut objection = None;
        for (neighbor, attributes) in routes {
            match self.way(prefix, neighbor, attributes) {
                Ok(way) => usable.push((candidate(neighbor, attributes), &neighbor.name, way)),
                Err(why) => objection = objection.or(Some(why)),
            }
        }
        if let (true, Some(why)) = (usable.is_empty(), objection) {
            return Err((all(), why));
        }
        let candidates: Vec<Candidate> = usable.iter().map(|(candidate, ..)| candidate.clone()).collect();
        // Two instances of one gateway say the same; ways of different AS_PATHs are no equals.
        let rules = Rules { max_paths: self.input.settings.max_paths, multipath_relax: false };
        let used: Vec<usize> = best_paths(&candidates, rules).used().collect();
        let names: Vec<String> = used.iter().map(|at| usable[*at].1.clone()).collect();
        let hops = used.iter().flat_map(|at| usable[*at].2.hops.iter().copied()).collect();
        let way = Way { hops, source: None };
        let table = self.input.settings.table;
        match guard::judge(prefix, &way, table, &self.protected, self.held, self.view) {
            Ok(()) => Ok(Wanted { way, purpose: Purpose::Learned(names) }),
            Err(why) => Err((names.join(", "), why)),
        }
    }

    fn acceptable(&self, prefix: &IpNet) -> Result<(), Why> {
        let settings = &self.input.settings;
        if !settings.accept.is_empty() && !settings.accept.iter().any(|within| within.contains(prefix)) {
            return Err(Why::NotAccepted);
        }
        match guard::martian(prefix) {
            Some(why) => Err(why),
            None if guard::is_default(prefix) && !settings.accept_default => Err(Why::Default),
            None => Ok(()),
        }
    }

    /// Where a neighbor's route leads.
    fn way(&mut self, prefix: &IpNet, neighbor: &Neighbor, attributes: &Attributes) -> Result<Way, Why> {
        let next_hop = match attributes.next_hop {
            NextHop::Address(address) => Some(address),
            NextHop::WithLinkLocal(address, _) => Some(IpAddr::V6(address)),
            NextHop::Own => None,
        };
        let is_of_family = |address: &IpAddr| address.is_ipv4() == matches!(prefix, IpNet::V4(_));
        let next_hop = next_hop.filter(is_of_family).ok_or(Why::NoNextHop)?;
        if let Some(tunnel) = neighbor.path.tunnel()
            && tunnel.remote.is_none()
            && guard::is_default(prefix)
        {
            return Err(Why::OuterUnknown(neighbor.name.clone()));
        }
        let known = self.ways.get(&(neighbor.address, next_hop)).cloned();
        known.unwrap_or_else(|| {
            let way = self.reach(neighbor, next_hop);
            self.ways.insert((neighbor.address, next_hop), way.clone());
            way
        })
    }

    /// Into the tunnel to the neighbor that has this address, or else to the one that has announced it; else where other
    /// people's routes lead. A default route leads anywhere, a next hop's network among it only by luck.
    fn reach(&self, neighbor: &Neighbor, next_hop: IpAddr) -> Result<Way, Why> {
        let is_its = |other: &&Neighbor| other.address == next_hop;
        let behind = self.input.neighbors.iter().find(is_its).unwrap_or(neighbor);
        if let Some(interface) = behind.path.tunnel().and_then(|tunnel| tunnel.interface.as_ref()) {
            let (index, _) = self.view.link(interface).ok_or_else(|| Why::NoInterface(interface.clone()))?;
            let hop = self.view.hop(next_hop, index).ok_or_else(|| Why::Down(interface.clone()))?;
            return Ok(Way::by(hop));
        }
        match self.view.resolve(next_hop)? {
            (prefix, _) if prefix.prefix_len() == 0 => Err(Why::OnlyDefault(next_hop)),
            (_, way) => Ok(Way { source: None, ..way }),
        }
    }
}

fn candidate(neighbor: &Neighbor, attributes: &Arc<Attributes>) -> Candidate {
    Candidate {
        attributes: attributes.clone(),
        external: neighbor.external,
        peer_id: neighbor.identifier,
        peer_address: neighbor.address,
    }
}
