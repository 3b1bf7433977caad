//! Any text, through the checkers of all three kinds of files.

use quadzero::config::{Diagnostic, Loaded, Severity, Source};

/// Whatever a file says, it is accepted or refused, each diagnostic lies in it and can be shown, and a second look sees the same.
pub fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // A name of a file that is there would be another input.
    if text.contains("password-file") {
        return;
    }
    check(text, Source::edge);
    check(text, Source::gateway);
    check(text, Source::scenario);
    check(text, Source::any);
}

fn check<T>(text: &str, load: fn(Source) -> Loaded<T>) {
    let source = || Source { path: "/nowhere/file.toml".into(), text: text.into() };
    let [first, second] = [(); 2].map(|()| load(source()));
    assert_eq!(first.diagnostics, second.diagnostics);
    assert_eq!(first.value.is_some(), second.value.is_some());
    assert_eq!(first.value.is_some(), first.count(Severity::Error) == 0, "{}", first.render(false));
    for Diagnostic { span, related, message, .. } in &first.diagnostics {
        assert!(text.get(span.clone()).is_some(), "{message}: {span:?}");
        assert!(related.as_ref().is_none_or(|(span, _)| text.get(span.clone()).is_some()), "{message}");
        assert!(!message.is_empty());
    }
    let told = first.render(false);
    assert_eq!(told.is_empty(), first.diagnostics.is_empty());
    for position in first.source.positions(&first.diagnostics) {
        assert!(position.line >= 1 && position.column >= 1);
        assert!(position.line <= text.matches('\n').count() + 1);
    }
}
