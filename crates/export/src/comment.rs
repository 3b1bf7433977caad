//! Comments: what is said to people must not be taken for code, whatever names are in it.

/// Where prose is broken.
const WIDTH: usize = 100;

/// A line of a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Prose, broken into lines.
    Prose(String),
    /// A command or the like, as it is.
    Code(String),
}

/// The lines as comments, each behind `mark`.
pub(crate) fn comment(mark: &str, lines: &[Line]) -> String {
    let broken = lines.iter().flat_map(|line| match line {
        Line::Prose(text) => wrap(&plain(text), WIDTH - mark.len() - 1),
        Line::Code(text) => vec![format!("  {}", plain(text))],
    });
    broken.map(|line| format!("{mark} {line}\n")).collect()
}

/// The text with everything that could end a line, or show another text than there is, made visible.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        // Control characters, line and paragraph separators, marks of direction and width, and what is no character.
        let hidden = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
        if c.is_control() || hidden { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prose_is_broken_and_code_is_not() {
        let (long, code) = ("word ".repeat(30), "az ".repeat(40));
        let text = comment("#", &[Line::Prose(long.trim().into()), Line::Code(code.clone())]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.starts_with("# ")));
        assert!(lines[0].len() <= WIDTH && lines[2] == format!("#   {code}"));
    }

    #[test]
    fn a_name_cannot_leave_its_comment() {
        let name = "x\n$(touch pwned)\r\nrm \u{2028}\u{2029}\u{85}\u{202e}\0";
        assert_eq!(
            comment("//", &[Line::Code(name.into())]),
            "//   x\\u{a}$(touch pwned)\\u{d}\\u{a}rm \\u{2028}\\u{2029}\\u{85}\\u{202e}\\u{0}\n"
        );
    }

    proptest! {
        #[test]
        fn every_line_is_a_comment(text in any::<String>()) {
            let lines = comment("#", &[Line::Prose(text.clone()), Line::Code(text)]);
            let ends = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}');
            prop_assert!(lines.split(ends).all(|line| line.is_empty() || line.starts_with("# ")));
        }
    }
}
