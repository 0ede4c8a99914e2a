//! Copies of one document that persons have signed each on their own machine, put together again.

use std::path::{Path, PathBuf};

use clap::Args;

use super::files::{self, Existing};
use crate::crypto::dsse::{DsseError, Envelope, MAX_ENVELOPE_BYTES, MAX_SIGNATURES};
use crate::model::{Code, Digest, Refusal, Stop};
use crate::trust::{self, TrustError};

/// A document, and copies of it.
#[derive(Debug, Args)]
pub(crate) struct JoinArguments {
    /// The document; the signatures are added to it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Copies of it that others have signed
    #[arg(value_name = "COPY", required = true)]
    copies: Vec<PathBuf>,
}

impl JoinArguments {
    /// Adds the signatures of all copies to the document, or of none. Which of them count is judged where they are needed.
    pub(crate) fn join(&self, envelope: &mut Envelope) -> Result<usize, Stop> {
        let mut added = 0;
        for path in &self.copies {
            let copy = read(path)?;
            added += trust::join_signatures(envelope, &copy).ok_or_else(|| {
                Refusal::new(
                    Code::DigestMismatch,
                    path.display().to_string(),
                    format!("it is no copy of {}", self.file.display()),
                )
                .comparing(
                    format!("{}, {}", envelope.payload_type, Digest::of(&envelope.payload)),
                    format!("{}, {}", copy.payload_type, Digest::of(&copy.payload)),
                )
                .hint("all must sign one document: compare what each of them sees before signing")
            })?;
        }
        let found = envelope.signatures.len();
        if found > MAX_SIGNATURES {
            let error = TrustError::from(DsseError::TooManySignatures { found });
            return Err(error.refusal(self.file.display().to_string()).into());
        }
        files::write(&self.file, &envelope.write(), Existing::Replace)?;
        Ok(added)
    }
}

fn read(path: &Path) -> Result<Envelope, Stop> {
    let bytes = files::read(path, MAX_ENVELOPE_BYTES)?;
    Envelope::read(&bytes).map_err(|error| TrustError::from(error).refusal(path.display().to_string()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::dsse::Signature;

    #[test]
    fn copies_give_no_more_signatures_than_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let signed = |keys: std::ops::Range<usize>| Envelope {
            payload_type: "application/example+json".to_owned(),
            payload: b"{}".to_vec(),
            signatures: keys
                .map(|key| Signature {
                    key_id: key.to_string(),
                    bytes: key.to_be_bytes().to_vec(),
                })
                .collect(),
        };
        let arguments = JoinArguments {
            file: folder.path().join("own"),
            copies: vec![folder.path().join("copy")],
        };
        let join = |copy: Envelope| {
            std::fs::write(&arguments.copies[0], copy.write()).unwrap();
            arguments.join(&mut signed(0..40))
        };
        let Err(Stop::Refused(refusals)) = join(signed(30..MAX_SIGNATURES + 1)) else {
            panic!("a document was written that nobody reads");
        };
        assert_eq!(
            refusals[0].code,
            TrustError::from(DsseError::TooManySignatures { found: 0 })
                .refusal("")
                .code
        );
        assert!(!arguments.file.exists());
        assert_eq!(join(signed(30..MAX_SIGNATURES)).unwrap(), MAX_SIGNATURES - 40);
        assert!(arguments.file.exists());
    }
}
