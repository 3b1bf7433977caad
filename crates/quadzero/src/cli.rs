//! The command line: what can be asked for, and how it says that something went wrong.
//!
//! Results go to standard output, everything else (errors, warnings, logs) to standard error. Exit status 0: it
//! worked; 1: it did not (an expectation failed, an address is taken); 2: the command line or a file is wrong.

use crate::{check, daemon, decode, doctor, export, lab, logging, show};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// The on-premises edge of an Azure forced-tunneling design, and a mock of Azure's gateways to test it against.
///
/// quadzero announces the default route (0.0.0.0/0, "quad zero") over BGP-4 to an Azure gateway, so that a virtual
/// network's Internet traffic goes through on-premises, with the exceptions that such a design needs.
#[derive(Debug, Parser)]
#[command(name = "quadzero", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Logs.
    #[command(flatten)]
    pub logs: Logs,
}

const EXAMPLES: &str = "\
Examples:
  quadzero lab                        see an edge and a mock VPN gateway peer, and where packets go
  quadzero check edge.toml            what is wrong with a file, or what it would announce to whom
  quadzero run -c edge.toml           be the edge
  quadzero export udr -c edge.toml --format az -g RG    the exceptions, as routes for Azure
  quadzero azure -c gateway.toml      be Azure's gateway, to test another edge against it
  quadzero azure show learned-routes  what it has learned, as az prints it
  quadzero doctor --log edge.log      why a session does not come up, or a route does not arrive
  quadzero decode ffff...001304       a BGP message in words

Exit status: 0 it worked, 1 it did not, 2 the command line or a file is wrong.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an edge and a mock gateway on loopback and judge where packets go
    Lab(Lab),
    /// Be the edge, in the foreground
    Run(Run),
    /// Say what is wrong with a file, or what it would announce to whom
    Check(Check),
    /// Be Azure's gateway, in the foreground, or show what a running one knows
    Azure(Azure),
    /// Say why a session does not come up or a route does not arrive
    Doctor(doctor::Doctor),
    /// Print what has to be made in Azure, for the tool of your choice
    Export(export::Export),
    /// Put BGP messages into words
    Decode(Decode),
}

/// Run an edge and a mock gateway on loopback and judge where packets go.
///
/// Prints the sessions, the routes that Azure learned, the effective routes of each subnet, and for each packet of the
/// scenario its path, hop by hop, whose source address is seen, and whether the service works. Exits 0 only if what the
/// scenario expects holds. Needs no root: everything happens on loopback.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero lab                        the built-in scenario: an active-active VPN gateway and a KMS exception
  quadzero lab config/lab.toml        your own
  quadzero lab --json | jq .          for programs
  quadzero lab --time                 what was announced, learned and withdrawn, when, and how egress was meanwhile
  quadzero lab --watch                stay up until Ctrl-C")]
pub struct Lab {
    /// The scenario; the built-in one if left out
    pub scenario: Option<PathBuf>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    pub json: bool,
    /// Print what happened when, and how long egress of each subnet was open, forced or shut (--json always does)
    #[arg(long)]
    pub time: bool,
    /// Stay up until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// Be the edge, in the foreground.
///
/// SIGTERM and Ctrl-C withdraw every route, end each session with a Cease that says why, and exit 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero run -c config/vpn-active-standby.toml
  quadzero --log-format json run -c edge.toml 2>>edge.log

Port 179 needs CAP_NET_BIND_SERVICE, or another port in [bgp] listen.")]
pub struct Run {
    /// The edge's file
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Say what is wrong with a file, or what it would announce to whom.
///
/// Knows the three kinds of files by their tables: an edge has bgp, a gateway has gateway, and a scenario has edge and
/// azure. Every error is told at once, each with its line and what to do. Azure's own rules are checked too.
/// Nothing is started.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero check edge.toml
  quadzero check --explain edge.toml          with the reason for every route, announced or not
  quadzero check --format json edge.toml      for editors and CI")]
pub struct Check {
    /// The file
    pub file: PathBuf,
    /// Tell the reason for every decision
    #[arg(short = 'v', long)]
    pub explain: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// Be Azure's gateway, in the foreground, so that any edge can be tested against it; or show what a running one knows.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  quadzero azure -c config/azure-vpn-gateway.toml
  quadzero azure show learned-routes -o table"
)]
pub struct Azure {
    /// The gateway's file
    #[arg(short, long, value_name = "FILE", required = true)]
    pub config: Option<PathBuf>,
    /// Something else than to be it.
    #[command(subcommand)]
    pub command: Option<AzureCommand>,
}

/// What to ask of a running mock.
#[derive(Debug, Subcommand)]
pub enum AzureCommand {
    /// Show what a running mock knows, as az prints it
    Show(show::Show),
}

/// Put BGP messages into words.
///
/// Takes hexadecimal digits as tools print them: spaces, colons, newlines and 0x are passed over. Several messages may
/// follow each other. What is wrong is told with its octet and the NOTIFICATION that it would cause.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero decode ffffffffffffffffffffffffffffffff001304
  quadzero decode ff:ff:ff:ff ff:ff:ff:ff ff:ff:ff:ff ff:ff:ff:ff 00:13 04
  tshark -r edge.pcap -Y bgp -T fields -e tcp.payload | quadzero decode -")]
pub struct Decode {
    /// The messages in hexadecimal; - reads them from standard input
    #[arg(required = true, value_name = "HEX", allow_hyphen_values = true)]
    pub hex: Vec<String>,
    /// AS_PATH and AGGREGATOR carry two octets an AS, as before RFC 6793
    #[arg(long)]
    pub two_octet_as: bool,
}

/// How logs are written.
#[derive(Debug, Args)]
pub struct Logs {
    /// What logs look like
    #[arg(long, global = true, value_enum, default_value_t = logging::Format::Human)]
    pub log_format: logging::Format,
    /// What is logged: error, warn, info, debug, trace, or filters like quadzero_fsm=trace; RUST_LOG says the same.
    /// Without them info for what stays up (run, azure), warn for the others
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// How shells report a process that SIGPIPE ended: 128 and the number of the signal.
const SIGPIPE: u8 = 128 + 13;

/// Why a command failed; the text is for the user.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It did not work: exit status 1.
    #[error("{0}")]
    Failed(String),
    /// The command line or a file is wrong: exit status 2.
    #[error("{0}")]
    Wrong(String),
    /// Standard output or input broke.
    #[error("standard input or output: {0}")]
    Io(#[from] io::Error),
}

impl Failure {
    /// What the process says to its caller. With a reader that has seen enough (`| head`) it ends as other programs do,
    /// whom SIGPIPE ends: in silence, and without claiming success.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => SIGPIPE,
            Self::Failed(_) | Self::Io(_) => 1,
            Self::Wrong(_) => 2,
        }
    }
}

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result =
        logging::start(&cli.logs, log_level(&cli.command), is_mock(&cli.command)).and_then(|guard| {
            let result = dispatch(&cli.command);
            drop(guard);
            result
        });
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if failure.exit_code() != SIGPIPE {
        // With standard error closed there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{}", last_words(&failure, cli.logs.log_format));
    }
    ExitCode::from(failure.exit_code())
}

/// Whoever reads logs as JSON reads this as well.
fn last_words(failure: &Failure, format: logging::Format) -> String {
    let text = failure.to_string();
    let text = text.trim_end();
    match format {
        logging::Format::Human => text.to_owned(),
        logging::Format::Json => {
            let message = text.strip_prefix("error: ").unwrap_or(text);
            json!({ "level": "ERROR", "message": message }).to_string()
        }
    }
}

/// A daemon tells what it does; of the others, what they print is the result.
fn log_level(command: &Command) -> &'static str {
    match command {
        Command::Run(_) | Command::Azure(Azure { command: None, .. }) => "info",
        // The report tells how the sessions fared.
        Command::Lab(_) => "warn,quadzero_fsm=error",
        Command::Check(_)
        | Command::Azure(_)
        | Command::Doctor(_)
        | Command::Export(_)
        | Command::Decode(_) => "warn",
    }
}

const fn is_mock(command: &Command) -> bool {
    matches!(command, Command::Azure(Azure { command: None, .. }))
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Lab(options) => lab::run(options),
        Command::Run(options) => daemon::run(options),
        Command::Check(options) => check::run(options),
        Command::Azure(Azure { command: Some(AzureCommand::Show(options)), .. }) => show::run(options),
        Command::Azure(Azure { config: Some(config), .. }) => daemon::azure(config),
        Command::Azure(Azure { config: None, .. }) => Err(Failure::Wrong("error: -c FILE is missing".into())),
        Command::Doctor(options) => doctor::run(options),
        Command::Export(options) => export::run(options),
        Command::Decode(options) => decode::run(options),
    }
}
