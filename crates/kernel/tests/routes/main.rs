//! Which routes the kernel is to have, and which it is not: need 6 of those who run such edges, a default route that never takes
//! away the path that carries the session.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

mod properties;
mod wanted;

use ipnet::IpNet;
use quadzero_codec::{AsPath, Asn, Attributes, NextHop, RouterId};
use quadzero_kernel::{
    Foreign, Hop, Input, Link, MAIN, Neighbor, Path, Place, Purpose, Settings, Tunnel, View, Wanted, Way,
    Why, held, learned,
};
use quadzero_rib::{Route, RouteSet};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// The way to the Internet, two tunnels, and a network at home.
const ISP: u32 = 2;
const TUNNEL_0: u32 = 3;
const TUNNEL_1: u32 = 4;
const LAN: u32 = 5;

const PEERS: [&str; 2] = ["10.1.0.4", "10.1.0.5"];
const OUTER: [&str; 2] = ["203.0.113.4", "203.0.113.5"];

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn settings() -> Settings {
    Settings {
        table: MAIN,
        protocol: 179,
        metric: 20,
        accept_default: false,
        accept: Vec::new(),
        max_paths: NonZeroUsize::new(8).unwrap(),
        settle: Duration::from_secs(90),
        keep: false,
    }
}

/// The routes of a neighbor in AS 65515, whose next hop is this.
fn said(next_hop: &str, prefixes: &[&str]) -> Arc<RouteSet> {
    let attributes = Attributes {
        next_hop: NextHop::Address(ip(next_hop)),
        as_path: AsPath::sequence([Asn(65515)]),
        ..Attributes::default()
    };
    let attributes = Arc::new(attributes);
    let routes = prefixes.iter().map(|prefix| Route { prefix: net(prefix), attributes: attributes.clone() });
    Arc::new(routes.collect())
}

/// The instances of an active-active gateway, each behind a tunnel of its own that is configured whole.
fn gateway(prefixes: &[&str]) -> Input {
    let neighbor = |at: usize| Neighbor {
        name: format!("azure-{at}"),
        address: ip(PEERS[at]),
        path: Path::Tunnel(Tunnel { interface: Some(format!("ipsec{at}")), remote: Some(ip(OUTER[at])) }),
        external: true,
        identifier: RouterId::new(Ipv4Addr::new(10, 1, 0, 4 + at as u8)).unwrap(),
        routes: said(PEERS[at], prefixes),
        settled: true,
    };
    Input { settings: settings(), neighbors: vec![neighbor(0), neighbor(1)], own: vec![ip("10.51.255.254")] }
}

fn with_tunnel(mut input: Input, tunnel: Tunnel) -> Input {
    input.neighbors[0].path = Path::Tunnel(tunnel);
    input.neighbors.truncate(1);
    input
}

fn foreign(interface: u32, gateway: Option<&str>) -> Foreign {
    Foreign { way: Way::by(Hop { gateway: gateway.map(ip), interface }), connected: false, metric: 0 }
}

/// A host with a default route to its provider, two tunnels without routes, and a network at home.
fn host() -> View {
    let link = |name: &str, to_one_place| Link { name: name.into(), carries: true, to_one_place };
    let links = [
        (ISP, link("isp", false)),
        (TUNNEL_0, link("ipsec0", true)),
        (TUNNEL_1, link("ipsec1", true)),
        (LAN, link("lan", false)),
    ];
    let routes = [
        (net("0.0.0.0/0"), foreign(ISP, Some("198.51.100.1"))),
        (net("198.51.100.0/24"), Foreign { connected: true, ..foreign(ISP, None) }),
        (net("10.50.0.0/16"), Foreign { connected: true, ..foreign(LAN, None) }),
    ];
    View {
        links: links.into(),
        own: [ip("10.51.255.254"), ip("198.51.100.9")].into(),
        ours: BTreeMap::new(),
        foreign: [(MAIN, routes.into_iter().collect())].into(),
    }
}

fn place(prefix: &str) -> Place {
    Place { table: MAIN, prefix: net(prefix), metric: 20 }
}

/// What the kernel would be told in the end: with the held routes in place.
struct Outcome {
    view: View,
    wanted: BTreeMap<Place, Wanted>,
    refused: Vec<quadzero_kernel::Refusal>,
}

fn outcome(input: &Input, mut view: View) -> Outcome {
    let (held, mut refused) = held(input, &view);
    view.ours.extend(held.iter().map(|(place, wanted)| (*place, wanted.way.clone())));
    let (mut wanted, not_learned) = learned(input, &held, &view);
    refused.extend(not_learned);
    wanted.extend(held);
    Outcome { view, wanted, refused }
}

impl Outcome {
    /// A route as ip-route(8) writes it.
    fn route(&self, prefix: &str) -> String {
        self.wanted.get(&place(prefix)).map_or_else(|| "none".into(), |wanted| self.view.way(&wanted.way))
    }

    fn why(&self, prefix: &str) -> &Why {
        let of_it = self.refused.iter().find(|refusal| refusal.prefix == net(prefix));
        &of_it.unwrap_or_else(|| panic!("{prefix} is not refused: {:?}", self.refused)).why
    }

    fn learned(&self) -> Vec<String> {
        let of = self.wanted.iter().filter(|(_, wanted)| matches!(wanted.purpose, Purpose::Learned(_)));
        of.map(|(place, _)| place.prefix.to_string()).collect()
    }
}
