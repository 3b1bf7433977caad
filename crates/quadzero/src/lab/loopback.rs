//! Where the addresses of a scenario are on this machine.

use super::line::Line;
use crate::config::edge::Neighbor;
use crate::config::scenario::Side;
use quadzero_azure::config::Azure;
use quadzero_azure::speaker::{Endpoints, Mock};
use quadzero_fsm::{PeerConfig, Speaker, Transport};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A port where nobody listens.
const NOBODY: u16 = 1;

/// The socket address of each address that BGP speaks of. Both sides know each other by address alone, so each gets
/// one of its own out of 127.179.0.0/16.
#[derive(Default)]
pub(super) struct Loopback {
    /// Where each is.
    at: HashMap<IpAddr, SocketAddr>,
    /// Where edges are dialled that have a line.
    by_line: HashMap<IpAddr, SocketAddr>,
}

impl Loopback {
    fn next(&self) -> Ipv4Addr {
        let [high, low] = (self.at.len() as u16 + 1).to_be_bytes();
        Ipv4Addr::new(127, 179, high, low)
    }

    /// Makes the speaker listen for an address: where it did before, if it did.
    pub(super) fn listen(&mut self, speaker: &Speaker, address: IpAddr) -> io::Result<()> {
        let before = self.at.get(&address).copied();
        let bound = speaker.listen(before.unwrap_or(SocketAddr::new(self.next().into(), 0)))?;
        self.at.insert(address, bound);
        Ok(())
    }

    /// Lets the gateways reach an address of an edge by its line.
    pub(super) fn reach(&mut self, address: IpAddr, line: &mut Line) -> io::Result<()> {
        if let Some(at) = self.at.get(&address) {
            self.by_line.insert(address, line.towards(*at)?);
        }
        Ok(())
    }

    /// Makes a speaker listen that nobody in BGP has an address for.
    pub(super) fn listen_aside(&mut self, speaker: &Speaker) -> io::Result<SocketAddr> {
        let bound = speaker.listen(SocketAddr::new(self.next().into(), 0))?;
        self.at.insert(bound.ip(), bound);
        Ok(bound)
    }

    /// The addresses so far, and those of the gateways at ports that the system will pick. A peer that is no edge of the
    /// scenario has one where nobody answers: nothing is dialled that is not on loopback.
    pub(super) fn endpoints(&mut self, azure: &Azure) -> Endpoints {
        let gateways = azure.gateways.iter();
        let own = gateways.flat_map(|g| (0..g.instances.len()).flat_map(|i| g.addresses(i)));
        let own = own.map(|address| (IpAddr::V4(address), 0));
        let peers = azure.sessions().map(|session| (azure.peer_address(session), NOBODY));
        for (address, port) in own.chain(peers).collect::<Vec<_>>() {
            if !self.at.contains_key(&address) {
                self.at.insert(address, SocketAddr::new(self.next().into(), port));
            }
        }
        Endpoints(self.at.iter().chain(&self.by_line).map(|(bgp, socket)| (*bgp, *socket)).collect())
    }

    /// The edge's peer, found on loopback instead of where the scenario says it is. A neighbor that is no instance of
    /// a gateway, or that the site has no route to, keeps an address where nobody answers.
    pub(super) fn moved(
        &self,
        side: &Side,
        neighbor: &Neighbor,
        gateways: &[Mock],
        line: Option<&mut Line>,
    ) -> io::Result<PeerConfig> {
        let config = neighbor.peer.clone();
        let own = side.edge.address_towards(neighbor);
        let remote = match config.transport.remote.ip() {
            address if !side.reaches(address) => None,
            IpAddr::V4(address) => gateways.iter().find_map(|gateway| gateway.endpoint(address)),
            IpAddr::V6(_) => None,
        };
        let remote = match (remote, line) {
            (Some(remote), Some(line)) => Some(line.towards(remote)?),
            (remote, _) => remote,
        };
        let transport = Transport {
            remote: remote.unwrap_or_else(|| nowhere(config.transport.remote.ip())),
            local: self.at.get(&own).map(SocketAddr::ip),
            md5: None,
            // A TTL is never used up on loopback, but what arrives with too low a one is not taken, on either side.
            ..config.transport
        };
        Ok(PeerConfig { own_address: Some(own), transport, ..config })
    }
}

/// An address of its own for each neighbor that is not there.
fn nowhere(neighbor: IpAddr) -> SocketAddr {
    let [.., c, d] = match neighbor {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(_) => [127, 178, 255, 254],
    };
    SocketAddr::new(Ipv4Addr::new(127, 178, c, d).into(), NOBODY)
}
