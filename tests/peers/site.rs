//! The two places and what joins them.

use quadzero_tests::{Namespace, root};
use std::path::PathBuf;

/// What is at the other end, and how it is reached. The first of two is the way that is used.
#[derive(Debug)]
pub(crate) struct Plan {
    /// As in the names of files.
    pub(crate) name: &'static str,
    /// The AS of Azure's side.
    pub(crate) asn: u32,
    /// What Azure puts before an AS_PATH that it has learned.
    before: &'static str,
    /// What Azure tells besides its networks, which no edge wants.
    pub(crate) unwanted: &'static [&'static str],
    /// Azure's addresses.
    pub(crate) azure: [&'static str; 2],
    /// Those of the edge.
    edge: [&'static str; 2],
    /// The interfaces on both sides.
    links: [&'static str; 2],
    /// The links have networks of their own; else the addresses are those of hosts at the ends of tunnels.
    connected: bool,
    /// Whether a way that fails is noticed within a minute; if not, the hold time is three.
    pub(crate) notices_by_itself: bool,
}

/// An active-active VPN gateway.
pub(crate) const VPN_GATEWAY: Plan = Plan {
    name: "vpn-gateway",
    asn: 65515,
    before: "",
    unwanted: &["10.60.0.0/16", "10.60.255.254/32"],
    azure: ["10.1.0.4", "10.1.0.5"],
    edge: ["10.51.255.254"; 2],
    links: ["azure0", "azure1"],
    connected: false,
    notices_by_itself: false,
};

/// An ExpressRoute circuit.
pub(crate) const EXPRESSROUTE: Plan = Plan {
    name: "expressroute",
    asn: 12076,
    before: "12076-",
    unwanted: &[],
    azure: ["192.168.15.18", "192.168.15.22"],
    edge: ["192.168.15.17", "192.168.15.21"],
    links: ["er-primary", "er-secondary"],
    connected: true,
    notices_by_itself: true,
};

impl Plan {
    /// A file of config/peers, as it is shipped.
    pub(crate) fn file(&self, who: &str, ending: &str) -> PathBuf {
        root().join(format!("config/peers/{who}-{}.{ending}", self.name))
    }

    /// Where the edge listens, each address once.
    pub(crate) fn edge_addresses(&self) -> String {
        let [first, second] = self.edge;
        if first == second { first.to_owned() } else { format!("{first} {second}") }
    }

    /// The AS_PATH of what the edge says with its own AS so many times, as Azure shows it.
    pub(crate) fn path(&self, times: usize) -> String {
        format!("{}{}", self.before, vec!["65010"; times].join("-"))
    }
}

/// The namespaces of both.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) plan: &'static Plan,
    pub(crate) edge: Namespace,
    pub(crate) azure: Namespace,
}

impl Site {
    pub(crate) fn new(plan: &'static Plan) -> Self {
        let (edge, azure) = Namespace::pair(&plan.links);
        let site = Self { plan, edge, azure };
        for way in 0..2 {
            if plan.connected {
                site.number(way);
            } else {
                site.number_hosts(way);
            }
        }
        site
    }

    fn number(&self, way: usize) {
        let Plan { azure, edge, links, .. } = self.plan;
        for (at, address) in [(&self.azure, azure[way]), (&self.edge, edge[way])] {
            at.ip(&["address", "add", &format!("{address}/30"), "dev", links[way]]);
        }
    }

    /// Each instance of the gateway has its own tunnel, and sends through that alone. The edge's host routes are the affair of
    /// its configuration.
    fn number_hosts(&self, way: usize) {
        let Plan { azure, edge, links, .. } = self.plan;
        let table = (104 + way).to_string();
        self.azure.ip(&["address", "add", &format!("{}/32", azure[way]), "dev", "lo"]);
        self.azure.ip(&["rule", "add", "from", azure[way], "lookup", &table]);
        self.azure.ip(&["route", "add", edge[way], "dev", links[way], "table", &table]);
        if way == 0 {
            self.edge.ip(&["address", "add", &format!("{}/32", edge[way]), "dev", "lo"]);
        }
    }

    /// From now on what is sent one way arrives at nobody. No interface goes down, no route goes, nobody is told.
    pub(crate) fn cut(&self, way: usize) {
        for (at, far) in self.ends(way) {
            at.ip(&[
                "neigh",
                "replace",
                far,
                "lladdr",
                "02:00:00:00:00:99",
                "nud",
                "permanent",
                "dev",
                self.plan.links[way],
            ]);
        }
    }

    pub(crate) fn mend(&self, way: usize) {
        for (at, far) in self.ends(way) {
            at.ip(&["neigh", "del", far, "dev", self.plan.links[way]]);
        }
    }

    /// Both ends learn at once what their hold timers would tell them after three minutes.
    pub(crate) fn give_up(&self, way: usize) {
        for (at, _) in self.ends(way) {
            at.reset_connections(self.plan.azure[way]);
        }
    }

    /// Each end, and who is at the other one.
    fn ends(&self, way: usize) -> [(&Namespace, &'static str); 2] {
        [(&self.azure, self.plan.edge[way]), (&self.edge, self.plan.azure[way])]
    }
}
