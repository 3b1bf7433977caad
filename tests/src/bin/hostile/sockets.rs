//! Connections that never become a session.

use crate::peer::{dial, open};
use crate::{Cast, say};
use bytes::BytesMut;
use quadzero_codec::Dialect;
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Each round: all dial at once from one address and say nothing, until all that were taken are given up; then as many
/// that are reset as soon as they stand.
pub(crate) async fn storm(cast: Cast, count: u32, rounds: u32) -> io::Result<()> {
    for round in 0..rounds {
        let barrier = Arc::new(Barrier::new(count as usize));
        let mut connections = JoinSet::new();
        for _ in 0..count {
            connections.spawn(caller(cast, barrier.clone()));
        }
        connections.join_all().await;
        let mut connections = JoinSet::new();
        for _ in 0..count {
            connections.spawn(prankster(cast));
        }
        let reset = connections.join_all().await.into_iter().flatten().count();
        say(&json!({"event": "round", "round": round, "reset": reset}));
    }
    say(&json!({"event": "done"}));
    Ok(())
}

/// Dials, and stays until all have dialed and a moment longer.
async fn caller(cast: Cast, barrier: Arc<Barrier>) {
    let connection = dial(cast, cast.from(0), None).await;
    if barrier.wait().await.is_leader() {
        say(&json!({"event": "all dialed"}));
    }
    if let Ok(mut stream) = connection {
        let _closed = tokio::time::timeout(Duration::from_millis(500), drain(&mut stream)).await;
    }
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

async fn prankster(cast: Cast) -> io::Result<()> {
    dial(cast, cast.from(0), None).await?.set_zero_linger()
}

/// Connections from as many addresses, each of which says an OPEN octet by octet, up to one before its end.
pub(crate) async fn drip(cast: Cast, count: u32, octets: u32) -> io::Result<()> {
    let mut connections = JoinSet::new();
    for index in 0..count {
        connections.spawn(dripping(cast, index, octets as usize));
    }
    let dripped = connections.join_all().await.into_iter().filter(Result::is_ok).count();
    say(&json!({"event": "done", "dripped": dripped}));
    std::future::pending().await
}

async fn dripping(cast: Cast, index: u32, octets: usize) -> io::Result<TcpStream> {
    let mut message = BytesMut::new();
    open(cast.from(index), 90)?.encode(&Dialect::default(), &mut message);
    message.truncate(octets.min(message.len() - 1));
    let mut stream = dial(cast, cast.from(index), None).await?;
    for octet in &message {
        stream.write_all(&[*octet]).await?;
        sleep(Duration::from_millis(100)).await;
    }
    Ok(stream)
}
