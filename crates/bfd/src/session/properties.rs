//! Sessions under arbitrary weather and arbitrary packets: whatever happens, these hold.

use super::testing::Pair;
use super::*;
use proptest::prelude::*;

/// Something that happens to a pair.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Wait(u16),
    Weather { loss: u8, delay: u16, seed: u64 },
    Cut,
    Restart(usize),
    Disable(usize),
    Enable(usize),
    Parameters(usize, u16, u16, u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let end = || 0_usize..2;
    prop_oneof![
        6 => (0_u16..5000).prop_map(Happening::Wait),
        2 => (0_u8..100, 0_u16..400, any::<u64>()).prop_map(|(loss, delay, seed)| Happening::Weather { loss, delay, seed }),
        1 => Just(Happening::Cut),
        1 => end().prop_map(Happening::Restart),
        1 => end().prop_map(Happening::Disable),
        2 => end().prop_map(Happening::Enable),
        1 => (end(), 10_u16..2000, 10_u16..2000, 1_u8..6).prop_map(|(e, tx, rx, m)| Happening::Parameters(e, tx, rx, m)),
    ]
}

/// Loses some packets and delays the others, each by another time, so that they overtake each other.
fn weather(loss: u8, delay: u16, mut seed: u64) -> testing::Weather {
    Box::new(move |_, _| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lost = (seed >> 33) % 100 < loss.into();
        (!lost).then(|| Duration::from_millis((seed >> 40) % (u64::from(delay) + 1)))
    })
}

fn happen(pair: &mut Pair, happening: Happening, restarts: &mut u32) {
    match happening {
        Happening::Wait(millis) => pair.run(Duration::from_millis(millis.into())),
        Happening::Weather { loss, delay, seed } => pair.weather = weather(loss, delay, seed),
        Happening::Cut => pair.cut(),
        Happening::Restart(end) => {
            *restarts += 1;
            pair.restart(end, 1000 + *restarts);
        }
        Happening::Disable(end) => pair.input(end, Input::Disable),
        Happening::Enable(end) => pair.input(end, Input::Enable),
        Happening::Parameters(end, tx, rx, multiplier) => {
            let (min_tx, min_rx) = (Interval::millis(tx), Interval::millis(rx));
            let multiplier = NonZeroU8::new(multiplier).unwrap();
            pair.input(end, Input::Parameters(Parameters { min_tx, min_rx, multiplier }));
        }
    }
}

/// What every packet keeps to.
fn check_sent(sent: &[(Instant, Packet)]) -> Result<(), TestCaseError> {
    for (_, packet) in sent {
        prop_assert!(!(packet.poll && packet.fin), "RFC 5880 §6.5");
        let slow = packet.desired_min_tx >= timers::SLOW;
        prop_assert!(packet.state == State::Up || slow, "RFC 5880 §6.8.3");
        prop_assert!(!packet.demand && packet.required_min_echo_rx == Interval::ZERO);
        let known = packet.your_discriminator.is_some();
        prop_assert!(known || matches!(packet.state, State::Down | State::AdminDown), "RFC 5880 §6.8.6");
    }
    Ok(())
}

/// Changes follow each other, failures follow a change from Up to Down, and none is told twice.
fn check_told(told: &[Output]) -> Result<(), TestCaseError> {
    for pair in told.windows(2) {
        if let Output::Failed(why) = pair[1] {
            let before = Output::Changed { from: State::Up, to: State::Down, diagnostic: why };
            prop_assert_eq!(pair[0], before);
        }
    }
    prop_assert!(!matches!(told.first(), Some(Output::Failed(_))));
    for output in told {
        if let Output::Changed { from, to, .. } = output {
            prop_assert_ne!(from, to);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn after_any_storm_two_sessions_find_each_other(happenings in prop::collection::vec(happening(), 0..40)) {
        let mut pair = Pair::new([Parameters::default(); 2]);
        let mut restarts = 0;
        for happening in happenings {
            happen(&mut pair, happening, &mut restarts);
        }
        for end in 0..2 {
            check_sent(&pair.sent[end])?;
            check_told(&pair.told[end])?;
            pair.input(end, Input::Enable);
        }
        pair.mend();
        // The longest Detection Time there is, once for each side, and some packets of the slow rate.
        pair.run(Duration::from_secs(30));
        prop_assert_eq!(pair.states(), [State::Up; 2]);
        let told = pair.told.each_ref().map(Vec::len);
        pair.run(Duration::from_secs(600));
        prop_assert_eq!(pair.told.each_ref().map(Vec::len), told, "and keep each other");
        prop_assert!(pair.ends.iter().all(|end| end.poll == Poll::None));
    }

    /// With no more loss in a row than the multiplier allows, nothing is noticed.
    #[test]
    fn two_lost_packets_in_a_row_are_no_failure(seed: u64) {
        let mut pair = Pair::up();
        let mut lost = [0; 2];
        let mut random = weather(60, 0, seed);
        pair.weather = Box::new(move |now, end| {
            let lose = lost[end] < 2 && random(now, end).is_none();
            lost[end] = if lose { lost[end] + 1 } else { 0 };
            (!lose).then_some(Duration::from_millis(5))
        });
        pair.run(Duration::from_secs(60));
        prop_assert_eq!((pair.failures(0), pair.failures(1)), (0, 0));
    }

    /// A path that is cut is noticed within the Detection Time, whatever was agreed on.
    #[test]
    fn a_cut_is_noticed_in_time(tx in [10_u16..2000, 10_u16..2000], rx in [10_u16..2000, 10_u16..2000], m in [1_u8..6, 1_u8..6]) {
        let parameters = [0, 1].map(|i| Parameters {
            min_tx: Interval::millis(tx[i]),
            min_rx: Interval::millis(rx[i]),
            multiplier: NonZeroU8::new(m[i]).unwrap(),
        });
        let mut pair = Pair::new(parameters);
        pair.run(Duration::from_secs(20));
        prop_assert_eq!(pair.states(), [State::Up; 2]);
        let expected = [0, 1].map(|i: usize| {
            Duration::from_millis(u64::from(rx[i].max(tx[1 - i])) * u64::from(m[1 - i]))
        });
        prop_assert_eq!(pair.ends.each_ref().map(Session::detection_time), expected);
        let cut_at = pair.now;
        pair.cut();
        pair.run(expected[0].max(expected[1]));
        prop_assert_eq!(pair.states(), [State::Down; 2]);
        for (sent, expected) in pair.sent.iter().zip(expected) {
            let expired = |p: &Packet| p.diagnostic == Diagnostic::DETECTION_TIME_EXPIRED;
            let (at, _) = sent.iter().find(|(_, p)| p.state == State::Down && expired(p)).unwrap();
            prop_assert!(*at <= cut_at + expected + Duration::from_millis(5));
        }
    }

    /// No packet whatsoever, at any time, makes a session send more than it received and its timer allow.
    #[test]
    fn no_packet_makes_a_session_babble(packets in prop::collection::vec((any::<[u8; 24]>(), 0_u16..2000), 1..60)) {
        let mut now = Instant::now();
        let mut session = Session::new(now, Parameters::default(), Discriminator::new(10).unwrap(), 3);
        let (mut sent, mut answerable) = (0, 1);
        for (mut octets, wait) in packets {
            octets[0] = 0x20 | octets[0] & 0x1F;
            octets[1] &= 0xFA;
            (octets[2], octets[3]) = (octets[2] | 1, 24);
            let end = now + Duration::from_millis(wait.into());
            loop {
                sent += std::iter::from_fn(|| session.transmit(now)).count();
                match session.deadline().filter(|at| *at <= end) {
                    Some(at) => now = now.max(at),
                    None => break,
                }
                session.handle(now, Input::Timeout);
                answerable += 2;
            }
            now = end;
            if let Ok(packet) = Packet::decode(&octets) {
                session.handle(now, Input::Packet(&packet));
                answerable += 2;
            }
            std::iter::from_fn(|| session.poll()).for_each(drop);
        }
        prop_assert!(sent <= answerable, "{sent} packets, and cause for {answerable}");
    }
}
