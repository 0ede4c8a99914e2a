//! Go's checksum database: a transparent log of every module's hash (golang.org/design/25530-sumdb; golang.org/ref/mod,
//! "Checksum database"). It proves that everybody is given the same module, and not who wrote it: level `registry`.
//!
//! The first object is the database's answer about the module, as it came: the record's number, its lines, the signed head of the
//! tree. The others are the tiles that [`merkle::tiles`] names, in its order. The head is among the claims: whether it goes with the
//! newest one that was seen before is asked by whoever keeps that ([`EvidenceKind::shows`]; [`check_heads`]), as judging keeps no state.
//!
//! Behind the tiles may stand proofs that trees of other sizes go with this one (RFC 9162 §2.1.4): each is the other head's text, unsigned, an empty line, and
//! the hashes in base64, one a line. Each that is right is among the claims; one that is not is noted, since whoever carries it may have made it.

mod hash;
mod parse;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pinned::{Made, made_by, read_anchors};
use super::reading::shown;
use super::sigstore::refusal::{Refusal, settled};
use super::{Context, Evidence, EvidenceKind};
use crate::crypto::merkle::{self, Head, TreeError};
use crate::crypto::note::{Note, NoteError, VerifierKey};
use crate::model::{
    Artifact, Content, Digest, Doubt, Fault, Finding, Level, LogEntry, LogProof, Material, Order, Signer, UpstreamState,
};
use parse::Answer;

/// The kind's id.
pub(crate) const ID: &str = "sumdb";

/// The kind.
pub(crate) struct Sumdb;

impl EvidenceKind for Sumdb {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        Ok(Box::new(Proof { objects, context }))
    }

    fn shows(&self, _artifact: &Artifact, finding: &Finding) -> Vec<UpstreamState> {
        let state = |log: &LogEntry| {
            Some(UpstreamState {
                kind: ID.to_owned(),
                subject: log.id.clone(),
                order: Order::Sizes,
                place: finding.claim(TREE_SIZE)?.parse().ok()?,
                mark: Some(finding.claim(TREE_ROOT)?.to_owned()),
                goes_with: finding.claims.iter().filter_map(goes_with).collect(),
            })
        };
        finding.log.as_deref().and_then(state).into_iter().collect()
    }
}

const TREE_SIZE: &str = "tree-size";
const TREE_ROOT: &str = "tree-root";
/// Another tree that is proven to go with this one: its size, a space and its root.
const GOES_WITH: &str = "tree-goes-with";

/// The most trees to which one answer is connected: those that a few enclaves saw last.
const MAX_CONNECTED: usize = 64;

fn goes_with((name, value): &(String, String)) -> Option<(u64, String)> {
    let (size, root) = value.split_once(' ').filter(|_| name == GOES_WITH)?;
    Some((size.parse().ok()?, root.to_owned()))
}

struct Proof<'a> {
    objects: Vec<Vec<u8>>,
    context: &'a Context<'a>,
}

impl Evidence for Proof<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut finding = Finding::undecided(ID, Doubt::Incomplete, "");
        let came_to = self.examine(artifact, content, &mut finding);
        vec![settled(finding, came_to.map(|reason| (Level::Registry, reason)))]
    }
}

impl Proof<'_> {
    fn examine(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        finding: &mut Finding,
    ) -> Result<String, Refusal> {
        let (answer, tiles) = self
            .objects
            .split_first()
            .ok_or_else(|| Refusal::doubt(Doubt::Incomplete, "the proof holds no answer of a checksum database"))?;
        let answer = Answer::read(answer)?;
        let note = Note::read(answer.note).map_err(|error| unread(&error))?;
        let database = self.check_signer(&note, artifact, finding)?;
        // What is not signed is not looked at before this line.
        let head = parse::head(note.text)?;
        let (connected, tiles): (Vec<&[u8]>, Vec<&[u8]>) = tiles
            .iter()
            .map(Vec::as_slice)
            .partition(|object| parse::is_connection(object));
        merkle::check_inclusion(answer.record.as_bytes(), answer.index, &head, &tiles).map_err(not_included)?;
        finding.log = Some(Box::new(LogEntry {
            id: database,
            index: answer.index.to_string(),
            proof: LogProof::Inclusion,
        }));
        finding.claims = vec![
            (TREE_SIZE.to_owned(), head.size.to_string()),
            (TREE_ROOT.to_owned(), STANDARD.encode(head.root.as_bytes())),
        ];
        if connected.len() > MAX_CONNECTED {
            let note = format!("it is connected to more than {MAX_CONNECTED} other trees; the rest is not looked at");
            finding.notes.push(note);
        }
        for connection in connected.into_iter().take(MAX_CONNECTED) {
            let checked = parse::connection(connection).and_then(|(other, proof)| {
                // The empty tree is a part of every tree, whatever root it is given.
                let is_tree = other.size > 0;
                let checked = merkle::check_consistency(&other, &head, &proof).map_err(not_included);
                checked.map(|()| is_tree.then_some(other))
            });
            match checked {
                Ok(Some(other)) => finding.claims.push((
                    GOES_WITH.to_owned(),
                    format!("{} {}", other.size, STANDARD.encode(other.root.as_bytes())),
                )),
                Ok(None) => {}
                Err(refusal) => finding.notes.push(format!(
                    "what should connect it to another tree does not: {}",
                    refusal.reason
                )),
            }
        }
        check_module(answer.record, artifact, content)
    }

    /// Finds whose key signed the note; says the database's name.
    fn check_signer(&self, note: &Note<'_>, artifact: &Artifact, finding: &mut Finding) -> Result<String, Refusal> {
        let (keys, notes) = read_anchors(
            self.context,
            |material| match material {
                Material::NoteKey(text) => Some(text.as_str()),
                _ => None,
            },
            VerifierKey::read,
        );
        finding.notes.extend(notes);
        finding.signers = note
            .signatures
            .iter()
            .map(|signature| Signer::key(shown(&signature.shown()), None))
            .collect();
        if keys.is_empty() {
            return Err(Refusal::doubt(
                Doubt::NoAnchor,
                "no key of a checksum database is pinned",
            ));
        }
        let named = keys
            .iter()
            .filter(|(_, key)| note.names(key))
            .map(|(anchor, key)| (*anchor, key));
        match made_by(ID, artifact, self.context.now, named, |key| note.is_signed_by(key)) {
            Made::By(anchor, key) => {
                finding.signers = vec![Signer::key(key.shown(), Some(anchor.name.clone()))];
                finding.anchors.push(anchor.name.clone());
                finding.algorithm = Some("Ed25519".to_owned());
                Ok(key.name.clone())
            }
            Made::Outside(outside) => Err(Refusal {
                outcome: outside.outcome,
                reason: outside.reason,
            }),
            Made::Wrong(anchor) => Err(Refusal::wrong(
                Fault::SignatureWrong,
                format!(
                    "the tree's head is not signed by the key in anchor `{}` that it names",
                    anchor.name
                ),
            )),
            Made::Unknown => Err(Refusal::doubt(
                Doubt::UnknownSigner,
                "the tree's head is signed by no database whose key is pinned for it",
            )),
        }
    }
}

/// Compares the record's line for an artifact with its bytes: a zip, or a go.mod.
fn check_module(record: &str, artifact: &Artifact, content: &mut dyn Content) -> Result<String, Refusal> {
    // Versions hold no slash, so that a line for a go.mod is never one for a zip.
    let (version, is_mod) = match artifact.file.rsplit_once('.') {
        Some((_, "zip")) => (artifact.version.clone(), false),
        Some((_, "mod")) => (format!("{}/go.mod", artifact.version), true),
        _ => {
            let reason = "a checksum database has hashes of a module's zip and of its go.mod alone";
            return Err(Refusal::doubt(Doubt::Incomplete, reason));
        }
    };
    let lines = parse::lines(record)?;
    let mut own = lines
        .iter()
        .filter(|line| line.module == artifact.name && line.version == version);
    let line = own.next().ok_or_else(|| {
        let about = lines.first().map(|line| format!("{} {}", line.module, line.version));
        Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "the record is about `{}`, not `{} {version}`",
                shown(&about.unwrap_or_default()),
                artifact.name
            ),
        )
    })?;
    if own.any(|other| other.hash != line.hash) {
        return Err(Refusal::malformed("the record has two hashes for one module"));
    }
    let found = if is_mod {
        hash::of_mod(content)?
    } else {
        hash::of_zip(content)?
    };
    if found != line.hash {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "the database has h1:{} for it, and its bytes h1:{}",
                STANDARD.encode(line.hash.as_bytes()),
                STANDARD.encode(found.as_bytes())
            ),
        ));
    }
    Ok(format!(
        "its hash is in the checksum database as `{} {version}`",
        artifact.name
    ))
}

fn unread(error: &NoteError) -> Refusal {
    match error {
        NoteError::TooLarge => Refusal::doubt(Doubt::TooLarge, error.to_string()),
        _ => Refusal::malformed(error.to_string()),
    }
}

fn not_included(error: TreeError) -> Refusal {
    match error {
        TreeError::Tiles => Refusal::doubt(Doubt::Incomplete, error.to_string()),
        _ => Refusal::wrong(Fault::LogWrong, error.to_string()),
    }
}

/// Two heads of one log do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadsError {
    /// One is not a head that the key signed.
    #[error("a tree's head is not to be believed: {0}")]
    Head(String),
    /// The proof does not connect them; [`TreeError::Fork`] is misconduct of the log.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Verifies a signed note by a verifier key's line, and gives its text. The error is one phrase.
pub fn check_note<'n>(key: &str, note: &'n [u8]) -> Result<&'n str, String> {
    let key = VerifierKey::read(key).map_err(|error| error.to_string())?;
    let note = Note::read(note).map_err(|error| error.to_string())?;
    if note.is_signed_by(&key) {
        Ok(note.text)
    } else if note.names(&key) {
        Err(format!("the note's signature by {} does not fit", key.shown()))
    } else {
        Err(format!("the note is not signed by {}", key.shown()))
    }
}

/// Checks that the later of two signed heads of a database holds the earlier one (RFC 9162 §2.1.4), so that the database showed one tree:
/// what whoever keeps the newest head seen asks of a newer one. Gives the later one.
pub fn check_heads(key: &str, one: &[u8], other: &[u8], proof: &[Digest]) -> Result<Head, HeadsError> {
    let head = |note| {
        let text = check_note(key, note).map_err(HeadsError::Head)?;
        parse::head(text).map_err(|refusal| HeadsError::Head(refusal.reason))
    };
    let (one, other) = (head(one)?, head(other)?);
    merkle::check_consistency(&one, &other, proof)?;
    Ok(if one.size > other.size { one } else { other })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tree_is_named_by_its_own_claim() {
        let claim = |name: &str, value: &str| goes_with(&(name.to_owned(), value.to_owned()));
        assert_eq!(claim(GOES_WITH, "7 root"), Some((7, "root".to_owned())));
        assert_eq!(claim(GOES_WITH, "seven root"), None);
        assert_eq!(claim(TREE_ROOT, "7 root"), None);
    }
}
