//! The control socket: how a running edge is asked and told.
//!
//! ```text
//!   quadzero show ──► {"version":1,"request":"summary"} ──────────► server ──► one queue of 16 ──► the daemon's own loop
//!                 ◄── {"version":1,"ok":{..}} or {"version":1,"error":"..."} ◄─────────────────────── answers, one by one
//!
//!   quadzero show events --follow ──► "watch" ──► {"version":1,"event":{..}}, a line each, until somebody hangs up
//! ```
//!
//! A Unix socket of mode 0600, and its other end has to be our own user or root. One JSON value a line, each way. Nothing here
//! grows without bound: a line, the clients, those who wait, and how long one may take to read are limited.

mod answer;
mod client;
mod server;
mod view;

pub(crate) use answer::answer;
pub use client::{Client, follow};
pub use server::{Question, Server};

use crate::intent::Asked;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is spoken. A request of another version is refused.
pub const VERSION: u32 = 1;

/// A request, as it stands on its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// [`VERSION`].
    pub version: u32,
    /// What is wanted.
    pub request: Request,
}

/// What can be asked of a running edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are the words of the command line")]
pub enum Request {
    /// A row for each neighbor.
    Summary,
    /// All that is known of one neighbor, or of each.
    Neighbor { name: Option<String> },
    /// Routes that a neighbor was told, or has told us.
    Routes { which: Which, neighbor: Option<String> },
    /// What is originated and excepted, by the file and by hand; with a neighbor, every decision about it.
    Policy { neighbor: Option<String> },
    /// What probes have found out, and which announcements depend on that.
    Probes,
    /// What has happened.
    Events,
    /// And what will happen, as it does.
    Watch,
    /// Whether a prefix is announced, and if not, why.
    Why { prefix: IpNet, to: Option<String> },
    /// Reads the file again. `plan`: and only says what it would do. `confirm`: and goes back after so many seconds.
    Reload { plan: bool, confirm: Option<u64> },
    /// What was reloaded stays.
    Confirm,
    /// Leaves, politely. `exit`: for good.
    Drain { exit: bool },
    /// Is back.
    Undrain,
    /// Starts a neighbor that was stopped.
    Start { neighbor: String },
    /// Ends a session, until it is started.
    Stop { neighbor: String, text: Option<String> },
    /// Ends a session, and begins another.
    Reset { neighbor: String, text: Option<String> },
    /// Announces a route by hand.
    Announce(Asked),
    /// Takes it back; or holds back one of the configuration.
    Withdraw { prefix: IpNet },
}

/// Which way routes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// We told the neighbor.
    Advertised,
    /// The neighbor told us.
    Received,
}

/// Where the socket may be, unless the configuration says it: the first that can be made is.
pub(crate) fn places() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    // systemd lists several, with colons between them.
    let given = variable("RUNTIME_DIRECTORY")
        .and_then(|folders| std::env::split_paths(&folders).next())
        .map(|folder| folder.join(NAME));
    let of_user = variable("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("quadzero").join(NAME));
    match given {
        Some(given) => vec![given],
        None => std::iter::once(Path::new("/run/quadzero").join(NAME)).chain(of_user).collect(),
    }
}

const NAME: &str = "control.sock";
