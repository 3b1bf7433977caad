//! What is refused, and why: the words are for whoever has to do something about it.

use crate::route::{Input, MAIN, Place, Way};
use crate::view::View;
use crate::want::Wanted;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shorter prefixes are pieces of a default route, whoever announces them: a /8 of private addresses is the shortest that
/// anybody has at home, and fc00::/7 the shortest of IPv6.
const SHORTEST: (u8, u8) = (8, 7);

/// An address that a learned route must not take away, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The address.
    pub address: IpAddr,
    /// Its part.
    pub part: Part,
}

/// What an address is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The BGP address of this neighbor.
    Peer(String),
    /// The outer address of the tunnel to this neighbor.
    Outer(String),
    /// Our own.
    Own,
}

impl fmt::Display for Protected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match &self.part {
            Part::Peer(name) => write!(f, "{address}, the BGP address of {name}"),
            Part::Outer(name) => write!(f, "{address}, the far end of the tunnel to {name}"),
            Part::Own => write!(f, "{address}, an address of our own sessions"),
        }
    }
}

/// Why a route is not for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not within what is accepted.
    NotAccepted,
    /// A default route, or a piece of one, that nobody has asked for.
    Default,
    /// Addresses that no route leads to.
    Martian(&'static str),
    /// It would take the packets to an address that the session needs.
    Swallows(Protected),
    /// It is a default route into a tunnel whose outer address nobody has said.
    OuterUnknown(String),
    /// The far end of the tunnel is reached through a tunnel itself.
    OuterInside(IpAddr, String),
    /// It is within the network of one of our links.
    OnLink(IpNet, String),
    /// There is no such interface.
    NoInterface(String),
    /// The interface carries nothing.
    Down(String),
    /// No route leads to its next hop.
    Unresolved(IpAddr),
    /// Only a default route leads to its next hop.
    OnlyDefault(IpAddr),
    /// Its next hop is of the other family, or there is none.
    NoNextHop,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAccepted => f.write_str("it is not within [kernel] accept"),
            Self::Default => f.write_str("it is a default route, or a piece of one"),
            Self::Martian(what) => write!(f, "{what} are nobody's to announce"),
            Self::Swallows(protected) => {
                write!(f, "it would take away {protected}: the session that it came by")
            }
            Self::OuterUnknown(name) => write!(
                f,
                "the far end of the tunnel to {name} is not known, and a default route would take it away"
            ),
            Self::OuterInside(address, interface) => {
                write!(f, "the way to {address}, the far end of a tunnel, leads into {interface}")
            }
            Self::OnLink(network, interface) => write!(f, "it is within {network}, which is on {interface}"),
            Self::NoInterface(name) => write!(f, "there is no interface {name}"),
            Self::Down(name) => write!(f, "{name} is down, or has no carrier"),
            Self::Unresolved(address) => write!(f, "no route leads to {address}"),
            Self::OnlyDefault(address) => write!(f, "only a default route leads to its next hop {address}"),
            Self::NoNextHop => f.write_str("it has no next hop of its own family"),
        }
    }
}

impl Why {
    /// What to do about it.
    pub fn to_do(&self) -> String {
        match self {
            Self::NotAccepted => "it is as configured".into(),
            Self::Default => "[kernel] accept-default = true, if that is what you want".into(),
            Self::Martian(_) => "ask whoever announces it".into(),
            Self::Swallows(Protected { address, part }) => match part {
                Part::Peer(name) => format!(
                    "tunnel = {{ interface = \"..\" }} of {name} holds {address} there; or make a route to it that stays"
                ),
                Part::Outer(_) => {
                    format!("a route to {address} outside of the tunnel: ip route get {address}")
                }
                Part::Own => format!("it is taken as soon as this machine has {address}: ip address"),
            },
            Self::OuterUnknown(name) => {
                format!("tunnel = {{ remote = \"..\" }} of {name}, with the gateway's public address")
            }
            Self::OuterInside(address, _) => {
                format!("a route to {address} outside of the tunnel, by hand: ip route get {address}")
            }
            Self::OnLink(..) => "ask whoever announces it; it is your network".into(),
            Self::NoInterface(name) => format!("it will be used as soon as it is there: ip link show {name}"),
            Self::Down(name) => format!("it will be used as soon as it carries: ip link show {name}"),
            Self::Unresolved(address) => format!("a route to it: ip route get {address}"),
            Self::OnlyDefault(address) => format!(
                "a route to {address}, or tunnel = {{ interface = \"..\" }} of the neighbor: ip route get {address}"
            ),
            Self::NoNextHop => "ask whoever announces it".into(),
        }
    }

    /// Whether somebody should hear of it: what was asked for is no news.
    pub const fn is_news(&self) -> bool {
        !matches!(self, Self::NotAccepted)
    }
}

/// A default route, its halves, and whatever else is too short to be anything else. All of 2000::/3 is the IPv6 Internet.
pub(crate) fn is_default(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(prefix) => prefix.prefix_len() < SHORTEST.0,
        IpNet::V6(prefix) => prefix.prefix_len() < SHORTEST.1,
    }
}

/// What no neighbor has a route to.
pub(crate) fn martian(prefix: &IpNet) -> Option<Why> {
    const V4: [([u8; 4], u8, &str); 4] = [
        ([127, 0, 0, 0], 8, "loopback addresses"),
        ([169, 254, 0, 0], 16, "addresses of a link"),
        ([224, 0, 0, 0], 3, "multicast and reserved addresses"),
        ([0, 0, 0, 0], 8, "addresses of this network"),
    ];
    const V6: [(u16, u8, &str); 3] = [
        (0, 127, "loopback addresses"),
        (0xfe80, 10, "addresses of a link"),
        (0xff00, 8, "multicast addresses"),
    ];
    let within = |network: IpNet| network.contains(prefix);
    let found = match prefix {
        IpNet::V4(_) => V4
            .iter()
            .find(|(address, length, _)| {
                within(Ipv4Net::new_assert(Ipv4Addr::from(*address), *length).into())
            })
            .map(|(.., what)| *what),
        IpNet::V6(_) => V6
            .iter()
            .find(|(first, length, _)| {
                within(Ipv6Net::new_assert(Ipv6Addr::new(*first, 0, 0, 0, 0, 0, 0, 0), *length).into())
            })
            .map(|(.., what)| *what),
    };
    found.map(Why::Martian)
}

/// Whether the route may go there. `held` counts where the kernel has it.
pub(crate) fn judge(
    prefix: &IpNet,
    way: &Way,
    table: u32,
    protected: &[Protected],
    held: &BTreeMap<Place, Wanted>,
    view: &View,
) -> Result<(), Why> {
    for whose in protected.iter().filter(|whose| prefix.contains(&whose.address)) {
        let length = longest(whose, table, held, view);
        // A route of the same length is no shelter: which of the two holds is a matter of metrics.
        let is_sheltered = length.is_some_and(|length| length > prefix.prefix_len());
        let is_the_same_way = || view.resolve(whose.address).is_ok_and(|(_, now)| view.is_same(&now, way));
        if !is_sheltered && !is_the_same_way() {
            return Err(Why::Swallows(whose.clone()));
        }
    }
    match view.link_of(prefix) {
        Some((network, interface)) if way.hops.iter().any(|hop| hop.interface != interface) => {
            Err(Why::OnLink(network, view.name(interface)))
        }
        _ => Ok(()),
    }
}

/// The length of the longest route to a protected address that is not learned.
fn longest(whose: &Protected, table: u32, held: &BTreeMap<Place, Wanted>, view: &View) -> Option<u8> {
    let host = IpNet::from(whose.address);
    let local = view.own.contains(&whose.address).then_some(host.prefix_len());
    let foreign = view.lookup(table, whose.address).map(|(prefix, _)| prefix.prefix_len());
    let is_there = |(place, wanted): &(&Place, &Wanted)| {
        place.table == table && place.prefix == host && view.ours.get(place) == Some(&wanted.way)
    };
    let own = held.iter().find(is_there).map(|_| host.prefix_len());
    [local, foreign, own].into_iter().flatten().max()
}

/// Addresses that sessions need. A neighbor whose tunnel carries nothing has no session that could be taken away, and the way
/// through the other tunnel must not go with it; when its own is back, the host route comes first.
pub(crate) fn protected(input: &Input, view: &View) -> Vec<Protected> {
    let mut all = Vec::new();
    for neighbor in &input.neighbors {
        let tunnel = neighbor.path.tunnel();
        let carries = |name: &String| view.link(name).is_some_and(|(_, link)| link.carries);
        if tunnel.and_then(|tunnel| tunnel.interface.as_ref()).is_none_or(carries) {
            all.push(Protected { address: neighbor.address, part: Part::Peer(neighbor.name.clone()) });
        }
        let outer = tunnel.and_then(|tunnel| tunnel.remote);
        all.extend(outer.map(|address| Protected { address, part: Part::Outer(neighbor.name.clone()) }));
    }
    all.extend(input.own.iter().map(|&address| Protected { address, part: Part::Own }));
    all
}

/// Sessions find their way in the main table, forwarded packets in the one that learned routes go to.
pub(crate) fn tables(table: u32) -> impl Iterator<Item = u32> {
    [MAIN].into_iter().chain((table != MAIN).then_some(table))
}
