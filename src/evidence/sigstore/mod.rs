//! Sigstore: who signed an artifact is said by a short-lived certificate of an identity, when by a transparency log or a timestamp
//! authority (`sigstore-client-spec`, protobuf-specs `sigstore_bundle.proto`).
//!
//! The kinds differ in how bundles are packed and in what a statement has to say; all are judged by `verify.rs`:
//! `sigstore` for any file, and those of PyPI (PEP 740), npm, RubyGems, conda (CEP 27, CEP 50) and OpenSSF model signing.
//!
//! Threats, and where each is met:
//! - a bundle without the log's proof, or an old version's with less: `parse.rs`, and the levels in `verify.rs`
//! - a good bundle about other bytes, or by somebody else: the rules of each kind, and `anchor.rs`
//! - bytes that two readers understand differently: `parse.rs`
//! - a clock that is behind, taken for a forgery: `library.rs`
//! - size, depth, number: `parse.rs`; the artifact is never held in memory, but for algorithms that need it, up to a bound

mod anchor;
mod authority;
mod chain;
mod identity;
mod keyed;
pub(in crate::evidence) mod legacy;
mod library;
mod lists;
mod message;
mod model;
mod npm;
pub(crate) mod parse;
mod pypi;
pub(crate) mod refusal;
pub(crate) mod statement;
mod verify;

use serde_json::Value;

pub(crate) use library::{Key, Root};
pub(crate) use lists::{CONDA_ATTESTATIONS, RUBYGEMS_ATTESTATIONS, SIGSTORE};
pub(crate) use message::{BUNDLE_3, Message, over_message};
pub(crate) use model::{ModelSigning, named as named_in_model};
pub(crate) use npm::NPM_ATTESTATIONS;
pub(crate) use pypi::PYPI_ATTESTATIONS;

use self::refusal::Refusal;
use self::statement::Digests;
use self::verify::{Judge, Rules};
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Finding};

/// A kind of evidence whose proofs hold Sigstore bundles.
pub(crate) struct Kind {
    rules: &'static Rules,
    read: fn(&[u8]) -> Result<Vec<Item>, Refusal>,
}

/// A bundle out of a proof, or why there is none.
struct Item {
    bundle: Result<Value, Refusal>,
    note: Option<&'static str>,
}

impl From<Result<Value, Refusal>> for Item {
    fn from(bundle: Result<Value, Refusal>) -> Self {
        Self { bundle, note: None }
    }
}

impl EvidenceKind for Kind {
    fn id(&self) -> &'static str {
        self.rules.id
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let mut items = Vec::new();
        for object in objects {
            match (self.read)(&object) {
                Ok(read) => items.extend(read),
                Err(refusal) => items.push(Item::from(Err(refusal))),
            }
        }
        if items.is_empty() {
            return Err(Box::new(Finding::undecided(
                self.rules.id,
                Doubt::Incomplete,
                "the proof holds no bundle",
            )));
        }
        if items.len() > parse::MAX_BUNDLES {
            return Err(Box::new(Finding::undecided(
                self.rules.id,
                Doubt::TooLarge,
                format!(
                    "the proof holds {} bundles, and at most {} are judged",
                    items.len(),
                    parse::MAX_BUNDLES
                ),
            )));
        }
        let judge = Judge {
            rules: self.rules,
            context,
        };
        Ok(Box::new(Bundles { judge, items }))
    }
}

struct Bundles<'a> {
    judge: Judge<'a>,
    items: Vec<Item>,
}

impl Evidence for Bundles<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut digests = Digests::new(artifact, content);
        self.items
            .iter()
            .map(|item| {
                let mut finding = match &item.bundle {
                    Ok(bundle) => self.judge.judge(bundle, &mut digests),
                    Err(refusal) => refusal.finding(self.judge.rules.id),
                };
                finding.notes.extend(item.note.map(str::to_owned));
                finding
            })
            .collect()
    }
}
