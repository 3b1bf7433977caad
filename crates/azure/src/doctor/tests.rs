//! Each trouble is made with a real edge and the mock on loopback, and found in what either side has logged.

use super::*;
use crate::speaker::Endpoints;
use crate::testing::*;
use quadzero_codec::{AsPath, Asn, Attributes, Family, HoldTime, NextHop, RouterId};
use quadzero_fsm::{
    Capabilities, HoldNegotiation, Import, Mode, Peer, PeerConfig, Speaker, Timers, Transport,
};
use quadzero_rib::{Route, RouteSet};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tracing::subscriber::DefaultGuard;

const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that this thread logs, as the program does with `--log-format json`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false);
        let subscriber = lines.with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of the edge are those of its neighbors, called after the instances.
    fn of(&self, side: Side) -> String {
        let text = self.text();
        let of_edge = |line: &&str| line.contains(r#""neighbor":"azure "#);
        text.lines()
            .filter(|line| of_edge(line) == (side == Side::Edge))
            .map(|line| line.to_owned() + "\n")
            .collect()
    }

    async fn until(&self, side: Side, words: &[&str]) {
        let all = async {
            while !self.of(side).lines().any(|line| words.iter().all(|words| line.contains(words))) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, all).await;
        assert!(waited.is_ok(), "never logged {words:?}:\n{}", self.text());
    }
}

/// Both sides, the mock with the first instance of a gateway alone to talk to.
struct Pair {
    log: Log,
    mock: Mock,
    config: PeerConfig,
    wanted: watch::Sender<Arc<RouteSet>>,
    _edge: (Speaker, Peer),
    _logs: DefaultGuard,
}

impl Pair {
    /// An edge at 127.0.`n`.1, and the instances at 127.0.`n`.4 and further.
    fn new(n: u8, mut azure: Azure, instance: Ipv4Addr, change: impl Fn(&mut PeerConfig)) -> Self {
        let (log, logs) = Log::start();
        azure.gateways[GW].connections.truncate(1);
        let speaker = Speaker::new();
        let socket = speaker.listen(SocketAddr::from(([127, 0, n, 1], 0))).unwrap();
        let own = azure.gateways[GW].connections[PARIS].peer(0);
        let mut endpoints = Endpoints::default();
        let instances = (0..azure.gateways[GW].instances.len()).flat_map(|i| azure.gateways[GW].addresses(i));
        for (i, address) in (4..).zip(instances) {
            endpoints.0.insert(address.into(), SocketAddr::from(([127, 0, n, i], 0)));
        }
        endpoints.0.insert(own, socket);
        let mock = Mock::start(azure, &endpoints).unwrap();
        let mut config = edge(
            own,
            Transport {
                remote: mock.endpoint(instance).unwrap(),
                local: Some(socket.ip()),
                ttl: Some(64),
                min_ttl: None,
                md5: None,
            },
        );
        change(&mut config);
        let (wanted, receiver) = watch::channel(Arc::default());
        let peer = speaker.add(config.clone(), receiver).unwrap();
        Self { log, mock, config, wanted, _edge: (speaker, peer), _logs: logs }
    }

    fn announce(&self, routes: &[(&str, &[u32])]) {
        let route = |(prefix, path): &(&str, &[u32])| Route {
            prefix: prefix.parse().unwrap(),
            attributes: Arc::new(Attributes {
                as_path: AsPath::sequence(path.iter().copied().map(Asn)),
                next_hop: NextHop::Own,
                ..Attributes::default()
            }),
        };
        self.wanted.send_replace(Arc::new(routes.iter().map(route).collect()));
    }

    fn of_edge(&self) -> Vec<Finding> {
        let mut observations = Observations::new(Side::Edge);
        observations.session(&self.config.name).setup = Setup {
            own_as: Some(self.config.local_as),
            peer_as: Some(self.config.remote_as),
            own: self.config.own_address,
            peer: Some(self.config.transport.remote.ip()),
            hold: Some(self.config.timers.hold.seconds()),
            dials: Some(self.config.mode != Mode::Passive),
            ttl: self.config.transport.ttl,
            ..Setup::default()
        };
        observations.read(&self.log.of(Side::Edge));
        diagnose(&observations)
    }

    /// Of the session that the edge has: the other instance has none.
    fn of_gateway(&self) -> Vec<Finding> {
        let mut observations = of_mock(&self.mock, &self.log.of(Side::Gateway));
        observations.sessions.retain(|name, _| name == "gw/gw-0/paris");
        diagnose(&observations)
    }
}

fn edge(own: IpAddr, transport: Transport) -> PeerConfig {
    PeerConfig {
        name: "azure gw-0".into(),
        local_as: Asn(65010),
        router_id: RouterId::new(ip("10.51.255.254")).unwrap(),
        remote_as: Asn(65515),
        mode: Mode::Active,
        families: vec![Family::IPV4_UNICAST],
        timers: Timers { hold: HoldTime::new(180).unwrap(), ..Timers::default() },
        damp_peer_oscillations: false,
        hold_negotiation: HoldNegotiation::Minimum,
        role: None,
        capabilities: Capabilities::default(),
        import: Import::All,
        own_address: Some(own),
        honour_graceful_shutdown: true,
        max_prefixes: None,
        max_prefixes_out: None,
        transport,
    }
}

/// What was found: one thing, and how sure that is.
fn only(findings: &[Finding]) -> (Cause, Certainty) {
    match findings {
        [one] => (one.id, one.certainty),
        other => panic!("{other:#?}"),
    }
}

#[tokio::test]
async fn a_healthy_pair_has_nothing() {
    let pair = Pair::new(91, azure(), ip("10.1.0.4"), |_| ());
    pair.announce(&[("0.0.0.0/0", &[65010]), ("10.0.0.0/8", &[65010])]);
    pair.log.until(Side::Gateway, &["gw/gw-0/paris", r#""total":2"#, "learned"]).await;
    pair.log.until(Side::Edge, &["learned", "10.1.0.0/16"]).await;
    assert_eq!((pair.of_edge(), pair.of_gateway()), (Vec::new(), Vec::new()));
}

/// azure.md §1.1, §8, row 4: such an AS cannot stand in a connection, so that the session is refused.
#[tokio::test]
async fn a_reserved_as_is_found_on_both_sides() {
    let pair = Pair::new(92, azure(), ip("10.1.0.4"), |config| config.local_as = Asn(65520));
    pair.log.until(Side::Edge, &["NOTIFICATION received", "2/2"]).await;
    pair.log.until(Side::Gateway, &["OPEN refused"]).await;
    for findings in [pair.of_edge(), pair.of_gateway()] {
        assert_eq!(only(&findings), (Cause::ReservedAsn, Certainty::Certain));
        assert!(findings[0].cause.contains("AS 65520 is reserved by Azure"), "{}", findings[0]);
        assert!(findings[0].fix.contains("64512-65514"), "{}", findings[0]);
    }
}

/// azure.md §8, row 5.
#[tokio::test]
async fn another_as_than_the_connection_has_is_found_on_both_sides() {
    let pair = Pair::new(93, azure(), ip("10.1.0.4"), |config| config.local_as = Asn(65011));
    pair.log.until(Side::Edge, &["NOTIFICATION received", "2/2"]).await;
    pair.log.until(Side::Gateway, &["OPEN refused"]).await;
    for findings in [pair.of_edge(), pair.of_gateway()] {
        assert_eq!(only(&findings), (Cause::WrongAsn, Certainty::Certain));
        assert!(findings[0].fix.contains("AS 65011"), "{}", findings[0]);
    }
}

/// azure.md §7.1 (TIMERS): 30 s against 60/180. Here 3 s, the least there is, so that nobody has to wait.
#[tokio::test]
async fn a_hold_time_below_the_gateways_keepalives_is_found_on_both_sides() {
    let short = |config: &mut PeerConfig| config.timers.hold = HoldTime::new(3).unwrap();
    let pair = Pair::new(94, azure(), ip("10.1.0.4"), short);
    pair.log.until(Side::Gateway, &["gw/gw-0/paris", "session established", r#""peer_hold_time":3"#]).await;
    assert_eq!(only(&pair.of_gateway()), (Cause::HoldTime, Certainty::Likely), "before it flaps");
    pair.log.until(Side::Edge, &["NOTIFICATION sent", "4/0"]).await;
    pair.log.until(Side::Gateway, &["NOTIFICATION received", "4/0"]).await;
    for findings in [pair.of_edge(), pair.of_gateway()] {
        assert_eq!(only(&findings), (Cause::HoldTime, Certainty::Certain));
        assert!(findings[0].symptom.contains("reset once by the hold timer, after 3 s"), "{}", findings[0]);
        assert!(findings[0].fix.contains("180"), "{}", findings[0]);
    }
}

/// azure.md §7.1 (CFG-BGP), §8, row 2.
#[tokio::test]
async fn an_edge_that_waits_for_an_apipa_gateway_to_dial_is_found_on_both_sides() {
    let mut azure = azure();
    move_to(&mut azure.gateways[GW].connections[PARIS], "169.254.21.1");
    azure.gateways[GW].instances[0].apipa = vec![ip("169.254.21.2")];
    azure.gateways[GW].instances[1].apipa = vec![ip("169.254.22.6")];
    let pair = Pair::new(95, azure, ip("169.254.21.2"), |config| config.mode = Mode::Passive);
    pair.log.until(Side::Edge, &["state changed", r#""to":"Active""#]).await;
    pair.log.until(Side::Gateway, &["gw/gw-0/paris", "state changed", r#""to":"Active""#]).await;
    let (of_edge, of_gateway) = (pair.of_edge(), pair.of_gateway());
    assert_eq!(only(&of_edge), (Cause::Apipa, Certainty::Certain));
    assert_eq!(only(&of_gateway), (Cause::Apipa, Certainty::Likely), "the tunnel may be down as well");
    assert!(of_gateway[0].fix.contains("dial from on-premises"), "{}", of_gateway[0]);
}

/// azure.md §7.1 (VPN-FAQ), §8, row 18.
#[tokio::test]
async fn a_prefix_inside_the_virtual_network_is_found() {
    let pair = Pair::new(96, azure(), ip("10.1.0.4"), |_| ());
    pair.announce(&[("0.0.0.0/0", &[65010]), ("10.1.4.0/24", &[65010])]);
    pair.log.until(Side::Gateway, &["route dropped", "10.1.4.0/24"]).await;
    let findings = pair.of_gateway();
    assert_eq!(only(&findings), (Cause::InsideVnet, Certainty::Certain));
    assert!(findings[0].symptom.starts_with("10.1.4.0/24 missing at Azure"), "{}", findings[0]);
    assert_eq!(pair.of_edge(), Vec::new(), "Azure tells nobody");
}

/// azure.md §7.1 (RS-FAQ), §8, row 19.
#[tokio::test]
async fn the_gateways_own_as_in_a_path_is_found() {
    let pair = Pair::new(97, azure(), ip("10.1.0.4"), |_| ());
    pair.announce(&[("0.0.0.0/0", &[65010, 65515]), ("10.0.0.0/8", &[65010])]);
    pair.log.until(Side::Gateway, &["ignored", "0.0.0.0/0"]).await;
    let findings = pair.of_gateway();
    assert_eq!(only(&findings), (Cause::OwnAsInPath, Certainty::Certain));
    assert!(findings[0].cause.contains("65515"), "{}", findings[0]);
}

/// azure.md §1.5, §8, row 20.
#[tokio::test]
async fn a_limit_that_was_passed_is_found_on_both_sides() {
    let mut azure = azure();
    azure.gateways[GW].max_prefixes = Some(2);
    let pair = Pair::new(98, azure, ip("10.1.0.4"), |_| ());
    pair.announce(&[("0.0.0.0/0", &[65010]), ("20.0.0.0/8", &[65010]), ("30.0.0.0/8", &[65010])]);
    pair.log.until(Side::Edge, &["NOTIFICATION received", "6/1"]).await;
    let (of_edge, of_gateway) = (pair.of_edge(), pair.of_gateway());
    assert_eq!(only(&of_edge), (Cause::TooManyPrefixes, Certainty::Certain));
    assert_eq!(only(&of_gateway), (Cause::TooManyPrefixes, Certainty::Certain));
    assert!(of_gateway[0].cause.contains("limit of 2"), "{}", of_gateway[0]);
}

/// Nobody is at the edge's address yet: that is trouble until the session comes up.
#[tokio::test]
async fn what_went_wrong_before_the_session_came_up_is_forgotten() {
    let mut observations = Observations::new(Side::Edge);
    let session = observations.session("azure-0");
    session.note(None, What::DialFailed(Dial::Refused));
    assert_eq!(only(&diagnose(&observations)), (Cause::NoBgp, Certainty::Likely));
    observations.session("azure-0").note(None, What::Up { hold: 180, peer_hold: Some(180) });
    assert_eq!(diagnose(&observations), Vec::new());
}

/// azure.md §8, row 22.
#[tokio::test]
async fn maintenance_is_no_mystery_to_the_edge() {
    let pair = Pair::new(99, azure(), ip("10.1.0.4"), |_| ());
    pair.log.until(Side::Edge, &["session established"]).await;
    pair.mock.take_down(GW, 0).await;
    pair.log.until(Side::Edge, &["NOTIFICATION received", "6/2"]).await;
    let findings = pair.of_edge();
    assert_eq!(only(&findings), (Cause::TakenDown, Certainty::Certain));
    assert!(findings[0].cause.contains("maintenance of the instance"), "{}", findings[0]);
}

/// azure.md §7.1: what the packet's end looks like from the edge, by what the system says of the dial.
#[test]
fn a_dial_that_fails_is_explained_by_how_it_is_configured() {
    let found = |change: fn(&mut Setup), dial: Dial| {
        let mut observations = Observations::new(Side::Edge);
        let session = observations.session("azure-0");
        session.setup.ttl = Some(64);
        change(&mut session.setup);
        session.note(None, What::DialFailed(dial));
        only(&diagnose(&observations))
    };
    let one_hop = |setup: &mut Setup| setup.ttl = Some(1);
    assert_eq!(found(one_hop, Dial::Unreachable), (Cause::Multihop, Certainty::Certain));
    assert_eq!(found(one_hop, Dial::Unanswered), (Cause::Multihop, Certainty::Likely));
    let link = |setup: &mut Setup| (setup.ttl, setup.at_expressroute) = (Some(1), true);
    assert_eq!(found(link, Dial::Unanswered), (Cause::NoPath, Certainty::Likely));
    let key = |setup: &mut Setup| setup.md5 = Some(true);
    assert_eq!(found(key, Dial::Unanswered), (Cause::Md5, Certainty::Likely));
    assert_eq!(found(|_| (), Dial::Unreachable), (Cause::NoPath, Certainty::Likely));
    assert_eq!(found(|_| (), Dial::NoLocalAddress), (Cause::NoLocalAddress, Certainty::Certain));
}
