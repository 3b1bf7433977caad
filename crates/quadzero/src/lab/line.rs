//! The line of an edge: everything between it and the gateways passes here, so that it can fall silent. A process that
//! dies closes its connections, and its peers know at once; a line that is cut tells nobody, and the Hold Time has to
//! run out.
//!
//! ```text
//!   edge ──dials──► (gateway's address, a port of the line) ──► gateway
//!   edge ◄── (edge's address, a port of the line) ◄──dials── gateway
//! ```
//!
//! Connections go on from the address that they came from, since each side knows the other by that. While the line is cut
//! nothing passes, not even the end of a connection; what was under way arrives when it is back, as TCP would send it
//! again. (That a dial is answered by the line itself is where this differs from a real one: it waits in OpenSent.)

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A line. Dropping it ends all that passes.
pub(super) struct Line {
    is_cut: watch::Sender<bool>,
    listening: JoinSet<()>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { is_cut: watch::Sender::new(false), listening: JoinSet::new() }
    }

    /// Where to dial in order to reach `to` by this line: the same address at another port.
    pub(super) fn towards(&mut self, to: SocketAddr) -> io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind(SocketAddr::new(to.ip(), 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        self.listening.spawn(accept_all(listener, to, self.is_cut.subscribe()));
        Ok(address)
    }

    pub(super) fn cut(&self, is_cut: bool) {
        self.is_cut.send_replace(is_cut);
    }

    pub(super) fn is_cut(&self) -> bool {
        *self.is_cut.borrow()
    }
}

async fn accept_all(listener: TcpListener, to: SocketAddr, cut: watch::Receiver<bool>) {
    let mut passing = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, from)) = accepted else { return };
                let cut = cut.clone();
                passing.spawn(async move {
                    // Either side learns of the end by the end of its stream.
                    let _ended = pass(stream, from.ip(), to, cut).await;
                });
            }
            Some(_) = passing.join_next() => {}
        }
    }
}

async fn pass(
    here: TcpStream,
    from: IpAddr,
    to: SocketAddr,
    mut cut: watch::Receiver<bool>,
) -> io::Result<()> {
    whole(&mut cut).await;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    let there = socket.connect(to).await?;
    let (here, there) = (here.into_split(), there.into_split());
    // One way that has ended is the end of both, as a connection of BGP knows no half.
    tokio::select! {
        ended = copy(here.0, there.1, cut.clone()) => ended,
        ended = copy(there.0, here.1, cut) => ended,
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut cut: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut octets = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut octets).await;
        whole(&mut cut).await;
        match read? {
            0 => return Ok(()),
            read => to.write_all(&octets[..read]).await?,
        }
    }
}

/// Waits until the line is whole; for ever, if it is gone.
async fn whole(cut: &mut watch::Receiver<bool>) {
    if cut.wait_for(|is_cut| !is_cut).await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn what_is_said_while_the_line_is_cut_arrives_when_it_is_whole() {
        let there = TcpListener::bind("127.179.254.1:0").await.unwrap();
        let mut line = Line::new();
        let way = line.towards(there.local_addr().unwrap()).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.179.254.2:0".parse().unwrap()).unwrap();
        let mut here = socket.connect(way).await.unwrap();
        let (mut stream, from) = there.accept().await.unwrap();
        assert_eq!(from.ip().to_string(), "127.179.254.2");
        let mut octet = [0];
        here.write_all(b"a").await.unwrap();
        assert_eq!((stream.read_exact(&mut octet).await.unwrap(), octet), (1, *b"a"));

        line.cut(true);
        here.write_all(b"b").await.unwrap();
        drop(here);
        // Long enough for an octet that passed to be there; a slow machine makes this test weaker, and never fail.
        assert!(timeout(Duration::from_millis(50), stream.read(&mut octet)).await.is_err());
        line.cut(false);
        assert_eq!((stream.read(&mut octet).await.unwrap(), octet), (1, *b"b"));
        assert_eq!(stream.read(&mut octet).await.unwrap(), 0);
    }
}
