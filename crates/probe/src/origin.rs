//! Where a probe leaves the machine: a look that leaves by another way than it is meant to says nothing about that way.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// The address and the interface that a probe is bound to; the system chooses where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its source address.
    pub address: Option<IpAddr>,
    /// The interface that it leaves by, and that answers have to come in by (`SO_BINDTODEVICE`).
    pub interface: Option<String>,
}

impl Origin {
    /// A socket toward that address, which does not block.
    pub(crate) fn socket(&self, to: IpAddr, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(SocketAddr::new(to, 0)), kind, protocol)?;
        socket.set_nonblocking(true)?;
        if let Some(interface) = &self.interface {
            let bound = socket.bind_device(Some(interface.as_bytes()));
            bound.map_err(|error| because(&error, &format!("cannot leave by interface {interface}")))?;
        }
        if let Some(address) = self.address {
            let bound = socket.bind(&SockAddr::from(SocketAddr::new(address, 0)));
            bound.map_err(|error| because(&error, &format!("cannot leave from {address}")))?;
        }
        Ok(socket)
    }

    /// Whether it can be left from here to there: both are of one family.
    pub(crate) fn reaches(&self, to: &IpAddr) -> bool {
        self.address.is_none_or(|from| from.is_ipv4() == to.is_ipv4())
    }
}

/// The same error with what could not be done.
fn because(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
