//! What a bundle says of logs and hashes that nobody signed, beside what somebody did.

use sealift::model::{Doubt, Fault, Level, Outcome, TimeSource};
use serde_json::{Value, json};

use crate::instance::{BYTES, Instance, Named, SIGNED, base64, expect, judge, one, sha512};
use crate::sigstore_kinds::{fixture, pin_found, trusted};
use crate::support::{self, DAY, artifact};

/// A real bundle with an entry of Rekor v2, which has no promise and no time of its own, changed.
fn rekor_2(change: impl FnOnce(&mut Value)) -> sealift::model::Finding {
    let bytes = fixture("sigstore/a.txt");
    let file = artifact("files", "a", "1", "a.txt", &bytes);
    let good = fixture("sigstore/rekor2.sigstore.json");
    let mut anchors = vec![trusted("rekor2-trusted_root.json")];
    let told = |object: Vec<u8>, anchors: &[_]| support::judge("sigstore", vec![object], &file, &bytes, anchors, DAY);
    anchors.extend(pin_found(&told(good.clone(), &anchors)));
    let mut bundle: Value = serde_json::from_slice(&good).unwrap();
    change(&mut bundle["verificationMaterial"]["tlogEntries"][0]);
    one(told(bundle.to_string().into_bytes(), &anchors))
}

/// Puts a promise beside an entry that nobody gave.
fn promise(entry: &mut Value, seconds: i64) {
    entry["inclusionPromise"] = json!({"signedEntryTimestamp": base64(b"promise")});
    entry["integratedTime"] = seconds.to_string().into();
}

#[test]
fn a_promise_that_no_log_of_its_version_gives_tells_no_time() {
    let good = rekor_2(|_| {});
    expect(&good, Outcome::Confirmed(Level::Provenance));
    let at = good.signed_at.unwrap();
    assert_eq!(at.source, TimeSource::TimestampAuthority);
    // Nobody signed it, and its time puts nothing down to a clock that is behind.
    for seconds in [at.time.seconds(), at.time.seconds() + 100 * 365 * 86_400] {
        let promised = rekor_2(|entry| promise(entry, seconds));
        expect(&promised, Outcome::Contradicted(Fault::LogWrong));
    }
}

#[test]
fn a_message_is_held_to_the_algorithm_of_the_digest_that_the_bundle_states() {
    let instance = Instance::new();
    let mut bundle = instance.signed(BYTES, &instance.signer(&Named::default()), SIGNED);
    expect(
        &judge(&bundle, &instance.anchors()),
        Outcome::Confirmed(Level::Publisher),
    );
    let digest = base64(hex::decode(sha512(BYTES)).unwrap());
    bundle["messageSignature"]["messageDigest"] = json!({"algorithm": "SHA2_512", "digest": digest});
    expect(
        &judge(&bundle, &instance.anchors()),
        Outcome::Undecided(Doubt::UnknownAlgorithm),
    );
}
