//! The files of containerlab, deployed as containerlab does it, by podman; as far as these files need it. What they say and
//! this does not know is an error.
//!
//! ```text
//!   create ──► create-links ──► configure ──► all others likewise ──► exec
//!     ▲             └ exec, on-exit   └ who waits for it is created now
//!     └ wait-for
//! ```

use crate::world::World;
use jsonschema::validator_for;
use quadzero_tests::{PATIENCE, root};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    topology: Topology,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topology {
    defaults: Node,
    nodes: BTreeMap<String, Node>,
    links: Vec<Link>,
}

/// A node, or what holds for all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Node {
    kind: Option<String>,
    image_pull_policy: Option<String>,
    image: Option<String>,
    network_mode: Option<String>,
    cmd: Option<String>,
    #[serde(default)]
    binds: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, Value>,
    #[serde(default)]
    exec: Vec<String>,
    #[serde(default)]
    sysctls: BTreeMap<String, Value>,
    #[serde(default)]
    stages: Stages,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Stages {
    #[serde(default)]
    create: Create,
    #[serde(default)]
    create_links: CreateLinks,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Create {
    wait_for: Vec<WaitFor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitFor {
    node: String,
    stage: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateLinks {
    exec: Vec<Exec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exec {
    command: String,
    phase: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    endpoints: [String; 2],
}

fn folder() -> PathBuf {
    root().join("docker/containerlab")
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every topology is one that containerlab's own schema allows; and one that is wrong is not.
pub(crate) fn fit_the_schema() {
    let schema: Value = serde_json::from_str(include_str!("containerlab/clab.schema.json")).expect("JSON");
    let validator = validator_for(&schema).expect("a schema");
    let files = fs::read_dir(folder()).expect("docker/containerlab").flatten().map(|entry| entry.path());
    let topologies: Vec<PathBuf> =
        files.filter(|path| path.to_string_lossy().ends_with(".clab.yml")).collect();
    assert_eq!(topologies.len(), 3, "{topologies:?}");
    for path in topologies {
        let mut file: Value = serde_saphyr::from_str(&read(&path)).expect("YAML");
        let errors: Vec<String> = validator.iter_errors(&file).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        file["topology"]["defaults"]["image-pull-policy"] = "sometimes".into();
        assert!(!validator.is_valid(&file), "the schema takes anything");
    }
}

/// Deploys the topology, and asks what its file of expectations asks.
pub(crate) fn shows_what_is_expected(world: &World, name: &str) {
    let file: File = serde_saphyr::from_str(&read(&folder().join(format!("{name}.clab.yml")))).expect("YAML");
    assert_eq!(file.name, name, "the name of the file is that of the lab");
    deploy(world, &file);
    let path = folder().join(name).join("expected.txt");
    let expected = read(&path);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let seen: String = asked(&expected).map(|(line, _)| settled(world, line)).collect();
        fs::write(&path, seen).expect("the work tree can be written");
    } else {
        asked(&expected).for_each(|(line, answer)| expect(world, line, &answer));
    }
    // Whoever shares the network of another goes first.
    for shares in [true, false] {
        let nodes = file.topology.nodes.iter().filter(|(_, node)| (parent(node).is_some()) == shares);
        let names: Vec<String> = nodes.map(|(node, _)| container(&file, node)).collect();
        world.tell(&format!("docker rm --ignore --force --time 0 --volumes {}", names.join(" ")));
    }
}

/// Lines that begin with `$ `, and what follows each of them.
fn asked(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.split("$ docker ").skip(1).map(|part| {
        let (line, answer) = part.split_once('\n').unwrap_or((part, ""));
        (line, answer.trim_end().to_owned())
    })
}

fn answer(world: &World, line: &str) -> String {
    let out = world.sh(&format!("docker {line}"));
    let [text, error] = [&out.stdout, &out.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
    (text + &error).trim_end().to_owned()
}

/// Routes take their time: whoever has dialed too early dials again half a minute later.
fn expect(world: &World, line: &str, expected: &str) {
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        let seen = answer(world, line);
        if seen == expected {
            return;
        }
        assert!(Instant::now() < end, "docker {line}\nanswers\n{seen}\nand not\n{expected}");
        sleep(Duration::from_millis(200));
    }
}

/// For a new file of expectations, which somebody will read: what is answered for ten seconds without a change.
fn settled(world: &World, line: &str) -> String {
    let (mut last, mut since) = (answer(world, line), Instant::now());
    while since.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(500));
        let now = answer(world, line);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    format!("$ docker {line}\n{last}{}\n", if last.is_empty() { "" } else { "\n" })
}

// Deploying.

fn container(file: &File, node: &str) -> String {
    format!("clab-{}-{node}", file.name)
}

fn deploy(world: &World, file: &File) {
    let defaults = &file.topology.defaults;
    assert_eq!(defaults.kind.as_deref(), Some("linux"));
    assert_eq!(defaults.image_pull_policy.as_deref(), Some("Never"));
    let (mut created, mut configured, mut linked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let nodes = &file.topology.nodes;
    while configured.len() < nodes.len() {
        let before = (created.len(), configured.len());
        for (name, node) in nodes {
            if !created.contains(name) && may_be_created(node, &created, &configured) {
                create(world, file, name, node);
                created.insert(name.clone());
            }
        }
        for (number, link) in file.topology.links.iter().enumerate() {
            let ends = link.endpoints.each_ref().map(|end| end.split_once(':').expect("NODE:INTERFACE"));
            if ends.iter().all(|(node, _)| created.contains(*node)) && linked.insert(number) {
                join(world, file, number, ends);
            }
        }
        for name in &created {
            let is_of = |link: &Link| link.endpoints.iter().any(|end| end.starts_with(&format!("{name}:")));
            let mut links = file.topology.links.iter().enumerate().filter(|(_, link)| is_of(link));
            if links.all(|(number, _)| linked.contains(&number)) && configured.insert(name.clone()) {
                configure(world, file, name);
            }
        }
        assert_ne!(before, (created.len(), configured.len()), "{}: nodes wait for each other", file.name);
    }
    for (name, node) in nodes {
        node.exec.iter().for_each(|command| exec(world, file, name, command));
    }
}

/// Whose network it shares.
fn parent(node: &Node) -> Option<&str> {
    node.network_mode.as_deref()?.strip_prefix("container:")
}

fn may_be_created(node: &Node, created: &BTreeSet<String>, configured: &BTreeSet<String>) -> bool {
    let has_parent = parent(node).is_none_or(|parent| created.contains(parent));
    has_parent
        && node.stages.create.wait_for.iter().all(|wait| {
            assert_eq!(wait.stage, "configure", "no other stage is known here");
            configured.contains(&wait.node)
        })
}

/// Privileged, as containerlab has it: who is root in there may do everything; quadzero is not.
fn create(world: &World, file: &File, name: &str, node: &Node) {
    let mut options = vec![format!("--privileged --name {}", container(file, name))];
    options.push(match node.network_mode.as_deref().map(|mode| mode.split_once(':').unwrap_or((mode, ""))) {
        Some(("none", _)) => "--network none".to_owned(),
        Some(("container", parent)) => format!("--network container:{}", container(file, parent)),
        other => panic!("network-mode {other:?} is not known here"),
    });
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    options.extend(node.sysctls.iter().map(|(key, value)| format!("--sysctl {key}={}", plain(value))));
    options.extend(node.env.iter().map(|(key, value)| format!("--env '{key}={}'", plain(value))));
    options.extend(node.binds.iter().map(|bind| format!("--volume {}/{bind}", folder().display())));
    let image = node.image.as_deref().expect("each node has an image");
    let command = node.cmd.as_deref().unwrap_or_default();
    world.tell(&format!("docker run --detach {} {image} {command}", options.join(" ")));
}

/// A veth pair, an end in each.
fn join(world: &World, file: &File, number: usize, ends: [(&str, &str); 2]) {
    let ends = ends.map(|(node, interface)| {
        let pid =
            world.tell(&format!("docker inspect --format '{{{{.State.Pid}}}}' {}", container(file, node)));
        (pid.trim().to_owned(), interface)
    });
    let here = |end: usize| format!("{}-{number}{end}", &file.name[..3]);
    world.tell(&format!("ip link add {} type veth peer name {}", here(0), here(1)));
    for (end, (pid, interface)) in ends.iter().enumerate() {
        let link = here(end);
        world.tell(&format!(
            "ip link set {link} netns {pid} name {interface} && nsenter -t {pid} -n ip link set {interface} up"
        ));
    }
}

fn configure(world: &World, file: &File, name: &str) {
    for Exec { command, phase } in &file.topology.nodes[name].stages.create_links.exec {
        assert_eq!(phase, "on-exit", "no other phase is known here");
        exec(world, file, name, command);
    }
}

fn exec(world: &World, file: &File, name: &str, command: &str) {
    world.tell(&format!("docker exec {} {command}", container(file, name)));
}
