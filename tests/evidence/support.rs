//! Artifacts and anchors for cases.

use std::collections::BTreeMap;
use std::io::Cursor;

use base64::Engine as _;
use sealift::ecosystem;
use sealift::evidence::{self, Context};
use sealift::model::{
    Anchor, Artifact, Digest, Fault, Finding, IdentityPattern, Level, Material, Outcome, ScopePattern, Signer,
    SpeaksFor, Timestamp, key_id,
};
use sealift::policy::{Case, Ecosystems, Judge, KnownNames, Policy, Standing, Surroundings};
use sealift::trust::{Revocation, Revocations, Revoked};

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
    let findings = match kind.open(objects, &context) {
        Ok(evidence) => evidence.judge(artifact, &mut content),
        Err(finding) => vec![*finding],
    };
    for finding in findings.iter().filter(|finding| finding.is_confirmed()) {
        assert_eq!(cannot_be_pinned(finding), None);
    }
    findings
}

/// A publisher's rule can name whoever a confirmed finding says has signed: the first whom it can not.
fn cannot_be_pinned(finding: &Finding) -> Option<String> {
    if finding.signers.is_empty() {
        return Some(format!("nobody has signed: {finding:?}"));
    }
    finding.signers.iter().find_map(|signer| {
        let pin = match signer {
            Signer::Key { fingerprint, .. } if key_id(fingerprint).is_some() => format!("pgp: [{fingerprint:?}]"),
            Signer::Key { fingerprint, .. } | Signer::Certificate { fingerprint, .. } => format!("keys: [{fingerprint:?}]"),
            // Some issuers are no addresses; the trust data has a name for them.
            Signer::Identity(identity) => format!("identity: {{issuer: known, subject: {:?}}}", identity.subject),
        };
        let text = format!(
            "schema: sealift-policy/1\nid: test\nversion: 1\nprofile: standard\necosystems: {{files: {{evidence: none}}}}\npublishers:\n  - \
             {{match: \"files/*\", evidence: publisher, until: \"2027-01-01\", {pin}}}\n"
        );
        let ecosystems = Ecosystems {
            compare_versions: ecosystem::compare_versions,
            key: ecosystem::collision_key,
            spelling: ecosystem::spelling,
        };
        // What no line of a policy can hold, such as a subject without letters, is nobody's name.
        let policy = Policy::from_yaml(&text, time(DAY), &ecosystems).ok()?;
        let issuer = match signer {
            Signer::Identity(identity) => identity.issuer.clone(),
            Signer::Key { .. } | Signer::Certificate { .. } => String::new(),
        };
        let (names, issuers) = (KnownNames::new(), BTreeMap::from([("known".to_owned(), issuer)]));
        let surroundings = Surroundings {
            now: time(DAY),
            exported: time(DAY),
            advisories: None,
            names: &names,
            issuers: &issuers,
            ecosystems,
            policy_signers: None,
        };
        let mut signed = finding.clone();
        signed.outcome = Outcome::Confirmed(Level::Publisher);
        signed.signers = vec![signer.clone()];
        let (artifact, findings) = (artifact("files", "x", "1", "x", b""), [signed]);
        let case = Case {
            standing: Standing::Known,
            ..Case::new(&artifact, &findings)
        };
        let decision = Judge::new(&policy, surroundings).decide(&case);
        let hit = decision.hits.iter().find(|hit| hit.rule.starts_with("publishers"))?;
        Some(format!("{pin} does not name {signer:?} of {}: {}", finding.kind, hit.message))
    })
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

/// Whoever a confirmed finding rests on can be revoked, by each name that it shows of him: the first that can not.
pub(crate) fn stands_without(finding: &Finding) -> Option<String> {
    let mut names: Vec<Revoked> = Vec::new();
    for signer in finding.signers.iter().chain(&finding.through) {
        names.extend(signer.keys().map(|key| Revoked::Key(key.to_owned())));
        names.extend(signer.keys().filter_map(key_id).map(Revoked::Key));
        names.extend(signer.certificates().map(|one| Revoked::Certificate(one.to_owned())));
        if let Signer::Identity(identity) = signer {
            names.push(Revoked::Identity(IdentityPattern {
                issuer: identity.issuer.clone(),
                subject: Some(identity.subject.clone()),
                fields: BTreeMap::new(),
            }));
        }
    }
    if names.is_empty() {
        return Some(format!("nobody can be revoked: {finding:?}"));
    }
    names.into_iter().find_map(|what| {
        let mut revocations = Revocations::empty(1, Timestamp::from_seconds(0));
        revocations.revoked.push(Revocation {
            invalid_since: None,
            reason: "a test".to_owned(),
            what: what.clone(),
        });
        let mut after = finding.clone();
        revocations.apply(&mut after);
        let falls = after.outcome == Outcome::Contradicted(Fault::Revoked);
        let drops_out = after.signers.len() < finding.signers.len();
        (!falls && !drops_out).then(|| format!("stands without {what:?}: {finding:?}"))
    })
}
