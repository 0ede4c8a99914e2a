//! The public schemas of formats that sealift writes, from `tests/fixtures/schemas`.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Registry;
use roxmltree::{Document, Node};
use serde_json::Value;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/schemas")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn json(name: &str) -> Value {
    // SARIF's pattern of languages has a bracket that nothing opens, which only some readers of patterns take.
    let text = text(name).replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    serde_json::from_str(&text).unwrap()
}

/// Fails unless a document fits a public schema; formats such as `date-time` count. What a schema names lies beside it.
pub(crate) fn validate(schema: &str, document: &Value) {
    validate_by(&json(schema), document);
}

/// The same for a schema at hand.
pub(crate) fn validate_by(schema: &Value, document: &Value) {
    let mut registry = Registry::new();
    for (uri, name) in [
        (
            "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json",
            "spdx.SNAPSHOT.schema.json",
        ),
        (
            "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json",
            "jsf-0.82.SNAPSHOT.schema.json",
        ),
    ] {
        registry = registry.add(uri, json(name)).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let validator = jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(schema)
        .unwrap();
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| {
            let text: String = error.to_string().chars().take(300).collect();
            format!("{}: {text}", error.instance_path())
        })
        .take(20)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Fails unless a document fits `junit-10.xsd`, as far as that says which elements and attributes there are, within which others,
/// and which must be there. Order is free in it but for the properties, and values are texts.
pub(crate) fn validate_junit(document: &str) {
    let schema = text("junit-10.xsd");
    let schema = Document::parse(&schema).unwrap();
    let document = Document::parse(document).unwrap();
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        let is_meant = |one: &Node<'_, '_>| {
            one.tag_name().name() == "element"
                && one.attribute("name") == Some(name)
                && one.parent_element().unwrap() == schema.root_element()
        };
        let rule = schema
            .descendants()
            .find(is_meant)
            .unwrap_or_else(|| panic!("no {name}"));
        let named = |kind: &str, key: &str| -> BTreeSet<String> {
            rule.descendants()
                .filter(|one| one.tag_name().name() == kind)
                .filter_map(|one| one.attribute(key).map(str::to_owned))
                .collect()
        };
        let attributes = named("attribute", "name");
        let children = named("element", "ref");
        for attribute in node.attributes() {
            assert!(attributes.contains(attribute.name()), "{name} {}", attribute.name());
        }
        for required in rule
            .descendants()
            .filter(|one| one.attribute("use") == Some("required"))
        {
            assert!(node.has_attribute(required.attribute("name").unwrap()), "{name}");
        }
        for child in node.children().filter(Node::is_element) {
            assert!(children.contains(child.tag_name().name()), "{name} has {child:?}");
        }
        let may_have_text =
            rule.attribute("type").is_some() || rule.descendants().any(|one| one.attribute("mixed") == Some("true"));
        let is_text = |one: Node<'_, '_>| one.text().is_some_and(|text| !text.trim().is_empty());
        assert!(
            may_have_text || !node.children().any(is_text) || !node.children().any(|one| one.is_text() && is_text(one))
        );
    }
}
