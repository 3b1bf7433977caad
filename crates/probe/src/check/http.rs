//! A GET by HTTP/1.1 (RFC 9112), over TLS for `https`, that is answered with a status that was hoped for. The answer's body is
//! not read, and a redirection is an answer as any other.

use super::tcp::Tcp;
use crate::Origin;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// An address of the web: `http` or `https`, a host, perhaps a port, a path and a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

impl Url {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => return Err(format!("{other} is neither http nor https")),
            None => return Err("http:// or https:// is missing".to_owned()),
        };
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("a user or password in it is not supported".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { host, port, tls, uri })
    }

    /// Whether it is of TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// What the server is called, with its port if that is not the usual one.
    fn authority(&self) -> &str {
        self.uri.authority().map_or(&self.host, |authority| authority.as_str())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

#[derive(Debug)]
pub(crate) struct Http {
    url: Url,
    statuses: Vec<u16>,
    ca_file: Option<PathBuf>,
    tcp: Tcp,
    /// Made at the first look.
    tls: Option<Arc<ClientConfig>>,
}

impl Http {
    pub(crate) fn new(url: Url, statuses: Vec<u16>, ca_file: Option<PathBuf>, origin: Origin) -> Self {
        let tcp = Tcp::new(url.host.clone(), url.port, origin);
        Self { url, statuses, ca_file, tcp, tls: None }
    }

    pub(crate) async fn look(&mut self) -> Result<(), String> {
        let stream = self.tcp.connect().await?;
        let answer = if self.url.tls {
            let name = ServerName::try_from(self.url.host.clone()).map_err(|error| error.to_string())?;
            let handshake = TlsConnector::from(self.client()?).connect(name, stream).await;
            let stream = handshake.map_err(|error| format!("TLS with {}: {error}", self.url.authority()))?;
            get(&self.url, stream).await
        } else {
            get(&self.url, stream).await
        };
        let status = answer.map_err(|error| format!("GET {}: {error}", self.url))?.status();
        if self.is_hoped_for(status) { Ok(()) } else { Err(format!("GET {}: {status}", self.url)) }
    }

    fn is_hoped_for(&self, status: StatusCode) -> bool {
        match self.statuses.as_slice() {
            [] => (200..400).contains(&status.as_u16()),
            hoped_for => hoped_for.contains(&status.as_u16()),
        }
    }

    fn client(&mut self) -> Result<Arc<ClientConfig>, String> {
        if let Some(client) = &self.tls {
            return Ok(client.clone());
        }
        let roots = roots(self.ca_file.as_ref())?;
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.insert(Arc::new(client)).clone())
    }
}

/// The certificates that are trusted: those of the file, or else of the system.
fn roots(ca_file: Option<&PathBuf>) -> Result<RootCertStore, String> {
    let certificates = match ca_file {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            read.map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err("there is no certificate to trust: install ca-certificates, or name a ca-file".to_owned());
    }
    Ok(roots)
}

async fn get(
    url: &Url,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Goes with this function, however that ends.
    let mut beside = JoinSet::new();
    beside.spawn(connection);
    let path = url.uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, url.authority())
        .header(header::USER_AGENT, concat!("quadzero/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?)
}
