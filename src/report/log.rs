//! What a report proves of the enclave's log (`bundle-spec/log.md` §5).

use serde::{Deserialize, Serialize};

use super::{Head, Outcome, Record, ReportError};
use crate::crypto::merkle::{self, Frontier};
use crate::log::{self, Checkpoint, Cosigned, Leaf, Log, LogError, Witness};
use crate::model::Digest;
use crate::trust::{Revocations, TrustedRoot};

/// The checkpoints before and after an attempt, and the proofs between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPart {
    /// The checkpoint with the attempt's leaves.
    pub after: String,
    /// The checkpoint before; none where there was none yet.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub before: Option<String>,
    /// The proof that the tree after holds the one before.
    pub consistency: Vec<Digest>,
    /// The place of the attempt's first leaf.
    pub first: u64,
    /// The log.
    pub origin: String,
    /// The whole subtrees of the tree of the first `first` leaves.
    pub subtrees: Vec<Digest>,
}

impl Head {
    /// The leaf of the attempt.
    pub fn leaf(&self) -> Leaf {
        let mut codes: Vec<String> = self.refusals.iter().map(|refusal| refusal.code.clone()).collect();
        codes.sort();
        codes.dedup();
        Leaf::Attempt {
            bundle: self.bundle.as_ref().map(|bundle| bundle.manifest),
            codes,
            count: self.records.count,
            created: self.created,
            generation: self.published.as_ref().map(|published| published.generation),
            outcome: match self.outcome {
                Outcome::Imported => "imported",
                Outcome::Refused => "refused",
            }
            .to_owned(),
            previous: self.previous.as_ref().map(|previous| previous.digest),
            records: self.records.digest,
            report: self.number,
            repository: self.published.as_ref().map(|published| published.repository),
        }
    }
}

impl Record {
    /// The leaf of the artifact, in the report with a number; `digest` is that of the record's line without its end.
    pub fn leaf(&self, report: u64, digest: Digest) -> Leaf {
        Leaf::Artifact {
            artifact: self.digest,
            decision: self
                .decision
                .as_ref()
                .map_or_else(String::new, |decided| decided.admission.clone()),
            purl: self.purl.clone(),
            record: digest,
            report,
        }
    }
}

impl LogPart {
    /// What a report carries of a log to which all leaves of its attempt were added, and which is flushed. `start` is the tree before them.
    pub fn of(log: &Log, start: &Frontier, after: &Checkpoint) -> Result<Self, LogError> {
        let before = log.before();
        Ok(Self {
            after: after.text().to_owned(),
            before: before.map(|before| before.text().to_owned()),
            consistency: match before {
                Some(before) => log.consistency(before.head.size)?,
                None => Vec::new(),
            },
            first: start.size(),
            origin: after.origin.clone(),
            subtrees: start.subtrees().to_vec(),
        })
    }
}

impl LogPart {
    /// In words: which leaves are the attempt's, and the tree that holds them.
    pub fn said(&self) -> String {
        match Checkpoint::read(&self.after) {
            Ok(after) => format!(
                "leaves {} to {} of {}, root {}",
                self.first,
                after.head.size.saturating_sub(1),
                self.origin,
                after.head.root
            ),
            Err(_) => format!("leaves from {} on of {}", self.first, self.origin),
        }
    }
}

/// What a report proves of the log, whose leaves are added as its records are read.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The checkpoint before.
    pub before: Option<Checkpoint>,
    /// The checkpoint with the attempt's leaves.
    pub after: Checkpoint,
    /// The place of the attempt's first leaf.
    pub first: u64,
    /// The persons who signed the checkpoint after.
    pub persons: Vec<String>,
    tree: Frontier,
}

impl Proven {
    /// Checks what the head alone proves: whose checkpoints these are, and that the one tree holds the other.
    pub(super) fn check(
        part: &LogPart,
        roots: &[TrustedRoot],
        revocations: Option<&Revocations>,
    ) -> Result<Self, ReportError> {
        let wrong = |reason: &str| ReportError::LogProof {
            reason: reason.to_owned(),
        };
        let enclave = roots.last().map(|root| &root.document().enclave);
        let origin = enclave
            .map(log::origin)
            .ok_or_else(|| wrong("no root says whose it is"))?;
        if part.origin != origin {
            return Err(LogError::OtherLog {
                expected: origin,
                found: part.origin.clone(),
            }
            .into());
        }
        let after = Checkpoint::read(&part.after)?;
        let persons = after.verify(&origin, roots, revocations)?;
        let before = part.before.as_deref().map(Checkpoint::read).transpose()?;
        if let Some(before) = &before {
            if before.is_signed() {
                // That a key was revoked since takes nothing away: whoever signed `after` vouches for a tree that holds this one.
                before.verify(&origin, roots, None)?;
            } else if before.origin != origin {
                return Err(wrong("the checkpoint before is of another log"));
            }
            if before.head.size > part.first {
                return Err(wrong("the checkpoint before is later than the attempt"));
            }
            merkle::check_consistency(&before.head, &after.head, &part.consistency)
                .map_err(|error| wrong(&error.to_string()))?;
        } else if !part.consistency.is_empty() {
            return Err(wrong("there is a proof and no checkpoint before"));
        }
        if part.first > after.head.size {
            return Err(wrong("its leaves do not lie in the tree"));
        }
        let tree = Frontier::of(part.first, part.subtrees.clone())
            .ok_or_else(|| wrong("the tree before the attempt has another number of subtrees"))?;
        Ok(Self {
            before,
            after,
            first: part.first,
            persons,
            tree,
        })
    }

    pub(super) fn add(&mut self, leaf: &Leaf) {
        self.tree.push(leaf.hash());
    }

    /// Compares the tree, once all leaves are added.
    pub(super) fn finish(&self) -> Result<(), ReportError> {
        let (expected, found) = (self.after.head, self.tree.head());
        if expected == found {
            return Ok(());
        }
        Err(LogError::OtherTree {
            size: found.size,
            expected: expected.root,
            found: found.root,
        }
        .into())
    }

    /// Who else has signed the checkpoints.
    pub fn cosigned(&self, witnesses: &[Witness]) -> Vec<Cosigned> {
        let before = self.before.iter().flat_map(|before| before.cosigned(witnesses));
        before.chain(self.after.cosigned(witnesses)).collect()
    }
}
