//! The last lines that were logged, kept as JSON: what the doctor looks at.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept: an hour of sessions that come and go every few seconds.
const KEPT: usize = 4096;

/// The last lines.
#[derive(Default)]
pub struct Journal(Mutex<VecDeque<String>>);

impl Journal {
    /// An empty one.
    pub const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// What was logged, a JSON object a line, oldest first.
    pub fn lines(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect()
    }

    fn keep(&self, line: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(String::from_utf8_lossy(line).into_owned());
    }
}

/// Each event is written at once, as one line.
impl io::Write for &Journal {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.keep(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for &'static Journal {
    type Writer = &'static Journal;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn keeps_the_last_lines_and_no_more() {
        let journal = Journal::new();
        for n in 0..=KEPT {
            (&journal).write_all(format!("{n}\n").as_bytes()).unwrap();
        }
        let lines = journal.lines();
        assert_eq!(lines.lines().count(), KEPT);
        assert_eq!((lines.lines().next(), lines.lines().last()), (Some("1"), Some(&*KEPT.to_string())));
    }
}
