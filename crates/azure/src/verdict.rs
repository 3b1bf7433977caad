//! "Where does a packet to X go?", answered with the row it follows, the rows that row beat, and where it ends up.

use crate::config::{Azure, NextHopType};
use crate::effective::{
    Decision, EffectiveRoute, Listing, PLATFORM_ADDRESSES, Source, effective_routes, route,
};
use crate::gateway::{GatewayRoute, Hop};
use crate::kms::{self, Activation};
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
    gateway: &'a [GatewayRoute],
}

impl<'a> Nic<'a> {
    /// The interfaces of the subnet called `subnet` or `vnet/subnet`, while the gateway has these routes; `None` if there is no
    /// such subnet.
    pub fn new(azure: &'a Azure, subnet: &str, gateway: &'a [GatewayRoute]) -> Option<Self> {
        let (vnet, subnet) = azure.subnet(subnet)?;
        let served = vnet == 0 || azure.vnets[vnet].gateway_transit;
        let gateway = if served { gateway } else { &[] };
        Some(Self { azure, vnet, rows: effective_routes(azure, vnet, subnet, gateway), gateway })
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
            NextHopType::Internet if is_shared_or_private(destination) => {
                dropped("a private address has no way through the Internet")
            }
            NextHopType::Internet => Verdict::Internet,
            NextHopType::None => dropped("the next hop of the row is None"),
            NextHopType::VirtualNetworkGateway => self.through_gateway(destination),
            NextHopType::VirtualAppliance => match row.next_hop_ip_address.first() {
                Some(&address) => Verdict::Appliance { address },
                None => dropped("the user route names no appliance"),
            },
            NextHopType::VirtualNetworkServiceEndpoint => Verdict::ServiceEndpoint,
        }
    }

    /// The network that holds the destination, if this one reaches it.
    fn within(&self, destination: Ipv4Addr) -> Verdict {
        let reaches = |i: usize| i == self.vnet || i == 0 || self.vnet == 0;
        let mut vnets = self.azure.vnets.iter().enumerate().filter(|&(i, _)| reaches(i)).map(|(_, v)| v);
        match vnets.find(|v| v.address_space.iter().any(|p| p.contains(&destination))) {
            Some(vnet) => Verdict::Vnet { name: vnet.name.clone() },
            None => dropped("it is in no address space that this network reaches"),
        }
    }

    /// The gateway looks the destination up in its own table; a row that leads to it is no promise that it has a route.
    fn through_gateway(&self, destination: Ipv4Addr) -> Verdict {
        let holding = self.gateway.iter().filter(|route| route.prefix.contains(&destination));
        match holding.max_by_key(|route| route.prefix.prefix_len()) {
            Some(route) => Verdict::OnPremises { hops: route.hops.clone() },
            None => dropped("the gateway has no route to it"),
        }
    }
}

fn dropped(why: &str) -> Verdict {
    Verdict::Dropped { why: why.into() }
}

fn is_shared_or_private(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private() || (a == 100 && (64..128).contains(&b))
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
        for (row, why) in &self.decision.beaten {
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
