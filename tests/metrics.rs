//! A running edge, watched: its metrics, whether it is ready, and what it writes down, while its way out fails and comes back before
//! GoBGP and FRR. And what is shipped to look at it, read by Prometheus' own tools.
//!
//! ```text
//!    upstream 198.51.100.1 ---- wan0 [ quadzero 192.0.2.1 ] wire ---- [ gobgpd or FRR 192.0.2.2 ]
//!                                       metrics.sock, audit.jsonl
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quadzero_tests::{
    Adapter, Daemon, FAR, FRR, GOBGP, LEFT, Namespace, Neighbor, PATIENCE, Quadzero, RIGHT, Wire, installed,
    root, wait_for, wait_until,
};
use serde_json::Value;

/// The edge on the left, and beyond it an upstream that answers.
struct Lab {
    wire: Wire,
    upstream: Namespace,
}

impl Lab {
    fn new() -> Self {
        let (wire, upstream) = Wire::with_upstream();
        Self { wire, upstream }
    }

    fn daemon(&self, adapter: &'static dyn Adapter) -> Daemon<'_> {
        Daemon::start(adapter, &self.wire.right, Neighbor::PLAIN)
    }

    fn edge(&self, audit: &str) -> Quadzero {
        let text = format!(
            r#"
            [bgp]
            asn = 65010
            router-id = "{LEFT}"
            [metrics]
            socket = "metrics.sock"
            [audit]
            file = "{audit}"
            [drain]
            wait = "1s"
            [[neighbor]]
            name = "daemon"
            address = "{RIGHT}"
            remote-as = 65020
            connect-retry = "2s"
            idle-hold = "1s"
            idle-hold-max = "2s"
            [[originate]]
            prefix = "0.0.0.0/0"
            when = "line"
            [[probe]]
            name = "line"
            icmp = "{FAR}"
            bind-interface = "wan0"
            local-address = "203.0.113.1"
            timeout = "2s"
            interval = "200ms"
            fast-interval = "100ms"
            hold-down = "100ms"
            hold-down-max = "100ms"
            "#
        );
        let edge = Quadzero::run(&self.wire.left, &text);
        wait_until("the edge is there", PATIENCE, || edge.has_said("started"));
        edge
    }

    fn line(&self, state: &str) {
        self.upstream.ip(&["link", "set", "wan0", state]);
    }

    /// The status and the body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(self.wire.left.path("metrics.sock")).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("it takes a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no status: {head}")), body.to_owned())
    }

    fn metrics(&self) -> String {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        text
    }

    fn sample(&self, series: &str) -> f64 {
        let text = self.metrics();
        let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let found = found.unwrap_or_else(|| panic!("no {series} in\n{text}"));
        found.parse().expect("a number")
    }

    fn wait_for_sample(&self, series: &str, wanted: f64) {
        wait_until(&format!("{series} is {wanted}"), PATIENCE, || self.sample(series) == wanted);
    }

    fn wait_for_ready(&self, wanted: u16) -> String {
        wait_for(&format!("/readyz is {wanted}"), PATIENCE, || {
            let (status, body) = self.get("/readyz");
            (status == wanted).then_some(body)
        })
    }

    fn tell(&self, words: &[&str]) {
        Quadzero::tell(&self.wire.left, words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }
}

fn wait_for_default(daemon: &Daemon<'_>, wanted: bool) {
    wait_until("the daemon has what it should", PATIENCE, || {
        daemon.heard().contains_key("0.0.0.0/0") == wanted
    });
}

/// The lines of an audit file: each is JSON, and whole.
fn audit(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("there is an audit file");
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(read).collect()
}

const OF_DAEMON: &str = "{peer=\"192.0.2.2\",neighbor=\"daemon\"}";
const OF_DEFAULT: &str = "{name=\"default\",prefix=\"0.0.0.0/0\"}";

fn of_daemon(name: &str) -> String {
    format!("{name}{OF_DAEMON}")
}

/// Everything at once, since it is one story.
fn the_line_fails_and_comes_back_and_whoever_watches_sees_it(adapter: &'static dyn Adapter) {
    let lab = Lab::new();
    let mut daemon = Some(lab.daemon(adapter));
    let mut edge = lab.edge("audit.jsonl");
    wait_for_default(daemon.as_ref().expect("it runs"), true);
    assert_eq!(lab.wait_for_ready(200), "ready\n");
    assert_eq!(lab.get("/healthz"), (200, "ok\n".to_owned()));
    lab.wait_for_sample(&of_daemon("bgp_peer_prefixes_advertised"), 1.0);
    promtool(&["check", "metrics"], &lab.metrics());
    let now = || {
        let samples = [
            "quadzero_probe_up{probe=\"line\"}".to_owned(),
            format!("quadzero_condition_holds{OF_DEFAULT}"),
            of_daemon("bgp_peer_prefixes_advertised"),
            "bgp_peer_advertised_space_ratio{peer=\"192.0.2.2\",neighbor=\"daemon\",family=\"ipv4-unicast\"}"
                .into(),
            "quadzero_withdraw_latency_seconds_count".into(),
        ];
        samples.map(|series| lab.sample(&series))
    };
    assert_eq!(now(), [1.0, 1.0, 1.0, 1.0, 0.0]);

    lab.line("down");
    wait_for_default(daemon.as_ref().expect("it runs"), false);
    lab.wait_for_sample("quadzero_withdraw_latency_seconds_count", 1.0);
    println!("from the report to the withdrawal: {} s", lab.sample("quadzero_withdraw_latency_seconds_sum"));
    assert_eq!(now(), [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(lab.sample("quadzero_withdraw_pending"), 0.0);
    assert_eq!(lab.wait_for_ready(200), "ready\n", "to announce nothing is what it should");
    promtool(&["check", "metrics"], &lab.metrics());

    lab.line("up");
    wait_for_default(daemon.as_ref().expect("it runs"), true);
    lab.wait_for_sample(&of_daemon("bgp_peer_prefixes_advertised"), 1.0);
    assert_eq!(now(), [1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(lab.sample(&of_daemon("bgp_peer_established_total")), 1.0, "it was another line");

    daemon.take();
    let lacks = lab.wait_for_ready(503);
    assert!(lacks.contains("neighbor daemon (192.0.2.2): the session is "), "{lacks}");
    lab.tell(&["neighbor", "stop", "daemon"]);
    lab.wait_for_ready(200);
    assert_eq!(lab.sample(&of_daemon("bgp_peer_admin_up")), 0.0);
    lab.tell(&["neighbor", "start", "daemon"]);
    daemon = Some(lab.daemon(adapter));
    lab.wait_for_ready(200);
    wait_for_default(daemon.as_ref().expect("it runs"), true);

    lab.tell(&["drain"]);
    let lacks = lab.wait_for_ready(503);
    assert!(lacks.contains("drained"), "{lacks}");
    lab.wait_for_sample("quadzero_drain_stage", 2.0);
    lab.tell(&["undrain"]);
    lab.wait_for_ready(200);
    lab.wire.left.write("run.toml", "no file of ours");
    edge.hang_up();
    lab.wait_for_sample("quadzero_reloads_total{result=\"refused\"}", 1.0);
    assert!(edge.terminate().success());
    the_file_tells_the_story(&lab.wire.left.path("audit.jsonl"));
}

fn the_file_tells_the_story(path: &Path) {
    assert_eq!(fs::metadata(path).expect("it is there").permissions().mode() & 0o777, 0o600);
    let lines = audit(path);
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().expect("a kind")).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"start"), Some(&"stop")), "{kinds:?}");
    let told = |what: &str| -> Vec<&Value> {
        let is_it =
            |line: &&Value| line["neighbor"] == "daemon" && line[what] == serde_json::json!(["0.0.0.0/0"]);
        lines.iter().filter(is_it).collect()
    };
    // Withdrawn with the line, by the drain, and at the end; announced to each session, with the line, and by the undrain.
    let because = |lines: &[&Value]| -> Vec<String> {
        lines.iter().map(|line| line["because"].as_str().unwrap_or("for no reason").to_owned()).collect()
    };
    let withdrawn = because(&told("withdrawn"));
    assert!(withdrawn[0].starts_with("\"line\" does not hold: "), "{withdrawn:?}");
    assert_eq!(withdrawn[1], "we are drained");
    let announced: BTreeSet<String> = because(&told("announced")).into_iter().collect();
    assert!(announced.contains("the session is new") && announced.contains("we stay"), "{announced:?}");
    assert!(announced.iter().any(|why| why.starts_with("\"line\" holds: ")), "{announced:?}");
    let of_operator =
        |kind: &str| lines.iter().find(|line| line["kind"] == kind).map(|line| line["uid"].clone());
    for kind in ["operator", "drain", "undrain"] {
        assert_eq!(of_operator(kind), Some(0.into()), "{kind}: root has asked for it");
    }
    assert_eq!(of_operator("reload-refused"), Some(Value::Null), "a signal is nobody's");
    for kind in ["session-up", "session-down", "condition", "announced"] {
        assert_eq!(of_operator(kind), Some(Value::Null), "{kind} has no user");
    }
}

#[test]
fn gobgp_the_line_fails_and_comes_back_and_whoever_watches_sees_it() {
    the_line_fails_and_comes_back_and_whoever_watches_sees_it(GOBGP);
}

#[test]
fn frr_the_line_fails_and_comes_back_and_whoever_watches_sees_it() {
    the_line_fails_and_comes_back_and_whoever_watches_sees_it(FRR);
}

/// A file system of its own, of which there is little.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Self {
        fs::create_dir(&path).expect("the test's own folder can be written");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&path);
        assert!(command.status().expect("mount runs").success());
        Self(path)
    }

    /// To the last octet; the file that does it.
    fn fill(&self) -> PathBuf {
        let ballast = self.0.join("ballast");
        let mut file = fs::File::create(&ballast).expect("there is room for a name");
        while file.write_all(&[0; 512]).is_ok() {}
        ballast
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_lines_of_the_audit_file_and_no_session_and_is_told_once() {
    let lab = Lab::new();
    let disk = SmallDisk::mount(lab.wire.left.path("disk"));
    let daemon = lab.daemon(GOBGP);
    let edge = lab.edge("disk/audit.jsonl");
    wait_for_default(&daemon, true);
    let ballast = disk.fill();
    let mut said = 0;
    wait_until("the audit file cannot be written", PATIENCE, || {
        said += 1;
        lab.tell(&["announce", &format!("10.{said}.0.0/16")]);
        lab.sample("quadzero_audit_lost_total") > 2.0
    });
    wait_until("what was said by hand is announced", PATIENCE, || daemon.heard().len() == said + 1);
    fs::remove_file(ballast).expect("it is there");
    lab.tell(&["announce", "192.168.0.0/16"]);
    wait_until("it is written again", PATIENCE, || edge.has_said("the audit file is written again"));
    let complaints = edge.process().log().matches("the audit file cannot be written").count();
    assert_eq!((complaints, edge.ups(), edge.downs().len()), (1, 1, 0));
    let lines = audit(&disk.0.join("audit.jsonl"));
    let lost = lines.iter().find(|line| line["kind"] == "audit-lost").expect("it says what it lacks");
    assert_eq!(lost["lost"].as_f64(), Some(lab.sample("quadzero_audit_lost_total")));
    let (before, after) =
        (lost["lost"].as_u64().expect("a number"), lines.iter().filter_map(|line| line["id"].as_u64()));
    let ids: Vec<u64> = after.collect();
    let last = ids.last().expect("there are some");
    assert_eq!(ids.len() as u64 + before, *last, "what is not there was counted");
}

/// Runs it with that on its standard input.
fn promtool(words: &[&str], input: &str) {
    let mut command = Command::new(installed("prometheus", Path::new("promtool")));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let out = child.wait_with_output().expect("it ends");
    let said = [&out.stdout, &out.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
    assert!(out.status.success(), "promtool {words:?}: {said:?}\n{input}");
}

#[test]
fn the_alerts_are_rules_and_each_has_its_test() {
    let folder = root().join("config/grafana");
    let file = |name: &str| folder.join(name).display().to_string();
    promtool(&["check", "rules", &file("alerts.yml")], "");
    promtool(&["test", "rules", &file("alerts-test.yml")], "");
    let [rules, tests] =
        ["alerts.yml", "alerts-test.yml"].map(|name| fs::read_to_string(file(name)).expect("it is there"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 14, "{alerts:?}");
    for alert in alerts {
        assert!(
            tests.contains(&format!("        alertname: {alert}\n        exp_alerts:\n")),
            "{alert} has no test"
        );
    }
}

/// As rules, with what Grafana puts in for its variables.
#[test]
fn what_the_dashboard_asks_is_promql() {
    let text = fs::read_to_string(root().join("config/grafana/dashboard.json")).expect("it is there");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, target) in targets.enumerate() {
        let asks = target["expr"].as_str().expect("a question");
        let asks =
            asks.replace("$__rate_interval", "1m").replace("$job", "quadzero").replace("$instance", ".*");
        rules += &format!("  - record: question_{number}\n    expr: {}\n", serde_json::json!(asks));
    }
    assert!(rules.matches("record:").count() >= 25, "{rules}");
    let wire = Namespace::alone("198.51.100.9/32");
    let file = wire.write("dashboard.yml", &rules);
    promtool(&["check", "rules", &file.display().to_string()], "");
}
