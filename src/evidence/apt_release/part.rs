//! A proof without its own artifact's bytes: a signed release that proves itself, or one half of a release and its signature.

use super::ID;
use super::verify::Chain;
use crate::evidence::{Context, Evidence, MAX_PROOF_BYTES};
use crate::model::{Artifact, Content, Doubt, Finding};

/// What came beside the artifact: nothing, or the other half.
pub(super) struct Part<'a> {
    pub(super) objects: Vec<Vec<u8>>,
    pub(super) context: &'a Context<'a>,
}

impl Evidence for Part<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let incomplete = |reason: &str| {
            vec![Finding::undecided(
                ID,
                Doubt::Incomplete,
                format!("{artifact}: {reason}"),
            )]
        };
        let is_release = matches!(artifact.file.as_str(), "InRelease" | "Release" | "Release.gpg");
        if !is_release {
            return incomplete("the proof holds no signed release");
        }
        let Ok(own) = read(content) else {
            return incomplete("it could not be read");
        };
        let objects = match (artifact.file.as_str(), self.objects.first()) {
            ("InRelease", None) => vec![own],
            ("Release", Some(signature)) => vec![own, signature.clone()],
            ("Release.gpg", Some(text)) => vec![text.clone(), own],
            _ => return incomplete("a release and its signature did not come together"),
        };
        match Chain::open(objects, self.context) {
            Ok(chain) => chain.judge(artifact, content),
            Err(finding) => vec![*finding],
        }
    }
}

/// The whole content, and of one that is too large so much that the chain refuses it.
fn read(content: &mut dyn Content) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    content.rewind()?;
    let mut bytes = Vec::new();
    content.take(MAX_PROOF_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
