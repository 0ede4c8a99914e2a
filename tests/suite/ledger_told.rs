//! What an import tells its journal and what is made from that again; and what a later judging leaves of the one before.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use sealift::ecosystem::Held;
use sealift::ledger::{Judgement, Ledger, LedgerError, Sink, Use};
use sealift::model::{Digest, Document, Finding, Level, Name, RelativePath, Signer, Timestamp};

use crate::ledger::{bundle, full_name, held, root};

fn created() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    (folder, ledger)
}

/// A journal in memory, which may fail.
#[derive(Clone, Default)]
struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    fails: bool,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.fails {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Kept {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

fn path(text: &str) -> [RelativePath; 1] {
    [RelativePath::new(text).unwrap()]
}

/// Imports, and gives the lines that the journal kept.
fn told(ledger: &mut Ledger, sequence: u64, name: &str, paths: &[RelativePath]) -> Vec<Vec<u8>> {
    let kept = Kept::default();
    let mut import = ledger.begin(bundle(sequence)).unwrap();
    import.keep_journal(Box::new(kept.clone()));
    import.artifact(&held(name, "1", name)).unwrap();
    import.paths(&full_name(name), paths).unwrap();
    let journaled = import.end_journal().unwrap().unwrap();
    import.commit(root(sequence), None).unwrap();
    let bytes = kept.bytes.lock().unwrap().clone();
    assert_eq!(
        (journaled.bytes, journaled.digest),
        (bytes.len() as u64, Digest::of(&bytes))
    );
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(<[u8]>::to_vec).collect()
}

fn replayed(ledger: &mut Ledger, sequence: u64, lines: &[Vec<u8>]) -> Result<(), LedgerError> {
    let mut replay = ledger.replay(&lines[0])?;
    for line in &lines[1..] {
        replay.line(line)?;
    }
    replay.into_import().commit(root(sequence), None)?;
    Ok(())
}

#[test]
fn a_path_that_a_sweep_freed_is_free_too_when_it_is_told_again() {
    let (_folder, mut ledger) = created();
    let first = told(&mut ledger, 1, "a", &path("files/Foo.whl"));
    ledger.forget_paths(&["pypi/files/Foo.whl".to_owned()]).unwrap();
    // Another name, in another spelling.
    let second = told(&mut ledger, 2, "b", &path("files/foo.whl"));
    ledger.forget_paths(&["pypi/files/foo.whl".to_owned()]).unwrap();
    // And the very same name in a third.
    let third = told(&mut ledger, 3, "b", &path("files/FOO.whl"));
    let (_folder, mut again) = created();
    // No leaf says when a sweep freed a path: what was imported was right.
    replayed(&mut again, 1, &first).unwrap();
    replayed(&mut again, 2, &second).unwrap();
    replayed(&mut again, 3, &third).unwrap();
    let taken = |ledger: &mut Ledger, name: &str, file: &str| {
        let import = ledger.begin(bundle(9)).unwrap();
        import.paths(&full_name(name), &path(file)).is_ok()
    };
    for ledger in [&mut ledger, &mut again] {
        assert!(taken(ledger, "b", "files/FOO.whl"));
        assert!(!taken(ledger, "b", "files/foo.whl"));
        assert!(!taken(ledger, "a", "files/Foo.whl"));
    }
}

#[test]
fn a_journal_that_could_not_be_written_ends_the_import() {
    let (_folder, mut ledger) = created();
    let mut import = ledger.begin(bundle(1)).unwrap();
    import.keep_journal(Box::new(Kept {
        fails: true,
        ..Kept::default()
    }));
    import.artifact(&held("a", "1", "a")).unwrap();
    let error = import.end_journal().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_registrys_document_is_found_by_its_digest_and_needed() {
    let (_folder, mut ledger) = created();
    let document = Document {
        digest: Digest::of(b"index"),
        ecosystem: "pypi".to_owned(),
        kind: "index".to_owned(),
        name: "demo".to_owned(),
        origin: "https://index.example.com/demo".to_owned(),
    };
    let import = ledger.begin(bundle(1)).unwrap();
    import.document(&document, 5).unwrap();
    import.commit(root(1), None).unwrap();
    let uses = ledger.uses(&document.digest).unwrap();
    let found = uses.iter().any(|one| match one {
        Use::Document { name, kind, .. } => {
            let wanted = Name {
                ecosystem: "pypi".to_owned(),
                name: "demo".to_owned(),
            };
            *name == wanted && kind == "index"
        }
        _ => false,
    });
    assert!(found, "{uses:?}");
    let mut needed = Vec::new();
    ledger.for_each_needed(|digest| needed.push(*digest)).unwrap();
    assert!(needed.contains(&document.digest));
}

pub(crate) fn judgement(key: &str, decision: &str) -> Judgement {
    let signer = Signer::Key {
        fingerprint: key.to_owned(),
        owner: None,
        subkey: None,
    };
    Judgement {
        level: Level::Publisher,
        findings: vec![Finding::confirmed("minisign", Level::Publisher, "good").by(signer)],
        decision: decision.to_owned(),
        judged: Timestamp::from_seconds(3_000_000),
    }
}

#[test]
fn what_is_judged_again_rests_on_what_was_found_last() {
    let (_folder, mut ledger) = created();
    let import = ledger.begin(bundle(1)).unwrap();
    let Held { artifact, .. } = held("a", "1", "a");
    let recorded = import.artifact(&held("a", "1", "a")).unwrap();
    import.judgement(recorded, &judgement("AA11", "{}")).unwrap();
    import.artifact(&held("b", "1", "b")).unwrap();
    import.commit(root(1), None).unwrap();
    let resting = |ledger: &Ledger, key: &str| {
        let mut found = Vec::new();
        ledger
            .resting_on(key, |entry| {
                found.push(entry);
                Ok::<_, LedgerError>(())
            })
            .unwrap();
        found
    };
    let first = resting(&ledger, "AA11");
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].artifact.name, artifact.name);
    // Nobody decided about the other.
    let mut decided = Vec::new();
    ledger
        .decided(|entry| {
            decided.push(entry.artifact.name);
            Ok::<_, LedgerError>(())
        })
        .unwrap();
    assert_eq!(decided, ["a"]);
    let rejudging = ledger.rejudge(None).unwrap();
    rejudging.judgement(&first[0], &judgement("BB22", "{}")).unwrap();
    rejudging.commit(None).unwrap();
    assert_eq!(resting(&ledger, "AA11"), []);
    assert_eq!(resting(&ledger, "BB22").len(), 1);
}

#[test]
fn only_the_last_bundle_of_its_stream_is_taken_once_more_and_its_number_stays() {
    let (_folder, mut ledger) = created();
    let refused = |ledger: &mut Ledger, sequence: u64| {
        let error = ledger.begin_again(bundle(sequence)).unwrap_err();
        let manifest = bundle(sequence).manifest;
        let text = format!("bundle {manifest} is not the last one of its stream");
        assert_eq!(error.to_string(), text);
    };
    refused(&mut ledger, 1);
    let first = told(&mut ledger, 1, "a", &path("files/a.whl"));
    let kept = Kept::default();
    let mut import = ledger.begin_again(bundle(1)).unwrap();
    import.keep_journal(Box::new(kept.clone()));
    import.artifact(&held("b", "1", "b")).unwrap();
    import.end_journal().unwrap().unwrap();
    assert_eq!(import.commit(root(2), None).unwrap().number, 2);
    let bytes = kept.bytes.lock().unwrap().clone();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let second: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
    // Told again, it is the same: one bundle, two generations.
    let (_folder, mut again) = created();
    replayed(&mut again, 1, &first).unwrap();
    replayed(&mut again, 2, &second).unwrap();
    for ledger in [&mut ledger, &mut again] {
        assert_eq!(ledger.status().unwrap().bundles, 1);
        assert_eq!(ledger.generations().unwrap().len(), 2);
        let taken = |name: &str| {
            let Held { artifact, .. } = held(name, "1", name);
            ledger.was_taken(&artifact, &bundle(1).manifest).unwrap()
        };
        assert_eq!(["a", "b", "c"].map(taken), [true, true, false]);
        assert!(!ledger.knew_before(&full_name("a"), &bundle(1).manifest).unwrap());
    }
    told(&mut ledger, 2, "c", &path("files/c.whl"));
    refused(&mut ledger, 1);
    assert!(ledger.knew_before(&full_name("a"), &bundle(2).manifest).unwrap());
}

#[test]
fn publishers_whom_earlier_versions_pinned_at_later_imports_are_pinned_no_more() {
    let (folder, mut ledger) = created();
    for sequence in 1..=2 {
        let import = ledger.begin(bundle(sequence)).unwrap();
        let recorded = import.artifact(&held("a", &sequence.to_string(), "a")).unwrap();
        import.judgement(recorded, &judgement("AA11", "{}")).unwrap();
        import.commit(root(sequence), None).unwrap();
    }
    let pinned = ledger.signers(&full_name("a")).unwrap();
    assert_eq!(pinned.len(), 1);
    drop(ledger);
    // As the version before left it.
    let path = folder.path().join("state.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    let later = "INSERT INTO signers SELECT name, replace(signer, 'AA11', 'BB22'), 2 FROM signers";
    assert_eq!(connection.execute(later, []).unwrap(), 1);
    connection.pragma_update(None, "user_version", 6).unwrap();
    drop(connection);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.signers(&full_name("a")).unwrap(), pinned);
}
