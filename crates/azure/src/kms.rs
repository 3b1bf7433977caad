//! Azure's servers for Windows activation (azure.md §6), and whether a request reaches them as it must.
//!
//! They answer only a request whose source is a public address of Azure. A request that is forced through
//! on-premises leaves with an address of on-premises, and Windows reports 0xC004F074: no Key Management
//! Service could be contacted.
//!
//! The edge has a list of its own of what it makes exceptions for. This one is the judge's, and therefore not
//! shared.

use crate::verdict::Verdict;
use serde::Serialize;
use std::fmt;
use std::net::Ipv4Addr;

/// Which Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Public Azure.
    Global,
    /// Azure US Government.
    UsGov,
    /// Azure China, operated by 21Vianet.
    China,
}

/// Every KMS server: its cloud, its name and its address (KMS-FT D, 2024-07).
pub const SERVERS: [(Cloud, &str, Ipv4Addr); 8] = [
    (Cloud::Global, "azkms.core.windows.net", Ipv4Addr::new(20, 118, 99, 224)),
    (Cloud::Global, "azkms.core.windows.net", Ipv4Addr::new(40, 83, 235, 53)),
    (Cloud::Global, "kms.core.windows.net", Ipv4Addr::new(23, 102, 135, 246)),
    (Cloud::UsGov, "kms.core.usgovcloudapi.net", Ipv4Addr::new(23, 97, 0, 13)),
    (Cloud::UsGov, "azkms.core.usgovcloudapi.net", Ipv4Addr::new(52, 126, 105, 2)),
    (Cloud::China, "azkms.core.chinacloudapi.cn", Ipv4Addr::new(159, 27, 28, 100)),
    (Cloud::China, "azkms.core.chinacloudapi.cn", Ipv4Addr::new(163, 228, 64, 161)),
    (Cloud::China, "kms.core.chinacloudapi.cn", Ipv4Addr::new(42, 159, 7, 249)),
];

/// The host name of the KMS server at an address.
pub fn host(address: Ipv4Addr) -> Option<&'static str> {
    SERVERS.iter().find(|server| server.2 == address).map(|server| server.1)
}

/// Whether Windows can activate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
pub enum Activation {
    /// It does.
    Works(String),
    /// It fails with 0xC004F074.
    Fails(String),
    /// It depends on something outside the virtual network's routing.
    Depends(String),
}

impl Activation {
    /// What becomes of a KMS request that is routed like this.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Internet => Self::Works("the source is a public address of Azure".into()),
            Verdict::OnPremises { .. } => Self::Fails(
                "the request is forced through on-premises, so its source is not a public address of Azure"
                    .into(),
            ),
            Verdict::Appliance { address } => Self::Depends(format!(
                "it works only if appliance {address} sends it out from a public address of Azure"
            )),
            Verdict::Vnet { .. } | Verdict::ServiceEndpoint | Verdict::Platform | Verdict::Dropped { .. } => {
                Self::Fails("the request does not reach the KMS server".into())
            }
        }
    }

    /// Whether it works for certain.
    pub const fn works(&self) -> bool {
        matches!(self, Self::Works(_))
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works(why) => write!(f, "activation works: {why}"),
            Self::Fails(why) => write!(f, "activation fails (0xC004F074): {why}"),
            Self::Depends(why) => write!(f, "activation depends: {why}"),
        }
    }
}
