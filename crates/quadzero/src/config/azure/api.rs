//! Where the mock answers questions over HTTP, from the file to a checked value.

use super::{file, get};
use crate::config::diagnostic::Diagnostic;
use crate::config::reach::{At, Served};
use std::path::Path;

const SERVED: Served = Served { what: "an API", asks: "the API asks", usual: "127.0.0.1:8179" };

/// The HTTP API of the mock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Where it listens.
    pub at: At,
    /// Whether a POST is answered with 202 and the place of the answer, as Azure's long-running operations are.
    pub long_running: bool,
}

/// Nobody is asked for a password: who reaches it may ask, and may take instances down.
pub(super) fn api(keys: &file::Api, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Api> {
    let at = keys.reach.check(folder, &SERVED, out)?;
    Some(Api { at, long_running: get(&keys.long_running).unwrap_or(false) })
}
