//! Azure's side for the mock: a gateway, what it is connected to, and the virtual networks behind it.

mod file;

pub(super) use file::File;

use super::diagnostic::{Diagnostic, Span};
use super::edge::{breach, unique};
use super::get;
use super::reader::{Record, missing};
use file::GatewayMode;
use quadzero_azure::config::{self, Azure, Connection, Gateway, Instance, Subnet, Switches, UserRoute, Vnet};
use quadzero_azure::rules::{self, Breach, Finding};
use quadzero_azure::speaker::Endpoints;
use std::net::{IpAddr, SocketAddr};
use toml::Spanned;

/// A gateway as the program uses it. All of it has been checked.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The gateway and its networks.
    pub azure: Azure,
    /// Where instances listen and connections are dialled, where the file says so.
    pub endpoints: Endpoints,
}

impl File {
    /// The deployment, unless something is wrong; what is wrong is added to `out`.
    pub(super) fn check(&self, out: &mut Vec<Diagnostic>) -> Option<Deployment> {
        let keys = self.gateway.as_ref()?.get_ref();
        self.check_names(keys, out);
        check_instances(keys, out);
        let vnets: Option<Vec<Vnet>> = self.vnet.iter().map(vnet).collect();
        let azure = Azure { gateway: gateway(keys)?, vnets: vnets? };
        for finding in rules::check(&azure) {
            out.push(breach(self.place(&finding), &finding.breach));
        }
        Some(Deployment { endpoints: endpoints(keys), azure })
    }

    fn check_names(&self, gateway: &file::Gateway, out: &mut Vec<Diagnostic>) {
        unique(gateway.instance.iter().filter_map(|i| i.name.as_ref()), "name", out);
        unique(gateway.instance.iter().filter_map(|i| i.listen.as_ref()), "socket", out);
        unique(gateway.connection.iter().filter_map(|c| c.name.as_ref()), "name", out);
        unique(self.vnet.iter().filter_map(|v| v.name.as_ref()), "name", out);
        for vnet in &self.vnet {
            unique(vnet.subnet.iter().filter_map(|s| s.name.as_ref()), "name", out);
            vnet.subnet
                .iter()
                .for_each(|s| unique(s.route.iter().filter_map(|r| r.name.as_ref()), "name", out));
        }
    }

    /// The value that a finding is about, else the table.
    fn place(&self, finding: &Finding) -> Span {
        let Some(gateway) = &self.gateway else { return self.span() };
        let gateway = gateway.get_ref();
        let (part, name) = finding.at.split_once(' ').unwrap_or((&finding.at, ""));
        let place = match part {
            "instance" => gateway
                .instance
                .iter()
                .enumerate()
                .find(|(i, keys)| instance_name(*i, keys) == name)
                .map(|(_, i)| of_instance(i, &finding.breach)),
            "connection" => gateway
                .connection
                .iter()
                .find(|c| is(&c.name, name))
                .map(|c| of_connection(c, &finding.breach)),
            "subnet" => self.subnet(name).map(|s| of_subnet(s, &finding.breach)),
            _ => of_gateway(gateway, &finding.breach),
        };
        place.unwrap_or_else(|| gateway.span())
    }

    fn subnet(&self, path: &str) -> Option<&file::Subnet> {
        let (vnet, subnet) = path.split_once('/')?;
        let vnet = self.vnet.iter().find(|v| is(&v.name, vnet))?;
        vnet.subnet.iter().find(|s| is(&s.name, subnet))
    }
}

fn is(name: &Option<Spanned<String>>, wanted: &str) -> bool {
    name.as_ref().is_some_and(|name| name.get_ref() == wanted)
}

fn of_gateway(keys: &file::Gateway, breach: &Breach) -> Option<Span> {
    match breach {
        Breach::AsnReservedByAzure(_) | Breach::AsnReservedByIana(_) => keys.asn.as_ref().map(Spanned::span),
        Breach::AddressTwice(address) => {
            let is_it = |c: &&Spanned<IpAddr>| c.get_ref() == address;
            let connection =
                keys.connection.iter().filter_map(|c| c.address.as_ref()).rfind(is_it).map(Spanned::span);
            let mut instances = keys.instance.iter().filter_map(|i| i.address.as_ref());
            let instance = instances.rfind(|i| IpAddr::V4(*i.get_ref()) == *address).map(Spanned::span);
            connection.or(instance)
        }
        _ => None,
    }
}

fn of_instance(keys: &file::Instance, breach: &Breach) -> Span {
    let value = match breach {
        Breach::ApipaOutsideRange(address) => {
            let mut apipa = keys.apipa.iter().flat_map(|list| list.get_ref());
            apipa.find(|a| a.get_ref() == address).map(Spanned::span)
        }
        Breach::InstanceOutsideVnet(_) => keys.address.as_ref().map(Spanned::span),
        _ => None,
    };
    value.unwrap_or_else(|| keys.span())
}

fn of_connection(keys: &file::Connection, breach: &Breach) -> Span {
    let value = match breach {
        Breach::AsnReservedByAzure(_) | Breach::AsnReservedByIana(_) | Breach::SameAsn(_) => {
            keys.asn.as_ref().map(Spanned::span)
        }
        Breach::AnnouncedInsideVnet { prefix, .. } | Breach::AnnouncedPlatform(prefix) => {
            let mut prefixes = keys.prefixes.iter().flat_map(|list| list.get_ref());
            prefixes.find(|p| p.get_ref() == prefix).map(Spanned::span)
        }
        _ => keys.address.as_ref().map(Spanned::span),
    };
    value.unwrap_or_else(|| keys.span())
}

fn of_subnet(keys: &file::Subnet, breach: &Breach) -> Span {
    let route = |prefix| keys.route.iter().rfind(|r| get(&r.prefix) == Some(prefix));
    let value = match breach {
        Breach::SubnetOutsideVnet(_) => keys.prefix.as_ref().map(Spanned::span),
        Breach::UserRouteTwice(prefix) => route(*prefix).map(|r| r.span()),
        Breach::ApplianceWithoutAddress => {
            let appliance = Some(config::NextHopType::VirtualAppliance);
            let lacks = |r: &&file::UserRoute| get(&r.next_hop_type) == appliance && r.next_hop.is_none();
            keys.route.iter().find(lacks).map(|r| r.span())
        }
        Breach::AddressWithoutAppliance(_) => {
            let appliance = Some(config::NextHopType::VirtualAppliance);
            let mut others = keys.route.iter().filter(|r| get(&r.next_hop_type) != appliance);
            others.find_map(|r| r.next_hop.as_ref().map(Spanned::span))
        }
        Breach::GatewaySubnetPropagation => keys.propagate_gateway_routes.as_ref().map(Spanned::span),
        _ => None,
    };
    value.unwrap_or_else(|| keys.span())
}

/// The mode says how many instances there are; both are given so that neither is a surprise.
fn check_instances(keys: &file::Gateway, out: &mut Vec<Diagnostic>) {
    if keys.instance.is_empty() {
        out.push(
            missing::<Vec<file::Instance>>(keys.span(), "instance")
                .hint("[[gateway.instance]] with its address"),
        );
    }
    let Some(mode) = &keys.mode else { return };
    let (wanted, words) = match mode.get_ref() {
        GatewayMode::ActiveStandby => (1, "an active-standby gateway has one instance"),
        GatewayMode::ActiveActive => (2, "an active-active gateway has two instances"),
    };
    if !keys.instance.is_empty() && keys.instance.len() != wanted {
        let message = format!(
            "{words}, and there {} {}",
            if keys.instance.len() == 1 { "is" } else { "are" },
            keys.instance.len()
        );
        out.push(Diagnostic::error(mode.span(), message).hint("one [[gateway.instance]] for each"));
    }
}

fn gateway(keys: &file::Gateway) -> Option<Gateway> {
    let default = Switches::default();
    let instances: Option<Vec<_>> =
        keys.instance.iter().enumerate().map(|(i, keys)| instance(i, keys)).collect();
    let connections: Option<Vec<_>> = keys.connection.iter().map(connection).collect();
    Some(Gateway {
        name: get(&keys.name).unwrap_or_else(|| "gateway".to_owned()),
        kind: get(&keys.kind).unwrap_or_default(),
        asn: get(&keys.asn).unwrap_or(config::DEFAULT_ASN),
        instances: instances?,
        connections: connections?,
        max_prefixes: get(&keys.max_prefixes).unwrap_or(config::MAX_PREFIXES),
        switches: Switches {
            hold_time: get(&keys.hold_time).unwrap_or(default.hold_time),
            system_default: get(&keys.system_default).unwrap_or(default.system_default),
            compare_med: get(&keys.compare_med).unwrap_or(default.compare_med),
            keep_communities: get(&keys.keep_communities).unwrap_or(default.keep_communities),
            limit_penalty: get(&keys.limit_penalty).unwrap_or(default.limit_penalty),
            ..default
        },
    })
}

/// Instances that have no name are called as Azure calls them: `IN_0` and `IN_1`.
fn instance_name(index: usize, keys: &file::Instance) -> String {
    get(&keys.name).unwrap_or_else(|| format!("IN_{index}"))
}

fn instance(index: usize, keys: &file::Instance) -> Option<Instance> {
    Some(Instance {
        name: instance_name(index, keys),
        address: get(&keys.address)?,
        apipa: plain(&keys.apipa),
        public_ip: get(&keys.public_ip),
    })
}

fn connection(keys: &file::Connection) -> Option<Connection> {
    Some(Connection {
        name: get(&keys.name)?,
        asn: get(&keys.asn)?,
        peer: get(&keys.address)?,
        static_prefixes: plain(&keys.prefixes),
    })
}

fn vnet(keys: &file::Vnet) -> Option<Vnet> {
    let subnets: Option<Vec<_>> = keys.subnet.iter().map(subnet).collect();
    keys.address_space.as_ref()?;
    Some(Vnet {
        name: get(&keys.name)?,
        address_space: plain(&keys.address_space),
        subnets: subnets?,
        gateway_transit: get(&keys.gateway_transit).unwrap_or(true),
    })
}

fn subnet(keys: &file::Subnet) -> Option<Subnet> {
    let routes: Option<Vec<_>> = keys.route.iter().map(user_route).collect();
    Some(Subnet {
        propagate_gateway_routes: get(&keys.propagate_gateway_routes).unwrap_or(true),
        routes: routes?,
        service_endpoints: get(&keys.service_endpoints).unwrap_or_default(),
        ..Subnet::new(get(&keys.name)?, get(&keys.prefix)?)
    })
}

fn user_route(keys: &file::UserRoute) -> Option<UserRoute> {
    Some(UserRoute {
        name: get(&keys.name)?,
        prefix: get(&keys.prefix)?,
        next_hop_type: get(&keys.next_hop_type)?,
        next_hop_ip: get(&keys.next_hop),
    })
}

fn plain<T: Clone>(list: &Option<Spanned<Vec<Spanned<T>>>>) -> Vec<T> {
    list.iter().flat_map(|list| list.get_ref()).map(|value| value.get_ref().clone()).collect()
}

fn endpoints(keys: &file::Gateway) -> Endpoints {
    let instances =
        keys.instance.iter().filter_map(|i| Some((IpAddr::V4(get(&i.address)?), get(&i.listen)?)));
    let connection = |c: &file::Connection| {
        let address = get(&c.address)?;
        Some((address, SocketAddr::new(address, get(&c.port)?)))
    };
    Endpoints(instances.chain(keys.connection.iter().filter_map(connection)).collect())
}
