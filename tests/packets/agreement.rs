//! That verdict and packets agree is looked at in every other test, each time that something has changed. Here is what none of
//! them has: sites that are not well, and that a disagreement would be found.

use crate::lab::Lab;
use crate::plan::{AZURE_PUBLIC, FORCED, PATIENT, PRIVATE, SERVER};
use crate::world::INTERFACES;
use quadzero_azure::verdict::{Beyond, Exit, Site};
use std::time::Duration;

/// No route of Azure's tells of it, so the verdict has to be told (azure.md §7.1, no return traffic), and nobody in Azure notices.
#[test]
fn what_is_wrong_beyond_azures_routes_is_lost_as_the_verdict_says() {
    let lab = Lab::start(&PATIENT, FORCED);
    let edge = &lab.world.edges[0];
    lab.verdict_and_packets_agree_beyond("The site is well", &beyond(Exit::Translated));
    edge.translate_no_more();
    lab.verdict_and_packets_agree_beyond("The edge does not translate", &beyond(Exit::Untranslated));
    edge.at.ip(&["link", "set", "internet", "down"]);
    lab.verdict_and_packets_agree_beyond("Its line to the Internet is down", &beyond(Exit::Closed));
    edge.power_off();
    lab.verdict_and_packets_agree_beyond("It has no power, and Azure does not know yet", &beyond(Exit::Dead));
}

/// A route that nothing of Azure's tells of lets a subnet out: the comparison says so.
#[test]
fn a_leak_is_a_disagreement() {
    let lab = Lab::start(&PRIVATE, FORCED);
    lab.verdict_and_packets_agree("As it should be");
    let table = INTERFACES.to_string();
    let leak = ["route", "replace", "default", "via", AZURE_PUBLIC, "dev", "exit", "table", &table];
    lab.world.fabric.at.ip(&leak);
    let found = lab.compare(&Beyond::default(), Duration::from_secs(1)).disagreements().lines();
    println!("{}", found.join("\n"));
    let server = format!(
        "{:11} {SERVER:15} {:36} exit, source Azure",
        "workload", "edge by 0 and 1, source on-premises"
    );
    assert!(found.contains(&server), "{found:#?}");
    assert!(found.iter().all(|line| line.starts_with("workload")), "{found:#?}");
}

fn beyond(exit: Exit) -> Beyond {
    let site = Site { name: "site-0".into(), exit, routes: None };
    let peer = PATIENT.edge[0].parse().expect("an address");
    Beyond { sites: [(peer, site)].into(), ..Beyond::default() }
}
