//! `config/README.md` names every key that the reader knows, and no other. The reader is asked by a key that it does not
//! know: it answers with those that it does.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::config::Source;
use std::collections::BTreeSet;

/// A heading of the reference, and a file with an unknown key in that table.
const TABLES: [(&str, &str); 25] = [
    ("### `[bgp]`", "[bgp]\nzzzz = 1"),
    ("### `[[originate]]`", "[[originate]]\nzzzz = 1"),
    ("### `[[exception]]`", "[[exception]]\nzzzz = 1"),
    ("### `[[probe]]`", "[[probe]]\nzzzz = 1"),
    ("### `[[neighbor]]`", "[[neighbor]]\nzzzz = 1"),
    ("### `[[neighbor]]`", "[neighbor-defaults]\nzzzz = 1"),
    ("### `azure` of a neighbor", "[neighbor-defaults]\nazure = { zzzz = 1 }"),
    ("### `bfd` of a neighbor", "[neighbor-defaults]\nbfd = { zzzz = 1 }"),
    ("### `[control]`", "[control]\nzzzz = 1"),
    ("### `[drain]`", "[drain]\nzzzz = 1"),
    ("### `[gateway]`", "[gateway]\nzzzz = 1"),
    ("### `[[gateway.instance]]`", "[[gateway.instance]]\nzzzz = 1"),
    ("### `[[gateway.connection]]`", "[[gateway.connection]]\nzzzz = 1"),
    (
        "### `[[gateway.connection.service]]`",
        "[gateway]\n[[gateway.connection]]\n[[gateway.connection.service]]\nzzzz = 1",
    ),
    ("### `[[vnet]]`", "[[vnet]]\nzzzz = 1"),
    ("### `[api]`", "[api]\nzzzz = 1"),
    ("### `[[vnet.peering]]`", "[[vnet]]\n[[vnet.peering]]\nzzzz = 1"),
    ("### `[[vnet.subnet]]`", "[[vnet]]\n[[vnet.subnet]]\nzzzz = 1"),
    ("### `[[vnet.subnet.route]]`", "[[vnet]]\n[[vnet.subnet]]\n[[vnet.subnet.route]]\nzzzz = 1"),
    (
        "### `[[vnet.subnet.security-rule]]`",
        "[[vnet]]\n[[vnet.subnet]]\n[[vnet.subnet.security-rule]]\nzzzz = 1",
    ),
    ("### `[[ibgp]]`", "[[ibgp]]\nzzzz = 1"),
    ("### `[edge]`", "[edge]\nzzzz = 1"),
    ("### `[[appliance]]`", "[[appliance]]\nzzzz = 1"),
    ("### `[[event]]`", "[[event]]\nzzzz = 1"),
    ("### `[[expect]]`", "[[expect]]\nzzzz = 1"),
];

fn reference() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/README.md")).unwrap()
}

/// What stands in backticks in the first column of a table.
fn named(table: &str) -> BTreeSet<String> {
    let rows =
        table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let first = rows.map(|row| row.split('|').nth(1).unwrap());
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// The words of the hint about the one thing called `zzzz`.
fn known(text: &str) -> BTreeSet<String> {
    let loaded = Source { path: "reference.toml".into(), text: text.into() }.any();
    let about = loaded.diagnostics.iter().find(|diagnostic| diagnostic.message.contains("zzzz")).unwrap();
    let hint = about.hint.clone().unwrap();
    let words = hint.strip_prefix("its keys are ").or(hint.strip_prefix("one of ")).unwrap();
    words.split(", ").map(|word| word.trim_matches('"').to_owned()).collect()
}

#[test]
fn every_key_is_named_and_every_key_named_is_one() {
    let reference = reference();
    for (heading, text) in TABLES {
        let (_, section) = reference.split_once(&format!("{heading}\n")).unwrap();
        assert_eq!(named(section), known(text), "{heading}");
    }
    let (_, expect) = reference.split_once("### `[[expect]]`\n").unwrap();
    assert_eq!(named(expect), known("[[expect]]\nzzzz = 1"));
}

#[test]
fn every_table_has_its_section() {
    let reference = reference();
    for text in ["zzzz = 1\n[bgp]", "zzzz = 1\n[gateway]"] {
        for table in known(text) {
            assert!(reference.contains(&format!("[{table}]")), "{table}");
        }
    }
    let tables = ["appliance", "azure", "edge", "event", "expect", "ibgp", "time-scale"];
    assert_eq!(known("zzzz = 1\n[edge]"), tables.map(str::to_owned).into());
}

#[test]
fn every_word_of_a_scenario_is_named() {
    let reference = reference();
    for (key, text) in [
        ("outcome", "[[expect]]\noutcome = \"zzzz\""),
        ("service", "[[expect]]\nservice = \"zzzz\""),
        ("do", "[[event]]\ndo = \"zzzz\""),
    ] {
        let (_, words) = reference.split_once(&format!("\n| {key} |")).unwrap();
        assert_eq!(named(&format!("|{words}")), known(text), "{key}");
    }
}
