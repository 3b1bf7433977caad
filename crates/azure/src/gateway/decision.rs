//! Which of the paths that a gateway has learned are best.

use super::{Accepted, Heard, Path, Paths};
use crate::config::Azure;
use ipnet::Ipv4Net;
use quadzero_codec::Attributes;
use quadzero_rib::{Candidate, Ranked, Rules, best_paths};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// LOCAL_PREF where nothing else is said.
const LOCAL_PREF: u32 = 100;

/// The paths of one gateway. Weight comes first where the gateway has it (ER-OPT D), then the length of AS_PATH; equal
/// ones share the traffic (VPN-S2S-FAQ D, RS-FAQ D).
pub(super) fn rank(azure: &Azure, gateway: usize, accepted: Accepted<'_>) -> Paths {
    let manners = azure.gateways[gateway].kind.manners();
    let ranked = |(prefix, paths): (Ipv4Net, Vec<(&Heard, Arc<Attributes>)>)| {
        // Private and Microsoft peering are two tables: their paths do not compete.
        let (private, others): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|(heard, _)| manners.reaches_vnets(azure.connection(heard.session)));
        let both = [private, others].into_iter().flat_map(|paths| ranked(azure, gateway, &paths));
        (prefix, both.collect())
    };
    accepted.into_iter().map(ranked).collect()
}

fn ranked(azure: &Azure, gateway: usize, paths: &[(&Heard, Arc<Attributes>)]) -> Vec<Path> {
    let gateway = &azure.gateways[gateway];
    let candidate = |(heard, attributes): &(&Heard, Arc<Attributes>)| {
        let degree = gateway.kind.manners().degree(azure.connection(heard.session));
        Candidate {
            attributes: comparable(attributes, degree, gateway.switches.compare_med),
            external: true,
            peer_id: heard.peer_id,
            // Two instances may have a session with the same peer: the order of the sessions tells them apart.
            peer_address: azure.peer_address(heard.session),
        }
    };
    let candidates: Vec<Candidate> = paths.iter().map(candidate).collect();
    let rules = Rules { max_paths: NonZeroUsize::MAX, multipath_relax: true };
    let path = |ranked: &Ranked| {
        let (heard, attributes) = &paths[ranked.candidate];
        Path {
            session: heard.session,
            attributes: attributes.clone(),
            used: ranked.used,
            lost_by: ranked.lost_by,
        }
    };
    best_paths(&candidates, rules).iter().map(path).collect()
}

/// What the decision looks at.
fn comparable(attributes: &Arc<Attributes>, degree: u32, compare_med: bool) -> Arc<Attributes> {
    let med = attributes.med.filter(|_| compare_med);
    let local_pref = Some(LOCAL_PREF.saturating_add(degree));
    if (attributes.med, attributes.local_pref) == (med, local_pref) {
        return attributes.clone();
    }
    Arc::new(Attributes { med, local_pref, ..Attributes::clone(attributes) })
}
