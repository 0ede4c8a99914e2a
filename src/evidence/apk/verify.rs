//! The checks, in the order of "APK Signature Scheme v3", "Verification": the newest scheme first, then the older ones.

use super::block::{self, Block};
use super::signer::{self, Signer, Version};
use super::{ID, digest, manifest};
use crate::archive::zip::Zip;
use crate::evidence::jar::{SignedJar, broken};
use crate::evidence::x509::{Case, Certificate, Content as Signed, Hash, ID_DATA, Refusal};
use crate::evidence::{Context, outside};
use crate::model::{Artifact, Content, Doubt, Fault, Finding};

/// Manifests have some ten kilobytes, mostly.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

pub(super) fn judge(
    artifact: &Artifact,
    content: &mut dyn Content,
    context: &Context<'_>,
) -> Result<Vec<Finding>, Refusal> {
    let case = Case::new(ID, artifact, context);
    match block::find(content)? {
        Some(block) if block.v2.is_some() || block.v3.is_some() || block.v31.is_some() => {
            judge_block(&case, content, &block)
        }
        _ => judge_v1(&case, content),
    }
}

/// Every scheme that is there, and every signer of it: each platform looks at one of them.
fn judge_block(case: &Case<'_>, content: &mut dyn Content, block: &Block) -> Result<Vec<Finding>, Refusal> {
    let read = |value: &Option<Vec<u8>>, version, name: &str| match value {
        Some(value) => signer::read_all(value, version).map_err(|refusal| refusal.of(name)),
        None => Ok(Vec::new()),
    };
    let v31 = read(&block.v31, Version::V3, "v3.1")?;
    let v3 = read(&block.v3, Version::V3, "v3")?;
    let v2 = read(&block.v2, Version::V2, "v2")?;
    // "Stripping protection".
    if v2.iter().any(|signer| signer.needs_v3) && v3.is_empty() {
        return Err(stripped("v3"));
    }
    if v3.iter().any(|signer| signer.needs_v31) && v31.is_empty() {
        return Err(stripped("v3.1"));
    }
    let mut hashes: Vec<Hash> = Vec::new();
    for (hash, _) in [&v31, &v3, &v2]
        .into_iter()
        .flatten()
        .flat_map(|signer| &signer.digests)
    {
        if !hashes.contains(hash) {
            hashes.push(*hash);
        }
    }
    let own = digest::compute(content, &block.sections, &hashes)?;
    let mut findings = Vec::new();
    for (name, signers) in [("v3.1", v31), ("v3", v3), ("v2", v2)] {
        for signer in signers {
            findings.push(judge_signer(case, name, &signer, &own));
        }
    }
    Ok(findings)
}

fn judge_signer(case: &Case<'_>, scheme: &str, signer: &Signer, own: &[(Hash, Vec<u8>)]) -> Finding {
    let differs = signer.digests.iter().find(|stated| !own.contains(stated));
    let mut finding = match differs {
        Some((hash, _)) => Finding::contradicted(
            ID,
            Fault::SubjectDiffers,
            format!("{scheme}: the package has not the {} that was signed", hash.name()),
        ),
        None => conclude(case, scheme, &signer.certificate, &signer.ancestors),
    };
    finding.algorithm = Some(signer.algorithm.clone());
    finding.by(signer.certificate.signer())
}

fn conclude(case: &Case<'_>, scheme: &str, certificate: &Certificate, ancestors: &[Certificate]) -> Finding {
    let mut beyond = None;
    for (anchor, pinned) in &case.signers.0 {
        let ancestor = ancestors.iter().find(|ancestor| pinned.contains(ancestor));
        if !pinned.contains(certificate) && ancestor.is_none() {
            continue;
        }
        if let Some(finding) = outside(ID, anchor, case.artifact, case.now) {
            beyond = Some(finding);
            continue;
        }
        let finding = Finding::confirmed(
            ID,
            anchor.speaks_for.level(),
            format!(
                "{scheme}: signed by {}, which anchor `{}` pins",
                certificate.subject(),
                anchor.name
            ),
        )
        .resting_on(&anchor.name)
        .noting("validity of certificates means nothing in packages");
        return match ancestor {
            Some(ancestor) if !pinned.contains(certificate) => {
                let mut finding = finding.noting(format!(
                    "its key follows the pinned one, sha256 {}",
                    ancestor.fingerprint()
                ));
                finding.through.push(ancestor.signer());
                finding
            }
            _ => finding,
        };
    }
    beyond.unwrap_or_else(|| {
        let doubt = if case.signers.0.is_empty() {
            Doubt::NoAnchor
        } else {
            Doubt::UnknownSigner
        };
        Finding::undecided(
            ID,
            doubt,
            format!(
                "{scheme}: signed by {} (sha256 {}), which is not pinned",
                certificate.subject(),
                certificate.fingerprint()
            ),
        )
    })
}

fn stripped(scheme: &str) -> Refusal {
    Refusal::wrong(
        Fault::SubjectDiffers,
        format!("it was also signed with {scheme}, and that signature is gone"),
    )
}

/// "JAR-signed APK (v1 scheme)".
fn judge_v1(case: &Case<'_>, content: &mut dyn Content) -> Result<Vec<Finding>, Refusal> {
    let mut zip = Zip::open(content).map_err(|error| broken(&error))?;
    let jar = SignedJar::read(&mut zip)?;
    let document = zip
        .read("AndroidManifest.xml", MAX_MANIFEST_BYTES)
        .map_err(|error| broken(&error))?;
    match manifest::needs_v2(&document) {
        Some(false) => {}
        Some(true) => {
            return Err(Refusal::wrong(
                Fault::SubjectDiffers,
                "its manifest asks for a platform that wants a signature of v2, and it has none",
            ));
        }
        None => return Err(Refusal::malformed("its AndroidManifest.xml is not of the binary form")),
    }
    let mut findings = Vec::new();
    for block in &jar.blocks {
        // "Rollback protections": the schemes that signed too, by number.
        let others = block.attribute("X-Android-APK-Signed").unwrap_or_default();
        if let Some(scheme) = others
            .split(',')
            .map(str::trim)
            .find(|one| matches!(*one, "2" | "3" | "31"))
        {
            return Err(stripped(&format!("v{scheme}")));
        }
        let digest = |hash: Hash| Ok(hash.of(&block.signature_file));
        let signed = Signed::new(Some(ID_DATA), block.signature_file.first().copied(), &digest);
        for info in block.message.signers() {
            findings.push(match block.message.verify(info, &signed, &[]) {
                Err(refusal) => refusal.of(&block.name).into_finding(ID),
                Ok(verified) => {
                    let mut finding = match &block.covers {
                        Err(refusal) => refusal.clone().of(&block.name).into_finding(ID),
                        Ok(()) => conclude(case, "v1", verified.certificate, &[]),
                    };
                    finding.algorithm = Some(verified.algorithm);
                    finding.by(verified.certificate.signer())
                }
            });
        }
    }
    Ok(findings)
}
