//! What judging a proof came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Identity, Timestamp};

/// How well an artifact is vouched for (design.md §3), from nothing to everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing vouches for it.
    #[default]
    None,
    /// The exporter saw this digest in a lockfile, or over TLS.
    Observed,
    /// A registry or distribution signed the digest.
    Registry,
    /// A pinned key of the publisher signed it.
    Publisher,
    /// Publisher's identity, provenance, transparency log and a proven signing time.
    Provenance,
}

impl Level {
    /// Every level, from the lowest.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Observed,
        Self::Registry,
        Self::Publisher,
        Self::Provenance,
    ];

    /// The word in policies and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Observed => "observed",
            Self::Registry => "registry",
            Self::Publisher => "publisher",
            Self::Provenance => "provenance",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The result of judging one proof against the anchors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The signature's algorithm, such as `ECDSA P-256 with SHA-256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The names of the anchors that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<String>,
    /// What the signed statement says beside the digest: predicate type, builder, source, commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<(String, String)>,
    /// The evidence kind's id, such as `sigstore`.
    pub kind: String,
    /// The transparency log's entry that was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Box<LogEntry>>,
    /// What was not checked, or is weaker than usual, one phrase each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Confirmed, contradicted or undecided.
    pub outcome: Outcome,
    /// Why, in one line that a person understands; no full stop.
    pub reason: String,
    /// When it was signed, and who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<SignedAt>,
    /// Who signed, as far as the proof shows; believed only if the outcome is confirmed. Of several who signed an index each is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Signer>,
    /// Whose keys and certificates it rests on as well, all of them: those who took the steps of a chain, an authority of timestamps, and signers
    /// none of whom may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Signer>,
}

/// The three states of a finding. No code merges the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Checked, and right: the artifact reaches this level.
    Confirmed(Level),
    /// Checked, and wrong.
    Contradicted(Fault),
    /// Could not be checked.
    Undecided(Doubt),
}

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A signature does not verify with the key that it names.
    SignatureWrong,
    /// The proof is about other bytes, another name or another version.
    SubjectDiffers,
    /// Well signed, by somebody else than this site pinned for the name.
    IdentityDiffers,
    /// A certificate chain, its purpose or its constraints are wrong.
    ChainWrong,
    /// A key or certificate was not valid at the time of signing.
    NotValidThen,
    /// A signed document has run out.
    Expired,
    /// A key, certificate, identity or artifact is revoked.
    Revoked,
    /// A key or algorithm is too weak to prove anything.
    Weak,
    /// A transparency log's entry, promise, inclusion proof or checkpoint is wrong.
    LogWrong,
    /// A timestamp is wrong.
    TimeWrong,
    /// Its bytes are not of its format.
    Malformed,
    /// An upstream's signed state is older than one that was seen before.
    RolledBack,
}

/// Why a proof could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// This site has no anchor of that type.
    NoAnchor,
    /// No anchor has the key, authority or identity that signed.
    UnknownSigner,
    /// The anchor is there, and its scope or window does not cover this artifact.
    OutOfScope,
    /// An algorithm that this program does not verify.
    UnknownAlgorithm,
    /// A format or version that this program does not know.
    UnknownFormat,
    /// Nothing proves when it was signed, and that decides.
    NoProvenTime,
    /// Something that the proof needs is missing.
    Incomplete,
    /// It is larger than what is judged.
    TooLarge,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Signer {
    /// A bare key, by the fingerprint that its format uses, and its owner as the anchor calls it.
    Key {
        /// The fingerprint, such as 40 hex digits of OpenPGP, `SHA256:…` of SSH, or sha256 of the SubjectPublicKeyInfo.
        fingerprint: String,
        /// A user id or the anchor's name, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// The fingerprint of the key that made the signature, where the one above only vouches for it: a subkey of OpenPGP.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subkey: Option<String>,
    },
    /// A certificate of X.509.
    Certificate {
        /// SHA-256 over the DER of each certificate from its issuer's up to the pinned one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        chain: Vec<String>,
        /// SHA-256 over its DER.
        fingerprint: String,
        /// Its issuer.
        issuer: String,
        /// Its subject.
        subject: String,
    },
    /// Somebody whom an identity provider vouched for.
    Identity(Identity),
}

/// How a fingerprint is compared: hexadecimal digits in capitals, without spaces, colons and the name `sha256`; anything else, such
/// as the base64 of SSH, as it is.
pub fn plain_fingerprint(text: &str) -> String {
    let plain: String = text
        .strip_prefix("sha256:")
        .unwrap_or(text)
        .chars()
        .filter(|character| !matches!(character, ' ' | ':'))
        .collect();
    if plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        plain.to_ascii_uppercase()
    } else {
        text.to_owned()
    }
}

/// Whether a text names a key: by its fingerprint, or by the key id of 16 digits that OpenPGP makes of one (RFC 9580 §5.5.4).
pub fn names_key(text: &str, fingerprint: &str) -> bool {
    let text = plain_fingerprint(text);
    text == plain_fingerprint(fingerprint) || key_id(fingerprint).is_some_and(|id| id == text)
}

/// The key id that OpenPGP makes of a fingerprint: of version 4 its end, of version 6 its beginning. None of another form has as many bare digits.
pub fn key_id(fingerprint: &str) -> Option<String> {
    let is_bare = fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = match fingerprint.len() {
        40 if is_bare => &fingerprint[24..],
        64 if is_bare => &fingerprint[..16],
        _ => return None,
    };
    Some(id.to_ascii_uppercase())
}

impl Signer {
    /// A key that signed itself.
    pub fn key(fingerprint: impl Into<String>, owner: Option<String>) -> Self {
        Self::Key {
            fingerprint: fingerprint.into(),
            owner,
            subkey: None,
        }
    }

    /// The fingerprints of its keys: its own, and that of the subkey which signed for it.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = match self {
            Self::Key {
                fingerprint, subkey, ..
            } => [Some(fingerprint), subkey.as_ref()],
            Self::Certificate { .. } | Self::Identity(_) => [None, None],
        };
        keys.into_iter().flatten().map(String::as_str)
    }

    /// The fingerprints of its certificates: its own, and those above it.
    pub fn certificates(&self) -> impl Iterator<Item = &str> {
        let (own, chain) = match self {
            Self::Certificate { fingerprint, chain, .. } => (Some(fingerprint), chain.as_slice()),
            Self::Key { .. } | Self::Identity(_) => (None, &[][..]),
        };
        own.into_iter().chain(chain).map(String::as_str)
    }
}

/// When a proof was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAt {
    /// Who says so.
    pub source: TimeSource,
    /// The time.
    pub time: Timestamp,
}

/// Who says when a proof was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// The signer alone: a claim.
    Signer,
    /// A transparency log's signed promise or entry.
    Log,
    /// A timestamp authority's token (RFC 3161).
    TimestampAuthority,
}

impl TimeSource {
    /// Whether somebody other than the signer vouches for the time.
    pub const fn is_proven(self) -> bool {
        !matches!(self, Self::Signer)
    }
}

/// An entry of a transparency log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// The log, by the name in its checkpoint or by its key's id.
    pub id: String,
    /// The entry's index, as decimal digits.
    pub index: String,
    /// How it is proven: an inclusion proof, or the log's promise alone.
    pub proof: LogProof,
}

/// How an entry of a log is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogProof {
    /// An inclusion proof up to a signed checkpoint.
    Inclusion,
    /// The log's signed promise to include it, and no more.
    Promise,
}

impl Finding {
    /// A finding with an outcome and its reason, which is kept as one line of bounded length, whatever a proof made of it.
    pub fn new(kind: &str, outcome: Outcome, reason: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            outcome,
            reason: one_line(reason.into()),
            signers: Vec::new(),
            signed_at: None,
            log: None,
            algorithm: None,
            anchors: Vec::new(),
            through: Vec::new(),
            claims: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The first claim of a name.
    pub fn claim(&self, name: &str) -> Option<&str> {
        let mut claims = self.claims.iter();
        claims.find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Checked, and right.
    pub fn confirmed(kind: &str, level: Level, reason: impl Into<String>) -> Self {
        Self::new(kind, Outcome::Confirmed(level), reason)
    }

    /// Checked, and wrong.
    pub fn contradicted(kind: &str, fault: Fault, reason: impl Into<String>) -> Self {
        Self::new(kind, Outcome::Contradicted(fault), reason)
    }

    /// Could not be checked.
    pub fn undecided(kind: &str, doubt: Doubt, reason: impl Into<String>) -> Self {
        Self::new(kind, Outcome::Undecided(doubt), reason)
    }

    /// The level that it lifts the artifact to: `none` unless it is confirmed.
    pub const fn level(&self) -> Level {
        match self.outcome {
            Outcome::Confirmed(level) => level,
            Outcome::Contradicted(_) | Outcome::Undecided(_) => Level::None,
        }
    }

    /// Whether it was checked and is right.
    pub const fn is_confirmed(&self) -> bool {
        matches!(self.outcome, Outcome::Confirmed(_))
    }

    /// Whether it was checked and is wrong.
    pub const fn is_contradicted(&self) -> bool {
        matches!(self.outcome, Outcome::Contradicted(_))
    }

    /// Adds a signer.
    #[must_use]
    pub fn by(mut self, signer: Signer) -> Self {
        self.signers.push(signer);
        self
    }

    /// Adds the name of an anchor that it rests on.
    #[must_use]
    pub fn resting_on(mut self, anchor: &str) -> Self {
        self.anchors.push(anchor.to_owned());
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmed(level) => write!(f, "confirmed: {level}"),
            Self::Contradicted(_) => f.write_str("contradicted"),
            Self::Undecided(_) => f.write_str("undecided"),
        }
    }
}

/// Two names of 512 bytes (bundle-spec/catalog.md §3) and the words around them; what a proof says of itself may have megabytes.
const MAX_REASON_CHARACTERS: usize = 2000;

/// Escapes what would end or change the line, and cuts off what nobody reads.
fn one_line(reason: String) -> String {
    let longest = reason.char_indices().nth(MAX_REASON_CHARACTERS).map(|(end, _)| end);
    if longest.is_none() && !reason.contains(char::is_control) {
        return reason;
    }
    let mut line = String::new();
    for character in reason[..longest.unwrap_or(reason.len())].chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    if longest.is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_fingerprint_or_by_the_id_that_openpgp_makes_of_it() {
        let fourth = "0123456789ABCDEF0123456789ABCDEF01234567";
        let sixth = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF";
        for (text, fingerprint, names) in [
            ("0123 4567 89ab cdef 0123 4567 89ab cdef 0123 4567", fourth, true),
            ("89abcdef01234567", fourth, true),
            ("89ABCDEF01234567", sixth, false),
            ("0123456789ABCDEF", sixth, true),
            ("0123456789ABCDEF", fourth, false),
            // Shorter ids name many keys.
            ("01234567", fourth, false),
            ("", fourth, false),
            ("0123456789ABCDEF", &format!("sha256:{sixth}"), false),
            (sixth, &format!("sha256:{sixth}"), true),
            ("E7620F1842B4E81F", "E7620F1842B4E81F", true),
            ("SHA256:abc", "SHA256:abc", true),
            ("SHA256:abC", "SHA256:abc", false),
        ] {
            assert_eq!(names_key(text, fingerprint), names, "{text} {fingerprint}");
        }
    }

    #[test]
    fn only_hexadecimal_digits_have_a_key_id() {
        assert_eq!(key_id(&"a".repeat(40)).unwrap(), "A".repeat(16));
        assert_eq!(key_id(&"a".repeat(64)).unwrap(), "A".repeat(16));
        for wrong in [
            "g".repeat(40),
            "g".repeat(64),
            "aé".repeat(13) + "a",
            "a".repeat(41),
            String::new(),
        ] {
            assert_eq!(key_id(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        let reason = |text: String| Finding::undecided("k", Doubt::Incomplete, text).reason;
        assert_eq!(reason("signed by `é`".to_owned()), "signed by `é`");
        assert_eq!(reason("a\nb\u{1b}[2J".to_owned()), "a\\nb\\u{1b}[2J");
        assert_eq!(reason("é".repeat(2000)), "é".repeat(2000));
        assert_eq!(reason("é".repeat(2001)), format!("{}…", "é".repeat(2000)));
    }
}
