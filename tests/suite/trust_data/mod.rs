//! Trust data and revocations: what is read, who must have signed, what may follow what, and what a bundle brings.

mod schema;
mod size;
mod updates;

use std::path::PathBuf;

use sealift::bundle::limits;
use sealift::bundle::manifest::{CatalogSummary, Manifest, SideData};
use sealift::evidence;
use sealift::import::site::{Brought, Site};
use sealift::ledger::Ledger;
use sealift::model::{Anchor, Code, Digest, Material, ScopePattern, SpeaksFor, Stop, Timestamp};
use sealift::trust::folder::{Confirmed, FolderError, TrustFolder};
use sealift::trust::{Kind, Revocation, Revocations, Revoked, Role, TrustData, standing};
use sequoia_openpgp::cert::CertBuilder;
use sequoia_openpgp::serialize::SerializeInto as _;

use crate::people::{self, ANN, APPROVER, BOB, CYD, EXPORTER, give, id, pinned, root, sealed, sealed_root};

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn anchor(name: &str, material: Material) -> Anchor {
    Anchor {
        material,
        name: name.to_owned(),
        note: "read over the phone".to_owned(),
        scope: vec![ScopePattern::new("files/*")],
        speaks_for: SpeaksFor::Publisher,
        suites: Vec::new(),
        valid_from: None,
        valid_until: None,
    }
}

fn note_key() -> Material {
    Material::NoteKey("example.com+01234567+AAAA".to_owned())
}

fn trust_data(version: u64, anchors: &[Anchor]) -> TrustData {
    let mut data = TrustData::empty(version, people::now());
    for anchor in anchors {
        data.put(anchor.clone());
    }
    data
}

fn revoking(version: u64, revoked: &[Revoked]) -> Revocations {
    let mut document = Revocations::empty(version, people::now());
    document.revoked = revoked
        .iter()
        .map(|what| Revocation {
            invalid_since: None,
            reason: "stolen".to_owned(),
            what: what.clone(),
        })
        .collect();
    document
}

fn sealed_data(data: &TrustData, signers: &[u8]) -> Vec<u8> {
    sealed(Kind::TrustData, &data.write().unwrap(), signers).write()
}

fn sealed_revocations(document: &Revocations, signers: &[u8]) -> Vec<u8> {
    sealed(Kind::Revocations, &document.write().unwrap(), signers).write()
}

/// A site in whose folder a root of the profile `standard` is pinned: ann, bob and cyd have the role `trust`, two must sign.
struct Place {
    folder: tempfile::TempDir,
    trust: TrustFolder,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust");
        let trust = TrustFolder::pin(&path, pinned(&root()), Confirmed::MadeHere, people::now()).unwrap();
        Self { folder, trust }
    }

    fn stand(&mut self, kind: Kind, envelope: &[u8]) {
        let next = self.trust.judge_next(kind, envelope, None).unwrap().unwrap();
        self.trust.stand(&next).unwrap();
    }

    fn refusal(&self, kind: Kind, envelope: &[u8]) -> Code {
        match self.trust.judge_next(kind, envelope, None) {
            Err(FolderError::NotStanding(error)) => error.code(),
            other => panic!("{other:?}"),
        }
    }

    /// What a bundle with some side data comes to.
    fn take(&self, site: &mut Site, side_data: &[(SideData, Vec<u8>)]) -> Result<Brought, Stop> {
        let path_of = |digest: &Digest| -> PathBuf { self.folder.path().join(digest.hex()) };
        let mut manifest = manifest();
        for (kind, envelope) in side_data {
            let digest = Digest::of(envelope);
            std::fs::write(path_of(&digest), envelope).unwrap();
            manifest.side_data.insert(*kind, digest);
        }
        site.take(&manifest, &self.trust, path_of)
    }

    fn site(&self) -> Site {
        Site::load(&self.trust).unwrap()
    }
}

fn manifest() -> Manifest {
    let digest = Digest::of(b"x");
    Manifest {
        base_source: None,
        base: None,
        catalog: CatalogSummary {
            artifacts: 0,
            content_size: 0,
            digest,
            documents: 0,
            object_bytes: 0,
            objects: 0,
            size: 0,
        },
        created: people::now(),
        critical: Vec::new(),
        epoch: 1,
        format: 1,
        generator: "test".to_owned(),
        not_after: people::now().plus_days(1),
        plan: digest,
        previous: None,
        recipients: vec![digest],
        roots: Vec::new(),
        segment_size: limits::DEFAULT_SEGMENT_BYTES,
        sequence: 1,
        side_data: Default::default(),
        stream: "main".to_owned(),
        volumes: Vec::new(),
    }
}

fn code(stop: Stop) -> Code {
    match stop {
        Stop::Refused(refusals) => refusals.first().unwrap().code,
        Stop::Unable(unable) => unable.code.unwrap_or_else(|| panic!("{unable:?}")),
    }
}

#[test]
fn enough_persons_with_the_role_trust_must_have_signed() {
    let place = Place::new();
    let payload = trust_data(1, &[anchor("a", note_key())]).write().unwrap();
    for signers in [
        &[][..],
        &[ANN],
        &[ANN, ANN],
        &[ANN, EXPORTER],
        &[ANN, APPROVER],
        &[99, 98],
    ] {
        let envelope = sealed(Kind::TrustData, &payload, signers).write();
        assert_eq!(
            place.refusal(Kind::TrustData, &envelope),
            Code::KeyNotInRole,
            "{signers:?}"
        );
    }
    // A second key of the same person is no second person.
    let mut two_keys = root();
    give(&mut two_keys, Role::Trust, "ann", 6);
    let envelope = sealed(Kind::TrustData, &payload, &[ANN, 6]).write();
    let error = standing::judge(&pinned(&two_keys), Kind::TrustData, &envelope).unwrap_err();
    assert_eq!(error.code(), Code::KeyNotInRole);

    let envelope = sealed(Kind::TrustData, &payload, &[ANN, BOB]).write();
    let next = place
        .trust
        .judge_next(Kind::TrustData, &envelope, None)
        .unwrap()
        .unwrap();
    assert_eq!((next.version, next.root_version), (1, 1));
    assert_eq!(next.persons, ["ann", "bob"]);
    assert_eq!(next.digest, Digest::of(&payload));
}

#[test]
fn a_signature_over_another_kind_is_none() {
    let place = Place::new();
    let payload = trust_data(1, &[]).write().unwrap();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::TrustData) {
        let envelope = sealed(kind, &payload, &[ANN, BOB]);
        assert_eq!(
            place.refusal(Kind::TrustData, &envelope.write()),
            Code::WrongDocumentKind,
            "{kind}"
        );
        let mut renamed = envelope;
        renamed.payload_type = Kind::TrustData.payload_type().to_owned();
        assert_eq!(
            place.refusal(Kind::TrustData, &renamed.write()),
            Code::KeyNotInRole,
            "{kind}"
        );
    }
    let long = vec![b' '; sealift::crypto::dsse::MAX_ENVELOPE_BYTES + 1];
    assert_eq!(place.refusal(Kind::TrustData, &long), Code::PreauthLimitExceeded);
}

#[test]
fn what_stands_is_not_the_same_document_of_another_kind() {
    let mut place = Place::new();
    let payload = trust_data(1, &[]).write().unwrap();
    place.stand(Kind::TrustData, &sealed(Kind::TrustData, &payload, &[ANN, BOB]).write());
    // The bytes are those that stand, and are nothing new for their own kind only.
    let renamed = sealed(Kind::Revocations, &payload, &[ANN, BOB]).write();
    assert_eq!(place.refusal(Kind::TrustData, &renamed), Code::WrongDocumentKind);
}

#[test]
fn versions_only_rise() {
    let mut place = Place::new();
    let document = |version, name: &str| sealed_data(&trust_data(version, &[anchor(name, note_key())]), &[ANN, BOB]);
    place.stand(Kind::TrustData, &document(3, "a"));
    for (version, name) in [(1, "a"), (2, "b"), (3, "b")] {
        let found = place.refusal(Kind::TrustData, &document(version, name));
        assert_eq!(found, Code::TrustVersionOutOfOrder, "{version} {name}");
    }
    // The very same again, though signed by others.
    let again = sealed_data(&trust_data(3, &[anchor("a", note_key())]), &[BOB, CYD]);
    assert!(place.trust.judge_next(Kind::TrustData, &again, None).unwrap().is_none());
    // Trust data and revocations are numbered apart.
    place.stand(Kind::Revocations, &sealed_revocations(&revoking(1, &[]), &[ANN, BOB]));
    place.stand(Kind::TrustData, &document(9, "a"));
    assert_eq!(place.trust.standing(Kind::TrustData).unwrap().unwrap().version, 9);
    assert_eq!(place.trust.standing_version(Kind::TrustData, 3).unwrap().version, 3);
    for payload in [&b"{}"[..], br#"{"version":0}"#, br#"{"version":"4"}"#, b"[]", b"x"] {
        let envelope = sealed(Kind::TrustData, payload, &[ANN, BOB]).write();
        assert_eq!(place.refusal(Kind::TrustData, &envelope), Code::JsonNotStrict);
    }
}

#[test]
fn a_revoked_key_signs_no_further_document() {
    let mut place = Place::new();
    let next = sealed_data(&trust_data(1, &[anchor("a", note_key())]), &[ANN, BOB]);
    let revocations = revoking(1, &[Revoked::Key(id(ANN).to_string())]);
    for kind in [Kind::TrustData, Kind::Revocations] {
        let envelope = match kind {
            Kind::TrustData => next.clone(),
            _ => sealed_revocations(&revoking(2, &[]), &[ANN, BOB]),
        };
        match place.trust.judge_next(kind, &envelope, Some(&revocations)) {
            Err(FolderError::NotStanding(error)) => assert_eq!(error.code(), Code::KeyNotInRole),
            other => panic!("{other:?}"),
        }
        assert!(place.trust.judge_next(kind, &envelope, None).unwrap().is_some());
    }
    // Who is left can sign.
    let others = sealed_data(&trust_data(1, &[anchor("a", note_key())]), &[ANN, BOB, CYD]);
    let judged = place
        .trust
        .judge_next(Kind::TrustData, &others, Some(&revocations))
        .unwrap()
        .unwrap();
    assert_eq!(judged.persons, ["bob", "cyd"]);
    // What stood before still stands, and may come again.
    place.stand(Kind::TrustData, &next);
    assert!(
        place
            .trust
            .judge_next(Kind::TrustData, &next, Some(&revocations))
            .unwrap()
            .is_none()
    );
}

#[test]
fn what_stands_is_counted_again_by_the_roots_of_its_time() {
    let mut place = Place::new();
    place.stand(Kind::TrustData, &sealed_data(&trust_data(1, &[]), &[ANN, BOB]));
    let mut second = root();
    second.version = 2;
    // Ann leaves, and gus comes.
    second.roles.get_mut(&Role::Trust).unwrap().keys.remove(&id(ANN));
    give(&mut second, Role::Trust, "gus", 5);
    place.trust.advance(&sealed_root(&second, &[ANN, BOB])).unwrap();
    let stands = place.trust.standing(Kind::TrustData).unwrap().unwrap();
    assert_eq!((stands.version, stands.root_version), (1, 1));
    // An exporter carries it until there is a newer one, which ann can no longer sign.
    assert!(
        place
            .trust
            .judge_next(Kind::TrustData, &stands.envelope, None)
            .unwrap()
            .is_none()
    );
    let next = trust_data(2, &[]);
    assert_eq!(
        place.refusal(Kind::TrustData, &sealed_data(&next, &[ANN, BOB])),
        Code::KeyNotInRole
    );
    place.stand(Kind::TrustData, &sealed_data(&next, &[BOB, 5]));
    assert_eq!(place.trust.standing(Kind::TrustData).unwrap().unwrap().root_version, 2);
}

#[test]
fn what_somebody_put_into_the_folder_does_not_stand() {
    let mut place = Place::new();
    place.stand(Kind::TrustData, &sealed_data(&trust_data(1, &[]), &[ANN, BOB]));
    let anchors = place.trust.path().join("anchors");
    for (name, bytes) in [
        ("2.dsse.json", sealed_data(&trust_data(2, &[]), &[ANN])),
        ("2.dsse.json", sealed_data(&trust_data(3, &[]), &[ANN, BOB])),
        ("2.dsse.json", sealed_revocations(&revoking(2, &[]), &[ANN, BOB])),
        ("2.dsse.json", b"{}".to_vec()),
    ] {
        std::fs::write(anchors.join(name), bytes).unwrap();
        match place.trust.standing(Kind::TrustData).unwrap_err() {
            error @ FolderError::StandingDamaged { .. } => assert_eq!(code(error.into()), Code::StateRolledBack),
            other => panic!("{other:?}"),
        }
        std::fs::remove_file(anchors.join(name)).unwrap();
    }
    // What has another name is not ours.
    for name in ["02.dsse.json", "+2.dsse.json", "2.dsse.json.old", "x"] {
        std::fs::write(anchors.join(name), b"x").unwrap();
    }
    assert_eq!(place.trust.standing(Kind::TrustData).unwrap().unwrap().version, 1);
}

#[test]
fn an_older_document_put_back_is_noticed() {
    let mut place = Place::new();
    let ledger = Ledger::create(&place.folder.path().join("state.db")).unwrap();
    place.site().check_not_rolled_back(&place.trust, &ledger).unwrap();
    for (kind, words) in [(Kind::TrustData, "anchors"), (Kind::Revocations, "revocations")] {
        let envelope = |version, anchors: &[Anchor]| match kind {
            Kind::TrustData => sealed_data(&trust_data(version, anchors), &[ANN, BOB]),
            _ if anchors.is_empty() => sealed_revocations(&revoking(version, &[]), &[ANN, BOB]),
            _ => sealed_revocations(&revoking(version, &[Revoked::Key("abcd".to_owned())]), &[ANN, BOB]),
        };
        place.stand(kind, &envelope(1, &[]));
        place.stand(kind, &envelope(2, &[]));
        let stands = place.trust.standing(kind).unwrap().unwrap();
        ledger.note_standing(&kind.to_string(), 2, &stands.digest).unwrap();
        place.site().check_not_rolled_back(&place.trust, &ledger).unwrap();
        // An older note changes nothing.
        ledger.note_standing(&kind.to_string(), 1, &Digest::of(b"x")).unwrap();
        place.site().check_not_rolled_back(&place.trust, &ledger).unwrap();

        let path = place.trust.path().join(words).join("2.dsse.json");
        std::fs::remove_file(&path).unwrap();
        let error = place.site().check_not_rolled_back(&place.trust, &ledger).unwrap_err();
        assert_eq!(code(error), Code::StateRolledBack, "{kind}");
        std::fs::write(&path, envelope(2, &[anchor("a", note_key())])).unwrap();
        let error = place.site().check_not_rolled_back(&place.trust, &ledger).unwrap_err();
        assert_eq!(code(error), Code::StateRolledBack, "{kind}, other content");
        std::fs::write(&path, &stands.envelope).unwrap();
        // Newer than remembered: an import was killed between the two writes.
        place.stand(kind, &envelope(3, &[]));
        place.site().check_not_rolled_back(&place.trust, &ledger).unwrap();
    }
}

#[test]
fn a_bundle_brings_newer_documents_only_under_the_threshold() {
    let mut place = Place::new();
    place.stand(
        Kind::TrustData,
        &sealed_data(&trust_data(2, &[anchor("a", note_key())]), &[ANN, BOB]),
    );
    let newer = trust_data(3, &[anchor("a", note_key()), anchor("b", note_key())]);
    let mut site = place.site();
    let brought = place
        .take(&mut site, &[(SideData::TrustData, sealed_data(&newer, &[BOB, CYD]))])
        .unwrap();
    assert_eq!(brought.standing.len(), 1);
    assert_eq!(
        brought.changes[..2],
        [
            "trust data version 3 counts from now on, signed by bob, cyd",
            "adds `b` (note-key) for files/*, reaches the level publisher",
        ]
    );
    assert_eq!(site.trust_data().unwrap().1, newer);

    let mut site = place.site();
    let error = place
        .take(
            &mut site,
            &[(SideData::TrustData, sealed_data(&newer, &[BOB, EXPORTER]))],
        )
        .unwrap_err();
    assert_eq!(code(error), Code::KeyNotInRole);
    let error = place
        .take(
            &mut site,
            &[(SideData::TrustData, sealed_data(&trust_data(2, &[]), &[ANN, BOB]))],
        )
        .unwrap_err();
    assert_eq!(code(error), Code::TrustVersionOutOfOrder);
    // The exporter may not know the newer one yet; whether enough signed the older one is no question any more.
    let older = sealed_data(&trust_data(1, &[]), &[ANN]);
    let brought = place.take(&mut site, &[(SideData::TrustData, older)]).unwrap();
    assert!(brought.standing.is_empty() && brought.changes.is_empty());
    assert_eq!(
        brought.notes,
        ["the bundle's trust data version 1 is older than version 2, and was not taken"]
    );
    assert_eq!(site.trust_data().unwrap().0.version, 2);
}

#[test]
fn a_bundles_revocations_take_nothing_back() {
    let mut place = Place::new();
    let key = Revoked::Key("abcd1234".to_owned());
    let bundle = Revoked::Bundle(Digest::of(b"bad"));
    place.stand(
        Kind::Revocations,
        &sealed_revocations(&revoking(1, std::slice::from_ref(&key)), &[ANN, BOB]),
    );
    let mut site = place.site();
    let take = |site: &mut Site, document: &Revocations| {
        place.take(
            site,
            &[(SideData::Revocations, sealed_revocations(document, &[ANN, BOB]))],
        )
    };
    let error = take(&mut site, &revoking(2, std::slice::from_ref(&bundle))).unwrap_err();
    assert_eq!(code(error), Code::TrustVersionOutOfOrder);
    let mut later = revoking(2, std::slice::from_ref(&key));
    later.revoked[0].invalid_since = Some(people::now());
    assert_eq!(code(take(&mut site, &later).unwrap_err()), Code::TrustVersionOutOfOrder);
    assert_eq!(site.revocations().unwrap().0.version, 1);

    let brought = take(&mut site, &revoking(2, &[key, bundle])).unwrap();
    assert_eq!(
        brought.changes,
        ["revocations version 2 count from now on: 1 more, signed by ann, bob"]
    );
    assert!(site.revocations().unwrap().1.bundle(&Digest::of(b"bad")).is_some());
}

/// How fresh they are is judged by what stands, not by what an older document says of itself.
#[test]
fn carried_revocations_are_as_old_as_those_that_stand() {
    let mut place = Place::new();
    let at = |version, days: i64| Revocations {
        created: people::now().plus_seconds(days * 86_400),
        ..revoking(version, &[])
    };
    place.stand(Kind::Revocations, &sealed_revocations(&at(2, -20), &[ANN, BOB]));
    let carried = |document: &Revocations, signers: &[u8]| {
        let mut site = place.site();
        assert_eq!(site.carried_revocations(), None);
        place
            .take(
                &mut site,
                &[(SideData::Revocations, sealed_revocations(document, signers))],
            )
            .unwrap();
        site.carried_revocations().unwrap()
    };
    assert_eq!(
        carried(&at(2, -20), &[ANN, BOB]),
        people::now().plus_seconds(-20 * 86_400)
    );
    assert_eq!(carried(&at(3, -1), &[ANN, BOB]), people::now().plus_seconds(-86_400));
    assert_eq!(
        carried(&at(1, -30), &[ANN, BOB]),
        people::now().plus_seconds(-30 * 86_400)
    );
    // Nobody has signed it, and it is not taken: what it claims makes nothing fresher.
    assert_eq!(
        carried(&at(1, 0), &[EXPORTER]),
        people::now().plus_seconds(-20 * 86_400)
    );
}

/// A bundle's own revocations count before its trust data does.
#[test]
fn a_bundle_s_revocations_come_first() {
    let place = Place::new();
    let revocations = sealed_revocations(&revoking(1, &[Revoked::Key(id(CYD).to_string())]), &[ANN, BOB]);
    let data = |signers: &[u8]| sealed_data(&trust_data(1, &[anchor("a", note_key())]), signers);
    let both = |signers: &[u8]| {
        [
            (SideData::Revocations, revocations.clone()),
            (SideData::TrustData, data(signers)),
        ]
    };
    let error = place.take(&mut place.site(), &both(&[BOB, CYD])).unwrap_err();
    assert_eq!(code(error), Code::KeyNotInRole);
    assert_eq!(
        place
            .take(&mut place.site(), &both(&[ANN, BOB]))
            .unwrap()
            .standing
            .len(),
        2
    );
}

#[test]
fn secret_keys_are_not_pinned() {
    let (cert, _) = CertBuilder::general_purpose(Some("ann@example.com"))
        .generate()
        .unwrap();
    let secret = cert.as_tsk().to_vec().unwrap();
    assert_eq!(evidence::armored(&secret), Err("it holds a secret key".to_owned()));
    assert!(evidence::armored(&cert.to_vec().unwrap()).is_ok());
    assert!(evidence::armored(b"").is_err() && evidence::armored(b"x").is_err());
}
