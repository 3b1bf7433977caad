//! How long it takes to find what is different between two sets of routes.
//!
//! `identical` shares the attributes, `same values` only their values (as a reload of the configuration
//! makes them); `one percent` says something new of every hundredth prefix; `disjoint` withdraws all and
//! announces all.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{AsPath, Asn, Attributes};
use quadzero_rib::{Route, RouteSet};
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Distinct attribute values in a set.
const KINDS: u32 = 16;

fn attributes(kind: u32) -> Arc<Attributes> {
    Arc::new(Attributes { as_path: AsPath::sequence([Asn(65010)]), med: Some(kind), ..Attributes::default() })
}

fn prefix(n: u32) -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::from_bits(n << 8), 24).into()
}

fn kinds() -> Vec<Arc<Attributes>> {
    (0..=KINDS).map(attributes).collect()
}

fn set(numbers: impl Iterator<Item = u32>, kinds: &[Arc<Attributes>], kind: impl Fn(u32) -> u32) -> RouteSet {
    numbers.map(|n| Route { prefix: prefix(n), attributes: kinds[kind(n) as usize].clone() }).collect()
}

fn difference(c: &mut Criterion) {
    let mut group = c.benchmark_group("difference");
    group.sample_size(10);
    for size in [4_000, 100_000, 1_000_000] {
        let usual = |n| n % KINDS;
        let shared = kinds();
        let old = set(0..size, &shared, usual);
        let wanted = [
            ("identical", old.clone()),
            ("same values", set(0..size, &kinds(), usual)),
            ("one percent", set(0..size, &shared, |n| if n % 100 == 0 { KINDS } else { usual(n) })),
            ("disjoint", set(size..2 * size, &shared, usual)),
        ];
        group.throughput(Throughput::Elements(size.into()));
        for (name, wanted) in &wanted {
            group.bench_with_input(BenchmarkId::new(*name, size), wanted, |b, wanted| {
                b.iter(|| black_box(&old).change_to(black_box(wanted)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, difference);
criterion_main!(benches);
