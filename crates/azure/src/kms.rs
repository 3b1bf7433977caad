//! Azure's servers for Windows activation (azure.md §6), and whether a request reaches them as it must.
//!
//! They answer only a request whose source is a public address of Azure. A request that is forced through
//! on-premises leaves with an address of on-premises, and Windows reports 0xC004F074: no Key Management
//! Service could be contacted.
//!
//! The edge has a list of its own of what it makes exceptions for. This one is the judge's, and therefore not
//! shared.

use crate::service::Judgement;
use serde::Serialize;
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
pub type Activation = Judgement;
