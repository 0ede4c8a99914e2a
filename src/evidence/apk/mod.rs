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

use super::embedded::{Embedded, EmbeddedKind};
use super::jar::SignedJar;
use super::{Context, EvidenceKind};
use crate::archive::zip::Zip;
use crate::model::{Artifact, Content, Finding};

/// The kind.
pub const APK: &dyn EvidenceKind = &EmbeddedKind(&Apk);

const ID: &str = "apk-signature";

struct Apk;

impl Embedded for Apk {
    fn id(&self) -> &'static str {
        ID
    }

    fn place(&self) -> &'static str {
        "a package's signature lies in the package"
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        file.ends_with(".apk")
            && (matches!(block::find(untrusted), Ok(Some(_)))
                || Zip::open(untrusted)
                    .is_ok_and(|zip| zip.entries().iter().any(|entry| SignedJar::is_part(entry.name()))))
    }

    fn judge(&self, artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Vec<Finding> {
        verify::judge(artifact, content, context).unwrap_or_else(|refusal| vec![refusal.into_finding(ID)])
    }
}
