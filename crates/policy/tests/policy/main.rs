//! The policy, tested from outside: one file for each question.

mod attributes;
mod carve;
mod cloud;
mod condition;
mod errors;
mod explain;
mod plan;
mod properties;
mod user_defined;

use ipnet::IpNet;
use quadzero_codec::{Asn, Family};
use quadzero_policy::{
    Cloud, Decision, ExceptionMode, ExceptionSet, Health, NeighborPolicy, Origination, Overrides, Policy,
    Template,
};

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

fn origination(name: &str, prefix: &str) -> Origination {
    Origination { name: name.into(), prefix: net(prefix), template: Template::default() }
}

fn exceptions(name: &str, prefixes: &[&str], mode: ExceptionMode) -> ExceptionSet {
    ExceptionSet { name: name.into(), prefixes: prefixes.iter().map(|p| net(p)).collect(), mode }
}

/// The KMS hosts of the global cloud.
fn kms(mode: ExceptionMode) -> ExceptionSet {
    ExceptionSet { name: "kms".into(), prefixes: Cloud::Global.kms_prefixes(), mode }
}

/// An Azure VPN gateway, told everything in both families.
fn gateway() -> NeighborPolicy {
    NeighborPolicy {
        name: "gateway".into(),
        local_as: Asn(65010),
        remote_as: Asn(65515),
        families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        announce: None,
        overrides: Overrides::default(),
    }
}

fn listing(names: &[&str]) -> NeighborPolicy {
    NeighborPolicy { announce: Some(names.iter().map(|&name| name.into()).collect()), ..gateway() }
}

fn policy(originations: &[Origination], exceptions: &[ExceptionSet]) -> Policy {
    Policy::new(originations.to_vec(), exceptions.to_vec()).expect("a policy that makes sense")
}

fn told(policy: &Policy, neighbor: &NeighborPolicy) -> Vec<IpNet> {
    policy.routes(neighbor, &Health::good()).iter().map(|route| route.prefix).collect()
}

/// The decisions as sentences, a line each; pieces but the first are left out.
fn sentences(decisions: &[Decision]) -> String {
    let mut pieces = 0;
    let mut lines = Vec::new();
    for decision in decisions {
        let piece = matches!(decision.because, quadzero_policy::Reason::Piece { .. });
        pieces += usize::from(piece);
        if !piece || pieces == 1 {
            lines.push(decision.to_string());
        }
    }
    lines.join("\n")
}
