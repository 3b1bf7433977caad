//! What a world is made of: its speakers' configurations and policies, drawn from the seed.

use crate::network::Path;
use fastrand::Rng;
use ipnet::IpNet;
use quadzero_codec::{Asn, Community, Family, HoldTime, RouterId};
use quadzero_fsm::{
    Capabilities, Excess, HoldNegotiation, Import, Mode, PeerConfig, PrefixLimit, RestartTime, Timers,
    Transport,
};
use quadzero_policy::{
    Cloud, ExceptionMode, ExceptionSet, NeighborPolicy, Origination, Overrides, Policy, Template,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// The two ends of a pair, as configured: the edge's view of the peer, and the peer's of the edge.
pub(crate) struct PairPlan {
    pub(crate) configs: [Arc<PeerConfig>; 2],
    pub(crate) policies: [NeighborPolicy; 2],
    pub(crate) own: [[IpAddr; 2]; 2],
    /// Octets that each driver makes at once.
    pub(crate) rooms: [usize; 2],
}

/// One of `of`.
pub(crate) fn any<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// True once in `n`.
pub(crate) fn once_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(..n) == 0
}

/// A time between the two; every order of magnitude is as likely as another.
pub(crate) fn between(rng: &mut Rng, least: Duration, most: Duration) -> Duration {
    least.mul_f64((most.as_secs_f64() / least.as_secs_f64()).powf(rng.f64()))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn pairs(rng: &mut Rng) -> Vec<PairPlan> {
    let edge_as = Asn(any(rng, &[65010, 65010, 4_200_000_001]));
    let count = any(rng, &[1, 2, 2, 3, 4]);
    (0..count).map(|i| pair(rng, i, edge_as)).collect()
}

/// Who dials: the edge, and the other side.
const MODES: [[Mode; 2]; 7] = [
    [Mode::Both, Mode::Both],
    [Mode::Both, Mode::Both],
    [Mode::Active, Mode::Passive],
    [Mode::Both, Mode::Passive],
    [Mode::Passive, Mode::Both],
    [Mode::Active, Mode::Both],
    [Mode::Both, Mode::Active],
];

fn pair(rng: &mut Rng, i: u8, edge_as: Asn) -> PairPlan {
    let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
    let families = any(rng, &[&[v4][..], &[v4], &[v4, v6], &[v6]]).to_vec();
    let own = [own_addresses(1), own_addresses(100 + i)];
    let over_v6 = once_in(rng, 4);
    // The two-octet AS of a speaker must fit; the other side's must, too, or it would not be recognized.
    let old = edge_as.is_two_octet() && once_in(rng, 4);
    let peer_as = any(rng, &[Asn(65515), Asn(64512 + u32::from(i)), edge_as]);
    let modes = any(rng, &MODES);
    let graceful = rng.bool();
    // Short ones are rare: the time of a run goes into their KEEPALIVEs.
    let few = [(3, 90), (90, 3), (0, 90), (30, 0), (9, 180), (30, 30)];
    let most = [(90, 90), (180, 180), (180, 90), (60, 180)];
    let holds = if once_in(rng, 3) { any(rng, &few) } else { any(rng, &most) };
    let config = |rng: &mut Rng, side: usize| {
        let (local, remote) = (own[side][usize::from(over_v6)], own[1 - side][usize::from(over_v6)]);
        PeerConfig {
            name: format!("{side}-{i}"),
            local_as: [edge_as, peer_as][side],
            router_id: router_id(rng, side, i),
            remote_as: [peer_as, edge_as][side],
            mode: modes[side],
            families: families.clone(),
            timers: timers(rng, [holds.0, holds.1][side]),
            damp_peer_oscillations: !once_in(rng, 4),
            hold_negotiation: HoldNegotiation::Minimum,
            role: None,
            capabilities: Capabilities {
                four_octet_as: !(old && side == 1),
                route_refresh: true,
                enhanced_route_refresh: !once_in(rng, 4),
                extended_message: rng.bool(),
                graceful_restart: RestartTime::new(any(rng, &[5, 120, 120, 600])).filter(|_| graceful),
            },
            import: if once_in(rng, 5) { Import::None } else { Import::All },
            own_address: Some(own[side][usize::from(!over_v6)]),
            honour_graceful_shutdown: true,
            max_prefixes: once_in(rng, 4).then(|| PrefixLimit::new(1000, Excess::Warn)),
            max_prefixes_out: once_in(rng, 4).then(|| PrefixLimit::new(1000, Excess::Block)),
            transport: Transport {
                remote: SocketAddr::new(remote, 179),
                local: Some(local),
                ttl: None,
                min_ttl: None,
                md5: None,
            },
        }
    };
    let configs = [config(rng, 0), config(rng, 1)];
    let policies = [0, 1].map(|side| neighbor(rng, &configs[side]));
    let rooms = [0, 1].map(|_| any(rng, &[1, 200, 4096, 65_536, 65_536]));
    PairPlan { configs: configs.map(Arc::new), policies, own, rooms }
}

fn own_addresses(host: u8) -> [IpAddr; 2] {
    let v6 = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, host.into());
    [Ipv4Addr::new(192, 0, 2, host).into(), v6.into()]
}

/// Above or below the other side's: that decides collisions.
fn router_id(rng: &mut Rng, side: usize, i: u8) -> RouterId {
    let id = Ipv4Addr::new(10, rng.u8(..), side as u8, i);
    RouterId::new(id).expect("it is not 0.0.0.0")
}

fn timers(rng: &mut Rng, hold: u16) -> Timers {
    Timers {
        hold: HoldTime::new(hold).expect("none is 1 or 2"),
        keepalive: once_in(rng, 5).then(|| seconds(rng.u64(5..30))),
        connect_retry: seconds(any(rng, &[5, 30, 30, 60])),
        delay_open: once_in(rng, 4).then(|| Duration::from_millis(rng.u64(0..8000))),
        idle_hold: Duration::from_millis(any(rng, &[200, 1000, 1000, 5000])),
        idle_hold_max: seconds(any(rng, &[10, 30, 30])),
        stable_after: seconds(any(rng, &[60, 300])),
        advertisement_interval: seconds(any(rng, &[0, 0, 0, 5, 30])),
        send_hold: once_in(rng, 4).then(|| seconds(rng.u64(60..600))),
    }
}

fn neighbor(rng: &mut Rng, config: &PeerConfig) -> NeighborPolicy {
    let names = ["default", "home", "kms"].map(String::from);
    NeighborPolicy {
        name: config.name.clone(),
        local_as: config.local_as,
        remote_as: config.remote_as,
        families: config.families.clone(),
        announce: once_in(rng, 3).then(|| names.into_iter().filter(|_| rng.bool()).collect()),
        overrides: Overrides {
            med: once_in(rng, 3).then_some(7),
            // Our own AS said to our own AS is a loop (RFC 4271 §9.1.2).
            prepend: if config.local_as == config.remote_as { 0 } else { rng.u8(0..3) },
            ..Overrides::default()
        },
    }
}

pub(crate) fn path(rng: &mut Rng) -> Path {
    Path {
        latency: between(rng, Duration::from_micros(100), Duration::from_millis(100)),
        capacity: any(rng, &[512, 4096, 65_536]),
        blocked_until: Default::default(),
        unanswered_until: Default::default(),
        refused_until: Default::default(),
        slow_until: Default::default(),
        slowness: Default::default(),
    }
}

/// A policy that makes sense: mostly the default route, some of home, and exceptions in one of the three modes.
pub(crate) fn policy(rng: &mut Rng) -> Policy {
    let net = |text: String| text.parse::<IpNet>().expect("a prefix");
    let mut originations = Vec::new();
    for prefix in ["0.0.0.0/0", "::/0"] {
        if !once_in(rng, 6) {
            originations.push(origination(rng, "default", net(prefix.into())));
        }
    }
    for i in 0..any(rng, &[0_u8, 2, 5, 60]) {
        if rng.bool() {
            let prefix =
                if once_in(rng, 3) { format!("2001:db8:{i}::/48") } else { format!("10.{i}.0.0/16") };
            originations.push(origination(rng, "home", net(prefix)));
        }
    }
    let mode = match rng.u8(..3) {
        0 => ExceptionMode::CarveOut,
        1 => ExceptionMode::Announce(template(rng)),
        _ => ExceptionMode::Udr,
    };
    let kms = ExceptionSet { name: "kms".into(), prefixes: Cloud::Global.kms_prefixes(), mode };
    let exceptions = Some(kms).filter(|_| rng.bool()).into_iter().collect();
    Policy::new(originations, exceptions).expect("no name and no prefix is given twice")
}

fn origination(rng: &mut Rng, name: &str, prefix: IpNet) -> Origination {
    Origination { name: name.into(), prefix, template: template(rng) }
}

fn template(rng: &mut Rng) -> Template {
    let communities = (0..rng.u32(0..3)).map(|i| Community(65010 << 16 | i)).collect();
    Template { med: rng.bool().then(|| rng.u32(0..20)), communities, ..Template::default() }
}
