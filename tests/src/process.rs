//! Child processes: started in a namespace, logged to a file, killed by the id of their group, since some
//! daemons are several processes.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Namespace, wait_for};

/// A daemon, until it is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, which is to be one of `namespace`. What it prints goes to the file `name`.log,
    /// behind what an earlier process of that name has printed.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(namespace: &Namespace, name: &str, mut command: Command) -> Self {
        let log = namespace.path(&format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the test's own folder can be written");
        let err = out.try_clone().expect("a file can be opened twice");
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.into(), child, log }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed, and processes of that name before it.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Empties the log, where it is long and of no use to whoever reads why a test has failed.
    pub fn forget(&self) {
        let _ = fs::write(&self.log, "");
    }

    /// The lines of the log that are JSON.
    pub fn events(&self) -> Vec<Value> {
        self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// How often it said an event, of a hostile neighbor's kind (`{"event": ..}`).
    pub fn said(&self, event: &str) -> usize {
        self.events().iter().filter(|said| said["event"] == event).count()
    }

    /// Octets of memory, by the name that proc(5) has for it: `VmRSS` now, `VmHWM` the most there ever was.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn memory(&self, what: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("a process that runs has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        number.unwrap_or_else(|| panic!("no {what} in {status}")) * 1024
    }

    /// From here on `VmHWM` is the most since now (proc_pid_clear_refs(5)).
    ///
    /// # Panics
    /// When the kernel does not do it.
    pub fn forget_peak(&self) {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        fs::write(path, "5").expect("root may reset the peak of a process");
    }

    /// How many files it has open.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn descriptors(&self) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        folder.expect("a process that runs has descriptors").count()
    }

    /// Sends a signal by name ("TERM", "STOP", ..) to it and its children.
    ///
    /// # Panics
    /// When they are gone.
    pub fn signal(&self, signal: &str) {
        say("sh", &["-c", &self.to_group(signal)]);
    }

    /// Kills it and its children, with no chance to say goodbye, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = Command::new("sh").args(["-c", &self.to_group("KILL")]).output();
        let _ = self.child.wait();
    }

    fn to_group(&self, signal: &str) -> String {
        format!("kill -s {signal} -- -{}", self.child.id())
    }

    /// Sends it the signal, and waits until it ends.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn end(&mut self, signal: &str, limit: Duration) -> ExitStatus {
        self.signal(signal);
        self.exit(limit)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn exit(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        wait_for(&what, limit, || self.child.try_wait().expect("a child can be waited for"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten();
        self.kill();
        if std::thread::panicking() {
            let ended = ended.map_or("still running".to_owned(), |status| status.to_string());
            eprintln!("---- {} ({ended}) printed to {}:\n{}", self.name, self.log.display(), self.log());
        }
    }
}

/// Where a program is.
///
/// # Panics
/// When it is missing: the message names the Debian `package` that has it.
pub fn installed(package: &str, program: &Path) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons are in sbin, which is not in every user's PATH.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut places = folders.map(|folder| folder.join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!("{} is missing: apt-get install {package} (./tests/run does it)", program.display())
    })
}

/// Runs a command that must succeed.
pub(crate) fn say(program: &str, arguments: &[&str]) {
    let out = Command::new(program).args(arguments).output();
    let out = out.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program} {}: {complaint}", arguments.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "apt-get install no-such-package")]
    fn a_missing_daemon_is_a_failure_that_names_its_package() {
        installed("no-such-package", Path::new("no-such-daemon"));
    }
}
