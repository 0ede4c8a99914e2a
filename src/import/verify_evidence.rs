//! Intact -> `Judged`: every proof judged by what this site has pinned. A proof that is wrong stops nothing here: the policy
//! decides from the findings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ahead::Ahead;
use super::forward::Forward;
use super::judge::{Asked, Judge, Objects, Opinion, Subject};
use super::lines::{LineReader, LineWriter};
use super::ordered::{Next, in_order};
use super::planned::Planned;
use super::verify_objects::{Examined, ExaminedReader, Intact, Progress};
use crate::evidence::Context;
use crate::model::{Anchor, Artifact, Claim, Digest, Finding, Level, SeenState, Stop, Timestamp};
use crate::store::Store;
use crate::trust::Revocations;

/// Artifacts that one thread judges in a row: few enough to stay small in memory, and enough that handing them over costs nothing.
const TOGETHER: usize = 32;

/// What proofs are judged by.
#[derive(Debug, Clone)]
pub struct Pins {
    /// What this site believes of the outside world.
    pub anchors: Vec<Anchor>,
    /// What it no longer believes.
    pub revocations: Option<Revocations>,
    /// How long a bundle may have been on its way for a signed index to be judged as of its making, in seconds.
    pub max_transit_seconds: u64,
    /// The newest states of upstreams that were ever accepted here.
    pub seen: Vec<SeenState>,
}

/// A bundle whose every proof has been judged.
pub struct Judged {
    pub(super) intact: Intact,
}

/// An artifact with what its content says and what its proofs came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedArtifact {
    /// The artifact and what its content says.
    pub examined: Examined,
    /// What its proofs came to.
    pub findings: Vec<Finding>,
    /// What they asked of its bytes.
    pub asked: Asked,
}

impl JudgedArtifact {
    /// The level that it reaches: the highest of its confirmed findings.
    pub fn level(&self) -> Level {
        self.findings.iter().map(Finding::level).max().unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
struct Line {
    asked: Asked,
    findings: Vec<Finding>,
}

/// What proofs are about, of all that is known of an artifact.
#[derive(Deserialize)]
struct Judgeable {
    artifact: Artifact,
    #[serde(default)]
    digests: Vec<Claim>,
    size: u64,
}

const FINDINGS: &str = "findings.ndjson";

/// Judges the proofs of every artifact, on all cores, in the catalog's order.
pub fn verify_evidence(
    intact: Intact,
    pins: &Pins,
    store: Option<&Store>,
    now: Timestamp,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Judged, Stop> {
    let here = Judging {
        pins,
        now,
        threads,
        progress,
        objects: Objects::Held,
    };
    write_findings(&intact, store, &here, &mut |_, opinion| Ok(opinion))?;
    Ok(Judged { intact })
}

/// The same of a bundle of which objects may be left out: `complete` says what their proofs had come to.
pub(super) fn verify_evidence_again(
    intact: Intact,
    judging: &Judging<'_>,
    complete: Complete<'_>,
) -> Result<Judged, Stop> {
    write_findings(&intact, None, judging, complete)?;
    Ok(Judged { intact })
}

/// By what and how it is judged.
pub(super) struct Judging<'a> {
    pub(super) pins: &'a Pins,
    pub(super) now: Timestamp,
    pub(super) threads: usize,
    pub(super) progress: &'a dyn Progress,
    pub(super) objects: Objects,
}

/// Completes what was found about an artifact, in the catalog's order.
pub(super) type Complete<'c> = &'c mut dyn FnMut(&Artifact, Opinion) -> Result<Opinion, Stop>;

fn write_findings(
    intact: &Intact,
    store: Option<&Store>,
    judging: &Judging<'_>,
    complete: Complete<'_>,
) -> Result<(), Stop> {
    let &Judging {
        pins,
        now,
        threads,
        progress,
        objects,
    } = judging;
    let context = Context {
        anchors: &pins.anchors,
        now,
        exported: intact.manifest().created,
        max_transit_seconds: pins.max_transit_seconds,
    };
    let locate = |digest: &Digest| intact.locate(digest, store);
    let planned = Planned::read(&locate(&intact.manifest().plan))?;
    let judge = Judge::new(&context, pins.revocations.as_ref(), &planned, &locate).with(objects);
    let mut forward = Forward::new(&pins.seen, intact.manifest().created);
    if !pins.seen.is_empty() {
        let mut examined = intact.examined()?;
        while let Some(item) = examined.next_part::<Judgeable>()? {
            if forward.asks_first(&item.artifact) {
                forward.note(&item.artifact, &judge.judge(&subject(&item))?.findings);
            }
        }
    }
    let mut output = LineWriter::create(intact.staging().join(FINDINGS))?;
    progress.begin("judge", intact.manifest().catalog.artifacts);
    let mut examined = intact.examined()?;
    let next = || {
        let mut part = Vec::with_capacity(TOGETHER);
        while part.len() < TOGETHER
            && let Some(item) = examined.next_part::<Judgeable>()?
        {
            part.push(item);
        }
        Ok((!part.is_empty()).then_some(part))
    };
    let work = |part: Vec<Judgeable>| {
        part.into_iter()
            .map(|item| Ok((judge.judge(&subject(&item))?, item.artifact)))
            .collect::<Result<Vec<_>, Stop>>()
    };
    in_order(threads, next, work, |judged| {
        let judged = judged?;
        progress.advance(judged.len() as u64);
        for (opinion, artifact) in judged {
            let Opinion {
                mut findings, asked, ..
            } = complete(&artifact, opinion)?;
            forward.weigh(&artifact, &mut findings);
            output.write(&Line { asked, findings })?;
        }
        Ok(Next::Go)
    })?;
    progress.finish();
    output.finish()
}

fn subject(examined: &Judgeable) -> Subject<'_> {
    Subject {
        artifact: &examined.artifact,
        digests: &examined.digests,
        size: Some(examined.size),
    }
}

impl Judged {
    /// Gives the bundle to the next step.
    pub(super) fn into_intact(self) -> Intact {
        self.intact
    }

    /// The bundle.
    pub const fn intact(&self) -> &Intact {
        &self.intact
    }

    /// What the proofs came to, in numbers.
    pub fn summary(&self) -> Result<EvidenceSummary, Stop> {
        let mut summary = EvidenceSummary::default();
        let mut artifacts = self.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            summary.count(&artifact);
        }
        Ok(summary)
    }

    /// The artifacts with their findings, in the catalog's order.
    pub fn artifacts(&self) -> Result<JudgedReader, Stop> {
        JudgedReader::open(&self.intact)
    }
}

/// What the proofs of a bundle came to, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceSummary {
    /// Artifacts by the level that they reach.
    pub levels: BTreeMap<Level, u64>,
    /// Confirmed findings by kind.
    pub confirmed: BTreeMap<String, u64>,
    /// Artifacts with a proof that is wrong.
    pub contradicted: u64,
    /// Artifacts with a proof that could not be judged.
    pub undecided: u64,
}

impl EvidenceSummary {
    /// Counts one artifact.
    pub fn count(&mut self, artifact: &JudgedArtifact) {
        *self.levels.entry(artifact.level()).or_default() += 1;
        for finding in &artifact.findings {
            if finding.is_confirmed() {
                *self.confirmed.entry(finding.kind.clone()).or_default() += 1;
            }
        }
        let any = |test: fn(&Finding) -> bool| u64::from(artifact.findings.iter().any(test));
        self.contradicted += any(Finding::is_contradicted);
        self.undecided += any(|finding| !finding.is_confirmed() && !finding.is_contradicted());
    }
}

/// The judged artifacts of a bundle, in the catalog's order, read ahead.
pub struct JudgedReader(Ahead<JudgedArtifact>);

impl JudgedReader {
    fn open(intact: &Intact) -> Result<Self, Stop> {
        let mut lines = JudgedLines::open(intact)?;
        Ahead::start(move || lines.next()).map(Self)
    }

    /// The next artifact.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<JudgedArtifact>, Stop> {
        self.0.next()
    }
}

/// The lines that the artifacts are read from.
pub(super) struct JudgedLines {
    examined: ExaminedReader,
    lines: LineReader,
}

impl JudgedLines {
    pub(super) fn open(intact: &Intact) -> Result<Self, Stop> {
        Ok(Self {
            examined: intact.examined()?,
            lines: LineReader::open(intact.staging().join(FINDINGS))?,
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<JudgedArtifact>, Stop> {
        let Some(examined) = self.examined.next()? else {
            return Ok(None);
        };
        let line: Line = self.lines.following()?;
        Ok(Some(JudgedArtifact {
            examined,
            findings: line.findings,
            asked: line.asked,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Doubt, Fault};

    #[test]
    fn what_is_wrong_and_what_is_open_are_counted_apart() {
        let counted = |finding: Finding| {
            let artifact = Artifact::plain("files", "set", "1", "a", Digest::of(b"a"));
            let mut summary = EvidenceSummary::default();
            summary.count(&JudgedArtifact {
                examined: Examined {
                    artifact,
                    size: 1,
                    facts: serde_json::Value::Null,
                    derived: BTreeMap::new(),
                    digests: Vec::new(),
                },
                findings: vec![finding],
                asked: Asked::default(),
            });
            (summary.contradicted, summary.undecided)
        };
        assert_eq!(
            counted(Finding::confirmed("minisign", Level::Publisher, "signed")),
            (0, 0)
        );
        assert_eq!(
            counted(Finding::contradicted("minisign", Fault::Revoked, "revoked")),
            (1, 0)
        );
        assert_eq!(counted(Finding::undecided("minisign", Doubt::NoAnchor, "open")), (0, 1));
    }
}
