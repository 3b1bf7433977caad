//! A packet's path behind the network interface that it leaves from, stop by stop.

use super::Exit;
use crate::config::{Place, Preference};
use crate::effective::{Beaten, BeatenRow, Decision};
use crate::gateway::{Hop, Table};
use ipnet::Ipv4Net;
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// A place where something decides about the packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "at", rename_all = "kebab-case")]
pub enum Stop {
    /// A gateway, or all gateways of the place, by what they have learned.
    Gateway {
        /// The longest prefix that holds the destination.
        prefix: Ipv4Net,
        /// Its ways: flows are spread over all of them.
        hops: Vec<Hop>,
        /// What is there and is not used.
        beaten: Vec<BeatenPath>,
    },
    /// An appliance in a virtual network.
    Appliance {
        /// The appliance.
        address: Ipv4Addr,
    },
    /// The subnet of that appliance, by its table.
    Interface {
        /// `vnet/subnet`
        subnet: String,
        /// Which row.
        #[serde(flatten)]
        decision: Decision,
    },
    /// A site on-premises.
    Site {
        /// Its name.
        name: String,
        /// Its way to the Internet, if the packet goes on.
        exit: Option<Exit>,
    },
}

/// A path that a gateway has and does not use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BeatenPath {
    /// Where to.
    pub prefix: Ipv4Net,
    /// The gateway.
    pub gateway: String,
    /// The peer that told it; none for all of a gateway's.
    pub peer: Option<IpAddr>,
    /// What the one used has.
    pub why: String,
}

/// The paths to a prefix that the gateways of a place have and do not use.
pub(super) fn beaten_at(table: &Table, place: Place, prefix: Ipv4Net, used: &[Hop]) -> Vec<BeatenPath> {
    let azure = table.azure();
    let of_gateway = |gateway: usize| {
        let name = azure.gateways[gateway].name.clone();
        let path = |peer, why| BeatenPath { prefix, gateway: name.clone(), peer, why };
        let unused = table.unused_paths(gateway, prefix).into_iter();
        let mut paths: Vec<_> =
            unused.filter_map(|(peer, step)| Some(path(Some(peer), step?.to_string()))).collect();
        let has = table.routes(gateway).iter().any(|route| route.prefix == prefix);
        if has && used.iter().all(|hop| hop.gateway != name) {
            paths.push(path(None, preferred(azure.preference(place)).into()));
        }
        paths
    };
    azure.gateways_at(place).flat_map(of_gateway).collect()
}

const fn preferred(preference: Preference) -> &'static str {
    match preference {
        Preference::ExpressRoute => "ExpressRoute is preferred, then the shorter AS_PATH",
        Preference::Vpn => "VPN is preferred, then the shorter AS_PATH",
        Preference::AsPath => "the shorter AS_PATH is preferred, then ExpressRoute",
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway { prefix, hops, beaten } => {
                let mut gateways: Vec<&str> = hops.iter().map(|hop| hop.gateway.as_str()).collect();
                gateways.dedup();
                let ways: Vec<String> =
                    hops.iter().map(|hop| format!("{} to {}", hop.instance, hop.connection)).collect();
                write!(f, "gateway {}: {prefix} by {}", gateways.join(", "), ways.join(", "))?;
                beaten.iter().try_for_each(|path| write!(f, "; not {path}"))
            }
            Self::Appliance { address } => write!(f, "appliance {address}"),
            Self::Interface { subnet, decision } => write!(f, "{subnet}: {}", Followed(decision)),
            Self::Site { name, exit } => {
                write!(f, "site {name}")?;
                match exit.map(|exit| exit.fault()) {
                    Some(Some(fault)) => write!(f, ", which {fault}"),
                    Some(None) => f.write_str(", out by a public address of its own"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for BeatenPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.prefix, self.gateway)?;
        self.peer.iter().try_for_each(|peer| write!(f, " from {peer}"))?;
        write!(f, " ({})", self.why)
    }
}

/// What a table decided, in one line: the row that is followed, and those that it beats.
pub struct Followed<'a>(pub &'a Decision);

impl fmt::Display for Followed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decision { winners, beaten } = self.0;
        match winners.first() {
            Some(row) => write!(f, "{} -> {}", row.prefix(), row.next_hop_type)?,
            None => f.write_str("no row")?,
        }
        let next_hops = winners.iter().flat_map(|row| &row.next_hop_ip_address);
        for (i, next_hop) in next_hops.enumerate() {
            write!(f, "{}{next_hop}", if i == 0 { " " } else { ", " })?;
        }
        for (i, (why, rows)) in by_reason(beaten).into_iter().enumerate() {
            write!(f, "{}{} ({why})", if i == 0 { "; not " } else { ", nor " }, rows.join(", "))?;
        }
        Ok(())
    }
}

/// Reasons in the order of their rows, and the rows; two instances of a gateway have two rows for one route.
fn by_reason(beaten: &[BeatenRow]) -> Vec<(Beaten, Vec<String>)> {
    let mut reasons: Vec<(Beaten, Vec<String>)> = Vec::new();
    for BeatenRow { row, why } in beaten {
        let words = format!("{} -> {}", row.prefix(), row.next_hop_type);
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, rows)) if rows.contains(&words) => {}
            Some((_, rows)) => rows.push(words),
            None => reasons.push((*why, vec![words])),
        }
    }
    reasons
}
