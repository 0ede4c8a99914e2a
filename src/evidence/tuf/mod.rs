//! Targets of repositories with The Update Framework (TUF specification 1.0), from a pinned root.
//!
//! The proof's objects are metadata files, in any order: the roots after the pinned one, one timestamp, one snapshot, the targets
//! and the delegated targets. Expiry is judged as of the export ([`Context::index_time`]). What a client compares with what it saw before, the
//! versions of timestamp and snapshot, is among the claims: judging keeps no state.

mod library;
mod root;

use serde_json::Value;

use super::pinned::read_anchors;
use super::securesystems::Document;
use super::sigstore::refusal::Refusal;
use super::sigstore::statement::Digests;
use super::{Context, Evidence, EvidenceKind, outside};
use crate::model::{
    Anchor, Artifact, Content, Digest, Doubt, Fault, Finding, Material, Order, Signer, Timestamp, UpstreamState,
};
use library::Repository;
use root::Root;

/// The kind's id.
pub(crate) const ID: &str = "tuf";

/// A repository with a root a month for twenty years, and hash bins.
const MAX_OBJECTS: usize = 512;

/// The kind.
pub(crate) struct Tuf;

/// A proof's objects, sorted by what they call themselves.
#[derive(Default)]
struct Files<'o> {
    roots: Vec<&'o [u8]>,
    timestamps: Vec<&'o [u8]>,
    snapshots: Vec<&'o [u8]>,
    targets: Vec<&'o [u8]>,
}

impl EvidenceKind for Tuf {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let files = sort(&objects).map_err(|refusal| Box::new(refusal.finding(ID)))?;
        let select = |material: &'a Material| match material {
            Material::TufRoot(text) => Some(text.as_str()),
            _ => None,
        };
        let read = |text: &'a str| Ok::<_, std::convert::Infallible>(text);
        let (pinned, _) = read_anchors(context, select, read);
        if pinned.is_empty() {
            return Err(Box::new(Finding::undecided(
                ID,
                Doubt::NoAnchor,
                "no TUF root is pinned",
            )));
        }
        let trusted = pinned
            .into_iter()
            .map(|(anchor, text)| (anchor, trust(text.as_bytes(), &files, context.index_time())))
            .collect();
        Ok(Box::new(Trusted { trusted, context }))
    }

    fn shows(&self, _artifact: &Artifact, finding: &Finding) -> Vec<UpstreamState> {
        let roles = ["root", "timestamp", "snapshot"].into_iter();
        let state = |role: &str| {
            Some(UpstreamState {
                kind: ID.to_owned(),
                subject: format!(
                    "{role} of the repository whose root anchor `{}` pins",
                    finding.anchors.first()?
                ),
                order: Order::Versions,
                place: finding.claim(&format!("{role}-version"))?.parse().ok()?,
                mark: None,
                goes_with: Vec::new(),
            })
        };
        roles.filter_map(state).collect()
    }
}

/// Follows a chain of roots from a pinned one, in any order, and says the version that it ends with, if that is still valid at a
/// time (TUF specification §5.3). The error is one phrase.
pub fn check_roots(pinned: &[u8], roots: &[&[u8]], at: Timestamp) -> Result<u64, String> {
    current_root(pinned, roots, at)
        .map(|root| root.version)
        .map_err(|refusal| refusal.reason)
}

/// Says what a root is that somebody wants to pin. The error is one phrase.
pub(crate) fn describe(text: &str) -> Result<String, String> {
    let root = Root::pinned(text.as_bytes()).map_err(|refusal| refusal.reason)?;
    Ok(format!("root version {}, until {}", root.version, root.expires))
}

/// Checks that a root may take the place of a pinned one: it is the same or a later one, and the threshold of the pinned one signed it.
/// Roots between them need not be known, as that threshold stands for each. The error is one phrase.
pub(crate) fn check_follows(pinned: &str, new: &str) -> Result<(), String> {
    if pinned == new {
        return Ok(());
    }
    let root = Root::pinned(pinned.as_bytes()).map_err(|refusal| refusal.reason)?;
    root.replace(new.as_bytes()).map_err(|refusal| refusal.reason)
}

fn current_root(pinned: &[u8], roots: &[&[u8]], at: Timestamp) -> Result<Root, Refusal> {
    let root = root::follow(pinned, roots)?;
    // Only the last has to be valid (§5.3.10).
    if root.expires <= at {
        let reason = format!("root version {} ran out at {}", root.version, root.expires);
        return Err(Refusal::wrong(Fault::Expired, reason));
    }
    Ok(root)
}

fn sort(objects: &[Vec<u8>]) -> Result<Files<'_>, Refusal> {
    if objects.len() > MAX_OBJECTS {
        let reason = format!("{} files, and at most {MAX_OBJECTS} are judged", objects.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let mut files = Files::default();
    for object in objects {
        let document = Document::read(object)?;
        match document.signed.get("_type").and_then(Value::as_str) {
            Some("root") => files.roots.push(object),
            Some("timestamp") => files.timestamps.push(object),
            Some("snapshot") => files.snapshots.push(object),
            Some("targets") => files.targets.push(object),
            _ => return Err(Refusal::malformed("a file of the proof is of no role of TUF")),
        }
    }
    Ok(files)
}

/// Judges what does not depend on an artifact, from one pinned root.
fn trust(pinned: &[u8], files: &Files<'_>, at: Timestamp) -> Result<Repository, Refusal> {
    let root = current_root(pinned, &files.roots, at)?;
    let one = |name: &str, found: &[&[u8]]| match found {
        [one] => Ok(one.to_vec()),
        [] => Err(Refusal::doubt(Doubt::Incomplete, format!("the proof has no {name}"))),
        _ => Err(Refusal::malformed(format!("the proof has more than one {name}"))),
    };
    let timestamp = one("timestamp", &files.timestamps)?;
    let snapshot = one("snapshot", &files.snapshots)?;
    // Another repository's files are nobody's here, not wrong.
    let document = Document::read(&timestamp)?;
    if !document
        .hints()
        .any(|hint| root.ids("timestamp").iter().any(|id| id == hint))
    {
        let reason = "the repository's timestamp is signed by no key of the pinned root";
        return Err(Refusal::doubt(Doubt::UnknownSigner, reason));
    }
    Repository::open(&root, &timestamp, &snapshot, &files.targets, at)
}

struct Trusted<'a> {
    trusted: Vec<(&'a Anchor, Result<Repository, Refusal>)>,
    context: &'a Context<'a>,
}

impl Evidence for Trusted<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut digests = Digests::new(artifact, content);
        let mut best: Option<Finding> = None;
        let mut best_weight = 0;
        for (anchor, repository) in &self.trusted {
            // A root for other names has no say, neither for nor against.
            if let Some(finding) = outside(ID, anchor, artifact, self.context.now) {
                if best_weight < 1 {
                    (best, best_weight) = (Some(finding), 1);
                }
                continue;
            }
            let found = repository
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|repository| repository.find(&mut digests));
            match found {
                Ok(found) => {
                    let reason = format!(
                        "target `{}` of the repository whose root anchor `{}` pins",
                        found.path, anchor.name
                    );
                    let mut finding = Finding::confirmed(ID, anchor.speaks_for.level(), reason);
                    finding.anchors.push(anchor.name.clone());
                    finding.claims = found.claims;
                    let of = |key: &Digest| Signer::key(key.to_string(), None);
                    finding.signers = found.own.iter().map(of).collect();
                    // The role's own, too: its threshold needs each of them, which signers of an index do not.
                    finding.through = found.signers.iter().map(of).collect();
                    return vec![finding];
                }
                Err(refusal) => {
                    let weight = 1 + refusal.weight();
                    if best_weight < weight {
                        let mut finding = refusal.finding(ID);
                        finding.reason = format!("by anchor `{}`: {}", anchor.name, finding.reason);
                        (best, best_weight) = (Some(finding), weight);
                    }
                }
            }
        }
        best.into_iter().collect()
    }
}
