//! The shape of the work tree: which crate may know which, and that the maps of it are true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use quadzero_tests::root;
use serde_json::Value;

/// The crates that never touch tokio, a clock or a socket.
const PURE: [&str; 4] = ["quadzero-codec", "quadzero-rib", "quadzero-policy", "quadzero-export"];

/// From the id of a package to the ids of those it depends on.
type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_graph_of_crates_has_no_circle() {
    let metadata = metadata();
    // Cargo refuses a circle of ordinary dependencies, but not one that a dev-dependency closes.
    let every_kind = graph(&metadata, |_| true);
    let ours: Vec<&str> = list(&metadata["workspace_members"]).iter().map(text).collect();
    assert!(ours.len() >= 8, "{ours:?}");
    for package in ours {
        assert!(!below(&every_kind, package).contains(package), "{package} depends on itself");
    }
}

#[test]
fn tokio_is_below_no_pure_crate() {
    let metadata = metadata();
    let linked = graph(&metadata, |kind| kind["kind"].is_null());
    let tokio = id(&metadata, "tokio");
    for package in PURE {
        assert!(!below(&linked, id(&metadata, package)).contains(tokio), "{package} links tokio");
    }
    // The same question has another answer where tokio belongs.
    assert!(below(&linked, id(&metadata, "quadzero-fsm")).contains(tokio));
}

/// Clippy counts the lines and tests/run makes its warnings errors; here is that it counts, and everywhere.
#[test]
fn no_function_is_excused_from_fitting_on_a_screen() {
    let read =
        |path: &Path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(read(&root().join(".clippy.toml")).contains("too-many-lines-threshold = 60"));
    assert!(read(&root().join("Cargo.toml")).contains("too_many_lines = \"warn\""));
    let sources = [sources(&root().join("crates")), sources(&root().join("tests"))].concat();
    assert!(sources.len() > 20, "{sources:?}");
    let excused = sources.iter().filter(|path| read(path).contains(concat!("clippy::", "too_many_lines")));
    assert_eq!(excused.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder can be read")
        .map(|entry| entry.expect("and its entries").path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

#[test]
fn every_path_that_the_maps_name_exists() {
    for map in ["README.md", "crates/README.md"] {
        let text = fs::read_to_string(root().join(map)).unwrap_or_else(|error| panic!("{map}: {error}"));
        let folder = root().join(map).parent().unwrap().to_owned();
        let paths = paths(&text);
        assert!(paths.len() >= 3, "{map} names only {paths:?}");
        let missing = |path: &&str| !root().join(path).exists() && !folder.join(path).exists();
        let lost: Vec<_> = paths.into_iter().filter(missing).collect();
        assert!(lost.is_empty(), "{map} names what is not there: {lost:?}");
    }
}

#[test]
fn a_path_is_told_from_other_words() {
    let text = "See [the map](crates/README.md) and `fsm/src/session.rs:12`, config/, `rib/src` and ./tests/run. Not 0.0.0.0/0, and/or,\n\
                https://example.org/a.md, /etc/quadzero/edge.toml, ../shared/design.md, target/release/quadzero, lib.rs";
    assert_eq!(
        paths(text),
        BTreeSet::from(["crates/README.md", "fsm/src/session.rs", "config/", "rib/src", "tests/run"])
    );
}

/// The words of a text that are relative paths into this work tree: they begin with one of its folders, pass
/// through a `src`, or end like the name of a file.
fn paths(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "._/-".contains(c)));
    let words = words.map(|word| word.trim_start_matches("./").trim_end_matches(['.', '-']));
    let relative =
        words.filter(|word| word.contains('/') && !word.starts_with('/') && !word.starts_with("../"));
    let ends_like_a_file = |path: &str| {
        let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| ["rs", "toml", "md", "py", "yaml", "yml", "hex"].contains(&ending))
    };
    let begins_in_a_folder = |path: &str| {
        let first = path.split('/').next().unwrap_or(path);
        ["config", "crates", "docker", "tests", ".ci"].contains(&first)
    };
    relative
        .filter(|path| path.contains("/src") || ends_like_a_file(path) || begins_in_a_folder(path))
        .collect()
}

/// What cargo knows of the work tree and all it needs on this machine's platform.
fn metadata() -> Value {
    let host = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["metadata", "--format-version", "1", "--filter-platform", &host]);
    let out = command.output().expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo prints JSON")
}

/// For each package the packages that it depends on, by the kinds of dependency that are `wanted`.
fn graph(metadata: &Value, wanted: impl Fn(&Value) -> bool) -> Graph {
    let below = |node: &Value| {
        let dependencies = list(&node["deps"]).iter();
        let chosen = dependencies.filter(|dependency| list(&dependency["dep_kinds"]).iter().any(&wanted));
        chosen.map(|dependency| text(&dependency["pkg"]).to_owned()).collect()
    };
    list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| (text(&node["id"]).to_owned(), below(node)))
        .collect()
}

/// All that `start` depends on, at any depth.
fn below<'a>(graph: &'a Graph, start: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut todo = vec![start];
    while let Some(package) = todo.pop() {
        todo.extend(graph[package].iter().map(String::as_str).filter(|next| found.insert(*next)));
    }
    found
}

/// The id of a package of this work tree, or of the one version of another.
fn id<'a>(metadata: &'a Value, name: &str) -> &'a str {
    let package = list(&metadata["packages"]).iter().find(|package| package["name"] == name);
    text(&package.unwrap_or_else(|| panic!("no package {name}"))["id"])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
