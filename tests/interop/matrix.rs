//! The README's table of what became of every cell.
//!
//! ```text
//! a cell passes ──► target/tmp/interop.frr.a_withdrawn_.. ──► the table ──► between two marks of README.md
//! ```
//!
//! A cell that begins takes its file away, and one that fails leaves none. A file counts only if it is younger
//! than this program and the quadzero that it tests, so that nothing of an earlier one is believed. The table is
//! compared by a test of its own, which tests/run calls behind all the others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use quadzero_tests::{Adapter, binary, root};

use crate::{BEHAVIOURS, DAEMONS};

const BEGIN: &str = "<!-- the matrix: generated, `just matrix` updates it -->\n";
const END: &str = "<!-- end of the matrix -->\n";

/// The cell begins, and what became of it before does not count.
pub(crate) fn forget(adapter: &dyn Adapter, behaviour: &str) {
    let _ = fs::remove_file(file(adapter.name(), behaviour));
}

/// The cell has passed, or the daemon cannot. Whoever reads sees the whole of it or nothing.
pub(crate) fn record(adapter: &dyn Adapter, behaviour: &str) {
    let outcome = if reason(adapter, behaviour).is_some() { "cannot" } else { "yes" };
    let file = file(adapter.name(), behaviour);
    let new = file.with_extension(format!("{behaviour}.new"));
    fs::write(&new, outcome).and_then(|()| fs::rename(new, file)).expect("cargo has made the folder");
}

fn reason(adapter: &dyn Adapter, behaviour: &str) -> Option<&'static str> {
    adapter.cannot().iter().find(|(cannot, _)| *cannot == behaviour).map(|(_, why)| *why)
}

/// All in one folder, which is cargo's: what root has made there, you can remove.
fn file(daemon: &str, behaviour: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop.{daemon}.{behaviour}"))
}

/// What was recorded since the programs were built.
fn outcome(adapter: &dyn Adapter, behaviour: &str) -> Option<String> {
    let file = file(adapter.name(), behaviour);
    let this = std::env::current_exe().expect("this program is a file");
    let age = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let built = age(&this).max(age(binary()));
    if age(&file)? > built? { fs::read_to_string(file).ok() } else { None }
}

/// The table, and below it why the daemons cannot what they cannot.
///
/// # Errors
/// Names every cell of which nothing was recorded.
fn table(
    daemons: &[&dyn Adapter],
    behaviours: &[(&str, &str)],
    outcome: impl Fn(&dyn Adapter, &str) -> Option<String>,
) -> Result<String, String> {
    let titles: Vec<&str> = daemons.iter().map(|daemon| daemon.title()).collect();
    let mut lines =
        vec![format!("| | {} |", titles.join(" | ")), format!("|---{}|", "|---".repeat(titles.len()))];
    let (mut notes, mut missing) = (Vec::new(), BTreeSet::new());
    for (behaviour, words) in behaviours {
        let mut row = format!("| {words} |");
        for daemon in daemons {
            match (outcome(*daemon, behaviour).as_deref(), reason(*daemon, behaviour)) {
                (Some("yes"), None) => row += " yes |",
                (Some("cannot"), Some(why)) => {
                    row += &format!(" no ({}) |", note(&mut notes, daemon.title(), why))
                }
                _ => drop(missing.insert(format!("{}::{behaviour}", daemon.name()))),
            }
        }
        lines.push(row);
    }
    if !missing.is_empty() {
        return Err(missing.into_iter().collect::<Vec<_>>().join("\n"));
    }
    lines.push(String::new());
    lines.extend(notes.iter().enumerate().map(|(i, note)| format!("{}. {note}", i + 1)));
    Ok(lines.join("\n") + "\n")
}

/// The number of a note, which is a new one unless it was made before.
fn note(notes: &mut Vec<String>, title: &str, why: &str) -> usize {
    let note = format!("{title}: {why}.");
    notes.iter().position(|known| *known == note).unwrap_or_else(|| {
        notes.push(note);
        notes.len() - 1
    }) + 1
}

#[test]
#[ignore = "speaks of what all the others have recorded: tests/run calls it behind them"]
fn the_readme_shows_what_became_of_every_cell() {
    let table = table(DAEMONS, BEHAVIOURS, outcome)
        .unwrap_or_else(|missing| panic!("these have not passed since they were built:\n{missing}"));
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md can be read");
    let (before, rest) = readme.split_once(BEGIN).expect("README.md has the first mark");
    let (shown, after) = rest.split_once(END).expect("README.md has the second mark");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).expect("README.md can be written");
    } else {
        assert!(
            shown == table,
            "README.md shows another matrix: `just matrix` updates it. It would be:\n{table}"
        );
    }
}

#[test]
fn a_cell_without_an_outcome_is_no_table() {
    let (daemons, behaviours) = (&DAEMONS[..2], &[("one", "first"), ("two", "second")]);
    let yes = |_: &dyn Adapter, _: &str| Some("yes".to_owned());
    assert_eq!(
        table(daemons, behaviours, yes).unwrap(),
        "| | GoBGP | FRR |\n|---|---|---|\n| first | yes | yes |\n| second | yes | yes |\n\n"
    );
    let but_one = |daemon: &dyn Adapter, behaviour: &str| {
        yes(daemon, behaviour).filter(|_| (daemon.name(), behaviour) != ("frr", "two"))
    };
    assert_eq!(table(daemons, behaviours, but_one), Err("frr::two".to_owned()));
}
