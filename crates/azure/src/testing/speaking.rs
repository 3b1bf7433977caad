//! The mock against real sessions of an edge, over loopback. Addresses of sockets are ports that the system picks.

use super::*;
use crate::gateway::PeerState;
use crate::speaker::{Endpoints, Mock};
use quadzero_codec::{ErrorCode, Family, HoldTime};
use quadzero_fsm::{
    Capabilities, Down, HoldNegotiation, Import, Mode, Peer, PeerConfig, Speaker, State, Status, Timers,
    Transport,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A router on-premises.
pub(crate) struct Edge {
    speaker: Speaker,
    pub(crate) socket: SocketAddr,
}

/// Its session with an instance.
pub(crate) struct ToAzure {
    pub(crate) peer: Peer,
    wanted: watch::Sender<Arc<RouteSet>>,
}

impl Edge {
    pub(crate) fn new(host: &str) -> Self {
        let speaker = Speaker::new();
        let socket = speaker.listen(SocketAddr::new(host.parse().unwrap(), 0)).unwrap();
        Self { speaker, socket }
    }

    /// Its side of a session of the mock.
    pub(crate) fn session(&self, mock: &Mock, id: SessionId, change: impl Fn(&mut PeerConfig)) -> ToAzure {
        let azure = mock.azure();
        let own = azure.peer_address(id);
        self.peer(mock, azure.local_address(id), |config| {
            config.local_as = azure.connection(id).asn;
            config.remote_as = azure.gateways[id.gateway].asn();
            config.own_address = Some(own);
            if let IpAddr::V4(own) = own {
                config.router_id = RouterId::new(own).unwrap();
            }
            change(config);
        })
    }

    pub(crate) fn peer(&self, mock: &Mock, instance: Ipv4Addr, change: impl Fn(&mut PeerConfig)) -> ToAzure {
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
    pub(crate) fn announce(&self, routes: &[(&str, &[u32])]) {
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

    pub(crate) async fn is_up(&self) -> Status {
        self.until(|status| status.state == State::Established).await
    }

    /// Until the session has ended with this NOTIFICATION from Azure.
    pub(crate) async fn until_told(&self, code: ErrorCode) {
        let told = |down: &Option<Down>| matches!(down, Some(Down::Received(n)) if n.code == code);
        self.until(|status| told(&status.last_down)).await;
    }

    pub(crate) async fn until(&self, condition: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.peer.status();
        tokio::time::timeout(PATIENCE, status.wait_for(condition)).await.unwrap().unwrap().clone()
    }

    pub(crate) async fn until_learned(&self, prefix: &str) -> Arc<Attributes> {
        let prefix: IpNet = prefix.parse().unwrap();
        self.until(|_| self.peer.learned().get(&prefix).is_some()).await;
        self.peer.learned().get(&prefix).unwrap().clone()
    }

    pub(crate) fn has_learned(&self, prefix: &str) -> bool {
        self.peer.learned().get(&prefix.parse().unwrap()).is_some()
    }
}

/// The mock on loopback, its instances at 127.1.0.4 and 127.1.0.5, with one of these edges for each
/// connection.
pub(crate) fn start(azure: Azure, edges: &[&Edge]) -> Mock {
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

pub(crate) fn only_paris() -> Azure {
    let mut azure = azure();
    azure.gateways[GW].connections.truncate(1);
    azure
}

pub(crate) async fn until(mock: &Mock, condition: impl Fn(&Table) -> bool) {
    let mut table = mock.table();
    tokio::time::timeout(PATIENCE, table.wait_for(|table| condition(table))).await.unwrap().unwrap();
}

pub(crate) fn hops(table: &Table, prefix: &str) -> usize {
    let prefix = prefix.parse().unwrap();
    table.routes(GW).iter().find(|route| route.prefix == prefix).map_or(0, |route| route.hops.len())
}

pub(crate) fn states(mock: &Mock) -> Vec<(String, PeerState)> {
    mock.peer_status(GW).value.iter().map(|row| (row.neighbor.to_string(), row.state)).collect()
}
