//! The examples under `config/` are sound, and what is wrong with the files under `tests/check/` is told exactly as the
//! texts beside them say. `BLESS=1 cargo test -p quadzero` writes those texts anew: read the difference.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::config::{Severity, Source};
use std::fs;
use std::path::{Path, PathBuf};

/// The TOML files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

/// The file, called by its name alone wherever the tests run.
fn source(path: &Path) -> Source {
    Source { path: path.file_name().unwrap().display().to_string(), text: fs::read_to_string(path).unwrap() }
}

#[test]
fn every_example_is_without_errors_and_without_warnings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let examples = files(&folder);
    assert!(examples.len() >= 5, "{examples:?}");
    for path in examples {
        let loaded = source(&path).any();
        assert_eq!(loaded.render(false), "");
        assert!(loaded.value.is_some());
    }
}

/// That of the Debian package announces nothing before somebody has taken away the signs in front of its lines, and then it is right.
#[test]
fn the_packages_file_is_a_comment_and_sound_below_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/debian/edge.toml");
    let Source { path, text } = source(&path);
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')));
    assert!(Source { path: path.clone(), text: text.clone() }.edge().value.is_none());
    let is_key = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let keys: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('#')).filter(is_key).collect();
    let loaded = Source { path, text: keys.join("\n") }.edge();
    assert_eq!(loaded.render(false), "");
    let edge = loaded.value.unwrap();
    assert!(
        edge.neighbors.len() == 2
            && edge.neighbors.iter().all(|n| n.peer.capabilities.graceful_restart.is_some())
    );
}

#[test]
fn the_pair_for_one_machine_fits_together() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let edge = source(&config.join("loopback-edge.toml")).edge().value.unwrap();
    let gateway = source(&config.join("loopback-gateway.toml")).gateway().value.unwrap();
    let (instance, connection) =
        (&gateway.azure.gateways[0].instances[0], &gateway.azure.gateways[0].connections[0]);
    let transport = &edge.neighbors[0].peer.transport;
    assert_eq!(transport.remote, gateway.endpoints.of(instance.address.into()));
    assert_eq!((transport.local, edge.asn), (Some(connection.peer(0)), connection.asn));
    assert_eq!(edge.listen, [gateway.endpoints.of(connection.peer(0))]);
    let every = [transport.remote, edge.listen[0]];
    assert!(every.iter().all(|socket| socket.ip().is_loopback() && socket.port() > 1023), "{every:?}");
}

#[test]
fn the_configuration_that_the_readme_explains_is_right() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let (_, from_fence) = readme.split_once("```toml\n").unwrap();
    let (text, _) = from_fence.split_once("```").unwrap();
    let loaded = Source { path: "README.md".into(), text: text.into() }.edge();
    assert_eq!(loaded.render(false), "");
    assert_eq!(loaded.value.unwrap().neighbors.len(), 2);
}

#[test]
fn the_built_in_scenario_is_sound() {
    let scenario = Source::built_in().scenario();
    assert_eq!(scenario.render(false), "");
    assert_eq!(scenario.value.unwrap().expectations.len(), 6);
}

#[test]
fn what_is_wrong_is_told_with_line_caret_and_hint() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check"));
    assert!(files.len() >= 10, "{files:?}");
    for path in files {
        let told = source(&path).any().render(false);
        let golden = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &told).unwrap();
        }
        assert_eq!(told, fs::read_to_string(&golden).unwrap(), "{}", golden.display());
    }
}

#[test]
fn a_file_of_another_kind_is_one_error_that_names_the_command_for_it() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let [edge, gateway, scenario] = ["vpn-active-standby", "azure-vpn-gateway", "lab"]
        .map(|n| source(&config.join(n).with_extension("toml")));
    let told = [
        (
            gateway.clone().edge().render(false),
            "this is a gateway's file, and not an edge's file",
            "quadzero azure -c FILE",
        ),
        (
            scenario.clone().edge().render(false),
            "this is a scenario, and not an edge's file",
            "quadzero lab FILE",
        ),
        (
            edge.clone().gateway().render(false),
            "this is an edge's file, and not a gateway's file",
            "quadzero run -c FILE",
        ),
        (
            scenario.gateway().render(false),
            "this is a scenario, and not a gateway's file",
            "quadzero lab FILE",
        ),
        (edge.scenario().render(false), "this is an edge's file, and not a scenario", "quadzero run -c FILE"),
        (
            gateway.scenario().render(false),
            "this is a gateway's file, and not a scenario",
            "quadzero azure -c FILE",
        ),
    ];
    for (told, what, command) in told {
        assert_eq!(told.matches("error: ").count(), 1, "{told}");
        assert!(told.contains(what) && told.contains(command), "{told}");
    }
}

#[test]
fn five_mistakes_are_five_errors_with_their_lines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check/five-mistakes.toml");
    let loaded = source(&path).any();
    let lines: Vec<usize> = loaded.source.positions(&loaded.diagnostics).iter().map(|p| p.line).collect();
    assert_eq!(lines, [4, 11, 16, 18, 19]);
    assert_eq!(loaded.count(Severity::Error), 5);
    assert!(loaded.value.is_none());
}

#[test]
fn no_secret_is_told() {
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")) {
        let loaded = source(&path).any();
        for secret in ["eyes", "quad zero"] {
            assert!(!loaded.render(false).contains(secret), "{}", path.display());
            assert!(!format!("{:?}", loaded.diagnostics).contains(secret), "{}", path.display());
        }
    }
}
