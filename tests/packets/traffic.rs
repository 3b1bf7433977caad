//! Packets that are sent, and what came of them.

use crate::hop::Hop;
use crate::plan::{AZURE_PUBLIC, EDGE_PUBLIC, KMS, SUBNETS};
use quadzero_tests::{PATIENCE, Process, wait_for, wait_until};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// So many flows that both of two ways have some (all on one: once in eight million runs). To all destinations at once they are
/// fewer packets than the socket of a tunnel's end holds while nobody reads it.
pub(crate) const FLOWS: usize = 24;

/// Of a stream fewer do, since it goes on.
const STREAM_FLOWS: usize = 4;
const EVERY: &str = "50";
/// So many ticks without loss are calm.
pub(crate) const CALM: usize = 20;

/// Whose address the other end saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Azure,
    OnPremises,
    Private,
}

impl Source {
    fn of(address: &str) -> Self {
        match address {
            AZURE_PUBLIC => Self::Azure,
            public if EDGE_PUBLIC.contains(&public) => Self::OnPremises,
            private => {
                let is_known = SUBNETS.iter().any(|subnet| subnet.machine == private);
                assert!(is_known, "{private} is nobody's in this lab");
                Self::Private
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Azure => "Azure",
            Self::OnPremises => "on-premises",
            Self::Private => "private",
        })
    }
}

/// [`FLOWS`] packets from a machine to each of several addresses.
pub(crate) struct Asked {
    postman: Process,
}

impl Asked {
    pub(crate) fn by(machine: &Hop, addresses: &[&str]) -> Self {
        let flows = FLOWS.to_string();
        let postman = machine.postman("ask", &[&["ask", flows.as_str()], addresses].concat());
        wait_until("the packets are sent", PATIENCE, || postman.log().contains("sent"));
        Self { postman }
    }

    /// How many were answered from an address, and the sources that it saw.
    pub(crate) fn answers(&self, address: &str) -> (usize, BTreeSet<Source>) {
        let log = self.postman.log();
        // The file goes on from the last time.
        let last = log.rsplit_once("sent\n").map_or("", |(_, last)| last);
        let words = last.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let ours = words.filter(|words| words.len() == 4 && words[1] == address);
        let sources: Vec<Source> = ours.map(|words| Source::of(words[3])).collect();
        (sources.len(), sources.into_iter().collect())
    }
}

/// Whether Windows in that machine can be activated: asked over TCP.
pub(crate) fn activates(machine: &Hop) -> bool {
    let mut postman = machine.postman("activate", &["activate", KMS]);
    assert!(postman.exit(PATIENCE).success());
    let log = postman.log();
    log.lines().last().is_some_and(|last| last == "works")
}

/// The routers on the way, as traceroute(8) finds them; `*` is one that does not say.
pub(crate) fn traceroute(machine: &Hop, to: &str) -> Vec<String> {
    let mut traceroute = machine.at.command("traceroute", "traceroute");
    let out = traceroute.args(["-n", "-q", "1", "-w", "10", "-m", "12", "-p", "33434", to]).output();
    let text = String::from_utf8_lossy(&out.expect("traceroute runs").stdout).into_owned();
    println!("{text}");
    let hop = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    text.lines().skip(1).filter_map(hop).collect()
}

/// Packets that go on, from a machine to a server.
pub(crate) struct Stream {
    postman: Process,
    from: &'static str,
    heard: RefCell<Heard>,
}

/// What has been read of what the postman says.
#[derive(Default)]
struct Heard {
    read: usize,
    /// When each tick was sent.
    ticks: Vec<u128>,
    /// When each packet was answered, and the source that was seen.
    answers: BTreeMap<(usize, usize), (u128, Source)>,
}

/// What became of a part of a stream.
pub(crate) struct Part {
    pub(crate) sent: usize,
    /// When packets were sent that were not answered.
    pub(crate) lost: Vec<u128>,
    /// When packets were answered, by the source that was seen.
    pub(crate) answered: BTreeMap<Source, Vec<u128>>,
}

impl Stream {
    pub(crate) fn start(machine: &Hop, to: &str) -> Self {
        let postman = machine.postman("stream", &["stream", &STREAM_FLOWS.to_string(), EVERY, to]);
        let stream = Self { postman, from: machine.name, heard: RefCell::default() };
        stream.wait_until_calm();
        stream
    }

    /// The number of the next tick.
    pub(crate) fn now(&self) -> usize {
        self.read();
        self.heard.borrow().ticks.len()
    }

    /// Waits until from now on some time has passed without a loss; the tick at which that began.
    pub(crate) fn wait_until_calm(&self) -> usize {
        let from = self.now();
        wait_for(&format!("{} loses nothing", self.from), PATIENCE, || self.calm(from, |_| true))
    }

    /// Waits until from now on for some time the server has seen this source, whatever was sent; the tick at which that began.
    pub(crate) fn wait_until_seen_as(&self, source: Source) -> usize {
        let (from, what) = (self.now(), format!("{} is seen as {source}", self.from));
        wait_for(&what, PATIENCE, || self.calm(from, |seen| seen == source))
    }

    /// Waits until for some time from now on nothing was answered.
    pub(crate) fn wait_until_silent(&self) {
        let from = self.now();
        wait_until(&format!("{} gets no answer", self.from), PATIENCE, || {
            let now = self.now();
            now >= from + 2 * CALM && self.part(now - 2 * CALM, now).answered.is_empty()
        });
    }

    /// From one tick up to another.
    pub(crate) fn part(&self, from: usize, to: usize) -> Part {
        self.read();
        let heard = self.heard.borrow();
        let mut part = Part { sent: 0, lost: Vec::new(), answered: BTreeMap::new() };
        let all = (from..to).flat_map(|tick| (0..STREAM_FLOWS).map(move |flow| (tick, flow)));
        for (tick, flow) in all {
            part.sent += 1;
            match heard.answers.get(&(tick, flow)) {
                Some((at, source)) => part.answered.entry(*source).or_default().push(*at),
                None => part.lost.push(heard.ticks[tick]),
            }
        }
        part
    }

    /// Where the first run of ticks begins that is long enough and whose packets were all answered, as they should.
    fn calm(&self, from: usize, as_it_should: impl Fn(Source) -> bool) -> Option<usize> {
        self.read();
        let heard = self.heard.borrow();
        let answered =
            |tick, flow| heard.answers.get(&(tick, flow)).is_some_and(|(_, seen)| as_it_should(*seen));
        let mut begins = from;
        for tick in from..heard.ticks.len() {
            if !(0..STREAM_FLOWS).all(|flow| answered(tick, flow)) {
                begins = tick + 1;
            } else if tick + 1 - begins == CALM {
                return Some(begins);
            }
        }
        None
    }

    fn read(&self) {
        let log = self.postman.log();
        let mut heard = self.heard.borrow_mut();
        let Some(whole) = log.rfind('\n').map(|end| end + 1) else { return };
        for line in log[heard.read..whole].lines() {
            heard.take(&line.split(' ').collect::<Vec<_>>());
        }
        heard.read = whole;
    }
}

impl Drop for Stream {
    /// It has said a line for each packet.
    fn drop(&mut self) {
        self.postman.forget();
    }
}

impl Heard {
    fn take(&mut self, words: &[&str]) {
        let number = |word: &str| word.parse::<usize>().expect("a number");
        let time = |word: &str| word.parse::<u128>().expect("a time");
        match *words {
            ["tick", tick, at] => {
                assert_eq!(number(tick), self.ticks.len());
                self.ticks.push(time(at));
            }
            ["answer", tick, flow, at, source] => {
                self.answers.insert((number(tick), number(flow)), (time(at), Source::of(source)));
            }
            _ => panic!("what is {words:?}?"),
        }
    }
}

impl Part {
    /// How long nothing, or not all, was answered: between the first and the last packet that was lost.
    pub(crate) fn loss_lasted(&self) -> Duration {
        let span = self.lost.iter().max().zip(self.lost.iter().min());
        span.map_or(Duration::ZERO, |(last, first)| millis(last - first))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets, {} lost", self.sent, self.lost.len())?;
        if !self.lost.is_empty() {
            write!(f, " within {:.1} s", self.loss_lasted().as_secs_f64())?;
        }
        let seen = self.answered.iter();
        seen.map(|(source, times)| (source, times.len()))
            .try_for_each(|(source, count)| write!(f, ", {count} seen as {source}"))
    }
}

fn millis(number: u128) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(u64::MAX))
}
