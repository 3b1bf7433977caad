//! How a VPN gateway talks to its peers (azure.md §8, rows 1 to 7).

use super::Endpoints;
use crate::config::{Azure, HoldTimeBehaviour};
use crate::gateway::dials;
use crate::rules;
use quadzero_codec::{Family, HoldTime, RouterId};
use quadzero_fsm::{Capabilities, HoldNegotiation, Import, Mode, PeerConfig, Timers, Transport};

/// The peer of a connection, as an instance is configured for it.
pub(super) fn personality(
    azure: &Azure,
    instance: usize,
    connection: usize,
    endpoints: &Endpoints,
) -> PeerConfig {
    let gateway = &azure.gateway;
    let switches = gateway.switches;
    let name = format!("{}/{}", gateway.instances[instance].name, gateway.connections[connection].name);
    let local = gateway.local_address(instance, connection);
    let connection = &gateway.connections[connection];
    let source = endpoints.of(local.into()).ip();
    PeerConfig {
        name,
        local_as: gateway.asn,
        router_id: RouterId::new(gateway.instances[instance].address).expect("the rules refuse 0.0.0.0"),
        remote_as: connection.asn,
        mode: if dials(connection) { Mode::Both } else { Mode::Passive },
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        timers: Timers {
            hold: HoldTime::new(rules::HOLD_TIME_SECONDS).expect("180 is a Hold Time"),
            keepalive: Some(rules::KEEPALIVE),
            connect_retry: switches.connect_retry,
            ..Timers::default()
        },
        damp_peer_oscillations: true,
        hold_negotiation: match switches.hold_time {
            HoldTimeBehaviour::Fixed => HoldNegotiation::Fixed,
            HoldTimeBehaviour::Negotiate => HoldNegotiation::Minimum,
        },
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
            remote: endpoints.of(connection.peer),
            local: (!source.is_unspecified()).then_some(source),
            ttl: Some(switches.ttl),
            min_ttl: None,
            md5: None,
        },
    }
}
