//! The HTTP API of the mock: what `az` and Azure's own API say of gateways and network interfaces, in the same JSON.
//!
//! ```text
//!   request ─► question: which of Azure's operations, on what ─► answer: JSON, of the Mock ─► response
//! ```
//!
//! Paths are those of Azure's resource manager, so that a script which calls it needs another host alone; subscription and
//! resource group may be anything, and no token is looked at. Each has a short form, for people with curl. What is not there
//! is answered by what is.
//!
//! It is for one machine: loopback or a socket of one's own, no passwords. So it refuses what browsers send: a page from
//! elsewhere must not take an instance down. A connection carries one request and lives half a minute at the most.

mod answer;
mod journal;
mod listen;
mod question;

pub use journal::Journal;
pub use listen::{Listening, bind};

use crate::config::azure::Api;
use answer::{Answered, Refusal};
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quadzero_azure::speaker::Mock;
use question::Question;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// What is served.
pub struct Serving {
    /// The gateways.
    pub mock: Arc<Mock>,
    /// What they have logged.
    pub journal: &'static Journal,
    /// How it is asked for.
    pub api: Api,
}

/// Answers until it is dropped.
///
/// # Errors
/// The listener's own.
pub async fn serve(listening: Listening, serving: Serving) -> io::Result<()> {
    let router = Router::new().fallback(respond).with_state(Arc::new(serving));
    listening.serve(router).await
}

async fn respond(State(serving): State<Arc<Serving>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    tracing::debug!(method = %request.method(), path, "asked");
    let answered =
        if of_browser(request.headers()) { Err(Refusal::forbidden()) } else { answered(&serving, &request) };
    let response = match answered {
        Ok(Answered::Now(body)) => json(StatusCode::OK, &body),
        Ok(Answered::Text(lines)) => {
            ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
        }
        Ok(Answered::Later) => later(&request),
        Err(refusal) => json(refusal.status, &refusal.body()),
    };
    // One request a connection: none is kept open for nothing.
    ([(header::CONNECTION, "close")], response).into_response()
}

fn answered(serving: &Serving, request: &Request) -> Result<Answered, Refusal> {
    let Query(given) = Query::<BTreeMap<String, String>>::try_from_uri(request.uri())
        .map_err(|error| Refusal::bad(format!("the query cannot be read: {error}")))?;
    let given = given.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
    let Some(question) = Question::of(request.uri().path()) else {
        return Err(answer::nothing_there(&serving.mock, request.uri().path()));
    };
    let post = request.method() == Method::POST;
    match (question.changes_something(), request.method()) {
        (_, &Method::POST) | (false, &Method::GET) => {}
        (true, _) => return Err(Refusal::method("POST")),
        (false, _) => return Err(Refusal::method("GET or POST")),
    }
    let answer = answer::answer(serving, &question, &given)?;
    let later = post && serving.api.long_running && question.is_long_running();
    Ok(if later { Answered::Later } else { answer })
}

/// Azure's answer to a POST that takes its time: it will be there (azure.md §5.3). Here it is there already.
fn later(request: &Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = request.uri().path_and_query().map_or("/", |all| all.as_str());
    let location =
        [(header::LOCATION, format!("http://{host}{path}")), (header::RETRY_AFTER, "0".to_owned())];
    (StatusCode::ACCEPTED, location).into_response()
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], format!("{body:#}\n"))
        .into_response()
}

/// A browser says where the page is from that asks; one that was led here by DNS calls us by a name.
pub(crate) fn of_browser(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    headers.contains_key(header::ORIGIN) || name != "localhost" && name.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_from_elsewhere_are_refused_and_tools_are_not() {
        let asked = |pairs: &[(header::HeaderName, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            of_browser(&pairs.collect())
        };
        for host in ["127.0.0.1:8179", "localhost", "localhost:8179", "[::1]:8179", "[::1]", "127.0.0.1"] {
            assert!(!asked(&[(header::HOST, host)]), "{host}");
        }
        assert!(!asked(&[]));
        assert!(asked(&[(header::HOST, "evil.example:8179")]), "a name that leads here");
        assert!(asked(&[(header::HOST, "127.0.0.1:8179"), (header::ORIGIN, "http://evil.example")]));
    }
}
