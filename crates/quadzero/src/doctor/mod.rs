//! `quadzero doctor`: why a session does not come up or a route does not arrive.
//!
//! ```text
//!   --log FILE   what either side has logged as JSON ──┐
//!   -c FILE      how the edge is configured ───────────┼─► quadzero_azure::doctor ─► symptom, cause, fix
//!                and the rules of Azure's it breaks ───┘
//!   --url, --socket   a running mock: it diagnoses itself, over its API
//! ```
//!
//! It dials nobody but the API that it is pointed at.

mod setups;

use crate::cli::Failure;
use crate::config::{Any, Loaded, Source};
use crate::show::{Client, Server};
use clap::Args;
use quadzero_azure::doctor::{self, Cause, Finding, Observations, Side};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Octets of a log that are read: the last ones.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Say why a session does not come up or a route does not arrive: the symptom, the cause, and the fix.
///
/// Looks at the JSON log of either side, at a file, or at a running mock; a log together with its edge's file says most.
/// It opens no BGP session. Exits 1 if something is the matter.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero doctor -c edge.toml                      what Azure would not have, before anything is started
  quadzero --log-format json run -c edge.toml 2>edge.log
  quadzero doctor -c edge.toml --log edge.log       and why it does not come up
  quadzero doctor --url http://127.0.0.1:8179       as the mock sees it")]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["config", "log", "url", "socket"])))]
pub struct Doctor {
    /// The file of the edge, of the gateway, or a scenario
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What `quadzero run` or `quadzero azure` logged with --log-format json; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// The API of a running mock, like http://127.0.0.1:8179
    #[arg(long, conflicts_with = "socket")]
    pub url: Option<String>,
    /// Or its Unix socket
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `quadzero doctor`.
///
/// # Errors
/// Something is the matter, or what is to be looked at cannot be read.
pub fn run(options: &Doctor) -> Result<(), Failure> {
    let mut findings: Vec<Value> = Vec::new();
    let loaded = options.config.as_deref().map(Source::read).transpose()?.map(Source::any);
    if let Some(loaded) = &loaded {
        findings.extend(of_file(loaded).iter().map(value));
    }
    if let Some(log) = &options.log {
        let observations = observed(log, loaded.as_ref().and_then(|loaded| loaded.value.as_ref()))?;
        findings.extend(doctor::diagnose(&observations).iter().map(value));
    }
    // Named here or not asked: no variable of the environment makes it call anybody.
    if options.url.is_some() || options.socket.is_some() {
        let server = Server { url: options.url.clone(), socket: options.socket.clone() };
        let answer = Client::new(&server)?.get("/doctor")?;
        findings.extend(answer.as_array().into_iter().flatten().cloned());
    }
    let text =
        if options.json { format!("{:#}\n", json!({ "findings": findings })) } else { rendered(&findings) };
    io::stdout().write_all(text.as_bytes())?;
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 finding".into())),
        n => Err(Failure::Failed(format!("{n} findings"))),
    }
}

fn value(finding: &Finding) -> Value {
    serde_json::to_value(finding).unwrap_or(Value::Null)
}

/// Three lines each; those that are only likely say so.
fn rendered(findings: &[Value]) -> String {
    if findings.is_empty() {
        return "nothing is the matter\n".to_owned();
    }
    let mut text = String::new();
    for finding in findings {
        let word = |key: &str| finding[key].as_str().unwrap_or_default();
        let sessions: Vec<&str> =
            finding["sessions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let likely = if word("certainty") == "likely" { "likely: " } else { "" };
        let _ = writeln!(text, "symptom  {}: {}", sessions.join(", "), word("symptom"));
        let _ = writeln!(text, "cause    {likely}{} [{}, {}]", word("cause"), word("row"), word("source"));
        let _ = writeln!(text, "fix      {}\n", word("fix"));
    }
    text
}

/// What `check` says, as findings; a file that cannot be read at all has its errors too.
fn of_file(loaded: &Loaded<Any>) -> Vec<Finding> {
    let positions = loaded.source.positions(&loaded.diagnostics);
    let finding = |(diagnostic, place): (&crate::config::Diagnostic, crate::config::Position)| {
        let cause = diagnostic.breach.as_ref().and_then(doctor::of_breach).unwrap_or(Cause::Rule);
        Finding {
            sessions: vec![format!("{}:{}", place.file, place.line)],
            symptom: cause.would_show().to_owned(),
            cause: place.message,
            fix: place.hint.unwrap_or_else(|| "see config/README.md".to_owned()),
            ..Finding::of_rule(cause)
        }
    };
    loaded.diagnostics.iter().zip(positions).map(finding).collect()
}

/// What a log tells, with what the file says of the same sessions.
fn observed(log: &Path, file: Option<&Any>) -> Result<Observations, Failure> {
    let lines = lines(log).map_err(|error| Failure::Wrong(format!("error: {}: {error}", log.display())))?;
    let mut observations = match file {
        Some(Any::Edge(edge)) => setups::of_edge(edge),
        // A log is that of one edge.
        Some(Any::Scenario(scenario)) => match &scenario.edges[..] {
            [only] => setups::of_edge(&only.edge),
            _ => Observations::new(Side::Edge),
        },
        Some(Any::Gateway(deployment)) => doctor::of_deployment(&deployment.azure),
        None => Observations::new(Side::Edge),
    };
    if observations.read(&lines) == 0 {
        let hint = "no line is JSON: run with --log-format json";
        return Err(Failure::Wrong(format!("error: {}: {hint}", log.display())));
    }
    Ok(observations)
}

fn lines(path: &Path) -> io::Result<String> {
    let mut octets = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(LARGEST).read_to_end(&mut octets)?;
    } else {
        std::fs::File::open(path)?.take(LARGEST).read_to_end(&mut octets)?;
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}
