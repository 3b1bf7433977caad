//! The default route: without it a machine leaves by Azure's exit, with it by the edge.

use crate::lab::Lab;
use crate::plan::{APIPA, AZURE_PUBLIC, FORCED, PRIVATE, Plan, SERVER, UNFORCED, WAYS, WORKLOAD};
use crate::traffic::traceroute;
use crate::world::{BOXES, BOXES_PUBLIC, EDGES, FABRIC, GATEWAYS, GATEWAYS_PUBLIC, INTERNET};

#[test]
fn private_addresses_without_the_default_azures_exit_and_with_it_the_edge() {
    without_the_default_azures_exit_and_with_it_the_edge(&PRIVATE);
}

#[test]
fn apipa_addresses_without_the_default_azures_exit_and_with_it_the_edge() {
    without_the_default_azures_exit_and_with_it_the_edge(&APIPA);
}

fn without_the_default_azures_exit_and_with_it_the_edge(plan: &'static Plan) {
    let lab = Lab::start(plan, UNFORCED);
    let workload = &lab.world.machines[0];
    lab.verdict_and_packets_agree("Nothing but a branch is announced");
    assert_eq!(traceroute(workload, SERVER), [FABRIC, AZURE_PUBLIC, INTERNET, SERVER]);

    lab.reload(0, FORCED);
    lab.wait_until_announced("0.0.0.0/0", &WAYS);
    lab.verdict_and_packets_agree("0.0.0.0/0 is announced");
    let exit = lab.by_exit(WORKLOAD.machine, SERVER);
    let way = traceroute(workload, SERVER);
    assert_eq!(
        (way.len(), [&way[0], &way[3], &way[4], &way[5]]),
        (6, [FABRIC, EDGES[0], INTERNET, SERVER].map(str::to_owned).each_ref())
    );
    assert!(GATEWAYS.contains(&way[1].as_str()) && BOXES.contains(&way[2].as_str()), "{way:?}");
    assert_eq!(lab.by_exit(WORKLOAD.machine, SERVER), exit, "nothing of it left by Azure's exit");

    bgp_goes_through_the_tunnels(&lab);

    lab.reload(0, UNFORCED);
    lab.wait_until_announced("0.0.0.0/0", &[]);
    lab.verdict_and_packets_agree("0.0.0.0/0 is withdrawn: egress is open again");
}

/// On the Internet there is nothing but the tunnels. Toward an APIPA peer the gateway never dials (CFG-BGP D).
fn bgp_goes_through_the_tunnels(lab: &Lab) {
    let outside = lab.world.internet.came();
    for way in WAYS {
        let (azure, edge) = (lab.plan.azure[way], lab.plan.edge[way]);
        let inside = lab.world.gateways[way].came();
        let (by_azure, by_edge) = (inside.of(azure, edge), inside.of(edge, azure));
        println!(
            "BGP in tunnel {way}: {by_edge} packets of a connection that the edge dialed, {by_azure} of Azure's"
        );
        assert!(by_azure + by_edge > 0);
        assert!(!azure.starts_with("169.254.") || by_azure == 0);
        assert_eq!(outside.of(azure, edge) + outside.of(edge, azure), 0, "BGP outside of its tunnel");
        assert!(outside.of(GATEWAYS_PUBLIC[way], BOXES_PUBLIC[way]) > 0, "a tunnel without packets");
    }
    assert_eq!(outside.of(WORKLOAD.machine, SERVER), 0, "what is private stays so");
}
