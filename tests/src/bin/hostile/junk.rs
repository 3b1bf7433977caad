//! Octets that are no BGP, nearly BGP, BGP gone wrong, and BGP that is right and too much.

use crate::peer::{ASN, Manners, Peer, dial};
use crate::{Cast, say};
use bytes::{BufMut, BytesMut};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{
    Announced, AsPath, Asn, Attributes, Community, Family, Message, NextHop, RouteRefresh, Segment,
    SegmentKind, Update,
};
use serde_json::json;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MEBIBYTE: usize = 1 << 20;
/// What a connection of `garbage` gets to hear.
const PORTION: usize = 4 * MEBIBYTE;
const HOLD: u16 = 600;
/// Prefixes that `churn` takes turns with.
const PREFIXES: u32 = 32;

/// SplitMix64: octets drawn by lot, the same every time.
struct Lots(u64);

impl Lots {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_be_bytes()).take(count).collect()
    }
}

/// Connection after connection, each of another kind, until so much was written to sockets.
pub(crate) async fn garbage(cast: Cast, mebibytes: u32) -> io::Result<()> {
    let mut lots = Lots(7);
    let (mut written, mut connections) = (0, 0_u32);
    while written < mebibytes as usize * MEBIBYTE {
        written += match connections % 6 {
            0 => strangers(cast, &mut lots, noise).await,
            1 => strangers(cast, &mut lots, headers).await,
            2 => strangers(cast, &mut lots, opens).await,
            3 => members(cast, &mut lots, headers).await,
            4 => members(cast, &mut lots, updates).await,
            _ => members(cast, &mut lots, giants).await,
        }?;
        connections += 1;
    }
    say(&json!({"event": "done", "mebibytes": written / MEBIBYTE, "connections": connections}));
    Ok(())
}

/// To whoever accepts: no session, just octets.
async fn strangers(cast: Cast, lots: &mut Lots, make: fn(&mut Lots) -> BytesMut) -> io::Result<usize> {
    Ok(pour(dial(cast, cast.from(0), None).await?, &make(lots), PORTION).await)
}

/// One connection that was told to be quiet long ago.
pub(crate) async fn deaf(cast: Cast, mebibytes: u32) -> io::Result<()> {
    let stream = dial(cast, cast.from(0), None).await?;
    let written = pour(stream, &noise(&mut Lots(7)), mebibytes as usize * MEBIBYTE).await;
    say(&json!({"event": "done", "mebibytes": written / MEBIBYTE}));
    Ok(())
}

/// The same within a session.
async fn members(cast: Cast, lots: &mut Lots, make: fn(&mut Lots) -> BytesMut) -> io::Result<usize> {
    let peer = Peer::come_up(cast, cast.from(0), Manners::hold(HOLD)).await;
    Ok(pour(peer.stream, &make(lots), PORTION).await)
}

/// Writes the octets again and again, deaf to what is said against it, until the other side closes or has had enough.
async fn pour(stream: TcpStream, octets: &[u8], limit: usize) -> usize {
    let (mut hears, mut says) = stream.into_split();
    // Read as well: or else the other side would wait for us to take its last words, and not for the last of ours.
    let deaf = tokio::spawn(async move {
        let mut scratch = [0; 4096];
        while hears.read(&mut scratch).await.is_ok_and(|n| n > 0) {}
    });
    let mut written = 0;
    while written < limit && says.write_all(octets).await.is_ok() {
        written += octets.len();
    }
    deaf.abort();
    written
}

fn noise(lots: &mut Lots) -> BytesMut {
    BytesMut::from(&*lots.octets(MEBIBYTE))
}

/// A header of any type with its right length, and any octets behind it.
fn headers(lots: &mut Lots) -> BytesMut {
    let mut out = BytesMut::new();
    for _ in 0..64 {
        let (kind, body) = (1 + lots.below(5) as u8, lots.below(4096 - 19));
        put_message(kind, &lots.octets(body), &mut out);
    }
    out
}

/// UPDATEs whose fields are cut as they should, with attributes of any kind, flags, and octets.
fn updates(lots: &mut Lots) -> BytesMut {
    let mut out = BytesMut::new();
    while out.len() < MEBIBYTE {
        let mut attributes = BytesMut::new();
        for _ in 0..1 + lots.below(8) {
            // Optional, so that being unknown ends nothing; MP_REACH_NLRI and MP_UNREACH_NLRI, which may, are left out.
            let (flags, code) = (0x80 | lots.below(256) as u8 & !0x10, 1 + lots.below(255) as u8);
            let length = lots.below(40);
            attributes.put_slice(&[flags, if matches!(code, 14 | 15) { 99 } else { code }, length as u8]);
            attributes.put_slice(&lots.octets(length));
        }
        let mut body = BytesMut::from(&[0, 0][..]);
        body.put_u16(attributes.len() as u16);
        body.put_slice(&attributes);
        body.put_slice(&[24, 198, 51, lots.below(256) as u8]);
        put_message(2, &body, &mut out);
    }
    out
}

/// OPENs as long as they may be, of capabilities that are empty: any, or all the same.
fn opens(lots: &mut Lots) -> BytesMut {
    let same = lots.below(256) as u8;
    let mut out = BytesMut::new();
    for all_the_same in [true, false] {
        let mut body = BytesMut::new();
        body.put_u8(4);
        body.put_u16(ASN.0 as u16);
        body.put_u16(HOLD);
        body.put_slice(&[10, 77, 0, 1]);
        let capabilities = 2000;
        // RFC 9072: one parameter longer than 255 octets.
        body.put_slice(&[255, 255]);
        body.put_u16(3 + 2 * capabilities);
        body.put_u8(2);
        body.put_u16(2 * capabilities);
        for _ in 0..capabilities {
            body.put_slice(&[if all_the_same { same } else { lots.below(256) as u8 }, 0]);
        }
        put_message(1, &body, &mut out);
    }
    out
}

/// UPDATEs as long as they may be, all of attributes that nobody knows, and never the same.
fn giants(lots: &mut Lots) -> BytesMut {
    let mut out = BytesMut::new();
    for _ in 0..16 {
        let mut attributes = BytesMut::from(&[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1][..]);
        attributes.put_u32(ASN.0);
        attributes.put_slice(&[0x40, 3, 4, 10, 77, 0, 1]);
        for code in 50..=255 {
            attributes.put_slice(&[0xD0, code, 1, 54]);
            attributes.put_slice(&lots.octets(310));
        }
        let mut body = BytesMut::from(&[0, 0][..]);
        body.put_u16(attributes.len() as u16);
        body.put_slice(&attributes);
        body.put_slice(&[24, 198, 51, 100]);
        put_message(2, &body, &mut out);
    }
    out
}

fn put_message(kind: u8, body: &[u8], out: &mut BytesMut) {
    out.put_slice(&[0xFF; 16]);
    out.put_u16(19 + body.len() as u16);
    out.put_u8(kind);
    out.put_slice(body);
}

/// Announces, as large as a message can be, what nobody has said before; withdraws; and announces the next. One message
/// in four brings the most values for its octets: an AS_PATH of segments of one.
pub(crate) async fn churn(cast: Cast, messages: u32) -> io::Result<()> {
    let mut peer = Peer::come_up(cast, cast.from(0), Manners::hold(HOLD)).await;
    for number in 0..messages {
        let prefix = nth(number % PREFIXES)?;
        let announced = Announced { attributes: attributes(cast, number), prefixes: vec![prefix] };
        let announce = Update { announced: vec![announced], ..Update::default() };
        let withdraw = Update { withdrawn: vec![prefix], ..Update::default() };
        // A third of them stays until it is replaced.
        let last = if number.is_multiple_of(3) { Message::Keepalive } else { Message::Update(withdraw) };
        peer.send(&[Message::Update(announce), last]).await?;
    }
    say(&json!({"event": "done"}));
    loop {
        peer.next().await?;
    }
}

fn attributes(cast: Cast, number: u32) -> Arc<Attributes> {
    let next_hop = NextHop::Address(cast.first.into());
    let segment = |asn| Segment { kind: SegmentKind::Sequence, asns: Box::new([asn]) };
    Arc::new(if number.is_multiple_of(4) {
        let path = [ASN, Asn(number + 1)].into_iter().chain((1..10_000).map(Asn));
        Attributes { as_path: AsPath(path.map(segment).collect()), next_hop, ..Attributes::default() }
    } else {
        let communities = (0..15_000).map(|i| Community(number << 16 | i)).collect();
        Attributes { as_path: AsPath::sequence([ASN]), next_hop, communities, ..Attributes::default() }
    })
}

/// A table, and then a refresh of it that begins and begins (RFC 7313 §4.2).
pub(crate) async fn refresh(cast: Cast, messages: u32) -> io::Result<()> {
    let mut peer = Peer::come_up(cast, cast.from(0), Manners::hold(HOLD)).await;
    let attributes = Arc::new(Attributes {
        as_path: AsPath::sequence([ASN]),
        next_hop: NextHop::Address(cast.first.into()),
        ..Attributes::default()
    });
    let prefixes = (0..4000).map(nth).collect::<io::Result<_>>()?;
    let table = Update { announced: vec![Announced { attributes, prefixes }], ..Update::default() };
    peer.send(&[Message::Update(table)]).await?;
    let begin = Message::RouteRefresh(RouteRefresh { family: Family::IPV4_UNICAST, subtype: 1 });
    for _ in 0..messages.div_ceil(1000) {
        peer.send(&vec![begin.clone(); 1000]).await?;
    }
    say(&json!({"event": "done"}));
    loop {
        peer.next().await?;
    }
}

/// Prefixes of 100.64.0.0/10, one after the other.
fn nth(number: u32) -> io::Result<IpNet> {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() + (number << 8));
    Ipv4Net::new(address, 24).map(IpNet::V4).map_err(io::Error::other)
}
