use super::*;
use crate::model::{Fault, Finding, Level, Proof};
use crate::report::Decided;

fn proof(state: ProofState, object: &[u8]) -> Proof {
    Proof {
        kind: "minisign".to_owned(),
        objects: vec![Digest::of(object)],
        state,
    }
}

#[test]
fn the_proofs_of_what_is_published_are_there() {
    let proven = |proof: Proof| Artifact {
        proofs: vec![proof],
        ..Artifact::plain("files", "a", "1", "a", Digest::of(b"artifact"))
    };
    let asked = |admission: Option<&str>, proof: Proof| {
        let decision = admission.map(|admission| Decided {
            admission: admission.to_owned(),
            hits: Vec::new(),
            required_by: String::new(),
            reviewed_by: Vec::new(),
            rules_say: "allow".to_owned(),
            verdict: "allow".to_owned(),
        });
        let record = Record {
            decision,
            ..Record::plain(Vec::new())
        };
        check_proofs(&proven(proof), &record, &|digest| *digest == Digest::of(b"here")).is_ok()
    };
    let present = |object: &[u8]| proof(ProofState::Present, object);
    assert!(asked(Some("allowed"), present(b"here")));
    assert!(!asked(Some("allowed"), present(b"gone")));
    // Its own bytes are asked for as what they are.
    assert!(asked(Some("allowed"), present(b"artifact")));
    assert!(asked(Some("allowed"), proof(ProofState::Absent, b"gone")));
    assert!(asked(Some("denied"), present(b"gone")));
    assert!(asked(None, present(b"gone")));
}

#[test]
fn only_what_is_left_out_is_taken_from_the_report_and_of_its_own_kind() {
    let finding = |kind: &str, reason: &str| Finding::confirmed(kind, Level::Registry, reason);
    let record = Record::plain(vec![finding("minisign", "then"), finding("openpgp", "then")]);
    let mut not_available = BTreeMap::new();
    let judged = |lacking: Vec<usize>| Opinion {
        findings: vec![
            finding("minisign", "now"),
            Finding::contradicted("openpgp", Fault::SignatureWrong, "now"),
        ],
        lacking,
        ..Opinion::default()
    };
    let mut said = |lacking| {
        let whole = complete(&record, judged(lacking), &mut not_available);
        whole
            .findings
            .iter()
            .map(|finding| format!("{} {}", finding.kind, finding.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(Vec::new()), ["minisign now", "openpgp now"]);
    assert_eq!(said(vec![1]), ["minisign now", "openpgp then"]);
    assert_eq!(not_available, BTreeMap::from([("openpgp".to_owned(), 1)]));
}
