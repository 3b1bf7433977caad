//! Deployments for tests: an active-active VPN gateway in VNet `hub`, a spoke that uses it, one that does not, and two
//! sites on-premises; and beside it, or in its place, each other kind of gateway.

pub(crate) mod alone;
pub(crate) mod speaking;

use crate::config::*;
use crate::gateway::{Heard, Table};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{AsPath, Asn, Attributes, Community, NextHop, RouterId};
use quadzero_rib::{Route, RouteSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The VPN gateway.
pub(crate) const GW: usize = 0;
/// Sites on-premises, as connections: their index, BGP peer address and AS.
pub(crate) const PARIS: usize = 0;
pub(crate) const OSLO: usize = 1;

pub(crate) fn net(s: &str) -> Ipv4Net {
    s.parse().unwrap()
}

pub(crate) fn ip(s: &str) -> Ipv4Addr {
    s.parse().unwrap()
}

pub(crate) fn id(gateway: usize, instance: usize, connection: usize) -> SessionId {
    SessionId { gateway, instance, connection }
}

pub(crate) fn azure() -> Azure {
    let instances = vec![Instance::new("gw-0", ip("10.1.0.4")), Instance::new("gw-1", ip("10.1.0.5"))];
    let gateway = Gateway::new("gw", Place::Vnet(0), Kind::Vpn(VpnGateway::default()), instances);
    let connections = vec![site("paris", 65010, "10.51.255.254"), site("oslo", 65020, "10.52.255.254")];
    Azure {
        gateways: vec![Gateway { connections, ..gateway }],
        vnets: vec![
            vnet("hub", "10.1.0.0/16", &[("GatewaySubnet", "10.1.0.0/24"), ("vm", "10.1.1.0/24")], None),
            vnet("spoke", "10.2.0.0/16", &[("app", "10.2.1.0/24")], Some(true)),
            vnet("island", "10.3.0.0/16", &[("lone", "10.3.1.0/24")], Some(false)),
        ],
    }
}

pub(crate) fn active_standby() -> Azure {
    let mut azure = azure();
    azure.gateways[GW].instances =
        vec![Instance { public_ip: Some(ip("13.70.194.156")), ..Instance::new("gw-0", ip("10.1.0.254")) }];
    azure
}

/// The only VPN gateway of a deployment.
pub(crate) fn vpn(azure: &mut Azure) -> &mut VpnGateway {
    match &mut azure.gateways[GW].kind {
        Kind::Vpn(vpn) => vpn,
        other => panic!("{}", other.name()),
    }
}

pub(crate) fn site(name: &str, asn: u32, peer: &str) -> Connection {
    Connection::site(name, Asn(asn), peer.parse().unwrap())
}

/// Gives a site another address.
pub(crate) fn move_to(connection: &mut Connection, address: &str) {
    match &mut connection.link {
        Link::Site(site) => site.peer = address.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The address space of a site's local network gateway.
pub(crate) fn statics(connection: &mut Connection) -> &mut Vec<Ipv4Net> {
    match &mut connection.link {
        Link::Site(site) => &mut site.static_prefixes,
        other => panic!("{other:?}"),
    }
}

/// A circuit of private peering with links 192.168.15.n/30 and 192.168.15.n+4/30.
pub(crate) fn circuit(name: &str, asn: u32, n: u8) -> Connection {
    let link = |n| Ipv4Net::new(Ipv4Addr::new(192, 168, 15, n), 30).unwrap();
    let circuit = Circuit::private(link(n), link(n + 4), u16::from(n) + 100);
    Connection { link: Link::Circuit(circuit), ..site(name, asn, "0.0.0.0") }
}

pub(crate) fn circuit_of(connection: &mut Connection) -> &mut Circuit {
    match &mut connection.link {
        Link::Circuit(circuit) => circuit,
        other => panic!("{other:?}"),
    }
}

/// ExpressRoute in a place, in region 50004, with one circuit: AS 65030, links 192.168.15.16/30 and .20/30.
pub(crate) fn expressroute(place: Place) -> Gateway {
    let kind = Kind::ExpressRoute(ExpressRoute { region: Some(Community(12076 << 16 | 50004)) });
    Gateway { kind, ..Gateway::expressroute("er", place, vec![circuit("madrid", 65030, 16)]) }
}

/// The network with ExpressRoute alone.
pub(crate) fn only_expressroute() -> Azure {
    Azure { gateways: vec![expressroute(Place::Vnet(0))], ..azure() }
}

/// A Route Server in the hub network, with the appliances `nva` and `twin`.
pub(crate) fn route_server(branch_to_branch: bool) -> Gateway {
    let kind = Kind::RouteServer(RouteServer { branch_to_branch, ..RouteServer::default() });
    let instances = vec![Instance::new("RS_0", ip("10.1.3.4")), Instance::new("RS_1", ip("10.1.3.5"))];
    let appliance = |name, asn, address: &str| Connection {
        link: Link::Appliance(address.parse().unwrap()),
        ..site(name, asn, "0.0.0.0")
    };
    let connections = vec![appliance("nva", 65001, "10.1.4.10"), appliance("twin", 65002, "10.1.4.11")];
    Gateway { connections, ..Gateway::new("rs", Place::Vnet(0), kind, instances) }
}

pub(crate) fn only_route_server() -> Azure {
    Azure { gateways: vec![route_server(false)], ..azure() }
}

/// The VPN gateway, ExpressRoute and Route Server in one network: gateways 0, 1 and 2.
pub(crate) fn coexisting(branch_to_branch: bool) -> Azure {
    let mut azure = azure();
    azure.gateways.extend([expressroute(Place::Vnet(0)), route_server(branch_to_branch)]);
    azure
}

/// Two hubs of Virtual WAN, gateways 0 and 1, with a network each, `blue` (internet security) and `red` (without) at the
/// first, `green` at the second; and sites `paris`, `oslo` (with internet security) and `rome`.
pub(crate) fn virtual_wan() -> Azure {
    let hub = |name: &str, i: usize, prefix: &str| {
        let prefix = net(prefix);
        let at = |host: u8| Ipv4Addr::from_bits(prefix.network().to_bits() | u32::from(host));
        let kind = VirtualWan { address_prefix: prefix, router: at(68), preference: Preference::default() };
        let instances =
            vec![Instance::new(format!("{name}-0"), at(12)), Instance::new(format!("{name}-1"), at(13))];
        Gateway::new(name, Place::Hub(i), Kind::VirtualWan(kind), instances)
    };
    let secure = |connection| Connection { internet_security: true, ..connection };
    let mut gateways = vec![hub("west", 0, "10.100.0.0/24"), hub("east", 1, "10.101.0.0/24")];
    gateways[0].connections =
        vec![site("paris", 65010, "10.51.255.254"), secure(site("oslo", 65020, "10.52.255.254"))];
    gateways[1].connections = vec![secure(site("rome", 65040, "10.53.255.254"))];
    let connected = |name, prefix, hub, internet_security| {
        let subnet = format!("{name}-vm");
        let vnet = vnet(name, prefix, &[(&subnet, prefix)], None);
        Vnet { hub: Some(HubConnection { hub, internet_security }), ..vnet }
    };
    Azure {
        gateways,
        vnets: vec![
            connected("blue", "10.11.0.0/16", 0, true),
            connected("red", "10.12.0.0/16", 0, false),
            connected("green", "10.13.0.0/16", 1, true),
        ],
    }
}

/// `transit`: peered to network 0, with or without its gateways.
fn vnet(name: &str, prefix: &str, subnets: &[(&str, &str)], transit: Option<bool>) -> Vnet {
    let subnets = subnets.iter().map(|(name, prefix)| Subnet::new(*name, net(prefix))).collect();
    let peering = |use_remote_gateways| VnetPeering { with: 0, use_remote_gateways };
    Vnet {
        subnets,
        peerings: transit.map(peering).into_iter().collect(),
        ..Vnet::new(name, vec![net(prefix)])
    }
}

/// The subnet `vm` of the hub.
pub(crate) fn vm(azure: &mut Azure) -> &mut Subnet {
    &mut azure.vnets[0].subnets[1]
}

pub(crate) fn user_route(prefix: &str, next_hop_type: NextHopType) -> UserRoute {
    UserRoute { name: format!("to-{prefix}"), prefix: net(prefix), next_hop_type, next_hop_ip: None }
}

/// What a session brings: prefixes with their paths, next hop the peer itself.
pub(crate) fn heard(azure: &Azure, session: SessionId, routes: &[(&str, &[u32])]) -> Heard {
    let peer = azure.peer_address(session);
    let IpAddr::V4(peer_v4) = peer else { panic!("peers are IPv4") };
    let route = |(prefix, path): &(&str, &[u32])| Route {
        prefix: prefix.parse::<IpNet>().unwrap(),
        attributes: Arc::new(Attributes {
            as_path: AsPath::sequence(path.iter().copied().map(Asn)),
            next_hop: NextHop::Address(peer),
            ..Attributes::default()
        }),
    };
    let routes = RouteSet::new(routes.iter().map(route));
    Heard { session, peer_id: RouterId::new(peer_v4).unwrap(), routes }
}

/// What was heard, each route changed.
pub(crate) fn changed(mut heard: Heard, change: impl Fn(&mut Attributes)) -> Heard {
    let route = |route: &Route| {
        let mut attributes = Attributes::clone(&route.attributes);
        change(&mut attributes);
        Route { attributes: Arc::new(attributes), ..*route }
    };
    heard.routes = heard.routes.iter().map(route).collect();
    heard
}

/// A session, and what it says: prefixes with their paths.
pub(crate) type Said<'a> = (SessionId, &'a [(&'a str, &'a [u32])]);

pub(crate) fn table(azure: Azure, sessions: &[Said<'_>]) -> Table {
    let all: Vec<Heard> = sessions.iter().map(|(id, routes)| heard(&azure, *id, routes)).collect();
    Table::new(Arc::new(azure), &all)
}

/// The table after Paris announced these to both instances of the first gateway.
pub(crate) fn after_paris(azure: Azure, prefixes: &[&str]) -> Table {
    let routes: Vec<(&str, &[u32])> = prefixes.iter().map(|prefix| (*prefix, &[65010][..])).collect();
    let sessions = 0..azure.gateways[GW].instances.len();
    let said: Vec<Said<'_>> = sessions.map(|i| (id(GW, i, PARIS), &routes[..])).collect();
    table(azure, &said)
}
