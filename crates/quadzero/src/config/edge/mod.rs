//! The edge: who we are, what we announce, and to whom.

mod azure;
mod bfd;
mod condition;
mod control;
mod file;
mod limits;
mod neighbor;
mod probe;
mod range;
mod routes;

pub use control::{Control, Drain};
pub use file::AzureKind;
pub(super) use file::File;
pub use probe::{Probe, Subject};
pub use range::Range;

pub(super) use azure::breach;
pub(super) use neighbor::{key_in_file, unique};
pub(super) use routes::{originate_fields, origination_by_hand as origination};

use super::diagnostic::{Diagnostic, Severity, Span};
use super::get;
use super::reader::Record;
use ipnet::IpNet;
use quadzero_bfd::Parameters;
use quadzero_codec::{Asn, RouterId};
use quadzero_fsm::{Mode, PeerConfig};
use quadzero_policy::{Health, NeighborPolicy, Policy};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use toml::Spanned;

/// An edge as the program uses it. All of it has been checked.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Our AS.
    pub asn: Asn,
    /// Our BGP Identifier.
    pub router_id: RouterId,
    /// Where connections are accepted; empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// What is announced.
    pub policy: Policy,
    /// To whom, in the order of the file.
    pub neighbors: Vec<Neighbor>,
    /// How the running program is spoken to.
    pub control: Control,
    /// How it leaves.
    pub drain: Drain,
    /// What the policy's conditions rest on.
    pub probes: Vec<Probe>,
}

/// A neighbor as the program uses it.
#[derive(Clone, Debug)]
pub struct Neighbor {
    /// For the state machine; what each neighbor of a range is, but for its address.
    pub peer: PeerConfig,
    /// Whoever dials from there is such a neighbor.
    pub range: Option<Range>,
    /// For the policy.
    pub policy: NeighborPolicy,
    /// How closely BFD watches the path to it, if it does.
    pub bfd: Option<Parameters>,
    /// The kind of Azure's gateway that it is, if it is one.
    pub azure: Option<AzureKind>,
}

impl File {
    /// The edge, unless something is wrong; what is wrong is added to `out`. Paths of the file start from `folder`.
    pub(super) fn check(&self, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Edge> {
        let policy = routes::policy(self, out);
        if self.neighbor.is_empty() {
            let message = "no [[neighbor]]: there is nobody to announce anything to";
            out.push(Diagnostic::warning(self.start(), message));
        }
        let bgp = self.bgp.as_ref()?.get_ref();
        let merged = neighbor::merged(self, out);
        range::check_within(&merged, out);
        let probes = probe::probes(self, &merged, folder, out);
        // Where something is wrong already, that may be why nothing is left to announce.
        let whole = policy.as_ref().filter(|_| !self.originate.is_empty() && !has_error(out));
        let mut silence = whole.map(routes::Silence::new);
        let mut neighbors = Vec::new();
        for keys in &merged {
            let before = out.len();
            let neighbor = self.check_neighbor(bgp, keys, policy.as_ref(), folder, out);
            if let (Some(neighbor), Some(silence)) = (&neighbor, &mut silence)
                && !has_error(&out[before..])
            {
                silence.check(keys, &neighbor.policy, out);
            }
            neighbors.extend(neighbor);
        }
        let listen = listen(bgp, &neighbors);
        Some(Edge {
            asn: get(&bgp.asn)?,
            router_id: get(&bgp.router_id)?,
            listen,
            policy: policy?,
            neighbors,
            control: control::control(self, folder),
            drain: control::drain(self, out),
            probes: probes?,
        })
    }

    /// Where to point at for what is nowhere.
    fn start(&self) -> Span {
        self.bgp.as_ref().map_or_else(|| self.span(), Spanned::span)
    }

    fn check_neighbor(
        &self,
        bgp: &file::Bgp,
        keys: &file::Neighbor,
        policy: Option<&Policy>,
        folder: &Path,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Neighbor> {
        routes::check_announce(self, keys, out);
        let bfd = bfd::parameters(keys, out);
        let peer = neighbor::peer(bgp, keys, folder, out)?;
        routes::check_next_hop(self, keys, &peer.families, out);
        let told = routes::neighbor_policy(keys, &peer);
        // A thousand plain neighbors are all told the same, which needs no look at every route for each of them.
        let plain = keys.azure.is_none() && keys.announce.is_none() && keys.families.is_none();
        let decisions = policy.filter(|_| !plain).map(|policy| policy.explain(&told, &Health::good()));
        if let Some(decisions) = &decisions {
            routes::check_decisions(keys, &peer, decisions, out);
        }
        if let Some(policy) = policy {
            limits::check_announced(keys, &peer, policy, &told, out);
        }
        let kind = keys.azure.as_ref().and_then(|azure| azure.get_ref().kind.as_ref());
        if let Some(kind) = kind {
            let mut rules = azure::Rules { bgp, keys, kind, out };
            rules.check_peer(&peer);
            rules.check_routes(self, decisions.as_deref().unwrap_or_default());
        }
        Some(Neighbor { peer, range: range::range(keys), policy: told, bfd, azure: keys.azure_kind() })
    }
}

fn has_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

impl Edge {
    /// What it is called on its side of a session: the address that it dials from, or else its identifier.
    pub fn address_towards(&self, neighbor: &Neighbor) -> IpAddr {
        let configured = neighbor.peer.own_address.or(neighbor.peer.transport.local);
        configured.unwrap_or(IpAddr::V4(self.router_id.get()))
    }
}

impl file::Neighbor {
    /// The kind of Azure's gateway that it is.
    fn azure_kind(&self) -> Option<AzureKind> {
        get(&self.azure.as_ref()?.get_ref().kind)
    }
}

impl Neighbor {
    /// Its address, or its range.
    pub fn whose(&self) -> IpNet {
        self.range.map_or_else(|| self.peer.transport.remote.ip().into(), |range| range.prefix)
    }
}

/// The addresses given, else every address of the families that somebody may dial us in: a host without IPv6 cannot
/// listen at `[::]`, and need not.
fn listen(bgp: &file::Bgp, neighbors: &[Neighbor]) -> Vec<SocketAddr> {
    if let Some(given) = &bgp.listen {
        return given.get_ref().iter().map(|address| *address.get_ref()).collect();
    }
    let is_dialled = |everywhere: &IpAddr| {
        let mut peers =
            neighbors.iter().map(|neighbor| &neighbor.peer).filter(|peer| peer.mode != Mode::Active);
        peers.any(|peer| peer.transport.remote.is_ipv4() == everywhere.is_ipv4())
    };
    let everywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    everywhere
        .into_iter()
        .filter(is_dialled)
        .map(|address| SocketAddr::new(address, neighbor::PORT))
        .collect()
}
