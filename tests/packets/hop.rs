//! A place that packets pass: a namespace, what it forwards, and how many packets of whom came and went, counted by the
//! kernel (nftables).
//!
//! ```text
//!   ──► came (prerouting, before any translation) ──► route ──► left (forward, before source addresses change) ──►
//! ```

use quadzero_tests::{Namespace, Process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

/// A namespace with counters.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) at: Namespace,
    pub(crate) name: &'static str,
}

/// How many packets, by link, source and destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<[String; 3], u64>);

impl Counts {
    /// Those of one machine to another, over all links.
    pub(crate) fn of(&self, from: &str, to: &str) -> u64 {
        self.by_link(from, to).map(|(_, count)| count).sum()
    }

    /// The same, link by link.
    pub(crate) fn by_link(&self, from: &str, to: &str) -> impl Iterator<Item = (&str, u64)> {
        let ours =
            self.0.iter().filter(move |([_, source, destination], _)| source == from && destination == to);
        ours.map(|([link, ..], count)| (link.as_str(), *count))
    }

    /// What was counted after an earlier moment.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        self.0.iter_mut().for_each(|(key, count)| *count -= before.0.get(key).copied().unwrap_or(0));
        self.0.retain(|_, count| *count > 0);
        self
    }
}

/// What is asked, not what is answered: UDP but for what comes from the port of the echo, and questions about activation. Of BGP
/// what the side says that has dialed.
const COUNTERS: &str = "
table ip hop {
    set came { type ifname . ipv4_addr . ipv4_addr; flags dynamic; counter; size 4096; }
    set left { type ifname . ipv4_addr . ipv4_addr; flags dynamic; counter; size 4096; }
    chain arrivals {
        type filter hook prerouting priority raw;
        udp sport != 7 update @came { iifname . ip saddr . ip daddr };
        tcp dport { 179, 1688 } update @came { iifname . ip saddr . ip daddr };
    }
    chain departures {
        type filter hook forward priority filter;
        udp sport != 7 update @left { oifname . ip saddr . ip daddr };
        tcp dport { 179, 1688 } update @left { oifname . ip saddr . ip daddr };
    }
}
";

impl Hop {
    /// A new one. It has its main address first, and answers for all of them on every link.
    pub(crate) fn new(name: &'static str, addresses: &[&str]) -> Self {
        let hop = Self { at: Namespace::bare(), name };
        hop.at.sysctl("ipv4/ip_forward", "1");
        // Flows are spread by their ports, too: without that all between two machines would take one way.
        hop.at.sysctl("ipv4/fib_multipath_hash_policy", "1");
        for address in addresses {
            hop.at.ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
        }
        hop.rules(COUNTERS);
        hop
    }

    /// Joins it to another; each finds these addresses of the other there, and the link has the name of the other.
    pub(crate) fn join(&self, own: &[&str], far: &Self, its: &[&str]) {
        self.join_as(far.name, own, far, self.name, its);
    }

    /// The same, where the links need names of their own.
    pub(crate) fn join_as(&self, link: &str, own: &[&str], far: &Self, far_link: &str, its: &[&str]) {
        self.at.join(link, &far.at, far_link);
        its.iter().for_each(|address| self.route(&format!("{address}/32 dev {link}")));
        own.iter().for_each(|address| far.route(&format!("{address}/32 dev {far_link}")));
    }

    /// Adds a route, in the words of ip(8).
    pub(crate) fn route(&self, words: &str) {
        let words: Vec<&str> = ["route", "add"].into_iter().chain(words.split_whitespace()).collect();
        self.at.ip(&words);
    }

    /// Adds a rule, likewise.
    pub(crate) fn rule(&self, words: &str) {
        let words: Vec<&str> = ["rule", "add"].into_iter().chain(words.split_whitespace()).collect();
        self.at.ip(&words);
    }

    /// Source addresses of private machines become `public` on the link toward the Internet.
    pub(crate) fn translate(&self, public: &str) {
        self.rules(&format!(
            "table ip exit {{
                chain leaving {{
                    type nat hook postrouting priority srcnat;
                    oifname \"internet\" ip saddr 10.0.0.0/8 snat to {public};
                }}
            }}"
        ));
        // Of what is private the Internet has nothing.
        for private in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"] {
            self.route(&format!("blackhole {private}"));
        }
    }

    /// Nothing is translated any more.
    pub(crate) fn translate_no_more(&self) {
        self.rules("delete table ip exit");
    }

    /// From now on nothing that goes from or to the address passes here, and nobody is told.
    pub(crate) fn swallow(&self, address: &str) {
        let name = address.replace('.', "-");
        self.rules(&format!(
            "table ip cut-{name} {{
                chain passing {{
                    type filter hook forward priority filter;
                    ip saddr {address} drop;
                    ip daddr {address} drop;
                }}
            }}"
        ));
    }

    /// The machine is without power: nothing gets further than to be counted, nothing goes out, nobody is told.
    pub(crate) fn power_off(&self) {
        self.rules(
            "table ip dead {
                chain arrivals { type filter hook prerouting priority -299; policy drop; }
                chain own { type filter hook output priority raw; policy drop; }
            }",
        );
    }

    /// All that came.
    pub(crate) fn came(&self) -> Counts {
        self.counts("came")
    }

    /// All that was sent on.
    pub(crate) fn left(&self) -> Counts {
        self.counts("left")
    }

    /// Starts the postman here.
    pub(crate) fn postman(&self, name: &str, words: &[&str]) -> Process {
        let mut command = self.at.command("quadzero-tests", env!("CARGO_BIN_EXE_postman"));
        command.args(words);
        Process::start(&self.at, name, command)
    }

    fn counts(&self, set: &str) -> Counts {
        let mut nft = self.at.command("nftables", "nft");
        let out = nft.args(["-j", "list", "set", "ip", "hop", set]).output().expect("nft runs");
        assert!(out.status.success(), "nft: {}", String::from_utf8_lossy(&out.stderr));
        let listing: Value = serde_json::from_slice(&out.stdout).expect("nft -j prints JSON");
        let set = listing["nftables"].as_array().into_iter().flatten().find_map(|item| item.get("set"));
        let elements = set.and_then(|set| set["elem"].as_array()).into_iter().flatten();
        Counts(elements.map(|element| count(&element["elem"])).collect())
    }

    fn rules(&self, text: &str) {
        let mut nft = self.at.command("nftables", "nft");
        let mut nft = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn().expect("nft starts");
        let wrote = nft.stdin.take().expect("it was piped").write_all(text.as_bytes());
        assert!(wrote.is_ok() && nft.wait().is_ok_and(|status| status.success()), "nft refuses {text}");
    }
}

fn count(element: &Value) -> ([String; 3], u64) {
    let word = |i: usize| element["val"]["concat"][i].as_str().expect("a word").to_owned();
    let packets = element["counter"]["packets"].as_u64().expect("elements are counted");
    ([word(0), word(1), word(2)], packets)
}
