//! quadzero.toml(5): `config/README.md` as a page. A table of keys becomes a list, each key with what is said of it.

use crate::DATE;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, roman};

const REFERENCE: &str = include_str!("../../../../config/README.md");

/// The whole page.
pub(crate) fn page() -> String {
    let source = concat!("quadzero ", env!("CARGO_PKG_VERSION"));
    let mut page = Page { is_below_heading: true, ..Page::default() };
    page.roff.control("TH", ["quadzero.toml", "5", DATE, source, "quadzero"]);
    page.roff.control("SH", ["NAME"]);
    page.roff.text([roman("quadzero.toml - the files that quadzero reads")]);
    page.roff.control("SH", ["DESCRIPTION"]);
    // Its own title is the page's.
    let body = REFERENCE.split_once('\n').map_or("", |(_, body)| body);
    Parser::new_ext(body, Options::ENABLE_TABLES).for_each(|event| page.event(event));
    page.end()
}

/// What is written so far, and what is being read.
#[derive(Default)]
struct Page {
    roff: Roff,
    line: Vec<Inline>,
    header: Vec<String>,
    cells: Vec<Vec<Inline>>,
    in_code: bool,
    /// A heading stands above, which begins a paragraph by itself.
    is_below_heading: bool,
}

impl Page {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                self.paragraph();
                self.roff.control("nf", []);
                self.in_code = true;
            }
            Event::End(TagEnd::CodeBlock) => {
                self.roff.control("fi", []);
                self.in_code = false;
            }
            Event::Start(Tag::Paragraph) => self.paragraph(),
            Event::End(TagEnd::Paragraph) => self.flush(),
            Event::End(TagEnd::Heading(level)) => self.heading(level),
            Event::End(TagEnd::TableHead) => {
                self.header = self.cells.drain(..).map(|cell| plain(&cell)).collect();
            }
            Event::End(TagEnd::TableCell) => self.cells.push(std::mem::take(&mut self.line)),
            Event::End(TagEnd::TableRow) => self.row(),
            Event::Text(text) if self.in_code => {
                text.lines().for_each(|line| _ = self.roff.text([roman(line)]));
            }
            Event::Text(text) => self.line.push(roman(text.as_ref())),
            Event::Code(code) => self.line.push(bold(code.as_ref())),
            Event::SoftBreak => self.line.push(roman("\n")),
            // Links lead to nowhere from a page; their text stays. There are no other things in the reference.
            _ => {}
        }
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.roff.text(line);
        }
    }

    fn paragraph(&mut self) {
        if !std::mem::take(&mut self.is_below_heading) {
            self.roff.control("PP", []);
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        let title = plain(&std::mem::take(&mut self.line));
        self.is_below_heading = true;
        if level == HeadingLevel::H3 {
            self.roff.control("SS", [title.as_str()]);
        } else {
            self.roff.control("SH", [title.to_uppercase().as_str()]);
        }
    }

    /// The first cell, and below it the others: what is said last in the table is what one looks for.
    fn row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        let Some(first) = cells.next() else { return };
        self.is_below_heading = false;
        self.roff.control("TP", []).text(first);
        let names = self.header.iter().skip(1);
        let mut rest: Vec<(&String, Vec<Inline>)> =
            names.zip(cells).filter(|(_, cell)| !cell.is_empty()).collect();
        let meaning = rest.pop().map_or_else(|| vec![roman("-")], |(_, meaning)| meaning);
        self.roff.text(meaning);
        if !rest.is_empty() {
            self.roff.control("br", []);
        }
        for (name, cell) in rest {
            self.roff.text([vec![roman(format!("{}: ", capital(name)))], cell, vec![roman(".")]].concat());
        }
    }

    fn end(mut self) -> String {
        self.roff.control("SH", ["FILES"]).control("TP", []);
        self.roff.text([bold("/etc/quadzero/edge.toml")]);
        self.roff.text([roman("The edge's file of the service quadzero.service.")]);
        self.roff.control("TP", []).text([bold("/usr/share/quadzero/schema")]);
        self.roff.text([roman("JSON Schemas for editors.")]);
        self.roff.control("SH", ["SEE ALSO"]).text([
            bold("quadzero"),
            roman("(1), "),
            bold("quadzero-check"),
            roman("(1)"),
        ]);
        self.roff.render()
    }
}

fn plain(line: &[Inline]) -> String {
    let text = |inline: &Inline| match inline {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => " ".to_owned(),
    };
    line.iter().map(text).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().to_string() + letters.as_str())
}
