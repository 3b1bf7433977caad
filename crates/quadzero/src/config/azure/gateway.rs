//! Gateways, from the file to the model.

use super::file::{self, GatewayKind, GatewayMode, PeeringKind};
use super::{Names, get, plain, span, unknown};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::edge::key_in_file;
use crate::config::reader::{Record, missing};
use ipnet::Ipv4Net;
use quadzero_azure::config::{
    Circuit, Connection, DEFAULT_ASN, ExpressRoute, Gateway, Instance, Kind, Link, MicrosoftPeering, Peering,
    Place, RouteServer, Service, Site, Switches, VirtualWan, VpnGateway,
};
use quadzero_codec::Community;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The region that circuits announce where the file names none.
const REGION: Community = Community(12076 << 16 | 50004);

/// What a gateway is taken for whose kind cannot be read: its other mistakes are wanted too.
const GUESS: GatewayKind = GatewayKind::Vpn;

/// What each kind calls itself where the file has no name for it.
pub(super) fn name(index: usize, keys: &file::Gateway) -> String {
    let number = if index == 0 { String::new() } else { format!("-{}", index + 1) };
    get(&keys.name).unwrap_or_else(|| format!("gateway{number}"))
}

/// Keys that this kind has no use for, and those that it cannot do without.
pub(super) fn check(keys: &file::Gateway, out: &mut Vec<Diagnostic>) {
    let known = get(&keys.kind);
    let mut check = |all: &[KeyOfKinds]| {
        for (key, value, kinds) in all {
            if let (Some(kind), Some(span)) = (known, value)
                && !kinds.contains(&kind)
            {
                misplaced(span.clone(), key, keys, out);
            }
        }
    };
    check(&keys_of_some_kinds(keys));
    keys.connection.iter().for_each(|connection| check(&keys_of_some_connections(connection)));
    let kind = known.unwrap_or(GUESS);
    keys.connection.iter().for_each(|connection| check_needed(kind, connection, out));
    check_instances(kind, keys, out);
}

fn check_needed(kind: GatewayKind, keys: &file::Connection, out: &mut Vec<Diagnostic>) {
    let mut need = |key: &str, missing: fn(Span, &str) -> Diagnostic| {
        if !keys.has(key) {
            out.push(missing(keys.span(), key));
        }
    };
    if kind == GatewayKind::ExpressRoute {
        need("primary-subnet", missing::<Ipv4Net>);
        need("secondary-subnet", missing::<Ipv4Net>);
        need("vlan", missing::<u16>);
    } else {
        need("address", missing::<IpAddr>);
    }
}

fn misplaced(span: Span, key: &str, keys: &file::Gateway, out: &mut Vec<Diagnostic>) {
    let error = Diagnostic::error(span, format!("a gateway of this kind has no `{key}`"));
    out.push(match &keys.kind {
        Some(kind) => error.related(kind.span(), "this kind").hint("take it out"),
        None => error.hint("take it out"),
    });
}

type KeyOfKinds = (&'static str, Option<Span>, &'static [GatewayKind]);

fn keys_of_some_kinds(keys: &file::Gateway) -> [KeyOfKinds; 14] {
    use GatewayKind::{ExpressRoute, RouteServer, VirtualWan, Vpn};
    let first = |instances: &[file::Instance]| instances.first().map(Record::span);
    [
        ("asn", span(&keys.asn), &[Vpn]),
        ("mode", span(&keys.mode), &[Vpn]),
        ("default-site", span(&keys.default_site), &[Vpn]),
        ("compare-med", span(&keys.compare_med), &[Vpn, VirtualWan]),
        ("keep-communities", span(&keys.keep_communities), &[Vpn]),
        ("region-community", span(&keys.region_community), &[ExpressRoute]),
        ("branch-to-branch", span(&keys.branch_to_branch), &[RouteServer]),
        ("preference", span(&keys.preference), &[RouteServer, VirtualWan]),
        ("address-prefix", span(&keys.address_prefix), &[VirtualWan]),
        ("router", span(&keys.router), &[VirtualWan]),
        ("hold-time", span(&keys.hold_time), &[Vpn, RouteServer, VirtualWan]),
        ("hub", span(&keys.hub), &[ExpressRoute]),
        ("maintenance-warning", span(&keys.maintenance_warning), &[ExpressRoute]),
        ("instance", first(&keys.instance), &[Vpn, RouteServer, VirtualWan]),
    ]
}

fn keys_of_some_connections(keys: &file::Connection) -> [KeyOfKinds; 16] {
    use GatewayKind::{ExpressRoute, RouteServer, VirtualWan, Vpn};
    [
        ("address", span(&keys.address), &[Vpn, RouteServer, VirtualWan]),
        ("port", span(&keys.port), &[Vpn, RouteServer, VirtualWan]),
        ("prefixes", span(&keys.prefixes), &[Vpn, VirtualWan]),
        ("public-address", span(&keys.public_address), &[Vpn, VirtualWan]),
        ("primary-subnet", span(&keys.primary_subnet), &[ExpressRoute]),
        ("secondary-subnet", span(&keys.secondary_subnet), &[ExpressRoute]),
        ("vlan", span(&keys.vlan), &[ExpressRoute]),
        ("password-file", span(&keys.password_file), &[ExpressRoute]),
        ("sku", span(&keys.sku), &[ExpressRoute]),
        ("peering", span(&keys.peering), &[ExpressRoute]),
        ("weight", span(&keys.weight), &[ExpressRoute]),
        ("bfd", span(&keys.bfd), &[ExpressRoute]),
        ("listen", span(&keys.listen), &[ExpressRoute]),
        ("dial", span(&keys.dial), &[ExpressRoute]),
        ("route-filter", span(&keys.route_filter), &[ExpressRoute]),
        ("service", keys.service.first().map(Record::span), &[ExpressRoute]),
    ]
}

/// The mode says how many instances there are; both are given so that neither is a surprise.
fn check_instances(kind: GatewayKind, keys: &file::Gateway, out: &mut Vec<Diagnostic>) {
    if keys.instance.is_empty() && kind != GatewayKind::ExpressRoute {
        out.push(
            missing::<Vec<file::Instance>>(keys.span(), "instance")
                .hint("[[gateway.instance]] with its address"),
        );
    }
    if kind == GatewayKind::VirtualWan && keys.address_prefix.is_none() && !keys.has("address-prefix") {
        out.push(missing::<Ipv4Net>(keys.span(), "address-prefix"));
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

pub(super) fn gateway(
    index: usize,
    keys: &file::Gateway,
    names: &Names,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<Gateway> {
    let instances: Option<Vec<_>> =
        keys.instance.iter().enumerate().map(|(i, keys)| instance(i, keys)).collect();
    let kind_of = get(&keys.kind).unwrap_or(GUESS);
    let connections: Vec<Option<_>> =
        keys.connection.iter().map(|keys| connection(kind_of, keys, folder, out)).collect();
    let place = place(index, kind_of, keys, names, out);
    let kind = kind(kind_of, keys, out);
    let (instances, connections) = (instances?, connections.into_iter().collect::<Option<Vec<_>>>()?);
    let name = name(index, keys);
    let base = match kind_of {
        GatewayKind::ExpressRoute => Gateway::expressroute(name, place?, connections),
        _ => Gateway { connections, ..Gateway::new(name, place?, kind.clone()?, instances) },
    };
    Some(Gateway { kind: kind?, max_prefixes: get(&keys.max_prefixes), switches: switches(keys), ..base })
}

/// Where it stands: in itself, if it is a hub; where it says so; else in the hub, if there is one and it is ExpressRoute; and
/// else in the first network.
fn place(
    index: usize,
    kind: GatewayKind,
    keys: &file::Gateway,
    names: &Names,
    out: &mut Vec<Diagnostic>,
) -> Option<Place> {
    match (kind, &keys.hub, &keys.vnet) {
        (GatewayKind::VirtualWan, ..) => Some(Place::Hub(index)),
        (_, Some(hub), _) => names.hub(hub, out).map(Place::Hub),
        (_, None, Some(vnet)) => names.vnet(vnet, out).map(Place::Vnet),
        (GatewayKind::ExpressRoute, None, None) if !names.hubs.is_empty() => {
            names.hubs.first().map(|(hub, _)| Place::Hub(*hub))
        }
        _ => Some(Place::Vnet(0)),
    }
}

fn kind(kind: GatewayKind, keys: &file::Gateway, out: &mut Vec<Diagnostic>) -> Option<Kind> {
    let preference = get(&keys.preference).unwrap_or_default();
    Some(match kind {
        GatewayKind::Vpn => {
            let names: Vec<String> = keys.connection.iter().filter_map(|c| get(&c.name)).collect();
            let default_site = keys.default_site.as_ref().and_then(|site| {
                let found = names.iter().position(|name| name == site.get_ref());
                found.or_else(|| unknown(site, "connection", names.iter().map(String::as_str), out))
            });
            Kind::Vpn(VpnGateway { asn: get(&keys.asn).unwrap_or(DEFAULT_ASN), default_site })
        }
        GatewayKind::ExpressRoute => {
            Kind::ExpressRoute(ExpressRoute { region: Some(get(&keys.region_community).unwrap_or(REGION)) })
        }
        GatewayKind::RouteServer => {
            let branch_to_branch = get(&keys.branch_to_branch).unwrap_or(false);
            Kind::RouteServer(RouteServer { branch_to_branch, preference })
        }
        GatewayKind::VirtualWan => Kind::VirtualWan(VirtualWan {
            address_prefix: get(&keys.address_prefix)?,
            router: get(&keys.router).or_else(|| get(&keys.instance.first()?.address))?,
            preference,
        }),
    })
}

fn switches(keys: &file::Gateway) -> Switches {
    let default = Switches::default();
    Switches {
        hold_time: get(&keys.hold_time).unwrap_or(default.hold_time),
        system_default: get(&keys.system_default).unwrap_or(default.system_default),
        converging: get(&keys.converging).unwrap_or(default.converging),
        compare_med: get(&keys.compare_med).unwrap_or(default.compare_med),
        keep_communities: get(&keys.keep_communities).unwrap_or(default.keep_communities),
        limit_penalty: get(&keys.limit_penalty).unwrap_or(default.limit_penalty),
        maintenance_warning: get(&keys.maintenance_warning).unwrap_or(default.maintenance_warning),
        planned_outage: get(&keys.planned_outage).unwrap_or(default.planned_outage),
        unplanned_outage: get(&keys.unplanned_outage).unwrap_or(default.unplanned_outage),
        time_scale: get(&keys.time_scale).unwrap_or(default.time_scale),
        ..default
    }
}

/// Instances that have no name are called as Azure calls them: `IN_0` and `IN_1`.
fn instance(index: usize, keys: &file::Instance) -> Option<Instance> {
    Some(Instance {
        name: get(&keys.name).unwrap_or_else(|| format!("IN_{index}")),
        address: get(&keys.address)?,
        apipa: plain(&keys.apipa),
        public_ip: get(&keys.public_ip),
    })
}

fn connection(
    kind: GatewayKind,
    keys: &file::Connection,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<Connection> {
    let link = match kind {
        GatewayKind::ExpressRoute => Link::Circuit(circuit(keys, folder, out)?),
        GatewayKind::RouteServer => Link::Appliance(get(&keys.address)?),
        GatewayKind::Vpn | GatewayKind::VirtualWan => {
            let public = get(&keys.public_address);
            Link::Site(Site { peer: get(&keys.address)?, public, static_prefixes: plain(&keys.prefixes) })
        }
    };
    let internet_security = get(&keys.internet_security).unwrap_or(false);
    let hops = get(&keys.hops).unwrap_or(0);
    Some(Connection { name: get(&keys.name)?, asn: get(&keys.asn)?, link, internet_security, hops })
}

fn circuit(keys: &file::Connection, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Circuit> {
    let key = keys.password_file.as_ref().and_then(|path| key_in_file(path, folder, out));
    for sockets in [&keys.listen, &keys.dial].into_iter().flatten().filter(|list| list.get_ref().len() != 2) {
        let error = Diagnostic::error(sockets.span(), "a circuit has two links");
        out.push(error.hint("two sockets: of the primary link, and of the secondary"));
    }
    let services = keys
        .service
        .iter()
        .map(|service| Some(Service { prefix: get(&service.prefix)?, community: get(&service.community)? }));
    let services = services.collect::<Option<Vec<_>>>()?;
    let peering = match get(&keys.peering).unwrap_or(PeeringKind::Private) {
        PeeringKind::Private => Peering::Private,
        PeeringKind::Microsoft => {
            let route_filter = get(&keys.route_filter).unwrap_or_default();
            Peering::Microsoft(MicrosoftPeering { route_filter, services })
        }
    };
    let private = peering == Peering::Private;
    let of_microsoft = [span(&keys.route_filter), keys.service.first().map(Record::span)];
    for span in of_microsoft.into_iter().flatten().filter(|_| private) {
        let error = Diagnostic::error(span, "services are reached by Microsoft peering alone");
        out.push(error.hint("peering = \"microsoft\""));
    }
    Some(Circuit {
        key,
        sku: get(&keys.sku).unwrap_or_default(),
        peering,
        weight: get(&keys.weight).unwrap_or(0),
        bfd: get(&keys.bfd).unwrap_or(true),
        ..Circuit::private(get(&keys.primary_subnet)?, get(&keys.secondary_subnet)?, get(&keys.vlan)?)
    })
}

/// Where instances listen and peers are dialled, where the file says so.
pub(super) fn endpoints(keys: &file::Gateway, gateway: &Gateway) -> Vec<(IpAddr, SocketAddr)> {
    let instances =
        keys.instance.iter().filter_map(|i| Some((IpAddr::V4(get(&i.address)?), get(&i.listen)?)));
    let connections = keys.connection.iter().zip(&gateway.connections).flat_map(|(keys, own)| {
        let port = get(&keys.port).map(|port| (own.peer(0), SocketAddr::new(own.peer(0), port)));
        let [listen, dial] = [&keys.listen, &keys.dial].map(|sockets| get(sockets).unwrap_or_default());
        let circuit = own.circuit();
        let listen = listen.into_iter().enumerate();
        let listen = listen.filter_map(|(link, s)| Some((IpAddr::V4(circuit?.microsoft(link)), s)));
        let dial = dial.into_iter().enumerate().map(|(link, socket)| (own.peer(link), socket));
        port.into_iter().chain(listen).chain(dial).collect::<Vec<_>>()
    });
    instances.chain(connections).collect()
}
