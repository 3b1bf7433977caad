//! What a test has: a wire, a capture of it, and the two ends but for what the test is about.

use quadzero_tests::{Adapter, Capture, Daemon, LEFT, Neighbor, Quadzero, RIGHT, Recording, Wire};

/// A wire with a capture, and what the two ends of it are but for what a test is about.
pub(crate) struct Lab {
    adapter: &'static dyn Adapter,
    pub(crate) capture: Capture,
    pub(crate) wire: Wire,
}

/// What is particular about the edge in a test.
pub(crate) struct Edge<'a> {
    pub(crate) asn: u32,
    pub(crate) mode: &'static str,
    pub(crate) hold_time: u16,
    /// Further keys of the neighbor.
    pub(crate) keys: &'static str,
    pub(crate) announced: &'a str,
}

pub(crate) const EDGE: Edge<'static> =
    Edge { asn: 65010, mode: "both", hold_time: 9, keys: "", announced: DEFAULT };

pub(crate) const DEFAULT: &str = "[[originate]]\nprefix = \"0.0.0.0/0\"\n";

impl Lab {
    pub(crate) fn new(adapter: &'static dyn Adapter) -> Self {
        let wire = Wire::new();
        Self { adapter, capture: Capture::start(&wire.right), wire }
    }

    pub(crate) fn daemon(&self, neighbor: Neighbor) -> Daemon<'_> {
        Daemon::start(self.adapter, &self.wire.right, neighbor)
    }

    pub(crate) fn edge(&self, edge: &Edge<'_>) -> Quadzero {
        self.edge_at(LEFT, RIGHT, edge)
    }

    pub(crate) fn edge_at(&self, local: &str, remote: &str, edge: &Edge<'_>) -> Quadzero {
        let Edge { asn, mode, hold_time, keys, announced } = edge;
        let listen = std::net::SocketAddr::new(local.parse().expect("an address"), 179);
        let key = if remote.contains('/') { "range" } else { "address" };
        let config = format!(
            r#"
            [bgp]
            asn = {asn}
            router-id = "{LEFT}"
            listen = ["{listen}"]

            [[neighbor]]
            name = "daemon"
            {key} = "{remote}"
            remote-as = 65020
            local-address = "{local}"
            mode = "{mode}"
            import = "all"
            hold-time = {hold_time}
            connect-retry = "2s"
            idle-hold = "1s"
            {keys}

            {announced}
            "#
        );
        Quadzero::run(&self.wire.left, &config)
    }

    /// What was on the wire, once tshark has no complaint.
    pub(crate) fn recording(&self) -> Recording {
        let recording = self.capture.so_far();
        assert_eq!(recording.complaints(), "");
        recording
    }
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

pub(crate) fn has_the_default(daemon: &Daemon<'_>) {
    assert!(daemon.wait_for_prefixes(1).contains_key("0.0.0.0/0"));
}

/// A daemon that only waits, and announces these.
pub(crate) fn announcing(routes: &[&str]) -> Neighbor {
    Neighbor { routes: words(routes), ..Neighbor::PLAIN }
}
