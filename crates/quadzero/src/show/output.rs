//! Prints an answer as `az` does: JSON, a table with its columns, or tab-separated values.

use crate::cli::Failure;
use clap::ValueEnum;
use serde_json::{Map, Value};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// JSON.
    #[value(alias = "jsonc")]
    Json,
    /// Columns, for people.
    Table,
    /// Tab-separated values, for scripts.
    Tsv,
}

/// The columns of a table: heading and key. Without any, all keys.
pub(super) type Table = &'static [(&'static str, &'static str)];

pub(super) const EFFECTIVE_ROUTES: Table = &[
    ("Source", "source"),
    ("State", "state"),
    ("Address Prefix", "addressPrefix"),
    ("Next Hop Type", "nextHopType"),
    ("Next Hop IP", "nextHopIpAddress"),
];
pub(super) const ROUTES: Table = &[
    ("Network", "network"),
    ("NextHop", "nextHop"),
    ("Origin", "origin"),
    ("SourcePeer", "sourcePeer"),
    ("AsPath", "asPath"),
    ("Weight", "weight"),
];
pub(super) const PEER_STATUS: Table = &[
    ("Neighbor", "neighbor"),
    ("ASN", "asn"),
    ("State", "state"),
    ("ConnectedDuration", "connectedDuration"),
    ("RoutesReceived", "routesReceived"),
    ("MessagesSent", "messagesSent"),
    ("MessagesReceived", "messagesReceived"),
];
pub(super) const ROUTE_TABLE: Table = &[
    ("Network", "network"),
    ("NextHop", "nextHop"),
    ("LocPrf", "locPrf"),
    ("Weight", "weight"),
    ("Path", "path"),
];
pub(super) const ROUTE_TABLE_SUMMARY: Table = &[
    ("Neighbor", "neighbor"),
    ("V", "v"),
    ("As", "as"),
    ("UpDown", "upDown"),
    ("StatePfxRcd", "statePfxRcd"),
];
pub(super) const HUB_ROUTES: Table =
    &[("AddressPrefixes", "addressPrefixes"), ("AsPath", "asPath"), ("NextHopType", "nextHopType")];
pub(super) const AS_THEY_COME: Table = &[];

/// The answer, or what a query makes of it. The columns of a table are known of the answer itself alone.
pub(super) fn print(
    answer: Value,
    output: Output,
    query: Option<&str>,
    columns: Table,
) -> Result<String, Failure> {
    let (answer, columns) = match query {
        None => (answer, columns),
        Some(query) => (queried(&answer, query)?, AS_THEY_COME),
    };
    Ok(match output {
        Output::Json => format!("{answer:#}\n"),
        Output::Tsv => tsv(&answer),
        Output::Table => table(&rows(answer), columns),
    })
}

fn queried(answer: &Value, query: &str) -> Result<Value, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(format!("error: --query: {error}"));
    let expression = jmespath::compile(query).map_err(|error| wrong(&error))?;
    let found = expression.search(answer).map_err(|error| wrong(&error))?;
    serde_json::to_value(&*found).map_err(|error| wrong(&error))
}

/// The rows of a listing; those of a Route Server's instances one after the other.
fn rows(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(rows) => rows,
        Value::Object(mut object) => match object.remove("value") {
            Some(Value::Array(rows)) => rows,
            Some(value) => vec![value],
            None if !object.is_empty() && object.values().all(Value::is_array) => of_instances(object),
            None => vec![Value::Object(object)],
        },
        Value::Null => Vec::new(),
        single => vec![single],
    }
}

fn of_instances(instances: Map<String, Value>) -> Vec<Value> {
    let rows = instances.into_values().filter_map(|rows| match rows {
        Value::Array(rows) => Some(rows),
        _ => None,
    });
    rows.flatten().collect()
}

/// Two blanks between columns, and a line of dashes below the headings.
fn table(rows: &[Value], columns: Table) -> String {
    let mut lines = vec![headings(rows, columns)];
    let keys: Vec<String> = match columns {
        [] => lines[0].clone(),
        columns => columns.iter().map(|(_, key)| (*key).to_owned()).collect(),
    };
    lines[0] =
        if columns.is_empty() { keys.iter().map(|key| capital(key)).collect() } else { lines[0].clone() };
    lines.extend(rows.iter().map(|row| keys.iter().enumerate().map(|(i, key)| cell(row, key, i)).collect()));
    if rows.is_empty() || keys.is_empty() {
        return String::new();
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..keys.len()).map(width).collect();
    lines.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect());
    let padded = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(padded).collect()
}

/// Those that are given, or the keys of all rows whose values fit into a cell.
fn headings(rows: &[Value], columns: Table) -> Vec<String> {
    if !columns.is_empty() {
        return columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    }
    let mut keys: Vec<String> = Vec::new();
    for row in rows {
        let own: Vec<String> = match row {
            Value::Object(object) => {
                let fits = |(_, value): &(&String, &Value)| !value.is_object() && !value.is_array();
                object.iter().filter(fits).map(|(key, _)| key.clone()).collect()
            }
            Value::Array(cells) => (1..=cells.len()).map(|n| format!("column{n}")).collect(),
            _ => vec!["result".to_owned()],
        };
        own.into_iter().for_each(|key| {
            if !keys.contains(&key) {
                keys.push(key);
            }
        });
    }
    keys
}

fn capital(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn cell(row: &Value, key: &str, column: usize) -> String {
    match row {
        Value::Object(object) => object.get(key).map_or_else(String::new, shown),
        Value::Array(cells) => cells.get(column).map_or_else(String::new, shown),
        single => shown(single),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// As `az` has it: a row a line, lists within a row by their lengths, and nothing for an object.
fn tsv(answer: &Value) -> String {
    let rows = match answer {
        Value::Array(rows) => &rows[..],
        single => std::slice::from_ref(single),
    };
    let line = |row: &Value| match row {
        Value::Object(object) => object.values().map(plain).collect::<Vec<_>>().join("\t"),
        Value::Array(cells) => cells.iter().map(plain).collect::<Vec<_>>().join("\t"),
        single => plain(single),
    };
    rows.iter().map(|row| line(row) + "\n").collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(yes) => if *yes { "True" } else { "False" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.len().to_string(),
        Value::Object(_) => String::new(),
        Value::Number(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn effective() -> Value {
        json!({ "value": [
            { "addressPrefix": ["10.1.0.0/16"], "nextHopIpAddress": [], "nextHopType": "VnetLocal", "source": "Default",
              "state": "Active", "name": null },
            { "addressPrefix": ["0.0.0.0/0"], "nextHopIpAddress": ["10.1.0.4"], "nextHopType": "VirtualNetworkGateway",
              "source": "VirtualNetworkGateway", "state": "Active", "name": null },
        ] })
    }

    fn printed(answer: Value, output: Output, query: Option<&str>, columns: Table) -> String {
        print(answer, output, query, columns).unwrap()
    }

    #[test]
    fn the_table_of_effective_routes_has_the_columns_of_az() {
        let expected = "\
Source                 State   Address Prefix  Next Hop Type          Next Hop IP
---------------------  ------  --------------  ---------------------  -----------
Default                Active  10.1.0.0/16     VnetLocal
VirtualNetworkGateway  Active  0.0.0.0/0       VirtualNetworkGateway  10.1.0.4
";
        assert_eq!(printed(effective(), Output::Table, None, EFFECTIVE_ROUTES), expected);
    }

    #[test]
    fn a_query_for_a_script_gives_a_value_a_line() {
        let query = Some("value[?nextHopType=='VirtualNetworkGateway'].addressPrefix[0]");
        assert_eq!(printed(effective(), Output::Tsv, query, EFFECTIVE_ROUTES), "0.0.0.0/0\n");
        let query = Some("value[].[addressPrefix[0], name, state]");
        let expected = "10.1.0.0/16\tNone\tActive\n0.0.0.0/0\tNone\tActive\n";
        assert_eq!(printed(effective(), Output::Tsv, query, EFFECTIVE_ROUTES), expected);
        assert_eq!(printed(effective(), Output::Tsv, Some("length(value)"), EFFECTIVE_ROUTES), "2\n");
    }

    #[test]
    fn a_table_of_a_query_has_what_the_query_gave() {
        let query = Some("value[].{prefix: addressPrefix[0], type: nextHopType}");
        let expected = "\
Prefix       Type
-----------  ---------------------
10.1.0.0/16  VnetLocal
0.0.0.0/0    VirtualNetworkGateway
";
        assert_eq!(printed(effective(), Output::Table, query, EFFECTIVE_ROUTES), expected);
    }

    #[test]
    fn both_instances_of_a_route_server_are_in_one_table() {
        let row = |network: &str| json!([{ "network": network, "weight": 32768 }]);
        let answer =
            json!({ "RouteServiceRole_IN_0": row("0.0.0.0/1"), "RouteServiceRole_IN_1": row("128.0.0.0/1") });
        let table = printed(answer, Output::Table, None, ROUTES);
        assert_eq!(table.lines().count(), 4, "{table}");
    }

    #[test]
    fn a_query_that_is_none_is_the_command_lines_fault() {
        let failure = print(effective(), Output::Json, Some("value[?"), EFFECTIVE_ROUTES).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
    }
}
