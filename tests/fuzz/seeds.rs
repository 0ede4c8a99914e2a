//! Where input comes from.

use std::fs;
use std::path::Path;

use crate::driver::Parts;
pub(crate) use crate::proofs::{fixture, text};

/// Files of a folder of data that are larger are left out.
const MAX_BYTES: u64 = 1 << 20;

/// The repository's own files, by their path from its root.
pub(crate) fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What ended a round of a target badly once: a folder for each, with a file for each part.
pub(crate) fn found(target: &str) -> Vec<Parts> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/found")
        .join(target);
    below(&folder, 2)
        .into_iter()
        .filter(|path| path.ends_with("0"))
        .map(|first| {
            (0..)
                .map_while(|index: usize| fs::read(first.with_file_name(index.to_string())).ok())
                .collect()
        })
        .collect()
}

/// Every file of a folder in each part's place of the first right input.
pub(crate) fn others(folder: &Path, right: &[Parts]) -> Vec<Parts> {
    let mut inputs = Vec::new();
    for path in below(folder, 8) {
        let Ok(bytes) = fs::read(&path) else { continue };
        for place in 0..right[0].len() {
            let mut input = right[0].clone();
            input[place] = bytes.clone();
            inputs.push(input);
        }
    }
    inputs
}

/// The plain files below a folder, by name.
fn below(folder: &Path, depth: usize) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() && depth > 0 {
            found.extend(below(&entry.path(), depth - 1));
        } else if about.is_file() && about.len() <= MAX_BYTES {
            found.push(entry.path());
        }
    }
    found
}
