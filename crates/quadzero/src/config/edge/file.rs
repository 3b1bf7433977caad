//! The edge's file as it is read: every key with its place, nothing checked across keys yet.

use super::bfd::Bfd;
use super::{condition, observe, probe};
use crate::config::reader::record;
use crate::config::value::{Pause, RestartAfter, words};
use ipnet::IpNet;
use quadzero_codec::{
    Asn, Community, ExtendedCommunity, Family, HoldTime, LargeCommunity, NextHop, Origin, Role, RouterId,
};
use quadzero_fsm::{Import, Md5Key, Mode, RestartTime};
use quadzero_policy::Cloud;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use toml::Spanned;

record! {
    /// The whole file, or the `[edge]` of a scenario.
    File {
        /// Who we are.
        required bgp: Bgp,
        /// What neighbors are unless they say otherwise.
        optional neighbor_defaults: Neighbor,
        /// What is announced.
        many originate: Originate,
        /// What is kept out of the default route, or announced beside it.
        many exception: Exception,
        /// What it may depend on.
        many probe: probe::Keys,
        /// To whom.
        many neighbor: Neighbor,
        /// How the running program is spoken to.
        optional control: ControlKeys,
        /// How it leaves.
        optional drain: DrainKeys,
        /// What the kernel is to have of what is learned.
        optional kernel: KernelKeys,
        /// What it may do.
        optional sandbox: SandboxKeys,
        /// Where its metrics are served.
        optional metrics: observe::MetricsKeys,
        /// Where what happens is written down.
        optional audit: observe::AuditKeys,
    }
}

record! {
    /// `[bgp]`
    Bgp {
        /// Our AS.
        required asn: Asn,
        /// Our BGP Identifier.
        required router_id: RouterId,
        /// Where connections are accepted.
        optional listen: Vec<Spanned<SocketAddr>>,
    }
}

record! {
    /// `[control]`
    ControlKeys {
        /// Where the control socket is.
        optional socket: String,
        /// Where routes are kept that are announced by hand.
        optional keep: String,
    }
}

record! {
    /// `[drain]`
    DrainKeys {
        /// Between the warning and the withdrawal.
        optional wait: Pause,
        /// What the neighbors are told at the end.
        optional text: String,
    }
}

record! {
    /// `[kernel]`
    KernelKeys {
        /// The table that learned routes go to.
        optional table: u32,
        /// The number by which they are known.
        optional protocol: u8,
        /// Their metric.
        optional metric: u32,
        /// A default route may be learned.
        optional accept_default: bool,
        /// Only what is within these is taken.
        optional accept: Vec<Spanned<IpNet>>,
        /// Next hops of a route at most.
        optional max_paths: usize,
        /// How long routes of an earlier process are left alone.
        optional settle: Pause,
        /// What becomes of routes when we leave.
        optional at_exit: AtExit,
    }
}

record! {
    /// `tunnel` of a neighbor
    TunnelKeys {
        /// The interface that it is here.
        optional interface: String,
        /// The address of its far end, outside of it.
        optional remote: IpAddr,
    }
}

record! {
    /// `[sandbox]`
    SandboxKeys {
        /// Whether it gives up what it does not need.
        optional enabled: bool,
        /// Where it may write all the same.
        optional write: Vec<Spanned<String>>,
    }
}

record! {
    /// What is said of a route besides its prefix.
    RouteKeys {
        /// NEXT_HOP.
        optional next_hop: NextHop,
        /// MULTI_EXIT_DISC.
        optional med: u32,
        /// How many times our AS is put in front once more.
        optional prepend: u8,
        /// ORIGIN.
        optional origin: Origin,
        /// COMMUNITIES.
        optional communities: Vec<Community>,
        /// EXTENDED COMMUNITIES.
        optional extended_communities: Vec<ExtendedCommunity>,
        /// LARGE_COMMUNITY.
        optional large_communities: Vec<LargeCommunity>,
    }
}

record! {
    /// `[[originate]]`
    Originate {
        /// What is announced.
        optional prefix: IpNet,
        /// Or several at once.
        optional prefixes: Vec<Spanned<IpNet>>,
        /// What neighbors' `announce` calls it.
        optional name: String,
        /// What stands in its path behind our AS.
        optional as_path: Vec<Asn>,
        /// What is said of it.
        flatten route: RouteKeys,
        /// On what it depends.
        flatten condition: condition::Keys,
    }
}

record! {
    /// `[[exception]]`
    Exception {
        /// What neighbors' `announce` calls it.
        required name: String,
        /// The activation servers of an Azure cloud.
        optional kms: Cloud,
        /// The user's own prefixes.
        optional prefixes: Vec<Spanned<IpNet>>,
        /// What becomes of them.
        required mode: ExceptionMode,
        /// What is said of them, in mode announce.
        flatten route: RouteKeys,
        /// On what that depends.
        flatten condition: condition::Keys,
    }
}

record! {
    /// `[[neighbor]]`
    Neighbor {
        /// What logs call it.
        optional name: String,
        /// Its address.
        optional address: IpAddr,
        /// Or where it dials from: each that does is a neighbor.
        optional range: IpNet,
        /// How many of them there may be.
        optional range_limit: usize,
        /// Its AS.
        optional remote_as: Asn,
        /// Its TCP port.
        optional port: u16,
        /// The address that we dial from.
        optional local_address: IpAddr,
        /// Who dials.
        optional mode: Mode,
        /// What is exchanged.
        optional families: Vec<Spanned<Family>>,
        /// The timers.
        flatten timers: TimerKeys,
        /// Back off from a peer that keeps failing.
        optional damp_peer_oscillations: bool,
        /// TTL of what we send.
        optional multihop: u8,
        /// How many hops away the peer may be (GTSM, RFC 5082).
        optional ttl_security: u8,
        /// File that holds the TCP MD5 key.
        optional password_file: String,
        /// The TCP MD5 key itself.
        optional password: Md5Key,
        /// Our role (RFC 9234).
        optional role: Role,
        /// Capability of RFC 6793.
        optional four_octet_as: bool,
        /// Capability of RFC 2918.
        optional route_refresh: bool,
        /// Capability of RFC 7313.
        optional enhanced_route_refresh: bool,
        /// Capability of RFC 8654.
        optional extended_message: bool,
        /// Restart Time of graceful restart (RFC 4724); without it, none is offered.
        optional graceful_restart: RestartTime,
        /// Whether BFD watches the path to it.
        optional bfd: Bfd,
        /// The tunnel that leads to it.
        optional tunnel: TunnelKeys,
        /// What is kept of that which it announces.
        optional import: Import,
        /// Limits of prefixes.
        flatten limits: LimitKeys,
        /// Names of originations and exceptions.
        optional announce: Vec<Spanned<String>>,
        /// Overrides for this neighbor.
        flatten route: RouteKeys,
        /// We are about to leave (RFC 8326).
        optional graceful_shutdown: bool,
        /// It is a gateway of Azure: its rules are checked.
        optional azure: Azure,
    }
}

record! {
    /// The timers of a neighbor.
    TimerKeys {
        /// The Hold Time that we propose.
        optional hold_time: HoldTime,
        /// Time between KEEPALIVEs.
        optional keepalive: Duration,
        /// ConnectRetryTime.
        optional connect_retry: Duration,
        /// DelayOpenTime.
        optional delay_open: Duration,
        /// IdleHoldTime at first.
        optional idle_hold: Duration,
        /// IdleHoldTime at most.
        optional idle_hold_max: Duration,
        /// When a session's troubles are forgotten.
        optional stable_after: Duration,
        /// MinRouteAdvertisementIntervalTimer.
        optional advertisement_interval: Duration,
        /// SendHoldTime.
        optional send_hold: Duration,
    }
}

record! {
    /// How many prefixes are exchanged with a neighbor.
    LimitKeys {
        /// From it.
        optional max_prefixes: usize,
        /// When that is told, in per cent.
        optional max_prefixes_warning: u8,
        /// What happens with more.
        optional max_prefixes_action: LimitAction,
        /// How long a session stays down that was dropped for it.
        optional max_prefixes_restart_after: RestartAfter,
        /// To it.
        optional max_prefixes_out: usize,
        /// What happens with more.
        optional max_prefixes_out_action: LimitAction,
    }
}

record! {
    /// `azure` of a neighbor
    Azure {
        /// Which of Azure's gateways it is.
        required kind: AzureKind,
        /// The address space of its virtual network.
        optional address_space: Vec<Spanned<IpNet>>,
    }
}

/// `mode` of an `[[exception]]`; there is no default, for the three are not alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum ExceptionMode {
    /// Announced beside the default.
    Announce,
    /// The default is announced without them.
    CarveOut,
    /// Left to route tables.
    Udr,
}

/// What happens with more prefixes than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum LimitAction {
    /// It is told.
    Warn,
    /// They are not taken, or not announced.
    Block,
    /// The session ends.
    Drop,
}

/// What becomes of the kernel's routes when we leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum AtExit {
    /// They go, when the neighbors have been told.
    Remove,
    /// They stay, for the process that comes after.
    Keep,
}

/// `kind` of a neighbor's `azure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AzureKind {
    /// A virtual network gateway of type Vpn.
    VpnGateway,
    /// The Microsoft edge at the end of an ExpressRoute circuit, private peering.
    ExpressRoute,
    /// Azure Route Server.
    RouteServer,
    /// The gateway or router of a Virtual WAN hub.
    VirtualWan,
}

words! {
    Cloud: "a cloud of Azure" {
        "global" => Self::Global,
        "usgov" => Self::UsGov,
        "china" => Self::China,
    }
    ExceptionMode: "a mode of an exception" {
        "carve-out" => Self::CarveOut,
        "udr" => Self::Udr,
        "announce" => Self::Announce,
    }
    LimitAction: "an action of a limit" {
        "warn" => Self::Warn,
        "block" => Self::Block,
        "drop" => Self::Drop,
    }
    AtExit: "an end of routes" {
        "remove" => Self::Remove,
        "keep" => Self::Keep,
    }
    AzureKind: "a gateway of Azure" {
        "vpn-gateway" => Self::VpnGateway,
        "expressroute" => Self::ExpressRoute,
        "route-server" => Self::RouteServer,
        "virtual-wan" => Self::VirtualWan,
    }
}
