//! Probes decide: what an edge announces while its way out works, and while it does not, as other people's daemons hear it.
//!
//! ```text
//!    upstream 198.51.100.1 ---- wan0 [ quadzero 192.0.2.1 ] wire ---- [ gobgpd or FRR 192.0.2.2 ]
//! ```
//!
//! The names are after the ranked needs that users have said (need 1: probes in the speaker, and what if the prober dies; need 2: the time
//! from a failing probe to the withdrawal). No test looks at a clock, but for the one that prints what it has measured.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quadzero::config::{Source, edge::Edge};
use quadzero::{probes::Probes, router::Router};
use quadzero_codec::{Asn, Dialect, HoldTime, Message, Open, RouterId};
use quadzero_probe::{Outcome, Parameters, Prober};
use quadzero_tests::{
    Adapter, Capture, Daemon, FAR, FRR, GOBGP, LEFT, Namespace, Neighbor, PATIENCE, Path, Quadzero, RIGHT,
    Wire, suite, wait_until,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::watch;

const DEFAULT: &str = "0.0.0.0/0";

/// Looks a few times a second, and no hold-down to speak of.
const FAST: &str =
    "interval = \"200ms\"\nfast-interval = \"100ms\"\nhold-down = \"100ms\"\nhold-down-max = \"100ms\"";

suite! {
    gobgp: Lab::new(GOBGP), frr: Lab::new(FRR);
    {
        need_1_the_default_goes_with_the_upstream_link_and_comes_back_after_the_rise
        need_1_the_ttl_acts_when_the_prober_hangs
        need_1_a_flapping_line_does_not_flap_the_company
        need_3_a_restart_waits_for_the_probes_before_it_says_that_this_was_all
        on_failure_the_default_stays_with_another_metric_a_longer_path_or_as_it_is
    }
}

/// The edge on the left, and beyond it an upstream that answers.
struct Lab {
    adapter: &'static dyn Adapter,
    wire: Wire,
    upstream: Namespace,
}

impl Lab {
    fn new(adapter: &'static dyn Adapter) -> Self {
        let (wire, upstream) = Wire::with_upstream();
        Self { adapter, wire, upstream }
    }

    fn daemon(&self) -> Daemon<'_> {
        Daemon::start(self.adapter, &self.wire.right, Neighbor::PLAIN)
    }

    /// The edge with these tables, and the daemon for a neighbor.
    fn edge(&self, tables: &str) -> Quadzero {
        Quadzero::run(&self.wire.left, &config(tables))
    }
}

fn config(tables: &str) -> String {
    format!(
        r#"
        [bgp]
        asn = 65010
        router-id = "{LEFT}"
        [[neighbor]]
        name = "daemon"
        address = "{RIGHT}"
        remote-as = 65020
        connect-retry = "2s"
        idle-hold = "1s"
        idle-hold-max = "2s"
        import = "all"
        max-prefixes = 100
        {tables}
        "#
    )
}

/// A default route while the probe is up.
fn default_when(probe: &str) -> String {
    format!(
        "[[originate]]\nprefix = \"{DEFAULT}\"\nwhen = \"uplink\"\n[[probe]]\nname = \"uplink\"\n{probe}\n"
    )
}

fn heard(daemon: &Daemon<'_>) -> Option<Path> {
    daemon.heard().remove(DEFAULT)
}

fn wait_for_default(daemon: &Daemon<'_>) {
    wait_until("the daemon has the default route", PATIENCE, || heard(daemon).is_some());
}

fn wait_for_no_default(daemon: &Daemon<'_>) {
    wait_until("the daemon has no default route any more", PATIENCE, || heard(daemon).is_none());
}

fn states(edge: &Quadzero) -> Vec<String> {
    edge.probe("uplink").into_iter().map(|(to, _)| to).collect()
}

/// By ICMP through the interface that is meant. The session stays: what fails is another line.
fn need_1_the_default_goes_with_the_upstream_link_and_comes_back_after_the_rise(lab: &Lab) {
    let daemon = lab.daemon();
    let edge = lab.edge(&default_when(&format!(
        "icmp = \"{FAR}\"\nbind-interface = \"wan0\"\nlocal-address = \"203.0.113.1\"\ntimeout = \"2s\"\n{FAST}"
    )));
    wait_for_default(&daemon);
    lab.upstream.ip(&["link", "set", "wan0", "down"]);
    wait_for_no_default(&daemon);
    assert!(daemon.is_established());
    lab.upstream.ip(&["link", "set", "wan0", "up"]);
    wait_for_default(&daemon);
    assert_eq!(states(&edge), ["up", "down", "up"]);
    assert_eq!(edge.probe("uplink")[2].1, "3 looks in a row passed");
    assert_eq!((edge.ups(), edge.downs()), (1, vec![]));
}

/// The question that GoBGP#2377 has had for five years. The command is stopped amid its run, and its time is not over for a minute;
/// what acts is that nothing is heard.
fn need_1_the_ttl_acts_when_the_prober_hangs(lab: &Lab) {
    let daemon = lab.daemon();
    let folder = lab.wire.left.folder();
    let script = lab.wire.left.write(
        "probe.sh",
        &format!(
            "cd {0}\nif [ -e hang ]; then echo $$ >pid.new; mv pid.new pid; sleep 1000; fi\n",
            folder.display()
        ),
    );
    let edge = lab.edge(&default_when(&format!(
        "command = [\"/bin/sh\", \"{}\"]\ntimeout = \"60s\"\nttl = \"5s\"\n{FAST}",
        script.display()
    )));
    wait_for_default(&daemon);
    lab.wire.left.write("hang", "");
    wait_until("the command hangs", PATIENCE, || folder.join("pid").exists());
    let pid = fs::read_to_string(folder.join("pid")).expect("the command has written it");
    kill("STOP", pid.trim());
    wait_for_no_default(&daemon);
    assert_eq!(edge.probe("uplink")[1], ("down".into(), "nothing was heard from it for 5s, its TTL".into()));
    assert!(daemon.is_established());

    // And killed, it has failed, which is another word; without the reason to hang, it comes back.
    fs::remove_file(folder.join("hang")).expect("it is there");
    kill("KILL", pid.trim());
    wait_for_default(&daemon);
    assert_eq!(states(&edge), ["up", "down", "up"]);
}

fn kill(signal: &str, pid: &str) {
    let killed = std::process::Command::new("sh").args(["-c", &format!("kill -s {signal} {pid}")]).status();
    assert!(killed.expect("sh runs").success(), "process {pid} is there");
}

/// Graceful restart (RFC 4724): killed and started again, the edge does not know at first whether its line works. The neighbor
/// keeps the default until it does: here until the probe is let go of.
fn need_3_a_restart_waits_for_the_probes_before_it_says_that_this_was_all(lab: &Lab) {
    let capture = Capture::start(&lab.wire.left);
    let daemon =
        Daemon::start(lab.adapter, &lab.wire.right, Neighbor { graceful_restart: true, ..Neighbor::PLAIN });
    let script = "cd \"$1\"\nwhile [ ! -e go ]; do sleep 0.1; done\n";
    let script = lab.wire.left.write("probe.sh", script);
    let go = lab.wire.left.write("go", "");
    let text = config(&format!(
        "graceful-restart = \"2m\"\n{}",
        default_when(&format!(
            "command = [\"/bin/sh\", \"{}\", \"{}\"]\ntimeout = \"10m\"\nttl = \"1h\"\n{FAST}",
            script.display(),
            lab.wire.left.folder().display()
        ))
    ));
    let mut edge = Quadzero::run(&lab.wire.left, &text);
    wait_for_default(&daemon);
    let has_it = || assert!(heard(&daemon).is_some(), "the default is never gone");
    fs::remove_file(&go).expect("it is there");
    edge.kill();
    wait_until("the daemon notices", PATIENCE, || {
        has_it();
        !daemon.is_established()
    });
    let _edge = Quadzero::run(&lab.wire.left, &text);
    wait_until("the session is back", PATIENCE, || {
        has_it();
        daemon.is_established()
    });
    let announced = format!("ip.src == {LEFT} && bgp.prefix_length == 0");
    let before = capture.so_far().count(&announced);
    has_it();
    lab.wire.left.write("go", "");
    let again = || {
        has_it();
        capture.so_far().count(&announced) > before
    };
    wait_until("the default is said again", PATIENCE, again);
    has_it();
}

/// A line that works for three looks, and does not for the next three, and so on: fast enough to be up and down each time, were it
/// not held down.
fn need_1_a_flapping_line_does_not_flap_the_company(lab: &Lab) {
    let capture = Capture::start(&lab.wire.left);
    let daemon = lab.daemon();
    let folder = lab.wire.left.folder();
    lab.wire.left.write("looks", "");
    let lines = "looks=$(wc -l <looks)\necho >>looks\n[ ! -e flapping ] || [ $((looks / 3 % 2)) = 0 ]\n";
    let script = lab.wire.left.write("probe.sh", &format!("cd {}\n{lines}", folder.display()));
    let edge = lab.edge(&default_when(&format!(
        "command = [\"/bin/sh\", \"{}\"]\nrise = 2\nfall = 2\ninterval = \"20ms\"\nfast-interval = \"20ms\"\n\
         hold-down = \"1h\"\nhold-down-max = \"1h\"",
        script.display()
    )));
    wait_for_default(&daemon);
    let looks = || fs::read(folder.join("looks")).map_or(0, |looks| looks.len());
    let before = looks();
    lab.wire.left.write("flapping", "");
    wait_until("the line has flapped ten times", PATIENCE, || looks() >= before + 60);
    wait_for_no_default(&daemon);
    assert_eq!(states(&edge), ["up", "down"]);
    let withdrawals = format!("ip.src == {LEFT} && bgp.update.withdrawn_routes.length > 0");
    assert_eq!(capture.finish().count(&withdrawals), 1);
}

fn on_failure_the_default_stays_with_another_metric_a_longer_path_or_as_it_is(lab: &Lab) {
    let daemon = lab.daemon();
    let file = lab.wire.left.write("uplink-works", "");
    let originate = |prefix: &str, more: &str| {
        format!("[[originate]]\nprefix = \"{prefix}\"\nwhen = \"uplink\"\nmed = 10\n{more}\n")
    };
    let edge = lab.edge(
        &[
            originate("10.1.0.0/16", "on-failure = \"med\"\ndown-metric = 1000"),
            originate("10.2.0.0/16", "on-failure = \"prepend\"\ndown-prepend = 2"),
            originate("10.3.0.0/16", "on-failure = \"keep\""),
            originate("10.4.0.0/16", ""),
            format!("[[probe]]\nname = \"uplink\"\nfile = \"{}\"\n{FAST}", file.display()),
        ]
        .concat(),
    );
    let said = |prefix: &str| daemon.heard().remove(prefix).map(|path| (path.med, path.as_path.len()));
    let all = || ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"].map(said);
    let good = Some((Some(10), 1));
    wait_until("all are as they are meant to be", PATIENCE, || all() == [good; 4]);
    fs::remove_file(&file).expect("it is there");
    let failed = [Some((Some(1000), 1)), Some((Some(10), 3)), good, None];
    wait_until("each fails in its way", PATIENCE, || all() == failed);
    wait_until("and it is told why", PATIENCE, || edge.has_said("condition changed"));
    lab.wire.left.write("uplink-works", "");
    wait_until("all are back", PATIENCE, || all() == [good; 4]);
}

/// Before a probe has said anything, it is down: a default route is not announced on a guess.
#[test]
fn need_1_nothing_is_announced_before_the_first_rise() {
    let lab = Lab::new(GOBGP);
    let capture = Capture::start(&lab.wire.left);
    let daemon = lab.daemon();
    let edge = lab.edge(&format!(
        "{}\n[[originate]]\nprefix = \"10.1.0.0/16\"",
        default_when("command = [\"/bin/false\"]")
    ));
    daemon.wait_for_prefixes(1);
    wait_until("the probe is down", PATIENCE, || states(&edge) == ["down"]);
    assert_eq!(heard(&daemon), None);
    let announced = format!("ip.src == {LEFT} && bgp.prefix_length == 0");
    assert_eq!(capture.finish().count(&announced), 0);
}

/// Whoever would rather not withdraw at a restart says so. This probe never comes to an end.
#[test]
fn need_1_an_initial_up_is_announced_before_anything_was_seen() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon();
    let edge = lab.edge(&default_when(
        "command = [\"/bin/sleep\", \"1000\"]\ninitial = \"up\"\ntimeout = \"1h\"\nttl = \"1h\"",
    ));
    wait_for_default(&daemon);
    assert_eq!(states(&edge), Vec::<String>::new());
}

/// The kernel's route to a prefix, its loss by carrier, and the operator's file.
#[test]
fn need_1_a_route_of_the_kernel_decides_and_so_does_an_operators_file() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon();
    let edge = lab.edge(&default_when(&format!("route = \"{FAR}/32\"\ndisable = \"maintenance\"\n{FAST}")));
    wait_for_default(&daemon);
    let gone = |steps: usize| {
        wait_for_no_default(&daemon);
        edge.probe("uplink").get(steps).cloned().expect("it has changed").1
    };
    let route = format!("{FAR}/32");
    lab.wire.left.ip(&["route", "del", &route]);
    assert_eq!(gone(1), format!("the kernel has no route to {route}"));
    lab.wire.left.ip(&["route", "add", &route, "via", "203.0.113.2"]);
    wait_for_default(&daemon);
    // The far end of the link: the route stays where it is.
    lab.upstream.ip(&["link", "set", "wan0", "down"]);
    assert_eq!(gone(3), format!("no route to {route} has an interface with a carrier"));
    lab.upstream.ip(&["link", "set", "wan0", "up"]);
    wait_for_default(&daemon);
    // The own end: the kernel takes the route away without a word.
    lab.wire.left.ip(&["link", "set", "wan0", "down"]);
    assert_eq!(gone(5), format!("the kernel has no route to {route}"));
    lab.wire.left.ip(&["link", "set", "wan0", "up"]);
    lab.wire.left.ip(&["route", "add", &route, "via", "203.0.113.2"]);
    wait_for_default(&daemon);
    let maintenance = lab.wire.left.write("maintenance", "");
    assert_eq!(gone(7), format!("disabled by {}", maintenance.display()));
    fs::remove_file(&maintenance).expect("it is there");
    wait_for_default(&daemon);
}

/// A ping socket, without CAP_NET_RAW, where the sysctl lets it; and the words where it does not.
#[test]
fn icmp_needs_a_group_and_not_a_capability_and_says_so_without() {
    let lab = Lab::new(GOBGP);
    let run = || {
        let mut command = lab.wire.left.command("util-linux", "setpriv");
        let config = config(&default_when(&format!("icmp = \"{FAR}\"\n{FAST}")));
        let file = lab.wire.left.write("icmp.toml", &config);
        command.args(["--bounding-set=-net_raw", "--inh-caps=-net_raw"]).arg(quadzero_tests::binary());
        command.args(["run", "--log-format", "json", "-c"]).arg(file).env_remove("RUST_LOG");
        quadzero_tests::Process::start(&lab.wire.left, "icmp", command)
    };
    let said = |process: &quadzero_tests::Process, to: &str, reason: &str| {
        let events = process.events();
        events
            .iter()
            .any(|event| event["to"] == to && event["reason"].as_str().is_some_and(|r| r.contains(reason)))
    };
    lab.wire.left.sysctl("ipv4/ping_group_range", "1 0");
    let mut refused = run();
    wait_until("it is refused", PATIENCE, || said(&refused, "down", "net.ipv4.ping_group_range"));
    refused.kill();
    lab.wire.left.sysctl("ipv4/ping_group_range", "0 0");
    let allowed = run();
    wait_until("it is answered", PATIENCE, || said(&allowed, "up", "passed"));
}

/// Of another configuration, what is known stays known: a reload is no reason to withdraw. What a condition newly rests on is unknown,
/// and the plan says what follows.
#[test]
fn need_8_a_reload_leaves_what_probes_know_and_with_it_the_default() {
    let lab = Lab::new(GOBGP);
    let capture = Capture::start(&lab.wire.left);
    let daemon = lab.daemon();
    let file = lab.wire.left.write("uplink-works", "");
    let probe = |pace: &str| default_when(&format!("file = \"{}\"\n{pace}", file.display()));
    let edge = lab.edge(&probe(FAST));
    wait_for_default(&daemon);
    let tell = |words: &[&str]| Quadzero::tell(&lab.wire.left, words).expect("the edge takes it");
    let rewrite = |tables: &str| lab.wire.left.write("run.toml", &config(tables));

    // It looks hourly now, and would have to do so three times.
    rewrite(&probe("interval = \"1h\"\nfast-interval = \"1h\"\nttl = \"10h\"\ntimeout = \"1s\""));
    assert!(tell(&["reload"]).contains("probe uplink looks otherwise, and goes on from what it knows"));
    let shown = Quadzero::ask(&lab.wire.left, &["show", "probes"]).expect("it answers");
    assert_eq!(
        (&shown["probes"][0]["state"], &shown["conditions"][0]["holds"]),
        (&"up".into(), &true.into())
    );

    rewrite(
        &format!("{}[[probe]]\nname = \"other\"\ncommand = [\"/bin/false\"]\n", probe(FAST))
            .replace("when = \"uplink\"", "when = { all = [\"uplink\", \"other\"] }"),
    );
    let plan = tell(&["reload", "--plan"]);
    assert!(plan.contains("withdraws 0.0.0.0/0"), "{plan}");
    assert!(plan.contains("probe other is added, and knows nothing yet"), "{plan}");
    let withdrawals = format!("ip.src == {LEFT} && bgp.update.withdrawn_routes.length > 0");
    assert_eq!(capture.so_far().count(&withdrawals), 0);
    tell(&["reload"]);
    wait_for_no_default(&daemon);
    assert_eq!((edge.ups(), edge.downs()), (1, vec![]));
}

/// What people see at 3 a.m., and the same for programs.
#[test]
fn need_7_show_probes_and_why_name_the_probe_that_keeps_the_default_away() {
    let lab = Lab::new(FRR);
    let daemon = lab.daemon();
    let originate = "[[originate]]\nprefix = \"10.1.0.0/16\"\n";
    let _edge =
        lab.edge(&format!("{}{originate}", default_when(&format!("file = \"uplink-works\"\n{FAST}"))));
    daemon.wait_for_prefixes(1);
    let ask = |words: &[&str]| Quadzero::tell(&lab.wire.left, words);
    wait_until("the probe is down", PATIENCE, || {
        ask(&["show", "probes"]).is_ok_and(|table| table.contains("fails: it is withdrawn"))
    });
    let table = ask(&["show", "probes"]).expect("it answers");
    let folder = lab.wire.left.folder().display();
    assert!(table.contains(&format!("uplink  file {folder}/uplink-works  down")), "{table}");
    let why = ask(&["why", DEFAULT]).expect_err("it is not announced");
    assert!(why.contains("STOP  condition     It depends on \"uplink\", which fails"), "{why}");
    assert!(why.contains("quadzero show probes"), "{why}");
    let unknown = ask(&["announce", "10.2.0.0/16", "when=nobody"]).expect_err("there is no such probe");
    assert!(unknown.contains("no [[probe]] is called \"nobody\""), "{unknown}");
    // By hand it may depend on a probe as well, and comes with it.
    ask(&["announce", "10.2.0.0/16", "when=uplink"]).expect("there is such a probe");
    lab.wire.left.write("uplink-works", "");
    daemon.wait_for_prefixes(3);
    let events = ask(&["show", "events"]).expect("it answers");
    assert!(events.contains("\"uplink\" holds: probe \"uplink\" is up"), "{events}");
}

/// What a neighbor announces, as the condition of what it is told itself.
#[test]
fn a_learned_route_and_the_session_that_brings_it_are_probes() {
    let lab = Lab::new(GOBGP);
    let routes = vec!["203.0.113.128/25".to_owned()];
    let daemon = Daemon::start(FRR, &lab.wire.right, Neighbor { routes, ..Neighbor::PLAIN });
    let learned = format!("neighbor = \"daemon\"\nlearned = \"203.0.113.128/25\"\n{FAST}");
    let edge = lab.edge(&format!(
        "{}\n[[probe]]\nname = \"session\"\nneighbor = \"daemon\"\n{FAST}\n\
         [[originate]]\nprefix = \"10.1.0.0/16\"\nwhen = \"session\"\n",
        default_when(&learned)
    ));
    daemon.wait_for_prefixes(2);
    daemon.withdraw("203.0.113.128/25");
    wait_for_no_default(&daemon);
    daemon.wait_for_prefixes(1);
    // Both were down before there was a session.
    let last = |probe: &str| edge.probe(probe).pop().expect("it has changed");
    assert_eq!(last("uplink"), ("down".into(), "daemon does not announce 203.0.113.128/25".into()));
    assert_eq!(last("session").0, "up");
    drop(daemon);
    wait_until("the session is down", PATIENCE, || last("session").0 == "down");
    assert_eq!(last("session").1, "the session with daemon is not Established");
}

#[test]
fn bfd_is_a_probe() {
    let wire = Wire::new();
    let config = |own: &str, asn: u32, other: &str, remote: u32, tables: &str| {
        format!(
            "[bgp]\nasn = {asn}\nrouter-id = \"{own}\"\n[[neighbor]]\nname = \"there\"\naddress = \"{other}\"\n\
             remote-as = {remote}\nlocal-address = \"{own}\"\nbfd = true\n{tables}"
        )
    };
    let originate = default_when(&format!("bfd = \"there\"\n{FAST}"));
    let here = Quadzero::run(&wire.left, &config(LEFT, 65010, RIGHT, 65020, &originate));
    let there = Quadzero::run(
        &wire.right,
        &config(RIGHT, 65020, LEFT, 65010, "[[originate]]\nprefix = \"10.2.0.0/16\"\n"),
    );
    wait_until("BFD is up", PATIENCE, || states(&here).last().is_some_and(|state| state == "up"));
    there.signal("STOP");
    wait_until("BFD is down", PATIENCE, || states(&here).last().is_some_and(|state| state == "down"));
    let (_, why) = here.probe("uplink").pop().expect("it has changed");
    assert!(why.starts_with("BFD is "), "{why}");
    there.signal("CONT");
    wait_until("BFD is up again", PATIENCE, || states(&here).last().is_some_and(|state| state == "up"));
}

/// Sessions that hear it.
const SESSIONS: u8 = 100;
const ROUNDS: usize = 30;

/// From the failing result of a probe to the octets at each of 100 neighbors, through the same tasks as in the daemon. It asserts that
/// every neighbor hears it, and prints how soon; a busy machine is no error.
#[test]
fn need_2_the_time_from_a_failing_probe_to_the_withdrawal_on_every_session() {
    // An address of this run alone, and so a port of this run alone.
    let run = std::process::id().to_be_bytes();
    let here = Ipv4Addr::new(127, 77, run[2], run[3].max(1));
    let edge = edge_of_many(here);
    let (level, listened) = watch::channel(Some(Outcome::Passed));
    let (heard, news) = mpsc::sync_channel(4 * usize::from(SESSIONS));
    let (started, is_started) = mpsc::channel();
    std::thread::scope(|scope| {
        let (stop, stopped) = watch::channel(false);
        scope.spawn(move || single_thread().block_on(run_edge(edge, listened, started, stopped)));
        is_started.recv().expect("the edge listens");
        let (end, ended) = watch::channel(false);
        scope.spawn(move || single_thread().block_on(run_neighbors(here, heard, ended)));
        let withdrawals: Vec<Duration> = (0..ROUNDS).map(|_| round(&level, &news)).collect();
        print_times(withdrawals);
        end.send_replace(true);
        stop.send_replace(true);
    });
}

fn print_times(mut times: Vec<Duration>) {
    times.sort();
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!(
        "failing probe result -> withdrawal at the last of {SESSIONS} sessions, {ROUNDS} times: \
         min {min:?}, median {median:?}, max {max:?}"
    );
}

/// Up, until all have the route; down, and how long until none has.
fn round(level: &watch::Sender<Option<Outcome>>, news: &mpsc::Receiver<(bool, Instant)>) -> Duration {
    let all = |wanted: bool| {
        let each = (0..SESSIONS).map(|_| news.recv_timeout(PATIENCE).expect("every neighbor hears it"));
        let last = each.inspect(|(announced, _)| assert_eq!(*announced, wanted)).map(|(_, at)| at).max();
        last.expect("there are neighbors")
    };
    level.send_replace(Some(Outcome::Passed));
    all(true);
    let begin = Instant::now();
    level.send_replace(Some(Outcome::failed("pulled")));
    all(false).duration_since(begin)
}

fn single_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn edge_of_many(here: Ipv4Addr) -> Edge {
    let neighbors = (1..=SESSIONS).map(|i| {
        format!(
            "[[neighbor]]\nname = \"{i}\"\naddress = \"127.78.0.{i}\"\nremote-as = 65020\nmode = \"passive\"\nhold-time = 0\n"
        )
    });
    let text = format!(
        "[bgp]\nasn = 65010\nrouter-id = \"{here}\"\nlisten = [\"{here}:1790\"]\n{}{}",
        default_when("interface = \"lo\""),
        neighbors.collect::<String>()
    );
    Source { path: "many.toml".into(), text }.edge().value.expect("the configuration is right")
}

/// As the daemon does it.
async fn run_edge(
    edge: Edge,
    level: watch::Receiver<Option<Outcome>>,
    started: mpsc::Sender<()>,
    mut stopped: watch::Receiver<bool>,
) {
    let router = Router::start(&edge).expect("the edge starts");
    let moment = Duration::from_millis(1);
    let parameters = Parameters {
        rise: 1,
        fall: 1,
        interval: Duration::from_secs(1),
        fast_interval: moment,
        hold_down: moment,
        hold_down_max: moment,
        ..Parameters::default()
    };
    let mut prober = Prober::default();
    prober.listen("uplink".into(), level, parameters, None);
    let mut probes = Probes::with(prober);
    started.send(()).expect("the test waits");
    loop {
        tokio::select! {
            health = probes.changed() => { router.follow(&edge, &health); }
            _ = stopped.changed() => return,
        }
    }
}

async fn run_neighbors(
    edge: Ipv4Addr,
    heard: mpsc::SyncSender<(bool, Instant)>,
    mut ended: watch::Receiver<bool>,
) {
    let mut neighbors = tokio::task::JoinSet::new();
    for i in 1..=SESSIONS {
        neighbors.spawn(be_neighbor(Ipv4Addr::new(127, 78, 0, i), edge, heard.clone()));
    }
    tokio::select! {
        broken = neighbors.join_next() => panic!("a neighbor ends: {broken:?}"),
        _ = ended.changed() => {}
    }
}

/// Says what opens a session, and then only listens.
async fn be_neighbor(own: Ipv4Addr, edge: Ipv4Addr, heard: mpsc::SyncSender<(bool, Instant)>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(IpAddr::V4(own), 0)).expect("all of 127.0.0.0/8 is ours");
    let mut stream = socket.connect(SocketAddr::new(edge.into(), 1790)).await.expect("the edge listens");
    let open = Open {
        asn: Asn(65020),
        hold_time: HoldTime::ZERO,
        router_id: RouterId::new(own).expect("not 0"),
        capabilities: vec![],
    };
    let mut octets = BytesMut::new();
    for message in [Message::Open(open), Message::Keepalive] {
        message.encode(&Dialect::default(), &mut octets);
    }
    stream.write_all(&octets).await.expect("the edge reads");
    octets.clear();
    loop {
        assert_ne!(
            stream.read_buf(&mut octets).await.expect("the edge stays"),
            0,
            "the edge has closed the session"
        );
        let now = Instant::now();
        while let Some(message) = next_message(&mut octets) {
            // An UPDATE (RFC 4271 §4.3) that withdraws has a length there; End-of-RIB has neither that nor attributes.
            if message[18] == 2 && message.len() > 23 {
                let announces = message[19..21] == [0, 0];
                heard.send((announces, now)).expect("the test listens");
            }
        }
    }
}

/// RFC 4271 §4.1.
fn next_message(octets: &mut BytesMut) -> Option<BytesMut> {
    let length = usize::from(u16::from_be_bytes([*octets.get(16)?, *octets.get(17)?]));
    (octets.len() >= length).then(|| octets.split_to(length))
}
