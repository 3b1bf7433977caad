//! The mock, and its verdict: where a packet of the virtual network goes.
//!
//! The mock runs as users run it, and is asked as they ask it, by `quadzero azure show`, what it has learned and where the default
//! route of a subnet leads. Where each packet goes is the library's verdict on what it has learned.

use crate::DEFAULT;
use crate::site::Site;
use quadzero::config::Source;
use quadzero_azure::config::{Azure as Deployed, SessionId};
use quadzero_azure::gateway::{Heard, Table};
use quadzero_azure::verdict::{Answer, Verdict};
use quadzero_codec::{AsPath, Asn, Attributes, NextHop, RouterId};
use quadzero_rib::Route;
use quadzero_tests::{Namespace, PATIENCE, Quadzero, binary, wait_until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A running mock of the file beside those of the daemons.
pub(crate) struct Azure<'a> {
    at: &'a Namespace,
    mock: Quadzero,
    deployed: Arc<Deployed>,
}

/// Where a packet goes that leaves by Azure's own exit.
pub(crate) const INTERNET: Goes = Goes::Internet;

/// Where a packet goes, for comparisons.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    /// By Azure's own exit.
    Internet,
    /// On-premises, through these instances.
    OnPremises(Vec<String>),
    /// Somewhere else.
    Elsewhere(Verdict),
}

impl<'a> Azure<'a> {
    pub(crate) fn start(site: &'a Site) -> Self {
        let file = site.plan.file("azure", "toml");
        let source = Source::read(&file).unwrap_or_else(|_| panic!("{} cannot be read", file.display()));
        let loaded = source.gateway();
        let complaints = loaded.render(false);
        let deployed = loaded.value.unwrap_or_else(|| panic!("{complaints}")).azure;
        let mock = Quadzero::azure_of(&site.azure, &file);
        wait_until("the mock listens", PATIENCE, || site.azure.connections("listening") >= 2);
        Self { at: &site.azure, mock, deployed: Arc::new(deployed) }
    }

    pub(crate) fn mock(&self) -> &Quadzero {
        &self.mock
    }

    pub(crate) fn mock_mut(&mut self) -> &mut Quadzero {
        &mut self.mock
    }

    /// Waits until the default route is known by these ways and no others.
    pub(crate) fn wait_for_default(&self, ways: &[usize]) {
        wait_until(&format!("0.0.0.0/0 by {ways:?}"), PATIENCE, || {
            let learned = self.learned();
            let known = learned.keys().filter(|(_, prefix)| prefix == DEFAULT).map(|(way, _)| *way);
            known.eq(ways.iter().copied())
        });
    }

    /// What it has learned from the edge, as it says now: AS_PATH by way and prefix.
    pub(crate) fn learned(&self) -> BTreeMap<(usize, String), String> {
        let rows = self.show("learned-routes", "value[?origin==`EBgp`].[localAddress, network, asPath]");
        let row = |row: &Value| ((self.way(&row[0]), text(&row[1])), text(&row[2]));
        rows.as_array().into_iter().flatten().map(row).collect()
    }

    /// The type of next hop of 0.0.0.0/0 in a subnet, as it says now.
    pub(crate) fn default_of(&self, subnet: &str) -> Value {
        let words = format!("effective-routes {subnet}");
        self.show(&words, "value[?addressPrefix[0]==`0.0.0.0/0` && state==`Active`].nextHopType")
    }

    /// As users ask a running mock; nothing while it starts.
    fn show(&self, what: &str, query: &str) -> Value {
        let mut show = self.at.command("quadzero", binary());
        show.args(["azure", "show"]).args(what.split(' ')).args(["--query", query]);
        crate::edge::json(show)
    }

    /// The instance that has the address, or the link.
    fn way(&self, local: &Value) -> usize {
        let local = text(local);
        let mut sessions = self.sessions();
        let way = sessions.position(|id| self.deployed.local_address(id).to_string() == local);
        way.expect("a route was learned in a session")
    }

    /// Those with the edge.
    fn sessions(&self) -> impl Iterator<Item = SessionId> {
        [0, 1].into_iter().map(|instance| SessionId { gateway: 0, instance, connection: 0 })
    }

    /// Where a packet from a subnet goes.
    pub(crate) fn goes(&self, subnet: &str, to: &str) -> Goes {
        match self.ask(subnet, to).verdict {
            Verdict::Internet => Goes::Internet,
            Verdict::OnPremises { hops } => {
                Goes::OnPremises(hops.into_iter().map(|hop| hop.instance).collect())
            }
            other => Goes::Elsewhere(other),
        }
    }

    /// Where a packet goes that is forced home by these ways.
    pub(crate) fn on_premises(&self, ways: &[usize]) -> Goes {
        let instances = &self.deployed.gateways[0].instances;
        Goes::OnPremises(ways.iter().map(|way| instances[*way].name.clone()).collect())
    }

    /// Whether Windows can be activated in a subnet.
    pub(crate) fn activates(&self, subnet: &str) -> bool {
        self.ask(subnet, crate::KMS).activation.expect("an activation server").works()
    }

    fn ask(&self, subnet: &str, to: &str) -> Answer {
        let heard: Vec<Heard> = self.sessions().enumerate().map(|(way, id)| self.heard(way, id)).collect();
        let table = Table::new(self.deployed.clone(), &heard);
        let nic = table.nic(subnet).unwrap_or_else(|| panic!("no subnet {subnet}"));
        nic.ask(to.parse::<Ipv4Addr>().expect("an address"))
    }

    /// What one session has brought.
    fn heard(&self, way: usize, session: SessionId) -> Heard {
        let own = self.learned().into_iter().filter(|((known, _), _)| *known == way);
        let route = |((_, prefix), as_path): ((usize, String), String)| {
            let asns = as_path.split('-').map(|asn| Asn(asn.parse().expect("a number")));
            // Azure's own AS is put in front of what a circuit brings.
            let as_path = AsPath::sequence(asns.filter(|asn| *asn == Asn(65010)));
            let next_hop = NextHop::Address(self.deployed.peer_address(session));
            let attributes = Arc::new(Attributes { as_path, next_hop, ..Attributes::default() });
            Route { prefix: prefix.parse().expect("a prefix"), attributes }
        };
        let peer_id = RouterId::new(Ipv4Addr::new(192, 0, 2, 1)).expect("not 0.0.0.0");
        Heard { session, peer_id, routes: own.map(route).collect() }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
