//! Sockets and their options: the one file that may be `unsafe`, since no crate wraps TCP_MD5SIG and IP_MINTTL.

use crate::{Md5Key, Transport};
use ipnet::IpNet;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    io, mem,
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, RawFd},
    ptr,
};

/// Connections that may wait to be accepted: a router with a thousand neighbors restarts, and all come at once.
const BACKLOG: i32 = 4096;

/// A listening socket, not blocking; and whether this machine has the address. The address of a tunnel may come long after us, and
/// may go: the socket is bound all the same (IP_FREEBIND), and hears of it as soon as it is there.
pub(super) fn listener(address: SocketAddr) -> io::Result<(Socket, bool)> {
    let socket = tcp(address.ip())?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    let is_here = match socket.bind(&address.into()) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            if address.is_ipv6() { socket.set_freebind_v6(true) } else { socket.set_freebind_v4(true) }?;
            socket.bind(&address.into())?;
            false
        }
        result => result.map(|()| true)?,
    };
    listen(&socket)?;
    Ok((socket, is_here))
}

/// What every listening socket needs, whoever has made it.
pub(super) fn listen(socket: &Socket) -> io::Result<()> {
    // For `arrived_with`.
    set(socket.as_raw_fd(), libc::IPPROTO_TCP, TCP_SAVE_SYN, &1_i32)?;
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)
}

/// A socket to dial the peer with: bound, its options set.
pub(super) fn dialler(transport: &Transport, key: Option<&Md5Key>) -> io::Result<Socket> {
    let socket = tcp(transport.remote.ip())?;
    if let Some(local) = transport.local {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    if key.is_some() {
        set_md5(&socket, transport.remote.ip().into(), key)?;
    }
    set_hops(&socket, transport)?;
    Ok(socket)
}

fn tcp(address: IpAddr) -> io::Result<Socket> {
    let socket = Socket::new(domain(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

const fn domain(address: IpAddr) -> Domain {
    if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 }
}

/// What holds for dialled and accepted connections: no Nagle (a KEEPALIVE must not wait), TTL, GTSM (RFC 5082).
pub(super) fn set_hops(socket: &impl AsRawFd, transport: &Transport) -> io::Result<()> {
    let fd = socket.as_raw_fd();
    set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1_i32)?;
    let ipv6 = transport.remote.is_ipv6();
    // -1 is the system's, whatever an accepted connection has from its listener.
    set_ttl(socket, ipv6, transport.ttl.map_or(-1, i32::from))?;
    if let Some(ttl) = transport.min_ttl {
        let (level, name) = if ipv6 {
            (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT)
        } else {
            (libc::IPPROTO_IP, libc::IP_MINTTL)
        };
        set(fd, level, name, &i32::from(ttl))?;
    }
    Ok(())
}

/// The answer to a SYN goes out before anything is accepted: a peer with GTSM (RFC 5082) takes it with 255 only.
pub(super) fn answer_with_full_ttl(listener: &impl AsRawFd, peer: IpAddr) -> io::Result<()> {
    set_ttl(listener, peer.is_ipv6(), 255)
}

fn set_ttl(socket: &impl AsRawFd, ipv6: bool, ttl: i32) -> io::Result<()> {
    let (level, name) =
        if ipv6 { (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS) } else { (libc::IPPROTO_IP, libc::IP_TTL) };
    set(socket.as_raw_fd(), level, name, &ttl)
}

/// linux/tcp.h.
const TCP_SAVE_SYN: i32 = 27;
const TCP_SAVED_SYN: i32 = 28;

/// The TTL of the SYN that opened an accepted connection. GTSM (RFC 5082) set on the socket itself comes too late for what has
/// arrived before it was accepted; but who cannot send a SYN with a high TTL cannot send anything else with one.
pub(super) fn arrived_with(socket: &impl AsRawFd) -> io::Result<u8> {
    let mut header = [0_u8; 128];
    let mut length = header.len() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `header`, which the kernel writes during the call, not beyond `length`.
    #[expect(unsafe_code, reason = "an option that no crate wraps")]
    let result = unsafe {
        let header = header.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, TCP_SAVED_SYN, header, &raw mut length)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // IPv4: octet 8, TTL. IPv6: octet 7, Hop Limit.
    match header[0] >> 4 {
        _ if length < 40 => Err(io::ErrorKind::InvalidData.into()),
        4 => Ok(header[8]),
        _ => Ok(header[7]),
    }
}

/// `struct tcp_md5sig` of linux/tcp.h.
#[repr(C)]
struct TcpMd5Sig {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: i32,
    key: [u8; 80],
}

/// TCP_MD5SIG_EXT of linux/tcp.h: with a prefix.
const TCP_MD5SIG_EXT: i32 = 32;
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;

/// The key for segments from and to the peer, or all peers of a prefix (RFC 2385); none takes it away. On a listening socket it goes
/// for what they dial. On one that is connected it changes the key of the connection, which stays: segments that were
/// signed with the old one are sent again.
pub(super) fn set_md5(socket: &impl AsRawFd, peers: IpNet, key: Option<&Md5Key>) -> io::Result<()> {
    let octets = key.map_or(&[][..], Md5Key::octets);
    let is_range = peers.prefix_len() < peers.max_prefix_len();
    let mut option = TcpMd5Sig {
        address: storage(peers.network()),
        flags: if is_range { TCP_MD5SIG_FLAG_PREFIX } else { 0 },
        prefix_length: if is_range { peers.prefix_len() } else { 0 },
        key_length: octets.len() as u16,
        interface: 0,
        key: [0; 80],
    };
    option.key[..octets.len()].copy_from_slice(octets);
    let name = if is_range { TCP_MD5SIG_EXT } else { libc::TCP_MD5SIG };
    match set(socket.as_raw_fd(), libc::IPPROTO_TCP, name, &option) {
        // There was none to take away.
        Err(error) if key.is_none() && error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        result => result,
    }
}

fn storage(address: IpAddr) -> libc::sockaddr_storage {
    let address = SockAddr::from(SocketAddr::new(address, 0));
    // SAFETY: sockaddr_storage is plain data, for which all zeros are valid; a sockaddr of any family fits into it, and
    // `len` octets of it are initialised.
    #[expect(unsafe_code, reason = "no safe way to a sockaddr_storage")]
    unsafe {
        let mut storage: libc::sockaddr_storage = mem::zeroed();
        ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            (&raw mut storage).cast(),
            address.len() as usize,
        );
        storage
    }
}

fn set<T>(fd: RawFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which the kernel only reads during the call.
    #[expect(unsafe_code, reason = "options that no crate wraps")]
    let result = unsafe {
        libc::setsockopt(fd, level, name, ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
