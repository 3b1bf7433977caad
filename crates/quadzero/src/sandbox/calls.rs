//! System calls that no BGP speaker makes, nor any program that it may be told to start: all that look into other processes, or
//! change the machine. A list of what is allowed would be tighter, and would break with the next libc.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// They fail with EPERM from now on, in this thread and those that come of it.
///
/// # Errors
/// What the kernel, or this architecture, has to say.
pub(super) fn forbid() -> Result<(), String> {
    let filter = || {
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let rules = CALLS.iter().map(|call| (*call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)?;
        seccompiler::apply_filter(&BpfProgram::try_from(filter)?)
    };
    filter().map_err(|error: seccompiler::Error| error.to_string())
}

const CALLS: &[libc::c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    // The kernel.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_syslog,
    // Keys of others.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine: its clock, its name, its swap, its end.
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_settimeofday,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_reboot,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::os::unix::fs::chroot;
    use std::thread;

    /// In a thread of its own, which ends with what it has given up. A root of "/" is the one that there is.
    #[test]
    fn what_is_forbidden_fails_in_the_thread_and_in_those_that_come_of_it() {
        let told = thread::spawn(|| {
            let before = chroot("/");
            forbid()?;
            let after = thread::spawn(|| chroot("/")).join().expect("no panic");
            Ok::<_, String>((before, after))
        });
        let (before, after) = told.join().expect("no panic").expect("this kernel has seccomp");
        // Only root may do it in the first place.
        assert!(before.is_ok() || !rustix::process::geteuid().is_root());
        assert_eq!(after.map_err(|error| error.kind()), Err(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn no_call_is_listed_twice() {
        let mut calls = CALLS.to_vec();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), CALLS.len());
    }
}
