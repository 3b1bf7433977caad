//! Whatever neighbors announce and others route, in however strange a combination.

use super::*;
use proptest::prelude::*;
use quadzero_kernel::{Step, steps};

/// Few addresses, so that prefixes cover each other, the neighbors and the far ends.
fn prefix() -> impl Strategy<Value = IpNet> {
    let address = prop_oneof![
        Just("10.1.0.4"),
        Just("10.1.0.5"),
        Just("203.0.113.4"),
        Just("203.0.113.5"),
        Just("10.51.255.254"),
        Just("198.51.100.1"),
        Just("10.50.0.1")
    ];
    (address, 0..=32u8).prop_map(|(address, length)| IpNet::new(ip(address), length).unwrap().trunc())
}

fn tunnel() -> impl Strategy<Value = Path> {
    let interface = prop_oneof![Just(None), Just(Some("ipsec0")), Just(Some("ipsec1")), Just(Some("ipsec7"))];
    let remote = prop_oneof![Just(None), Just(Some(OUTER[0])), Just(Some(OUTER[1]))];
    let tunnel = (interface, remote).prop_map(|(interface, remote)| {
        Path::Tunnel(Tunnel { interface: interface.map(str::to_owned), remote: remote.map(ip) })
    });
    prop_oneof![1 => Just(Path::Routed), 5 => tunnel]
}

prop_compose! {
    fn input()(
        paths in [tunnel(), tunnel()],
        said in prop::collection::vec((prefix(), 0..2usize, 0..2usize), 0..12),
        accept_default: bool,
    ) -> Input {
        let mut input = gateway(&[]);
        input.settings.accept_default = accept_default;
        for (at, (neighbor, path)) in input.neighbors.iter_mut().zip(paths).enumerate() {
            neighbor.path = path;
            let own = said.iter().filter(|(_, by, _)| *by == at);
            neighbor.routes = Arc::new(own.flat_map(|(prefix, _, via)| {
                super::said(PEERS[*via], &[&prefix.to_string()]).iter().cloned().collect::<Vec<_>>()
            }).collect());
        }
        input
    }
}

prop_compose! {
    fn view()(
        routes in prop::collection::vec((prefix(), 2..6u32, any::<bool>()), 0..8),
        down in prop::option::of(2..6u32),
        own: bool,
    ) -> View {
        let mut view = host();
        if !own {
            view.own.clear();
        }
        if let Some(link) = down.and_then(|down| view.links.get_mut(&down)) {
            link.carries = false;
        }
        let table = view.foreign.get_mut(&MAIN).unwrap();
        for (prefix, interface, is_gateway) in routes {
            table.insert(prefix, foreign(interface, is_gateway.then_some("198.51.100.1")));
        }
        view
    }
}

/// Where the kernel sends a packet: the longest prefix of all that is there, and of equal ones, the lower metric.
fn lookup<'a>(
    view: &'a View,
    wanted: &'a BTreeMap<Place, Wanted>,
    address: IpAddr,
) -> Option<(&'a Way, bool)> {
    let foreign =
        view.foreign[&MAIN].lookup(address).map(|(prefix, route)| (prefix, route.metric, &route.way, false));
    let ours = wanted.iter().filter(|(place, _)| place.prefix.contains(&address));
    let ours = ours.map(|(place, wanted)| {
        (place.prefix, place.metric, &wanted.way, matches!(wanted.purpose, Purpose::Learned(_)))
    });
    let longest =
        ours.chain(foreign).max_by_key(|(prefix, metric, ..)| (prefix.prefix_len(), u32::MAX - metric))?;
    Some((longest.2, longest.3))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// The heart of it: no packet to a neighbor, to the far end of a tunnel or to ourselves follows a learned route, unless
    /// it goes where it would have gone without.
    #[test]
    fn need_6_no_learned_route_moves_a_packet_that_the_session_needs(input in input(), view in view()) {
        let outcome = outcome(&input, view);
        let outer = input.neighbors.iter().filter_map(|neighbor| neighbor.path.tunnel()?.remote);
        // Without its tunnel a neighbor has no session.
        let has_session = |neighbor: &&Neighbor| {
            let interface = neighbor.path.tunnel().and_then(|tunnel| tunnel.interface.as_ref());
            interface.is_none_or(|name| outcome.view.link(name).is_some_and(|(_, link)| link.carries))
        };
        let peers = input.neighbors.iter().filter(has_session).map(|neighbor| neighbor.address);
        let own = input.own.iter().copied().filter(|own| !outcome.view.own.contains(own));
        for address in outer.chain(peers).chain(own) {
            if let Some((way, true)) = lookup(&outcome.view, &outcome.wanted, address) {
                let without = outcome.view.resolve(address);
                let moves = !without.is_ok_and(|(_, without)| outcome.view.is_same(way, &without));
                prop_assert!(!moves, "{address} moves to {way:?}");
            }
        }
    }

    #[test]
    fn need_6_no_way_to_a_far_end_leads_into_a_tunnel(input in input(), view in view()) {
        let outcome = outcome(&input, view);
        let tunnels: Vec<u32> = input.neighbors.iter().filter_map(|neighbor| {
            Some(outcome.view.link(neighbor.path.tunnel()?.interface.as_deref()?)?.0)
        }).collect();
        for wanted in outcome.wanted.values().filter(|wanted| matches!(wanted.purpose, Purpose::Outer(_))) {
            prop_assert!(wanted.way.hops.iter().all(|hop| !tunnels.contains(&hop.interface)));
        }
    }

    /// What is installed is no reason to want something else: there is nothing to run in circles.
    #[test]
    fn need_6_what_was_installed_changes_nothing_about_what_is_wanted(input in input(), view in view()) {
        let first = outcome(&input, view);
        let mut view = first.view;
        view.ours = first.wanted.iter().map(|(place, wanted)| (*place, wanted.way.clone())).collect();
        let second = outcome(&input, view);
        prop_assert_eq!(first.wanted, second.wanted);
        prop_assert_eq!(first.refused, second.refused);
    }

    #[test]
    fn a_default_is_never_learned_unasked(mut input in input(), view in view()) {
        input.settings.accept_default = false;
        prop_assert!(outcome(&input, view).learned().iter().all(|prefix| net(prefix).prefix_len() >= 8));
    }

    #[test]
    fn nothing_leads_where_nothing_is_carried(input in input(), view in view()) {
        let outcome = outcome(&input, view);
        for hop in outcome.wanted.values().flat_map(|wanted| &wanted.way.hops) {
            prop_assert!(outcome.view.links[&hop.interface].carries);
        }
    }

    #[test]
    fn the_steps_lead_from_what_there_is_to_what_is_wanted(
        have in prop::collection::btree_map(prefix(), 2..6u32, 0..8),
        want in prop::collection::btree_map(prefix(), 2..6u32, 0..8),
    ) {
        let table = |routes: BTreeMap<IpNet, u32>| -> BTreeMap<Place, Way> {
            let way = |interface| Way::by(Hop { gateway: None, interface });
            routes.into_iter().map(|(p, interface)| (place(&p.to_string()), way(interface))).collect()
        };
        let (have, want) = (table(have), table(want));
        let mut kernel = have.clone();
        for step in steps(&have, &want) {
            match step {
                Step::Add(place, way) => prop_assert_eq!(kernel.insert(place, way), None),
                Step::Change(place, way) => prop_assert!(kernel.insert(place, way).is_some()),
                Step::Remove(place) => prop_assert!(kernel.remove(&place).is_some()),
            }
        }
        prop_assert_eq!(kernel, want);
    }
}
