//! Bicep.

use crate::comment::comment;
use crate::model::{Plan, Secret};
use crate::resource::{API_VERSION, Part, Resource, Template, Tree};
use std::fmt::Write as _;

/// The whole file.
pub(crate) fn render(plan: &Plan) -> String {
    let template = Template::new(plan, "Bicep");
    let mut parts = template.parts.iter();
    let mut file = parts.next().map(part).unwrap_or_default();
    let _ = writeln!(file, "{}", comment("//", &[deploy(plan)]).trim_end());
    if template.resources().any(|resource| resource.located) {
        let location = plan
            .location
            .as_ref()
            .map_or_else(|| "resourceGroup().location".to_owned(), |l| text(l.as_ref()));
        let _ = writeln!(file, "\nparam location string = {location}");
    }
    for secret in plan.secrets() {
        let (words, name) = (text(secret.words()), name(secret));
        let _ = writeln!(file, "\n@description({words})\n@secure()\nparam {name} string");
    }
    parts.for_each(|next| file += &format!("\n{}", part(next)));
    file
}

fn deploy(plan: &Plan) -> crate::comment::Line {
    crate::comment::Line::Code(crate::az::deploy(plan, "FILE.bicep"))
}

pub(crate) const fn name(secret: Secret) -> &'static str {
    match secret {
        Secret::SharedKey => "sharedKey",
        Secret::Md5Key => "md5Key",
    }
}

fn part(part: &Part) -> String {
    match part {
        Part::Remark(lines) => comment("//", lines),
        Part::Resource(resource) => self::resource(resource),
    }
}

fn resource(resource: &Resource) -> String {
    let Resource { symbol, existing, .. } = resource;
    let existing = if *existing { " existing" } else { "" };
    let mut out = format!("resource {symbol} '{}@{API_VERSION}'{existing} = {{\n", resource.full_type());
    if let Some(parent) = &resource.parent {
        let _ = writeln!(out, "  parent: {}", parent.symbol);
    }
    let _ = writeln!(out, "  name: {}", text(&resource.name));
    if resource.located {
        out += "  location: location\n";
    }
    if !resource.existing {
        let _ = writeln!(out, "  properties: {}", object(&resource.properties, 1));
    }
    out + "}\n"
}

fn value(tree: &Tree, depth: usize) -> String {
    match tree {
        Tree::Text(value) => text(value),
        Tree::Number(number) => number.to_string(),
        Tree::True => "true".to_owned(),
        Tree::List(values) => {
            let each = values
                .iter()
                .map(|value| format!("{}{}\n", indent(depth + 1), self::value(value, depth + 1)));
            format!("[\n{}{}]", each.collect::<String>(), indent(depth))
        }
        Tree::Object(entries) => object(entries, depth),
        Tree::Id(resource) => format!("{}.id", resource.symbol),
        Tree::Secret(secret) => name(*secret).to_owned(),
    }
}

fn object(entries: &[(&str, Tree)], depth: usize) -> String {
    if entries.is_empty() {
        return "{}".to_owned();
    }
    let each =
        entries.iter().map(|(key, tree)| format!("{}{key}: {}\n", indent(depth + 1), value(tree, depth + 1)));
    format!("{{\n{}{}}}", each.collect::<String>(), indent(depth))
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

/// A string without an interpolation in it.
fn text(value: &str) -> String {
    let mut out = "'".to_owned();
    let mut rest = value.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' | '\'' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            '$' if rest.peek() == Some(&'{') => out += "\\$",
            c if c.is_control() => out += &format!("\\u{{{:x}}}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_string_is_interpolated() {
        assert_eq!(text("${resourceGroup().id}"), r"'\${resourceGroup().id}'");
        assert_eq!(text(r"it's \ $5 $${x}"), r"'it\'s \\ $5 $\${x}'");
        assert_eq!(text("a\n\r\t\u{0}"), r"'a\n\r\t\u{0}'");
    }
}
