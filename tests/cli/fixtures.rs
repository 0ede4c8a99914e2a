//! What others signed, and anchors for it.

use std::fs;
use std::path::Path;

use sealift::model::{Anchor, Material, ScopePattern, SpeaksFor};

/// A file of `tests/fixtures`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

/// A file of `tests/fixtures` that is text.
pub(crate) fn text(name: &str) -> String {
    String::from_utf8(fixture(name)).unwrap()
}

/// An anchor for everything.
pub(crate) fn anchor(name: &str, material: Material) -> Anchor {
    Anchor {
        material,
        name: name.to_owned(),
        note: "from the fixtures".to_owned(),
        scope: vec![ScopePattern::everything()],
        speaks_for: SpeaksFor::Publisher,
        suites: Vec::new(),
        valid_from: None,
        valid_until: None,
    }
}
