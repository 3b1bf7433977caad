use super::*;
use crate::config::Azure;
use crate::effective::Listing;
use crate::testing::*;
use quadzero_codec::{AsPath, Asn, Community, NextHop, Origin};

fn prefixes(routes: &RouteSet) -> Vec<String> {
    routes.iter().map(|route| route.prefix.to_string()).collect()
}

fn hops(table: &Table, prefix: &str) -> Vec<(String, String)> {
    let route = table.routes(GW).iter().find(|route| route.prefix == net(prefix)).unwrap();
    route.hops.iter().map(|hop| (hop.instance.clone(), hop.connection.clone())).collect()
}

/// azure.md §8, row 18.
#[test]
fn drops_what_is_equal_to_or_inside_the_network_and_takes_what_holds_it() {
    let sent = ["10.1.0.0/16", "10.1.7.0/24", "10.2.0.0/16", "10.3.0.0/16", "10.0.0.0/8", "0.0.0.0/0"];
    let table = after_paris(active_standby(), &sent);
    let taken: Vec<String> = table.routes(GW).iter().map(|route| route.prefix.to_string()).collect();
    // The spoke uses the gateway, the island does not.
    assert_eq!(taken, ["0.0.0.0/0", "10.0.0.0/8", "10.3.0.0/16"]);
    assert!(table.refused().iter().all(|refused| refused.why == Refusal::InsideVnet));
    assert_eq!(table.refused().len(), 3);
}

/// azure.md §8, row 36.
#[test]
fn ignores_ipv6() {
    let table = after_paris(active_standby(), &["::/0", "2001:db8::/32"]);
    assert!(table.routes(GW).is_empty());
    assert!(table.refused().iter().all(|refused| refused.why == Refusal::Ipv6));
}

/// azure.md §8, row 11.
#[test]
fn passes_on_halves_and_never_an_exact_default() {
    let table = after_paris(azure(), &["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"]);
    let to_oslo = prefixes(&table.announced(id(GW, 0, OSLO)));
    assert!(to_oslo.contains(&"0.0.0.0/1".into()) && to_oslo.contains(&"128.0.0.0/1".into()), "{to_oslo:?}");
    assert!(!to_oslo.contains(&"0.0.0.0/0".into()), "{to_oslo:?}");
}

/// azure.md §8, row 21.
#[test]
fn announces_network_statics_other_peers_and_their_routes() {
    let mut azure = azure();
    *statics(&mut azure.gateways[GW].connections[OSLO]) =
        vec![net("172.20.0.0/16"), net("10.52.255.254/32"), net("0.0.0.0/0")];
    let table = table(
        azure,
        &[
            (id(GW, 0, OSLO), &[("192.168.7.0/24", &[65020]), ("10.0.0.0/8", &[65020])]),
            (id(GW, 0, PARIS), &[("192.168.8.0/24", &[65010])]),
        ],
    );
    let to_paris = table.announced(id(GW, 0, PARIS));
    assert_eq!(
        prefixes(&to_paris),
        ["10.1.0.0/16", "10.2.0.0/16", "10.52.255.254/32", "172.20.0.0/16", "192.168.7.0/24"]
    );
    let own = &to_paris.get(&"10.1.0.0/16".parse().unwrap()).unwrap().attributes;
    assert_eq!((own.origin, own.next_hop, own.med), (Origin::Igp, NextHop::Own, None));
    assert_eq!(own.as_path, AsPath::sequence([Asn(65515)]));
    let transit = &to_paris.get(&"192.168.7.0/24".parse().unwrap()).unwrap().attributes;
    assert_eq!((transit.origin, transit.next_hop, transit.med), (Origin::Igp, NextHop::Own, Some(0)));
    assert_eq!(transit.as_path, AsPath::sequence([Asn(65515), Asn(65020)]));
    let to_oslo = prefixes(&table.announced(id(GW, 0, OSLO)));
    assert!(
        to_oslo.contains(&"10.51.255.254/32".into()) && !to_oslo.contains(&"10.52.255.254/32".into()),
        "{to_oslo:?}"
    );
}

/// azure.md §8, row 22: what one instance hears, the other passes on.
#[test]
fn an_instance_passes_on_what_its_twin_has_heard() {
    let table = table(azure(), &[(id(GW, 0, OSLO), &[("192.168.7.0/24", &[65020])])]);
    let by_the_other = table.announced(id(GW, 1, PARIS));
    assert!(prefixes(&by_the_other).contains(&"192.168.7.0/24".into()));
    assert!(!prefixes(&table.announced(id(GW, 1, OSLO))).contains(&"192.168.7.0/24".into()));
}

/// azure.md §8, row 23.
#[test]
fn equal_paths_share_the_traffic_and_a_longer_one_is_left_out() {
    let equal = table(
        azure(),
        &[(id(GW, 0, PARIS), &[("0.0.0.0/0", &[65010])]), (id(GW, 1, OSLO), &[("0.0.0.0/0", &[65020])])],
    );
    assert_eq!(hops(&equal, "0.0.0.0/0"), [("gw-0".into(), "paris".into()), ("gw-1".into(), "oslo".into())]);
    let prepended = table(
        azure(),
        &[
            (id(GW, 0, PARIS), &[("0.0.0.0/0", &[65010, 65010])]),
            (id(GW, 1, OSLO), &[("0.0.0.0/0", &[65020])]),
        ],
    );
    assert_eq!(hops(&prepended, "0.0.0.0/0"), [("gw-1".into(), "oslo".into())]);
    let lost = prepended.unused_paths(GW, net("0.0.0.0/0"));
    assert_eq!(lost, [("10.51.255.254".parse().unwrap(), Some(Step::AsPathLength))]);
}

fn with_attributes(change: impl Fn(usize, &mut Attributes), azure: Azure) -> Table {
    let routes: &[(&str, &[u32])] = &[("0.0.0.0/0", &[64999]), ("192.168.7.0/24", &[64999])];
    let all = [PARIS, OSLO]
        .map(|site| changed(heard(&azure, id(GW, 0, site), routes), |attributes| change(site, attributes)));
    Table::new(Arc::new(azure), &all)
}

/// azure.md §1.5: unconfirmed, hence a switch.
#[test]
fn med_decides_only_if_switched_on() {
    let med = |site: usize, attributes: &mut Attributes| attributes.med = Some(site as u32 * 100);
    assert_eq!(hops(&with_attributes(med, active_standby()), "0.0.0.0/0").len(), 2);
    let mut azure = active_standby();
    azure.gateways[GW].switches.compare_med = true;
    assert_eq!(hops(&with_attributes(med, azure), "0.0.0.0/0"), [("gw-0".into(), "paris".into())]);
}

/// azure.md §8, row 24: unconfirmed for the VPN gateway, hence a switch.
#[test]
fn communities_are_passed_on_only_if_switched_on() {
    let tag = |_, attributes: &mut Attributes| attributes.communities = Box::new([Community(0xFDE8_0064)]);
    let told = |azure| {
        let prefix = "192.168.7.0/24".parse().unwrap();
        let table = with_attributes(tag, azure);
        table.announced(id(GW, 0, OSLO)).get(&prefix).unwrap().attributes.communities.len()
    };
    assert_eq!(told(active_standby()), 0);
    let mut azure = active_standby();
    azure.gateways[GW].switches.keep_communities = true;
    assert_eq!(told(azure), 1);
}

/// azure.md §8, rows 22 and 32: F LAB-RS shows the default twice, the second time from the twin.
#[test]
fn learned_routes_have_the_shape_of_the_command_line() {
    let table = after_paris(azure(), &["0.0.0.0/0"]);
    let rows = table.learned_routes(GW).value;
    let of_first = rows.iter().filter(|row| row.local_address == ip("10.1.0.4"));
    let line = |row: &LearnedRoute| {
        let next_hop = row.next_hop.map_or("-".into(), |hop| hop.to_string());
        format!(
            "{} | {next_hop} | {:?} | {} | {} | {}\n",
            row.network, row.origin, row.source_peer, row.as_path, row.weight
        )
    };
    insta::assert_snapshot!(of_first.map(line).collect::<String>(), @r#"
    10.1.0.0/16 | - | Network | 10.1.0.4 |  | 32768
    10.2.0.0/16 | - | Network | 10.1.0.4 |  | 32768
    10.51.255.254/32 | - | Network | 10.1.0.4 |  | 32768
    10.52.255.254/32 | - | Network | 10.1.0.4 |  | 32768
    0.0.0.0/0 | 10.51.255.254 | EBgp | 10.51.255.254 | 65010 | 32768
    0.0.0.0/0 | 10.1.0.5 | IBgp | 10.1.0.5 | 65010 | 32768
    "#);
    let learned = rows.iter().find(|row| row.origin == LearnedOrigin::EBgp).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(learned).unwrap(), @r#"
    {
      "asPath": "65010",
      "localAddress": "10.1.0.4",
      "network": "0.0.0.0/0",
      "nextHop": "10.51.255.254",
      "origin": "EBgp",
      "sourcePeer": "10.51.255.254",
      "weight": 32768
    }
    "#);
    assert_eq!(table.routes_from_twin(GW, 0), 1);
}

#[test]
fn as_paths_are_joined_by_dashes() {
    let table = table(active_standby(), &[(id(GW, 0, PARIS), &[("0.0.0.0/0", &[65010, 65010, 64999])])]);
    let learned = table.learned_routes(GW).value;
    assert_eq!(learned.last().unwrap().as_path, "65010-65010-64999");
}

/// azure.md §8, row 32.
#[test]
fn advertised_routes_have_the_shape_of_the_command_line() {
    let listing = after_paris(active_standby(), &[]).advertised_routes(GW, "10.51.255.254".parse().unwrap());
    let first = Listing { value: listing.value.into_iter().take(1).collect() };
    insta::assert_snapshot!(serde_json::to_string_pretty(&first).unwrap(), @r#"
    {
      "value": [
        {
          "asPath": "65515",
          "localAddress": "10.1.0.254",
          "network": "10.1.0.0/16",
          "nextHop": "10.1.0.254",
          "origin": "Igp",
          "sourcePeer": null,
          "weight": 0
        }
      ]
    }
    "#);
}

/// azure.md §1.3: the address space of the local network gateway is static routes beside BGP.
#[test]
fn static_prefixes_have_a_way_over_every_instance_without_any_session() {
    let mut azure = azure();
    *statics(&mut azure.gateways[GW].connections[PARIS]) = vec![net("172.20.0.0/16")];
    let table = table(azure, &[]);
    assert_eq!(hops(&table, "172.20.0.0/16").len(), 2);
    assert_eq!(table.routes(GW).len(), 1);
}

/// azure.md §8, row 20: in aggregate; what counts once is our reading.
#[test]
fn prefixes_are_counted_over_all_sessions_once_each() {
    let azure = azure();
    let first = heard(&azure, id(GW, 0, PARIS), &[("0.0.0.0/0", &[65010]), ("20.0.0.0/8", &[65010])]);
    let second = heard(&azure, id(GW, 1, PARIS), &[("0.0.0.0/0", &[65010]), ("30.0.0.0/8", &[65010])]);
    assert_eq!(prefix_count([&first.routes, &second.routes]), [3, 0]);
}
