//! Each kind of gateway from outside: `quadzero azure` with its example, and `quadzero lab` with an edge against it.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn written(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    fs::write(&path, text).unwrap();
    path
}

/// The examples, with every address that is listened at or dialled on loopback, at ports that the system picks.
fn on_loopback(example: &str, network: u8) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../config/{example}.toml"));
    let text = fs::read_to_string(path).unwrap();
    let mut moved = String::new();
    for line in text.lines() {
        let (code, comment) = line.split_once('#').unwrap_or((line, ""));
        let mut code = code.to_owned();
        for port in 1790..1796 {
            code = code.replace(&format!("0.0.0.0:{port}"), &format!("127.{network}.0.{}:0", port - 1700));
        }
        for (away, third) in [("10.51.255", 51), ("10.52.255", 52), ("192.168.15", 15)] {
            code = code.replace(&format!("\"{away}."), &format!("\"127.{network}.{third}."));
        }
        if comment.contains("EDIT") {
            code = code.replace("\"10.1.", &format!("\"127.{network}."));
        }
        moved += &format!("{code}\n");
    }
    moved
}

#[test]
fn every_kind_runs_and_stops_by_a_signal() {
    let examples = [
        "azure-vpn-gateway",
        "azure-expressroute",
        "azure-route-server",
        "azure-virtual-wan",
        "azure-coexistence",
    ];
    for (network, example) in (91..).zip(examples) {
        let path = written(&format!("run-{example}"), &on_loopback(example, network));
        let mut child = Command::new(env!("CARGO_BIN_EXE_quadzero"))
            .args(["azure", "-c"])
            .arg(&path)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let started = lines.by_ref().take(50).any(|line| line.contains("started"));
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        let rest: Vec<String> = lines.collect();
        assert!(started, "{example}: {rest:?}");
        assert!(child.wait().unwrap().success(), "{example}: {rest:?}");
    }
}

fn lab(name: &str, scenario: &str) -> (Output, Value) {
    let path = written(name, scenario);
    let output =
        Command::new(env!("CARGO_BIN_EXE_quadzero")).args(["lab", "--json"]).arg(path).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, report)
}

fn holds(name: &str, scenario: &str) -> Value {
    let (output, report) = lab(name, scenario);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}\n{report:#}");
    report
}

/// An edge that announces the default to these neighbors: its address, theirs, their AS and kind.
fn edge(neighbors: &[(&str, &str, u32, &str)]) -> String {
    let mut text = "[edge.bgp]\nasn = 65010\nrouter-id = \"10.51.255.254\"\nlisten = []\n\
                    [[edge.originate]]\nprefix = \"0.0.0.0/0\"\n"
        .to_owned();
    for (own, address, asn, kind) in neighbors {
        text += &format!(
            "[[edge.neighbor]]\naddress = \"{address}\"\nremote-as = {asn}\nlocal-address = \"{own}\"\nimport = \"all\"\n\
             max-prefixes = 1000\nhold-time = 180\nazure = {{ kind = \"{kind}\" }}\n"
        );
    }
    text
}

const NETWORK: &str = "
[[azure.vnet]]
name = \"hub\"
address-space = [\"10.1.0.0/16\"]
[[azure.vnet.subnet]]
name = \"workload\"
prefix = \"10.1.1.0/24\"
";

const CIRCUIT: &str = "
[[azure.gateway.connection]]
name = \"circuit\"
asn = 65010
primary-subnet = \"192.168.15.16/30\"
secondary-subnet = \"192.168.15.20/30\"
vlan = 100
";

fn expect(outcome: &str) -> String {
    format!("[[expect]]\nfrom = \"workload\"\nto = \"198.51.100.7\"\noutcome = \"{outcome}\"\n")
}

#[test]
fn a_default_over_both_links_of_a_circuit_forces_traffic_on_premises() {
    let pair = [
        ("192.168.15.17", "192.168.15.18", 12076, "expressroute"),
        ("192.168.15.21", "192.168.15.22", 12076, "expressroute"),
    ];
    let azure = format!("[azure.gateway]\nkind = \"expressroute\"\n{CIRCUIT}");
    let report =
        holds("lab-expressroute", &format!("{}{azure}{NETWORK}{}", edge(&pair), expect("on-premises")));
    let hops = report["verdicts"][0]["verdict"]["hops"].as_array().unwrap();
    assert_eq!(hops.len(), 2);
    assert_eq!(report["learnedRoutes"]["value"][1]["asPath"], "12076-65010");
}

#[test]
fn a_default_of_an_appliance_is_handed_to_it_by_route_server() {
    let pair =
        [("10.1.3.4", "10.1.2.4", 65515, "route-server"), ("10.1.3.4", "10.1.2.5", 65515, "route-server")];
    let azure = "[azure.gateway]\nkind = \"route-server\"\n[[azure.gateway.instance]]\naddress = \"10.1.2.4\"\n\
                 [[azure.gateway.instance]]\naddress = \"10.1.2.5\"\n\
                 [[azure.gateway.connection]]\nname = \"nva\"\nasn = 65010\naddress = \"10.1.3.4\"\n";
    let report =
        holds("lab-route-server", &format!("{}{azure}{NETWORK}{}", edge(&pair), expect("appliance")));
    assert_eq!(report["verdicts"][0]["verdict"]["address"], "10.1.3.4");
}

#[test]
fn a_hub_gives_the_default_of_a_site_to_networks_with_internet_security() {
    let pair = [
        ("10.51.255.254", "10.100.0.12", 65515, "virtual-wan"),
        ("10.51.255.254", "10.100.0.13", 65515, "virtual-wan"),
    ];
    let azure = "[azure.gateway]\nkind = \"virtual-wan\"\naddress-prefix = \"10.100.0.0/24\"\nrouter = \"10.100.0.68\"\n\
                 [[azure.gateway.instance]]\naddress = \"10.100.0.12\"\n[[azure.gateway.instance]]\naddress = \"10.100.0.13\"\n\
                 [[azure.gateway.connection]]\nname = \"site\"\nasn = 65010\naddress = \"10.51.255.254\"\n";
    let open = "[[azure.vnet]]\nname = \"open\"\naddress-space = [\"10.2.0.0/16\"]\ninternet-security = false\n\
                [[azure.vnet.subnet]]\nname = \"jump\"\nprefix = \"10.2.1.0/24\"\n";
    let jump = "[[expect]]\nfrom = \"jump\"\nto = \"198.51.100.7\"\noutcome = \"internet\"\n\
                [[expect]]\nfrom = \"jump\"\nto = \"10.1.1.9\"\noutcome = \"vnet\"\n";
    let report = holds(
        "lab-virtual-wan",
        &format!("{}{azure}{NETWORK}{open}{}{jump}", edge(&pair), expect("on-premises")),
    );
    let routes = report["effectiveRoutes"]["hub/workload"]["value"].as_array().unwrap();
    let default = routes.iter().find(|row| row["addressPrefix"][0] == "0.0.0.0/0").unwrap();
    assert_eq!(default["nextHopIpAddress"][0], "10.100.0.68");
}

#[test]
fn expressroute_carries_the_default_that_a_vpn_gateway_has_as_well() {
    let all = [
        ("10.52.255.254", "10.1.0.4", 65515, "vpn-gateway"),
        ("192.168.15.17", "192.168.15.18", 12076, "expressroute"),
        ("192.168.15.21", "192.168.15.22", 12076, "expressroute"),
    ];
    let azure = format!(
        "[[azure.gateway]]\nkind = \"vpn-gateway\"\nname = \"vgw\"\n[[azure.gateway.instance]]\naddress = \"10.1.0.4\"\n\
         [[azure.gateway.connection]]\nname = \"branch\"\nasn = 65010\naddress = \"10.52.255.254\"\n\
         [[azure.gateway]]\nkind = \"expressroute\"\nname = \"er\"\n{CIRCUIT}"
    );
    let report =
        holds("lab-coexistence", &format!("{}{azure}{NETWORK}{}", edge(&all), expect("on-premises")));
    let hops = report["verdicts"][0]["verdict"]["hops"].as_array().unwrap();
    assert!(hops.len() == 2 && hops.iter().all(|hop| hop["gateway"] == "er"), "{hops:?}");
}
