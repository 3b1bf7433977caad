//! ExaBGP, which has no table: it hands what it hears to a process, and announces what a process tells it to.
//!
//! ```text
//!   commands (file) --tail--> ExaBGP --cat--> events (file), one JSON object a line
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use serde_json::Value;

use super::path::{self, Path, list, number, text};
use super::{Adapter, Neighbor};
use crate::Namespace;

const PACKAGE: &str = "exabgp";

/// The process at ExaBGP's side. `tail` ends with `cat`, which ends with ExaBGP.
const HELPER: &str = "#!/bin/sh
cd \"$1\" && : >commands && tail -f --pid=$$ commands &
exec cat >\"$1/events\"
";

/// What old speakers see in the place of a four-octet AS (RFC 6793 §9).
const AS_TRANS: u32 = 23456;

/// ExaBGP.
pub const EXABGP: &dyn Adapter = &ExaBgp;

#[derive(Debug)]
struct ExaBgp;

impl Adapter for ExaBgp {
    fn name(&self) -> &'static str {
        "exabgp"
    }

    fn title(&self) -> &'static str {
        "ExaBGP"
    }

    fn cannot(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "a_daemon_loses_no_route_while_quadzero_restarts",
                "it has no table of its own: by exabgp(1), DESCRIPTION, it passes on what it receives, and a session \
                 that ends takes all of it along",
            ),
            (
                "ttl_security_lets_an_edge_on_the_link_dial",
                "it sets the TTL of connections that it dials alone, and accepts with the system's 64: \
                 outgoing-ttl and incoming-ttl in its modules exabgp.reactor.network.outgoing and \
                 exabgp.reactor.listener",
            ),
            (
                "roles_that_fit_are_agreed_on",
                "its capability section has no word for it: `syntax` in its module \
                 exabgp.configuration.capability",
            ),
            (
                "roles_that_do_not_fit_are_no_session",
                "its capability section has no word for it: `syntax` in its module \
                 exabgp.configuration.capability",
            ),
            (
                "the_daemons_limit_of_prefixes_is_heard",
                "it has no table to count in, and no word for a limit: `known` in its module \
                 exabgp.configuration.neighbor",
            ),
            (
                "a_daemon_may_tell_all_again",
                "`flush adj-rib out` ends the connection of 4.2.21 where route refresh is switched on: its \
                 module exabgp.rib.outgoing puts a ROUTE-REFRESH into an UPDATE",
            ),
        ]
    }

    fn command(&self, at: &Namespace, neighbor: &Neighbor) -> Command {
        let config = at.write("exabgp.conf", &config(at, neighbor));
        at.write("helper.sh", HELPER);
        let mut command = at.command(PACKAGE, "exabgp");
        let settings = [
            ("tcp.bind", neighbor.local_address),
            ("tcp.port", "179"),
            ("daemon.user", "root"),
            ("daemon.drop", "false"),
            ("api.cli", "false"),
            ("log.destination", "stdout"),
        ];
        command.envs(settings.map(|(key, value)| (format!("exabgp.{key}"), value))).arg(config);
        command
    }

    fn withdraw(&self, at: &Namespace, _neighbor: &Neighbor, prefix: &str) {
        tell(at, &format!("withdraw route {prefix} next-hop self"));
    }

    fn is_established(&self, at: &Namespace, _neighbor: &Neighbor) -> bool {
        let events = events(at);
        events.iter().rfind(|event| event["type"] == "state").is_some_and(|e| e["neighbor"]["state"] == "up")
    }

    fn rib(&self, at: &Namespace, _neighbor: &Neighbor) -> BTreeMap<String, Path> {
        let mut rib = BTreeMap::new();
        for event in events(at) {
            if event["neighbor"]["state"] == "down" {
                rib.clear();
            }
            update(&mut rib, &event["neighbor"]["message"]["update"]);
        }
        rib
    }

    fn ask_again(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(at, &format!("announce route-refresh {} unicast", neighbor.by_family("ipv4", "ipv6")));
    }

    fn say_again(&self, at: &Namespace, _neighbor: &Neighbor) {
        tell(at, "flush adj-rib out");
    }

    fn reset(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(at, &format!("neighbor {} teardown 4", neighbor.address));
    }

    /// Its operator chooses the subcode; the text is always that subcode in words.
    fn shut_down(&self, at: &Namespace, neighbor: &Neighbor, _text: &'static str) -> &'static str {
        tell(at, &format!("neighbor {} teardown 2", neighbor.address));
        "Administrative Shutdown"
    }

    /// Its own log says otherwise, since it cannot decode a text (a TypeError in its notification.py), but
    /// the process is given the octets.
    fn has_heard(&self, at: &Namespace, _log: &str, text: &str) -> bool {
        let octets: String = text.bytes().map(|octet| format!("{octet:02X}")).collect();
        fs::read_to_string(at.path("events")).is_ok_and(|events| events.to_uppercase().contains(&octets))
    }
}

fn config(at: &Namespace, neighbor: &Neighbor) -> String {
    let Neighbor { local_as, local_address, address, passive, hold_time, password, .. } = neighbor;
    // An old speaker indeed: it cannot even be told of a four-octet AS.
    let remote_as =
        if neighbor.two_octet_as && neighbor.remote_as > 65535 { AS_TRANS } else { neighbor.remote_as };
    let folder = at.folder().display();
    let families = neighbor.families("ipv4 unicast;", "ipv6 unicast;").join(" ");
    let asn4 = if neighbor.two_octet_as { "disable" } else { "enable" };
    let extended = if neighbor.extended_messages { "enable" } else { "disable" };
    let restart = if neighbor.graceful_restart { "graceful-restart 120;" } else { "" };
    let key = if password.is_empty() { String::new() } else { format!("md5-password \"{password}\";") };
    let ttl = if neighbor.ttl_security { "outgoing-ttl 255; incoming-ttl 255;" } else { "" };
    let routes = neighbor.routes.iter();
    let routes: String = routes.map(|prefix| format!("        route {prefix} next-hop self;\n")).collect();
    format!(
        "process table {{
    run /bin/sh {folder}/helper.sh {folder};
    encoder json;
}}
neighbor {address} {{
    router-id {id};
    local-address {local_address};
    local-as {local_as};
    peer-as {remote_as};
    hold-time {hold_time};
    passive {passive};
    {key}
    {ttl}
    family {{ {families} }}
    capability {{ asn4 {asn4}; route-refresh enable; extended-message {extended}; {restart} }}
    api {{
        processes [ table ];
        neighbor-changes;
        receive {{ parsed; packets; update; notification; }}
    }}
    static {{
{routes}    }}
}}
",
        id = Neighbor::ROUTER_ID,
    )
}

fn events(at: &Namespace) -> Vec<Value> {
    let events = fs::read_to_string(at.path("events")).unwrap_or_default();
    events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn tell(at: &Namespace, command: &str) {
    let file = File::options().append(true).open(at.path("commands"));
    let written = file.and_then(|mut file| writeln!(file, "{command}"));
    written.expect("the helper has made the file");
}

/// Applies an UPDATE, which groups what it announces by next hop.
fn update(rib: &mut BTreeMap<String, Path>, update: &Value) {
    let families = |what: &str| update[what].as_object().into_iter().flatten();
    for (_, withdrawn) in families("withdraw") {
        rib.retain(|prefix, _| !list(withdrawn).iter().any(|nlri| nlri["nlri"] == prefix.as_str()));
    }
    for (next_hop, nlri) in families("announce").flat_map(|(_, hops)| hops.as_object().into_iter().flatten())
    {
        let path = read(&update["attribute"], next_hop);
        rib.extend(list(nlri).iter().map(|nlri| (text(&nlri["nlri"]).to_owned(), path.clone())));
    }
}

fn read(attributes: &Value, next_hop: &str) -> Path {
    let tuples = |key: &str| -> Vec<String> {
        let numbers = |tuple: &Value| list(tuple).iter().map(|n| number(n).to_string()).collect::<Vec<_>>();
        list(&attributes[key]).iter().map(|tuple| numbers(tuple).join(":")).collect()
    };
    let extended = list(&attributes["extended-community"]).iter();
    Path {
        origin: path::origin(text(&attributes["origin"])),
        as_path: list(&attributes["as-path"]).iter().map(number).collect(),
        next_hop: next_hop.to_owned(),
        med: attributes["med"].as_u64(),
        communities: tuples("community"),
        extended_communities: extended.map(|c| text(&c["string"]).replace("target:", "rt:")).collect(),
        large_communities: tuples("large-community"),
        others: vec![],
    }
    .sorted()
}
