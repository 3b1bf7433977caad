//! A running edge, told what to do: by signals and by its control socket, with GoBGP and FRR as those who see what comes of it.
//!
//! The names begin with the needs that users of other speakers have asked for: 3 a drain that is correct, 7 why a route is not
//! announced, 8 a reload that neither half-applies nor flaps, 11 failures in words that help (more of those in `tests/guest`).

use std::os::unix::fs::PermissionsExt;

use quadzero_tests::{
    Adapter, Capture, Daemon, FRR, GOBGP, LEFT, Namespace, Neighbor, PATIENCE, Process, Quadzero, RIGHT,
    Wire, suite, wait_until,
};
use serde_json::Value;

suite! {
    gobgp: Lab::new(GOBGP), frr: Lab::new(FRR);
    {
        need_3_sigterm_warns_waits_withdraws_and_says_so
        need_3_with_graceful_restart_a_drain_leaves_no_route_behind
        need_3_a_restart_is_not_heard_by_whoever_keeps_the_routes
        need_3_a_restart_says_good_bye_to_whoever_does_not
        need_3_a_drain_by_hand_keeps_the_session_and_is_taken_back
        need_8_a_broken_file_changes_nothing_and_no_session_flaps
        need_8_routes_timers_and_limits_change_and_no_session_flaps
        need_8_a_reset_is_planned_and_the_plan_is_what_happens
        need_8_a_neighbor_that_is_removed_is_told_so_and_one_that_is_added_comes_up
        need_8_a_reload_that_nobody_confirms_is_taken_back
        need_7_why_stops_where_the_route_does
        routes_by_hand_come_and_go_apart_from_the_file
    }
}

struct Lab {
    adapter: &'static dyn Adapter,
    capture: Capture,
    wire: Wire,
}

/// What is particular about the edge's file.
#[derive(Clone, Copy)]
struct File {
    drain: &'static str,
    originate: &'static str,
    /// Further keys of the neighbor.
    keys: &'static str,
    hold_time: u16,
}

const FILE: File = File {
    drain: "wait = \"2s\"\ntext = \"maintenance until 02:00\"",
    originate: "prefix = \"0.0.0.0/0\"",
    keys: "",
    hold_time: 9,
};

impl File {
    fn text(&self) -> String {
        let Self { drain, originate, keys, hold_time } = self;
        format!(
            r#"
            [bgp]
            asn = 65010
            router-id = "{LEFT}"
            listen = ["{LEFT}:179"]

            [drain]
            {drain}

            [[originate]]
            {originate}

            [[neighbor]]
            name = "daemon"
            address = "{RIGHT}"
            remote-as = 65020
            local-address = "{LEFT}"
            hold-time = {hold_time}
            connect-retry = "2s"
            idle-hold = "1s"
            {keys}
            "#
        )
    }
}

impl Lab {
    fn new(adapter: &'static dyn Adapter) -> Self {
        let wire = Wire::new();
        Self { adapter, capture: Capture::start(&wire.right), wire }
    }

    fn daemon(&self, neighbor: Neighbor) -> Daemon<'_> {
        Daemon::start(self.adapter, &self.wire.right, neighbor)
    }

    fn here(&self) -> &Namespace {
        &self.wire.left
    }

    fn edge(&self, file: File) -> Quadzero {
        let edge = Quadzero::run(self.here(), &file.text());
        wait_until("the edge can be asked", PATIENCE, || edge.has_said("started"));
        edge
    }

    fn rewrite(&self, file: File) {
        self.here().write("run.toml", &file.text());
    }

    fn ask(&self, words: &[&str]) -> Value {
        Quadzero::ask(self.here(), words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn tell(&self, words: &[&str]) -> String {
        Quadzero::tell(self.here(), words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// How often the session was established, and lost.
    fn sessions(&self) -> (u64, u64) {
        let summary = self.ask(&["show"]);
        let row = &summary["neighbors"][0];
        (row["established"].as_u64().expect("a number"), row["dropped"].as_u64().expect("a number"))
    }

    /// The number of the first frame that a filter finds.
    fn frame(&self, filter: &str) -> u64 {
        self.capture.wait_for(filter);
        let frames = self.capture.so_far().fields(filter, &["frame.number"]);
        frames[0][0].parse().expect("frames are numbered")
    }
}

/// The neighbor holds the default, and no other route.
fn has_the_default(daemon: &Daemon<'_>) {
    assert!(daemon.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
}

/// Whether the neighbor was told to use another way: it holds the default with GRACEFUL_SHUTDOWN and a longer path.
fn is_warned(daemon: &Daemon<'_>) -> bool {
    let heard = daemon.heard();
    let default = heard.get("0.0.0.0/0");
    default.is_some_and(|path| path.communities == ["65535:0"] && path.as_path == [65010; 4])
}

// Need 3: a drain that is correct by construction.

const WARNING: &str = "bgp.update.path_attribute.community_wellknown == 0xffff0000";
const WITHDRAWAL: &str = "bgp.type == 2 && bgp.update.withdrawn_routes.length > 0";

fn need_3_sigterm_warns_waits_withdraws_and_says_so(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let mut edge = lab.edge(FILE);
    has_the_default(&daemon);
    edge.signal("TERM");
    wait_until("the daemon is told to use another way", PATIENCE, || is_warned(&daemon));
    assert_eq!(edge.process_mut().exit(PATIENCE).code(), Some(0));
    daemon.wait_until_heard("maintenance until 02:00");
    let from_us = |filter: &str| lab.frame(&format!("ip.src == {LEFT} && {filter}"));
    let (warned, withdrawn) = (from_us(WARNING), from_us(WITHDRAWAL));
    let ceased = from_us("bgp.notify.major_error == 6 && bgp.notify.minor_error_cease == 2");
    assert!(warned < withdrawn && withdrawn <= ceased, "{warned}, {withdrawn}, {ceased}");
    // End-of-RIB: an UPDATE that says nothing; once behind the first routes, and once behind the last withdrawal.
    let nothing = format!("ip.src == {LEFT} && bgp.length == 23");
    lab.capture.wait_for_times(2, &nothing);
    assert_eq!(lab.capture.so_far().complaints(), "");
    let lines: Vec<String> =
        edge.process().events().iter().filter_map(|e| e["message"].as_str().map(str::to_owned)).collect();
    assert!(lines.iter().any(|line| line.starts_with("draining")), "{lines:?}");
}

/// What a session ends with is a Hard Reset (RFC 8538), or a NOTIFICATION where that ends graceful restart (RFC 4724).
fn need_3_with_graceful_restart_a_drain_leaves_no_route_behind(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { graceful_restart: true, ..Neighbor::PLAIN });
    let mut edge = lab.edge(File { keys: "graceful-restart = 120", ..FILE });
    has_the_default(&daemon);
    assert_eq!(edge.terminate().code(), Some(0));
    daemon.wait_for_prefixes(0);
}

/// RFC 4724: as a package's upgrade leaves, and comes back.
fn need_3_a_restart_is_not_heard_by_whoever_keeps_the_routes(lab: &Lab) {
    let daemon = lab.daemon(Neighbor { graceful_restart: true, ..Neighbor::PLAIN });
    let file = File { keys: "graceful-restart = 120", ..FILE };
    let mut edge = lab.edge(file);
    has_the_default(&daemon);
    daemon.wait_until_established();
    let has_it = || assert!(daemon.heard().contains_key("0.0.0.0/0"), "the route is never gone");
    lab.tell(&["drain", "--restart"]);
    assert_eq!(edge.process_mut().exit(PATIENCE).code(), Some(75));
    wait_until("the daemon notices", PATIENCE, || {
        has_it();
        !daemon.is_established()
    });
    let _edge = lab.edge(file);
    wait_until("the session is back", PATIENCE, || {
        has_it();
        daemon.is_established()
    });
    has_it();
    let told = format!("ip.src == {LEFT} && (bgp.type == 3 || ({WITHDRAWAL}))");
    assert!(lab.capture.so_far().fields(&told, &["frame.number"]).is_empty(), "nothing was said");
}

fn need_3_a_restart_says_good_bye_to_whoever_does_not(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let mut edge = lab.edge(FILE);
    has_the_default(&daemon);
    lab.tell(&["drain", "--restart"]);
    assert_eq!(edge.process_mut().exit(PATIENCE).code(), Some(75));
    daemon.wait_until_heard("maintenance until 02:00");
    daemon.wait_for_prefixes(0);
}

fn need_3_a_drain_by_hand_keeps_the_session_and_is_taken_back(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(FILE);
    has_the_default(&daemon);
    lab.tell(&["drain"]);
    wait_until("the daemon is told to use another way", PATIENCE, || is_warned(&daemon));
    daemon.wait_for_prefixes(0);
    assert_eq!(lab.ask(&["show"])["stage"], "drained");
    lab.tell(&["undrain"]);
    has_the_default(&daemon);
    assert!(!is_warned(&daemon));
    assert_eq!(lab.sessions(), (1, 0));
}

/// What the neighbor's operator reads in its log: the warning, and only then the withdrawal and End-of-RIB.
#[test]
fn need_3_the_neighbors_own_log_has_65535_0_before_the_withdrawal() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon(Neighbor::PLAIN);
    let mut edge = lab.edge(FILE);
    has_the_default(&daemon);
    assert_eq!(edge.terminate().code(), Some(0));
    daemon.wait_until_heard("maintenance until 02:00");
    let expected = ["announced", "end-of-rib", "warned", "withdrawn", "end-of-rib"];
    wait_until("its log has every step, in this order", PATIENCE, || {
        let steps: Vec<&str> = daemon.events().iter().filter_map(step).collect();
        assert!(expected.starts_with(&steps), "{steps:?}");
        steps.len() == expected.len()
    });
}

/// What a line of GoBGP's log says of an UPDATE. (A NOTIFICATION it logs from another thread, now and then before.)
fn step(event: &Value) -> Option<&'static str> {
    let has_some = |key: &str| event[key].as_array().is_some_and(|list| !list.is_empty());
    // 0xFFFF0000, in decimal.
    let is_warning = event["attributes"].to_string().contains("\"communities\":[4294901760]");
    match event["msg"].as_str()? {
        "received update" if has_some("withdrawals") => Some("withdrawn"),
        "received update" if has_some("nlri") => Some(if is_warning { "warned" } else { "announced" }),
        "EOR received" => Some("end-of-rib"),
        _ => None,
    }
}

#[test]
fn need_3_a_second_signal_does_not_wait() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon(Neighbor::PLAIN);
    let mut edge = lab.edge(File { drain: "wait = \"1h\"", ..FILE });
    has_the_default(&daemon);
    edge.signal("TERM");
    wait_until("the daemon is told to use another way", PATIENCE, || is_warned(&daemon));
    assert!(daemon.is_established());
    assert_eq!(edge.terminate().code(), Some(0));
    daemon.wait_until_heard("quadzero is shutting down");
    daemon.wait_for_prefixes(0);
}

/// Its deadline is its own: another one hears everything meanwhile.
#[test]
fn need_3_a_neighbor_that_does_not_read_keeps_nobody_from_leaving() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon(Neighbor { hold_time: 90, ..Neighbor::PLAIN });
    let mut edge = lab.edge(File { hold_time: 90, ..FILE });
    has_the_default(&daemon);
    daemon.signal("STOP");
    assert_eq!(edge.terminate().code(), Some(0));
    daemon.signal("CONT");
}

// Need 8: reload.

fn need_8_a_broken_file_changes_nothing_and_no_session_flaps(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let edge = lab.edge(FILE);
    has_the_default(&daemon);
    for broken in ["prefix = \"0.0.0.0/33\"", "prefix = ", "prefix = \"10.0.0.0/8\"\nmedd = 1"] {
        lab.rewrite(File { originate: broken, ..FILE });
        for words in [&["reload"][..], &["reload", "--plan"]] {
            let error = Quadzero::tell(lab.here(), words).expect_err("the file is broken");
            assert!(error.contains("run.toml:"), "{error}");
        }
    }
    edge.hang_up();
    wait_until("SIGHUP is refused", PATIENCE, || edge.has_said("SIGHUP: the file was not taken"));
    let refused = lab.ask(&["show", "events"]);
    let refused =
        refused.as_array().expect("a list").iter().filter(|event| event["kind"] == "reload-refused");
    assert_eq!(refused.count(), 4);
    has_the_default(&daemon);
    assert_eq!(lab.sessions(), (1, 0));
}

/// An address that cannot be listened on: nothing of the rest is done either.
#[test]
fn need_8_what_the_system_refuses_leaves_everything_as_it_was() {
    let lab = Lab::new(FRR);
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(FILE);
    has_the_default(&daemon);
    let mut holder = lab.here().command("quadzero-tests", env!("CARGO_BIN_EXE_launch"));
    let taken = format!("{LEFT}:1790");
    holder.args(["--socket", &taken, "--", "sleep", "infinity"]);
    let holder = Process::start(lab.here(), "holder", holder);
    let name = format!("/proc/{}/comm", holder.id());
    wait_until("somebody else has the port", PATIENCE, || {
        std::fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n")
    });
    let new = File { originate: "prefix = \"10.0.0.0/8\"", ..FILE }.text();
    lab.here().write("run.toml", &new.replace(&format!("\"{LEFT}:179\""), &format!("\"{taken}\"")));
    let error = Quadzero::tell(lab.here(), &["reload"]).expect_err("the port is in use");
    assert!(error.contains(&format!("cannot listen on {taken}: Address already in use")), "{error}");
    has_the_default(&daemon);
    assert_eq!(lab.sessions(), (1, 0));
    // It listens where it did.
    assert_eq!(lab.here().connections("listening"), 1);
}

fn need_8_routes_timers_and_limits_change_and_no_session_flaps(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let edge = lab.edge(FILE);
    has_the_default(&daemon);
    let keys = "keepalive = \"1s\"\nmax-prefixes-out = 5\nmed = 7\nmode = \"active\"";
    let two = "prefixes = [\"0.0.0.0/0\", \"10.0.0.0/8\"]";
    lab.rewrite(File { originate: two, keys, ..FILE });
    let plan = lab.ask(&["reload", "--plan"]);
    let step = &plan["neighbors"][0];
    assert_eq!((&step["action"], &step["announced-total"]), (&"keep".into(), &2.into()), "{plan}");
    let in_place: Vec<&str> =
        step["in-place"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(in_place, ["mode", "keepalive", "max-prefixes-out"]);
    assert_eq!(daemon.heard().len(), 1, "a plan does nothing");

    edge.hang_up();
    let heard = daemon.wait_for_prefixes(2);
    assert!(heard.contains_key("10.0.0.0/8"));
    wait_until("the MED is another", PATIENCE, || daemon.heard().values().all(|path| path.med == Some(7)));
    lab.rewrite(FILE);
    lab.tell(&["reload"]);
    has_the_default(&daemon);
    assert_eq!(lab.sessions(), (1, 0));
    assert_eq!(lab.capture.so_far().count("bgp.type == 3"), 0);
}

fn need_8_a_reset_is_planned_and_the_plan_is_what_happens(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(FILE);
    has_the_default(&daemon);
    lab.rewrite(File { hold_time: 6, ..FILE });
    let plan = lab.ask(&["reload", "--plan"]);
    assert_eq!(plan["neighbors"][0]["action"], "reset");
    assert_eq!(plan["neighbors"][0]["resets"][0]["key"], "hold-time");
    assert_eq!(lab.sessions(), (1, 0));

    assert_eq!(lab.ask(&["reload"]), plan);
    let notified = format!("ip.src == {LEFT} && bgp.notify.minor_error_cease == 6");
    lab.capture.wait_for(&notified);
    // RFC 9003 §2: a text is for Administrative Shutdown and Reset alone.
    let lengths = lab.capture.so_far().fields(&notified, &["bgp.length"]);
    assert!(lengths[0].iter().any(|length| length.split(',').any(|one| one == "21")), "{lengths:?}");
    wait_until("the session is back", PATIENCE, || lab.sessions() == (2, 1));
    has_the_default(&daemon);
    let agreed = lab.ask(&["show", "neighbor", "daemon"]);
    assert_eq!(agreed[0]["negotiated"]["hold-time"], 6);
    assert_eq!(lab.tell(&["reload", "--plan"]), "nothing changes\n");
}

fn need_8_a_neighbor_that_is_removed_is_told_so_and_one_that_is_added_comes_up(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(FILE);
    has_the_default(&daemon);
    let other =
        FILE.text().replace(&format!("\"{RIGHT}\""), "\"192.0.2.77\"").replace("\"daemon\"", "\"other\"");
    lab.here().write("run.toml", &other);
    let plan = lab.ask(&["reload"]);
    let actions: Vec<&Value> =
        plan["neighbors"].as_array().expect("a list").iter().map(|s| &s["action"]).collect();
    assert_eq!(actions, ["remove", "add"]);
    lab.capture.wait_for(&format!("ip.src == {LEFT} && bgp.notify.minor_error_cease == 3"));
    daemon.wait_for_prefixes(0);
    let names = lab.ask(&["show"]);
    assert_eq!(names["neighbors"].as_array().map(Vec::len), Some(1));
    assert_eq!(names["neighbors"][0]["name"], "other");
    lab.rewrite(FILE);
    lab.tell(&["reload"]);
    has_the_default(&daemon);
}

fn need_8_a_reload_that_nobody_confirms_is_taken_back(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(FILE);
    has_the_default(&daemon);
    let two = File { originate: "prefixes = [\"0.0.0.0/0\", \"10.0.0.0/8\"]", ..FILE };
    lab.rewrite(two);
    lab.tell(&["reload", "--confirm", "3s"]);
    daemon.wait_for_prefixes(2);
    let again = Quadzero::tell(lab.here(), &["reload"]).expect_err("one at a time");
    assert!(again.contains("quadzero confirm"), "{again}");
    has_the_default(&daemon);
    assert!(lab.tell(&["show"]).starts_with("AS 65010"));

    lab.tell(&["reload", "--confirm", "1h"]);
    daemon.wait_for_prefixes(2);
    assert!(lab.tell(&["show"]).contains("unless `quadzero confirm` is said"));
    lab.tell(&["confirm"]);
    assert!(!lab.tell(&["show"]).contains("confirm"));
    assert!(Quadzero::tell(lab.here(), &["confirm"]).expect_err("once").contains("no reload waits"));
    assert_eq!(daemon.heard().len(), 2);
    assert_eq!(lab.sessions(), (1, 0));
}

// Need 7: why is my route not advertised?

/// The last rung of the ladder, and what it says to do.
fn last_rung(lab: &Lab, prefix: &str) -> (String, String) {
    let mut client = Quadzero::client(lab.here(), &["why", prefix, "--to", "daemon", "--json"]);
    let out = client.output().expect("the client runs");
    let answer: Value = serde_json::from_slice(&out.stdout).expect("the answer is JSON");
    let ladder = answer["neighbors"][0]["ladder"].as_array().expect("a ladder");
    let last = ladder.last().expect("a rung");
    assert_eq!(out.status.success(), last["passes"] == true, "{answer}");
    let text = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
    (text("rung"), format!("{} {}", text("says"), text("to_do")))
}

fn need_7_why_stops_where_the_route_does(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let originate = "prefixes = [\"0.0.0.0/0\", \"2001:db8::/32\"]";
    let _edge = lab.edge(File { originate, ..FILE });
    has_the_default(&daemon);
    wait_until("all is said", PATIENCE, || lab.ask(&["show"])["neighbors"][0]["in-sync"] == true);

    let (rung, says) = last_rung(lab, "0.0.0.0/0");
    assert!(rung == "wire" && says.contains("said, and not taken back since: ffff"), "{says}");
    // The octets are those that were on the wire.
    let octets = says.split_whitespace().find(|word| word.starts_with("ffffffff")).expect("octets");
    let seen = format!("ip.src == {LEFT} && tcp.payload contains {}", pairs(octets));
    lab.capture.wait_for(&seen);

    assert_eq!(last_rung(lab, "10.9.0.0/16").0, "configuration");
    let (rung, says) = last_rung(lab, "2001:db8::/32");
    assert!(rung == "policy" && says.contains("families"), "{rung}: {says}");
    lab.tell(&["withdraw", "0.0.0.0/0"]);
    assert_eq!(last_rung(lab, "0.0.0.0/0").0, "by hand");
    lab.tell(&["announce", "0.0.0.0/0"]);
    lab.tell(&["neighbor", "stop", "daemon", "--text", "for a moment"]);
    daemon.wait_until_heard("for a moment");
    let (rung, says) = last_rung(lab, "0.0.0.0/0");
    assert!(rung == "session" && says.contains("quadzero neighbor start daemon"), "{says}");
    lab.tell(&["neighbor", "start", "daemon"]);
    has_the_default(&daemon);
    lab.tell(&["drain"]);
    wait_until("everything is withdrawn", PATIENCE, || lab.ask(&["show"])["stage"] == "drained");
    assert_eq!(last_rung(lab, "0.0.0.0/0").0, "drain");
}

/// `ab:cd:..`, as display filters have octets.
fn pairs(hex: &str) -> String {
    let octets: Vec<&str> = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]).collect();
    octets.join(":")
}

// Need 11: failures in words that help.

#[test]
fn need_11_a_wrong_as_says_whose_and_where_to_mend_it() {
    let lab = Lab::new(GOBGP);
    let _daemon = lab.daemon(Neighbor { remote_as: 65011, ..Neighbor::PLAIN });
    let _edge = lab.edge(FILE);
    wait_until("the session is refused, and why says so", PATIENCE, || {
        let (rung, says) = last_rung(&lab, "0.0.0.0/0");
        rung == "session" && says.contains("Bad Peer AS") && says.contains("remote-as there")
    });
}

#[test]
fn need_11_a_neighbor_that_wants_a_key_is_silence_and_the_key_is_named() {
    let lab = Lab::new(GOBGP);
    let _daemon = lab.daemon(Neighbor { password: "secret", ..Neighbor::PLAIN });
    let _edge = lab.edge(FILE);
    wait_until("the dial fails, and the key is named", PATIENCE, || {
        let (rung, says) = last_rung(&lab, "0.0.0.0/0");
        rung == "session" && says.contains("TCP MD5 key")
    });
}

#[test]
fn need_11_a_socket_that_nobody_answers_says_where_and_what_to_look_at() {
    let lab = Lab::new(GOBGP);
    let error = Quadzero::tell(lab.here(), &["show"]).expect_err("nobody runs");
    assert!(error.contains("control.sock") && error.contains("is quadzero run there?"), "{error}");
}

// By hand, and the socket.

fn routes_by_hand_come_and_go_apart_from_the_file(lab: &Lab) {
    let daemon = lab.daemon(Neighbor::PLAIN);
    let file = FILE.text().replace("[drain]", "[control]\nkeep = \"kept.json\"\n[drain]");
    let mut edge = Quadzero::run(lab.here(), &file);
    has_the_default(&daemon);
    lab.tell(&["announce", "203.0.113.0/24", "med=5", "communities=65010:7", "--keep"]);
    lab.tell(&["announce", "198.51.100.0/24"]);
    let heard = daemon.wait_for_prefixes(3);
    let by_hand = &heard["203.0.113.0/24"];
    assert_eq!((by_hand.med, by_hand.communities.clone()), (Some(5), vec!["65010:7".to_owned()]));
    assert_eq!(lab.ask(&["show", "policy"])["by-hand"].as_array().map(Vec::len), Some(2));
    let wrong = Quadzero::tell(lab.here(), &["announce", "10.0.0.0/8", "med=high"]).expect_err("no number");
    assert!(wrong.contains("expected an integer"), "{wrong}");
    // A reload is about the file.
    lab.tell(&["reload"]);
    lab.tell(&["withdraw", "0.0.0.0/0"]);
    assert!(!daemon.wait_for_prefixes(2).contains_key("0.0.0.0/0"));

    assert_eq!(edge.terminate().code(), Some(0));
    daemon.wait_for_prefixes(0);
    let _edge = Quadzero::run(lab.here(), &file);
    let heard = daemon.wait_for_prefixes(2);
    assert!(heard.contains_key("0.0.0.0/0") && heard.contains_key("203.0.113.0/24"), "{heard:?}");
}

#[test]
fn the_socket_is_for_its_owner_alone() {
    let lab = Lab::new(GOBGP);
    let _edge = lab.edge(FILE);
    let socket = lab.here().path("control.sock");
    let mode = std::fs::metadata(&socket).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut other = lab.here().command("util-linux", "setpriv");
    other.args(["--reuid", "65534", "--clear-groups"]);
    let client = Quadzero::client(lab.here(), &["show", "--socket"]);
    // nsenter needs root: it is the program behind it that is somebody else.
    other.args(client.get_args().skip(1)).arg(&socket);
    let out = other.output().expect("the client runs");
    assert!(!out.status.success());
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("control.sock: Permission denied"), "{said}");
}

#[test]
fn events_are_followed_as_they_happen() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon(Neighbor::PLAIN);
    let _edge = lab.edge(FILE);
    has_the_default(&daemon);
    let client = Quadzero::client(lab.here(), &["show", "events", "--follow", "--json"]);
    let follower = Process::start(lab.here(), "follower", client);
    wait_until("what was is told", PATIENCE, || follower.log().contains("\"session-up\""));
    lab.tell(&["announce", "203.0.113.0/24"]);
    wait_until("a route is told as it goes", PATIENCE, || {
        follower.log().contains("announced 203.0.113.0/24")
    });
    lab.tell(&["neighbor", "reset", "daemon", "--text", "a new begin"]);
    for what in ["\"operator\"", "\"session-down\"", "a new begin"] {
        wait_until(&format!("{what} is told as it happens"), PATIENCE, || follower.log().contains(what));
    }
    daemon.wait_until_heard("a new begin");
    wait_until("the session is back", PATIENCE, || lab.sessions() == (2, 1));
}
