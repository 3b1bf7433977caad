//! A neighbor of the file becomes the state machine's [`PeerConfig`].

use super::file::{self, AzureKind, Bgp};
use super::{limits, range};
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::input;
use crate::config::reader::{Inherit, Record, missing};
use quadzero_codec::{Asn, Family, HoldTime, RouterId};
use quadzero_fsm::{Capabilities, HoldNegotiation, Md5Key, Mode, PeerConfig, Timers, Transport};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// The port of BGP.
pub(super) const PORT: u16 = 179;
/// The Hold Time of Azure's gateways.
const AZURE_HOLD_TIME: u16 = 180;
/// Octets of a password file at most: far more than a key has.
const LARGEST_PASSWORD_FILE: u64 = 1024;
/// TTL toward gateways that no cable leads to.
const AZURE_TTL: u8 = 64;

/// The neighbors with the defaults filled in, each checked to be one of a kind.
pub(super) fn merged(file: &file::File, out: &mut Vec<Diagnostic>) -> Vec<file::Neighbor> {
    let mut neighbors = file.neighbor.clone();
    if let Some(defaults) = &file.neighbor_defaults {
        let defaults = defaults.get_ref();
        let own = [
            defaults.name.as_ref().map(Spanned::span),
            defaults.address.as_ref().map(Spanned::span),
            defaults.range.as_ref().map(Spanned::span),
        ];
        for span in own.into_iter().flatten() {
            out.push(Diagnostic::error(
                span,
                "name, address and range are a neighbor's own, never a default",
            ));
        }
        neighbors.iter_mut().for_each(|neighbor| neighbor.inherit(defaults));
    }
    unique(neighbors.iter().filter_map(|n| n.address.as_ref()), "address", out);
    unique(neighbors.iter().filter_map(|n| n.range.as_ref()), "range", out);
    unique(neighbors.iter().filter_map(|n| n.name.as_ref()), "name", out);
    neighbors
}

/// Reports every value that another neighbor has had before.
pub(in crate::config) fn unique<'a, T: std::hash::Hash + Eq + std::fmt::Display + 'a>(
    values: impl Iterator<Item = &'a Spanned<T>>,
    what: &str,
    out: &mut Vec<Diagnostic>,
) {
    let mut seen: HashMap<&T, Span> = HashMap::new();
    for value in values {
        if let Some(first) = seen.get(value.get_ref()) {
            let error = Diagnostic::error(value.span(), format!("the {what} {} is taken", value.get_ref()));
            let hint = format!("each {what} stands once: change one of the two, or take it out");
            out.push(error.label("once more").related(first.clone(), "first here").hint(hint));
        } else {
            seen.insert(value.get_ref(), value.span());
        }
    }
}

/// The peer, unless its address is missing or wrong. Stand-ins for what else is, which has been reported, let the
/// checks go on.
pub(super) fn peer(
    bgp: &Bgp,
    neighbor: &file::Neighbor,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<PeerConfig> {
    let address = range::address(neighbor, out);
    let range = range::range(neighbor);
    out.extend((!neighbor.has("remote-as")).then(|| missing::<Asn>(neighbor.span(), "remote-as")));
    let timers = timers(neighbor, out);
    let md5 = md5(neighbor, folder, out);
    let families = families(neighbor, address, out);
    let transport = transport(neighbor, address, md5, out);
    check_role(bgp, neighbor, out);
    check_listening(bgp, neighbor, address, out);
    let (max_prefixes, max_prefixes_out) = limits::limits(neighbor, out);
    let address = address?;
    let called = range.map_or_else(|| address.to_string(), |range| range.prefix.to_string());
    Some(PeerConfig {
        name: get(&neighbor.name).unwrap_or(called),
        local_as: get(&bgp.asn).unwrap_or(Asn::TRANS),
        router_id: get(&bgp.router_id).or(RouterId::new(Ipv4Addr::LOCALHOST))?,
        remote_as: get(&neighbor.remote_as).unwrap_or(Asn::TRANS),
        mode: if range.is_some() { Mode::Passive } else { get(&neighbor.mode).unwrap_or_default() },
        families,
        timers,
        damp_peer_oscillations: get(&neighbor.damp_peer_oscillations).unwrap_or(true),
        hold_negotiation: HoldNegotiation::Minimum,
        role: get(&neighbor.role),
        capabilities: capabilities(neighbor),
        import: get(&neighbor.import).unwrap_or_default(),
        own_address: None,
        honour_graceful_shutdown: true,
        max_prefixes,
        max_prefixes_out,
        transport: transport?,
    })
}

fn timers(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) -> Timers {
    let keys = &neighbor.timers;
    let default = Timers::default();
    let azure_hold = || neighbor.azure.as_ref().and_then(|_| HoldTime::new(AZURE_HOLD_TIME));
    let timers = Timers {
        hold: get(&keys.hold_time).or_else(azure_hold).unwrap_or(default.hold),
        keepalive: get(&keys.keepalive),
        connect_retry: get(&keys.connect_retry).unwrap_or(default.connect_retry),
        delay_open: get(&keys.delay_open),
        idle_hold: get(&keys.idle_hold).unwrap_or(default.idle_hold),
        idle_hold_max: get(&keys.idle_hold_max).unwrap_or(default.idle_hold_max),
        stable_after: get(&keys.stable_after).unwrap_or(default.stable_after),
        advertisement_interval: get(&keys.advertisement_interval).unwrap_or(default.advertisement_interval),
        send_hold: get(&keys.send_hold),
    };
    check_timers(keys, &timers, out);
    timers
}

fn check_timers(keys: &file::TimerKeys, timers: &Timers, out: &mut Vec<Diagnostic>) {
    let hold = timers.hold.duration();
    if let Some(keepalive) = &keys.keepalive
        && hold.is_none_or(|hold| *keepalive.get_ref() > hold / 3)
    {
        let seconds = timers.hold.seconds();
        let error = Diagnostic::error(keepalive.span(), "keepalive is more than a third of the hold time")
            .label(format!("the hold time is {seconds} s"));
        out.push(match seconds {
            0 => error.hint("a hold time of 0 means no KEEPALIVEs at all"),
            _ => error.hint(format!(
                "at most {} s; without the key it is a third of what is negotiated",
                seconds / 3
            )),
        });
    }
    if timers.idle_hold > timers.idle_hold_max
        && let Some(span) =
            keys.idle_hold.as_ref().map(Spanned::span).or(keys.idle_hold_max.as_ref().map(Spanned::span))
    {
        let message =
            format!("idle-hold ({:?}) is above idle-hold-max ({:?})", timers.idle_hold, timers.idle_hold_max);
        out.push(
            Diagnostic::error(span, message)
                .hint("the wait starts at idle-hold and doubles up to idle-hold-max"),
        );
    }
    if let Some(send_hold) = &keys.send_hold
        && *send_hold.get_ref() <= hold.unwrap_or(Duration::ZERO)
    {
        let message =
            format!("send-hold is not above the hold time of {} s (RFC 9687 §3.2)", timers.hold.seconds());
        out.push(
            Diagnostic::error(send_hold.span(), message)
                .hint("leave it out: 8 minutes or twice the hold time"),
        );
    }
}

fn families(neighbor: &file::Neighbor, address: Option<IpAddr>, out: &mut Vec<Diagnostic>) -> Vec<Family> {
    let Some(list) = &neighbor.families else {
        let is_ipv6 = address.is_some_and(|address| address.is_ipv6());
        return vec![if is_ipv6 { Family::IPV6_UNICAST } else { Family::IPV4_UNICAST }];
    };
    if list.get_ref().is_empty() {
        out.push(
            Diagnostic::error(list.span(), "no address family")
                .hint("leave the key out for that of the address"),
        );
    }
    unique(list.get_ref().iter(), "family", out);
    list.get_ref().iter().map(|family| *family.get_ref()).collect()
}

fn transport(
    neighbor: &file::Neighbor,
    address: Option<IpAddr>,
    md5: Option<Md5Key>,
    out: &mut Vec<Diagnostic>,
) -> Option<Transport> {
    let (ttl, min_ttl) = ttl(neighbor, out);
    let span = neighbor.address.as_ref().map(Spanned::span).or(neighbor.range.as_ref().map(Spanned::span))?;
    let address = &Spanned::new(span, address?);
    if neighbor.range.is_none() && (address.get_ref().is_unspecified() || address.get_ref().is_multicast()) {
        out.push(Diagnostic::error(address.span(), format!("{} is nobody's address", address.get_ref())));
    }
    if let Some(local) = &neighbor.local_address {
        check_local(local, address, out);
    }
    let port = get(&neighbor.port).unwrap_or(PORT);
    let remote = SocketAddr::new(*address.get_ref(), port);
    Some(Transport { remote, local: get(&neighbor.local_address), ttl, min_ttl, md5 })
}

fn check_local(local: &Spanned<IpAddr>, address: &Spanned<IpAddr>, out: &mut Vec<Diagnostic>) {
    let (own, remote) = (local.get_ref(), address.get_ref());
    if own.is_ipv4() != remote.is_ipv4() {
        let error = Diagnostic::error(local.span(), "local-address and address are of two families");
        out.push(error.related(address.span(), "the neighbor"));
    } else if own == remote && !own.is_loopback() {
        let error = Diagnostic::error(local.span(), "local-address is the neighbor's own address");
        out.push(error.related(address.span(), "the neighbor").hint("an address of this host"));
    }
}

/// What we send with and what we accept. GTSM (RFC 5082 §3) sends 255 and accepts what lost less than the hops allowed.
fn ttl(neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) -> (Option<u8>, Option<u8>) {
    for zero in
        [&neighbor.multihop, &neighbor.ttl_security].into_iter().flatten().filter(|n| *n.get_ref() == 0)
    {
        out.push(
            Diagnostic::error(zero.span(), "0 hops lead nowhere").hint("1 is a neighbor on the same link"),
        );
    }
    match (&neighbor.multihop, &neighbor.ttl_security) {
        (Some(multihop), Some(security)) => {
            let error = Diagnostic::error(multihop.span(), "multihop and ttl-security exclude each other");
            out.push(
                error
                    .related(security.span(), "sends with TTL 255")
                    .hint("ttl-security counts the hops already"),
            );
            (None, None)
        }
        (None, Some(hops)) => (Some(255), Some(255 - hops.get_ref().saturating_sub(1))),
        (Some(ttl), None) => (Some(*ttl.get_ref()), None),
        (None, None) => (azure_ttl(neighbor), None),
    }
}

/// A VPN gateway is at the far end of a tunnel and Route Server in a subnet of its own: one hop does not reach them.
fn azure_ttl(neighbor: &file::Neighbor) -> Option<u8> {
    let kind = neighbor.azure_kind()?;
    (kind != AzureKind::ExpressRoute).then_some(AZURE_TTL)
}

fn capabilities(neighbor: &file::Neighbor) -> Capabilities {
    let default = Capabilities::default();
    Capabilities {
        four_octet_as: get(&neighbor.four_octet_as).unwrap_or(default.four_octet_as),
        route_refresh: get(&neighbor.route_refresh).unwrap_or(default.route_refresh),
        enhanced_route_refresh: get(&neighbor.enhanced_route_refresh)
            .unwrap_or(default.enhanced_route_refresh),
        extended_message: get(&neighbor.extended_message).unwrap_or(default.extended_message),
        graceful_restart: get(&neighbor.graceful_restart),
    }
}

fn check_role(bgp: &Bgp, neighbor: &file::Neighbor, out: &mut Vec<Diagnostic>) {
    if let (Some(role), Some(local), Some(remote)) = (&neighbor.role, &bgp.asn, &neighbor.remote_as)
        && local.get_ref() == remote.get_ref()
    {
        let error = Diagnostic::error(role.span(), "a role is for eBGP only (RFC 9234 §4.1)");
        out.push(error.related(remote.span(), "our own AS"));
    }
}

/// Who dials us, and is not dialled, needs a listener of its family: `[::]` is none for IPv4.
fn check_listening(bgp: &Bgp, neighbor: &file::Neighbor, address: Option<IpAddr>, out: &mut Vec<Diagnostic>) {
    let passive = neighbor.mode.as_ref().filter(|mode| *mode.get_ref() == Mode::Passive);
    let span = passive.map(Spanned::span).or(neighbor.range.as_ref().map(Spanned::span));
    let (Some(span), Some(listen), Some(address)) = (span, &bgp.listen, address) else { return };
    let sockets = listen.get_ref();
    if sockets.iter().any(|socket| socket.get_ref().is_ipv4() == address.is_ipv4()) {
        return;
    }
    let label = if sockets.is_empty() { "never listen" } else { "none of its family" };
    let error = Diagnostic::error(span, "a passive neighbor, and nothing listens");
    out.push(error.related(listen.span(), label).hint("list an address in [bgp] listen"));
}

/// The TCP MD5 key, from its file or from the configuration itself.
fn md5(neighbor: &file::Neighbor, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Md5Key> {
    if let Some(password) = &neighbor.password {
        let hint = "password-file = \"PATH\" keeps it out of this file, of backups and of tickets";
        match &neighbor.password_file {
            Some(file) => out.push(
                Diagnostic::error(password.span(), "password and password-file exclude each other")
                    .related(file.span(), "the other one"),
            ),
            None => {
                out.push(Diagnostic::warning(password.span(), "a password in the configuration").hint(hint))
            }
        }
        return Some(password.get_ref().clone());
    }
    key_in_file(neighbor.password_file.as_ref()?, folder, out)
}

/// Where its key is, if a file has it.
pub(super) fn key_file(neighbor: &file::Neighbor, folder: &Path) -> Option<PathBuf> {
    input::named(neighbor.password_file.as_ref()?.get_ref(), folder).ok()
}

/// The TCP MD5 key that a file holds, and nothing beside it.
pub(in crate::config) fn key_in_file(
    path: &Spanned<String>,
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<Md5Key> {
    let error = |message| {
        Diagnostic::error(path.span(), message).hint("a file that holds the key alone, on one line")
    };
    let key = input::named(path.get_ref(), folder).and_then(|path| input::read(&path, LARGEST_PASSWORD_FILE));
    let key = key
        .map_err(|problem| out.push(error(format!("the password file cannot be read: {problem}"))))
        .ok()?;
    let key = Md5Key::new(without_line_end(&key));
    if key.is_none() {
        out.push(error("the password file holds no TCP MD5 key of 1 to 80 octets".to_owned()));
    }
    key
}

/// Editors put one newline behind the key. Anything else, blanks as well, is a part of it.
fn without_line_end(key: &[u8]) -> &[u8] {
    let Some(line) = key.strip_suffix(b"\n") else { return key };
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_no_part_of_a_key() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"key", b"key"),
            (b"key\n", b"key"),
            (b"key\r\n", b"key"),
            (b"key \n", b"key "),
            (b"key\n\n", b"key\n"),
            (b"key\r", b"key\r"),
        ];
        for (file, key) in cases {
            assert_eq!(without_line_end(file), key);
        }
    }
}
