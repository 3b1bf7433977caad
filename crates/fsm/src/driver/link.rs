//! A TCP connection of a peer, as its task holds it: the stream, and the octets on their way out.

use bytes::{Buf, BytesMut};
use std::{io, time::Duration};
use tokio::{io::AsyncWriteExt, io::Interest, io::Ready, net::TcpStream, time::timeout};

/// Octets made at once: enough that the cost of a write does not matter.
pub(super) const ROOM: usize = 65_536;
/// A write buffer of this size is kept when it is empty; a larger one is given back.
const KEPT: usize = 512;
/// How long last words may take.
const FAREWELL: Duration = Duration::from_secs(3);

pub(super) struct Link {
    pub(super) stream: TcpStream,
    pub(super) out: BytesMut,
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, out: BytesMut::new() }
    }

    /// Waits until there is something to read or, if octets are left, until some can be written.
    pub(super) async fn ready(&self) -> io::Result<Ready> {
        let interest =
            if self.out.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        self.stream.ready(interest).await
    }

    /// Writes what the socket takes; true when nothing is left.
    pub(super) fn write(&mut self) -> io::Result<bool> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.out.advance(n),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        if self.out.capacity() > KEPT {
            self.out = BytesMut::new();
        }
        Ok(true)
    }

    /// Reads what is there: `Ok(None)` if nothing is, `Ok(Some(0))` at the end.
    pub(super) fn read(&self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.try_read(scratch) {
            Ok(n) => Ok(Some(n)),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes the last octets, then waits for the peer to close: closing with octets unread would reset the
    /// connection and could take the NOTIFICATION with it. Whether the peer did.
    pub(super) async fn farewell(mut self) -> bool {
        let goodbye = async {
            self.stream.write_all(&self.out).await?;
            self.stream.shutdown().await?;
            let mut scratch = [0; 1024];
            loop {
                self.stream.readable().await?;
                if self.read(&mut scratch)? == Some(0) {
                    return io::Result::Ok(());
                }
                // A peer that talks on must not keep the others, and this timeout, from their turn: with tokio's
                // `readable` there is always more.
                tokio::task::yield_now().await;
            }
        };
        // A connection that breaks is closed by the peer, too.
        timeout(FAREWELL, goodbye).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, io::Write, pin::pin};
    use tokio::net::TcpListener;

    /// What others would have had their turn after: each time that it gives up its own.
    #[tokio::test]
    async fn a_peer_that_talks_on_after_the_last_words_is_heard_in_turns() {
        let listener = TcpListener::bind("127.0.22.1:0").await.unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut said = 0;
        while let Ok(n) = peer.write(&[0xFF; 65_536]) {
            said += n;
        }
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(said > 65_536, "the kernel holds {said}");

        let mut turns = 0;
        let mut farewell = pin!(Link::new(stream).farewell());
        let closed = poll_fn(|context| {
            turns += 1;
            farewell.as_mut().poll(context)
        });
        assert!(closed.await);
        assert!(turns >= said / 1024, "{said} octets in {turns} turns");
    }
}
