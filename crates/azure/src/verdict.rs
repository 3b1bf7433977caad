//! "Where does a packet to X go?", answered with its path, stop by stop, the rows and paths that were beaten at each, where
//! it ends up, and which source address the destination sees.
//!
//! ```text
//!   network interface ──► Internet, VNet, endpoint                    Azure's tables decide
//!     │    ▲                                                          (effective, gateway)
//!     │    └─── appliance's interface ◄──┐
//!     └──► gateway ──────────────────────┴──► site on-premises ──► ?  what no route tells: Beyond
//! ```

mod beyond;
mod path;

pub use beyond::{Beyond, Exit, Seen, Site};
pub use path::{BeatenPath, Followed, Stop};

use crate::config::{AZURE_FIREWALL_MANAGEMENT_SUBNET, Azure, NextHopType, Place, Subnet};
use crate::effective::{
    BeatenRow, DEFAULT, Decision, EffectiveRoute, Listing, PLATFORM_ADDRESSES, Source, effective_routes,
    route,
};
use crate::gateway::{GatewayRoute, Hop, Table};
use crate::kms::{self, Activation};
use crate::rules;
use crate::security;
use crate::service::{Judgement, Service};
use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Where a packet ends up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// It stays in the virtual network, or in one peered to it.
    Vnet {
        /// The network's name.
        name: String,
    },
    /// It leaves by Azure's own Internet exit: its source is a public address of Azure.
    Internet,
    /// It reaches the service over Azure's backbone.
    ServiceEndpoint,
    /// It is forced to on-premises through the gateway.
    OnPremises {
        /// The ways it may take; flows are spread over all of them (HA D).
        hops: Vec<Hop>,
    },
    /// It is handed to a virtual appliance outside of the subnets that are known: what becomes of it, that decides.
    Appliance {
        /// The appliance.
        address: Ipv4Addr,
    },
    /// The host node answers it; no route moves it (WIRE D).
    Platform,
    /// Nothing takes it.
    Dropped {
        /// Why.
        why: String,
    },
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The question.
    pub destination: Ipv4Addr,
    /// Which row it follows.
    #[serde(flatten)]
    pub decision: Decision,
    /// Where it passes after that.
    pub path: Vec<Stop>,
    /// Where it ends up.
    pub verdict: Verdict,
    /// Which source address is seen there.
    pub source: Seen,
    /// Why it does not arrive, or why no answer does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// What has to be true beside the routes, and is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// For a KMS server: whether Windows can activate there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// The view from the network interfaces of a subnet, at one moment.
#[derive(Clone, Debug)]
pub struct Nic<'a> {
    azure: &'a Azure,
    vnet: usize,
    subnet: &'a Subnet,
    rows: Listing<EffectiveRoute>,
    /// Where its gateways stand, if it uses any.
    place: Option<Place>,
    table: &'a Table,
    beyond: Option<&'a Beyond>,
}

/// What is found out on the way.
#[derive(Default)]
struct Walk {
    /// The subnet that it has left.
    from: Ipv4Net,
    /// Whether it is an answer, which security groups let pass.
    is_an_answer: bool,
    path: Vec<Stop>,
    source: Option<Seen>,
    lost: Option<String>,
    doubt: Option<String>,
}

impl<'a> Nic<'a> {
    /// The interfaces of the subnet called `subnet` or `vnet/subnet`, while the gateways have this table; `None` if
    /// there is no such subnet.
    pub fn new(table: &'a Table, subnet: &str) -> Option<Self> {
        let (vnet, subnet) = table.azure().subnet(subnet)?;
        Some(Self::of(table, vnet, subnet))
    }

    fn of(table: &'a Table, vnet: usize, subnet: &'a Subnet) -> Self {
        let azure = table.azure();
        let place = azure.place_of(vnet);
        let routes = place.map_or(&[][..], |place| table.routes_at(place));
        // A hub hands a learned default to connections that have internet security (VWAN-FAQ D).
        let takes_default = match (place, azure.vnets[vnet].hub) {
            (Some(Place::Hub(_)), Some(connection)) => connection.internet_security,
            _ => true,
        };
        let routes = routes.iter().filter(|route| takes_default || route.prefix != DEFAULT);
        let twice = routes.clone().filter(|route| table.is_converging() && route.prefix == DEFAULT);
        let rows = effective_routes(azure, vnet, subnet, routes.clone().chain(twice));
        Self { azure, vnet, subnet, rows, place, table, beyond: None }
    }

    /// The same, with what is known of that which lies beyond.
    #[must_use]
    pub fn with(self, beyond: &'a Beyond) -> Self {
        Self { beyond: Some(beyond), ..self }
    }

    /// What `az network nic show-effective-route-table` prints.
    pub fn effective_routes(&self) -> &Listing<EffectiveRoute> {
        &self.rows
    }

    /// Where a packet goes, and why.
    pub fn ask(&self, destination: Ipv4Addr) -> Answer {
        self.ask_for(destination, false)
    }

    fn ask_for(&self, destination: Ipv4Addr, is_an_answer: bool) -> Answer {
        let mut walk = Walk { from: self.subnet.prefix, is_an_answer, ..Walk::default() };
        let (decision, verdict) = if PLATFORM_ADDRESSES.contains(&destination) {
            (Decision { winners: Vec::new(), beaten: Vec::new() }, Verdict::Platform)
        } else {
            self.step(destination, &mut walk)
        };
        let Walk { path, source, mut lost, doubt, .. } = walk;
        let source = source.unwrap_or(match &verdict {
            Verdict::Internet => Seen::Azure,
            Verdict::Vnet { .. } | Verdict::ServiceEndpoint | Verdict::Platform => Seen::Private,
            Verdict::OnPremises { .. } => Seen::OnPremises,
            Verdict::Appliance { .. } | Verdict::Dropped { .. } => Seen::None,
        });
        if let Verdict::Dropped { why } = &verdict {
            lost = Some(why.clone());
        }
        let mut answer =
            Answer { destination, decision, path, verdict, source, lost, doubt, activation: None };
        answer.activation = kms::host(destination).map(|_| Service::Kms.judge(&answer));
        answer
    }

    /// Whether a service at an address works from here, and what it needs beside.
    pub fn service(&self, service: Service, destination: Ipv4Addr) -> Judgement {
        if let (Service::Firewall, Some(management)) = (service, self.management_nic()) {
            return service.judge(&management.ask(destination)).of(AZURE_FIREWALL_MANAGEMENT_SUBNET);
        }
        let judge = |service: Service, at| service.judge(&self.ask_for(at, service.is_an_answer()));
        let beside = service.beside().into_iter();
        let beside = beside.map(|(other, at)| judge(other, at).of(format_args!("{other} at {at}")));
        beside.fold(judge(service, destination), Judgement::and)
    }

    /// With a Management NIC a firewall may be forced like anything else (FW-NIC D).
    fn management_nic(&self) -> Option<Self> {
        let mut subnets = self.azure.vnets[self.vnet].subnets.iter();
        let management = subnets.find(|subnet| subnet.name == AZURE_FIREWALL_MANAGEMENT_SUBNET)?;
        Some(Self { beyond: self.beyond, ..Self::of(self.table, self.vnet, management) })
    }

    fn step(&self, destination: Ipv4Addr, walk: &mut Walk) -> (Decision, Verdict) {
        let decision = route(&self.rows.value, destination);
        let group = if walk.is_an_answer { &[][..] } else { &self.subnet.security_rules };
        let verdict = match (security::denied(group, &self.rows.value, destination), decision.winners.first())
        {
            (Some(rule), _) => dropped(&format!("security rule {} denies {}", rule.name, rule.to)),
            (None, Some(row)) => self.follow(row, destination, walk),
            (None, None) => dropped("no route holds it"),
        };
        (decision, verdict)
    }

    fn follow(&self, row: &EffectiveRoute, destination: Ipv4Addr, walk: &mut Walk) -> Verdict {
        match row.next_hop_type {
            NextHopType::VnetLocal | NextHopType::VNetPeering => self.within(destination),
            NextHopType::Internet if rules::is_private_address(destination.into()) => {
                dropped("a private address has no way through the Internet")
            }
            NextHopType::Internet => self.out(walk),
            NextHopType::None => dropped("the next hop of the row is None"),
            NextHopType::VirtualNetworkGateway if row.source == Source::User => {
                self.through_vpn_gateway(destination, walk)
            }
            NextHopType::VirtualNetworkGateway => self.through_gateways(destination, walk),
            NextHopType::VirtualAppliance => match row.next_hop_ip_address.first() {
                Some(&address) => self.hand_to(address, destination, walk),
                None => dropped("the user route names no appliance"),
            },
            NextHopType::VirtualNetworkServiceEndpoint => Verdict::ServiceEndpoint,
        }
    }

    /// Azure gives a public address to what a machine sends itself. What it forwards for others, it has to translate.
    fn out(&self, walk: &mut Walk) -> Verdict {
        let mut appliances = walk.path.iter().rev().filter_map(|stop| match stop {
            Stop::Appliance { address } => Some(*address),
            _ => None,
        });
        if let Some(last) = appliances.next() {
            match self.beyond.and_then(|beyond| beyond.appliances.get(&last)) {
                Some(true) => {}
                Some(false) => {
                    walk.source = Some(Seen::None);
                    walk.lost = Some(format!("appliance {last} does not translate: nothing comes back"));
                }
                None => {
                    walk.doubt =
                        Some(format!("appliance {last} has to translate to a public address of Azure"));
                }
            }
        }
        Verdict::Internet
    }

    /// An appliance sends on what it gets, by the table of its own subnet (RS-TS D).
    fn hand_to(&self, address: Ipv4Addr, destination: Ipv4Addr, walk: &mut Walk) -> Verdict {
        let stop = Stop::Appliance { address };
        if walk.path.contains(&stop) {
            return Verdict::Dropped {
                why: format!("a loop: the subnet of appliance {address} sends it back there"),
            };
        }
        walk.path.push(stop);
        let reached = [self.vnet].into_iter().chain(self.azure.peered_with(self.vnet));
        let mut subnets = reached.flat_map(|v| self.azure.vnets[v].subnets.iter().map(move |s| (v, s)));
        let Some((vnet, subnet)) = subnets.find(|(_, subnet)| subnet.prefix.contains(&address)) else {
            walk.doubt = Some(format!("what becomes of it, appliance {address} decides"));
            return Verdict::Appliance { address };
        };
        let nic = Self { beyond: self.beyond, ..Self::of(self.table, vnet, subnet) };
        let name = format!("{}/{}", self.azure.vnets[vnet].name, subnet.name);
        let place = walk.path.len();
        let (decision, verdict) = nic.step(destination, walk);
        walk.path.insert(place, Stop::Interface { subnet: name, decision });
        verdict
    }

    /// The network that holds the destination, if this one reaches it.
    fn within(&self, destination: Ipv4Addr) -> Verdict {
        let reached = [self.vnet].into_iter().chain(self.azure.peered_with(self.vnet));
        match self.holder(reached, destination) {
            Some(name) => Verdict::Vnet { name },
            None => match self.place {
                Some(Place::Hub(hub)) => Verdict::Vnet { name: self.azure.gateways[hub].name.clone() },
                _ => dropped("it is in no address space that this network reaches"),
            },
        }
    }

    fn holder(&self, vnets: impl IntoIterator<Item = usize>, destination: Ipv4Addr) -> Option<String> {
        let mut vnets = vnets.into_iter().map(|i| &self.azure.vnets[i]);
        let holder = vnets.find(|v| v.address_space.iter().any(|prefix| prefix.contains(&destination)));
        holder.map(|vnet| vnet.name.clone())
    }
}

impl Nic<'_> {
    /// What the gateways of the place gave to network interfaces. Networks of a Virtual WAN are reached by the hub.
    fn through_gateways(&self, destination: Ipv4Addr, walk: &mut Walk) -> Verdict {
        let Some(place) = self.place else { return dropped("this network uses no gateway") };
        let in_wan = (0..self.azure.vnets.len()).filter(|i| self.azure.vnets[*i].hub.is_some());
        if let (Place::Hub(_), Some(name)) = (place, self.holder(in_wan, destination)) {
            return Verdict::Vnet { name };
        }
        self.by(self.table.routes_at(place), destination, walk)
    }

    /// A user route leads to the VPN gateway, which looks the destination up in its own table: the row is no promise
    /// that it has a route. It leads to no gateway of ExpressRoute, nor to a VPN gateway beside one (UDR D).
    fn through_vpn_gateway(&self, destination: Ipv4Addr, walk: &mut Walk) -> Verdict {
        let gateways = || self.place.into_iter().flat_map(|place| self.azure.gateways_at(place));
        if gateways().any(|gateway| self.azure.gateways[gateway].kind.is_expressroute()) {
            return dropped("a user route leads to no ExpressRoute gateway, nor to a VPN gateway beside one");
        }
        match gateways().find(|gateway| self.azure.gateways[*gateway].kind.vpn().is_some()) {
            Some(gateway) => self.by(self.table.routes(gateway), destination, walk),
            None => dropped("there is no VPN gateway that the user route could lead to"),
        }
    }

    /// The longest of the routes that hold the destination.
    fn by(&self, routes: &[GatewayRoute], destination: Ipv4Addr, walk: &mut Walk) -> Verdict {
        let holding = routes.iter().filter(|route| route.prefix.contains(&destination));
        let Some(route) = holding.max_by_key(|route| route.prefix.prefix_len()) else {
            return dropped("the gateway has no route to it");
        };
        let (prefix, hops) = (route.prefix, route.hops.clone());
        let beaten =
            self.place.map(|place| path::beaten_at(self.table, place, prefix, &hops)).unwrap_or_default();
        walk.path.push(Stop::Gateway { prefix, hops: hops.clone(), beaten });
        match route.appliance() {
            Some(address) => self.hand_to(address, destination, walk),
            None => {
                self.arrive(&hops, destination, walk);
                Verdict::OnPremises { hops }
            }
        }
    }

    /// On-premises. Flows are spread over all ways: one that is lost is enough to lose some of them.
    fn arrive(&self, hops: &[Hop], destination: Ipv4Addr, walk: &mut Walk) {
        let private = rules::is_private_address(destination.into());
        walk.source = private.then_some(Seen::Private);
        let sites: BTreeSet<&Site> = hops.iter().filter_map(|hop| self.site(hop)).collect();
        let mut faults = Vec::new();
        for Site { name, exit, routes } in &sites {
            let exit = Some(*exit).filter(|exit| !private || *exit == Exit::Dead);
            walk.path.push(Stop::Site { name: name.clone(), exit });
            let fault = exit.and_then(Exit::fault).map(str::to_owned);
            let no_way_back =
                routes.as_ref().is_some_and(|routes| !routes.iter().any(|r| r.contains(&walk.from)));
            let fault = fault.or(no_way_back.then(|| format!("has no route back to {}", walk.from)));
            faults.extend(fault.map(|fault| format!("site {name} {fault}")));
        }
        if !faults.is_empty() {
            walk.source = Some(Seen::None);
            let some = if faults.len() < sites.len() { "some flows are lost: " } else { "" };
            walk.lost = Some(format!("{some}{}", faults.join(", ")));
        }
    }

    /// The site that a hop leads to, by the peer address of its connection.
    fn site(&self, hop: &Hop) -> Option<&Site> {
        let gateway = self.azure.gateways.iter().find(|gateway| gateway.name == hop.gateway)?;
        let instance = gateway.instances.iter().position(|instance| instance.name == hop.instance)?;
        let connection = gateway.connections.iter().find(|connection| connection.name == hop.connection)?;
        let peer: IpAddr = connection.peer(instance);
        self.beyond?.sites.get(&peer)
    }
}

fn dropped(why: &str) -> Verdict {
    Verdict::Dropped { why: why.into() }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vnet { name } => write!(f, "stays in VNet {name}"),
            Self::Internet => f.write_str("leaves by Azure's Internet exit, from a public address of Azure"),
            Self::ServiceEndpoint => f.write_str("stays on Azure's backbone, by the service endpoint"),
            Self::OnPremises { hops } => {
                f.write_str("forced to on-premises ")?;
                hops.iter()
                    .enumerate()
                    .try_for_each(|(i, hop)| write!(f, "{}{hop}", if i == 0 { "" } else { " and " }))
            }
            Self::Appliance { address } => write!(f, "handed to appliance {address}"),
            Self::Platform => f.write_str("answered by the host node, whatever the routes say"),
            Self::Dropped { why } => write!(f, "dropped: {why}"),
        }
    }
}

impl fmt::Display for Answer {
    /// The verdict, then why, one fact a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.destination, self.verdict)?;
        for row in &self.decision.winners {
            write!(f, "\n  follows {}", Words(row))?;
        }
        for BeatenRow { row, why } in &self.decision.beaten {
            write!(f, "\n  not {} ({why})", Words(row))?;
        }
        self.path.iter().try_for_each(|stop| write!(f, "\n  then {stop}"))?;
        self.lost.iter().try_for_each(|lost| write!(f, "\n  lost: {lost}"))?;
        self.activation.iter().try_for_each(|activation| write!(f, "\n  activation {activation}"))
    }
}

/// A row in one line.
struct Words<'a>(&'a EffectiveRoute);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words(row) = self;
        write!(f, "{} -> {}", row.prefix(), row.next_hop_type)?;
        row.next_hop_ip_address.iter().try_for_each(|ip| write!(f, " {ip}"))?;
        f.write_str(match row.source {
            Source::Default => ", system",
            Source::VirtualNetworkGateway => ", gateway",
            Source::User => ", user",
        })
    }
}

#[cfg(test)]
mod tests;
