//! Signed Android packages (source.android.com, "APK Signature Scheme" v2, v3 and v3.1, and "JAR-signed APK"): a block of signatures
//! before the archive's directory, or, in old packages, a signed manifest.
//!
//! As on a device, a package is believed for the signer's key alone: its certificate is pinned itself, or it is an ancestor in a
//! lineage that signs the newer one; validity and issuers of certificates mean nothing here.
//!
//! Threats: a stronger scheme stripped so that a weaker one counts (attributes in the signature file, in the v2 block and in
//! the package's own manifest say what must be there), parts of the file outside of the digests, signers or algorithms that
//! stand in one list and not in the other, lengths that lie (`read.rs`).

mod block;
mod digest;
mod manifest;
mod read;
mod signer;
mod verify;

use super::jar::SignedJar;
use super::{Context, Evidence, EvidenceKind};
use crate::archive::zip::Zip;
use crate::model::{Artifact, Content, Fault, Finding};

/// The kind.
pub const APK: &dyn EvidenceKind = &Apk;

const ID: &str = "apk-signature";

struct Apk;

impl EvidenceKind for Apk {
    fn id(&self) -> &'static str {
        ID
    }

    /// The proof lies in the artifact; objects beside it have no meaning.
    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if !objects.is_empty() {
            let finding = Finding::contradicted(ID, Fault::Malformed, "a package's signature lies in the package");
            return Err(Box::new(finding));
        }
        Ok(Box::new(Inside { context }))
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        file.ends_with(".apk")
            && (matches!(block::find(untrusted), Ok(Some(_)))
                || Zip::open(untrusted)
                    .is_ok_and(|zip| zip.entries().iter().any(|entry| SignedJar::is_part(entry.name()))))
    }
}

struct Inside<'a> {
    context: &'a Context<'a>,
}

impl Evidence for Inside<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        verify::judge(artifact, content, self.context).unwrap_or_else(|refusal| vec![refusal.into_finding(ID)])
    }
}
