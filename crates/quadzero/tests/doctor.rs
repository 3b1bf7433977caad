//! `quadzero doctor` about a file alone, as users run it.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const SOUND: &str = r#"
[bgp]
asn = 65010
router-id = "10.51.255.254"
[[originate]]
prefix = "0.0.0.0/0"
[[neighbor]]
name = "azure-0"
address = "10.1.0.4"
remote-as = 65515
local-address = "10.51.255.254"
azure = { kind = "vpn-gateway", address-space = ["10.1.0.0/16"] }
"#;

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("quadzero-doctor-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

fn doctor(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quadzero"));
    command.arg("doctor").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What is found in a file, `from` being changed to `to` in a sound one.
fn found(name: &str, from: &str, to: &str) -> Vec<Value> {
    assert!(SOUND.contains(from), "{from}");
    let path = file(name, &SOUND.replace(from, to));
    let output = doctor(&["--json", "-c", path.to_str().unwrap()], "");
    std::fs::remove_file(path).unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["findings"].as_array().unwrap().clone()
}

/// The static half of each cause of azure.md §7.1.
#[test]
fn a_file_is_enough_for_what_can_be_known_before() {
    let timers = "local-address = \"10.51.255.254\"\nhold-time = 30";
    let cases = [
        ("reserved", "asn = 65010", "asn = 65520", "reserved-asn"),
        ("hold", "local-address = \"10.51.255.254\"", timers, "hold-time"),
        (
            "inside",
            "prefix = \"0.0.0.0/0\"",
            "prefixes = [\"0.0.0.0/0\", \"10.1.4.0/24\"]\nname = \"x\"",
            "inside-vnet",
        ),
        ("hop", "remote-as = 65515", "remote-as = 65515\nmultihop = 1", "multihop"),
        ("vnet", "local-address = \"10.51.255.254\"", "local-address = \"10.1.9.9\"", "no-path"),
    ];
    for (name, from, to, id) in cases {
        let findings = found(name, from, to);
        assert_eq!(findings.len(), 1, "{name}: {findings:#?}");
        assert_eq!(findings[0]["id"], id, "{name}");
        let told = |key: &str| findings[0][key].as_str().is_some_and(|text| !text.is_empty());
        assert!(["symptom", "cause", "fix", "row", "source"].into_iter().all(told), "{:#}", findings[0]);
    }
    let passive = "address = \"169.254.21.2\"\nmode = \"passive\"";
    let findings = found("apipa", "address = \"10.1.0.4\"", passive);
    assert!(findings.iter().any(|finding| finding["id"] == "apipa"), "{findings:#?}");
}

#[test]
fn a_sound_file_and_a_good_log_have_nothing() {
    let path = file("sound", SOUND);
    let log = json!({ "message": "session established", "hold_time": 180, "peer_hold_time": 180,
                      "span": { "neighbor": "azure-0", "name": "peer" } });
    let output = doctor(&["-c", path.to_str().unwrap(), "--log", "-"], &log.to_string());
    std::fs::remove_file(path).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nothing is the matter\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn people_get_three_lines_a_finding() {
    let line = json!({ "message": "session down", "reason": "NOTIFICATION received: Cease: Maximum Number of Prefixes Reached (6/1)",
                       "span": { "neighbor": "azure-0", "name": "peer" } });
    let output = doctor(&["--log", "-"], &line.to_string());
    let text = String::from_utf8(output.stdout).unwrap();
    let beginnings: Vec<&str> = text.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(beginnings, ["symptom", "cause", "fix", ""], "{text}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_log_for_people_is_refused() {
    let output = doctor(&["--log", "-"], "2026-11-24T10:00:00Z  INFO session established\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--log-format json"));
}

#[test]
fn there_has_to_be_something_to_look_at() {
    assert_eq!(doctor(&[], "").status.code(), Some(2));
}
