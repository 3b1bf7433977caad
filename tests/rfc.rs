//! `crates/RFC.md` is true: each test that it names is there, and each RFC that the README names has a row in it.

use quadzero_tests::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All of the Rust below a folder.
fn sources(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// The cells of the table's rows.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| RFC"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_of_the_table_is_there() {
    let table = read("crates/RFC.md");
    let mut code = String::new();
    ["crates", "tests"].iter().for_each(|folder| sources(&root().join(folder), &mut code));
    let rows = rows(&table);
    assert!(rows.len() > 40, "{} rows", rows.len());
    let shown: Vec<&str> = rows.iter().flat_map(|row| row.get(3)).flat_map(|cell| quoted(cell)).collect();
    assert!(shown.len() > rows.len() / 2, "{shown:?}");
    let missing: Vec<&&str> = shown
        .iter()
        .filter(|name| !code.contains(&format!("fn {name}(")) && !root().join(name).is_dir())
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}

#[test]
fn every_rfc_that_the_readme_names_has_its_row() {
    let table = read("crates/RFC.md");
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let first = rows(&table).into_iter().map(|row| row[0].to_owned()).collect::<Vec<_>>().join(" ");
    let rows: BTreeSet<&str> = first.split(|c: char| !c.is_ascii_digit()).filter(|n| n.len() == 4).collect();
    let readme = read("README.md");
    let named: BTreeSet<String> =
        readme.split("RFC ").skip(1).map(digits).filter(|n| !n.is_empty()).collect();
    assert!(named.len() > 1, "{named:?}");
    let missing: Vec<&String> = named.iter().filter(|number| !rows.contains(number.as_str())).collect();
    assert!(missing.is_empty(), "no rows for {missing:?}");
}
