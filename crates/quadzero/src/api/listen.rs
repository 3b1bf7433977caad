//! Where the API is reached, and by how many at once.

use crate::config::At;
use axum::Router;
use axum::serve::Listener;
use rustix::fs::Mode;
use rustix::process::umask;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// How long a connection may take for its one request and the answer.
pub(super) const LIFETIME: Duration = Duration::from_secs(30);

/// Connections at once; more wait.
const CONNECTIONS: usize = 64;

/// A place that is taken.
pub enum Listening {
    /// Of TCP.
    Tcp(TcpListener),
    /// Of a file, which goes when this does.
    Unix(UnixListener, SocketFile),
}

/// The file of a socket.
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.0);
    }
}

/// Takes a place.
///
/// # Errors
/// The system's.
pub async fn bind(at: &At) -> io::Result<Listening> {
    match at {
        At::Tcp(address) => Ok(Listening::Tcp(TcpListener::bind(address).await?)),
        At::Unix(path) => {
            remove_abandoned(path)?;
            // The file is never anybody else's to open, not even for a moment.
            let before = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
            let listener = UnixListener::bind(path);
            umask(before);
            Ok(Listening::Unix(listener?, SocketFile(path.clone())))
        }
    }
}

/// A socket at which nobody listens is left over from a process that was killed. Anything else is not ours to remove.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|is| is.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if is_socket && Probe::connect(path).is_err_and(refused) { std::fs::remove_file(path) } else { Ok(()) }
}

impl Listening {
    /// Where it is.
    pub fn place(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "http".to_owned(), |address| format!("http://{address}")),
            Self::Unix(_, SocketFile(path)) => path.display().to_string(),
        }
    }

    pub(crate) async fn serve(self, router: Router) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => axum::serve(Limited::new(listener), router).await,
            Self::Unix(listener, _file) => axum::serve(Limited::new(listener), router).await,
        }
    }
}

/// A listener that lets in so many at once.
struct Limited<L> {
    listener: L,
    places: Arc<Semaphore>,
}

impl<L> Limited<L> {
    fn new(listener: L) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS)) }
    }
}

impl<L: Listener<Io: Unpin>> Listener for Limited<L> {
    type Io = Held<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let place = self.places.clone().acquire_owned().await;
        let (stream, address) = self.listener.accept().await;
        (Held { stream, ends: Box::pin(sleep(LIFETIME)), _place: place.ok() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that holds its place, and not for ever.
struct Held<S> {
    stream: S,
    ends: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Held<S> {
    fn is_over(&mut self, cx: &mut Context<'_>) -> Result<(), io::Error> {
        if self.ends.as_mut().poll(cx).is_ready() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_over(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.is_over(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_over(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
