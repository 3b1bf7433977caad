//! A lab leaves nothing behind: no process, no namespace, no file. Labs that end badly are tests of this program as well, which a
//! test starts in a process of their own, and then looks for what is left of them.

use crate::lab::{Lab, Streams};
use crate::plan::{FORCED, PRIVATE};
use quadzero_tests::{Namespace, PATIENCE, wait_until};
use std::path::Path;
use std::process::{Command, Output, id};
use std::{env, fs};

#[test]
fn a_test_that_fails_leaves_nothing_behind() {
    let out = run("leftovers::fails");
    assert!(String::from_utf8_lossy(&out.stderr).contains("on purpose"), "{out:?}");
    Left::of(&out).wait_until_gone();
}

/// What cannot clean up after itself is cleaned up after by the next test that makes a namespace.
#[test]
fn what_a_test_leaves_behind_that_is_killed_the_next_one_removes() {
    let killed = run("leftovers::is_killed");
    assert!(!killed.status.success(), "{killed:?}");
    let next = run("leftovers::comes_next");
    assert!(next.status.success(), "{next:?}");
    Left::of(&killed).wait_until_gone();
}

#[test]
#[ignore = "fails on purpose: a test starts it"]
fn fails() {
    let _lab = busy_lab();
    panic!("on purpose");
}

#[test]
#[ignore = "kills its process on purpose: a test starts it"]
fn is_killed() {
    let _lab = busy_lab();
    let _ = Command::new("sh").args(["-c", &format!("kill -s KILL {}", id())]).status();
    unreachable!("nobody survives that");
}

#[test]
#[ignore = "does nothing of its own: a test starts it"]
fn comes_next() {
    drop(Namespace::bare());
}

/// A lab with everything in it, which says what that is.
fn busy_lab() -> (Streams, Lab) {
    let lab = Lab::start(&PRIVATE, FORCED);
    let streams = Streams::start(&lab);
    for name in namespaces(id()) {
        println!("left namespace {name}");
        let pids = Command::new("ip").args(["netns", "pids", &name]).output().expect("ip runs");
        String::from_utf8_lossy(&pids.stdout)
            .split_whitespace()
            .for_each(|pid| println!("left process {pid}"));
    }
    (streams, lab)
}

/// Those of a test process.
fn namespaces(of: u32) -> Vec<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with(&format!("qz{of}-"))).collect()
}

fn run(test: &str) -> Output {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", test, "--ignored", "--nocapture"]).output().expect("this program runs")
}

/// What there was.
struct Left {
    namespaces: Vec<String>,
    processes: Vec<String>,
}

impl Left {
    fn of(out: &Output) -> Self {
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let lines = |what: &str| {
            let beginning = format!("left {what} ");
            text.lines()
                .filter_map(|line| line.strip_prefix(&beginning).map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let left = Self { namespaces: lines("namespace"), processes: lines("process") };
        // Four charons, two quadzeros, two streams, and those that answer.
        assert!(left.namespaces.len() >= 15 && left.processes.len() >= 16, "{text}");
        left
    }

    /// A process that has ended may stand in the kernel's list until its parent has noticed; then it has no command line.
    fn wait_until_gone(&self) {
        wait_until("all processes have ended", PATIENCE, || {
            self.processes.iter().all(|pid| {
                fs::read(format!("/proc/{pid}/cmdline")).map_or(true, |command| command.is_empty())
            })
        });
        for name in &self.namespaces {
            assert!(!Path::new("/run/netns").join(name).exists(), "namespace {name} is left");
            let folder = env::temp_dir().join(name);
            assert!(!folder.exists(), "{} is left", folder.display());
        }
    }
}
