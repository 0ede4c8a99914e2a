//! The enclave's log: what is added counts when state.db says so, and a log that somebody touched is found.

use std::fs;
use std::path::{Path, PathBuf};

use sealift::crypto::file_key::FileKey;
use sealift::crypto::merkle::{self, Frontier};
use sealift::log::{Checkpoint, Entries, Leaf, Log, LogError, LogState, checkpoint_text, compare};
use sealift::model::{Code, Difference, Digest, Stop, Timestamp};

use crate::people;

pub(crate) const ORIGIN: &str = "sealift/plant-7/0123";

fn leaf(number: u64) -> Leaf {
    Leaf::Artifact {
        artifact: Digest::of(&number.to_be_bytes()),
        decision: "allowed".to_owned(),
        purl: format!("pkg:pypi/name-{number}@1.0"),
        record: Digest::of(format!("record {number}").as_bytes()),
        report: 1,
    }
}

fn state(log: &Log, checkpoint: &Checkpoint) -> LogState {
    LogState {
        size: log.head().size,
        root: log.head().root,
        checkpoint: checkpoint.text().to_owned(),
        report: 1,
        report_digest: None,
    }
}

pub(crate) fn key() -> FileKey {
    people::key(people::STATION)
}

/// Adds leaves and makes the folder durable, as an import does before it commits.
fn added(folder: &Path, before: Option<&LogState>, count: u64) -> (Log, LogState, Checkpoint) {
    let mut log = Log::open(folder, before).unwrap();
    for _ in 0..count {
        log.add(&leaf(log.head().size)).unwrap();
    }
    log.flush().unwrap();
    let checkpoint = Checkpoint::make(ORIGIN, log.head(), Some(&key())).unwrap();
    let state = state(&log, &checkpoint);
    (log, state, checkpoint)
}

pub(crate) fn grown(folder: &Path, before: Option<&LogState>, count: u64) -> LogState {
    let (mut log, state, checkpoint) = added(folder, before, count);
    log.committed(Some(&checkpoint)).unwrap();
    state
}

fn differences(folder: &Path, size: u64) -> Vec<Difference> {
    compare(folder, size, &mut |_, _| {}).unwrap().1
}

fn code(error: LogError) -> Code {
    match Stop::from(error) {
        Stop::Refused(refusals) => refusals[0].code,
        Stop::Unable(unable) => panic!("{unable:?}"),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(folder).unwrap().to_owned())
        .collect();
    found.sort();
    found
}

#[test]
fn a_checkpoint_that_was_not_shown_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let state = grown(folder.path(), None, 3);
    let before = files(folder.path());
    fs::write(folder.path().join(".checkpoint"), "half a checkp").unwrap();
    Log::open(folder.path(), Some(&state)).unwrap();
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_log_grows_by_steps_as_it_does_at_once() {
    let (steps, once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut last: Option<LogState> = None;
    let mut expected = Frontier::default();
    for count in [1, 2, 252, 1, 1, 300, 0, 211] {
        let before = expected.head();
        for _ in 0..count {
            expected.push(leaf(expected.size()).hash());
        }
        let (mut log, state, checkpoint) = added(steps.path(), last.as_ref(), count);
        assert_eq!(log.head(), expected.head());
        let proof = log.consistency(before.size).unwrap();
        merkle::check_consistency(&before, &log.head(), &proof).unwrap();
        log.committed(Some(&checkpoint)).unwrap();
        assert_eq!(differences(steps.path(), state.size), []);
        last = Some(state);
    }
    let last = last.unwrap();
    assert_eq!(last.size, 768);
    assert_eq!(grown(once.path(), None, 768), last);
    // Beginnings of a tile that is not whole yet stay, so that the trees that were signed can be read.
    for earlier in ["tile/1/000.p/1", "tile/1/000.p/2"] {
        fs::remove_file(steps.path().join(earlier)).unwrap();
    }
    assert_eq!(files(steps.path()), files(once.path()));
    assert_eq!(
        checkpoint_text(steps.path()).unwrap(),
        checkpoint_text(once.path()).unwrap()
    );
    let names: Vec<String> = files(once.path())
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(
        names,
        [
            "checkpoint",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002",
            "tile/1/000.p/3",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002"
        ]
    );
    let mut entries = Entries::of(once.path(), 768, 700).unwrap();
    let mut index = 700;
    while let Some((at, found, hash)) = entries.next().unwrap() {
        assert_eq!((at, &found, hash), (index, &leaf(index), leaf(index).hash()));
        index += 1;
    }
    assert_eq!(index, 768);
    // Beyond its end there is nothing.
    let mut beyond = Entries::of(once.path(), 512, 700).unwrap();
    assert_eq!(beyond.next().unwrap(), None);
}

#[test]
fn what_was_not_committed_is_gone_when_the_log_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = grown(folder.path(), None, 300);
    let before = files(folder.path());
    let (log, _, _) = added(folder.path(), Some(&first), 500);
    assert_eq!(log.head().size, 800);
    drop(log);
    assert_ne!(files(folder.path()), before);
    let log = Log::open(folder.path(), Some(&first)).unwrap();
    assert_eq!(log.head().root, first.root);
    assert_eq!(files(folder.path()), before);
    // Killed after the commit: the checkpoint is put in its place.
    let (log, second, checkpoint) = added(folder.path(), Some(&first), 500);
    drop(log);
    let log = Log::open(folder.path(), Some(&second)).unwrap();
    assert_eq!(log.before(), Some(&checkpoint));
    assert_eq!(checkpoint_text(folder.path()).unwrap().unwrap(), checkpoint.text());
    assert_eq!(differences(folder.path(), 800), []);
    // Leaves that are committed and not signed yet stay.
    drop(log);
    let mut log = Log::open(folder.path(), Some(&second)).unwrap();
    log.add(&Leaf::Rollback {
        generation: 3,
        reason: "test".to_owned(),
        time: Timestamp::from_seconds(0),
        to: 1,
    })
    .unwrap();
    log.flush().unwrap();
    let third = LogState {
        size: log.head().size,
        root: log.head().root,
        ..second
    };
    log.committed(None).unwrap();
    let log = Log::open(folder.path(), Some(&third)).unwrap();
    assert_eq!((log.head().size, log.before().unwrap().head.size), (801, 800));
}

#[test]
fn a_log_or_a_state_that_was_put_back_is_found() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = grown(folder.path(), None, 10);
    let second = grown(folder.path(), Some(&first), 10);
    let open = |state: Option<&LogState>| code(Log::open(folder.path(), state).unwrap_err());
    // An old state.db, or none, beside the log.
    assert_eq!(open(Some(&first)), Code::StateRolledBack);
    assert_eq!(open(None), Code::StateRolledBack);
    // The same size, and another tree.
    let forked = LogState {
        root: Digest::of(b"fork"),
        ..second.clone()
    };
    assert_eq!(open(Some(&forked)), Code::LogInconsistent);
    let other_log = LogState {
        checkpoint: second.checkpoint.replace("plant-7", "plant-8"),
        ..second.clone()
    };
    assert_eq!(open(Some(&other_log)), Code::LogInconsistent);
    // The same tiles, and a checkpoint of another tree of that size.
    let path = folder.path().join("checkpoint");
    let good = fs::read_to_string(&path).unwrap();
    let head = merkle::Head {
        size: 20,
        root: Digest::of(b"fork"),
    };
    let fork = Checkpoint::make(ORIGIN, head, Some(&key())).unwrap();
    fs::write(&path, fork.text()).unwrap();
    assert_eq!(open(Some(&second)), Code::LogInconsistent);
    fs::write(&path, good).unwrap();
    // An old log beside state.db.
    let old = grown(other.path(), None, 10);
    assert_eq!(old, first);
    assert_eq!(
        code(Log::open(other.path(), Some(&second)).unwrap_err()),
        Code::LogInconsistent
    );
    // No log at all.
    fs::remove_dir_all(other.path()).unwrap();
    assert_eq!(
        code(Log::open(other.path(), Some(&second)).unwrap_err()),
        Code::LogInconsistent
    );
    Log::open(folder.path(), Some(&second)).unwrap();
}

#[test]
fn a_right_edge_that_somebody_touched_is_found_before_anything_is_added() {
    for (file, edit) in [
        ("tile/0/001.p/44", 0_usize),
        ("tile/1/000.p/1", 3),
        ("tile/entries/001.p/44", 40),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let state = grown(folder.path(), None, 300);
        let path = folder.path().join(file);
        let good = fs::read(&path).unwrap();
        let mut bytes = good.clone();
        bytes[edit] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = Log::open(folder.path(), Some(&state)).unwrap_err();
        assert_eq!(code(error), Code::LogInconsistent, "{file}");
        // Cut within its last hash and before it, lengthened by a byte and by a hash.
        let ragged = [&good[..], b"x"].concat();
        let longer = [&good[..], &[7; 32]].concat();
        for cut in [&good[..good.len() - 1], &good[..good.len() - 32], &ragged, &longer] {
            fs::write(&path, cut).unwrap();
            let error = Log::open(folder.path(), Some(&state)).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("as its name says"), "{file}: {said}");
            assert_eq!(code(error), Code::LogInconsistent, "{file}");
        }
        fs::remove_file(&path).unwrap();
        let error = Log::open(folder.path(), Some(&state)).unwrap_err();
        assert_eq!(code(error), Code::LogInconsistent, "{file}");
        fs::write(&path, vec![0; 256 * 70_000]).unwrap();
        let error = Log::open(folder.path(), Some(&state)).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("longer than a tile may be"), "{file}: {said}");
        assert_eq!(code(error), Code::LogInconsistent, "{file}");
    }
    let folder = tempfile::tempdir().unwrap();
    let state = grown(folder.path(), None, 3);
    fs::write(folder.path().join("checkpoint"), "not one\n").unwrap();
    assert_eq!(
        code(Log::open(folder.path(), Some(&state)).unwrap_err()),
        Code::LogInconsistent
    );
}

#[test]
fn every_file_that_differs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let state = grown(folder.path(), None, 700);
    let told = || -> Vec<(String, String)> {
        differences(folder.path(), state.size)
            .into_iter()
            .map(|difference| {
                let path = difference.path.strip_prefix(folder.path()).unwrap();
                (path.display().to_string(), difference.reason)
            })
            .collect()
    };
    let names = || told().into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(told(), []);
    for file in [
        "tile/entries/001",
        "tile/0/000",
        "tile/1/000.p/2",
        "tile/entries/002.p/188",
    ] {
        let path = folder.path().join(file);
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(
            told().contains(&(file.to_owned(), "is missing".to_owned())),
            "{:?}",
            told()
        );
        let mut bytes = good.clone();
        bytes[60] ^= 1;
        fs::write(&path, bytes).unwrap();
        // Other entries give other hashes, so then the tile above is named.
        let expected = file.replace("entries", "0");
        assert!(
            names().contains(&expected) || names().contains(&file.to_owned()),
            "{file}: {:?}",
            told()
        );
        fs::write(&path, good).unwrap();
        assert_eq!(told(), []);
    }
    fs::create_dir_all(folder.path().join("tile/0/004.p")).unwrap();
    for file in ["tile/0/003", "tile/0/004.p/7", "notes.txt", "tile/entries/x001/000"] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        assert_eq!(names(), [file]);
        fs::remove_file(path).unwrap();
    }
    std::os::unix::fs::symlink("000", folder.path().join("tile/0/009")).unwrap();
    assert_eq!(told(), [("tile/0/009".to_owned(), "is no plain file".to_owned())]);
}

#[test]
fn a_checkpoint_counts_by_the_role_log_alone() {
    let log = merkle::Head {
        size: 1,
        root: Digest::of(b"r"),
    };
    let root = people::pinned(&people::root());
    let roots = [root];
    let made = |number: u8| Checkpoint::make(ORIGIN, log, Some(&people::key(number))).unwrap();
    assert_eq!(
        made(people::STATION).verify(ORIGIN, &roots, None).unwrap(),
        ["station-plant-7"]
    );
    let refused = |checkpoint: Checkpoint, origin: &str| code(checkpoint.verify(origin, &roots, None).unwrap_err());
    assert_eq!(refused(made(people::EXPORTER), ORIGIN), Code::KeyNotInRole);
    assert_eq!(refused(made(people::STATION), "sealift/other"), Code::LogInconsistent);
    let unsigned = Checkpoint::make(ORIGIN, log, None).unwrap();
    assert_eq!(refused(unsigned, ORIGIN), Code::KeyNotInRole);
    let edited = made(people::STATION).text().replace("\n1\n", "\n2\n");
    assert_eq!(refused(Checkpoint::read(&edited).unwrap(), ORIGIN), Code::KeyNotInRole);
    // Signed by the right key under another name.
    let renamed = made(people::STATION)
        .text()
        .replacen("— sealift/plant-7", "— sealift/plant-8", 1);
    assert_eq!(refused(Checkpoint::read(&renamed).unwrap(), ORIGIN), Code::KeyNotInRole);
}

#[test]
fn what_a_witness_adds_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = grown(folder.path(), None, 5);
    let path = folder.path().join("checkpoint");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("— w.example.com AAAAAAAAAAAAAAAA\n");
    fs::write(&path, &text).unwrap();
    let log = Log::open(folder.path(), Some(&state)).unwrap();
    assert_eq!(log.before().unwrap().text(), text);
    assert_eq!(log.before().unwrap().cosigned(&[])[0].name, "w.example.com+00000000");
}

#[test]
fn what_a_commit_has_to_remove_is_gone_or_the_commit_says_that_it_is_not() {
    // The beginning of a tile that is whole now, and the mark of a run that adds.
    for (left, is_folder) in [("tile/0/000.p", true), (".adding", false)] {
        for comes_back in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let first = grown(folder.path(), None, 200);
            let (mut log, _, checkpoint) = added(folder.path(), Some(&first), 100);
            let path = folder.path().join(left);
            if is_folder {
                fs::remove_dir_all(&path).unwrap();
            } else {
                fs::remove_file(&path).unwrap();
            }
            match (comes_back, is_folder) {
                (false, _) => {}
                (true, true) => fs::write(&path, b"").unwrap(),
                (true, false) => fs::create_dir(&path).unwrap(),
            }
            let told = log.committed(Some(&checkpoint));
            assert_eq!(told.is_err(), comes_back, "{left}: {told:?}");
        }
    }
}

#[test]
fn a_whole_tile_that_cannot_be_written_ends_the_adding() {
    for (taken, reached) in [("tile/0/000", 255), ("tile/entries/000", 255), ("tile/0/000.p/7", 7)] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path(), None).unwrap();
        // A folder stands where the file is to be.
        fs::create_dir_all(folder.path().join(taken)).unwrap();
        for number in 0..reached {
            log.add(&leaf(number)).unwrap();
        }
        let written = if reached == 7 {
            log.flush()
        } else {
            log.add(&leaf(reached))
        };
        let path = match written.unwrap_err() {
            LogError::File { path, .. } => path,
            other => panic!("{other}"),
        };
        assert_eq!(path, folder.path().join(taken));
    }
}
