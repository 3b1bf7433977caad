use crate::{exceptions, gateway, kms, listing, net, origination, policy, sentences, told};
use insta::assert_snapshot;
use quadzero_codec::Family;
use quadzero_policy::{ExceptionMode, Health, NeighborPolicy, Origination, Policy, Template};

fn default() -> Origination {
    origination("default", "0.0.0.0/0")
}

fn announce() -> ExceptionMode {
    ExceptionMode::Announce(Template::default())
}

fn explain(policy: &Policy, neighbor: &NeighborPolicy) -> String {
    sentences(&policy.explain(neighbor, &Health::good()))
}

#[test]
fn a_default_route_alone_is_announced_whole() {
    assert_snapshot!(explain(&policy(&[default()], &[]), &gateway()), @r#"0.0.0.0/0 (origination "default") is announced: no exception is carved out of it."#);
}

#[test]
fn announced_exceptions_come_with_a_warning() {
    assert_snapshot!(explain(&policy(&[default()], &[kms(announce())]), &gateway()), @r#"
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it.
    20.118.99.224/32 (exception set "kms") is announced: the set is in mode announce. Over a VPN gateway or ExpressRoute private peering this pulls the traffic to on-premises, more strongly than the default route does and past a route table that sends 0.0.0.0/0 to the Internet; KMS answers only if the traffic goes on from an Azure public address.
    23.102.135.246/32 (exception set "kms") is announced: the set is in mode announce. Over a VPN gateway or ExpressRoute private peering this pulls the traffic to on-premises, more strongly than the default route does and past a route table that sends 0.0.0.0/0 to the Internet; KMS answers only if the traffic goes on from an Azure public address.
    40.83.235.53/32 (exception set "kms") is announced: the set is in mode announce. Over a VPN gateway or ExpressRoute private peering this pulls the traffic to on-premises, more strongly than the default route does and past a route table that sends 0.0.0.0/0 to the Internet; KMS answers only if the traffic goes on from an Azure public address.
    "#);
}

#[test]
fn exceptions_by_route_table_leave_the_default_alone() {
    let policy = policy(&[default()], &[kms(ExceptionMode::Udr)]);
    assert_snapshot!(explain(&policy, &gateway()), @r#"
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it.
    20.118.99.224/32 (exception set "kms") is not announced: the set is in mode udr. Add an entry for it with next hop type Internet to the route tables of the subnets; it wins over the same or a shorter prefix learned by BGP.
    23.102.135.246/32 (exception set "kms") is not announced: the set is in mode udr. Add an entry for it with next hop type Internet to the route tables of the subnets; it wins over the same or a shorter prefix learned by BGP.
    40.83.235.53/32 (exception set "kms") is not announced: the set is in mode udr. Add an entry for it with next hop type Internet to the route tables of the subnets; it wins over the same or a shorter prefix learned by BGP.
    "#);
    assert_eq!(told(&policy, &gateway()), [net("0.0.0.0/0")]);
}

#[test]
fn carving_out_replaces_the_default_and_tells_what_azure_then_drops() {
    let policy =
        policy(&[default(), origination("datacenter", "10.0.0.0/8")], &[kms(ExceptionMode::CarveOut)]);
    assert_snapshot!(explain(&policy, &gateway()), @r#"
    0.0.0.0/0 (origination "default") is not announced as such: exception set "kms" (carve-out) replaces it with 84 prefixes to cover the rest of it. An Azure VPN gateway passes these on to its other BGP peers, as it never does with a default route. Azure drops what goes to 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16 by routes of its own that win over these prefixes; announce these ranges as well if they are yours.
    0.0.0.0/4 (origination "default") is announced: it is a part of 0.0.0.0/0 that holds nothing of exception set "kms".
    10.0.0.0/8 (origination "datacenter") is announced: no exception is carved out of it.
    20.118.99.224/32 (exception set "kms") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    23.102.135.246/32 (exception set "kms") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    40.83.235.53/32 (exception set "kms") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    "#);
    assert_eq!(told(&policy, &gateway()).len(), 84 + 1);
}

#[test]
fn a_neighbor_is_told_what_its_list_names() {
    let policy = policy(&[default(), origination("backup", "10.0.0.0/8")], &[kms(ExceptionMode::CarveOut)]);
    assert_snapshot!(explain(&policy, &listing(&["default"])), @r#"
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it.
    10.0.0.0/8 (origination "backup") is not announced: the announce list of neighbor "gateway" lacks it.
    20.118.99.224/32 (exception set "kms") is not announced: the set is in mode carve-out, but the announce list of neighbor "gateway" lacks it: what is announced is not carved and may well cover it.
    23.102.135.246/32 (exception set "kms") is not announced: the set is in mode carve-out, but the announce list of neighbor "gateway" lacks it: what is announced is not carved and may well cover it.
    40.83.235.53/32 (exception set "kms") is not announced: the set is in mode carve-out, but the announce list of neighbor "gateway" lacks it: what is announced is not carved and may well cover it.
    "#);
    assert_eq!(told(&policy, &listing(&["default"])), [net("0.0.0.0/0")]);
    assert_eq!(told(&policy, &listing(&[])), []);
}

#[test]
fn a_neighbor_is_told_only_families_it_exchanges() {
    let neighbor = NeighborPolicy { families: vec![Family::IPV4_UNICAST], ..gateway() };
    let hole = exceptions("six", &["2001:db8::1/128"], ExceptionMode::CarveOut);
    let policy = policy(&[default(), origination("default", "::/0")], &[hole]);
    assert_snapshot!(explain(&policy, &neighbor), @r#"
    0.0.0.0/0 (origination "default") is announced: no exception is carved out of it.
    ::/0 (origination "default") is not announced: neighbor "gateway" does not exchange ipv6-unicast.
    2001:db8::1/128 (exception set "six") is not announced: neighbor "gateway" does not exchange ipv6-unicast.
    "#);
}

#[test]
fn a_hole_in_nothing_is_said_to_be_one() {
    let policy = policy(&[origination("datacenter", "10.0.0.0/8")], &[kms(ExceptionMode::CarveOut)]);
    assert_snapshot!(explain(&policy, &gateway()), @r#"
    10.0.0.0/8 (origination "datacenter") is announced: no exception is carved out of it.
    20.118.99.224/32 (exception set "kms") is not announced: the set is in mode carve-out, but nothing that covers it would be announced to this neighbor.
    23.102.135.246/32 (exception set "kms") is not announced: the set is in mode carve-out, but nothing that covers it would be announced to this neighbor.
    40.83.235.53/32 (exception set "kms") is not announced: the set is in mode carve-out, but nothing that covers it would be announced to this neighbor.
    "#);
}

#[test]
fn a_hole_takes_what_lies_inside_it() {
    let hole = exceptions("ours", &["10.1.0.0/16"], ExceptionMode::CarveOut);
    let inside = [origination("site", "10.1.0.0/16"), origination("site", "10.1.2.0/24")];
    assert_snapshot!(explain(&policy(&inside, &[hole]), &gateway()), @r#"
    10.1.0.0/16 (exception set "ours") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    10.1.0.0/16 (origination "site") is not announced: exception set "ours" (carve-out) takes 10.1.0.0/16 out, which leaves nothing of it.
    10.1.2.0/24 (origination "site") is not announced: exception set "ours" (carve-out) takes 10.1.0.0/16 out, which leaves nothing of it.
    "#);
}

#[test]
fn a_hole_is_a_hole_in_announced_exceptions_too() {
    let hole = exceptions("hole", &["20.118.99.224/32"], ExceptionMode::CarveOut);
    let pull = exceptions("pull", &["20.118.99.224/31"], announce());
    let policy = policy(&[], &[hole, pull]);
    assert_snapshot!(explain(&policy, &gateway()), @r#"
    20.118.99.224/31 (exception set "pull") is not announced as such: exception set "hole" (carve-out) replaces it with 1 prefix to cover the rest of it.
    20.118.99.224/32 (exception set "hole") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    20.118.99.225/32 (exception set "pull") is announced: it is a part of 20.118.99.224/31 that holds nothing of exception set "hole".
    "#);
}

#[test]
fn exceptions_win_over_originations_and_the_first_over_the_second() {
    let address = "20.118.99.224/32";
    let originations = [origination("b", address), origination("c", address)];
    let policy = policy(&originations, &[exceptions("a", &[address], announce())]);
    assert_snapshot!(explain(&policy, &gateway()), @r#"
    20.118.99.224/32 (origination "b") is not announced: exception set "a" comes first with the same prefix.
    20.118.99.224/32 (origination "c") is not announced: exception set "a" comes first with the same prefix.
    20.118.99.224/32 (exception set "a") is announced: the set is in mode announce. Over a VPN gateway or ExpressRoute private peering this pulls the traffic to on-premises, more strongly than the default route does and past a route table that sends 0.0.0.0/0 to the Internet; KMS answers only if the traffic goes on from an Azure public address.
    "#);
}

#[test]
fn inside_a_longer_prefix_the_pieces_are_those_of_the_longer_prefix() {
    let hole = exceptions("hole", &["10.0.0.0/32"], ExceptionMode::CarveOut);
    let policy = policy(&[origination("short", "10.0.0.0/29"), origination("long", "10.0.0.0/30")], &[hole]);
    let all: Vec<String> =
        policy.explain(&gateway(), &Health::good()).iter().map(ToString::to_string).collect();
    assert_snapshot!(all.join("\n"), @r#"
    10.0.0.0/29 (origination "short") is not announced as such: exception set "hole" (carve-out) replaces it with 3 prefixes to cover the rest of it.
    10.0.0.0/30 (origination "long") is not announced as such: exception set "hole" (carve-out) replaces it with 2 prefixes to cover the rest of it.
    10.0.0.0/32 (exception set "hole") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    10.0.0.1/32 (origination "long") is announced: it is a part of 10.0.0.0/30 that holds nothing of exception set "hole".
    10.0.0.1/32 (origination "short") is not announced: origination "long" comes first with the same prefix.
    10.0.0.2/31 (origination "long") is announced: it is a part of 10.0.0.0/30 that holds nothing of exception set "hole".
    10.0.0.2/31 (origination "short") is not announced: origination "long" comes first with the same prefix.
    10.0.0.4/30 (origination "short") is announced: it is a part of 10.0.0.0/29 that holds nothing of exception set "hole".
    "#);
}

#[test]
fn a_piece_of_the_platform_is_withheld() {
    let hole = exceptions("hole", &["168.63.129.17/32"], ExceptionMode::CarveOut);
    let policy = policy(&[origination("around", "168.63.129.16/30")], &[hole]);
    let all: Vec<String> =
        policy.explain(&gateway(), &Health::good()).iter().map(ToString::to_string).collect();
    assert_snapshot!(all.join("\n"), @r#"
    168.63.129.16/30 (origination "around") is not announced as such: exception set "hole" (carve-out) replaces it with 2 prefixes to cover the rest of it.
    168.63.129.16/32 (origination "around") is not announced: 168.63.129.16/32 belongs to Azure's platform.
    168.63.129.17/32 (exception set "hole") is not announced: the set is in mode carve-out. Nothing announced to this neighbor covers it, so that Azure's own route to it stays in force.
    168.63.129.18/31 (origination "around") is announced: it is a part of 168.63.129.16/30 that holds nothing of exception set "hole".
    "#);
    assert_eq!(told(&policy, &gateway()), [net("168.63.129.18/31")]);
}
