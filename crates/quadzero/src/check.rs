//! `quadzero check`: what is wrong with a file, or what it would announce to whom.
//!
//! Diagnostics go to standard error, the summary to standard output; with `--format json` everything is one document on
//! standard output.

use crate::cli::{self, Failure, Format};
use crate::config::azure::Deployment;
use crate::config::edge::{Edge, Neighbor};
use crate::config::{Any, Loaded, Severity, Source};
use crate::logging;
use quadzero_azure::config::{Gateway, Kind};
use quadzero_codec::{Attributes, NextHop};
use quadzero_policy::{Decision, Health, Reason, UserDefinedRoute};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::io::{self, Write as _};

/// Runs the command.
///
/// # Errors
/// The file cannot be read, or has errors.
pub fn run(options: &cli::Check) -> Result<(), Failure> {
    let loaded = Source::read(&options.file)?.any();
    let printed = print(&loaded, options);
    if loaded.value.is_none() {
        return Err(Failure::Wrong(verdict(&loaded)));
    }
    Ok(printed?)
}

fn print(loaded: &Loaded<Any>, options: &cli::Check) -> io::Result<()> {
    match options.format {
        Format::Json => writeln!(io::stdout(), "{:#}", document(loaded, options.explain)),
        Format::Human => {
            io::stderr().write_all(loaded.render(logging::styled(&io::stderr())).as_bytes())?;
            io::stdout().write_all(summary(loaded, options.explain).as_bytes())
        }
    }
}

/// `edge.toml: 5 errors, 1 warning`
fn verdict(loaded: &Loaded<Any>) -> String {
    let [errors, warnings] = [Severity::Error, Severity::Warning].map(|severity| loaded.count(severity));
    let s = |n| if n == 1 { "" } else { "s" };
    let path = &loaded.source.path;
    match (errors, warnings) {
        (0, 0) => format!("{path}: no errors"),
        (0, n) => format!("{path}: no errors, {n} warning{}", s(n)),
        (e, 0) => format!("{path}: {e} error{}", s(e)),
        (e, n) => format!("{path}: {e} error{}, {n} warning{}", s(e), s(n)),
    }
}

/// What a sound file means; nothing for one with errors.
fn summary(loaded: &Loaded<Any>, explain: bool) -> String {
    let Some(value) = &loaded.value else { return String::new() };
    let mut text = verdict(loaded) + "\n";
    match value {
        Any::Edge(edge) => text += &of_edge(edge, explain),
        Any::Gateway(deployment) => text += &of_deployment(deployment),
        Any::Scenario(scenario) => {
            for side in &scenario.edges {
                if scenario.edges.len() > 1 {
                    let _ = writeln!(text, "\nedge {}", side.name);
                }
                text += &of_edge(&side.edge, explain);
            }
            scenario.deployments.iter().for_each(|deployment| text += &of_deployment(deployment));
            let _ = writeln!(text, "\n{} expectations", scenario.expectations.len());
        }
    }
    text
}

fn of_edge(edge: &Edge, explain: bool) -> String {
    let mut text = String::new();
    for neighbor in &edge.neighbors {
        let decisions = edge.policy.explain(&neighbor.policy, &Health::good());
        let _ = writeln!(text, "\n{}", Told { neighbor, decisions: &decisions });
        for line in if explain { reasons(&decisions) } else { announced(&decisions) } {
            let _ = writeln!(text, "  {line}");
        }
    }
    let user_defined: Vec<_> =
        edge.policy.user_defined_routes().into_iter().filter(|route| route.needed).collect();
    if !user_defined.is_empty() {
        text += "\nthese exceptions are yours to make, in the route table of every subnet that needs them (`quadzero export udr`):\n";
    }
    for route in user_defined {
        let _ = writeln!(text, "  {}", command(&route));
    }
    text
}

/// The heading of a neighbor.
struct Told<'a> {
    neighbor: &'a Neighbor,
    decisions: &'a [Decision],
}

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = &self.neighbor.peer;
        let address = match self.neighbor.range {
            Some(range) => format!("whoever dials from {}", range.prefix),
            None => peer.transport.remote.ip().to_string(),
        };
        let count = self.decisions.iter().filter_map(Decision::route).count();
        let routes = if count == 1 { "route" } else { "routes" };
        if peer.name == self.neighbor.whose().to_string() || peer.name == address {
            write!(f, "{address} (AS {}) is told {count} {routes}:", peer.remote_as)
        } else {
            write!(f, "{} ({address}, AS {}) is told {count} {routes}:", peer.name, peer.remote_as)
        }
    }
}

fn reasons(decisions: &[Decision]) -> Vec<String> {
    let said = |decision: &Decision| match decision.route() {
        Some(route) => format!("{decision} It says: {}.", said(&route.attributes)),
        None => decision.to_string(),
    };
    decisions.iter().map(said).collect()
}

/// A line for each announced prefix; the pieces of a carved one are one line.
fn announced(decisions: &[Decision]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pieces = BTreeMap::new();
    for decision in decisions {
        let Some(route) = decision.route() else { continue };
        match &decision.because {
            Reason::Piece { of, sets } => {
                pieces.entry((of, sets.join(", "))).or_insert_with(Vec::new).push(route)
            }
            _ => lines.push(format!("{:<18} {}", decision.prefix.to_string(), said(&route.attributes))),
        }
    }
    for ((of, sets), routes) in pieces {
        let said = said(&routes[0].attributes);
        lines.push(format!(
            "{:<18} {said}; in {} prefixes that leave out {sets}",
            of.to_string(),
            routes.len()
        ));
    }
    lines
}

/// The attributes that configuration can change.
pub(crate) fn said(attributes: &Attributes) -> String {
    let mut text = format!("next hop {}", next_hop(attributes));
    if !attributes.as_path.0.is_empty() {
        let _ = write!(text, ", AS path {}", attributes.as_path);
    }
    for (name, value) in [("MED", attributes.med), ("local preference", attributes.local_pref)] {
        value.iter().for_each(|value| text += &format!(", {name} {value}"));
    }
    if attributes.only_to_customer.is_some() {
        text += ", for customers only (RFC 9234)";
    }
    listed(&mut text, "communities", &attributes.communities);
    listed(&mut text, "extended communities", &attributes.extended_communities);
    listed(&mut text, "large communities", &attributes.large_communities);
    text
}

fn listed(text: &mut String, name: &str, values: &[impl Display]) {
    if !values.is_empty() {
        *text += &format!(", {name} {}", words(values).join(" "));
    }
}

/// How the entry is made with Azure's command line.
fn command(route: &UserDefinedRoute) -> String {
    format!(
        "az network route-table route create -g GROUP --route-table-name TABLE -n {} --address-prefix {} --next-hop-type {}",
        route.name,
        route.prefix,
        UserDefinedRoute::NEXT_HOP_TYPE
    )
}

fn of_deployment(deployment: &Deployment) -> String {
    let azure = &deployment.azure;
    let mut text = String::new();
    for gateway in &azure.gateways {
        text += &of_gateway(gateway, deployment);
    }
    text += "\nvirtual networks\n";
    for (i, vnet) in azure.vnets.iter().enumerate() {
        let space: Vec<String> = vnet.address_space.iter().map(ToString::to_string).collect();
        let gateways = match azure.place_of(i) {
            None => "no gateway".to_owned(),
            Some(place) => {
                let names = azure.gateways_at(place).map(|g| azure.gateways[g].name.as_str());
                format!("gateways {}", names.collect::<Vec<_>>().join(", "))
            }
        };
        let security = vnet.hub.filter(|hub| hub.internet_security).map_or("", |_| ", internet security");
        let _ = writeln!(text, "  VNet {} {}, {gateways}{security}", vnet.name, space.join(" "));
    }
    text
}

fn of_gateway(gateway: &Gateway, deployment: &Deployment) -> String {
    let mode = match &gateway.kind {
        Kind::Vpn(_) if gateway.is_active_active() => ", active-active",
        Kind::Vpn(_) => ", active-standby",
        Kind::RouteServer(server) if server.branch_to_branch => ", branch-to-branch",
        Kind::ExpressRoute(_) | Kind::RouteServer(_) | Kind::VirtualWan(_) => "",
    };
    let (name, kind, asn) = (&gateway.name, gateway.kind.name(), gateway.asn());
    let mut text = format!("\ngateway {name} ({kind}, AS {asn}{mode})\n");
    for (i, instance) in gateway.instances.iter().enumerate() {
        for address in gateway.addresses(i) {
            let at = deployment.endpoints.of(address.into());
            let _ = writeln!(text, "  instance {} {address}, listens at {at}", instance.name);
        }
    }
    for connection in &gateway.connections {
        let links = if connection.circuit().is_some() { 2 } else { 1 };
        let peers: Vec<String> = (0..links).map(|link| connection.peer(link).to_string()).collect();
        let limit = gateway.limit(connection).most;
        let _ = writeln!(
            text,
            "  connection {} to {} (AS {}), {limit} prefixes at most{}",
            connection.name,
            peers.join(" and "),
            connection.asn,
            if connection.internet_security { ", internet security" } else { "" }
        );
    }
    text
}

/// Everything for programs; the reasons for decisions only where they are asked for, since there may be millions.
fn document(loaded: &Loaded<Any>, explain: bool) -> Value {
    let edges = match &loaded.value {
        Some(Any::Edge(edge)) => vec![edge],
        Some(Any::Scenario(scenario)) => scenario.edges.iter().map(|side| &side.edge).collect(),
        Some(Any::Gateway(_)) | None => Vec::new(),
    };
    let told = |edge: &Edge| -> Vec<Value> {
        edge.neighbors.iter().map(|neighbor| told(edge, neighbor, explain)).collect()
    };
    let neighbors: Vec<Value> = edges.into_iter().flat_map(told).collect();
    json!({
        "file": loaded.source.path,
        "errors": loaded.count(Severity::Error),
        "warnings": loaded.count(Severity::Warning),
        "diagnostics": loaded.source.positions(&loaded.diagnostics),
        "neighbors": neighbors,
    })
}

fn told(edge: &Edge, neighbor: &Neighbor, explain: bool) -> Value {
    let peer = &neighbor.peer;
    let decisions = edge.policy.explain(&neighbor.policy, &Health::good());
    let mut value = json!({
        "name": peer.name,
        "address": neighbor.range.is_none().then(|| peer.transport.remote.ip()),
        "range": neighbor.range.map(|range| range.prefix),
        "remote-as": peer.remote_as.0,
        "announced": decisions.iter().filter_map(Decision::route).count(),
        "routes": decisions.iter().filter_map(route).collect::<Vec<_>>(),
    });
    let decision = |d: &Decision| json!({ "prefix": d.prefix, "announced": d.route().is_some(), "because": d.to_string() });
    if explain {
        value["decisions"] = decisions.iter().map(decision).collect();
    }
    value
}

/// What is said of a prefix; of a piece, also what it is a piece of.
fn route(decision: &Decision) -> Option<Value> {
    let attributes = &decision.route()?.attributes;
    let piece_of = match &decision.because {
        Reason::Piece { of, .. } => Some(of),
        _ => None,
    };
    Some(json!({
        "prefix": decision.prefix,
        "piece-of": piece_of,
        "next-hop": next_hop(attributes),
        "origin": attributes.origin.to_string().to_ascii_lowercase(),
        "as-path": attributes.as_path.to_string(),
        "med": attributes.med,
        "local-preference": attributes.local_pref,
        "only-to-customer": attributes.only_to_customer.map(|asn| asn.0),
        "communities": words(&attributes.communities),
        "extended-communities": words(&attributes.extended_communities),
        "large-communities": words(&attributes.large_communities),
    }))
}

pub(crate) fn next_hop(attributes: &Attributes) -> String {
    match attributes.next_hop {
        NextHop::Own => "self".to_owned(),
        NextHop::Address(address) => address.to_string(),
        NextHop::WithLinkLocal(global, _) => global.to_string(),
    }
}

pub(crate) fn words(values: &[impl Display]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
