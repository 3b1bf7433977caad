//! FRR: its bgpd alone, without zebra, and vtysh to look into it.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::path::{self, Path, list, text, words};
use super::{Adapter, Neighbor, ask, tell};
use crate::Namespace;

const PACKAGE: &str = "frr";

/// FRR.
pub const FRR: &dyn Adapter = &Frr;

#[derive(Debug)]
struct Frr;

impl Adapter for Frr {
    fn name(&self) -> &'static str {
        "frr"
    }

    fn title(&self) -> &'static str {
        "FRR"
    }

    fn command(&self, at: &Namespace, neighbor: &Neighbor) -> Command {
        let config = at.write("frr.conf", &config(neighbor));
        let mut command = at.command(PACKAGE, "/usr/lib/frr/bgpd");
        // No zebra (-Z), no kernel routes (-n), no other user (-S), no port for telnet (-P 0).
        command.args(["-Z", "-n", "-S", "-A", "127.0.0.1", "-P", "0", "--log", "stdout"]);
        command.arg("--vty_socket").arg(at.folder()).arg("-i").arg(at.path("frr.pid")).arg("-f").arg(config);
        command
    }

    fn withdraw(&self, at: &Namespace, neighbor: &Neighbor, prefix: &str) {
        let family = format!("address-family {} unicast", neighbor.by_family("ipv4", "ipv6"));
        configure(at, neighbor, &[&family, &format!("no network {prefix}")]);
    }

    fn is_established(&self, at: &Namespace, neighbor: &Neighbor) -> bool {
        let show = format!("show bgp neighbors {} json", neighbor.address);
        json(at, &show)[neighbor.address]["bgpState"] == "Established"
    }

    fn rib(&self, at: &Namespace, neighbor: &Neighbor) -> BTreeMap<String, Path> {
        let shown = neighbor.families("ipv4", "ipv6").into_iter();
        let shown = shown.map(|family| json(at, &format!("show bgp {family} unicast json detail")));
        let routes = shown.flat_map(|shown| shown["routes"].as_object().cloned().unwrap_or_default());
        // The first element is about the prefix, each of the others is a path.
        routes.map(|(prefix, about)| (prefix, read(&about[1]))).collect()
    }

    fn ask_again(&self, at: &Namespace, neighbor: &Neighbor) {
        clear(at, neighbor, "soft in");
    }

    fn say_again(&self, at: &Namespace, neighbor: &Neighbor) {
        clear(at, neighbor, "soft out");
    }

    fn reset(&self, at: &Namespace, neighbor: &Neighbor) {
        clear(at, neighbor, "");
    }

    fn shut_down(&self, at: &Namespace, neighbor: &Neighbor, text: &'static str) -> &'static str {
        configure(at, neighbor, &[&format!("neighbor {} shutdown message {text}", neighbor.address)]);
        text
    }
}

fn config(neighbor: &Neighbor) -> String {
    let Neighbor { local_as, local_address, remote_as, address, hold_time, password, .. } = neighbor;
    let keepalive = hold_time / 3;
    let family = neighbor.by_family("ipv4", "ipv6");
    let when = |wanted: bool, line: &str| if wanted { line.to_owned() } else { String::new() };
    let said = |wanted: bool, word: &str| when(wanted, &format!("neighbor {address} {word}"));
    let passive = said(neighbor.passive, "passive");
    // There is no word for the one capability alone.
    let old = said(neighbor.two_octet_as, "dont-capability-negotiate");
    let key = said(!password.is_empty(), &format!("password {password}"));
    let ttl = said(neighbor.ttl_security, "ttl-security hops 1");
    // It says that it has restarted whenever it has just started.
    let graceful = "bgp graceful-restart\n bgp graceful-restart preserve-fw-state";
    let restart = when(neighbor.graceful_restart, graceful);
    let role = said(!neighbor.role.is_empty(), &format!("local-role {}", neighbor.role));
    let limit = said(neighbor.max_prefixes > 0, &format!("maximum-prefix {}", neighbor.max_prefixes));
    let second = format!("address-family ipv6 unicast\n  neighbor {address} activate\n exit-address-family");
    let second = when(neighbor.both_families, &second);
    let networks: String = neighbor.routes.iter().map(|prefix| format!("  network {prefix}\n")).collect();
    // Without coalesce-time 0 it waits with its first UPDATE, up to ten seconds.
    format!(
        "log stdout informational
router bgp {local_as}
 bgp router-id {id}
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 coalesce-time 0
 {restart}
 neighbor {address} remote-as {remote_as}
 neighbor {address} update-source {local_address}
 neighbor {address} timers {keepalive} {hold_time}
 neighbor {address} timers connect 1
 {passive}
 {old}
 {key}
 {ttl}
 {role}
 {second}
 address-family {family} unicast
  neighbor {address} activate
  {limit}
{networks} exit-address-family
",
        id = Neighbor::ROUTER_ID,
    )
}

fn vtysh(at: &Namespace) -> Command {
    let mut command = at.command(PACKAGE, "vtysh");
    command.arg("--vty_socket").arg(at.folder()).args(["-d", "bgpd"]);
    command
}

fn json(at: &Namespace, show: &str) -> Value {
    let answer = ask(vtysh(at), &["-c", show]);
    answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)
}

fn configure(at: &Namespace, neighbor: &Neighbor, lines: &[&str]) {
    let router = format!("router bgp {}", neighbor.local_as);
    let lines = ["configure terminal", &router].into_iter().chain(lines.iter().copied());
    tell(|| vtysh(at), &lines.flat_map(|line| ["-c", line]).collect::<Vec<_>>());
}

fn clear(at: &Namespace, neighbor: &Neighbor, how: &str) {
    let family = neighbor.by_family("ipv4", "ipv6");
    tell(|| vtysh(at), &["-c", &format!("clear bgp {family} unicast {} {how}", neighbor.address)]);
}

fn read(path: &Value) -> Path {
    let segments = list(&path["aspath"]["segments"]).iter();
    let strings = |key: &str| words(&path[key]["string"]).map(str::to_owned).collect::<Vec<_>>();
    Path {
        origin: path::origin(text(&path["origin"])),
        as_path: segments.flat_map(|segment| list(&segment["list"])).map(path::number).collect(),
        next_hop: text(&path["nexthops"][0]["ip"]).to_owned(),
        med: path["metric"].as_u64(),
        communities: strings("community").iter().map(|word| path::community(word)).collect(),
        extended_communities: strings("extendedCommunity").iter().map(|word| word.to_lowercase()).collect(),
        large_communities: strings("largeCommunity"),
        others: vec![],
    }
    .sorted()
}
