//! Keeps keys out of what is shown. An error shows the line that it is about, and the line may hold a password.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text with every secret's octets turned into `*`, so that all spans still fit.
pub(super) fn masked(text: &str) -> String {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    collect(document.get_ref(), &mut spans);
    if !errors.is_empty() {
        spans.extend(lines_with_secrets(text));
    }
    let mut octets = text.as_bytes().to_vec();
    for span in spans {
        octets[span].iter_mut().filter(|octet| **octet != b'\n').for_each(|octet| *octet = b'*');
    }
    String::from_utf8(octets).expect("whole characters were replaced by ASCII")
}

fn collect(table: &DeTable<'_>, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let found = if is_secret(key.get_ref()) { everything } else { descend };
        found(value, spans);
    }
}

fn descend(value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, spans),
        DeValue::Array(array) => array.iter().for_each(|element| descend(element, spans)),
        _ => {}
    }
}

/// Keys too: in `password."hunter2" = 1` the secret is one. (The span of a table is that of its header.)
fn everything(value: &Spanned<DeValue<'_>>, spans: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(key, value)| {
            spans.push(key.span());
            everything(value, spans);
        }),
        DeValue::Array(array) => array.iter().for_each(|element| everything(element, spans)),
        _ => spans.push(value.span()),
    }
}

/// In a file that is not TOML a value's end is unknown, and so is where it begins: everything behind such a key is a
/// secret, but for what separates the two.
fn lines_with_secrets(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let end = start + line.len();
        let behind = words(line).find(|word| is_secret(word)).map(|word| behind(line, word));
        start = end;
        Some(end - behind?.len()..end)
    })
}

/// What may be keys, quoted ones too.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).filter(|word| !word.is_empty())
}

/// What follows the first such word of the line, its quote and the sign.
fn behind<'a>(line: &'a str, word: &str) -> &'a str {
    let (_, rest) = line.split_once(word).unwrap_or_default();
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
    rest.strip_prefix(['=', ':', '.']).unwrap_or(rest)
}

/// Whether a value under this key, or what may be a misspelling of such a key, must not be shown.
fn is_secret(key: &str) -> bool {
    const PARTS: [&str; 6] = ["pass", "secret", "md5", "key", "psk", "token"];
    let key = key.to_ascii_lowercase();
    !key.ends_with("-file")
        && key != "passive"
        && (PARTS.iter().any(|part| key.contains(part)) || strsim::damerau_levenshtein(&key, "password") <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_and_everything_else_stays() {
        let text = "password = \"hunter2\" # why\npassword-file = \"key\"\nport = 179\n";
        assert_eq!(masked(text), "password = ********* # why\npassword-file = \"key\"\nport = 179\n");
    }

    #[test]
    fn misspelled_and_nested_passwords_are_masked() {
        for text in [
            "pasword = 'hunter2'",
            "Passwrod = 'hunter2'",
            "md5-key = 'hunter2'",
            "a = [{ password = 'hunter2' }]",
            "password.'hunter2' = 1",
            "password.a.'hunter2'.b = 1",
            "password = [{ 'hunter2' = ['hunter2'] }]",
            "[password.'hunter2']",
            "[[password.'hunter2']]",
            "key='hunter2'",
            "auth-key = 'hunter2'",
            "PSK = 'hunter2'",
            "api_token = 'hunter2'",
        ] {
            assert!(!masked(text).contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_file_that_is_not_toml_is_masked() {
        for text in
            ["password = hunter2", "x = [\npassword = \"hunter2", "\"password\" = hünter2 hunter2\nx = \n"]
        {
            assert!(!masked(text).contains("nter2"), "{text}");
            assert_eq!(masked(text).len(), text.len());
        }
    }

    #[test]
    fn a_secret_is_masked_whatever_separates_it_from_its_key() {
        for line in [
            "password \"hunter2\"",
            "password: hunter2",
            "password.\"hunter2\" 1",
            "'password' 'hunter2'",
            "name = \"a\", auth-key=\"hunter2\"",
            "neighbor 192.0.2.2 password 7 hunter2",
            "hunter1 md5 hunter2 password",
        ] {
            let shown = masked(&format!("x = \n{line}\nport 179\n"));
            assert!(!shown.contains("hunter2") && shown.ends_with("*\nport 179\n"), "{shown}");
        }
        assert_eq!(masked("password: hunter2\n"), "password:********\n");
    }

    #[test]
    fn what_is_no_secret_stays_in_a_file_that_is_not_toml() {
        for line in ["mode = \"passive\" 1", "keepalive 60", "password-file = tunnel/a", "address 10.1.0.4"] {
            let text = format!("x = \n{line}\n");
            assert_eq!(masked(&text), text);
        }
    }

    #[test]
    fn a_password_of_several_lines_keeps_its_lines() {
        assert_eq!(masked("password = \"\"\"\nab\ncd\"\"\"\n"), "password = ***\n**\n*****\n");
    }
}
