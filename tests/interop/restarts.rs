//! Somebody is killed, and comes back.

use quadzero_tests::{Neighbor, PATIENCE, wait_until};

use crate::lab::{EDGE, Edge, Lab, announcing, has_the_default, words};

pub(crate) fn the_session_comes_back_after_the_daemon_was_killed(lab: &Lab) {
    let mut daemon = lab.daemon(announcing(&["198.51.100.0/24"]));
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);

    daemon.kill_and_restart();
    wait_until("there is a second session", PATIENCE, || edge.ups() == 2);
    has_the_default(&daemon);
    wait_until("the route is learned again", PATIENCE, || edge.learned().0 == 1);
    assert_eq!(edge.downs().len(), 1, "{:?}", edge.downs());
    lab.recording();
}

pub(crate) fn the_session_comes_back_after_quadzero_was_killed(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let mut edge = lab.edge(&EDGE);
    has_the_default(&daemon);

    edge.kill();
    daemon.wait_for_prefixes(0);
    let _edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    lab.recording();
}

/// RFC 4724: killed, and started again within the restart time.
pub(crate) fn a_daemon_loses_no_route_while_quadzero_restarts(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { graceful_restart: true, ..Neighbor::PLAIN });
    let graceful = Edge { keys: "graceful-restart = \"2m\"", ..EDGE };
    let mut edge = lab.edge(&graceful);
    has_the_default(&daemon);
    daemon.wait_until_established();

    let has_it = || assert!(daemon.heard().contains_key("0.0.0.0/0"), "the route is never gone");
    edge.kill();
    wait_until("the daemon notices", PATIENCE, || {
        has_it();
        !daemon.is_established()
    });
    let _edge = lab.edge(&graceful);
    wait_until("the session is back", PATIENCE, || {
        has_it();
        daemon.is_established()
    });
    has_it();
    lab.recording();
}

/// RFC 4724 §4.2. What the daemon has no more after its restart is forgotten with its End-of-RIB, and not before.
pub(crate) fn quadzero_loses_no_route_while_the_daemon_restarts(lab: &Lab) {
    let neighbor = announcing(&["198.51.100.0/24", "203.0.113.0/24"]);
    let mut daemon = lab.daemon(Neighbor { graceful_restart: true, ..neighbor });
    let edge = lab.edge(&Edge { keys: "graceful-restart = \"2m\"", ..EDGE });
    has_the_default(&daemon);
    wait_until("both routes are learned", PATIENCE, || edge.learned().0 == 2);

    // Nobody reaches it before it has its routes again: some are told them only when they run.
    lab.wire.left.ip(&["route", "add", "blackhole", "192.0.2.2/32"]);
    daemon.kill();
    wait_until("the session ends", PATIENCE, || edge.downs().len() == 1);
    daemon.restart_gracefully(words(&["198.51.100.0/24"]));
    assert_eq!(edge.learned().0, 2);
    lab.wire.left.ip(&["route", "del", "blackhole", "192.0.2.2/32"]);

    wait_until("one route is left", PATIENCE, || edge.learned().1 == ["198.51.100.0/24"]);
    assert_eq!((edge.ups(), edge.downs().len()), (2, 1));
    assert!(!edge.totals().contains(&0), "{:?}", edge.totals());
    has_the_default(&daemon);
    lab.recording();
}
