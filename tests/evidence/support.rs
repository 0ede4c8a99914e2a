//! Artifacts and anchors for cases.

use std::io::Cursor;

use base64::Engine as _;
use sealift::evidence::{self, Context};
use sealift::model::{Anchor, Artifact, Digest, Finding, Material, Outcome, ScopePattern, SpeaksFor, Timestamp};

/// When cases are judged whose index names no time: the day on which the verdicts were made.
pub(crate) const DAY: &str = "2026-11-20T12:00:00Z";

/// A time.
pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An artifact with these bytes.
pub(crate) fn artifact(ecosystem: &str, name: &str, version: &str, file: &str, bytes: &[u8]) -> Artifact {
    Artifact {
        digest: Digest::of(bytes),
        ecosystem: ecosystem.to_owned(),
        file: file.to_owned(),
        name: name.to_owned(),
        origin: "folder".to_owned(),
        proofs: Vec::new(),
        reason: "test".to_owned(),
        version: version.to_owned(),
    }
}

/// An anchor for everything.
pub(crate) fn anchor(name: &str, material: Material) -> Anchor {
    Anchor {
        material,
        name: name.to_owned(),
        note: "of the collection".to_owned(),
        scope: vec![ScopePattern::everything()],
        speaks_for: SpeaksFor::Publisher,
        suites: Vec::new(),
        valid_from: None,
        valid_until: None,
    }
}

/// Judges as an import would: the proof is opened, then asked about the artifact.
pub(crate) fn judge(
    kind: &str,
    objects: Vec<Vec<u8>>,
    artifact: &Artifact,
    bytes: &[u8],
    anchors: &[Anchor],
    now: &str,
) -> Vec<Finding> {
    let context = Context {
        anchors,
        now: time(now),
        exported: time(now),
        max_transit_seconds: 30 * 86_400,
    };
    let kind = evidence::find(kind).unwrap_or_else(|| panic!("no kind {kind}"));
    // Whoever read the bytes before left them at their end.
    let mut content = Cursor::new(bytes);
    content.set_position(bytes.len() as u64);
    match kind.open(objects, &context) {
        Ok(evidence) => evidence.judge(artifact, &mut content),
        Err(finding) => vec![*finding],
    }
}

/// OpenPGP certificates as an anchor holds them: armored, whatever the file was.
pub(crate) fn certificates(bytes: &[u8]) -> Material {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Material::Openpgp(text.to_owned());
    }
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    Material::Openpgp(format!(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{encoded}\n-----END PGP PUBLIC KEY BLOCK-----\n"
    ))
}

/// The only finding's outcome.
pub(crate) fn outcome(findings: &[Finding]) -> Outcome {
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings[0].outcome
}

/// An anchor for one scope only.
pub(crate) fn scoped(name: &str, scope: &str, material: Material) -> Anchor {
    Anchor {
        scope: vec![ScopePattern::new(scope)],
        ..anchor(name, material)
    }
}

/// An anchor that counts until a time.
pub(crate) fn until(name: &str, end: &str, material: Material) -> Anchor {
    Anchor {
        valid_until: Some(time(end)),
        ..anchor(name, material)
    }
}
