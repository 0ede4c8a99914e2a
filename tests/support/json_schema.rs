//! As much of JSON Schema (2020-12) as the schemas of the format use. An unknown keyword panics: it would be a rule that no test
//! looks at.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value};

thread_local! {
    /// Making one takes longer than all that it is asked.
    static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// Says why a value does not fit a schema; nothing where it does. Only whole numbers are known.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut check = Check {
        root: schema,
        faults: Vec::new(),
    };
    check.value(schema, value, "$");
    check.faults
}

struct Check<'a> {
    root: &'a Value,
    faults: Vec<String>,
}

impl<'a> Check<'a> {
    fn value(&mut self, schema: &'a Value, value: &Value, place: &str) {
        let Some(rules) = schema.as_object() else {
            self.demand(schema == &Value::Bool(true), place, "is not allowed");
            return;
        };
        for (rule, bound) in rules {
            match rule.as_str() {
                "$schema" | "$id" | "title" | "description" | "default" | "examples" | "$defs" => {}
                "$ref" => {
                    let definition = bound.as_str().unwrap().strip_prefix('#').unwrap();
                    let schema = self.root.pointer(definition).expect("a reference leads somewhere");
                    self.value(schema, value, place);
                }
                "type" => self.kind(bound, value, place),
                "enum" => self.demand(bound.as_array().unwrap().contains(value), place, "is none of the words"),
                "const" => self.demand(bound == value, place, "is not the constant"),
                "anyOf" | "oneOf" => {
                    let fit = bound
                        .as_array()
                        .unwrap()
                        .iter()
                        .filter(|one| self.fits(one, value))
                        .count();
                    let good = if rule == "anyOf" { fit > 0 } else { fit == 1 };
                    self.demand(good, place, "fits none of the forms");
                }
                _ => match value {
                    Value::Object(fields) => self.object(rule, bound, rules, fields, place),
                    Value::Array(items) => self.array(rule, bound, items, place),
                    Value::String(text) => self.text(rule, bound, text, place),
                    Value::Number(number) => self.number(rule, bound, number.as_i64().unwrap(), place),
                    _ => {}
                },
            }
        }
    }

    fn fits(&self, schema: &'a Value, value: &Value) -> bool {
        let mut check = Check {
            root: self.root,
            faults: Vec::new(),
        };
        check.value(schema, value, "$");
        check.faults.is_empty()
    }

    fn kind(&mut self, bound: &Value, value: &Value, place: &str) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let good = bound == found
            || bound
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == found));
        self.demand(good, place, "is of another type");
    }

    fn object(
        &mut self,
        rule: &str,
        bound: &'a Value,
        rules: &'a Map<String, Value>,
        fields: &Map<String, Value>,
        place: &str,
    ) {
        match rule {
            "required" => {
                for name in bound.as_array().unwrap() {
                    self.demand(
                        fields.contains_key(name.as_str().unwrap()),
                        place,
                        &format!("lacks {name}"),
                    );
                }
            }
            "properties" => {
                for (name, schema) in bound.as_object().unwrap() {
                    if let Some(value) = fields.get(name) {
                        self.value(schema, value, &format!("{place}.{name}"));
                    }
                }
            }
            "additionalProperties" => {
                let known = rules.get("properties").and_then(Value::as_object);
                for (name, value) in fields {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        self.value(bound, value, &format!("{place}.{name}"));
                    }
                }
            }
            "propertyNames" => {
                for name in fields.keys() {
                    self.value(bound, &Value::String(name.clone()), &format!("{place}.{name}"));
                }
            }
            "minProperties" => self.demand(fields.len() >= size(bound), place, "has too few fields"),
            "maxProperties" => self.demand(fields.len() <= size(bound), place, "has too many fields"),
            other => skip(other),
        }
    }

    fn array(&mut self, rule: &str, bound: &'a Value, items: &[Value], place: &str) {
        match rule {
            "items" => {
                for (index, item) in items.iter().enumerate() {
                    self.value(bound, item, &format!("{place}[{index}]"));
                }
            }
            "minItems" => self.demand(items.len() >= size(bound), place, "has too few entries"),
            "maxItems" => self.demand(items.len() <= size(bound), place, "has too many entries"),
            "uniqueItems" => {
                let again = |index: usize| items[..index].contains(&items[index]);
                self.demand(!(0..items.len()).any(again), place, "says something twice");
            }
            other => skip(other),
        }
    }

    fn text(&mut self, rule: &str, bound: &Value, text: &str, place: &str) {
        match rule {
            "pattern" => {
                let fits = PATTERNS.with_borrow_mut(|known| {
                    let pattern = bound.as_str().unwrap();
                    let made = known
                        .entry(pattern.to_owned())
                        .or_insert_with(|| Regex::new(pattern).unwrap());
                    made.is_match(text)
                });
                self.demand(fits, place, "does not fit the pattern");
            }
            "minLength" => self.demand(text.chars().count() >= size(bound), place, "is too short"),
            "maxLength" => self.demand(text.chars().count() <= size(bound), place, "is too long"),
            other => skip(other),
        }
    }

    fn number(&mut self, rule: &str, bound: &Value, number: i64, place: &str) {
        match rule {
            "minimum" => self.demand(number >= bound.as_i64().unwrap(), place, "is too small"),
            "maximum" => self.demand(number <= bound.as_i64().unwrap(), place, "is too large"),
            other => skip(other),
        }
    }

    fn demand(&mut self, holds: bool, place: &str, fault: &str) {
        if !holds {
            self.faults.push(format!("{place} {fault}"));
        }
    }
}

fn size(bound: &Value) -> usize {
    usize::try_from(bound.as_u64().unwrap()).unwrap()
}

/// A rule about values of another type says nothing here; one that is unknown would be a rule that nobody looks at.
fn skip(rule: &str) {
    const KNOWN: &[&str] = &[
        "required",
        "properties",
        "additionalProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
    ];
    assert!(KNOWN.contains(&rule), "the schema uses {rule}, which is not known here");
}
