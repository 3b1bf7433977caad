//! rtnetlink(7): the kernel's tables read whole, and a word when they change.
//!
//! A level, not an edge: what a notice says is not believed, nor is any counted on. The kernel drops notices where a reader is slow
//! (and says so, `ENOBUFS`), and takes IPv4 routes away with their interface without a word. So a notice is only a reason
//! to read everything again.

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};
use rustix::io::Errno;
use std::io;

/// What the kernel says at once, at most (`NLMSG_GOODSIZE` of the kernel is half of it).
const LARGEST: usize = 64 * 1024;
/// A table that changes while it is read is read again so many times, and then taken as it came: the notice will have it read once more.
const ATTEMPTS: u32 = 3;

/// A group of notices (`RTNLGRP_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Group {
    /// Interfaces.
    Link = 1,
    /// IPv4 addresses.
    Ipv4Address = 5,
    /// IPv4 routes.
    Ipv4Route = 7,
    /// IPv6 addresses.
    Ipv6Address = 9,
    /// IPv6 routes.
    Ipv6Route = 11,
}

/// A socket of one conversation, or of notices.
pub struct Socket(TokioSocket);

impl Socket {
    /// One that asks, and is told what fails in the kernel's own words.
    ///
    /// # Errors
    /// The system has none.
    pub fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        let inner = socket.socket_mut();
        inner.bind_auto()?;
        // The kernel filters a dump by table and protocol.
        inner.set_netlink_get_strict_chk(true)?;
        inner.set_cap_ack(true)?;
        inner.set_ext_ack(true)?;
        Ok(Self(socket))
    }

    /// One that is told when something of these changes.
    ///
    /// # Errors
    /// The system has none.
    pub fn listen(groups: &[Group]) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind_auto()?;
        for group in groups {
            socket.socket_mut().add_membership(*group as u32)?;
        }
        Ok(Self(socket))
    }

    /// Waits until the kernel says something, and has said all of it. What it says is not looked at, and what is lost does not matter.
    ///
    /// # Errors
    /// The socket does not work any more.
    pub async fn changed(&self) -> io::Result<()> {
        let mut octets = Vec::with_capacity(LARGEST);
        let mut said = self.0.recv(&mut octets).await;
        loop {
            match said {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NOBUFS) => {}
                Err(error) => return Err(error),
            }
            octets.clear();
            said = self.0.socket_ref().recv(&mut octets, 0).map(drop);
        }
    }

    /// Sends requests, one or several.
    ///
    /// # Errors
    /// The kernel does not take them.
    pub async fn send(&self, requests: &[u8]) -> io::Result<()> {
        self.0.send_to(requests, &SocketAddr::new(0, 0)).await.map(drop)
    }

    /// The next messages of an answer.
    ///
    /// # Errors
    /// The socket does not work any more, or a message cannot be read.
    pub async fn receive(&self) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
        let mut octets = Vec::with_capacity(LARGEST);
        self.0.recv(&mut octets).await?;
        messages(&octets)
    }
}

/// All that a request asks for.
///
/// # Errors
/// The kernel does not answer, or refuses.
pub async fn dump(request: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let (dumped, interrupted) = dump_once(request.clone()).await?;
        if !interrupted || attempts == ATTEMPTS {
            return Ok(dumped);
        }
    }
}

/// What is there, and whether it changed meanwhile.
async fn dump_once(request: RouteNetlinkMessage) -> io::Result<(Vec<RouteNetlinkMessage>, bool)> {
    let socket = Socket::open()?;
    socket.send(&encode(request, NLM_F_REQUEST | NLM_F_DUMP, 0)).await?;
    let (mut all, mut interrupted) = (Vec::new(), false);
    loop {
        for message in socket.receive().await? {
            interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
            match message.payload {
                NetlinkPayload::Done(done) if done.code < 0 => {
                    return Err(io::Error::from_raw_os_error(-done.code));
                }
                NetlinkPayload::Done(_) => return Ok((all, interrupted)),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(message) => all.push(message),
                _ => {}
            }
        }
    }
}

/// A request, padded so that another may stand behind it.
pub fn encode(message: RouteNetlinkMessage, flags: u16, number: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = number;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut octets = vec![0; message.buffer_len().next_multiple_of(4)];
    message.serialize(&mut octets[..message.buffer_len()]);
    octets
}

/// One message after the other.
fn messages(mut octets: &[u8]) -> io::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
    let mut messages = Vec::new();
    while !octets.is_empty() {
        let message = NetlinkMessage::deserialize(octets).map_err(io::Error::other)?;
        let length = (message.header.length as usize).next_multiple_of(4);
        octets = octets.get(length.max(1)..).unwrap_or_default();
        messages.push(message);
    }
    Ok(messages)
}
