//! The program under test, as users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::{Namespace, Process};

/// A quadzero in the foreground.
#[derive(Debug)]
pub struct Quadzero {
    process: Process,
}

impl Quadzero {
    /// The edge: `quadzero run`.
    pub fn run(namespace: &Namespace, config: &str) -> Self {
        Self::start(namespace, "run", config)
    }

    /// The mock gateway: `quadzero azure`.
    pub fn azure(namespace: &Namespace, config: &str) -> Self {
        Self::start(namespace, "azure", config)
    }

    /// The mock gateway of a file that lies beside what it names.
    pub fn azure_of(namespace: &Namespace, file: &Path) -> Self {
        Self::start_file(namespace.command("quadzero", binary()), namespace, "azure", file)
    }

    /// The edge, with so many descriptors to begin with, and so many that it may ask for (setrlimit(2)).
    pub fn run_with_descriptors(namespace: &Namespace, soft: u32, hard: u32, config: &str) -> Self {
        let mut command = namespace.command("util-linux", "prlimit");
        command.arg(format!("--nofile={soft}:{hard}")).arg(binary());
        Self::start_with(command, namespace, "run", config)
    }

    /// The edge, without a capability ("net_admin") that root has.
    pub fn run_without(namespace: &Namespace, capability: &str, config: &str) -> Self {
        let mut command = namespace.command("util-linux", "setpriv");
        let without = format!("-{capability}");
        command.args(["--bounding-set", &without, "--inh-caps", &without]).arg(binary());
        Self::start_with(command, namespace, "run", config)
    }

    /// The edge, by a command of the namespace that becomes quadzero: it ends with [`binary`], or what passes its arguments on.
    pub fn run_by(command: Command, namespace: &Namespace, config: &str) -> Self {
        Self::start_with(command, namespace, "run", config)
    }

    fn start(namespace: &Namespace, verb: &str, config: &str) -> Self {
        Self::start_with(namespace.command("quadzero", binary()), namespace, verb, config)
    }

    fn start_with(command: Command, namespace: &Namespace, verb: &str, config: &str) -> Self {
        let file = namespace.write(&format!("{verb}.toml"), config);
        Self::start_file(command, namespace, verb, &file)
    }

    fn start_file(mut command: Command, namespace: &Namespace, verb: &str, file: &Path) -> Self {
        command.arg(verb).arg("-c").arg(file).args(["--log-format", "json"]).env_remove("RUST_LOG");
        // Where its control socket is.
        command.env("RUNTIME_DIRECTORY", namespace.folder());
        Self { process: Process::start(namespace, "quadzero", command) }
    }

    /// A command that speaks to the edge of the namespace.
    pub fn client(namespace: &Namespace, words: &[&str]) -> Command {
        let mut command = namespace.command("quadzero", binary());
        command.args(words).env("RUNTIME_DIRECTORY", namespace.folder()).env_remove("RUST_LOG");
        command
    }

    /// What the edge of the namespace answers, by `--json` of the command; an error is what it complains of.
    ///
    /// # Errors
    /// What the command says that fails.
    ///
    /// # Panics
    /// When the answer is not JSON.
    pub fn ask(namespace: &Namespace, words: &[&str]) -> Result<Value, String> {
        let text = Self::tell(namespace, &[words, &["--json"]].concat())?;
        Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    /// Tells the edge of the namespace something; what the command prints.
    ///
    /// # Errors
    /// What the command says that fails.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn tell(namespace: &Namespace, words: &[&str]) -> Result<String, String> {
        let out = Self::client(namespace, words).output().expect("the client runs");
        let [out_text, error] =
            [&out.stdout, &out.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
        if out.status.success() { Ok(out_text) } else { Err(out_text + &error) }
    }

    /// What `quadzero doctor` finds with these arguments, run in a namespace.
    ///
    /// # Panics
    /// When it fails, or prints no JSON.
    pub fn doctor(namespace: &Namespace, arguments: &[&str]) -> Vec<Value> {
        let mut command = namespace.command("quadzero", binary());
        let out = command.args(["doctor", "--json"]).args(arguments).output().expect("quadzero runs");
        let error = String::from_utf8_lossy(&out.stderr);
        let answer: Value =
            serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("no JSON: {error}"));
        let findings =
            answer["findings"].as_array().unwrap_or_else(|| panic!("no findings: {answer}")).clone();
        assert_eq!(out.status.code(), Some(i32::from(!findings.is_empty())), "{error}");
        findings
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it, with no chance to say goodbye.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    /// When it does not within half a minute: it warns its neighbors first.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.end("TERM", Duration::from_secs(30))
    }

    /// Asks it to read again what it reads again.
    pub fn hang_up(&self) {
        self.process.signal("HUP");
    }

    /// Whether the log has a message that begins like that.
    pub fn has_said(&self, beginning: &str) -> bool {
        let begins =
            |event: &Value| event["message"].as_str().is_some_and(|said| said.starts_with(beginning));
        self.process.events().iter().any(begins)
    }

    /// What the edge holds of its only neighbor, as the log said it last: how many prefixes, and the first of
    /// them.
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn learned(&self) -> (u64, Vec<String>) {
        let events = self.process.events();
        let Some(last) = events.iter().rfind(|event| event["message"] == "learned") else {
            return (0, Vec::new());
        };
        let total = last["total"].as_u64().unwrap_or_else(|| panic!("no number: {last}"));
        (total, text(&last["prefixes"]).split_whitespace().map(str::to_owned).collect())
    }

    /// How many prefixes the edge held of its only neighbor, each time that the log said it.
    pub fn totals(&self) -> Vec<u64> {
        let events = self.process.events();
        events.iter().filter(|e| e["message"] == "learned").filter_map(|e| e["total"].as_u64()).collect()
    }

    /// How often the edge has established a session.
    pub fn ups(&self) -> usize {
        self.process.events().iter().filter(|event| event["message"] == "session established").count()
    }

    /// Sends a signal by name ("STOP", "CONT", ..).
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// The states that BFD came to, each with its diagnostic, in their order: "Up", "No Diagnostic".
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn bfd(&self) -> Vec<(String, String)> {
        let events = self.process.events();
        let changes = events.iter().filter(|event| event["message"] == "BFD state changed");
        changes.map(|event| (text(&event["to"]), text(&event["diagnostic"]))).collect()
    }

    /// The states that a probe came to, each with its reason, in their order: "up", "3 looks in a row passed".
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn probe(&self, name: &str) -> Vec<(String, String)> {
        let events = self.process.events();
        let changes = events.iter().filter(|e| e["message"] == "probe changed" && e["probe"] == name);
        changes.map(|event| (text(&event["to"]), text(&event["reason"]))).collect()
    }

    /// Why the edge's sessions ended, in their order.
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn downs(&self) -> Vec<String> {
        self.reasons("session down")
    }

    /// Why attempts of the edge became no session.
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn failures(&self) -> Vec<String> {
        self.reasons("attempt failed")
    }

    /// How many seconds the edge wanted to wait after each session that ended.
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn waits(&self) -> Vec<f64> {
        let events = self.process.events();
        let ends = events.iter().filter(|event| event["from"] == "Established");
        let seconds = |event: &Value| {
            let text = text(&event["next_attempt_in"]);
            text.strip_suffix(" s").and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no time: {text}"))
        };
        ends.map(seconds).collect()
    }

    fn reasons(&self, message: &str) -> Vec<String> {
        let events = self.process.events();
        events
            .iter()
            .filter(|event| event["message"] == message)
            .map(|event| text(&event["reason"]))
            .collect()
    }

    /// The prefixes of the mock gateway that it learned by eBGP, as the log said them last: its table is rows
    /// of "learned route", closed by "learned routes".
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn azure_learned(&self) -> Vec<String> {
        let (mut last, mut next) = (Vec::new(), Vec::new());
        for event in self.process.events() {
            match event["message"].as_str() {
                Some("learned route") => next.push(text(&event["network"])),
                Some("learned routes") => last = std::mem::take(&mut next),
                _ => {}
            }
        }
        last
    }

    /// The prefixes that the mock gateway logged as dropped, in all its life.
    ///
    /// # Panics
    /// When the log does not look like that.
    pub fn azure_dropped(&self) -> Vec<String> {
        let dropped =
            |event: &Value| event["message"].as_str().is_some_and(|said| said.starts_with("route dropped"));
        self.process
            .events()
            .iter()
            .filter(|event| dropped(event))
            .map(|event| text(&event["prefix"]))
            .collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The root of the work tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the work tree")
}

/// The binary: the one that `QUADZERO_BIN` names, or else the work tree's, built now. Cargo builds the
/// binaries of a package for the tests of that package only, and these are another's.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("QUADZERO_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What cargo says of this package: where it changes, some build scripts run again, and all that is above them.
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        command.env_remove(name);
    }
    command.current_dir(root()).args([
        "build",
        "-p",
        "quadzero",
        "--bin",
        "quadzero",
        "--message-format",
        "json",
    ]);
    let out = command.output().expect("cargo runs");
    assert!(out.status.success(), "quadzero does not build:\n{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().expect("cargo names the binary that it has built")
}
