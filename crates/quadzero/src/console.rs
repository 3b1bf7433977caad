//! The commands that speak to a running edge: they ask, and print what it answers.

use crate::cli::{self, Doing, Failure, Shown, Socket};
use crate::control::{Client, Request, follow};
use crate::intent::Asked;
use comfy_table::{Table, presets::NOTHING};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// `quadzero show`.
///
/// # Errors
/// No edge answers, or it knows no such neighbor.
pub fn show(options: &cli::Show) -> Result<(), Failure> {
    let what = options.what.clone().unwrap_or(Shown::Summary);
    let print = |client: &mut Client| {
        let answer = client.ask(request(&what))?;
        write(&if options.json { format!("{answer:#}\n") } else { text(&what, &answer) })
    };
    let mut client = connect(&options.at)?;
    if !options.follow {
        return print(&mut client);
    }
    // First, so that nothing is missed between the two.
    let watching = connect(&options.at)?;
    let is_events = matches!(what, Shown::Events);
    print(&mut client)?;
    follow(watching, |event| match (is_events, options.json) {
        (true, true) => write(&format!("{event}\n")),
        (true, false) => write(&event_line(event)),
        (false, _) => {
            if io::stdout().is_terminal() {
                write("\x1b[H\x1b[2J")?;
            }
            print(&mut client)
        }
    })
}

fn request(what: &Shown) -> Request {
    match what.clone() {
        Shown::Summary => Request::Summary,
        Shown::Neighbor { name } => Request::Neighbor { name },
        Shown::Routes { which, neighbor } => Request::Routes { which, neighbor },
        Shown::Policy { neighbor } => Request::Policy { neighbor },
        Shown::Probes => Request::Probes,
        Shown::Kernel => Request::Kernel,
        Shown::Events => Request::Events,
    }
}

fn text(what: &Shown, answer: &Value) -> String {
    match what {
        Shown::Summary => summary(answer),
        Shown::Neighbor { .. } => list(answer).iter().map(neighbor_text).collect::<Vec<_>>().join("\n"),
        Shown::Routes { .. } => routes(answer),
        Shown::Policy { .. } => policy(answer),
        Shown::Probes => probes(answer),
        Shown::Kernel => kernel(answer),
        Shown::Events => list(answer).iter().map(event_line).collect(),
    }
}

/// `quadzero why`.
///
/// # Errors
/// No edge answers, or the prefix is not announced to everybody asked about.
pub fn why(options: &cli::Why) -> Result<(), Failure> {
    let request = Request::Why { prefix: options.prefix, to: options.to.clone() };
    let answer = connect(&options.at)?.ask(request)?;
    write(&if options.json { format!("{answer:#}\n") } else { ladders(&answer) })?;
    let neighbors = list(&answer["neighbors"]);
    let reaches = |neighbor: &&Value| list(&neighbor["ladder"]).iter().all(|rung| rung["passes"] == true);
    let told = neighbors.iter().filter(reaches).count();
    if told == neighbors.len() {
        return Ok(());
    }
    let prefix = printable(&answer["prefix"]);
    Err(Failure::Failed(format!("{prefix} is announced to {told} of {} neighbors", neighbors.len())))
}

/// `quadzero reload`.
///
/// # Errors
/// No edge answers, or it does not take the file.
pub fn reload(options: &cli::Reload) -> Result<(), Failure> {
    let request = Request::Reload { plan: options.plan, confirm: options.confirm };
    let answer = connect(&options.at)?.ask(request)?;
    if options.json {
        return write(&format!("{:#}\n", answer["plan"]));
    }
    write(&lines(&answer["text"]))?;
    match (options.plan, options.confirm) {
        (true, _) => Ok(()),
        (false, None) => write("reloaded\n"),
        (false, Some(seconds)) => {
            write(&format!("reloaded; back again in {seconds} s, unless `quadzero confirm` is said\n"))
        }
    }
}

/// `quadzero drain`.
///
/// # Errors
/// No edge answers.
pub fn drain(options: &cli::Drain) -> Result<(), Failure> {
    let cli::Drain { exit, restart, at } = options;
    let answer = connect(at)?.ask(Request::Drain { exit: *exit, restart: *restart })?;
    write(match answer["stage"].as_str() {
        Some("warning") => {
            "neighbors are told to use another way; the withdrawal follows after [drain] wait\n"
        }
        _ if *restart => "it exits, to be started again\n",
        _ => "everything is withdrawn\n",
    })
}

/// `quadzero neighbor`.
///
/// # Errors
/// No edge answers, or it knows no such neighbor.
pub fn neighbor(options: &cli::Neighbor) -> Result<(), Failure> {
    let (neighbor, text) = (options.neighbor.clone(), options.text.clone());
    match options.what {
        Doing::Start => tell(&options.at, Request::Start { neighbor }, "started"),
        Doing::Stop => tell(&options.at, Request::Stop { neighbor, text }, "stopped"),
        Doing::Reset => tell(&options.at, Request::Reset { neighbor, text }, "reset"),
    }
}

/// `quadzero announce`.
///
/// # Errors
/// No edge answers, or there can be no such route.
pub fn announce(options: &cli::Announce) -> Result<(), Failure> {
    let attributes =
        options.attributes.iter().map(|word| attribute(word)).collect::<Result<Map<_, _>, _>>()?;
    let asked = Asked { prefix: options.prefix, attributes, to: options.to.clone(), keep: options.keep };
    tell(&options.at, Request::Announce(asked), "announced")
}

/// `quadzero withdraw`.
///
/// # Errors
/// No edge answers, or it does not announce that.
pub fn withdraw(options: &cli::Withdraw) -> Result<(), Failure> {
    tell(&options.at, Request::Withdraw { prefix: options.prefix }, "withdrawn")
}

/// Tells something to which there is no answer but that it is done.
///
/// # Errors
/// No edge answers, or it does not do it.
pub fn tell(at: &Socket, request: Request, done: &str) -> Result<(), Failure> {
    connect(at)?.ask(request)?;
    write(&format!("{done}\n"))
}

/// `med=50`, `communities=65010:1,no-export`: a number where it is one, a list where the key's value is one.
fn attribute(word: &str) -> Result<(String, Value), Failure> {
    let wrong = || Failure::Wrong(format!("error: {word:?} is not KEY=VALUE, like med=50"));
    let (key, value) = word.split_once('=').ok_or_else(wrong)?;
    let one = |value: &str| value.parse::<u64>().map_or_else(|_| Value::from(value), Value::from);
    let is_list = key.ends_with("communities") || key == "as-path";
    let value = if is_list { value.split(',').map(one).collect() } else { one(value) };
    Ok((key.to_owned(), value))
}

fn connect(at: &Socket) -> Result<Client, Failure> {
    Client::connect(at.socket.as_deref())
}

fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush())?)
}

// Text.

/// What stands in a cell or a line. What comes from a neighbor, or was told by one, may hold anything.
fn printable(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    escaped(&text)
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        // Controls, and marks that turn the direction of what follows.
        let moves = c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if moves { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

fn lines(value: &Value) -> String {
    value.as_str().unwrap_or_default().lines().map(|line| escaped(line) + "\n").collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> String {
    list(value).iter().map(printable).collect::<Vec<_>>().join(" ")
}

/// As routers say it: 00:00:07, 3d04h, 5w2d.
fn age(value: &Value) -> String {
    let seconds = value.as_u64().unwrap_or(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match days {
        0 => format!("{hours:02}:{:02}:{:02}", minutes % 60, seconds % 60),
        1..7 => format!("{days}d{:02}h", hours % 24),
        _ => format!("{}w{}d", days / 7, days % 7),
    }
}

fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    rows.for_each(|row| {
        table.add_row(row);
    });
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn summary(answer: &Value) -> String {
    let mut out = format!(
        "AS {}, identifier {}, up {}{}\n",
        answer["asn"],
        printable(&answer["router-id"]),
        age(&answer["uptime"]),
        match answer["stage"].as_str() {
            Some("warning") => ", LEAVING: neighbors are told to use another way",
            Some("drained") => ", DRAINED: nothing is announced (quadzero undrain)",
            _ => "",
        }
    );
    if let Some(seconds) = answer["unconfirmed"].as_u64() {
        let _ = writeln!(out, "The last reload goes back in {seconds} s, unless `quadzero confirm` is said.");
    }
    if answer["by-hand"] != 0 {
        let _ = writeln!(out, "{} routes by hand: quadzero show policy", answer["by-hand"]);
    }
    let rows = list(&answer["neighbors"]).iter().map(|row| {
        [
            printable(&row["neighbor"]),
            printable(&row["remote-as"]),
            printable(&row["messages-received"]),
            printable(&row["messages-sent"]),
            age(&row["since"]),
            state(row),
            printable(&row["prefixes-sent"]),
            printable(&row["name"]),
        ]
    });
    let header = ["Neighbor", "AS", "MsgRcvd", "MsgSent", "Up/Down", "State/PfxRcd", "PfxSnt", "Desc"];
    out + &table(header, rows)
}

/// The state, or the prefixes of a session that is up, as routers say it.
fn state(row: &Value) -> String {
    match (row["state"].as_str(), row["stopped"] == true) {
        (Some("Established"), _) => printable(&row["prefixes-received"]),
        (_, true) => "Idle (Admin)".to_owned(),
        _ => printable(&row["state"]),
    }
}

fn neighbor_text(row: &Value) -> String {
    let mut out = format!(
        "{} ({}, AS {}): {} for {}\n",
        printable(&row["name"]),
        printable(&row["neighbor"]),
        row["remote-as"],
        if row["stopped"] == true { "stopped by the operator".into() } else { printable(&row["state"]) },
        age(&row["since"])
    );
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "  {name:<11} {value}");
        }
    };
    line("last end", printable(&row["last-down"]));
    line("to do", printable(&row["to-do"]));
    line("sessions", format!("{} established, {} dropped", row["established"], row["dropped"]));
    line("messages", format!("{} received, {} sent", row["messages-received"], row["messages-sent"]));
    line("updates", format!("{} received, {} sent", row["updates-received"], row["updates-sent"]));
    let sync = if row["in-sync"] == true { ", all is said" } else { "" };
    line(
        "prefixes",
        format!(
            "{} received, {} of {} sent{sync}",
            row["prefixes-received"], row["prefixes-sent"], row["prefixes-wanted"]
        ),
    );
    for part in ["addresses", "configured", "negotiated"] {
        let pairs = row[part].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let pairs = pairs.map(|(key, value)| match value {
            Value::Array(_) => format!("{key} {}", words(value)),
            _ => format!("{key} {}", printable(value)),
        });
        line(part, pairs.collect::<Vec<_>>().join(", "));
    }
    out
}

fn routes(answer: &Value) -> String {
    let rows = list(&answer["routes"]);
    let header = ["Neighbor", "Network", "Next hop", "Metric", "LocPrf", "Path", "Origin", "Communities"];
    let cells = rows.iter().map(|row| {
        let communities =
            ["communities", "extended-communities", "large-communities"].map(|key| words(&row[key]));
        let stale = if row["stale"] == true { " (stale)" } else { "" };
        [
            printable(&row["neighbor"]),
            printable(&row["prefix"]) + stale,
            printable(&row["next-hop"]),
            printable(&row["med"]),
            printable(&row["local-preference"]),
            printable(&row["as-path"]),
            printable(&row["origin"]),
            communities.iter().filter(|words| !words.is_empty()).cloned().collect::<Vec<_>>().join(" "),
        ]
    });
    let mut out = table(header, cells);
    let total = answer["total"].as_u64().unwrap_or(0);
    if total > rows.len() as u64 {
        let _ = writeln!(out, "... {total} in all: ask for one neighbor");
    }
    out
}

fn policy(answer: &Value) -> String {
    let row = |kind: &str, name: &Value, prefixes: String| [kind.to_owned(), printable(name), prefixes];
    let originated =
        list(&answer["originations"]).iter().map(|o| row("originated", &o["name"], printable(&o["prefix"])));
    let excepted = list(&answer["exceptions"]).iter();
    let excepted = excepted.map(|set| row(&printable(&set["mode"]), &set["name"], words(&set["prefixes"])));
    let by_hand = list(&answer["by-hand"]).iter().map(|asked| {
        let attributes = asked["attributes"].as_object().into_iter().flatten();
        let attributes = attributes.map(|(key, value)| match value {
            Value::Array(_) => format!(" {key}={}", words(value)),
            _ => format!(" {}={}", escaped(key), printable(value)),
        });
        let to = list(&asked["to"]).iter().map(|name| format!(" to {}", printable(name)));
        let kept = if asked["keep"] == true { " (kept)" } else { "" };
        let rest: String = attributes.chain(to).collect();
        ["by hand".to_owned(), String::new(), printable(&asked["prefix"]) + &rest + kept]
    });
    let held = list(&answer["withdrawn-by-hand"]).iter();
    let held = held.map(|prefix| ["held back by hand".to_owned(), String::new(), printable(prefix)]);
    let mut out = table(["What", "Name", "Prefixes"], originated.chain(excepted).chain(by_hand).chain(held));
    for decision in list(&answer["decisions"]) {
        let says = printable(&decision["says"]);
        let says = if says.is_empty() { says } else { format!(" It says: {says}.") };
        let _ = writeln!(out, "{}{says}", printable(&decision["because"]));
    }
    out
}

fn probes(answer: &Value) -> String {
    let rows = list(&answer["probes"]).iter().map(|row| {
        let held = row["held-down"].as_f64().filter(|seconds| *seconds > 0.0);
        let held = held.map_or_else(String::new, |seconds| format!(" (held down for {seconds} s)"));
        [
            printable(&row["name"]),
            printable(&row["looks-at"]),
            printable(&row["state"]) + &held,
            age(&row["since"]),
            printable(&row["because"]),
        ]
    });
    let conditions = list(&answer["conditions"]).iter().map(|row| {
        let verdict = match row["holds"].as_bool() {
            Some(true) => "holds".to_owned(),
            Some(false) => format!("fails: {}", printable(&row["on-failure"])),
            None => format!("unknown: {}", printable(&row["on-failure"])),
        };
        [printable(&row["prefix"]), printable(&row["name"]), printable(&row["condition"]), verdict]
    });
    let probes = table(["Probe", "Looks at", "State", "For", "Because"], rows);
    probes + "\n" + &table(["Network", "Name", "When", "Verdict"], conditions)
}

fn kernel(answer: &Value) -> String {
    let mut out = format!(
        "Table {}, protocol {}: {} routes, {} kept out\n",
        answer["table"], answer["protocol"], answer["total"], answer["refused-total"]
    );
    if let Some(seconds) = answer["settling"].as_u64() {
        let _ = writeln!(
            out,
            "Routes of an earlier process stay for {seconds} s more, or until every neighbor has said End-of-RIB."
        );
    }
    if let Some(error) = answer["error"].as_str() {
        let _ = writeln!(out, "The kernel cannot be asked: {}", escaped(error));
    }
    let rows = list(&answer["routes"]).iter().map(|row| {
        let state = if row["error"].is_null() {
            "yes".to_owned()
        } else {
            format!("NO: {}", printable(&row["error"]))
        };
        let cells = ["table", "prefix", "metric", "next-hops", "for"].map(|key| printable(&row[key]));
        let [table, prefix, metric, hops, purpose] = cells;
        [table, prefix, metric, hops, purpose, state]
    });
    out += &table(["Table", "Network", "Metric", "Next hops", "For", "Installed"], rows);
    let refused = list(&answer["refused"]);
    if !refused.is_empty() {
        let rows =
            refused.iter().map(|row| ["prefix", "from", "why", "to-do"].map(|key| printable(&row[key])));
        out += "\n";
        out += &table(["Kept out", "From", "Why", "What to do"], rows);
    }
    out
}

fn event_line(event: &Value) -> String {
    let neighbor = printable(&event["neighbor"]);
    let neighbor = if neighbor.is_empty() { neighbor } else { format!("{neighbor}: ") };
    format!(
        "{} {:<14} {neighbor}{}\n",
        printable(&event["time"]),
        printable(&event["kind"]),
        printable(&event["text"])
    )
}

fn ladders(answer: &Value) -> String {
    let mut out = String::new();
    for neighbor in list(&answer["neighbors"]) {
        let _ = writeln!(out, "{} to {}", printable(&answer["prefix"]), printable(&neighbor["name"]));
        for rung in list(&neighbor["ladder"]) {
            let mark = if rung["passes"] == true { "pass" } else { "STOP" };
            let _ = writeln!(out, "  {mark}  {:<13} {}", printable(&rung["rung"]), printable(&rung["says"]));
            if let Some(to_do) = rung["to_do"].as_str() {
                let _ = writeln!(out, "                      -> {}", escaped(to_do));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_neighbor_says_does_not_move_the_terminal() {
        let event = json!({ "time": "now", "kind": "session-down", "neighbor": "a", "text": "x\u{1b}[2J\u{202e}\u{9b}\n" });
        assert_eq!(event_line(&event), "now session-down   a: x\\u{1b}[2J\\u{202e}\\u{9b}\\n\n");
        let row = json!({ "neighbor": "\u{7}", "name": "\u{1b}]0;x\u{7}" });
        assert!(!summary(&json!({ "neighbors": [row] })).contains(['\u{1b}', '\u{7}']));
    }

    #[test]
    fn ages_are_as_routers_say_them() {
        let said = [7, 3_700, 86_400 + 7_200, 8 * 86_400].map(|seconds: u64| age(&seconds.into()));
        assert_eq!(said, ["00:00:07", "01:01:40", "1d02h", "1w1d"]);
    }

    #[test]
    fn an_attribute_is_a_number_a_text_or_a_list() {
        assert_eq!(attribute("med=50").unwrap(), ("med".into(), json!(50)));
        assert_eq!(attribute("next-hop=self").unwrap(), ("next-hop".into(), json!("self")));
        let communities = attribute("communities=65010:1,no-export").unwrap();
        assert_eq!(communities, ("communities".into(), json!(["65010:1", "no-export"])));
        assert_eq!(attribute("as-path=65020,65030").unwrap(), ("as-path".into(), json!([65020, 65030])));
        assert!(attribute("med").is_err());
    }
}
