//! `when` and `on-failure` of an origination, or of an exception in mode announce: on which probes it depends, and what happens
//! without them.

use super::file;
use crate::config::diagnostic::{Diagnostic, Span};
use crate::config::get;
use crate::config::reader::{Node, Record, Table, Value, closest, record, wrong_type};
use crate::config::value::words;
use quadzero_policy::{Condition, OnFailure, Template};
use toml::Spanned;
use toml::de::DeValue;

/// MED of what fails, as ExaBGP's healthcheck has it.
const DOWN_METRIC: u32 = 1000;
/// Enough to lose against an ordinary way.
const DOWN_PREPEND: u8 = 3;

record! {
    /// On what it depends.
    Keys {
        /// The condition.
        optional when: When,
        /// What happens when it fails.
        optional on_failure: How,
        /// The same in the words of ExaBGP: withdraw, or else med.
        optional withdraw_on_down: bool,
        /// MED while it holds.
        optional up_metric: u32,
        /// MED while it does not.
        optional down_metric: u32,
        /// How often our AS is put in front once more while it does not.
        optional down_prepend: u8,
    }
}

/// `on-failure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum How {
    Withdraw,
    Med,
    Prepend,
    Keep,
}

words! {
    How: "what happens when a condition fails" {
        "withdraw" => Self::Withdraw,
        "med" => Self::Med,
        "prepend" => Self::Prepend,
        "keep" => Self::Keep,
    }
}

/// A condition as it is written.
#[derive(Clone, Debug)]
pub(in crate::config) enum When {
    Probe(Spanned<String>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
}

record! {
    /// `{ all = [..] }`, `{ any = [..] }` or `{ not = .. }`.
    Combined {
        optional all: Vec<When>,
        optional any: Vec<When>,
        optional not: When,
    }
}

impl Value for When {
    fn example() -> String {
        "\"uplink\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(_) => Spanned::<String>::read(node, out).map(Self::Probe),
            DeValue::Table(_) => Self::read_table(node, out),
            _ => {
                out.push(wrong_type(node, "a condition").hint(FORMS));
                None
            }
        }
    }
}

const FORMS: &str = "the name of a [[probe]], { all = [\"a\", \"b\"] }, { any = [\"a\", \"b\"] } or { not = \"a\" }, one within the other as you like";

impl When {
    fn read_table(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let before = out.len();
        let mut table = Table::open(node, || FORMS.to_owned(), out)?;
        let written = table.written();
        let Combined { all, any, not, .. } = Combined::fields(&mut table);
        table.finish();
        if out.len() > before {
            return None;
        }
        let list = |list: Spanned<Vec<Self>>| (list.span(), list.into_inner());
        let (span, read) = match (all.map(list), any.map(list), not) {
            (Some((span, of)), None, None) => (span, Self::All(of)),
            (None, Some((span, of)), None) => (span, Self::Any(of)),
            (None, None, Some(one)) => (one.span(), Self::Not(Box::new(one.into_inner()))),
            _ => {
                let message = match written.as_slice() {
                    [] => "a condition of nothing".to_owned(),
                    several => format!("a condition is one of {}, and not several", several.join(", ")),
                };
                out.push(Diagnostic::error(node.span(), message).label("this condition").hint(FORMS));
                return None;
            }
        };
        if matches!(&read, Self::All(of) | Self::Any(of) if of.is_empty()) {
            out.push(Diagnostic::error(span, "a condition of nothing").label("no probe in it").hint(FORMS));
            return None;
        }
        Some(read)
    }

    fn condition(&self) -> Condition {
        let all = |of: &[Self]| of.iter().map(Self::condition).collect();
        match self {
            Self::Probe(name) => Condition::Probe(name.get_ref().as_str().into()),
            Self::All(of) => Condition::All(all(of)),
            Self::Any(of) => Condition::Any(all(of)),
            Self::Not(one) => Condition::Not(Box::new(one.condition())),
        }
    }

    /// The names in it, each with its place.
    fn names<'a>(&'a self, names: &mut Vec<&'a Spanned<String>>) {
        match self {
            Self::Probe(name) => names.push(name),
            Self::All(of) | Self::Any(of) => of.iter().for_each(|one| one.names(names)),
            Self::Not(one) => one.names(names),
        }
    }
}

impl Keys {
    /// Puts the condition, and what follows from it, into what is said of the route.
    pub(super) fn apply(&self, template: &mut Template) {
        template.condition = get(&self.when).map_or(Condition::Always, |when| when.condition());
        template.on_failure = match self.how() {
            How::Withdraw => OnFailure::Withdraw,
            How::Med => OnFailure::Med(get(&self.down_metric).unwrap_or(DOWN_METRIC)),
            How::Prepend => OnFailure::Prepend(get(&self.down_prepend).unwrap_or(DOWN_PREPEND)),
            How::Keep => OnFailure::Keep,
        };
        template.med = get(&self.up_metric).or(template.med);
    }

    fn how(&self) -> How {
        let by_flag = get(&self.withdraw_on_down).map(|yes| if yes { How::Withdraw } else { How::Med });
        get(&self.on_failure).or(by_flag).unwrap_or(How::Withdraw)
    }

    /// The keys that stand there.
    pub(super) fn spans(&self) -> impl Iterator<Item = (&'static str, Span)> {
        let spans = [
            ("when", self.when.as_ref().map(Spanned::span)),
            ("on-failure", self.on_failure.as_ref().map(Spanned::span)),
            ("withdraw-on-down", self.withdraw_on_down.as_ref().map(Spanned::span)),
            ("up-metric", self.up_metric.as_ref().map(Spanned::span)),
            ("down-metric", self.down_metric.as_ref().map(Spanned::span)),
            ("down-prepend", self.down_prepend.as_ref().map(Spanned::span)),
        ];
        spans.into_iter().filter_map(|(key, span)| Some((key, span?)))
    }

    fn check(&self, med: Option<Span>, known: &[&Spanned<String>], out: &mut Vec<Diagnostic>) {
        if let Some(when) = &self.when {
            let mut names = Vec::new();
            when.get_ref().names(&mut names);
            names.into_iter().for_each(|name| check_name(name, known, out));
        }
        self.check_silent(out);
        if let (Some(how), Some(flag)) = (&self.on_failure, &self.withdraw_on_down) {
            let error = Diagnostic::error(flag.span(), "what happens on failure is said twice");
            let hint = "withdraw-on-down = true is on-failure = \"withdraw\", and false is \"med\"";
            out.push(error.related(how.span(), "here too").hint(hint));
        }
        if let (Some(up), Some(med)) = (&self.up_metric, med) {
            let error = Diagnostic::error(up.span(), "MED is said twice");
            out.push(error.related(med, "here too").hint("up-metric is the MED while the condition holds"));
        }
    }

    /// Keys that nothing comes of.
    fn check_silent(&self, out: &mut Vec<Diagnostic>) {
        let how = self.how();
        for (key, span) in self.spans() {
            let hint = match key {
                "when" => continue,
                _ if self.when.is_none() => {
                    "when = \"uplink\", the name of a [[probe]], says on what it depends"
                }
                "down-metric" if how != How::Med => "on-failure = \"med\" makes use of it",
                "down-prepend" if how != How::Prepend => "on-failure = \"prepend\" makes use of it",
                _ => continue,
            };
            let why = if self.when.is_none() { ": it depends on nothing" } else { "" };
            out.push(Diagnostic::error(span, format!("{key} has no effect here{why}")).hint(hint));
        }
        if let Some(zero) = self.down_prepend.as_ref().filter(|times| *times.get_ref() == 0) {
            out.push(Diagnostic::error(zero.span(), "nothing happens on failure").hint("1 to 255"));
        }
    }
}

fn check_name(name: &Spanned<String>, known: &[&Spanned<String>], out: &mut Vec<Diagnostic>) {
    if known.iter().any(|probe| probe.get_ref() == name.get_ref()) {
        return;
    }
    let error = Diagnostic::error(name.span(), format!("no probe is called \"{}\"", name.get_ref()));
    let hint = match closest(name.get_ref(), known.iter().map(|probe| probe.get_ref().as_str())) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None if known.is_empty() => {
            format!("[[probe]] name = \"{}\", and what it is to look at", name.get_ref())
        }
        None => {
            let names: Vec<_> = known.iter().map(|probe| probe.get_ref().as_str()).collect();
            format!("the names are those of [[probe]]: {}", names.join(", "))
        }
    };
    out.push(error.label("not a [[probe]]").hint(hint));
}

/// Every condition of the file; and probes that none of them names.
pub(super) fn check(file: &file::File, out: &mut Vec<Diagnostic>) {
    let known: Vec<_> = file.probe.iter().filter_map(|probe| probe.name.as_ref()).collect();
    let originated = file.originate.iter().map(|keys| (&keys.condition, &keys.route));
    let excepted = file.exception.iter().map(|keys| (&keys.condition, &keys.route));
    let all: Vec<_> = originated.chain(excepted).collect();
    for (condition, route) in &all {
        condition.check(route.med.as_ref().map(Spanned::span), &known, out);
    }
    if all.iter().any(|(keys, _)| keys.when.is_none() && keys.has("when")) {
        // What was meant there is unknown, and has been reported.
        return;
    }
    let mut used = Vec::new();
    all.iter().filter_map(|(keys, _)| keys.when.as_ref()).for_each(|when| when.get_ref().names(&mut used));
    for name in known {
        if !used.iter().any(|used| used.get_ref() == name.get_ref()) {
            let message = format!("nothing depends on probe \"{}\"", name.get_ref());
            let hint = format!("when = \"{}\" in an [[originate]] makes it depend on it", name.get_ref());
            out.push(Diagnostic::warning(name.span(), message).label("is only watched").hint(hint));
        }
    }
}
