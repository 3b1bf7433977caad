//! rtnetlink(7): the kernel's tables read, and told.
//!
//! Every request is acknowledged, and what fails says why: with the error number, and where the kernel has them, with its own words.

use crate::route::{Hop, Place, Way};
use crate::steps::Step;
use crate::view::{Foreign, Link, View};
use ipnet::IpNet;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkPayload,
};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteNextHopFlags,
    RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use quadzero_netlink::{Group, Socket, dump, encode};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::net::IpAddr;

/// What makes it read everything again. Addresses, since an IPv4 route goes with its source address without a word.
pub(crate) const GROUPS: [Group; 5] =
    [Group::Link, Group::Ipv4Address, Group::Ipv4Route, Group::Ipv6Address, Group::Ipv6Route];
/// Requests sent at once: their answers fit the least receive buffer.
const BATCH: usize = 64;
/// The table of this machine's own addresses.
const LOCAL: u32 = 255;
/// Attribute of an acknowledgement: the kernel's own words (`NLMSGERR_ATTR_MSG`).
const WORDS: u16 = 1;

/// What did not work, as the kernel says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) errno: Errno,
    pub(crate) words: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => write!(f, "{words}")?,
            None => write!(f, "{}", io::Error::from(self.errno))?,
        }
        let to_do = match self.errno {
            Errno::PERM | Errno::ACCESS => {
                "routes need CAP_NET_ADMIN: setcap cap_net_admin,cap_net_bind_service=+ep quadzero, \
                 or AmbientCapabilities=CAP_NET_ADMIN of its unit"
            }
            Errno::EXIST => {
                "somebody else's route to it has the same metric: another [kernel] metric, or take it away"
            }
            Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::INVAL => {
                "the next hop cannot be reached like that: ip route get NEXT-HOP"
            }
            Errno::NETDOWN | Errno::NODEV => "the interface is down or gone: ip link",
            _ => return Ok(()),
        };
        write!(f, " ({to_do})")
    }
}

/// Reads links, addresses and routes: all of our protocol number, those of others in the main table and in `table`.
pub(crate) async fn read(table: u32, protocol: u8) -> io::Result<View> {
    let mut view = View::default();
    for message in dump(RouteNetlinkMessage::GetLink(LinkMessage::default())).await? {
        if let RouteNetlinkMessage::NewLink(link) = message {
            view.links.extend(read_link(&link));
        }
    }
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        for route in routes(family, LOCAL, RouteProtocol::Unspec).await? {
            let is_own = matches!(route.header.kind, RouteType::Local | RouteType::Anycast);
            view.own.extend(destination(&route).filter(|_| is_own).map(|prefix| prefix.addr()));
        }
        for route in routes(family, 0, RouteProtocol::from(protocol)).await? {
            view.ours.extend(read_place(&route).map(|place| (place, read_way(&route))));
        }
        for table in crate::guard::tables(table) {
            for route in routes(family, table, RouteProtocol::Unspec).await? {
                if u8::from(route.header.protocol) != protocol {
                    take_foreign(&mut view, table, &route);
                }
            }
        }
    }
    Ok(view)
}

/// Of several routes to a prefix, the one with the lower metric holds.
fn take_foreign(view: &mut View, table: u32, route: &RouteMessage) {
    let Some(place) = read_place(route).filter(|_| route.header.tos == 0) else { return };
    let carries = route.header.kind == RouteType::Unicast;
    let way = if carries { read_way(route) } else { Way::default() };
    let connected = route.header.protocol == RouteProtocol::Kernel && carries;
    let routes = view.foreign.entry(table).or_default();
    if routes.get(&place.prefix).is_none_or(|there| there.metric > place.metric) {
        routes.insert(place.prefix, Foreign { way, connected, metric: place.metric });
    }
}

async fn routes(
    family: AddressFamily,
    table: u32,
    protocol: RouteProtocol,
) -> io::Result<impl Iterator<Item = RouteMessage>> {
    let mut request = RouteMessage::default();
    request.header = RouteHeader { address_family: family, protocol, ..RouteHeader::default() };
    if table != 0 {
        request.attributes.push(RouteAttribute::Table(table));
    }
    let dumped = match dump(RouteNetlinkMessage::GetRoute(request)).await {
        // A table that nobody has put anything into is none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        dumped => dumped?,
    };
    Ok(dumped.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewRoute(route) if !route.header.flags.contains(RouteFlags::Cloned) => {
            Some(route)
        }
        _ => None,
    }))
}

/// Carries the steps out, each for itself; those that fail, and why.
pub(crate) async fn apply(steps: &[Step], protocol: u8) -> io::Result<Vec<(Place, Failed)>> {
    let mut failed = Vec::new();
    for batch in steps.chunks(BATCH) {
        let socket = Socket::open()?;
        let requests = batch.iter().zip(1..).map(|(step, number)| request(step, protocol, number));
        socket.send(&requests.collect::<Vec<_>>().concat()).await?;
        let mut waiting = batch.len();
        while waiting > 0 {
            for message in socket.receive().await? {
                let NetlinkPayload::Error(answer) = message.payload else { continue };
                waiting = waiting.saturating_sub(1);
                let step = batch.get((message.header.sequence_number as usize).wrapping_sub(1));
                let errno = answer.code.map(|code| Errno::from_raw_os_error(-code.get()));
                if let (Some(step), Some(errno)) = (step, errno)
                    && !(matches!(step, Step::Remove(_)) && is_gone(errno))
                {
                    failed.push((*step.place(), Failed { errno, words: words(&answer.header) }));
                }
            }
        }
        // Others have their turn.
        tokio::task::yield_now().await;
    }
    Ok(failed)
}

/// What was to be removed is not there, or its table or interface is not.
fn is_gone(errno: Errno) -> bool {
    [Errno::SRCH, Errno::NOENT, Errno::NODEV].contains(&errno)
}

fn request(step: &Step, protocol: u8, number: u32) -> Vec<u8> {
    let message = |place: &Place, way: Option<&Way>| route_message(place, way, protocol);
    let ask = NLM_F_REQUEST | NLM_F_ACK;
    match step {
        Step::Add(place, way) => encode(
            RouteNetlinkMessage::NewRoute(message(place, Some(way))),
            ask | NLM_F_CREATE | NLM_F_EXCL,
            number,
        ),
        Step::Change(place, way) => encode(
            RouteNetlinkMessage::NewRoute(message(place, Some(way))),
            ask | NLM_F_CREATE | NLM_F_REPLACE,
            number,
        ),
        Step::Remove(place) => encode(RouteNetlinkMessage::DelRoute(message(place, None)), ask, number),
    }
}

/// The route; without a way, what has to be known of it to delete it: the kernel compares the protocol, too.
fn route_message(place: &Place, way: Option<&Way>, protocol: u8) -> RouteMessage {
    let mut message = RouteMessage::default();
    let on_link = way.is_some_and(|way| way.hops.iter().all(|hop| hop.gateway.is_none()));
    let scope = match way {
        None => RouteScope::NoWhere,
        Some(_) if on_link && matches!(place.prefix, IpNet::V4(_)) => RouteScope::Link,
        Some(_) => RouteScope::Universe,
    };
    message.header = RouteHeader {
        address_family: family(&place.prefix),
        destination_prefix_length: place.prefix.prefix_len(),
        table: u8::try_from(place.table).unwrap_or(0),
        protocol: RouteProtocol::from(protocol),
        scope,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Destination(place.prefix.addr().into()),
        RouteAttribute::Table(place.table),
        RouteAttribute::Priority(place.metric),
    ];
    if let Some(way) = way {
        message.attributes.extend(way.source.map(|source| RouteAttribute::PrefSource(source.into())));
        match way.hops.first() {
            Some(only) if way.hops.len() == 1 => {
                // What is given with its interface is on its link: no other table is asked whether it is.
                message.header.flags.set(RouteFlags::Onlink, only.gateway.is_some());
                message.attributes.push(RouteAttribute::Oif(only.interface));
                message.attributes.extend(only.gateway.map(|to| RouteAttribute::Gateway(to.into())));
            }
            _ => message.attributes.push(RouteAttribute::MultiPath(way.hops.iter().map(next_hop).collect())),
        }
    }
    message
}

fn next_hop(hop: &Hop) -> RouteNextHop {
    let mut next_hop = RouteNextHop::default();
    next_hop.interface_index = hop.interface;
    next_hop.flags.set(RouteNextHopFlags::Onlink, hop.gateway.is_some());
    next_hop.attributes.extend(hop.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
    next_hop
}

const fn family(prefix: &IpNet) -> AddressFamily {
    match prefix {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    }
}

/// The kernel's own words, behind the header of the request.
fn words(acknowledged: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    let mut attributes = acknowledged.get(HEADER..)?;
    while let [l0, l1, t0, t1, rest @ ..] = attributes {
        let (length, kind) = (u16::from_ne_bytes([*l0, *l1]), u16::from_ne_bytes([*t0, *t1]));
        let value = rest.get(..usize::from(length).checked_sub(4)?)?;
        if kind == WORDS {
            return Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned());
        }
        attributes = attributes.get(usize::from(length).next_multiple_of(4)..)?;
    }
    None
}

fn read_link(message: &LinkMessage) -> Option<(u32, Link)> {
    let name = message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })?;
    let flags = message.header.flags;
    let link = Link {
        name,
        carries: flags.contains(LinkFlags::Up | LinkFlags::Running),
        to_one_place: flags.intersects(LinkFlags::Pointopoint | LinkFlags::Noarp),
    };
    Some((message.header.index, link))
}

fn address(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::from(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::from(*address)),
        _ => None,
    }
}

/// A default route says no destination.
fn destination(route: &RouteMessage) -> Option<IpNet> {
    let given = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(to) => address(to),
        _ => None,
    });
    let anywhere = match route.header.address_family {
        AddressFamily::Inet => IpAddr::from([0; 4]),
        _ => IpAddr::from([0; 16]),
    };
    IpNet::new(given.unwrap_or(anywhere), route.header.destination_prefix_length).ok()
}

fn read_place(route: &RouteMessage) -> Option<Place> {
    let (mut table, mut metric) = (u32::from(route.header.table), 0);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Table(number) => table = *number,
            RouteAttribute::Priority(priority) => metric = *priority,
            _ => {}
        }
    }
    Some(Place { table, prefix: destination(route)?, metric })
}

fn read_way(route: &RouteMessage) -> Way {
    let mut way = Way { hops: read_hop(&route.attributes, None).into_iter().collect(), source: None };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::MultiPath(several) => {
                let hop = |next: &RouteNextHop| read_hop(&next.attributes, Some(next.interface_index));
                way.hops.extend(several.iter().filter_map(hop));
            }
            RouteAttribute::PrefSource(source) => way.source = address(source),
            _ => {}
        }
    }
    way
}

fn read_hop(attributes: &[RouteAttribute], interface: Option<u32>) -> Option<Hop> {
    let (mut gateway, mut out) = (None, interface);
    for attribute in attributes {
        match attribute {
            RouteAttribute::Oif(interface) => out = Some(*interface),
            RouteAttribute::Gateway(to) => gateway = address(to),
            _ => {}
        }
    }
    Some(Hop { gateway, interface: out? })
}
