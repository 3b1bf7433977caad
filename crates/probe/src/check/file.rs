//! A file that is there, and young enough.

use crate::blocking::Blocking;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    max_age: Option<Duration>,
    look: Blocking<io::Result<Duration>>,
}

impl File {
    pub(crate) fn new(path: PathBuf, max_age: Option<Duration>) -> Self {
        Self { path, max_age, look: Blocking::default() }
    }

    pub(crate) async fn look(&mut self) -> Result<(), String> {
        let path = self.path.clone();
        let age = self.look.call(move || age(&path)).await;
        let age = age.map_err(|error| format!("{}: {error}", self.path.display()))?;
        match self.max_age {
            Some(most) if age > most => {
                Err(format!("{} was written {} s ago", self.path.display(), age.as_secs()))
            }
            _ => Ok(()),
        }
    }
}

/// What was written in the future is new.
fn age(path: &PathBuf) -> io::Result<Duration> {
    let written = fs::metadata(path)?.modified()?;
    Ok(SystemTime::now().duration_since(written).unwrap_or_default())
}
