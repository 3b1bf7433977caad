//! The JSON Schemas below `config/schema` are true: they are those of the code, take every file that `quadzero check` takes, and
//! refuse what a schema can know to be wrong.
//!
//! After a change of keys or of the reference: `UPDATE_SCHEMA=1 cargo test -p quadzero --test schema`.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use jsonschema::Validator;
use quadzero::config::schema::{Which, schema};
use quadzero::config::{Any, Diagnostic, Severity, Source};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const ALL: [(Which, &str); 3] =
    [(Which::Edge, "edge"), (Which::Gateway, "gateway"), (Which::Scenario, "scenario")];

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str, is_one: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| is_one(path.file_name().unwrap().to_str().unwrap())).collect();
    paths.sort();
    paths
}

/// Every file of ours below `config`.
fn examples() -> Vec<PathBuf> {
    let is_ours = |name: &str| name.ends_with(".toml") && !name.starts_with("gobgp-");
    let folders = ["config", "config/peers", "config/scenarios", "config/debian"];
    folders.into_iter().flat_map(|folder| files(folder, is_ours)).collect()
}

fn validators() -> BTreeMap<&'static str, Validator> {
    ALL.into_iter().map(|(which, name)| (name, jsonschema::draft7::new(&schema(which)).unwrap())).collect()
}

/// Which schema is for a file, from what stands in it.
fn kind(document: &Value) -> &'static str {
    let has = |keys: &[&str]| keys.iter().any(|key| document.get(key).is_some());
    if has(&["edge", "azure", "appliance", "event", "expect"]) {
        "scenario"
    } else if has(&["gateway", "vnet", "api"]) {
        "gateway"
    } else {
        "edge"
    }
}

fn document(text: &str) -> Option<Value> {
    toml::from_str(text).ok()
}

#[test]
fn the_files_are_those_that_the_code_makes() {
    for (which, name) in ALL {
        let path = Path::new(ROOT).join(format!("config/schema/{name}.schema.json"));
        let text = format!("{:#}\n", schema(which));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(
            read(&path) == text,
            "{}: UPDATE_SCHEMA=1 cargo test -p quadzero --test schema",
            path.display()
        );
    }
}

#[test]
fn each_is_a_schema_by_the_schema_of_schemas() {
    for (which, name) in ALL {
        assert!(jsonschema::meta::is_valid(&schema(which)), "{name}");
    }
}

#[test]
fn every_example_is_taken() {
    let validators = validators();
    let mut kinds = BTreeSet::new();
    for path in examples() {
        let document = document(&read(&path)).unwrap();
        let kind = kind(&document);
        if document.as_object().unwrap().is_empty() {
            // All of it is a comment.
            continue;
        }
        let errors: Vec<String> =
            validators[kind].iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 3);
}

/// What is wrong with one value alone, or a table alone, is what a schema can know.
fn is_known_to_a_schema(diagnostic: &Diagnostic) -> bool {
    let says = |words: &[&str]| words.iter().any(|word| diagnostic.message.contains(word));
    diagnostic.severity == Severity::Error
        && says(&[
            "unknown key",
            "expected ",
            "is out of range",
            "is not a mode",
            "is not a cloud",
            "is not an IP address",
        ])
}

#[test]
fn what_check_takes_is_taken_and_what_it_refuses_for_a_key_or_a_type_is_refused() {
    let validators = validators();
    let (mut taken, mut refused) = (0, 0);
    for path in files("crates/quadzero/tests/check", |name| name.ends_with(".toml")) {
        let text = read(&path);
        let loaded = Source { path: path.display().to_string(), text: text.clone() }.any();
        let Some(document) = document(&text) else { continue };
        let is_taken = validators[kind(&document)].is_valid(&document);
        if loaded.value.is_some() {
            assert!(is_taken, "{}", path.display());
            taken += 1;
        }
        if loaded.diagnostics.iter().any(is_known_to_a_schema) {
            assert!(!is_taken, "{}", path.display());
            refused += 1;
        }
    }
    assert!(taken >= 3 && refused >= 8, "{taken} taken, {refused} refused");
}

/// Everything in a document, by its pointer.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(table) => {
            table.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), all))
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| pointers(value, &format!("{at}/{i}"), all))
        }
        _ => {}
    }
}

/// Each table of each example with a key too many, and each value of each example of a type that no key has.
#[test]
fn an_unknown_key_and_a_wrong_type_are_refused_wherever_they_stand() {
    let validators = validators();
    for path in examples() {
        let document = document(&read(&path)).unwrap();
        let validator = &validators[kind(&document)];
        let mut all = Vec::new();
        pointers(&document, "", &mut all);
        for pointer in all {
            let mut changed = document.clone();
            let value = changed.pointer_mut(&pointer).unwrap();
            match value {
                Value::Object(table) => _ = table.insert("zzzz".into(), json!(1)),
                _ => *value = json!({ "zzzz": 1 }),
            }
            assert!(!validator.is_valid(&changed), "{}: {pointer}", path.display());
        }
    }
}

/// A heading of the reference and the keys of the table below it.
fn reference() -> BTreeMap<String, BTreeSet<String>> {
    let reference = read(Path::new(ROOT).join("config/README.md"));
    let sections = reference.split("\n### ").skip(1);
    let table = |section: &str| {
        let rows = section.lines().skip_while(|line| !line.starts_with("| key |")).skip(2);
        let cells = rows
            .take_while(|line| line.starts_with('|'))
            .map(|row| row.split('|').nth(1).unwrap().to_owned());
        cells
            .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let named = sections.map(|section| (section.lines().next().unwrap().to_owned(), table(section)));
    named.filter(|(_, keys): &(_, BTreeSet<String>)| !keys.is_empty()).collect()
}

#[test]
fn the_keys_of_a_table_are_those_of_its_section_in_the_reference() {
    let mut found = BTreeMap::new();
    for (which, _) in ALL {
        for definition in schema(which)["definitions"].as_object().unwrap().values() {
            let keys = definition["properties"].as_object().unwrap().keys().cloned().collect();
            found.insert(definition["description"].as_str().unwrap().to_owned(), keys);
        }
    }
    for (heading, keys) in reference() {
        let keys_of_schema: &BTreeSet<String> =
            found.get(&heading).unwrap_or_else(|| panic!("no record's doc begins with {heading}"));
        assert_eq!(*keys_of_schema, keys, "{heading}");
    }
}

#[test]
fn every_key_says_what_it_means() {
    fn check(value: &Value) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                let words = property["description"].as_str().unwrap();
                assert!(
                    words.len() > 3 && !words.starts_with(' ') && !words.contains("]("),
                    "{key}: {words:?}"
                );
            }
        }
        value
            .get("definitions")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .for_each(|(_, value)| check(value));
    }
    ALL.into_iter().for_each(|(which, _)| check(&schema(which)));
}

#[test]
fn an_editor_shows_meaning_and_default() {
    let schema = schema(Which::Edge);
    let words = |table: &str, key: &str| {
        schema["definitions"][format!("edge.file.{table}")]["properties"][key]["description"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        words("Neighbor", "multihop"),
        "TTL of what we send.\n\nDefault: 64 with `azure` but for ExpressRoute, else the system's."
    );
    assert_eq!(
        words("Neighbor", "med"),
        "MULTI_EXIT_DISC. Said to this neighbor instead.\n\nDefault: what the origination says."
    );
}

/// Every way to write a value, at least once.
#[test]
fn a_schema_is_not_stricter_than_the_reader() {
    let text = r#"
        [bgp]
        asn = 4294967294
        router-id = "192.0.2.1"
        listen = ["[::]:179", "0.0.0.0:1790", "[fe80::1%2]:179"]
        [[originate]]
        prefixes = ["0.0.0.0/0", "::/0", "2001:db8::/32", "198.51.100.1/32", "2001:db8::1/128"]
        next-hop = "2001:db8::1"
        communities = ["65010:100", "no-export", "no-export-subconfed", "llgr-stale"]
        extended-communities = ["rt:65010:1", "soo:192.0.2.1:1", "0x0002FDE800000064"]
        large-communities = ["4294967295:0:1"]
        [neighbor-defaults]
        remote-as = 1
        keepalive = "1500ms"
        connect-retry = "2 m"
        idle-hold = 0x10
        hold-time = "60s"
        max-prefixes = 10
        max-prefixes-restart-after = "never"
        [[neighbor]]
        address = "2001:db8::4"
        hold-time = 0
        password = " "
        graceful-restart = "1h"
        bfd = { min-tx = "1s" }
        [[neighbor]]
        address = "192.0.2.4"
        max-prefixes-restart-after = 30
        bfd = true
        [drain]
        wait = 0
    "#;
    let loaded = Source { path: "edge.toml".into(), text: text.into() }.any();
    let errors: Vec<_> =
        loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error).map(|d| &d.message).collect();
    println!("{errors:?}");
    assert!(!loaded.diagnostics.iter().any(is_known_to_a_schema), "{errors:?}");
    let errors: Vec<String> = validators()["edge"]
        .iter_errors(&document(text).unwrap())
        .map(|e| format!("{} {e}", e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_file_of_one_kind_is_none_of_another() {
    let validators = validators();
    for path in examples() {
        let text = read(&path);
        let loaded = Source { path: path.display().to_string(), text: text.clone() }.any();
        let kind = match loaded.value {
            Some(Any::Edge(_)) => "edge",
            Some(Any::Gateway(_)) => "gateway",
            Some(Any::Scenario(_)) => "scenario",
            None => continue,
        };
        for (name, validator) in &validators {
            assert_eq!(
                validator.is_valid(&document(&text).unwrap()),
                *name == kind,
                "{}: {name}",
                path.display()
            );
        }
    }
}
