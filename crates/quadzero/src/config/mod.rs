//! Configuration: from the text of a file to values that have been checked.
//!
//! ```text
//!   text --toml--> document --reader--> File --check--> Edge | Deployment | Scenario
//!                     |                  |       |
//!                     +------------------+-------+---> diagnostics, each with its place
//! ```
//!
//! There are two types for everything. A `File` is what was written: any key may be missing, and each value knows where
//! it stands. What the program uses ([`Edge`], [`Deployment`], [`Scenario`]) is whole and makes sense, and cannot be
//! had from a file with an error. Nothing on this way stops at the first error: whoever fixes a file wants all of them.

pub mod azure;
mod diagnostic;
pub mod edge;
mod input;
mod reader;
pub mod scenario;
mod secret;
mod value;

pub use diagnostic::{Diagnostic, Position, Severity, Source, Span};

use azure::Deployment;
use edge::Edge;
use scenario::Scenario;

use crate::cli::Failure;
use crate::logging;
use quadzero_policy::Origination;
use reader::Table;
use std::io;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::DeTable;

/// Octets of a file at most: a thousand neighbors with every key are a tenth of it.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What became of a file.
pub struct Loaded<T> {
    /// The file.
    pub source: Source,
    /// What is wrong with it, from top to bottom.
    pub diagnostics: Vec<Diagnostic>,
    /// The value, if nothing is an error.
    pub value: Option<T>,
}

/// The three kinds of files, told apart by the tables at their top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scenario,
    Gateway,
    Edge,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Scenario, Self::Gateway, Self::Edge];

    const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Scenario => &["edge", "azure", "appliance", "ibgp", "event", "expect"],
            Self::Gateway => &["gateway", "vnet", "api"],
            Self::Edge => &[
                "bgp",
                "neighbor-defaults",
                "originate",
                "exception",
                "probe",
                "neighbor",
                "control",
                "drain",
            ],
        }
    }

    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::Scenario => ["a scenario", "quadzero lab FILE"],
            Self::Gateway => ["a gateway's file", "quadzero azure -c FILE"],
            Self::Edge => ["an edge's file", "quadzero run -c FILE"],
        }
    }

    /// The first table of this kind in a file.
    fn found(self, document: &DeTable<'_>) -> Option<Span> {
        let own = document.keys().filter(|key| self.tables().contains(&key.get_ref().as_ref()));
        own.map(Spanned::span).min_by_key(|span| span.start)
    }
}

/// The value of any of the three kinds of files.
pub enum Any {
    /// It has a `[bgp]`.
    Edge(Edge),
    /// It has a `[gateway]`.
    Gateway(Deployment),
    /// It has an `[edge]` and an `[azure]`.
    Scenario(Scenario),
}

impl Source {
    /// Reads a file. It must be UTF-8, as TOML is.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |problem: io::Error| Failure::Wrong(format!("error: {}: {problem}", path.display()));
        let octets = input::read(path, LARGEST).map_err(wrong)?;
        let text = String::from_utf8(octets).map_err(|error| wrong(io::Error::other(error)))?;
        Ok(Self { path: path.display().to_string(), text })
    }

    /// The scenario that the lab runs when it is given none.
    pub fn built_in() -> Self {
        let text = include_str!("../../../../config/lab.toml");
        Self { path: "config/lab.toml (built in)".to_owned(), text: text.to_owned() }
    }

    fn log(&self, warnings: &[Diagnostic]) {
        for Position { file, line, message, hint, .. } in self.positions(warnings) {
            tracing::warn!(file, line, hint, "{message}");
        }
    }

    /// What paths in the file start from.
    fn folder(&self) -> PathBuf {
        Path::new(&self.path).parent().map(Path::to_owned).unwrap_or_default()
    }

    /// Reads an edge.
    pub fn edge(self) -> Loaded<Edge> {
        self.load(Kind::Edge, edge::File::fields, edge::File::check)
    }

    /// Reads one origination, with the keys of `[[originate]]` and no header: what somebody announces by hand.
    pub(crate) fn origination(self) -> Loaded<Origination> {
        self.load(Kind::Edge, edge::originate_fields, edge::origination)
    }

    /// Reads a gateway with its networks.
    pub fn gateway(self) -> Loaded<Deployment> {
        self.load(Kind::Gateway, azure::File::fields, azure::File::check)
    }

    /// Reads a scenario.
    pub fn scenario(self) -> Loaded<Scenario> {
        self.load(Kind::Scenario, scenario::File::fields, scenario::File::check)
    }

    /// Reads what the file's tables say that it is; an edge where they do not.
    pub fn any(self) -> Loaded<Any> {
        let (document, _) = DeTable::parse_recoverable(&self.text);
        match Kind::ALL.into_iter().find(|kind| kind.found(document.get_ref()).is_some()) {
            Some(Kind::Scenario) => self.scenario().map(Any::Scenario),
            Some(Kind::Gateway) => self.gateway().map(Any::Gateway),
            Some(Kind::Edge) | None => self.edge().map(Any::Edge),
        }
    }

    fn load<F, T>(
        self,
        kind: Kind,
        fields: fn(&mut Table<'_>) -> F,
        check: fn(&F, &Path, &mut Vec<Diagnostic>) -> Option<T>,
    ) -> Loaded<T> {
        let mut out = Vec::new();
        let file = self.read_with(kind, fields, &mut out);
        let value = file.and_then(|file| check(&file, &self.folder(), &mut out));
        let out = in_order(out);
        let value = value.filter(|_| out.iter().all(|d| d.severity != Severity::Error));
        Loaded { source: self, diagnostics: shortened(out), value }
    }

    /// `None` if it is not even TOML: what the parser makes of the rest would be guesses. And if it is a file of another
    /// kind, whose every key would be an error.
    fn read_with<F>(
        &self,
        kind: Kind,
        fields: fn(&mut Table<'_>) -> F,
        out: &mut Vec<Diagnostic>,
    ) -> Option<F> {
        let (document, errors) = DeTable::parse_recoverable(&self.text);
        out.extend(errors.iter().map(not_toml));
        if !errors.is_empty() {
            return None;
        }
        if let Some(error) = other_kind(kind, document.get_ref()) {
            out.push(error);
            return None;
        }
        let mut table = Table::document(&document, out);
        let file = fields(&mut table);
        table.finish();
        Some(file)
    }
}

impl<T> Loaded<T> {
    fn map<U>(self, f: fn(T) -> U) -> Loaded<U> {
        Loaded { source: self.source, diagnostics: self.diagnostics, value: self.value.map(f) }
    }

    /// How many diagnostics there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// The diagnostics with their lines.
    pub fn render(&self, styled: bool) -> String {
        self.source.render(&self.diagnostics, styled)
    }

    /// The value, its warnings logged; or else the errors, rendered.
    ///
    /// # Errors
    /// The file has an error.
    pub fn accept(self) -> Result<T, Failure> {
        let Some(value) = self.value else {
            return Err(Failure::Wrong(
                self.source.render(&self.diagnostics, logging::styled(&io::stderr())),
            ));
        };
        self.source.log(&self.diagnostics);
        Ok(value)
    }

    /// The same where the errors go to somebody else than standard error.
    pub(crate) fn accept_plain(self) -> Result<T, String> {
        let Some(value) = self.value else { return Err(self.source.render(&self.diagnostics, false)) };
        self.source.log(&self.diagnostics);
        Ok(value)
    }
}

/// From top to bottom. What several neighbors have to say about the same place is said once.
fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics
        .sort_by(|a, b| (a.span.start, a.span.end, &a.message).cmp(&(b.span.start, b.span.end, &b.message)));
    diagnostics.dedup_by(|a, b| a.span == b.span && a.message == b.message);
    diagnostics
}

/// The file has no table of this kind, and one of another.
fn other_kind(wanted: Kind, document: &DeTable<'_>) -> Option<Diagnostic> {
    if wanted.found(document).is_some() {
        return None;
    }
    let (found, span) = Kind::ALL.into_iter().find_map(|kind| Some((kind, kind.found(document)?)))?;
    let ([is, command], [is_not, _]) = (found.words(), wanted.words());
    let error = Diagnostic::error(span, format!("this is {is}, and not {is_not}"));
    Some(error.label("tells so").hint(format!("it is for `{command}`")))
}

fn not_toml(error: &toml::de::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.span().unwrap_or(0..0), error.message()).label("not TOML");
    let unquoted =
        ["quoted", "invalid float", "invalid integer"].iter().any(|word| error.message().contains(word));
    if unquoted {
        diagnostic.hint("addresses, prefixes and words stand in quotes")
    } else if error.message().contains("duplicate key") {
        diagnostic
            .label("once more")
            .hint("a key stands once in a table; what there are several of has double brackets, [[..]]")
    } else {
        diagnostic
    }
}

/// Nobody reads more at once, and each takes time to show: the first hundred, and how many more there are.
fn shortened(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    const SHOWN: usize = 100;
    let more = diagnostics.len().saturating_sub(SHOWN);
    diagnostics.truncate(SHOWN);
    if let (1.., Some(last)) = (more, diagnostics.last()) {
        let span = last.span.clone();
        diagnostics.push(Diagnostic::error(span, format!("and {more} more; mend these first")));
    }
    diagnostics
}

/// The value without its place.
fn get<T: Clone>(value: &Option<Spanned<T>>) -> Option<T> {
    value.as_ref().map(|value| value.get_ref().clone())
}

/// Turns the words of another crate, `what is wrong: what to do`, into a diagnostic with a hint.
fn from_words(new: fn(Span, String) -> Diagnostic, span: Span, words: &str) -> Diagnostic {
    match words.split_once(": ").or_else(|| words.split_once("; ")) {
        Some((message, hint)) => new(span, message.to_owned()).hint(hint),
        None => new(span, words.to_owned()),
    }
}
