//! A chain of roots, from a pinned one to the newest (TUF specification 1.0 §5.3).
//!
//! Our own, because the library reads neither the dates nor the keys of Sigstore's first roots, from which sites may have pinned.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::evidence::reading;
use crate::evidence::securesystems::{Document, Keys, keys, texts};
use crate::evidence::sigstore::refusal::Refusal;
use crate::model::{Digest, Doubt, Fault, Timestamp};

/// A repository that changes its root every month for twenty years.
const MAX_ROOTS: usize = 256;

/// A root that was found good.
#[derive(Debug)]
pub(super) struct Root {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Its version.
    pub(super) version: u64,
    /// When it runs out.
    pub(super) expires: Timestamp,
    keys: Keys,
    bare_points: BTreeSet<String>,
    roles: BTreeMap<String, Role>,
}

#[derive(Debug)]
struct Role {
    ids: Vec<String>,
    threshold: u64,
}

impl Root {
    /// Takes a pinned root: signed by its own threshold, as a root that was altered is not one.
    pub(super) fn pinned(bytes: &[u8]) -> Result<Self, Refusal> {
        let (root, document) = Self::read(bytes)?;
        root.check_signed(&document, "its own")?;
        Ok(root)
    }

    /// Takes the next root: the next version, signed by this root's threshold and its own (§5.3.4, §5.3.5).
    pub(super) fn follow(&self, bytes: &[u8]) -> Result<Self, Refusal> {
        let (next, document) = Self::read(bytes)?;
        if Some(next.version) != self.version.checked_add(1) {
            return Err(Refusal::wrong(
                Fault::ChainWrong,
                format!("root version {} does not follow version {}", next.version, self.version),
            ));
        }
        if !document
            .hints()
            .any(|hint| self.ids("root").iter().any(|id| id == hint))
        {
            // Another repository's roots are nobody's here, not wrong.
            let reason = format!("root version {} is signed by no key of the pinned root", next.version);
            return Err(Refusal::doubt(Doubt::UnknownSigner, reason));
        }
        self.check_signed(&document, "the former root's")?;
        next.check_signed(&document, "its own")?;
        Ok(next)
    }

    /// Checks that a root may take this one's place: a later one, signed by this root's threshold and its own.
    pub(super) fn replace(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let (next, document) = Self::read(bytes)?;
        if next.version <= self.version {
            let reason = format!(
                "root version {} does not come after version {}",
                next.version, self.version
            );
            return Err(Refusal::wrong(Fault::ChainWrong, reason));
        }
        self.check_signed(&document, "the former root's")?;
        next.check_signed(&document, "its own")
    }

    /// The ids of the keys that a role's documents may be signed by.
    pub(super) fn ids(&self, role: &str) -> &[String] {
        self.roles.get(role).map_or(&[], |role| &role.ids)
    }

    /// Whether a role's key is a bare point of ECDSA, as in Sigstore's first four roots.
    pub(super) fn has_bare_points(&self) -> bool {
        let mut ids = self.roles.values().flat_map(|role| &role.ids);
        ids.any(|id| self.bare_points.contains(id))
    }

    fn read(bytes: &[u8]) -> Result<(Self, Document), Refusal> {
        let document = Document::read(bytes)?;
        let malformed = |what: &str| Refusal::malformed(format!("a root {what}"));
        if document.kind() != "root" {
            return Err(malformed("does not call itself one"));
        }
        let signed = &document.signed;
        let spec = signed.get("spec_version").and_then(Value::as_str).unwrap_or_default();
        if !spec.starts_with("1.") && spec != "1" {
            let reason = format!("version `{}` of TUF is not known", reading::shown(spec));
            return Err(Refusal::doubt(Doubt::UnknownFormat, reason));
        }
        let expires = signed
            .get("expires")
            .and_then(Value::as_str)
            .and_then(reading::time)
            .ok_or_else(|| malformed("does not say when it expires"))?;
        let mut roles = BTreeMap::new();
        let listed = signed.get("roles").and_then(Value::as_object);
        for (name, role) in listed.ok_or_else(|| malformed("has no roles"))? {
            let ids = texts(role, "keyids").ok_or_else(|| malformed("has a role without keys"))?;
            // A threshold of 0 would be met by nobody's signature.
            let threshold = role
                .get("threshold")
                .and_then(Value::as_u64)
                .filter(|number| *number > 0);
            let role = Role {
                ids: ids.into_iter().map(str::to_owned).collect(),
                threshold: threshold.ok_or_else(|| malformed("has a role without a threshold"))?,
            };
            roles.insert(name.clone(), role);
        }
        let root = Self {
            bytes: bytes.to_vec(),
            version: document
                .number("version")
                .filter(|version| *version > 0)
                .ok_or_else(|| malformed("has no version"))?,
            expires,
            keys: keys(signed.get("keys"))?,
            bare_points: bare_points(signed.get("keys")),
            roles,
        };
        Ok((root, document))
    }

    /// Whether a role's document is signed by the role's threshold: each key once, whatever ids it has, and strictly. The library
    /// counts ids. Gives who signed it.
    pub(super) fn check_role(&self, document: &Document, name: &str) -> Result<BTreeSet<Digest>, Refusal> {
        let role = self.roles.get(name).ok_or_else(|| {
            let reason = format!("the root says nothing of who signs role `{name}`");
            Refusal::malformed(reason)
        })?;
        check_threshold(document, &self.keys, &role.ids, role.threshold, name)
    }

    fn check_signed(&self, document: &Document, whose: &str) -> Result<(), Refusal> {
        let role = self
            .roles
            .get("root")
            .ok_or_else(|| Refusal::malformed("a root says nothing of who signs roots"))?;
        let found = document.signers(&self.keys, role.ids.iter().map(String::as_str)).len();
        if u64::try_from(found).is_ok_and(|found| found >= role.threshold) {
            return Ok(());
        }
        Err(Refusal::wrong(
            Fault::SignatureWrong,
            format!(
                "root version {} is signed by {found} of the {} keys that {whose} threshold asks for",
                document.number("version").unwrap_or_default(),
                role.threshold
            ),
        ))
    }
}

/// Whether a document is signed by as many keys as its role's threshold says; gives who signed it.
pub(super) fn check_threshold(
    document: &Document,
    keys: &Keys,
    ids: &[String],
    threshold: u64,
    name: &str,
) -> Result<BTreeSet<Digest>, Refusal> {
    let signers = document.signers(keys, ids.iter().map(String::as_str));
    let found = signers.len();
    if threshold > 0 && u64::try_from(found).is_ok_and(|found| found >= threshold) {
        return Ok(signers);
    }
    Err(Refusal::wrong(
        Fault::SignatureWrong,
        format!(
            "role `{}` is signed by {found} of the {threshold} keys that its threshold asks for",
            reading::shown(name)
        ),
    ))
}

fn bare_points(keys: Option<&Value>) -> BTreeSet<String> {
    let listed = keys.and_then(Value::as_object).into_iter().flatten();
    let bare = listed.filter(|(_, key)| {
        let text = |pointer| key.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        text("/scheme").starts_with("ecdsa") && !text("/keyval/public").trim().starts_with("-----")
    });
    bare.map(|(id, _)| id.clone()).collect()
}

/// Follows the roots of a proof from a pinned one. Older ones are passed over; every newer one has to fit.
pub(super) fn follow(pinned: &[u8], candidates: &[&[u8]]) -> Result<Root, Refusal> {
    if candidates.len() > MAX_ROOTS {
        let reason = format!("{} roots, and at most {MAX_ROOTS} are judged", candidates.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let mut root = Root::pinned(pinned).map_err(|refusal| {
        // What is wrong with an anchor says nothing against a proof.
        let reason = format!("the pinned root cannot be used: {}", refusal.reason);
        Refusal::doubt(Doubt::NoAnchor, reason)
    })?;
    let mut newer = BTreeMap::new();
    for bytes in candidates {
        let version = Document::read(bytes)?.number("version").unwrap_or_default();
        if version > root.version && newer.insert(version, *bytes).is_some_and(|other| other != *bytes) {
            let reason = format!("there are two roots of version {version}");
            return Err(Refusal::wrong(Fault::ChainWrong, reason));
        }
    }
    for bytes in newer.into_values() {
        root = root.follow(bytes)?;
    }
    Ok(root)
}
