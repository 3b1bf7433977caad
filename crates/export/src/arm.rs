//! Templates of Azure Resource Manager, in JSON. It has no comments; what there is to say stands in the metadata.

use crate::bicep::name;
use crate::comment::{Line, plain};
use crate::model::Plan;
use crate::resource::{API_VERSION, Part, Resource, Template, Tree};
use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

/// The whole template.
pub(crate) fn render(plan: &Plan) -> String {
    let template = Template::new(plan, "A template");
    let mut comments = remarks(&template);
    comments.insert(1.min(comments.len()), crate::az::deploy(plan, "FILE.json"));
    let made = template.resources().filter(|resource| !resource.existing);
    let document = json!({
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": { "comments": comments },
        "parameters": parameters(plan, &template),
        "resources": made.map(resource).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn remarks(template: &Template) -> Vec<String> {
    let lines = template.parts.iter().flat_map(|part| match part {
        Part::Remark(lines) => lines.as_slice(),
        Part::Resource(_) => &[],
    });
    lines
        .map(|line| match line {
            Line::Prose(text) | Line::Code(text) => plain(text),
        })
        .collect()
}

fn parameters(plan: &Plan, template: &Template) -> Value {
    let mut parameters = Map::new();
    if template.resources().any(|resource| resource.located) {
        let location = plan
            .location
            .as_ref()
            .map_or_else(|| "[resourceGroup().location]".to_owned(), |l| text(l.as_ref()));
        parameters.insert("location".to_owned(), json!({ "type": "string", "defaultValue": location }));
    }
    for secret in plan.secrets() {
        let parameter = json!({ "type": "securestring", "metadata": { "description": secret.words() } });
        parameters.insert(name(secret).to_owned(), parameter);
    }
    parameters.into()
}

fn resource(resource: &Resource) -> Value {
    let mut value = json!({
        "type": resource.full_type(),
        "apiVersion": API_VERSION,
        "name": text(&resource.path().join("/")),
        "properties": object(&resource.properties),
    });
    if resource.located {
        value["location"] = "[parameters('location')]".into();
    }
    let mut depends = Vec::new();
    resource.properties.iter().for_each(|(_, tree)| needs(tree, &mut depends));
    if !depends.is_empty() {
        value["dependsOn"] = depends.into();
    }
    value
}

/// The ids of resources of this template that a property refers to: they are made first.
fn needs(tree: &Tree, out: &mut Vec<String>) {
    match tree {
        Tree::Id(resource) if !resource.existing => out.push(id(resource)),
        Tree::List(values) => values.iter().for_each(|value| needs(value, out)),
        Tree::Object(entries) => entries.iter().for_each(|(_, value)| needs(value, out)),
        Tree::Id(_) | Tree::Text(_) | Tree::Number(_) | Tree::True | Tree::Secret(_) => {}
    }
}

fn value(tree: &Tree) -> Value {
    match tree {
        Tree::Text(value) => text(value).into(),
        Tree::Number(number) => (*number).into(),
        Tree::True => true.into(),
        Tree::List(values) => values.iter().map(value).collect(),
        Tree::Object(entries) => object(entries),
        Tree::Id(resource) => id(resource).into(),
        Tree::Secret(secret) => format!("[parameters({})]", quoted(name(*secret))).into(),
    }
}

fn object(entries: &[(&str, Tree)]) -> Value {
    entries.iter().map(|(key, tree)| ((*key).to_owned(), value(tree))).collect::<Map<_, _>>().into()
}

fn id(resource: &Resource) -> String {
    let path: Vec<String> = resource.path().into_iter().map(quoted).collect();
    format!("[resourceId({}, {})]", quoted(&resource.full_type()), path.join(", "))
}

/// A string inside of an expression.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A string that is no expression, whatever is in it: those begin with one bracket.
fn text(value: &str) -> String {
    if value.starts_with('[') { format!("[{value}") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_an_expression() {
        assert_eq!(text("[resourceGroup().id]"), "[[resourceGroup().id]");
        assert_eq!(text("edge-1"), "edge-1");
        assert_eq!(quoted("it's"), "'it''s'");
    }
}
