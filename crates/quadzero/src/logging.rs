//! Where logs go: to standard error, for people or, one JSON object a line, for programs.

use crate::api::Journal;
use crate::cli::{Failure, Logs};
use clap::ValueEnum;
use std::io::{self, IsTerminal};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// What logs look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for people, in color on a terminal.
    Human,
    /// A JSON object a line.
    Json,
}

/// Lines that may wait for whoever reads standard error. What comes on top is lost: a reader that has stopped must not
/// stop the sessions.
const WAITING_LINES: usize = 4096;

/// What the mock has logged lately; nothing of other commands.
pub static JOURNAL: Journal = Journal::new();

/// Starts logging: `--log-level` before `RUST_LOG` before the command's own default. What waits is written when the guard
/// goes. With `journal`, what the doctor needs is kept as well, whatever the level.
///
/// # Errors
/// The level is no filter.
pub fn start(logs: &Logs, default: &str, journal: bool) -> Result<WorkerGuard, Failure> {
    let filter = filter(logs, default)?;
    let writer =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING_LINES).thread_name("log");
    let (writer, guard) = writer.finish(io::stderr());
    // With standard error closed a complaint about that would end the process.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    let lines = match logs.log_format {
        Format::Human => lines.with_ansi(styled(&io::stderr())).with_target(false).boxed(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(journal.then(kept)).init();
    Ok(guard)
}

fn kept<S: tracing::Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(&JOURNAL)
        .with_filter(LevelFilter::INFO)
}

fn filter(logs: &Logs, default: &str) -> Result<EnvFilter, Failure> {
    let environment = || std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let Some(directives) = logs.log_level.clone().or_else(environment).filter(|d| !d.is_empty()) else {
        return Ok(EnvFilter::new(default));
    };
    let wrong = |error: String| {
        Failure::Wrong(format!("error: the log level \"{directives}\" is no filter: {error}"))
    };
    // To the filter any word is the name of something that logs, and a misspelt level would switch everything off.
    if let Some(word) =
        logs.log_level.as_ref().and_then(|given| given.split(',').find(|word| is_no_level(word)))
    {
        return Err(wrong(format!("{word:?} is none of {}, nor like quadzero_fsm=trace", LEVELS.join(", "))));
    }
    EnvFilter::try_new(&directives).map_err(|error| wrong(error.to_string()))
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A word by itself that no level is called.
fn is_no_level(directive: &str) -> bool {
    let word = directive.trim();
    let is_word = !word.is_empty() && !word.contains(['=', '[', ':']);
    is_word && !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// Whether color can be shown there; `NO_COLOR` turns it off (no-color.org).
pub fn styled(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
