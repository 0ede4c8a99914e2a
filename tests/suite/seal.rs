//! `bundle-spec/seal.md` is followed by hand, and its tables and limits are those of the code.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use sealift::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES, MAX_SIGNATURES};
use sealift::crypto::key::Signer as _;
use sealift::crypto::strict_json::{self, Critical, MAX_DEPTH};
use sealift::model::Digest;
use sealift::trust::approval::{Approval, Decision, MAX_REASON_BYTES, MAX_SEEN_LINES, MAX_TICKET_BYTES};
use sealift::trust::{Kind, MAX_ROOT_BYTES, MAX_ROOT_STEPS, Root, TrustedRoot};
use serde_json::Value;

use crate::people::{self, EXPORTER, sealed};
use crate::tools;

pub(crate) fn specification(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle-spec").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// The fenced `sh` blocks of a chapter, in order.
pub(crate) fn shell_blocks(text: &str) -> Vec<&str> {
    text.split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// Runs one block as it is written, and gives its standard output if it succeeds.
pub(crate) fn run(block: &str, folder: &Path) -> Option<String> {
    let output = Command::new("sh")
        .args(["-eu", "-c", block])
        .current_dir(folder)
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_manifest_is_checked_by_hand() {
    if !tools::has("openssl") {
        return;
    }
    let text = specification("seal.md");
    let [check, key_id, digest] = shell_blocks(&text)[..] else {
        panic!("seal.md has three blocks");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Longer than any buffer of the tools, with bytes that are not ASCII.
    let payload = format!("{{\"x\":\"{}\"}}", "é".repeat(30_000));
    let envelope = sealed(Kind::Manifest, payload.as_bytes(), &[EXPORTER]);
    let write = |envelope: &Envelope| {
        std::fs::write(folder.join("manifest.dsse.json"), envelope.write()).unwrap();
    };
    let key = people::key(EXPORTER);
    std::fs::write(folder.join("export.pub.pem"), key.public().to_pem()).unwrap();

    write(&envelope);
    assert_eq!(run(check, folder).unwrap().trim(), "Signature Verified Successfully");
    assert_eq!(std::fs::read(folder.join("payload.json")).unwrap(), payload.as_bytes());
    assert_eq!(
        format!("sha256:{}", first_word(&run(key_id, folder).unwrap())),
        key.public().id().to_string()
    );
    assert_eq!(
        format!("sha256:{}", first_word(&run(digest, folder).unwrap())),
        Digest::of(payload.as_bytes()).to_string()
    );

    let mut changed = envelope.clone();
    changed.payload[9] ^= 1;
    write(&changed);
    assert_eq!(run(check, folder), None);
    write(&sealed(Kind::Report, payload.as_bytes(), &[EXPORTER]));
    assert_eq!(run(check, folder), None);
    write(&sealed(Kind::Manifest, payload.as_bytes(), &[people::ANN]));
    assert_eq!(run(check, folder), None);
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap()
}

#[test]
fn the_chapters_say_what_the_code_does() {
    let seal = specification("seal.md");
    for kind in Kind::ALL {
        let row = format!("| {} | `{}` |", kind.name(), kind.payload_type());
        assert!(seal.contains(&row), "{row}");
    }
    assert_eq!(MAX_ENVELOPE_BYTES, 1 << 20);
    assert!(seal.contains("at most 1 MiB\nand"));
    assert!(seal.contains(&format!("and {MAX_SIGNATURES} signatures")));
    assert!(seal.contains(&format!("nested at most {MAX_DEPTH} deep")));
    let root = specification("root.md");
    assert_eq!(MAX_ROOT_BYTES, 64 << 10);
    assert!(root.contains("at most 64 KiB"));
    assert!(root.contains(&format!("At most {MAX_ROOT_STEPS} roots")));
}

/// The names of a schema's properties at one place.
fn properties(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schemas_have_the_fields_of_the_documents() {
    let read =
        |file: &str| serde_json::from_str::<Value>(&specification(&format!("schemas/{file}.schema.json"))).unwrap();
    let keys = |value: &Value| -> BTreeSet<String> { value.as_object().unwrap().keys().cloned().collect() };

    let envelope = sealed(Kind::Manifest, b"{}", &[EXPORTER]).write();
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    let schema = read("envelope");
    assert_eq!(properties(&schema), keys(&envelope));
    assert_eq!(
        properties(&schema["properties"]["signatures"]["items"]),
        keys(&envelope["signatures"][0])
    );

    let mut root = people::root();
    root.ext.insert("note".to_owned(), Value::Null);
    let root: Value = serde_json::from_slice(&root.write().unwrap()).unwrap();
    let schema = read("root");
    assert_eq!(properties(&schema), keys(&root));
    assert_eq!(properties(&schema["properties"]["roles"]), keys(&root["roles"]));
    assert_eq!(properties(&schema["properties"]["enclave"]), keys(&root["enclave"]));
    assert_eq!(properties(&schema["$defs"]["role"]), keys(&root["roles"]["root"]));

    let approval = Approval {
        manifest: Digest::of(b""),
        decision: Decision::Approved,
        seen: vec!["x".to_owned()],
        reason: "x".to_owned(),
        ticket: Some("x".to_owned()),
        created: people::now(),
        expires: people::now(),
        ext: [("note".to_owned(), Value::Null)].into(),
        critical: Critical,
    };
    let approval: Value = serde_json::from_slice(&strict_json::write(&approval)).unwrap();
    let schema = read("approval");
    assert_eq!(properties(&schema), keys(&approval));
    for (field, limit) in [("reason", MAX_REASON_BYTES), ("ticket", MAX_TICKET_BYTES)] {
        assert_eq!(schema["properties"][field]["maxLength"], limit);
    }
    assert_eq!(schema["properties"]["seen"]["maxItems"], MAX_SEEN_LINES);
}

proptest::proptest! {
    #[test]
    fn hostile_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
        proptest::prop_assert!(Envelope::read(&bytes).is_err());
        proptest::prop_assert!(TrustedRoot::pinned(&bytes).is_err());
        proptest::prop_assert!(Root::read(&bytes).is_err());
        proptest::prop_assert!(Approval::read(&bytes).is_err());
    }

    #[test]
    fn any_changed_byte_of_a_root_is_refused_or_changes_nothing(place: proptest::sample::Index, flip in 1..=255_u8) {
        let envelope = people::sealed_root(&people::root(), &[people::ANN, people::BOB]);
        let mut changed = envelope.clone();
        changed[place.index(envelope.len())] ^= flip;
        // The other alphabet of base64 spells the same bytes.
        if let Ok(root) = TrustedRoot::pinned(&changed) {
            proptest::prop_assert_eq!(root.fingerprint(), TrustedRoot::pinned(&envelope).unwrap().fingerprint());
        }
    }
}
