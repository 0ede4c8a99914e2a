//! Helm's provenance files (`.prov`): a signed text of the chart's metadata and the archive's digest (helm.sh/docs/topics/provenance).
//!
//! The proof's one object is the `.prov` file. The text that the signature covers is all that is read, by a narrow grammar and not
//! as YAML.

mod parse;

use super::signed_text::{self, Text as _};
use super::{Context, Evidence, EvidenceKind};
use crate::model::Finding;
use parse::Provenance;

/// Provenance of charts.
pub(crate) struct HelmProvenance;

impl EvidenceKind for HelmProvenance {
    fn id(&self) -> &'static str {
        Provenance::ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        signed_text::open::<Provenance>(&objects, context)
    }
}
