//! Someone else's edge: five daemons with the files of `config/peers`, as they are, against the mock of `quadzero azure`.
//!
//! ```text
//!   edge's namespace                                       Azure's namespace
//!   +--------------------------+   azure0 or er-primary    +--------------------------------+
//!   | frr, bird, gobgp,        |---------------------------| quadzero azure                 |
//!   | openbgpd, exabgp         |   azure1 or er-secondary  |   -c config/peers/azure-*.toml |
//!   | config/peers/*-*.conf    |---------------------------| both instances, both routers   |
//!   +--------------------------+                           +--------------------------------+
//! ```
//!
//! Addresses, interfaces and routes are those of the real thing, and what a file's comments tell its reader to run is run. Each
//! daemon is judged by what Azure makes of it: where packets of the virtual network go ([`azure`]).

mod azure;
mod bird;
mod edge;
mod exabgp;
mod frr;
mod gobgp;
mod liveness;
mod openbgpd;
mod site;

use azure::Azure;
use edge::{Edge, Running};
use quadzero_tests::{PATIENCE, wait_for, wait_until};
use serde_json::json;
use site::{Plan, Site};

macro_rules! suite {
    ($($daemon:ident),*; $behaviours:tt) => { $(
        mod $daemon {
            mod at_a_vpn_gateway { crate::cells!($daemon, VPN_GATEWAY, $behaviours); }
            mod at_expressroute { crate::cells!($daemon, EXPRESSROUTE, $behaviours); }
        }
    )* };
}

macro_rules! cells {
    ($daemon:ident, $plan:ident, { $($behaviour:ident)* }) => { $(
        #[test]
        fn $behaviour() {
            crate::$behaviour(&crate::$daemon::EDGE, &crate::site::$plan);
        }
    )* };
}
use cells;

mod tests {
    suite! {
        frr, bird, gobgp, openbgpd, exabgp;
        {
            the_default_comes_home_and_activation_needs_a_route_table
            one_of_two_ways_is_enough
            egress_opens_when_the_default_is_withdrawn
        }
    }
}

/// Somewhere in the Internet.
const INTERNET: &str = "198.51.100.7";
/// A machine at home.
const HOME: &str = "10.50.3.4";
/// One of Azure's activation servers.
const KMS: &str = "20.118.99.224";
const DEFAULT: &str = "0.0.0.0/0";
const NETWORKS: [&str; 2] = ["10.1.0.0/16", "10.2.0.0/16"];

fn the_default_comes_home_and_activation_needs_a_route_table(edge: &dyn Edge, plan: &'static Plan) {
    let site = Site::new(plan);
    let azure = Azure::start(&site);
    let running = Running::start(edge, &site);
    azure.wait_for_default(&[0, 1]);
    running.wait_until_established();

    // Azure's side: both ways, and the second one is the reserve.
    let learned = azure.learned();
    for prefix in [DEFAULT, "10.50.0.0/15"] {
        assert_eq!(learned[&(0, prefix.to_owned())], plan.path(1), "{prefix}");
        assert_eq!(learned[&(1, prefix.to_owned())], plan.path(3), "{prefix}");
    }
    assert_eq!(learned.len(), 4, "and nothing else: {learned:?}");
    assert_eq!(azure.goes("workload", INTERNET), azure.on_premises(&[0]));
    assert_eq!(azure.default_of("workload"), json!(["VirtualNetworkGateway"]));
    assert_eq!(azure.goes("workload", HOME), azure.on_premises(&[0]));
    assert_eq!(azure.goes("servers", INTERNET), azure.on_premises(&[0]));
    assert!(!azure.activates("workload"), "by way of on-premises");
    assert_eq!(azure.goes("workload-kms", INTERNET), azure.on_premises(&[0]));
    assert!(azure.activates("workload-kms"), "by the route table");

    // The daemon's side: the virtual networks, from both; of the rest, what it cannot refuse.
    let unwanted = plan.unwanted.iter().filter(|_| !edge.has_filters());
    let expected: Vec<&str> = NETWORKS.iter().chain(unwanted).copied().collect();
    for peer in plan.azure {
        let what = format!("{expected:?} from {peer}, and nothing else");
        let heard = wait_for(&what, PATIENCE, || {
            Some(running.heard(peer)).filter(|heard| heard.keys().eq(expected.iter()))
        });
        for network in NETWORKS {
            assert_eq!(heard[network], (vec![plan.asn], peer.to_owned()), "{network} from {peer}");
        }
    }
}

/// The first way fails without a word and comes back.
fn one_of_two_ways_is_enough(edge: &dyn Edge, plan: &'static Plan) {
    let site = Site::new(plan);
    let azure = Azure::start(&site);
    let running = Running::start(edge, &site);
    azure.wait_for_default(&[0, 1]);
    if plan.notices_by_itself && edge.has_bfd() {
        liveness::wait_until_watched(&azure);
    }

    site.cut(0);
    if !plan.notices_by_itself {
        site.give_up(0);
    }
    azure.wait_for_default(&[1]);
    assert_eq!(azure.goes("workload", INTERNET), azure.on_premises(&[1]));
    assert_eq!(azure.goes("workload", HOME), azure.on_premises(&[1]));
    assert!(!azure.activates("workload"));
    assert!(azure.activates("workload-kms"));

    site.mend(0);
    azure.wait_for_default(&[0, 1]);
    running.wait_until_established();
    assert_eq!(azure.goes("workload", INTERNET), azure.on_premises(&[0]));
}

/// azure.md §8, row 14: "fail open", which every file warns of.
fn egress_opens_when_the_default_is_withdrawn(edge: &dyn Edge, plan: &'static Plan) {
    let site = Site::new(plan);
    let azure = Azure::start(&site);
    let running = Running::start(edge, &site);
    azure.wait_for_default(&[0, 1]);
    assert!(!azure.activates("workload"));

    running.withdraw_default();
    azure.wait_for_default(&[]);
    wait_until("the other routes stay", PATIENCE, || azure.goes("workload", HOME) == azure.on_premises(&[0]));
    assert_eq!(azure.default_of("workload"), json!(["Internet"]));
    assert_eq!(azure.goes("workload", INTERNET), azure::INTERNET);
    assert!(azure.activates("workload"));
}
