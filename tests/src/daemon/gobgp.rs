//! GoBGP: its daemon, and its own client to look into it.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::path::{Path, list, number};
use super::{Adapter, Neighbor, ask, tell};
use crate::{Namespace, installed};

const PACKAGE: &str = "gobgpd";

/// GoBGP.
pub const GOBGP: &dyn Adapter = &GoBgp;

#[derive(Debug)]
struct GoBgp;

impl Adapter for GoBgp {
    fn name(&self) -> &'static str {
        "gobgp"
    }

    fn title(&self) -> &'static str {
        "GoBGP"
    }

    fn cannot(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "an_old_two_octet_speaker_takes_as_trans_for_the_edges_four_octet_as",
                "it always offers four-octet AS numbers: the configuration.md of its documentation has no \
                 setting for the capability of RFC 6793",
            ),
            (
                "roles_that_fit_are_agreed_on",
                "the configuration.md of its documentation has no setting for the capability of RFC 9234, and \
                 its OPEN is without it",
            ),
            (
                "roles_that_do_not_fit_are_no_session",
                "the configuration.md of its documentation has no setting for the capability of RFC 9234, and \
                 its OPEN is without it",
            ),
            (
                "an_extended_message_is_understood",
                "the configuration.md of its documentation has no setting for the capability of RFC 8654, and \
                 its OPEN is without it",
            ),
            (
                "a_daemon_that_asks_again_is_told_again",
                "it sends no ROUTE-REFRESH: of the commands in the cli-command-syntax.md of its documentation \
                 (2.2), `softresetin` comes nearest, and reads again what it has kept",
            ),
        ]
    }

    fn command(&self, at: &Namespace, neighbor: &Neighbor) -> Command {
        let config = at.write("gobgpd.toml", &config(neighbor));
        let mut command = at.command(PACKAGE, "gobgpd");
        command.arg("-f").arg(config);
        command.args(["-l", "debug", "--pprof-disable", "--api-hosts", "127.0.0.1:50051"]);
        command.args(neighbor.restarting.then_some("-r"));
        command
    }

    /// The configuration holds no routes, and the client says one a run.
    fn announce(&self, at: &Namespace, neighbor: &Neighbor) {
        let prefixes = at.write("prefixes", &neighbor.routes.join("\n"));
        let xargs = || {
            let mut command = at.command("findutils", "xargs");
            command
                .arg("-a")
                .arg(&prefixes)
                .args(["-r", "-n1", "-P4"])
                .arg(installed(PACKAGE, "gobgp".as_ref()));
            command
        };
        tell(xargs, &["global", "rib", "add", "-a", neighbor.by_family("ipv4", "ipv6")]);
    }

    fn withdraw(&self, at: &Namespace, neighbor: &Neighbor, prefix: &str) {
        tell(|| gobgp(at), &["global", "rib", "del", prefix, "-a", neighbor.by_family("ipv4", "ipv6")]);
    }

    fn is_established(&self, at: &Namespace, neighbor: &Neighbor) -> bool {
        json(at, &["neighbor", neighbor.address])["state"]["session_state"] == 6
    }

    fn rib(&self, at: &Namespace, neighbor: &Neighbor) -> BTreeMap<String, Path> {
        let tables = neighbor.families("ipv4", "ipv6").into_iter();
        let tables = tables.map(|family| json(at, &["global", "rib", "-a", family]));
        let tables = tables.flat_map(|table| table.as_object().cloned().unwrap_or_default());
        tables.map(|(prefix, paths)| (prefix, read(&paths[0]))).collect()
    }

    fn ask_again(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(|| gobgp(at), &["neighbor", neighbor.address, "softresetin"]);
    }

    fn say_again(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(|| gobgp(at), &["neighbor", neighbor.address, "softresetout"]);
    }

    fn reset(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(|| gobgp(at), &["neighbor", neighbor.address, "reset"]);
    }

    fn shut_down(&self, at: &Namespace, neighbor: &Neighbor, text: &'static str) -> &'static str {
        // "disable", which it recommends instead, leaves the reason out.
        tell(|| gobgp(at), &["neighbor", neighbor.address, "shutdown", "--reason", text]);
        text
    }
}

fn config(neighbor: &Neighbor) -> String {
    let Neighbor { local_as, remote_as, address, passive, hold_time, password, max_prefixes, .. } = neighbor;
    let ttl_security = neighbor.ttl_security;
    let restart = neighbor.graceful_restart;
    let families: String = neighbor
        .families("ipv4-unicast", "ipv6-unicast")
        .into_iter()
        .map(|family| {
            format!(
                r#"
        [[neighbors.afi-safis]]
        config = {{ afi-safi-name = "{family}" }}
        prefix-limit = {{ config = {{ max-prefixes = {max_prefixes} }} }}
        mp-graceful-restart = {{ config = {{ enabled = {restart} }} }}
        "#
            )
        })
        .collect();
    format!(
        r#"
        [global.config]
        as = {local_as}
        router-id = "{id}"
        [[neighbors]]
        config = {{ neighbor-address = "{address}", peer-as = {remote_as}, auth-password = "{password}" }}
        timers = {{ config = {{ hold-time = {hold_time}, connect-retry = 20, idle-hold-time-after-reset = 1 }} }}
        transport = {{ config = {{ passive-mode = {passive} }} }}
        ttl-security = {{ config = {{ enabled = {ttl_security}, ttl-min = 255 }} }}
        graceful-restart = {{ config = {{ enabled = {restart}, restart-time = 120 }} }}
        {families}
        "#,
        id = Neighbor::ROUTER_ID,
    )
}

fn gobgp(at: &Namespace) -> Command {
    at.command(PACKAGE, "gobgp")
}

fn json(at: &Namespace, arguments: &[&str]) -> Value {
    let answer = ask(gobgp(at), &[&["-j"], arguments].concat());
    answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
}

fn read(path: &Value) -> Path {
    let mut read = Path::default();
    for value in list(&path["attrs"]) {
        attribute(&mut read, value);
    }
    read.sorted()
}

fn attribute(path: &mut Path, attribute: &Value) {
    let value = &attribute["value"];
    match number(&attribute["type"]) {
        1 => path.origin = number(value),
        2 => {
            let segments = list(&attribute["as_paths"]).iter();
            path.as_path = segments.flat_map(|segment| list(&segment["asns"])).map(number).collect();
        }
        3 | 14 => path.next_hop = attribute["nexthop"].as_str().unwrap_or_default().into(),
        4 => path.med = Some(number(&attribute["metric"])),
        8 => path.communities = list(&attribute["communities"]).iter().map(community).collect(),
        16 => path.extended_communities = list(value).iter().map(extended).collect(),
        32 => path.large_communities = list(value).iter().map(large).collect(),
        other => path.others.push(other),
    }
}

fn community(value: &Value) -> String {
    format!("{}:{}", number(value) >> 16, number(value) & 0xffff)
}

fn extended(value: &Value) -> String {
    let (kind, subtype) = (number(&value["type"]), number(&value["subtype"]));
    let text = value["value"].as_str().map_or_else(|| value["value"].to_string(), str::to_owned);
    match (kind, subtype) {
        (0..=2, 2) => format!("rt:{text}"),
        (0..=2, 3) => format!("soo:{text}"),
        _ => format!("{kind}/{subtype}:{text}"),
    }
}

fn large(value: &Value) -> String {
    let [admin, one, two] = ["ASN", "LocalData1", "LocalData2"].map(|part| number(&value[part]));
    format!("{admin}:{one}:{two}")
}
