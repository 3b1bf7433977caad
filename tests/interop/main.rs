//! quadzero and five daemons: one list of behaviours, asked of all of them.
//!
//! ```text
//!                      gobgp   frr   bird   openbgpd   exabgp
//!   the_session_..       x      x      x       x          x       a cell is a test: frr::the_session_..
//!   a_withdrawal_..      x      x      x       x          x
//! ```
//!
//! The edge is on the left of the wire, the daemon on the right. tshark reads all that passes between them, and
//! must not complain of a single message. What a daemon cannot do is said by its [`Adapter`], with the reason,
//! and printed: `frr cannot: ...`. The README shows this list, and what became of every cell: see `matrix.rs`.

mod endings;
mod lab;
mod matrix;
mod restarts;
mod routes;
mod sessions;

use std::io::Write;

use lab::Lab;
use quadzero_tests::{Adapter, BIRD, EXABGP, FRR, GOBGP, OPENBGPD};

/// Makes a test of every cell, the list of daemons, and that of behaviours with their words in the README.
macro_rules! suite {
    ($($daemon:ident: $adapter:ident),*; $behaviours:tt) => {
        const DAEMONS: &[&dyn Adapter] = &[$($adapter),*];
        list!($behaviours);
        $(cells!($daemon: $adapter, $behaviours);)*
    };
}

macro_rules! list {
    ({ $($file:ident::$behaviour:ident: $words:literal)* }) => {
        const BEHAVIOURS: &[(&str, &str)] = &[$((stringify!($behaviour), $words)),*];
    };
}

macro_rules! cells {
    ($daemon:ident: $adapter:ident, { $($file:ident::$behaviour:ident: $words:literal)* }) => {
        mod $daemon {
            $(#[test]
            fn $behaviour() {
                super::cell(super::$adapter, stringify!($behaviour), super::$file::$behaviour);
            })*
        }
    };
}

suite! {
    gobgp: GOBGP, frr: FRR, bird: BIRD, openbgpd: OPENBGPD, exabgp: EXABGP;
    {
        sessions::the_session_stands_when_only_the_edge_dials: "session that quadzero dials"
        sessions::the_session_stands_when_only_the_daemon_dials: "session that the daemon dials"
        sessions::a_daemon_that_dials_from_a_range_is_a_neighbor: "dynamic neighbor: the daemon dials from a range, with TCP MD5"
        sessions::one_session_stands_when_both_dial: "both dial: one session remains"
        sessions::a_daemon_of_another_as_is_refused: "a wrong AS is refused by quadzero"
        sessions::a_daemon_that_expects_another_as_refuses_and_is_heard: "a wrong AS is refused by the daemon, and logged"
        sessions::a_session_with_a_key_that_the_edge_dials_is_signed: "TCP MD5, quadzero dials (RFC 2385)"
        sessions::a_session_with_a_key_that_the_daemon_dials_is_signed: "TCP MD5, the daemon dials"
        sessions::a_daemon_with_another_key_is_not_heard: "TCP MD5 with another key: no session"
        sessions::ttl_security_lets_an_edge_on_the_link_dial: "TTL security, quadzero dials (RFC 5082)"
        sessions::ttl_security_lets_a_daemon_on_the_link_dial: "TTL security, the daemon dials"
        sessions::roles_that_fit_are_agreed_on: "roles agreed on, Only to Customer sent (RFC 9234)"
        sessions::roles_that_do_not_fit_are_no_session: "roles that do not fit are refused"
        routes::the_daemon_holds_the_default_route_and_the_exceptions_exactly_as_configured: "0.0.0.0/0 and exceptions, every attribute exact"
        routes::ipv6_routes_pass_both_ways_over_ipv6: "::/0 and IPv6 routes, both ways"
        routes::both_families_pass_over_one_session: "0.0.0.0/0 and ::/0 over one session"
        routes::an_edge_without_four_octet_as_is_understood: "quadzero without four-octet AS (RFC 6793)"
        routes::an_old_two_octet_speaker_takes_as_trans_for_the_edges_four_octet_as: "the daemon without it: AS_TRANS and AS4_PATH"
        routes::a_thousand_routes_are_announced: "1,000 routes announced"
        routes::an_extended_message_is_understood: "... in one message of more than 4,096 octets (RFC 8654)"
        routes::a_thousand_routes_are_learned: "1,000 routes learned"
        routes::a_withdrawn_route_is_forgotten: "a withdrawal"
        routes::a_daemon_that_asks_again_is_told_again: "route refresh: the daemon asks, quadzero answers (RFC 2918, 7313)"
        routes::a_daemon_may_tell_all_again: "the daemon says all its routes again"
        routes::graceful_shutdown_arrives: "GRACEFUL_SHUTDOWN arrives (RFC 8326)"
        endings::a_daemon_beyond_max_prefixes_sees_a_cease_until_it_announces_less: "prefix limit of quadzero: Cease, and back when there are fewer"
        endings::a_daemon_beyond_max_prefixes_may_be_borne: "prefix limit of quadzero that only blocks"
        endings::the_daemons_limit_of_prefixes_is_heard: "prefix limit of the daemon: logged, with the wait"
        endings::on_sigterm_the_daemon_sees_a_withdrawal_and_then_a_cease_with_its_text: "quadzero stops: withdrawal, Cease and its text (RFC 9003)"
        endings::the_daemons_cease_and_its_text_are_logged: "the daemon's Cease and its text are logged"
        endings::a_session_that_the_daemon_resets_comes_back: "the daemon resets the session"
        endings::a_frozen_daemon_is_given_up_when_the_hold_time_expires: "the daemon is frozen: Hold Timer Expired"
        endings::a_frozen_quadzero_is_given_up_and_comes_back: "quadzero is frozen: Hold Timer Expired"
        restarts::the_session_comes_back_after_the_daemon_was_killed: "kill -9 of the daemon"
        restarts::the_session_comes_back_after_quadzero_was_killed: "kill -9 of quadzero"
        restarts::a_daemon_loses_no_route_while_quadzero_restarts: "graceful restart of quadzero (RFC 4724): the daemon loses no route"
        restarts::quadzero_loses_no_route_while_the_daemon_restarts: "graceful restart of the daemon: quadzero loses no route"
    }
}

/// Runs a test, unless the daemon cannot; this is said past the capture of the test's output.
fn cell(adapter: &'static dyn Adapter, behaviour: &str, test: fn(&Lab)) {
    matrix::forget(adapter, behaviour);
    if let Some((_, why)) = adapter.cannot().iter().find(|(cannot, _)| *cannot == behaviour) {
        let line = format!("{} cannot: {behaviour}: {why}\n", adapter.name());
        std::io::stderr().write_all(line.as_bytes()).expect("a reason is heard");
    } else {
        test(&Lab::new(adapter));
    }
    matrix::record(adapter, behaviour);
}

#[test]
fn what_a_daemon_cannot_is_of_this_list_and_has_a_reason() {
    for (cannot, why) in DAEMONS.iter().flat_map(|daemon| daemon.cannot()) {
        assert!(BEHAVIOURS.iter().any(|(behaviour, _)| behaviour == cannot), "{cannot} is no behaviour");
        assert!(!why.is_empty(), "{cannot} needs a reason");
    }
}
