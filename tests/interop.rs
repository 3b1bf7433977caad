//! quadzero and five daemons: one list of behaviours, asked of all of them.
//!
//! ```text
//!                      gobgp   frr   bird   openbgpd   exabgp
//!   the_session_..       x      x      x       x          x       a cell is a test: frr::the_session_..
//!   a_withdrawal_..      x      x      x       x          x
//! ```
//!
//! The edge is on the left of the wire, the daemon on the right. tshark reads all that passes between them, and
//! must not complain of a single message. What a daemon cannot do is said by its [`Adapter`], with the reason,
//! and printed: `frr cannot: ...`.

use std::io::Write;

use quadzero_tests::{
    Adapter, BIRD, Capture, Daemon, EXABGP, FRR, GOBGP, LEFT, LEFT6, Neighbor, OPENBGPD, PATIENCE, Path,
    Quadzero, RIGHT, RIGHT6, Recording, Wire, wait_until,
};

macro_rules! suite {
    ($($daemon:ident: $adapter:ident),*; $behaviours:tt) => { $(cells!($daemon: $adapter, $behaviours);)* };
}

macro_rules! cells {
    ($daemon:ident: $adapter:ident, { $($behaviour:ident)* }) => {
        mod $daemon {
            const BEHAVIOURS: &[&str] = &[$(stringify!($behaviour)),*];

            $(#[test]
            fn $behaviour() {
                super::cell(super::$adapter, stringify!($behaviour), super::$behaviour);
            })*

            #[test]
            fn what_it_cannot_is_of_this_list() {
                super::cannot_is_of(super::$adapter, BEHAVIOURS);
            }
        }
    };
}

suite! {
    gobgp: GOBGP, frr: FRR, bird: BIRD, openbgpd: OPENBGPD, exabgp: EXABGP;
    {
        the_session_stands_when_only_the_edge_dials
        the_session_stands_when_only_the_daemon_dials
        one_session_stands_when_both_dial
        the_daemon_holds_the_default_route_and_the_exceptions_exactly_as_configured
        a_thousand_routes_are_learned
        a_withdrawn_route_is_forgotten
        on_sigterm_the_daemon_sees_a_withdrawal_and_then_a_cease_with_its_text
        the_daemons_cease_and_its_text_are_logged
        a_session_with_a_key_that_the_edge_dials_is_signed
        a_session_with_a_key_that_the_daemon_dials_is_signed
        ttl_security_lets_an_edge_on_the_link_dial
        ttl_security_lets_a_daemon_on_the_link_dial
        a_daemon_loses_no_route_while_quadzero_restarts
        a_frozen_daemon_is_given_up_when_the_hold_time_expires
        the_session_comes_back_after_the_daemon_was_killed
        the_session_comes_back_after_quadzero_was_killed
        ipv6_routes_pass_both_ways_over_ipv6
        an_edge_without_four_octet_as_is_understood
        an_old_two_octet_speaker_takes_as_trans_for_the_edges_four_octet_as
    }
}

/// Runs a test, unless the daemon cannot; this is said past the capture of the test's output.
fn cell(adapter: &'static dyn Adapter, behaviour: &str, test: fn(&Lab)) {
    if let Some((_, why)) = adapter.cannot().iter().find(|(cannot, _)| *cannot == behaviour) {
        let line = format!("{} cannot: {behaviour}: {why}\n", adapter.name());
        return std::io::stderr().write_all(line.as_bytes()).expect("a reason is heard");
    }
    test(&Lab::new(adapter));
}

fn cannot_is_of(adapter: &dyn Adapter, behaviours: &[&str]) {
    for (cannot, why) in adapter.cannot() {
        assert!(behaviours.contains(cannot), "{cannot} is no behaviour");
        assert!(!why.is_empty(), "{cannot} needs a reason");
    }
}

/// A wire with a capture, and what the two ends of it are but for what a test is about.
struct Lab {
    adapter: &'static dyn Adapter,
    capture: Capture,
    wire: Wire,
}

/// What is particular about the edge in a test.
struct Edge {
    asn: u32,
    mode: &'static str,
    hold_time: u16,
    /// Further keys of the neighbor.
    keys: &'static str,
    announced: &'static str,
}

const EDGE: Edge = Edge { asn: 65010, mode: "both", hold_time: 9, keys: "", announced: DEFAULT };

const DEFAULT: &str = "[[originate]]\nprefix = \"0.0.0.0/0\"\n";

impl Lab {
    fn new(adapter: &'static dyn Adapter) -> Self {
        let wire = Wire::new();
        Self { adapter, capture: Capture::start(&wire.right), wire }
    }

    /// A daemon that only waits, and announces nothing.
    fn neighbor(&self) -> Neighbor {
        Neighbor {
            local_as: 65020,
            local_address: RIGHT,
            remote_as: EDGE.asn,
            address: LEFT,
            passive: true,
            hold_time: EDGE.hold_time,
            password: "",
            ttl_security: false,
            graceful_restart: false,
            two_octet_as: false,
            routes: Vec::new(),
        }
    }

    fn neighbor_with(&self, routes: &[&str]) -> Neighbor {
        Neighbor { routes: words(routes), ..self.neighbor() }
    }

    fn daemon(&self, neighbor: Neighbor) -> Daemon<'_> {
        Daemon::start(self.adapter, &self.wire.right, neighbor)
    }

    fn edge(&self, edge: &Edge) -> Quadzero {
        self.edge_at(LEFT, RIGHT, edge)
    }

    fn edge_at(&self, local: &str, remote: &str, edge: &Edge) -> Quadzero {
        let Edge { asn, mode, hold_time, keys, announced } = edge;
        let listen = std::net::SocketAddr::new(local.parse().expect("an address"), 179);
        let config = format!(
            r#"
            [bgp]
            asn = {asn}
            router-id = "{LEFT}"
            listen = ["{listen}"]

            [[neighbor]]
            name = "daemon"
            address = "{remote}"
            remote-as = 65020
            local-address = "{local}"
            mode = "{mode}"
            import = "all"
            hold-time = {hold_time}
            connect-retry = "2s"
            idle-hold = "1s"
            {keys}

            {announced}
            "#
        );
        Quadzero::run(&self.wire.left, &config)
    }

    /// What was on the wire, once tshark has no complaint.
    fn recording(&self) -> Recording {
        let recording = self.capture.so_far();
        assert_eq!(recording.complaints(), "");
        recording
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn has_the_default(daemon: &Daemon<'_>) {
    assert!(daemon.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
}

fn the_session_stands_when_only_the_edge_dials(lab: &Lab) {
    let daemon = lab.daemon(lab.neighbor());
    let _edge = lab.edge(&Edge { mode: "active", ..EDGE });
    has_the_default(&daemon);
    daemon.wait_until_established();
    assert_eq!((lab.wire.left.dialed(), lab.wire.right.dialed()), (1, 0));
    lab.recording();
}

fn the_session_stands_when_only_the_daemon_dials(lab: &Lab) {
    let _edge = lab.edge(&Edge { mode: "passive", ..EDGE });
    let daemon = lab.daemon(Neighbor { passive: false, ..lab.neighbor() });
    has_the_default(&daemon);
    daemon.wait_until_established();
    assert_eq!((lab.wire.left.dialed(), lab.wire.right.dialed()), (0, 1));
    lab.recording();
}

fn one_session_stands_when_both_dial(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { passive: false, ..lab.neighbor() });
    let _edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    daemon.wait_until_established();
    wait_until("one connection is left", PATIENCE, || lab.wire.left.connections("established") == 1);
    lab.recording();
}

fn the_daemon_holds_the_default_route_and_the_exceptions_exactly_as_configured(lab: &Lab) {
    let announced = r#"
        [[originate]]
        prefix = "0.0.0.0/0"
        origin = "incomplete"
        prepend = 2
        med = 50
        communities = ["65010:100", "no-export"]
        extended-communities = ["rt:65010:1"]
        large-communities = ["65010:1:2", "65010:3:4"]

        [[exception]]
        name = "activation"
        kms = "global"
        mode = "announce"
        next-hop = "192.0.2.99"
        prepend = 1
        med = 7
        communities = ["65010:200"]

        [[exception]]
        name = "updates"
        prefixes = ["203.0.113.7/32"]
        mode = "announce"
        med = 0
    "#;
    let daemon = lab.daemon(lab.neighbor());
    let _edge = lab.edge(&Edge { announced, ..EDGE });

    let default = Path {
        origin: 2,
        as_path: vec![65010, 65010, 65010],
        next_hop: LEFT.into(),
        med: Some(50),
        communities: words(&["65010:100", "65535:65281"]),
        extended_communities: words(&["rt:65010:1"]),
        large_communities: words(&["65010:1:2", "65010:3:4"]),
        others: vec![],
    };
    let activation = Path {
        as_path: vec![65010, 65010],
        next_hop: "192.0.2.99".into(),
        med: Some(7),
        communities: words(&["65010:200"]),
        ..Path::default()
    };
    let updates = Path { as_path: vec![65010], next_hop: LEFT.into(), med: Some(0), ..Path::default() };
    let expected = [
        ("0.0.0.0/0", &default),
        ("20.118.99.224/32", &activation),
        ("203.0.113.7/32", &updates),
        ("23.102.135.246/32", &activation),
        ("40.83.235.53/32", &activation),
    ];
    let held = daemon.wait_for_prefixes(expected.len());
    assert_eq!(held.iter().map(|(prefix, path)| (prefix.as_str(), path)).collect::<Vec<_>>(), expected);
    lab.recording();
}

fn a_thousand_routes_are_learned(lab: &Lab) {
    let routes = (0..1000).map(|i| format!("10.{}.{}.0/24", i / 256, i % 256)).collect();
    let _daemon = lab.daemon(Neighbor { routes, ..lab.neighbor() });
    let edge = lab.edge(&EDGE);
    wait_until("1,000 routes are learned", PATIENCE, || edge.learned().0 == 1000);
    assert_eq!(edge.downs(), [""; 0]);
    lab.recording();
}

fn a_withdrawn_route_is_forgotten(lab: &Lab) {
    let daemon = lab.daemon(lab.neighbor_with(&["198.51.100.0/24", "203.0.113.0/24"]));
    let edge = lab.edge(&EDGE);
    let both = words(&["198.51.100.0/24", "203.0.113.0/24"]);
    wait_until("both routes are learned", PATIENCE, || edge.learned().1 == both);
    daemon.withdraw("198.51.100.0/24");
    wait_until("only one is left", PATIENCE, || edge.learned().1 == both[1..]);
    assert_eq!(edge.downs(), [""; 0]);
    lab.recording();
}

fn on_sigterm_the_daemon_sees_a_withdrawal_and_then_a_cease_with_its_text(lab: &Lab) {
    let daemon = lab.daemon(lab.neighbor());
    let mut edge = lab.edge(&EDGE);
    has_the_default(&daemon);

    assert_eq!(edge.terminate().code(), Some(0));
    daemon.wait_until_heard("quadzero is shutting down");
    daemon.wait_for_prefixes(0);

    // Which one was first, the wire tells; a daemon may read and handle messages side by side.
    lab.capture.wait_for("bgp.notify.communication");
    let filter = format!("ip.src == {LEFT} && (bgp.update.withdrawn_routes.length > 0 || bgp.type == 3)");
    let packets = lab.recording().fields(&filter, &["bgp.type"]).concat().join(",");
    let types: Vec<&str> = packets.split(',').filter(|&keepalive| keepalive != "4").collect();
    assert_eq!(types, ["2", "3"], "an UPDATE, and then the NOTIFICATION");
}

fn the_daemons_cease_and_its_text_are_logged(lab: &Lab) {
    let daemon = lab.daemon(lab.neighbor_with(&["198.51.100.0/24"]));
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);

    let text = daemon.shut_down("maintenance until noon");
    let reason = format!("NOTIFICATION received: Cease: Administrative Shutdown (6/2) {text:?}");
    wait_until("the reason is logged", PATIENCE, || edge.downs().first() == Some(&reason));
    wait_until("the route is forgotten", PATIENCE, || edge.learned().0 == 0);
    lab.recording();
}

fn a_session_with_a_key_that_the_edge_dials_is_signed(lab: &Lab) {
    signed(lab, "active", true);
}

fn a_session_with_a_key_that_the_daemon_dials_is_signed(lab: &Lab) {
    signed(lab, "passive", false);
}

/// The kernel signs and checks every segment, so that a session stands only if both hold the same key.
fn signed(lab: &Lab, mode: &'static str, passive: bool) {
    let _edge = lab.edge(&Edge { mode, keys: "password = \"quad-zero\"", ..EDGE });
    let daemon = lab.daemon(Neighbor { password: "quad-zero", passive, ..lab.neighbor() });
    has_the_default(&daemon);
    assert_eq!(lab.recording().count("bgp && !tcp.options.md5"), 0);
}

/// RFC 5082: all that either side says comes with TTL 255.
fn ttl_security_lets_an_edge_on_the_link_dial(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { ttl_security: true, ..lab.neighbor() });
    let _edge = lab.edge(&Edge { mode: "active", keys: "ttl-security = 1", ..EDGE });
    has_the_default(&daemon);
    assert_eq!(lab.recording().count("bgp && ip.ttl != 255"), 0);
}

fn ttl_security_lets_a_daemon_on_the_link_dial(lab: &Lab) {
    let _edge = lab.edge(&Edge { mode: "passive", keys: "ttl-security = 1", ..EDGE });
    let daemon = lab.daemon(Neighbor { ttl_security: true, passive: false, ..lab.neighbor() });
    has_the_default(&daemon);
    assert_eq!(lab.recording().count("bgp && ip.ttl != 255"), 0);
}

/// RFC 4724: killed, and started again within the restart time.
fn a_daemon_loses_no_route_while_quadzero_restarts(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { graceful_restart: true, ..lab.neighbor() });
    let graceful = Edge { keys: "graceful-restart = \"2m\"", ..EDGE };
    let mut edge = lab.edge(&graceful);
    has_the_default(&daemon);
    daemon.wait_until_established();

    let has_it = || assert!(daemon.heard().contains_key("0.0.0.0/0"), "the route is never gone");
    edge.kill();
    wait_until("the daemon notices", PATIENCE, || {
        has_it();
        !daemon.is_established()
    });
    let _edge = lab.edge(&graceful);
    wait_until("the session is back", PATIENCE, || {
        has_it();
        daemon.is_established()
    });
    has_it();
    lab.recording();
}

/// A frozen daemon's kernel still accepts and acknowledges, so that only the timer tells.
fn a_frozen_daemon_is_given_up_when_the_hold_time_expires(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { hold_time: 3, ..lab.neighbor_with(&["198.51.100.0/24"]) });
    let edge = lab.edge(&Edge { hold_time: 3, ..EDGE });
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);
    has_the_default(&daemon);

    daemon.signal("STOP");
    let reason = "NOTIFICATION sent: Hold Timer Expired (4/0)";
    wait_until("the session is given up", PATIENCE, || edge.downs().first().is_some_and(|r| r == reason));
    wait_until("the route is forgotten", PATIENCE, || edge.learned().0 == 0);
    daemon.signal("CONT");
    wait_until("it is learned again", PATIENCE, || edge.learned().0 == 1);
    has_the_default(&daemon);
    assert!(lab.recording().count("bgp.notify.major_error == 4") > 0);
}

fn the_session_comes_back_after_the_daemon_was_killed(lab: &Lab) {
    let mut daemon = lab.daemon(lab.neighbor_with(&["198.51.100.0/24"]));
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);

    daemon.kill_and_restart();
    wait_until("there is a second session", PATIENCE, || edge.ups() == 2);
    has_the_default(&daemon);
    wait_until("the route is learned again", PATIENCE, || edge.learned().0 == 1);
    assert_eq!(edge.downs().len(), 1, "{:?}", edge.downs());
    lab.recording();
}

fn the_session_comes_back_after_quadzero_was_killed(lab: &Lab) {
    let daemon = lab.daemon(lab.neighbor());
    let mut edge = lab.edge(&EDGE);
    has_the_default(&daemon);

    edge.kill();
    daemon.wait_for_prefixes(0);
    let _edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    lab.recording();
}

fn ipv6_routes_pass_both_ways_over_ipv6(lab: &Lab) {
    let announced = "[[originate]]\nprefix = \"::/0\"\nmed = 50\ncommunities = [\"65010:100\"]\n";
    let neighbor = Neighbor { local_address: RIGHT6, address: LEFT6, ..lab.neighbor() };
    let daemon = lab.daemon(Neighbor { routes: words(&["2001:db8:1::/48"]), ..neighbor });
    let edge = lab.edge_at(LEFT6, RIGHT6, &Edge { announced, ..EDGE });

    let default = Path {
        as_path: vec![65010],
        next_hop: LEFT6.into(),
        med: Some(50),
        communities: words(&["65010:100"]),
        ..Path::default()
    };
    assert_eq!(daemon.wait_for_prefixes(1).into_iter().collect::<Vec<_>>(), [("::/0".into(), default)]);
    wait_until("the route is learned", PATIENCE, || edge.learned().1 == ["2001:db8:1::/48"]);
    lab.recording();
}

fn an_edge_without_four_octet_as_is_understood(lab: &Lab) {
    let announced = "[[originate]]\nprefix = \"0.0.0.0/0\"\nprepend = 1\n";
    let daemon = lab.daemon(lab.neighbor_with(&["198.51.100.0/24"]));
    let edge = lab.edge(&Edge { keys: "four-octet-as = false", announced, ..EDGE });

    let path = &daemon.wait_for_prefixes(1)["0.0.0.0/0"];
    assert_eq!((path.as_path.as_slice(), &path.others), (&[65010, 65010][..], &vec![]));
    wait_until("the route is learned", PATIENCE, || edge.learned().1 == ["198.51.100.0/24"]);
    lab.recording();
}

/// RFC 6793 §4.2.2: we are AS_TRANS in what it is sent, and what we are in truth goes along in AS4_PATH. A daemon
/// that only plays an old speaker reads that all the same.
fn an_old_two_octet_speaker_takes_as_trans_for_the_edges_four_octet_as(lab: &Lab) {
    const ASN: u32 = 4_200_000_010;
    let announced = "[[originate]]\nprefix = \"0.0.0.0/0\"\nprepend = 1\n";
    let neighbor = lab.neighbor_with(&["198.51.100.0/24"]);
    let daemon = lab.daemon(Neighbor { remote_as: ASN, two_octet_as: true, ..neighbor });
    let edge = lab.edge(&Edge { asn: ASN, announced, ..EDGE });

    let path = &daemon.wait_for_prefixes(1)["0.0.0.0/0"].as_path;
    assert!([vec![u64::from(ASN); 2], vec![23456; 2]].contains(path), "{path:?}");
    // A daemon to which we are AS_TRANS does not see that it sends our default route back to us.
    let route = "198.51.100.0/24".to_owned();
    wait_until("the route is learned", PATIENCE, || edge.learned().1.contains(&route));
    let filter = format!("ip.src == {LEFT} && bgp.update.path_attribute.type_code == 17");
    let segment = "bgp.update.path_attribute.as_path_segment";
    let fields = [format!("{segment}.as2"), format!("{segment}.as4")];
    let paths = lab.recording().fields(&filter, &fields.each_ref().map(String::as_str));
    assert_eq!(paths, [["23456,23456", "4200000010,4200000010"]]);
}
