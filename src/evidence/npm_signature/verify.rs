//! The checks, in the order in which npm makes them (`npm audit signatures`, pacote `lib/registry.js`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ID;
use super::anchor::{self, RegistryKey};
use super::parse::{Dist, MAX_SIGNATURES, Packument, Signature};
use crate::evidence::pinned::{Made, made_by, read_anchors};
use crate::evidence::ready::Ready;
use crate::evidence::{Context, Evidence, reading};
use crate::model::{
    Algorithm, Anchor, Artifact, Claim, Content, Doubt, Fault, Finding, Level, Material, Signer, Timestamp,
};

const ALGORITHM: &str = "ECDSA P-256 with SHA-256";

/// The key lists that were read.
static KEYS: Ready<Vec<RegistryKey>> = Ready::new();

/// A packument with the keys that this site pins.
pub(crate) struct Signed<'a> {
    packument: Packument,
    keys: Vec<(&'a Anchor, Arc<Vec<RegistryKey>>)>,
    notes: Vec<String>,
    context: &'a Context<'a>,
}

/// What the registry signed about the artifact, before any signature is looked at.
struct Statement<'a> {
    message: String,
    sha512: Claim,
    signatures: Vec<Signature<'a>>,
    /// The packument's word, which nobody signed: it is held against a key's window, and is no time of signing.
    published: Option<Timestamp>,
}

impl<'a> Signed<'a> {
    pub(crate) fn new(packument: Packument, context: &'a Context<'a>) -> Self {
        let select = |material: &'a Material| match material {
            Material::NpmKeys(text) => Some(text.as_str()),
            _ => None,
        };
        let (keys, notes) = read_anchors(context, select, |text| KEYS.read(text, anchor::read));
        Self {
            packument,
            keys,
            notes,
            context,
        }
    }

    /// Finds the artifact's entry, and what is signed about it.
    fn statement(&self, artifact: &Artifact) -> Result<Statement<'_>, Finding> {
        let name = self.packument.name();
        if name != artifact.name {
            let reason = format!(
                "the packument is of `{}`, not of `{}`",
                reading::shown(name),
                artifact.name
            );
            return Err(Finding::contradicted(ID, Fault::SubjectDiffers, reason));
        }
        let incomplete = |reason: String| Finding::undecided(ID, Doubt::Incomplete, reason);
        let version = self
            .packument
            .version(&artifact.version)
            .ok_or_else(|| incomplete(format!("the packument does not list version {}", artifact.version)))?
            .map_err(|error| {
                let reason = format!("the packument's entry for {} cannot be read: {error}", artifact.version);
                Finding::contradicted(ID, Fault::Malformed, reason)
            })?;
        let own = [version.name.as_ref(), version.version.as_ref()].map(|text| text.map(|text| text.0.as_ref()));
        // What is signed are the entry's own name and version.
        if own != [Some(artifact.name.as_str()), Some(artifact.version.as_str())] {
            let found = |text: Option<&str>| text.map_or("nothing".to_owned(), reading::shown);
            let reason = format!(
                "the packument's entry for {} calls itself {} {}",
                artifact.version,
                found(own[0]),
                found(own[1])
            );
            return Err(Finding::contradicted(ID, Fault::SubjectDiffers, reason));
        }
        let Dist { integrity, signatures } = version.dist.unwrap_or_default();
        if signatures.is_empty() {
            return Err(incomplete("the packument has no signature for this version".to_owned()));
        }
        if signatures.len() > MAX_SIGNATURES {
            let reason = format!(
                "{} signatures, and at most {MAX_SIGNATURES} are judged",
                signatures.len()
            );
            return Err(Finding::undecided(ID, Doubt::TooLarge, reason));
        }
        let integrity = integrity
            .map(|text| text.0)
            .ok_or_else(|| incomplete("the packument has no integrity for this version".to_owned()))?;
        let sha512 = integrity
            .strip_prefix("sha512-")
            .and_then(|encoded| STANDARD.decode(encoded).ok())
            .and_then(|digest| Claim::new(Algorithm::Sha512, digest).ok())
            .ok_or_else(|| {
                let reason = format!(
                    "the signed integrity `{}` is not one SHA-512",
                    reading::shown(&integrity)
                );
                Finding::contradicted(ID, Fault::Weak, reason)
            })?;
        Ok(Statement {
            message: format!("{}@{}:{integrity}", artifact.name, artifact.version),
            sha512,
            signatures,
            published: self.packument.time(&artifact.version).and_then(reading::time),
        })
    }

    fn judge_signature(
        &self,
        statement: &Statement<'_>,
        signature: &Signature<'_>,
        found_sha512: &Claim,
        artifact: &Artifact,
    ) -> Finding {
        let show = |mut finding: Finding| {
            finding.algorithm = Some(ALGORITHM.to_owned());
            finding
                .signers
                .push(Signer::key(reading::shown(&signature.keyid.0), None));
            finding.notes.extend(self.notes.iter().cloned());
            finding
        };
        if self.keys.is_empty() {
            return show(Finding::undecided(ID, Doubt::NoAnchor, "no registry's keys are pinned"));
        }
        let named = self
            .keys
            .iter()
            .flat_map(|(anchor, keys)| keys.iter().map(move |key| (*anchor, key)))
            .filter(|(_, key)| key.id == signature.keyid.0);
        let bytes = STANDARD.decode(signature.sig.0.as_bytes()).unwrap_or_default();
        let made = made_by(ID, artifact, self.context.now, named, |key| {
            key.key.verify(statement.message.as_bytes(), &bytes).is_ok()
        });
        let (anchor, key) = match made {
            Made::By(anchor, key) => (anchor, key),
            Made::Outside(finding) => return show(*finding),
            Made::Wrong(anchor) => {
                let reason = format!(
                    "the signature over `{}` does not fit key {} of anchor `{}`",
                    reading::shown(&statement.message),
                    reading::shown(&signature.keyid.0),
                    anchor.name
                );
                return show(Finding::contradicted(ID, Fault::SignatureWrong, reason));
            }
            Made::Unknown => {
                let reason = format!(
                    "signed by key {}, which nobody pinned for it",
                    reading::shown(&signature.keyid.0)
                );
                return show(Finding::undecided(ID, Doubt::UnknownSigner, reason));
            }
        };
        if let Err(finding) = check_window(key, statement.published) {
            return show(finding);
        }
        if *found_sha512 != statement.sha512 {
            let reason = format!(
                "the registry signed a tarball with sha512 {}, and this one has {}",
                statement.sha512.hex(),
                found_sha512.hex()
            );
            return show(Finding::contradicted(ID, Fault::SubjectDiffers, reason));
        }
        let reason = format!("signed by key {} of registry `{}`", key.id, anchor.name);
        let mut finding = show(Finding::confirmed(ID, Level::Registry, reason));
        finding.anchors.push(anchor.name.clone());
        if let Some(until) = key.until {
            finding.notes.push(format!(
                "the key ended at {until}; that the version was published before is the packument's unsigned word"
            ));
        }
        finding
    }
}

impl Evidence for Signed<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let statement = match self.statement(artifact) {
            Ok(statement) => statement,
            Err(finding) => return vec![finding],
        };
        let Ok(sha512) = content.digest(Algorithm::Sha512) else {
            let reason = "the tarball could not be read";
            return vec![Finding::undecided(ID, Doubt::Incomplete, reason)];
        };
        let signatures = statement.signatures.iter();
        signatures
            .map(|signature| self.judge_signature(&statement, signature, &sha512, artifact))
            .collect()
    }
}

/// A key with a window counts for what was published within it.
fn check_window(key: &RegistryKey, published: Option<Timestamp>) -> Result<(), Finding> {
    if key.from.is_none() && key.until.is_none() {
        return Ok(());
    }
    match published {
        None if key.until.is_none() => Ok(()),
        None => {
            let reason = format!("key {} has an end, and nothing says when this was published", key.id);
            Err(Finding::undecided(ID, Doubt::NoProvenTime, reason))
        }
        Some(time) if key.from.is_some_and(|from| time < from) || key.until.is_some_and(|until| time >= until) => {
            let reason = format!("published at {time}, when key {} was not valid", key.id);
            Err(Finding::contradicted(ID, Fault::NotValidThen, reason))
        }
        Some(_) => Ok(()),
    }
}
