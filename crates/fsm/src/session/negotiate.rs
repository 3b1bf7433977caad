//! Two OPENs become one agreement.

use super::Addresses;
use crate::{HoldNegotiation, PeerConfig};
use bytes::Bytes;
use quadzero_codec::{
    Asn, Capability, Dialect, ErrorCode, Family, GracefulRestart, HoldTime, Notification, Open, Role,
    RouterId,
};
use std::{net::IpAddr, time::Duration};

/// What holds for one Established session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The peer's AS.
    pub remote_as: Asn,
    /// The peer's BGP Identifier.
    pub router_id: RouterId,
    /// The Hold Time that holds.
    pub hold_time: HoldTime,
    /// The one that the peer proposed.
    pub peer_hold_time: HoldTime,
    /// Time between KEEPALIVEs, before jitter; `None` where Hold Time is 0.
    pub keepalive: Option<Duration>,
    /// Families that both offered.
    pub families: Vec<Family>,
    /// The peer understands ROUTE-REFRESH.
    pub route_refresh: bool,
    /// The peer's graceful restart capability.
    pub graceful_restart: Option<GracefulRestart>,
    /// We have said it too.
    pub we_restart_gracefully: bool,
    /// The peer's role (RFC 9234).
    pub role: Option<Role>,
    /// How bytes are read and written.
    pub dialect: Dialect,
}

/// The OPEN that we send; `restarted`: the first one since we started.
pub(super) fn our_open(config: &PeerConfig, restarted: bool) -> Open {
    let switches = config.capabilities;
    let mut capabilities: Vec<_> = config.families.iter().copied().map(Capability::Multiprotocol).collect();
    let optional = [
        (switches.route_refresh, Capability::RouteRefresh),
        (switches.extended_message, Capability::ExtendedMessage),
        (switches.four_octet_as, Capability::FourOctetAs(config.local_as)),
        (switches.enhanced_route_refresh, Capability::EnhancedRouteRefresh),
    ];
    capabilities.extend(optional.into_iter().filter_map(|(on, capability)| on.then_some(capability)));
    capabilities.extend(config.role.map(Capability::Role));
    capabilities.extend(switches.graceful_restart.map(|time| {
        Capability::GracefulRestart(GracefulRestart {
            restarted,
            notification: true,
            restart_time: time.seconds(),
            families: config.families.iter().map(|family| (*family, true)).collect(),
        })
    }));
    Open { asn: config.local_as, hold_time: config.timers.hold, router_id: config.router_id, capabilities }
}

/// Why an OPEN is not acceptable: for the peer, and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the peer is told.
    pub notification: Notification,
    /// What it says, and what it should say.
    pub why: String,
}

impl Refusal {
    fn new(code: ErrorCode, why: String) -> Self {
        Self { notification: Notification::new(code), why }
    }
}

/// What the peer's OPEN and our configuration agree on.
///
/// # Errors
/// What refuses it.
pub fn negotiate(config: &PeerConfig, addresses: Addresses, open: Open) -> Result<Negotiated, Refusal> {
    check_identity(config, &open)?;
    let role = check_role(config, &open)?;
    let families = common_families(config, &open)?;
    let both = |ours: bool, capability: &Capability| ours && open.has(capability);
    let four_octet = open.capabilities.iter().any(|c| matches!(c, Capability::FourOctetAs(_)));
    let (own_ipv4, own_ipv6) = own_addresses(config, addresses);
    let switches = config.capabilities;
    let dialect = Dialect {
        four_octet_as: switches.four_octet_as && four_octet,
        receive_extended: switches.extended_message,
        send_extended: both(switches.extended_message, &Capability::ExtendedMessage),
        internal: config.local_as == open.asn,
        ipv4: families.contains(&Family::IPV4_UNICAST),
        ipv6: families.contains(&Family::IPV6_UNICAST),
        enhanced_refresh: both(switches.enhanced_route_refresh, &Capability::EnhancedRouteRefresh),
        own_ipv4,
        own_ipv6,
    };
    let hold_time = hold_time(config, open.hold_time);
    Ok(Negotiated {
        remote_as: open.asn,
        router_id: open.router_id,
        hold_time,
        peer_hold_time: open.hold_time,
        keepalive: keepalive(config, hold_time),
        route_refresh: both(switches.route_refresh, &Capability::RouteRefresh),
        graceful_restart: last_graceful_restart(open.capabilities),
        we_restart_gracefully: switches.graceful_restart.is_some(),
        families,
        role,
        dialect,
    })
}

/// RFC 4271 §6.2: the AS must be the configured one. RFC 6286 §2.2: within an AS, identifiers must differ.
fn check_identity(config: &PeerConfig, open: &Open) -> Result<(), Refusal> {
    if open.asn != config.remote_as {
        let why = format!("the peer is in AS {}, configured is AS {}", open.asn, config.remote_as);
        return Err(Refusal::new(ErrorCode::OPEN_BAD_PEER_AS, why));
    }
    if open.router_id == config.router_id && open.asn == config.local_as {
        let why = format!("the peer's BGP Identifier is ours, {}", open.router_id);
        return Err(Refusal::new(ErrorCode::OPEN_BAD_BGP_IDENTIFIER, why));
    }
    Ok(())
}

/// RFC 9234 §4.2: where both say a role, the two must fit; several different ones never do.
fn check_role(config: &PeerConfig, open: &Open) -> Result<Option<Role>, Refusal> {
    let mut roles =
        open.capabilities.iter().filter_map(|c| if let Capability::Role(r) = c { Some(*r) } else { None });
    let theirs = roles.next();
    let mismatch = |why| Refusal::new(ErrorCode::OPEN_ROLE_MISMATCH, why);
    if roles.any(|r| Some(r) != theirs) {
        return Err(mismatch("the peer says two different roles".into()));
    }
    let fits = |ours, theirs| {
        use Role::{Customer, Peer, Provider, RouteServer, RouteServerClient};
        matches!(
            (ours, theirs),
            (Provider, Customer)
                | (Customer, Provider)
                | (Peer, Peer)
                | (RouteServer, RouteServerClient)
                | (RouteServerClient, RouteServer)
        )
    };
    match (config.role, theirs) {
        (Some(ours), Some(theirs)) if !fits(ours, theirs) => {
            Err(mismatch(format!("the peer's role is {theirs:?}, ours is {ours:?}")))
        }
        _ => Ok(theirs),
    }
}

/// No family in common: NOTIFICATION 2/7 with a capability that is missed (RFC 5492 §5).
fn common_families(config: &PeerConfig, open: &Open) -> Result<Vec<Family>, Refusal> {
    let theirs = open.families();
    let common: Vec<_> = config.families.iter().copied().filter(|f| theirs.contains(f)).collect();
    let Some(first) = config.families.first().filter(|_| common.is_empty()) else { return Ok(common) };
    let [high, low] = first.afi.to_be_bytes();
    let missed = Bytes::copy_from_slice(&[1, 4, high, low, 0, first.safi]);
    let list = |families: &[Family]| families.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Refusal {
        notification: Notification::with_data(ErrorCode::OPEN_UNSUPPORTED_CAPABILITY, missed),
        why: format!("the peer offers {}, configured is {}", list(&theirs), list(&config.families)),
    })
}

/// Of several, all but the last are ignored (RFC 4724 §3).
fn last_graceful_restart(capabilities: Vec<Capability>) -> Option<GracefulRestart> {
    let restart = |c| if let Capability::GracefulRestart(restart) = c { Some(restart) } else { None };
    capabilities.into_iter().filter_map(restart).next_back()
}

fn hold_time(config: &PeerConfig, theirs: HoldTime) -> HoldTime {
    match config.hold_negotiation {
        HoldNegotiation::Minimum => config.timers.hold.min(theirs),
        HoldNegotiation::Fixed => config.timers.hold,
        HoldNegotiation::AtLeast(least) => config.timers.hold.min(theirs).max(least),
    }
}

/// KEEPALIVEs must not come more often (RFC 4271 §4.4).
pub(super) const LEAST_KEEPALIVE: Duration = Duration::from_secs(1);

/// RFC 4271 §4.4: a third of the Hold Time is a reasonable maximum.
fn keepalive(config: &PeerConfig, hold: HoldTime) -> Option<Duration> {
    let third = hold.duration()? / 3;
    Some(config.timers.keepalive.map_or(third, |ours| ours.min(third)).max(LEAST_KEEPALIVE))
}

fn own_addresses(
    config: &PeerConfig,
    addresses: Addresses,
) -> (Option<std::net::Ipv4Addr>, Option<std::net::Ipv6Addr>) {
    let mut own = (None, None);
    for address in [Some(addresses.local), config.own_address].into_iter().flatten() {
        match address {
            IpAddr::V4(a) => own.0 = Some(a),
            IpAddr::V6(a) => own.1 = Some(a),
        }
    }
    own
}
