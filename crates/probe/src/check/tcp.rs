//! A TCP connection that is accepted, and closed at once.

use crate::Origin;
use crate::blocking::Blocking;
use socket2::{Protocol, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use tokio::net::{TcpSocket, TcpStream};

#[derive(Debug)]
pub(crate) struct Tcp {
    host: String,
    port: u16,
    origin: Origin,
    resolver: Blocking<io::Result<Vec<SocketAddr>>>,
}

impl Tcp {
    pub(crate) fn new(host: String, port: u16, origin: Origin) -> Self {
        Self { host, port, origin, resolver: Blocking::default() }
    }

    pub(crate) async fn look(&mut self) -> Result<(), String> {
        self.connect().await.map(drop)
    }

    /// A connection to the first of its addresses that accepts one.
    pub(crate) async fn connect(&mut self) -> Result<TcpStream, String> {
        let addresses =
            self.resolve().await.map_err(|error| format!("cannot resolve {}: {error}", self.host))?;
        let mut why = format!("{} has no address of the family of local-address", self.host);
        for address in addresses.into_iter().filter(|address| self.origin.reaches(&address.ip())) {
            match self.dial(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => why = format!("TCP to {address}: {error}"),
            }
        }
        Err(why)
    }

    async fn resolve(&mut self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let (host, port) = (self.host.clone(), self.port);
        self.resolver.call(move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = self.origin.socket(to.ip(), Type::STREAM, Some(Protocol::TCP))?;
        TcpSocket::from_std_stream(socket.into()).connect(to).await
    }
}
