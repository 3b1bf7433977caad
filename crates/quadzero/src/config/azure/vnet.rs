//! Virtual networks, from the file to the model.

use super::file;
use super::{Names, get, plain};
use crate::config::diagnostic::Diagnostic;
use quadzero_azure::config::{HubConnection, SecurityRule, Subnet, UserRoute, Vnet, VnetPeering};
use toml::Spanned;

pub(super) fn vnet(
    index: usize,
    keys: &file::Vnet,
    names: &Names,
    out: &mut Vec<Diagnostic>,
) -> Option<Vnet> {
    let subnets: Option<Vec<_>> = keys.subnet.iter().map(subnet).collect();
    let hub = hub(keys, names, out);
    let peerings = peerings(index, keys, names, hub.is_some(), out);
    keys.address_space.as_ref()?;
    Some(Vnet {
        subnets: subnets?,
        peerings,
        hub,
        community: get(&keys.community),
        ..Vnet::new(get(&keys.name)?, plain(&keys.address_space))
    })
}

/// The one that is named, or else the first there is.
fn hub(keys: &file::Vnet, names: &Names, out: &mut Vec<Diagnostic>) -> Option<HubConnection> {
    let hub = match &keys.hub {
        Some(name) => names.hub(name, out),
        None if keys.peering.is_empty() => names.hubs.first().map(|(i, _)| *i),
        None => None,
    };
    if let (None, Some(flag)) = (hub, &keys.internet_security) {
        let error = Diagnostic::error(flag.span(), "internet-security of a network without a hub");
        out.push(error.hint("it belongs to a connection to a hub: hub = \"NAME\""));
    }
    let internet_security = get(&keys.internet_security).unwrap_or(true);
    hub.map(|hub| HubConnection { hub, internet_security })
}

/// Those that are named, or else one with the first network.
fn peerings(
    index: usize,
    keys: &file::Vnet,
    names: &Names,
    has_hub: bool,
    out: &mut Vec<Diagnostic>,
) -> Vec<VnetPeering> {
    let star = keys.peering.is_empty() && !has_hub && index > 0;
    if let Some(transit) = keys.gateway_transit.as_ref().filter(|_| !star && index > 0) {
        let error =
            Diagnostic::error(transit.span(), "gateway-transit is of the peering with the first network");
        out.push(error.hint("use-remote-gateways of a [[vnet.peering]]; a hub needs neither"));
    }
    if star {
        let use_remote_gateways = get(&keys.gateway_transit).unwrap_or(true);
        return vec![VnetPeering { with: 0, use_remote_gateways }];
    }
    let peering = |keys: &file::Peering| {
        let with = names.vnet(keys.vnet.as_ref()?, out)?;
        Some(VnetPeering { with, use_remote_gateways: get(&keys.use_remote_gateways).unwrap_or(false) })
    };
    keys.peering.iter().filter_map(peering).collect()
}

fn subnet(keys: &file::Subnet) -> Option<Subnet> {
    let routes: Option<Vec<_>> = keys.route.iter().map(user_route).collect();
    let rules: Option<Vec<_>> = keys.security_rule.iter().map(security_rule).collect();
    Some(Subnet {
        propagate_gateway_routes: get(&keys.propagate_gateway_routes).unwrap_or(true),
        routes: routes?,
        security_rules: rules?,
        service_endpoints: get(&keys.service_endpoints).unwrap_or_default(),
        network_interfaces: plain(&keys.network_interfaces),
        ..Subnet::new(get(&keys.name)?, get(&keys.prefix)?)
    })
}

fn user_route(keys: &file::UserRoute) -> Option<UserRoute> {
    Some(UserRoute {
        name: get(&keys.name)?,
        prefix: get(&keys.prefix)?,
        next_hop_type: get(&keys.next_hop_type)?,
        next_hop_ip: keys.next_hop.as_ref().map(Spanned::get_ref).copied(),
    })
}

fn security_rule(keys: &file::SecurityRule) -> Option<SecurityRule> {
    Some(SecurityRule {
        name: get(&keys.name)?,
        priority: get(&keys.priority)?,
        allows: get(&keys.access)? == file::Access::Allow,
        to: get(&keys.to)?,
    })
}
