use crate::net;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::collection::vec;
use proptest::prelude::*;
use quadzero_policy::{Cloud, carve};
use std::net::{Ipv4Addr, Ipv6Addr};

#[test]
fn the_default_route_without_kms_is_84_60_or_90_prefixes() {
    let pieces = |cloud: Cloud| carve(net("0.0.0.0/0"), &cloud.kms_prefixes()).len();
    assert_eq!(Cloud::ALL.map(pieces), [84, 60, 90]);
}

#[test]
fn the_default_route_without_one_address_is_a_prefix_for_each_bit() {
    assert_eq!(carve(net("0.0.0.0/0"), &[net("20.118.99.224/32")]).len(), 32);
    assert_eq!(carve(net("::/0"), &[net("2001:db8::1/128")]).len(), 128);
}

#[test]
fn what_no_hole_touches_stays_whole() {
    let holes = [net("11.0.0.0/8"), net("::/0")];
    assert_eq!(carve(net("10.0.0.0/8"), &holes), [net("10.0.0.0/8")]);
}

#[test]
fn what_a_hole_holds_vanishes() {
    assert_eq!(carve(net("10.1.0.0/16"), &[net("10.0.0.0/8")]), []);
    assert_eq!(carve(net("10.1.2.3/32"), &[net("10.1.2.3/32")]), []);
    assert_eq!(carve(net("::/0"), &[net("::/0")]), []);
}

#[test]
fn host_bits_do_not_matter() {
    assert_eq!(carve(net("10.9.9.9/8"), &[net("10.200.1.1/9")]), [net("10.0.0.0/9")]);
}

/// Few distinct bits, so that prefixes nest.
fn v4() -> impl Strategy<Value = IpNet> {
    (
        prop::sample::select(vec![0, 1, 0x0a00_0000, 0x0a00_0001, 0x8000_0000, u32::MAX]),
        any::<u32>(),
        0..=32u8,
    )
        .prop_map(|(base, noise, length)| {
            let address = Ipv4Addr::from_bits(base ^ (noise & 0x0101));
            IpNet::from(Ipv4Net::new(address, length).expect("at most 32")).trunc()
        })
}

fn v6() -> impl Strategy<Value = IpNet> {
    (prop::sample::select(vec![0, 1, 0x2001 << 112, u128::MAX]), any::<u128>(), 0..=128u8).prop_map(
        |(base, noise, length)| {
            let address = Ipv6Addr::from_bits(base ^ (noise & (1 << 64 | 1)));
            IpNet::from(Ipv6Net::new(address, length).expect("at most 128")).trunc()
        },
    )
}

fn check(net: IpNet, holes: &[IpNet]) -> Result<(), TestCaseError> {
    let pieces = carve(net, holes);
    prop_assert!(pieces.is_sorted());
    for piece in &pieces {
        prop_assert!(net.contains(piece));
        prop_assert!(!holes.iter().any(|hole| hole.contains(piece) || piece.contains(hole)));
        prop_assert!(!pieces.iter().any(|other| other != piece && other.contains(piece)), "not disjoint");
    }
    // The holes, as far as they are in the net, fill it up again: nothing is missing.
    let clipped = holes.iter().filter_map(|hole| match () {
        () if hole.contains(&net) => Some(net),
        () if net.contains(hole) => Some(*hole),
        () => None,
    });
    let all: Vec<IpNet> = pieces.iter().copied().chain(clipped).collect();
    prop_assert_eq!(IpNet::aggregate(&all), [net]);
    // No two are halves of a larger one: there is no smaller set.
    prop_assert_eq!(IpNet::aggregate(&pieces), pieces);
    Ok(())
}

proptest! {
    #[test]
    fn pieces_and_holes_make_up_the_net_and_are_as_few_as_can_be(net in v4(), holes in vec(v4(), 0..8)) {
        check(net, &holes)?;
        check(crate::net("0.0.0.0/0"), &holes)?;
    }

    #[test]
    fn pieces_and_holes_make_up_the_net_in_ipv6_too(net in v6(), holes in vec(v6(), 0..8)) {
        check(net, &holes)?;
        check(crate::net("::/0"), &holes)?;
    }
}
