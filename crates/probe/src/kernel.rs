//! Routes and interfaces as the kernel has them, by rtnetlink(7): it says when something changes, and is then asked how it is.

use crate::Outcome;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use quadzero_netlink::{Group, Socket, dump};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::warn;

/// Between two attempts where the kernel does not answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many times longer than a reading is the rest after it.
const REST: u32 = 4;

/// What is asked of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A route to exactly this prefix, by at least one interface that has a carrier.
    Route {
        /// Its network.
        network: IpAddr,
        /// And length.
        length: u8,
        /// The table that it is in; `None` is the main one.
        table: Option<u32>,
    },
    /// An interface that is up, and running: with a carrier.
    Interface(String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { network, length, table: None } => write!(f, "route {network}/{length}"),
            Self::Route { network, length, table: Some(table) } => {
                write!(f, "route {network}/{length} table {table}")
            }
            Self::Interface(name) => write!(f, "interface {name}"),
        }
    }
}

/// Where an answer goes.
type Answer = watch::Sender<Option<Outcome>>;

/// Watches over all that is wanted; each answer goes to where it is waited for. Never ends.
pub(crate) async fn watch_over(wanted: Vec<(Wanted, Answer)>) {
    loop {
        if let Err(error) = watch_once(&wanted).await {
            warn!(%error, "cannot watch the kernel's routes and interfaces");
            for (_, answer) in &wanted {
                tell(answer, Outcome::failed(format_args!("cannot ask the kernel: {error}")));
            }
            tokio::time::sleep(PATIENCE).await;
        }
    }
}

async fn watch_once(wanted: &[(Wanted, Answer)]) -> io::Result<()> {
    let news = Socket::listen(&[Group::Link, Group::Ipv4Route, Group::Ipv6Route])?;
    loop {
        let begin = Instant::now();
        let state = Kernel::read(wanted).await?;
        for (wanted, answer) in wanted {
            tell(answer, state.answer(wanted));
        }
        // Where large tables change all the time, to read them takes a part of a processor, and not all of it.
        tokio::time::sleep(begin.elapsed() * REST).await;
        news.changed().await?;
    }
}

/// Wakes nobody for what is known.
fn tell(answer: &Answer, outcome: Outcome) {
    answer.send_if_modified(|known| {
        let is_news = known.as_ref() != Some(&outcome);
        *known = Some(outcome);
        is_news
    });
}

/// The routes and links at one time.
#[derive(Debug, Default)]
struct Kernel {
    links: Vec<LinkMessage>,
    routes: Vec<RouteMessage>,
}

impl Kernel {
    /// What is needed to answer.
    async fn read(wanted: &[(Wanted, Answer)]) -> io::Result<Self> {
        let mut kernel = Self::default();
        if wanted.iter().any(|(wanted, _)| matches!(wanted, Wanted::Interface(_))) {
            kernel.dump(RouteNetlinkMessage::GetLink(LinkMessage::default())).await?;
        }
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let is_of = |(wanted, _): &(Wanted, _)| match wanted {
                Wanted::Route { network, .. } => network.is_ipv4() == (family == AddressFamily::Inet),
                Wanted::Interface(_) => false,
            };
            if wanted.iter().any(is_of) {
                let mut request = RouteMessage::default();
                request.header.address_family = family;
                kernel.dump(RouteNetlinkMessage::GetRoute(request)).await?;
            }
        }
        Ok(kernel)
    }

    async fn dump(&mut self, request: RouteNetlinkMessage) -> io::Result<()> {
        for message in dump(request).await? {
            match message {
                RouteNetlinkMessage::NewRoute(route) => self.routes.push(route),
                RouteNetlinkMessage::NewLink(link) => self.links.push(link),
                _ => {}
            }
        }
        Ok(())
    }

    fn answer(&self, wanted: &Wanted) -> Outcome {
        match wanted {
            Wanted::Interface(name) => self.interface(name),
            Wanted::Route { network, length, table } => {
                let table =
                    table.unwrap_or(u32::from(netlink_packet_route::route::RouteHeader::RT_TABLE_MAIN));
                self.route(*network, *length, table)
            }
        }
    }

    fn interface(&self, name: &str) -> Outcome {
        let is_called = |link: &&LinkMessage| {
            link.attributes.iter().any(|a| matches!(a, LinkAttribute::IfName(own) if own == name))
        };
        match self.links.iter().find(is_called).map(|link| link.header.flags) {
            None => Outcome::failed(format_args!("there is no interface {name}")),
            Some(flags) if !flags.contains(LinkFlags::Up) => Outcome::failed(format_args!("{name} is down")),
            Some(flags) if !flags.contains(LinkFlags::Running) => {
                Outcome::failed(format_args!("{name} has no carrier"))
            }
            Some(_) => Outcome::Passed,
        }
    }

    fn route(&self, network: IpAddr, length: u8, table: u32) -> Outcome {
        let mut same = self.routes.iter().filter(|route| is_to(route, network, length, table)).peekable();
        if same.peek().is_none() {
            Outcome::failed(format_args!("the kernel has no route to {network}/{length}"))
        } else if same.any(carries) {
            Outcome::Passed
        } else {
            Outcome::failed(format_args!("no route to {network}/{length} has an interface with a carrier"))
        }
    }
}

fn is_to(route: &RouteMessage, network: IpAddr, length: u8, table: u32) -> bool {
    let given = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::from(*address)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::from(*address)),
        _ => None,
    });
    let in_table = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    let is_of_family = (route.header.address_family == AddressFamily::Inet) == network.is_ipv4();
    // A default route says no destination.
    is_of_family
        && route.header.kind == RouteType::Unicast
        && route.header.destination_prefix_length == length
        && given.is_none_or(|given| given == network)
        && in_table.unwrap_or(u32::from(route.header.table)) == table
}

/// Whether packets can leave by it. A route stays where it was when its interface loses the carrier, and is only marked.
fn carries(route: &RouteMessage) -> bool {
    let hops = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => Some(hops),
        _ => None,
    });
    match hops {
        Some(hops) => hops
            .iter()
            .any(|hop| !hop.flags.intersects(RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown)),
        None => !route.header.flags.intersects(RouteFlags::Dead | RouteFlags::Linkdown),
    }
}
