//! Signed lists of checksums: `SHA256SUMS` and its kin with a detached signature of any scheme, or as a signed text.
//!
//! The proof's objects are the list and then its detached signatures, or one signed text. The artifact must be listed once, by its
//! file name.

mod parse;

use std::io::Cursor;

use super::detached::SCHEMES;
use super::listed::{self, Said};
use super::openpgp;
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Fault, Finding};
use parse::List;

pub(crate) use parse::{Named, named};

/// Signed lists of checksums.
pub(crate) struct SignedChecksums;

const ID: &str = "signed-checksums";

/// The largest list: 100,000 lines of 160 bytes.
const MAX_LIST_BYTES: usize = 16 << 20;

impl EvidenceKind for SignedChecksums {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let mut objects = objects.into_iter();
        let Some(list) = objects.next() else {
            return Err(undecided(Doubt::Incomplete, "the proof holds no list".to_owned()));
        };
        if list.len() > MAX_LIST_BYTES {
            let reason = format!(
                "the list has {} bytes, and at most {MAX_LIST_BYTES} are judged",
                list.len()
            );
            return Err(undecided(Doubt::TooLarge, reason));
        }
        let signatures: Vec<Vec<u8>> = objects.collect();
        if signatures.is_empty() {
            if openpgp::is_cleartext(&list) {
                return Ok(Box::new(Cleartext {
                    document: list,
                    context,
                }));
            }
            return Err(undecided(Doubt::Incomplete, "the list is not signed".to_owned()));
        }
        Ok(Box::new(Beside {
            list,
            signatures,
            context,
        }))
    }
}

fn undecided(doubt: Doubt, reason: String) -> Box<Finding> {
    Box::new(Finding::undecided(ID, doubt, reason))
}

/// A list that is a signed text.
struct Cleartext<'a> {
    document: Vec<u8>,
    context: &'a Context<'a>,
}

impl Evidence for Cleartext<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let (findings, text) = openpgp::verify_cleartext(&self.document, self.context, artifact, ID);
        match text {
            None => findings,
            Some(text) => listed::weigh(findings, &about(&text, artifact, content)),
        }
    }
}

/// A list with signatures beside it.
struct Beside<'a> {
    list: Vec<u8>,
    signatures: Vec<Vec<u8>>,
    context: &'a Context<'a>,
}

impl Evidence for Beside<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut findings = Vec::new();
        for signature in &self.signatures {
            let Some(scheme) = SCHEMES.iter().find(|scheme| scheme.recognises(signature)) else {
                findings.push(*undecided(
                    Doubt::UnknownFormat,
                    "the list's signature is of no scheme that is known here".to_owned(),
                ));
                continue;
            };
            if signature.len() > scheme.max_bytes() {
                let reason = format!("the list's signature has {} bytes", signature.len());
                findings.push(*undecided(Doubt::TooLarge, reason));
                continue;
            }
            let mut list = Cursor::new(self.list.as_slice());
            for mut finding in scheme.judge(signature, &mut list, artifact, self.context) {
                ID.clone_into(&mut finding.kind);
                let again = finding.is_confirmed()
                    && findings
                        .iter()
                        .any(|known: &Finding| known.is_confirmed() && known.signers == finding.signers);
                if !again {
                    findings.push(finding);
                }
            }
        }
        if !findings.iter().any(Finding::is_confirmed) {
            return findings;
        }
        listed::weigh(findings, &about(&self.list, artifact, content))
    }
}

/// What a well signed list says about an artifact.
fn about(list: &[u8], artifact: &Artifact, content: &mut dyn Content) -> Said {
    match List::read(list).and_then(|list| list.about(artifact, content)) {
        Ok(said) | Err(said) => said,
    }
}

/// A list whose only digests of the file prove nothing.
fn weak(file: &str) -> Said {
    Said::Wrong(
        Fault::Weak,
        format!("the signed list has only MD5 or SHA-1 digests of `{file}`"),
    )
}
