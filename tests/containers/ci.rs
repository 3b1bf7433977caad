//! The workflow of docker/ci, step by step, as the runner of a repository that has copied it does it.

use crate::image::copy;
use crate::world::World;
use quadzero_tests::root;
use serde_json::Value;
use std::fs;

pub(crate) fn passes(world: &World) {
    let here = root().join("docker/ci");
    copy(world, "repository/quadzero");
    let repository = world.folder().join("repository");
    for name in ["azure.toml", "frr.conf"] {
        fs::copy(here.join(name), repository.join(name)).expect("docker/ci has it");
    }
    let text = fs::read_to_string(here.join("edge.yml")).expect("docker/ci has it");
    let workflow: Value = serde_saphyr::from_str(&text).expect("YAML");
    let steps = workflow["jobs"]["azure"]["steps"].as_array().expect("steps");
    // What is there for the case of failure must not fail itself.
    for (number, step) in steps.iter().enumerate() {
        let Some(run) = step["run"].as_str() else { continue };
        let script = world.write(&format!("repository/step-{number}"), run);
        world.tell(&format!("cd {} && bash -e {}", repository.display(), script.display()));
    }
    world.tell("docker rm --force --time 0 --volumes edge azure && docker network rm edge-test");
}
