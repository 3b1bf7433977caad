//! The sockets of RFC 5881 §4 and §5.
//!
//! What comes with a TTL (IPv6: Hop Limit) below 255 has passed a router, and must not be heard (GTSM, RFC 5881 §5, RFC 5082). UDP
//! knows no IP_MINTTL, so a socket filter of four instructions looks at the header: the kernel drops the datagram before it takes
//! a place in the queue, and a flood from afar costs us nothing.

use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr},
};

/// Where BFD Control packets go (RFC 5881 §4).
pub(super) const PORT: u16 = 3784;

/// Where they come from (RFC 5881 §4).
const SOURCE_PORTS: std::ops::RangeInclusive<u16> = 49152..=65535;

/// Source ports that are tried before we give up.
const ATTEMPTS: u64 = 64;

const FULL_TTL: u32 = 255;

/// Class Selector 6, network control (RFC 2474 §4.2.2.2), as other implementations send it: a queue that is full of data must not look
/// like a path that is down.
const NETWORK_CONTROL: u32 = 6 << 5;

/// Receives what is sent to the address from the next hop.
pub(super) fn receiver(local: IpAddr) -> io::Result<Socket> {
    let socket = udp(local)?;
    socket.attach_filter(&from_the_next_hop(local.is_ipv6()))?;
    socket.bind(&SocketAddr::new(local, PORT).into())?;
    Ok(socket)
}

/// Sends from the address, and never receives. `random` picks where the search for a free port begins: who can guess the port can
/// make up packets more easily.
pub(super) fn sender(local: IpAddr, random: u64) -> io::Result<Socket> {
    let socket = udp(local)?;
    socket.attach_filter(&[RETURN_NOTHING])?;
    if local.is_ipv6() {
        socket.set_unicast_hops_v6(FULL_TTL)?;
        socket.set_tclass_v6(NETWORK_CONTROL)?;
    } else {
        socket.set_ttl_v4(FULL_TTL)?;
        socket.set_tos_v4(NETWORK_CONTROL)?;
    }
    let mut result = Ok(());
    for attempt in 0..ATTEMPTS {
        result = socket.bind(&SocketAddr::new(local, source_port(random, attempt)).into());
        if !result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
            break;
        }
    }
    result.map(|()| socket)
}

/// To the other side of the path.
pub(super) fn send(socket: &Socket, packet: &[u8], remote: IpAddr) -> io::Result<()> {
    socket.send_to(packet, &SockAddr::from(SocketAddr::new(remote, PORT))).map(drop)
}

fn source_port(random: u64, attempt: u64) -> u16 {
    let ports = u64::from(SOURCE_PORTS.end() - SOURCE_PORTS.start()) + 1;
    SOURCE_PORTS.start() + (random.wrapping_add(attempt) % ports) as u16
}

fn udp(local: IpAddr) -> io::Result<Socket> {
    let domain = if local.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_freebind_v6(true)?;
    } else {
        socket.set_freebind_v4(true)?;
    }
    Ok(socket)
}

// linux/bpf_common.h, linux/filter.h.
const LOAD_OCTET: u16 = 0x30;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// Offsets from here on count from the network header: SKF_NET_OFF, -0x100000.
const NETWORK_HEADER: u32 = 0xFFF0_0000;

const RETURN_NOTHING: SockFilter = SockFilter::new(RETURN, 0, 0, 0);
const RETURN_ALL: SockFilter = SockFilter::new(RETURN, 0, 0, u32::MAX);

/// IPv4: octet 8, TTL. IPv6: octet 7, Hop Limit.
const fn from_the_next_hop(ipv6: bool) -> [SockFilter; 4] {
    let ttl = if ipv6 { 7 } else { 8 };
    [
        SockFilter::new(LOAD_OCTET, 0, 0, NETWORK_HEADER + ttl),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, FULL_TTL),
        RETURN_ALL,
        RETURN_NOTHING,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_ports_stay_in_their_range() {
        for random in [0, 1, 16_383, 16_384, 65_535, u64::MAX] {
            for attempt in 0..ATTEMPTS {
                assert!(SOURCE_PORTS.contains(&source_port(random, attempt)));
            }
        }
        assert_ne!(source_port(16_383, 0), source_port(16_383, 1));
    }
}
