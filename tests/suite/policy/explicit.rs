//! The schema of the explicit form against the program: what one takes, the other takes, as far as a schema can tell.

use sealift::crypto::strict_json::{self, JsonError};
use sealift::policy::{Policy, PolicyError, Profile};
use serde_json::{Value, json};

use super::{read, sample};
use crate::json_schema;
use crate::spec::schema;

/// Every rule of every kind, with what is optional and without.
fn samples() -> Vec<Value> {
    let more = "schema: sealift-policy/1\nid: test\nversion: 1\nprofile: strict\nscan: [{engine: clamav, side: export, effective: \"2027-01-01\"}]\n\
                deny: [{match: \"npm/a@<2\", reason: r, effective: \"2027-01-01\"}]\npublishers: [{match: npm/a, keys: [\"SHA256:abc\"], \
                evidence: publisher, until: \"2027-01-01\", effective: \"2026-12-01\"}]\nretention: {report_days: 4000, artifact_days: none}\n";
    [read(sample()), read(more)]
        .map(|policy| json!(policy.unwrap()))
        .to_vec()
}

/// Every place in a document, as the keys that lead there.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    let below = |key: &str| format!("{here}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                places(value, &below(key), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &below(&index.to_string()), found);
            }
        }
        _ => {}
    }
}

#[test]
fn schema_and_program_agree() {
    let schema = schema("policy-explicit");
    for profile in [Profile::Evaluation, Profile::Standard, Profile::Strict] {
        assert_eq!(
            json_schema::faults(&schema, &json!(Policy::of_profile(profile))),
            [""; 0]
        );
    }
    let (mut tried, mut refused) = (0, 0);
    for sample in samples() {
        assert_eq!(json_schema::faults(&schema, &sample), [""; 0]);
        let mut all = Vec::new();
        places(&sample, "", &mut all);
        for place in all {
            let at = sample.pointer(&place).unwrap();
            let mut changes: Vec<Value> = vec![json!(null), json!(-1), json!("\u{7}"), json!([1]), json!({"xyz": 1})];
            if let Value::Object(fields) = at {
                changes.extend(fields.keys().map(|key| {
                    let mut fewer = fields.clone();
                    fewer.remove(key);
                    Value::Object(fewer)
                }));
                let mut more = fields.clone();
                more.insert("xyz".to_owned(), json!(1));
                changes.push(Value::Object(more));
            }
            for change in changes {
                let mut document = sample.clone();
                *document.pointer_mut(&place).unwrap() = change.clone();
                let faults = json_schema::faults(&schema, &document);
                match Policy::read(&strict_json::write(&document)) {
                    Ok(_) => assert_eq!(faults, [""; 0], "{place} {change}: the program takes it"),
                    Err(PolicyError::Json(JsonError::Schema(_))) => {
                        assert!(!faults.is_empty(), "{place} {change}: the schema takes it");
                    }
                    // A list in another order, fields that contradict each other, what patterns and licences mean.
                    Err(_) => {}
                }
                tried += 1;
                refused += usize::from(!faults.is_empty());
            }
        }
    }
    assert!(tried > 1000 && refused > tried / 2, "{tried} {refused}");
}

/// Both schemas of a policy know the same fields and the same words.
#[test]
fn the_two_forms_have_the_same_fields() {
    fn fields(schema: &Value, here: &str, found: &mut Vec<String>) {
        match schema {
            Value::Object(parts) => {
                for (key, part) in parts {
                    if key == "properties" {
                        found.extend(part.as_object().unwrap().keys().map(|name| format!("{here}.{name}")));
                    }
                    if key == "enum" {
                        found.push(format!("{here}={part}"));
                    }
                    // Where something may be left out, or be one thing or a list, the forms differ.
                    if key != "oneOf" {
                        fields(part, &format!("{here}.{key}"), found);
                    }
                }
            }
            Value::Array(parts) => parts.iter().for_each(|part| fields(part, here, found)),
            _ => {}
        }
    }
    let listed = |name| {
        let mut found = Vec::new();
        fields(&schema(name), "", &mut found);
        found
    };
    assert_eq!(listed("policy"), listed("policy-explicit"));
}
