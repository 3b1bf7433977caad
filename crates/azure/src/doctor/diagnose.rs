//! From observations to findings: one function for each kind of trouble, all of which look at one session.

use super::log::seconds;
use super::observation::{Dial, Ended, Observations, Session, Side, What};
use super::{Cause, Certainty, Finding};
use crate::rules::{self, KEEPALIVE};
use Certainty::{Certain, Likely};
use quadzero_codec::{Asn, ErrorCode};
use std::collections::BTreeSet;

/// Prefixes that a finding names.
const SHOWN: usize = 5;

/// What is the matter, the certain things first. Sessions that have the same are told together.
pub fn diagnose(observations: &Observations) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (name, session) in &observations.sessions {
        let case =
            Case { side: observations.side, own_as: session.setup.own_as.or(observations.own_as), session };
        for mut finding in case.findings() {
            let same = findings
                .iter_mut()
                .find(|known| (&known.symptom, &known.fix) == (&finding.symptom, &finding.fix));
            match same {
                Some(known) => known.sessions.push(name.clone()),
                None => {
                    finding.sessions.push(name.clone());
                    findings.push(finding);
                }
            }
        }
    }
    findings.sort_by_key(|finding| finding.certainty);
    findings
}

/// One session, seen from one side.
struct Case<'a> {
    side: Side,
    own_as: Option<Asn>,
    session: &'a Session,
}

impl Case<'_> {
    /// At most one reason why it does not come up; any number why it ended, or routes were not taken.
    fn findings(&self) -> Vec<Finding> {
        let stuck =
            self.asn().or_else(|| self.dial()).or_else(|| self.nobody_dials()).or_else(|| self.taken_down());
        let ended = [self.hold_time(), self.silence(), self.too_many()];
        let mut findings: Vec<Finding> = ended.into_iter().flatten().chain(stuck).collect();
        findings.extend(self.not_taken());
        findings
    }

    fn whats(&self) -> impl DoubleEndedIterator<Item = &What> {
        self.session.seen.iter().map(|seen| &seen.what)
    }

    /// What happened since it was up last.
    fn trouble(&self) -> impl DoubleEndedIterator<Item = &What> {
        self.session.trouble().iter().map(|seen| &seen.what)
    }

    fn received(&self, code: ErrorCode) -> bool {
        self.whats().any(|what| matches!(what, What::Ended(Ended::Received(c, _)) if *c == code))
    }

    fn sent(&self, code: ErrorCode) -> bool {
        self.whats().any(|what| *what == What::Ended(Ended::Sent(code)))
    }

    fn peer_is_apipa(&self) -> bool {
        [self.session.setup.peer, self.session.setup.own].into_iter().flatten().any(rules::is_apipa)
    }

    fn peer(&self) -> String {
        self.session.setup.peer.map_or_else(|| "the peer".to_owned(), |peer| peer.to_string())
    }

    /// The AS of the edge, and what Azure thinks of it.
    fn reserved(&self, edge: Option<Asn>) -> Option<String> {
        let edge = edge?;
        let checked = if self.session.setup.at_expressroute {
            rules::expressroute_peer_asn(edge)
        } else {
            rules::peer_asn(edge, Asn(0))
        };
        checked.err().map(|breach| breach.to_string())
    }
}

/// Sessions that do not come up.
impl Case<'_> {
    fn asn(&self) -> Option<Finding> {
        let mut wrong = self.trouble().filter_map(|what| match what {
            What::WrongAs { theirs, configured } => Some((*theirs, *configured)),
            _ => None,
        });
        let bad_peer_as = |what: &What| matches!(what, What::Ended(Ended::Received(code, _)) if *code == ErrorCode::OPEN_BAD_PEER_AS);
        match (wrong.next_back(), self.side) {
            (Some((theirs, configured)), side) => Some(self.wrong_as(side, theirs, configured)),
            (None, side) if self.trouble().any(bad_peer_as) => Some(self.refused_as(side)),
            _ => None,
        }
    }

    fn wrong_as(&self, side: Side, theirs: Asn, configured: Asn) -> Finding {
        let symptom = format!("its OPEN is refused: it is in AS {theirs}, and AS {configured} is configured");
        match (side, self.reserved(Some(theirs))) {
            (Side::Gateway, Some(rule)) => reserved(symptom, &rule),
            (Side::Gateway, None) => Finding::new(
                Cause::WrongAsn,
                Certain,
                symptom,
                format!("the connection says AS {configured}, and the edge is in AS {theirs}"),
                format!("put AS {theirs} into the local network gateway, or give the edge AS {configured}"),
            ),
            (Side::Edge, _) => Finding::new(
                Cause::WrongAsn,
                Certain,
                symptom,
                format!(
                    "the gateway is in AS {theirs}: 65515 unless it was given another, 12076 on ExpressRoute"
                ),
                format!("remote-as = {theirs} on the edge"),
            ),
        }
    }

    fn refused_as(&self, side: Side) -> Finding {
        let symptom = "it refuses our OPEN: NOTIFICATION 2/2, Bad Peer AS".to_owned();
        let own = self.own_as.map_or_else(|| "ours".to_owned(), |asn| asn.to_string());
        match (side, self.reserved(self.own_as)) {
            (Side::Edge, Some(rule)) => reserved(symptom, &rule),
            (Side::Edge, None) => Finding::new(
                Cause::WrongAsn,
                Certain,
                symptom,
                format!("the local network gateway in Azure names another AS than {own}"),
                format!("put AS {own} into it, or change the edge's"),
            ),
            (Side::Gateway, _) => Finding::new(
                Cause::WrongAsn,
                Certain,
                symptom,
                format!("the edge is configured for another AS than {own}, which the gateway is in"),
                format!("remote-as {own} on the edge"),
            ),
        }
    }

    fn dial(&self) -> Option<Finding> {
        let mut failed = self.trouble().filter_map(|what| match what {
            What::DialFailed(dial) => Some(dial),
            _ => None,
        });
        let dial = failed.next_back()?;
        let opens = self.trouble().any(|what| *what == What::Opens);
        let setup = &self.session.setup;
        let one_hop = setup.ttl.is_some_and(|ttl| ttl < 2) && !setup.at_expressroute;
        Some(match dial {
            // The gateway's own dial may reach us, and our OPEN goes the way of our dial.
            Dial::Unreachable if one_hop => self.multihop(true),
            _ if opens => return None,
            Dial::NoLocalAddress => self.no_local_address(),
            Dial::Refused => self.no_bgp(),
            Dial::Unanswered if one_hop => self.multihop(false),
            Dial::Unanswered if setup.md5 == Some(true) && !setup.at_expressroute => self.md5(),
            Dial::Unreachable | Dial::Unanswered | Dial::Other(_) => self.no_path(dial),
        })
    }

    fn no_local_address(&self) -> Finding {
        Finding::new(
            Cause::NoLocalAddress,
            Certain,
            format!("{} cannot be dialled", self.peer()),
            "this machine does not have the address that it is to dial from".into(),
            "put it on the loopback or the tunnel interface, and keep it as the peer IP of the local network gateway",
        )
    }

    fn no_bgp(&self) -> Finding {
        let (cause, fix) = match self.side {
            Side::Edge => (
                "the address answers, and nobody speaks BGP there: BGP is off on the connection, or the address is not the gateway's",
                "az network vpn-connection update --enable-bgp true; peer with the gateway's bgpPeeringAddress",
            ),
            Side::Gateway => (
                "the edge answers, and nobody listens at its BGP port",
                "start the BGP daemon there, and let it listen at the peer IP of the local network gateway",
            ),
        };
        Finding::new(
            Cause::NoBgp,
            Likely,
            format!("{} refuses the connection", self.peer()),
            cause.into(),
            fix,
        )
    }

    fn multihop(&self, told: bool) -> Finding {
        let ttl = self.session.setup.ttl.unwrap_or(1);
        Finding::new(
            Cause::Multihop,
            if told { Certain } else { Likely },
            format!("TCP to {} never starts", self.peer()),
            format!(
                "packets leave with TTL {ttl}, and the gateway is more than one hop away, behind a tunnel or in its own subnet"
            ),
            "eBGP multihop (multihop = 64; ebgp-multihop, disable-connected-check elsewhere), and a static /32 to the peer",
        )
    }

    fn md5(&self) -> Finding {
        Finding::new(
            Cause::Md5,
            Likely,
            format!("TCP to {} never starts", self.peer()),
            "a TCP MD5 key is set, and Azure's gateways but for ExpressRoute have no setting for one: each side drops the other's packets".into(),
            "take the key out: IPsec protects the session already",
        )
    }

    fn no_path(&self, dial: &Dial) -> Finding {
        let seen = match dial {
            Dial::Unreachable => "no route to host",
            Dial::Other(words) => words,
            _ => "no answer",
        };
        let (cause, fix) = match self.side {
            Side::Edge => (
                "the peer's /32 is not routed into the tunnel, IPsec is down, or its TTL of 1 does not reach the gateway",
                "a static /32 to the peer by the tunnel interface; a loopback as source; eBGP multihop",
            ),
            Side::Gateway => (
                "the peer IP of the local network gateway is not where the edge is, or IPsec is down",
                "the peer IP is the edge's loopback or tunnel address, outside the virtual network, and never its public IP",
            ),
        };
        Finding::new(
            Cause::NoPath,
            Likely,
            format!("TCP to {} never starts ({seen})", self.peer()),
            cause.into(),
            fix,
        )
    }

    fn nobody_dials(&self) -> Option<Finding> {
        let mut last =
            self.trouble().rev().filter(|what| !matches!(what, What::Ignored { .. } | What::Dropped { .. }));
        let waits = matches!(last.next()?, What::Waits { retries: false });
        if !waits {
            return None;
        }
        let symptom = "it stays Active (Connecting, as Azure says): nobody opens the connection".to_owned();
        let certainty = if self.side == Side::Edge { Certain } else { Likely };
        if !self.peer_is_apipa() {
            let fix = "let one side dial: mode = \"both\" on the edge";
            return Some(Finding::new(
                Cause::NobodyDials,
                Likely,
                symptom,
                "this side only waits".into(),
                fix,
            ));
        }
        let cause = match self.side {
            Side::Edge => "the gateway is passive towards an APIPA peer, and so is this edge",
            Side::Gateway => "towards an APIPA peer the gateway only listens, and the edge has not dialled",
        };
        let fix = "dial from on-premises (mode = \"both\" or \"active\"), to the APIPA address of the instance, out of \
                   169.254.21.0-169.254.22.255";
        Some(Finding::new(Cause::Apipa, certainty, symptom, cause.into(), fix))
    }

    fn taken_down(&self) -> Option<Finding> {
        let mut last = self.trouble().filter_map(|what| match what {
            What::Ended(Ended::Received(code, said)) => Some((*code, said)),
            _ => None,
        });
        let (code, said) = last.next_back()?;
        let down = [ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN, ErrorCode::CEASE_ADMINISTRATIVE_RESET];
        if !down.contains(&code) {
            return None;
        }
        let said = said.as_ref().map_or_else(String::new, |said| format!(": \"{said}\""));
        let fix = match self.side {
            Side::Edge => {
                "wait: a gateway's maintenance takes 10 to 15 s; an active-active gateway has the other instance"
            }
            Side::Gateway => "start it again on the edge",
        };
        let symptom = format!("the peer took it down ({code})");
        Some(Finding::new(Cause::TakenDown, Certain, symptom, format!("its operator did{said}"), fix))
    }
}

/// Sessions that come up and do not stay.
impl Case<'_> {
    fn hold_time(&self) -> Option<Finding> {
        let mut up = self.whats().filter_map(|what| match what {
            What::Up { hold, peer_hold } => Some((*hold, *peer_hold)),
            _ => None,
        });
        let (hold, peer_hold) = up.next_back()?;
        let (short, expired) = match self.side {
            Side::Edge => (hold, self.sent(ErrorCode::HOLD_TIMER_EXPIRED)),
            // A gateway that negotiates sends its KEEPALIVEs as often as is needed.
            Side::Gateway if peer_hold.is_some_and(|peer| peer >= hold) => return None,
            Side::Gateway => (peer_hold?, self.received(ErrorCode::HOLD_TIMER_EXPIRED)),
        };
        let is_fixed = !self.session.setup.at_expressroute;
        let too_short = short > 0 && u64::from(short) <= KEEPALIVE.as_secs();
        if !is_fixed || !too_short || self.side == Side::Edge && !expired && peer_hold == Some(short) {
            return None;
        }
        let symptom = if expired { self.flaps() } else { "it is up, and will be reset".to_owned() };
        Some(Finding::new(
            Cause::HoldTime,
            if expired { Certain } else { Likely },
            symptom,
            format!(
                "the edge's hold time is {short} s, and the gateway stays at 60/180: its KEEPALIVEs come every 45 to 60 s"
            ),
            "keepalive 60 and hold time 180 on the edge (hold-time = 180); no BFD; active-active for faster failover",
        ))
    }

    /// How often it was lost, and how long it lasted.
    fn flaps(&self) -> String {
        let seen = &self.session.seen;
        let lost: Vec<usize> = (0..seen.len()).filter(|i| is_expiry(&seen[*i].what)).collect();
        let lasted = |end: usize| {
            let up = seen[..end].iter().rfind(|s| matches!(s.what, What::Up { .. }))?;
            seconds(up.at, seen[end].at)
        };
        let times = if lost.len() == 1 { "once".to_owned() } else { format!("{} times", lost.len()) };
        match lost.last().and_then(|end| lasted(*end)) {
            Some(lasted) => format!("it was reset {times} by the hold timer, after {lasted:.0} s"),
            None => format!("it was reset {times} by the hold timer"),
        }
    }

    fn silence(&self) -> Option<Finding> {
        let long = self.whats().all(|what| match what {
            What::Up { hold, .. } => u64::from(*hold) > KEEPALIVE.as_secs(),
            _ => true,
        });
        if !self.sent(ErrorCode::HOLD_TIMER_EXPIRED) || !long && self.side == Side::Edge {
            return None;
        }
        let fix = "look at the tunnel: IPsec rekeying, MTU, the route of the peer's /32";
        let cause = "nothing of the peer arrived for the whole hold time, while TCP stood";
        Some(Finding::new(Cause::Silence, Likely, self.flaps(), cause.into(), fix))
    }

    fn too_many(&self) -> Option<Finding> {
        let mut limit = self.whats().filter_map(|what| match what {
            What::TooMany { limit } => Some(*limit),
            _ => None,
        });
        let limit = limit.next_back().or(self.session.setup.limit.filter(|_| self.side == Side::Gateway));
        let code = ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES;
        let passed = match self.side {
            Side::Edge => self.received(code),
            Side::Gateway => self.sent(code) || self.whats().any(|what| matches!(what, What::TooMany { .. })),
        };
        let most = limit.map_or_else(String::new, |limit| format!(" of {limit}"));
        passed.then(|| {
            Finding::new(
                Cause::TooManyPrefixes,
                Certain,
                "the gateway drops it: Cease 6/1, Maximum Number of Prefixes Reached".into(),
                format!(
                    "the edge announces more than the gateway's limit{most} (VPN gateway 4,000 from all peers together; Route \
                     Server counts what is said again once more)"
                ),
                "announce fewer prefixes: aggregates, or 0.0.0.0/0 alone; max-prefixes-out on the edge",
            )
        })
    }
}

/// Routes that do not arrive.
impl Case<'_> {
    fn not_taken(&self) -> Vec<Finding> {
        let mut looped = BTreeSet::new();
        let mut inside = BTreeSet::new();
        let mut others = BTreeSet::new();
        for what in self.whats() {
            match what {
                What::Ignored { prefix, why } if why.contains("own AS is in its AS_PATH") => {
                    looped.insert(prefix.as_str());
                }
                What::Dropped { prefix, why } if why.contains("inside a prefix") => {
                    inside.insert(prefix.as_str());
                }
                What::Dropped { prefix, why } => {
                    others.insert((prefix.as_str(), why.as_str()));
                }
                _ => {}
            }
        }
        let mut findings = Vec::new();
        findings.extend((!looped.is_empty()).then(|| self.own_as_in_path(&looped)));
        findings.extend((!inside.is_empty()).then(|| inside_vnet(&inside)));
        findings.extend(others.into_iter().map(|(prefix, why)| not_taken(prefix, why)));
        findings
    }

    fn own_as_in_path(&self, prefixes: &BTreeSet<&str>) -> Finding {
        let own = self.own_as.map_or_else(String::new, |asn| format!(", {asn}"));
        let (symptom, cause, fix) = match self.side {
            Side::Gateway => (
                "missing at Azure, and the session stays up",
                format!(
                    "the gateway's own AS{own} is in their AS_PATH: the ordinary loop check drops them without a word"
                ),
                "strip it before announcing (bgp_path.delete in BIRD, set as-path exclude in FRR), or do not send back what came from Azure",
            ),
            Side::Edge => (
                "not taken from the gateway",
                format!(
                    "our own AS{own} is in their AS_PATH: another site of the same AS announced them to Azure"
                ),
                "give each site an AS of its own, or allow it (allowas-in) where the other site is meant to be heard",
            ),
        };
        Finding::new(Cause::OwnAsInPath, Certain, format!("{} {symptom}", listed(prefixes)), cause, fix)
    }
}

fn reserved(symptom: String, rule: &str) -> Finding {
    let (cause, fix) =
        rule.split_once(": ").unwrap_or((rule, "take a free private one: 64512-65514 or 65521-65534"));
    Finding::new(
        Cause::ReservedAsn,
        Certain,
        symptom,
        format!("{cause}, so that no connection can name it"),
        fix,
    )
}

fn inside_vnet(prefixes: &BTreeSet<&str>) -> Finding {
    Finding::new(
        Cause::InsideVnet,
        Certain,
        format!("{} missing at Azure, and the session stays up", listed(prefixes)),
        "equal to or inside a prefix of the virtual network: Azure drops such a route without a word".into(),
        "announce a prefix that holds the network's (10.0.0.0/8, not 10.1.4.0/24), or leave it out",
    )
}

fn not_taken(prefix: &str, why: &str) -> Finding {
    let symptom = format!("{prefix} missing at Azure, and the session stays up");
    Finding::new(Cause::NotTaken, Certain, symptom, why.to_owned(), "leave it out towards this gateway")
}

fn is_expiry(what: &What) -> bool {
    match what {
        What::Ended(Ended::Received(code, _) | Ended::Sent(code)) => *code == ErrorCode::HOLD_TIMER_EXPIRED,
        _ => false,
    }
}

fn listed(prefixes: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = prefixes.iter().take(SHOWN).copied().collect();
    match prefixes.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
