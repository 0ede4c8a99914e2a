//! Artifacts whose bytes cannot be read to their end: whatever fails, and when, nothing is confirmed by it, and nothing contradicted, since a
//! disk's fault says nothing about the artifact.

use sealift::evidence::{self, EvidenceKind};
use sealift::model::{Doubt, Finding, Outcome};
use sha2::{Digest as _, Sha512};

use crate::case::Case;
use crate::failing::Failing;
use crate::maker::Maker;
use crate::proofs::{self, Parts};

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

/// Judges a case with each operation failing in turn, and says how many there are.
fn operations(case: &Case, wrong: &mut Vec<String>) -> usize {
    let says_so = |finding: &Finding| {
        finding.outcome == Outcome::Undecided(Doubt::Incomplete) && finding.reason.contains("could not be read")
    };
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
