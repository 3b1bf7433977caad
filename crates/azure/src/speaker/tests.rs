//! The mock against real sessions of an edge, over loopback. Addresses of sockets are ports the system picks.

use super::*;
use crate::config::{HoldTimeBehaviour, NextHopType, UserRoute};
use crate::testing::*;
use crate::verdict::Verdict;
use ipnet::IpNet;
use quadzero_codec::{AsPath, Asn, Attributes, Family, HoldTime, NextHop, RouterId};
use quadzero_fsm::{
    Capabilities, Down, HoldNegotiation, Import, Mode, PeerConfig, State, Status, Timers, Transport,
};
use quadzero_rib::{Route, RouteSet};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A router on-premises.
struct Edge {
    speaker: Speaker,
    socket: SocketAddr,
}

/// Its session with an instance.
struct ToAzure {
    peer: Peer,
    wanted: watch::Sender<Arc<RouteSet>>,
}

impl Edge {
    fn new(host: &str) -> Self {
        let speaker = Speaker::new();
        let socket = speaker.listen(SocketAddr::new(host.parse().unwrap(), 0)).unwrap();
        Self { speaker, socket }
    }

    fn peer(&self, mock: &Mock, instance: Ipv4Addr, change: impl Fn(&mut PeerConfig)) -> ToAzure {
        let (wanted, receiver) = watch::channel(Arc::default());
        let mut config = PeerConfig {
            name: format!("azure {instance}"),
            local_as: Asn(65010),
            router_id: RouterId::new(ip("10.51.255.254")).unwrap(),
            remote_as: Asn(65515),
            mode: Mode::Both,
            families: vec![Family::IPV4_UNICAST],
            timers: Timers { hold: HoldTime::new(180).unwrap(), ..Timers::default() },
            damp_peer_oscillations: false,
            hold_negotiation: HoldNegotiation::Minimum,
            role: None,
            capabilities: Capabilities::default(),
            import: Import::All,
            own_address: Some("10.51.255.254".parse().unwrap()),
            honour_graceful_shutdown: true,
            max_prefixes: None,
            max_prefixes_out: None,
            transport: Transport {
                remote: mock.endpoint(instance).unwrap(),
                local: Some(self.socket.ip()),
                ttl: Some(64),
                min_ttl: None,
                md5: None,
            },
        };
        change(&mut config);
        ToAzure { peer: self.speaker.add(config, receiver).unwrap(), wanted }
    }
}

impl ToAzure {
    fn announce(&self, routes: &[(&str, &[u32])]) {
        let route = |(prefix, path): &(&str, &[u32])| Route {
            prefix: prefix.parse().unwrap(),
            attributes: Arc::new(Attributes {
                as_path: AsPath::sequence(path.iter().copied().map(Asn)),
                next_hop: if prefix.contains(':') {
                    NextHop::Address("2001:db8::1".parse().unwrap())
                } else {
                    NextHop::Own
                },
                ..Attributes::default()
            }),
        };
        self.wanted.send_replace(Arc::new(routes.iter().map(route).collect()));
    }

    async fn until(&self, condition: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.peer.status();
        tokio::time::timeout(PATIENCE, status.wait_for(condition)).await.unwrap().unwrap().clone()
    }

    async fn until_learned(&self, prefix: &str) -> Arc<Attributes> {
        let prefix: IpNet = prefix.parse().unwrap();
        self.until(|_| self.peer.learned().get(&prefix).is_some()).await;
        self.peer.learned().get(&prefix).unwrap().clone()
    }

    fn has_learned(&self, prefix: &str) -> bool {
        self.peer.learned().get(&prefix.parse().unwrap()).is_some()
    }
}

/// The mock on loopback, its instances at 127.1.0.4 and 127.1.0.5, with one of these edges for each
/// connection.
fn start(azure: Azure, edges: &[&Edge]) -> Mock {
    let mut endpoints = Endpoints::default();
    for gateway in &azure.gateways {
        for address in (0..gateway.instances.len()).flat_map(|i| gateway.addresses(i)) {
            let [_, b, c, d] = address.octets();
            endpoints.0.insert(address.into(), SocketAddr::from(([127, b, c, d], 0)));
        }
        for (connection, edge) in gateway.connections.iter().zip(edges) {
            endpoints.0.extend((0..2).map(|link| (connection.peer(link), edge.socket)));
        }
    }
    Mock::start(azure, &endpoints).unwrap()
}

fn only_paris() -> Azure {
    let mut azure = azure();
    azure.gateways[GW].connections.truncate(1);
    azure
}

async fn until(mock: &Mock, condition: impl Fn(&Table) -> bool) {
    let mut table = mock.table();
    tokio::time::timeout(PATIENCE, table.wait_for(|table| condition(table))).await.unwrap().unwrap();
}

fn hops(table: &Table, prefix: &str) -> usize {
    let prefix = prefix.parse().unwrap();
    table.routes(GW).iter().find(|route| route.prefix == prefix).map_or(0, |route| route.hops.len())
}

fn states(mock: &Mock) -> Vec<(String, PeerState)> {
    mock.peer_status(GW).value.iter().map(|row| (row.neighbor.to_string(), row.state)).collect()
}

/// azure.md §8, rows 1, 10, 14, 17, 21 and 22.
#[tokio::test]
async fn forces_traffic_on_premises_over_both_instances_until_the_default_is_withdrawn() {
    let edge = Edge::new("127.51.255.1");
    let mock = start(only_paris(), &[&edge]);
    let both = ["10.1.0.4", "10.1.0.5"].map(|instance| edge.peer(&mock, ip(instance), |_| ()));
    both.iter().for_each(|to_azure| to_azure.announce(&[("0.0.0.0/0", &[65010])]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
    let kms = mock.verdict("vm", ip("20.118.99.224")).unwrap();
    assert!(matches!(&kms.verdict, Verdict::OnPremises { hops } if hops.len() == 2), "{kms}");
    assert!(!kms.activation.unwrap().works());
    let network = both[0].until_learned("10.1.0.0/16").await;
    assert_eq!(network.next_hop, NextHop::Address("10.1.0.4".parse().unwrap()));
    assert_eq!(network.as_path, AsPath::sequence([Asn(65515)]));
    assert!(states(&mock).contains(&("10.51.255.254".into(), PeerState::Connected)));
    both.iter().for_each(|to_azure| to_azure.announce(&[]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 0).await;
    assert_eq!(mock.verdict("vm", ip("20.118.99.224")).unwrap().verdict, Verdict::Internet);
}

/// azure.md §8, row 1.
#[tokio::test]
async fn dials_a_private_peer() {
    let edge = Edge::new("127.51.255.2");
    let mock = start(only_paris(), &[&edge]);
    let passive = edge.peer(&mock, ip("10.1.0.4"), |config| config.mode = Mode::Passive);
    passive.until(|status| status.state == State::Established).await;
}

fn with_apipa() -> Azure {
    let mut azure = only_paris();
    move_to(&mut azure.gateways[GW].connections[PARIS], "169.254.21.1");
    azure.gateways[GW].instances[0].apipa = vec![ip("169.254.22.2"), ip("169.254.21.2")];
    azure.gateways[GW].instances[1].apipa = vec![ip("169.254.22.6")];
    azure
}

/// azure.md §8, row 2: it waits, at the address in the peer's /30, and its BGP Identifier stays the private
/// address.
#[tokio::test]
async fn listens_at_its_apipa_address_for_an_apipa_peer_and_does_not_dial() {
    let edge = Edge::new("127.51.255.3");
    let mock = start(with_apipa(), &[&edge]);
    assert!(mock.sessions.iter().all(|session| session.peer.config().mode == Mode::Passive));
    let active = edge.peer(&mock, ip("169.254.21.2"), |config| config.mode = Mode::Active);
    let status = active.until(|status| status.state == State::Established).await;
    assert_eq!(status.negotiated.unwrap().router_id.get(), ip("10.1.0.4"));
    let network = active.until_learned("10.1.0.0/16").await;
    assert_eq!(network.next_hop, NextHop::Address("169.254.21.2".parse().unwrap()));
}

/// azure.md §8, row 3.
#[tokio::test]
async fn has_the_manners_of_a_vpn_gateway() {
    let edge = Edge::new("127.51.255.4");
    let mock = start(only_paris(), &[&edge]);
    let to_azure = edge.peer(&mock, ip("10.1.0.5"), |config| config.families.push(Family::IPV6_UNICAST));
    let status = to_azure.until(|status| status.state == State::Established).await;
    let negotiated = status.negotiated.unwrap();
    assert_eq!((negotiated.remote_as, negotiated.router_id.get()), (Asn(65515), ip("10.1.0.5")));
    assert_eq!(negotiated.families, [Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
    assert_eq!(negotiated.hold_time.seconds(), 180);
    assert!(negotiated.route_refresh && negotiated.dialect.four_octet_as);
    assert!(!negotiated.dialect.enhanced_refresh && !negotiated.dialect.send_extended);
    assert!(negotiated.graceful_restart.is_none() && negotiated.role.is_none());
}

/// azure.md §8, row 5.
#[tokio::test]
async fn refuses_a_peer_in_another_as_than_configured() {
    let edge = Edge::new("127.51.255.5");
    let mock = start(only_paris(), &[&edge]);
    let stranger = edge.peer(&mock, ip("10.1.0.4"), |config| config.local_as = Asn(65011));
    let refused = |down: &Option<Down>| matches!(down, Some(Down::Received(n)) if n.code == ErrorCode::OPEN_BAD_PEER_AS);
    stranger.until(|status| refused(&status.last_down)).await;
}

/// azure.md §8, row 7: both switches. What the gateway itself holds, not what the edge makes of it.
#[tokio::test]
async fn keeps_its_hold_time_or_negotiates_by_switch() {
    let expected = [(HoldTimeBehaviour::Fixed, 180, 60), (HoldTimeBehaviour::Negotiate, 30, 10)];
    for (i, (behaviour, hold, keepalive)) in expected.into_iter().enumerate() {
        let edge = Edge::new(&format!("127.51.255.{}", 60 + i));
        let mut azure = only_paris();
        azure.gateways[GW].switches.hold_time = behaviour;
        let mock = start(azure, &[&edge]);
        let hasty =
            edge.peer(&mock, ip("10.1.0.4"), |config| config.timers.hold = HoldTime::new(30).unwrap());
        hasty.until(|status| status.state == State::Established).await;
        let mut status = mock.sessions[0].peer.status();
        let up = tokio::time::timeout(PATIENCE, status.wait_for(|status| status.negotiated.is_some()));
        let held = up.await.unwrap().unwrap().negotiated.clone().unwrap();
        assert_eq!((held.hold_time.seconds(), held.keepalive), (hold, Some(Duration::from_secs(keepalive))));
    }
}

/// azure.md §8, rows 18, 19 and 36: dropped, and the session stays.
#[tokio::test]
async fn drops_loops_the_networks_own_prefixes_and_ipv6_without_a_word() {
    let edge = Edge::new("127.51.255.7");
    let mock = start(only_paris(), &[&edge]);
    let to_azure = edge.peer(&mock, ip("10.1.0.4"), |config| config.families.push(Family::IPV6_UNICAST));
    to_azure.announce(&[
        ("::/0", &[65010]),
        ("0.0.0.0/0", &[65010, 65515]),
        ("10.1.4.0/24", &[65010]),
        ("192.168.9.0/24", &[65010]),
    ]);
    until(&mock, |table| hops(table, "192.168.9.0/24") == 1 && table.refused().len() == 2).await;
    assert_eq!(mock.table().borrow().routes(GW).len(), 1);
    assert_eq!(to_azure.peer.status().borrow().state, State::Established);
}

/// azure.md §8, row 11.
#[tokio::test]
async fn passes_halves_to_the_other_site_and_the_default_to_nobody() {
    let (paris, oslo) = (Edge::new("127.51.255.8"), Edge::new("127.52.255.8"));
    let mock = start(azure(), &[&paris, &oslo]);
    let from_paris = paris.peer(&mock, ip("10.1.0.4"), |_| ());
    // Oslo sits at the other instance: what it hears has come through the twin.
    let to_oslo = oslo.peer(&mock, ip("10.1.0.5"), |config| {
        config.local_as = Asn(65020);
        config.router_id = RouterId::new(ip("10.52.255.254")).unwrap();
    });
    from_paris.announce(&[("0.0.0.0/0", &[65010]), ("0.0.0.0/1", &[65010]), ("128.0.0.0/1", &[65010])]);
    let half = to_oslo.until_learned("128.0.0.0/1").await;
    to_oslo.until_learned("0.0.0.0/1").await;
    assert_eq!(half.as_path, AsPath::sequence([Asn(65515), Asn(65010)]));
    assert_eq!(half.next_hop, NextHop::Address("10.1.0.5".parse().unwrap()));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 1).await;
    assert!(!to_oslo.has_learned("0.0.0.0/0"));
    assert!(to_oslo.has_learned("10.51.255.254/32") && !to_oslo.has_learned("10.52.255.254/32"));
    assert!(!from_paris.has_learned("128.0.0.0/1"));
    let advertised = mock.advertised_routes(GW, mock.azure().peer_address(id(GW, 0, OSLO))).value;
    assert!(advertised.iter().all(|row| row.local_address == ip("10.1.0.5")));
    assert!(
        advertised.iter().any(|row| row.network.to_string() == "128.0.0.0/1" && row.as_path == "65515-65010")
    );
}

/// azure.md §8, row 20: the limit is over all sessions, the one that crosses it is dropped, and may come back
/// with fewer.
#[tokio::test]
async fn drops_the_session_that_brings_too_many_prefixes() {
    // Whichever instance it is: the session that was there before stays.
    for (first, second) in [("10.1.0.4", "10.1.0.5"), ("10.1.0.5", "10.1.0.4")] {
        let edge = Edge::new("127.51.255.9");
        let mut azure = only_paris();
        azure.gateways[GW].max_prefixes = Some(3);
        azure.gateways[GW].switches.limit_penalty = Duration::from_millis(100);
        let mock = start(azure, &[&edge]);
        let first = edge.peer(&mock, ip(first), |_| ());
        first.announce(&[("0.0.0.0/0", &[65010]), ("20.0.0.0/8", &[65010])]);
        until(&mock, |table| table.routes(GW).len() == 2).await;
        let second = edge.peer(&mock, ip(second), |_| ());
        second.announce(&[("0.0.0.0/0", &[65010]), ("30.0.0.0/8", &[65010]), ("31.0.0.0/8", &[65010])]);
        let limit = ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES;
        let dropped = |down: &Option<Down>| matches!(down, Some(Down::Received(n)) if n.code == limit);
        second.until(|status| dropped(&status.last_down)).await;
        assert_eq!(first.peer.status().borrow().counters.dropped, 0);
        second.announce(&[("0.0.0.0/0", &[65010]), ("30.0.0.0/8", &[65010])]);
        until(&mock, |table| hops(table, "0.0.0.0/0") == 2 && hops(table, "30.0.0.0/8") == 1).await;
    }
}

/// azure.md §8, row 22.
#[tokio::test]
async fn one_instance_can_be_taken_down_alone() {
    let edge = Edge::new("127.51.255.10");
    let mock = start(only_paris(), &[&edge]);
    let both = ["10.1.0.4", "10.1.0.5"].map(|instance| edge.peer(&mock, ip(instance), |_| ()));
    both.iter().for_each(|to_azure| to_azure.announce(&[("0.0.0.0/0", &[65010])]));
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
    mock.take_down(GW, 0).await;
    until(&mock, |table| hops(table, "0.0.0.0/0") == 1).await;
    let told = |down: &Option<Down>| match down {
        Some(Down::Received(n)) => n.shutdown_text().is_some_and(|text| text.contains("maintenance")),
        _ => false,
    };
    both[0].until(|status| told(&status.last_down)).await;
    assert!(states(&mock).contains(&("10.51.255.254".into(), PeerState::Stopped)));
    assert!(!states(&mock).contains(&("10.1.0.4".into(), PeerState::Connected)));
    assert_eq!(both[1].peer.status().borrow().counters.dropped, 0);
    mock.bring_up(GW, 0);
    until(&mock, |table| hops(table, "0.0.0.0/0") == 2).await;
}

/// azure.md §1.7: the instances one after the other, each with itself as Unknown.
#[tokio::test]
async fn status_lists_the_instances_their_twins_and_their_peers() {
    let edge = Edge::new("127.51.255.11");
    let mock = start(with_apipa(), &[&edge]);
    let rows = |(neighbor, state)| format!("{neighbor} {state}");
    let listed: Vec<String> = states(&mock).into_iter().map(rows).collect();
    let peer = "169.254.21.1 Connecting";
    let before_the_first_look = listed.iter().map(|row| row.replace("169.254.21.1 Idle", peer));
    let expected =
        ["10.1.0.4 Unknown", "10.1.0.5 Connected", peer, "10.1.0.4 Connected", "10.1.0.5 Unknown", peer];
    assert_eq!(before_the_first_look.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn stopping_says_so_to_every_peer() {
    let edge = Edge::new("127.51.255.12");
    let mock = start(only_paris(), &[&edge]);
    let to_azure = edge.peer(&mock, ip("10.1.0.4"), |_| ());
    to_azure.until(|status| status.state == State::Established).await;
    mock.stop().await;
    let code = ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN;
    to_azure.until(|status| matches!(&status.last_down, Some(Down::Received(n)) if n.code == code)).await;
}

/// azure.md §8, row 4.
#[tokio::test]
async fn does_not_start_what_azure_refuses() {
    let mut azure = only_paris();
    azure.gateways[GW].connections[PARIS].asn = Asn(65520);
    azure.vnets[0].subnets[0].routes = vec![UserRoute {
        name: "all".into(),
        prefix: "0.0.0.0/0".parse().unwrap(),
        next_hop_type: NextHopType::Internet,
        next_hop_ip: None,
    }];
    let Err(StartError::Refused(findings)) = Mock::start(azure, &Endpoints::default()) else {
        panic!("it started")
    };
    assert_eq!(findings.len(), 2);
}

#[tokio::test]
async fn does_not_start_with_two_peers_at_one_address() {
    let mut endpoints = Endpoints::default();
    for (peer, port) in [("10.51.255.254", 1179), ("10.52.255.254", 2179)] {
        endpoints.0.insert(peer.parse().unwrap(), SocketAddr::from(([127, 0, 0, 1], port)));
    }
    assert!(matches!(Mock::start(azure(), &endpoints), Err(StartError::SharedHost(_))));
}

#[test]
fn an_address_without_an_endpoint_is_itself_at_port_179() {
    let address: IpAddr = "10.1.0.4".parse().unwrap();
    assert_eq!(Endpoints::default().of(address), SocketAddr::new(address, 179));
}
