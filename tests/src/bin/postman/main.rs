//! Somebody at each end of the packet lab (`tests/packets`): sends, answers, and says what it saw, in lines of words.
//!
//! ```text
//! postman echo                      answers every UDP packet to port 7 with its words and the source that it came from
//! postman kms PREFIX                an activation server: who comes from PREFIX is answered, nobody else
//! postman activate ADDRESS          asks that server, and says `works` or `fails`
//! postman ask FLOWS ADDRESS..       one packet for each flow and address, all at once; then, for each that is answered,
//!                                     answer ADDRESS FLOW SOURCE
//! postman stream FLOWS MS ADDRESS   a packet a flow, again and again, until it is killed:
//!                                     tick NUMBER TIME
//!                                     answer NUMBER FLOW TIME SOURCE
//! ```
//!
//! SOURCE is the address that the other end saw, a flow is a source port, and TIME is in milliseconds since 1970, as the logs of
//! other processes have it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use ipnet::Ipv4Net;

/// RFC 862.
const ECHO: u16 = 7;
/// Where Windows asks for activation.
const KMS: u16 = 1688;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["echo"] => echo(),
        ["kms", prefix] => parse(prefix).and_then(kms),
        ["activate", address] => parse(address).and_then(activate),
        ["ask", flows, ref addresses @ ..] => parse(flows).and_then(|flows| ask(flows, addresses)),
        ["stream", flows, every, address] => parse(flows)
            .and_then(|flows| stream(flows, Duration::from_millis(parse(every)?), parse(address)?)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "see the head of postman/main.rs")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("what is {word}?")))
}

/// A line that is there when it has been said: the test reads the file while we write it.
fn say(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis())
}

fn echo() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ECHO))?;
    say("ready");
    let mut packet = [0; 64];
    loop {
        // An answer that nobody could take comes back as an error of the next call.
        let Ok((length, from)) = socket.recv_from(&mut packet) else { continue };
        let words = [&packet[..length], b" ", from.ip().to_string().as_bytes()].concat();
        let _ = socket.send_to(&words, from);
    }
}

fn kms(answered: Ipv4Net) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, KMS))?;
    say("ready");
    loop {
        let (mut client, from) = listener.accept()?;
        let known = matches!(from.ip(), IpAddr::V4(from) if answered.contains(&from));
        say(&format!("asked {} {known}", from.ip()));
        if known {
            let _ = client.write_all(b"activated");
        }
    }
}

fn activate(server: Ipv4Addr) -> io::Result<()> {
    let asked = || {
        let mut server = TcpStream::connect_timeout(&(server, KMS).into(), Duration::from_secs(3))?;
        server.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut answer = String::new();
        server.read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer)
    };
    match asked() {
        Ok(answer) if answer == "activated" => say("works"),
        Ok(_) => say("fails: asked, and not answered"),
        Err(error) => say(&format!("fails: {error}")),
    }
    Ok(())
}

fn ask(flows: usize, addresses: &[&str]) -> io::Result<()> {
    let mut flights = Vec::new();
    for address in addresses {
        let to: Ipv4Addr = parse(address)?;
        for flow in 0..flows {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.send_to(b"asked", (to, ECHO))?;
            flights.push((to, flow, socket));
        }
    }
    say("sent");
    for (_, _, socket) in &flights {
        socket.set_nonblocking(true)?;
    }
    let mut packet = [0; 64];
    loop {
        flights.retain(|(to, flow, socket)| {
            let Ok((length, from)) = socket.recv_from(&mut packet) else { return true };
            let text = String::from_utf8_lossy(&packet[..length]);
            if from == SocketAddr::from((*to, ECHO))
                && let Some(source) = text.strip_prefix("asked ")
            {
                say(&format!("answer {to} {flow} {source}"));
            }
            false
        });
        thread::sleep(Duration::from_millis(5));
    }
}

fn stream(flows: usize, every: Duration, to: Ipv4Addr) -> io::Result<()> {
    let mut sockets = Vec::new();
    for flow in 0..flows {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let ear = socket.try_clone()?;
        thread::spawn(move || listen(flow, &ear));
        sockets.push(socket);
    }
    for tick in 0_u64.. {
        say(&format!("tick {tick} {}", now()));
        for socket in &sockets {
            // Refused, unreachable: a packet that is lost, like others.
            let _ = socket.send_to(tick.to_string().as_bytes(), (to, ECHO));
        }
        thread::sleep(every);
    }
    Ok(())
}

fn listen(flow: usize, socket: &UdpSocket) {
    let mut packet = [0; 64];
    loop {
        let Ok(length) = socket.recv(&mut packet) else { continue };
        let text = String::from_utf8_lossy(&packet[..length]);
        if let Some((tick, source)) = text.split_once(' ') {
            say(&format!("answer {tick} {flow} {} {source}", now()));
        }
    }
}
