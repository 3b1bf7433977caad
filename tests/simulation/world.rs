//! A world: one edge, its peers, the network between them, and an imaginary clock.

use crate::{
    agenda::{Agenda, Happening, NEVER, Place, Time, Trace, WireId},
    bug::{Bug, Subject},
    network::{Network, TCP_REPEATS_WITHIN, Wire},
    plan::{self, PairPlan, any, once_in},
    task::{Task, schedule},
    watch::{Context, Pair, Stats},
};
use fastrand::Rng;
use quadzero_fsm::{Encodings, Session};
use quadzero_policy::{Health, NeighborPolicy, Policy};
use quadzero_rib::RouteSet;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A process: the edge, or a peer.
pub(crate) struct Speaker {
    pub(crate) is_up: bool,
    /// How often it was started or ended.
    pub(crate) generation: u32,
    pub(crate) policy: Policy,
    encodings: Arc<Encodings>,
    pub(crate) paused_until: Time,
    pub(crate) busy_until: Time,
}

/// See the [module](self).
pub(crate) struct World {
    pub(crate) base: Instant,
    pub(crate) agenda: Agenda,
    pub(crate) network: Network,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    pub(crate) stats: Stats,
    pub(crate) plans: Vec<PairPlan>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) tasks: Vec<[Option<Task>; 2]>,
    /// The edge, then the peers.
    pub(crate) speakers: Vec<Speaker>,
    wanted: Vec<[Arc<RouteSet>; 2]>,
    bug: Option<Bug>,
    pub(crate) broken: Option<String>,
    /// The time of faults that it is; an even number is a time of calm.
    pub(crate) phase: u32,
    /// The mean time between two faults.
    pub(crate) unrest: Duration,
}

/// Time from the end of the last fault in which everything must be well again, for one side of a pair.
fn time_to_recover(config: &quadzero_fsm::PeerConfig) -> Duration {
    // A connection whose other end is gone is noticed by its HoldTimer, or that of OpenSent and OpenConfirm.
    let noticed = config.timers.hold.duration().unwrap_or_default().max(Duration::from_secs(240));
    let timers = &config.timers;
    // Each side may have to wait in Idle, then for a dial; and both once more, when they disagree on a collision.
    let dialled = 2 * (timers.idle_hold.max(timers.idle_hold_max) + timers.connect_retry);
    noticed + dialled + timers.delay_open.unwrap_or_default() + timers.advertisement_interval
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, trace: Trace) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plans = plan::pairs(&mut rng);
        let paths = plans.iter().map(|_| plan::path(&mut rng)).collect();
        let pair =
            |plan: &PairPlan| Pair { own: plan.own, disturbed_until: Time::ZERO, unsettled: true, noise: 0 };
        let speaker = |rng: &mut Rng| Speaker {
            is_up: false,
            generation: 0,
            policy: plan::policy(rng),
            encodings: Arc::default(),
            paused_until: Time::ZERO,
            busy_until: Time::ZERO,
        };
        let mut world = Self {
            base: Instant::now(),
            agenda: Agenda::default(),
            network: Network::new(paths),
            trace,
            stats: Stats { pairs: plans.len() as u64, ..Stats::default() },
            pairs: plans.iter().map(pair).collect(),
            tasks: plans.iter().map(|_| [None, None]).collect(),
            speakers: (0..=plans.len()).map(|_| speaker(&mut rng)).collect(),
            wanted: plans.iter().map(|_| Default::default()).collect(),
            plans,
            bug,
            broken: None,
            phase: 0,
            unrest: plan::between(&mut rng, Duration::from_secs(60), Duration::from_secs(2400)),
            rng,
        };
        for speaker in 0..world.speakers.len() {
            world.boot(speaker);
        }
        world
    }

    /// Runs one world for some simulated time; what broke, if something did.
    pub(crate) fn live(&mut self, time: Duration) {
        self.calm();
        while self.agenda.now < time && self.broken.is_none() {
            self.suffer();
            self.calm();
        }
        self.stats.time = self.agenda.now;
        self.stats.octets = self.network.octets;
        self.stats.happenings = self.agenda.happenings();
        self.stats.faults.insert("octets changed", self.network.flipped);
    }

    /// Hours of faults.
    fn suffer(&mut self) {
        self.phase += 1;
        let time = plan::between(&mut self.rng, Duration::from_secs(1800), Duration::from_secs(12 * 3600));
        self.agenda.at(self.agenda.now, Happening::Fault(self.phase));
        self.run(self.agenda.now + time);
    }

    /// Without faults every pair recovers in time, and then nothing is said but KEEPALIVEs.
    fn calm(&mut self) {
        self.phase += self.phase % 2;
        self.end_faults();
        let start = self.agenda.now;
        let bounds =
            self.plans.iter().map(|plan| plan.configs.iter().map(|c| time_to_recover(c)).sum::<Duration>());
        let end = start + TCP_REPEATS_WITHIN + bounds.max().unwrap_or_default();
        while self.agenda.now < end && self.broken.is_none() && !self.is_settled() {
            self.run((self.agenda.now + Duration::from_secs(1)).min(end));
            // A session without a HoldTimer may have nothing to do that would be an occasion to look.
            (0..self.pairs.len()).for_each(|pair| self.compare(pair));
        }
        self.stats.slowest_calm = self.stats.slowest_calm.max(self.agenda.now - start);
        self.run(end);
        if let Some(pair) = (0..self.pairs.len()).find(|pair| !self.is_pair_settled(*pair)) {
            let states =
                self.tasks[pair].each_ref().map(|task| task.as_ref().map(|task| task.session.state()));
            let within = end - start;
            self.fail(format!("pair {pair} is not well {within:?} after the last fault: {states:?}"));
        }
        self.pairs.iter_mut().for_each(|pair| pair.noise = 0);
        self.run(end + Duration::from_secs(3600));
        if let Some(pair) = (0..self.pairs.len()).find(|pair| self.pairs[*pair].noise > 0) {
            let noise = self.pairs[pair].noise;
            self.fail(format!("pair {pair} is not quiet: {noise} times something else than KEEPALIVEs"));
        }
        self.stats.calms += 1;
    }

    pub(crate) fn fail(&mut self, what: String) {
        self.trace.line(self.agenda.now, || format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }

    fn is_settled(&self) -> bool {
        (0..self.pairs.len()).all(|pair| self.is_pair_settled(pair))
    }

    fn is_pair_settled(&self, pair: usize) -> bool {
        !self.pairs[pair].unsettled && self.common_wire(pair).is_some()
    }

    /// The connection on which both sides are up, if nothing was lost or forged on it and nothing will be.
    fn common_wire(&self, pair: usize) -> Option<WireId> {
        let up = |task: &Option<Task>| task.as_ref()?.watch.up.as_ref().map(|up| up.wire);
        let [left, right] = self.tasks[pair].each_ref().map(up);
        left.filter(|id| left == right && self.network.wires.get(id).is_some_and(Wire::is_whole))
    }

    pub(crate) fn run(&mut self, end: Time) {
        while self.broken.is_none()
            && let Some(what) = self.agenda.next(end)
        {
            match what {
                Happening::Run(place) => self.run_task(place),
                Happening::Fault(phase) => self.fault(phase),
                Happening::Boot(speaker, generation) if self.speakers[speaker].generation == generation => {
                    self.boot(speaker);
                }
                Happening::Exit(speaker, generation) if self.speakers[speaker].generation == generation => {
                    self.exit(speaker, false);
                }
                Happening::Boot(..) | Happening::Exit(..) => {}
                Happening::Start(place, phase) => self.start(place, phase),
                network => self.network.happen(&mut self.agenda, &mut self.rng, network),
            }
            self.deliver();
        }
    }

    /// Wakes whom the network has something for.
    fn deliver(&mut self) {
        while let Some(id) = self.network.accepted.pop() {
            let Some(wire) = self.network.wires.get(&id) else { continue };
            let place = Place { pair: wire.pair, side: 1 - wire.dialler };
            let earlier = match &mut self.tasks[place.pair][place.side] {
                Some(task) => task.put(id),
                None => Some(id),
            };
            if let Some(earlier) = earlier {
                self.network.close(&mut self.agenda, &mut self.rng, (earlier, place.side));
            }
            self.network.woken.push(place);
        }
        while let Some(place) = self.network.woken.pop() {
            self.wake(place);
        }
        self.network.forget();
    }

    pub(crate) const fn speaker_of(place: Place) -> usize {
        if place.side == 0 { 0 } else { place.pair + 1 }
    }

    pub(crate) fn places_of(&self, speaker: usize) -> Vec<Place> {
        match speaker {
            0 => (0..self.pairs.len()).map(|pair| Place { pair, side: 0 }).collect(),
            peer => vec![Place { pair: peer - 1, side: 1 }],
        }
    }

    /// A task that has something to do gets the processor soon.
    pub(crate) fn wake(&mut self, place: Place) {
        let speaker = &self.speakers[Self::speaker_of(place)];
        let now = self.agenda.now;
        let most = if speaker.busy_until > now { 3_000_000 } else { 300 };
        let at = (now + Duration::from_micros(self.rng.u64(..most))).max(speaker.paused_until);
        self.with_task(place, |task, cx| schedule(cx.agenda, place, &mut task.woken_at, at));
    }

    /// Calls with the task, if its process is up, and the world around it.
    pub(crate) fn with_task<T>(
        &mut self,
        place: Place,
        call: impl FnOnce(&mut Task, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let task = self.tasks[place.pair][place.side].as_mut()?;
        let mut cx = Context {
            base: self.base,
            agenda: &mut self.agenda,
            network: &mut self.network,
            rng: &mut self.rng,
            trace: &mut self.trace,
            stats: &mut self.stats,
            pair: &mut self.pairs[place.pair],
            broken: &mut self.broken,
        };
        Some(call(task, &mut cx))
    }

    fn run_task(&mut self, place: Place) {
        let (now, paused) = (self.agenda.now, self.speakers[Self::speaker_of(place)].paused_until);
        self.with_task(place, |task, cx| {
            let slots = [&mut task.woken_at, &mut task.timer_at];
            let mut due = false;
            for slot in slots.into_iter().filter(|slot| **slot == now) {
                (*slot, due) = (NEVER, true);
            }
            if !due {
                return;
            }
            if paused > now {
                return schedule(cx.agenda, place, &mut task.woken_at, paused);
            }
            task.run(cx);
            let next = task.next_run(cx);
            if next != NEVER {
                let late = Duration::from_micros(cx.rng.u64(..1000));
                schedule(cx.agenda, place, &mut task.timer_at, next + late);
            }
        });
        self.look_at_both(place);
    }

    /// What concerns the other side's watch, and whether both are done.
    fn look_at_both(&mut self, place: Place) {
        let [mine, theirs] = &mut self.tasks[place.pair];
        let (mine, theirs) = if place.side == 0 { (mine, theirs) } else { (theirs, mine) };
        if let (Some(mine), Some(theirs)) = (mine, theirs) {
            if std::mem::take(&mut mine.wants_anew) {
                theirs.watch.other_wants(&mine.handed);
            }
            if std::mem::take(&mut mine.stops_anew) {
                theirs.watch.forget_kept();
            }
            if std::mem::take(&mut mine.watch.kept_is_new) {
                mine.watch.other_wants(&theirs.handed);
            }
        }
        self.compare(place.pair);
    }

    /// Where both sides have said everything and heard everything, each must hold what the other wants.
    fn compare(&mut self, pair: usize) {
        if !self.pairs[pair].unsettled {
            return;
        }
        let Some(wire) = self.common_wire(pair).filter(|wire| self.network.is_silent(*wire)) else { return };
        let place = |side| Place { pair, side };
        for side in 0..2 {
            if self.with_task(place(side), |task, cx| task.is_quiet(cx, wire)) != Some(true) {
                return;
            }
        }
        for side in 0..2 {
            let Some(wanted) = self.tasks[pair][1 - side].as_ref().map(|other| other.handed.clone()) else {
                return;
            };
            self.with_task(place(side), |task, cx| {
                let import = task.session.config().import == quadzero_fsm::Import::All;
                task.watch.compare(cx, &task.session, &wanted, import);
            });
        }
        self.pairs[pair].unsettled = false;
    }

    // Processes.

    /// A process starts.
    pub(crate) fn boot(&mut self, speaker: usize) {
        if self.speakers[speaker].is_up {
            return;
        }
        self.trace.line(self.agenda.now, || format!("speaker {speaker} starts"));
        let places = self.places_of(speaker);
        self.speakers[speaker].is_up = true;
        self.speakers[speaker].generation += 1;
        self.speakers[speaker].encodings = Arc::default();
        self.plan(speaker);
        for place in places {
            let Place { pair, side } = place;
            let host = &mut self.network.hosts[pair][side];
            (host.is_on, host.listens) = (true, true);
            let (plan, encodings) = (&self.plans[pair], self.speakers[speaker].encodings.clone());
            let session = Session::new(plan.configs[side].clone(), encodings, self.rng.u64(..));
            let session = Subject::new(session, self.bug.filter(|_| side == 0));
            let task = Task::new(place, session, self.wanted[pair][side].clone(), plan.rooms[side]);
            self.tasks[pair][side] = Some(task);
            self.with_task(place, Task::begin);
            self.look_at_both(place);
            self.wake(place);
        }
    }

    /// A process ends. Its kernel closes its connections, or goes down with it.
    pub(crate) fn exit(&mut self, speaker: usize, with_its_machine: bool) {
        self.trace
            .line(self.agenda.now, || format!("speaker {speaker} is gone, machine: {with_its_machine}"));
        self.speakers[speaker].is_up = false;
        self.speakers[speaker].generation += 1;
        self.speakers[speaker].paused_until = Time::ZERO;
        for place in self.places_of(speaker) {
            self.tasks[place.pair][place.side] = None;
            self.pairs[place.pair].unsettled = true;
            let host = &mut self.network.hosts[place.pair][place.side];
            (host.is_on, host.listens) = (!with_its_machine, false);
            self.network.crash(&mut self.agenda, &mut self.rng, place, with_its_machine);
        }
    }

    /// What the speaker's policy wants said to its neighbors.
    fn plan(&mut self, speaker: usize) {
        let places = self.places_of(speaker);
        let neighbors: Vec<NeighborPolicy> =
            places.iter().map(|place| self.plans[place.pair].policies[place.side].clone()).collect();
        let sets = self.speakers[speaker].policy.plan(&neighbors, &Health::good());
        for (place, set) in places.into_iter().zip(sets) {
            self.wanted[place.pair][place.side] = set;
        }
    }

    /// The speaker has another policy from now on.
    pub(crate) fn reload(&mut self, speaker: usize) {
        self.speakers[speaker].policy = match any(&mut self.rng, &[0, 1, 1, 1]) {
            0 => Policy::default(),
            _ => plan::policy(&mut self.rng),
        };
        self.plan(speaker);
        for place in self.places_of(speaker) {
            let wanted = self.wanted[place.pair][place.side].clone();
            self.with_task(place, |task, _| task.wants(wanted));
            self.wake(place);
        }
    }

    /// Whether a fault befalls all, and not one.
    pub(crate) fn befalls_all(&mut self) -> bool {
        once_in(&mut self.rng, 6)
    }
}
