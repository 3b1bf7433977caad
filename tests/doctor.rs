//! `quadzero doctor` about what loopback cannot show: an edge and a gateway with a router between them.

use quadzero_tests::{LEFT, Namespace, PATIENCE, Quadzero, RIGHT, Wire, wait_until};
use serde_json::Value;

/// The gateway's end of the second wire.
const GATEWAY: &str = "198.51.100.2";

/// Joins the right end of a wire, which becomes a router, with another namespace.
fn extend(wire: &Wire, beyond: &Namespace) {
    let name = beyond.folder().file_name().and_then(|name| name.to_str()).expect("called like the namespace");
    wire.right.ip(&["link", "add", "far", "type", "veth", "peer", "name", "far", "netns", name]);
    for (end, address) in [(&wire.right, "198.51.100.1/24"), (beyond, "198.51.100.2/24")] {
        end.ip(&["addr", "add", address, "dev", "far"]);
        end.ip(&["link", "set", "far", "up"]);
    }
    wire.left.ip(&["route", "add", "198.51.100.0/24", "via", RIGHT]);
    // Its own wire has the addresses of the other one.
    beyond.ip(&["link", "set", "wire", "down"]);
    beyond.ip(&["addr", "flush", "dev", "wire"]);
    beyond.ip(&["route", "add", "192.0.2.0/24", "via", "198.51.100.1"]);
    let mut forward = wire.right.command("dash", "sh");
    forward.args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    assert!(forward.status().expect("sh runs").success());
}

fn edge(multihop: u8) -> String {
    format!(
        r#"
        [bgp]
        asn = 65010
        router-id = "{LEFT}"
        listen = ["{LEFT}:179"]
        [[originate]]
        prefix = "0.0.0.0/0"
        [[neighbor]]
        name = "azure-0"
        address = "{GATEWAY}"
        remote-as = 65515
        local-address = "{LEFT}"
        multihop = {multihop}
        azure = {{ kind = "vpn-gateway" }}
        "#
    )
}

fn gateway(socket: &str) -> String {
    format!(
        r#"
        [api]
        socket = "{socket}"
        [gateway]
        kind = "vpn-gateway"
        name = "gw"
        [[gateway.instance]]
        address = "10.1.0.4"
        listen = "{GATEWAY}:179"
        [[gateway.connection]]
        name = "paris"
        asn = 65010
        address = "{LEFT}"
        [[vnet]]
        name = "hub"
        address-space = ["10.1.0.0/16"]
        subnet = [{{ name = "GatewaySubnet", prefix = "10.1.0.0/24" }}]
        "#
    )
}

fn ids(findings: &[Value]) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding["id"], finding["certainty"])).collect()
}

/// azure.md §7.1 (VPN-FAQ, VYOS): one hop ends at the router, which says so.
#[test]
fn a_missing_multihop_is_found_and_its_fix_is_one() {
    let (near, far) = (Wire::new(), Wire::new());
    extend(&near, &far.left);
    let socket = far.left.path("api.sock").display().to_string();
    let _gateway = Quadzero::azure(&far.left, &gateway(&socket));
    let [config, log] = ["run.toml", "quadzero.log"].map(|name| near.left.path(name).display().to_string());

    let mut one_hop = Quadzero::run(&near.left, &edge(1));
    wait_until("the dial fails", PATIENCE, || one_hop.has_said("dial failed"));
    let findings = Quadzero::doctor(&near.left, &["--log", &log, "-c", &config]);
    let multihop = r#""multihop" "certain""#;
    assert_eq!(ids(&findings), [multihop; 2], "the file, and the log");
    assert_eq!(findings[1]["sessions"][0], "azure-0");
    one_hop.terminate();

    let many_hops = Quadzero::run(&near.left, &edge(64));
    wait_until("the session comes up", PATIENCE, || many_hops.ups() == 1);
    let findings = Quadzero::doctor(&near.left, &["--log", &log, "-c", &config]);
    assert_eq!(findings, Vec::<Value>::new(), "the log goes on behind that of the first");
    assert_eq!(Quadzero::doctor(&far.left, &["--socket", &socket]), Vec::<Value>::new());
}
