//! Checkpoints: the head of the tree as a signed note (C2SP `tlog-checkpoint.md`; `bundle-spec/log.md` §4).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::LogError;
use crate::crypto::key::{KeyAlgorithm, Signer};
use crate::crypto::merkle::Head;
use crate::crypto::note::{self, Note, VerifierKey, WitnessKey};
use crate::model::{Digest, Timestamp};
use crate::trust::{Enclave, Revocations, Role, TrustedRoot};

/// The longest checkpoint that is read, and that a report carries: three lines, and dozens of witnesses.
pub const MAX_CHECKPOINT_BYTES: usize = 16 << 10;

/// The largest number that strict JSON holds (`bundle-spec/seal.md` §2).
const MAX_SIZE: u64 = (1 << 53) - 1;

/// What an enclave's log calls itself, and whoever signs for it: no two enclaves have one id.
pub fn origin(enclave: &Enclave) -> String {
    format!("sealift/{}/{}", enclave.name, enclave.id.digest().hex())
}

/// The head of a tree as it was written down, with the signatures that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it had, and their root.
    pub head: Head,
    text: String,
}

/// Somebody else's signature under a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// What the signer is called, and the key's hash.
    pub name: String,
    /// Whether its key is pinned.
    pub is_pinned: bool,
    /// When, once it is verified with a key that is pinned.
    pub time: Option<Timestamp>,
}

/// The key of a witness that somebody has pinned.
#[derive(Debug, Clone)]
pub struct Witness(WitnessKey);

impl Witness {
    /// As it is called in a checkpoint.
    pub fn name(&self) -> String {
        self.0.shown()
    }

    /// Reads the line `name+hash+base64` (C2SP `signed-note.md`, "Verifier keys").
    pub fn read(line: &str) -> Result<Self, LogError> {
        WitnessKey::read(line).map(Self).map_err(|error| LogError::Witness {
            reason: error.to_string(),
        })
    }
}

impl Checkpoint {
    /// Writes down a head, signed if there is a key.
    pub fn make(origin: &str, head: Head, signer: Option<&dyn Signer>) -> Result<Self, LogError> {
        let mut text = format!("{origin}\n{}\n{}\n", head.size, STANDARD.encode(head.root.as_bytes()));
        if let Some(signer) = signer {
            if signer.public().algorithm() != KeyAlgorithm::Ed25519 {
                return Err(LogError::KeyUnfit);
            }
            let line = note::sign(origin, &text, signer)?;
            text = format!("{text}\n{line}");
        }
        Ok(Self {
            origin: origin.to_owned(),
            head,
            text,
        })
    }

    /// Reads a checkpoint. Its signatures, if it has any, are not looked at.
    pub fn read(untrusted: &str) -> Result<Self, LogError> {
        let wrong = |reason: &str| LogError::Checkpoint {
            reason: reason.to_owned(),
        };
        if untrusted.len() > MAX_CHECKPOINT_BYTES {
            return Err(wrong("is too long"));
        }
        let body = if untrusted.contains("\n\n") {
            let note = Note::read(untrusted.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
            note.text
        } else {
            untrusted
        };
        let mut lines = body.strip_suffix('\n').unwrap_or_default().split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong("has not three lines"));
        };
        let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let root = STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        match (number, root) {
            (Some(size), Some(root)) if size <= MAX_SIZE && !origin.is_empty() => Ok(Self {
                origin: origin.to_owned(),
                head: Head {
                    size,
                    root: Digest::from_bytes(root),
                },
                text: untrusted.to_owned(),
            }),
            _ => Err(wrong("does not say a size and a root")),
        }
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has signatures at all.
    pub fn is_signed(&self) -> bool {
        self.text.contains("\n\n")
    }

    /// The same with the signatures of another spelling of it that fit nowhere else: what a witness has added is kept.
    #[must_use]
    pub fn with_lines_of(self, other: &Self) -> Self {
        // What is signed here, the origin and the head among it, stands at the beginning of the other one.
        if self.is_signed() && other.text.starts_with(&self.text) {
            other.clone()
        } else {
            self
        }
    }

    /// The same without the lines of witnesses: as the enclave wrote it.
    #[must_use]
    pub fn without_witnesses(mut self) -> Self {
        if let Some((body, lines)) = self.text.split_once("\n\n") {
            let own = format!("— {} ", self.origin);
            let kept: Vec<&str> = lines.lines().filter(|line| line.starts_with(&own)).collect();
            self.text = format!("{body}\n\n{}\n", kept.join("\n"));
        }
        self
    }

    /// Verifies that it is of a log, and that enough persons with the role `log` have signed it, by the newest root that knows
    /// enough of them. Gives who they are.
    pub fn verify(
        &self,
        origin: &str,
        roots: &[TrustedRoot],
        revocations: Option<&Revocations>,
    ) -> Result<Vec<String>, LogError> {
        if self.origin != origin {
            return Err(LogError::OtherLog {
                expected: origin.to_owned(),
                found: self.origin.clone(),
            });
        }
        if !self.is_signed() {
            return Err(LogError::NotSigned);
        }
        let note = self.note()?;
        for root in roots.iter().rev() {
            let document = root.document();
            let Some(role) = document.roles.get(&Role::Log) else {
                continue;
            };
            let mut persons = BTreeSet::new();
            let mut revoked = None;
            for (id, key) in role.keys.iter().filter_map(|id| Some((id, document.keys.get(id)?))) {
                let signs = VerifierKey::of(origin, &key.public).is_some_and(|key| note.is_signed_by(&key));
                if signs {
                    persons.insert(key.person.clone());
                    revoked = revoked.or_else(|| revocations.and_then(|document| document.key(&id.to_string())));
                }
            }
            if persons.len() < role.threshold.get() as usize {
                continue;
            }
            return match revoked {
                Some(revocation) => Err(LogError::KeyRevoked {
                    reason: revocation.reason.clone(),
                }),
                None => Ok(persons.into_iter().collect()),
            };
        }
        Err(LogError::NotSigned)
    }

    /// Who else has signed it, and when, where their key is among those that are pinned.
    pub fn cosigned(&self, witnesses: &[Witness]) -> Vec<Cosigned> {
        let Ok(note) = self.note() else {
            return Vec::new();
        };
        let others = note
            .signatures
            .iter()
            .filter(|signature| signature.name != self.origin)
            .map(note::NoteSignature::shown);
        others
            .map(|name| {
                let pinned = witnesses.iter().find(|witness| witness.0.shown() == name);
                Cosigned {
                    is_pinned: pinned.is_some(),
                    time: pinned.and_then(|witness| note.witnessed(&witness.0)),
                    name,
                }
            })
            .collect()
    }

    fn note(&self) -> Result<Note<'_>, LogError> {
        Note::read(self.text.as_bytes()).map_err(|error| LogError::Checkpoint {
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;
    use crate::crypto::key::{PublicKey, SignError};

    #[test]
    fn a_checkpoint_has_three_lines_and_signatures() {
        let key = FileKey::from_seed(&[7; 32]);
        let head = Head {
            size: 3,
            root: Digest::of(b"root"),
        };
        let signed = Checkpoint::make("sealift/a/1", head, Some(&key)).unwrap();
        assert_eq!(Checkpoint::read(signed.text()).unwrap(), signed);
        assert!(signed.is_signed());
        let plain = Checkpoint::make("sealift/a/1", head, None).unwrap();
        assert!(!plain.is_signed() && Checkpoint::read(plain.text()).unwrap() == plain);
        assert!(plain.cosigned(&[]).is_empty() && signed.cosigned(&[]).is_empty());
        let witnessed = format!("{}— w.example.com {}\n", signed.text(), STANDARD.encode([1; 76]));
        let witnessed = Checkpoint::read(&witnessed).unwrap();
        assert_eq!(witnessed.cosigned(&[])[0].time, None);
        assert_eq!(signed.clone().with_lines_of(&witnessed), witnessed);
        assert_eq!(plain.clone().with_lines_of(&witnessed), plain);
        for (origin, size) in [("sealift/a/2", 3), ("sealift/a/1", 4)] {
            let other = Checkpoint::make(origin, Head { size, ..head }, Some(&key)).unwrap();
            let other = format!("{}— w.example.com {}\n", other.text(), STANDARD.encode([1; 76]));
            let other = Checkpoint::read(&other).unwrap();
            assert_eq!(signed.clone().with_lines_of(&other), signed);
        }
        for wrong in [
            String::new(),
            "a\n3\n".to_owned(),
            plain.text().trim_end().to_owned(),
            plain.text().replace("\n3\n", "\n03\n"),
            plain.text().replace("\n3\n", "\n9007199254740992\n"),
            plain.text().replace("\n3\n", "\n-3\n"),
            plain.text().replace("sealift/a/1", ""),
            plain.text().replace('=', ""),
            plain.text().replace("sealift/a/1", &"a".repeat(MAX_CHECKPOINT_BYTES)),
            format!("{}more\n", plain.text()),
            signed.text().replace("— ", "- "),
            "x".repeat(MAX_CHECKPOINT_BYTES + 1),
        ] {
            assert!(Checkpoint::read(&wrong).is_err(), "{wrong}");
        }
    }

    /// A signer with the base point of P-256 (SEC 2 §2.4.2) as its key.
    struct OfAnotherCurve(PublicKey);

    impl Signer for OfAnotherCurve {
        fn public(&self) -> &PublicKey {
            &self.0
        }

        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Ok(vec![1; 64])
        }
    }

    #[test]
    fn notes_are_signed_with_ed25519_alone() {
        let point = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let point: Vec<u8> = (0..65)
            .map(|at| u8::from_str_radix(&point[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let signer = OfAnotherCurve(PublicKey::p256(&point).unwrap());
        let head = Head {
            size: 3,
            root: Digest::of(b"root"),
        };
        assert!(matches!(
            Checkpoint::make("sealift/a/1", head, Some(&signer)),
            Err(LogError::KeyUnfit)
        ));
    }
}
