//! What a running edge may still do. It speaks to strangers, and needs little: so before the first of them is heard it gives up, for
//! good and for all programs that it starts, what its configuration has no use for.
//!
//! ```text
//!   configuration ──► Needs ──► enter: no new privileges   setuid programs and file capabilities give it nothing
//!                       │              capabilities        only those of Needs, and only if it had them
//!                       │              files (landlock)    read what its user may, write where Needs says
//!                       │              calls (seccomp)     none of those that no BGP speaker makes
//!                       └──► Sandbox::allows               whether a changed configuration can do with what was kept
//! ```
//!
//! Each of the four is as good as the kernel has it: what does not hold is said, and the edge runs all the same. Threads do not
//! leave it, since all but the first come after it. Whatever an edge learns to do next has its line in [`Needs::of`].

mod calls;

use crate::config::At;
use crate::config::edge::{Edge, Subject};
use crate::control;
use crate::ports::PRIVILEGED;
use landlock::{
    ABI, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, path_beneath_rules,
};
use quadzero_probe::Check;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use tracing::{info, warn};

/// What an edge of some configuration cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    capabilities: CapabilitySet,
    /// Files that a reload reads again.
    reads: Vec<PathBuf>,
    /// Folders for the control socket: the first one that can be had is written to.
    sockets: Vec<PathBuf>,
    /// Folders that are written to.
    writes: Vec<PathBuf>,
}

impl Needs {
    /// Of the edge whose configuration is that file.
    pub(crate) fn of(edge: &Edge, file: &Path) -> Self {
        let mut needs = Self {
            capabilities: CapabilitySet::empty(),
            reads: edge.files.iter().cloned().chain([file.to_owned()]).collect(),
            sockets: control::places(&edge.control).iter().map(|place| folder_of(place)).collect(),
            writes: edge
                .sandbox
                .write
                .iter()
                .cloned()
                .chain(edge.control.keep.as_deref().map(folder_of))
                .chain(edge.audit.as_ref().map(|audit| folder_of(&audit.file)))
                .collect(),
        };
        let mut listen = edge.listen.clone();
        match edge.metrics.as_ref().map(|metrics| &metrics.at) {
            Some(At::Tcp(address)) => listen.push(*address),
            Some(At::Unix(path)) => needs.writes.push(folder_of(path)),
            None => {}
        }
        if listen.iter().any(|address| (1..PRIVILEGED).contains(&address.port())) {
            needs.capabilities |= CapabilitySet::NET_BIND_SERVICE;
        }
        if edge.kernel.is_some() {
            needs.capabilities |= CapabilitySet::NET_ADMIN;
        }
        for probe in &edge.probes {
            needs.reads.extend(probe.disable.clone());
            match &probe.subject {
                // Where there are no ping sockets.
                Subject::Check(Check::Icmp(_), _) => needs.capabilities |= CapabilitySet::NET_RAW,
                Subject::Check(Check::File { path, .. } | Check::Http { ca_file: Some(path), .. }, _) => {
                    needs.reads.push(path.clone());
                }
                _ => {}
            }
        }
        needs
    }
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// What was given up, and what was not.
#[derive(Debug)]
pub(crate) struct Sandbox {
    kept: Needs,
    /// What it had at the start and has no more.
    given_up: CapabilitySet,
    no_new_privileges: Result<(), String>,
    capabilities: Result<(), String>,
    files: Result<(), String>,
    calls: Result<(), String>,
}

/// Gives up, for this thread and those that come of it, all that is not needed.
pub(crate) fn enter(mut needs: Needs) -> Sandbox {
    needs.writes.extend(needs.sockets.iter().find(|folder| can_be_had(folder)).cloned());
    needs.writes = needs.writes.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    let had = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.permitted);
    needs.capabilities |= owned_by_others(&needs);
    needs.capabilities &= had;
    Sandbox {
        given_up: had - needs.capabilities,
        // While CAP_SETPCAP is there; and as seccomp and landlock ask for it.
        no_new_privileges: shrink_bounds(needs.capabilities)
            .and_then(|()| set_no_new_privs(true))
            .map_err(|error| error.to_string()),
        files: restrict_files(&needs.writes),
        calls: calls::forbid(),
        capabilities: keep(needs.capabilities).map_err(|error| error.to_string()),
        kept: needs,
    }
}

/// A folder for the control socket is made by us, and has to be there before there is a rule about it.
fn can_be_had(folder: &Path) -> bool {
    let is_writable = || accessat(CWD, folder, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    is_writable() || DirBuilder::new().mode(0o700).create(folder).is_ok()
}

/// Root without capabilities is a user like others: it reads no file of somebody else's that is not for everybody. Where the
/// configuration names such, what is needed for it stays.
fn owned_by_others(needs: &Needs) -> CapabilitySet {
    // Capabilities are a thread's.
    let try_without = || {
        let mut missing = CapabilitySet::empty();
        if keep(CapabilitySet::empty()).is_err() {
            return missing;
        }
        let denied = |path: &PathBuf, access| {
            accessat(CWD, path, access, AtFlags::EACCESS) == Err(rustix::io::Errno::ACCESS)
        };
        if needs.reads.iter().any(|path| denied(path, Access::READ_OK)) {
            missing |= CapabilitySet::DAC_READ_SEARCH;
        }
        if needs.writes.iter().any(|path| denied(path, Access::WRITE_OK)) {
            missing |= CapabilitySet::DAC_OVERRIDE;
        }
        missing
    };
    thread::scope(|scope| scope.spawn(try_without).join()).unwrap_or(CapabilitySet::empty())
}

/// What programs that are started could get back. It takes CAP_SETPCAP; without that, no new privileges does the same.
fn shrink_bounds(keep: CapabilitySet) -> rustix::io::Result<()> {
    let _older_kernels_have_none = clear_ambient_capability_set();
    if capabilities(None)?.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().iter().filter(|capability| !keep.contains(*capability)) {
            // One that this kernel does not know.
            let _there_is_none = remove_capability_from_bounding_set(capability);
        }
    }
    Ok(())
}

fn keep(kept: CapabilitySet) -> rustix::io::Result<()> {
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets)
}

/// Linux 5.19: before that (ABI 1) no file could be moved from one folder to another, as the control socket is.
fn restrict_files(writes: &[PathBuf]) -> Result<(), String> {
    let access = AccessFs::from_write(ABI::V3);
    let places = writes.iter().map(PathBuf::as_path).chain([Path::new("/dev/null")]);
    let enforced = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_write(ABI::V2))
        .and_then(|ruleset| {
            ruleset.set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::Truncate)
        })
        .and_then(|ruleset| ruleset.create())
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(places, access)))
        .and_then(|ruleset| ruleset.restrict_self());
    enforced.map(drop).map_err(|error| error.to_string())
}

impl Sandbox {
    /// Says what holds.
    pub(crate) fn log(&self) {
        let capabilities = words(self.kept.capabilities);
        let writes: Vec<_> = self.kept.writes.iter().map(|folder| folder.display().to_string()).collect();
        info!(capabilities, writes = writes.join(" "), holds = self.holding().join(", "), "sandbox");
        for (what, result) in self.parts() {
            if let Err(error) = result {
                warn!(%error, "sandbox: {what} cannot be had here, and the edge runs without");
            }
        }
    }

    fn parts(&self) -> [(&'static str, &Result<(), String>); 4] {
        [
            ("no new privileges", &self.no_new_privileges),
            ("fewer capabilities", &self.capabilities),
            ("files (landlock)", &self.files),
            ("calls (seccomp)", &self.calls),
        ]
    }

    fn holding(&self) -> Vec<&'static str> {
        self.parts().into_iter().filter_map(|(what, result)| result.is_ok().then_some(what)).collect()
    }

    /// Whether a changed configuration can do with what was kept.
    ///
    /// # Errors
    /// What was given up that it needs.
    pub(crate) fn allows(&self, needs: &Needs) -> Result<(), String> {
        let missing = needs.capabilities & self.given_up;
        if self.capabilities.is_ok() && !missing.is_empty() {
            let missing = words(missing);
            return Err(format!(
                "the sandbox of this start has given up {missing}, which it needs now: restart for it"
            ));
        }
        let is_kept = |folder: &PathBuf| self.kept.writes.iter().any(|kept| folder.starts_with(kept));
        let mut wanted = needs.writes.iter().filter_map(|folder| folder.canonicalize().ok());
        match wanted.find(|folder| !is_kept(folder)) {
            Some(folder) if self.files.is_ok() => Err(format!(
                "the sandbox of this start lets nothing be written in {}: restart for it",
                folder.display()
            )),
            _ => Ok(()),
        }
    }
}

/// As capabilities(7) has them.
fn words(capabilities: CapabilitySet) -> String {
    let names: Vec<String> = capabilities.iter_names().map(|(name, _)| format!("CAP_{name}")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn needs(more: &str) -> Needs {
        let text = format!(
            "[bgp]\nasn = 65010\nrouter-id = \"192.0.2.1\"\n{more}\n[[neighbor]]\naddress = \"192.0.2.2\"\nremote-as = 65020\n"
        );
        let edge =
            Source { path: "/etc/quadzero/edge.toml".into(), text }.edge().value.expect("a sound file");
        Needs::of(&edge, Path::new("/etc/quadzero/edge.toml"))
    }

    #[test]
    fn a_low_port_needs_the_capability_and_no_other_does() {
        for (listen, capability) in [
            ("", CapabilitySet::NET_BIND_SERVICE),
            ("listen = [\"192.0.2.1:1023\"]", CapabilitySet::NET_BIND_SERVICE),
            ("listen = [\"192.0.2.1:1024\"]", CapabilitySet::empty()),
            ("listen = [\"192.0.2.1:0\"]", CapabilitySet::empty()),
            ("listen = []", CapabilitySet::empty()),
        ] {
            assert_eq!(needs(listen).capabilities, capability, "{listen}");
        }
    }

    #[test]
    fn an_icmp_probe_needs_its_capability() {
        let needs = needs("listen = []\n[[probe]]\nname = \"out\"\nicmp = \"192.0.2.9\"");
        assert_eq!(needs.capabilities, CapabilitySet::NET_RAW);
    }

    #[test]
    fn what_is_written_is_what_the_configuration_names() {
        let needs = needs(
            "[control]\nsocket = \"run/control.sock\"\nkeep = \"/srv/kept.json\"\n[sandbox]\nwrite = [\"/srv/probes\"]",
        );
        assert_eq!(needs.sockets, [Path::new("/etc/quadzero/run")]);
        assert_eq!(needs.writes, ["/srv/probes", "/srv"].map(PathBuf::from));
    }

    #[test]
    fn capabilities_are_called_as_their_manual_has_them() {
        assert_eq!(words(CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW), "CAP_NET_ADMIN CAP_NET_RAW");
        assert_eq!(words(CapabilitySet::empty()), "none");
    }
}
