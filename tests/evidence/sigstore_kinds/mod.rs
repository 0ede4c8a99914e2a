//! What each packing of Sigstore bundles adds, on real data that the project keeps and on an instance of our own.

mod registries;

use std::path::Path;

use sealift::model::{Anchor, Artifact, Doubt, Fault, Finding, IdentityPattern, Level, Material, Outcome, Signer};
use serde_json::{Value, json};

use crate::forge;
use crate::instance::*;
use crate::support::{self, DAY, anchor, artifact};

const fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

const fn doubt(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

pub(crate) fn trusted(name: &str) -> Anchor {
    anchor("the root", Material::SigstoreRoot(text(&format!("sigstore/{name}"))))
}

/// Pins whoever signed, for everything.
pub(crate) fn pin_found(findings: &[Finding]) -> Vec<Anchor> {
    findings
        .iter()
        .flat_map(|finding| &finding.signers)
        .filter_map(|signer| match signer {
            Signer::Identity(identity) => Some(anchor(
                "the publisher",
                Material::Identity(IdentityPattern {
                    issuer: identity.issuer.clone(),
                    subject: Some(identity.subject.clone()),
                    ..IdentityPattern::default()
                }),
            )),
            _ => None,
        })
        .collect()
}

fn outcomes(findings: &[Finding]) -> Vec<Outcome> {
    findings.iter().map(|finding| finding.outcome).collect()
}

/// Judges real data with whoever signed it pinned.
fn real(kind: &str, object: Vec<u8>, artifact: &Artifact, bytes: &[u8], mut anchors: Vec<Anchor>) -> Vec<Finding> {
    let first = support::judge(kind, vec![object.clone()], artifact, bytes, &anchors, DAY);
    anchors.extend(pin_found(&first));
    support::judge(kind, vec![object], artifact, bytes, &anchors, DAY)
}

/// Judges one of ours.
fn ours(kind: &str, object: &Value, artifact: &Artifact, anchors: &[Anchor]) -> Finding {
    one(support::judge(
        kind,
        vec![object.to_string().into_bytes()],
        artifact,
        BYTES,
        anchors,
        NOW,
    ))
}

/// The root, and the publisher for everything.
fn everywhere(instance: &Instance) -> Vec<Anchor> {
    let mut pinned = pin(SUBJECT);
    pinned.scope = vec![sealift::model::ScopePattern::everything()];
    vec![root_anchor(&instance.root()), pinned]
}

#[test]
fn real_bundles_are_confirmed() {
    let bytes = fixture("sigstore/a.txt");
    let file = artifact("files", "a", "1", "a.txt", &bytes);
    for (bundle, root, level) in [
        ("message", "public-trusted_root.json", Level::Publisher),
        ("statement", "public-trusted_root.json", Level::Provenance),
        ("rekor2", "rekor2-trusted_root.json", Level::Provenance),
    ] {
        let object = fixture(&format!("sigstore/{bundle}.sigstore.json"));
        let findings = real("sigstore", object, &file, &bytes, vec![trusted(root)]);
        assert_eq!(outcomes(&findings), [Outcome::Confirmed(level)], "{findings:?}");
        assert_eq!(findings[0].claims.is_empty(), bundle == "message");
    }
    let key = anchor("the key", Material::PublicKey(text("sigstore/key.pub")));
    let object = fixture("sigstore/key.sigstore.json");
    let findings = real(
        "sigstore",
        object,
        &file,
        &bytes,
        vec![trusted("key-trusted_root.json"), key],
    );
    assert_eq!(outcomes(&findings), [Outcome::Confirmed(Level::Publisher)]);
    assert!(findings[0].log.is_some());
}

#[test]
fn a_forge_without_logs_proves_the_time_by_its_clock() {
    let object = fixture("sigstore/forge-private.sigstore.json");
    let bundle: Value = serde_json::from_slice(&object).unwrap();
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::STANDARD
        .decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap())
        .unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let subject = payload["subject"].as_array().unwrap().last().unwrap();
    // The artifact is not at hand; its digest is, and a statement is compared with nothing else.
    let mut file = artifact("files", "a", "1", "a", b"");
    let digest = subject["digest"]["sha256"].as_str().unwrap();
    file.digest = format!("sha256:{digest}").parse().unwrap();
    let findings = real(
        "sigstore",
        object.clone(),
        &file,
        b"",
        vec![trusted("forge-trusted_root.json")],
    );
    assert_eq!(
        outcomes(&findings),
        [Outcome::Confirmed(Level::Publisher)],
        "{findings:?}"
    );
    assert!(
        findings[0]
            .notes
            .iter()
            .any(|note| note.contains("no transparency log"))
    );
    // Another instance's root does not know it.
    let findings = real(
        "sigstore",
        object,
        &file,
        b"",
        vec![trusted("public-trusted_root.json")],
    );
    assert_eq!(outcomes(&findings), [doubt(Doubt::UnknownSigner)]);
}

#[test]
fn bundles_come_alone_in_lists_in_lines_and_as_forges_answer() {
    let instance = Instance::new();
    let anchors = instance.anchors();
    let good = instance.stated(&provenance(), &instance.signer(&Named::default()), SIGNED);
    let proven = Outcome::Confirmed(Level::Provenance);
    let judged = |objects: Vec<String>| {
        let objects = objects.into_iter().map(String::into_bytes).collect();
        outcomes(&support::judge("sigstore", objects, &tool(), BYTES, &anchors, NOW))
    };
    assert_eq!(judged(vec![json!([good, good]).to_string()]), [proven, proven]);
    assert_eq!(judged(vec![format!("{good}\n{good}\n")]), [proven, proven]);
    assert_eq!(
        judged(vec![
            json!({"attestations": [{"bundle": good, "repository_id": 1}]}).to_string()
        ]),
        [proven]
    );
    assert_eq!(judged(vec![good.to_string(), good.to_string()]), [proven, proven]);
    // What is broken does not stop the others.
    let malformed = wrong(Fault::Malformed);
    assert_eq!(judged(vec!["{".to_owned(), good.to_string()]), [malformed, proven]);
    assert_eq!(judged(vec![json!([1, good]).to_string()]), [malformed, proven]);
    assert_eq!(
        judged(vec![
            json!({"attestations": [{"bundle": null}, {"bundle": good}]}).to_string()
        ]),
        [malformed, proven]
    );
    // Nothing, and too much.
    assert_eq!(judged(vec!["[]".to_owned()]), [doubt(Doubt::Incomplete)]);
    assert_eq!(judged(Vec::new()), [doubt(Doubt::Incomplete)]);
    assert_eq!(judged(vec![json!(vec![1; 1001]).to_string()]), [doubt(Doubt::TooLarge)]);
    // A bare envelope proves no time.
    assert_eq!(
        judged(vec![good["dsseEnvelope"].to_string()]),
        [doubt(Doubt::NoProvenTime)]
    );
}

#[test]
fn cosigns_first_form_is_read() {
    let instance = Instance::new();
    let signer = instance.signer(&Named::default());
    let bundle = instance.signed(BYTES, &signer, SIGNED);
    let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
    let old = json!({
        "base64Signature": bundle["messageSignature"]["signature"],
        "cert": base64(forge::pem(&[&signer])),
        "rekorBundle": {
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"],
                "integratedTime": SIGNED,
                "logIndex": 0,
                "logID": hex::encode(Instance::log_id(&instance.log)),
            },
        },
    });
    let finding = judge(&old, &instance.anchors());
    expect(&finding, Outcome::Confirmed(Level::Publisher));
    assert!(finding.notes.iter().any(|note| note.contains("older form")));
    let mut late = old.clone();
    late["rekorBundle"]["Payload"]["integratedTime"] = (SIGNED + 1).into();
    expect(&judge(&late, &instance.anchors()), wrong(Fault::LogWrong));
    let mut unlogged = old.clone();
    unlogged["rekorBundle"] = Value::Null;
    expect(&judge(&unlogged, &instance.anchors()), wrong(Fault::Malformed));
    let key = forge::key();
    let by_key = json!({"base64Signature": base64(forge::sign(&key, BYTES)), "cert": ""});
    let pinned = [anchor("the key", Material::PublicKey(key_pem(&key)))];
    expect(&judge(&by_key, &pinned), Outcome::Confirmed(Level::Publisher));
}

// PyPI.

#[test]
fn nothing_that_is_cut_or_changed_is_confirmed_or_panics() {
    let bytes = fixture("sigstore/a.txt");
    let file = artifact("files", "a", "1", "a.txt", &bytes);
    for (name, root) in [
        ("statement", "public-trusted_root.json"),
        ("rekor2", "rekor2-trusted_root.json"),
    ] {
        let good = fixture(&format!("sigstore/{name}.sigstore.json"));
        let mut anchors = vec![trusted(root)];
        let found = support::judge("sigstore", vec![good.clone()], &file, &bytes, &anchors, DAY);
        anchors.extend(pin_found(&found));
        let judged = |object: Vec<u8>| support::judge("sigstore", vec![object], &file, &bytes, &anchors, DAY);
        for length in (0..good.len() - 10).step_by(97) {
            let findings = judged(good[..length].to_vec());
            assert!(!findings.iter().any(Finding::is_confirmed), "cut at {length}");
        }
        // A flipped bit is refused, or stands where nothing is signed, and then nothing else is said.
        for at in (0..good.len()).step_by(61) {
            let mut changed = good.clone();
            changed[at] ^= 1;
            for finding in judged(changed) {
                if finding.is_confirmed() {
                    assert_eq!(finding.claims, found[0].claims, "bit at {at}");
                    assert_eq!(finding.signers, found[0].signers, "bit at {at}");
                    assert_eq!(finding.signed_at, found[0].signed_at, "bit at {at}");
                }
            }
        }
    }
    for kind in [
        "sigstore",
        "pypi-attestations",
        "npm-attestations",
        "conda-attestations",
        "rubygems-attestations",
        "model-signing",
    ] {
        for garbage in [
            &b""[..],
            b"\0",
            b"null",
            b"{}",
            b"[]",
            b"[[[[]]]]",
            b"{\"attestations\":{}}",
            b"{\"mediaType\":1}",
            b"{\"version\":1}",
            b"{\"version\":1,\"attestation_bundles\":[{}]}",
            b"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"verificationMaterial\":{\"certificate\":1},\"dsseEnvelope\":{\"signatures\":[{}]}}",
            b"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"verificationMaterial\":{\"certificate\":{\"rawBytes\":\"MA==\"}},\"messageSignature\":{\"signature\":\"\"}}",
            "[".repeat(100_000).as_bytes(),
        ] {
            let findings = support::judge(
                kind,
                vec![garbage.to_vec()],
                &file,
                &bytes,
                &[trusted("public-trusted_root.json")],
                DAY,
            );
            assert!(!findings.is_empty() && !findings.iter().any(Finding::is_confirmed), "{kind}");
        }
    }
}

#[test]
fn a_bundle_over_a_list_vouches_for_the_files_that_it_names() {
    let instance = Instance::new();
    let signer = instance.signer(&Named::default());
    let list = format!("{}  tool.bin\n", sealift::model::Digest::of(BYTES).hex());
    let told = |list: &str, bundle: &Value, bytes: &[u8]| {
        let artifact = artifact("files", "tool", "1", "tool.bin", bytes);
        let objects = vec![list.as_bytes().to_vec(), bundle.to_string().into_bytes()];
        one(support::judge(
            "signed-checksums",
            objects,
            &artifact,
            bytes,
            &instance.anchors(),
            NOW,
        ))
    };
    let signed = instance.signed(list.as_bytes(), &signer, SIGNED);
    let finding = told(&list, &signed, BYTES);
    assert_eq!(
        (finding.kind.as_str(), finding.outcome),
        ("signed-checksums", Outcome::Confirmed(Level::Publisher))
    );
    assert!(finding.log.is_some() && finding.signed_at.is_some(), "{finding:?}");
    // Other bytes under a good list, and another list under a good bundle.
    expect(&told(&list, &signed, b"other"), wrong(Fault::SubjectDiffers));
    let other = format!("{}  tool.bin\n", sealift::model::Digest::of(b"other").hex());
    let refused = told(&other, &signed, b"other");
    assert!(refused.is_contradicted(), "{refused:?}");
    // Where the list comes from says nothing of where its files come from.
    let digests = json!({ "sha256": sealift::model::Digest::of(list.as_bytes()).hex() });
    let stated = instance.stated(
        &statement(PROVENANCE, "SHA256SUMS", digests, provenance()),
        &signer,
        SIGNED,
    );
    expect(&told(&list, &stated, BYTES), Outcome::Confirmed(Level::Publisher));
    // Somebody else than is pinned.
    let stranger = Named {
        extensions: vec![san(&[uri("https://forge.example.com/evil/x")]), field(8, ISSUER)],
        ..Named::default()
    };
    let finding = told(
        &list,
        &instance.signed(list.as_bytes(), &instance.signer(&stranger), SIGNED),
        BYTES,
    );
    assert!(!finding.is_confirmed(), "{finding:?}");
}

#[test]
fn a_bare_signature_counts_by_a_pinned_key_alone() {
    let (key, other) = (forge::key(), forge::key());
    let artifact = tool();
    let told = |signature: Vec<u8>, bytes: &[u8], keys: &[&aws_lc_rs::signature::EcdsaKeyPair]| {
        let anchors: Vec<Anchor> = keys
            .iter()
            .map(|key| anchor("ours", Material::PublicKey(key_pem(key))))
            .collect();
        let artifact = Artifact {
            digest: sealift::model::Digest::of(bytes),
            ..artifact.clone()
        };
        one(support::judge(
            "raw-signature",
            vec![signature],
            &artifact,
            bytes,
            &anchors,
            NOW,
        ))
    };
    let signature = forge::sign(&key, BYTES);
    for form in [
        signature.clone(),
        base64(&signature).into_bytes(),
        format!("{}\n", base64(&signature)).into_bytes(),
    ] {
        let finding = told(form, BYTES, &[&other, &key]);
        assert_eq!(
            (finding.kind.as_str(), finding.outcome),
            ("raw-signature", Outcome::Confirmed(Level::Publisher))
        );
        assert!(
            finding.notes.iter().any(|note| note.contains("nothing proves when")),
            "{finding:?}"
        );
    }
    expect(
        &told(signature.clone(), BYTES, &[]),
        Outcome::Undecided(Doubt::NoAnchor),
    );
    // It names nobody, so that nobody pinned can be said to have signed other bytes.
    for (bytes, keys) in [(b"other".as_slice(), [&key]), (BYTES, [&other])] {
        expect(
            &told(signature.clone(), bytes, &keys),
            Outcome::Undecided(Doubt::UnknownSigner),
        );
    }
    expect(&told(vec![0; 257], BYTES, &[&key]), Outcome::Undecided(Doubt::TooLarge));
    assert!(!told(b"no signature".to_vec(), BYTES, &[&key]).is_confirmed());
}
