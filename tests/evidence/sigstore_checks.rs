//! Every check of a Sigstore bundle, each failed alone, by an instance of our own.

use sealift::model::{
    Anchor, Doubt, Fault, Finding, Level, LogProof, Material, Outcome, ScopePattern, Signer, SpeaksFor, TimeSource,
};
use serde_json::{Value, json};

use crate::forge;
use crate::instance::*;
use crate::support::{self, anchor, time};

const fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

const fn doubt(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

const PROVEN: Outcome = Outcome::Confirmed(Level::Provenance);
const SIGNED_BY_PUBLISHER: Outcome = Outcome::Confirmed(Level::Publisher);

/// A good bundle with a statement.
fn good(instance: &Instance) -> Value {
    instance.stated(&provenance(), &instance.signer(&Named::default()), SIGNED)
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

fn noted(finding: &Finding, words: &str) -> bool {
    finding.notes.iter().any(|note| note.contains(words))
}

#[test]
fn what_is_good_is_confirmed_with_everything_that_was_found() {
    let instance = Instance::new();
    let finding = judge(&good(&instance), &instance.anchors());
    expect(&finding, PROVEN);
    let Some(Signer::Identity(identity)) = finding.signers.first() else {
        panic!("{finding:?}");
    };
    assert_eq!((identity.issuer.as_str(), identity.subject.as_str()), (ISSUER, SUBJECT));
    assert_eq!(identity.fields["repository_id"], "1234");
    let signed_at = finding.signed_at.as_ref().unwrap();
    assert_eq!((signed_at.time, signed_at.source), (time(SIGNED_TEXT), TimeSource::Log));
    let log = finding.log.as_ref().unwrap();
    assert_eq!(
        (log.id.as_str(), log.index.as_str(), log.proof),
        ("log.example.com", "0", LogProof::Inclusion)
    );
    assert_eq!(finding.algorithm.as_deref(), Some("ECDSA P-256 with SHA-256"));
    assert_eq!(finding.anchors, ["the root", "the publisher"]);
    let claim = ("builder".to_owned(), "https://builder.example.com".to_owned());
    assert!(finding.claims.contains(&claim));
    assert!(noted(&finding, "no log of certificates"));

    let message = instance.signed(BYTES, &instance.signer(&Named::default()), SIGNED);
    expect(&judge(&message, &instance.anchors()), SIGNED_BY_PUBLISHER);
}

#[test]
fn a_promise_alone_reaches_less_and_only_in_the_oldest_version() {
    let instance = Instance::new();
    let mut bundle = good(&instance);
    let certificate = bundle["verificationMaterial"]["certificate"].take();
    bundle["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
    bundle["mediaType"] = V02.into();
    expect(&judge(&bundle, &instance.anchors()), PROVEN);
    entry(&mut bundle)["inclusionProof"] = Value::Null;
    expect(&judge(&bundle, &instance.anchors()), doubt(Doubt::Incomplete));
    bundle["mediaType"] = V01.into();
    let finding = judge(&bundle, &instance.anchors());
    expect(&finding, SIGNED_BY_PUBLISHER);
    assert_eq!(finding.log.as_ref().unwrap().proof, LogProof::Promise);
    assert!(noted(&finding, "no inclusion proof"));
}

#[test]
fn every_entry_needs_what_its_version_needs() {
    let instance = Instance::new();
    let anchors = instance.anchors();
    let mut second = good(&instance);
    let mut promised = entry(&mut second).clone();
    promised.as_object_mut().unwrap().remove("inclusionProof");
    second["verificationMaterial"]["tlogEntries"]
        .as_array_mut()
        .unwrap()
        .push(promised);
    expect(&judge(&second, &anchors), doubt(Doubt::Incomplete));

    let mut no_checkpoint = good(&instance);
    entry(&mut no_checkpoint)["inclusionProof"]["checkpoint"] = json!({"envelope": ""});
    expect(&judge(&no_checkpoint, &anchors), doubt(Doubt::Incomplete));

    let mut none = good(&instance);
    none["verificationMaterial"]["tlogEntries"] = json!([]);
    expect(&judge(&none, &anchors), doubt(Doubt::Incomplete));

    let mut old = good(&instance);
    old["mediaType"] = V01.into();
    let certificate = old["verificationMaterial"]["certificate"].take();
    old["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
    entry(&mut old).as_object_mut().unwrap().remove("inclusionPromise");
    expect(&judge(&old, &anchors), doubt(Doubt::Incomplete));
}

#[test]
fn a_bundle_is_of_its_version_and_of_one_kind() {
    let instance = Instance::new();
    let anchors = instance.anchors();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good(&instance);
        change(&mut bundle);
        judge(&bundle, &anchors)
    };
    let malformed = wrong(Fault::Malformed);
    let relabelled = changed(&|bundle| bundle["mediaType"] = V01.into());
    expect(&relabelled, malformed);
    expect(&changed(&|bundle| bundle["mediaType"] = V02.into()), malformed);
    expect(&changed(&|bundle| bundle["mediaType"] = Value::Null), malformed);
    expect(
        &changed(&|bundle| bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v9+json".into()),
        doubt(Doubt::UnknownFormat),
    );
    expect(
        &changed(&|bundle| bundle["verificationMaterial"]["publicKey"] = json!({"hint": ""})),
        malformed,
    );
    expect(
        &changed(&|bundle| {
            let certificate = bundle["verificationMaterial"]["certificate"].take();
            bundle["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
        }),
        malformed,
    );
    expect(
        &changed(&|bundle| bundle["verificationMaterial"]["certificate"] = Value::Null),
        malformed,
    );
    expect(
        &changed(&|bundle| bundle["messageSignature"] = json!({"signature": ""})),
        malformed,
    );
    expect(&changed(&|bundle| bundle["dsseEnvelope"] = Value::Null), malformed);
    expect(
        &changed(&|bundle| bundle["dsseEnvelope"]["signatures"] = json!([])),
        malformed,
    );
    expect(
        &changed(&|bundle| {
            let signature = bundle["dsseEnvelope"]["signatures"][0].clone();
            bundle["dsseEnvelope"]["signatures"] = json!([signature, signature]);
        }),
        doubt(Doubt::UnknownFormat),
    );
    expect(
        &changed(&|bundle| entry(bundle)["kindVersion"]["version"] = "0.0.9".into()),
        doubt(Doubt::UnknownFormat),
    );
    expect(
        &changed(&|bundle| entry(bundle)["kindVersion"] = Value::Null),
        malformed,
    );
    expect(
        &changed(&|bundle| {
            let entry = entry(bundle).clone();
            bundle["verificationMaterial"]["tlogEntries"] = vec![entry; 17].into();
        }),
        doubt(Doubt::TooLarge),
    );
    expect(
        &changed(&|bundle| entry(bundle)["inclusionProof"]["hashes"] = vec![base64([0; 32]); 65].into()),
        wrong(Fault::LogWrong),
    );
    expect(
        &changed(&|bundle| bundle["dsseEnvelope"]["payloadType"] = "text/plain".into()),
        doubt(Doubt::UnknownFormat),
    );
    let duplicate = good(&instance).to_string().replacen('{', "{\"mediaType\":\"x\",", 1);
    let finding = one(support::judge(
        "sigstore",
        vec![duplicate.into_bytes()],
        &tool(),
        BYTES,
        &anchors,
        NOW,
    ));
    expect(&finding, malformed);
}

#[test]
fn an_authority_that_is_not_pinned_is_unknown_and_not_wrong() {
    let (instance, other) = (Instance::new(), Instance::new());
    let bundle = good(&instance);
    let nobody = judge(&bundle, &[pin(SUBJECT)]);
    expect(&nobody, doubt(Doubt::NoAnchor));
    assert_eq!(nobody.reason, "no Sigstore trusted root is pinned");
    let unreadable = [root_anchor(&json!({})), pin(SUBJECT)];
    expect(&judge(&bundle, &unreadable), doubt(Doubt::NoAnchor));
    let unknown = doubt(Doubt::UnknownSigner);
    // The authorities have one name and two keys.
    let mut root = instance.root();
    let mut authority = forge::Says::authority("Somebody else");
    authority.serial = 5;
    root["certificateAuthorities"] = json!([{
        "uri": "",
        "certChain": {"certificates": [{"rawBytes": base64(&forge::Holder::alone(&authority).certificate)}]},
    }]);
    expect(&judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]), unknown);
    let mut root = instance.root();
    root["tlogs"] = json!([Instance::listed(&other.log)]);
    expect(&judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]), unknown);
    let mut stamped = bundle.clone();
    let signature = signature_of(&stamped);
    stamped["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [other.stamp(&signature, SIGNED_TEXT)]});
    let mut root = instance.root();
    root["timestampAuthorities"] = json!([]);
    expect(&judge(&stamped, &[root_anchor(&root), pin(SUBJECT)]), unknown);
    // A second root that knows it is found.
    expect(
        &judge(
            &bundle,
            &[root_anchor(&root), root_anchor(&instance.root()), pin(SUBJECT)],
        ),
        PROVEN,
    );
}

fn signature_of(bundle: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let text = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn a_wrong_signature_of_anyone_is_wrong() {
    let instance = Instance::new();
    let anchors = instance.anchors();
    let signer = instance.signer(&Named::default());

    // The envelope's: another payload of the same meaning, which the log has.
    let mut envelope = instance.stated(&provenance(), &signer, SIGNED);
    let mut other = provenance();
    other["predicate"] = json!({});
    let fresh = instance.stated(&other, &signer, SIGNED);
    envelope["dsseEnvelope"]["payload"] = fresh["dsseEnvelope"]["payload"].clone();
    expect(&judge(&envelope, &anchors), wrong(Fault::SignatureWrong));

    // The signature is good, and the log has another by the same signer.
    let mut logged = instance.stated(&provenance(), &signer, SIGNED);
    logged["dsseEnvelope"]["signatures"] =
        instance.stated(&provenance(), &signer, SIGNED)["dsseEnvelope"]["signatures"].clone();
    expect(&judge(&logged, &anchors), wrong(Fault::LogWrong));

    // The log's promise.
    let mut promise = good(&instance);
    entry(&mut promise)["integratedTime"] = (SIGNED + 1).to_string().into();
    expect(&judge(&promise, &anchors), wrong(Fault::LogWrong));

    // The checkpoint by another key under the log's hint, and the proof of another leaf.
    let mut checkpoint = good(&instance);
    let other = Instance::new();
    let mut foreign = entry(&mut checkpoint).clone();
    other.include(&mut foreign, &other.log);
    entry(&mut checkpoint)["inclusionProof"] = foreign["inclusionProof"].clone();
    expect(&judge(&checkpoint, &anchors), wrong(Fault::LogWrong));
    let mut proof = good(&instance);
    let mut second = good(&instance);
    let mut elsewhere = entry(&mut second).clone();
    let leaf = elsewhere["inclusionProof"].take();
    entry(&mut proof)["inclusionProof"] = leaf;
    expect(&judge(&proof, &anchors), wrong(Fault::LogWrong));

    // A certificate by another authority of the same name.
    let forged = other.signer(&Named::default());
    expect(
        &judge(&instance.stated(&provenance(), &forged, SIGNED), &anchors),
        wrong(Fault::ChainWrong),
    );
    // One that is not for code.
    let server = instance.signer(&Named {
        purpose: forge::SERVER,
        ..Named::default()
    });
    expect(
        &judge(&instance.stated(&provenance(), &server, SIGNED), &anchors),
        wrong(Fault::ChainWrong),
    );
    // A timestamp over another signature.
    let mut stamped = good(&instance);
    stamped["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [instance.stamp(b"another", SIGNED_TEXT)]});
    expect(&judge(&stamped, &anchors), wrong(Fault::TimeWrong));
}

#[test]
fn a_root_with_logs_of_certificates_asks_for_their_promise() {
    let instance = Instance::new();
    let mut root = instance.root();
    root["ctlogs"] = json!([Instance::listed(&instance.log)]);
    expect(
        &judge(&good(&instance), &[root_anchor(&root), pin(SUBJECT)]),
        wrong(Fault::LogWrong),
    );
}

#[test]
fn everything_must_have_been_valid_when_it_was_signed() {
    let instance = Instance::new();
    let anchors = instance.anchors();
    let signer = instance.signer(&Named::default());
    let not_then = wrong(Fault::NotValidThen);
    for time in [SIGNED - 301, SIGNED + 301] {
        expect(
            &judge(&instance.stated(&provenance(), &signer, time), &anchors),
            not_then,
        );
    }
    for time in [SIGNED - 300, SIGNED + 300] {
        expect(&judge(&instance.stated(&provenance(), &signer, time), &anchors), PROVEN);
    }
    let bundle = good(&instance);
    let ended = json!({"start": "2021-01-01T00:00:00Z", "end": "2026-11-20T09:59:59Z"});
    let mut root = instance.root();
    root["certificateAuthorities"][0]["validFor"] = ended.clone();
    expect(&judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]), not_then);
    let mut root = instance.root();
    root["tlogs"][0]["publicKey"]["validFor"] = ended.clone();
    expect(
        &judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]),
        wrong(Fault::LogWrong),
    );
    // The promise is by the log's key, the checkpoint by one that had ended.
    let old = forge::key();
    let mut shared = good(&instance);
    let mut changed = entry(&mut shared).clone();
    instance.include(&mut changed, &old);
    *entry(&mut shared) = changed;
    let mut root = instance.root();
    let mut listed = Instance::listed(&old);
    root["tlogs"].as_array_mut().unwrap().push(listed.clone());
    expect(&judge(&shared, &[root_anchor(&root), pin(SUBJECT)]), PROVEN);
    listed["publicKey"]["validFor"] = ended.clone();
    root["tlogs"][1] = listed;
    expect(&judge(&shared, &[root_anchor(&root), pin(SUBJECT)]), not_then);
    // The clock's own window.
    let mut stamped = good(&instance);
    let signature = signature_of(&stamped);
    stamped["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [instance.stamp(&signature, SIGNED_TEXT)]});
    expect(&judge(&stamped, &anchors), PROVEN);
    let mut root = instance.root();
    root["timestampAuthorities"][0]["validFor"] = ended;
    expect(&judge(&stamped, &[root_anchor(&root), pin(SUBJECT)]), not_then);
}

#[test]
fn a_clock_that_is_behind_is_no_forgery() {
    let instance = Instance::new();
    let bundle = good(&instance);
    let behind = judge_at(&bundle, &instance.anchors(), "2026-11-20T09:59:59Z");
    expect(&behind, doubt(Doubt::NoProvenTime));
    assert!(behind.reason.contains("clock may be behind"), "{}", behind.reason);
    expect(&judge_at(&bundle, &instance.anchors(), SIGNED_TEXT), PROVEN);
    // The machine's clock, which the library reads, is behind the enclave's time: whatever it says of times is not believed.
    let later = time("2098-01-01T00:00:00Z").seconds();
    let signer = instance.signer(&Named {
        from: "2097-12-31T23:59:00Z",
        until: "2098-01-01T00:01:00Z",
        ..Named::default()
    });
    let finding = judge_at(
        &instance.stated(&provenance(), &signer, later),
        &instance.anchors(),
        "2098-01-01T00:02:00Z",
    );
    expect(&finding, doubt(Doubt::NoProvenTime));
    assert!(finding.reason.contains("clock of this machine"), "{}", finding.reason);
    // A root whose log begins later.
    let mut root = instance.root();
    root["tlogs"][0]["publicKey"]["validFor"] = json!({"start": "2098-01-01T00:00:00Z"});
    let finding = judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]);
    expect(&finding, doubt(Doubt::NoProvenTime));
}

#[test]
fn an_instance_without_a_log_reaches_less() {
    let instance = Instance::new();
    let mut root = instance.root();
    root["tlogs"] = json!([]);
    let anchors = [root_anchor(&root), pin(SUBJECT)];
    let mut bundle = good(&instance);
    expect(&judge(&bundle, &anchors), doubt(Doubt::UnknownSigner));
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    expect(&judge(&bundle, &anchors), doubt(Doubt::Incomplete));
    let signature = signature_of(&bundle);
    bundle["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [instance.stamp(&signature, SIGNED_TEXT)]});
    let finding = judge(&bundle, &anchors);
    expect(&finding, SIGNED_BY_PUBLISHER);
    assert!(noted(&finding, "no transparency log"));
    assert_eq!(finding.signed_at.unwrap().source, TimeSource::TimestampAuthority);
    // A root that has logs does not do without.
    expect(&judge(&bundle, &instance.anchors()), doubt(Doubt::Incomplete));
}

#[test]
fn a_good_bundle_about_something_else_is_wrong() {
    let instance = Instance::new();
    let anchors = instance.anchors();
    let signer = instance.signer(&Named::default());
    let differs = wrong(Fault::SubjectDiffers);
    let mut other = provenance();
    other["subject"][0]["digest"]["sha256"] = "0".repeat(64).into();
    expect(&judge(&instance.stated(&other, &signer, SIGNED), &anchors), differs);
    expect(
        &judge(&instance.signed(b"other bytes", &signer, SIGNED), &anchors),
        differs,
    );
    let mut undigested = instance.signed(b"other bytes", &signer, SIGNED);
    undigested["messageSignature"]["messageDigest"] = Value::Null;
    expect(&judge(&undigested, &anchors), wrong(Fault::SignatureWrong));
    // Half right.
    let mut half = provenance();
    half["subject"][0]["digest"]["sha512"] = "0".repeat(128).into();
    expect(&judge(&instance.stated(&half, &signer, SIGNED), &anchors), differs);
    half["subject"][0]["digest"]["sha512"] = sha512(BYTES).into();
    expect(&judge(&instance.stated(&half, &signer, SIGNED), &anchors), PROVEN);
    let weak = statement(PROVENANCE, "a.txt", json!({"sha1": "0".repeat(40)}), json!({}));
    expect(
        &judge(&instance.stated(&weak, &signer, SIGNED), &anchors),
        doubt(Doubt::UnknownAlgorithm),
    );
}

#[test]
fn what_a_statement_says_decides_the_level() {
    let instance = Instance::new();
    let signer = instance.signer(&Named::default());
    let digests = json!({"sha256": hex::encode(forge::sha256(BYTES))});
    let said = |kind: &str, predicate: Value| {
        let statement = statement(kind, "a", digests.clone(), predicate);
        judge(&instance.stated(&statement, &signer, SIGNED), &instance.anchors())
    };
    let other = said("https://spdx.dev/Document", json!({}));
    expect(&other, SIGNED_BY_PUBLISHER);
    assert!(noted(&other, "says nothing about the artifact's origin"));
    let verdict = "https://slsa.dev/verification_summary/v1";
    let failed = said(verdict, json!({"verificationResult": "FAILED"}));
    expect(&failed, Outcome::Confirmed(Level::None));
    expect(
        &said(verdict, json!({"verificationResult": "PASSED"})),
        SIGNED_BY_PUBLISHER,
    );
    expect(&said("https://in-toto.io/attestation/release/v0.1", json!({})), PROVEN);
}

#[test]
fn only_a_pinned_identity_counts() {
    let instance = Instance::new();
    let bundle = good(&instance);
    let root = root_anchor(&instance.root());
    let judged = |pins: &[Anchor]| {
        let mut anchors = vec![root.clone()];
        anchors.extend_from_slice(pins);
        judge(&bundle, &anchors)
    };
    let unknown = judged(&[]);
    expect(&unknown, doubt(Doubt::UnknownSigner));
    assert!(
        unknown.reason.contains(SUBJECT) && unknown.reason.contains(ISSUER),
        "{}",
        unknown.reason
    );
    // Pinned for this name, and somebody else.
    let other = pin("https://forge.example.com/evil/*");
    let finding = judged(std::slice::from_ref(&other));
    expect(&finding, wrong(Fault::IdentityDiffers));
    assert!(finding.reason.contains("evil"), "{}", finding.reason);
    // One of several is enough.
    expect(&judged(&[other.clone(), pin(SUBJECT)]), PROVEN);
    // Pinned for everything: says who may, not who must.
    for scope in ["*", "files", "files/*"] {
        let mut wide = other.clone();
        wide.scope = vec![ScopePattern::new(scope)];
        expect(&judged(&[wide]), doubt(Doubt::UnknownSigner));
    }
    // The right one for another name, or for another time.
    let mut elsewhere = pin(SUBJECT);
    elsewhere.scope = vec![ScopePattern::new("files/other")];
    expect(&judged(&[elsewhere]), doubt(Doubt::OutOfScope));
    let mut ended = pin(SUBJECT);
    ended.valid_until = Some(time("2026-11-20T09:59:59Z"));
    expect(&judged(&[ended]), doubt(Doubt::OutOfScope));
    let mut begun = pin(SUBJECT);
    begun.valid_from = Some(time("2026-11-20T10:00:01Z"));
    expect(&judged(&[begun]), doubt(Doubt::OutOfScope));
    // One that anybody fits counts for nothing.
    let mut anybody = pin(SUBJECT);
    if let Material::Identity(pattern) = &mut anybody.material {
        pattern.subject = None;
    }
    expect(&judged(&[anybody]), doubt(Doubt::UnknownSigner));
    // A number that survives renames.
    let mut numbered = pin(SUBJECT);
    if let Material::Identity(pattern) = &mut numbered.material {
        pattern.subject = None;
        pattern.fields.insert("repository_id".to_owned(), "1234".to_owned());
    }
    expect(&judged(std::slice::from_ref(&numbered)), PROVEN);
    if let Material::Identity(pattern) = &mut numbered.material {
        pattern.fields.insert("repository_id".to_owned(), "1235".to_owned());
    }
    expect(&judged(&[numbered]), wrong(Fault::IdentityDiffers));
    // A registry's identity speaks for the registry.
    let mut registry = pin(SUBJECT);
    registry.speaks_for = SpeaksFor::Registry;
    expect(&judged(&[registry]), Outcome::Confirmed(Level::Registry));
    // The root's own scope and window.
    let mut narrow = root.clone();
    narrow.scope = vec![ScopePattern::new("pypi")];
    expect(&judge(&bundle, &[narrow, pin(SUBJECT)]), doubt(Doubt::OutOfScope));
    let mut old = root.clone();
    old.valid_until = Some(time("2026-01-01T00:00:00Z"));
    expect(&judge(&bundle, &[old, pin(SUBJECT)]), doubt(Doubt::OutOfScope));
}

#[test]
fn a_builder_pinned_without_its_users_is_noted() {
    let instance = Instance::new();
    let judged = |repository: &str, pin: Anchor| {
        let signer = instance.signer(&Named {
            extensions: vec![san(&[uri(SUBJECT)]), field(8, ISSUER), field(12, repository)],
            ..Named::default()
        });
        let finding = judge(
            &instance.stated(&provenance(), &signer, SIGNED),
            &[root_anchor(&instance.root()), pin],
        );
        expect(&finding, PROVEN);
        noted(&finding, "whoever uses it fits")
    };
    assert!(judged("https://forge.example.com/else/where", pin(SUBJECT)));
    assert!(judged("https://forge.example.com/acme/too", pin(SUBJECT)));
    assert!(!judged("https://forge.example.com/acme/tool", pin(SUBJECT)));
    let mut both = pin(SUBJECT);
    if let Material::Identity(pattern) = &mut both.material {
        let repository = "https://forge.example.com/else/where".to_owned();
        pattern.fields.insert("repository".to_owned(), repository);
    }
    assert!(!judged("https://forge.example.com/else/where", both));
}

#[test]
fn a_pinned_key_reaches_what_its_anchor_speaks_for() {
    let instance = Instance::new();
    let key = forge::key();
    let hint = base64(forge::sha256(&forge::key_info(&key)));
    let bundle = instance.stated_by_key(&provenance(), &key, &hint, SIGNED);
    let pinned = |key: &aws_lc_rs::signature::EcdsaKeyPair| anchor("the key", Material::PublicKey(key_pem(key)));
    let root = root_anchor(&instance.root());

    let finding = judge(&bundle, &[root.clone(), pinned(&key)]);
    expect(&finding, SIGNED_BY_PUBLISHER);
    assert_eq!(finding.anchors, ["the key", "the root"]);
    assert_eq!(finding.signed_at.as_ref().unwrap().source, TimeSource::Log);
    let mut registry = pinned(&key);
    registry.speaks_for = SpeaksFor::Registry;
    expect(
        &judge(&bundle, &[root.clone(), registry]),
        Outcome::Confirmed(Level::Registry),
    );

    // Without a root the key decides alone, and the report says so.
    let alone = judge(&bundle, &[pinned(&key)]);
    expect(&alone, SIGNED_BY_PUBLISHER);
    assert!(noted(&alone, "log entry was not checked") && alone.log.is_none() && alone.signed_at.is_none());
    let unknown_log = judge(&bundle, &[root_anchor(&Instance::new().root()), pinned(&key)]);
    expect(&unknown_log, SIGNED_BY_PUBLISHER);
    assert!(noted(&unknown_log, "no pinned root has"));
    // What a known log got wrong counts.
    let mut forged = bundle.clone();
    entry(&mut forged)["integratedTime"] = (SIGNED + 1).to_string().into();
    expect(&judge(&forged, &[root.clone(), pinned(&key)]), wrong(Fault::LogWrong));
    // So does the time.
    expect(
        &judge_at(&bundle, &[root.clone(), pinned(&key)], "2026-11-20T09:00:00Z"),
        doubt(Doubt::NoProvenTime),
    );

    expect(&judge(&bundle, std::slice::from_ref(&root)), doubt(Doubt::NoAnchor));
    expect(
        &judge(&bundle, &[root.clone(), pinned(&forge::key())]),
        doubt(Doubt::UnknownSigner),
    );
    let mut tampered = bundle.clone();
    let mut other = provenance();
    other["predicate"] = json!({});
    tampered["dsseEnvelope"]["payload"] = base64(other.to_string()).into();
    expect(
        &judge(&tampered, &[root.clone(), pinned(&key)]),
        wrong(Fault::SignatureWrong),
    );
    let mut narrow = pinned(&key);
    narrow.scope = vec![ScopePattern::new("files/other")];
    expect(&judge(&bundle, &[root.clone(), narrow]), doubt(Doubt::OutOfScope));
    let mut ended = pinned(&key);
    ended.valid_until = Some(time("2026-11-20T09:00:00Z"));
    expect(&judge(&bundle, &[root.clone(), ended]), doubt(Doubt::OutOfScope));
    let mut about_other = provenance();
    about_other["subject"][0]["digest"]["sha256"] = "0".repeat(64).into();
    let about_other = instance.stated_by_key(&about_other, &key, &hint, SIGNED);
    expect(
        &judge(&about_other, &[root, pinned(&key)]),
        wrong(Fault::SubjectDiffers),
    );
}

#[test]
fn a_key_alone_signs_without_a_log() {
    let key = forge::key();
    let signed = |bytes: &[u8]| {
        json!({
            "mediaType": V03,
            "verificationMaterial": {"publicKey": {"hint": "x"}},
            "messageSignature": {"signature": base64(forge::sign(&key, bytes))},
        })
    };
    let pinned = [anchor("the key", Material::PublicKey(key_pem(&key)))];
    let finding = judge(&signed(BYTES), &pinned);
    expect(&finding, SIGNED_BY_PUBLISHER);
    assert!(noted(&finding, "no transparency log has it") && noted(&finding, "nothing proves when"));
    expect(&judge(&signed(b"other"), &pinned), doubt(Doubt::UnknownSigner));
}
