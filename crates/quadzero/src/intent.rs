//! What is to be announced right now: the configuration, what somebody has said by hand, and whether we are about to leave.
//!
//! ```text
//!   [[originate]], [[exception]] ──┐
//!   quadzero announce, withdraw  ──┼──► Policy, NeighborPolicy, Health ──► a set of routes for each neighbor
//!   draining: GRACEFUL_SHUTDOWN  ──┤
//!   [[probe]]                    ──┘
//! ```
//!
//! All of them end in one evaluation, so that `show`, `why` and what is said on the wire cannot differ.

use crate::config::Source;
use crate::config::edge::{Edge, Neighbor};
use ipnet::IpNet;
use quadzero_codec::Community;
use quadzero_policy::{
    Condition, Decision, ExceptionMode, ExceptionSet, Health, NeighborPolicy, Origination, Policy,
    PolicyError,
};
use quadzero_rib::RouteSet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How much longer the path gets while we leave: where the community is not known, this is what tells.
const LONGER: u8 = 3;

/// How far we are with leaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// We are not.
    #[default]
    Serving,
    /// Neighbors are told to use another way (RFC 8326), and may still use us.
    Warning,
    /// Nothing is announced any more.
    Drained,
}

/// A route that somebody has announced by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What is announced.
    pub origination: Origination,
    /// How it was asked for, so that it can be asked for again.
    pub asked: Asked,
}

/// A route as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Asked {
    /// What is announced.
    pub prefix: IpNet,
    /// Keys of `[[originate]]`: numbers, texts and lists of texts.
    #[serde(default)]
    pub attributes: Map<String, Value>,
    /// Names of the neighbors that are told; none: all of them.
    #[serde(default)]
    pub to: Vec<String>,
    /// Announced again at the next start.
    #[serde(default)]
    pub keep: bool,
}

impl Asked {
    /// Reads the attributes as a file's would be.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(self) -> Result<Announcement, String> {
        let mut text = format!("prefix = \"{}\"\n", self.prefix);
        for (key, value) in &self.attributes {
            let is_key = key.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
            if !is_key || ["prefix", "prefixes", "name"].contains(&key.as_str()) {
                return Err(format!("{key:?} is no attribute"));
            }
            // A JSON text, number or list of them is TOML as well.
            text += &format!("{key} = {value}\n");
        }
        let loaded = Source { path: "by hand".into(), text }.origination();
        let wrong = loaded.diagnostics.first().map(|first| match &first.hint {
            Some(hint) => format!("{}: {hint}", first.message),
            None => first.message.clone(),
        });
        let mut origination = loaded.value.ok_or_else(|| wrong.unwrap_or_default())?;
        origination.name = format!("{} by hand", self.prefix);
        Ok(Announcement { origination, asked: self })
    }
}

/// What somebody has said by hand. Gone at the next start, but for what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHand {
    /// Announced, whatever the configuration has.
    pub announced: BTreeMap<IpNet, Announcement>,
    /// Not announced, although the configuration has it.
    pub withdrawn: BTreeSet<IpNet>,
}

impl ByHand {
    /// The configured policy with what was said by hand: that comes first, where both have a prefix.
    ///
    /// # Errors
    /// The two do not go together.
    pub fn policy(&self, configured: &Policy) -> Result<Policy, PolicyError> {
        if self.announced.is_empty() && self.withdrawn.is_empty() {
            return Ok(configured.clone());
        }
        let stays = |prefix: &IpNet| !self.withdrawn.contains(prefix);
        let by_hand = self.announced.values().map(|announcement| &announcement.origination);
        let originations = configured.originations().iter().filter(|origination| stays(&origination.prefix));
        let exceptions = configured.exceptions().iter().filter_map(|set| {
            let ExceptionMode::Announce(_) = set.mode else { return Some(set.clone()) };
            let prefixes: Vec<IpNet> = set.prefixes.iter().filter(|prefix| stays(prefix)).copied().collect();
            (!prefixes.is_empty()).then(|| ExceptionSet { prefixes, ..set.clone() })
        });
        Policy::new(by_hand.chain(originations).cloned().collect(), exceptions.collect())
    }

    /// The neighbor's terms: what is announced by hand is meant for it unless it is for others.
    fn terms(&self, configured: &Policy, neighbor: &mut NeighborPolicy) {
        let is_meant = |announcement: &&Announcement| {
            announcement.asked.to.is_empty() || announcement.asked.to.contains(&neighbor.name)
        };
        let meant: Vec<String> =
            self.announced.values().filter(is_meant).map(|a| a.origination.name.clone()).collect();
        if neighbor.announce.is_none() && meant.len() < self.announced.len() {
            let originated = configured.originations().iter().map(|origination| &origination.name);
            let excepted = configured.exceptions().iter().map(|set| &set.name);
            neighbor.announce = Some(originated.chain(excepted).cloned().collect());
        }
        if let Some(names) = &mut neighbor.announce {
            names.extend(meant);
        }
    }
}

/// All that decides what is announced.
#[derive(Clone, Debug)]
pub struct Intent {
    /// What is announced.
    pub policy: Policy,
    configured: Policy,
    by_hand: ByHand,
    /// How far we are with leaving.
    pub stage: Stage,
    /// How the probes are.
    pub health: Health,
}

impl Intent {
    /// Of a configuration.
    ///
    /// # Errors
    /// What was said by hand does not go with it.
    pub fn new(edge: &Edge, by_hand: &ByHand, stage: Stage, health: Health) -> Result<Self, String> {
        let policy = by_hand.policy(&edge.policy).map_err(|error| error.to_string())?;
        let is_unknown = |name: &&Arc<str>| !edge.probes.iter().any(|probe| probe.name == **name);
        if let Some(unknown) = policy.conditions().flat_map(Condition::probes).find(is_unknown) {
            return Err(format!("no [[probe]] is called {unknown:?}"));
        }
        Ok(Self { policy, configured: edge.policy.clone(), by_hand: by_hand.clone(), stage, health })
    }

    /// What the policy has to know of a neighbor now.
    pub fn terms(&self, neighbor: &Neighbor) -> NeighborPolicy {
        let mut terms = neighbor.policy.clone();
        self.by_hand.terms(&self.configured, &mut terms);
        if self.stage != Stage::Serving {
            terms.overrides.prepend = terms.overrides.prepend.saturating_add(LONGER);
            if !terms.overrides.communities.contains(&Community::GRACEFUL_SHUTDOWN) {
                terms.overrides.communities.push(Community::GRACEFUL_SHUTDOWN);
            }
            // Within our own AS it is this that makes a route the last choice (RFC 8326 §4.1).
            terms.overrides.local_pref = Some(0);
        }
        terms
    }

    /// The routes of each neighbor.
    pub fn plan<'a>(&self, neighbors: impl Iterator<Item = &'a Neighbor>) -> Vec<Arc<RouteSet>> {
        if self.stage == Stage::Drained {
            let nothing = Arc::new(RouteSet::default());
            return neighbors.map(|_| nothing.clone()).collect();
        }
        self.policy.plan(&neighbors.map(|neighbor| self.terms(neighbor)).collect::<Vec<_>>(), &self.health)
    }

    /// Every decision about a neighbor.
    pub fn explain(&self, neighbor: &Neighbor) -> Vec<Decision> {
        self.policy.explain(&self.terms(neighbor), &self.health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge() -> Edge {
        let text = r#"
            bgp = { asn = 65010, router-id = "192.0.2.1" }
            originate = [{ prefix = "0.0.0.0/0" }, { prefix = "10.0.0.0/8" }]
            neighbor = [
                { name = "left", address = "192.0.2.2", remote-as = 65020, announce = ["default"] },
                { name = "right", address = "192.0.2.3", remote-as = 65020 },
            ]
        "#;
        Source { path: "edge.toml".into(), text: text.into() }.edge().value.unwrap()
    }

    fn asked(prefix: &str, attributes: &str) -> Asked {
        let attributes = serde_json::from_str(attributes).unwrap();
        Asked { prefix: prefix.parse().unwrap(), attributes, to: vec![], keep: false }
    }

    fn told(by_hand: &ByHand, stage: Stage) -> Vec<Vec<String>> {
        let edge = edge();
        let intent = Intent::new(&edge, by_hand, stage, Health::unknown()).unwrap();
        let words = |set: &Arc<RouteSet>| {
            let route = |route: &quadzero_rib::Route| {
                let said = &route.attributes;
                format!("{} [{}] {:?} {:?}", route.prefix, said.as_path, said.med, said.communities)
            };
            set.iter().map(route).collect()
        };
        intent.plan(edge.neighbors.iter()).iter().map(words).collect()
    }

    #[test]
    fn by_hand_comes_before_the_configuration_and_goes_to_those_it_is_for() {
        let mut by_hand = ByHand::default();
        let mut default = asked("0.0.0.0/0", r#"{"med": 7}"#);
        default.to = vec!["right".into()];
        by_hand.announced.insert(default.prefix, default.read().unwrap());
        let told = told(&by_hand, Stage::Serving);
        assert_eq!(told[0], ["0.0.0.0/0 [65010] None []"]);
        assert_eq!(told[1], ["0.0.0.0/0 [65010] Some(7) []", "10.0.0.0/8 [65010] None []"]);
    }

    #[test]
    fn what_is_withdrawn_by_hand_is_not_announced() {
        let withdrawn = BTreeSet::from(["0.0.0.0/0".parse().unwrap()]);
        let told = told(&ByHand { withdrawn, ..ByHand::default() }, Stage::Serving);
        assert_eq!(told, [vec![], vec!["10.0.0.0/8 [65010] None []".to_owned()]]);
    }

    #[test]
    fn a_warning_is_graceful_shutdown_and_a_longer_path_and_then_there_is_nothing() {
        let warned = told(&ByHand::default(), Stage::Warning);
        assert_eq!(warned[0].len(), 1);
        assert!(warned[0][0].starts_with("0.0.0.0/0 [65010 65010 65010 65010] None ["), "{warned:?}");
        assert_ne!(warned[0][0], told(&ByHand::default(), Stage::Serving)[0][0]);
        assert_eq!(told(&ByHand::default(), Stage::Drained), [Vec::<String>::new(), vec![]]);
    }

    #[test]
    fn attributes_are_those_of_originate_and_nothing_else_gets_in() {
        assert!(
            asked("10.0.0.0/8", r#"{"communities": ["65010:1", "no-export"], "prepend": 2}"#).read().is_ok()
        );
        let wrong = |attributes: &str| asked("10.0.0.0/8", attributes).read().unwrap_err();
        assert_eq!(wrong(r#"{"med": -1}"#), "-1 is out of range: from 0 to 4294967295");
        assert!(wrong(r#"{"metric": 1}"#).contains("unknown key `metric`"), "{}", wrong(r#"{"metric": 1}"#));
        assert_eq!(wrong(r#"{"prefix": "0.0.0.0/0"}"#), "\"prefix\" is no attribute");
        assert_eq!(wrong("{\"med = 1\\nname\": 1}"), "\"med = 1\\nname\" is no attribute");
    }
}
