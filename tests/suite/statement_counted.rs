//! What statements that count come to: which holds are in force and on what, and which reports are known to be gone.

use std::collections::BTreeSet;
use std::fs;

use sealift::crypto::strict_json;
use sealift::ledger::{Entry, Filter, GenerationRecord, Ledger, LedgerError, Presence, StatementRecord};
use sealift::model::{Digest, Stop, Timestamp};
use sealift::report::ReportError;
use sealift::retention;
use sealift::statement::{Absent, Covered, Holds, Renewals, RenewedFile, Statements, check_list};
use sealift::trust::{Kind, Revocation, Revocations, Revoked};
use serde_json::{Value, json};

use crate::ledger::{bundle, held, root};
use crate::ledger_told::judgement;
use crate::people::{self, ANN, BOB, CYD, EXPORTER, STATION};
use crate::statement::{absent, good, pruned};

/// An enclave's statements, as they are written one after the other.
struct Stated {
    folder: tempfile::TempDir,
    records: Vec<StatementRecord>,
}

impl Stated {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("statements")).unwrap();
        Self {
            folder,
            records: Vec::new(),
        }
    }

    /// Writes a statement in which something else stands, and gives its digest.
    fn add(&mut self, kind: Kind, change: impl FnOnce(&mut Value), signers: &[u8]) -> String {
        let mut body = good(kind);
        body["enclave"] = json!(people::id(STATION).digest().to_string());
        change(&mut body);
        let payload = strict_json::write(&body);
        let number = self.records.len() as u64 + 1;
        let record = StatementRecord {
            number,
            what: kind.name().to_owned(),
            digest: Digest::of(&payload),
            time: people::now(),
        };
        let path = format!("statements/{number:06}-{}.dsse.json", kind.name());
        let envelope = people::sealed(kind, &payload, signers).write();
        fs::write(self.folder.path().join(path), envelope).unwrap();
        let digest = record.digest.to_string();
        self.records.push(record);
        digest
    }

    fn hold(&mut self, name: &str, scope: Value) -> String {
        let change = |body: &mut Value| {
            body["name"] = json!(name);
            body["scope"] = scope;
        };
        self.add(Kind::Hold, change, &[ANN])
    }

    fn load(&self) -> Statements {
        let statements = self.load_without(None);
        statements.check().unwrap();
        statements
    }

    fn load_without(&self, revocations: Option<&Revocations>) -> Statements {
        let roots = [people::pinned(&people::root())];
        Statements::load(self.folder.path(), self.records.clone(), &roots, revocations).unwrap()
    }
}

/// That a numbered key is no good any more, since some time or ever.
fn revoking(number: u8, invalid_since: Option<Timestamp>) -> Revocations {
    Revocations {
        created: people::now(),
        critical: Default::default(),
        ext: Default::default(),
        revoked: vec![Revocation {
            invalid_since,
            reason: "the disk was stolen".to_owned(),
            what: Revoked::Key(people::id(number).to_string()),
        }],
        version: 1,
    }
}

fn names<const COUNT: usize>(names: [&str; COUNT]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_release_ends_the_hold_that_it_names() {
    let mut stated = Stated::new();
    stated.hold("one", json!({ "kind": "everything" }));
    let two = stated.hold("two", json!({ "kind": "everything" }));
    stated.add(Kind::Release, |body| body["hold"] = json!(two), &[ANN, BOB]);
    let statements = stated.load();
    let holds = Holds::of(&statements);
    let active: Vec<&str> = holds.active().map(|held| held.hold.name.as_str()).collect();
    assert_eq!((holds.all().len(), active), (2, vec!["one"]));
    // Its scope is told by a report's head.
    assert!(!holds.needs_records());
}

#[test]
fn a_document_is_held_by_what_it_is_about() {
    let mut stated = Stated::new();
    stated.hold("name", json!({ "kind": "purl", "purl": "pkg:pypi/demo" }));
    let statements = stated.load();
    let holds = Holds::of(&statements);
    assert!(holds.needs_records());
    let on = |purl: &str| holds.on_document(None, people::now(), &[purl.to_owned()], &[]);
    assert_eq!(on("pkg:pypi/demo@1"), names(["name"]));
    assert_eq!(on("pkg:pypi/other@1"), names([]));
}

/// A ledger with one artifact of one bundle, on which a key rests.
fn imported() -> (tempfile::TempDir, Ledger, Entry) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    let import = ledger.begin(bundle(1)).unwrap();
    let recorded = import.artifact(&held("a", "1", "a")).unwrap();
    import.judgement(recorded, &judgement("AA11", "{}")).unwrap();
    import.commit(root(1), None).unwrap();
    let mut entries = Vec::new();
    let filter = Filter {
        presence: Presence::Any,
        ..Filter::default()
    };
    ledger
        .list(&filter, |entry| {
            entries.push(entry);
            Ok::<_, LedgerError>(())
        })
        .unwrap();
    (folder, ledger, entries.remove(0))
}

#[test]
fn an_artifact_is_held_by_its_bundle_its_keys_its_days_and_its_name() {
    let (_folder, ledger, entry) = imported();
    let day = |from: i64, until: i64| {
        let time = |seconds: i64| Timestamp::from_seconds(seconds).to_string();
        json!({ "from": time(from), "kind": "dates", "until": time(until) })
    };
    let manifest = |sequence: u64| json!({ "kind": "bundle", "manifest": bundle(sequence).manifest });
    let key = |key: &str| json!({ "kind": "key", "key": key });
    let purl = |purl: &str| json!({ "kind": "purl", "purl": purl });
    for (scope, is_held) in [
        (manifest(1), true),
        (manifest(2), false),
        (key("AA11"), true),
        (key("BB22"), false),
        (day(1_999_999, 2_000_001), true),
        (day(2_000_001, 2_000_002), false),
        (purl("pkg:pypi/a"), true),
        (purl("pkg:pypi/b"), false),
    ] {
        let mut stated = Stated::new();
        stated.hold("case", scope.clone());
        let statements = stated.load();
        let holds = Holds::of(&statements);
        let expected = if is_held { names(["case"]) } else { names([]) };
        assert_eq!(holds.on_entry(&ledger, &entry).unwrap(), expected, "{scope}");
    }
}

#[test]
fn a_generation_is_held_by_the_bundle_that_brought_what_is_held() {
    let (folder, ledger, _) = imported();
    let generation = |number: u64| GenerationRecord {
        number,
        root: root(number),
        bundle: Some(bundle(number).manifest),
        time: Timestamp::from_seconds(0),
        note: String::new(),
    };
    for (purl, expected) in [("pkg:pypi/a", vec![1]), ("pkg:pypi/b", Vec::new())] {
        let mut stated = Stated::new();
        stated.hold("case", json!({ "kind": "purl", "purl": purl }));
        let statements = stated.load();
        let held = Holds::of(&statements).on_generations(&ledger, &[generation(1), generation(2)]);
        assert_eq!(held.unwrap().into_iter().collect::<Vec<_>>(), expected, "{purl}");
    }
    // What the memory does not tell is not taken for nothing.
    let connection = rusqlite::Connection::open(folder.path().join("state.db")).unwrap();
    connection
        .execute_batch("ALTER TABLE artifacts RENAME TO others")
        .unwrap();
    let mut stated = Stated::new();
    stated.hold("case", json!({ "kind": "purl", "purl": "pkg:pypi/a" }));
    let statements = stated.load();
    assert!(
        Holds::of(&statements)
            .on_generations(&ledger, &[generation(1)])
            .is_err()
    );
}

#[test]
fn a_lost_report_is_told_with_those_who_took_note_of_it() {
    let mut stated = Stated::new();
    let of = |number: u64, reason: &'static str| {
        move |body: &mut Value| {
            body["reports"] = json!([absent(number)]);
            body["reason"] = json!(reason);
        }
    };
    stated.add(Kind::Loss, of(1, "the disk"), &[ANN, BOB]);
    stated.add(Kind::Loss, of(2, "the fire"), &[BOB, CYD]);
    let statements = stated.load();
    let lost = Absent::of(&statements).lost(&statements);
    let told: Vec<_> = lost
        .iter()
        .map(|lost| {
            (
                lost.number,
                lost.statement,
                lost.persons.join(" "),
                lost.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, "ann bob".to_owned(), "the disk"),
            (2, 2, "bob cyd".to_owned(), "the fire"),
        ]
    );
}

#[test]
fn a_report_that_is_gone_follows_the_one_before() {
    let mut stated = Stated::new();
    let head = Digest::of(b"head");
    let change = |body: &mut Value| {
        let mut third = absent(3);
        third["previous"] = json!(head);
        body["reports"] = json!([absent(1), third]);
    };
    stated.add(Kind::Loss, change, &[ANN, BOB]);
    let statements = stated.load();
    let all = Absent::of(&statements);
    let (first, third) = (all.get(1).unwrap(), all.get(3).unwrap());
    assert!(first.check_order(None).is_ok() && third.check_order(Some(&(2, head))).is_ok());
    assert!(first.check_order(Some(&(0, head))).is_err());
    assert!(third.check_order(None).is_err());
    for before in [(1, head), (3, head), (2, Digest::of(b"other"))] {
        assert!(third.check_order(Some(&before)).is_err(), "{before:?}");
    }
}

#[test]
fn what_was_to_be_removed_stays_where_a_hold_came_since() {
    for (is_since, removed) in [(false, 1), (true, 0)] {
        let mut stated = Stated::new();
        let path = stated.folder.path().join("reports/x.ndjson");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(&path, "reports/x.ndjson").unwrap();
        let scope = json!({ "kind": "purl", "purl": "pkg:pypi/demo" });
        let change = |body: &mut Value| body["entries"] = json!([pruned("capsule", "reports/x.ndjson")]);
        if !is_since {
            stated.hold("before", scope.clone());
        }
        stated.add(Kind::Tombstone, change, &[STATION]);
        if is_since {
            stated.hold("since", scope);
        }
        let statements = stated.load();
        let holds = Holds::of(&statements);
        let ledger = Ledger::create(&stated.folder.path().join("state.db")).unwrap();
        let finished = retention::finish(stated.folder.path(), &ledger, &statements, &holds).unwrap();
        assert_eq!((finished, path.exists()), (removed, is_since));
    }
}

#[test]
fn a_list_that_cannot_be_read_is_not_called_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (covered, bytes) = Covered::of(&[]);
    let path = folder.path().join("list");
    fs::write(&path, bytes).unwrap();
    check_list(&path, &covered).unwrap();
    assert!(matches!(check_list(folder.path(), &covered), Err(Stop::Unable(_))));
}

#[test]
fn a_renewal_covers_a_file_by_every_digest_and_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report");
    fs::write(&file, "report").unwrap();
    let good = RenewedFile::of(folder.path(), "report").unwrap();
    let covering = |change: fn(&mut RenewedFile)| {
        let mut listed = good.clone();
        change(&mut listed);
        let (covered, bytes) = Covered::of(&[listed]);
        let mut stated = Stated::new();
        let change = |body: &mut Value| body["list"] = serde_json::to_value(&covered).unwrap();
        stated.add(Kind::Renewal, change, &[STATION]);
        fs::write(
            stated.folder.path().join("statements/000001-renewal.list.ndjson"),
            bytes,
        )
        .unwrap();
        let statements = stated.load();
        let renewals = Renewals::of(stated.folder.path(), &statements).unwrap();
        renewals.covering(&file).unwrap().len()
    };
    assert_eq!(covering(|_| {}), 1);
    assert_eq!(covering(|listed| listed.sha512 = "0a".repeat(64)), 0);
    assert_eq!(covering(|listed| listed.size += 1), 0);
    assert_eq!(covering(|listed| listed.digest = Digest::of(b"other")), 0);
}

#[test]
fn whoever_loses_a_key_ends_no_hold_and_makes_a_release_lapse() {
    let mut stated = Stated::new();
    let hold = stated.hold("case", json!({ "kind": "everything" }));
    stated.add(Kind::Release, |body| body["hold"] = json!(hold), &[ANN, BOB]);
    assert_eq!(Holds::of(&stated.load()).active().count(), 0);
    let statements = stated.load_without(Some(&revoking(ANN, None)));
    assert_eq!(Holds::of(&statements).active().count(), 1);
    let lapsed: Vec<_> = statements
        .lapsed()
        .map(|(stated, reason)| (stated.record.number, reason))
        .collect();
    assert_eq!(lapsed, [(2, "the disk was stolen")]);
}

#[test]
fn a_renewal_spares_a_report_only_by_another_key_and_from_before() {
    let mut stated = Stated::new();
    let file = stated.folder.path().join("report");
    fs::write(&file, "report").unwrap();
    let (covered, bytes) = Covered::of(&[RenewedFile::of(stated.folder.path(), "report").unwrap()]);
    let change = |body: &mut Value| body["list"] = serde_json::to_value(&covered).unwrap();
    stated.add(Kind::Renewal, change, &[STATION]);
    fs::write(
        stated.folder.path().join("statements/000001-renewal.list.ndjson"),
        bytes,
    )
    .unwrap();
    let statements = stated.load();
    let renewals = Renewals::of(stated.folder.path(), &statements).unwrap();
    let created: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    for (number, since, is_spared) in [
        (EXPORTER, created.plus_seconds(1), true),
        (EXPORTER, created, false),
        (STATION, created.plus_seconds(1), false),
    ] {
        let revocations = revoking(number, Some(since));
        let error = ReportError::KeyRevoked {
            key: people::id(number).to_string(),
            reason: "the disk was stolen".to_owned(),
            since: Some(since),
        };
        let spared = renewals.spare(&file, &error, Some(&revocations)).unwrap();
        assert_eq!(
            spared.map(|(_, statement)| statement),
            is_spared.then_some(1),
            "{number}"
        );
    }
}
