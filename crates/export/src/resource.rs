//! What Azure Resource Manager takes, which Bicep and JSON templates spell alike: resources with a type, a name and
//! properties. So both say the same, and only their punctuation is their own.

use crate::Name;
use crate::az;
use crate::comment::Line;
use crate::model::*;

/// The version of the interface of Microsoft.Network.
pub(crate) const API_VERSION: &str = "2024-05-01";

/// The whole template.
#[derive(Default)]
pub(crate) struct Template {
    /// Remarks and resources in order.
    pub(crate) parts: Vec<Part>,
}

pub(crate) enum Part {
    Remark(Vec<Line>),
    Resource(Resource),
}

/// A resource, made or referred to.
#[derive(Clone)]
pub(crate) struct Resource {
    /// What Bicep calls it.
    pub(crate) symbol: String,
    /// Its type, below Microsoft.Network.
    pub(crate) kind: &'static str,
    /// The resource that it is a part of.
    pub(crate) parent: Option<Box<Self>>,
    pub(crate) name: String,
    /// Whether it is there, and only referred to.
    pub(crate) existing: bool,
    /// Whether it is in a region.
    pub(crate) located: bool,
    pub(crate) properties: Vec<(&'static str, Tree)>,
}

/// A property's value.
#[derive(Clone)]
pub(crate) enum Tree {
    Text(String),
    Number(u32),
    True,
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
    /// The id of a resource.
    Id(Box<Resource>),
    Secret(Secret),
}

impl Resource {
    fn new(symbol: impl Into<String>, kind: &'static str, name: impl AsRef<str>) -> Self {
        Self {
            symbol: symbol.into(),
            kind,
            parent: None,
            name: name.as_ref().to_owned(),
            existing: false,
            located: false,
            properties: vec![],
        }
    }

    fn existing(symbol: &str, kind: &'static str, name: &Name) -> Self {
        Self { existing: true, ..Self::new(symbol, kind, name) }
    }

    fn located(mut self) -> Self {
        self.located = true;
        self
    }

    fn below(mut self, parent: &Self) -> Self {
        self.parent = Some(Box::new(parent.clone()));
        self
    }

    fn set(mut self, name: &'static str, value: Tree) -> Self {
        self.properties.push((name, value));
        self
    }

    fn reference(&self) -> Tree {
        Tree::Id(Box::new(self.clone()))
    }

    /// Its type with those that it is a part of.
    pub(crate) fn full_type(&self) -> String {
        match &self.parent {
            Some(parent) => format!("{}/{}", parent.full_type(), self.kind),
            None => format!("Microsoft.Network/{}", self.kind),
        }
    }

    /// Its name behind those that it is a part of.
    pub(crate) fn path(&self) -> Vec<&str> {
        let parent = self.parent.iter().flat_map(|parent| parent.path());
        parent.chain([self.name.as_str()]).collect()
    }
}

fn text(value: impl ToString) -> Tree {
    Tree::Text(value.to_string())
}

impl Template {
    /// The plan. `language` is what remarks call the one that cannot say something.
    pub(crate) fn new(plan: &Plan, language: &str) -> Self {
        let mut template = Self::default();
        template.remark(vec![Line::Prose(plan.title.clone())]);
        for item in &plan.items {
            template.item(plan, item, language);
        }
        template
    }

    pub(crate) fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.parts.iter().filter_map(|part| match part {
            Part::Resource(resource) => Some(resource),
            Part::Remark(_) => None,
        })
    }

    fn remark(&mut self, lines: Vec<Line>) {
        self.parts.push(Part::Remark(lines));
    }

    fn push(&mut self, resource: &Resource) {
        self.parts.push(Part::Resource(resource.clone()));
    }

    fn beyond(&mut self, why: String, commands: Vec<String>) {
        let commands = commands.into_iter().map(Line::Code);
        self.remark(std::iter::once(Line::Prose(why)).chain(commands).collect());
    }

    fn item(&mut self, plan: &Plan, item: &Item, language: &str) {
        match item {
            Item::Note(text) => self.remark(vec![Line::Prose(text.clone())]),
            Item::RouteTable(table) => self.route_table(plan, table, language),
            Item::Vpn(vpn) => self.vpn(plan, vpn, language),
            Item::DefaultSite(_) => {
                let why = format!(
                    "{language} gives a default site to a gateway (properties.gatewayDefaultSite) only together with everything \
                     else that the gateway is. For one that is there, Azure's command line does:"
                );
                self.beyond(why, az::commands(plan, item));
            }
            Item::ExpressRoutePeering(peering) => self.expressroute(peering),
            Item::RouteServer(server) => self.route_server(server),
            Item::LearnedRoutes(_) => {
                let why = format!(
                    "{language} does not show what a gateway has learned. Azure's command line does:"
                );
                self.beyond(why, az::commands(plan, item));
            }
        }
    }

    /// The routes of a table that is made are a part of it: made by themselves they would be gone for a moment whenever
    /// the template is deployed again.
    fn route_table(&mut self, plan: &Plan, table: &RouteTable, language: &str) {
        let properties = |route: &Route| {
            vec![("addressPrefix", text(route.prefix)), ("nextHopType", text(table.next_hop.as_str()))]
        };
        if table.existing {
            let parent = Resource::existing("table", "routeTables", &table.name);
            self.push(&parent);
            for (i, route) in table.routes.iter().enumerate() {
                let mut child =
                    Resource::new(format!("route{}", i + 1), "routes", &route.name).below(&parent);
                child.properties = properties(route);
                self.push(&child);
            }
        } else {
            let route = |route: &Route| {
                Tree::Object(vec![
                    ("name", text(&route.name)),
                    ("properties", Tree::Object(properties(route))),
                ])
            };
            let routes = Tree::List(table.routes.iter().map(route).collect());
            self.push(&Resource::new("table", "routeTables", &table.name).located().set("routes", routes));
        }
        let attachments = az::attachments(plan, table);
        if !attachments.is_empty() {
            let why = format!(
                "{language} gives a route table to a subnet (properties.routeTable) only together with everything else that the \
                 subnet is. For one that is there, Azure's command line does:"
            );
            self.beyond(why, attachments);
        }
    }

    fn vpn(&mut self, plan: &Plan, vpn: &Vpn, language: &str) {
        let why = format!(
            "{language} gives an AS to a gateway (properties.bgpSettings.asn) only together with everything else that the gateway \
             is. It has to be {}; for a gateway that is there, Azure's command line does:",
            vpn.asn
        );
        self.beyond(why, vec![az::gateway_asn(plan, vpn)]);
        let gateway = Resource::existing("gateway", "virtualNetworkGateways", &vpn.gateway);
        self.push(&gateway);
        for (i, connection) in vpn.connections.iter().enumerate() {
            let site = site(i + 1, connection);
            self.push(&site);
            let link =
                Resource::new(format!("connection{}", i + 1), "connections", &connection.name).located();
            let end = |resource: &Resource| {
                Tree::Object(vec![("id", resource.reference()), ("properties", Tree::Object(vec![]))])
            };
            let link = link.set("connectionType", text("IPsec")).set("virtualNetworkGateway1", end(&gateway));
            let link = link.set("localNetworkGateway2", end(&site)).set("enableBgp", Tree::True);
            self.push(&link.set("sharedKey", Tree::Secret(Secret::SharedKey)));
        }
    }

    fn expressroute(&mut self, peering: &ExpressRoutePeering) {
        let circuit = Resource::existing("circuit", "expressRouteCircuits", &peering.circuit);
        let mut private = Resource::new("privatePeering", "peerings", PRIVATE_PEERING).below(&circuit);
        private =
            private.set("peeringType", text(PRIVATE_PEERING)).set("peerASN", Tree::Number(peering.asn.0));
        private = private.set("primaryPeerAddressPrefix", text(peering.primary));
        private = private.set("secondaryPeerAddressPrefix", text(peering.secondary));
        private = private.set("vlanId", Tree::Number(peering.vlan.into()));
        if peering.md5 {
            private = private.set("sharedKey", Tree::Secret(Secret::Md5Key));
        }
        self.push(&circuit);
        self.push(&private);
    }

    /// Resource Manager knows a Route Server as a virtual hub.
    fn route_server(&mut self, server: &RouteServer) {
        let hub = Resource::existing("routeServer", "virtualHubs", &server.name);
        self.push(&hub);
        for (i, address) in server.peers.iter().enumerate() {
            let peer =
                Resource::new(format!("peer{}", i + 1), "bgpConnections", Name::edge(*address)).below(&hub);
            self.push(&peer.set("peerAsn", Tree::Number(server.asn.0)).set("peerIp", text(address)));
        }
    }
}

fn site(number: usize, connection: &Connection) -> Resource {
    let bgp = Tree::Object(vec![
        ("asn", Tree::Number(connection.asn.0)),
        ("bgpPeeringAddress", text(connection.bgp_address)),
    ]);
    let mut site = Resource::new(format!("site{number}"), "localNetworkGateways", &connection.name).located();
    site = site.set("gatewayIpAddress", text(connection.public_ip.get())).set("bgpSettings", bgp);
    if !connection.prefixes.is_empty() {
        let prefixes = Tree::List(connection.prefixes.iter().map(text).collect());
        site = site.set("localNetworkAddressSpace", Tree::Object(vec![("addressPrefixes", prefixes)]));
    }
    site
}
