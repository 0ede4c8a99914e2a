//! CPAN's `CHECKSUMS`: one signed text for an author's folder, by the index operator's key (CPAN::Checksums).
//!
//! The proof's one object is the folder's `CHECKSUMS` as it is. It is Perl, and is never run: a narrow grammar reads it.
//! A signed file of another author's folder would fit any file of the same name and bytes, so the folder that it names is compared
//! with the artifact's author (CVE-2020-16156).

mod parse;

use super::signed_text::{self, Text as _};
use super::{Context, Evidence, EvidenceKind};
use crate::model::Finding;
use parse::Checksums;

/// The index operator's signed checksums.
pub(crate) struct CpanChecksums;

impl EvidenceKind for CpanChecksums {
    fn id(&self) -> &'static str {
        Checksums::ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        signed_text::open::<Checksums>(&objects, context)
    }
}
