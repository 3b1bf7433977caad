//! `quadzero why PREFIX`: the ladder from the configuration to the octets on the wire. Each rung passes, or stops and says what to do;
//! behind the first that stops there is nothing to be seen.
//!
//! ```text
//!   configuration ─► by hand ─► condition ─► drain ─► policy ─► limit ─► session ─► capability ─► wire
//! ```
//!
//! It is the same evaluation that decides what is announced ([`Policy::explain`]), and the same encoder that says it.

use crate::config::edge::Neighbor;
use crate::intent::Stage;
use bytes::BytesMut;
use ipnet::IpNet;
use quadzero_codec::{ErrorCode, Family, encode_announced};
use quadzero_fsm::{Down, Excess, Mode, State, Status};
use quadzero_policy::{Decision, ExceptionMode, Policy, Reason};
use quadzero_rib::{Route, RouteSet};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

/// What is known of a prefix and a neighbor.
pub struct Facts<'a> {
    /// The prefix.
    pub prefix: IpNet,
    /// What the file says.
    pub configured: &'a Policy,
    /// Somebody has announced it by hand.
    pub by_hand: bool,
    /// Somebody has withdrawn it by hand.
    pub held_back: bool,
    /// How far we are with leaving.
    pub stage: Stage,
    /// The neighbor.
    pub neighbor: &'a Neighbor,
    /// What was decided about it.
    pub decisions: &'a [Decision],
    /// What it is to have.
    pub wanted: &'a Arc<RouteSet>,
    /// An operator has stopped it.
    pub stopped: bool,
    /// How it is doing; a range has nobody to be told anything before somebody dials.
    pub status: Option<&'a Status>,
}

/// One step of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// What it is about.
    pub rung: &'static str,
    /// Whether the way goes on.
    pub passes: bool,
    /// What there is.
    pub says: String,
    /// What to do, where it stops.
    pub to_do: Option<String>,
}

/// What a rung says; or what stops there, and what to do.
type Step = Result<String, (String, String)>;
type Climb = fn(&Facts<'_>) -> Step;

/// The ladder, up to and with the first rung that stops.
pub fn ladder(facts: &Facts<'_>) -> Vec<Rung> {
    let rungs: [(&str, Climb); 9] = [
        ("configuration", configuration),
        ("by hand", by_hand),
        ("condition", condition),
        ("drain", drain),
        ("policy", policy),
        ("limit", limit),
        ("session", session),
        ("capability", capability),
        ("wire", wire),
    ];
    let mut climbed = Vec::new();
    for (rung, step) in rungs {
        match step(facts) {
            Ok(says) => climbed.push(Rung { rung, passes: true, says, to_do: None }),
            Err((says, to_do)) => {
                climbed.push(Rung { rung, passes: false, says, to_do: Some(to_do) });
                break;
            }
        }
    }
    climbed
}

/// Whether the file announces the prefix, to whomever.
pub(crate) fn configured(policy: &Policy, prefix: &IpNet) -> bool {
    let excepted = policy.exceptions().iter().filter(|set| matches!(set.mode, ExceptionMode::Announce(_)));
    let mut excepted = excepted.flat_map(|set| &set.prefixes);
    policy.originations().iter().any(|o| o.prefix == *prefix) || excepted.any(|excepted| excepted == prefix)
}

fn stops<T>(says: impl Into<String>, to_do: impl Into<String>) -> Result<T, (String, String)> {
    Err((says.into(), to_do.into()))
}

fn configuration(facts: &Facts<'_>) -> Step {
    let prefix = facts.prefix;
    if facts.by_hand {
        return Ok(format!("{prefix} is announced by hand"));
    }
    let mut of_it = facts.decisions.iter().filter(|decision| decision.prefix == prefix);
    if configured(facts.configured, &prefix) {
        return Ok(format!("{prefix} is in the file"));
    }
    if let Some(decision) = of_it.next() {
        return Ok(format!("{prefix} comes of {}", decision.source));
    }
    let covers = |decision: &&Decision| decision.route().is_some() && decision.prefix.contains(&prefix);
    let covering = facts.decisions.iter().filter(covers).max_by_key(|decision| decision.prefix.prefix_len());
    let says = match covering {
        Some(decision) => format!("nothing originates {prefix} itself; {} covers it", decision.prefix),
        None => format!("nothing originates {prefix}"),
    };
    stops(says, format!("[[originate]] prefix = \"{prefix}\" in the file, or `quadzero announce {prefix}`"))
}

fn by_hand(facts: &Facts<'_>) -> Step {
    if facts.held_back {
        let prefix = facts.prefix;
        return stops(
            "somebody has withdrawn it by hand",
            format!("`quadzero announce {prefix}`, or a restart"),
        );
    }
    Ok("nobody has withdrawn it by hand".into())
}

fn condition(facts: &Facts<'_>) -> Step {
    let Some(Decision { standing: Some(standing), because, .. }) = decision(facts) else {
        return Ok("it depends on no probe".into());
    };
    match because {
        Reason::ConditionFails { .. } => stops(
            standing.to_string(),
            "mend what the probe looks at (`quadzero show probes`), or change `when` or `on-failure`",
        ),
        _ => Ok(standing.to_string()),
    }
}

/// What was decided about the prefix; that it is announced, if somebody does.
fn decision<'a>(facts: &Facts<'a>) -> Option<&'a Decision> {
    let mut of_it = facts.decisions.iter().filter(|decision| decision.prefix == facts.prefix);
    of_it.clone().find(|decision| decision.route().is_some()).or_else(|| of_it.next())
}

fn drain(facts: &Facts<'_>) -> Step {
    match facts.stage {
        Stage::Serving => Ok("we are not leaving".into()),
        Stage::Warning => {
            Ok("we are about to leave: it is announced with GRACEFUL_SHUTDOWN and a longer path".into())
        }
        Stage::Drained => stops("drained: nothing is announced to anybody", "`quadzero undrain`"),
    }
}

fn policy(facts: &Facts<'_>) -> Step {
    let Some(decision) = decision(facts) else {
        return stops("no decision is about it", "`quadzero show policy` with the neighbor's name");
    };
    let says = decision.to_string();
    if decision.route().is_some() {
        return Ok(says);
    }
    stops(says, advice(&decision.because))
}

/// What to do about a decision not to announce.
fn advice(reason: &Reason) -> &'static str {
    match reason {
        Reason::Whole | Reason::Exception | Reason::Piece { .. } => "nothing",
        Reason::Carved { .. } => "ask for one of the pieces: `quadzero show routes advertised` has them",
        Reason::Swallowed { .. } | Reason::CarvedOut | Reason::NothingToCarve => {
            "take the prefix out of the exception set, or change its mode"
        }
        Reason::UserDefinedRoute => {
            "`quadzero export udr` prints what it takes in Azure; or change the set's mode"
        }
        Reason::Family { .. } => "add the family to `families` of the neighbor, on both sides",
        Reason::NotListed { .. } | Reason::NotCarved { .. } => "add its name to `announce` of the neighbor",
        Reason::ConditionFails { .. } => "`quadzero show probes`",
        Reason::Duplicate { .. } => "nothing: the other one is announced",
        Reason::Platform { .. } => "nothing: it must not be announced",
    }
}

fn limit(facts: &Facts<'_>) -> Step {
    let Some(limit) = facts.neighbor.peer.max_prefixes_out else { return Ok("no max-prefixes-out".into()) };
    let family = Family::of(&facts.prefix);
    let wanted = facts.wanted.len_of(family);
    let says = format!("{wanted} prefixes of {family}, max-prefixes-out is {}", limit.prefixes);
    if wanted <= limit.prefixes || limit.excess == Excess::Warn {
        return Ok(says);
    }
    let told = facts.status.and_then(|status| status.told.as_ref());
    if told.is_some_and(|told| told.get(&facts.prefix) == facts.wanted.get(&facts.prefix)) {
        return Ok(format!("{says}: what it holds already stays, this among it"));
    }
    stops(says, "raise max-prefixes-out of the neighbor, or announce less: it keeps what it was told before")
}

fn session(facts: &Facts<'_>) -> Step {
    let name = &facts.neighbor.peer.name;
    let Some(status) = facts.status else {
        return stops("nobody has dialled in from the range", "look at the other side: it has to dial");
    };
    if status.state == State::Established {
        return Ok("Established".into());
    }
    if facts.stopped {
        return stops("an operator has stopped it", format!("`quadzero neighbor start {name}`"));
    }
    let last = status.last_down.as_ref();
    let because = last.map_or_else(String::new, |down| format!("; the last attempt: {down}"));
    stops(
        format!("{}{because}", status.state),
        last.map_or_else(|| waiting(facts.neighbor), |down| mend(down, facts.neighbor)),
    )
}

fn waiting(neighbor: &Neighbor) -> String {
    match neighbor.peer.mode {
        Mode::Passive => "it has to dial us: nothing has come from its address yet".into(),
        Mode::Both | Mode::Active => "wait: the first attempt is under way".into(),
    }
}

/// What to look at when a session ends like that.
pub(crate) fn mend(down: &Down, neighbor: &Neighbor) -> String {
    let peer = &neighbor.peer;
    let key = if peer.transport.md5.is_some() {
        "; a TCP MD5 key that differs looks just like this: compare password-file on both sides"
    } else {
        "; so does a neighbor that wants a TCP MD5 key: password-file"
    };
    match down {
        Down::Unanswered => {
            format!("nothing answers at {}: the way there, its firewall, its TTL{key}", peer.transport.remote)
        }
        Down::ConnectFailed => {
            let remote = peer.transport.remote;
            format!(
                "the log has the system's reason: does {remote} listen, and is local-address on this machine?"
            )
        }
        Down::Closed => format!(
            "it closes without a word: does it know us, by this address and AS {}? multihop, ttl-security{key}",
            peer.local_as
        ),
        Down::Received(said) => refused(
            said.encapsulated().map_or(said.code, |inner| inner.code),
            true,
            peer.local_as.0,
            peer.remote_as.0,
        ),
        Down::Sent(said) => refused(
            said.encapsulated().map_or(said.code, |inner| inner.code),
            false,
            peer.local_as.0,
            peer.remote_as.0,
        ),
    }
}

fn refused(code: ErrorCode, by_it: bool, ours: u32, theirs: u32) -> String {
    let who = if by_it { "its" } else { "our" };
    match code {
        ErrorCode::OPEN_BAD_PEER_AS if by_it => {
            format!("it expects another AS of us than {ours}: remote-as there, [bgp] asn here")
        }
        ErrorCode::OPEN_BAD_PEER_AS => format!("it is in another AS than {theirs}: remote-as here"),
        ErrorCode::OPEN_ROLE_MISMATCH => {
            "the roles do not fit (RFC 9234): provider and customer, or peer and peer".into()
        }
        ErrorCode::OPEN_UNSUPPORTED_CAPABILITY => "no family is common: `families` on both sides".into(),
        ErrorCode::HOLD_TIMER_EXPIRED => {
            "nothing was heard for the hold time: the path, MTU, or a busy machine".into()
        }
        ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN if by_it => {
            "its operator has shut it down: ask there".into()
        }
        ErrorCode::CEASE_PEER_DE_CONFIGURED if by_it => "its operator has removed us: ask there".into(),
        ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES if by_it => {
            "we have announced more than it takes: announce less, or raise its limit".into()
        }
        ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES => {
            "it has announced more than max-prefixes allows".into()
        }
        _ => format!("{who} NOTIFICATION says why"),
    }
}

fn capability(facts: &Facts<'_>) -> Step {
    let family = Family::of(&facts.prefix);
    let agreed = facts.status.and_then(|status| status.negotiated.as_ref());
    if agreed.is_some_and(|agreed| agreed.families.contains(&family)) {
        return Ok(format!("both sides exchange {family}"));
    }
    stops(format!("the neighbor did not offer {family} (RFC 4760)"), format!("switch {family} on over there"))
}

fn wire(facts: &Facts<'_>) -> Step {
    let prefix = &facts.prefix;
    let (Some(wanted), Some(status)) = (facts.wanted.get(prefix), facts.status) else {
        return stops("it is not among what the neighbor is to have", "ask again: that has just changed");
    };
    let Some(agreed) = &status.negotiated else { return stops("the session has just ended", "ask again") };
    let mut out = BytesMut::new();
    if let Err(error) = encode_announced(&wanted.attributes, &[*prefix], &agreed.dialect, &mut out) {
        return stops(format!("it cannot be said to this neighbor: {error}"), "next-hop, or local-address");
    }
    match status.told.as_ref().and_then(|told| told.get(prefix)) {
        Some(told) if is_same(told, wanted) => Ok(format!("said, and not taken back since: {}", hex(&out))),
        _ if status.in_sync => stops("it has not been said yet", "ask again: it is about to be"),
        _ => stops(
            "it waits: the neighbor does not read what we send",
            "look at the neighbor, and at `ss -ti` for the connection; send-hold ends it",
        ),
    }
}

fn is_same(one: &Route, other: &Route) -> bool {
    one.attributes == other.attributes
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}
