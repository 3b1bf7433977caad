//! Sessions as they should be, too many of them, and too slow.

use crate::peer::{Manners, Peer};
use crate::{Cast, say};
use ipnet::IpNet;
use quadzero_codec::{Family, Message, RouteRefresh};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

/// The least that BGP knows (RFC 4271 §4.2).
const WITNESS_HOLD: u16 = 3;
const HOLD: Duration = Duration::from_secs(WITNESS_HOLD as u64);
/// Longer than any test.
const LONG_HOLD: u16 = 600;

/// Keeps one session, and judges the other side by its Hold Time.
pub(crate) async fn witness(cast: Cast) -> io::Result<()> {
    let mut peer = Peer::come_up(cast, cast.from(0), Manners::hold(WITNESS_HOLD)).await;
    say(&json!({"event": "up"}));
    let mut beat = interval(HOLD / 3);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut due = Instant::now() + HOLD;
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            _ = beat.tick() => peer.send(&[Message::Keepalive]).await?,
            // What has arrived counts, even if this process had to wait for its turn.
            message = peer.next() => {
                due = Instant::now() + HOLD;
                if message? == Message::Keepalive {
                    say(&json!({"event": "keepalive"}));
                }
                if peer.complete && !told {
                    told = true;
                    say(&json!({"event": "routes", "prefixes": peer.held.len()}));
                }
            }
            () = sleep_until(due) => return Err(io::Error::other("nothing was heard for the Hold Time")),
        }
    }
}

type Sets = Mutex<BTreeMap<BTreeSet<IpNet>, u32>>;

/// All come up, take the routes, and go at once; in the end all stay. What they hold then is said, and by how many.
pub(crate) async fn flap(cast: Cast, count: u32, rounds: u32, burst: usize) -> io::Result<()> {
    let barrier = Arc::new(Barrier::new(count as usize));
    let sets = Arc::new(Sets::default());
    let mut peers = JoinSet::new();
    for index in 0..count {
        let (barrier, sets) = (barrier.clone(), sets.clone());
        peers.spawn(async move {
            come_and_go(cast, index, rounds, &barrier).await;
            stay(cast, index, burst, &barrier, &sets).await
        });
    }
    peers.join_next().await.map_or(Ok(()), |ended| ended.map_err(io::Error::other)?)
}

async fn come_up(cast: Cast, index: u32) -> Peer {
    Peer::come_up_and_listen(cast, cast.from(index), Manners::hold(LONG_HOLD)).await
}

async fn come_and_go(cast: Cast, index: u32, rounds: u32, barrier: &Barrier) {
    for round in 0..rounds {
        let peer = come_up(cast, index).await;
        if barrier.wait().await.is_leader() {
            say(&json!({"event": "all up", "round": round}));
        }
        // What cannot be said any more was said by somebody else.
        let _gone_anyway = peer.go(index + round).await;
    }
}

async fn stay(cast: Cast, index: u32, burst: usize, barrier: &Barrier, sets: &Sets) -> io::Result<()> {
    let mut peer = come_up(cast, index).await;
    *sets.lock().unwrap_or_else(PoisonError::into_inner).entry(peer.held.clone()).or_default() += 1;
    peer.send(&vec![Message::Keepalive; burst]).await?;
    if barrier.wait().await.is_leader() {
        let sets = sets.lock().unwrap_or_else(PoisonError::into_inner);
        let sets: Vec<_> = sets.iter().map(|(held, peers)| json!({"held": held, "peers": peers})).collect();
        say(&json!({"event": "all stay", "sets": sets}));
    }
    loop {
        peer.next().await?;
    }
}

/// Sessions that take a few octets now and then, or none, and never stop asking for everything again.
pub(crate) async fn slow(cast: Cast, count: u32, octets: u32) -> io::Result<()> {
    let mut peers = JoinSet::new();
    for index in 0..count {
        peers.spawn(reluctant(cast, index, octets as usize));
    }
    peers.join_next().await.map_or(Ok(()), |ended| ended.map_err(io::Error::other)?)
}

async fn reluctant(cast: Cast, index: u32, octets: usize) -> io::Result<()> {
    let manners = Manners { hold: LONG_HOLD, receive_buffer: Some(4096) };
    let mut peer = Peer::come_up(cast, cast.from(index), manners).await;
    say(&json!({"event": "up"}));
    let again = Message::RouteRefresh(RouteRefresh { family: Family::IPV4_UNICAST, subtype: 0 });
    let mut scratch = vec![0; octets];
    loop {
        for _ in 0..100 {
            peer.send(std::slice::from_ref(&again)).await?;
            if octets > 0 && peer.stream.read(&mut scratch).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            sleep(Duration::from_millis(5)).await;
        }
        say(&json!({"event": "asked"}));
    }
}
