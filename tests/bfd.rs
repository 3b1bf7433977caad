//! quadzero's BFD and that of BIRD and FRR: the path fails, and BGP ends long before the Hold Time of 90 s.
//!
//! ```text
//!                        bird   frr
//!   both_come_up_..        x     x      a cell is a test: frr::both_come_up_..
//!   a_frozen_daemon_..     x     x
//! ```
//!
//! No test looks at a clock. That BFD was the reason is in what the edge says (Cease/10, RFC 9384), and every wait is shorter
//! than the Hold Time.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use quadzero_tests::{
    Capture, LEFT, LEFT6, Namespace, PATIENCE, Process, Quadzero, RIGHT, RIGHT6, Wire, suite, wait_until,
};

suite! {
    bird: Lab::new(Kind::Bird), frr: Lab::new(Kind::Frr);
    {
        both_come_up_and_agree_on_the_slower_timers
        a_frozen_daemon_is_given_up_with_cease_bfd_down_and_comes_back
        a_link_that_is_cut_ends_bgp_and_mended_brings_it_back
        a_path_that_fails_in_one_direction_is_down_on_both_sides
        a_frozen_edge_is_given_up_by_the_daemon
        an_edge_that_stops_says_admin_down_and_has_not_failed
        bgp_comes_up_without_bfd_and_stays
        bfd_starts_with_the_address_that_bgp_has
        ipv6_is_watched_as_well
    }
}

/// The reason of a session that BFD has ended.
const BFD_DOWN: &str = "NOTIFICATION sent: Cease: BFD Down (6/10)";

/// RFC 5882 §4.2: the daemon's operator takes BFD down, and nobody has failed. BIRD 2.0.12 has no command that says AdminDown.
#[test]
fn frr_taking_bfd_down_by_its_operator_leaves_bgp_alone() {
    let lab = Lab::new(Kind::Frr);
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&PATIENT);
    lab.wait_until_up(&daemon, &edge);
    let before = (edge.downs(), edge.ups());
    let peer = format!("peer {LEFT} local-address {RIGHT}");
    daemon.ask(&["configure terminal", "bfd", &peer, "shutdown"]);
    lab.capture.wait_for(&format!("bfd.sta == 0 && ip.src == {RIGHT}"));
    wait_until("the edge's BFD is down", PATIENCE, || last(&edge) == ("Down".into(), NEIGHBOR_DOWN.into()));
    assert_eq!((edge.downs(), edge.ups()), before);
    daemon.ask(&["configure terminal", "bfd", &peer, "no shutdown"]);
    lab.wait_until_up(&daemon, &edge);
    assert_eq!((edge.downs(), edge.ups()), before);
}

const EXPIRED: &str = "Control Detection Time Expired";
const NEIGHBOR_DOWN: &str = "Neighbor Signaled Session Down";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bird,
    Frr,
}

/// What is particular about the daemon in a test.
struct Neighbor {
    bfd: bool,
    ipv6: bool,
}

const DAEMON: Neighbor = Neighbor { bfd: true, ipv6: false };

/// What is particular about the edge in a test.
struct Edge {
    bfd: &'static str,
    ipv6: bool,
    has_local_address: bool,
}

const EDGE: Edge = Edge { bfd: "true", ipv6: false, has_local_address: true };

/// Where nothing is to fail, however busy the machine is.
const PATIENT: Edge = Edge { bfd: "{ min-tx = \"1s\", min-rx = \"2s\", multiplier = 10 }", ..EDGE };

struct Lab {
    kind: Kind,
    capture: Capture,
    wire: Wire,
}

impl Lab {
    fn new(kind: Kind) -> Self {
        let wire = Wire::new();
        Self { kind, capture: Capture::start(&wire.left), wire }
    }

    fn daemon(&self, neighbor: &Neighbor) -> Daemon<'_> {
        Daemon::start(self.kind, &self.wire.right, neighbor)
    }

    fn edge(&self, edge: &Edge) -> Quadzero {
        let (local, remote, announced) =
            if edge.ipv6 { (LEFT6, RIGHT6, "::/0") } else { (LEFT, RIGHT, "0.0.0.0/0") };
        let local =
            if edge.has_local_address { format!("local-address = \"{local}\"") } else { String::new() };
        let bfd = edge.bfd;
        let config = format!(
            r#"
            [bgp]
            asn = 65010
            router-id = "{LEFT}"

            [[originate]]
            prefix = "{announced}"

            [[neighbor]]
            name = "daemon"
            address = "{remote}"
            remote-as = 65020
            {local}
            hold-time = 90
            connect-retry = "2s"
            idle-hold = "1s"
            idle-hold-max = "2s"
            bfd = {bfd}
            "#
        );
        Quadzero::run(&self.wire.left, &config)
    }

    /// BGP and BFD, on both sides, and to stay: FRR makes its BFD session anew when BGP comes up. So nothing may change while
    /// the daemon says some more packets.
    fn wait_until_up(&self, daemon: &Daemon<'_>, edge: &Quadzero) {
        let said = || self.capture.so_far().count(&format!("bfd.sta == 3 && {}", daemon.is_source()));
        let mut quiet = None;
        wait_until("BGP and BFD are up, and stay so", PATIENCE, || {
            let up = edge.ups() == edge.downs().len() + 1 && last(edge).0 == "Up" && daemon.bfd_is_up();
            let story = (edge.ups(), edge.bfd().len());
            match quiet.take_if(|(before, _)| up && *before == story) {
                Some((_, since)) if said() >= since + 5 => return true,
                Some(unchanged) => quiet = Some(unchanged),
                None => quiet = Some((story, said())),
            }
            false
        });
    }

    /// BFD ends the session.
    fn wait_for_bfd_down(&self, edge: &Quadzero) {
        wait_until("BFD has ended the session", PATIENCE, || {
            edge.downs().last().is_some_and(|r| r == BFD_DOWN)
        });
    }
}

/// Where the edge's BFD is, and why.
fn last(edge: &Quadzero) -> (String, String) {
    edge.bfd().pop().unwrap_or_default()
}

fn both_come_up_and_agree_on_the_slower_timers(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&Edge { bfd: "{ min-tx = \"100ms\", min-rx = \"400ms\" }", ..EDGE });
    lab.wait_until_up(&daemon, &edge);
    // The last step of both: the edge has polled, the daemon has answered, and the other way round.
    lab.capture.wait_for(&format!("bfd.flags.f == 1 && ip.src == {RIGHT} && bfd.sta == 3"));
    lab.capture
        .wait_for(&format!("bfd.desired_min_tx_interval == 100000 && bfd.flags.p == 0 && ip.src == {LEFT}"));
    let states = edge.bfd().into_iter().map(|(to, _)| to).collect::<Vec<_>>();
    assert!(states.ends_with(&["Up".into()]), "{states:?}");

    let recording = lab.capture.so_far();
    assert_eq!(recording.complaints(), "");
    // RFC 5881 §4, §5.
    assert_eq!(recording.count("bfd && ip.ttl != 255"), 0);
    let mut ports = recording.fields(&format!("bfd && ip.src == {LEFT}"), &["udp.srcport"]).concat();
    ports.dedup();
    assert_eq!(ports.len(), 1, "one source port: {ports:?}");
    assert!(ports[0].parse::<u16>().expect("a port") >= 49152);
    // RFC 5880 §6.8.3: none is fast before it is up.
    let hasty = format!("ip.src == {LEFT} && bfd.sta != 3 && bfd.desired_min_tx_interval < 1000000");
    assert_eq!(recording.count(&hasty), 0);
    assert_eq!(recording.count("bfd.flags.p == 1 && bfd.flags.f == 1"), 0);
}

fn a_frozen_daemon_is_given_up_with_cease_bfd_down_and_comes_back(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&EDGE);
    lab.wait_until_up(&daemon, &edge);

    daemon.signal("STOP");
    lab.wait_for_bfd_down(&edge);
    assert!(edge.bfd().contains(&("Down".into(), EXPIRED.into())), "{:?}", edge.bfd());
    // BFD says why, and so does BGP, which the daemon's kernel still acknowledges.
    lab.capture.wait_for(&format!("ip.src == {LEFT} && bfd.sta == 1 && bfd.diag == 1"));
    lab.capture.wait_for(&format!(
        "ip.src == {LEFT} && bgp.notify.major_error == 6 && bgp.notify.minor_error_cease == 10"
    ));
    daemon.signal("CONT");
    lab.wait_until_up(&daemon, &edge);
}

fn a_link_that_is_cut_ends_bgp_and_mended_brings_it_back(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&EDGE);
    lab.wait_until_up(&daemon, &edge);
    lab.wire.right.ip(&["link", "set", "wire", "down"]);
    lab.wait_for_bfd_down(&edge);
    lab.wire.right.ip(&["link", "set", "wire", "up"]);
    lab.wait_until_up(&daemon, &edge);
}

/// What the daemon sends goes to another station; what we send arrives.
fn a_path_that_fails_in_one_direction_is_down_on_both_sides(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&EDGE);
    lab.wait_until_up(&daemon, &edge);
    let neighbor = |what: &[&str]| lab.wire.right.ip(&[&["neigh"], what, &["dev", "wire"]].concat());
    neighbor(&["replace", LEFT, "lladdr", "02:00:00:00:00:99", "nud", "permanent"]);
    lab.wait_for_bfd_down(&edge);
    wait_until("the daemon's BFD is down", PATIENCE, || !daemon.bfd_is_up());
    assert!(edge.bfd().contains(&("Down".into(), EXPIRED.into())), "{:?}", edge.bfd());
    neighbor(&["del", LEFT]);
    lab.wait_until_up(&daemon, &edge);
}

/// The other way round: the daemon reads what we are, too.
fn a_frozen_edge_is_given_up_by_the_daemon(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&EDGE);
    lab.wait_until_up(&daemon, &edge);
    edge.signal("STOP");
    wait_until("the daemon's BFD is down", PATIENCE, || !daemon.bfd_is_up());
    wait_until("the daemon's BGP is down", PATIENCE, || !daemon.bgp_is_established());
    edge.signal("CONT");
    lab.wait_until_up(&daemon, &edge);
}

/// RFC 5880 §6.8.16, RFC 5882 §8. BGP has its last word first: FRR 8.4 takes a neighbor's AdminDown for a failure. BIRD may have let go
/// of its session by then, with BGP's, and begins another.
fn an_edge_that_stops_says_admin_down_and_has_not_failed(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let mut edge = lab.edge(&PATIENT);
    lab.wait_until_up(&daemon, &edge);
    let bfd_down = || lab.capture.so_far().count("bgp.notify.minor_error_cease == 10");
    let before = bfd_down();
    assert_eq!(edge.terminate().code(), Some(0));
    let last_word = format!("ip.src == {LEFT} && bfd.sta == 0 && bfd.diag == 7");
    lab.capture.wait_for(&last_word);
    let frame = lab.capture.so_far().fields(&last_word, &["frame.number"])[0][0].clone();
    lab.capture.wait_for(&format!("ip.src == {RIGHT} && bfd.sta == 1 && frame.number > {frame}"));
    let expired = format!("ip.src == {RIGHT} && bfd.diag == 1");
    assert_eq!(lab.capture.so_far().count(&expired), 0, "it was told, and did not have to find out");
    // BGP ended with the word of the operator, not with BFD's.
    lab.capture.wait_for(&format!("ip.src == {LEFT} && bgp.notify.minor_error_cease == 2"));
    assert_eq!(bfd_down(), before);
}

/// RFC 5882 §4.1, the other choice: see crates/README.md.
fn bgp_comes_up_without_bfd_and_stays(lab: &Lab) {
    let daemon = lab.daemon(&Neighbor { bfd: false, ..DAEMON });
    let edge = lab.edge(&EDGE);
    wait_until("BGP is established", PATIENCE, || edge.ups() == 1);
    wait_until("as the daemon sees it", PATIENCE, || daemon.bgp_is_established());
    // Many packets that nobody answers.
    wait_until("the edge's BFD has asked", PATIENCE, || {
        lab.capture.so_far().count(&format!("ip.src == {LEFT} && bfd.sta == 1")) >= 5
    });
    assert_eq!((edge.downs(), edge.bfd()), (vec![], vec![]));
}

fn bfd_starts_with_the_address_that_bgp_has(lab: &Lab) {
    let daemon = lab.daemon(&DAEMON);
    let edge = lab.edge(&Edge { has_local_address: false, ..EDGE });
    lab.wait_until_up(&daemon, &edge);
    daemon.signal("STOP");
    lab.wait_for_bfd_down(&edge);
}

fn ipv6_is_watched_as_well(lab: &Lab) {
    let daemon = lab.daemon(&Neighbor { ipv6: true, ..DAEMON });
    let edge = lab.edge(&Edge { ipv6: true, ..EDGE });
    lab.wait_until_up(&daemon, &edge);
    let recording = lab.capture.so_far();
    assert_eq!((recording.complaints().as_str(), recording.count("bfd && ipv6.hlim != 255")), ("", 0));
    assert!(recording.count(&format!("bfd && ipv6.src == {LEFT6}")) > 0);
    daemon.signal("STOP");
    lab.wait_for_bfd_down(&edge);
    daemon.signal("CONT");
    lab.wait_until_up(&daemon, &edge);
}

/// A daemon with BGP and BFD toward the edge: 300 ms, 3 times.
struct Daemon<'a> {
    kind: Kind,
    at: &'a Namespace,
    ipv6: bool,
    processes: Vec<Process>,
}

impl<'a> Daemon<'a> {
    fn start(kind: Kind, at: &'a Namespace, neighbor: &Neighbor) -> Self {
        let processes = match kind {
            Kind::Bird => vec![Process::start(at, "bird", bird(at, neighbor))],
            Kind::Frr => frr(at, neighbor),
        };
        wait_until("the daemon listens", PATIENCE, || at.connections("listening") > 0);
        Self { kind, at, ipv6: neighbor.ipv6, processes }
    }

    fn signal(&self, signal: &str) {
        self.processes.iter().for_each(|process| process.signal(signal));
    }

    /// Its client program's answer; `None` while the daemon cannot give one.
    fn try_to_ask(&self, words: &[&str]) -> Option<String> {
        let mut client = match self.kind {
            Kind::Bird => {
                let mut birdc = self.at.command("bird2", "birdc");
                birdc.arg("-s").arg(self.at.path("bird.ctl")).args(words);
                birdc
            }
            Kind::Frr => {
                let mut vtysh = self.at.command("frr", "vtysh");
                vtysh.arg("--vty_socket").arg(self.at.folder());
                vtysh.args(words.iter().flat_map(|word| ["-c", word]));
                vtysh
            }
        };
        let out = client.output().expect("the client runs");
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
    }

    fn ask(&self, words: &[&str]) -> String {
        self.try_to_ask(words).unwrap_or_else(|| panic!("the client does not accept {words:?}"))
    }

    /// The display filter for what it sends.
    fn is_source(&self) -> String {
        if self.ipv6 { format!("ipv6.src == {RIGHT6}") } else { format!("ip.src == {RIGHT}") }
    }

    fn edge(&self) -> &'static str {
        if self.ipv6 { LEFT6 } else { LEFT }
    }

    fn bfd_is_up(&self) -> bool {
        match self.kind {
            Kind::Bird => {
                let sessions = self.try_to_ask(&["show", "bfd", "sessions"]).unwrap_or_default();
                let of_the_edge = |line: &&str| line.split_whitespace().next() == Some(self.edge());
                sessions.lines().find(of_the_edge).is_some_and(|line| line.contains(" Up "))
            }
            Kind::Frr => {
                let peers = self.try_to_ask(&["show bfd peers json"]).unwrap_or_default();
                let peers: serde_json::Value = serde_json::from_str(&peers).unwrap_or_default();
                let peers = peers.as_array().cloned().unwrap_or_default();
                peers.iter().any(|peer| peer["peer"] == self.edge() && peer["status"] == "up")
            }
        }
    }

    fn bgp_is_established(&self) -> bool {
        match self.kind {
            Kind::Bird => {
                let protocol = self.try_to_ask(&["show", "protocols", "edge"]).unwrap_or_default();
                protocol.contains("Established")
            }
            Kind::Frr => {
                let show = format!("show bgp neighbors {} json", self.edge());
                self.try_to_ask(&[&show]).is_some_and(|text| text.contains("\"bgpState\":\"Established\""))
            }
        }
    }
}

fn bird(at: &Namespace, neighbor: &Neighbor) -> Command {
    let (local, remote, family) = ends(neighbor);
    let bfd = if neighbor.bfd { "bfd on;" } else { "" };
    let protocol = if neighbor.bfd {
        "protocol bfd { interface \"wire\" { interval 300 ms; multiplier 3; }; }"
    } else {
        ""
    };
    let config = format!(
        "log stderr all;
router id {RIGHT};
protocol device {{ scan time 1; }}
{protocol}
protocol bgp edge {{
    local {local} as 65020;
    neighbor {remote} as 65010;
    direct;
    hold time 90;
    connect delay time 1;
    connect retry time 1;
    error wait time 1, 2;
    {bfd}
    {family} {{ import all; export all; }};
}}
"
    );
    let config = at.write("bird.conf", &config);
    let mut command = at.command("bird2", "bird");
    command
        .arg("-f")
        .arg("-c")
        .arg(config)
        .arg("-s")
        .arg(at.path("bird.ctl"))
        .arg("-P")
        .arg(at.path("bird.pid"));
    command
}

/// zebra, since bfdd and bgpd meet there, and both of them.
fn frr(at: &Namespace, neighbor: &Neighbor) -> Vec<Process> {
    let (local, remote, family) = ends(neighbor);
    let bfd = if neighbor.bfd { format!("neighbor {remote} bfd 3 300 300") } else { String::new() };
    let config = format!(
        "log stdout informational
router bgp 65020
 bgp router-id {RIGHT}
 bgp log-neighbor-changes
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 coalesce-time 0
 neighbor {remote} remote-as 65010
 neighbor {remote} update-source {local}
 neighbor {remote} timers 30 90
 neighbor {remote} timers connect 1
 {bfd}
 address-family {family} unicast
  neighbor {remote} activate
 exit-address-family
"
    );
    // They become the user frr, since zebra cannot be told to stay root.
    let anybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(at.folder(), anybody).expect("the test's own folder");
    let bgpd = at.write("bgpd.conf", &config);
    let empty = at.write("empty.conf", "log stdout informational\n");
    let start = |daemon: &str, more: &[&str], config: &std::path::Path| {
        let mut command = at.command("frr", format!("/usr/lib/frr/{daemon}"));
        command.args(more).args(["-A", "127.0.0.1", "-P", "0", "--log", "stdout"]);
        command.arg("-z").arg(at.path("zserv.api")).arg("--vty_socket").arg(at.folder());
        command.arg("-i").arg(at.path(&format!("{daemon}.pid"))).arg("-f").arg(config);
        Process::start(at, daemon, command)
    };
    let socket = |name: &str| wait_until(name, PATIENCE, || at.path(name).exists());
    let zebra = start("zebra", &[], &empty);
    socket("zserv.api");
    let control = at.path("bfdd.sock").display().to_string();
    let bfdd = start("bfdd", &["--bfdctl", &control], &empty);
    socket("bfdd.vty");
    let bgpd = start("bgpd", &["-n"], &bgpd);
    vec![zebra, bfdd, bgpd]
}

/// The daemon's address, the edge's, and the family of both.
fn ends(neighbor: &Neighbor) -> (&'static str, &'static str, &'static str) {
    if neighbor.ipv6 { (RIGHT6, LEFT6, "ipv6") } else { (RIGHT, LEFT, "ipv4") }
}
