//! GoBGP: its daemon, and its own client to look into it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Namespace, PATIENCE, Process, wait_until};

const PACKAGE: &str = "gobgpd";

/// A gobgpd with one neighbor.
#[derive(Debug)]
pub struct Gobgpd<'a> {
    namespace: &'a Namespace,
    process: Process,
    neighbor: Neighbor,
}

/// The one neighbor of a [`Gobgpd`], and what it is itself to that neighbor.
#[derive(Clone, Copy, Debug)]
pub struct Neighbor {
    /// The AS of gobgpd.
    pub local_as: u32,
    /// The address of gobgpd, and its router id.
    pub local_address: &'static str,
    /// The AS of the neighbor.
    pub remote_as: u32,
    /// The neighbor's address.
    pub address: &'static str,
    /// Only waits for connections (else it dials as well, 5 to 9 s after it has become idle).
    pub passive: bool,
    /// Its Hold Time in seconds.
    pub hold_time: u16,
    /// The key of TCP MD5 (RFC 2385); empty for none.
    pub password: &'static str,
}

impl<'a> Gobgpd<'a> {
    /// Starts gobgpd and waits until it answers.
    ///
    /// # Panics
    /// Without gobgpd, or when it does not answer.
    pub fn start(namespace: &'a Namespace, neighbor: Neighbor) -> Self {
        let gobgpd = Self { namespace, process: spawn(namespace, &neighbor), neighbor };
        gobgpd.wait_until_it_answers();
        gobgpd
    }

    /// Kills it and starts it anew, with nothing announced.
    pub fn kill_and_restart(&mut self) {
        self.process.kill();
        self.process = spawn(self.namespace, &self.neighbor);
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        wait_until("gobgpd answers", PATIENCE, || self.ask(&["global"]).is_some());
    }

    /// Sends a signal by name.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Announces a prefix; `attributes` are words of `gobgp global rib add`.
    ///
    /// # Panics
    /// When gobgp refuses.
    pub fn announce(&self, prefix: &str, attributes: &[&str]) {
        let arguments = [&["global", "rib", "add", prefix], attributes].concat();
        assert!(self.ask(&arguments).is_some(), "gobgp refuses {arguments:?}");
    }

    /// Withdraws a prefix that was announced.
    ///
    /// # Panics
    /// When gobgp refuses.
    pub fn withdraw(&self, prefix: &str) {
        assert!(self.ask(&["global", "rib", "del", prefix]).is_some(), "gobgp does not know {prefix}");
    }

    /// Waits until the session is established.
    ///
    /// # Panics
    /// When it does not get there.
    pub fn wait_until_established(&self) {
        wait_until("gobgpd is established", PATIENCE, || self.is_established());
    }

    /// Whether the session is established, as gobgpd sees it.
    pub fn is_established(&self) -> bool {
        self.state()["session_state"] == 6
    }

    /// How many KEEPALIVEs it has received in this session.
    pub fn keepalives_received(&self) -> u64 {
        self.state()["messages"]["received"]["keepalive"].as_u64().unwrap_or(0)
    }

    fn state(&self) -> Value {
        self.ask(&["neighbor", self.neighbor.address])
            .map_or(Value::Null, |neighbor| neighbor["state"].clone())
    }

    /// The best path to each prefix.
    ///
    /// # Panics
    /// When gobgpd does not answer.
    pub fn rib(&self) -> BTreeMap<String, Path> {
        let table = self.ask(&["global", "rib"]).expect("gobgpd answers");
        let table = table.as_object().cloned().unwrap_or_default();
        table.into_iter().map(|(prefix, paths)| (prefix, Path::read(&paths[0]))).collect()
    }

    /// Waits until the table has as many prefixes, and returns it.
    ///
    /// # Panics
    /// When it never has.
    pub fn wait_for_prefixes(&self, count: usize) -> BTreeMap<String, Path> {
        let what = format!("gobgpd has {count} prefixes");
        crate::wait_for(&what, PATIENCE, || Some(self.rib()).filter(|rib| rib.len() == count))
    }

    /// What gobgpd logged: one JSON object a line.
    pub fn events(&self) -> Vec<Value> {
        self.process.events()
    }

    /// How many events have this message.
    pub fn count(&self, message: &str) -> usize {
        self.events().iter().filter(|event| event["msg"] == message).count()
    }

    /// The answer of gobgp; `None` when it fails.
    fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let mut command = self.namespace.command(PACKAGE, "gobgp");
        let out = command.arg("-j").args(arguments).output().expect("gobgp runs");
        let text = String::from_utf8_lossy(&out.stdout);
        out.status.success().then(|| serde_json::from_str(&text).unwrap_or(Value::Null))
    }
}

fn spawn(namespace: &Namespace, neighbor: &Neighbor) -> Process {
    let Neighbor { local_as, local_address, remote_as, address, passive, hold_time, password } = neighbor;
    let config = format!(
        r#"
        [global.config]
        as = {local_as}
        router-id = "{local_address}"
        [[neighbors]]
        config = {{ neighbor-address = "{address}", peer-as = {remote_as}, auth-password = "{password}" }}
        timers = {{ config = {{ hold-time = {hold_time}, connect-retry = 20 }} }}
        transport = {{ config = {{ passive-mode = {passive} }} }}
        "#
    );
    let file = namespace.write("gobgpd.toml", &config);
    let mut command = namespace.command(PACKAGE, "gobgpd");
    command.arg("-f").arg(file).args(["-l", "debug", "--pprof-disable", "--api-hosts", "127.0.0.1:50051"]);
    Process::start(namespace, "gobgpd", command)
}

/// A path as gobgpd holds it: every attribute it has, so that two can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// 0 IGP, 1 EGP, 2 INCOMPLETE.
    pub origin: u64,
    /// All segments one behind the other.
    pub as_path: Vec<u64>,
    /// NEXT_HOP.
    pub next_hop: String,
    /// MULTI_EXIT_DISC.
    pub med: Option<u64>,
    /// "65010:100", sorted.
    pub communities: Vec<String>,
    /// "rt:65010:1"; of another type "TYPE/SUBTYPE:VALUE"; sorted.
    pub extended_communities: Vec<String>,
    /// "65010:1:2", sorted.
    pub large_communities: Vec<String>,
    /// The type codes of all other attributes.
    pub others: Vec<u64>,
}

impl Path {
    fn read(path: &Value) -> Self {
        let mut read = Self::default();
        for attribute in list(&path["attrs"]) {
            read.attribute(attribute);
        }
        for communities in
            [&mut read.communities, &mut read.extended_communities, &mut read.large_communities]
        {
            communities.sort();
        }
        read
    }

    fn attribute(&mut self, attribute: &Value) {
        match number(&attribute["type"]) {
            1 => self.origin = number(&attribute["value"]),
            2 => {
                let segments = list(&attribute["as_paths"]);
                self.as_path =
                    segments.iter().flat_map(|segment| list(&segment["asns"])).map(number).collect();
            }
            3 => self.next_hop = attribute["nexthop"].as_str().unwrap_or_default().into(),
            4 => self.med = Some(number(&attribute["metric"])),
            8 => self.communities = list(&attribute["communities"]).iter().map(community).collect(),
            16 => self.extended_communities = list(&attribute["value"]).iter().map(extended).collect(),
            32 => self.large_communities = list(&attribute["value"]).iter().map(large).collect(),
            other => self.others.push(other),
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}

fn community(value: &Value) -> String {
    format!("{}:{}", number(value) >> 16, number(value) & 0xffff)
}

fn extended(value: &Value) -> String {
    let (kind, subtype) = (number(&value["type"]), number(&value["subtype"]));
    let text = value["value"].as_str().map_or_else(|| value["value"].to_string(), str::to_owned);
    match (kind, subtype) {
        (0..=2, 2) => format!("rt:{text}"),
        (0..=2, 3) => format!("soo:{text}"),
        _ => format!("{kind}/{subtype}:{text}"),
    }
}

fn large(value: &Value) -> String {
    let [admin, one, two] = ["ASN", "LocalData1", "LocalData2"].map(|part| number(&value[part]));
    format!("{admin}:{one}:{two}")
}
