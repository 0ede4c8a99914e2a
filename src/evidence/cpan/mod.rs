//! CPAN's `CHECKSUMS`: one signed text for an author's folder, by the index operator's key (CPAN::Checksums).
//!
//! The proof's one object is the folder's `CHECKSUMS` as it is. It is Perl, and is never run: a narrow grammar reads it.
//! A signed file of another author's folder would fit any file of the same name and bytes, so the folder that it names is compared
//! with the artifact's author (CVE-2020-16156).

mod parse;

use super::listed::{self, Said};
use super::openpgp::{self, Question, Signed, Signs, suites_only};
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Finding};
use parse::Checksums;

/// The index operator's signed checksums.
pub(crate) struct CpanChecksums;

const ID: &str = "cpan-checksums";

impl EvidenceKind for CpanChecksums {
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
                format!("the proof is one CHECKSUMS file, and there are {}", objects.len()),
            )));
        };
        let signed = openpgp::open_cleartext(document, context, ID)?;
        let said = signed.content().map(parse::checksums);
        Ok(Box::new(Opened { signed, said, context }))
    }
}

struct Opened<'a> {
    signed: Signed,
    /// What it says, if somebody signed it whom this site knows.
    said: Option<Result<Checksums, Said>>,
    context: &'a Context<'a>,
}

impl Evidence for Opened<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let findings = self.signed.signatures.findings(&Question {
            kind: ID,
            artifact,
            context: self.context,
            signs: Signs::Registry,
            refuses: &suites_only,
        });
        match &self.said {
            None => findings,
            Some(Err(said)) => listed::weigh(findings, said),
            Some(Ok(checksums)) => {
                let said = checksums.about(artifact, content).unwrap_or_else(|said| said);
                listed::weigh(findings, &said)
            }
        }
    }
}
