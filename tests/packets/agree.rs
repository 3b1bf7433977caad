//! The verdict, and the way that packets really took: for every pair of a subnet and a destination they have to agree.
//!
//! ```text
//!   what the gateways have learned ──► Table ──► Nic::ask ──► Trip ◄─ equal? ─► Trip ◄── counters at exit, edges and machines,
//!   (asked of the mock)                the library of the verdict                        and what the other end says it saw
//! ```

use crate::follow::{get, text};
use crate::hop::{Counts, Hop};
use crate::lab::Lab;
use crate::plan::{BRANCH, KMS, NOBODY, SERVER, SPOKE, SUBNETS, Subnet, WAYS, WORKLOAD};
use crate::traffic::{Asked, FLOWS, Source, activates};
use crate::world::LINKS;
use quadzero_azure::gateway::{Heard, Table};
use quadzero_azure::service::Service;
use quadzero_azure::verdict::{Answer, Beyond, Seen, Verdict};
use quadzero_codec::{AsPath, Asn, Attributes, NextHop, RouterId};
use quadzero_rib::Route;
use quadzero_tests::{PATIENCE, wait_for};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long packets may take to show where they go.
const LIMIT: Duration = Duration::from_secs(10);
/// And how often they may be sent. One that a busy machine has lost is no disagreement yet, one that went elsewhere is.
const ATTEMPTS: usize = 3;
/// So often in a row nothing more may have been counted before it is believed that nothing more comes.
const QUIET: usize = 2;

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By Azure's own exit.
    Exit,
    /// To an edge, by the ways of these instances.
    Edge(BTreeSet<usize>),
    /// To a machine of the network.
    Network,
    /// Azure drops it.
    Nowhere,
    /// Not all of them, or some here and some there.
    Several { exit: u64, edge: u64, network: u64 },
}

/// And whose address the destination sees; `None` where nothing is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trip {
    way: Way,
    source: Option<Source>,
}

/// One pair, and both answers.
#[derive(Clone)]
pub(crate) struct Row {
    from: &'static str,
    to: &'static str,
    said: Trip,
    gone: Trip,
}

/// All pairs.
pub(crate) struct Comparison(Vec<Row>);

impl Lab {
    /// Sends packets from every subnet to every destination, and waits until the verdict agrees with them.
    ///
    /// # Panics
    /// When it does not; both are in the message.
    pub(crate) fn verdict_and_packets_agree(&self, when: &str) {
        self.verdict_and_packets_agree_beyond(when, &Beyond::default());
    }

    /// The same, with what the verdict is told of that which no route tells.
    pub(crate) fn verdict_and_packets_agree_beyond(&self, when: &str, beyond: &Beyond) {
        let comparison = self.compare(beyond, LIMIT);
        println!("{when}\n{comparison}");
        let disagreements = comparison.disagreements();
        assert!(disagreements.0.is_empty(), "{when}, verdict and packets disagree:\n{disagreements}");
    }

    /// The same without an opinion: waits for agreement, and returns what there is when that does not come.
    pub(crate) fn compare(&self, beyond: &Beyond, limit: Duration) -> Comparison {
        self.settle();
        let of_subnet = |subnet: &&Subnet| {
            let mut rows = self.rows(subnet, beyond, limit);
            for _ in 1..ATTEMPTS {
                let only_lost = rows.iter().all(|row| row.agrees() || row.has_lost());
                if rows.iter().all(Row::agrees) || !only_lost {
                    break;
                }
                rows = self.rows(subnet, beyond, limit);
            }
            rows
        };
        Comparison(SUBNETS.iter().flat_map(of_subnet).collect())
    }

    /// One subnet after the other, so that no queue on the way runs over.
    fn rows(&self, subnet: &Subnet, beyond: &Beyond, limit: Duration) -> Vec<Row> {
        let before = Seeing::of(self);
        let destinations: Vec<_> = destinations().into_iter().filter(|to| *to != subnet.machine).collect();
        let asked = Asked::by(self.machine(subnet), &destinations);
        let (end, mut quiet, mut last) = (Instant::now() + limit, 0, before.clone());
        loop {
            let now = Seeing::of(self);
            quiet = if now == last { quiet + 1 } else { 0 };
            last = now.clone();
            let (table, seen) = (self.table(), now.since(&before));
            let nic = table.nic(&subnet.path()).expect("the subnet is in the mock's file").with(beyond);
            let row = |to: &&'static str| {
                let said = self.said(&nic.ask(address(to)), to);
                Row { from: subnet.name, to, said, gone: seen.trip(subnet.machine, to, &asked) }
            };
            let rows: Vec<Row> = destinations.iter().map(row).collect();
            let agreed = rows.iter().all(Row::agrees);
            if agreed && quiet >= QUIET || Instant::now() > end {
                return rows;
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// What the verdict says.
    fn said(&self, answer: &Answer, to: &str) -> Trip {
        let instances = &self.deployed.gateways[0].instances;
        let way = match &answer.verdict {
            Verdict::Internet => Way::Exit,
            Verdict::OnPremises { hops } => {
                let named = |name: &str| instances.iter().position(|instance| instance.name == name);
                Way::Edge(hops.iter().filter_map(|hop| named(&hop.instance)).collect())
            }
            Verdict::Vnet { .. } => Way::Network,
            Verdict::Dropped { .. } => Way::Nowhere,
            other => panic!("this lab has no {other}"),
        };
        let source = match answer.source {
            Seen::Azure => Some(Source::Azure),
            Seen::OnPremises => Some(Source::OnPremises),
            // Who is there on-premises is not the verdict's affair.
            Seen::Private if NOBODY.contains(&to) => None,
            Seen::Private => Some(Source::Private),
            Seen::None => None,
        };
        Trip { way, source }
    }

    /// What the gateways know, as the mock says.
    pub(crate) fn table(&self) -> Table {
        let learned = self.learned();
        let heard = self.deployed.sessions().map(|session| {
            let (local, peer) = (self.deployed.local_address(session), self.deployed.peer_address(session));
            let ours = learned.iter().filter(|row| {
                row["localAddress"] == local.to_string() && row["sourcePeer"] == peer.to_string()
            });
            let next_hop = NextHop::Address(peer);
            let routes = ours.map(|row| route(row, next_hop)).collect();
            let peer_id = RouterId::new(Ipv4Addr::new(192, 0, 2, 10)).expect("not 0.0.0.0");
            Heard { session, peer_id, routes }
        });
        Table::new(self.deployed.clone(), &heard.collect::<Vec<_>>())
    }

    /// Rows that were learned from edges.
    pub(crate) fn learned(&self) -> Vec<Value> {
        let socket = self.world.fabric.at.path("api.sock");
        let ask = || get(&socket, "/gateways/-/learned-routes").ok();
        let answer = wait_for("the mock says what it has learned", PATIENCE, ask);
        let rows = answer["value"].as_array().into_iter().flatten();
        rows.filter(|row| row["origin"] == "EBgp").cloned().collect()
    }

    /// Activation in every subnet: the verdict's answer, and what became of a real question.
    ///
    /// # Panics
    /// When they differ.
    pub(crate) fn activation(&self) -> Vec<(&'static str, bool)> {
        let table = self.table();
        let answers = SUBNETS.iter().zip(&self.world.machines).map(|(subnet, machine)| {
            let nic = table.nic(&subnet.path()).expect("the subnet is in the mock's file");
            let judgement = nic.service(Service::Kms, address(KMS));
            let works = activates(machine);
            println!("activation in {}: {}; really: {works}", subnet.name, judgement.word());
            assert_eq!(judgement.works(), works, "{}: the verdict is {judgement:?}", subnet.name);
            (subnet.name, works)
        });
        answers.collect()
    }
}

/// Those whose machines are asked.
const MACHINES: [&Subnet; 2] = [&WORKLOAD, &SPOKE];

fn destinations() -> Vec<&'static str> {
    let machines = MACHINES.iter().map(|subnet| subnet.machine);
    [SERVER, KMS, BRANCH].into_iter().chain(machines).chain(NOBODY).collect()
}

fn address(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

/// The AS of the gateway, which a circuit puts in front, was not in what was heard.
fn route(row: &Value, next_hop: NextHop) -> Route {
    let asns = text(&row["asPath"]).split('-').map(|asn| Asn(asn.parse().expect("a number")));
    let as_path = AsPath::sequence(asns.filter(|asn| *asn == Asn(65010)));
    let attributes = Arc::new(Attributes { as_path, next_hop, ..Attributes::default() });
    Route { prefix: text(&row["network"]).parse().expect("a prefix"), attributes }
}

/// What is counted where packets end up.
#[derive(Clone, PartialEq, Eq)]
struct Seeing {
    exit: Counts,
    edges: Vec<Counts>,
    /// Of [`MACHINES`].
    machines: Vec<Counts>,
}

impl Seeing {
    fn of(lab: &Lab) -> Self {
        Self {
            // What came to the exit is dropped there if it is for a private address.
            exit: lab.world.exit.left(),
            edges: lab.world.edges.iter().map(Hop::came).collect(),
            machines: MACHINES.iter().map(|subnet| lab.machine(subnet).came()).collect(),
        }
    }

    fn since(self, before: &Self) -> Self {
        let since = |now: Vec<Counts>, before: &[Counts]| {
            now.into_iter().zip(before).map(|(now, before)| now.since(before)).collect()
        };
        Self {
            exit: self.exit.since(&before.exit),
            edges: since(self.edges, &before.edges),
            machines: since(self.machines, &before.machines),
        }
    }

    fn trip(&self, from: &str, to: &str, asked: &Asked) -> Trip {
        let exit = self.exit.of(from, to);
        let links = self.edges.iter().flat_map(|edge| edge.by_link(from, to));
        let ways: Vec<(usize, u64)> = links.filter_map(|(link, count)| Some((way(link)?, count))).collect();
        let edge = ways.iter().map(|(_, count)| count).sum();
        let own = MACHINES.iter().position(|subnet| subnet.machine == to);
        let network = own.map_or(0, |machine| self.machines[machine].of(from, to));
        let way = match (exit, edge, network) {
            (0, 0, 0) => Way::Nowhere,
            (all, 0, 0) if all == FLOWS as u64 => Way::Exit,
            (0, all, 0) if all == FLOWS as u64 => Way::Edge(ways.into_iter().map(|(way, _)| way).collect()),
            (0, 0, all) if all == FLOWS as u64 => Way::Network,
            (exit, edge, network) => Way::Several { exit, edge, network },
        };
        let (answers, sources) = asked.answers(to);
        // Some answers are no answer yet.
        let source = sources.first().copied().filter(|_| answers == FLOWS && sources.len() == 1);
        Trip { way, source }
    }
}

/// The way that ends at a link of an edge.
fn way(link: &str) -> Option<usize> {
    WAYS.into_iter().find(|way| link == format!("vpn-{way}") || link == LINKS[*way])
}

impl Comparison {
    /// Those that are not as the verdict says.
    pub(crate) fn disagreements(&self) -> Self {
        Self(self.0.iter().filter(|row| !row.agrees()).cloned().collect())
    }

    /// The lines of both answers.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().map(Row::to_string).collect()
    }
}

impl Row {
    fn agrees(&self) -> bool {
        self.said == self.gone
    }

    /// Whether all that is wrong is that something did not arrive.
    fn has_lost(&self) -> bool {
        match (&self.said.way, &self.gone.way) {
            (_, Way::Nowhere) => true,
            (Way::Exit, Way::Several { edge: 0, network: 0, .. })
            | (Way::Edge(_), Way::Several { exit: 0, network: 0, .. })
            | (Way::Network, Way::Several { exit: 0, edge: 0, .. }) => true,
            (said, gone) => said == gone && self.gone.source.is_none(),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, said, gone } = self;
        write!(f, "{from:11} {to:15} {:36} {gone}", said.to_string())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:11} {:15} {:36} packets", "from", "to", "verdict")?;
        self.0.iter().try_for_each(|row| writeln!(f, "  {row}"))
    }
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Exit => f.write_str("exit")?,
            Way::Edge(ways) => {
                let ways: Vec<String> = ways.iter().map(usize::to_string).collect();
                write!(f, "edge by {}", ways.join(" and "))?;
            }
            Way::Network => f.write_str("network")?,
            Way::Nowhere => f.write_str("nowhere")?,
            Way::Several { exit, edge, network } => {
                write!(f, "of {FLOWS} packets exit {exit}, edge {edge}, network {network}")?;
            }
        }
        match self.source {
            Some(source) => write!(f, ", source {source}"),
            None => f.write_str(", no answer"),
        }
    }
}
