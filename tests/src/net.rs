//! Network namespaces, and the wire between two of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{installed, say};

/// The address of the left end of a [`Wire`].
pub const LEFT: &str = "192.0.2.1";
/// The address of the right end of a [`Wire`].
pub const RIGHT: &str = "192.0.2.2";
/// The IPv6 address of the left end of a [`Wire`].
pub const LEFT6: &str = "2001:db8::1";
/// The IPv6 address of the right end of a [`Wire`].
pub const RIGHT6: &str = "2001:db8::2";

/// The address beyond the upstream of [`Wire::with_upstream`].
pub const FAR: &str = "198.51.100.1";

/// Two namespaces joined by a veth pair; the interface is called `wire` in both.
#[derive(Debug)]
pub struct Wire {
    /// Has [`LEFT`] and [`LEFT6`].
    pub left: Namespace,
    /// Has [`RIGHT`] and [`RIGHT6`].
    pub right: Namespace,
}

impl Wire {
    /// Makes both ends, with their addresses.
    ///
    /// # Panics
    /// Without root, or iproute2.
    #[expect(clippy::new_without_default, reason = "it makes namespaces, which no default should")]
    pub fn new() -> Self {
        let (left, right) = Namespace::pair(&["wire"]);
        left.number(LEFT, LEFT6);
        right.number(RIGHT, RIGHT6);
        Self { left, right }
    }

    /// A wire, and beyond `wan0` of its left end an upstream that answers at [`FAR`].
    ///
    /// # Panics
    /// Without root, or iproute2.
    pub fn with_upstream() -> (Self, Namespace) {
        let (wire, upstream) = (Self::new(), Namespace::alone(&format!("{FAR}/32")));
        wire.left.join_by("wan0", "203.0.113.1/30", &upstream, "203.0.113.2/30");
        wire.left.ip(&["route", "add", &format!("{FAR}/32"), "via", "203.0.113.2"]);
        (wire, upstream)
    }
}

/// A network namespace and a folder for the files of what runs in it. Both go with the value; the folder
/// stays when the test fails, unless the namespace is a [`Namespace::bare`] one.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    folder: PathBuf,
    keeps_files: bool,
}

impl Namespace {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        static FIRST: Once = Once::new();
        FIRST.call_once(|| {
            must_be_root();
            remove_abandoned();
        });
        let name = format!("qz{}-{}", id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        say("ip", &["netns", "add", &name]);
        Self { name, folder, keeps_files: true }
    }

    /// One of many, joined to nothing yet. It leaves no file behind, whatever happens: what its processes print is shown when
    /// the test fails.
    ///
    /// # Panics
    /// Without root, or iproute2.
    pub fn bare() -> Self {
        let mut namespace = Self::new();
        namespace.keeps_files = false;
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Joins it to another by a veth pair, which each end has its own name for. Both are up, without an address.
    ///
    /// # Panics
    /// Without iproute2.
    pub fn join(&self, link: &str, far: &Self, far_link: &str) {
        let one_end = ["link", "add", "name", link, "netns", &self.name, "type", "veth"];
        say("ip", &[&one_end[..], &["peer", "name", far_link, "netns", &far.name]].concat());
        self.ip(&["link", "set", link, "up"]);
        far.ip(&["link", "set", far_link, "up"]);
    }

    /// Two that are joined by veth pairs; each is called the same in both, and is up without an address.
    ///
    /// # Panics
    /// Without root, or iproute2.
    pub fn pair(links: &[&str]) -> (Self, Self) {
        let (left, right) = (Self::new(), Self::new());
        [&left, &right].iter().for_each(|end| end.ip(&["link", "set", "lo", "up"]));
        links.iter().for_each(|link| left.join(link, &right, link));
        (left, right)
    }

    /// One that is joined to nothing, where every address of `prefix` is this machine's own.
    ///
    /// # Panics
    /// Without root, or iproute2.
    pub fn alone(prefix: &str) -> Self {
        let namespace = Self::new();
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace.ip(&["route", "add", "local", prefix, "dev", "lo"]);
        namespace
    }

    /// Joins it to another by a second wire, called `name` in both, with these addresses and lengths.
    ///
    /// # Panics
    /// Without root, or iproute2.
    pub fn join_by(&self, name: &str, here: &str, other: &Self, there: &str) {
        self.join(name, other, name);
        for (end, address) in [(self, here), (other, there)] {
            end.ip(&["addr", "add", address, "dev", name]);
        }
    }

    /// Sets what /proc/sys/net/ has of this name, for this namespace alone.
    ///
    /// # Panics
    /// When the kernel does not take it.
    pub fn sysctl(&self, name: &str, value: &str) {
        let mut command = self.command("dash", "sh");
        command.args(["-c", "echo \"$2\" >/proc/sys/net/\"$1\"", "sh", name, value]);
        let status = command.status().expect("sh runs");
        assert!(status.success(), "{name} cannot be {value}");
    }

    /// The IPv6 address is not tentative for a second: there is nobody who could have it as well.
    fn number(&self, ipv4: &str, ipv6: &str) {
        self.ip(&["addr", "add", &format!("{ipv4}/24"), "dev", "wire"]);
        self.ip(&["addr", "add", &format!("{ipv6}/64"), "dev", "wire", "nodad"]);
    }

    /// Runs `ip` in here.
    ///
    /// # Panics
    /// When it fails.
    pub fn ip(&self, arguments: &[&str]) {
        say("ip", &[&["-n", &self.name], arguments].concat());
    }

    /// What `ip` prints in here.
    ///
    /// # Panics
    /// When it fails.
    pub fn ask_ip(&self, arguments: &[&str]) -> String {
        let out = Command::new("ip").args(["-n", &self.name]).args(arguments).output().expect("ip runs");
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// A command that will run in here; its process id is the program's own.
    ///
    /// # Panics
    /// When the program is missing: `package` is the Debian package that has it.
    pub fn command(&self, package: &str, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg(installed(package, program.as_ref()));
        command
    }

    /// Writes a file into the folder and says where it is.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the test's own folder can be written");
        path
    }

    /// Its name, as in `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder, for what a daemon puts beside its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Takes the TCP connections with an address away, as if each end had given up on the other.
    ///
    /// # Panics
    /// When the kernel does not do it.
    pub fn reset_connections(&self, with: &str) {
        let mut ss = self.command("iproute2", "ss");
        let out =
            ss.args(["-K", "-tn", "state", "established", &format!("src {with} or dst {with}")]).output();
        assert!(out.expect("ss runs").status.success(), "the kernel cannot destroy sockets");
    }

    /// How many TCP connections on the BGP port are in this `state` of ss(8), seen from in here.
    ///
    /// # Panics
    /// When ss cannot be run.
    pub fn connections(&self, state: &str) -> usize {
        self.sockets(state, "( sport = :179 or dport = :179 )")
    }

    /// How many of the established ones were dialed from in here.
    ///
    /// # Panics
    /// When ss cannot be run.
    pub fn dialed(&self) -> usize {
        self.sockets("established", "( dport = :179 )")
    }

    /// A counter of the kernel's TCP (`nstat` calls it TcpExt..), in here.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn counter(&self, name: &str) -> u64 {
        let mut cat = self.command("coreutils", "cat");
        let out = cat.arg("/proc/net/netstat").output().expect("cat runs");
        let text = String::from_utf8_lossy(&out.stdout);
        let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:")).map(str::split_whitespace);
        let (names, values) = lines.next().zip(lines.next()).expect("a line of names, and one of values");
        let value = names.zip(values).find(|(known, _)| *known == name).map(|(_, value)| value);
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no counter is called {name}"))
    }

    fn sockets(&self, state: &str, filter: &str) -> usize {
        let mut ss = self.command("iproute2", "ss");
        ss.args(["-Htn", "state", state, filter]);
        let out = ss.output().expect("ss runs");
        assert!(out.status.success(), "ss: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout.iter().filter(|&&c| c == b'\n').count()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
        if self.keeps_files && std::thread::panicking() {
            eprintln!("the files are kept in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn remove(name: &str) {
    let _ = Command::new("ip").args(["netns", "del", name]).status();
}

fn must_be_root() {
    let user = fs::metadata("/proc/self").map_or(u32::MAX, |me| me.uid());
    assert!(user == 0, "this test makes network namespaces and needs root: run ./tests/run, which uses sudo");
}

/// Removes what a test process left behind that was killed before it could: what still runs in its namespaces, they
/// themselves, and their folders.
fn remove_abandoned() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let owner = name.strip_prefix("qz").and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            end_all(&name);
            remove(&name);
            let _ = fs::remove_dir_all(std::env::temp_dir().join(&name));
        }
    }
}

/// Kills what runs in a namespace that nobody owns any more. Two test processes may find it at the same time.
fn end_all(name: &str) {
    let Ok(pids) = Command::new("ip").args(["netns", "pids", name]).output() else { return };
    for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
        let _ = Command::new("sh").args(["-c", &format!("kill -s KILL {pid}")]).output();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_goes_even_when_the_test_panics() {
        let thread = std::thread::spawn(|| {
            let wire = Wire::new();
            let paths = [&wire.left, &wire.right]
                .map(|end| (Path::new("/run/netns").join(&end.name), end.folder.clone()));
            assert!(paths.iter().all(|(netns, folder)| netns.exists() && folder.exists()));
            std::panic::panic_any(paths);
        });
        let paths = *thread.join().unwrap_err().downcast::<[(PathBuf, PathBuf); 2]>().unwrap();
        for (netns, folder) in paths {
            assert!(!netns.exists());
            fs::remove_dir_all(folder).expect("a failing test keeps its files");
        }
    }
}
