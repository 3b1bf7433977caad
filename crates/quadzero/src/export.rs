//! `quadzero export`: what has to be made in Azure for an edge. What there is to say is decided in [`quadzero_export`];
//! here is only what the user may choose.

use crate::cli::Failure;
use crate::config::Source;
use crate::config::edge::{AzureKind, Edge, Neighbor};
use clap::{Args, Subcommand, ValueEnum};
use ipnet::Ipv4Net;
use quadzero_export::{
    ForcedTunneling, Kind, Location, Name, Plan, PlanError, Plumbing, PublicIp, ResourceGroup, Subnet, Table,
    Udr, internet,
};
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Print what has to be made in Azure for an edge, for the tool of your choice.
///
/// Reads the edge's file and prints to standard output; nothing is changed anywhere. Keys are never printed: what runs
/// the output asks for them. What a format cannot say stands in it as a comment, with the command that says it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero export udr -c edge.toml --format az -g rg-network --vnet hub --subnet workload
  quadzero export gateway -c edge.toml --format terraform -g rg-network --gateway vgw-hub --edge-public-ip 203.0.113.9
  quadzero export forced-tunneling -c edge.toml --format bicep -g rg-network --way udr --vnet hub --subnet workload")]
pub struct Export {
    /// What to export
    #[command(subcommand)]
    pub what: What,
}

/// What to export.
#[derive(Debug, Subcommand)]
pub enum What {
    /// The exceptions of the file, as routes in a route table
    Udr(UdrOptions),
    /// Azure's end of the BGP sessions: local network gateways and connections, peerings
    Gateway(GatewayOptions),
    /// What forced tunneling takes in Azure, in one of three ways
    ForcedTunneling(ForcedTunnelingOptions),
}

/// What every export takes.
#[derive(Debug, Args)]
pub struct Common {
    /// The edge's file
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// For which tool
    #[arg(long, value_enum)]
    pub format: Format,
    /// Where the resources are
    #[arg(short = 'g', long, value_name = "RG", allow_hyphen_values = true)]
    pub resource_group: ResourceGroup,
    /// In which region [default: that of the resource group]
    #[arg(long, value_name = "REGION")]
    pub location: Option<Location>,
}

/// For which tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A shell script for Azure's command line
    Az,
    /// A script for PowerShell with Az.Network
    #[value(name = "powershell")]
    PowerShell,
    /// Terraform, for the provider azurerm
    Terraform,
    /// Bicep
    Bicep,
    /// A JSON template for Azure Resource Manager
    Arm,
}

impl From<Format> for quadzero_export::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Az => Self::Az,
            Format::PowerShell => Self::PowerShell,
            Format::Terraform => Self::Terraform,
            Format::Bicep => Self::Bicep,
            Format::Arm => Self::Arm,
        }
    }
}

/// A route table, and who is to use it.
#[derive(Debug, Args)]
pub struct TableOptions {
    /// The route table
    #[arg(long, value_name = "NAME", default_value = "quadzero")]
    pub route_table: Name,
    /// The route table is there, and what it holds stays
    #[arg(long)]
    pub existing: bool,
    /// The virtual network of the subnets
    #[arg(long, value_name = "NAME", requires = "subnet")]
    pub vnet: Option<Name>,
    /// A subnet that is to use the table; may be given several times
    #[arg(long, value_name = "NAME", requires = "vnet")]
    pub subnet: Vec<Name>,
}

impl TableOptions {
    fn table(&self) -> Table {
        let subnet = |vnet: &Name| {
            let names = self.subnet.iter().cloned();
            names.map(|name| Subnet { vnet: vnet.clone(), name }).collect::<Vec<_>>()
        };
        let subnets = self.vnet.as_ref().map(subnet).unwrap_or_default();
        Table { name: self.route_table.clone(), existing: self.existing, subnets }
    }
}

/// The exceptions of the file, as routes in a route table.
///
/// Those in mode udr need them; a file has no effect on Azure's route tables by itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero export udr -c edge.toml --format az -g rg-network --vnet hub --subnet workload --subnet build
  quadzero export udr -c edge.toml --format terraform -g rg-network --opt-out")]
pub struct UdrOptions {
    /// What every export takes
    #[command(flatten)]
    pub common: Common,
    /// The table
    #[command(flatten)]
    pub table: TableOptions,
    /// Also exceptions in other modes, which do not need it
    #[arg(long)]
    pub all: bool,
    /// The subnets keep Azure's own way to the Internet, whatever the edge announces
    #[arg(long)]
    pub opt_out: bool,
}

/// Azure's end of the BGP sessions: local network gateways and connections, peerings.
///
/// For every neighbor that has `azure`: a local network gateway and a connection for each address of the edge that a VPN
/// gateway peers with, private peering of an ExpressRoute circuit, a peer of Route Server.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero export gateway -c config/vpn-active-standby.toml --format az -g rg-network --gateway vgw-hub --edge-public-ip 203.0.113.9
  quadzero export gateway -c config/expressroute-pair.toml --format powershell -g rg-network --circuit er-home --vlan-id 100")]
pub struct GatewayOptions {
    /// What every export takes
    #[command(flatten)]
    pub common: Common,
    /// Only these neighbors of the file [default: all]
    #[arg(long, value_name = "NAME")]
    pub neighbor: Vec<String>,
    /// The VPN gateway, which is there
    #[arg(long, value_name = "NAME")]
    pub gateway: Option<Name>,
    /// Where the tunnels end on-premises: once, or once for each of the edge's addresses in the order of the file
    #[arg(long, value_name = "ADDRESS")]
    pub edge_public_ip: Vec<PublicIp>,
    /// A static route to on-premises beside BGP; may be given several times
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub local_address_prefix: Vec<Ipv4Net>,
    /// The ExpressRoute circuit, which is there
    #[arg(long, value_name = "NAME")]
    pub circuit: Option<Name>,
    /// The VLAN of the circuit's private peering
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(1..=4094))]
    pub vlan_id: Option<u16>,
    /// The Route Server, which is there
    #[arg(long, value_name = "NAME")]
    pub route_server: Option<Name>,
}

/// What forced tunneling takes in Azure, in one of three ways.
///
/// By BGP it takes nothing, and this says so. The other ways are there for comparison, and for gateways without BGP.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero export forced-tunneling -c edge.toml --format az -g rg-network
  quadzero export forced-tunneling -c edge.toml --format az -g rg-network --way default-site --gateway vgw-hub
  quadzero export forced-tunneling -c edge.toml --format bicep -g rg-network --way udr --vnet hub --subnet workload")]
pub struct ForcedTunnelingOptions {
    /// What every export takes
    #[command(flatten)]
    pub common: Common,
    /// How
    #[arg(long, value_enum, default_value_t = Way::Bgp)]
    pub way: Way,
    /// The VPN gateway, which is there
    #[arg(long, value_name = "NAME", required_if_eq("way", "default-site"))]
    pub gateway: Option<Name>,
    /// The default site [default: the local network gateway that `export gateway` makes]
    #[arg(long, value_name = "NAME")]
    pub local_gateway: Option<Name>,
    /// The table
    #[command(flatten)]
    pub table: TableOptions,
}

/// How traffic is forced home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// The edge announces a default route
    Bgp,
    /// The gateway has a default site
    DefaultSite,
    /// Subnets have a default route of their own to the gateway
    Udr,
}

fn prefix(text: &str) -> Result<Ipv4Net, String> {
    let net: Ipv4Net = text.parse().map_err(|_| "not an IPv4 prefix like 10.50.0.0/15".to_owned())?;
    if net == net.trunc() {
        Ok(net)
    } else {
        Err(format!("host bits are set; did you mean {}?", net.trunc()))
    }
}

/// Runs the command.
///
/// # Errors
/// The file has errors, or something is missing that only the user knows.
pub fn run(options: &Export) -> Result<(), Failure> {
    let common = match &options.what {
        What::Udr(options) => &options.common,
        What::Gateway(options) => &options.common,
        What::ForcedTunneling(options) => &options.common,
    };
    let edge = Source::read(&common.config)?.edge().accept()?;
    let plan = match &options.what {
        What::Udr(options) => udr(&edge, options).map_err(wrong),
        What::Gateway(options) => gateway(&edge, options),
        What::ForcedTunneling(options) => forced_tunneling(&edge, options),
    }?;
    Ok(io::stdout().write_all(plan.render(common.format.into()).as_bytes())?)
}

fn wrong(problem: impl Display) -> Failure {
    Failure::Wrong(format!("error: {problem}"))
}

fn udr(edge: &Edge, options: &UdrOptions) -> Result<Plan, PlanError> {
    let announced = || {
        let mut announced: Vec<_> =
            neighbors(edge).into_iter().flat_map(|neighbor| neighbor.internet).collect();
        announced.sort();
        announced.dedup();
        announced
    };
    let export = Udr {
        group: options.common.resource_group.clone(),
        location: options.common.location.clone(),
        table: options.table.table(),
        exceptions: edge.policy.user_defined_routes(),
        all: options.all,
        opt_out: options.opt_out.then(announced),
    };
    export.plan()
}

fn gateway(edge: &Edge, options: &GatewayOptions) -> Result<Plan, Failure> {
    let mut neighbors = neighbors(edge);
    for name in &options.neighbor {
        if !neighbors.iter().any(|neighbor| neighbor.name == *name) {
            return Err(wrong(format_args!("no neighbor is called {name:?}")));
        }
    }
    neighbors.retain(|neighbor| options.neighbor.is_empty() || options.neighbor.contains(&neighbor.name));
    let export = Plumbing {
        group: options.common.resource_group.clone(),
        location: options.common.location.clone(),
        neighbors,
        gateway: options.gateway.clone(),
        public_ips: options.edge_public_ip.clone(),
        prefixes: options.local_address_prefix.clone(),
        circuit: options.circuit.clone(),
        vlan: options.vlan_id,
        route_server: options.route_server.clone(),
    };
    export.plan().map_err(wrong)
}

fn forced_tunneling(edge: &Edge, options: &ForcedTunnelingOptions) -> Result<Plan, Failure> {
    let useless = [
        ("--vnet", options.table.vnet.is_some(), Way::Udr),
        ("--existing", options.table.existing, Way::Udr),
        ("--local-gateway", options.local_gateway.is_some(), Way::DefaultSite),
    ];
    if let Some((option, ..)) = useless.iter().find(|(_, given, way)| *given && *way != options.way) {
        return Err(wrong(format_args!("{option} has no effect this way")));
    }
    let way = match (options.way, &options.gateway) {
        (Way::Udr, _) => quadzero_export::Way::Udr(options.table.table()),
        (Way::DefaultSite, Some(gateway)) => quadzero_export::Way::DefaultSite {
            gateway: gateway.clone(),
            site: options.local_gateway.clone(),
        },
        // Without a gateway there is no default site; the command line does not let that happen.
        (Way::Bgp | Way::DefaultSite, gateway) => quadzero_export::Way::Bgp { gateway: gateway.clone() },
    };
    let export = ForcedTunneling {
        group: options.common.resource_group.clone(),
        location: options.common.location.clone(),
        neighbors: neighbors(edge),
        way,
    };
    export.plan().map_err(wrong)
}

fn neighbors(edge: &Edge) -> Vec<quadzero_export::Neighbor> {
    let neighbor = |Neighbor { peer, policy, azure, .. }: &Neighbor| quadzero_export::Neighbor {
        name: peer.name.clone(),
        kind: azure.map(kind),
        local: peer.transport.local,
        remote: peer.transport.remote.ip(),
        local_as: peer.local_as,
        remote_as: peer.remote_as,
        md5: peer.transport.md5.is_some(),
        internet: internet(&edge.policy.explain(policy, &quadzero_policy::Health::good())),
    };
    // A gateway of Azure has an address, and is in no range.
    edge.neighbors.iter().filter(|neighbor| neighbor.range.is_none()).map(neighbor).collect()
}

const fn kind(kind: AzureKind) -> Kind {
    match kind {
        AzureKind::VpnGateway => Kind::VpnGateway,
        AzureKind::ExpressRoute => Kind::ExpressRoute,
        AzureKind::RouteServer => Kind::RouteServer,
        AzureKind::VirtualWan => Kind::VirtualWan,
    }
}
