//! npm's registry signatures: `03-npm`, and each check by itself.

use std::io::Cursor;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::{PublicKey, Signer as _};
use sealift::evidence::{self, Context};
use sealift::model::{
    Algorithm, Anchor, ClaimHasher, Doubt, Fault, Finding, Level, Material, Outcome, Remembering, Signer,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use crate::data::{Judged, Row};
use crate::fixtures;
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, time, until};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Registry);

/// The packument that a version document is cut from, with the time at which it says that the version was published.
fn packument(version: &Value, published: Option<&str>) -> Vec<u8> {
    let number = version["version"].as_str().unwrap();
    let mut packument = json!({"name": version["name"], "versions": {number: version}});
    if let Some(published) = published {
        packument["time"] = json!({number: published});
    }
    packument.to_string().into_bytes()
}

fn judge_version(version: &Value, published: Option<&str>, tarball: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let (name, number) = (version["name"].as_str().unwrap(), version["version"].as_str().unwrap());
    let artifact = artifact("npm", name, number, &format!("{name}-{number}.tgz"), tarball);
    judge(
        "npm-signature",
        vec![packument(version, published)],
        &artifact,
        tarball,
        anchors,
        DAY,
    )
}

/// Judges a row of the collection. The tarballs of most rows are not at hand: then the right answer is that the bytes differ, after
/// a signature that fits.
pub(crate) fn collection(row: &Row) -> Judged {
    let files: Vec<&str> = row.files.split_whitespace().filter(|word| word.contains('/')).collect();
    let mut version: Value = serde_json::from_slice(&row.read(files[0])).unwrap();
    let mut keys: Value = serde_json::from_str(&row.text("keys.json")).unwrap();
    // The index names the key; the old one signed what was published before its end.
    let current = version["dist"]["signatures"][0]["keyid"]
        .as_str()
        .unwrap()
        .starts_with("SHA256:DhQ8");
    let published = if current {
        "2025-02-27T00:00:00.000Z"
    } else {
        "2024-12-01T00:00:00.000Z"
    };
    match row.case.as_str() {
        "pair/sig-of-other" => {
            let other: Value = serde_json::from_slice(&row.read(files[1].trim_end_matches('.'))).unwrap();
            version["dist"]["signatures"] = other["dist"]["signatures"].clone();
        }
        "pair/wrong-keyid" => keys["keys"]
            .as_array_mut()
            .unwrap()
            .retain(|key| key["keyId"].as_str().unwrap().starts_with("SHA256:jl3b")),
        _ => {}
    }
    let tarball = files.iter().find(|file| file.ends_with(".tgz"));
    let bytes = tarball.map(|file| row.read(file));
    let anchors = [anchor("npm", Material::NpmKeys(keys.to_string()))];
    let mut findings = judge_version(
        &version,
        Some(published),
        bytes.as_deref().unwrap_or(b"not at hand"),
        &anchors,
    );
    if bytes.is_none() {
        // All was checked but the bytes.
        for finding in &mut findings {
            if finding.outcome == Outcome::Contradicted(Fault::SubjectDiffers) {
                assert!(
                    finding.reason.starts_with("the registry signed a tarball with sha512 "),
                    "{finding:?}"
                );
                finding.outcome = CONFIRMED;
            }
        }
    }
    Judged::Findings(findings)
}

struct Registry {
    pair: EcdsaKeyPair,
}

impl Registry {
    fn new() -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
        }
    }

    fn keys(&self, id: &str, expires: Option<&str>) -> Material {
        let key = PublicKey::p256(self.pair.public_key().as_ref()).unwrap().to_base64();
        let scheme = "ecdsa-sha2-nistp256";
        Material::NpmKeys(
            json!({"keys": [{"keyid": id, "keytype": scheme, "scheme": scheme, "key": key, "expires": expires}]})
                .to_string(),
        )
    }

    fn version(&self, tarball: &[u8]) -> Value {
        let integrity = format!("sha512-{}", STANDARD.encode(Sha512::digest(tarball)));
        self.version_with(&integrity)
    }

    fn version_with(&self, integrity: &str) -> Value {
        let message = format!("@corp/x@1.0.0:{integrity}");
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        json!({"name": "@corp/x", "version": "1.0.0", "dist": {"integrity": integrity,
            "signatures": [{"keyid": "K", "sig": STANDARD.encode(signature.as_ref())}]}})
    }
}

#[test]
fn a_real_signature_is_confirmed_with_what_it_shows() {
    let version: Value = serde_json::from_slice(&fixtures::bytes("npm/dist/async-2.5.0.json")).unwrap();
    let tarball = fixtures::bytes("npm/tarballs/async-2.5.0.tgz");
    let keys = || Material::NpmKeys(fixtures::text("npm/registry-keys.json"));
    let findings = judge_version(
        &version,
        Some("2017-06-25T00:00:00.000Z"),
        &tarball,
        &[anchor("npm", keys())],
    );
    assert_eq!(outcome(&findings), CONFIRMED);
    let finding = &findings[0];
    assert_eq!(finding.anchors, ["npm"]);
    // When it was published is the packument's word, and nobody signed it.
    assert_eq!(finding.signed_at, None);
    assert!(matches!(&finding.signers[0], Signer::Key { fingerprint, .. } if fingerprint.starts_with("SHA256:jl3b")));
    assert!(finding.notes[0].contains("unsigned word"), "{finding:?}");
    let findings = judge_version(
        &version,
        Some("2017-06-25T00:00:00.000Z"),
        b"other",
        &[anchor("npm", keys())],
    );
    assert_eq!(outcome(&findings), Outcome::Contradicted(Fault::SubjectDiffers));
    // The key ended on 2025-01-29.
    let findings = judge_version(
        &version,
        Some("2025-01-29T00:00:00.000Z"),
        &tarball,
        &[anchor("npm", keys())],
    );
    assert_eq!(outcome(&findings), Outcome::Contradicted(Fault::NotValidThen));
    let findings = judge_version(
        &version,
        Some("1998-06-25T00:00:00.000Z"),
        &tarball,
        &[anchor("npm", keys())],
    );
    assert_eq!(outcome(&findings), Outcome::Contradicted(Fault::NotValidThen));
    for nothing in [None, Some("yesterday")] {
        let findings = judge_version(&version, nothing, &tarball, &[anchor("npm", keys())]);
        assert_eq!(outcome(&findings), Outcome::Undecided(Doubt::NoProvenTime));
    }
}

#[test]
fn a_tarball_whose_digest_is_known_is_not_read() {
    let registry = Registry::new();
    let page = packument(&registry.version(b"tarball"), None);
    let anchors = [anchor("corp", registry.keys("K", None))];
    let artifact = artifact("npm", "@corp/x", "1.0.0", "x-1.0.0.tgz", b"tarball");
    let told = |known: &[u8]| {
        let context = Context {
            anchors: &anchors,
            now: time(DAY),
            exported: time(DAY),
            max_transit_seconds: 0,
        };
        let opened = evidence::find("npm-signature")
            .unwrap()
            .open(vec![page.clone()], &context)
            .unwrap();
        let mut hasher = ClaimHasher::new([Algorithm::Sha512]);
        hasher.update(known);
        outcome(&opened.judge(&artifact, &mut Remembering::new(Cursor::new(b""), hasher.finish())))
    };
    assert_eq!(told(b"tarball"), CONFIRMED);
    assert_eq!(told(b"other"), Outcome::Contradicted(Fault::SubjectDiffers));
}

#[test]
fn each_check_fails_alone() {
    let registry = Registry::new();
    let tarball = b"tarball";
    let good = registry.version(tarball);
    let pinned = || vec![anchor("npm", registry.keys("K", None))];
    let told = |version: &Value, anchors: &[Anchor]| outcome(&judge_version(version, None, tarball, anchors));
    let changed = |pointer: &str, value: Value| {
        let mut version = good.clone();
        *version.pointer_mut(pointer).unwrap() = value;
        version
    };
    assert_eq!(told(&good, &pinned()), CONFIRMED);
    assert_eq!(told(&good, &[]), Outcome::Undecided(Doubt::NoAnchor));
    assert_eq!(
        told(&good, &[anchor("npm", registry.keys("L", None))]),
        Outcome::Undecided(Doubt::UnknownSigner)
    );
    assert_eq!(
        told(&good, &[anchor("npm", Registry::new().keys("K", None))]),
        Outcome::Contradicted(Fault::SignatureWrong)
    );
    assert_eq!(
        told(&changed("/dist/signatures/0/sig", json!("bogus")), &pinned()),
        Outcome::Contradicted(Fault::SignatureWrong)
    );
    let other = format!("sha512-{}", STANDARD.encode([0; 64]));
    assert_eq!(
        told(&changed("/dist/integrity", json!(other)), &pinned()),
        Outcome::Contradicted(Fault::SignatureWrong)
    );
    assert_eq!(
        told(&changed("/dist/signatures", json!([])), &pinned()),
        Outcome::Undecided(Doubt::Incomplete)
    );
    assert_eq!(
        told(&changed("/dist/integrity", Value::Null), &pinned()),
        Outcome::Undecided(Doubt::Incomplete)
    );
    assert_eq!(
        told(&changed("/dist", Value::Null), &pinned()),
        Outcome::Undecided(Doubt::Incomplete)
    );
    let many = vec![good["dist"]["signatures"][0].clone(); 9];
    assert_eq!(
        told(&changed("/dist/signatures", json!(many)), &pinned()),
        Outcome::Undecided(Doubt::TooLarge)
    );
    // A key of another algorithm than its list says cannot be used.
    let Material::NpmKeys(list) = registry.keys("K", None) else {
        unreachable!("keys are keys");
    };
    let own = PublicKey::p256(registry.pair.public_key().as_ref())
        .unwrap()
        .to_base64();
    let other_key = FileKey::from_seed(&[1; 32]).public().to_base64();
    let relabelled = anchor("npm", Material::NpmKeys(list.replace(&own, &other_key)));
    assert_eq!(told(&good, &[relabelled]), Outcome::Undecided(Doubt::NoAnchor));
    // Well signed, and too weak to name bytes.
    for weak in [
        "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=".to_owned(),
        format!("{other} sha512-AA=="),
        "sha512-AA==".to_owned(),
    ] {
        assert_eq!(
            told(&registry.version_with(&weak), &pinned()),
            Outcome::Contradicted(Fault::Weak),
            "{weak}"
        );
    }
    // Scope and window.
    let elsewhere = scoped("npm", "npm/@other/*", registry.keys("K", None));
    assert_eq!(told(&good, &[elsewhere]), Outcome::Undecided(Doubt::OutOfScope));
    let ended = until("npm", "2026-11-20T00:00:00Z", registry.keys("K", None));
    assert_eq!(told(&good, &[ended]), Outcome::Undecided(Doubt::OutOfScope));
    let ended = anchor("npm", registry.keys("K", Some("2026-01-01T00:00:00.000Z")));
    assert_eq!(told(&good, &[ended]), Outcome::Undecided(Doubt::NoProvenTime));
}

#[test]
fn the_entry_must_be_the_artifacts() {
    let registry = Registry::new();
    let anchors = [anchor("npm", registry.keys("K", None))];
    let good = registry.version(b"tarball");
    let told = |packument: Value, name: &str, version: &str| {
        let artifact = artifact("npm", name, version, "x.tgz", b"tarball");
        outcome(&judge(
            "npm-signature",
            vec![packument.to_string().into_bytes()],
            &artifact,
            b"tarball",
            &anchors,
            DAY,
        ))
    };
    let packument = |name: &str, key: &str| json!({"name": name, "versions": {key: good}});
    assert_eq!(told(packument("@corp/x", "1.0.0"), "@corp/x", "1.0.0"), CONFIRMED);
    assert_eq!(
        told(packument("@corp/x", "1.0.0"), "@corp/y", "1.0.0"),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    // The right entry on another's page.
    assert_eq!(
        told(packument("@corp/y", "1.0.0"), "@corp/x", "1.0.0"),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    assert_eq!(
        told(packument("@corp/x", "1.0.0"), "@corp/x", "1.0.1"),
        Outcome::Undecided(Doubt::Incomplete)
    );
    // A well signed old version under a new number, or under another name.
    assert_eq!(
        told(packument("@corp/x", "1.0.1"), "@corp/x", "1.0.1"),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    assert_eq!(
        told(packument("@corp/y", "1.0.0"), "@corp/y", "1.0.0"),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
}

#[test]
fn what_is_no_packument_is_refused_without_a_panic() {
    let artifact = artifact("npm", "x", "1.0.0", "x-1.0.0.tgz", b"");
    let anchors = [anchor("npm", Registry::new().keys("K", None))];
    let told = |objects: Vec<Vec<u8>>| outcome(&judge("npm-signature", objects, &artifact, b"", &anchors, DAY));
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    let good = packument(&Registry::new().version(b""), None);
    for garbage in [&b""[..], b"null", b"[]", b"{}", b"\xff", &good[..good.len() / 2], &deep] {
        assert_eq!(told(vec![garbage.to_vec()]), Outcome::Contradicted(Fault::Malformed));
    }
    assert_eq!(told(vec![]), Outcome::Undecided(Doubt::Incomplete));
    assert_eq!(told(vec![good.clone(), good]), Outcome::Undecided(Doubt::Incomplete));
}

#[test]
fn one_finding_for_each_signature() {
    let registry = Registry::new();
    let mut version = registry.version(b"tarball");
    let own = version["dist"]["signatures"][0].clone();
    version["dist"]["signatures"] = json!([{"keyid": "new", "sig": own["sig"]}, own]);
    let findings = judge_version(&version, None, b"tarball", &[anchor("npm", registry.keys("K", None))]);
    let outcomes: Vec<Outcome> = findings.iter().map(|finding| finding.outcome).collect();
    assert_eq!(outcomes, [Outcome::Undecided(Doubt::UnknownSigner), CONFIRMED]);
}
