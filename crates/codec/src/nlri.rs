//! Prefixes as they travel (RFC 4271 §4.3): the length in bits, and as many octets of the address as hold them.
//!
//! ```text
//! 0.0.0.0/0   00              10.0.0.0/8   08 0A              203.0.113.5/32   20 CB 00 71 05
//! ```

use crate::{Family, reader::Reader};
use bytes::BytesMut;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Octets of the longest address: what is written beyond the last prefix before it is cut off again.
const SLACK: usize = 16;

/// Appends the prefixes of a field; bits beyond a prefix's length mean nothing and are cleared. An error is the offset
/// of a prefix that is too long for its family or cut short (RFC 7606 §5.3). Only unicast families can be read.
pub(crate) fn decode(mut field: Reader<'_>, family: Family, prefixes: &mut Vec<IpNet>) -> Result<(), usize> {
    let one = if family == Family::IPV4_UNICAST { decode_ipv4 } else { decode_ipv6 };
    // Most prefixes have three octets of four, or six of sixteen, and one of length.
    prefixes.reserve(field.len() / 4);
    while !field.is_empty() {
        let offset = field.offset();
        prefixes.push(one(&mut field).ok_or(offset)?);
    }
    Ok(())
}

fn decode_ipv4(field: &mut Reader<'_>) -> Option<IpNet> {
    let bits = field.u8()?;
    let net = Ipv4Net::new(padded::<4>(field, bits)?.into(), bits).ok()?;
    Some(IpNet::V4(net.trunc()))
}

fn decode_ipv6(field: &mut Reader<'_>) -> Option<IpNet> {
    let bits = field.u8()?;
    let net = Ipv6Net::new(padded::<16>(field, bits)?.into(), bits).ok()?;
    Some(IpNet::V6(net.trunc()))
}

/// The octets that hold so many bits, filled up with zeros to a whole address.
fn padded<const N: usize>(field: &mut Reader<'_>, bits: u8) -> Option<[u8; N]> {
    let field = field.take(usize::from(bits.div_ceil(8)))?;
    let mut address = [0; N];
    address.get_mut(..field.len())?.copy_from_slice(field.octets());
    Some(address)
}

fn size(prefix: &IpNet) -> usize {
    1 + usize::from(prefix.prefix_len().div_ceil(8))
}

/// How many of the prefixes fit into `room`, and how many octets they take.
pub(crate) fn fit(prefixes: &[IpNet], room: usize) -> (usize, usize) {
    let mut octets = 0;
    for (count, prefix) in prefixes.iter().enumerate() {
        if octets + size(prefix) > room {
            return (count, octets);
        }
        octets += size(prefix);
    }
    (prefixes.len(), octets)
}

/// Appends the prefixes, which [`fit`] has measured. Each address is stored whole, so that the copy has a size that the
/// compiler knows, and the next prefix overwrites what was too much.
pub(crate) fn encode(prefixes: &[IpNet], octets: usize, out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + octets + SLACK, 0);
    let mut at = start;
    for prefix in prefixes {
        out[at] = prefix.prefix_len();
        match prefix {
            IpNet::V4(net) => out[at + 1..at + 5].copy_from_slice(&net.network().octets()),
            IpNet::V6(net) => out[at + 1..at + 17].copy_from_slice(&net.network().octets()),
        }
        at += size(prefix);
    }
    out.truncate(start + octets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn read(octets: &[u8], family: Family) -> Result<Vec<IpNet>, usize> {
        let mut prefixes = Vec::new();
        decode(Reader::new(octets, 100), family, &mut prefixes).map(|()| prefixes)
    }

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|s| s.parse().unwrap()).collect()
    }

    #[test]
    fn reads_prefixes_of_every_size() {
        let octets = hex!("00 08 0A 0C AC10 18 CB0071 20 CB007105");
        let expected =
            nets(&["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "203.0.113.0/24", "203.0.113.5/32"]);
        assert_eq!(read(&octets, Family::IPV4_UNICAST), Ok(expected));
        let octets = hex!("00 20 20010DB8 80 20010DB8000000000000000000000001");
        assert_eq!(
            read(&octets, Family::IPV6_UNICAST),
            Ok(nets(&["::/0", "2001:db8::/32", "2001:db8::1/128"]))
        );
    }

    #[test]
    fn clears_bits_beyond_the_length() {
        assert_eq!(read(&hex!("0C ACFF"), Family::IPV4_UNICAST), Ok(nets(&["172.240.0.0/12"])));
        assert_eq!(read(&hex!("01 FF"), Family::IPV6_UNICAST), Ok(nets(&["8000::/1"])));
        let mut out = BytesMut::new();
        let untidy = nets(&["172.255.1.1/12"]);
        encode(&untidy, 3, &mut out);
        assert_eq!(out, hex!("0C ACF0")[..]);
    }

    #[test]
    fn refuses_prefixes_that_are_too_long_or_cut_short() {
        assert_eq!(read(&hex!("00 21 0000000000"), Family::IPV4_UNICAST), Err(101));
        assert_eq!(read(&hex!("FF"), Family::IPV4_UNICAST), Err(100));
        assert_eq!(read(&hex!("08 0A 18 CB00"), Family::IPV4_UNICAST), Err(102));
        assert_eq!(read(&hex!("81 00000000000000000000000000000000 00"), Family::IPV6_UNICAST), Err(100));
    }

    #[test]
    fn measures_what_it_writes() {
        let prefixes =
            nets(&["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "10.1.2.0/23"]);
        for room in 0..25 {
            let (count, octets) = fit(&prefixes, room);
            let mut out = BytesMut::from(&b"before"[..]);
            encode(&prefixes[..count], octets, &mut out);
            assert!(octets <= room && out.len() == 6 + octets);
            assert_eq!(read(&out[6..], Family::IPV4_UNICAST).as_deref(), Ok(&prefixes[..count]));
        }
    }
}
