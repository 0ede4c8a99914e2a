//! Every check of a model's signature, on real ones that the project keeps and on our own.

use sealift::model::{Anchor, Artifact, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern, SpeaksFor};
use serde_json::{Value, json};

use crate::forge::{self, Holder, Says, extension, tlv};
use crate::instance::*;
use crate::sigstore_kinds::fixture;
use crate::support::{self, DAY, anchor, artifact, time};

const fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

const fn doubt(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

const SIGNED_BY_PUBLISHER: Outcome = Outcome::Confirmed(Level::Publisher);

fn text(name: &str) -> String {
    String::from_utf8(fixture(&format!("sigstore/models/{name}"))).unwrap()
}

fn authority(pem: String) -> Anchor {
    anchor("the authority", Material::Certificates(pem))
}

fn file(name: &str, bytes: &[u8]) -> Artifact {
    artifact("huggingface", "org/model", "1", name, bytes)
}

fn judge(signature: Vec<u8>, file: &Artifact, bytes: &[u8], anchors: &[Anchor]) -> Finding {
    judge_at(signature, file, bytes, anchors, DAY)
}

fn judge_at(signature: Vec<u8>, file: &Artifact, bytes: &[u8], anchors: &[Anchor], now: &str) -> Finding {
    one(support::judge(
        "model-signing",
        vec![signature],
        file,
        bytes,
        anchors,
        now,
    ))
}

#[test]
fn real_models_are_confirmed_file_by_file() {
    let authority = authority(text("ca-cert.pem"));
    let key = anchor("the key", Material::PublicKey(text("signing-key-pub.pem")));
    for (signature, file_name, bytes, pinned) in [
        ("v0.2.0-certificate.sig", "signme-1", "signme-1", &authority),
        ("v1.1.0-certificate.sig", "signme-1", "signme-1", &authority),
        ("v1.1.0-certificate.sig", "signme-2", "signme-2", &authority),
        ("v1.0.1-elliptic-key.sig", "signme-1", "signme-1-by-key", &key),
    ] {
        let bytes = fixture(&format!("sigstore/models/{bytes}"));
        let object = fixture(&format!("sigstore/models/{signature}"));
        let judged = |pinned: &Anchor| {
            judge(
                object.clone(),
                &file(file_name, &bytes),
                &bytes,
                std::slice::from_ref(pinned),
            )
        };
        let finding = judged(pinned);
        expect(&finding, SIGNED_BY_PUBLISHER);
        assert!(
            finding.notes.iter().any(|note| note.contains("nothing proves when")),
            "{finding:?}"
        );
        let mut registry = pinned.clone();
        registry.speaks_for = SpeaksFor::Registry;
        expect(&judged(&registry), Outcome::Confirmed(Level::Registry));
        let mut narrow = pinned.clone();
        narrow.scope = vec![ScopePattern::new("huggingface/other/*")];
        expect(&judged(&narrow), doubt(Doubt::OutOfScope));
        let mut ended = pinned.clone();
        ended.valid_until = Some(time("2026-01-01T00:00:00Z"));
        expect(&judged(&ended), doubt(Doubt::OutOfScope));
        expect(
            &judge(object.clone(), &file(file_name, &bytes), &bytes, &[]),
            doubt(Doubt::NoAnchor),
        );
        // Another file under that name, a name that is not listed, and the signature itself.
        let changed = b"changed";
        expect(
            &judge(
                object.clone(),
                &file(file_name, changed),
                changed,
                std::slice::from_ref(pinned),
            ),
            wrong(Fault::SubjectDiffers),
        );
        expect(
            &judge(
                object.clone(),
                &file("signme-3", &bytes),
                &bytes,
                std::slice::from_ref(pinned),
            ),
            wrong(Fault::SubjectDiffers),
        );
        let itself = file("model.sig", &object);
        expect(
            &judge(object.clone(), &itself, &object, std::slice::from_ref(pinned)),
            doubt(Doubt::Incomplete),
        );
        // The payload is signed.
        let mut value: Value = serde_json::from_slice(&object).unwrap();
        value["dsseEnvelope"]["signatures"][0]["sig"] = base64(forge::sign(&forge::key(), b"x")).into();
        expect(
            &judge(
                value.to_string().into_bytes(),
                &file(file_name, &bytes),
                &bytes,
                std::slice::from_ref(pinned),
            ),
            wrong(Fault::SignatureWrong),
        );
    }
    // What it leaves out by name.
    let object = fixture("sigstore/models/v1.1.0-certificate.sig");
    let left_out = file(".git/config", b"x");
    expect(&judge(object, &left_out, b"x", &[authority]), doubt(Doubt::Incomplete));
}

/// A model of one file, changed as a test wants.
fn listing(change: impl Fn(&mut Value)) -> Value {
    let digest = forge::sha256(BYTES);
    let mut statement = statement(
        "https://model_signing/signature/v1.0",
        "model",
        json!({"sha256": hex::encode(forge::sha256(&digest))}),
        json!({
            "serialization": {"method": "files", "hash_type": "sha256"},
            "resources": [{"name": "weights/a.bin", "algorithm": "sha256", "digest": hex::encode(&digest)}],
        }),
    );
    change(&mut statement);
    statement
}

fn weights() -> Artifact {
    file("weights/a.bin", BYTES)
}

/// Signs with a key, without a log.
fn by_key(statement: &Value, key: &aws_lc_rs::signature::EcdsaKeyPair) -> Value {
    let payload = statement.to_string();
    let signature = forge::sign(key, &envelope_message(payload.as_bytes()));
    json!({
        "mediaType": V03,
        "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "dsseEnvelope": envelope(payload.as_bytes(), &signature),
    })
}

#[test]
fn the_list_of_files_holds_together() {
    let key = forge::key();
    let pinned = [anchor("the key", Material::PublicKey(key_pem(&key)))];
    let judged = |change: &dyn Fn(&mut Value)| {
        let signature = by_key(&listing(change), &key).to_string().into_bytes();
        judge(signature, &weights(), BYTES, &pinned)
    };
    expect(&judged(&|_| {}), SIGNED_BY_PUBLISHER);
    let malformed = wrong(Fault::Malformed);
    expect(
        &judged(&|statement| statement["subject"][0]["digest"]["sha256"] = "0".repeat(64).into()),
        malformed,
    );
    expect(
        &judged(&|statement| {
            let resource = statement["predicate"]["resources"][0].clone();
            statement["predicate"]["resources"] = json!([resource, resource]);
            let digest = forge::sha256(BYTES);
            let twice = hex::encode(forge::sha256(&[digest.as_slice(), &digest].concat()));
            statement["subject"][0]["digest"]["sha256"] = twice.into();
        }),
        malformed,
    );
    expect(
        &judged(&|statement| {
            let subject = statement["subject"][0].clone();
            statement["subject"] = json!([subject, subject]);
        }),
        wrong(Fault::SubjectDiffers),
    );
    expect(
        &judged(&|statement| statement["predicate"]["serialization"]["method"] = "shards".into()),
        doubt(Doubt::UnknownFormat),
    );
    expect(
        &judged(&|statement| statement["predicate"]["resources"][0]["algorithm"] = "blake2b".into()),
        doubt(Doubt::UnknownAlgorithm),
    );
    expect(&judged(&|statement| statement["predicate"] = json!({})), malformed);
    // The message of the oldest format counts for its own statement alone.
    let payload = listing(|_| {}).to_string();
    let message = format!("DSSEV1 28 application/vnd.in-toto+json {} b'{payload}'", payload.len());
    let mut relabelled = by_key(&listing(|_| {}), &key);
    relabelled["dsseEnvelope"]["signatures"][0]["sig"] = base64(forge::sign(&key, message.as_bytes())).into();
    let judged_at = |value: &Value| judge(value.to_string().into_bytes(), &weights(), BYTES, &pinned);
    expect(&judged_at(&relabelled), doubt(Doubt::UnknownSigner));
    let old = |count: usize| {
        let subject = json!({"name": "weights/a.bin", "digest": {"sha256": hex::encode(forge::sha256(BYTES))}});
        let mut statement = listing(|_| {});
        statement["predicateType"] = "https://model_signing/Digests/v0.1".into();
        statement["subject"] = vec![subject; count].into();
        judged_at(&by_key(&statement, &key))
    };
    expect(&old(1), SIGNED_BY_PUBLISHER);
    expect(&old(2), malformed);
    let nothing = one(support::judge(
        "model-signing",
        Vec::new(),
        &weights(),
        BYTES,
        &pinned,
        DAY,
    ));
    expect(&nothing, doubt(Doubt::Incomplete));
    expect(
        &judged(&|statement| statement["predicateType"] = PROVENANCE.into()),
        doubt(Doubt::UnknownFormat),
    );
}

#[test]
fn a_key_is_pinned_or_unknown_and_nothing_else_is_beside_it() {
    let key = forge::key();
    let good = by_key(&listing(|_| {}), &key);
    let pinned = [anchor("the key", Material::PublicKey(key_pem(&key)))];
    let other = [anchor("another key", Material::PublicKey(key_pem(&forge::key())))];
    let judged = |value: &Value, anchors: &[Anchor]| judge(value.to_string().into_bytes(), &weights(), BYTES, anchors);
    expect(&judged(&good, &other), doubt(Doubt::UnknownSigner));
    // A key that the signature names, and that did not make it.
    for hint in [
        base64(forge::sha256(&forge::key_info(&key))),
        hex::encode(forge::sha256(key_pem(&key).as_bytes())),
    ] {
        let mut forged = by_key(&listing(|_| {}), &forge::key());
        forged["verificationMaterial"]["publicKey"]["hint"] = hint.into();
        expect(&judged(&forged, &pinned), wrong(Fault::SignatureWrong));
    }
    // A key that it states is named only if it is that one (v1.0).
    let forger = forge::key();
    for (stated, outcome) in [
        (&key, wrong(Fault::SignatureWrong)),
        (&forger, doubt(Doubt::UnknownSigner)),
    ] {
        let mut forged = by_key(&listing(|_| {}), &forger);
        forged["verificationMaterial"]["publicKey"]["rawBytes"] = base64(key_pem(stated)).into();
        expect(&judged(&forged, &pinned), outcome);
    }
    let mut logged = good.clone();
    logged["verificationMaterial"]["tlogEntries"] = json!([{}]);
    expect(&judged(&logged, &pinned), doubt(Doubt::UnknownFormat));
    let mut both = good.clone();
    both["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": []});
    expect(&judged(&both, &pinned), wrong(Fault::Malformed));
    let mut unversioned = good;
    unversioned.as_object_mut().unwrap().remove("mediaType");
    expect(&judged(&unversioned, &pinned), wrong(Fault::Malformed));
}

/// Signs with a certificate and its chain.
fn by_chain(signer: &Holder, chain: &[&Holder]) -> Value {
    let mut value = by_key(&listing(|_| {}), &signer.key);
    let certificates: Vec<Value> = std::iter::once(signer)
        .chain(chain.iter().copied())
        .map(|holder| json!({"rawBytes": base64(&holder.certificate)}))
        .collect();
    value["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": certificates}});
    value
}

#[test]
fn a_chain_leads_to_a_pinned_authority_and_every_certificate_may_do_what_it_does() {
    let (root, leaf) = Holder::pair();
    let pinned = [authority(forge::pem(&[&root]))];
    let judged = |value: &Value| judge(value.to_string().into_bytes(), &weights(), BYTES, &pinned);
    expect(&judged(&by_chain(&leaf, &[])), SIGNED_BY_PUBLISHER);
    let chain_wrong = wrong(Fault::ChainWrong);

    // Through one between; one that is no authority, or not for certificates, or for shorter chains.
    let between = root.issue(&Says::authority("Between"));
    let signer = between.issue(&Says::default());
    expect(&judged(&by_chain(&signer, &[&between])), SIGNED_BY_PUBLISHER);
    expect(&judged(&by_chain(&signer, &[])), doubt(Doubt::UnknownSigner));
    for says in [
        Says {
            authority: None,
            ..Says::authority("Between")
        },
        Says {
            usage: Some(0x80),
            ..Says::authority("Between")
        },
        Says {
            more: vec![extension("1.2.3.4", true, b"")],
            ..Says::authority("Between")
        },
    ] {
        let between = root.issue(&says);
        let signer = between.issue(&Says::default());
        expect(&judged(&by_chain(&signer, &[&between])), chain_wrong);
    }
    let short = root.issue(&Says {
        authority: Some(Some(0)),
        ..Says::authority("Short")
    });
    let long = short.issue(&Says::authority("Long"));
    expect(
        &judged(&by_chain(&long.issue(&Says::default()), &[&long, &short])),
        chain_wrong,
    );
    expect(
        &judged(&by_chain(&short.issue(&Says::default()), &[&short])),
        SIGNED_BY_PUBLISHER,
    );

    // An authority of the same name with another key, and one that nobody pinned.
    let namesake = Holder::alone(&Says::authority("Root"));
    expect(&judged(&by_chain(&namesake.issue(&Says::default()), &[])), chain_wrong);
    let stranger = Holder::alone(&Says::authority("Stranger"));
    let stranger_chain = by_chain(&stranger.issue(&Says::default()), &[&stranger]);
    expect(&judged(&stranger_chain), doubt(Doubt::UnknownSigner));
    expect(
        &judge(stranger_chain.to_string().into_bytes(), &weights(), BYTES, &[]),
        doubt(Doubt::NoAnchor),
    );

    // The signer's own: not for signatures, not for code, critical and unknown; a signing authority's will do.
    for says in [
        Says {
            usage: Some(0x20),
            ..Says::default()
        },
        Says {
            purposes: Some((false, &[forge::SERVER])),
            ..Says::default()
        },
        Says {
            usage: None,
            purposes: None,
            ..Says::default()
        },
        Says {
            more: vec![extension("1.2.3.4", true, &tlv(5, b""))],
            ..Says::default()
        },
    ] {
        expect(&judged(&by_chain(&root.issue(&says), &[])), chain_wrong);
    }
    let signing_authority = root.issue(&Says {
        authority: Some(None),
        ..Says::default()
    });
    expect(&judged(&by_chain(&signing_authority, &[])), SIGNED_BY_PUBLISHER);

    // Nothing proves the time: what is not valid now is not judged.
    let now = |now: &str| {
        let value = by_chain(&leaf, &[]).to_string().into_bytes();
        judge_at(value, &weights(), BYTES, &pinned, now)
    };
    expect(&now("2019-12-31T23:59:59Z"), doubt(Doubt::NoProvenTime));
    expect(&now("2030-01-01T00:00:01Z"), doubt(Doubt::NoProvenTime));

    // Each for itself: the signer's certificate, its issuer's, and one between.
    let ended = |name| Says {
        until: "2026-01-01T00:00:00Z",
        ..Says::authority(name)
    };
    let own = root.issue(&Says {
        until: "2026-01-01T00:00:00Z",
        ..Says::default()
    });
    expect(&judged(&by_chain(&own, &[])), doubt(Doubt::NoProvenTime));
    let between = root.issue(&ended("Between"));
    let signer = between.issue(&Says::default());
    expect(&judged(&by_chain(&signer, &[&between])), doubt(Doubt::NoProvenTime));
    let old_root = Holder::alone(&ended("Root"));
    let value = by_chain(&old_root.issue(&Says::default()), &[])
        .to_string()
        .into_bytes();
    let pinned_old = [authority(forge::pem(&[&old_root]))];
    expect(
        &judge(value, &weights(), BYTES, &pinned_old),
        doubt(Doubt::NoProvenTime),
    );
    // A key that no longer proves anything.
    let short = forge::certify_info(&Says::default(), &forge::rsa_info(&[0xc1; 128]), "Root", &root.key);
    let mut weak = by_chain(&leaf, &[]);
    weak["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = base64(short).into();
    expect(&judged(&weak), wrong(Fault::Weak));

    // Another signer's signature under this chain.
    let mut other = by_key(&listing(|_| {}), &forge::key());
    other["verificationMaterial"] = by_chain(&leaf, &[])["verificationMaterial"].clone();
    expect(&judged(&other), wrong(Fault::SignatureWrong));
    let mut empty = by_chain(&leaf, &[]);
    empty["verificationMaterial"]["x509CertificateChain"]["certificates"] = json!([]);
    expect(&judged(&empty), wrong(Fault::Malformed));
}

#[test]
fn a_model_signed_by_an_identity_is_judged_like_any_bundle() {
    let instance = Instance::new();
    let signer = instance.signer(&Named::default());
    let mut pinned = pin(SUBJECT);
    pinned.scope = vec![ScopePattern::new("huggingface/org/model")];
    let anchors = [root_anchor(&instance.root()), pinned];
    let judged =
        |bundle: &Value, file: &Artifact| judge_at(bundle.to_string().into_bytes(), file, BYTES, &anchors, NOW);
    let bundle = instance.stated(&listing(|_| {}), &signer, SIGNED);
    expect(&judged(&bundle, &weights()), SIGNED_BY_PUBLISHER);
    expect(&judged(&bundle, &file("b.bin", BYTES)), wrong(Fault::SubjectDiffers));
    let inconsistent = listing(|statement| statement["subject"][0]["digest"]["sha256"] = "0".repeat(64).into());
    expect(
        &judged(&instance.stated(&inconsistent, &signer, SIGNED), &weights()),
        wrong(Fault::Malformed),
    );
    // A signature over one file alone says nothing of a model.
    expect(
        &judged(&instance.signed(BYTES, &signer, SIGNED), &weights()),
        doubt(Doubt::UnknownFormat),
    );
}
