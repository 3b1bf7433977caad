//! How a session ends, and what each side says to that.

use quadzero_tests::{LEFT, Neighbor, PATIENCE, RIGHT, wait_until};

use crate::lab::{EDGE, Edge, Lab, announcing, has_the_default};

pub(crate) fn on_sigterm_the_daemon_sees_a_withdrawal_and_then_a_cease_with_its_text(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let mut edge = lab.edge(&EDGE);
    has_the_default(&daemon);

    assert_eq!(edge.terminate().code(), Some(0));
    daemon.wait_until_heard("quadzero is shutting down");
    daemon.wait_for_prefixes(0);

    // Which one was first, the wire tells; a daemon may read and handle messages side by side.
    lab.capture.wait_for("bgp.notify.communication");
    let filter = format!("ip.src == {LEFT} && (bgp.update.withdrawn_routes.length > 0 || bgp.type == 3)");
    let packets = lab.recording().fields(&filter, &["bgp.type"]).concat().join(",");
    let types: Vec<&str> = packets.split(',').filter(|&keepalive| keepalive != "4").collect();
    // End-of-RIB is an UPDATE as well, and may share a packet with the withdrawal.
    let (last, before) = types.split_last().expect("something was said");
    assert_eq!(*last, "3", "the NOTIFICATION, and nothing behind it");
    assert!(!before.is_empty() && before.iter().all(|kind| *kind == "2"), "UPDATEs before it: {types:?}");
}

pub(crate) fn the_daemons_cease_and_its_text_are_logged(lab: &Lab) {
    let daemon = lab.daemon(announcing(&["198.51.100.0/24"]));
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);

    let text = daemon.shut_down("maintenance until noon");
    let reason = format!("NOTIFICATION received: Cease: Administrative Shutdown (6/2) {text:?}");
    wait_until("the reason is logged", PATIENCE, || edge.downs().first() == Some(&reason));
    wait_until("the route is forgotten", PATIENCE, || edge.learned().0 == 0);
    lab.recording();
}

/// A frozen daemon's kernel still accepts and acknowledges, so that only the timer tells.
pub(crate) fn a_frozen_daemon_is_given_up_when_the_hold_time_expires(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { hold_time: 3, ..announcing(&["198.51.100.0/24"]) });
    let edge = lab.edge(&Edge { hold_time: 3, ..EDGE });
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);
    has_the_default(&daemon);

    daemon.signal("STOP");
    let reason = "NOTIFICATION sent: Hold Timer Expired (4/0)";
    wait_until("the session is given up", PATIENCE, || edge.downs().first().is_some_and(|r| r == reason));
    wait_until("the route is forgotten", PATIENCE, || edge.learned().0 == 0);
    daemon.signal("CONT");
    wait_until("it is learned again", PATIENCE, || edge.learned().0 == 1);
    has_the_default(&daemon);
    assert!(lab.recording().count("bgp.notify.major_error == 4") > 0);
}

/// The reset that an operator asks for; the session is back without a wait that grows.
pub(crate) fn a_session_that_the_daemon_resets_comes_back(lab: &Lab) {
    let daemon = lab.daemon(announcing(&["198.51.100.0/24"]));
    let edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);

    daemon.reset();
    wait_until("there is a second session", PATIENCE, || edge.ups() == 2);
    wait_until("the route is learned again", PATIENCE, || edge.learned().0 == 1);
    has_the_default(&daemon);
    // ExaBGP adds a text.
    let reason = "NOTIFICATION received: Cease: Administrative Reset (6/4)";
    assert!(edge.downs().len() == 1 && edge.downs()[0].starts_with(reason), "{:?}", edge.downs());
    lab.recording();
}

/// Two routes are borne, and it announces three.
pub(crate) fn a_daemon_beyond_max_prefixes_sees_a_cease_until_it_announces_less(lab: &Lab) {
    let daemon = lab.daemon(announcing(&["198.51.100.0/24", "203.0.113.0/24", "203.0.113.128/25"]));
    let keys = "max-prefixes = 2\nmax-prefixes-restart-after = \"2s\"";
    let edge = lab.edge(&Edge { keys, ..EDGE });
    let reason = "NOTIFICATION sent: Cease: Maximum Number of Prefixes Reached (6/1)";
    wait_until("it is too much", PATIENCE, || edge.downs().first().is_some_and(|r| r == reason));

    // A daemon may rest for a minute before it tries again, unless it is told to.
    daemon.withdraw("203.0.113.128/25");
    daemon.reset();
    wait_until("it is no longer too much", PATIENCE, || edge.learned().0 == 2);
    has_the_default(&daemon);
    assert!(lab.recording().count(&format!("ip.src == {LEFT} && bgp.notify.minor_error_cease == 1")) > 0);
}

/// Two of the three are taken, and the session goes on.
pub(crate) fn a_daemon_beyond_max_prefixes_may_be_borne(lab: &Lab) {
    let daemon = lab.daemon(announcing(&["198.51.100.0/24", "203.0.113.0/24", "203.0.113.128/25"]));
    let keys = "max-prefixes = 2\nmax-prefixes-action = \"block\"";
    let edge = lab.edge(&Edge { keys, ..EDGE });
    has_the_default(&daemon);
    wait_until("two are taken", PATIENCE, || edge.learned().0 == 2);
    lab.capture.wait_for_times(3, &format!("ip.src == {RIGHT} && bgp.type == 4"));
    assert_eq!((edge.learned().0, edge.downs()), (2, vec![]));
    lab.recording();
}

/// It bears one route, and is told three.
pub(crate) fn the_daemons_limit_of_prefixes_is_heard(lab: &Lab) {
    let announced =
        "[[originate]]\nname = \"three\"\nprefixes = [\"0.0.0.0/0\", \"10.0.0.0/8\", \"10.1.0.0/16\"]\n";
    let _daemon = lab.daemon(Neighbor { max_prefixes: 1, ..Neighbor::PLAIN });
    let edge = lab.edge(&Edge { announced, ..EDGE });
    let reason = "NOTIFICATION received: Cease: Maximum Number of Prefixes Reached (6/1)";
    let is_told = || edge.downs().first().is_some_and(|r| r.starts_with(reason));
    wait_until("the reason is logged", PATIENCE, is_told);
    assert!(edge.waits()[0] > 0.0, "and when it will be tried again");
    lab.recording();
}

/// A frozen edge's kernel still accepts and acknowledges.
pub(crate) fn a_frozen_quadzero_is_given_up_and_comes_back(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { hold_time: 3, ..Neighbor::PLAIN });
    let edge = lab.edge(&Edge { hold_time: 3, ..EDGE });
    has_the_default(&daemon);

    edge.signal("STOP");
    lab.capture.wait_for(&format!("ip.src == {RIGHT} && bgp.notify.major_error == 4"));
    daemon.wait_for_prefixes(0);
    edge.signal("CONT");
    has_the_default(&daemon);
    lab.recording();
}
