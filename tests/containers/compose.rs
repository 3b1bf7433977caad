//! compose.yaml, as `docker compose up --wait` has it, as far as that file needs it. What it says and this does not know is an
//! error.

use crate::world::World;
use quadzero_tests::{PATIENCE, root, wait_until};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    services: BTreeMap<String, Service>,
    networks: BTreeMap<String, Network>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    image: String,
    build: Option<Build>,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    depends_on: Vec<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_add: Vec<String>,
    #[serde(default)]
    cap_drop: Vec<String>,
    #[serde(default)]
    sysctls: BTreeMap<String, String>,
    volumes: Vec<String>,
    networks: BTreeMap<String, Attachment>,
    healthcheck: Option<HealthCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    context: String,
    dockerfile: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attachment {
    ipv4_address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthCheck {
    test: Vec<String>,
    #[serde(rename = "interval")]
    _interval: String,
    #[serde(rename = "timeout")]
    _timeout: String,
    #[serde(rename = "retries")]
    _retries: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    ipam: Ipam,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ipam {
    config: Vec<BTreeMap<String, String>>,
}

fn folder() -> PathBuf {
    root().join("docker")
}

pub(crate) fn works(world: &World) {
    let text = fs::read_to_string(folder().join("compose.yaml")).expect("docker/compose.yaml");
    let file: File = serde_saphyr::from_str(&text).expect("YAML");
    for (name, Network { ipam }) in &file.networks {
        let subnet = &ipam.config[0]["subnet"];
        world.tell(&format!("docker network create --subnet {subnet} {}_{name}", file.name));
    }
    for (name, service) in &file.services {
        start(world, &file, name, service);
    }
    for (name, service) in &file.services {
        let Some(HealthCheck { test, .. }) = &service.healthcheck else { continue };
        assert_eq!(test[0], "CMD", "{name}");
        let check = format!("docker exec {} {}", container(&file, name), test[1..].join(" "));
        let end = Instant::now() + 2 * PATIENCE;
        while let Err(why) = world.ask(&check) {
            assert!(Instant::now() < end, "{name}: {why}");
            sleep(Duration::from_millis(500));
        }
    }
    everybody_has_the_routes(world, &file);
    let names: Vec<String> = file.services.keys().map(|name| container(&file, name)).collect();
    world.tell(&format!("docker rm --force --time 0 --volumes {}", names.join(" ")));
}

fn container(file: &File, service: &str) -> String {
    format!("{}-{service}-1", file.name)
}

fn start(world: &World, file: &File, name: &str, service: &Service) {
    if let Some(Build { context, dockerfile }) = &service.build {
        builds(world, &service.image, context, dockerfile);
    }
    assert!(
        service.depends_on.iter().all(|other| file.services.contains_key(other)),
        "{name} waits for nobody"
    );
    let mut options = vec![format!("--name {}", container(file, name))];
    options.extend(service.read_only.then(|| "--read-only".to_owned()));
    options.extend(service.cap_add.iter().map(|capability| format!("--cap-add {capability}")));
    options.extend(service.cap_drop.iter().map(|capability| format!("--cap-drop {capability}")));
    options.extend(service.sysctls.iter().map(|(key, value)| format!("--sysctl {key}={value}")));
    options.extend(service.volumes.iter().map(|volume| format!("--volume {}/{volume}", folder().display())));
    for (network, Attachment { ipv4_address }) in &service.networks {
        options.push(format!("--network {}_{network} --ip {ipv4_address}", file.name));
    }
    let (options, command) = (options.join(" "), service.command.join(" "));
    world.tell(&format!("docker run --detach {options} {} {command}", service.image));
}

/// That of quadzero is built already, from where this says.
fn builds(world: &World, image: &str, context: &str, dockerfile: &str) {
    if image == "quadzero" {
        assert_eq!((context, dockerfile), ("..", "docker/Dockerfile"));
    } else {
        world.tell(&format!("docker build -t {image} -f {context}/{dockerfile} {context}"));
    }
}

fn everybody_has_the_routes(world: &World, file: &File) {
    let answer = |service: &str, words: &str| -> Value {
        let out = world.sh(&format!("docker exec {} {words}", container(file, service)));
        serde_json::from_slice(&out.stdout).unwrap_or_default()
    };
    let learned = || {
        let rows = answer("azure", "/quadzero azure show learned-routes")["value"].clone();
        let rows = rows.as_array().cloned().unwrap_or_default();
        let of_peers = rows.iter().filter(|row| row["origin"] == "EBgp");
        of_peers.map(|row| format!("{} {}", row["network"], row["asPath"])).collect::<Vec<_>>().join(", ")
    };
    let expected = r#""0.0.0.0/0" "65010", "10.50.0.0/15" "65010", "10.60.0.0/16" "65020""#;
    wait_until("the gateway has all routes", PATIENCE, || learned() == expected);
    wait_until("FRR has the default route", PATIENCE, || {
        let shown = answer("branch", "vtysh -c 'show bgp ipv4 unicast 0.0.0.0/0 json'");
        shown["paths"][0]["aspath"]["string"] == "65010"
    });
    wait_until("GoBGP has the default route", PATIENCE, || {
        answer("core", "gobgp --json global rib")["0.0.0.0/0"][0]["nlri"]["prefix"] == "0.0.0.0/0"
    });
}
