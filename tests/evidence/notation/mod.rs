//! Notary Project signatures: the collection's, and our own in both forms of envelope.

mod cose;

use std::io::{Cursor, Seek as _, SeekFrom, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use coset::cbor::value::Value;
use coset::{CborSerializable as _, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable as _, iana};
use sealift::evidence::{self, Context};
use sealift::model::{Anchor, Artifact, Digest, Doubt, Fault, Finding, Level, Material, Outcome};
use serde_json::{Value as Json, json};

use crate::cms::{clock, pinned};
use crate::data::{Judged, Row};
use crate::forge::{self, CODE, Holder, SERVER, Says, Tokened, timestamper, token};
use crate::support::{DAY, anchor, artifact, judge, time};

fn certificates(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => forge::pem_of(&[bytes]),
    }
}

/// Judges an envelope about an artifact of which only digest and size are known.
fn about(envelope: Vec<u8>, digest: &str, size: u64, anchors: &[Anchor], now: &str) -> Vec<Finding> {
    let artifact = Artifact {
        digest: digest.parse().unwrap(),
        ..artifact("oci", "example/image", "1", "manifest.json", b"")
    };
    let mut content = Cursor::new(Vec::new());
    if size > 0 {
        content.seek(SeekFrom::Start(size - 1)).unwrap();
        content.write_all(&[0]).unwrap();
    }
    let context = Context {
        anchors,
        now: time(now),
        exported: time(now),
        max_transit_seconds: 0,
    };
    match evidence::find("notation").unwrap().open(vec![envelope], &context) {
        Ok(evidence) => evidence.judge(&artifact, &mut content),
        Err(finding) => vec![*finding],
    }
}

pub(crate) fn judge_row(row: &Row) -> Judged {
    let envelope = row.read(row.files.split(' ').next().unwrap());
    let file = |name: &str| certificates(&row.read(&format!("notation/trust/{name}")));
    let mut anchors = Vec::new();
    for name in row.root.split(['+', ' ']).filter(|name| name.starts_with("trust/")) {
        anchors.push(anchor(name, Material::Certificates(file(&name[6..]))));
    }
    if row.root.contains("tsa-globalsignRoot.cer") {
        anchors.push(anchor(
            "clock",
            Material::TimestampCertificates(file("tsa-globalsignRoot.cer")),
        ));
    }
    let digest = row
        .expected
        .split([' ', ','])
        .find(|word| word.starts_with("sha256:"))
        .map(str::to_owned);
    let (digest, size) = match digest.as_deref() {
        Some("sha256:19dbd2e4…") => (
            Digest::of(&row.read("notation/manifest-19dbd2e4.json")).to_string(),
            481,
        ),
        Some(digest) => (digest.to_owned(), 528),
        None => (Digest::of(b"").to_string(), 0),
    };
    let findings = about(envelope, &digest, size, &anchors, DAY);
    let outcome = findings[0].outcome;
    match row.case.as_str() {
        // No timestamp, and a certificate that is still valid: a policy may want more.
        "notation/withoutTimestamp.sig" => {
            assert_eq!(outcome, Outcome::Confirmed(Level::Publisher));
            assert!(!findings[0].signed_at.as_ref().unwrap().source.is_proven());
        }
        "notation/jwsWithTimestamp.sig" => {
            assert_eq!(outcome, Outcome::Confirmed(Level::Publisher), "{findings:?}");
            assert!(findings[0].signed_at.as_ref().unwrap().source.is_proven());
        }
        // Damaged so that it is not base64url any more.
        "notation/ca_invalid_sig_env.json" => assert_eq!(outcome, Outcome::Contradicted(Fault::Malformed)),
        "notation/ca_expired_sig_env.json" => assert_eq!(outcome, Outcome::Contradicted(Fault::Expired)),
        "notation/jws_signature.sig" => assert_eq!(outcome, Outcome::Undecided(Doubt::NoAnchor)),
        // The layout of another payload, signed by nobody who brings a certificate.
        "notation/core-jws-conformance" => assert_eq!(outcome, Outcome::Contradicted(Fault::Malformed)),
        _ => {}
    }
    Judged::Findings(findings)
}

const VALID: &[u8] = include_bytes!("../../fixtures/notation/ca_valid_sig_env.json");
const VALID_ROOT: &str = include_str!("../../fixtures/notation/NotationTestRoot.pem");
const VALID_DIGEST: &str = "sha256:60043cf45eaebc4c0867fea485a039b598f52fd09fd5b07b0b2d2f88fad9d74e";

#[test]
fn a_real_envelope_is_about_its_artifact_alone() {
    let anchors = [anchor("root", Material::Certificates(VALID_ROOT.to_owned()))];
    let outcome = |digest: &str, size| about(VALID.to_vec(), digest, size, &anchors, DAY)[0].outcome;
    assert_eq!(outcome(VALID_DIGEST, 528), Outcome::Confirmed(Level::Publisher));
    assert_eq!(outcome(VALID_DIGEST, 529), Outcome::Contradicted(Fault::SubjectDiffers));
    let other = Digest::of(b"other").to_string();
    assert_eq!(outcome(&other, 528), Outcome::Contradicted(Fault::SubjectDiffers));
    let finding = &about(VALID.to_vec(), VALID_DIGEST, 528, &anchors, DAY)[0];
    assert!(
        finding
            .claims
            .contains(&("expires".to_owned(), "2120-11-09T07:00:00Z".to_owned()))
    );
    assert_eq!(finding.algorithm.as_deref(), Some("RSA 3072 PSS with SHA-384"));
}

#[test]
fn a_real_timestamp_outlives_the_certificate() {
    const STAMPED: &[u8] = include_bytes!("../../fixtures/notation/jwsWithTimestamp.sig");
    const SIGNER: &str = include_str!("../../fixtures/notation/TestTimestamp.crt");
    const CLOCK: &str = include_str!("../../fixtures/notation/tsa-globalsignRoot.pem");
    const DIGEST: &str = "sha256:c0669ef34cdc14332c0f1ab0c2c01acb91d96014b172f1a76f3a39e63d1f0bda";
    let signer = anchor("signer", Material::Certificates(SIGNER.to_owned()));
    let clock = anchor("clock", Material::TimestampCertificates(CLOCK.to_owned()));
    let after = "2034-01-01T00:00:00Z";
    let with = [signer.clone(), clock];
    let finding = &about(STAMPED.to_vec(), DIGEST, 528, &with, after)[0];
    assert_eq!(
        finding.outcome,
        Outcome::Confirmed(Level::Publisher),
        "{}",
        finding.reason
    );
    assert_eq!(finding.anchors, ["signer", "clock"]);
    let finding = &about(STAMPED.to_vec(), DIGEST, 528, &[signer], after)[0];
    assert_eq!(finding.outcome, Outcome::Undecided(Doubt::NoProvenTime));
}

const BYTES: &[u8] = b"{\"schemaVersion\":2}";

fn payload() -> Json {
    json!({"targetArtifact": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": Digest::of(BYTES).to_string(),
        "size": BYTES.len(),
        "annotations": {"note": "mine"},
    }})
}

fn protected() -> Json {
    json!({
        "alg": "ES256",
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2026-01-01T02:00:00+02:00",
    })
}

/// Two numbers side by side from a DER signature.
fn fixed(der: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = &der[2..];
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number: Vec<u8> = rest[2..2 + length]
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect();
        bytes.extend(std::iter::repeat_n(0, 32 - number.len()));
        bytes.extend(number);
        rest = &rest[2 + length..];
    }
    bytes
}

fn sign(holder: &Holder, bytes: &[u8]) -> Vec<u8> {
    fixed(&forge::sign(&holder.key, bytes))
}

fn jws(
    holder: &Holder,
    chain: &[&Holder],
    protected: &Json,
    payload: &Json,
    clock: Option<(&Holder, &str)>,
) -> Vec<u8> {
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(protected), part(payload));
    let signature = sign(holder, signed.as_bytes());
    let chain: Vec<String> = chain.iter().map(|one| STANDARD.encode(&one.certificate)).collect();
    let mut header = json!({"x5c": chain, "io.cncf.notary.signingAgent": "test"});
    if let Some((authority, at)) = clock {
        let token = token(authority, &signature, at, &Tokened::default());
        header["io.cncf.notary.timestampSignature"] = STANDARD.encode(token).into();
    }
    json!({
        "payload": part(payload),
        "protected": part(protected),
        "header": header,
        "signature": URL_SAFE_NO_PAD.encode(signature),
    })
    .to_string()
    .into_bytes()
}

fn one(envelope: Vec<u8>, anchors: &[Anchor]) -> Finding {
    let artifact = artifact("oci", "example/image", "1", "manifest.json", BYTES);
    let mut findings = judge("notation", vec![envelope], &artifact, BYTES, anchors, DAY);
    assert_eq!(findings.len(), 1);
    findings.remove(0)
}

#[track_caller]
fn expect(envelope: Vec<u8>, anchors: &[Anchor], outcome: Outcome) -> Finding {
    let finding = one(envelope, anchors);
    assert_eq!(finding.outcome, outcome, "{}", finding.reason);
    finding
}

#[test]
fn jws_is_held_to_its_headers() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let with = |change: &dyn Fn(&mut Json, &mut Json)| {
        let (mut protected, mut payload) = (protected(), payload());
        change(&mut protected, &mut payload);
        jws(&leaf, &[&leaf, &root], &protected, &payload, None)
    };
    let finding = expect(with(&|_, _| {}), &anchors, Outcome::Confirmed(Level::Publisher));
    assert_eq!(finding.signed_at.unwrap().time, time("2026-01-01T00:00:00Z"));
    assert!(finding.claims.contains(&("note".to_owned(), "mine".to_owned())));
    let malformed = Outcome::Contradicted(Fault::Malformed);
    let unknown = Outcome::Undecided(Doubt::UnknownFormat);
    type Change<'a> = &'a dyn Fn(&mut Json, &mut Json);
    let cases: [(Change<'_>, Outcome); 19] = [
        (&|p, _| p["cty"] = "text/plain".into(), unknown),
        (
            &|p, _| p["io.cncf.notary.signingScheme"] = "notary.x509.signingAuthority".into(),
            unknown,
        ),
        (
            &|p, _| p["crit"] = json!(["io.cncf.notary.signingScheme", "other"]),
            unknown,
        ),
        (&|p, _| p["crit"] = json!([]), malformed),
        (
            &|p, _| p["crit"] = json!(["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]),
            malformed,
        ),
        (
            &|p, _| p["io.cncf.notary.expiry"] = "2027-01-01T00:00:00Z".into(),
            malformed,
        ),
        (&|p, _| p["io.cncf.notary.signingTime"] = "noon".into(), malformed),
        (&|p, _| p["io.cncf.notary.signingTime"] = Json::Null, malformed),
        (
            &|p, _| p["io.cncf.notary.signingTime"] = "2026-01-01 02:00:00+02:00".into(),
            malformed,
        ),
        (
            &|p, _| p["io.cncf.notary.signingTime"] = "2026-01-01T02:00:00+02:00[Europe/Sofia]".into(),
            malformed,
        ),
        (
            &|p, _| p["alg"] = "none".into(),
            Outcome::Undecided(Doubt::UnknownAlgorithm),
        ),
        (&|p, _| p["alg"] = "ES384".into(), malformed),
        (&|p, _| p["alg"] = "PS256".into(), malformed),
        (
            &|_, b| b["targetArtifact"]["size"] = 1.into(),
            Outcome::Contradicted(Fault::SubjectDiffers),
        ),
        (
            &|_, b| b["targetArtifact"]["digest"] = Digest::of(b"other").to_string().into(),
            Outcome::Contradicted(Fault::SubjectDiffers),
        ),
        (
            &|_, b| b["targetArtifact"]["digest"] = "sha512:00".into(),
            Outcome::Undecided(Doubt::UnknownAlgorithm),
        ),
        (&|_, b| b["targetArtifact"]["size"] = (-1).into(), malformed),
        (&|_, b| b["more"] = 1.into(), malformed),
        (&|_, b| *b = json!({}), malformed),
    ];
    for (position, (change, outcome)) in cases.iter().enumerate() {
        let finding = one(with(*change), &anchors);
        assert_eq!(finding.outcome, *outcome, "case {position}: {}", finding.reason);
    }
    for (expiry, outcome) in [
        ("2026-11-20T12:00:00Z", Outcome::Confirmed(Level::Publisher)),
        ("2026-11-20T11:59:59Z", Outcome::Contradicted(Fault::Expired)),
    ] {
        let envelope = with(&|p, _| {
            p["io.cncf.notary.expiry"] = expiry.into();
            p["crit"] = json!(["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]);
        });
        expect(envelope, &anchors, outcome);
    }
    expect(jws(&leaf, &[], &protected(), &payload(), None), &anchors, malformed);
    let long: Vec<&Holder> = std::iter::once(&leaf).chain([&root; 32]).collect();
    expect(jws(&leaf, &long, &protected(), &payload(), None), &anchors, malformed);
    expect(
        jws(&root, &[&leaf, &root], &protected(), &payload(), None),
        &anchors,
        Outcome::Contradicted(Fault::SignatureWrong),
    );
    expect(with(&|_, _| {}), &[], Outcome::Undecided(Doubt::NoAnchor));
}

#[test]
fn the_length_of_an_rsa_key_decides_its_hash() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};

    let root = Holder::alone(&Says::authority("Root"));
    for (size, outcome) in [
        (KeySize::Rsa2048, Outcome::Confirmed(Level::Publisher)),
        (KeySize::Rsa3072, Outcome::Contradicted(Fault::Malformed)),
    ] {
        let key = KeyPair::generate(size).unwrap();
        let info = forge::rsa_info_of(key.public_key().as_ref());
        let leaf = forge::certify_info(&Says::default(), &info, "Root", &root.key);
        let mut protected = protected();
        protected["alg"] = "PS256".into();
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&protected), part(&payload()));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .unwrap();
        let chain = [STANDARD.encode(leaf), STANDARD.encode(&root.certificate)];
        let envelope = json!({
            "payload": part(&payload()),
            "protected": part(&protected),
            "header": {"x5c": chain},
            "signature": URL_SAFE_NO_PAD.encode(signature),
        });
        expect(envelope.to_string().into_bytes(), &[pinned(&[&root])], outcome);
    }
}

#[test]
fn a_header_field_that_stands_twice_is_refused() {
    let (root, leaf) = Holder::pair();
    let protected = r#"{"alg":"ES256","alg":"ES256","cty":"application/vnd.cncf.notary.payload.v1+json","crit":["io.cncf.notary.signingScheme"],"io.cncf.notary.signingScheme":"notary.x509","io.cncf.notary.signingTime":"2026-01-01T00:00:00Z"}"#;
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let body = payload().to_string();
    let signed = format!("{}.{}", part(protected), part(&body));
    let envelope = json!({
        "payload": part(&body),
        "protected": part(protected),
        "header": {"x5c": [STANDARD.encode(&leaf.certificate)]},
        "signature": URL_SAFE_NO_PAD.encode(sign(&leaf, signed.as_bytes())),
    });
    expect(
        envelope.to_string().into_bytes(),
        &[pinned(&[&root])],
        Outcome::Contradicted(Fault::Malformed),
    );
}

#[test]
fn certificates_are_for_code_and_nothing_else_that_is_forbidden() {
    let root = Holder::alone(&Says::authority("Root"));
    let anchors = [pinned(&[&root])];
    for (purposes, outcome) in [
        (None, Outcome::Confirmed(Level::Publisher)),
        (
            Some((false, &[CODE, SERVER][..])),
            Outcome::Contradicted(Fault::ChainWrong),
        ),
        (
            Some((false, &["2.5.29.37.0", CODE][..])),
            Outcome::Contradicted(Fault::ChainWrong),
        ),
        (Some((false, &[SERVER][..])), Outcome::Contradicted(Fault::ChainWrong)),
    ] {
        let leaf = root.issue(&Says {
            purposes,
            ..Says::default()
        });
        expect(jws(&leaf, &[&leaf], &protected(), &payload(), None), &anchors, outcome);
    }
}

#[test]
fn timestamps_count_if_their_authority_is_pinned() {
    let root = Holder::alone(&Says::authority("Root"));
    let leaf = root.issue(&Says {
        until: "2026-02-01T00:00:00Z",
        ..Says::default()
    });
    let authority = timestamper();
    let anchors = [pinned(&[&root]), clock(&[&authority])];
    let at = |when: &str| jws(&leaf, &[&leaf], &protected(), &payload(), Some((&authority, when)));
    expect(
        at("2026-01-01T00:00:00Z"),
        &anchors,
        Outcome::Confirmed(Level::Publisher),
    );
    expect(
        at("2026-03-01T00:00:00Z"),
        &anchors,
        Outcome::Contradicted(Fault::NotValidThen),
    );
    expect(
        at("2026-01-01T00:00:00Z"),
        &anchors[..1],
        Outcome::Undecided(Doubt::NoProvenTime),
    );
    let mut other: Json = serde_json::from_slice(&at("2026-01-01T00:00:00Z")).unwrap();
    other["header"]["io.cncf.notary.timestampSignature"] = STANDARD
        .encode(token(&authority, b"other", "2026-01-01T00:00:00Z", &Tokened::default()))
        .into();
    expect(
        other.to_string().into_bytes(),
        &anchors,
        Outcome::Contradicted(Fault::TimeWrong),
    );
}

/// What a COSE envelope says; the defaults are right.
struct Cose {
    algorithm: iana::Algorithm,
    critical: Vec<&'static str>,
    scheme: Value,
    time: Value,
    expiry: Option<i64>,
    payload: Option<Vec<u8>>,
    chain: Value,
}

fn cose(holder: &Holder) -> Cose {
    Cose {
        algorithm: iana::Algorithm::ES256,
        critical: vec!["io.cncf.notary.signingScheme"],
        scheme: Value::Text("notary.x509".to_owned()),
        time: Value::Tag(1, Box::new(Value::Integer(1_767_225_600.into()))),
        expiry: None,
        payload: Some(payload().to_string().into_bytes()),
        chain: Value::Array(vec![Value::Bytes(holder.certificate.clone())]),
    }
}

impl Cose {
    fn by(self, holder: &Holder) -> Vec<u8> {
        let mut header = HeaderBuilder::new()
            .algorithm(self.algorithm)
            .content_type("application/vnd.cncf.notary.payload.v1+json".to_owned())
            .text_value("io.cncf.notary.signingScheme".to_owned(), self.scheme)
            .text_value("io.cncf.notary.signingTime".to_owned(), self.time);
        for name in self.critical {
            header = header.add_critical_label(coset::RegisteredLabelWithPrivate::Text(name.to_owned()));
        }
        if let Some(expiry) = self.expiry {
            let value = Value::Tag(1, Box::new(Value::Integer(expiry.into())));
            header = header.text_value("io.cncf.notary.expiry".to_owned(), value);
        }
        let mut builder = CoseSign1Builder::new().protected(header.build()).unprotected(
            HeaderBuilder::new()
                .text_value("io.cncf.notary.signingAgent".to_owned(), Value::Text("test".to_owned()))
                .value(33, self.chain)
                .build(),
        );
        if let Some(payload) = self.payload {
            builder = builder.payload(payload);
        }
        builder
            .create_signature(&[], |bytes| sign(holder, bytes))
            .build()
            .to_tagged_vec()
            .unwrap()
    }
}

#[test]
fn garbage_is_malformed_and_never_a_panic() {
    let (root, leaf) = Holder::pair();
    let anchors = [pinned(&[&root])];
    let malformed = Outcome::Contradicted(Fault::Malformed);
    for right in [
        cose(&leaf).by(&leaf),
        jws(&leaf, &[&leaf], &protected(), &payload(), None),
    ] {
        for length in 0..right.len() {
            expect(right[..length].to_vec(), &anchors, malformed);
        }
        for position in 0..right.len() {
            let mut flipped = right.clone();
            flipped[position] ^= 0x11;
            drop(one(flipped, &anchors));
        }
    }
    expect(b"{".repeat(100_000), &anchors, malformed);
    expect([0x81].repeat(100_000), &anchors, malformed);
    expect([0x9b, 0xff].repeat(10), &anchors, malformed);
    expect(vec![b'{'; (1 << 20) + 1], &anchors, Outcome::Undecided(Doubt::TooLarge));
    let untagged = coset::CoseSign1::from_tagged_slice(&cose(&leaf).by(&leaf))
        .unwrap()
        .to_vec()
        .unwrap();
    expect(untagged, &anchors, malformed);
    let artifact = artifact("oci", "example/image", "1", "manifest.json", BYTES);
    let findings = judge("notation", Vec::new(), &artifact, BYTES, &anchors, DAY);
    assert_eq!(findings[0].outcome, Outcome::Undecided(Doubt::Incomplete));
}
