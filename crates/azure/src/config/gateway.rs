//! A gateway, the machines that it is made of, and what it is connected to.

use super::{ExpressRoute, Kind, Place, Switches};
use ipnet::Ipv4Net;
use quadzero_codec::{Asn, Community};
use quadzero_fsm::Md5Key;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// A gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its resource name.
    pub name: String,
    /// Where it stands. A hub stands in itself.
    pub place: Place,
    /// Which one it is.
    pub kind: Kind,
    /// The machines that it is made of: one or two.
    pub instances: Vec<Instance>,
    /// What it is connected to.
    pub connections: Vec<Connection>,
    /// Another limit of prefixes than the documented one (azure.md §8, row 20).
    pub max_prefixes: Option<usize>,
    /// Open questions.
    pub switches: Switches,
}

/// One machine of a gateway, with a BGP speaker of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What logs call it.
    pub name: String,
    /// Its BGP peer address, out of the gateway's subnet; also its BGP Identifier (FRR-RS F).
    pub address: Ipv4Addr,
    /// Its custom BGP addresses (`customBgpIpAddresses`).
    pub apipa: Vec<Ipv4Addr>,
    /// Its public address: the next hop that network interfaces show behind an active-standby gateway.
    pub public_ip: Option<Ipv4Addr>,
}

/// A connection and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its resource name.
    pub name: String,
    /// The AS on the other side.
    pub asn: Asn,
    /// What is on the other side.
    pub link: Link,
    /// "Propagate default route" (`enableInternetSecurity`) of a connection to a hub; off by default (VWAN-FAQ D).
    pub internet_security: bool,
    /// Routers between the two speakers of BGP, each of which takes one from the TTL; a tunnel is none.
    pub hops: u8,
}

/// What is on the other side of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// A local network gateway behind a tunnel, or a site of Virtual WAN.
    Site(Site),
    /// A circuit of ExpressRoute, one of its peerings.
    Circuit(Circuit),
    /// An appliance in the virtual network that peers with Route Server: its address.
    Appliance(IpAddr),
}

/// A local network gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its BGP peer address.
    pub peer: IpAddr,
    /// The public address that its tunnels come from, if it is known (`gatewayIpAddress`).
    pub public: Option<IpAddr>,
    /// Its address space: static routes beside BGP (VPN-FAQ D).
    pub static_prefixes: Vec<Ipv4Net>,
}

/// One peering of an ExpressRoute circuit: two links, each with a session (azure.md §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circuit {
    /// The /30 of the primary link.
    pub primary: Ipv4Net,
    /// The /30 of the secondary link.
    pub secondary: Ipv4Net,
    /// The VLAN of both links.
    pub vlan: u16,
    /// The TCP MD5 key of both sessions.
    pub key: Option<Md5Key>,
    /// Standard or Premium.
    pub sku: Sku,
    /// Which peering.
    pub peering: Peering,
    /// The RoutingWeight of its connection to the gateway: more is better (ER-OPT D).
    pub weight: u32,
    /// Whether Microsoft's routers look for BFD; on by default (ER-BFD D).
    pub bfd: bool,
}

/// The SKU of a circuit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sku {
    /// 4,000 prefixes by private peering.
    #[default]
    Standard,
    /// 10,000 of them.
    Premium,
}

/// Which peering of a circuit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Peering {
    /// To virtual networks.
    #[default]
    Private,
    /// To Microsoft's public services: no virtual network is reached by it.
    Microsoft(MicrosoftPeering),
}

/// What is chosen of Microsoft's services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MicrosoftPeering {
    /// The route filter: communities of services. Without one nothing is announced (ER-ROUTE D).
    pub route_filter: Vec<Community>,
    /// The services that there are: in Azure some thousand prefixes, in the mock those that are named.
    pub services: Vec<Service>,
}

/// A prefix of one of Microsoft's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where it is.
    pub prefix: Ipv4Net,
    /// Its community, such as `12076:52004`.
    pub community: Community,
}

impl Gateway {
    /// A gateway without connections.
    pub fn new(name: impl Into<String>, place: Place, kind: Kind, instances: Vec<Instance>) -> Self {
        Self {
            name: name.into(),
            place,
            kind,
            instances,
            connections: Vec::new(),
            max_prefixes: None,
            switches: Switches::default(),
        }
    }

    /// ExpressRoute with these circuits: the instances are Microsoft's routers, at the first circuit's links.
    pub fn expressroute(name: impl Into<String>, place: Place, connections: Vec<Connection>) -> Self {
        let of_link = |instance| {
            let links = connections.iter().filter_map(|c| c.circuit());
            links.map(|c| c.microsoft(instance)).next().unwrap_or(Ipv4Addr::UNSPECIFIED)
        };
        let instances = ["primary", "secondary"].into_iter().enumerate();
        let instances = instances.map(|(i, name)| Instance::new(name, of_link(i))).collect();
        Self { connections, ..Self::new(name, place, Kind::ExpressRoute(ExpressRoute::default()), instances) }
    }

    /// Whether two instances work side by side.
    pub fn is_active_active(&self) -> bool {
        self.instances.len() > 1
    }

    /// The address that an instance peers from with a connection: that of the link on ExpressRoute; towards an
    /// APIPA peer an APIPA one, else the private one (CFG-BGP D). Of several APIPA addresses, the one in the
    /// peer's /30, else the first; none configured leaves the private one.
    ///
    /// # Panics
    /// If there is no such instance or connection.
    pub fn local_address(&self, instance: usize, connection: usize) -> Ipv4Addr {
        let connection = &self.connections[connection];
        if let Link::Circuit(circuit) = &connection.link {
            return circuit.microsoft(instance);
        }
        let IpAddr::V4(peer) = connection.peer(instance) else { return self.instances[instance].address };
        let instance = &self.instances[instance];
        if !peer.is_link_local() {
            return instance.address;
        }
        let neighbours = |a: &&Ipv4Addr| a.to_bits() >> 2 == peer.to_bits() >> 2;
        *instance.apipa.iter().find(neighbours).or(instance.apipa.first()).unwrap_or(&instance.address)
    }
}

impl Gateway {
    /// Where an instance listens: at its own address, and at those that its sessions use.
    ///
    /// # Panics
    /// If there is no such instance.
    pub fn addresses(&self, instance: usize) -> BTreeSet<Ipv4Addr> {
        let of_sessions = (0..self.connections.len()).map(|c| self.local_address(instance, c));
        // Microsoft's routers have the addresses of their links, and none beside.
        let own = (!self.kind.is_expressroute()).then_some(self.instances[instance].address);
        of_sessions.chain(own).collect()
    }
}

impl Instance {
    /// An instance with a private address alone.
    pub fn new(name: impl Into<String>, address: Ipv4Addr) -> Self {
        Self { name: name.into(), address, apipa: Vec::new(), public_ip: None }
    }
}

impl Connection {
    /// A connection with a site, without static prefixes.
    pub fn site(name: impl Into<String>, asn: Asn, peer: IpAddr) -> Self {
        let site = Site { peer, public: None, static_prefixes: Vec::new() };
        Self { name: name.into(), asn, link: Link::Site(site), internet_security: false, hops: 0 }
    }

    /// The peer of an instance.
    pub fn peer(&self, instance: usize) -> IpAddr {
        match &self.link {
            Link::Site(site) => site.peer,
            Link::Circuit(circuit) => circuit.customer(instance).into(),
            Link::Appliance(address) => *address,
        }
    }

    /// The circuit, if it is one.
    pub const fn circuit(&self) -> Option<&Circuit> {
        if let Link::Circuit(circuit) = &self.link { Some(circuit) } else { None }
    }

    /// The address space of the local network gateway.
    pub fn static_prefixes(&self) -> impl Iterator<Item = Ipv4Net> + '_ {
        let prefixes = match &self.link {
            Link::Site(site) => &site.static_prefixes[..],
            Link::Circuit(_) | Link::Appliance(_) => &[],
        };
        prefixes.iter().map(Ipv4Net::trunc)
    }
}

impl Circuit {
    /// A circuit of private peering, as Azure makes it where nothing else is said.
    pub const fn private(primary: Ipv4Net, secondary: Ipv4Net, vlan: u16) -> Self {
        Self {
            primary,
            secondary,
            vlan,
            key: None,
            sku: Sku::Standard,
            peering: Peering::Private,
            weight: 0,
            bfd: true,
        }
    }

    /// Whether it leads to virtual networks.
    pub const fn is_private(&self) -> bool {
        matches!(self.peering, Peering::Private)
    }

    /// The subnet of the primary link (0) or the secondary one.
    pub const fn subnet(&self, link: usize) -> Ipv4Net {
        if link == 0 { self.primary } else { self.secondary }
    }

    /// The customer's address on a link: the first usable one (azure.md §8, row 29).
    pub fn customer(&self, link: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.subnet(link).network().to_bits() | 1)
    }

    /// Microsoft's address on a link: the second usable one.
    pub fn microsoft(&self, link: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.subnet(link).network().to_bits() | 2)
    }
}
