//! Single values: numbers, durations, addresses, prefixes, communities and the words of enumerations. Each says what
//! it wants where it cannot be read.

use super::diagnostic::Diagnostic;
use super::reader::{Node, Value, closest, wrong_type};
use super::schema::{self, Schema, Schemas, any_of, integer as integers, pattern};
use ipnet::{IpNet, Ipv4Net};
use quadzero_codec::{
    Asn, Community, ExtendedCommunity, Family, HoldTime, LargeCommunity, NextHop, Origin, Role, RouterId,
};
use quadzero_fsm::{Import, Md5Key, Mode, RestartTime};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use toml::de::DeValue;

/// No timer of a neighbor is longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a text is not the value wanted, and what to do about it.
pub(super) struct Problem {
    message: String,
    hint: String,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// Reads a string by `parse`.
pub(super) fn text<T: Value>(
    node: &Node<'_>,
    out: &mut Vec<Diagnostic>,
    parse: impl FnOnce(&str) -> Result<T, Problem>,
) -> Option<T> {
    let DeValue::String(text) = node.get_ref() else {
        out.push(wrong_type(node, "a string").hint(format!("like {}", T::example())));
        return None;
    };
    take(node, out, parse(text))
}

fn take<T>(node: &Node<'_>, out: &mut Vec<Diagnostic>, result: Result<T, Problem>) -> Option<T> {
    let report = |problem: Problem| {
        out.push(Diagnostic::error(node.span(), problem.message).label("this value").hint(problem.hint));
    };
    result.map_err(report).ok()
}

fn integer(node: &Node<'_>) -> Option<i128> {
    let DeValue::Integer(integer) = node.get_ref() else { return None };
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn number<T: TryFrom<i128>>(
    node: &Node<'_>,
    out: &mut Vec<Diagnostic>,
    least: i128,
    most: i128,
) -> Option<T> {
    let Some(number) = integer(node) else {
        out.push(
            wrong_type(node, "an integer").hint(format!("a number without quotes, from {least} to {most}")),
        );
        return None;
    };
    let in_range = (least..=most).contains(&number).then(|| T::try_from(number).ok()).flatten();
    let problem = || Problem::new(format!("{number} is out of range"), format!("from {least} to {most}"));
    take(node, out, in_range.ok_or_else(problem))
}

macro_rules! numbers {
    ($($Type:ty: $least:literal ..= $most:expr, like $example:literal;)*) => { $(
        impl Value for $Type {
            fn example() -> String {
                $example.to_string()
            }

            fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
                number(node, out, $least, i128::from($most))
            }

            fn schema(_: &mut Schemas) -> Schema {
                integers($least, i128::from($most))
            }
        }
    )* };
}

numbers! {
    u8: 0..=u8::MAX, like 64;
    u16: 1..=u16::MAX, like 179;
    u32: 0..=u32::MAX, like 100;
}

impl Value for usize {
    fn example() -> String {
        "1000".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        number(node, out, 1, u32::MAX.into())
    }

    fn schema(_: &mut Schemas) -> Schema {
        integers(1, u32::MAX.into())
    }
}

impl Value for Asn {
    fn example() -> String {
        "65010".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        // RFC 7607 reserves 0 and RFC 7300 the last one.
        number(node, out, 1, i128::from(u32::MAX) - 1).map(Self)
    }

    fn schema(_: &mut Schemas) -> Schema {
        integers(1, i128::from(u32::MAX) - 1)
    }
}

impl Value for bool {
    fn example() -> String {
        "true".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let boolean = node.get_ref().as_bool();
        if boolean.is_none() {
            out.push(wrong_type(node, "true or false").hint("without quotes"));
        }
        boolean
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::boolean()
    }
}

impl Value for String {
    fn example() -> String {
        "\"on-premises\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let some = |text: &str| match text.trim() {
            "" => Err(Problem::new("an empty string", "leave the key out, or give it a value")),
            _ => Ok(text.to_owned()),
        };
        text(node, out, some)
    }

    fn schema(_: &mut Schemas) -> Schema {
        pattern(r"\S")
    }
}

impl Value for Duration {
    fn example() -> String {
        "\"3s\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let how = "seconds (3), or a text like \"500ms\", \"3s\", \"2m\", \"1h\"";
        let found = match node.get_ref() {
            DeValue::Integer(_) => integer(node).and_then(|n| u64::try_from(n).ok()).map(Self::from_secs),
            DeValue::String(text) => duration(text),
            _ => {
                out.push(wrong_type(node, "a duration").hint(how));
                return None;
            }
        };
        let result = match found {
            None => Err(Problem::new("not a duration", how)),
            Some(Self::ZERO) => Err(Problem::new("a duration of zero", "leave the key out for its default")),
            Some(long) if long > LONGEST => Err(Problem::new("a very long duration", "at most \"24h\"")),
            Some(duration) => Ok(duration),
        };
        take(node, out, result)
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::duration(1, LONGEST.as_secs())
    }
}

/// `500ms`, `3s`, `2m`, `1h`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(60 * 60).map(Duration::from_secs),
        _ => None,
    }
}

/// Octets of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl Value for Size {
    fn example() -> String {
        "\"10MiB\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let how = "octets (65536), or a text like \"64KiB\", \"10MiB\", \"1GiB\"";
        let found = match node.get_ref() {
            DeValue::Integer(_) => integer(node).and_then(|n| u64::try_from(n).ok()),
            DeValue::String(text) => size(text),
            _ => {
                out.push(wrong_type(node, "a size").hint(how));
                return None;
            }
        };
        take(node, out, found.map(Self).ok_or_else(|| Problem::new("not a size", how)))
    }

    fn schema(_: &mut Schemas) -> Schema {
        any_of([integers(0, i64::MAX.into()), pattern(r"^[0-9]+\s*(KiB|MiB|GiB)$")])
    }
}

/// `64KiB`, `10MiB`, `1GiB`.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let shift = match unit.trim_start() {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A wait after which something is tried again, or `"never"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RestartAfter(pub(super) Option<Duration>);

impl Value for RestartAfter {
    fn example() -> String {
        "\"5m\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        match node.get_ref() {
            DeValue::String(text) if text == "never" => Some(Self(None)),
            _ => Duration::read(node, out).map(|wait| Self(Some(wait))),
        }
    }

    fn schema(_: &mut Schemas) -> Schema {
        any_of([schema::words(&["never"]), schema::duration(1, LONGEST.as_secs())])
    }
}

/// A wait that may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause(pub(super) Duration);

impl Value for Pause {
    fn example() -> String {
        "\"5s\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        if integer(node) == Some(0) {
            return Some(Self(Duration::ZERO));
        }
        Duration::read(node, out).map(Self)
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::duration(0, LONGEST.as_secs())
    }
}

impl Value for HoldTime {
    fn example() -> String {
        "180".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        if integer(node) == Some(0) {
            return Some(Self::ZERO);
        }
        let duration = Duration::read(node, out)?;
        let whole = (duration.subsec_nanos() == 0).then(|| u16::try_from(duration.as_secs()).ok()).flatten();
        let result = match whole.map(Self::new) {
            Some(Some(hold_time)) => Ok(hold_time),
            Some(None) => {
                let message = format!("a hold time of {} s is forbidden (RFC 4271 §4.2)", duration.as_secs());
                Err(Problem::new(
                    message,
                    "0 (no hold timer), or at least 3 seconds; Azure's gateways say 180",
                ))
            }
            None => Err(Problem::new("not a hold time", "whole seconds, from 3 to 65535, or 0")),
        };
        take(node, out, result)
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::duration(0, u16::MAX.into())
    }
}

impl Value for RestartTime {
    fn example() -> String {
        "\"2m\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let duration = Duration::read(node, out)?;
        let whole = (duration.subsec_nanos() == 0).then(|| u16::try_from(duration.as_secs()).ok()).flatten();
        let problem = || Problem::new("not a restart time (RFC 4724 §3)", "whole seconds, from 1 to 4095");
        take(node, out, whole.and_then(Self::new).ok_or_else(problem))
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::duration(1, 4095)
    }
}

impl Value for RouterId {
    fn example() -> String {
        "\"192.0.2.1\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let hint =
            "four octets written like an address and unique in the AS, usually an IPv4 address of this host";
        text(node, out, |text| {
            let id =
                text.parse().map_err(|_| Problem::new(format!("\"{text}\" is not a router id"), hint))?;
            Self::new(id)
                .ok_or_else(|| Problem::new("the router id must not be 0.0.0.0 (RFC 6286 §2.1)", hint))
        })
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::ipv4()
    }
}

impl Value for IpAddr {
    fn example() -> String {
        "\"10.1.0.4\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, |text| unmapped(address(text)?))
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::address()
    }
}

/// Sockets of IPv6 would carry IPv4 under such an address, and the session would be of neither family.
fn unmapped(address: IpAddr) -> Result<IpAddr, Problem> {
    let IpAddr::V6(v6) = address else { return Ok(address) };
    match v6.to_ipv4_mapped() {
        Some(v4) => {
            let message = format!("{address} is an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2)");
            Err(Problem::new(message, format!("write the IPv4 address: \"{v4}\"")))
        }
        None => Ok(address),
    }
}

fn address(text: &str) -> Result<IpAddr, Problem> {
    text.parse().map_err(|_| {
        let hint = match text.split_once('/') {
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
                format!("without a length: \"{address}\"")
            }
            _ => "like \"10.1.0.4\" or \"2001:db8::4\"".to_owned(),
        };
        Problem::new(format!("\"{text}\" is not an IP address"), hint)
    })
}

impl Value for Ipv4Addr {
    fn example() -> String {
        "\"10.1.0.4\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, |text| match address(text)? {
            IpAddr::V4(address) => Ok(address),
            IpAddr::V6(_) => {
                Err(Problem::new(format!("\"{text}\" is not an IPv4 address"), "like \"10.1.0.4\""))
            }
        })
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::ipv4()
    }
}

impl Value for SocketAddr {
    fn example() -> String {
        "\"0.0.0.0:179\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, |text| {
            text.parse().map_err(|_| {
                let hint = match text.parse::<IpAddr>() {
                    Ok(address) => format!("with a port: \"{}\"", Self::new(address, 179)),
                    Err(_) => "address and port, like \"0.0.0.0:179\" or \"[::]:179\"".to_owned(),
                };
                Problem::new(format!("\"{text}\" is not an address with a port"), hint)
            })
        })
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::socket()
    }
}

impl Value for IpNet {
    fn example() -> String {
        "\"10.1.0.0/16\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, prefix)
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::prefix()
    }
}

impl Value for Ipv4Net {
    fn example() -> String {
        "\"10.1.0.0/16\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, |text| match prefix(text)? {
            IpNet::V4(net) => Ok(net),
            IpNet::V6(_) => {
                Err(Problem::new(format!("\"{text}\" is not an IPv4 prefix"), "like \"10.1.0.0/16\""))
            }
        })
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::ipv4_prefix()
    }
}

/// A prefix without host bits: what `10.1.0.1/16` announces is not what it shows.
fn prefix(text: &str) -> Result<IpNet, Problem> {
    let net: IpNet = text.parse().map_err(|_| {
        let hint = match text.parse::<IpAddr>() {
            Ok(address) => format!("for this one address: \"{}\"", IpNet::from(address)),
            Err(_) => "like \"0.0.0.0/0\" or \"2001:db8::/32\"".to_owned(),
        };
        Problem::new(format!("\"{text}\" is not a prefix"), hint)
    })?;
    if net != net.trunc() {
        let hint = format!(
            "for the network: \"{}\"; for the one address: \"{}\"",
            net.trunc(),
            IpNet::from(net.addr())
        );
        return Err(Problem::new(format!("{net} has host bits set"), hint));
    }
    if let IpNet::V6(v6) = net
        && v6.prefix_len() >= 96
        && let Some(v4) = v6.addr().to_ipv4_mapped()
    {
        let message = format!("{net} is of IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2)");
        let hint = format!("write the IPv4 prefix: \"{v4}/{}\"", v6.prefix_len() - 96);
        return Err(Problem::new(message, hint));
    }
    Ok(net)
}

impl Value for NextHop {
    fn example() -> String {
        "\"self\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        text(node, out, |text| match text {
            "self" => Ok(Self::Own),
            _ => address(text).map(Self::Address).map_err(|_| {
                let hint = "\"self\" (our address of the connection), or an IP address";
                Problem::new(format!("\"{text}\" is not a next hop"), hint)
            }),
        })
    }

    fn schema(_: &mut Schemas) -> Schema {
        any_of([schema::words(&["self"]), schema::address()])
    }
}

impl Value for Md5Key {
    fn example() -> String {
        "\"..\"".to_owned()
    }

    fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
        let problem = || Problem::new("not a TCP MD5 key (RFC 2385)", "1 to 80 octets");
        text(node, out, |text| Self::new(text.as_bytes()).ok_or_else(problem))
    }

    fn schema(_: &mut Schemas) -> Schema {
        schema::text(1, 80)
    }
}

macro_rules! parsed {
    ($($Type:ty: $what:literal, $hint:literal, $example:literal, $pattern:literal;)*) => { $(
        impl Value for $Type {
            fn example() -> String {
                $example.to_owned()
            }

            fn read(node: &Node<'_>, out: &mut Vec<Diagnostic>) -> Option<Self> {
                let problem = |text: &str| Problem::new(format!(concat!("\"{}\" is not ", $what), text), $hint);
                text(node, out, |text| text.parse().map_err(|_| problem(text)))
            }

            fn schema(_: &mut Schemas) -> Schema {
                pattern($pattern)
            }
        }
    )* };
}

parsed! {
    Community: "a community", "like \"65010:100\", or \"no-export\", \"no-advertise\", \"graceful-shutdown\"",
        "\"65010:100\"", r"^([0-9]+:[0-9]+|[a-z][a-z-]*)$";
    ExtendedCommunity: "an extended community", "like \"rt:65010:1\", \"soo:65010:1\" or \"0x0002fde800000064\"",
        "\"rt:65010:1\"", r"^(0x[0-9A-Fa-f]{16}|[a-z]+:[0-9.]+:[0-9]+)$";
    LargeCommunity: "a large community", "like \"65010:1:2\"", "\"65010:1:2\"",
        r"^[0-9]+:[0-9]+:[0-9]+$";
}

/// Reads one word of a list.
pub(super) fn word<T: Copy + Value>(
    node: &Node<'_>,
    out: &mut Vec<Diagnostic>,
    what: &str,
    words: &[(&str, T)],
) -> Option<T> {
    text(node, out, |text| {
        let names = || words.iter().map(|(word, _)| *word);
        let hint = || match closest(text, names()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => {
                format!("one of {}", names().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", "))
            }
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| Problem::new(format!("\"{text}\" is not {what}"), hint()))
    })
}

/// The words of enumerations, each mapping in one place.
macro_rules! words {
    ($($Type:ty: $what:literal { $($word:literal => $value:expr,)* })*) => { $(
        impl $crate::config::reader::Value for $Type {
            fn example() -> String {
                [$(concat!("\"", $word, "\"")),*].join(" | ")
            }

            fn read(
                node: &$crate::config::reader::Node<'_>,
                out: &mut Vec<$crate::config::diagnostic::Diagnostic>,
            ) -> Option<Self> {
                $crate::config::value::word(node, out, $what, &[$(($word, $value),)*])
            }

            fn schema(_: &mut $crate::config::schema::Schemas) -> $crate::config::schema::Schema {
                $crate::config::schema::words(&[$($word),*])
            }
        }
    )* };
}
pub(super) use words;

words! {
    Mode: "a mode" {
        "both" => Self::Both,
        "active" => Self::Active,
        "passive" => Self::Passive,
    }
    Import: "an import rule" {
        "none" => Self::None,
        "all" => Self::All,
    }
    Origin: "an origin" {
        "igp" => Self::Igp,
        "egp" => Self::Egp,
        "incomplete" => Self::Incomplete,
    }
    Role: "a BGP role (RFC 9234)" {
        "provider" => Self::Provider,
        "route-server" => Self::RouteServer,
        "route-server-client" => Self::RouteServerClient,
        "customer" => Self::Customer,
        "peer" => Self::Peer,
    }
    Family: "an address family" {
        "ipv4-unicast" => Self::IPV4_UNICAST,
        "ipv6-unicast" => Self::IPV6_UNICAST,
    }
}
