//! An edge of the lab, which may stop and start.

use super::line::Line;
use super::loopback::Loopback;
use super::{LabError, PATIENCE};
use crate::config::scenario::Side;
use crate::router::Router;
use quadzero_azure::speaker::Mock;
use quadzero_azure::verdict::Exit;
use quadzero_codec::NextHop;
use quadzero_fsm::{Peer, PeerConfig, Speaker};
use quadzero_policy::Health;
use quadzero_rib::Route;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// An edge, whether it runs or not.
pub(super) struct Running {
    pub(super) side: Side,
    configs: Vec<PeerConfig>,
    router: Option<Router>,
    /// Whether it forwards: also while it says good-bye.
    alive: bool,
    /// Its peers, also while it says good-bye; none while it does not run.
    pub(super) peers: Vec<Peer>,
    /// The site's way to the Internet.
    pub(super) internet: Exit,
    /// What can fall silent, if it is to.
    line: Option<Line>,
}

impl Running {
    /// Listens: the gateways have to know where.
    pub(super) fn listen(side: &Side, loopback: &mut Loopback) -> io::Result<Speaker> {
        let speaker = Speaker::new();
        addresses(side).into_iter().try_for_each(|address| loopback.listen(&speaker, address))?;
        Ok(speaker)
    }

    /// The line of an edge that listens.
    pub(super) fn line(side: &Side, loopback: &mut Loopback) -> io::Result<Line> {
        let mut line = Line::new();
        addresses(side).into_iter().try_for_each(|address| loopback.reach(address, &mut line))?;
        Ok(line)
    }

    /// Starts the edge, now that the gateways are there.
    pub(super) fn start(
        side: Side,
        speaker: Speaker,
        mut line: Option<Line>,
        loopback: &Loopback,
        gateways: &[Mock],
    ) -> Result<Self, LabError> {
        let neighbors = side.edge.neighbors.iter();
        let configs = neighbors.map(|n| loopback.moved(&side, n, gateways, line.as_mut()));
        let configs = configs.collect::<io::Result<Vec<_>>>()?;
        let (internet, peers) = (side.internet, Vec::new());
        let mut running = Self { side, configs, router: None, alive: false, peers, internet, line };
        running.run(speaker)?;
        Ok(running)
    }

    fn run(&mut self, speaker: Speaker) -> Result<(), LabError> {
        let router = Router::with(speaker, &self.side.edge, self.configs.clone(), &Health::good())?;
        self.peers = router.peers().to_vec();
        self.router = Some(router);
        self.alive = true;
        Ok(())
    }

    /// Starts it again, at the same addresses: the sockets of a moment ago may still be on their way out.
    pub(super) async fn start_again(&mut self, loopback: &mut Loopback) -> Result<(), LabError> {
        if self.is_up() {
            return Ok(());
        }
        let begun = Instant::now();
        let speaker = loop {
            match Self::listen(&self.side, loopback) {
                Ok(speaker) => break speaker,
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.run(speaker)
    }

    /// The edge at work, to be ended; what its peers do can still be watched.
    pub(super) fn take(&mut self) -> Option<Router> {
        self.router.take()
    }

    /// Nothing is left of it.
    pub(super) fn kill(&mut self) {
        self.router = None;
        self.alive = false;
        self.peers.clear();
    }

    pub(super) fn is_up(&self) -> bool {
        self.alive
    }

    pub(super) fn withdraw(&self) {
        self.router.iter().for_each(Router::withdraw);
    }

    pub(super) fn announce(&self) {
        self.router.iter().for_each(|router| _ = router.follow(&self.side.edge, &Health::good()));
    }

    /// Whether a packet that is sent there now gets out.
    pub(super) fn exit(&self) -> Exit {
        let is_cut = self.line.as_ref().is_some_and(Line::is_cut);
        if self.is_up() && !is_cut { self.internet } else { Exit::Dead }
    }

    /// What it has learned, with the next hops that it was told.
    pub(super) fn learned(&self) -> impl Iterator<Item = Route> {
        self.peers.iter().flat_map(|peer| peer.learned().to_set().iter().cloned().collect::<Vec<_>>())
    }

    /// How many of the routes that a neighbor is told have its own AS in their path: it takes none of them, and tells nobody.
    pub(super) fn loops(&self, neighbor: usize) -> usize {
        let member = self.router.as_ref().and_then(|router| router.members().get(neighbor));
        let Some(member) = member else { return 0 };
        let remote_as = member.neighbor.peer.remote_as;
        member.wanted().iter().filter(|route| route.attributes.as_path.contains(remote_as)).count()
    }

    /// Whether the router of the site forwards by a route with this next hop: it must be on the way of a route of its
    /// own, or be another edge of the site, which is on its network.
    pub(super) fn resolves(&self, next_hop: NextHop, of_site: &[IpAddr]) -> bool {
        let NextHop::Address(address) = next_hop else { return true };
        of_site.contains(&address) || (self.side.reaches(address) && !self.side.connected_check)
    }

    /// Cuts the line, or mends it.
    pub(super) fn cut(&self, is_cut: bool) {
        self.line.iter().for_each(|line| line.cut(is_cut));
    }
}

/// What it is called on its side of its sessions, each once.
fn addresses(side: &Side) -> BTreeSet<IpAddr> {
    side.addresses().collect()
}
