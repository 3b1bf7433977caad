//! BIRD, and birdc to look into it.

use std::collections::BTreeMap;
use std::process::Command;

use super::path::{self, Path, numbers};
use super::{Adapter, Neighbor, ask, tell};
use crate::Namespace;

const PACKAGE: &str = "bird2";

/// BIRD 2.
pub const BIRD: &dyn Adapter = &Bird;

#[derive(Debug)]
struct Bird;

impl Adapter for Bird {
    fn name(&self) -> &'static str {
        "bird"
    }

    fn title(&self) -> &'static str {
        "BIRD"
    }

    fn cannot(&self) -> &'static [(&'static str, &'static str)] {
        &[(
            "an_old_two_octet_speaker_takes_as_trans_for_the_edges_four_octet_as",
            "with `enable as4 off` its configuration takes no neighbor AS above 65535 (\"AS4 not available\"), and yet \
             it compares that with our capability, so that 23456 ends in Bad Peer AS: BIRD manual, 6.3 BGP, enable as4",
        )]
    }

    fn command(&self, at: &Namespace, neighbor: &Neighbor) -> Command {
        let config = at.write("bird.conf", &config(neighbor));
        let mut command = at.command(PACKAGE, "bird");
        command.arg("-f").arg("-c").arg(config).arg("-s").arg(at.path("bird.ctl"));
        command.arg("-P").arg(at.path("bird.pid"));
        command.args(neighbor.restarting.then_some("-R"));
        command
    }

    /// Each route is a protocol of its own, since a protocol is what birdc can take down.
    fn withdraw(&self, at: &Namespace, neighbor: &Neighbor, prefix: &str) {
        let number = neighbor.routes.iter().position(|route| route == prefix);
        let number = number.expect("a route that it announces");
        tell(|| birdc(at), &["disable", &format!("route{number}")]);
    }

    fn is_established(&self, at: &Namespace, _neighbor: &Neighbor) -> bool {
        ask(birdc(at), &["show", "protocols", "edge"]).is_some_and(|text| text.contains("Established"))
    }

    fn rib(&self, at: &Namespace, _neighbor: &Neighbor) -> BTreeMap<String, Path> {
        read(&ask(birdc(at), &["show", "route", "all", "protocol", "edge"]).unwrap_or_default())
    }

    fn ask_again(&self, at: &Namespace, _neighbor: &Neighbor) {
        tell(|| birdc(at), &["reload", "in", "edge"]);
    }

    fn say_again(&self, at: &Namespace, _neighbor: &Neighbor) {
        tell(|| birdc(at), &["reload", "out", "edge"]);
    }

    fn reset(&self, at: &Namespace, _neighbor: &Neighbor) {
        tell(|| birdc(at), &["restart", "edge"]);
    }

    fn shut_down(&self, at: &Namespace, _neighbor: &Neighbor, text: &'static str) -> &'static str {
        tell(|| birdc(at), &["disable", "edge", &format!("\"{text}\"")]);
        text
    }
}

fn config(neighbor: &Neighbor) -> String {
    let Neighbor { local_as, local_address, remote_as, address, hold_time, password, .. } = neighbor;
    let passive = if neighbor.passive { "yes" } else { "no" };
    let as4 = if neighbor.two_octet_as { "off" } else { "on" };
    let family = neighbor.by_family("ipv4", "ipv6");
    let key = if password.is_empty() { String::new() } else { format!("password \"{password}\";") };
    let ttl_security = if neighbor.ttl_security { "on" } else { "off" };
    let restart = if neighbor.graceful_restart { "on" } else { "aware" };
    let extended = if neighbor.extended_messages { "on" } else { "off" };
    let role =
        if neighbor.role.is_empty() { String::new() } else { format!("local role {};", neighbor.role) };
    let limit = neighbor.max_prefixes;
    let limit = if limit > 0 { format!("import limit {limit} action restart;") } else { String::new() };
    let families: String = neighbor
        .families("ipv4", "ipv6")
        .into_iter()
        .map(|family| format!("{family} {{ import all; export all; {limit} }};\n    "))
        .collect();
    let routes = neighbor.routes.iter().enumerate();
    let routes: String = routes
        .map(|(i, prefix)| format!("protocol static route{i} {{ {family}; route {prefix} blackhole; }}\n"))
        .collect();
    format!(
        "log stderr all;
router id {id};
protocol device {{}}
protocol bgp edge {{
    local {local_address} as {local_as};
    neighbor {address} as {remote_as};
    hold time {hold_time};
    connect delay time 1;
    connect retry time 1;
    error wait time 1, 2;
    passive {passive};
    enable as4 {as4};
    ttl security {ttl_security};
    graceful restart {restart};
    enable extended messages {extended};
    {role}
    {key}
    {families}
}}
{routes}",
        id = Neighbor::ROUTER_ID,
    )
}

fn birdc(at: &Namespace) -> Command {
    let mut command = at.command(PACKAGE, "birdc");
    command.arg("-s").arg(at.path("bird.ctl"));
    command
}

/// A route begins at the margin with its prefix; the lines below it are indented, those of attributes are
/// "BGP.name: value".
fn read(routes: &str) -> BTreeMap<String, Path> {
    let mut rib: Vec<(String, Path)> = Vec::new();
    for line in routes.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if line.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') && first.contains('/') {
            rib.push((first.to_owned(), Path::default()));
        } else if let Some((name, value)) = line.trim().strip_prefix("BGP.").and_then(|l| l.split_once(": "))
            && let Some((_, path)) = rib.last_mut()
        {
            attribute(path, name, value);
        }
    }
    rib.into_iter().map(|(prefix, path)| (prefix, path.sorted())).collect()
}

fn attribute(path: &mut Path, name: &str, value: &str) {
    match name {
        "origin" => path.origin = path::origin(value),
        "as_path" => path.as_path = numbers(value),
        "next_hop" => path.next_hop = value.to_owned(),
        "med" => path.med = Some(numbers(value)[0]),
        "community" => path.communities = items(value),
        "ext_community" => path.extended_communities = items(value),
        "large_community" => path.large_communities = items(value),
        "otc" => path.others.push(35),
        // Every path has one, whatever was received.
        "local_pref" => {}
        other => panic!("an attribute that is new here: {other}"),
    }
}

/// "(65010, 1, 2) (65010, 3, 4)" becomes "65010:1:2" and "65010:3:4".
fn items(value: &str) -> Vec<String> {
    let items = value.split(')').filter_map(|item| item.split_once('('));
    items.map(|(_, item)| item.replace(' ', "").replace(',', ":")).collect()
}
