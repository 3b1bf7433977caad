//! `[kernel]`, and `tunnel` of a neighbor: which learned routes the kernel is to have, and what they must not take away.

use super::file::{self, AtExit, AzureKind};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::reader::Record;
use quadzero_fsm::Import;
use quadzero_kernel::{MAIN, Path, Settings, Tunnel};
use std::num::NonZeroUsize;
use std::time::Duration;
use toml::Spanned;

/// What nobody has in /etc/iproute2/rt_protos, and BGP's port besides. 186 is "bgp" there, and FRR's.
const PROTOCOL: u8 = 179;
/// Behind routes that somebody has made by hand (0), before those of DHCP (100 and more).
const METRIC: u32 = 20;
/// As many instances as a pair of gateways has, and some.
const MAX_PATHS: usize = 8;
/// Longer than it takes a gateway that is there to come up: a dial is tried every 30 s.
const SETTLE: Duration = Duration::from_secs(90);
/// Numbers that the kernel's own routes have, and those of programs which would take ours for theirs, or we theirs for ours.
const TAKEN: [(u8, &str); 20] = [
    (0, "no protocol at all"),
    (1, "ICMP redirects"),
    (2, "the kernel"),
    (3, "ip-route(8)"),
    (4, "routes made by hand"),
    (8, "gated"),
    (9, "router advertisements"),
    (11, "zebra"),
    (12, "BIRD"),
    (14, "XORP"),
    (16, "DHCP"),
    (17, "mrouted"),
    (18, "keepalived"),
    (42, "babeld"),
    (99, "Open/R"),
    (186, "bgpd of FRR"),
    (187, "isisd of FRR"),
    (188, "ospfd of FRR"),
    (189, "ripd of FRR"),
    (192, "eigrpd of FRR"),
];
/// Octets of the name of an interface at most (`IFNAMSIZ`, and its end).
const LONGEST_NAME: usize = 15;

/// What is wanted of the kernel; `None`: nothing.
pub(super) fn settings(
    file: &file::File,
    neighbors: &[file::Neighbor],
    out: &mut Vec<Diagnostic>,
) -> Option<Settings> {
    let Some(kernel) = &file.kernel else {
        check_lonely(neighbors, out);
        return None;
    };
    let keys = kernel.get_ref();
    check_numbers(keys, out);
    check_neighbors(kernel.span(), keys, neighbors, out);
    let accept = keys.accept.iter().flat_map(|list| list.get_ref()).map(|prefix| *prefix.get_ref());
    Some(Settings {
        table: get(&keys.table).unwrap_or(MAIN),
        protocol: get(&keys.protocol).unwrap_or(PROTOCOL),
        metric: get(&keys.metric).unwrap_or(METRIC),
        accept_default: get(&keys.accept_default).unwrap_or(false),
        accept: accept.collect(),
        max_paths: NonZeroUsize::new(get(&keys.max_paths).unwrap_or(MAX_PATHS)).unwrap_or(NonZeroUsize::MIN),
        settle: get(&keys.settle).map_or(SETTLE, |pause| pause.0),
        keep: get(&keys.at_exit) == Some(AtExit::Keep),
    })
}

/// How the neighbor is reached. The gateways that are at the far end of a tunnel are, configured or not.
pub(super) fn path(neighbor: &file::Neighbor) -> Path {
    let is_behind = matches!(neighbor.azure_kind(), Some(AzureKind::VpnGateway | AzureKind::VirtualWan));
    match &neighbor.tunnel {
        Some(tunnel) => {
            let keys = tunnel.get_ref();
            Path::Tunnel(Tunnel { interface: get(&keys.interface), remote: get(&keys.remote) })
        }
        None if is_behind => Path::Tunnel(Tunnel::default()),
        None => Path::Routed,
    }
}

fn check_numbers(keys: &file::KernelKeys, out: &mut Vec<Diagnostic>) {
    if let Some(table) = keys.table.as_ref().filter(|table| [0, 255].contains(table.get_ref())) {
        let error =
            Diagnostic::error(table.span(), format!("table {} is not for routes of ours", table.get_ref()));
        out.push(error.hint("254 is the main one; another is asked where ip-rule(8) says so"));
    }
    if let Some(protocol) = &keys.protocol
        && let Some((_, whose)) = TAKEN.iter().find(|(number, _)| number == protocol.get_ref())
    {
        let error = Diagnostic::error(protocol.span(), format!("protocol {} is {whose}", protocol.get_ref()));
        out.push(
            error.hint("by it our routes are told from others': one that no program here has, like 179"),
        );
    }
    if let Some(metric) = keys.metric.as_ref().filter(|metric| *metric.get_ref() == 0) {
        let error = Diagnostic::error(
            metric.span(),
            "metric 0 is 1024 to IPv6, and the place of routes made by hand",
        );
        out.push(error.hint("1 or more; the lower one wins among routes to one prefix"));
    }
}

fn check_neighbors(
    kernel: Span,
    keys: &file::KernelKeys,
    neighbors: &[file::Neighbor],
    out: &mut Vec<Diagnostic>,
) {
    let imports = |neighbor: &&file::Neighbor| get(&neighbor.import) == Some(Import::All);
    if !neighbors.iter().any(|neighbor| imports(&neighbor) && neighbor.range.is_none()) {
        let warning = Diagnostic::warning(kernel, "nothing is learned that the kernel could have");
        out.push(
            warning
                .hint("import = \"all\" of a neighbor with an address; routes of ranges are not installed"),
        );
    }
    if let Some(accept) = keys.accept_default.as_ref().filter(|accept| *accept.get_ref()) {
        for neighbor in neighbors.iter().filter(imports) {
            if let Path::Tunnel(Tunnel { remote: None, .. }) = path(neighbor) {
                let message = "its default route will be refused: nobody knows what it must not take away";
                let warning = Diagnostic::warning(neighbor.span(), message);
                let warning = warning.related(accept.span(), "a default route is asked for");
                out.push(
                    warning.hint("tunnel = { remote = \"..\" }, with the public address of the gateway"),
                );
            }
        }
    }
    neighbors.iter().for_each(|neighbor| check_tunnel(neighbor, out));
}

fn check_tunnel(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) {
    let Some(tunnel) = &neighbor.tunnel else { return };
    let keys = tunnel.get_ref();
    if let Some(range) = &neighbor.range {
        let error = Diagnostic::error(tunnel.span(), "a tunnel leads to an address, and a range has none");
        out.push(error.related(range.span(), "the range"));
    }
    if !keys.has("interface") && !keys.has("remote") {
        let error = Diagnostic::error(tunnel.span(), "a tunnel of which nothing is said");
        out.push(error.hint("{ interface = \"ipsec0\", remote = \"203.0.113.4\" }, or one of the two"));
    }
    if let Some(interface) = &keys.interface
        && (interface.get_ref().len() > LONGEST_NAME
            || interface.get_ref().contains(|c: char| c == '/' || c.is_whitespace()))
    {
        let error = Diagnostic::error(interface.span(), "no interface is called like that");
        out.push(error.hint("as ip-link(8) shows it: 15 octets at most"));
    }
    if let (Some(remote), Some(address)) = (&keys.remote, &neighbor.address)
        && remote.get_ref() == address.get_ref()
    {
        let error = Diagnostic::error(remote.span(), "the far end of the tunnel is the BGP address");
        out.push(error.related(address.span(), "inside of the tunnel").hint(
            "remote is where IKE and ESP go: the public address of the gateway, which is never its BGP address",
        ));
    }
}

/// Without `[kernel]`, tunnels are nobody's business.
fn check_lonely(neighbors: &[file::Neighbor], out: &mut Vec<Diagnostic>) {
    let mut told: Vec<Span> = Vec::new();
    for tunnel in neighbors.iter().filter_map(|neighbor| neighbor.tunnel.as_ref()).map(Spanned::span) {
        // The one of the defaults is that of each neighbor.
        if !told.contains(&tunnel) {
            told.push(tunnel.clone());
            let warning = Diagnostic::warning(tunnel, "tunnel has no effect without [kernel]");
            out.push(warning.hint("[kernel], to have the kernel hold the routes of the tunnel"));
        }
    }
}
