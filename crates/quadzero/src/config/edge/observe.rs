//! `[metrics]` and `[audit]`: how the running program is watched, and what it writes down.

use super::file;
use crate::config::diagnostic::Diagnostic;
use crate::config::reach::{At, Reach, Served};
use crate::config::reader::{Record, record};
use crate::config::value::Size;
use crate::config::{get, span};
use std::path::{Path, PathBuf};

const SERVED: Served = Served { what: "metrics", asks: "metrics ask", usual: "127.0.0.1:9179" };

/// Octets of an audit file before the next one is begun.
const MAX_SIZE: u64 = 10 * 1024 * 1024;
/// Less than this, and a file would hold a few lines.
const LEAST_SIZE: u64 = 64 * 1024;
/// Full files that are kept.
const KEEP: u8 = 5;

record! {
    /// `[metrics]`
    MetricsKeys {
        /// Where.
        flatten reach: Reach,
    }
}

record! {
    /// `[audit]`
    AuditKeys {
        /// The file.
        required file: String,
        /// Octets of it before the next one is begun.
        optional max_size: Size,
        /// Full ones that are kept.
        optional keep: u8,
    }
}

/// Where metrics are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// The place.
    pub at: At,
    /// Other machines may ask, by whatever name they know this one.
    pub allow_remote: bool,
}

/// Where what happens is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file; full ones lie beside it, with a number behind the name.
    pub file: PathBuf,
    /// Octets of a file before the next one is begun.
    pub max_size: u64,
    /// Full ones that are kept.
    pub keep: u8,
}

pub(super) fn metrics(file: &file::File, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Metrics> {
    let reach = &file.metrics.as_ref()?.get_ref().reach;
    let at = reach.check(folder, &SERVED, out)?;
    Some(Metrics { at, allow_remote: get(&reach.allow_remote).unwrap_or(false) })
}

pub(super) fn audit(file: &file::File, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Audit> {
    let keys = file.audit.as_ref()?.get_ref();
    let max_size = get(&keys.max_size).map_or(MAX_SIZE, |size| size.0);
    if max_size < LEAST_SIZE {
        let place = span(&keys.max_size).unwrap_or_else(|| keys.span());
        let error = Diagnostic::error(place, "a file that would be full at once");
        out.push(error.hint("\"64KiB\" at least"));
    }
    let path = folder.join(get(&keys.file)?);
    Some(Audit { file: path, max_size, keep: get(&keys.keep).unwrap_or(KEEP) })
}
