//! A whole deployment: every rule that it breaks, and where.

use super::{
    Breach, azure_apipa, expressroute_peer_asn, gateway_asn, is_apipa, microsoft_peering_asn, peer_address,
    peer_asn, two_octet_asn,
};
use crate::config::{
    AZURE_BASTION_SUBNET, AZURE_FIREWALL_MANAGEMENT_SUBNET, Azure, Circuit, Connection, DEFAULT_ASN,
    GATEWAY_SUBNET, Gateway, Instance, Kind, Link, NextHopType, Place, ROUTE_SERVER_SUBNET, Subnet,
    UserRoute,
};
use crate::effective::DEFAULT;
use crate::gateway::kind::MAX_PEERS;
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// Where in a deployment something is: indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// A gateway.
    Gateway(usize),
    /// An instance of a gateway.
    Instance(usize, usize),
    /// A connection of a gateway.
    Connection(usize, usize),
    /// A virtual network.
    Vnet(usize),
    /// A subnet of a virtual network.
    Subnet(usize, usize),
}

/// A breach, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {breach}")]
pub struct Finding {
    /// Where.
    pub at: At,
    /// The same by its name.
    pub name: String,
    /// What is wrong there.
    pub breach: Breach,
}

/// Every rule that a deployment breaks, in the order of its parts.
pub fn check(azure: &Azure) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |at: At, name: String, breaches: Vec<Breach>| {
        findings.extend(breaches.into_iter().map(|breach| Finding { at, name: name.clone(), breach }));
    };
    for (g, gateway) in azure.gateways.iter().enumerate() {
        let of = &gateway.name;
        found(At::Gateway(g), format!("gateway {of}"), of_gateway(azure, g));
        for (i, instance) in gateway.instances.iter().enumerate() {
            let breaches = of_instance(instance, gateway, azure);
            found(At::Instance(g, i), format!("instance {of}/{}", instance.name), breaches);
        }
        for (c, connection) in gateway.connections.iter().enumerate() {
            let breaches = of_connection(connection, gateway, azure);
            found(At::Connection(g, c), format!("connection {of}/{}", connection.name), breaches);
        }
    }
    for (v, vnet) in azure.vnets.iter().enumerate() {
        found(At::Vnet(v), format!("VNet {}", vnet.name), of_vnet(azure, v).into_iter().collect());
        for (s, of) in vnet.subnets.iter().enumerate() {
            let mut breaches = subnet(of, &vnet.address_space);
            breaches.extend(to_expressroute(azure, v, of));
            found(At::Subnet(v, s), format!("subnet {}/{}", vnet.name, of.name), breaches);
        }
    }
    findings
}

fn of_gateway(azure: &Azure, index: usize) -> Vec<Breach> {
    let gateway = &azure.gateways[index];
    let mut breaches: Vec<Breach> = Vec::new();
    let wanted = match &gateway.kind {
        Kind::Vpn(vpn) => {
            breaches.extend(gateway_asn(vpn.asn).err());
            1..=2
        }
        Kind::ExpressRoute(_) | Kind::RouteServer(_) | Kind::VirtualWan(_) => 2..=2,
    };
    if !wanted.contains(&gateway.instances.len()) {
        breaches.push(Breach::Instances(gateway.instances.len()));
    }
    if let Place::Vnet(vnet) = gateway.place
        && azure.vnets.get(vnet).is_none_or(|vnet| vnet.address_space.is_empty())
    {
        breaches.push(Breach::NoVnet);
    }
    let served = azure.served_prefixes(gateway.place).count();
    if served > 600 {
        breaches.push(Breach::TooManyNetworks(served));
    }
    breaches.extend(of_kind(azure, index));
    breaches.extend(used_twice(azure, index).map(Breach::AddressTwice));
    breaches
}

fn of_kind(azure: &Azure, index: usize) -> Vec<Breach> {
    let gateway = &azure.gateways[index];
    let beside = || azure.gateways_at(gateway.place).map(|i| (i, &azure.gateways[i]));
    let mut breaches = Vec::new();
    let name = gateway.kind.name();
    if beside().any(|(i, other)| i < index && other.kind.name() == name) {
        breaches.push(Breach::SecondOfAKind(name));
    }
    match &gateway.kind {
        Kind::Vpn(vpn) if vpn.default_site.is_some() && beside().any(|(_, g)| g.kind.is_expressroute()) => {
            breaches.push(Breach::DefaultSiteBesideExpressRoute);
        }
        Kind::RouteServer(server) => {
            if gateway.connections.len() > MAX_PEERS {
                breaches.push(Breach::TooManyPeers(gateway.connections.len()));
            }
            let left_out = |(_, g): (usize, &Gateway)| {
                g.kind.vpn().is_some_and(|vpn| vpn.asn != DEFAULT_ASN || !g.is_active_active())
            };
            if server.branch_to_branch && beside().any(left_out) {
                breaches.push(Breach::BranchToBranch);
            }
        }
        Kind::Vpn(_) | Kind::ExpressRoute(_) | Kind::VirtualWan(_) => {}
    }
    breaches
}

/// Addresses of one gateway that another one of it, or of an earlier gateway, has as well.
fn used_twice(azure: &Azure, index: usize) -> impl Iterator<Item = IpAddr> {
    let addresses = |gateway: &Gateway| -> Vec<IpAddr> {
        let own = gateway.instances.iter().filter(|_| !gateway.kind.is_expressroute());
        let own = own.flat_map(|i| i.apipa.iter().chain([&i.address])).map(|a| IpAddr::V4(*a));
        let links = gateway.connections.iter().filter_map(Connection::circuit);
        let links = links.flat_map(|c| [c.microsoft(0), c.microsoft(1)]).map(IpAddr::V4);
        let peers = gateway.connections.iter().flat_map(|c| {
            let links = if c.circuit().is_some() { 2 } else { 1 };
            (0..links).map(|link| c.peer(link))
        });
        own.chain(links).chain(peers).collect()
    };
    let mut seen: BTreeSet<IpAddr> = azure.gateways[..index].iter().flat_map(addresses).collect();
    let mut twice: Vec<IpAddr> =
        addresses(&azure.gateways[index]).into_iter().filter(|address| !seen.insert(*address)).collect();
    twice.sort_unstable();
    twice.dedup();
    twice.into_iter()
}

fn of_instance(instance: &Instance, gateway: &Gateway, azure: &Azure) -> Vec<Breach> {
    if gateway.kind.is_expressroute() {
        return Vec::new();
    }
    let mut breaches: Vec<Breach> =
        instance.apipa.iter().filter_map(|a| apipa_of_gateway(*a).err()).collect();
    let address = instance.address;
    let inside = |own: &[Ipv4Net]| !address.is_unspecified() && own.iter().any(|p| p.contains(&address));
    match gateway.place {
        Place::Vnet(vnet) => {
            let subnet =
                if gateway.kind.route_server().is_some() { ROUTE_SERVER_SUBNET } else { GATEWAY_SUBNET };
            if !azure.vnets.get(vnet).is_some_and(|vnet| inside(&vnet.address_space)) {
                breaches.push(Breach::InstanceOutsideVnet { address, subnet });
            }
        }
        Place::Hub(hub) => {
            let prefix = azure.gateways[hub].kind.hub().map(|hub| hub.address_prefix);
            if let Some(prefix) = prefix.filter(|prefix| !inside(&[*prefix])) {
                breaches.push(Breach::InstanceOutsideHub { address, prefix });
            }
        }
    }
    breaches
}

/// Stricter than [`azure_apipa`]: a custom address of a gateway must be an APIPA one.
fn apipa_of_gateway(address: Ipv4Addr) -> Result<(), Breach> {
    if address.is_link_local() { azure_apipa(address) } else { Err(Breach::ApipaOutsideRange(address)) }
}

fn of_connection(connection: &Connection, gateway: &Gateway, azure: &Azure) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if connection.internet_security && !matches!(gateway.place, Place::Hub(_)) {
        breaches.push(Breach::InternetSecurityWithoutHub);
    }
    match (&gateway.kind, &connection.link) {
        (Kind::ExpressRoute(_), Link::Circuit(circuit)) => {
            breaches.extend(of_circuit(connection, circuit, gateway, azure));
        }
        (Kind::RouteServer(_), Link::Appliance(_)) => {
            breaches.extend(of_peer_asn(connection, gateway));
            if connection.peer(0).is_ipv6() {
                breaches.push(Breach::PeerOverIpv6(connection.peer(0)));
            }
        }
        (Kind::Vpn(_) | Kind::VirtualWan(_), Link::Site(_)) => {
            breaches.extend(of_peer_asn(connection, gateway));
            breaches.extend(of_site(connection, gateway, azure));
        }
        (kind, _) => breaches.push(Breach::WrongLink(kind.name())),
    }
    breaches
}

fn of_peer_asn(connection: &Connection, gateway: &Gateway) -> Vec<Breach> {
    let narrow = gateway.kind.vpn().is_none();
    let reserved = peer_asn(connection.asn, gateway.asn()).err();
    let wide = two_octet_asn(connection.asn).err().filter(|_| narrow && reserved.is_none());
    reserved.into_iter().chain(wide).collect()
}

fn of_site(connection: &Connection, gateway: &Gateway, azure: &Azure) -> Vec<Breach> {
    let served: Vec<Ipv4Net> = azure.served_prefixes(gateway.place).collect();
    let peer = connection.peer(0);
    let mut breaches: Vec<Breach> = peer_address(peer, &served).err().into_iter().collect();
    if let Link::Site(site) = &connection.link
        && site.public == Some(peer)
    {
        breaches.push(Breach::PeerIsPublic(peer));
    }
    if is_apipa(peer) {
        let without = gateway.instances.iter().filter(|instance| instance.apipa.is_empty());
        breaches.extend(without.map(|i| Breach::ApipaMissing { instance: i.name.clone(), peer }));
    }
    let statics = connection.static_prefixes().count();
    if statics > 1000 {
        breaches.push(Breach::TooManyStatics(statics));
    }
    breaches
}

fn of_circuit(connection: &Connection, circuit: &Circuit, gateway: &Gateway, azure: &Azure) -> Vec<Breach> {
    let asn = if circuit.is_private() {
        expressroute_peer_asn(connection.asn)
    } else {
        microsoft_peering_asn(connection.asn)
    };
    let mut breaches: Vec<Breach> = asn.err().into_iter().collect();
    let networks = || azure.vnets.iter().flat_map(|vnet| &vnet.address_space);
    for link in [circuit.primary, circuit.secondary] {
        if link.prefix_len() != 30 {
            breaches.push(Breach::LinkLength(link));
        }
        if let Some(&prefix) = networks().find(|net| net.contains(&link) || link.contains(*net)) {
            breaches.push(Breach::LinkInsideVnet { link, prefix });
        }
    }
    let circuits = gateway.connections.iter().filter_map(Connection::circuit);
    let same = circuits.filter(|other| other.vlan == circuit.vlan).count();
    if same > 1 || !(1..=4094).contains(&circuit.vlan) {
        breaches.push(Breach::Vlan(circuit.vlan));
    }
    breaches
}

fn of_vnet(azure: &Azure, vnet: usize) -> Option<Breach> {
    let has_own = azure.gateways_at(Place::Vnet(vnet)).next().is_some();
    let peerings = &azure.vnets[vnet].peerings;
    let remote = peerings.iter().any(|p| p.use_remote_gateways) || azure.vnets[vnet].hub.is_some();
    (has_own && remote).then_some(Breach::OwnAndRemoteGateways)
}

/// A user route.
///
/// # Errors
/// Five next hop types may be named; an address belongs to `VirtualAppliance` alone.
pub fn user_route(route: &UserRoute) -> Result<(), Breach> {
    match (route.next_hop_type, route.next_hop_ip) {
        (other, _) if !NextHopType::SETTABLE.contains(&other) => Err(Breach::NextHopType(other)),
        (NextHopType::VirtualAppliance, None) => Err(Breach::ApplianceWithoutAddress),
        (NextHopType::VirtualAppliance, Some(_)) | (_, None) => Ok(()),
        (other, Some(_)) => Err(Breach::AddressWithoutAppliance(other)),
    }
}

/// A subnet of a network with this address space: every breach.
pub fn subnet(subnet: &Subnet, address_space: &[Ipv4Net]) -> Vec<Breach> {
    let mut breaches: Vec<Breach> =
        subnet.routes.iter().filter_map(|route| user_route(route).err()).collect();
    if !address_space.iter().any(|prefix| prefix.contains(&subnet.prefix)) {
        breaches.push(Breach::SubnetOutsideVnet(subnet.prefix));
    }
    for (i, route) in subnet.routes.iter().enumerate() {
        if subnet.routes[..i].iter().any(|earlier| earlier.prefix.trunc() == route.prefix.trunc()) {
            breaches.push(Breach::UserRouteTwice(route.prefix));
        }
    }
    for (i, rule) in subnet.security_rules.iter().enumerate() {
        let mut earlier = subnet.security_rules[..i].iter();
        if !(100..=4096).contains(&rule.priority) || earlier.any(|other| other.priority == rule.priority) {
            breaches.push(Breach::SecurityPriority(rule.name.clone()));
        }
    }
    if subnet.routes.len() > 400 {
        breaches.push(Breach::TooManyUserRoutes(subnet.routes.len()));
    }
    breaches.extend(by_its_name(subnet));
    breaches
}

/// Subnets whose names Azure has taken (azure.md §4, caveats).
fn by_its_name(subnet: &Subnet) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let default = subnet.routes.iter().find(|route| route.prefix.trunc() == DEFAULT);
    match subnet.name.as_str() {
        GATEWAY_SUBNET => {
            if default.is_some() {
                breaches.push(Breach::GatewaySubnetDefault);
            }
            if !subnet.propagate_gateway_routes {
                breaches.push(Breach::GatewaySubnetPropagation);
            }
            if !subnet.security_rules.is_empty() {
                breaches.push(Breach::GatewaySubnetSecurity);
            }
        }
        AZURE_BASTION_SUBNET if !subnet.routes.is_empty() || !subnet.propagate_gateway_routes => {
            breaches.push(Breach::BastionRouteTable);
        }
        AZURE_FIREWALL_MANAGEMENT_SUBNET => {
            let only_internet = subnet.routes.len() == 1
                && default.is_some_and(|route| route.next_hop_type == NextHopType::Internet);
            if subnet.prefix.prefix_len() > 26 || subnet.propagate_gateway_routes || !only_internet {
                breaches.push(Breach::FirewallManagement(subnet.prefix));
            }
        }
        _ => {}
    }
    breaches
}

fn to_expressroute(azure: &Azure, vnet: usize, subnet: &Subnet) -> Option<Breach> {
    let mut gateways = azure.place_of(vnet).into_iter().flat_map(|place| azure.gateways_at(place));
    let to_gateway = |route: &UserRoute| route.next_hop_type == NextHopType::VirtualNetworkGateway;
    let unsupported = subnet.routes.iter().any(to_gateway)
        && gateways.any(|gateway| azure.gateways[gateway].kind.is_expressroute());
    unsupported.then_some(Breach::UserRouteToExpressRoute)
}
