//! A scenario for the lab: edges, Azure's side, what happens to them in which order, and what is expected of it.
//!
//! ```text
//!   [edge] or [[edge]]  ─┐                    [[event]] at, do        [[expect]] at, and one of
//!                        ├─► what is there      stop-edge, ..            from, to: a packet
//!   [azure] or [[azure]] ┘                      maintenance, ..          session, learned, refused
//! ```
//!
//! With several edges each has a `name`. Names of gateways and virtual networks are unique in the whole file, so that
//! expectations need no more than those.

mod event;
mod expect;
mod ibgp;

pub use event::{Event, What};
pub use expect::{By, Expectation, Expected, Kms, Outcome, Packet, SessionState, Works};
pub use ibgp::Ibgp;

use super::azure::{self, Deployment};
use super::diagnostic::Diagnostic;
use super::edge::{self, Edge, unique};
use super::get;
use super::reader::{Record, Several, closest, missing, record};
use super::value::words;
use ipnet::Ipv4Net;
use quadzero_azure::config::Gateway;
use quadzero_azure::verdict::{Beyond, Exit, Site};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use toml::Spanned;

record! {
    /// A scenario as it is read.
    File {
        /// How many times faster than in Azure time passes.
        optional time_scale: u32,
        /// The edges: what an edge's file has, each table below `edge`.
        required edge: Several<EdgeFile>,
        /// Azure's side: what a gateway's file has, each table below `azure`.
        required azure: Several<azure::File>,
        /// Appliances in virtual networks.
        many appliance: Appliance,
        /// What edges tell each other.
        many ibgp: ibgp::File,
        /// What happens.
        many event: event::File,
        /// What is expected.
        many expect: expect::File,
    }
}

record! {
    /// `[edge]`
    EdgeFile {
        /// What the lab calls it.
        optional name: String,
        /// Its site's way to the Internet.
        optional internet: Exit,
        /// Static routes of its router into the tunnel.
        optional tunnel_routes: Vec<Ipv4Net>,
        /// Whether next hops have to be on a connected network.
        optional connected_check: bool,
        /// What an edge's file has.
        flatten file: edge::File,
    }
}

record! {
    /// `[[appliance]]`
    Appliance {
        /// Its address.
        required address: Ipv4Addr,
        /// Whether it translates to a public address of Azure.
        required translates: bool,
    }
}

words! {
    Exit: "a way to the Internet" {
        "translated" => Self::Translated,
        "untranslated" => Self::Untranslated,
        "none" => Self::Closed,
    }
}

/// A scenario as the lab uses it. All of it has been checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// On-premises.
    pub edges: Vec<Side>,
    /// Azure; each with gateways and networks of its own.
    pub deployments: Vec<Deployment>,
    /// Whether appliances translate.
    pub appliances: BTreeMap<Ipv4Addr, bool>,
    /// What edges tell each other.
    pub ibgp: Vec<Ibgp>,
    /// How many times faster than in Azure time passes; BGP's own timers excepted.
    pub time_scale: u32,
    /// What happens, in the order of time.
    pub events: Vec<Event>,
    /// What is expected, in the order of time.
    pub expectations: Vec<Expectation>,
}

/// An edge and its site.
#[derive(Clone, Debug)]
pub struct Side {
    /// What the lab calls it.
    pub name: String,
    /// The edge.
    pub edge: Edge,
    /// The site's way to the Internet, in the beginning.
    pub internet: Exit,
    /// The static routes of its router into the tunnel; none is whatever it needs.
    pub tunnel_routes: Option<Vec<Ipv4Net>>,
    /// Whether that router takes next hops of connected networks alone.
    pub connected_check: bool,
}

impl File {
    /// The scenario, unless something is wrong; what is wrong is added to `out`.
    pub(super) fn check(&self, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Scenario> {
        let edges: Vec<_> = self.edges().iter().map(|keys| self.side(keys, folder, out)).collect();
        let deployments: Vec<_> = self.azures().iter().map(|file| file.check(folder, out)).collect();
        let mut deployments = deployments.into_iter().collect::<Option<Vec<_>>>()?;
        self.check_names(out);
        self.check_neighbors(&deployments, out);
        let edges = edges.into_iter().collect::<Option<Vec<_>>>()?;
        self.check_addresses(&edges, &deployments, out);
        let time_scale = get(&self.time_scale).unwrap_or(1).max(1);
        for gateway in deployments.iter_mut().flat_map(|deployment| &mut deployment.azure.gateways) {
            gateway.switches.time_scale = gateway.switches.time_scale.max(time_scale);
        }
        let known = Known { edges: &edges, deployments: &deployments };
        let events: Vec<_> = self.event.iter().map(|keys| event::event(keys, &known, out)).collect();
        let expectations: Vec<_> = self.expect.iter().map(|e| expect::expectation(e, &known, out)).collect();
        let ibgp: Vec<_> = self.ibgp.iter().map(|keys| ibgp::ibgp(keys, &known, out)).collect();
        let mut events: Vec<Event> = events.into_iter().collect::<Option<_>>()?;
        let expectations = expectations.into_iter().collect::<Option<Vec<_>>>()?;
        let mut expectations: Vec<Expectation> = expectations.into_iter().flatten().collect();
        events.sort_by_key(|event| event.at);
        expectations.sort_by_key(|expectation| expectation.at);
        let appliances = self.appliance.iter().filter_map(|a| Some((get(&a.address)?, get(&a.translates)?)));
        let appliances = appliances.collect();
        let ibgp = ibgp.into_iter().collect::<Option<_>>()?;
        Some(Scenario { edges, deployments, appliances, ibgp, time_scale, events, expectations })
    }

    fn edges(&self) -> &[EdgeFile] {
        self.edge.as_ref().map_or(&[], |edges| &edges.get_ref().0)
    }

    fn azures(&self) -> &[azure::File] {
        self.azure.as_ref().map_or(&[], |azures| &azures.get_ref().0)
    }

    fn side(&self, keys: &EdgeFile, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Side> {
        if self.edges().len() > 1 && keys.name.is_none() {
            out.push(missing::<String>(keys.span.clone(), "name"));
        }
        Some(Side {
            name: get(&keys.name).unwrap_or_else(|| "on-premises".to_owned()),
            edge: keys.file.check(folder, out)?,
            internet: get(&keys.internet).unwrap_or(Exit::Translated),
            tunnel_routes: get(&keys.tunnel_routes),
            connected_check: get(&keys.connected_check).unwrap_or(false),
        })
    }

    fn check_names(&self, out: &mut Vec<Diagnostic>) {
        unique(self.edges().iter().filter_map(|edge| edge.name.as_ref()), "name", out);
        if self.azures().len() > 1 {
            let gateways = self.azures().iter().flat_map(azure::File::gateway_names);
            unique(gateways, "name", out);
            unique(self.azures().iter().flat_map(azure::File::vnet_names), "name", out);
            let nameless = self.azures().iter().flat_map(azure::File::nameless_gateways);
            out.extend(nameless.map(|span| missing::<String>(span, "name")));
        }
    }

    /// Both sides know each other by address alone, and all of them are on one machine here.
    fn check_addresses(&self, edges: &[Side], deployments: &[Deployment], out: &mut Vec<Diagnostic>) {
        let mut known = BTreeMap::new();
        let of_edges = edges.iter().zip(self.edges()).flat_map(|(side, keys)| {
            let own: BTreeSet<IpAddr> = side.addresses().collect();
            own.into_iter().map(|address| (address, keys.span.clone()))
        });
        let of_azure = deployments.iter().zip(self.azures()).flat_map(|(deployment, file)| {
            let gateways = deployment.azure.gateways.iter();
            let own = gateways.flat_map(|g| (0..g.instances.len()).flat_map(|i| g.addresses(i)));
            own.map(|address| (IpAddr::V4(address), file.span()))
        });
        for (address, span) in of_edges.chain(of_azure) {
            if let Some(first) = known.insert(address, span.clone()) {
                let error = Diagnostic::error(span, format!("the address {address} is taken"));
                let hint = "each edge needs a local-address of its own, and each instance another one";
                out.push(error.label("once more").related(first, "first here").hint(hint));
            }
        }
    }

    /// In the lab there is nobody else to peer with.
    fn check_neighbors(&self, deployments: &[Deployment], out: &mut Vec<Diagnostic>) {
        let gateways = deployments.iter().flat_map(|deployment| &deployment.azure.gateways);
        let own = gateways.flat_map(|g| (0..g.instances.len()).flat_map(|i| own_addresses(g, i)));
        let own: Vec<IpAddr> = own.map(IpAddr::V4).collect();
        let neighbors = self.edges().iter().flat_map(|edge| &edge.file.neighbor);
        for range in neighbors.clone().filter_map(|neighbor| neighbor.range.as_ref()) {
            let error = Diagnostic::error(range.span(), "in the lab nobody dials from a range");
            out.push(error.hint("address = one of the gateway's"));
        }
        let addresses = neighbors.filter_map(|neighbor| neighbor.address.as_ref());
        for stranger in addresses.filter(|address| !own.contains(address.get_ref())) {
            let message = format!("no instance of a gateway has the address {}", stranger.get_ref());
            let hint = format!(
                "its addresses are {}",
                own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            );
            out.push(Diagnostic::warning(stranger.span(), message).hint(hint));
        }
    }
}

/// Where an edge may find an instance: at the APIPA addresses, too, that no connection uses.
fn own_addresses(gateway: &Gateway, instance: usize) -> impl Iterator<Item = Ipv4Addr> {
    let mut addresses = gateway.addresses(instance);
    addresses.extend(gateway.instances[instance].apipa.iter().copied());
    addresses.into_iter()
}

impl Scenario {
    /// What is known of that which lies beyond Azure, while the sites are as told: for each address that the edge of a
    /// site peers from.
    pub fn beyond(&self, site: impl Fn(usize) -> Site) -> Beyond {
        let mut sites = BTreeMap::new();
        for (i, side) in self.edges.iter().enumerate() {
            let site = site(i);
            sites.extend(side.addresses().map(|address| (address, site.clone())));
        }
        Beyond { sites, appliances: self.appliances.clone() }
    }
}

impl Side {
    /// What it is called on its side of its sessions.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.edge.neighbors.iter().map(|neighbor| self.edge.address_towards(neighbor))
    }

    /// Whether its router has a route into the tunnel for this address.
    pub fn reaches(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else { return true };
        self.tunnel_routes.as_ref().is_none_or(|routes| routes.iter().any(|route| route.contains(&address)))
    }
}

/// What events and expectations may name.
struct Known<'a> {
    edges: &'a [Side],
    deployments: &'a [Deployment],
}

impl Known<'_> {
    fn edge(&self, name: &Spanned<String>, out: &mut Vec<Diagnostic>) -> Option<usize> {
        let found = self.edges.iter().position(|edge| edge.name == *name.get_ref());
        found.or_else(|| unknown(name, "edge", self.edges.iter().map(|edge| edge.name.as_str()), out))
    }

    /// The deployment and the gateway in it.
    fn gateway(&self, name: &Spanned<String>, out: &mut Vec<Diagnostic>) -> Option<(usize, usize)> {
        let mut deployments = self.deployments.iter().enumerate();
        let found = deployments.find_map(|(d, of)| Some((d, of.azure.gateway(name.get_ref())?)));
        let names = self.deployments.iter().flat_map(|of| of.azure.gateways.iter().map(|g| g.name.as_str()));
        found.or_else(|| unknown(name, "gateway", names, out))
    }

    fn check_subnet(&self, name: &Spanned<String>, out: &mut Vec<Diagnostic>) {
        if self.deployments.iter().any(|of| of.azure.subnet(name.get_ref()).is_some()) {
            return;
        }
        let vnets = self.deployments.iter().flat_map(|of| &of.azure.vnets);
        let subnets = vnets.flat_map(|vnet| &vnet.subnets).map(|subnet| subnet.name.as_str());
        let _: Option<()> = unknown(name, "subnet", subnets, out);
    }
}

fn unknown<'a, T>(
    name: &Spanned<String>,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    out: &mut Vec<Diagnostic>,
) -> Option<T> {
    let error = Diagnostic::error(name.span(), format!("no {what} is called \"{}\"", name.get_ref()));
    let hint = closest(name.get_ref(), known.clone()).map_or_else(
        || format!("{what}s are {}", known.collect::<Vec<_>>().join(", ")),
        |s| format!("did you mean \"{s}\"?"),
    );
    out.push(error.hint(hint));
    None
}
