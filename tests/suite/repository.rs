//! The local repository: sharing, the switch, recovery, sweeping.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use sealift::model::{Code, Digest, Name, RelativePath, Stop};
use sealift::repository::{
    Generation, Lock, NameFiles, Recovered, Repository, RepositoryError, RootNode, StagedGeneration, Sweep,
};
use sealift::store;

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) repository: Repository,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::open(folder.path()).unwrap();
        Self { folder, repository }
    }

    pub(crate) fn files(&self, name: &str, files: &[(&str, &str)]) -> NameFiles {
        NameFiles {
            name: Name {
                ecosystem: "files".to_owned(),
                name: name.to_owned(),
            },
            files: files
                .iter()
                .map(|(path, text)| {
                    let digest = self.repository.store().put_bytes(text.as_bytes()).unwrap();
                    (RelativePath::new(*path).unwrap(), digest)
                })
                .collect(),
        }
    }

    pub(crate) fn publish(&self, number: u64, base: Option<RootNode>, changes: &[NameFiles]) -> StagedGeneration {
        let staged = self.repository.stage(base, changes).unwrap();
        store::sync_file_systems([self.repository.folder()]).unwrap();
        self.repository.switch(number, &staged).unwrap();
        staged
    }

    pub(crate) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join("repository/files").join(path)).ok()
    }

    fn sweep(&self, keep: u32, sweep: Sweep, needed: &[Digest]) -> sealift::repository::Swept {
        self.repository
            .sweep(NonZeroU32::new(keep).unwrap(), &BTreeSet::new(), sweep, |digest| {
                Ok::<_, RepositoryError>(needed.contains(digest))
            })
            .unwrap()
    }
}

/// Every path below a folder, with what a reader finds there.
fn listing(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut list: Vec<_> = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.unwrap();
            let what = if entry.path_is_symlink() {
                fs::read_link(entry.path()).unwrap().to_string_lossy().into_owned()
            } else if entry.file_type().is_dir() {
                "folder".to_owned()
            } else {
                fs::read_to_string(entry.path()).unwrap()
            };
            (entry.path().strip_prefix(folder).unwrap().to_owned(), what)
        })
        .collect();
    list.sort();
    list
}

fn code(error: RepositoryError) -> Option<Code> {
    match Stop::from(error) {
        Stop::Refused(refusals) => Some(refusals[0].code),
        Stop::Unable(unable) => unable.code,
    }
}

#[test]
fn clients_see_nothing_before_the_switch_and_everything_after() {
    let site = Site::new();
    let staged = site
        .repository
        .stage(
            None,
            &[site.files("a", &[("a/1/x", "one"), ("a/1/SHA256SUMS", "sums")])],
        )
        .unwrap();
    assert_eq!((site.read("a/1/x"), site.repository.current().unwrap()), (None, None));
    site.repository.switch(1, &staged).unwrap();
    assert_eq!(site.read("a/1/x").as_deref(), Some("one"));
    assert_eq!(site.read("a/1/SHA256SUMS").as_deref(), Some("sums"));
    let current = site.repository.current().unwrap().unwrap();
    assert_eq!((current.number, current.root), (1, staged.root()));
    site.repository.switch(1, &staged).unwrap();
}

#[test]
fn adding_a_name_writes_one_shard_and_one_root() {
    let site = Site::new();
    let many: Vec<_> = (0..3000)
        .map(|number| {
            let name = format!("name-{number}");
            site.files(&name, &[(&format!("{name}/1/x"), "same bytes")])
        })
        .collect();
    let first = site.publish(1, None, &many);
    assert_eq!(first.written(), 64 + 1);
    let second = site.publish(2, Some(first.root()), &[site.files("new", &[("new/1/x", "new")])]);
    assert_eq!(second.written(), 2);
    let unchanged = site.publish(3, Some(second.root()), &[many[7].clone()]);
    assert_eq!((unchanged.written(), unchanged.root()), (0, second.root()));
    let removed = site.publish(4, Some(second.root()), &[site.files("new", &[])]);
    assert_eq!(
        removed.root(),
        first.root(),
        "the same content is the same tree, however it came about"
    );
    assert_eq!(site.read("new/1/x"), None);
    assert_eq!(site.read("name-2999/1/x").as_deref(), Some("same bytes"));
}

#[test]
fn the_root_depends_on_contents_not_on_order() {
    let (one, other) = (Site::new(), Site::new());
    let make = |site: &Site, names: [&str; 3]| {
        let changes: Vec<_> = names
            .iter()
            .map(|name| site.files(name, &[(&format!("{name}/1/x"), name), (&format!("{name}/1/y"), "y")]))
            .collect();
        site.repository.stage(None, &changes).unwrap().root()
    };
    assert_eq!(make(&one, ["a", "b", "c"]), make(&other, ["c", "a", "b"]));
    assert_ne!(make(&one, ["a", "b", "c"]), make(&other, ["a", "b", "d"]));
    let root_of = |name| {
        let site = Site::new();
        let change = site.files(name, &[("a/1/x", "a")]);
        site.repository.stage(None, &[change]).unwrap().root()
    };
    assert_ne!(root_of("a"), root_of("z"), "whose files they are counts too");
}

#[test]
fn files_are_links_to_the_stored_object() {
    use std::os::unix::fs::MetadataExt as _;
    let site = Site::new();
    let change = site.files("a", &[("a/1/x", "one")]);
    let object = fs::metadata(site.repository.store().path(&change.files[0].1)).unwrap();
    site.publish(1, None, &[change]);
    let placed = fs::metadata(site.folder.path().join("repository/files/a/1/x")).unwrap();
    assert_eq!((placed.ino(), placed.mode() & 0o777), (object.ino(), 0o444));
    let link = fs::read_link(site.folder.path().join("repository/files/a/1/x")).unwrap();
    assert!(link.is_relative() && link.as_os_str().len() < 60, "{}", link.display());
}

#[test]
fn the_whole_enclave_can_be_moved() {
    let site = Site::new();
    site.publish(1, None, &[site.files("a", &[("a/1/x", "one")])]);
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("moved");
    fs::rename(site.folder.path(), &moved).unwrap();
    assert_eq!(fs::read_to_string(moved.join("repository/files/a/1/x")).unwrap(), "one");
}

#[test]
fn what_a_kill_leaves_behind_is_completed_by_the_next_run() {
    let site = Site::new();
    let changes: Vec<_> = (0..20)
        .map(|number| site.files(&format!("n{number}"), &[(&format!("n{number}/1/x"), "x")]))
        .collect();
    let whole = Site::new();
    let copies: Vec<_> = (0..20)
        .map(|number| whole.files(&format!("n{number}"), &[(&format!("n{number}/1/x"), "x")]))
        .collect();
    let expected = whole.publish(1, None, &copies);

    // Killed after some names: leaves and links are there, no shard and no root.
    let mut stager = site.repository.stager(None).unwrap();
    for change in &changes[..7] {
        stager.name(change).unwrap();
    }
    drop(stager);
    // Killed while writing nodes aside.
    let tree = site.folder.path().join("tree");
    for shard in (0..64)
        .map(|number| format!("{number:02x}"))
        .chain(["root".to_owned(), "gone".to_owned()])
    {
        let aside = tree.join(format!(".new-{shard}"));
        fs::create_dir_all(&aside).unwrap();
        fs::write(aside.join("half"), "").unwrap();
    }
    // A node that lacks an entry under its final name, as a file system without ordered metadata may leave it.
    let file = fs::canonicalize(whole.folder.path().join("repository/files/n3/1/x")).unwrap();
    let shard = file.parent().unwrap();
    let place = shard
        .strip_prefix(fs::canonicalize(whole.folder.path().join("tree")).unwrap())
        .unwrap();
    fs::create_dir_all(tree.join(place)).unwrap();
    fs::copy(shard.join("list"), tree.join(place).join("list")).unwrap();
    fs::write(site.folder.path().join("generations/.current"), "").unwrap();

    let staged = site.publish(1, None, &changes);
    assert_eq!(staged.root(), expected.root());
    assert_eq!(
        listing(&site.folder.path().join("repository")),
        listing(&whole.folder.path().join("repository"))
    );
    for number in 0..20 {
        assert_eq!(site.read(&format!("n{number}/1/x")).as_deref(), Some("x"));
    }
    assert_eq!(site.repository.stage(None, &changes).unwrap().written(), 0);
}

#[test]
fn a_switch_that_a_kill_prevented_is_completed_and_only_forward() {
    let site = Site::new();
    let first = site.publish(1, None, &[site.files("a", &[("a/1/x", "one")])]);
    let second = site
        .repository
        .stage(Some(first.root()), &[site.files("a", &[("a/1/x", "two")])])
        .unwrap();
    let committed = Generation {
        number: 2,
        root: second.root(),
    };
    assert_eq!(site.read("a/1/x").as_deref(), Some("one"));
    assert_eq!(site.repository.recover(Some(committed)).unwrap(), Recovered::Switched);
    assert_eq!(site.read("a/1/x").as_deref(), Some("two"));
    assert_eq!(site.repository.recover(Some(committed)).unwrap(), Recovered::Nothing);

    let behind = site.repository.recover(None).unwrap_err();
    assert_eq!(
        behind.to_string(),
        "the repository is at generation 2, and state.db knows only 0"
    );
    assert_eq!(code(behind), Some(Code::StateRolledBack));
    let older = Generation {
        number: 1,
        root: first.root(),
    };
    assert_eq!(
        code(site.repository.recover(Some(older)).unwrap_err()),
        Some(Code::StateRolledBack)
    );
    let other = Generation {
        number: 2,
        root: first.root(),
    };
    assert_eq!(
        code(site.repository.recover(Some(other)).unwrap_err()),
        Some(Code::StateRolledBack)
    );
    let error = site.repository.switch(1, &second).unwrap_err();
    assert_eq!(error.to_string(), "generation 1 cannot follow generation 2");
    assert_eq!(site.read("a/1/x").as_deref(), Some("two"));
}

#[test]
fn a_number_never_changes_its_tree() {
    let site = Site::new();
    let first = site.publish(1, None, &[site.files("a", &[("a/1/x", "one")])]);
    let second = site
        .repository
        .stage(None, &[site.files("a", &[("a/1/x", "two")])])
        .unwrap();
    let error = site.repository.switch(1, &second).unwrap_err();
    assert_eq!(error.to_string(), "generation 1 stands for another tree");
    // The link `2` was made by a run that never came to its switch, with another tree than this one.
    std::os::unix::fs::symlink(
        fs::read_link(site.folder.path().join("generations/1")).unwrap(),
        site.folder.path().join("generations/2"),
    )
    .unwrap();
    assert_eq!(
        code(site.repository.switch(2, &second).unwrap_err()),
        Some(Code::StateRolledBack)
    );
    site.repository.switch(2, &first).unwrap();
}

#[test]
fn an_unknown_root_is_refused() {
    let site = Site::new();
    let root = RootNode::new(Digest::of(b"nothing"));
    assert!(matches!(
        site.repository.restage(root),
        Err(RepositoryError::RootMissing { .. })
    ));
    let error = site.repository.stage(Some(root), &[]).unwrap_err();
    assert!(
        error.to_string().starts_with("the tree has no root node sha256:"),
        "{error}"
    );
}

#[test]
fn an_object_that_is_not_stored_is_refused() {
    let site = Site::new();
    let mut change = site.files("a", &[("a/1/x", "one")]);
    change.files[0].1 = Digest::of(b"never stored");
    let error = site.repository.stage(None, &[change]).unwrap_err();
    assert_eq!(error.to_string(), "a/1/x of files/a is not in the store");
    assert_eq!(code(error), Some(Code::PublicationRolledBack));
}

#[test]
fn two_claims_to_one_place_are_refused() {
    let site = Site::new();
    let collision = |changes: &[NameFiles]| {
        let error = site.repository.stage(None, changes).unwrap_err();
        assert!(matches!(error, RepositoryError::Collision { .. }), "{error}");
        assert_eq!(code(error), Some(Code::NameCollision));
    };
    // The same path for two names, one path twice, one name twice, and a file where another name has a folder.
    collision(&[site.files("a", &[("same", "1")]), site.files("b", &[("same", "2")])]);
    collision(&[site.files("c", &[("c/x", "1"), ("c/x", "2")])]);
    collision(&[site.files("d", &[("d/x", "1")]), site.files("d", &[("d/y", "2")])]);
    collision(&[site.files("e", &[("e/x", "1")]), site.files("f", &[("e/x/y", "2")])]);
    collision(&[site.files("g", &[("g/x/y", "1")]), site.files("h", &[("g/x", "2")])]);
}

#[test]
fn a_name_with_a_line_end_is_refused() {
    let site = Site::new();
    let error = site
        .repository
        .stage(None, &[site.files("a\nb", &[("x", "1")])])
        .unwrap_err();
    assert_eq!(code(error), Some(Code::UnsafeName));
    let mut change = site.files("a", &[("x", "1")]);
    for ecosystem in ["../files", "files/more", "..", "con", ""] {
        change.name.ecosystem = ecosystem.to_owned();
        let error = site.repository.stage(None, std::slice::from_ref(&change)).unwrap_err();
        assert_eq!(code(error), Some(Code::UnsafeName), "{ecosystem}");
    }
}

#[test]
fn a_path_of_an_earlier_generation_is_never_taken_over() {
    let site = Site::new();
    let first = site.publish(1, None, &[site.files("a", &[("same", "one")])]);
    let mut in_the_same_shard = 0;
    for number in 0..300 {
        let name = format!("b{number}");
        let error = site
            .repository
            .stage(Some(first.root()), &[site.files(&name, &[("same", "two")])])
            .unwrap_err();
        // In another shard the façade's link differs; in the same one the link fits, and the shard has the entry.
        in_the_same_shard += u32::from(error.to_string() == format!("same of files/{name} is also wanted by files/a"));
        assert_eq!(code(error), Some(Code::NameCollision), "{name}");
    }
    assert!(in_the_same_shard > 0);
}

#[test]
fn a_damaged_tree_is_said_so() {
    let site = Site::new();
    let first = site.publish(1, None, &[site.files("a", &[("a/1/x", "one")])]);
    let root = fs::canonicalize(site.folder.path().join("generations/1")).unwrap();
    fs::write(root.join("zz"), "stray").unwrap();
    let error = site.repository.stage(Some(first.root()), &[]).unwrap_err();
    assert!(error.to_string().ends_with("zz is not as sealift wrote it"), "{error}");
    assert_eq!(code(error), Some(Code::StateRolledBack));
    fs::remove_file(root.join("zz")).unwrap();
    let list = fs::canonicalize(site.folder.path().join("repository/files/a/1/x"))
        .unwrap()
        .with_file_name("list");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, text.replace("files/a", "files/b")).unwrap();
    let error = site
        .repository
        .stage(Some(first.root()), &[site.files("a", &[("a/1/x", "two")])])
        .unwrap_err();
    assert!(
        error.to_string().ends_with("list is not as sealift wrote it"),
        "{error}"
    );
    fs::write(&list, text).unwrap();
    fs::remove_file(root.join(fs::read_dir(&root).unwrap().next().unwrap().unwrap().file_name())).unwrap();
    assert!(matches!(
        site.repository.stage(Some(first.root()), &[]),
        Err(RepositoryError::Damaged { .. })
    ));
    let current = site.folder.path().join("generations/current");
    fs::remove_file(&current).unwrap();
    std::os::unix::fs::symlink("01", &current).unwrap();
    assert!(matches!(
        site.repository.current(),
        Err(RepositoryError::Damaged { .. })
    ));
}

#[test]
fn an_older_tree_can_be_shown_again_under_a_new_number() {
    let site = Site::new();
    let first = site.publish(1, None, &[site.files("a", &[("a/1/x", "one")])]);
    site.publish(
        2,
        Some(first.root()),
        &[site.files("a", &[("a/1/x", "two")]), site.files("b", &[("b/1/x", "b")])],
    );
    site.repository
        .switch(3, &site.repository.restage(first.root()).unwrap())
        .unwrap();
    assert_eq!((site.read("a/1/x").as_deref(), site.read("b/1/x")), (Some("one"), None));
}

#[test]
fn a_sweep_removes_what_only_old_generations_need_and_nothing_else() {
    let site = Site::new();
    let kept = site.files("kept", &[("kept/1/x", "kept")]);
    let first = site.publish(
        1,
        None,
        &[kept, site.files("a", &[("a/1/x", "one"), ("a/1/old", "old")])],
    );
    let second = site.publish(2, Some(first.root()), &[site.files("a", &[("a/1/x", "two")])]);
    site.publish(3, Some(second.root()), &[site.files("b", &[("b/1/x", "bbb")])]);
    let needed = site.repository.store().put_bytes(b"a proof").unwrap();
    site.repository.store().put_bytes(b"garbage").unwrap();

    assert_eq!(
        fs::read_to_string(site.folder.path().join("generations/1").join(inside(&site, "a/1/x"))).unwrap(),
        "one"
    );
    let before = listing(site.folder.path());
    let dry = site.sweep(2, Sweep::DryRun, &[needed]);
    assert_eq!(listing(site.folder.path()), before, "a dry run changes nothing");
    assert_eq!(dry.generations, [1]);
    assert_eq!(dry.links, ["files/a/1/old"]);
    // "one", "old" and "garbage".
    assert_eq!((dry.objects, dry.bytes), (3, 3 + 3 + 7));

    assert_eq!(site.sweep(2, Sweep::Remove, &[needed]), dry);
    assert!(site.repository.store().contains(&needed));
    assert_eq!(site.read("a/1/x").as_deref(), Some("two"));
    assert_eq!(site.read("kept/1/x").as_deref(), Some("kept"));
    assert_eq!(site.read("b/1/x").as_deref(), Some("bbb"));
    site.repository
        .switch(4, &site.repository.restage(second.root()).unwrap())
        .unwrap();
    assert_eq!(site.read("b/1/x"), None);

    let again = site.sweep(2, Sweep::Remove, &[needed]);
    assert_eq!((again.generations, again.nodes, again.objects), (vec![2], 0, 0));
    assert!(
        !again.links.contains(&"files/b/1/x".to_owned()),
        "generation 3 is kept and has it"
    );
    let last = site.sweep(1, Sweep::Remove, &[needed]);
    assert_eq!(
        (last.generations, last.links, last.objects),
        (vec![3], vec!["files/b/1/x".to_owned()], 1)
    );
    assert!(
        !site.folder.path().join("repository/files/b").exists(),
        "emptied folders go"
    );
    assert_eq!(site.read("kept/1/x").as_deref(), Some("kept"));
}

/// Where a file of the façade stands below a root.
fn inside(site: &Site, path: &str) -> String {
    let link = fs::read_link(site.folder.path().join("repository/files").join(path)).unwrap();
    link.to_str()
        .unwrap()
        .split_once("generations/current/")
        .unwrap()
        .1
        .to_owned()
}

#[test]
fn what_was_swept_can_come_again() {
    let site = Site::new();
    let first = site.publish(1, None, &[site.files("a", &[("a/1/x", "one")])]);
    let second = site.publish(2, Some(first.root()), &[site.files("a", &[])]);
    site.sweep(1, Sweep::Remove, &[]);
    assert!(!site.folder.path().join("repository/files/a").exists());
    site.publish(3, Some(second.root()), &[site.files("a", &[("a/1/x", "one")])]);
    assert_eq!(site.read("a/1/x").as_deref(), Some("one"));
}

#[test]
fn one_writer_at_a_time_and_the_message_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let held = Lock::take(folder.path(), "import of bundle 41, process 7").unwrap();
    let error = Lock::take(folder.path(), "gc").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is in use by import of bundle 41, process 7"),
        "{error}"
    );
    let Stop::Unable(unable) = Stop::from(error) else {
        panic!("a held lock is no refusal");
    };
    assert_eq!(unable.hint.as_deref(), Some("wait until it has ended"));
    drop(held);
    Lock::take(folder.path(), "gc").unwrap();
}

#[test]
fn a_full_or_read_only_place_is_an_inability_not_a_refusal() {
    let site = Site::new();
    let change = site.files("a", &[("a/1/x", "one")]);
    fs::remove_dir_all(site.folder.path().join("tree")).unwrap();
    fs::write(site.folder.path().join("tree"), "").unwrap();
    let error = site.repository.stage(None, &[change]).unwrap_err();
    assert!(error.to_string().starts_with("cannot "), "{error}");
    assert_eq!(code(error), Some(Code::PublicationRolledBack));
}

/// `bundle-spec/repository.md` §5, step by step, with nothing but the files.
#[test]
fn the_repository_can_be_checked_by_the_text_alone() {
    let site = Site::new();
    let changes: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| site.files(name, &[(&format!("{name}/1/x"), name)]))
        .collect();
    let staged = site.publish(1, None, &changes);
    let generations = site.folder.path().join("generations");
    let number = fs::read_link(generations.join("current")).unwrap();
    let root = fs::canonicalize(generations.join(number)).unwrap();
    let mut shards: Vec<_> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    shards.sort();
    let mut listing = "sealift-root-1\n".to_owned();
    let mut owners = Vec::new();
    for shard in shards {
        let list = fs::read_to_string(shard.join("list")).unwrap();
        let digits = shard.file_name().unwrap().to_str().unwrap();
        listing.push_str(&format!("{digits} {}\n", Digest::of(list.as_bytes()).hex()));
        for line in list.strip_prefix("sealift-shard-1\n").unwrap().lines() {
            let [entry, digest, owner, path] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            assert_eq!(Digest::of(&fs::read(shard.join(entry)).unwrap()).hex(), digest);
            assert_eq!(inside(&site, path), format!("{digits}/{entry}"));
            owners.push(owner.to_owned());
        }
    }
    assert_eq!(Digest::of(listing.as_bytes()), staged.root().digest());
    owners.sort();
    assert_eq!(owners, ["files/a", "files/b", "files/c"]);
}
