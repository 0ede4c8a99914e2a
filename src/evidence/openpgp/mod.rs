//! OpenPGP signatures (RFC 9580; RFC 4880 for what is older): detached ones over an artifact, and for other kinds signed text and
//! signed messages.
//!
//! Threats, each with its defence:
//! - Text that looks signed and is not (before, after, beside the frame; escapes; line ends): `parse.rs` gives out what the
//!   signature covers, and refuses what readers read differently.
//! - Weak hashes and keys, bindings by weak hashes: `strength.rs`, by the binding's own date.
//! - A key that signs for somebody else's artifacts: the anchor's scope; one that nobody pinned is undecided, never good.
//! - Expired, revoked, unbound, encryption-only keys; signatures of the future: `key.rs`, at the time that the signature claims, and
//!   hard revocations always. Who has a stolen key may claim an earlier time: only a revocation helps, and the finding says
//!   that the time is the signer's.
//! - One signer counted as two: copies of a signature, and two signatures by one certificate, are one finding.
//! - Bombs: sizes, numbers and unpacking are bounded; containers are never entered by the library.
//!
//! Left to others: whether pinned certificates are the right ones (`trust`), and thresholds of signers (`policy`).

mod anchor;
mod error;
mod hashes;
mod key;
mod parse;
mod repair;
mod sequoia;
mod strength;
mod verify;

use std::io::Cursor;

use super::{Context, Detached};
use crate::model::{Artifact, Content, Doubt, Finding};
use parse::MAX_SIGNATURE_BYTES;
use verify::Allowed;

pub(crate) use error::Error;
pub(crate) use sequoia::certificates;
pub(crate) use verify::{Question, Signatures, Signs, suites_only};

/// Detached signatures over an artifact's bytes: `.asc`, `.sig`.
pub(crate) struct Openpgp;

/// The kind's id.
const ID: &str = "openpgp";

impl Detached for Openpgp {
    fn id(&self) -> &'static str {
        ID
    }

    fn max_bytes(&self) -> usize {
        MAX_SIGNATURE_BYTES
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        // RFC 9580 §4.2: a signature packet's first byte, in both formats; or armor.
        let front = untrusted_signature.trim_ascii_start();
        front.starts_with(b"-----BEGIN PGP SIGNATURE-----")
            || matches!(untrusted_signature.first(), Some(0x88..=0x8b | 0xc2))
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        verify_detached(message, untrusted_signature, context, artifact, ID)
    }
}

/// Whether bytes look like a signed text.
pub(crate) fn is_cleartext(untrusted: &[u8]) -> bool {
    parse::is_cleartext(untrusted)
}

/// The text within the frame of a signed text, of which nothing is judged and nothing believed.
pub(crate) fn text_of(untrusted: &[u8]) -> Option<Vec<u8>> {
    parse::text_of(untrusted)
}

/// Judges detached signatures over a message: one finding for each.
pub(crate) fn verify_detached(
    message: &mut dyn Content,
    untrusted_signature: &[u8],
    context: &Context<'_>,
    artifact: &Artifact,
    kind: &str,
) -> Vec<Finding> {
    match open_detached(message, untrusted_signature, context, kind) {
        Ok(signatures) => signatures.findings(&question(kind, artifact, context)),
        Err(finding) => vec![*finding],
    }
}

/// Judges a signed text: one finding for each signature, and the text that they cover if one is confirmed.
pub(crate) fn verify_cleartext(
    untrusted_document: &[u8],
    context: &Context<'_>,
    artifact: &Artifact,
    kind: &str,
) -> (Vec<Finding>, Option<Vec<u8>>) {
    match open_cleartext(untrusted_document, context, kind) {
        Ok(signed) => {
            let findings = signed.signatures.findings(&question(kind, artifact, context));
            let text = findings.iter().any(Finding::is_confirmed).then_some(signed.content);
            (findings, text)
        }
        Err(finding) => (vec![*finding], None),
    }
}

/// Signatures with the bytes that they cover.
#[derive(Debug)]
pub(crate) struct Signed {
    /// The signatures.
    pub(crate) signatures: Signatures,
    content: Vec<u8>,
}

impl Signed {
    /// The bytes, if a pinned certificate signed them, whatever its anchor's scope: to read them once for all artifacts. For a text the
    /// lines without trailing blanks, joined by a line feed, without the last line's end.
    pub(crate) fn content(&self) -> Option<&[u8]> {
        self.signatures.any_good().then_some(&self.content)
    }
}

/// Checks detached signatures once, for all artifacts that a message is about.
pub(crate) fn open_detached(
    message: &mut dyn Content,
    untrusted_signature: &[u8],
    context: &Context<'_>,
    kind: &str,
) -> Result<Signatures, Box<Finding>> {
    let refused = |error: &Error| Box::new(error.finding(kind));
    let signatures = parse::detached(untrusted_signature).map_err(|error| refused(&error))?;
    Signatures::check(&signatures, Allowed::Bytes, message, context)
        .map_err(|error| refused(&error))?
        .ok_or_else(|| no_anchor(kind))
}

/// Checks a signed text once, for all artifacts that it is about.
pub(crate) fn open_cleartext(
    untrusted_document: &[u8],
    context: &Context<'_>,
    kind: &str,
) -> Result<Signed, Box<Finding>> {
    let refused = |error: &Error| Box::new(error.finding(kind));
    let cleartext = parse::cleartext(untrusted_document).map_err(|error| refused(&error))?;
    let mut text = Cursor::new(cleartext.text);
    let signatures = Signatures::check(&cleartext.signatures, Allowed::Cleartext, &mut text, context)
        .map_err(|error| refused(&error))?
        .ok_or_else(|| no_anchor(kind))?;
    Ok(Signed {
        signatures,
        content: text.into_inner(),
    })
}

/// Checks a signed message once, for all artifacts that it is about.
pub(crate) fn open_inline(untrusted_message: &[u8], context: &Context<'_>, kind: &str) -> Result<Signed, Box<Finding>> {
    let refused = |error: &Error| Box::new(error.finding(kind));
    let inline = parse::inline(untrusted_message).map_err(|error| refused(&error))?;
    let mut content = Cursor::new(inline.content);
    let signatures = Signatures::check(&inline.signatures, Allowed::Bytes, &mut content, context)
        .map_err(|error| refused(&error))?
        .ok_or_else(|| no_anchor(kind))?;
    Ok(Signed {
        signatures,
        content: content.into_inner(),
    })
}

fn question<'a>(kind: &'a str, artifact: &'a Artifact, context: &'a Context<'a>) -> Question<'a> {
    Question {
        kind,
        artifact,
        context,
        signs: Signs::AsAnchored,
        refuses: &suites_only,
    }
}

fn no_anchor(kind: &str) -> Box<Finding> {
    Box::new(Finding::undecided(
        kind,
        Doubt::NoAnchor,
        "no OpenPGP certificate is pinned here",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Anchor, Digest, Material, ScopePattern, SpeaksFor, Timestamp};

    /// Helm's own test chart, and its maintainers' test key.
    const SIGNED: &str = include_str!("../../../tests/fixtures/helm/hashtest-1.2.3.tgz.prov");
    const KEY: &[u8] = include_bytes!("../../../tests/fixtures/helm/helm-test-key.pub");

    #[test]
    fn a_text_is_given_only_if_somebody_signed_it_whom_the_site_knows() {
        let now = "2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap();
        let anchors = [Anchor {
            material: Material::Openpgp(crate::evidence::armored(KEY).unwrap()),
            name: "helm".to_owned(),
            note: "of the collection".to_owned(),
            scope: vec![ScopePattern::new("helm/*")],
            speaks_for: SpeaksFor::Publisher,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        }];
        let context = Context {
            anchors: &anchors,
            now,
            exported: now,
            max_transit_seconds: 0,
        };
        let artifact =
            |ecosystem: &str| Artifact::plain(ecosystem, "hashtest", "1.2.3", "hashtest-1.2.3.tgz", Digest::of(b""));
        let changed = SIGNED.replace("name: hashtest", "name: other");
        let given = |text: &str, ecosystem: &str| {
            let (_, text) = verify_cleartext(text.as_bytes(), &context, &artifact(ecosystem), ID);
            text.is_some()
        };
        assert!(given(SIGNED, "helm"));
        assert!(!given(SIGNED, "npm"), "the anchor is not for these");
        assert!(!given(&changed, "helm"));
        // For all artifacts, whatever the anchor's scope.
        let opened = |text: &str| open_cleartext(text.as_bytes(), &context, ID).unwrap();
        assert!(opened(SIGNED).signatures.any_good() && opened(SIGNED).content().is_some());
        assert!(!opened(&changed).signatures.any_good() && opened(&changed).content().is_none());
    }
}
