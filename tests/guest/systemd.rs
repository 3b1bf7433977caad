//! A test in the place of systemd: NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS and CREDENTIALS_DIRECTORY, in the way of their manual
//! pages, and the edge that is started with them.

use std::collections::BTreeMap;
use std::fs::{self, File as Fifo};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use quadzero_tests::{Daemon, GOBGP, Namespace, Neighbor, PATIENCE, Process, Quadzero, Wire, wait_until};

use super::{EDGE, File, OTHER, launched, unprivileged, wait_for_line, wait_until_up};

/// A datagram of sd_notify(3).
type Message = BTreeMap<String, String>;

/// Hears what a service says.
struct Manager(UnixDatagram);

impl Manager {
    fn new(namespace: &Namespace) -> Self {
        let socket = UnixDatagram::bind(namespace.path("notify")).expect("the folder can be written");
        Self(socket)
    }

    fn tell(namespace: &Namespace, command: &mut Command) {
        command.env("NOTIFY_SOCKET", namespace.path("notify"));
    }

    /// The next message, if one comes within the time.
    fn next(&self, within: Duration) -> Option<Message> {
        self.0.set_read_timeout(Some(within)).expect("a time above zero");
        let mut octets = [0; 4096];
        let length = match self.0.recv(&mut octets) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => panic!("{error}"),
        };
        let text = std::str::from_utf8(&octets[..length]).expect("UTF-8").lines();
        Some(text.filter_map(|line| line.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// Waits for a message that is like that, and returns it; what comes before it is passed over.
    fn wait_for(&self, what: &str, is_it: impl Fn(&Message) -> bool) -> Message {
        let end = Instant::now() + PATIENCE;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            match self.next(left) {
                Some(message) if is_it(&message) => return message,
                _ => {}
            }
        }
        panic!("in vain: {what}");
    }

    fn wait_for_status(&self, words: &str) -> Message {
        self.wait_for(words, |m| m.get("STATUS").is_some_and(|status| status.contains(words)))
    }
}

fn says(key: &'static str) -> impl Fn(&Message) -> bool {
    move |message| message.get(key).is_some_and(|value| value == "1")
}

#[test]
fn systemd_hears_when_it_is_ready_how_it_is_doing_when_it_reloads_and_when_it_leaves() {
    let wire = Wire::new();
    let (here, manager) = (&wire.left, Manager::new(&wire.left));
    let file = File { more: "[drain]\nwait = \"90s\"", ..EDGE };
    let mut command = launched(here, &[]);
    Manager::tell(here, &mut command);
    let mut edge = Quadzero::run_by(command, here, &file.text());
    let ready = manager.wait_for("READY=1", says("READY"));
    assert_eq!(ready["STATUS"], "0 of 1 neighbors Established, 0 prefixes told");
    let _other = Quadzero::run(&wire.right, &OTHER.text());
    manager.wait_for_status("1 of 1 neighbors Established, 1 prefixes told");

    edge.hang_up();
    let begins = manager.wait_for("RELOADING=1", says("RELOADING"));
    // systemd takes a READY=1 only if it was said after that; our own clock is the same.
    let since: u64 = begins["MONOTONIC_USEC"].parse().expect("microseconds");
    let now = fs::read_to_string("/proc/uptime").expect("/proc").split('.').next().map(str::to_owned);
    let now: u64 = now.and_then(|seconds| seconds.parse().ok()).expect("seconds");
    assert!(since > 0 && since / 1_000_000 <= now + 1, "{since}, {now}");
    manager.wait_for("READY=1 again", says("READY"));

    here.write("run.toml", "[bgp]\nasn = \"none\"");
    let refused = Quadzero::tell(here, &["reload"]).expect_err("it is wrong");
    assert!(refused.contains("run.toml:2:7"), "{refused}");
    manager.wait_for("RELOADING=1", says("RELOADING"));
    let ready = manager.wait_for("READY=1 all the same", says("READY"));
    assert!(ready["STATUS"].ends_with("; the last file was refused, and what was before holds"), "{ready:?}");

    edge.signal("TERM");
    let leaves = manager.wait_for("STOPPING=1", says("STOPPING"));
    let most: u64 = leaves["EXTEND_TIMEOUT_USEC"].parse().expect("microseconds");
    assert!(most >= 100_000_000, "[drain] wait and ten seconds for last words: {most}");
    assert!(leaves["STATUS"].contains("neighbors are told to use another way"), "{leaves:?}");
    edge.signal("TERM");
    assert_eq!(edge.process_mut().exit(PATIENCE).code(), Some(0));
}

/// The loop hangs where it writes a file: a pipe that nobody reads.
#[test]
fn the_watchdog_hears_the_loop_turn_and_nothing_when_it_hangs() {
    let wire = Wire::new();
    let (here, manager) = (&wire.left, Manager::new(&wire.left));
    let file = File { more: "[control]\nkeep = \"kept.json\"", ..EDGE };
    let mut command = launched(here, &[]);
    Manager::tell(here, &mut command);
    command.env("WATCHDOG_USEC", "200000");
    let edge = Quadzero::run_by(command, here, &file.text());
    (0..3).for_each(|_| drop(manager.wait_for("WATCHDOG=1", says("WATCHDOG"))));

    let pipe = here.path("kept.new");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let announce = Quadzero::client(here, &["announce", "203.0.113.0/24", "--keep"]);
    let _waits = Process::start(here, "announce", announce);
    let call = format!("/proc/{}/syscall", edge.process().id());
    wait_until("the loop waits for a reader of the pipe", PATIENCE, || {
        fs::read_to_string(&call).is_ok_and(|call| call.starts_with(&format!("{} ", libc::SYS_openat)))
    });
    while manager.next(Duration::from_millis(1)).is_some() {}
    assert_eq!(manager.next(Duration::from_secs(1)), None, "five times the watchdog should have heard it");
    // A reader: the loop goes on.
    let reader = std::thread::spawn(move || {
        drop(Fifo::open(pipe).map(|mut pipe| io::copy(&mut pipe, &mut io::sink())))
    });
    manager.wait_for("WATCHDOG=1 again", says("WATCHDOG"));
    reader.join().expect("it reads to the end");
}

/// A watchdog of somebody else's: WATCHDOG_PID names another process.
#[test]
fn a_watchdog_that_is_not_ours_hears_nothing() {
    let wire = Wire::new();
    let (here, manager) = (&wire.left, Manager::new(&wire.left));
    let mut command = launched(here, &[]);
    Manager::tell(here, &mut command);
    command.env("WATCHDOG_USEC", "50000").env("WATCHDOG_PID", "1");
    let _edge = Quadzero::run_by(command, here, &EDGE.text());
    manager.wait_for("READY=1", says("READY"));
    let _other = Quadzero::run(&wire.right, &OTHER.text());
    let end = Instant::now() + PATIENCE;
    loop {
        let message = manager.next(end - Instant::now()).expect("the session comes up");
        assert!(!message.contains_key("WATCHDOG"), "{message:?}");
        if message.get("STATUS").is_some_and(|status| status.contains("1 of 1 neighbors Established")) {
            return;
        }
    }
}

const KEY: &str = "one key for both";

/// GoBGP dials, with a key and a TTL of 255, and the edge could not have bound port 179 itself.
#[test]
fn a_socket_that_is_handed_over_is_listened_on_without_any_privilege_and_has_keys_and_ttl() {
    let wire = Wire::new();
    let here = &wire.left;
    here.write("gobgp", KEY);
    let keys = "mode = \"passive\"\nttl-security = 1\npassword-file = \"$CREDENTIALS_DIRECTORY/gobgp\"";
    let file = File { keys, ..EDGE };
    let mut command = unprivileged(
        here,
        &["--socket", "192.0.2.1:179", "--socket", "192.0.2.1:1179", "--both", "[::]:1180"],
    );
    command.env("CREDENTIALS_DIRECTORY", here.folder());
    let edge = Quadzero::run_by(command, here, &file.text());
    wait_for_line(&edge, &["listens on the socket that was handed over", "192.0.2.1:179\""]);
    wait_for_line(&edge, &["handed over is left unused", "192.0.2.1:1179", "[bgp] listen does not name it"]);
    wait_for_line(&edge, &["handed over is left unused", "[::]:1180", "BindIPv6Only=ipv6-only"]);
    let neighbor = Neighbor { passive: false, password: KEY, ttl_security: true, ..Neighbor::PLAIN };
    let daemon = Daemon::start(GOBGP, &wire.right, neighbor);
    daemon.wait_for_prefixes(1);
    let id = edge.process().id();
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    assert!(status.contains("CapEff:\t0000000000000000\n") && status.contains("Uid:\t65534\t"), "{status}");

    // Whoever connects where nothing listens is turned away, and does not wait in a backlog.
    assert!(is_turned_away(here, 1179));
    // A reload lets go of the socket, and can have it again.
    here.write("run.toml", &File { listen: "\"192.0.2.1:1179\"", ..file }.text());
    Quadzero::tell(here, &["reload"]).expect("the other socket was handed over as well");
    wait_for_line(&edge, &["listens on the socket that was handed over", "192.0.2.1:1179"]);
    assert!(is_turned_away(here, 179));
    here.write("run.toml", &file.text());
    Quadzero::tell(here, &["reload"]).expect("the socket is still there");
    Quadzero::tell(here, &["neighbor", "reset", "peer"]).expect("there is one");
    wait_until("the session is back", PATIENCE, || edge.ups() == 2);
}

/// Whether the connection ends at once, from the other side.
fn is_turned_away(namespace: &Namespace, port: u16) -> bool {
    let mut command = namespace.command("bash", "bash");
    // `read` ends with 1 at the end of the stream, with more when the time is over.
    command.args(["-c", &format!("exec 3<>/dev/tcp/192.0.2.1/{port}; read -t 30 -u 3; test $? = 1")]);
    command.status().expect("bash runs").success()
}

/// systemd's own tool in its place; it starts the edge when the daemon dials.
#[test]
fn systemd_socket_activate_hands_the_port_over() {
    let wire = Wire::new();
    let here = &wire.left;
    let mut command = here.command("systemd", "systemd-socket-activate");
    command.args(["-l", "192.0.2.1:179", "-E", &format!("RUNTIME_DIRECTORY={}", here.folder().display())]);
    command.arg(quadzero_tests::binary());
    let edge = Quadzero::run_by(command, here, &File { keys: "mode = \"passive\"", ..EDGE }.text());
    let daemon = Daemon::start(GOBGP, &wire.right, Neighbor { passive: false, ..Neighbor::PLAIN });
    daemon.wait_for_prefixes(1);
    wait_for_line(&edge, &["listens on the socket that was handed over", "192.0.2.1:179\""]);
    wait_until_up(here);
}
