//! What services of Azure need of the routing (azure.md §6.5), whether they get it, and which subnets break when a default
//! is learned ([`Caveat`]).
//!
//! ```text
//!   a source of Azure's             KMS, RHUI: others are not answered
//!   Azure's own way, directly       what Azure manages from outside, by the 0.0.0.0/0 of its subnet or a longer route; an
//!                                   answer to a client on the Internet
//!   the backbone, or Azure's way    Storage, SQL, Key Vault: over on-premises they come from an address that a firewall may refuse
//!   a way that lets it out          Backup, Entra ID, AKS and the like: a firewall on the way has to know them
//!   any way, and one back           the Internet
//! ```
//!
//! Some need others beside: a host of Azure Virtual Desktop is a Windows that has to be activated. What is asked for is the
//! address of the question; what stands beside has well-known addresses.

mod caveat;
mod judgement;

pub use caveat::Caveat;
pub use judgement::Judgement;

use crate::config::{AZURE_BASTION_SUBNET, AZURE_FIREWALL_SUBNET};
use crate::kms;
use crate::verdict::Answer;
use judgement::Need;
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

/// Something that a machine or a subnet needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Anything on the Internet.
    Internet,
    /// Windows activation.
    Kms,
    /// Red Hat's update servers in Azure.
    Rhui,
    /// Storage, and what is built on it, by its public address.
    Storage,
    /// SQL Database by its public address.
    Sql,
    /// Key Vault by its public address.
    KeyVault,
    /// Azure Backup by its public address.
    Backup,
    /// Microsoft Entra ID.
    EntraId,
    /// Windows Update.
    WindowsUpdate,
    /// Azure Virtual Desktop and Windows 365: a session host, towards `WindowsVirtualDesktop`.
    VirtualDesktop,
    /// A node of Azure Kubernetes Service, towards what its cluster needs.
    Aks,
    /// App Service Environment v2: the answers to its management.
    AppServiceEnvironment,
    /// API Management (classic) in a network: the answers to its management at port 3443.
    ApiManagement,
    /// HDInsight in a network: the answers to its health and management.
    #[serde(rename = "hdinsight")]
    HdInsight,
    /// Databricks in a network: its control plane, and what that stores in.
    Databricks,
    /// The management of SQL Managed Instance, from its subnet.
    SqlManagedInstance,
    /// The management of an Application Gateway v2, from its subnet.
    ApplicationGateway,
    /// Azure Bastion, from its subnet.
    Bastion,
    /// Azure Firewall, from its subnet.
    Firewall,
    /// RDP or SSH from a client on the Internet to the public address of a machine: the answer to that client.
    Rdp,
}

/// The update servers of RHUI 3, Azure US Government's last (RHUI D; RHUI 4 has more, on its live page).
pub const RHUI_SERVERS: [Ipv4Addr; 8] = [
    Ipv4Addr::new(13, 91, 47, 76),
    Ipv4Addr::new(40, 85, 190, 91),
    Ipv4Addr::new(52, 187, 75, 218),
    Ipv4Addr::new(52, 174, 163, 213),
    Ipv4Addr::new(52, 237, 203, 198),
    Ipv4Addr::new(13, 72, 186, 193),
    Ipv4Addr::new(13, 72, 14, 155),
    Ipv4Addr::new(52, 244, 249, 194),
];

/// From where HDInsight is managed everywhere; each region adds a pair of its own (HDI D, 2019).
pub const HD_INSIGHT: [Ipv4Addr; 4] = [
    Ipv4Addr::new(168, 61, 49, 99),
    Ipv4Addr::new(23, 99, 5, 239),
    Ipv4Addr::new(168, 61, 48, 131),
    Ipv4Addr::new(138, 91, 141, 162),
];

/// What all machines of public Azure activate at (KMS-NEW D).
const ACTIVATION: [Ipv4Addr; 2] = [Ipv4Addr::new(20, 118, 99, 224), Ipv4Addr::new(40, 83, 235, 53)];

impl Service {
    /// The service at a well-known address.
    pub fn at(address: Ipv4Addr) -> Option<Self> {
        if kms::host(address).is_some() {
            return Some(Self::Kms);
        }
        RHUI_SERVERS.contains(&address).then_some(Self::Rhui)
    }

    /// The service that lives in a subnet, where Azure has taken its name.
    pub fn of_subnet(name: &str) -> Option<Self> {
        match name {
            AZURE_BASTION_SUBNET => Some(Self::Bastion),
            AZURE_FIREWALL_SUBNET => Some(Self::Firewall),
            _ => None,
        }
    }

    /// What has to work beside that which is asked for, and where.
    pub(crate) fn beside(self) -> Vec<(Self, Ipv4Addr)> {
        match self {
            // APIM D, AVD F: Windows machines in the network.
            Self::ApiManagement | Self::VirtualDesktop => ACTIVATION.map(|at| (Self::Kms, at)).into(),
            Self::HdInsight => HD_INSIGHT.map(|at| (Self::HdInsight, at)).into(),
            _ => Vec::new(),
        }
    }

    /// Whether what leaves is the answer to somebody who began from outside: security groups, which remember, let it pass.
    pub(crate) const fn is_an_answer(self) -> bool {
        matches!(self, Self::Rdp | Self::AppServiceEnvironment | Self::ApiManagement | Self::HdInsight)
    }

    /// Whether it works for a packet with this answer; what stands beside is not asked.
    pub fn judge(self, answer: &Answer) -> Judgement {
        self.need().judge(answer)
    }

    /// The table of azure.md §6.5.
    const fn need(self) -> Need {
        match self {
            Self::Internet => Need::AnyWay,
            Self::Kms => Need::AzuresSource("error 0xC004F074: "),
            Self::Rhui => Need::AzuresSource(""),
            Self::Storage | Self::Sql | Self::KeyVault => Need::Welcome(
                "its firewall must take the public address of on-premises; a service endpoint keeps it in Azure",
            ),
            Self::Backup | Self::EntraId | Self::WindowsUpdate => Need::LetOut(
                "the firewall on the way must let it out; a user route of its service tag to Internet keeps it in Azure",
            ),
            Self::VirtualDesktop => Need::LetOut(
                "the firewall on the way must let WindowsVirtualDesktop out; a user route of that tag to Internet spares it",
            ),
            Self::Aks => Need::LetOut(
                "the cluster must have outbound type userDefinedRouting, and the firewall let out the names that it needs",
            ),
            Self::AppServiceEnvironment => Need::OwnWay(
                "its management is answered by another way than it came: AppServiceManagement, or 0.0.0.0/0, has to go to \
                 Internet, or gateway routes be kept out",
            ),
            Self::ApiManagement => Need::OwnWay(
                "its management is answered by another way than it came: ApiManagement has to go to Internet",
            ),
            Self::HdInsight => Need::OwnWay(
                "its health and management are answered by another way than they came: their addresses have to go to Internet",
            ),
            Self::Databricks => Need::OwnWay(
                "AzureDatabricks, Sql, Storage and EventHub have to go to Internet, or to a service endpoint",
            ),
            Self::SqlManagedInstance => Need::OwnWay(
                "its management has to go to Internet: by the routes that its service-aided subnet adds, or 0.0.0.0/0",
            ),
            Self::ApplicationGateway => Need::OwnWay(
                "its management needs Azure's own way: 0.0.0.0/0 has to go to Internet, or gateway routes be kept out",
            ),
            Self::Bastion => Need::OwnWay(
                "the default of its subnet must stay Internet, and no route table can make it so: use a network without a \
                 learned default",
            ),
            Self::Firewall => Need::OwnWay(
                "its own traffic needs Azure's own way: give its subnet 0.0.0.0/0 to Internet, or it a Management NIC",
            ),
            Self::Rdp => Need::OwnWay(
                "the answer leaves by another way than the question came, and the client does not know its source",
            ),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internet => "internet",
            Self::Kms => "kms",
            Self::Rhui => "rhui",
            Self::Storage => "storage",
            Self::Sql => "sql",
            Self::KeyVault => "key-vault",
            Self::Backup => "backup",
            Self::EntraId => "entra-id",
            Self::WindowsUpdate => "windows-update",
            Self::VirtualDesktop => "virtual-desktop",
            Self::Aks => "aks",
            Self::AppServiceEnvironment => "app-service-environment",
            Self::ApiManagement => "api-management",
            Self::HdInsight => "hdinsight",
            Self::Databricks => "databricks",
            Self::SqlManagedInstance => "sql-managed-instance",
            Self::ApplicationGateway => "application-gateway",
            Self::Bastion => "bastion",
            Self::Firewall => "firewall",
            Self::Rdp => "rdp",
        })
    }
}

#[cfg(test)]
mod tests;
