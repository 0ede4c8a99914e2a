//! Schemes whose signature lies beside the bytes that it signs: one adapter makes a kind of each, and a signed list of checksums
//! uses them alike.

use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Finding};

/// A scheme of detached signatures.
pub trait Detached: Sync {
    /// The kind's id.
    fn id(&self) -> &'static str;

    /// The largest signature, in bytes, with its reason at the implementer's.
    fn max_bytes(&self) -> usize;

    /// Whether these bytes are, by their first ones, a signature of this scheme.
    fn recognises(&self, untrusted_signature: &[u8]) -> bool;

    /// Judges a signature over a message for an artifact (its scope; the message may be a list that names it). One finding
    /// for each signature inside.
    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding>;
}

/// A kind whose proof's objects are detached signatures over the artifact's bytes.
pub struct DetachedKind<T: 'static>(pub &'static T);

impl<T: Detached> EvidenceKind for DetachedKind<T> {
    fn id(&self) -> &'static str {
        self.0.id()
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if objects.is_empty() {
            return Err(Box::new(Finding::undecided(
                self.id(),
                Doubt::Incomplete,
                "the proof holds no signature",
            )));
        }
        Ok(Box::new(Signatures {
            scheme: self.0,
            objects,
            context,
        }))
    }
}

struct Signatures<'a, T: 'static> {
    scheme: &'static T,
    objects: Vec<Vec<u8>>,
    context: &'a Context<'a>,
}

impl<T: Detached> Evidence for Signatures<'_, T> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut findings = Vec::new();
        for signature in &self.objects {
            if signature.len() > self.scheme.max_bytes() {
                findings.push(Finding::undecided(
                    self.scheme.id(),
                    Doubt::TooLarge,
                    format!(
                        "the signature has {} bytes, and at most {} are judged",
                        signature.len(),
                        self.scheme.max_bytes()
                    ),
                ));
                continue;
            }
            if content.rewind().is_err() {
                findings.push(Finding::undecided(
                    self.scheme.id(),
                    Doubt::Incomplete,
                    "the signed bytes could not be read",
                ));
                continue;
            }
            findings.extend(self.scheme.judge(signature, content, artifact, self.context));
        }
        findings
    }
}

/// The schemes that may sign a list of checksums beside it: a new one is added here too. Asked in this order which of them
/// recognises a signature.
pub(crate) const SCHEMES: &[&dyn Detached] = &[
    &super::minisign::Minisign,
    &super::openpgp::Openpgp,
    &super::signify::Signify,
    &super::sigstore::Message,
    &super::sshsig::Sshsig,
    super::x509::CMS,
    &super::raw_signature::RawSignature,
];

/// Whether signatures of a kind lie beside the bytes that they sign.
pub fn is_detached(kind: &str) -> bool {
    SCHEMES.iter().any(|scheme| scheme.id() == kind)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Seek, SeekFrom};

    use super::*;
    use crate::model::{Digest, Level, Outcome};

    /// Believes everything.
    struct Trusting;

    impl Detached for Trusting {
        fn id(&self) -> &'static str {
            "trusting"
        }

        fn max_bytes(&self) -> usize {
            4
        }

        fn recognises(&self, _: &[u8]) -> bool {
            true
        }

        fn judge(&self, _: &[u8], _: &mut dyn Content, _: &Artifact, _: &Context<'_>) -> Vec<Finding> {
            vec![Finding::confirmed(self.id(), Level::Publisher, "as always")]
        }
    }

    /// A disk that fails where it is asked to go back.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Err(io::ErrorKind::Other.into())
        }
    }

    impl Content for Broken {}

    #[test]
    fn a_scheme_is_asked_only_about_bytes_that_can_be_read() {
        let time = "2026-11-20T12:00:00Z".parse().unwrap();
        let context = Context {
            anchors: &[],
            now: time,
            exported: time,
            max_transit_seconds: 0,
        };
        let artifact = Artifact::plain("files", "x", "1", "x", Digest::of(b""));
        let outcomes = |objects: &[&[u8]], content: &mut dyn Content| -> Vec<Outcome> {
            let objects = objects.iter().map(|object| object.to_vec()).collect();
            let proof = DetachedKind(&Trusting).open(objects, &context).unwrap();
            let findings = proof.judge(&artifact, content);
            findings.into_iter().map(|finding| finding.outcome).collect()
        };
        let good = Outcome::Confirmed(Level::Publisher);
        assert_eq!(outcomes(&[b"four"], &mut io::Cursor::new(b"")), [good]);
        assert_eq!(
            outcomes(&[b"fives", b"four"], &mut io::Cursor::new(b"")),
            [Outcome::Undecided(Doubt::TooLarge), good]
        );
        assert_eq!(
            outcomes(&[b"four"], &mut Broken),
            [Outcome::Undecided(Doubt::Incomplete)]
        );
    }

    #[test]
    fn a_signature_that_names_its_bytes_itself_lies_beside_nothing() {
        assert!(is_detached("openpgp") && is_detached("cms"));
        assert!(!is_detached("sumdb") && !is_detached("apk"));
    }
}
