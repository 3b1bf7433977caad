//! Neighbors that mean harm, by the thousand: whatever they do, a session beside them does not notice, and memory,
//! descriptors and the log of quadzero stay within bounds that follow from what it promises to hold.
//!
//! ```text
//!        a namespace of its own, where all of 10.77.0.0/16 is local
//!   +---------------------------------------------------------------+
//!   |  quadzero run 10.77.255.254  <---  witness 10.77.255.1        |
//!   |                              <---  hostile 10.77.0.1, .2, ... |
//!   +---------------------------------------------------------------+
//! ```
//!
//! The *witness* is a peer with the shortest Hold Time that BGP knows: 3 seconds without a KEEPALIVE in either direction
//! end its session, and with it the test. What is hostile is `src/bin/hostile`, bounded by counts, never by a clock.
//! quadzero is the binary that all tests here run: a debug build unless `QUADZERO_BIN` names another.
//! Bounds on memory are given for what it grows by, from after the start to the greatest there ever was (VmHWM); they
//! are sums of what a session may hold by design, and say of what.

use quadzero_tests::{Namespace, PATIENCE, Process, Quadzero, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;

const EDGE: &str = "10.77.255.254:179";
const WITNESS: &str = "10.77.255.1";
/// The first of the hostile peers.
const FIRST: &str = "10.77.0.1";

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// What the process may grow by without any reason that a test names: the allocator's arenas, 4,096 lines that wait to be
/// logged, the pages of code that run for the first time.
const SLACK: u64 = 4 * MIB;

/// Lines that one peer may log in a second (`LINES` and `RESERVED` of the driver), and the one that says how many were left out.
const LINES: usize = 50 + 10 + 1;

/// All that the edge has but for its neighbors. A neighbor comes back at once, so that there is more to do.
const CONFIG: &str = r#"
[bgp]
asn = 65010
router-id = "10.77.255.254"
listen = ["10.77.255.254:179"]

[neighbor-defaults]
remote-as = 65020
mode = "passive"
hold-time = 600
idle-hold = "100ms"
damp-peer-oscillations = false

[[neighbor]]
name = "witness"
address = "10.77.255.1"
"#;

const DEFAULT: &str = "\n[[originate]]\nprefix = \"0.0.0.0/0\"\n";

/// So many neighbors from the first hostile address on, each with the given keys.
fn neighbors(count: u16, keys: &str) -> String {
    (1..=count)
        .map(|i| format!("\n[[neighbor]]\naddress = \"10.77.{}.{}\"\n{keys}", i >> 8, i & 255))
        .collect()
}

/// An edge, the witness, and room for whoever joins them.
struct Arena {
    witness: Process,
    quadzero: Quadzero,
    /// Octets after the start.
    before: u64,
    namespace: Namespace,
}

impl Arena {
    /// Ready when the witness holds all of the `prefixes` that the edge announces.
    fn new(config: &str, prefixes: usize) -> Self {
        let namespace = Self::namespace();
        let quadzero = Quadzero::run(&namespace, config);
        Self::with(namespace, quadzero, prefixes)
    }

    fn namespace() -> Namespace {
        Namespace::alone("10.77.0.0/16")
    }

    fn with(namespace: Namespace, quadzero: Quadzero, prefixes: usize) -> Self {
        let witness = hostile(&namespace, "witness", WITNESS, &[]);
        wait_until("the witness has the routes", PATIENCE, || witness.said("routes") == 1);
        let events = witness.events();
        let routes = events.iter().find(|event| event["event"] == "routes").expect("it was just there");
        assert_eq!(routes["prefixes"], prefixes);
        quadzero.process().forget_peak();
        let before = quadzero.process().memory("VmRSS");
        Self { witness, quadzero, before, namespace }
    }

    fn join(&self, behaviour: &str, numbers: &[u32]) -> Process {
        hostile(&self.namespace, behaviour, FIRST, numbers)
    }

    /// Octets that the process has grown by, at the most that it ever had.
    fn growth(&self) -> u64 {
        let now = self.quadzero.process().memory("VmHWM");
        println!("{} KiB before, {} KiB at the most", self.before / KIB, now / KIB);
        now.saturating_sub(self.before)
    }

    /// The witness lives: it goes on to be sent KEEPALIVEs, and none was late. The log neither tells of an end of
    /// its session, nor more than the log may tell of anyone.
    fn is_unharmed(&self) {
        let so_far = self.witness.said("keepalive");
        wait_until("the witness hears KEEPALIVEs", PATIENCE, || self.witness.said("keepalive") >= so_far + 2);
        assert_eq!(self.witness.said("failed"), 0);
        assert_eq!(self.told_of("witness"), [1, 0], "it came up once, and stays");
        self.log_is_bounded(&self.quadzero.process().events());
    }

    /// How often the log says of a neighbor that its session is up, and why it is down.
    fn told_of(&self, neighbor: &str) -> [usize; 2] {
        let events = self.quadzero.process().events();
        ["session established", "session down"].map(|message| {
            let is_meant = |e: &&Value| e["span"]["neighbor"] == neighbor && e["message"] == message;
            events.iter().filter(is_meant).count()
        })
    }

    /// A second of the clock may hold the ends of two seconds of a peer's.
    fn log_is_bounded(&self, events: &[Value]) {
        let mut lines = BTreeMap::<(String, String), usize>::new();
        for event in events {
            let second: String = event["timestamp"].as_str().unwrap_or_default().chars().take(19).collect();
            *lines.entry((event["span"]["neighbor"].to_string(), second)).or_default() += 1;
        }
        let most = lines.iter().max_by_key(|(_, lines)| **lines).expect("it logs");
        println!("{} lines at the most: {:?}", most.1, most.0);
        assert!(*most.1 <= 2 * LINES, "{most:?}");
        let log = self.quadzero.process().log();
        assert!(log.lines().all(|line| line.len() < 2000), "no peer can make a line long");
        assert!(!log.contains("panicked"));
    }
}

fn hostile(namespace: &Namespace, behaviour: &str, first: &str, numbers: &[u32]) -> Process {
    let mut command = namespace.command("util-linux", "prlimit");
    command.arg("--nofile=4096:4096").arg(env!("CARGO_BIN_EXE_hostile")).args([behaviour, first, EDGE]);
    command.args(numbers.iter().map(u32::to_string));
    Process::start(namespace, &format!("{behaviour}-{first}"), command)
}

/// A task, a session, two sockets' worth of state, and one buffer of a small table on its way.
const SESSION: u64 = 16 * KIB;

#[test]
fn a_thousand_sessions_flap_at_once_and_each_has_what_it_should_in_the_end() {
    const PEERS: u16 = 1000;
    const ROUNDS: u32 = 3;
    let carve_out = "[[exception]]\nname = \"kms\"\nkms = \"global\"\nmode = \"carve-out\"\n";
    let config = [CONFIG, DEFAULT, carve_out, &neighbors(PEERS, "")].concat();
    let namespace = Arena::namespace();
    // What a process has to begin with is less than this takes, as a rule: 1,024.
    let quadzero = Quadzero::run_with_descriptors(&namespace, 256, 4096, &config);
    let arena = Arena::with(namespace, quadzero, 84);
    let flap = arena.join("flap", &[PEERS.into(), ROUNDS, 1]);
    wait_until("all stay", PATIENCE, || flap.said("all stay") == 1);

    assert_eq!(flap.said("all up"), ROUNDS as usize);
    let events = flap.events();
    let sets = &events.iter().find(|event| event["event"] == "all stay").expect("it was just there")["sets"];
    assert_eq!(sets[0]["peers"], PEERS, "all hold the same: {sets}");
    let held: Vec<&str> = sets[0]["held"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(held.len(), 84);
    for beside in ["20.118.99.225/32", "23.102.135.247/32", "40.83.235.52/32"] {
        assert!(held.contains(&beside), "{beside} in {held:?}");
    }
    arena.is_unharmed();
    assert_eq!(flap.said("failed"), 0, "and all stay");
    let grown = arena.growth();
    assert!(grown <= u64::from(PEERS) * SESSION + SLACK, "{grown}");
}

#[test]
fn a_burst_of_messages_is_forgotten_once_they_are_read() {
    const PEERS: u16 = 100;
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(PEERS, "")].concat(), 1);
    // 64 KiB each, so that it has to be read in several turns, most of which end within a message.
    let burst = arena.join("flap", &[PEERS.into(), 0, 3449]);
    wait_until("all have said it", PATIENCE, || burst.said("all stay") == 1);
    arena.is_unharmed();
    assert_eq!(burst.said("failed"), 0);
    let grown = arena.growth();
    assert!(grown <= u64::from(PEERS) * SESSION + READING + SLACK, "{grown}");
}

/// What a peer's reading may hold: a message of 64 KiB but for its end, in a buffer that doubles, and what 16 KiB of the
/// smallest messages, read at once, have to tell.
const READING: u64 = 256 * KIB;

/// Sets of attributes that are held at once: of 32 prefixes or fewer, twice as many, so that it seldom has to be looked which
/// of them are still used.
const SETS: u64 = 64;

#[test]
fn garbage_ends_its_own_session_and_no_other() {
    // Four sessions a second at most: of more, the log need not tell each end (`RESERVED` of the driver).
    let keys = "import = \"all\"\nmax-prefixes = 1000\nidle-hold = \"400ms\"\n";
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(1, keys)].concat(), 1);
    let garbage = arena.join("garbage", &[96]);
    wait_until("all is said", PATIENCE, || garbage.said("done") == 1);
    arena.is_unharmed();
    let [ups, downs] = arena.told_of("10.77.0.1");
    assert!(ups > 0 && ups == downs, "{ups} sessions, and the log says of {downs} why they ended");
    let grown = arena.growth();
    // One set of attributes after the other, as large as a message: all for one prefix.
    assert!(grown <= READING + SETS * 64 * KIB + SLACK, "{grown}");
}

/// Descriptors of a process that has one session: the standard ones, epoll, signals, the log, a listener.
const FILES: usize = 24;
/// Of one neighbor: two connections, four whose last words are under way, and one that waits in the inbox.
const OF_A_NEIGHBOR: usize = 7;

fn a_storm_leaves_no_trace(known: u16) {
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(known, "")].concat(), 1);
    let storm = arena.join("storm", &[1000, 3]);
    let mut most = 0;
    wait_until("it has blown over", PATIENCE, || {
        most = most.max(arena.quadzero.process().descriptors());
        storm.said("done") == 1
    });
    let resets: Vec<_> = storm.events().iter().filter_map(|event| event["reset"].as_u64()).collect();
    assert_eq!(resets, [1000; 3], "all of them were let in, and left");
    arena.is_unharmed();
    println!("{most} descriptors at the most");
    assert!(most <= FILES + OF_A_NEIGHBOR, "{most}");
    let grown = arena.growth();
    assert!(grown <= SLACK, "{grown}");
}

#[test]
fn a_thousand_connections_of_a_neighbor_leave_no_trace() {
    a_storm_leaves_no_trace(1);
}

#[test]
fn a_thousand_connections_of_a_stranger_leave_no_trace() {
    a_storm_leaves_no_trace(0);
}

#[test]
fn a_peer_that_talks_on_after_the_last_words_keeps_nobody_from_their_turn() {
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(1, "")].concat(), 1);
    let deaf = arena.join("deaf", &[4096]);
    wait_until("it is heard no more", PATIENCE, || deaf.said("done") == 1);
    arena.is_unharmed();
    let grown = arena.growth();
    assert!(grown <= READING + SLACK, "{grown}");
}

#[test]
fn a_refresh_that_only_begins_costs_no_more_than_its_octets() {
    let import = "import = \"all\"\nmax-prefixes = 4000\n";
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(1, import)].concat(), 1);
    let refresh = arena.join("refresh", &[50_000]);
    wait_until("all is said", PATIENCE, || refresh.said("done") == 1);
    arena.is_unharmed();
    assert_eq!(refresh.said("failed"), 0, "it is allowed to");
    let grown = arena.growth();
    assert!(grown <= READING + SLACK, "{grown}");
}

/// Attributes of 60,000 octets on the wire: communities are as large in memory, a segment of one AS is 6 octets on the wire
/// and 56 in memory, a box in a list of boxes. One set in four is such segments.
const ATTRIBUTES: u64 = (3 * 60_000 + 10_000 * 56) / 4;

#[test]
fn what_a_peer_announces_and_withdraws_is_forgotten() {
    let import = "import = \"all\"\nmax-prefixes = 32\n";
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(1, import)].concat(), 1);
    let churn = arena.join("churn", &[1000]);
    wait_until("all is said", PATIENCE, || churn.said("done") == 1);
    arena.is_unharmed();
    assert_eq!(churn.said("failed"), 0);
    let grown = arena.growth();
    assert!(grown <= SETS * ATTRIBUTES + READING + SLACK, "{grown}");
}

/// What is made of a table at once, in a buffer that doubles.
const WRITING: u64 = 128 * KIB;

/// 100,000 prefixes.
fn full_table() -> String {
    let prefixes =
        (0..100_000_u32).map(|i| format!("\"{}.{}.{}.0/24\"", 11 + (i >> 16), i >> 8 & 255, i & 255));
    format!("\n[[originate]]\nname = \"all\"\nprefixes = [{}]\n", prefixes.collect::<Vec<_>>().join(", "))
}

/// No more of a table than this is the kernel's to hold, so that the rest is quadzero's.
fn with_little_room() -> Namespace {
    let namespace = Arena::namespace();
    namespace.sysctl("ipv4/tcp_wmem", "4096 16384 32768");
    namespace
}

#[test]
fn slow_readers_of_a_full_table_hold_a_buffer_each_and_no_more_with_time() {
    const PEERS: u32 = 20;
    let namespace = with_little_room();
    let quadzero = Quadzero::run(&namespace, &[CONFIG, &full_table(), &neighbors(40, "")].concat());
    let mut arena = Arena::with(namespace, quadzero, 100_000);
    let slow = arena.join("slow", &[PEERS, 16]);
    let deaf = hostile(&arena.namespace, "slow", "10.77.0.21", &[PEERS, 0]);
    wait_until("all are up", PATIENCE, || slow.said("up") + deaf.said("up") == 2 * PEERS as usize);
    arena.is_unharmed();
    let early = arena.growth();
    assert!(early <= 2 * u64::from(PEERS) * (WRITING + SESSION) + SLACK, "{early}");

    let asked = slow.said("asked") + deaf.said("asked");
    wait_until("they have asked for it all again", PATIENCE, || {
        slow.said("asked") + deaf.said("asked") >= asked + 4 * PEERS as usize
    });
    arena.is_unharmed();
    let late = arena.growth();
    assert!(late <= early + READING, "{early}, then {late}");
    assert_eq!(slow.said("failed") + deaf.said("failed"), 0, "they are still there");

    // The last words wait for a peer that does not read, but not for ever.
    assert_eq!(arena.quadzero.process_mut().end("TERM", PATIENCE).code(), Some(0));
    wait_until("the witness is told", PATIENCE, || arena.witness.said("failed") == 1);
    let why = arena.witness.log();
    assert!(why.contains("Administrative Shutdown"), "{why}");
}

#[test]
fn opens_that_come_octet_by_octet_keep_nobody_out() {
    const PEERS: u16 = 300;
    let arena = Arena::new(&[CONFIG, DEFAULT, &neighbors(PEERS, "")].concat(), 1);
    let drip = arena.join("drip", &[PEERS.into(), 25]);
    wait_until("all but the end is said", PATIENCE, || drip.said("done") == 1);
    assert_eq!(drip.events().last().expect("it said so")["dripped"], PEERS);
    arena.is_unharmed();
    assert!(arena.quadzero.process().descriptors() <= FILES + usize::from(PEERS));
    let flap = arena.join("flap", &[PEERS.into(), 0, 1]);
    wait_until("the same neighbors come up", PATIENCE, || flap.said("all stay") == 1);
    arena.is_unharmed();
    let grown = arena.growth();
    assert!(grown <= u64::from(PEERS) * SESSION + SLACK, "{grown}");
}

#[test]
fn without_descriptors_those_who_are_there_stay_and_others_come_when_there_is_room() {
    const PEERS: u16 = 200;
    let namespace = Arena::namespace();
    let config = [CONFIG, DEFAULT, &neighbors(PEERS, "")].concat();
    let quadzero = Quadzero::run_with_descriptors(&namespace, 64, 64, &config);
    let arena = Arena::with(namespace, quadzero, 1);
    let mut crowd = arena.join("flap", &[PEERS.into(), 0, 1]);
    wait_until("there are no more", PATIENCE, || arena.quadzero.process().log().contains("cannot accept"));
    arena.is_unharmed();
    crowd.kill();
    let few = arena.join("flap", &[20, 1, 1]);
    wait_until("there is room again", PATIENCE, || few.said("all stay") == 1);
    arena.is_unharmed();
}
