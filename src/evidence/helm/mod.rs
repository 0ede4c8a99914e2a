//! Helm's provenance files (`.prov`): a signed text of the chart's metadata and the archive's digest (helm.sh/docs/topics/provenance).
//!
//! The proof's one object is the `.prov` file. The text that the signature covers is all that is read, by a narrow grammar and not
//! as YAML.

mod parse;

use super::listed::{self, Said};
use super::openpgp::{self, Question, Signed, Signs, suites_only};
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Finding};
use parse::Provenance;

/// Provenance of charts.
pub(crate) struct HelmProvenance;

const ID: &str = "helm-provenance";

impl EvidenceKind for HelmProvenance {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let [document] = objects.as_slice() else {
            return Err(Box::new(Finding::undecided(
                ID,
                Doubt::Incomplete,
                format!("the proof is one provenance file, and there are {}", objects.len()),
            )));
        };
        let signed = openpgp::open_cleartext(document, context, ID)?;
        let said = signed.content().map(parse::provenance);
        Ok(Box::new(Opened { signed, said, context }))
    }
}

struct Opened<'a> {
    signed: Signed,
    /// What it says, if somebody signed it whom this site knows.
    said: Option<Result<Provenance, Said>>,
    context: &'a Context<'a>,
}

impl Evidence for Opened<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let findings = self.signed.signatures.findings(&Question {
            kind: ID,
            artifact,
            context: self.context,
            signs: Signs::AsAnchored,
            refuses: &suites_only,
        });
        match &self.said {
            None => findings,
            Some(Err(said)) => listed::weigh(findings, said),
            Some(Ok(provenance)) => {
                let said = provenance.about(artifact, content).unwrap_or_else(|said| said);
                listed::weigh(findings, &said)
            }
        }
    }
}
