//! What lies beyond the virtual networks, and what no route of Azure tells: whether on-premises has a way out and an
//! address for it, whether anybody is there at all, and whether an appliance translates.

use ipnet::Ipv4Net;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// What is known of it. Of what is not named here the best is assumed: a site that translates, and an appliance of
/// which nobody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Sites, by the BGP peer addresses of their edges.
    pub sites: BTreeMap<IpAddr, Site>,
    /// Whether appliances translate to a public address of Azure.
    pub appliances: BTreeMap<Ipv4Addr, bool>,
}

/// A site on-premises.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its way to the Internet.
    pub exit: Exit,
    /// Where its router has routes into Azure; none is wherever it needs one.
    pub routes: Option<BTreeSet<Ipv4Net>>,
}

/// A way from on-premises to the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// With a public address of the site (NAT).
    Translated,
    /// As it is: the Internet answers no private address, so that nothing comes back.
    Untranslated,
    /// There is none, or it is down.
    Closed,
    /// Nobody is at the other end of the tunnel, and the gateway does not know yet.
    Dead,
}

/// Which kind of source address the destination sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// A public address of Azure.
    Azure,
    /// A public address of on-premises.
    OnPremises,
    /// The virtual machine's own, private one.
    Private,
    /// None: the packet does not arrive, or no answer would.
    None,
}

impl Exit {
    /// Why nothing comes of a packet to the Internet; `None` where something does.
    pub const fn fault(self) -> Option<&'static str> {
        match self {
            Self::Translated => None,
            Self::Untranslated => {
                Some("does not translate the network's private addresses: nothing comes back")
            }
            Self::Closed => Some("has no way to the Internet"),
            Self::Dead => Some("is out of reach, and the gateway has not noticed yet"),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Azure => "Azure",
            Self::OnPremises => "on-premises",
            Self::Private => "private",
            Self::None => "none",
        })
    }
}
