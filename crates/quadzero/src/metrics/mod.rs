//! How a running edge is watched by machines: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever starts and asks it.
//!
//! ```text
//!   GET /metrics ──► Asked ──► queue of 8 ──► the daemon's own loop: a copy of how things are (Snapshot)
//!                                                     │
//!   text ◄── a thread of its own puts it into words ◄─┘
//! ```
//!
//! The loop does no more than copy: a scrape of a thousand neighbors must not keep a session waiting. One scrape at a time is put into
//! words, and without one nothing is done at all. Who asks is not known, and there is nothing to be changed here.

mod latency;
mod snapshot;
mod text;

pub(crate) use latency::{Holder, Latency};
pub(crate) use snapshot::Reloads;

use crate::api::{self, Listening};
use crate::config::edge::Metrics;
use crate::readiness;
use crate::running::Running;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use snapshot::Snapshot;
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use text::Format;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tracing::error;

/// Questions that wait for the loop.
const WAITING: usize = 8;
/// A loop that has not turned within this time is not well.
const TURNS_WITHIN: Duration = Duration::from_secs(2);
/// What lacks, of which that many are named.
const NAMED: usize = 20;

/// What there is.
const INDEX: &str = "quadzero\n  /metrics  OpenMetrics, or Prometheus' older text\n  \
                     /healthz  200 if the program's loop turns\n  \
                     /readyz   200 if every neighbor that is not stopped was told what it is to have\n";

/// A question that only the loop can answer.
pub(crate) enum Asked {
    /// Whether it turns.
    Turn(oneshot::Sender<()>),
    /// What is not as it should be.
    Lacks(oneshot::Sender<Vec<String>>),
    /// How everything is.
    Everything(oneshot::Sender<Box<Snapshot>>),
}

/// The listener, until it is dropped.
pub(crate) struct Server {
    questions: mpsc::Receiver<Asked>,
    _task: JoinSet<()>,
}

#[derive(Clone)]
struct Serving {
    questions: mpsc::Sender<Asked>,
    /// One after the other: what scrapes cost is bounded.
    scrape: Arc<Mutex<()>>,
    allow_remote: bool,
}

impl Server {
    /// Serves there.
    ///
    /// # Errors
    /// The place cannot be had.
    pub(crate) async fn start(metrics: &Metrics) -> io::Result<(Self, String)> {
        let listening: Listening = api::bind(&metrics.at).await?;
        let place = listening.place();
        let (sender, questions) = mpsc::channel(WAITING);
        let serving =
            Serving { questions: sender, scrape: Arc::default(), allow_remote: metrics.allow_remote };
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Err(error) = listening.serve(router(serving)).await {
                error!(%error, "metrics are served no more");
            }
        });
        Ok((Self { questions, _task: task }, place))
    }

    /// The next question.
    pub(crate) async fn next(&mut self) -> Option<Asked> {
        self.questions.recv().await
    }
}

/// Answers, within the loop. `audit_lost` is what the audit file does not have, if there is one.
pub(crate) fn answer(running: &mut Running, audit_lost: Option<u64>, asked: Asked) {
    match asked {
        Asked::Turn(reply) => _ = reply.send(()),
        Asked::Lacks(reply) => _ = reply.send(readiness::lacks(running)),
        Asked::Everything(reply) => _ = reply.send(Box::new(Snapshot::take(running, audit_lost))),
    }
}

fn router(serving: Serving) -> Router {
    Router::new()
        .route("/", get(|| async { INDEX }))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(from_fn_with_state(serving.clone(), guard))
        .with_state(serving)
}

/// Pages from elsewhere have no business with an address that only this machine has. One request a connection.
async fn guard(State(serving): State<Serving>, request: Request, next: Next) -> Response {
    let response = if !serving.allow_remote && api::of_browser(request.headers()) {
        (StatusCode::FORBIDDEN, "browsers are not answered here\n").into_response()
    } else {
        next.run(request).await
    };
    ([(header::CONNECTION, "close")], response).into_response()
}

impl Serving {
    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Asked) -> Result<T, Response> {
        let asked = async {
            let (reply, answer) = oneshot::channel();
            self.questions.send(question(reply)).await.ok()?;
            answer.await.ok()
        };
        let no = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
        match timeout(TURNS_WITHIN, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(no("quadzero is stopping\n".to_owned())),
            Err(_) => Err(no(format!("the loop has not turned for {} s\n", TURNS_WITHIN.as_secs()))),
        }
    }
}

async fn healthz(State(serving): State<Serving>) -> Response {
    match serving.ask(Asked::Turn).await {
        Ok(()) => "ok\n".into_response(),
        Err(response) => response,
    }
}

async fn readyz(State(serving): State<Serving>) -> Response {
    match serving.ask(Asked::Lacks).await {
        Ok(lacks) if lacks.is_empty() => "ready\n".into_response(),
        Ok(lacks) => (StatusCode::SERVICE_UNAVAILABLE, words(&lacks)).into_response(),
        Err(response) => response,
    }
}

fn words(lacks: &[String]) -> String {
    let mut out = "not ready\n".to_owned();
    for lack in lacks.iter().take(NAMED) {
        let _ = writeln!(out, "  {lack}");
    }
    if lacks.len() > NAMED {
        let _ = writeln!(out, "  and {} more", lacks.len() - NAMED);
    }
    out
}

async fn metrics(State(serving): State<Serving>, headers: HeaderMap) -> Response {
    let _turn = serving.scrape.lock().await;
    let snapshot = match serving.ask(Asked::Everything).await {
        Ok(snapshot) => snapshot,
        Err(response) => return response,
    };
    let format = accepted(&headers);
    // Words take their time: not that of the sessions.
    match spawn_blocking(move || text::write(*snapshot, format)).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Ok(Err(_)) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Scrapers that know OpenMetrics say so.
fn accepted(headers: &HeaderMap) -> Format {
    let mut accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accept.any(|value| value.contains("application/openmetrics-text")) {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    }
}
