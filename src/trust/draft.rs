//! Writing a root, before anyone has signed it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::{Enclave, Profile, Role, RoleKeys, Root, RootKey, TrustError};
use crate::crypto::key::{KeyId, PublicKey};
use crate::crypto::strict_json::Extensions;
use crate::model::Timestamp;

/// A root that is being written.
#[derive(Debug, Clone)]
pub struct Draft {
    root: Root,
    /// The key that gets what nobody else was given, in a first root.
    station: Option<KeyId>,
    thresholds: BTreeMap<Role, NonZeroU32>,
}

impl Draft {
    /// Starts the first root of an enclave. Its key gets the roles `import` and `log`, as the person `station-NAME`.
    pub fn first(name: &str, import_key: &PublicKey, profile: Profile, expires: Timestamp) -> Self {
        let id = import_key.id();
        let mut this = Self {
            root: Root {
                version: 1,
                epoch: 1,
                expires,
                profile,
                enclave: Enclave {
                    name: name.to_owned(),
                    id,
                },
                keys: BTreeMap::new(),
                roles: BTreeMap::new(),
                ext: Extensions::new(),
            },
            station: Some(id),
            thresholds: BTreeMap::new(),
        };
        let station = RootKey {
            person: format!("station-{name}"),
            public: import_key.clone(),
        };
        this.root.keys.insert(id, station);
        this.entry(Role::Import).insert(id);
        this.entry(Role::Log).insert(id);
        this
    }

    /// Starts the root that follows another, with everything as it was.
    pub fn next(previous: &Root, expires: Timestamp) -> Self {
        let mut root = previous.clone();
        root.version = previous.version.saturating_add(1);
        root.expires = expires;
        Self {
            root,
            station: None,
            thresholds: BTreeMap::new(),
        }
    }

    /// Gives a role to a person's key.
    pub fn grant(&mut self, role: Role, person: &str, public: &PublicKey) -> Result<(), TrustError> {
        let id = public.id();
        let key = self.root.keys.entry(id).or_insert_with(|| RootKey {
            person: person.to_owned(),
            public: public.clone(),
        });
        if key.person != person {
            return Err(TrustError::Threshold {
                version: self.root.version,
                reason: format!("the key {id} would belong to both {} and {person}", key.person),
            });
        }
        self.entry(role).insert(id);
        Ok(())
    }

    /// Takes a role, or every role, from all keys of a person. Says whether there was anything to take.
    pub fn remove(&mut self, person: &str, only: Option<Role>) -> bool {
        let keys = &self.root.keys;
        let mut found = false;
        for (role, role_keys) in &mut self.root.roles {
            if only.is_none_or(|only| only == *role) {
                let before = role_keys.keys.len();
                role_keys
                    .keys
                    .retain(|id| keys.get(id).is_some_and(|key| key.person != person));
                found |= role_keys.keys.len() < before;
            }
        }
        found
    }

    /// Sets how many persons must sign in a role.
    pub fn threshold(&mut self, role: Role, persons: NonZeroU32) {
        self.thresholds.insert(role, persons);
    }

    /// Lets every stream start again at 1.
    pub fn new_epoch(&mut self) {
        self.root.epoch = self.root.epoch.saturating_add(1);
    }

    /// Sets the profile.
    pub fn profile(&mut self, profile: Profile) {
        self.root.profile = profile;
    }

    /// Fills in what was left open, drops keys without a role, and checks the root by all rules.
    ///
    /// In a first root `trust` and `policy` go to those who have `root`; in an evaluation the enclave's own key gets
    /// what nobody has. Thresholds are the least that the profile allows.
    pub fn finish(mut self) -> Result<Root, TrustError> {
        if let Some(station) = self.station {
            if self.root.profile == Profile::Evaluation && self.is_open(Role::Root) {
                self.entry(Role::Root).insert(station);
            }
            let root_keys = self.entry(Role::Root).clone();
            for role in [Role::Trust, Role::Policy] {
                if self.is_open(role) {
                    self.entry(role).extend(root_keys.iter().copied());
                }
            }
            for role in Role::ALL {
                let least = least(self.root.profile, role);
                self.thresholds.entry(role).or_insert(least);
            }
        }
        self.root.roles.retain(|_, role| !role.keys.is_empty());
        for (role, threshold) in &self.thresholds {
            if let Some(keys) = self.root.roles.get_mut(role) {
                keys.threshold = *threshold;
            }
        }
        let used: BTreeSet<KeyId> = self
            .root
            .roles
            .values()
            .flat_map(|role| role.keys.iter().copied())
            .collect();
        self.root.keys.retain(|id, _| used.contains(id));
        self.root.write()?;
        Ok(self.root)
    }

    fn is_open(&self, role: Role) -> bool {
        self.root.roles.get(&role).is_none_or(|keys| keys.keys.is_empty())
    }

    fn entry(&mut self, role: Role) -> &mut BTreeSet<KeyId> {
        let empty = || RoleKeys {
            keys: BTreeSet::new(),
            threshold: NonZeroU32::MIN,
        };
        &mut self.root.roles.entry(role).or_insert_with(empty).keys
    }
}

/// The least threshold that a profile allows.
fn least(profile: Profile, role: Role) -> NonZeroU32 {
    const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
    match (profile, role) {
        (Profile::Standard | Profile::Strict, Role::Root | Role::Trust | Role::Policy)
        | (Profile::Strict, Role::Approve) => TWO,
        _ => NonZeroU32::MIN,
    }
}
