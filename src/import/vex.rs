//! What publishers say of vulnerabilities in what came: VEX documents that travel, each believed by who signed it (`bundle-spec/policy.md` §6).
//!
//! Threats, each with its defence:
//! - A document by somebody who may sign artifacts, and was never asked about vulnerabilities: an anchor counts only with a scope of its own, `vex/…`.
//! - A document about another package of nearly the same name, or about a part: exact names, versions and digests, and no address of which a piece was passed
//!   over ([`crate::ecosystem::Purl::is_whole`]).
//! - Documents that exhaust memory: bounds on lines, documents and statements; only those about the bundle's own names stay.
//! - A document that nobody can read, or that nobody signed whom this site names: it changes nothing, and is told.

#![expect(clippy::disallowed_methods, reason = "what travels lies in files")]

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use super::judge::judge_bytes;
use super::site::Site;
use super::surroundings::{each_line_of, malformed};
use crate::bundle::vex::{CarriedVex, MAX_DOCUMENTS, MAX_LINE_BYTES};
use crate::ecosystem::{Purl, collision_key, compare_versions};
use crate::evidence::{self, Context};
use crate::model::{Anchor, Artifact, Digest, Level, Material, Refusal, ScopePattern, Signer, Stop, Timestamp, Unable};
use crate::policy::{VexDocument, VexProduct, VexSaid, VexStatement, VexStatus};
use crate::trust::Revocations;

/// How a scope begins that is for statements about vulnerabilities; what follows is a scope as artifacts have it.
const SCOPE: &str = "vex";

/// The most statements about the bundle's own names: every vulnerability of a distribution.
const MAX_HELD: usize = 1_000_000;

/// How many documents that change nothing are named.
const MAX_NOTES: usize = 50;

const WHAT: &str = "the bundle's VEX documents";

/// By whom this site lets itself be told about vulnerabilities.
#[derive(Clone, Copy)]
pub(super) struct Believed<'a> {
    pub(super) anchors: &'a [Anchor],
    pub(super) revocations: Option<&'a Revocations>,
    pub(super) now: Timestamp,
}

impl<'a> Believed<'a> {
    /// What a site believes now.
    pub(super) fn of(site: &'a Site, now: Timestamp) -> Self {
        Self {
            anchors: site.trust_data().map_or(&[], |(_, data)| &data.anchors),
            revocations: site.revocations().map(|(_, document)| document),
            now,
        }
    }
}

/// Statements about what came.
#[derive(Default)]
pub(super) struct Vex {
    about: HashMap<(String, String), Vec<Held>>,
    documents: usize,
    held: usize,
    notes: Vec<String>,
    passed_over: usize,
}

/// A statement about a name.
struct Held {
    product: VexProduct,
    purl: Purl,
    statement: Arc<VexStatement>,
    document: Arc<str>,
    authors: Authors,
}

/// Who signed a document, as far as this site lets them speak of a name.
type Authors = Arc<[(Signer, Level)]>;

impl Vex {
    /// Reads the documents, and keeps what they say of these names (each ecosystem's keys).
    pub(super) fn read(path: &Path, wanted: &HashSet<(String, String)>, by: Believed<'_>) -> Result<Self, Stop> {
        let failed = |error| Unable::new(format!("cannot read {}", path.display())).because(error);
        Self::of_lines(File::open(path).map_err(failed)?, &failed, wanted, by)
    }

    /// The same of documents that are in memory.
    pub(super) fn of_bytes(lines: &[u8], wanted: &HashSet<(String, String)>, by: Believed<'_>) -> Result<Self, Stop> {
        let failed = |error| Unable::new("cannot read VEX documents").because(error);
        Self::of_lines(lines, &failed, wanted, by)
    }

    fn of_lines(
        lines: impl Read,
        failed: &dyn Fn(io::Error) -> Unable,
        wanted: &HashSet<(String, String)>,
        by: Believed<'_>,
    ) -> Result<Self, Stop> {
        let mut this = Self::default();
        each_line_of(lines, failed, MAX_LINE_BYTES, WHAT, |number, line| {
            this.line(number, line, wanted, by)
        })?;
        Ok(this)
    }

    fn line(
        &mut self,
        number: usize,
        line: &[u8],
        wanted: &HashSet<(String, String)>,
        by: Believed<'_>,
    ) -> Result<(), Refusal> {
        self.documents += 1;
        if self.documents > MAX_DOCUMENTS {
            return Err(malformed(WHAT, number, "there are more documents than are read"));
        }
        let carried = CarriedVex::read(line).map_err(|error| malformed(WHAT, number, &error.to_string()))?;
        self.held += self.take(&carried, wanted, by);
        if self.held > MAX_HELD {
            return Err(malformed(WHAT, number, "there are more statements than are read"));
        }
        Ok(())
    }

    /// Takes a document; gives how many statements are kept of it.
    fn take(&mut self, carried: &CarriedVex, wanted: &HashSet<(String, String)>, by: Believed<'_>) -> usize {
        let document = match VexDocument::read(&carried.document) {
            Ok(document) => document,
            Err(error) => {
                self.note(format!("{}: {error}", carried.name));
                return 0;
            }
        };
        let called: Arc<str> = format!("{} {}", document.format, document.id).into();
        let mut judged = Judged {
            carried,
            by,
            digest: Digest::of(&carried.document),
            known: HashMap::new(),
        };
        let mut count = 0;
        let mut unsigned = None;
        for mut statement in document.statements {
            let products = std::mem::take(&mut statement.products);
            let statement = Arc::new(statement);
            for product in products {
                let Ok(purl) = product.purl.parse::<Purl>() else {
                    continue;
                };
                if !wanted.contains(&(purl.ecosystem.clone(), collision_key(&purl.ecosystem, &purl.name))) {
                    continue;
                }
                match judged.authors(&purl) {
                    Ok(authors) => {
                        let name = (purl.ecosystem.clone(), purl.name.clone());
                        self.about.entry(name).or_default().push(Held {
                            product,
                            purl,
                            statement: Arc::clone(&statement),
                            document: Arc::clone(&called),
                            authors,
                        });
                        count += 1;
                    }
                    Err(why) => unsigned = unsigned.or(Some(why)),
                }
            }
        }
        if let Some(why) = unsigned {
            self.note(format!("{} ({called}): {why}", carried.name));
        }
        count
    }

    fn note(&mut self, text: String) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(format!("a VEX document changes nothing: {text}"));
        } else {
            self.passed_over += 1;
        }
    }

    /// What changes nothing, and why, in words.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> + '_ {
        let more = (self.passed_over > 0).then(|| format!("{} more VEX documents change nothing", self.passed_over));
        self.notes.iter().cloned().chain(more)
    }

    /// What is said of an artifact.
    pub(super) fn of(&self, artifact: &Artifact) -> Vec<VexSaid> {
        let held = self.about.get(&(artifact.ecosystem.clone(), artifact.name.clone()));
        let mut said = Vec::new();
        for held in held.into_iter().flatten() {
            let Some(is_exact) = held.is_about(artifact) else {
                continue;
            };
            said.extend(held.authors.iter().map(|(author, level)| VexSaid {
                author: author.clone(),
                level: *level,
                document: held.document.to_string(),
                names: held.statement.names.clone(),
                status: held.statement.status,
                justification: held.statement.justification.clone(),
                time: held.statement.time,
                is_exact,
            }));
        }
        said
    }
}

impl Held {
    /// Whether it may be about an artifact, and whether it is about exactly that. What clears must be exact; what warns need not.
    fn is_about(&self, artifact: &Artifact) -> Option<bool> {
        let digests = [self.product.sha256, self.purl.digest];
        let mut stated = digests.iter().flatten();
        let has_digest = stated.clone().next().is_some();
        if stated.any(|digest| *digest != artifact.digest) {
            return None;
        }
        if self.purl.file.as_ref().is_some_and(|file| *file != artifact.file) {
            return None;
        }
        let is_version = match (&self.purl.version, &self.product.range) {
            (Some(version), None) => Some(*version == artifact.version),
            (None, Some(range)) => {
                let compare =
                    |one: &str, other: &str| -> Option<Ordering> { compare_versions(&artifact.ecosystem, one, other) };
                range.holds(&artifact.version, &compare)
            }
            // Any version, or two texts that may contradict each other.
            _ => None,
        };
        let is_whole = self.purl.is_whole || has_digest;
        match is_version {
            Some(true) => Some(is_whole && !self.product.is_narrow),
            Some(false) => None,
            None => (self.statement.status == VexStatus::Affected).then_some(false),
        }
    }
}

/// A document whose signatures are judged, once for all names for which the same anchors count.
struct Judged<'a> {
    carried: &'a CarriedVex,
    by: Believed<'a>,
    digest: Digest,
    known: HashMap<Vec<usize>, Result<Authors, String>>,
}

impl Judged<'_> {
    fn authors(&mut self, purl: &Purl) -> Result<Authors, String> {
        let anchors = self.by.anchors.iter().enumerate();
        let counting: Vec<usize> = anchors
            .filter(|(_, anchor)| counts(anchor, purl))
            .map(|(place, _)| place)
            .collect();
        if let Some(known) = self.known.get(&counting) {
            return known.clone();
        }
        let anchors: Vec<Anchor> = counting
            .iter()
            .map(|place| for_documents(&self.by.anchors[*place]))
            .collect();
        let found = self.judge(&anchors, purl);
        self.known.insert(counting, found.clone());
        found
    }

    fn judge(&self, anchors: &[Anchor], purl: &Purl) -> Result<Authors, String> {
        let context = Context {
            anchors,
            now: self.by.now,
            exported: self.by.now,
            max_transit_seconds: 0,
        };
        let artifact = Artifact {
            digest: self.digest,
            ecosystem: purl.ecosystem.clone(),
            file: self.carried.name.clone(),
            name: purl.name.clone(),
            origin: String::new(),
            proofs: Vec::new(),
            reason: String::new(),
            version: String::new(),
        };
        if let Some(revocation) = self.by.revocations.and_then(|document| document.artifact(&artifact)) {
            return Err(format!("this site revoked these bytes: {}", revocation.reason));
        }
        let mut authors: Vec<(Signer, Level)> = Vec::new();
        let mut why = "no signature lies beside it".to_owned();
        for signature in &self.carried.signatures {
            if !evidence::is_detached(&signature.kind) {
                why = "a signature beside it is of no kind that signs a file".to_owned();
                continue;
            }
            let objects = vec![signature.bytes.clone()];
            let mut content = Cursor::new(self.carried.document.as_slice());
            for mut finding in judge_bytes(&signature.kind, objects, &artifact, &mut content, &context) {
                if let Some(revocations) = self.by.revocations {
                    revocations.apply(&mut finding);
                }
                if finding.level() >= Level::Publisher {
                    authors.extend(finding.signers.iter().map(|signer| (signer.clone(), finding.level())));
                } else {
                    why = format!("{}: {}", finding.kind, finding.reason);
                }
            }
        }
        if authors.is_empty() {
            return Err(format!(
                "nobody signed it whom an anchor with the scope `vex/…` names for {}; {why}",
                purl.name
            ));
        }
        Ok(authors.into())
    }
}

/// Whether an anchor counts for documents about a name. What names signers must be there for this; what only proves identities and times need not.
fn counts(anchor: &Anchor, purl: &Purl) -> bool {
    let covers = anchor
        .scope
        .iter()
        .any(|pattern| match pattern.as_str().strip_prefix(SCOPE) {
            Some("") => true,
            Some(rest) => rest
                .strip_prefix('/')
                .is_some_and(|rest| ScopePattern::new(rest).covers(&purl.ecosystem, &purl.name)),
            None => false,
        });
    match &anchor.material {
        Material::SigstoreRoot(_) | Material::TimestampCertificates(_) => {
            covers || anchor.covers(&purl.ecosystem, &purl.name)
        }
        Material::NpmKeys(_) | Material::NoteKey(_) | Material::TufRoot(_) => false,
        Material::Openpgp(_)
        | Material::Identity(_)
        | Material::PublicKey(_)
        | Material::Certificates(_)
        | Material::AllowedSigners(_)
        | Material::MinisignKey(_)
        | Material::SignifyKey(_) => covers,
    }
}

/// The anchor as the kinds ask it, once it is known to count.
fn for_documents(anchor: &Anchor) -> Anchor {
    Anchor {
        scope: vec![ScopePattern::everything()],
        ..anchor.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Revocation, Revoked};

    fn artifact() -> Artifact {
        Artifact::plain(
            "npm",
            "left-pad",
            "1.3.0",
            "left-pad-1.3.0.tgz",
            Digest::of(b"left-pad"),
        )
    }

    fn held(change: impl Fn(&mut Held)) -> Held {
        let purl = "pkg:npm/left-pad@1.3.0";
        let mut held = Held {
            product: VexProduct {
                purl: purl.to_owned(),
                range: None,
                sha256: None,
                is_narrow: false,
            },
            purl: purl.parse().unwrap(),
            statement: Arc::new(VexStatement {
                names: vec!["CVE-1".to_owned()],
                status: VexStatus::Fixed,
                justification: None,
                time: Timestamp::from_seconds(1_800_000_000),
                products: Vec::new(),
            }),
            document: "a document".into(),
            authors: [].into(),
        };
        change(&mut held);
        held
    }

    #[test]
    fn a_statement_is_about_the_bytes_and_the_file_that_it_names() {
        let about = |change: fn(&mut Held)| held(change).is_about(&artifact());
        assert_eq!(about(|_| {}), Some(true));
        assert_eq!(about(|held| held.product.sha256 = Some(artifact().digest)), Some(true));
        assert_eq!(about(|held| held.purl.digest = Some(artifact().digest)), Some(true));
        assert_eq!(about(|held| held.purl.file = Some(artifact().file)), Some(true));
        let other = |held: &mut Held| held.product.sha256 = Some(Digest::of(b"other"));
        assert_eq!(about(other), None);
        assert_eq!(about(|held| held.purl.digest = Some(Digest::of(b"other"))), None);
        assert_eq!(about(|held| held.purl.file = Some("left-pad.zip".to_owned())), None);
        assert_eq!(about(|held| held.purl.version = Some("1.3.1".to_owned())), None);
        // What names no version clears none, and warns of all.
        let any = |held: &mut Held| held.purl.version = None;
        assert_eq!(about(any), None);
        let warns = |held: &mut Held| {
            any(held);
            Arc::get_mut(&mut held.statement).unwrap().status = VexStatus::Affected;
        };
        assert_eq!(held(warns).is_about(&artifact()), Some(false));
        // What is said of a part of it lowers nothing about the whole.
        assert_eq!(about(|held| held.product.is_narrow = true), Some(false));
    }

    #[test]
    fn a_document_whose_bytes_are_revoked_says_nothing() {
        let carried = CarriedVex {
            document: b"{}".to_vec(),
            name: "vex.json".to_owned(),
            signatures: Vec::new(),
        };
        let now = Timestamp::from_seconds(1_800_000_000);
        let why = |revoked: &[u8]| {
            let mut revocations = Revocations::empty(1, now);
            revocations.revoked.push(Revocation {
                invalid_since: None,
                reason: "it was withdrawn".to_owned(),
                what: Revoked::Artifact(Digest::of(revoked)),
            });
            let judged = Judged {
                carried: &carried,
                by: Believed {
                    anchors: &[],
                    revocations: Some(&revocations),
                    now,
                },
                digest: Digest::of(&carried.document),
                known: HashMap::new(),
            };
            let purl = "pkg:npm/left-pad@1.3.0".parse().unwrap();
            judged.judge(&[], &purl).unwrap_err()
        };
        assert!(why(b"{}").contains("this site revoked these bytes: it was withdrawn"));
        assert!(why(b"other").contains("nobody signed it"));
    }

    #[test]
    fn of_documents_that_change_nothing_the_first_are_told_and_the_others_counted() {
        let noted = |count: usize| {
            let mut vex = Vex::default();
            (0..count).for_each(|number| vex.note(format!("number {number}")));
            vex.notes().collect::<Vec<_>>()
        };
        assert_eq!(noted(1), ["a VEX document changes nothing: number 0"]);
        assert_eq!(noted(MAX_NOTES).len(), MAX_NOTES);
        let more = noted(MAX_NOTES + 2);
        assert_eq!(
            (more.len(), more[MAX_NOTES].as_str()),
            (MAX_NOTES + 1, "2 more VEX documents change nothing")
        );
    }

    #[test]
    fn documents_and_statements_are_bounded() {
        let carried = CarriedVex {
            document: b"{}".to_vec(),
            name: "vex.json".to_owned(),
            signatures: Vec::new(),
        };
        let line = carried.write().unwrap();
        let by = Believed {
            anchors: &[],
            revocations: None,
            now: Timestamp::from_seconds(1_800_000_000),
        };
        let read = |documents, held| {
            let mut vex = Vex {
                documents,
                held,
                ..Vex::default()
            };
            vex.line(1, &line, &HashSet::new(), by).is_ok()
        };
        assert!(read(0, 0) && read(MAX_DOCUMENTS - 1, MAX_HELD));
        assert!(!read(MAX_DOCUMENTS, 0));
        assert!(!read(0, MAX_HELD + 1));
    }
}
