//! `quadzero why`: a prepared fault for each way in which a route can be kept from a neighbor, and the rung that has to name it.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may panic")]

use quadzero::config::Source;
use quadzero::config::edge::Edge;
use quadzero::intent::{ByHand, Intent, Stage};
use quadzero::why::{Facts, Rung, ladder};
use quadzero_codec::{Asn, Dialect, ErrorCode, Family, HoldTime, Notification, RouterId};
use quadzero_fsm::{Down, Negotiated, State, Status};
use quadzero_policy::{Health, Probe};
use quadzero_rib::RouteSet;
use std::sync::Arc;
use std::time::Instant;

/// Where everything is well: the default is announced, and the neighbor has heard it.
struct Case {
    edge: Edge,
    by_hand: ByHand,
    stage: Stage,
    probe: Option<bool>,
    stopped: bool,
    status: Status,
    /// Whether the neighbor has heard what it is to have.
    heard: bool,
}

fn edge(originate: &str, keys: &str) -> Edge {
    let text = format!(
        "[bgp]\nasn = 65010\nrouter-id = \"192.0.2.1\"\n{originate}\n\
         [[neighbor]]\nname = \"gateway\"\naddress = \"192.0.2.2\"\nremote-as = 65020\n{keys}"
    );
    let loaded = Source { path: "edge.toml".into(), text }.edge();
    let told = loaded.render(false);
    loaded.value.unwrap_or_else(|| panic!("{told}"))
}

const WHEN: &str = "[[originate]]\nprefix = \"0.0.0.0/0\"\nwhen = \"internet\"\n\
                    [[probe]]\nname = \"internet\"\nicmp = \"198.51.100.1\"";
const DEFAULT: &str = "[[originate]]\nprefix = \"0.0.0.0/0\"";

fn agreed(families: &[Family]) -> Negotiated {
    Negotiated {
        remote_as: Asn(65020),
        router_id: RouterId::new("192.0.2.2".parse().unwrap()).unwrap(),
        hold_time: HoldTime::new(90).unwrap(),
        peer_hold_time: HoldTime::new(90).unwrap(),
        keepalive: None,
        families: families.to_vec(),
        route_refresh: true,
        graceful_restart: None,
        we_restart_gracefully: false,
        role: None,
        dialect: Dialect { ipv4: true, own_ipv4: "192.0.2.1".parse().ok(), ..Dialect::default() },
    }
}

fn up() -> Status {
    Status {
        state: State::Established,
        since: Instant::now(),
        negotiated: Some(Arc::new(agreed(&[Family::IPV4_UNICAST]))),
        last_down: None,
        counters: Default::default(),
        learned_version: 0,
        prefixes_received: 0,
        prefixes_sent: 1,
        told: None,
        addresses: None,
        in_sync: true,
        gone: false,
    }
}

impl Case {
    fn well() -> Self {
        Self {
            edge: edge(DEFAULT, ""),
            by_hand: ByHand::default(),
            stage: Stage::Serving,
            probe: None,
            stopped: false,
            status: up(),
            heard: true,
        }
    }

    fn down(last: Down) -> Self {
        let status = Status { state: State::Active, negotiated: None, last_down: Some(last), ..up() };
        Self { status, heard: false, ..Self::well() }
    }

    fn climb(mut self, prefix: &str) -> Vec<Rung> {
        let prefix = prefix.parse().unwrap();
        let neighbor = &self.edge.neighbors[0];
        let mut health = Health::unknown();
        if let Some(up) = self.probe {
            let state = if up { quadzero_policy::State::Up } else { quadzero_policy::State::Down };
            health.set("internet".into(), Probe { state, since: None, because: "no answer".into() });
        }
        let intent = Intent::new(&self.edge, &self.by_hand, self.stage, health).unwrap();
        let wanted: Arc<RouteSet> = intent.plan([neighbor].into_iter()).remove(0);
        if self.heard {
            self.status.told = Some(wanted.clone());
        }
        ladder(&Facts {
            prefix,
            configured: &self.edge.policy,
            by_hand: self.by_hand.announced.contains_key(&prefix),
            held_back: self.by_hand.withdrawn.contains(&prefix),
            stage: self.stage,
            neighbor,
            decisions: &intent.explain(neighbor),
            wanted: &wanted,
            stopped: self.stopped,
            status: Some(&self.status),
        })
    }

    /// It stops there, and nowhere before; what is said, and what is to be done.
    #[track_caller]
    fn stops_at(self, prefix: &str, rung: &str, words: &str) {
        let ladder = self.climb(prefix);
        let (last, before) = ladder.split_last().unwrap();
        assert!(before.iter().all(|rung| rung.passes), "{ladder:#?}");
        assert_eq!((last.rung, last.passes), (rung, false), "{ladder:#?}");
        let said = format!("{} {}", last.says, last.to_do.as_deref().unwrap());
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn need_7_where_all_is_well_every_rung_passes_and_the_last_has_the_octets() {
    let ladder = Case::well().climb("0.0.0.0/0");
    assert!(ladder.iter().all(|rung| rung.passes) && ladder.len() == 9, "{ladder:#?}");
    assert!(ladder[8].says.contains("ffff"), "{}", ladder[8].says);
    assert!(ladder[8].says.ends_with("400304c000020100"), "{}", ladder[8].says);
}

#[test]
fn need_7_nothing_originates_it() {
    Case::well().stops_at("10.0.0.0/8", "configuration", "0.0.0.0/0 covers it");
}

#[test]
fn need_7_somebody_has_withdrawn_it_by_hand() {
    let by_hand = ByHand { withdrawn: ["0.0.0.0/0".parse().unwrap()].into(), ..ByHand::default() };
    Case { by_hand, ..Case::well() }.stops_at("0.0.0.0/0", "by hand", "quadzero announce 0.0.0.0/0");
}

#[test]
fn need_7_its_condition_does_not_hold() {
    let depending = |probe| Case { edge: edge(WHEN, ""), probe, ..Case::well() };
    depending(Some(false)).stops_at("0.0.0.0/0", "condition", "probe \"internet\" is down (no answer)");
    depending(None).stops_at("0.0.0.0/0", "condition", "has not said anything yet");
    let ladder = depending(Some(true)).climb("0.0.0.0/0");
    assert!(ladder.iter().all(|rung| rung.passes), "{ladder:#?}");
    assert!(ladder[2].says.contains("which holds"), "{}", ladder[2].says);
}

#[test]
fn need_7_the_edge_is_drained() {
    Case { stage: Stage::Drained, ..Case::well() }.stops_at("0.0.0.0/0", "drain", "quadzero undrain");
}

#[test]
fn need_7_the_announce_list_lacks_it() {
    let two = format!("{DEFAULT}\n[[originate]]\nprefix = \"10.0.0.0/8\"");
    let case = Case { edge: edge(&two, "announce = [\"10.0.0.0/8\"]"), ..Case::well() };
    case.stops_at("0.0.0.0/0", "policy", "add its name to `announce`");
}

#[test]
fn need_7_an_exception_is_carved_out_of_it() {
    let carved = format!("{DEFAULT}\n[[exception]]\nname = \"kms\"\nkms = \"global\"\nmode = \"carve-out\"");
    let case = || Case { edge: edge(&carved, ""), ..Case::well() };
    case().stops_at("0.0.0.0/0", "policy", "84 prefixes");
    case().stops_at("20.118.99.224/32", "policy", "take the prefix out of the exception set");
    assert!(case().climb("128.0.0.0/1").iter().all(|rung| rung.passes), "a piece is announced");
}

#[test]
fn need_7_the_neighbor_is_not_configured_for_the_family() {
    let both = "[[originate]]\nprefixes = [\"0.0.0.0/0\", \"2001:db8::/32\"]";
    Case { edge: edge(both, ""), ..Case::well() }.stops_at("2001:db8::/32", "policy", "`families`");
}

#[test]
fn need_7_the_neighbor_did_not_offer_the_family() {
    let both = format!("{DEFAULT}\n[[originate]]\nprefix = \"2001:db8::/32\"\nnext-hop = \"2001:db8::1\"");
    let families = "families = [\"ipv4-unicast\", \"ipv6-unicast\"]";
    let case = Case { edge: edge(&both, families), ..Case::well() };
    case.stops_at("2001:db8::/32", "capability", "did not offer");
}

#[test]
fn need_7_there_are_more_than_the_limit_allows() {
    let two = "[[originate]]\nprefixes = [\"0.0.0.0/0\", \"10.0.0.0/8\"]";
    let mut edge = edge(two, "max-prefixes-out = 2");
    edge.neighbors[0].peer.max_prefixes_out.as_mut().unwrap().prefixes = 1;
    let case = Case { edge, heard: false, ..Case::well() };
    case.stops_at("10.0.0.0/8", "limit", "raise max-prefixes-out");
}

#[test]
fn need_7_an_operator_has_stopped_the_session() {
    let notification = Notification::new(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN);
    let case = Case { stopped: true, ..Case::down(Down::Sent(notification)) };
    case.stops_at("0.0.0.0/0", "session", "quadzero neighbor start gateway");
}

#[test]
fn need_7_and_need_11_a_session_that_is_down_says_where_to_look() {
    let sent = |code| Down::Sent(Notification::new(code));
    let received = |code| Down::Received(Notification::new(code));
    for (down, words) in [
        (Down::Unanswered, "TCP MD5 key"),
        (Down::ConnectFailed, "does 192.0.2.2:179 listen"),
        (Down::Closed, "does it know us, by this address and AS 65010"),
        (received(ErrorCode::OPEN_BAD_PEER_AS), "it expects another AS of us than 65010"),
        (sent(ErrorCode::OPEN_BAD_PEER_AS), "it is in another AS than 65020"),
        (sent(ErrorCode::OPEN_UNSUPPORTED_CAPABILITY), "no family is common"),
        (received(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN), "its operator has shut it down"),
        (received(ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES), "more than it takes"),
        (sent(ErrorCode::HOLD_TIMER_EXPIRED), "nothing was heard for the hold time"),
    ] {
        Case::down(down).stops_at("0.0.0.0/0", "session", words);
    }
}

#[test]
fn need_7_the_neighbor_does_not_read() {
    let status = Status { in_sync: false, ..up() };
    Case { status, heard: false, ..Case::well() }.stops_at("0.0.0.0/0", "wire", "does not read");
}
