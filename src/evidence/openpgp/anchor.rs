//! What pinned certificates are: one or several blocks of armor in an anchor.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use super::sequoia::{self, Cert, Issuers};
use crate::evidence::Context;
use crate::evidence::ready::Ready;
use crate::model::Material;

type Read = Arc<Vec<Arc<Cert>>>;

/// The certificates that were read.
static KEPT: Ready<Vec<Arc<Cert>>> = Ready::new();

fn read(armored: &str) -> Read {
    // What cannot be read pins nobody; adding such an anchor is refused elsewhere.
    let certificates = |text: &str| {
        let certificates = sequoia::certificates(text).unwrap_or_default();
        Ok::<_, Infallible>(certificates.into_iter().map(Arc::new).collect())
    };
    match KEPT.read(armored, certificates) {
        Ok(read) => read,
        Err(never) => match never {},
    }
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
