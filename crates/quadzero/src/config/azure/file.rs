//! The gateway's file as it is read.

use crate::config::reader::record;
use crate::config::value::words;
use ipnet::Ipv4Net;
use quadzero_azure::config::{GatewayKind, HoldTimeBehaviour, NextHopType, SystemDefault};
use quadzero_codec::Asn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use toml::Spanned;

record! {
    /// The whole file, or the `[azure]` of a scenario.
    File {
        /// The gateway.
        required gateway: Gateway,
        /// The gateway's own network first, then those peered to it.
        many vnet: Vnet,
    }
}

record! {
    /// `[gateway]`
    Gateway {
        /// Which one it is.
        required kind: GatewayKind,
        /// Its resource name.
        optional name: String,
        /// Its AS.
        optional asn: Asn,
        /// One instance or two.
        optional mode: GatewayMode,
        /// What it does with a smaller Hold Time.
        optional hold_time: HoldTimeBehaviour,
        /// More prefixes than this from all peers together end the session.
        optional max_prefixes: usize,
        /// How the system default route is listed beside one that was learned.
        optional system_default: SystemDefault,
        /// Whether MED decides between paths of equal length.
        optional compare_med: bool,
        /// Whether transit routes keep their communities.
        optional keep_communities: bool,
        /// How long a session stays down that brought too many prefixes.
        optional limit_penalty: Duration,
        /// The machines that it is made of.
        many instance: Instance,
        /// What it is connected to.
        many connection: Connection,
    }
}

record! {
    /// `[[gateway.instance]]`
    Instance {
        /// What logs call it.
        optional name: String,
        /// Its BGP peer address.
        required address: Ipv4Addr,
        /// Its public address.
        optional public_ip: Ipv4Addr,
        /// Its custom BGP addresses.
        optional apipa: Vec<Spanned<Ipv4Addr>>,
        /// Where the mock listens for it.
        optional listen: SocketAddr,
    }
}

record! {
    /// `[[gateway.connection]]`
    Connection {
        /// Its resource name.
        required name: String,
        /// The AS on-premises.
        required asn: Asn,
        /// The BGP peer address on-premises.
        required address: IpAddr,
        /// The TCP port there.
        optional port: u16,
        /// Static routes beside BGP.
        optional prefixes: Vec<Spanned<Ipv4Net>>,
    }
}

record! {
    /// `[[vnet]]`
    Vnet {
        /// Its resource name.
        required name: String,
        /// Its address space.
        required address_space: Vec<Spanned<Ipv4Net>>,
        /// Whether its peering lets it use the gateway.
        optional gateway_transit: bool,
        /// Its subnets.
        many subnet: Subnet,
    }
}

record! {
    /// `[[vnet.subnet]]`
    Subnet {
        /// Its resource name.
        required name: String,
        /// Its part of the address space.
        required prefix: Ipv4Net,
        /// "Propagate gateway routes" of its route table.
        optional propagate_gateway_routes: bool,
        /// Prefixes of the service endpoints.
        optional service_endpoints: Vec<Ipv4Net>,
        /// Its route table.
        many route: UserRoute,
    }
}

record! {
    /// `[[vnet.subnet.route]]`
    UserRoute {
        /// Its resource name.
        required name: String,
        /// Where to.
        required prefix: Ipv4Net,
        /// By what.
        required next_hop_type: NextHopType,
        /// The appliance.
        optional next_hop: Ipv4Addr,
    }
}

/// `mode` of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum GatewayMode {
    /// One instance.
    ActiveStandby,
    /// Two.
    ActiveActive,
}

words! {
    GatewayKind: "a gateway that the mock can be" {
        "vpn-gateway" => Self::VpnGateway,
    }
    GatewayMode: "a mode of a gateway" {
        "active-standby" => Self::ActiveStandby,
        "active-active" => Self::ActiveActive,
    }
    HoldTimeBehaviour: "a behaviour of the hold time" {
        "fixed" => Self::Fixed,
        "negotiate" => Self::Negotiate,
    }
    SystemDefault: "a listing of the system default route" {
        "hidden" => Self::Hidden,
        "invalid" => Self::Invalid,
    }
    NextHopType: "a next hop type of a user route" {
        "Internet" => Self::Internet,
        "None" => Self::None,
        "VirtualAppliance" => Self::VirtualAppliance,
        "VirtualNetworkGateway" => Self::VirtualNetworkGateway,
        "VnetLocal" => Self::VnetLocal,
    }
}
