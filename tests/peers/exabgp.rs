//! ExaBGP, which keeps no table: what it has heard is what it logs. It withdraws what is taken out of its file, so it is given a copy.

use crate::edge::{Edge, Heard, Running, numbers};
use crate::site::Site;
use quadzero_tests::Process;
use serde_json::Value;
use std::fs;
use std::path::Path;

pub(crate) const EDGE: ExaBgp = ExaBgp;

pub(crate) struct ExaBgp;

impl Edge for ExaBgp {
    fn name(&self) -> &'static str {
        "exabgp"
    }

    fn has_filters(&self) -> bool {
        false
    }

    fn start(&self, site: &Site, file: &Path) -> Vec<Process> {
        let copy = site.edge.write("exabgp.conf", &fs::read_to_string(file).expect("the shipped file"));
        let mut command = site.edge.command("exabgp", "exabgp");
        let bind = site.plan.edge_addresses();
        let settings = [
            ("daemon.user", "root"),
            ("daemon.drop", "false"),
            ("api.cli", "false"),
            ("log.destination", "stdout"),
            ("log.level", "DEBUG"),
            ("log.parser", "true"),
            // As the file says.
            ("tcp.bind", &bind),
            ("tcp.port", "179"),
        ];
        command.envs(settings.map(|(key, value)| (format!("exabgp.{key}"), value))).arg(copy);
        vec![Process::start(&site.edge, "exabgp", command)]
    }

    /// It keeps no state that could be asked for: here, as soon as something came.
    fn is_established(&self, running: &Running<'_>, peer: &str) -> bool {
        updates(running).iter().any(|update| update["neighbor"]["address"]["peer"] == peer)
    }

    fn heard(&self, running: &Running<'_>, peer: &str) -> Heard {
        let mut heard = Heard::new();
        for update in updates(running).iter().map(|message| &message["neighbor"]) {
            let update =
                if update["address"]["peer"] == peer { &update["message"]["update"] } else { continue };
            let as_path = numbers(&update["attribute"]["as-path"].to_string());
            for (next_hop, announced) in update["announce"]["ipv4 unicast"].as_object().into_iter().flatten()
            {
                let prefixes =
                    announced.as_array().into_iter().flatten().filter_map(|nlri| nlri["nlri"].as_str());
                heard.extend(prefixes.map(|prefix| (prefix.to_owned(), (as_path.clone(), next_hop.clone()))));
            }
        }
        heard
    }

    fn withdraw_default(&self, running: &Running<'_>) {
        let path = running.site.edge.path("exabgp.conf");
        let text = fs::read_to_string(&path).expect("the copy");
        let kept: Vec<&str> =
            text.lines().filter(|line| !line.trim().starts_with("route 0.0.0.0/0 ")).collect();
        fs::write(&path, kept.join("\n")).expect("the copy is the test's own");
        running.processes[0].signal("USR1");
    }
}

/// What its parser says that it has read: "decoded UPDATE (   0) json { .. }".
fn updates(running: &Running<'_>) -> Vec<Value> {
    let log = running.processes[0].log();
    let decoded = log.lines().filter(|line| line.contains("decoded UPDATE"));
    decoded.filter_map(|line| serde_json::from_str(line.split_once(" json ")?.1).ok()).collect()
}
