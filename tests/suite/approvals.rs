//! Approvals of manifests.

use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json::{Critical, Extensions};
use sealift::import::authenticate::{Approvals, GapRule, Imported, Judgement, Memory, Position, authenticate};
use sealift::import::open::{Input, open};
use sealift::model::{Code, Digest, Stop, Timestamp};
use sealift::trust::approval::{self, Approval, Decision, MAX_APPROVALS};
use sealift::trust::{Kind, Profile, Role, TrustError};

use crate::people::{self, APPROVER, EXPORTER, SECOND_APPROVER, STATION, id, key, now, pinned, root, sealed};
use crate::raw_bundle::{Edits, RawBundle};

fn manifest() -> Digest {
    Digest::of(b"manifest")
}

fn approval() -> Approval {
    Approval {
        manifest: manifest(),
        decision: Decision::Approved,
        seen: vec!["stream main, sequence 7".to_owned(), "12 artifacts".to_owned()],
        reason: "asked for in the weekly review".to_owned(),
        ticket: Some("CHG-1".to_owned()),
        created: now(),
        expires: now().plus_days(30),
        ext: Extensions::new(),
        critical: Critical,
    }
}

fn by(number: u8) -> Envelope {
    approval().sign(&key(number)).unwrap()
}

fn verify(envelopes: &[Envelope]) -> Result<approval::Approved, TrustError> {
    approval::verify(&pinned(&root()), &manifest(), &["dora".to_owned()], envelopes, now())
}

fn code(envelopes: &[Envelope]) -> Code {
    verify(envelopes).unwrap_err().code()
}

#[test]
fn an_approver_approves() {
    let approved = verify(&[by(APPROVER)]).unwrap();
    assert_eq!(approved.persons, ["eve"]);
    assert_eq!(approved.approvals, [approval()]);
    let approved = verify(&[by(SECOND_APPROVER), by(APPROVER), by(APPROVER)]).unwrap();
    assert_eq!(approved.persons, ["eve", "fay"]);
}

#[test]
fn without_an_approver_nothing_is_approved() {
    for envelopes in [
        vec![],
        vec![by(99)],
        vec![by(STATION)],
        vec![by(people::ANN)],
        vec![sealed(Kind::Approval, b"not even JSON", &[99])],
    ] {
        assert_eq!(code(&envelopes), Code::ApprovalsMissing);
    }
}

#[test]
fn two_are_two_persons() {
    let mut root = root();
    people::set_threshold(&mut root, Role::Approve, 2);
    people::give(&mut root, Role::Approve, "eve", 22);
    let verify = |envelopes: &[Envelope]| approval::verify(&pinned(&root), &manifest(), &[], envelopes, now());
    assert!(verify(&[by(APPROVER)]).is_err());
    assert!(verify(&[by(APPROVER), by(APPROVER)]).is_err());
    assert!(verify(&[by(APPROVER), by(22)]).is_err());
    assert!(verify(&[by(APPROVER), by(SECOND_APPROVER)]).is_ok());
}

#[test]
fn the_exporter_cannot_approve() {
    assert_eq!(code(&[by(EXPORTER)]), Code::RolesNotSeparate);
    assert_eq!(code(&[by(APPROVER), by(EXPORTER)]), Code::RolesNotSeparate);
    // The exporter's person with another key that has the role, which only an evaluation can have.
    let mut root = root();
    root.profile = Profile::Evaluation;
    people::give(&mut root, Role::Approve, "dora", 11);
    let error = approval::verify(&pinned(&root), &manifest(), &["dora".to_owned()], &[by(11)], now()).unwrap_err();
    assert_eq!(error.code(), Code::RolesNotSeparate);
}

#[test]
fn an_approval_counts_for_its_manifest_until_it_expires() {
    let mut other = approval();
    other.manifest = Digest::of(b"another");
    assert_eq!(code(&[other.sign(&key(APPROVER)).unwrap()]), Code::ApprovalsMissing);
    assert!(verify(&[other.sign(&key(APPROVER)).unwrap(), by(APPROVER)]).is_ok());

    let mut short = approval();
    short.created = now().plus_seconds(-10);
    short.expires = now();
    assert!(verify(&[short.sign(&key(APPROVER)).unwrap()]).is_ok());
    short.expires = now().plus_seconds(-1);
    assert_eq!(code(&[short.sign(&key(APPROVER)).unwrap()]), Code::ApprovalsMissing);
}

#[test]
fn a_rejection_counts_above_approvals() {
    let mut rejection = approval();
    rejection.decision = Decision::Rejected;
    let by_fay = rejection.sign(&key(SECOND_APPROVER)).unwrap();
    assert_eq!(code(&[by(APPROVER), by_fay]), Code::ApprovalsMissing);
    // Not by somebody without the role.
    let by_station = rejection.sign(&key(STATION)).unwrap();
    assert!(verify(&[by(APPROVER), by_station]).is_ok());
}

#[test]
fn other_documents_are_no_approvals() {
    let payload = by(APPROVER).payload;
    assert_eq!(
        code(&[sealed(Kind::Manifest, &payload, &[APPROVER])]),
        Code::WrongDocumentKind
    );
    let mut relabelled = sealed(Kind::Manifest, &payload, &[APPROVER]);
    relabelled.payload_type = Kind::Approval.payload_type().to_owned();
    assert_eq!(code(&[relabelled]), Code::ApprovalsMissing);
    assert_eq!(code(&[sealed(Kind::Approval, b"{}", &[APPROVER])]), Code::JsonNotStrict);
}

#[test]
fn texts_are_bounded_and_plain() {
    type Change = fn(&mut Approval);
    let changes: [Change; 10] = [
        |approval| approval.reason = String::new(),
        |approval| approval.reason = " ".to_owned(),
        |approval| approval.reason = "a".repeat(2001),
        |approval| approval.reason = "a\u{1b}[2J".to_owned(),
        |approval| approval.seen.clear(),
        |approval| approval.seen = vec!["x".to_owned(); 101],
        |approval| approval.seen.push("a\nb".to_owned()),
        |approval| approval.ticket = Some("x".repeat(201)),
        |approval| approval.ticket = Some("a\tb".to_owned()),
        |approval| approval.expires = approval.created.plus_seconds(-1),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut wrong = approval();
        change(&mut wrong);
        assert!(wrong.sign(&key(APPROVER)).is_err(), "change {number}");
        // The same, sealed by a program that does not check.
        let payload = sealift::crypto::strict_json::write(&wrong);
        let envelope = sealed(Kind::Approval, &payload, &[APPROVER]);
        assert_eq!(code(&[envelope]), Code::JsonNotStrict, "change {number}");
    }
}

#[test]
fn many_approvals_are_too_many() {
    assert!(verify(&vec![by(APPROVER); MAX_APPROVALS]).is_ok());
    assert_eq!(code(&vec![by(APPROVER); MAX_APPROVALS + 1]), Code::PreauthLimitExceeded);
}

#[test]
fn an_evaluation_without_approvers_asks_for_none() {
    let mut root = root();
    root.profile = Profile::Evaluation;
    root.roles.remove(&Role::Approve);
    root.keys.remove(&id(APPROVER));
    root.keys.remove(&id(SECOND_APPROVER));
    let approved = approval::verify(&pinned(&root), &manifest(), &["dora".to_owned()], &[], now()).unwrap();
    assert_eq!(approved, approval::Approved::default());
}

/// A memory that holds nothing but approvals that came with earlier volumes.
struct Kept(Vec<Vec<u8>>);

impl Memory for Kept {
    fn last(&self, _stream: &str) -> Result<Option<Position>, Stop> {
        Ok(None)
    }

    fn numbered(&self, _stream: &str, _epoch: u64, _sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(None)
    }

    fn imported(&self, _manifest: &Digest) -> Result<Option<Imported>, Stop> {
        Ok(None)
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(None)
    }

    fn gap_rule(&self) -> GapRule {
        GapRule::Refuse
    }

    fn kept_approvals(&self, _manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_kept_approval_counts_for_later_volumes_and_is_judged_like_a_new_one() {
    let bundle = RawBundle::sample();
    let volume = bundle.build(&Edits::default()).swap_remove(0);
    let root = people::pinned(&people::root());
    let code = |kept: Vec<Vec<u8>>| {
        let opened = open(vec![Input::Stream(Box::new(std::io::Cursor::new(volume.clone())))]).unwrap();
        let judgement = Judgement {
            root: &root,
            now: people::now(),
            memory: Some(&Kept(kept)),
            approvals: Approvals::Needed,
            revocations: None,
        };
        match authenticate(opened, &judgement).result {
            Ok(_) => None,
            Err(Stop::Refused(refusals)) => Some(refusals[0].code),
            Err(Stop::Unable(unable)) => panic!("{unable:?}"),
        }
    };
    let by = |key| vec![crate::vectors::approval(&bundle.manifest_digest(), key)];
    assert_eq!(code(Vec::new()), Some(Code::ApprovalsMissing));
    assert_eq!(code(by(people::APPROVER)), None);
    assert_eq!(code(by(98)), Some(Code::ApprovalsMissing));
    assert_eq!(code(by(people::EXPORTER)), Some(Code::RolesNotSeparate));
    assert_eq!(code(vec![b"{}".to_vec()]), Some(Code::JsonNotStrict));
}
