//! What is wrong with a file, where, and what to do about it.
//!
//! A diagnostic knows octets only; the text that they index comes in when it is shown:
//!
//! ```text
//! error: unknown key `remot-as`
//!   --> edge.toml:12:1
//!    |
//! 12 | remot-as = 65515
//!    | ^^^^^^^^ not a key of this table
//!    |
//!    = help: did you mean `remote-as`?
//! ```

use super::secret;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use quadzero_azure::rules::Breach;
use serde::Serialize;
use std::ops::Range;

/// Octets of the file, first to one past the last.
pub type Span = Range<usize>;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and may not do what its author thinks.
    Warning,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands under the caret.
    pub label: String,
    /// Another place that has to do with it, and why.
    pub related: Option<(Span, String)>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The rule of Azure's that it is about.
    pub breach: Option<Breach>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span, message.into())
    }

    /// A warning at a place.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span, message.into())
    }

    fn new(severity: Severity, span: Span, message: String) -> Self {
        Self { severity, message, span, label: String::new(), related: None, hint: None, breach: None }
    }

    /// What stands under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that has to do with it.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A file's text and what it is called.
#[derive(Clone)]
pub struct Source {
    /// The path as the user wrote it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Line and column of an octet, both from 1; columns count characters.
    pub fn position(&self, octet: usize) -> (usize, usize) {
        let before = self.text.get(..octet).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Every diagnostic with its lines, carets and hint; `styled` for terminals.
    pub fn render(&self, diagnostics: &[Diagnostic], styled: bool) -> String {
        let shown = secret::masked(&self.text);
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let render = |d| renderer.render(&[self.group(d, &shown)]) + "\n\n";
        diagnostics.iter().map(render).collect()
    }

    fn group<'a>(&'a self, diagnostic: &'a Diagnostic, shown: &'a str) -> annotate_snippets::Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut snippet = Snippet::source(shown)
            .path(&self.path)
            .annotation(AnnotationKind::Primary.span(diagnostic.span.clone()).label(&diagnostic.label));
        if let Some((span, label)) = &diagnostic.related {
            snippet = snippet.annotation(AnnotationKind::Context.span(span.clone()).label(label));
        }
        let group = level.primary_title(&diagnostic.message).element(snippet);
        match &diagnostic.hint {
            Some(hint) => group.element(Level::HELP.message(hint)),
            None => group,
        }
    }

    /// Every diagnostic as a value that programs read; no text of the file is in it.
    pub fn positions(&self, diagnostics: &[Diagnostic]) -> Vec<Position> {
        let position = |d: &Diagnostic| {
            let (line, column) = self.position(d.span.start);
            let Diagnostic { severity, message, hint, .. } = d.clone();
            Position { severity, file: self.path.clone(), line, column, message, hint }
        };
        diagnostics.iter().map(position).collect()
    }
}

/// A diagnostic with line and column, as `check --format json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// How bad it is.
    pub severity: Severity,
    /// The path as the user wrote it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}
