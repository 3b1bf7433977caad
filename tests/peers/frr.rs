//! FRR, all of its daemons that the file needs, started as frrinit does it: empty, and then told the file by vtysh.

use crate::edge::{Edge, Heard, Running, json, numbers, tell};
use crate::site::Site;
use quadzero_tests::{PATIENCE, Process, wait_until};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(crate) const EDGE: Frr = Frr;

pub(crate) struct Frr;

impl Edge for Frr {
    fn name(&self) -> &'static str {
        "frr"
    }

    fn has_bfd(&self) -> bool {
        true
    }

    fn start(&self, site: &Site, file: &Path) -> Vec<Process> {
        // They become the user frr, since zebra cannot be told to stay root.
        std::fs::set_permissions(site.edge.folder(), Permissions::from_mode(0o777))
            .expect("the test's own folder");
        let zebra = daemon(site, "zebra", &[]);
        wait_until("zebra is there", PATIENCE, || site.edge.path("zserv.api").exists());
        let control = site.edge.path("bfdd.sock").display().to_string();
        let others = [("staticd", vec![]), ("bfdd", vec!["--bfdctl", &control]), ("bgpd", vec![])];
        let mut processes = vec![zebra];
        for (name, more) in others {
            processes.push(daemon(site, name, &more));
            let socket = site.edge.path(&format!("{name}.vty"));
            wait_until(name, PATIENCE, || socket.exists());
        }
        let mut command = vtysh(site);
        command.arg("-f").arg(file);
        tell(command);
        processes
    }

    fn is_established(&self, running: &Running<'_>, peer: &str) -> bool {
        show(running.site, &format!("show bgp neighbors {peer} json"))[peer]["bgpState"] == "Established"
    }

    fn heard(&self, running: &Running<'_>, peer: &str) -> Heard {
        let shown = show(running.site, &format!("show bgp ipv4 unicast neighbors {peer} routes json"));
        let routes = shown["routes"].as_object().cloned().unwrap_or_default();
        let read = |path: &serde_json::Value| {
            let next_hop = path["nexthops"][0]["ip"].as_str().unwrap_or_default();
            (numbers(path["path"].as_str().unwrap_or_default()), next_hop.to_owned())
        };
        routes.into_iter().map(|(prefix, paths)| (prefix, read(&paths[0]))).collect()
    }

    fn withdraw_default(&self, running: &Running<'_>) {
        let mut command = vtysh(running.site);
        for line in
            ["configure terminal", "router bgp 65010", "address-family ipv4 unicast", "no network 0.0.0.0/0"]
        {
            command.args(["-c", line]);
        }
        tell(command);
    }
}

fn daemon(site: &Site, name: &str, more: &[&str]) -> Process {
    let empty = site.edge.write("empty.conf", "log stdout informational\n");
    let mut command = site.edge.command("frr", format!("/usr/lib/frr/{name}"));
    command.args(more).args(["-A", "127.0.0.1", "-P", "0", "--log", "stdout"]);
    command.arg("-z").arg(site.edge.path("zserv.api")).arg("--vty_socket").arg(site.edge.folder());
    command.arg("-i").arg(site.edge.path(&format!("{name}.pid"))).arg("-f").arg(empty);
    Process::start(&site.edge, name, command)
}

fn vtysh(site: &Site) -> Command {
    let mut command = site.edge.command("frr", "vtysh");
    command.arg("--vty_socket").arg(site.edge.folder());
    command
}

pub(crate) fn show(site: &Site, what: &str) -> serde_json::Value {
    let mut command = vtysh(site);
    command.args(["-c", what]);
    json(command)
}
