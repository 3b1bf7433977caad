//! The other end of the edge's sessions: what has to be made in Azure, so that they come up.

use crate::edge::{Kind, Neighbor, PlanError};
use crate::model::{Connection, ExpressRoutePeering, Item, Plan, RouteServer, Vpn};
use crate::name::{Location, Name, PublicIp, ResourceGroup};
use ipnet::Ipv4Net;
use quadzero_codec::Asn;
use std::net::{IpAddr, Ipv4Addr};

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plumbing {
    /// Where.
    pub group: ResourceGroup,
    /// In which region.
    pub location: Option<Location>,
    /// To whom, in the order of the file.
    pub neighbors: Vec<Neighbor>,
    /// The VPN gateway's name.
    pub gateway: Option<Name>,
    /// Where the tunnels end on-premises: one for all of the edge's addresses, or one for each.
    pub public_ips: Vec<PublicIp>,
    /// Static routes to on-premises beside BGP.
    pub prefixes: Vec<Ipv4Net>,
    /// The circuit's name.
    pub circuit: Option<Name>,
    /// The VLAN of the circuit's private peering.
    pub vlan: Option<u16>,
    /// The Route Server's name.
    pub route_server: Option<Name>,
}

impl Plumbing {
    /// The resources, and what to know of them.
    ///
    /// # Errors
    /// Something is missing that only the user knows, or the file does not fit what Azure can do.
    pub fn plan(self) -> Result<Plan, PlanError> {
        self.check_options()?;
        let mut items = Vec::new();
        let vpn = self.of(Kind::VpnGateway);
        let (circuit, server) = (self.of(Kind::ExpressRoute), self.of(Kind::RouteServer));
        if let Some(first) = vpn.first() {
            items.extend(self.vpn(&vpn, first)?);
        }
        if let Some(first) = circuit.first() {
            items.extend(self.expressroute(&circuit, first)?);
        }
        if let Some(first) = server.first() {
            items.extend(self.route_server(&server, first)?);
        }
        items.extend(self.left_out().map(Item::Note));
        if self.neighbors.iter().all(|neighbor| neighbor.kind.is_none()) {
            return Err(PlanError::NoGateway);
        }
        let title = "Azure's end of the edge's BGP sessions: exported by quadzero.".to_owned();
        Ok(Plan { title, group: self.group, location: self.location, items })
    }

    fn of(&self, kind: Kind) -> Vec<&Neighbor> {
        self.neighbors.iter().filter(|neighbor| neighbor.kind == Some(kind)).collect()
    }

    fn check_options(&self) -> Result<(), PlanError> {
        let options = [
            ("--gateway", self.gateway.is_some(), Kind::VpnGateway),
            ("--edge-public-ip", !self.public_ips.is_empty(), Kind::VpnGateway),
            ("--local-address-prefix", !self.prefixes.is_empty(), Kind::VpnGateway),
            ("--circuit", self.circuit.is_some(), Kind::ExpressRoute),
            ("--vlan-id", self.vlan.is_some(), Kind::ExpressRoute),
            ("--route-server", self.route_server.is_some(), Kind::RouteServer),
        ];
        let useless = options.into_iter().find(|(_, given, kind)| *given && self.of(*kind).is_empty());
        useless.map_or(Ok(()), |(option, _, kind)| Err(PlanError::Useless { option, kind }))
    }

    fn vpn(&self, neighbors: &[&Neighbor], first: &Neighbor) -> Result<Vec<Item>, PlanError> {
        let gateway = needed(&self.gateway, first, "--gateway", "the VPN gateway's name")?;
        one_as(neighbors, Kind::VpnGateway)?;
        let addresses = local_addresses(neighbors)?;
        let mut connections = Vec::new();
        for (i, (neighbor, address)) in addresses.iter().enumerate() {
            let public_ip = self.public_ip(i, addresses.len(), first)?;
            if public_ip.get() == *address {
                let neighbor = neighbor.name.clone();
                return Err(PlanError::PublicBgpAddress { neighbor, address: *address });
            }
            connections.push(Connection {
                name: Name::edge(*address),
                public_ip,
                asn: first.local_as,
                bgp_address: *address,
                prefixes: self.prefixes.clone(),
            });
        }
        let notes = self.vpn_notes(neighbors, connections.len());
        let vpn = Vpn { gateway: gateway.clone(), asn: first.remote_as, connections };
        Ok(notes.into_iter().map(Item::Note).chain([Item::Vpn(vpn)]).collect())
    }

    fn public_ip(&self, index: usize, addresses: usize, first: &Neighbor) -> Result<PublicIp, PlanError> {
        match self.public_ips.as_slice() {
            [] => needed(&None, first, "--edge-public-ip", "where the tunnel ends on-premises").copied(),
            [one] => Ok(*one),
            each if each.len() == addresses => Ok(each[index]),
            each => Err(PlanError::PublicIps { addresses, given: each.len() }),
        }
    }

    fn vpn_notes(&self, neighbors: &[&Neighbor], connections: usize) -> Vec<String> {
        let remotes: Vec<String> =
            neighbors.iter().map(|neighbor| format!("{}/32", neighbor.remote)).collect();
        let mut notes = vec![format!(
            "The VPN gateway is there: a route-based one, of any SKU but Basic. On the edge's host {} must be routed into the \
             tunnels, whose traffic selectors are any to any.",
            remotes.join(" and ")
        )];
        let is_apipa = |n: &&&Neighbor| matches!(n.remote, IpAddr::V4(v4) if v4.is_link_local());
        let apipa: Vec<String> = neighbors.iter().filter(is_apipa).map(|n| n.remote.to_string()).collect();
        if !apipa.is_empty() {
            notes.push(format!(
                "The gateway speaks BGP from {}: before the connection is made, these have to be its custom APIPA addresses, one of \
                 them for each instance (portal: the gateway's configuration). This export does not set them, since it does not \
                 know the gateway's IP configurations. With such addresses the gateway only listens, so the edge has to dial.",
                apipa.join(" and ")
            ));
        }
        if connections > 1 && self.public_ips.len() == 1 {
            notes.push(
                "All local network gateways have the same public address. Azure is not documented to take several connections to \
                 one; with a public address for each, give --edge-public-ip once for each."
                    .to_owned(),
            );
        }
        notes
    }

    fn expressroute(&self, neighbors: &[&Neighbor], first: &Neighbor) -> Result<Vec<Item>, PlanError> {
        let circuit = needed(&self.circuit, first, "--circuit", "the circuit's name")?;
        let vlan = needed(&self.vlan, first, "--vlan-id", "that of the circuit's private peering")?;
        let [primary, secondary] = neighbors else { return Err(PlanError::Sessions(neighbors.len())) };
        if primary.md5 != secondary.md5 {
            return Err(PlanError::OneKey);
        }
        let peering = ExpressRoutePeering {
            circuit: circuit.clone(),
            asn: first.local_as,
            primary: link(primary)?,
            secondary: link(secondary)?,
            vlan: *vlan,
            md5: primary.md5,
        };
        let note = format!(
            "The circuit is there, and its provider has provisioned it. In each /30 the first address is the edge's, the second \
             Microsoft's. {:?} is the primary link, as it stands first in the file.",
            primary.name
        );
        Ok(vec![Item::Note(note), Item::ExpressRoutePeering(peering)])
    }

    fn route_server(&self, neighbors: &[&Neighbor], first: &Neighbor) -> Result<Vec<Item>, PlanError> {
        let name = needed(&self.route_server, first, "--route-server", "the Route Server's name")?;
        let peers = local_addresses(neighbors)?.into_iter().map(|(_, address)| address).collect();
        let note = "The Route Server is there. It peers from both of its instances, which must be told the same; and the edge's own \
                    subnet needs a route of its own, 0.0.0.0/0 to the Internet, or it would send what it forwards to itself.";
        let server = RouteServer { name: name.clone(), asn: first.local_as, peers };
        Ok(vec![Item::Note(note.to_owned()), Item::RouteServer(server)])
    }

    /// Nothing is passed over in silence.
    fn left_out(&self) -> impl Iterator<Item = String> {
        let hubs = self.of(Kind::VirtualWan).into_iter().map(|neighbor| {
            format!(
                "NOT EXPORTED: neighbor {:?} is a hub of Virtual WAN. Its VPN site and connection are made with az network vpn-site \
                 and az network vpn-gateway connection (an extension of Azure's command line), or in the portal.",
                neighbor.name
            )
        });
        let others = self.neighbors.iter().filter(|neighbor| neighbor.kind.is_none()).count();
        let others = (others > 0)
            .then(|| format!("NOT EXPORTED: neighbors that are no gateways of Azure, {others} of them."));
        hubs.collect::<Vec<_>>().into_iter().chain(others)
    }
}

fn needed<'a, T>(
    value: &'a Option<T>,
    first: &Neighbor,
    option: &'static str,
    what: &'static str,
) -> Result<&'a T, PlanError> {
    let kind = first.kind.unwrap_or(Kind::VpnGateway);
    value.as_ref().ok_or_else(|| PlanError::Missing { neighbor: first.name.clone(), kind, option, what })
}

fn one_as(neighbors: &[&Neighbor], kind: Kind) -> Result<(), PlanError> {
    let all: Vec<Asn> = neighbors.iter().map(|neighbor| neighbor.remote_as).collect();
    let other = all.iter().find(|asn| **asn != all[0]);
    other.map_or(Ok(()), |other| Err(PlanError::SeveralGateways { kind, one: all[0], other: *other }))
}

/// Each of the edge's addresses once: the two instances of a gateway see one edge.
pub(crate) fn local_addresses<'a>(
    neighbors: &[&'a Neighbor],
) -> Result<Vec<(&'a Neighbor, Ipv4Addr)>, PlanError> {
    let mut addresses: Vec<(&Neighbor, Ipv4Addr)> = Vec::new();
    for neighbor in neighbors {
        let address = match neighbor.local {
            None => return Err(PlanError::NoLocalAddress(neighbor.name.clone())),
            Some(IpAddr::V6(_)) => return Err(PlanError::NotIpv4(neighbor.name.clone())),
            Some(IpAddr::V4(address)) => address,
        };
        if addresses.iter().all(|(_, known)| *known != address) {
            addresses.push((neighbor, address));
        }
    }
    Ok(addresses)
}

/// The /30 of an ExpressRoute link: the edge has its first address, Microsoft its second (ER-ROUTE).
fn link(neighbor: &Neighbor) -> Result<Ipv4Net, PlanError> {
    let local = neighbor.local.ok_or_else(|| PlanError::NoLocalAddress(neighbor.name.clone()))?;
    let no_link = || PlanError::NoLink { neighbor: neighbor.name.clone(), local, remote: neighbor.remote };
    let (IpAddr::V4(edge), IpAddr::V4(microsoft)) = (local, neighbor.remote) else { return Err(no_link()) };
    let (edge, microsoft) = (edge.to_bits(), microsoft.to_bits());
    let subnet = Ipv4Net::new_assert(Ipv4Addr::from_bits(edge & !0b11), 30);
    if edge & 0b11 == 1 && microsoft == edge + 1 { Ok(subnet) } else { Err(no_link()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbor(kind: Kind, local: &str, remote: &str) -> Neighbor {
        Neighbor {
            name: format!("to {remote}"),
            kind: Some(kind),
            local: Some(local.parse().unwrap()),
            remote: remote.parse().unwrap(),
            local_as: Asn(65010),
            remote_as: Asn(if kind == Kind::ExpressRoute { 12076 } else { 65515 }),
            md5: false,
            internet: vec![],
        }
    }

    fn plumbing(neighbors: Vec<Neighbor>) -> Plumbing {
        Plumbing {
            group: "rg".parse().unwrap(),
            location: None,
            neighbors,
            gateway: None,
            public_ips: vec![],
            prefixes: vec![],
            circuit: None,
            vlan: None,
            route_server: None,
        }
    }

    fn vpn(neighbors: Vec<Neighbor>, public_ips: &[&str]) -> Result<Vec<Connection>, PlanError> {
        let public_ips = public_ips.iter().map(|address| address.parse().unwrap()).collect();
        let plan = Plumbing { gateway: Some(Name::fit("gw")), public_ips, ..plumbing(neighbors) }.plan()?;
        let vpn = plan.items.into_iter().find_map(|item| match item {
            Item::Vpn(vpn) => Some(vpn.connections),
            _ => None,
        });
        Ok(vpn.unwrap())
    }

    fn circuit(neighbors: Vec<Neighbor>) -> Result<Plan, PlanError> {
        let circuit = Some(Name::fit("er"));
        Plumbing { circuit, vlan: Some(100), ..plumbing(neighbors) }.plan()
    }

    #[test]
    fn an_active_active_gateway_sees_one_edge_at_one_address() {
        let both = ["10.1.0.4", "10.1.0.5"].map(|to| neighbor(Kind::VpnGateway, "10.51.255.254", to));
        let connections = vpn(both.to_vec(), &["203.0.113.9"]).unwrap();
        assert_eq!(connections.len(), 1);
        assert_eq!(connections[0].bgp_address.to_string(), "10.51.255.254");
    }

    #[test]
    fn each_address_of_the_edge_has_its_public_one() {
        let both = [("169.254.21.1", "169.254.21.2"), ("169.254.22.1", "169.254.22.2")];
        let both = both.map(|(local, remote)| neighbor(Kind::VpnGateway, local, remote)).to_vec();
        let public = |ips: &[&str]| -> Vec<String> {
            vpn(both.clone(), ips).unwrap().iter().map(|c| c.public_ip.get().to_string()).collect()
        };
        assert_eq!(public(&["203.0.113.9"]), ["203.0.113.9", "203.0.113.9"]);
        assert_eq!(public(&["203.0.113.9", "203.0.113.10"]), ["203.0.113.9", "203.0.113.10"]);
        let three = ["203.0.113.9", "203.0.113.10", "203.0.113.11"];
        assert_eq!(vpn(both, &three), Err(PlanError::PublicIps { addresses: 2, given: 3 }));
    }

    #[test]
    fn what_only_the_user_knows_is_asked_for() {
        let missing = |plumbing: Plumbing| match plumbing.plan() {
            Err(PlanError::Missing { option, .. }) => option,
            other => panic!("{other:?}"),
        };
        let edge = || vec![neighbor(Kind::VpnGateway, "10.51.255.254", "10.1.0.4")];
        assert_eq!(missing(plumbing(edge())), "--gateway");
        assert_eq!(
            missing(Plumbing { gateway: Some(Name::fit("gw")), ..plumbing(edge()) }),
            "--edge-public-ip"
        );
        let link = || vec![neighbor(Kind::ExpressRoute, "192.168.100.129", "192.168.100.130")];
        assert_eq!(missing(plumbing(link())), "--circuit");
        assert_eq!(missing(Plumbing { circuit: Some(Name::fit("er")), ..plumbing(link()) }), "--vlan-id");
        let server = vec![neighbor(Kind::RouteServer, "10.1.2.4", "10.1.3.4")];
        assert_eq!(missing(plumbing(server)), "--route-server");
    }

    #[test]
    fn an_option_without_effect_is_an_error() {
        let edge = vec![neighbor(Kind::VpnGateway, "10.51.255.254", "10.1.0.4")];
        let useless = Plumbing { vlan: Some(100), ..plumbing(edge) }.plan();
        assert_eq!(useless, Err(PlanError::Useless { option: "--vlan-id", kind: Kind::ExpressRoute }));
    }

    #[test]
    fn addresses_that_azure_cannot_peer_with_are_refused() {
        let vpn = |local: &str| vpn(vec![neighbor(Kind::VpnGateway, local, "10.1.0.4")], &["203.0.113.9"]);
        assert_eq!(vpn("2001:db8::1"), Err(PlanError::NotIpv4("to 10.1.0.4".into())));
        let address = Ipv4Addr::new(203, 0, 113, 9);
        assert_eq!(
            vpn("203.0.113.9"),
            Err(PlanError::PublicBgpAddress { neighbor: "to 10.1.0.4".into(), address })
        );
        let none = Neighbor { local: None, ..neighbor(Kind::VpnGateway, "10.0.0.1", "10.1.0.4") };
        assert_eq!(
            self::vpn(vec![none], &["203.0.113.9"]),
            Err(PlanError::NoLocalAddress("to 10.1.0.4".into()))
        );
    }

    #[test]
    fn a_circuits_subnets_are_those_of_its_two_links() {
        let first = neighbor(Kind::ExpressRoute, "192.168.100.129", "192.168.100.130");
        let second = neighbor(Kind::ExpressRoute, "192.168.100.133", "192.168.100.134");
        let plan = circuit(vec![first.clone(), second.clone()]).unwrap();
        let Some(Item::ExpressRoutePeering(peering)) = plan.items.get(1) else { panic!("{plan:?}") };
        let subnets = [peering.primary, peering.secondary].map(|net| net.to_string());
        assert_eq!(subnets, ["192.168.100.128/30", "192.168.100.132/30"]);
        assert_eq!(circuit(vec![first.clone()]), Err(PlanError::Sessions(1)));
        let keyed = Neighbor { md5: true, ..second };
        assert_eq!(circuit(vec![first.clone(), keyed]), Err(PlanError::OneKey));
        for (local, remote) in [
            ("192.168.100.130", "192.168.100.129"),
            ("192.168.100.131", "192.168.100.132"),
            ("192.168.100.129", "192.168.100.134"),
            ("255.255.255.255", "0.0.0.0"),
        ] {
            let wrong = neighbor(Kind::ExpressRoute, local, remote);
            let refused = circuit(vec![first.clone(), wrong]);
            assert!(matches!(refused, Err(PlanError::NoLink { .. })), "{refused:?}");
        }
    }

    #[test]
    fn two_gateways_are_not_taken_for_one() {
        let other =
            Neighbor { remote_as: Asn(65001), ..neighbor(Kind::VpnGateway, "10.51.255.254", "10.2.0.4") };
        let both = vec![neighbor(Kind::VpnGateway, "10.51.255.254", "10.1.0.4"), other];
        let refused = vpn(both, &["203.0.113.9"]);
        assert!(matches!(refused, Err(PlanError::SeveralGateways { .. })), "{refused:?}");
    }

    #[test]
    fn what_is_left_out_is_named() {
        let hub = neighbor(Kind::VirtualWan, "10.51.255.254", "10.9.0.12");
        let router = Neighbor { kind: None, ..neighbor(Kind::VpnGateway, "10.0.0.1", "10.0.0.2") };
        let plan = plumbing(vec![hub, router.clone()]).plan().unwrap();
        let text = format!("{:?}", plan.items);
        assert!(
            text.contains("is a hub of Virtual WAN")
                && text.contains("neighbors that are no gateways of Azure, 1 of them"),
            "{text}"
        );
        assert_eq!(plumbing(vec![router]).plan(), Err(PlanError::NoGateway));
    }
}
