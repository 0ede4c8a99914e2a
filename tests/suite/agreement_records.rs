//! Two readers that share no code give the same verdict about records: documents that have everything that their schema knows, with each of its
//! values left out, put in another form or added to.

use std::fs;

use regex::Regex;
use sealift::crypto::strict_json;
use sealift::model::Digest;
use sealift::trust::Kind;
use serde_json::{Map, Value, json};

use crate::agreement::Cases;
use crate::people::{self, STATION};
use crate::vectors::Case;

/// Texts of every form that the schemas ask for.
const TEXTS: [&str; 7] = [
    "a",
    "2026-11-20T12:00:00Z",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "pkg:generic/a@1",
    "2026-11-20",
    "reports/a",
    "ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732c304cc5fa9ad8e6f57f50028a8ff",
];

fn schema(name: &str) -> Value {
    let path = format!("{}/bundle-spec/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A value that fits a schema and has every field that it knows.
fn whole(all: &Value, rules: &Value) -> Value {
    if let Some(place) = rules["$ref"].as_str() {
        let mut there = all.pointer(place.trim_start_matches('#')).unwrap().clone();
        if rules["propertyNames"].is_object() {
            there["propertyNames"] = rules["propertyNames"].clone();
        }
        return whole(all, &there);
    }
    if let Some(word) = rules.get("const") {
        return word.clone();
    }
    if let Some(words) = rules["enum"].as_array() {
        return words.iter().find(|word| !word.is_null()).unwrap().clone();
    }
    for forms in ["anyOf", "oneOf"] {
        if let Some(forms) = rules[forms].as_array() {
            return whole(all, forms.iter().find(|form| form["type"] != "null").unwrap());
        }
    }
    let kinds = rules["type"]
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![rules["type"].clone()]);
    match kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str) {
        Some("array") if rules["maxItems"] == 0 => json!([]),
        Some("array") => {
            let count = usize::try_from(rules["minItems"].as_u64().unwrap_or(1)).unwrap();
            json!(vec![whole(all, &rules["items"]); count.max(1)])
        }
        Some("integer") => rules.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(true),
        Some("string") => {
            let pattern = Regex::new(rules["pattern"].as_str().unwrap_or("")).unwrap();
            let least = usize::try_from(rules["minLength"].as_u64().unwrap_or(0)).unwrap();
            let fits = |text: &&&str| text.len() >= least && pattern.is_match(text);
            json!(TEXTS.iter().find(fits).unwrap_or_else(|| panic!("no text for {rules}")))
        }
        Some("object") => {
            let mut fields = Map::new();
            if rules["minProperties"] == 1 && rules["additionalProperties"].is_null() {
                fields.insert("a".to_owned(), json!(1));
            }
            for (name, rules) in rules["properties"].as_object().into_iter().flatten() {
                fields.insert(name.clone(), whole(all, rules));
            }
            if rules["additionalProperties"].is_object() {
                let name = match &rules["propertyNames"] {
                    Value::Null => json!("a"),
                    names => whole(all, names),
                };
                let name = name.as_str().unwrap().to_owned();
                fields.insert(name, whole(all, &rules["additionalProperties"]));
            }
            Value::Object(fields)
        }
        _ => json!({}),
    }
}

/// Every value within one, with the way to it.
fn places(value: &Value, way: &str, found: &mut Vec<String>) {
    found.push(way.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            places(
                value,
                &format!("{way}/{}", name.replace('~', "~0").replace('/', "~1")),
                found,
            );
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| places(value, &format!("{way}/{index}"), found)),
        _ => {}
    }
}

/// The documents that differ from one by one thing.
fn changed(document: &Value) -> Vec<(String, Value)> {
    let (mut ways, mut all) = (Vec::new(), vec![("nothing".to_owned(), document.clone())]);
    places(document, "", &mut ways);
    // Custody records within a report are copies: they are judged where they lie.
    ways.retain(|way| !way.starts_with("/custody/records/0/record/"));
    for way in ways {
        let mut put = |what: &str, value: Value| {
            let mut changed = document.clone();
            *changed.pointer_mut(&way).unwrap() = value;
            all.push((format!("{way} {what}"), changed));
        };
        let here = document.pointer(&way).unwrap();
        put("is null", Value::Null);
        match here {
            Value::String(_) => {
                put("is a number", json!(7));
                put("is empty", json!(""));
                put("is another word", json!("zzz"));
                put("is a day that no calendar has", json!("2026-02-30T12:00:00Z"));
                put("has a line feed", json!(format!("{}\n", here.as_str().unwrap())));
            }
            Value::Number(_) => {
                put("is a text", json!("7"));
                put("is below zero", json!(-1));
                put("is zero", json!(0));
                put("is large", json!(1_u64 << 40));
            }
            Value::Array(items) => {
                put("is an object", json!({}));
                put("is empty", json!([]));
                put("is twice as long", Value::Array([&items[..], items].concat()));
            }
            Value::Object(fields) => {
                put("is a list", json!([]));
                let mut more = fields.clone();
                more.insert("zzz".to_owned(), json!(1));
                put("has more", Value::Object(more));
                for name in fields.keys() {
                    let mut less = fields.clone();
                    less.remove(name);
                    put(&format!("lacks {name}"), Value::Object(less));
                }
            }
            _ => put("is a text", json!("true")),
        }
    }
    all
}

fn sealed(kind: Kind, document: &Value) -> Vec<u8> {
    people::sealed(kind, &strict_json::write(document), &[STATION]).write()
}

/// Judges every change of a document by both.
fn compare(judge: &str, file: &str, document: &Value, at_least: usize, write: impl Fn(&Value) -> Vec<u8>) {
    let mut cases = Cases::new();
    let changed = changed(document);
    assert!(changed.len() > at_least, "{} changes", changed.len());
    // All of them take minutes in Python, and are asked for after a change of a schema.
    let step = if std::env::var_os("SEALIFT_ALL_CHANGES").is_some() {
        1
    } else {
        changed.len().div_ceil(200)
    };
    for (why, document) in changed.into_iter().step_by(step) {
        let case = Case {
            why,
            judge: Some(judge.to_owned()),
            manifest: (judge == "custody").then(|| Digest::of(b"test").to_string()),
            volumes: (judge == "custody").then_some(2),
            ..Case::default()
        };
        cases.record(case, &[(file, write(&document))]);
    }
    let first = cases.verdicts.first().map(String::as_str);
    assert_eq!(first, Some("accepted"), "the document itself");
    cases.compare();
}

fn report(head: &Value, record: &Value) -> Vec<u8> {
    let line = [strict_json::write(record), b"\n".to_vec()].concat();
    let mut head = head.clone();
    if head["records"].is_object() && head["records"]["count"] == 0 {
        head["records"] = json!({ "bytes": line.len(), "count": 1, "digest": Digest::of(&line).to_string() });
    }
    [sealed(Kind::Report, &head), b"\n".to_vec(), line].concat()
}

fn report_parts() -> (Value, Value) {
    let all = schema("report");
    let mut head = whole(&all, &all["$defs"]["head"]);
    // What it proves of a log is for the vectors.
    head["log"] = Value::Null;
    (head, whole(&all, &all["$defs"]["artifact"]))
}

#[test]
fn about_heads_of_reports() {
    let (head, record) = report_parts();
    compare("report", "report.ndjson", &head, 1000, |head| report(head, &record));
}

#[test]
fn about_records_of_reports() {
    let (head, record) = report_parts();
    compare("report", "report.ndjson", &record, 200, |record| report(&head, record));
}

#[test]
fn about_receipts() {
    let all = schema("receipt");
    let mut head = whole(&all, &all);
    head["enclave"] = people::id(STATION).to_string().into();
    head["objects"] = json!({ "count": 0, "digest": Digest::of(b"").to_string() });
    compare("receipt", "receipt.ndjson", &head, 60, |head| {
        [sealed(Kind::Receipt, head), b"\n".to_vec()].concat()
    });
}

#[test]
fn about_custody_records() {
    let all = schema("custody");
    let mut record = whole(&all, &all);
    for (name, value) in [
        ("event", json!("scanned")),
        ("manifest", json!(Digest::of(b"test").to_string())),
        ("previous", json!([])),
        ("sanitisation", Value::Null),
    ] {
        record[name] = value;
    }
    record.as_object_mut().unwrap().remove("sanitisation");
    record["scans"][0]["found"] = 1.into();
    compare("custody", "main-1.custody-1.dsse.json", &record, 150, |record| {
        sealed(Kind::Custody, record)
    });
}
