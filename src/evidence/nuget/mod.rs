//! Signed NuGet packages (NuGet wiki, "Package Signatures Technical Details"): `.signature.p7s` inside the package, an author's or
//! a repository's signature, a repository's countersignature on an author's, each with its timestamp.
//!
//! Threats: a package changed around its signature (all bytes but the signature's own are hashed, with the directory as if it
//! were not there), a zip that readers see differently (`archive::zip`), one role's signature passed off as the other's, and
//! what `x509` lists.

mod content;
mod parse;
mod verify;

use super::embedded::{Embedded, EmbeddedKind};
use super::x509::Refusal;
use super::{Context, EvidenceKind};
use crate::archive::zip::Zip;
use crate::model::{Artifact, Content, Doubt, Finding};

/// The kind.
pub const NUGET: &dyn EvidenceKind = &EmbeddedKind(&Nuget);

const ID: &str = "nuget-signature";

const SIGNATURE: &str = ".signature.p7s";

/// What NuGet itself takes at most for a signature (`SigningSpecifications`).
const MAX_SIGNATURE_BYTES: u64 = 10 << 20;

struct Nuget;

impl Embedded for Nuget {
    fn id(&self) -> &'static str {
        ID
    }

    fn place(&self) -> &'static str {
        "a package's signature lies in the package"
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        (file.ends_with(".nupkg") || file.ends_with(".snupkg"))
            && Zip::open(untrusted).is_ok_and(|zip| zip.entries().iter().any(|entry| entry.name() == SIGNATURE))
    }

    fn judge(&self, artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Vec<Finding> {
        verify::judge(artifact, content, context).unwrap_or_else(|refusal| vec![refusal.into_finding(ID)])
    }
}

/// What an archive's reader says, as far as it is a fault of the package.
fn broken(error: &crate::archive::zip::ZipError) -> Refusal {
    use crate::archive::zip::ZipError;
    match error {
        ZipError::Read(_) => Refusal::unsure(Doubt::Incomplete, "the package could not be read"),
        ZipError::Limit { .. } => Refusal::unsure(Doubt::TooLarge, error.to_string()),
        _ => Refusal::malformed(error.to_string()),
    }
}
