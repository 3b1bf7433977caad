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
//! So podman's own clean-up is not what a clean machine depends on: the kernel ends the namespaces when the test's process ends, however
//! it does. What is left then is the folder, which the next run removes, and empty control groups.

use quadzero_tests::{PATIENCE, installed, root, wait_for, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio, id};

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
        let folder = std::env::temp_dir().join(format!("qz{}-containers", id()));
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
        world.write("bin/docker", &docker(&world.folder));
        for program in ["docker", "podman"] {
            let path = world.folder.join("bin").join(program);
            if program == "podman" {
                fs::copy(world.folder.join("bin/docker"), &path).expect("it can be copied");
            }
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("it is ours");
        }
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

    /// The same for what must succeed; what it prints.
    pub(crate) fn tell(&self, line: &str) -> String {
        let out = self.sh(line);
        let [text, error] =
            [&out.stdout, &out.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
        assert!(out.status.success(), "{line}\n{}: {text}{error}", out.status);
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        while std::env::var_os("QZ_HOLD").is_some_and(|p| Path::new(&p).exists()) {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        // Their control groups go with the containers; all else goes anyhow.
        self.sh("docker rm --all --force --time 0 --volumes");
        let _ = self.holder.kill();
        let _ = self.holder.wait();
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
    let folder = folder.display();
    format!(
        r#"#!/bin/sh
export CONTAINERS_CONF={folder}/containers.conf
podman() {{
    exec /usr/bin/podman --root {folder}/storage --runroot /run/containers --tmpdir /run/libpod \
        --network-config-dir {folder}/networks --runtime runc --cgroup-manager cgroupfs --events-backend none "$@"
}}
limits='--ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --pull=never'
case $1 in
    run | create) what=$1; shift; podman $what $limits "$@" ;;
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

/// What a test process left behind that was killed before it could remove it. Its namespaces are gone with it.
fn remove_abandoned() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let owner = name.strip_prefix("qz").and_then(|rest| rest.strip_suffix("-containers"));
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            remove(&entry.path());
        }
    }
}

fn remove(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}
