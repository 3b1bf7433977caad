//! `quadzero decode`: BGP messages in words, and where they are wrong.

use crate::cli::{self, Failure};
use quadzero_codec::{DecodeError, Decoder, Dialect, HEADER, Notification};
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};

/// Runs the command.
///
/// # Errors
/// The text is not hexadecimal (exit status 2), or its octets are not BGP (exit status 1).
pub fn run(options: &cli::Decode) -> Result<(), Failure> {
    let octets = octets(&text(&options.hex)?).map_err(Failure::Wrong)?;
    let (words, result) = decode(&octets, options.two_octet_as);
    io::stdout().write_all(words.as_bytes())?;
    result.map_err(Failure::Failed)
}

fn text(arguments: &[String]) -> io::Result<String> {
    if arguments != ["-"] {
        return Ok(arguments.join(" "));
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Every message in words as far as they can be read, and what is wrong with the first that cannot.
fn decode(octets: &[u8], two_octet_as: bool) -> (String, Result<(), String>) {
    let dialect = Dialect { four_octet_as: !two_octet_as, receive_extended: true, ..Dialect::default() };
    let mut decoder = Decoder::default();
    decoder.push(octets);
    let (mut words, mut start) = (String::new(), 0);
    loop {
        match decoder.next(&dialect) {
            Ok(Some(message)) => {
                let _ = writeln!(words, "{message}");
                start += usize::from(length(&octets[start..]).unwrap_or_default());
            }
            Ok(None) if decoder.is_empty() => return (words, Ok(())),
            Ok(None) => return (words, Err(cut_short(octets, start))),
            Err(error) => return (words, Err(wrong(octets, start, &error))),
        }
    }
}

/// The Length field of a header.
fn length(message: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*message.get(16)?, *message.get(17)?]))
}

fn cut_short(octets: &[u8], start: usize) -> String {
    let rest = &octets[start..];
    let wanted = if rest.len() < HEADER { HEADER } else { length(rest).unwrap_or_default().into() };
    let what = if rest.len() < HEADER { "its header has" } else { "it has" };
    format!(
        "error: octet {}: the message from octet {start} is cut short: {what} {wanted} octets, here are {}",
        octets.len(),
        rest.len()
    )
}

fn wrong(octets: &[u8], start: usize, error: &DecodeError) -> String {
    let at = start + offset(&octets[start..], error);
    format!(
        "error: octet {at}: {error} (in the message from octet {start})\nA speaker answers with {}",
        Notification::from(error)
    )
}

/// Where in a message the error is (RFC 4271 §4.1, §4.2).
fn offset(message: &[u8], error: &DecodeError) -> usize {
    match error {
        DecodeError::Marker => message.iter().position(|octet| *octet != 0xFF).unwrap_or_default(),
        DecodeError::Length(_) | DecodeError::RefreshLength(_) => 16,
        DecodeError::Type(_) => 18,
        DecodeError::Version(_) => 19,
        DecodeError::PeerAs { .. } => 20,
        DecodeError::HoldTime(_) => 22,
        DecodeError::RouterId => 24,
        DecodeError::OptionalParameter { offset, .. }
        | DecodeError::Open { offset, .. }
        | DecodeError::UpdateLength { offset }
        | DecodeError::Prefix { offset }
        | DecodeError::Attribute { offset, .. } => *offset,
    }
}

/// How to get octets and nothing else.
const ALONE: &str = "`tshark -r FILE -Y bgp -T fields -e tcp.payload` prints those of a capture alone, `xxd -p FILE` those of a file";

/// Whether the text is a dump as of `tshark -x`, `tcpdump -X`, `hexdump -C` and `xxd`, whose lines begin with an offset.
/// The first offset is 0, and what begins with 0 is no message; in a part of a dump, offsets grow with the lines.
fn has_offsets(text: &str) -> bool {
    let offset = |line: &str| {
        let word = line.split_whitespace().next()?.trim_start_matches("0x").trim_end_matches(':');
        let is_offset = (4..=8).contains(&word.len()) && line.trim().len() > word.len();
        u32::from_str_radix(word, 16).ok().filter(|_| is_offset)
    };
    let mut offsets = text.lines().filter(|line| !line.trim().is_empty()).map(offset);
    let first = offsets.next().flatten();
    let mut second = || offsets.next().flatten();
    first == Some(0)
        || first.and_then(|first| first.checked_add(16)).is_some_and(|next| second() == Some(next))
}

/// The octets of a text of hexadecimal digits in pairs; spaces, newlines, colons and `0x` are passed over.
fn octets(text: &str) -> Result<Vec<u8>, String> {
    if has_offsets(text) {
        return Err(format!("error: this is a dump with an offset in each line\n{ALONE}"));
    }
    let mut digits = Vec::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ':' | ',')) {
        let word = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        for c in word.chars() {
            let digit =
                c.to_digit(16).ok_or_else(|| format!("error: {c:?} is not a hexadecimal digit\n{ALONE}"))?;
            digits.push(digit as u8);
        }
    }
    match digits.as_chunks() {
        ([], []) => Err("error: no hexadecimal digits".to_owned()),
        (pairs, []) => Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
        (pairs, _) => Err(format!("error: half an octet is left after {} whole ones", pairs.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: &str = "ffffffffffffffffffffffffffffffff 0013 04";

    fn words(text: &str) -> (String, Result<(), String>) {
        decode(&octets(text).unwrap(), false)
    }

    #[test]
    fn digits_are_taken_as_tools_print_them() {
        for text in ["0xff 00", "FF:00", "f f 0 0", "0xff,\n0x00", "ff\t00\r\n"] {
            assert_eq!(octets(text).unwrap(), [0xFF, 0x00], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_octet_is_told() {
        assert!(octets("ffg0").unwrap_err().contains("'g'"));
        assert!(octets("fff").unwrap_err().contains("half an octet"));
        assert!(octets(" \n").unwrap_err().contains("no hexadecimal"));
    }

    #[test]
    fn dumps_with_offsets_are_refused_with_what_prints_octets_alone() {
        let dumps = [
            "0000  ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff   ................\n0010  00 13 04            ...",
            "00000000  ff ff ff ff ff ff ff ff  ff ff ff ff ff ff ff ff  |................|\n00000010  00 13 04 |...|\n00000013",
            "\t0x0000:  4500 0047 1c46 4000 4006 b1e6 0a01 0004  E..G.F@.@.......\n\t0x0010:  0a33 fffe",
            "00000000: ffff ffff ffff ffff ffff ffff ffff ffff  ................\n00000010: 0013 04",
            "0040  ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff\n0050  00 13 04",
        ];
        for dump in dumps {
            let error = octets(dump).unwrap_err();
            assert!(
                error.contains("offset in each line") && error.contains("tcp.payload"),
                "{dump}: {error}"
            );
        }
        for octets_alone in ["ffff ffff\nffff ffff", "0000", "0010\n0020"] {
            assert!(octets(octets_alone).is_ok(), "{octets_alone}");
        }
    }

    #[test]
    fn several_messages_in_a_row_are_told_one_after_the_other() {
        let (words, result) = words(&KEEPALIVE.repeat(2));
        assert_eq!((words.as_str(), result), ("KEEPALIVE\nKEEPALIVE\n", Ok(())));
    }

    #[test]
    fn an_error_tells_its_octet_and_the_notification_after_what_was_right() {
        let (words, result) = words(&format!("{KEEPALIVE} ffffffffffffffffffffffffffffffff 0013 09"));
        assert_eq!(words, "KEEPALIVE\n");
        let error = result.unwrap_err();
        assert!(error.starts_with("error: octet 37: message type 9 is unknown"), "{error}");
        assert!(error.contains("NOTIFICATION"), "{error}");
    }

    #[test]
    fn a_marker_that_is_wrong_is_pointed_at() {
        let (_, result) = words("ffffffffffffffffffffffff00ffffff 0013 04");
        assert!(result.unwrap_err().starts_with("error: octet 12: "));
    }

    #[test]
    fn a_message_that_is_cut_short_is_told_with_its_lengths() {
        let (_, header) = words("ffff");
        assert!(header.unwrap_err().contains("its header has 19 octets, here are 2"));
        let (_, body) = words("ffffffffffffffffffffffffffffffff 001d 01 04");
        assert!(body.unwrap_err().contains("it has 29 octets, here are 20"));
    }
}
