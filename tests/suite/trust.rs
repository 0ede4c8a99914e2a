//! Roots, their chain, and what they vouch for.

use sealift::crypto::dsse::Envelope;
use sealift::crypto::key::Signer as _;
use sealift::model::{Code, Timestamp};
use sealift::trust::folder::{Confirmed, FolderError, TrustFolder};
use sealift::trust::{self, Kind, MAX_ROOT_BYTES, MAX_ROOT_STEPS, Profile, Role, Root, TrustError, TrustedRoot};
use serde_json::{Value, json};

use crate::people::{
    self, ANN, APPROVER, BOB, CYD, EXPORTER, STATION, give, id, key, pinned, root, sealed, sealed_root,
};

/// The code with which a root is refused whose JSON was changed.
fn refusal_of(change: impl FnOnce(&mut Value)) -> Code {
    let mut document: Value = serde_json::from_slice(&root().write().unwrap()).unwrap();
    change(&mut document);
    Root::read(document.to_string().as_bytes()).unwrap_err().code()
}

/// The code with which a root is refused that was changed before it is written.
fn refusal_of_root(change: impl FnOnce(&mut Root)) -> Code {
    let mut root = root();
    change(&mut root);
    root.write().unwrap_err().code()
}

#[test]
fn a_root_is_read_as_it_was_written() {
    let root = root();
    let payload = root.write().unwrap();
    assert_eq!(Root::read(&payload).unwrap(), root);
    assert_eq!(Root::read(&payload).unwrap().write().unwrap(), payload);
}

#[test]
fn thresholds_that_cannot_work_are_refused() {
    for role in ["root", "trust", "policy", "export", "approve", "import", "log"] {
        assert_eq!(
            refusal_of(|root| root["roles"][role]["threshold"] = json!(0)),
            Code::ThresholdInvalid,
            "{role}"
        );
        assert_eq!(
            refusal_of(|root| root["roles"][role]["threshold"] = json!(4)),
            Code::ThresholdInvalid
        );
        assert_eq!(
            refusal_of(|root| root["roles"][role]["threshold"] = json!(-1)),
            Code::JsonNotStrict
        );
        assert_eq!(
            refusal_of(|root| drop(root["roles"].as_object_mut().unwrap().remove(role))),
            Code::ThresholdInvalid,
            "{role}"
        );
    }
}

#[test]
fn one_key_under_two_ids_is_refused() {
    let other = format!("sha256:{}", "0".repeat(64));
    let code = refusal_of(|root| {
        let ann = root["keys"][id(ANN).to_string()].clone();
        root["keys"][&other] = ann;
        let keys = root["roles"]["root"]["keys"].as_array_mut().unwrap();
        keys.push(json!(other));
    });
    assert_eq!(code, Code::ThresholdInvalid);
}

#[test]
fn one_key_twice_in_a_role_is_refused() {
    let code = refusal_of(|root| {
        let keys = root["roles"]["root"]["keys"].as_array_mut().unwrap();
        keys.push(keys[0].clone());
    });
    assert_eq!(code, Code::ThresholdInvalid);
}

#[test]
fn keys_and_roles_refer_to_each_other() {
    // A role that names a key which is not listed.
    let code = refusal_of(|root| drop(root["keys"].as_object_mut().unwrap().remove(&id(EXPORTER).to_string())));
    assert_eq!(code, Code::ThresholdInvalid);
    // A listed key without a role.
    let code = refusal_of_root(|root| {
        give(root, Role::Log, "gil", 40);
        root.roles.get_mut(&Role::Log).unwrap().keys.remove(&id(40));
    });
    assert_eq!(code, Code::ThresholdInvalid);
}

#[test]
fn persons_count_and_not_keys() {
    // Three keys, two persons: not three root persons.
    let code = refusal_of_root(|root| give(root, Role::Root, "ann", CYD));
    assert_eq!(code, Code::ThresholdInvalid);
    // Two keys of one person do not reach a threshold of two.
    let code = refusal_of_root(|root| {
        give(root, Role::Export, "dora", 11);
        people::set_threshold(root, Role::Export, 2);
    });
    assert_eq!(code, Code::ThresholdInvalid);
}

#[test]
fn floors_hold_in_their_profiles() {
    assert_eq!(
        refusal_of_root(|root| people::set_threshold(root, Role::Root, 1)),
        Code::ThresholdInvalid
    );
    assert_eq!(
        refusal_of_root(|root| give(root, Role::Approve, "dora", 11)),
        Code::RolesNotSeparate
    );
    for role in [Role::Trust, Role::Policy, Role::Approve] {
        let code = refusal_of_root(|root| {
            root.profile = Profile::Strict;
            people::set_threshold(root, Role::Approve, 2);
            people::set_threshold(root, role, 1);
        });
        assert_eq!(code, Code::ThresholdInvalid, "{role}");
    }
    let mut strict = root();
    strict.profile = Profile::Strict;
    people::set_threshold(&mut strict, Role::Approve, 2);
    assert!(strict.write().is_ok());

    let mut evaluation = root();
    evaluation.profile = Profile::Evaluation;
    people::set_threshold(&mut evaluation, Role::Root, 1);
    evaluation.roles.remove(&Role::Approve);
    evaluation.keys.remove(&id(APPROVER));
    evaluation.keys.remove(&id(people::SECOND_APPROVER));
    assert!(evaluation.write().is_ok());
    // The other roles are asked for in every profile.
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Approve) {
        let mut without = evaluation.clone();
        without.roles.remove(&role);
        let used: Vec<_> = without
            .roles
            .values()
            .flat_map(|role| role.keys.iter().cloned())
            .collect();
        without.keys.retain(|id, _| used.contains(id));
        let refused = without.write().unwrap_err().to_string();
        assert!(refused.contains(&format!("nobody has the role {role}")), "{refused}");
    }
}

#[test]
fn the_first_root_names_the_enclave_by_its_import_key() {
    assert_eq!(
        refusal_of_root(|root| root.enclave.id = id(ANN)),
        Code::ThresholdInvalid
    );
}

#[test]
fn names_have_one_spelling() {
    for wrong in [
        "",
        "Ann",
        "ann\u{e9}",
        "a b",
        "-ann",
        "\u{430}nn",
        "ann\n",
        &"a".repeat(65),
    ] {
        let code = refusal_of_root(|root| root.keys.get_mut(&id(ANN)).unwrap().person = wrong.to_owned());
        assert_eq!(code, Code::ThresholdInvalid, "{wrong:?}");
        let code = refusal_of_root(|root| root.enclave.name = wrong.to_owned());
        assert_eq!(code, Code::ThresholdInvalid, "{wrong:?}");
    }
}

#[test]
fn numbers_start_at_one() {
    assert_eq!(refusal_of_root(|root| root.version = 0), Code::ThresholdInvalid);
    assert_eq!(refusal_of_root(|root| root.epoch = 0), Code::ThresholdInvalid);
}

#[test]
fn the_schema_is_closed() {
    type Change = fn(&mut Value);
    let changes: [Change; 9] = [
        |root| root["note"] = json!("x"),
        |root| root["critical"] = json!(["x"]),
        |root| root["roles"]["admin"] = root["roles"]["root"].clone(),
        |root| root["roles"]["root"]["note"] = json!(1),
        |root| root["enclave"]["note"] = json!(1),
        |root| root["expires"] = json!("2027-11-21"),
        |root| root["profile"] = json!("none"),
        |root| root["version"] = json!("1"),
        |root| drop(root.as_object_mut().unwrap().remove("epoch")),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(refusal_of(change), Code::JsonNotStrict, "change {number}");
    }
}

#[test]
fn weak_keys_never_get_into_a_root() {
    use base64::Engine as _;
    let code = refusal_of(|root| {
        let prefix = &key(ANN).public().info()[..12].to_vec();
        let identity = [&prefix[..], &[1], &[0; 31]].concat();
        root["keys"][id(ANN).to_string()]["public"] = json!(base64::engine::general_purpose::STANDARD.encode(identity));
    });
    assert_eq!(code, Code::KeyNotAllowed);
    let code = refusal_of(|root| root["keys"][id(ANN).to_string()]["public"] = json!("?"));
    assert_eq!(code, Code::KeyNotAllowed);
}

#[test]
fn a_root_must_be_signed_by_its_own_threshold() {
    let root = root();
    assert!(TrustedRoot::pinned(&sealed_root(&root, &[ANN, BOB])).is_ok());
    for too_few in [&[][..], &[ANN], &[ANN, ANN], &[ANN, EXPORTER], &[ANN, 99]] {
        let error = TrustedRoot::pinned(&sealed_root(&root, too_few)).unwrap_err();
        assert_eq!(error.code(), Code::RootChainBroken, "{too_few:?}");
    }
}

#[test]
fn a_person_with_two_keys_counts_once() {
    let mut root = root();
    for role in [Role::Root, Role::Trust, Role::Policy] {
        give(&mut root, role, "ann", 4);
    }
    assert!(TrustedRoot::pinned(&sealed_root(&root, &[ANN, 4])).is_err());
    assert!(TrustedRoot::pinned(&sealed_root(&root, &[ANN, 4, BOB])).is_ok());
}

#[test]
fn the_next_root_needs_both_thresholds() {
    let first = pinned(&root());
    // Cyd leaves the root role, and gus and hal join; bob leaves too.
    let mut next = root();
    next.version = 2;
    for role in [Role::Root, Role::Trust, Role::Policy] {
        let keys = &mut next.roles.get_mut(&role).unwrap().keys;
        keys.remove(&id(BOB));
        keys.remove(&id(CYD));
        give(&mut next, role, "gus", 5);
        give(&mut next, role, "hal", 6);
    }
    next.keys.remove(&id(BOB));
    next.keys.remove(&id(CYD));

    let advanced = first.advance(&sealed_root(&next, &[ANN, BOB, 5])).unwrap();
    assert_eq!(advanced.document(), &next);
    assert!(first.advance(&sealed_root(&next, &[BOB, CYD, 5, 6])).is_ok());
    // By new keys only, by old keys only, and by one of each.
    for too_few in [&[5, 6][..], &[ANN, 5, 6], &[BOB, CYD], &[ANN, BOB], &[ANN, 5]] {
        let error = first.advance(&sealed_root(&next, too_few)).unwrap_err();
        assert_eq!(error.code(), Code::RootChainBroken, "{too_few:?}");
    }
}

#[test]
fn roots_follow_one_by_one() {
    let mut current = root();
    current.version = 5;
    let trusted = pinned(&current);
    for version in [1, 4, 5, 7, u64::from(u32::MAX)] {
        let mut other = root();
        other.version = version;
        let error = trusted.advance(&sealed_root(&other, &[ANN, BOB])).unwrap_err();
        assert_eq!(error.code(), Code::TrustVersionOutOfOrder, "{version}");
    }
    let mut next = root();
    next.version = 6;
    assert!(trusted.advance(&sealed_root(&next, &[ANN, BOB])).is_ok());
}

#[test]
fn some_things_never_change_between_roots() {
    let first = pinned(&root());
    let code_of = |change: fn(&mut Root)| {
        let mut next = root();
        next.version = 2;
        change(&mut next);
        first
            .advance(&sealed_root(&next, &[ANN, BOB]))
            .map(drop)
            .map_err(|error| error.code())
    };
    assert_eq!(code_of(|_| ()), Ok(()));
    assert_eq!(code_of(|next| next.epoch = 2), Ok(()));
    assert_eq!(code_of(|next| next.epoch = 3), Err(Code::RootChainBroken));
    assert_eq!(
        code_of(|next| next.enclave.name = "plant-8".to_owned()),
        Err(Code::RootChainBroken)
    );
    assert_eq!(code_of(|next| next.enclave.id = id(ANN)), Err(Code::RootChainBroken));
    assert_eq!(
        code_of(|next| next.profile = Profile::Evaluation),
        Err(Code::ThresholdInvalid)
    );

    let mut second = root();
    second.version = 2;
    second.epoch = 2;
    let second = first.advance(&sealed_root(&second, &[ANN, BOB])).unwrap();
    let mut third = root();
    third.version = 3;
    let error = second.advance(&sealed_root(&third, &[ANN, BOB])).unwrap_err();
    assert_eq!(error.code(), Code::RootChainBroken);
}

#[test]
fn a_chain_is_applied_as_far_as_it_holds() {
    let first = pinned(&root());
    let numbered = |version: u64, signers: &[u8]| {
        let mut root = root();
        root.version = version;
        (version, sealed_root(&root, signers))
    };
    let chain = [
        numbered(3, &[ANN, BOB]),
        numbered(1, &[]),
        numbered(2, &[BOB, CYD]),
        numbered(4, &[EXPORTER]),
        numbered(5, &[ANN, BOB]),
    ];
    let (applied, outcome) = first.advance_all(&chain);
    let versions: Vec<_> = applied.iter().map(|root| root.document().version).collect();
    assert_eq!(versions, [2, 3]);
    assert_eq!(outcome.unwrap_err().code(), Code::RootChainBroken);

    let gap = [numbered(3, &[ANN, BOB])];
    assert_eq!(
        first.advance_all(&gap).1.unwrap_err().code(),
        Code::TrustVersionOutOfOrder
    );

    let many: Vec<_> = (2..)
        .take(MAX_ROOT_STEPS + 1)
        .map(|version| numbered(version, &[ANN, BOB]))
        .collect();
    let (applied, outcome) = first.advance_all(&many);
    assert_eq!(applied.len(), MAX_ROOT_STEPS);
    assert_eq!(outcome.unwrap_err().code(), Code::PreauthLimitExceeded);
}

#[test]
fn a_root_is_bounded() {
    let error = TrustedRoot::pinned(&vec![b' '; MAX_ROOT_BYTES + 1]).unwrap_err();
    assert!(matches!(error, TrustError::TooLarge { .. }));
    assert_eq!(error.code(), Code::PreauthLimitExceeded);
}

#[test]
fn what_is_no_root_by_its_type_is_not_parsed() {
    let trusted = pinned(&root());
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Root) {
        let other = sealed(kind, b"{}", &[ANN, BOB]).write();
        for error in [TrustedRoot::pinned(&other), trusted.advance(&other)].map(Result::unwrap_err) {
            assert_eq!(error.code(), Code::WrongDocumentKind, "{kind}");
        }
    }
}

#[test]
fn expiry_is_judged_by_the_time_given() {
    let trusted = pinned(&root());
    let expires = trusted.document().expires;
    assert!(trusted.check_fresh(expires).is_ok());
    let error = trusted.check_fresh(expires.plus_seconds(1)).unwrap_err();
    assert_eq!(error.code(), Code::RootExpired);
    // An expired root in the middle of a chain does not matter.
    let mut second = root();
    second.version = 2;
    second.expires = Timestamp::from_seconds(0);
    let second = trusted.advance(&sealed_root(&second, &[ANN, BOB])).unwrap();
    let mut third = root();
    third.version = 3;
    assert!(second.advance(&sealed_root(&third, &[ANN, BOB])).is_ok());
}

#[test]
fn documents_are_vouched_for_by_their_role_only() {
    let trusted = pinned(&root());
    let envelope = sealed(Kind::Manifest, b"{}", &[EXPORTER]);
    let vouched = trusted.verify(Role::Export, Kind::Manifest, &envelope).unwrap();
    assert_eq!(vouched.payload, b"{}");
    assert_eq!(vouched.persons, ["dora"]);
    assert_eq!(vouched.keys, [id(EXPORTER)]);

    for other in [ANN, APPROVER, STATION, 99] {
        let envelope = sealed(Kind::Manifest, b"{}", &[other]);
        let error = trusted.verify(Role::Export, Kind::Manifest, &envelope).unwrap_err();
        assert_eq!(error.code(), Code::ExportSignatureInvalid);
    }
    let error = trusted
        .verify(Role::Import, Kind::Receipt, &sealed(Kind::Receipt, b"{}", &[EXPORTER]))
        .unwrap_err();
    assert_eq!(error.code(), Code::KeyNotInRole);
}

#[test]
fn a_signature_counts_for_its_bytes_key_and_kind_only() {
    let trusted = pinned(&root());
    let good = sealed(Kind::Manifest, b"{}", &[EXPORTER]);
    let code_of = |envelope: &Envelope| {
        trusted
            .verify(Role::Export, Kind::Manifest, envelope)
            .unwrap_err()
            .code()
    };

    let mut other_payload = good.clone();
    other_payload.payload = b"[]".to_vec();
    assert_eq!(code_of(&other_payload), Code::ExportSignatureInvalid);

    let mut flipped = good.clone();
    flipped.signatures[0].bytes[0] ^= 1;
    assert_eq!(code_of(&flipped), Code::ExportSignatureInvalid);

    let mut cut = good.clone();
    cut.signatures[0].bytes.pop();
    assert_eq!(code_of(&cut), Code::ExportSignatureInvalid);

    let mut other_id = good.clone();
    other_id.signatures[0].key_id = id(ANN).to_string();
    assert_eq!(code_of(&other_id), Code::ExportSignatureInvalid);

    // The very same bytes, signed as another kind, and then relabelled.
    let mut other_kind = sealed(Kind::Report, b"{}", &[EXPORTER]);
    assert_eq!(code_of(&other_kind), Code::WrongDocumentKind);
    other_kind.payload_type = Kind::Manifest.payload_type().to_owned();
    assert_eq!(code_of(&other_kind), Code::ExportSignatureInvalid);

    // Signatures of strangers beside a good one change nothing.
    let mut more = good;
    more.signatures.extend(sealed(Kind::Manifest, b"{}", &[99]).signatures);
    more.signatures.extend(flipped.signatures);
    assert!(trusted.verify(Role::Export, Kind::Manifest, &more).is_ok());
}

#[test]
fn a_role_that_nobody_has_vouches_for_nothing() {
    let mut root = root();
    root.profile = Profile::Evaluation;
    root.roles.remove(&Role::Approve);
    root.keys.remove(&id(APPROVER));
    root.keys.remove(&id(people::SECOND_APPROVER));
    let trusted = pinned(&root);
    let envelope = sealed(Kind::Approval, b"{}", &[]);
    let error = trusted.verify(Role::Approve, Kind::Approval, &envelope).unwrap_err();
    assert_eq!(error.code(), Code::ApprovalsMissing);
}

#[test]
fn signing_again_replaces_the_signature() {
    let mut envelope = sealed(Kind::Root, b"{}", &[ANN]);
    trust::add_signature(&mut envelope, &key(ANN)).unwrap();
    trust::add_signature(&mut envelope, &key(BOB)).unwrap();
    assert_eq!(envelope.signatures.len(), 2);
}

#[test]
fn every_kind_has_its_own_payload_type() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of_payload_type(kind.payload_type()), Some(kind));
    }
    assert_eq!(Kind::of_payload_type("application/json"), None);
}

#[test]
fn a_folder_keeps_the_chain_and_checks_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust");
    assert!(matches!(TrustFolder::open(&path), Err(FolderError::NotPinned { .. })));
    let first = pinned(&root());
    TrustFolder::pin(&path, first.clone(), Confirmed::ByWords, people::now()).unwrap();
    assert!(matches!(
        TrustFolder::pin(&path, first.clone(), Confirmed::ByWords, people::now()),
        Err(FolderError::AlreadyPinned { .. })
    ));

    let mut second = root();
    second.version = 2;
    let second = sealed_root(&second, &[ANN, BOB]);
    let mut opened = TrustFolder::open(&path).unwrap();
    let mut third = root();
    third.version = 3;
    let third = sealed_root(&third, &[ANN, BOB]);
    assert!(matches!(
        opened.advance(&third),
        Err(FolderError::NotNext(TrustError::OutOfOrder { .. }))
    ));
    opened.advance(&second).unwrap();
    opened.advance(&third).unwrap();

    let opened = TrustFolder::open(&path).unwrap();
    assert_eq!(opened.current().document().version, 3);
    assert_eq!(opened.root(1).unwrap().fingerprint(), first.fingerprint());
    let version = |version| opened.root(version).map(|root| root.document().version);
    assert_eq!([2, 3, 4].map(version), [Some(2), Some(3), None]);
    assert_eq!(opened.pinned().confirmed, Confirmed::ByWords);

    // A root that someone slipped in.
    let mut forged = root();
    forged.version = 4;
    std::fs::write(path.join("roots/4.dsse.json"), sealed_root(&forged, &[ANN])).unwrap();
    assert!(matches!(TrustFolder::open(&path), Err(FolderError::RootDamaged { .. })));
    std::fs::remove_file(path.join("roots/4.dsse.json")).unwrap();

    // Another first root in place of the pinned one, though well signed.
    let mut other = root();
    other.expires = people::now();
    std::fs::write(path.join("roots/1.dsse.json"), sealed_root(&other, &[ANN, BOB])).unwrap();
    match TrustFolder::open(&path) {
        Err(FolderError::RootDamaged { source, .. }) => assert_eq!(source.code(), Code::NotRootedInPin),
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(path.join("roots/1.dsse.json")).unwrap();
    assert!(matches!(TrustFolder::open(&path), Err(FolderError::File { .. })));
    std::fs::write(path.join("pin.json"), b"{}").unwrap();
    assert!(matches!(TrustFolder::open(&path), Err(FolderError::PinDamaged { .. })));
}

#[test]
fn changes_are_said_in_words() {
    let old = root();
    assert!(trust::diff(&old, &old).is_empty());
    let mut new = root();
    new.epoch = 2;
    new.profile = Profile::Strict;
    new.expires = people::now();
    new.enclave.name = "plant-8".to_owned();
    people::set_threshold(&mut new, Role::Approve, 2);
    new.roles.get_mut(&Role::Root).unwrap().keys.remove(&id(BOB));
    give(&mut new, Role::Root, "gus", 5);
    // Ann gets a second key, and dora changes hers.
    give(&mut new, Role::Root, "ann", 6);
    new.roles.get_mut(&Role::Export).unwrap().keys.remove(&id(EXPORTER));
    give(&mut new, Role::Export, "dora", 11);
    let expected = [
        "the enclave changes from plant-7 to plant-8".to_owned(),
        "the profile changes from standard to strict".to_owned(),
        "the epoch changes from 1 to 2: every stream starts again at 1".to_owned(),
        "the expiry moves from 2027-11-21T00:00:00Z to 2026-11-21T12:00:00Z".to_owned(),
        "gus gets the role root".to_owned(),
        "bob loses the role root".to_owned(),
        format!("ann gets the key {} in the role root", id(6)),
        format!("dora gets the key {} in the role export", id(11)),
        format!("dora loses the key {} in the role export", id(EXPORTER)),
        "the threshold of approve changes from 1 to 2".to_owned(),
    ];
    assert_eq!(trust::diff(&old, &new), expected);
}
