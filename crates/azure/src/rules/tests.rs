use super::*;
use crate::config::{Azure, Link, NextHopType, SecurityRule, Target};
use crate::testing::{GW, azure, ip, move_to, net, user_route, vm, vpn};

const AZURE: Asn = Asn(65515);

/// azure.md §8, row 4.
#[test]
fn refuses_reserved_numbers_and_takes_free_ones() {
    for asn in [8074, 8075, 12076, 65517, 65518, 65519, 65520] {
        assert_eq!(peer_asn(Asn(asn), AZURE), Err(Breach::AsnReservedByAzure(Asn(asn))));
        assert_eq!(gateway_asn(Asn(asn)), Err(Breach::AsnReservedByAzure(Asn(asn))));
    }
    for asn in [0, 23456, 64496, 64511, 65535, 65536, 65551, 4_294_967_295] {
        assert_eq!(peer_asn(Asn(asn), AZURE), Err(Breach::AsnReservedByIana(Asn(asn))));
        assert_eq!(gateway_asn(Asn(asn)), Err(Breach::AsnReservedByIana(Asn(asn))));
    }
    for asn in [1, 64495, 64512, 65514, 65516, 65521, 65534, 65552, 4_200_000_000] {
        assert_eq!(peer_asn(Asn(asn), AZURE), Ok(()));
    }
    assert_eq!(gateway_asn(AZURE), Ok(()));
}

/// azure.md §2.1.
#[test]
fn expressroute_reserves_65515_to_65520_and_its_own() {
    for asn in [12076, 65515, 65516, 65517, 65520] {
        assert_eq!(expressroute_peer_asn(Asn(asn)), Err(Breach::AsnReservedByAzure(Asn(asn))));
    }
    for asn in [8075, 65010, 65514, 65521, 4_200_000_000] {
        assert_eq!(expressroute_peer_asn(Asn(asn)), Ok(()));
    }
}

#[test]
fn both_sides_must_differ_and_65515_stays_azures() {
    assert_eq!(peer_asn(AZURE, AZURE), Err(Breach::SameAsn(AZURE)));
    assert_eq!(peer_asn(AZURE, Asn(65010)), Err(Breach::AsnReservedByAzure(AZURE)));
}

#[test]
fn azures_apipa_addresses_lie_in_two_subnets() {
    for inside in ["169.254.21.0", "169.254.21.255", "169.254.22.0", "169.254.22.255", "10.1.0.4"] {
        assert_eq!(azure_apipa(ip(inside)), Ok(()), "{inside}");
    }
    for outside in ["169.254.20.255", "169.254.23.0", "169.254.100.1"] {
        assert_eq!(azure_apipa(ip(outside)), Err(Breach::ApipaOutsideRange(ip(outside))), "{outside}");
    }
}

/// azure.md §8, row 2.
#[test]
fn an_edge_with_an_apipa_address_must_dial() {
    let (apipa, private) = ("169.254.21.1".parse().unwrap(), "10.51.255.254".parse().unwrap());
    assert_eq!(somebody_dials(apipa, true), Err(Breach::NobodyDials(apipa)));
    assert_eq!(somebody_dials(apipa, false), Ok(()));
    assert_eq!(somebody_dials(private, true), Ok(()));
}

#[test]
fn a_peer_is_outside_the_network_and_ipv4() {
    let space = [net("10.1.0.0/16")];
    let (inside, outside) = ("10.1.9.9".parse().unwrap(), "10.51.255.254".parse().unwrap());
    assert_eq!(peer_address(inside, &space), Err(Breach::PeerInsideVnet { peer: inside, prefix: space[0] }));
    assert_eq!(peer_address(outside, &space), Ok(()));
    let v6 = "2001:db8::1".parse().unwrap();
    assert_eq!(peer_address(v6, &space), Err(Breach::PeerOverIpv6(v6)));
}

/// azure.md §8, row 7.
#[test]
fn warns_of_any_timers_but_60_and_180() {
    let hold = |seconds| HoldTime::new(seconds).unwrap();
    assert_eq!(timers(hold(180), None), Ok(()));
    assert_eq!(timers(hold(180), Some(KEEPALIVE)), Ok(()));
    assert_eq!(timers(hold(30), None), Err(Breach::HoldTime(30)));
    assert_eq!(timers(hold(180), Some(Duration::from_secs(10))), Err(Breach::Keepalive(10)));
    assert_eq!(timers(hold(30), None).unwrap_err().severity(), Severity::Warning);
}

#[test]
fn what_comes_of_a_hold_time_depends_on_it() {
    let told = |seconds| timers(HoldTime::new(seconds).unwrap(), None).unwrap_err().to_string();
    assert!(told(0).contains("no KEEPALIVEs"));
    assert!([3, 30, 60].into_iter().all(|seconds| told(seconds).contains("reset again and again")));
    assert!([61, 90, 179].into_iter().all(|seconds| told(seconds).contains("on this side alone")));
    assert!([181, 240].into_iter().all(|seconds| told(seconds).contains("the smaller value holds")));
}

#[test]
fn an_apipa_gateway_wants_an_apipa_edge() {
    let [apipa, twin, private] =
        ["169.254.21.2", "169.254.21.1", "10.51.255.254"].map(|a| a.parse().unwrap());
    assert_eq!(apipa_on_both_sides(apipa, twin), Ok(()));
    assert_eq!(apipa_on_both_sides(private, private), Ok(()));
    let breach = Breach::ApipaOnOneSide { gateway: apipa, edge: private };
    assert_eq!(apipa_on_both_sides(apipa, private), Err(breach));
}

#[test]
fn one_hop_is_not_enough() {
    assert_eq!((ttl(1), ttl(2), ttl(64)), (Err(Breach::Ttl(1)), Ok(()), Ok(())));
}

/// azure.md §8, rows 18 and 35.
#[test]
fn warns_of_announcements_that_azure_would_not_follow() {
    let space = [net("10.1.0.0/16")];
    assert_eq!(announced(net("0.0.0.0/0"), &space), Ok(()));
    assert_eq!(announced(net("10.0.0.0/8"), &space), Ok(()));
    for inside in ["10.1.0.0/16", "10.1.4.0/24"] {
        let breach = Breach::AnnouncedInsideVnet { prefix: net(inside), inside: space[0] };
        assert_eq!(announced(net(inside), &space), Err(breach));
    }
    for platform in ["168.63.129.16/32", "169.254.169.254/32", "169.254.0.0/16"] {
        assert_eq!(announced(net(platform), &[]), Err(Breach::AnnouncedPlatform(net(platform))));
    }
}

/// azure.md §8, row 20.
#[test]
fn four_thousand_prefixes_are_taken_and_one_more_is_not() {
    assert_eq!(prefix_count(4000, 4000), Ok(()));
    assert_eq!(prefix_count(4001, 4000), Err(Breach::TooManyPrefixes { count: 4001, limit: 4000 }));
}

#[test]
fn user_routes_name_one_of_five_types_and_an_address_only_with_an_appliance() {
    let mut to_appliance = user_route("0.0.0.0/0", NextHopType::VirtualAppliance);
    assert_eq!(super::user_route(&to_appliance), Err(Breach::ApplianceWithoutAddress));
    to_appliance.next_hop_ip = Some(ip("10.1.2.4"));
    assert_eq!(super::user_route(&to_appliance), Ok(()));
    to_appliance.next_hop_type = NextHopType::Internet;
    assert_eq!(super::user_route(&to_appliance), Err(Breach::AddressWithoutAppliance(NextHopType::Internet)));
    let peering = user_route("0.0.0.0/0", NextHopType::VNetPeering);
    assert_eq!(super::user_route(&peering), Err(Breach::NextHopType(NextHopType::VNetPeering)));
}

#[test]
fn a_sound_deployment_has_no_findings() {
    assert_eq!(check(&azure()), []);
}

#[test]
fn every_mistake_is_found_and_placed() {
    let mut azure = azure();
    vpn(&mut azure).asn = Asn(65517);
    azure.gateways[GW].instances[0].apipa = vec![ip("169.254.23.1")];
    azure.gateways[GW].instances[1].address = ip("10.9.0.5");
    azure.gateways[GW].connections[0].asn = Asn(64500);
    move_to(&mut azure.gateways[GW].connections[0], "169.254.21.9");
    move_to(&mut azure.gateways[GW].connections[1], "10.1.0.4");
    let gateway_subnet = &mut azure.vnets[0].subnets[0];
    gateway_subnet.routes.push(user_route("0.0.0.0/0", NextHopType::Internet));
    gateway_subnet.propagate_gateway_routes = false;
    azure.vnets[1].subnets[0].prefix = net("10.7.0.0/24");
    let found: Vec<String> = check(&azure).iter().map(Finding::to_string).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    gateway gw: AS 65517 is reserved by Azure, which refuses it: take a free private one, 64512-65514 or 65521-65534
    gateway gw: 10.1.0.4 is used twice: every BGP peer address must be unique, so change one of them
    instance gw/gw-0: 169.254.23.1 cannot be the gateway's APIPA address: Azure takes 169.254.21.0-169.254.22.255, so choose one of those
    instance gw/gw-1: instance address 10.9.0.5 is in no virtual network: it comes out of GatewaySubnet, in the gateway's own network
    connection gw/paris: AS 64500 is reserved by IANA, and Azure refuses it: take a free private one, 64512-65514 or 65521-65534
    connection gw/paris: instance gw-1 has no APIPA address for peer 169.254.21.9: with an APIPA peer the gateway peers from one of its own, so give each instance one out of 169.254.21.0-169.254.22.255
    connection gw/oslo: BGP peer 10.1.0.4 is inside the virtual network (10.1.0.0/16), which Azure refuses: use an address from outside
    subnet hub/GatewaySubnet: GatewaySubnet has a user route to 0.0.0.0/0: Azure does not support that and blocks it, so remove the route
    subnet hub/GatewaySubnet: GatewaySubnet does not propagate gateway routes: without them the gateway stops, so switch propagation on
    subnet spoke/app: subnet prefix 10.7.0.0/24 is not inside the address space of its virtual network: Azure refuses it, so change one of them
    "#);
}

/// azure.md §4, caveats: and a priority is one rule's.
#[test]
fn security_rules_have_priorities_of_their_own_and_are_none_of_the_gateways_subnet() {
    let mut azure = azure();
    let rule = |name: &str, priority| SecurityRule {
        name: name.into(),
        priority,
        allows: false,
        to: Target::Internet,
    };
    azure.vnets[0].subnets[0].security_rules.push(rule("gateway", 100));
    vm(&mut azure).security_rules = vec![rule("first", 100), rule("same", 100), rule("low", 99)];
    let found: Vec<Breach> = check(&azure).into_iter().map(|finding| finding.breach).collect();
    let priority = |name: &str| Breach::SecurityPriority(name.into());
    assert_eq!(found, [Breach::GatewaySubnetSecurity, priority("same"), priority("low")]);
}

/// azure.md §1.3 (VPN-FAQ D).
#[test]
fn the_peer_address_is_not_the_public_one_of_the_device() {
    let mut azure = azure();
    let public = |azure: &mut Azure, address: &str| match &mut azure.gateways[GW].connections[0].link {
        Link::Site(site) => site.public = Some(address.parse().unwrap()),
        other => panic!("{other:?}"),
    };
    public(&mut azure, "203.0.113.9");
    assert_eq!(check(&azure), []);
    public(&mut azure, "10.51.255.254");
    assert_eq!(check(&azure)[0].breach, Breach::PeerIsPublic("10.51.255.254".parse().unwrap()));
}

/// azure.md §8, row 19.
#[test]
fn a_path_with_the_gateways_own_as_would_be_dropped() {
    let path = |asns: &[u32]| AsPath::sequence(asns.iter().copied().map(Asn));
    let prefix = "10.60.0.0/16".parse().unwrap();
    assert_eq!(super::path(prefix, &path(&[65010, 65020]), Asn(65515)), Ok(()));
    let breach = Breach::GatewayInPath { prefix, gateway: Asn(65515) };
    assert_eq!(super::path(prefix, &path(&[65010, 65515]), Asn(65515)), Err(breach.clone()));
    assert_eq!(breach.severity(), Severity::Warning);
}
