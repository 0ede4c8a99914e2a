//! Receipts: what an enclave says that it holds (`bundle-spec/custody.md` §2).

use sealift::crypto::strict_json;
use serde_json::{Value, json};

use super::*;

/// A change of bytes.
type Change = Box<dyn Fn(&mut Vec<u8>)>;

/// Changes of a receipt at each layer; what lies above is digested and signed as changed.
struct ReceiptEdits {
    /// The lines, before the head has named them.
    list: Change,
    head: Box<dyn Fn(&mut Value)>,
    /// The lines, after the head has named them.
    lines: Change,
    signers: Vec<u8>,
    kind: Kind,
}

impl Default for ReceiptEdits {
    fn default() -> Self {
        Self {
            list: Box::new(|_| {}),
            head: Box::new(|_| {}),
            lines: Box::new(|_| {}),
            signers: vec![people::STATION],
            kind: Kind::Receipt,
        }
    }
}

fn receipt(edits: &ReceiptEdits) -> Vec<u8> {
    let mut objects: Vec<Digest> = (0..4_u8).map(|number| Digest::of(&[number])).collect();
    objects.sort_unstable();
    let mut list: Vec<u8> = objects
        .iter()
        .flat_map(|digest| format!("{}\n", digest.hex()).into_bytes())
        .collect();
    (edits.list)(&mut list);
    let mut head = json!({
        "artifacts": 3,
        "created": "2026-11-20T12:00:00Z",
        "critical": [],
        "enclave": people::id(people::STATION).to_string(),
        "format": 1,
        "generation": { "number": 2, "repository": Digest::of(b"repository").to_string() },
        "objects": { "count": list.iter().filter(|byte| **byte == b'\n').count(), "digest": Digest::of(&list).to_string() },
        "streams": [stream("main"), stream("more")],
    });
    (edits.head)(&mut head);
    let envelope = people::sealed(edits.kind, &strict_json::write(&head), &edits.signers).write();
    (edits.lines)(&mut list);
    [envelope, b"\n".to_vec(), list].concat()
}

fn stream(name: &str) -> Value {
    json!({ "epoch": 1, "manifest": Digest::of(name.as_bytes()).to_string(), "sequence": 4, "stream": name })
}

fn head(edit: impl Fn(&mut Value) + 'static) -> ReceiptEdits {
    ReceiptEdits {
        head: Box::new(edit),
        ..ReceiptEdits::default()
    }
}

fn list(edit: impl Fn(&mut Vec<u8>) + 'static) -> ReceiptEdits {
    ReceiptEdits {
        list: Box::new(edit),
        ..ReceiptEdits::default()
    }
}

fn lines(edit: impl Fn(&mut Vec<u8>) + 'static) -> ReceiptEdits {
    ReceiptEdits {
        lines: Box::new(edit),
        ..ReceiptEdits::default()
    }
}

fn signed_by(signers: &[u8]) -> ReceiptEdits {
    ReceiptEdits {
        signers: signers.to_vec(),
        ..ReceiptEdits::default()
    }
}

pub(super) fn receipts(v: &mut Vectors) {
    let mut add = |name: &str, verdict: &str, why: &str, bytes: Vec<u8>| {
        let files = Files::from([("receipt.ndjson".to_owned(), bytes)]);
        v.record("receipt", &format!("receipt/{name}"), verdict, why, files);
    };
    let accepted = "accepted";
    let good = receipt(&ReceiptEdits::default());
    add("good", accepted, "four objects, two streams", good.clone());
    add(
        "of_nothing",
        accepted,
        "an enclave that holds nothing yet",
        receipt(&ReceiptEdits {
            list: Box::new(Vec::clear),
            head: Box::new(|head| {
                head["generation"] = Value::Null;
                head["streams"] = json!([]);
            }),
            ..ReceiptEdits::default()
        }),
    );
    add(
        "signed_by_another_role_too",
        accepted,
        "a key without the role has signed beside the one that has it",
        receipt(&signed_by(&[people::EXPORTER, people::STATION])),
    );

    let strict = "json-not-strict";
    add("empty", strict, "a file without a byte", Vec::new());
    add(
        "other_kind",
        "wrong-document-kind",
        "signed by the role import, as a report",
        receipt(&ReceiptEdits {
            kind: Kind::Report,
            ..ReceiptEdits::default()
        }),
    );
    let few = "key-not-in-role";
    for (name, why, signers) in [
        ("unsigned", "nobody has signed it", &[][..]),
        ("by_a_stranger", "signed by a key that the root does not know", &[99]),
        (
            "by_another_role",
            "signed by a key of the root that has not the role import",
            &[people::EXPORTER],
        ),
    ] {
        add(name, few, why, receipt(&signed_by(signers)));
    }
    let first = good.iter().position(|byte| *byte == b'\n').unwrap();
    let mut envelope = sealift::crypto::dsse::Envelope::read(&good[..first]).unwrap();
    let text = String::from_utf8(envelope.payload).unwrap();
    envelope.payload = text.replace("\"sequence\":4", "\"sequence\":5").into_bytes();
    add(
        "payload_edited",
        few,
        "another payload under the signature",
        [&envelope.write()[..], &good[first..]].concat(),
    );

    for (name, why, edit) in [
        (
            "with_more",
            "a field that is not known",
            (|head| head["more"] = 1.into()) as fn(&mut Value),
        ),
        ("with_less", "the field `generation` is missing", |head| {
            head.as_object_mut().unwrap().remove("generation");
        }),
        (
            "critical",
            "an extension that a reader must know, and does not",
            |head| {
                head["critical"] = json!(["x"]);
            },
        ),
        ("format_2", "format 2", |head| head["format"] = 2.into()),
        ("streams_not_in_order", "the streams do not ascend", |head| {
            head["streams"].as_array_mut().unwrap().swap(0, 1);
        }),
        ("stream_twice", "a stream is named twice", |head| {
            head["streams"][1] = head["streams"][0].clone();
        }),
        ("endless", "more objects than any reader takes", |head| {
            head["objects"]["count"] = ((1 << 24) + 1).into();
        }),
    ] {
        add(name, strict, why, receipt(&head(edit)));
    }
    add(
        "of_another_enclave",
        "wrong-enclave",
        "the enclave's key has signed another enclave's id",
        receipt(&head(|head| head["enclave"] = Digest::of(b"other").to_string().into())),
    );

    for (name, why, edit) in [
        (
            "line_in_capitals",
            "a digest in capital digits",
            (|list| list[..64].make_ascii_uppercase()) as fn(&mut Vec<u8>),
        ),
        ("line_with_prefix", "a digest with its algorithm before it", |list| {
            list.splice(0..0, *b"sha256:").for_each(drop);
        }),
        ("line_cut", "a digest of 63 digits", |list| {
            list.remove(0);
        }),
        ("line_empty", "an empty line between two", |list| list.insert(65, b'\n')),
        (
            "lines_with_carriage_return",
            "lines that end as on other systems",
            |list| {
                *list = String::from_utf8(list.clone())
                    .unwrap()
                    .replace('\n', "\r\n")
                    .into_bytes();
            },
        ),
        (
            "lines_not_in_order",
            "two digests stand in each other's place",
            |list| {
                list.rotate_left(65);
            },
        ),
        ("line_twice", "a digest stands there twice", |list| {
            list.extend_from_within(195..)
        }),
    ] {
        add(name, strict, why, receipt(&list(edit)));
    }
    let differ = "digest-mismatch";
    for (name, why, edit) in [
        (
            "list_edited",
            "another digest in the list",
            (|list| {
                *list = String::from_utf8(list.clone())
                    .unwrap()
                    .replacen('f', "e", 1)
                    .into_bytes()
            }) as fn(&mut Vec<u8>),
        ),
        ("list_cut", "the last digest is missing", |list| list.truncate(195)),
        ("list_longer", "a digest too many", |list| {
            list.extend(b"f".repeat(64));
            list.push(b'\n');
        }),
    ] {
        add(name, differ, why, receipt(&lines(edit)));
    }
    add(
        "list_counted_otherwise",
        differ,
        "the head says one object more than the list has that it names by digest",
        receipt(&head(|head| head["objects"]["count"] = 5.into())),
    );
    let files = |bytes: Vec<u8>, revoked: u8| {
        Files::from([
            ("receipt.ndjson".to_owned(), bytes),
            ("revocations.dsse.json".to_owned(), revoking(revoked)),
        ])
    };
    v.record(
        "receipt",
        "receipt/by_a_revoked_key",
        "key-revoked",
        "the key that signed it is revoked",
        files(good.clone(), people::STATION),
    );
    v.record(
        "receipt",
        "receipt/another_key_revoked",
        accepted,
        "a key is revoked that has signed nothing of it",
        files(good, people::EXPORTER),
    );
}
