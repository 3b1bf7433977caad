//! ICMP echo (RFC 792, RFC 4443 §4.1), by the kernel's own socket for it where this process may have one.
//!
//! A "ping socket" (`SOCK_DGRAM`, `IPPROTO_ICMP`) needs no capability but a group in `net.ipv4.ping_group_range`, for both families; a
//! raw one needs CAP_NET_RAW. The first is tried first. An answer is known by its payload, which nobody guesses: the kernel
//! chooses the identifier of a ping socket itself.

use crate::Origin;
use socket2::{Protocol, Socket, Type};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::UdpSocket;

/// Type, code, checksum, identifier, sequence number, and eight octets of payload.
const LENGTH: usize = 16;
/// A raw socket of IPv4 hands out the IP header too, of at most 60 octets.
const LARGEST: usize = 60 + LENGTH;

#[derive(Debug)]
pub(crate) struct Icmp {
    target: IpAddr,
    origin: Origin,
    sequence: u16,
    secret: RandomState,
}

impl Icmp {
    pub(crate) fn new(target: IpAddr, origin: Origin) -> Self {
        Self { target, origin, sequence: 0, secret: RandomState::new() }
    }

    pub(crate) async fn look(&mut self) -> Result<(), String> {
        let socket = self.open().map_err(|error| self.explain(&error))?;
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(self.target, self.sequence, self.secret.hash_one(self.sequence));
        self.exchange(socket, &request).await.map_err(|error| format!("ICMP to {}: {error}", self.target))
    }

    async fn exchange(&self, socket: Socket, request: &[u8; LENGTH]) -> io::Result<()> {
        // Of a datagram socket, tokio knows the one that UDP has; send and receive are the same for all.
        let socket = UdpSocket::from_std(socket.into())?;
        socket.send(request).await?;
        let mut octets = [0; LARGEST];
        loop {
            let length = socket.recv(&mut octets).await?;
            if answers(self.target, &octets[..length], request) {
                return Ok(());
            }
        }
    }

    fn open(&self) -> io::Result<Socket> {
        let protocol = if self.target.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
        let open = |kind| {
            let socket = self.origin.socket(self.target, kind, Some(protocol))?;
            socket.connect(&SocketAddr::new(self.target, 0).into())?;
            Ok(socket)
        };
        open(Type::DGRAM).or_else(|error: io::Error| {
            // Whatever a raw socket is refused for, the first refusal is the one to be mended.
            if is_denied(&error) { open(Type::RAW).map_err(|_| error) } else { Err(error) }
        })
    }

    fn explain(&self, error: &io::Error) -> String {
        if is_denied(error) {
            "this process may not send ICMP: sysctl net.ipv4.ping_group_range must hold one of its groups, or give it CAP_NET_RAW"
                .to_owned()
        } else {
            format!("ICMP to {}: {error}", self.target)
        }
    }
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// An echo request.
fn request(target: IpAddr, sequence: u16, payload: u64) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    packet[0] = if target.is_ipv4() { 8 } else { 128 };
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    packet[8..].copy_from_slice(&payload.to_be_bytes());
    // Of IPv6, and of ping sockets, the kernel does it.
    let checksum = checksum(&packet);
    packet[2..4].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// RFC 1071.
fn checksum(packet: &[u8; LENGTH]) -> u16 {
    let words = packet.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum >> 16) + (sum & 0xffff);
    !((folded + (folded >> 16)) as u16)
}

/// Whether it is the echo reply to this request, behind an IPv4 header or not.
fn answers(target: IpAddr, octets: &[u8], request: &[u8; LENGTH]) -> bool {
    let reply = if target.is_ipv4() { 0 } else { 129 };
    let header = match octets.first() {
        Some(first) if target.is_ipv4() && first >> 4 == 4 => usize::from(first & 0xf) * 4,
        _ => 0,
    };
    let packet = octets.get(header..).unwrap_or_default();
    packet.len() == LENGTH && packet[..2] == [reply, 0] && packet[6..] == request[6..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn reply_to(request: &[u8; LENGTH], kind: u8) -> [u8; LENGTH] {
        let mut reply = *request;
        // Another identifier and checksum, as a ping socket has them.
        reply[0] = kind;
        reply[2..6].copy_from_slice(&[1, 2, 3, 4]);
        reply
    }

    #[test]
    fn a_checksum_makes_the_sum_of_all_words_minus_zero() {
        let packet = request(V4, 0x1234, 0xfedc_ba98_7654_3210);
        let sum: u32 = packet.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        assert_eq!((sum >> 16) + (sum & 0xffff), 0xffff);
    }

    #[test]
    fn only_the_reply_to_this_request_is_an_answer() {
        let one = request(V4, 1, 7);
        assert!(answers(V4, &reply_to(&one, 0), &one));
        assert!(!answers(V4, &one, &one), "a request is no reply");
        assert!(!answers(V4, &reply_to(&request(V4, 1, 8), 0), &one), "another payload");
        assert!(!answers(V4, &reply_to(&request(V4, 2, 7), 0), &one), "another sequence number");
        assert!(!answers(V4, &reply_to(&one, 0)[..15], &one), "cut short");
        assert!(!answers(V4, &[], &one));
        let six = request(V6, 1, 7);
        assert!(answers(V6, &reply_to(&six, 129), &six));
        assert!(!answers(V6, &reply_to(&six, 0), &six));
    }

    #[test]
    fn a_raw_socket_has_the_ip_header_before_it() {
        let one = request(V4, 1, 7);
        let mut packet = vec![0x46; 24];
        packet.extend(reply_to(&one, 0));
        assert!(answers(V4, &packet, &one));
        assert!(!answers(V4, &packet[..20], &one));
    }
}
