//! Reads the JSON log of `quadzero run` or `quadzero azure`: the lines that say how sessions fare, and no others.

use super::{Dial, Ended, Observations, Side, What};
use quadzero_codec::{Asn, ErrorCode};
use serde_json::Value;
use std::time::SystemTime;

/// What a log tells. `None` if no line of it is JSON.
pub fn read(lines: &str) -> Option<Observations> {
    let mut observations = Observations::new(Side::Edge);
    (observations.read(lines) > 0).then_some(observations)
}

impl Observations {
    /// Adds what lines of a log tell; how many were JSON. A daemon that was started again begins anew.
    pub fn read(&mut self, lines: &str) -> usize {
        let parsed = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.filter(Value::is_object).map(|line| self.line(&line)).count()
    }

    fn line(&mut self, line: &Value) {
        let message = text(line, "message");
        match message {
            "started" => self.started(line),
            "listening" if line.get("gateway").is_some() => self.side = Side::Gateway,
            _ => {}
        }
        let Some(what) = what(message, line) else { return };
        let at = humantime::parse_rfc3339(text(line, "timestamp")).ok();
        match (
            line.pointer("/span/neighbor").and_then(Value::as_str),
            line.get("peer").and_then(Value::as_str),
        ) {
            (Some(neighbor), _) => self.session(neighbor).note(at, what),
            // The gateway's own words about a session, by its name or the peer's address.
            (None, Some(peer)) if self.sessions.contains_key(peer) => self.session(peer).note(at, what),
            (None, Some(peer)) => self.at(peer, what),
            (None, None) => {}
        }
    }

    fn started(&mut self, line: &Value) {
        if let Some(asn) = text(line, "asn").parse().ok().or_else(|| number(line, "asn")) {
            (self.side, self.own_as) = (Side::Edge, Some(Asn(asn)));
        }
        self.sessions.values_mut().for_each(|session| session.seen.clear());
    }
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number<T: TryFrom<u64>>(line: &Value, key: &str) -> Option<T> {
    line.get(key)?.as_u64()?.try_into().ok()
}

/// What a line says that happened.
fn what(message: &str, line: &Value) -> Option<What> {
    if let Some(words) = message.strip_prefix("OPEN refused: ") {
        return wrong_as(words);
    }
    if let Some(why) = message.strip_prefix("route dropped: ") {
        return Some(What::Dropped { prefix: text(line, "prefix").to_owned(), why: why.to_owned() });
    }
    match message {
        "state changed" => state(line),
        "session established" => {
            Some(What::Up { hold: number(line, "hold_time")?, peer_hold: number(line, "peer_hold_time") })
        }
        "session down" | "session stopped" | "attempt failed" => ended(text(line, "reason")),
        "dial failed" => Some(What::DialFailed(dial(text(line, "error")))),
        "dial failed: this machine does not have the local address" => {
            Some(What::DialFailed(Dial::NoLocalAddress))
        }
        "ignored" => {
            let [prefix, why] = [text(line, "first"), text(line, "why")].map(str::to_owned);
            Some(What::Ignored { prefix, why })
        }
        "too many prefixes, session dropped" => Some(What::TooMany { limit: number(line, "limit")? }),
        _ => None,
    }
}

fn state(line: &Value) -> Option<What> {
    match text(line, "to") {
        "Active" => Some(What::Waits { retries: line.get("next_attempt_in").is_some_and(|n| !n.is_null()) }),
        "OpenSent" => Some(What::Opens),
        _ => None,
    }
}

/// `the peer is in AS 65011, configured is AS 65010`
fn wrong_as(words: &str) -> Option<What> {
    let (theirs, configured) = words.strip_prefix("the peer is in AS ")?.split_once(", configured is AS ")?;
    Some(What::WrongAs { theirs: Asn(theirs.parse().ok()?), configured: Asn(configured.parse().ok()?) })
}

fn ended(reason: &str) -> Option<What> {
    if let Some(words) = reason.strip_prefix("NOTIFICATION received: ") {
        let (code, rest) = code(words)?;
        let said = rest.trim().trim_matches('"');
        return Some(What::Ended(Ended::Received(code, (!said.is_empty()).then(|| said.to_owned()))));
    }
    if let Some(words) = reason.strip_prefix("NOTIFICATION sent: ") {
        return Some(What::Ended(Ended::Sent(code(words)?.0)));
    }
    match reason {
        "the dial was not answered" => Some(What::DialFailed(Dial::Unanswered)),
        "TCP connection closed or lost" => Some(What::Ended(Ended::Closed)),
        _ => None,
    }
}

/// The code whose words these begin with, the longest of them, and what follows.
fn code(words: &str) -> Option<(ErrorCode, &str)> {
    let known =
        ErrorCode::KNOWN.iter().filter_map(|code| Some((*code, words.strip_prefix(&code.to_string())?)));
    known.min_by_key(|(_, rest)| rest.len())
}

fn dial(error: &str) -> Dial {
    match error {
        e if e.contains("refused") => Dial::Refused,
        e if e.contains("No route to host") || e.contains("unreachable") => Dial::Unreachable,
        e if e.contains("timed out") => Dial::Unanswered,
        other => Dial::Other(other.to_owned()),
    }
}

/// Seconds between two lines.
pub(super) fn seconds(from: Option<SystemTime>, to: Option<SystemTime>) -> Option<f64> {
    Some(to?.duration_since(from?).ok()?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_code_are_understood_again() {
        for known in ErrorCode::KNOWN {
            let words = format!("{known} \"until 02:00\"");
            assert_eq!(code(&words), Some((*known, " \"until 02:00\"")), "{words}");
        }
    }

    #[test]
    fn what_is_no_log_is_said_to_be_none() {
        assert!(read("2026-11-24T10:00:00Z INFO session established\n[1]\n").is_none());
        assert!(read("{}\n").is_some_and(|observations| observations.sessions.is_empty()));
    }
}
