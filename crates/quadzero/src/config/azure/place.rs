//! Where in the file a finding is: the value that it is about, else the table.

use super::file::{self, File};
use super::{get, span};
use crate::config::diagnostic::Span;
use crate::config::reader::Record;
use ipnet::Ipv4Net;
use quadzero_azure::config::NextHopType;
use quadzero_azure::rules::{At, Breach, Finding};
use std::net::IpAddr;
use toml::Spanned;

impl File {
    /// The value that a finding is about, else the table.
    pub(super) fn place(&self, finding: &Finding) -> Span {
        let gateways = self.gateways();
        let breach = &finding.breach;
        let place = match finding.at {
            At::Gateway(g) => gateways.get(g).map(|keys| of_gateway(keys, breach).unwrap_or(keys.span())),
            At::Instance(g, i) => {
                gateways.get(g).and_then(|g| g.instance.get(i)).map(|i| of_instance(i, breach))
            }
            At::Connection(g, c) => {
                gateways.get(g).and_then(|g| g.connection.get(c)).map(|c| of_connection(c, breach))
            }
            At::Vnet(v) => self.vnet.get(v).map(Record::span),
            At::Subnet(v, s) => self.vnet.get(v).and_then(|v| v.subnet.get(s)).map(|s| of_subnet(s, breach)),
        };
        place.unwrap_or_else(|| self.span())
    }
}

fn of_gateway(keys: &file::Gateway, breach: &Breach) -> Option<Span> {
    match breach {
        Breach::AsnReservedByAzure(_) | Breach::AsnReservedByIana(_) => span(&keys.asn),
        Breach::AddressTwice(address) => {
            let is_it = |c: &&Spanned<IpAddr>| c.get_ref() == address;
            let connection =
                keys.connection.iter().filter_map(|c| c.address.as_ref()).rfind(is_it).map(Spanned::span);
            let mut instances = keys.instance.iter().filter_map(|i| i.address.as_ref());
            let instance = instances.rfind(|i| IpAddr::V4(*i.get_ref()) == *address).map(Spanned::span);
            let mut links =
                keys.connection.iter().flat_map(|c| [&c.primary_subnet, &c.secondary_subnet]).flatten();
            let holds = |link: &&Spanned<Ipv4Net>| match address {
                IpAddr::V4(address) => link.get_ref().contains(address),
                IpAddr::V6(_) => false,
            };
            connection.or(instance).or(links.rfind(holds).map(Spanned::span))
        }
        Breach::BranchToBranch => span(&keys.branch_to_branch),
        Breach::DefaultSiteBesideExpressRoute => span(&keys.default_site),
        Breach::SecondOfAKind(_) => span(&keys.kind),
        _ => None,
    }
}

fn of_instance(keys: &file::Instance, breach: &Breach) -> Span {
    let value = match breach {
        Breach::ApipaOutsideRange(address) => {
            let mut apipa = keys.apipa.iter().flat_map(|list| list.get_ref());
            apipa.find(|a| a.get_ref() == address).map(Spanned::span)
        }
        Breach::InstanceOutsideVnet { .. } | Breach::InstanceOutsideHub { .. } => span(&keys.address),
        _ => None,
    };
    value.unwrap_or_else(|| keys.span())
}

fn of_connection(keys: &file::Connection, breach: &Breach) -> Span {
    let link = |net: &Ipv4Net| {
        let links = [&keys.primary_subnet, &keys.secondary_subnet].into_iter().flatten();
        links.filter(|link| link.get_ref() == net).map(Spanned::span).next()
    };
    let value = match breach {
        Breach::AsnReservedByAzure(_)
        | Breach::AsnReservedByIana(_)
        | Breach::SameAsn(_)
        | Breach::FourOctetAsn(_)
        | Breach::PrivateAsnOnMicrosoftPeering(_) => span(&keys.asn),
        Breach::AnnouncedInsideVnet { prefix, .. } | Breach::AnnouncedPlatform(prefix) => {
            let mut prefixes = keys.prefixes.iter().flat_map(|list| list.get_ref());
            prefixes.find(|p| p.get_ref() == prefix).map(Spanned::span)
        }
        Breach::LinkLength(net) | Breach::LinkInsideVnet { link: net, .. } => link(net),
        Breach::Vlan(_) => span(&keys.vlan),
        Breach::InternetSecurityWithoutHub => span(&keys.internet_security),
        Breach::TooManyStatics(_) => span(&keys.prefixes),
        _ => span(&keys.address),
    };
    value.unwrap_or_else(|| keys.span())
}

fn of_subnet(keys: &file::Subnet, breach: &Breach) -> Span {
    let route = |prefix| keys.route.iter().rfind(|r| get(&r.prefix) == Some(prefix));
    let of_type = |r: &file::UserRoute, wanted| get(&r.next_hop_type) == Some(wanted);
    let appliance = NextHopType::VirtualAppliance;
    let value = match breach {
        Breach::SubnetOutsideVnet(_) => span(&keys.prefix),
        Breach::UserRouteTwice(prefix) => route(*prefix).map(|r| r.span()),
        Breach::ApplianceWithoutAddress => {
            let lacks = |r: &&file::UserRoute| of_type(r, appliance) && r.next_hop.is_none();
            keys.route.iter().find(lacks).map(|r| r.span())
        }
        Breach::AddressWithoutAppliance(_) => {
            let mut others = keys.route.iter().filter(|r| !of_type(r, appliance));
            others.find_map(|r| span(&r.next_hop))
        }
        Breach::UserRouteToExpressRoute => {
            let to_gateway = |r: &&file::UserRoute| of_type(r, NextHopType::VirtualNetworkGateway);
            keys.route.iter().find(to_gateway).and_then(|r| span(&r.next_hop_type))
        }
        Breach::SecurityPriority(name) => {
            let is_it = |r: &&file::SecurityRule| get(&r.name).as_ref() == Some(name);
            keys.security_rule.iter().rfind(is_it).map(|r| r.span())
        }
        Breach::GatewaySubnetSecurity => keys.security_rule.first().map(|r| r.span()),
        Breach::GatewaySubnetPropagation => span(&keys.propagate_gateway_routes),
        _ => None,
    };
    value.unwrap_or_else(|| keys.span())
}
