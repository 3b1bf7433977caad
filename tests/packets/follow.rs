//! What programs the kernels: a thread that follows the tables of the mock and of the edges, and makes each namespace route
//! as they say.
//!
//! ```text
//!   mock   effective routes of a subnet ──► fabric, a table for what comes from that subnet
//!          learned routes of an instance ─► that instance: by its own tunnel, or by its twin
//!   edge   received routes ───────────────► its main table, by the ways of the shortest AS_PATH
//! ```
//!
//! It decides nothing. Rows that are `Active` become routes, and the kernel chooses between those; the one rule that the kernel
//! does not have, that routes of the network beat longer ones of its gateways (UDR D), is met by leaving those out. It asks as
//! others do: the mock by its API, an edge by its control socket. Who does not answer leaves behind what it has said last, like
//! any routing daemon that dies.
//!
//! First come routes that are new or lead elsewhere, beginning at the gateways, then those that are gone: so a packet under way
//! never meets a place that does not know it yet.

use crate::hop::Hop;
use crate::plan::{AZURE_PUBLIC, Carrier, PRIVATE, Plan, SUBNETS, WAYS};
use crate::world::{BOXES, GATEWAYS, INNER, INTERFACES, LINKS, World};
use quadzero_tests::{Namespace, PATIENCE, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often it looks. What it needs to notice a change is part of every time that the lab measures.
const LOOKS: Duration = Duration::from_millis(20);

/// The routes of a namespace: by table and prefix, the rest in the words of ip(8).
type Routes = BTreeMap<(usize, String), String>;

/// It follows until it is dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    stop: Arc<AtomicBool>,
    /// How often it has looked, and done what there was to do.
    looks: Arc<AtomicUsize>,
    story: Arc<Mutex<Vec<Change>>>,
    thread: Option<JoinHandle<()>>,
}

/// A route that was changed: not before when, in milliseconds since 1970, where, and to what.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) at: u128,
    pub(crate) hop: &'static str,
    pub(crate) words: String,
}

impl Follower {
    pub(crate) fn start(plan: &'static Plan, world: &World) -> Self {
        let (stop, story) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let looks = Arc::new(AtomicUsize::new(0));
        let programmed = |hop: &Hop| Kernel {
            namespace: hop.at.name().to_owned(),
            hop: hop.name,
            routes: Routes::new(),
            story: story.clone(),
        };
        let mut views = Views {
            plan,
            api: world.fabric.at.path("api.sock"),
            learned: Value::Null,
            gateways: world.gateways.iter().map(programmed).collect(),
            fabric: programmed(&world.fabric),
            edges: world.edges.iter().map(|edge| (control(&edge.at), programmed(edge))).collect(),
        };
        let (until, looked) = (stop.clone(), looks.clone());
        let follow = move || {
            while !until.load(Ordering::Relaxed) {
                let whole = views.look();
                looked.fetch_add(usize::from(whole), Ordering::Release);
                thread::sleep(LOOKS);
            }
        };
        Self { stop, looks, story, thread: Some(thread::spawn(follow)) }
    }

    /// Waits until the kernels are as the tables are now: until it has looked once more, from the beginning.
    pub(crate) fn catch_up(&self) {
        let looks = || self.looks.load(Ordering::Acquire);
        let before = looks();
        wait_until("the kernels are programmed", PATIENCE, || looks() >= before + 2);
    }

    /// All that it has changed so far.
    ///
    /// # Panics
    /// When it has ended by itself: it could not do what it must.
    pub(crate) fn story(&self) -> Vec<Change> {
        assert!(
            self.thread.as_ref().is_some_and(|thread| !thread.is_finished()),
            "nobody follows the tables"
        );
        self.story.lock().expect("its thread has not panicked").clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "what follows the tables has panicked");
    }
}

/// Where `quadzero run` has its control socket in this lab.
pub(crate) fn control(edge: &Namespace) -> PathBuf {
    edge.path("control.sock")
}

struct Views {
    plan: &'static Plan,
    api: PathBuf,
    /// What the gateways had learned when their kernels were programmed.
    learned: Value,
    gateways: Vec<Kernel>,
    fabric: Kernel,
    edges: Vec<(PathBuf, Kernel)>,
}

impl Views {
    /// Whether the mock has answered.
    fn look(&mut self) -> bool {
        let azure = self.look_at_azure();
        for (socket, kernel) in &mut self.edges {
            if let Ok(received) = received(socket) {
                let routes = of_edge(self.plan, &received);
                kernel.add(&routes);
                kernel.keep(routes);
            }
        }
        azure.is_ok()
    }

    /// All that the mock shows follows from what it has learned: as long as that stands, nothing else is asked for.
    fn look_at_azure(&mut self) -> io::Result<()> {
        let learned = get(&self.api, "/gateways/-/learned-routes")?;
        if learned == self.learned {
            return Ok(());
        }
        let fabric = self.interfaces()?;
        let gateways: Vec<Routes> =
            (0..self.gateways.len()).map(|way| self.instance(way, &learned)).collect();
        self.gateways.iter_mut().zip(&gateways).for_each(|(kernel, routes)| kernel.add(routes));
        self.fabric.add(&fabric);
        self.fabric.keep(fabric);
        self.gateways.iter_mut().zip(gateways).for_each(|(kernel, routes)| kernel.keep(routes));
        self.learned = learned;
        Ok(())
    }

    /// The routes of network interfaces, a table for each subnet.
    fn interfaces(&self) -> io::Result<Routes> {
        let mut routes = Routes::new();
        for (index, subnet) in SUBNETS.iter().enumerate() {
            let listing = get(&self.api, &format!("/effective-routes/{}", subnet.path()))?;
            let rows = active(&listing);
            let mut hops: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for row in &rows {
                hops.entry(text(&row["addressPrefix"][0])).or_default().extend(self.next_hops(row, &rows));
            }
            hops.retain(|_, hops| !hops.is_empty());
            let table = INTERFACES + index;
            routes.extend(hops.into_iter().map(|(prefix, hops)| ((table, prefix.to_owned()), joined(&hops))));
        }
        Ok(routes)
    }

    /// In the words of ip(8), where a row leads.
    fn next_hops(&self, row: &Value, rows: &[&Value]) -> Vec<String> {
        match text(&row["nextHopType"]) {
            // The main table knows the machines.
            "VnetLocal" | "VNetPeering" => vec!["throw".into()],
            "Internet" => vec![format!("via {} dev exit", AZURE_PUBLIC)],
            "None" => vec!["blackhole".into()],
            "VirtualNetworkGateway" if text(&row["source"]) == "User" => {
                WAYS.map(|way| self.by_instance(way)).into()
            }
            "VirtualNetworkGateway" if is_beaten_by_network(row, rows) => Vec::new(),
            "VirtualNetworkGateway" => vec![self.by_instance(self.shown(&row["nextHopIpAddress"][0]))],
            other => panic!("this lab has no {other}"),
        }
    }

    /// The way that a next hop of a network interface is: a private address of an instance, or of Microsoft's router.
    fn shown(&self, address: &Value) -> usize {
        let known = match self.plan.carrier {
            Carrier::Tunnels => PRIVATE.azure,
            Carrier::Circuit => self.plan.azure,
        };
        let way = known.iter().position(|known| *known == text(address));
        way.unwrap_or_else(|| panic!("{address} is no next hop of this lab"))
    }

    fn by_instance(&self, way: usize) -> String {
        match self.plan.carrier {
            Carrier::Tunnels => format!("via {} dev gateway-{way}", GATEWAYS[way]),
            Carrier::Circuit => format!("via {} dev {}", self.plan.edge[way], LINKS[way]),
        }
    }

    /// What one instance forwards: the shortest AS_PATH, and its own tunnel before its twin's.
    fn instance(&self, way: usize, learned: &Value) -> Routes {
        let own = [PRIVATE.azure[way], self.plan.azure[way]];
        let rows = learned["value"].as_array().into_iter().flatten();
        let mut best: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
        for row in rows.filter(|row| own.contains(&text(&row["localAddress"]))) {
            let by_twin = match text(&row["origin"]) {
                "EBgp" => false,
                "IBgp" => true,
                // Its own network.
                _ => continue,
            };
            let rank = (text(&row["asPath"]).split('-').count(), by_twin);
            best.entry(text(&row["network"])).and_modify(|known| *known = rank.min(*known)).or_insert(rank);
        }
        let lead = |(_, by_twin): (usize, bool)| {
            if by_twin { format!("via {} dev twin", GATEWAYS[1 - way]) } else { "dev ipsec0".to_owned() }
        };
        best.into_iter().map(|(prefix, rank)| ((INNER, prefix.to_owned()), lead(rank))).collect()
    }
}

fn active(listing: &Value) -> Vec<&Value> {
    let rows = listing["value"].as_array().into_iter().flatten();
    rows.filter(|row| row["state"] == "Active").collect()
}

/// Routes of the network beat longer ones of its gateways.
fn is_beaten_by_network(row: &Value, rows: &[&Value]) -> bool {
    let prefix = |row: &Value| text(&row["addressPrefix"][0]).parse::<ipnet::Ipv4Net>().expect("a prefix");
    let is_of_network = |row: &Value| ["VnetLocal", "VNetPeering"].contains(&text(&row["nextHopType"]));
    rows.iter().any(|other| is_of_network(other) && prefix(other).contains(&prefix(row)))
}

/// What an edge does with what it received: of each prefix the shortest AS_PATH, over all ways that have it.
fn of_edge(plan: &Plan, received: &Value) -> Routes {
    let mut best: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for route in received["routes"].as_array().into_iter().flatten() {
        let neighbor = text(&route["neighbor"]);
        let way = usize::from(neighbor == "azure-1");
        let hop = match plan.carrier {
            Carrier::Tunnels => format!("via {} dev vpn-{way}", BOXES[way]),
            Carrier::Circuit => format!("via {} dev {}", plan.azure[way], LINKS[way]),
        };
        let length = text(&route["as-path"]).split_whitespace().count();
        let known = best.entry(text(&route["prefix"])).or_insert((length, Vec::new()));
        match length.cmp(&known.0) {
            std::cmp::Ordering::Less => *known = (length, vec![hop]),
            std::cmp::Ordering::Equal => known.1.push(hop),
            std::cmp::Ordering::Greater => {}
        }
    }
    // It has host routes to its neighbors already.
    best.retain(|prefix, _| !prefix.ends_with("/32"));
    best.into_iter().map(|(prefix, (_, hops))| ((254, prefix.to_owned()), joined(&hops))).collect()
}

/// One next hop, or several that share the traffic.
fn joined(hops: &[String]) -> String {
    match hops {
        [one] => one.clone(),
        several => several.iter().map(|hop| format!("nexthop {hop} ")).collect(),
    }
}

/// The routes of ours in a namespace.
struct Kernel {
    namespace: String,
    hop: &'static str,
    routes: Routes,
    story: Arc<Mutex<Vec<Change>>>,
}

impl Kernel {
    /// Routes that are new, or lead elsewhere now.
    fn add(&mut self, wanted: &Routes) {
        let new = wanted.iter().filter(|(key, words)| self.routes.get(*key) != Some(words));
        let new: Vec<_> = new.map(|(key, words)| (key.clone(), words.clone())).collect();
        self.change("replace", new.iter().map(|((table, prefix), words)| line(prefix, *table, words)));
        self.routes.extend(new);
    }

    /// And those that are no more.
    fn keep(&mut self, wanted: Routes) {
        let gone = self.routes.iter().filter(|(key, _)| !wanted.contains_key(*key));
        let gone: Vec<_> = gone.map(|((table, prefix), _)| format!("{prefix} table {table}")).collect();
        self.change("del", gone.into_iter());
        self.routes = wanted;
    }

    fn change(&self, verb: &str, lines: impl Iterator<Item = String>) {
        let lines: Vec<String> = lines.map(|line| format!("route {verb} {line}")).collect();
        if lines.is_empty() {
            return;
        }
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let mut ip = Command::new("ip");
        ip.args(["-n", &self.namespace, "-batch", "-"]).stdin(Stdio::piped());
        let mut ip = ip.spawn().expect("ip starts");
        let wrote = ip.stdin.take().expect("it was piped").write_all((lines.join("\n") + "\n").as_bytes());
        let done = wrote.is_ok() && ip.wait().is_ok_and(|status| status.success());
        assert!(done, "the kernel of {} does not take {lines:#?}", self.hop);
        let changes = lines.into_iter().map(|words| Change { at, hop: self.hop, words });
        self.story.lock().expect("nobody panics with it").extend(changes);
    }
}

/// A type of route stands before its prefix.
fn line(prefix: &str, table: usize, words: &str) -> String {
    match words {
        "throw" | "blackhole" => format!("{words} {prefix} table {table}"),
        words => format!("{prefix} table {table} {words}"),
    }
}

/// An answer of the mock's API.
pub(crate) fn get(socket: &Path, path: &str) -> io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).map_err(|error| io::Error::other(format!("{error}: {answer}")))
}

/// What an edge has received.
pub(crate) fn received(socket: &Path) -> io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = r#"{"version":1,"request":{"routes":{"which":"received","neighbor":null}}}"#;
    writeln!(stream, "{request}")?;
    let mut answer = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(stream), &mut answer)?;
    let answer: Value = serde_json::from_str(&answer)?;
    answer.get("ok").cloned().ok_or_else(|| io::Error::other(answer.to_string()))
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
