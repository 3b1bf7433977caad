//! quadzero as a guest: of a service manager, of a kernel, of somebody else's machine.
//!
//! ```text
//!   systemd.rs   a test plays systemd: sockets that are handed over, what the edge says, a loop that hangs
//!   unit.rs      the files of config/systemd, by systemd's own tools
//!   sandbox.rs   what a running edge can still do, as the kernel has it
//!   need_11.rs   failures in words that help: need 11 of those that users of other speakers have asked for
//! ```
//!
//! The edge is on the left of the wire; on the right there is another quadzero, or GoBGP where a stranger matters.

mod need_11;
mod sandbox;
mod systemd;
mod unit;

use std::process::Command;

use quadzero_tests::{LEFT, Namespace, PATIENCE, Quadzero, RIGHT, binary, wait_until};

/// What is particular about an edge's file.
#[derive(Clone, Copy)]
struct File<'a> {
    /// Ourselves and our AS.
    own: (&'a str, u32),
    /// The neighbor and its AS.
    peer: (&'a str, u32),
    listen: &'a str,
    /// Further keys of the neighbor.
    keys: &'a str,
    /// Further tables.
    more: &'a str,
}

/// The edge on the left of the wire.
const EDGE: File<'static> =
    File { own: (LEFT, 65010), peer: (RIGHT, 65020), listen: "\"192.0.2.1:179\"", keys: "", more: "" };

/// The edge on the right of the wire.
const OTHER: File<'static> =
    File { own: (RIGHT, 65020), peer: (LEFT, 65010), listen: "\"192.0.2.2:179\"", keys: "", more: "" };

impl File<'_> {
    fn text(&self) -> String {
        let Self { own: (own, own_as), peer: (peer, peer_as), listen, keys, more } = self;
        format!(
            r#"
            [bgp]
            asn = {own_as}
            router-id = "{own}"
            listen = [{listen}]

            [[originate]]
            prefix = "0.0.0.0/0"

            [[neighbor]]
            name = "peer"
            address = "{peer}"
            remote-as = {peer_as}
            local-address = "{own}"
            hold-time = 9
            connect-retry = "2s"
            idle-hold = "1s"
            idle-hold-max = "1s"
            {keys}

            {more}
            "#
        )
    }
}

/// A command of the namespace that becomes quadzero by way of `launch` (tests/src/bin) with these options.
fn launched(namespace: &Namespace, options: &[&str]) -> Command {
    let mut command = namespace.command("quadzero-tests", env!("CARGO_BIN_EXE_launch"));
    command.args(options).arg("--").arg(binary());
    command
}

/// The same without root: as nobody, who has no privilege and gets none. The folder of the namespace is nobody's from now on.
fn unprivileged(namespace: &Namespace, options: &[&str]) -> Command {
    const NOBODY: u32 = 65534;
    std::os::unix::fs::chown(namespace.folder(), Some(NOBODY), Some(NOBODY)).expect("root may give away");
    let mut command = namespace.command("quadzero-tests", env!("CARGO_BIN_EXE_launch"));
    command.args(options).args(["--", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.args(["--bounding-set", "-all", "--inh-caps", "-all"]).arg(binary());
    command
}

/// The edge says how it is doing with its only neighbor.
fn is_up(namespace: &Namespace) -> bool {
    let summary = Quadzero::ask(namespace, &["show"]);
    summary.is_ok_and(|summary| summary["neighbors"][0]["state"] == "Established")
}

fn wait_until_up(namespace: &Namespace) {
    wait_until("the session is up", PATIENCE, || is_up(namespace));
}

/// Waits for a line of the log that has all of these words, in the message or another field.
fn wait_for_line(edge: &Quadzero, words: &[&str]) {
    wait_until(&format!("a line says {words:?}"), PATIENCE, || {
        edge.process().log().lines().any(|line| words.iter().all(|word| line.contains(word)))
    });
}
