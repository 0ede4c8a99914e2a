//! Every content as named: each artifact's own content is read by its ecosystem, and must be what name and version say.
//! What it says is written beside the objects, one line an artifact, for the steps that follow.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::catalog::{Records, read_all};
use super::{Workspace, staged_path, write_failed};
use crate::bundle::catalog::Record;
use crate::bundle::manifest::Manifest;
use crate::ecosystem::{self, DocumentContent};
use crate::import::basis::Examined as Kept;
use crate::import::lazy_file::LazyFile;
use crate::import::lines::{LineReader, LineWriter};
use crate::import::open::cannot_read;
use crate::import::ordered::{Next, in_order};
use crate::model::{Artifact, Claim, Code, Digest, Document, Refusal, Stop};

/// An artifact and what its content says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examined {
    /// The catalog's entry.
    pub artifact: Artifact,
    /// Its size in bytes.
    pub size: u64,
    /// The ecosystem's facts.
    pub facts: serde_json::Value,
    /// Files derived from the content, by label, with digest and size; they lie in the staging folder too.
    pub derived: BTreeMap<String, (Digest, u64)>,
    /// Digests of the content beside the catalog's, which the inspection computed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Claim>,
}

const EXAMINED: &str = "examined.ndjson";

/// Artifacts that one thread inspects in a row: few enough to stay small in memory, and enough that neighbours share their documents.
const TOGETHER: usize = 32;

/// The largest registry document that is read into memory, in bytes: packuments of the largest names have 30 MB.
const MAX_DOCUMENT_BYTES: u64 = 256 << 20;

/// How many refusals are collected.
const MAX_REFUSALS: usize = 50;

/// Inspects every artifact, on all cores, in the catalog's order.
pub(super) fn inspect(catalog: &Path, manifest: &Manifest, workspace: &Workspace<'_>) -> Result<(), Stop> {
    let mut output = LineWriter::create(workspace.staging.join(EXAMINED))?;
    workspace.progress.begin("inspect", manifest.catalog.artifacts);
    let mut artifacts = Records::open(catalog)?;
    let mut documents = Documents::open(catalog)?;
    let mut current: Option<(String, String, Vec<Document>)> = None;
    let next = || {
        let mut part: Vec<(Artifact, Vec<Document>)> = Vec::with_capacity(TOGETHER);
        while part.len() < TOGETHER
            && let Some(record) = artifacts.next()?
        {
            let Record::Artifact(artifact) = record else { continue };
            if !current
                .as_ref()
                .is_some_and(|(ecosystem, name, _)| *ecosystem == artifact.ecosystem && *name == artifact.name)
            {
                let found = documents.of(&artifact.ecosystem, &artifact.name)?;
                current = Some((artifact.ecosystem.clone(), artifact.name.clone(), found));
            }
            let found = current
                .as_ref()
                .map(|(_, _, documents)| documents.clone())
                .unwrap_or_default();
            part.push((artifact, found));
        }
        Ok((!part.is_empty()).then_some(part))
    };
    let mut refusals: Vec<Refusal> = Vec::new();
    let inspect_part = |part: Vec<(Artifact, Vec<Document>)>| {
        // Neighbours share their documents: each is read once.
        let mut cache = None;
        part.iter()
            .map(|(artifact, documents)| inspect_one(artifact, documents, &mut cache, workspace))
            .collect::<Vec<_>>()
    };
    in_order(workspace.threads, next, inspect_part, |results| {
        workspace.progress.advance(results.len() as u64);
        for result in results {
            match result {
                Ok(examined) => output.write(&examined)?,
                Err(Stop::Refused(more)) => refusals.extend(more),
                Err(unable) => return Err(unable),
            }
        }
        Ok(if refusals.len() < MAX_REFUSALS {
            Next::Go
        } else {
            Next::Enough
        })
    })?;
    workspace.progress.finish();
    output.finish()?;
    if refusals.is_empty() {
        return Ok(());
    }
    refusals.truncate(MAX_REFUSALS);
    Err(Stop::Refused(refusals))
}

/// Writes what contents said once more, from what was kept of it: a line for each artifact of the catalog.
pub(super) fn examined_again(catalog: &Path, folder: &Path, mut kept: LineReader) -> Result<(), Stop> {
    let mut output = LineWriter::create(folder.join(EXAMINED))?;
    let mut records = Records::open(catalog)?;
    while let Some(record) = records.next()? {
        let Record::Artifact(artifact) = record else { continue };
        let said: Kept = kept.following()?;
        output.write(&Examined {
            artifact,
            size: said.size,
            facts: said.facts,
            derived: BTreeMap::new(),
            digests: said.digests,
        })?;
    }
    output.finish()
}

/// The catalog's documents, name by name, in step with its artifacts.
struct Documents {
    records: Records,
    ahead: Option<Document>,
}

impl Documents {
    fn open(catalog: &Path) -> Result<Self, Stop> {
        let mut this = Self {
            records: Records::open(catalog)?,
            ahead: None,
        };
        this.advance()?;
        Ok(this)
    }

    fn advance(&mut self) -> Result<(), Stop> {
        self.ahead = None;
        while let Some(record) = self.records.next()? {
            match record {
                Record::Object(_) => {}
                Record::Document(document) => {
                    self.ahead = Some(document);
                    break;
                }
                Record::Artifact(_) => break,
            }
        }
        Ok(())
    }

    /// The documents of a name; names must be asked for in ascending order.
    fn of(&mut self, ecosystem: &str, name: &str) -> Result<Vec<Document>, Stop> {
        let mut found = Vec::new();
        while let Some(document) = &self.ahead {
            match (document.ecosystem.as_str(), document.name.as_str()).cmp(&(ecosystem, name)) {
                std::cmp::Ordering::Greater => break,
                std::cmp::Ordering::Equal => found.push(document.clone()),
                std::cmp::Ordering::Less => {}
            }
            self.advance()?;
        }
        Ok(found)
    }
}

fn inspect_one(
    artifact: &Artifact,
    documents: &[Document],
    cache: &mut Option<(Vec<Document>, Vec<DocumentContent>)>,
    workspace: &Workspace<'_>,
) -> Result<Examined, Stop> {
    let subject = || format!("{artifact} ({})", artifact.file);
    let ecosystem = ecosystem::find(&artifact.ecosystem)
        .ok_or_else(|| Refusal::new(Code::UnknownFormat, subject(), "its ecosystem is not known"))?;
    if !cache.as_ref().is_some_and(|(known, _)| known == documents) {
        let contents = documents
            .iter()
            .map(|document| read_document(document, workspace))
            .collect::<Result<Vec<_>, Stop>>()?;
        *cache = Some((documents.to_vec(), contents));
    }
    let contents = cache.as_ref().map_or(&[][..], |(_, contents)| contents);
    let path = workspace.locate(&artifact.digest);
    let size = fs::metadata(&path).map_err(|error| cannot_read(&path, error))?.len();
    let mut content = LazyFile::new(&path, None);
    let facts = ecosystem
        .inspect(artifact, &mut content, contents)
        .map_err(|mismatch| {
            let mut refusal = Refusal::new(mismatch.code, subject(), mismatch.reason);
            refusal.expected = mismatch.expected;
            refusal.found = mismatch.found;
            refusal
                .hint("its bytes are as signed, so it was published or packed like this: leave it out of the selection")
        })?;
    let mut derived = BTreeMap::new();
    for (label, bytes) in facts.derived {
        let digest = Digest::of(&bytes);
        if !workspace.holds(&digest) {
            let target = staged_path(&workspace.staging, &digest);
            fs::write(&target, &bytes).map_err(|error| write_failed(&target, error))?;
        }
        derived.insert(label, (digest, bytes.len() as u64));
    }
    Ok(Examined {
        artifact: artifact.clone(),
        size,
        facts: facts.json,
        derived,
        digests: facts.digests,
    })
}

fn read_document(document: &Document, workspace: &Workspace<'_>) -> Result<DocumentContent, Stop> {
    let path = workspace.locate(&document.digest);
    let size = fs::metadata(&path).map_err(|error| cannot_read(&path, error))?.len();
    if size > MAX_DOCUMENT_BYTES {
        return Err(Refusal::new(
            Code::SizeExceeded,
            format!("{} of {}/{}", document.kind, document.ecosystem, document.name),
            "the registry document is larger than the limit",
        )
        .comparing(format!("at most {MAX_DOCUMENT_BYTES} bytes"), format!("{size} bytes"))
        .into());
    }
    Ok(DocumentContent {
        document: document.clone(),
        bytes: read_all(&path)?,
    })
}

/// The examined artifacts of a bundle, in the catalog's order.
pub struct ExaminedReader(LineReader);

impl ExaminedReader {
    pub(in crate::import) fn open(staging: &Path) -> Result<Self, Stop> {
        LineReader::open(staging.join(EXAMINED)).map(Self)
    }

    /// The next artifact.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<Examined>, Stop> {
        self.next_part()
    }

    /// The part of the next artifact that somebody needs: what its content says may be long.
    pub(in crate::import) fn next_part<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Stop> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::verify_objects::Silent;

    #[test]
    fn a_document_is_read_up_to_its_limit() {
        let staging = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            staging: staging.path().to_owned(),
            store: None,
            threads: 1,
            progress: &Silent,
        };
        let document = Document {
            digest: Digest::of(b"a page"),
            ecosystem: "pypi".to_owned(),
            kind: "simple-json".to_owned(),
            name: "demo".to_owned(),
            origin: "https://registry.example.com/simple/demo/".to_owned(),
        };
        let path = staged_path(staging.path(), &document.digest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"a page").unwrap();
        assert_eq!(read_document(&document, &workspace).unwrap().bytes, b"a page");
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(MAX_DOCUMENT_BYTES + 1).unwrap();
        let Err(Stop::Refused(refusals)) = read_document(&document, &workspace) else {
            panic!("a document over the limit was read");
        };
        assert_eq!(refusals[0].code, Code::SizeExceeded);
    }
}
