//! `quadzero azure show`: what a running mock knows, asked over its API and printed as `az` prints it.
//!
//! Options are those of `az`, so that a script needs another command alone: `-g` is taken and passed over, `-n` is the
//! resource, `-o` and `--query` (JMESPath) shape the output. What is printed without `-o` is JSON.

mod client;
mod output;

pub use client::{Client, Server};
pub use output::Output;

use crate::cli::Failure;
use clap::{Args, Subcommand, ValueEnum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::io::Write;

/// Show what a running mock knows, as az prints it.
///
/// The mock answers where the table api of its file says; by default it is asked at http://127.0.0.1:8179.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero azure show effective-routes workload-nic -o table
  quadzero azure show learned-routes -g RG -n vgw-hub --query 'value[].network' -o tsv
  quadzero azure show advertised-routes --peer 10.51.255.254
  quadzero azure show learned-routes --routeserver rs -n nva
  quadzero azure show peer-status --socket /run/quadzero/azure.sock")]
pub struct Show {
    /// What.
    #[command(subcommand)]
    pub what: What,
    /// Where the mock answers.
    #[command(flatten)]
    pub server: Server,
    /// How to print
    #[arg(short, long, value_enum, global = true, default_value_t = Output::Json)]
    pub output: Output,
    /// A JMESPath query over the answer; objects that it makes have their keys in alphabetical order
    #[arg(long, global = true)]
    pub query: Option<String>,
    /// Taken for az's sake, and passed over
    #[arg(long, global = true, hide = true)]
    pub subscription: Option<String>,
    /// Likewise
    #[arg(long, global = true, hide = true)]
    pub only_show_errors: bool,
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Of a network interface (az network nic show-effective-route-table)
    EffectiveRoutes(Interface),
    /// What a gateway has learned (az network vnet-gateway list-learned-routes, routeserver peering list-learned-routes)
    LearnedRoutes(Gateway),
    /// What a gateway tells a peer (az network vnet-gateway list-advertised-routes, routeserver peering ..)
    AdvertisedRoutes(ToPeer),
    /// How its sessions are (az network vnet-gateway list-bgp-peer-status)
    PeerStatus(OfPeer),
    /// The routes of a circuit (az network express-route list-route-tables)
    RouteTable(Circuit),
    /// The neighbors of a circuit's router (az network express-route list-route-tables-summary)
    RouteTableSummary(Circuit),
    /// The routes of a hub (az network vhub get-effective-routes)
    HubRoutes(Hub),
    /// What a gateway did not take, and why, which Azure tells nobody
    Refused(Gateway),
    /// All gateways
    Gateways,
    /// All network interfaces
    Nics,
}

/// The resource group, which a mock has none of.
#[derive(Debug, Args)]
pub struct Group {
    /// The resource group: taken, and passed over
    #[arg(short = 'g', long)]
    pub resource_group: Option<String>,
}

/// A network interface.
#[derive(Debug, Args)]
pub struct Interface {
    /// The network interface, or a subnet, or VNET/SUBNET
    #[arg(value_name = "NIC", required_unless_present = "name", conflicts_with = "name")]
    pub nic: Option<String>,
    /// Likewise, as az has it
    #[arg(short, long)]
    pub name: Option<String>,
    /// The resource group.
    #[command(flatten)]
    pub group: Group,
}

/// A gateway, or the peering of a Route Server.
#[derive(Debug, Args)]
pub struct Gateway {
    /// The gateway, if there are several; with --routeserver, the peering
    #[arg(short, long)]
    pub name: Option<String>,
    /// The Route Server, or the hub
    #[arg(long, visible_alias = "vhub-name", requires = "name")]
    pub routeserver: Option<String>,
    /// The resource group.
    #[command(flatten)]
    pub group: Group,
}

/// A gateway and a peer of it.
#[derive(Debug, Args)]
pub struct ToPeer {
    /// The gateway.
    #[command(flatten)]
    pub gateway: Gateway,
    /// The peer's BGP address, or the name of its connection
    #[arg(long, required_unless_present = "routeserver")]
    pub peer: Option<String>,
}

/// A gateway and perhaps a peer of it.
#[derive(Debug, Args)]
pub struct OfPeer {
    /// The gateway, if there are several
    #[arg(short, long)]
    pub name: Option<String>,
    /// This peer alone, by its BGP address
    #[arg(long)]
    pub peer: Option<String>,
    /// The resource group.
    #[command(flatten)]
    pub group: Group,
}

/// A circuit of ExpressRoute.
#[derive(Debug, Args)]
pub struct Circuit {
    /// The circuit, if there are several
    #[arg(short, long)]
    pub name: Option<String>,
    /// Which link
    #[arg(long, value_enum)]
    pub path: Path,
    /// Which peering
    #[arg(long, default_value = "AzurePrivatePeering")]
    pub peering_name: String,
    /// The resource group.
    #[command(flatten)]
    pub group: Group,
}

impl Circuit {
    fn path(&self, operation: &str) -> String {
        let link = if self.path == Path::Primary { "primary" } else { "secondary" };
        let circuit = self.name.as_deref().map_or("-".into(), part);
        format!("expressRouteCircuits/{circuit}/peerings/{}/{operation}/{link}", part(&self.peering_name))
    }
}

/// A hub of Virtual WAN.
#[derive(Debug, Args)]
pub struct Hub {
    /// The hub, if there are several
    #[arg(short, long)]
    pub name: Option<String>,
    /// What its routes are asked for: the mock's hubs have one route table, which every connection uses
    #[arg(long, value_enum, ignore_case = true, default_value = "RouteTable")]
    pub resource_type: ResourceType,
    /// Which of them, as az has it: taken, and passed over
    #[arg(long)]
    pub resource_id: Option<String>,
    /// The resource group.
    #[command(flatten)]
    pub group: Group,
}

/// What a hub's routes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResourceType {
    /// Its route table.
    #[value(name = "RouteTable")]
    RouteTable,
}

/// A link of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Path {
    /// The first.
    Primary,
    /// The second.
    Secondary,
}

/// `quadzero azure show`.
///
/// # Errors
/// There is no mock, or it does not know what is asked, or the query is none.
pub fn run(options: &Show) -> Result<(), Failure> {
    let answer = Client::new(&options.server)?.get(&path(&options.what))?;
    let text = output::print(answer, options.output, options.query.as_deref(), options.what.table())?;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

impl What {
    fn table(&self) -> output::Table {
        match self {
            Self::EffectiveRoutes(_) => output::EFFECTIVE_ROUTES,
            Self::LearnedRoutes(_) | Self::AdvertisedRoutes(_) => output::ROUTES,
            Self::PeerStatus(_) => output::PEER_STATUS,
            Self::RouteTable(_) => output::ROUTE_TABLE,
            Self::RouteTableSummary(_) => output::ROUTE_TABLE_SUMMARY,
            Self::HubRoutes(_) => output::HUB_ROUTES,
            Self::Refused(_) | Self::Gateways | Self::Nics => output::AS_THEY_COME,
        }
    }
}

/// A part of a path.
fn part(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

/// Where the status of a gateway's peers is answered.
pub(crate) fn peer_status(gateway: &str) -> String {
    let group = Group { resource_group: None };
    path(&What::PeerStatus(OfPeer { name: Some(gateway.to_owned()), peer: None, group }))
}

/// Where that is answered: Azure's own path, but for the subscription.
fn path(what: &What) -> String {
    let resource = |group: &Group, path: String| {
        let group = part(group.resource_group.as_deref().unwrap_or("-"));
        format!("/subscriptions/-/resourceGroups/{group}/providers/Microsoft.Network/{path}")
    };
    // With one gateway nobody has to say which.
    let gateway = |name: &Option<String>, operation: &str| {
        format!("virtualNetworkGateways/{}/{operation}", name.as_deref().map_or("-".into(), part))
    };
    let routes = |of: &Gateway, operation: &str, peering: &str| match (&of.routeserver, &of.name) {
        (Some(server), Some(name)) => {
            format!("virtualHubs/{}/bgpConnections/{}/{peering}", part(server), part(name))
        }
        (_, name) => gateway(name, operation),
    };
    match what {
        What::EffectiveRoutes(of) => {
            let nic = of.nic.as_ref().or(of.name.as_ref()).map_or(String::new(), |name| part(name));
            resource(&of.group, format!("networkInterfaces/{nic}/effectiveRouteTable"))
        }
        What::LearnedRoutes(of) => resource(&of.group, routes(of, "getLearnedRoutes", "learnedRoutes")),
        What::AdvertisedRoutes(ToPeer { gateway: of, peer }) => {
            let peer = peer.as_ref().map_or(String::new(), |peer| format!("?peer={}", part(peer)));
            resource(&of.group, routes(of, "getAdvertisedRoutes", "advertisedRoutes") + &peer)
        }
        What::PeerStatus(OfPeer { name, peer, group }) => {
            let peer = peer.as_ref().map_or(String::new(), |peer| format!("?peer={}", part(peer)));
            resource(group, gateway(name, "getBgpPeerStatus") + &peer)
        }
        What::RouteTable(of) => resource(&of.group, of.path("routeTables")),
        What::RouteTableSummary(of) => resource(&of.group, of.path("routeTablesSummary")),
        What::HubRoutes(Hub { name, group, .. }) => resource(
            group,
            format!("virtualHubs/{}/effectiveRoutes", name.as_deref().map_or("-".into(), part)),
        ),
        What::Refused(of) => format!("/gateways/{}/refused", of.name.as_deref().map_or("-".into(), part)),
        What::Gateways => "/gateways".into(),
        What::Nics => "/nics".into(),
    }
}
