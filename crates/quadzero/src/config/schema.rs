//! JSON Schemas of the three kinds of files, for editors: what may stand where, in the words of the reference.
//!
//! ```text
//!   record!, words!, Value::schema ──► which keys there are, and of what type ──┐
//!   config/README.md ────────────────► what they mean, and their defaults ──────┴──► config/schema/*.json
//! ```
//!
//! They come from what reads the files, so that a new key is in them already. What no schema can say (that a neighbor needs an
//! AS from somewhere, that a prefix has no host bits) is left to `quadzero check`: a schema never refuses what that takes.
//!
//! Draft 7 of JSON Schema is what editors know best. It has a `$ref` rule out everything beside it, hence the `allOf`.

use super::reader::Value;
use super::{azure, edge, scenario};
use clap::ValueEnum;
use serde_json::{Map, json};

/// A schema is JSON.
pub(super) type Schema = serde_json::Value;

/// The reference, without which a schema would know less than it does.
const REFERENCE: &str = include_str!("../../../../config/README.md");

/// Which kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// The edge's file, for `quadzero run`
    Edge,
    /// The gateway's file, for `quadzero azure`
    Gateway,
    /// A scenario, for `quadzero lab`
    Scenario,
}

/// The schema of a kind of file.
pub fn schema(which: Which) -> serde_json::Value {
    match which {
        Which::Edge => document("The file of a quadzero edge", edge::File::keys),
        Which::Gateway => document("The file of quadzero's mock gateways", azure::File::keys),
        Which::Scenario => document("A scenario for quadzero's lab", scenario::File::keys),
    }
}

fn document(title: &str, keys: fn(&mut Keys<'_>)) -> Schema {
    let mut all = Schemas::default();
    let mut schema = all.table("", keys);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = title.into();
    schema["definitions"] = all.definitions.into();
    schema
}

/// The schemas of all tables of a file.
#[derive(Default)]
pub(super) struct Schemas {
    definitions: Map<String, Schema>,
}

impl Schemas {
    /// A table, by reference: some stand in several places, and some inside of themselves.
    pub(super) fn record(&mut self, path: &str, doc: &str, keys: fn(&mut Keys<'_>)) -> Schema {
        let name = path.trim_start_matches("quadzero::config::").replace("::", ".");
        if !self.definitions.contains_key(&name) {
            self.definitions.insert(name.clone(), Schema::Null);
            let schema = self.table(doc.trim().trim_end_matches('.'), keys);
            self.definitions.insert(name.clone(), schema);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn table(&mut self, title: &str, keys: fn(&mut Keys<'_>)) -> Schema {
        let mut table = Keys { all: self, rows: rows(title), properties: Map::new(), required: Vec::new() };
        keys(&mut table);
        let Keys { properties, required, .. } = table;
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !title.is_empty() {
            schema["description"] = title.into();
        }
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }
}

/// The keys of a table, as `record!` names them.
pub(super) struct Keys<'a> {
    all: &'a mut Schemas,
    rows: Vec<Row>,
    properties: Map<String, Schema>,
    required: Vec<String>,
}

impl Keys<'_> {
    /// A key that may be missing.
    pub(super) fn optional<T: Value>(&mut self, key: String, doc: &str) {
        let mut schema = T::schema(self.all);
        if schema.get("$ref").is_some() {
            schema = json!({ "allOf": [schema] });
        }
        schema["description"] = self.description(&key, doc.trim()).into();
        self.properties.insert(key, schema);
    }

    /// A key that must be there.
    pub(super) fn required<T: Value>(&mut self, key: String, doc: &str) {
        self.required.push(key.clone());
        self.optional::<T>(key, doc);
    }

    /// The words of the reference; of a row that is about several keys, behind what the code says of this one.
    fn description(&self, key: &str, doc: &str) -> String {
        let is_told = |row: &&Row| row.keys.contains(&key) && row.meaning != "see below";
        let Some(row) = self.rows.iter().find(is_told) else { return doc.to_owned() };
        let meaning = sentence(row.meaning);
        let mut text = if row.keys.len() > 1 { format!("{doc} {meaning}") } else { meaning };
        if !row.default.is_empty() && !row.default.starts_with("required") {
            text += &format!("\n\nDefault: {}.", row.default);
        }
        text
    }
}

/// A row of the reference.
struct Row {
    keys: Vec<&'static str>,
    default: &'static str,
    meaning: &'static str,
}

/// What the reference has below a heading.
fn rows(title: &str) -> Vec<Row> {
    let Some((_, section)) = REFERENCE.split_once(&format!("\n### {title}\n")) else { return Vec::new() };
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let &[_, keys, _, default, meaning, _] = cells.as_slice() else { return None };
        Some(Row { keys: keys.split('`').skip(1).step_by(2).collect(), default, meaning })
    };
    table.take_while(|line| line.starts_with('|')).filter_map(row).collect()
}

/// With a capital letter and a stop. Links lead nowhere from an editor.
fn sentence(text: &str) -> String {
    let mut plain = text.to_owned();
    while let Some((before, (_, after))) =
        plain.split_once("](").and_then(|(b, a)| Some((b, a.split_once(')')?)))
    {
        let open = before.rfind('[').unwrap_or(0);
        plain = format!("{}{}{after}", &before[..open], before[open..].trim_start_matches('['));
    }
    let mut letters = plain.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if plain.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

// The schemas of single values.

pub(super) fn boolean() -> Schema {
    json!({ "type": "boolean" })
}

pub(super) fn integer(least: i128, most: i128) -> Schema {
    let number = |n| i64::try_from(n).unwrap_or(i64::MAX);
    json!({ "type": "integer", "minimum": number(least), "maximum": number(most) })
}

pub(super) fn text(least: usize, most: usize) -> Schema {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

pub(super) fn pattern(pattern: &str) -> Schema {
    json!({ "type": "string", "pattern": pattern })
}

pub(super) fn words(words: &[&str]) -> Schema {
    json!({ "type": "string", "enum": words })
}

pub(super) fn list(of: Schema) -> Schema {
    json!({ "type": "array", "items": of })
}

pub(super) fn any_of<const N: usize>(schemas: [Schema; N]) -> Schema {
    json!({ "anyOf": schemas.to_vec() })
}

/// Seconds, or a text with a unit.
pub(super) fn duration(least: u64, most: u64) -> Schema {
    json!({
        "type": ["integer", "string"],
        "minimum": least,
        "maximum": most,
        "pattern": r"^[0-9]+\s*(ms|s|m|h)$",
    })
}

/// Four octets as they are written.
const IPV4: &str = r"((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)";
/// Loosely: what is like an address of IPv6, and like nothing else.
const IPV6: &str = "[0-9A-Fa-f]*:[0-9A-Fa-f:.]+";

pub(super) fn ipv4() -> Schema {
    pattern(&format!("^{IPV4}$"))
}

pub(super) fn address() -> Schema {
    pattern(&format!("^({IPV4}|{IPV6})$"))
}

pub(super) fn socket() -> Schema {
    pattern(&format!(r"^({IPV4}|\[{IPV6}(%[0-9]+)?\]):[0-9]{{1,5}}$"))
}

pub(super) fn ipv4_prefix() -> Schema {
    pattern(&format!("^{IPV4}/(3[0-2]|[12]?[0-9])$"))
}

pub(super) fn prefix() -> Schema {
    pattern(&format!("^({IPV4}/(3[0-2]|[12]?[0-9])|{IPV6}/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$"))
}
