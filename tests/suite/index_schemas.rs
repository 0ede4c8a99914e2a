//! The schemas of the two indexes, a capsule's and that of what is kept, against the program.

use sealift::bundle::container::MAX_MEMBER_BYTES;
use sealift::capsule::{self, Index, LeftOut, MAX_PARTS};
use sealift::import::basis;
use sealift::import::kept::{self, Beyond, KeptIndex, MAX_KEPT_BYTES, MAX_KEPT_OBJECTS};
use sealift::import::packed::object_name;
use sealift::model::{Digest, Part};
use serde_json::{Value, json};

use crate::json_schema::faults;
use crate::spec::{same_fields, schema};

fn part(name: &str, bytes: u64) -> Part {
    Part {
        bytes,
        digest: Digest::of(b"x"),
        name: name.to_owned(),
    }
}

fn fits(schema: &Value, line: &impl serde::Serialize) -> bool {
    faults(schema, &serde_json::to_value(line).unwrap()).is_empty()
}

#[test]
fn what_is_kept_has_an_index_as_its_schema_says() {
    let schema = schema("kept-index");
    let header = KeptIndex {
        format: kept::FORMAT,
        left_out: Beyond::default(),
        parts: MAX_KEPT_OBJECTS,
    };
    let object = object_name(&Digest::of(b"x"));
    let (head, line) = (&schema["$defs"]["header"], &schema["$defs"]["part"]);
    same_fields(head, &header, &header);
    same_fields(&head["properties"]["left_out"], &Beyond::default(), &Beyond::default());
    same_fields(line, &part(&object, 0), &part(&object, 0));
    assert!(fits(&schema, &header));
    for wrong in [
        KeptIndex {
            format: kept::FORMAT + 1,
            ..header
        },
        KeptIndex {
            parts: MAX_KEPT_OBJECTS + 1,
            ..header
        },
    ] {
        assert!(!fits(&schema, &wrong), "{wrong:?}");
    }
    assert!(fits(&schema, &part(&object, MAX_KEPT_BYTES)));
    assert!(!fits(&schema, &part(&object, MAX_KEPT_BYTES + 1)));
    for wrong in ["report.ndjson", "index.ndjson", &object[1..], &object.to_uppercase()] {
        assert!(!fits(&schema, &part(wrong, 1)), "{wrong}");
    }
}

#[test]
fn a_capsule_has_an_index_as_its_schema_says() {
    let schema = schema("capsule-index");
    let header = Index {
        format: capsule::FORMAT,
        generator: "test".to_owned(),
        left_out: LeftOut::default(),
        parts: MAX_PARTS,
        report: Digest::of(b"x"),
    };
    let (head, line) = (&schema["$defs"]["header"], &schema["$defs"]["part"]);
    same_fields(head, &header, &header);
    same_fields(
        &head["properties"]["left_out"],
        &LeftOut::default(),
        &LeftOut::default(),
    );
    same_fields(line, &part("report.ndjson", 0), &part("report.ndjson", 0));
    assert!(fits(&schema, &header));
    let mut wrong = serde_json::to_value(&header).unwrap();
    for (field, value) in [("format", capsule::FORMAT + 1), ("parts", MAX_PARTS + 1)] {
        let right = wrong[field].take();
        wrong[field] = json!(value);
        assert!(!fits(&schema, &wrong), "{wrong}");
        wrong[field] = right;
    }
    assert!(fits(&schema, &part("report.ndjson", MAX_MEMBER_BYTES)));
    assert!(!fits(&schema, &part("report.ndjson", MAX_MEMBER_BYTES + 1)));
    // Every part of a basis, and no other.
    for name in basis::PARTS {
        assert!(fits(&schema, &part(&format!("basis/{name}"), 1)), "{name}");
    }
    let object = object_name(&Digest::of(b"x"));
    for right in [
        object.as_str(),
        "trust/roots/12.dsse.json",
        "trust/policies/1.dsse.json",
    ] {
        assert!(fits(&schema, &part(right, 1)), "{right}");
    }
    for wrong in [
        "basis/other.ndjson",
        "basis/orders.json",
        "index.ndjson",
        "trust/roots/01.dsse.json",
        "trust/keys/1.dsse.json",
        "/report.ndjson",
        &object.to_uppercase(),
    ] {
        assert!(!fits(&schema, &part(wrong, 1)), "{wrong}");
    }
}
