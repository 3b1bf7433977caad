//! The lab whole: the world, the mock and the edges in it, and what programs their kernels.

use crate::follow::Follower;
use crate::plan::{Plan, Said, WAYS};
use crate::world::World;
use quadzero::config::Source;
use quadzero_azure::config::Azure;
use quadzero_tests::{PATIENCE, Quadzero, wait_until};
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
}

impl Lab {
    /// Starts all of it; edges announce what is said.
    pub(crate) fn start(plan: &'static Plan, said: Said) -> Self {
        let world = World::new(plan);
        let mock = Quadzero::azure(&world.fabric.at, &plan.gateway_file());
        wait_until("the mock answers", PATIENCE, || world.fabric.at.path("api.sock").exists());
        let follower = Follower::start(plan, &world);
        let deployed = Arc::new(deployed(&world));
        let mut lab = Self { follower, edges: Vec::new(), mock, world, plan, deployed };
        lab.edges = (0..plan.edges).map(|edge| Some(lab.edge(edge, said))).collect();
        lab.wait_until_announced("10.60.0.0/16", &WAYS);
        lab.wait_until_announced("0.0.0.0/0", if said.default && said.exception != Some("carve-out") { &WAYS } else { &[] });
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
        self.world.internet.swallow(crate::world::GATEWAYS_PUBLIC[way]);
    }

    /// What came by Azure's own exit, from a machine to a server.
    pub(crate) fn by_exit(&self, from: &str, to: &str) -> u64 {
        self.world.exit.left().of(from, to)
    }
}

/// The mock's file, as the verdict reads it.
fn deployed(world: &World) -> Azure {
    let file = world.fabric.at.path("azure.toml");
    let source = Source::read(&file).unwrap_or_else(|_| panic!("{} cannot be read", file.display()));
    let loaded = source.gateway();
    let complaints = loaded.render(false);
    loaded.value.unwrap_or_else(|| panic!("{complaints}")).azure
}
