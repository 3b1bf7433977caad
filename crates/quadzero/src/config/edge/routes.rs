//! Originations and exceptions of the file become the [`Policy`], announce lists and overrides what it knows of a
//! neighbor.

use super::condition;
use super::file::{self, ExceptionMode, RouteKeys};
use super::neighbor::unique;
use crate::config::diagnostic::{Diagnostic, Severity, Span};
use crate::config::reader::{Record, Table, closest};
use crate::config::{from_words, get};
use ipnet::IpNet;
use quadzero_codec::{Community, Family, NextHop, Role};
use quadzero_fsm::PeerConfig;
use quadzero_policy::{
    Decision, ExceptionSet, Health, NeighborPolicy, Origination, Overrides, Policy, PolicyError, Reason,
    Source, Template, carve,
};
use quadzero_rib::Route;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use toml::Spanned;

/// The policy of what is sound, so that one mistake does not hide what is wrong with the rest.
pub(super) fn policy(file: &file::File, out: &mut Vec<Diagnostic>) -> Option<Policy> {
    if file.originate.is_empty() {
        let warning =
            Diagnostic::warning(file.start(), "no [[originate]]: nothing is announced by this edge");
        out.push(warning.hint("[[originate]] prefix = \"0.0.0.0/0\" is the default route"));
    }
    let originations = file.originate.iter().flat_map(|keys| originations(keys, out)).collect();
    let exceptions = file.exception.iter().filter_map(|keys| exception(keys, out)).collect();
    check_names(file, out);
    condition::check(file, out);
    check_carve_outs(file, out);
    check_eaten(file, out);
    let reported = out.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let all = Policy::new(originations, exceptions);
    if reported { all.ok() } else { sound(all, "", file.start(), out) }
}

/// What a policy makes of the thing of that name alone; its error goes to where that thing stands.
fn sound<T>(policy: Result<T, PolicyError>, name: &str, span: Span, out: &mut Vec<Diagnostic>) -> Option<T> {
    let report = |error: PolicyError| {
        let words = error.to_string();
        let words = words.strip_prefix(&format!("\"{name}\": ")).unwrap_or(&words);
        out.push(from_words(Diagnostic::error, span, words));
    };
    policy.map_err(report).ok()
}

fn originations(keys: &file::Originate, out: &mut Vec<Diagnostic>) -> Vec<Origination> {
    let hint = "prefix = \"0.0.0.0/0\", or prefixes = [..] for several that share everything else";
    match (&keys.prefix, &keys.prefixes) {
        (None, None) if keys.has("prefix") || keys.has("prefixes") => {}
        (None, None) => out.push(Diagnostic::error(keys.span(), "nothing to originate").hint(hint)),
        (Some(prefix), Some(prefixes)) => {
            let error = Diagnostic::error(prefixes.span(), "an origination has either prefix or prefixes");
            out.push(error.related(prefix.span(), "the other one").hint(hint));
        }
        (None, Some(prefixes)) if prefixes.get_ref().is_empty() => {
            out.push(Diagnostic::error(prefixes.span(), "nothing to originate").hint(hint));
        }
        _ => {}
    }
    originated(keys).filter_map(|(name, prefix)| origination(keys, name, prefix, out)).collect()
}

/// What the origination holds, each prefix with the name that announce lists know it by: the given one, else "default"
/// for 0.0.0.0/0, "default-ipv6" for ::/0, and the prefix itself for others.
pub(super) fn originated(keys: &file::Originate) -> impl Iterator<Item = (String, &Spanned<IpNet>)> {
    let by_prefix = |prefix: &IpNet| match prefix {
        IpNet::V4(net) if net.prefix_len() == 0 => "default".to_owned(),
        IpNet::V6(net) if net.prefix_len() == 0 => "default-ipv6".to_owned(),
        other => other.to_string(),
    };
    let several = keys.prefixes.iter().flat_map(|list| list.get_ref());
    let all = keys.prefix.iter().chain(several);
    all.map(move |prefix| (get(&keys.name).unwrap_or_else(|| by_prefix(prefix.get_ref())), prefix))
}

fn origination(
    keys: &file::Originate,
    name: String,
    prefix: &Spanned<IpNet>,
    out: &mut Vec<Diagnostic>,
) -> Option<Origination> {
    let as_path = get(&keys.as_path).unwrap_or_default();
    let template = Template { as_path, ..template(&keys.route, &keys.condition) };
    let origination = Origination { name, prefix: *prefix.get_ref(), template };
    let span = match &keys.route.next_hop {
        Some(next_hop) if !fits(next_hop.get_ref(), prefix.get_ref()) => next_hop.span(),
        _ => prefix.span(),
    };
    sound(Policy::new(vec![origination.clone()], vec![]), &origination.name, span, out)?;
    Some(origination)
}

/// The keys of an `[[originate]]`, for one that stands in no file.
pub(in crate::config) fn originate_fields(table: &mut Table<'_>) -> file::Originate {
    file::Originate::fields(table)
}

/// One origination that stands in no file.
pub(in crate::config) fn origination_by_hand(
    keys: &file::Originate,
    _: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<Origination> {
    originations(keys, out).into_iter().next()
}

fn fits(next_hop: &NextHop, prefix: &IpNet) -> bool {
    !matches!(
        (next_hop, prefix),
        (NextHop::Address(IpAddr::V4(_)), IpNet::V6(_)) | (NextHop::Address(IpAddr::V6(_)), IpNet::V4(_))
    )
}

fn exception(keys: &file::Exception, out: &mut Vec<Diagnostic>) -> Option<ExceptionSet> {
    let prefixes = exception_prefixes(keys, out);
    check_silent(keys, out);
    let mode = match get(&keys.mode)? {
        ExceptionMode::Announce => {
            quadzero_policy::ExceptionMode::Announce(template(&keys.route, &keys.condition))
        }
        ExceptionMode::CarveOut => quadzero_policy::ExceptionMode::CarveOut,
        ExceptionMode::Udr => quadzero_policy::ExceptionMode::Udr,
    };
    let (name, prefixes) = (get(&keys.name)?, prefixes?);
    let one = |prefix: &Spanned<IpNet>| {
        let prefixes = vec![*prefix.get_ref()];
        let set = ExceptionSet { name: name.clone(), prefixes, mode: mode.clone() };
        sound(Policy::new(vec![], vec![set]), &name, prefix.span(), out)
    };
    let each: Option<Vec<Policy>> = prefixes.iter().map(one).collect();
    each?;
    let set = ExceptionSet { name, prefixes: prefixes.into_iter().map(Spanned::into_inner).collect(), mode };
    Some(set)
}

/// The prefixes, each with where it comes from in the file.
fn excepted(keys: &file::Exception) -> Vec<Spanned<IpNet>> {
    let own = keys.prefixes.iter().flat_map(|list| list.get_ref().clone());
    let kms = keys.kms.iter().flat_map(|cloud| {
        cloud.get_ref().kms_prefixes().into_iter().map(|prefix| Spanned::new(cloud.span(), prefix))
    });
    own.chain(kms).collect()
}

/// The prefixes, unless what the exception is from is missing or said twice.
fn exception_prefixes(keys: &file::Exception, out: &mut Vec<Diagnostic>) -> Option<Vec<Spanned<IpNet>>> {
    let hint =
        "kms = \"global\" for Azure's activation servers, or prefixes = [\"203.0.113.7/32\"] for your own";
    match (&keys.kms, &keys.prefixes) {
        (Some(_), None) => Some(excepted(keys)),
        (None, Some(prefixes)) => {
            if prefixes.get_ref().is_empty() {
                out.push(Diagnostic::error(prefixes.span(), "an exception from nothing").hint(hint));
            }
            unique(prefixes.get_ref().iter(), "prefix", out);
            Some(excepted(keys))
        }
        (Some(cloud), Some(prefixes)) => {
            let error = Diagnostic::error(prefixes.span(), "an exception has either kms or prefixes");
            out.push(
                error
                    .related(cloud.span(), "the other one")
                    .hint("make two exceptions of it, each with a name"),
            );
            None
        }
        (None, None) if keys.has("kms") || keys.has("prefixes") => None,
        (None, None) => {
            out.push(Diagnostic::error(keys.span(), "an exception from what?").hint(hint));
            None
        }
    }
}

/// Only mode announce says anything about an exception: elsewhere such keys would be silently without effect.
fn check_silent(keys: &file::Exception, out: &mut Vec<Diagnostic>) {
    let Some(mode) = keys.mode.as_ref().filter(|mode| *mode.get_ref() != ExceptionMode::Announce) else {
        return;
    };
    for (key, span) in spans(&keys.route).chain(keys.condition.spans()) {
        let error = Diagnostic::error(
            span,
            format!("{key} has no effect here: the exception itself is not announced"),
        );
        out.push(error.related(mode.span(), "by this mode").hint(format!("put {key} to the [[originate]]")));
    }
}

/// A next hop goes with the routes of its family. One of the defaults may be meant for other neighbors.
pub(super) fn check_next_hop(
    file: &file::File,
    keys: &file::Neighbor,
    families: &[Family],
    out: &mut Vec<Diagnostic>,
) {
    let defaults = file.neighbor_defaults.as_ref().and_then(|d| d.get_ref().route.next_hop.as_ref());
    let is_own = |next_hop: &&Spanned<NextHop>| defaults.is_none_or(|d| d.span() != next_hop.span());
    let Some(next_hop) = keys.route.next_hop.as_ref().filter(is_own) else { return };
    let NextHop::Address(address) = next_hop.get_ref() else { return };
    let family = Family::of(&IpNet::from(*address));
    if !families.contains(&family) {
        let message = format!("next-hop {address} has no effect here: {family} is not exchanged");
        let hint = "leave next-hop out, or add its family to this neighbor's families";
        out.push(Diagnostic::error(next_hop.span(), message).hint(hint));
    }
}

fn spans(keys: &RouteKeys) -> impl Iterator<Item = (&'static str, Span)> {
    let spans = [
        ("next-hop", keys.next_hop.as_ref().map(Spanned::span)),
        ("med", keys.med.as_ref().map(Spanned::span)),
        ("prepend", keys.prepend.as_ref().map(Spanned::span)),
        ("origin", keys.origin.as_ref().map(Spanned::span)),
        ("communities", keys.communities.as_ref().map(Spanned::span)),
        ("extended-communities", keys.extended_communities.as_ref().map(Spanned::span)),
        ("large-communities", keys.large_communities.as_ref().map(Spanned::span)),
    ];
    spans.into_iter().filter_map(|(key, span)| Some((key, span?)))
}

fn template(keys: &RouteKeys, condition: &condition::Keys) -> Template {
    let mut template = Template {
        next_hop: get(&keys.next_hop).unwrap_or_default(),
        origin: get(&keys.origin).unwrap_or_default(),
        med: get(&keys.med),
        local_pref: None,
        prepend: get(&keys.prepend).unwrap_or_default(),
        as_path: Vec::new(),
        communities: get(&keys.communities).unwrap_or_default(),
        extended_communities: get(&keys.extended_communities).unwrap_or_default(),
        large_communities: get(&keys.large_communities).unwrap_or_default(),
        ..Template::default()
    };
    condition.apply(&mut template);
    template
}

/// A neighbor that we are about to leave is told so: GRACEFUL_SHUTDOWN, and within our own AS the lowest LOCAL_PREF
/// (RFC 8326 §4, §5).
fn overrides(neighbor: &file::Neighbor, role: Option<Role>) -> Overrides {
    let keys = &neighbor.route;
    let leaving = get(&neighbor.graceful_shutdown).unwrap_or(false);
    let mut communities: Vec<Community> = get(&keys.communities).unwrap_or_default();
    communities.extend(leaving.then_some(Community::GRACEFUL_SHUTDOWN));
    Overrides {
        next_hop: get(&keys.next_hop),
        origin: get(&keys.origin),
        med: get(&keys.med),
        local_pref: leaving.then_some(0),
        prepend: get(&keys.prepend).unwrap_or_default(),
        communities,
        extended_communities: get(&keys.extended_communities).unwrap_or_default(),
        large_communities: get(&keys.large_communities).unwrap_or_default(),
        only_to_customer: matches!(role, Some(Role::Provider | Role::Peer | Role::RouteServer)),
    }
}

/// An exception's name is its own; originations may share one.
fn check_names(file: &file::File, out: &mut Vec<Diagnostic>) {
    let originated = || file.originate.iter().flat_map(originated);
    let called: Vec<_> = originated()
        .map(|(name, prefix)| Spanned::new(prefix.span(), format!("{} (\"{name}\")", prefix.get_ref())))
        .collect();
    unique(called.iter(), "origination", out);
    let exceptions = || file.exception.iter().filter_map(|e| e.name.as_ref());
    unique(exceptions(), "name", out);
    for name in exceptions() {
        if let Some((_, prefix)) = originated().find(|(taken, _)| taken == name.get_ref()) {
            let error = Diagnostic::error(name.span(), format!("the name {} is taken", name.get_ref()));
            out.push(error.related(prefix.span(), "an origination has it"));
        }
    }
}

/// An exception that takes all of an origination is no exception.
fn check_eaten(file: &file::File, out: &mut Vec<Diagnostic>) {
    let excepted = |mode: ExceptionMode| -> Vec<Spanned<IpNet>> {
        file.exception.iter().filter(|keys| get(&keys.mode) == Some(mode)).flat_map(excepted).collect()
    };
    let (carved, routed) = (excepted(ExceptionMode::CarveOut), excepted(ExceptionMode::Udr));
    let holes: Vec<IpNet> = carved.iter().map(|hole| *hole.get_ref()).collect();
    for (_, prefix) in file.originate.iter().flat_map(originated) {
        let net = prefix.get_ref();
        let hole = carved.iter().find(|hole| hole.get_ref().contains(net));
        // Or several small ones together do what one large one does.
        let part = || carved.iter().find(|part| net.contains(part.get_ref()));
        let hole = hole.or_else(part).filter(|_| carve(*net, &holes).is_empty());
        let entry = routed.iter().find(|entry| entry.get_ref() == net);
        let (exception, message) = match (hole, entry) {
            (Some(hole), _) => (hole, format!("nothing of {net} is announced: exceptions take all of it")),
            (None, Some(entry)) => {
                (entry, format!("{net} is announced, and a route table then sends all of it elsewhere"))
            }
            (None, None) => continue,
        };
        let warning = Diagnostic::warning(exception.span(), message).label("this exception");
        out.push(
            warning
                .related(prefix.span(), "what is originated")
                .hint("an exception is a part of it: take out the one or the other"),
        );
    }
}

/// Without a prefix around it there is nothing to carve an exception out of.
fn check_carve_outs(file: &file::File, out: &mut Vec<Diagnostic>) {
    if file.originate.iter().any(|keys| originated(keys).next().is_none()) {
        // What was meant there is unknown, and has been reported.
        return;
    }
    let originated: Vec<IpNet> =
        file.originate.iter().flat_map(originated).map(|(_, p)| *p.get_ref()).collect();
    for keys in &file.exception {
        let Some(mode) = keys.mode.as_ref().filter(|m| *m.get_ref() == ExceptionMode::CarveOut) else {
            continue;
        };
        let prefixes = excepted(keys);
        let covered = |prefix: &Spanned<IpNet>| originated.iter().any(|net| net.contains(prefix.get_ref()));
        if !prefixes.is_empty() && !prefixes.iter().any(covered) {
            let error = Diagnostic::error(mode.span(), "nothing to carve the exception out of");
            out.push(error.label("out of what?").hint("[[originate]] prefix = \"0.0.0.0/0\" first"));
        }
    }
}

/// What the policy knows of a neighbor.
pub(super) fn neighbor_policy(keys: &file::Neighbor, peer: &PeerConfig) -> NeighborPolicy {
    let names = |list: Vec<Spanned<String>>| list.into_iter().map(Spanned::into_inner).collect();
    NeighborPolicy {
        name: peer.name.clone(),
        local_as: peer.local_as,
        remote_as: peer.remote_as,
        families: peer.families.clone(),
        announce: get(&keys.announce).map(names),
        overrides: overrides(keys, peer.role),
    }
}

/// Every name of the neighbor's announce list is that of an origination or an exception.
pub(super) fn check_announce(file: &file::File, keys: &file::Neighbor, out: &mut Vec<Diagnostic>) {
    let Some(announce) = &keys.announce else { return };
    let originations = file.originate.iter().flat_map(originated).map(|(name, _)| name);
    let given =
        file.originate.iter().map(|o| &o.name).chain(file.exception.iter().map(|e| &e.name)).filter_map(get);
    let mut known: Vec<String> = originations.chain(given).collect();
    known.sort();
    known.dedup();
    for listed in announce.get_ref() {
        if known.contains(listed.get_ref()) {
            continue;
        }
        let error = Diagnostic::error(listed.span(), format!("nothing is called \"{}\"", listed.get_ref()));
        let hint = match closest(listed.get_ref(), known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("the names are those of [[originate]] and [[exception]]: {}", some_of(&known)),
        };
        out.push(error.label("neither an [[originate]] nor an [[exception]]").hint(hint));
    }
}

fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if names.len() > SHOWN { ", .." } else { "" };
    names[..names.len().min(SHOWN)].join(", ") + more
}

/// What the neighbor would be told can be said over its session.
pub(super) fn check_decisions(
    keys: &file::Neighbor,
    peer: &PeerConfig,
    decisions: &[Decision],
    out: &mut Vec<Diagnostic>,
) {
    check_listed(keys, decisions, out);
    let announced = || decisions.iter().filter_map(Decision::route);
    let own = Family::of(&IpNet::from(peer.transport.remote.ip()));
    let unsayable =
        |route: &&Route| route.attributes.next_hop == NextHop::Own && Family::of(&route.prefix) != own;
    if let Some(route) = announced().find(unsayable) {
        let span = keys.families.as_ref().map_or(keys.span(), Spanned::span);
        let message = format!("{} cannot have the next hop \"self\" over this session", route.prefix);
        let error = Diagnostic::error(span, message).hint("give it a next-hop of its own family");
        out.push(error.label(format!("the session itself is of {own}")));
    }
}

/// Who is told nothing at all. A thousand neighbors alike are one question.
pub(super) struct Silence<'a> {
    policy: &'a Policy,
    answers: HashMap<(Vec<Family>, Option<Vec<String>>), bool>,
}

impl<'a> Silence<'a> {
    pub(super) fn new(policy: &'a Policy) -> Self {
        Self { policy, answers: HashMap::new() }
    }

    /// Warns if the neighbor is one of those.
    pub(super) fn check(&mut self, keys: &file::Neighbor, told: &NeighborPolicy, out: &mut Vec<Diagnostic>) {
        let question = (told.families.clone(), told.announce.clone());
        if *self.answers.entry(question).or_insert_with(|| is_silent(self.policy, told)) {
            let span = keys.announce.as_ref().map_or_else(|| keys.span(), Spanned::span);
            let message = format!("neighbor {} is told nothing", told.name);
            out.push(Diagnostic::warning(span, message).hint("`quadzero check --explain` tells why"));
        }
    }
}

/// Nothing is for it even while the probes are otherwise than good, as for what stands in for something else.
fn is_silent(policy: &Policy, told: &NeighborPolicy) -> bool {
    let mut decisions = policy.explain(told, &Health::good()).into_iter();
    decisions.all(|d| d.route().is_none() && !matches!(d.because, Reason::ConditionFails { .. }))
}

fn check_listed(keys: &file::Neighbor, decisions: &[Decision], out: &mut Vec<Diagnostic>) {
    for listed in keys.announce.iter().flat_map(|list| list.get_ref()) {
        let name = listed.get_ref();
        let mut reasons =
            decisions.iter().filter(|d| source_name(&d.source) == name).map(|d| &d.because).peekable();
        if reasons.peek().is_some() && reasons.all(|because| matches!(because, Reason::Family { .. })) {
            let error =
                Diagnostic::error(listed.span(), format!("\"{name}\" is of a family that is not exchanged"));
            out.push(error.hint("add it to this neighbor's families"));
        }
    }
}

/// What a decision's source is called.
pub(super) fn source_name(source: &Source) -> &str {
    match source {
        Source::Origination(name) | Source::Exception(name) => name,
    }
}
