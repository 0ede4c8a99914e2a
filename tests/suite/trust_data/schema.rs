//! The schemas of trust data and revocations against the program.

use std::collections::BTreeSet;

use sealift::crypto::strict_json;
use sealift::model::{Anchor, Code, Digest, IDENTITY_FIELDS, IdentityPattern, Material, SpeaksFor};
use sealift::trust::{Revocations, Revoked, TrustData, TrustError};
use serde_json::{Value, json};

use super::{anchor, note_key, revoking, time};
use crate::json_schema;
use crate::spec::{same_fields, schema};

fn identity() -> IdentityPattern {
    IdentityPattern {
        issuer: "https://issuer.example.com".to_owned(),
        subject: Some("*@example.com".to_owned()),
        fields: [("owner_id".to_owned(), "7".to_owned())].into(),
    }
}

fn materials() -> Vec<Material> {
    let text = || "x".to_owned();
    vec![
        Material::Openpgp(text()),
        Material::SigstoreRoot(text()),
        Material::Identity(identity()),
        Material::NpmKeys(text()),
        Material::NoteKey(text()),
        Material::PublicKey(text()),
        Material::Certificates(text()),
        Material::TimestampCertificates(text()),
        Material::AllowedSigners(text()),
        Material::MinisignKey(text()),
        Material::SignifyKey(text()),
        Material::TufRoot(text()),
    ]
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// Every kind of material and of revocation, every field filled.
fn fullest() -> (TrustData, Revocations) {
    let mut data = TrustData::empty(1, time(0));
    for material in materials() {
        let name = material.type_name();
        data.put(Anchor {
            suites: vec!["stable".to_owned()],
            valid_from: Some(time(0)),
            valid_until: Some(time(1)),
            ..anchor(name, material)
        });
    }
    data.ext.insert("note".to_owned(), json!(1));
    let digest = Digest::of(b"x");
    let mut document = revoking(
        1,
        &[
            Revoked::Key("abcd".to_owned()),
            Revoked::Certificate(digest.to_string()),
            Revoked::Identity(identity()),
            Revoked::Bundle(digest),
            Revoked::Artifact(digest),
        ],
    );
    document.revoked[0].invalid_since = Some(time(0));
    document.ext.insert("note".to_owned(), json!(1));
    (data, document)
}

#[test]
fn the_schemas_have_the_programs_fields() {
    let (data, document) = fullest();
    let (trust_schema, revocations_schema) = (schema("trust-data"), schema("revocations"));
    same_fields(&trust_schema, &data, &TrustData::empty(1, time(0)));
    same_fields(&revocations_schema, &document, &Revocations::empty(1, time(0)));
    let definition = |name: &str| &trust_schema["$defs"][name];
    same_fields(definition("anchor"), &data.anchors[0], &anchor("a", note_key()));
    same_fields(
        &revocations_schema["$defs"]["revocation"],
        &document.revoked[0],
        &document.revoked[1],
    );
    let words = |schema: &Value| names(&schema["properties"]);
    let types: BTreeSet<String> = data
        .anchors
        .iter()
        .flat_map(|anchor| names(&json!(anchor.material)))
        .collect();
    assert_eq!(words(definition("material")), types);
    let revoked: BTreeSet<String> = document
        .revoked
        .iter()
        .flat_map(|one| names(&json!(one.what)))
        .collect();
    assert_eq!(
        words(&revocations_schema["$defs"]["revocation"]["properties"]["what"]),
        revoked
    );
    let fields: BTreeSet<String> = IDENTITY_FIELDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for identity in [definition("identity"), &revocations_schema["$defs"]["identity"]] {
        assert_eq!(
            words(identity),
            ["fields", "issuer", "subject"].map(str::to_owned).into()
        );
        assert_eq!(words(&identity["properties"]["fields"]), fields);
    }
    let speaks_for = [SpeaksFor::Registry, SpeaksFor::Publisher].map(|one| json!(one));
    assert_eq!(
        definition("anchor")["properties"]["speaks_for"]["enum"],
        json!(speaks_for)
    );
}

/// What the program reads fits the schema, and what it refuses for its form does not.
#[test]
fn schema_and_program_agree() {
    let (data, document) = fullest();
    type Change = (&'static str, fn(&mut Value));
    let shared: [Change; 9] = [
        ("version 0", |document| document["version"] = json!(0)),
        ("version text", |document| document["version"] = json!("1")),
        ("version huge", |document| document["version"] = json!(1_u64 << 53)),
        ("no version", |document| {
            drop(document.as_object_mut().unwrap().remove("version"))
        }),
        ("critical", |document| document["critical"] = json!(["x"])),
        ("no critical", |document| {
            drop(document.as_object_mut().unwrap().remove("critical"))
        }),
        ("created", |document| document["created"] = json!("2026-01-01")),
        ("ext", |document| document["ext"] = json!([])),
        ("other field", |document| document["note"] = json!(1)),
    ];
    let anchors: [Change; 21] = [
        ("name", |data| data["anchors"][0]["name"] = json!("A")),
        ("no name", |data| data["anchors"][0]["name"] = json!("")),
        ("long name", |data| data["anchors"][0]["name"] = json!("a".repeat(65))),
        ("dash", |data| data["anchors"][0]["name"] = json!("-a")),
        ("note", |data| data["anchors"][0]["note"] = json!(" ")),
        ("escape", |data| data["anchors"][0]["note"] = json!("a\u{1b}b")),
        ("long note", |data| data["anchors"][0]["note"] = json!("a".repeat(1001))),
        ("no scope", |data| data["anchors"][0]["scope"] = json!([])),
        ("empty scope", |data| data["anchors"][0]["scope"] = json!([""])),
        ("long scope", |data| {
            data["anchors"][0]["scope"] = json!(["a".repeat(301)])
        }),
        ("scopes", |data| data["anchors"][0]["scope"] = json!(vec!["a"; 101])),
        ("suite", |data| data["anchors"][0]["suites"] = json!(["a\nb"])),
        ("speaks for", |data| {
            data["anchors"][0]["speaks_for"] = json!("everybody")
        }),
        ("from", |data| data["anchors"][0]["valid_from"] = json!("yesterday")),
        ("material", |data| {
            data["anchors"][0]["material"] = json!({"password": "x"})
        }),
        ("two", |data| {
            data["anchors"][0]["material"] = json!({"openpgp": "x", "note-key": "x"})
        }),
        ("none", |data| data["anchors"][0]["material"] = json!({})),
        ("blank", |data| {
            data["anchors"][0]["material"] = json!({"openpgp": " \n"})
        }),
        ("anybody", |data| {
            data["anchors"][0]["material"] = json!({"identity": {"issuer": "https://a.example.com"}})
        }),
        (
            "star",
            |data| {
                data["anchors"][0]["material"] =
                    json!({"identity": {"issuer": "https://a.example.com", "subject": "*@*"}})
            },
        ),
        (
            "field",
            |data| {
                data["anchors"][0]["material"] =
                    json!({"identity": {"issuer": "https://a.example.com", "fields": {"colour": "red"}}})
            },
        ),
    ];
    let revoked: [Change; 11] = [
        ("reason", |document| document["revoked"][0]["reason"] = json!("")),
        ("escape", |document| document["revoked"][0]["reason"] = json!("a\u{7}")),
        ("long reason", |document| {
            document["revoked"][0]["reason"] = json!("a".repeat(501))
        }),
        ("since", |document| {
            document["revoked"][0]["invalid_since"] = json!("now")
        }),
        ("key", |document| document["revoked"][0]["what"] = json!({"key": " "})),
        ("certificate", |document| {
            document["revoked"][0]["what"] = json!({"certificate": "abcd"})
        }),
        ("bundle", |document| {
            document["revoked"][0]["what"] = json!({"bundle": "7"})
        }),
        ("artifact", |document| {
            document["revoked"][0]["what"] = json!({"artifact": "left-pad"})
        }),
        ("issuer", |document| {
            document["revoked"][0]["what"] = json!({"identity": {"issuer": "*"}})
        }),
        ("what", |document| {
            document["revoked"][0]["what"] = json!({"person": "ann"})
        }),
        ("two", |document| {
            document["revoked"][0]["what"] = json!({"key": "a", "certificate": "b"})
        }),
    ];
    let reads_data = |value: &Value| TrustData::read(&strict_json::write(value)).map(|_| ());
    let reads_revocations = |value: &Value| Revocations::read(&strict_json::write(value)).map(|_| ());
    type Read<'a> = &'a dyn Fn(&Value) -> Result<(), TrustError>;
    for (name, good, own, read) in [
        ("trust-data", json!(data), &anchors[..], &reads_data as Read<'_>),
        ("revocations", json!(document), &revoked[..], &reads_revocations),
    ] {
        let schema = schema(name);
        assert_eq!(json_schema::faults(&schema, &good), [""; 0]);
        read(&good).unwrap();
        for (what, change) in shared.iter().chain(own) {
            let mut wrong = good.clone();
            change(&mut wrong);
            assert!(
                !json_schema::faults(&schema, &wrong).is_empty(),
                "{name} schema takes {what}"
            );
            let found = read(&wrong).err().map(|error| error.code());
            assert_eq!(found, Some(Code::JsonNotStrict), "{name} program takes {what}");
        }
    }
    // What the program writes where nothing is said fits, too.
    for (name, bare) in [
        ("trust-data", TrustData::empty(1, time(0)).write().unwrap()),
        ("revocations", Revocations::empty(1, time(0)).write().unwrap()),
    ] {
        assert_eq!(
            json_schema::faults(&schema(name), &serde_json::from_slice(&bare).unwrap()),
            [""; 0]
        );
    }
}
