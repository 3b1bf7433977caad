//! BFD at a circuit, as Microsoft's routers have it: 300 ms, three times. The hold time is 180 s, and no wait here is as long.

use crate::azure::Azure;
use crate::edge::{Edge, Running};
use crate::site::{EXPRESSROUTE, Site};
use crate::{INTERNET, bird, frr};
use quadzero_tests::{PATIENCE, Quadzero, wait_until};

/// Why the mock ended a session.
const BFD_DOWN: &str = "NOTIFICATION sent: Cease: BFD Down (6/10)";

#[test]
fn a_frozen_frr_is_given_up_and_comes_back() {
    a_frozen_daemon_is_given_up_and_comes_back(&frr::EDGE);
}

#[test]
fn a_frozen_bird_is_given_up_and_comes_back() {
    a_frozen_daemon_is_given_up_and_comes_back(&bird::EDGE);
}

fn a_frozen_daemon_is_given_up_and_comes_back(edge: &dyn Edge) {
    let site = Site::new(&EXPRESSROUTE);
    let azure = Azure::start(&site);
    let running = Running::start(edge, &site);
    azure.wait_for_default(&[0, 1]);
    wait_until_watched(&azure);

    let before = given_up(&azure);
    running.signal("STOP");
    azure.wait_for_default(&[]);
    assert_eq!(given_up(&azure), before + 2, "{:?}", azure.mock().downs());
    assert_eq!(azure.goes("workload", INTERNET), crate::azure::INTERNET);
    running.signal("CONT");
    azure.wait_for_default(&[0, 1]);
    assert_eq!(azure.goes("workload", INTERNET), azure.on_premises(&[0]));
}

/// Both sides have it, and both say so.
#[test]
fn a_link_of_our_own_edge_is_given_up_by_both_sides_and_the_other_one_is_used() {
    let site = Site::new(&EXPRESSROUTE);
    let azure = Azure::start(&site);
    let edge = our_edge(&site);
    azure.wait_for_default(&[0, 1]);
    wait_until_watched(&azure);

    let before = given_up(&azure);
    site.cut(0);
    azure.wait_for_default(&[1]);
    assert_eq!(given_up(&azure), before + 1, "{:?}", azure.mock().downs());
    wait_until("the edge gives the link up", PATIENCE, || edge.downs().iter().any(|down| down == BFD_DOWN));
    assert_eq!(azure.goes("workload", INTERNET), azure.on_premises(&[1]));
    assert!(!azure.activates("workload") && azure.activates("workload-kms"));
    site.mend(0);
    azure.wait_for_default(&[0, 1]);
    assert_eq!(azure.goes("workload", INTERNET), azure.on_premises(&[0]));
}

#[test]
fn our_own_edge_frozen_is_given_up_on_both_links_and_comes_back() {
    let site = Site::new(&EXPRESSROUTE);
    let azure = Azure::start(&site);
    let edge = our_edge(&site);
    azure.wait_for_default(&[0, 1]);
    wait_until_watched(&azure);

    let before = given_up(&azure);
    edge.signal("STOP");
    azure.wait_for_default(&[]);
    assert_eq!(given_up(&azure), before + 2, "{:?}", azure.mock().downs());
    edge.signal("CONT");
    azure.wait_for_default(&[0, 1]);
}

/// RFC 5880 §6.8.16: a mock that stops says AdminDown, and to nobody is that a failure of the path.
#[test]
fn a_mock_that_stops_has_not_failed() {
    let site = Site::new(&EXPRESSROUTE);
    let mut azure = Azure::start(&site);
    let edge = our_edge(&site);
    azure.wait_for_default(&[0, 1]);
    wait_until_watched(&azure);
    assert_eq!(azure.mock_mut().terminate().code(), Some(0));
    let last_two = |edge: &Quadzero| edge.downs().into_iter().rev().take(2).collect::<Vec<_>>();
    wait_until("the edge is told on both links", PATIENCE, || {
        last_two(&edge).iter().filter(|down| down.contains("Administrative Shutdown")).count() == 2
    });
    wait_until("its BFD is down, and not for a failure of the path", PATIENCE, || {
        let states = edge.bfd().into_iter().rev().take(2);
        states.eq([(); 2].map(|()| ("Down".to_owned(), "Neighbor Signaled Session Down".to_owned())))
    });
    assert!(last_two(&edge).iter().all(|down| down != BFD_DOWN), "{:?}", edge.downs());
}

/// Until BFD is up on both links there is nothing that could fail.
pub(crate) fn wait_until_watched(azure: &Azure<'_>) {
    wait_until("BFD is up on both links", PATIENCE, || {
        azure.mock().bfd().iter().filter(|(state, _)| state == "Up").count() >= 2
    });
}

fn given_up(azure: &Azure<'_>) -> usize {
    azure.mock().downs().iter().filter(|reason| *reason == BFD_DOWN).count()
}

/// quadzero at the same circuit: `config/expressroute-pair.toml` with these addresses and a key.
fn our_edge(site: &Site) -> Quadzero {
    site.edge.write("expressroute.key", "ChangeThisSharedKey\n");
    Quadzero::run(
        &site.edge,
        r#"
        [bgp]
        asn = 65010
        router-id = "192.168.15.17"

        [[originate]]
        prefix = "0.0.0.0/0"

        [[originate]]
        prefix = "10.50.0.0/15"

        [neighbor-defaults]
        remote-as = 12076
        import = "all"
        max-prefixes = 1000
        bfd = true
        azure = { kind = "expressroute", address-space = ["10.1.0.0/16"] }
        password-file = "expressroute.key"

        [[neighbor]]
        name = "primary"
        address = "192.168.15.18"
        local-address = "192.168.15.17"

        [[neighbor]]
        name = "secondary"
        address = "192.168.15.22"
        local-address = "192.168.15.21"
        prepend = 2
        "#,
    )
}
