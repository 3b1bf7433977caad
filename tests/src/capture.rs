//! What was on the wire, read by somebody else: tshark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::process::installed;
use crate::{Namespace, PATIENCE, Process, wait_until};

/// A running capture of all BGP and BFD on the `wire` of a namespace.
#[derive(Debug)]
pub struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    /// Starts, and returns once packets are taken.
    ///
    /// # Panics
    /// Without dumpcap.
    pub fn start(namespace: &Namespace) -> Self {
        let file = namespace.path("wire.pcap");
        let mut command = namespace.command("tshark", "dumpcap");
        command.args(["-q", "-i", "wire", "-f", "tcp port 179 or udp port 3784", "-w"]).arg(&file);
        let process = Process::start(namespace, "dumpcap", command);
        wait_until("dumpcap captures", PATIENCE, || process.log().contains("File: "));
        Self { process, file }
    }

    /// Waits until a packet that the display filter describes has been captured.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for(&self, filter: &str) {
        self.wait_for_times(1, filter);
    }

    /// Waits until so many of them have been captured.
    ///
    /// # Panics
    /// When they do not come.
    pub fn wait_for_times(&self, count: usize, filter: &str) {
        let recording = Recording { file: self.file.clone() };
        let mut seen = 0;
        // To start tshark takes most of a second of a busy machine, for the same answer while the file is the same.
        wait_until(&format!("{count} on the wire: {filter}"), PATIENCE, || {
            let length = recording.octets().len();
            let grown = std::mem::replace(&mut seen, length) != length;
            grown && recording.count(filter) >= count
        });
    }

    /// Every BGP message begins with a marker (RFC 4271 §4.1).
    fn wait_for_bgp(&self) {
        let recording = Recording { file: self.file.clone() };
        let has_marker = || recording.octets().windows(16).any(|octets| octets == [0xff; 16]);
        wait_until("BGP on the wire", PATIENCE, has_marker);
    }

    /// What was captured until now, which is something.
    ///
    /// # Panics
    /// When nothing of BGP was captured.
    pub fn so_far(&self) -> Recording {
        self.wait_for_bgp();
        Recording { file: self.file.clone() }
    }

    /// Ends the capture.
    ///
    /// # Panics
    /// When nothing of BGP was captured, or dumpcap does not end.
    pub fn finish(mut self) -> Recording {
        self.wait_for_bgp();
        self.process.signal("INT");
        self.process.exit(Duration::from_secs(10));
        Recording { file: self.file }
    }
}

/// Captured packets.
#[derive(Debug)]
pub struct Recording {
    file: PathBuf,
}

impl Recording {
    /// Packets in this file.
    pub fn open(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    fn octets(&self) -> Vec<u8> {
        fs::read(&self.file).unwrap_or_default()
    }

    /// The fields of each packet that the display filter describes. A field that a packet holds more than
    /// once is joined by commas.
    ///
    /// # Panics
    /// Without tshark, or when it does not know the filter or a field.
    pub fn fields(&self, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let columns = fields.iter().flat_map(|field| ["-e", field]);
        let out = self.tshark(&["-Y", filter, "-T", "fields"].into_iter().chain(columns).collect::<Vec<_>>());
        let text = String::from_utf8_lossy(&out.stdout);
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// How many packets the display filter describes.
    ///
    /// # Panics
    /// As [`fields`](Self::fields).
    pub fn count(&self, filter: &str) -> usize {
        self.fields(filter, &["frame.number"]).len()
    }

    /// What tshark finds wrong with the BGP messages; empty when it reads every one.
    ///
    /// # Panics
    /// Without tshark.
    pub fn complaints(&self) -> String {
        let wrong = "_ws.malformed || (bgp && _ws.expert.severity >= error)";
        String::from_utf8_lossy(&self.tshark(&["-V", "-Y", wrong]).stdout).into_owned()
    }

    /// tshark's output. A file that is still being written to may end in the middle of a packet, which
    /// tshark says and takes for status 2; it has printed all packets before that.
    fn tshark(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(installed("tshark", Path::new("tshark")));
        let out = command.arg("-r").arg(&self.file).args(arguments).output().expect("tshark runs");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() || said.contains("cut short"), "tshark {arguments:?}: {said}");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capture file with one TCP segment to the BGP port.
    fn segment(name: &str, payload: &[&str]) -> Recording {
        let dump = std::env::temp_dir().join(format!("qz{}-{name}.hex", std::process::id()));
        let file = dump.with_extension("pcap");
        fs::write(&dump, format!("0000 {}\n", payload.join(" "))).unwrap();
        let mut command = Command::new(installed("tshark", Path::new("text2pcap")));
        let out = command.args(["-q", "-T", "40000,179"]).args([&dump, &file]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        fs::remove_file(dump).unwrap();
        Recording::open(file)
    }

    const MARKER: &str = "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff";

    #[test]
    fn tshark_reads_a_good_message_and_complains_of_a_malformed_one() {
        let good = segment("good", &[MARKER, "00 13 04"]);
        assert_eq!((good.count("bgp.type == 4"), good.complaints().as_str()), (1, ""));
        // An UPDATE whose path attributes are said to be longer than the message.
        let bad = segment("bad", &[MARKER, "00 1b 02 00 00 00 40 40 01 01 00"]);
        assert_eq!(bad.count("bgp.type == 2"), 1);
        assert_ne!(bad.complaints(), "");
        for recording in [good, bad] {
            fs::remove_file(recording.file).unwrap();
        }
    }
}
