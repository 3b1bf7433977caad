//! quadzero and GoBGP where one daemon is enough: a carve-out, a collision whose every step is arranged, and the
//! mock gateway. What all daemons are asked is in `interop.rs`.
//!
//! Everything on the wire is read by tshark as well, which must not complain of a single message.

use quadzero_tests::{Capture, Daemon, GOBGP, LEFT, Neighbor, PATIENCE, Path, Quadzero, Wire, wait_until};

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
    let gobgpd = Daemon::start(GOBGP, &wire.right, Neighbor::PLAIN);
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

/// Both connections stand, with quadzero's OPEN sent on both, before gobgpd can read a byte of either: it is
/// stopped once its SYN is on the way, which is lost until quadzero listens.
#[test]
fn of_two_connections_dialed_at_once_one_session_remains() {
    let wire = Wire::new();
    let capture = Capture::start(&wire.right);
    wire.left.ip(&["route", "add", "blackhole", "192.0.2.2/32"]);
    let gobgpd = Daemon::start(GOBGP, &wire.right, Neighbor { passive: false, ..Neighbor::PLAIN });
    wait_until("gobgpd dials", PATIENCE, || wire.right.connections("syn-sent") == 1);
    gobgpd.signal("STOP");
    let _quadzero = Quadzero::run(&wire.left, &edge(DEFAULT));
    wire.left.ip(&["route", "del", "blackhole", "192.0.2.2/32"]);
    wait_until("both have dialed", PATIENCE, || wire.left.connections("established") == 2);
    gobgpd.signal("CONT");

    gobgpd.wait_until_established();
    wait_until("one connection is left", PATIENCE, || wire.left.connections("established") == 1);
    let count = |message: &str| gobgpd.events().iter().filter(|event| event["msg"] == message).count();
    let (up, down) = (count("Peer Up"), count("Peer Down"));
    let keepalives = format!("ip.src == {LEFT} && bgp.type == 4");
    capture.wait_for_times(4, &keepalives);
    assert_eq!((count("Peer Up"), count("Peer Down")), (up, down), "it stays up");
    assert!(gobgpd.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
    assert_eq!(capture.finish().complaints(), "");
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
    let routes = ["0.0.0.0/0", "10.1.1.0/24"].map(str::to_owned).to_vec();
    let edge = Neighbor {
        local_as: 65010,
        remote_as: 65515,
        address,
        passive: false,
        hold_time: 180,
        routes,
        ..Neighbor::PLAIN
    };
    let wire = Wire::new();
    wire.left.ip(&["addr", "add", "10.1.0.30/32", "dev", "wire"]);
    wire.right.ip(&["route", "add", "10.1.0.30/32", "dev", "wire"]);
    let capture = Capture::start(&wire.right);
    let gobgpd = Daemon::start(GOBGP, &wire.right, edge);
    let mut mock = Quadzero::azure(&wire.left, gateway);

    wait_until("Azure takes the default route", PATIENCE, || mock.azure_learned() == ["0.0.0.0/0"]);
    wait_until("and nothing of its own", PATIENCE, || mock.azure_dropped() == ["10.1.1.0/24"]);
    assert_eq!(mock.azure_learned(), ["0.0.0.0/0"]);
    let held = gobgpd.wait_for_prefixes(1);
    let vnet = Path { as_path: vec![65515], next_hop: address.into(), ..Path::default() };
    assert_eq!(held["10.1.0.0/16"], vnet);

    gobgpd.withdraw("0.0.0.0/0");
    wait_until("Azure forgets it", PATIENCE, || mock.azure_learned().is_empty());
    assert_eq!(mock.terminate().code(), Some(0));
    assert_eq!(capture.finish().complaints(), "");
}
