//! A prefix with holes in it, said in prefixes.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The smallest set of prefixes that covers `net` but for the `holes`, sorted.
///
/// A prefix that no hole touches is itself; one inside a hole is nothing; any other is halved. What is
/// left are the largest untouched blocks, and two of them never make up a larger one, hence there is no smaller
/// set. Holes elsewhere, or of the other family, do not count. Host bits are ignored.
pub fn carve(net: IpNet, holes: &[IpNet]) -> Vec<IpNet> {
    let mut pieces = Vec::new();
    let holes: Vec<IpNet> = holes.iter().map(IpNet::trunc).collect();
    carve_into(&mut pieces, net.trunc(), &holes);
    pieces
}

/// Whether the two have an address in common: then one holds the other.
pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

fn carve_into(pieces: &mut Vec<IpNet>, net: IpNet, holes: &[IpNet]) {
    let touching: Vec<IpNet> = holes.iter().filter(|hole| overlap(hole, &net)).copied().collect();
    if touching.is_empty() {
        pieces.push(net);
    } else if !touching.iter().any(|hole| hole.contains(&net)) {
        for half in halves(net) {
            carve_into(pieces, half, &touching);
        }
    }
}

/// The two halves of a prefix that holds something smaller than itself.
fn halves(net: IpNet) -> [IpNet; 2] {
    const WHY: &str = "a prefix that a hole lies strictly inside of is no host route";
    let longer = net.prefix_len() + 1;
    match net {
        IpNet::V4(net) => {
            let upper = net.network().to_bits() | 1 << (32 - longer);
            [net.network(), upper.into()].map(|half| Ipv4Net::new(half, longer).expect(WHY).into())
        }
        IpNet::V6(net) => {
            let upper = net.network().to_bits() | 1 << (128 - longer);
            [net.network(), upper.into()].map(|half| Ipv6Net::new(half, longer).expect(WHY).into())
        }
    }
}
