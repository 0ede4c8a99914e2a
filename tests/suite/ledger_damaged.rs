//! A ledger of which one row cannot be read: whatever is asked that needs it says so, and nothing is told without it. And what two rows have in common is not
//! taken for one.

use std::collections::BTreeMap;

use rusqlite::Connection;
use sealift::ledger::{Filter, Judgement, Ledger, LedgerError, Use, rests_on};
use sealift::model::{Digest, Doubt, Fault, Finding, Level, Signer, Timestamp};

use crate::ledger::{bundle, full_name, held, root};

/// Asks a ledger something.
type Question = (&'static str, fn(&Ledger) -> Result<(), LedgerError>);

fn nothing<T>(_: T) -> Result<(), LedgerError> {
    Ok(())
}

/// What needs the row of the artifact `a`.
const QUESTIONS: [Question; 7] = [
    ("what is held", |ledger| ledger.held(&full_name("a")).map(drop)),
    ("the list", |ledger| ledger.list(&Filter::default(), nothing)),
    ("what a bundle brought", |ledger| {
        ledger.brought_by(&bundle(1).manifest, nothing)
    }),
    ("what stands on little", |ledger| {
        ledger.below(Level::Publisher, nothing)
    }),
    ("what changed", |ledger| {
        ledger.changed(Timestamp::from_seconds(0), Timestamp::from_seconds(i64::MAX), nothing)
    }),
    ("what a digest is", |ledger| ledger.uses(&Digest::of(b"one")).map(drop)),
    ("what a proof is of", |ledger| {
        ledger.uses(&Digest::of(b"proof of one")).map(drop)
    }),
];

#[test]
fn a_row_that_cannot_be_read_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let mut ledger = Ledger::create(&path).unwrap();
    let import = ledger.begin(bundle(1)).unwrap();
    import.artifact(&held("a", "1", "one")).unwrap();
    import.commit(root(1), None).unwrap();
    for (what, ask) in QUESTIONS {
        ask(&ledger).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let derived = Digest::of(b"METADATA one");
    assert!(matches!(ledger.uses(&derived).unwrap()[..], [Use::Derived(..)]));
    // No list of proofs, though the digest of one stands in it.
    let damaged = format!("[ {}", Digest::of(b"proof of one"));
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE artifacts SET proofs = ?1", [damaged])
        .unwrap();
    for (what, ask) in QUESTIONS {
        assert!(ask(&ledger).is_err(), "{what}");
    }
    assert!(ledger.uses(&derived).is_err());
}

#[test]
fn a_derived_object_is_called_as_its_own_artifact_calls_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    let shared = (Digest::of(b"derived from both"), 7);
    let import = ledger.begin(bundle(1)).unwrap();
    for (version, label) in [("1", "metadata"), ("2", "page")] {
        let mut held = held("a", version, version);
        let own = (Digest::of(version.as_bytes()), 1);
        held.derived = BTreeMap::from([("first".to_owned(), own), (label.to_owned(), shared)]);
        import.artifact(&held).unwrap();
    }
    import.commit(root(1), None).unwrap();
    let mut labels: Vec<(String, String)> = ledger
        .uses(&shared.0)
        .unwrap()
        .into_iter()
        .map(|one| match one {
            Use::Derived(label, entry) => (entry.artifact.version, label),
            other => panic!("{other:?}"),
        })
        .collect();
    labels.sort();
    let expected = [("1", "metadata"), ("2", "page")].map(|(version, label)| (version.to_owned(), label.to_owned()));
    assert_eq!(labels, expected);
}

#[test]
fn volumes_of_two_bundles_are_counted_by_their_bundles() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    for (sequence, volume) in [(1, 1), (1, 2), (2, 1)] {
        let seen = Timestamp::from_seconds(i64::from(volume));
        ledger.volume_came(&bundle(sequence).manifest, volume, seen).unwrap();
    }
    let mut counts: Vec<usize> = ledger
        .unfinished()
        .unwrap()
        .iter()
        .map(|one| one.volumes.len())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
}

#[test]
fn what_stands_in_the_way_of_a_new_ledger_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("state.new")).unwrap();
    let Err(LedgerError::File { path, .. }) = Ledger::create(&folder.path().join("state.db")) else {
        panic!("a folder was removed, or passed over");
    };
    assert_eq!(path, folder.path().join("state.db"));
}

#[test]
fn what_is_not_confirmed_is_remembered_of_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
    let key = |fingerprint: &str| Signer::Key {
        fingerprint: fingerprint.to_owned(),
        owner: None,
        subkey: None,
    };
    let anchored = |finding: Finding, fingerprint: &str| Finding {
        anchors: vec![format!("anchor of {fingerprint}")],
        ..finding.by(key(fingerprint))
    };
    let import = ledger.begin(bundle(1)).unwrap();
    let recorded = import.artifact(&held("a", "1", "one")).unwrap();
    let judgement = Judgement {
        level: Level::Publisher,
        findings: vec![
            anchored(Finding::confirmed("minisign", Level::Publisher, "good"), "AA11"),
            anchored(Finding::confirmed("npm-signature", Level::Registry, "good"), "BB22"),
            anchored(Finding::undecided("openpgp", Doubt::OutOfScope, "who is it"), "CC33"),
            anchored(
                Finding::contradicted("openpgp", Fault::Revoked, "it was stolen"),
                "DD44",
            ),
        ],
        decision: "{}".to_owned(),
        judged: Timestamp::from_seconds(3_000_000),
    };
    import.judgement(recorded, &judgement).unwrap();
    import.commit(root(1), None).unwrap();
    assert_eq!(ledger.signers(&full_name("a")).unwrap(), [key("AA11")]);
    for (finding, rests, is_anchored) in [(0, true, true), (1, true, true), (2, false, false), (3, true, false)] {
        let finding = &judgement.findings[finding];
        let fingerprint = finding.signers[0].keys().next().unwrap();
        for (asked, expected) in [
            (fingerprint.to_owned(), rests),
            (finding.anchors[0].clone(), is_anchored),
        ] {
            let mut found = 0;
            let count = |_| {
                found += 1;
                nothing(())
            };
            ledger.resting_on(&asked, count).unwrap();
            assert_eq!((found > 0, rests_on(finding, &asked)), (expected, expected), "{asked}");
        }
    }
}
