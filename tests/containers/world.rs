//! A place where containers can be run and of which nothing is left.
//!
//! ```text
//!   unshare: mount, network and process namespaces of our own
//!     /run, /dev/shm   of our own: podman's locks, namespaces and state
//!     bridges, rules   of the network namespace, which nothing leads out of
//!     conmon, runc     go with the first process of the namespace
//!   FOLDER/storage     images and containers; FOLDER/bin/docker is podman, told to use all that
//! ```
//!
//! So podman's own clean-up is not what a clean machine depends on: the kernel ends the namespaces when the test's process ends,
//! however it does. What is left then is a folder and empty control groups; they go with the value, or, after a kill, with the
//! next run.

use quadzero_tests::{PATIENCE, installed, root, wait_for, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio, id};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No command takes as long, the build of a release on a busy machine included.
const LIMIT: &str = "1500";

/// Namespaces, storage, and the first process in there.
#[derive(Debug)]
pub(crate) struct World {
    holder: Child,
    /// The process id of the first one.
    first: String,
    folder: PathBuf,
}

impl World {
    /// An empty one.
    pub(crate) fn new() -> Self {
        for (package, program) in [("podman", "podman"), ("runc", "runc"), ("iptables", "iptables")] {
            installed(package, Path::new(program));
        }
        installed("netavark", Path::new("/usr/lib/podman/netavark"));
        installed("aardvark-dns", Path::new("/usr/lib/podman/aardvark-dns"));
        remove_abandoned();
        let folder = std::env::temp_dir().join(name(id()));
        for below in ["bin", "networks", "storage"] {
            fs::create_dir_all(folder.join(below)).expect("the temporary folder can be written");
        }
        let holder = hold(&folder);
        wait_until("the namespaces are there", PATIENCE, || folder.join("ready").exists());
        let pid = holder.id();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let first = wait_for("their first process", PATIENCE, || {
            fs::read_to_string(&children)
                .ok()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        });
        let world = Self { holder, first, folder };
        world.write("containers.conf", CONTAINERS);
        let docker = world.write("bin/docker", &docker(&world.folder));
        fs::set_permissions(docker, PermissionsExt::from_mode(0o755)).expect("it is ours");
        world
    }

    /// The folder, for what is to be mounted.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("the test's own folder can be written");
        path
    }

    /// A line of shell in here, where `docker` is podman; the work tree's folder `docker` is the current one.
    pub(crate) fn sh(&self, line: &str) -> Output {
        let mut command = Command::new("nsenter");
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-t", &self.first, "-m", "-n", "-p", "timeout", "-k", "5", LIMIT, "sh", "-c"]);
        command.arg(format!("cd \"$HERE\" && {line}"));
        command.env("HERE", root().join("docker"));
        command.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", self.folder.join("bin").display()));
        command.stdin(Stdio::null()).output().expect("nsenter runs")
    }

    /// What the line prints, or what it complains of.
    pub(crate) fn ask(&self, line: &str) -> Result<String, String> {
        let out = self.sh(line);
        let [text, error] =
            [&out.stdout, &out.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
        if out.status.success() { Ok(text) } else { Err(format!("{line}\n{}: {text}{error}", out.status)) }
    }

    /// The same for what must succeed.
    pub(crate) fn tell(&self, line: &str) -> String {
        self.ask(line).unwrap_or_else(|why| panic!("{why}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let end = Instant::now() + PATIENCE;
        // Who was killed is still in a control group for a moment.
        while !left(&name(id())).is_empty() && Instant::now() < end {
            sleep(Duration::from_millis(50));
            remove_groups(&name(id()));
        }
        remove(&self.folder);
    }
}

/// Its first process ends when we do, since then nobody has the other end of its input; and all others of the namespace with it.
fn hold(folder: &Path) -> Child {
    let mut command = Command::new(installed("util-linux", Path::new("unshare")));
    command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec"]);
    command.arg("mount -t tmpfs none /run; mount -t tmpfs none /dev/shm; ip link set lo up; : >\"$1\"; exec cat >/dev/null");
    command.arg("sh").arg(folder.join("ready"));
    command.process_group(0).stdin(Stdio::piped()).spawn().expect("unshare runs")
}

const CONTAINERS: &str = r#"
[containers]
default_ulimits = []
pids_limit = 0
[engine]
helper_binaries_dir = ["/usr/lib/podman"]
"#;

/// What is called docker here: nothing is ever pulled, and the limits are those that a container may set.
fn docker(folder: &Path) -> String {
    let (folder, group) = (folder.display(), name(id()));
    format!(
        r#"#!/bin/sh
export CONTAINERS_CONF={folder}/containers.conf
podman() {{
    exec /usr/bin/podman --root {folder}/storage --runroot /run/containers --tmpdir /run/libpod \
        --network-config-dir {folder}/networks --runtime runc --cgroup-manager cgroupfs --events-backend none "$@"
}}
limits='--ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --pull=never'
case $1 in
    run | create) what=$1; shift; podman $what $limits --cgroup-parent /{group} "$@" ;;
    build)
        shift
        case $* in *docker/Dockerfile*) limits="$limits $(cat {folder}/build)" ;; esac
        podman build $limits "$@"
        ;;
    *) podman "$@" ;;
esac
"#
    )
}

fn name(process: u32) -> String {
    format!("qz{process}-containers")
}

/// What is left of this process's world, which should be nothing once it is dropped.
pub(crate) fn left_behind() -> Vec<PathBuf> {
    let mut left = left(&name(id()));
    left.extend(Some(std::env::temp_dir().join(name(id()))).filter(|folder| folder.exists()));
    left
}

/// The control groups of that name, in every hierarchy.
fn left(name: &str) -> Vec<PathBuf> {
    let all = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(all).into_iter().flatten().flatten().map(|entry| entry.path());
    std::iter::once(all.to_owned())
        .chain(hierarchies)
        .map(|at| at.join(name))
        .filter(|at| at.is_dir())
        .collect()
}

/// Control groups go when they are empty, from below.
fn remove_groups(name: &str) {
    fn remove(group: &Path) {
        let below = fs::read_dir(group).into_iter().flatten().flatten();
        below.filter(|entry| entry.path().is_dir()).for_each(|entry| remove(&entry.path()));
        let _not_empty_yet = fs::remove_dir(group);
    }
    left(name).iter().for_each(|group| remove(group));
}

/// What a test process left behind that was killed before it could remove it. Its namespaces are gone with it.
fn remove_abandoned() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let owner = name.strip_prefix("qz").and_then(|rest| rest.strip_suffix("-containers"));
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            remove(&entry.path());
            remove_groups(&name);
        }
    }
}

fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}
