//! The lab whole: the world, the mock and the edges in it, and what programs their kernels.

use crate::follow::{self, Change, Follower};
use crate::hop::Hop;
use crate::plan::{AZURE_PUBLIC, Plan, SERVER, SHUT, SUBNETS, Said, Subnet, WAYS, WORKLOAD};
use crate::traffic::{Part, Stream};
use crate::world::{GATEWAYS_PUBLIC, INTERFACES, World};
use quadzero::config::Source;
use quadzero_azure::config::Azure;
use quadzero_tests::{PATIENCE, Quadzero, wait_until};
use std::cell::Cell;
use std::sync::Arc;

/// Everything. What it is made of goes in this order.
pub(crate) struct Lab {
    pub(crate) follower: Follower,
    /// By index; none where one has died.
    pub(crate) edges: Vec<Option<Quadzero>>,
    pub(crate) mock: Quadzero,
    pub(crate) world: World,
    pub(crate) plan: &'static Plan,
    pub(crate) deployed: Arc<Azure>,
    /// How many changes of kernels have been printed.
    printed: Cell<usize>,
}

impl Lab {
    /// Starts all of it; edges announce what is said.
    pub(crate) fn start(plan: &'static Plan, said: Said) -> Self {
        let world = World::new(plan);
        let mock = Quadzero::azure(&world.fabric.at, &plan.gateway_file());
        wait_until("the mock answers", PATIENCE, || world.fabric.at.path("api.sock").exists());
        let follower = Follower::start(plan, &world);
        let deployed = Arc::new(deployed(&world));
        let mut lab =
            Self { follower, edges: Vec::new(), mock, world, plan, deployed, printed: Cell::new(0) };
        lab.edges = (0..plan.edges).map(|edge| Some(lab.edge(edge, said))).collect();
        lab.wait_until_announced("10.60.0.0/16", &WAYS);
        let in_one_piece = said.default && said.exception != Some("carve-out");
        lab.wait_until_announced("0.0.0.0/0", if in_one_piece { &WAYS } else { &[] });
        lab.settle();
        lab
    }

    /// Starts an edge.
    pub(crate) fn edge(&self, edge: usize, said: Said) -> Quadzero {
        Quadzero::run(&self.world.edges[edge].at, &self.plan.edge_file(edge, said))
    }

    /// The running edge, of those designs that have one.
    pub(crate) fn only_edge(&self) -> &Quadzero {
        self.edges[0].as_ref().expect("it lives")
    }

    /// Tells a running edge something.
    ///
    /// # Panics
    /// When it does not do it.
    pub(crate) fn tell(&self, edge: usize, words: &[&str]) {
        let told = Quadzero::tell(&self.world.edges[edge].at, words);
        told.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    /// A running edge announces something else from now on.
    pub(crate) fn reload(&self, edge: usize, said: Said) {
        self.world.edges[edge].at.write("run.toml", &self.plan.edge_file(edge, said));
        self.tell(edge, &["reload"]);
    }

    /// Waits until the gateways know a prefix by these ways and no others.
    pub(crate) fn wait_until_announced(&self, prefix: &str, ways: &[usize]) {
        wait_until(&format!("{prefix} by {ways:?}"), PATIENCE, || self.ways_of(prefix) == ways);
    }

    /// Waits until edges that live have heard of the network by those ways whose sessions Azure has, and all kernels know what was
    /// said.
    pub(crate) fn settle(&self) {
        wait_until("both sides have the same sessions", PATIENCE, || {
            let alive = |way: &usize| self.edges[self.plan.edge_of(*way)].is_some();
            WAYS.into_iter().filter(alive).all(|way| self.is_connected(way) == self.has_heard(way))
        });
        self.follower.catch_up();
    }

    fn is_connected(&self, way: usize) -> bool {
        let status = follow::get(&self.world.fabric.at.path("api.sock"), "/gateways/-/peer-status");
        let status = status.unwrap_or_default();
        let mut rows = status["value"].as_array().into_iter().flatten();
        rows.any(|row| {
            row["neighbor"] == self.plan.edge[way]
                && row["localAddress"] == self.plan.azure[way]
                && row["state"] == "Connected"
        })
    }

    fn has_heard(&self, way: usize) -> bool {
        let edge = &self.world.edges[self.plan.edge_of(way)].at;
        let received = follow::received(&follow::control(edge)).unwrap_or_default();
        let mut routes = received["routes"].as_array().into_iter().flatten();
        routes.any(|route| route["prefix"] == "10.1.0.0/16" && route["neighbor"] == format!("azure-{way}"))
    }

    fn ways_of(&self, prefix: &str) -> Vec<usize> {
        let learned = self.learned();
        let has = |way: &usize| {
            let local = self.plan.azure[*way];
            learned.iter().any(|row| row["network"] == prefix && row["localAddress"] == local)
        };
        WAYS.into_iter().filter(has).collect()
    }

    /// The tunnel of an instance carries nothing any more, and nobody is told.
    pub(crate) fn cut(&self, way: usize) {
        self.world.internet.swallow(GATEWAYS_PUBLIC[way]);
    }

    /// How many packets of a machine to a server were sent on by Azure's own exit.
    pub(crate) fn by_exit(&self, from: &str, to: &str) -> u64 {
        self.world.exit.left().of(from, to)
    }

    /// The machine in a subnet.
    pub(crate) fn machine(&self, subnet: &Subnet) -> &Hop {
        let mut machines = self.world.machines.iter();
        machines.find(|machine| machine.name == subnet.name).expect("every subnet has one")
    }

    /// When the default of a subnet was last led to Azure's exit.
    pub(crate) fn opened(&self, subnet: &Subnet) -> u128 {
        let table = SUBNETS.iter().position(|known| known.name == subnet.name).expect("it is one of ours");
        let words = format!("0.0.0.0/0 table {} via {}", INTERFACES + table, AZURE_PUBLIC);
        let story = self.follower.story();
        story.iter().rfind(|change| change.words.contains(&words)).expect("it was").at
    }

    /// What the kernels were told so far is nothing to print.
    pub(crate) fn print_from_here(&self) {
        self.printed.set(self.follower.story().len());
    }

    /// What the kernels were told since the last time; of the routes of interfaces, the defaults of the two subnets that are
    /// watched.
    pub(crate) fn print_changes(&self) {
        let story = self.follower.story();
        let new = &story[self.printed.replace(story.len())..];
        let first = new.first().map_or(0, |change| change.at);
        let watched = [0, 2].map(|subnet| format!(" 0.0.0.0/0 table {}", INTERFACES + subnet));
        let is_shown = |change: &&Change| {
            change.hop != "fabric" || watched.iter().any(|route| change.words.contains(route))
        };
        for change in new.iter().filter(is_shown) {
            println!("  +{:5} ms  {:9}  {}", change.at - first, change.hop, change.words);
        }
        println!();
    }
}

/// Packets that go on, to the server: from a subnet that follows what is announced, and from one that is forced by a user route.
pub(crate) struct Streams {
    pub(crate) workload: Stream,
    pub(crate) shut: Stream,
    before: [u64; 2],
}

impl Streams {
    pub(crate) fn start(lab: &Lab) -> Self {
        let [workload, shut] = [&WORKLOAD, &SHUT].map(|subnet| Stream::start(lab.machine(subnet), SERVER));
        lab.print_from_here();
        Self { workload, shut, before: exits(lab) }
    }

    /// Where both are now, after some time without a loss.
    pub(crate) fn mark(&self) -> [usize; 2] {
        self.each(Stream::wait_until_calm)
    }

    pub(crate) fn each(&self, look: impl Fn(&Stream) -> usize) -> [usize; 2] {
        [look(&self.workload), look(&self.shut)]
    }

    pub(crate) fn parts(&self, from: [usize; 2], to: [usize; 2]) -> [Part; 2] {
        [self.workload.part(from[0], to[0]), self.shut.part(from[1], to[1])]
    }

    /// How many packets of either were sent on by Azure's own exit.
    pub(crate) fn by_exit(&self, lab: &Lab) -> [u64; 2] {
        let now = exits(lab);
        [now[0] - self.before[0], now[1] - self.before[1]]
    }
}

fn exits(lab: &Lab) -> [u64; 2] {
    [&WORKLOAD, &SHUT].map(|subnet| lab.by_exit(subnet.machine, SERVER))
}

/// The mock's file, as the verdict reads it.
fn deployed(world: &World) -> Azure {
    let file = world.fabric.at.path("azure.toml");
    let source = Source::read(&file).unwrap_or_else(|_| panic!("{} cannot be read", file.display()));
    let loaded = source.gateway();
    let complaints = loaded.render(false);
    loaded.value.unwrap_or_else(|| panic!("{complaints}")).azure
}
