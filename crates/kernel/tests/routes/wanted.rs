//! Cases, one by one.

use super::*;
use quadzero_kernel::{Part, Protected, Step, steps};

#[test]
fn need_6_the_gateways_address_goes_into_the_tunnel_and_the_tunnels_far_end_does_not() {
    let outcome = outcome(&gateway(&["10.1.0.0/16"]), host());
    assert_eq!(outcome.route("10.1.0.4/32"), "dev ipsec0");
    assert_eq!(outcome.route("10.1.0.5/32"), "dev ipsec1");
    assert_eq!(outcome.route("203.0.113.4/32"), "via 198.51.100.1 dev isp");
    assert_eq!(outcome.route("203.0.113.5/32"), "via 198.51.100.1 dev isp");
    assert_eq!(outcome.refused, []);
}

#[test]
fn instances_that_say_the_same_share_the_packets() {
    let outcome = outcome(&gateway(&["10.1.0.0/16"]), host());
    assert_eq!(outcome.route("10.1.0.0/16"), "dev ipsec0, dev ipsec1");
    let Purpose::Learned(names) = &outcome.wanted[&place("10.1.0.0/16")].purpose else { panic!() };
    assert_eq!(names, &["azure-0", "azure-1"]);
}

#[test]
fn with_one_path_asked_for_the_lower_identifier_has_it() {
    let mut input = gateway(&["10.1.0.0/16"]);
    input.settings.max_paths = NonZeroUsize::MIN;
    assert_eq!(outcome(&input, host()).route("10.1.0.0/16"), "dev ipsec0");
}

#[test]
fn a_tunnel_that_carries_nothing_has_no_part_in_it() {
    let mut view = host();
    view.links.get_mut(&TUNNEL_0).unwrap().carries = false;
    let outcome = outcome(&gateway(&["10.1.0.0/16"]), view);
    assert_eq!(outcome.route("10.1.0.0/16"), "dev ipsec1");
    assert_eq!(outcome.why("10.1.0.4/32"), &Why::Down("ipsec0".into()));
    assert_eq!(outcome.route("203.0.113.4/32"), "via 198.51.100.1 dev isp", "IKE may bring it back");
}

#[test]
fn need_6_a_default_route_is_refused_unless_asked_for_and_so_are_its_pieces() {
    let pieces = ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "64.0.0.0/2", "2000::/3", "::/0", "8000::/1"];
    let (v4, v6): (Vec<&str>, Vec<&str>) = pieces.iter().partition(|prefix| !prefix.contains(':'));
    let mut input = gateway(&v4);
    let mut view = host();
    view.foreign.get_mut(&MAIN).unwrap().insert(net("2001:db8::/64"), foreign(TUNNEL_0, None));
    input.neighbors[1].routes = said("2001:db8::5", &v6);
    let refused = outcome(&input, view.clone());
    assert_eq!(refused.learned(), [""; 0]);
    for piece in pieces {
        assert_eq!(refused.why(piece), &Why::Default, "{piece}");
    }
    input.settings.accept_default = true;
    let accepted = outcome(&input, view);
    assert_eq!(accepted.learned().len(), pieces.len(), "{:?}", accepted.refused);
    assert_eq!(accepted.route("0.0.0.0/0"), "dev ipsec0");
}

#[test]
fn need_6_a_default_route_into_a_tunnel_whose_far_end_nobody_has_said_is_refused() {
    let tunnel = Tunnel { interface: Some("ipsec0".into()), remote: None };
    let mut input = with_tunnel(gateway(&["0.0.0.0/0", "10.1.0.0/16"]), tunnel);
    input.settings.accept_default = true;
    let outcome = outcome(&input, host());
    assert_eq!(outcome.why("0.0.0.0/0"), &Why::OuterUnknown("azure-0".into()));
    assert_eq!(outcome.learned(), ["10.1.0.0/16"]);
}

/// The host route is meant, but the kernel does not have it: the view is what counts.
#[test]
fn need_6_what_covers_the_far_end_waits_until_the_kernel_has_the_host_route_to_it() {
    let input = gateway(&["203.0.113.0/24"]);
    let view = host();
    let (held, _) = held(&input, &view);
    let (wanted, refused) = learned(&input, &held, &view);
    assert!(wanted.is_empty());
    let far_end = Protected { address: ip(OUTER[0]), part: Part::Outer("azure-0".into()) };
    assert_eq!(refused[0].why, Why::Swallows(far_end));
    assert_eq!(outcome(&input, host()).learned(), ["203.0.113.0/24"]);
}

#[test]
fn need_6_a_host_route_to_the_far_end_is_never_learned() {
    let outcome = outcome(&gateway(&["203.0.113.4/32"]), host());
    assert_eq!(outcome.learned(), [""; 0]);
    assert_eq!(outcome.route("203.0.113.4/32"), "via 198.51.100.1 dev isp");
}

#[test]
fn need_6_where_no_route_leads_to_the_far_end_nothing_may_cover_it() {
    let mut input = gateway(&["0.0.0.0/0", "203.0.113.0/24", "10.1.0.0/16"]);
    input.settings.accept_default = true;
    let mut view = host();
    view.foreign.get_mut(&MAIN).unwrap().remove(&net("0.0.0.0/0"));
    let outcome = outcome(&input, view);
    assert_eq!(outcome.learned(), ["10.1.0.0/16"]);
    assert_eq!(outcome.why("203.0.113.4/32"), &Why::Unresolved(ip("203.0.113.4")));
    assert!(matches!(outcome.why("0.0.0.0/0"), Why::Swallows(_)));
}

/// What strongSwan with kernel-libipsec does: a default route into the tunnel, by which ESP itself would go.
#[test]
fn need_6_a_far_end_that_is_reached_through_a_tunnel_is_no_far_end() {
    let mut view = host();
    view.foreign.get_mut(&MAIN).unwrap().insert(net("0.0.0.0/0"), foreign(TUNNEL_0, None));
    let outcome = outcome(&gateway(&["203.0.113.0/24"]), view);
    assert_eq!(outcome.why("203.0.113.4/32"), &Why::OuterInside(ip("203.0.113.4"), "ipsec0".into()));
    assert_eq!(outcome.learned(), [""; 0], "and nothing may cover it");
}

/// The gateway announces its network, in which its BGP addresses are; the tunnel is somebody else's matter.
#[test]
fn need_6_a_prefix_that_covers_the_gateway_needs_a_longer_route_to_it() {
    let mut input = gateway(&["10.1.0.0/16"]);
    for neighbor in &mut input.neighbors {
        neighbor.path = Path::Routed;
    }
    let mut view = host();
    let table = view.foreign.get_mut(&MAIN).unwrap();
    table.insert(net("10.0.0.0/8"), foreign(LAN, Some("10.50.0.1")));
    table.insert(net("10.1.0.4/32"), foreign(TUNNEL_0, None));
    let refused = outcome(&input, view.clone());
    let peer = Protected { address: ip("10.1.0.5"), part: Part::Peer("azure-1".into()) };
    assert_eq!(refused.why("10.1.0.0/16"), &Why::Swallows(peer));
    view.foreign.get_mut(&MAIN).unwrap().insert(net("10.1.0.5/32"), foreign(TUNNEL_1, None));
    assert_eq!(outcome(&input, view).route("10.1.0.0/16"), "dev ipsec0, dev ipsec1");
}

/// A route that leads where the address is reached anyway takes nothing away.
#[test]
fn a_prefix_that_covers_the_gateway_may_lead_to_it_by_the_same_way() {
    let mut input = with_tunnel(gateway(&["10.1.0.0/16"]), Tunnel::default());
    input.neighbors[0].path = Path::Routed;
    let mut view = host();
    view.foreign.get_mut(&MAIN).unwrap().insert(net("10.0.0.0/8"), foreign(LAN, Some("10.50.0.1")));
    assert_eq!(outcome(&input, view).route("10.1.0.0/16"), "via 10.50.0.1 dev lan");
}

#[test]
fn need_6_our_own_address_is_not_taken_from_us_even_while_it_is_not_there() {
    let input = gateway(&["10.51.255.254/32", "10.51.0.0/16"]);
    let there = outcome(&input, host());
    assert_eq!(there.learned(), ["10.51.0.0/16"], "the table of our own addresses comes first");
    let mut view = host();
    view.own.clear();
    assert_eq!(outcome(&input, view).learned(), [""; 0]);
}

#[test]
fn a_part_of_a_network_of_ours_is_not_learned() {
    let outcome = outcome(&gateway(&["10.50.7.0/24", "10.50.0.0/16", "10.0.0.0/8"]), host());
    assert_eq!(outcome.why("10.50.7.0/24"), &Why::OnLink(net("10.50.0.0/16"), "lan".into()));
    assert_eq!(outcome.why("10.50.0.0/16"), &Why::OnLink(net("10.50.0.0/16"), "lan".into()));
    assert_eq!(outcome.learned(), ["10.0.0.0/8"]);
}

#[test]
fn martians_are_not_learned() {
    let all = ["127.0.0.0/8", "169.254.21.5/32", "224.0.0.0/4", "0.1.0.0/16", "250.0.0.0/8"];
    let outcome = outcome(&gateway(&all), host());
    for prefix in all {
        assert!(matches!(outcome.why(prefix), Why::Martian(_)), "{prefix}");
    }
}

#[test]
fn only_what_is_accepted_is_learned() {
    let mut input = gateway(&["10.1.0.0/16", "10.2.0.0/16", "192.0.2.0/24"]);
    input.settings.accept = vec![net("10.1.0.0/16"), net("192.0.0.0/8")];
    let outcome = outcome(&input, host());
    assert_eq!(outcome.learned(), ["10.1.0.0/16", "192.0.2.0/24"]);
    assert_eq!(outcome.why("10.2.0.0/16"), &Why::NotAccepted);
}

/// Packets for the virtual network would leave in the clear, to the provider, when the tunnel is not there yet.
#[test]
fn a_next_hop_that_only_a_default_route_leads_to_is_none() {
    let mut input = with_tunnel(gateway(&["10.1.0.0/16"]), Tunnel::default());
    assert_eq!(outcome(&input, host()).why("10.1.0.0/16"), &Why::OnlyDefault(ip("10.1.0.4")));
    input.neighbors[0].path = Path::Tunnel(Tunnel { interface: Some("ipsec7".into()), remote: None });
    assert_eq!(outcome(&input, host()).why("10.1.0.0/16"), &Why::NoInterface("ipsec7".into()));
}

#[test]
fn a_neighbor_on_the_link_is_a_gateway() {
    let mut input = with_tunnel(gateway(&[]), Tunnel::default());
    input.neighbors[0].path = Path::Routed;
    input.neighbors[0].address = ip("198.51.100.2");
    input.neighbors[0].routes = said("198.51.100.2", &["10.1.0.0/16"]);
    assert_eq!(outcome(&input, host()).route("10.1.0.0/16"), "via 198.51.100.2 dev isp");
}

/// "Device only routes can not be added for IPv6 using the multipath API", says the kernel.
#[test]
fn an_ipv6_route_into_tunnels_names_the_gateways() {
    let mut input = gateway(&[]);
    for (neighbor, address) in input.neighbors.iter_mut().zip(["2001:db8::4", "2001:db8::5"]) {
        neighbor.address = ip(address);
        neighbor.routes = said(address, &["2001:db8:1::/48"]);
    }
    let outcome = outcome(&input, host());
    let both = "via 2001:db8::4 dev ipsec0, via 2001:db8::5 dev ipsec1";
    assert_eq!(outcome.route("2001:db8:1::/48"), both);
    assert_eq!(outcome.route("2001:db8::4/128"), "dev ipsec0");
}

/// Both are behind one tunnel of IPv6, where a gateway's name makes no difference.
#[test]
fn a_prefix_may_cover_a_neighbor_that_the_same_tunnel_leads_to() {
    let mut input = gateway(&[]);
    for (neighbor, address) in input.neighbors.iter_mut().zip(["2001:db8::4", "2001:db8::5"]) {
        neighbor.address = ip(address);
        neighbor.path = Path::Routed;
        neighbor.routes = said("2001:db8::4", &["2001:db8::/48"]);
    }
    let mut view = host();
    view.foreign.get_mut(&MAIN).unwrap().insert(net("2001:db8::/32"), foreign(TUNNEL_0, None));
    assert_eq!(outcome(&input, view).route("2001:db8::/48"), "via 2001:db8::4 dev ipsec0");
}

#[test]
fn a_next_hop_of_the_other_family_is_none() {
    let mut input = gateway(&[]);
    input.neighbors[0].routes = said("10.1.0.4", &["2001:db8:1::/48"]);
    assert_eq!(outcome(&input, host()).why("2001:db8:1::/48"), &Why::NoNextHop);
}

/// A table of its own is asked by rules, perhaps for forwarded packets alone: what is in the main one shelters nothing there.
#[test]
fn need_6_in_a_table_of_its_own_the_held_routes_are_in_both() {
    let mut input = gateway(&["10.1.0.0/16", "203.0.113.0/24"]);
    input.settings.table = 100;
    let mut view = host();
    view.foreign.get_mut(&MAIN).unwrap().insert(net("203.0.113.4/32"), foreign(ISP, Some("198.51.100.1")));
    let (held, _) = held(&input, &view);
    let there: Vec<(u32, String)> =
        held.keys().map(|place| (place.table, place.prefix.to_string())).collect();
    let expected = [
        (100, "10.1.0.4/32"),
        (100, "10.1.0.5/32"),
        (100, "203.0.113.4/32"),
        (100, "203.0.113.5/32"),
        (254, "10.1.0.4/32"),
        (254, "10.1.0.5/32"),
    ];
    assert_eq!(there, expected.map(|(table, prefix)| (table, prefix.to_owned())));
    let (wanted, _) = learned(&input, &held, &view);
    assert!(wanted.is_empty(), "{wanted:?}");
    view.ours.extend(held.iter().map(|(place, wanted)| (*place, wanted.way.clone())));
    let (wanted, _) = learned(&input, &held, &view);
    assert!(wanted.keys().all(|place| place.table == 100));
    assert_eq!(wanted.len(), 2);
}

/// A multihomed host may have a source address with its default route: packets of IKE keep theirs.
#[test]
fn the_way_outside_keeps_its_source_address() {
    let mut view = host();
    let mut default = foreign(ISP, Some("198.51.100.1"));
    default.way.source = Some(ip("198.51.100.9"));
    view.foreign.get_mut(&MAIN).unwrap().insert(net("0.0.0.0/0"), default);
    let outcome = outcome(&gateway(&[]), view);
    assert_eq!(outcome.wanted[&place("203.0.113.4/32")].way.source, Some(ip("198.51.100.9")));
}

#[test]
fn what_comes_is_before_what_goes() {
    let way = Way::by(Hop { gateway: None, interface: TUNNEL_0 });
    let other = Way::by(Hop { gateway: None, interface: TUNNEL_1 });
    let old = Place { metric: 30, ..place("10.1.0.0/16") };
    let ours = [(old, way.clone()), (place("10.2.0.0/16"), way.clone()), (place("10.3.0.0/16"), way.clone())];
    let wanted =
        [(place("10.1.0.0/16"), way.clone()), (place("10.2.0.0/16"), other.clone()), ours[2].clone()];
    let steps = steps(&ours.into(), wanted.iter().map(|(place, way)| (place, way)));
    let expected =
        [Step::Add(place("10.1.0.0/16"), way), Step::Change(place("10.2.0.0/16"), other), Step::Remove(old)];
    assert_eq!(steps, expected);
}
