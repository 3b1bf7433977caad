//! The 36 rows of azure.md §8, "Behaviour the mock must show": each is a test, whose name has the row's number and whose
//! documentation has its mark and sources. `README.md` of this crate has them all in a table, with their switches.

mod announcements;
mod limits;
mod networks;
mod routes;
mod sessions;
mod shared;

const SOURCES: [&str; 5] = [
    include_str!("announcements.rs"),
    include_str!("limits.rs"),
    include_str!("networks.rs"),
    include_str!("routes.rs"),
    include_str!("sessions.rs"),
];

/// The tests of a row: their documentation and their names.
fn tests_of(row: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for source in SOURCES {
        let lines: Vec<&str> = source.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let name = line.trim_start_matches("async ").strip_prefix("fn ");
            let Some(name) = name.filter(|name| name.starts_with(&format!("row_{row:02}_"))) else {
                continue;
            };
            let above = lines[..i].iter().rev().take_while(|l| l.starts_with("///") || l.starts_with("#["));
            let above: Vec<&str> = above.copied().collect();
            assert!(above.iter().any(|l| l.contains("test")), "{name} is no test");
            let documentation = above.iter().filter(|l| l.starts_with("///")).copied().collect::<String>();
            found.push((documentation, name.split('(').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

#[test]
fn every_row_has_its_test_with_the_mark_and_the_source() {
    for row in 1..=36 {
        let tests = tests_of(row);
        assert!(!tests.is_empty(), "row {row} has no test");
        for (documentation, name) in tests {
            let marked = ["(D", "(F", "(B", "(I", "(U", " D", " F", " B", " I", " U"]
                .iter()
                .any(|mark| documentation.contains(mark));
            assert!(marked && documentation.contains(&format!("Row {row}")), "{name}: {documentation}");
        }
    }
}

#[test]
fn the_table_of_the_readme_names_every_test() {
    let table = include_str!("../../README.md");
    for row in 1..=36 {
        let line = table.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap_or_default();
        for (_, name) in tests_of(row) {
            assert!(line.contains(&format!("`{name}`")), "row {row} of the table lacks {name}: {line}");
        }
    }
    let named = table.split('`').filter(|word| word.starts_with("row_"));
    let known: Vec<String> = (1..=36).flat_map(tests_of).map(|(_, name)| name).collect();
    for name in named {
        assert!(known.iter().any(|test| test == name), "{name} is no test");
    }
}
