//! A good proof of a kind of evidence, as it is judged: what benchmarks measure, and what no kind may lack.

use std::io::Cursor;

use sealift::evidence::{Context, EvidenceKind};
use sealift::model::{Anchor, Artifact, Content, Finding, IdentityPattern, Material, Outcome, Signer};

use crate::proofs::Parts;
use crate::{proofs, support};

/// One proof that is judged over and over, opened anew each time.
pub(crate) struct Case {
    pub(crate) kind: &'static dyn EvidenceKind,
    artifact: Artifact,
    pub(crate) content: Vec<u8>,
    pub(crate) objects: Vec<Vec<u8>>,
    anchors: Vec<Anchor>,
    pub(crate) findings: Vec<Finding>,
}

/// Artifacts of which the fixtures have no bytes, as their proofs name them: kind, SHA-256, size.
const NAMED: &[(&str, &str, usize)] = &[
    (
        "in-toto",
        "sha256:52947cb78b91ad01fe81cd6aef42d1f6817e92b9e6936c1e5aabb7c98514f355",
        4,
    ),
    (
        "notation",
        "sha256:60043cf45eaebc4c0867fea485a039b598f52fd09fd5b07b0b2d2f88fad9d74e",
        528,
    ),
];

impl Case {
    /// The first proof of a kind that is judged to its end, and good: what ends early costs less than a verification.
    pub(crate) fn confirmed(kind: &'static dyn EvidenceKind) -> Self {
        (0..proofs::inputs(kind.id()).len())
            .map(|number| Self::new(kind, number))
            .find(|case| case.findings.iter().any(Finding::is_confirmed))
            .unwrap_or_else(|| panic!("{}: no proof of it is confirmed", kind.id()))
    }

    pub(crate) fn new(kind: &'static dyn EvidenceKind, number: usize) -> Self {
        Self::of(kind, &proofs::inputs(kind.id()).swap_remove(number))
    }

    pub(crate) fn of(kind: &'static dyn EvidenceKind, input: &Parts) -> Self {
        let called = String::from_utf8(input[0].clone()).unwrap();
        let words: Vec<&str> = called.split('\n').collect();
        let mut case = Self {
            kind,
            artifact: support::artifact(words[0], words[1], words[2], words[3], &input[1]),
            content: input[1].clone(),
            objects: input[2..].to_vec(),
            anchors: proofs::anchors(),
            findings: Vec::new(),
        };
        if let Some((_, digest, size)) = NAMED.iter().find(|(named, ..)| *named == kind.id()) {
            case.artifact.digest = digest.parse().unwrap();
            case.content.resize(*size, 0);
        }
        case.findings = case.judge();
        // Whom the proof names is pinned, so that it is judged to its end.
        let mut pinned = 0;
        for finding in &case.findings {
            for signer in &finding.signers {
                if let Signer::Identity(identity) = signer {
                    let pattern = IdentityPattern {
                        issuer: identity.issuer.clone(),
                        subject: Some(identity.subject.clone()),
                        ..IdentityPattern::default()
                    };
                    pinned += 1;
                    case.anchors
                        .push(support::anchor(&format!("found-{pinned}"), Material::Identity(pattern)));
                }
            }
        }
        case.findings = case.judge();
        assert!(!case.findings.is_empty(), "{}", kind.id());
        case
    }

    pub(crate) fn judge(&self) -> Vec<Finding> {
        self.opened(|judge| judge(&mut Cursor::new(&self.content)))
    }

    /// Opens the proof once, for an action that has it judged by whatever content it likes.
    pub(crate) fn opened<T>(&self, action: impl FnOnce(&dyn Fn(&mut dyn Content) -> Vec<Finding>) -> T) -> T {
        let context = context(&self.anchors);
        match self.kind.open(self.objects.clone(), &context) {
            Ok(opened) => action(&|content| opened.judge(&self.artifact, content)),
            Err(finding) => action(&|_| vec![(*finding).clone()]),
        }
    }

    pub(crate) fn comes_to(&self) -> String {
        let outcomes = self.findings.iter().map(|finding| match finding.outcome {
            Outcome::Confirmed(level) => format!("confirmed, {level}"),
            Outcome::Contradicted(fault) => format!("contradicted, {fault:?}"),
            Outcome::Undecided(doubt) => format!("undecided, {doubt:?}"),
        });
        outcomes.collect::<Vec<_>>().join("; ")
    }
}

fn context(anchors: &[Anchor]) -> Context<'_> {
    Context {
        anchors,
        now: support::time(proofs::NOW),
        exported: support::time(proofs::NOW),
        max_transit_seconds: 30 * 86_400,
    }
}
