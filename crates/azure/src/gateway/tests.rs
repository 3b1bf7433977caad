use super::*;
use crate::effective::Listing;
use crate::testing::*;

fn prefixes(routes: &RouteSet) -> Vec<String> {
    routes.iter().map(|route| route.prefix.to_string()).collect()
}

fn hops(table: &Table, prefix: &str) -> Vec<(String, String)> {
    let route = table.routes(GW).iter().find(|route| route.prefix == net(prefix)).unwrap();
    route.hops.iter().map(|hop| (hop.instance.clone(), hop.connection.clone())).collect()
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
