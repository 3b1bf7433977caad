//! Namespaces and links: the lab before anybody speaks BGP.

use crate::hop::Hop;
use crate::plan::{
    AZURE_PREFIX, AZURE_PUBLIC, BRANCH, Carrier, EDGE_PUBLIC, KMS, PRIVATE, Plan, SERVER, SUBNETS, Subnet,
    VNETS, WAYS,
};
use crate::tunnel::{self, DEVICE, End};
use quadzero_tests::{PATIENCE, Process, wait_until};

/// The first hop of every machine: what Azure calls the default gateway of a subnet.
pub(crate) const FABRIC: &str = "10.1.0.1";
/// Where the instances of the VPN gateway forward.
pub(crate) const GATEWAYS: [&str; 2] = ["10.1.0.14", "10.1.0.15"];
/// The inner addresses of the VPN devices on-premises.
pub(crate) const BOXES: [&str; 2] = ["10.51.0.4", "10.51.0.5"];
/// The inner addresses of the edges.
pub(crate) const EDGES: [&str; 2] = ["10.51.0.1", "10.51.0.2"];
/// The router in the middle of the Internet.
pub(crate) const INTERNET: &str = "198.51.100.1";

/// The outer addresses of the tunnels' ends.
pub(crate) const GATEWAYS_PUBLIC: [&str; 2] = ["203.0.113.4", "203.0.113.5"];
pub(crate) const BOXES_PUBLIC: [&str; 2] = ["192.0.2.4", "192.0.2.5"];

/// The links of a circuit have the same name at both ends.
pub(crate) const LINKS: [&str; 2] = ["primary", "secondary"];

/// The routing table of an instance of the gateway, and of a device on-premises: what comes out of a tunnel, or is to go into
/// it, knows of nothing else.
pub(crate) const INNER: usize = 100;
/// The routing tables of the network interfaces in the first of [`SUBNETS`], and on.
pub(crate) const INTERFACES: usize = 1000;

/// All the places. Processes go before the namespaces that they are in.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) answering: Vec<Process>,
    tunnels: Vec<End>,
    /// A machine in each of [`SUBNETS`].
    pub(crate) machines: Vec<Hop>,
    /// Azure's network, where the routes of network interfaces are. The mock speaks from here.
    pub(crate) fabric: Hop,
    /// Azure's own exit.
    pub(crate) exit: Hop,
    /// The instances of a VPN gateway.
    pub(crate) gateways: Vec<Hop>,
    /// The devices at the other ends of their tunnels.
    pub(crate) boxes: Vec<Hop>,
    pub(crate) edges: Vec<Hop>,
    pub(crate) branch: Hop,
    pub(crate) internet: Hop,
    pub(crate) server: Hop,
    pub(crate) kms: Hop,
}

impl World {
    /// Everything but BGP, and what it brings about.
    pub(crate) fn new(plan: &Plan) -> Self {
        let fabric = Hop::new("fabric", &[FABRIC]);
        VNETS.iter().for_each(|(_, space, _)| fabric.route(&format!("blackhole {space}")));
        let internet = Hop::new("internet", &[INTERNET]);
        let edges: Vec<Hop> = (0..plan.edges).map(|i| edge(i, &internet)).collect();
        let mut world = Self {
            answering: Vec::new(),
            tunnels: Vec::new(),
            machines: machines(&fabric),
            exit: exit(&fabric, &internet),
            gateways: Vec::new(),
            boxes: Vec::new(),
            branch: branch(&edges),
            server: host("server", SERVER, &internet),
            kms: host("kms", KMS, &internet),
            fabric,
            edges,
            internet,
        };
        match plan.carrier {
            Carrier::Tunnels => world.join_by_tunnels(plan),
            Carrier::Circuit => world.join_by_circuit(plan),
        }
        world.answer();
        world
    }

    /// Those that answer whoever asks.
    fn answer(&mut self) {
        let everybody = [&self.server, &self.kms, &self.branch].into_iter().chain(&self.machines);
        self.answering = everybody.map(|host| host.postman("echo", &["echo"])).collect();
        self.answering.push(self.kms.postman("kms", &["kms", AZURE_PREFIX]));
        wait_until("everybody listens who answers", PATIENCE, || {
            self.answering.iter().all(|process| process.log().contains("ready"))
        });
    }

    fn join_by_tunnels(&mut self, plan: &Plan) {
        for way in WAYS {
            self.gateways.push(gateway(plan, way, &self.fabric, &self.internet));
            self.boxes.push(device(plan, way, &self.edges[plan.edge_of(way)], &self.internet));
        }
        self.gateways[0].join_as("twin", &[GATEWAYS[0]], &self.gateways[1], "twin", &[GATEWAYS[1]]);
        for way in WAYS {
            let (gateway, device) = (&self.gateways[way], &self.boxes[way]);
            self.tunnels.push(End::start(gateway, GATEWAYS_PUBLIC[way], BOXES_PUBLIC[way]));
            self.tunnels.push(End::start(device, BOXES_PUBLIC[way], GATEWAYS_PUBLIC[way]));
            tunnel::initiate(device);
            // The gateway has a host route for its peer (LAB-BGP F); the device has nothing else beyond the tunnel.
            gateway.route(&format!("{} dev {DEVICE} table {INNER}", plan.edge[way]));
            device.route(&format!("default dev {DEVICE} table {INNER}"));
        }
    }

    /// Two links, from router to router: no instances are between.
    fn join_by_circuit(&self, plan: &Plan) {
        for way in WAYS {
            let (edge, link) = (&self.edges[0].at, LINKS[way]);
            self.fabric.at.join(link, edge, link);
            self.fabric.at.ip(&["address", "add", &format!("{}/30", plan.azure[way]), "dev", link]);
            edge.ip(&["address", "add", &format!("{}/30", plan.edge[way]), "dev", link]);
        }
    }

    /// What the activation server says: a line for each question.
    pub(crate) fn kms_log(&self) -> Vec<String> {
        let log = self.answering.last().expect("it was started last").log();
        log.lines().filter(|line| line.starts_with("asked")).map(str::to_owned).collect()
    }
}

/// Each is the first hop's neighbor, which looks up what comes from there in the routes of that subnet's interfaces.
fn machines(fabric: &Hop) -> Vec<Hop> {
    let machine = |(index, subnet): (usize, &&Subnet)| {
        let machine = Hop::new(subnet.name, &[subnet.machine]);
        machine.join(&[subnet.machine], fabric, &[FABRIC]);
        machine.route(&format!("default via {FABRIC} dev fabric"));
        fabric.rule(&format!("priority 100 iif {} lookup {}", subnet.name, INTERFACES + index));
        machine
    };
    SUBNETS.iter().enumerate().map(machine).collect()
}

fn exit(fabric: &Hop, internet: &Hop) -> Hop {
    let exit = Hop::new("exit", &[AZURE_PUBLIC]);
    exit.join(&[AZURE_PUBLIC], fabric, &[FABRIC]);
    exit.join(&[AZURE_PUBLIC], internet, &[INTERNET]);
    exit.route(&format!("default via {INTERNET} dev internet"));
    VNETS.iter().for_each(|(_, space, _)| exit.route(&format!("{space} via {FABRIC} dev fabric")));
    exit.translate(AZURE_PUBLIC);
    exit
}

fn edge(index: usize, internet: &Hop) -> Hop {
    let edge = Hop::new(["edge-0", "edge-1"][index], &[EDGES[index], EDGE_PUBLIC[index]]);
    edge.join(&[EDGE_PUBLIC[index]], internet, &[INTERNET]);
    edge.route(&format!("default via {INTERNET} dev internet"));
    edge.translate(EDGE_PUBLIC[index]);
    edge
}

/// All edges know it; it knows the first.
fn branch(edges: &[Hop]) -> Hop {
    let branch = host("branch", BRANCH, &edges[0]);
    if let Some(second) = edges.get(1) {
        branch.join(&[BRANCH], second, &[EDGES[1]]);
    }
    branch
}

/// A machine behind a router.
fn host(name: &'static str, address: &'static str, router: &Hop) -> Hop {
    let host = Hop::new(name, &[address]);
    let first = if router.name == "internet" { INTERNET } else { EDGES[0] };
    host.join(&[address], router, &[first]);
    host.route(&format!("default via {first} dev {}", router.name));
    host
}

/// An instance of the gateway. BGP is spoken in the fabric, where the mock is; here what it says enters and leaves the tunnel.
fn gateway(plan: &Plan, way: usize, fabric: &Hop, internet: &Hop) -> Hop {
    let name = ["gateway-0", "gateway-1"][way];
    let gateway = Hop::new(name, &[GATEWAYS[way]]);
    gateway.join(&[GATEWAYS[way]], fabric, &[FABRIC]);
    underlay(&gateway, GATEWAYS_PUBLIC[way], internet);
    for inner in ["fabric", "twin", DEVICE] {
        gateway.rule(&format!("priority 100 iif {inner} lookup {INNER}"));
    }
    // It serves its own network, and the one that uses it.
    for (_, space, _) in &VNETS[..2] {
        gateway.rule(&format!("priority 101 to {space} lookup {INNER}"));
        gateway.route(&format!("{space} via {FABRIC} dev fabric table {INNER}"));
    }
    gateway.route(&format!("blackhole default metric 9999 table {INNER}"));
    if plan.azure[way] != PRIVATE.azure[way] {
        gateway.route(&format!("{} via {FABRIC} dev fabric table {INNER}", plan.azure[way]));
        fabric.at.ip(&["address", "add", &format!("{}/32", plan.azure[way]), "dev", "lo"]);
    }
    fabric.at.ip(&["address", "add", &format!("{}/32", PRIVATE.azure[way]), "dev", "lo"]);
    let table = 104 + way;
    fabric.rule(&format!("priority 104 from {} lookup {table}", plan.azure[way]));
    fabric.route(&format!("default via {} dev {name} table {table}", GATEWAYS[way]));
    gateway
}

/// A VPN device on-premises, at the other end of a tunnel: from the edge into it, out of it to the edge.
fn device(plan: &Plan, way: usize, edge: &Hop, internet: &Hop) -> Hop {
    let device = Hop::new(["vpn-0", "vpn-1"][way], &[BOXES[way]]);
    let router = EDGES[plan.edge_of(way)];
    device.join(&[BOXES[way]], edge, &[router]);
    underlay(&device, BOXES_PUBLIC[way], internet);
    device.rule(&format!("priority 100 iif {} lookup {INNER}", edge.name));
    device.rule(&format!("priority 101 iif {DEVICE} lookup 101"));
    device.route(&format!("default via {router} dev {} table 101", edge.name));
    edge.at.ip(&["address", "replace", &format!("{}/32", plan.edge[way]), "dev", "lo"]);
    edge.route(&format!("{} via {} dev {}", plan.azure[way], BOXES[way], device.name));
    device
}

/// What carries the tunnel.
fn underlay(end: &Hop, public: &str, internet: &Hop) {
    end.join(&[public], internet, &[INTERNET]);
    end.at.ip(&["address", "add", &format!("{public}/32"), "dev", "internet"]);
    end.route(&format!("default via {INTERNET} dev internet"));
}
