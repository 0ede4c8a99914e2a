//! in-toto layouts and links (in-toto specification 1.0): a project's owner signs which steps there are and who may take them, and
//! those who did sign what went in and what came out.
//!
//! The objects are one layout and the links of its steps, in any order, each `{signed, signatures}` over canonical JSON. Expiry is judged as
//! of the export ([`Context::index_time`]). Not judged: inspections, which are commands to be run, beyond what they say of the file that is
//! brought to them; links by certificates; layouts within layouts; parameters.

mod layout;
mod rules;
mod verify;

use std::sync::OnceLock;

use super::pinned::read_anchors;
use super::public_key::{self, Asked, signers};
use super::securesystems::Document;
use super::sigstore::refusal::{Refusal, settled};
use super::sigstore::statement::Digests;
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Finding, Level, Material, Signer};
use layout::Link;
use verify::Chain;

/// The kind's id.
pub(crate) const ID: &str = "in-toto";

/// A link for each of several who take each step of a long chain.
const MAX_OBJECTS: usize = 512;

/// The kind.
pub(crate) struct InToto;

impl EvidenceKind for InToto {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let (layout, links) = sort(&objects).map_err(|refusal| Box::new(refusal.finding(ID)))?;
        Ok(Box::new(Proof {
            layout,
            links,
            context,
            chain: OnceLock::new(),
        }))
    }
}

fn sort(objects: &[Vec<u8>]) -> Result<(Document, Vec<Link>), Refusal> {
    if objects.len() > MAX_OBJECTS {
        let reason = format!("{} files, and at most {MAX_OBJECTS} are judged", objects.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let mut layouts = Vec::new();
    let mut links = Vec::new();
    for object in objects {
        let document = Document::read(object)?;
        match document.kind() {
            "layout" => layouts.push(document),
            "link" => links.push(Link::read(document)?),
            _ => return Err(Refusal::malformed("a file of the proof is neither a layout nor a link")),
        }
    }
    match (layouts.pop(), layouts.is_empty()) {
        (Some(layout), true) => Ok((layout, links)),
        (None, _) => Err(Refusal::doubt(Doubt::Incomplete, "the proof has no layout")),
        (Some(_), false) => Err(Refusal::doubt(
            Doubt::UnknownFormat,
            "the proof has more than one layout, and layouts within layouts are not judged",
        )),
    }
}

struct Proof<'a> {
    layout: Document,
    links: Vec<Link>,
    context: &'a Context<'a>,
    /// What does not depend on the artifact; judged only once somebody who is pinned signed the layout.
    chain: OnceLock<Result<Chain, Refusal>>,
}

impl Evidence for Proof<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut finding = Finding::undecided(ID, Doubt::Incomplete, "");
        let came_to = self.examine(artifact, content, &mut finding);
        vec![settled(finding, came_to)]
    }
}

impl Proof<'_> {
    fn examine(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let (keys, notes) = read_anchors(
            self.context,
            |material| match material {
                Material::PublicKey(text) => Some(text.as_str()),
                _ => None,
            },
            public_key::read,
        );
        finding.notes.extend(notes);
        let asked = Asked {
            kind: ID,
            artifact,
            at: self.context.now,
            keys: &keys,
            message: self.layout.message(),
            document: "the layout",
        };
        let owners = signers(&asked, &self.layout.signatures().collect::<Vec<_>>(), finding)?;
        let chain = self
            .chain
            .get_or_init(|| Chain::check(&self.layout, &self.links, self.context.index_time()))
            .as_ref()
            .map_err(Clone::clone)?;
        finding.claims.extend(chain.claims.iter().cloned());
        let functionaries = chain.functionaries.iter();
        finding.through = functionaries.map(|key| Signer::key(key.to_string(), None)).collect();
        finding.notes.extend(chain.notes.iter().cloned());
        let step = chain.find(&self.links, &mut Digests::new(artifact, content))?;
        let level = owners.iter().map(|anchor| anchor.speaks_for.level()).max();
        let names: Vec<String> = owners.iter().map(|anchor| format!("`{}`", anchor.name)).collect();
        Ok((
            level.unwrap_or(Level::None),
            format!(
                "made by step `{step}` of the layout that the owner of the key in {} signed",
                names.join(", ")
            ),
        ))
    }
}
