//! A path as a daemon holds it, in one shape for all of them.

use serde_json::Value;

/// Every attribute that a path has, so that two can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// 0 IGP, 1 EGP, 2 INCOMPLETE.
    pub origin: u64,
    /// All segments one behind the other.
    pub as_path: Vec<u64>,
    /// NEXT_HOP, or that of MP_REACH_NLRI.
    pub next_hop: String,
    /// MULTI_EXIT_DISC.
    pub med: Option<u64>,
    /// "65010:100", sorted.
    pub communities: Vec<String>,
    /// "rt:65010:1"; of another type whatever the daemon calls it; sorted.
    pub extended_communities: Vec<String>,
    /// "65010:1:2", sorted.
    pub large_communities: Vec<String>,
    /// The type codes of all other attributes, of daemons that show them.
    pub others: Vec<u64>,
}

impl Path {
    /// The same path with its lists in order.
    pub(super) fn sorted(mut self) -> Self {
        self.communities.sort();
        self.extended_communities.sort();
        self.large_communities.sort();
        self
    }
}

/// ORIGIN by its name, in whatever case.
pub(super) fn origin(name: &str) -> u64 {
    match name.to_ascii_lowercase().as_str() {
        "igp" => 0,
        "egp" => 1,
        "incomplete" => 2,
        other => panic!("no ORIGIN: {other}"),
    }
}

/// The numbers in a text, whatever stands between them.
pub(super) fn numbers(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    words.map(|word| word.parse().expect("digits are a number")).collect()
}

/// A community in numbers, also one that the daemon calls by its name.
pub(super) fn community(text: &str) -> String {
    match text.to_ascii_lowercase().replace('_', "-").as_str() {
        "no-export" => "65535:65281".to_owned(),
        "graceful-shutdown" => "65535:0".to_owned(),
        other => other.to_owned(),
    }
}

/// The elements of a JSON array; none if it is absent.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A number of JSON.
pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}

/// A text of JSON; empty if it is absent.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The words of a text of JSON.
pub(super) fn words(value: &Value) -> impl Iterator<Item = &str> {
    text(value).split_whitespace()
}

/// The texts of a JSON array.
pub(super) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value).iter().map(text)
}
