//! Why a port cannot be had: who has it, or what it takes.

use crate::config::edge::Edge;
use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

/// Ports below need a privilege, unless net.ipv4.ip_unprivileged_port_start says otherwise.
pub(crate) const PRIVILEGED: u16 = 1024;
/// RFC 5881 §4.
pub(crate) const BFD: u16 = 3784;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// What to do about an address that cannot be listened on.
pub(crate) fn hint(error: &io::Error, address: SocketAddr, protocol: Protocol) -> Option<String> {
    match error.kind() {
        io::ErrorKind::PermissionDenied if address.port() < PRIVILEGED => Some(
            "ports below 1024 need a privilege: CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=+ep quadzero, or AmbientCapabilities= of \
             a unit), or a socket that systemd hands over (config/systemd/quadzero.socket), or a higher port in [bgp] listen"
                .to_owned(),
        ),
        io::ErrorKind::AddrInUse => Some(in_use(address, protocol)),
        _ => None,
    }
}

/// Who has ports that we want, as it was before the sandbox, in which the descriptors of other processes cannot be looked at.
static KNOWN: OnceLock<Vec<(SocketAddr, Holder)>> = OnceLock::new();

/// Looks who has what an edge will want. To be called once, before it gives up to look.
pub(crate) fn look_around(edge: &Edge) {
    let listened = edge.listen.iter().map(|address| (*address, Protocol::Tcp));
    let watched = edge.neighbors.iter().filter(|neighbor| neighbor.bfd.is_some());
    let watched = watched.filter_map(|neighbor| neighbor.peer.transport.local);
    let watched = watched.map(|local| (SocketAddr::new(local, BFD), Protocol::Udp));
    let found = listened.chain(watched).filter_map(|(address, protocol)| holder(address, protocol));
    let _once = KNOWN.set(found.collect());
}

fn in_use(address: SocketAddr, protocol: Protocol) -> String {
    let Some((whose, holder)) = holder(address, protocol) else {
        return "somebody else has it: `ss -lntup` shows who".to_owned();
    };
    let known = KNOWN.get().into_iter().flatten().find(|(known, _)| *known == whose);
    match known.map_or(&holder, |(_, known)| known) {
        Holder::Process { id: 1, .. } => format!(
            "systemd has {whose}, for a socket unit: start quadzero by the service of that name (quadzero.socket, quadzero.service), \
             or stop the unit"
        ),
        Holder::Process { id, name } => {
            format!("{name} (process {id}) has {whose}: stop it, or choose another address or port")
        }
        Holder::User(user) => {
            format!(
                "a process of user {user} has {whose}: `ss -lntup` as root shows which; or choose another address or port"
            )
        }
    }
}

#[derive(Debug)]
enum Holder {
    Process {
        id: i32,
        name: String,
    },
    /// Whose descriptors we may not look at.
    User(u32),
}

/// Who has what is in the way of an address, and what that is.
fn holder(address: SocketAddr, protocol: Protocol) -> Option<(SocketAddr, Holder)> {
    let (whose, user, inode) =
        sockets(protocol).into_iter().find(|(there, ..)| is_in_the_way(*there, address))?;
    let has_it = |process: &Process| {
        let mut descriptors = process.fd().into_iter().flatten().flatten();
        descriptors.any(|descriptor| matches!(descriptor.target, FDTarget::Socket(its) if its == inode))
    };
    let process =
        all_processes().into_iter().flatten().flatten().filter(has_it).min_by_key(|process| process.pid);
    let holder = process.map_or(Holder::User(user), |process| {
        let name = process.stat().map_or_else(|_| "a process".to_owned(), |stat| stat.comm);
        Holder::Process { id: process.pid, name }
    });
    Some((whose, holder))
}

/// Where something is bound, by which user, and the inode of the socket.
fn sockets(protocol: Protocol) -> Vec<(SocketAddr, u32, u64)> {
    // Where a service may see no more of /proc than processes (ProcSubset=pid), there is no /proc/net.
    let Ok(here) = Process::myself() else { return Vec::new() };
    match protocol {
        Protocol::Tcp => {
            let all = [here.tcp(), here.tcp6()].into_iter().flatten().flatten();
            let listening = all.filter(|entry| entry.state == TcpState::Listen);
            listening.map(|entry| (entry.local_address, entry.uid, entry.inode)).collect()
        }
        Protocol::Udp => {
            let all = [here.udp(), here.udp6()].into_iter().flatten().flatten();
            all.map(|entry| (entry.local_address, entry.uid, entry.inode)).collect()
        }
    }
}

fn is_in_the_way(there: SocketAddr, wanted: SocketAddr) -> bool {
    let is_everything = |address: IpAddr| address.is_unspecified();
    // `[::]` takes IPv4 as well, as a rule.
    let is_same = there.ip().to_canonical() == wanted.ip().to_canonical();
    there.port() == wanted.port() && (is_same || is_everything(there.ip()) || is_everything(wanted.ip()))
}
