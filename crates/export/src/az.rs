//! Azure's command line, in a script for every POSIX shell.

use crate::comment::{Line, comment};
use crate::model::*;
use std::fmt::{Display, Write as _};

/// The whole script.
pub(crate) fn render(plan: &Plan) -> String {
    let mut script = "#!/bin/sh\n".to_owned();
    script += &comment("#", &[Line::Prose(plan.title.clone())]);
    script += "set -eu\n";
    for secret in plan.secrets() {
        let _ = writeln!(script, ": \"${{{}:?{}, in the environment}}\"", variable(secret), secret.words());
    }
    for item in &plan.items {
        script += "\n";
        if let Item::Note(text) = item {
            script += &comment("#", &[Line::Prose(text.clone())]);
        }
        commands(plan, item).iter().for_each(|command| script += &format!("{command}\n"));
    }
    script
}

/// What makes the item, a line for each command; the other languages show it for what they cannot say.
pub(crate) fn commands(plan: &Plan, item: &Item) -> Vec<String> {
    match item {
        Item::Note(_) => vec![],
        Item::RouteTable(table) => {
            let mut lines = route_table(plan, table);
            lines.extend(attachments(plan, table));
            lines
        }
        Item::Vpn(vpn) => {
            let mut lines = vec![gateway_asn(plan, vpn)];
            lines.extend(
                vpn.connections.iter().flat_map(|connection| self::connection(plan, vpn, connection)),
            );
            lines
        }
        Item::DefaultSite(DefaultSite { gateway, site }) => {
            let update = Command::new(plan, "vnet-gateway update").option("name", gateway);
            vec![update.option("gateway-default-site", site).0]
        }
        Item::ExpressRoutePeering(peering) => vec![expressroute(plan, peering)],
        Item::RouteServer(server) => route_server(plan, server),
        Item::LearnedRoutes(gateway) => {
            let list = Command::new(plan, "vnet-gateway list-learned-routes").option("name", gateway);
            vec![list.option("output", "table").0]
        }
    }
}

fn route_table(plan: &Plan, table: &RouteTable) -> Vec<String> {
    let create = || Command::new(plan, "route-table create").option("name", &table.name).location(plan).0;
    let route = |route: &Route| {
        let create = Command::new(plan, "route-table route create").option("route-table-name", &table.name);
        let create = create.option("name", &route.name).option("address-prefix", route.prefix);
        create.option("next-hop-type", table.next_hop.as_str()).0
    };
    let table = (!table.existing).then(create).into_iter().chain(table.routes.iter().map(route));
    table.collect()
}

/// What makes the subnets use the table.
pub(crate) fn attachments(plan: &Plan, table: &RouteTable) -> Vec<String> {
    let attach = |subnet: &Subnet| {
        let update = Command::new(plan, "vnet subnet update").option("vnet-name", &subnet.vnet);
        update.option("name", &subnet.name).option("route-table", &table.name).0
    };
    table.subnets.iter().map(attach).collect()
}

/// The gateway's own BGP settings.
pub(crate) fn gateway_asn(plan: &Plan, vpn: &Vpn) -> String {
    Command::new(plan, "vnet-gateway update").option("name", &vpn.gateway).option("asn", vpn.asn).0
}

fn connection(plan: &Plan, vpn: &Vpn, connection: &Connection) -> [String; 2] {
    let Connection { name, public_ip, asn, bgp_address, prefixes } = connection;
    let site = Command::new(plan, "local-gateway create").option("name", name).location(plan);
    let site = site.option("gateway-ip-address", public_ip.get());
    let mut site = site.option("asn", asn).option("bgp-peering-address", bgp_address);
    if !prefixes.is_empty() {
        site = site.flag("local-address-prefixes");
        prefixes.iter().for_each(|prefix| site.0 += &format!(" {}", word(&prefix.to_string())));
    }
    let link = Command::new(plan, "vpn-connection create").option("name", name).location(plan);
    let link = link.option("vnet-gateway1", &vpn.gateway).option("local-gateway2", name);
    [site.0, link.secret("shared-key", Secret::SharedKey).flag("enable-bgp").0]
}

fn expressroute(plan: &Plan, peering: &ExpressRoutePeering) -> String {
    let create = Command::new(plan, "express-route peering create").option("circuit-name", &peering.circuit);
    let create = create.option("peering-type", PRIVATE_PEERING).option("peer-asn", peering.asn);
    let create = create.option("primary-peer-subnet", peering.primary);
    let create = create.option("secondary-peer-subnet", peering.secondary).option("vlan-id", peering.vlan);
    if peering.md5 { create.secret("shared-key", Secret::Md5Key).0 } else { create.0 }
}

fn route_server(plan: &Plan, server: &RouteServer) -> Vec<String> {
    let peer = |address: &std::net::Ipv4Addr| {
        let create = Command::new(plan, "routeserver peering create").option("routeserver", &server.name);
        let create = create.option("name", crate::Name::edge(*address)).option("peer-ip", address);
        create.option("peer-asn", server.asn).0
    };
    server.peers.iter().map(peer).collect()
}

/// What makes the resources of a template.
pub(crate) fn deploy(plan: &Plan, file: &str) -> String {
    let deploy = Command("az deployment group create".to_owned()).option("resource-group", &plan.group);
    deploy.option("template-file", file).0
}

const fn variable(secret: Secret) -> &'static str {
    match secret {
        Secret::SharedKey => "SHARED_KEY",
        Secret::Md5Key => "MD5_KEY",
    }
}

/// A command line in the making.
struct Command(String);

impl Command {
    fn new(plan: &Plan, words: &str) -> Self {
        Self(format!("az network {words}")).option("resource-group", &plan.group)
    }

    /// A value that begins with a dash would be taken for an option, had it a word of its own.
    fn option(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        let between = if value.starts_with('-') { '=' } else { ' ' };
        let _ = write!(self.0, " --{name}{between}{}", word(&value));
        self
    }

    fn flag(mut self, name: &str) -> Self {
        let _ = write!(self.0, " --{name}");
        self
    }

    fn secret(mut self, name: &str, secret: Secret) -> Self {
        let _ = write!(self.0, " --{name}=\"${}\"", variable(secret));
        self
    }

    fn location(self, plan: &Plan) -> Self {
        match &plan.location {
            Some(location) => self.option("location", location),
            None => self,
        }
    }
}

/// A word of a shell's command: what every shell takes literally, or in single quotes (POSIX.1-2024, XCU 2.2.2).
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command as Process;

    /// What the shell makes of the words.
    fn words(shell: &str, texts: &[String]) -> Vec<String> {
        let quoted: Vec<String> = texts.iter().map(|text| word(text)).collect();
        let script = format!("printf '%s\\0' {}", quoted.join(" "));
        let out = Process::new(shell).args(["-c", &script]).output().expect("a shell runs");
        assert!(out.status.success() && out.stderr.is_empty(), "{script:?}: {out:?}");
        let text = String::from_utf8(out.stdout).unwrap();
        text.trim_end_matches('\0').split('\0').map(str::to_owned).collect()
    }

    #[test]
    fn what_needs_no_quotes_has_none() {
        assert_eq!(
            ["10.0.0.0/8", "a_b-c.d", "", "a b", "it's"].map(word),
            ["10.0.0.0/8", "a_b-c.d", "''", "'a b'", r"'it'\''s'"]
        );
    }

    #[test]
    fn hostile_words_reach_the_command_as_they_are() {
        let hostile = [
            "$(touch pwned)",
            "`id`",
            "'; rm -rf ~; '",
            "\"$HOME\"",
            "a\nb",
            "a\r\n",
            "*",
            "~",
            "!!",
            "\\",
            "'",
            "''",
            "--",
            "-rf",
            "#",
            "é\u{2019}\u{202e}",
            "${IFS}",
            "a&b|c>d<e",
            "\t",
            "%s\\0",
        ];
        let hostile = hostile.map(str::to_owned);
        for shell in ["bash", "sh"] {
            assert_eq!(words(shell, &hostile), hostile);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_word_reaches_the_command_as_it_is(texts in prop::collection::vec("[^\0]{1,20}", 1..50)) {
            prop_assert_eq!(words("bash", &texts), texts);
        }
    }
}
