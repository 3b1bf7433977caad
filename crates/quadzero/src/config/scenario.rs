//! A scenario for the lab: an edge, Azure's side, and what is expected of packets.

use super::azure::{self, Deployment};
use super::diagnostic::Diagnostic;
use super::edge::{self, Edge};
use super::get;
use super::reader::{closest, record};
use super::value::words;
use quadzero_azure::config::Gateway;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

record! {
    /// A scenario as it is read.
    File {
        /// The edge: what its file has, each table below `edge`.
        required edge: edge::File,
        /// Azure's side: what its file has, each table below `azure`.
        required azure: azure::File,
        /// What is expected.
        many expect: Expect,
    }
}

record! {
    /// `[[expect]]`
    Expect {
        /// The subnet that a packet leaves from.
        required from: String,
        /// Where it wants to go.
        required to: Ipv4Addr,
        /// Where it is expected to end up.
        required outcome: Outcome,
        /// Whether Windows activation is expected to work there.
        optional kms: Kms,
    }
}

/// Where a packet ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Forced through the gateway.
    OnPremises,
    /// By Azure's own way to the Internet.
    Internet,
    /// Within the virtual networks.
    Vnet,
    /// To a virtual appliance, which a user route names.
    Appliance,
    /// To an address of Azure's platform, which no route moves.
    Platform,
    /// Nowhere.
    Dropped,
}

/// Whether Windows activation works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kms {
    /// It does.
    Works,
    /// It does not.
    Fails,
    /// What decides is beyond the virtual network, such as an appliance.
    Depends,
}

words! {
    Outcome: "an outcome" {
        "on-premises" => Self::OnPremises,
        "internet" => Self::Internet,
        "vnet" => Self::Vnet,
        "appliance" => Self::Appliance,
        "platform" => Self::Platform,
        "dropped" => Self::Dropped,
    }
    Kms: "an outcome of Windows activation" {
        "works" => Self::Works,
        "fails" => Self::Fails,
        "depends" => Self::Depends,
    }
}

/// A scenario as the lab uses it. All of it has been checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// On-premises.
    pub edge: Edge,
    /// Azure.
    pub deployment: Deployment,
    /// What is expected, in the order of the file.
    pub expectations: Vec<Expectation>,
}

/// What is expected of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The subnet, `subnet` or `vnet/subnet`.
    pub from: String,
    /// Where to.
    pub to: Ipv4Addr,
    /// Where it is expected to end up.
    pub outcome: Outcome,
    /// Whether Windows activation is expected to work there.
    pub kms: Option<Kms>,
}

impl File {
    /// The scenario, unless something is wrong; what is wrong is added to `out`.
    pub(super) fn check(&self, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Scenario> {
        let edge = self.edge.as_ref().and_then(|file| file.get_ref().check(folder, out));
        let deployment = self.azure.as_ref().and_then(|file| file.get_ref().check(folder, out));
        let deployment = deployment?;
        self.check_neighbors(&deployment, out);
        let expectations: Vec<_> = self.expect.iter().map(|e| expectation(e, &deployment, out)).collect();
        Some(Scenario {
            edge: edge?,
            deployment,
            expectations: expectations.into_iter().collect::<Option<_>>()?,
        })
    }

    /// In the lab there is nobody else to peer with.
    fn check_neighbors(&self, deployment: &Deployment, out: &mut Vec<Diagnostic>) {
        let gateways = deployment.azure.gateways.iter();
        let own = gateways.flat_map(|g| (0..g.instances.len()).flat_map(|i| own_addresses(g, i)));
        let own: Vec<IpAddr> = own.map(IpAddr::V4).collect();
        let neighbors = self.edge.iter().flat_map(|edge| &edge.get_ref().neighbor);
        for range in neighbors.clone().filter_map(|neighbor| neighbor.range.as_ref()) {
            let error = Diagnostic::error(range.span(), "in the lab nobody dials from a range");
            out.push(error.hint("address = one of the gateway's"));
        }
        let addresses = neighbors.filter_map(|neighbor| neighbor.address.as_ref());
        for stranger in addresses.filter(|address| !own.contains(address.get_ref())) {
            let message = format!("no instance of a gateway has the address {}", stranger.get_ref());
            let hint = format!(
                "its addresses are {}",
                own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            );
            out.push(Diagnostic::warning(stranger.span(), message).hint(hint));
        }
    }
}

/// Where an edge may find an instance: at the APIPA addresses, too, that no connection uses.
fn own_addresses(gateway: &Gateway, instance: usize) -> impl Iterator<Item = Ipv4Addr> {
    let mut addresses = gateway.addresses(instance);
    addresses.extend(gateway.instances[instance].apipa.iter().copied());
    addresses.into_iter()
}

fn expectation(keys: &Expect, deployment: &Deployment, out: &mut Vec<Diagnostic>) -> Option<Expectation> {
    if let Some(from) = &keys.from
        && deployment.azure.subnet(from.get_ref()).is_none()
    {
        let subnets = deployment.azure.vnets.iter().flat_map(|vnet| &vnet.subnets).map(|s| s.name.as_str());
        let error = Diagnostic::error(from.span(), format!("no subnet is called \"{}\"", from.get_ref()));
        let hint = closest(from.get_ref(), subnets.clone()).map_or_else(
            || format!("subnets are {}", subnets.collect::<Vec<_>>().join(", ")),
            |s| format!("did you mean \"{s}\"?"),
        );
        out.push(error.hint(hint));
    }
    if let (Some(kms), Some(to)) = (&keys.kms, &keys.to)
        && quadzero_azure::kms::host(*to.get_ref()).is_none()
    {
        let error =
            Diagnostic::error(kms.span(), format!("{} is no activation server of Azure", to.get_ref()));
        out.push(error.related(to.span(), "this address").hint("leave kms out"));
    }
    Some(Expectation {
        from: get(&keys.from)?,
        to: get(&keys.to)?,
        outcome: get(&keys.outcome)?,
        kms: get(&keys.kms),
    })
}
