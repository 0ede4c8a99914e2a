//! Signed repository indexes: `repomd.xml` with its signature, which names the digest of `primary.xml`, which names those of the
//! packages (createrepo_c).
//!
//! The proof's objects, in this order: `repomd.xml`, `repomd.xml.asc`, and `primary.xml` compressed as upstream has it. Nothing of an
//! index is parsed before its signature, and nothing of `primary.xml` unpacked before its digest, has been confirmed. An index has no
//! expiry: which revision it is, the finding says.

use std::collections::BTreeMap;
use std::io::Cursor;

use roxmltree::{Document, Node, ParsingOptions};

use super::super::listed::{self, Said};
use super::super::openpgp::{self, Question, Signatures, Signs};
use super::super::{Context, Evidence, EvidenceKind};
use super::{Called, primary};
use crate::model::{Algorithm, Anchor, Artifact, Claim, Content, Digest, Doubt, Fault, Finding};

/// Signed repository indexes.
pub(crate) struct Repomd;

const ID: &str = "repomd";

/// The largest `repomd.xml`, in bytes: real ones have 10 KB.
const MAX_REPOMD_BYTES: usize = 1 << 20;

/// The most nodes of it: a dozen files with a dozen fields each, and their white space.
const MAX_NODES: u32 = 20_000;

impl EvidenceKind for Repomd {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let undecided = |doubt, reason: String| Err(Box::new(Finding::undecided(ID, doubt, reason)));
        let [repomd, signature, packages] = objects.as_slice() else {
            let reason = format!(
                "the proof is an index, its signature and its list of packages, and there are {} objects",
                objects.len()
            );
            return undecided(Doubt::Incomplete, reason);
        };
        if repomd.len() > MAX_REPOMD_BYTES {
            let reason = format!(
                "the index has {} bytes, and at most {MAX_REPOMD_BYTES} are judged",
                repomd.len()
            );
            return undecided(Doubt::TooLarge, reason);
        }
        let signatures = openpgp::open_detached(&mut Cursor::new(repomd.as_slice()), signature, context, ID)?;
        let index = signatures.any_good().then(|| index(repomd, packages));
        Ok(Box::new(Opened {
            signatures,
            index,
            context,
        }))
    }
}

struct Opened<'a> {
    signatures: Signatures,
    /// What it lists, if somebody signed it whom this site knows.
    index: Option<Result<Index, Said>>,
    context: &'a Context<'a>,
}

/// A signed index.
struct Index {
    revision: Option<String>,
    /// By what names an anchor's suites may mean it.
    suites: Vec<String>,
    packages: BTreeMap<Digest, Called>,
}

impl Evidence for Opened<'_> {
    fn judge(&self, artifact: &Artifact, _: &mut dyn Content) -> Vec<Finding> {
        let refuses = |anchor: &Anchor| {
            if anchor.suites.is_empty() {
                return None;
            }
            let suites = match &self.index {
                Some(Ok(index)) => index.suites.as_slice(),
                _ => &[],
            };
            let meant = anchor.suites.iter().any(|suite| suites.contains(suite));
            (!meant).then(|| "it counts for other repositories only".to_owned())
        };
        let findings = self.signatures.findings(&Question {
            kind: ID,
            artifact,
            context: self.context,
            signs: Signs::Registry,
            refuses: &refuses,
        });
        match &self.index {
            None => findings,
            Some(Err(said)) => listed::weigh(findings, said),
            Some(Ok(index)) => {
                let said = index.about(artifact).unwrap_or_else(|said| said);
                listed::weigh(findings, &said)
            }
        }
    }
}

impl Index {
    fn about(&self, artifact: &Artifact) -> Result<Said, Said> {
        let called = self.packages.get(&artifact.digest).ok_or_else(|| {
            Said::differs(format!(
                "the signed index lists no package with the digest {}",
                artifact.digest
            ))
        })?;
        if artifact.ecosystem == "rpm" && !called.fits(artifact) {
            return Err(Said::differs(format!(
                "the signed index calls the package {}, not {} {}",
                called.text(),
                artifact.name,
                artifact.version
            )));
        }
        let mut claims = vec![("package".to_owned(), called.text())];
        claims.extend(
            self.revision
                .iter()
                .map(|revision| ("revision".to_owned(), revision.clone())),
        );
        Ok(Said::Fits {
            claims,
            notes: vec!["the index does not say until when it counts".to_owned()],
        })
    }
}

/// Reads a well signed index, and the list of packages that it names.
fn index(repomd: &[u8], packages: &[u8]) -> Result<Index, Said> {
    let malformed = || Said::malformed("the signed index is no repomd.xml");
    let text = std::str::from_utf8(repomd).map_err(|_| malformed())?;
    let options = ParsingOptions {
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|_| malformed())?;
    let root = document.root_element();
    if root.tag_name().name() != "repomd" {
        return Err(malformed());
    }
    let mut data = children(root, "data").filter(|data| data.attribute("type") == Some("primary"));
    let (Some(data), None) = (data.next(), data.next()) else {
        return Err(Said::malformed("the signed index does not name one list of packages"));
    };
    let stated = checksum(child(data, "checksum").ok_or_else(malformed)?)?;
    let found = listed::hash(stated.algorithm(), &mut Cursor::new(packages))?;
    if found != stated {
        return Err(Said::differs(format!(
            "the list of packages should have {stated}, and has {found}"
        )));
    }
    let tags = child(root, "tags");
    let named = |name: &'static str| tags.into_iter().flat_map(move |tags| children(tags, name));
    let mut suites: Vec<String> = ["repo", "content", "distro"]
        .into_iter()
        .flat_map(named)
        .filter_map(|tag| tag.text())
        .map(|text| text.trim().to_owned())
        .collect();
    suites.extend(
        named("distro")
            .filter_map(|tag| tag.attribute("cpeid"))
            .map(str::to_owned),
    );
    Ok(Index {
        revision: child(root, "revision").and_then(|node| node.text()).map(str::to_owned),
        suites,
        packages: primary::packages(packages)?,
    })
}

/// Elements of a name; repomd.xml's own namespace is not asked for, as createrepo's readers do not.
pub(super) fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

/// The one element of a name.
pub(super) fn child<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'a str) -> Option<Node<'a, 'i>> {
    let mut all = children(node, name);
    let first = all.next();
    if all.next().is_some() { None } else { first }
}

/// A digest with the name of its algorithm.
pub(super) fn checksum(node: Node<'_, '_>) -> Result<Claim, Said> {
    let algorithm = match node.attribute("type") {
        Some("sha256") => Algorithm::Sha256,
        Some("sha384") => Algorithm::Sha384,
        Some("sha512") => Algorithm::Sha512,
        Some("md5" | "sha" | "sha1") => {
            return Err(Said::Wrong(
                Fault::Weak,
                "the signed index has digests that prove nothing".to_owned(),
            ));
        }
        other => {
            return Err(Said::Open(
                Doubt::UnknownAlgorithm,
                format!("the signed index has digests of `{}`", other.unwrap_or("no algorithm")),
            ));
        }
    };
    let digits = node.text().unwrap_or_default().trim();
    Claim::from_hex(algorithm, digits).map_err(|_| Said::malformed("the signed index has a digest that is none"))
}
