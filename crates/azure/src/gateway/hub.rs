//! The effective routes of a hub of Virtual WAN, in the shape of `az network vhub get-effective-routes`: its networks, what its
//! gateways have learned, and what other hubs have. The mock's hubs have one route table, which all connections use.

use super::Table;
use super::kind::BETWEEN_HUBS;
use super::listing::joined;
use crate::config::{Gateway, Place};
use crate::effective::Listing;
use ipnet::Ipv4Net;
use serde::Serialize;

/// A row of `az network vhub get-effective-routes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubRoute {
    /// One prefix, in Azure's list.
    pub address_prefixes: Vec<Ipv4Net>,
    /// AS numbers joined by `-`; a network of the hub has none, a static prefix an empty one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_path: Option<String>,
    /// `Virtual Network Connection`, `VPN_S2S_Gateway`, `ExpressRouteGateway`, `Remote Hub`.
    pub next_hop_type: &'static str,
    /// The resource that it leads to.
    pub next_hops: Vec<String>,
    /// The resource that it comes from.
    pub route_origin: String,
}

impl Table {
    /// What `az network vhub get-effective-routes` prints of the default route table. Empty for what is no hub.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn hub_routes(&self, hub: usize) -> Listing<HubRoute> {
        if self.azure.gateways[hub].kind.hub().is_none() {
            return Listing { value: Vec::new() };
        }
        let own = Place::Hub(hub);
        let name = &self.azure.gateways[hub].name;
        let connected = self.azure.served_vnets(own).flat_map(|vnet| {
            let connection = format!("virtualHubs/{name}/hubVirtualNetworkConnections/{}", vnet.name);
            vnet.address_space
                .iter()
                .map(move |prefix| row(*prefix, None, "Virtual Network Connection", &connection))
        });
        let others = self.azure.gateways.iter().enumerate();
        let others = others.filter(|(other, gateway)| *other != hub && gateway.kind.hub().is_some());
        let remote = others.flat_map(|(other, gateway)| {
            let vnets = self.azure.served_vnets(Place::Hub(other)).flat_map(|vnet| &vnet.address_space);
            vnets.map(|prefix| remote(*prefix, "", gateway))
        });
        let learned = self.routes_at(own).iter().filter_map(|route| self.learned_by_hub(own, route));
        Listing { value: connected.chain(remote).chain(learned).collect() }
    }

    fn learned_by_hub(&self, own: Place, route: &super::GatewayRoute) -> Option<HubRoute> {
        let by = self.azure.gateway(&route.hops.first()?.gateway)?;
        let gateway = &self.azure.gateways[by];
        let best = self.paths[by].get(&route.prefix).and_then(|paths| paths.first());
        let as_path = best.map_or_else(String::new, |path| joined(&path.attributes.as_path));
        Some(match gateway.place {
            place if place != own => {
                let Place::Hub(hub) = place else { return None };
                remote(route.prefix, &as_path, &self.azure.gateways[hub])
            }
            _ if gateway.kind.is_expressroute() => {
                let resource = format!("expressRouteGateways/{}", gateway.name);
                row(route.prefix, Some(as_path), "ExpressRouteGateway", &resource)
            }
            _ => {
                row(route.prefix, Some(as_path), "VPN_S2S_Gateway", &format!("vpnGateways/{}", gateway.name))
            }
        })
    }
}

/// Between hubs stand two numbers of their own (LAB-VWAN F).
fn remote(prefix: Ipv4Net, as_path: &str, hub: &Gateway) -> HubRoute {
    let between = BETWEEN_HUBS.map(|asn| asn.to_string());
    let path = between.iter().map(String::as_str).chain([as_path]).filter(|part| !part.is_empty());
    let path = path.collect::<Vec<_>>().join("-");
    row(prefix, Some(path), "Remote Hub", &format!("virtualHubs/{}", hub.name))
}

fn row(prefix: Ipv4Net, as_path: Option<String>, next_hop_type: &'static str, resource: &str) -> HubRoute {
    // Subscription and resource group are none that the mock has.
    let id = format!("/subscriptions/-/resourceGroups/-/providers/Microsoft.Network/{resource}");
    HubRoute {
        address_prefixes: vec![prefix.trunc()],
        as_path,
        next_hop_type,
        next_hops: vec![id.clone()],
        route_origin: id,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_hub_has_its_networks_what_its_gateways_learned_and_what_other_hubs_have() {
        let azure = virtual_wan();
        let table =
            table(azure, &[(id(0, 0, 0), &[("0.0.0.0/0", &[65010]), ("10.60.0.0/16", &[65010, 65020])])]);
        let seen = |hub| -> Vec<(String, Option<String>, &'static str)> {
            let rows = table.hub_routes(hub).value.into_iter();
            rows.map(|r| (r.address_prefixes[0].to_string(), r.as_path, r.next_hop_type)).collect()
        };
        let has = |hub, prefix: &str, path: Option<&str>, kind| {
            let wanted = (prefix.to_owned(), path.map(str::to_owned), kind);
            assert!(seen(hub).contains(&wanted), "{wanted:?} in {:?}", seen(hub));
        };
        has(0, "10.60.0.0/16", Some("65010-65020"), "VPN_S2S_Gateway");
        has(0, "0.0.0.0/0", Some("65010"), "VPN_S2S_Gateway");
        has(1, "10.60.0.0/16", Some("65520-65520-65010-65020"), "Remote Hub");
        assert!(!seen(1).iter().any(|row| row.0 == "0.0.0.0/0"), "never from hub to hub");
        let first = table.hub_routes(0).value.remove(0);
        let (network, hub) = ("10.11.0.0/16", first.route_origin.contains("/hubVirtualNetworkConnections/"));
        assert!(hub && first.as_path.is_none() && first.address_prefixes[0] == net(network), "{first:?}");
    }
}
