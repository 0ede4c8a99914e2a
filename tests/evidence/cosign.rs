//! cosign's simple signatures: `07-oci/cosign`, and each check by itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::model::{
    Anchor, Digest, Doubt, Fault, Finding, IdentityPattern, Level, LogProof, Material, Outcome, TimeSource,
};
use serde_json::{Value, json};

use crate::data::{Judged, Row};
use crate::fixtures;
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, until};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);
const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn judged(objects: Vec<Vec<u8>>, name: &str, version: &str, manifest: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("oci", name, version, "manifest.json", manifest);
    judge("cosign", objects, &artifact, manifest, anchors, DAY)
}

/// The reference in an attachment's payload: the rows name the host only as "the test host".
fn reference(signature: &[u8]) -> String {
    let Some(json) = signature.strip_prefix(b"\0sigstore-json\n") else {
        return String::new();
    };
    let attachment: Value = serde_json::from_slice(json).unwrap();
    let payload = STANDARD.decode(attachment["payload"].as_str().unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap_or_default();
    let reference = payload["critical"]["identity"]["docker-reference"].as_str();
    reference.unwrap_or_default().to_owned()
}

/// Judges a row of the collection.
pub(crate) fn collection(row: &Row) -> Judged {
    let folder = row.files.trim_end_matches('/');
    let signature = row.read(&format!("cosign/{folder}/signature-1"));
    let manifest = row.read(&format!("cosign/{folder}/manifest.json"));
    let reference = reference(&signature);
    // `host:port/name:tag`
    let (host, path) = reference.split_once('/').unwrap_or(("host", "name"));
    let (path, tag) = path
        .split_once(':')
        .map_or((path, None), |(path, tag)| (path, Some(tag)));
    if row.verdict == "valid" {
        assert!(
            row.expected
                .contains(&path[path.rfind('/').map_or(0, |slash| slash + 1)..]),
            "{reference}"
        );
    }
    let name = if row.expected == "any other repository" {
        format!("{host}/another")
    } else {
        format!("{host}/{path}")
    };
    let anchors = if row.root.contains("fulcio") {
        let mut words = row.expected.split("; ").nth(1).unwrap().split(" / ");
        let identity = IdentityPattern {
            subject: words.next().map(str::to_owned),
            issuer: words.next().unwrap().to_owned(),
            ..IdentityPattern::default()
        };
        vec![
            anchor(
                "root",
                Material::SigstoreRoot(row.text("bundles/prod-trusted_root.json")),
            ),
            anchor("identity", Material::Identity(identity)),
        ]
    } else {
        vec![anchor(
            "key",
            Material::PublicKey(row.text(&format!("cosign/{}", row.root))),
        )]
    };
    let version = tag.unwrap_or("latest");
    let findings = judged(vec![signature], &name, version, &manifest, &anchors);
    if row.root.contains("fulcio") {
        let finding = &findings[0];
        assert_eq!(outcome(&findings), CONFIRMED, "{finding:?}");
        assert_eq!(finding.kind, "cosign");
        assert_eq!(finding.signed_at.as_ref().unwrap().source, TimeSource::Log);
        assert_eq!(finding.log.as_ref().unwrap().proof, LogProof::Promise);
        keyless_checks(row, &name, &manifest, &anchors);
    }
    Judged::Findings(findings)
}

/// What a signature with a certificate must not pass: another payload, another identity, another image, no log.
fn keyless_checks(row: &Row, name: &str, manifest: &[u8], anchors: &[Anchor]) {
    let signature = row.read(&format!("cosign/{}/signature-1", row.files.trim_end_matches('/')));
    let json = signature.strip_prefix(b"\0sigstore-json\n").unwrap();
    let good: Value = serde_json::from_slice(json).unwrap();
    let told = |attachment: &Value, name: &str, manifest: &[u8], anchors: &[Anchor]| {
        let object = [&b"\0sigstore-json\n"[..], attachment.to_string().as_bytes()].concat();
        outcome(&judged(vec![object], name, "latest", manifest, anchors))
    };
    assert_eq!(told(&good, name, manifest, anchors), CONFIRMED);
    assert_eq!(
        told(&good, name, b"{}", anchors),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    assert_eq!(
        told(&good, "host/other", manifest, anchors),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    assert_eq!(
        told(&good, name, manifest, &anchors[..1]),
        Outcome::Undecided(Doubt::UnknownSigner)
    );
    assert_eq!(told(&good, name, manifest, &[]), Outcome::Undecided(Doubt::NoAnchor));
    let pinned = IdentityPattern {
        issuer: "https://issuer.example.com".to_owned(),
        subject: Some("me@example.com".to_owned()),
        ..IdentityPattern::default()
    };
    let others = [
        anchors[0].clone(),
        scoped("identity", &format!("oci/{name}"), Material::Identity(pinned)),
    ];
    assert_eq!(
        told(&good, name, manifest, &others),
        Outcome::Contradicted(Fault::IdentityDiffers)
    );
    let mut payload = good.clone();
    let bytes = STANDARD.decode(good["payload"].as_str().unwrap()).unwrap();
    payload["payload"] = json!(STANDARD.encode([&bytes[..], b" "].concat()));
    assert!(matches!(
        told(&payload, name, manifest, anchors),
        Outcome::Contradicted(_)
    ));
    let mut unlogged = good.clone();
    unlogged["annotations"]
        .as_object_mut()
        .unwrap()
        .remove("dev.sigstore.cosign/bundle");
    assert_eq!(
        told(&unlogged, name, manifest, anchors),
        Outcome::Undecided(Doubt::NoProvenTime)
    );
    let mut broken = good;
    broken["annotations"]["dev.sigstore.cosign/bundle"] = json!("{}");
    assert_eq!(
        told(&broken, name, manifest, anchors),
        Outcome::Contradicted(Fault::Malformed)
    );
}

const NAME: &str = "registry.example.com/acme/tool";

fn payload(manifest: &[u8], reference: &str) -> Value {
    json!({"critical": {"identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": Digest::of(manifest).to_string()},
        "type": "cosign container image signature"}, "optional": {"creator": "tester"}})
}

fn attachment(key: &FileKey, payload: &[u8]) -> Vec<u8> {
    let signature = STANDARD.encode(key.sign(payload).unwrap());
    let json = json!({"mimeType": MEDIA_TYPE, "payload": STANDARD.encode(payload),
        "annotations": {"dev.cosignproject.cosign/signature": signature}});
    [&b"\0sigstore-json\n"[..], json.to_string().as_bytes()].concat()
}

fn pinned(key: &FileKey) -> Anchor {
    anchor("key", Material::PublicKey(key.public().to_pem()))
}

#[test]
fn a_real_signature_is_confirmed() {
    let signature = fixtures::bytes("cosign/signature");
    let manifest = fixtures::bytes("cosign/manifest.json");
    let key = anchor("key", Material::PublicKey(fixtures::text("cosign/cosign.pub")));
    let reference = reference(&signature);
    let told = |manifest: &[u8]| {
        judged(
            vec![signature.clone()],
            &reference,
            "latest",
            manifest,
            std::slice::from_ref(&key),
        )
    };
    let findings = told(&manifest);
    assert_eq!(outcome(&findings), CONFIRMED);
    assert_eq!(findings[0].claims, [("docker-reference".to_owned(), reference.clone())]);
    assert_eq!(outcome(&told(b"other")), Outcome::Contradicted(Fault::SubjectDiffers));
}

#[test]
fn each_check_fails_alone() {
    let key = FileKey::from_seed(&[1; 32]);
    let manifest = b"{\"schemaVersion\":2}";
    let good = payload(manifest, NAME);
    let told = |payload: &Value, version: &str, anchors: &[Anchor]| {
        let object = attachment(&key, payload.to_string().as_bytes());
        outcome(&judged(vec![object], NAME, version, manifest, anchors))
    };
    let by_key = |payload: &Value| told(payload, "1.0", &[pinned(&key)]);
    assert_eq!(by_key(&good), CONFIRMED);
    let object = |change: &dyn Fn(&mut Value)| {
        let whole = attachment(&key, good.to_string().as_bytes());
        let mut json: Value = serde_json::from_slice(&whole[15..]).unwrap();
        change(&mut json);
        let object = [&whole[..15], json.to_string().as_bytes()].concat();
        judged(vec![object], NAME, "1.0", manifest, &[pinned(&key)])
    };
    let finding = &object(&|_| {})[0];
    assert!(finding.claims.contains(&("creator".to_owned(), "tester".to_owned())));
    assert!(finding.notes.is_empty(), "{:?}", finding.notes);
    let logged = &object(&|json| json["annotations"]["dev.sigstore.cosign/bundle"] = "{}".into())[0];
    assert!(logged.is_confirmed() && logged.notes[0].contains("log entry was not checked"));
    let empty = object(&|json| json["annotations"]["dev.cosignproject.cosign/signature"] = "".into());
    assert_eq!(outcome(&empty), Outcome::Undecided(Doubt::Incomplete));
    let other_type = object(&|json| json["mimeType"] = "text/plain".into());
    assert_eq!(outcome(&other_type), Outcome::Undecided(Doubt::UnknownFormat));
    assert_eq!(
        by_key(&payload(b"other", NAME)),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    for other in [
        "registry.example.com/acme/tool2",
        "mirror.example.com/acme/tool",
        "acme/tool",
        "",
    ] {
        assert_eq!(
            by_key(&payload(manifest, other)),
            Outcome::Contradicted(Fault::SubjectDiffers),
            "{other}"
        );
    }
    assert_eq!(by_key(&payload(manifest, &format!("{NAME}:1.0"))), CONFIRMED);
    assert_eq!(
        by_key(&payload(manifest, &format!("{NAME}:1.1"))),
        Outcome::Contradicted(Fault::SubjectDiffers)
    );
    let digest = Digest::of(manifest).to_string();
    assert_eq!(
        told(&payload(manifest, &format!("{NAME}:1.1")), &digest, &[pinned(&key)]),
        CONFIRMED
    );
    let changed = |pointer: &str, value: Value| {
        let mut payload = good.clone();
        *payload.pointer_mut(pointer).unwrap() = value;
        payload
    };
    let kind = changed("/critical/type", json!("atomic container signature"));
    assert_eq!(by_key(&kind), Outcome::Undecided(Doubt::UnknownFormat));
    let digest = changed("/critical/image/docker-manifest-digest", json!("sha512:00"));
    assert_eq!(by_key(&digest), Outcome::Contradicted(Fault::Malformed));
    let more = changed(
        "/critical/image",
        json!({"docker-manifest-digest": Digest::of(manifest).to_string(), "platform": "x"}),
    );
    assert_eq!(by_key(&more), Outcome::Contradicted(Fault::Malformed));
    assert_eq!(by_key(&changed("/optional", Value::Null)), CONFIRMED);
    assert_eq!(by_key(&json!({})), Outcome::Contradicted(Fault::Malformed));

    let other = FileKey::from_seed(&[2; 32]);
    assert_eq!(told(&good, "1.0", &[]), Outcome::Undecided(Doubt::NoAnchor));
    assert_eq!(
        told(&good, "1.0", &[pinned(&other)]),
        Outcome::Undecided(Doubt::UnknownSigner)
    );
    let elsewhere = scoped(
        "key",
        "oci/registry.example.com/other/*",
        Material::PublicKey(key.public().to_pem()),
    );
    assert_eq!(told(&good, "1.0", &[elsewhere]), Outcome::Undecided(Doubt::OutOfScope));
    let ended = until(
        "key",
        "2026-11-20T11:59:59Z",
        Material::PublicKey(key.public().to_pem()),
    );
    assert_eq!(told(&good, "1.0", &[ended]), Outcome::Undecided(Doubt::OutOfScope));
}

#[test]
fn a_manifest_names_its_payloads_by_digest() {
    let key = FileKey::from_seed(&[1; 32]);
    let image = b"{}";
    let signed = payload(image, NAME).to_string().into_bytes();
    let layer = |digest: String, media_type: &str| {
        let signature = STANDARD.encode(key.sign(&signed).unwrap());
        json!({"mediaType": media_type, "digest": digest, "size": signed.len(),
            "annotations": {"dev.cosignproject.cosign/signature": signature}})
    };
    let manifest = |layers: Value| json!({"schemaVersion": 2, "layers": layers}).to_string().into_bytes();
    let digest = Digest::of(&signed).to_string();
    let told = |objects: Vec<Vec<u8>>| outcome(&judged(objects, NAME, "1.0", image, &[pinned(&key)]));
    let good = manifest(json!([layer(digest.clone(), MEDIA_TYPE)]));
    assert_eq!(told(vec![good.clone(), signed.clone()]), CONFIRMED);
    assert_eq!(told(vec![signed.clone(), good.clone()]), CONFIRMED);
    assert_eq!(told(vec![good.clone()]), Outcome::Undecided(Doubt::Incomplete));
    // Other bytes under the layer's digest are not found, whatever they are.
    assert_eq!(told(vec![good, b"{}".to_vec()]), Outcome::Undecided(Doubt::Incomplete));
    let other = manifest(json!([layer(digest.clone(), "text/plain")]));
    assert_eq!(
        told(vec![other, signed.clone()]),
        Outcome::Undecided(Doubt::UnknownFormat)
    );
    let unsigned = manifest(json!([{"mediaType": MEDIA_TYPE, "digest": digest}]));
    assert_eq!(
        told(vec![unsigned, signed.clone()]),
        Outcome::Undecided(Doubt::Incomplete)
    );
    let many = manifest(json!(vec![layer(digest, MEDIA_TYPE); 257]));
    assert_eq!(told(vec![many, signed]), Outcome::Undecided(Doubt::TooLarge));
}

#[test]
fn what_is_no_signature_is_refused_without_a_panic() {
    let key = FileKey::from_seed(&[1; 32]);
    let good = attachment(&key, payload(b"{}", NAME).to_string().as_bytes());
    let told = |objects: Vec<Vec<u8>>| outcome(&judged(objects, NAME, "1.0", b"{}", &[pinned(&key)]));
    assert_eq!(told(vec![good.clone()]), CONFIRMED);
    for nothing in [
        vec![],
        vec![b"".to_vec()],
        vec![b"null".to_vec()],
        vec![b"{\"layers\":[]}".to_vec()],
        vec![vec![b'['; 1 << 20]],
    ] {
        assert_eq!(told(nothing), Outcome::Undecided(Doubt::Incomplete));
    }
    assert_eq!(
        told(vec![good[..good.len() / 2].to_vec()]),
        Outcome::Contradicted(Fault::Malformed)
    );
    let deep = [&b"\0sigstore-json\n"[..], &vec![b'['; 1 << 20]].concat();
    assert_eq!(told(vec![deep]), Outcome::Contradicted(Fault::Malformed));
    let text = String::from_utf8(good).unwrap();
    let broken = text.replacen(
        "\"dev.cosignproject.cosign/signature\":\"",
        "\"dev.cosignproject.cosign/signature\":\"*",
        1,
    );
    assert_ne!(broken, text);
    assert_eq!(told(vec![broken.into_bytes()]), Outcome::Contradicted(Fault::Malformed));
}
