//! OpenBGPD, and bgpctl to look into it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use super::path::{self, Path, list, text, texts};
use super::{Adapter, Neighbor, ask, tell};
use crate::Namespace;

const PACKAGE: &str = "openbgpd";

/// OpenBGPD.
pub const OPENBGPD: &dyn Adapter = &OpenBgpd;

#[derive(Debug)]
struct OpenBgpd;

impl Adapter for OpenBgpd {
    fn name(&self) -> &'static str {
        "openbgpd"
    }

    fn title(&self) -> &'static str {
        "OpenBGPD"
    }

    fn cannot(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "a_daemon_loses_no_route_while_quadzero_restarts",
                "bgpd.conf(5), announce restart: \"Currently only the End-of-RIB marker is supported\"",
            ),
            (
                "a_session_with_a_key_that_the_edge_dials_is_signed",
                "Debian's 7.7 gives its listening socket no key: the kernel counts every signed SYN as \
             TCPMD5Unexpected, another OpenBGPD's as well; bgpd.conf(5), tcp md5sig, names no such limit",
            ),
            (
                "quadzero_loses_no_route_while_the_daemon_restarts",
                "bgpd.conf(5), announce restart: \"Currently only the End-of-RIB marker is supported\"",
            ),
            (
                "an_extended_message_is_understood",
                "bgpd.conf(5) of 7.7 has no word for the capability of RFC 8654, and its OPEN is without it",
            ),
            (
                "a_daemon_may_tell_all_again",
                "no command does it: of a session, bgpctl(8) knows clear, destroy, down, refresh (which asks) and up",
            ),
        ]
    }

    fn command(&self, at: &Namespace, neighbor: &Neighbor) -> Command {
        let config = at.write("bgpd.conf", &config(at, neighbor));
        // It reads no file that others may read, and confines its children to a folder that only a service
        // manager makes.
        fs::set_permissions(&config, Permissions::from_mode(0o600)).expect("the file is the test's own");
        fs::create_dir_all("/run/openbgpd").expect("root may");
        let mut command = at.command(PACKAGE, "bgpd");
        command.args(["-d", "-v", "-f"]).arg(config);
        command
    }

    fn withdraw(&self, at: &Namespace, _neighbor: &Neighbor, prefix: &str) {
        tell(|| bgpctl(at), &["network", "delete", prefix]);
    }

    fn is_established(&self, at: &Namespace, _neighbor: &Neighbor) -> bool {
        json(at, &["show", "neighbor"])["neighbors"][0]["state"] == "Established"
    }

    fn rib(&self, at: &Namespace, _neighbor: &Neighbor) -> BTreeMap<String, Path> {
        let answer = json(at, &["show", "rib", "detail"]);
        list(&answer["rib"]).iter().map(|route| (text(&route["prefix"]).to_owned(), read(route))).collect()
    }

    fn ask_again(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(|| bgpctl(at), &["neighbor", neighbor.address, "refresh"]);
    }

    fn say_again(&self, _at: &Namespace, _neighbor: &Neighbor) {
        unreachable!("it has no such command");
    }

    fn reset(&self, at: &Namespace, neighbor: &Neighbor) {
        tell(|| bgpctl(at), &["neighbor", neighbor.address, "clear"]);
    }

    fn shut_down(&self, at: &Namespace, neighbor: &Neighbor, text: &'static str) -> &'static str {
        tell(|| bgpctl(at), &["neighbor", neighbor.address, "down", text]);
        text
    }
}

fn config(at: &Namespace, neighbor: &Neighbor) -> String {
    let Neighbor { local_as, local_address, remote_as, address, hold_time, password, .. } = neighbor;
    let socket = at.path("bgpd.sock").display().to_string();
    let passive = if neighbor.passive { "passive" } else { "" };
    let as4 = if neighbor.two_octet_as { "no" } else { "yes" };
    let ttl_security = if neighbor.ttl_security { "yes" } else { "no" };
    let families = neighbor.families("IPv4", "IPv6").into_iter();
    let families: String = families.map(|family| format!("    announce {family} unicast\n")).collect();
    let key = if password.is_empty() { String::new() } else { format!("tcp md5sig password {password}") };
    let role =
        if neighbor.role.is_empty() { String::new() } else { format!("announce policy {}", neighbor.role) };
    let limit = neighbor.max_prefixes;
    let limit = if limit > 0 { format!("max-prefix {limit}") } else { String::new() };
    let networks: String = neighbor.routes.iter().map(|prefix| format!("network {prefix}\n")).collect();
    format!(
        "AS {local_as}
router-id {id}
listen on {local_address}
holdtime {hold_time}
connect-retry 1
fib-update no
socket \"{socket}\"
{networks}neighbor {address} {{
    remote-as {remote_as}
    local-address {local_address}
{families}    announce as-4byte {as4}
    announce enhanced refresh yes
    ttl-security {ttl_security}
    {role}
    {limit}
    {passive}
    {key}
}}
allow from any
allow to any
",
        id = Neighbor::ROUTER_ID,
    )
}

fn bgpctl(at: &Namespace) -> Command {
    let mut command = at.command(PACKAGE, "bgpctl");
    command.arg("-s").arg(at.path("bgpd.sock"));
    command
}

fn json(at: &Namespace, show: &[&str]) -> Value {
    let answer = ask(bgpctl(at), &[&["-j"], show].concat());
    answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
}

fn read(route: &Value) -> Path {
    Path {
        origin: path::origin(text(&route["origin"])),
        as_path: path::numbers(text(&route["aspath"])),
        next_hop: text(&route["exit_nexthop"]).to_owned(),
        med: route["metric"].as_u64(),
        communities: texts(&route["communities"]).map(path::community).collect(),
        extended_communities: texts(&route["extended_communities"]).map(|c| c.replace(' ', ":")).collect(),
        large_communities: texts(&route["large_communities"]).map(str::to_owned).collect(),
        others: vec![],
    }
    .sorted()
}
