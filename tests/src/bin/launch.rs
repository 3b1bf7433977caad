//! Becomes another program, as whoever starts services would have started it, or on a machine that lacks something.
//!
//! ```text
//! launch [--socket ADDRESS].. [--both ADDRESS].. [--without NAME].. -- PROGRAM ARGUMENT..
//! ```
//!
//! `--socket` hands over a listening socket in the way of sd_listen_fds(3), `--both` one that takes IPv4 at an IPv6 address.
//! `--without` is a kernel that does not know `tcp-md5`, `landlock` or `seccomp`: the calls fail as they do there.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{self, Command};

/// The first descriptor behind standard input, output and error.
const FIRST: i32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let mut sockets = Vec::new();
    loop {
        let (option, mut value) = (words.next(), || words.next().ok_or("a value is missing"));
        match option.as_deref() {
            Some("--socket") => sockets.push(socket(&value()?, true)?),
            Some("--both") => sockets.push(socket(&value()?, false)?),
            Some("--without") => forbid(&value()?)?,
            Some("--") => break,
            other => return Err(format!("{other:?}: see the head of launch.rs").into()),
        }
    }
    for (socket, number) in sockets.iter().zip(FIRST..) {
        assert_eq!(socket.as_raw_fd(), number, "descriptors follow each other");
        socket.set_cloexec(false)?;
    }
    let mut command = Command::new(words.next().ok_or("a program is missing")?);
    command.args(words);
    if !sockets.is_empty() {
        command.env("LISTEN_PID", process::id().to_string()).env("LISTEN_FDS", sockets.len().to_string());
    }
    Err(command.exec().into())
}

fn socket(address: &str, only_v6: bool) -> Result<Socket, Box<dyn Error>> {
    let address: SocketAddr = address.parse()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.bind(&address.into())?;
    socket.listen(16)?;
    Ok(socket)
}

fn forbid(name: &str) -> Result<(), Box<dyn Error>> {
    let (calls, error): (&[(i64, Vec<SeccompRule>)], i32) = match name {
        // TCP_MD5SIG and TCP_MD5SIG_EXT.
        "tcp-md5" => (&[(libc::SYS_setsockopt, vec![option(14)?, option(32)?])], libc::ENOPROTOOPT),
        "landlock" => (&[(libc::SYS_landlock_create_ruleset, vec![])], libc::ENOSYS),
        "seccomp" => (&[(libc::SYS_seccomp, vec![])], libc::ENOSYS),
        _ => return Err(format!("nobody knows how to do without {name}").into()),
    };
    let rules = BTreeMap::from_iter(calls.iter().cloned());
    let fails = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, fails, env::consts::ARCH.try_into()?)?;
    Ok(seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?)
}

/// An option of TCP.
fn option(name: u64) -> Result<SeccompRule, Box<dyn Error>> {
    let equal =
        |argument, value| SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
    Ok(SeccompRule::new(vec![equal(1, libc::IPPROTO_TCP.unsigned_abs().into())?, equal(2, name)?])?)
}
