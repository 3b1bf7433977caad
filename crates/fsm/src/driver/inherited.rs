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

#[cfg(test)]
mod tests {
    use crate::Speaker;
    use socket2::SockRef;
    use std::{io, net::TcpListener};
    use tokio::io::AsyncReadExt;

    /// As systemd has it: bound, listening, and kept while we have it.
    fn made_by_another() -> TcpListener {
        TcpListener::bind("127.0.15.1:0").unwrap()
    }

    #[tokio::test]
    async fn a_socket_that_is_not_listened_on_turns_everybody_away_and_is_never_shut_down() {
        let theirs = made_by_another();
        let address = theirs.local_addr().unwrap();
        let speaker = Speaker::new();
        assert_eq!(speaker.inherit(theirs.try_clone().unwrap()).unwrap(), address);
        for _ in 0..2 {
            assert_eq!(speaker.left_unused(), [address]);
            let mut stranger = tokio::net::TcpStream::connect(address).await.unwrap();
            assert!(matches!(stranger.read(&mut [0]).await, Ok(0) | Err(_)));
            assert_eq!(speaker.listen(address).unwrap(), address);
            assert!(speaker.left_unused().is_empty());
            // Taken once; a second listener would need a socket of its own, and the address is in use.
            assert_eq!(speaker.listen(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            speaker.unlisten(address);
        }
        drop(speaker);
        assert!(SockRef::from(&theirs).is_listener().unwrap());
    }

    #[tokio::test]
    async fn what_takes_both_families_or_does_not_listen_is_refused() {
        let both = TcpListener::bind("[::]:0").unwrap();
        SockRef::from(&both).only_v6().map(|only| assert!(!only)).unwrap();
        let error = Speaker::new().inherit(both).unwrap_err();
        assert!(error.to_string().contains("BindIPv6Only=ipv6-only"), "{error}");
        let idle = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        idle.bind(&"127.0.15.2:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        let error = Speaker::new().inherit(idle.into()).unwrap_err();
        assert_eq!(error.to_string(), "it does not listen");
    }
}
