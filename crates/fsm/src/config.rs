//! What a session is told about its peer. A plain value: nothing here is negotiated yet.

use quadzero_codec::{Asn, Family, HoldTime, Role, RouterId};
use std::{net::IpAddr, net::SocketAddr, time::Duration};

/// Who opens the TCP connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// We dial, and accept as well: whoever is first (RFC 4271 §8.2.1, collisions by §6.8).
    #[default]
    Both,
    /// We dial and refuse what comes in.
    Active,
    /// We wait to be dialled (PassiveTcpEstablishment, RFC 4271 §8.1.1).
    Passive,
}

/// What becomes of the two proposed Hold Times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HoldNegotiation {
    /// The smaller one holds (RFC 4271 §4.2).
    #[default]
    Minimum,
    /// Ours holds whatever the peer says: how Azure's VPN gateway is documented (azure.md §1.4).
    Fixed,
    /// The smaller one holds, but nothing below this: how ExpressRoute is documented (azure.md §2.3).
    AtLeast(HoldTime),
}

/// Which received routes are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Import {
    /// None: nothing is accepted unless asked for (RFC 8212).
    #[default]
    None,
    /// All that pass the loop check.
    All,
}

/// How many prefixes of one family may go one way, and what happens with more (RFC 4271 §6.7, RFC 4486 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixLimit {
    /// As many as this are fine.
    pub prefixes: usize,
    /// From as many as this on there is a warning.
    pub warn_at: usize,
    /// What happens with more than are fine.
    pub excess: Excess,
}

impl PrefixLimit {
    /// More than `prefixes` have this consequence; a warning at three quarters.
    pub const fn new(prefixes: usize, excess: Excess) -> Self {
        Self { prefixes, warn_at: prefixes - prefixes / 4, excess }
    }
}

/// What happens with more prefixes than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// It is told, and that is all.
    Warn,
    /// Received prefixes above the limit are not taken. A set to be announced that is above it is not announced: the peer keeps
    /// what it was told before.
    Block,
    /// The session ends: with Cease/1 if the peer has announced too much.
    Drop {
        /// After which time it is tried again; `None`: when somebody starts it.
        restart_after: Option<Duration>,
    },
}

/// The timers of RFC 4271 §10 and its successors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The Hold Time that we propose. Default 90 s.
    pub hold: HoldTime,
    /// Time between KEEPALIVEs; at most a third of the negotiated Hold Time, which is the default.
    pub keepalive: Option<Duration>,
    /// ConnectRetryTime: how long a dial may take, and the longest wait between two. Default 30 s: RFC 4271 §10 suggests
    /// 120 s, but a gateway that only listens (azure.md §1.3) is then found two minutes late, and egress is open meanwhile.
    pub connect_retry: Duration,
    /// DelayOpenTime; `None`: the OPEN is sent at once.
    pub delay_open: Option<Duration>,
    /// The first IdleHoldTime after a session ended by an error; doubled by each further one. Default 1 s.
    pub idle_hold: Duration,
    /// IdleHoldTime grows no further than this. Default 30 s, for the same reason.
    pub idle_hold_max: Duration,
    /// A session Established for this long forgets the back-off. Default 300 s.
    pub stable_after: Duration,
    /// The least time between two differences that a peer is told (MinRouteAdvertisementIntervalTimer, RFC 4271 §9.2.1.1; as all
    /// that we announce is ours, MinASOriginationIntervalTimer, too). Default 0, like other daemons' today: what changes is few
    /// and matters, above all a default route that has to go.
    pub advertisement_interval: Duration,
    /// SendHoldTime (RFC 9687); `None`: the greater of 8 minutes and twice the Hold Time.
    pub send_hold: Option<Duration>,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            hold: HoldTime::new(90).expect("90 is a Hold Time"),
            keepalive: None,
            connect_retry: Duration::from_secs(30),
            delay_open: None,
            idle_hold: Duration::from_secs(1),
            idle_hold_max: Duration::from_secs(30),
            stable_after: Duration::from_secs(300),
            advertisement_interval: Duration::ZERO,
            send_hold: None,
        }
    }
}

/// The socket's part: where the peer is, and what the connection needs.
#[derive(Clone, PartialEq, Eq)]
pub struct Transport {
    /// Where we dial. Connections that come in are known by its address alone.
    pub remote: SocketAddr,
    /// The address that we dial from.
    pub local: Option<IpAddr>,
    /// TTL of what we send; `None`: the system's (64), so that a gateway behind a tunnel needs no "multihop".
    pub ttl: Option<u8>,
    /// GTSM (RFC 5082): the least TTL that is accepted.
    pub min_ttl: Option<u8>,
    /// TCP MD5 key (RFC 2385).
    pub md5: Option<Md5Key>,
}

/// A TCP MD5 key (RFC 2385 §4.5): 1 to 80 octets. Never shown, not even in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Key(Box<[u8]>);

impl Md5Key {
    /// `None` unless it has 1 to 80 octets.
    pub fn new(key: &[u8]) -> Option<Self> {
        (1..=80).contains(&key.len()).then(|| Self(key.into()))
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Md5Key(..)")
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("remote", &self.remote)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// A peer as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerConfig {
    /// What logs and `show` call it.
    pub name: String,
    /// Our AS.
    pub local_as: Asn,
    /// Our BGP Identifier.
    pub router_id: RouterId,
    /// The AS that the peer must be in.
    pub remote_as: Asn,
    /// Who dials.
    pub mode: Mode,
    /// What is offered by the multiprotocol capability.
    pub families: Vec<Family>,
    /// Timers.
    pub timers: Timers,
    /// DampPeerOscillations (RFC 4271 §8.1.1): IdleHoldTime grows when a peer keeps failing.
    pub damp_peer_oscillations: bool,
    /// Which Hold Time holds.
    pub hold_negotiation: HoldNegotiation,
    /// Our role (RFC 9234); `None`: no role capability.
    pub role: Option<Role>,
    /// Capabilities that are offered beside the families.
    pub capabilities: Capabilities,
    /// What is kept of that which the peer announces.
    pub import: Import,
    /// What "next hop self" says; `None`: the local address of the connection.
    pub own_address: Option<IpAddr>,
    /// GRACEFUL_SHUTDOWN on routes of another AS is honoured: their LOCAL_PREF becomes 0 (RFC 8326 §4).
    pub honour_graceful_shutdown: bool,
    /// How many prefixes of a family the peer may announce.
    pub max_prefixes: Option<PrefixLimit>,
    /// How many prefixes of a family the peer is told.
    pub max_prefixes_out: Option<PrefixLimit>,
    /// The socket's part.
    pub transport: Transport,
}

/// Capabilities that can be left out, for peers that stumble over them and for the mock's personality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 6793.
    pub four_octet_as: bool,
    /// RFC 2918.
    pub route_refresh: bool,
    /// RFC 7313.
    pub enhanced_route_refresh: bool,
    /// RFC 8654.
    pub extended_message: bool,
    /// Graceful restart (RFC 4724) with support for NOTIFICATIONs (RFC 8538), as the one who restarts and as the one who
    /// waits; `None`: not offered.
    pub graceful_restart: Option<RestartTime>,
}

/// How long a peer may keep our routes while we are away, in seconds: 1 to 4,095 (RFC 4724 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartTime(u16);

impl RestartTime {
    /// `None` for 0, which would be no restart at all, and for what the capability cannot say.
    pub const fn new(seconds: u16) -> Option<Self> {
        if matches!(seconds, 1..=4095) { Some(Self(seconds)) } else { None }
    }

    /// Seconds.
    pub const fn seconds(self) -> u16 {
        self.0
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            four_octet_as: true,
            route_refresh: true,
            enhanced_route_refresh: true,
            extended_message: true,
            graceful_restart: None,
        }
    }
}
