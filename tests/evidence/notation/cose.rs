//! Envelopes of COSE.

use super::*;

#[test]
fn cose_is_held_to_its_headers() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let right = || cose(&leaf);
    let finding = expect(right().by(&leaf), &anchors, Outcome::Confirmed(Level::Publisher));
    assert_eq!(finding.signed_at.unwrap().time, time("2026-01-01T00:00:00Z"));
    let single = Cose {
        chain: Value::Bytes(leaf.certificate.clone()),
        ..right()
    };
    expect(single.by(&leaf), &anchors, Outcome::Confirmed(Level::Publisher));
    expect(
        right().by(&root),
        &anchors,
        Outcome::Contradicted(Fault::SignatureWrong),
    );
    let malformed = Outcome::Contradicted(Fault::Malformed);
    let cases = [
        (
            Cose {
                algorithm: iana::Algorithm::EdDSA,
                ..right()
            },
            Outcome::Undecided(Doubt::UnknownAlgorithm),
        ),
        (
            Cose {
                critical: vec![],
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                critical: vec!["io.cncf.notary.signingScheme", "other"],
                ..right()
            },
            Outcome::Undecided(Doubt::UnknownFormat),
        ),
        (
            Cose {
                scheme: Value::Integer(1.into()),
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                time: Value::Integer(1.into()),
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                expiry: Some(4_000_000_000),
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                expiry: Some(1_700_000_000),
                critical: vec!["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"],
                ..right()
            },
            Outcome::Contradicted(Fault::Expired),
        ),
        (
            Cose {
                payload: Some(b"{}".to_vec()),
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                payload: None,
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                chain: Value::Text("x".to_owned()),
                ..right()
            },
            malformed,
        ),
        (
            Cose {
                chain: Value::Array(Vec::new()),
                ..right()
            },
            malformed,
        ),
    ];
    for (position, (cose, outcome)) in cases.into_iter().enumerate() {
        let finding = one(cose.by(&leaf), &anchors);
        assert_eq!(finding.outcome, outcome, "case {position}: {}", finding.reason);
    }
}
