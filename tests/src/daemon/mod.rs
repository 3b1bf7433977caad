//! The daemons that quadzero is tested against, all by one interface.
//!
//! A test says what it wants of "the daemon": a [`Neighbor`], the routes it holds, a withdrawal, a goodbye. How
//! that is said to GoBGP or to FRR is an [`Adapter`], one file each. An adapter holds no state: whatever there
//! is lies in the namespace's folder or in the daemon. A sixth daemon is one more file here, and a line in
//! `interop.rs`.

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod openbgpd;
mod path;

pub use bird::BIRD;
pub use exabgp::EXABGP;
pub use frr::FRR;
pub use gobgp::GOBGP;
pub use openbgpd::OPENBGPD;
pub use path::Path;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::process::{Command, Output};

use crate::{LEFT, Namespace, PATIENCE, Process, RIGHT, wait_for, wait_until};

/// The one neighbor of a daemon, and what the daemon is itself to that neighbor.
#[derive(Clone, Debug)]
pub struct Neighbor {
    /// The AS of the daemon.
    pub local_as: u32,
    /// The address of the daemon.
    pub local_address: &'static str,
    /// The AS of the neighbor.
    pub remote_as: u32,
    /// The neighbor's address; the family that is spoken is the address's.
    pub address: &'static str,
    /// Only waits for connections (else it dials as well).
    pub passive: bool,
    /// Its Hold Time in seconds.
    pub hold_time: u16,
    /// The key of TCP MD5 (RFC 2385); empty for none.
    pub password: &'static str,
    /// The neighbor is on the same link, and TTL 255 proves it (RFC 5082).
    pub ttl_security: bool,
    /// It keeps the neighbor's routes while that restarts (RFC 4724), and asks for the same.
    pub graceful_restart: bool,
    /// It has just restarted: what it announced before is still forwarded to.
    pub restarting: bool,
    /// Without the capability of RFC 6793: an "old BGP speaker".
    pub two_octet_as: bool,
    /// With the capability of RFC 8654, if the daemon has to be told.
    pub extended_messages: bool,
    /// Its own role (RFC 9234): "customer", "provider", "peer"; empty for none.
    pub role: &'static str,
    /// More prefixes than these it does not bear; 0 for no limit.
    pub max_prefixes: u32,
    /// Both families are spoken (else that of the address).
    pub both_families: bool,
    /// The prefixes that it announces, all of the address's family.
    pub routes: Vec<String>,
}

impl Neighbor {
    /// The router id of every daemon.
    pub const ROUTER_ID: &'static str = RIGHT;

    /// The daemon on the right of the wire, which waits for the edge on the left and has no wishes.
    pub const PLAIN: Self = Self {
        local_as: 65020,
        local_address: RIGHT,
        remote_as: 65010,
        address: LEFT,
        passive: true,
        hold_time: 9,
        password: "",
        ttl_security: false,
        graceful_restart: false,
        restarting: false,
        two_octet_as: false,
        extended_messages: false,
        role: "",
        max_prefixes: 0,
        both_families: false,
        routes: Vec::new(),
    };

    /// Whether IPv6 is spoken, over IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.address.contains(':')
    }

    /// One of two, or both, by the families that are spoken.
    fn families<T>(&self, ipv4: T, ipv6: T) -> Vec<T> {
        if self.both_families { vec![ipv4, ipv6] } else { vec![self.by_family(ipv4, ipv6)] }
    }

    /// One of two, by the address's family.
    fn by_family<T>(&self, ipv4: T, ipv6: T) -> T {
        if self.is_ipv6() { ipv6 } else { ipv4 }
    }
}

/// How the tests' wishes are said to one implementation.
pub trait Adapter: Debug + Sync {
    /// What the test is called by: "frr".
    fn name(&self) -> &'static str;

    /// What people call it: "FRR".
    fn title(&self) -> &'static str;

    /// Behaviours of the suite that this daemon lacks, by name, each with the reason and where it is written.
    fn cannot(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Writes the configuration, and says the command that is the daemon, in the foreground.
    fn command(&self, at: &Namespace, neighbor: &Neighbor) -> Command;

    /// Announces the neighbor's routes, if they are not in the configuration. The daemon runs.
    fn announce(&self, _at: &Namespace, _neighbor: &Neighbor) {}

    /// Withdraws one of the routes.
    fn withdraw(&self, at: &Namespace, neighbor: &Neighbor, prefix: &str);

    /// Whether the session is established, as the daemon sees it.
    fn is_established(&self, at: &Namespace, neighbor: &Neighbor) -> bool;

    /// The best path to each prefix; its own, which have no AS_PATH, may be among them.
    fn rib(&self, at: &Namespace, neighbor: &Neighbor) -> BTreeMap<String, Path>;

    /// Asks the neighbor to say its routes again (RFC 2918).
    fn ask_again(&self, at: &Namespace, neighbor: &Neighbor);

    /// Says its own routes again, unasked.
    fn say_again(&self, at: &Namespace, neighbor: &Neighbor);

    /// Ends the session with a Cease, Administrative Reset, and begins a new one.
    fn reset(&self, at: &Namespace, neighbor: &Neighbor);

    /// Ends the session with a Cease, Administrative Shutdown, that has this text if the daemon lets its
    /// operator choose. Returns the text that it has.
    fn shut_down(&self, at: &Namespace, neighbor: &Neighbor, text: &'static str) -> &'static str;

    /// Whether it has heard this text in a NOTIFICATION; `log` is what it printed.
    fn has_heard(&self, _at: &Namespace, log: &str, text: &str) -> bool {
        log.contains(text)
    }
}

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon<'a> {
    adapter: &'static dyn Adapter,
    namespace: &'a Namespace,
    neighbor: Neighbor,
    process: Process,
}

impl<'a> Daemon<'a> {
    /// Starts the daemon and waits until it listens and has its routes.
    ///
    /// # Panics
    /// Without the daemon, or when it does not listen.
    pub fn start(adapter: &'static dyn Adapter, namespace: &'a Namespace, neighbor: Neighbor) -> Self {
        let process = spawn(adapter, namespace, &neighbor);
        Self { adapter, namespace, neighbor, process }
    }

    /// Kills it and starts it anew, with the same configuration and nothing else.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.process = spawn(self.adapter, self.namespace, &self.neighbor);
    }

    /// Starts it, which was killed, anew: as one that restarts gracefully, and has these routes.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn restart_gracefully(&mut self, routes: Vec<String>) {
        self.neighbor = Neighbor { restarting: true, routes, ..self.neighbor.clone() };
        self.process = spawn(self.adapter, self.namespace, &self.neighbor);
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process.kill();
        // A daemon may be several processes; what they held is free when the last of them is gone.
        wait_until("nothing listens any more", PATIENCE, || self.namespace.connections("listening") == 0);
    }

    /// Sends a signal by name, to all of its processes.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Withdraws a prefix that it announces.
    pub fn withdraw(&self, prefix: &str) {
        self.adapter.withdraw(self.namespace, &self.neighbor, prefix);
    }

    /// Asks the neighbor for its routes again.
    pub fn ask_again(&self) {
        self.adapter.ask_again(self.namespace, &self.neighbor);
    }

    /// Says its routes again, unasked.
    pub fn say_again(&self) {
        self.adapter.say_again(self.namespace, &self.neighbor);
    }

    /// Resets the session.
    pub fn reset(&self) {
        self.adapter.reset(self.namespace, &self.neighbor);
    }

    /// Ends the session with a Cease; returns the text that is said with it.
    pub fn shut_down(&self, text: &'static str) -> &'static str {
        self.adapter.shut_down(self.namespace, &self.neighbor, text)
    }

    /// Waits until it has heard this text in a NOTIFICATION.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait_until_heard(&self, text: &str) {
        let heard = || self.adapter.has_heard(self.namespace, &self.process.log(), text);
        wait_until(&format!("the daemon hears {text:?}"), PATIENCE, heard);
    }

    /// Waits until the session is established.
    ///
    /// # Panics
    /// When it does not get there.
    pub fn wait_until_established(&self) {
        wait_until("the daemon is established", PATIENCE, || self.is_established());
    }

    /// Whether the session is established.
    pub fn is_established(&self) -> bool {
        self.adapter.is_established(self.namespace, &self.neighbor)
    }

    /// Waits until the neighbor has announced as many prefixes as these, and returns them with their paths.
    ///
    /// # Panics
    /// When it never has.
    pub fn wait_for_prefixes(&self, count: usize) -> BTreeMap<String, Path> {
        let what = format!("the daemon has {count} prefixes");
        wait_for(&what, PATIENCE, || Some(self.heard()).filter(|heard| heard.len() == count))
    }

    /// What the neighbor has announced: a route heard by eBGP has an AS_PATH.
    pub fn heard(&self) -> BTreeMap<String, Path> {
        let mut rib = self.adapter.rib(self.namespace, &self.neighbor);
        rib.retain(|_, path| !path.as_path.is_empty());
        rib
    }

    /// What it printed: one JSON object a line, of daemons that do.
    pub fn events(&self) -> Vec<serde_json::Value> {
        self.process.events()
    }
}

fn spawn(adapter: &'static dyn Adapter, namespace: &Namespace, neighbor: &Neighbor) -> Process {
    let process = Process::start(namespace, adapter.name(), adapter.command(namespace, neighbor));
    wait_until("the daemon listens", PATIENCE, || namespace.connections("listening") > 0);
    adapter.announce(namespace, neighbor);
    process
}

/// Asks a daemon's client program; `None` when it fails, as it does while the daemon starts.
fn ask(mut client: Command, arguments: &[&str]) -> Option<String> {
    let Output { status, stdout, .. } = client.args(arguments).output().expect("the client runs");
    status.success().then(|| String::from_utf8_lossy(&stdout).into_owned())
}

/// Tells a daemon's client program something. A daemon that has just started may not be able to listen to it.
fn tell(mut client: impl FnMut() -> Command, arguments: &[&str]) {
    wait_until(&format!("the client accepts {arguments:?}"), PATIENCE, || ask(client(), arguments).is_some());
}
