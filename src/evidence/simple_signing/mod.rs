//! Simple signing of container images: a signed message around a document that names the manifest and what it is called
//! (containers/image, docs/containers-signature.5.md).
//!
//! The proof's objects are signatures as a lookaside store or the registry's extension gives them; the artifact is the manifest.
//! Any of several signatures may be about another name for the same manifest, so each gives its own findings.

mod parse;

use super::listed::{self, Said};
use super::openpgp::{self, Question, Signed, Signs, suites_only};
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Finding};
use parse::Payload;
pub(in crate::evidence) use parse::split;

/// OpenPGP signatures of container images.
pub(crate) struct SimpleSigning;

const ID: &str = "simple-signing";

/// How many signatures of one image are judged; stores hold a handful.
const MAX_OBJECTS: usize = 64;

impl EvidenceKind for SimpleSigning {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let undecided = |doubt, reason: String| Err(Box::new(Finding::undecided(ID, doubt, reason)));
        if objects.is_empty() {
            return undecided(Doubt::Incomplete, "the proof holds no signature".to_owned());
        }
        if objects.len() > MAX_OBJECTS {
            let reason = format!(
                "it holds {} signatures, and at most {MAX_OBJECTS} are judged",
                objects.len()
            );
            return undecided(Doubt::TooLarge, reason);
        }
        let opened = objects
            .iter()
            .map(|object| {
                let signed = openpgp::open_inline(object, context, ID)?;
                let said = signed.content().map(parse::payload);
                Ok(Message { signed, said })
            })
            .collect();
        Ok(Box::new(Opened { opened, context }))
    }
}

/// A signature, and what it says if somebody made it whom this site knows.
struct Message {
    signed: Signed,
    said: Option<Result<Payload, Said>>,
}

struct Opened<'a> {
    opened: Vec<Result<Message, Box<Finding>>>,
    context: &'a Context<'a>,
}

impl Evidence for Opened<'_> {
    fn judge(&self, artifact: &Artifact, _: &mut dyn Content) -> Vec<Finding> {
        let judge = |Message { signed, said }: &Message| {
            let findings = signed.signatures.findings(&Question {
                kind: ID,
                artifact,
                context: self.context,
                signs: Signs::AsAnchored,
                refuses: &suites_only,
            });
            match said {
                None => findings,
                Some(Err(said)) => listed::weigh(findings, said),
                Some(Ok(payload)) => {
                    let said = payload.about(artifact).unwrap_or_else(|said| said);
                    listed::weigh(findings, &said)
                }
            }
        };
        let mut findings: Vec<Finding> = Vec::new();
        for opened in &self.opened {
            match opened {
                Ok(opened) => {
                    for finding in judge(opened) {
                        // A signer counts once, however many signatures of his there are.
                        let again = finding.is_confirmed()
                            && findings
                                .iter()
                                .any(|known| known.is_confirmed() && known.signers == finding.signers);
                        if !again {
                            findings.push(finding);
                        }
                    }
                }
                Err(finding) => findings.push(Finding::clone(finding)),
            }
        }
        findings
    }
}
