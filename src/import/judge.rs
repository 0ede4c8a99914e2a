//! Judges the proofs of artifacts, wherever their bytes lie: in an import's staging folder, or in the enclave's store when
//! all that is held is judged again.
#![expect(clippy::disallowed_methods, reason = "proofs lie in files")]

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use super::planned::Planned;
use crate::evidence::{self, Context, Evidence, MAX_PROOF_BYTES};
use crate::model::{
    Algorithm, Artifact, Claim, Digest, Doubt, Fault, Finding, Level, MultiHasher, ProofState, Stop, Unable,
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
    open: Mutex<VecDeque<(Key, Arc<Slot<'a>>)>>,
}

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
            open: Mutex::new(VecDeque::new()),
        }
    }

    /// Judges some artifacts on all cores; the results are in their order.
    pub fn judge_all(&self, artifacts: &[Artifact], threads: usize) -> Result<Vec<Vec<Finding>>, Stop> {
        self.judge_each(artifacts, threads).into_iter().collect()
    }

    /// The same, where the failure to read one artifact says nothing about the others.
    pub fn judge_each(&self, artifacts: &[Artifact], threads: usize) -> Vec<Result<Vec<Finding>, Stop>> {
        let share = artifacts.len().div_ceil(threads.max(1)).max(1);
        thread::scope(|scope| {
            let handles: Vec<_> = artifacts
                .chunks(share)
                .map(|part| {
                    let judging = move || part.iter().map(|artifact| self.judge(artifact)).collect::<Vec<_>>();
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
    pub fn judge(&self, artifact: &Artifact) -> Result<Vec<Finding>, Stop> {
        let path = (self.locate)(&artifact.digest);
        let mut findings = Vec::new();
        if let Some(revocation) = self.revocations.and_then(|document| document.artifact(artifact)) {
            findings.push(revoked_artifact(revocation));
        }
        for proof in &artifact.proofs {
            if proof.state == ProofState::Present {
                findings.extend(self.judge_proof(&proof.kind, &proof.objects, artifact, &path)?);
            }
        }
        if let Some(planned) = self.planned {
            findings.extend(agreement(planned, artifact, &path)?);
        }
        if let Some(revocations) = self.revocations {
            for finding in &mut findings {
                revocations.apply(finding);
            }
        }
        Ok(findings)
    }

    fn judge_proof(
        &self,
        kind: &str,
        objects: &[Digest],
        artifact: &Artifact,
        path: &Path,
    ) -> Result<Vec<Finding>, Stop> {
        let Some(known) = evidence::find(kind) else {
            return Ok(vec![unknown_kind(kind)]);
        };
        // A proof inside the artifact names the artifact itself.
        let own: Vec<Digest> = objects
            .iter()
            .copied()
            .filter(|digest| *digest != artifact.digest)
            .collect();
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
            Err(finding) => return Ok(vec![(**finding).clone()]),
        };
        let file = File::open(path).map_err(|error| cannot_read(path, error))?;
        let mut content = BufReader::with_capacity(64 << 10, file);
        Ok(catch_unwind(AssertUnwindSafe(|| opened.judge(artifact, &mut content)))
            .unwrap_or_else(|_| vec![panicked(kind)]))
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
            let size = fs::metadata(&path).map_err(failed)?.len();
            if size > MAX_PROOF_BYTES {
                return Ok(Err(Box::new(Finding::undecided(
                    kind,
                    Doubt::TooLarge,
                    format!("an object of the proof has {size} bytes, and at most {MAX_PROOF_BYTES} are judged"),
                ))));
            }
            read.push(fs::read(&path).map_err(failed)?);
        }
        Ok(Ok(read))
    }
}

/// Whether those who named the artifact, those who served it and its bytes agree about its digest.
fn agreement(planned: &Planned, artifact: &Artifact, path: &Path) -> Result<Option<Finding>, Stop> {
    let claims = planned.claims(artifact);
    let Some(strongest) = claims.iter().map(Claim::algorithm).max() else {
        return Ok(artifact.origin.starts_with("https://").then(|| {
            Finding::confirmed(
                DIGEST_AGREEMENT,
                Level::Observed,
                "the exporter saw these bytes over TLS; no lockfile states a digest",
            )
        }));
    };
    let agrees = match strongest {
        Algorithm::Sha1 => {
            return Ok(Some(Finding::undecided(
                DIGEST_AGREEMENT,
                Doubt::UnknownAlgorithm,
                "the plan states no digest but SHA-1, which proves nothing",
            )));
        }
        // The bytes have been verified to have this digest.
        Algorithm::Sha256 => claims
            .iter()
            .any(|claim| claim.algorithm() == strongest && claim.bytes() == artifact.digest.as_bytes()),
        Algorithm::Sha384 | Algorithm::Sha512 => {
            let found = hash(path, strongest)?;
            claims.iter().any(|claim| found.contains(claim))
        }
    };
    Ok(Some(if agrees {
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
    }))
}

/// Hashes a file with an algorithm that the catalog does not use.
fn hash(path: &Path, algorithm: Algorithm) -> Result<Vec<Claim>, Stop> {
    let failed = |error| cannot_read(path, error);
    let mut hasher = MultiHasher::new([algorithm]);
    let mut file = File::open(path).map_err(failed)?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(hasher.finish().1);
        }
        hasher.update(&buffer[..count]);
    }
}

fn panicked(kind: &str) -> Finding {
    Finding::undecided(
        kind,
        Doubt::UnknownFormat,
        "judging it failed: this is an error of this program",
    )
}

fn cannot_read(path: &Path, error: std::io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}
