//! What passes over a session.

use quadzero_tests::{LEFT, LEFT6, Neighbor, PATIENCE, Path, RIGHT, RIGHT6, wait_until};

use crate::lab::{EDGE, Edge, Lab, announcing, has_the_default, words};

pub(crate) fn the_daemon_holds_the_default_route_and_the_exceptions_exactly_as_configured(lab: &Lab) {
    let announced = r#"
        [[originate]]
        prefix = "0.0.0.0/0"
        origin = "incomplete"
        prepend = 2
        med = 50
        communities = ["65010:100", "no-export"]
        extended-communities = ["rt:65010:1"]
        large-communities = ["65010:1:2", "65010:3:4"]

        [[exception]]
        name = "activation"
        kms = "global"
        mode = "announce"
        next-hop = "192.0.2.99"
        prepend = 1
        med = 7
        communities = ["65010:200"]

        [[exception]]
        name = "updates"
        prefixes = ["203.0.113.7/32"]
        mode = "announce"
        med = 0
    "#;
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(&Edge { announced, ..EDGE });

    let default = Path {
        origin: 2,
        as_path: vec![65010, 65010, 65010],
        next_hop: LEFT.into(),
        med: Some(50),
        communities: words(&["65010:100", "65535:65281"]),
        extended_communities: words(&["rt:65010:1"]),
        large_communities: words(&["65010:1:2", "65010:3:4"]),
        others: vec![],
    };
    let activation = Path {
        as_path: vec![65010, 65010],
        next_hop: "192.0.2.99".into(),
        med: Some(7),
        communities: words(&["65010:200"]),
        ..Path::default()
    };
    let updates = Path { as_path: vec![65010], next_hop: LEFT.into(), med: Some(0), ..Path::default() };
    let expected = [
        ("0.0.0.0/0", &default),
        ("20.118.99.224/32", &activation),
        ("203.0.113.7/32", &updates),
        ("23.102.135.246/32", &activation),
        ("40.83.235.53/32", &activation),
    ];
    let held = daemon.wait_for_prefixes(expected.len());
    assert_eq!(held.iter().map(|(prefix, path)| (prefix.as_str(), path)).collect::<Vec<_>>(), expected);
    lab.recording();
}

pub(crate) fn a_thousand_routes_are_learned(lab: &Lab) {
    let routes = (0..1000).map(|i| format!("10.{}.{}.0/24", i / 256, i % 256)).collect();
    let _daemon = lab.daemon(Neighbor { routes, ..Neighbor::PLAIN });
    let edge = lab.edge(&EDGE);
    wait_until("1,000 routes are learned", PATIENCE, || edge.learned().0 == 1000);
    assert_eq!(edge.downs(), [""; 0]);
    lab.recording();
}

pub(crate) fn a_withdrawn_route_is_forgotten(lab: &Lab) {
    let daemon = lab.daemon(announcing(&["198.51.100.0/24", "203.0.113.0/24"]));
    let edge = lab.edge(&EDGE);
    let both = words(&["198.51.100.0/24", "203.0.113.0/24"]);
    wait_until("both routes are learned", PATIENCE, || edge.learned().1 == both);
    daemon.withdraw("198.51.100.0/24");
    wait_until("only one is left", PATIENCE, || edge.learned().1 == both[1..]);
    assert_eq!(edge.downs(), [""; 0]);
    lab.recording();
}

pub(crate) fn ipv6_routes_pass_both_ways_over_ipv6(lab: &Lab) {
    let announced = "[[originate]]\nprefix = \"::/0\"\nmed = 50\ncommunities = [\"65010:100\"]\n";
    let neighbor = Neighbor { local_address: RIGHT6, address: LEFT6, ..Neighbor::PLAIN };
    let daemon = lab.daemon(Neighbor { routes: words(&["2001:db8:1::/48"]), ..neighbor });
    let edge = lab.edge_at(LEFT6, RIGHT6, &Edge { announced, ..EDGE });

    let default = Path {
        as_path: vec![65010],
        next_hop: LEFT6.into(),
        med: Some(50),
        communities: words(&["65010:100"]),
        ..Path::default()
    };
    assert_eq!(daemon.wait_for_prefixes(1).into_iter().collect::<Vec<_>>(), [("::/0".into(), default)]);
    wait_until("the route is learned", PATIENCE, || edge.learned().1 == ["2001:db8:1::/48"]);
    lab.recording();
}

/// The other family's next hop has to be said: the address of the connection is none for it.
pub(crate) fn both_families_pass_over_one_session(lab: &Lab) {
    let announced = "[[originate]]\nprefix = \"0.0.0.0/0\"\n\n\
                     [[originate]]\nprefix = \"::/0\"\nnext-hop = \"2001:db8::1\"\n";
    let daemon = lab.daemon(Neighbor { both_families: true, ..announcing(&["198.51.100.0/24"]) });
    let keys = "families = [\"ipv4-unicast\", \"ipv6-unicast\"]";
    let edge = lab.edge(&Edge { keys, announced, ..EDGE });

    let next_hops = daemon.wait_for_prefixes(2).into_iter().map(|(prefix, path)| (prefix, path.next_hop));
    let expected = [("0.0.0.0/0", LEFT), ("::/0", LEFT6)].map(|(p, n)| (p.to_owned(), n.to_owned()));
    assert_eq!(next_hops.collect::<Vec<_>>(), expected);
    wait_until("the route is learned", PATIENCE, || edge.learned().1 == ["198.51.100.0/24"]);
    lab.recording();
}

pub(crate) fn an_edge_without_four_octet_as_is_understood(lab: &Lab) {
    let announced = "[[originate]]\nprefix = \"0.0.0.0/0\"\nprepend = 1\n";
    let daemon = lab.daemon(announcing(&["198.51.100.0/24"]));
    let edge = lab.edge(&Edge { keys: "four-octet-as = false", announced, ..EDGE });

    let path = &daemon.wait_for_prefixes(1)["0.0.0.0/0"];
    assert_eq!((path.as_path.as_slice(), &path.others), (&[65010, 65010][..], &vec![]));
    wait_until("the route is learned", PATIENCE, || edge.learned().1 == ["198.51.100.0/24"]);
    lab.recording();
}

/// RFC 6793 §4.2.2: we are AS_TRANS in what it is sent, and what we are in truth goes along in AS4_PATH. A daemon
/// that only plays an old speaker reads that all the same.
pub(crate) fn an_old_two_octet_speaker_takes_as_trans_for_the_edges_four_octet_as(lab: &Lab) {
    const ASN: u32 = 4_200_000_010;
    let announced = "[[originate]]\nprefix = \"0.0.0.0/0\"\nprepend = 1\n";
    let neighbor = announcing(&["198.51.100.0/24"]);
    let daemon = lab.daemon(Neighbor { remote_as: ASN, two_octet_as: true, ..neighbor });
    let edge = lab.edge(&Edge { asn: ASN, announced, ..EDGE });

    let path = &daemon.wait_for_prefixes(1)["0.0.0.0/0"].as_path;
    assert!([vec![u64::from(ASN); 2], vec![23456; 2]].contains(path), "{path:?}");
    // A daemon to which we are AS_TRANS does not see that it sends our default route back to us.
    let route = "198.51.100.0/24".to_owned();
    wait_until("the route is learned", PATIENCE, || edge.learned().1.contains(&route));
    let filter = format!("ip.src == {LEFT} && bgp.update.path_attribute.type_code == 17");
    let segment = "bgp.update.path_attribute.as_path_segment";
    let fields = [format!("{segment}.as2"), format!("{segment}.as4")];
    let paths = lab.recording().fields(&filter, &fields.each_ref().map(String::as_str));
    assert_eq!(paths, [["23456,23456", "4200000010,4200000010"]]);
}

pub(crate) fn a_thousand_routes_are_announced(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(&Edge { announced: &many(1000), ..EDGE });
    let held = daemon.wait_for_prefixes(1000);
    for prefix in ["10.0.0.0/24", "10.3.231.0/24"] {
        assert_eq!(held[prefix].as_path, [65010], "{prefix}");
    }
    lab.recording();
}

/// RFC 8654: two thousand prefixes of four octets each do not fit into a message of 4,096.
pub(crate) fn an_extended_message_is_understood(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { extended_messages: true, ..Neighbor::PLAIN });
    let _edge = lab.edge(&Edge { announced: &many(2000), ..EDGE });
    daemon.wait_for_prefixes(2000);
    // Debian's tshark 4.0 takes every message of that length for an invalid one.
    assert!(lab.capture.so_far().count(&format!("ip.src == {LEFT} && bgp.length > 4096")) > 0);
}

/// 10.0.0.0/24, 10.0.1.0/24, and so on, all with the same attributes.
fn many(count: u32) -> String {
    let prefixes: Vec<String> = (0..count).map(|i| format!("\"10.{}.{}.0/24\"", i / 256, i % 256)).collect();
    format!("[[originate]]\nname = \"many\"\nprefixes = [{}]\n", prefixes.join(", "))
}

/// RFC 8326: what is to go away soon says so.
pub(crate) fn graceful_shutdown_arrives(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(&Edge { keys: "communities = [\"graceful-shutdown\"]", ..EDGE });
    assert_eq!(daemon.wait_for_prefixes(1)["0.0.0.0/0"].communities, ["65535:0"]);
    lab.recording();
}

/// RFC 2918, and RFC 7313 where the daemon speaks it: then the answer has a beginning and an end.
pub(crate) fn a_daemon_that_asks_again_is_told_again(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    daemon.wait_until_established();

    daemon.ask_again();
    lab.capture.wait_for(&format!("ip.src == {RIGHT} && bgp.type == 5"));
    let told = format!("ip.src == {LEFT} && bgp.nlri_prefix == 0.0.0.0");
    lab.capture.wait_for_times(2, &told);
    let enhanced = lab.capture.so_far().count(&format!("ip.src == {RIGHT} && bgp.cap.type == 70")) > 0;
    if enhanced {
        lab.capture.wait_for(&format!("ip.src == {LEFT} && bgp.route_refresh.subtype == 2"));
    }
    has_the_default(&daemon);
    let ours = format!("ip.src == {LEFT} && bgp.type == 5");
    let around = lab.recording().fields(&ours, &["bgp.route_refresh.subtype"]);
    assert_eq!(around.concat().join(","), if enhanced { "1,2" } else { "" });
    assert_eq!(edge.downs(), [""; 0]);
}

/// A "soft out", which RFC 7313 puts between BoRR and EoRR: nothing is lost by it.
pub(crate) fn a_daemon_may_tell_all_again(lab: &Lab) {
    let daemon = lab.daemon(announcing(&["198.51.100.0/24", "203.0.113.0/24"]));
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    wait_until("both routes are learned", PATIENCE, || edge.learned().0 == 2);

    daemon.say_again();
    let told = format!("ip.src == {RIGHT} && bgp.nlri_prefix == 198.51.100.0");
    lab.capture.wait_for_times(2, &told);
    // Read behind all that, the withdrawal tells that the other one is still there.
    daemon.withdraw("203.0.113.0/24");
    wait_until("one is left", PATIENCE, || edge.learned().1 == ["198.51.100.0/24"]);
    assert!(!edge.totals().contains(&0), "{:?}", edge.totals());
    assert_eq!(edge.downs(), [""; 0]);
    lab.recording();
}
