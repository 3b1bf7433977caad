//! `config/scenarios`: each trouble of azure.md §7.1 is reproduced by one file and gone in the other, by the same program and
//! the same words. Whatever the broken one expects must fail in the fixed one, and the other way round: an expectation
//! that holds in both would tell nothing.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::config::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

/// What divides a file into what is there and what is expected.
const MARK: &str = "# ---- What comes of it.";
/// What is no pair.
const DESIGNS: [&str; 4] = ["ten-branches", "silent-edge", "gateway-maintenance", "expressroute-and-vpn"];
/// What stands before the words of an error, where the trouble is one that Azure refuses.
const REFUSED: &str = "# Refused: ";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/scenarios")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name).with_extension("toml")).unwrap()
}

/// What the pairs are called, without `-broken` and `-fixed`.
fn pairs() -> BTreeSet<String> {
    let names = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let stem = |name: String| {
        let name = name.strip_suffix(".toml")?;
        name.strip_suffix("-broken").or(name.strip_suffix("-fixed")).map(str::to_owned)
    };
    names.filter_map(stem).collect()
}

fn lab(name: &str, text: &str) -> Output {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("scenario-{name}.toml"));
    fs::write(&path, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_quadzero")).arg("lab").arg(path).output().unwrap()
}

fn assert_holds(name: &str, text: &str) {
    let output = lab(name, text);
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert_eq!(output.status.code(), Some(0), "{name}: {told}");
}

/// What is there in the one, and what the other one expects.
fn assert_fails(name: &str, there: &str, expected: &str) {
    let (there, expected) = (there.split_once(MARK).unwrap().0, expected.split_once(MARK).unwrap().1);
    let output = lab(name, &format!("{there}{MARK}{expected}"));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{name}: {told}");
    assert!(
        told.contains("WRONG") && told.contains("\n  expected ") && told.contains("\n  actual   "),
        "{told}"
    );
}

/// Those that are refused are so by the words that they name.
fn assert_pair(name: &str) {
    let [broken, fixed] = ["broken", "fixed"].map(|which| read(&format!("{name}-{which}")));
    assert_holds(&format!("{name}-fixed"), &fixed);
    match broken.lines().find_map(|line| line.strip_prefix(REFUSED)) {
        Some(words) => {
            let output = lab(&format!("{name}-broken"), &broken);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name}: {told}");
            assert!(told.contains(words), "{name}: {told}");
        }
        None => {
            thread::scope(|scope| {
                scope.spawn(|| assert_fails(&format!("{name}-removed"), &fixed, &broken));
                scope.spawn(|| assert_fails(&format!("{name}-needed"), &broken, &fixed));
                assert_holds(&format!("{name}-broken"), &broken);
            });
        }
    }
}

#[test]
fn each_trouble_is_reproduced_and_its_fix_removes_it() {
    let pairs = pairs();
    assert!(pairs.len() >= 30, "{pairs:?}");
    // They wait more than they work.
    let failed: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = pairs.iter().map(|name| (name, scope.spawn(|| assert_pair(name)))).collect();
        running.into_iter().filter_map(|(name, thread)| thread.join().err().map(|_| name)).collect()
    });
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn the_fixes_are_without_warnings() {
    for name in pairs().iter().map(|name| format!("{name}-fixed")).chain(DESIGNS.map(str::to_owned)) {
        let loaded = Source { path: name.clone(), text: read(&name) }.scenario();
        assert_eq!(loaded.render(false), "", "{name}");
    }
}

/// azure.md §7.1 and §2: ten sites forced through one pair, with fail-over.
#[test]
fn ten_branches_fail_over_from_one_edge_to_the_other() {
    assert_holds("ten-branches", &read("ten-branches"));
}

/// azure.md §8, row 22.
#[test]
fn one_instance_of_an_active_active_gateway_may_go_away() {
    assert_holds("gateway-maintenance", &read("gateway-maintenance"));
}

/// azure.md §8, row 9.
#[test]
fn a_silent_edge_is_a_black_hole_until_the_hold_time_is_over() {
    assert_holds("silent-edge", &read("silent-edge"));
}

/// azure.md §8, row 31: and what was beaten is told, with the reason.
#[test]
fn expressroute_is_used_before_vpn() {
    let output = lab("expressroute-and-vpn", &read("expressroute-and-vpn"));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("not 0.0.0.0/0 of vgw (ExpressRoute is preferred"), "{told}");
}

#[test]
fn every_file_is_in_the_index() {
    let index = fs::read_to_string(folder().join("README.md")).unwrap();
    for file in fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name}");
    }
}

#[test]
fn the_event_line_tells_what_happened_and_how_egress_was() {
    let path = folder().join("19-egress-opens-broken.toml");
    let output =
        Command::new(env!("CARGO_BIN_EXE_quadzero")).args(["lab", "--time"]).arg(path).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let in_order = [
        "hq-a: announced 2 prefixes to azure-0",
        "vgw: learned 0.0.0.0/0 and 10.50.0.0/15 from hq-a",
        "hub/vm: egress is forced through hq-a",
        "--- hq-a is stopped",
        "vgw: lost 0.0.0.0/0 and 10.50.0.0/15 from hq-a",
        "hub/vm: egress is open: Azure's own exit",
        "--- hq-a is started",
        "hub/vm: egress is forced through hq-a",
        "Egress, how long",
    ];
    in_order.iter().fold(told.as_str(), |rest, line| {
        rest.split_once(line).unwrap_or_else(|| panic!("no {line:?} in its place:\n{told}")).1
    });
}
