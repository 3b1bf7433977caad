//! What a running edge can still do: not what it says of that, but what the kernel does.

use std::fs;
use std::os::unix::fs::symlink;

use quadzero_tests::{Namespace, PATIENCE, Quadzero, Wire, wait_until};

use super::{EDGE, File, OTHER, launched, wait_for_line, wait_until_up};

/// A port that needs no privilege.
const HIGH: File<'static> = File { listen: "\"192.0.2.1:1179\"", ..EDGE };
const NO_SANDBOX: &str = "[sandbox]\nenabled = false";

fn started(namespace: &Namespace, file: &File<'_>) -> Quadzero {
    let edge = Quadzero::run(namespace, &file.text());
    wait_until("the edge has started", PATIENCE, || edge.has_said("started"));
    edge
}

/// What proc(5) says of each thread, by a name.
fn threads(edge: &Quadzero, name: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", edge.process().id())).expect("it runs");
    let value = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
    };
    tasks
        .map(|task| value(fs::read_to_string(task.expect("a task").path().join("status")).expect("it runs")))
        .collect()
}

#[test]
fn every_thread_keeps_what_its_configuration_needs_and_no_more() {
    let [low, high, whole] = [(); 3].map(|()| Namespace::alone("192.0.2.0/24"));
    let all_are = |edge: &Quadzero, name: &str, value: &str| {
        let found = threads(edge, name);
        assert!(
            found.len() > 1 && found.iter().all(|found| found == value),
            "{name}: {found:?}, not {value}"
        );
    };
    {
        // CAP_NET_BIND_SERVICE, 1 << 10.
        let edge = started(&low, &EDGE);
        for name in ["CapEff", "CapPrm", "CapBnd"] {
            all_are(&edge, name, "0000000000000400");
        }
        for (name, value) in [
            ("CapInh", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
        ] {
            all_are(&edge, name, value);
        }
        wait_for_line(
            &edge,
            &[
                "sandbox",
                "CAP_NET_BIND_SERVICE",
                "no new privileges, fewer capabilities, files (landlock), calls (seccomp)",
            ],
        );
    }
    {
        let edge = started(&high, &HIGH);
        for name in ["CapEff", "CapPrm", "CapBnd"] {
            all_are(&edge, name, "0000000000000000");
        }
    }
    let edge = started(&whole, &File { more: NO_SANDBOX, ..EDGE });
    wait_for_line(&edge, &["no sandbox"]);
    all_are(&edge, "NoNewPrivs", "0");
    all_are(&edge, "Seccomp", "0");
    assert_ne!(threads(&edge, "CapEff")[0], "0000000000000400");
}

/// The folder that the configuration names is moved away, and a link to another one put in its place.
#[test]
fn nothing_is_written_but_where_the_configuration_says() {
    let announce = ["announce", "203.0.113.0/24", "--keep"];
    for (more, is_written) in [("", false), (NO_SANDBOX, true)] {
        let wire = Wire::new();
        let here = &wire.left;
        let [kept, elsewhere] = [here.path("kept"), wire.right.path("elsewhere")];
        [&kept, &elsewhere].into_iter().for_each(|folder| fs::create_dir(folder).expect("a folder"));
        let more = format!("[control]\nkeep = \"kept/by-hand.json\"\n{more}");
        let _edge = started(here, &File { more: &more, ..EDGE });
        Quadzero::tell(here, &announce).expect("it is where the configuration says");
        assert!(kept.join("by-hand.json").exists());

        fs::rename(&kept, here.path("moved")).expect("a folder can be moved");
        symlink(&elsewhere, &kept).expect("a link can be made");
        let told = Quadzero::tell(here, &announce);
        assert_eq!(told.is_ok(), is_written, "{told:?}");
        assert_eq!(elsewhere.join("by-hand.json").exists(), is_written);
        assert!(told.is_ok() || told.is_err_and(|error| error.contains("Permission denied")));
    }
}

#[test]
fn a_reload_that_needs_what_was_given_up_changes_nothing_and_says_what() {
    let wire = Wire::new();
    let here = &wire.left;
    let edge = started(here, &HIGH);
    here.write("run.toml", &EDGE.text());
    let error = Quadzero::tell(here, &["reload"]).expect_err("port 179 needs what is gone");
    assert!(error.contains("given up CAP_NET_BIND_SERVICE, which it needs now: restart for it"), "{error}");
    fs::create_dir(here.path("kept")).expect("a folder");
    let elsewhere = File { more: "[control]\nkeep = \"/var/tmp/by-hand.json\"", ..HIGH };
    here.write("run.toml", &elsewhere.text());
    let error = Quadzero::tell(here, &["reload"]).expect_err("it may not be written there");
    assert!(error.contains("nothing be written in /var/tmp: restart for it"), "{error}");
    // Below what it may write, it may.
    here.write("run.toml", &File { more: "[control]\nkeep = \"kept/by-hand.json\"", ..HIGH }.text());
    Quadzero::tell(here, &["reload"]).expect("the folder is below that of the control socket");
    Quadzero::tell(here, &["announce", "203.0.113.0/24", "--keep"]).expect("and so it can be written");
    assert!(!edge.has_said("stopping"));
}

/// A key changes, a neighbor dials again, somebody else's file is read: what an edge does in its life it does in the sandbox.
#[test]
fn a_reload_reads_keys_again_and_files_of_others() {
    const NOBODY: Option<u32> = Some(65534);
    let wire = Wire::new();
    let (here, there) = (&wire.left, &wire.right);
    for end in [here, there] {
        let key = end.write("key", "first");
        std::os::unix::fs::chown(&key, NOBODY, NOBODY).expect("root may give away");
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("and that");
    }
    let keys = "password-file = \"key\"";
    let edge = started(here, &File { keys, ..EDGE });
    let _other = started(there, &File { keys, ..OTHER });
    wait_until_up(here);
    wait_for_line(&edge, &["sandbox", "CAP_DAC_READ_SEARCH"]);
    for end in [here, there] {
        end.write("key", "second");
        Quadzero::tell(end, &["reload"]).expect("the key is read");
    }
    wait_for_line(&edge, &["TCP MD5 key changed"]);
    wait_until_up(here);
}

#[test]
fn what_the_kernel_does_not_have_is_said_and_the_edge_runs_without() {
    for (missing, what) in [("landlock", "files (landlock)"), ("seccomp", "calls (seccomp)")] {
        let wire = Wire::new();
        let edge = Quadzero::run_by(launched(&wire.left, &["--without", missing]), &wire.left, &EDGE.text());
        wait_for_line(&edge, &["WARN", what, "cannot be had here, and the edge runs without"]);
        let _other = started(&wire.right, &OTHER);
        wait_until_up(&wire.left);
    }
}
