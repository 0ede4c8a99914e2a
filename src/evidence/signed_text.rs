//! Kinds whose proof is one text that is signed within itself, about files that it lists: who signed it is judged first, and only
//! what somebody signed whom this site knows is read.

use super::listed::{self, Said};
use super::openpgp::{self, Question, Signed, Signs, suites_only};
use super::{Context, Evidence};
use crate::model::{Artifact, Content, Doubt, Finding};

/// What such a text says.
pub(crate) trait Text: Sized + Send + Sync {
    /// The kind.
    const ID: &'static str;
    /// What the proof is, in a reason: `provenance file`.
    const NAME: &'static str;
    /// For whom its signers speak.
    const SIGNS: Signs;

    /// Reads the text as the signature covers it.
    fn read(text: &[u8]) -> Result<Self, Said>;

    /// What it says about an artifact.
    fn about(&self, artifact: &Artifact, content: &mut dyn Content) -> Result<Said, Said>;
}

/// Opens the proof of such a kind.
pub(crate) fn open<'a, T: Text + 'a>(
    objects: &[Vec<u8>],
    context: &'a Context<'a>,
) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
    let [document] = objects else {
        return Err(Box::new(Finding::undecided(
            T::ID,
            Doubt::Incomplete,
            format!("the proof is one {}, and there are {}", T::NAME, objects.len()),
        )));
    };
    let signed = openpgp::open_cleartext(document, context, T::ID)?;
    let said = signed.content().map(T::read);
    Ok(Box::new(Opened { signed, said, context }))
}

struct Opened<'a, T> {
    signed: Signed,
    /// What it says, if somebody signed it whom this site knows.
    said: Option<Result<T, Said>>,
    context: &'a Context<'a>,
}

impl<T: Text> Evidence for Opened<'_, T> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let findings = self.signed.signatures.findings(&Question {
            kind: T::ID,
            artifact,
            context: self.context,
            signs: T::SIGNS,
            refuses: &suites_only,
        });
        match &self.said {
            None => findings,
            Some(Err(said)) => listed::weigh(findings, said),
            Some(Ok(text)) => {
                let said = text.about(artifact, content).unwrap_or_else(|said| said);
                listed::weigh(findings, &said)
            }
        }
    }
}
