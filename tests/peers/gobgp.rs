//! GoBGP. Its file's comments have the routes to add, and they are added.

use crate::edge::{Edge, Heard, Running, json, shell};
use crate::site::Site;
use quadzero_tests::{PATIENCE, Process, wait_until};
use serde_json::Value;
use std::path::Path;

pub(crate) const EDGE: GoBgp = GoBgp;

pub(crate) struct GoBgp;

impl Edge for GoBgp {
    fn name(&self) -> &'static str {
        "gobgp"
    }

    fn ending(&self) -> &'static str {
        "toml"
    }

    fn start(&self, site: &Site, file: &Path) -> Vec<Process> {
        let mut command = site.edge.command("gobgpd", "gobgpd");
        command.arg("-f").arg(file).args(["--pprof-disable", "--api-hosts", "127.0.0.1:50051"]);
        vec![Process::start(&site.edge, "gobgpd", command)]
    }

    fn is_established(&self, running: &Running<'_>, peer: &str) -> bool {
        gobgp(running.site, &["neighbor", peer])["state"]["session_state"] == 6
    }

    fn heard(&self, running: &Running<'_>, peer: &str) -> Heard {
        let table = gobgp(running.site, &["global", "rib"]);
        let paths = table.as_object().into_iter().flatten().flat_map(|(prefix, paths)| {
            paths.as_array().into_iter().flatten().map(move |path| (prefix.clone(), path))
        });
        paths
            .filter(|(_, path)| path["neighbor-ip"] == peer)
            .map(|(prefix, path)| (prefix, read(path)))
            .collect()
    }

    fn withdraw_default(&self, running: &Running<'_>) {
        wait_until("the default is deleted", PATIENCE, || {
            shell(running.site, "gobgp global rib del 0.0.0.0/0")
        });
    }
}

fn gobgp(site: &Site, words: &[&str]) -> Value {
    let mut command = site.edge.command("gobgpd", "gobgp");
    command.arg("-j").args(words);
    json(command)
}

fn read(path: &Value) -> (Vec<u32>, String) {
    let attribute = |code: u64| {
        let mut attributes = path["attrs"].as_array().into_iter().flatten();
        attributes.find(|attribute| attribute["type"] == code).cloned().unwrap_or_default()
    };
    let asns = attribute(2)["as_paths"][0]["asns"].as_array().cloned().unwrap_or_default();
    let asns = asns.iter().filter_map(|asn| u32::try_from(asn.as_u64()?).ok()).collect();
    (asns, attribute(3)["nexthop"].as_str().unwrap_or_default().to_owned())
}
