//! Azure's clouds, and where Windows activates in each of them.

use ipnet::IpNet;
use std::fmt;
use std::net::Ipv4Addr;

/// One of Azure's clouds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cloud {
    /// The one most people mean.
    Global,
    /// US Government.
    UsGov,
    /// China, operated by 21Vianet.
    China,
}

/// A Key Management Service host: where Windows activates, TCP port 1688.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmsHost {
    /// Its address.
    pub address: Ipv4Addr,
    /// The names that lead to it.
    pub hosts: &'static [&'static str],
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 3] = [Self::Global, Self::UsGov, Self::China];

    /// The hosts to exempt from forced tunneling: all of them, whichever a machine asks today
    /// (Microsoft Learn, "Windows activation fails in a forced tunneling scenario", 2024-07).
    pub const fn kms(self) -> &'static [KmsHost] {
        match self {
            Self::Global => {
                const {
                    &[
                        kms([20, 118, 99, 224], &["azkms.core.windows.net"]),
                        kms([40, 83, 235, 53], &["azkms.core.windows.net"]),
                        kms([23, 102, 135, 246], &["kms.core.windows.net"]),
                    ]
                }
            }
            Self::UsGov => {
                const {
                    &[
                        kms([23, 97, 0, 13], &["kms.core.usgovcloudapi.net"]),
                        kms([52, 126, 105, 2], &["azkms.core.usgovcloudapi.net"]),
                    ]
                }
            }
            Self::China => {
                const {
                    &[
                        kms([159, 27, 28, 100], &["azkms.core.chinacloudapi.cn"]),
                        kms([163, 228, 64, 161], &["azkms.core.chinacloudapi.cn"]),
                        kms([42, 159, 7, 249], &["kms.core.chinacloudapi.cn"]),
                    ]
                }
            }
        }
    }

    /// The host routes of [`kms`](Self::kms).
    pub fn kms_prefixes(self) -> Vec<IpNet> {
        self.kms().iter().map(|host| IpNet::from(std::net::IpAddr::from(host.address))).collect()
    }

    /// The word for it in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGov => "usgov",
            Self::China => "china",
        }
    }
}

const fn kms([a, b, c, d]: [u8; 4], hosts: &'static [&'static str]) -> KmsHost {
    KmsHost { address: Ipv4Addr::new(a, b, c, d), hosts }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
