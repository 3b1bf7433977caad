//! An edge leaves: as it should, or not.
//!
//! What can be had without loss: with a second way, everything. The drain makes the path longer first, Azure moves what it sends
//! to the other edge while the first one still forwards, and only then the route goes. A drain of the only edge has nowhere to move
//! anything to: what follows the announcement leaves by Azure's own exit from then on, and what a user route forces to the gateway
//! is lost. A death is noticed by whoever watches: the kernel that closes the connections of a process that was killed; the Hold Timer
//! when the whole machine is gone; BFD, where Azure has it, long before that.

use crate::lab::{Lab, Streams};
use crate::plan::{CIRCUIT, FORCED, PRIVATE, SERVER, SHUT, TWO_EDGES, WAYS, WORKLOAD};
use crate::traffic::{CALM, Source, Stream};
use quadzero_tests::{PATIENCE, wait_until};

const EXPIRED: &str = "Hold Timer Expired";
const BFD_DOWN: &str = "BFD Down";

#[test]
fn one_of_two_edges_is_drained_and_comes_back_without_a_packet_lost() {
    let lab = Lab::start(&TWO_EDGES, FORCED);
    lab.verdict_and_packets_agree("Two edges");
    let streams = Streams::start(&lab);

    let begin = streams.mark();
    lab.tell(0, &["drain"]);
    lab.wait_until_announced("0.0.0.0/0", &[1]);
    let drained = streams.mark();
    lab.tell(0, &["undrain"]);
    lab.wait_until_announced("0.0.0.0/0", &WAYS);
    let back = streams.mark();
    for (what, parts) in [("drained", streams.parts(begin, drained)), ("back", streams.parts(drained, back))]
    {
        println!("Edge 0 is {what}\n  workload: {}\n  shut:     {}", parts[0], parts[1]);
        assert!(
            parts.iter().all(|part| part.lost.is_empty() && part.answered.keys().eq([&Source::OnPremises]))
        );
    }
    lab.print_changes();
    assert_eq!(streams.by_exit(&lab), [0, 0], "packets that left by Azure's exit");
    drop(streams);
    lab.verdict_and_packets_agree("Both are back");
}

#[test]
fn the_only_edge_is_drained_and_egress_opens_unless_a_user_route_keeps_it_shut() {
    let lab = Lab::start(&PRIVATE, FORCED);
    let streams = Streams::start(&lab);
    let begin = streams.mark();
    lab.tell(0, &["drain"]);
    lab.wait_until_announced("0.0.0.0/0", &[]);
    let open = streams.workload.wait_until_seen_as(Source::Azure);
    streams.shut.wait_until_silent();
    let [workload, shut] = streams.parts(begin, [open, streams.shut.now()]);
    println!("The only edge is drained\n  workload: {workload}, then open\n  shut:     {shut}, and stays so");
    let by_exit = streams.by_exit(&lab);
    assert!(by_exit[0] > 0 && by_exit[1] == 0, "{by_exit:?}");
    drop(streams);
    lab.verdict_and_packets_agree("The only edge is drained");
}

/// Its kernel goes on forwarding, and closes the connections: Azure knows at once, and opens.
#[test]
fn an_edge_that_is_killed_is_missed_at_once_and_starts_again() {
    let mut lab = Lab::start(&PRIVATE, FORCED);
    let streams = Streams::start(&lab);
    let begin = streams.mark();
    lab.edges[0].take().expect("it lives").kill();
    lab.wait_until_announced("0.0.0.0/0", &[]);
    streams.workload.wait_until_seen_as(Source::Azure);
    streams.shut.wait_until_silent();
    assert!(lab.mock.downs().iter().all(|down| !down.contains(EXPIRED)), "{:?}", lab.mock.downs());

    lab.edges[0] = Some(lab.edge(0, FORCED));
    lab.wait_until_announced("0.0.0.0/0", &WAYS);
    let back = [&streams.workload, &streams.shut].map(|stream| stream.wait_until_seen_as(Source::OnPremises));
    let [workload, shut] = streams.parts(begin, back);
    println!("The edge was killed: {:?}\n  workload: {workload}\n  shut:     {shut}", lab.mock.downs());
    lab.print_changes();
    let by_exit = streams.by_exit(&lab);
    assert!(by_exit[0] > 0 && by_exit[1] == 0, "{by_exit:?}");
    drop(streams);
    lab.verdict_and_packets_agree("The edge is back");
}

/// Nobody is told: until the Hold Timer expires all is lost, and nothing is let out.
#[test]
fn an_edge_without_power_is_missed_when_the_hold_timer_expires() {
    let mut lab = Lab::start(&PRIVATE, FORCED);
    let shut = Stream::start(lab.machine(&SHUT), SERVER);
    die(&mut lab, EXPIRED);
    shut.wait_until_silent();
    assert_eq!(lab.by_exit(SHUT.machine, SERVER), 0, "packets that left by Azure's exit");
}

/// The hold time is three minutes there, and nobody here waits for so long.
#[test]
fn on_a_circuit_an_edge_without_power_is_missed_by_bfd() {
    let mut lab = Lab::start(&CIRCUIT, FORCED);
    wait_until("BFD is up on both links", PATIENCE, || {
        lab.mock.bfd().iter().filter(|(state, _)| state == "Up").count() >= 2
    });
    lab.verdict_and_packets_agree("A circuit of two links");
    die(&mut lab, BFD_DOWN);
    assert!(lab.mock.downs().iter().all(|down| !down.contains(EXPIRED)), "{:?}", lab.mock.downs());
}

/// The only edge loses its power, and its sessions end for that reason; then Azure's exit is open, and not before.
fn die(lab: &mut Lab, reason: &str) {
    let workload = Stream::start(lab.machine(&WORKLOAD), SERVER);
    lab.print_from_here();
    let begin = workload.wait_until_calm();
    let noticed = |lab: &Lab| lab.mock.downs().iter().filter(|down| down.contains(reason)).count();
    let before = noticed(lab);
    lab.world.edges[0].power_off();
    lab.edges[0].take().expect("it lives").kill();
    lab.wait_until_announced("0.0.0.0/0", &[]);
    let open = workload.wait_until_seen_as(Source::Azure);
    let part = workload.part(begin, open + CALM);
    println!("The edge has no power\n  noticed:  {:?}\n  workload: {part}", lab.mock.downs());
    let opened = lab.opened(&WORKLOAD);
    lab.print_changes();
    assert!(noticed(lab) > before, "{:?}", lab.mock.downs());
    assert!(!part.lost.is_empty(), "{part}");
    assert!(
        part.answered[&Source::Azure].iter().all(|at| *at >= opened),
        "egress was open before {opened}: {part}"
    );
}
