//! A policy value by value, and two of them compared.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Policy;

/// A value in which two policies differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its place, such as `ecosystems.npm.evidence`.
    pub rule: String,
    /// What the first says; `None`: nothing.
    pub before: Option<String>,
    /// What the second says.
    pub after: Option<String>,
}

/// Every value with its place, such as `ecosystems.npm.evidence`, in the places' order.
pub fn values(policy: &Policy) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    if let Ok(Value::Object(fields)) = serde_json::to_value(policy) {
        for (name, value) in fields {
            flatten(&name, &value, &mut values);
        }
    }
    values
}

/// The values in which two policies differ, in the places' order.
pub fn differences(before: &Policy, after: &Policy) -> Vec<Difference> {
    let (before, after) = (values(before), values(after));
    let mut places: Vec<&String> = before.keys().chain(after.keys()).collect();
    places.sort_unstable();
    places.dedup();
    places
        .into_iter()
        .filter(|place| before.get(*place) != after.get(*place))
        .map(|place| Difference {
            rule: place.clone(),
            before: before.get(place).cloned(),
            after: after.get(place).cloned(),
        })
        .collect()
}

/// The document is as deep as its types, so this ends.
fn flatten(place: &str, value: &Value, values: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{place}.{name}"), value, values);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) && !place.contains('[') => {
            for item in items {
                flatten(&format!("{place}[{}]", title(item)), item, values);
            }
        }
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(word).collect();
            values.insert(place.to_owned(), format!("[{}]", words.join(", ")));
        }
        other => {
            values.insert(place.to_owned(), word(other));
        }
    }
}

/// What an entry of a list is called.
fn title(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    match (text("engine"), text("side")) {
        (Some(engine), Some(side)) => format!("{engine} {side}"),
        _ => ["id", "match", "digest"]
            .into_iter()
            .find_map(text)
            .unwrap_or_default()
            .to_owned(),
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let words: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", word(value)))
                .collect();
            format!("{{{}}}", words.join(", "))
        }
        other => other.to_string(),
    }
}
