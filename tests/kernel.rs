//! What the kernel has of what was learned, with GoBGP, FRR and the mock gateway as those who announce it. Need 6 of those who
//! run such edges: no route that is learned takes away the path that carries the session.
//!
//! ```text
//!   left, the edge                                            right
//!   wire 192.0.2.1, "the tunnel" ───────────────────────────── 192.0.2.2, the gateway
//!   isp  198.51.100.9, default route to .1, "the Internet" ─── 198.51.100.1, behind it 203.0.113.4, the tunnel's far end
//! ```

use quadzero_tests::{
    Adapter, Daemon, FRR, GOBGP, LEFT, LEFT6, Namespace, Neighbor, PATIENCE, Process, Quadzero, RIGHT,
    RIGHT6, suite, wait_for, wait_until,
};
use serde_json::Value;
use std::collections::BTreeSet;

suite! {
    gobgp: Lab::new(GOBGP), frr: Lab::new(FRR);
    {
        need_6_a_default_and_a_prefix_over_the_tunnels_far_end_do_not_take_the_session_away
        need_6_without_a_way_to_the_far_end_what_covers_it_goes
        routes_are_in_the_table_of_their_own_and_go_with_their_withdrawal_and_with_us
        need_6_a_kill_leaves_no_route_that_nobody_announces_and_takes_none_that_somebody_does
        a_restart_leaves_the_routes_for_the_next_start
        ipv6_routes_are_installed_as_well
    }
}

const TABLE: &str = "254";

struct Lab {
    adapter: &'static dyn Adapter,
    left: Namespace,
    right: Namespace,
}

impl Lab {
    fn new(adapter: &'static dyn Adapter) -> Self {
        let (left, right) = Namespace::pair(&["wire", "isp"]);
        for (end, wire, wire6, isp) in
            [(&left, LEFT, LEFT6, "198.51.100.9"), (&right, RIGHT, RIGHT6, "198.51.100.1")]
        {
            end.ip(&["addr", "add", &format!("{wire}/24"), "dev", "wire"]);
            end.ip(&["addr", "add", &format!("{wire6}/64"), "dev", "wire", "nodad"]);
            end.ip(&["addr", "add", &format!("{isp}/24"), "dev", "isp"]);
        }
        left.ip(&["route", "add", "default", "via", "198.51.100.1"]);
        right.ip(&["addr", "add", "203.0.113.4/32", "dev", "lo"]);
        Self { adapter, left, right }
    }

    fn daemon(&self, routes: &[&str]) -> Daemon<'_> {
        let routes = routes.iter().map(|prefix| (*prefix).to_owned()).collect();
        Daemon::start(self.adapter, &self.right, Neighbor { routes, ..Neighbor::PLAIN })
    }

    fn edge(&self, kernel: &str) -> Quadzero {
        self.run(&config(kernel, LEFT, RIGHT))
    }

    fn run(&self, config: &str) -> Quadzero {
        let edge = Quadzero::run(&self.left, config);
        wait_until("the edge can be asked", PATIENCE, || Quadzero::tell(&self.left, &["show"]).is_ok());
        edge
    }

    /// Prefixes of our routes in a table, by the number that they are known by.
    fn routes(&self, table: &str) -> BTreeSet<String> {
        let shown = ["-4", "-6"]
            .map(|family| self.left.ask_ip(&[family, "-j", "route", "show", "table", "all", "proto", "179"]));
        let rows = shown.iter().flat_map(|json| rows(json));
        let is_there = |row: &Value| match row["table"].as_str() {
            None | Some("main") => table == TABLE,
            Some(name) => name == table,
        };
        rows.filter(is_there).map(|row| row["dst"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn wait_for_routes(&self, table: &str, prefixes: &[&str]) {
        let expected: BTreeSet<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        let mut last = BTreeSet::new();
        let end = std::time::Instant::now() + PATIENCE;
        while last != expected {
            assert!(std::time::Instant::now() < end, "expected {expected:?}, the kernel has {last:?}");
            std::thread::sleep(std::time::Duration::from_millis(50));
            last = self.routes(table);
        }
    }

    /// By which interface a packet leaves.
    fn way(&self, to: &str) -> String {
        let row = &rows(&self.left.ask_ip(&["-j", "route", "get", to]))[0];
        row["dev"].as_str().unwrap_or_else(|| panic!("no interface: {row}")).to_owned()
    }

    fn ask(&self, words: &[&str]) -> Value {
        Quadzero::ask(&self.left, words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Why a prefix is kept out, once it is.
    fn refusal(&self, prefix: &str) -> String {
        wait_for(&format!("{prefix} is kept out"), PATIENCE, || {
            let answer = self.ask(&["show", "kernel"]);
            let refused = answer["refused"].as_array()?.iter().find(|row| row["prefix"] == prefix)?.clone();
            Some(format!("{}: {}", refused["why"].as_str()?, refused["to-do"].as_str()?))
        })
    }

    /// How often the session was established, and lost.
    fn sessions(&self) -> (u64, u64) {
        let row = &self.ask(&["show"])["neighbors"][0];
        (row["established"].as_u64().expect("a number"), row["dropped"].as_u64().expect("a number"))
    }

    /// The routes that come and go, from now on.
    fn monitor(&self) -> Process {
        let (mut attempts, mut looks) = (0, 0);
        wait_for("ip listens", PATIENCE, || {
            attempts += 1;
            let mut ip = self.left.command("iproute2", "ip");
            ip.args(["monitor", "route"]);
            let monitor = Process::start(&self.left, &format!("monitor-{attempts}"), ip);
            // It looks at all named namespaces first, and ends where one has just gone: of another test.
            wait_until("ip listens, or has failed", PATIENCE, || {
                // A route that is replaced by the same is no news; with another metric it is another one.
                looks += 1;
                self.left.ip(&["route", "add", "192.0.2.77/32", "dev", "wire", "metric", &looks.to_string()]);
                !monitor.log().is_empty()
            });
            monitor.log().contains("192.0.2.77").then_some(monitor)
        })
    }
}

fn rows(json: &str) -> Vec<Value> {
    let empty = json.trim().is_empty();
    let value: Value = if empty { Value::Null } else { serde_json::from_str(json).expect("ip prints JSON") };
    value.as_array().cloned().unwrap_or_default()
}

fn config(kernel: &str, left: &str, right: &str) -> String {
    format!(
        r#"
        [bgp]
        asn = 65010
        router-id = "{LEFT}"
        listen = [{listen}]

        [drain]
        wait = 0

        [kernel]
        {kernel}

        [[originate]]
        prefix = "{default}"

        [[neighbor]]
        name = "gateway"
        address = "{right}"
        remote-as = 65020
        local-address = "{left}"
        hold-time = 9
        connect-retry = "2s"
        idle-hold = "1s"
        import = "all"
        max-prefixes = 1000
        tunnel = {{ interface = "wire", remote = "203.0.113.4" }}
        "#,
        listen = if left.contains(':') { format!("\"[{left}]:179\"") } else { format!("\"{left}:179\"") },
        default = if left.contains(':') { "::/0" } else { "0.0.0.0/0" },
    )
}

/// The routes against the loop, in the main table.
const HELD: [&str; 2] = ["192.0.2.2", "203.0.113.4"];

fn need_6_a_default_and_a_prefix_over_the_tunnels_far_end_do_not_take_the_session_away(lab: &Lab) {
    let _daemon = lab.daemon(&["0.0.0.0/0", "0.0.0.0/1", "203.0.113.0/24", "10.1.0.0/16"]);
    let edge = lab.edge("");
    lab.wait_for_routes(TABLE, &[&HELD[..], &["10.1.0.0/16", "203.0.113.0/24"]].concat());
    assert_eq!(lab.way("203.0.113.4"), "isp", "the tunnel's own packets");
    assert_eq!(lab.way("203.0.113.9"), "wire", "everybody else's");
    assert_eq!(lab.way("10.1.0.7"), "wire");
    assert_eq!(lab.way("8.8.8.8"), "isp");
    for default in ["0.0.0.0/0", "0.0.0.0/1"] {
        let told = lab.refusal(default);
        assert!(told.contains("default route") && told.contains("accept-default = true"), "{told}");
        let lines = edge.process().events();
        let lines = lines.iter().filter(|event| {
            event["prefix"] == default && event["message"].as_str().is_some_and(|m| m.contains("kept out"))
        });
        assert_eq!(lines.count(), 1, "it is told once");
    }
    // Asked for, it is taken; and the session is still the first one.
    lab.left.write("run.toml", &config("accept-default = true", LEFT, RIGHT));
    edge.hang_up();
    let all = ["default", "0.0.0.0/1", "10.1.0.0/16", "203.0.113.0/24"];
    lab.wait_for_routes(TABLE, &[&HELD[..], &all].concat());
    assert_eq!((lab.way("8.8.8.8"), lab.way("203.0.113.4")), ("wire".into(), "isp".into()));
    let text = Quadzero::tell(&lab.left, &["show", "kernel"]).expect("a table");
    assert!(text.contains("far end of the tunnel to gateway") && text.contains("Installed"), "{text}");
    assert_eq!(lab.sessions(), (1, 0));
}

fn need_6_without_a_way_to_the_far_end_what_covers_it_goes(lab: &Lab) {
    let _daemon = lab.daemon(&["203.0.113.0/24", "10.1.0.0/16"]);
    let _edge = lab.edge("");
    let all = [&HELD[..], &["10.1.0.0/16", "203.0.113.0/24"]].concat();
    lab.wait_for_routes(TABLE, &all);
    lab.left.ip(&["route", "del", "default"]);
    lab.wait_for_routes(TABLE, &["192.0.2.2", "10.1.0.0/16"]);
    let told = lab.refusal("203.0.113.0/24");
    assert!(told.contains("203.0.113.4, the far end of the tunnel to gateway"), "{told}");
    lab.left.ip(&["route", "add", "default", "via", "198.51.100.1"]);
    lab.wait_for_routes(TABLE, &all);
    // Another provider: the far end moves with the route that leads to it, and never into the tunnel.
    lab.left.ip(&["route", "replace", "default", "via", "198.51.100.2"]);
    wait_until("the far end is reached by the other provider", PATIENCE, || {
        rows(&lab.left.ask_ip(&["-j", "route", "get", "203.0.113.4"]))[0]["gateway"] == "198.51.100.2"
    });
    assert_eq!(lab.sessions(), (1, 0));
}

fn routes_are_in_the_table_of_their_own_and_go_with_their_withdrawal_and_with_us(lab: &Lab) {
    let daemon = lab.daemon(&["10.1.0.0/16", "10.2.0.0/16"]);
    let mut edge = lab.edge("table = 1179\nmetric = 5");
    let held = ["192.0.2.2", "203.0.113.4"];
    lab.wait_for_routes("1179", &[&held[..], &["10.1.0.0/16", "10.2.0.0/16"]].concat());
    lab.wait_for_routes(TABLE, &["192.0.2.2"]);
    assert_eq!(lab.way("10.1.0.7"), "isp", "nobody asks that table yet");
    daemon.withdraw("10.2.0.0/16");
    lab.wait_for_routes("1179", &[&held[..], &["10.1.0.0/16"]].concat());
    assert_eq!(edge.terminate().code(), Some(0));
    assert_eq!(lab.routes("1179"), BTreeSet::new());
    assert_eq!(lab.routes(TABLE), BTreeSet::new());
}

/// "Holds when" of need 6's issue: kill -9 and a restart leave no stale kernel route; and what is announced still is there all
/// the time.
fn need_6_a_kill_leaves_no_route_that_nobody_announces_and_takes_none_that_somebody_does(lab: &Lab) {
    let daemon = lab.daemon(&["10.1.0.0/16", "10.2.0.0/16"]);
    let mut edge = lab.edge("");
    let both = [&HELD[..], &["10.1.0.0/16", "10.2.0.0/16"]].concat();
    lab.wait_for_routes(TABLE, &both);
    edge.kill();
    lab.wait_for_routes(TABLE, &both);
    daemon.withdraw("10.2.0.0/16");
    let monitor = lab.monitor();
    let _again = lab.edge("");
    lab.wait_for_routes(TABLE, &[&HELD[..], &["10.1.0.0/16"]].concat());
    wait_until("ip has told it", PATIENCE, || monitor.log().contains("Deleted 10.2.0.0/16"));
    assert!(!monitor.log().contains("10.1.0.0/16"), "{}", monitor.log());
}

/// As an upgrade leaves: the routes stay, and the next start knows them for its own.
fn a_restart_leaves_the_routes_for_the_next_start(lab: &Lab) {
    let _daemon = lab.daemon(&["10.1.0.0/16"]);
    let mut edge = lab.edge("");
    let all = [&HELD[..], &["10.1.0.0/16"]].concat();
    lab.wait_for_routes(TABLE, &all);
    Quadzero::tell(&lab.left, &["drain", "--restart"]).expect("it is told");
    assert_eq!(edge.process_mut().exit(PATIENCE).code(), Some(75));
    assert_eq!(lab.routes(TABLE), all.iter().map(|prefix| (*prefix).to_owned()).collect());
    let mut again = lab.edge("");
    wait_until("it has looked", PATIENCE, || {
        lab.ask(&["show", "kernel"])["total"].as_u64() >= Some(HELD.len() as u64)
    });
    assert_eq!(lab.routes(TABLE), all.iter().map(|prefix| (*prefix).to_owned()).collect());
    assert_eq!(again.terminate().code(), Some(0));
    assert_eq!(lab.routes(TABLE), BTreeSet::new());
}

fn ipv6_routes_are_installed_as_well(lab: &Lab) {
    let routes = ["2001:db8:1::/48", "2001:db8:2::/48", "::/0"].map(str::to_owned).to_vec();
    let neighbor = Neighbor { local_address: RIGHT6, address: LEFT6, routes, ..Neighbor::PLAIN };
    let daemon = Daemon::start(lab.adapter, &lab.right, neighbor);
    let mut edge = lab.run(&config("", LEFT6, RIGHT6));
    let held = ["2001:db8::2", "203.0.113.4"];
    lab.wait_for_routes(TABLE, &[&held[..], &["2001:db8:1::/48", "2001:db8:2::/48"]].concat());
    assert_eq!(lab.way("2001:db8:1::7"), "wire");
    assert!(lab.refusal("::/0").contains("default route"));
    daemon.withdraw("2001:db8:2::/48");
    lab.wait_for_routes(TABLE, &[&held[..], &["2001:db8:1::/48"]].concat());
    assert_eq!(edge.terminate().code(), Some(0));
    assert_eq!(lab.routes(TABLE), BTreeSet::new());
}

#[test]
fn a_route_that_somebody_deletes_comes_back_and_one_that_is_not_ours_stays() {
    let lab = Lab::new(GOBGP);
    let _daemon = lab.daemon(&["10.1.0.0/16", "10.2.0.0/16"]);
    lab.left.ip(&["route", "add", "10.2.0.0/16", "via", "198.51.100.1", "metric", "20"]);
    let mut edge = lab.edge("");
    let without = [&HELD[..], &["10.1.0.0/16"]].concat();
    lab.wait_for_routes(TABLE, &without);
    wait_until("it is told whose place that is", PATIENCE, || {
        let log = edge.process().log();
        log.contains("the kernel does not take a route") && log.contains("another [kernel] metric")
    });
    let shown = lab.ask(&["show", "kernel"]);
    let failed =
        shown["routes"].as_array().expect("routes").iter().find(|row| row["prefix"] == "10.2.0.0/16");
    assert!(failed.is_some_and(|row| row["error"].as_str().is_some()), "{shown}");
    for prefix in ["10.1.0.0/16", "203.0.113.4/32", "192.0.2.2/32"] {
        lab.left.ip(&["route", "del", prefix, "proto", "179"]);
        lab.wait_for_routes(TABLE, &without);
    }
    lab.left.ip(&["route", "change", "10.1.0.0/16", "via", "198.51.100.1", "proto", "179", "metric", "20"]);
    wait_until("what somebody has changed is changed back", PATIENCE, || lab.way("10.1.0.7") == "wire");
    assert_eq!(edge.terminate().code(), Some(0));
    assert_eq!(lab.routes(TABLE), BTreeSet::new());
    let stays = lab.left.ask_ip(&["route", "show", "10.2.0.0/16"]);
    assert!(stays.contains("via 198.51.100.1"), "{stays}");
}

#[test]
fn when_the_tunnel_goes_down_its_routes_go_and_come_back_with_it() {
    let lab = Lab::new(GOBGP);
    let _daemon = lab.daemon(&["10.1.0.0/16"]);
    let _edge = lab.edge("");
    let all = [&HELD[..], &["10.1.0.0/16"]].concat();
    lab.wait_for_routes(TABLE, &all);
    lab.left.ip(&["link", "set", "wire", "down"]);
    lab.wait_for_routes(TABLE, &["203.0.113.4"]);
    assert!(lab.refusal("192.0.2.2/32").contains("wire is down"));
    lab.left.ip(&["link", "set", "wire", "up"]);
    lab.wait_for_routes(TABLE, &all);
}

/// Nobody is there to say what still holds: the time is bounded.
#[test]
fn need_6_after_a_kill_routes_of_a_gateway_that_is_gone_go_as_well() {
    let lab = Lab::new(GOBGP);
    let mut daemon = lab.daemon(&["10.1.0.0/16"]);
    let mut edge = lab.edge("");
    lab.wait_for_routes(TABLE, &[&HELD[..], &["10.1.0.0/16"]].concat());
    edge.kill();
    daemon.kill();
    let again = lab.edge("settle = \"3s\"");
    wait_until("it says what it has found", PATIENCE, || {
        let shown = lab.ask(&["show", "kernel"]);
        let routes = shown["routes"].as_array().cloned().unwrap_or_default();
        routes.iter().any(|row| row["for"] == "left by an earlier process")
            || again.has_said("routes of the kernel")
    });
    lab.wait_for_routes(TABLE, &HELD);
}

#[test]
fn routes_may_stay_at_the_exit_and_go_when_the_configuration_no_longer_wants_them() {
    let lab = Lab::new(GOBGP);
    let _daemon = lab.daemon(&["10.1.0.0/16"]);
    let all = [&HELD[..], &["10.1.0.0/16"]].concat();
    let mut edge = lab.edge("at-exit = \"keep\"");
    lab.wait_for_routes(TABLE, &all);
    assert_eq!(edge.terminate().code(), Some(0));
    assert_eq!(lab.routes(TABLE).len(), all.len());
    let edge = lab.edge("at-exit = \"keep\"");
    lab.wait_for_routes(TABLE, &all);
    lab.left.write("run.toml", &config("protocol = 180", LEFT, RIGHT));
    edge.hang_up();
    lab.wait_for_routes(TABLE, &[]);
    let other = || lab.left.ask_ip(&["route", "show", "proto", "180"]).lines().count();
    wait_until("they are there by the other number", PATIENCE, || other() == all.len());
    lab.left.write("run.toml", &config("", LEFT, RIGHT).replace("[kernel]", ""));
    edge.hang_up();
    wait_until("no route is left", PATIENCE, || other() == 0);
    assert_eq!(
        Quadzero::ask(&lab.left, &["show", "kernel"]).map_err(|why| why.contains("[kernel]")),
        Err(true)
    );
    assert_eq!(lab.sessions(), (1, 0));
}

/// It goes on without: what is announced does not depend on it.
#[test]
fn need_11_without_the_capability_it_says_which_one_is_missing() {
    let lab = Lab::new(GOBGP);
    let daemon = lab.daemon(&["10.1.0.0/16"]);
    let edge = Quadzero::run_without(&lab.left, "net_admin", &config("", LEFT, RIGHT));
    wait_until("it says what is missing", PATIENCE, || edge.process().log().contains("CAP_NET_ADMIN"));
    assert!(daemon.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
    assert_eq!(lab.routes(TABLE), BTreeSet::new());
}

/// Two instances of one gateway, each behind a tunnel of its own; the edge's own routes are all that leads into them.
#[test]
fn need_6_the_two_instances_of_a_gateway_share_the_packets_and_one_takes_over() {
    let (left, right) = Namespace::pair(&["isp", "ipsec0", "ipsec1"]);
    let lab = Lab { adapter: GOBGP, left, right };
    for end in [&lab.left, &lab.right] {
        for link in ["all", "isp", "ipsec0", "ipsec1"] {
            end.sysctl(&format!("ipv4/conf/{link}/rp_filter"), "0");
        }
    }
    lab.left.ip(&["addr", "add", "10.51.255.254/32", "dev", "lo"]);
    lab.left.ip(&["addr", "add", "198.51.100.9/24", "dev", "isp"]);
    lab.left.ip(&["route", "add", "default", "via", "198.51.100.1"]);
    for (address, device) in [
        ("198.51.100.1/24", "isp"),
        ("10.1.0.4/32", "lo"),
        ("10.1.0.5/32", "lo"),
        ("203.0.113.4/32", "lo"),
        ("203.0.113.5/32", "lo"),
    ] {
        lab.right.ip(&["addr", "add", address, "dev", device]);
    }
    lab.right.ip(&[
        "route",
        "add",
        "10.51.255.254/32",
        "nexthop",
        "dev",
        "ipsec0",
        "nexthop",
        "dev",
        "ipsec1",
    ]);
    let gateway = Quadzero::azure(&lab.right, GATEWAY);
    let mut edge = lab.run(EDGE);
    let all = ["10.1.0.4", "10.1.0.5", "203.0.113.4", "203.0.113.5", "10.1.0.0/16"];
    lab.wait_for_routes(TABLE, &all);
    let hops = || {
        let row = rows(&lab.left.ask_ip(&["-j", "route", "show", "10.1.0.0/16"]))
            .first()
            .cloned()
            .unwrap_or_default();
        let several: Vec<String> =
            row["nexthops"].as_array().into_iter().flatten().map(|hop| hop["dev"].to_string()).collect();
        if several.is_empty() { vec![row["dev"].to_string()] } else { several }
    };
    wait_until("both share the packets", PATIENCE, || hops() == ["\"ipsec0\"", "\"ipsec1\""]);
    lab.left.ip(&["link", "set", "ipsec0", "down"]);
    wait_until("the other one has them all", PATIENCE, || hops() == ["\"ipsec1\""]);
    assert_eq!(lab.way("203.0.113.4"), "isp", "so that IKE may bring it back");
    lab.left.ip(&["link", "set", "ipsec0", "up"]);
    wait_until("both share the packets again", PATIENCE, || hops() == ["\"ipsec0\"", "\"ipsec1\""]);
    assert_eq!(edge.terminate().code(), Some(0));
    wait_until("the last word has found its way", PATIENCE, || {
        gateway.process().log().matches("quadzero is shutting down").count() >= 2
    });
    assert_eq!(lab.routes(TABLE), BTreeSet::new());
}

/// An interface of layer 3, as IPsec has it: gateways mean nothing there, and routes are without them.
#[test]
fn into_a_tun_interface_routes_need_no_gateway() {
    let lab = Lab::new(GOBGP);
    let mut python = lab.left.command("python3", "python3");
    python.args(["-c", HOLD_TUN]);
    let tun = Process::start(&lab.left, "tun", python);
    wait_until("the interface is there", PATIENCE, || tun.log().contains("tun0"));
    lab.left.ip(&["link", "set", "tun0", "up"]);
    // Its next hop is a neighbor of ours, behind the tunnel.
    let there = config("", RIGHT, LEFT)
        .replace("asn = 65010", "asn = 65020")
        .replace("remote-as = 65020", "remote-as = 65010");
    let there = there.replace("[kernel]", "").replace("tunnel =", "# tunnel =");
    let there = there.replace("prefix = \"0.0.0.0/0\"", "prefix = \"10.9.0.0/16\"\nnext-hop = \"10.1.0.4\"");
    let _there = Quadzero::run(&lab.right, &there);
    let other = "[[neighbor]]\nname = \"behind\"\naddress = \"10.1.0.4\"\nremote-as = 65030\ntunnel = { interface = \"tun0\" }";
    let _edge = lab.run(&(config("", LEFT, RIGHT) + other));
    lab.wait_for_routes(TABLE, &[&HELD[..], &["10.1.0.4", "10.9.0.0/16"]].concat());
    let shown =
        ["10.1.0.4", "10.9.0.0/16"].map(|to| lab.left.ask_ip(&["route", "show", to]).trim().to_owned());
    let expected =
        ["10.1.0.4", "10.9.0.0/16"].map(|to| format!("{to} dev tun0 proto 179 scope link metric 20"));
    assert_eq!(shown, expected);
}

/// Makes tun0, says so, and holds it as long as it lives.
const HOLD_TUN: &str = r#"
import fcntl, struct, time
tun = open("/dev/net/tun", "r+b", buffering=0)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))
print("tun0", flush=True)
time.sleep(600)
"#;

/// As many as a VPN gateway may have from all its edges.
#[test]
fn four_thousand_routes_come_and_go() {
    let lab = Lab::new(GOBGP);
    let prefixes: Vec<String> =
        (0..4000).map(|n| format!("\"10.{}.{}.0/24\"", 64 + n / 250, n % 250)).collect();
    let there = config("", RIGHT, LEFT)
        .replace("asn = 65010", "asn = 65020")
        .replace("remote-as = 65020", "remote-as = 65010");
    let there = there.replace("[kernel]", "").replace("tunnel =", "# tunnel =");
    let there = there.replace("prefix = \"0.0.0.0/0\"", &format!("prefixes = [{}]", prefixes.join(", ")));
    let mut there = Quadzero::run(&lab.right, &there);
    let edge = lab.run(&config("", LEFT, RIGHT).replace("max-prefixes = 1000", "max-prefixes = 4000"));
    wait_until("all of them are there", PATIENCE, || lab.routes(TABLE).len() == 4000 + HELD.len());
    assert_eq!(there.terminate().code(), Some(0));
    lab.wait_for_routes(TABLE, &HELD);
    drop(edge);
}

const GATEWAY: &str = r#"
    [gateway]
    kind = "vpn-gateway"
    mode = "active-active"

    [[gateway.instance]]
    address = "10.1.0.4"
    public-ip = "203.0.113.4"

    [[gateway.instance]]
    address = "10.1.0.5"
    public-ip = "203.0.113.5"

    [[gateway.connection]]
    name = "on-premises"
    asn = 65010
    address = "10.51.255.254"

    [[vnet]]
    name = "hub"
    address-space = ["10.1.0.0/16"]

    [[vnet.subnet]]
    name = "GatewaySubnet"
    prefix = "10.1.0.0/27"
"#;

const EDGE: &str = r#"
    [bgp]
    asn = 65010
    router-id = "10.51.255.254"

    [drain]
    wait = 0

    [kernel]

    [[originate]]
    prefix = "0.0.0.0/0"

    [neighbor-defaults]
    remote-as = 65515
    local-address = "10.51.255.254"
    import = "all"
    max-prefixes = 1000
    azure = { kind = "vpn-gateway", address-space = ["10.1.0.0/16"] }

    [[neighbor]]
    name = "azure-0"
    address = "10.1.0.4"
    tunnel = { interface = "ipsec0", remote = "203.0.113.4" }

    [[neighbor]]
    name = "azure-1"
    address = "10.1.0.5"
    tunnel = { interface = "ipsec1", remote = "203.0.113.5" }
"#;
