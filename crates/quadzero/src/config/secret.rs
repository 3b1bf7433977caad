//! Keeps keys out of what is shown. An error shows the line that it is about, and the line may hold a password.

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

fn collect(table: &DeTable<'_>, spans: &mut Vec<std::ops::Range<usize>>) {
    for (key, value) in table {
        if is_secret(key.get_ref()) {
            spans.push(value.span());
        } else {
            descend(value, spans);
        }
    }
}

fn descend(value: &Spanned<DeValue<'_>>, spans: &mut Vec<std::ops::Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, spans),
        DeValue::Array(array) => array.iter().for_each(|element| descend(element, spans)),
        _ => {}
    }
}

/// In a file that is not TOML a value's end is unknown: everything behind such a key's `=` is a secret.
fn lines_with_secrets(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let line_start = start;
        start += line.len();
        let (before, _) = line.match_indices('=').find(|(at, _)| is_secret(last_word(&line[..*at])))?;
        Some(line_start + before + 1..line_start + line.len())
    })
}

fn last_word(text: &str) -> &str {
    let is_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.trim_end_matches(|c| !is_key(c)).rsplit(|c| !is_key(c)).next().unwrap_or_default()
}

/// Whether a value under this key, or what may be a misspelling of such a key, must not be shown.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !key.ends_with("-file")
        && (["pass", "secret", "md5"].iter().any(|word| key.contains(word))
            || strsim::damerau_levenshtein(&key, "password") <= 3)
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
    fn a_password_of_several_lines_keeps_its_lines() {
        assert_eq!(masked("password = \"\"\"\nab\ncd\"\"\"\n"), "password = ***\n**\n*****\n");
    }
}
