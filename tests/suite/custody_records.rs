//! Records of custody, read one by one: what no record is, and what each says in words.

use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::model::{Digest, Timestamp};
use sealift::trust::custody::{About, Chain, Link, MAX_CUSTODY_BYTES, MAX_CUSTODY_RECORDS, Record, Word};
use sealift::trust::{Kind, Role};
use serde_json::{Value, json};

use crate::people;

fn record() -> Value {
    json!({
        "at": "2026-11-20T12:00:00Z", "created": "2026-11-20T12:00:00Z", "critical": [], "event": "received", "format": 1,
        "manifest": Digest::of(b"manifest"), "previous": [], "time_by": "clock",
    })
}

/// What becomes of a file that lies beside a bundle of so many volumes.
fn word(file: Vec<u8>) -> (Word, String) {
    let root = people::root();
    let about = About {
        manifest: Digest::of(b"manifest"),
        now: "2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap(),
        volumes: Some(10_000),
        revocations: None,
    };
    let chain = Chain::judge(&[("a.custody-1.dsse.json".to_owned(), file)], &[&root], &about);
    let link = &chain.links[0];
    (link.word, link.reason.clone().unwrap_or_default())
}

fn sealed(kind: Kind, record: &Value) -> Envelope {
    people::sealed(kind, &strict_json::write(record), &[people::EXPORTER])
}

#[test]
fn a_record_is_of_its_own_kind_and_of_bounded_length() {
    assert_eq!(word(sealed(Kind::Custody, &record()).write()).0, Word::Counts);
    // The exporter's own key under another kind of document.
    let (other, reason) = word(sealed(Kind::Manifest, &record()).write());
    assert_eq!(other, Word::Unreadable, "{reason}");
    let with = |count: u64| {
        let mut long = record();
        let digest = Digest::of(b"volume");
        let volumes = (1..=count).map(|number| json!({ "digest": digest, "number": number }));
        long["volumes"] = volumes.collect();
        sealed(Kind::Custody, &long).write()
    };
    let most = with(1_500);
    assert!(most.len() < MAX_CUSTODY_BYTES);
    assert_eq!(word(most).0, Word::Counts);
    let longer = with(3_000);
    assert!(longer.len() > MAX_CUSTODY_BYTES);
    let (long, reason) = word(longer);
    assert_eq!(long, Word::Unreadable);
    assert!(reason.contains("it has more than"), "{reason}");
}

fn about() -> About<'static> {
    About {
        manifest: Digest::of(b"manifest"),
        now: "2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap(),
        volumes: Some(1),
        revocations: None,
    }
}

#[test]
fn so_many_records_are_looked_at() {
    let root = people::root();
    let files = |count: usize| -> Vec<(String, Vec<u8>)> {
        let file = |number: usize| {
            (
                format!("a.custody-{number}.dsse.json"),
                format!("{number}").into_bytes(),
            )
        };
        (0..count).map(file).collect()
    };
    let chain = |count: usize| Chain::judge(&files(count), &[&root], &about());
    let told = |chain: &Chain| {
        chain
            .troubles
            .iter()
            .filter(|trouble| trouble.subject == "custody records")
            .count()
    };
    let (most, more) = (chain(MAX_CUSTODY_RECORDS), chain(MAX_CUSTODY_RECORDS + 1));
    assert_eq!((most.links.len(), told(&most)), (MAX_CUSTODY_RECORDS, 0));
    assert_eq!((more.links.len(), told(&more)), (MAX_CUSTODY_RECORDS, 1));
}

#[test]
fn nobody_unknown_makes_a_record_count() {
    let root = people::root();
    let record = strict_json::write(&record());
    let by = |signer: u8| {
        vec![(
            "a.custody-1.dsse.json".to_owned(),
            people::sealed(Kind::Custody, &record, &[signer]).write(),
        )]
    };
    let (known, unknown) = (by(people::EXPORTER), by(99));
    let manifests = |files: &[(String, Vec<u8>)]| Chain::manifests(files, &[&root], about().now).len();
    assert_eq!((manifests(&known), manifests(&unknown)), (1, 0));
    let counting = |files: &[(String, Vec<u8>)]| Chain::judge(files, &[&root], &about()).counting().count();
    assert_eq!((counting(&known), counting(&unknown)), (1, 0));
    // What an earlier reading could not read stays unread, and what it read is not taken on its word.
    let link = Chain::judge(&known, &[&root], &about()).links.remove(0);
    assert!(link.roles.iter().eq([&Role::Export]), "{:?}", link.roles);
    let of_word = |word: Word| {
        let link = Link { word, ..link.clone() };
        Chain::judge_with(&[], vec![link], &[&root], &about()).links.len()
    };
    assert_eq!((of_word(Word::Unreadable), of_word(Word::Counts)), (1, 0));
}

#[test]
fn a_chain_says_whether_a_record_is_gone_or_another_was_put_between() {
    let root = people::root();
    let mut before = record();
    before["event"] = json!("written");
    let first = sealed(Kind::Custody, &before);
    let mut after = record();
    after["previous"] = json!([Digest::of(&first.payload)]);
    let after = sealed(Kind::Custody, &after).write();
    let said = |files: Vec<Vec<u8>>| {
        let named = files.into_iter().enumerate();
        let files: Vec<_> = named
            .map(|(number, file)| (format!("a.custody-{number}.dsse.json"), file))
            .collect();
        let troubles = Chain::judge(&files, &[&root], &about()).troubles;
        troubles.into_iter().map(|trouble| trouble.message).collect::<Vec<_>>()
    };
    assert_eq!(said(vec![first.write(), after.clone()]), Vec::<String>::new());
    assert!(said(vec![after])[0].contains("a record that is not here"));
    assert!(
        said(vec![first.write(), sealed(Kind::Custody, &record()).write()])[0].contains("does not follow the last")
    );
}

fn said(edit: impl Fn(&mut Value)) -> Vec<(&'static str, String)> {
    let mut document = record();
    edit(&mut document);
    Record::read(&strict_json::write(&document)).unwrap().said()
}

#[test]
fn a_record_says_in_words_what_is_in_it_and_nothing_else() {
    let one = |edit: &dyn Fn(&mut Value)| {
        let said = said(edit);
        assert_eq!(said.len(), 1, "{said:?}");
        let (name, text) = &said[0];
        format!("{name}: {text}")
    };
    assert_eq!(said(|_| {}), []);
    assert_eq!(
        one(&|record| record["volumes"] = json!([{ "number": 2 }, { "number": 5 }])),
        "volumes: 2, 5"
    );
    assert_eq!(
        one(&|record| record["seal"] = json!({ "number": "S-1", "state": "broken" })),
        "seal: S-1, broken"
    );
    assert_eq!(one(&|record| record["medium"] = json!({})), "medium: not described");
    assert_eq!(
        one(&|record| record["medium"] = json!({ "kind": "stick", "serial": "4C53", "vendor": "Acme" })),
        "medium: stick Acme, serial 4C53"
    );
    let time = one(&|record| {
        record["at"] = json!("2026-11-20T10:00:00Z");
        record["time_by"] = json!("person");
    });
    assert_eq!(time, "time: as somebody said; written down 2026-11-20T12:00:00Z");
    let wiped = |certificate: Option<&str>| {
        one(&|record| {
            record["event"] = json!("wiped");
            record["sanitisation"] = json!({ "method": "overwritten" });
            if let Some(number) = certificate {
                record["sanitisation"]["certificate"] = json!(number);
            }
        })
    };
    assert_eq!(wiped(None), "method: overwritten");
    assert_eq!(wiped(Some("C-7")), "method: overwritten, certificate C-7");
    let protected = said(|record| record["medium"] = json!({ "write_protection": "hardware" }));
    assert_eq!(protected[1], ("write protection", "hardware".to_owned()));
    let digest = Digest::of(b"volume");
    let read = said(|record| record["volumes"] = json!([{ "digest": digest, "number": 1 }, { "number": 2 }]));
    assert_eq!(read[1..], [("digest", format!("volume 1: {digest}"))]);
}
