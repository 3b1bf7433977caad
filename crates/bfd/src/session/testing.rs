//! `Pair`: two sessions, one imaginary clock, and the network between them.

use super::*;

/// A packet under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    arrives: Instant,
    to: usize,
    packet: Packet,
}

/// What a packet of the network is subject to.
pub(super) type Weather = Box<dyn FnMut(Instant, usize) -> Option<Duration>>;

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) ends: [Session; 2],
    /// What each end has told.
    pub(super) told: [Vec<Output>; 2],
    /// What each end has sent, and when.
    pub(super) sent: [Vec<(Instant, Packet)>; 2],
    /// Who sends: how long it takes, or that it is lost.
    pub(super) weather: Weather,
    flights: Vec<Flight>,
}

impl Pair {
    pub(super) fn new(parameters: [Parameters; 2]) -> Self {
        let now = Instant::now();
        let end =
            |i: usize| Session::new(now, parameters[i], Discriminator::new(10 + i as u32).unwrap(), i as u64);
        let mut pair = Self {
            now,
            ends: [end(0), end(1)],
            told: Default::default(),
            sent: Default::default(),
            weather: Box::new(|_, _| Some(Duration::from_millis(5))),
            flights: Vec::new(),
        };
        pair.settle();
        pair
    }

    /// Both Up, and both agreed on the timers.
    pub(super) fn up() -> Self {
        let mut pair = Self::new([Parameters::default(); 2]);
        pair.run(Duration::from_secs(3));
        assert_eq!(pair.states(), [State::Up; 2]);
        pair
    }

    pub(super) fn states(&self) -> [State; 2] {
        self.ends.each_ref().map(Session::state)
    }

    pub(super) fn failures(&self, end: usize) -> usize {
        self.told[end].iter().filter(|output| matches!(output, Output::Failed(_))).count()
    }

    pub(super) fn input(&mut self, end: usize, input: Input<'_>) {
        self.ends[end].handle(self.now, input);
        self.settle();
    }

    /// Nothing gets through any more.
    pub(super) fn cut(&mut self) {
        self.weather = Box::new(|_, _| None);
        self.flights.clear();
    }

    pub(super) fn mend(&mut self) {
        self.weather = Box::new(|_, _| Some(Duration::from_millis(5)));
    }

    /// The end forgets everything, as a process that is started anew.
    pub(super) fn restart(&mut self, end: usize, discriminator: u32) {
        let parameters = self.ends[end].parameters;
        self.ends[end] = Session::new(
            self.now,
            parameters,
            Discriminator::new(discriminator).unwrap(),
            discriminator.into(),
        );
        self.settle();
    }

    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.arrive();
            for session in &mut self.ends {
                session.handle(self.now, Input::Timeout);
            }
            self.settle();
        }
        self.now = end;
    }

    fn next(&self) -> Option<Instant> {
        let deadlines = self.ends.iter().filter_map(Session::deadline);
        self.flights.iter().map(|flight| flight.arrives).chain(deadlines).min()
    }

    fn arrive(&mut self) {
        let now = self.now;
        let (here, there) = self.flights.drain(..).partition(|flight| flight.arrives <= now);
        self.flights = there;
        let here: Vec<Flight> = here;
        for Flight { to, packet, .. } in here {
            let session = &mut self.ends[to];
            // As the driver does: whose Your Discriminator is nobody's is discarded (RFC 5880 §6.8.6).
            if packet.your_discriminator.is_none_or(|theirs| theirs == session.discriminator) {
                session.handle(now, Input::Packet(&packet));
            }
        }
    }

    fn settle(&mut self) {
        for end in 0..2 {
            let mut made = 0;
            while let Some(packet) = self.ends[end].transmit(self.now) {
                made += 1;
                assert!(made < 5, "a session that never stops talking");
                let packet = Packet::decode(&packet.encode()).expect("what is said can be read");
                self.sent[end].push((self.now, packet));
                if let Some(delay) = (self.weather)(self.now, end) {
                    self.flights.push(Flight { arrives: self.now + delay, to: 1 - end, packet });
                }
            }
            while let Some(output) = self.ends[end].poll() {
                self.told[end].push(output);
            }
        }
    }
}
