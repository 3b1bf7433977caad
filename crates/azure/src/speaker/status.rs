//! The state of the sessions, as Azure tells it.

use super::{Mock, Session};
use crate::config::SessionId;
use crate::effective::Listing;
use crate::gateway::{BgpPeerStatus, CircuitNeighbor, ConnectedDuration, PeerState};
use quadzero_fsm::State;
use std::sync::atomic::Ordering;

impl Mock {
    /// What `az network vnet-gateway list-bgp-peer-status` prints: the instances one after the other, each
    /// with its twin, if it has one, and itself (LAB-BGP F). The twins talk on no wire, so that no messages
    /// between them are counted.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn peer_status(&self, gateway: usize) -> Listing<BgpPeerStatus> {
        let instances = 0..self.azure().gateways[gateway].instances.len();
        let rows = |i| {
            let sessions = self.of_instance(gateway, i);
            self.instance_rows(gateway, i)
                .into_iter()
                .chain(sessions.map(|session| self.session_row(session)))
        };
        Listing { value: instances.flat_map(rows).collect() }
    }

    /// What `az network express-route list-route-tables-summary` prints of the router at a link: the instances of the gateway
    /// behind it, and the customer.
    ///
    /// # Panics
    /// If there is no such gateway.
    pub fn circuit_summary(&self, id: SessionId) -> Listing<CircuitNeighbor> {
        let azure = self.azure();
        let (neighbor, asn) = (azure.peer_address(id), azure.connection(id).asn.0);
        let of_link = self.sessions.iter().filter(|session| session.id == id).map(|session| {
            let status = session.peer.status();
            let status = status.borrow();
            match status.state {
                State::Established => {
                    CircuitNeighbor::up(neighbor, asn, status.since.elapsed(), status.prefixes_received)
                }
                state => CircuitNeighbor::down(neighbor, asn, state.to_string()),
            }
        });
        let gateway = self.table.borrow().gateway_neighbors(id, self.started.elapsed());
        Listing { value: gateway.into_iter().chain(of_link).collect() }
    }

    pub(super) fn of_instance(&self, gateway: usize, instance: usize) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(move |s| (s.id.gateway, s.id.instance) == (gateway, instance))
    }

    /// Instances of one gateway see each other; Route Server's and the routers of ExpressRoute do not.
    fn instance_rows(&self, index: usize, instance: usize) -> Vec<BgpPeerStatus> {
        let azure = self.azure();
        let gateway = &azure.gateways[index];
        let talk = gateway.kind.vpn().is_some() || gateway.kind.hub().is_some();
        let shown = if gateway.is_active_active() && talk { &gateway.instances[..] } else { &[] };
        let learned = self.table.borrow().routes_from_twin(index, instance);
        let row = |(i, other): (usize, &crate::config::Instance)| {
            let state = match i {
                _ if i == instance => PeerState::Unknown,
                _ if self.is_down(index, i) || self.is_down(index, instance) => PeerState::Connecting,
                _ => PeerState::Connected,
            };
            let up = state == PeerState::Connected;
            BgpPeerStatus {
                asn: gateway.asn().0,
                connected_duration: up.then(|| ConnectedDuration(self.started.elapsed())),
                local_address: gateway.instances[instance].address,
                messages_received: 0,
                messages_sent: 0,
                neighbor: other.address.into(),
                routes_received: if up { learned } else { 0 },
                state,
            }
        };
        shown.iter().enumerate().map(row).collect()
    }

    /// Whether an instance was taken down, or is away by an outage.
    pub fn is_down(&self, gateway: usize, instance: usize) -> bool {
        let mut sessions = self.of_instance(gateway, instance).peekable();
        sessions.peek().is_some() && sessions.all(|session| session.stopped.load(Ordering::Relaxed))
    }

    fn session_row(&self, session: &Session) -> BgpPeerStatus {
        let azure = self.azure();
        let status = session.peer.status();
        let status = status.borrow();
        let up = status.state == State::Established;
        BgpPeerStatus {
            asn: azure.connection(session.id).asn.0,
            connected_duration: up.then(|| ConnectedDuration(status.since.elapsed())),
            local_address: azure.local_address(session.id),
            messages_received: status.counters.messages_received,
            messages_sent: status.counters.messages_sent,
            neighbor: azure.peer_address(session.id),
            routes_received: status.prefixes_received,
            state: match status.state {
                State::Idle if session.stopped.load(Ordering::Relaxed) => PeerState::Stopped,
                State::Idle => PeerState::Idle,
                State::Connect | State::Active | State::OpenSent | State::OpenConfirm => {
                    PeerState::Connecting
                }
                State::Established => PeerState::Connected,
            },
        }
    }
}
