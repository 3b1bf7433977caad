//! What changed when: sessions, what was announced and learned, and how egress from each subnet was.
//!
//! Levels are compared, not messages: what came and went between two looks is not seen. A look is taken whenever a
//! session or a gateway's table says that it has news.

use super::Lab;
use super::side::Running;
use ipnet::Ipv4Net;
use quadzero_azure::config::{GATEWAY_SUBNET, ROUTE_SERVER_SUBNET};
use quadzero_azure::gateway::{LearnedOrigin, Table};
use quadzero_azure::verdict::{Answer, Exit, Stop, Verdict};
use quadzero_fsm::State;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Somewhere on the Internet: an address for documentation (RFC 5737).
const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Entry {
    /// Since everything was up; none before.
    pub(super) real: Option<Seconds>,
    /// The same on the scenario's clock.
    pub(super) simulated: Option<Seconds>,
    pub(super) what: String,
}

/// A duration, in seconds where programs read it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seconds(pub(super) Duration);

impl Serialize for Seconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}

/// How the way to the Internet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Egress {
    /// Azure's own exit, past every inspection.
    Open,
    /// Through on-premises or an appliance.
    Forced,
    /// Nothing gets out.
    Shut,
}

/// How long the egress of a subnet was what, on the scenario's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Sum {
    pub(super) subnet: String,
    pub(super) open: Seconds,
    pub(super) forced: Seconds,
    pub(super) shut: Seconds,
}

/// Who told a gateway: both by name.
type Learned = BTreeMap<(String, String), BTreeSet<Ipv4Net>>;

/// A subnet's egress since when, in words, and before that.
struct Subnet {
    egress: Egress,
    words: String,
    since: Instant,
    sums: BTreeMap<Egress, Duration>,
}

/// What is being written down.
#[derive(Default)]
pub(super) struct Timeline {
    scale: u32,
    begun: Option<Instant>,
    news: Arc<Notify>,
    watching: JoinSet<()>,
    entries: Vec<Entry>,
    /// Sessions that are up, and how many prefixes were said in them.
    sessions: BTreeMap<(usize, usize), usize>,
    tables: Vec<Option<Arc<Table>>>,
    exits: Vec<Exit>,
    learned: Vec<Learned>,
    subnets: BTreeMap<String, Subnet>,
}

impl Timeline {
    pub(super) fn new(scale: u32) -> Self {
        Self { scale, ..Self::default() }
    }

    /// Wakes [`Self::news`] whenever something does.
    pub(super) fn watch<T: Send + Sync + 'static>(&mut self, mut of: watch::Receiver<T>) {
        let news = self.news.clone();
        self.watching.spawn(async move {
            while of.changed().await.is_ok() {
                news.notify_one();
            }
        });
    }

    /// Waits for something that may have changed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Everything is up: the clock starts.
    pub(super) fn begin(&mut self, lab: &Lab) {
        self.observe(lab);
        let now = Instant::now();
        self.begun = Some(now);
        for state in self.subnets.values_mut() {
            state.since = now;
            state.sums.clear();
        }
    }

    /// A moment of the scenario's clock.
    pub(super) fn moment(&self, at: Duration) -> Instant {
        self.begun.unwrap_or_else(Instant::now) + at / self.scale.max(1)
    }

    /// Nothing is to happen any more.
    pub(super) fn end(&mut self) {
        let now = Instant::now();
        for state in self.subnets.values_mut() {
            *state.sums.entry(state.egress).or_default() += now - state.since;
            state.since = now;
        }
    }

    pub(super) fn tell(&mut self, what: String) {
        let real = self.begun.map(|begun| begun.elapsed());
        let simulated = real.map(|real| Seconds(real * self.scale.max(1)));
        self.entries.push(Entry { real: real.map(Seconds), simulated, what });
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn sums(&self) -> Vec<Sum> {
        let sum = |(name, state): (&String, &Subnet)| {
            let of =
                |egress| Seconds(state.sums.get(&egress).copied().unwrap_or_default() * self.scale.max(1));
            let [open, forced, shut] = [Egress::Open, Egress::Forced, Egress::Shut].map(of);
            Sum { subnet: name.clone(), open, forced, shut }
        };
        self.subnets.iter().map(sum).collect()
    }

    /// Looks at everything, and writes down what is another than at the last look.
    pub(super) fn observe(&mut self, lab: &Lab) {
        lab.pass_on();
        lab.edges.iter().enumerate().for_each(|(e, edge)| self.observe_sessions(e, edge));
        let exits: Vec<Exit> = lab.edges.iter().map(Running::exit).collect();
        let moved = exits != self.exits;
        self.exits = exits;
        self.tables.resize(lab.gateways.len(), None);
        self.learned.resize(lab.gateways.len(), Learned::new());
        for (d, mock) in lab.gateways.iter().enumerate() {
            let table = mock.table().borrow().clone();
            let seen = self.tables[d].as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &table));
            if !seen {
                self.observe_learned(d, learned(lab, &table));
                self.tables[d] = Some(table.clone());
            }
            if !seen || moved {
                self.observe_egress(lab, &table);
            }
        }
    }

    fn observe_sessions(&mut self, e: usize, edge: &Running) {
        let name = &edge.side.name;
        for (n, neighbor) in edge.side.edge.neighbors.iter().enumerate() {
            let (sent, why) = match edge.peers.get(n) {
                Some(peer) => {
                    let status = peer.status();
                    let status = status.borrow();
                    let up = status.state == State::Established;
                    let why = status.last_down.as_ref().map(ToString::to_string);
                    (up.then_some(status.prefixes_sent), why.unwrap_or_default())
                }
                None => (None, "it is dead".to_owned()),
            };
            let before = self.sessions.get(&(e, n)).copied();
            let with = &neighbor.peer.name;
            match (before, sent) {
                (None, Some(_)) => self.tell(format!("{name}: session with {with} is up")),
                (Some(_), None) => self.tell(format!("{name}: session with {with} is lost: {why}")),
                _ => {}
            }
            let told = before.unwrap_or_default();
            match sent {
                Some(now) if now > told => {
                    self.tell(format!("{name}: announced {} to {with}", prefixes(now - told)))
                }
                Some(now) if now < told => {
                    self.tell(format!("{name}: withdrew {} from {with}", prefixes(told - now)))
                }
                _ => {}
            }
            match sent {
                Some(sent) => _ = self.sessions.insert((e, n), sent),
                None => _ = self.sessions.remove(&(e, n)),
            }
        }
    }

    fn observe_learned(&mut self, deployment: usize, now: Learned) {
        let before = std::mem::replace(&mut self.learned[deployment], now.clone());
        let none = BTreeSet::new();
        let everybody: BTreeSet<_> = before.keys().chain(now.keys()).collect();
        for who in everybody {
            let (old, new) = (before.get(who).unwrap_or(&none), now.get(who).unwrap_or(&none));
            let (gateway, from) = who;
            for (verb, which) in [("learned", new - old), ("lost", old - new)] {
                if !which.is_empty() {
                    self.tell(format!("{gateway}: {verb} {} from {from}", named(&which)));
                }
            }
        }
    }

    fn observe_egress(&mut self, lab: &Lab, table: &Table) {
        let beyond = lab.beyond();
        let subnets = table.azure().vnets.iter().flat_map(|vnet| {
            let own = vnet
                .subnets
                .iter()
                .filter(|subnet| ![GATEWAY_SUBNET, ROUTE_SERVER_SUBNET].contains(&subnet.name.as_str()));
            own.map(move |subnet| format!("{}/{}", vnet.name, subnet.name))
        });
        for name in subnets {
            let Some(nic) = table.nic(&name) else { continue };
            let (egress, words) = egress(&nic.with(&beyond).ask(INTERNET));
            self.observe_subnet(name, egress, words);
        }
    }

    fn observe_subnet(&mut self, name: String, egress: Egress, words: String) {
        let now = Instant::now();
        match self.subnets.get_mut(&name) {
            Some(state) if state.words == words => return,
            Some(state) => {
                *state.sums.entry(state.egress).or_default() += now - state.since;
                (state.egress, state.since) = (egress, now);
                state.words.clone_from(&words);
            }
            None => {
                let state = Subnet { egress, words: words.clone(), since: now, sums: BTreeMap::new() };
                self.subnets.insert(name.clone(), state);
            }
        }
        self.tell(format!("{name}: egress is {words}"));
    }
}

/// What each gateway of a deployment has from whom, by names.
fn learned(lab: &Lab, table: &Table) -> Learned {
    let mut learned = Learned::new();
    for (g, gateway) in table.azure().gateways.iter().enumerate() {
        for row in table.learned_routes(g).value {
            if row.origin == LearnedOrigin::EBgp {
                let who = (gateway.name.clone(), lab.name_of(row.source_peer));
                learned.entry(who).or_default().insert(row.network);
            }
        }
    }
    learned
}

impl Lab {
    /// The edge that has an address; the address itself if none has.
    fn name_of(&self, address: IpAddr) -> String {
        let mut edges = self.edges.iter().map(|edge| &edge.side);
        let own = edges.find(|side| side.addresses().any(|own| own == address));
        own.map_or_else(|| address.to_string(), |side| side.name.clone())
    }
}

fn egress(answer: &Answer) -> (Egress, String) {
    let sites: BTreeSet<&str> = answer
        .path
        .iter()
        .filter_map(|stop| match stop {
            Stop::Site { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let through = sites.into_iter().collect::<Vec<_>>().join(", ");
    match (&answer.lost, &answer.verdict) {
        (Some(lost), _) => (Egress::Shut, format!("shut: {lost}")),
        (None, Verdict::Internet) if answer.path.is_empty() => {
            (Egress::Open, "open: Azure's own exit".into())
        }
        (None, Verdict::OnPremises { .. }) => (Egress::Forced, format!("forced through {through}")),
        (None, Verdict::Internet | Verdict::Appliance { .. }) => {
            (Egress::Forced, "forced through an appliance".into())
        }
        (None, other) => (Egress::Shut, format!("shut: {other}")),
    }
}

fn prefixes(count: usize) -> String {
    format!("{count} prefix{}", if count == 1 { "" } else { "es" })
}

/// Two are named, more are counted.
fn named(which: &BTreeSet<Ipv4Net>) -> String {
    if which.len() > 2 {
        return prefixes(which.len());
    }
    which.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
