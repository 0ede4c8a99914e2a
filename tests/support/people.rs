//! Persons with keys, and roots made of them, for tests.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::{KeyId, Signer};
use sealift::model::Timestamp;
use sealift::trust::{self, Enclave, Kind, Profile, Role, RoleKeys, Root, RootKey, TrustedRoot};

/// A time inside the life of every root made here.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// A key that is always the same for the same number.
pub(crate) fn key(number: u8) -> FileKey {
    FileKey::from_seed(&[number; 32])
}

/// The id of a numbered key.
pub(crate) fn id(number: u8) -> KeyId {
    key(number).public().id()
}

/// Numbers of the keys that `root` gives out.
pub(crate) const ANN: u8 = 1;
pub(crate) const BOB: u8 = 2;
pub(crate) const CYD: u8 = 3;
pub(crate) const EXPORTER: u8 = 10;
pub(crate) const APPROVER: u8 = 20;
pub(crate) const SECOND_APPROVER: u8 = 21;
pub(crate) const STATION: u8 = 30;

/// A root of the profile `standard`: ann, bob and cyd hold root, trust and policy by two of three; dora exports, and
/// eve and fay approve, one being enough.
pub(crate) fn root() -> Root {
    let mut root = Root {
        version: 1,
        epoch: 1,
        expires: "2027-11-21T00:00:00Z".parse().unwrap(),
        profile: Profile::Standard,
        enclave: Enclave {
            name: "plant-7".to_owned(),
            id: id(STATION),
        },
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        ext: BTreeMap::new(),
    };
    for (number, person) in [(ANN, "ann"), (BOB, "bob"), (CYD, "cyd")] {
        for role in [Role::Root, Role::Trust, Role::Policy] {
            give(&mut root, role, person, number);
        }
    }
    for role in [Role::Root, Role::Trust, Role::Policy] {
        set_threshold(&mut root, role, 2);
    }
    give(&mut root, Role::Export, "dora", EXPORTER);
    give(&mut root, Role::Approve, "eve", APPROVER);
    give(&mut root, Role::Approve, "fay", SECOND_APPROVER);
    give(&mut root, Role::Import, "station-plant-7", STATION);
    give(&mut root, Role::Log, "station-plant-7", STATION);
    root
}

/// Adds a person's key to a role.
pub(crate) fn give(root: &mut Root, role: Role, person: &str, number: u8) {
    let public = key(number).public().clone();
    let entry = root.roles.entry(role).or_insert_with(|| RoleKeys {
        keys: Default::default(),
        threshold: NonZeroU32::MIN,
    });
    entry.keys.insert(public.id());
    root.keys.insert(
        public.id(),
        RootKey {
            person: person.to_owned(),
            public,
        },
    );
}

/// Sets how many persons must sign in a role.
pub(crate) fn set_threshold(root: &mut Root, role: Role, threshold: u32) {
    root.roles.get_mut(&role).unwrap().threshold = NonZeroU32::new(threshold).unwrap();
}

/// An envelope over any payload, signed by numbered keys.
pub(crate) fn sealed(kind: Kind, payload: &[u8], signers: &[u8]) -> trust::Envelope {
    let keys: Vec<FileKey> = signers.iter().map(|number| key(*number)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    trust::sign(kind, payload.to_vec(), &signers).unwrap()
}

/// A root's envelope, signed by numbered keys.
pub(crate) fn sealed_root(root: &Root, signers: &[u8]) -> Vec<u8> {
    sealed(Kind::Root, &root.write().unwrap(), signers).write()
}

/// A root, signed and pinned.
pub(crate) fn pinned(root: &Root) -> TrustedRoot {
    TrustedRoot::pinned(&sealed_root(root, &[ANN, BOB])).unwrap()
}

/// A root of the profile `evaluation`: ann holds root, trust and policy, and no approval is asked for.
pub(crate) fn root_without_approval() -> Root {
    let mut root = root();
    root.profile = Profile::Evaluation;
    root.roles.remove(&Role::Approve);
    let gone: Vec<KeyId> = [APPROVER, SECOND_APPROVER].map(id).to_vec();
    root.keys.retain(|id, _| !gone.contains(id));
    for role in [Role::Root, Role::Trust, Role::Policy] {
        set_threshold(&mut root, role, 1);
    }
    root
}
