//! A daemon as the on-premises edge, with the file that is shipped for it.

use crate::site::Site;
use quadzero_tests::{PATIENCE, Process, wait_until};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What a daemon has heard of a prefix: AS_PATH and NEXT_HOP.
pub(crate) type Heard = BTreeMap<String, (Vec<u32>, String)>;

/// How one daemon is started, looked into, and told.
pub(crate) trait Edge {
    /// As in the names of files.
    fn name(&self) -> &'static str;

    /// How its files end.
    fn ending(&self) -> &'static str {
        "conf"
    }

    /// Whether it can refuse what it does not want to hear.
    fn has_filters(&self) -> bool {
        true
    }

    /// Whether it watches the links of a circuit.
    fn has_bfd(&self) -> bool {
        false
    }

    /// Starts it with the file, in the edge's namespace.
    fn start(&self, site: &Site, file: &Path) -> Vec<Process>;

    /// Whether the session with this address is established.
    fn is_established(&self, running: &Running<'_>, peer: &str) -> bool;

    /// What it has taken from this address.
    fn heard(&self, running: &Running<'_>, peer: &str) -> Heard;

    /// As its operator would.
    fn withdraw_default(&self, running: &Running<'_>);
}

/// One that runs.
pub(crate) struct Running<'a> {
    edge: &'a dyn Edge,
    pub(crate) site: &'a Site,
    pub(crate) processes: Vec<Process>,
}

impl<'a> Running<'a> {
    /// What the file's comments tell its reader to do is done: the system's routes first, the daemon's own routes last.
    pub(crate) fn start(edge: &'a dyn Edge, site: &'a Site) -> Self {
        let file = site.plan.file(edge.name(), edge.ending());
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let told = |program: &str| {
            let beginning = format!("#   {program} ");
            let lines = text.lines().filter(move |line| line.starts_with(&beginning));
            lines.map(|line| line.trim_start_matches("#   ").to_owned()).collect::<Vec<_>>()
        };
        told("ip").iter().for_each(|line| wait_until(line, PATIENCE, || shell(site, line)));
        let processes = edge.start(site, &file);
        told(edge.name()).iter().for_each(|line| wait_until(line, PATIENCE, || shell(site, line)));
        Self { edge, site, processes }
    }

    pub(crate) fn wait_until_established(&self) {
        for peer in self.site.plan.azure {
            let what = format!("{} is established with {peer}", self.edge.name());
            wait_until(&what, PATIENCE, || self.edge.is_established(self, peer));
        }
    }

    pub(crate) fn heard(&self, peer: &str) -> Heard {
        self.edge.heard(self, peer)
    }

    pub(crate) fn withdraw_default(&self) {
        self.edge.withdraw_default(self);
    }

    pub(crate) fn signal(&self, signal: &str) {
        self.processes.iter().for_each(|process| process.signal(signal));
    }
}

/// Runs a line in the edge's namespace; whether it worked.
pub(crate) fn shell(site: &Site, line: &str) -> bool {
    let mut sh = site.edge.command("dash", "sh");
    sh.args(["-c", line]).output().expect("sh runs").status.success()
}

/// What a client program prints; nothing while its daemon starts.
pub(crate) fn ask(mut client: Command) -> String {
    let out = client.output().expect("the client runs");
    if out.status.success() { String::from_utf8_lossy(&out.stdout).into_owned() } else { String::new() }
}

/// The same, as JSON.
pub(crate) fn json(client: Command) -> serde_json::Value {
    serde_json::from_str(&ask(client)).unwrap_or_default()
}

/// Tells a client program something that it must take.
pub(crate) fn tell(mut client: Command) {
    let out = client.output().expect("the client runs");
    assert!(out.status.success(), "{client:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// The numbers of an AS_PATH, whatever stands between them.
pub(crate) fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}
