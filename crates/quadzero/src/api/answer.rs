//! What the mock has to say to each question, in the shapes of azure.md §1.7 and §5.3.

use super::{Question, Serving};
use axum::http::StatusCode;
use quadzero_azure::config::{Azure, Connection, Gateway, Peering, SessionId};
use quadzero_azure::doctor;
use quadzero_azure::gateway::{AdvertisedRoute, RouteServerListing};
use quadzero_azure::maintenance::Cause;
use quadzero_azure::speaker::Mock;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// An answer.
pub(super) enum Answered {
    /// JSON.
    Now(Value),
    /// Lines of JSON.
    Text(String),
    /// It will be there.
    Later,
}

/// Why there is none.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequest", message)
    }

    pub(super) fn method(needed: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", format!("this is asked by {needed}"))
    }

    pub(super) fn forbidden() -> Self {
        let message = "this is not for browsers: ask by address, from a tool that sends no Origin";
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    /// What is called so is not there; what is.
    fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.collect();
        let there = match &known[..] {
            [] => "there is none".to_owned(),
            known => format!("there are: {}", known.join(", ")),
        };
        let message = match name {
            "-" => format!("which {what} is meant has to be said; {there}"),
            name => format!("no {what} is called \"{name}\"; {there}"),
        };
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", message)
    }

    /// In the envelope of Azure's errors.
    pub(super) fn body(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message } })
    }
}

/// No path of this API: all that there are.
pub(super) fn nothing_there(mock: &Mock, path: &str) -> Refusal {
    let paths = index(&mock.azure()).join("\n  ");
    let message = format!("nothing is at {path}; there are:\n  {paths}");
    Refusal::new(StatusCode::NOT_FOUND, "PathNotFound", message)
}

/// What was given behind the `?`.
type Given = BTreeMap<String, String>;

pub(super) fn answer(serving: &Serving, question: &Question, given: &Given) -> Result<Answered, Refusal> {
    let mock = &*serving.mock;
    let azure = mock.azure();
    let gateway = |name: &str| named_gateway(&azure, name);
    let value = match question {
        Question::EffectiveRoutes(nic) => value(&effective_routes(mock, &azure, nic)?),
        Question::PeerStatus(name) => peer_status(mock, gateway(name)?, given)?,
        Question::LearnedRoutes(name) => value(&mock.learned_routes(gateway(name)?)),
        Question::AdvertisedRoutes(name) => {
            let gateway = gateway(name)?;
            value(&mock.advertised_routes(gateway, peer(&azure.gateways[gateway], given)?))
        }
        Question::LearnedFrom(server, peering) => {
            let (server, peer) = peering_of(&azure, server, peering)?;
            value(&mock.table().borrow().learned_from(server, peer))
        }
        Question::AdvertisedTo(server, peering) => {
            let (server, peer) = peering_of(&azure, server, peering)?;
            value(&advertised_to(mock, &azure.gateways[server], server, peer))
        }
        Question::RouteTable(circuit, peering, path) => {
            value(&mock.table().borrow().circuit_routes(link_of(&azure, circuit, peering, path)?))
        }
        Question::RouteTableSummary(circuit, peering, path) => {
            value(&mock.circuit_summary(link_of(&azure, circuit, peering, path)?))
        }
        Question::HubRoutes(hub) => value(&mock.table().borrow().hub_routes(named_hub(&azure, hub)?)),
        Question::Maintenance(name) => maintenance(mock, gateway(name)?, given)?,
        Question::Refused(name) => refused(mock, gateway(name)?),
        Question::Gateways => json!({ "value": azure.gateways.iter().map(described).collect::<Vec<_>>() }),
        Question::NetworkInterfaces => {
            let nics = azure.network_interfaces().into_iter();
            json!({ "value": nics.map(|nic| json!({ "name": nic.name, "subnet": nic.subnet })).collect::<Vec<_>>() })
        }
        Question::Doctor => value(&doctor::diagnose(&doctor::of_mock(mock, &serving.journal.lines()))),
        Question::Log => return Ok(Answered::Text(serving.journal.lines())),
        Question::Index => json!({ "paths": index(&azure) }),
    };
    Ok(Answered::Now(value))
}

fn value(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).unwrap_or(Value::Null)
}

fn is_called(name: &str, asked: &str) -> bool {
    name.to_lowercase() == asked
}

/// Of one gateway, nobody has to say which.
fn named_gateway(azure: &Azure, name: &str) -> Result<usize, Refusal> {
    let found = match (name, &azure.gateways[..]) {
        ("-", [_only]) => Some(0),
        (name, gateways) => gateways.iter().position(|gateway| is_called(&gateway.name, name)),
    };
    found.ok_or_else(|| Refusal::unknown("gateway", name, azure.gateways.iter().map(|g| g.name.as_str())))
}

fn effective_routes(
    mock: &Mock,
    azure: &Azure,
    asked: &str,
) -> Result<quadzero_azure::effective::Listing<quadzero_azure::effective::EffectiveRoute>, Refusal> {
    let nics = azure.network_interfaces();
    let subnets = azure.vnets.iter().flat_map(|v| v.subnets.iter().map(move |s| (&v.name, &s.name)));
    let by_subnet = |(vnet, subnet): (&String, &String)| {
        let place = format!("{vnet}/{subnet}");
        (is_called(subnet, asked) || is_called(&place, asked)).then_some(place)
    };
    let subnet = nics.iter().find(|nic| is_called(&nic.name, asked)).map(|nic| nic.subnet.clone());
    let subnet = subnet.or_else(|| subnets.into_iter().find_map(by_subnet));
    let listing = subnet.and_then(|subnet| mock.effective_routes(&subnet));
    listing
        .ok_or_else(|| Refusal::unknown("network interface", asked, nics.iter().map(|nic| nic.name.as_str())))
}

fn peer_status(mock: &Mock, gateway: usize, given: &Given) -> Result<Value, Refusal> {
    let mut listing = mock.peer_status(gateway);
    if let Some(peer) = given.get("peer") {
        let peer: IpAddr = address(peer)?;
        listing.value.retain(|row| row.neighbor == peer);
    }
    Ok(value(&listing))
}

fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| Refusal::bad(format!("peer=\"{text}\" is no address")))
}

/// `?peer=` is an address, as Azure has it; the name of a connection will do.
fn peer(gateway: &Gateway, given: &Given) -> Result<IpAddr, Refusal> {
    let known = || gateway.connections.iter().map(|connection| connection.peer(0).to_string());
    let known = || known().collect::<Vec<_>>().join(", ");
    let Some(asked) = given.get("peer") else {
        return Err(Refusal::bad(format!("?peer=ADDRESS is needed; there are: {}", known())));
    };
    let lower = asked.to_lowercase();
    match gateway.connections.iter().find(|connection| is_called(&connection.name, &lower)) {
        Some(connection) => Ok(connection.peer(0)),
        None => address(asked),
    }
}

fn connection<'a>(gateway: &'a Gateway, name: &str, what: &str) -> Result<&'a Connection, Refusal> {
    let found = gateway.connections.iter().find(|connection| is_called(&connection.name, name));
    found.ok_or_else(|| Refusal::unknown(what, name, gateway.connections.iter().map(|c| c.name.as_str())))
}

/// A Route Server is a hub in Azure's API.
fn peering_of(azure: &Azure, server: &str, peering: &str) -> Result<(usize, IpAddr), Refusal> {
    let servers = azure.gateways.iter().enumerate();
    let servers = servers.filter(|(_, g)| g.kind.route_server().is_some() || g.kind.hub().is_some());
    let servers: Vec<(usize, &Gateway)> = servers.collect();
    let found = match (server, &servers[..]) {
        ("-", [only]) => Some(only),
        (name, servers) => servers.iter().find(|(_, gateway)| is_called(&gateway.name, name)),
    };
    let unknown =
        || Refusal::unknown("Route Server or hub", server, servers.iter().map(|(_, g)| g.name.as_str()));
    let (index, gateway) = found.ok_or_else(unknown)?;
    Ok((*index, connection(gateway, peering, "peering")?.peer(0)))
}

fn advertised_to(
    mock: &Mock,
    gateway: &Gateway,
    index: usize,
    peer: IpAddr,
) -> RouteServerListing<AdvertisedRoute> {
    let rows = mock.advertised_routes(index, peer).value;
    let of = |instance: usize| {
        let address = gateway.instances.get(instance).map(|i| i.address);
        rows.iter().filter(|row| Some(row.local_address) == address).cloned().collect()
    };
    RouteServerListing { in_0: of(0), in_1: of(1) }
}

/// The session of a link of a circuit, which is Microsoft's router there.
fn link_of(azure: &Azure, circuit: &str, peering: &str, path: &str) -> Result<SessionId, Refusal> {
    let circuits = || {
        let all = azure.gateways.iter().enumerate();
        let all =
            all.flat_map(|(g, gateway)| gateway.connections.iter().enumerate().map(move |(i, c)| (g, i, c)));
        all.filter(|(.., c)| c.circuit().is_some())
    };
    let is_it = |(.., c): &(usize, usize, &Connection)| is_called(&c.name, circuit);
    let found = if circuit == "-" { circuits().next() } else { circuits().find(is_it) };
    let (gateway, index, connection) = found
        .ok_or_else(|| Refusal::unknown("circuit", circuit, circuits().map(|(.., c)| c.name.as_str())))?;
    let name = peering_name(connection);
    if !is_called(name, peering) {
        return Err(Refusal::unknown("peering of this circuit", peering, [name].into_iter()));
    }
    let instance = match path {
        "primary" => 0,
        "secondary" => 1,
        other => return Err(Refusal::unknown("path", other, ["primary", "secondary"].into_iter())),
    };
    Ok(SessionId { gateway, instance, connection: index })
}

fn peering_name(connection: &Connection) -> &'static str {
    match connection.circuit().map(|circuit| &circuit.peering) {
        Some(Peering::Microsoft(_)) => "MicrosoftPeering",
        _ => "AzurePrivatePeering",
    }
}

fn named_hub(azure: &Azure, name: &str) -> Result<usize, Refusal> {
    let hubs = || azure.gateways.iter().enumerate().filter(|(_, gateway)| gateway.kind.hub().is_some());
    let found = match (name, hubs().count()) {
        ("-", 1) => hubs().next(),
        _ => hubs().find(|(_, gateway)| is_called(&gateway.name, name)),
    };
    let unknown = || Refusal::unknown("hub", name, hubs().map(|(_, gateway)| gateway.name.as_str()));
    found.map(|(index, _)| index).ok_or_else(unknown)
}

fn maintenance(mock: &Mock, gateway: usize, given: &Given) -> Result<Value, Refusal> {
    let azure = mock.azure();
    let instances = &azure.gateways[gateway].instances;
    let asked = given.get("instance").map_or("-", String::as_str);
    let names = || instances.iter().map(|instance| instance.name.as_str());
    let is_it = |(i, name): &(usize, &str)| name.eq_ignore_ascii_case(asked) || i.to_string() == asked;
    let found = if asked == "-" && instances.len() == 1 { Some(0) } else { None };
    let instance = found.or_else(|| names().enumerate().find(is_it).map(|(i, _)| i));
    let instance = instance.ok_or_else(|| Refusal::unknown("instance (?instance=)", asked, names()))?;
    let cause = match given.get("cause").map_or("planned", String::as_str) {
        "planned" => Cause::Planned,
        "unplanned" => Cause::Unplanned,
        other => {
            return Err(Refusal::unknown("cause (?cause=)", other, ["planned", "unplanned"].into_iter()));
        }
    };
    let lasts = mock.outage(gateway, instance, cause);
    Ok(json!({
        "gateway": azure.gateways[gateway].name,
        "instance": instances[instance].name,
        "cause": if cause == Cause::Planned { "planned" } else { "unplanned" },
        "seconds": lasts.as_secs_f64(),
    }))
}

fn refused(mock: &Mock, gateway: usize) -> Value {
    let azure = mock.azure();
    let sessions = azure.sessions().filter(|id| id.gateway == gateway);
    let peers: Vec<IpAddr> = sessions.map(|id| azure.peer_address(id)).collect();
    let table = mock.table();
    let table = table.borrow();
    let rows = table.refused().iter().filter(|row| peers.contains(&row.peer));
    json!({ "value": rows.collect::<Vec<_>>() })
}

fn described(gateway: &Gateway) -> Value {
    let instance =
        |i: &quadzero_azure::config::Instance| json!({ "name": i.name, "bgpPeeringAddress": i.address });
    let connection = |c: &Connection| json!({ "name": c.name, "asn": c.asn.0, "peer": c.peer(0) });
    json!({
        "name": gateway.name,
        "kind": gateway.kind.name(),
        "asn": gateway.asn().0,
        "activeActive": gateway.is_active_active(),
        "instances": gateway.instances.iter().map(instance).collect::<Vec<_>>(),
        "connections": gateway.connections.iter().map(connection).collect::<Vec<_>>(),
    })
}

/// Every path that is answered, in its short form where it has one.
fn index(azure: &Azure) -> Vec<String> {
    let mut paths: Vec<String> = ["/gateways", "/nics", "/doctor", "/log"].map(str::to_owned).into();
    paths.extend(azure.network_interfaces().iter().map(|nic| format!("/effective-routes/{}", nic.name)));
    for gateway in &azure.gateways {
        let name = &gateway.name;
        for operation in ["peer-status", "learned-routes", "advertised-routes?peer=", "refused"] {
            paths.push(format!("/gateways/{name}/{operation}"));
        }
        paths.push(format!("POST /gateways/{name}/maintenance?instance=&cause=planned|unplanned"));
        for connection in &gateway.connections {
            let own = &connection.name;
            if gateway.kind.route_server().is_some() || gateway.kind.hub().is_some() {
                paths.push(format!("/virtualHubs/{name}/bgpConnections/{own}/learnedRoutes"));
                paths.push(format!("/virtualHubs/{name}/bgpConnections/{own}/advertisedRoutes"));
            }
            if connection.circuit().is_some() {
                let peering = format!("/expressRouteCircuits/{own}/peerings/{}", peering_name(connection));
                paths.push(format!("{peering}/routeTables/primary"));
                paths.push(format!("{peering}/routeTablesSummary/primary"));
            }
        }
        if gateway.kind.hub().is_some() {
            paths.push(format!("/virtualHubs/{name}/effectiveRoutes"));
        }
    }
    paths
}
