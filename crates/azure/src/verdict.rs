//! "Where does a packet to X go?", answered with the row it follows, the rows that row beat, and where it
//! ends up.

use crate::config::{Azure, NextHopType, Place};
use crate::effective::{
    BeatenRow, DEFAULT, Decision, EffectiveRoute, Listing, PLATFORM_ADDRESSES, Source, effective_routes,
    route,
};
use crate::gateway::{GatewayRoute, Hop, Table};
use crate::kms::{self, Activation};
use crate::rules;
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

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
    /// It is handed to a virtual appliance.
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
    /// Where it ends up.
    pub verdict: Verdict,
    /// For a KMS server: whether Windows can activate there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
}

/// The view from the network interfaces of a subnet, at one moment.
#[derive(Clone, Debug)]
pub struct Nic<'a> {
    azure: &'a Azure,
    vnet: usize,
    rows: Listing<EffectiveRoute>,
    /// Where its gateways stand, if it uses any.
    place: Option<Place>,
    table: &'a Table,
}

impl<'a> Nic<'a> {
    /// The interfaces of the subnet called `subnet` or `vnet/subnet`, while the gateways have this table; `None` if
    /// there is no such subnet.
    pub fn new(table: &'a Table, subnet: &str) -> Option<Self> {
        let azure = table.azure();
        let (vnet, subnet) = azure.subnet(subnet)?;
        let place = azure.place_of(vnet);
        let routes = place.map_or(&[][..], |place| table.routes_at(place));
        // A hub hands a learned default to connections that have internet security (VWAN-FAQ D).
        let takes_default = match (place, azure.vnets[vnet].hub) {
            (Some(Place::Hub(_)), Some(connection)) => connection.internet_security,
            _ => true,
        };
        let routes = routes.iter().filter(|route| takes_default || route.prefix != DEFAULT);
        Some(Self { azure, vnet, rows: effective_routes(azure, vnet, subnet, routes), place, table })
    }

    /// What `az network nic show-effective-route-table` prints.
    pub fn effective_routes(&self) -> &Listing<EffectiveRoute> {
        &self.rows
    }

    /// Where a packet goes, and why.
    pub fn ask(&self, destination: Ipv4Addr) -> Answer {
        if PLATFORM_ADDRESSES.contains(&destination) {
            let decision = Decision { winners: Vec::new(), beaten: Vec::new() };
            return Answer { destination, decision, verdict: Verdict::Platform, activation: None };
        }
        let decision = route(&self.rows.value, destination);
        let verdict = match decision.winners.first() {
            Some(row) => self.follow(row, destination),
            None => dropped("no route holds it"),
        };
        let activation = kms::host(destination).map(|_| Activation::of(&verdict));
        Answer { destination, decision, verdict, activation }
    }

    fn follow(&self, row: &EffectiveRoute, destination: Ipv4Addr) -> Verdict {
        match row.next_hop_type {
            NextHopType::VnetLocal | NextHopType::VNetPeering => self.within(destination),
            NextHopType::Internet if rules::is_private_address(destination.into()) => {
                dropped("a private address has no way through the Internet")
            }
            NextHopType::Internet => Verdict::Internet,
            NextHopType::None => dropped("the next hop of the row is None"),
            NextHopType::VirtualNetworkGateway if row.source == Source::User => {
                self.through_vpn_gateway(destination)
            }
            NextHopType::VirtualNetworkGateway => self.through_gateways(destination),
            NextHopType::VirtualAppliance => match row.next_hop_ip_address.first() {
                Some(&address) => Verdict::Appliance { address },
                None => dropped("the user route names no appliance"),
            },
            NextHopType::VirtualNetworkServiceEndpoint => Verdict::ServiceEndpoint,
        }
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

    /// What the gateways of the place gave to network interfaces. Networks of a Virtual WAN are reached by the hub.
    fn through_gateways(&self, destination: Ipv4Addr) -> Verdict {
        let Some(place) = self.place else { return dropped("this network uses no gateway") };
        let in_wan = (0..self.azure.vnets.len()).filter(|i| self.azure.vnets[*i].hub.is_some());
        match place {
            Place::Hub(_) => match self.holder(in_wan, destination) {
                Some(name) => Verdict::Vnet { name },
                None => by(self.table.routes_at(place), destination),
            },
            Place::Vnet(_) => by(self.table.routes_at(place), destination),
        }
    }

    /// A user route leads to the VPN gateway, which looks the destination up in its own table: the row is no promise
    /// that it has a route. It leads to no gateway of ExpressRoute, nor to a VPN gateway beside one (UDR D).
    fn through_vpn_gateway(&self, destination: Ipv4Addr) -> Verdict {
        let gateways = || self.place.into_iter().flat_map(|place| self.azure.gateways_at(place));
        if gateways().any(|gateway| self.azure.gateways[gateway].kind.is_expressroute()) {
            return dropped("a user route leads to no ExpressRoute gateway, nor to a VPN gateway beside one");
        }
        match gateways().find(|gateway| self.azure.gateways[*gateway].kind.vpn().is_some()) {
            Some(gateway) => by(self.table.routes(gateway), destination),
            None => dropped("there is no VPN gateway that the user route could lead to"),
        }
    }
}

/// The longest of the routes that hold the destination.
fn by(routes: &[GatewayRoute], destination: Ipv4Addr) -> Verdict {
    let holding = routes.iter().filter(|route| route.prefix.contains(&destination));
    match holding.max_by_key(|route| route.prefix.prefix_len()) {
        Some(route) => match route.appliance() {
            Some(address) => Verdict::Appliance { address },
            None => Verdict::OnPremises { hops: route.hops.clone() },
        },
        None => dropped("the gateway has no route to it"),
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
        self.activation.iter().try_for_each(|activation| write!(f, "\n  {activation}"))
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
