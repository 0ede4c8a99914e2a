//! Reports: their seal, their records, and what they prove of the log.

use serde_json::{Value, json};

use super::*;
use crate::raw_records::{RawEnclave, RawLog, ReportEdits, origin};

const INCONSISTENT: &str = "log-inconsistent";

/// Changes the head before its leaf is made.
fn head(edit: impl Fn(&mut Value) + 'static) -> ReportEdits {
    ReportEdits {
        head: Some(Box::new(edit)),
        ..ReportEdits::default()
    }
}

/// Changes the head with its part about the log.
fn sealed(edit: impl Fn(&mut Value) + 'static) -> ReportEdits {
    ReportEdits {
        sealed: Some(Box::new(edit)),
        ..ReportEdits::default()
    }
}

fn lines(edit: impl Fn(&mut Vec<u8>) + 'static) -> ReportEdits {
    ReportEdits {
        lines: Some(Box::new(edit)),
        ..ReportEdits::default()
    }
}

fn envelope(edit: impl Fn(&mut Vec<u8>) + 'static) -> ReportEdits {
    ReportEdits {
        envelope: Some(Box::new(edit)),
        ..ReportEdits::default()
    }
}

fn signed_by(signers: &[u8]) -> ReportEdits {
    ReportEdits {
        signers: Some(signers.to_vec()),
        ..ReportEdits::default()
    }
}

/// An enclave with one report before, so that there is something to be consistent with.
fn begun() -> RawEnclave {
    let mut enclave = RawEnclave::new();
    enclave.report(2, &ReportEdits::default());
    enclave
}

/// The report after that, of three artifacts.
pub(super) fn second(edits: &ReportEdits) -> Vec<u8> {
    begun().report(3, edits)
}

struct Reports<'v> {
    vectors: &'v mut Vectors,
}

impl Reports<'_> {
    fn add(&mut self, name: &str, verdict: &str, why: &str, report: Vec<u8>) -> &mut Files {
        let files = Files::from([("report.ndjson".to_owned(), report)]);
        self.vectors
            .record("report", &format!("report/{name}"), verdict, why, files);
        self.vectors.files()
    }

    fn edited(&mut self, name: &str, verdict: &str, why: &str, edits: &ReportEdits) {
        self.add(name, verdict, why, second(edits));
    }
}

pub(super) fn reports(v: &mut Vectors) {
    let mut v = Reports { vectors: v };
    v.add(
        "first",
        "accepted",
        "the first report of an enclave, of an attempt that ended before anything was vouched for",
        RawEnclave::new().report(0, &ReportEdits::default()),
    );
    v.edited(
        "next",
        "accepted",
        "three artifacts, and a report before",
        &ReportEdits::default(),
    );
    seals(&mut v);
    heads(&mut v);
    records(&mut v);
    logs(&mut v);
    proofs(&mut v);
}

/// `bundle-spec/report.md` §4, 1 and 2.
fn seals(v: &mut Reports<'_>) {
    let strict = "json-not-strict";
    v.add("empty", strict, "a file without a byte", Vec::new());
    v.edited(
        "envelope_not_strict",
        strict,
        "the envelope has a second key of one name",
        &envelope(|bytes| {
            *bytes = String::from_utf8(bytes.clone())
                .unwrap()
                .replacen('{', "{\"payloadType\":\"x\",", 1)
                .into_bytes();
        }),
    );
    v.edited(
        "other_kind",
        "wrong-document-kind",
        "signed by the role import, as a receipt",
        &ReportEdits {
            kind: Some(Kind::Receipt),
            ..ReportEdits::default()
        },
    );
    let few = "key-not-in-role";
    v.edited(
        "payload_edited",
        few,
        "another payload under the signature",
        &envelope(|bytes| {
            let mut read = sealift::crypto::dsse::Envelope::read(bytes).unwrap();
            read.payload = String::from_utf8(read.payload)
                .unwrap()
                .replace("refused", "refuted")
                .into_bytes();
            *bytes = read.write();
        }),
    );
    v.edited("unsigned", few, "nobody has signed it", &signed_by(&[]));
    v.edited(
        "by_a_stranger",
        few,
        "signed by a key that the root does not know",
        &signed_by(&[99]),
    );
    v.edited(
        "by_another_role",
        few,
        "signed by a key of the root that has not the role import",
        &signed_by(&[people::EXPORTER]),
    );
    v.edited(
        "by_another_role_too",
        "accepted",
        "a key without the role has signed beside the one that has it",
        &signed_by(&[people::EXPORTER, people::STATION]),
    );
    let good = second(&ReportEdits::default());
    v.add(
        "by_a_revoked_key",
        "key-revoked",
        "the key that signed it is revoked",
        good.clone(),
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::STATION));
    // Its checkpoint is signed with the same key: here there is none.
    v.add(
        "by_a_revoked_key_without_log",
        "key-revoked",
        "the key that signed it is revoked, and no log was kept",
        second(&sealed(|head| head["log"] = Value::Null)),
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::STATION));
    v.add(
        "another_key_revoked",
        "accepted",
        "a key is revoked that has signed nothing of it",
        good,
    )
    .insert("revocations.dsse.json".to_owned(), revoking(people::EXPORTER));
}

/// `bundle-spec/report.md` §4, 3.
fn heads(v: &mut Reports<'_>) {
    let strict = "json-not-strict";
    v.edited(
        "head_not_strict",
        strict,
        "white space within the head",
        &ReportEdits {
            payload: Some(Box::new(|bytes| bytes.extend(b"\n"))),
            ..ReportEdits::default()
        },
    );
    v.edited(
        "head_with_more",
        strict,
        "a field of the head that is not known",
        &sealed(|head| head["more"] = 1.into()),
    );
    v.edited(
        "head_with_less",
        strict,
        "a field of the head is missing",
        &sealed(|head| {
            head.as_object_mut().unwrap().remove("not_checked");
        }),
    );
    v.edited(
        "head_critical",
        strict,
        "an extension that a reader must know, and does not",
        &sealed(|head| head["critical"] = json!(["x"])),
    );
    v.edited(
        "head_of_another_outcome",
        strict,
        "an outcome that is none",
        &sealed(|head| head["outcome"] = "postponed".into()),
    );
    v.edited(
        "head_of_another_time",
        strict,
        "a time with parts of a second",
        &sealed(|head| head["created"] = "2026-11-20T12:00:00.0Z".into()),
    );
    v.edited(
        "head_of_no_such_day",
        strict,
        "a time that no calendar has",
        &sealed(|head| head["created"] = "2026-02-30T12:00:00Z".into()),
    );
    v.edited(
        "head_of_another_result",
        strict,
        "a check that came to something that is no result",
        &sealed(|head| head["checks"][0]["result"] = "fine".into()),
    );
    v.edited(
        "format_2",
        "unknown-format",
        "format 2",
        &sealed(|head| head["format"] = 2.into()),
    );
    v.edited(
        "extended",
        "accepted",
        "an extension that decides nothing",
        &sealed(|head| {
            head["ext"] = json!({ "example.com/x": 1 });
        }),
    );
}

/// `bundle-spec/report.md` §4, 4.
fn records(v: &mut Reports<'_>) {
    let (strict, differ) = ("json-not-strict", "digest-mismatch");
    v.edited(
        "record_edited",
        differ,
        "a record says that it was allowed",
        &lines(|bytes| {
            *bytes = String::from_utf8(bytes.clone())
                .unwrap()
                .replacen("denied", "allowed", 1)
                .into_bytes();
        }),
    );
    v.edited(
        "record_cut",
        differ,
        "the last record is missing",
        &lines(|bytes| {
            let at = bytes[..bytes.len() - 1]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .unwrap()
                + 1;
            bytes.truncate(at);
        }),
    );
    v.edited(
        "record_more",
        differ,
        "the last record stands there twice",
        &lines(|bytes| {
            let at = bytes[..bytes.len() - 1]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .unwrap()
                + 1;
            bytes.extend_from_within(at..);
        }),
    );
    v.edited(
        "record_without_line_feed",
        differ,
        "the last line is not ended",
        &lines(|bytes| {
            bytes.pop();
        }),
    );
    v.edited(
        "records_exchanged",
        differ,
        "two records stand in each other's place",
        &lines(|bytes| {
            let lines: Vec<Vec<u8>> = bytes
                .split_inclusive(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            *bytes = [&lines[1][..], &lines[0], &lines[2]].concat();
        }),
    );
    v.edited(
        "record_with_more",
        strict,
        "a field of a record that is not known",
        &ReportEdits {
            records: Some(Box::new(|records| records[1]["more"] = 1.into())),
            ..ReportEdits::default()
        },
    );
    v.edited(
        "record_of_another_level",
        strict,
        "a level that is none",
        &ReportEdits {
            records: Some(Box::new(|records| records[1]["level"] = "certain".into())),
            ..ReportEdits::default()
        },
    );
    for (name, why, field) in [
        ("records_count", "the head says one record more", "count"),
        ("records_bytes", "the head says one byte more", "bytes"),
    ] {
        v.edited(
            name,
            differ,
            why,
            &head(move |head| {
                head["records"][field] = (head["records"][field].as_u64().unwrap() + 1).into();
            }),
        );
    }
    v.edited(
        "records_digest",
        differ,
        "the head says another digest",
        &head(|head| {
            head["records"]["digest"] = Digest::of(b"others").to_string().into();
        }),
    );
}

/// `bundle-spec/log.md` §5, 1 and 2.
fn logs(v: &mut Reports<'_>) {
    v.edited(
        "log_not_kept",
        "accepted",
        "no log was kept",
        &sealed(|head| head["log"] = Value::Null),
    );
    v.edited(
        "log_of_another_origin",
        INCONSISTENT,
        "it names another log",
        &sealed(|head| head["log"]["origin"] = "sealift/plant-8/0123".into()),
    );
    let other = |field: &'static str| {
        sealed(move |head| {
            let text = head["log"][field]
                .as_str()
                .unwrap()
                .replace("sealift/plant-7", "sealift/plant-8");
            head["log"][field] = text.into();
        })
    };
    v.edited(
        "checkpoint_of_another_log",
        INCONSISTENT,
        "the checkpoint after is another log's",
        &other("after"),
    );
    v.edited(
        "checkpoint_before_of_another_log",
        INCONSISTENT,
        "the checkpoint before is another log's",
        &other("before"),
    );
    let log_signed = |signers: &[u8]| ReportEdits {
        log_signers: Some(signers.to_vec()),
        ..ReportEdits::default()
    };
    let few = "key-not-in-role";
    v.edited(
        "checkpoint_unsigned",
        few,
        "nobody has signed the checkpoint after",
        &log_signed(&[]),
    );
    v.edited(
        "checkpoint_by_another_role",
        few,
        "a key has signed the checkpoint after that has not the role log",
        &log_signed(&[people::EXPORTER]),
    );
    let before_of = |origin: &str, signers: &[u8]| {
        let mut enclave = begun();
        let size = enclave.log.size();
        enclave.checkpoint = Some((enclave.log.checkpoint(origin, size, signers), size));
        enclave.report(3, &ReportEdits::default())
    };
    let own = origin(&people::root());
    let before = |signers: &[u8]| before_of(&own, signers);
    v.add(
        "checkpoint_before_unsigned",
        "accepted",
        "an import without a key had written the checkpoint before",
        before(&[]),
    );
    v.add(
        "checkpoint_before_unsigned_of_another_log",
        INCONSISTENT,
        "nobody has signed the checkpoint before, and it is another log's",
        before_of(&own.replace("plant-7", "plant-8"), &[]),
    );
    v.add(
        "checkpoint_before_by_another_role",
        few,
        "a key has signed the checkpoint before that has not the role log",
        before(&[people::EXPORTER]),
    );
}

/// Changes the part about the log, knowing the log.
fn proven(edit: impl Fn(&RawLog, &mut Value) + 'static) -> ReportEdits {
    let mut enclave = begun();
    enclave.report(3, &ReportEdits::default());
    sealed(move |head| edit(&enclave.log, &mut head["log"]))
}

/// `bundle-spec/log.md` §5, 3 and 4.
fn proofs(v: &mut Reports<'_>) {
    let other = || Value::from(Digest::of(b"other").to_string());
    let station = [people::STATION];
    let mut add = |name: &str, why: &str, edits: &ReportEdits| v.edited(name, INCONSISTENT, why, edits);
    let list =
        |field: &'static str, edit: fn(&mut Vec<Value>)| proven(move |_, log| edit(log[field].as_array_mut().unwrap()));
    add(
        "consistency_cut",
        "the last hash of the proof of consistency is missing",
        &list("consistency", |proof| drop(proof.pop())),
    );
    add(
        "consistency_longer",
        "a hash too many in the proof of consistency",
        &list("consistency", |proof| proof.push(proof[0].clone())),
    );
    add(
        "consistency_exchanged",
        "two hashes of the proof of consistency stand in each other's place",
        &list("consistency", |proof| proof.swap(0, 1)),
    );
    add(
        "consistency_endless",
        "more hashes than a proof about any tree has",
        &list("consistency", |proof| *proof = vec![proof[0].clone(); 65]),
    );
    add(
        "consistency_with_nothing",
        "a proof, and no checkpoint before",
        &proven(|_, log| log["before"] = Value::Null),
    );
    add(
        "before_of_a_fork",
        "the checkpoint before has another tree of that size: the log was forked",
        &proven(move |log, part| {
            let mut fork = log.clone();
            fork.leaves[0] = fork.leaves[1].clone();
            part["before"] = fork.checkpoint(&origin(&people::root()), 3, &station).into();
        }),
    );
    add(
        "before_with_more_leaves",
        "the checkpoint before has more leaves than stand before the attempt",
        &proven(move |log, part| {
            part["before"] = log.checkpoint(&origin(&people::root()), 4, &station).into();
            part["consistency"] = log.consistency(4, log.size()).into();
        }),
    );
    add(
        "first_later",
        "its leaves are said to lie one place later",
        &proven(|log, part| {
            part["first"] = 4.into();
            part["subtrees"] = log.subtrees(4).into();
        }),
    );
    add(
        "first_earlier",
        "its leaves are said to lie one place earlier, and no checkpoint stands before",
        &proven(|log, part| {
            part["first"] = 2.into();
            part["subtrees"] = log.subtrees(2).into();
            part["before"] = Value::Null;
            part["consistency"] = json!([]);
        }),
    );
    add(
        "first_beyond",
        "its leaves are said to lie beyond the tree",
        &proven(move |log, part| {
            part["first"] = 8.into();
            part["subtrees"] = vec![log.root(7).to_string()].into();
        }),
    );
    add(
        "subtrees_cut",
        "a subtree is missing",
        &list("subtrees", |trees| drop(trees.pop())),
    );
    add(
        "subtrees_longer",
        "a subtree too many",
        &list("subtrees", |trees| trees.push(trees[0].clone())),
    );
    add(
        "subtrees_exchanged",
        "the subtrees stand in each other's place",
        &list("subtrees", |trees| trees.swap(0, 1)),
    );
    add(
        "after_of_another_tree",
        "the checkpoint after is signed, of a tree with another last leaf",
        &proven(move |log, part| {
            let mut fork = log.clone();
            *fork.leaves.last_mut().unwrap() = fork.leaves[0].clone();
            part["after"] = fork.checkpoint(&origin(&people::root()), 7, &station).into();
            part["consistency"] = fork.consistency(3, 7).into();
        }),
    );
    let leaf = |index: usize, field: &'static str, value: Value| ReportEdits {
        leaves: Some(Box::new(move |leaves| {
            assert_ne!(leaves[index][field], value);
            leaves[index][field] = value.clone();
        })),
        ..ReportEdits::default()
    };
    for (index, field, value) in [
        (0, "artifact", other()),
        (1, "decision", "allowed".into()),
        (2, "purl", "pkg:generic/other@1.0".into()),
        (2, "record", other()),
        (0, "report", 1.into()),
        (3, "bundle", other()),
        (3, "codes", json!([])),
        (3, "count", 4.into()),
        (3, "created", "2026-11-20T12:00:01Z".into()),
        (3, "generation", 1.into()),
        (3, "outcome", "imported".into()),
        (3, "previous", Value::Null),
        (3, "records", other()),
        (3, "repository", other()),
    ] {
        let what = if index == 3 { "attempt" } else { "artifact" };
        add(
            &format!("leaf_of_{what}_with_another_{field}"),
            &format!("all is proven, of a leaf of the {what} with another `{field}` than the report has"),
            &leaf(index, field, value),
        );
    }
    add(
        "leaves_exchanged",
        "the log holds its leaves in another order than the records stand",
        &ReportEdits {
            leaves: Some(Box::new(|leaves| leaves.swap(0, 1))),
            ..ReportEdits::default()
        },
    );
    v.edited(
        "log_with_more",
        "json-not-strict",
        "a field of the log's part that is not known",
        &proven(|_, log| log["more"] = 1.into()),
    );
    v.edited(
        "codes_of_several_refusals",
        "accepted",
        "two refusals with one code, which the leaf names once, and another",
        &head(|head| {
            let refusal = |code: &str| {
                json!({ "code": code, "expected": null, "found": null, "hint": null, "reason": "it is so", "subject": "bundle main 2" })
            };
            head["refusals"] = json!([refusal("wrong-enclave"), refusal("bundle-expired"), refusal("wrong-enclave")]);
        }),
    );
}
