//! Packets of BIRD and FRR (`tests/vectors/bfd`): each is what its words say, and is said again octet by octet.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero_bfd::{Packet, State};
use std::path::PathBuf;

/// The octets and the words of every packet, and where they stand.
fn vectors() -> Vec<(String, Vec<u8>, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/bfd");
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> =
            text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        for pair in lines.chunks(2) {
            let words = pair[1].strip_prefix("| ").unwrap();
            vectors.push((format!("{}: {}", path.display(), pair[0]), octets(pair[0]), words.to_owned()));
        }
    }
    vectors
}

fn octets(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.replace(' ', "");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn packets_of_bird_and_frr_mean_what_their_words_say() {
    for (place, octets, words) in vectors() {
        assert_eq!(Packet::decode(&octets).unwrap().to_string(), words, "{place}");
    }
}

#[test]
fn packets_of_bird_and_frr_are_said_again_octet_by_octet() {
    for (place, octets, _) in vectors() {
        assert_eq!(Packet::decode(&octets).unwrap().encode().to_vec(), octets, "{place}");
    }
}

#[test]
fn every_state_a_poll_and_a_final_are_among_them() {
    let packets: Vec<Packet> =
        vectors().iter().map(|(_, octets, _)| Packet::decode(octets).unwrap()).collect();
    for state in [State::AdminDown, State::Down, State::Init, State::Up] {
        assert!(packets.iter().any(|packet| packet.state == state), "{state}");
    }
    assert!(packets.iter().any(|packet| packet.poll) && packets.iter().any(|packet| packet.fin));
}
