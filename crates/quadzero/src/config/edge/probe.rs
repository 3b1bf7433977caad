//! `[[probe]]`: what is looked at, how often, and how soon it is believed.

use super::file;
use super::neighbor::unique;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::reader::{Record, closest, record};
use crate::config::value::words;
use ipnet::IpNet;
use quadzero_fsm::Import;
use quadzero_probe::check::{Check, Url, check_question};
use quadzero_probe::{Origin, Parameters, Wanted};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

record! {
    /// `[[probe]]`
    Keys {
        /// What conditions call it.
        required name: String,
        /// It answers an echo request.
        optional icmp: IpAddr,
        /// It accepts a connection: host and port.
        optional tcp: String,
        /// It answers a GET.
        optional http: String,
        /// A name that is looked up.
        optional dns: String,
        /// A program that ends with 0.
        optional command: Vec<String>,
        /// A file that is there.
        optional file: String,
        /// The kernel has a route to it.
        optional route: IpNet,
        /// The interface is up.
        optional interface: String,
        /// The session with this neighbor is established.
        optional neighbor: String,
        /// BFD to this neighbor is up.
        optional bfd: String,
        /// What else belongs to one kind or another.
        flatten more: More,
        /// When it is believed.
        flatten pace: Pace,
        /// What it is before it has said anything.
        optional initial: Initial,
        /// While this file is there, it is down.
        optional disable: String,
    }
}

record! {
    /// What some kinds of probes have.
    More {
        /// The source address of its looks.
        optional local_address: IpAddr,
        /// The interface that they leave by.
        optional bind_interface: String,
        /// How long one may take.
        optional timeout: Duration,
        /// Which answers to a GET are good ones.
        optional http_statuses: Vec<Spanned<u16>>,
        /// Whom to trust.
        optional ca_file: String,
        /// Who is asked.
        optional dns_server: String,
        /// For which record.
        optional dns_type: String,
        /// How old the file may be.
        optional max_age: Duration,
        /// The routing table.
        optional table: u32,
        /// A prefix that the neighbor has to announce.
        optional learned: IpNet,
    }
}

record! {
    /// The hysteresis.
    Pace {
        optional interval: Duration,
        optional fast_interval: Duration,
        optional rise: u8,
        optional fall: u8,
        optional hold_down: Duration,
        optional hold_down_max: Duration,
        optional stable_after: Duration,
        optional ttl: Duration,
    }
}

/// `initial`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Initial {
    Down,
    Up,
}

words! {
    Initial: "what a probe is at first" {
        "down" => Self::Down,
        "up" => Self::Up,
    }
}

/// A probe as the program uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it is called.
    pub name: Arc<str>,
    /// What it looks at.
    pub subject: Subject,
    /// When it is believed.
    pub parameters: Parameters,
    /// While this file is there, it is down.
    pub disable: Option<PathBuf>,
}

/// What a probe looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Something that is asked, from there.
    Check(Check, Origin),
    /// Something that the kernel says.
    Kernel(Wanted),
    /// The session with the neighbor of this name: it is established, and that prefix was learned, if one is wanted.
    Session(String, Option<IpNet>),
    /// BFD to the neighbor of this name.
    Bfd(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(check, _) => check.fmt(f),
            Self::Kernel(wanted) => wanted.fmt(f),
            Self::Session(neighbor, None) => write!(f, "neighbor {neighbor}"),
            Self::Session(neighbor, Some(prefix)) => write!(f, "neighbor {neighbor} learned {prefix}"),
            Self::Bfd(neighbor) => write!(f, "bfd {neighbor}"),
        }
    }
}

const KINDS: &str = "one of icmp, tcp, http, dns, command, file, route, interface, neighbor, bfd";

/// The probes of the file. Paths start from `folder`.
pub(super) fn probes(
    file: &file::File,
    neighbors: &[file::Neighbor],
    folder: &Path,
    out: &mut Vec<Diagnostic>,
) -> Option<Vec<Probe>> {
    unique(file.probe.iter().filter_map(|keys| keys.name.as_ref()), "name", out);
    let read = |keys: &Keys| Reader { keys, neighbors, folder, out }.probe();
    let probes: Vec<Option<Probe>> = file.probe.iter().map(read).collect();
    probes.into_iter().collect()
}

struct Reader<'a> {
    keys: &'a Keys,
    neighbors: &'a [file::Neighbor],
    folder: &'a Path,
    out: &'a mut Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn probe(&mut self) -> Option<Probe> {
        let kind = self.kind();
        let parameters = self.parameters(kind.as_ref().is_some_and(|(kind, _)| says_itself(kind)));
        let (kind, span) = kind?;
        self.check_more(kind, &span);
        Some(Probe {
            name: get(&self.keys.name)?.into(),
            subject: self.subject()?,
            parameters,
            disable: get(&self.keys.disable).map(|path| self.folder.join(path)),
        })
    }

    /// The one key that says what is looked at.
    fn kind(&mut self) -> Option<(&'static str, Span)> {
        let Keys { icmp, tcp, http, dns, command, file, route, interface, neighbor, bfd, .. } = self.keys;
        let given = [
            ("icmp", icmp.as_ref().map(Spanned::span)),
            ("tcp", tcp.as_ref().map(Spanned::span)),
            ("http", http.as_ref().map(Spanned::span)),
            ("dns", dns.as_ref().map(Spanned::span)),
            ("command", command.as_ref().map(Spanned::span)),
            ("file", file.as_ref().map(Spanned::span)),
            ("route", route.as_ref().map(Spanned::span)),
            ("interface", interface.as_ref().map(Spanned::span)),
            ("neighbor", neighbor.as_ref().map(Spanned::span)),
            ("bfd", bfd.as_ref().map(Spanned::span)),
        ];
        let unread = given.iter().any(|(key, span)| span.is_none() && self.keys.has(key));
        let mut given = given.into_iter().filter_map(|(key, span)| Some((key, span?)));
        match (given.next(), given.next()) {
            (None, _) if unread => None,
            (None, _) => {
                let error = Diagnostic::error(self.keys.span(), "a probe that looks at nothing");
                self.out.push(error.label("what does it look at?").hint(KINDS));
                None
            }
            (Some(one), None) => Some(one),
            (Some((one, first)), Some((other, span))) => {
                let error = Diagnostic::error(span, format!("a probe has either {one} or {other}"));
                let hint =
                    "make two probes of it: a condition combines them, when = { all = [\"a\", \"b\"] }";
                self.out.push(error.related(first, "the other one").hint(hint));
                None
            }
        }
    }

    /// Keys that belong to another kind would be silently without effect.
    fn check_more(&mut self, kind: &str, span: &Span) {
        let More { local_address, bind_interface, timeout, http_statuses, ca_file, .. } = &self.keys.more;
        let More { dns_server, dns_type, max_age, table, learned, .. } = &self.keys.more;
        let network: &[&str] = &["icmp", "tcp", "http", "dns"];
        let asked: &[&str] = &["icmp", "tcp", "http", "dns", "command", "file"];
        let all: [(&str, &[&str], Option<Span>); 10] = [
            ("local-address", network, local_address.as_ref().map(Spanned::span)),
            ("bind-interface", network, bind_interface.as_ref().map(Spanned::span)),
            ("timeout", asked, timeout.as_ref().map(Spanned::span)),
            ("http-statuses", &["http"], http_statuses.as_ref().map(Spanned::span)),
            ("ca-file", &["http"], ca_file.as_ref().map(Spanned::span)),
            ("dns-server", &["dns"], dns_server.as_ref().map(Spanned::span)),
            ("dns-type", &["dns"], dns_type.as_ref().map(Spanned::span)),
            ("max-age", &["file"], max_age.as_ref().map(Spanned::span)),
            ("table", &["route"], table.as_ref().map(Spanned::span)),
            ("learned", &["neighbor"], learned.as_ref().map(Spanned::span)),
        ];
        for (key, kinds, at) in all {
            if let Some(at) = at.filter(|_| !kinds.contains(&kind)) {
                let error = Diagnostic::error(at, format!("{key} has no effect on a probe of {kind}"));
                let error = error.related(span.clone(), "what it looks at");
                self.out.push(error.hint(format!("{key} is for {}", kinds.join(", "))));
            }
        }
    }

    fn parameters(&mut self, says_itself: bool) -> Parameters {
        let usual = Parameters::default();
        let Pace { interval, fast_interval, rise, fall, hold_down, hold_down_max, stable_after, ttl, .. } =
            &self.keys.pace;
        let period = get(interval).unwrap_or(usual.interval);
        let timeout = get(&self.keys.more.timeout).unwrap_or(usual.timeout);
        let hold = get(hold_down).unwrap_or(usual.hold_down);
        let parameters = Parameters {
            interval: period,
            fast_interval: get(fast_interval).unwrap_or(usual.fast_interval.min(period)),
            timeout,
            rise: get(rise).map_or(usual.rise, u32::from),
            // The kernel and our own sessions do not err now and then, as a network does.
            fall: get(fall).map_or(if says_itself { 1 } else { usual.fall }, u32::from),
            hold_down: hold,
            hold_down_max: get(hold_down_max).unwrap_or(usual.hold_down_max.max(hold)),
            stable_after: get(stable_after).unwrap_or(usual.stable_after),
            ttl: get(ttl).unwrap_or_else(|| Parameters::usual_ttl(period, timeout)),
            starts_up: get(&self.keys.initial) == Some(Initial::Up),
        };
        self.check_pace(&parameters);
        parameters
    }

    fn check_pace(&mut self, parameters: &Parameters) {
        let Pace { fast_interval, rise, fall, hold_down_max, ttl, .. } = &self.keys.pace;
        for (key, count) in [("rise", rise), ("fall", fall)] {
            if let Some(zero) = count.as_ref().filter(|count| *count.get_ref() == 0) {
                let error = Diagnostic::error(zero.span(), format!("a {key} of 0"));
                self.out.push(error.hint("1 is at the first look; 3 is usual"));
            }
        }
        let mut wrong = |key: &Option<Spanned<Duration>>, is_wrong: bool, message: &str, hint: &str| {
            if let Some(key) = key.as_ref().filter(|_| is_wrong) {
                self.out.push(Diagnostic::error(key.span(), message).hint(hint));
            }
        };
        let Parameters { interval, fast_interval: fast, hold_down: hold, hold_down_max: most, .. } =
            parameters;
        let hint = "it is the interval while something is about to change; at most interval";
        wrong(fast_interval, fast > interval, "fast-interval is slower than interval", hint);
        let hint = "it is what hold-down grows to while a line flaps";
        wrong(hold_down_max, most < hold, "hold-down-max is less than hold-down", hint);
        let message = "no look comes within the ttl: the probe would be down between any two";
        wrong(
            ttl,
            parameters.ttl <= *interval,
            message,
            "more than interval; 2 * (interval + timeout) is usual",
        );
    }

    fn subject(&mut self) -> Option<Subject> {
        let keys = self.keys;
        let origin =
            Origin { address: get(&keys.more.local_address), interface: get(&keys.more.bind_interface) };
        let checked = |check| Some(Subject::Check(check, origin.clone()));
        if let Some(target) = get(&keys.icmp) {
            self.check_family(&target, keys.icmp.as_ref().map(Spanned::span));
            checked(Check::Icmp(target))
        } else if let Some(tcp) = &keys.tcp {
            checked(self.tcp(tcp)?)
        } else if let Some(http) = &keys.http {
            checked(self.http(http)?)
        } else if let Some(dns) = &keys.dns {
            checked(self.dns(dns)?)
        } else if let Some(command) = &keys.command {
            checked(self.command(command)?)
        } else if let Some(file) = get(&keys.file) {
            checked(Check::File { path: self.folder.join(file), max_age: get(&keys.more.max_age) })
        } else if let Some(route) = get(&keys.route) {
            let (network, length) = (route.network(), route.prefix_len());
            Some(Subject::Kernel(Wanted::Route { network, length, table: get(&keys.more.table) }))
        } else if let Some(interface) = get(&keys.interface) {
            Some(Subject::Kernel(Wanted::Interface(interface)))
        } else if let Some(name) = &keys.neighbor {
            self.session(name)
        } else {
            self.bfd(keys.bfd.as_ref()?)
        }
    }

    fn check_family(&mut self, target: &IpAddr, span: Option<Span>) {
        let Some(local) = &self.keys.more.local_address else { return };
        if let Some(span) = span.filter(|_| local.get_ref().is_ipv4() != target.is_ipv4()) {
            let error = Diagnostic::error(local.span(), "local-address is of the other address family");
            self.out.push(error.related(span, "what is looked at"));
        }
    }

    fn tcp(&mut self, tcp: &Spanned<String>) -> Option<Check> {
        let text = tcp.get_ref();
        let split = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let host = split.map(|(host, _)| host.trim_start_matches('[').trim_end_matches(']'));
        let is_bare_ipv6 = text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
        match (host, split) {
            (Some(host), Some((_, port @ 1..))) if !host.is_empty() && !is_bare_ipv6 => {
                if let Ok(address) = host.parse() {
                    self.check_family(&address, Some(tcp.span()));
                }
                Some(Check::Tcp { host: host.to_owned(), port })
            }
            _ => {
                let error = Diagnostic::error(tcp.span(), format!("\"{text}\" is no host with a port"));
                self.out.push(
                    error.hint("like \"203.0.113.1:443\", \"[2001:db8::1]:443\" or \"www.example.com:443\""),
                );
                None
            }
        }
    }

    fn http(&mut self, http: &Spanned<String>) -> Option<Check> {
        let statuses: Vec<_> = self.keys.more.http_statuses.iter().flat_map(|list| list.get_ref()).collect();
        for status in &statuses {
            if !(100..600).contains(status.get_ref()) {
                let error =
                    Diagnostic::error(status.span(), format!("{} is no status of HTTP", status.get_ref()));
                self.out.push(error.hint("three digits, from 100 to 599"));
            }
        }
        let statuses = statuses.into_iter().map(|status| *status.get_ref()).collect();
        match Url::parse(http.get_ref()) {
            Ok(url) => {
                if let Some(file) = self.keys.more.ca_file.as_ref().filter(|_| !url.is_tls()) {
                    let error =
                        Diagnostic::error(file.span(), "ca-file has no effect here: http is not https");
                    self.out.push(error.related(http.span(), "what is looked at"));
                }
                let ca_file = get(&self.keys.more.ca_file).map(|path| self.folder.join(path));
                Some(Check::Http { url, statuses, ca_file })
            }
            Err(why) => {
                let error = Diagnostic::error(http.span(), format!("not an address of the web: {why}"));
                self.out.push(error.hint("like \"https://www.example.com/health\""));
                None
            }
        }
    }

    fn dns(&mut self, dns: &Spanned<String>) -> Option<Check> {
        let Some(server) = &self.keys.more.dns_server else {
            if !self.keys.has("dns-server") {
                let error = Diagnostic::error(dns.span(), "dns-server is missing: who is asked?");
                self.out
                    .push(error.hint("dns-server = \"203.0.113.53\", or with a port, \"203.0.113.53:5353\""));
            }
            return None;
        };
        let text = server.get_ref();
        let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
        let Ok(address) = address.or_else(|_| text.parse()) else {
            let error = Diagnostic::error(server.span(), format!("\"{text}\" is no address of a server"));
            self.out.push(error.hint("like \"203.0.113.53\", or with a port, \"203.0.113.53:5353\""));
            return None;
        };
        self.check_family(&address.ip(), Some(server.span()));
        let record = get(&self.keys.more.dns_type).unwrap_or_else(|| "A".to_owned());
        let name = dns.get_ref().clone();
        match check_question(&name, &record) {
            Ok(()) => Some(Check::Dns { name, record, server: address }),
            Err(why) => {
                let error = Diagnostic::error(dns.span(), format!("this cannot be asked for: {why}"));
                self.out.push(
                    error.hint("a name like \"www.example.com\", and a dns-type like \"A\" or \"AAAA\""),
                );
                None
            }
        }
    }

    fn command(&mut self, command: &Spanned<Vec<String>>) -> Option<Check> {
        if command.get_ref().is_empty() {
            let error = Diagnostic::error(command.span(), "a command of no words");
            self.out.push(error.hint("[\"/usr/local/bin/check-uplink\", \"--quick\"]: no shell is between"));
            return None;
        }
        Some(Check::Command(command.get_ref().clone()))
    }

    fn session(&mut self, name: &Spanned<String>) -> Option<Subject> {
        let neighbor = self.neighbor(name)?;
        if let Some(learned) = &self.keys.more.learned
            && get(&neighbor.import) != Some(Import::All)
        {
            let error = Diagnostic::error(learned.span(), "nothing that this neighbor announces is kept");
            self.out.push(error.related(neighbor.span(), "the neighbor").hint("give it import = \"all\""));
        }
        Some(Subject::Session(name.get_ref().clone(), get(&self.keys.more.learned)))
    }

    fn bfd(&mut self, name: &Spanned<String>) -> Option<Subject> {
        let neighbor = self.neighbor(name)?;
        if !super::bfd::is_on(neighbor) {
            let error = Diagnostic::error(name.span(), format!("neighbor \"{}\" has no BFD", name.get_ref()));
            self.out.push(error.related(neighbor.span(), "the neighbor").hint("give it bfd = true"));
        }
        Some(Subject::Bfd(name.get_ref().clone()))
    }

    /// The neighbor of that name, if it is one and not many.
    fn neighbor(&mut self, name: &Spanned<String>) -> Option<&'a file::Neighbor> {
        let called = |neighbor: &file::Neighbor| {
            get(&neighbor.name).or_else(|| get(&neighbor.address).map(|address| address.to_string()))
        };
        let found = self.neighbors.iter().find(|one| called(one).as_ref() == Some(name.get_ref()));
        if let Some(neighbor) = found {
            let Some(range) = &neighbor.range else { return Some(neighbor) };
            let error = Diagnostic::error(name.span(), "a range is many neighbors, or none");
            self.out.push(error.related(range.span(), "the range").hint("a probe looks at one neighbor"));
            return None;
        }
        let known: Vec<String> = self.neighbors.iter().filter_map(called).collect();
        let error = Diagnostic::error(name.span(), format!("no neighbor is called \"{}\"", name.get_ref()));
        self.out.push(match closest(name.get_ref(), known.iter().map(String::as_str)) {
            Some(meant) => error.hint(format!("did you mean \"{meant}\"?")),
            None => error.hint("the name of a [[neighbor]], or its address if it has none"),
        });
        None
    }
}

/// What needs no asking.
fn says_itself(kind: &str) -> bool {
    matches!(kind, "route" | "interface" | "neighbor" | "bfd")
}
