//! `quadzero lab` from outside: each design of azure.md §6, and what it makes of Windows activation.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

const KMS: [&str; 3] = ["20.118.99.224", "40.83.235.53", "23.102.135.246"];

fn built_in() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/lab.toml")).unwrap()
}

/// The built-in scenario with something else in place of something.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(built_in(), |text, (from, to)| {
        assert!(text.contains(from), "the built-in scenario has no {from}");
        text.replace(from, to)
    })
}

fn lab(name: &str, scenario: &str, options: &[&str]) -> Output {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
    fs::write(&path, scenario).unwrap();
    Command::new(env!("CARGO_BIN_EXE_quadzero")).arg("lab").arg(path).args(options).output().unwrap()
}

/// Where each destination goes, and what becomes of activation: `internet works`, `on-premises fails`, `vnet -`.
fn verdicts(output: &Output) -> Vec<(String, String)> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |row: &Value| {
        let activation = row["activation"]["outcome"].as_str().unwrap_or("-");
        let goes = format!("{} {activation}", row["verdict"]["kind"].as_str().unwrap());
        (row["destination"].as_str().unwrap().to_owned(), goes)
    };
    report["verdicts"].as_array().unwrap().iter().map(row).collect()
}

fn goes(output: &Output, destination: &str) -> String {
    let (_, goes) = verdicts(output).into_iter().find(|(to, _)| to == destination).unwrap();
    goes
}

#[test]
fn the_built_in_scenario_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_quadzero")).args(["lab", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(goes(&output, "198.51.100.7"), "on-premises -");
    assert_eq!(goes(&output, "10.1.0.68"), "vnet -");
    for kms in KMS {
        assert_eq!(goes(&output, kms), "internet works");
    }
}

/// Lines of `...` stand for parts that are left out.
#[test]
fn what_the_readme_shows_is_what_the_lab_prints() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let shown = readme.split("```text\n").find(|block| block.starts_with("Sessions of the edge")).unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quadzero")).arg("lab").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut rest = printed.as_str();
    for part in shown.split("...\n") {
        let (_, behind) =
            rest.split_once(part).unwrap_or_else(|| panic!("the lab does not print\n{part}\nbut\n{printed}"));
        rest = behind;
    }
    assert_eq!(rest, "", "the README stops before the end");
}

/// azure.md §0.1: the /32s pull activation to on-premises, where it fails.
#[test]
fn announcing_the_kms_addresses_makes_activation_fail() {
    let scenario = changed(&[("mode = \"carve-out\"", "mode = \"announce\"")]);
    let output = lab("announce", &scenario, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "the scenario expects that activation works");
    for kms in KMS {
        assert_eq!(goes(&output, kms), "on-premises fails");
    }
}

/// azure.md §6.3: without the route-table entries mode udr is only half of the documented way.
#[test]
fn mode_udr_needs_the_entries_in_the_route_table() {
    let udr = ("mode = \"carve-out\"", "mode = \"udr\"");
    let output = lab("udr-without", &changed(&[udr]), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(goes(&output, KMS[0]), "on-premises fails");

    let entry = |kms| {
        format!(
            "[[azure.vnet.subnet.route]]\nname = \"kms-{kms}\"\nprefix = \"{kms}/32\"\nnext-hop-type = \"Internet\"\n"
        )
    };
    let subnet = "name = \"workload\"\nprefix = \"10.1.1.0/24\"\n";
    let with = format!("{subnet}{}", KMS.map(entry).concat());
    let output = lab("udr-with", &changed(&[udr, (subnet, &with)]), &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(goes(&output, KMS[0]), "internet works");
    assert_eq!(goes(&output, "198.51.100.7"), "on-premises -");
}

#[test]
fn an_expectation_that_does_not_hold_is_shown_with_what_was_expected() {
    let scenario =
        built_in() + "[[expect]]\nfrom = \"workload\"\nto = \"203.0.113.9\"\noutcome = \"internet\"\n";
    let output = lab("wrong", &scenario, &[]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("WRONG: expected internet"), "{told}");
    assert!(told.contains("6 of 7 expectations hold"), "{told}");
}

#[test]
fn an_active_standby_gateway_has_one_session_and_its_public_address_as_next_hop() {
    let instance = "[[azure.gateway.instance]]\naddress = \"10.1.0.5\"\npublic-ip = \"203.0.113.5\"\n";
    let neighbor = "[[edge.neighbor]]\nname = \"azure-1\"\naddress = \"10.1.0.5\"\n";
    let scenario =
        changed(&[("mode = \"active-active\"", "mode = \"active-standby\""), (instance, ""), (neighbor, "")]);
    let output = lab("standby", &scenario, &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["sessions"].as_array().unwrap().len(), 1);
    let routes = report["effectiveRoutes"]["hub/workload"]["value"].as_array().unwrap();
    let by_gateway = routes.iter().find(|row| row["source"] == "VirtualNetworkGateway").unwrap();
    assert_eq!(by_gateway["nextHopIpAddress"][0], "203.0.113.4");
}

#[test]
fn a_scenario_may_expect_an_appliance_and_azures_platform() {
    let subnet = "name = \"workload\"\nprefix = \"10.1.1.0/24\"\n";
    let route = "[[azure.vnet.subnet.route]]\nname = \"fw\"\nprefix = \"20.118.99.224/32\"\n\
                 next-hop-type = \"VirtualAppliance\"\nnext-hop = \"10.1.7.4\"\n";
    let with = format!("{subnet}{route}");
    let expected = "to = \"20.118.99.224\"\noutcome = \"internet\"\nkms = \"works\"";
    let now = "to = \"20.118.99.224\"\noutcome = \"appliance\"\nkms = \"depends\"";
    let platform = "[[expect]]\nfrom = \"workload\"\nto = \"168.63.129.16\"\noutcome = \"platform\"\n";
    let scenario = changed(&[(subnet, &with), (expected, now)]) + platform;
    let output = lab("appliance", &scenario, &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(goes(&output, KMS[0]), "appliance depends");
    assert_eq!(goes(&output, "168.63.129.16"), "platform -");
}
