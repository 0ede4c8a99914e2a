//! What pinned certificates are: one or several blocks of armor in an anchor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::sequoia::{self, Cert, Issuers};
use crate::evidence::Context;
use crate::model::{Digest, Material};

/// How many anchors' certificates are kept read. A site pins some hundred; reading one takes about a millisecond, and thousands of
/// artifacts ask for the same.
const MAX_KEPT: usize = 1024;

type Read = Arc<Vec<Arc<Cert>>>;

/// Certificates by the digest of their text. A pure function, remembered.
static KEPT: Mutex<BTreeMap<Digest, Read>> = Mutex::new(BTreeMap::new());

fn read(armored: &str) -> Read {
    let digest = Digest::of(armored.as_bytes());
    let kept = KEPT
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&digest)
        .cloned();
    if let Some(kept) = kept {
        return kept;
    }
    // What cannot be read pins nobody; adding such an anchor is refused elsewhere.
    let certificates = sequoia::certificates(armored).unwrap_or_default();
    let certificates: Read = Arc::new(certificates.into_iter().map(Arc::new).collect());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MAX_KEPT {
        kept.clear();
    }
    kept.insert(digest, Arc::clone(&certificates));
    certificates
}

/// All pinned certificates, each with the place of its anchor in the context.
pub(super) struct Keyring {
    anchors: Vec<(usize, Read)>,
}

/// A pinned certificate, with what all its copies say.
#[derive(Clone)]
pub(super) struct Pinned {
    /// The primary key's fingerprint.
    pub(super) fingerprint: String,
    /// The certificate.
    pub(super) certificate: Arc<Cert>,
    /// The places of the anchors that pin it.
    pub(super) anchors: Vec<usize>,
}

impl Keyring {
    /// Takes the context's certificates; `None` if there are none.
    pub(super) fn of(context: &Context<'_>) -> Option<Self> {
        let anchors: Vec<(usize, Read)> = context
            .anchors
            .iter()
            .enumerate()
            .filter_map(|(place, anchor)| match &anchor.material {
                Material::Openpgp(armored) => Some((place, read(armored))),
                _ => None,
            })
            .collect();
        (!anchors.is_empty()).then_some(Self { anchors })
    }

    /// The certificates that have a key by that name. Copies of one certificate count as one, and a revocation that only one of them
    /// holds counts for all.
    pub(super) fn find(&self, issuers: &Issuers) -> Vec<Pinned> {
        let mut found: BTreeMap<String, Option<Pinned>> = self
            .all()
            .filter(|(_, certificate)| issuers.fit(certificate))
            .map(|(_, certificate)| (sequoia::fingerprint(certificate), None))
            .collect();
        if found.is_empty() {
            return Vec::new();
        }
        for (place, certificate) in self.all() {
            let fingerprint = sequoia::fingerprint(certificate);
            match found.get_mut(&fingerprint) {
                None => {}
                Some(Some(pinned)) => {
                    if *pinned.certificate != **certificate {
                        pinned.certificate = Arc::new(sequoia::merge(&pinned.certificate, certificate));
                    }
                    if !pinned.anchors.contains(&place) {
                        pinned.anchors.push(place);
                    }
                }
                Some(empty) => {
                    *empty = Some(Pinned {
                        fingerprint,
                        certificate: Arc::clone(certificate),
                        anchors: vec![place],
                    });
                }
            }
        }
        found.into_values().flatten().collect()
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Arc<Cert>)> {
        self.anchors
            .iter()
            .flat_map(|(place, certificates)| certificates.iter().map(|certificate| (*place, certificate)))
    }
}
