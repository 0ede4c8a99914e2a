//! Everything that an import tells the ledger, line by line, so that the same can be told again (`bundle-spec/log.md` §7).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::import::Begun;
use super::{BundleRecord, Import, Judgement, Ledger, LedgerError, Recorded};
use crate::ecosystem::Held;
use crate::model::{Artifact, Digest, Document, Finding, Hasher, Level, Name, RelativePath, Timestamp};

/// Where a journal goes.
pub trait Sink: Write {
    /// Ends it, so that all of it is written.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A journal's lines, as a report names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Journaled {
    /// All bytes, line ends included.
    pub bytes: u64,
    /// How many lines there are.
    pub count: u64,
    /// SHA-256 over all of them.
    pub digest: Digest,
}

/// A journal that is being written.
pub(super) struct Journal {
    sink: Box<dyn Sink>,
    hasher: Hasher,
    bytes: u64,
    count: u64,
    // An import's steps cannot all fail on a write; the end does.
    failure: Option<io::Error>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl Journal {
    pub(super) fn new(sink: Box<dyn Sink>) -> Self {
        Self {
            sink,
            hasher: Hasher::new(),
            bytes: 0,
            count: 0,
            failure: None,
        }
    }

    pub(super) fn note(&mut self, told: &Told<'_>) {
        if self.failure.is_some() {
            return;
        }
        let written = serde_json::to_vec(told).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.hasher.update(&line);
            self.bytes += line.len() as u64;
            self.count += 1;
            self.sink.write_all(&line)
        });
        self.failure = written.err();
    }

    pub(super) fn finish(self) -> io::Result<Journaled> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.sink.finish()?;
        Ok(Journaled {
            bytes: self.bytes,
            count: self.count,
            digest: self.hasher.finish(),
        })
    }
}

/// What an import tells, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Told<'t> {
    Again(Bundle),
    Bundle(Bundle),
    ExportKey(&'t str),
    Object(&'t Digest, u64),
    Artifact {
        artifact: &'t Artifact,
        derived: &'t BTreeMap<String, (Digest, u64)>,
        facts: &'t serde_json::Value,
        size: u64,
    },
    Judgement {
        decision: &'t str,
        findings: &'t [Finding],
        judged: Timestamp,
        level: Level,
    },
    Document(&'t Document, u64),
    Rejudged {
        artifact: [&'t str; 4],
        decision: &'t str,
        findings: &'t [Finding],
        judged: Timestamp,
        level: Level,
    },
    Paths(&'t Name, Vec<&'t str>),
    Upstream {
        exported: Timestamp,
        kind: &'t str,
        mark: Option<&'t str>,
        place: u64,
        subject: &'t str,
    },
}

/// The same, as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Read {
    Again(Bundle),
    Bundle(Bundle),
    ExportKey(String),
    Object(Digest, u64),
    Artifact {
        artifact: Box<Artifact>,
        derived: BTreeMap<String, (Digest, u64)>,
        facts: serde_json::Value,
        size: u64,
    },
    Judgement {
        decision: String,
        findings: Vec<Finding>,
        judged: Timestamp,
        level: Level,
    },
    Document(Document, u64),
    Rejudged {
        artifact: [String; 4],
        decision: String,
        findings: Vec<Finding>,
        judged: Timestamp,
        level: Level,
    },
    Paths(Name, Vec<String>),
    Upstream {
        exported: Timestamp,
        kind: String,
        mark: Option<String>,
        place: u64,
        subject: String,
    },
}

/// The bundle's row.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bundle {
    created: Timestamp,
    epoch: u64,
    imported: Timestamp,
    manifest: Digest,
    root_version: u64,
    sequence: u64,
    signers: Vec<String>,
    stream: String,
}

impl Bundle {
    fn into_record(self) -> BundleRecord {
        BundleRecord {
            manifest: self.manifest,
            stream: self.stream,
            epoch: self.epoch,
            sequence: self.sequence,
            created: self.created,
            imported: self.imported,
            root_version: self.root_version,
            signers: self.signers,
        }
    }
}

impl Import<'_> {
    /// From here on everything that the ledger is told goes into a journal too. Comes before anything else.
    pub fn keep_journal(&mut self, sink: Box<dyn Sink>) {
        let bundle = &self.bundle;
        let mut journal = Journal::new(sink);
        let row = Bundle {
            created: bundle.created,
            epoch: bundle.epoch,
            imported: bundle.imported,
            manifest: bundle.manifest,
            root_version: bundle.root_version,
            sequence: bundle.sequence,
            signers: bundle.signers.clone(),
            stream: bundle.stream.clone(),
        };
        journal.note(&match self.begun {
            Begun::New => Told::Bundle(row),
            Begun::Again => Told::Again(row),
        });
        self.journal = Some(RefCell::new(journal));
    }

    /// Ends the journal, if one is kept.
    pub fn end_journal(&mut self) -> io::Result<Option<Journaled>> {
        self.journal
            .take()
            .map(|journal| journal.into_inner().finish())
            .transpose()
    }

    pub(super) fn note(&self, told: &Told<'_>) {
        if let Some(journal) = &self.journal {
            journal.borrow_mut().note(told);
        }
    }
}

/// An import that is told again, line by line.
#[derive(Debug)]
pub struct Replay<'l> {
    import: Import<'l>,
    last: Option<Recorded>,
}

impl Ledger {
    /// Begins to tell an import again, by the first line of its journal.
    pub fn replay(&mut self, line: &[u8]) -> Result<Replay<'_>, LedgerError> {
        let import = match read(line)? {
            Read::Bundle(bundle) => self.begin(bundle.into_record())?,
            Read::Again(bundle) => self.begin_again(bundle.into_record())?,
            _ => return Err(LedgerError::Journal),
        };
        Ok(Replay { import, last: None })
    }
}

impl<'l> Replay<'l> {
    /// Tells the next line.
    pub fn line(&mut self, line: &[u8]) -> Result<(), LedgerError> {
        let import = &self.import;
        match read(line)? {
            Read::Again(_) | Read::Bundle(_) | Read::Rejudged { .. } => Err(LedgerError::Journal),
            Read::ExportKey(key) => import.export_keys([&key]),
            Read::Object(digest, size) => import.object(&digest, size),
            Read::Artifact {
                artifact,
                derived,
                facts,
                size,
            } => {
                self.last = Some(import.artifact(&Held {
                    artifact: *artifact,
                    size,
                    facts,
                    derived,
                })?);
                Ok(())
            }
            Read::Judgement {
                decision,
                findings,
                judged,
                level,
            } => import.judgement(
                self.last.ok_or(LedgerError::Journal)?,
                &Judgement {
                    level,
                    findings,
                    decision,
                    judged,
                },
            ),
            Read::Upstream {
                exported,
                kind,
                mark,
                place,
                subject,
            } => import.raise_upstream(&kind, &subject, place, mark.as_deref(), exported),
            Read::Document(document, size) => import.document(&document, size),
            Read::Paths(name, paths) => {
                let paths: Result<Vec<RelativePath>, _> = paths.into_iter().map(RelativePath::new).collect();
                let paths = paths.map_err(|_| LedgerError::Journal)?;
                // A sweep between two imports may have freed a path for another name.
                import.free_paths(&name, &paths)?;
                import.paths(&name, &paths)
            }
        }
    }

    /// The import, all of which was told, to be committed.
    pub fn into_import(self) -> Import<'l> {
        self.import
    }
}

/// Reads a line of what a later judging told: the artifact's ecosystem, name, version and file, and the judgement.
pub(super) fn rejudged(line: &[u8]) -> Result<([String; 4], Judgement), LedgerError> {
    match read(line)? {
        Read::Rejudged {
            artifact,
            decision,
            findings,
            judged,
            level,
        } => {
            let judgement = Judgement {
                level,
                findings,
                decision,
                judged,
            };
            Ok((artifact, judgement))
        }
        _ => Err(LedgerError::Journal),
    }
}

fn read(line: &[u8]) -> Result<Read, LedgerError> {
    serde_json::from_slice(line).map_err(|_| LedgerError::Journal)
}
