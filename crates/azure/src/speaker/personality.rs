//! How a gateway talks to its peers (azure.md §8, rows 1 to 8, 27 and 29): the [manners](crate::gateway::kind) of its
//! kind, as the configuration of a BGP peer.

use super::Endpoints;
use crate::config::{Azure, SessionId};
use crate::gateway::kind;
use crate::rules;
use quadzero_codec::{Family, RouterId};
use quadzero_fsm::{Capabilities, Import, Mode, PeerConfig, Timers, Transport};

/// The peer of a session, as Azure's side is configured for it.
pub(crate) fn personality(azure: &Azure, id: SessionId, endpoints: &Endpoints) -> PeerConfig {
    let gateway = &azure.gateways[id.gateway];
    let (manners, switches) = (gateway.kind.manners(), gateway.switches);
    let connection = azure.connection(id);
    let name = format!("{}/{}/{}", gateway.name, gateway.instances[id.instance].name, connection.name);
    let local = azure.local_address(id);
    let source = endpoints.of(local.into()).ip();
    let identifier = manners.identifier(gateway, id.instance, id.connection);
    PeerConfig {
        name,
        local_as: manners.asn(),
        router_id: RouterId::new(identifier).expect("the rules refuse 0.0.0.0"),
        remote_as: connection.asn,
        mode: if manners.dials(connection) { Mode::Both } else { Mode::Passive },
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        timers: Timers {
            hold: kind::hold_time(),
            keepalive: Some(rules::KEEPALIVE),
            connect_retry: switches.connect_retry,
            ..Timers::default()
        },
        damp_peer_oscillations: true,
        hold_negotiation: manners.hold_negotiation(switches.hold_time),
        role: None,
        capabilities: Capabilities {
            four_octet_as: switches.four_octet_as,
            route_refresh: true,
            enhanced_route_refresh: false,
            extended_message: false,
            graceful_restart: None,
        },
        import: Import::All,
        own_address: Some(local.into()),
        // The limit is the gateway's, over all sessions: the thinker keeps it.
        // Nobody has seen a gateway do so (azure.md §1.5, "communities: U").
        honour_graceful_shutdown: false,
        max_prefixes: None,
        max_prefixes_out: None,
        transport: Transport {
            remote: endpoints.of(azure.peer_address(id)),
            local: (!source.is_unspecified()).then_some(source),
            // What lies between has taken from the TTL of what arrives: on a shorter way the kernel drops what would have been
            // lost on the real one, and we send with what would have been left.
            ttl: Some(switches.ttl.saturating_sub(connection.hops).max(1)),
            min_ttl: (connection.hops > 0).then(|| connection.hops.saturating_add(1)),
            md5: connection.circuit().and_then(|circuit| circuit.key.clone()),
        },
    }
}
