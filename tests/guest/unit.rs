//! The files of config/systemd, by systemd's own tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, process};

use quadzero_tests::{binary, installed, root};

/// A folder with the units as they are, but for where the program is. It goes with the value.
struct Units(PathBuf);

impl Units {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("qz-units-{}-{name}", process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder can be written");
        for file in ["quadzero.service", "quadzero.socket"] {
            let text = fs::read_to_string(shipped(file)).expect("it is shipped");
            let here = binary().to_str().expect("a path of this machine is UTF-8");
            fs::write(folder.join(file), text.replace("/usr/bin/quadzero", here)).expect("a file");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn shipped(name: &str) -> PathBuf {
    root().join("config/systemd").join(name)
}

fn analyze(arguments: &[&str], files: &[PathBuf]) -> (bool, String) {
    let mut command = Command::new(installed("systemd", Path::new("systemd-analyze")));
    let Output { status, stdout, stderr } =
        command.args(arguments).args(files).env("SYSTEMD_COLORS", "0").output().expect("it runs");
    (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[test]
fn the_unit_exposes_less_than_2_of_10() {
    let units = Units::new("security");
    let service = [units.path("quadzero.service")];
    let (is_below, report) = analyze(&["security", "--offline=yes", "--threshold=19"], &service);
    assert!(is_below, "{report}");
    // The same question has another answer without what hardens it.
    let text = fs::read_to_string(&service[0]).expect("a unit").replace("SystemCallFilter", "#");
    fs::write(&service[0], text).expect("a file");
    let (is_below, report) = analyze(&["security", "--offline=yes", "--threshold=19"], &service);
    assert!(!is_below, "{report}");
}

#[test]
fn systemd_has_nothing_to_say_against_the_units() {
    let units = Units::new("verify");
    let files = ["quadzero.service", "quadzero.socket"].map(|name| units.path(name));
    assert_eq!(analyze(&["verify", "--man=no"], &files), (true, String::new()));
}

/// Of systemd 252, whose only complaint about the drop-in is that it does not know the type yet.
#[test]
fn the_drop_in_for_notify_reload_is_what_newer_systemds_take() {
    let units = Units::new("drop-in");
    let folder = units.path("quadzero.service.d");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(shipped("notify-reload.conf"), folder.join("notify-reload.conf")).expect("a file");
    let (_, said) = analyze(&["verify", "--man=no"], &[units.path("quadzero.service")]);
    let complaints: Vec<&str> =
        said.lines().filter(|line| !line.contains("ignoring: notify-reload")).collect();
    assert_eq!(complaints, Vec::<&str>::new());
}
