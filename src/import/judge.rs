//! Judges the proofs of artifacts, wherever their bytes lie: in an import's staging folder, or in the enclave's store when
//! all that is held is judged again.
#![expect(clippy::disallowed_methods, reason = "proofs lie in files")]

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};

use super::lazy_file::LazyFile;
use super::open::cannot_read;
use super::planned::Planned;
use crate::evidence::{self, Context, Evidence, MAX_PROOF_BYTES};
use crate::model::{
    Algorithm, Artifact, Claim, Content, Digest, Doubt, Fault, Finding, Level, ProofState, Remembering, Stop, Unable,
};
use crate::trust::Revocations;
use crate::trust::revocations::{revoked_artifact, unknown_kind};

/// The kind under which agreement of digests is found; no signature, so never more than `observed`.
pub const DIGEST_AGREEMENT: &str = "digest-agreement";

/// Proofs that stay open: a signed index is shared by thousands of artifacts, and neighbours in a catalog share a packument. A
/// few suites of a distribution are open side by side.
const OPEN_PROOFS: usize = 16;

/// By what proofs are judged.
pub struct Judge<'a> {
    context: &'a Context<'a>,
    revocations: Option<&'a Revocations>,
    /// What the plan states; `None` where that is not asked, because neither the plan nor the bytes can have changed.
    planned: Option<&'a Planned>,
    locate: &'a (dyn Fn(&Digest) -> PathBuf + Sync),
    objects: Objects,
    open: Mutex<VecDeque<(Key, Arc<Slot<'a>>)>>,
}

/// Whether the objects that proofs need lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objects {
    /// All of them: one that is missing stops the run.
    Held,
    /// Some may be left out: proofs that need them are not judged, and named.
    MayLack,
}

/// What the proofs of an artifact came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opinion {
    /// The findings, in the order of the proofs.
    pub findings: Vec<Finding>,
    /// What they asked of the artifact's bytes.
    pub asked: Asked,
    /// Places among the findings that stand for a proof whose objects are left out.
    pub lacking: Vec<usize>,
}

/// What proofs ask of an artifact's bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Whether the bytes themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bytes: bool,
    /// Digests, beside the catalog's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Claim>,
}

/// An artifact whose proofs are judged, and what is known of its bytes already.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The artifact.
    pub artifact: &'a Artifact,
    /// Digests of its bytes beside the catalog's, which an earlier step computed from the verified bytes.
    pub digests: &'a [Claim],
    /// Its size, which an earlier step measured; `None` where none did.
    pub size: Option<u64>,
}

impl<'a> From<&'a Artifact> for Subject<'a> {
    fn from(artifact: &'a Artifact) -> Self {
        Self {
            artifact,
            digests: &[],
            size: None,
        }
    }
}

/// An artifact's verified bytes: opened when a kind first asks for them, and hashed once whatever asks.
type Bytes<'p> = Remembering<LazyFile<'p>>;

/// A proof by its kind and objects.
type Key = (String, Vec<Digest>);

/// A proof that one thread opens while others wait for it.
type Slot<'a> = OnceLock<Result<Box<dyn Evidence + 'a>, Box<Finding>>>;

impl<'a> Judge<'a> {
    /// A judge with these anchors, who finds objects through `locate`.
    pub fn new(
        context: &'a Context<'a>,
        revocations: Option<&'a Revocations>,
        planned: &'a Planned,
        locate: &'a (dyn Fn(&Digest) -> PathBuf + Sync),
    ) -> Self {
        Self {
            planned: Some(planned),
            ..Self::again(context, revocations, locate)
        }
    }

    /// A judge of what was judged before: proofs alone, without [`DIGEST_AGREEMENT`].
    pub fn again(
        context: &'a Context<'a>,
        revocations: Option<&'a Revocations>,
        locate: &'a (dyn Fn(&Digest) -> PathBuf + Sync),
    ) -> Self {
        Self {
            context,
            revocations,
            planned: None,
            locate,
            objects: Objects::Held,
            open: Mutex::new(VecDeque::new()),
        }
    }

    /// The same judge, with some of the objects left out.
    #[must_use]
    pub fn with(self, objects: Objects) -> Self {
        Self { objects, ..self }
    }

    /// Judges some artifacts on all cores; the results are in their order, and the failure to read one says nothing about the others.
    pub fn judge_each(&self, subjects: &[Subject<'_>], threads: usize) -> Vec<Result<Opinion, Stop>> {
        let share = subjects.len().div_ceil(threads.max(1)).max(1);
        thread::scope(|scope| {
            let handles: Vec<_> = subjects
                .chunks(share)
                .map(|part| {
                    let judging = move || part.iter().map(|subject| self.judge(subject)).collect::<Vec<_>>();
                    (part.len(), scope.spawn(judging))
                })
                .collect();
            let ended = || Err(Unable::new("a thread that judges proofs has ended").into());
            handles
                .into_iter()
                .flat_map(|(count, handle)| {
                    handle
                        .join()
                        .unwrap_or_else(|_| std::iter::repeat_with(ended).take(count).collect())
                })
                .collect()
        })
    }

    /// Judges every proof that an artifact brings. Absent proofs give no findings: the artifact itself says so.
    pub fn judge(&self, subject: &Subject<'_>) -> Result<Opinion, Stop> {
        let artifact = subject.artifact;
        let path = (self.locate)(&artifact.digest);
        let mut known = vec![Claim::from(artifact.digest)];
        known.extend(subject.digests.iter().cloned());
        let mut bytes = Remembering::new(LazyFile::new(&path, subject.size), known);
        if self.objects == Objects::Held && artifact.proofs.iter().any(|proof| proof.state == ProofState::Present) {
            // Not every kind reads the bytes; without them there is nothing to judge.
            fs::metadata(&path).map_err(|error| cannot_read(&path, error))?;
        }
        let mut opinion = Opinion::default();
        if let Some(revocation) = self.revocations.and_then(|document| document.artifact(artifact)) {
            opinion.findings.push(revoked_artifact(revocation));
        }
        for proof in &artifact.proofs {
            if proof.state == ProofState::Present {
                let found = self.judge_proof(&proof.kind, &proof.objects, artifact, &mut bytes)?;
                self.take(&proof.kind, found, &path, &mut bytes, &mut opinion)?;
            }
        }
        if let Some(planned) = self.planned {
            let found = agreement(planned, artifact, &mut bytes).into_iter().collect();
            self.take(DIGEST_AGREEMENT, Some(found), &path, &mut bytes, &mut opinion)?;
        }
        let (digests, is_read) = bytes.into_known();
        opinion.asked = Asked {
            bytes: is_read,
            // The first is the catalog's own.
            digests: digests.into_iter().skip(1).collect(),
        };
        if let Some(revocations) = self.revocations {
            for finding in &mut opinion.findings {
                revocations.apply(finding);
            }
        }
        Ok(opinion)
    }

    /// Takes what a proof came to; `None`, or bytes that are not there, where its objects are left out.
    fn take(
        &self,
        kind: &str,
        found: Option<Vec<Finding>>,
        path: &Path,
        bytes: &mut Bytes<'_>,
        opinion: &mut Opinion,
    ) -> Result<(), Stop> {
        let failure = bytes.inner_mut().failure();
        match (found, failure) {
            (Some(found), None) => opinion.findings.extend(found),
            (_, Some(error)) if self.objects == Objects::Held || error.kind() != io::ErrorKind::NotFound => {
                return Err(cannot_read(path, error).into());
            }
            _ => {
                opinion.lacking.push(opinion.findings.len());
                let reason = "what it needs is left out";
                opinion
                    .findings
                    .push(Finding::undecided(kind, Doubt::Incomplete, reason));
            }
        }
        Ok(())
    }

    fn judge_proof(
        &self,
        kind: &str,
        objects: &[Digest],
        artifact: &Artifact,
        bytes: &mut Bytes<'_>,
    ) -> Result<Option<Vec<Finding>>, Stop> {
        let Some(known) = evidence::find(kind) else {
            return Ok(Some(vec![unknown_kind(kind)]));
        };
        // A proof inside the artifact names the artifact itself.
        let own: Vec<Digest> = objects
            .iter()
            .copied()
            .filter(|digest| *digest != artifact.digest)
            .collect();
        if self.objects == Objects::MayLack && own.iter().any(|digest| !(self.locate)(digest).exists()) {
            return Ok(None);
        }
        let slot = self.slot((kind.to_owned(), own.clone()));
        let mut failed = None;
        let opened = slot.get_or_init(|| {
            let untrusted = match self.read_objects(kind, &own) {
                Ok(Ok(untrusted)) => untrusted,
                Ok(Err(finding)) => return Err(finding),
                Err(stop) => {
                    failed = Some(stop);
                    return Err(Box::new(unknown_kind(kind)));
                }
            };
            // A library that panics over hostile bytes must not end the judging of the others.
            catch_unwind(AssertUnwindSafe(|| known.open(untrusted, self.context)))
                .unwrap_or_else(|_| Err(Box::new(panicked(kind))))
        });
        if let Some(stop) = failed {
            return Err(stop);
        }
        let opened = match opened {
            Ok(opened) => opened,
            Err(finding) => return Ok(Some(vec![(**finding).clone()])),
        };
        let judged = catch_unwind(AssertUnwindSafe(|| opened.judge(artifact, bytes)));
        Ok(Some(judged.unwrap_or_else(|_| vec![panicked(kind)])))
    }

    /// The place of a proof among those that are open; the one that was asked for longest ago makes room.
    fn slot(&self, key: Key) -> Arc<Slot<'a>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open
            .iter()
            .position(|(known, _)| *known == key)
            .and_then(|place| open.remove(place));
        let entry = found.unwrap_or_else(|| (key, Arc::new(OnceLock::new())));
        let slot = Arc::clone(&entry.1);
        open.push_front(entry);
        open.truncate(OPEN_PROOFS);
        slot
    }

    fn read_objects(&self, kind: &str, objects: &[Digest]) -> Result<Result<Vec<Vec<u8>>, Box<Finding>>, Stop> {
        let mut read = Vec::with_capacity(objects.len());
        for digest in objects {
            let path = (self.locate)(digest);
            let failed = |error| cannot_read(&path, error);
            let file = File::open(&path).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            if size > MAX_PROOF_BYTES {
                return Ok(Err(Box::new(Finding::undecided(
                    kind,
                    Doubt::TooLarge,
                    format!("an object of the proof has {size} bytes, and at most {MAX_PROOF_BYTES} are judged"),
                ))));
            }
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            file.take(size).read_to_end(&mut bytes).map_err(failed)?;
            read.push(bytes);
        }
        Ok(Ok(read))
    }
}

/// Judges one proof whose objects are at hand: what is no artifact's.
pub(super) fn judge_bytes(
    kind: &str,
    objects: Vec<Vec<u8>>,
    artifact: &Artifact,
    content: &mut dyn Content,
    context: &Context<'_>,
) -> Vec<Finding> {
    let Some(known) = evidence::find(kind) else {
        return vec![unknown_kind(kind)];
    };
    let judging = || match known.open(objects, context) {
        Ok(opened) => opened.judge(artifact, content),
        Err(finding) => vec![*finding],
    };
    catch_unwind(AssertUnwindSafe(judging)).unwrap_or_else(|_| vec![panicked(kind)])
}

/// Whether those who named the artifact, those who served it and its bytes agree about its digest.
fn agreement(planned: &Planned, artifact: &Artifact, bytes: &mut dyn Content) -> Option<Finding> {
    let claims = planned.claims(artifact);
    let Some(strongest) = claims.iter().map(Claim::algorithm).max() else {
        return artifact.origin.starts_with("https://").then(|| {
            Finding::confirmed(
                DIGEST_AGREEMENT,
                Level::Observed,
                "the exporter saw these bytes over TLS; no lockfile states a digest",
            )
        });
    };
    if strongest == Algorithm::Sha1 {
        return Some(Finding::undecided(
            DIGEST_AGREEMENT,
            Doubt::UnknownAlgorithm,
            "the plan states no digest but SHA-1, which proves nothing",
        ));
    }
    let Ok(found) = bytes.digest(strongest) else {
        return Some(Finding::undecided(
            DIGEST_AGREEMENT,
            Doubt::Incomplete,
            "the bytes could not be read",
        ));
    };
    Some(if claims.contains(&found) {
        Finding::confirmed(
            DIGEST_AGREEMENT,
            Level::Observed,
            format!(
                "the bytes have the {} digest that the plan took from {}",
                strongest.name(),
                artifact.reason
            ),
        )
    } else {
        Finding::contradicted(
            DIGEST_AGREEMENT,
            Fault::SubjectDiffers,
            format!(
                "the bytes do not have a {} digest that the plan states",
                strongest.name()
            ),
        )
    })
}

fn panicked(kind: &str) -> Finding {
    Finding::undecided(
        kind,
        Doubt::UnknownFormat,
        "judging it failed: this is an error of this program",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{ClaimHasher, Outcome, Proof, Timestamp};

    fn artifact(bytes: &[u8]) -> Artifact {
        Artifact {
            origin: "cache".to_owned(),
            reason: "package-lock.json".to_owned(),
            ..Artifact::plain("npm", "x", "1.0.0", "x-1.0.0.tgz", Digest::of(bytes))
        }
    }

    fn claim(algorithm: Algorithm, bytes: &[u8]) -> Claim {
        let mut hasher = ClaimHasher::new([algorithm]);
        hasher.update(bytes);
        hasher.finish().swap_remove(0)
    }

    fn plan(claim: &Claim) -> Planned {
        let file = tempfile::NamedTempFile::new().unwrap();
        let wanted = format!(r#"{{"ecosystem":"npm","name":"x","version":"1.0.0","digests":["{claim}"]}}"#);
        fs::write(file.path(), format!(r#"{{"wanted":[{wanted}]}}"#)).unwrap();
        Planned::read(file.path()).unwrap()
    }

    fn without_anchors() -> Context<'static> {
        let time = Timestamp::from_seconds(1_700_000_000);
        Context {
            anchors: &[],
            now: time,
            exported: time,
            max_transit_seconds: 0,
        }
    }

    fn judged(artifact: &Artifact, digests: &[Claim], planned: &Planned, path: &Path) -> Result<Vec<Finding>, Stop> {
        let context = without_anchors();
        let locate = |_: &Digest| path.to_owned();
        let opinion = Judge::new(&context, None, planned, &locate).judge(&Subject {
            artifact,
            digests,
            size: None,
        })?;
        Ok(opinion.findings)
    }

    #[test]
    fn what_an_earlier_step_hashed_is_not_hashed_again() {
        let artifact = artifact(b"bytes");
        let nowhere = Path::new("nowhere");
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digests = [claim(Algorithm::Sha512, b"bytes")];
            let (right, wrong) = (plan(&claim(algorithm, b"bytes")), plan(&claim(algorithm, b"other")));
            let of = |planned| judged(&artifact, &digests, planned, nowhere).unwrap().swap_remove(0);
            assert!(of(&right).is_confirmed());
            assert_eq!(of(&wrong).outcome, Outcome::Contradicted(Fault::SubjectDiffers));
        }
    }

    #[test]
    fn bytes_that_are_gone_end_the_judging_and_are_no_finding() {
        let nowhere = Path::new("nowhere");
        let planned = plan(&claim(Algorithm::Sha512, b"bytes"));
        assert!(matches!(
            judged(&artifact(b"bytes"), &[], &planned, nowhere),
            Err(Stop::Unable(_))
        ));
        let mut proven = artifact(b"bytes");
        proven.proofs.push(Proof {
            kind: "cosign".to_owned(),
            state: ProofState::Present,
            objects: Vec::new(),
        });
        let of_sha256 = plan(&Claim::from(proven.digest));
        assert!(matches!(
            judged(&proven, &[], &of_sha256, nowhere),
            Err(Stop::Unable(_))
        ));
    }

    #[test]
    fn what_may_be_left_out_is_not_what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut proven = artifact(b"bytes");
        proven.proofs.push(Proof {
            kind: "minisign".to_owned(),
            state: ProofState::Present,
            objects: vec![Digest::of(b"a proof")],
        });
        let context = without_anchors();
        let asked = |path: PathBuf, objects| {
            let locate = |_: &Digest| path.clone();
            let judge = Judge::again(&context, None, &locate).with(objects);
            let opinion = judge.judge(&Subject {
                artifact: &proven,
                digests: &[],
                size: None,
            });
            opinion.map(|opinion| opinion.lacking.len())
        };
        let (gone, a_folder) = (folder.path().join("gone"), folder.path().to_owned());
        assert_eq!(asked(gone.clone(), Objects::MayLack).unwrap(), 1);
        for (path, objects) in [
            (gone.clone(), Objects::Held),
            (a_folder.clone(), Objects::Held),
            (a_folder.clone(), Objects::MayLack),
        ] {
            assert!(matches!(asked(path, objects), Err(Stop::Unable(_))), "{objects:?}");
        }
        // The artifact's own bytes, too.
        let planned = plan(&claim(Algorithm::Sha512, b"bytes"));
        let hashed = |path: PathBuf| {
            let locate = |_: &Digest| path.clone();
            let judge = Judge::new(&context, None, &planned, &locate).with(Objects::MayLack);
            let opinion = judge.judge(&Subject {
                artifact: &artifact(b"bytes"),
                digests: &[],
                size: None,
            });
            opinion.map(|opinion| opinion.lacking.len())
        };
        assert_eq!(hashed(gone).unwrap(), 1);
        assert!(matches!(hashed(a_folder), Err(Stop::Unable(_))));
    }

    #[test]
    fn sha_1_alone_proves_nothing() {
        let planned = plan(&claim(Algorithm::Sha1, b"bytes"));
        let finding = judged(&artifact(b"bytes"), &[], &planned, Path::new("nowhere"))
            .unwrap()
            .swap_remove(0);
        assert_eq!(finding.outcome, Outcome::Undecided(Doubt::UnknownAlgorithm));
    }

    #[test]
    fn a_proof_over_the_limit_is_not_read() {
        let large = tempfile::NamedTempFile::new().unwrap();
        large.as_file().set_len(MAX_PROOF_BYTES + 1).unwrap();
        let mut proven = artifact(b"bytes");
        proven.proofs.push(Proof {
            kind: "minisign".to_owned(),
            state: ProofState::Present,
            objects: vec![Digest::of(b"a proof")],
        });
        let planned = plan(&Claim::from(proven.digest));
        let findings = judged(&proven, &[], &planned, large.path()).unwrap();
        let of_proof = findings.iter().find(|finding| finding.kind == "minisign").unwrap();
        assert_eq!(of_proof.outcome, Outcome::Undecided(Doubt::TooLarge));
        // Said by its size before it is read, and not by what the first of its bytes are.
        assert!(
            of_proof.reason.starts_with("an object of the proof has"),
            "{of_proof:?}"
        );
        assert!(
            of_proof.reason.contains(&(MAX_PROOF_BYTES + 1).to_string()),
            "{of_proof:?}"
        );
    }

    #[test]
    fn no_subjects_have_no_opinions() {
        let context = without_anchors();
        let locate = |_: &Digest| PathBuf::new();
        for threads in [0, 1, 2] {
            assert!(
                Judge::again(&context, None, &locate)
                    .judge_each(&[], threads)
                    .is_empty()
            );
        }
    }
}
