//! Artifacts whose bytes cannot be read to their end: whatever fails, and when, nothing is confirmed by it, and nothing contradicted, since a
//! disk's fault says nothing about the artifact.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use sealift::evidence::{self, Context, EvidenceKind};
use sealift::model::{Doubt, Finding, Material, Outcome};
use serde_json::json;
use sha2::{Digest as _, Sha512};

use crate::case::Case;
use crate::failing::Failing;
use crate::instance::{Instance, SIGNED, V03, base64};
use crate::maker::Maker;
use crate::proofs::{self, Parts};
use crate::{forge, instance, support};

/// Kinds whose proofs here name the SHA-256, which the catalog gives, so that nothing of the artifact is read.
const UNREAD: &[&str] = &[
    "cosign",
    "cpan-checksums",
    "dsse",
    "helm-provenance",
    "in-toto",
    "repomd",
    "conda-attestations",
    "model-signing",
    "pypi-attestations",
    "rubygems-attestations",
    "simple-signing",
    "tuf",
];

/// Kinds whose signatures do not say which pinned key made them: each key reads anew, and if one cannot, the right one may.
const BY_ANY_KEY: &[&str] = &["raw-signature", "sigstore"];

#[test]
fn a_disk_that_fails_decides_nothing() {
    let (mut unread, mut wrong) = (Vec::new(), Vec::new());
    for kind in evidence::ALL {
        let operations: usize = good(*kind).map(|case| operations(&case, &mut wrong)).sum();
        if operations == 0 {
            unread.push(kind.id());
        }
    }
    let first = &wrong[..wrong.len().min(20)];
    assert!(wrong.is_empty(), "{} times, first: {first:#?}", wrong.len());
    assert_eq!(unread, UNREAD);
}

fn good(kind: &'static dyn EvidenceKind) -> impl Iterator<Item = Case> {
    let mut inputs = proofs::inputs(kind.id());
    match kind.id() {
        "apt-release" => inputs.extend(releases(&inputs)),
        "signed-checksums" => inputs.push(by_sha512()),
        _ => {}
    }
    inputs
        .into_iter()
        .map(move |input| Case::of(kind, &input))
        .filter(|case| case.findings.iter().any(Finding::is_confirmed))
}

/// The signed indexes of APT's proofs as artifacts of their own: they hold the signature, or what it is over.
fn releases(inputs: &[Parts]) -> [Parts; 3] {
    let (within, release, apart) = (&inputs[0][2], &inputs[1][2], &inputs[1][3]);
    let index = |file: &str, content: &[u8], beside: &[&Vec<u8>]| {
        let called = format!("deb\na.example.com/debian/dists/stable\n1\n{file}").into_bytes();
        let beside = beside.iter().map(|object| object.to_vec());
        [called, content.to_vec()].into_iter().chain(beside).collect()
    };
    [
        index("InRelease", within, &[]),
        index("Release", release, &[apart]),
        index("Release.gpg", apart, &[release]),
    ]
}

/// A signed list that names its file by another digest than the catalog does.
fn by_sha512() -> Parts {
    let content = b"tool".to_vec();
    let list = format!("{}  tool\n", hex::encode(Sha512::digest(&content)));
    let signed = Maker::new(1, "2020-01-01T00:00:00Z").cleartext(proofs::SIGNED, &list);
    vec![b"files\ntool\n1\ntool".to_vec(), content, signed.into_bytes()]
}

fn says_so(finding: &Finding) -> bool {
    finding.outcome == Outcome::Undecided(Doubt::Incomplete) && finding.reason.contains("could not be read")
}

/// Judges a case with each operation failing in turn, and says how many there are.
fn operations(case: &Case, wrong: &mut Vec<String>) -> usize {
    let kind = case.kind.id();
    case.opened(|judge| {
        Failing::each(&case.content, |content| {
            let findings = judge(content);
            if !content.has_failed() {
                assert_eq!(findings, case.findings);
                return;
            }
            let is_told = findings.iter().any(says_so) || BY_ANY_KEY.contains(&kind) && findings == case.findings;
            // Of several findings another may not need what could not be read.
            let is_fair = |finding: &Finding| says_so(finding) || case.findings.contains(finding);
            if !is_told || !findings.iter().all(is_fair) {
                wrong.push(format!("{kind} at {}: {findings:?}", content.fails_at()));
            }
        })
    })
}

/// A key on a curve whose hash is not the catalog's, so that its signatures need all bytes.
fn large_key() -> (EcdsaKeyPair, String) {
    let key = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    // RFC 5480 §2: secp384r1.
    let info = forge::seq(&[
        forge::seq(&[forge::oid("1.2.840.10045.2.1"), forge::oid("1.3.132.0.34")]),
        forge::tlv(3, &[&[0], key.public_key().as_ref()].concat()),
    ]);
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64(info)
    );
    (key, pem)
}

#[test]
fn neither_a_key_nor_a_log_is_passed_over_where_the_disk_fails() {
    let (key, pem) = large_key();
    let content = vec![7; 3000];
    let signature = key.sign(&SystemRandom::new(), &content).unwrap();
    let instance = Instance::new();
    let entry = json!({
        "data": {"hash": {"algorithm": "sha256", "value": hex::encode(forge::sha256(&content))}},
        "signature": {"content": base64(signature), "publicKey": {"content": base64(&pem)}},
    });
    let bundle = json!({
        "mediaType": V03,
        "verificationMaterial": {
            "publicKey": {"hint": ""},
            "tlogEntries": [instance.entry("hashedrekord", entry, SIGNED)],
        },
        "messageSignature": {"signature": base64(signature)},
    });
    let artifact = support::artifact("files", "tool", "1", "tool", &content);
    let anchors = [
        support::anchor("key", Material::PublicKey(pem)),
        instance::root_anchor(&instance.root()),
    ];
    let context = Context {
        anchors: &anchors,
        now: support::time(proofs::NOW),
        exported: support::time(proofs::NOW),
        max_transit_seconds: 0,
    };
    for (kind, proof, is_logged) in [
        ("raw-signature", signature.as_ref().to_vec(), false),
        ("sigstore", bundle.to_string().into_bytes(), true),
    ] {
        let opened = evidence::find(kind).unwrap().open(vec![proof], &context);
        let opened = opened.unwrap_or_else(|finding| panic!("{finding:?}"));
        let operations = Failing::each(&content, |content| {
            let [finding] = <[Finding; 1]>::try_from(opened.judge(&artifact, content)).unwrap();
            if content.has_failed() {
                assert!(says_so(&finding), "{kind} at {}: {finding:?}", content.fails_at());
            } else {
                assert!(
                    finding.is_confirmed() && finding.log.is_some() == is_logged,
                    "{finding:?}"
                );
            }
        });
        assert!(operations > 3, "{kind}");
    }
}
