//! The command line: what can be asked for, and how it says that something went wrong.
//!
//! Results go to standard output, everything else (errors, warnings, logs) to standard error. Exit status 0: it
//! worked; 1: it did not (an expectation failed, an address is taken); 2: the command line or a file is wrong.

use crate::control::{Request, Which};
use crate::{check, console, daemon, decode, doctor, export, lab, logging, show};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ipnet::IpNet;
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
  quadzero show                       how the running edge's sessions are
  quadzero why 0.0.0.0/0              whether it is announced, and if not, why
  quadzero reload --plan              what the changed file would do to it
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
    /// Show what a running edge does
    Show(Show),
    /// Say whether a running edge announces a prefix, and if not, why
    Why(Why),
    /// Have a running edge take its file as it is now
    Reload(Reload),
    /// Keep what was reloaded with --confirm
    Confirm(Socket),
    /// Have a running edge withdraw everything, after a warning to its neighbors
    Drain(Drain),
    /// Have it announce everything again
    Undrain(Socket),
    /// Start, stop or reset the session with a neighbor
    Neighbor(Neighbor),
    /// Announce a route by hand
    Announce(Announce),
    /// Take back a route announced by hand, or hold back one of the file
    Withdraw(Withdraw),
}

/// Where the running edge is.
#[derive(Clone, Debug, Args)]
pub struct Socket {
    /// The control socket, where control.socket of the edge's file names another one than usual
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// Show what a running edge does.
///
/// Times are since the last change of state. Characters of neighbors that would move a terminal are escaped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero show                       a row for each neighbor
  quadzero show neighbor azure-0      all that is known of one
  quadzero show routes advertised azure-0
  quadzero show policy azure-0        every decision about it, with its reason
  quadzero show events --follow       what has happened, and what happens
  quadzero show summary --json | jq .")]
pub struct Show {
    /// What to show; the summary if left out
    #[command(subcommand)]
    pub what: Option<Shown>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// Go on: events as they happen, all else again whenever something has happened
    #[arg(long, global = true)]
    pub follow: bool,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// What can be shown.
#[derive(Clone, Debug, Subcommand)]
pub enum Shown {
    /// A row for each neighbor
    Summary,
    /// All that is known of a neighbor, or of each
    Neighbor {
        /// Its name or address
        name: Option<String>,
    },
    /// Routes that neighbors were told, or have told us
    Routes {
        /// Which way
        #[arg(value_enum, default_value_t = Which::Advertised)]
        which: Which,
        /// One neighbor, by name or address
        neighbor: Option<String>,
    },
    /// What is originated and excepted, by the file and by hand
    Policy {
        /// Every decision about this neighbor
        neighbor: Option<String>,
    },
    /// What probes have found out, and which announcements depend on that
    Probes,
    /// What has happened
    Events,
}

/// Say whether a running edge announces a prefix, and if not, why.
///
/// Climbs from the configuration to the octets on the wire, and stops where the prefix does. Exits 0 only if every
/// neighbor asked about has been told it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero why 0.0.0.0/0
  quadzero why 0.0.0.0/0 --to azure-0")]
pub struct Why {
    /// The prefix
    pub prefix: IpNet,
    /// One neighbor, by name or address
    #[arg(long, value_name = "NEIGHBOR")]
    pub to: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// Have a running edge take its file as it is now: all of it, or nothing.
///
/// Sessions are reset only for what cannot change in place, and --plan says for what. A file that is wrong changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero reload --plan              whose session would be reset and why, whose routes change
  quadzero reload
  quadzero reload --confirm 60s       and back again, unless `quadzero confirm` comes within a minute")]
pub struct Reload {
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "confirm")]
    pub plan: bool,
    /// Go back to what was before after this time, unless `quadzero confirm` is said
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub confirm: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// Have a running edge withdraw everything, after a warning to its neighbors.
///
/// First GRACEFUL_SHUTDOWN (RFC 8326) and a longer path, then, after drain.wait, the withdrawal. Sessions stay, and
/// `quadzero undrain` takes it back.
#[derive(Debug, Args)]
pub struct Drain {
    /// And exit, as SIGTERM does
    #[arg(long)]
    pub exit: bool,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// Start, stop or reset the session with a neighbor.
#[derive(Debug, Args)]
pub struct Neighbor {
    /// What to do
    #[arg(value_enum)]
    pub what: Doing,
    /// Its name or address
    pub neighbor: String,
    /// What it is told (RFC 9003)
    #[arg(long)]
    pub text: Option<String>,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// What can be done to a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Doing {
    /// Start it again.
    Start,
    /// End its session (Cease/2), until it is started.
    Stop,
    /// End its session (Cease/4), and begin another.
    Reset,
}

/// Announce a route by hand: apart from the file, and gone with the next start.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero announce 203.0.113.0/24
  quadzero announce 0.0.0.0/0 med=50 prepend=2 communities=65010:100,no-export --to azure-0
  quadzero show policy                what is announced by hand
  quadzero withdraw 203.0.113.0/24")]
pub struct Announce {
    /// What is announced
    pub prefix: IpNet,
    /// What is said of it: KEY=VALUE with the keys of an origination
    #[arg(value_name = "KEY=VALUE")]
    pub attributes: Vec<String>,
    /// Only this neighbor is told; several times for several
    #[arg(long, value_name = "NEIGHBOR")]
    pub to: Vec<String>,
    /// Announce it again at the next start (control.keep says where it is kept)
    #[arg(long)]
    pub keep: bool,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// Take back a route announced by hand, or hold back one of the file until it is announced by hand or the next start.
#[derive(Debug, Args)]
pub struct Withdraw {
    /// What is withdrawn
    pub prefix: IpNet,
    /// Where to ask.
    #[command(flatten)]
    pub at: Socket,
}

/// `60`, `60s`, `5m`, `1h`.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let scale = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("like 60s, 5m or 1h".into()),
    };
    let number: u64 = number.parse().map_err(|_| "like 60s, 5m or 1h")?;
    number.checked_mul(scale).filter(|seconds| *seconds > 0).ok_or_else(|| "a second at least".into())
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
/// SIGTERM and Ctrl-C drain: neighbors are told to use another way (RFC 8326), then every route is withdrawn, each session
/// ends with a Cease that says why, and the exit status is 0; a second one does not wait. SIGHUP takes the file as it is
/// now, as `quadzero reload` does.
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
        _ => "warn",
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
        Command::Show(options) => console::show(options),
        Command::Why(options) => console::why(options),
        Command::Reload(options) => console::reload(options),
        Command::Confirm(at) => console::tell(at, Request::Confirm, "confirmed"),
        Command::Drain(options) => console::drain(options),
        Command::Undrain(at) => console::tell(at, Request::Undrain, "everything is announced again"),
        Command::Neighbor(options) => console::neighbor(options),
        Command::Announce(options) => console::announce(options),
        Command::Withdraw(options) => console::withdraw(options),
    }
}
