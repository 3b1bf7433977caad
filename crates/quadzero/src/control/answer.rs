//! From a question to its answer, in the daemon's own loop: nothing else happens meanwhile.

use super::{Question, Request, view};
use crate::running::Running;
use serde_json::{Value, json};
use std::time::Duration;

/// What sessions are told that an operator ends, unless there is a text (RFC 9003).
const STOPPED: &str = "stopped by the operator";
const RESET: &str = "reset by the operator";
/// No reload waits longer to be confirmed.
const LONGEST_CONFIRM: u64 = 24 * 60 * 60;

/// Answers.
pub(crate) fn answer(running: &mut Running, Question { request, reply }: Question) {
    let answer = if changes(&request) { change(running, request) } else { look(running, request) };
    let _who_asked_has_hung_up = reply.send(answer);
}

/// Whether it changes anything.
const fn changes(request: &Request) -> bool {
    match request {
        Request::Summary
        | Request::Neighbor { .. }
        | Request::Routes { .. }
        | Request::Policy { .. }
        | Request::Probes
        | Request::Events
        | Request::Watch
        | Request::Why { .. } => false,
        Request::Reload { .. }
        | Request::Confirm
        | Request::Drain { .. }
        | Request::Undrain
        | Request::Start { .. }
        | Request::Stop { .. }
        | Request::Reset { .. }
        | Request::Announce(_)
        | Request::Withdraw { .. } => true,
    }
}

fn look(running: &Running, request: Request) -> Result<Value, String> {
    match request {
        Request::Summary => view::summary(running),
        Request::Neighbor { name } => view::neighbor(running, name.as_deref()),
        Request::Routes { which, neighbor } => view::routes(running, which, neighbor.as_deref()),
        Request::Policy { neighbor } => view::policy(running, neighbor.as_deref()),
        Request::Probes => Ok(view::probes(running)),
        Request::Why { prefix, to } => view::why(running, prefix, to.as_deref()),
        _ => Ok(running.history().events().iter().map(|event| json!(**event)).collect()),
    }
}

fn change(running: &mut Running, request: Request) -> Result<Value, String> {
    match request {
        Request::Reload { plan: true, .. } => return running.plan().map(told),
        Request::Reload { confirm, .. } => {
            if confirm.is_some_and(|seconds| !(1..=LONGEST_CONFIRM).contains(&seconds)) {
                return Err("a reload waits a second at least to be confirmed, and a day at most".into());
            }
            return running.reload("quadzero reload", confirm.map(Duration::from_secs)).map(told);
        }
        Request::Confirm => running.confirm()?,
        Request::Drain { exit } => running.drain(exit, "quadzero drain"),
        Request::Undrain => running.undrain()?,
        Request::Start { neighbor } => running.start_neighbor(&neighbor)?,
        Request::Stop { neighbor, text } => {
            running.stop_neighbor(&neighbor, text.as_deref().unwrap_or(STOPPED))?
        }
        Request::Reset { neighbor, text } => {
            running.reset_neighbor(&neighbor, text.as_deref().unwrap_or(RESET))?
        }
        Request::Announce(asked) => running.announce(asked)?,
        Request::Withdraw { prefix } => running.withdraw(prefix)?,
        _ => {}
    }
    Ok(json!({ "stage": running.intent().stage }))
}

/// The plan for programs, and in words.
fn told(plan: crate::reload::Plan) -> Value {
    json!({ "plan": plan, "text": plan.to_string() })
}
