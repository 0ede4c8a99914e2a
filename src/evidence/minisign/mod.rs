//! minisign: Ed25519 over BLAKE2b-512 of a file, with a comment that a second signature covers (its manual, "Signature format").
//!
//! The legacy form, which signs the file itself, is confirmed with a note, and with two bounds. A legacy signature is judged over
//! at most 64 MiB, as the file must lie in memory. And the algorithm's two letters are not signed: a prehashed signature relabelled
//! as a legacy one fits the 64 bytes of the hash, so that a legacy signature proves nothing about a file of 64 bytes.

mod parse;
mod verify;

pub(crate) use parse::{read_key, show_id};

use super::{Context, Detached};
use crate::model::{Artifact, Content, Doubt, Fault, Finding};

/// The kind's id.
pub(crate) const ID: &str = "minisign";

/// The scheme.
pub(crate) struct Minisign;

impl Detached for Minisign {
    fn id(&self) -> &'static str {
        ID
    }

    /// Two comments of 1 KiB, which is what minisign itself reads at most (8 KiB), and two signatures.
    fn max_bytes(&self) -> usize {
        16 * 1024
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        std::str::from_utf8(untrusted_signature).is_ok_and(|text| {
            let mut lines = text.lines();
            lines.next().is_some_and(|line| line.starts_with(parse::UNTRUSTED))
                && lines.nth(1).is_some_and(|line| line.starts_with(parse::TRUSTED))
        })
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        let read = std::str::from_utf8(untrusted_signature)
            .map_err(|_| parse::FormatError::Lines)
            .and_then(parse::read_signature);
        vec![match read {
            Ok(signature) => verify::judge(&signature, message, artifact, context),
            Err(error @ parse::FormatError::Algorithm(_)) => {
                Finding::undecided(ID, Doubt::UnknownAlgorithm, error.to_string())
            }
            Err(error) => {
                let reason = format!("not a minisign signature: {error}");
                Finding::contradicted(ID, Fault::Malformed, reason)
            }
        }]
    }
}
