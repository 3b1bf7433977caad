//! quadzero and GoBGP: what gobgpd holds is what the configuration says, and a session that breaks comes back.
//!
//! Everything on the wire is read by tshark as well, which must not complain of a single message.

use quadzero_tests::{Capture, Gobgpd, LEFT, Neighbor, PATIENCE, Path, Quadzero, RIGHT, Wire, wait_until};
use serde_json::Value;

/// gobgpd on the right, quadzero on the left.
const GOBGPD: Neighbor = Neighbor {
    local_as: 65020,
    local_address: RIGHT,
    remote_as: 65010,
    address: LEFT,
    passive: true,
    hold_time: 9,
    password: "",
};

/// The edge on the left, but for what it announces.
const EDGE: &str = r#"
[bgp]
asn = 65010
router-id = "192.0.2.1"
listen = ["192.0.2.1:179"]

[[neighbor]]
name = "gobgp"
address = "192.0.2.2"
remote-as = 65020
local-address = "192.0.2.1"
mode = "both"
import = "all"
hold-time = 9
connect-retry = "2s"
idle-hold = "1s"
"#;

const DEFAULT: &str = r#"
[[originate]]
prefix = "0.0.0.0/0"
"#;

fn edge(announced: &str) -> String {
    [EDGE, announced].concat()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn gobgpd_holds_the_default_route_and_the_exceptions_exactly_as_configured() {
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
    "#;
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, GOBGPD);
    let _quadzero = Quadzero::run(&wire.left, &edge(announced));

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
    let updates = Path { as_path: vec![65010], next_hop: LEFT.into(), ..Path::default() };
    let expected = [
        ("0.0.0.0/0", &default),
        ("20.118.99.224/32", &activation),
        ("203.0.113.7/32", &updates),
        ("23.102.135.246/32", &activation),
        ("40.83.235.53/32", &activation),
    ];
    let held = gobgpd.wait_for_prefixes(expected.len());
    assert_eq!(held.iter().map(|(prefix, path)| (prefix.as_str(), path)).collect::<Vec<_>>(), expected);
    assert_eq!(capture.finish().complaints(), "");
}

#[test]
fn a_carve_out_is_84_prefixes_and_no_default_route() {
    let announced = r#"
        [[originate]]
        prefix = "0.0.0.0/0"

        [[exception]]
        name = "activation"
        kms = "global"
        mode = "carve-out"
    "#;
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, GOBGPD);
    let _quadzero = Quadzero::run(&wire.left, &edge(announced));

    let held = gobgpd.wait_for_prefixes(84);
    for absent in ["0.0.0.0/0", "20.118.99.224/32", "23.102.135.246/32", "40.83.235.53/32"] {
        assert!(!held.contains_key(absent), "{absent}");
    }
    // The /32 beside each hole is the smallest of the prefixes.
    for beside in ["20.118.99.225/32", "23.102.135.247/32", "40.83.235.52/32"] {
        assert!(held.contains_key(beside), "{beside}");
    }
    assert_eq!(capture.finish().complaints(), "");
}

#[test]
fn a_route_of_gobgpd_is_learned_and_forgotten_with_its_withdrawal() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, GOBGPD);
    gobgpd.announce("198.51.100.0/24", &["origin", "egp", "med", "10", "community", "65020:1"]);
    let quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));

    wait_until("the route is learned", PATIENCE, || quadzero.learned() == ["198.51.100.0/24"]);
    gobgpd.announce("203.0.113.0/24", &["large-community", "65020:1:2"]);
    wait_until("another is", PATIENCE, || quadzero.learned() == ["198.51.100.0/24", "203.0.113.0/24"]);
    gobgpd.withdraw("198.51.100.0/24");
    wait_until("only that is left", PATIENCE, || quadzero.learned() == ["203.0.113.0/24"]);
    assert_eq!(capture.finish().complaints(), "");
}

#[test]
fn the_session_comes_back_after_gobgpd_was_killed() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let mut gobgpd = Gobgpd::start(&wire.right, GOBGPD);
    gobgpd.announce("198.51.100.0/24", &[]);
    let quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));
    wait_until("the route is learned", PATIENCE, || quadzero.learned() == ["198.51.100.0/24"]);

    gobgpd.kill_and_restart();
    gobgpd.wait_until_established();
    wait_until("what the dead one said is forgotten", PATIENCE, || quadzero.learned().is_empty());
    assert!(gobgpd.wait_for_prefixes(1).contains_key("0.0.0.0/0"), "the new one is told everything");
    assert_eq!(capture.finish().complaints(), "");
}

#[test]
fn the_session_comes_back_after_quadzero_was_killed() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, GOBGPD);
    let mut quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));
    gobgpd.wait_for_prefixes(1);

    quadzero.kill();
    gobgpd.wait_for_prefixes(0);
    let _quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));
    assert!(gobgpd.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
    assert_eq!(capture.finish().complaints(), "");
}

#[test]
fn on_sigterm_gobgpd_sees_a_withdrawal_and_then_a_cease_with_its_text() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, GOBGPD);
    let mut quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));
    gobgpd.wait_for_prefixes(1);

    assert_eq!(quadzero.terminate().code(), Some(0));
    let text = |event: &Value| event["Communicated-Reason"].as_str().is_some_and(|text| !text.is_empty());
    let cease = |event: &Value| event["Code"] == 6 && event["Subcode"] == 2 && text(event);
    let withdrawal = |event: &Value| event["withdrawals"][0]["prefix"] == "0.0.0.0/0";
    wait_until("gobgpd has the Cease and its text", PATIENCE, || gobgpd.events().iter().any(cease));
    wait_until("gobgpd has the withdrawal", PATIENCE, || gobgpd.events().iter().any(withdrawal));

    // Which one was first gobgpd's log does not tell, as it reads and handles messages side by side.
    capture.wait_for("bgp.notify.communication");
    let recording = capture.finish();
    let filter = format!("ip.src == {LEFT} && (bgp.update.withdrawn_routes.length > 0 || bgp.type == 3)");
    let packets = recording.fields(&filter, &["bgp.type"]).concat().join(",");
    let types: Vec<&str> = packets.split(',').filter(|&keepalive| keepalive != "4").collect();
    assert_eq!(types, ["2", "3"], "an UPDATE, and then the NOTIFICATION");
    assert_eq!(recording.complaints(), "");
}

/// Both connections stand, with quadzero's OPEN sent on both, before gobgpd can read a byte of either: it is
/// stopped once its SYN is on the way, which is lost until quadzero listens.
#[test]
fn of_two_connections_dialed_at_once_one_session_remains() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    wire.left.ip(&["route", "add", "blackhole", "192.0.2.2/32"]);
    let gobgpd = Gobgpd::start(&wire.right, Neighbor { passive: false, ..GOBGPD });
    wait_until("gobgpd dials", PATIENCE, || wire.right.connections("syn-sent") == 1);
    gobgpd.signal("STOP");
    let _quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));
    wire.left.ip(&["route", "del", "blackhole", "192.0.2.2/32"]);
    wait_until("both have dialed", PATIENCE, || wire.left.connections("established") == 2);
    gobgpd.signal("CONT");

    gobgpd.wait_until_established();
    wait_until("one connection is left", PATIENCE, || wire.left.connections("established") == 1);
    let (up, down) = (gobgpd.count("Peer Up"), gobgpd.count("Peer Down"));
    wait_until("keepalives pass", PATIENCE, || gobgpd.keepalives_received() >= 4);
    assert_eq!((gobgpd.count("Peer Up"), gobgpd.count("Peer Down")), (up, down), "it stays up");
    assert!(gobgpd.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
    assert_eq!(capture.finish().complaints(), "");
}

/// The kernel signs and checks every segment, so that a session stands only if both hold the same key.
#[test]
fn a_session_with_a_key_is_signed() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, Neighbor { password: "quad zero", ..GOBGPD });
    let _quadzero = Quadzero::run(&wire.left, &edge(&["password = \"quad zero\"", DEFAULT].concat()));

    assert!(gobgpd.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
    let recording = capture.finish();
    assert_eq!(recording.count("bgp && !tcp.options.md5"), 0);
    assert_eq!(recording.complaints(), "");
}

#[test]
fn the_mock_gateway_serves_gobgpd_as_the_on_premises_edge() {
    let gateway = r#"
        [gateway]
        kind = "vpn-gateway"
        asn = 65515
        mode = "active-standby"

        [[gateway.instance]]
        address = "10.1.0.30"

        [[gateway.connection]]
        name = "onprem"
        asn = 65010
        address = "192.0.2.2"

        [[vnet]]
        name = "hub"
        address-space = ["10.1.0.0/16"]

        [[vnet.subnet]]
        name = "GatewaySubnet"
        prefix = "10.1.0.0/27"

        [[vnet.subnet]]
        name = "workload"
        prefix = "10.1.1.0/24"
    "#;
    // The gateway keeps to its 60 and 180 seconds whatever the edge says.
    let address = "10.1.0.30";
    let edge =
        Neighbor { local_as: 65010, remote_as: 65515, address, passive: false, hold_time: 180, ..GOBGPD };
    let wire = Wire::new();
    wire.left.ip(&["addr", "add", "10.1.0.30/32", "dev", "wire"]);
    wire.right.ip(&["route", "add", "10.1.0.30/32", "dev", "wire"]);
    let capture = Capture::start(&wire.right);
    let gobgpd = Gobgpd::start(&wire.right, edge);
    gobgpd.announce("0.0.0.0/0", &["med", "10", "community", "65010:100"]);
    gobgpd.announce("10.1.1.0/24", &[]);
    let mut mock = Quadzero::azure(&wire.left, gateway);

    wait_until("Azure takes the default route", PATIENCE, || mock.azure_learned() == ["0.0.0.0/0"]);
    wait_until("and nothing of its own", PATIENCE, || mock.azure_dropped() == ["10.1.1.0/24"]);
    assert_eq!(mock.azure_learned(), ["0.0.0.0/0"]);
    let held = gobgpd.wait_for_prefixes(3);
    let vnet = Path { as_path: vec![65515], next_hop: address.into(), ..Path::default() };
    assert_eq!(held["10.1.0.0/16"], vnet);

    gobgpd.withdraw("0.0.0.0/0");
    wait_until("Azure forgets it", PATIENCE, || mock.azure_learned().is_empty());
    assert_eq!(mock.terminate().code(), Some(0));
    assert_eq!(capture.finish().complaints(), "");
}
