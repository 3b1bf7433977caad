//! Who has which address, and the files of both sides.

use std::fmt::Write;

/// A way from Azure's gateway to an edge, by its index: instance 0 and its tunnel, instance 1 and its tunnel.
pub(crate) const WAYS: [usize; 2] = [0, 1];

/// A design: who peers with whom, from which addresses.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What carries BGP and the packets.
    pub(crate) carrier: Carrier,
    /// The BGP address of each instance of the gateway.
    pub(crate) azure: [&'static str; 2],
    /// The BGP address of the edge that this instance has a way to.
    pub(crate) edge: [&'static str; 2],
    /// One edge that has both ways, or two that have one each.
    pub(crate) edges: usize,
    /// What the edge offers a VPN gateway, in seconds. The mock negotiates here, else nobody could wait for its three minutes.
    pub(crate) hold_time: u64,
    /// How many times the edge says its own AS once more toward the second instance.
    prepend: u8,
}

/// What is between Azure and the premises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// A VPN gateway of two instances, an IKEv2 tunnel each.
    Tunnels,
    /// A circuit of ExpressRoute, two links.
    Circuit,
}

/// A VPN gateway that peers from the addresses of its subnet, and dials.
pub(crate) const PRIVATE: Plan = Plan {
    carrier: Carrier::Tunnels,
    azure: ["10.1.0.4", "10.1.0.5"],
    edge: ["10.51.255.254", "10.51.255.254"],
    edges: 1,
    hold_time: 9,
    prepend: 0,
};

/// The same, whose second tunnel is the reserve.
pub(crate) const RESERVE: Plan = Plan { prepend: 2, ..PRIVATE };

/// The same, where nobody notices anything for as long as a test lasts.
pub(crate) const PATIENT: Plan = Plan { hold_time: 180, ..PRIVATE };

/// One that peers from APIPA addresses, and is dialed.
pub(crate) const APIPA: Plan =
    Plan { azure: ["169.254.21.2", "169.254.22.2"], edge: ["169.254.21.1", "169.254.22.1"], ..PRIVATE };

/// Two edges of one company, a tunnel each. (Azure would have four tunnels. One `charon` here can have but one of them: any-to-any
/// selectors twice on the one TUN device of kernel-libipsec could not be told apart.)
pub(crate) const TWO_EDGES: Plan = Plan { edge: ["10.51.255.1", "10.51.255.2"], edges: 2, ..PRIVATE };

/// ExpressRoute, whose routers look for BFD.
pub(crate) const CIRCUIT: Plan = Plan {
    carrier: Carrier::Circuit,
    azure: ["192.168.15.18", "192.168.15.22"],
    edge: ["192.168.15.17", "192.168.15.21"],
    ..PRIVATE
};

/// A server on the Internet that answers everybody.
pub(crate) const SERVER: &str = "198.51.100.7";
/// An activation server: it answers Azure's public addresses alone.
pub(crate) const KMS: &str = "198.51.100.88";
/// A machine at a branch, behind the edge.
pub(crate) const BRANCH: &str = "10.60.1.4";
/// Private addresses that nobody has.
pub(crate) const NOBODY: [&str; 2] = ["192.168.7.7", "10.99.0.1"];

/// Azure's public address, of its own exit.
pub(crate) const AZURE_PUBLIC: &str = "203.0.113.10";
/// All that is Azure's, to the activation server.
pub(crate) const AZURE_PREFIX: &str = "203.0.113.0/24";
/// The public addresses of the edges.
pub(crate) const EDGE_PUBLIC: [&str; 2] = ["192.0.2.10", "192.0.2.11"];

/// A subnet with one machine in it, and what its route table has.
#[derive(Debug)]
pub(crate) struct Subnet {
    /// Its network, and its name there. The names of all are different.
    vnet: &'static str,
    pub(crate) name: &'static str,
    pub(crate) machine: &'static str,
    settings: &'static str,
}

/// Follows what it gets.
pub(crate) const WORKLOAD: Subnet =
    Subnet { vnet: "hub", name: "workload", machine: "10.1.1.4", settings: "" };
/// Microsoft's documented way for activation: a route to Azure's exit for that server.
pub(crate) const ACTIVATING: Subnet = Subnet {
    vnet: "hub",
    name: "activating",
    machine: "10.1.2.4",
    settings: r#"route = [{ name = "kms", prefix = "198.51.100.88/32", next-hop-type = "Internet" }]"#,
};
/// Fails closed: whatever is withdrawn, the gateway is the only way.
pub(crate) const SHUT: Subnet = Subnet {
    vnet: "hub",
    name: "shut",
    machine: "10.1.3.4",
    settings: r#"route = [{ name = "out", prefix = "0.0.0.0/0", next-hop-type = "VirtualNetworkGateway" }]"#,
};
/// Opted out of forced tunneling.
pub(crate) const OPEN: Subnet = Subnet {
    vnet: "hub",
    name: "open",
    machine: "10.1.4.4",
    settings: r#"route = [{ name = "out", prefix = "0.0.0.0/0", next-hop-type = "Internet" }]"#,
};
/// Gets no route of the gateway.
pub(crate) const APART: Subnet =
    Subnet { vnet: "hub", name: "apart", machine: "10.1.5.4", settings: "propagate-gateway-routes = false" };
/// Goes nowhere but where something longer leads.
pub(crate) const NOWHERE: Subnet = Subnet {
    vnet: "hub",
    name: "nowhere",
    machine: "10.1.6.4",
    settings: r#"route = [{ name = "out", prefix = "0.0.0.0/0", next-hop-type = "None" }]"#,
};
/// In a network that is peered with the first and uses its gateway.
pub(crate) const SPOKE: Subnet = Subnet { vnet: "spoke", name: "servers", machine: "10.2.1.4", settings: "" };
/// In one that does not.
pub(crate) const ISLAND: Subnet = Subnet { vnet: "island", name: "alone", machine: "10.3.1.4", settings: "" };

/// All of them.
pub(crate) const SUBNETS: [&Subnet; 8] =
    [&WORKLOAD, &ACTIVATING, &SHUT, &OPEN, &APART, &NOWHERE, &SPOKE, &ISLAND];

/// The networks: their address spaces, and what else is said of them. The first has the gateway.
pub(crate) const VNETS: [(&str, &str, &str); 3] = [
    ("hub", "10.1.0.0/16", ""),
    ("spoke", "10.2.0.0/16", ""),
    ("island", "10.3.0.0/16", "gateway-transit = false"),
];

/// What an edge announces beside its branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    pub(crate) default: bool,
    /// The mode of the exception for the activation server.
    pub(crate) exception: Option<&'static str>,
}

/// The default route, and no exception.
pub(crate) const FORCED: Said = Said { default: true, exception: None };
/// No default route.
pub(crate) const UNFORCED: Said = Said { default: false, exception: None };

impl Subnet {
    /// As the mock calls it.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.vnet, self.name)
    }
}

impl Plan {
    /// The index of the edge that has a way.
    pub(crate) fn edge_of(&self, way: usize) -> usize {
        way % self.edges
    }

    /// The mock's file.
    pub(crate) fn gateway_file(&self) -> String {
        let mut file = match self.carrier {
            Carrier::Tunnels => self.vpn_gateway(),
            Carrier::Circuit => CIRCUIT_FILE.to_owned(),
        };
        file.push_str("[api]\nsocket = \"api.sock\"\n");
        for (vnet, space, settings) in VNETS {
            let _ = writeln!(file, "[[vnet]]\nname = \"{vnet}\"\naddress-space = [\"{space}\"]\n{settings}");
            if vnet == "hub" {
                file.push_str("[[vnet.subnet]]\nname = \"GatewaySubnet\"\nprefix = \"10.1.0.0/27\"\n");
            }
            SUBNETS.into_iter().filter(|s| s.vnet == vnet).for_each(|s| file.push_str(&self.subnet(s)));
        }
        file
    }

    /// No user route leads to a gateway of ExpressRoute (UDR D): there it is a subnet like the first.
    fn subnet(&self, subnet: &Subnet) -> String {
        let Subnet { name, machine, settings, .. } = subnet;
        let leads_to_gateway = settings.contains("VirtualNetworkGateway");
        let settings = if leads_to_gateway && self.carrier == Carrier::Circuit { "" } else { settings };
        let prefix = machine.strip_suffix(".4").expect("all machines end so");
        format!("[[vnet.subnet]]\nname = \"{name}\"\nprefix = \"{prefix}.0/24\"\n{settings}\n")
    }

    fn vpn_gateway(&self) -> String {
        let mut file = VPN_GATEWAY_FILE.to_owned();
        for (way, address) in PRIVATE.azure.iter().enumerate() {
            let apipa = self.azure.get(way).filter(|own| own != &address);
            let apipa = apipa.map(|own| format!("apipa = [\"{own}\"]\n")).unwrap_or_default();
            let _ = writeln!(file, "[[gateway.instance]]\naddress = \"{address}\"\n{apipa}");
        }
        let mut peers = self.edge.to_vec();
        peers.dedup();
        for (i, peer) in peers.iter().enumerate() {
            let _ = writeln!(
                file,
                "[[gateway.connection]]\nname = \"site-{i}\"\nasn = 65010\naddress = \"{peer}\"\n"
            );
        }
        file
    }

    /// The file of an edge.
    pub(crate) fn edge_file(&self, edge: usize, said: Said) -> String {
        let (asn, azure) = match self.carrier {
            Carrier::Tunnels => (65515, format!("hold-time = {}\n{VPN_GATEWAY}", self.hold_time)),
            Carrier::Circuit => (12076, format!("{BFD}\n{EXPRESSROUTE}")),
        };
        let mut file = format!(
            "[bgp]\nasn = 65010\nrouter-id = \"{}\"\n[drain]\nwait = \"2s\"\n\n\
             [[originate]]\nname = \"branch\"\nprefix = \"10.60.0.0/16\"\n\
             [neighbor-defaults]\nremote-as = {asn}\nimport = \"all\"\nmax-prefixes = 1000\n\
             connect-retry = \"2s\"\nidle-hold = \"1s\"\nidle-hold-max = \"2s\"\n{azure}\n",
            EDGE_PUBLIC[edge]
        );
        if said.default {
            file.push_str("[[originate]]\nprefix = \"0.0.0.0/0\"\n");
        }
        if let Some(mode) = said.exception {
            let _ =
                writeln!(file, "[[exception]]\nname = \"kms\"\nprefixes = [\"{KMS}/32\"]\nmode = \"{mode}\"");
        }
        for way in WAYS.into_iter().filter(|way| self.edge_of(*way) == edge) {
            let (azure, own) = (self.azure[way], self.edge[way]);
            let prepend = self.prepend * u8::from(way == 1);
            let _ = writeln!(
                file,
                "[[neighbor]]\nname = \"azure-{way}\"\naddress = \"{azure}\"\nlocal-address = \"{own}\"\nprepend = {prepend}"
            );
        }
        file
    }
}

const VPN_GATEWAY_FILE: &str = r#"
[gateway]
kind = "vpn-gateway"
name = "gw"
mode = "active-active"
hold-time = "negotiate"
"#;

const CIRCUIT_FILE: &str = r#"
[gateway]
kind = "expressroute"
name = "gw"

[[gateway.connection]]
name = "site-0"
asn = 65010
primary-subnet = "192.168.15.16/30"
secondary-subnet = "192.168.15.20/30"
vlan = 100

"#;

const VPN_GATEWAY: &str =
    r#"azure = { kind = "vpn-gateway", address-space = ["10.1.0.0/16", "10.2.0.0/16"] }"#;
/// Ten packets in a row have to be lost, where Azure is content with three: a busy machine is no failure.
const BFD: &str = r#"bfd = { min-tx = "300ms", min-rx = "1s", multiplier = 10 }"#;
const EXPRESSROUTE: &str =
    r#"azure = { kind = "expressroute", address-space = ["10.1.0.0/16", "10.2.0.0/16"] }"#;
