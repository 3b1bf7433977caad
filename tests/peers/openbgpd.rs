//! OpenBGPD. It reads no file that others may read, and has its control socket in its file alone: what it is given is a copy of
//! the shipped one with mode 0600, with one line in front.

use crate::edge::{Edge, Heard, Running, json, numbers, tell};
use crate::site::Site;
use quadzero_tests::{PATIENCE, Process, wait_until};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(crate) const EDGE: OpenBgpd = OpenBgpd;

pub(crate) struct OpenBgpd;

impl Edge for OpenBgpd {
    fn name(&self) -> &'static str {
        "openbgpd"
    }

    fn start(&self, site: &Site, file: &Path) -> Vec<Process> {
        let shipped = fs::read_to_string(file).expect("the shipped file");
        let socket = site.edge.path("bgpd.sock");
        let config = site.edge.write("bgpd.conf", &format!("socket \"{}\"\n{shipped}", socket.display()));
        fs::set_permissions(&config, Permissions::from_mode(0o600)).expect("the file is the test's own");
        // Its children are confined to a folder that only a service manager makes.
        fs::create_dir_all("/run/openbgpd").expect("root may");
        let mut command = site.edge.command("openbgpd", "bgpd");
        command.args(["-d", "-v", "-f"]).arg(config);
        let process = Process::start(&site.edge, "openbgpd", command);
        wait_until("bgpd answers", PATIENCE, || socket.exists() && bgpctl(site, &["show"]).is_object());
        vec![process]
    }

    fn is_established(&self, running: &Running<'_>, peer: &str) -> bool {
        bgpctl(running.site, &["show", "neighbor", peer])["neighbors"][0]["state"] == "Established"
    }

    fn heard(&self, running: &Running<'_>, peer: &str) -> Heard {
        let shown = bgpctl(running.site, &["show", "rib", "neighbor", peer]);
        let read = |route: &Value| {
            let text = |key: &str| route[key].as_str().unwrap_or_default().to_owned();
            (text("prefix"), (numbers(&text("aspath")), text("exit_nexthop")))
        };
        shown["rib"].as_array().into_iter().flatten().map(read).collect()
    }

    fn withdraw_default(&self, running: &Running<'_>) {
        tell(client(running.site, &["network", "delete", "0.0.0.0/0"]));
    }
}

fn bgpctl(site: &Site, words: &[&str]) -> Value {
    json(client(site, &[&["-j"], words].concat()))
}

fn client(site: &Site, words: &[&str]) -> Command {
    let mut command = site.edge.command("openbgpd", "bgpctl");
    command.arg("-s").arg(site.edge.path("bgpd.sock")).args(words);
    command
}
