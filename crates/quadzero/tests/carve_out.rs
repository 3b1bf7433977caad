//! The carve-out of `config/lab.toml`, judged over many addresses: those of KMS keep Azure's own exit, and no other public
//! address does. Nothing is on a wire here: the policy's routes go straight into the gateway's table.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::config::Source;
use quadzero_azure::effective::PLATFORM_ADDRESSES;
use quadzero_azure::gateway::{Heard, Table};
use quadzero_azure::kms::{Cloud, SERVERS};
use quadzero_azure::rules;
use quadzero_azure::verdict::{Seen, Verdict};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The gateways' table once the edge has said everything in every session.
fn table() -> Table {
    let scenario = Source::built_in().scenario().value.unwrap();
    let azure = Arc::new(scenario.deployments[0].azure.clone());
    let edge = &scenario.edges[0].edge;
    let said = |session| {
        let routes = edge.policy.routes(&edge.neighbors[0].policy, &quadzero_policy::Health::good());
        Heard { session, peer_id: edge.router_id, routes }
    };
    let heard: Vec<Heard> = azure.sessions().map(said).collect();
    Table::new(azure, &heard)
}

fn kms() -> Vec<Ipv4Addr> {
    SERVERS.iter().filter(|server| server.0 == Cloud::Global).map(|server| server.2).collect()
}

/// Marsaglia's xorshift: the same addresses in every run.
fn addresses() -> impl Iterator<Item = Ipv4Addr> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Ipv4Addr::from_bits((state >> 32) as u32)
    })
}

/// Not of a virtual network, of anybody's private network, or of the platform.
fn is_public(address: &Ipv4Addr) -> bool {
    !rules::is_private_address((*address).into()) && !PLATFORM_ADDRESSES.contains(address)
}

#[test]
fn kms_keeps_azures_own_exit_and_a_hundred_thousand_other_public_addresses_do_not() {
    let table = table();
    let nic = table.nic("workload").unwrap();
    for address in kms() {
        let answer = nic.ask(address);
        assert_eq!((&answer.verdict, answer.source), (&Verdict::Internet, Seen::Azure), "{answer}");
        assert!(answer.activation.unwrap().works(), "{address}");
    }
    // The addresses beside the holes are where a carve-out would be wrong first.
    let beside = kms()
        .into_iter()
        .flat_map(|kms| (0..32).map(move |bit| Ipv4Addr::from_bits(kms.to_bits() ^ 1 << bit)));
    let others = beside.chain(addresses()).filter(|address| is_public(address) && !kms().contains(address));
    for address in others.take(100_000) {
        let answer = nic.ask(address);
        let forced =
            matches!(answer.verdict, Verdict::OnPremises { .. }) && answer.source == Seen::OnPremises;
        assert!(forced, "{answer}");
    }
}

/// The test above can fail: without the exception KMS is forced, and with a wider one others are not.
#[test]
fn another_carve_out_is_told_from_this_one() {
    let text = include_str!("../../../config/lab.toml");
    let judged = |change: &str| {
        let changed = text.replace("kms = \"global\"\n", change);
        assert_ne!(changed, text);
        let scenario = Source { path: "changed".into(), text: changed }.scenario().value.unwrap();
        let azure = Arc::new(scenario.deployments[0].azure.clone());
        let edge = &scenario.edges[0].edge;
        let routes = edge.policy.routes(&edge.neighbors[0].policy, &quadzero_policy::Health::good());
        let heard = Heard { session: azure.sessions().next().unwrap(), peer_id: edge.router_id, routes };
        let table = Table::new(azure, &[heard]);
        let exits =
            |address: &&Ipv4Addr| table.nic("workload").unwrap().ask(**address).verdict == Verdict::Internet;
        let neighbor = Ipv4Addr::new(20, 118, 99, 225);
        (kms().iter().filter(exits).count(), exits(&&neighbor))
    };
    assert_eq!(judged("prefixes = [\"23.102.135.246/32\"]\n"), (1, false));
    assert_eq!(
        judged("prefixes = [\"20.118.99.0/24\", \"40.83.235.53/32\", \"23.102.135.246/32\"]\n"),
        (3, true)
    );
}
