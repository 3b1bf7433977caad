//! BIRD.

use crate::edge::{Edge, Heard, Running, ask, numbers, tell};
use crate::site::Site;
use quadzero_tests::{PATIENCE, Process, wait_until};
use std::path::Path;
use std::process::Command;

pub(crate) const EDGE: Bird = Bird;

pub(crate) struct Bird;

impl Edge for Bird {
    fn name(&self) -> &'static str {
        "bird"
    }

    fn has_bfd(&self) -> bool {
        true
    }

    fn start(&self, site: &Site, file: &Path) -> Vec<Process> {
        let mut command = site.edge.command("bird2", "bird");
        command.arg("-f").arg("-c").arg(file).arg("-s").arg(site.edge.path("bird.ctl"));
        command.arg("-P").arg(site.edge.path("bird.pid"));
        let process = Process::start(&site.edge, "bird", command);
        wait_until("bird answers", PATIENCE, || !ask(birdc(site, &["show", "status"])).is_empty());
        vec![process]
    }

    fn is_established(&self, running: &Running<'_>, peer: &str) -> bool {
        ask(birdc(running.site, &["show", "protocols", protocol(running.site, peer)])).contains("Established")
    }

    fn heard(&self, running: &Running<'_>, peer: &str) -> Heard {
        let site = running.site;
        let text = ask(birdc(site, &["show", "route", "all", "protocol", protocol(site, peer)]));
        let mut heard = Heard::new();
        let mut prefix = "";
        for line in text.lines() {
            if line.starts_with(|c: char| c.is_ascii_digit()) && line.contains('/') {
                prefix = line.split_whitespace().next().unwrap_or_default();
            } else if let Some(path) = line.trim().strip_prefix("BGP.as_path: ") {
                heard.entry(prefix.to_owned()).or_default().0 = numbers(path);
            } else if let Some(next_hop) = line.trim().strip_prefix("BGP.next_hop: ") {
                heard.entry(prefix.to_owned()).or_default().1 = next_hop.to_owned();
            }
        }
        heard
    }

    fn withdraw_default(&self, running: &Running<'_>) {
        tell(birdc(running.site, &["disable", "default_route"]));
    }
}

/// What the file calls the session with this address.
fn protocol(site: &Site, peer: &str) -> &'static str {
    let names = if site.plan.name == "expressroute" {
        ["azure_primary", "azure_secondary"]
    } else {
        ["azure_0", "azure_1"]
    };
    names[usize::from(site.plan.azure[1] == peer)]
}

pub(crate) fn birdc(site: &Site, words: &[&str]) -> Command {
    let mut command = site.edge.command("bird2", "birdc");
    command.arg("-s").arg(site.edge.path("bird.ctl")).args(words);
    command
}
