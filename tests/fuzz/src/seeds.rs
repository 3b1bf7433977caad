//! What fuzzing may begin with: made from the recordings and the examples that are there anyway.

use std::fs;
use std::path::{Path, PathBuf};

/// An input of a target.
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// What it is called.
    pub name: String,
    /// The input.
    pub octets: Vec<u8>,
}

/// Every recorded message and each recording as a stream, every example configuration, and lives of a session.
pub fn seeds() -> Vec<Seed> {
    [messages(), configurations(), sessions()].into_iter().flatten().collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a text"))
        })
        .collect();
    files.sort();
    files
}

/// The first octet is the dialect: 0 is the default one, and 1 is that of two-octet speakers (see `decode`).
fn messages() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for (name, text) in files("tests/vectors", "txt") {
        let mut stream = vec![0];
        let mut dialect = 0;
        for (number, line) in text.lines().enumerate() {
            if let Some(words) = line.strip_prefix("dialect: ") {
                dialect = u8::from(words.contains("two-octet")) | u8::from(words.contains("internal")) << 1;
            } else if line.starts_with("FFFF") {
                let octets = hexadecimal(line);
                stream.extend_from_slice(&octets);
                let octets = [&[dialect][..], &octets].concat();
                seeds.push(Seed { target: "decode", name: format!("{name}-{}", number + 1), octets });
                dialect = 0;
            }
        }
        seeds.push(Seed { target: "decode", name, octets: stream });
    }
    seeds
}

fn hexadecimal(line: &str) -> Vec<u8> {
    let digits: Vec<u8> = line.bytes().filter(|octet| *octet != b' ').collect();
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|pair| octet(pair).expect("hexadecimal")).collect()
}

fn configurations() -> Vec<Seed> {
    let files = files("config", "toml").into_iter();
    files.map(|(name, text)| Seed { target: "configuration", name, octets: text.into_bytes() }).collect()
}

/// Start, a connection, OPEN and KEEPALIVE, and then this or that, in the octets that `session` takes apart.
fn sessions() -> Vec<Seed> {
    let established = [7, 1, 2, 0, 4, 2, 0, 0xFF, 5];
    let lives: [(&str, &[u8]); 8] = [
        ("established", &[]),
        ("stopped", &[13, 0xFF, 0x0F, 0, 1, 11, 0, 11]),
        ("slow", &[14, 0, 13, 0xFF, 0xFF, 0, 15, 0, 60, 13, 0x0F, 0xF0, 1, 15, 0, 60, 14, 1]),
        ("refreshed", &[13, 0x33, 0x33, 0, 8, 0, 8, 1, 8, 2]),
        ("learns", &[6, 1, 6, 0, 6, 1, 7]),
        ("hears nonsense", &[9, 0, 20, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
        ("hears a malformed UPDATE", &[9, 2, 9, 0, 0, 0, 4, 0x40, 1, 1, 9, 0]),
        ("collides", &[2, 1, 4, 2, 0, 0xFF, 5]),
    ];
    let seed = |(name, rest): (&str, &[u8])| Seed {
        target: "session",
        name: name.replace(' ', "-"),
        octets: [&established, rest].concat(),
    };
    lives.into_iter().map(seed).collect()
}
