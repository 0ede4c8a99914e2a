//! Anchors: what this site pinned of the outside world, each with a scope, a window and a note of where it came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::identity::segment_glob;
use super::{IdentityPattern, Level, Timestamp};

/// Something outside that this site believes, within bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// What it is.
    pub material: Material,
    /// Its name here, unique among the site's anchors.
    pub name: String,
    /// Where it came from and how it was checked, for people.
    pub note: String,
    /// For what it counts. Empty: for nothing.
    pub scope: Vec<ScopePattern>,
    /// Whom it speaks for: the level that a proof reaches by it, where the proof's kind alone does not say that.
    pub speaks_for: SpeaksFor,
    /// For signed indexes: the suites, repositories or origins that it counts for. Empty: all within the scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// It counts for nothing signed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// It counts for nothing signed, or where that is not proven judged, after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// Whom an anchor speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpeaksFor {
    /// A registry or distribution.
    Registry,
    /// The publisher of the artifacts in scope.
    Publisher,
}

impl SpeaksFor {
    /// The level that a signature alone reaches.
    pub const fn level(self) -> Level {
        match self {
            Self::Registry => Level::Registry,
            Self::Publisher => Level::Publisher,
        }
    }
}

/// What an anchor is made of. Texts are kept as they were given, so that people can compare them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Material {
    /// OpenPGP certificates (transferable public keys, RFC 9580 §10.1), armored.
    Openpgp(String),
    /// A Sigstore trusted root, JSON.
    SigstoreRoot(String),
    /// An identity that may sign through a pinned Sigstore root.
    Identity(IdentityPattern),
    /// A registry's keys: JSON `{"keys":[{keyid, keytype, scheme, key, expires}]}`, or the form in Sigstore's TUF targets.
    NpmKeys(String),
    /// A verifier key of a signed note (`name+hash+base64`): a checksum database's, or a log's.
    NoteKey(String),
    /// A bare public key, PEM of SubjectPublicKeyInfo.
    PublicKey(String),
    /// X.509 certificates that chains may end in, PEM.
    Certificates(String),
    /// X.509 certificates of timestamp authorities, PEM: they say when something was signed, and never by whom.
    TimestampCertificates(String),
    /// Lines of an OpenSSH allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS).
    AllowedSigners(String),
    /// A minisign or signify public key: its base64 line.
    MinisignKey(String),
    /// A signify public key: its base64 line.
    SignifyKey(String),
    /// A TUF root, JSON.
    TufRoot(String),
}

impl Material {
    /// The word for its type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Openpgp(_) => "openpgp",
            Self::SigstoreRoot(_) => "sigstore-root",
            Self::Identity(_) => "identity",
            Self::NpmKeys(_) => "npm-keys",
            Self::NoteKey(_) => "note-key",
            Self::PublicKey(_) => "public-key",
            Self::Certificates(_) => "certificates",
            Self::TimestampCertificates(_) => "timestamp-certificates",
            Self::AllowedSigners(_) => "allowed-signers",
            Self::MinisignKey(_) => "minisign-key",
            Self::SignifyKey(_) => "signify-key",
            Self::TufRoot(_) => "tuf-root",
        }
    }

    /// The text of which it is made; an identity is no text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Identity(_) => None,
            Self::Openpgp(text)
            | Self::SigstoreRoot(text)
            | Self::NpmKeys(text)
            | Self::NoteKey(text)
            | Self::PublicKey(text)
            | Self::Certificates(text)
            | Self::TimestampCertificates(text)
            | Self::AllowedSigners(text)
            | Self::MinisignKey(text)
            | Self::SignifyKey(text)
            | Self::TufRoot(text) => Some(text),
        }
    }
}

/// `ecosystem/name`, such as `maven/org.example:*` or `npm/@corp/*`; `*` stays within one segment, and one at the very end, after
/// a `/`, `.` or `:` or alone, takes all that follows. `*` alone is everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopePattern(String);

impl ScopePattern {
    /// Everything.
    pub fn everything() -> Self {
        Self("*".to_owned())
    }

    /// Takes a pattern.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// Whether it covers a name.
    pub fn covers(&self, ecosystem: &str, name: &str) -> bool {
        if self.0 == "*" {
            return true;
        }
        let Some((own_ecosystem, own_name)) = self.0.split_once('/') else {
            return self.0 == ecosystem;
        };
        if own_ecosystem != ecosystem {
            return false;
        }
        match own_name.strip_suffix('*') {
            Some("") => true,
            Some(front) if front.ends_with(['/', '.', ':']) && !front.contains('*') => name.starts_with(front),
            _ => segment_glob(own_name, name),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Anchor {
    /// Whether its scope covers a name.
    pub fn covers(&self, ecosystem: &str, name: &str) -> bool {
        self.scope.iter().any(|pattern| pattern.covers(ecosystem, name))
    }

    /// Whether its window holds a time; closed at both ends.
    pub fn is_valid_at(&self, time: Timestamp) -> bool {
        self.valid_from.is_none_or(|from| from <= time) && self.valid_until.is_none_or(|until| time <= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_its_names_and_no_others() {
        let covers = |pattern: &str, ecosystem: &str, name: &str| ScopePattern::new(pattern).covers(ecosystem, name);
        assert!(covers("*", "npm", "@corp/x"));
        assert!(covers("npm", "npm", "@corp/x"));
        assert!(covers("npm/*", "npm", "@corp/x"));
        assert!(covers("npm/@corp/*", "npm", "@corp/x"));
        assert!(covers(
            "maven/org.apache.*",
            "maven",
            "org.apache.commons:commons-lang3"
        ));
        assert!(covers("pypi/corp-*", "pypi", "corp-tool"));
        assert!(!covers("npm/@corp/*", "npm", "@corporation/x"));
        assert!(!covers("maven/org.apache.*", "maven", "org.apachex:y"));
        assert!(!covers("pypi/corp-*", "npm", "corp-tool"));
        assert!(!covers("np", "npm", "x"));
        assert!(!covers("", "npm", "x"));
        // A star before the last one keeps both within their segments.
        assert!(covers("npm/@*/x", "npm", "@corp/x"));
        assert!(!covers("npm/@*/*", "npm", "@corp/x/y"));
        assert!(!covers("npm/a*", "npm", "a/b"));
    }

    #[test]
    fn a_window_is_closed_at_both_ends() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let mut anchor = Anchor {
            material: Material::NoteKey(String::new()),
            name: "a".to_owned(),
            note: String::new(),
            scope: vec![ScopePattern::new("npm/a"), ScopePattern::new("pypi")],
            speaks_for: SpeaksFor::Registry,
            suites: Vec::new(),
            valid_from: Some(at("2026-01-01T00:00:00Z")),
            valid_until: Some(at("2026-12-31T00:00:00Z")),
        };
        for (time, is_valid) in [
            ("2025-12-31T23:59:59Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2026-12-31T00:00:00Z", true),
            ("2026-12-31T00:00:01Z", false),
        ] {
            assert_eq!(anchor.is_valid_at(at(time)), is_valid, "{time}");
        }
        (anchor.valid_from, anchor.valid_until) = (None, None);
        assert!(anchor.is_valid_at(at("1990-01-01T00:00:00Z")));
        // One pattern of the scope is enough, and without any it counts for nothing.
        assert!(anchor.covers("npm", "a") && anchor.covers("pypi", "b") && !anchor.covers("npm", "b"));
        anchor.scope.clear();
        assert!(!anchor.covers("npm", "a"));
    }
}
