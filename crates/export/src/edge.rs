//! What an export has to know of the edge.

use ipnet::IpNet;
use quadzero_codec::Asn;
use quadzero_policy::{Decision, Reason};
use std::net::{IpAddr, Ipv4Addr};

/// A neighbor of the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// What the edge calls it: any text.
    pub name: String,
    /// Which of Azure's gateways it is, if it is one.
    pub kind: Option<Kind>,
    /// Where the edge speaks to it from.
    pub local: Option<IpAddr>,
    /// Its address.
    pub remote: IpAddr,
    /// The edge's AS.
    pub local_as: Asn,
    /// Its AS.
    pub remote_as: Asn,
    /// Whether the session has a TCP MD5 key (RFC 2385).
    pub md5: bool,
    /// What it is told of the Internet: [`internet`].
    pub internet: Vec<IpNet>,
}

/// Azure's gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A virtual network gateway of type Vpn.
    VpnGateway,
    /// A circuit's private peering.
    ExpressRoute,
    /// Azure Route Server.
    RouteServer,
    /// A hub of Virtual WAN.
    VirtualWan,
}

impl Kind {
    /// As a configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VpnGateway => "vpn-gateway",
            Self::ExpressRoute => "expressroute",
            Self::RouteServer => "route-server",
            Self::VirtualWan => "virtual-wan",
        }
    }
}

/// What is announced of the Internet: the default route or its halves, whole or in the pieces that a carve-out leaves,
/// and exceptions that are announced beside it.
pub fn internet(decisions: &[Decision]) -> Vec<IpNet> {
    let is_internet = |decision: &&Decision| match &decision.because {
        Reason::Exception => true,
        Reason::Piece { of, .. } => of.prefix_len() <= 1,
        _ => decision.prefix.prefix_len() <= 1,
    };
    let announced = decisions.iter().filter(|decision| decision.route().is_some());
    announced.filter(is_internet).map(|decision| decision.prefix).collect()
}

/// Why there is nothing to export; the text is for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PlanError {
    #[error(
        "no exception of this file needs a route table: none is in mode udr. --all exports the others too, --opt-out a default route"
    )]
    NoExceptions,
    #[error(
        "no neighbor of this file is a gateway of Azure: [[neighbor]] azure = {{ kind = \"vpn-gateway\" }} says that one is"
    )]
    NoGateway,
    #[error(
        "a route table like this must not be given to {0}: Azure refuses it, or what is in that subnet stops"
    )]
    SubnetTakesNone(String),
    #[error("neighbor {neighbor:?} is of kind {}: {option} is needed, {what}", kind.as_str())]
    Missing { neighbor: String, kind: Kind, option: &'static str, what: &'static str },
    #[error("{option} has no effect: no neighbor is of kind {}", kind.as_str())]
    Useless { option: &'static str, kind: Kind },
    #[error("neighbor {0:?} has no local-address: the address of the edge that Azure peers with")]
    NoLocalAddress(String),
    #[error("neighbor {0:?}: Azure peers over IPv4 here, and its local-address is of IPv6")]
    NotIpv4(String),
    #[error(
        "neighbor {neighbor:?}: {address} is the edge's public address, too; Azure takes another one for BGP, inside the tunnel"
    )]
    PublicBgpAddress { neighbor: String, address: Ipv4Addr },
    #[error(
        "the edge has {addresses} addresses towards the gateway, and --edge-public-ip was given {given} times: once for all of them, or once for each"
    )]
    PublicIps { addresses: usize, given: usize },
    #[error("neighbors of kind {} with different AS ({one} and {other}) are different gateways: choose with --neighbor", kind.as_str())]
    SeveralGateways { kind: Kind, one: Asn, other: Asn },
    #[error(
        "a circuit has two sessions, and the file has {0} neighbors of kind expressroute: choose with --neighbor"
    )]
    Sessions(usize),
    #[error(
        "neighbor {neighbor:?}: {local} and {remote} are not the first and the second address of a /30, as ExpressRoute has them"
    )]
    NoLink { neighbor: String, local: IpAddr, remote: IpAddr },
    #[error("a circuit has one TCP MD5 key for both sessions, and only one of the two neighbors has one")]
    OneKey,
    #[error(
        "the edge has {0} addresses towards the gateway, and each has a local network gateway: --local-gateway says which"
    )]
    WhichSite(usize),
    #[error("neighbor {neighbor:?} is of kind {}: {way}; only BGP does it there", kind.as_str())]
    OnlyBgp { neighbor: String, kind: Kind, way: &'static str },
}

#[cfg(test)]
mod tests {
    use super::*;
    use quadzero_policy::{
        ExceptionMode, ExceptionSet, Health, NeighborPolicy, Origination, Overrides, Policy, Template,
    };

    fn told(originations: &[&str], mode: ExceptionMode) -> Vec<IpNet> {
        let originate = |prefix: &&str| Origination {
            name: (*prefix).to_owned(),
            prefix: prefix.parse().unwrap(),
            template: Template::default(),
        };
        let prefixes = vec!["203.0.113.7/32".parse().unwrap()];
        let exception = ExceptionSet { name: "kms".into(), prefixes, mode };
        let policy = Policy::new(originations.iter().map(originate).collect(), vec![exception]).unwrap();
        let neighbor = NeighborPolicy {
            name: "azure".into(),
            local_as: Asn(65010),
            remote_as: Asn(65515),
            families: vec![quadzero_codec::Family::IPV4_UNICAST],
            announce: None,
            overrides: Overrides::default(),
        };
        internet(&policy.explain(&neighbor, &Health::good()))
    }

    #[test]
    fn the_internet_is_the_default_route_however_it_is_said() {
        let one = |text: &str| -> IpNet { text.parse().unwrap() };
        let udr = || ExceptionMode::Udr;
        assert_eq!(told(&["0.0.0.0/0", "10.50.0.0/15"], udr()), [one("0.0.0.0/0")]);
        assert_eq!(told(&["0.0.0.0/1", "128.0.0.0/1"], udr()), [one("0.0.0.0/1"), one("128.0.0.0/1")]);
        assert_eq!(told(&["0.0.0.0/0", "10.50.0.0/15"], ExceptionMode::CarveOut).len(), 32);
        let announced = told(&["0.0.0.0/0"], ExceptionMode::Announce(Template::default()));
        assert_eq!(announced, [one("0.0.0.0/0"), one("203.0.113.7/32")]);
        assert_eq!(told(&["10.50.0.0/15"], udr()), []);
    }
}
