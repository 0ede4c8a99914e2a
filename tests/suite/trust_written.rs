//! Roots while they are written, and the folder in which they lie.

use std::num::NonZeroU32;

use sealift::crypto::key::Signer as _;
use sealift::model::{Code, Stop, Timestamp};
use sealift::trust::folder::{Confirmed, FolderError, TrustFolder};
use sealift::trust::{self, Draft, Kind, MAX_ROOT_BYTES, Profile, Role, TrustError};

use crate::people::{
    self, ANN, APPROVER, BOB, CYD, EXPORTER, STATION, id, key, pinned, root, root_without_approval, sealed_root,
};

fn expires() -> Timestamp {
    "2028-11-21T00:00:00Z".parse().unwrap()
}

/// A first root to which persons were given.
fn first(profile: Profile, given: &[(Role, &str, u8)]) -> Draft {
    let mut draft = Draft::first("plant-7", key(STATION).public(), profile, expires());
    for (role, person, number) in given {
        draft.grant(*role, person, key(*number).public()).unwrap();
    }
    draft
}

const THREE: [(Role, &str, u8); 5] = [
    (Role::Root, "ann", ANN),
    (Role::Root, "bob", BOB),
    (Role::Root, "cyd", CYD),
    (Role::Export, "dora", EXPORTER),
    (Role::Approve, "eve", APPROVER),
];

#[test]
fn what_nobody_was_given_goes_to_those_who_have_the_root() {
    let root = first(Profile::Standard, &THREE).finish().unwrap();
    for role in [Role::Root, Role::Trust, Role::Policy] {
        assert_eq!(root.persons(role), ["ann", "bob", "cyd"].into(), "{role}");
    }
    for role in [Role::Import, Role::Log] {
        assert_eq!(root.persons(role), ["station-plant-7"].into(), "{role}");
    }
    assert_eq!(
        (root.enclave.id, root.version, root.epoch, root.expires),
        (id(STATION), 1, 1, expires())
    );
    // Whoever was named keeps it alone.
    let named = [(Role::Policy, "pat", 40), (Role::Policy, "pia", 41)];
    let root = first(Profile::Standard, &[&THREE[..], &named].concat())
        .finish()
        .unwrap();
    assert_eq!(root.persons(Role::Policy), ["pat", "pia"].into());
    assert_eq!(root.persons(Role::Trust), ["ann", "bob", "cyd"].into());
}

#[test]
fn an_enclave_holds_the_root_itself_in_an_evaluation_alone() {
    let alone = [(Role::Export, "dora", EXPORTER)];
    let root = first(Profile::Evaluation, &alone).finish().unwrap();
    for role in [Role::Root, Role::Trust, Role::Policy] {
        assert_eq!(root.persons(role), ["station-plant-7"].into(), "{role}");
    }
    let with_ann = first(Profile::Evaluation, &[alone[0], THREE[0]]).finish().unwrap();
    assert_eq!(with_ann.persons(Role::Root), ["ann"].into());
    let refused = first(Profile::Standard, &[THREE[3], THREE[4]]).finish().unwrap_err();
    assert_eq!(refused.code(), Code::ThresholdInvalid);
}

#[test]
fn thresholds_are_the_least_that_the_profile_allows() {
    let fay = [(Role::Approve, "fay", 21)];
    let given = [&THREE[..], &fay].concat();
    for (profile, at_the_top, approvals) in [
        (Profile::Evaluation, 1, 1),
        (Profile::Standard, 2, 1),
        (Profile::Strict, 2, 2),
    ] {
        let root = first(profile, &given).finish().unwrap();
        for role in Role::ALL {
            let expected = match role {
                Role::Root | Role::Trust | Role::Policy => at_the_top,
                Role::Approve => approvals,
                Role::Export | Role::Import | Role::Log => 1,
            };
            assert_eq!(root.threshold(role), expected, "{profile} {role}");
        }
    }
    // A site may ask for more, and never for less.
    let asked = |role, persons| {
        let mut draft = first(Profile::Standard, &given);
        draft.threshold(role, NonZeroU32::new(persons).unwrap());
        draft.finish()
    };
    assert_eq!(asked(Role::Approve, 2).unwrap().threshold(Role::Approve), 2);
    assert_eq!(asked(Role::Root, 3).unwrap().threshold(Role::Root), 3);
    assert_eq!(asked(Role::Root, 1).unwrap_err().code(), Code::ThresholdInvalid);
}

#[test]
fn a_key_is_one_persons() {
    let mut draft = first(Profile::Evaluation, &THREE);
    let error = draft.grant(Role::Policy, "mallory", key(ANN).public()).unwrap_err();
    assert!(matches!(error, TrustError::Threshold { .. }), "{error:?}");
    draft.grant(Role::Policy, "ann", key(ANN).public()).unwrap();
    assert_eq!(draft.finish().unwrap().persons(Role::Policy), ["ann"].into());
}

#[test]
fn the_next_root_begins_with_all_that_was() {
    let old = root();
    let next = Draft::next(&old, expires()).finish().unwrap();
    assert_eq!((next.version, next.expires), (2, expires()));
    assert_eq!((&next.keys, &next.roles, next.epoch), (&old.keys, &old.roles, 1));

    let mut draft = Draft::next(&old, expires());
    draft.new_epoch();
    // Nothing is there to take, or only some of it is asked for.
    assert!(!draft.remove("nobody", None));
    assert!(!draft.remove("fay", Some(Role::Export)));
    assert!(draft.remove("ann", Some(Role::Policy)));
    assert!(!draft.remove("ann", Some(Role::Policy)));
    assert!(draft.remove("fay", None));
    let next = draft.finish().unwrap();
    assert_eq!(next.epoch, 2);
    assert_eq!(next.persons(Role::Policy), ["bob", "cyd"].into());
    assert_eq!(next.persons(Role::Root), ["ann", "bob", "cyd"].into());
    assert_eq!(next.persons(Role::Approve), ["eve"].into());
    // A key that has no role any more is not listed.
    assert!(old.keys.contains_key(&id(21)) && !next.keys.contains_key(&id(21)));

    // A role that the profile needs cannot be emptied, and one that it does not need goes.
    let mut draft = Draft::next(&old, expires());
    assert!(draft.remove("eve", None) && draft.remove("fay", None));
    assert_eq!(draft.finish().unwrap_err().code(), Code::ThresholdInvalid);
    let mut draft = Draft::next(&root_without_approval(), expires());
    draft.grant(Role::Approve, "eve", key(APPROVER).public()).unwrap();
    assert!(draft.remove("eve", None));
    assert!(!draft.finish().unwrap().roles.contains_key(&Role::Approve));
}

/// Copies of one document that persons signed each for themselves become one.
#[test]
fn signatures_are_joined_on_one_document_alone() {
    let signed = |kind, payload: &[u8], signers: &[u8]| people::sealed(kind, payload, signers);
    let mut envelope = signed(Kind::Policy, b"one", &[ANN]);
    assert_eq!(
        trust::join_signatures(&mut envelope, &signed(Kind::Policy, b"two", &[BOB])),
        None
    );
    assert_eq!(
        trust::join_signatures(&mut envelope, &signed(Kind::Root, b"one", &[BOB])),
        None
    );
    assert_eq!(envelope.signatures.len(), 1);
    let copy = signed(Kind::Policy, b"one", &[ANN, BOB]);
    assert_eq!(trust::join_signatures(&mut envelope, &copy), Some(1));
    assert_eq!(trust::join_signatures(&mut envelope, &copy), Some(0));
    assert_eq!(envelope.signatures.len(), 2);
}

/// What is told of a folder that cannot be used.
fn unable(error: FolderError) -> (Option<Code>, String) {
    match Stop::from(error) {
        Stop::Unable(unable) => (unable.code, unable.hint.unwrap_or_default()),
        Stop::Refused(refusals) => panic!("{refusals:?}"),
    }
}

#[test]
fn a_damaged_folder_is_told_from_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust");
    let backup = "restore the folder from its own backup".to_owned();
    let rolled_back = Some(Code::StateRolledBack);
    assert_eq!(
        unable(TrustFolder::open(&path).unwrap_err()),
        (None, "pin one with `sealift root pin`".to_owned())
    );
    TrustFolder::pin(&path, pinned(&root()), Confirmed::ByWords, people::now()).unwrap();
    assert_eq!(
        unable(TrustFolder::pin(&path, pinned(&root()), Confirmed::ByWords, people::now()).unwrap_err()),
        (None, "the next root is taken by `sealift root pin`, too".to_owned())
    );
    let forged = path.join("roots/2.dsse.json");
    std::fs::write(&forged, b"{}").unwrap();
    assert_eq!(
        unable(TrustFolder::open(&path).unwrap_err()),
        (rolled_back, backup.clone())
    );
    std::fs::remove_file(&forged).unwrap();
    std::fs::write(path.join("pin.json"), b"{}").unwrap();
    assert_eq!(unable(TrustFolder::open(&path).unwrap_err()), (rolled_back, backup));
    // What a person gives is refused, and nothing here is damaged by it.
    std::fs::remove_dir_all(&path).unwrap();
    let mut opened = TrustFolder::pin(&path, pinned(&root()), Confirmed::ByWords, people::now()).unwrap();
    match Stop::from(opened.advance(b"{}").unwrap_err()) {
        Stop::Refused(refusals) => assert_eq!(refusals[0].subject, "root"),
        Stop::Unable(unable) => panic!("{unable:?}"),
    }
    assert_eq!(TrustFolder::open(&path).unwrap().roots().len(), 1);
}

#[test]
fn files_of_a_folder_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust");
    TrustFolder::pin(&path, pinned(&root()), Confirmed::MadeHere, people::now()).unwrap();
    let too_large = |opened: Result<TrustFolder, FolderError>| match opened {
        Err(FolderError::File { source, .. }) => source.kind() == std::io::ErrorKind::FileTooLarge,
        other => panic!("{other:?}"),
    };
    let mut second = root();
    second.version = 2;
    let mut second = sealed_root(&second, &[ANN, BOB]);
    second.resize(MAX_ROOT_BYTES + 1, b' ');
    std::fs::write(path.join("roots/2.dsse.json"), &second).unwrap();
    assert!(too_large(TrustFolder::open(&path)));
    // What is as long as it may be is read, and judged by what it says.
    second.truncate(MAX_ROOT_BYTES);
    std::fs::write(path.join("roots/2.dsse.json"), &second).unwrap();
    assert!(matches!(TrustFolder::open(&path), Err(FolderError::RootDamaged { .. })));
    std::fs::remove_file(path.join("roots/2.dsse.json")).unwrap();
    let mut pin = std::fs::read(path.join("pin.json")).unwrap();
    pin.resize(4097, b' ');
    std::fs::write(path.join("pin.json"), &pin).unwrap();
    assert!(too_large(TrustFolder::open(&path)));
}

#[test]
fn a_root_that_is_not_kept_is_not_current() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust");
    let mut opened = TrustFolder::pin(&path, pinned(&root()), Confirmed::ByWords, people::now()).unwrap();
    let next = |version| {
        let mut next = root();
        next.version = version;
        sealed_root(&next, &[ANN, BOB])
    };
    let second = opened.current().advance(&next(2)).unwrap();
    let third = second.advance(&next(3)).unwrap();
    // Of several, those before the one that does not follow are kept.
    let stored = opened.store_roots(vec![second.clone(), second.clone()]);
    assert!(matches!(
        stored,
        Err(FolderError::NotNext(TrustError::OutOfOrder { .. }))
    ));
    assert_eq!(opened.current().document().version, 2);
    // A folder stands where the file belongs.
    let place = path.join("roots/3.dsse.json");
    std::fs::create_dir(&place).unwrap();
    assert!(matches!(opened.advance(&next(3)), Err(FolderError::File { .. })));
    let stored = opened.store_roots(vec![third.clone()]);
    assert!(matches!(stored, Err(FolderError::File { .. })));
    assert_eq!(opened.current().document().version, 2);
    std::fs::remove_dir(&place).unwrap();
    opened.store_roots(vec![third]).unwrap();
    assert_eq!(TrustFolder::open(&path).unwrap().current().document().version, 3);
}
