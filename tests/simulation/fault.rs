//! What goes wrong: in the network, in the speakers, and by their operators.

use crate::{
    agenda::{Happening, Place, Time},
    bug::refresh,
    network::TCP_REPEATS_WITHIN,
    plan::{any, between, once_in},
    task::Wish,
    world::World,
};
use quadzero_codec::{ErrorCode, Notification};
use std::time::Duration;

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A connection is reset in the network.
    Reset,
    /// Nothing passes, in one direction or both, between two hosts or all.
    Partition,
    /// Nothing passes on one connection any more: something in between has forgotten it.
    HalfOpen,
    /// Segments take seconds.
    Delay,
    /// Dials are not answered.
    Unanswered,
    /// Dials are refused.
    Refused,
    /// Octets are changed on their way, until the connection ends.
    Corruption,
    /// A speaker does not read from a connection.
    Deaf,
    /// A process is stopped for a while, as by SIGSTOP or a suspended machine.
    Pause,
    /// A process is slow: what the network tells it, it notices late, accept before connect or after.
    Busy,
    /// A process is killed; its kernel tells.
    Kill,
    /// A machine loses power.
    PowerLoss,
    /// A process is told to end, and says farewell.
    Terminate,
    /// An operator stops a session, and starts it again later or at once.
    Stop,
    /// Another policy.
    Reload,
    /// A peer asks for all routes again; often the connection breaks before they have been said.
    Refresh,
}

impl Fault {
    /// As often as they stand here.
    const DRAWN: [Self; 24] = [
        Self::Reset,
        Self::Reset,
        Self::Partition,
        Self::Partition,
        Self::HalfOpen,
        Self::Delay,
        Self::Unanswered,
        Self::Refused,
        Self::Corruption,
        Self::Corruption,
        Self::Deaf,
        Self::Pause,
        Self::Busy,
        Self::Busy,
        Self::Kill,
        Self::Kill,
        Self::PowerLoss,
        Self::Terminate,
        Self::Stop,
        Self::Reload,
        Self::Reload,
        Self::Reload,
        Self::Refresh,
        Self::Refresh,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Partition => "partition",
            Self::HalfOpen => "half-open",
            Self::Delay => "delay",
            Self::Unanswered => "dials unanswered",
            Self::Refused => "dials refused",
            Self::Corruption => "corruption",
            Self::Deaf => "does not read",
            Self::Pause => "pause",
            Self::Busy => "slow process",
            Self::Kill => "kill",
            Self::PowerLoss => "power loss",
            Self::Terminate => "terminate",
            Self::Stop => "operator's stop",
            Self::Reload => "reload",
            Self::Refresh => "refresh",
        }
    }
}

impl World {
    /// A fault, and when the next one comes.
    pub(crate) fn fault(&mut self, phase: u32) {
        if phase != self.phase {
            return;
        }
        let fault = any(&mut self.rng, &Fault::DRAWN);
        *self.stats.faults.entry(fault.name()).or_default() += 1;
        let pair = self.rng.usize(..self.pairs.len());
        let place = Place { pair, side: self.rng.usize(..2) };
        let time = between(&mut self.rng, Duration::from_millis(100), Duration::from_secs(3600));
        self.trace.line(self.agenda.now, || format!("FAULT {} at {place} for {time:?}", fault.name()));
        self.strike(fault, place, time);
        // Misfortunes seldom come alone.
        let most = if once_in(&mut self.rng, 3) { Duration::from_secs(2) } else { self.unrest * 2 };
        let next = most.mul_f64(self.rng.f64());
        self.agenda.at(self.agenda.now + next, Happening::Fault(phase));
    }

    fn strike(&mut self, fault: Fault, place: Place, time: Duration) {
        let until = self.agenda.now + time;
        let Place { pair, side } = place;
        match fault {
            Fault::Reset => self.each_wire(pair, |world, id| world.network.tear(&mut world.agenda, id)),
            Fault::Partition => self.partition(place, until),
            Fault::HalfOpen => self.half_open(pair),
            Fault::Delay => {
                let path = &mut self.network.paths[pair];
                path.slow_until = until;
                path.slowness = Duration::from_secs(self.rng.u64(1..10));
                self.disturb(pair, until);
            }
            Fault::Unanswered => self.network.paths[pair].unanswered_until = until,
            Fault::Refused => self.network.paths[pair].refused_until[side] = until,
            Fault::Corruption => self.corrupt(pair, until),
            Fault::Deaf => {
                self.disturb(pair, until);
                self.with_task(place, |task, _| task.deaf_until = until);
                self.wake(place);
            }
            Fault::Pause | Fault::Busy => self.slow_down(fault, place, until),
            Fault::Kill | Fault::PowerLoss | Fault::Terminate => self.restart(fault, place, until),
            Fault::Stop => self.stop(place, until),
            Fault::Reload => {
                let speaker = Self::speaker_of(place);
                self.reload(speaker);
            }
            Fault::Refresh => self.ask_refresh(place),
        }
    }

    fn each_wire(&mut self, pair: usize, mut call: impl FnMut(&mut Self, u32)) {
        self.network.wires_of(pair).into_iter().for_each(|id| call(self, id));
    }

    /// Until then the pair is excused, and as long as TCP repeats what was lost.
    fn disturb(&mut self, pair: usize, until: Time) {
        let pair = &mut self.pairs[pair];
        pair.disturbed_until = pair.disturbed_until.max(until + TCP_REPEATS_WITHIN + Duration::from_secs(20));
    }

    fn partition(&mut self, place: Place, until: Time) {
        let pairs = if self.befalls_all() { 0..self.pairs.len() } else { place.pair..place.pair + 1 };
        let sides = any(&mut self.rng, &[&[0][..], &[1], &[0, 1], &[0, 1]]);
        for pair in pairs {
            sides.iter().for_each(|side| self.network.paths[pair].blocked_until[*side] = until);
            self.disturb(pair, until);
        }
    }

    fn half_open(&mut self, pair: usize) {
        let lost = any(&mut self.rng, &[[true, false], [false, true], [true, true]]);
        self.each_wire(pair, |world, id| {
            if let Some(wire) = world.network.wires.get_mut(&id) {
                wire.lost = lost;
            }
        });
    }

    /// What was forged must not stay for good: the connection ends, at the latest some time after.
    fn corrupt(&mut self, pair: usize, until: Time) {
        self.each_wire(pair, |world, id| {
            if let Some(wire) = world.network.wires.get_mut(&id) {
                wire.corrupted_until = until;
            }
            world.agenda.at(until, Happening::Break(id, true));
        });
    }

    fn slow_down(&mut self, fault: Fault, place: Place, until: Time) {
        let speaker = Self::speaker_of(place);
        match fault {
            Fault::Pause => self.speakers[speaker].paused_until = until,
            _ => self.speakers[speaker].busy_until = until,
        }
        for place in self.places_of(speaker) {
            self.disturb(place.pair, until);
        }
    }

    fn restart(&mut self, fault: Fault, place: Place, until: Time) {
        let speaker = Self::speaker_of(place);
        if !self.speakers[speaker].is_up {
            return;
        }
        for place in self.places_of(speaker) {
            self.disturb(place.pair, until);
            if fault == Fault::Terminate {
                let farewell = Notification::shutdown(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, "terminated");
                self.with_task(place, |task, _| task.wish(Wish::Stop(farewell)));
                self.wake(place);
            }
        }
        let generation = self.speakers[speaker].generation;
        if fault == Fault::Terminate {
            let exit =
                self.agenda.now + between(&mut self.rng, Duration::from_millis(1), Duration::from_secs(10));
            self.agenda.at(exit, Happening::Exit(speaker, generation));
            return self.agenda.at(until.max(exit), Happening::Boot(speaker, generation + 1));
        }
        self.exit(speaker, fault == Fault::PowerLoss);
        self.agenda.at(until, Happening::Boot(speaker, generation + 1));
    }

    fn stop(&mut self, place: Place, until: Time) {
        let code = any(
            &mut self.rng,
            &[ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, ErrorCode::CEASE_ADMINISTRATIVE_RESET],
        );
        let farewell = Notification::shutdown(code, "maintenance");
        self.with_task(place, |task, _| task.wish(Wish::Stop(farewell)));
        self.wake(place);
        let until = if self.rng.bool() {
            until
        } else {
            self.agenda.now + Duration::from_millis(self.rng.u64(..3000))
        };
        self.agenda.at(until, Happening::Start(place, self.phase));
    }

    /// The operator starts a session again; at the end of a time of faults it was started anyway.
    pub(crate) fn start(&mut self, place: Place, phase: u32) {
        if phase == self.phase {
            self.with_task(place, |task, _| task.wish(Wish::Start));
            self.wake(place);
        }
    }

    fn ask_refresh(&mut self, place: Place) {
        let family = any(&mut self.rng, &self.plans[place.pair].configs[place.side].families);
        self.with_task(place, |task, _| {
            if let Some(negotiated) = task.session.negotiated() {
                let octets = refresh(family, &negotiated.dialect);
                task.ask_refresh(octets);
            }
        });
        self.wake(place);
        if self.rng.bool() {
            let soon = self.network.paths[place.pair].latency.mul_f64(self.rng.f64() * 8.0);
            self.each_wire(place.pair, |world, id| {
                world.agenda.at(world.agenda.now + soon, Happening::Break(id, false));
            });
        }
    }

    /// No more faults, and what they left behind is repaired where no timer would.
    pub(crate) fn end_faults(&mut self) {
        let now = self.agenda.now;
        self.trace.line(now, || "the faults end".into());
        for speaker in 0..self.speakers.len() {
            self.speakers[speaker].paused_until = now;
            self.speakers[speaker].busy_until = now;
            if !self.speakers[speaker].is_up {
                self.boot(speaker);
            }
            // One that was told to end does not, any more.
            self.speakers[speaker].generation += 1;
        }
        for pair in 0..self.pairs.len() {
            self.repair(pair);
        }
    }

    fn repair(&mut self, pair: usize) {
        let now = self.agenda.now;
        let path = &mut self.network.paths[pair];
        (path.blocked_until, path.refused_until) = ([now; 2], [now; 2]);
        (path.unanswered_until, path.slow_until) = (now, now);
        self.pairs[pair].disturbed_until = self.pairs[pair].disturbed_until.min(now);
        self.disturb(pair, now);
        let without_hold = self.plans[pair].configs.iter().any(|config| config.timers.hold.seconds() == 0);
        self.each_wire(pair, |world, id| {
            let Some(wire) = world.network.wires.get_mut(&id) else { return };
            wire.corrupted_until = now;
            // Without a HoldTimer only TCP, or a person, notices that the other side is gone.
            if wire.corrupted || (without_hold && !wire.is_whole()) {
                world.network.tear(&mut world.agenda, id);
            }
        });
        for side in 0..2 {
            let place = Place { pair, side };
            self.with_task(place, |task, _| {
                task.deaf_until = now;
                task.wish(Wish::Start);
            });
            self.wake(place);
        }
    }
}
