//! UPDATE written: as many prefixes a message as fit.
//!
//! The attributes are encoded once a call; each message is a header, a copy of them, and the next prefixes. IPv4 goes
//! into the classic fields, IPv6 into MP_REACH_NLRI and MP_UNREACH_NLRI, which come first (RFC 7606 §5.1).

use crate::{
    Attributes, Dialect, Family, HEADER, MessageType, NextHop,
    attribute::{code, encode as attribute, flag},
    message::put_header,
    nlri,
};
use bytes::{BufMut, BytesMut};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Octets of an UPDATE that is empty: the header and the lengths of two fields.
const EMPTY: usize = HEADER + 4;
/// Octets of an attribute's header whose length has two octets.
const EXTENDED_HEADER: usize = 4;
/// Octets of most IPv4 prefixes: the length, and three of the address.
const TYPICAL_PREFIX: usize = 4;

/// Why routes cannot be said in a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The attributes leave no room for a prefix.
    #[error("attributes of {attributes} octets leave no room for a prefix in a message of {max}")]
    TooLong {
        /// Octets of the attributes.
        attributes: usize,
        /// Octets of the largest message.
        max: usize,
    },
    /// "Next hop self" in a family of which this connection has no address.
    #[error("next hop self: this connection has no own {0} address")]
    NoOwnAddress(Family),
    /// A next hop of the other family.
    #[error("{family} needs a next hop of its own family, not {next_hop}")]
    NextHopFamily {
        /// The family of the prefixes.
        family: Family,
        /// The next hop.
        next_hop: IpAddr,
    },
}

/// Appends UPDATEs that announce the prefixes with the attributes, as many prefixes a message as fit, and returns how
/// many messages. The prefixes are of one family, or each run of one family has its own messages. On an error nothing
/// has been appended.
pub fn encode_announced(
    attributes: &Attributes,
    prefixes: &[IpNet],
    dialect: &Dialect,
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    let start = out.len();
    let mut messages = 0;
    for group in by_family(prefixes) {
        let announced = match Family::of(&group[0]) {
            Family::IPV4_UNICAST => announce_ipv4(attributes, group, dialect, out),
            _ => announce_ipv6(attributes, group, dialect, out),
        };
        messages += announced.inspect_err(|_| out.truncate(start))?;
    }
    Ok(messages)
}

/// Appends UPDATEs that withdraw the prefixes, and returns how many. Families as in [`encode_announced`].
pub fn encode_withdrawn(prefixes: &[IpNet], dialect: &Dialect, out: &mut BytesMut) -> usize {
    by_family(prefixes)
        .map(|group| match Family::of(&group[0]) {
            Family::IPV4_UNICAST => withdraw_ipv4(group, dialect, out),
            _ => withdraw_ipv6(group, dialect, out),
        })
        .sum()
}

/// Appends the UPDATE that says: that was everything of the family (RFC 4724 §2).
pub fn encode_end_of_rib(family: Family, out: &mut BytesMut) {
    if family == Family::IPV4_UNICAST {
        put_update(0, out);
        return out.put_u32(0);
    }
    let length = EXTENDED_HEADER - 1 + 3;
    put_update(length, out);
    out.put_u16(0);
    put_length(length, out);
    out.extend(attribute::header(flag::OPTIONAL, code::MP_UNREACH_NLRI, 3));
    out.put_u16(family.afi);
    out.put_u8(family.safi);
}

fn by_family(prefixes: &[IpNet]) -> impl Iterator<Item = &[IpNet]> {
    prefixes.chunk_by(|a, b| Family::of(a) == Family::of(b))
}

/// The header of an UPDATE with so many octets beyond an empty one.
fn put_update(beyond: usize, out: &mut BytesMut) {
    // No caller writes more than max_send().
    put_header(MessageType::Update, (EMPTY + beyond) as u16, out);
}

fn put_length(length: usize, out: &mut BytesMut) {
    // As for put_update().
    out.put_u16(length as u16);
}

/// Cuts the prefixes into pieces of at most `room` octets and has each written, given the octets it takes.
/// Returns how many pieces, or `None` where `room` is too little for one prefix.
fn pack<'a>(
    mut prefixes: &'a [IpNet],
    room: usize,
    mut write: impl FnMut(&'a [IpNet], usize),
) -> Option<usize> {
    let mut pieces = 0;
    while !prefixes.is_empty() {
        let (count, octets) = nlri::fit(prefixes, room);
        let (piece, rest) = prefixes.split_at(count);
        if piece.is_empty() {
            return None;
        }
        write(piece, octets);
        prefixes = rest;
        pieces += 1;
    }
    Some(pieces)
}

fn announce_ipv4(
    attributes: &Attributes,
    prefixes: &[IpNet],
    dialect: &Dialect,
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    let block = attribute::encode(attributes, Some(next_hop_ipv4(attributes.next_hop, dialect)?), dialect);
    let max = dialect.max_send();
    out.reserve(max.min(EMPTY + block.len() + prefixes.len() * TYPICAL_PREFIX));
    pack(prefixes, max.saturating_sub(EMPTY + block.len()), |piece, octets| {
        put_update(block.len() + octets, out);
        out.put_u16(0);
        put_length(block.len(), out);
        out.put_slice(&block);
        nlri::encode(piece, octets, out);
    })
    .ok_or(EncodeError::TooLong { attributes: block.len(), max })
}

fn announce_ipv6(
    attributes: &Attributes,
    prefixes: &[IpNet],
    dialect: &Dialect,
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    let block = attribute::encode(attributes, None, dialect);
    let head = attribute::reach_head(next_hop_ipv6(attributes.next_hop, dialect)?);
    let fixed = block.len() + EXTENDED_HEADER + head.len();
    let max = dialect.max_send();
    pack(prefixes, max.saturating_sub(EMPTY + fixed), |piece, octets| {
        put_mp(code::MP_REACH_NLRI, &head, piece, octets, &block, out);
    })
    .ok_or(EncodeError::TooLong { attributes: fixed, max })
}

fn withdraw_ipv4(prefixes: &[IpNet], dialect: &Dialect, out: &mut BytesMut) -> usize {
    pack(prefixes, dialect.max_send() - EMPTY, |piece, octets| {
        put_update(octets, out);
        put_length(octets, out);
        nlri::encode(piece, octets, out);
        out.put_u16(0);
    })
    .expect("every message has room for a prefix")
}

fn withdraw_ipv6(prefixes: &[IpNet], dialect: &Dialect, out: &mut BytesMut) -> usize {
    const HEAD: [u8; 3] = [0, 2, 1];
    let room = dialect.max_send() - EMPTY - EXTENDED_HEADER - HEAD.len();
    pack(prefixes, room, |piece, octets| put_mp(code::MP_UNREACH_NLRI, &HEAD, piece, octets, &[], out))
        .expect("every message has room for a prefix")
}

/// An UPDATE whose prefixes are in an attribute: that one first, then the block of the others.
fn put_mp(code: u8, head: &[u8], prefixes: &[IpNet], octets: usize, block: &[u8], out: &mut BytesMut) {
    let value = head.len() + octets;
    let header = attribute::header(flag::OPTIONAL, code, value);
    let attributes = header.clone().count() + value + block.len();
    put_update(attributes, out);
    out.put_u16(0);
    put_length(attributes, out);
    out.extend(header);
    out.put_slice(head);
    nlri::encode(prefixes, octets, out);
    out.put_slice(block);
}

const fn next_hop_ipv4(next_hop: NextHop, dialect: &Dialect) -> Result<Ipv4Addr, EncodeError> {
    let family = Family::IPV4_UNICAST;
    match (next_hop, dialect.own_ipv4) {
        (NextHop::Own, Some(own)) => Ok(own),
        (NextHop::Own, None) => Err(EncodeError::NoOwnAddress(family)),
        (NextHop::Address(IpAddr::V4(address)), _) => Ok(address),
        (NextHop::Address(next_hop), _) => Err(EncodeError::NextHopFamily { family, next_hop }),
        (NextHop::WithLinkLocal(global, _), _) => {
            Err(EncodeError::NextHopFamily { family, next_hop: IpAddr::V6(global) })
        }
    }
}

/// One address, or a global and a link-local one.
fn next_hop_ipv6(next_hop: NextHop, dialect: &Dialect) -> Result<Vec<std::net::Ipv6Addr>, EncodeError> {
    let family = Family::IPV6_UNICAST;
    match (next_hop, dialect.own_ipv6) {
        (NextHop::Own, Some(own)) => Ok(vec![own]),
        (NextHop::Own, None) => Err(EncodeError::NoOwnAddress(family)),
        (NextHop::Address(IpAddr::V6(address)), _) => Ok(vec![address]),
        (NextHop::Address(next_hop), _) => Err(EncodeError::NextHopFamily { family, next_hop }),
        (NextHop::WithLinkLocal(global, link_local), _) => Ok(vec![global, link_local]),
    }
}
