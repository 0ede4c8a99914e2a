//! Signed lists of checksums: `SHA256SUMS` and its kin with a detached signature of any scheme, or as a signed text.
//!
//! The proof's objects are the list and then its detached signatures, or one signed text. The artifact must be listed once, by its
//! file name.

mod parse;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Mutex, OnceLock, PoisonError};

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
        if signatures.is_empty() && !openpgp::is_cleartext(&list) {
            return Err(undecided(Doubt::Incomplete, "the list is not signed".to_owned()));
        }
        Ok(Box::new(Signed {
            document: list,
            signatures,
            context,
            list: OnceLock::new(),
            judged: Mutex::default(),
        }))
    }
}

fn undecided(doubt: Doubt, reason: String) -> Box<Finding> {
    Box::new(Finding::undecided(ID, doubt, reason))
}

/// How many names' findings are kept: a list is mostly about files of one.
const MAX_KEPT: usize = 64;

/// A signed list. It and its signatures are looked into once, and not for each of a hundred thousand files.
struct Signed<'a> {
    document: Vec<u8>,
    /// Empty for a list that is a signed text.
    signatures: Vec<Vec<u8>>,
    context: &'a Context<'a>,
    /// What the list says; read only once a signature over it was confirmed.
    list: OnceLock<Result<List, Said>>,
    /// What the signatures come to, by ecosystem and name: an anchor's scope knows no more of an artifact.
    judged: Mutex<BTreeMap<(String, String), Vec<Finding>>>,
}

impl Evidence for Signed<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let key = (artifact.ecosystem.clone(), artifact.name.clone());
        let kept = || self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().get(&key).cloned();
        let findings = known.unwrap_or_else(|| {
            let findings = self.who_signed(artifact);
            let mut kept = kept();
            if kept.len() < MAX_KEPT {
                kept.insert(key, findings.clone());
            }
            findings
        });
        if !findings.iter().any(Finding::is_confirmed) {
            return findings;
        }
        let said = match self.list.get() {
            Some(Ok(list)) => list.about(artifact, content).unwrap_or_else(|said| said),
            Some(Err(said)) => said.clone(),
            None => Said::Open(Doubt::Incomplete, "the signed list was not read".to_owned()),
        };
        listed::weigh(findings, &said)
    }
}

impl Signed<'_> {
    /// Judges the signatures, and reads the list if one of them is good.
    fn who_signed(&self, artifact: &Artifact) -> Vec<Finding> {
        if self.signatures.is_empty() {
            let (findings, text) = openpgp::verify_cleartext(&self.document, self.context, artifact, ID);
            if let Some(text) = text {
                self.list.get_or_init(|| List::read(&text));
            }
            return findings;
        }
        let findings = self.signed_beside(artifact);
        if findings.iter().any(Finding::is_confirmed) {
            self.list.get_or_init(|| List::read(&self.document));
        }
        findings
    }

    fn signed_beside(&self, artifact: &Artifact) -> Vec<Finding> {
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
            let mut list = Cursor::new(self.document.as_slice());
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
        findings
    }
}

/// A list whose only digests of the file prove nothing.
fn weak(file: &str) -> Said {
    Said::Wrong(
        Fault::Weak,
        format!("the signed list has only MD5 or SHA-1 digests of `{file}`"),
    )
}
