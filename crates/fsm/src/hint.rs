//! What to look at when a session does not come up, or ends: the `hint` of a log line, and what `quadzero why` says to do.
//!
//! One text for each way to fail. What the peer has said in its NOTIFICATION stands in the line already; the hint is about where
//! to mend it.

use crate::{Down, PeerConfig, Transport};
use quadzero_codec::{ErrorCode, Notification};
use std::io;

impl Down {
    /// What to look at. `was_up`: the session was Established. `None` when there is nothing to mend, or nothing more to say than
    /// the code of the NOTIFICATION does.
    pub fn hint(&self, peer: &PeerConfig, was_up: bool) -> Option<String> {
        match self {
            Self::Unanswered => Some(unanswered(&peer.transport)),
            Self::ConnectFailed => Some(format!(
                "the log has the system's reason: does {} listen, and is local-address on this machine?",
                peer.transport.remote
            )),
            Self::Closed if was_up => None,
            Self::Closed => Some(format!(
                "it closes without a word: does it know us, by this address and AS {}? multihop, ttl-security{}",
                peer.local_as,
                key(&peer.transport)
            )),
            Self::Received(said) => refused_by_it(inner(said), peer),
            Self::Sent(said) => refused_by_us(inner(said), peer, was_up),
        }
    }
}

fn unanswered(transport: &Transport) -> String {
    let (remote, hops, key) = (transport.remote, hops(transport), key(transport));
    format!("nothing answers at {remote}: the way there, its firewall, its TTL{hops}{key}")
}

/// Of a Hard Reset (RFC 8538), why there is one.
fn inner(notification: &Notification) -> ErrorCode {
    notification.encapsulated().map_or(notification.code, |inner| inner.code)
}

fn refused_by_it(code: ErrorCode, peer: &PeerConfig) -> Option<String> {
    let text = match code {
        ErrorCode::OPEN_BAD_PEER_AS => {
            return Some(format!(
                "it expects another AS of us than {}: remote-as there, [bgp] asn here",
                peer.local_as
            ));
        }
        ErrorCode::OPEN_BAD_BGP_IDENTIFIER => {
            return Some(format!("it does not take {}: is it its own router-id, too?", peer.router_id));
        }
        ErrorCode::OPEN_UNACCEPTABLE_HOLD_TIME => {
            return Some(format!("it does not take a hold-time of {} s", peer.timers.hold.seconds()));
        }
        ErrorCode::OPEN_UNSUPPORTED_CAPABILITY | ErrorCode::OPEN_UNSUPPORTED_OPTIONAL_PARAMETER => {
            "`families` on both sides; or four-octet-as, extended-message and the like = false, if it stumbles over one"
        }
        ErrorCode::OPEN_ROLE_MISMATCH => ROLES,
        ErrorCode::HOLD_TIMER_EXPIRED => {
            "our KEEPALIVEs have not reached it within the hold time: the path, MTU, or a busy machine"
        }
        ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES => {
            "we have announced more than it takes: announce less, or raise its limit"
        }
        ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN => "its operator has shut it down: ask there",
        ErrorCode::CEASE_PEER_DE_CONFIGURED => "its operator has removed us: ask there",
        ErrorCode::CEASE_CONNECTION_REJECTED => {
            "it knows us, and takes no connection now: is the neighbor shut down there, or is it to dial itself?"
        }
        ErrorCode::CEASE_OUT_OF_RESOURCES => "it has no room for us: look at its memory and its limits",
        ErrorCode(3, _) => "it cannot read what we announce: `quadzero show routes advertised` has it",
        _ => return None,
    };
    Some(text.to_owned())
}

fn refused_by_us(code: ErrorCode, peer: &PeerConfig, was_up: bool) -> Option<String> {
    let text = match code {
        ErrorCode::OPEN_BAD_PEER_AS => {
            return Some(format!("it is in another AS than {}: remote-as here", peer.remote_as));
        }
        ErrorCode::HOLD_TIMER_EXPIRED if !was_up => return Some(silence(&peer.transport)),
        ErrorCode::OPEN_ROLE_MISMATCH => ROLES,
        ErrorCode::OPEN_UNSUPPORTED_CAPABILITY => "no family is common: `families` on both sides",
        ErrorCode::HOLD_TIMER_EXPIRED => {
            "nothing was heard for the hold time: the path, MTU, or a busy machine"
        }
        ErrorCode::CEASE_MAXIMUM_NUMBER_OF_PREFIXES => "it has announced more than max-prefixes allows",
        ErrorCode::CEASE_BFD_DOWN => "BFD has lost the path: look at the tunnel and the links below it",
        _ => return None,
    };
    Some(text.to_owned())
}

const ROLES: &str = "the roles do not fit (RFC 9234): provider and customer, or peer and peer";

/// The handshake of TCP went both ways. Many set the TTL only behind it, and so their first message is the first to be lost.
fn silence(transport: &Transport) -> String {
    format!(
        "TCP came up, and then nothing: what follows the handshake is lost. The TTL, as a rule: multihop on both sides{}; or a firewall",
        hops(transport)
    )
}

/// What we do about the TTL, since half of the answer is on the other side.
fn hops(transport: &Transport) -> String {
    match (transport.min_ttl, transport.ttl) {
        (Some(least), _) => {
            format!(" (ttl-security: it has to send with TTL 255, and of that {least} at least must arrive)")
        }
        (None, Some(ttl)) => format!(" (we send with {ttl})"),
        (None, None) => String::new(),
    }
}

fn key(transport: &Transport) -> &'static str {
    if transport.md5.is_some() {
        "; a TCP MD5 key that differs looks just like this: compare password-file on both sides"
    } else {
        "; so does a neighbor that wants a TCP MD5 key: password-file"
    }
}

/// What to look at when the system does not even dial, or says that it went wrong.
pub(crate) fn of_dial(error: &io::Error, transport: &Transport) -> Option<String> {
    let remote = transport.remote;
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "the machine is there, and does not take it: is BGP on at {remote}, does it know us as a neighbor, and does it listen?"
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => format!(
            "`ip route get {}` shows the way: is the tunnel up? A TTL that ends on the way is told like this, too: multihop{}",
            remote.ip(),
            hops(transport)
        ),
        io::ErrorKind::TimedOut => unanswered(transport),
        io::ErrorKind::AddrNotAvailable => {
            "`ip address` shows what it has; it is tried again, and works as soon as the address is there"
                .into()
        }
        io::ErrorKind::PermissionDenied => {
            let key = transport.md5.as_ref().and_then(|_| of_key(error));
            let key = key.map_or_else(String::new, |key| format!("; if it is about the key, {key}"));
            format!("a firewall of this machine, or what it runs in, forbids it: `nft list ruleset`{key}")
        }
        _ => of_key(error)?.to_owned(),
    };
    Some(text)
}

/// What to look at when the kernel does not take a TCP MD5 key.
pub fn of_key(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        libc::ENOPROTOOPT => Some(
            "this kernel knows no TCP MD5 (RFC 2385): one with CONFIG_TCP_MD5SIG does, which WSL 1 and some containers and microVMs \
             lack; or take password-file out, on both sides",
        ),
        libc::EPERM | libc::EACCES => {
            Some("what it runs in forbids it: setsockopt(TCP_MD5SIG) in a container's seccomp profile")
        }
        libc::ENOMEM => Some("the kernel has no room for so many keys: sysctl net.core.optmem_max"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn sent(code: ErrorCode) -> Down {
        Down::Sent(Notification::new(code))
    }

    #[test]
    fn a_connection_that_comes_up_and_is_silent_has_its_ttl_looked_at() {
        let mut peer = testing::config();
        peer.transport.ttl = Some(1);
        let silent = sent(ErrorCode::HOLD_TIMER_EXPIRED);
        let hint = silent.hint(&peer, false).unwrap();
        assert!(hint.starts_with("TCP came up, and then nothing"), "{hint}");
        assert!(hint.contains("multihop on both sides (we send with 1)"), "{hint}");
        let hint = silent.hint(&peer, true).unwrap();
        assert!(hint.starts_with("nothing was heard for the hold time"), "{hint}");
        peer.transport.min_ttl = Some(254);
        let hint = Down::Unanswered.hint(&peer, false).unwrap();
        assert!(hint.contains("it has to send with TTL 255, and of that 254 at least must arrive"), "{hint}");
    }

    #[test]
    fn a_hard_reset_is_about_what_is_in_it() {
        let inner = Notification::new(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN);
        let reset = Down::Received(inner.hard_reset());
        assert_eq!(
            reset.hint(&testing::config(), true),
            Down::Received(inner).hint(&testing::config(), true)
        );
    }

    #[test]
    fn a_session_that_we_end_needs_no_hint() {
        let ours = sent(ErrorCode::CEASE_ADMINISTRATIVE_SHUTDOWN);
        assert_eq!(ours.hint(&testing::config(), true), None);
    }

    #[test]
    fn what_the_kernel_says_of_a_key_is_put_into_words() {
        let of = |code| of_key(&io::Error::from_raw_os_error(code));
        assert!(of(libc::ENOPROTOOPT).is_some_and(|hint| hint.contains("CONFIG_TCP_MD5SIG")));
        assert!(of(libc::EPERM).is_some_and(|hint| hint.contains("seccomp")));
        assert!(of(libc::ENOMEM).is_some_and(|hint| hint.contains("net.core.optmem_max")));
        assert_eq!(of(libc::EINVAL), None);
    }
}
