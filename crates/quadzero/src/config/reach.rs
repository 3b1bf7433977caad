//! Where something is served over HTTP, from the file to a checked value. Nobody is asked for a password there: so loopback or a
//! socket of one's own, and an address that other machines reach has to be asked for twice.

use super::diagnostic::Diagnostic;
use super::reader::{Record, record};
use super::{get, span};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

record! {
    /// Keys of a table that says where something is served.
    Reach {
        /// The address and port of HTTP.
        optional listen: SocketAddr,
        /// Or a Unix socket.
        optional socket: String,
        /// Whether other machines may ask.
        optional allow_remote: bool,
    }
}

/// Where something is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// An address of TCP.
    Tcp(SocketAddr),
    /// A Unix socket, which is its owner's alone.
    Unix(PathBuf),
}

/// What is served there, for words about it.
pub(super) struct Served {
    /// With its article: "an API".
    pub(super) what: &'static str,
    /// Who asks nobody: "the API asks".
    pub(super) asks: &'static str,
    /// A place that one would choose.
    pub(super) usual: &'static str,
}

impl Reach {
    /// The place, unless something is wrong; what is wrong is added to `out`.
    pub(super) fn check(&self, folder: &Path, served: &Served, out: &mut Vec<Diagnostic>) -> Option<At> {
        let before = out.len();
        let at = match (&self.listen, &self.socket) {
            (Some(listen), Some(socket)) => {
                let error = Diagnostic::error(socket.span(), "listen and socket exclude each other");
                out.push(error.related(listen.span(), "the other one").hint("take one of them out"));
                None
            }
            (Some(listen), None) => {
                self.check_far(*listen.get_ref(), served, out);
                Some(At::Tcp(*listen.get_ref()))
            }
            (None, Some(socket)) => Some(At::Unix(folder.join(socket.get_ref()))),
            (None, None) if self.has("listen") || self.has("socket") => None,
            (None, None) => {
                let error = Diagnostic::error(self.span(), format!("{} without a place", served.what));
                let hint = format!("listen = \"{}\", or socket = \"PATH\"", served.usual);
                out.push(error.label("needs `listen` or `socket`").hint(hint));
                None
            }
        };
        let remote = span(&self.allow_remote).filter(|_| matches!(at, Some(At::Unix(_))));
        out.extend(remote.map(|span| {
            Diagnostic::error(span, "no other machine reaches a Unix socket").hint("take it out")
        }));
        at.filter(|_| out.len() == before)
    }

    fn check_far(&self, listen: SocketAddr, served: &Served, out: &mut Vec<Diagnostic>) {
        if listen.ip().is_loopback() || get(&self.allow_remote).unwrap_or(false) {
            return;
        }
        let error = Diagnostic::error(
            span(&self.listen).unwrap_or_else(|| self.span()),
            format!("{} is reached by other machines, and {} nobody who they are", listen.ip(), served.asks),
        );
        let hint = format!("listen = \"{}\"; if others are to ask, allow-remote = true", served.usual);
        out.push(error.label("not loopback").hint(hint));
    }
}
