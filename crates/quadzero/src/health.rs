//! `quadzero health`: whether what runs here is well, in one line and an exit status, for the HEALTHCHECK of an image, for
//! whoever waits in a script.
//!
//! ```text
//!   healthy   it runs and answers                                    what is not should be restarted
//!   ready     healthy, and the edge has told every neighbor          what is not should be waited for: to restart
//!             all that it should; the mock's peers are connected     an edge mends no tunnel
//! ```
//!
//! A session that is down makes nothing unhealthy: it is the other side's affair as often as ours, and a supervisor that restarts
//! an edge for it takes the other sessions down as well.

use crate::cli::{Failure, seconds};
use crate::control::{Client, Request};
use crate::show;
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long an answer may take, which is at hand.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two looks of somebody who waits.
const AGAIN: Duration = Duration::from_millis(250);

/// Say in a word whether a running edge or mock is well.
///
/// Healthy is what runs and answers; a session that is down is no reason to restart an edge. Ready is an edge that has told
/// every neighbor all that it should, and a mock whose peers are connected. Exits 0 if it is so, and 1 if not, with the reason.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  quadzero health                     whichever of the two runs here: the HEALTHCHECK of the image
  quadzero health edge --ready        has everybody been told?
  quadzero health --ready --wait 60s  come back when it is so, or say after a minute why not
  quadzero health azure --url http://192.0.2.4:8179")]
pub struct Health {
    /// Which of the two; the edge, and else a mock, if left out
    #[arg(value_enum)]
    pub who: Option<Who>,
    /// Whether it is ready, too
    #[arg(long)]
    pub ready: bool,
    /// Ask again and again for so long, until it is
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub wait: Option<u64>,
    /// The edge's control socket, where its file names another one than usual
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The mock's API; http://127.0.0.1:8179 unless said otherwise
    #[arg(long, env = "QUADZERO_URL")]
    pub url: Option<String>,
    /// Or its Unix socket
    #[arg(long, env = "QUADZERO_SOCKET", value_name = "PATH", conflicts_with = "url")]
    pub api_socket: Option<PathBuf>,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Who {
    /// By its control socket.
    Edge,
    /// By its API.
    Azure,
}

/// `quadzero health`.
///
/// # Errors
/// It is not well, or nobody answers.
pub fn run(options: &Health) -> Result<(), Failure> {
    let until = Instant::now() + Duration::from_secs(options.wait.unwrap_or(0));
    loop {
        match look(options) {
            Ok(line) => return Ok(writeln!(std::io::stdout(), "{line}")?),
            Err(failure) if matches!(failure, Failure::Wrong(_)) || Instant::now() >= until => {
                return Err(failure);
            }
            Err(_) => sleep(AGAIN),
        }
    }
}

/// Only somebody who does not say whom gets an answer from whoever is there.
fn look(options: &Health) -> Result<String, Failure> {
    let names_mock = options.url.is_some() || options.api_socket.is_some();
    match options.who {
        Some(Who::Edge) => edge(connect(options)?, options.ready),
        Some(Who::Azure) => mock(options),
        None if options.socket.is_some() => edge(connect(options)?, options.ready),
        None if names_mock => mock(options),
        None => match connect(options) {
            Ok(client) => edge(client, options.ready),
            Err(no_edge) => mock(options).map_err(|no_mock| neither(&no_edge, no_mock)),
        },
    }
}

fn neither(no_edge: &Failure, no_mock: Failure) -> Failure {
    match no_mock {
        Failure::Failed(text) if !text.starts_with("not ready") => {
            Failure::Failed(format!("{no_edge}\n{}", text.trim_start_matches("unhealthy: ")))
        }
        other => other,
    }
}

fn unhealthy(failure: Failure) -> Failure {
    match failure {
        Failure::Failed(text) => {
            Failure::Failed(format!("unhealthy: {}", text.trim_start_matches("error: ")))
        }
        other => other,
    }
}

fn connect(options: &Health) -> Result<Client, Failure> {
    Client::connect(options.socket.as_deref()).map_err(unhealthy)
}

fn edge(mut client: Client, ready: bool) -> Result<String, Failure> {
    let answer = client.patience(PATIENCE).and_then(|()| client.ask(Request::Summary)).map_err(unhealthy)?;
    if ready { edge_is_ready(&answer) } else { Ok(edge_is_healthy(&answer)) }
}

fn edge_is_healthy(answer: &Value) -> String {
    let neighbors = rows(&answer["neighbors"]);
    let up = neighbors.iter().filter(|row| row["state"] == "Established").count();
    format!("healthy: edge AS {}, {up} of {} sessions established", answer["asn"], neighbors.len())
}

fn edge_is_ready(answer: &Value) -> Result<String, Failure> {
    let lacks: Vec<String> = rows(&answer["lacks"]).iter().map(word).collect();
    if !lacks.is_empty() {
        return Err(Failure::Failed(format!("not ready: edge AS {}: {}", answer["asn"], lacks.join("; "))));
    }
    let told = rows(&answer["neighbors"]).iter().filter(|row| row["stopped"] != true).count();
    Ok(format!("ready: edge AS {}, {told} of {told} neighbors have been told everything", answer["asn"]))
}

fn mock(options: &Health) -> Result<String, Failure> {
    let server = show::Server { url: options.url.clone(), socket: options.api_socket.clone() };
    let client = show::Client::new(&server)?;
    let gateways = client.get("/gateways").map_err(unhealthy)?;
    let mut peers = Vec::new();
    for gateway in rows(&gateways["value"]) {
        let name = word(&gateway["name"]);
        let status = client.get(&show::peer_status(&name)).map_err(unhealthy)?;
        // Azure lists an instance among its own peers.
        let instances: Vec<&Value> =
            rows(&gateway["instances"]).iter().map(|instance| &instance["bgpPeeringAddress"]).collect();
        let others = rows(&status["value"]).iter().filter(|row| !instances.contains(&&row["neighbor"]));
        peers.extend(others.map(|row| (name.clone(), row.clone())));
    }
    if options.ready { mock_is_ready(&peers) } else { Ok(mock_is_healthy(&peers)) }
}

fn is_connected((_, row): &(String, Value)) -> bool {
    row["state"] == "Connected"
}

fn mock_is_healthy(peers: &[(String, Value)]) -> String {
    let up = peers.iter().filter(|peer| is_connected(peer)).count();
    format!("healthy: mock, {up} of {} sessions connected", peers.len())
}

fn mock_is_ready(peers: &[(String, Value)]) -> Result<String, Failure> {
    match peers.iter().find(|peer| !is_connected(peer)) {
        None => Ok(format!("ready: mock, {0} of {0} sessions connected", peers.len())),
        Some((gateway, row)) => {
            let (neighbor, state) = (word(&row["neighbor"]), word(&row["state"]));
            Err(Failure::Failed(format!("not ready: mock: {neighbor} at {gateway} is {state}")))
        }
    }
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Names of a file may hold anything, and this goes to terminals and logs.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_edge_whose_sessions_are_down_is_healthy_and_not_ready() {
        let neighbors =
            json!([{ "state": "Established" }, { "state": "Active" }, { "state": "Idle", "stopped": true }]);
        let down =
            json!({ "asn": 65010, "lacks": ["azure-1: the session is Active"], "neighbors": neighbors });
        assert_eq!(edge_is_healthy(&down), "healthy: edge AS 65010, 1 of 3 sessions established");
        let not_ready = edge_is_ready(&down).unwrap_err().to_string();
        assert_eq!(not_ready, "not ready: edge AS 65010: azure-1: the session is Active");
        let ready = edge_is_ready(&json!({ "asn": 65010, "lacks": [], "neighbors": neighbors })).unwrap();
        assert_eq!(ready, "ready: edge AS 65010, 2 of 2 neighbors have been told everything");
    }

    #[test]
    fn a_mock_is_ready_when_all_its_peers_are_connected() {
        let peer = |state| ("vgw".to_owned(), json!({ "neighbor": "192.0.2.1", "state": state }));
        let peers = [peer("Connected"), peer("Connecting")];
        assert_eq!(mock_is_healthy(&peers), "healthy: mock, 1 of 2 sessions connected");
        assert_eq!(
            mock_is_ready(&peers).unwrap_err().to_string(),
            "not ready: mock: 192.0.2.1 at vgw is Connecting"
        );
        assert_eq!(mock_is_ready(&peers[..1]).unwrap(), "ready: mock, 1 of 1 sessions connected");
    }
}
