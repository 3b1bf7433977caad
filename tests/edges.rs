//! Two edges toward each other: what is between one quadzero and another, and no daemon can be asked for.

use quadzero_tests::{Capture, LEFT, PATIENCE, Quadzero, RIGHT, Wire, wait_until};

/// An edge with a short hold time and a key in a file beside its configuration.
fn edge(asn: u32, other: u32, own: &str, neighbor: &str) -> String {
    format!(
        r#"
        [bgp]
        asn = {asn}
        router-id = "{own}"
        listen = ["{own}:179"]

        [[originate]]
        prefix = "0.0.0.0/0"

        [[neighbor]]
        {neighbor}
        remote-as = {other}
        local-address = "{own}"
        import = "all"
        max-prefixes = 100
        hold-time = 3
        password-file = "md5.key"
        "#
    )
}

/// RFC 2385: the key of both sides is changed by SIGHUP. The session, with three seconds of hold time, does not notice; a
/// file that is wrong changes nothing.
#[test]
fn a_key_is_changed_by_sighup_and_the_session_stays() {
    let wire = Wire::new();
    let keys = |key: &str| [&wire.left, &wire.right].map(|side| side.write("md5.key", key));
    keys("the old key\n");
    let capture = Capture::start(&wire.right);
    let here =
        edge(65010, 65020, LEFT, &format!("address = \"{RIGHT}\"\nname = \"there\"\nmode = \"active\""));
    let there = edge(65020, 65010, RIGHT, "range = \"192.0.2.0/24\"\nname = \"branches\"");
    let (there, here) = (Quadzero::run(&wire.right, &there), Quadzero::run(&wire.left, &here));
    wait_until("both have learned", PATIENCE, || here.learned().0 == 1 && there.learned().0 == 1);

    keys("the new key, which is another one\n");
    for side in [&here, &there] {
        side.hang_up();
        wait_until("the key is changed", PATIENCE, || side.has_said("reloaded"));
    }
    let keepalives = |from: &str| capture.so_far().count(&format!("ip.src == {from} && bgp.type == 4"));
    let before = [LEFT, RIGHT].map(keepalives);
    wait_until("the session lives on for twice its hold time", PATIENCE, || {
        [LEFT, RIGHT].map(keepalives).iter().zip(before).all(|(now, before)| *now >= before + 7)
    });

    wire.left.write("md5.key", "");
    here.hang_up();
    wait_until("an empty key is refused", PATIENCE, || here.has_said("SIGHUP: the file was not taken"));
    assert_eq!((here.downs(), there.downs(), here.ups(), there.ups()), (vec![], vec![], 1, 1));
    assert_eq!(capture.finish().count("bgp && !tcp.options.md5"), 0);
}
