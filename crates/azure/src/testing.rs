//! A deployment for tests: an active-active gateway in VNet `hub`, a spoke that uses it, one that does not,
//! and two sites on-premises.

use crate::config::*;
use crate::gateway::{Heard, Table};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{AsPath, Asn, Attributes, NextHop, RouterId};
use quadzero_rib::{Route, RouteSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Sites on-premises, as connections: their index, BGP peer address and AS.
pub(crate) const PARIS: usize = 0;
pub(crate) const OSLO: usize = 1;

pub(crate) fn net(s: &str) -> Ipv4Net {
    s.parse().unwrap()
}

pub(crate) fn ip(s: &str) -> Ipv4Addr {
    s.parse().unwrap()
}

pub(crate) fn azure() -> Azure {
    Azure {
        gateway: Gateway {
            name: "gw".into(),
            kind: GatewayKind::VpnGateway,
            asn: DEFAULT_ASN,
            instances: vec![Instance::new("gw-0", ip("10.1.0.4")), Instance::new("gw-1", ip("10.1.0.5"))],
            connections: vec![
                connection("paris", 65010, "10.51.255.254"),
                connection("oslo", 65020, "10.52.255.254"),
            ],
            max_prefixes: MAX_PREFIXES,
            switches: Switches::default(),
        },
        vnets: vec![
            vnet("hub", "10.1.0.0/16", &[("GatewaySubnet", "10.1.0.0/24"), ("vm", "10.1.1.0/24")], false),
            vnet("spoke", "10.2.0.0/16", &[("app", "10.2.1.0/24")], true),
            vnet("island", "10.3.0.0/16", &[("lone", "10.3.1.0/24")], false),
        ],
    }
}

pub(crate) fn active_standby() -> Azure {
    let mut azure = azure();
    azure.gateway.instances =
        vec![Instance { public_ip: Some(ip("13.70.194.156")), ..Instance::new("gw-0", ip("10.1.0.254")) }];
    azure
}

pub(crate) fn connection(name: &str, asn: u32, peer: &str) -> Connection {
    Connection { name: name.into(), asn: Asn(asn), peer: peer.parse().unwrap(), static_prefixes: Vec::new() }
}

fn vnet(name: &str, prefix: &str, subnets: &[(&str, &str)], gateway_transit: bool) -> Vnet {
    let subnets = subnets.iter().map(|(name, prefix)| Subnet::new(*name, net(prefix))).collect();
    Vnet { name: name.into(), address_space: vec![net(prefix)], subnets, gateway_transit }
}

/// The subnet `vm` of the hub.
pub(crate) fn vm(azure: &mut Azure) -> &mut Subnet {
    &mut azure.vnets[0].subnets[1]
}

pub(crate) fn user_route(prefix: &str, next_hop_type: NextHopType) -> UserRoute {
    UserRoute { name: format!("to-{prefix}"), prefix: net(prefix), next_hop_type, next_hop_ip: None }
}

/// What an instance hears from a site: prefixes with their paths, next hop the site itself.
pub(crate) fn heard(azure: &Azure, instance: usize, site: usize, routes: &[(&str, &[u32])]) -> Heard {
    let peer = azure.gateway.connections[site].peer;
    let IpAddr::V4(peer_v4) = peer else { panic!("sites are IPv4") };
    let route = |(prefix, path): &(&str, &[u32])| Route {
        prefix: prefix.parse::<IpNet>().unwrap(),
        attributes: Arc::new(Attributes {
            as_path: AsPath::sequence(path.iter().copied().map(Asn)),
            next_hop: NextHop::Address(peer),
            ..Attributes::default()
        }),
    };
    let routes = RouteSet::new(routes.iter().map(route));
    Heard { instance, connection: site, peer_id: RouterId::new(peer_v4).unwrap(), routes }
}

/// The table after Paris announced these to both instances.
pub(crate) fn after_paris(azure: Azure, prefixes: &[&str]) -> Table {
    let routes: Vec<(&str, &[u32])> = prefixes.iter().map(|prefix| (*prefix, &[65010][..])).collect();
    let instances = 0..azure.gateway.instances.len();
    let all: Vec<Heard> = instances.map(|i| heard(&azure, i, PARIS, &routes)).collect();
    Table::new(Arc::new(azure), &all)
}
