//! Windows activation under forced tunneling, in the three modes of an exception. The server answers only who comes from Azure's
//! public addresses; it is asked over TCP, and the verdict's answer for each subnet has to be what became of it.

use crate::lab::Lab;
use crate::plan::{AZURE_PUBLIC, EDGE_PUBLIC, KMS, PRIVATE, Said, WAYS};

/// azure.md §6.4: over VPN a /32 pulls activation home more strongly, even where a subnet had opted out.
#[test]
fn announced_over_vpn_activation_fails_and_also_where_egress_is_open() {
    let lab = Lab::start(&PRIVATE, excepted("announce"));
    lab.wait_until_announced(&format!("{KMS}/32"), &WAYS);
    lab.verdict_and_packets_agree("The activation server is announced beside 0.0.0.0/0");
    // A user route for the same /32 beats it, and subnets without gateway routes never hear of it.
    assert_eq!(works(&lab), ["activating", "apart", "alone"]);
}

/// azure.md §6.3, the documented way.
#[test]
fn with_a_user_route_activation_works_and_without_one_it_fails() {
    let lab = Lab::start(&PRIVATE, excepted("udr"));
    lab.verdict_and_packets_agree("0.0.0.0/0 is announced, the rest is left to route tables");
    assert_eq!(works(&lab), ["activating", "open", "apart", "alone"]);
}

/// azure.md §0.2. What a route table forces to the gateway finds no route there: it is dropped, not let out.
#[test]
fn carved_out_activation_works_without_any_route_table() {
    let lab = Lab::start(&PRIVATE, excepted("carve-out"));
    lab.wait_until_announced("0.0.0.0/1", &WAYS);
    lab.verdict_and_packets_agree("0.0.0.0/0 is announced in pieces around the activation server");
    assert_eq!(works(&lab), ["workload", "activating", "open", "apart", "servers", "alone"]);
}

fn excepted(mode: &'static str) -> Said {
    Said { default: true, exception: Some(mode) }
}

/// Where activation works. Each question was counted where the server is, by its source: Azure's where it works, the edge's where it
/// does not, if it arrived at all.
fn works(lab: &Lab) -> Vec<&'static str> {
    let before = lab.world.kms.came();
    let activation = lab.activation();
    let asked = lab.world.kms.came().since(&before);
    let [azure, edge] = [AZURE_PUBLIC, EDGE_PUBLIC[0]].map(|source| asked.of(source, KMS));
    println!("packets at the activation server: {azure} from Azure, {edge} from on-premises\n");
    let (working, failing): (Vec<_>, Vec<_>) = activation.into_iter().partition(|(_, works)| *works);
    assert!(!working.is_empty() && azure > 0);
    let said = lab.world.kms_log();
    assert_eq!(said.iter().filter(|line| line.ends_with("true")).count(), working.len(), "{said:?}");
    let turned_away = said.iter().filter(|line| line.ends_with("false")).count();
    assert!(turned_away <= failing.len() && (turned_away > 0) == (edge > 0), "{said:?}");
    working.into_iter().map(|(subnet, _)| subnet).collect()
}
