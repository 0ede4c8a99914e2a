//! Documents that stand until the next version: trust data, revocations, policies. Each is kept in a folder of its kind as
//! `N.dsse.json`; the highest version counts, and all stay, to judge as of then.
#![expect(clippy::disallowed_methods, reason = "what stands lies on this site's own disk")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::folder::{FolderError, TrustFolder, read_bounded, write_whole};
use super::{Kind, Revocations, Role, TrustData, TrustError, TrustedRoot};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::strict_json;
use crate::model::Digest;

/// A document that enough persons have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub kind: Kind,
    /// Its version.
    pub version: u64,
    /// The digest of the exact bytes that were signed.
    pub digest: Digest,
    /// Those bytes.
    pub payload: Vec<u8>,
    /// The envelope as it came.
    pub envelope: Vec<u8>,
    /// Who signed it, sorted.
    pub persons: Vec<String>,
    /// The version of the root by which they were counted.
    pub root_version: u64,
}

/// The role whose persons sign a kind of standing document.
pub const fn role_of(kind: Kind) -> Role {
    match kind {
        Kind::Policy => Role::Policy,
        _ => Role::Trust,
    }
}

/// Counts the signers of a document by a root, and reads its version.
pub fn judge(root: &TrustedRoot, kind: Kind, untrusted_envelope: &[u8]) -> Result<Standing, TrustError> {
    let envelope = open(kind, untrusted_envelope)?;
    // The payload is parsed once enough persons vouch for its bytes.
    count(root, kind, &envelope, untrusted_envelope)
}

fn open(kind: Kind, untrusted_envelope: &[u8]) -> Result<Envelope, TrustError> {
    let envelope = Envelope::read(untrusted_envelope)?;
    kind.check(&envelope)?;
    Ok(envelope)
}

fn count(
    root: &TrustedRoot,
    kind: Kind,
    envelope: &Envelope,
    untrusted_envelope: &[u8],
) -> Result<Standing, TrustError> {
    let vouched = root.verify(role_of(kind), kind, envelope)?;
    Ok(Standing {
        kind,
        version: version_of(&vouched.payload)?,
        digest: Digest::of(&vouched.payload),
        payload: vouched.payload,
        envelope: untrusted_envelope.to_owned(),
        persons: vouched.persons,
        root_version: root.document().version,
    })
}

/// Every standing document says its version in the same place.
pub fn version_of(payload: &[u8]) -> Result<u64, TrustError> {
    let value: serde_json::Value = strict_json::read(payload)?;
    value
        .get("version")
        .and_then(serde_json::Value::as_u64)
        .filter(|version| *version > 0)
        .ok_or(TrustError::Field {
            field: "version",
            reason: "must be a number from 1",
        })
}

impl TrustFolder {
    /// The document of a kind that counts now, if there is one. Its signatures are counted again, by the newest root of this
    /// site that knows enough of its signers: a person who has left since has signed it all the same.
    pub fn standing(&self, kind: Kind) -> Result<Option<Standing>, FolderError> {
        let folder = self.standing_folder(kind);
        let Some(version) = versions(&folder)?.last().copied() else {
            return Ok(None);
        };
        self.standing_version(kind, version).map(Some)
    }

    /// The document of a kind with a version, to judge as of then.
    pub fn standing_version(&self, kind: Kind, version: u64) -> Result<Standing, FolderError> {
        let path = self.standing_folder(kind).join(file_name(version));
        let damaged = |source| FolderError::StandingDamaged {
            path: path.clone(),
            source,
        };
        let Some(envelope) = read_bounded(&path, MAX_ENVELOPE_BYTES)? else {
            return Err(FolderError::File {
                what: "read",
                path,
                source: io::ErrorKind::NotFound.into(),
            });
        };
        let mut last = None;
        for root in self.roots().iter().rev() {
            match judge(root, kind, &envelope) {
                Ok(standing) if standing.version == version => return Ok(standing),
                Ok(standing) => {
                    return Err(damaged(TrustError::StandingOutOfOrder {
                        kind,
                        current: version,
                        found: standing.version,
                    }));
                }
                Err(error) => last = last.or(Some(error)),
            }
        }
        Err(damaged(last.expect("a folder has at least one root")))
    }

    /// Every version of the trust data that stands or stood here, as far as it can still be read: for whoever is told what a name stood for. Nothing is judged by it.
    pub fn trust_data_until_now(&self) -> Vec<TrustData> {
        let versions = versions(&self.standing_folder(Kind::TrustData)).unwrap_or_default();
        let stood = versions
            .into_iter()
            .filter_map(|version| self.standing_version(Kind::TrustData, version).ok());
        stood
            .filter_map(|standing| TrustData::read(&standing.payload).ok())
            .collect()
    }

    /// Judges a document that would follow the one that counts now: a higher version, and enough persons of the current root whose
    /// keys are not revoked by the revocations that are given. `None` if it is the very one that counts now.
    pub fn judge_next(
        &self,
        kind: Kind,
        untrusted_envelope: &[u8],
        revocations: Option<&Revocations>,
    ) -> Result<Option<Standing>, FolderError> {
        let mut envelope = open(kind, untrusted_envelope).map_err(FolderError::NotStanding)?;
        if let Some(current) = self.standing(kind)? {
            // What stands, or stood, was signed by persons of its time, who may have left since: nothing is taken from it.
            if Digest::of(&envelope.payload) == current.digest {
                return Ok(None);
            }
            let found = version_of(&envelope.payload).map_err(FolderError::NotStanding)?;
            if found <= current.version {
                return Err(FolderError::NotStanding(TrustError::StandingOutOfOrder {
                    kind,
                    current: current.version,
                    found,
                }));
            }
        }
        if let Some(revocations) = revocations {
            envelope
                .signatures
                .retain(|signature| revocations.key(&signature.key_id).is_none());
        }
        count(self.current(), kind, &envelope, untrusted_envelope)
            .map(Some)
            .map_err(FolderError::NotStanding)
    }

    /// Makes a document that [`TrustFolder::judge_next`] gave the one that counts.
    pub fn stand(&mut self, next: &Standing) -> Result<(), FolderError> {
        let folder = self.standing_folder(next.kind);
        fs::create_dir_all(&folder).map_err(|source| FolderError::File {
            what: "create",
            path: folder.clone(),
            source,
        })?;
        write_whole(&folder.join(file_name(next.version)), &next.envelope)
    }

    fn standing_folder(&self, kind: Kind) -> PathBuf {
        self.path().join(match kind {
            Kind::Policy => "policies",
            Kind::Revocations => "revocations",
            _ => "anchors",
        })
    }
}

fn file_name(version: u64) -> String {
    format!("{version}.dsse.json")
}

/// The versions in a folder, ascending. What has another name is not ours.
fn versions(folder: &Path) -> Result<Vec<u64>, FolderError> {
    let failed = |source| FolderError::File {
        what: "read",
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let version = name
            .to_str()
            .and_then(|name| name.strip_suffix(".dsse.json"))
            .and_then(|digits| digits.parse::<u64>().ok());
        found.extend(version.filter(|version| name.to_str() == Some(&file_name(*version))));
    }
    found.sort_unstable();
    Ok(found)
}
