//! Where the mock answers questions over HTTP, from the file to a checked value.

use super::{file, get, span};
use crate::config::diagnostic::Diagnostic;
use crate::config::reader::Record;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The HTTP API of the mock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Where it listens.
    pub at: At,
    /// Whether a POST is answered with 202 and the place of the answer, as Azure's long-running operations are.
    pub long_running: bool,
}

/// An address of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// Of TCP.
    Tcp(SocketAddr),
    /// A Unix socket, which is its owner's alone.
    Unix(PathBuf),
}

/// Nobody is asked for a password: who reaches it may ask, and may take instances down.
pub(super) fn api(keys: &file::Api, folder: &Path, out: &mut Vec<Diagnostic>) -> Option<Api> {
    let before = out.len();
    let at = match (&keys.listen, &keys.socket) {
        (Some(listen), Some(socket)) => {
            let error = Diagnostic::error(socket.span(), "listen and socket exclude each other");
            out.push(error.related(listen.span(), "the other one").hint("take one of them out"));
            None
        }
        (Some(listen), None) => {
            check_reach(keys, *listen.get_ref(), out);
            Some(At::Tcp(*listen.get_ref()))
        }
        (None, Some(socket)) => Some(At::Unix(folder.join(socket.get_ref()))),
        (None, None) if keys.has("listen") || keys.has("socket") => None,
        (None, None) => {
            let error = Diagnostic::error(keys.span(), "an API without a place");
            out.push(
                error
                    .label("needs `listen` or `socket`")
                    .hint("listen = \"127.0.0.1:8179\", or socket = \"PATH\""),
            );
            None
        }
    };
    let remote = span(&keys.allow_remote).filter(|_| matches!(at, Some(At::Unix(_))));
    out.extend(
        remote.map(|span| {
            Diagnostic::error(span, "no other machine reaches a Unix socket").hint("take it out")
        }),
    );
    let long_running = get(&keys.long_running).unwrap_or(false);
    (out.len() == before).then_some(Api { at: at?, long_running })
}

fn check_reach(keys: &file::Api, listen: SocketAddr, out: &mut Vec<Diagnostic>) {
    if listen.ip().is_loopback() || get(&keys.allow_remote).unwrap_or(false) {
        return;
    }
    let error = Diagnostic::error(
        span(&keys.listen).unwrap_or_else(|| keys.span()),
        format!("{} is reached by other machines, and the API asks nobody who they are", listen.ip()),
    );
    out.push(
        error
            .label("not loopback")
            .hint("listen = \"127.0.0.1:8179\"; if others are to ask, allow-remote = true"),
    );
}
