//! Schemes whose signature lies within the very file that it signs: one adapter makes a kind of each.

use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Fault, Finding};

/// A scheme of signatures within packages.
pub(super) trait Embedded: Sync {
    /// The kind's id.
    fn id(&self) -> &'static str;

    /// Where its signatures lie, for the finding about an object beside them, which has no meaning.
    fn place(&self) -> &'static str;

    /// See [`EvidenceKind::lies_in`].
    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool;

    /// Judges the signatures within an artifact.
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Vec<Finding>;
}

/// A kind whose proof is within the artifact: there are no objects beside it.
pub(super) struct EmbeddedKind<T: 'static>(pub(super) &'static T);

impl<T: Embedded> EvidenceKind for EmbeddedKind<T> {
    fn id(&self) -> &'static str {
        self.0.id()
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if !objects.is_empty() {
            let finding = Finding::contradicted(self.0.id(), Fault::Malformed, self.0.place());
            return Err(Box::new(finding));
        }
        Ok(Box::new(Inside {
            scheme: self.0,
            context,
        }))
    }

    fn lies_in(&self, file: &str, untrusted: &mut dyn Content) -> bool {
        self.0.lies_in(file, untrusted)
    }
}

struct Inside<'a, T: 'static> {
    scheme: &'static T,
    context: &'a Context<'a>,
}

impl<T: Embedded> Evidence for Inside<'_, T> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        self.scheme.judge(artifact, content, self.context)
    }
}
