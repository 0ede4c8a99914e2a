//! npm's registry signatures: ECDSA P-256 over `name@version:integrity`, kept in the packument's `dist.signatures` (npm's
//! documentation, "About ECDSA registry signatures").
//!
//! It shows that the registry published these bytes under this name and version (level `registry`), not who wrote them. A key
//! that has an end counts for versions published before; that time stands unsigned in the packument, so a finding that rests on it
//! says so, and an anchor's own window can exclude it.

mod anchor;
mod parse;
mod verify;

pub(crate) use anchor::read as read_keys;

use super::{Context, Evidence, EvidenceKind};
use crate::model::{Doubt, Fault, Finding};

/// The kind's id.
pub(crate) const ID: &str = "npm-signature";

/// The kind. Its proof is the packument, as it came.
pub(crate) struct NpmSignature;

impl EvidenceKind for NpmSignature {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let [packument] = <[Vec<u8>; 1]>::try_from(objects).map_err(|objects| {
            let reason = format!("the proof holds {} documents instead of one packument", objects.len());
            Box::new(Finding::undecided(ID, Doubt::Incomplete, reason))
        })?;
        match parse::read(packument) {
            Ok(packument) => Ok(Box::new(verify::Signed::new(packument, context))),
            Err(error) => {
                let reason = format!("the packument cannot be read: {error}");
                Err(Box::new(Finding::contradicted(ID, Fault::Malformed, reason)))
            }
        }
    }
}
