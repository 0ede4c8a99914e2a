//! DSSE by bare keys: verification summaries of `10-provenance-models-osv`, and each check by itself.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::dsse::pae;
use sealift::crypto::file_key::FileKey;
use sealift::crypto::foreign::ForeignKey;
use sealift::crypto::key::{PublicKey, Signer as _};
use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Material, Outcome, Signer};
use serde_json::{Value, json};

use crate::data::{Judged, Row};
use crate::fixtures;
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, until};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);
const TYPE: &str = "application/vnd.in-toto+json";

fn judged(envelopes: &[u8], bytes: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("files", "test", "1", "test", bytes);
    judge("dsse", vec![envelopes.to_vec()], &artifact, bytes, anchors, DAY)
}

fn claim<'a>(finding: &'a Finding, name: &str) -> Vec<&'a str> {
    let claims = finding.claims.iter().filter(|(own, _)| own == name);
    claims.map(|(_, value)| value.as_str()).collect()
}

/// Judges a row of the collection. Its subject is named by an identifier of its own instead of a digest, so that no artifact can
/// be compared with it: the rows are about the signature and what it covers.
pub(crate) fn summaries(row: &Row) -> Judged {
    let key_id = row
        .expected
        .strip_prefix("key id ")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .trim();
    let pem = row.text("vsa/vsa_signing_public_key.pem");
    let key = Material::PublicKey(format!("Key-ID: {key_id}\n{pem}"));
    let findings = judged(&row.read("vsa/gke-gce-pre.bcid-vsa.jsonl"), b"", &[anchor("bcid", key)]);
    if findings[0].outcome != Outcome::Undecided(Doubt::UnknownAlgorithm) {
        assert_eq!(outcome(&findings), Outcome::Undecided(Doubt::UnknownSigner));
        return Judged::Findings(findings);
    }
    let finding = &findings[0];
    assert_eq!(finding.anchors, ["bcid"]);
    for stated in ["BCID_L1", "SLSA_BUILD_LEVEL_2"] {
        assert!(
            row.expected.contains(stated) && claim(finding, "level").contains(&stated),
            "{finding:?}"
        );
    }
    assert!(row.expected.contains(claim(finding, "verifier")[0]));
    assert_eq!(claim(finding, "verdict"), ["PASSED"]);
    Judged::Answer(Ok(()))
}

fn statement(subjects: Value, kind: &str, predicate: Value) -> Vec<u8> {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": kind, "predicate": predicate});
    statement.to_string().into_bytes()
}

fn about(bytes: &[u8]) -> Value {
    json!([{"name": "test", "digest": {"sha256": Digest::of(bytes).hex()}}])
}

fn provenance(bytes: &[u8]) -> Vec<u8> {
    let predicate = json!({"buildDefinition": {"buildType": "https://example.com/build",
        "externalParameters": {"workflow": {"repository": "https://forge.example.com/acme/tool", "ref": "refs/tags/v1"}},
        "resolvedDependencies": [{"uri": "git+https://forge.example.com/acme/tool", "digest": {"gitCommit": "abc"}}]},
        "runDetails": {"builder": {"id": "https://builder.example.com/1"}}});
    statement(about(bytes), "https://slsa.dev/provenance/v1", predicate)
}

fn envelope(payload_type: &str, payload: &[u8], signatures: &[(&str, Vec<u8>)]) -> Value {
    let signatures: Vec<Value> = signatures
        .iter()
        .map(|(keyid, sig)| json!({"keyid": keyid, "sig": STANDARD.encode(sig)}))
        .collect();
    json!({"payloadType": payload_type, "payload": STANDARD.encode(payload), "signatures": signatures})
}

fn signed(key: &FileKey, payload: &[u8]) -> Value {
    let signature = key.sign(&pae(TYPE, payload)).unwrap();
    envelope(TYPE, payload, &[("", signature)])
}

fn pinned(key: &FileKey) -> Anchor {
    anchor("publisher", Material::PublicKey(key.public().to_pem()))
}

fn told(envelope: &Value, anchors: &[Anchor]) -> Outcome {
    outcome(&judged(envelope.to_string().as_bytes(), b"bytes", anchors))
}

#[test]
fn a_real_summary_verifies_and_shows_what_it_says() {
    let pem = fixtures::text("dsse/vsa_signing_public_key.pem");
    let proof = fixtures::bytes("dsse/gke-gce-pre.bcid-vsa.jsonl");
    let findings = judged(&proof, b"", &[anchor("bcid", Material::PublicKey(pem))]);
    assert_eq!(outcome(&findings), Outcome::Undecided(Doubt::UnknownAlgorithm));
    assert_eq!(findings[0].anchors, ["bcid"]);
    assert_eq!(claim(&findings[0], "level"), ["BCID_L1", "SLSA_BUILD_LEVEL_2"]);
    // A byte of the payload, and the signature is nobody's.
    let text = String::from_utf8(proof).unwrap().replacen("eyJfdHlw", "eyJfdHlx", 1);
    let key = format!(
        "Key-ID: keystore://76574:prod:vsa_signing_public_key\n{}",
        fixtures::text("dsse/vsa_signing_public_key.pem")
    );
    let findings = judged(text.as_bytes(), b"", &[anchor("bcid", Material::PublicKey(key))]);
    assert_eq!(outcome(&findings), Outcome::Contradicted(Fault::SignatureWrong));
    assert!(findings[0].claims.is_empty(), "what nobody signed is not read");
}

#[test]
fn provenance_is_confirmed_with_its_claims() {
    let key = FileKey::from_seed(&[1; 32]);
    let envelope = signed(&key, &provenance(b"bytes"));
    let findings = judged(envelope.to_string().as_bytes(), b"bytes", &[pinned(&key)]);
    assert_eq!(outcome(&findings), CONFIRMED);
    let finding = &findings[0];
    assert_eq!(claim(finding, "builder"), ["https://builder.example.com/1"]);
    assert_eq!(claim(finding, "source"), ["https://forge.example.com/acme/tool"]);
    assert_eq!(claim(finding, "commit"), ["abc"]);
    assert_eq!(finding.algorithm.as_deref(), Some("Ed25519"));
    assert!(finding.signed_at.is_none());
    let fingerprint = key.public().id().to_string();
    assert!(matches!(&finding.signers[0], Signer::Key { fingerprint: found, .. } if *found == fingerprint));
}

#[test]
fn each_check_fails_alone() {
    let key = FileKey::from_seed(&[1; 32]);
    let other = FileKey::from_seed(&[2; 32]);
    let payload = provenance(b"bytes");
    let good = signed(&key, &payload);
    assert_eq!(told(&good, &[pinned(&key)]), CONFIRMED);
    assert_eq!(told(&good, &[]), Outcome::Undecided(Doubt::NoAnchor));
    assert_eq!(told(&good, &[pinned(&other)]), Outcome::Undecided(Doubt::UnknownSigner));
    // A signature that names the key and does not fit it.
    let hint = key.public().id().digest().hex();
    let forged = envelope(TYPE, &payload, &[(&hint, other.sign(&pae(TYPE, &payload)).unwrap())]);
    assert_eq!(
        told(&forged, &[pinned(&key)]),
        Outcome::Contradicted(Fault::SignatureWrong)
    );
    // The payload's type is signed.
    let signature = key.sign(&pae("text/plain", &payload)).unwrap();
    let retyped = envelope(TYPE, &payload, &[(&hint, signature.clone())]);
    assert_eq!(
        told(&retyped, &[pinned(&key)]),
        Outcome::Contradicted(Fault::SignatureWrong)
    );
    let plain = envelope("text/plain", &payload, &[(&hint, signature)]);
    assert_eq!(told(&plain, &[pinned(&key)]), Outcome::Undecided(Doubt::UnknownFormat));
    // The payload alone, without its type, was signed.
    let bare = envelope(TYPE, &payload, &[(&hint, key.sign(&payload).unwrap())]);
    assert_eq!(
        told(&bare, &[pinned(&key)]),
        Outcome::Contradicted(Fault::SignatureWrong)
    );
    let about_others = signed(&key, &provenance(b"others"));
    assert_eq!(
        told(&about_others, &[pinned(&key)]),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    let no_statement = signed(&key, br#"{"_type":"https://in-toto.io/Statement/v2","subject":[]}"#);
    assert_eq!(
        told(&no_statement, &[pinned(&key)]),
        Outcome::Undecided(Doubt::UnknownFormat)
    );
    let no_subject = signed(
        &key,
        &statement(json!([]), "https://slsa.dev/provenance/v1", Value::Null),
    );
    assert_eq!(
        told(&no_subject, &[pinned(&key)]),
        Outcome::Contradicted(Fault::Malformed)
    );
    assert_eq!(
        told(&envelope(TYPE, &payload, &[]), &[pinned(&key)]),
        Outcome::Undecided(Doubt::Incomplete)
    );
    let many = vec![("", vec![0; 64]); 65];
    assert_eq!(
        told(&envelope(TYPE, &payload, &many), &[pinned(&key)]),
        Outcome::Undecided(Doubt::TooLarge)
    );
    let elsewhere = scoped("elsewhere", "files/other", Material::PublicKey(key.public().to_pem()));
    assert_eq!(told(&good, &[elsewhere]), Outcome::Undecided(Doubt::OutOfScope));
    let ended = until(
        "ended",
        "2026-11-20T11:59:59Z",
        Material::PublicKey(key.public().to_pem()),
    );
    assert_eq!(told(&good, &[ended]), Outcome::Undecided(Doubt::OutOfScope));
}

#[test]
fn a_key_pinned_under_a_name_made_only_what_calls_it_so() {
    let key = FileKey::from_seed(&[1; 32]);
    let payload = provenance(b"bytes");
    let signature = key.sign(&pae(TYPE, &payload)).unwrap();
    let named = anchor(
        "named",
        Material::PublicKey(format!("Key-ID: release\n{}", key.public().to_pem())),
    );
    for (hint, expected) in [
        ("release", CONFIRMED),
        ("nightly", Outcome::Undecided(Doubt::UnknownSigner)),
        ("", Outcome::Undecided(Doubt::UnknownSigner)),
    ] {
        let envelope = envelope(TYPE, &payload, &[(hint, signature.clone())]);
        assert_eq!(told(&envelope, std::slice::from_ref(&named)), expected, "{hint}");
    }
}

#[test]
fn a_bad_verdict_lifts_nothing() {
    let key = FileKey::from_seed(&[1; 32]);
    let verdict = |word: &str| {
        let predicate = json!({"verifier": {"id": "https://verifier.example.com"}, "verificationResult": word});
        let payload = statement(about(b"bytes"), "https://slsa.dev/verification_summary/v1", predicate);
        told(&signed(&key, &payload), &[pinned(&key)])
    };
    let other = signed(
        &key,
        &statement(about(b"bytes"), "https://example.com/weather", json!({})),
    );
    let finding = &judged(other.to_string().as_bytes(), b"bytes", &[pinned(&key)])[0];
    assert_eq!(finding.outcome, CONFIRMED);
    let says_nothing = |note: &String| note.contains("says nothing about the artifact's origin");
    assert!(finding.notes.iter().any(says_nothing), "{:?}", finding.notes);
    let origin = signed(&key, &provenance(b"bytes"));
    let finding = &judged(origin.to_string().as_bytes(), b"bytes", &[pinned(&key)])[0];
    assert!(!finding.notes.iter().any(says_nothing), "{:?}", finding.notes);
    assert_eq!(verdict("PASSED"), CONFIRMED);
    assert_eq!(verdict("FAILED"), Outcome::Confirmed(Level::None));
    assert_eq!(verdict(""), Outcome::Confirmed(Level::None));
}

#[test]
fn several_signers_are_each_shown() {
    let (one, two, three) = (
        FileKey::from_seed(&[1; 32]),
        FileKey::from_seed(&[2; 32]),
        FileKey::from_seed(&[3; 32]),
    );
    let payload = provenance(b"bytes");
    let message = pae(TYPE, &payload);
    let sign = |key: &FileKey| ("", key.sign(&message).unwrap());
    let envelope = envelope(TYPE, &payload, &[sign(&three), sign(&one), sign(&one), sign(&two)]);
    let anchors = [
        anchor("one", Material::PublicKey(one.public().to_pem())),
        anchor("two", Material::PublicKey(two.public().to_pem())),
    ];
    let findings = judged(envelope.to_string().as_bytes(), b"bytes", &anchors);
    assert_eq!(outcome(&findings), CONFIRMED);
    assert_eq!(findings[0].anchors, ["one", "two"]);
    assert_eq!(findings[0].signers.len(), 2);
}

#[test]
fn each_algorithm_verifies_in_its_usual_forms() {
    let payload = provenance(b"bytes");
    let message = pae(TYPE, &payload);
    let random = SystemRandom::new();
    let algorithms: [&'static EcdsaSigningAlgorithm; 2] =
        [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_FIXED_SIGNING];
    for algorithm in algorithms {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let key = PublicKey::p256(pair.public_key().as_ref()).unwrap();
        let signature = pair.sign(&random, &message).unwrap();
        let envelope = envelope(TYPE, &payload, &[("", signature.as_ref().to_vec())]);
        assert_eq!(
            told(&envelope, &[anchor("ec", Material::PublicKey(key.to_pem()))]),
            CONFIRMED
        );
    }
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let info = pair.public_key().as_der().unwrap();
    assert!(ForeignKey::from_info(info.as_ref()).is_ok());
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        STANDARD.encode(info.as_ref())
    );
    for encoding in [
        &RSA_PKCS1_SHA256 as &dyn aws_lc_rs::signature::RsaEncoding,
        &RSA_PSS_SHA256,
    ] {
        let mut signature = vec![0; 256];
        pair.sign(encoding, &random, &message, &mut signature).unwrap();
        let envelope = envelope(TYPE, &payload, &[("", signature)]);
        assert_eq!(
            told(&envelope, &[anchor("rsa", Material::PublicKey(pem.clone()))]),
            CONFIRMED
        );
    }
}

#[test]
fn envelopes_stand_one_a_line_and_each_is_judged() {
    let key = FileKey::from_seed(&[1; 32]);
    let lines = format!(
        "{}\n{}\n",
        signed(&key, &provenance(b"bytes")),
        signed(&key, &provenance(b"other"))
    );
    let findings = judged(lines.as_bytes(), b"bytes", &[pinned(&key)]);
    let outcomes: Vec<Outcome> = findings.iter().map(|finding| finding.outcome).collect();
    assert_eq!(outcomes, [CONFIRMED, Outcome::Contradicted(Fault::SubjectDiffers)]);
}

#[test]
fn what_is_no_envelope_is_refused_without_a_panic() {
    let key = FileKey::from_seed(&[1; 32]);
    let good = signed(&key, &provenance(b"bytes")).to_string();
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    let twice = good.replacen('{', r#"{"payload":"","#, 1);
    let url = good.replacen("\"payload\":\"", "\"payload\":\"*", 1);
    for garbage in [
        &b""[..],
        b"\xff",
        b"null",
        b"{}",
        &good.as_bytes()[..good.len() / 2],
        &deep,
        twice.as_bytes(),
        url.as_bytes(),
    ] {
        assert_eq!(
            outcome(&judged(garbage, b"bytes", &[pinned(&key)])),
            Outcome::Contradicted(Fault::Malformed),
            "{}",
            String::from_utf8_lossy(&garbage[..garbage.len().min(60)])
        );
    }
    let artifact = artifact("files", "test", "1", "test", b"");
    assert_eq!(
        outcome(&judge("dsse", vec![], &artifact, b"", &[], DAY)),
        Outcome::Undecided(Doubt::Incomplete)
    );
    let many = good.repeat(257);
    assert_eq!(
        outcome(&judged(many.as_bytes(), b"bytes", &[pinned(&key)])),
        Outcome::Undecided(Doubt::TooLarge)
    );
}

#[test]
fn a_key_is_described_before_it_is_pinned() {
    let key = FileKey::from_seed(&[1; 32]);
    let described = |text: String| sealift::evidence::describe(&Material::PublicKey(text));
    let expected = [format!("Ed25519 key, sha256:{}", key.public().id().digest().hex())];
    assert_eq!(described(key.public().to_pem()).unwrap(), expected);
    assert_eq!(
        described(format!("Key-ID: kms://1\n{}", key.public().to_pem())).unwrap(),
        expected
    );
    for wrong in [
        String::new(),
        "x".to_owned(),
        key.public().to_pem().replacen("MCo", "MCp", 1),
    ] {
        assert!(described(wrong).is_err());
    }
}
