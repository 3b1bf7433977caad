//! The effective routes of a network interface (azure.md §5): what Azure lists, and which row a packet
//! follows.
//!
//! ```text
//!   system   each prefix of the VNet -> VnetLocal, of a peered one -> VNetPeering,
//!            0.0.0.0/0 -> Internet, private ranges -> None                              ─┐
//!   gateway  learned by BGP from anybody, or static from a local network gateway        ─┼─► rows ─► route(destination)
//!   user     the route table of the subnet                                              ─┘
//! ```
//!
//! The longest prefix wins; between equal prefixes user beats gateway beats system. One exception: system
//! routes of the VNet, of peerings and of service endpoints beat gateway routes even if those are longer (UDR
//! D).
//!
//! A 0.0.0.0/0 changes the system rows themselves. By a user route, the system default is listed as `Invalid`
//! and the `None` rows are gone, so that private destinations follow the new default too (UDR D). From the
//! gateway, the same, but the system default is not listed at all (LAB-DEF F; [`SystemDefault`] is the
//! switch). Two halves, 0.0.0.0/1 and 128.0.0.0/1, change nothing: the system default stays `Active`, and so
//! do the `None` rows (LAB-ZS F).

use crate::config::{Azure, NextHopType, Subnet, SystemDefault};
use crate::gateway::GatewayRoute;
use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

/// Host-node addresses (DNS, DHCP, health probes; instance metadata): no route moves them (WIRE D, azure.md
/// §5.4).
pub const PLATFORM_ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(169, 254, 169, 254)];

/// What system routes drop unless something longer says otherwise (UDR D).
const NONE_RANGES: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// The default route.
pub(crate) const DEFAULT: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Source {
    /// A system route.
    Default,
    /// Learned by the gateway, or static there.
    VirtualNetworkGateway,
    /// A user route.
    User,
}

/// Whether a row is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum RowState {
    /// It is.
    Active,
    /// Another row of the same prefix is followed instead.
    Invalid,
}

/// One row, in the shape of `az network nic show-effective-route-table -o json` (REST-EX D).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveRoute {
    /// One prefix, in Azure's list.
    pub address_prefix: Vec<Ipv4Net>,
    /// Service tags; the mock has none.
    pub destination_service_tags: Vec<String>,
    /// Whether the subnet's route table keeps gateway routes out.
    pub disable_bgp_route_propagation: bool,
    /// Always false in the mock: whether Azure honours it is unconfirmed.
    pub has_bgp_override: bool,
    /// The name of a user route.
    pub name: Option<String>,
    /// The next hop where the type alone does not say it.
    pub next_hop_ip_address: Vec<Ipv4Addr>,
    /// By what.
    pub next_hop_type: NextHopType,
    /// Where the row comes from.
    pub source: Source,
    /// Whether it is followed.
    pub state: RowState,
    /// Service tags; the mock has none.
    pub tag_map: BTreeMap<String, String>,
}

/// What Azure's list commands print.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listing<T> {
    /// The rows.
    pub value: Vec<T>,
}

/// Why a row that holds the destination is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beaten {
    /// The winner's prefix is longer.
    ShorterPrefix,
    /// The same prefix: user beats gateway beats system.
    LesserSource,
    /// The row is the gateway's, and a system route of the VNet, a peering or a service endpoint holds the
    /// destination.
    VnetBeatsGateway,
}

impl fmt::Display for Beaten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ShorterPrefix => "shorter prefix",
            Self::LesserSource => "same prefix: user beats gateway beats system",
            Self::VnetBeatsGateway => "VNet, peering and endpoint routes beat longer ones of gateways",
        })
    }
}

/// Which row a destination follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The rows that win: one, or one per instance of the gateway. None only if nothing holds the
    /// destination.
    pub winners: Vec<EffectiveRoute>,
    /// The other rows that hold the destination, longest prefix first.
    pub beaten: Vec<BeatenRow>,
}

/// A row that holds the destination and is not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BeatenRow {
    /// The row.
    pub row: EffectiveRoute,
    /// Why not.
    pub why: Beaten,
}

/// The effective routes of every network interface in a subnet that belongs to the network `vnet`.
///
/// # Panics
/// If there is no such network.
pub fn effective_routes<'a>(
    azure: &Azure,
    vnet: usize,
    subnet: &Subnet,
    gateway: impl IntoIterator<Item = &'a GatewayRoute>,
) -> Listing<EffectiveRoute> {
    let mut rows = system_rows(azure, vnet, subnet);
    if subnet.has_gateway_routes() {
        rows.extend(gateway.into_iter().flat_map(gateway_rows));
        rows.extend(hub_rows(azure, vnet));
    }
    rows.extend(subnet.routes.iter().map(|route| EffectiveRoute {
        name: Some(route.name.clone()),
        next_hop_ip_address: route.next_hop_ip.into_iter().collect(),
        ..row(route.prefix, route.next_hop_type, Source::User)
    }));
    yield_to_default(&mut rows, azure.system_default());
    mark_replaced(&mut rows);
    for row in &mut rows {
        row.disable_bgp_route_propagation = !subnet.has_gateway_routes();
    }
    Listing { value: rows }
}

/// Which of the rows a packet to `destination` follows.
pub fn route(rows: &[EffectiveRoute], destination: Ipv4Addr) -> Decision {
    let mut holding: Vec<_> = rows.iter().filter(|row| row.prefix().contains(&destination)).collect();
    holding.sort_by_key(|row| std::cmp::Reverse(row.prefix().prefix_len()));
    let vnet_wins = holding.iter().any(|row| row.is_active() && row.is_of_vnet());
    let yields = |row: &EffectiveRoute| vnet_wins && row.source == Source::VirtualNetworkGateway;
    let best = holding.iter().find(|row| row.is_active() && !yields(row)).copied();
    let wins = |row: &EffectiveRoute| {
        best.is_some_and(|best| row.is_active() && (row.prefix(), row.source) == (best.prefix(), best.source))
    };
    let reason = |row: &EffectiveRoute| {
        if yields(row) {
            Beaten::VnetBeatsGateway
        } else if row.is_active() {
            Beaten::ShorterPrefix
        } else {
            Beaten::LesserSource
        }
    };
    let (winners, others): (Vec<_>, Vec<_>) = holding.into_iter().partition(|row| wins(row));
    Decision {
        winners: winners.into_iter().cloned().collect(),
        beaten: others.into_iter().map(|row| BeatenRow { row: row.clone(), why: reason(row) }).collect(),
    }
}

impl EffectiveRoute {
    /// The prefix; a row without one holds nothing.
    pub fn prefix(&self) -> Ipv4Net {
        self.address_prefix.first().copied().unwrap_or(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 32))
    }

    /// Whether it can be followed.
    pub fn is_active(&self) -> bool {
        self.state == RowState::Active
    }

    /// Whether it is a system route that beats longer ones from the gateway.
    fn is_of_vnet(&self) -> bool {
        use NextHopType::{VNetPeering, VirtualNetworkServiceEndpoint, VnetLocal};
        self.source == Source::Default
            && matches!(self.next_hop_type, VnetLocal | VNetPeering | VirtualNetworkServiceEndpoint)
    }

    /// Who wins between equal prefixes: the greater.
    fn rank(&self) -> u8 {
        match self.source {
            Source::User => 3,
            Source::Default if self.is_of_vnet() => 2,
            Source::VirtualNetworkGateway => 1,
            Source::Default => 0,
        }
    }
}

fn row(prefix: Ipv4Net, next_hop_type: NextHopType, source: Source) -> EffectiveRoute {
    EffectiveRoute {
        address_prefix: vec![prefix.trunc()],
        destination_service_tags: Vec::new(),
        disable_bgp_route_propagation: false,
        has_bgp_override: false,
        name: None,
        next_hop_ip_address: Vec::new(),
        next_hop_type,
        source,
        state: RowState::Active,
        tag_map: BTreeMap::new(),
    }
}

fn system_rows(azure: &Azure, vnet: usize, subnet: &Subnet) -> Vec<EffectiveRoute> {
    let local = &azure.vnets[vnet].address_space;
    let hub = azure.vnets[vnet].hub.and_then(|connection| azure.gateways.get(connection.hub)?.kind.hub());
    let peered = azure.peered_with(vnet).flat_map(|peer| &azure.vnets[peer].address_space);
    let none = NONE_RANGES.map(|(network, length)| Ipv4Net::new_assert(network, length));
    // A range that the network itself uses is no longer dropped (UDR D).
    let dropped = none.iter().filter(|range| !local.iter().any(|prefix| prefix.contains(*range)));
    let system = |next_hop_type| move |prefix: &Ipv4Net| row(*prefix, next_hop_type, Source::Default);
    let mut rows: Vec<_> = local.iter().map(system(NextHopType::VnetLocal)).collect();
    rows.extend(peered.map(system(NextHopType::VNetPeering)));
    // To a network, its hub of Virtual WAN is a peered one.
    rows.extend(hub.map(|hub| system(NextHopType::VNetPeering)(&hub.address_prefix)));
    rows.extend(subnet.service_endpoints.iter().map(system(NextHopType::VirtualNetworkServiceEndpoint)));
    rows.push(system(NextHopType::Internet)(&DEFAULT));
    rows.extend(dropped.map(system(NextHopType::None)));
    rows
}

/// The other networks of a Virtual WAN, by the router of one's own hub: they are no peers of each other.
fn hub_rows(azure: &Azure, vnet: usize) -> Vec<EffectiveRoute> {
    let Some(connection) = azure.vnets[vnet].hub else { return Vec::new() };
    let Some(hub) = azure.gateways.get(connection.hub).and_then(|g| g.kind.hub()) else { return Vec::new() };
    let others = azure.vnets.iter().enumerate().filter(|(i, other)| *i != vnet && other.hub.is_some());
    let by_router = |prefix: &Ipv4Net| EffectiveRoute {
        next_hop_ip_address: vec![hub.router],
        ..row(*prefix, NextHopType::VirtualNetworkGateway, Source::VirtualNetworkGateway)
    };
    others.flat_map(|(_, other)| &other.address_space).map(by_router).collect()
}

/// One row for each next hop (LAB-BGP F).
fn gateway_rows(route: &GatewayRoute) -> impl Iterator<Item = EffectiveRoute> + '_ {
    route.shown_next_hops().into_iter().map(|next_hop| EffectiveRoute {
        next_hop_ip_address: vec![next_hop],
        ..row(route.prefix, NextHopType::VirtualNetworkGateway, Source::VirtualNetworkGateway)
    })
}

/// What a 0.0.0.0/0 from elsewhere does to the system rows.
fn yield_to_default(rows: &mut Vec<EffectiveRoute>, system_default: SystemDefault) {
    let default_from = |source| rows.iter().any(|row| row.source == source && row.prefix() == DEFAULT);
    let by_gateway = default_from(Source::VirtualNetworkGateway);
    let by_user = default_from(Source::User);
    let hidden = by_gateway && system_default == SystemDefault::Hidden;
    rows.retain(|row| {
        let none = row.next_hop_type == NextHopType::None && row.source == Source::Default;
        let internet = row.next_hop_type == NextHopType::Internet && row.source == Source::Default;
        !(none && (by_gateway || by_user) || internet && hidden)
    });
}

fn mark_replaced(rows: &mut [EffectiveRoute]) {
    let mut best = BTreeMap::new();
    for row in rows.iter() {
        let rank = best.entry(row.prefix()).or_insert(0);
        *rank = row.rank().max(*rank);
    }
    for row in rows.iter_mut().filter(|row| row.rank() < best[&row.prefix()]) {
        row.state = RowState::Invalid;
    }
}

#[cfg(test)]
mod tests;
