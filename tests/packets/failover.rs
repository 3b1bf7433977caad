//! A tunnel is cut: the other one takes over, and nothing leaves by Azure's exit meanwhile. Then that one is cut, too.

use crate::lab::{Lab, Streams};
use crate::plan::{FORCED, PRIVATE, RESERVE};
use crate::traffic::Source;
use quadzero_tests::{PATIENCE, wait_until};

const EXPIRED: &str = "Hold Timer Expired";

/// While one way is left, both designs are shut: what follows the announced default, and what a user route forces to the gateway.
/// With the last one gone, azure.md §0.4: what followed the announcement is let out by Azure, and the user route keeps it in.
#[test]
fn a_tunnel_is_cut_and_the_other_one_takes_over() {
    let lab = Lab::start(&PRIVATE, FORCED);
    lab.verdict_and_packets_agree("Both tunnels are up");
    let streams = Streams::start(&lab);

    let cut = streams.mark();
    lab.cut(0);
    lab.wait_until_announced("0.0.0.0/0", &[1]);
    let calm = streams.mark();
    let [workload, shut] = streams.parts(cut, calm);
    println!("Tunnel 0 is cut, the hold time is {} s", PRIVATE.hold_time);
    println!("  workload: {workload}\n  shut:     {shut}");
    lab.print_changes();
    assert!(workload.lost.len() + shut.lost.len() > 0, "no flow took the tunnel that was cut");
    for part in [&workload, &shut] {
        assert!(
            part.answered.keys().eq([&Source::OnPremises]),
            "all that was answered left by the edge: {part}"
        );
    }
    assert_eq!(streams.by_exit(&lab), [0, 0], "packets that left by Azure's exit");
    wait_until("both sides have noticed by their Hold Timers", PATIENCE, || {
        [&lab.mock, lab.only_edge()].iter().all(|side| side.downs().iter().any(|down| down.contains(EXPIRED)))
    });

    let cut = streams.mark();
    lab.cut(1);
    lab.wait_until_announced("0.0.0.0/0", &[]);
    let open = streams.workload.wait_until_seen_as(Source::Azure);
    streams.shut.wait_until_silent();
    let [workload, shut] = streams.parts(cut, [open, streams.shut.now()]);
    println!("Tunnel 1 is cut as well\n  workload: {workload}, then open\n  shut:     {shut}, and stays so");
    let by_exit = streams.by_exit(&lab);
    assert!(by_exit[0] > 0 && by_exit[1] == 0, "{by_exit:?}");
    drop(streams);
    lab.verdict_and_packets_agree("Both tunnels are cut");
}

/// A longer path (VPN-S2S-FAQ D): nothing takes the second tunnel until the first one is cut.
#[test]
fn a_tunnel_in_reserve_is_used_when_the_other_one_is_cut() {
    let lab = Lab::start(&RESERVE, FORCED);
    lab.verdict_and_packets_agree("The second tunnel is the reserve");
    lab.cut(0);
    lab.wait_until_announced("0.0.0.0/0", &[1]);
    lab.verdict_and_packets_agree("The first one is cut");
}
