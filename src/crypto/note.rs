//! Signed notes and the keys that verify them (golang.org/x/mod/sumdb/note; C2SP `signed-note.md`): what checksum databases and
//! logs sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::key::{KeyAlgorithm, PublicKey, SignError, Signer};
use crate::model::{Digest, Timestamp};

/// What the reference implementation reads at most.
const MAX_NOTE_BYTES: usize = 1_000_000;
/// What the reference implementation reads at most.
const MAX_SIGNATURES: usize = 100;
/// Names are those of hosts, with a path.
const MAX_NAME_BYTES: usize = 256;
/// The algorithm that signs a text as it is.
const ED25519: u8 = 1;
/// The algorithm by which witnesses sign a log's checkpoint and the time (C2SP `tlog-cosignature.md`, "Format").
const COSIGNATURE: u8 = 4;
/// Bytes of the time before a witness's signature.
const TIME_BYTES: usize = 8;

/// A note or a verifier key cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoteError {
    /// Not a verifier key.
    #[error("a verifier key is one line `name+hash+base64`")]
    Key,
    /// The hash in a verifier key is not that of its name and key.
    #[error("the hash in the verifier key is not the one of its name and key")]
    KeyHash,
    /// A key of another algorithm than the one asked for.
    #[error("a verifier key of algorithm {0}, which is not the one that signs here")]
    Algorithm(u8),
    /// The key proves nothing.
    #[error("the verifier key is not fit: {0}")]
    Unfit(#[from] crate::crypto::key::KeyError),
    /// Too large.
    #[error("the note is larger than {MAX_NOTE_BYTES} bytes")]
    TooLarge,
    /// Not a signed note.
    #[error("the note {0}")]
    Note(&'static str),
}

/// A key, and the name that signs with it.
#[derive(Debug, Clone)]
pub(crate) struct VerifierKey {
    pub(crate) name: String,
    pub(crate) hash: [u8; 4],
    key: PublicKey,
}

impl VerifierKey {
    /// Reads the line `name+hash+base64`.
    pub(crate) fn read(line: &str) -> Result<Self, NoteError> {
        Self::read_of(line, ED25519)
    }

    fn read_of(line: &str, expected: u8) -> Result<Self, NoteError> {
        let mut parts = line.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        if !is_name(name) {
            return Err(NoteError::Key);
        }
        let mut stated = [0; 4];
        hex::decode_to_slice(hash, &mut stated).map_err(|_| NoteError::Key)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Key)?;
        let computed = Digest::of(&[name.as_bytes(), b"\n", &bytes].concat());
        if computed.as_bytes()[..4] != stated {
            return Err(NoteError::KeyHash);
        }
        match bytes.split_first() {
            Some((&algorithm, key)) if algorithm == expected => Ok(Self {
                name: name.to_owned(),
                hash: stated,
                key: PublicKey::ed25519(key)?,
            }),
            Some((&algorithm, _)) => Err(NoteError::Algorithm(algorithm)),
            None => Err(NoteError::Key),
        }
    }

    /// The key that signs as a name; `None` for another algorithm than Ed25519, which notes do not have.
    pub(crate) fn of(name: &str, key: &PublicKey) -> Option<Self> {
        (key.algorithm() == KeyAlgorithm::Ed25519 && is_name(name)).then(|| Self {
            name: name.to_owned(),
            hash: key_hash(name, ED25519, key),
            key: key.clone(),
        })
    }

    /// As it is called in findings.
    pub(crate) fn shown(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.hash))
    }
}

/// The first bytes of the digest that names a key within a note.
fn key_hash(name: &str, algorithm: u8, key: &PublicKey) -> [u8; 4] {
    let digest = Digest::of(&[name.as_bytes(), b"\n", &[algorithm], key.bytes()].concat());
    let [a, b, c, d, ..] = *digest.as_bytes();
    [a, b, c, d]
}

/// Signs a text as a name: the note's last line.
pub(crate) fn sign(name: &str, text: &str, signer: &dyn Signer) -> Result<String, SignError> {
    let hash = key_hash(name, ED25519, signer.public());
    let signature = signer.sign(text.as_bytes())?;
    Ok(format!(
        "— {name} {}\n",
        STANDARD.encode([&hash[..], &signature].concat())
    ))
}

/// A witness's key: it signs that it has seen a checkpoint, and when.
#[derive(Debug, Clone)]
pub(crate) struct WitnessKey(VerifierKey);

impl WitnessKey {
    /// Reads the line `name+hash+base64` of a key that makes cosignatures.
    pub(crate) fn read(line: &str) -> Result<Self, NoteError> {
        VerifierKey::read_of(line, COSIGNATURE).map(Self)
    }

    /// As it is called in a note.
    pub(crate) fn shown(&self) -> String {
        self.0.shown()
    }
}

/// A signature of which nothing is believed yet.
#[derive(Debug)]
pub(crate) struct NoteSignature {
    pub(crate) name: String,
    pub(crate) hash: [u8; 4],
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// As its signer calls himself.
    pub(crate) fn shown(&self) -> String {
        format!("{}+{}", self.name, hex::encode(self.hash))
    }
}

/// A text with signatures of which nothing is believed yet.
#[derive(Debug)]
pub(crate) struct Note<'n> {
    /// What is signed, with its last newline.
    pub(crate) text: &'n str,
    /// The signatures.
    pub(crate) signatures: Vec<NoteSignature>,
}

impl<'n> Note<'n> {
    /// Reads a note (C2SP `signed-note.md`, "Format").
    pub(crate) fn read(untrusted: &'n [u8]) -> Result<Self, NoteError> {
        if untrusted.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let whole = std::str::from_utf8(untrusted).map_err(|_| NoteError::Note("is not in UTF-8"))?;
        if whole
            .chars()
            .any(|character| character.is_ascii_control() && character != '\n')
        {
            return Err(NoteError::Note("holds control characters"));
        }
        let end = whole.rfind("\n\n").ok_or(NoteError::Note("has no signature"))?;
        let (text, block) = (&whole[..=end], &whole[end + 2..]);
        if text.trim_end_matches('\n').is_empty() {
            return Err(NoteError::Note("has no text"));
        }
        let lines = block
            .strip_suffix('\n')
            .ok_or(NoteError::Note("does not end in a line of a signature"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == MAX_SIGNATURES {
                return Err(NoteError::Note("has too many signatures"));
            }
            signatures.push(signature(line).ok_or(NoteError::Note("has a line that is no signature"))?);
        }
        Ok(Self { text, signatures })
    }

    /// Whether a key signed it: as whoever the key is for.
    pub(crate) fn is_signed_by(&self, key: &VerifierKey) -> bool {
        let mut own = self.signatures.iter().filter(|signature| names(signature, key));
        own.any(|signature| key.key.verify(self.text.as_bytes(), &signature.bytes).is_ok())
    }

    /// When a witness signed it, if it did (C2SP `tlog-cosignature.md`, "Format").
    pub(crate) fn witnessed(&self, witness: &WitnessKey) -> Option<Timestamp> {
        let mut own = self.signatures.iter().filter(|signature| names(signature, &witness.0));
        own.find_map(|signature| {
            let (time, bytes) = signature.bytes.split_first_chunk::<TIME_BYTES>()?;
            let seconds = u64::from_be_bytes(*time);
            let message = format!("cosignature/v1\ntime {seconds}\n{}", self.text);
            witness.0.key.verify(message.as_bytes(), bytes).ok()?;
            Some(Timestamp::from_seconds(i64::try_from(seconds).ok()?))
        })
    }

    /// Whether one of its signatures calls itself that key's.
    pub(crate) fn names(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|signature| names(signature, key))
    }
}

fn names(signature: &NoteSignature, key: &VerifierKey) -> bool {
    signature.name == key.name && signature.hash == key.hash
}

/// Reads `— name base64(hash ‖ signature)`.
fn signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (hash, bytes) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !bytes.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        hash: *hash,
        bytes: bytes.to_vec(),
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name
            .chars()
            .any(|character| character.is_whitespace() || character.is_control() || character == '+')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;

    fn line(name: &str, key: &[u8]) -> String {
        let bytes = [&[ED25519], key].concat();
        let hash = Digest::of(&[name.as_bytes(), b"\n", &bytes].concat());
        format!(
            "{name}+{}+{}",
            hex::encode(&hash.as_bytes()[..4]),
            STANDARD.encode(bytes)
        )
    }

    fn signed(name: &str, hash: [u8; 4], key: &FileKey, text: &str) -> String {
        let signature = [&hash[..], &key.sign(text.as_bytes()).unwrap()].concat();
        format!("— {name} {}\n", STANDARD.encode(signature))
    }

    #[test]
    fn a_key_is_read_with_its_hash() {
        let public = FileKey::from_seed(&[1; 32]).public().bytes().to_vec();
        let good = line("db.example.com", &public);
        assert_eq!(VerifierKey::read(&good).unwrap().name, "db.example.com");
        assert_eq!(
            VerifierKey::read(&good.replace("db.", "dc.")).unwrap_err(),
            NoteError::KeyHash
        );
        assert!(matches!(
            VerifierKey::read(&line("db", &[0; 31])),
            Err(NoteError::Unfit(_))
        ));
        assert!(matches!(
            VerifierKey::read(&line("db", &[0; 32])),
            Err(NoteError::Unfit(_))
        ));
        let bytes = [&[7][..], &public].concat();
        let hash = hex::encode(&Digest::of(&[b"db\n", &bytes[..]].concat()).as_bytes()[..4]);
        let other = format!("db+{hash}+{}", STANDARD.encode(bytes));
        assert_eq!(VerifierKey::read(&other).unwrap_err(), NoteError::Algorithm(7));
        for wrong in [
            "",
            "a",
            "a+b",
            "a+00+AA==",
            "a b+00000000+AA==",
            "+00000000+AA==",
            "a+00000000+*",
        ] {
            assert_eq!(VerifierKey::read(wrong).unwrap_err(), NoteError::Key, "{wrong}");
        }
    }

    #[test]
    fn a_note_is_signed_by_name_hash_and_key() {
        let key = FileKey::from_seed(&[1; 32]);
        let other = FileKey::from_seed(&[2; 32]);
        let verifier = VerifierKey::read(&line("db", key.public().bytes())).unwrap();
        let text = "one\n\ntwo\n";
        let told = |block: &str| {
            let bytes = format!("{text}\n{block}");
            let note = Note::read(bytes.as_bytes()).unwrap();
            assert_eq!(note.text, text);
            (note.names(&verifier), note.is_signed_by(&verifier))
        };
        let good = signed("db", verifier.hash, &key, text);
        assert_eq!(told(&good), (true, true));
        assert_eq!(told(&(signed("x", [0; 4], &other, text) + &good)), (true, true));
        assert_eq!(told(&signed("db", verifier.hash, &other, text)), (true, false));
        assert_eq!(told(&signed("db", verifier.hash, &key, "one\n")), (true, false));
        assert_eq!(told(&signed("dc", verifier.hash, &key, text)), (false, false));
        assert_eq!(told(&signed("db", [0; 4], &key, text)), (false, false));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let line = format!("— db {}\n", STANDARD.encode([1; 68]));
        for wrong in [
            String::new(),
            "text\n".to_owned(),
            format!("text\n{line}"),
            format!("\n\n{line}"),
            format!("text\n\n{}", line.trim_end()),
            format!("text\n\n{line}\n"),
            format!("text\n\n{}", line.replace('—', "-")),
            format!("text\n\n{}", line.replace("db", "d+b")),
            format!("text\n\n{}", line.replace("db", "")),
            format!("text\n\n{}x", line),
            format!("te\txt\n\n{line}"),
            format!("te\rxt\n\n{line}"),
            "text\n\n— db AAAAAA==\n".to_owned(),
            format!("text\n\n{}", line.repeat(101)),
        ] {
            assert!(
                matches!(Note::read(wrong.as_bytes()), Err(NoteError::Note(_))),
                "{wrong}"
            );
        }
        assert!(Note::read(b"\xff\n\n").is_err());
        assert_eq!(
            Note::read(&vec![b'a'; MAX_NOTE_BYTES + 1]).unwrap_err(),
            NoteError::TooLarge
        );
    }

    #[test]
    fn what_is_signed_here_is_verified_here() {
        let key = FileKey::from_seed(&[1; 32]);
        let verifier = VerifierKey::of("db", key.public()).unwrap();
        assert_eq!(
            verifier.hash,
            VerifierKey::read(&line("db", key.public().bytes())).unwrap().hash
        );
        let text = "one\n2\n";
        let note = format!("{text}\n{}", sign("db", text, &key).unwrap());
        assert!(Note::read(note.as_bytes()).unwrap().is_signed_by(&verifier));
        for (name, fits) in [
            ("d b".to_owned(), false),
            ("d\u{1}b".to_owned(), false),
            ("d".repeat(MAX_NAME_BYTES), true),
            ("d".repeat(MAX_NAME_BYTES + 1), false),
        ] {
            assert_eq!(VerifierKey::of(&name, key.public()).is_some(), fits, "{name:?}");
        }
        // The generator of P-256 (SEC 2 §2.4.2): notes know no such keys.
        let point = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
        let point = PublicKey::p256(&hex::decode(point).unwrap()).unwrap();
        assert!(VerifierKey::of("db", &point).is_none());
    }

    #[test]
    fn a_witness_signs_the_text_and_the_time() {
        let key = FileKey::from_seed(&[3; 32]);
        let bytes = [&[COSIGNATURE], key.public().bytes()].concat();
        let hash = key_hash("w.example.com/1", COSIGNATURE, key.public());
        let vkey = format!("w.example.com/1+{}+{}", hex::encode(hash), STANDARD.encode(bytes));
        let witness = WitnessKey::read(&vkey).unwrap();
        assert_eq!(VerifierKey::read(&vkey).unwrap_err(), NoteError::Algorithm(COSIGNATURE));
        let text = "log\n1\nroot\n";
        let cosigned_as = |name: &str, time: u64, said: u64| {
            let signature = key
                .sign(format!("cosignature/v1\ntime {time}\n{text}").as_bytes())
                .unwrap();
            let bytes = [&hash[..], &said.to_be_bytes(), &signature].concat();
            let note = format!("{text}\n— {name} {}\n", STANDARD.encode(bytes));
            Note::read(note.as_bytes()).unwrap().witnessed(&witness)
        };
        let cosigned = |time: u64, said: u64| cosigned_as("w.example.com/1", time, said);
        assert_eq!(
            cosigned(1_700_000_000, 1_700_000_000),
            Some(Timestamp::from_seconds(1_700_000_000))
        );
        assert_eq!(cosigned(1_700_000_000, 1_700_000_001), None);
        assert_eq!(cosigned(u64::MAX, u64::MAX), None);
        // The name is not signed, and yet it is the witness's.
        assert_eq!(cosigned_as("w.example.com/2", 1_700_000_000, 1_700_000_000), None);
    }
}
