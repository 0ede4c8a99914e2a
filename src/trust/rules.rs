//! What every root must satisfy, and the floors of its profile (`bundle-spec/root.md` §3).

use std::num::NonZeroU32;

use super::{Profile, Role, Root, TrustError};

/// The longest name of an enclave or person: it must fit a label and a line of a report.
pub(crate) const MAX_NAME_BYTES: usize = 64;

/// Numbers start here.
const FIRST: u64 = 1;

/// Checks a root that stands alone; `trusted.rs` checks how it follows from another.
pub(super) fn check(root: &Root) -> Result<(), TrustError> {
    Rules { root }.check()
}

/// Whether a text can name a person: lower-case letters, digits and `. _ @ -`, so that no two look alike.
pub(crate) fn is_person(name: &str) -> bool {
    is_name(name, b"._@-")
}

/// Whether a text can name an enclave: lower-case letters, digits and `-`.
pub(crate) fn is_enclave_name(name: &str) -> bool {
    is_name(name, b"-")
}

fn is_name(name: &str, others: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME_BYTES
        && name.as_bytes().first().is_some_and(plain)
        && name.bytes().all(|byte| plain(&byte) || others.contains(&byte))
}

struct Rules<'a> {
    root: &'a Root,
}

impl Rules<'_> {
    fn check(&self) -> Result<(), TrustError> {
        self.numbers()?;
        self.names()?;
        self.roles()?;
        self.enclave()?;
        match self.root.profile {
            Profile::Evaluation => Ok(()),
            Profile::Standard => self.standard(),
            Profile::Strict => self.standard().and_then(|()| self.strict()),
        }
    }

    fn numbers(&self) -> Result<(), TrustError> {
        self.demand(self.root.version >= FIRST && self.root.epoch >= FIRST, || {
            "version and epoch start at 1".to_owned()
        })
    }

    fn names(&self) -> Result<(), TrustError> {
        let enclave = &self.root.enclave.name;
        self.demand(is_enclave_name(enclave), || {
            format!("{enclave:?} cannot name an enclave: lower-case letters, digits and `-`, at most 64")
        })?;
        self.root.keys.values().try_for_each(|key| {
            self.demand(is_person(&key.person), || {
                format!(
                    "{:?} cannot name a person: lower-case letters, digits and `. _ @ -`, at most 64",
                    key.person
                )
            })
        })
    }

    fn roles(&self) -> Result<(), TrustError> {
        for role in Role::ALL {
            let Some(keys) = self.root.roles.get(&role) else {
                // Without the role `approve` no approval is asked for; only an evaluation may do that.
                let optional = role == Role::Approve && self.root.profile == Profile::Evaluation;
                self.demand(optional, || format!("nobody has the role {role}"))?;
                continue;
            };
            if let Some(id) = keys.keys.iter().find(|id| !self.root.keys.contains_key(id)) {
                return self.fault(format!(
                    "the role {role} names the key {id}, which the root does not list"
                ));
            }
            // Keys are counted by their ids, which are computed from their bytes.
            let persons = self.root.persons(role).len();
            self.demand(persons >= keys.threshold.get() as usize, || {
                format!("the role {role} asks for {} persons and has {persons}", keys.threshold)
            })?;
        }
        let used = |id| self.root.roles.values().any(|role| role.keys.contains(id));
        match self.root.keys.iter().find(|(id, _)| !used(id)) {
            None => Ok(()),
            Some((id, key)) => self.fault(format!("the key {id} of {} has no role", key.person)),
        }
    }

    /// The first root's enclave id is computed; later ones keep it (checked where roots follow each other).
    fn enclave(&self) -> Result<(), TrustError> {
        let import = &self.root.roles[&Role::Import];
        self.demand(
            self.root.version > FIRST || import.keys.contains(&self.root.enclave.id),
            || "the enclave's id is not the id of one of its import keys".to_owned(),
        )
    }

    fn standard(&self) -> Result<(), TrustError> {
        self.floor(Role::Root, 2)?;
        let persons = self.root.persons(Role::Root).len();
        self.demand(persons >= 3, || {
            format!("the profile asks for three root persons, and the root has {persons}")
        })?;
        let export = self.root.persons(Role::Export);
        match self.root.persons(Role::Approve).intersection(&export).next() {
            None => Ok(()),
            Some(person) => Err(TrustError::NotSeparate {
                person: (*person).to_owned(),
            }),
        }
    }

    fn strict(&self) -> Result<(), TrustError> {
        [Role::Trust, Role::Policy, Role::Approve]
            .into_iter()
            .try_for_each(|role| self.floor(role, 2))
    }

    fn floor(&self, role: Role, least: u32) -> Result<(), TrustError> {
        let found = self
            .root
            .roles
            .get(&role)
            .map_or(0, |keys| NonZeroU32::get(keys.threshold));
        self.demand(found >= least, || {
            format!(
                "the profile {} asks for {least} persons in the role {role}, and the threshold is {found}",
                self.root.profile
            )
        })
    }

    fn demand(&self, holds: bool, reason: impl FnOnce() -> String) -> Result<(), TrustError> {
        if holds { Ok(()) } else { self.fault(reason()) }
    }

    fn fault(&self, reason: String) -> Result<(), TrustError> {
        Err(TrustError::Threshold {
            version: self.root.version,
            reason,
        })
    }
}
