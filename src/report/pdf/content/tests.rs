use super::*;
use crate::model::{Fault, Finding, Level, Signer};
use crate::report::controls::tests;
use crate::report::{Decided, Refused};

#[test]
fn reasons_that_are_left_out_are_counted() {
    let paper = |left_out: u64| {
        let mut head = tests::head();
        head.refusals = vec![Refused {
            code: "key-revoked".to_owned(),
            expected: None,
            found: None,
            hint: None,
            reason: "the key is revoked".to_owned(),
            subject: "main-1".to_owned(),
        }];
        head.refusals_left_out = left_out;
        let mut sheet = Sheet::new(krilla::Document::new(), "foot").unwrap();
        refusals(&head, &mut sheet);
        sheet.finish().finish().unwrap()
    };
    assert_eq!(paper(0), paper(0));
    assert_ne!(paper(3), paper(0));
    assert_ne!(paper(3), paper(4));
}

#[test]
fn proofs_that_are_wrong_or_could_not_be_judged_are_counted() {
    let paper = |contradicted: u64, undecided: u64| {
        let mut head = tests::head();
        head.ecosystems[0].contradicted = contradicted;
        head.ecosystems[0].undecided = undecided;
        let mut sheet = Sheet::new(krilla::Document::new(), "foot").unwrap();
        levels(&head, &mut sheet);
        sheet.finish().finish().unwrap()
    };
    assert_eq!(paper(0, 0), paper(0, 0));
    assert_ne!(paper(1, 0), paper(0, 0));
    assert_ne!(paper(0, 1), paper(0, 0));
    assert_ne!(paper(0, 1), paper(1, 0));
}

#[test]
fn nobody_is_shown_to_vouch_by_a_proof_that_is_not_confirmed() {
    let paper = |finding: Finding| {
        let mut sheet = Sheet::new(krilla::Document::new(), "foot").unwrap();
        artifact(&Record::plain(vec![finding]), false, &mut sheet);
        sheet.finish().finish().unwrap()
    };
    let by = |finding: &Finding| finding.clone().by(Signer::key("K1".to_owned(), None));
    let good = Finding::confirmed("minisign", Level::Publisher, "signed");
    let wrong = Finding::contradicted("minisign", Fault::SignatureWrong, "wrong");
    assert_ne!(paper(by(&good)), paper(good));
    assert_eq!(paper(by(&wrong)), paper(wrong));
}

#[test]
fn somebody_should_look_at_what_is_wrong_or_not_published() {
    let record = |findings: Vec<Finding>, admission: &str| Record {
        decision: Some(Decided {
            admission: admission.to_owned(),
            hits: Vec::new(),
            required_by: String::new(),
            reviewed_by: Vec::new(),
            rules_say: "allow".to_owned(),
            verdict: "allow".to_owned(),
        }),
        ..Record::plain(findings)
    };
    let good = || vec![Finding::confirmed("minisign", Level::Publisher, "signed")];
    let wrong = vec![Finding::contradicted("minisign", Fault::SignatureWrong, "wrong")];
    assert!(!is_troubled(&record(good(), "allowed")));
    assert!(!is_troubled(&Record::plain(good())));
    assert!(is_troubled(&record(good(), "denied")));
    assert!(is_troubled(&record(wrong, "allowed")));
}
