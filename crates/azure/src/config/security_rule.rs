//! A rule of a network security group.

use ipnet::Ipv4Net;
use std::fmt;

/// An outbound rule. Ports and protocols are no part of the model: a packet here has a destination, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityRule {
    /// Its resource name.
    pub name: String,
    /// 100 to 4096: the lowest that matches decides.
    pub priority: u16,
    /// Whether it lets through what it matches.
    pub allows: bool,
    /// What it matches.
    pub to: Target,
}

/// The destination of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A prefix.
    Prefix(Ipv4Net),
    /// The tag `Internet`: public addresses, Azure's own among them.
    Internet,
    /// The tag `VirtualNetwork`: the network and those peered to it, what gateways have learned, and whatever user routes name.
    VirtualNetwork,
    /// `*`
    Any,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Internet => f.write_str("Internet"),
            Self::VirtualNetwork => f.write_str("VirtualNetwork"),
            Self::Any => f.write_str("*"),
        }
    }
}
