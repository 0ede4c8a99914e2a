//! The root document: who may sign what (`bundle-spec/root.md` §2).

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Role, TrustError, rules};
use crate::crypto::key::{KeyId, PublicKey};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::Timestamp;

/// A root whose keys, persons and thresholds have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// 1 for the root of commissioning; each next root has the next number.
    pub version: u64,
    /// A root that raises it lets every stream start again at 1.
    pub epoch: u64,
    /// After this time nothing signed under this root is accepted.
    pub expires: Timestamp,
    /// How strict the rules about persons and thresholds are; never lowered.
    pub profile: Profile,
    /// The enclave that this root is for; never changed.
    pub enclave: Enclave,
    /// Every key of every role.
    pub keys: BTreeMap<KeyId, RootKey>,
    /// The roles.
    pub roles: BTreeMap<Role, RoleKeys>,
    /// Facts that decide nothing.
    pub ext: Extensions,
}

/// How strict a root's rules are. The order is from lax to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// One person and one key may do everything. Reports say so.
    Evaluation,
    /// Root by two of three persons; exporter and approver are different persons.
    Standard,
    /// As `standard`, with two persons for trust data, policies and approvals.
    Strict,
}

impl Profile {
    /// The word in a root.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluation",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The enclave that a root is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enclave {
    /// What people call it: lower-case letters, digits and `-`.
    pub name: String,
    /// The id of the import key that the enclave had at commissioning; bundles name their recipients by it.
    pub id: KeyId,
}

/// One key in a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootKey {
    /// Whose it is. One person may have many keys, and counts once.
    pub person: String,
    /// The key.
    pub public: PublicKey,
}

/// Who has a role, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// The keys.
    pub keys: BTreeSet<KeyId>,
    /// How many different persons must sign, each with a key of their own.
    pub threshold: NonZeroU32,
}

/// The root as JSON, before anything in it has been checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u64,
    epoch: u64,
    expires: Timestamp,
    profile: Profile,
    enclave: Enclave,
    keys: BTreeMap<KeyId, WireKey>,
    roles: BTreeMap<Role, WireRole>,
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    ext: Extensions,
    #[serde(default)]
    critical: Critical,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKey {
    person: String,
    public: String,
}

/// A threshold of zero and a key named twice are readable here, so that they are refused as what they are.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRole {
    keys: Vec<KeyId>,
    threshold: u32,
}

impl Root {
    /// Reads a root and checks its keys, persons and thresholds. Who signed it is not looked at.
    pub fn read(untrusted_payload: &[u8]) -> Result<Self, TrustError> {
        let wire: Wire = strict_json::read(untrusted_payload)?;
        let root = Self::from_wire(wire)?;
        rules::check(&root)?;
        Ok(root)
    }

    /// Writes the root as the payload that is signed. Fails where [`Root::read`] would.
    pub fn write(&self) -> Result<Vec<u8>, TrustError> {
        let wire = Wire {
            version: self.version,
            epoch: self.epoch,
            expires: self.expires,
            profile: self.profile,
            enclave: self.enclave.clone(),
            keys: self.keys.iter().map(|(id, key)| (*id, WireKey::of(key))).collect(),
            roles: self
                .roles
                .iter()
                .map(|(role, keys)| (*role, WireRole::of(keys)))
                .collect(),
            ext: self.ext.clone(),
            critical: Critical,
        };
        let payload = strict_json::write(&wire);
        Self::read(&payload)?;
        Ok(payload)
    }

    /// The persons who have a role.
    pub fn persons(&self, role: Role) -> BTreeSet<&str> {
        self.roles
            .get(&role)
            .into_iter()
            .flat_map(|keys| &keys.keys)
            .filter_map(|id| self.keys.get(id))
            .map(|key| key.person.as_str())
            .collect()
    }

    /// How many persons must sign in a role; zero where nobody has the role, and then nothing is asked for.
    pub fn threshold(&self, role: Role) -> u32 {
        self.roles.get(&role).map_or(0, |keys| keys.threshold.get())
    }

    fn from_wire(wire: Wire) -> Result<Self, TrustError> {
        let mut keys = BTreeMap::new();
        for (id, key) in wire.keys {
            let public = PublicKey::from_base64(&key.public).map_err(|source| TrustError::Key {
                person: key.person.clone(),
                source,
            })?;
            if public.id() != id {
                return Err(TrustError::Threshold {
                    version: wire.version,
                    reason: format!(
                        "the key of {} stands under {id}, but its id is {}",
                        key.person,
                        public.id()
                    ),
                });
            }
            let person = key.person;
            keys.insert(id, RootKey { person, public });
        }
        let mut roles = BTreeMap::new();
        for (role, wire_role) in wire.roles {
            let fault = |reason| TrustError::Threshold {
                version: wire.version,
                reason,
            };
            let threshold = NonZeroU32::new(wire_role.threshold)
                .ok_or_else(|| fault(format!("the threshold of the role {role} is zero")))?;
            let count = wire_role.keys.len();
            let keys: BTreeSet<KeyId> = wire_role.keys.into_iter().collect();
            if keys.len() != count {
                return Err(fault(format!("the role {role} names one key twice")));
            }
            roles.insert(role, RoleKeys { keys, threshold });
        }
        Ok(Self {
            version: wire.version,
            epoch: wire.epoch,
            expires: wire.expires,
            profile: wire.profile,
            enclave: wire.enclave,
            keys,
            roles,
            ext: wire.ext,
        })
    }
}

impl WireKey {
    fn of(key: &RootKey) -> Self {
        Self {
            person: key.person.clone(),
            public: key.public.to_base64(),
        }
    }
}

impl WireRole {
    fn of(role: &RoleKeys) -> Self {
        Self {
            keys: role.keys.iter().copied().collect(),
            threshold: role.threshold.get(),
        }
    }
}
