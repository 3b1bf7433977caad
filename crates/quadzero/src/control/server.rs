//! The server's end of the control socket: who may connect, and how much they may ask for.

use super::{Line, Request, VERSION};
use crate::history::{Event, History};
use serde_json::{Value, json};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

/// Octets of a request.
const LONGEST: u64 = 64 * 1024;
/// Clients at once.
const CLIENTS: usize = 32;
/// Requests that wait for the daemon.
const WAITING: usize = 16;
/// A client that takes longer than this to read an answer is dropped.
const READS_WITHIN: Duration = Duration::from_secs(5);
/// And one that says nothing for so long.
const SPEAKS_WITHIN: Duration = Duration::from_secs(60);

/// A request, and where its answer goes.
pub struct Question {
    /// What is wanted.
    pub request: Request,
    /// The user who wants it.
    pub uid: u32,
    /// The answer, or why there is none.
    pub reply: oneshot::Sender<Result<Value, String>>,
}

/// The listening socket, until it is dropped.
pub struct Server {
    /// Where it is.
    pub path: PathBuf,
    questions: mpsc::Receiver<Question>,
    _task: JoinSet<()>,
}

impl Server {
    /// Listens at the path.
    ///
    /// # Errors
    /// The system's; `AddrInUse` when there is somebody who listens already.
    pub fn listen(path: &Path, history: History) -> io::Result<Self> {
        let listener = bind(path)?;
        let (sender, questions) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        task.spawn(accept_all(listener, sender, history));
        Ok(Self { path: path.to_owned(), questions, _task: task })
    }

    /// The next question.
    pub async fn next(&mut self) -> Option<Question> {
        self.questions.recv().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _somebody_was_faster = fs::remove_file(&self.path);
    }
}

/// For nobody but its owner from its first moment on: it is made in a folder of its own, and moved when it is ready.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    remove_abandoned(path)?;
    let mut private = path.as_os_str().to_owned();
    private.push(format!(".{}", std::process::id()));
    let private = Path::new(&private);
    DirBuilder::new().mode(0o700).create(private)?;
    let made = bind_in(private, path);
    fs::remove_dir_all(private)?;
    made
}

fn bind_in(private: &Path, path: &Path) -> io::Result<UnixListener> {
    let made = private.join("s");
    let listener = UnixListener::bind(&made)?;
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    Ok(listener)
}

/// A socket that nobody answers at was left by one who was killed. What is no socket is left alone: the path is mistaken.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    if !there.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another quadzero listens there")),
    }
}

async fn accept_all(listener: UnixListener, questions: mpsc::Sender<Question>, history: History) {
    let mut clients = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while clients.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => match user_of(&stream) {
                None => debug!("control: another user is refused"),
                Some(_) if clients.len() >= CLIENTS => drop(stream),
                Some(uid) => {
                    clients.spawn(Client::new(stream, uid, questions.clone(), history.clone()).serve());
                }
            },
            Err(error) => {
                warn!(%error, "control: cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Who it is, if it is our own user or root. The mode of the socket lets nobody else in already; but a path may be given to somewhere
/// that does not keep modes.
fn user_of(stream: &UnixStream) -> Option<u32> {
    let own = rustix::process::geteuid().as_raw();
    let uid = stream.peer_cred().ok()?.uid();
    (uid == own || uid == 0).then_some(uid)
}

struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    uid: u32,
    questions: mpsc::Sender<Question>,
    history: History,
}

impl Client {
    fn new(stream: UnixStream, uid: u32, questions: mpsc::Sender<Question>, history: History) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer, uid, questions, history }
    }

    /// Until it hangs up, or does what it may not.
    async fn serve(mut self) {
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.reader).take(LONGEST + 1);
            let read = limited.read_until(b'\n', &mut line);
            let Ok(Ok(1..)) = timeout(SPEAKS_WITHIN, read).await else { return };
            if line.len() as u64 > LONGEST {
                let _it_goes_anyway = self.say(&error("the request is too long")).await;
                return;
            }
            let said = match parse(&line) {
                Ok(Request::Watch) => return self.watch().await,
                Ok(request) => self.ask(request).await,
                Err(why) => error(&why),
            };
            if self.say(&said).await.is_err() {
                return;
            }
        }
    }

    async fn ask(&self, request: Request) -> Value {
        let (reply, answer) = oneshot::channel();
        if self.questions.send(Question { request, uid: self.uid, reply }).await.is_err() {
            return error("quadzero is stopping");
        }
        match answer.await {
            Ok(Ok(value)) => json!({ "version": VERSION, "ok": value }),
            Ok(Err(why)) => error(&why),
            Err(_) => error("quadzero is stopping"),
        }
    }

    async fn watch(mut self) {
        let mut news = self.history.watch();
        let mut nothing = [0];
        if self.say(&json!({ "version": VERSION, "ok": { "watching": true } })).await.is_err() {
            return;
        }
        loop {
            let event: Result<Arc<Event>, _> = tokio::select! {
                event = news.recv() => event,
                // It has hung up, or says something where there is nothing to say.
                _ = self.reader.read(&mut nothing) => return,
            };
            let said = match event {
                Ok(event) => self.say(&json!({ "version": VERSION, "event": *event })).await,
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    let _it_goes_anyway =
                        self.say(&error(&format!("too slow: {lost} events are lost"))).await;
                    return;
                }
                Err(broadcast::error::RecvError::Closed) => return,
            };
            if said.is_err() {
                return;
            }
        }
    }

    async fn say(&mut self, value: &Value) -> io::Result<()> {
        let line = format!("{value}\n");
        match timeout(READS_WITHIN, self.writer.write_all(line.as_bytes())).await {
            Ok(written) => written,
            Err(_) => {
                debug!("control: a client that does not read is dropped");
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}

fn error(why: &str) -> Value {
    json!({ "version": VERSION, "error": why })
}

fn parse(line: &[u8]) -> Result<Request, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    // Before all else: a request of another version may look otherwise.
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        _ => {
            return Err(format!(
                "this quadzero speaks version {VERSION}: {{\"version\":{VERSION},\"request\":..}}"
            ));
        }
    }
    let line: Line = serde_json::from_value(value).map_err(|error| error.to_string())?;
    Ok(line.request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("quadzero-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test]
    async fn the_socket_is_its_owners_alone_and_goes_with_the_server() {
        let folder = folder("mode");
        let path = folder.join("below").join("control.sock");
        let server = Server::listen(&path, History::default()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let second = Server::listen(&path, History::default()).err().unwrap();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(server);
        assert!(!path.exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_socket_of_one_who_was_killed_is_taken_over_and_a_file_is_not() {
        let folder = folder("abandoned");
        let path = folder.join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(Server::listen(&path, History::default()).is_ok());
        fs::write(&path, "precious").unwrap();
        assert!(Server::listen(&path, History::default()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_dir_all(folder).unwrap();
    }

    async fn answered(octets: &[u8]) -> String {
        let (client, server) = UnixStream::pair().unwrap();
        let (questions, mut asked) = mpsc::channel(1);
        tokio::spawn(Client::new(server, 0, questions, History::default()).serve());
        tokio::spawn(async move {
            let question: Question = asked.recv().await.unwrap();
            question.reply.send(Ok(json!(format!("{:?}", question.request)))).unwrap();
        });
        let (reader, mut writer) = client.into_split();
        writer.write_all(octets).await.unwrap();
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).await.unwrap();
        line
    }

    #[tokio::test]
    async fn a_line_is_a_request_and_what_is_none_is_told_so() {
        assert_eq!(
            answered(b"{\"version\":1,\"request\":\"summary\"}\n").await,
            "{\"ok\":\"Summary\",\"version\":1}\n"
        );
        assert!(answered(b"{\"version\":2,\"request\":\"summary\"}\n").await.contains("speaks version 1"));
        assert!(
            answered(b"{\"version\":1,\"request\":{\"drain\":{\"exit\":true,\"now\":1}}}\n")
                .await
                .contains("now")
        );
        assert!(answered(b"show summary\n").await.contains("not JSON"));
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_waited_for() {
        assert!(answered(&vec![b'['; LONGEST as usize + 1]).await.contains("too long"));
    }

    #[tokio::test]
    async fn one_who_watches_and_does_not_read_is_dropped() {
        let (client, server) = UnixStream::pair().unwrap();
        let (questions, _asked) = mpsc::channel(1);
        let history = History::default();
        let serving = tokio::spawn(Client::new(server, 0, questions, history.clone()).serve());
        let (mut reader, mut writer) = client.into_split();
        writer.write_all(b"{\"version\":1,\"request\":\"watch\"}\n").await.unwrap();
        let mut first = [0; 1];
        reader.read_exact(&mut first).await.unwrap();
        for n in 0..4000 {
            history.add("test", None, format!("{n}{}", " ".repeat(500)));
        }
        // It may read what is under way, and then there is the end.
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert!(String::from_utf8(rest).unwrap().contains("events are lost"));
        serving.await.unwrap();
    }
}
