//! Asks a running mock.

use crate::cli::Failure;
use crate::daemon::runtime;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How long an answer may take. It is at hand.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a mock answers.
#[derive(Clone, Debug, Default, Args)]
pub struct Server {
    /// The mock's API; http://127.0.0.1:8179 unless said otherwise
    #[arg(long, global = true, env = "QUADZERO_URL", conflicts_with = "socket")]
    pub url: Option<String>,
    /// Or its Unix socket
    #[arg(long, global = true, env = "QUADZERO_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// A way to a mock.
pub struct Client {
    server: Server,
    host: String,
    base: String,
}

impl Client {
    /// Without asking anything yet.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(server: &Server) -> Result<Self, Failure> {
        let url = server.url.as_deref().unwrap_or("http://127.0.0.1:8179");
        let wrong =
            |why: &str| Failure::Wrong(format!("error: --url {url}: {why}; like http://127.0.0.1:8179"));
        let uri: Uri = url.parse().map_err(|_| wrong("no URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("the mock speaks http"));
        }
        let host = uri.authority().map(ToString::to_string).ok_or_else(|| wrong("no host"))?;
        let host = if uri.port().is_none() { format!("{host}:80") } else { host };
        Ok(Self { server: server.clone(), host, base: uri.path().trim_end_matches('/').to_owned() })
    }

    fn place(&self) -> String {
        match &self.server.socket {
            Some(path) => path.display().to_string(),
            None => format!("http://{}", self.host),
        }
    }

    /// The answer to a path.
    ///
    /// # Errors
    /// Nobody answers, or says that there is none.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        let failed = |why: String| Failure::Failed(format!("error: {}: {why}", self.place()));
        let asked = runtime()?.block_on(async { timeout(PATIENCE, self.ask(path)).await });
        let (status, body) = asked.map_err(|_| failed("no answer".into()))?.map_err(&failed)?;
        let answer: Value =
            serde_json::from_slice(&body).map_err(|_| failed(format!("{status}, and no JSON")))?;
        if status == StatusCode::OK {
            return Ok(answer);
        }
        let message = answer.pointer("/error/message").and_then(Value::as_str);
        Err(Failure::Failed(format!("error: {}", message.map_or_else(|| status.to_string(), str::to_owned))))
    }

    async fn ask(&self, path: &str) -> Result<(StatusCode, Bytes), String> {
        let none = |error: std::io::Error| {
            format!("{error}; is `quadzero azure` running, with an [api] in its file?")
        };
        match &self.server.socket {
            Some(socket) => self.over(UnixStream::connect(socket).await.map_err(none)?, path).await,
            None => self.over(TcpStream::connect(&self.host).await.map_err(none)?, path).await,
        }
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path: &str,
    ) -> Result<(StatusCode, Bytes), String> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        let host = if self.server.socket.is_some() { "localhost" } else { &self.host };
        let request = Request::get(format!("{}{path}", self.base)).header(header::HOST, host);
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            Ok::<_, hyper::Error>((status, response.into_body().collect().await?.to_bytes()))
        };
        tokio::pin!(connection);
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // The server has closed; what it said before that is there.
            _ = &mut connection => exchange.await,
        }
        .map_err(|error: hyper::Error| error.to_string())
    }
}
