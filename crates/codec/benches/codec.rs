//! How fast a table of prefixes becomes octets, and octets a table.

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use quadzero_codec::{
    AsPath, Asn, Attributes, Community, Decoder, Dialect, NextHop, encode_announced, encode_withdrawn,
};
use std::{hint::black_box, net::Ipv4Addr};

/// Prefixes of the lengths that a full table mostly has.
fn ipv4(count: u32) -> Vec<IpNet> {
    let net = |i: u32| {
        Ipv4Net::new_assert(Ipv4Addr::from_bits((i + 0x10000) << 8), 24 - u8::from(i.is_multiple_of(8)))
            .trunc()
    };
    (0..count).map(|i| IpNet::V4(net(i))).collect()
}

fn ipv6(count: u32) -> Vec<IpNet> {
    let bits = |i: u32| (0x2001_0DB8_u128 << 96) | (u128::from(i) << 80);
    (0..count).map(|i| IpNet::V6(Ipv6Net::new_assert(bits(i).into(), 48))).collect()
}

fn attributes() -> Attributes {
    Attributes {
        as_path: AsPath::sequence([Asn(65010), Asn(65010), Asn(65010)]),
        next_hop: NextHop::Own,
        med: Some(50),
        communities: Box::new([Community(0xFDF2_0064), Community::NO_EXPORT]),
        ..Attributes::default()
    }
}

fn dialect() -> Dialect {
    Dialect {
        own_ipv4: Some(Ipv4Addr::new(192, 0, 2, 1)),
        own_ipv6: "2001:db8::1".parse().ok(),
        ..Dialect::default()
    }
}

fn announce(prefixes: &[IpNet], attributes: &Attributes, dialect: &Dialect) -> BytesMut {
    let mut out = BytesMut::new();
    encode_announced(attributes, prefixes, dialect, &mut out).expect("the dialect has addresses of its own");
    out
}

fn encode(c: &mut Criterion) {
    let (attributes, dialect) = (attributes(), dialect());
    let mut group = c.benchmark_group("encode");
    for (name, prefixes) in tables() {
        group.throughput(Throughput::Elements(prefixes.len() as u64));
        group.bench_function(format!("announce {name}"), |b| {
            b.iter(|| announce(black_box(&prefixes), &attributes, &dialect));
        });
        group.bench_function(format!("withdraw {name}"), |b| {
            b.iter(|| {
                let mut out = BytesMut::new();
                encode_withdrawn(black_box(&prefixes), &dialect, &mut out);
                out
            });
        });
    }
}

fn decode(c: &mut Criterion) {
    let (attributes, dialect) = (attributes(), dialect());
    let mut group = c.benchmark_group("decode");
    for (name, prefixes) in tables() {
        let octets = announce(&prefixes, &attributes, &dialect);
        group.throughput(Throughput::Elements(prefixes.len() as u64));
        group.bench_function(name, |b| {
            b.iter_batched_ref(
                Decoder::default,
                |decoder| {
                    decoder.push(black_box(&octets));
                    while let Some(message) = decoder.next(&dialect).expect("our own octets are well-formed")
                    {
                        black_box(message);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn tables() -> [(&'static str, Vec<IpNet>); 3] {
    [("4,000 IPv4", ipv4(4_000)), ("100,000 IPv4", ipv4(100_000)), ("100,000 IPv6", ipv6(100_000))]
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
