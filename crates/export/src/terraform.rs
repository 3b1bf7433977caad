//! Terraform, with the provider azurerm, laid out as `terraform fmt` does.

use crate::Name;
use crate::az;
use crate::comment::{Line, comment};
use crate::model::*;
use std::fmt::Display;

/// The whole file.
pub(crate) fn render(plan: &Plan) -> String {
    let mut file = comment("#", &[Line::Prose(plan.title.clone())]);
    let provider = [("source", text("hashicorp/azurerm")), ("version", text(">= 4.0, < 5.0"))];
    let needs = Body::new().block("required_providers", Body::new().map("azurerm", &provider));
    let mut blocks = vec![
        top("terraform", needs),
        top(r#"data "azurerm_resource_group" "group""#, Body::new().set("name", text(&plan.group))),
    ];
    blocks.extend(plan.secrets().into_iter().map(variable));
    blocks.extend(plan.items.iter().flat_map(|item| self::item(plan, item)));
    for block in blocks {
        file += "\n";
        file += &block;
    }
    file
}

fn item(plan: &Plan, item: &Item) -> Vec<String> {
    match item {
        Item::Note(text) => vec![comment("#", &[Line::Prose(text.clone())])],
        Item::RouteTable(table) => route_table(plan, table),
        Item::Vpn(vpn) => {
            let why = format!(
                "Terraform does not change the AS of a gateway that it does not manage. It has to be {}: the argument asn of \
                 bgp_settings where the gateway is made, or",
                vpn.asn
            );
            let mut blocks = vec![beyond(&why, &[az::gateway_asn(plan, vpn)]), gateway(&vpn.gateway)];
            let numbered = vpn.connections.iter().enumerate();
            blocks.extend(numbered.flat_map(|(i, connection)| self::connection(plan, i + 1, connection)));
            blocks
        }
        Item::DefaultSite(_) => {
            let why = "Terraform does not give a default site to a gateway that it does not manage: the argument \
                       default_local_network_gateway_id where the gateway is made, or";
            vec![beyond(why, &az::commands(plan, item))]
        }
        Item::ExpressRoutePeering(peering) => vec![expressroute(peering)],
        Item::RouteServer(server) => route_server(server),
        Item::LearnedRoutes(_) => {
            vec![beyond(
                "Terraform does not show what a gateway has learned. Azure's command line does:",
                &az::commands(plan, item),
            )]
        }
    }
}

/// What cannot be said here, and what says it.
fn beyond(why: &str, commands: &[String]) -> String {
    let lines = commands.iter().cloned().map(Line::Code);
    comment("#", &std::iter::once(Line::Prose(why.to_owned())).chain(lines).collect::<Vec<_>>())
}

fn variable(secret: Secret) -> String {
    let body =
        Body::new().set("description", text(secret.words())).set("type", "string").set("sensitive", "true");
    top(&format!("variable {}", text(name(secret))), body)
}

const fn name(secret: Secret) -> &'static str {
    match secret {
        Secret::SharedKey => "shared_key",
        Secret::Md5Key => "md5_key",
    }
}

const GROUP: &str = "data.azurerm_resource_group.group.name";

fn location(plan: &Plan) -> String {
    plan.location.as_ref().map_or_else(|| "data.azurerm_resource_group.group.location".to_owned(), text)
}

/// A body that begins with the name and the group.
fn named(name: &Name) -> Body {
    Body::new().set("name", text(name)).set("resource_group_name", GROUP)
}

fn route_table(plan: &Plan, table: &RouteTable) -> Vec<String> {
    let (address, head) = if table.existing {
        ("data.azurerm_route_table.table", r#"data "azurerm_route_table" "table""#)
    } else {
        ("azurerm_route_table.table", r#"resource "azurerm_route_table" "table""#)
    };
    let mut body = named(&table.name);
    if !table.existing {
        body = body.set("location", location(plan));
    }
    let each: Vec<(String, String)> =
        table.routes.iter().map(|route| (text(&route.name), text(route.prefix))).collect();
    let each: Vec<(&str, String)> =
        each.iter().map(|(name, prefix)| (name.as_str(), prefix.clone())).collect();
    let routes = Body::new().map("for_each", &each).gap().set("name", "each.key");
    let routes = routes.set("resource_group_name", GROUP).set("route_table_name", format!("{address}.name"));
    let routes =
        routes.set("address_prefix", "each.value").set("next_hop_type", text(table.next_hop.as_str()));
    let mut blocks = vec![top(head, body), top(r#"resource "azurerm_route" "route""#, routes)];
    for (i, subnet) in table.subnets.iter().enumerate() {
        let label = format!("subnet_{}", i + 1);
        let known =
            Body::new().set("name", text(&subnet.name)).set("virtual_network_name", text(&subnet.vnet));
        let known = known.set("resource_group_name", GROUP);
        let attached = Body::new().set("subnet_id", format!("data.azurerm_subnet.{label}.id"));
        let attached = attached.set("route_table_id", format!("{address}.id"));
        blocks.push(top(&format!("data \"azurerm_subnet\" \"{label}\""), known));
        let head = format!("resource \"azurerm_subnet_route_table_association\" \"{label}\"");
        blocks.push(top(&head, attached));
    }
    blocks
}

fn gateway(name: &Name) -> String {
    top(r#"data "azurerm_virtual_network_gateway" "gateway""#, named(name))
}

fn connection(plan: &Plan, number: usize, connection: &Connection) -> [String; 2] {
    let label = format!("edge_{number}");
    let bgp = Body::new().set("asn", connection.asn).set("bgp_peering_address", text(connection.bgp_address));
    let mut site = named(&connection.name).set("location", location(plan));
    site = site.set("gateway_address", text(connection.public_ip.get()));
    if !connection.prefixes.is_empty() {
        let prefixes: Vec<String> = connection.prefixes.iter().map(text).collect();
        site = site.set("address_space", format!("[{}]", prefixes.join(", ")));
    }
    let site = site.gap().block("bgp_settings", bgp);
    let link = named(&connection.name).set("location", location(plan)).set("type", text("IPsec"));
    let link = link.set("virtual_network_gateway_id", "data.azurerm_virtual_network_gateway.gateway.id");
    let link = link.set("local_network_gateway_id", format!("azurerm_local_network_gateway.{label}.id"));
    let link = link.set("enable_bgp", "true").set("shared_key", format!("var.{}", name(Secret::SharedKey)));
    [
        top(&format!("resource \"azurerm_local_network_gateway\" \"{label}\""), site),
        top(&format!("resource \"azurerm_virtual_network_gateway_connection\" \"{label}\""), link),
    ]
}

fn expressroute(peering: &ExpressRoutePeering) -> String {
    let mut body = Body::new().set("peering_type", text(PRIVATE_PEERING));
    body = body.set("express_route_circuit_name", text(&peering.circuit)).set("resource_group_name", GROUP);
    body = body.set("peer_asn", peering.asn).set("primary_peer_address_prefix", text(peering.primary));
    body = body.set("secondary_peer_address_prefix", text(peering.secondary)).set("vlan_id", peering.vlan);
    if peering.md5 {
        body = body.set("shared_key", format!("var.{}", name(Secret::Md5Key)));
    }
    top(r#"resource "azurerm_express_route_circuit_peering" "private""#, body)
}

fn route_server(server: &RouteServer) -> Vec<String> {
    // The provider has no data source for a Route Server; its id is that of the virtual hub that it is.
    let id = format!(
        "\"${{data.azurerm_resource_group.group.id}}/providers/Microsoft.Network/virtualHubs/{}\"",
        escaped(server.name.as_ref())
    );
    let peer = |(i, address): (usize, &std::net::Ipv4Addr)| {
        let body = Body::new().set("name", text(Name::edge(*address))).set("route_server_id", &id);
        let body = body.set("peer_asn", server.asn).set("peer_ip", text(address));
        top(&format!("resource \"azurerm_route_server_bgp_connection\" \"edge_{}\"", i + 1), body)
    };
    server.peers.iter().enumerate().map(peer).collect()
}

/// A block that stands in no other.
fn top(head: &str, body: Body) -> String {
    body.braced(head).iter().map(|line| format!("{line}\n")).collect()
}

/// What stands between two braces. Names of neighboring lines are padded, so that their equals signs are below each other.
struct Body(Vec<Entry>);

enum Entry {
    Set(String, String),
    Lines(Vec<String>),
    Gap,
}

impl Body {
    const fn new() -> Self {
        Self(Vec::new())
    }

    fn set(mut self, name: &str, value: impl Display) -> Self {
        self.0.push(Entry::Set(name.to_owned(), value.to_string()));
        self
    }

    fn gap(mut self) -> Self {
        self.0.push(Entry::Gap);
        self
    }

    fn block(mut self, head: &str, body: Self) -> Self {
        self.0.push(Entry::Lines(body.braced(head)));
        self
    }

    fn map(self, name: &str, entries: &[(&str, String)]) -> Self {
        let body = entries.iter().fold(Self::new(), |body, (key, value)| body.set(key, value));
        self.block(&format!("{name} ="), body)
    }

    fn braced(&self, head: &str) -> Vec<String> {
        let inner = self.lines().into_iter().map(|l| if l.is_empty() { l } else { format!("  {l}") });
        let head = std::iter::once(format!("{head} {{"));
        head.chain(inner).chain(std::iter::once("}".to_owned())).collect()
    }

    fn lines(&self) -> Vec<String> {
        let neighbors = self.0.chunk_by(|a, b| matches!((a, b), (Entry::Set(..), Entry::Set(..))));
        neighbors.flat_map(aligned).collect()
    }
}

fn aligned(entries: &[Entry]) -> Vec<String> {
    let name_width = |entry: &Entry| match entry {
        Entry::Set(name, _) => name.chars().count(),
        Entry::Lines(_) | Entry::Gap => 0,
    };
    let width = entries.iter().map(name_width).max().unwrap_or_default();
    let lines = |entry: &Entry| match entry {
        Entry::Set(name, value) => vec![format!("{name:width$} = {value}")],
        Entry::Lines(lines) => lines.clone(),
        Entry::Gap => vec![String::new()],
    };
    entries.iter().flat_map(lines).collect()
}

/// A quoted template without a template in it.
fn text(value: impl Display) -> String {
    format!("\"{}\"", escaped(&value.to_string()))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' | '"' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            // `${` and `%{` begin something; said twice, the sign is one.
            '$' | '%' if rest.peek() == Some(&'{') => out.extend([c, c]),
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_string_begins_a_template() {
        assert_eq!(text("${file(\"/etc/passwd\")}"), r#""$${file(\"/etc/passwd\")}""#);
        assert_eq!(text("%{ if true }"), r#""%%{ if true }""#);
        assert_eq!(text("$ % $5 100%"), r#""$ % $5 100%""#);
        assert_eq!(text("a\\b\n\r\t\u{0}\u{1b}"), r#""a\\b\n\r\t\u0000\u001b""#);
        assert_eq!(text("$${"), r#""$$${""#);
    }

    #[test]
    fn the_equals_signs_of_neighboring_lines_are_below_each_other() {
        let inner = Body::new().set("x", 1);
        let body = Body::new().set("a", 1).set("long", 2).gap().block("b", inner).set("c", 3);
        let expected = "h {\n  a    = 1\n  long = 2\n\n  b {\n    x = 1\n  }\n  c = 3\n}\n";
        assert_eq!(top("h", body), expected);
    }
}
