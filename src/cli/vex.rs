//! VEX documents and the signatures beside them, as an exporter or an enclave's operator has them.

use std::path::{Path, PathBuf};

use super::{Context, files};
use crate::bundle::vex::{CarriedSignature, CarriedVex, MAX_DOCUMENTS, MAX_SIGNATURES};
use crate::evidence::beside::{self, ENDINGS};
use crate::model::{Stop, Unable};
use crate::policy::{MAX_VEX_BYTES, VexDocument};

/// All documents that a large vendor signs take some hundred megabytes.
const MAX_BYTES: usize = 512 << 20;

/// The largest signature: a Sigstore bundle with a long chain.
const MAX_SIGNATURE_BYTES: usize = 1 << 20;

/// Reads documents, those of folders included, with the signatures that lie beside them: as they travel, one a line.
pub(super) fn carried(paths: &[PathBuf], context: &Context) -> Result<Vec<u8>, Stop> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(documents(path)?);
    }
    gathered(
        found.iter().map(|document| line(document, context)),
        MAX_DOCUMENTS,
        MAX_BYTES,
    )
}

fn gathered(
    lines: impl Iterator<Item = Result<Vec<u8>, Stop>>,
    max_documents: usize,
    max_bytes: usize,
) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    for (before, line) in lines.enumerate() {
        bytes.extend(line?);
        if before >= max_documents || bytes.len() > max_bytes {
            let hint = format!("at most {max_documents} documents travel, and {max_bytes} bytes with their signatures");
            return Err(Unable::new("there are too many VEX documents").hint(hint).into());
        }
    }
    Ok(bytes)
}

/// A file itself, or the documents of a folder: what ends in `.json` and is no proof of something beside it.
fn documents(path: &Path) -> Result<Vec<PathBuf>, Stop> {
    let cannot = |error| Unable::new(format!("cannot read `{}`", path.display())).because(error);
    if !std::fs::metadata(path).map_err(cannot)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name();
        let is_document = name
            .to_str()
            .is_some_and(|name| name.ends_with(".json") && beside::about(name).is_none());
        if is_document && entry.file_type().map_err(cannot)?.is_file() {
            found.push(entry.path());
        }
    }
    // The same bundle whatever the disk's order.
    found.sort();
    if found.is_empty() {
        let what = format!("no VEX document lies in `{}`", path.display());
        return Err(Unable::new(what).hint("a document's name ends in `.json`").into());
    }
    Ok(found)
}

fn line(path: &Path, context: &Context) -> Result<Vec<u8>, Stop> {
    let document = files::read(path, MAX_VEX_BYTES)?;
    let cannot = || Unable::new(format!("cannot carry `{}` as VEX", path.display()));
    VexDocument::read(&document).map_err(|error| cannot().because(error))?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut signatures = Vec::new();
    for ending in ENDINGS {
        let signature = path.with_file_name(format!("{name}{ending}"));
        if !signature.is_file() || signatures.len() == MAX_SIGNATURES {
            continue;
        }
        let bytes = files::read(&signature, MAX_SIGNATURE_BYTES)?;
        if let Some(kind) = beside::recognise_signature(&bytes) {
            signatures.push(CarriedSignature {
                kind: kind.to_owned(),
                bytes,
            });
        }
    }
    if signatures.is_empty() {
        let text = format!("no signature lies beside `{}`: it will change nothing", path.display());
        context.output.warn(&text);
    }
    let carried = CarriedVex {
        document,
        name: name.to_owned(),
        signatures,
    };
    Ok(carried.write().map_err(|error| cannot().because(error))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_travel_up_to_their_number_and_their_bytes() {
        let all = |lines: &[&str]| gathered(lines.iter().map(|line| Ok(line.as_bytes().to_vec())), 2, 8);
        assert_eq!(all(&["one\n", "two\n"]).unwrap(), b"one\ntwo\n");
        assert!(all(&["one\n", "two\n", ""]).is_err());
        assert!(all(&["more than eight"]).is_err());
    }

    #[test]
    fn a_proof_of_a_document_is_no_document() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.json", "a.json.sigstore.json", "notes.txt"] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
        }
        let found = documents(folder.path()).unwrap();
        assert_eq!(found, ["a.json", "b.json"].map(|name| folder.path().join(name)));
    }
}
