//! What is in the image, and how it behaves.

use crate::images;
use crate::world::World;
use quadzero_tests::{PATIENCE, root, wait_until};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What `docker pull` would have to bring, in octets.
const LARGEST: u64 = 15_000_000;

pub(crate) fn names_the_version() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the work tree");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).expect("a version");
    let dockerfile = fs::read_to_string(root().join("docker/Dockerfile")).expect("the work tree");
    let label = format!("org.opencontainers.image.version={version}");
    assert!(dockerfile.contains(&label), "docker/Dockerfile has not {label}");
}

fn inspect(world: &World, name: &str) -> Value {
    let all: Value = serde_json::from_str(&world.tell(&format!("docker inspect {name}"))).expect("JSON");
    all[0].clone()
}

pub(crate) fn is_small(world: &World) {
    let image = inspect(world, "quadzero");
    let size = image["Size"].as_u64().expect("octets");
    assert!(size < LARGEST, "{size} octets");
    let config = &image["Config"];
    assert_eq!(
        (config["User"].as_str(), &config["Entrypoint"][0]),
        (Some("65532:65532"), &"/quadzero".into())
    );
    assert_eq!(config["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0 OR MIT");
    let files = world
        .tell("cd $(docker image mount quadzero) && find . -not -type d -printf '%m %u %p\n' | sort -k 3");
    let expected = "\
644 root ./etc/ssl/certs/ca-certificates.crt
644 root ./licenses/LICENSE
644 root ./licenses/LICENSE-APACHE
644 root ./licenses/LICENSE-MIT
755 root ./quadzero
";
    assert_eq!(files, expected);
}

/// The tree once more, without what is not to go into the image.
pub(crate) fn copy(world: &World, name: &str) -> PathBuf {
    let there = world.folder().join(name);
    let (from, to) = (root().display(), there.display());
    let without =
        ["./target", "./.git", "./tests/fuzz/target"].map(|path| format!("--exclude {path}")).join(" ");
    world.tell(&format!("mkdir -p '{to}' && tar -C '{from}' {without} -c . | tar -C '{to}' -x"));
    there
}

/// In the format of OCI. In that of Docker podman notes the random name of the container in which it has built, and so the
/// layers alone are the same.
pub(crate) fn is_the_same_from_elsewhere(world: &World) {
    let there = copy(world, "elsewhere");
    images::quadzero(world, root(), "here", "--format oci");
    images::quadzero(world, &there, "elsewhere", "--format oci --no-cache");
    let [here, elsewhere, docker] = ["here", "elsewhere", "quadzero"].map(|name| inspect(world, name));
    assert_eq!(here["Digest"], elsewhere["Digest"]);
    assert_eq!(here["RootFS"], docker["RootFS"]);
}

/// Another folder, another home of cargo, no container: the same octets, and no path of this machine among them.
pub(crate) fn has_the_same_binary_as_a_build_elsewhere(world: &World) {
    let (there, binary) = (copy(world, "another tree"), world.folder().join("binary"));
    let mut build = Command::new("nice");
    build.arg(there.join("docker/build")).arg(&binary);
    build.env("CARGO_TARGET_DIR", root().join("target/elsewhere")).env("CARGO_NET_OFFLINE", "true");
    let out = build.output().expect("sh runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let image = world.tell("docker image mount quadzero");
    world.tell(&format!("cmp {} {}/quadzero", binary.display(), image.trim()));
    let octets = fs::read(&binary).expect("it was built");
    for path in [&there, &root().to_owned(), &images::cargo_home()] {
        let path = path.to_string_lossy().into_owned();
        assert!(!octets.windows(path.len()).any(|part| part == path.as_bytes()), "{path} is in the binary");
    }
}

/// The files of the compose scenario, in another network.
fn file(world: &World, name: &str) -> String {
    let text = fs::read_to_string(root().join("docker/compose").join(name)).expect("the work tree");
    let path = world.write(name, &text.replace("172.30.179.", "172.30.178."));
    format!("--volume {}:/etc/quadzero/{name}:ro", path.display())
}

const STRICT: &str = "--read-only --cap-drop ALL --sysctl net.ipv4.ip_unprivileged_port_start=0";

pub(crate) fn exchanges_routes(world: &World) {
    world.tell("docker network create --subnet 172.30.178.0/24 routes");
    let start = |name: &str, number: u8, command: &str| {
        let file = file(world, &format!("{name}.toml"));
        world.tell(&format!(
            "docker run -d --name one-{name} --network routes --ip 172.30.178.{number} {STRICT} {file} quadzero {command}"
        ));
    };
    start("edge", 130, "run -c /etc/quadzero/edge.toml");
    start("azure", 4, "azure -c /etc/quadzero/azure.toml");
    let learned = || {
        let query = "--query \"value[?origin=='EBgp'].network\" -o tsv";
        let out = world.sh(&format!("docker exec one-azure /quadzero azure show learned-routes {query}"));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    wait_until("the mock learns the routes", PATIENCE, || learned() == "0.0.0.0/0\n10.50.0.0/15\n");
    world.tell("docker healthcheck run one-edge && docker healthcheck run one-azure");
    let healthy = world.tell("docker exec one-edge /quadzero health");
    assert_eq!(healthy, "healthy: edge AS 65010, 1 of 3 sessions established\n");
    may_do_nothing(world, "one-edge");
    finds_others_by_name(world);
    world.tell("docker stop --time 30 one-edge");
    assert_eq!(inspect(world, "one-edge")["State"]["ExitCode"], 0);
    wait_until("the routes are withdrawn", PATIENCE, || learned().is_empty());
    world.tell("docker rm --force --time 0 --volumes one-edge one-azure && docker network rm routes");
}

/// No root, no capability, nothing to write to but the volume of the control socket.
fn may_do_nothing(world: &World, name: &str) {
    let container = inspect(world, name);
    assert_eq!(container["HostConfig"]["ReadonlyRootfs"], true);
    let status = world.tell(&format!("cat /proc/{}/status", container["State"]["Pid"]));
    let line = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)).expect("proc(5)").trim().to_owned()
    };
    assert_eq!(line("Uid:"), ["65532"; 4].join("\t"));
    assert_eq!(u64::from_str_radix(&line("CapPrm:"), 16), Ok(0), "{status}");
}

/// A static binary has glibc's resolver, with nothing in the image but what it brings.
fn finds_others_by_name(world: &World) {
    let out = world.sh("docker run --rm --network routes quadzero health azure --url http://one-azure:8179");
    let error = String::from_utf8_lossy(&out.stderr);
    // There is nobody but on loopback: the name is found.
    assert!(error.contains("Connection refused"), "{error}");
    let out =
        world.sh("docker run --rm --network routes quadzero health azure --url http://nobody.invalid:8179");
    assert!(!String::from_utf8_lossy(&out.stderr).contains("Connection refused"));
}

pub(crate) fn knows_when_it_is_not_well(world: &World) {
    let file = file(world, "edge.toml");
    world.tell(&format!(
        "docker run -d --name alone --network none {STRICT} {file} quadzero run -c /etc/quadzero/edge.toml"
    ));
    let is_well = || world.sh("docker healthcheck run alone").status.success();
    wait_until("it is healthy", PATIENCE, is_well);
    let pid = inspect(world, "alone")["State"]["Pid"].clone();
    world.tell(&format!("kill -STOP {pid}"));
    let out = world.sh("docker exec alone /quadzero health");
    assert!(!out.status.success());
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(error.starts_with("unhealthy: the control socket: "), "{error}");
    assert!(!is_well());
    world.tell(&format!("kill -CONT {pid}"));
    wait_until("it is healthy again", PATIENCE, is_well);
    let out = world.sh("docker exec alone /quadzero health --ready");
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(error.starts_with("not ready: edge AS 65010: neighbor azure ("), "{error}");
    world.tell("docker rm --force --time 0 --volumes alone");
}
