//! Signed JAR files (JAR File Specification, "Signed JAR File"): a manifest with a digest for each file, a signature file with
//! digests of the manifest, and a block with the signature over that.
//!
//! Threats: files added, removed or changed after signing (every file is held to the manifest, and the manifest to the
//! signature file), readers that take the manifest's lines differently (`manifest.rs`), digests that no longer prove
//! anything, archives that readers see differently (`archive::zip`), and what `x509` lists.

mod manifest;
mod verify;

use super::embedded::{Embedded, EmbeddedKind};
use super::x509::{
    Case, Content as Signed, EKU_ANY, EKU_CODE_SIGNING, Hash, ID_DATA, Purpose, Refusal, TIMESTAMP_TOKEN, attributes,
    conclude, prove_time,
};
use super::{Context, EvidenceKind};
use crate::archive::zip::{Zip, ZipError};
use crate::model::{Artifact, Content, Doubt, Finding};

pub(crate) use verify::SignedJar;

/// The kind.
pub const JAR: &dyn EvidenceKind = &EmbeddedKind(&Jar);

const ID: &str = "jar-signature";

/// Java takes a certificate that names no purpose, or code signing, or any (`SignatureFileVerifier`, `EndEntityChecker`).
const PURPOSE: Purpose = Purpose {
    name: "code signing",
    any_of: &[EKU_CODE_SIGNING, EKU_ANY],
    none_of: &[],
    may_be_unstated: true,
};

struct Jar;

impl Embedded for Jar {
    fn id(&self) -> &'static str {
        ID
    }

    fn place(&self) -> &'static str {
        "a JAR's signature lies in the JAR"
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        const ENDINGS: [&str; 4] = [".jar", ".war", ".ear", ".aar"];
        ENDINGS.iter().any(|ending| file.ends_with(ending))
            && Zip::open(untrusted).is_ok_and(|zip| zip.entries().iter().any(|entry| SignedJar::is_part(entry.name())))
    }

    fn judge(&self, artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Vec<Finding> {
        judge(artifact, content, context).unwrap_or_else(|refusal| vec![refusal.into_finding(ID)])
    }
}

fn judge(artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Result<Vec<Finding>, Refusal> {
    let mut zip = Zip::open(content).map_err(|error| broken(&error))?;
    let jar = SignedJar::read(&mut zip)?;
    let case = Case::new(ID, artifact, context);
    let pinned = case.pinned();
    let mut findings = Vec::new();
    for block in &jar.blocks {
        let digest = |hash: Hash| Ok(hash.of(&block.signature_file));
        let signed = Signed::new(Some(ID_DATA), block.signature_file.first().copied(), &digest);
        for info in block.message.signers() {
            let finding = match block.message.verify(info, &signed, &pinned) {
                Err(refusal) => refusal.of(&block.name).into_finding(ID),
                Ok(verified) => {
                    let stamp = prove_time(
                        ID,
                        &attributes(info.unsigned_attrs.as_ref(), TIMESTAMP_TOKEN),
                        info.signature.as_bytes(),
                        &case.authorities,
                        artifact,
                        context.now,
                    );
                    match &block.covers {
                        Err(refusal) => refusal
                            .clone()
                            .of(&block.name)
                            .into_finding(ID)
                            .by(verified.certificate.signer()),
                        Ok(()) => conclude(&case, &verified, block.message.certificates(), &PURPOSE, stamp, None),
                    }
                }
            };
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// What an archive's reader says, as far as it is a fault of the archive.
pub(crate) fn broken(error: &ZipError) -> Refusal {
    match error {
        ZipError::Read(_) => Refusal::unsure(Doubt::Incomplete, "the archive could not be read"),
        ZipError::Limit { .. } => Refusal::unsure(Doubt::TooLarge, error.to_string()),
        _ => Refusal::malformed(error.to_string()),
    }
}
