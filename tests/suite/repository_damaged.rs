//! Repositories that somebody or a disk has damaged: what differs is named, and what cannot be read is said.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use sealift::model::{Difference, Digest, How};
use sealift::repository::{Generation, Lock, RepositoryError, Sweep, shown};

use crate::repository::Site;

/// A repository of one generation with two files.
fn published() -> (Site, Generation) {
    let site = Site::new();
    let staged = site.publish(1, None, &[site.files("a", &[("a/1/x", "one"), ("a/1/y", "two")])]);
    let generation = Generation {
        number: 1,
        root: staged.root(),
    };
    (site, generation)
}

fn compare(site: &Site, generation: Generation) -> Result<Vec<Difference>, RepositoryError> {
    let mut found = Vec::new();
    let visit = |difference| {
        found.push(difference);
        Ok::<_, RepositoryError>(())
    };
    site.repository.compare(&[generation], &HashSet::new(), visit)?;
    Ok(found)
}

/// Where the file that clients find lies itself.
fn placed(site: &Site, path: &str) -> PathBuf {
    fs::canonicalize(site.folder.path().join("repository/files").join(path)).unwrap()
}

fn sweep(site: &Site) -> Result<(), RepositoryError> {
    let keep = NonZeroU32::new(1).unwrap();
    let needed = |_: &Digest| Ok::<_, RepositoryError>(true);
    site.repository
        .sweep(keep, &BTreeSet::new(), Sweep::Remove, needed)
        .map(drop)
}

#[test]
fn every_difference_has_its_kind() {
    let (site, generation) = published();
    assert_eq!(compare(&site, generation).unwrap(), []);
    let generations = site.folder.path().join("generations");
    fs::write(generations.join(".current"), "").unwrap();
    fs::write(generations.join("7"), "").unwrap();
    let mut found = compare(&site, generation).unwrap();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    let kinds: Vec<How> = found.iter().map(|one| one.how).collect();
    assert_eq!(kinds, [How::Leftover, How::Extra], "{found:?}");
    for file in [".current", "7"] {
        fs::remove_file(generations.join(file)).unwrap();
    }

    let entry = placed(&site, "a/1/x");
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    let found = compare(&site, generation).unwrap();
    assert_eq!((found.len(), found[0].how), (1, How::Other), "{found:?}");
    assert!(found[0].reason.starts_with("is no plain file"), "{found:?}");
    fs::remove_dir(&entry).unwrap();
    let found = compare(&site, generation).unwrap();
    let kinds: Vec<How> = found.iter().map(|one| one.how).collect();
    // The file itself, and the link that leads to it.
    assert_eq!(kinds, [How::Missing, How::Leftover], "{found:?}");

    let (site, generation) = published();
    fs::remove_file(site.folder.path().join("generations/current")).unwrap();
    let found = compare(&site, generation).unwrap();
    assert!(
        found
            .iter()
            .any(|one| one.how == How::Missing && one.path.ends_with("current"))
    );
}

#[test]
fn what_cannot_be_read_is_not_passed_over() {
    let (site, generation) = published();
    let current = site.folder.path().join("generations/current");
    fs::remove_file(&current).unwrap();
    assert_eq!(shown(site.folder.path()).unwrap().map(|shown| shown.number), None);
    fs::write(&current, "1").unwrap();
    assert!(compare(&site, generation).is_err());
    assert!(shown(site.folder.path()).is_err());

    let (site, generation) = published();
    let folder = site.folder.path().join("repository/files/a");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    assert!(compare(&site, generation).is_err());
}

#[test]
fn nothing_is_swept_for_what_cannot_be_read() {
    let (site, _) = published();
    // A link that clients follow leads through a folder that is none any more.
    let node = placed(&site, "a/1/x").parent().unwrap().to_owned();
    fs::remove_dir_all(&node).unwrap();
    fs::write(&node, "").unwrap();
    assert!(sweep(&site).is_err());
    let link = site.folder.path().join("repository/files/a/1/x");
    assert!(link.symlink_metadata().is_ok());

    let (site, _) = published();
    let fan = site.folder.path().join("store/objects/00");
    fs::remove_dir_all(&fan).unwrap();
    fs::write(&fan, "").unwrap();
    assert!(sweep(&site).is_err());
}

#[test]
fn an_object_that_cannot_be_removed_was_not_swept() {
    let site = Site::new();
    let store = site.repository.store();
    let digest = store.put_bytes(b"garbage").unwrap();
    let keep = NonZeroU32::new(1).unwrap();
    let swept = site.repository.sweep(keep, &BTreeSet::new(), Sweep::Remove, |digest| {
        // It goes away just before.
        fs::remove_file(store.path(digest)).unwrap();
        Ok::<_, RepositoryError>(false)
    });
    assert!(swept.is_err());
    assert!(!store.contains(&digest));
}

#[test]
fn a_number_shows_the_tree_that_is_remembered() {
    let (site, first) = published();
    let second = site.publish(2, Some(first.root), &[site.files("b", &[("b/1/x", "one")])]);
    let remembered = Generation {
        number: 1,
        root: second.root(),
    };
    let found = compare(&site, remembered).unwrap();
    let path = site.folder.path().join("generations/1");
    assert!(
        found.iter().any(|one| one.path == path && one.how == How::Other),
        "{found:?}"
    );
}

#[test]
fn a_copy_with_the_same_bytes_is_no_difference() {
    let (site, generation) = published();
    let entry = placed(&site, "a/1/x");
    for (text, differences) in [("one", 0), ("two", 1)] {
        fs::remove_file(&entry).unwrap();
        fs::write(&entry, text).unwrap();
        assert_eq!(compare(&site, generation).unwrap().len(), differences, "{text}");
    }
}

#[test]
fn a_name_without_files_leaves_no_shard() {
    let (site, first) = published();
    let nothing = site.repository.stage(None, &[]).unwrap();
    let staged = site
        .repository
        .stage(Some(first.root), &[site.files("a", &[])])
        .unwrap();
    assert_eq!(staged.root(), nothing.root());
}

#[test]
fn a_shard_with_a_file_that_is_cut_off_or_too_many_is_written_again() {
    let (site, generation) = published();
    let entry = placed(&site, "a/1/x");
    fs::remove_file(&entry).unwrap();
    fs::write(&entry, "").unwrap();
    let again = site.publish(1, None, &[site.files("a", &[("a/1/x", "one"), ("a/1/y", "two")])]);
    assert_eq!(again.root(), generation.root);
    assert_eq!(site.read("a/1/x").as_deref(), Some("one"));
    let stray = entry.with_file_name("stray");
    fs::write(&stray, "").unwrap();
    site.publish(1, None, &[site.files("a", &[("a/1/x", "one"), ("a/1/y", "two")])]);
    assert!(!stray.exists());
}

#[test]
fn whoever_holds_the_lock_without_a_word_is_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let path: &Path = folder.path();
    let _held = Lock::take(path, "import").unwrap();
    for text in [&b""[..], b" \n", b"import \xff"] {
        fs::write(path.join("lock"), text).unwrap();
        let error = Lock::take(path, "gc").unwrap_err().to_string();
        assert!(error.ends_with("is in use by another process"), "{error}");
    }
}
