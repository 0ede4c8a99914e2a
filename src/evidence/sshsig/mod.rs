//! Signatures by keys of SSH, as `ssh-keygen -Y sign` makes them (OpenSSH's PROTOCOL.sshsig), by signers of an allowed_signers
//! file.
//!
//! A signature holds no time, so a signer's window is compared with the time of judging. Keys on security keys are judged too;
//! certificates of SSH are not.

mod anchor;
mod parse;
mod verify;
mod wire;

pub(crate) use anchor::{AllowedSigner, read as read_signers};

use super::{Context, Detached};
use crate::model::{Artifact, Content, Doubt, Fault, Finding};

/// The kind's id.
pub(crate) const ID: &str = "sshsig";

/// The scheme.
pub(crate) struct Sshsig;

impl Detached for Sshsig {
    fn id(&self) -> &'static str {
        ID
    }

    /// A key and a signature of RSA with 8192 bits are 4 KiB in base64.
    fn max_bytes(&self) -> usize {
        16 * 1024
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        untrusted_signature.starts_with(parse::BEGIN.as_bytes())
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        let read = std::str::from_utf8(untrusted_signature)
            .map_err(|_| parse::EnvelopeError::Armor)
            .and_then(parse::read);
        vec![match read {
            Ok(envelope) => verify::judge(&envelope, message, artifact, context),
            Err(error @ (parse::EnvelopeError::Version(_) | parse::EnvelopeError::Reserved)) => {
                Finding::undecided(ID, Doubt::UnknownFormat, error.to_string())
            }
            Err(error) => {
                let reason = format!("not a signature of SSH: {error}");
                Finding::contradicted(ID, Fault::Malformed, reason)
            }
        }]
    }
}
