//! The index that clients read: PEP 503 pages for files and old clients, PEP 691 pages with PEP 700's fields, the files,
//! their metadata (PEP 658, PEP 714) and attestations (PEP 740).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::coordinate::Kind;
use super::inspect::{FileFacts, check_coordinate};
use super::version::Version;
use super::{ATTESTATIONS, METADATA, url};
use crate::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use crate::model::{Digest, ProofState, RelativePath};

/// The versions of the format that the pages have: 1.1 brought sizes and times, 1.3 provenance.
const API_VERSION: &str = "1.3";

/// One file of the project, ready to be written into pages.
struct Row<'a> {
    version: Version,
    held: &'a Held,
    facts: FileFacts,
    metadata: Option<Digest>,
    provenance: Option<Digest>,
}

/// All files of one project.
pub(super) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let mut rows = Vec::with_capacity(held.len());
    for held in held {
        rows.push(read_row(name, held)?);
    }
    rows.sort_by(|a, b| (&a.version, &a.held.artifact.file).cmp(&(&b.version, &b.held.artifact.file)));
    let mut seen = BTreeMap::new();
    for row in &rows {
        let file = &row.held.artifact.file;
        if let Some(other) = seen.insert(file.to_ascii_lowercase(), file) {
            return Err(Mismatch::new("two of its files have names that differ in case at most").comparing(other, file));
        }
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }

    let mut placed = vec![
        place(
            format!("simple/{name}/index.html"),
            PlacedContent::Bytes(html(name, &rows).into()),
        )?,
        place(
            format!("simple/{name}/index.json"),
            PlacedContent::Bytes(json(name, &rows)?),
        )?,
    ];
    for row in &rows {
        let path = format!("files/{}", row.held.artifact.file);
        if let Some(metadata) = row.metadata {
            placed.push(place(format!("{path}.metadata"), PlacedContent::Object(metadata))?);
        }
        if let Some(provenance) = row.provenance {
            placed.push(place(format!("{path}.provenance"), PlacedContent::Object(provenance))?);
        }
        placed.push(place(path, PlacedContent::Object(row.held.artifact.digest))?);
    }
    Ok(placed)
}

fn place(path: String, content: PlacedContent) -> Result<PlacedFile, Mismatch> {
    let path = RelativePath::new(path).map_err(|error| Mismatch::new(error.to_string()))?;
    Ok(PlacedFile { path, content })
}

fn read_row<'a>(name: &str, held: &'a Held) -> Result<Row<'a>, Mismatch> {
    let (file, version) = check_coordinate(&held.artifact)?;
    if file.name != name {
        return Err(Mismatch::new("it belongs to another project").comparing(name, &file.name));
    }
    let facts: FileFacts = serde::Deserialize::deserialize(&held.facts)
        .map_err(|error| Mismatch::new(format!("its facts cannot be read: {error}")))?;
    let metadata = held.derived.get(METADATA).map(|(digest, _)| *digest);
    if file.kind == Kind::Wheel && metadata.is_none() {
        return Err(Mismatch::new("its derived metadata is missing"));
    }
    // A provenance object holds all attestations of a file, so there is one at most (PEP 740).
    let provenance = held
        .artifact
        .proofs
        .iter()
        .find(|proof| proof.kind == ATTESTATIONS && proof.state == ProofState::Present)
        .and_then(|proof| proof.objects.first().copied());
    Ok(Row {
        version,
        held,
        facts,
        metadata,
        provenance,
    })
}

/// From a project's page to a file.
fn reference(file: &str) -> String {
    format!("../../files/{}", url::encode(file, b""))
}

fn html(name: &str, rows: &[Row<'_>]) -> String {
    let name = escape(name);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"pypi:repository-version\" content=\"{API_VERSION}\">\n\
         <title>Links for {name}</title>\n</head>\n<body>\n<h1>Links for {name}</h1>\n"
    );
    for row in rows {
        let artifact = &row.held.artifact;
        let mut anchor = format!(
            "<a href=\"{}#sha256={}\"",
            reference(&artifact.file),
            artifact.digest.hex()
        );
        let mut attribute = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = write!(anchor, " {name}=\"{}\"", escape(value));
        };
        if let Some(metadata) = row.metadata {
            let digest = format!("sha256={}", metadata.hex());
            attribute("data-core-metadata", &digest);
            attribute("data-dist-info-metadata", &digest);
        }
        if let Some(requires_python) = &row.facts.requires_python {
            attribute("data-requires-python", requires_python);
        }
        if let Some(yanked) = &row.facts.yanked {
            attribute("data-yanked", yanked);
        }
        if row.provenance.is_some() {
            attribute("data-provenance", &format!("{}.provenance", reference(&artifact.file)));
        }
        let _ = writeln!(page, "{anchor}>{}</a><br>", escape(&artifact.file));
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// Escapes text for HTML content and for attribute values in double quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            // Controls are not allowed in HTML; line breaks in a yank reason would be legal but read badly.
            character if character.is_control() => out.push(' '),
            character => out.push(character),
        }
    }
    out
}

#[derive(Serialize)]
struct JsonPage<'a> {
    meta: JsonMeta,
    name: &'a str,
    versions: BTreeSet<JsonVersion>,
    files: Vec<JsonFile<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonMeta {
    api_version: &'static str,
}

/// A version that is written in its normal form, and sorted as installers do.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct JsonVersion(Version);

impl Serialize for JsonVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile<'a> {
    filename: &'a str,
    url: String,
    hashes: JsonHashes,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    requires_python: Option<&'a str>,
    yanked: JsonYanked<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    core_metadata: Option<JsonHashes>,
    #[serde(rename = "dist-info-metadata", skip_serializing_if = "Option::is_none")]
    old_core_metadata: Option<JsonHashes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<String>,
}

#[derive(Serialize, Clone)]
struct JsonHashes {
    sha256: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonYanked<'a> {
    State(bool),
    Reason(&'a str),
}

fn json(name: &str, rows: &[Row<'_>]) -> Result<Vec<u8>, Mismatch> {
    let files = rows
        .iter()
        .map(|row| {
            let artifact = &row.held.artifact;
            let metadata = row.metadata.map(|digest| JsonHashes { sha256: digest.hex() });
            JsonFile {
                filename: &artifact.file,
                url: reference(&artifact.file),
                hashes: JsonHashes {
                    sha256: artifact.digest.hex(),
                },
                size: row.held.size,
                requires_python: row.facts.requires_python.as_deref(),
                yanked: match row.facts.yanked.as_deref() {
                    None => JsonYanked::State(false),
                    Some("") => JsonYanked::State(true),
                    Some(reason) => JsonYanked::Reason(reason),
                },
                upload_time: row.facts.upload_time.as_deref(),
                core_metadata: metadata.clone(),
                old_core_metadata: metadata,
                provenance: row
                    .provenance
                    .map(|_| format!("{}.provenance", reference(&artifact.file))),
            }
        })
        .collect();
    let page = JsonPage {
        meta: JsonMeta {
            api_version: API_VERSION,
        },
        name,
        versions: rows.iter().map(|row| JsonVersion(row.version.clone())).collect(),
        files,
    };
    serde_json::to_vec(&page).map_err(|error| Mismatch::new(error.to_string()))
}
