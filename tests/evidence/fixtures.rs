//! What the project keeps of other people's proofs, so that tests run without the collection.

use std::fs;
use std::path::Path;

/// A file of `tests/fixtures`.
pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text of `tests/fixtures`.
pub(crate) fn text(path: &str) -> String {
    String::from_utf8(bytes(path)).unwrap()
}
