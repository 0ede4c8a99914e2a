//! Persons' signed decisions about what a policy leaves open (`bundle-spec/policy.md` §8).

use std::collections::BTreeSet;

use sealift::crypto::strict_json::{self, Critical};
use sealift::model::{Code, Digest};
use sealift::trust::approval::{Decision, MAX_REASON_BYTES, MAX_TICKET_BYTES};
use sealift::trust::review::{Answer, Asked, MAX_REVIEWED, MAX_REVIEWS, MAX_VALID_DAYS, Review, Reviewed, Reviews};
use sealift::trust::{Kind, Revocation, Revocations, Revoked, Role};
use serde_json::Value;

use crate::people::{self, ANN, APPROVER, BOB, EXPORTER, STATION, now, sealed};

const PURL: &str = "pkg:npm/x@1.0.0";

fn review() -> Review {
    Review {
        artifacts: vec![Reviewed {
            codes: open(),
            digest: Digest::of(b"x"),
            purl: PURL.to_owned(),
        }],
        created: now(),
        critical: Critical,
        decision: Decision::Approved,
        expires: now().plus_days(10),
        ext: [("note".to_owned(), Value::Null)].into(),
        manifest: Digest::of(b"manifest"),
        policy: Digest::of(b"policy"),
        reason: "seen".to_owned(),
        ticket: Some("CHG-1".to_owned()),
    }
}

fn open() -> BTreeSet<String> {
    [Code::FirstSeenName.name().to_owned(), Code::TooOld.name().to_owned()].into()
}

fn signed(review: &Review, by: &[u8]) -> Vec<u8> {
    sealed(Kind::Review, &strict_json::write(review), by).write()
}

fn count(envelopes: &[Vec<u8>], revocations: Option<&Revocations>) -> Reviews {
    let asked = Asked {
        manifest: Digest::of(b"manifest"),
        policy: Digest::of(b"policy"),
        exporters: &["dora".to_owned()],
        revocations,
        now: now().plus_days(1),
    };
    let mut root = people::root();
    // A second key of ann, and the exporter with a role that decides.
    people::give(&mut root, Role::Policy, "ann", 70);
    people::give(&mut root, Role::Policy, "dora", EXPORTER);
    Reviews::count(&root, envelopes, &asked)
}

fn answer(envelopes: &[Vec<u8>], persons: u32) -> Answer {
    count(envelopes, None).answer(Digest::of(b"x"), PURL, &open(), persons)
}

fn approved(names: &[&str]) -> Answer {
    Answer::Approved(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn the_schema_and_the_chapter_say_what_the_code_does() {
    let bare = Review {
        ext: Default::default(),
        ticket: None,
        ..review()
    };
    crate::spec::same_fields(&crate::spec::schema("review"), &review(), &bare);
    let chapter = crate::spec::read("bundle-spec/policy.md");
    for says in [
        format!("| `artifacts` | 1 to {MAX_REVIEWED},"),
        format!("not empty, at most {MAX_REASON_BYTES} bytes"),
        format!("is kept, at most {MAX_TICKET_BYTES} bytes"),
        format!("at most {MAX_VALID_DAYS} days"),
        format!("at most {MAX_REVIEWS} are looked at"),
    ] {
        assert!(chapter.contains(&says), "{says}");
    }
}

#[test]
fn a_review_keeps_its_rules_or_is_none() {
    let read = |edit: fn(&mut Review)| {
        let mut review = review();
        edit(&mut review);
        Review::read(&strict_json::write(&review)).is_ok()
    };
    assert!(read(|_| {}));
    assert!(read(|review| review.expires = review.created.plus_days(MAX_VALID_DAYS)));
    assert!(!read(
        |review| review.expires = review.created.plus_days(MAX_VALID_DAYS + 1)
    ));
    assert!(!read(|review| review.created = review.expires.plus_days(1)));
    assert!(!read(|review| review.artifacts.clear()));
    assert!(!read(
        |review| review.artifacts = vec![review.artifacts[0].clone(); MAX_REVIEWED + 1]
    ));
    assert!(!read(|review| review.reason = " ".to_owned()));
    assert!(!read(|review| review.reason = "x".repeat(MAX_REASON_BYTES + 1)));
    assert!(!read(|review| review.reason = "a\u{1b}[2Jb".to_owned()));
    assert!(!read(|review| review.ticket = Some("x".repeat(MAX_TICKET_BYTES + 1))));
    assert!(!read(|review| review.artifacts[0].purl = "x".repeat(2001)));
}

#[test]
fn persons_count_and_not_keys() {
    let by_ann = signed(&review(), &[ANN]);
    assert_eq!(answer(std::slice::from_ref(&by_ann), 1), approved(&["ann"]));
    assert_eq!(
        answer(&[by_ann.clone(), signed(&review(), &[70])], 2),
        Answer::Open(vec!["ann".to_owned()])
    );
    assert_eq!(
        answer(&[by_ann.clone(), signed(&review(), &[BOB])], 2),
        approved(&["ann", "bob"])
    );
    // One document may bear two signatures; an approver decides as well.
    assert_eq!(
        answer(&[signed(&review(), &[ANN, APPROVER])], 2),
        approved(&["ann", "eve"])
    );
    // No policy lets nobody decide.
    assert_eq!(answer(&[], 0), Answer::Open(Vec::new()));
    for nobody in [EXPORTER, STATION, 99] {
        assert_eq!(
            answer(&[signed(&review(), &[nobody])], 1),
            Answer::Open(Vec::new()),
            "{nobody}"
        );
    }
}

#[test]
fn what_does_not_count_is_passed_over_and_said() {
    let changed = |edit: fn(&mut Review)| {
        let mut review = review();
        edit(&mut review);
        signed(&review, &[ANN])
    };
    for (envelope, says) in [
        (
            changed(|review| review.manifest = Digest::of(b"other")),
            "another bundle",
        ),
        (changed(|review| review.policy = Digest::of(b"other")), "another policy"),
        (changed(|review| review.expires = review.created), "expired"),
        (changed(|review| review.reason.clear()), "schema"),
        (b"{}".to_vec(), "review 1"),
        (vec![b' '; (1 << 20) + 1], "longer"),
        (
            sealed(Kind::Approval, &strict_json::write(&review()), &[ANN]).write(),
            "review 1",
        ),
    ] {
        let counted = count(&[envelope], None);
        assert_eq!(
            counted.answer(Digest::of(b"x"), PURL, &open(), 1),
            Answer::Open(Vec::new()),
            "{says}"
        );
        assert!(
            says == "schema" || counted.passed_over[0].contains(says),
            "{says}: {:?}",
            counted.passed_over
        );
    }
    // Without a person who decides, nothing of the payload is looked at.
    let nobodys = count(&[sealed(Kind::Review, b"{}", &[STATION]).write()], None);
    assert!(
        nobodys.passed_over[0].contains("nobody signed it"),
        "{:?}",
        nobodys.passed_over
    );
    let exporters = count(&[signed(&review(), &[EXPORTER])], None);
    assert!(
        exporters.passed_over[0].contains("does not count"),
        "{:?}",
        exporters.passed_over
    );
    let many = vec![b"{}".to_vec(); MAX_REVIEWS + 1];
    assert!(count(&many, None).passed_over[0].contains("the first 1000"));
}

#[test]
fn a_revoked_key_decides_nothing() {
    let mut revocations = Revocations::empty(1, now());
    revocations.revoked.push(Revocation {
        invalid_since: None,
        reason: "stolen".to_owned(),
        what: Revoked::Key(people::id(ANN).to_string()),
    });
    let counted = count(&[signed(&review(), &[ANN])], Some(&revocations));
    assert_eq!(
        counted.answer(Digest::of(b"x"), PURL, &open(), 1),
        Answer::Open(Vec::new())
    );
    let counted = count(&[signed(&review(), &[ANN, BOB])], Some(&revocations));
    assert_eq!(counted.answer(Digest::of(b"x"), PURL, &open(), 1), approved(&["bob"]));
}

#[test]
fn bytes_names_and_codes_are_those_that_were_seen() {
    let counted = count(&[signed(&review(), &[ANN])], None);
    let ask = |digest: &[u8], purl: &str, codes: &[Code]| {
        let codes = codes.iter().map(|code| code.name().to_owned()).collect();
        counted.answer(Digest::of(digest), purl, &codes, 1)
    };
    assert_eq!(ask(b"x", PURL, &[Code::FirstSeenName]), approved(&["ann"]));
    assert_eq!(ask(b"x", PURL, &[]), approved(&["ann"]));
    let nobody = Answer::Open(Vec::new());
    assert_eq!(ask(b"x", PURL, &[Code::FirstSeenName, Code::SimilarName]), nobody);
    assert_eq!(ask(b"y", PURL, &[Code::FirstSeenName]), nobody);
    assert_eq!(ask(b"x", "pkg:npm/y@1.0.0", &[Code::FirstSeenName]), nobody);
}

#[test]
fn one_rejection_counts_above_all_approvals() {
    let rejected = Review {
        decision: Decision::Rejected,
        reason: "it phones home".to_owned(),
        ..review()
    };
    let all = [
        signed(&review(), &[ANN]),
        signed(&review(), &[APPROVER]),
        signed(&rejected, &[BOB]),
    ];
    assert_eq!(
        answer(&all, 1),
        Answer::Rejected {
            person: "bob".to_owned(),
            reason: "it phones home".to_owned(),
        }
    );
}
