//! The imaginary clock, and what is to happen when.

use std::{cmp::Ordering, collections::BinaryHeap, collections::VecDeque, time::Duration};

/// Time since the world began.
pub(crate) type Time = Duration;

/// So far away that it does not come.
pub(crate) const NEVER: Time = Duration::MAX;

/// An end of a pair: 0 is the edge, 1 the peer.
pub(crate) type Side = usize;

/// One of the two sessions of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pair: usize,
    pub(crate) side: Side,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.side == 0 { "edge->" } else { "peer-" }, self.pair)
    }
}

/// A TCP connection, by number.
pub(crate) type WireId = u32;

/// What may be due.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// The task gets the processor.
    Run(Place),
    /// A segment, or its repetition, comes to a side.
    Arrive(WireId, Side),
    /// An RST comes to a side.
    Reset(WireId, Side),
    /// There is room for a side to write.
    Room(WireId, Side),
    /// The three steps of TCP's handshake, and how often each was tried.
    Syn(WireId, u32),
    SynAck(WireId, u32),
    Accept(WireId, u32),
    /// A process starts again, unless another has meanwhile.
    Boot(usize, u32),
    /// A process that was told to stop is gone, if it is still that one.
    Exit(usize, u32),
    /// The operator starts a session again, if the faults are still those.
    Start(Place, u32),
    /// The network breaks a connection, or only if it has changed octets on it.
    Break(WireId, bool),
    /// The next fault, of that phase.
    Fault(u32),
}

#[derive(Debug)]
struct Entry {
    at: Time,
    sequence: u64,
    what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest; at one time, first come, first served.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

/// The clock and what is to come.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    pub(crate) now: Time,
    entries: BinaryHeap<Entry>,
    sequence: u64,
}

impl Agenda {
    pub(crate) fn at(&mut self, at: Time, what: Happening) {
        self.sequence += 1;
        self.entries.push(Entry { at: at.max(self.now), sequence: self.sequence, what });
    }

    /// The next thing until `end`; the clock goes there.
    pub(crate) fn next(&mut self, end: Time) -> Option<Happening> {
        if self.entries.peek().is_none_or(|entry| entry.at > end) {
            self.now = end;
            return None;
        }
        let entry = self.entries.pop()?;
        self.now = entry.at;
        Some(entry.what)
    }

    /// How many things have happened or will.
    pub(crate) const fn happenings(&self) -> u64 {
        self.sequence
    }
}

/// What is told of a run: nothing, each line at once, or the last lines when it has failed.
#[derive(Debug, Default)]
pub(crate) enum Trace {
    #[default]
    Off,
    Print,
    Last(VecDeque<String>),
    /// All of it as one number, to compare two runs.
    Digest(u64),
}

/// Lines that are remembered.
const LAST: usize = 60;

impl Trace {
    pub(crate) fn line(&mut self, now: Time, line: impl FnOnce() -> String) {
        let stamped = || {
            let (seconds, micros) = (now.as_secs(), now.subsec_micros());
            format!(
                "{:3}:{:02}:{:02}.{micros:06} {}",
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60,
                line()
            )
        };
        match self {
            Self::Off => {}
            Self::Print => println!("{}", stamped()),
            Self::Last(lines) => {
                if lines.len() == LAST {
                    lines.pop_front();
                }
                lines.push_back(stamped());
            }
            // FNV-1a: the same everywhere, which the standard library does not promise of its own hashes.
            Self::Digest(digest) => {
                for octet in stamped().bytes() {
                    *digest = (*digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01B3);
                }
            }
        }
    }
}
