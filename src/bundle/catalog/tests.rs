use super::*;

const KINDS: &[&str] = &["first", "second"];

fn kinds(ecosystem: &str) -> Option<&'static [&'static str]> {
    (ecosystem == "known").then_some(KINDS)
}

fn nothing(_: &Digest) -> bool {
    false
}

fn checker() -> Checker<'static> {
    Checker::new(4096, &kinds, &nothing)
}

/// A digest that ascends with its number.
fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn object(number: u8) -> Object {
    Object {
        digest: digest(number),
        encoding: Encoding::Identity,
        segments: Vec::new(),
        size: 10,
        stored_size: None,
    }
}

fn document(name: &str) -> Document {
    Document {
        digest: digest(1),
        ecosystem: "known".into(),
        kind: "page".into(),
        name: name.into(),
        origin: "https://registry.example.com/".into(),
    }
}

fn artifact(name: &str) -> Artifact {
    let proof = |kind: &&str| Proof {
        kind: (*kind).to_owned(),
        objects: Vec::new(),
        state: ProofState::Absent,
    };
    Artifact {
        origin: "https://registry.example.com/".into(),
        proofs: KINDS.iter().map(proof).collect(),
        reason: "asked for".into(),
        ..Artifact::plain("known", name, "1", &format!("{name}.tar"), digest(1))
    }
}

/// A checker that has taken one object.
fn begun() -> Checker<'static> {
    let mut checker = checker();
    checker.take(&Record::Object(object(1))).unwrap();
    checker
}

fn refused(checker: &mut Checker<'_>, record: impl Into<Record>) -> RecordError {
    checker.take(&record.into()).unwrap_err()
}

impl From<Object> for Record {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<Document> for Record {
    fn from(document: Document) -> Self {
        Self::Document(document)
    }
}

impl From<Artifact> for Record {
    fn from(artifact: Artifact) -> Self {
        Self::Artifact(artifact)
    }
}

#[test]
fn an_object_has_one_shape_for_its_size() {
    let large = |size: u64| Object { size, ..object(1) };
    let zstd = |size: u64, stored_size: Option<u64>| Object {
        encoding: Encoding::Zstd,
        segments: vec![digest(9)],
        stored_size,
        ..large(size)
    };
    let whole = limits::MAX_OBJECT_BYTES;
    for (segment_size, object) in [
        (4096, large(4096)),
        (whole, large(whole)),
        (4096, zstd(whole, Some(10))),
        (4096, zstd(11, Some(10))),
    ] {
        assert_eq!(object.check(segment_size), Ok(()), "{object:?}");
    }
    for (segment_size, object, reason) in [
        (whole + 1, large(whole + 1), "it is larger than the limit of 8 TiB"),
        (4096, zstd(whole + 1, Some(10)), "it is larger than the limit of 8 TiB"),
        (
            4096,
            zstd(10, None),
            "it is stored as zstd, and `stored_size` is missing",
        ),
        (
            4096,
            zstd(10, Some(10)),
            "it is stored as zstd, and is not smaller for it",
        ),
        (
            4096,
            Object {
                stored_size: Some(10),
                ..object(1)
            },
            "it is stored as it is, and yet has a `stored_size`",
        ),
        (4096, large(4097), "the number of its segments does not fit its size"),
        (
            4096,
            Object {
                segments: vec![digest(9)],
                ..object(1)
            },
            "the number of its segments does not fit its size",
        ),
        (
            4096,
            Object {
                segments: Vec::new(),
                ..zstd(20, Some(10))
            },
            "the number of its segments does not fit its size",
        ),
    ] {
        let expected = RecordError::ObjectShape {
            digest: object.digest,
            reason,
        };
        assert_eq!(object.check(segment_size), Err(expected), "{object:?}");
    }
}

#[test]
fn records_come_in_one_order() {
    let out_of_order = |error| assert!(matches!(error, RecordError::OutOfOrder { .. }), "{error:?}");
    let mut checker = begun();
    out_of_order(refused(&mut checker, object(1)));
    out_of_order(refused(&mut checker, object(0)));
    checker.take(&object(2).into()).unwrap();
    checker.take(&document("b").into()).unwrap();
    // Its digest ascends, and yet objects are over.
    out_of_order(refused(&mut checker, object(3)));
    out_of_order(refused(&mut checker, document("b")));
    out_of_order(refused(&mut checker, document("a")));
    checker.take(&document("c").into()).unwrap();
    checker.take(&artifact("b").into()).unwrap();
    out_of_order(refused(&mut checker, document("d")));
    out_of_order(refused(&mut checker, artifact("b")));
    out_of_order(refused(&mut checker, artifact("a")));
    checker.take(&artifact("c").into()).unwrap();

    let mut without_documents = begun();
    without_documents.take(&artifact("b").into()).unwrap();
    out_of_order(refused(&mut without_documents, object(3)));
    out_of_order(refused(&mut without_documents, document("d")));
}

#[test]
fn no_more_records_are_taken_than_the_limits_allow() {
    let mut checker = begun();
    checker.totals.objects = limits::MAX_OBJECTS - 1;
    checker.take(&object(2).into()).unwrap();
    assert!(matches!(
        refused(&mut checker, object(3)),
        RecordError::TooMany { what: "objects", .. }
    ));
    checker.totals.documents = limits::MAX_DOCUMENTS - 1;
    checker.take(&document("a").into()).unwrap();
    assert!(matches!(
        refused(&mut checker, document("b")),
        RecordError::TooMany { what: "documents", .. }
    ));
    checker.totals.artifacts = limits::MAX_ARTIFACTS - 1;
    checker.take(&artifact("a").into()).unwrap();
    assert!(matches!(
        refused(&mut checker, artifact("b")),
        RecordError::TooMany { what: "artifacts", .. }
    ));
}

#[test]
fn every_text_has_1_to_512_bytes() {
    type Field<T> = (&'static str, fn(&mut T, String));
    let of_documents: [Field<Document>; 3] = [
        ("name", |document, text| document.name = text),
        ("kind", |document, text| document.kind = text),
        ("origin", |document, text| document.origin = text),
    ];
    let of_artifacts: [Field<Artifact>; 5] = [
        ("name", |artifact, text| artifact.name = text),
        ("version", |artifact, text| artifact.version = text),
        ("file", |artifact, text| artifact.file = text),
        ("origin", |artifact, text| artifact.origin = text),
        ("reason", |artifact, text| artifact.reason = text),
    ];
    let records = |text: &str| -> Vec<(&'static str, Record)> {
        let documents = of_documents.iter().map(|(name, set)| {
            let mut document = document("a");
            set(&mut document, text.to_owned());
            (*name, document.into())
        });
        let artifacts = of_artifacts.iter().map(|(name, set)| {
            let mut artifact = artifact("a");
            set(&mut artifact, text.to_owned());
            (*name, artifact.into())
        });
        documents.chain(artifacts).collect()
    };
    for (name, record) in records(&"x".repeat(512)) {
        assert_eq!(begun().take(&record), Ok(()), "{name}");
    }
    for text in [String::new(), "x".repeat(513)] {
        for (name, record) in records(&text) {
            let error = begun().take(&record).unwrap_err();
            assert!(
                matches!(error, RecordError::NameLength { field, .. } if field == name),
                "{name}: {error:?}"
            );
        }
    }
}

#[test]
fn an_ecosystem_is_known_and_an_object_listed() {
    let unknown = Document {
        ecosystem: "unknown".into(),
        ..document("a")
    };
    assert!(matches!(
        refused(&mut begun(), unknown),
        RecordError::UnknownEcosystem { .. }
    ));
    let unknown = Artifact {
        ecosystem: "unknown".into(),
        ..artifact("a")
    };
    assert!(matches!(
        refused(&mut begun(), unknown),
        RecordError::UnknownEcosystem { .. }
    ));
    let missing = Document {
        digest: digest(2),
        ..document("a")
    };
    assert!(matches!(refused(&mut begun(), missing), RecordError::NotListed { .. }));
    let missing = Artifact {
        digest: digest(2),
        ..artifact("a")
    };
    assert!(matches!(refused(&mut begun(), missing), RecordError::NotListed { .. }));
    let mut missing = artifact("a");
    missing.proofs[1].state = ProofState::Present;
    missing.proofs[1].objects = vec![digest(2)];
    assert!(matches!(refused(&mut begun(), missing), RecordError::NotListed { .. }));
}

#[test]
fn proofs_are_stated_for_every_kind_of_the_ecosystem_once() {
    let wrong: [fn(&mut Vec<Proof>); 6] = [
        |proofs| {
            proofs.pop();
        },
        |proofs| proofs.swap(0, 1),
        |proofs| proofs[0].state = ProofState::Present,
        |proofs| proofs[0].objects = vec![digest(1)],
        // Besides the ecosystem's own kinds a name is asked for, and that somebody asked.
        |proofs| {
            let kind = "k".repeat(limits::MAX_KIND_BYTES + 1);
            let proof = Proof {
                kind,
                ..proofs[0].clone()
            };
            proofs.push(proof);
        },
        |proofs| {
            let proof = Proof {
                kind: "Third".into(),
                ..proofs[0].clone()
            };
            proofs.push(proof);
        },
    ];
    for (index, change) in wrong.iter().enumerate() {
        let mut artifact = artifact("a");
        change(&mut artifact.proofs);
        let error = refused(&mut begun(), artifact);
        assert!(matches!(error, RecordError::Proofs { .. }), "{index}: {error:?}");
    }
    let mut longest = artifact("a");
    longest.proofs.push(Proof {
        kind: "k".repeat(limits::MAX_KIND_BYTES),
        ..longest.proofs[0].clone()
    });
    begun().take(&longest.into()).unwrap();
}

#[test]
fn each_sum_is_the_manifests() {
    let filled = || {
        let mut checker = begun();
        checker.take(&document("a").into()).unwrap();
        checker.take(&artifact("a").into()).unwrap();
        checker
    };
    let totals = Totals {
        objects: 1,
        object_bytes: 10,
        segments: 1,
        documents: 1,
        artifacts: 1,
    };
    let named = || [("the plan", digest(1))];
    assert_eq!(filled().finish(named(), totals), Ok(totals));
    type Change = fn(&mut Totals);
    let wrong: [(&str, Change); 5] = [
        ("objects", |totals| totals.objects = 2),
        ("bytes of objects", |totals| totals.object_bytes = 9),
        ("segments", |totals| totals.segments = 2),
        ("documents", |totals| totals.documents = 0),
        ("artifacts", |totals| totals.artifacts = 2),
    ];
    for (name, change) in wrong {
        let mut expected = totals;
        change(&mut expected);
        let error = filled().finish(named(), expected).unwrap_err();
        assert!(
            matches!(error, RecordError::Count { what, .. } if what == name),
            "{name}: {error:?}"
        );
    }
    assert!(matches!(
        filled().finish([("the plan", digest(2))], totals),
        Err(RecordError::NotListed { .. })
    ));
    let mut unnamed = filled();
    unnamed.referenced[0] = false;
    assert!(matches!(
        unnamed.finish([], totals),
        Err(RecordError::Unreferenced { .. })
    ));
}
