//! The metrics by their names, in the two texts that scrapers read: OpenMetrics 1.0, and what Prometheus had before (0.0.4).
//!
//! Names are those of the field where it has one: `bgp_peer_..` as GoBGP's and FRR's exporters say, states by the numbers of BGP4-MIB
//! (RFC 4273). Time is in seconds. Labels are bounded by the configuration: a neighbor, or one of a range, whose number is limited.

use super::snapshot::{Condition, Neighbor, Snapshot, space};
use crate::intent::Stage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, prometheus_text, text};
use prometheus_client::metrics::MetricType::{self, Counter, Gauge, Histogram, Info};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use quadzero_codec::Family;
use quadzero_fsm::State;
use quadzero_probe::State as Probe;
use quadzero_rib::RouteSet;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// The snapshot, in that format.
pub(super) fn write(snapshot: Snapshot, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut out = String::new();
    match format {
        Format::OpenMetrics => text::encode(&mut out, &registry)?,
        Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
    }
    Ok(out)
}

type OfNeighbor = fn(&Neighbor) -> f64;
type Counted = fn(&Neighbor) -> u64;

/// Name, what it is, unit, value.
const GAUGES: [(&str, &str, Option<Unit>, OfNeighbor); 8] = [
    (
        "bgp_peer_state",
        "State of the session (RFC 4273): 1 Idle, 2 Connect, 3 Active, 4 OpenSent, 5 OpenConfirm, 6 Established",
        None,
        |n| f64::from(state(n.status.state)),
    ),
    ("bgp_peer_admin_up", "0 if an operator has stopped the neighbor", None, |n| truth(!n.is_stopped)),
    ("bgp_peer_uptime", "Time since the session was established, 0 without one", Some(Unit::Seconds), |n| {
        if n.is_established() { n.status.since.elapsed().as_secs_f64() } else { 0.0 }
    }),
    ("bgp_peer_last_change", "Time since the state of the session changed last", Some(Unit::Seconds), |n| {
        n.status.since.elapsed().as_secs_f64()
    }),
    ("bgp_peer_prefixes_received", "Prefixes held of what the neighbor announces", None, |n| {
        number(n.status.prefixes_received)
    }),
    ("bgp_peer_prefixes_advertised", "Prefixes that the neighbor holds from us", None, |n| {
        number(n.status.prefixes_sent)
    }),
    ("bgp_peer_prefixes_wanted", "Prefixes that the neighbor is to have from us", None, |n| number(n.wanted)),
    (
        "bgp_peer_in_sync",
        "1 if the neighbor was told all that it is to have, and the kernel has the octets",
        None,
        |n| truth(n.status.in_sync),
    ),
];

const COUNTERS: [(&str, &str, Counted); 6] = [
    ("bgp_peer_messages_received", "Messages received", |n| n.status.counters.messages_received),
    ("bgp_peer_messages_sent", "Messages sent", |n| n.status.counters.messages_sent),
    ("bgp_peer_updates_received", "UPDATE messages received", |n| n.status.counters.updates_received),
    ("bgp_peer_updates_sent", "UPDATE messages sent", |n| n.status.counters.updates_sent),
    ("bgp_peer_established", "How often the session became Established", |n| n.status.counters.established),
    ("bgp_peer_dropped", "How often an Established session ended", |n| n.status.counters.dropped),
];

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.program(&mut page)?;
        self.neighbors(&mut page)?;
        self.probes(&mut page)?;
        self.withdrawals(&mut page)
    }
}

impl Snapshot {
    fn program(&self, page: &mut Page<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.infos("quadzero_build", "The program", [version])?;
        let seconds = |time: Duration| time.as_secs_f64();
        page.gauge(
            "process_start_time",
            "When the program was started, since 1970",
            Some(Unit::Seconds),
            seconds(self.start),
        )?;
        page.gauge(
            "quadzero_uptime",
            "Time since the program was started",
            Some(Unit::Seconds),
            seconds(self.uptime),
        )?;
        page.gauge(
            "quadzero_ready",
            "1 if every neighbor that is not stopped was told what it is to have",
            None,
            truth(self.is_ready),
        )?;
        page.gauge(
            "quadzero_drain_stage",
            "0 serving, 1 neighbors are told to use another way, 2 drained",
            None,
            stage(self.stage),
        )?;
        let changed = self.taken.saturating_duration_since(self.changed);
        let help = "Time since what neighbors are to have changed last";
        page.gauge("quadzero_last_change", help, Some(Unit::Seconds), seconds(changed))?;
        let results = [("ok", self.reloads.ok), ("refused", self.reloads.refused)];
        let rows = results.map(|(result, count)| ([("result", result)], count));
        page.counters("quadzero_reloads", "Reloads of the file", rows)?;
        let [announced, withdrawn] = self.by_hand;
        let rows = [("announced", announced), ("withdrawn", withdrawn)];
        let rows = rows.map(|(what, count)| ([("what", what)], number(count)));
        page.gauges("quadzero_routes_by_hand", "Routes announced or held back by hand", None, rows)?;
        match self.audit_lost {
            Some(lost) => page.counters(
                "quadzero_audit_lost",
                "Events that the audit file does not have",
                [(NO_LABELS, lost)],
            ),
            None => Ok(()),
        }
    }

    fn neighbors(&self, page: &mut Page<'_>) -> fmt::Result {
        let infos: Vec<[String; 2]> = self
            .neighbors
            .iter()
            .map(|n| [n.config.local_as, n.config.remote_as].map(|asn| asn.0.to_string()))
            .collect();
        let infos = self.neighbors.iter().zip(&infos).map(|(n, [local, remote])| {
            let [peer, neighbor] = labels(n);
            [peer, neighbor, ("local_as", local.as_str()), ("remote_as", remote.as_str())]
        });
        page.infos("bgp_peer", "The neighbor", infos)?;
        for (name, help, unit, value) in &GAUGES {
            page.gauges(name, help, unit.as_ref(), self.neighbors.iter().map(|n| (labels(n), value(n))))?;
        }
        for (name, help, value) in &COUNTERS {
            page.counters(name, help, self.neighbors.iter().map(|n| (labels(n), value(n))))?;
        }
        page.gauges(
            "bgp_peer_advertised_space_ratio",
            "Part of all addresses that what the neighbor was told leads to: 1 with a default route, also in pieces",
            None,
            self.spaces().iter().map(|(n, family, space)| {
                let [peer, neighbor] = labels(n);
                ([peer, neighbor, ("family", family.as_str())], *space)
            }),
        )
    }

    /// Of each neighbor and family. Many were told the same, which is looked at once.
    fn spaces(&self) -> Vec<(&Neighbor, String, f64)> {
        let mut known: HashMap<(*const RouteSet, Family), f64> = HashMap::new();
        let mut space_of = |told: &Arc<RouteSet>, family| {
            *known.entry((Arc::as_ptr(told), family)).or_insert_with(|| space(told, family))
        };
        let mut spaces = Vec::new();
        for neighbor in &self.neighbors {
            for &family in &neighbor.config.families {
                let space = neighbor.told().map_or(0.0, |told| space_of(told, family));
                spaces.push((neighbor, family.to_string(), space));
            }
        }
        spaces
    }

    fn probes(&self, page: &mut Page<'_>) -> fmt::Result {
        let reports = || self.probes.iter().map(|(name, report)| ([("probe", &**name)], report.as_ref()));
        let up =
            reports().map(|(label, report)| (label, truth(report.is_some_and(|r| r.state == Probe::Up))));
        page.gauges(
            "quadzero_probe_up",
            "1 if the probe is up; 0 if it is down, or nothing is known of it yet",
            None,
            up,
        )?;
        let since =
            reports().filter_map(|(label, report)| Some((label, report?.since.elapsed().as_secs_f64())));
        page.gauges(
            "quadzero_probe_last_change",
            "Time since the probe changed last",
            Some(&Unit::Seconds),
            since,
        )?;
        let held = reports().filter_map(|(label, report)| {
            Some((label, report?.held_until.saturating_duration_since(self.taken).as_secs_f64()))
        });
        page.gauges(
            "quadzero_probe_held_down",
            "For how long the probe does not rise yet, because it flaps",
            Some(&Unit::Seconds),
            held,
        )?;
        let flaps = reports().filter_map(|(label, report)| Some((label, f64::from(report?.flaps))));
        page.gauges("quadzero_probe_flaps", "Falls of the probe since it was up for long", None, flaps)?;
        let conditions = || self.conditions.iter().map(|c| (c.labels(), c));
        let holds = conditions().map(|(labels, condition)| (labels, truth(condition.holds)));
        page.gauges(
            "quadzero_condition_holds",
            "1 if the condition of what is announced holds",
            None,
            holds,
        )?;
        let since = conditions()
            .map(|(labels, c)| (labels, self.taken.saturating_duration_since(c.since).as_secs_f64()));
        page.gauges(
            "quadzero_condition_last_change",
            "Time since the condition changed last",
            Some(&Unit::Seconds),
            since,
        )
    }

    fn withdrawals(&self, page: &mut Page<'_>) -> fmt::Result {
        let help =
            "Time from the report of a failing probe until the last session has written the withdrawal";
        let encoder =
            page.0.encode_descriptor("quadzero_withdraw_latency", help, Some(&Unit::Seconds), Histogram)?;
        self.latency.encode(encoder)?;
        let help = "Withdrawals, on account of a probe, that some session has not written yet";
        page.gauge("quadzero_withdraw_pending", help, None, number(self.pending))?;
        let help = "Withdrawals that were not measured, since too many were under way";
        page.counters("quadzero_withdraw_unmeasured", help, [(NO_LABELS, self.unmeasured)])
    }
}

impl Condition {
    fn labels(&self) -> [(&'static str, &str); 2] {
        [("name", &self.name), ("prefix", &self.prefix)]
    }
}

const NO_LABELS: [(&str, &str); 0] = [];

fn labels(neighbor: &Neighbor) -> [(&'static str, &str); 2] {
    [("peer", &neighbor.address), ("neighbor", &neighbor.config.name)]
}

const fn state(state: State) -> u8 {
    match state {
        State::Idle => 1,
        State::Connect => 2,
        State::Active => 3,
        State::OpenSent => 4,
        State::OpenConfirm => 5,
        State::Established => 6,
    }
}

const fn stage(stage: Stage) -> f64 {
    match stage {
        Stage::Serving => 0.0,
        Stage::Warning => 1.0,
        Stage::Drained => 2.0,
    }
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

/// Exact up to 2^53, which is more than there are prefixes.
#[expect(clippy::cast_precision_loss, reason = "no set has 2^53 prefixes")]
fn number(count: usize) -> f64 {
    count as f64
}

/// What is written to.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, unit: Option<Unit>, value: f64) -> fmt::Result {
        self.gauges(name, help, unit.as_ref(), [(NO_LABELS, value)])
    }

    fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        rows: impl IntoIterator<Item = (L, f64)>,
    ) -> fmt::Result {
        let rows = rows.into_iter().map(|(labels, value)| (labels, ConstGauge::new(value)));
        self.family((name, help, unit, Gauge), rows)
    }

    /// The text puts `_total` behind the name.
    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let rows = rows.into_iter().map(|(labels, value)| (labels, ConstCounter::new(value)));
        self.family((name, help, None, Counter), rows)
    }

    /// And `_info` behind these.
    fn infos<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = L>,
    ) -> fmt::Result {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut encoder = self.0.encode_descriptor(name, help, None, Info)?;
        rows.try_for_each(|labels| encoder.encode_info(&labels))
    }

    /// Nothing at all of what there is none of.
    fn family<L: EncodeLabelSet, M: EncodeMetric>(
        &mut self,
        (name, help, unit, kind): (&str, &str, Option<&Unit>, MetricType),
        rows: impl Iterator<Item = (L, M)>,
    ) -> fmt::Result {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        rows.try_for_each(|(labels, metric)| metric.encode(encoder.encode_family(&labels)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use crate::history::History;
    use crate::running::Running;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Nobody is dialled: each neighbor is to dial us, at a port that nobody knows.
    fn edge(neighbors: &str) -> Running {
        let text = format!(
            r#"
            bgp = {{ asn = 65010, router-id = "192.0.2.1", listen = ["127.0.0.1:0"] }}
            metrics = {{ listen = "127.0.0.1:9179" }}
            probe = [{{ name = "line", file = "/nonexistent" }}]
            originate = [{{ prefix = "0.0.0.0/0", when = "line" }}]
            neighbor = [{neighbors}]
            "#
        );
        let loaded = Source { path: "edge.toml".into(), text }.edge();
        assert_eq!(loaded.render(false), "");
        let edge = loaded.value.unwrap();
        Running::start(edge, Path::new("edge.toml"), History::default(), None, Vec::new()).unwrap()
    }

    fn neighbor(name: &str, last: usize) -> String {
        let name = name.escape_default();
        let address = format!("10.{}.{}.1", last / 250, last % 250);
        format!("{{ name = \"{name}\", address = \"{address}\", remote-as = 65020, mode = \"passive\" }}")
    }

    fn text(running: &mut Running, format: Format) -> String {
        write(Snapshot::take(running, Some(3)), format).unwrap()
    }

    #[tokio::test]
    async fn a_name_may_hold_what_a_text_has_to_escape() {
        let mut running = edge(&neighbor("a\"b\\c\nd", 1));
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let text = text(&mut running, format);
            let line = r#"bgp_peer_admin_up{peer="10.0.1.1",neighbor="a\"b\\c\nd"} 1"#;
            assert!(text.lines().any(|found| found.starts_with(line)), "{text}");
        }
    }

    #[tokio::test]
    async fn both_texts_have_the_same_samples() {
        let mut running = edge(&neighbor("azure", 1));
        let names = |text: &str| -> BTreeSet<String> {
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            // One says le="1.0", the other le="1".
            samples.map(|line| line.rsplit_once(' ').unwrap().0.replace(".0\"}", "\"}")).collect()
        };
        let (new, old) = (text(&mut running, Format::OpenMetrics), text(&mut running, Format::Prometheus));
        assert_eq!(names(&new), names(&old));
        assert!(new.ends_with("# EOF\n") && !old.contains("# EOF"));
        assert!(new.contains("\nquadzero_ready 0"), "{new}");
        assert!(new.contains("\nquadzero_audit_lost_total 3\n"), "{new}");
        assert!(new.contains("\nquadzero_withdraw_latency_seconds_count 0\n"), "{new}");
    }

    /// What the files of config/grafana ask for is there.
    #[tokio::test]
    async fn the_dashboard_and_the_alerts_use_metrics_that_there_are() {
        let mut running = edge(&neighbor("azure", 1));
        let text = text(&mut running, Format::Prometheus);
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let known: BTreeSet<&str> = samples.filter_map(|line| line.split(['{', ' ']).next()).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/grafana");
        for (file, least) in [("dashboard.json", 15), ("alerts.yml", 8)] {
            let asks = std::fs::read_to_string(folder.join(file)).unwrap();
            let words = asks.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let asked: BTreeSet<&str> =
                words.filter(|w| w.starts_with("quadzero_") || w.starts_with("bgp_peer")).collect();
            assert!(asked.len() >= least, "{file}: {asked:?}");
            // Probes have said nothing yet: the times of their states come with the first report.
            let missing: Vec<_> =
                asked.difference(&known).filter(|name| !name.starts_with("quadzero_probe_")).collect();
            assert!(missing.is_empty(), "{file}: {missing:?}");
        }
    }

    /// Prints what a scrape of a thousand neighbors costs: the loop, where no session has its turn meanwhile, and the other thread.
    #[tokio::test]
    async fn a_thousand_neighbors_are_copied_within_the_loop_and_written_elsewhere() {
        let neighbors: Vec<String> = (0..1000).map(|n| neighbor(&format!("branch-{n}"), n)).collect();
        let mut running = edge(&neighbors.join(","));
        let begin = std::time::Instant::now();
        let snapshot = Snapshot::take(&mut running, None);
        let copied = begin.elapsed();
        let text = write(snapshot, Format::OpenMetrics).unwrap();
        println!("copied in {copied:?}, {} octets written in {:?}", text.len(), begin.elapsed() - copied);
        assert_eq!(text.matches("\nbgp_peer_state{").count(), 1000);
    }
}
