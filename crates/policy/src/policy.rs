//! The policy: what there is to announce, what is excepted, and who is told.

use crate::decision::{Decision, Standing};
use crate::evaluation::Evaluation;
use crate::{Condition, Health, Overrides, Template, UserDefinedRoute};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{Asn, Family, NextHop};
use quadzero_rib::{Interner, RouteSet};
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// What only Azure's platform answers to: DNS, DHCP, health probes and the wire server at 168.63.129.16, the
/// instance metadata service at 169.254.169.254 and the rest of its network. Nobody may announce these.
const PLATFORM: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(168, 63, 129, 16), 32)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16)),
];

/// The platform range that the prefix lies in.
pub(crate) fn platform(prefix: &IpNet) -> Option<IpNet> {
    PLATFORM.into_iter().find(|range| range.contains(prefix))
}

/// A prefix of ours to announce: 0.0.0.0/0, `::/0`, or any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origination {
    /// What it is called in announce lists; several may share a name.
    pub name: String,
    /// Where to.
    pub prefix: IpNet,
    /// What is said of it.
    pub template: Template,
}

/// Prefixes that should not follow the default route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionSet {
    /// What it is called in announce lists; nothing else is called the same.
    pub name: String,
    /// The prefixes, at least one.
    pub prefixes: Vec<IpNet>,
    /// How the exception is made.
    pub mode: ExceptionMode,
}

/// The ways to make an exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExceptionMode {
    /// Announced beside the default, with a say of their own. Beware: by longest prefix this *attracts* the
    /// traffic to whoever announces it.
    Announce(Template),
    /// Everything announced is announced without them, in smaller prefixes.
    CarveOut,
    /// Nothing is announced; the user adds routes to route tables ([`Policy::user_defined_routes`]).
    Udr,
}

/// What the policy has to know of a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighborPolicy {
    /// What it is called.
    pub name: String,
    /// Our AS, as this neighbor sees it.
    pub local_as: Asn,
    /// Its AS. Our own makes it an internal neighbor (iBGP).
    pub remote_as: Asn,
    /// What is exchanged with it.
    pub families: Vec<Family>,
    /// Names of the originations and exception sets meant for it; `None` is all of them.
    pub announce: Option<Vec<String>>,
    /// What is said otherwise to it.
    pub overrides: Overrides,
}

impl NeighborPolicy {
    /// Whether it is in our own AS.
    pub fn is_internal(&self) -> bool {
        self.local_as == self.remote_as
    }
}

/// Why there can be no such policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PolicyError {
    #[error("two things are called \"{name}\": an exception set needs a name of its own")]
    DuplicateName { name: String },
    #[error("\"{name}\" holds {prefix} twice")]
    DuplicatePrefix { name: String, prefix: IpNet },
    #[error("exception set \"{name}\" holds no prefix")]
    EmptySet { name: String },
    #[error("\"{name}\": {prefix} has bits set beyond its length; did you mean {}?", prefix.trunc())]
    HostBits { name: String, prefix: IpNet },
    #[error(
        "\"{name}\": {prefix} must not be announced or routed elsewhere: {platform} belongs to Azure's \
         platform, which reaches it without your help"
    )]
    Platform { name: String, prefix: IpNet, platform: IpNet },
    #[error("\"{name}\": the next hop {} cannot be said of {prefix}, which is of the other address family", show(.next_hop))]
    NextHopFamily { name: String, prefix: IpNet, next_hop: NextHop },
}

fn show(next_hop: &NextHop) -> String {
    match next_hop {
        NextHop::Own => "self".into(),
        NextHop::Address(address) => address.to_string(),
        NextHop::WithLinkLocal(global, _) => global.to_string(),
    }
}

/// What is announced, to whom and why. Immutable, and made only of what makes sense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub(crate) originations: Vec<Origination>,
    pub(crate) exceptions: Vec<ExceptionSet>,
}

impl Policy {
    /// Checks what does not depend on a neighbor.
    pub fn new(originations: Vec<Origination>, exceptions: Vec<ExceptionSet>) -> Result<Self, PolicyError> {
        let mut seen = HashSet::new();
        for Origination { name, prefix, template } in &originations {
            check_prefix(name, prefix)?;
            check_route(name, prefix, template)?;
            if !seen.insert((name, prefix)) {
                return Err(PolicyError::DuplicatePrefix { name: name.clone(), prefix: *prefix });
            }
        }
        let mut names: HashSet<&str> = originations.iter().map(|o| o.name.as_str()).collect();
        for set in &exceptions {
            check_set(set)?;
            if !names.insert(&set.name) {
                return Err(PolicyError::DuplicateName { name: set.name.clone() });
            }
        }
        Ok(Self { originations, exceptions })
    }

    /// What is originated.
    pub fn originations(&self) -> &[Origination] {
        &self.originations
    }

    /// What is excepted.
    pub fn exceptions(&self) -> &[ExceptionSet] {
        &self.exceptions
    }

    /// Every decision about what this neighbor is told while the probes are so, sorted by prefix. This *is* the evaluation.
    pub fn explain(&self, neighbor: &NeighborPolicy, health: &Health) -> Vec<Decision> {
        self.evaluate(neighbor, health, &mut Interner::default())
    }

    /// What this neighbor is told: the routes of [`explain`](Self::explain).
    pub fn routes(&self, neighbor: &NeighborPolicy, health: &Health) -> RouteSet {
        announced(&self.explain(neighbor, health))
    }

    /// [`routes`](Self::routes) of many neighbors, with as little memory as can be: equal sets are one `Arc`,
    /// equal attributes are one `Arc`, and neighbors on the same terms are evaluated once.
    pub fn plan(&self, neighbors: &[NeighborPolicy], health: &Health) -> Vec<Arc<RouteSet>> {
        let mut interner = Interner::default();
        let mut sets: Vec<Arc<RouteSet>> = Vec::new();
        let mut by_terms = HashMap::new();
        let mut plan = |neighbor| {
            let set = by_terms.entry(Terms::of(neighbor)).or_insert_with(|| {
                let set = announced(&self.evaluate(neighbor, health, &mut interner));
                shared(&mut sets, set)
            });
            set.clone()
        };
        neighbors.iter().map(&mut plan).collect()
    }

    /// What is announced under a condition: its name, its prefix, and on what it depends.
    pub fn depending(&self) -> impl Iterator<Item = (&str, &IpNet, &Template)> {
        let originated = self.originations.iter().map(|o| (o.name.as_str(), &o.prefix, &o.template));
        let excepted = self.exceptions.iter().flat_map(|set| {
            let template = match &set.mode {
                ExceptionMode::Announce(template) => Some(template),
                ExceptionMode::CarveOut | ExceptionMode::Udr => None,
            };
            let of_set = move |prefix| Some((set.name.as_str(), prefix, template?));
            set.prefixes.iter().filter_map(of_set)
        });
        let depends = |(_, _, template): &(&str, &IpNet, &Template)| template.condition != Condition::Always;
        originated.chain(excepted).filter(depends)
    }

    /// The conditions that announcements depend on.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.depending().map(|(_, _, template)| &template.condition)
    }

    /// The entries for Azure's route tables: those that exceptions in mode udr need, and those that could be
    /// used instead of the other modes.
    pub fn user_defined_routes(&self) -> Vec<UserDefinedRoute> {
        self.exceptions.iter().flat_map(UserDefinedRoute::of).collect()
    }

    fn evaluate(&self, neighbor: &NeighborPolicy, health: &Health, interner: &mut Interner) -> Vec<Decision> {
        Evaluation::new(neighbor, health, interner).decide(self)
    }
}

/// Unsettled while something is withheld, or said otherwise, only because nobody knows yet.
fn announced(decisions: &[Decision]) -> RouteSet {
    let routes: RouteSet = decisions.iter().filter_map(Decision::route).cloned().collect();
    let awaits = |decision: &Decision| decision.standing.as_ref().is_some_and(Standing::awaits);
    if decisions.iter().any(awaits) { routes.unsettled() } else { routes }
}

/// The equal set made before, or this one.
fn shared(sets: &mut Vec<Arc<RouteSet>>, set: RouteSet) -> Arc<RouteSet> {
    if let Some(known) = sets.iter().find(|known| ***known == set) {
        return known.clone();
    }
    sets.push(Arc::new(set));
    sets[sets.len() - 1].clone()
}

/// All of a neighbor that its routes depend on.
#[derive(PartialEq, Eq, Hash)]
struct Terms<'a> {
    local_as: Asn,
    internal: bool,
    families: &'a [Family],
    announce: Option<&'a [String]>,
    overrides: &'a Overrides,
}

impl<'a> Terms<'a> {
    fn of(neighbor: &'a NeighborPolicy) -> Self {
        Self {
            local_as: neighbor.local_as,
            internal: neighbor.is_internal(),
            families: &neighbor.families,
            announce: neighbor.announce.as_deref(),
            overrides: &neighbor.overrides,
        }
    }
}

fn check_set(set: &ExceptionSet) -> Result<(), PolicyError> {
    if set.prefixes.is_empty() {
        return Err(PolicyError::EmptySet { name: set.name.clone() });
    }
    let mut seen = HashSet::new();
    for prefix in &set.prefixes {
        check_prefix(&set.name, prefix)?;
        match &set.mode {
            ExceptionMode::Announce(template) => check_route(&set.name, prefix, template)?,
            ExceptionMode::Udr => check_platform(&set.name, prefix)?,
            // Not announcing what must not be announced is fine.
            ExceptionMode::CarveOut => {}
        }
        if !seen.insert(prefix) {
            return Err(PolicyError::DuplicatePrefix { name: set.name.clone(), prefix: *prefix });
        }
    }
    Ok(())
}

fn check_route(name: &str, prefix: &IpNet, template: &Template) -> Result<(), PolicyError> {
    check_platform(name, prefix)?;
    if !template.fits(prefix) {
        let next_hop = template.next_hop;
        return Err(PolicyError::NextHopFamily { name: name.into(), prefix: *prefix, next_hop });
    }
    Ok(())
}

fn check_platform(name: &str, prefix: &IpNet) -> Result<(), PolicyError> {
    platform(prefix).map_or(Ok(()), |platform| {
        Err(PolicyError::Platform { name: name.into(), prefix: *prefix, platform })
    })
}

fn check_prefix(name: &str, prefix: &IpNet) -> Result<(), PolicyError> {
    if *prefix == prefix.trunc() {
        return Ok(());
    }
    Err(PolicyError::HostBits { name: name.into(), prefix: *prefix })
}
