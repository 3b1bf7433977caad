//! Need 11: failures in words that help. Each test brings one about and reads the text; where there is a way out it is taken, and the
//! session comes up.

use std::process::{Command, Output};

use quadzero_tests::{LEFT, Namespace, PATIENCE, Quadzero, RIGHT, Wire, binary, wait_until};

use super::{EDGE, File, OTHER, launched, unprivileged, wait_for_line, wait_until_up};

/// An edge that does not start: what it says.
fn refusal(mut command: Command, namespace: &Namespace, file: &File<'_>) -> String {
    let config = namespace.write("run.toml", &file.text());
    command
        .arg("run")
        .arg("-c")
        .arg(config)
        .env("RUNTIME_DIRECTORY", namespace.folder())
        .env_remove("RUST_LOG");
    let Output { status, stderr, .. } = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{text}");
    text
}

fn has_words(text: &str, words: &[&str]) {
    // A long line of help may go over several.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.iter().for_each(|word| assert!(text.contains(word), "{word:?} is not in {text}"));
}

const UNKNOWN: &str = "this kernel knows no TCP MD5 (RFC 2385): one with CONFIG_TCP_MD5SIG does";

#[test]
fn a_kernel_without_tcp_md5_is_named_at_the_start() {
    let wire = Wire::new();
    let file = File { keys: "password = \"key\"", ..EDGE };
    let text = refusal(launched(&wire.left, &["--without", "tcp-md5"]), &wire.left, &file);
    has_words(&text, &["cannot use an MD5 key with 192.0.2.2:179: Protocol not available", UNKNOWN]);
}

#[test]
fn a_kernel_without_tcp_md5_is_named_by_every_dial() {
    let wire = Wire::new();
    let file = File { listen: "", keys: "password = \"key\"", ..EDGE };
    let edge = Quadzero::run_by(launched(&wire.left, &["--without", "tcp-md5"]), &wire.left, &file.text());
    wait_for_line(&edge, &["dial failed", "Protocol not available", UNKNOWN]);
}

/// The far end is behind a router, and our packets end there.
#[test]
fn a_ttl_that_ends_on_the_way_is_told_with_multihop_and_multihop_mends_it() {
    const FAR: &str = "198.51.100.2";
    let (here, router) = Namespace::pair(&["near"]);
    let (far, _alone) = Namespace::pair(&[]);
    router.join_by("far", "198.51.100.9/24", &far, "198.51.100.2/24");
    here.ip(&["addr", "add", "192.0.2.1/24", "dev", "near"]);
    here.ip(&["route", "add", "default", "via", "192.0.2.9"]);
    router.ip(&["addr", "add", "192.0.2.9/24", "dev", "near"]);
    router.sysctl("ipv4/ip_forward", "1");
    far.ip(&["route", "add", "default", "via", "198.51.100.9"]);
    let one_hop = File { peer: (FAR, 65020), keys: "mode = \"active\"\nmultihop = 1", ..EDGE };
    let edge = Quadzero::run(&here, &one_hop.text());
    wait_for_line(
        &edge,
        &["dial failed", "A TTL that ends on the way is told like this, too: multihop (we send with 1)"],
    );

    let there =
        File { own: (FAR, 65020), listen: "\"198.51.100.2:179\"", keys: "mode = \"passive\"", ..OTHER };
    let _far = Quadzero::run(&far, &there.text());
    here.write("run.toml", &File { keys: "mode = \"active\"\nmultihop = 2", ..one_hop }.text());
    Quadzero::tell(&here, &["reload"]).expect("the file is sound");
    wait_until_up(&here);
}

/// The other side does not send with 255: GTSM (RFC 5082).
#[test]
fn a_neighbor_without_ttl_security_is_told_to_need_it() {
    let wire = Wire::new();
    let edge =
        Quadzero::run(&wire.left, &File { keys: "mode = \"passive\"\nttl-security = 1", ..EDGE }.text());
    let _other = Quadzero::run(&wire.right, &OTHER.text());
    wait_for_line(
        &edge,
        &[
            "connection refused",
            "it came with TTL 64",
            "ttl-security asks for 255 at least",
            "it has to send with 255",
        ],
    );
}

#[test]
fn a_port_in_use_says_by_whom() {
    let wire = Wire::new();
    let here = &wire.left;
    let first = Quadzero::run(here, &EDGE.text());
    wait_until("the first one listens", PATIENCE, || first.has_said("started"));
    let text = refusal(here.command("quadzero", binary()), here, &EDGE);
    let whose = format!("quadzero (process {}) has 192.0.2.1:179: stop it", first.process().id());
    has_words(&text, &["cannot listen on 192.0.2.1:179: Address already in use", &whose]);
    // What takes every address is in the way as well; and who may not look at the process is told whose it is.
    let everywhere = File { listen: "\"0.0.0.0:179\"", ..EDGE };
    let text = refusal(here.command("quadzero", binary()), here, &everywhere);
    has_words(&text, &["cannot listen on 0.0.0.0:179", &whose]);
    let high = File { listen: "\"192.0.2.1:1179\"", ..EDGE };
    let wire = Wire::new();
    let here = &wire.left;
    let first = Quadzero::run(here, &high.text());
    wait_until("the first one listens", PATIENCE, || first.has_said("started"));
    let text = refusal(unprivileged(here, &[]), here, &high);
    has_words(&text, &["a process of user 0 has 192.0.2.1:1179", "`ss -lntup` as root shows which"]);
}

#[test]
fn port_179_without_the_privilege_says_three_ways_to_have_it() {
    let wire = Wire::new();
    let text = refusal(unprivileged(&wire.left, &[]), &wire.left, &EDGE);
    let ways =
        ["CAP_NET_BIND_SERVICE (setcap", "config/systemd/quadzero.socket", "a higher port in [bgp] listen"];
    has_words(&text, &[&["cannot listen on 192.0.2.1:179: Permission denied"][..], &ways].concat());
}

/// The address of a tunnel comes after us. Both ways: what is to be listened on, and what is dialled from.
#[test]
fn an_address_that_is_not_there_yet_is_waited_for() {
    for mode in ["passive", "active"] {
        let wire = Wire::new();
        let here = &wire.left;
        here.ip(&["addr", "del", "192.0.2.1/24", "dev", "wire"]);
        let edge = Quadzero::run(here, &File { keys: &format!("mode = \"{mode}\""), ..EDGE }.text());
        wait_for_line(&edge, &["listens, but this machine does not have the address yet", "192.0.2.1:179"]);
        let _other = Quadzero::run(&wire.right, &OTHER.text());
        if mode == "active" {
            let hint = "it is tried again, and works as soon as the address is there";
            wait_for_line(&edge, &["dial failed: this machine does not have the local address", LEFT, hint]);
        }
        here.ip(&["addr", "add", "192.0.2.1/24", "dev", "wire"]);
        wait_until_up(here);
    }
}

#[test]
fn an_ipv6_address_that_is_not_there_yet_is_waited_for() {
    let wire = Wire::new();
    let here = &wire.left;
    let [left, right] = ["2001:db8::10", "2001:db8::2"];
    let own = File {
        own: (left, 65010),
        peer: (right, 65020),
        listen: "\"[2001:db8::10]:179\"",
        keys: "mode = \"passive\"",
        ..EDGE
    };
    let text = |file: File<'_>, id: &str| {
        file.text().replace(&format!("router-id = \"{}\"", file.own.0), &format!("router-id = \"{id}\""))
    };
    let edge = Quadzero::run(here, &text(own, LEFT));
    wait_for_line(&edge, &["listens, but this machine does not have the address yet", "[2001:db8::10]:179"]);
    let other = File { own: (right, 65020), peer: (left, 65010), listen: "\"[2001:db8::2]:179\"", ..OTHER };
    let _other = Quadzero::run(&wire.right, &text(other, RIGHT));
    here.ip(&["addr", "add", "2001:db8::10/64", "dev", "wire", "nodad"]);
    wait_until_up(here);
}

#[test]
fn a_refusal_of_the_neighbor_is_logged_in_its_words_and_with_what_to_do() {
    let wire = Wire::new();
    let (here, there) = (&wire.left, &wire.right);
    let _other = Quadzero::run(there, &File { peer: (LEFT, 65011), ..OTHER }.text());
    let edge = Quadzero::run(here, &EDGE.text());
    let hint = "it expects another AS of us than 65010: remote-as there, [bgp] asn here";
    wait_for_line(
        &edge,
        &["attempt failed", "NOTIFICATION received: OPEN Message Error: Bad Peer AS (2/2)", hint],
    );

    there.write("run.toml", &OTHER.text());
    Quadzero::tell(there, &["reload"]).expect("the file is sound");
    wait_until_up(here);
    Quadzero::tell(there, &["neighbor", "stop", "peer", "--text", "moved to rack 7"]).expect("there is one");
    let said = "NOTIFICATION received: Cease: Administrative Shutdown (6/2) \\\"moved to rack 7\\\"";
    wait_for_line(&edge, &["session down", said, "its operator has shut it down: ask there"]);
}

#[test]
fn a_dial_that_nobody_takes_says_what_to_look_at() {
    let wire = Wire::new();
    let edge = Quadzero::run(&wire.left, &EDGE.text());
    wait_for_line(
        &edge,
        &["dial failed", "Connection refused", "is BGP on at 192.0.2.2:179, does it know us as a neighbor"],
    );
    // And where nothing answers, nor refuses, it may be the key.
    wire.right.ip(&["route", "add", "blackhole", "192.0.2.1/32"]);
    wait_for_line(
        &edge,
        &["attempt failed", "the dial was not answered", "a neighbor that wants a TCP MD5 key"],
    );
}
