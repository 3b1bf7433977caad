//! One look, by kind: it ends with [`Outcome::Passed`], or with the reason why not. How long it may take is the caller's matter.

mod command;
mod dns;
mod file;
mod http;
mod icmp;
mod tcp;
#[cfg(test)]
mod tests;

pub use dns::check as check_question;
pub use http::Url;

use crate::{Origin, Outcome};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It answers an ICMP echo request.
    Icmp(IpAddr),
    /// It accepts a TCP connection.
    Tcp {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// It answers a GET with a status of these.
    Http {
        /// What is asked for.
        url: Url,
        /// From the first to the last; empty is 200 to 399.
        statuses: Vec<u16>,
        /// A file of certificates in PEM that alone are trusted, instead of the system's.
        ca_file: Option<PathBuf>,
    },
    /// It answers a question with at least one record.
    Dns {
        /// The name that is asked for.
        name: String,
        /// The type of record: "A", "AAAA", "MX", ..
        record: String,
        /// Who is asked.
        server: SocketAddr,
    },
    /// A program that ends with 0. Its first word is its path; no shell is between.
    Command(Vec<String>),
    /// A file that is there.
    File {
        /// Where.
        path: PathBuf,
        /// And was written since.
        max_age: Option<Duration>,
    },
}

/// For people. The arguments of a command stay out of it: one may be a secret.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp(target) => write!(f, "icmp {target}"),
            Self::Tcp { host, port } => write!(f, "tcp {host}:{port}"),
            Self::Http { url, .. } => write!(f, "http {url}"),
            Self::Dns { name, record, server } => write!(f, "dns {name} {record} at {server}"),
            Self::Command(words) => write!(f, "command {}", words.first().map_or("", String::as_str)),
            Self::File { path, .. } => write!(f, "file {}", path.display()),
        }
    }
}

/// A check with what it keeps from one look to the next.
#[derive(Debug)]
pub(crate) enum Looker {
    Icmp(icmp::Icmp),
    Tcp(tcp::Tcp),
    Http(Box<http::Http>),
    Dns(dns::Dns),
    Command(command::Command),
    File(file::File),
}

impl Looker {
    pub(crate) fn new(check: Check, origin: Origin) -> Self {
        match check {
            Check::Icmp(target) => Self::Icmp(icmp::Icmp::new(target, origin)),
            Check::Tcp { host, port } => Self::Tcp(tcp::Tcp::new(host, port, origin)),
            Check::Http { url, statuses, ca_file } => {
                Self::Http(Box::new(http::Http::new(url, statuses, ca_file, origin)))
            }
            Check::Dns { name, record, server } => Self::Dns(dns::Dns::new(name, record, server, origin)),
            Check::Command(words) => Self::Command(command::Command(words)),
            Check::File { path, max_age } => Self::File(file::File::new(path, max_age)),
        }
    }

    /// Looks once. May be given up at any time.
    pub(crate) async fn look(&mut self) -> Outcome {
        let looked = match self {
            Self::Icmp(icmp) => icmp.look().await,
            Self::Tcp(tcp) => tcp.look().await,
            Self::Http(http) => http.look().await,
            Self::Dns(dns) => dns.look().await,
            Self::Command(command) => command.look().await,
            Self::File(file) => file.look().await,
        };
        match looked {
            Ok(()) => Outcome::Passed,
            Err(why) => Outcome::Failed(why.into()),
        }
    }
}
