//! Listening sockets that somebody else has made, and has as well: systemd binds port 179 and hands it over, so that we need no
//! privilege for it (socket activation).
//!
//! They are never shut down, for that would be for the other one, too: a socket that nobody listens on turns everybody away, rather
//! than leave them in a backlog that nobody looks at.

use super::{sockopt, speaker::lock};
use socket2::Socket;
use std::{io, net::SocketAddr, sync::Mutex, time::Duration};
use tokio::{net::TcpListener, task::AbortHandle};

#[derive(Default)]
pub(super) struct Inherited(Mutex<Vec<Entry>>);

struct Entry {
    address: SocketAddr,
    socket: Socket,
    /// As long as it is not in use.
    turns_away: Option<AbortHandle>,
}

impl Inherited {
    pub(super) fn add(&self, socket: std::net::TcpListener) -> io::Result<SocketAddr> {
        let address = socket.local_addr()?;
        let socket = Socket::from(socket);
        if !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen"));
        }
        if address.is_ipv6() && !socket.only_v6()? {
            // Peers and keys are told apart by family; and it holds the port for IPv4, so that nothing else can.
            let why = "it takes IPv4 as well: BindIPv6Only=ipv6-only in its .socket unit";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut entry = Entry { address, socket, turns_away: None };
        entry.turn_away()?;
        lock(&self.0).push(entry);
        Ok(address)
    }

    /// A handle of the socket at the address, if there is one that is not in use.
    pub(super) fn take(&self, address: SocketAddr) -> io::Result<Option<Socket>> {
        let mut entries = lock(&self.0);
        let unused = entries.iter_mut().find(|entry| entry.address == address && entry.turns_away.is_some());
        let Some(entry) = unused else { return Ok(None) };
        let socket = entry.socket.try_clone()?;
        sockopt::listen(&socket)?;
        entry.turns_away.take().inspect(AbortHandle::abort);
        Ok(Some(socket))
    }

    /// It is not in use any more.
    pub(super) fn give_back(&self, address: SocketAddr) {
        for entry in lock(&self.0).iter_mut().filter(|entry| entry.address == address) {
            if let Err(error) = entry.turn_away() {
                tracing::warn!(%address, %error, "nobody is turned away at the socket that was handed over");
            }
        }
    }

    pub(super) fn unused(&self) -> Vec<SocketAddr> {
        lock(&self.0).iter().filter(|entry| entry.turns_away.is_some()).map(|entry| entry.address).collect()
    }
}

impl Entry {
    fn turn_away(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(self.socket.try_clone()?.into())?;
        let task = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok(stranger) => drop(stranger),
                    // Out of file descriptors, as a rule.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        self.turns_away = Some(task.abort_handle());
        Ok(())
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        lock(&self.0).iter().filter_map(|entry| entry.turns_away.as_ref()).for_each(AbortHandle::abort);
    }
}
