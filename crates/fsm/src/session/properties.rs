//! The session under arbitrary inputs: whatever happens, in whatever order, what `watched` asserts holds.

mod watched;

use super::*;
use crate::{Import, testing::config};
use proptest::prelude::*;
use quadzero_codec::Family;
use watched::{Happening, Watched};

fn happening() -> impl Strategy<Value = Happening> {
    let direction = || prop_oneof![Just(Direction::Outgoing), Just(Direction::Incoming)];
    prop_oneof![
        2 => Just(Happening::Start),
        1 => Just(Happening::Stop),
        6 => direction().prop_map(Happening::Connected),
        1 => Just(Happening::ConnectFailed),
        6 => open(),
        6 => Just(Happening::Keepalive),
        2 => any::<bool>().prop_map(|announce| Happening::Update { announce }),
        1 => Just(Happening::Notification),
        2 => (0..4_u8).prop_map(|subtype| Happening::Refresh { subtype }),
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(Happening::Octets),
        1 => direction().prop_map(Happening::Closed),
        2 => Just(Happening::Deadline),
        2 => (0_u16..300).prop_map(Happening::Wait),
        4 => (any::<u16>(), any::<u8>()).prop_map(|(chosen, sort)| Happening::Routes { chosen, sort }),
        2 => any::<bool>().prop_map(Happening::Reads),
        3 => (20_u16..200).prop_map(Happening::Trickle),
        1 => Just(Happening::BfdDown),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(sort, reset)| Happening::Configure { sort, reset }),
    ]
}

fn open() -> impl Strategy<Value = Happening> {
    let asn = prop_oneof![9 => Just(65020), 1 => Just(65099)];
    let hold = prop_oneof![Just(0), Just(3), Just(90)];
    (hold, asn, any::<u8>()).prop_map(|(hold, asn, capabilities)| Happening::Open { hold, asn, capabilities })
}

/// A session becomes Established now and then by chance, and for certain here.
fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let established = (open(), prop::collection::vec(happening(), 1..60)).prop_map(|(open, rest)| {
        let first = [Happening::Connected(Direction::Outgoing), open, Happening::Keepalive];
        first.into_iter().chain(rest).collect()
    });
    prop_oneof![prop::collection::vec(happening(), 1..60), established]
}

/// Both families, each with an address of ours.
fn both_families() -> PeerConfig {
    let families = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    PeerConfig { families, own_address: "2001:db8::1".parse().ok(), ..config() }
}

fn played(happenings: &[Happening], now: Instant, pieces: &[u8]) -> Watched {
    let mut watched = Watched::new(both_families(), now, pieces);
    happenings.iter().for_each(|happening| watched.happen(happening));
    watched
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What holds at any time (see `watched`), and until a peer that falls silent is given up.
    #[test]
    fn whatever_happens(happenings in happenings()) {
        played(&happenings, Instant::now(), &[]).fall_silent();
    }

    #[test]
    fn octets_say_the_same_however_they_are_cut(
        happenings in happenings(), pieces in prop::collection::vec(1..40_u8, 1..5)
    ) {
        let now = Instant::now();
        let [whole, cut] = [&[][..], &pieces].map(|pieces| played(&happenings, now, pieces).transcript);
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn a_peer_that_behaves_becomes_established_in_the_end(happenings in happenings()) {
        played(&happenings, Instant::now(), &[]).behave();
    }
}
