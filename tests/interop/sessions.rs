//! How a session comes to stand, or not.

use quadzero_tests::{Daemon, LEFT, Neighbor, PATIENCE, Quadzero, RIGHT, wait_until};

use crate::lab::{EDGE, Edge, Lab, has_the_default, words};

pub(crate) fn the_session_stands_when_only_the_edge_dials(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(&Edge { mode: "active", ..EDGE });
    has_the_default(&daemon);
    daemon.wait_until_established();
    assert_eq!((lab.wire.left.dialed(), lab.wire.right.dialed()), (1, 0));
    lab.recording();
}

pub(crate) fn the_session_stands_when_only_the_daemon_dials(lab: &Lab) {
    let _edge = lab.edge(&Edge { mode: "passive", ..EDGE });
    let daemon = lab.daemon(Neighbor { passive: false, ..Neighbor::PLAIN });
    has_the_default(&daemon);
    daemon.wait_until_established();
    assert_eq!((lab.wire.left.dialed(), lab.wire.right.dialed()), (0, 1));
    lab.recording();
}

/// The edge knows no address, but a range and the key of all that is in it.
pub(crate) fn a_daemon_that_dials_from_a_range_is_a_neighbor(lab: &Lab) {
    let edge = Edge { mode: "passive", keys: "password = \"quad-zero\"", ..EDGE };
    let edge = lab.edge_at(LEFT, "192.0.2.0/24", &edge);
    let routes = words(&["198.51.100.0/24"]);
    let daemon = lab.daemon(Neighbor { password: "quad-zero", passive: false, routes, ..Neighbor::PLAIN });
    has_the_default(&daemon);
    wait_until("the route is learned", PATIENCE, || edge.learned().0 == 1);
    assert!(edge.has_said("new dynamic neighbor"));
    assert_eq!(lab.recording().count("bgp && !tcp.options.md5"), 0);
}

pub(crate) fn one_session_stands_when_both_dial(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { passive: false, ..Neighbor::PLAIN });
    let _edge = lab.edge(&EDGE);
    has_the_default(&daemon);
    daemon.wait_until_established();
    wait_until("one connection is left", PATIENCE, || lab.wire.left.connections("established") == 1);
    lab.recording();
}

pub(crate) fn a_session_with_a_key_that_the_edge_dials_is_signed(lab: &Lab) {
    signed(lab, "active", true);
}

pub(crate) fn a_session_with_a_key_that_the_daemon_dials_is_signed(lab: &Lab) {
    signed(lab, "passive", false);
}

/// The kernel signs and checks every segment, so that a session stands only if both hold the same key.
fn signed(lab: &Lab, mode: &'static str, passive: bool) {
    let _edge = lab.edge(&Edge { mode, keys: "password = \"quad-zero\"", ..EDGE });
    let daemon = lab.daemon(Neighbor { password: "quad-zero", passive, ..Neighbor::PLAIN });
    has_the_default(&daemon);
    assert_eq!(lab.recording().count("bgp && !tcp.options.md5"), 0);
}

/// What is signed by another key does not get past the kernel, nor does the daemon past its SYN.
pub(crate) fn a_daemon_with_another_key_is_not_heard(lab: &Lab) {
    let edge = lab.edge(&Edge { mode: "passive", keys: "password = \"quad-zero\"", ..EDGE });
    let daemon = lab.daemon(Neighbor { password: "another", passive: false, ..Neighbor::PLAIN });
    wait_until("a wrong key is counted", PATIENCE, || lab.wire.left.counter("TCPMD5Failure") > 0);
    assert_eq!(
        (edge.ups(), daemon.is_established(), lab.wire.left.connections("established")),
        (0, false, 0)
    );
}

/// RFC 5082: all that either side says comes with TTL 255.
pub(crate) fn ttl_security_lets_an_edge_on_the_link_dial(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { ttl_security: true, ..Neighbor::PLAIN });
    let _edge = lab.edge(&Edge { mode: "active", keys: "ttl-security = 1", ..EDGE });
    has_the_default(&daemon);
    assert_eq!(lab.recording().count("bgp && ip.ttl != 255"), 0);
}

pub(crate) fn ttl_security_lets_a_daemon_on_the_link_dial(lab: &Lab) {
    let _edge = lab.edge(&Edge { mode: "passive", keys: "ttl-security = 1", ..EDGE });
    let daemon = lab.daemon(Neighbor { ttl_security: true, passive: false, ..Neighbor::PLAIN });
    has_the_default(&daemon);
    assert_eq!(lab.recording().count("bgp && ip.ttl != 255"), 0);
}

/// RFC 9234: a provider marks what it tells a customer.
pub(crate) fn roles_that_fit_are_agreed_on(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { role: "customer", ..Neighbor::PLAIN });
    let _edge = lab.edge(&Edge { keys: "role = \"provider\"", ..EDGE });
    has_the_default(&daemon);
    let recording = lab.recording();
    for address in [LEFT, RIGHT] {
        assert!(recording.count(&format!("ip.src == {address} && bgp.cap.type == 9")) > 0, "{address}");
    }
    assert!(recording.count(&format!("ip.src == {LEFT} && bgp.update.path_attribute.type_code == 35")) > 0);
}

pub(crate) fn roles_that_do_not_fit_are_no_session(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { role: "customer", ..Neighbor::PLAIN });
    let edge = lab.edge(&Edge { keys: "role = \"customer\"", ..EDGE });
    refused(&daemon, &edge, "Role Mismatch (2/11)");
}

pub(crate) fn a_daemon_of_another_as_is_refused(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { local_as: 65021, ..Neighbor::PLAIN });
    let edge = lab.edge(&EDGE);
    refused(&daemon, &edge, "sent: OPEN Message Error: Bad Peer AS (2/2)");
}

pub(crate) fn a_daemon_that_expects_another_as_refuses_and_is_heard(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { remote_as: 65011, ..Neighbor::PLAIN });
    let edge = lab.edge(&EDGE);
    refused(&daemon, &edge, "received: OPEN Message Error: Bad Peer AS (2/2)");
}

/// Whoever reads the other's OPEN first refuses it. The data of a refusal is the refuser's own: ExaBGP puts a text
/// there, which tshark reads as a number, and complains.
fn refused(daemon: &Daemon<'_>, edge: &Quadzero, why: &str) {
    wait_until(&format!("it is refused: {why}"), PATIENCE, || {
        edge.failures().iter().any(|r| r.contains(why))
    });
    assert_eq!((edge.ups(), daemon.is_established()), (0, false));
}
