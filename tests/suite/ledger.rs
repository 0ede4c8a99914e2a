//! The ledger: what an import leaves, what it refuses, and the questions it answers.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use sealift::ecosystem::Held;
use sealift::ledger::{BundleRecord, Filter, Ledger, LedgerError, Presence, Use};
use sealift::model::{
    Artifact, Code, Digest, Document, Name, Order, Proof, ProofState, RelativePath, Stop, Timestamp, UpstreamState,
};

struct Site {
    folder: tempfile::TempDir,
    ledger: Ledger,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
        Self { folder, ledger }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state.db")
    }

    fn import(&mut self, sequence: u64, list: &[Held]) -> Result<(), LedgerError> {
        let import = self.ledger.begin(bundle(sequence))?;
        for held in list {
            import.artifact(held)?;
        }
        import.commit(root(sequence), None)?;
        Ok(())
    }

    fn versions(&self, name: &str) -> Vec<String> {
        let held = self.ledger.held(&full_name(name)).unwrap();
        held.into_iter().map(|held| held.artifact.version).collect()
    }
}

pub(crate) fn root(number: u64) -> Digest {
    Digest::of(format!("root {number}").as_bytes())
}

pub(crate) fn bundle(sequence: u64) -> BundleRecord {
    BundleRecord {
        manifest: Digest::of(format!("manifest {sequence}").as_bytes()),
        stream: "build-to-plant".to_owned(),
        epoch: 1,
        sequence,
        created: Timestamp::from_seconds(1_000_000 + i64::try_from(sequence).unwrap()),
        imported: Timestamp::from_seconds(2_000_000),
        root_version: 3,
        signers: vec!["alice".to_owned(), "bob".to_owned()],
    }
}

pub(crate) fn full_name(name: &str) -> Name {
    Name {
        ecosystem: "pypi".to_owned(),
        name: name.to_owned(),
    }
}

pub(crate) fn held(name: &str, version: &str, text: &str) -> Held {
    Held {
        artifact: Artifact {
            ecosystem: "pypi".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            file: format!("{name}-{version}.whl"),
            digest: Digest::of(text.as_bytes()),
            origin: "https://index.example.com/x".to_owned(),
            reason: "uv.lock".to_owned(),
            proofs: vec![
                Proof {
                    kind: "sigstore".to_owned(),
                    state: ProofState::Present,
                    objects: vec![Digest::of(format!("proof of {text}").as_bytes())],
                },
                Proof {
                    kind: "openpgp".to_owned(),
                    state: ProofState::Absent,
                    objects: Vec::new(),
                },
            ],
        },
        size: text.len() as u64,
        facts: serde_json::json!({ "requires": [version] }),
        derived: BTreeMap::from([(
            "metadata".to_owned(),
            (Digest::of(format!("METADATA {text}").as_bytes()), 9),
        )]),
    }
}

fn code(error: LedgerError) -> Option<Code> {
    match Stop::from(error) {
        Stop::Refused(refusals) => Some(refusals[0].code),
        Stop::Unable(unable) => unable.code,
    }
}

#[test]
fn what_is_imported_is_held_after_the_program_has_ended() {
    let mut site = Site::new();
    let list = [
        held("a", "1.0", "one"),
        held("a", "2.0", "two"),
        held("b", "1.0", "three"),
    ];
    site.import(1, &list).unwrap();
    let path = site.path();
    drop(site.ledger);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.held(&full_name("a")).unwrap(), &list[..2]);
    assert_eq!(ledger.held(&full_name("never")).unwrap(), []);
    assert_eq!(ledger.bundle(&bundle(1).manifest).unwrap(), Some(bundle(1)));
    assert_eq!(ledger.bundle_numbered("build-to-plant", 1, 1).unwrap(), Some(bundle(1)));
    assert_eq!(ledger.bundle_numbered("build-to-plant", 1, u64::MAX).unwrap(), None);
    let stream = ledger.stream("build-to-plant").unwrap().unwrap();
    assert_eq!(
        (stream.epoch, stream.sequence, stream.manifest),
        (1, 1, bundle(1).manifest)
    );
    let generation = ledger.generation().unwrap().unwrap();
    assert_eq!(
        (generation.number, generation.root, generation.bundle),
        (1, root(1), Some(bundle(1).manifest))
    );
    assert_eq!(ledger.known_time().unwrap().unwrap().0, bundle(1).created);
}

#[test]
fn an_import_that_is_not_committed_leaves_no_trace() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one")]).unwrap();
    let before = site.ledger.status().unwrap();
    let import = site.ledger.begin(bundle(2)).unwrap();
    import.artifact(&held("a", "2.0", "two")).unwrap();
    assert_eq!(import.generation(), 2);
    drop(import);
    assert_eq!(site.ledger.status().unwrap(), before);
    assert_eq!(site.versions("a"), ["1.0"]);
    site.import(2, &[held("a", "2.0", "two")]).unwrap();
    assert_eq!(site.versions("a"), ["1.0", "2.0"]);
}

#[test]
fn an_import_sees_what_earlier_bundles_brought_and_what_it_brings() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one"), held("z", "1.0", "z")])
        .unwrap();
    let import = site.ledger.begin(bundle(2)).unwrap();
    import.artifact(&held("a", "2.0", "two")).unwrap();
    let document = Document {
        ecosystem: "pypi".to_owned(),
        name: "q".to_owned(),
        kind: "simple-json".to_owned(),
        digest: Digest::of(b"page"),
        origin: "https://index.example.com/q".to_owned(),
    };
    import.document(&document, 4).unwrap();
    let mut seen = Vec::new();
    import
        .for_each_touched(|name| {
            import.paths(
                name,
                &[RelativePath::new(format!("simple/{}/index.html", name.name)).unwrap()],
            )?;
            let mut held = Vec::new();
            import.for_each_held(name, |one| {
                held.push(one.artifact.version);
                Ok::<_, LedgerError>(())
            })?;
            seen.push((name.name.clone(), held));
            Ok::<_, LedgerError>(())
        })
        .unwrap();
    let versions = vec!["1.0".to_owned(), "2.0".to_owned()];
    assert_eq!(seen, [("a".to_owned(), versions), ("q".to_owned(), Vec::new())]);
    import.commit(root(2), None).unwrap();
    assert_eq!(
        site.ledger.path_owner("pypi/simple/a/index.html").unwrap(),
        Some(full_name("a"))
    );
    assert_eq!(site.ledger.path_owner("pypi/simple/A/index.html").unwrap(), None);
}

#[test]
fn a_version_never_changes_its_bytes() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one")]).unwrap();
    let error = site.import(2, &[held("a", "1.0", "other")]).unwrap_err();
    assert_eq!(error.to_string(), "pypi a 1.0: a-1.0.whl is held with other bytes");
    let Stop::Refused(refusals) = Stop::from(error) else {
        panic!("other bytes are a refusal");
    };
    assert_eq!(refusals[0].code, Code::VersionBytesDiffer);
    assert_eq!(refusals[0].expected, Some(Digest::of(b"one").to_string()));
    assert_eq!(refusals[0].found, Some(Digest::of(b"other").to_string()));
    site.import(2, &[held("a", "1.0", "one")]).unwrap();
}

#[test]
fn a_rollback_does_not_make_other_bytes_acceptable() {
    let mut site = Site::new();
    site.import(1, &[]).unwrap();
    site.import(2, &[held("a", "1.0", "one")]).unwrap();
    site.ledger.rollback(1, "broken", bundle(2).imported, None).unwrap();
    let error = site.import(3, &[held("a", "1.0", "other")]).unwrap_err();
    assert_eq!(code(error), Some(Code::VersionBytesDiffer));
}

#[test]
fn sequence_numbers_only_go_forward() {
    let mut site = Site::new();
    site.import(5, &[]).unwrap();
    let error = site.import(5, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("bundle {} was imported before", bundle(5).manifest)
    );
    assert_eq!(code(error), Some(Code::AlreadyImported));
    let other = BundleRecord {
        manifest: Digest::of(b"other"),
        ..bundle(5)
    };
    assert_eq!(code(site.ledger.begin(other).unwrap_err()), Some(Code::Rollback));
    let error = site.import(4, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bundle build-to-plant 4 does not follow build-to-plant 5"
    );
    let later_epoch = BundleRecord { epoch: 2, ..bundle(1) };
    site.ledger.begin(later_epoch).unwrap().commit(root(2), None).unwrap();
    assert_eq!(code(site.import(6, &[]).unwrap_err()), Some(Code::Rollback));
    let other_stream = BundleRecord {
        stream: "other".to_owned(),
        manifest: Digest::of(b"first of other"),
        ..bundle(1)
    };
    site.ledger.begin(other_stream).unwrap().commit(root(3), None).unwrap();
    let huge = BundleRecord {
        manifest: Digest::of(b"huge"),
        sequence: u64::MAX,
        epoch: 2,
        ..bundle(1)
    };
    let error = site.ledger.begin(huge).unwrap_err();
    assert_eq!(error.to_string(), "the sequence number is larger than the ledger keeps");
}

#[test]
fn the_known_time_only_goes_forward() {
    let site = Site::new();
    let time = Timestamp::from_seconds;
    site.ledger.raise_known_time(time(100), "manifest a").unwrap();
    site.ledger.raise_known_time(time(50), "manifest b").unwrap();
    assert_eq!(
        site.ledger.known_time().unwrap(),
        Some((time(100), "manifest a".to_owned()))
    );
    site.ledger.raise_known_time(time(101), "root 2").unwrap();
    assert_eq!(
        site.ledger.known_time().unwrap(),
        Some((time(101), "root 2".to_owned()))
    );
}

#[test]
fn a_path_belongs_to_one_name_in_one_spelling() {
    let mut site = Site::new();
    let path = |text: &str| [RelativePath::new(text).unwrap()];
    let import = site.ledger.begin(bundle(1)).unwrap();
    import.paths(&full_name("a"), &path("files/Foo.whl")).unwrap();
    import.paths(&full_name("a"), &path("files/Foo.whl")).unwrap();
    let error = import.paths(&full_name("b"), &path("files/Foo.whl")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "files/Foo.whl of pypi/b is also wanted by pypi/files/Foo.whl of pypi/a"
    );
    assert_eq!(code(error), Some(Code::NameCollision));
    for name in ["a", "b"] {
        let error = import.paths(&full_name(name), &path("files/foo.WHL")).unwrap_err();
        assert_eq!(code(error), Some(Code::NameCollision), "{name}");
    }
    // Another ecosystem has another folder.
    let other = Name {
        ecosystem: "files".to_owned(),
        name: "a".to_owned(),
    };
    import.paths(&other, &path("files/foo.whl")).unwrap();
    import.commit(root(1), None).unwrap();
    // The path stays taken until it is swept, since an older generation still shows it.
    let import = site.ledger.begin(bundle(2)).unwrap();
    import.paths(&full_name("b"), &path("files/foo.whl")).unwrap_err();
    drop(import);
    site.ledger.forget_paths(&["pypi/files/Foo.whl".to_owned()]).unwrap();
    let import = site.ledger.begin(bundle(2)).unwrap();
    import.paths(&full_name("b"), &path("files/foo.whl")).unwrap();
}

#[test]
fn a_rollback_takes_away_and_a_rollback_of_it_gives_back() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one")]).unwrap();
    site.import(2, &[held("a", "2.0", "two")]).unwrap();
    let now = bundle(2).imported;
    let third = site.ledger.rollback(1, "2.0 breaks the build", now, None).unwrap();
    assert_eq!((third.number, third.root, third.bundle), (3, root(1), None));
    assert_eq!(third.note, "rollback to 1: 2.0 breaks the build");
    assert_eq!(site.versions("a"), ["1.0"]);
    assert_eq!(
        site.ledger.stream("build-to-plant").unwrap().unwrap().sequence,
        2,
        "state moves forward"
    );
    site.ledger.rollback(2, "it was not that", now, None).unwrap();
    assert_eq!(site.versions("a"), ["1.0", "2.0"]);
    site.ledger.rollback(3, "it was", now, None).unwrap();
    assert_eq!(site.versions("a"), ["1.0"]);
    // A later bundle may bring the same again.
    site.import(3, &[held("a", "2.0", "two"), held("a", "3.0", "three")])
        .unwrap();
    assert_eq!(site.versions("a"), ["1.0", "2.0", "3.0"]);
    let error = site.ledger.rollback(99, "", now, None).unwrap_err();
    assert_eq!(error.to_string(), "there is no generation 99");
    let numbers: Vec<_> = site
        .ledger
        .generations()
        .unwrap()
        .iter()
        .map(|generation| generation.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    site.ledger.forget_generations(&[1, 2, 6], None).unwrap();
    let numbers: Vec<_> = site
        .ledger
        .generations()
        .unwrap()
        .iter()
        .map(|generation| generation.number)
        .collect();
    assert_eq!(numbers, [3, 4, 5, 6], "the newest is never forgotten");
}

#[test]
fn the_list_is_filtered_and_in_order() {
    let mut site = Site::new();
    site.import(1, &[held("beta", "1.0", "b"), held("alpha", "1.0", "a")])
        .unwrap();
    site.import(2, &[held("alpha", "2.0", "aa")]).unwrap();
    let list = |filter: Filter| {
        let mut list = Vec::new();
        site.ledger
            .list(&filter, |entry| {
                list.push(format!("{} {}", entry.artifact.name, entry.artifact.version));
                Ok::<_, LedgerError>(())
            })
            .unwrap();
        list
    };
    assert_eq!(list(Filter::default()), ["alpha 1.0", "alpha 2.0", "beta 1.0"]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        list(Filter {
            name: text("al*"),
            ..Filter::default()
        }),
        ["alpha 1.0", "alpha 2.0"]
    );
    assert_eq!(
        list(Filter {
            name: text("al*"),
            version: text("2.0"),
            ..Filter::default()
        }),
        ["alpha 2.0"]
    );
    assert_eq!(
        list(Filter {
            ecosystem: text("npm"),
            ..Filter::default()
        }),
        Vec::<String>::new()
    );
    assert_eq!(
        list(Filter {
            file: text("beta-1.0.whl"),
            ..Filter::default()
        }),
        ["beta 1.0"]
    );
    assert_eq!(
        list(Filter {
            name: text("' OR 1 --"),
            ..Filter::default()
        }),
        Vec::<String>::new()
    );
}

#[test]
fn a_rolled_back_artifact_is_listed_only_when_asked_for() {
    let mut site = Site::new();
    site.import(1, &[]).unwrap();
    site.import(2, &[held("a", "1.0", "one")]).unwrap();
    site.ledger.rollback(1, "no", bundle(2).imported, None).unwrap();
    let list = |presence| {
        let mut list = Vec::new();
        let filter = Filter {
            presence,
            ..Filter::default()
        };
        site.ledger
            .list(&filter, |entry| {
                list.push((entry.artifact.version, entry.is_current));
                Ok::<_, LedgerError>(())
            })
            .unwrap();
        list
    };
    assert_eq!(list(Presence::Current), []);
    assert_eq!(list(Presence::Any), [("1.0".to_owned(), false)]);
}

#[test]
fn a_digest_tells_what_it_is() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one")]).unwrap();
    site.import(2, &[held("a", "1.0", "one"), held("b", "1.0", "two")])
        .unwrap();
    let uses = |text: &str| site.ledger.uses(&Digest::of(text.as_bytes())).unwrap();
    let [Use::Artifact(entry)] = &uses("one")[..] else {
        panic!("an artifact");
    };
    assert_eq!((entry.artifact.name.as_str(), entry.size), ("a", 3));
    assert_eq!((entry.first_bundle.sequence, entry.last_bundle.sequence), (1, 2));
    assert!(matches!(&uses("proof of two")[..], [Use::Proof(entry)] if entry.artifact.name == "b"));
    assert!(matches!(&uses("METADATA one")[..], [Use::Derived(label, _)] if label == "metadata"));
    assert!(matches!(&uses("manifest 2")[..], [Use::Manifest(bundle)] if bundle.sequence == 2));
    assert_eq!(uses("nothing"), []);
    let needs = |text: &str| site.ledger.needs(&Digest::of(text.as_bytes())).unwrap();
    assert!(needs("one") && needs("METADATA one") && needs("manifest 1") && !needs("nothing"));
}

#[test]
fn status_counts_what_clients_find() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one"), held("a", "2.0", "four")])
        .unwrap();
    site.ledger
        .volume_came(&Digest::of(b"coming"), 2, Timestamp::from_seconds(9))
        .unwrap();
    site.ledger
        .volume_came(&Digest::of(b"coming"), 1, Timestamp::from_seconds(8))
        .unwrap();
    site.ledger
        .volume_came(&Digest::of(b"coming"), 1, Timestamp::from_seconds(7))
        .unwrap();
    let status = site.ledger.status().unwrap();
    assert_eq!((status.bundles, status.last_bundle), (1, Some(bundle(1))));
    let pypi = &status.ecosystems[0];
    assert_eq!(
        (pypi.ecosystem.as_str(), pypi.names, pypi.artifacts, pypi.bytes),
        ("pypi", 1, 2, 7)
    );
    assert_eq!(
        (status.unfinished.len(), &status.unfinished[0].volumes),
        (1, &vec![1, 2])
    );
    assert_eq!(status.unfinished[0].seen, Timestamp::from_seconds(9));
    site.ledger.forget_volumes(&Digest::of(b"coming")).unwrap();
    assert_eq!(site.ledger.unfinished().unwrap(), []);
}

#[test]
fn an_import_forgets_its_volumes() {
    let mut site = Site::new();
    site.ledger
        .volume_came(&bundle(1).manifest, 1, Timestamp::from_seconds(9))
        .unwrap();
    assert_eq!(site.ledger.volumes(&bundle(1).manifest).unwrap(), [1]);
    site.import(1, &[]).unwrap();
    assert_eq!(site.ledger.volumes(&bundle(1).manifest).unwrap(), Vec::<u32>::new());
}

#[test]
fn files_that_are_no_ledger_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let error = Ledger::open(&path).unwrap_err();
    assert!(error.to_string().starts_with("there is no ledger at "), "{error}");
    std::fs::write(&path, "not a database, and long enough to be looked at as one").unwrap();
    let error = Ledger::open(&path).unwrap_err();
    assert!(error.to_string().ends_with("is not a ledger"), "{error}");
    assert_eq!(code(error), Some(Code::StateRolledBack));
    std::fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(other);
    assert!(matches!(Ledger::open(&path), Err(LedgerError::NotALedger { .. })));
    assert!(matches!(Ledger::create(&path), Err(LedgerError::Exists { .. })));
}

#[test]
fn a_newer_ledger_is_refused() {
    let site = Site::new();
    let path = site.path();
    drop(site.ledger);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = Ledger::open(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has schema 99, and this program knows up to 7"),
        "{error}"
    );
}

#[test]
fn states_of_upstreams_only_move_forward() {
    let mut site = Site::new();
    let state = |place: u64, mark: &str| UpstreamState {
        kind: "sumdb".to_owned(),
        subject: "sum.example.com".to_owned(),
        order: Order::Sizes,
        place,
        mark: Some(mark.to_owned()),
        goes_with: Vec::new(),
    };
    let seen = |site: &Site| {
        let states = site.ledger.upstream_states().unwrap();
        states
            .into_iter()
            .map(|seen| (seen.place, seen.mark.unwrap(), seen.exported.seconds()))
            .collect::<Vec<_>>()
    };
    for (sequence, place, expected) in [(1, 10, 10), (2, 9, 10), (3, 10, 10), (4, 11, 11)] {
        let import = site.ledger.begin(bundle(sequence)).unwrap();
        let exported = Timestamp::from_seconds(i64::try_from(sequence).unwrap());
        import
            .upstream_state(&state(place, &format!("root {sequence}")), exported)
            .unwrap();
        import.commit(root(sequence), None).unwrap();
        assert_eq!(seen(&site)[0].0, expected);
    }
    assert_eq!(seen(&site), [(11, "root 4".to_owned(), 4)]);
    // An import that does not happen has shown nothing.
    let import = site.ledger.begin(bundle(5)).unwrap();
    import
        .upstream_state(&state(12, "root 5"), Timestamp::from_seconds(5))
        .unwrap();
    drop(import);
    assert_eq!(seen(&site)[0].0, 11);
    let huge = site.ledger.begin(bundle(5)).unwrap();
    assert!(
        huge.upstream_state(&state(u64::MAX, ""), Timestamp::from_seconds(5))
            .is_err()
    );
}

#[test]
fn a_ledger_of_schema_3_learns_of_upstreams() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one")]).unwrap();
    let path = site.path();
    drop(site.ledger);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TABLE upstream_states; DROP TABLE log; DROP TABLE statements; DROP TABLE pruned; \
             PRAGMA user_version = 3;",
        )
        .unwrap();
    drop(connection);
    let ledger = Ledger::open(&path).unwrap();
    assert_eq!(ledger.upstream_states().unwrap(), []);
    assert_eq!(ledger.held(&full_name("a")).unwrap().len(), 1);
}

#[test]
fn a_reader_does_not_wait_for_an_import() {
    let mut site = Site::new();
    site.import(1, &[held("a", "1.0", "one")]).unwrap();
    let path = site.path();
    let import = site.ledger.begin(bundle(2)).unwrap();
    import.artifact(&held("a", "2.0", "two")).unwrap();
    let reader = Ledger::open(&path).unwrap();
    assert_eq!(reader.held(&full_name("a")).unwrap().len(), 1);
    import.commit(root(2), None).unwrap();
    assert_eq!(reader.held(&full_name("a")).unwrap().len(), 2);
}

#[test]
fn a_name_that_could_be_taken_for_a_held_one_is_refused() {
    let mut site = Site::new();
    let of = |ecosystem: &str, name: &str, text: &str| {
        let mut held = held(name, "1.0", text);
        held.artifact.ecosystem = ecosystem.to_owned();
        held
    };
    site.import(1, &[of("cargo", "foo-bar", "one"), of("npm", "foo-bar", "two")])
        .unwrap();
    // Cargo takes `-` and `_` for the same when it looks a crate up; npm does not.
    site.import(2, &[of("npm", "foo_bar", "three")]).unwrap();
    let error = site.import(3, &[of("cargo", "foo_bar", "four")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cargo/foo_bar could be taken for foo-bar, which is held"
    );
    assert_eq!(code(error), Some(Code::NameCollision));
    assert!(site.import(3, &[of("npm", "Foo-bar", "five")]).is_err());
}
