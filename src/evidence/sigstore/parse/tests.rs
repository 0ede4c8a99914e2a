//! What is read of bundles, and what each version is refused for.

use super::*;
use crate::model::Outcome;

#[test]
fn texts_follow_each_other_and_keys_stand_once() {
    assert_eq!(texts(b"{\"a\":1}\n{\"a\":2.5}\n").unwrap().len(), 2);
    assert!(text(b"1 2").is_err());
    for wrong in [
        &b"{\"a\":1,\"a\":1}"[..],
        b"{\"a\":1,\"\\u0061\":1}",
        b"[{\"b\":{\"c\":1,\"c\":2}}]",
        b"",
        b"{",
        b"\xff",
    ] {
        assert_eq!(
            texts(wrong).unwrap_err().outcome,
            Outcome::Contradicted(Fault::Malformed)
        );
    }
}

/// What a bundle is refused for that has this changed.
fn refused(version: &str, change: impl FnOnce(&mut Value)) -> Option<Outcome> {
    let chain = serde_json::json!({"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}});
    let certificate = serde_json::json!({"certificate": {"rawBytes": "AA=="}});
    let mut bundle = serde_json::json!({
        "mediaType": format!("application/vnd.dev.sigstore.bundle+json;version={version}"),
        "verificationMaterial": if version == "0.3" { certificate } else { chain },
        "messageSignature": {"signature": "AA=="},
    });
    bundle["verificationMaterial"]["tlogEntries"] = serde_json::json!([{
        "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
        "inclusionPromise": {"signedEntryTimestamp": "AA=="},
        "inclusionProof": {"hashes": ["AA=="], "checkpoint": {"envelope": "log"}},
    }]);
    change(&mut bundle);
    shape(&bundle).err().map(|refusal| refusal.outcome)
}

const MALFORMED: Option<Outcome> = Some(Outcome::Contradicted(Fault::Malformed));
const TOO_LARGE: Option<Outcome> = Some(Outcome::Undecided(Doubt::TooLarge));
const INCOMPLETE: Option<Outcome> = Some(Outcome::Undecided(Doubt::Incomplete));

#[test]
fn a_version_holds_what_it_may_and_all_that_it_must() {
    for version in ["0.1", "0.2", "0.3"] {
        assert_eq!(refused(version, |_| {}), None, "{version}");
        let material =
            |change: &dyn Fn(&mut Value)| refused(version, |bundle| change(&mut bundle["verificationMaterial"]));
        // One kind of certificates before v0.3, and the other since.
        let other = material(&|material| {
            let fields = material.as_object_mut().unwrap();
            let (gone, new) = if version == "0.3" {
                ("certificate", "x509CertificateChain")
            } else {
                ("x509CertificateChain", "certificate")
            };
            fields.remove(gone);
            fields.insert(
                new.to_owned(),
                serde_json::json!({"certificates": [{"rawBytes": "AA=="}]}),
            );
        });
        assert_eq!(other, MALFORMED, "{version}");
        // Timestamps are some, and not too many.
        let stamps = |stamps: Value| material(&|material| material["timestampVerificationData"] = stamps.clone());
        let list = |count| serde_json::json!({"rfc3161Timestamps": vec![Value::Null; count]});
        assert_eq!(stamps(list(MAX_PARTS)), None);
        assert_eq!(stamps(list(MAX_PARTS + 1)), TOO_LARGE);
        assert_eq!(stamps(serde_json::json!({"rfc3161Timestamps": "one"})), MALFORMED);
        assert_eq!(stamps(serde_json::json!([])), MALFORMED);
        assert_eq!(stamps(Value::Null), None);
        // A proof of inclusion ends in a checkpoint, and no tree is higher than its indices are long.
        let proof = |change: &dyn Fn(&mut Value)| {
            material(&|material| change(&mut material["tlogEntries"][0]["inclusionProof"]))
        };
        let hashes = |count| proof(&|proof| proof["hashes"] = serde_json::json!(vec!["AA=="; count]));
        assert_eq!(hashes(MAX_PROOF_HASHES), None);
        let log_wrong = Some(Outcome::Contradicted(Fault::LogWrong));
        assert_eq!(hashes(MAX_PROOF_HASHES + 1), log_wrong);
        assert_eq!(proof(&|proof| proof["checkpoint"] = Value::Null), INCOMPLETE);
        assert_eq!(proof(&|proof| proof["checkpoint"]["envelope"] = "".into()), INCOMPLETE);
        let entry = |name: &str| material(&|material| material["tlogEntries"][0][name] = Value::Null);
        let (promise, inclusion) = (entry("inclusionPromise"), entry("inclusionProof"));
        if version == "0.1" {
            assert_eq!((promise, inclusion), (INCOMPLETE, None));
        } else {
            assert_eq!((promise, inclusion), (None, INCOMPLETE));
        }
    }
    let chain = |chain: Value| {
        refused("0.2", |bundle| {
            bundle["verificationMaterial"]["x509CertificateChain"] = chain
        })
    };
    assert_eq!(chain(serde_json::json!({"certificates": []})), MALFORMED);
    assert_eq!(chain(serde_json::json!({})), MALFORMED);
    assert_eq!(chain(serde_json::json!([1])), MALFORMED);
    let long = serde_json::json!({"certificates": vec![Value::Null; MAX_PARTS + 1]});
    assert_eq!(chain(long), TOO_LARGE);
}

#[test]
fn a_plain_bundle_has_one_of_each_and_nothing_that_is_not_judged() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut bundle = serde_json::json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"x509CertificateChain": {"certificates": [{"rawBytes": "AA=="}]}},
            "dsseEnvelope": {},
        });
        change(&mut bundle);
        plain_shape(&bundle).err().map(|refusal| refusal.outcome)
    };
    let unknown = Some(Outcome::Undecided(Doubt::UnknownFormat));
    assert_eq!(refused(&|_| {}), None);
    assert_eq!(refused(&|bundle| *bundle = Value::Null), MALFORMED);
    assert_eq!(refused(&|bundle| bundle["mediaType"] = "text/plain".into()), unknown);
    assert_eq!(refused(&|bundle| bundle["mediaType"] = Value::Null), MALFORMED);
    assert_eq!(
        refused(&|bundle| bundle["verificationMaterial"] = Value::Null),
        MALFORMED
    );
    assert_eq!(
        refused(&|bundle| bundle["messageSignature"] = serde_json::json!({})),
        MALFORMED
    );
    assert_eq!(refused(&|bundle| bundle["dsseEnvelope"] = Value::Null), MALFORMED);
    let material = |name: &str, value: Value| refused(&|bundle| bundle["verificationMaterial"][name] = value.clone());
    assert_eq!(material("publicKey", serde_json::json!({})), MALFORMED);
    assert_eq!(material("x509CertificateChain", Value::Null), MALFORMED);
    let long = serde_json::json!({"certificates": vec![Value::Null; MAX_PARTS + 1]});
    assert_eq!(material("x509CertificateChain", long), TOO_LARGE);
    for name in ["tlogEntries", "rfc3161Timestamps"] {
        assert_eq!(material(name, serde_json::json!([])), None, "{name}");
        assert_eq!(material(name, serde_json::json!([{}])), unknown, "{name}");
        assert_eq!(material(name, serde_json::json!({})), MALFORMED, "{name}");
    }
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let deep = "[".repeat(100_000);
    assert_eq!(
        texts(deep.as_bytes()).unwrap_err().outcome,
        Outcome::Contradicted(Fault::Malformed)
    );
    let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
    assert_eq!(
        texts(many.as_bytes()).unwrap_err().outcome,
        Outcome::Undecided(Doubt::TooLarge)
    );
    let large = vec![b' '; MAX_OBJECT_BYTES + 1];
    assert_eq!(texts(&large).unwrap_err().outcome, Outcome::Undecided(Doubt::TooLarge));
}
