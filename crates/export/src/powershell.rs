//! PowerShell, with the cmdlets of Az.Network.

use crate::Name;
use crate::comment::{Line, comment};
use crate::model::*;
use std::fmt::{Display, Write as _};

/// The whole script.
pub(crate) fn render(plan: &Plan) -> String {
    let mut script = comment("#", &[Line::Prose(plan.title.clone())]);
    script += "#Requires -Modules Az.Resources, Az.Network\n";
    script += &parameters(&plan.secrets());
    script += "$ErrorActionPreference = 'Stop'\n";
    let _ = writeln!(script, "$group = {}", text(&plan.group));
    let _ = match &plan.location {
        Some(location) => writeln!(script, "$location = {}", text(location)),
        None => writeln!(script, "$location = (Get-AzResourceGroup -Name $group).Location"),
    };
    for secret in plan.secrets() {
        let name = variable(secret);
        let _ = writeln!(
            script,
            "${} = [System.Net.NetworkCredential]::new('', ${name}).Password",
            plain(secret)
        );
    }
    for item in &plan.items {
        script += "\n";
        script += &self::item(item);
    }
    script
}

/// PowerShell asks for what is mandatory and not given, without showing what is typed.
fn parameters(secrets: &[Secret]) -> String {
    let parameter = |secret: &Secret| {
        let help = text(secret.words());
        format!("    [Parameter(Mandatory, HelpMessage = {help})] [securestring] ${}", variable(*secret))
    };
    let parameters: Vec<String> = secrets.iter().map(parameter).collect();
    if parameters.is_empty() { String::new() } else { format!("param(\n{}\n)\n", parameters.join(",\n")) }
}

fn item(item: &Item) -> String {
    match item {
        Item::Note(text) => comment("#", &[Line::Prose(text.clone())]),
        Item::RouteTable(table) => route_table(table),
        Item::Vpn(vpn) => {
            let mut script = gateway(&vpn.gateway);
            let _ = writeln!(
                script,
                "Set-AzVirtualNetworkGateway -VirtualNetworkGateway $gateway -Asn {} | Out-Null",
                vpn.asn
            );
            vpn.connections.iter().for_each(|connection| script += &self::connection(connection));
            script
        }
        Item::DefaultSite(default) => {
            let site = text(&default.site);
            let mut script = gateway(&default.gateway);
            let _ =
                writeln!(script, "$site = Get-AzLocalNetworkGateway -ResourceGroupName $group -Name {site}");
            script
                + "Set-AzVirtualNetworkGatewayDefaultSite -VirtualNetworkGateway $gateway -GatewayDefaultSite $site\n"
        }
        Item::ExpressRoutePeering(peering) => expressroute(peering),
        Item::RouteServer(server) => route_server(server),
        Item::LearnedRoutes(gateway) => format!(
            "Get-AzVirtualNetworkGatewayLearnedRoute -ResourceGroupName $group -VirtualNetworkGatewayName {} | Format-Table\n",
            text(gateway)
        ),
    }
}

fn gateway(name: &Name) -> String {
    format!("$gateway = Get-AzVirtualNetworkGateway -ResourceGroupName $group -Name {}\n", text(name))
}

fn route_table(table: &RouteTable) -> String {
    let name = text(&table.name);
    let mut script = if table.existing {
        format!("$table = Get-AzRouteTable -ResourceGroupName $group -Name {name}\n")
    } else {
        format!("$table = New-AzRouteTable -ResourceGroupName $group -Location $location -Name {name}\n")
    };
    for route in &table.routes {
        let _ = writeln!(
            script,
            "Add-AzRouteConfig -RouteTable $table -Name {} -AddressPrefix {} -NextHopType {} | Out-Null",
            text(&route.name),
            text(route.prefix),
            text(table.next_hop.as_str())
        );
    }
    script += "$table = Set-AzRouteTable -RouteTable $table\n";
    for (vnet, subnets) in Plan::subnets(table) {
        let _ =
            writeln!(script, "$vnet = Get-AzVirtualNetwork -ResourceGroupName $group -Name {}", text(vnet));
        for subnet in subnets {
            let subnet = text(subnet);
            let _ = writeln!(
                script,
                "(Get-AzVirtualNetworkSubnetConfig -VirtualNetwork $vnet -Name {subnet}).RouteTable = $table"
            );
        }
        script += "Set-AzVirtualNetwork -VirtualNetwork $vnet | Out-Null\n";
    }
    script
}

fn connection(connection: &Connection) -> String {
    let name = text(&connection.name);
    let mut script = format!(
        "$site = New-AzLocalNetworkGateway -ResourceGroupName $group -Location $location -Name {name} -GatewayIpAddress {} -Asn {} -BgpPeeringAddress {}",
        text(connection.public_ip.get()),
        connection.asn,
        text(connection.bgp_address)
    );
    let prefixes: Vec<String> = connection.prefixes.iter().map(text).collect();
    if !prefixes.is_empty() {
        let _ = write!(script, " -AddressPrefix {}", prefixes.join(", "));
    }
    let _ = writeln!(
        script,
        "\nNew-AzVirtualNetworkGatewayConnection -ResourceGroupName $group -Location $location -Name {name} -VirtualNetworkGateway1 $gateway -LocalNetworkGateway2 $site -ConnectionType IPsec -SharedKey ${} -EnableBgp $true | Out-Null",
        plain(Secret::SharedKey)
    );
    script
}

fn expressroute(peering: &ExpressRoutePeering) -> String {
    let circuit = text(&peering.circuit);
    let mut script =
        format!("$circuit = Get-AzExpressRouteCircuit -ResourceGroupName $group -Name {circuit}\n");
    let _ = write!(
        script,
        "Add-AzExpressRouteCircuitPeeringConfig -ExpressRouteCircuit $circuit -Name {PRIVATE_PEERING} -PeeringType {PRIVATE_PEERING} -PeerASN {} -PrimaryPeerAddressPrefix {} -SecondaryPeerAddressPrefix {} -VlanId {}",
        peering.asn,
        text(peering.primary),
        text(peering.secondary),
        peering.vlan
    );
    if peering.md5 {
        let _ = write!(script, " -SharedKey ${}", plain(Secret::Md5Key));
    }
    script + " | Out-Null\nSet-AzExpressRouteCircuit -ExpressRouteCircuit $circuit | Out-Null\n"
}

fn route_server(server: &RouteServer) -> String {
    let peer = |address: &std::net::Ipv4Addr| {
        format!(
            "Add-AzRouteServerPeer -ResourceGroupName $group -RouteServerName {} -PeerName {} -PeerIp {} -PeerAsn {} | Out-Null\n",
            text(&server.name),
            text(Name::edge(*address)),
            text(address),
            server.asn
        )
    };
    server.peers.iter().map(peer).collect()
}

const fn variable(secret: Secret) -> &'static str {
    match secret {
        Secret::SharedKey => "SharedKey",
        Secret::Md5Key => "Md5Key",
    }
}

/// The variable with the key as a cmdlet takes it.
const fn plain(secret: Secret) -> &'static str {
    match secret {
        Secret::SharedKey => "plainSharedKey",
        Secret::Md5Key => "plainMd5Key",
    }
}

/// A verbatim string. PowerShell takes typographic quotes for the plain one, and a double one for one that is meant
/// (about_Quoting_Rules).
fn text(value: impl Display) -> String {
    let mut quoted = "'".to_owned();
    for c in value.to_string().chars() {
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quote_that_powershell_knows_is_doubled_and_nothing_else_is_touched() {
        assert_eq!(text("it's"), "'it''s'");
        assert_eq!(
            text("a\u{2018}b\u{2019}c\u{201a}d\u{201b}"),
            "'a\u{2018}\u{2018}b\u{2019}\u{2019}c\u{201a}\u{201a}d\u{201b}\u{201b}'"
        );
        assert_eq!(text("$(Get-Date) `n \"x\" ; # \n"), "'$(Get-Date) `n \"x\" ; # \n'");
    }
}
