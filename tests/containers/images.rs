//! Images, without pulling any: the Dockerfiles are built as they are shipped, on bases that are made of what this machine has.
//!
//! ```text
//!   rust:1.95-slim-bookworm   next to nothing; while something is built, this machine's /usr, toolchain and cargo's downloads
//!   debian:bookworm-slim      the installed Debian packages of the peers, with all that they depend on, and an apt-get that
//!                             says whether what it is to install is among them
//! ```

use crate::world::World;
use quadzero_tests::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed in the images of the peers, and the shell and tools that a Debian image has.
const PACKAGES: [&str; 9] = ["frr", "gobgpd", "iproute2", "bash", "dash", "coreutils", "sed", "grep", "mawk"];

/// Builds them all.
pub(crate) fn build(world: &World) {
    let bases = world.folder().join("bases");
    rust(&bases.join("rust"));
    debian(&bases.join("debian"));
    let environment = ["PATH=/rust/bin:/usr/bin:/bin", "CARGO_HOME=/cargo", "CARGO_NET_OFFLINE=true"];
    let environment = environment.map(|variable| format!("--change 'ENV {variable}'")).join(" ");
    import(world, &bases.join("rust"), &environment, "localhost/rust:1.95-slim-bookworm");
    import(world, &bases.join("debian"), "", "localhost/debian:bookworm-slim");
    fs::remove_dir_all(&bases).expect("the test's own folder");
    forget_what_has_changed();
    world.write("build", &flags());
    quadzero(world, root(), "quadzero", "");
    for peer in ["frr", "gobgp", "host"] {
        world.tell(&format!("docker build -t quadzero-{peer} -f peers/{peer}.Dockerfile peers"));
    }
}

/// Where cargo's own folder outlives the builds in containers, so that only the first one compiles what others have written.
fn kept() -> PathBuf {
    root().join("target/image")
}

/// Cargo goes by the times of files, which are all the same in there: what we have written is compiled anew, unless it is what was
/// compiled last.
fn forget_what_has_changed() {
    let sources = "tar -c --sort=name --mtime=@0 Cargo.toml Cargo.lock config crates docker/build";
    let at_root = |line: String| output("sh", &["-ec", &format!("cd '{}' && {line}", root().display())]);
    let now = at_root(format!("{sources} | sha256sum"));
    let stamp = kept().join("sources");
    if fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return;
    }
    let _was_never_built = fs::remove_file(&stamp);
    at_root("rm -rf target/image/*/release/.fingerprint/quadzero*".into());
    fs::create_dir_all(kept()).expect("target is ours");
    fs::write(&stamp, now).expect("target is ours");
}

/// The image of a work tree, as README.md has it.
pub(crate) fn quadzero(world: &World, tree: &Path, name: &str, more: &str) {
    let tree = tree.display();
    world.tell(&format!("docker build {more} -f {tree}/docker/Dockerfile -t {name} {tree}"));
}

/// What podman is told besides, whoever builds it: that it is always the beginning of all times, and what the base is made of.
fn flags() -> String {
    let toolchain = output("rustc", &["--print", "sysroot"]);
    let (registry, kept) = (cargo_home().join("registry"), kept());
    fs::create_dir_all(&kept).expect("target is ours");
    let volumes = [
        (Path::new("/usr"), "/usr:ro"),
        (Path::new("/etc/alternatives"), "/etc/alternatives:ro"),
        (Path::new(toolchain.trim()), "/rust:ro"),
        (&registry, "/cargo/registry:ro"),
        (&kept, "/src/target"),
    ];
    let volumes = volumes.iter().map(|(here, there)| format!(" -v {}:{there}", here.display()));
    format!("--format docker --timestamp 0{}", volumes.collect::<String>())
}

fn import(world: &World, folder: &Path, changes: &str, name: &str) {
    let folder = folder.display();
    world.tell(&format!("tar -C {folder} -c . | docker import {changes} - {name}"));
}

pub(crate) fn cargo_home() -> PathBuf {
    std::env::var_os("CARGO_HOME")
        .map_or_else(|| Path::new(&std::env::var_os("HOME").expect("a home")).join(".cargo"), PathBuf::from)
}

fn output(program: &str, arguments: &[&str]) -> String {
    let out = Command::new(program).args(arguments).output();
    let out = out.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

/// The folders of a root file system, as Debian 12 has them.
fn skeleton(at: &Path) {
    for folder in ["dev", "etc", "proc", "root", "run", "sys", "tmp", "usr", "var/tmp"] {
        fs::create_dir_all(at.join(folder)).expect("the test's own folder");
    }
    for merged in ["bin", "lib", "lib64", "sbin"] {
        symlink(format!("usr/{merged}"), at.join(merged)).expect("the test's own folder");
    }
    symlink("/run", at.join("var/run")).expect("the test's own folder");
    for file in ["group", "ld.so.cache", "passwd"] {
        fs::copy(Path::new("/etc").join(file), at.join("etc").join(file)).expect("Debian has it");
    }
}

fn rust(at: &Path) {
    skeleton(at);
    for folder in ["cargo/registry", "etc/ssl/certs", "rust"] {
        fs::create_dir_all(at.join(folder)).expect("the test's own folder");
    }
    let certificates = "etc/ssl/certs/ca-certificates.crt";
    fs::copy(Path::new("/").join(certificates), at.join(certificates))
        .expect("ca-certificates are installed");
}

fn debian(at: &Path) {
    skeleton(at);
    let packages = with_dependencies();
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    let files = output("dpkg", &[&["-L"], &names[..]].concat());
    // By the real names of their folders: tar would replace /lib, a link, by a folder.
    let places: BTreeSet<PathBuf> = files.lines().filter_map(|line| real(Path::new(line))).collect();
    let list = at.with_extension("list");
    let text: Vec<&str> = places.iter().filter_map(|place| place.to_str()).collect();
    fs::write(&list, text.join("\n")).expect("the test's own folder");
    let copy = "tar -C / -c --no-recursion -T \"$1\" | tar -C \"$2\" -x";
    output("sh", &["-ec", copy, "sh", &list.display().to_string(), &at.display().to_string()]);
    let known = names.join(" ");
    fs::write(at.join("usr/bin/apt-get"), APT_GET.replace("KNOWN", &known)).expect("the test's own folder");
    output("chmod", &["755", &at.join("usr/bin/apt-get").display().to_string()]);
}

/// Neither documents, which nobody reads here, nor what is no file.
fn real(path: &Path) -> Option<PathBuf> {
    let unread = ["/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/info"];
    if unread.iter().any(|folder| path.starts_with(folder)) || path.file_name().is_none_or(|name| name == ".")
    {
        return None;
    }
    let place = fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?);
    let is = fs::symlink_metadata(&place).ok()?;
    (is.is_file() || is.is_symlink()).then(|| place.strip_prefix("/").expect("from the root on").to_owned())
}

const APT_GET: &str = r#"#!/bin/sh
[ "$1" = update ] && exit
[ "$1" = install ] || exit 1
shift
for word; do
    case " KNOWN -y --no-install-recommends " in
        *" $word "*) ;;
        *) echo "apt-get: $word is not in this image: add it to PACKAGES of tests/containers/images.rs" >&2; exit 1 ;;
    esac
done
"#;

/// [`PACKAGES`], and what of the installed packages these need.
fn with_dependencies() -> BTreeSet<String> {
    let listed = output("dpkg-query", &["-W", "-f", "${Package}\t${Pre-Depends}, ${Depends}\t${Provides}\n"]);
    let rows: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    let needs: BTreeMap<&str, &str> = rows.iter().map(|row| (row[0], row[1])).collect();
    let mut providers: BTreeMap<&str, &str> = needs.keys().map(|name| (*name, *name)).collect();
    for row in &rows {
        row[2].split(',').map(name).for_each(|provided| {
            providers.entry(provided).or_insert(row[0]);
        });
    }
    let (mut wanted, mut found) = (PACKAGES.to_vec(), BTreeSet::new());
    while let Some(package) = wanted.pop() {
        let package = providers[package];
        if found.insert(package.to_owned()) {
            let alternatives = needs[package].split(',').map(|one| one.split('|').map(name));
            wanted.extend(alternatives.filter_map(|mut one| one.find(|name| providers.contains_key(name))));
        }
    }
    found
}

/// Of `libc6:any (>= 2.36)` the name.
fn name(dependency: &str) -> &str {
    dependency.trim().split([' ', ':', '(']).next().unwrap_or_default()
}
