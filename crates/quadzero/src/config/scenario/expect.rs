//! What is expected of a scenario.

use super::Known;
use crate::config::diagnostic::Diagnostic;
use crate::config::get;
use crate::config::reader::{Node, Record, Value, missing, record, wrong_type};
use crate::config::schema::{self, Schema, Schemas, any_of};
use crate::config::value::words;
use ipnet::IpNet;
use quadzero_azure::gateway::Refusal;
use quadzero_azure::service::{Judgement, Service};
use quadzero_azure::verdict::Seen;
use std::net::Ipv4Addr;
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

record! {
    /// `[[expect]]`
    File {
        /// When; at once, if it is left out.
        optional at: Duration,
        /// The subnet that a packet leaves from.
        optional from: Names,
        /// Where it wants to go.
        optional to: Ipv4Addr,
        /// Where it ends up.
        optional outcome: Outcome,
        /// Which source address is seen there.
        optional source: Seen,
        /// What it passes through.
        optional via: Vec<String>,
        /// What it does not.
        optional not_via: Vec<String>,
        /// What is asked for there.
        optional service: Service,
        /// Whether that works.
        optional works: Works,
        /// Whether Windows activation works there.
        optional kms: Kms,
        /// A session, by the name of the neighbor.
        optional session: String,
        /// Of which edge.
        optional edge: String,
        /// How it is.
        optional state: SessionState,
        /// A prefix that is learned.
        optional learned: IpNet,
        /// By which gateway or edge.
        optional by: String,
        /// Whether it is.
        optional present: bool,
        /// A prefix that the router of a site forwards by.
        optional installed: IpNet,
        /// A prefix that gateways do not take.
        optional refused: RefusedFile,
    }
}

record! {
    /// `refused = { .. }`
    RefusedFile {
        /// The prefix.
        required prefix: IpNet,
        /// Why.
        required why: Refusal,
    }
}

/// Where a packet ends up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Forced through the gateway.
    OnPremises,
    /// Forced through the gateway, and lost there.
    Blackholed,
    /// By Azure's own way to the Internet.
    Internet,
    /// Within the virtual networks.
    Vnet,
    /// To a virtual appliance of which no more is known.
    Appliance,
    /// To an address of Azure's platform, which no route moves.
    Platform,
    /// Nowhere.
    Dropped,
}

/// Whether Windows activation works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kms {
    /// It does.
    Works,
    /// It does not.
    Fails,
    /// What decides is beyond the virtual network, such as an appliance.
    Depends,
}

/// How a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It is up.
    Established,
    /// It is up, and has been since it came up first.
    Stable,
    /// It is not.
    Connecting,
    /// It was up and has been lost, whether or not it is up again.
    Flaps,
}

words! {
    Outcome: "an outcome" {
        "on-premises" => Self::OnPremises,
        "blackholed" => Self::Blackholed,
        "internet" => Self::Internet,
        "vnet" => Self::Vnet,
        "appliance" => Self::Appliance,
        "platform" => Self::Platform,
        "dropped" => Self::Dropped,
    }
    Kms: "an outcome of Windows activation" {
        "works" => Self::Works,
        "fails" => Self::Fails,
        "depends" => Self::Depends,
    }
    SessionState: "a state" {
        "established" => Self::Established,
        "stable" => Self::Stable,
        "connecting" => Self::Connecting,
        "flaps" => Self::Flaps,
    }
    Seen: "a kind of source" {
        "azure" => Self::Azure,
        "on-premises" => Self::OnPremises,
        "private" => Self::Private,
        "none" => Self::None,
    }
    Service: "a service" {
        "internet" => Self::Internet,
        "kms" => Self::Kms,
        "rhui" => Self::Rhui,
        "storage" => Self::Storage,
        "sql" => Self::Sql,
        "key-vault" => Self::KeyVault,
        "backup" => Self::Backup,
        "entra-id" => Self::EntraId,
        "windows-update" => Self::WindowsUpdate,
        "virtual-desktop" => Self::VirtualDesktop,
        "aks" => Self::Aks,
        "app-service-environment" => Self::AppServiceEnvironment,
        "api-management" => Self::ApiManagement,
        "hdinsight" => Self::HdInsight,
        "databricks" => Self::Databricks,
        "sql-managed-instance" => Self::SqlManagedInstance,
        "application-gateway" => Self::ApplicationGateway,
        "bastion" => Self::Bastion,
        "firewall" => Self::Firewall,
        "rdp" => Self::Rdp,
    }
    Refusal: "a reason" {
        "inside-vnet" => Self::InsideVnet,
        "ipv6" => Self::Ipv6,
        "default-on-microsoft-peering" => Self::DefaultOnMicrosoftPeering,
        "private-on-microsoft-peering" => Self::PrivateOnMicrosoftPeering,
    }
}

/// One name, or a list of them.
#[derive(Clone, Debug)]
pub(in crate::config) struct Names(Vec<Spanned<String>>);

impl Value for Names {
    fn example() -> String {
        "\"workload\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Array(_) => Vec::read(node, out).map(Self),
            _ => Spanned::read(node, out).map(|only| Self(vec![only])),
        }
    }

    fn schema(all: &mut Schemas) -> Schema {
        any_of([String::schema(all), Vec::<String>::schema(all)])
    }
}

/// Whether a service works: `true`, `false` or `"depends"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Works {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It depends on what routing does not tell.
    Depends,
}

impl Value for Works {
    fn example() -> String {
        "true".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.get_ref() {
            DeValue::Boolean(true) => Some(Self::Yes),
            DeValue::Boolean(false) => Some(Self::No),
            DeValue::String(text) if text == "depends" => Some(Self::Depends),
            _ => {
                out.push(wrong_type(node, "true, false or \"depends\"").hint("like true"));
                None
            }
        }
    }

    fn schema(all: &mut Schemas) -> Schema {
        any_of([bool::schema(all), schema::words(&["depends"])])
    }
}

impl Works {
    /// Whether it is this that came out.
    pub const fn is(self, judgement: &Judgement) -> bool {
        matches!(
            (self, judgement),
            (Self::Yes, Judgement::Works(_))
                | (Self::No, Judgement::Fails(_))
                | (Self::Depends, Judgement::Depends(_))
        )
    }

    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yes => "works",
            Self::No => "fails",
            Self::Depends => "depends",
        }
    }
}

impl From<Kms> for Works {
    fn from(kms: Kms) -> Self {
        match kms {
            Kms::Works => Self::Yes,
            Kms::Fails => Self::No,
            Kms::Depends => Self::Depends,
        }
    }
}

/// An expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// From which moment on, in the scenario's time.
    pub at: Duration,
    /// What.
    pub what: Expected,
}

/// What is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Of a packet.
    Packet(Packet),
    /// Of a session.
    Session {
        /// The edge, an index.
        edge: usize,
        /// Its neighbor, an index.
        neighbor: usize,
        /// How it is.
        state: SessionState,
    },
    /// Of what was learned.
    Learned {
        /// The prefix.
        prefix: IpNet,
        /// By whom.
        by: By,
        /// Whether it is there.
        present: bool,
    },
    /// Of what the router of a site forwards by.
    Installed {
        /// The prefix.
        prefix: IpNet,
        /// The edge, an index.
        edge: usize,
        /// Whether it is there.
        present: bool,
    },
    /// Of what was not taken.
    Refused {
        /// The prefix.
        prefix: IpNet,
        /// Why.
        why: Refusal,
    },
}

/// What is expected of a packet; `None` is anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The subnet, `subnet` or `vnet/subnet`.
    pub from: String,
    /// Where to.
    pub to: Ipv4Addr,
    /// Where it ends up.
    pub outcome: Option<Outcome>,
    /// Which source address is seen there.
    pub source: Option<Seen>,
    /// What it passes through, each of them.
    pub via: Vec<String>,
    /// What it does not pass through, none of them.
    pub not_via: Vec<String>,
    /// What is asked for there, and whether that works.
    pub service: Option<(Service, Works)>,
}

/// Who learned a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Some gateway.
    Azure,
    /// This gateway: its deployment, and its index there.
    Gateway(usize, usize),
    /// This edge.
    Edge(usize),
}

/// What something may be expected of, by the key that names it, and the other keys that it has.
const OF: [(&str, &[&str]); 5] = [
    ("from", &["to", "outcome", "source", "via", "not-via", "service", "works", "kms"]),
    ("session", &["edge", "state"]),
    ("learned", &["by", "present"]),
    ("installed", &["edge", "present"]),
    ("refused", &[]),
];

/// One of these has to be there.
const SUBJECTS: &str = "from and to for a packet, session, learned, installed, or refused";

pub(super) fn expectation(
    keys: &File,
    known: &Known<'_>,
    out: &mut Vec<Diagnostic>,
) -> Option<Vec<Expectation>> {
    let subjects = OF.iter().filter(|(subject, _)| keys.has(subject));
    if subjects.clone().count() != 1 {
        if !keys.has("from") && (keys.has("to") || keys.has("outcome")) {
            out.push(missing::<String>(keys.span.clone(), "from"));
        } else {
            let error = Diagnostic::error(keys.span.clone(), "it is not clear of what this is expected");
            out.push(error.hint(format!("of one thing: {SUBJECTS}")));
        }
        return None;
    }
    for (subject, own) in subjects {
        let of_others = OF.iter().flat_map(|(_, keys)| *keys).filter(|key| !own.contains(key));
        for key in of_others.filter(|key| keys.has(key)) {
            let error =
                Diagnostic::error(keys.span.clone(), format!("`{key}` has no meaning with `{subject}`"));
            out.push(error.hint(format!("its keys are at, {}", own.join(", "))));
        }
    }
    let at = get(&keys.at).unwrap_or_default();
    if let Some(from) = &keys.from {
        let packets: Vec<_> = from.get_ref().0.iter().map(|from| packet(from, keys, known, out)).collect();
        let packets = packets.into_iter().collect::<Option<Vec<_>>>()?;
        return Some(packets.into_iter().map(|p| Expectation { at, what: Expected::Packet(p) }).collect());
    }
    let what = if let Some(session) = &keys.session {
        of_session(session, keys, known, out)?
    } else if let Some(prefix) = &keys.learned {
        let by = keys.by.as_ref().map_or(Some(By::Azure), |name| by(name, known, out))?;
        Expected::Learned { prefix: *prefix.get_ref(), by, present: get(&keys.present).unwrap_or(true) }
    } else if let Some(prefix) = &keys.installed {
        let (prefix, edge) = (*prefix.get_ref(), edge(keys, known, out)?);
        Expected::Installed { prefix, edge, present: get(&keys.present).unwrap_or(true) }
    } else {
        let refused = keys.refused.as_ref()?.get_ref();
        Expected::Refused { prefix: get(&refused.prefix)?, why: get(&refused.why)? }
    };
    Some(vec![Expectation { at, what }])
}

fn packet(
    from: &Spanned<String>,
    keys: &File,
    known: &Known<'_>,
    out: &mut Vec<Diagnostic>,
) -> Option<Packet> {
    known.check_subnet(from, out);
    if !keys.has("to") {
        out.push(missing::<Ipv4Addr>(keys.span.clone(), "to"));
    }
    let nothing = !["outcome", "source", "via", "not-via", "service", "kms"].iter().any(|key| keys.has(key));
    if nothing {
        out.push(missing::<Outcome>(keys.span.clone(), "outcome"));
    }
    if let (Some(kms), Some(to)) = (&keys.kms, &keys.to)
        && quadzero_azure::kms::host(*to.get_ref()).is_none()
    {
        let error =
            Diagnostic::error(kms.span(), format!("{} is no activation server of Azure", to.get_ref()));
        out.push(error.related(to.span(), "this address").hint("leave kms out"));
    }
    if keys.has("service") != keys.has("works") {
        let error = if keys.has("works") {
            missing::<Service>(keys.span.clone(), "service")
        } else {
            missing::<Works>(keys.span.clone(), "works")
        };
        out.push(error);
    }
    let kms = get(&keys.kms).map(|kms| (Service::Kms, kms.into()));
    Some(Packet {
        from: from.get_ref().clone(),
        to: get(&keys.to)?,
        outcome: get(&keys.outcome),
        source: get(&keys.source),
        via: get(&keys.via).unwrap_or_default(),
        not_via: get(&keys.not_via).unwrap_or_default(),
        service: get(&keys.service).zip(get(&keys.works)).or(kms),
    })
}

fn of_session(
    name: &Spanned<String>,
    keys: &File,
    known: &Known<'_>,
    out: &mut Vec<Diagnostic>,
) -> Option<Expected> {
    if !keys.has("state") {
        out.push(missing::<SessionState>(keys.span.clone(), "state"));
    }
    let edge = edge(keys, known, out)?;
    let neighbors = &known.edges[edge].edge.neighbors;
    let neighbor = neighbors
        .iter()
        .position(|n| n.peer.name == *name.get_ref())
        .or_else(|| super::unknown(name, "neighbor", neighbors.iter().map(|n| n.peer.name.as_str()), out))?;
    Some(Expected::Session { edge, neighbor, state: get(&keys.state)? })
}

/// The one that is named; where there is only one, it need not be.
fn edge(keys: &File, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<usize> {
    match &keys.edge {
        Some(edge) => known.edge(edge, out),
        None if known.edges.len() == 1 => Some(0),
        None => {
            out.push(missing::<String>(keys.span.clone(), "edge"));
            None
        }
    }
}

/// An edge or a gateway of this name.
fn by(name: &Spanned<String>, known: &Known<'_>, out: &mut Vec<Diagnostic>) -> Option<By> {
    match known.edges.iter().position(|edge| edge.name == *name.get_ref()) {
        Some(edge) => Some(By::Edge(edge)),
        None => known.gateway(name, out).map(|(deployment, gateway)| By::Gateway(deployment, gateway)),
    }
}
