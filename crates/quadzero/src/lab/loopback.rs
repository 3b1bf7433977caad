//! Where the addresses of a scenario are on this machine.

use crate::config::edge::{Edge, Neighbor};
use quadzero_azure::config::Azure;
use quadzero_azure::speaker::{Endpoints, Mock};
use quadzero_fsm::{PeerConfig, Speaker, Transport};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The socket address of each address that BGP speaks of. Both sides know each other by address alone, so each gets
/// one of its own out of 127.179.0.0/16.
#[derive(Default)]
pub(super) struct Loopback(HashMap<IpAddr, SocketAddr>);

/// What the edge is called on its side of a session.
pub(super) fn edge_address(edge: &Edge, neighbor: &Neighbor) -> IpAddr {
    let configured = neighbor.peer.own_address.or(neighbor.peer.transport.local);
    configured.unwrap_or(IpAddr::V4(edge.router_id.get()))
}

impl Loopback {
    fn next(&self) -> Ipv4Addr {
        let [high, low] = (self.0.len() as u16 + 1).to_be_bytes();
        Ipv4Addr::new(127, 179, high, low)
    }

    /// Makes the speaker listen for an address.
    pub(super) fn listen(&mut self, speaker: &Speaker, address: IpAddr) -> io::Result<()> {
        if !self.0.contains_key(&address) {
            let bound = speaker.listen(SocketAddr::new(self.next().into(), 0))?;
            self.0.insert(address, bound);
        }
        Ok(())
    }

    /// The addresses so far, and those of the gateways at ports that the system will pick.
    pub(super) fn endpoints(&mut self, azure: &Azure) -> Endpoints {
        let gateways = azure.gateways.iter();
        let own = gateways.flat_map(|g| (0..g.instances.len()).flat_map(|i| g.addresses(i)));
        for address in own.map(IpAddr::V4).collect::<Vec<_>>() {
            if !self.0.contains_key(&address) {
                self.0.insert(address, SocketAddr::new(self.next().into(), 0));
            }
        }
        Endpoints(self.0.clone())
    }

    /// The edge's peer, found on loopback instead of where the scenario says it is. A neighbor that is no instance of
    /// the gateway keeps an address where nobody answers.
    pub(super) fn moved(&self, edge: &Edge, neighbor: &Neighbor, gateway: &Mock) -> PeerConfig {
        let config = neighbor.peer.clone();
        let own = edge_address(edge, neighbor);
        let remote = match config.transport.remote.ip() {
            IpAddr::V4(address) => gateway.endpoint(address),
            IpAddr::V6(_) => None,
        };
        let transport = Transport {
            remote: remote.unwrap_or(SocketAddr::new(Ipv4Addr::new(127, 179, 255, 254).into(), 1)),
            local: self.0.get(&own).map(SocketAddr::ip),
            ttl: None,
            min_ttl: None,
            md5: None,
        };
        PeerConfig { own_address: Some(own), transport, ..config }
    }
}
