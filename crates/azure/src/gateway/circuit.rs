//! What Microsoft's router at a link of a circuit shows, in the shapes of `az network express-route list-route-tables` and
//! `list-route-tables-summary` (columns of a router's `show ip bgp`).
//!
//! ```text
//!   customer ──eBGP──► Microsoft's router of the link ◄──eBGP── two instances of the ExpressRoute gateway, AS 65515
//! ```
//!
//! The gateway's own two instances have no sessions in the mock, and are shown as a router sees them. Where they are, no file
//! says: twelfth and thirteenth in `GatewaySubnet`, as somebody's router listed them (a published output of the summary, F).

use super::Table;
use super::listing::{address, joined};
use crate::config::{Azure, DEFAULT_ASN, GATEWAY_SUBNET, Place, SessionId};
use crate::effective::Listing;
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// A row of `az network express-route list-route-tables`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitRoute {
    /// The prefix.
    pub network: Ipv4Net,
    /// The customer, or an instance of the gateway.
    pub next_hop: Option<IpAddr>,
    /// Always empty.
    pub loc_prf: &'static str,
    /// Always 0.
    pub weight: u32,
    /// AS numbers with blanks between them.
    pub path: String,
}

/// A row of `az network express-route list-route-tables-summary`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitNeighbor {
    /// The neighbor.
    pub neighbor: IpAddr,
    /// The version of BGP.
    pub v: u8,
    /// Its AS.
    pub r#as: u32,
    /// How long the session is up, or how it is otherwise.
    pub up_down: String,
    /// How many prefixes it has told, or how the session is.
    pub state_pfx_rcd: String,
}

impl Table {
    /// What the router of a link has: what the customer told it, and the networks behind the gateway, by both of its
    /// instances. On Microsoft peering there is no gateway, and the services have no next hop here.
    ///
    /// # Panics
    /// If there is no such session.
    pub fn circuit_routes(&self, session: SessionId) -> Listing<CircuitRoute> {
        let row = |network, next_hop, path| CircuitRoute { network, next_hop, loc_prf: "", weight: 0, path };
        let paths = self.paths[session.gateway].iter();
        let heard = paths.flat_map(|(network, paths)| paths.iter().map(move |path| (*network, path)));
        let heard = heard.filter(|(_, path)| path.session == session).map(|(network, path)| {
            // The gateway sees the router's AS in front, the router itself does not.
            let as_path = joined(&path.attributes.as_path);
            let heard = as_path.strip_prefix("12076-").unwrap_or(&as_path);
            row(network, address(path.attributes.next_hop), heard.replace('-', " "))
        });
        let own =
            self.networks(session).into_iter().map(|(network, next_hop, path)| row(network, next_hop, path));
        Listing { value: heard.chain(own).collect() }
    }

    /// `65515` for what is the gateway's, `65515 <path>` for what Route Server brings (ER-RT F).
    fn networks(&self, session: SessionId) -> Vec<(Ipv4Net, Option<IpAddr>, String)> {
        if self.is_overflowing(session.gateway, session.connection) {
            return Vec::new();
        }
        let instances = gateway_instances(&self.azure, session);
        let instances: Vec<Option<IpAddr>> = match &instances[..] {
            [] => vec![None],
            known => known.iter().map(|address| Some(IpAddr::V4(*address))).collect(),
        };
        let exchanged = self.exchanged(session.gateway);
        let path = |network: Ipv4Net| {
            let told = exchanged.iter().find(|(_, offer)| offer.prefix == network);
            let behind = told.map(|(_, offer)| joined(&offer.attributes.as_path).replace('-', " "));
            let behind = behind.filter(|path| !path.is_empty()).map(|path| format!(" {path}"));
            format!("{DEFAULT_ASN}{}", behind.unwrap_or_default())
        };
        let announced = self.announced(session);
        let networks = announced.iter().filter_map(|route| match route.prefix {
            IpNet::V4(network) => Some(network),
            IpNet::V6(_) => None,
        });
        networks
            .flat_map(|network| instances.iter().map(move |i| (network, *i)).map(|(n, i)| (n, i, path(n))))
            .collect()
    }

    /// The gateway's two instances as neighbors of the router of a link, up since the mock is.
    pub(crate) fn gateway_neighbors(&self, session: SessionId, up: Duration) -> Vec<CircuitNeighbor> {
        let told = self.announced(session).len();
        let neighbor = |address: Ipv4Addr| CircuitNeighbor::up(address.into(), DEFAULT_ASN.0, up, told);
        gateway_instances(&self.azure, session).into_iter().map(neighbor).collect()
    }
}

/// Of the gateway that a circuit of private peering leads to, if it stands in a network that has its subnet.
fn gateway_instances(azure: &Azure, session: SessionId) -> Vec<Ipv4Addr> {
    let private = azure.connection(session).circuit().is_some_and(|circuit| circuit.is_private());
    let Place::Vnet(vnet) = azure.gateways[session.gateway].place else { return Vec::new() };
    let mut subnets = azure.vnets[vnet].subnets.iter();
    let subnet = subnets.find(|subnet| private && subnet.name == GATEWAY_SUBNET);
    subnet.map_or_else(Vec::new, |subnet| {
        let nth = |n| Ipv4Addr::from_bits(subnet.prefix.network().to_bits() + n);
        [nth(12), nth(13)].into_iter().filter(|address| subnet.prefix.contains(address)).collect()
    })
}

impl CircuitNeighbor {
    /// One whose session is up.
    pub(crate) fn up(neighbor: IpAddr, asn: u32, up: Duration, prefixes: usize) -> Self {
        Self { neighbor, v: 4, r#as: asn, up_down: since(up), state_pfx_rcd: prefixes.to_string() }
    }

    /// One whose session is not.
    pub(crate) fn down(neighbor: IpAddr, asn: u32, state: String) -> Self {
        Self { neighbor, v: 4, r#as: asn, up_down: state.clone(), state_pfx_rcd: state }
    }
}

/// As a router prints it: `00:25:24`, `1d02h`, `8w4d`.
fn since(up: Duration) -> String {
    let hours = up.as_secs() / 3600;
    match (hours / 24 / 7, hours / 24) {
        (0, 0) => format!("{hours:02}:{:02}:{:02}", up.as_secs() / 60 % 60, up.as_secs() % 60),
        (0, days) => format!("{days}d{:02}h", hours % 24),
        (weeks, days) => format!("{weeks}w{}d", days % 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    const MADRID: usize = 0;

    fn rows(azure: Azure, link: usize, circuit: usize) -> Vec<(String, String, String)> {
        let madrid: &[(&str, &[u32])] = &[("0.0.0.0/0", &[65030, 65031])];
        let table = table(azure, &[(id(GW, 0, MADRID), madrid)]);
        let rows = table.circuit_routes(id(GW, link, circuit)).value.into_iter();
        let next_hop = |row: &CircuitRoute| row.next_hop.map(|n| n.to_string()).unwrap_or_default();
        rows.map(|row| (row.network.to_string(), next_hop(&row), row.path)).collect()
    }

    fn row(network: &str, next_hop: &str, path: &str) -> (String, String, String) {
        (network.into(), next_hop.into(), path.into())
    }

    #[test]
    fn a_router_has_what_the_customer_says_on_its_link_and_the_networks_by_both_instances_of_the_gateway() {
        let networks = [
            row("10.1.0.0/16", "10.1.0.12", "65515"),
            row("10.1.0.0/16", "10.1.0.13", "65515"),
            row("10.2.0.0/16", "10.1.0.12", "65515"),
            row("10.2.0.0/16", "10.1.0.13", "65515"),
        ];
        let primary = rows(only_expressroute(), 0, MADRID);
        assert_eq!(primary[0], row("0.0.0.0/0", "192.168.15.17", "65030 65031"));
        assert_eq!(primary[1..], networks);
        assert_eq!(rows(only_expressroute(), 1, MADRID), networks, "the other link heard nothing");
        let mut two = only_expressroute();
        two.gateways[GW].connections.push(circuit("lisbon", 65031, 32));
        assert_eq!(rows(two, 0, 1), networks, "nor did the other circuit");
    }

    #[test]
    fn a_duration_is_written_as_routers_do() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600 + 25 * 60 + 24);
        assert_eq!([0, 26, 60 * 24].map(|h| since(hours(h))), ["00:25:24", "1d02h", "8w4d"]);
    }
}
