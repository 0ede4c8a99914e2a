//! Logs in whose folder something stands that is none of theirs, or that cannot be read.

use std::fs;
use std::path::Path;

use sealift::log::{Entries, Leaf, Log, LogError, checkpoint_text, compare};
use sealift::model::{Difference, Digest, How};

use crate::log::grown;

fn differences(folder: &Path, size: u64) -> Result<Vec<Difference>, LogError> {
    compare(folder, size, &mut |_, _| {}).map(|(_, found)| found)
}

/// Puts a folder in the place of a file.
fn replace_by_folder(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
}

#[test]
fn what_cannot_be_read_is_no_difference() {
    for file in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000"] {
        let folder = tempfile::tempdir().unwrap();
        grown(folder.path(), None, 300);
        assert!(differences(folder.path(), 300).unwrap().is_empty());
        let path = folder.path().join(file);
        replace_by_folder(&path);
        let Err(LogError::File { path: named, .. }) = differences(folder.path(), 300) else {
            panic!("{file} was read, or passed over");
        };
        assert_eq!(named, path);
    }
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path(), None, 3);
    replace_by_folder(&folder.path().join("checkpoint"));
    assert!(matches!(checkpoint_text(folder.path()), Err(LogError::File { .. })));
}

#[test]
fn a_bundle_has_as_many_entries_as_its_name_says() {
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path(), None, 3);
    let path = folder.path().join("tile/entries/000.p/3");
    let bytes = fs::read(&path).unwrap();
    let first = 2 + usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    fs::write(&path, &bytes[first..]).unwrap();
    let mut entries = Entries::of(folder.path(), 3, 0).unwrap();
    assert!(matches!(entries.next(), Err(LogError::Inconsistent { .. })));
    // It is there, and wrong: nothing is missing.
    let found = differences(folder.path(), 3).unwrap();
    assert!(
        found.iter().any(|one| one.path == path && one.how == How::Other),
        "{found:?}"
    );
}

#[test]
fn what_a_killed_run_left_is_told_from_what_somebody_added() {
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path(), None, 300);
    let add = |file: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        let found = differences(folder.path(), 300).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(found.len(), 1, "{file}: {found:?}");
        found[0].how
    };
    assert_eq!(add(".checkpoint"), How::Leftover);
    assert_eq!(add("checkpoint.old"), How::Extra);
    // The beginning of a tile that is whole.
    assert_eq!(add("tile/0/000.p/5"), How::Extra);
}

#[test]
fn a_leaf_that_is_too_long_is_not_added() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::open(folder.path(), None).unwrap();
    let leaf = |characters: usize| Leaf::Artifact {
        artifact: Digest::of(b"a"),
        decision: "allowed".to_owned(),
        purl: "p".repeat(characters),
        record: Digest::of(b"r"),
        report: 1,
    };
    log.add(&leaf(60_000)).unwrap();
    assert!(matches!(log.add(&leaf(70_000)), Err(LogError::LeafTooLarge { .. })));
    assert_eq!(log.head().size, 1);
}
