//! A ledger whose file fails: each row that cannot be written, changed or removed, and each commit that cannot be made, comes out as an error and leaves
//! all rows as they were; without the failure the same is done.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use sealift::ledger::{Filter, Import, Ledger, LedgerError, Sink, StatementRecord};
use sealift::model::{Digest, Document, LogState, Order, RelativePath, Timestamp, UpstreamState};

use crate::ledger::{bundle, full_name, held, root};
use crate::ledger_told::judgement;
use crate::row_faults::{counts, on_each_change, rows, tables};

/// What a ledger is told.
type Step = (&'static str, fn(&mut Ledger) -> Result<(), LedgerError>);

/// One after the other, on one ledger: every write that there is.
const STEPS: [Step; 20] = [
    ("a volume comes", |ledger| {
        ledger.volume_came(&bundle(1).manifest, 1, time(1))
    }),
    ("and once more", |ledger| {
        ledger.volume_came(&bundle(1).manifest, 1, time(2))
    }),
    ("another one comes", |ledger| {
        ledger.volume_came(&bundle(8).manifest, 1, time(2))
    }),
    ("and will not be whole", |ledger| {
        ledger.forget_volumes(&bundle(8).manifest)
    }),
    ("a document stands", |ledger| {
        ledger.note_standing("trust-data", 1, &root(1))
    }),
    ("a newer one stands", |ledger| {
        ledger.note_standing("trust-data", 2, &root(2))
    }),
    ("a time is known", |ledger| ledger.raise_known_time(time(3), "a root")),
    ("a first import", |ledger| import(ledger, 1, &["a", "b"])),
    ("a second import", |ledger| import(ledger, 2, &["a", "c"])),
    ("a later time is known", |ledger| {
        ledger.raise_known_time(time(9_000_000), "a root")
    }),
    ("a leaf is added", |ledger| ledger.note_log(&log(7))),
    ("a judging", rejudge),
    ("a judging that is told again", rejudge_told),
    ("a rollback", |ledger| {
        ledger.rollback(1, "test", time(4), Some(&log(8))).map(drop)
    }),
    ("a rollback of it", |ledger| {
        ledger.rollback(2, "test", time(5), Some(&log(9))).map(drop)
    }),
    ("a statement", |ledger| {
        let record = StatementRecord {
            number: 1,
            what: "pruned".to_owned(),
            digest: root(3),
            time: time(6),
        };
        ledger.note_statement(&record, &[Digest::of(b"a"), Digest::of(b"b")], Some(&log(10)))
    }),
    ("what was pruned comes again", |ledger| import(ledger, 3, &["a"])),
    ("an import that is told again", replay),
    ("a sweep", |ledger| ledger.forget_generations(&[1, 2], Some(&log(11)))),
    ("and its paths", |ledger| {
        ledger.forget_paths(&["pypi/files/a.whl".to_owned()])
    }),
];

pub(crate) fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn log(size: u64) -> LogState {
    LogState {
        size,
        root: root(size),
        checkpoint: String::new(),
        report: size,
        report_digest: None,
    }
}

fn path(name: &str) -> [RelativePath; 1] {
    [RelativePath::new(format!("files/{name}.whl")).unwrap()]
}

/// Tells an import of everything that it can bring.
pub(crate) fn tell(import: &Import<'_>, names: &[&str]) -> Result<(), LedgerError> {
    import.export_keys(&["AA11".to_owned(), format!("of {}", names.len())])?;
    import.object(&Digest::of(names[0].as_bytes()), 1)?;
    for name in names {
        let recorded = import.artifact(&held(name, "1", name))?;
        // Who signed what lowers a finding counts, too.
        let decision = r#"{"decision":{"hits":[{"lowered":{"signer":{"key":{"fingerprint":"CC33"}}}}]}}"#;
        import.judgement(recorded, &judgement("AA11", decision))?;
        import.paths(&full_name(name), &path(name))?;
    }
    let document = Document {
        digest: Digest::of(format!("index of {}", names.len()).as_bytes()),
        ecosystem: "pypi".to_owned(),
        kind: "index".to_owned(),
        name: "of".to_owned(),
        origin: "https://index.example.com/of".to_owned(),
    };
    import.document(&document, 5)
}

pub(crate) fn import(ledger: &mut Ledger, sequence: u64, names: &[&str]) -> Result<(), LedgerError> {
    let import = ledger.begin(bundle(sequence))?;
    tell(&import, names)?;
    let state = UpstreamState {
        kind: "sumdb".to_owned(),
        subject: "sum.example.com".to_owned(),
        order: Order::Sizes,
        place: sequence,
        mark: None,
        goes_with: Vec::new(),
    };
    import.upstream_state(&state, time(6))?;
    import.commit(root(sequence), Some(&log(sequence))).map(drop)
}

fn rejudge(ledger: &mut Ledger) -> Result<(), LedgerError> {
    let mut entries = Vec::new();
    ledger.list(&Filter::default(), |entry| {
        entries.push(entry);
        Ok::<_, LedgerError>(())
    })?;
    let rejudging = ledger.rejudge(None)?;
    for entry in &entries {
        rejudging.judgement(entry, &judgement("BB22", "{}"))?;
    }
    rejudging.commit(Some(&log(12)))
}

fn rejudge_told(ledger: &mut Ledger) -> Result<(), LedgerError> {
    let line = br#"{"rejudged":{"artifact":["pypi","a","1","a-1.whl"],"decision":"{}","findings":[],"judged":"2001-01-01T00:00:00Z","level":"none"}}"#;
    let rejudging = ledger.rejudge(None)?;
    rejudging.line(line)?;
    rejudging.commit(None)
}

/// An import whose path another name has here.
fn replay(ledger: &mut Ledger) -> Result<(), LedgerError> {
    let first = serde_json::json!({ "bundle": {
        "created": "2001-01-01T00:00:00Z", "epoch": 1, "imported": "2001-01-01T00:00:00Z", "manifest": root(40), "root_version": 1,
        "sequence": 4, "signers": [], "stream": "build-to-plant",
    }});
    let mut replay = ledger.replay(first.to_string().as_bytes())?;
    for line in [
        r#"{"export-key":"DD44"}"#,
        r#"{"paths":[{"ecosystem":"pypi","name":"d"},["files/B.whl"]]}"#,
    ] {
        replay.line(line.as_bytes())?;
    }
    replay.into_import().commit(root(4), None).map(drop)
}

fn run(path: &Path, step: fn(&mut Ledger) -> Result<(), LedgerError>) -> Result<(), LedgerError> {
    step(&mut Ledger::open(path).unwrap())
}

#[test]
fn each_row_and_each_commit_that_cannot_be_written_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("state.db"), folder.path().join("copy.db"));
    Ledger::create(&path).unwrap().close().unwrap();
    let mut changed = BTreeMap::new();
    for (name, step) in STEPS {
        let fresh = || {
            for end in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(folder.path().join(format!("copy.db{end}")));
            }
            fs::copy(&path, &copy).unwrap();
        };
        let before = rows(&path);
        fresh();
        on_each_change(&copy, |_, _| String::new());
        run(&copy, step).unwrap_or_else(|error| panic!("{name}: {error}"));
        let counts = counts(&copy);
        assert!(!counts.is_empty(), "{name}");
        for (place, count) in &counts {
            *changed.entry(place.clone()).or_insert(0) += count;
            for number in 1..=*count {
                fresh();
                // This one change and no other: what the trigger itself has counted stays.
                on_each_change(&copy, |change, table| {
                    let fails = format!("count = {number} AND place = '{place}' AND place = '{change} {table}'");
                    format!("SELECT RAISE(FAIL, 'it is full') FROM fault_counts WHERE {fails};")
                });
                let error = run(&copy, step).unwrap_err();
                assert_eq!(error.to_string(), "cannot write the ledger", "{name}: {place} {number}");
                assert_eq!(rows(&copy), before, "{name}: {place} {number}");
            }
        }
        fresh();
        on_each_change(&copy, |_, _| "INSERT INTO fault_children VALUES (1);".to_owned());
        assert!(run(&copy, step).is_err(), "{name}: the commit");
        run(&path, step).unwrap();
        assert_ne!(rows(&path), before, "{name}");
        // The next copy is of one file.
        Ledger::open(&path).unwrap().close().unwrap();
    }
    let connection = Connection::open(&path).unwrap();
    let untouched: Vec<String> = tables(&connection)
        .into_iter()
        .filter(|table| !changed.contains_key(&format!("INSERT {table}")))
        .collect();
    assert_eq!(untouched, [""; 0], "tables that no step writes");
}

/// A journal whose end cannot be written.
struct Endless;

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Endless {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_journal_whose_end_could_not_be_written_ends_the_import() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    let mut import = ledger.begin(bundle(1)).unwrap();
    import.keep_journal(Box::new(Endless));
    assert_eq!(import.end_journal().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// In a process of its own: the threads of one share a folder.
#[test]
fn a_ledger_may_lie_in_the_folder_where_the_process_is() {
    const THIS: &str = "ledger_faults::a_ledger_may_lie_in_the_folder_where_the_process_is";
    if std::env::var_os("LEDGER_IS_HERE").is_some() {
        Ledger::create(Path::new("state.db")).unwrap().close().unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS])
        .env("LEDGER_IS_HERE", "1")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(folder.path().join("state.db").exists());
}
