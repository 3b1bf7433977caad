//! Neighbors that mean harm, and one that does not: what `tests/stress.rs` starts beside quadzero.
//!
//! ```text
//! hostile witness FROM TO                a good peer with a Hold Time of 3 s: says what it sees, ends when the session does
//! hostile flap    FROM TO COUNT ROUNDS BURST  that many peers come up, take the routes and go, all at once; then they
//!                                        stay, with so many KEEPALIVEs at once
//! hostile storm   FROM TO COUNT ROUNDS   that many connections at once from one address, then as many that are reset
//! hostile garbage FROM TO MEBIBYTES      octets that are no BGP, nearly BGP, and BGP gone wrong
//! hostile deaf    FROM TO MEBIBYTES      octets that are no BGP, on one connection, whatever is said against them
//! hostile churn   FROM TO MESSAGES       a session that announces and withdraws as fast as it can, each time something new
//! hostile refresh FROM TO MESSAGES       a session with a table that begins to say it again, and again
//! hostile slow    FROM TO COUNT OCTETS   sessions that take so many octets now and then (0: none at all), and ask for more
//! hostile drip    FROM TO COUNT OCTETS   connections that say an OPEN octet by octet, as far as that
//! ```
//!
//! FROM is the first address of as many as there are peers, TO where quadzero listens. What happens is said as JSON, an
//! object a line. All that is drawn by lot comes from a counter, so that a run can be had again.

mod junk;
mod peer;
mod sessions;
mod sockets;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::{env, io, process::ExitCode};

/// Who plays, and against whom.
#[derive(Clone, Copy)]
struct Cast {
    first: Ipv4Addr,
    to: SocketAddrV4,
}

impl Cast {
    /// The address of a peer, counted from the first.
    fn from(self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first.to_bits() + index)
    }
}

/// One line for the test.
fn say(event: &serde_json::Value) {
    println!("{event}");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match play(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&serde_json::json!({"event": "failed", "why": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}

async fn play(words: &[&str]) -> io::Result<()> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "see the head of hostile/main.rs");
    let [behaviour, first, to, numbers @ ..] = words else { return Err(wrong()) };
    let cast = Cast { first: first.parse().map_err(|_| wrong())?, to: to.parse().map_err(|_| wrong())? };
    let numbers: Result<Vec<u32>, _> = numbers.iter().map(|number| number.parse()).collect();
    match (*behaviour, &*numbers.map_err(|_| wrong())?) {
        ("witness", []) => sessions::witness(cast).await,
        ("flap", &[count, rounds, burst]) => sessions::flap(cast, count, rounds, burst as usize).await,
        ("storm", &[count, rounds]) => sockets::storm(cast, count, rounds).await,
        ("garbage", &[mebibytes]) => junk::garbage(cast, mebibytes).await,
        ("deaf", &[mebibytes]) => junk::deaf(cast, mebibytes).await,
        ("churn", &[messages]) => junk::churn(cast, messages).await,
        ("refresh", &[messages]) => junk::refresh(cast, messages).await,
        ("slow", &[count, octets]) => sessions::slow(cast, count, octets).await,
        ("drip", &[count, octets]) => sockets::drip(cast, count, octets).await,
        _ => Err(wrong()),
    }
}
