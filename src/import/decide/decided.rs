//! A bundle about whose every artifact the policy has decided, and its artifacts as a stream.

use std::io;

use super::admit::KeptOut;
use super::again::New;
use super::decision::{ArtifactDecision, Decisions};
use super::pass::DECISIONS;
use crate::import::ahead::Ahead;
use crate::import::lines::LineReader;
use crate::import::verify_evidence::{EvidenceSummary, Judged, JudgedArtifact, JudgedLines};
use crate::import::verify_objects::Intact;
use crate::model::{Digest, Name, Stop};

/// A bundle about whose every artifact the policy has decided, and of which something may be published.
pub struct Decided {
    pub(super) judged: Judged,
    pub(super) decisions: Decisions,
    pub(super) skipped: KeptOut,
    /// Of a bundle that came once more: what is new of it.
    pub(super) only: Option<New>,
}

/// An artifact with its findings and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedArtifact {
    /// The artifact, what its content says and what its proofs came to.
    pub judged: JudgedArtifact,
    /// What was decided.
    pub decided: ArtifactDecision,
}

impl Decided {
    /// The bundle.
    pub const fn intact(&self) -> &Intact {
        self.judged.intact()
    }

    /// What was decided, in numbers.
    pub const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// What the proofs came to, in numbers.
    pub fn summary(&self) -> Result<EvidenceSummary, Stop> {
        self.judged.summary()
    }

    /// The artifacts with their decisions, those that are kept out included, in the catalog's order.
    pub fn artifacts(&self) -> Result<DecidedReader, Stop> {
        DecidedReader::open(&self.judged)
    }

    /// Whether an object belongs to artifacts that are kept out, and to nothing else.
    pub(in crate::import) fn is_kept_out(&self, digest: &Digest) -> bool {
        self.skipped.objects.contains(digest)
    }

    /// Whether an object is taken in: not what is kept out, nor what was taken before.
    pub(in crate::import) fn takes_object(&self, digest: &Digest) -> bool {
        !self.is_kept_out(digest) && self.only.as_ref().is_none_or(|only| only.objects.contains(digest))
    }

    /// Whether a registry's document is taken in: one of a name of which something comes in.
    pub(in crate::import) fn takes_document(&self, ecosystem: &str, name: &str) -> bool {
        if self.skipped.names.is_empty() && self.only.is_none() {
            return true;
        }
        let name = Name {
            ecosystem: ecosystem.to_owned(),
            name: name.to_owned(),
        };
        !self.skipped.names.contains(&name) && self.only.as_ref().is_none_or(|only| only.names.contains(&name))
    }

    /// Whether an artifact is taken in.
    pub(in crate::import) fn takes(&self, artifact: &DecidedArtifact) -> bool {
        artifact.decided.admission.is_admitted()
            && self
                .only
                .as_ref()
                .is_none_or(|only| only.has(&artifact.judged.examined.artifact))
    }

    /// Of a bundle that came once more: how many artifacts are taken now.
    pub(in crate::import) fn new_artifacts(&self) -> Option<u64> {
        self.only.as_ref().map(New::count)
    }

    /// Gives the bundle to the next step.
    pub(in crate::import) fn into_parts(self) -> (Intact, Decisions) {
        (self.judged.into_intact(), self.decisions)
    }
}

/// The decided artifacts of a bundle, in the catalog's order, read ahead.
pub struct DecidedReader(Ahead<DecidedArtifact>);

impl DecidedReader {
    pub(super) fn open(judged: &Judged) -> Result<Self, Stop> {
        let intact = judged.intact();
        let mut judged = JudgedLines::open(intact)?;
        let mut lines = LineReader::open(intact.staging().join(DECISIONS))?;
        Ahead::start(move || next(&mut judged, &mut lines)).map(Self)
    }

    /// The next artifact.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<DecidedArtifact>, Stop> {
        self.0.next()
    }
}

fn next(judged: &mut JudgedLines, lines: &mut LineReader) -> Result<Option<DecidedArtifact>, Stop> {
    judged.next()?.map(|judged| decided(judged, lines)).transpose()
}

/// An artifact with the next decision, which must be about it.
fn decided(judged: JudgedArtifact, lines: &mut LineReader) -> Result<DecidedArtifact, Stop> {
    let decided: ArtifactDecision = lines.following()?;
    if decided.digest != judged.examined.artifact.digest {
        let mixed = io::Error::new(io::ErrorKind::InvalidData, "a decision is about another artifact");
        return Err(lines.wrong(mixed));
    }
    Ok(DecidedArtifact { judged, decided })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::import::judge::Asked;
    use crate::import::verify_objects::Examined;
    use crate::model::Artifact;

    fn artifact(content: &[u8]) -> JudgedArtifact {
        let artifact = Artifact::plain("files", "set", "1", "a", Digest::of(content));
        JudgedArtifact {
            examined: Examined {
                artifact,
                size: 1,
                facts: serde_json::Value::Null,
                derived: std::collections::BTreeMap::new(),
                digests: Vec::new(),
            },
            findings: Vec::new(),
            asked: Asked::default(),
        }
    }

    #[test]
    fn an_artifact_never_takes_the_decision_about_another() {
        let line = |content| {
            json!({
                "admission": "allowed", "digest": Digest::of(content), "policy": Digest::of(b"policy"), "policy_version": 1,
                "decision": {
                    "hits": [], "reached": "none", "required": "none", "required_by": "levels.default", "rules_say": "allow",
                    "verdict": "allow",
                },
            })
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("{}\n{}\n", line(b"one"), line(b"two"))).unwrap();
        let mut lines = LineReader::open(file.path().to_owned()).unwrap();
        assert_eq!(
            decided(artifact(b"one"), &mut lines).unwrap().decided.digest,
            Digest::of(b"one")
        );
        let Err(Stop::Unable(unable)) = decided(artifact(b"three"), &mut lines) else {
            panic!("it took the decision about another");
        };
        assert!(
            format!("{unable:?}").contains("a decision is about another artifact"),
            "{unable:?}"
        );
    }
}
