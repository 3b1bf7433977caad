//! Where logs go: to standard error, for people or, one JSON object a line, for programs.

use crate::cli::{Failure, Logs};
use clap::ValueEnum;
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// What logs look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for people, in color on a terminal.
    Human,
    /// A JSON object a line.
    Json,
}

/// Starts logging: `--log-level` before `RUST_LOG` before the command's own default.
///
/// # Errors
/// The level is no filter.
pub fn start(logs: &Logs, default: &str) -> Result<(), Failure> {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(logs, default)?).with_writer(io::stderr);
    // With standard error closed a complaint about that would end the process.
    let builder = builder.log_internal_errors(false);
    match logs.log_format {
        Format::Human => builder.with_ansi(styled(&io::stderr())).with_target(false).init(),
        Format::Json => builder.json().flatten_event(true).with_span_list(false).init(),
    }
    Ok(())
}

fn filter(logs: &Logs, default: &str) -> Result<EnvFilter, Failure> {
    let environment = || std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let Some(directives) = logs.log_level.clone().or_else(environment).filter(|d| !d.is_empty()) else {
        return Ok(EnvFilter::new(default));
    };
    let wrong =
        |error| Failure::Wrong(format!("error: the log level \"{directives}\" is no filter: {error}"));
    EnvFilter::try_new(&directives).map_err(wrong)
}

/// Whether color can be shown there; `NO_COLOR` turns it off (no-color.org).
pub fn styled(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
