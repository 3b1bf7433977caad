//! The byte vectors in `tests/vectors`: messages of other implementations, and what they mean.
//!
//! ```text
//! # where it comes from, and what it shows
//! dialect: two-octet internal                  only where it is not the default one
//! encodes back                                 where our own encoding is the same, octet by octet
//! FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF 0013 04      hexadecimal, spaced at fields
//! | KEEPALIVE                                  the message in words
//! ```

use quadzero_codec::Dialect;
use std::path::PathBuf;

/// One message.
#[derive(Debug, Default)]
pub(crate) struct Vector {
    /// File and line of the octets.
    pub(crate) place: String,
    pub(crate) dialect: Dialect,
    pub(crate) encodes_back: bool,
    pub(crate) octets: Vec<u8>,
    pub(crate) words: String,
}

/// Every message of every file.
pub(crate) fn vectors() -> Vec<Vector> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    paths.iter().flat_map(|path| parse(path.file_stem().unwrap().to_str().unwrap(), path)).collect()
}

fn parse(name: &str, path: &std::path::Path) -> Vec<Vector> {
    let mut vectors: Vec<Vector> = Vec::new();
    let mut next = Vector::default();
    for (number, line) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
        if let Some(words) = line.strip_prefix("| ") {
            let vector = vectors.last_mut().unwrap();
            vector.words += if vector.words.is_empty() { "" } else { "\n" };
            vector.words += words;
        } else if let Some(words) = line.strip_prefix("dialect: ") {
            next.dialect = dialect(words);
        } else if line == "encodes back" {
            next.encodes_back = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            next.octets = hex(line);
            next.place = format!("{name}.txt:{}", number + 1);
            vectors.push(std::mem::take(&mut next));
        }
    }
    vectors
}

fn dialect(words: &str) -> Dialect {
    let mut dialect = Dialect::default();
    for word in words.split(' ') {
        match word {
            "two-octet" => dialect.four_octet_as = false,
            "internal" => dialect.internal = true,
            other => panic!("unknown word of a dialect: {other}"),
        }
    }
    dialect
}

fn hex(line: &str) -> Vec<u8> {
    let digits: Vec<char> = line.chars().filter(|c| *c != ' ').collect();
    assert!(digits.len().is_multiple_of(2), "half an octet: {line}");
    let octet = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}
