//! The client's end of the control socket.

use super::{Line, Request, VERSION, usual_places};
use crate::cli::Failure;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A connection to a running edge.
pub struct Client {
    reader: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the socket given, or to the one there is.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn connect(given: Option<&Path>) -> Result<Self, Failure> {
        let tried = given.map_or_else(usual_places, |path| vec![path.to_owned()]);
        let mut last = None;
        for path in &tried {
            match UnixStream::connect(path) {
                Ok(stream) => return Ok(Self { reader: BufReader::new(stream) }),
                Err(error) => last = Some((path, error)),
            }
        }
        Err(nobody(last))
    }

    /// From now on nobody waits longer than this for an answer.
    ///
    /// # Errors
    /// The system's.
    pub fn patience(&mut self, limit: Duration) -> Result<(), Failure> {
        let stream = self.reader.get_mut();
        stream
            .set_read_timeout(Some(limit))
            .and_then(|()| stream.set_write_timeout(Some(limit)))
            .map_err(broken)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// It is refused, or the edge is gone.
    pub fn ask(&mut self, request: Request) -> Result<Value, Failure> {
        let line = Line { version: VERSION, request };
        let line =
            serde_json::to_string(&line).map_err(|error| Failure::Failed(format!("error: {error}")))?;
        self.reader.get_mut().write_all(format!("{line}\n").as_bytes()).map_err(broken)?;
        let mut answer = self.read()?.ok_or_else(|| Failure::Failed("error: quadzero has hung up".into()))?;
        if let Some(why) = answer["error"].as_str() {
            return Err(Failure::Failed(format!("error: {why}")));
        }
        Ok(answer["ok"].take())
    }

    /// The next line.
    fn read(&mut self) -> Result<Option<Value>, Failure> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).map_err(broken)? == 0 {
            return Ok(None);
        }
        let wrong = |error| Failure::Failed(format!("error: what quadzero answers is not JSON: {error}"));
        serde_json::from_str(&line).map(Some).map_err(wrong)
    }
}

/// Hands over each event to come, until the edge is gone.
///
/// # Errors
/// We are too slow, or who takes the events fails.
pub fn follow(
    mut client: Client,
    mut take: impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    client.ask(Request::Watch)?;
    while let Some(line) = client.read()? {
        match line["error"].as_str() {
            Some(why) => return Err(Failure::Failed(format!("error: {why}"))),
            None => take(&line["event"])?,
        }
    }
    Ok(())
}

fn broken(error: std::io::Error) -> Failure {
    Failure::Failed(format!("error: the control socket: {error}"))
}

fn nobody(last: Option<(&PathBuf, std::io::Error)>) -> Failure {
    let Some((path, error)) = last else { return Failure::Failed("error: no control socket".into()) };
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "only the user that runs quadzero, and root, may connect",
        _ => "is quadzero run there? --socket PATH says where, as [control] socket does for the edge",
    };
    Failure::Failed(format!("error: {}: {error}\n  {hint}", path.display()))
}
