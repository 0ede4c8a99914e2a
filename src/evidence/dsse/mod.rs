//! DSSE envelopes signed by bare keys, around in-toto statements (DSSE 1.0.2; in-toto Attestation Framework, `spec/v1`): SLSA
//! provenance and verification summaries among them.
//!
//! Any pinned key of several signers confirms; each that does is shown, so that a policy can count them. What is signed is read
//! only after it was verified. A statement that is a bad verdict lifts the artifact to no level.

mod verify;

use serde_json::Value;

use super::pinned::read_anchors;
use super::sigstore::parse;
use super::sigstore::statement::Digests;
use super::{Context, Evidence, EvidenceKind, public_key};
use crate::model::{Artifact, Content, Doubt, Finding, Material};

/// The kind's id.
pub(crate) const ID: &str = "dsse";

/// An artifact with statements by dozens of workflows.
const MAX_ENVELOPES: usize = 256;

/// The kind. Its objects are envelopes, one or one a line.
pub(crate) struct Dsse;

impl EvidenceKind for Dsse {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let mut envelopes = Vec::new();
        for object in &objects {
            envelopes.extend(parse::texts(object).map_err(|refusal| Box::new(refusal.finding(ID)))?);
        }
        let undecided = |doubt, reason: String| Err(Box::new(Finding::undecided(ID, doubt, reason)));
        if envelopes.is_empty() {
            return undecided(Doubt::Incomplete, "the proof holds no envelope".to_owned());
        }
        if envelopes.len() > MAX_ENVELOPES {
            let reason = format!("{} envelopes, and at most {MAX_ENVELOPES} are judged", envelopes.len());
            return undecided(Doubt::TooLarge, reason);
        }
        Ok(Box::new(Envelopes { envelopes, context }))
    }
}

struct Envelopes<'a> {
    envelopes: Vec<Value>,
    context: &'a Context<'a>,
}

impl<'a> Evidence for Envelopes<'a> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let select = |material: &'a Material| match material {
            Material::PublicKey(text) => Some(text.as_str()),
            _ => None,
        };
        let (keys, notes) = read_anchors(self.context, select, public_key::read);
        let mut digests = Digests::new(artifact, content);
        let judge = verify::Judge {
            keys: &keys,
            now: self.context.now,
        };
        self.envelopes
            .iter()
            .map(|envelope| {
                let mut finding = judge.judge(envelope, &mut digests);
                finding.notes.extend(notes.iter().cloned());
                finding
            })
            .collect()
    }
}
