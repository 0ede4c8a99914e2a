//! Whatever is gone through one by one ends where whoever hears it stops, and says why.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use sealift::ledger::{Filter, Ledger, LedgerError};
use sealift::model::{Digest, Level, Name, RelativePath};
use sealift::repository::{Generation, NameFiles, Repository, RepositoryError};
use sealift::store::{Store, StoreError};

use crate::ledger::{bundle, full_name, held};
use crate::ledger_faults::{import, tell, time};

/// Why a walk ended.
#[derive(Debug)]
enum Ended {
    Enough,
    Failed(String),
}

impl From<LedgerError> for Ended {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<RepositoryError> for Ended {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

type Hear<'h> = &'h mut dyn FnMut() -> Result<(), Ended>;

/// Hears all, and then stops after the first, the second and so on: it ends there.
fn ends_at_each(name: &str, walk: impl Fn(Hear<'_>) -> Result<(), Ended>) {
    let mut all = 0;
    let heard_all = walk(&mut || {
        all += 1;
        Ok(())
    });
    if let Err(Ended::Failed(what)) = heard_all {
        panic!("{name}: {what}");
    }
    assert!(all > 0, "{name}");
    for last in 1..=all {
        let mut heard = 0;
        let ended = walk(&mut || {
            heard += 1;
            if heard < last { Ok(()) } else { Err(Ended::Enough) }
        });
        assert!(matches!(ended, Err(Ended::Enough)), "{name}: {ended:?} after {last}");
        assert_eq!(heard, last, "{name}");
    }
}

#[test]
fn an_answer_of_the_ledger_ends_where_whoever_hears_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    import(&mut ledger, 1, &["a", "b"]).unwrap();
    import(&mut ledger, 2, &["c"]).unwrap();
    let manifest = bundle(1).manifest;
    ends_at_each("names", |hear| ledger.names("pypi", |_| hear()));
    ends_at_each("names_before", |hear| {
        ledger.names_before("pypi", &bundle(2).manifest, |_| hear())
    });
    ends_at_each("brought_by", |hear| ledger.brought_by(&manifest, |_| hear()));
    ends_at_each("last_brought_by", |hear| ledger.last_brought_by(&manifest, |_| hear()));
    ends_at_each("below", |hear| ledger.below(Level::Provenance, |_| hear()));
    ends_at_each("decided", |hear| ledger.decided(|_| hear()));
    ends_at_each("changed", |hear| ledger.changed(time(0), time(9_000_000), |_| hear()));
    ends_at_each("resting_on", |hear| ledger.resting_on("AA11", |_| hear()));
    ends_at_each("list", |hear| ledger.list(&Filter::default(), |_| hear()));
    ends_at_each("for_each_object", |hear| ledger.for_each_object(|_, _| hear()));
    ends_at_each("for_each_path", |hear| ledger.for_each_path(|_| hear()));
    // Two versions of a name, and several names that an import touches.
    let import = ledger.begin(bundle(3)).unwrap();
    tell(&import, &["a", "d"]).unwrap();
    import.artifact(&held("a", "2", "again")).unwrap();
    ends_at_each("for_each_touched", |hear| import.for_each_touched(|_| hear()));
    ends_at_each("for_each_held", |hear| {
        import.for_each_held(&full_name("a"), |_| hear())
    });
    drop(import);
    // And what nobody finds any more.
    let last = ledger.rollback(1, "test", time(6), None).unwrap().number;
    ledger.forget_generations(&(1..last).collect::<Vec<_>>(), None).unwrap();
    ends_at_each("for_each_unshown", |hear| ledger.for_each_unshown(|_| hear()));
}

#[test]
fn a_walk_through_the_store_ends_where_whoever_hears_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for text in ["one", "two", "three"] {
        store.put_bytes(text.as_bytes()).unwrap();
    }
    // No object, and one of other bytes.
    let bad = folder.path().join("objects/ab");
    fs::write(bad.join("0".repeat(62)), "other").unwrap();
    fs::write(bad.join("stray"), "no object").unwrap();
    ends_at_each("for_each", |hear| store.for_each(|_| hear()));
    for threads in [1, 2] {
        ends_at_each("compare", |hear| store.compare(threads, &|_| {}, |_| hear()));
    }
}

fn files(repository: &Repository, name: &str, paths: &[&str]) -> NameFiles {
    let name = Name {
        ecosystem: "files".to_owned(),
        name: name.to_owned(),
    };
    let object = |path: &str| repository.store().put_bytes(path.as_bytes()).unwrap();
    let files = paths
        .iter()
        .map(|path| (RelativePath::new(*path).unwrap(), object(path)));
    NameFiles {
        name,
        files: files.collect(),
    }
}

/// A folder of the tree that has a list.
fn shard(tree: &Path) -> PathBuf {
    let nodes = walkdir::WalkDir::new(tree).into_iter().map(Result::unwrap);
    let list = nodes.into_iter().find(|entry| entry.file_name() == "list").unwrap();
    list.path().parent().unwrap().to_owned()
}

#[test]
fn a_comparison_of_the_repository_ends_where_whoever_hears_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::open(folder.path()).unwrap();
    let path = |below: &str| folder.path().join(below);
    let staged = repository
        .stage(
            None,
            &[
                files(&repository, "a", &["a/1", "a/2", "a/3"]),
                files(&repository, "b", &["b/1"]),
            ],
        )
        .unwrap();
    repository.switch(1, &staged).unwrap();
    fs::write(shard(&path("tree")).join("more"), "of no list").unwrap();
    // A tree of no generation, and a link of its own.
    repository
        .stage(Some(staged.root()), &[files(&repository, "c", &["c/1"])])
        .unwrap();
    symlink("../tree/nowhere", path("generations/9")).unwrap();
    fs::remove_file(path("repository/files/a/1")).unwrap();
    fs::remove_file(path("repository/files/a/2")).unwrap();
    fs::write(path("repository/files/a/2"), "no link").unwrap();
    fs::remove_file(path("repository/files/a/3")).unwrap();
    symlink("../../../elsewhere", path("repository/files/a/3")).unwrap();
    let remembered = [Generation {
        number: 1,
        root: staged.root(),
    }];
    let bad = HashSet::<Digest>::new();
    let mut told = Vec::new();
    repository
        .compare(&remembered, &bad, |difference| {
            told.push(difference.reason);
            Ok::<_, Ended>(())
        })
        .unwrap();
    for reason in [
        "state.db knows no such generation",
        "the list of its folder does not name it",
        "no kept generation has it",
        "clients do not find it",
        "is no link",
        "leads to another place",
        "leads nowhere",
    ] {
        assert!(told.iter().any(|told| told.contains(reason)), "{reason}: {told:?}");
    }
    ends_at_each("compare", |hear| repository.compare(&remembered, &bad, |_| hear()));
}
