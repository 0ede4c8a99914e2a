use super::*;
use crate::bundle::manifest::tests::sample;
use crate::import::scan;
use crate::model::{Proof, ProofState};
use crate::report::ScannerRun;
use crate::trust::custody::{Link, Record, Seal, Word};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn scan_of(told: Vec<Told>) -> ScannedBy {
    let found = told.iter().filter(|told| told.result == TrustTold::Found).count();
    ScannedBy {
        definitions: None,
        engine: "clamav".to_owned(),
        found: found as u64,
        objects: 3,
        problem: None,
        unclear: (told.len() - found) as u64,
        told,
        version: None,
    }
}

fn of(object: &[u8], result: TrustTold, detail: &str) -> Told {
    Told {
        detail: detail.to_owned(),
        object: Digest::of(object),
        result,
    }
}

/// A record of somebody with the role `import`.
fn link(event: CustodyEvent, change: impl Fn(&mut Record)) -> Link {
    let mut record = Record::plain(event, NOW);
    change(&mut record);
    Link {
        digest: Digest::of(record.event.to_string().as_bytes()),
        file: format!("{}.json", record.event),
        keys: BTreeSet::new(),
        persons: BTreeSet::from(["carl".to_owned()]),
        reason: None,
        record: Some(record),
        roles: BTreeSet::from([Role::Import]),
        word: Word::Counts,
    }
}

fn chain(links: Vec<Link>) -> Chain {
    let mut chain = Chain::default();
    chain.links = links;
    chain
}

/// What the policy is told of the only volume.
fn volume(links: Vec<Link>) -> VolumeCustody {
    let custodied = Custodied::of(&chain(links), &sample(), &["dora".to_owned()]);
    custodied.facts.volumes[&1].clone()
}

fn sealed(event: CustodyEvent, number: &str, state: SealState) -> Link {
    link(event, |record| {
        record.seal = Some(Seal {
            number: number.to_owned(),
            state,
        });
    })
}

#[test]
fn a_seal_was_found_if_it_is_intact_and_has_the_number_that_was_put_on() {
    let found = |number, state| {
        volume(vec![
            sealed(CustodyEvent::Sealed, "S-1", SealState::Intact),
            sealed(CustodyEvent::Received, number, state),
        ])
        .seal_was_found
    };
    assert!(found("S-1", SealState::Intact));
    assert!(!found("S-2", SealState::Intact));
    assert!(!found("S-1", SealState::Broken));
}

#[test]
fn clean_is_what_somebody_scanned_and_every_scanner_found_nothing_in() {
    let scanned = |scans: Vec<ScannedBy>| {
        let looked = volume(vec![link(CustodyEvent::Scanned, |record| record.scans = scans.clone())]);
        looked.clean.contains_key(&ScanRole::Import)
    };
    let found = || scan_of(vec![of(b"a", TrustTold::Found, "Eicar")]);
    assert!(scanned(vec![scan_of(Vec::new())]));
    assert!(!scanned(Vec::new()), "nobody looked");
    assert!(!scanned(vec![found()]));
    assert!(!scanned(vec![scan_of(Vec::new()), found()]));
}

#[test]
fn what_was_found_is_told_before_what_was_not_scanned() {
    let told = vec![
        of(b"a", TrustTold::NotScanned, "encrypted"),
        of(b"b", TrustTold::Found, "Eicar"),
    ];
    let way = |told| WayScan {
        role: ScanRole::Import,
        at: NOW,
        scan: scan_of(told),
    };
    let artifact = |objects: &[&[u8]]| Artifact {
        proofs: vec![Proof {
            kind: "openpgp".to_owned(),
            objects: objects[1..].iter().map(|object| Digest::of(object)).collect(),
            state: ProofState::Present,
        }],
        ..Artifact::plain("files", "tool", "1", "tool", Digest::of(objects[0]))
    };
    let said = |objects: &[&[u8]]| way(told.clone()).of(&artifact(objects)).result;
    assert_eq!(said(&[b"a", b"b"]), ScanResult::Found("Eicar".to_owned()));
    assert_eq!(said(&[b"a"]), ScanResult::NotScanned("encrypted".to_owned()));
    assert_eq!(said(&[b"c"]), ScanResult::Clean);
}

#[test]
fn only_records_that_count_are_kept() {
    let (counts, foreign) = (
        link(CustodyEvent::Sealed, |_| ()),
        Link {
            word: Word::Foreign,
            ..link(CustodyEvent::Received, |_| ())
        },
    );
    let files = [("sealed.json", b"1"), ("received.json", b"2"), ("sealed.json", b"1")];
    let files: Vec<UntrustedRecord> = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).to_vec();
    assert_eq!(counting(&chain(vec![counts, foreign]), &files), [b"1"]);
}

#[test]
fn a_scanner_is_told_with_its_own_answers_and_a_version_that_says_something() {
    let run = |engine: &str, version: &str| ScannerRun {
        definitions: None,
        engine: engine.to_owned(),
        found: 1,
        objects: 2,
        problem: None,
        unclear: 0,
        version: version.to_owned(),
    };
    let line = |engine: &str, object: &[u8], name: &str| scan::Told {
        detail: name.to_owned(),
        digest: Digest::of(object),
        engine: engine.to_owned(),
        found: true,
    };
    let runs = [run("second", " "), run("first", "1.4")];
    let lines = [line("second", b"a", "Two"), line("first", b"b", "One")];
    let scanned = Scanned::again(&runs, lines, NOW);
    let told: Vec<(String, Option<String>, Vec<String>)> = scans(&scanned)
        .into_iter()
        .map(|scan| {
            (
                scan.engine,
                scan.version,
                scan.told.into_iter().map(|told| told.detail).collect(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("first".to_owned(), Some("1.4".to_owned()), vec!["One".to_owned()]),
            ("second".to_owned(), None, vec!["Two".to_owned()]),
        ]
    );
}

#[test]
fn what_cannot_be_read_to_its_end_has_no_digest() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"volume").unwrap();
    assert_eq!(digest_of(file.path()).unwrap(), Digest::of(b"volume"));
    // A plain file of the kernel's, of whose first page nothing is there.
    assert!(matches!(digest_of(Path::new("/proc/self/mem")), Err(Stop::Unable(_))));
}
