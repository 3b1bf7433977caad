//! The targets, built as for fuzzing, read the seeds and what they have failed on before.

use quadzero_fuzz::seeds;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGETS: [(&str, &str); 3] = [
    ("decode", env!("CARGO_BIN_EXE_decode")),
    ("session", env!("CARGO_BIN_EXE_session")),
    ("configuration", env!("CARGO_BIN_EXE_configuration")),
];

#[test]
fn every_target_passes_its_seeds_and_what_it_has_failed_on() {
    for (target, program) in TARGETS {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(target);
        fs::create_dir_all(&folder).expect("there is room");
        let mut inputs = found_before(target);
        for seed in seeds().into_iter().filter(|seed| seed.target == target) {
            let path = folder.join(&seed.name);
            fs::write(&path, seed.octets).expect("there is room");
            inputs.push(path);
        }
        assert!(inputs.len() >= 5, "{target} has only {inputs:?}");
        let out = Command::new(program).args(&inputs).output().expect("it was built");
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{target}: {told}");
        assert_eq!(told.matches("Executed ").count(), inputs.len(), "{target}: {told}");
    }
}

fn found_before(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found").join(target);
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("it can be read").path()).collect()
}
