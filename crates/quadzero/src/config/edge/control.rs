//! `[control]`, `[drain]` and `[sandbox]`: the running program, its end, and what it may do.

use super::file;
use crate::config::diagnostic::Diagnostic;
use crate::config::get;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between the warning and the withdrawal: some seconds for the routers behind the neighbors to find another way.
const WAIT: Duration = Duration::from_secs(5);
/// What the neighbors are told at the end (RFC 9003).
const GOODBYE: &str = "quadzero is shutting down";
/// Octets of a shutdown communication at most (RFC 9003 §2).
const LONGEST_TEXT: usize = 255;

/// How the running program is spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Where the control socket is; `None`: where it always is.
    pub socket: Option<PathBuf>,
    /// Where routes are kept that are announced by hand, if any are.
    pub keep: Option<PathBuf>,
}

/// How it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Between the warning and the withdrawal.
    pub wait: Duration,
    /// What the neighbors are told at the end.
    pub text: String,
}

/// What the program may do once it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// It gives up what the configuration does not need.
    pub enabled: bool,
    /// Where it may write beside what the configuration names.
    pub write: Vec<PathBuf>,
}

pub(super) fn sandbox(file: &file::File, folder: &Path) -> Sandbox {
    let keys = file.sandbox.as_ref().map(|sandbox| sandbox.get_ref());
    let write = keys.and_then(|keys| get(&keys.write)).unwrap_or_default();
    Sandbox {
        enabled: keys.and_then(|keys| get(&keys.enabled)).unwrap_or(true),
        write: write.iter().map(|path| folder.join(path.get_ref())).collect(),
    }
}

pub(super) fn control(file: &file::File, folder: &Path) -> Control {
    let keys = file.control.as_ref().map(|control| control.get_ref());
    let path = |of: fn(&file::ControlKeys) -> Option<String>| {
        keys.and_then(of).map(|path: String| folder.join(path))
    };
    Control { socket: path(|keys| get(&keys.socket)), keep: path(|keys| get(&keys.keep)) }
}

pub(super) fn drain(file: &file::File, out: &mut Vec<Diagnostic>) -> Drain {
    let keys = file.drain.as_ref().map(|drain| drain.get_ref());
    let text = keys.and_then(|keys| keys.text.as_ref());
    if let Some(text) = text.filter(|text| text.get_ref().len() > LONGEST_TEXT) {
        let error = Diagnostic::error(text.span(), "a text that no NOTIFICATION holds (RFC 9003 §2)");
        out.push(error.hint("at most 255 octets"));
    }
    Drain {
        wait: keys.and_then(|keys| get(&keys.wait)).map_or(WAIT, |pause| pause.0),
        text: text.map_or(GOODBYE, |text| text.get_ref()).to_owned(),
    }
}
