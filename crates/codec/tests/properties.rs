//! Whatever is said comes back as it was said.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use bytes::BytesMut;
use ipnet::IpNet;
use proptest::prelude::*;
use quadzero_codec::*;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

fn asn() -> impl Strategy<Value = Asn> {
    prop_oneof![1..65536_u32, Just(23456), 65536..=u32::MAX].prop_map(Asn)
}

fn segment() -> impl Strategy<Value = Segment> {
    let kind = prop_oneof![4 => Just(SegmentKind::Sequence), 1 => Just(SegmentKind::Set)];
    (kind, prop::collection::vec(asn(), 1..6)).prop_map(|(kind, asns)| Segment { kind, asns: asns.into() })
}

/// Two sequences in a row are one after a two-octet peer: there are none here.
fn as_path() -> impl Strategy<Value = AsPath> {
    prop::collection::vec(segment(), 0..4).prop_map(|mut segments| {
        segments.dedup_by_key(|s| s.kind);
        AsPath(segments.into())
    })
}

fn ipv4_host() -> impl Strategy<Value = Ipv4Addr> {
    (1..0xE000_0000_u32).prop_map(Ipv4Addr::from_bits)
}

fn ipv6_host() -> impl Strategy<Value = Ipv6Addr> {
    (1..0xFF00_u128 << 112).prop_map(Ipv6Addr::from_bits)
}

fn next_hop(family: Family) -> BoxedStrategy<NextHop> {
    if family == Family::IPV4_UNICAST {
        ipv4_host().prop_map(|a| NextHop::Address(IpAddr::V4(a))).boxed()
    } else {
        let both = (ipv6_host(), ipv6_host()).prop_map(|(a, b)| NextHop::WithLinkLocal(a, b));
        prop_oneof![ipv6_host().prop_map(|a| NextHop::Address(IpAddr::V6(a))), both].boxed()
    }
}

fn unknown() -> impl Strategy<Value = UnknownAttribute> {
    let code = prop_oneof![Just(20), 22..25_u8, 26..32_u8, 40..=255_u8];
    let value = prop_oneof![4 => 0..20_usize, 1 => 250..300_usize];
    (code, value, any::<u8>()).prop_map(|(code, n, octet)| UnknownAttribute {
        flags: 0xE0,
        code,
        value: vec![octet; n].into(),
    })
}

fn unknowns() -> impl Strategy<Value = Box<[UnknownAttribute]>> {
    prop::collection::vec(unknown(), 0..3).prop_map(|mut all| {
        all.sort();
        all.dedup_by_key(|u| u.code);
        all.into()
    })
}

fn list<T: std::fmt::Debug>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Box<[T]>> {
    prop::collection::vec(one, 0..5).prop_map(Into::into)
}

fn large() -> impl Strategy<Value = LargeCommunity> {
    any::<[u32; 3]>().prop_map(|[global, local1, local2]| LargeCommunity { global, local1, local2 })
}

/// Attributes that a peer of the dialect may send, in the form in which they are received.
fn attributes(family: Family, dialect: &Dialect) -> impl Strategy<Value = Attributes> + use<> {
    let internal = dialect.internal;
    let origin = prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)];
    let aggregator = (asn(), any::<u32>()).prop_map(|(asn, id)| Aggregator { asn, id: id.into() });
    let first = (
        origin,
        as_path(),
        next_hop(family),
        any::<Option<u32>>(),
        any::<u32>(),
        any::<bool>(),
        prop::option::of(aggregator),
    );
    let second = (
        list(any::<u32>().prop_map(Community)),
        any::<Option<Ipv4Addr>>(),
        list(any::<Ipv4Addr>()),
        list(any::<[u8; 8]>().prop_map(ExtendedCommunity)),
        list(large()),
        prop::option::of(asn()),
        unknowns(),
    );
    (first, second).prop_map(move |(a, b)| {
        let mut seen = BTreeSet::new();
        Attributes {
            origin: a.0,
            as_path: a.1,
            next_hop: a.2,
            med: a.3,
            local_pref: internal.then_some(a.4),
            atomic_aggregate: a.5,
            aggregator: a.6,
            communities: b.0,
            originator_id: b.1.filter(|_| internal),
            cluster_list: if internal { b.2 } else { Box::default() },
            extended_communities: b.3,
            large_communities: b.4.into_iter().filter(|c| seen.insert(*c)).collect(),
            only_to_customer: b.5,
            unknown: b.6,
        }
    })
}

fn dialect() -> impl Strategy<Value = Dialect> {
    any::<[bool; 4]>().prop_map(|[four_octet_as, extended, internal, enhanced_refresh]| Dialect {
        four_octet_as,
        receive_extended: extended,
        send_extended: extended,
        internal,
        enhanced_refresh,
        ..Dialect::default()
    })
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::IPV4_UNICAST), Just(Family::IPV6_UNICAST)]
}

fn prefixes(family: Family, count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<IpNet>> {
    let net = (any::<u128>(), 0..=128_u8).prop_map(move |(bits, length)| {
        let net = if family == Family::IPV4_UNICAST {
            IpNet::new(Ipv4Addr::from_bits(bits as u32).into(), length % 33)
        } else {
            IpNet::new(Ipv6Addr::from_bits(bits).into(), length)
        };
        net.unwrap().trunc()
    });
    prop::collection::vec(net, count)
}

fn read(octets: &[u8], dialect: &Dialect) -> Vec<Message> {
    let mut decoder = Decoder::default();
    decoder.push(octets);
    let messages = std::iter::from_fn(|| decoder.next(dialect).unwrap()).collect();
    assert!(decoder.is_empty());
    messages
}

fn updates(octets: &[u8], dialect: &Dialect) -> Vec<Update> {
    let update = |m| if let Message::Update(u) = m { u } else { panic!("{m:?}") };
    read(octets, dialect).into_iter().map(update).collect()
}

/// Lengths of the messages in a row.
fn lengths(mut octets: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some([high, low]) = octets.get(16..18) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        octets = &octets[length..];
        lengths.push(length);
    }
    lengths
}

fn said() -> impl Strategy<Value = (Dialect, Attributes, Vec<IpNet>)> {
    (dialect(), family()).prop_flat_map(|(dialect, family)| {
        let attributes = attributes(family, &dialect);
        (Just(dialect), attributes, prefixes(family, 1..3000))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn announced_prefixes_and_attributes_come_back((dialect, attributes, prefixes) in said()) {
        let mut out = BytesMut::new();
        let count = encode_announced(&attributes, &prefixes, &dialect, &mut out).unwrap();
        let received = updates(&out, &dialect);
        prop_assert_eq!(received.len(), count);
        let mut back = Vec::new();
        for update in received {
            prop_assert_eq!(&update.faults, &[]);
            prop_assert_eq!(&update.withdrawn, &[]);
            prop_assert_eq!(update.announced.len(), 1);
            prop_assert_eq!(&update.announced[0].attributes, &Arc::new(attributes.clone()));
            back.extend(update.announced[0].prefixes.iter().copied());
        }
        prop_assert_eq!(back, prefixes);
    }

    #[test]
    fn messages_are_full_before_the_next_one_begins((dialect, attributes, prefixes) in said()) {
        let mut out = BytesMut::new();
        encode_announced(&attributes, &prefixes, &dialect, &mut out).unwrap();
        let longest = if prefixes[0].max_prefix_len() == 32 { 5 } else { 17 };
        let lengths = lengths(&out);
        for (i, length) in lengths.iter().enumerate() {
            prop_assert!(*length <= dialect.max_send());
            prop_assert!(*length + longest > dialect.max_send() || i + 1 == lengths.len(), "{:?}", lengths);
        }
    }

    #[test]
    fn withdrawn_prefixes_come_back(
        (dialect, prefixes) in (dialect(), family().prop_flat_map(|f| prefixes(f, 1..3000)))
    ) {
        let mut out = BytesMut::new();
        let count = encode_withdrawn(&prefixes, &dialect, &mut out);
        let received = updates(&out, &dialect);
        prop_assert_eq!(received.len(), count);
        prop_assert_eq!(lengths(&out).into_iter().max().unwrap() <= dialect.max_send(), true);
        let mut back = Vec::new();
        for update in received {
            back.extend_from_slice(&update.withdrawn);
            prop_assert_eq!(Update { withdrawn: Vec::new(), ..update }, Update::default());
        }
        prop_assert_eq!(back, prefixes);
    }

    #[test]
    fn other_messages_come_back((dialect, message) in (dialect(), message())) {
        let mut out = BytesMut::new();
        message.encode(&dialect, &mut out);
        prop_assert_eq!(read(&out, &dialect), vec![message]);
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200), dialect in dialect()) {
        for kind in 1..6 {
            let mut decoder = Decoder::default();
            decoder.push(&[0xFF; 16]);
            decoder.push(&(19 + octets.len() as u16).to_be_bytes());
            decoder.push(&[kind]);
            decoder.push(&octets);
            match decoder.next(&dialect) {
                Ok(message) => prop_assert_eq!(message.map(|m| m.kind() as u8), Some(kind)),
                Err(error) => prop_assert!(ErrorCode::KNOWN.contains(&Notification::from(error).code)),
            }
        }
    }
}

fn any_family() -> impl Strategy<Value = Family> {
    (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| Family { afi, safi })
}

fn capability() -> impl Strategy<Value = Capability> {
    let families = prop::collection::vec((any_family(), any::<bool>()), 0..5);
    let restart = (any::<[bool; 2]>(), 0..4096_u16, families).prop_map(
        |([restarted, notification], restart_time, families)| {
            Capability::GracefulRestart(GracefulRestart { restarted, notification, restart_time, families })
        },
    );
    let path = (any_family(), any::<u8>()).prop_map(|(family, direction)| AddPath { family, direction });
    let known: BTreeSet<u8> = [1, 2, 6, 9, 64, 65, 69, 70].into();
    let unknown = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..=255))
        .prop_filter("is known", move |(code, _)| !known.contains(code))
        .prop_map(|(code, value)| Capability::Unknown { code, value: value.into() });
    prop_oneof![
        any_family().prop_map(Capability::Multiprotocol),
        Just(Capability::RouteRefresh),
        Just(Capability::ExtendedMessage),
        Just(Capability::EnhancedRouteRefresh),
        any::<u8>().prop_map(|n| Capability::Role(n.into())),
        restart,
        prop::collection::vec(path, 0..5).prop_map(Capability::AddPath),
        unknown,
    ]
}

fn open() -> impl Strategy<Value = Message> {
    let hold_time = any::<u16>().prop_filter_map("1 and 2 are no hold times", HoldTime::new);
    let router_id = any::<Ipv4Addr>().prop_filter_map("zero is no identifier", RouterId::new);
    // Up to 3,600 octets of capabilities: with and without extended parameters.
    (asn(), hold_time, router_id, prop::collection::vec(capability(), 0..14)).prop_map(
        |(asn, hold_time, router_id, mut capabilities)| {
            if !asn.is_two_octet() || capabilities.len() % 2 == 0 {
                capabilities.insert(capabilities.len() / 2, Capability::FourOctetAs(asn));
            }
            Message::Open(Open { asn, hold_time, router_id, capabilities })
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let notification = (any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..4075)).prop_map(
        |([code, subcode], data)| {
            Message::Notification(Notification::with_data(ErrorCode(code, subcode), data))
        },
    );
    let refresh = (any_family(), any::<u8>())
        .prop_map(|(family, subtype)| Message::RouteRefresh(RouteRefresh { family, subtype }));
    let end_of_rib =
        family().prop_map(|family| Message::Update(Update { end_of_rib: Some(family), ..Update::default() }));
    prop_oneof![open(), notification, refresh, Just(Message::Keepalive), end_of_rib]
}
